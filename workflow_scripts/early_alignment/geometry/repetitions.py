"""RDMs of patterns that were measured repeatedly, in units of the noise between repetitions."""

from itertools import combinations

import numpy as np

from .. import noise
from . import rdms

DISTANCES = ("mahalanobis", "crossnobis")


def rdm(repetitions: np.ndarray, distance: str) -> np.ndarray:
    """The RDM of patterns that were measured repeatedly, in units of the noise between repetitions.

    Both distances are squared and divided by the number of units, as in rsatoolbox. The noise's covariance is that of
    `noise.covariance_of_repetitions`.

    Args:
        repetitions: float (repetitions, conditions, units), finite, or all NaN where a condition was measured fewer
            times than others.
        distance: `mahalanobis`, between means over repetitions; or `crossnobis`, the product of differences in two
            repetitions, averaged over all pairs of repetitions: unbiased, so 0 on average for equal patterns and
            sometimes negative (Walther et al. 2016).

    Returns:
        The condensed RDM, float64 (pairs,).

    Raises:
        ValueError: Repetitions are too few, or responses not finite; or the distance is unknown.
    """
    if distance not in DISTANCES:
        raise ValueError(f"unknown distance {distance!r}; known: {', '.join(DISTANCES)}")
    units = repetitions.shape[-1]
    covariance = noise.covariance_of_repetitions(repetitions)
    if distance == "mahalanobis":
        return rdms.rdm([noise.whitened(noise.mean_of_repetitions(repetitions), covariance)], "sqeuclidean") / units
    white = noise.whitened(repetitions, covariance)
    n = white.shape[1]
    sums, counts = np.zeros(n * (n - 1) // 2), np.zeros(n * (n - 1) // 2)
    for one, other in combinations(white, 2):
        products = one @ other.T
        squared = np.add.outer(np.diag(products), np.diag(products)) - products - products.T
        measured = np.isfinite(np.diag(products))
        both = rdms.condensed(np.logical_and.outer(measured, measured))
        sums[both] += rdms.condensed(squared)[both]
        counts += both
    if not counts.all():
        raise ValueError("some pairs of conditions share fewer than two repetitions, and crossnobis needs two")
    return sums / counts / units
