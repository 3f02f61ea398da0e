"""How well held-out predictions tell responses, per unit."""

from typing import NamedTuple

import numpy as np

from .ridge import moments

ROUNDING = 1e-12
"""Sums of squares that are less than so much of others are what rounding left of zero."""


class Scores(NamedTuple):
    """Of each unit; nothing is clipped, and r is not squared."""

    r: np.ndarray
    """Pearson's correlation of predictions and responses within a fold, averaged over folds by their conditions."""
    r2: np.ndarray
    """The share of the squared error that predictions save, of what the mean of the training conditions makes."""


def scores(
    responses: np.ndarray, predictions: np.ndarray, folds: np.ndarray, weights: np.ndarray | None = None
) -> Scores:
    """Compare held-out predictions with responses, in the sample or in resamples of the stimuli.

    Correlations are of one fold at a time, so that a unit that nothing predicts has one of 0 on average. Over all
    conditions at once it would be negative: a fold's predictions are about the mean of all *other* conditions, which is
    low where its own is high; and how much predictions vary in a fold depends on the alpha that the other folds chose.
    R² is of all conditions at once, and 0 if the mean of the training conditions is predicted: the out-of-sample R² of
    Campbell and Thompson (2008).

    Args:
        responses: Float (conditions, units).
        predictions: Each condition's, made without its fold, (conditions, units).
        folds: The fold of each condition, (conditions,).
        weights: How often each condition is drawn, (draws, conditions), from `resampling.multiplicities`. A condition
            keeps its prediction and its fold: the spread over draws is that over stimuli to be predicted, with the fits
            given.

    Returns:
        Float64 (units,); (draws, units) if weights are given. r is without the folds in which responses or predictions
        do not vary, and NaN where they do in none. Both are NaN where responses do not vary, and where anything is not
        finite.
    """
    drawn = np.ones((1, len(folds))) if weights is None else np.asarray(weights, dtype=np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean, deviation = moments(responses)
        y, p = ((of - mean) / deviation for of in (responses, predictions))
        r, conditions, errors, of_mean = (np.zeros((len(drawn), y.shape[1])) for _ in range(4))
        for fold in range(folds.max() + 1):
            here = folds == fold
            w, y_here, p_here = drawn[:, here], y[here], p[here]
            errors += w @ (y_here - p_here) ** 2
            of_mean += w @ (y_here - y[~here].mean(axis=0)) ** 2
            of_fold, n = correlation(y_here, p_here, w), w.sum(axis=1, keepdims=True)
            varies = ~np.isnan(of_fold)
            r += np.where(varies, n * of_fold, 0)
            conditions += n * varies
        finite = np.isfinite(errors)
        found = Scores(np.where(finite, r / conditions, np.nan), np.where(finite, 1 - errors / of_mean, np.nan))
    return found if weights is not None else Scores(found.r[0], found.r2[0])


SUMMARIES = {
    "encoding_median_r": "median r of units",
    "encoding_mean_r": "mean r of units",
    "encoding_median_r2": "median R² of units",
    "encoding_mean_r2": "mean R² of units",
}
"""What `summaries` gives: as the tables of alignment call them among measures → in words."""


def summaries(of: Scores) -> np.ndarray:
    """Medians and means of scores over the units that have one.

    Args:
        of: (draws, units).

    Returns:
        (summaries, draws), NaN where no unit has a score.
    """
    found = np.full((len(SUMMARIES), len(of.r)), np.nan)
    for i, values in enumerate(of):
        known = values[:, ~np.isnan(values).all(axis=0)]
        if known.size:
            found[2 * i] = np.nanmedian(known, axis=1) if np.isnan(known).any() else np.median(known, axis=1)
            found[2 * i + 1] = np.nanmean(known, axis=1)
    return found


def correlation(a: np.ndarray, b: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Pearson's r of each unit, weighted by each draw; its sums are matrix products.

    Args:
        a: Float64 (conditions, units).
        b: The same.
        weights: Float64 (draws, conditions).

    Returns:
        (draws, units); NaN where either does not vary, or is not finite.
    """
    n = weights.sum(axis=1, keepdims=True)
    raw = [(of**2).sum(axis=0) for of in (a, b)]
    # About their means, so that the sums lose no digits.
    about = [of - of.mean(axis=0) for of in (a, b)]
    sums, squares = [weights @ of for of in about], [weights @ of**2 for of in about]
    covariance = weights @ (about[0] * about[1]) - sums[0] * sums[1] / n
    variances = [square - total**2 / n for square, total in zip(squares, sums, strict=True)]
    least = [ROUNDING * square + ROUNDING**2 * of for square, of in zip(squares, raw, strict=True)]
    vary = (variances[0] > least[0]) & (variances[1] > least[1])
    return covariance / np.sqrt(np.where(vary, variances[0] * variances[1], np.nan))
