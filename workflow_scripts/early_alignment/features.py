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
        dtype: `float16` or `float32`, of the stored features; averages over images are taken in float32.
        precision: A name in `networks.PRECISIONS`, of the forward pass.
        workers: Processes that decode images beside this one.
        batch_size: Images per forward pass.

    Raises:
        InputError: Features are not finite in the type to be stored.
    """
    from time import monotonic

    import torch
    from tqdm import tqdm

    from .networks import block_outputs, computing_in

    device = next(network.parameters()).device
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
        for batch in image_batches(dataset, stimuli, size, workers, batch_size, pin_memory=device.type == "cuda"):
            outputs = block_outputs(network, list(files), batch.to(device, non_blocking=True))
            finished = means.add(outputs)
            rows = {block: storable(mean, dtype, block, means.finished) for block, mean in finished.items()}
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
        self.finished: list[str] = []
        """The conditions that the last call of `add` finished."""

    def add(self, outputs: dict) -> dict:
        """Take in a batch.

        Args:
            outputs: Block → the next images' features, a tensor (images, features).

        Returns:
            Block → float32 means of the conditions that are now complete, a tensor (conditions, features).
        """
        n = len(next(iter(outputs.values())))
        names = self._conditions[self._position : self._position + n]
        self._position += n
        is_cut = self._position < len(self._conditions) and self._conditions[self._position] == names[-1]
        order = list(dict.fromkeys(names))
        self.finished = order[:-1] if is_cut else order
        if len(order) == n and not is_cut and not self._begun:
            return {block: output.float() for block, output in outputs.items()}
        return {block: self._means(block, output.float(), names, order, is_cut) for block, output in outputs.items()}

    def _means(self, block, output, names, order, is_cut):
        import torch

        row = {name: i for i, name in enumerate(order)}
        of_image = torch.tensor([row[name] for name in names], device=output.device)
        sums = output.new_zeros((len(order), output.shape[1])).index_add_(0, of_image, output)
        counts = torch.bincount(of_image, minlength=len(order))
        if block in self._begun:
            earlier_sum, earlier_count = self._begun.pop(block)
            sums[0] += earlier_sum
            counts[0] += earlier_count
        if is_cut:
            self._begun[block] = sums[-1].clone(), counts[-1]
        complete = len(order) - is_cut
        return sums[:complete] / counts[:complete, None]


def storable(features, dtype: str, block: str, conditions: list[str]) -> np.ndarray:
    """Features in the type to be stored, in main memory.

    Args:
        features: float32 tensor (conditions, features).
        dtype: `float16` or `float32`.
        block: The block, for the message.
        conditions: The conditions, for the message.

    Raises:
        InputError: Some are not finite in that type.
    """
    import torch

    stored = features.to(getattr(torch, dtype))
    finite = torch.isfinite(stored).all(dim=1)
    if not finite.all():
        worst = int((~finite).nonzero()[0])
        largest = features[worst].abs().max().item()
        overflows = bool(torch.isfinite(features).all())
        raise InputError(
            f"features of {block} for condition {conditions[worst]}",
            f"values up to {largest:.3g}",
            f"finite values up to {torch.finfo(stored.dtype).max:.3g}, the largest of {dtype}",
            "set features.dtype to float32" if overflows else "check the checkpoint: the network may have diverged",
        )
    return stored.cpu().numpy()


def image_batches(dataset: DataSet, stimuli: list[Stimulus], size: int, workers=0, batch_size=32, pin_memory=False):
    """A `torch.utils.data.DataLoader` of float32 (images, 3, size, size), in the order of the stimuli."""
    import torch

    from .images import stimulus_array

    class Images(torch.utils.data.Dataset):
        def __len__(self):
            return len(stimuli)

        def __getitem__(self, index):
            return stimulus_array(dataset.open_image(stimuli[index].image), size)

    return torch.utils.data.DataLoader(Images(), batch_size, num_workers=workers, pin_memory=pin_memory)
