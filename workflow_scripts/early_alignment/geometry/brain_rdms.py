"""Brain RDMs, and what the distances ask of responses."""

import numpy as np

from . import rdms, repetitions

NEEDS_REPETITIONS = repetitions.DISTANCES
"""Distances between patterns in units of the noise, which is estimated from repetitions."""


def rdm(responses: np.ndarray, distance: str, conditions: list[str] | None = None) -> np.ndarray:
    """The RDM of a subject's responses.

    Args:
        responses: Patterns, float (conditions, units); for a distance that needs repetitions, float (repetitions,
            conditions, units), all NaN where a condition was measured fewer times than others.
        distance: One of `rdms.DISTANCES` or `NEEDS_REPETITIONS`.
        conditions: Names to call conditions by in messages; their numbers from 0 by default.

    Returns:
        The condensed RDM, float64 (pairs,).

    Raises:
        ValueError: Responses do not have the distance; see `rdms.rdm` and `repetitions.rdm`.
    """
    if distance in NEEDS_REPETITIONS:
        return repetitions.rdm(responses, distance)
    return rdms.rdm([responses], distance, conditions)


def flat(patterns: np.ndarray, distance: str) -> np.ndarray:
    """Which patterns (conditions, units) vary too little over units for a distance, bool (conditions,)."""
    if distance == "correlation":
        return (patterns == patterns[:, :1]).all(axis=1)
    if distance == "cosine":
        return ~patterns.any(axis=1)  # type: ignore[return-value]  # with an axis it is an array
    return np.zeros(len(patterns), dtype=bool)


def lacking_repetitions(measured: np.ndarray, distance: str) -> np.ndarray:
    """Which conditions lack the repetitions that a distance needs.

    Args:
        measured: Which repetitions each condition has, bool (repetitions, conditions).
        distance: `crossnobis` needs two repetitions or more that each pair of conditions shares, `mahalanobis` one
            condition with two or more.

    Returns:
        bool (conditions,).
    """
    counts = measured.astype(int)
    is_single = counts.sum(axis=0) < 2
    if distance == "crossnobis":
        # One that was measured once is the fault of all its pairs.
        return is_single if is_single.any() else (counts.T @ counts < 2).any(axis=0)
    return is_single & is_single.all()
