"""How well a mean over subjects and seeds, of comparisons over stimuli, is known: three crossed random factors.

Stimuli, subjects and seeds are samples, and each meets each of the others. A value is then a sum of effects, one per
non-empty set U of factors (three main effects, three interactions of two, one of three), each with a variance of its
own. An effect of U is averaged over n_i levels of each factor i in U, so that the mean's variance is

    v = Σ over U of τ(U),    τ(U) = σ²(U) / Π over i in U of n_i.

Resampling the factors of a set S alone gives replicates with a variance V(S). As the multiplicities of different
factors are independent, V(S) is a sum Σ over non-empty T in S of I(T), where I(T) is the part that only resampling
all of T brings; so I(T) is found from the V(S) by inclusion and exclusion: I(i) = V(i), I(ij) = V(ij) − V(i) − V(j),
and so on. An effect of U adds to I(T) only if T lies within U, for other effects are constant in a factor of T, and
drawing leaves a constant as it is; and it adds τ(U) Π over i in T of (n_i − 1)/n_i, the loss of a variance that is
taken about the sample's own mean. With f_i = n_i/(n_i − 1),

    E[Π over i in T of f_i · I(T)] = Σ over U that contain T of τ(U).

Let O be the factors that one generalises over; the others stay as they are. Effects that have a factor of O vary. Of
those, each is counted once by adding the terms of single factors, subtracting those of two and adding that of three:
for any U, Σ over non-empty T in O ∩ U of (−1)^(|T|+1) is 1 if O ∩ U is not empty, else 0. So

    v(O) = Σ over non-empty T in O of (−1)^(|T|+1) Π over i in T of f_i · I(T)

is unbiased for a mean, whatever the variances are. For two factors it is the dual bootstrap of Schütt et al. (2023).
The term of three is needed for that. With 100 stimuli, 8 subjects and 5 seeds it is not what makes intervals cover: the
bounds of `variance` bind there, and err upwards by as much as leaving it out errs downwards (docs/coverage.md).
"""

from itertools import combinations
from math import prod
from typing import NamedTuple

import numpy as np
from scipy.special import stdtr, stdtrit

from .multiple_comparisons import smallest_p

FACTORS = ("stimuli", "subjects", "seeds")


def subsets(factors) -> list[frozenset[str]]:
    """All non-empty sets of some factors, smaller ones first."""
    return [frozenset(s) for size in range(1, len(factors) + 1) for s in combinations(factors, size)]


def replicates(
    resampled: np.ndarray, subjects: np.ndarray, seeds: np.ndarray, between_subjects: np.ndarray | None = None
) -> dict[frozenset[str], np.ndarray]:
    """The mean over subjects and seeds when some factors are resampled and the others are as they are.

    All sets of factors, and everything that is computed with the same multiplicities, share their draws, so that
    differences are paired.

    Args:
        resampled: (1 + draws, ..., seeds, subjects): values in the sample itself, then in resamples of the stimuli.
        subjects: How often each subject is drawn, (draws, subjects), from `resampling.multiplicities`.
        seeds: How often each seed is drawn, (draws, seeds).
        between_subjects: As of `weights_of_subjects`, (1 + draws, subjects, subjects), if not the mean over subjects is
            wanted but the correlation with the average of their RDMs.

    Returns:
        Resampled factors → (draws, ...), for every non-empty set of `FACTORS`.
    """
    found = {}
    for factors in subsets(FACTORS):
        rows = slice(1, None) if "stimuli" in factors else slice(1)
        drawn_subjects, drawn_seeds = (
            drawn if factor in factors else np.ones_like(drawn[:1])
            for factor, drawn in {"subjects": subjects, "seeds": seeds}.items()
        )
        of_subjects = weights_of_subjects(drawn_subjects, None if between_subjects is None else between_subjects[rows])
        of_seeds = drawn_seeds / seeds.shape[1]
        found[factors] = np.einsum("d...ks,ds,dk->d...", resampled[rows], of_subjects, of_seeds)
    return found


def weights_of_subjects(drawn: np.ndarray, between_subjects: np.ndarray | None = None) -> np.ndarray:
    """What the values of subjects are multiplied by and added up with.

    Of a mean, the multiplicities over their sum. A correlation of x with the average of z₁, z₂, …, each normalised, is,
    with rᵢ the correlation of x with zᵢ, Rᵢⱼ those of the z, and m the multiplicities, Σ mᵢ rᵢ / √(Σ mᵢ mⱼ Rᵢⱼ).

    Args:
        drawn: How often each subject is drawn, (draws, subjects).
        between_subjects: The correlations of subjects' RDMs over the pairs drawn, (draws, subjects, subjects), for the
            correlation with their average; None for the mean. Of either argument, one row stands for all draws.

    Returns:
        (draws, subjects).
    """
    if between_subjects is None:
        return drawn / drawn.shape[1]
    return drawn / np.sqrt(np.einsum("ds,dst,dt->d", drawn, between_subjects, drawn))[:, None]


class Interval(NamedTuple):
    """What is known of a value; arrays of the value's shape."""

    low: np.ndarray
    high: np.ndarray
    standard_error: np.ndarray
    degrees_of_freedom: np.ndarray
    p: np.ndarray
    """Two-sided, against 0."""
    reason: str
    """Why there is NaN; empty if all is known."""


def interval(
    point: np.ndarray,
    replicates: dict[frozenset[str], np.ndarray],
    n: dict[str, int],
    over: tuple[str, ...] = FACTORS,
    level: float = 0.95,
) -> Interval:
    """Confidence intervals of means, or of linear functions of them such as differences between epochs.

    Point ± a quantile of Student's t. Its degrees of freedom are those that Satterthwaite (1946) gives to a sum of
    independent estimates, v²/Σ v_i²/(n_i − 1), with v_i = f_i V(i) (see the module): near the smallest n_i − 1 where
    one factor varies most, more where several do. Where v is less than the sum, for the sake of interactions, they are
    fewer than they could be, and intervals wider.

    Args:
        point: The value in the sample, of any shape (...).
        replicates: Resampled factors → the same function of the resampled means, (draws, ...), from `replicates`.
        n: Factor → the size of its sample.
        over: The factors that are generalised over; the others stay as they are.
        level: The share of samples whose interval has the true value.

    Returns:
        The intervals, arrays (...). Of a factor of one nothing can be known: if it is to be generalised over, all is
        NaN and `reason` says so.
    """
    if reason := unknown(n, over):
        nothing = np.full(np.shape(point), np.nan)
        return Interval(nothing, nothing, nothing, nothing, nothing, reason)
    total, parts = variance(replicates, n, over)
    error = np.sqrt(total)
    with np.errstate(invalid="ignore", divide="ignore"):  # what does not vary has neither degrees of freedom nor p
        freedom = total**2 / sum(part**2 / (n[factor] - 1) for factor, part in parts.items())
        half = np.where(error == 0, 0, stdtrit(freedom, (1 + level) / 2) * error)
        p = 2 * stdtr(freedom, -np.abs(point) / error)
    reason = "" if np.isfinite(error).all() else "cannot be known: a draw of stimuli has no value"
    return Interval(point - half, point + half, error, freedom, p, reason)


def unknown(n: dict[str, int], over: tuple[str, ...]) -> str:
    """Why a value cannot be generalised over some factors, in words; empty if it can."""
    if not over:
        return "cannot be known: nothing was sampled that is generalised over"
    single = [factor for factor in over if n[factor] < 2]
    return f"cannot be known: {n[single[0]]} of {' and of '.join(single)}" if single else ""


def variance(
    replicates: dict[frozenset[str], np.ndarray],
    n: dict[str, int],
    over: tuple[str, ...] = FACTORS,
    as_rsatoolbox: bool = False,
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """The variance v of a mean over samples of some factors, as the module derives it.

    Chance can put the estimate anywhere, but v is neither less than the v_i = f_i V(i) of any factor nor more than
    their sum, which has each interaction twice or three times; so it is kept within these bounds.

    Args:
        replicates: Resampled factors → (draws, ...).
        n: Factor → the size of its sample, 2 at least.
        over: The factors that are generalised over.
        as_rsatoolbox: Bounded from above by the variance of replicates in which all of these factors are resampled,
            whatever the lower bound. Of two factors this is rsatoolbox's dual bootstrap exactly. It is too low by
            (n − 1)/n where there are no interactions: 12 % with 8 subjects, 20 % with 5 seeds.

    Returns:
        v, (...); and factor → v_i.
    """
    terms = _terms({factors: replicates[factors].var(axis=0, ddof=1) for factors in subsets(over)}, n)
    parts = {factor: terms[frozenset([factor])] for factor in over}
    found = np.maximum(_combined(terms), np.maximum.reduce(list(parts.values())))
    upper = replicates[frozenset(over)].var(axis=0, ddof=1) if as_rsatoolbox else sum(parts.values())
    return np.minimum(found, upper), parts


def _terms(resampled: dict[frozenset[str], np.ndarray], n: dict[str, int]) -> dict[frozenset[str], np.ndarray]:
    """The Π f_i · I(T) of the module, from the variances V(S), or covariances, of replicates; smaller sets first."""
    only = {}
    for factors, value in resampled.items():
        only[factors] = value - sum(part for smaller, part in only.items() if smaller < factors)
    return {factors: prod(n[i] / (n[i] - 1) for i in factors) * value for factors, value in only.items()}


def _combined(terms: dict[frozenset[str], np.ndarray]) -> np.ndarray:
    """Single factors less pairs of factors plus all three."""
    return sum((-1) ** (len(factors) + 1) * term for factors, term in terms.items())


def joint_replicates(
    point: np.ndarray,
    replicates: dict[frozenset[str], np.ndarray],
    n: dict[str, int],
    over: tuple[str, ...] = FACTORS,
    seed: int = 0,
) -> np.ndarray:
    """Replicates of a curve, for what is not a linear function of it: the epoch of its peak, the time to half of it.

    Compute it of each and give the results to `percentile_interval`, for a peak, or `reflected_interval`, for a time.
    Curves in which all factors are resampled at once would not do: they have
    interactions of two factors three times, of three seven times. Here the deviations from the sample's curve that
    resampling one factor brings are added up, each times √f_i, which has interactions twice and three times. The
    curves are then turned and shrunk so that their covariance over epochs is the estimate of the module: along
    directions in which the sum's covariance is 1, by the root of what it should be, kept between 1/(number of factors)
    and 1, as it is for any variances. And as variances of few subjects or seeds are uncertain, a factor's
    deviations are divided in each draw by the root of a χ²/(n_i − 1) with n_i − 1 degrees of freedom, which makes
    the normal ones Student's.

    Args:
        point: The curve in the sample, (epochs,).
        replicates: Resampled factors → (draws, epochs), from `replicates`.
        n: Factor → the size of its sample.
        over: The factors that are generalised over.
        seed: Of the χ².

    Returns:
        (draws, epochs); NaN if a factor has a sample of one.
    """
    if unknown(n, over):
        return np.full_like(replicates[frozenset(over[:1])], np.nan)
    rng = np.random.default_rng(seed)
    deviations = 0
    for factor in over:
        of_factor = np.sqrt(n[factor] / (n[factor] - 1)) * (replicates[frozenset([factor])] - point)
        spread = rng.chisquare(n[factor] - 1, size=(len(of_factor), 1)) / (n[factor] - 1)
        deviations = deviations + of_factor / np.sqrt(spread)
    terms = _terms({factors: np.cov(replicates[factors], rowvar=False) for factors in subsets(over)}, n)
    scales, axes = np.linalg.eigh(sum(terms[frozenset([factor])] for factor in over))
    vary = scales > 1e-12 * scales[-1]
    axes, scales = axes[:, vary], np.sqrt(scales[vary])
    to_unit = axes / scales
    wanted, turned = np.linalg.eigh(to_unit.T @ _combined(terms) @ to_unit)
    shrink = turned * np.sqrt(np.clip(wanted, 1 / len(over), 1)) @ turned.T
    return point + deviations @ to_unit @ shrink @ (axes * scales).T


def percentile_interval(of_replicates: np.ndarray, level: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """The central values of what was computed of each of `joint_replicates`, (draws, ...): for epochs of peaks.

    The ends are values that occur, so epochs that were analysed.
    """
    ends = (1 - level) / 2, (1 + level) / 2
    low, high = np.quantile(of_replicates, ends, axis=0, method="inverted_cdf")
    return low, high


def reflected_interval(
    point: np.ndarray, of_replicates: np.ndarray, level: float = 0.95
) -> tuple[np.ndarray, np.ndarray]:
    """The basic bootstrap interval (Davison and Hinkley 1997), for what resampling shifts, such as half-times.

    The highest of noisy values is too high, so half of it is reached too late, in a sample as in its replicates, which
    are noisier still. What replicates are shifted by against the sample is taken off the sample, not added.

    Args:
        point: The value computed of the sample's curve, (...).
        of_replicates: That of each of `joint_replicates`, (draws, ...).
        level: The share of samples whose interval has the true value.
    """
    low, high = np.quantile(of_replicates, ((1 - level) / 2, (1 + level) / 2), axis=0)
    return 2 * point - high, 2 * point - low


def smallest_sign_flip_p(n: dict[str, int], over: tuple[str, ...] = FACTORS) -> float:
    """The smallest two-sided p that a test without normality could reach, by flipping signs over the smallest factor.

    A smaller p of `interval` rests on the tails of normal distributions: with 5 seeds, below 1/16.
    """
    return smallest_p("sign", min(n[factor] for factor in over))
