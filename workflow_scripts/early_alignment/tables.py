"""The experiment's numbers as tidy tables; the column `data` says whether brain data were measured or simulated."""

import csv
import json

import numpy as np
import pandas as pd

from . import inference, rdms

NAMES = ("dataset", "target", "subject", "block")


def read(path) -> pd.DataFrame:
    """A table from its file. Names stay text, also those that look like a number or a missing value: 2023, NA."""
    others = pd.read_csv(path, nrows=0).columns.difference(NAMES)
    missing = {column: [""] for column in others}
    return pd.read_csv(path, dtype=dict.fromkeys(NAMES, str), keep_default_na=False, na_values=missing)


def alignment(files, data: str) -> pd.DataFrame:
    """All alignments, a row per dataset × target × subject × seed × epoch × batchnorm × block × measure."""
    rows = []
    for path in files:
        with open(path, newline="") as file:
            rows.extend(csv.DictReader(file))
    table = pd.DataFrame(rows).astype({"seed": int, "epoch": int, "value": float})
    return table.assign(data=data)


EVALUATED, NOT_EVALUATED = "evaluated", "not evaluated: training.images is unset"


def accuracy(files, data: str, not_evaluated=()) -> pd.DataFrame:
    """Loss and accuracy, a row per seed and epoch; the column `accuracy` says where there are none, and why.

    Args:
        files: The accuracies.
        data: `measured` or `simulated`.
        not_evaluated: The (seed, epoch) that have none.
    """
    rows = []
    for path in files:
        with open(path) as file:
            rows.append(json.load(file) | {"accuracy": EVALUATED})
    columns = ("training_loss", "learning_rate", "validation_loss", "top1", "top5", "seconds")
    rows += [
        {"seed": seed, "epoch": epoch} | dict.fromkeys(columns) | {"accuracy": NOT_EVALUATED}
        for seed, epoch in not_evaluated
    ]
    return pd.DataFrame(rows).assign(data=data)


def noise_ceiling(brain_rdms: dict[tuple[str, str], list[str]], data: str) -> pd.DataFrame:
    """The noise ceiling of every target, a row per dataset × target.

    Args:
        brain_rdms: (dataset, target) → the files of all subjects' RDMs.
        data: `measured` or `simulated`.
    """
    rows = []
    for (dataset, target), files in brain_rdms.items():
        lower, upper = inference.noise_ceiling(np.stack([rdms.load(file) for file in files]))
        rows.append(
            {
                "dataset": dataset,
                "target": target,
                "subjects": len(files),
                "measure": "pearson",
                "lower": lower,
                "upper": upper,
                "convention": inference.CEILING_CONVENTION,
                "data": data,
            }
        )
    return pd.DataFrame(rows)


def peaks(alignment: pd.DataFrame) -> pd.DataFrame:
    """The epoch at which a network is most aligned, subjects averaged.

    A row per dataset × target × block × measure × seed.
    """
    groups = ["dataset", "target", "block", "measure", "seed", "data"]
    mean = alignment.groupby([*groups, "epoch", "batchnorm"], sort=False)["value"].mean().reset_index()
    highest = mean.loc[mean.groupby(groups, sort=False)["value"].idxmax()]
    return highest[[*groups[:-1], "epoch", "batchnorm", "value", "data"]].reset_index(drop=True)
