"""Everything about the data that can be found wrong in seconds, found before anything else starts."""

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import numpy as np

from . import stimuli
from .config import analysed_epochs
from .datasets import open_dataset
from .datasets.base import DataSet, Stimulus, named
from .errors import InputError
from .files import existing

IMAGES_PER_JOB = 200


def problems(config: dict, processes: int = 1) -> tuple[list[str], list[InputError]]:
    """What the data sets hold, and all that is wrong with them.

    Args:
        config: A checked config.
        processes: How many to use.

    Returns:
        A line per data set, and the errors of all.
    """
    summaries, errors, conditions = [], [], {}
    with ProcessPoolExecutor(processes) as pool:
        jobs = []
        for name, settings in config["datasets"].items():
            dataset = open_dataset(name, settings)
            listed = _attempt(errors, dataset.stimuli)
            if listed is None:
                continue
            _attempt(errors, check_conditions, dataset, listed)
            distance = config["rdm"]["brain_distance"] or config["rdm"]["distance"]
            _attempt(errors, dataset.check_distance, distance)
            _attempt(errors, dataset.check_subjects)
            conditions[name] = len({stimulus.condition for stimulus in listed})
            summaries.append(stimuli.summary(dataset))
            for start in range(0, len(listed), IMAGES_PER_JOB):
                jobs.append(pool.submit(undecodable, dataset, listed[start : start + IMAGES_PER_JOB]))
            for target in dataset.targets:
                for subject in dataset.subjects_of(target):
                    jobs.append(pool.submit(wrong_responses, dataset, subject, target, distance))
        for job in as_completed(jobs):
            errors += job.result()
    _attempt(errors, check_disk, config, conditions)
    return summaries, distinct(errors)


def distinct(errors: list[InputError]) -> list[InputError]:
    """Each error once, however many subjects and targets meet it, in the order of their places."""
    by_text = {str(error): error for error in errors}
    return [by_text[text] for text in sorted(by_text)]


def _attempt(errors: list[InputError], check: Callable, *arguments):
    try:
        return check(*arguments)
    except InputError as error:
        errors.append(error)


def check_conditions(dataset: DataSet, listed: list[Stimulus]) -> None:
    """Check that the images of a condition are together, else two conditions are of one name."""
    seen, last, twice = set(), None, []
    for condition, _ in listed:
        if condition != last and condition in seen:
            twice.append(condition)
        seen.add(condition)
        last = condition
    if twice:
        raise InputError(
            f"{dataset.root} (data set {dataset.name})",
            f"{len(twice)} conditions of the name of another: {named(twice)}",
            "names that differ, and all images of a condition together",
            "name every condition once",
        )


def undecodable(dataset: DataSet, listed: list[Stimulus]) -> list[InputError]:
    """The errors of images that cannot be decoded."""
    errors = []
    for stimulus in listed:
        _attempt(errors, dataset.open_image, stimulus.image)
    return errors


def wrong_responses(dataset: DataSet, subject: str, target: str, distance: str) -> list[InputError]:
    """What is wrong with a subject's responses for a target, for the sake of a distance between brain patterns."""
    errors = []
    _attempt(errors, dataset.check_responses, subject, target, distance)
    _attempt(errors, dataset.check_repetitions, subject, target, distance)
    return errors


def check_disk(config: dict, conditions: dict[str, int]) -> None:
    """Check that there is room for the features that are yet to be extracted, not counting on compression.

    Args:
        config: A checked config.
        conditions: How many each data set has.

    Raises:
        InputError: There is not.
    """
    n_checkpoints = len(config["seeds"]) * len(analysed_epochs(config))
    from .networks import block_sizes

    sizes = block_sizes(config["network"]["architecture"], config["blocks"], config["features"]["image_size"])
    each = sum(conditions.values()) * sum(sizes.values()) * np.dtype(config["features"]["dtype"]).itemsize
    folder = Path(config["results"])
    there = list(folder.glob("features/*/seed-*/epoch-*/*.zarr.zip"))
    if not config["features"]["keep"]:
        n_checkpoints = 1
    files = n_checkpoints * len(config["datasets"]) * len(sizes)
    needed = each * n_checkpoints * max(0, 1 - len(there) / files)
    free = shutil.disk_usage(existing(folder)).free
    if needed > free:
        raise InputError(
            folder,
            f"{free / 1e9:.1f} GB free",
            f"{needed / 1e9:.1f} GB, the features of {n_checkpoints} checkpoints before compression",
            "set features.keep to false, which removes them as soon as their RDMs are there, or features.dtype to "
            "float16; name fewer epochs, or put `results` on a larger disk",
        )


def report(summaries: list[str], errors: list[InputError]) -> Iterator[str]:
    """The lines that tell a user what was found."""
    yield from summaries
    yield ""
    for error in errors:
        yield f"ERROR: {error}\n"
    yield f"{len(errors)} problems found" if errors else "nothing wrong was found"
