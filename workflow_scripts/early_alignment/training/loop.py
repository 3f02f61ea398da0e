"""Train a network on a folder of labelled images, and keep every epoch.

The recipe is torchvision's reference recipe for classification. A training that was ended, however and whenever,
goes on after its last finished epoch, to the same bytes. Looking at a network within its first epoch changes none.
"""

import fcntl
import json
import math
import os
import shutil
import time
from collections.abc import Callable, Collection
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import torch

from .. import epochs
from ..errors import InputError
from ..files import written_whole
from ..networks import architectures, checkpoints, networks
from ..networks.loaders import Loader
from . import image_fingerprint, processes, watching
from .evaluation import evaluate, layout, loading, loss_sum, validation_batches, validation_images
from .labelled_images import EpochBatches, SeededImages, image_folder, mixed_seed, training_transform
from .recipe import Computing, Recipe
from .termination import unbroken

STATE = "state.pt"
"""The file from which a training goes on."""
MOST_STEPS = 99_999
"""That file names have room for."""
LOCK_PATIENCE = 60
"""Seconds to wait for an earlier training in the same folder to end."""


def train(
    recipe: Recipe,
    root: Path,
    seed: int,
    last_epoch: int,
    folder: Path,
    workers: int,
    computing: Computing = Computing(),  # noqa: B008  (frozen)
    images: dict | None = None,
    early_steps: Collection[int] = (),
) -> None:
    """Train a network up to and including `last_epoch`, from where an earlier call left off.

    Writes `epoch-000.pt` (the untrained network's state dict) to `epoch-<last>.pt`, beside each an
    `epoch-<epoch>.json` with loss and accuracy, `state.pt`, from which the next call goes on, and TensorBoard's
    event files. After each of `early_steps` it writes `epoch-000+<step>.pt` and `.json` too, which leaves the weights
    of whole epochs as they are. Under torchrun (`processes.joined`) every process calls this, and takes an equal share
    of each batch.

    Args:
        recipe: How to train.
        root: A folder with `train/<class>/` and `val/<class>/`.
        seed: Decides the initial weights, the order of the images and the augmentation.
        last_epoch: When to stop.
        folder: Where to write.
        workers: Processes that decode images beside this one.
        computing: In which precision and layout.
        images: What `image_fingerprint.fingerprint` gave of the images; taken here where it is not given.
        early_steps: After how many steps of the first epoch to keep the network too.

    Raises:
        InputError: Images are missing, are others or do not decode, the network cannot be built or is no classifier,
            `folder` holds the training of another recipe or is being trained in, the first epoch has fewer steps than
            `early_steps` or has ended without keeping them, the loss is not finite, or a file cannot be written. The
            last finished epoch is kept.
    """
    device = networks.device()
    compute_reproducibly(device)
    training_images = image_folder(root, "train", background=recipe.background, like="val")
    shown = validation_images(root, recipe.image_size, recipe.validation_resize, recipe.background)
    images = images or image_fingerprint.fingerprint(root)
    image_fingerprint.refuse_other_names(images, root, [path for path, _ in training_images.samples + shown.samples])
    validation = validation_batches(shown, recipe.batch_size, workers)
    if recipe.batch_size % processes.size():
        raise InputError(
            "config key training.batch_size",
            f"{recipe.batch_size}",
            f"a multiple of the {processes.size()} processes",
            "correct it, or the resource gpu of the rule train",
        )
    steps_per_epoch = len(EpochBatches(len(training_images), recipe.batch_size, seed, 1, processes=processes.size()))
    refuse_steps_beyond(steps_per_epoch, early_steps)
    n_classes = len(training_images.classes)
    network_code = architectures.digest(recipe.architecture)
    network = networks.untrained(recipe.architecture, n_classes, seed).to(device)
    network = network.to(memory_format=layout(computing))
    optimiser = torch.optim.SGD(
        network.parameters(), lr=0.0, momentum=recipe.momentum, weight_decay=recipe.weight_decay
    )
    if computing.compile:
        network.compile()
    fingerprint = asdict(recipe) | asdict(computing)
    fingerprint |= {"seed": seed, "processes": processes.size(), "images": images["images"]}
    fingerprint |= {"network_code": network_code}

    with alone_in(folder):
        done = resume(folder, fingerprint, network, optimiser, device)
        if done > 0:
            refuse_steps_not_kept(folder, early_steps)
        processes.barrier()
        in_training = processes.side_by_side(network)
        scalars = watching.Scalars(folder / "tensorboard", first_epoch=done + 1)

        def keep(epoch: int, step: int, loss: float | None, rate: float | None) -> None:
            processes.buffers_of_the_first(network)
            row: dict[str, Any] = {"seed": seed, "epoch": epoch, "step": step, "steps_per_epoch": steps_per_epoch}
            row |= {"training_loss": loss, "learning_rate": rate}
            with same_draws_afterwards(device):
                row |= evaluate(network, validation, device, computing, n_classes)
            in_epoch, when = (epoch + 1, f"after step {step}") if step else (epoch, "after its last step")
            refuse_unless_finite(row["validation_loss"], seed, in_epoch, when, rate)
            row["seconds"] = round(time.monotonic() - started, 3)
            if processes.rank() == 0:
                print(json.dumps(row), flush=True)
                with kept_whole(folder, in_epoch, step):
                    save_network(folder, fingerprint, row, network, device)
                    if step == 0:
                        scalars.add(row)
                        save_state(folder, fingerprint, epoch, optimiser)

        for epoch in range(done + 1, last_epoch + 1):
            started = time.monotonic()
            loss = rate = None
            if epoch == 1 and processes.rank() == 0:
                remove_early(folder)
            if epoch > 0:
                order = EpochBatches(
                    len(training_images), recipe.batch_size, seed, epoch, processes.rank(), processes.size()
                )
                batches = Loader(
                    SeededImages(training_images, seed, training_transform(recipe)),
                    batch_sampler=order,
                    **loading(workers),
                )
                with watching.progress(f"seed {seed}, epoch {epoch} of {last_epoch}", sum(order.sizes())) as advance:
                    loss = train_epoch(
                        in_training, optimiser, recipe, seed, epoch, batches, device, computing, advance,
                        pauses=early_steps if epoch == 1 else (), at_pause=partial(keep, 0),
                    )  # fmt: skip
                rate = optimiser.param_groups[0]["lr"]
            keep(epoch, 0, loss, rate)
        processes.barrier()


def refuse_steps_beyond(steps_per_epoch: int, early_steps: Collection[int]) -> None:
    """Check that a first epoch comes past all the steps after which its network is to be kept.

    Raises:
        InputError: It does not.
    """
    limit = min(steps_per_epoch, MOST_STEPS + 1)
    if beyond := sorted(step for step in set(early_steps) if not 0 < step < limit):
        raise InputError(
            "config key training.early_steps",
            ", ".join(map(str, beyond)),
            f"numbers above 0 and below {limit}; an epoch has {steps_per_epoch} steps, and file names have five digits",
            "correct these or leave them out; networks before the first epoch and after it are kept anyway",
        )


def refuse_steps_not_kept(folder: Path, early_steps: Collection[int]) -> None:
    """Check that a training that is past its first epoch has kept the early steps that are asked for.

    Raises:
        InputError: It has not, and cannot any more.
    """
    files = {step: early_files(folder, step) for step in sorted(set(early_steps))}
    if lacking := [step for step, paths in files.items() if not all(path.exists() for path in paths)]:
        raise InputError(
            folder,
            f"a training that is past its first epoch, without a checkpoint after step {', '.join(map(str, lacking))}",
            f"one after each of training.early_steps: {', '.join(map(str, files))}",
            f"leave {'it' if len(lacking) == 1 else 'these'} out of training.early_steps; {to_train_anew(folder)}",
        )


def early_files(folder: Path, step: int) -> list[Path]:
    """What a training keeps after so many steps of its first epoch."""
    return [folder / f"epoch-{epochs.label(0, step)}{suffix}" for suffix in (".pt", ".json")]


def remove_early(folder: Path) -> None:
    """Remove what an ended attempt at the first epoch kept, which another keeps anew, and perhaps after other steps."""
    for path in folder.glob("epoch-000+*"):
        path.unlink()


def to_train_anew(folder: Path) -> str:
    """A remedy."""
    return f"to train anew, remove {folder} and the seed's published checkpoints and accuracies"


@contextmanager
def same_draws_afterwards(device: torch.device):
    """A block after which layers that draw, such as dropout, draw what they would have drawn without it."""
    with torch.random.fork_rng([torch.cuda.current_device()] if device.type == "cuda" else []):
        yield


def compute_reproducibly(device: torch.device) -> None:
    """Make the same calls give the same bytes, where torch can; on a GPU it must be told to.

    It prints a warning for the few operations for which it has no such way, such as the backward pass of the adaptive
    pooling of AlexNet and VGG.
    """
    if device.type == "cuda":
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True, warn_only=True)
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # undeclared by torch
        torch.backends.cudnn.benchmark = False


def train_epoch(
    network,
    optimiser,
    recipe: Recipe,
    seed: int,
    epoch: int,
    batches,
    device,
    computing: Computing,
    advance: Callable[[float, int], None],
    pauses: Collection[int] = (),
    at_pause: Callable[[int, float, float], None] | None = None,
) -> float:
    """One pass over the training images; returns the mean loss, over all processes.

    Args:
        batches: A loader whose `batch_sampler` is an `EpochBatches`.
        advance: Is told of every step its loss and its images, over all processes.
        pauses: After how many steps to call `at_pause`.
        at_pause: Is told that number, the mean loss until then, over all processes, and the learning rate.

    Raises:
        InputError: The loss is not finite.
    """
    torch.manual_seed(mixed_seed(seed, epoch, processes.rank()))  # for layers that draw, such as dropout
    network.train()
    sizes = batches.batch_sampler.sizes()
    total = torch.zeros((), dtype=torch.float64, device=device)

    def mean_loss(steps):
        return processes.summed(total.clone()).item() / sum(sizes[:steps])

    def look_at(loss, n, step, rate):
        refuse_unless_finite(loss.item(), seed, epoch, f"step {step + 1}", rate)
        advance(loss.item(), n)

    previous = None
    for step, ((x, labels), n) in enumerate(zip(batches, sizes, strict=True)):
        rate = recipe.rate(epoch - 1 + step / len(sizes))
        for group in optimiser.param_groups:
            group["lr"] = rate
        x = x.to(device, memory_format=layout(computing), non_blocking=True)
        labels = labels.to(device, non_blocking=True)
        optimiser.zero_grad(set_to_none=True)
        with networks.computing_in(computing.precision, device):
            loss = loss_sum(network(x), labels, recipe.label_smoothing)
        # Gradients are averaged over processes; so that the mean is one over images, shares may differ in size.
        (loss * (processes.size() / n)).backward()
        optimiser.step()
        total += loss.detach()
        # Looking at a loss waits for the GPU, which is to have its next step by then, unless the network is kept now.
        if previous is not None:
            look_at(*previous)
        previous = loss.detach() / len(labels), n, step, rate
        if step + 1 in pauses:
            look_at(*previous)
            previous = None
            at_pause(step + 1, mean_loss(step + 1), rate)
            network.train()
    if previous is not None:
        look_at(*previous)
    return mean_loss(len(sizes))


def refuse_unless_finite(loss: float, seed: int, epoch: int, when: str, rate: float | None) -> None:
    """Stop a network that diverges.

    Raises:
        InputError: The loss is not finite.
    """
    if not math.isfinite(loss):
        raise InputError(
            f"training of seed {seed}, epoch {epoch}, {when}",
            f"loss {loss} at learning rate {rate or 0:.3g}",
            "a finite loss",
            f"lower training.learning_rate or add warm-up; epoch {epoch - 1} is kept",
        )


def save_network(folder: Path, fingerprint: dict, row: dict, network, device) -> None:
    """Write a checkpoint and its accuracy."""
    label = epochs.label(row["epoch"], row["step"])
    about = checkpoints.expected(fingerprint["seed"], label, fingerprint)
    about |= {"device": described(device), "torch": str(torch.__version__)}
    with written_whole(folder / f"epoch-{label}.pt") as path:
        checkpoints.save(network, path, about)
    with written_whole(folder / f"epoch-{label}.json") as path:
        path.write_text(json.dumps(row) + "\n")


def save_state(folder: Path, fingerprint: dict, epoch: int, optimiser) -> None:
    """Write from what to go on; it says that the epoch's checkpoint and accuracy are there, so it comes after them."""
    with written_whole(folder / STATE) as path:
        torch.save({"fingerprint": fingerprint, "epoch": epoch, "optimiser": optimiser.state_dict()}, path)


def described(device: torch.device) -> str:
    """The device's name, and for processors the threads, on whose number the last bits of sums depend."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{device.type}, {torch.get_num_threads()} threads"


@contextmanager
def kept_whole(folder: Path, epoch: int, step: int):
    """A block that writes an epoch: SIGTERM waits for it, and if it fails, a message says what is kept.

    Args:
        folder: Where it is written.
        epoch: Which is being trained.
        step: After which of its steps it is written; 0 for the end.

    Raises:
        InputError: A file could not be written.
    """
    with unbroken():
        try:
            yield
        except (OSError, RuntimeError) as error:  # torch's writer raises the latter
            when = f", step {step}," if step else ""
            goes_on = f"goes on after epoch {epoch - 1}, which is kept" if epoch else "begins anew"
            reason, free = str(error).splitlines()[0], shutil.disk_usage(folder).free / 1e6
            raise InputError(
                folder,
                f"epoch {epoch}{when} could not be written ({reason}); {free:.0f} MB are free",
                "room for a checkpoint and the optimiser's state",
                f"make room and run again: the training {goes_on}",
            ) from error


@contextmanager
def alone_in(folder: Path):
    """Keep a second training out of the folder, such as one whose job was given up but still runs.

    Raises:
        InputError: There is one, and it does not end within a minute.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if processes.rank() > 0:
        yield
        return
    with open(folder / "lock", "w") as lock:
        given_up = time.monotonic() + LOCK_PATIENCE
        while not locked(lock):
            if time.monotonic() > given_up:
                raise InputError(
                    folder, "another process trains in this folder", "one at a time", "wait for it, or end it"
                )
            time.sleep(1)
        for leftover in folder.glob(".*.part"):
            leftover.unlink()
        yield


def locked(file) -> bool:
    """Lock a file for this process alone, if no other has; file systems without locks count as success."""
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError:
        pass
    return True


def has_begun(folder: Path) -> bool:
    """Whether there is a training to go on with."""
    return (folder / STATE).exists()


def resume(folder: Path, fingerprint: dict, network, optimiser, device) -> int:
    """Load the last finished epoch into network and optimiser; returns it, or −1 where there is none.

    Raises:
        InputError: The folder holds the training of another recipe or seed, in another precision, or spread otherwise.
    """
    if not has_begun(folder):
        return -1
    path = folder / STATE
    state = torch.load(path, map_location=device, weights_only=True)
    then = state["fingerprint"]
    differing = sorted(key for key in then.keys() | fingerprint.keys() if then.get(key) != fingerprint.get(key))
    if differing:
        raise InputError(
            path,
            "a training with " + ", ".join(f"{key} = {then.get(key)}" for key in differing),
            ", ".join(f"{key} = {fingerprint.get(key)}" for key in differing),
            f"set the config back; {to_train_anew(folder)}",
        )
    label, remedy = epochs.label(state["epoch"]), "put the file back that the training wrote"
    path = folder / f"epoch-{label}.pt"
    weights = torch.load(path, map_location=device, weights_only=True)
    checkpoints.refuse_another(weights, checkpoints.expected(then["seed"], label, then), path, remedy)
    network.load_state_dict(weights)
    optimiser.load_state_dict(state["optimiser"])
    return state["epoch"]
