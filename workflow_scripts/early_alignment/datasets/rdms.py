"""Anyone's RDMs: a folder of stimuli, and a file per subject and target."""

from pathlib import Path

import numpy as np

from .. import rdms
from ..decoding import is_image_name
from ..errors import InputError
from .base import DataSet, Stimulus


class RDMs(DataSet):
    """`stimuli/` with one image per condition, `sub-<subject>/<target>.npy` with a square or condensed RDM.

    Conditions are in the order of the images' sorted names.
    """

    tree = "stimuli/ with one image per condition, and sub-<subject>/<target>.npy, a square or condensed RDM whose "
    tree += "conditions are in the order of the images' sorted names"
    source = "write your own RDMs in this layout"
    image_remedy = "write the image again"
    subjects_are_numbers = False

    @property
    def _folder(self) -> Path:
        return self.root / "stimuli"

    def stimuli(self) -> list[Stimulus]:
        names = sorted(path.name for path in self._folder.glob("*") if is_image_name(path.name))
        conditions = [Path(name).stem for name in names]
        if len(set(conditions)) < max(len(names), 3):
            raise InputError(
                self._folder,
                f"{len(names)} images of {len(set(conditions))} names",
                "at least 3 images, one per condition",
                "name each image after its condition",
            )
        return [Stimulus(condition, f"stimuli/{name}") for condition, name in zip(conditions, names, strict=True)]

    def passed_over(self) -> list[str]:
        return sorted(path.name for path in self._folder.glob("*") if not is_image_name(path.name))

    def brain_files(self, subject: str, target: str) -> list[Path]:
        return [self.root / f"sub-{subject}" / f"{target}.npy"]

    def check_distance(self, distance: str) -> None:
        """Whatever distance the RDMs are of is right."""

    def check_responses(self, subject: str, target: str) -> None:
        self.brain_rdm(subject, target, "correlation")

    def brain_rdm(self, subject: str, target: str, distance: str) -> np.ndarray:
        (path,) = self.brain_files(subject, target)
        n = len(self.stimuli())
        expected = f"a symmetric ({n}, {n}) or condensed ({n * (n - 1) // 2},) array of finite numbers"
        remedy = "write the RDM again, for all images of stimuli/ in sorted order"
        try:
            rdm = np.load(path, allow_pickle=False).astype(float)
        except (OSError, ValueError) as error:
            raise InputError(path, str(error), expected, remedy) from None
        if rdm.shape == (n, n) and np.allclose(rdm, rdm.T, equal_nan=True):
            rdm = rdms.condensed(rdm)
        if rdm.shape != (n * (n - 1) // 2,) or not np.isfinite(rdm).all():
            raise InputError(
                path, f"shape {rdm.shape}, {np.count_nonzero(~np.isfinite(rdm))} not finite", expected, remedy
            )
        return rdm
