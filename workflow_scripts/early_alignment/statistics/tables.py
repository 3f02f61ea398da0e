"""The experiment's numbers as tidy tables; the column `data` says whether brain data were measured or simulated."""

import csv
import json
from pathlib import Path

import pandas as pd

NAMES = ("dataset", "target", "subject", "network", "view", "block")


def read(path) -> pd.DataFrame:
    """A table from its file. Names stay text, also those that look like a number or a missing value: 2023, NA."""
    others = pd.read_csv(path, nrows=0).columns.difference(NAMES)
    missing = {column: [""] for column in others}
    return pd.read_csv(path, dtype=dict.fromkeys(NAMES, str), keep_default_na=False, na_values=missing)


def steps_per_epoch(n_images: int, batch_size: int) -> int:
    """The steps of an epoch, of which the last may have fewer images, but not one."""
    full, rest = divmod(n_images, batch_size)
    return full + (rest >= 2)


def alignment(files, data: str, steps_per_epoch: dict[str, int]) -> pd.DataFrame:
    """All alignments, a row per dataset × target × subject × network × seed × epoch × view × block × measure × pairs.

    Args:
        files: The alignments.
        data: `measured` or `simulated`.
        steps_per_epoch: Of each network that has checkpoints within epochs.

    Returns:
        The table; its epochs count steps too, as parts of an epoch.
    """
    rows = []
    for path in files:
        with open(path, newline="") as file:
            rows.extend(csv.DictReader(file))
    table = pd.DataFrame(rows).astype({"seed": int, "epoch": float, "step": int, "n_pairs": int, "value": float})
    within = table["step"] > 0
    table.loc[within, "epoch"] += table["step"][within] / table["network"][within].map(steps_per_epoch)
    return table.assign(data=data)


EVALUATED, NOT_EVALUATED = "evaluated", "not evaluated: training.images is unset"


def accuracy(files, data: str, not_evaluated=()) -> pd.DataFrame:
    """Loss and accuracy, a row per network, seed and epoch; the column `accuracy` says where there are none, and why.

    Args:
        files: The accuracies.
        data: `measured` or `simulated`.
        not_evaluated: The (network, seed, epoch) that have none.
    """
    rows = []
    for path in files:
        with open(path) as file:
            rows.append(json.load(file) | {"network": Path(path).parents[1].name, "accuracy": EVALUATED})
    columns = ("training_loss", "learning_rate", "validation_loss", "top1", "top5", "seconds")
    rows += [
        {"network": network, "seed": seed, "epoch": int(epoch), "step": 0}
        | dict.fromkeys(columns)
        | {"accuracy": NOT_EVALUATED}
        for network, seed, epoch in not_evaluated
    ]
    table = pd.DataFrame(rows)
    if "steps_per_epoch" in table:
        table["epoch"] += (table["step"] / table["steps_per_epoch"]).fillna(0)
    return table[["network", "seed", "epoch", "step", *columns, "accuracy"]].assign(data=data)


def peaks(alignment: pd.DataFrame) -> pd.DataFrame:
    """The epoch at which a network is most aligned, subjects averaged; of epochs that are equally so, the earliest.

    A row per dataset × target × block × measure × pairs × seed × untrained_batchnorm. Where the untrained network was
    analysed with both kinds of batch norm statistics, there is a row with either as epoch 0, so that epoch 0 has one
    try, as every other epoch has.

    Args:
        alignment: The table `alignment`.
    """
    groups = ["dataset", "target", "block", "measure", "pairs", "seed", "data"]
    mean = alignment.groupby([*groups, "epoch", "batchnorm"], sort=False)["value"].mean().reset_index()
    mean = mean.sort_values("epoch", kind="stable")
    variants = list(dict.fromkeys(mean.loc[mean["epoch"] == 0, "batchnorm"]))
    found = []
    for variant in variants or ["not analysed"]:
        tried = mean[(mean["epoch"] > 0) | (mean["batchnorm"] == variant)]
        # Of equal values, idxmax takes the first.
        highest = tried.loc[tried.groupby(groups, sort=False)["value"].idxmax()]
        found.append(highest.assign(untrained_batchnorm=variant))
    columns = [*groups[:-1], "untrained_batchnorm", "epoch", "value", "data"]
    return pd.concat(found)[columns].reset_index(drop=True)
