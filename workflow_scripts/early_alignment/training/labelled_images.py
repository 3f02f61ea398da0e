"""Labelled images to train and validate on: where they lie, how they are augmented, and in which order they come.

Order and augmentation depend on (seed, epoch, image) alone, so neither the number of workers nor an interruption
changes what a network sees.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torchvision.transforms import v2 as transforms

from ..datasets.decoding import decoded
from ..networks import images
from ..networks.loaders import Loader
from . import class_folders, processes
from .recipe import Recipe


class LabelledImages(torch.utils.data.Dataset):
    """Images and the numbers of their classes, in the order of torchvision's `ImageFolder`.

    Args:
        listing: What lies in the folder.
        transform: What is made of an image; None for nothing.
        background: As in `decoding.decoded`.
    """

    def __init__(self, listing: class_folders.Listing, transform=None, background=None):
        self.classes, self.samples = listing.classes, listing.samples
        self.transform, self.background = transform, background

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index):
        path, label = self.samples[index]
        image = decoded(path, self.background, class_folders.REMEDY, "training.background")
        return image if self.transform is None else self.transform(image), label


def image_folder(root: Path, split: str, transform=None, background=None, like: str | None = None) -> LabelledImages:
    """The labelled images of one split, `train` or `val`; the log says what in the folder is passed over.

    Args:
        root: Where the splits lie.
        split: Which.
        transform: As of `LabelledImages`.
        background: As of `LabelledImages`.
        like: Another split that must have the same classes.

    Raises:
        InputError: The images are missing, a class is empty, or the classes differ from the other split's.
    """
    listings = {name: class_folders.listed(root / name) for name in (split, like) if name}
    class_folders.check_classes(root, listings)
    passed_over = class_folders.what_was_passed_over({split: listings[split]})
    if passed_over and processes.rank() == 0:
        print(passed_over, flush=True)
    return LabelledImages(listings[split], transform, background)


def training_transform(recipe: Recipe):
    return transforms.Compose(
        [
            transforms.RandomResizedCrop(recipe.image_size, antialias=True),
            transforms.RandomHorizontalFlip(),
            *normalised_tensor(),
        ]
    )


def validation_transform(image_size: int, validation_resize: int):
    return transforms.Compose(
        [
            transforms.Resize(validation_resize, antialias=True),
            transforms.CenterCrop(image_size),
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
    """Batches of (epoch, image) in the order that seed and epoch decide; of each batch, the share of one process."""

    def __init__(self, n_images: int, batch_size: int, seed: int, epoch: int, rank: int = 0, processes: int = 1):
        self.n_images, self.batch_size, self.seed, self.epoch = n_images, batch_size, seed, epoch
        self.rank, self.processes = rank, processes

    def __len__(self) -> int:
        full, rest = divmod(self.n_images, self.batch_size)
        # Batch norm has no variance in a batch of a single image: a last batch that leaves a process with one is left
        # out.
        return full + (rest >= 2 * self.processes)

    def sizes(self) -> list[int]:
        """How many images each batch has, over all processes."""
        return [min(self.batch_size, self.n_images - i * self.batch_size) for i in range(len(self))]

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        order = np.random.default_rng(mixed_seed(self.seed, self.epoch)).permutation(self.n_images)
        for i in range(len(self)):
            batch = order[i * self.batch_size : (i + 1) * self.batch_size]
            yield [(self.epoch, int(index)) for index in np.array_split(batch, self.processes)[self.rank]]


class SeededImages(torch.utils.data.Dataset):
    """Augmented images, the augmentation of each decided by (seed, epoch, image)."""

    def __init__(self, folder: LabelledImages, seed: int, transform):
        self.folder, self.seed, self.transform = folder, seed, transform

    def __getitem__(self, epoch_and_index):
        epoch, index = epoch_and_index
        image, label = self.folder[index]
        # The processors' generator alone: torch.random.fork_rng and torch.manual_seed look at all devices, which took a
        # tenth of the time of loading an image.
        state = torch.get_rng_state()
        torch.default_generator.manual_seed(mixed_seed(self.seed, epoch, index))
        try:
            return self.transform(image), label
        finally:
            torch.set_rng_state(state)


CALIBRATION_BATCH = 64


def calibration_batches(root: Path, seed: int, n_images: int, size: int, workers: int, background=None):
    """Training images as stimuli are shown, in a seeded order; a loader of float32 (images, 3, size, size).

    Args:
        root: A folder with `train/<class>/`.
        seed: Decides which images, without replacement.
        n_images: How many; all, where there are fewer.
        size: Side in pixels to which the whole image is resized.
        workers: Processes that decode images beside this one.
        background: As in `decoding.decoded`.
    """
    folder = image_folder(root, "train", partial(images.stimulus_array, size=size), background)
    chosen = np.random.default_rng(mixed_seed(seed, CALIBRATION_BATCH)).permutation(len(folder))[:n_images]
    subset = torch.utils.data.Subset(folder, chosen.tolist())
    return (batch for batch, _ in Loader(subset, CALIBRATION_BATCH, num_workers=workers))
