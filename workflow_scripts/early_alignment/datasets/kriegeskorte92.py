"""The 92 object images of Kriegeskorte et al. (2008) and the IT RDMs that they evoked.

Human IT: RDMs (1 − Pearson) of four subjects, two fMRI sessions each, averaged over sessions here. Monkey IT: one
published RDM of 674 neurons, that of the two monkeys together.
"""

from functools import cached_property
from pathlib import Path

import numpy as np

from ..errors import InputError, known_or_refused
from .base import DataSet, Stimulus, open_mat
from .decoding import of_pixels
from .rdms import checked_rdm

SUPPLEMENT = "Kriegeskorte_Neuron2008_supplementalData.mat"
HUMAN = "92_brainRDMs.mat"
TARGETS = ("human_IT", "monkey_IT")
MONKEYS = "monkeys"
CONDITIONS = [f"object-{i:02d}" for i in range(1, 93)]


class Kriegeskorte92(DataSet):
    """Two `.mat` files; targets are `human_IT` (subjects 1 to 4) and `monkey_IT` (the one "subject" `monkeys`)."""

    tree = f"{SUPPLEMENT} and {HUMAN}"
    source = "download both files from the folder demos/92imageData of https://github.com/rsagroup/rsatoolbox"
    gives_rdms = True

    def published_size(self) -> tuple[int, int]:
        return 92, 92

    def subjects_of(self, target: str) -> list[str]:
        return [MONKEYS] if target == "monkey_IT" else self.subjects

    def _load(self, name: str, key: str) -> np.ndarray:
        return np.atleast_1d(open_mat(self.root / name, [key], self.source)[key])

    @cached_property
    def _objects(self) -> np.ndarray:
        return self._load(SUPPLEMENT, "stimuli_92objs")

    def stimuli(self) -> list[Stimulus]:
        if len(self._objects) != len(CONDITIONS):
            raise InputError(
                self.root / SUPPLEMENT,
                f"{len(self._objects)} images in stimuli_92objs",
                f"{len(CONDITIONS)}",
                self.source,
            )
        return [Stimulus(name, f"{SUPPLEMENT}#{i}") for i, name in enumerate(CONDITIONS, start=1)]

    def stimulus_files(self) -> list[Path]:
        return [self.root / SUPPLEMENT]

    def open_image(self, image: str, background=None):
        try:
            pixels = self._objects[int(image.rpartition("#")[2]) - 1]["image"]
        except (IndexError, TypeError, ValueError) as error:
            expected = "images in the field image of stimuli_92objs"
            raise InputError(self.root / image, str(error), expected, self.source) from None
        return of_pixels(pixels, self.root / image, self.source)

    def brain_files(self, subject: str, target: str) -> list[Path]:
        return [self.root / (SUPPLEMENT if subject == MONKEYS else HUMAN)]

    def check_distance(self, distance: str) -> None:
        if distance != "correlation":
            raise InputError(
                "config key rdm.brain_distance",
                distance,
                "correlation: the published RDMs of kriegeskorte92 are 1 − Pearson",
                "set it, or rdm.distance which it follows, to correlation, or leave this data set out",
            )

    def check_responses(self, subject: str, target: str) -> None:
        self.published_rdm(subject, target)

    def published_rdm(self, subject: str, target: str) -> np.ndarray:
        known_or_refused(target, TARGETS, self.root, "target")
        if target == "monkey_IT":
            published = self._load(SUPPLEMENT, "RDMs_mIT_hIT_fig1")[:1]
            where = f"{self.root / SUPPLEMENT} (RDMs_mIT_hIT_fig1)"
        else:
            sessions = self._load(HUMAN, "RDMs")
            known_or_refused(subject, range(1, len(sessions) + 1), self.root / HUMAN, "subject")
            published = np.atleast_1d(sessions[int(subject) - 1])
            where = f"{self.root / HUMAN} (RDMs, subject {subject})"
        try:
            found = [np.asarray(one["RDM"]) for one in published]
        except (IndexError, TypeError, ValueError) as error:
            raise InputError(where, str(error), "structures with a field RDM", self.source) from None
        return np.mean([checked_rdm(rdm, CONDITIONS, where, self.source) for rdm in found], axis=0)
