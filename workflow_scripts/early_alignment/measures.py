"""How alike two representational geometries are: one number per pair of RDMs, signed and unsquared.

Imports numpy alone: the workflow starts this code in thousands of short jobs.
"""

import numpy as np

MEASURES = ("pearson",)


def compare(a: np.ndarray, b: np.ndarray, measure: str = "pearson") -> np.ndarray:
    """Compare every RDM of `a` with every RDM of `b`.

    Args:
        a: Condensed RDMs (rdms of a, pairs).
        b: Condensed RDMs (rdms of b, pairs).
        measure: `pearson`, Pearson's r over pairs of conditions.

    Returns:
        float64 (rdms of a, rdms of b).

    Raises:
        ValueError: The RDMs have different numbers of pairs, one of them is constant or not finite, or the
            measure is unknown.
    """
    if measure not in MEASURES:
        raise ValueError(f"unknown measure {measure!r}; known: {', '.join(MEASURES)}")
    if a.shape[1] != b.shape[1]:
        raise ValueError(f"RDMs of {a.shape[1]} and of {b.shape[1]} pairs cannot be compared")
    return standardised(a) @ standardised(b).T


def standardised(rdms: np.ndarray) -> np.ndarray:
    """Each RDM with mean 0 and length 1, float64 (rdms, pairs).

    Raises:
        ValueError: An RDM is constant or not finite.
    """
    rdms = np.asarray(rdms, dtype=np.float64)
    centred = rdms - rdms.mean(axis=1, keepdims=True)
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    if not np.all(np.isfinite(length) & (length > 1e-12 * np.abs(rdms).max(axis=1, keepdims=True))):
        raise ValueError("an RDM is constant or not finite: a correlation with it is undefined")
    return centred / length
