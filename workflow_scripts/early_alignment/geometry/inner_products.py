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
"""What is subtracted is guessed from about so many of the features that are multiplied at a time."""
SHARED = 0.25
"""From this share of all patterns' squares on, what they have in common is subtracted."""
FAINT = 0.5
"""Not from patterns that have less than so much of its squares: they would drown in it."""
FAINT_AFTER_ALL, STRONG_AFTER_ALL = 0.125, 1.0
"""Patterns that turn out to have less than the one, or more than the other, are multiplied again: it costs time."""
MENDED = 3
"""How often they are at most: for what they share, for those that are faint, and for the means of what is left."""


class InnerProducts:
    """Inner products of patterns, of which one chunk of features is in memory at a time.

    Features are multiplied in their own precision (float32 for float16), less what would waste its digits: where
    patterns have much in common, the mean pattern over conditions, but not from those that are faint beside it; then
    each pattern's mean over features. Both need only be near, for what is subtracted is accounted for in float64: of
    x = z + r·1 + m, products follow from those of z, 1 and m. The mean pattern is subtracted as it is, not scaled for
    each condition, so that patterns which differ little are not rounded apart. Chunks are merged by the update of Chan,
    Golub and LeVeque (1983). So patterns with large means, such as features after a ReLU, lose nothing, nor do faint
    ones among strong ones, nor differences that are small beside what all patterns share, be it in a few features. Nor
    do patterns whose squares float32 cannot hold: they are multiplied by a power of two before, and their products
    divided by it.

    Args:
        conditions: Names of conditions for messages, or None.
        device: A `torch.device` to multiply on, or None for numpy on the processor.
    """

    def __init__(self, conditions=None, device=None):
        self.conditions = conditions
        self._rows = ProcessorRows() if device is None else DeviceRows(device)
        self._sum: np.ndarray | float = 0.0
        """The sum over chunks of the products of what was multiplied, float64 (conditions, conditions)."""
        self._vectors: list[Vectors] = []
        """What is to be added to it, of each chunk."""
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
        self._vectors += other._vectors

    def _add(self, chunk: np.ndarray) -> None:
        self._follow_constant(chunk)
        subtracted, products = self._multiplied(chunk)
        if not np.isfinite(products).all():
            refuse(~np.isfinite(chunk).all(axis=1), "not finite", self.conditions)
        n, exponents = len(chunk), np.zeros(len(chunk), int)
        squares = np.diag(products)[:n]
        low, high = SAFE_SQUARES
        # Whatever float16 holds is safe.
        if chunk.dtype != np.float16 and not ((squares > low) & (squares < high)).all():
            exponents = _exponents(chunk, to_subtract(chunk))
        if exponents.any():
            subtracted, products = self._multiplied(np.ldexp(chunk, exponents[:, None]))
        vectors, products = vectors_of(subtracted, products, chunk.shape[1]), products[:n, :n]
        if exponents.any():
            with np.errstate(over="ignore"):  # refused in the end
                products = np.ldexp(products.astype(np.float64), -np.add.outer(exponents, exponents))
                vectors = Vectors(vectors.size, *(np.ldexp(of, -exponents) for of in vectors[1:]))
        self._sum = np.add(self._sum, products, dtype=np.float64)
        self._vectors.append(vectors)

    def _multiplied(self, chunk: np.ndarray) -> tuple["Subtracted", np.ndarray]:
        """What was subtracted from each pattern, and the products of what was left, of ones and of the mean pattern."""
        subtracted = to_subtract(chunk)
        products = self._rows.load(chunk, subtracted).multiplied()
        for _ in range(MENDED):
            better = mended(subtracted, products, chunk)
            if better is None:
                break
            subtracted, products = better, self._rows.load(chunk, better).multiplied()
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
        if not self._vectors:
            raise ValueError("no features were given")
        of_chunks = [np.array(of, dtype=float) for of in zip(*self._vectors, strict=True)]
        sizes, means, left, has_pattern, with_pattern = of_chunks
        with np.errstate(invalid="ignore", over="ignore"):  # refused below
            mean = sizes @ means / sizes.sum()
            both = has_pattern.T @ with_pattern
            products = self._sum + both + both.T - (left.T * sizes) @ left
            products += ((means - mean).T * sizes) @ (means - mean)
            squares = np.diag(products) + sizes.sum() * mean**2
        refuse(~np.isfinite(squares), "too large for their squares to be computed", self.conditions)
        zero = self.constant & (self.first == 0)
        names = None if self.conditions is None else list(map(str, self.conditions))
        return Geometry(products, mean, int(sizes.sum()), self.constant, zero, names)


class Subtracted(NamedTuple):
    """What is subtracted from patterns before they are multiplied."""

    weights: np.ndarray
    """By which patterns are averaged to the mean pattern, float64 (conditions,). From those without weight, it is not
    subtracted."""
    level: np.ndarray
    """A number from the mean pattern in the row of products that it has of its own, float64 ()."""
    means: np.ndarray
    """Then a number from all features of each pattern, exactly as it is, float64 (conditions,)."""


def to_subtract(chunk: np.ndarray, has_pattern: np.ndarray | None = None) -> Subtracted:
    """What of patterns (conditions, features) would waste digits, guessed from some of the features.

    Args:
        chunk: The patterns.
        has_pattern: From which to subtract the mean pattern, bool (conditions,); to be guessed too, by default.
    """
    with np.errstate(invalid="ignore", over="ignore"):  # what is not finite is refused later, by name
        # An odd number apart, so as not to be in step with images or channels.
        sample = chunk[:, :: chunk.shape[1] // (2 * SAMPLED) * 2 + 1].astype(np.float64)
        if has_pattern is None:
            about = sample - sample.mean(axis=1, keepdims=True)
            common, squares = about.mean(axis=0), np.einsum("ij,ij->i", about, about)
            has_pattern = (common @ common > SHARED * squares.mean()) & (squares > FAINT * (common @ common))
        weights = has_pattern / max(1, np.sum(has_pattern))
        pattern = weights @ sample
        means = (sample - np.outer(has_pattern, pattern)).mean(axis=1)
        return Subtracted(weights, *(rounded(of, chunk.dtype) for of in (pattern.mean(), means)))


def mended(subtracted: Subtracted, products: np.ndarray, chunk: np.ndarray) -> Subtracted | None:
    """What to subtract in its place where products show that the guess was too far off; else None."""
    n, size = chunk.shape
    _, _, left, had_pattern, with_pattern = vectors_of(subtracted, products, size)
    with np.errstate(invalid="ignore", over="ignore"):
        multiplied = np.diag(products).astype(np.float64)
        squares = multiplied[:n] - size * left**2 + 2 * had_pattern * with_pattern
        total = products[:n, :n].sum(dtype=np.float64) - size * left.sum() ** 2
        of_pattern = (total + 2 * had_pattern.sum() * with_pattern.sum()) / n**2
        if had_pattern.any():
            has_pattern = squares > of_pattern * np.where(had_pattern, FAINT_AFTER_ALL, STRONG_AFTER_ALL)
        else:
            has_pattern = (squares > FAINT * of_pattern) & (of_pattern > (1 + SHARED) / 2 * squares.mean())
        if (has_pattern != had_pattern).any():
            return to_subtract(chunk, has_pattern)
        means = np.delete(products[:, n].astype(np.float64) / size, n)
        if np.any(size * means**2 > 0.5 * np.delete(multiplied, n)):
            level, means = subtracted.level + means[n:].sum(), subtracted.means + means[:n]
            return Subtracted(subtracted.weights, *(rounded(of, chunk.dtype) for of in (level, means)))
    return None


def rounded(numbers, dtype):
    """Numbers as features of some type are multiplied, in float64."""
    return np.asarray(numbers).astype(np.result_type(dtype, np.float32)).astype(np.float64)


class Vectors(NamedTuple):
    """What, with products of what was multiplied, the products of a chunk's patterns follow from."""

    size: int
    """The number of features."""
    means: np.ndarray
    """The patterns' means, float64 (conditions,)."""
    left: np.ndarray
    """What of these means was left when they were multiplied, float64 (conditions,)."""
    has_pattern: np.ndarray
    """1 where the mean pattern was subtracted, else 0, float64 (conditions,)."""
    with_pattern: np.ndarray
    """Products of the mean pattern with what was multiplied and half of itself, all about their means, (conditions,):
    products about means are z zᵀ − size · left leftᵀ + has_pattern with_patternᵀ + with_pattern has_patternᵀ."""


def vectors_of(subtracted: Subtracted, products: np.ndarray, size: int) -> Vectors:
    """The vectors of a chunk of so many features.

    Args:
        subtracted: What was subtracted from the patterns.
        products: Of the rows z that were multiplied, a row of ones and, if it was subtracted from any, the mean pattern
            less its level, (rows, rows).
        size: The number of features.
    """
    n = len(subtracted.means)
    has_pattern = (subtracted.weights > 0).astype(np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        left = products[:n, n].astype(np.float64) / size
        means, with_pattern = subtracted.means + left, np.zeros(n)
        if has_pattern.any():
            of_ones, itself = products[n + 1, n:].astype(np.float64)
            with_pattern = products[:n, n + 1].astype(np.float64) - of_ones * left
            with_pattern += 0.5 * (itself - of_ones**2 / size) * has_pattern
            means += (subtracted.level + of_ones / size) * has_pattern
    return Vectors(size, means, left, has_pattern, with_pattern)


def _exponents(chunk: np.ndarray, subtracted: Subtracted) -> np.ndarray:
    """The powers of two that bring patterns near 1 whose squares may leave the range of float32, (conditions,)."""
    largest = np.maximum(chunk.max(axis=1), -chunk.min(axis=1))
    # Differences between patterns that have something in common ask for one scale.
    has_pattern = subtracted.weights > 0
    largest[has_pattern] = largest[has_pattern].max(initial=0)
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
        weights, means = subtracted.weights.astype(precision), subtracted.means.astype(precision)[:, None]
        has_pattern = weights > 0
        self._rows = self._all[: n + 2 if has_pattern.any() else n + 1]
        with np.errstate(invalid="ignore", over="ignore"):  # what is not finite is refused later, by name
            for start in range(0, shape[1], TILE):
                here = slice(start, start + TILE)
                tile, rows = widened(chunk[:, here], precision), self._rows[:n, here]
                if has_pattern.any():
                    pattern = weights @ tile
                    tile -= pattern if has_pattern.all() else np.outer(has_pattern, pattern)
                    self._rows[n + 1, here] = pattern - subtracted.level.astype(precision)
                np.subtract(tile, means, out=rows)
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
        weights, means = (self._torch.from_numpy(of).to(given) for of in (subtracted.weights, subtracted.means))
        more = [self._torch.ones_like(given[:1])]
        if subtracted.weights.any():
            pattern = (weights @ given)[None]
            given = given - (weights > 0)[:, None] * pattern
            more.append(pattern - float(subtracted.level))
        self._rows = self._torch.cat([given - means[:, None], *more])
        return self

    def multiplied(self) -> np.ndarray:
        return (self._rows @ self._rows.T).cpu().numpy()
