"""Anyone's RDMs: a folder of stimuli, and a file per subject and target."""

from pathlib import Path
from typing import ClassVar

import numpy as np

from ..errors import InputError
from .base import DataSet, Stimulus, open_array
from .decoding import is_image_name


class RDMs(DataSet):
    """`stimuli/` with one image per condition, `sub-<subject>/<target>.npy` with a square or condensed RDM.

    Conditions are in the order of the images' sorted names.
    """

    adds_to_config: ClassVar = {
        "cross_validated": {
            "description": "the RDMs are of a cross-validated distance: negative values, else refused, are right",
            "type": "boolean",
            "default": False,
        },
    }
    tree = "stimuli/ with one image per condition, and sub-<subject>/<target>.npy, a square or condensed RDM whose "
    tree += "conditions are in the order of the images' sorted names"
    source = "write your own RDMs in this layout"
    again = "write the file again"
    gives_rdms = True
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

    def check_responses(self, subject: str, target: str) -> None:
        self.published_rdm(subject, target)

    def published_rdm(self, subject: str, target: str) -> np.ndarray:
        (path,) = self.brain_files(subject, target)
        conditions = [stimulus.condition for stimulus in self.stimuli()]
        n = len(conditions)
        expected = f"a symmetric ({n}, {n}) or condensed ({n * (n - 1) // 2},) array of finite numbers"
        rdm = open_array(path, expected, self.again)
        return checked_rdm(rdm, conditions, path, self.again, self.settings.get("cross_validated", False))


def checked_rdm(
    rdm: np.ndarray, conditions: list[str], where, remedy: str, cross_validated: bool = False
) -> np.ndarray:
    """Someone's RDM in condensed form, if it is one of dissimilarities and can be compared.

    Args:
        rdm: Square (conditions, conditions) or condensed (pairs,).
        conditions: Their names, in order.
        where: The file, for messages.
        remedy: What to do about a damaged file.
        cross_validated: Whether dissimilarities may be negative, as those of crossnobis may.

    Returns:
        float64 (pairs,).

    Raises:
        InputError: It has another shape, values that are no finite numbers, is not symmetric, not 0 on the diagonal,
            negative, or constant.
    """
    n = len(conditions)
    expected = f"a symmetric ({n}, {n}) or condensed ({n * (n - 1) // 2},) array of finite numbers"
    if rdm.dtype.kind not in "iuf":
        raise InputError(where, f"an array of {rdm.dtype}", expected, remedy)
    if rdm.shape not in ((n, n), (n * (n - 1) // 2,)):
        raise InputError(
            where,
            f"an array of shape {rdm.shape}",
            f"{expected}, as there are {n} stimuli",
            f"{remedy}, for all {n} stimuli in their order",
        )
    rounding = max(1e-5, 10 * np.finfo(rdm.dtype).eps if rdm.dtype.kind == "f" else 0.0)
    rdm = np.asarray(rdm, dtype=np.float64)
    with np.errstate(over="ignore"):
        bad = ~np.isfinite(rdm.astype(np.float32))  # as RDMs are kept
    if bad.any():
        found = f"{np.count_nonzero(bad)} of {rdm.size} values not finite, or beyond float32"
        if rdm.ndim == 2 and (not bad[np.triu_indices(n, 1)].any() or not bad[np.tril_indices(n, -1)].any()):
            found += ", all of them on the diagonal or in one triangle"
        raise InputError(where, found, expected, remedy)
    rounding *= np.abs(rdm).max()
    if rdm.ndim == 2:
        refuse_not_symmetric(rdm, conditions, where, rounding)
        refuse_diagonal(np.diag(rdm), where, rounding)
        rdm = rdm[np.triu_indices(n, k=1)]
    if rdm.min() < -rounding and not cross_validated:
        raise InputError(
            where,
            f"{np.count_nonzero(rdm < -rounding)} of {rdm.size} dissimilarities are negative, down to {rdm.min():.3g}",
            "dissimilarities of 0 and more; those of a cross-validated distance, such as crossnobis, may be negative",
            "write 1 − r if these are correlations; set the data set's cross_validated to true if the distance is",
        )
    if np.ptp(rdm.astype(np.float32)) == 0:
        raise InputError(
            where,
            f"{rdm[0]:.3g} for every pair of conditions",
            "dissimilarities that differ: a constant RDM cannot be compared with any other",
            f"{remedy}, or leave the subject or the target out of the config",
        )
    return rdm


def refuse_not_symmetric(rdm: np.ndarray, conditions: list[str], where, rounding: float) -> None:
    """Refuse a square RDM (conditions, conditions) whose halves differ by more than rounding."""
    difference = np.abs(rdm - rdm.T)
    if difference.max() <= rounding:
        return
    one, other = np.unravel_index(difference.argmax(), difference.shape)
    found = (
        f"not symmetric: {conditions[one]} and {conditions[other]} are {rdm[one, other]:.3g} apart in one triangle "
        f"and {rdm[other, one]:.3g} in the other, the largest difference"
    )
    upper, lower = np.triu(rdm, 1), np.tril(rdm, -1)
    if not upper.any() or not lower.any():
        found += f"; the {'lower' if upper.any() else 'upper'} triangle is 0 throughout"
    raise InputError(
        where, found, "a symmetric matrix", "add the transpose to a matrix of one triangle, or write the RDM again"
    )


def refuse_diagonal(diagonal: np.ndarray, where, rounding: float) -> None:
    """Refuse a diagonal (conditions,) that is not 0 up to rounding."""
    if np.abs(diagonal).max() <= rounding:
        return
    found = f"a diagonal of {diagonal.min():.3g} to {diagonal.max():.3g}"
    if np.ptp(diagonal) <= rounding:
        found = f"a diagonal of {diagonal[0]:.3g}, as a matrix of similarities has"
    raise InputError(
        where,
        found,
        "a diagonal of 0: nothing differs from itself",
        "write dissimilarities, such as 1 − r for correlations",
    )
