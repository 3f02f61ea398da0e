"""Everything about the data that can be found wrong in seconds, found before anything else starts."""

import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from pathlib import Path

import numpy as np

from ..comparison import pairs
from ..datasets import open_dataset, stimuli
from ..datasets.base import DataSet, Stimulus, named
from ..errors import InputError
from ..files import existing
from ..training import class_folders
from .config import analysed_epochs, own_checkpoint

IMAGES_PER_JOB = 200


def problems(config: dict, processes: int = 1) -> tuple[list[str], list[InputError]]:
    """What the data sets hold, and all that is wrong with them.

    Args:
        config: A checked config.
        processes: How many to use.

    Returns:
        A line per data set and one for labelled images, and the errors of all.
    """
    if config["network"]["checkpoints"] is not None:
        from ..networks import networks  # noqa: F401 (once for all processes, which then share its memory)
    summaries, errors, conditions, pictures = [], [], {}, {}
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
            summaries += _attempt(errors, notes_on_labels, dataset, listed, config["alignment"]["pairs"]) or []
            parts = [listed[start : start + IMAGES_PER_JOB] for start in range(0, len(listed), IMAGES_PER_JOB)]
            background = config["features"]["background"]
            pictures[dataset] = [pool.submit(look_at_images, dataset, part, background) for part in parts]
            for target in dataset.targets:
                for subject in dataset.subjects_of(target):
                    jobs.append(pool.submit(wrong_responses, dataset, subject, target, distance))
        for dataset, parts in pictures.items():
            found = [part.result() for part in parts]
            undecodable = [error for _, wrong in found for error in wrong]
            errors += class_folders.the_first_few(undecodable, dataset.root)
            summaries.append(stimuli.summary(dataset, not_square=sum(n for n, _ in found)))
        for job in as_completed(jobs):
            errors += job.result()
        if config["training"]["images"] is not None:
            line, wrong = check_labelled_images(config, pool)
            summaries += line
            errors += wrong
        if config["network"]["checkpoints"] is not None:
            errors += wrong_checkpoints(config, pool)
    sizes, wrong = look_over_network(config)
    errors += wrong
    _attempt(errors, check_disk, config, conditions, sizes)
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
            f"{dataset.conditions_from} (data set {dataset.name})",
            f"{len(twice)} conditions of the name of another: {named(twice)}",
            "names that differ, and all images of a condition together",
            "name every condition once",
        )


def notes_on_labels(dataset: DataSet, listed: list[Stimulus], choices: list[str]) -> list[str]:
    """What to know of conditions of several labels, if pairs of all are compared and nothing else.

    Raises:
        InputError: Labels do not give the pairs that are asked for.
    """
    labels = dict.fromkeys((stimulus.condition for stimulus in listed), "") | dataset.labels()
    for choice in choices:
        pairs.blocks(choice, len(labels), labels, f"{dataset.root} (data set {dataset.name})")
    counts = Counter(labels.values())
    if len(counts) < 2 or choices != [pairs.ALL]:
        return []
    found = named([f"{n} {label}" for label, n in counts.items()])
    return [
        f"NOTE: {dataset.name}: conditions have {len(counts)} labels ({found}), and all pairs of them are compared. "
        "What conditions of one label share, such as how many images and presentations they are averages of, then "
        "shows as alignment. `alignment.pairs: [all, within_partitions]` adds the alignment without it"
    ]


def look_at_images(dataset: DataSet, listed: list[Stimulus], background) -> tuple[int, list[InputError]]:
    """How many images are not square, and the errors of those that cannot be decoded."""
    errors = []
    images = [_attempt(errors, _size, dataset, stimulus, background) for stimulus in listed]
    return sum(size is not None and size[0] != size[1] for size in images), errors


def _size(dataset: DataSet, stimulus: Stimulus, background) -> tuple[int, int]:
    return dataset.open_image(stimulus.image, background).size


def check_labelled_images(config: dict, pool) -> tuple[list[str], list[InputError]]:
    """Look over the labelled images that networks are trained, calibrated and validated on.

    Returns:
        A line that says what there is, and all that is wrong.
    """
    training = config["training"]
    is_trained = config["network"]["checkpoints"] is None
    is_calibrated = any(epoch.endswith("-calibrated") for epoch in analysed_epochs(config))
    splits = ("train", "val") if is_trained or is_calibrated else ("val",)
    every_image = training["check_images"] == "all"
    return class_folders.check(Path(training["images"]), splits, training["background"], every_image, pool)


def wrong_checkpoints(config: dict, pool) -> list[InputError]:
    """What is wrong with the checkpoints from elsewhere, all of which are read."""
    files = [own_checkpoint(config, seed, epoch) for seed in config["seeds"] for epoch in config["epochs"]]
    found = pool.map(partial(wrong_checkpoint, config["network"]["architecture"]), files)
    errors = [error for errors_of_file in found for error in errors_of_file]
    return class_folders.the_first_few(errors, config["network"]["checkpoints"], "checkpoints")


def wrong_checkpoint(architecture: str, path: str) -> list[InputError]:
    """What is wrong with a checkpoint from elsewhere."""
    import torch

    from ..networks import checkpoints, networks

    torch.set_num_threads(1)  # as many processes do this as there are cores
    errors = []
    state = _attempt(errors, checkpoints.read_foreign, path)
    if state is not None:
        _attempt(errors, networks.check_state, architecture, state, path)
    return errors


def wrong_responses(dataset: DataSet, subject: str, target: str, distance: str) -> list[InputError]:
    """What is wrong with a subject's responses for a target, for the sake of a distance between brain patterns."""
    errors = []
    _attempt(errors, dataset.check_responses, subject, target, distance)
    _attempt(errors, dataset.check_repetitions, subject, target, distance)
    return errors


def look_over_network(config: dict) -> tuple[dict[str, int], list[InputError]]:
    """What the network puts out, found without computing it.

    Args:
        config: A checked config.

    Returns:
        How many features each block has, as far as that can be known; and the errors of image sizes that the network
        does not take, of blocks without features, and of batch norm statistics for a network without batch norm.
    """
    from ..networks import networks

    architecture, training = config["network"]["architecture"], config["training"]
    errors = []
    network = _attempt(errors, networks.without_weights, architecture)
    if network is None:
        return {}, errors
    if 0 in config["epochs"] and config["features"]["untrained_batchnorm"] != "running":
        _attempt(errors, networks.batchnorm_layers, network)
    if training["images"] is not None:
        network.train(config["network"]["checkpoints"] is None)  # auxiliary classifiers run in training alone
        where = "config key training.image_size"
        _attempt(errors, networks.surveyed, network, architecture, training["image_size"], where)
    size, where = config["features"]["image_size"], "config key features.image_size"
    found = _attempt(errors, networks.surveyed, network.eval(), architecture, size, where)
    if found is None:
        return {}, errors
    errors += networks.blocks_without_features(config["blocks"], found, networks.SURVEYED)
    return networks.numbers_of_features(config["blocks"], found), errors


def check_disk(config: dict, conditions: dict[str, int], sizes: dict[str, int]) -> None:
    """Check that there is room for the features that are yet to be extracted, not counting on compression.

    Args:
        config: A checked config.
        conditions: How many each data set has.
        sizes: How many features each block has.

    Raises:
        InputError: There is not.
    """
    n_checkpoints = len(config["seeds"]) * len(analysed_epochs(config))
    each = sum(conditions.values()) * sum(sizes.values()) * np.dtype(config["features"]["dtype"]).itemsize
    folder = Path(config["results"])
    there = list(folder.glob("features/*/seed-*/epoch-*/*.zarr.zip"))
    if not config["features"]["keep"]:
        n_checkpoints = 1
    files = n_checkpoints * len(config["datasets"]) * len(config["blocks"])
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
