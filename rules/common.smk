# The grid, the check of the config, and the names that all rules share.
#
# Nothing here reads data: this file is run again at the start of every job.

import sys
from itertools import product
from pathlib import Path

sys.path.insert(0, f"{workflow.basedir}/workflow_scripts")

from early_alignment.code_versions import code_version
from early_alignment.config import check_roots, checked
from early_alignment.datasets import open_dataset
from early_alignment.errors import InputError
from early_alignment.simulation.plan import Plan

try:
    config = checked(config)
    SIMULATION = Plan(**config["simulation"]) if "simulation" in config else None
    if SIMULATION is None:
        check_roots(config)
except InputError as error:
    raise WorkflowError(str(error))

SEEDS = config["seeds"]
EPOCHS = [f"{epoch:03d}" for epoch in sorted(config["epochs"])]
BLOCKS = config["blocks"]
DATASETS = {name: open_dataset(name, settings) for name, settings in config["datasets"].items()}
TARGETS = [(name, target) for name, dataset in DATASETS.items() for target in dataset.targets]
SUBJECTS = {s for name, target in TARGETS for s in DATASETS[name].subjects_of(target)}


def one_of(names):
    """A wildcard constraint: one of the names, and nothing else."""
    import re

    return "|".join(sorted((re.escape(str(name)) for name in names), reverse=True))


wildcard_constraints:
    seed=one_of(SEEDS),
    epoch=r"\d{3}",
    segment=r"\d{3}",
    block=one_of(BLOCKS),
    dataset=one_of(DATASETS),
    target=one_of({target for _, target in TARGETS}),
    subject=one_of(SUBJECTS),


def results(path):
    """A path in the results folder."""
    return f"{config['results']}/{path}"


def log_of(path):
    """The path of the log of the job that makes a result."""
    return results(f"logs/{path}.log")


def benchmark_of(path):
    """The path of the run time and memory of the job that makes a result."""
    return results(f"benchmarks/{path}.tsv")


def science(dataset):
    """What decides a data set's brain RDMs and conditions: its settings without where they are."""
    settings = config["datasets"][dataset]
    return {key: settings[key] for key in sorted(settings) if key != "root"}


def experiment_files(pattern):
    """A pattern's files for all seeds × epochs × blocks × targets."""
    return [
        pattern.format(dataset=dataset, target=target, seed=seed, epoch=epoch, block=block)
        for (dataset, target), seed, epoch, block in product(TARGETS, SEEDS, EPOCHS, BLOCKS)
    ]


def brain_rdm_files(dataset, target):
    """The brain RDMs of all subjects that have the target, in order."""
    subjects = DATASETS[dataset].subjects_of(target)
    return [results(f"brain_rdms/{dataset}/sub-{subject}/{target}.npy") for subject in subjects]
