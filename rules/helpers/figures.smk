# What the rules of rules/figures.smk ask for.

from early_alignment.datasets.base import EVERY_UNIT
from early_alignment.datasets.things_eeg2 import window_of

LEAST_TIMES = 5
"""Of a course of time; fewer are panels beside each other."""


def figure(name, caption, label):
    """The files of a figure, of which the report shows one."""
    png = report(
        results(f"figures/{name}.png"),
        caption=caption,
        category="Figures",
        labels={"figure": label},
    )
    return [png, results(f"figures/{name}.svg"), results(f"figures/{name}.pdf")]


def has_time_course(dataset):
    """Whether a data set's targets are times, and many."""
    windows = [window_of(target) for target in dataset.targets]
    return sum(window is not None and window[0] == window[1] for window in windows) >= LEAST_TIMES


def time_courses():
    """The wildcards of all figures of courses of time."""
    return [
        {"what": what, "dataset": name, "network": network}
        for name, dataset in DATASETS.items()
        if has_time_course(dataset)
        for what in ["alignment", *(["encoding"] if name in ENCODED else [])]
        for network in NETWORKS
    ]


def places(space):
    """The wildcards of all figures of encoding models in a space: of the whole cortex, or of the scalp at all times."""
    return [
        {"dataset": name, "network": network.name, "view": view, "target": EVERY_UNIT}
        for name in ENCODED
        if DATASETS[name].space == space
        and (space != "fsaverage" or EVERY_UNIT in DATASETS[name].targets)
        for network in NETWORKS.values()
        for view in plain_views(network)
    ]


def plain_views(network):
    """The views of a network that are not calibrated."""
    return list(
        dict.fromkeys(view for _, _, view in network.looks if view == f"{size_of_view(view)}px")
    )


def expand_all(patterns, wildcards):
    """The patterns for each of some wildcards."""
    return [pattern.format(**of) for of in wildcards for pattern in patterns]
