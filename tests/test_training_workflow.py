"""Training in the workflow: what more epochs, other seeds, several processes and foreign checkpoints run and touch."""

import hashlib
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import torchvision
import yaml
from conftest import copy_of_repository, run
from PIL import Image
from small_training import write_images

N_STIMULI = 5
SNAKEMAKE = ("snakemake", "--cores", "2", "--quiet", "reason", "--set-threads", "train=1")


def written(experiment: dict, folder: Path, name: str) -> Path:
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(experiment))
    return path


def jobs(folder: Path, experiment: dict, *targets: str) -> dict[str, list[str]]:
    """Rule → the outputs of its jobs, as a dry-run lists them."""
    path = written(experiment, folder, "dry")
    listed = run("snakemake", "--dry-run", "--cores", "2", *targets, "--configfile", path, cwd=folder).stdout
    found = {}
    for rule, body in re.findall(r"^(?:local)?rule (\w+):\n((?:    .*\n)+)", listed, flags=re.MULTILINE):
        (outputs,) = re.findall(r"^    output: (.*)$", body, flags=re.MULTILINE) or [""]
        found.setdefault(rule, []).append(outputs)
    return found


def digests(folder: Path) -> dict[str, tuple]:
    """File → the digest of its bytes and when it was written."""
    return {
        str(path.relative_to(folder)): (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns)
        for kind in ("checkpoints", "accuracy", "features", "model_rdms")
        for path in (folder / kind).rglob("*.*")
    }


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A clone in which one network was trained for three epochs, two of them a job, and the experiment."""
    folder = copy_of_repository(tmp_path_factory.mktemp("clone"))
    write_images(folder / "images")
    rng = np.random.default_rng(0)
    study = folder / "study"
    for name in ("stimuli", "sub-anna"):
        (study / name).mkdir(parents=True)
    for i in range(N_STIMULI):
        pixels = rng.integers(0, 256, (32, 32, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(study / f"stimuli/{i}.png")
    np.save(study / "sub-anna/IT.npy", rng.uniform(size=N_STIMULI * (N_STIMULI - 1) // 2))
    experiment = {
        "results": "results",
        "seeds": [1],
        "epochs": [3],
        "blocks": ["layer4"],
        "network": {"architecture": "resnet18"},
        "training": {
            "images": "images",
            "image_size": 32,
            "validation_resize": 36,
            "epochs": 3,
            "epochs_per_job": 2,
            "batch_size": 8,
        },
        "datasets": {"study": {"format": "rdms", "root": "study", "subjects": ["anna"], "targets": ["IT"]}},
        "features": {"image_size": 32},
    }
    run(*SNAKEMAKE, "--configfile", written(experiment, folder, "three"), cwd=folder)
    return folder, experiment


def with_training(experiment: dict, **changes) -> dict:
    return experiment | {"training": experiment["training"] | changes}


def test_another_seed_trains_that_seed_alone(trained):
    folder, experiment = trained
    planned = jobs(folder, experiment | {"seeds": [1, 2]})
    assert sorted(planned["train"]) == [f"results/training/seed-2/segment-{i:03d}.json" for i in (1, 2)]
    assert len(planned["publish_checkpoint"]) == 4
    assert not re.search("seed-1", " ".join(out for rule in planned.values() for out in rule))


def test_a_longer_training_adds_epochs_and_touches_none(trained):
    folder, experiment = trained
    before = digests(folder / "results")
    assert "checkpoints/seed-1/epoch-003.pt" in before
    longer = with_training(experiment, epochs=6) | {"epochs": [3, 6]}
    planned = jobs(folder, longer)
    # The segment that ended early goes on to its end, epoch 4, and another follows.
    assert sorted(planned["train"]) == [f"results/training/seed-1/segment-{i:03d}.json" for i in (2, 3)]
    published = " ".join(planned["publish_checkpoint"])
    assert sorted(re.findall(r"checkpoints/seed-1/epoch-(\d+)\.pt", published)) == ["004", "005", "006"]
    for rule in ("features", "model_rdms", "alignment"):
        assert [("epoch-006" in out) for out in planned[rule]] == [True], rule

    run(*SNAKEMAKE, "--configfile", written(longer, folder, "six"), cwd=folder)
    after = digests(folder / "results")
    assert {name: after[name] for name in before} == before
    assert "checkpoints/seed-1/epoch-006.pt" in after
    assert "Nothing to be done" in run(*SNAKEMAKE, "--configfile", folder / "six.yaml", cwd=folder).stdout


def test_a_changed_recipe_is_refused_by_name_and_nothing_is_lost(trained):
    folder, experiment = trained
    before = digests(folder / "results")
    other = written(with_training(experiment, label_smoothing=0.1, momentum=0.8), folder, "other")
    target = "results/training/seed-1/segment-001.json"
    result = run(*SNAKEMAKE, target, "--configfile", other, cwd=folder, check=False)
    assert result.returncode != 0
    log = (folder / "results/logs/training/seed-1/segment-001.log").read_text()
    assert "a training with label_smoothing = 0, momentum = 0.9" in log
    assert "Traceback" not in log
    assert {name: digests(folder / "results")[name] for name in before} == before


@pytest.mark.slow
def test_a_job_with_two_gpus_is_two_processes(trained):
    folder, experiment = trained
    two = with_training(experiment, image_size=64, validation_resize=72, epochs=1) | {"seeds": [7]}
    path = written(two | {"epochs": [1], "results": "two"}, folder, "two")
    target = "two/checkpoints/seed-7/epoch-001.pt"
    run(*SNAKEMAKE, target, "--set-resources", "train:gpu=2", "--configfile", path, cwd=folder)
    assert torch.load(folder / target, weights_only=True)._metadata["early_alignment"]["processes"] == 2


# Checkpoints from elsewhere --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def own(trained):
    """The experiment with a series in torchvision's numbering, which lacks the untrained network."""
    folder, experiment = trained
    for epoch in (1, 2):
        torch.manual_seed(epoch)
        network = torchvision.models.resnet18(num_classes=2)
        path = folder / f"series/s1/model_{epoch - 1}.pth"
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save({"model": {f"module.{k}": v for k, v in network.state_dict().items()}, "epoch": epoch}, path)
    network = {
        "architecture": "resnet18",
        "checkpoints": "series/s{seed}/model_{epoch}.pth",
        "checkpoint_offset": 1,
    }
    config = experiment | {"network": network, "epochs": [1, 2], "results": "own"}
    del config["training"]
    return folder, config


def test_checkpoints_from_elsewhere_without_images_have_no_accuracy_and_say_so(own):
    folder, config = own
    planned = jobs(folder, config)
    assert not {"train", "publish_checkpoint", "evaluate_checkpoint"} & set(planned)
    assert len(planned["import_checkpoint"]) == 2
    run(*SNAKEMAKE, "--configfile", written(config, folder, "own"), cwd=folder)
    table = pd.read_csv(folder / "own/tables/accuracy.csv")
    assert list(table["epoch"]) == [1, 2]
    assert table["top1"].isna().all()
    assert set(table["accuracy"]) == {"not evaluated: training.images is unset"}
    assert "training.images is unset" in (folder / "own/figures/training.svg").read_text()
    assert set(pd.read_csv(folder / "own/tables/alignment.csv")["epoch"]) == {1, 2}
    theirs = torch.load(folder / "series/s1/model_1.pth")["model"]
    ours = torch.load(folder / "own/checkpoints/seed-1/epoch-002.pt", weights_only=True)
    assert all(torch.equal(theirs[f"module.{name}"], tensor) for name, tensor in ours.items())


def test_checkpoints_from_elsewhere_are_evaluated_where_there_are_images(own):
    folder, config = own
    with_images = config | {"training": {"images": "images", "image_size": 32, "validation_resize": 36}}
    path = written(with_images, folder, "own_with_images")
    run(*SNAKEMAKE, "own/tables/accuracy.csv", "--configfile", path, cwd=folder)
    table = pd.read_csv(folder / "own/tables/accuracy.csv")
    assert set(table["accuracy"]) == {"evaluated"}
    assert table["top1"].between(0, 1).all()
    assert table["training_loss"].isna().all()
    row = json.loads((folder / "own/accuracy/seed-1/epoch-002.json").read_text())
    assert row["epoch"] == 2


def test_an_epoch_that_the_series_lacks_is_named(own):
    folder, config = own
    path = written(config | {"epochs": [0, 1]}, folder, "lacking")
    result = run("snakemake", "-n", "--configfile", path, cwd=folder, check=False)
    assert result.returncode != 0
    assert "no file for 1 of 2: seed 1 epoch 0 (series/s1/model_-1.pth)" in result.stdout
    assert "leave out epochs that the series lacks, such as 0" in result.stdout
    assert "Traceback" not in result.stdout


# A resized copy --------------------------------------------------------------------------------------------------


def test_a_resized_copy_is_written_once_before_training(trained):
    folder, experiment = trained
    resized = with_training(experiment, resized_short_side=256) | {"results": "resized"}
    planned = jobs(folder, resized)
    copy = "resized/resized_images/short-side-256-quality-95/images.json"
    assert planned["resize_images"] == [copy]
    run(*SNAKEMAKE, copy, "--configfile", written(resized, folder, "resized"), cwd=folder)
    assert json.loads((folder / copy).read_text())["images"] == 30
    assert "resize_images" not in jobs(folder, resized)
