"""Noise: its covariance between units, estimated from repetitions, and patterns freed of it."""

import numpy as np


def ledoit_wolf(residuals: np.ndarray) -> np.ndarray:
    """The covariance of Ledoit and Wolf (2004), shrunk towards a multiple of the identity.

    It is invertible when there are fewer observations than units, unless these do not vary at all.

    Args:
        residuals: Observations, float (..., observations, units); each set of them is centred here.

    Returns:
        A covariance for each set, float64 (..., units, units), divided by the number of observations.
    """
    residuals = np.asarray(residuals, dtype=np.float64)
    centred = residuals - residuals.mean(axis=-2, keepdims=True)
    n, units = centred.shape[-2:]
    covariance = centred.mT @ centred / n
    mean_variance = np.trace(covariance, axis1=-2, axis2=-1)[..., None, None] / units
    identity = np.eye(units)
    squares = centred**2
    # The sum over pairs of units of the mean square is a product of sums over units.
    mean_square = (squares.sum(axis=-1) ** 2).sum(axis=-1)[..., None, None] / n
    square = (covariance**2).sum(axis=(-2, -1), keepdims=True)
    from_identity = square - units * mean_variance**2
    error = np.minimum((mean_square - square) / n, from_identity)
    shrinkage = np.divide(error, from_identity, out=np.ones_like(error), where=from_identity > 0)
    return (1 - shrinkage) * covariance + shrinkage * mean_variance * identity


def covariance_of_repetitions(repetitions: np.ndarray) -> np.ndarray:
    """The covariance of single responses about their condition's mean, as in Walther et al. (2016).

    Args:
        repetitions: Float (repetitions, conditions, units), finite, or all NaN where a condition was measured fewer
            times than others.

    Returns:
        float64 (units, units): that of `ledoit_wolf`, corrected for the means that were estimated.

    Raises:
        ValueError: No condition was measured twice, or responses do not vary over repetitions.
    """
    repetitions = np.asarray(repetitions, dtype=np.float64)
    measured = ~np.isnan(repetitions).all(axis=-1)
    residuals = (repetitions - mean_of_repetitions(repetitions))[measured]
    degrees_of_freedom = len(residuals) - repetitions.shape[1]
    if degrees_of_freedom < 1:
        raise ValueError("no condition was measured twice, so the noise cannot be told from the response")
    covariance = ledoit_wolf(residuals) * (len(residuals) / degrees_of_freedom)
    if not np.trace(covariance) > 0:
        raise ValueError("responses are the same in every repetition, so the noise has no covariance")
    return covariance


def mean_of_repetitions(repetitions: np.ndarray) -> np.ndarray:
    """The mean over the repetitions that were measured, (repetitions, conditions, units) → (conditions, units).

    Raises:
        ValueError: A condition was never measured.
    """
    measured = ~np.isnan(repetitions).all(axis=-1)
    counts = measured.sum(axis=0)
    if not counts.all():
        raise ValueError(f"{np.count_nonzero(counts == 0)} of {len(counts)} conditions have no response")
    return np.where(measured[..., None], repetitions, 0).sum(axis=0) / counts[:, None]


def whitened(patterns: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """Patterns in units of the noise: Euclidean distances of these are Mahalanobis distances.

    Args:
        patterns: (..., units).
        covariance: Of the noise, positive definite (units, units).
    """
    from scipy.linalg import solve_triangular

    lower = np.linalg.cholesky(covariance)
    flat = patterns.reshape(-1, patterns.shape[-1])
    return solve_triangular(lower, flat.T, lower=True, check_finite=False).T.reshape(patterns.shape)
