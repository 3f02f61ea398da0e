"""Features: what a network's blocks put out for every condition."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from .datasets.base import DataSet, Stimulus
from .errors import InputError
from .feature_files import FeatureWriter
from .files import written_whole


def extract(
    network,
    files: dict[str, Path],
    dataset: DataSet,
    stimuli: list[Stimulus],
    size: int,
    background: int | list[int] | None = None,
    dtype: str = "float16",
    precision: str = "float32",
    workers: int = 0,
    batch_size: int = 32,
) -> None:
    """Write a network's features for all conditions of a data set; features are averaged over a condition's images.

    Images are decoded by worker processes, and features written by a thread, while the network computes. Memory
    holds one batch's features, and per block those of one group of conditions.

    Args:
        network: `torch.nn.Module`, in evaluation mode, on the device to compute on.
        files: Block (a module's name) → the zip file to write.
        dataset: Where the images are.
        stimuli: All images, those of a condition together.
        size: Side of the images in pixels.
        background: What transparent pixels show, as in `decoding.decoded`.
        dtype: `float16` or `float32`, of the stored features; averages over images are taken in float32.
        precision: A name in `networks.PRECISIONS`, of the forward pass.
        workers: Processes that decode images beside this one.
        batch_size: Images per forward pass.

    Raises:
        InputError: Features are not finite in the type to be stored, or an image does not decode.
    """
    from time import monotonic

    import torch
    from tqdm import tqdm

    from .networks import block_outputs, computing_in

    device = next(network.parameters()).device
    # Convolutions take half the time on processors with channels last, and no longer on GPUs.
    network = network.to(memory_format=torch.channels_last)
    conditions = list(dict.fromkeys(stimulus.condition for stimulus in stimuli))
    started = monotonic()
    with ExitStack() as stack:
        writer_thread = stack.enter_context(ThreadPoolExecutor(max_workers=1))
        paths = {block: stack.enter_context(written_whole(file)) for block, file in files.items()}
        writers = {block: FeatureWriter(path, conditions) for block, path in paths.items()}
        means = ConditionMeans(stimuli)
        progress = stack.enter_context(tqdm(total=len(stimuli), unit="image", mininterval=5))
        stack.enter_context(computing_in(precision, device))
        writing = []

        def rows_of(block, output):
            return storable(means.of(block, output), dtype, block, means.finished)

        pin_memory = device.type == "cuda"
        for batch in image_batches(dataset, stimuli, size, background, workers, batch_size, pin_memory):
            batch = batch.to(device, non_blocking=True, memory_format=torch.channels_last)
            means.take(len(batch))
            rows = block_outputs(network, list(files), batch, keep=rows_of)
            for future in writing:  # at most one batch waits to be written
                future.result()
            writing = [writer_thread.submit(writers[block].add, rows[block]) for block in writers]
            progress.update(len(batch))
        for future in [*writing, *(writer_thread.submit(writer.close) for writer in writers.values())]:
            future.result()
        if device.type == "cuda":
            torch.cuda.synchronize()
    seconds = monotonic() - started
    print(f"{len(stimuli)} images in {seconds:.1f} s: {len(stimuli) / seconds:.1f} images/s")


class ConditionMeans:
    """Means of features over the images of a condition, from batches of images that may cut conditions apart.

    Args:
        stimuli: All images, those of a condition together.
    """

    def __init__(self, stimuli: list[Stimulus]):
        self._conditions = [stimulus.condition for stimulus in stimuli]
        self._position = 0
        self._begun: dict = {}
        """Block → sum and number of the images of the condition that the last batch cut."""
        self.finished: list[str] = []
        """The conditions that the batch at hand finishes."""

    def take(self, n_images: int) -> None:
        """Go on to the next batch, of so many images."""
        self._names = self._conditions[self._position : self._position + n_images]
        self._position += n_images
        rest = self._conditions[self._position : self._position + 1]
        order = list(dict.fromkeys(self._names))
        self._row = {name: i for i, name in enumerate(order)}
        self._is_cut = rest == self._names[-1:]
        self.finished = order[:-1] if self._is_cut else order

    def of(self, block: str, output):
        """Take in the batch's features of a block, and give what is finished.

        Args:
            block: Its name.
            output: A tensor (images, …).

        Returns:
            float32 means of the finished conditions, a tensor (conditions, …); the output itself, if that is what
            they are.
        """
        import torch

        output = output.float()
        if len(self._row) == len(output) and not self._is_cut and block not in self._begun:
            return output
        of_image = torch.tensor([self._row[name] for name in self._names], device=output.device)
        sums = output.new_zeros((len(self._row), *output.shape[1:])).index_add_(0, of_image, output)
        counts = torch.bincount(of_image, minlength=len(self._row))
        if block in self._begun:
            earlier_sum, earlier_count = self._begun.pop(block)
            sums[0] += earlier_sum
            counts[0] += earlier_count
        if self._is_cut:
            self._begun[block] = sums[-1].clone(), counts[-1]
        complete = len(self.finished)
        return sums[:complete] / counts[:complete].reshape(-1, *[1] * (output.ndim - 1))


def storable(features, dtype: str, block: str, conditions: list[str]) -> np.ndarray:
    """A copy of features in the type to be stored, flattened, in main memory.

    Args:
        features: float32 tensor (conditions, …).
        dtype: `float16` or `float32`.
        block: The block, for the message.
        conditions: The conditions, for the message.

    Returns:
        Array (conditions, features).

    Raises:
        InputError: Some are not finite in that type.
    """
    import torch

    dtype = getattr(torch, dtype)
    inner = tuple(range(1, features.ndim))
    # NaN is passed on by both; two reductions take a sixth of the time of asking each number.
    extremes = torch.stack([features.amin(dim=inner), features.amax(dim=inner)])
    finite = torch.isfinite(extremes.to(dtype)).all(dim=0)
    if not finite.all():
        worst = int((~finite).nonzero()[0])
        largest = extremes[:, worst].abs().max().item()
        raise InputError(
            f"features of {block} for condition {conditions[worst]}",
            f"values up to {largest:.3g}",
            f"finite values up to {torch.finfo(dtype).max:.3g}, the largest of {str(dtype).removeprefix('torch.')}",
            "set features.dtype to float32"
            if np.isfinite(largest)
            else "check the checkpoint: the network may have diverged",
        )
    return features.to(dtype, copy=True).flatten(start_dim=1).cpu().numpy()


def image_batches(
    dataset: DataSet, stimuli: list[Stimulus], size: int, background=None, workers=0, batch_size=32, pin_memory=False
):
    """A loader of float32 (images, 3, size, size), in the order of the stimuli."""
    import torch

    from .images import stimulus_array
    from .loaders import Loader

    class Images(torch.utils.data.Dataset):
        def __len__(self):
            return len(stimuli)

        def __getitem__(self, index):
            return stimulus_array(dataset.open_image(stimuli[index].image, background), size)

    return Loader(Images(), batch_size, num_workers=workers, pin_memory=pin_memory)
