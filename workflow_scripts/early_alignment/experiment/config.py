"""Check an experiment's config, and what it points at, before anything runs."""

import glob
import os
import re
from copy import deepcopy
from functools import reduce
from itertools import product
from operator import getitem
from pathlib import Path
from string import Formatter

import yaml

from ..comparison.measures import MEASURES
from ..datasets import format_in, open_dataset
from ..datasets.base import named
from ..errors import InputError, attempts, together
from ..files import existing
from ..networks.architectures import check_architecture
from . import config_files
from .config_messages import errors_in, keys_that_are_no_text
from .grid import distances, networks_of
from .schema import SCHEMA

MOST_EPOCHS = SCHEMA["properties"]["networks"]["additionalProperties"]["properties"]["epochs"]["items"]["maximum"]

IMAGES_TREE = "train/<class>/ and val/<class>/ with the images of each class, 1,000 classes for ImageNet"
IMAGES_SOURCE = (
    "register at https://image-net.org, download ILSVRC 2012, and sort the validation images into a folder per class"
)


def checked(config: dict, files=()) -> dict:
    """The config with defaults filled in, numbers as numbers, and paths written out.

    Args:
        config: As Snakemake read it.
        files: The YAML or JSON files that it was read from, of which the last to name a key decides it.

    Raises:
        InputError: Keys are unknown, missing, given twice or of the wrong kind, or do not go together; the message
            lists all of them.
    """
    errors, written = [], {}
    for file in files:
        errors_of_file, written_in_file = config_files.read(file)
        errors += errors_of_file
        written |= written_in_file
    config = with_numbers_read(config)
    errors += errors_in(config, SCHEMA, written)
    if not errors:
        errors = attempts((refuse_keys_of_other_formats, config["datasets"]))
    if not errors:
        config = with_defaults(config, SCHEMA)
        for name, settings in config["datasets"].items():
            if format_in(settings["format"]).is_raw:
                # Where the workflow puts what it makes of the raw files, and the data set then reads.
                settings["preprocessed"] = f"{config['results']}/preprocessed_data/{name}"
        errors = attempts(
            (check_names, "config key networks", list(config["networks"]), str.casefold),
            *(check for name in config["networks"] for check in checks_of_network(name, config)),
            (check_copies, config),
            (check_pairs, config["alignment"]),
            (check_squares, config),
            (check_encoding, config),
            (check_names, "config key datasets", list(config["datasets"]), str.casefold),
            *((check_dataset, name, settings) for name, settings in config["datasets"].items()),
            (check_paths, config),
            *((check_results, key, config) for key in ("results", "trained") if config[key] is not None),
        )
    if errors:
        raise together(errors, "the config")
    return config


def with_numbers_read(config: dict) -> dict:
    """The config with text read as the numbers, booleans or null that the schema wants in its places.

    Snakemake's `--config 'seeds=[1, 3]'` gives text within lists and mappings, and YAML takes 1e-4 for text.
    """
    from jsonschema import Draft202012Validator

    config = deepcopy(config)
    if any(keys_that_are_no_text(config)):
        return config
    for error in Draft202012Validator(SCHEMA).iter_errors(config):
        path = list(error.absolute_path)
        if error.validator in ("type", "enum", "pattern") and isinstance(error.instance, str) and path:
            value, wanted = number_or_word(error.instance), {error.validator: error.validator_value}
            is_meant = isinstance(value, int | float) or (not isinstance(value, str) and error.validator != "pattern")
            if is_meant and Draft202012Validator(wanted).is_valid(value):
                reduce(getitem, path[:-1], config)[path[-1]] = value
    return config


def number_or_word(text: str):
    """The number, boolean or null that a text stands for, or the text."""
    if config_files.NUMBER.fullmatch(text):
        return float(text) if set(text) & set(".eE") else int(text)
    if text.lower() in ("null", "~", ""):
        return None
    return yaml.SafeLoader.bool_values.get(text.lower(), text)


def checks_of_network(name: str, config: dict) -> list[tuple]:
    """The checks of what a network asks for against what it is trained on or has files of, for `attempts`, in order."""
    where, settings = f"networks.{name}", config["networks"][name]
    is_trained = settings["checkpoints"] is None
    return [
        (check_architecture, settings["architecture"], f"config key {where}.architecture"),
        (check_trained_epochs, where, settings) if is_trained else (check_own_checkpoints, where, settings, config),
        (check_warmup, f"{where}.training", settings["training"]),
        (check_sizes_of_images, f"{where}.training", settings["training"]),
        (check_calibrated, where, settings),  # after `epochs: all` is spelled out
    ]


def check_trained_epochs(where: str, settings: dict) -> None:
    """Spell out `epochs: all`, and check that the analysed epochs are trained.

    Raises:
        InputError: They are not.
    """
    training = settings["training"]
    last, early = training["epochs"], [f"0+{step}" for step in training["early_steps"]]
    if settings["epochs"] == "all":
        settings["epochs"] = [*range(last + 1), *early]
    unknown = [str(epoch) for epoch in settings["epochs"] if epoch not in [*range(last + 1), *early]]
    if unknown:
        steps = f", or {', '.join(early)}" if early else ", and no steps, as training.early_steps has none"
        raise InputError(
            f"config key {where}.epochs",
            ", ".join(unknown),
            f"epochs from 0 to training.epochs = {last}{steps}",
            "raise training.epochs, add to training.early_steps, or leave them out",
        )


def check_warmup(where: str, training: dict) -> None:
    """Check that warm-up leaves a cosine some epochs to fall in.

    Raises:
        InputError: It leaves none.
    """
    warmup, last = training["warmup_epochs"], training.get("epochs")
    if training["schedule"] == "cosine" and last is not None and warmup >= last:
        expected = f"fewer than training.epochs = {last}"
        raise InputError(f"config key {where}.warmup_epochs", f"{warmup}", expected, "lower it")


def check_own_checkpoints(where: str, settings: dict, config: dict) -> None:
    """Spell out `epochs: all`, and check what a series of checkpoints from elsewhere needs in place of a training.

    Raises:
        InputError: The pattern does not tell checkpoints apart, seeds differ in the epochs that they have, or the
            config asks for what cannot be known.
    """
    pattern, key = settings["checkpoints"], f"config key {where}.checkpoints"
    expected = "a path with {epoch}, and with {seed} if there are several; {epoch:03d} for three digits"
    if wrong := wrong_fields(pattern):
        raise InputError(key, f"{wrong} in {pattern}", expected, "correct it")
    if settings["epochs"] == "all":
        settings["epochs"] = epochs_there(key, settings)
    if steps := [epoch for epoch in settings["epochs"] if isinstance(epoch, str)]:
        found, remedy = f"{', '.join(steps)}, which a series from elsewhere has no files of", "leave them out"
        raise InputError(f"config key {where}.epochs", found, "whole epochs", remedy)
    first = {}
    for seed, epoch in product(settings["seeds"], settings["epochs"]):
        other = first.setdefault(own_checkpoint(settings, seed, epoch), (seed, epoch))
        if other != (seed, epoch):
            same = " and ".join("seed {} epoch {}".format(*pair) for pair in (other, (seed, epoch)))
            raise InputError(key, f"{pattern}, one file for {same}", expected, "correct it")
    for place, file in product(("results", "trained"), first):
        if config[place] is not None and Path(file).parent.resolve().is_relative_to(Path(config[place]).resolve()):
            raise_shared(config[place], f"{where}.checkpoints = {pattern}", place)


def check_calibrated(where: str, settings: dict) -> None:
    """Spell out `calibrated: all`, and check that these are analysed epochs and that there are images to calibrate on.

    Raises:
        InputError: They are not, or there are none.
    """
    if settings["epochs"] == "all":
        return  # no epochs were found, which is said
    if settings["calibrated"] == "all":
        settings["calibrated"] = list(settings["epochs"])
    strange = [epoch for epoch in settings["calibrated"] if epoch not in settings["epochs"]]
    if strange:
        expected = f"some of the analysed epochs, {', '.join(map(str, settings['epochs']))}"
        raise InputError(f"config key {where}.calibrated", ", ".join(map(str, strange)), expected, "leave them out")
    if settings["calibrated"] and settings["checkpoints"] is not None and settings["training"]["images"] is None:
        raise InputError(
            f"config key {where}.calibrated",
            ", ".join(map(str, settings["calibrated"])),
            "none, as training.images is unset and calibration needs training images",
            "set either",
        )


def wrong_fields(pattern: str) -> str | None:
    """What of a pattern of checkpoints is no `{seed}` or `{epoch}`, with or without a width such as `:03d`."""
    try:
        fields = [field for field in Formatter().parse(pattern) if field[1] is not None]
    except ValueError as error:
        return str(error)
    wrong = [
        f"{{{name}{'!' + conversion if conversion else ''}{':' + width if width else ''}}}"
        for _, name, width, conversion in fields
        if name not in ("seed", "epoch") or conversion or not re.fullmatch(r"(0?[1-9])?d?", width)
    ]
    return ", ".join(wrong) or (None if any(field[1] == "epoch" for field in fields) else "no {epoch}")


def epochs_there(key: str, settings: dict) -> list[int]:
    """The epochs of which every seed has a checkpoint from elsewhere, by the names of the files that are there.

    Raises:
        InputError: There are none, or some that not every seed has, or one above 999.
    """
    there = {seed: epochs_of_seed(settings, seed) for seed in settings["seeds"]}
    every = set.union(*there.values())
    where = f"{key} = {settings['checkpoints']}, for epochs: all"
    if not every or max(every) > MOST_EPOCHS:
        raise InputError(
            where,
            f"epoch {max(every)}" if every else "no file of such a name",
            f"files of epochs from 0 to {MOST_EPOCHS}",
            "correct the pattern or checkpoint_offset, or list the epochs",
        )
    lacking = {seed: sorted(every - epochs) for seed, epochs in there.items() if epochs != every}
    if lacking:
        raise InputError(
            where,
            "; ".join(f"seed {seed} lacks epochs {', '.join(map(str, epochs))}" for seed, epochs in lacking.items()),
            "the same epochs of every seed",
            "add the files, or list the epochs that all seeds have",
        )
    return sorted(every)


def epochs_of_seed(settings: dict, seed: int) -> set[int]:
    """The epochs of which a seed has a checkpoint from elsewhere: numbers in files' names that give these names."""
    parts = Formatter().parse(settings["checkpoints"])
    pattern = "".join(
        glob.escape(literal) + (format(seed, width) if name == "seed" else "*" if name else "")
        for literal, name, width, _ in parts
    )
    there = glob.glob(pattern)  # noqa: PTH207 (the pattern may be absolute)
    offset = settings["checkpoint_offset"]
    numbers = {(file, int(digits) + offset) for file in there for digits in re.findall(r"\d+", file)}
    return {epoch for file, epoch in numbers if own_checkpoint(settings, seed, epoch) == file}


def check_sizes_of_images(where: str, training: dict) -> None:
    """Check that validation images are as large as the crops from them, and resized copies as large as these.

    Raises:
        InputError: They are not.
    """
    if training["validation_resize"] < training["image_size"]:
        raise InputError(
            f"config key {where}.validation_resize",
            f"{training['validation_resize']}",
            f"at least training.image_size = {training['image_size']}: crops of smaller images have black margins",
            "raise it, or lower training.image_size",
        )
    short_side = training["resized_short_side"]
    if short_side is not None and short_side < training["validation_resize"]:
        raise InputError(
            f"config key {where}.resized_short_side",
            f"{short_side}",
            f"at least training.validation_resize = {training['validation_resize']}",
            "raise it",
        )


def check_pairs(alignment: dict) -> None:
    """Check that every measure can be computed over the pairs that are asked for.

    Raises:
        InputError: One that needs whole RDMs is asked for over pairs that are none.
    """
    partial = [pairs for pairs in ("across_partitions", "without_same_label") if pairs in alignment["pairs"]]
    whole = [name for name in alignment["measures"] if MEASURES[name].needs_whole]
    if whole and partial:
        raise InputError(
            "config keys alignment.measures and alignment.pairs",
            f"{', '.join(whole)}, with {' and '.join(partial)}",
            f"{', '.join(whole)} with all or within_partitions, as whole RDMs are needed: all pairs of some conditions",
            "leave out either",
        )


def check_squares(config: dict) -> None:
    """Check that every measure can be computed of the distances that are asked for.

    Raises:
        InputError: One that needs squares of distances is asked for of distances.
    """
    of_squares = [name for name in config["alignment"]["measures"] if MEASURES[name].needs_squares]
    if of_squares and "euclidean" in {*distances(config), *distances(config).values()}:
        raise InputError(
            "config keys alignment.measures and rdm.distance",
            f"{', '.join(of_squares)}, with euclidean",
            f"{', '.join(of_squares)} with squares of distances, which sqeuclidean, correlation and cosine are",
            "take sqeuclidean in its place, as rdm.brain_distance too, or leave these measures out",
        )


def check_encoding(config: dict) -> None:
    """Check that there are responses to fit encoding models to, if these are asked for.

    Raises:
        InputError: All data sets are RDMs.
    """
    of = {name: settings["format"] for name, settings in config["datasets"].items()}
    if config["encoding"]["fit"] and all(format_in(kind).gives_rdms for kind in of.values()):
        raise InputError(
            "config key encoding.fit",
            f"true, and RDMs alone: {', '.join(f'{name} ({kind})' for name, kind in of.items())}",
            "a data set of responses: RDMs have no units to predict",
            "set it to false, or add a data set of responses",
        )


def own_checkpoint(settings: dict, seed, epoch: int) -> str:
    """The file of a series from elsewhere with the network after so many epochs."""
    number = epoch - settings["checkpoint_offset"]
    return settings["checkpoints"].format(seed=int(seed), epoch=number)


def check_dataset(name: str, settings: dict) -> None:
    """Check that no two subjects or targets of a data set are one by two names; subjects by number become numbers.

    Raises:
        InputError: Some are, or are none of the format.
    """
    where = f"config key datasets.{name}"
    dataset = open_dataset(name, settings)
    by_number = dataset.subjects_are_numbers
    strange = [subject for subject in dataset.subjects if by_number and not subject.isdecimal()]
    if strange:
        expected, remedy = "subjects by number, such as 1", "write their numbers"
        raise InputError(f"{where}.subjects", ", ".join(map(repr, strange)), expected, remedy)
    check_names(f"{where}.subjects", settings["subjects"], int if by_number else lambda name: str(name).casefold())
    if by_number:
        settings["subjects"] = [int(subject) for subject in settings["subjects"]]
    check_names(f"{where}.targets", dataset.targets, dataset.meaning_of)
    check_names(f"{where}.targets", dataset.targets, str.casefold)
    for union, regions in settings.get("regions", {}).items():
        if union in regions and len(regions) > 1:
            raise InputError(
                f"{where}.regions.{union}",
                f"{union} among its own regions {named(regions)}",
                "a name that no region has",
                "rename the union",
            )


def check_names(where: str, names: list, meaning) -> None:
    """Check that no two names mean the same, which tables and figures would count twice.

    Args:
        where: The config key.
        names: Of data sets, subjects or targets.
        meaning: Name → what it stands for. Names that differ in case alone are one file on some file systems.

    Raises:
        InputError: Two do.
    """
    first = {}
    for name in names:
        meant = meaning(name)
        if meant in first:
            found = f"{first[meant]!r} and {name!r}, which mean the same"
            raise InputError(where, found, "every name once", "leave one out, or rename it where both are meant")
        first[meant] = name


def paths(value, schema: dict = SCHEMA, key: str = ""):
    """(key, path) of every path in a config."""
    if isinstance(value, dict):
        for name, item in value.items():
            of_key = schema.get("properties", {}).get(name, schema.get("additionalProperties") or {})
            yield from paths(item, of_key, f"{key}.{name}" if key else name)
    elif schema.get("path") and value is not None:
        yield key, value


def check_paths(config: dict) -> None:
    """Check that paths are written out.

    Raises:
        InputError: A path holds a variable or an unknown user.
    """
    for key, path in paths(config):
        if path.startswith("~"):
            raise InputError(f"config key {key}", path, "a path; ~ is your home folder", "write the path out")
        if variable := re.search(r"\$(\w+|\{\w+\})", path):
            meant = os.path.expandvars(variable[0])
            raise InputError(
                f"config key {key}",
                f"{path}, with a variable {variable[0]}",
                "a path written out: a job on another machine may know another value",
                f"write {path.replace(variable[0], meant)}" if meant != variable[0] else "write the path out",
            )


def check_copies(config: dict) -> None:
    """Check that networks which would share a resized copy of their labelled images have the same ones.

    Raises:
        InputError: Two have folders of one name in different places.
    """
    first = {}
    for network in networks_of(config).values():
        if network.copy_of_images is not None:
            other = first.setdefault(network.copy_of_images, network)
            mine, others = network.training["images"], other.training["images"]
            if Path(mine).resolve() != Path(others).resolve():
                raise InputError(
                    f"config key networks.{network.name}.training.images",
                    f"{mine}, whose resized copy has the name of that of {others} (network {other.name})",
                    "folders of different names, as resized copies have the names of their folders",
                    "rename one of the folders",
                )


def check_results(key: str, config: dict) -> None:
    """Check that a folder that a key names, and that Snakemake deletes in, is its own.

    Raises:
        InputError: It is a file, or has data, this workflow, or all else in it or around it.
    """
    folder = config[key]
    results = Path(folder).resolve()
    if not existing(results).is_dir():
        raise InputError(f"config key {key}", f"{existing(results)}, a file", "a folder, or room for one", "rename it")
    for place in (Path.cwd(), expanded(Path("~")), Path(__file__)):
        if place.resolve().is_relative_to(results):
            raise_shared(folder, place, key)
    data = {f"datasets.{name}.root": settings["root"] for name, settings in config["datasets"].items()}
    data |= {f"networks.{name}.training.images": n["training"]["images"] for name, n in config["networks"].items()}
    for name, other in data.items():
        place = other and Path(other).resolve()
        if place and (place.is_relative_to(results) or results.is_relative_to(place)):
            raise_shared(folder, f"{name} = {other}", key)


def raise_shared(folder: str, with_, key: str):
    """Raise the error of results that are not alone in their folder."""
    raise InputError(
        f"config key {key}",
        f"{folder}, which shares a folder with {with_}",
        "a folder of its own, in no folder of data and around none: Snakemake deletes results that it makes anew",
        "name another folder",
    )


def refuse_keys_of_other_formats(datasets: dict) -> None:
    """Check that data sets have only keys that their formats have.

    Raises:
        InputError: Some have others; the message lists all.
    """
    known = SCHEMA["properties"]["datasets"]["additionalProperties"]["properties"]
    foreign = [
        f"datasets.{name}.{key} is a key of {' and '.join(known[key]['formats'])}, not of {settings['format']}"
        for name, settings in datasets.items()
        for key in settings
        if settings["format"] not in known[key].get("formats", [settings["format"]])
    ]
    if foreign:
        raise InputError("the config", "; ".join(foreign), "keys of the data set's format", "leave them out")


def with_defaults(value, schema: dict):
    """A copy of a valid value in which every left out key has its default, unless it is of another data format."""
    if isinstance(value, dict):
        properties = {
            key: of_key
            for key, of_key in schema.get("properties", {}).items()
            if value.get("format") in of_key.get("formats", [value.get("format")])
        }
        others = schema.get("additionalProperties") or {}
        given = {key: with_defaults(item, properties.get(key, others)) for key, item in value.items()}
        left_out = {
            key: with_defaults(properties[key]["default"], properties[key])
            for key in properties
            if key not in value and "default" in properties[key]
        }
        return given | left_out
    if isinstance(value, list):
        return [with_defaults(item, schema.get("items", {})) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)  # 1.0 is 1, in the names of files too
    return str(expanded(Path(value))) if schema.get("path") and value is not None else value


def expanded(path: Path) -> Path:
    """The path with a home folder in place of `~`, or as it is if there is no such user."""
    try:
        return path.expanduser()
    except RuntimeError:
        return path


def check_roots(config: dict) -> None:
    """Check that the folders that the data should be in exist.

    Raises:
        InputError: Some are unset or missing; the message lists all, what each must hold, and how to get it.
    """
    of_images = {}
    for name, network in networks_of(config).items():
        images = network.training["images"]
        if network.is_trained or images is not None:
            key = f"networks.{name}.training.images"
            of_images.setdefault(images or key, (key, images, IMAGES_TREE, IMAGES_SOURCE))
    needed = list(of_images.values())
    for name, settings in config["datasets"].items():
        dataset = open_dataset(name, settings)
        needed.append((f"datasets.{name}.root", settings["root"], dataset.tree, dataset.source))
    missing = [entry for entry in needed if entry[1] is None or not Path(entry[1]).is_dir()]
    if missing:
        raise InputError(
            "the data folders that the config names",
            ", ".join(
                f"{key} {'unset' if folder is None else f'= {folder}, no such folder'}" for key, folder, *_ in missing
            ),
            "".join(f"\n    {key}: {tree}" for key, _, tree, _ in missing),
            "set them in config.yaml to where the data are; to get the data"
            + "".join(f"\n    {key}: {source}" for key, _, _, source in missing)
            + "\n  Without data of your own, `make demo` runs the whole experiment on simulated data.",
        )


def check_own_files(config: dict) -> None:
    """Check that the checkpoints from elsewhere that the config names exist.

    Raises:
        InputError: Some do not; the message lists the first of each network.
    """
    series = [item for item in config["networks"].items() if item[1]["checkpoints"] is not None]
    if errors := attempts(*((check_series, name, settings) for name, settings in series)):
        raise together(errors, "the checkpoints that the config names")


def check_series(name: str, settings: dict) -> None:
    """Check that the files of a network's checkpoints from elsewhere exist.

    Raises:
        InputError: Some do not; the message lists the first.
    """
    wanted = list(product(settings["seeds"], settings["epochs"]))
    missing = [pair for pair in wanted if not Path(own_checkpoint(settings, *pair)).is_file()]
    if missing:
        raise InputError(
            f"config key networks.{name}.checkpoints = {settings['checkpoints']}",
            f"no file for {len(missing)} of {len(wanted)}: "
            + ", ".join(f"seed {s} epoch {e} ({own_checkpoint(settings, s, e)})" for s, e in missing[:3]),
            "a checkpoint for every seed in seeds and epoch in epochs",
            "correct the pattern or checkpoint_offset, or leave out epochs that the series lacks, such as 0",
        )
