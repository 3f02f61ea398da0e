"""Curves of alignment over training, subjects and seeds averaged, and their replicates, from files of resamples."""

from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

import numpy as np

from ..epochs import as_number, epoch_and_step
from . import intervals, resamples, resampling, tables
from .brain_resamples import columns_of_targets
from .resamples import Resamples
from .tables import size_of


class Key(NamedTuple):
    """What a curve is of."""

    dataset: str
    target: str
    network: str
    view: str
    block: str
    distance: str
    measure: str
    pairs: str
    control: str
    scheme: str


class Curve(NamedTuple):
    """Alignment over the analysed epochs."""

    labels: list[str]
    """As paths call the epochs, in order, (epochs,)."""
    epochs: np.ndarray
    """As numbers, steps being parts of an epoch, (epochs,)."""
    in_view: np.ndarray
    """Whether the epoch is looked at in this view; else, the view being calibrated, it stands for the plain one."""
    resampled: np.ndarray
    """(1 + draws, epochs, seeds, subjects); the first row is the sample itself."""
    weights: np.ndarray
    """What subjects' values are multiplied by and added up with in the sample, (subjects,): equal ones for their mean;
    others if the value is to be that of the average of subjects' RDMs."""
    seeds: list[int]
    subjects: list[str]
    n: dict[str, int]
    """Factor → the size of its sample."""
    replicates: dict[frozenset[str], np.ndarray]
    """Resampled factors → (draws, epochs), as `intervals.replicates` gives them."""

    @property
    def point(self) -> np.ndarray:
        """The alignment in the sample, subjects and seeds averaged, (epochs,)."""
        return self.of_seeds.mean(axis=-1)

    @property
    def of_seeds(self) -> np.ndarray:
        """The alignment of each seed in the sample, subjects averaged, (epochs, seeds)."""
        return self.resampled[0] @ self.weights

    def joint(self, over: tuple[str, ...]) -> np.ndarray:
        """Replicate curves for what is no linear function of a curve, (draws, epochs); see `joint_replicates`."""
        return intervals.joint_replicates(self.point, self.replicates, self.n, over)

    def unknown(self, over: tuple[str, ...]) -> str:
        """Why nothing can be generalised over some factors; empty if it can."""
        return intervals.unknown(self.n, over)


def curves_of(files, accuracies) -> Iterator[tuple[Key, Curve]]:
    """All curves of some files of gathered resamples.

    Args:
        files: As `resamples.gather` writes them, in the order that curves are wanted in.
        accuracies: Pairs of a network and the file of an accuracy of it, of networks that are analysed inside an epoch.
    """
    return curves([one for file in files for one in resamples.read_gathered(file)], tables.steps_per_epoch(accuracies))


def curves(found: list[Resamples], steps_per_epoch: dict[str, int]) -> Iterator[tuple[Key, Curve]]:
    """All curves of some files of resamples, which are of whole grids of seeds and epochs.

    Subjects are drawn alike in all targets that have the same ones, seeds in all curves of a network; so differences
    between curves are paired.

    Args:
        found: In the order that curves are wanted in: data sets, networks, views and blocks as they first appear.
        steps_per_epoch: Network → steps per epoch, of networks that are analysed inside an epoch.
    """
    by_place = {tuple(file.of.values()): file for file in found}
    places = ("dataset", "network", "view", "block", "distance")
    for dataset, network, view, block, distance in dict.fromkeys(tuple(f.of[name] for name in places) for f in found):
        of_network = [f.of for f in found if (f.of["dataset"], f.of["network"]) == (dataset, network)]
        seeds = sorted({int(of["seed"]) for of in of_network})
        labels = sorted({of["epoch"] for of in of_network})

        def place(seed, label, view, dataset=dataset, network=network, block=block, distance=distance):
            return dataset, network, str(seed), label, view, block, distance

        in_view = np.array([place(seeds[0], label, view) in by_place for label in labels])
        if not in_view.all() and view == size_of(view):
            raise ValueError(f"{dataset}, {network}, {view}, {block}: no resamples of some epochs")
        views = [view if own else size_of(view) for own in in_view]
        files = [by_place[place(seed, label, v)] for label, v in zip(labels, views, strict=True) for seed in seeds]
        values = np.stack([file.values for file in files])
        values = values.reshape(len(labels), len(seeds), *values.shape[1:])  # epochs, seeds, kinds, draws, columns
        first = files[0]
        for (i, kind), (target, columns) in product(enumerate(first.kinds), columns_of_targets(first.columns).items()):
            subjects = [first.columns[j][1] for j in columns]
            resampled = values[:, :, i][..., columns].transpose(2, 0, 1, 3).astype(np.float64)
            draws = len(resampled) - 1
            drawn_subjects = resampling.multiplicities(
                len(subjects), draws, resampling.stream("subjects", dataset, *subjects)
            )
            drawn_seeds = resampling.multiplicities(
                len(seeds), draws, resampling.stream("seeds", network, *map(str, seeds))
            )
            between_subjects = first.between_subjects.get((kind, target))
            yield (
                Key(dataset, target, network, view, block, distance, *kind),
                Curve(
                    labels,
                    np.array([as_number(*epoch_and_step(label), steps_per_epoch.get(network)) for label in labels]),
                    in_view,
                    resampled,
                    intervals.weights_of_subjects(np.ones((1, len(subjects))), between_subjects)[0],
                    seeds,
                    subjects,
                    {"stimuli": first.n, "subjects": len(subjects), "seeds": len(seeds)},
                    intervals.replicates(resampled, drawn_subjects, drawn_seeds, between_subjects),
                ),
            )
