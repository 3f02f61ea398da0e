"""Training in the workflow: what more epochs, other seeds, several processes and foreign checkpoints run and touch."""

import hashlib
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import torchvision
import yaml
from conftest import REPOSITORY, copy_of_repository, files_to_make, run
from early_alignment.errors import InputError
from early_alignment.training import image_fingerprint
from PIL import Image
from small_training import write_images

N_STIMULI = 5
SNAKEMAKE = ("snakemake", "--cores", "2", "--set-threads", "train=1", "--quiet", "reason")


def written(experiment: dict, folder: Path, name: str) -> Path:
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(experiment))
    return path


def planned(experiment: dict, folder: Path) -> set[str]:
    return files_to_make(written(experiment, folder, "planned"), cwd=folder)


def digests(folder: Path) -> dict[str, tuple]:
    """File → the digest of its bytes and when it was written."""
    return {
        str(path.relative_to(folder)): (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns)
        for kind in ("checkpoints", "accuracy", "features", "geometry", "model_rdms")
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
        "networks": {
            "net": {
                "architecture": "resnet18",
                "blocks": ["layer4"],
                "seeds": [1],
                "epochs": [3],
                "training": {
                    "images": "images",
                    "image_size": 32,
                    "validation_resize": 36,
                    "epochs": 3,
                    "epochs_per_job": 2,
                    "batch_size": 8,
                },
            }
        },
        "datasets": {"study": {"format": "rdms", "root": "study", "subjects": ["anna"], "targets": ["IT"]}},
        "features": {"image_size": 32},
    }
    run(*SNAKEMAKE, "--configfile", written(experiment, folder, "three"), cwd=folder)
    return folder, experiment


def with_network(experiment: dict, **changes) -> dict:
    return experiment | {"networks": {"net": experiment["networks"]["net"] | changes}}


def with_training(experiment: dict, **changes) -> dict:
    return with_network(experiment, training=experiment["networks"]["net"]["training"] | changes)


def test_another_seed_trains_that_seed_alone(trained):
    folder, experiment = trained
    to_make = planned(with_network(experiment, seeds=[1, 2]), folder)
    segments = {f"results/training/net/seed-2/segment-{i:03d}.json" for i in (1, 2)}
    assert {file for file in to_make if "/training/" in file} == segments
    assert not {file for file in to_make if "seed-1" in file}


def test_another_background_makes_stimuli_and_features_anew_and_trains_nothing(trained):
    folder, experiment = trained
    to_make = planned(experiment | {"features": experiment["features"] | {"background": 127}}, folder)
    kinds = {Path(file).relative_to("results").parts[0] for file in to_make}
    assert kinds == {"stimuli", "features", "geometry", "model_rdms", "alignment", "statistics", "tables", "figures"}
    assert planned(with_training(experiment, check_images="all"), folder) == set()


def test_a_longer_training_adds_epochs_and_touches_none(trained):
    folder, experiment = trained
    before = digests(folder / "results")
    assert "checkpoints/net/seed-1/epoch-003.pt" in before
    longer = with_network(with_training(experiment, epochs=6), epochs=[3, 6])
    to_make = planned(longer, folder)
    # The segment that ended early goes on to its end, epoch 4, and another follows.
    segments = {f"results/training/net/seed-1/segment-{i:03d}.json" for i in (2, 3)}
    assert {file for file in to_make if "/training/" in file} == segments
    published = re.findall(r"checkpoints/net/seed-1/epoch-(\d+)\.pt", " ".join(sorted(to_make)))
    assert published == ["004", "005", "006"]
    for kind in ("features", "geometry", "model_rdms", "alignment"):
        made = [file for file in to_make if f"/{kind}/" in file]
        assert made and all("epoch-006" in file for file in made), kind

    run(*SNAKEMAKE, "--configfile", written(longer, folder, "six"), cwd=folder)
    after = digests(folder / "results")
    assert {name: after[name] for name in before} == before
    assert "checkpoints/net/seed-1/epoch-006.pt" in after
    assert "Nothing to be done" in run(*SNAKEMAKE, "--configfile", folder / "six.yaml", cwd=folder).stdout


def test_a_changed_recipe_is_refused_by_name_and_nothing_is_lost(trained):
    folder, experiment = trained
    before = digests(folder / "results")
    other = written(with_training(experiment, label_smoothing=0.1, momentum=0.8), folder, "other")
    target = "results/training/net/seed-1/segment-001.json"
    result = run("snakemake", target, "--cores", "2", "--configfile", other, cwd=folder, check=False)
    assert result.returncode != 0
    log = (folder / "results/logs/training/net/seed-1/segment-001.log").read_text()
    assert re.search(r"a training with label_smoothing = 0(\.0)?, momentum = 0\.9", log), log
    assert "Traceback" not in log
    assert {name: digests(folder / "results")[name] for name in before} == before


def test_a_replaced_checkpoint_stays_out_of_the_training_and_is_refused_where_it_is_read(trained, tmp_path):
    """Seed 2's weights copied over seed 1's, as `cp` does: into the file that is there."""
    finished, experiment = trained
    folder = shutil.copytree(finished, tmp_path / "clone", symlinks=True)
    published = folder / "results/checkpoints/net/seed-1/epoch-003.pt"
    own = folder / "results/training/net/seed-1/epoch-003.pt"
    assert not published.samefile(own)
    before = own.read_bytes()
    state = torch.load(published, weights_only=True)
    state._metadata["early_alignment"]["seed"] = 2
    torch.save(state, tmp_path / "seed-2.pt")
    published.write_bytes((tmp_path / "seed-2.pt").read_bytes())
    assert own.read_bytes() == before
    result = run(*SNAKEMAKE, "--configfile", written(experiment, folder, "again"), cwd=folder, check=False)
    assert result.returncode != 0
    log = (folder / "results/logs/features/study/net/seed-1/epoch-003/32px.log").read_text()
    assert "a network of seed 2\n  expected: seed 1" in log
    # Deleted, it is published again where it is asked for, from the training's own.
    published.unlink()
    target = str(published.relative_to(folder))
    run(*SNAKEMAKE, "--configfile", folder / "again.yaml", "--", target, cwd=folder)
    assert published.read_bytes() == before


def test_moved_images_are_the_same_and_others_are_refused(trained, tmp_path):
    finished, experiment = trained
    folder = shutil.copytree(finished, tmp_path / "clone", symlinks=True)
    run(*SNAKEMAKE, "--configfile", written(experiment, folder, "settled"), cwd=folder)
    before = digests(folder / "results")
    (folder / "images").rename(folder / "moved")
    moved = with_training(experiment, images="moved")
    assert planned(moved, folder) == {"results/labelled_images/net.json"}
    run(*SNAKEMAKE, "--configfile", written(moved, folder, "moved"), cwd=folder)
    assert "Nothing to be done" in run(*SNAKEMAKE, "--configfile", folder / "moved.yaml", cwd=folder).stdout
    assert digests(folder / "results") == before

    write_images(folder / "others")
    (folder / "others/train/dark/0.png").rename(folder / "others/train/dark/another.png")
    others = written(with_training(experiment, images="others", epochs=4), folder, "others")
    result = run(*SNAKEMAKE, "--configfile", others, cwd=folder, check=False)
    assert result.returncode != 0
    log = (folder / "results/logs/labelled_images/net.log").read_text()
    assert "images of other names or sizes than those that this experiment's networks were trained on" in log
    assert "Traceback" not in log
    assert digests(folder / "results") == before


@pytest.mark.slow
def test_a_job_with_two_gpus_is_two_processes(trained):
    folder, experiment = trained
    two = with_training(experiment, image_size=64, validation_resize=72, epochs=1) | {"results": "two"}
    path = written(with_network(two, seeds=[7], epochs=[1]), folder, "two")
    target = "two/checkpoints/net/seed-7/epoch-001.pt"
    run(*SNAKEMAKE, "--set-resources", "train:gpu=2", "--configfile", path, "--", target, cwd=folder)
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
        found = {"model": {f"module.{k}": v for k, v in network.state_dict().items()}, "epoch": epoch}
        # The first is a file as torch wrote them before 1.6.
        torch.save(found, path, _use_new_zipfile_serialization=epoch > 1)
    series = {"checkpoints": "series/s{seed}/model_{epoch}.pth", "checkpoint_offset": 1, "epochs": [1, 2]}
    config = with_network(experiment, **series) | {"results": "own"}
    del config["networks"]["net"]["training"]
    return folder, config


@pytest.mark.slow
def test_checkpoints_from_elsewhere_without_images_have_no_accuracy_and_say_so(own):
    folder, config = own
    run(*SNAKEMAKE, "--configfile", written(config, folder, "own"), cwd=folder)
    assert not (folder / "own/training").exists()
    assert not (folder / "own/accuracy").exists()
    table = pd.read_csv(folder / "own/tables/accuracy.csv")
    assert list(table["epoch"]) == [1, 2]
    assert table["top1"].isna().all()
    assert set(table["accuracy"]) == {"not evaluated: training.images is unset"}
    assert "training.images is unset" in (folder / "own/figures/training.svg").read_text()
    assert set(pd.read_csv(folder / "own/tables/alignment.csv")["epoch"]) == {1, 2}
    theirs = torch.load(folder / "series/s1/model_1.pth")["model"]
    ours = torch.load(folder / "own/checkpoints/net/seed-1/epoch-002.pt", weights_only=True)
    assert all(torch.equal(theirs[f"module.{name}"], tensor) for name, tensor in ours.items())


@pytest.mark.slow
def test_checkpoints_from_elsewhere_are_evaluated_where_there_are_images(own):
    folder, config = own
    with_images = with_network(config, training={"images": "images", "image_size": 32, "validation_resize": 36})
    path = written(with_images, folder, "own_with_images")
    run(*SNAKEMAKE, "--configfile", path, "--", "own/tables/accuracy.csv", cwd=folder)
    table = pd.read_csv(folder / "own/tables/accuracy.csv")
    assert set(table["accuracy"]) == {"evaluated"}
    assert table["top1"].between(0, 1).all()
    assert table["training_loss"].isna().all()
    row = json.loads((folder / "own/accuracy/net/seed-1/epoch-002.json").read_text())
    assert row["epoch"] == 2


def test_checkpoints_from_elsewhere_plan_no_training(own):
    folder, config = own
    to_make = planned(config | {"results": "anew"}, folder)
    assert {f"anew/checkpoints/net/seed-1/epoch-00{epoch}.pt" for epoch in (1, 2)} <= to_make
    assert not {file for file in to_make if "/training/" in file or "/accuracy/" in file}


def test_an_epoch_that_the_series_lacks_is_named(own):
    folder, config = own
    path = written(with_network(config, epochs=[0, 1]), folder, "lacking")
    result = run("snakemake", "-n", "--configfile", path, cwd=folder, check=False)
    assert result.returncode != 0
    assert "no file for 1 of 2: seed 1 epoch 0 (series/s1/model_-1.pth)" in result.stdout
    assert "leave out epochs that the series lacks, such as 0" in result.stdout
    assert "Traceback" not in result.stdout


# A resized copy --------------------------------------------------------------------------------------------------


def test_a_resized_copy_is_written_once_before_training(trained):
    folder, experiment = trained
    resized = with_training(experiment, resized_short_side=256) | {"results": "resized"}
    copy = "resized/resized_images/images-short-side-256-quality-95/images.json"
    assert copy in planned(resized, folder)
    run(*SNAKEMAKE, "--configfile", written(resized, folder, "resized"), "--", copy, cwd=folder)
    assert json.loads((folder / copy).read_text())["images"] == 30
    assert copy not in planned(resized, folder)


def test_a_copy_of_other_images_is_not_gone_on_with(tmp_path):
    image_fingerprint.claim_copy({"images": "one"}, tmp_path)
    image_fingerprint.claim_copy({"images": "one"}, tmp_path)
    with pytest.raises(InputError, match="copies of other images"):
        image_fingerprint.claim_copy({"images": "other"}, tmp_path)


# A path of any letters -------------------------------------------------------------------------------------------


def rules_that_run(printed: str) -> set[str]:
    """The rules in Snakemake's statistics of jobs."""
    return {line.split()[0] for line in printed.split("Job stats:")[1].split("\n\n")[0].splitlines()[3:]}


def test_folders_of_any_name_are_folders_and_no_commands(tmp_path):
    """Every rule of the demo, of less data and shorter training, and the rule that resizes images."""
    folder, demo = copy_of_repository(tmp_path / "clone"), REPOSITORY / "experiments/demo.yaml"
    name = """an 'odd' "name" $(touch ran) `touch ran` ; é 音 & #1"""
    config = yaml.safe_load(demo.read_text()) | {"results": f"out/{name}"}
    config["simulation"] |= {"root": f"made/{name}", "subjects": 2, "training_images": 16, "validation_images": 4}
    config["simulation"] |= {"training_concepts": 12, "test_concepts": 4, "shared_images": 16, "own_images": 4}
    small = {"images": f"made/{name}/labelled_images", "epochs": 1, "epochs_per_job": 1, "early_steps": []}
    for network in config["networks"].values():
        network |= {"architecture": "resnet18", "blocks": ["layer4"], "seeds": [1], "epochs": [0, 1], "calibrated": []}
        network["training"] = network["training"] | small | {"resized_short_side": 256}
    for settings in config["datasets"].values():
        settings |= {"root": f"made/{name}/{settings['format']}", "subjects": [1, 2]}
        settings["targets"] = settings["targets"][:1]
    config["features"] = {"image_size": 32}
    command = (*SNAKEMAKE, "--configfile", written(config, folder, "odd"))
    of_demo = rules_that_run(run("snakemake", "-n", "--configfile", demo, cwd=folder).stdout)
    assert rules_that_run(run(*command, cwd=folder).stdout) == of_demo | {"resize_images"}
    assert (folder / "out" / name / "tables/alignment.csv").is_file()
    for network in config["networks"]:
        assert (folder / "out" / name / f"checkpoints/{network}/seed-1/epoch-001.pt").is_file()
    assert len(list((folder / "out").iterdir())) == len(list((folder / "made").iterdir())) == 1
    assert not list(folder.rglob("ran"))
    assert "Nothing to be done" in run(*command, cwd=folder).stdout
