"""The 92 object images of Kriegeskorte et al. (2008) and the IT RDMs that they evoked.

Human IT: RDMs (1 − Pearson) of four subjects, two fMRI sessions each, averaged over sessions here. Monkey IT: one
published RDM of 674 neurons, that of the two monkeys together.
"""

from functools import cached_property
from pathlib import Path

import numpy as np

from .. import rdms
from ..errors import InputError, known_or_refused
from .base import DataSet, Stimulus

SUPPLEMENT = "Kriegeskorte_Neuron2008_supplementalData.mat"
HUMAN = "92_brainRDMs.mat"
TARGETS = ("human_IT", "monkey_IT")
MONKEYS = "monkeys"


class Kriegeskorte92(DataSet):
    """Two `.mat` files; targets are `human_IT` (subjects 1 to 4) and `monkey_IT` (the one "subject" `monkeys`)."""

    tree = f"{SUPPLEMENT} and {HUMAN}"
    source = "download both files from the folder demos/92imageData of https://github.com/rsagroup/rsatoolbox"

    def published_size(self) -> tuple[int, int]:
        return 92, 92

    def subjects_of(self, target: str) -> list[str]:
        return [MONKEYS] if target == "monkey_IT" else self.subjects

    def _load(self, name: str, key: str):
        from scipy.io import loadmat
        from scipy.io.matlab import MatReadError

        path = self.root / name
        try:
            return loadmat(path, squeeze_me=True)[key]
        except (FileNotFoundError, MatReadError, KeyError, ValueError) as error:
            raise InputError(path, str(error), f"a MATLAB file with {key}", self.source) from None

    @cached_property
    def _objects(self) -> np.ndarray:
        return self._load(SUPPLEMENT, "stimuli_92objs")

    def stimuli(self) -> list[Stimulus]:
        return [Stimulus(f"object-{i:02d}", f"{SUPPLEMENT}#{i}") for i in range(1, len(self._objects) + 1)]

    def stimulus_files(self) -> list[Path]:
        return [self.root / SUPPLEMENT]

    def open_image(self, image: str, background=None):
        from PIL import Image

        return Image.fromarray(self._objects[int(image.rpartition("#")[2]) - 1]["image"]).convert("RGB")

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
        self.brain_rdm(subject, target, "correlation")

    def brain_rdm(self, subject: str, target: str, distance: str) -> np.ndarray:
        known_or_refused(target, TARGETS, self.root, "target")
        self.check_distance(distance)
        if target == "monkey_IT":
            return np.asarray(self._load(SUPPLEMENT, "RDMs_mIT_hIT_fig1")[0]["RDM"], dtype=float)
        sessions = self._load(HUMAN, "RDMs")
        known_or_refused(subject, range(1, len(sessions) + 1), self.root / HUMAN, "subject")
        both = [rdms.condensed(session["RDM"]) for session in sessions[int(subject) - 1]]
        return np.mean(both, axis=0, dtype=np.float64)
