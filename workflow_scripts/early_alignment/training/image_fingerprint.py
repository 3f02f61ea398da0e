"""Which labelled images a training is of: a fingerprint of their names and sizes, wherever their folder lies.

A million photographs take hours to read, and a minute to be listed. So the fingerprint knows an image that was added,
removed, renamed or replaced by one of another size, and not one that was edited to the byte to the same size.
"""

import hashlib
import json
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ..errors import InputError
from ..files import written_whole
from .class_folders import listed

SPLITS = ("train", "val")


def fingerprint(root: Path, threads: int = 1) -> dict:
    """The fingerprint of the labelled images under `root`.

    Returns:
        `images`, of their names and sizes; `names`, of their names alone; `counts`, split → number.

    Raises:
        InputError: There is neither split, or no class in one.
    """
    there = [split for split in SPLITS if (root / split).is_dir()] or SPLITS
    files = {split: [path for path, _ in listed(root / split).samples] for split in there}
    every = [path for found in files.values() for path in found]
    with ThreadPoolExecutor(threads) as pool:
        sizes = list(pool.map(os.path.getsize, every))
    names = relative(every, root)
    return {
        "images": digest(f"{name} {size}" for name, size in zip(names, sizes, strict=True)),
        "names": digest(names),
        "counts": {split: len(found) for split, found in files.items()},
    }


def relative(files: Iterable[str], root: Path) -> list[str]:
    """Paths below `root`, as text: a million of them in a second."""
    return [file.removeprefix(f"{root}/") for file in files]


def digest(lines: Iterable[str]) -> str:
    """SHA-256 of lines, whatever their order."""
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()


def refuse_other_names(known: dict, root: Path, files: Iterable[str]) -> None:
    """Check that images are those of a fingerprint, by their names.

    Args:
        known: What `fingerprint` gave.
        root: Where they lie now; a copy of the same names counts as the same.
        files: Their paths.

    Raises:
        InputError: They are not.
    """
    names = relative(files, root)
    if digest(names) != known["names"]:
        expected = ", ".join(f"{n} in {split}/" for split, n in known["counts"].items())
        raise InputError(
            root,
            f"{len(names)} images of other names than when they were first listed",
            f"the same images, {expected}",
            "put them back; to train on these images, name another folder for `results`",
        )


def folder(fingerprint: Path, resized: Path | None = None) -> Path:
    """The folder of labelled images to read.

    Args:
        fingerprint: The file of their fingerprint, which says where they lie.
        resized: The file that says that a resized copy of them is complete, if there is one, in the copy's folder.
    """
    return Path(resized).parent if resized else Path(json.loads(Path(fingerprint).read_text())["root"])


def claim_copy(found: dict, copy: Path) -> None:
    """Note in a folder of copies which images they are of.

    Raises:
        InputError: They are of others.
    """
    note = copy / "originals.sha256"
    if not note.exists():
        with written_whole(note) as path:
            path.write_text(found["images"])
    if note.read_text() != found["images"]:
        raise InputError(copy, "copies of other images", "a copy of those of training.images", f"remove {copy}")


def refuse_trained_on_others(found: dict, training: Path) -> None:
    """Check that whatever was trained so far was trained on these images.

    Args:
        found: What `fingerprint` gave.
        training: The folder with the segments of all seeds of a network.

    Raises:
        InputError: A segment was trained on others.
    """
    for segment in sorted(training.glob("seed-*/segment-*.json")):
        if json.loads(segment.read_text()).get("images") != found["images"]:
            raise InputError(
                "config key training.images",
                "images of other names or sizes than those that this experiment's networks were trained on",
                f"those of {segment}",
                f"set it back; to train on these images, name another folder for `results`, or remove {training} and, "
                "beside it, checkpoints/ and accuracy/",
            )
