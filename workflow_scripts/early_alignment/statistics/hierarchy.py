"""Whether early blocks are most aligned with early regions or times, and late blocks with late ones."""

import numpy as np

from .timing import ranks


def best_depth(values: np.ndarray) -> np.ndarray:
    """The place of the most aligned block, 0 being nearest to the image; of equal ones, the first.

    Args:
        values: (..., blocks), in order of depth.

    Returns:
        Integers (...).
    """
    return np.argmax(values, axis=-1)


def score(values: np.ndarray) -> np.ndarray:
    """The rank correlation of the best block's depth with the order of targets.

    Of regions in the order of the visual hierarchy, the spatial score, and of time points the temporal score, of arXiv
    2508.18226. It is signed: 1 if every later target has a deeper best block. Of few targets it has few values, three
    targets with blocks of their own giving −1, −0.5, 0.5 or 1, and each of their six orders comes by chance once in
    six: no score of three targets is evidence by itself. Where two blocks are near-equal, noise decides which is best;
    replicates show that, and the contrast `depth_by_target` of `claims` has no such steps.

    Args:
        values: Alignment (..., blocks, targets): blocks in order of depth, targets in theirs.

    Returns:
        Spearman's ρ, (...); NaN where one block is the best for all targets, for then there is no order, and where a
        value is NaN.
    """
    best = ranks(best_depth(np.moveaxis(values, -2, -1)))
    best = best - best.mean(axis=-1, keepdims=True)
    order = np.arange(values.shape[-1]) - (values.shape[-1] - 1) / 2
    lengths = np.sqrt((best**2).sum(axis=-1) * (order**2).sum())
    lengths = np.where(np.isnan(values).any(axis=(-1, -2)), 0, lengths)
    return np.divide(best @ order, lengths, out=np.full(lengths.shape, np.nan), where=lengths > 0)
