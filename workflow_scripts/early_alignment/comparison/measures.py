"""How alike two representational geometries are: one number per pair of RDMs, signed and unsquared.

Imports numpy alone, but for Kendall's tau: the workflow starts this code in thousands of short jobs.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..geometry.rdms import n_conditions


def compare(a: np.ndarray, b: np.ndarray, measure: str = "pearson") -> np.ndarray:
    """Compare every RDM of `a` with every RDM of `b`.

    Args:
        a: Condensed RDMs (rdms of a, pairs).
        b: Condensed RDMs (rdms of b, pairs).
        measure: A key of `MEASURES`: `pearson`, Pearson's r over pairs of conditions; `spearman`, the same of ranks,
            ties given their mean rank; `kendall_tau_a`, concordant less discordant over all pairs of pairs, which
            does not favour models that predict ties (Nili et al. 2014); `cosine`; `whitened`, the correlation
            whitened for the covariance that dissimilarities have because they share conditions (Diedrichsen et
            al. 2020), as in rsatoolbox's `corr_cov`; `cka`, `cka_unbiased` and `procrustes`, of the kernels that RDMs
            of squared distances hold.

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
    return MEASURES[measure].compare(a, b)


PAIRS_AT_A_TIME = 4096
"""Of two dozen RDMs, so many pairs fit the processor's cache."""


def cosines(a: np.ndarray, b: np.ndarray, centred: bool = False) -> np.ndarray:
    """The cosines between rows, float64 (rows of a, rows of b); after centring each row, Pearson's r.

    Goes through the columns once, some at a time, and copies none of the arrays. A row is centred first on the mean
    of its first columns, and in the end on what its own mean then still is.

    Raises:
        ValueError: A row is zero (after centring) or not finite.
    """
    shifts = [rows[:, :PAIRS_AT_A_TIME].mean(axis=1, keepdims=True) * centred for rows in (a, b)]
    products = np.zeros((len(a), len(b)))
    squares, sums = ([np.zeros(len(a)), np.zeros(len(b))] for _ in range(2))
    for start in range(0, a.shape[1], PAIRS_AT_A_TIME):
        here = slice(start, start + PAIRS_AT_A_TIME)
        shifted = [rows[:, here] - shift for rows, shift in zip((a, b), shifts, strict=True)]
        products += shifted[0] @ shifted[1].T
        for rows, square, total in zip(shifted, squares, sums, strict=True):
            square += np.einsum("ij,ij->i", rows, rows)
            total += rows.sum(axis=1)
    n = a.shape[1]
    raw = [square + n * shift[:, 0] ** 2 for square, shift in zip(squares, shifts, strict=True)]
    if centred:
        products -= np.outer(sums[0], sums[1] / n)
        squares = [square - total**2 / n for square, total in zip(squares, sums, strict=True)]
    for square, of_all in zip(squares, raw, strict=True):
        if not np.all(np.isfinite(square) & (square > 1e-24 * of_all)):
            raise ValueError("an RDM is constant, zero or not finite: it cannot be compared with any other")
    return products / np.sqrt(np.outer(*squares))


def standardised(rdms: np.ndarray) -> np.ndarray:
    """Each RDM with mean 0 and length 1, float64 (rdms, pairs).

    Raises:
        ValueError: An RDM is constant or not finite.
    """
    rdms = np.asarray(rdms, dtype=np.float64)
    refuse_constant(rdms)
    centred = rdms - rdms.mean(axis=1, keepdims=True)
    return centred / np.linalg.norm(centred, axis=1, keepdims=True)


def scaled(rdms: np.ndarray) -> np.ndarray:
    """Each RDM with length 1, float64 (rdms, pairs).

    Raises:
        ValueError: An RDM is zero or not finite.
    """
    rdms = np.asarray(rdms, dtype=np.float64)
    cosines(rdms, rdms[:1])  # refuses what has no length
    return rdms / np.linalg.norm(rdms, axis=1, keepdims=True)


def ranks(rdms: np.ndarray) -> np.ndarray:
    """The rank of each value within its RDM, from 1, ties given their mean rank; (rdms, pairs)."""
    ranked = np.empty(rdms.shape)
    for row, rdm in enumerate(rdms):
        _, group, size = np.unique(rdm, return_inverse=True, return_counts=True)
        ranked[row] = (np.cumsum(size) - (size - 1) / 2)[group]
    return ranked


def standardised_ranks(rdms: np.ndarray) -> np.ndarray:
    """The ranks of each RDM, with mean 0 and length 1.

    Raises:
        ValueError: An RDM is constant or not finite.
    """
    refuse_not_finite(rdms)
    return standardised(ranks(rdms))


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
    return cosines(a, b, centred=True)


def spearman(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    refuse_not_finite(a, b)
    return pearson(ranks(a), ranks(b))


def whitened(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return cosines(second_moments(standardised(a)), second_moments(standardised(b)))


def cka(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Linear centred kernel alignment (Kornblith et al. 2019): the cosine between centred kernels.

    Of squared Euclidean distances between patterns, it is that of the patterns' inner products; of correlation or
    cosine distances, that of patterns of length 1. It is rsatoolbox's `cosine_cov`.
    """
    refuse_constant(a, b)
    return cosines(second_moments(a), second_moments(b))


def cka_unbiased(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The same of unbiased estimates (Song et al. 2012), which few conditions do not raise."""
    refuse_constant(a, b)
    return cosines(u_centred(a), u_centred(b))


def u_centred(rdms: np.ndarray) -> np.ndarray:
    """Each RDM so centred that what its conditions share leaves nothing (Székely and Rizzo 2014), (rdms, pairs).

    Times −½ these are the entries of the kernel that the unbiased estimate of Song et al. multiplies.

    Raises:
        ValueError: There are fewer than four conditions.
    """
    n = n_conditions(rdms)
    if n < 4:
        raise ValueError(f"an RDM of {n} conditions has no unbiased kernel alignment, which needs 4")
    first, second = np.triu_indices(n, k=1)
    rows = np.stack([np.bincount(first, rdm, n) + np.bincount(second, rdm, n) for rdm in rdms])
    total = rows.sum(axis=1, keepdims=True)
    return rdms - (rows[:, first] + rows[:, second]) / (n - 2) + total / ((n - 1) * (n - 2))


def u_centred_to_length_1(rdms: np.ndarray) -> np.ndarray:
    """Each RDM U-centred and scaled to length 1, of which `cka_unbiased` is the product, (rdms, pairs).

    Raises:
        ValueError: An RDM is constant or not finite, or has fewer than four conditions.
    """
    rdms = np.asarray(rdms, dtype=np.float64)
    refuse_constant(rdms)
    centred = u_centred(rdms)
    return centred / np.linalg.norm(centred, axis=1, keepdims=True)


def procrustes(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The cosine of the angular Procrustes distance between patterns (Williams et al. 2021), from their kernels.

    With A and B the centred kernels, the sum of the singular values of √A√B over √(tr A tr B): 1 if one set of patterns
    is the other, rotated and scaled. Distances that no patterns have, such as cross-validated ones below 0, make
    kernels with negative eigenvalues, which are taken for 0. Of n conditions it takes some n³ steps a comparison.
    """
    refuse_constant(a, b)
    roots_of_a, roots_of_b = ([_root(kernel) for kernel in second_moments(rdms)] for rdms in (a, b))
    nuclear = [[np.linalg.svd(x.T @ y, compute_uv=False).sum() for y in roots_of_b] for x in roots_of_a]
    lengths_of_a, lengths_of_b = ([np.linalg.norm(root) for root in roots] for roots in (roots_of_a, roots_of_b))
    return np.asarray(nuclear) / np.multiply.outer(lengths_of_a, lengths_of_b)


def _root(kernel: np.ndarray) -> np.ndarray:
    """A matrix R of a flattened kernel R Rᵀ, (conditions, conditions)."""
    n = round(np.sqrt(kernel.size))
    values, vectors = np.linalg.eigh(kernel.reshape(n, n))
    return vectors * np.sqrt(np.maximum(values, 0))


def of_one_kernel_norm(rdms: np.ndarray) -> np.ndarray:
    """Each RDM scaled so that its centred kernel has length 1, (rdms, pairs)."""
    rdms = np.asarray(rdms, dtype=np.float64)
    return rdms / np.linalg.norm(second_moments(rdms), axis=1, keepdims=True)


def of_mean_1(rdms: np.ndarray) -> np.ndarray:
    """Each RDM scaled to mean 1, so that its centred kernel has a trace that all have, (rdms, pairs)."""
    rdms = np.asarray(rdms, dtype=np.float64)
    return rdms / rdms.mean(axis=1, keepdims=True)


def kendall_tau_a(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    from scipy.stats import kendalltau  # 1.3 s to import

    refuse_not_finite(a, b)
    refuse_constant(a, b)
    everything = a.shape[1] * (a.shape[1] - 1) / 2
    not_tied: Any = [[everything - tied_pairs(rdm) for rdm in rdms] for rdms in (a, b)]
    # scipy divides by the pairs that are not tied: tau-b.
    tau_b = [[kendalltau(x, y).statistic for y in b] for x in a]
    return np.asarray(tau_b) * np.sqrt(np.outer(*not_tied)) / everything


def tied_pairs(values: np.ndarray) -> float:
    """How many pairs of values are equal."""
    _, size = np.unique(values, return_counts=True)
    return float((size * (size - 1.0) / 2).sum())


def average(rdms: np.ndarray, measure: str) -> np.ndarray:
    """The RDM that is most like several by a measure: their mean, each being normalised as the measure does not mind.

    Args:
        rdms: Condensed RDMs (rdms, pairs).
        measure: A key of `MEASURES`.

    Returns:
        float64 (pairs,).

    Raises:
        ValueError: An RDM is constant (for `cosine`, zero) or not finite.
    """
    cosines(rdms, rdms[:1], centred=measure != "cosine")  # refuses what cannot be normalised
    return MEASURES[measure].normalise(rdms).mean(axis=0)


def partial(xy, xz, yz):
    """The correlation of what z leaves of x with what it leaves of y, from the three correlations; arrays broadcast.

    It equals the correlation of the residuals of two linear regressions on z. NaN where z leaves nothing of either.
    """
    left = (1 - np.square(xz)) * (1 - np.square(yz))
    return (xy - xz * yz) / np.sqrt(np.where(left > 1e-12, left, np.nan))


def compare_given(a: np.ndarray, b: np.ndarray, control: np.ndarray, measure: str) -> np.ndarray:
    """Compare every RDM of `a` with every RDM of `b`, a control RDM being partialled out of both.

    Args:
        a: Condensed RDMs (rdms of a, pairs).
        b: Condensed RDMs (rdms of b, pairs).
        control: Condensed RDM (pairs,).
        measure: One from which something can be partialled out; for `spearman`, ranks are of ranks.

    Returns:
        float64 (rdms of a, rdms of b).

    Raises:
        ValueError: As of `compare`; the control leaves nothing of an RDM; or the measure is no correlation.
    """
    if not MEASURES[measure].is_correlation:
        can = ", ".join(name for name, other in MEASURES.items() if other.is_correlation)
        raise ValueError(f"nothing can be partialled out of measure {measure!r}; it can of {can}")
    xz, yz = compare(a, control[None], measure), compare(b, control[None], measure)
    left = partial(compare(a, b, measure), xz, yz.T)
    if np.isnan(left).any():
        raise ValueError("an RDM is the control's, up to scale: nothing of it is left to compare")
    return left


def refuse_constant(*rdms: np.ndarray) -> None:
    """Refuse RDMs whose values are all alike, or not finite."""
    for some in rdms:
        cosines(some, some[:1], centred=True)


def refuse_not_finite(*rdms: np.ndarray) -> None:
    """Refuse values that have no rank."""
    if not all(np.isfinite(values).all() for values in rdms):
        raise ValueError("an RDM is not finite: it cannot be compared with any other")


class Measure(NamedTuple):
    """What the rest of the workflow knows of a measure; a new one is a new entry of `MEASURES`."""

    compare: Callable[[np.ndarray, np.ndarray], np.ndarray]
    """Of RDMs (rdms of a, pairs) and (rdms of b, pairs), (rdms of a, rdms of b)."""
    label: str
    """What axes call it."""
    normalise: Callable[[np.ndarray], np.ndarray]
    """What is done to RDMs (rdms, pairs), which the measure does not mind, before they are averaged."""
    normalised: str
    """How that is called."""
    correlates: Callable[[np.ndarray], np.ndarray] | None = None
    """What is done to RDMs so that the weighted mean product of two, or its centred form, is the measure; None if no
    such thing is known, and so no resampling without building RDMs anew."""
    is_correlation: bool = False
    """Whether it is a correlation of pairs' values, about their means, so that a third RDM can be partialled out."""
    needs_whole: bool = False
    """Whether it is of all pairs of some conditions."""
    needs_squares: bool = False
    """Whether it is of squared distances, which 1 − r and 1 − cosine are too, of patterns of one length."""
    has_reliability: bool = True
    """Whether the reliability of an average of RDMs follows from how alike two of them are (Spearman and Brown)."""


KERNELS_SCALED = "RDMs scaled to kernels of length 1, then averaged"
MEASURES = {
    "pearson": Measure(pearson, "Pearson's r", standardised, "RDMs z-scored, then averaged", standardised, True),
    "spearman": Measure(spearman, "Spearman's ρ", ranks, "RDMs ranked, then averaged", standardised_ranks, True),
    "kendall_tau_a": Measure(
        kendall_tau_a,
        "Kendall's τ-a",
        ranks,
        "RDMs ranked, then averaged, of which tau is near its highest",
        has_reliability=False,
    ),
    "cosine": Measure(cosines, "cosine", scaled, "RDMs scaled to length 1, then averaged", scaled),
    "whitened": Measure(
        whitened, "whitened correlation", standardised, "RDMs z-scored, then averaged", needs_whole=True
    ),
    "cka": Measure(cka, "linear CKA", of_one_kernel_norm, KERNELS_SCALED, needs_whole=True, needs_squares=True),
    "cka_unbiased": Measure(
        cka_unbiased,
        "unbiased linear CKA",
        u_centred_to_length_1,
        "RDMs U-centred to length 1, then averaged",
        u_centred_to_length_1,
        needs_whole=True,
        needs_squares=True,
    ),
    "procrustes": Measure(
        procrustes, "Procrustes similarity", of_mean_1, "RDMs scaled to mean 1, then averaged", None, False, True, True
    ),
}
