"""What the data allow a model to reach."""

from typing import NamedTuple

import numpy as np

from ..comparison.measures import MEASURES, compare
from ..comparison.pairs import ALL


class Ceiling(NamedTuple):
    """Bounds on the mean similarity with subjects' RDMs that the true model could reach."""

    lower: float
    upper: float


def convention(measure: str, pairs: str) -> str:
    """How a ceiling comes about, in words."""
    words = f"{MEASURES[measure].normalised}; lower: subject left out, upper: subject included"
    return words if pairs == ALL else f"{words}; blocks of pairs on their own, means weighted by their pairs"


def noise_ceiling(rdms: np.ndarray, measure: str = "pearson", of: dict | None = None) -> Ceiling:
    """Bounds on the mean similarity with subjects' RDMs that the true model could reach.

    Every RDM is normalised as `measure` does not mind, and averaged, as in rsatoolbox; see Nili et al. (2014), who
    describe the bounds. In several blocks, the bounds are the means of the blocks', weighted by their pairs.

    Args:
        rdms: Condensed RDMs of one target, (subjects, pairs).
        measure: A key of `measures.MEASURES`.
        of: Blocks of pairs, from `pairs.blocks`; all pairs are one by default.

    Returns:
        The lower bound (each subject against the mean of the others) and the upper (against the mean of all).
        With one subject neither can be known, and both are NaN.

    Raises:
        ValueError: An RDM is constant (for `cosine`, zero) or not finite.
    """
    parts = [rdms[:, block] for block in (of or {ALL: slice(None)}).values()]
    bounds = [_noise_ceiling(part, measure) for part in parts]
    return Ceiling(*map(float, np.average(bounds, axis=0, weights=[part.shape[1] for part in parts])))


def _noise_ceiling(rdms: np.ndarray, measure: str) -> tuple[float, float]:
    normalised = MEASURES[measure].normalise(rdms)
    if len(rdms) == 1:
        return float("nan"), float("nan")
    total = normalised.sum(axis=0)
    upper = [compare(one[None], total[None], measure).item() for one in rdms]
    lower = [compare(one[None], (total - own)[None], measure).item() for one, own in zip(rdms, normalised, strict=True)]
    return float(np.mean(lower)), float(np.mean(upper))


def share(value: float, bound: float) -> float:
    """An alignment as a part of a bound of the noise ceiling, not clipped; NaN where the bound is not above 0."""
    return value / bound if bound > 0 else float("nan")
