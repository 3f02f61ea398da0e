"""A smaller copy of a folder of labelled images, for when decoding them is what limits training."""

import os
import shutil
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from ..datasets.decoding import decoded, opened
from ..errors import InputError
from . import class_folders

SPLITS = ("train", "val")


def resize_folder(root: Path, copy: Path, short_side: int, quality: int, workers: int) -> dict:
    """Copy `train/` and `val/` with all names, so that the images keep their order; images that are there are left.

    What is no image is passed over, as in training.

    Args:
        root: A folder with `train/<class>/` and `val/<class>/`.
        copy: Where to write.
        short_side: In pixels; an image whose short side is no longer, or that has an alpha channel or a transparent
            colour, is copied as it is, so that its background is decided where it is shown.
        quality: Of JPEG, 1 to 100.
        workers: Processes.

    Returns:
        What was done: `short_side`, `quality`, `images`, and how many of them are `copied_as_they_are`.

    Raises:
        InputError: A file is not an image, or there are none.
    """
    from tqdm import tqdm

    listings = {split: class_folders.listed(root / split) for split in SPLITS if (root / split).is_dir()}
    files = [Path(path) for listing in listings.values() for path, _ in listing.samples]
    if not files:
        raise InputError(root, "no images", "train/<class>/ and val/<class>/", "correct training.images")
    passed_over = class_folders.what_was_passed_over(listings)
    if passed_over:
        print(passed_over)
    pairs = [(file, copy / file.relative_to(root)) for file in files]
    for folder in {target.parent for _, target in pairs}:
        folder.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(workers) as pool:
        resized = pool.map(partial(_resize, short_side=short_side, quality=quality), pairs, chunksize=64)
        copied = sum(tqdm(resized, total=len(pairs), unit=" images", mininterval=5))
    return {"short_side": short_side, "quality": quality, "images": len(pairs), "copied_as_they_are": copied}


def _resize(pair: tuple[Path, Path], short_side: int, quality: int) -> bool:
    """Write one image's copy, unless it is there; whether it is a copy of the file as it is."""
    from PIL import Image

    source, target = pair
    with opened(source, class_folders.REMEDY) as image:
        as_it_is = image.has_transparency_data or min(image.size) <= short_side
        if as_it_is and not target.exists():
            image.load()
    if target.exists():
        return as_it_is
    # Whole or not there; without the wait for the disk, which a million files cannot afford.
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    if as_it_is:
        shutil.copyfile(source, part)
    else:
        image = decoded(source, remedy=class_folders.REMEDY)
        scale = short_side / min(image.size)
        size = tuple(max(short_side, round(side * scale)) for side in image.size)
        smaller = image.resize(size, Image.Resampling.BICUBIC, reducing_gap=3.0)
        smaller.save(part, format="JPEG", quality=quality)
    part.replace(target)
    return as_it_is
