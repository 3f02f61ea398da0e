"""A training of seconds, as the tests run it, cut it and compare it."""

import multiprocessing
import os
import signal
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from conftest import REPOSITORY
from early_alignment.training import image_fingerprint, process
from early_alignment.training.recipe import Computing, Recipe
from PIL import Image

RECIPE = Recipe(
    architecture="resnet18",
    image_size=32,
    validation_resize=36,
    resized_short_side=None,
    resized_quality=None,
    background=127,
    batch_size=8,
    learning_rate=0.1,
    momentum=0.9,
    weight_decay=1e-4,
    label_smoothing=0.0,
    schedule="step",
    decay_every=2,
    decay_factor=0.1,
    cosine_epochs=None,
    warmup_epochs=1,
    warmup_factor=0.01,
)
COMPUTING = {"cpu": asdict(Computing()), "cuda": asdict(Computing())}


def write_images(root: Path) -> Path:
    """Dark and light noise, 21 images to train on and 9 to validate on."""
    rng = np.random.default_rng(0)
    for split, counts in (("train", (11, 10)), ("val", (5, 4))):
        for label, n in zip(("dark", "light"), counts, strict=True):
            folder = root / split / label
            folder.mkdir(parents=True)
            for i in range(n):
                pixels = rng.integers(0, 128, (40, 44, 3)) + (127 if label == "light" else 0)
                Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{i}.png")
    return root


def weights(folder: Path, epoch: int | str) -> dict[str, torch.Tensor]:
    """The tensors of an epoch, by its number or as file names call it."""
    return torch.load(folder / f"epoch-{epoch:0>3}.pt", weights_only=True)


def assert_same_networks(folder: Path, other: Path, epochs: Iterable[int | str] = range(4)) -> None:
    for epoch in epochs:
        a, b = weights(folder, epoch), weights(other, epoch)
        assert a.keys() == b.keys()
        for name in a:
            assert torch.equal(a[name], b[name]), (epoch, name)


def job(folder: Path, images: Path, recipe: Recipe, last_epoch: int, threads: int = 1, early_steps=()) -> dict:
    """The arguments of `training.process.run`, as the rule gives them."""
    return {
        "segment": str(folder / "segment-001.json"),
        "recipe": asdict(recipe),
        "computing": COMPUTING,
        "images": image_fingerprint.fingerprint(images),
        "published": str(folder / "published"),
        "root": str(images),
        "seed": 1,
        "last_epoch": last_epoch,
        "threads": threads,
        "early_steps": list(early_steps),
    }


def run_job(arguments: dict) -> None:
    """What a job runs, with the one thread that all these jobs have."""
    torch.set_num_threads(1)
    # A process that a server forked would have its loader's workers forked by one too; a job's own are its children,
    # which end when it is killed.
    multiprocessing.set_start_method("fork", force=True)
    process.run(**arguments)


def run_job_with_little_memory(arguments: dict) -> None:
    """The same, when hardly any more memory can be had."""
    import resource

    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * os.sysconf("SC_PAGE_SIZE") + 4 * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    run_job(arguments)


def start(target, arguments: dict):
    """Start a job as a process of its own, without waiting for torch to be imported each time."""
    paths = [str(REPOSITORY / "workflow_scripts"), str(Path(__file__).parent)]
    os.environ["PYTHONPATH"] = os.pathsep.join(paths)  # the server that forks does not look at sys.path
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["small_training", "torch.utils.tensorboard", "torch._dynamo"])
    process = context.Process(target=target, args=(arguments,))
    process.start()
    return process


def end(process, number: signal.Signals) -> bool:
    """Send a signal and wait for the end; whether there was still something to end."""
    struck = process.is_alive()
    if struck:
        with suppress(ProcessLookupError):  # it may end by itself just now
            os.kill(process.pid, number)
    process.join(timeout=30)
    assert not process.is_alive(), f"still there half a minute after {number.name}"
    return struck and process.exitcode in (-number, 128 + number)
