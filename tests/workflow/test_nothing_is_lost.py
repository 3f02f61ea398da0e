"""No rule declares or writes a file outside the results and the simulation's own folder; no training is mixed up."""

import csv
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from conftest import REPOSITORY, copy_of_repository, papers_settings, run
from early_alignment.errors import InputError
from early_alignment.experiment import config as library
from early_alignment.networks import checkpoints, networks
from early_alignment.simulation.plan import Plan, plan_of
from early_alignment.simulation.write import write_labelled_images
from early_alignment.training import image_fingerprint, loop, process
from PIL import Image
from small_training import RECIPE, job, weights

DEMO = yaml.safe_load((REPOSITORY / "experiments/demo.yaml").read_text())


# Whose files a rule may write ------------------------------------------------------------------------------------


def declared_files(folder: Path, *options) -> set[Path]:
    """All outputs and logs of the jobs of an experiment, absolute."""
    printed = run("snakemake", "--summary", "--forceall", *options, cwd=folder).stdout
    rows = list(csv.DictReader(printed[printed.index("output_file\t") :].splitlines(), delimiter="\t"))
    files = {file for row in rows for file in (row["output_file"], *row["log-file(s)"].split(",")) if file != "-"}
    return {folder.resolve() / file for file in files}


def test_every_shipped_experiment_declares_files_in_its_results_and_its_simulation_alone(clone, paper_data, tmp_path):
    folder = copy_of_repository(tmp_path / "clone")
    for name in ("cifar10_subset/train/cat", "cifar10_subset/val/cat", "kriegeskorte92"):
        (folder / "data/trial" / name).mkdir(parents=True)
    for name in ("Kriegeskorte_Neuron2008_supplementalData.mat", "92_brainRDMs.mat"):
        (folder / "data/trial/kriegeskorte92" / name).touch()
    experiments = {None: papers_settings(paper_data)}
    experiments |= {path.name: ["--configfile", path] for path in sorted((folder / "experiments").glob("*.yaml"))}
    assert set(experiments) == {None, "demo.yaml", "demo_whole.yaml", "trial.yaml"}
    for name, options in experiments.items():
        config = yaml.safe_load((folder / ("experiments/" + name if name else "config.yaml")).read_text())
        own = [folder.resolve() / config["results"]]
        own += [folder.resolve() / config["simulation"]["root"]] if "simulation" in config else []
        own += [folder.resolve() / config["trained"]] if config.get("trained") else []
        files = declared_files(folder, *options)
        assert len(files) > 200, name
        assert [file for file in files if not any(file.is_relative_to(place) for place in own)] == [], name


def test_benchmarks_are_declared_in_the_results_too():
    """Snakemake's table of files leaves them out."""
    for file in (REPOSITORY / "rules").glob("*.smk"):
        if file.name != "download.smk":
            for declared in re.findall(r"benchmark:\n\s+(\S+)", file.read_text()):
                assert declared.startswith("benchmark_of("), file


@pytest.fixture
def demo(tmp_path, monkeypatch):
    """The demo's config, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return json.loads(json.dumps(DEMO))


def refused(config, *words):
    with pytest.raises(InputError) as caught:
        plan_of(library.checked(config))
    for word in words:
        assert word in str(caught.value)


def test_the_demo_itself_is_no_danger(demo):
    assert plan_of(library.checked(demo)) == Plan(**demo["simulation"])
    assert plan_of({key: value for key, value in library.checked(demo).items() if key != "simulation"}) is None
    demo["datasets"]["simulated_EEG"]["root"] = "./data/../data/demo/things_eeg2/"
    plan_of(library.checked(demo))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c: c["datasets"]["simulated_EEG"].update(root="/lab/eeg"), "datasets.simulated_EEG.root: /lab/eeg"),
        (lambda c: c["datasets"]["simulated_fMRI"].update(root=None), "datasets.simulated_fMRI.root: None"),
        (
            lambda c: c["networks"]["resnet18"]["training"].update(images="/lab/imagenet"),
            "networks.resnet18.training.images: /lab/imagenet",
        ),
        (lambda c: c["datasets"]["simulated_EEG"].update(images="/lab/set"), "datasets.simulated_EEG.images: /lab/set"),
        (lambda c: c["datasets"]["simulated_EEG"].update(subjects=[3, 4]), "simulated_EEG.subjects: [4]"),
        (
            lambda c: c["datasets"].update(
                mine={"format": "rdms", "root": "/lab/rdms", "subjects": ["a"], "targets": ["b"]}
            ),
            "datasets.mine.format: rdms",
        ),
    ],
)
def test_other_data_beside_a_simulation_are_refused(demo, change, words):
    change(demo)
    refused(demo, words, "leave `simulation` out")


def test_a_simulation_in_a_folder_with_other_files_is_refused(demo, tmp_path):
    root = tmp_path / "data/demo"
    measured = root / "things_eeg2/preprocessed_data/sub-01/preprocessed_eeg_test.npy"
    measured.parent.mkdir(parents=True)
    plan_of(library.checked(demo))  # empty folders are nobody's
    measured.touch()
    refused(demo, str(measured.relative_to(tmp_path)), "simulation.root")
    measured.unlink()
    few = Plan(**demo["simulation"] | {"training_images": 1, "validation_images": 1})
    write_labelled_images(few)
    plan_of(library.checked(demo))  # what a simulation wrote, it may write again
    few.mark.unlink()
    refused(demo, "no SIMULATED.txt")


def test_a_link_to_measured_data_in_the_simulations_folder_is_refused(demo, tmp_path):
    (tmp_path / "measured").mkdir()
    (tmp_path / "data/demo").mkdir(parents=True)
    (tmp_path / "data/demo/SIMULATED.txt").touch()
    (tmp_path / "data/demo/algonauts2023").symlink_to(tmp_path / "measured")
    refused(demo, "a link to")


def test_a_copied_demo_config_with_ones_own_roots_deletes_nothing(clone, tmp_path):
    """As a user would begin: the demo's config with other roots, `simulation` left in."""
    eeg = tmp_path / "things_eeg2/preprocessed_data/sub-01/preprocessed_eeg_training.npy"
    mask = tmp_path / "nsd/subj01/roi_masks/lh.streams_challenge_space.npy"
    photograph = tmp_path / "imagenet/train/cat/1.jpg"
    for file in (eeg, mask, photograph):
        file.parent.mkdir(parents=True)
        file.write_text("measured")
    config = json.loads(json.dumps(DEMO))
    config["datasets"]["simulated_EEG"]["root"] = str(tmp_path / "things_eeg2")
    config["datasets"]["simulated_fMRI"]["root"] = str(tmp_path / "nsd")
    for network in config["networks"].values():
        network["training"]["images"] = str(tmp_path / "imagenet")
    config["results"] = str(tmp_path / "results")
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(config))
    for command in (("-n",), ("--cores", "1"), ("check", "--cores", "1")):
        result = run("snakemake", *command, "--configfile", tmp_path / "mine.yaml", cwd=clone, check=False)
        assert result.returncode != 0
        assert "datasets.simulated_EEG.root" in result.stdout
        assert "networks.resnet50.training.images" in result.stdout
        assert "Traceback" not in result.stdout
    assert [file.read_text() for file in (eeg, mask, photograph)] == ["measured"] * 3


# Whose weights a training goes on from ---------------------------------------------------------------------------


def test_a_checkpoint_of_another_seed_epoch_or_recipe_is_refused_wherever_it_is_loaded(images, tmp_path):
    loop.train(RECIPE, images, seed=1, last_epoch=1, folder=tmp_path, workers=0)
    path = tmp_path / "epoch-001.pt"
    known = {"architecture": "resnet18", "momentum": 0.9}
    networks.from_checkpoint("resnet18", path, checkpoints.expected("1", "001", known))
    for seed, epoch, recipe, found in (
        ("2", "001", known, "seed 1"),
        ("1", "003", known, "epoch 1"),
        ("1", "001+00005", known, "step 0"),
        ("1", "001", known | {"momentum": 0.8}, "momentum 0.9"),
    ):
        with pytest.raises(InputError, match=f"a network of {found}"):
            networks.from_checkpoint("resnet18", path, checkpoints.expected(seed, epoch, recipe))


def test_a_checkpoint_that_says_nothing_is_taken_and_the_log_says_so(images, tmp_path, capsys):
    network = networks.untrained("resnet18", n_classes=2, seed=0)
    torch.save(network.state_dict(), tmp_path / "bare.pt")
    networks.from_checkpoint("resnet18", tmp_path / "bare.pt", checkpoints.expected("1", "001", {}))
    assert "bare.pt does not say of what seed" in capsys.readouterr().out


def test_a_training_does_not_go_on_from_another_seeds_weights(images, tmp_path):
    for seed in (1, 2):
        loop.train(RECIPE, images, seed=seed, last_epoch=1, folder=tmp_path / f"{seed}", workers=0)
    shutil.copy(tmp_path / "2/epoch-001.pt", tmp_path / "1/epoch-001.pt")
    with pytest.raises(InputError, match="a network of seed 2"):
        loop.train(RECIPE, images, seed=1, last_epoch=2, folder=tmp_path / "1", workers=0)
    assert not (tmp_path / "1/epoch-002.pt").exists()


def test_a_training_does_not_begin_beside_checkpoints_of_an_earlier_one(images, tmp_path):
    arguments = job(tmp_path / "training", images, RECIPE, last_epoch=0)
    Path(arguments["published"]).mkdir(parents=True)
    (Path(arguments["published"]) / "epoch-001.pt").touch()
    (tmp_path / "training").mkdir(exist_ok=True)
    with pytest.raises(InputError, match="1 checkpoints of a training that is no longer in"):
        process.refuse_to_train_anew_beside(Path(arguments["published"]), tmp_path / "training")
    (tmp_path / "training" / loop.STATE).touch()
    process.refuse_to_train_anew_beside(Path(arguments["published"]), tmp_path / "training")


# Which images a training is of -----------------------------------------------------------------------------------


def repainted(file: Path) -> None:
    """Another picture under an image's name."""
    Image.fromarray(np.random.default_rng(7).integers(0, 256, (50, 60, 3)).astype(np.uint8)).save(file)


def test_a_fingerprint_knows_images_by_names_and_sizes_and_not_by_their_folder(images, tmp_path):
    copy = shutil.copytree(images, tmp_path / "moved")
    taken = image_fingerprint.fingerprint(images)
    assert image_fingerprint.fingerprint(copy, threads=3) == taken
    assert taken["counts"] == {"train": 21, "val": 9}
    repainted(copy / "val/dark/0.png")
    changed = image_fingerprint.fingerprint(copy)
    assert (changed["names"], changed["images"] != taken["images"]) == (taken["names"], True)
    (copy / "val/dark/0.png").rename(copy / "val/light/new.png")
    assert image_fingerprint.fingerprint(copy)["names"] != taken["names"]


def test_a_training_goes_on_in_a_moved_folder_and_not_on_other_images(images, tmp_path):
    taken = image_fingerprint.fingerprint(images)
    folder, moved = tmp_path / "training", shutil.copytree(images, tmp_path / "moved")
    loop.train(RECIPE, images, seed=1, last_epoch=1, folder=folder, workers=0, images=taken)
    loop.train(RECIPE, moved, seed=1, last_epoch=2, folder=folder, workers=0, images=taken)
    before = weights(folder, 2)
    (moved / "train/dark/0.png").unlink()
    with pytest.raises(InputError, match="29 images of other names"):
        loop.train(RECIPE, moved, seed=1, last_epoch=3, folder=folder, workers=0, images=taken)
    with pytest.raises(InputError, match="a training with images = "):
        loop.train(RECIPE, moved, seed=1, last_epoch=3, folder=folder, workers=0)
    assert not (folder / "epoch-003.pt").exists()
    assert all(torch.equal(before[name], tensor) for name, tensor in weights(folder, 2).items())
