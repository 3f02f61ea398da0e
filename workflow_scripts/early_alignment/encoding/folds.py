"""Conditions in folds of a cross-validation."""

import numpy as np


def folds(n: int, k: int, seed: int, groups: list | None = None) -> np.ndarray:
    """Assign conditions at random to folds that are as equal in size as groups allow.

    Groups are taken in random order, larger ones first, and each goes to the fold that has fewest conditions so far.
    They follow from the arguments alone: the same at every epoch, for every network and subject.

    Args:
        n: The number of conditions.
        k: The number of folds, at least 3: alphas are chosen by leaving out two folds, and the others are trained on.
        seed: Another seed, other folds.
        groups: What each condition belongs to, (n,), such as the concept that an image shows; conditions of a group are
            never on both sides of a split. By default each condition is a group.

    Returns:
        The fold of each condition, integers from 0 to k − 1, (n,).

    Raises:
        ValueError: There are fewer than 3 folds; or there are not enough conditions, or groups, for 2 in each fold,
            without which no correlation within a fold is known.
    """
    _, group_of, sizes = np.unique(np.arange(n) if groups is None else groups, return_inverse=True, return_counts=True)
    if k < 3:
        raise ValueError(f"{k} folds; nested cross-validation needs 3 or more")
    order = np.random.default_rng(seed).permutation(len(sizes))
    order = order[np.argsort(-sizes[order], kind="stable")]
    fold_of_group, filled = np.empty(len(sizes), dtype=np.int64), np.zeros(k, dtype=np.int64)
    for group in order:
        fold_of_group[group] = filled.argmin()
        filled[fold_of_group[group]] += sizes[group]
    if filled.min() < 2:
        raise ValueError(f"{n} conditions in {len(sizes)} groups are too few for {k} folds of 2 conditions or more")
    return fold_of_group[group_of]
