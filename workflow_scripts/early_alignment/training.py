"""Train a network on a folder of labelled images, and keep every epoch.

The recipe is torchvision's reference recipe for classification. The order of the images and every augmentation
depend on (seed, epoch, image) alone, so neither the number of workers nor an interruption changes the network.
"""

import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torchvision.datasets import ImageFolder
from torchvision.transforms import v2 as transforms
from tqdm import tqdm

from . import images, networks
from .errors import InputError
from .files import written_whole

REFERENCE_BATCH = 256
"""The total batch that `Recipe.learning_rate` is stated for."""


@dataclass(frozen=True)
class Recipe:
    """All that decides a trained network, besides its seed and the images; `config.yaml` has the sources."""

    architecture: str
    image_size: int
    validation_resize: int
    batch_size: int
    learning_rate: float
    momentum: float
    weight_decay: float
    decay_every: int
    decay_factor: float
    warmup_epochs: float

    def rate(self, epochs_done: float) -> float:
        """The learning rate after so many epochs, whole or not: linear warm-up, then steps down."""
        peak = self.learning_rate * self.batch_size / REFERENCE_BATCH
        if epochs_done < self.warmup_epochs:
            # A hundredth of the rate at the first step, as in torchvision's recipes with warm-up.
            return peak * (0.01 + 0.99 * epochs_done / self.warmup_epochs)
        return peak * self.decay_factor ** (int(epochs_done) // self.decay_every)


def train(recipe: Recipe, root: Path, seed: int, last_epoch: int, folder: Path, workers: int) -> None:
    """Train a network up to and including `last_epoch`, from where an earlier call left off.

    Writes `epoch-000.pt` (the untrained network's state dict) to `epoch-<last>.pt`, beside each an
    `epoch-<epoch>.json` with loss and accuracy, and `state.pt`, from which the next call goes on.

    Args:
        recipe: How to train.
        root: A folder with `train/<class>/` and `val/<class>/`.
        seed: Decides the initial weights, the order of the images and the augmentation.
        last_epoch: When to stop.
        folder: Where to write.
        workers: Processes that decode images beside this one.

    Raises:
        InputError: The images are missing, `folder` holds the training of another recipe, or the loss is not finite.
    """
    training_images, validation_images = (image_folder(root, split) for split in ("train", "val"))
    loaders = {"num_workers": workers, "pin_memory": torch.cuda.is_available()}
    validation = torch.utils.data.DataLoader(
        ImageFolder(root / "val", transform=validation_transform(recipe)), batch_size=recipe.batch_size, **loaders
    )
    device = networks.device()
    network = networks.untrained(recipe.architecture, len(training_images.classes), seed).to(device)
    network = network.to(memory_format=torch.channels_last)
    optimiser = torch.optim.SGD(
        network.parameters(), lr=0.0, momentum=recipe.momentum, weight_decay=recipe.weight_decay
    )
    if validation_images.classes != training_images.classes:
        raise InputError(root, "train/ and val/ have different folders", "the same classes", "mend the folders")

    folder.mkdir(parents=True, exist_ok=True)
    done = resume(folder, recipe, seed, network, optimiser, device)
    for epoch in range(done + 1, last_epoch + 1):
        started = time.monotonic()
        row = {"seed": seed, "epoch": epoch, "training_loss": None, "learning_rate": None}
        if epoch > 0:
            batches = torch.utils.data.DataLoader(
                SeededImages(training_images, seed, training_transform(recipe)),
                batch_sampler=EpochBatches(len(training_images), recipe.batch_size, seed, epoch),
                **loaders,
            )
            row["training_loss"] = train_epoch(network, optimiser, recipe, seed, epoch, batches, device)
            row["learning_rate"] = optimiser.param_groups[0]["lr"]
        row |= evaluate(network, validation, device)
        row["seconds"] = round(time.monotonic() - started, 3)
        print(json.dumps(row), flush=True)
        save_epoch(folder, recipe, seed, epoch, row, network, optimiser)


def image_folder(root: Path, split: str) -> ImageFolder:
    """The labelled images of one split, not decoded."""
    try:
        return ImageFolder(root / split)
    except FileNotFoundError as error:
        raise InputError(
            root / split, str(error), "one folder of images per class", "correct training.images"
        ) from None


def training_transform(recipe: Recipe):
    return transforms.Compose(
        [
            transforms.RandomResizedCrop(recipe.image_size, antialias=True),
            transforms.RandomHorizontalFlip(),
            *normalised_tensor(),
        ]
    )


def validation_transform(recipe: Recipe):
    return transforms.Compose(
        [
            transforms.Resize(recipe.validation_resize, antialias=True),
            transforms.CenterCrop(recipe.image_size),
            *normalised_tensor(),
        ]
    )


def normalised_tensor():
    return (
        transforms.ToImage(),
        transforms.ToDtype(torch.float32, scale=True),
        transforms.Normalize(images.MEAN, images.STANDARD_DEVIATION),
    )


def mixed_seed(*parts: int) -> int:
    """One seed that depends on all parts and on their order."""
    return int(np.random.SeedSequence(parts).generate_state(1, np.uint64)[0])


class EpochBatches:
    """Batches of (epoch, image) in the order that seed and epoch decide."""

    def __init__(self, n_images: int, batch_size: int, seed: int, epoch: int):
        self.n_images, self.batch_size, self.seed, self.epoch = n_images, batch_size, seed, epoch

    def __len__(self) -> int:
        full, rest = divmod(self.n_images, self.batch_size)
        return full + (rest > 1)  # batch norm has no variance in a last batch of a single image: it is left out

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        order = np.random.default_rng(mixed_seed(self.seed, self.epoch)).permutation(self.n_images)
        for i in range(len(self)):
            batch = order[i * self.batch_size : (i + 1) * self.batch_size]
            yield [(self.epoch, int(index)) for index in batch]


class SeededImages(torch.utils.data.Dataset):
    """Augmented images, the augmentation of each decided by (seed, epoch, image)."""

    def __init__(self, folder: ImageFolder, seed: int, transform):
        self.folder, self.seed, self.transform = folder, seed, transform

    def __getitem__(self, epoch_and_index):
        epoch, index = epoch_and_index
        image, label = self.folder[index]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(mixed_seed(self.seed, epoch, index))
            return self.transform(image), label


CALIBRATION_BATCH = 64


def calibration_batches(root: Path, seed: int, n_images: int, size: int, workers: int):
    """Training images as stimuli are shown, in a seeded order; a loader of float32 (images, 3, size, size).

    Args:
        root: A folder with `train/<class>/`.
        seed: Decides which images, without replacement.
        n_images: How many; all, where there are fewer.
        size: Side in pixels to which the whole image is resized.
        workers: Processes that decode images beside this one.
    """
    folder = image_folder(root, "train")
    folder.transform = partial(images.stimulus_array, size=size)
    chosen = np.random.default_rng(mixed_seed(seed, CALIBRATION_BATCH)).permutation(len(folder))[:n_images]
    subset = torch.utils.data.Subset(folder, chosen.tolist())
    return (batch for batch, _ in torch.utils.data.DataLoader(subset, CALIBRATION_BATCH, num_workers=workers))


def train_epoch(network, optimiser, recipe: Recipe, seed: int, epoch: int, batches, device) -> float:
    """One pass over the training images; returns the mean loss.

    Raises:
        InputError: The loss is not finite.
    """
    torch.manual_seed(mixed_seed(seed, epoch))  # for layers that draw, such as dropout
    network.train()
    loss_function = nn.CrossEntropyLoss()
    total = seen = 0
    for step, (x, labels) in enumerate(tqdm(batches, desc=f"epoch {epoch}", unit="batch", mininterval=5)):
        for group in optimiser.param_groups:
            group["lr"] = recipe.rate(epoch - 1 + step / len(batches))
        x = x.to(device, memory_format=torch.channels_last, non_blocking=True)
        labels = labels.to(device, non_blocking=True)
        optimiser.zero_grad(set_to_none=True)
        loss = loss_function(network(x), labels)
        loss.backward()
        optimiser.step()
        total += loss.detach() * len(labels)
        seen += len(labels)
        if not torch.isfinite(loss):
            raise InputError(
                f"training of seed {seed}, epoch {epoch}, step {step}",
                f"loss {loss.item()} at learning rate {optimiser.param_groups[0]['lr']:.3g}",
                "a finite loss",
                f"lower training.learning_rate or add warm-up; epoch {epoch - 1} is kept",
            )
    return (total / seen).item()


@torch.inference_mode()
def evaluate(network, batches, device) -> dict[str, float]:
    """Validation loss, and top-1 and top-5 accuracy as fractions."""
    network.eval()
    loss = top1 = top5 = seen = 0
    for x, labels in batches:
        labels = labels.to(device)
        scores = network(x.to(device, memory_format=torch.channels_last))
        loss += nn.functional.cross_entropy(scores, labels, reduction="sum").item()
        ranked = scores.topk(min(5, scores.shape[1])).indices == labels[:, None]
        top1 += ranked[:, 0].sum().item()
        top5 += ranked.any(dim=1).sum().item()
        seen += len(labels)
    return {"validation_loss": loss / seen, "top1": top1 / seen, "top5": top5 / seen}


def save_epoch(folder: Path, recipe: Recipe, seed: int, epoch: int, row: dict, network, optimiser) -> None:
    """Write an epoch's checkpoint and accuracy, and then the state that says that they are there."""
    with written_whole(folder / f"epoch-{epoch:03d}.pt") as path:
        torch.save(network.state_dict(), path)
    with written_whole(folder / f"epoch-{epoch:03d}.json") as path:
        path.write_text(json.dumps(row) + "\n")
    with written_whole(folder / "state.pt") as path:
        torch.save({"recipe": asdict(recipe), "seed": seed, "epoch": epoch, "optimiser": optimiser.state_dict()}, path)


def resume(folder: Path, recipe: Recipe, seed: int, network, optimiser, device) -> int:
    """Load the last finished epoch into network and optimiser; returns it, or −1 where there is none.

    Raises:
        InputError: The folder holds the training of another recipe or seed.
    """
    path = folder / "state.pt"
    if not path.exists():
        return -1
    state = torch.load(path, map_location=device, weights_only=True)
    then, now = state["recipe"] | {"seed": state["seed"]}, asdict(recipe) | {"seed": seed}
    differing = sorted(key for key in then.keys() | now.keys() if then.get(key) != now.get(key))
    if differing:
        raise InputError(
            path,
            "a training with " + ", ".join(f"{key} = {then.get(key)}" for key in differing),
            ", ".join(f"{key} = {now.get(key)}" for key in differing),
            f"remove {folder} to train anew, or set the config back",
        )
    network.load_state_dict(
        torch.load(folder / f"epoch-{state['epoch']:03d}.pt", map_location=device, weights_only=True)
    )
    optimiser.load_state_dict(state["optimiser"])
    return state["epoch"]
