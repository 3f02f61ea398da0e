"""Representational dissimilarity matrices (RDMs), computed from a stream of features.

An RDM is kept condensed: one value per pair of conditions, in the order of `scipy.spatial.distance.squareform`.
"""

from collections.abc import Iterable

import numpy as np

from .errors import InputError

DISTANCES = ("correlation",)


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


def rdm(chunks: Iterable[np.ndarray], distance: str = "correlation") -> np.ndarray:
    """The RDM of patterns that arrive in pieces.

    Args:
        chunks: Arrays (conditions, features of this chunk); together, all features of all conditions.
        distance: `correlation`, 1 − Pearson's r over features (Kriegeskorte et al. 2008).

    Returns:
        The condensed RDM, float64 (pairs,).

    Raises:
        ValueError: A pattern is constant or not finite, or the distance is unknown.
    """
    if distance not in DISTANCES:
        raise ValueError(f"unknown distance {distance!r}; known: {', '.join(DISTANCES)}")
    products = centred_products(chunks)
    norms = np.sqrt(np.diag(products))
    bad = np.flatnonzero(~(np.isfinite(norms) & (norms > 0)))
    if bad.size:
        raise ValueError(
            f"the patterns of {bad.size} conditions are constant or not finite (the first is number {bad[0]}, "
            "counted from 0): a correlation with them is undefined"
        )
    return 1.0 - condensed(np.clip(products / np.outer(norms, norms), -1.0, 1.0))


def centred_products(chunks: Iterable[np.ndarray]) -> np.ndarray:
    """Inner products of patterns, each centred on its own mean over all features.

    Each chunk is centred on its own mean before it is multiplied, and the chunks' sums are merged by the update
    of Chan, Golub and LeVeque (1983), so that large common means cost no digits.

    Args:
        chunks: Arrays (conditions, features of this chunk).

    Returns:
        float64 (conditions, conditions).
    """
    products = mean = None
    seen = 0
    for chunk in chunks:
        chunk = np.asarray(chunk, dtype=np.result_type(chunk.dtype, np.float32))
        n = chunk.shape[1]
        chunk_mean = chunk.mean(axis=1, dtype=np.float64)
        centred = chunk - chunk_mean[:, None].astype(chunk.dtype)
        if products is None:
            products = np.zeros((len(chunk), len(chunk)))
            mean = np.zeros(len(chunk))
        shift = chunk_mean - mean
        products += centred @ centred.T
        products += np.outer(shift, shift) * (seen * n / (seen + n))
        mean += shift * (n / (seen + n))
        seen += n
    if products is None:
        raise ValueError("no features were given")
    return products


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
