"""The scores of encoding models in tables: a row per subject, and rows among the alignments of RDMs."""

import csv

import numpy as np
import pandas as pd

from ..comparison.alignment import COLUMNS
from ..comparison.kinds import Kind
from ..comparison.pairs import ALL
from ..comparison.schemes import EACH, NO_CONTROL
from ..epochs import as_number, epoch_and_step
from .models import Encoding, load, read, words
from .scores import SUMMARIES

OF_THE_FILE = ("dataset", "target", "subject", "network", "seed", "epoch", "view", "block")
"""What a file says that it is of."""
NO_DISTANCE = "none"
"""What tables have in the column `distance`: an encoding model compares no distances."""
KINDS = [Kind(summary, ALL, NO_CONTROL, EACH) for summary in SUMMARIES]
"""What rows among the alignments are of."""


def rows_of(of: Encoding, columns: dict[str, str]) -> list[dict]:
    """The summaries of an encoding as rows of alignments, which have no pairs here.

    Args:
        of: Of one subject and target.
        columns: `OF_THE_FILE` → what it is of.
    """
    epoch, step = epoch_and_step(columns["epoch"])
    of_all = columns | {"epoch": epoch, "step": step, "distance": NO_DISTANCE, "n_pairs": ""}
    return [
        of_all | kind._asdict() | {"value": repr(float(values[0]))}
        for kind, values in zip(KINDS, of.summaries, strict=True)
    ]


def write_alignment(path, rows: list[dict]) -> None:
    """Write rows of alignments as CSV."""
    with open(path, "w", newline="") as file:
        table = csv.DictWriter(file, COLUMNS)
        table.writeheader()
        table.writerows(rows)


def gather(path, files) -> None:
    """Write the resampled summaries of a network and a data set into one file, as `resamples.read_gathered` reads it.

    Args:
        path: The `.npz` to write.
        files: Encodings, of the same targets and subjects for each seed, epoch, view and block; in the order that the
            latter are wanted in.
    """
    of_places: dict[tuple, dict[tuple[str, str], np.ndarray]] = {}
    for file in files:
        of = words(file, OF_THE_FILE)
        of_model_rdm = tuple(of[name] for name in OF_THE_FILE if name not in ("target", "subject"))
        summaries, folds = read(file, ("summaries", "folds"))
        of_places.setdefault(of_model_rdm, {})[of["target"], of["subject"]] = summaries.astype(np.float32)
        n = len(folds)
    columns = list(next(iter(of_places.values())))
    np.savez(
        path,
        values=np.stack([np.stack([found[column] for column in columns], axis=-1) for found in of_places.values()]),
        kinds=np.array(KINDS),
        columns=np.array(columns),
        n=n,
        of=np.array([[*of_model_rdm, NO_DISTANCE] for of_model_rdm in of_places]),
    )


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


def row_of(of: Encoding) -> dict:
    """How many units there are, and the medians and means of those that have a number.

    With r and R² the number of units is that with an r; with the shares that with a ceiling above 0.
    """
    scores = {"r": of.r, "r2": of.r2, "share_of_r": of.shares.r, "share_of_r2": of.shares.r2}
    of_units = {name: pd.Series(values) for name, values in scores.items()}
    found = {"n_units": int(of_units["r"].count()), "n_units_with_ceiling": int(of_units["share_of_r"].count())}
    for name, values in of_units.items():
        found |= {f"median_{name}": values.median(), f"mean_{name}": values.mean()}
    return found
