"""Representational dissimilarity matrices (RDMs), computed from a stream of features.

An RDM is kept condensed: one value per pair of conditions, in the order of `scipy.spatial.distance.squareform`.
"""

from collections.abc import Iterable

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


def rdm(
    chunks: Iterable[np.ndarray],
    distance: str = "correlation",
    conditions=None,
    device=None,
) -> np.ndarray:
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
    sums = InnerProducts(conditions, device)
    for chunk in chunks:
        sums.add(np.asarray(chunk))
    products = sums.products(centred=distance == "correlation")
    own, with_common, common = products[:-1, :-1], products[:-1, -1], products[-1, -1]
    if distance in ("euclidean", "sqeuclidean"):
        # The mean pattern is in every condition's, so it is in no difference.
        squared = np.maximum(np.add.outer(np.diag(own), np.diag(own)) - 2 * own, 0)
        return condensed(squared if distance == "sqeuclidean" else np.sqrt(squared))
    if distance == "correlation":
        refuse(sums.constant, "constant", conditions)
    refuse(sums.constant & (sums.first == 0), "zero", conditions)
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


MULTIPLIED = 16_384
"""Features that are multiplied at a time: enough that adding up the products costs little beside multiplying."""
TILE = 256
"""Features that are taken apart at a time: conditions × TILE numbers should fit the processor's cache."""


class InnerProducts:
    """Inner products of patterns, of which one chunk of features is in memory at a time.

    Before a chunk is multiplied, the mean pattern over conditions is subtracted from all patterns and kept as a row
    of its own below them; where a pattern's mean over features is then still large beside its spread, that is
    subtracted too. So what is multiplied in the features' own precision (float32 for float16) is what differs
    between conditions. The rest is put back, and chunks are merged, in float64, by the update of Chan, Golub and
    LeVeque (1983). Patterns with a large part in common, such as features after a ReLU, lose nothing.

    Args:
        conditions: Names of conditions for messages, or None.
        device: A `torch.device` to multiply on, or None for numpy on the processor.
    """

    def __init__(self, conditions=None, device=None):
        self.conditions = conditions
        self._rows = ProcessorRows() if device is None else DeviceRows(device)
        self._sum = 0.0
        """The sum over chunks of what was multiplied, (conditions + 1, conditions + 1)."""
        self._sizes: list[int] = []
        """Features of each chunk."""
        self._means: list[np.ndarray] = []
        """The rows' means over each chunk's features, (conditions + 1,)."""
        self._left: list[np.ndarray] = []
        """What of these means was left in the rows when they were multiplied."""
        self.first = self.constant = None
        """Each pattern's first value, and whether all its values so far are equal to that, (conditions,)."""

    def add(self, chunk: np.ndarray) -> None:
        """Take in more features, (conditions, features).

        Raises:
            ValueError: Some are not finite.
        """
        for start in range(0, chunk.shape[1], MULTIPLIED):
            self._add(chunk[:, start : start + MULTIPLIED])

    def _add(self, chunk: np.ndarray) -> None:
        self._follow_constant(chunk)
        size = chunk.shape[1]
        pattern_means = self._rows.load(chunk)
        products = self._rows.multiplied()
        if not np.isfinite(products).all():
            refuse(~np.isfinite(chunk).all(axis=1), "not finite", self.conditions)
        left = products[:-1, -1].astype(np.float64) / size
        if np.any(size * left**2 > 0.5 * np.diag(products)[:-1]):
            pattern_means += self._rows.without(left)
            products = self._rows.multiplied()
            left = products[:-1, -1].astype(np.float64) / size
        self._sum += products[:-1, :-1]
        self._sizes.append(size)
        self._means.append(pattern_means + left)
        self._left.append(left)

    def _follow_constant(self, chunk: np.ndarray) -> None:
        if self.first is None:
            self.first, self.constant = chunk[:, 0].copy(), np.ones(len(chunk), dtype=bool)
        # After the first chunk hardly any pattern is left to look at.
        suspects = np.flatnonzero(self.constant)
        if suspects.size:
            self.constant[suspects] = (chunk[suspects] == self.first[suspects, None]).all(axis=1)

    def products(self, centred: bool) -> np.ndarray:
        """The inner products of the rows, the mean pattern last, float64 (conditions + 1, conditions + 1).

        Args:
            centred: Whether each row is first centred on its mean over all features.

        Raises:
            ValueError: There are no features.
        """
        if not self._sizes:
            raise ValueError("no features were given")
        sizes, means, left = np.array(self._sizes, dtype=float), np.array(self._means), np.array(self._left)
        from_means = means - sizes @ means / sizes.sum() if centred else means
        return self._sum - (left.T * sizes) @ left + (from_means.T * sizes) @ from_means


class ProcessorRows:
    """The rows that are multiplied: deviations from the mean pattern, that pattern, and ones, which give sums."""

    def __init__(self):
        self._rows = np.empty((0, 0), np.float32)

    def load(self, chunk: np.ndarray) -> np.ndarray:
        """Take a chunk apart, float (conditions, features).

        Returns:
            What was subtracted from the rows beyond the mean pattern, float64 (conditions + 1,).
        """
        shape, precision = (len(chunk) + 2, chunk.shape[1]), np.result_type(chunk.dtype, np.float32)
        if self._rows.shape != shape or self._rows.dtype != precision:
            # Rows that lie a power of two apart would all meet in a few places of the cache.
            self._rows = np.ones((shape[0], shape[1] + 16), precision)[:, : shape[1]]
        deviations, mean_pattern = self._rows[:-2], self._rows[-2]
        subtracted = np.zeros(len(chunk) + 1)
        with np.errstate(invalid="ignore", over="ignore"):  # what is not finite is refused later, by name
            for start in range(0, shape[1], TILE):
                here = slice(start, start + TILE)
                tile = widened(chunk[:, here], precision)
                np.mean(tile, axis=0, out=mean_pattern[here])
                np.subtract(tile, mean_pattern[here], out=deviations[:, here])
            subtracted[-1] = mean_pattern.mean()
            mean_pattern -= precision.type(subtracted[-1])
        return subtracted

    def multiplied(self) -> np.ndarray:
        """The rows times their transpose."""
        with np.errstate(invalid="ignore", over="ignore"):
            # numpy has BLAS multiply a matrix with its own transpose by syrk, at half the work.
            return self._rows @ self._rows.T

    def without(self, means: np.ndarray) -> np.ndarray:
        """Subtract a number from each row but the last, and return it as it was rounded, float64."""
        rounded = means.astype(self._rows.dtype)
        self._rows[:-1] -= rounded[:, None]
        return rounded.astype(np.float64)


class DeviceRows:
    """What `ProcessorRows` does, on a GPU or on whatever torch calls a device."""

    def __init__(self, device):
        import torch

        self._torch, self._device = torch, device
        torch.backends.cuda.matmul.allow_tf32 = False  # its 10 bits of mantissa are not enough for a distance

    def load(self, chunk: np.ndarray) -> np.ndarray:
        given = self._torch.from_numpy(np.ascontiguousarray(chunk)).to(self._device)
        given = given.to(self._torch.promote_types(given.dtype, self._torch.float32))
        mean_pattern = given.mean(dim=0)
        shared = mean_pattern.mean()
        ones = self._torch.ones_like(mean_pattern)
        self._rows = self._torch.cat([given - mean_pattern, (mean_pattern - shared)[None], ones[None]])
        return np.append(np.zeros(len(chunk)), float(shared))

    def multiplied(self) -> np.ndarray:
        return (self._rows @ self._rows.T).cpu().numpy()

    def without(self, means: np.ndarray) -> np.ndarray:
        rounded = self._torch.from_numpy(means).to(self._rows)
        self._rows[:-1] -= rounded[:, None]
        return rounded.double().cpu().numpy()


def widened(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """A contiguous copy of `values` (rows, columns) in a wider floating type, equal to `values.astype(dtype)`.

    From float16 to float32, numpy converts one number after another, the slower the more of them are 0, and takes
    longer than the multiplication that follows. Here the bits are shifted into place, whole arrays at a time, and
    the difference of the exponents' offsets is multiplied in.
    """
    if values.dtype != np.float16 or dtype != np.float32:
        return values.astype(dtype, order="C")
    highest_positive, highest_negative = values.view(np.int16).max(), values.view(np.uint16).max()
    if highest_positive >= 0x7C00 or highest_negative >= 0xFC00:  # infinities and NaNs have another rule
        return values.astype(dtype, order="C")
    bits = values.view(np.int16).astype(np.int32, order="C")
    bits <<= 13
    if highest_negative >= 0x8000:
        bits &= ~0x70000000  # between the sign, at the top, and the exponent
    wide = bits.view(np.float32)
    wide *= np.float32(2.0**112)
    return wide


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
