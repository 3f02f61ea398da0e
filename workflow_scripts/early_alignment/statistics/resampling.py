"""Stimuli, subjects and seeds drawn with replacement; comparisons of RDMs of resampled stimuli.

No RDM is built anew. A stimulus that is drawn m times has the weight m, a pair of stimuli the product of their two
weights, and a correlation over the pairs of the resample is the correlation over the pairs of the sample so weighted.
Pairs of a stimulus with its own copies are left out, as in rsatoolbox: nothing was measured between them. All the sums
that a correlation needs are then of one form, Σ over i < j of wᵢ wⱼ vᵢⱼ, which is a matrix product for all draws.

Imports numpy alone: the workflow starts this code in thousands of short jobs.
"""

import hashlib
import json
from typing import NamedTuple

import numpy as np

from ..comparison.measures import MEASURES
from ..comparison.pairs import ALL
from ..geometry.rdms import n_conditions

LEAST_DISTINCT = 3
"""Different stimuli of a draw, at least: two are one pair, over which nothing correlates. As in rsatoolbox."""
ROWS_AT_A_TIME = 32
"""Of the upper triangle; the lower corner that is multiplied in vain stays small, the products fit the cache."""
CORRELATES = {name: measure.correlates for name, measure in MEASURES.items() if measure.correlates}
"""Measure that stimuli can be resampled for → what is done to RDMs (rdms, pairs) first."""


def stream(*names: str) -> int:
    """A seed that follows from names alone, such as of the factor and the data set; other names, another stream."""
    return int.from_bytes(hashlib.sha256(json.dumps(names).encode()).digest()[:16])


def multiplicities(n: int, draws: int, seed: int, distinct: int = 1) -> np.ndarray:
    """How often each of n is drawn, when n are drawn with replacement.

    Args:
        n: The size of the sample.
        draws: The number of draws. More draws begin with the same ones.
        seed: For instance from `stream`.
        distinct: So many different ones a draw has at least. Draws with fewer are passed over; of stimuli, give
            `LEAST_DISTINCT`. Of eight stimuli one draw in 2,400 has fewer than 3, of twenty none in 10¹⁷. Subjects
            and seeds need no such rule: one subject, drawn n times, has a mean.

    Returns:
        Integers (draws, n), each row with sum n.

    Raises:
        ValueError: n is less than `distinct`.
    """
    if n < distinct:
        raise ValueError(f"draws of {n} never have {distinct} different ones")
    rng = np.random.default_rng(seed)
    kept = np.empty((0, n), dtype=np.int64)
    while len(kept) < draws:
        drawn = rng.integers(n, size=(draws, n)) + n * np.arange(draws)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=draws * n).reshape(draws, n)
        kept = np.concatenate([kept, counts[(counts > 0).sum(axis=1) >= distinct]])
    return kept[:draws]


def stimuli_in_resamples(dataset: str, n: int, draws: int) -> np.ndarray:
    """How often each stimulus of a data set is in the sample, once, and in each of its resamples.

    Args:
        dataset: The data set's name, from which the draws follow: whatever is compared over its stimuli, is so over
            the same resamples.
        n: The number of its stimuli.
        draws: The number of resamples.

    Returns:
        Integers (1 + draws, n), the first row being ones.

    Raises:
        ValueError: There are fewer than `LEAST_DISTINCT` stimuli.
    """
    drawn = multiplicities(n, draws, stream("stimuli", dataset), LEAST_DISTINCT)
    return np.vstack([np.ones(n, int), drawn])


class Sums(NamedTuple):
    """What all comparisons of some RDMs in one block of pairs have in common."""

    values: np.ndarray
    """The RDMs, normalised and 0 outside the block, float32 (rdms, pairs of the block's conditions)."""
    weights: np.ndarray
    """How often each of the block's conditions is drawn, float32 (conditions of the block, draws)."""
    pairs: np.ndarray
    """The weight of all pairs of the block, (draws,): the number of pairs that a resample has."""
    mean: np.ndarray
    """Weighted means over pairs, (rdms, draws); 0 for measures that are no correlations, which do not centre."""
    deviation: np.ndarray
    """The weighted standard deviations, (rdms, draws); NaN where the pairs drawn are all alike."""

    def of_rdms(self, places) -> "Sums":
        """The same of some of the RDMs."""
        return self._replace(values=self.values[places], mean=self.mean[places], deviation=self.deviation[places])


def sums(rdms: np.ndarray, weights: np.ndarray, measure: str = "pearson", of: dict | None = None) -> list[Sums]:
    """Prepare RDMs for `correlations`; what is prepared once serves all comparisons with the same draws.

    Args:
        rdms: Condensed RDMs (rdms, pairs).
        weights: How often each condition is drawn, (draws, conditions), from `multiplicities`; a row of ones is the
            sample itself.
        measure: `pearson`; `cosine`; or `spearman`, for which RDMs are ranked once, in the whole sample, not anew in
            each resample. In simulated RDMs of 60 and 150 conditions, the standard deviation over resamples is then
            within 2 % of the exact one for correlations up to 0.15, 4 % too small at 0.55 and 5 to 10 % at 0.85; or
            `cka_unbiased`, of RDMs that are U-centred once. Rows of these have sum 0, so to first order another
            centring in each resample would change nothing. Of unrelated RDMs that order is 0, and resamples of
            what remains vary more than samples do (Arcones and Giné 1992): the standard deviation is up to 1.7
            times too large there, and within a tenth from 0.3 on with 150 conditions, or from 0.6 on with 60, a
            fifth.
        of: Blocks of pairs, from `pairs.blocks`; all pairs are one by default.

    Returns:
        For each block, what a comparison needs.

    Raises:
        ValueError: The measure is none that stimuli can be resampled for, weights are of another number of conditions,
            or an RDM cannot be compared (see `measures.compare`).
    """
    if measure not in CORRELATES:
        raise ValueError(f"no intervals over stimuli for measure {measure!r}; there are for {', '.join(CORRELATES)}")
    n = n_conditions(rdms)
    if weights.shape[1] != n:
        raise ValueError(f"draws of {weights.shape[1]} conditions for RDMs of {n}")
    return [_sums(rdms, weights, measure, block) for block in (of or {ALL: slice(None)}).values()]


def _sums(rdms: np.ndarray, weights: np.ndarray, measure: str, block: np.ndarray | slice) -> Sums:
    conditions, places, inside = _of_block(block, weights.shape[1])
    values = np.zeros((len(rdms), inside.size), dtype=np.float32)
    for row, rdm in zip(values, rdms, strict=True):  # one at a time, for each needs more memory on its way
        row[inside] = CORRELATES[measure](rdm[None, places[inside]])[0]
    drawn = np.ascontiguousarray(weights.T[conditions], dtype=np.float32)
    if inside.all():
        pairs = (drawn.sum(axis=0, dtype=np.float64) ** 2 - (drawn.astype(np.float64) ** 2).sum(axis=0)) / 2
    else:
        pairs = sums_over_pairs(inside[None].astype(np.float32), drawn)[0]
    first, second = np.swapaxes(
        [sums_over_pairs(np.stack([inside.astype(np.float32), row]), drawn, row) for row in values], 0, 1
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = first / pairs if MEASURES[measure].is_correlation else np.zeros_like(first)
        variance = second / pairs - mean**2
        # Sums in float32 are exact to about 1e-6 of their largest part.
        deviation = np.sqrt(np.where(variance > 1e-5 * second / pairs, variance, np.nan))
    return Sums(values, drawn, pairs, mean, deviation)


def _of_block(block: np.ndarray | slice, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A block's conditions; the places of all their pairs in condensed RDMs; which of these are of the block."""
    of_block = np.zeros(n * (n - 1) // 2, dtype=bool)
    of_block[block] = True
    if of_block.all():
        return np.arange(n), np.arange(of_block.size), of_block
    sides = np.triu_indices(n, k=1)
    conditions = np.unique([side[of_block] for side in sides])
    places = np.flatnonzero(np.isin(sides[0], conditions) & np.isin(sides[1], conditions))
    return conditions, places, of_block[places]


def sums_over_pairs(values: np.ndarray, weights: np.ndarray, factor: np.ndarray | None = None) -> np.ndarray:
    """Σ over i < j of wᵢ wⱼ vᵢⱼ, for all rows of values and all draws.

    Goes through rows of the upper triangle, some at a time: products with the weights of the columns by BLAS, half of
    the multiplications of a whole symmetric matrix, then with those of the rows. Rows are summed in float32, and the
    sums of some rows in float64.

    Args:
        values: float32 (rows, pairs), condensed.
        weights: float32 (conditions, draws).
        factor: Values are multiplied by it on the way, float32 (pairs,).

    Returns:
        float64 (rows, draws).
    """
    n, draws = weights.shape
    total = np.zeros((len(values), draws))
    begin = 0
    for start in range(0, n - 1, ROWS_AT_A_TIME):
        rows = min(ROWS_AT_A_TIME, n - 1 - start)
        block = np.zeros((len(values), rows, n - start), dtype=np.float32)
        for row in range(rows):
            pairs = slice(begin, begin + n - 1 - start - row)
            block[:, row, row + 1 :] = values[:, pairs] if factor is None else values[:, pairs] * factor[pairs]
            begin = pairs.stop
        over_columns = (block.reshape(len(values) * rows, n - start) @ weights[start:]).reshape(-1, rows, draws)
        total += np.einsum("vid,id->vd", over_columns, weights[start : start + rows])
    return total


def correlations(model: list[Sums], brains: list[Sums]) -> np.ndarray:
    """The correlations of one model RDM with brain RDMs in each block and each draw.

    Args:
        model: From `sums`, of one RDM.
        brains: From `sums`, with the same draws, measure and blocks.

    Returns:
        float64 (blocks, draws, brains); NaN where the pairs of a block that are drawn are all alike.
    """
    found = []
    for x, y in zip(model, brains, strict=True):
        products = sums_over_pairs(y.values, y.weights, x.values[0])
        with np.errstate(invalid="ignore", divide="ignore"):
            found.append(((products / y.pairs - x.mean * y.mean) / (x.deviation * y.deviation)).T)
    return np.stack(found)


def mean_over_blocks(values: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """The mean over blocks, weighted by the pairs that each has in the draw.

    Args:
        values: (blocks, draws, ...), NaN where a block has no value in a draw; it is then left out.
        pairs: How many pairs the draws have, (blocks, draws).

    Returns:
        (draws, ...); NaN where no block has a value.
    """
    weights = pairs.reshape(*pairs.shape, *[1] * (values.ndim - 2)) * np.isfinite(values)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.nansum(weights * values, axis=0) / weights.sum(axis=0)


def resampled_correlations(
    model_rdm: np.ndarray,
    brain_rdms: np.ndarray | list[Sums],
    weights: np.ndarray,
    measure: str = "pearson",
    of: dict | None = None,
) -> np.ndarray:
    """Compare a model RDM with brain RDMs in every resample of the stimuli.

    Args:
        model_rdm: Condensed (pairs,).
        brain_rdms: Condensed (brains, pairs); or what `sums` made of them, with the same weights, measure and blocks,
            which saves two thirds of the work when they are compared with many model RDMs.
        weights: (draws, conditions), as of `sums`.
        measure: As of `sums`.
        of: Blocks of pairs, as of `sums`; each is compared on its own, and the result is their mean, weighted by the
            pairs that each has in the resample.

    Returns:
        float64 (draws, brains), within 1e-5 of what the resampled RDMs give in float64.

    Raises:
        ValueError: As of `sums`.
    """
    brains = brain_rdms if isinstance(brain_rdms, list) else sums(brain_rdms, weights, measure, of)
    of_blocks = correlations(sums(model_rdm[None], weights, measure, of), brains)
    return mean_over_blocks(of_blocks, np.stack([block.pairs for block in brains]))
