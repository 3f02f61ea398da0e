"""The config, its schema and its documentation say the same."""

import copy
import re
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from conftest import REPOSITORY, files_to_make
from early_alignment.errors import InputError
from early_alignment.experiment import config as library
from early_alignment.experiment.grid import Network, label_of, networks_of, size_of_view
from early_alignment.training.image_fingerprint import folder
from early_alignment.training.recipe import Recipe

PAPER = yaml.safe_load((REPOSITORY / "config.yaml").read_text())
RESNET50 = PAPER["networks"]["resnet50"]
OWN = {"checkpoints": "s{seed}/ep{epoch:03d}.pt", "checkpoint_offset": 1}


def with_network(**changes) -> dict:
    """The paper's config with other entries of its network; those of `training` beside its own."""
    training = RESNET50["training"] | changes.pop("training", {})
    return PAPER | {"networks": {"resnet50": RESNET50 | changes | {"training": training}}}


def network(**changes) -> Network:
    """The paper's network with other entries, checked."""
    return networks_of(library.checked(with_network(**changes)))["resnet50"]


def keys_of(schema, path=()):
    """All keys that a schema knows, as paths; the names of networks and data sets as `*`."""
    for key, value in schema.get("properties", {}).items():
        yield (*path, key)
        yield from keys_of(value, (*path, key))
    if isinstance(schema.get("additionalProperties"), dict):
        yield from keys_of(schema["additionalProperties"], (*path, "*"))


def given_keys(value, path=()):
    if isinstance(value, dict):
        for key, item in value.items():
            name = "*" if path in (("datasets",), ("networks",)) else key
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


def test_the_documentation_has_a_row_for_every_key():
    page = (REPOSITORY / "docs/config.md").read_text()
    documented = re.findall(r"^\| `([\w.*]+)` \|", page, flags=re.MULTILINE)
    leaves = {key for key in SCHEMA_KEYS if not any(other[: len(key)] == key != other for other in SCHEMA_KEYS)}
    assert sorted(documented) == sorted(".".join(key) for key in leaves)


def test_config_yaml_comments_on_every_key():
    """Every key has a comment above it, above the group of lines that it is in, or above its section."""
    lines = (REPOSITORY / "config.yaml").read_text().splitlines()
    bare = [line for before, line in pairwise(lines) if re.match(r"\w+:", line) and not before.lstrip().startswith("#")]
    assert [line for line in bare if line not in ("features:", "rdm:", "alignment:")] == []


def test_config_yaml_comments_on_every_key_of_a_network():
    """Likewise, or above the lines that it stands among."""
    text = (REPOSITORY / "config.yaml").read_text().split("\n  resnet50:\n")[1].split("\n# ")[0]
    groups = re.split(r"^ *#.*\n", text, flags=re.MULTILINE)
    assert [group for group in groups[:1] if group.strip()] == []
    together = {"resized_quality", "validation_resize", "learning_rate", "weight_decay", "decay_every", "decay_factor",
                "warmup_factor"}  # fmt: skip
    keys = [re.findall(r"^(?:    |      )(\w+):", group, flags=re.MULTILINE) for group in groups]
    assert {key for group in keys for key in group[1:]} == together


def test_defaults_of_the_schema_are_the_papers():
    checked = library.checked(PAPER)
    without = copy.deepcopy(PAPER)
    for key in ("features", "rdm", "alignment"):
        del without[key]
    del without["trained"]
    without["networks"]["resnet50"] = {key: RESNET50[key] for key in ("architecture", "blocks", "seeds", "epochs")}
    without["networks"]["resnet50"]["training"] = {key: RESNET50["training"][key] for key in ("images", "epochs")}
    for key in ("images", "conditions", "average_images"):
        del without["datasets"]["things_eeg2"][key]
    assert library.checked(without) == checked


def test_the_paper_plots_144_values():
    targets = sum(len(dataset["targets"]) for dataset in PAPER["datasets"].values())
    assert len(RESNET50["blocks"]) * targets * len(RESNET50["epochs"]) == 144


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda c, n: c.update(fetures={}),
            "config key fetures\n  found:    an unknown key\n  expected: one of features, ",
        ),
        (
            lambda c, n: n.update(sedes=[1]),
            r"config key networks\.resnet50\.sedes\n  found:    an unknown key\n  expected: one of seeds, ",
        ),
        (lambda c, n: n.update(seeds=[1, 1]), r"config key networks\.resnet50\.seeds\n  found:    1 more than once"),
        (
            lambda c, n: n["training"].update(learning_rate="fast"),
            'learning_rate\n  found:    "fast", which is text\n  expected: a number above 0',
        ),
        (
            lambda c, n: c["datasets"]["nsd"].update(format="fmri"),
            'datasets.nsd.format\n  found:    "fmri"\n  expected: one of algonauts2023, ',
        ),
        (
            lambda c, n: n.update(epochs=[0, 91]),
            r"resnet50\.epochs\n  found:    91\n  expected: epochs from 0 to .* = 90",
        ),
        (
            lambda c, n: n.pop("seeds"),
            r"networks\.resnet50\.seeds\n  found:    no such key\n  expected: a list of one or more, all different",
        ),
        (
            lambda c, n: c["datasets"]["nsd"].update(format="nsd", targets="all"),
            'datasets.nsd.targets\n  found:    "all", which is text\n  expected: a list of',
        ),
        (
            lambda c, n: c["datasets"]["nsd"].update(conditions="concepts"),
            r"datasets\.nsd\.conditions is a key of things_eeg2 and things_eeg2_raw, not of algonauts2023",
        ),
        (
            lambda c, n: c["datasets"]["things_eeg2"].update(sessions=[1]),
            r"things_eeg2\.sessions is a key of things_eeg2_raw, not of things_eeg2",
        ),
        (lambda c, n: c.pop("networks"), "config key networks\n  found:    no such key"),
        (lambda c, n: c["networks"].clear(), "config key networks\n  found:    {}"),
        (lambda c, n: c["networks"].update({"res-net": n}), 'key networks\n  found:    the name "res-net"\n.*letters'),
        (lambda c, n: c["networks"].update(ResNet50=n), "'resnet50' and 'ResNet50', which mean the same"),
        (lambda c, n: n.pop("training"), r"config key networks\.resnet50\.training\n  found:    no such key"),
        (
            lambda c, n: n["training"].pop("epochs"),
            r"resnet50\.training\.epochs\n  found:    no such key\n  expected: a whole number from 1 to 999",
        ),
        (lambda c, n: n["training"].update(schedule="cosine", warmup_epochs=90), "fewer than training.epochs = 90"),
        (
            lambda c, n: n["training"].update(resized_short_side=128),
            "resized_short_side\n  found:    128\n  expected: a whole number from 256",
        ),
        (
            lambda c, n: n["training"].update(resized_short_side=256, validation_resize=300),
            "at least training.validation_resize = 300",
        ),
        (
            lambda c, n: n["training"]["computing"]["cpu"].update(precision="tf32"),
            'cpu.precision\n  found:    "tf32"\n  expected: one of float32, bfloat16',
        ),
        (
            lambda c, n: n.update(checkpoints="ep{epoch}.pt"),
            r"one file for seed 1 epoch 0 and seed 2 epoch 0\n.*\{seed\} if there are several",
        ),
        (lambda c, n: n.update(checkpoints="{seed}/ep{step}.pt"), r"a path with \{epoch\}"),
        (lambda c, n: n.update(checkpoints="{seed}/{epoch}", epochs="all"), "no file of such a name"),
        (
            lambda c, n: n.update(checkpoints="{seed}/{epoch}", calibrated=[0]),
            r"resnet50\.calibrated\n  found:    0\n.*calibration needs training images",
        ),
        (
            lambda c, n: n.update(checkpoints="{seed}/{epoch}", epochs=[0, "0+10"]),
            r"resnet50\.epochs\n  found:    0\+10, which a series from elsewhere has no files of",
        ),
        (
            lambda c, n: n.update(epochs=[0, "0+10"]),
            r"resnet50\.epochs\n  found:    0\+10\n  expected: .* and no steps, as training.early_steps has none",
        ),
        (
            lambda c, n: (n.update(epochs=[0, "0+10"]), n["training"].update(early_steps=[30, 100])),
            r"resnet50\.epochs\n  found:    0\+10\n  expected: epochs from 0 to training.epochs = 90, or 0\+30, 0\+100",
        ),
        (
            lambda c, n: n.update(calibrated=[0, 2]),
            r"resnet50\.calibrated\n  found:    2\n  expected: some of the analysed epochs, 0, 1, 3, 9, 30, 90",
        ),
        (
            lambda c, n: (n.update(calibrated=["0+10"]), n["training"].update(early_steps=[10])),
            r"resnet50\.calibrated\n  found:    0\+10\n  expected: some of the analysed epochs",
        ),
    ],
)
def test_a_wrong_key_is_named(change, message):
    config = copy.deepcopy(PAPER)
    change(config, config["networks"]["resnet50"])
    with pytest.raises(InputError, match=message):
        library.checked(config)


def test_numbers_of_the_command_line_are_numbers():
    """Snakemake gives those within lists and mappings as strings."""
    given = with_network(
        seeds=["1", "3"], epochs=["0", "9", "0+10"], calibrated=["0"], checkpoint_offset="0",
        training={"early_steps": ["10"], "learning_rate": "1e-1", "resized_short_side": "null"},
    )  # fmt: skip
    checked = library.checked(given | {"features": {"keep": "false", "image_size": "64"}})
    settings = checked["networks"]["resnet50"]
    assert (settings["seeds"], settings["epochs"], settings["calibrated"]) == ([1, 3], [0, 9, "0+10"], [0])
    assert (settings["training"]["early_steps"], settings["training"]["learning_rate"]) == ([10], 0.1)
    assert settings["training"]["resized_short_side"] is None
    assert (checked["features"]["keep"], checked["features"]["image_size"]) == (False, 64)
    assert library.checked(PAPER | {"features": {"image_size": ["32", "224"]}})["features"]["image_size"] == [32, 224]
    with pytest.raises(InputError, match='seeds\n  found:    "one", which is text\n  expected: a whole number from 0'):
        library.checked(with_network(seeds=["one"]))


def test_all_epochs():
    assert network(epochs="all").settings["epochs"] == list(range(91))
    early = network(epochs="all", calibrated="all", training={"early_steps": [100, 10]})
    assert early.settings["calibrated"] == early.settings["epochs"] == [*range(91), "0+100", "0+10"]


def test_checkpoints_from_elsewhere_need_no_training():
    own = {key: RESNET50[key] for key in ("architecture", "blocks", "seeds", "epochs")} | OWN
    checked = library.checked(PAPER | {"networks": {"own": own}})["networks"]["own"]
    assert library.own_checkpoint(checked, seed=2, epoch=9) == "s2/ep008.pt"
    assert checked["training"]["images"] is None


def test_the_recipe_follows_what_decides_the_network_and_nothing_else():
    def recipe(**changes):
        return Recipe(**network(training=changes).recipe)

    assert recipe(epochs=120, epochs_per_job=1, images="elsewhere", resized_quality=50, early_steps=[7]) == recipe()
    for change in ({"label_smoothing": 0.1}, {"schedule": "cosine"}, {"batch_size": 512}, {"background": 0}):
        assert recipe(**change) != recipe(), change
    # The end of a cosine is part of it; steps have none.
    assert recipe(schedule="cosine", epochs=120) != recipe(schedule="cosine")
    # The quality counts where images are resized.
    resized = {"images": "/imagenet", "resized_short_side": 320}
    assert recipe(**resized) != recipe(images="/imagenet")
    assert recipe(**resized, resized_quality=50) != recipe(**resized)
    assert Recipe(**network(architecture="resnet18").recipe) != recipe()


# Networks, epochs and views


def test_epochs_are_called_so_that_names_sort_as_training_goes_on():
    epochs = [0, "0+1", "0+9", "0+10", "0+100", "0+5000", "0+99999", 1, 2, 9, 10, 90, 100, 999]
    labels = [label_of(epoch) for epoch in epochs]
    assert labels == sorted(labels)
    assert (labels[0], labels[4], labels[7], labels[-1]) == ("000", "000+00100", "001", "999")


def test_a_networks_epochs_are_in_order_whatever_the_order_in_the_config():
    early = network(epochs=[9, "0+100", 0, "0+10", 1], training={"early_steps": [100, 10, 30], "epochs": 9})
    assert early.epochs == ["000", "000+00010", "000+00100", "001", "009"]
    assert early.epochs_with_checkpoint == [
        "000", "000+00010", "000+00030", "000+00100", *(f"{epoch:03d}" for epoch in range(1, 10))
    ]  # fmt: skip


def test_a_series_from_elsewhere_has_the_checkpoints_that_are_analysed():
    own = network(**OWN, epochs=[1, 90], training={"early_steps": [10]})
    assert own.epochs_with_checkpoint == own.epochs == ["001", "090"]
    assert (own.is_trained, network().is_trained) == (False, True)


@pytest.mark.parametrize(
    ("image_size", "plain", "at_0"),
    [
        (224, ["224px"], ["224px", "224px-calibrated"]),
        ([32, 224], ["32px", "224px"], ["32px", "32px-calibrated", "224px", "224px-calibrated"]),
    ],
)
def test_a_view_is_a_size_with_and_without_calibration(image_size, plain, at_0):
    config = with_network(seeds=[1, 3], epochs=[0, "0+10", 90], calibrated=[0], training={"early_steps": [10]})
    found = networks_of(library.checked(config | {"features": {"image_size": image_size}}))["resnet50"]
    assert (found.views("000"), found.views("000+00010"), found.views("090")) == (at_0, plain, plain)
    assert [size_of_view(view) for view in found.views("090")] == ([224] if image_size == 224 else [32, 224])
    assert found.looks == [
        (seed, epoch, view)
        for seed in (1, 3)
        for epoch, views in (("000", at_0), ("000+00010", plain), ("090", plain))
        for view in views
    ]


def test_steps_within_the_first_epoch_can_be_calibrated():
    found = network(epochs=[0, "0+10", 1], calibrated=["0+10"], training={"early_steps": [10]})
    assert [epoch for epoch in found.epochs if len(found.views(epoch)) == 2] == ["000+00010"]


def test_networks_share_a_recipe_by_an_anchor_and_nothing_else(tmp_path):
    file = tmp_path / "config.yaml"
    file.write_text("""
results: results
networks:
  one:
    architecture: resnet50
    blocks: [layer4]
    seeds: &seeds [1, "2"]
    epochs: all
    training: &recipe {images: /imagenet, epochs: 3, learning_rate: 1e-2, early_steps: [10]}
  other: {architecture: resnet18, blocks: [layer1], seeds: *seeds, epochs: [0, 3], calibrated: all, training: *recipe}
  longer: {architecture: resnet18, blocks: [layer1], seeds: [5], epochs: [4], training: {<<: *recipe, epochs: 4}}
datasets:
  nsd: {format: algonauts2023, root: /nsd, subjects: [1], targets: [V1v]}
""")
    found = networks_of(library.checked(yaml.safe_load(file.read_text()), [file]))
    assert [network.seeds for network in found.values()] == [[1, 2], [1, 2], [5]]
    assert [network.training["learning_rate"] for network in found.values()] == [0.01] * 3
    one, other, longer = (network.recipe for network in found.values())
    assert one | {"architecture": "resnet18"} == other == longer
    assert [network.epochs[-1] for network in found.values()] == ["003", "003", "004"]
    found["one"].training["batch_size"] = 8
    assert found["other"].training["batch_size"] == 256


@pytest.mark.jobs
def test_a_recipe_by_an_anchor_is_changed_for_one_network_on_the_command_line(clone):
    change = "networks={resnet50: {seeds: [1, 3], epochs: [0, 2], training: {epochs: 2}}}"
    made = files_to_make("experiments/demo.yaml", "--config", change, cwd=clone)
    there = {tuple(re.search(r"checkpoints/(\w+)/seed-(\d)/epoch-(.+)\.pt", file).groups()) for file in made
             if "/checkpoints/" in file}  # fmt: skip
    epochs = {
        "resnet50": ["000", "000+00010", "001", "002"],
        "resnet18": ["000", "000+00010", "001", "002", "003", "004"],
    }
    seeds = {"resnet50": "13", "resnet18": "1"}
    assert there == {(name, seed, epoch) for name in epochs for seed in seeds[name] for epoch in epochs[name]}


def test_networks_that_train_on_the_same_smaller_images_share_their_copy():
    small = {"images": "/data/image net", "resized_short_side": 256}
    assert network().copy_of_images is None
    assert network(training={"resized_short_side": 256}).copy_of_images is None
    name = network(training=small).copy_of_images
    assert name == "image_net-short-side-256-quality-95"
    assert network(architecture="resnet18", training=small | {"epochs": 100}).copy_of_images == name
    for change in ({"resized_short_side": 320}, {"resized_quality": 90}, {"images": "/data/other"}):
        assert network(training=small | change).copy_of_images != name


def test_copies_of_different_images_under_one_name_are_refused():
    def networks(one, other, **of_other):
        training = RESNET50["training"] | {"resized_short_side": 256}
        both = {
            "one": RESNET50 | {"training": training | {"images": one}},
            "other": RESNET50 | {"training": training | {"images": other} | of_other},
        }
        return PAPER | {"networks": both}

    with pytest.raises(
        InputError, match=r"networks\.other\.training\.images\n  found:    /b/imagenet, .* of /a/imagenet"
    ):
        library.checked(networks("/a/imagenet", "/b/imagenet"))
    library.checked(networks("/a/imagenet", "/a/./imagenet"))
    library.checked(networks("/a/imagenet", "/b/imagenet", resized_short_side=None))
    library.checked(networks("/a/imagenet", "/b/imagenet", resized_short_side=320))


def test_folders_that_are_unset_or_missing_are_named_once_for_each_network(tmp_path):
    networks = {name: copy.deepcopy(RESNET50) for name in ("one", "two", "three", "four")}
    for name in ("three", "four"):
        networks[name]["training"]["images"] = str(tmp_path / "none")
    with pytest.raises(InputError) as caught:
        library.check_roots(library.checked(PAPER | {"networks": networks}))
    named = re.findall(r"networks\.(\w+)\.training\.images", caught.value.found)
    assert named == ["one", "two", "three"], "four has the folder of three"


def test_missing_checkpoints_of_every_network_are_named(tmp_path):
    both = {name: RESNET50 | {"checkpoints": f"{tmp_path}/{name}/{{seed}}_{{epoch}}"} for name in ("one", "two")}
    with pytest.raises(InputError) as caught:
        library.check_own_files(library.checked(PAPER | {"networks": both}))
    assert all(f"networks.{name}.checkpoints" in caught.value.found for name in both)


def test_the_recipe_of_a_config_is_what_a_training_takes():
    changes = {"images": "/imagenet", "schedule": "cosine", "epochs": 93, "resized_short_side": 320}
    training = RESNET50["training"] | changes
    recipe = Recipe(**network(training=training).recipe)
    assert recipe.architecture == RESNET50["architecture"]
    assert recipe.cosine_epochs == 93
    same = {"batch_size", "learning_rate", "momentum", "weight_decay", "schedule", "decay_every", "resized_quality"}
    assert {key: getattr(recipe, key) for key in same} == {key: training[key] for key in same}


def test_networks_learn_from_the_images_as_they_are_or_from_those_made_smaller(tmp_path):
    fingerprint = tmp_path / "resnet50.json"
    fingerprint.write_text('{"root": "here"}')
    assert folder(fingerprint) == Path("here")
    assert folder(fingerprint, tmp_path / "copy/images.json") == tmp_path / "copy"


def test_pins_of_conda_environments_are_those_of_the_requirements():
    requirements = {
        line for line in (REPOSITORY / "envs/requirements.txt").read_text().splitlines() if re.match(r"\w", line)
    }
    for file in ("networks.yaml", "analysis.yaml"):
        dependencies = yaml.safe_load((REPOSITORY / "envs" / file).read_text())["dependencies"]
        (pinned,) = (entry["pip"] for entry in dependencies if isinstance(entry, dict))
        assert set(pinned) <= requirements, file
