"""Representational dissimilarity matrices (RDMs), from inner products of patterns.

An RDM is kept condensed: one value per pair of conditions, in the order of `scipy.spatial.distance.squareform`.
"""

from collections.abc import Iterable

import numpy as np

from ..errors import InputError
from .inner_products import Geometry, geometry, refuse

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


def rdm(chunks: Iterable, distance: str = "correlation", conditions=None, device=None, threads: int = 1) -> np.ndarray:
    """The RDM of patterns that arrive in pieces; arguments and errors as of `inner_products.geometry` and `rdm_of`."""
    return rdm_of(geometry(chunks, conditions, device, threads), distance)


def rdm_of(of: Geometry, distance: str = "correlation") -> np.ndarray:
    """The RDM of patterns whose geometry is known.

    Args:
        of: Their geometry.
        distance: `correlation`, 1 − Pearson's r over features (Kriegeskorte et al. 2008); `cosine`, 1 − cosine;
            `euclidean`, or its square `sqeuclidean`, neither divided by the number of features.

    Returns:
        The condensed RDM, float64 (pairs,).

    Raises:
        ValueError: A pattern is constant and the distance is `correlation`, or zero and the distance is `cosine`; or
            the distance is unknown.
    """
    if distance not in DISTANCES:
        raise ValueError(f"unknown distance {distance!r}; known: {', '.join(DISTANCES)}")
    products, means = of.products, of.means
    if distance in ("euclidean", "sqeuclidean"):
        squares = np.diag(products)
        squared = condensed(np.add.outer(squares, squares) - 2 * products)
        squared += of.n_features * condensed(np.subtract.outer(means, means)) ** 2
        squared = np.maximum(squared, 0)
        return squared if distance == "sqeuclidean" else np.sqrt(squared)
    if distance == "correlation":
        refuse(of.constant, "constant", of.conditions)
    else:
        products = products + of.n_features * np.outer(means, means)
    refuse(of.zero, "zero", of.conditions)
    lengths: np.ndarray = np.sqrt(np.maximum(np.diag(products), 0))
    refuse(lengths == 0, "too small for their squares to be computed", of.conditions)
    return np.maximum(1 - condensed(products / np.outer(lengths, lengths)), 0)


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
