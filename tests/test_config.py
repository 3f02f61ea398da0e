"""The config, its schema and its documentation say the same."""

import copy
import re
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from conftest import REPOSITORY
from early_alignment.errors import InputError
from early_alignment.experiment import config as library
from early_alignment.training.recipe import Recipe, labelled_images
from early_alignment.training.recipe import recipe as recipe_of

PAPER = yaml.safe_load((REPOSITORY / "config.yaml").read_text())


def keys_of(schema, path=()):
    """All keys that a schema knows, as paths; the data sets' names as `*`."""
    for key, value in schema.get("properties", {}).items():
        yield (*path, key)
        yield from keys_of(value, (*path, key))
    if isinstance(schema.get("additionalProperties"), dict):
        yield from keys_of(schema["additionalProperties"], (*path, "*"))


def given_keys(value, path=()):
    if isinstance(value, dict):
        for key, item in value.items():
            name = "*" if path == ("datasets",) else key
            if name != "*":
                yield (*path, name)
            yield from given_keys(item, (*path, name))


SCHEMA_KEYS = set(keys_of(library.SCHEMA))


PAPER_FORMATS = {dataset["format"] for dataset in PAPER["datasets"].values()}


def formats_of(key):
    """The data formats that alone have a data set's key; those of the paper if all have it."""
    properties = library.SCHEMA["properties"]["datasets"]["additionalProperties"]["properties"]
    return set(properties[key[2]].get("formats", PAPER_FORMATS)) if key[:2] == ("datasets", "*") else PAPER_FORMATS


def test_config_yaml_holds_every_key_of_the_schema_that_its_formats_have_and_no_other():
    expected = {key for key in SCHEMA_KEYS if key[0] != "simulation" and formats_of(key) & PAPER_FORMATS}
    assert set(given_keys(PAPER)) == expected


def test_demo_holds_every_key_of_the_simulation():
    demo = yaml.safe_load((REPOSITORY / "experiments/demo.yaml").read_text())
    assert {key for key in SCHEMA_KEYS if key[0] == "simulation"} <= set(given_keys(demo))


def test_the_readme_documents_every_key():
    section = (REPOSITORY / "README.md").read_text().split("\n## Config\n")[1].split("\n## ")[0]
    documented = set(re.findall(r"^\| `([\w.*]+)` \|", section, flags=re.MULTILINE))
    leaves = {key for key in SCHEMA_KEYS if not any(other[:-1] == key for other in SCHEMA_KEYS) and key[-1] != "*"}
    leaves = {".".join(key) for key in leaves if key != ("datasets",)}
    assert documented == leaves


def test_config_yaml_comments_on_every_key():
    """Every key has a comment above it, above the group of lines that it is in, or above its section."""
    lines = (REPOSITORY / "config.yaml").read_text().splitlines()
    bare = [line for before, line in pairwise(lines) if re.match(r"\w+:", line) and not before.lstrip().startswith("#")]
    assert [line for line in bare if line not in ("network:", "features:", "rdm:", "alignment:")] == []


def test_defaults_of_the_schema_are_the_papers():
    checked = library.checked(PAPER)
    without = copy.deepcopy(PAPER)
    for key in ("features", "rdm", "alignment"):
        del without[key]
    without["training"] = {key: without["training"][key] for key in ("images", "epochs")}
    without["network"] = {"architecture": without["network"]["architecture"]}
    for key in ("images", "conditions", "average_images"):
        del without["datasets"]["things_eeg2"][key]
    assert library.checked(without) == checked


def test_the_paper_plots_144_values():
    targets = sum(len(dataset["targets"]) for dataset in PAPER["datasets"].values())
    assert len(PAPER["blocks"]) * targets * len(PAPER["epochs"]) == 144


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.update(sedes=[1]), "config key sedes\n  found:    an unknown key\n  expected: one of seeds, "),
        (lambda c: c.update(seeds=[1, 1]), "config key seeds\n  found:    1 more than once"),
        (
            lambda c: c["training"].update(learning_rate="fast"),
            'learning_rate\n  found:    "fast", which is text\n  expected: a number above 0',
        ),
        (
            lambda c: c["datasets"]["nsd"].update(format="fmri"),
            'datasets.nsd.format\n  found:    "fmri"\n  expected: one of algonauts2023, ',
        ),
        (lambda c: c.update(epochs=[0, 91]), r"epochs \[91\]"),
        (
            lambda c: c.pop("seeds"),
            "config key seeds\n  found:    no such key\n  expected: a list of one or more, all different, each a whole",
        ),
        (
            lambda c: c["datasets"]["nsd"].update(targets="all"),
            'datasets.nsd.targets\n  found:    "all", which is text\n  expected: a list of',
        ),
        (
            lambda c: c["datasets"]["nsd"].update(conditions="concepts"),
            r"datasets\.nsd\.conditions is a key of things_eeg2 and things_eeg2_raw, not of algonauts2023",
        ),
        (
            lambda c: c["datasets"]["things_eeg2"].update(sessions=[1]),
            r"things_eeg2\.sessions is a key of things_eeg2_raw, not of things_eeg2",
        ),
        (lambda c: c.pop("training"), "config key training\n  found:    no such key"),
        (
            lambda c: c["training"].pop("epochs"),
            "config key training.epochs\n  found:    no such key\n  expected: a whole number from 1 to 999",
        ),
        (lambda c: c["training"].update(schedule="cosine", warmup_epochs=90), "fewer than training.epochs = 90"),
        (
            lambda c: c["training"].update(resized_short_side=128),
            "resized_short_side\n  found:    128\n  expected: a whole number from 256",
        ),
        (
            lambda c: c["training"].update(resized_short_side=256, validation_resize=300),
            "at least training.validation_resize = 300",
        ),
        (
            lambda c: c["training"]["computing"]["cpu"].update(precision="tf32"),
            'cpu.precision\n  found:    "tf32"\n  expected: one of float32, bfloat16',
        ),
        (
            lambda c: c["network"].update(checkpoints="ep{epoch}.pt"),
            r"one file for seed 1 epoch 0 and seed 2 epoch 0\n.*\{seed\} if there are several",
        ),
        (lambda c: c["network"].update(checkpoints="{seed}/ep{step}.pt"), r"a path with \{epoch\}"),
        (
            lambda c: (c["network"].update(checkpoints="{seed}/{epoch}"), c.update(epochs="all")),
            "no file of such a name",
        ),
        (
            lambda c: (
                c["network"].update(checkpoints="{seed}/{epoch}"),
                c["features"].update(untrained_batchnorm="both"),
            ),
            "calibration needs training images",
        ),
    ],
)
def test_a_wrong_key_is_named(change, message):
    config = copy.deepcopy(PAPER)
    change(config)
    with pytest.raises(InputError, match=message):
        library.checked(config)


def test_numbers_of_the_command_line_are_numbers():
    """Snakemake gives those within lists and mappings as strings."""
    given = {"seeds": ["1", "3"], "epochs": ["0", "9"], "features": {"keep": "false", "image_size": "64"}}
    checked = library.checked(PAPER | given)
    assert (checked["seeds"], checked["epochs"]) == ([1, 3], [0, 9])
    assert (checked["features"]["keep"], checked["features"]["image_size"]) == (False, 64)
    with pytest.raises(InputError, match='seeds\n  found:    "one", which is text\n  expected: a whole number from 0'):
        library.checked(PAPER | {"seeds": ["one"]})


def test_all_epochs():
    assert library.checked(PAPER | {"epochs": "all"})["epochs"] == list(range(91))


def test_checkpoints_from_elsewhere_need_no_training():
    config = {key: value for key, value in PAPER.items() if key != "training"}
    config["network"] = {"architecture": "resnet50", "checkpoints": "s{seed}/ep{epoch:03d}.pt", "checkpoint_offset": 1}
    checked = library.checked(config)
    assert library.own_checkpoint(checked, seed=2, epoch=9) == "s2/ep008.pt"
    assert checked["training"]["images"] is None


def test_the_recipe_follows_what_decides_the_network_and_nothing_else():
    def recipe(**changes):
        return recipe_of(library.checked(PAPER | {"training": PAPER["training"] | changes}))

    assert recipe(epochs=120, epochs_per_job=1, images="elsewhere", resized_quality=50) == recipe()
    for change in ({"label_smoothing": 0.1}, {"resized_short_side": 320}, {"schedule": "cosine"}, {"batch_size": 512}):
        assert recipe(**change) != recipe(), change
    # The end of a cosine is part of it; steps have none.
    assert recipe(schedule="cosine", epochs=120) != recipe(schedule="cosine")
    assert recipe(resized_short_side=320, resized_quality=50) != recipe(resized_short_side=320)


def test_the_recipe_of_a_config_is_what_a_training_takes():
    training = PAPER["training"] | {"schedule": "cosine", "epochs": 93, "resized_short_side": 320}
    recipe = Recipe(**recipe_of(library.checked(PAPER | {"training": training})))
    assert recipe.architecture == PAPER["network"]["architecture"]
    assert recipe.cosine_epochs == 93
    same = {"batch_size", "learning_rate", "momentum", "weight_decay", "schedule", "decay_every", "resized_quality"}
    assert {key: getattr(recipe, key) for key in same} == {key: training[key] for key in same}


def test_networks_learn_from_the_images_as_they_are_or_from_those_made_smaller():
    config = {"results": "there", "training": {"images": "here", "resized_short_side": None, "resized_quality": 90}}
    assert labelled_images(config) == Path("here")
    config["training"]["resized_short_side"] = 320
    assert labelled_images(config) == Path("there/resized_images/short-side-320-quality-90")


def test_pins_of_conda_environments_are_those_of_the_requirements():
    requirements = {
        line for line in (REPOSITORY / "envs/requirements.txt").read_text().splitlines() if re.match(r"\w", line)
    }
    for file in ("networks.yaml", "analysis.yaml"):
        dependencies = yaml.safe_load((REPOSITORY / "envs" / file).read_text())["dependencies"]
        (pinned,) = (entry["pip"] for entry in dependencies if isinstance(entry, dict))
        assert set(pinned) <= requirements, file
