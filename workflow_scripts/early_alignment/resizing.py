"""A smaller copy of a folder of labelled images, for when decoding them is what limits training."""

import os
import shutil
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from .errors import InputError


def resize_folder(root: Path, copy: Path, short_side: int, quality: int, workers: int) -> dict:
    """Copy `train/` and `val/` with all names, so that the images keep their order; images that are there are left.

    Args:
        root: A folder with `train/<class>/` and `val/<class>/`.
        copy: Where to write.
        short_side: In pixels; an image whose short side is no longer is copied as it is.
        quality: Of JPEG, 1 to 100.
        workers: Processes.

    Returns:
        What was done: `short_side`, `quality`, `images`, and how many of them are `copied_as_they_are`.

    Raises:
        InputError: A file is not an image, or there are none.
    """
    from tqdm import tqdm

    files = sorted(file for split in ("train", "val") for file in (root / split).glob("*/**/*") if not file.is_dir())
    if not files:
        raise InputError(root, "no images", "train/<class>/ and val/<class>/", "correct training.images")
    pairs = [(file, copy / file.relative_to(root)) for file in files]
    for folder in {target.parent for _, target in pairs}:
        folder.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(workers) as pool:
        resized = pool.map(partial(_resize, short_side=short_side, quality=quality), pairs, chunksize=64)
        copied = sum(tqdm(resized, total=len(pairs), unit=" images", mininterval=5))
    return {"short_side": short_side, "quality": quality, "images": len(pairs), "copied_as_they_are": copied}


def _resize(pair: tuple[Path, Path], short_side: int, quality: int) -> bool:
    """Write one image's copy, unless it is there; whether it was small enough already."""
    from PIL import Image, UnidentifiedImageError

    source, target = pair
    try:
        with Image.open(source) as image:
            width, height = image.size
            is_small = min(width, height) <= short_side
            if target.exists():
                return is_small
            # Whole or not there; without the wait for the disk, which a million files cannot afford.
            part = target.with_name(f".{target.name}.{os.getpid()}.part")
            if is_small:
                shutil.copyfile(source, part)
            else:
                scale = short_side / min(width, height)
                size = (max(short_side, round(width * scale)), max(short_side, round(height * scale)))
                smaller = image.convert("RGB").resize(size, Image.Resampling.BICUBIC, reducing_gap=3.0)
                smaller.save(part, format="JPEG", quality=quality)
            part.replace(target)
            return is_small
    except UnidentifiedImageError as error:
        raise InputError(source, str(error), "an image", "remove the file, or replace it") from None
