"""Features: what a network's blocks put out for every condition, in one zarr zip file per block.

A store holds one array, conditions × features. It is written a group of conditions at a time, and each group is
cut along features, so that a writer never needs all conditions in memory nor a reader all features.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import zarr
from zarr.storage import ZipStore

from .datasets.base import DataSet, Stimulus
from .errors import InputError
from .files import written_whole

CONDITIONS_PER_CHUNK = 64
FEATURES_PER_CHUNK = 16_384


class FeatureWriter:
    """Write one block's features, condition by condition.

    Args:
        path: The zip file.
        n_conditions: How many conditions will come.
    """

    def __init__(self, path, n_conditions: int):
        self.n_conditions = n_conditions
        self._store = ZipStore(path, mode="w")
        self._array = None
        self._rows: list[np.ndarray] = []
        self._written = 0

    def add(self, features: np.ndarray) -> None:
        """Add the next condition's features, float (features,)."""
        if self._array is None:
            self._array = zarr.create_array(
                self._store,
                shape=(self.n_conditions, len(features)),
                chunks=(min(CONDITIONS_PER_CHUNK, self.n_conditions), min(FEATURES_PER_CHUNK, len(features))),
                dtype="float16",
            )
        with np.errstate(over="ignore"):
            halves = features.astype(np.float16)
        if not np.isfinite(halves).all():
            raise InputError(
                f"features of condition number {self._written + len(self._rows)}",
                f"values up to {np.abs(features).max():.3g}",
                f"finite values up to {np.finfo(np.float16).max:.0f}, the largest of float16",
                "check the network: it may have diverged",
            )
        self._rows.append(halves)
        if len(self._rows) == CONDITIONS_PER_CHUNK:
            self._flush()

    def _flush(self) -> None:
        if self._rows:
            self._array[self._written : self._written + len(self._rows)] = np.stack(self._rows)
            self._written += len(self._rows)
            self._rows = []

    def close(self) -> None:
        """Write what is left, and the zip file's directory."""
        self._flush()
        self._store.close()


def read_chunks(path) -> Iterator[np.ndarray]:
    """The features of a store, all conditions and some features at a time, float16 (conditions, features)."""
    with ZipStore(path, mode="r") as store:
        array = zarr.open_array(store, mode="r")
        for start in range(0, array.shape[1], array.chunks[1]):
            yield array[:, start : start + array.chunks[1]]


def extract(network, files: dict[str, Path], dataset: DataSet, stimuli: list[Stimulus], size: int, workers: int):
    """Write a network's features for all conditions of a data set; features are averaged over a condition's images.

    Args:
        network: `torch.nn.Module`, in evaluation mode, on the device to compute on.
        files: Block (a module's name) → the zip file to write.
        dataset: Where the images are.
        stimuli: All images, those of a condition together.
        size: Side of the images in pixels.
        workers: Processes that decode images beside this one.
    """
    from tqdm import tqdm

    from .networks import block_outputs

    device = next(network.parameters()).device
    n_images = dict.fromkeys((stimulus.condition for stimulus in stimuli), 0)
    for stimulus in stimuli:
        n_images[stimulus.condition] += 1
    sums: dict[str, np.ndarray | float] = dict.fromkeys(files, 0.0)
    seen = 0
    with ExitStack() as stack:
        paths = {block: stack.enter_context(written_whole(file)) for block, file in files.items()}
        writers = {block: FeatureWriter(path, len(n_images)) for block, path in paths.items()}
        batches = image_batches(dataset, stimuli, size, workers)
        progress = stack.enter_context(tqdm(total=len(stimuli), unit="image"))
        position = iter(stimuli)
        for batch in batches:
            outputs = {
                block: output.float().cpu().numpy()
                for block, output in block_outputs(network, list(files), batch.to(device)).items()
            }
            for row in range(len(batch)):
                seen += 1
                last = seen == n_images[next(position).condition]
                for block, output in outputs.items():
                    sums[block] = sums[block] + output[row]
                    if last:
                        writers[block].add(sums[block] / seen)
                        sums[block] = 0.0
                if last:
                    seen = 0
            progress.update(len(batch))
        for writer in writers.values():
            writer.close()


def image_batches(dataset: DataSet, stimuli: list[Stimulus], size: int, workers: int, batch_size: int = 32):
    """A `torch.utils.data.DataLoader` of float32 (images, 3, size, size), in the order of the stimuli."""
    import torch

    from .images import stimulus_array

    class Images(torch.utils.data.Dataset):
        def __len__(self):
            return len(stimuli)

        def __getitem__(self, index):
            return stimulus_array(dataset.open_image(stimuli[index].image), size)

    return torch.utils.data.DataLoader(Images(), batch_size=batch_size, num_workers=workers)
