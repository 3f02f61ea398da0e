"""Maps over units: which block predicts each best, when it does so most, and when half of that is there."""

import numpy as np
import pandas as pd

from ..comparison.schemes import OF_ALL
from ..epochs import as_number, epoch_and_step
from ..statistics.tables import size_of
from ..statistics.timing import half_time, peak
from .ceilings import shares
from .models import read, words
from .scores import Scores
from .table import OF_THE_FILE
from .units import POSITION

SHARED = ("hemisphere", "vertex", "channel")
"""Coordinates of one space for all subjects; others, such as a voxel's in a subject's own volume, are of none."""


def of_curves(r: np.ndarray, epochs: np.ndarray, explainable: np.ndarray, blocks: list[str]) -> dict[str, np.ndarray]:
    """What the curves of units say.

    Args:
        r: Of held-out predictions, seeds averaged, (epochs, blocks, units).
        epochs: As numbers, ascending, (epochs,).
        explainable: The ceiling of R², (units,).
        blocks: Their names.

    Returns:
        Column → (units,): `best_block`, the one with the highest r at any epoch, and of its curve the highest `r`, this
        as `share_of_r`, its `peak_epoch` and `half_time`. Units without an r have none of these.
    """
    known = np.isfinite(r).all(axis=(0, 1))
    filled = np.where(known, r, 0.0)
    best = filled.max(axis=0).argmax(axis=0)
    curves = np.where(known, np.take_along_axis(filled, best[None, None], axis=1)[:, 0], np.nan).T
    highest = curves.max(axis=-1)
    return {
        "best_block": np.where(known, np.array(blocks)[best], ""),
        "r": highest,
        "share_of_r": shares(Scores(highest, np.full_like(highest, np.nan)), explainable).r,
        "peak_epoch": peak(curves, epochs),
        "half_time": half_time(curves, epochs),
    }


def maps(files, blocks: list[str], data: str, steps_per_epoch: dict[str, int]) -> pd.DataFrame:
    """The maps of a network and target, a row per view, subject and unit.

    Where units have the same places in all subjects, as on fsaverage or the scalp, rows of the subject `average`
    follow: of the units that every subject has, and of subjects' mean r.

    Args:
        files: Encodings of one data set, network and target, as `models.save` writes them, with positions; of whole
            grids of seeds, epochs, blocks and subjects. Calibrated views, which not every epoch has, are left out.
        blocks: In order.
        data: `measured` or `simulated`.
        steps_per_epoch: Network → steps of its training per epoch, of networks with rows inside an epoch.
    """
    found, units = {}, {}
    for file in files:
        of = words(file, OF_THE_FILE)
        if of["view"] == size_of(of["view"]):
            r, explainable = read(file, ("r", "explainable"))
            found[of["view"], of["subject"], of["epoch"], of["block"], of["seed"]] = r
            if of["subject"] not in units:  # which are the same in all of a subject's files
                units[of["subject"]] = positions(file) | {"explainable": explainable}
    views, subjects, labels, _, seeds = (list(dict.fromkeys(names)) for names in zip(*found, strict=True))
    labels = sorted(labels)
    epochs = np.array([as_number(*epoch_and_step(label), steps_per_epoch.get(of["network"])) for label in labels])
    tables = []
    for view in views:
        of_subjects = {
            subject: np.array(
                [
                    [np.mean([found[view, subject, label, block, seed] for seed in seeds], axis=0) for block in blocks]
                    for label in labels
                ]
            )
            for subject in subjects
        }
        for subject, (r, of_units) in with_average(of_subjects, units).items():
            columns = of_curves(r, epochs, np.asarray(of_units["explainable"], float), blocks)
            names = {"dataset": of["dataset"], "target": of["target"], "network": of["network"], "view": view}
            tables.append(pd.DataFrame(names | {"subject": subject} | of_units | columns | {"data": data}))
    return pd.concat(tables, ignore_index=True)


def with_average(r: dict[str, np.ndarray], units: dict[str, dict]) -> dict[str, tuple[np.ndarray, dict]]:
    """Subject → curves (epochs, blocks, units) and what its units are; their average too, in a space for all."""
    found = {subject: (values, units[subject]) for subject, values in r.items()}
    of_first = next(iter(units.values()))
    places = [name for name in SHARED if name in of_first]
    if not places or len(r) < 2:
        return found
    index = [pd.MultiIndex.from_arrays([np.asarray(of[name]) for name in places]) for of in units.values()]
    common = index[0]
    for other in index[1:]:
        common = common[common.isin(other)]
    rows = [of.get_indexer(common) for of in index]
    mean = np.mean([values[..., of] for values, of in zip(r.values(), rows, strict=True)], axis=0)
    ceilings = np.mean([np.asarray(units[s]["explainable"])[of] for s, of in zip(units, rows, strict=True)], axis=0)
    shared = {name: common.get_level_values(i).to_numpy() for i, name in enumerate(places)}
    return found | {OF_ALL: (mean, shared | {"explainable": ceilings})}


def positions(file) -> dict[str, np.ndarray]:
    """Coordinate → (units,), of an encoding's file."""
    with np.load(file, allow_pickle=False) as content:
        return {name.removeprefix(POSITION): content[name] for name in content.files if name.startswith(POSITION)}
