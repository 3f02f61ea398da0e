"""The experiment's numbers as tidy tables; the column `data` says whether brain data were measured or simulated."""

import csv
import json

import pandas as pd

from ..epochs import as_number, epoch_and_step

NAMES = ("dataset", "target", "subject", "network", "view", "block", "best_block", "hemisphere", "channel")
"""Columns of names; text, whatever it looks like."""
CALIBRATED = "-calibrated"
"""The end of the name of a view whose batch norm statistics are calibrated."""


def read(path) -> pd.DataFrame:
    """A table from its file. Names stay text, also those that look like a number or a missing value: 2023, NA."""
    others = pd.read_csv(path, nrows=0).columns.difference(NAMES)
    missing = {column: [""] for column in others}
    return pd.read_csv(path, dtype=dict.fromkeys(NAMES, str), keep_default_na=False, na_values=missing)


def alignment(files, data: str, steps_per_epoch: dict[str, int]) -> pd.DataFrame:
    """All alignments, a row per dataset × target × subject × network × seed × epoch × view × block × distance ×
    measure × pairs × control × scheme.

    The column `epoch` counts parts of an epoch too: a hundred steps of 5,005 are 0.02; `step` says how many steps.

    Args:
        files: The alignments, as `comparison.alignment.align` writes them.
        data: `measured` or `simulated`.
        steps_per_epoch: Network → steps of its training per epoch, of the networks with rows inside an epoch.
    """
    rows = []
    for path in files:
        with open(path, newline="") as file:
            rows.extend(csv.DictReader(file))
    table = pd.DataFrame(rows).replace({"n_pairs": {"": pd.NA}})  # encoding models compare no pairs
    table = table.astype({"seed": int, "epoch": float, "step": int, "n_pairs": "Int64", "value": float})
    inside = table["step"] > 0
    if unknown := set(table.loc[inside, "network"]) - set(steps_per_epoch):
        raise ValueError(f"rows inside an epoch of networks without steps per epoch: {', '.join(sorted(unknown))}")
    table.loc[inside, "epoch"] += table["step"] / table["network"].map(steps_per_epoch)
    return table.assign(data=data)


def steps_per_epoch(files) -> dict[str, int]:
    """Network → steps of its training per epoch.

    Args:
        files: Pairs of a network and the file of an accuracy of it, as training writes it.
    """
    found = {}
    for network, path in files:
        with open(path) as file:
            found[network] = json.load(file)["steps_per_epoch"]
    return found


EVALUATED, NOT_EVALUATED = "evaluated", "not evaluated: training.images is unset"


def accuracy(files, data: str, not_evaluated=()) -> pd.DataFrame:
    """Loss and accuracy, a row per network, seed and epoch; the column `accuracy` says where there are none, and why.

    The column `epoch` counts parts of an epoch too, as in the table `alignment`.

    Args:
        files: Pairs of a network and the file of an accuracy of it.
        data: `measured` or `simulated`.
        not_evaluated: The (network, seed, epoch) that have none, epochs as paths call them.
    """
    rows = []
    for network, path in files:
        with open(path) as file:
            row = {"network": network, "accuracy": EVALUATED} | json.load(file)
        rows.append(row | {"epoch": as_number(row["epoch"], row["step"], row["steps_per_epoch"])})
    for network, seed, label in not_evaluated:
        epoch, step = epoch_and_step(label)
        if step:
            raise ValueError(f"{network}, epoch {label}: a part of an epoch is evaluated when it is trained")
        rows.append({"network": network, "seed": seed, "epoch": epoch, "step": step, "accuracy": NOT_EVALUATED})
    columns = ["training_loss", "learning_rate", "validation_loss", "top1", "top5", "seconds", "accuracy"]
    table = pd.DataFrame(rows, columns=["network", "seed", "epoch", "step", *columns])
    return table.astype({"epoch": float}).assign(data=data)


def size_of(view: str) -> str:
    """The size of images of a view: `224px` of `224px-calibrated`."""
    return view.removesuffix(CALIBRATED)


def peaks(alignment: pd.DataFrame) -> pd.DataFrame:
    """The epoch at which a network is most aligned, subjects averaged; of epochs that are equally so, the earliest.

    A row per dataset, target, network, view, block, distance, kind of comparison and seed. Not every epoch need be
    analysed with calibrated batch norm statistics. In a calibrated view, those that are not count as in the
    plain view of that size, so that each epoch has one try.

    Args:
        alignment: The table `alignment`.
    """
    calibrated = [view for view in alignment["view"].unique() if view != size_of(view)]
    tried = pd.concat([alignment, *(plain_where_not_calibrated(alignment, view) for view in calibrated)])
    groups = ["dataset", "target", "network", "view", "block", "distance"]
    groups += ["measure", "pairs", "control", "scheme", "seed"]
    mean = tried.groupby([*groups, "epoch", "step", "data"], sort=False)["value"].mean().reset_index()
    mean = mean.sort_values("epoch", kind="stable")
    # Of equal values, idxmax takes the first.
    highest = mean.loc[mean.groupby(groups, sort=False)["value"].idxmax()]
    return highest[[*groups, "epoch", "step", "value", "data"]].reset_index(drop=True)


def plain_where_not_calibrated(alignment: pd.DataFrame, view: str) -> pd.DataFrame:
    """Rows of the plain view, called by the name of a calibrated one, at the epochs that lack the latter."""
    calibrated = alignment[alignment["view"] == view]
    plain = alignment[(alignment["view"] == size_of(view)) & alignment["network"].isin(calibrated["network"])]
    of_calibrated, of_plain = (pd.MultiIndex.from_frame(rows[["network", "epoch"]]) for rows in (calibrated, plain))
    return plain[~of_plain.isin(of_calibrated)].assign(view=view)
