"""A training as a process of its own: what the rule `train` runs, once or, under torchrun, once per GPU."""

import json
import sys
from collections.abc import Collection
from pathlib import Path

from ..errors import InputError, show_plainly
from ..files import written_whole
from . import loop, processes
from .recipe import Computing, Recipe
from .termination import end_at_sigterm


def run(
    segment: str,
    recipe: dict,
    computing: dict,
    images: dict,
    published: str,
    root: str,
    seed: int,
    last_epoch: int,
    threads: int,
    early_steps: Collection[int] = (),
) -> None:
    """Train up to the end of a segment, then write the file that says so.

    Args:
        segment: That file; the training's folder is the one it is in.
        recipe: A `Recipe`.
        computing: Type of device → a `Computing`.
        images: The fingerprint of the labelled images.
        published: The folder of checkpoints that were published of this network.
        root: The labelled images.
        seed: Of the network.
        last_epoch: Of the segment.
        threads: For decoding and all, over all processes.
        early_steps: As of `loop.train`.
    """
    end_at_sigterm("every finished epoch is kept; the next job goes on from there")
    refuse_to_train_anew_beside(Path(published), Path(segment).parent)
    with processes.joined():
        device = loop.networks.device()
        loop.train(
            recipe=Recipe(**recipe),
            images=images,
            root=Path(root),
            seed=seed,
            last_epoch=last_epoch,
            folder=Path(segment).parent,
            workers=max(0, threads // processes.size() - 1),
            computing=Computing(**computing[device.type]),
            early_steps=early_steps,
        )
        if processes.rank() == 0:
            with written_whole(segment) as path:
                about = {"last_epoch": last_epoch, "recipe": recipe, "images": images["images"]}
                path.write_text(json.dumps(about) + "\n")


def refuse_to_train_anew_beside(published: Path, folder: Path) -> None:
    """Check that a training that begins has no published checkpoints, which would be another training's.

    Raises:
        InputError: It has.
    """
    there = sorted(published.glob("epoch-*.pt"))
    if there and not loop.has_begun(folder):
        raise InputError(
            published,
            f"{len(there)} checkpoints of a training that is no longer in {folder}",
            "none, before a training begins",
            f"put {folder} back, or remove {published} to train anew",
        )


if __name__ == "__main__":
    sys.excepthook = show_plainly
    processes.end_with_parent()
    run(**json.loads(Path(sys.argv[1]).read_text()))
