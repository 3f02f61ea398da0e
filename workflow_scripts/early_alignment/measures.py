"""How alike two representational geometries are: one number per pair of RDMs, signed and unsquared.

Imports numpy alone, but for Kendall's tau: the workflow starts this code in thousands of short jobs.
"""

import numpy as np

from .rdms import n_conditions


def compare(a: np.ndarray, b: np.ndarray, measure: str = "pearson") -> np.ndarray:
    """Compare every RDM of `a` with every RDM of `b`.

    Args:
        a: Condensed RDMs (rdms of a, pairs).
        b: Condensed RDMs (rdms of b, pairs).
        measure: A key of `MEASURES`: `pearson`, Pearson's r over pairs of conditions; `spearman`, the same of ranks,
            ties given their mean rank; `kendall_tau_a`, concordant less discordant over all pairs of pairs, which
            does not favour models that predict ties (Nili et al. 2014); `cosine`; `whitened`, the correlation
            whitened for the covariance that dissimilarities have because they share conditions (Diedrichsen et
            al. 2020), as in rsatoolbox's `corr_cov`.

    Returns:
        float64 (rdms of a, rdms of b).

    Raises:
        ValueError: The RDMs have different numbers of pairs, one of them is constant (for `cosine`, zero) or not
            finite, or the measure is unknown.
    """
    if measure not in MEASURES:
        raise ValueError(f"unknown measure {measure!r}; known: {', '.join(MEASURES)}")
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if a.shape[1] != b.shape[1]:
        raise ValueError(f"RDMs of {a.shape[1]} and of {b.shape[1]} pairs cannot be compared")
    return MEASURES[measure](a, b)


def standardised(rdms: np.ndarray) -> np.ndarray:
    """Each RDM with mean 0 and length 1, float64 (rdms, pairs).

    Raises:
        ValueError: An RDM is constant or not finite.
    """
    rdms = np.asarray(rdms, dtype=np.float64)
    return unit(rdms - rdms.mean(axis=1, keepdims=True), scale=rdms)


def unit(vectors: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Each row divided by its length.

    Args:
        vectors: (rdms, any).
        scale: What the rows were made from; a row that is no longer than rounding of these leaves is refused.
    """
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    rounding = 1e-12 * np.linalg.norm(scale, axis=1, keepdims=True)
    if not np.all(np.isfinite(length) & (length > rounding)):
        raise ValueError("an RDM is constant, zero or not finite: it cannot be compared with any other")
    return vectors / length


def ranks(rdms: np.ndarray) -> np.ndarray:
    """The rank of each value within its RDM, from 1, ties given their mean rank; (rdms, pairs)."""
    ranked = np.empty(rdms.shape)
    for row, rdm in enumerate(rdms):
        _, group, size = np.unique(rdm, return_inverse=True, return_counts=True)
        ranked[row] = (np.cumsum(size) - (size - 1) / 2)[group]
    return ranked


def second_moments(rdms: np.ndarray) -> np.ndarray:
    """Each RDM as the double-centred matrix of inner products of which it holds the differences, flattened.

    In this form the entries of RDMs of independent, equally noisy patterns are independent and equally noisy, so
    the cosine between two of them is the whitened one (Diedrichsen et al. 2020). (rdms, conditions²).
    """
    n = n_conditions(rdms)
    upper = np.triu_indices(n, k=1)
    squares = np.zeros((len(rdms), n, n))
    squares[:, *upper] = rdms
    squares += squares.transpose(0, 2, 1)
    row_means = squares.mean(axis=2)
    centred = squares - row_means[:, :, None] - row_means[:, None, :] + row_means.mean(axis=1)[:, None, None]
    return -0.5 * centred.reshape(len(rdms), n * n)


def pearson(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return standardised(a) @ standardised(b).T


def spearman(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    refuse_not_finite(a, b)
    return pearson(ranks(a), ranks(b))


def cosine(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return unit(a, a) @ unit(b, b).T


def whitened(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    vectors = [unit(second_moments(r - r.mean(axis=1, keepdims=True)), scale=r) for r in (a, b)]
    return vectors[0] @ vectors[1].T


def kendall_tau_a(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    from scipy.stats import kendalltau  # 1.3 s to import

    refuse_not_finite(a, b)
    standardised(a), standardised(b)  # refuses constant RDMs
    everything = a.shape[1] * (a.shape[1] - 1) / 2
    not_tied = [[everything - tied_pairs(rdm) for rdm in rdms] for rdms in (a, b)]
    # scipy divides by the pairs that are not tied: tau-b.
    tau_b = [[kendalltau(x, y).statistic for y in b] for x in a]
    return np.asarray(tau_b) * np.sqrt(np.outer(*not_tied)) / everything


def tied_pairs(values: np.ndarray) -> float:
    """How many pairs of values are equal."""
    _, size = np.unique(values, return_counts=True)
    return float((size * (size - 1.0) / 2).sum())


def refuse_not_finite(*rdms: np.ndarray) -> None:
    """Refuse values that have no rank."""
    if not all(np.isfinite(values).all() for values in rdms):
        raise ValueError("an RDM is not finite: it cannot be compared with any other")


MEASURES = {
    "pearson": pearson,
    "spearman": spearman,
    "kendall_tau_a": kendall_tau_a,
    "cosine": cosine,
    "whitened": whitened,
}
