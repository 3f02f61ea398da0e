"""Encoding models of many units: some units at a time, so that memory is bounded by conditions and not by units."""

import zipfile
from typing import NamedTuple

import numpy as np

from ..errors import InputError
from .ceilings import shares
from .ridge import Smoothers, held_out
from .scores import Scores, scores, summaries
from .threads import in_turns

UNITS_AT_A_TIME = 512
"""On the processor: the predictions of so many units, for all alphas, stay near its cache."""


class Encoding(NamedTuple):
    """What a block's geometry tells of units' responses."""

    r: np.ndarray
    """As of `scores.Scores`, raw, float64 (units,)."""
    r2: np.ndarray
    """As of `scores.Scores`, raw, float64 (units,)."""
    explainable: np.ndarray
    """The share of each unit's variance that is no noise, the ceiling of R², float64 (units,); NaN if not known."""
    alphas: np.ndarray
    """The penalty chosen for each fold and unit, float64 (folds, units)."""
    folds: np.ndarray
    """The fold of each condition, (conditions,)."""
    summaries: np.ndarray
    """`scores.SUMMARIES` in each resample of the stimuli, the first being the sample, float64 (summaries, draws)."""

    @property
    def shares(self) -> Scores:
        """The scores as parts of the ceilings: of r its square root, of R² itself."""
        return shares(Scores(self.r, self.r2), self.explainable)


def encode(
    responses: np.ndarray,
    of: Smoothers,
    explainable: np.ndarray | None = None,
    weights: np.ndarray | None = None,
    threads: int = 1,
    units_at_a_time: int = UNITS_AT_A_TIME,
) -> Encoding:
    """Fit an encoding model to each unit and score its held-out predictions.

    Args:
        responses: Float (conditions, units), may be memory-mapped.
        of: From `ridge.smoothers`.
        explainable: From `ceilings`, (units,); not known by default.
        weights: How often each condition is drawn, (draws, conditions), the first row being the sample itself, all
            ones; that alone by default.
        threads: So many chunks of units are worked on at a time. 1 leaves BLAS the threads that it is set to.
        units_at_a_time: In a chunk.

    Raises:
        ValueError: Responses, kernel, ceilings and weights are not of the same conditions or units.
    """
    n, units = responses.shape
    explainable = np.full(units, np.nan) if explainable is None else explainable
    weights = np.ones((1, n)) if weights is None else weights
    if not n == len(of.folds) == weights.shape[1] or units != len(explainable):
        raise ValueError(
            f"responses to {n} conditions of {units} units, a kernel of {len(of.folds)} conditions, "
            f"draws of {weights.shape[1]} conditions, ceilings of {len(explainable)} units"
        )

    def of_chunk(start: int) -> tuple[np.ndarray, ...]:
        chunk = responses[:, start : start + units_at_a_time]
        predicted = held_out(chunk, of)
        of_draws = scores(chunk, predicted.predictions, of.folds, weights)
        return *(values[0] for values in of_draws), *(v.astype(np.float32) for v in of_draws), predicted.alphas

    found = in_turns(of_chunk, range(0, units, units_at_a_time), threads)
    r, r2, *of_draws, alphas = (np.concatenate(parts, axis=-1) for parts in zip(*found, strict=True))
    of_sample = summaries(Scores(r[None], r2[None]))
    return Encoding(
        r, r2, explainable, alphas, of.folds, np.hstack([of_sample, summaries(Scores(*(v[1:] for v in of_draws)))])
    )


def save(path, of: Encoding, columns: dict | None = None) -> None:
    """Write an encoding as `.npz`, with its shares of the ceiling as `share_of_r` and `share_of_r2`.

    Args:
        path: The file.
        of: What to write.
        columns: Further names and words or arrays, which say what it is of and where its units are.
    """
    np.savez(path, **of._asdict(), share_of_r=of.shares.r, share_of_r2=of.shares.r2, **columns or {})


def load(path) -> Encoding:
    """Read what `save` wrote.

    Raises:
        InputError: The file is no encoding.
    """
    return Encoding(*read(path, Encoding._fields))


def words(path, names: tuple[str, ...]) -> dict[str, str]:
    """Read some of the `columns` that `save` wrote; errors as of `load`."""
    return {name: str(word) for name, word in zip(names, read(path, names), strict=True)}


def read(path, names: tuple[str, ...]) -> list[np.ndarray]:
    """Read arrays of a file that `save` wrote; errors as of `load`."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return [file[name] for name in names]
    except (ValueError, KeyError, EOFError, OSError, zipfile.BadZipFile) as error:
        expected = f"an .npz file of {', '.join(names)}"
        raise InputError(path, str(error), expected, "delete the file and run the workflow again") from None
