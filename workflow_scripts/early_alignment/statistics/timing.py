"""When in training alignment peaks, when half of it is there, and in which order targets get there.

Curves are over the analysed epochs, in order. A replicate is the curve of a resample; replicates of several curves
are paired where the same subjects, seeds and stimuli were drawn.
"""

from typing import NamedTuple

import numpy as np


def peak(curves: np.ndarray, epochs: np.ndarray) -> np.ndarray:
    """The epoch of the highest alignment; of epochs that are equally high, the earliest.

    Args:
        curves: (..., epochs).
        epochs: (epochs,), ascending.

    Returns:
        (...); NaN where a value of the curve is.
    """
    highest = np.asarray(epochs)[np.argmax(curves, axis=-1)]  # of equal values, argmax takes the first
    return np.where(np.isnan(curves).any(axis=-1), np.nan, highest)


class Peaks(NamedTuple):
    """How a peak's epoch is distributed over replicates."""

    share: np.ndarray
    """Of replicates with their peak at each epoch, (epochs,)."""
    likely: np.ndarray
    """The smallest set of epochs that holds the wanted share of replicates, ascending."""


def distribution_of_peaks(replicates: np.ndarray, epochs: np.ndarray, level: float = 0.95) -> Peaks:
    """Where replicates have their peak.

    The set is of the epochs at which most replicates peak, the earlier one first where two have as many. It says how
    far resampling moves the peak. It is no confidence set at a guaranteed level: where two epochs are equal in truth,
    the shares of replicates at each do not settle as data grow. `claims` tests the differences between epochs instead.

    Args:
        replicates: (draws, epochs); those with NaN, which have no peak, are left out.
        epochs: (epochs,), ascending.
        level: The share of replicates that the set holds, at least.

    Raises:
        ValueError: No replicate has a peak.
    """
    replicates = replicates[~np.isnan(replicates).any(axis=-1)]
    if not len(replicates):
        raise ValueError("no replicate has a peak")
    count = np.bincount(np.argmax(replicates, axis=-1), minlength=len(epochs))
    order = np.argsort(-count, kind="stable")
    # Counts are whole numbers, so that rounding of shares does not make the set larger.
    needed = 1 + np.searchsorted(np.cumsum(count[order]), level * len(replicates) * (1 - 1e-12))
    return Peaks(count / len(replicates), np.asarray(epochs)[np.sort(order[:needed])])


def half_time(curves: np.ndarray, epochs: np.ndarray) -> np.ndarray:
    """The training time after which alignment first is half way from the untrained network to the peak.

    Between analysed epochs, alignment is taken to change linearly with the logarithm of training time. The untrained
    network has no logarithm: up to the first analysed epoch after it, alignment is taken to change linearly with
    training time itself. So a time before that epoch is between 0 and it, and hinges on this choice alone.

    Args:
        curves: (..., epochs).
        epochs: (epochs,), ascending.

    Returns:
        In epochs, (...); NaN for the reasons that `why_no_half_time` gives. It stays the same when a curve is moved or
        multiplied by a positive number.
    """
    curves, epochs = np.asarray(curves, dtype=np.float64), np.asarray(epochs, dtype=np.float64)
    if epochs[0] != 0 or len(epochs) < 2:
        return np.full(curves.shape[:-1], np.nan)
    rise = curves - curves[..., :1]
    half = rise.max(axis=-1, keepdims=True) / 2
    after = np.argmax(rise >= half, axis=-1)[..., None]  # the first epoch at or beyond half; 0 if nothing rises
    before = np.maximum(after - 1, 0)
    low, high = np.take_along_axis(rise, before, axis=-1), np.take_along_axis(rise, after, axis=-1)
    part = np.divide(half - low, high - low, out=np.full(low.shape, np.nan), where=high > low)
    start, end = epochs[before], epochs[after]
    in_log = np.where(before > 0, start, 1) * (end / np.where(before > 0, start, 1)) ** part
    return np.where(before > 0, in_log, part * end)[..., 0]


def why_no_half_time(curve: np.ndarray, epochs: np.ndarray) -> str:
    """Why a curve (epochs,) has no half-time; empty if it has one."""
    if epochs[0] != 0:
        return "the untrained network, epoch 0, is not analysed"
    if len(epochs) < 2:
        return "no trained network is analysed"
    return "the untrained network is the most aligned" if np.max(curve) <= curve[0] else ""


def difference_from_peak(curve: np.ndarray, curves: np.ndarray, other: int) -> np.ndarray:
    """Alignment at the peak less that at another epoch, such as the last (−1) or the untrained network (0).

    The peak is that of `curve`, and stays where it is in replicates. With each replicate's own peak no difference
    could be below 0, and an interval of it would leave out 0 even where there is noise alone; with a fixed one, the
    replicates vary as a difference of two epochs does, on both sides.

    A highest value was selected among several that all have noise, so the difference is too large on average, however
    the interval is made: see `optimism` for by how much.

    Args:
        curve: The estimate, whose peak is taken, (epochs,).
        curves: The estimate itself, or replicates of it, (..., epochs).
        other: The other epoch's place.

    Returns:
        In units of alignment, (...).
    """
    return curves[..., np.argmax(curve)] - curves[..., other]


def optimism(curve: np.ndarray, replicates: np.ndarray) -> float:
    """How much too high the value at a peak is, since it was selected as the highest: an estimate by resampling.

    The mean over replicates of how far their own highest value is above that at the estimate's peak. Near 0 where one
    epoch stands out; where several are near-equal, of the size of the noise. Replicates start from an estimate that is
    selected itself, so this is the least that it may be: of three equal epochs, 43 % of it.

    Args:
        curve: The estimate, (epochs,).
        replicates: (draws, epochs).

    Returns:
        In units of alignment, 0 or more.
    """
    return float(np.mean(replicates.max(axis=-1) - replicates[:, np.argmax(curve)]))


def share_of_final(curves: np.ndarray, epochs: np.ndarray, at: list[float]) -> np.ndarray:
    """Alignment at some epochs as a part of that at the last one: above 1 where it falls later, below 0 if negative.

    Args:
        curves: (..., epochs).
        epochs: (epochs,), ascending.
        at: The wanted epochs, such as 0, 1, 3 and 9.

    Returns:
        (..., epochs wanted); NaN at epochs that are not analysed, and where the last alignment is not above 0.
    """
    final = curves[..., -1:]
    places = np.searchsorted(epochs, at).clip(max=len(epochs) - 1)
    analysed = np.asarray(epochs)[places] == at
    wanted = curves[..., places]
    return np.divide(wanted, final, out=np.full(wanted.shape, np.nan), where=(final > 0) & analysed)


class Order(NamedTuple):
    """In which order targets reach half of their alignment."""

    rank: np.ndarray
    """From 1, the earliest; of equal times the mean rank; NaN without a half-time; (targets,)."""
    earlier: np.ndarray
    """The share of replicates in which the target of the row is earlier than that of the column, equal times counting
    half, of those in which both have a half-time; NaN if there are none; (targets, targets)."""
    defined: np.ndarray
    """The share of replicates in which both have one; (targets, targets)."""


def order(times: np.ndarray, replicates: np.ndarray) -> Order:
    """The order of targets by half-time, which arXiv 2508.18226 finds to follow the cortical hierarchy.

    Args:
        times: From `half_time`, (targets,).
        replicates: Paired ones, (draws, targets).
    """
    both = np.isfinite(replicates)[:, :, None] & np.isfinite(replicates)[:, None, :]
    difference = np.subtract(
        replicates[:, None, :], replicates[:, :, None], out=np.zeros(both.shape), where=both
    )  # of the column less that of the row
    wins = ((np.sign(difference) + 1) / 2 * both).sum(axis=0)
    pairs = both.sum(axis=0)
    earlier = np.divide(wins, pairs, out=np.full(wins.shape, np.nan), where=pairs > 0)
    return Order(ranks(times), earlier, pairs / len(replicates))


def ranks(values: np.ndarray) -> np.ndarray:
    """Ranks along the last axis, from 1, ties given their mean rank; NaN for NaN, which counts for no other's rank."""
    values = np.asarray(values, dtype=np.float64)
    one, other = values[..., :, None], values[..., None, :]
    ranked = ((other < one).sum(axis=-1) + (other <= one).sum(axis=-1) + 1) / 2
    return np.where(np.isnan(values), np.nan, ranked)


class Spread(NamedTuple):
    """Between which values the middle part of replicates lies."""

    low: np.ndarray
    high: np.ndarray
    defined: np.ndarray
    """The share of replicates that have a value."""


def spread(replicates: np.ndarray, level: float = 0.95) -> Spread:
    """The percentiles between which a part of the replicates lies, of times, shares and other nonlinear functions.

    Args:
        replicates: (draws, ...), NaN where a replicate has no value.
        level: The part that lies between.

    Returns:
        (...) each; both ends are NaN where fewer than half of the replicates have a value, for the others' percentiles
        would then speak of a minority.
    """
    replicates = np.asarray(replicates, dtype=np.float64)
    defined = np.isfinite(replicates).mean(axis=0)
    known = np.where(defined >= 0.5, replicates, 0)  # nanquantile warns of columns without a value
    low, high = np.nanquantile(known, [(1 - level) / 2, (1 + level) / 2], axis=0)
    low, high = (np.where(defined >= 0.5, end, np.nan) for end in (low, high))
    return Spread(low, high, defined)
