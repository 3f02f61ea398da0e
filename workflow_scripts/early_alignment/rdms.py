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


class InnerProducts:
    """Inner products of patterns, of which one chunk of features is in memory at a time.

    Before features are multiplied, each pattern's mean over a tile of features is subtracted, and then the mean
    pattern over conditions, which is kept as a row of its own below the others. Multiplied in the features' own
    precision (float32 for float16) is only what differs between conditions; the rest is put back, and chunks are
    merged, in float64, by the update of Chan, Golub and LeVeque (1983). So patterns with a large part in common,
    such as features after a ReLU, lose nothing.

    Args:
        conditions: Names of conditions for messages, or None.
        device: A `torch.device` to multiply on, or None for numpy on the processor.
    """

    def __init__(self, conditions=None, device=None):
        self.conditions = conditions
        self.take_apart = taken_apart if device is None else taken_apart_on(device)
        self.raw = 0.0
        """The sum of what was multiplied, (conditions + 1, conditions + 1)."""
        self.sizes: list[int] = []
        """Features of each tile."""
        self.means: list[np.ndarray] = []
        """The rows' means over each tile, (conditions + 1,)."""
        self.rests: list[np.ndarray] = []
        """What rounding left of these means in what was multiplied."""
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
        with np.errstate(invalid="ignore", over="ignore"):  # refused below, by name
            tiles, products = self.take_apart(chunk)
        for size, pattern_mean, rest in tiles:
            refuse(~np.isfinite(pattern_mean), "not finite", self.conditions)
            rest = rest.astype(np.float64) / size
            # Of what was subtracted from the patterns, the part that all share belongs to the mean pattern.
            shared = pattern_mean.mean(dtype=np.float64)
            self.sizes.append(size)
            self.rests.append(rest)
            self.means.append(rest + np.append(pattern_mean - shared, shared))
        self.raw += products

    def _follow_constant(self, chunk: np.ndarray) -> None:
        if self.first is None:
            self.first, self.constant = chunk[:, 0].copy(), np.ones(len(chunk), dtype=bool)
        # After the first chunk hardly any pattern is left to look at.
        left = np.flatnonzero(self.constant)
        if left.size:
            self.constant[left] = (chunk[left] == self.first[left, None]).all(axis=1)

    def products(self, centred: bool) -> np.ndarray:
        """The inner products of the rows, the mean pattern last, float64 (conditions + 1, conditions + 1).

        Args:
            centred: Whether each row is first centred on its mean over all features.

        Raises:
            ValueError: There are no features.
        """
        if not self.sizes:
            raise ValueError("no features were given")
        sizes, means, rests = np.array(self.sizes, dtype=np.float64), np.array(self.means), np.array(self.rests)
        from_means = means - sizes @ means / sizes.sum() if centred else means
        return self.raw - (rests.T * sizes) @ rests + (from_means.T * sizes) @ from_means


MULTIPLIED = 16_384
"""Features that are multiplied at a time: enough that adding up the products costs little beside multiplying."""
TILE = 512
"""Features that are taken apart at a time: conditions × TILE numbers should fit the processor's cache."""


def taken_apart(chunk: np.ndarray) -> tuple[list[tuple[int, np.ndarray, np.ndarray]], np.ndarray]:
    """Take deviations and mean pattern of a chunk apart and multiply them.

    Args:
        chunk: float (conditions, features).

    Returns:
        For each tile of features, their number, the mean that was subtracted from each pattern (conditions,), and
        the sums over the tile of the rows that were multiplied (conditions + 1,); and the products of these rows
        (conditions + 1, conditions + 1).
    """
    n_rows, n = chunk.shape
    rows = np.empty((n_rows + 1, n), dtype=np.result_type(chunk.dtype, np.float32))
    over_rows = np.full(n_rows, 1 / n_rows, rows.dtype)
    tiles = []
    for start in range(0, n, TILE):
        tile = rows[:, start : start + TILE]
        deviations, size = tile[:-1], tile.shape[1]
        deviations[:] = chunk[:, start : start + TILE]
        ones = np.ones(size, rows.dtype)
        # Means by matrix-vector products, which are fast; what their rounding leaves behind is in the sums.
        pattern_mean = deviations @ ones / size
        deviations -= pattern_mean[:, None]
        tile[-1] = over_rows @ deviations
        deviations -= tile[-1]
        tiles.append((size, pattern_mean, tile @ ones))
    # numpy has BLAS multiply a matrix with its own transpose by syrk, at half the work.
    return tiles, rows @ rows.T


def taken_apart_on(device):
    """`taken_apart` on a GPU, or on whatever torch calls a device; one tile a chunk."""
    import torch

    torch.backends.cuda.matmul.allow_tf32 = False  # its 10 bits of mantissa are not enough for a distance

    def on_device(chunk: np.ndarray):
        given = torch.from_numpy(np.ascontiguousarray(chunk)).to(device)
        n_rows, n = given.shape
        rows = torch.empty((n_rows + 1, n), dtype=torch.promote_types(given.dtype, torch.float32), device=device)
        deviations = rows[:-1]
        deviations[:] = given
        pattern_mean = deviations.mean(dim=1)
        deviations -= pattern_mean[:, None]
        rows[-1] = deviations.mean(dim=0)
        deviations -= rows[-1]
        sums, products = rows.sum(dim=1), rows @ rows.T
        return [(n, pattern_mean.cpu().numpy(), sums.cpu().numpy())], products.cpu().numpy()

    return on_device


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
