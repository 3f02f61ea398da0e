"""What noise leaves to be predicted of each unit: its explainable share of variance, the ceiling of R².

The ceiling of r is its square root. Responses are means over repetitions; what varies over repetitions is noise, and no
model predicts it.
"""

from itertools import combinations

import numpy as np

from .scores import Scores, correlation

MOST_SPLITS = 10
"""Into halves; of up to 4 repetitions all are taken."""


def effective_repetitions(counts: np.ndarray) -> float:
    """The number of repetitions that would leave means as much noise, were it the same for all conditions.

    Args:
        counts: How often each condition was measured, (conditions,).
    """
    return float(1 / np.mean(1 / np.asarray(counts)))


def of_ncsnr(ncsnr: np.ndarray, repetitions: float) -> np.ndarray:
    """The explainable share from NSD's noise ceiling signal-to-noise ratio, Allen et al. (2022).

    Args:
        ncsnr: The ratio of the standard deviations of signal and noise in one repetition, (units,).
        repetitions: Over how many responses are averaged, from `effective_repetitions` if conditions differ.

    Returns:
        From 0 to 1, float64 (units,).
    """
    squared = np.asarray(ncsnr, dtype=np.float64) ** 2
    return squared / (squared + 1 / repetitions)


def of_halves(repetitions: np.ndarray, seed: int = 0) -> np.ndarray:
    """The explainable share from correlations between halves of the repetitions.

    Those of several splits are averaged, and the formula of Spearman (1910) and Brown (1910) goes from the length of a
    half to that of all. Of an odd number of repetitions, each split leaves one out.

    Args:
        repetitions: Float (repetitions, conditions, units), finite, or all NaN where a condition was measured fewer
            times than others. Halves are compared over the conditions that were measured every time; how much noise the
            means have is a matter of all.
        seed: Of the splits, where there are too many to take all.

    Returns:
        At most 1, and negative where halves correlate negatively, float64 (units,). NaN where a unit does not vary.

    Raises:
        ValueError: There is one repetition, or fewer than 3 conditions were measured every time.
    """
    n, measured = len(repetitions), ~np.isnan(repetitions).all(axis=-1)
    every_time = measured.all(axis=0)
    if n < 2 or every_time.sum() < 3:
        raise ValueError(
            f"{every_time.sum()} conditions were measured {n} times; "
            "halves are compared over 3 or more conditions that were measured twice or more"
        )
    usable, once = repetitions[:, every_time], np.ones((1, every_time.sum()))
    halves = ([usable[list(half)].mean(axis=0) for half in split] for split in splits(n, seed))
    of_splits = [correlation(one, other, once)[0] for one, other in halves]
    return spearman_brown(np.mean(of_splits, axis=0), effective_repetitions(measured.sum(axis=0)) / (n // 2))


def splits(n: int, seed: int) -> list[tuple]:
    """Pairs of halves of n repetitions, without one of them if n is odd."""
    half = n // 2
    if n <= 4:
        halves = list(combinations(range(n), half))
        return [(a, b) for a, b in combinations(halves, 2) if not set(a) & set(b)]
    rng = np.random.default_rng(seed)
    orders = [rng.permutation(n) for _ in range(MOST_SPLITS)]
    return [(order[:half], order[half : 2 * half]) for order in orders]


def spearman_brown(r: np.ndarray, factor: float) -> np.ndarray:
    """The reliability of a measurement that is `factor` times as long as one of reliability r."""
    with np.errstate(divide="ignore"):  # of r = −1, and a factor of 2
        return factor * r / (1 + (factor - 1) * r)


def shares(of: Scores, explainable: np.ndarray) -> Scores:
    """Scores as a part of what noise leaves to be reached, not clipped; NaN where the data tell of nothing explainable.

    Args:
        of: Raw.
        explainable: The ceiling of R², (units,).
    """
    ceiling = np.where(explainable > 0, explainable, np.nan)
    return Scores(of.r / np.sqrt(ceiling), of.r2 / ceiling)
