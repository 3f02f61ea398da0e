"""Every data format from its files to tables by one run of the workflow, against a plain computation from the files."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import scipy
import torch
import torchvision
import zarr
from conftest import copy_of_repository, run
from early_alignment.datasets import formats
from PIL import Image
from scipy.spatial.distance import pdist, squareform
from small_algonauts2023 import IDS, SHARED, write_algonauts
from small_kriegeskorte92 import write_humans, write_supplement
from small_nsd import plain_repetitions, seen_by_both, write_nsd
from small_things_eeg2 import (
    CHANNELS,
    TEST,
    TRAINING,
    raw_files,
    reference_covariance,
    reference_epochs,
    write_images,
    write_preprocessed,
    write_raw,
)

SIZE = 32
RNG = np.random.default_rng(61)


def picture() -> Image.Image:
    return Image.fromarray(RNG.integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8))


# Each of these writes a data set, and gives its settings, the images of each condition, and a plain RDM for every
# subject and target.


def algonauts2023(root: Path):
    _, truth = write_algonauts(root)
    folder = root / "subj01/training_split/training_images"
    images = [[Image.open(folder / f"train-{IDS[1].index(id_) + 1:04d}_nsd-{id_:05d}.png")] for id_ in SHARED]
    brain = {}
    for subject, ids in IDS.items():
        rows = [ids.index(id_) for id_ in SHARED]
        halves = [
            betas[rows][:, masks["prf-visualrois"] == 1] for (s, _), (betas, masks) in truth.items() if s == subject
        ]
        brain[str(subject), "V1v"] = pdist(np.hstack(halves), "correlation")
    return {"subjects": [1, 2], "targets": ["V1v"]}, images, brain


def nsd(root: Path):
    _, truth, pictures = write_nsd(root)
    numbers = seen_by_both(truth)
    brain = {}
    for subject, of_subject in truth.items():
        inside = (of_subject["masks"]["prf-visualrois"] == 1) & (of_subject["ncsnr"] >= 0.3)
        patterns = plain_repetitions(of_subject, inside)
        means = [np.mean(patterns[number], axis=0) for number in numbers]
        brain[str(subject), "V1v"] = pdist(means, "correlation")
    settings = {"subjects": [1, 2], "targets": ["V1v"], "min_ncsnr": 0.3}
    return settings, [[Image.fromarray(pictures[number])] for number in numbers], brain


def images_of_concepts(root: Path) -> list[list[Image.Image]]:
    write_images(root)
    images = []
    for partition, concepts in (("training", TRAINING), ("test", TEST)):
        for concept in dict.fromkeys(concepts):
            files = sorted((root / f"image_set/{partition}_images/{concept}").iterdir())
            for file in files:
                picture().save(file)
            images.append([Image.open(file) for file in files])
    return images


def mean_of_concepts(training: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Responses to images (images, channels) → to concepts: two training images each, one test image."""
    return np.vstack([training.reshape(4, 2, -1).mean(axis=1), test])


def things_eeg2(root: Path):
    images = images_of_concepts(root)
    training, test = RNG.normal(size=(8, 4, 17, 100)), RNG.normal(size=(5, 80, 17, 100))
    write_preprocessed(root, "training", training)
    other = RNG.permutation(17)
    write_preprocessed(root, "test", test[:, :, other], [CHANNELS[i] for i in other])
    means = mean_of_concepts(training[..., 37].mean(axis=1), test[..., 37].mean(axis=1))
    return {"subjects": [1], "targets": ["170ms"]}, images, {("1", "170ms"): pdist(means, "correlation")}


def things_eeg2_raw(root: Path):
    images = images_of_concepts(root)
    limits, shown = {"training": 2, "test": 20}, {"training": {}, "test": {}}
    for session in (1, 2):
        found = {}
        for partition, limit in limits.items():
            write_raw(root, session, partition, RNG)
            numbers, epochs, *_ = reference_epochs(raw_files(root, session)[partition], limit)
            found[partition] = numbers, epochs
        covariance = np.mean([reference_covariance(epochs) for _, epochs in found.values()], axis=0)
        whitening = scipy.linalg.fractional_matrix_power(covariance, -0.5)
        for partition, (numbers, epochs) in found.items():
            for number, trials in zip(numbers, epochs, strict=True):
                shown[partition].setdefault(number, []).extend(whitening @ trial[:, 37] for trial in trials)
    means = [np.array([np.mean(trials, axis=0) for _, trials in sorted(shown[p].items())]) for p in limits]
    brain = {("1", "170ms"): pdist(mean_of_concepts(*means), "correlation")}
    return {"subjects": [1], "targets": ["170ms"], "sessions": [1, 2]}, images, brain


def responses(root: Path, write, target: str, rdm_of):
    names = ["cow", "apple", "dog", "boat", "egg"]
    (root / "stimuli").mkdir(parents=True)
    for name in names:
        picture().save(root / f"stimuli/{name}.png")
    (root / "conditions.csv").write_text("condition,image\n" + "".join(f"{name},{name}.png\n" for name in names))
    array = RNG.normal(size=(5, 3, 12, 40))
    write(root / "sub-ann", array)
    images = [[Image.open(root / f"stimuli/{name}.png")] for name in names]
    return {"subjects": ["ann"], "targets": [target]}, images, {("ann", target): pdist(rdm_of(array), "correlation")}


def responses_npy(root: Path):
    """Regions and times."""

    def write(path, array):
        np.save(f"{path}.npy", array)
        (root / "units.csv").write_text("region\n" + "V1v\nPPA\n" * 6)
        (root / "times.csv").write_text("seconds\n" + "".join(f"{sample / 100}\n" for sample in range(40)))

    return responses(root, write, "PPA_170ms", lambda array: array[:, :, 1::2, 17].mean(axis=1))


def responses_zarr3(root: Path):
    def write(path, array):
        zarr.create_array(f"{path}.zarr", data=array[..., 0], chunks=(1, 3, 4), shards=(2, 3, 8))

    return responses(root, write, "all", lambda array: array[..., 0].mean(axis=1))


def responses_zarr2(root: Path):
    def write(path, array):
        zarr.create_array(f"{path}.zarr", data=array[..., 0], chunks=(2, 3, 5), zarr_format=2)

    return responses(root, write, "all", lambda array: array[..., 0].mean(axis=1))


def kriegeskorte92(root: Path):
    root.mkdir()
    pictures, monkeys = write_supplement(root)
    humans = write_humans(root)
    brain = {("monkeys", "monkey_IT"): monkeys}
    for subject in (1, 3):
        brain[str(subject), "human_IT"] = squareform(np.mean(humans[subject - 1], axis=0))
    settings = {"subjects": [1, 3], "targets": ["human_IT", "monkey_IT"]}
    return settings, [[Image.fromarray(pixels)] for pixels in pictures], brain


def rdms(root: Path):
    for folder in ("stimuli", "sub-a", "sub-b"):
        (root / folder).mkdir(parents=True)
    for i in range(6):
        picture().save(root / f"stimuli/{i}.png")
    pairs = RNG.uniform(-0.2, 1, (2, 15))
    np.save(root / "sub-a/LOC.npy", squareform(pairs[0]))
    np.save(root / "sub-b/LOC.npy", pairs[1])
    settings = {"subjects": ["a", "b"], "targets": ["LOC"], "cross_validated": True}
    images = [[Image.open(root / f"stimuli/{i}.png")] for i in range(6)]
    return settings, images, {(subject, "LOC"): rdm for subject, rdm in zip("ab", pairs, strict=True)}


WRITERS = (
    algonauts2023,
    nsd,
    things_eeg2,
    things_eeg2_raw,
    responses_npy,
    responses_zarr3,
    responses_zarr2,
    kriegeskorte92,
    rdms,
)


def format_of(name: str) -> str:
    return name.partition("_npy")[0].partition("_zarr")[0]


def test_every_format_is_written_here():
    assert {format_of(write.__name__) for write in WRITERS} == formats().keys()


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """What was written, by data set; the network; and the table of alignments that one command made."""
    folder = copy_of_repository(tmp_path_factory.mktemp("formats"))
    torch.manual_seed(7)
    network = torchvision.models.resnet18().eval()
    torch.save(network.state_dict(), folder / "after-1.pt")
    (folder / "data").mkdir()
    written = {write.__name__: write(folder / "data" / write.__name__) for write in WRITERS}
    experiment = {
        "results": "results",
        "networks": {
            "net": {
                "architecture": "resnet18",
                "blocks": ["layer4"],
                "seeds": [1],
                "epochs": [1],
                "checkpoints": "after-{epoch}.pt",
            }
        },
        "features": {"image_size": SIZE, "dtype": "float32"},
        "datasets": {
            name: {"format": format_of(name), "root": f"data/{name}"} | settings
            for name, (settings, *_) in written.items()
        },
    }
    (folder / "experiment.json").write_text(json.dumps(experiment))
    command = ("snakemake", "results/tables/alignment.csv", "--cores", "2", "--configfile", "experiment.json")
    run(*command, cwd=folder)
    with open(folder / "results/tables/alignment.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    return written, network, rows, folder, command


def plain_model_rdm(network, images: list[list[Image.Image]]) -> np.ndarray:
    """One forward pass an image, through the network's modules in turn, averaged over the images of a condition."""
    patterns = []
    for of_condition in images:
        features = []
        for image in of_condition:
            pixels = np.asarray(image.convert("RGB").resize((SIZE, SIZE), Image.Resampling.BILINEAR)) / 255
            x = (pixels - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
            x = torch.tensor(x.transpose(2, 0, 1)[None], dtype=torch.float32)
            with torch.no_grad():
                for name in ("conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4"):
                    x = getattr(network, name)(x)
            features.append(x.numpy().ravel())
        patterns.append(np.mean(features, axis=0))
    return pdist(patterns, "correlation")


@pytest.mark.parametrize("name", [write.__name__ for write in WRITERS])
def test_alignments_are_those_of_a_plain_computation_from_the_same_files(finished, name):
    written, network, rows, *_ = finished
    _, images, brain = written[name]
    model = plain_model_rdm(network, images)
    found = {(row["subject"], row["target"]): float(row["value"]) for row in rows if row["dataset"] == name}
    assert found.keys() == brain.keys()
    for key, rdm in brain.items():
        assert found[key] == pytest.approx(np.corrcoef(model, rdm)[0, 1], abs=2e-4), key


def test_a_chunk_of_a_zarr_array_that_is_rewritten_in_place_makes_its_rdm_stale(finished):
    *_, folder, command = finished
    array = zarr.open(folder / "data/responses_zarr2/sub-ann.zarr", mode="r+")
    before = (folder / "data/responses_zarr2/sub-ann.zarr/.zarray").read_bytes()
    array[0, 0, 0] += 1
    assert (folder / "data/responses_zarr2/sub-ann.zarr/.zarray").read_bytes() == before
    printed = run(*command, "--dry-run", "--quiet", "reason", cwd=folder).stdout
    jobs = printed.split("Job stats:")[1].split("\n\n")[0].splitlines()[3:]
    assert {rule: int(n) for rule, n in map(str.split, jobs) if rule != "total"} == {
        "responses": 1,
        "brain_rdms": 1,
        "alignment": 1,
        "alignment_table": 1,
    }
