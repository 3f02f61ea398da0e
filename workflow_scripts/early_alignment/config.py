"""Check an experiment's config, and what it points at, before anything runs."""

from copy import deepcopy
from functools import reduce
from operator import getitem
from pathlib import Path

import yaml

from .datasets import open_dataset
from .errors import InputError

SCHEMA = yaml.safe_load((Path(__file__).parent / "config.schema.yaml").read_text(encoding="utf-8"))

IMAGES_TREE = "train/<class>/ and val/<class>/ with the images of each class, 1,000 classes for ImageNet"
IMAGES_SOURCE = (
    "register at https://image-net.org, download ILSVRC 2012, and sort the validation images into a folder per class"
)


def checked(config: dict) -> dict:
    """The config with defaults filled in.

    Raises:
        InputError: Keys are unknown, missing or of the wrong kind; the message lists all of them.
    """
    from jsonschema import Draft202012Validator

    validator = Draft202012Validator(SCHEMA)
    config = with_numbers_read(config, validator)
    errors = sorted(validator.iter_errors(config), key=lambda error: list(error.path))
    if errors:
        places = [f"{'.'.join(map(str, error.path)) or 'top level'}: {error.message}" for error in errors]
        raise InputError(
            "the config",
            "; ".join(places),
            "the keys and kinds that config.yaml shows",
            "correct the config file or the --config argument",
        )
    refuse_keys_of_other_formats(config["datasets"])
    config = with_defaults(config, SCHEMA)
    for name, settings in config["datasets"].items():
        if settings["format"] == "things_eeg2_raw":
            # Where the workflow puts what it makes of the raw files, and the data set then reads.
            settings["preprocessed"] = f"{config['results']}/preprocessed_data/{name}"
    if config["network"]["checkpoints"] is None:
        check_trained_epochs(config)
    else:
        check_own_checkpoints(config)
    check_sizes_of_images(config["training"])
    check_pairs(config["alignment"])
    return config


def with_numbers_read(config: dict, validator) -> dict:
    """The config with strings read as the numbers, booleans or null that the schema wants in their places.

    Snakemake's `--config 'seeds=[1, 3]'` gives strings within lists and mappings.
    """
    config = deepcopy(config)
    waiting = list(validator.iter_errors(config))
    while waiting:
        error = waiting.pop()
        waiting += error.context or []
        path = list(error.absolute_path)
        if error.validator == "type" and isinstance(error.instance, str) and path:
            value = yaml.safe_load(error.instance)
            if not isinstance(value, str) and validator.evolve(schema=error.schema).is_valid(value):
                reduce(getitem, path[:-1], config)[path[-1]] = value
    return config


def check_trained_epochs(config: dict) -> None:
    """Spell out `epochs: all`, and check that the analysed epochs are trained and the schedule is one.

    Raises:
        InputError: They are not.
    """
    last = config["training"]["epochs"]
    if config["epochs"] == "all":
        config["epochs"] = list(range(last + 1))
    late = [epoch for epoch in config["epochs"] if epoch > last]
    if late:
        raise InputError(
            "config key epochs",
            f"epochs {late}",
            f"epochs from 0 to training.epochs = {last}",
            "raise training.epochs or leave them out",
        )
    warmup = config["training"]["warmup_epochs"]
    if config["training"]["schedule"] == "cosine" and warmup >= last:
        raise InputError(
            "config key training.warmup_epochs", f"{warmup}", f"fewer than training.epochs = {last}", "lower it"
        )


def check_own_checkpoints(config: dict) -> None:
    """Check what a series of checkpoints from elsewhere needs in place of a training.

    Raises:
        InputError: The pattern does not tell checkpoints apart, or the config asks for what cannot be known.
    """
    pattern = config["network"]["checkpoints"]
    try:
        distinct = {pattern.format(seed=seed, epoch=epoch) for seed in (1, 2) for epoch in (1, 2)}
    except (LookupError, ValueError):
        distinct = set()
    if len(distinct) < (4 if len(config["seeds"]) > 1 else 2):
        raise InputError(
            "config key network.checkpoints",
            pattern,
            "a path with {epoch}, and with {seed} if there are several; {epoch:03d} for three digits",
            "correct it",
        )
    if config["epochs"] == "all":
        raise InputError(
            "config key epochs", "all", "a list, as network.checkpoints does not say which there are", "list them"
        )
    if (
        0 in config["epochs"]
        and config["features"]["untrained_batchnorm"] != "running"
        and config["training"]["images"] is None
    ):
        raise InputError(
            "config key features.untrained_batchnorm",
            config["features"]["untrained_batchnorm"],
            "running, as training.images is unset and calibration needs training images",
            "set either",
        )


def check_sizes_of_images(training: dict) -> None:
    """Check that resized copies are large enough for validation.

    Raises:
        InputError: They are not.
    """
    short_side = training["resized_short_side"]
    if short_side is not None and short_side < training["validation_resize"]:
        raise InputError(
            "config key training.resized_short_side",
            f"{short_side}",
            f"at least training.validation_resize = {training['validation_resize']}",
            "raise it",
        )


def check_pairs(alignment: dict) -> None:
    """Check that every measure can be computed over the pairs that are asked for.

    Raises:
        InputError: `whitened` is asked for over pairs that are no whole RDM.
    """
    if "whitened" in alignment["measures"] and "across_partitions" in alignment["pairs"]:
        raise InputError(
            "config keys alignment.measures and alignment.pairs",
            "whitened, with across_partitions",
            "whitened with all or within_partitions, as it needs whole RDMs: every pair of some conditions",
            "leave out either",
        )


def own_checkpoint(config: dict, seed, epoch: int) -> str:
    """The file of network.checkpoints with the network after so many epochs."""
    number = epoch - config["network"]["checkpoint_offset"]
    return config["network"]["checkpoints"].format(seed=seed, epoch=number)


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


def analysed_epochs(config: dict) -> list[str]:
    """How the analysed networks of a seed are called, in order: `000`, `000-calibrated`, `001` …"""
    untrained = {
        "running": ["000"],
        "calibrated": ["000-calibrated"],
        "both": ["000", "000-calibrated"],
    }[config["features"]["untrained_batchnorm"]]
    return [label for epoch in sorted(config["epochs"]) for label in (untrained if epoch == 0 else [f"{epoch:03d}"])]


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
    return list(value) if isinstance(value, list) else value


def check_roots(config: dict) -> None:
    """Check that the folders that the data should be in exist.

    Raises:
        InputError: Some are unset or missing; the message lists all, what each must hold, and how to get it.
    """
    own = config["network"]["checkpoints"] is not None
    needed = []
    if not own or config["training"]["images"] is not None:
        needed.append(("training.images", config["training"]["images"], IMAGES_TREE, IMAGES_SOURCE))
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
    """Check that the checkpoints that the config names exist.

    Raises:
        InputError: Some do not; the message lists the first.
    """
    wanted = [(seed, epoch) for seed in config["seeds"] for epoch in config["epochs"]]
    missing = [pair for pair in wanted if not Path(own_checkpoint(config, *pair)).is_file()]
    if missing:
        raise InputError(
            f"config key network.checkpoints = {config['network']['checkpoints']}",
            f"no file for {len(missing)} of {len(wanted)}: "
            + ", ".join(f"seed {s} epoch {e} ({own_checkpoint(config, s, e)})" for s, e in missing[:3]),
            "a checkpoint for every seed in seeds and epoch in epochs",
            "correct the pattern or network.checkpoint_offset, or leave out epochs that the series lacks, such as 0",
        )
