"""NSD fMRI as prepared for the Algonauts 2023 challenge (Allen et al. 2022; Gifford et al. 2023).

Responses are `betas_fithrf_GLMdenoise_RR` on fsaverage, z-scored per session and vertex and averaged over
repetitions by the publishers, for vertices of the "challenge space". The stimuli are the NSD images that are in
the training split of every configured subject: 872 for all eight.
"""

import re
from functools import cached_property
from pathlib import Path

import numpy as np

from .. import published_pickles
from ..errors import InputError, known_or_refused
from .base import DataSet, Stimulus

HEMISPHERES = ("lh", "rh")
MASK_FAMILIES = (
    "prf-visualrois",
    "floc-bodies",
    "floc-faces",
    "floc-places",
    "floc-words",
    "streams",
)
IMAGE_NAME = re.compile(r"train-\d{4}_nsd-(\d{5})\.png")
N_SHARED_BY_ALL_EIGHT = 872


class Algonauts2023(DataSet):
    """The challenge's folders `subj01` … `subj08`; targets are regions of any mask family (`V1v`, `hV4`, `PPA`)."""

    tree = (
        "subj01 … subj08, each with training_split/training_fmri/{lh,rh}_training_fmri.npy, "
        "training_split/training_images/train-0001_nsd-00013.png … and roi_masks/*.npy"
    )
    source = (
        "agree to the Natural Scenes Dataset's terms and fill in the Algonauts 2023 challenge's data form "
        "(https://algonauts.csail.mit.edu), then unpack one folder per subject"
    )

    @property
    def science(self) -> dict:
        # The stimuli are the images that all subjects share.
        return super().science | {"subjects": self.subjects}

    def _split(self, subject: str) -> Path:
        return self.root / f"subj{int(subject):02d}" / "training_split"

    @cached_property
    def _image_ids(self) -> dict[str, dict[str, str]]:
        """Subject → NSD image id → file name, in the order of the rows of the subject's responses."""
        return {subject: self._read_image_ids(subject) for subject in self.subjects}

    def _read_image_ids(self, subject: str) -> dict[str, str]:
        folder = self._split(subject) / "training_images"
        try:
            names = sorted(entry.name for entry in folder.iterdir())
        except FileNotFoundError:
            raise InputError(folder, "no such folder", self.tree, self.source) from None
        matches = [(IMAGE_NAME.fullmatch(name), name) for name in names if name.endswith(".png")]
        strange = [name for match, name in matches if not match]
        if strange or not matches:
            raise InputError(
                folder,
                f"{len(strange)} oddly named images ({strange[0]})" if strange else "no images",
                "images named like train-0001_nsd-00013.png",
                "unpack the publisher's archive again",
            )
        return {match[1]: name for match, name in matches}

    def _shared_ids(self) -> list[str]:
        shared = sorted(set.intersection(*(set(self._image_ids[subject]) for subject in self.subjects)))
        all_eight = {int(subject) for subject in self.subjects} == set(range(1, 9))
        if (all_eight and len(shared) != N_SHARED_BY_ALL_EIGHT) or len(shared) < 3:
            raise InputError(
                self.root,
                f"{len(shared)} images in the training split of all of subjects {', '.join(self.subjects)}",
                f"{N_SHARED_BY_ALL_EIGHT} with all eight subjects, at least 3 otherwise",
                "unpack the publisher's training splits again, whole",
            )
        return shared

    def stimuli(self) -> list[Stimulus]:
        first = self.subjects[0]
        folder = (self._split(first) / "training_images").relative_to(self.root)
        names = self._image_ids[first]
        return [Stimulus(f"nsd-{id_}", str(folder / names[id_])) for id_ in self._shared_ids()]

    def brain_files(self, subject: str, target: str) -> list[Path]:
        masks = self.root / f"subj{int(subject):02d}" / "roi_masks"
        return [
            *(self._responses_file(subject, hemisphere) for hemisphere in HEMISPHERES),
            *(
                masks / f"{hemisphere}.{family}_challenge_space.npy"
                for hemisphere in HEMISPHERES
                for family in MASK_FAMILIES
            ),
            *(masks / f"mapping_{family}.npy" for family in MASK_FAMILIES),
        ]

    def _responses_file(self, subject: str, hemisphere: str) -> Path:
        return self._split(subject) / "training_fmri" / f"{hemisphere}_training_fmri.npy"

    def _region(self, subject: str, region: str) -> tuple[str, int]:
        """The mask family that has the region, and its label there."""
        masks = self.root / f"subj{int(subject):02d}" / "roi_masks"
        labels = {}
        for family in MASK_FAMILIES:
            mapping = published_pickles.load(masks / f"mapping_{family}.npy")
            labels |= {name: (family, label) for label, name in mapping.items() if label != 0}
        return labels[known_or_refused(region, labels, masks, "region")]

    def responses(self, subject: str, target: str) -> np.ndarray:
        ids = self._image_ids[subject]
        row_of = {id_: row for row, id_ in enumerate(ids)}
        rows = [row_of[id_] for id_ in self._shared_ids()]
        family, label = self._region(subject, target)
        halves = []
        for hemisphere in HEMISPHERES:
            path = self._responses_file(subject, hemisphere)
            betas = np.load(path, mmap_mode="r", allow_pickle=False)
            mask_path = self.root / f"subj{int(subject):02d}" / "roi_masks"
            mask_path /= f"{hemisphere}.{family}_challenge_space.npy"
            mask = np.load(mask_path, allow_pickle=False)
            if betas.shape != (len(ids), len(mask)):
                raise InputError(
                    path,
                    f"an array of shape {betas.shape}",
                    f"{len(ids)} rows (training images) and {len(mask)} columns (entries of {mask_path.name})",
                    "unpack the publisher's archive again",
                )
            halves.append(betas[np.ix_(rows, np.flatnonzero(mask == label))])
        responses = np.concatenate(halves, axis=1)
        if responses.shape[1] < 2:
            raise InputError(
                self.root / f"subj{int(subject):02d}",
                f"{responses.shape[1]} vertices of {target} in both hemispheres",
                "at least 2: a pattern of fewer has no correlation distance",
                "leave the region or the subject out of the config",
            )
        return responses
