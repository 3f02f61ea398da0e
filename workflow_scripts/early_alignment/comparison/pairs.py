"""Which pairs of conditions a comparison of RDMs is over. Imports numpy alone.

Conditions of one label (a partition of the data, a session, a run) may share what has nothing to do with what they
show: how many images and presentations they are averages of, or noise. An RDM then has blocks, one per two labels,
whatever the brain does, and so has a network's where features are averaged over as many images. Two RDMs with blocks
are alike for the blocks' sake. So a comparison that leaves out pairs also takes each block on its own: its result is
the mean over blocks, weighted by their numbers of pairs. For Pearson's r, that is the r of RDMs z-scored per block.

Where there are many labels, such as runs of a few conditions each, blocks are too small for that. What pairs of one
label share, such as noise, is then left out by leaving out these pairs, and all others are compared in one vector.
"""

import csv
from itertools import combinations
from typing import Any

import numpy as np

from ..errors import InputError
from .measures import compare, compare_given

ALL, WITHIN, ACROSS = "all", "within_partitions", "across_partitions"
NOT_SAME = "without_same_label"
LEAST = 3
"""Pairs of a block, at least: as many as three conditions have."""


def read_labels(path) -> dict[str, str]:
    """Condition → label, empty where it has none, in condition order; from a table of stimuli."""
    with open(path, newline="") as file:
        return {row["condition"]: row["label"] for row in csv.DictReader(file)}


def blocks(pairs: str, n: int, labels: dict[str, str], where) -> dict[str, np.ndarray | slice]:
    """The pairs that are compared, in blocks that are compared on their own.

    Args:
        pairs: `all` pairs of conditions; `within_partitions`, those of one label, a block per label;
            `across_partitions`, those of different labels, a block per two labels; or `without_same_label`, these in
            one block.
        n: The number of conditions.
        labels: Condition → label, in condition order; not looked at for `all`. Conditions without a label are of one
            label, so where none has one, all pairs are within.
        where: The file or data set that the labels are from, for the message.

    Returns:
        Name → indices into condensed RDMs.

    Raises:
        InputError: Labels are of another number of conditions, a block has fewer than three pairs, or there is none.
    """
    if pairs == ALL:
        return {ALL: slice(None)}
    if len(labels) != n:
        raise InputError(where, f"{len(labels)} conditions", f"{n}, as the RDMs have", "make the RDMs again")
    names = list(dict.fromkeys(labels.values()))
    number = {name: i for i, name in enumerate(names)}
    of_condition = np.array([number[label] for label in labels.values()])
    of_pair = [of_condition[side] for side in np.triu_indices(n, k=1)]
    lower, upper = np.minimum(*of_pair), np.maximum(*of_pair)
    found: dict[str, Any]
    if pairs == NOT_SAME:
        found = {"different labels": np.flatnonzero(lower != upper)} if len(names) > 1 else {}
    else:
        wanted = [(i, i) for i in range(len(names))] if pairs == WITHIN else combinations(range(len(names)), 2)
        found = {
            " and ".join(dict.fromkeys((names[i], names[j]))): np.flatnonzero((lower == i) & (upper == j))
            for i, j in wanted
        }
    sizes = [f"{len(block)} of {name or 'no label'}" for name, block in found.items() if len(block) < LEAST]
    if sizes or not found:
        raise InputError(
            where,
            f"pairs of conditions: {', '.join(sizes[:5])}" if found else "all conditions are of one label",
            f"for alignment.pairs {pairs}, at least {LEAST} {'in every label' if pairs == WITHIN else 'of two labels'}",
            f"give more conditions the same label, or leave {pairs} out of alignment.pairs",
        )
    return found


def compare_in_blocks(
    a: np.ndarray,
    b: np.ndarray,
    measure: str,
    of: dict[str, np.ndarray | slice],
    control: np.ndarray | None = None,
) -> np.ndarray:
    """Compare every RDM of `a` with every RDM of `b` in each block; the mean over blocks, weighted by their pairs.

    Args:
        a: Condensed RDMs (rdms of a, pairs).
        b: Condensed RDMs (rdms of b, pairs).
        measure: As of `measures.compare`; `whitened` needs blocks that are whole RDMs, as those of different
            labels are not.
        of: Name → indices, from `blocks`.
        control: Condensed RDM (pairs,) that is partialled out, as of `measures.compare_given`; None for nothing.

    Returns:
        float64 (rdms of a, rdms of b).

    Raises:
        ValueError: As of `measures.compare` or `measures.compare_given`.
    """
    values = [
        compare(a[:, block], b[:, block], measure)
        if control is None
        else compare_given(a[:, block], b[:, block], control[block], measure)
        for block in of.values()
    ]
    return np.average(values, axis=0, weights=[a[0, block].size for block in of.values()])


def number_of_pairs(rdm: np.ndarray, of: dict[str, np.ndarray | slice]) -> int:
    """How many pairs of a condensed RDM (pairs,) the blocks have."""
    return sum(rdm[block].size for block in of.values())
