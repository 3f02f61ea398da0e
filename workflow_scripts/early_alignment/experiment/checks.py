"""Everything about the data that can be found wrong in seconds, found before anything else starts."""

import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np

from ..comparison import pairs
from ..datasets import open_dataset, stimuli
from ..datasets.base import DataSet, Stimulus, named
from ..errors import InputError
from ..files import existing
from ..geometry import brain_rdms
from ..training import class_folders
from .config import own_checkpoint
from .grid import CALIBRATED, Network, distances, networks_of, sizes

IMAGES_PER_JOB = 200


def problems(config: dict, processes: int = 1) -> tuple[list[str], list[InputError]]:
    """What the data sets hold, and all that is wrong with them.

    Args:
        config: A checked config.
        processes: How many to use.

    Returns:
        A line per data set and one for labelled images, and the errors of all.
    """
    if not all(network.is_trained for network in networks_of(config).values()):
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
            of_brains = list(dict.fromkeys(distances(config).values()))
            for distance in of_brains:
                _attempt(errors, dataset.check_distance, distance)
            _attempt(errors, dataset.check_subjects)
            conditions[name] = len({stimulus.condition for stimulus in listed})
            summaries += _attempt(errors, notes_on_labels, dataset, listed, config["alignment"]["pairs"]) or []
            parts = [listed[start : start + IMAGES_PER_JOB] for start in range(0, len(listed), IMAGES_PER_JOB)]
            background = config["features"]["background"]
            pictures[dataset] = [pool.submit(look_at_images, dataset, part, background) for part in parts]
            for target in dataset.targets:
                for subject in dataset.subjects_of(target):
                    jobs += [pool.submit(wrong_responses, dataset, subject, target, of) for of in of_brains]
        for dataset, parts in pictures.items():
            found = [part.result() for part in parts]
            undecodable = [error for _, wrong in found for error in wrong]
            errors += class_folders.the_first_few(undecodable, dataset.root)
            summaries.append(stimuli.summary(dataset, not_square=sum(n for n, _ in found)))
        for job in as_completed(jobs):
            errors += job.result()
        lines, wrong = check_labelled_images(config, pool)
        summaries += lines
        errors += wrong
        for network in networks_of(config).values():
            errors += wrong_checkpoints(network, pool)
    numbers = {}
    for name, network in networks_of(config).items():
        numbers[name], wrong = look_over_network(network)
        errors += wrong
    _attempt(errors, check_disk, config, conditions, numbers)
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
    """Look over the labelled images that networks are trained, calibrated and validated on, each folder once.

    Returns:
        A line per folder that says what there is, and all that is wrong.
    """
    lines, errors, seen = [], [], set()
    for network in networks_of(config).values():
        training = network.training
        if training["images"] is None:
            continue
        splits = ("train", "val") if network.is_trained or network.settings["calibrated"] else ("val",)
        asked = (training["images"], splits, repr(training["background"]), training["check_images"])
        if asked not in seen:
            seen.add(asked)
            every_image = training["check_images"] == "all"
            found = class_folders.check(Path(training["images"]), splits, training["background"], every_image, pool)
            lines += found[0]
            errors += found[1]
    return lines, errors


def wrong_checkpoints(network: Network, pool) -> list[InputError]:
    """What is wrong with a network's checkpoints from elsewhere, all of which are read."""
    if network.is_trained:
        return []
    wanted = product(network.seeds, network.settings["epochs"])
    files = [own_checkpoint(network.settings, seed, epoch) for seed, epoch in wanted]
    found = pool.map(partial(wrong_checkpoint, network.architecture), files)
    errors = [error for errors_of_file in found for error in errors_of_file]
    return class_folders.the_first_few(errors, network.settings["checkpoints"], "checkpoints")


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
    _attempt(errors, check_patterns, dataset, subject, target, distance)
    if distance in brain_rdms.NEEDS_REPETITIONS and not dataset.gives_rdms:
        _attempt(errors, check_repetitions, dataset, subject, target, distance)
    return errors


def check_patterns(dataset: DataSet, subject: str, target: str, distance: str) -> None:
    """Look over a subject's responses for a target, for the sake of a distance between brain patterns.

    Raises:
        InputError: Something is wrong with them.
    """
    patterns = dataset.check_responses(subject, target)
    if patterns is None:
        return
    conditions = dataset.conditions()
    bad = [c for c, is_flat in zip(conditions, brain_rdms.flat(patterns, distance), strict=True) if is_flat]
    if bad:
        raise InputError(
            f"{dataset.root} (data set {dataset.name}, subject {subject}, {target})",
            f"{len(bad)} of {len(conditions)} conditions have the same response in all units: {named(bad)}",
            f"patterns that vary over units, as distance {distance} needs",
            "mend the files, or choose another rdm.brain_distance",
        )


def check_repetitions(dataset: DataSet, subject: str, target: str, distance: str) -> None:
    """Check that conditions were measured as often as a distance in `brain_rdms.NEEDS_REPETITIONS` needs.

    Raises:
        InputError: They were not.
    """
    conditions = dataset.conditions()
    lacking = brain_rdms.lacking_repetitions(dataset.measured(subject, target), distance)
    bad = [condition for condition, lacks in zip(conditions, lacking, strict=True) if lacks]
    if bad:
        expected = f"a condition with two repetitions or more, which {distance} needs"
        if distance == "crossnobis":
            expected = "two repetitions or more that each pair of conditions shares, which crossnobis needs"
        raise InputError(
            f"{dataset.root} (data set {dataset.name}, subject {subject}, {target})",
            f"{len(bad)} of {len(conditions)} conditions that lack them: {named(bad)}",
            expected,
            dataset.too_few_repetitions,
        )


def look_over_network(network: Network) -> tuple[dict[int, dict[str, int]], list[InputError]]:
    """What a network puts out, found without computing it.

    Returns:
        Side of the images → block → how many features it has, as far as that can be known; and the errors of image
        sizes that the network does not take, of blocks without features, of calibration without batch norm, and of a
        network to train or evaluate that is no classifier.
    """
    from ..networks import networks

    where, errors = f"config key networks.{network.name}", []
    built = _attempt(errors, networks.without_weights, network.architecture)
    if built is None:
        return {}, errors
    if network.settings["calibrated"]:
        _attempt(errors, networks.batchnorm_layers, built, f"{where}.calibrated")
    if network.training["images"] is not None:
        built.train(network.is_trained)  # auxiliary classifiers run in training alone
        size, key = network.training["image_size"], f"{where}.training.image_size"
        if _attempt(errors, networks.surveyed, built, network.architecture, size, key) is not None:
            _attempt(errors, networks.check_scores, built, network.architecture, size)
    numbers = {}
    for size in sizes(network.features):
        key = f"config key features.image_size, network {network.name}"
        found = _attempt(errors, networks.surveyed, built.eval(), network.architecture, size, key)
        if found is not None:
            errors += networks.blocks_without_features(network.blocks, found, networks.SURVEYED, f"{where}.blocks")
            numbers[size] = networks.numbers_of_features(network.blocks, found)
    return numbers, errors


def check_disk(config: dict, conditions: dict[str, int], numbers: dict[str, dict]) -> None:
    """Check that there is room for the features that are yet to be extracted, not counting on compression.

    Args:
        config: A checked config.
        conditions: How many each data set has.
        numbers: Network → side of the images → block → how many features it has.

    Raises:
        InputError: There is not.
    """
    of_all = np.dtype(config["features"]["dtype"]).itemsize * sum(conditions.values())
    each = []
    for name, network in networks_of(config).items():
        bytes_of = {f"{size}px": of_all * sum(of_blocks.values()) for size, of_blocks in numbers[name].items()}
        each += [bytes_of.get(view.removesuffix(CALIBRATED), 0) for _, _, view in network.looks]
    if not config["features"]["keep"]:
        each = sorted(each)[-1:]
    folder = Path(config["results"])
    there = len({file.parent for file in folder.glob("features/*/*/seed-*/epoch-*/*/*.zarr.zip")})
    n_looks = len(each) * len(config["datasets"])
    needed = sum(each) * max(0, 1 - there / n_looks)
    free = shutil.disk_usage(existing(folder)).free
    if needed > free:
        raise InputError(
            folder,
            f"{free / 1e9:.1f} GB free",
            f"{needed / 1e9:.1f} GB, the features of {len(each)} looks at checkpoints before compression",
            "set features.keep to false, which removes them as soon as their RDMs are there, or features.dtype to "
            "float16; name fewer epochs or views, or put `results` on a larger disk",
        )


def report(summaries: list[str], errors: list[InputError]) -> Iterator[str]:
    """The lines that tell a user what was found."""
    yield from summaries
    yield ""
    for error in errors:
        yield f"ERROR: {error}\n"
    yield f"{len(errors)} problems found" if errors else "nothing wrong was found"
