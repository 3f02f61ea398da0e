"""Representational dissimilarity matrices (RDMs), computed from a stream of features.

An RDM is kept condensed: one value per pair of conditions, in the order of `scipy.spatial.distance.squareform`.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from .errors import InputError

DISTANCES = ("correlation", "euclidean", "sqeuclidean", "cosine")


def n_conditions(rdm: np.ndarray) -> int:
    """The number of conditions of a condensed RDM with `rdm.shape[-1]` pairs.

    Raises:
        ValueError: No number of conditions has that many pairs.
    """
    pairs = rdm.shape[-1]
    n = round((1 + np.sqrt(1 + 8 * pairs)) / 2)
    if n * (n - 1) // 2 != pairs:
        raise ValueError(f"{pairs} is not the number of pairs of any number of conditions")
    return n


def condensed(square: np.ndarray) -> np.ndarray:
    """The upper triangle, row by row, of a square matrix (conditions, conditions)."""
    return square[np.triu_indices(len(square), k=1)]


def rdm(chunks: Iterable[np.ndarray], distance: str = "correlation", conditions=None, device=None) -> np.ndarray:
    """The RDM of patterns that arrive in pieces, so that no more than one piece is in memory.

    Args:
        chunks: Arrays (conditions, features of this chunk), float16 to float64; together, all features of all
            conditions.
        distance: `correlation`, 1 − Pearson's r over features (Kriegeskorte et al. 2008); `cosine`, 1 − cosine;
            `euclidean`, or its square `sqeuclidean`, neither divided by the number of features.
        conditions: Names to call conditions by in messages; their numbers from 0 by default.
        device: A `torch.device` to multiply on; numpy on the processor by default.

    Returns:
        The condensed RDM, float64 (pairs,).

    Raises:
        ValueError: A pattern is not finite; or it is constant and the distance is `correlation`, or zero and the
            distance is `cosine`; or the distance is unknown.
    """
    if distance not in DISTANCES:
        raise ValueError(f"unknown distance {distance!r}; known: {', '.join(DISTANCES)}")
    sums = summed(chunks, conditions, device)
    products = sums.products
    if distance != "correlation":
        products = products + np.outer(sums.mean, sums.n * sums.mean)
    own, with_common, common = products[:-1, :-1], products[:-1, -1], products[-1, -1]
    if distance in ("euclidean", "sqeuclidean"):
        # The mean pattern is in every condition's, so it is in no difference.
        squared = np.maximum(np.add.outer(np.diag(own), np.diag(own)) - 2 * own, 0)
        return condensed(squared if distance == "sqeuclidean" else np.sqrt(squared))
    largest = np.maximum(abs(sums.lowest), abs(sums.highest))
    if distance == "correlation":
        refuse(sums.highest - sums.lowest <= 1e-6 * largest, "constant", conditions)
    refuse(largest == 0, "zero", conditions)
    lengths = np.sqrt(np.diag(own) + 2 * with_common + common)
    cosine = (own + np.add.outer(with_common, with_common) + common) / np.outer(lengths, lengths)
    return np.maximum(1 - condensed(cosine), 0)


def refuse(bad: np.ndarray, fault: str, conditions) -> None:
    """Refuse patterns that have no distance.

    Args:
        bad: Which patterns, bool (conditions,).
        fault: What is wrong with them.
        conditions: Their names, or None.

    Raises:
        ValueError: Any is bad; the message counts them and names the first ones.
    """
    if bad.any():
        names = [f"number {i}" if conditions is None else str(conditions[i]) for i in np.flatnonzero(bad)]
        shown = ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
        raise ValueError(f"the patterns of {len(names)} of {len(bad)} conditions are {fault}: {shown}")


@dataclass
class Sums:
    """What the features so far say of R: the rows of deviations from the mean pattern, and that pattern below them."""

    n: int
    """Features."""
    mean: np.ndarray
    """The rows' means over features, (conditions + 1,)."""
    products: np.ndarray
    """(R − mean) times its own transpose, (conditions + 1, conditions + 1)."""
    lowest: np.ndarray
    highest: np.ndarray
    """The patterns' extreme values as they came, (conditions,)."""

    def add(self, other: "Sums") -> None:
        """Take in other features: the update of Chan, Golub and LeVeque (1983)."""
        n, shift = self.n + other.n, other.mean - self.mean
        self.products += other.products
        self.products += np.outer(shift, shift * (self.n * other.n / n))
        self.mean += shift * (other.n / n)
        self.lowest = np.minimum(self.lowest, other.lowest)
        self.highest = np.maximum(self.highest, other.highest)
        self.n = n


def summed(chunks: Iterable[np.ndarray], conditions=None, device=None) -> Sums:
    """Inner products of patterns, of which one chunk of features is in memory at a time.

    Before a chunk is multiplied, each pattern's mean over its features is subtracted, and then the mean pattern over
    conditions, which is kept as a row of its own. Multiplied in the chunk's own precision (float32 for float16) is
    only what differs between conditions; the rest is put back, and chunks are merged, in float64. So patterns with
    a large part in common, such as features after a ReLU, lose nothing.

    Args:
        chunks: Arrays (conditions, features of this chunk).
        conditions: Names of conditions for the message, or None.
        device: A `torch.device` to multiply on, or None for numpy on the processor.

    Raises:
        ValueError: There are no features, or some are not finite.
    """
    of_chunk = chunk_sums if device is None else torch_chunk_sums(device)
    total = None
    for chunk in chunks:
        with np.errstate(invalid="ignore", over="ignore"):  # refused in the next line, by name
            sums = of_chunk(chunk)
        refuse(~(np.isfinite(sums.lowest) & np.isfinite(sums.highest)), "not finite", conditions)
        if total is None:
            total = sums
        else:
            total.add(sums)
    if total is None:
        raise ValueError("no features were given")
    return total


def chunk_sums(chunk: np.ndarray) -> Sums:
    """The sums of one chunk of features, float (conditions, features)."""
    n_rows, n = chunk.shape
    rows = np.empty((n_rows + 1, n), dtype=np.result_type(chunk.dtype, np.float32))
    deviations = rows[:-1]
    deviations[:] = chunk
    extremes = deviations.min(axis=1), deviations.max(axis=1)
    # Means by matrix-vector products, which are fast; what their rounding leaves behind is in `rest`.
    pattern_mean = deviations @ np.full(n, 1 / n, rows.dtype)
    deviations -= pattern_mean[:, None]
    rows[-1] = np.full(n_rows, 1 / n_rows, rows.dtype) @ deviations
    deviations -= rows[-1]
    rest = rows @ np.ones(n, rows.dtype)
    # numpy has BLAS multiply a matrix with its own transpose by syrk, at half the work.
    return put_together(n, pattern_mean, rest, rows @ rows.T, *extremes)


def torch_chunk_sums(device):
    """`chunk_sums` on a GPU, or on whatever torch calls a device."""
    import torch

    torch.backends.cuda.matmul.allow_tf32 = False  # its 10 bits of mantissa are not enough for a distance

    def on_device(chunk: np.ndarray) -> Sums:
        given = torch.from_numpy(np.ascontiguousarray(chunk)).to(device)
        n_rows, n = given.shape
        rows = torch.empty((n_rows + 1, n), dtype=torch.promote_types(given.dtype, torch.float32), device=device)
        deviations = rows[:-1]
        deviations[:] = given
        extremes = deviations.aminmax(dim=1)
        pattern_mean = deviations.mean(dim=1)
        deviations -= pattern_mean[:, None]
        rows[-1] = deviations.mean(dim=0)
        deviations -= rows[-1]
        results = (pattern_mean, rows.sum(dim=1), rows @ rows.T, *extremes)
        return put_together(n, *(result.cpu().numpy() for result in results))

    return on_device


def put_together(n: int, pattern_mean, rest, products, lowest, highest) -> Sums:
    """The sums of a chunk, in float64, from what was computed in the chunk's precision.

    Args:
        n: Features.
        pattern_mean: What was subtracted from each pattern, (conditions,).
        rest: The sums of the rows that were multiplied, deviations and mean pattern, (conditions + 1,).
        products: Inner products of these rows, (conditions + 1, conditions + 1).
        lowest: The patterns' lowest values, (conditions,).
        highest: The patterns' highest values, (conditions,).
    """
    mean = rest.astype(np.float64) / n
    products = products.astype(np.float64) - np.outer(mean, mean * n)
    # Of what was subtracted from the patterns, the part that all share belongs to the mean pattern.
    shared = pattern_mean.mean(dtype=np.float64)
    mean[:-1] += pattern_mean - shared
    mean[-1] += shared
    return Sums(n, mean, products, lowest.astype(np.float64), highest.astype(np.float64))


def save(path, rdm: np.ndarray) -> None:
    """Write a condensed RDM as float32 `.npy`."""
    np.save(path, rdm.astype(np.float32))


def load(path) -> np.ndarray:
    """Read a condensed RDM written by `save`, float32 (pairs,).

    Raises:
        InputError: The file is not a condensed RDM.
    """
    expected = "a condensed RDM: a 1-D array of as many numbers as some conditions have pairs"
    try:
        rdm = np.load(path, allow_pickle=False)
        n_conditions(rdm)
    except (ValueError, EOFError, OSError) as error:
        raise InputError(path, str(error), expected, "delete the file and run the workflow again") from None
    return rdm
