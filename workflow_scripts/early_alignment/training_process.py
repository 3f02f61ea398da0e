"""A training as a process of its own: what the rule `train` runs, once or, under torchrun, once per GPU."""

import json
import sys
from pathlib import Path

from . import processes, training
from .errors import show_plainly
from .files import written_whole
from .recipe import Computing, Recipe
from .termination import end_at_sigterm


def run(segment: str, recipe: dict, computing: dict, root: str, seed: int, last_epoch: int, threads: int) -> None:
    """Train up to the end of a segment, then write the file that says so.

    Args:
        segment: That file; the training's folder is the one it is in.
        recipe: A `Recipe`.
        computing: Type of device → a `Computing`.
        root: The labelled images.
        seed: Of the network.
        last_epoch: Of the segment.
        threads: For decoding and all, over all processes.
    """
    end_at_sigterm("every finished epoch is kept; the next job goes on from there")
    with processes.joined():
        device = training.networks.device()
        training.train(
            recipe=Recipe(**recipe),
            root=Path(root),
            seed=seed,
            last_epoch=last_epoch,
            folder=Path(segment).parent,
            workers=max(0, threads // processes.size() - 1),
            computing=Computing(**computing[device.type]),
        )
        if processes.rank() == 0:
            with written_whole(segment) as path:
                path.write_text(json.dumps({"last_epoch": last_epoch, "recipe": recipe}) + "\n")


if __name__ == "__main__":
    sys.excepthook = show_plainly
    processes.end_with_parent()
    run(**json.loads(Path(sys.argv[1]).read_text()))
