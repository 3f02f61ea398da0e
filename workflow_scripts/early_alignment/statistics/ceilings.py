"""What the data allow a model to reach."""

from typing import NamedTuple

import numpy as np

from ..comparison.measures import MEASURES, average, compare
from ..comparison.pairs import ALL, NOT_SAME
from ..comparison.schemes import EACH, NORMALISED, RAW


class Ceiling(NamedTuple):
    """Bounds on the similarity with subjects' RDMs that the true model could reach."""

    lower: float
    upper: float


KNOWN = "known"


def convention(measure: str, pairs: str, scheme: str = EACH, averaged: str = NORMALISED) -> str:
    """How a ceiling comes about, in words."""
    words = MEASURES[measure].normalised if averaged == NORMALISED else "RDMs averaged as they are"
    if scheme == EACH:
        words += "; lower: subject left out, upper: subject included"
    else:
        words += "; lower: root of the average's reliability by Spearman and Brown, upper: the average with itself"
    return (
        words if pairs in (ALL, NOT_SAME) else f"{words}; blocks of pairs on their own, means weighted by their pairs"
    )


def noise_ceiling(
    rdms: np.ndarray, measure: str = "pearson", of: dict | None = None, averaged: str = NORMALISED
) -> Ceiling:
    """Bounds on the mean similarity with subjects' RDMs that the true model could reach.

    Every RDM is normalised as `measure` does not mind, and averaged, as in rsatoolbox; see Nili et al. (2014), who
    describe the bounds. In several blocks, the bounds are the means of the blocks', weighted by their pairs.

    Args:
        rdms: Condensed RDMs of one target, (subjects, pairs).
        measure: A key of `measures.MEASURES`.
        of: Blocks of pairs, from `pairs.blocks`; all pairs are one by default.
        averaged: `RAW` averages RDMs as they are, so subjects of larger dissimilarities count for more, and the upper
            bound is not the highest mean that an RDM can have.

    Returns:
        The lower bound (each subject against the mean of the others) and the upper (against the mean of all).
        With one subject neither can be known, and both are NaN.

    Raises:
        ValueError: An RDM is constant (for `cosine`, zero) or not finite.
    """
    return _mean_over_blocks(rdms, of, lambda part: _noise_ceiling(part, measure, averaged))


def ceiling_of_average(rdms: np.ndarray, measure: str = "pearson", of: dict | None = None) -> Ceiling:
    """Bounds on the similarity with the average of subjects' RDMs that the true model could reach.

    Subjects' RDMs are taken for the true one and independent noise. With r the mean similarity of two of n subjects,
    the average's reliability is n·r / (1 + (n − 1)·r) (Spearman 1910, Brown 1910), and the true RDM's correlation with
    the average is the root of that: the lower bound. A model that has the subjects' noise too reaches the upper, the
    average's similarity with itself. In several blocks, the bounds are means as of `noise_ceiling`.

    Args:
        rdms: Condensed RDMs of one target, (subjects, pairs).
        measure: A key of `measures.MEASURES`.
        of: Blocks of pairs, from `pairs.blocks`; all pairs are one by default.

    Returns:
        The bounds. The lower is NaN where subjects' RDMs do not correlate above 0, and of measures without a
        reliability. With one subject both are NaN.

    Raises:
        ValueError: An RDM is constant (for `cosine`, zero) or not finite.
    """
    return _mean_over_blocks(rdms, of, lambda part: _ceiling_of_average(part, measure))


def _mean_over_blocks(rdms: np.ndarray, of: dict | None, bounds) -> Ceiling:
    parts = [rdms[:, block] for block in (of or {ALL: slice(None)}).values()]
    weights = [part.shape[1] for part in parts]
    return Ceiling(*map(float, np.average([bounds(part) for part in parts], axis=0, weights=weights)))


def _noise_ceiling(rdms: np.ndarray, measure: str, averaged: str) -> tuple[float, float]:
    normalised = MEASURES[measure].normalise(rdms)
    if len(rdms) == 1:
        return float("nan"), float("nan")
    if averaged == RAW:
        normalised = np.asarray(rdms, dtype=np.float64)
    total = normalised.sum(axis=0)
    upper = [compare(one[None], total[None], measure).item() for one in rdms]
    lower = [compare(one[None], (total - own)[None], measure).item() for one, own in zip(rdms, normalised, strict=True)]
    return float(np.mean(lower)), float(np.mean(upper))


def _ceiling_of_average(rdms: np.ndarray, measure: str) -> tuple[float, float]:
    pooled = average(rdms, measure)[None]
    n = len(rdms)
    if n == 1:
        return float("nan"), float("nan")
    upper = compare(pooled, pooled, measure).item()
    if not MEASURES[measure].has_reliability:
        return float("nan"), upper
    r = compare(rdms, rdms, measure)[np.triu_indices(n, k=1)].mean()
    return float(np.sqrt(n * r / (1 + (n - 1) * r))) if r > 0 else float("nan"), upper


def status(ceiling: Ceiling, n_subjects: int, measure: str) -> str:
    """Whether both bounds are known, and if not, whether they cannot be or were not computed, and why."""
    if n_subjects == 1:
        return "cannot be known: one subject"
    if np.isfinite(ceiling).all():
        return KNOWN
    if not MEASURES[measure].has_reliability:
        return f"lower was not computed: no reliability of an average is known for {measure}"
    return "lower cannot be known: subjects' RDMs do not correlate above 0"


def share_of_ceiling(value, lower, upper) -> Ceiling:
    """Alignment as a part of each bound of the noise ceiling, not clipped; NaN where a bound is not above 0.

    The three are numbers or arrays, which broadcast.
    """
    lower_bound, upper_bound = (np.where(np.greater(bound, 0), bound, np.nan) for bound in (lower, upper))
    return Ceiling(value / lower_bound, value / upper_bound)


def resampled_ceilings(between_subjects: np.ndarray, drawn: np.ndarray, scheme: str = EACH) -> np.ndarray:
    """The noise ceiling when stimuli or subjects are resampled.

    With R the correlations of subjects' RDMs over the weighted pairs and m the subjects' multiplicities, a subject's
    correlation with the average of normalised RDMs is Σⱼ Rᵢⱼ mⱼ / √(Σⱼₖ mⱼ mₖ Rⱼₖ); with that of the others, the same
    without i and its copies. So R is enough, and RDMs are neither built nor averaged anew. Of Pearson's r and the
    cosine it is `noise_ceiling` and `ceiling_of_average` of the resampled RDMs; of Spearman's it is that of averaged
    ranks, which are not ranked again.

    Args:
        between_subjects: (draws, subjects, subjects).
        drawn: How often each subject is drawn, (draws, subjects); of either, one row stands for all draws.
        scheme: One of `schemes.SCHEMES`.

    Returns:
        Lower and upper bound, float64 (draws, 2); NaN where one subject alone is drawn, and where all pairs are alike.
    """
    r, m = between_subjects.astype(np.float64), drawn.astype(np.float64)
    n = m.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        if scheme == EACH:
            with_all = np.einsum("dij,dj->di", r, m)
            of_all = np.einsum("di,di->d", with_all, m)[:, None]
            upper = with_all / np.sqrt(of_all)
            lower = (with_all - m) / np.sqrt(of_all - 2 * m * with_all + m**2)
            bounds = [np.where(m > 0, m * bound, 0).sum(axis=1) / n for bound in (lower, upper)]
        else:
            pairs = m[:, :, None] * m[:, None, :] * (1 - np.eye(m.shape[1]))
            mean_r = (pairs * r).sum(axis=(1, 2)) / pairs.sum(axis=(1, 2))
            lower = np.sqrt(n * mean_r / (1 + (n - 1) * mean_r))
            bounds = [lower, np.where(np.isfinite(lower), 1.0, np.nan)]
    several = (m > 0).sum(axis=1) > 1
    return np.where(several[:, None], np.stack(bounds, axis=1), np.nan)
