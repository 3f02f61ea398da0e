"""What an experiment costs: jobs, hours and disk, before anything is computed.

A stage takes what its jobs took that have already run, where any have: their benchmark files are asked first. Else it
takes what is stated here. torch is not imported.
"""

import csv
import glob
import json
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

import numpy as np

from ..comparison.kinds import resampled_kinds
from ..datasets import DataSet, open_dataset
from ..files import existing
from .grid import Network, distances, networks_of, size_of_view

DECODED_PER_CORE = 100
"""ImageNet-sized photographs that a core decodes and crops in a second; 100 to 150 are common."""
TRAINED_PER_GPU = 938
"""Images that one A100 (80 GB) trains ResNet-50 on in a second with TF32, and 2,470 with mixed precision: NVIDIA's
figures (DeepLearningExamples, PyTorch/Classification/ConvNets/resnet50v1.5, container 21.03), not measured here."""
EXTRACTED_PER_GPU = 1500
"""Images that such a GPU passes through ResNet-50 in a second and whose features are moved away; reckoned."""
PRODUCTS_PER_CORE = 6e10
"""Multiplications in a second and core of an RDM: 872² · 802,816 took 5.2 s on two cores (`make bench`)."""
COMPRESSED = 0.72
"""What is left of features in float16 (docs/numbers.md)."""
IMAGENET = 1_281_167 + 50_000
"""Images of ILSVRC 2012 to train on and to validate on."""
PARAMETERS = {"resnet18": 11.7e6, "resnet34": 21.8e6, "resnet50": 25.6e6, "resnet101": 44.5e6, "resnet152": 60.2e6}
"""Of torchvision's networks; a checkpoint holds 4 bytes of each, and the optimiser's state as much again."""
DECOMPOSITION = 25
"""Multiplications that an eigendecomposition takes, of the number of conditions cubed."""
SECONDS = {"alignment": 0.4, "responses": 10.0, "brain_rdms": 1.0, "encoding": 0.5}
"""Of a job; of `encoding` for each block and subject, with the units of a region."""


class Stage(NamedTuple):
    """A rule's share of an experiment; hours of all its jobs together, bytes at the end and at most."""

    rule: str
    jobs: int
    gpu_hours: float
    core_hours: float
    kept: float
    peak: float


def stages(config: dict, cores: dict[str, int], gpus: dict[str, int]) -> list[Stage]:
    """The stages of an experiment.

    Args:
        config: A checked config.
        cores: Rule → threads of a job.
        gpus: Rule → GPUs of a job.

    Returns:
        Those that take long, need a GPU or fill a disk. Bytes are NaN where the number of features is not known
        before the first features are there.
    """
    results = Path(config["results"])
    bytes_each = np.dtype(config["features"]["dtype"]).itemsize
    networks, found, of_distance = networks_of(config), [], distances(config)
    n_distances, n_of_brains = len(of_distance), len(set(of_distance.values()))
    kinds = resampled_kinds(config["alignment"])
    # Both numbers are of a brain RDM and a resample: products of pairs, one sum over all per measure and choice of
    # pairs; and bytes, of a model RDM's own file and of that in which they are gathered.
    n_sums, bytes_of_resamples = len({kind[:2] for kind in kinds}), 2 * 4 * len(kinds)

    def stage(rule, jobs, seconds, kept=0.0, peak=None):
        taken = measured(results / "benchmarks" / rule)
        hours = jobs * (seconds if taken is None else taken) / 3600
        on_gpus = hours * gpus.get(rule, 0)
        found.append(Stage(rule, jobs, on_gpus, hours * cores.get(rule, 1), kept, kept if peak is None else peak))

    for network in networks.values():
        if network.is_trained:
            trained = Path(config["trained"] or config["results"])
            found.append(training_stage(network, trained, cores.get("train", 1), gpus.get("train", 0)))
    for name, settings in config["datasets"].items():
        dataset = open_dataset(name, settings)
        n_images, n_conditions = size_of(dataset)
        rate = min(DECODED_PER_CORE * cores.get("features", 1), EXTRACTED_PER_GPU * gpus.get("features", 1))
        pairs, products = n_conditions * (n_conditions - 1) / 2 * 4, n_conditions * (n_conditions + 1) / 2 * 8
        of_subjects = sum(len(dataset.subjects_of(target)) for target in dataset.targets)
        resampled = of_subjects * (1 + config["statistics"]["draws"])
        for network in networks.values():
            views = [view for _, _, view in network.looks]
            n_blocks, largest, kept = len(network.blocks), 0.0, 0.0
            for view in dict.fromkeys(views):
                n_features = sum(features_of(results, network, name, view, block) for block in network.blocks)
                each, n_looks = n_conditions * n_features * bytes_each * COMPRESSED, views.count(view)
                largest, kept = max(largest, each), kept + each * n_looks
                seconds = n_conditions**2 * n_features / PRODUCTS_PER_CORE / cores.get("geometry", 1)
                stage("geometry", n_looks, n_blocks + seconds, products * n_looks * n_blocks)
                stage("model_rdms", n_looks * n_distances, 1 + 0.1 * n_blocks, pairs * n_looks * n_blocks * n_distances)
            kept = kept if config["features"]["keep"] else 0.0
            stage("features", len(views), n_images / rate, kept, max(kept, largest))
            stage("alignment", len(views) * n_blocks * len(dataset.targets), SECONDS["alignment"])
            if kinds:
                seconds = (
                    resampled * n_sums * n_conditions**2 / 2 / PRODUCTS_PER_CORE / cores.get("resampled_alignment", 1)
                )
                n_rdms = len(views) * n_blocks * n_distances
                stage("resampled_alignment", n_rdms, 1 + seconds, n_rdms * resampled * bytes_of_resamples)
            if config["encoding"]["fit"] and not dataset.gives_rdms:
                folds, alphas = config["encoding"]["folds"], len(config["encoding"]["alphas"])
                fits, trained_on = folds * (folds + 1) / 2, n_conditions * (1 - 2 / folds)
                seconds = fits * DECOMPOSITION * trained_on**3 / PRODUCTS_PER_CORE / cores.get("smoothers", 1)
                weights = 4 * alphas * (folds - 1) ** 2 / folds * n_conditions**2 * n_blocks
                stage("smoothers", len(views), n_blocks * seconds, 0.0, weights)
                seconds = SECONDS["encoding"] * n_blocks * len(dataset.subjects)
                stage("encoding", len(views) * len(dataset.targets), seconds)
        if not dataset.gives_rdms:
            # How many units a target has is in files; their responses are little beside features.
            stage("responses", of_subjects, SECONDS["responses"])
        stage("brain_rdms", of_subjects * n_of_brains, SECONDS["brain_rdms"], pairs * of_subjects * n_of_brains)
    return merged(found)


def training_stage(network: Network, folder: Path, cores: int, gpus: int) -> Stage:
    """What training all seeds of a network takes, on so many cores and GPUs a job, into a folder."""
    training, n_seeds = network.training, len(network.seeds)
    rate = min(DECODED_PER_CORE * cores, TRAINED_PER_GPU * max(gpus, 1))
    of_network = f"{network.name}/seed-*/epoch-*"
    seconds = measured_epoch(folder, of_network) or number_of_images(training["images"]) / rate
    hours = n_seeds * training["epochs"] * seconds / 3600
    parameters = PARAMETERS.get(network.architecture, float("nan"))
    checkpoint = size_of_any(folder, f"checkpoints/{of_network}.pt") or 4 * parameters
    # Each epoch lies in the training's own folder and, published, as a copy.
    kept = 2 * checkpoint * n_seeds * len(network.epochs_with_checkpoint)
    segments = -(-training["epochs"] // training["epochs_per_job"])
    # Beside the epochs, each seed has its optimiser's state once.
    return Stage("train", n_seeds * segments, hours * gpus, hours * cores, kept, kept + n_seeds * checkpoint)


def merged(found: list[Stage]) -> list[Stage]:
    """One stage per rule, networks and data sets added up, in the order in which jobs run."""
    order = (
        "train",
        "features",
        "geometry",
        "model_rdms",
        "responses",
        "brain_rdms",
        "alignment",
        "resampled_alignment",
        "smoothers",
        "encoding",
    )
    there = {stage.rule for stage in found}
    rules = [rule for rule in order if rule in there]
    return [
        Stage(rule, *(sum(column) for column in zip(*(s[1:] for s in found if s.rule == rule), strict=True)))
        for rule in rules
    ]


def measured(folder: Path) -> float | None:
    """The median seconds of the jobs whose benchmark files lie in a folder, if there are any."""
    seconds = []
    for file in folder.rglob("*.tsv"):
        with open(file) as lines:
            seconds += [float(row["s"]) for row in csv.DictReader(lines, delimiter="\t")]
    return median(seconds) if seconds else None


def measured_epoch(folder: Path, pattern: str) -> float | None:
    """The median seconds of the epochs that are trained, if any are."""
    rows = [json.loads(file.read_text()) for file in folder.glob(f"accuracy/{pattern}.json")]
    seconds = [row["seconds"] for row in rows if row["epoch"] > 0]
    return median(seconds) if seconds else None


def size_of_any(results: Path, pattern: str) -> int | None:
    """The bytes of one file of a kind, if there is one."""
    return next((file.stat().st_size for file in results.glob(pattern)), None)


def number_of_images(root: str | None) -> int:
    """How many there are under `train/` and `val/`, ImageNet's number if they are not there yet."""
    if root is None:
        return IMAGENET
    return sum(1 for split in ("train", "val") for _ in (Path(root) / split).glob("*/*")) or IMAGENET


def size_of(dataset: DataSet) -> tuple[int, int]:
    """How many images and conditions a data set has, as published if it is not there yet."""
    if not dataset.is_there:
        return dataset.published_size()
    listed = dataset.stimuli()
    return len(listed), len({stimulus.condition for stimulus in listed})


def stand_ins(config: dict) -> list[str]:
    """What is not there yet, and the published size that stands in for it; a line each."""
    lines = []
    for name, network in networks_of(config).items():
        images = network.training["images"]
        if network.is_trained and (images is None or not Path(images).is_dir()):
            lines.append(f"networks.{name}.training.images: not there, ImageNet's {IMAGENET:,} images stand in")
    for name, settings in config["datasets"].items():
        dataset = open_dataset(name, settings)
        if not dataset.is_there:
            n_images, n_conditions = dataset.published_size()
            size = f"{n_images:,} images, {n_conditions:,} conditions"
            lines.append(f"datasets.{name}: not there, the published size stands in: {size}")
    return lines


def features_of(results: Path, network: Network, dataset: str, view: str, block: str) -> float:
    """How many features a block has: of a file that is there, or of the four stages of a ResNet; else NaN."""
    files = results.glob(f"features/{dataset}/{network.name}/*/*/{view}/{glob.escape(block)}.zarr.zip")
    file = next(files, None)
    if file is not None:
        from ..networks.feature_files import FeatureFile

        with FeatureFile(file) as opened:
            return opened.shape[1]
    stage = re.fullmatch(r"layer([1-4])", block)
    if stage is None or network.architecture not in PARAMETERS:
        return float("nan")
    level = int(stage[1]) - 1
    channels = 64 * 2**level * (1 if network.architecture in ("resnet18", "resnet34") else 4)
    side = size_of_view(view)
    for _ in range(2 + level):
        side = -(-side // 2)
    return channels * side**2


def report(found: list[Stage], results: Path, stand_ins: Sequence[str] = ()) -> list[str]:
    """The plan as lines of text, the disk's free space beside what it asks for, and what it had to take for granted."""
    head = f"{'stage':<14}{'jobs':>8}{'GPU hours':>12}{'core hours':>12}{'GB kept':>10}{'GB at most':>12}"
    total = Stage("all", *(sum(column) for column in zip(*(stage[1:] for stage in found), strict=True)))
    lines = [
        f"{rule:<14}{jobs:>8,}{gpu:>12,.1f}{core:>12,.1f}{kept / 1e9:>10,.1f}{peak / 1e9:>12,.1f}"
        for rule, jobs, gpu, core, kept, peak in (*found, total)
    ]
    free = shutil.disk_usage(existing(results)).free
    verdict = "enough" if free > total.peak else "unknown whether enough" if total.peak != total.peak else "TOO LITTLE"
    return [head, *lines, f"free where results go: {free / 1e9:,.1f} GB, {verdict}", *stand_ins]
