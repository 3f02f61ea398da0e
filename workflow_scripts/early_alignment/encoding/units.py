"""A table of the units of responses: where they are, and how much of their variance is no noise."""

import numpy as np
import pandas as pd

from ..datasets.base import DataSet
from ..errors import InputError
from .ceilings import effective_repetitions, of_halves, of_ncsnr

EXPLAINABLE = "explainable"
"""The column of the ceilings of R²; the others say where the units are."""

POSITION = "position_"
"""What names of coordinates begin with in files of scores."""


def units(dataset: DataSet, subject: str, target: str, repeated: bool) -> pd.DataFrame:
    """A subject's units for a target, a row each, in the order of its responses.

    Args:
        dataset: One that gives responses.
        subject: One of its subjects.
        target: One of the subject's targets.
        repeated: Whether its responses are written as single ones, which decides what units can be used.

    Returns:
        Columns of positions, as the format names them, and `explainable`, empty where the data do not tell.

    Raises:
        InputError: As of `DataSet.patterns`.
    """
    usable = dataset.usable_units(subject, target, repeated)
    found = dataset.positions(subject, target) | {EXPLAINABLE: explainable(dataset, subject, target, len(usable))}
    return pd.DataFrame({name: column[usable] for name, column in found.items()})


def explainable(dataset: DataSet, subject: str, target: str, n: int) -> np.ndarray:
    """The share of each unit's variance that is no noise, float64 (units,).

    From the publishers' ratio of signal and noise; else from halves of the repetitions; NaN if there are neither.
    """
    ncsnr = dataset.ncsnr(subject, target)
    if ncsnr is not None:
        return of_ncsnr(ncsnr, effective_repetitions(dataset.measured(subject, target).sum(axis=0)))
    if not dataset.has_repetitions(subject):
        return np.full(n, np.nan)
    try:
        return of_halves(dataset.repetitions(subject, target))
    except ValueError as error:
        print(f"no ceilings of {target} in subject {subject}: {error}")
        return np.full(n, np.nan)


def positions(of: pd.DataFrame) -> dict[str, np.ndarray]:
    """Name of a coordinate, after `POSITION` → (units,), of a table of units."""
    columns = {name: of[name].to_numpy() for name in of if name != EXPLAINABLE}
    # Text as numpy's own, which files hold without pickling.
    return {f"{POSITION}{name}": c.astype(str) if c.dtype == object else c for name, c in columns.items()}


def read(path) -> pd.DataFrame:
    """What `units` gives, from a CSV file.

    Raises:
        InputError: The file is no such table.
    """
    try:
        found = pd.read_csv(path, dtype={"channel": str, "hemisphere": str})
    except (ValueError, OSError) as error:
        raise InputError(path, str(error), "a table of units", "delete the file and run the workflow again") from None
    if EXPLAINABLE not in found:
        named = ", ".join(map(str, found))
        raise InputError(path, f"columns {named}", f"with {EXPLAINABLE}", "delete the file and run the workflow again")
    return found
