"""Representational dissimilarity matrices (RDMs), computed from a stream of features.

An RDM is kept condensed: one value per pair of conditions, in the order of `scipy.spatial.distance.squareform`.
"""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from threading import Lock

import numpy as np

from ..errors import InputError
from ..half_precision import widened

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
    threads: int = 1,
) -> np.ndarray:
    """The RDM of patterns that arrive in pieces, so that no more than one piece is in memory.

    Args:
        chunks: Arrays (conditions, features of this chunk), float16 to float64, or functions that return them;
            together, all features of all conditions.
        distance: `correlation`, 1 − Pearson's r over features (Kriegeskorte et al. 2008); `cosine`, 1 − cosine;
            `euclidean`, or its square `sqeuclidean`, neither divided by the number of features.
        conditions: Names to call conditions by in messages; their numbers from 0 by default.
        device: A `torch.device` to multiply on; numpy on the processor by default.
        threads: How many chunks to work on at a time, each by one thread and in memory of its own. 1 leaves BLAS the
            threads that it is set to.

    Returns:
        The condensed RDM, float64 (pairs,).

    Raises:
        ValueError: A pattern is not finite, or float64 does not hold its squares; or it is constant and the distance
            is `correlation`, or zero and the distance is `cosine`; or the distance is unknown.
    """
    if distance not in DISTANCES:
        raise ValueError(f"unknown distance {distance!r}; known: {', '.join(DISTANCES)}")
    sums = summed(chunks, distance, conditions, device, threads)
    products = sums.products(centred=distance == "correlation")
    lengths: np.ndarray = np.sqrt(np.diag(products))
    refuse(~np.isfinite(lengths), "too large for their squares to be computed", conditions)
    if distance in ("euclidean", "sqeuclidean"):
        squared = condensed(np.maximum(np.add.outer(lengths**2, lengths**2) - 2 * products, 0))
        return squared if distance == "sqeuclidean" else np.sqrt(squared)
    if distance == "correlation":
        refuse(sums.constant, "constant", conditions)
    refuse(sums.constant & (sums.first == 0), "zero", conditions)
    refuse(lengths == 0, "too small for their squares to be computed", conditions)
    return np.maximum(1 - condensed(products / np.outer(lengths, lengths)), 0)


def summed(chunks, distance: str, conditions, device, threads: int) -> "InnerProducts":
    """The inner products of patterns that arrive in pieces; arguments as of `rdm`."""
    waiting, lock = iter(chunks), Lock()

    def work() -> InnerProducts:
        sums = InnerProducts(distance, conditions, device)
        while True:
            with lock:
                chunk = next(waiting, None)
            if chunk is None:
                return sums
            sums.add(chunk() if callable(chunk) else np.asarray(chunk))

    if threads == 1 or device is not None:
        return work()
    from threadpoolctl import threadpool_limits

    # Whole chunks at a time share nothing, where threads within a multiplication wait for each other.
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(threads) as pool:
        first, *others = [future.result() for future in [pool.submit(work) for _ in range(threads)]]
    for other in others:
        first.merge(other)
    return first


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
TILE = 512
"""Features that are taken apart at a time: conditions × TILE numbers should fit the processor's cache."""
SAFE_SQUARES = 1e-25, 1e30
"""Sums of squares of float32 numbers that neither overflow nor lose what is too small for float32."""
SAFE_EXPONENT = 30
"""Patterns with values of about 2 to the power of less than this, up or down, are multiplied as they are."""


class InnerProducts:
    """Inner products of patterns, of which one chunk of features is in memory at a time.

    Features are multiplied in their own precision (float32 for float16), less what would waste its digits: for
    `correlation` about the mean of each pattern's features, for Euclidean distances the mean pattern over
    conditions, which is in no difference. What is left of the patterns' means is accounted for, and chunks are merged
    by the update of Chan, Golub and LeVeque (1983), in float64. So patterns with large means, such as features after a
    ReLU, lose nothing. Nor do patterns whose squares float32 cannot hold: they are multiplied by a power of two before,
    and their products divided by it in float64.

    Args:
        distance: What the products are for, a name in `DISTANCES`.
        conditions: Names of conditions for messages, or None.
        device: A `torch.device` to multiply on, or None for numpy on the processor.
    """

    def __init__(self, distance: str, conditions=None, device=None):
        self.distance, self.conditions = distance, conditions
        self._rows = ProcessorRows() if device is None else DeviceRows(device)
        self._sum: np.ndarray | float = 0.0
        """The sum over chunks of what was multiplied, float64 (conditions, conditions)."""
        self._sizes: list[int] = []
        """Features of each chunk."""
        self._means: list[np.ndarray] = []
        """The patterns' means over each chunk's features, less the mean pattern's where that is left out."""
        self._left: list[np.ndarray] = []
        """What of these means was left when the patterns were multiplied, (conditions,)."""
        self.first: np.ndarray | None
        self.constant: np.ndarray | None
        self.first = self.constant = None
        """Each pattern's first value, and whether all its values so far are equal to that, (conditions,)."""

    def add(self, chunk: np.ndarray) -> None:
        """Take in more features, (conditions, features).

        Raises:
            ValueError: Some are not finite.
        """
        for start in range(0, chunk.shape[1], MULTIPLIED):
            self._add(chunk[:, start : start + MULTIPLIED])

    def merge(self, other: "InnerProducts") -> None:
        """Take in the features that another one took in."""
        if other.first is None:
            return
        if self.first is None:
            self.first, self.constant = other.first, other.constant
        self.constant = self.constant & other.constant & (self.first == other.first)
        self._sum = self._sum + other._sum
        self._sizes += other._sizes
        self._means += other._means
        self._left += other._left

    def _add(self, chunk: np.ndarray) -> None:
        self._follow_constant(chunk)
        size, exponents = chunk.shape[1], np.zeros(len(chunk), int)
        subtracted, products = self._multiplied(chunk)
        if not np.isfinite(products).all():
            refuse(~np.isfinite(chunk).all(axis=1), "not finite", self.conditions)
        squares = np.diag(products)[:-1]
        low, high = SAFE_SQUARES
        # Whatever float16 holds is safe.
        if chunk.dtype != np.float16 and not ((squares > low) & (squares < high)).all():
            exponents = self._exponents(chunk)
        if exponents.any():
            subtracted, products = self._multiplied(np.ldexp(chunk, exponents[:, None]))
        left = products[:-1, -1].astype(np.float64) / size
        if self.distance != "cosine" and np.any(size * left**2 > 0.5 * np.diag(products)[:-1]):
            subtracted += self._rows.without(left)
            products = self._rows.multiplied()
            left = products[:-1, -1].astype(np.float64) / size
        products = products[:-1, :-1].astype(np.float64)
        if exponents.any():
            with np.errstate(over="ignore"):  # refused in the end
                products = np.ldexp(products, -np.add.outer(exponents, exponents))
        self._sum += products
        self._sizes.append(size)
        self._means.append(np.ldexp(subtracted + left, -exponents))
        self._left.append(np.ldexp(left, -exponents))

    def _multiplied(self, chunk: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What was subtracted from each pattern, and the products of what was left and of ones."""
        if self.distance == "correlation":
            # About the mean is near enough: from every 128th feature.
            with np.errstate(invalid="ignore", over="ignore"):
                subtracted = self._rows.load(chunk, means=chunk[:, ::128].astype(np.float64).mean(axis=1))
        else:
            subtracted = self._rows.load(chunk, less_mean_pattern=self.distance != "cosine")
        return subtracted, self._rows.multiplied()

    def _exponents(self, chunk: np.ndarray) -> np.ndarray:
        """The powers of two that bring patterns near 1 whose squares may leave the range of float32, (conditions,)."""
        largest = np.maximum(chunk.max(axis=1), -chunk.min(axis=1))
        if self.distance in ("euclidean", "sqeuclidean"):  # differences of patterns ask for one scale
            largest[:] = largest.max()
        exponents = -np.frexp(largest)[1]
        return np.where(np.abs(exponents) > SAFE_EXPONENT, exponents, 0)

    def _follow_constant(self, chunk: np.ndarray) -> None:
        if self.first is None:
            self.first, self.constant = chunk[:, 0].copy(), np.ones(len(chunk), dtype=bool)
        # After the first chunk hardly any pattern is left to look at.
        suspects = np.flatnonzero(self.constant)
        if suspects.size:
            self.constant[suspects] = (chunk[suspects] == self.first[suspects, None]).all(axis=1)

    def products(self, centred: bool) -> np.ndarray:
        """The inner products of the patterns, float64 (conditions, conditions).

        Args:
            centred: Whether each pattern is first centred on its mean over all features.

        Raises:
            ValueError: There are no features.
        """
        if not self._sizes:
            raise ValueError("no features were given")
        sizes, means, left = np.array(self._sizes, dtype=float), np.array(self._means), np.array(self._left)
        with np.errstate(invalid="ignore", over="ignore"):  # as above
            from_means = means - sizes @ means / sizes.sum() if centred else means
            return self._sum - (left.T * sizes) @ left + (from_means.T * sizes) @ from_means


class ProcessorRows:
    """The rows that are multiplied: patterns less something, and a row of ones, which gives their sums."""

    def __init__(self):
        self._rows = np.empty((0, 0), np.float32)

    def load(self, chunk: np.ndarray, means: np.ndarray | None = None, less_mean_pattern: bool = False) -> np.ndarray:
        """Take in a chunk, float (conditions, features).

        Args:
            chunk: Patterns.
            means: What to subtract from each, (conditions,), or None.
            less_mean_pattern: Whether to subtract the mean pattern over conditions.

        Returns:
            `means` as they were rounded, float64, or zeros.
        """
        shape, precision = (len(chunk) + 1, chunk.shape[1]), np.result_type(chunk.dtype, np.float32)
        if self._rows.shape != shape or self._rows.dtype != precision:
            # Rows that lie a power of two apart would all meet in a few places of the cache.
            self._rows = np.ones((shape[0], shape[1] + 16), precision)[:, : shape[1]]
        rounded = np.zeros(len(chunk), precision) if means is None else means.astype(precision)
        with np.errstate(invalid="ignore", over="ignore"):  # what is not finite is refused later, by name
            for start in range(0, shape[1], TILE):
                here = slice(start, start + TILE)
                tile = widened(chunk[:, here], precision)
                away = tile.mean(axis=0) if less_mean_pattern else rounded[:, None]
                np.subtract(tile, away, out=self._rows[:-1, here])
        return rounded.astype(np.float64)

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

    def load(self, chunk: np.ndarray, means: np.ndarray | None = None, less_mean_pattern: bool = False) -> np.ndarray:
        given = self._torch.from_numpy(np.ascontiguousarray(chunk)).to(self._device)
        given = given.to(self._torch.promote_types(given.dtype, self._torch.float32))
        rounded = self._torch.zeros_like(given[:, 0])
        if means is not None:
            rounded = self._torch.from_numpy(means).to(given)
        away = given.mean(dim=0) if less_mean_pattern else rounded[:, None]
        self._rows = self._torch.cat([given - away, self._torch.ones_like(given[:1])])
        return rounded.double().cpu().numpy()

    def multiplied(self) -> np.ndarray:
        return (self._rows @ self._rows.T).cpu().numpy()

    def without(self, means: np.ndarray) -> np.ndarray:
        rounded = self._torch.from_numpy(means).to(self._rows)
        self._rows[:-1] -= rounded[:, None]
        return rounded.double().cpu().numpy()


LARGEST_LOSS = 1e-6
"""How much of the largest distance writing an RDM as float32 may cost any."""


def save(path, rdm: np.ndarray) -> None:
    """Write a condensed RDM as float32 `.npy`.

    Raises:
        InputError: Distances are too large or too small for float32.
    """
    with np.errstate(over="ignore", under="ignore"):
        rounded = rdm.astype(np.float32)
    largest = np.abs(rdm).max(initial=0.0)
    if (np.abs(rounded - rdm) > LARGEST_LOSS * largest).any():
        raise InputError(
            path,
            f"distances up to {largest:.3g}",
            f"numbers that float32 holds, from {np.finfo(np.float32).tiny:.1g} to {np.finfo(np.float32).max:.1g}",
            "set rdm.distance, or rdm.brain_distance, to correlation or cosine, which no scale of patterns changes",
        )
    np.save(path, rounded)


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
