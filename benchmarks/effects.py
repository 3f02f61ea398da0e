"""Measure what storing float16, computing in bfloat16 and calibrating batch norm do to RDMs.

Usage: effects.py IMAGES CALIBRATION [CHECKPOINT ...], with a data set root of format kriegeskorte92, a folder with
train/<class>/ to calibrate on, and checkpoints of ResNet-50 to measure besides the untrained network.
"""

import contextlib
import os
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent / "workflow_scripts"))

from early_alignment.comparison import measures
from early_alignment.datasets import open_dataset
from early_alignment.geometry import rdms
from early_alignment.networks import features, networks
from early_alignment.networks.feature_files import FeatureFile
from early_alignment.training import labelled_images

BLOCKS = ("layer1", "layer2", "layer3", "layer4")
SIZE = 224


def block_rdms(network, dataset, folder: Path, **how) -> dict[str, np.ndarray]:
    """Block → condensed RDM of a network's features."""
    files = {block: folder / f"{block}.zarr.zip" for block in BLOCKS}
    with open(os.devnull, "w") as quiet, contextlib.redirect_stderr(quiet), contextlib.redirect_stdout(quiet):
        features.extract(network, files, dataset, dataset.stimuli(), SIZE, **how)
    return {block: rdm_of(file) for block, file in files.items()}


def rdm_of(path: Path) -> np.ndarray:
    with FeatureFile(path) as file:
        return rdms.rdm(file)


def compared(name: str, a: dict, b: dict) -> None:
    for block in BLOCKS:
        r = measures.compare(a[block][None], b[block][None]).item()
        largest = np.abs(a[block] - b[block]).max()
        print(f"| {name} | {block} | {r:.7f} | {largest:.1e} | {a[block].mean():.3f} | {b[block].mean():.3f} |")


def main(images: str, calibration: str, *checkpoints: str) -> None:
    settings = {"format": "kriegeskorte92", "root": images, "subjects": [1], "targets": ["human_IT"]}
    dataset = open_dataset("kriegeskorte92", settings)
    print("| comparison | block | correlation of RDMs | largest difference | mean distance | and |")
    print("|---|---|---|---|---|---|")
    networks_ = {"untrained": networks.untrained("resnet50", 1000, seed=1).eval()}
    networks_ |= {path: networks.from_checkpoint("resnet50", path) for path in checkpoints}
    with tempfile.TemporaryDirectory() as folder:
        for name, network in networks_.items():
            exact = block_rdms(network, dataset, Path(folder), dtype="float32")
            label = name if name == "untrained" else "trained"
            compared(f"{label}: float32, stored as float16", exact, block_rdms(network, dataset, Path(folder)))
            fast = block_rdms(network, dataset, Path(folder), dtype="float32", precision="bfloat16")
            compared(f"{label}: float32, computed in bfloat16", exact, fast)
            if name == "untrained":
                batches = labelled_images.calibration_batches(Path(calibration), 1, 1024, SIZE, 1)
                networks.calibrate_batchnorm(network, batches)
                calibrated = block_rdms(network, dataset, Path(folder), dtype="float32")
                compared("untrained: running, calibrated", exact, calibrated)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
