"""Folders of labelled images, `train/<class>/` and `val/<class>/`: what lies in them, and what is wrong with them."""

import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from ..datasets import decoding
from ..errors import InputError

REMEDY = "remove the file, or replace it"
"""For a labelled image that is missing or damaged."""
SAMPLE = 2000
"""Labelled images that the check decodes where it is not asked for all."""
IMAGES_PER_JOB = 200
SHOWN = 10
"""Errors of single images that are shown; of more, how many there are."""


@dataclass(frozen=True)
class Listing:
    """The images of one split, in the order of torchvision's `ImageFolder`."""

    classes: list[str]
    samples: list[tuple[str, int]]
    """Path and number of the class of every image."""
    passed_over: list[str]
    """Files and folders that are hidden or no images, by their paths in the split's folder."""

    @property
    def empty_classes(self) -> list[str]:
        there = {label for _, label in self.samples}
        return [name for label, name in enumerate(self.classes) if label not in there]


def listed(folder: Path) -> Listing:
    """The labelled images of a split, `train` or `val`; none is opened.

    Raises:
        InputError: There is no such folder, or no class in it.
    """
    passed_over: list[str] = []

    def is_taken(where: str | Path, name: str, of_kind) -> bool:
        taken = of_kind(name)
        if not taken:
            passed_over.append(str(Path(where, name).relative_to(folder)))
        return taken

    def is_visible(name: str) -> bool:
        return not decoding.is_hidden(name)

    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        classes = [entry.name for entry in entries if entry.is_dir() and is_taken(folder, entry.name, is_visible)]
        loose = [entry.name for entry in entries if not entry.is_dir()]
        samples = []
        for label, name in enumerate(classes):
            inside = []
            for where, folders, files in os.walk(folder / name, followlinks=True, onerror=_raise):
                folders[:] = [inner for inner in folders if is_taken(where, inner, is_visible)]
                inside.append((where, files))
            samples += [
                (f"{where}/{file}", label)
                for where, files in sorted(inside)
                for file in sorted(files)
                if is_taken(where, file, decoding.is_image_name)
            ]
    except OSError as error:
        raise InputError(
            error.filename or folder, error.strerror, "one folder of images per class", "correct training.images"
        ) from None
    if not classes:
        raise InputError(
            folder,
            f"no folders of classes, but {len(loose):,} files",
            "one folder of images per class",
            "sort the images into a folder per class, or correct training.images",
        )
    return Listing(classes, samples, loose + passed_over)


def _raise(error: OSError):
    raise error


def check_classes(root: Path, listings: dict[str, Listing]) -> None:
    """Check that every class has images, and that splits have the same classes.

    Args:
        root: Where the splits lie.
        listings: Split → what it holds.

    Raises:
        InputError: Classes are empty or differ; the message names all kinds, and of each the first few classes.
    """
    found = [
        f"no images in {_few(listing.empty_classes)} of {split}/"
        for split, listing in listings.items()
        if listing.empty_classes
    ]
    for split, listing in listings.items():
        for other, others in listings.items():
            only = sorted(set(listing.classes) - set(others.classes))
            if only:
                found.append(f"{_few(only)} in {split}/ and not in {other}/")
    if found:
        raise InputError(
            root,
            "; ".join(found),
            "the same classes in train/ and val/, with images in each",
            "remove or complete these folders, or correct training.images",
        )


def _few(names: list[str], shown: int = 5) -> str:
    """How many classes, and the first few."""
    classes = "1 class" if len(names) == 1 else f"{len(names):,} classes"
    return f"{classes} ({', '.join(names[:shown])}{', …' if len(names) > shown else ''})"


def what_was_passed_over(listings: dict[str, Listing]) -> str:
    """How many files and folders of the splits were passed over, and the first few, in words; empty if none were."""
    names = [f"{split}/{name}" for split, listing in listings.items() for name in listing.passed_over]
    if not names:
        return ""
    first = ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
    return f"{len(names):,} files or folders passed over, hidden or no images: {first}"


def check(root: Path, splits: tuple[str, ...], background, every_image: bool, pool) -> tuple[list[str], list]:
    """Look over labelled images: classes, and whether images decode.

    Args:
        root: A folder with the splits.
        splits: Of `train` and `val`, those that are used.
        background: As in `decoding.decoded`.
        every_image: Decode all, and not a sample that is the same each time.
        pool: A `concurrent.futures` executor.

    Returns:
        A line that says what there is, and the `InputError`s of all that is wrong.
    """
    listings, errors = {}, []
    for split in splits:
        try:
            listings[split] = listed(root / split)
        except InputError as error:
            errors.append(error)
    try:
        check_classes(root, listings)
    except InputError as error:
        errors.append(error)
    paths = [path for listing in listings.values() for path, _ in listing.samples]
    if not every_image and len(paths) > SAMPLE:
        paths = [paths[i] for i in sorted(np.random.default_rng(0).choice(len(paths), SAMPLE, replace=False))]
    parts = [paths[start : start + IMAGES_PER_JOB] for start in range(0, len(paths), IMAGES_PER_JOB)]
    undecodable = [error for found in pool.map(partial(_undecodable, background=background), parts) for error in found]
    counts = [
        f"{len(listing.samples):,} in {len(listing.classes):,} classes of {split}/"
        for split, listing in listings.items()
    ]
    decoded = "all" if every_image else f"{len(paths):,}"
    line = f"labelled images: {', '.join(counts)}; {decoded} of them decoded"
    notes = [note for note in (line, what_was_passed_over(listings)) if note]
    return (["; ".join(notes)] if counts else []), errors + the_first_few(undecodable, root)


def _undecodable(paths: list[str], background) -> list[InputError]:
    """The errors of images that cannot be decoded."""
    errors = []
    for path in paths:
        try:
            decoding.decoded(path, background, REMEDY, "training.background")
        except InputError as error:
            errors.append(error)
    return errors


def the_first_few(errors: list[InputError], root, what: str = "images") -> list[InputError]:
    """So many errors of single images, or other files, as one reads, and one that counts the others."""
    if len(errors) <= SHOWN:
        return errors
    others = len(errors) - SHOWN
    return [
        *errors[:SHOWN],
        InputError(root, f"{others:,} more such {what}", f"{what} that can be read", "mend these, then check again"),
    ]
