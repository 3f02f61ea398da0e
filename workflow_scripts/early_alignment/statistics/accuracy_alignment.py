"""Whether alignment moves with accuracy: over training, and between seeds."""

import numpy as np


def correlation_of_changes(accuracy: np.ndarray, alignment: np.ndarray, with_first: bool = True) -> np.ndarray:
    """The correlation of the changes of accuracy and of alignment from each analysed epoch to the next.

    Values themselves would correlate for the reason alone that both change with time; changes do not. In most
    trainings the first change is by far the largest of both, and one such point makes a correlation: look at the
    others alone, too. Noise in alignment draws the correlation towards 0.

    Args:
        accuracy: (..., epochs).
        alignment: (..., epochs); leading axes broadcast with those of accuracy, so that replicates may be of both, or
            of alignment alone.
        with_first: Whether the change from the first analysed epoch, the untrained network, to the second counts.

    Returns:
        Pearson's r, (...); NaN with fewer than three changes, or where all changes of either are equal.
    """
    skipped = 0 if with_first else 1
    of_accuracy, of_alignment = (np.diff(values, axis=-1)[..., skipped:] for values in (accuracy, alignment))
    n = of_accuracy.shape[-1]
    if n < 3:
        return np.full(np.broadcast_shapes(of_accuracy.shape[:-1], of_alignment.shape[:-1]), np.nan)
    return weighted_correlation(of_accuracy, of_alignment, np.ones(n))


def correlation_across_seeds(accuracy: np.ndarray, alignment: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """The correlation of accuracy and alignment over a network's seeds, at each epoch.

    Five seeds have 120 orders, so that no two-sided permutation test of theirs gives a p below 1/60; replicates of so
    few show the width, hardly the shape, of what is not known.

    Args:
        accuracy: (epochs, seeds).
        alignment: (epochs, seeds), subjects averaged; or replicates over stimuli or subjects, (draws, epochs, seeds).
        drawn: How often each seed is drawn, (draws, seeds); a row of ones is the sample itself.

    Returns:
        Pearson's r, (draws, epochs); NaN where fewer than three different seeds are drawn or all values are equal.
    """
    enough = (drawn > 0).sum(axis=-1) >= 3
    found = weighted_correlation(accuracy, alignment, drawn[:, None, :])
    return np.where(enough[:, None], found, np.nan)


def weighted_correlation(x: np.ndarray, y: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Pearson's r along the last axis, each point counted as often as its weight says.

    Args:
        x: (..., points).
        y: (..., points).
        weights: (..., points), not negative.

    Returns:
        (...); NaN where either is constant.
    """
    weights = weights / weights.sum(axis=-1, keepdims=True)
    centred = [values - (weights * values).sum(axis=-1, keepdims=True) for values in (x, y)]
    lengths = [np.sqrt((weights * values**2).sum(axis=-1)) for values in centred]
    # What rounding leaves of a constant is no variance.
    rounding = [1e-12 * np.abs(values).max(axis=-1) for values in (x, y)]
    varies = (lengths[0] > rounding[0]) & (lengths[1] > rounding[1])
    products, of_both = (weights * centred[0] * centred[1]).sum(axis=-1), lengths[0] * lengths[1]
    return np.divide(products, of_both, out=np.full(products.shape, np.nan), where=varies)
