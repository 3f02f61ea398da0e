"""Inner products of patterns, computed from a stream of features: all that distances and kernels follow from."""

import zipfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import NamedTuple

import numpy as np

from ..errors import InputError
from ..half_precision import widened


class Geometry(NamedTuple):
    """What RDMs and kernels of some patterns follow from, without their features."""

    products: np.ndarray
    """Inner products of the patterns, each less its own mean over features, float64 (conditions, conditions)."""
    means: np.ndarray
    """Each pattern's mean over features, float64 (conditions,)."""
    n_features: int
    constant: np.ndarray
    """Whether all features of a pattern are equal, bool (conditions,)."""
    zero: np.ndarray
    """Whether they are all 0, bool (conditions,)."""
    conditions: list[str] | None
    """Names, for messages."""


def geometry(chunks: Iterable, conditions=None, device=None, threads: int = 1) -> Geometry:
    """The inner products of patterns that arrive in pieces, so that no more than one piece is in memory.

    Args:
        chunks: Arrays (conditions, features of this chunk), float16 to float64, or functions that return them;
            together, all features of all conditions.
        conditions: Names to call conditions by in messages; their numbers from 0 by default.
        device: A `torch.device` to multiply on; numpy on the processor by default.
        threads: How many chunks to work on at a time, each by one thread and in memory of its own. 1 leaves BLAS the
            threads that it is set to.

    Raises:
        ValueError: A pattern is not finite, or float64 does not hold its squares; or there are no features.
    """
    waiting, lock = iter(chunks), Lock()

    def work() -> InnerProducts:
        sums = InnerProducts(conditions, device)
        while True:
            with lock:
                chunk = next(waiting, None)
            if chunk is None:
                return sums
            sums.add(chunk() if callable(chunk) else np.asarray(chunk))

    if threads == 1 or device is not None:
        return work().geometry()
    from threadpoolctl import threadpool_limits

    # Whole chunks at a time share nothing, where threads within a multiplication wait for each other.
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(threads) as pool:
        first, *others = [future.result() for future in [pool.submit(work) for _ in range(threads)]]
    for other in others:
        first.merge(other)
    return first.geometry()


def save(path, of: Geometry) -> None:
    """Write a geometry as `.npz`: `products` are the upper triangle with its diagonal, row by row."""
    upper = of.products[np.triu_indices(len(of.products))]
    np.savez(path, **of._asdict() | {"products": upper, "conditions": np.array(of.conditions, dtype=str)})


def load(path) -> Geometry:
    """Read what `save` wrote.

    Raises:
        InputError: The file is no geometry.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            found = {name: file[name] for name in Geometry._fields}
        n = len(found["means"])
        products = np.zeros((n, n))
        products[np.triu_indices(n)] = found["products"]
    except (ValueError, KeyError, EOFError, OSError, zipfile.BadZipFile) as error:
        expected = f"an .npz file of {', '.join(Geometry._fields)}"
        raise InputError(path, str(error), expected, "delete the file and run the workflow again") from None
    products += np.triu(products, k=1).T
    return Geometry(
        **found
        | {"products": products, "n_features": int(found["n_features"]), "conditions": found["conditions"].tolist()}
    )


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
SAMPLED = 128
"""What is subtracted is found from every so manyth feature."""
SHARED = 0.5
"""The share of the patterns' squares from which on what they have in common is subtracted."""


class InnerProducts:
    """Inner products of patterns, of which one chunk of features is in memory at a time.

    Features are multiplied in their own precision (float32 for float16), less what would waste its digits: each
    pattern's mean over features, and where patterns have much in common, as much of their mean pattern as each has.
    Both are near enough when they come from some of the features and are rounded, for what is subtracted is accounted
    for in float64: of x = z + r·1 + a·m, products follow from those of z, 1 and m. Chunks are merged by the update of
    Chan, Golub and LeVeque (1983). So patterns with large means, such as features after a ReLU, lose nothing, nor do
    weak ones among strong ones, nor differences that are small beside what all patterns share. Nor do patterns whose
    squares float32 cannot hold: they are multiplied by a power of two before, and their products divided by it.

    Args:
        conditions: Names of conditions for messages, or None.
        device: A `torch.device` to multiply on, or None for numpy on the processor.
    """

    def __init__(self, conditions=None, device=None):
        self.conditions = conditions
        self._rows = ProcessorRows() if device is None else DeviceRows(device)
        self._sum: np.ndarray | float = 0.0
        """The sum over chunks of products of patterns about their means over the chunk, (conditions, conditions)."""
        self._sizes: list[int] = []
        """Features of each chunk."""
        self._means: list[np.ndarray] = []
        """The patterns' means over each chunk's features, float64 (conditions,)."""
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

    def _add(self, chunk: np.ndarray) -> None:
        self._follow_constant(chunk)
        exponents = np.zeros(len(chunk), int)
        loaded, products = self._multiplied(chunk)
        if not np.isfinite(products).all():
            refuse(~np.isfinite(chunk).all(axis=1), "not finite", self.conditions)
        squares = np.diag(products)[: len(chunk)]
        low, high = SAFE_SQUARES
        # Whatever float16 holds is safe.
        if chunk.dtype != np.float16 and not ((squares > low) & (squares < high)).all():
            exponents = _exponents(chunk)
        if exponents.any():
            loaded, products = self._multiplied(np.ldexp(chunk, exponents[:, None]))
        about_means, means = restored(loaded, products, chunk.shape[1])
        with np.errstate(over="ignore"):  # refused in the end
            self._sum += np.ldexp(about_means, -np.add.outer(exponents, exponents))
            self._means.append(np.ldexp(means, -exponents))
        self._sizes.append(chunk.shape[1])

    def _multiplied(self, chunk: np.ndarray) -> tuple["Subtracted", np.ndarray]:
        """What was subtracted from each pattern, and the products of what was left, of ones and of the mean pattern."""
        subtracted = to_subtract(chunk)
        products = self._rows.load(chunk, subtracted).multiplied()
        left = products[: len(chunk), len(chunk)].astype(np.float64) / chunk.shape[1]
        # Where the sampled features told little of the mean, it is known now.
        with np.errstate(invalid="ignore", over="ignore"):
            if np.any(chunk.shape[1] * left**2 > 0.5 * np.diag(products)[: len(chunk)]):
                subtracted = subtracted._replace(means=rounded(subtracted.means + left, chunk.dtype))
                products = self._rows.load(chunk, subtracted).multiplied()
        return subtracted, products

    def _follow_constant(self, chunk: np.ndarray) -> None:
        if self.first is None:
            self.first, self.constant = chunk[:, 0].copy(), np.ones(len(chunk), dtype=bool)
        # After the first chunk hardly any pattern is left to look at.
        suspects = np.flatnonzero(self.constant)
        if suspects.size:
            self.constant[suspects] = (chunk[suspects] == self.first[suspects, None]).all(axis=1)

    def geometry(self) -> Geometry:
        """What was taken in.

        Raises:
            ValueError: There are no features, or float64 does not hold the squares of a pattern.
        """
        if not self._sizes:
            raise ValueError("no features were given")
        sizes, means = np.array(self._sizes, dtype=float), np.array(self._means)
        with np.errstate(invalid="ignore", over="ignore"):  # refused below
            mean = sizes @ means / sizes.sum()
            products = self._sum + ((means - mean).T * sizes) @ (means - mean)
            squares = np.diag(products) + sizes.sum() * mean**2
        refuse(~np.isfinite(squares), "too large for their squares to be computed", self.conditions)
        zero = self.constant & (self.first == 0)
        names = None if self.conditions is None else list(map(str, self.conditions))
        return Geometry(products, mean, int(sizes.sum()), self.constant, zero, names)


class Subtracted(NamedTuple):
    """What is subtracted from patterns before they are multiplied, exactly as it is: float64 (conditions,)."""

    means: np.ndarray
    """A number from all features of each pattern."""
    shares: np.ndarray | None
    """So much of the mean pattern from each; None for nothing."""


def to_subtract(chunk: np.ndarray) -> Subtracted:
    """What of patterns (conditions, features) would waste digits: near enough from some of the features."""
    with np.errstate(invalid="ignore", over="ignore"):
        sample = chunk[:, ::SAMPLED].astype(np.float64)
        means = rounded(sample.mean(axis=1), chunk.dtype)
        sample -= means[:, None]
        common = sample.mean(axis=0)
        length = common @ common
        if not len(chunk) * length > SHARED * np.einsum("ij,ij->", sample, sample):
            return Subtracted(means, None)
        return Subtracted(means, rounded(sample @ common / length, chunk.dtype))


def rounded(numbers: np.ndarray, dtype) -> np.ndarray:
    """Numbers as features of some type are multiplied, in float64."""
    return numbers.astype(np.result_type(dtype, np.float32)).astype(np.float64)


def restored(subtracted: Subtracted, products: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """The inner products of patterns about their means, and these means, from the products of what was multiplied.

    Args:
        subtracted: What was subtracted from the patterns.
        products: Of the rows z that were multiplied, a row of ones and, if something of it was subtracted, the mean
            pattern, (rows, rows).
        size: The number of features.

    Returns:
        float64 (conditions, conditions) and (conditions,).
    """
    n = len(subtracted.means)
    with np.errstate(invalid="ignore", over="ignore"):
        products = products.astype(np.float64)
        left = products[:n, n] / size
        about, means = products[:n, :n] - size * np.outer(left, left), subtracted.means + left
        if subtracted.shares is not None:
            a, mean = subtracted.shares, products[n + 1, n] / size
            with_mean = np.outer(a, products[:n, n + 1] - size * left * mean)
            about = about + with_mean + with_mean.T + (products[n + 1, n + 1] - size * mean**2) * np.outer(a, a)
            means = means + a * mean
    return about, means


def _exponents(chunk: np.ndarray) -> np.ndarray:
    """The powers of two that bring patterns near 1 whose squares may leave the range of float32, (conditions,)."""
    largest = np.maximum(chunk.max(axis=1), -chunk.min(axis=1))
    exponents = -np.frexp(largest)[1]
    return np.where(np.abs(exponents) > SAFE_EXPONENT, exponents, 0)


class ProcessorRows:
    """The rows that are multiplied: patterns less something, a row of ones, which gives sums, and the mean pattern."""

    def __init__(self):
        self._all = np.empty((0, 0), np.float32)

    def load(self, chunk: np.ndarray, subtracted: Subtracted) -> "ProcessorRows":
        """Take in a chunk, float (conditions, features)."""
        n, shape = len(chunk), (len(chunk) + 2, chunk.shape[1])
        precision = np.result_type(chunk.dtype, np.float32)
        if self._all.shape != shape or self._all.dtype != precision:
            # Rows that lie a power of two apart would all meet in a few places of the cache.
            self._all = np.ones((shape[0], shape[1] + 16), precision)[:, : shape[1]]
        self._rows = self._all[: n + 1 if subtracted.shares is None else n + 2]
        means = subtracted.means.astype(precision)[:, None]
        with np.errstate(invalid="ignore", over="ignore"):  # what is not finite is refused later, by name
            for start in range(0, shape[1], TILE):
                here = slice(start, start + TILE)
                tile = self._rows[:n, here]
                np.subtract(widened(chunk[:, here], precision), means, out=tile)
                if subtracted.shares is not None:
                    common = self._rows[n + 1, here]
                    tile.mean(axis=0, out=common)
                    tile -= subtracted.shares.astype(precision)[:, None] * common
        return self

    def multiplied(self) -> np.ndarray:
        """The rows times their transpose."""
        with np.errstate(invalid="ignore", over="ignore"):
            # numpy has BLAS multiply a matrix with its own transpose by syrk, at half the work.
            return self._rows @ self._rows.T


class DeviceRows:
    """What `ProcessorRows` does, on a GPU or on whatever torch calls a device."""

    def __init__(self, device):
        import torch

        self._torch, self._device = torch, device
        torch.backends.cuda.matmul.allow_tf32 = False  # its 10 bits of mantissa are not enough for a distance

    def load(self, chunk: np.ndarray, subtracted: Subtracted) -> "DeviceRows":
        given = self._torch.from_numpy(np.ascontiguousarray(chunk)).to(self._device)
        given = given.to(self._torch.promote_types(given.dtype, self._torch.float32))
        given = given - self._torch.from_numpy(subtracted.means).to(given)[:, None]
        rows = [given, self._torch.ones_like(given[:1])]
        if subtracted.shares is not None:
            rows.append(given.mean(dim=0, keepdim=True))
            rows[0] = given - self._torch.from_numpy(subtracted.shares).to(given)[:, None] * rows[-1]
        self._rows = self._torch.cat(rows)
        return self

    def multiplied(self) -> np.ndarray:
        return (self._rows @ self._rows.T).cpu().numpy()
