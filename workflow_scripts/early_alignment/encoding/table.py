"""The scores of encoding models as a tidy table, a row per subject: medians and means over units."""

import pandas as pd

from ..epochs import as_number, epoch_and_step
from .models import Encoding, load, words

OF_THE_FILE = ("dataset", "target", "subject", "network", "seed", "epoch", "view", "block")
"""What a file says that it is of."""


def table(files, data: str, steps_per_epoch: dict[str, int]) -> pd.DataFrame:
    """All encoding models, a row per dataset × target × subject × network × seed × epoch × view × block.

    Args:
        files: As `models.save` writes them, with the columns `OF_THE_FILE`, epochs as paths call them.
        data: `measured` or `simulated`.
        steps_per_epoch: Network → steps of its training per epoch, of the networks with rows inside an epoch.

    Raises:
        InputError: A file is no encoding.
    """
    rows = []
    for path in files:
        of = words(path, OF_THE_FILE)
        epoch, step = epoch_and_step(of["epoch"])
        time = {"epoch": as_number(epoch, step, steps_per_epoch.get(of["network"])), "step": step}
        rows.append(of | {"seed": int(of["seed"])} | time | row_of(load(path)))
    return pd.DataFrame(rows).astype({"epoch": float}).assign(data=data)


def row_of(of: Encoding) -> dict[str, float]:
    """How many units there are, and the medians and means of those that have a number.

    With r and R² the number of units is that with an r; with the shares that with a ceiling above 0.
    """
    scores = {"r": of.r, "r2": of.r2, "share_of_r": of.shares.r, "share_of_r2": of.shares.r2}
    of_units = {name: pd.Series(values) for name, values in scores.items()}
    found = {"n_units": int(of_units["r"].count()), "n_units_with_ceiling": int(of_units["share_of_r"].count())}
    for name, values in of_units.items():
        found |= {f"median_{name}": values.median(), f"mean_{name}": values.mean()}
    return found
