"""NSD fMRI as prepared for the Algonauts 2023 challenge (Allen et al. 2022; Gifford et al. 2023).

Responses are `betas_fithrf_GLMdenoise_RR` on fsaverage, z-scored per session and vertex and averaged over
repetitions by the publishers, for vertices of the "challenge space". The stimuli are the NSD images that are in
the training split of every configured subject: 872 for all eight.
"""

import re
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np

from ..errors import InputError, known_or_refused
from . import published_pickles
from .base import EVERY_UNIT, REGIONS_OF_CONFIG, UNITS_OF_CONFIG, DataSet, Stimulus, named, open_array
from .decoding import is_hidden

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
UNPACK = "unpack the publisher's archive again"


class Algonauts2023(DataSet):
    """The challenge's folders `subj01` … `subj08`.

    Targets are regions of any mask family (`V1v`, `FFA-1`, `ventral`), or unions of them that `regions` names; `all` is
    every vertex, in a list of targets or in its place.
    """

    adds_to_config: ClassVar = {"regions": REGIONS_OF_CONFIG, "drop_units": UNITS_OF_CONFIG}
    takes_all_targets = True
    space = "fsaverage"
    tree = (
        "subj01 … subj08, each with training_split/training_fmri/{lh,rh}_training_fmri.npy, "
        "training_split/training_images/train-0001_nsd-00013.png … and roi_masks/*.npy"
    )
    source = (
        "agree to the Natural Scenes Dataset's terms and fill in the Algonauts 2023 challenge's data form "
        "(https://algonauts.csail.mit.edu), then unpack one folder per subject"
    )

    def published_size(self) -> tuple[int, int]:
        # Beside 1,000 images for all, each subject saw 9,000 that no other did.
        n_images = {1: 9841, 8: N_SHARED_BY_ALL_EIGHT}.get(len(self.subjects), 1000)
        return n_images, n_images

    @property
    def science(self) -> dict:
        # The stimuli are the images that all subjects share.
        return super().science | {"subjects": self.subjects}

    def _folder(self, subject: str) -> Path:
        return self.root / f"subj{self._number(subject):02d}"

    def _split(self, subject: str) -> Path:
        return self._folder(subject) / "training_split"

    @cached_property
    def _image_ids(self) -> dict[str, dict[str, str]]:
        """Subject → NSD image id → file name, in the order of the rows of the subject's responses."""
        return {subject: self._read_image_ids(subject) for subject in self.subjects}

    def _read_image_ids(self, subject: str) -> dict[str, str]:
        folder = self._split(subject) / "training_images"
        try:
            names = sorted(entry.name for entry in folder.iterdir())
        except FileNotFoundError:
            there = named(sorted(path.name for path in self.root.glob("subj*")), shown=8) or "none"
            raise InputError(
                folder, f"no such folder; subjects that are there: {there}", self.tree, self.source
            ) from None
        images = [name for name in names if name.endswith(".png") and not is_hidden(name)]
        matches = [(IMAGE_NAME.fullmatch(name), name) for name in images]
        strange = [name for match, name in matches if not match]
        if strange or not matches:
            raise InputError(
                folder,
                f"{len(strange)} oddly named images ({strange[0]})" if strange else "no images",
                "images named like train-0001_nsd-00013.png",
                UNPACK,
            )
        ids = {match[1]: name for match, name in matches}
        if len(ids) < len(matches):
            twice = [name for match, name in matches if ids[match[1]] != name]
            raise InputError(
                folder,
                f"{len(twice)} NSD ids with two images ({twice[0]} and {ids[IMAGE_NAME.fullmatch(twice[0])[1]]})",
                "one image of each",
                "unpack the publisher's archive again, into an empty folder",
            )
        return ids

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
        return [
            *(self._responses_file(subject, hemisphere) for hemisphere in HEMISPHERES),
            *(self._mask_file(subject, hemisphere, family) for hemisphere in HEMISPHERES for family in MASK_FAMILIES),
            *(self._mapping_file(subject, family) for family in MASK_FAMILIES),
        ]

    def _responses_file(self, subject: str, hemisphere: str) -> Path:
        return self._split(subject) / "training_fmri" / f"{hemisphere}_training_fmri.npy"

    def _mask_file(self, subject: str, hemisphere: str, family: str) -> Path:
        return self._folder(subject) / "roi_masks" / f"{hemisphere}.{family}_challenge_space.npy"

    def _mapping_file(self, subject: str, family: str) -> Path:
        return self._folder(subject) / "roi_masks" / f"mapping_{family}.npy"

    def _labels(self, subject: str) -> dict[str, tuple[str, int]]:
        """Region → the mask family that has it, and its label there."""
        labels = {}
        for family in MASK_FAMILIES:
            mapping = published_pickles.load(self._mapping_file(subject, family))
            found = f"a {type(mapping).__name__}"
            fits = isinstance(mapping, dict)
            if fits:
                fits = all(isinstance(k, int | np.integer) and isinstance(name, str) for k, name in mapping.items())
                found = f"a dictionary with {named([f'{k!r}: {name!r}' for k, name in mapping.items()], shown=2)}"
            if not fits:
                expected = "a dictionary from labels, whole numbers, to names"
                raise InputError(self._mapping_file(subject, family), found, expected, UNPACK)
            labels |= {name: (family, label) for label, name in mapping.items() if label != 0}
        return labels

    def _vertices(self, subject: str, hemisphere: str, target: str) -> np.ndarray:
        """Which of a hemisphere's vertices are in the target, bool (vertices,)."""
        if self.regions_of(target) == [EVERY_UNIT]:
            return np.ones(len(read_mask(self._mask_file(subject, hemisphere, MASK_FAMILIES[0]))), dtype=bool)
        labels = self._labels(subject)
        inside = []
        for region in self.regions_of(target):
            known_or_refused(region, labels, self._folder(subject) / "roi_masks", "region")
            family, label = labels[region]
            path = self._mask_file(subject, hemisphere, family)
            inside.append(read_mask(path) == label)
        if len({mask.shape for mask in inside}) > 1:
            raise InputError(path, f"{inside[-1].size} vertices", f"{inside[0].size}, as in other masks", UNPACK)
        return np.any(inside, axis=0)

    def responses(self, subject: str, target: str) -> np.ndarray:
        ids = self._image_ids[subject]
        row_of = {id_: row for row, id_ in enumerate(ids)}
        rows = [row_of[id_] for id_ in self._shared_ids()]
        halves = []
        for hemisphere in HEMISPHERES:
            path = self._responses_file(subject, hemisphere)
            betas = open_array(path, "responses, float (training images, vertices)", UNPACK)
            inside = self._vertices(subject, hemisphere, target)
            if betas.shape != (len(ids), len(inside)):
                raise InputError(
                    path,
                    f"an array of shape {betas.shape}",
                    f"{len(ids)} rows (training images) and {len(inside)} columns (entries of the masks)",
                    UNPACK,
                )
            # Whole rows first: they lie together on disk.
            halves.append(betas[rows][:, inside])
        responses = np.concatenate(halves, axis=1)
        if not responses.shape[1]:
            raise InputError(
                self._folder(subject),
                f"no vertices of {target} in either hemisphere",
                "vertices in at least one hemisphere",
                "leave the region or the subject out of the config",
            )
        return responses

    def positions(self, subject: str, target: str) -> dict[str, np.ndarray]:
        """Hemisphere and vertex of fsaverage, which the publishers count from 0."""
        hemispheres, vertices = [], []
        for hemisphere in HEMISPHERES:
            inside = self._vertices(subject, hemisphere, target)
            path = self._space_file(subject, hemisphere)
            in_space = np.flatnonzero(read_mask(path))
            if len(in_space) != len(inside):
                found, expected = f"{len(in_space)} vertices of the challenge space", f"{len(inside)}, as masks have"
                raise InputError(path, found, expected, UNPACK)
            vertices.append(in_space[inside])
            hemispheres.append(np.full(len(vertices[-1]), hemisphere))
        return {"hemisphere": np.concatenate(hemispheres), "vertex": np.concatenate(vertices)}

    def unit_files(self, subject: str) -> list[Path]:
        return [self._space_file(subject, hemisphere) for hemisphere in HEMISPHERES]

    def _space_file(self, subject: str, hemisphere: str) -> Path:
        return self._folder(subject) / "roi_masks" / f"{hemisphere}.all-vertices_fsaverage_space.npy"


def read_mask(path: Path) -> np.ndarray:
    """The labels of vertices, (vertices,).

    Raises:
        InputError: The file is missing or damaged, or holds other than a whole number for each vertex.
    """
    expected = "an integer label per vertex"
    mask = open_array(path, expected, UNPACK)
    if mask.ndim != 1:
        raise InputError(path, f"an array of shape {mask.shape}", expected, UNPACK)
    if not (mask == np.round(mask)).all():
        found = f"{np.count_nonzero(mask != np.round(mask))} of {mask.size} values that are no whole numbers"
        raise InputError(path, found, expected, UNPACK)
    return mask
