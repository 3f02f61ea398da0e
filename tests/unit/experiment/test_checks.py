"""The check of all data: everything wrong is in one message, and nothing is said against what is whole."""

import itertools
import json
import shutil
from copy import deepcopy
from time import monotonic

import numpy as np
import pytest
import yaml
from conftest import REPOSITORY, run
from early_alignment.experiment import checks
from early_alignment.experiment import config as library
from early_alignment.simulation.plan import Plan
from early_alignment.simulation.write import write_data_set
from PIL import Image
from small_training import write_images

pytestmark = pytest.mark.long

DEMO = yaml.safe_load((REPOSITORY / "experiments/demo.yaml").read_text())


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    """The demo's fMRI, with fewer images."""
    root = tmp_path_factory.mktemp("simulated")
    fewer = {"root": str(root), "shared_images": 8, "own_images": 2, "training_concepts": 6, "test_concepts": 3}
    write_data_set(Plan(**DEMO["simulation"] | fewer), "algonauts2023")
    return root


@pytest.fixture
def experiment(simulated, tmp_path):
    """A config on a copy of the data, as if it was measured."""
    shutil.copytree(simulated / "algonauts2023", tmp_path / "fmri")
    write_images(tmp_path / "photographs")
    network = deepcopy(DEMO["networks"]["resnet50"])
    network["training"]["images"] = str(tmp_path / "photographs")
    config = {"results": str(tmp_path / "results"), "networks": {"net": network}, "features": DEMO["features"]}
    settings = {
        "format": "algonauts2023",
        "root": str(tmp_path / "fmri"),
        "subjects": [1, 2, 3],
        "targets": ["V1v", "PPA"],
    }
    config["datasets"] = {"fmri": settings}
    return config


def found(config):
    _, errors = checks.problems(library.checked(config))
    return errors


def test_nothing_is_said_against_intact_data(experiment):
    summaries, errors = checks.problems(library.checked(experiment))
    assert errors == []
    assert summaries == [
        "fmri: 8 conditions, 8 images, for subjects 1, 2, 3",
        "labelled images: 21 in 2 classes of train/, 9 in 2 classes of val/; 30 of them decoded",
    ]


def test_what_networks_do_not_see_whole_is_said(experiment, tmp_path):
    for picture in (tmp_path / "fmri/subj01/training_split/training_images").glob("*.png"):
        with Image.open(picture) as image:
            image.crop((0, 0, image.width, image.height - 2)).save(picture)
    (line, _), errors = checks.problems(library.checked(experiment))
    assert errors == []
    assert line.endswith("; 8 images are not square: networks see their central square alone")


def test_transparent_stimuli_are_refused_until_there_is_a_background(experiment, tmp_path):
    for picture in (tmp_path / "fmri/subj01/training_split/training_images").glob("*.png"):
        with Image.open(picture) as image:
            image.putalpha(100)
            image.save(picture)
    errors = found(experiment)
    assert len(errors) == 8
    assert all("set features.background" in error.remedy for error in errors)
    experiment["features"] = experiment["features"] | {"background": [127, 127, 127]}
    assert found(experiment) == []


def test_of_checkpoints_from_elsewhere_only_the_images_that_are_used_are_looked_at(experiment, tmp_path):
    import torch
    import torchvision

    network = experiment["networks"]["net"]
    network |= {"architecture": "shufflenet_v2_x0_5", "checkpoints": f"{tmp_path}/{{seed}}-{{epoch}}.pt"}
    network |= {"blocks": ["stage2"], "epochs": [0, 1], "calibrated": []}
    weights = torchvision.models.shufflenet_v2_x0_5(num_classes=2).state_dict()
    for seed, epoch in itertools.product(network["seeds"], network["epochs"]):
        torch.save(weights, tmp_path / f"{seed}-{epoch}.pt")
    shutil.rmtree(tmp_path / "photographs/train")
    (_, line), errors = checks.problems(library.checked(experiment))
    assert errors == []
    assert line == "labelled images: 9 in 2 classes of val/; 9 of them decoded"
    network["calibrated"] = [1]
    (error,) = found(experiment)
    assert error.where == str(tmp_path / "photographs/train")


def test_all_that_is_wrong_with_all_data_sets_is_found_at_once(experiment, tmp_path):
    fmri = tmp_path / "fmri"
    path = fmri / "subj01/training_split/training_fmri/lh_training_fmri.npy"
    path.write_bytes(path.read_bytes()[:-100])
    (fmri / "subj02/roi_masks/mapping_floc-places.npy").unlink()
    picture = next((fmri / "subj01/training_split/training_images").glob("*nsd-00013.png"))
    picture.write_bytes(picture.read_bytes()[:200])
    experiment["datasets"]["fmri"]["targets"] = ["V1v", "hv4"]
    (tmp_path / "photographs/train/dark/4.png").write_bytes(b"no image")
    shutil.rmtree(tmp_path / "photographs/val/light")
    other = tmp_path / "own"
    (other / "stimuli").mkdir(parents=True)
    (other / "conditions.csv").write_text("condition,image\na,a.png\nb,b.png\nb,c.png\n")
    experiment["datasets"]["own"] = {"format": "responses", "root": str(other), "subjects": [1], "targets": ["all"]}
    messages = "\n".join(map(str, found(experiment)))
    for words in (
        "lh_training_fmri.npy\n  found:    not readable, perhaps cut short",
        "mapping_floc-places.npy\n  found:    no such file",
        "nsd-00013.png\n  found:",
        "photographs/train/dark/4.png\n  found:    8 bytes that do not decode",
        "1 class (light) in train/ and not in val/",
        "no region 'hv4'\n  expected: one of hV4",
        "1 conditions of one name: b",
    ):
        assert words in messages, messages


def test_rdms_of_ones_own_and_repetitions_that_a_distance_needs_are_looked_at(experiment, tmp_path):
    own, rdms = tmp_path / "own", tmp_path / "rdms"
    for folder in (own / "stimuli", rdms / "stimuli", rdms / "sub-1"):
        folder.mkdir(parents=True)
    for name in "abc":
        for folder in (own, rdms):
            Image.new("RGB", (4, 4)).save(folder / f"stimuli/{name}.png")
    (own / "conditions.csv").write_text("condition,image\na,a.png\nb,b.png\nc,c.png\n")
    responses = np.random.default_rng(1).normal(size=(3, 2, 5))
    responses[1, 1] = np.nan
    np.save(own / "sub-1.npy", responses)
    np.save(rdms / "sub-1/similar.npy", np.eye(3))
    np.save(rdms / "sub-1/constant.npy", np.ones(3))
    settings = {"root": str(own), "subjects": [1], "targets": ["all"]}
    experiment["datasets"] = {
        "own": settings | {"format": "responses"},
        "rdms": settings | {"root": str(rdms), "format": "rdms", "targets": ["similar", "constant"]},
    }
    experiment["rdm"] = {"brain_distance": "crossnobis"}
    messages = "\n".join(map(str, found(experiment)))
    for words in ("1 of 3 conditions that lack them: b", "a diagonal of 1, as a matrix of", "1 for every pair"):
        assert words in messages, messages
    assert len(found(experiment)) == 3


def test_a_disk_too_small_for_the_features_is_said_in_bytes(experiment, monkeypatch):
    import torch
    import torchvision
    from early_alignment.networks import networks

    surveyed = networks.surveyed(networks.without_weights("resnet50"), "resnet50", 64, "anywhere")
    sizes = networks.numbers_of_features(experiment["networks"]["net"]["blocks"], surveyed)
    x, network = torch.zeros(1, 3, 64, 64), torchvision.models.resnet50()
    x = network.layer1(network.maxpool(network.relu(network.bn1(network.conv1(x)))))
    assert sizes["layer1"] == x.numel()
    assert sizes["layer4"] == network.layer4(network.layer3(network.layer2(x))).numel()
    free = shutil.disk_usage(experiment["networks"]["net"]["training"]["images"])
    monkeypatch.setattr(shutil, "disk_usage", lambda path: free._replace(free=10**6))
    (error,) = found(experiment)
    # 8 conditions × all four blocks × 2 bytes × 2 seeds × 5 checkpoints
    features = sum(sizes.values())
    assert f"{8 * features * 2 * 10 / 1e9:.1f} GB, the features of 10 looks at checkpoints" in error.expected
    assert "features.keep" in error.remedy


def test_all_that_the_network_cannot_do_is_found_at_once_beside_what_is_wrong_with_the_data(
    experiment, tmp_path, monkeypatch
):
    picture = next((tmp_path / "fmri/subj01/training_split/training_images").glob("*nsd-00013.png"))
    picture.write_bytes(picture.read_bytes()[:200])
    network = experiment["networks"]["net"]
    network |= {"architecture": "inception_v3", "blocks": ["Mixed_5b", "AuxLogits", "layer1"]}
    network["training"] |= {"image_size": 128, "validation_resize": 128}
    experiment["features"] = {"image_size": 96}
    free = shutil.disk_usage(experiment["networks"]["net"]["training"]["images"])
    monkeypatch.setattr(shutil, "disk_usage", lambda path: free._replace(free=10**3))
    messages = "\n".join(map(str, found(experiment)))
    for words in (
        "nsd-00013.png\n  found:",
        "networks.net.training.image_size\n  found:    128, for which inception_v3 fails",
        "module AuxLogits\n  found:    a module that does not run",
        "module layer1\n  found:    no module",
        "0.0 GB free",  # for the block that there is
    ):
        assert words in messages, messages
    assert "Mixed_5b\n" not in messages
    assert "features.image_size" not in messages


def test_a_network_that_takes_one_size_or_has_no_batch_norm_is_refused(experiment):
    network = experiment["networks"]["net"]
    network |= {"architecture": "vit_b_16", "blocks": ["encoder"]}
    network["training"] |= {"image_size": 224, "validation_resize": 224}
    experiment["features"] = {"image_size": [64, 224]}
    size, batchnorm = found(experiment)  # in the order of their keys
    assert batchnorm.where == "config key networks.net.calibrated"
    assert "a network without batch norm" in str(batchnorm)
    assert size.where == "config key features.image_size, network net"
    assert size.found.startswith("64, ")
    assert size.expected.startswith("224: ")
    experiment["features"] = {"image_size": 224}
    network["calibrated"] = []
    assert found(experiment) == []


def test_every_network_is_looked_over_and_images_that_networks_share_once(experiment, tmp_path):
    net = experiment["networks"]["net"]
    experiment["networks"]["other"] = net | {
        "architecture": "vit_b_16",
        "blocks": ["encoder", "layer4"],
        "calibrated": [],
    }
    experiment["networks"]["third"] = net | {"blocks": ["layer5"]}
    (tmp_path / "photographs/train/dark/4.png").write_bytes(b"no image")
    errors = [error.where for error in found(experiment)]
    assert sorted(errors) == [
        f"{tmp_path}/photographs/train/dark/4.png",
        "config key features.image_size, network other",
        "config key networks.other.training.image_size",
        "config key networks.third.blocks, module layer5",
    ]


def test_images_of_a_condition_apart_are_two_conditions_of_one_name():
    from early_alignment.datasets import open_dataset
    from early_alignment.datasets.base import Stimulus
    from early_alignment.errors import InputError

    data = open_dataset("own", {"format": "rdms", "root": "own", "subjects": ["a"], "targets": ["b"]})
    together = [Stimulus("a", "1"), Stimulus("a", "2"), Stimulus("b", "3")]
    checks.check_conditions(data, together)
    with pytest.raises(InputError, match="1 conditions of the name of another: a"):
        checks.check_conditions(data, [*together, Stimulus("a", "4")])


@pytest.mark.jobs
def test_the_target_check_prints_everything_and_fails_before_training(experiment, clone, tmp_path):
    config = tmp_path / "experiment.yaml"
    fmri = tmp_path / "fmri"
    config.write_text(json.dumps(experiment))
    command = ("snakemake", "--cores", "2", "--directory", clone, "--configfile", config)
    began = monotonic()
    whole = run("snakemake", "check", *command[1:], cwd=clone)
    assert "nothing wrong was found" in whole.stdout
    assert monotonic() - began < 60
    planned = run("snakemake", "-n", "--quiet", "reason", "--configfile", config, cwd=clone).stdout
    assert ["checked_data", "1"] in [line.split() for line in planned.splitlines()]
    for subject in (1, 3):
        path = fmri / f"subj0{subject}/training_split/training_fmri/rh_training_fmri.npy"
        np.save(path, np.full_like(np.load(path), np.nan))
    broken = run("snakemake", "check", *command[1:], cwd=clone, check=False)
    assert broken.returncode != 0
    assert "4 problems found" in broken.stdout
    assert "subject 1, V1v" in broken.stdout
    assert "subject 3, PPA" in broken.stdout
    assert "Traceback" not in broken.stdout
    unasked = run("snakemake", *command[1:], "--until", "train", cwd=clone, check=False)
    assert "4 problems found" in unasked.stdout
    assert not (tmp_path / "results/training").exists()
