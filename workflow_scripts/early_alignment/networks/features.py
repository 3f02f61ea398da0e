"""Features: what a network's blocks put out for every condition."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from ..datasets.base import DataSet, Stimulus
from ..errors import InputError
from ..files import written_whole
from .feature_files import FeatureWriter


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
    holds one batch's features, and per block those of one group of conditions. What is to know of a block whose module
    runs several times in a pass or puts out more than a tensor is printed.

    Args:
        network: `torch.nn.Module`, on the device to compute on; left in evaluation mode.
        files: Block, as for `networks.block_outputs`, → the zip file to write.
        dataset: Where the images are.
        stimuli: All images, those of a condition together.
        size: Side of the images in pixels.
        background: What transparent pixels show, as in `decoding.decoded`.
        dtype: `float16` or `float32`, of the stored features; averages over images are taken in float32. See
            `storable` for how float16 holds them.
        precision: A name in `networks.PRECISIONS`, of the forward pass.
        workers: Processes that decode images beside this one.
        batch_size: Images per forward pass.

    Raises:
        InputError: An image does not decode, a block has no features, features are not finite or cannot be stored in
            that type, or a module runs in training mode.
    """
    from time import monotonic

    import torch
    from tqdm import tqdm

    from .networks import activities, block_outputs, computing_in, evaluating, parsed

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
        stack.enter_context(evaluating(network))
        writing = []

        pin_memory = device.type == "cuda"
        for batch in image_batches(dataset, stimuli, size, background, workers, batch_size, pin_memory):
            batch = batch.to(device, non_blocking=True, memory_format=torch.channels_last)
            outputs = block_outputs(network, list(files), batch)
            if means.taken == 0:
                found = activities(network, batch[:2])
                for block in files:
                    name, part = parsed(block)
                    if note := found[name].note(part):
                        print(f"block {block} {note}")
            means.take(len(batch))
            rows = {
                block: storable(means.of(block, outputs.pop(block)), dtype, block, means.finished) for block in files
            }
            for future in writing:  # at most one batch waits to be written
                future.result()
            writing = [writer_thread.submit(writers[block].add, *rows[block]) for block in writers]
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
        self.taken = 0
        """How many images there were so far."""
        self._begun: dict = {}
        """Block → sum and number of the images of the condition that the last batch cut."""
        self.finished: list[str] = []
        """The conditions that the batch at hand finishes."""

    def take(self, n_images: int) -> None:
        """Go on to the next batch, of so many images."""
        self._names = self._conditions[self.taken : self.taken + n_images]
        self.taken += n_images
        rest = self._conditions[self.taken : self.taken + 1]
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


LARGEST_MEAN = 8
"""Of a pattern in its standard deviations, for float16, whose rounding errors of up to 2⁻¹¹ of a value are then at most
√(1 + 8²) · 2⁻¹¹ = 0.4 % of the pattern about its mean; half of that is common."""


def storable(features, dtype: str, block: str, conditions: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Features in the type to be stored, flattened, in main memory.

    float16 holds 11 bits of numbers from 6e-5 to 65,504. A condition's features of which the largest is outside 1 to
    32,768 are therefore multiplied by a power of two, which changes none of their bits and no correlation.

    Args:
        features: float32 tensor (conditions, …).
        dtype: `float16` or `float32`.
        block: The block, for messages.
        conditions: The conditions, for messages.

    Returns:
        Array (conditions, features), and the exponents of the powers of two, int (conditions,).

    Raises:
        InputError: Some are not finite; or float16 would lose more than 0.4 % of a pattern about its mean.
    """
    import torch

    inner = tuple(range(1, features.ndim))
    # NaN is passed on by both; two reductions take a sixth of the time of asking each number.
    smallest, largest = torch.stack([features.amin(dim=inner), features.amax(dim=inner)]).double().cpu().numpy()
    magnitudes = np.maximum(-smallest, largest)
    for condition in np.flatnonzero(~np.isfinite(magnitudes))[:1]:
        raise InputError(
            f"features of {block} for condition {conditions[condition]}",
            f"values up to {magnitudes[condition]:.3g}",
            "finite values",
            "check the checkpoint: the network may have diverged",
        )
    exponents = np.zeros(len(features), int)
    if dtype == "float16":
        exponents = exponents_for_float16(magnitudes)
        features = scaled(features, exponents)
        refuse_large_means(features, smallest < largest, block, conditions)
    rows = features.to(getattr(torch, dtype)).flatten(start_dim=1).cpu().numpy()
    return rows, exponents


def exponents_for_float16(magnitudes: np.ndarray) -> np.ndarray:
    """The powers of two to multiply patterns by whose largest magnitudes these are, int; 0 for most."""
    _, exponents = np.frexp(magnitudes)  # 2^(e - 1) <= magnitude < 2^e
    fits = (magnitudes == 0) | ((exponents >= 1) & (exponents <= 15))
    return np.where(fits, 0, 15 - exponents)


def scaled(features, exponents: np.ndarray):
    """A tensor (conditions, …) times 2 to the power of a number per condition."""
    import torch

    if not exponents.any():
        return features
    # In two steps, as the smallest float32 numbers are below 2^-127, whose inverse is too large for one.
    for part in (exponents // 2, exponents - exponents // 2):
        factors = torch.from_numpy(np.ldexp(np.float32(1), part)).to(features.device)
        features = features * factors.reshape(-1, *[1] * (features.ndim - 1))
    return features


def refuse_large_means(features, varying: np.ndarray, block: str, conditions: list[str]) -> None:
    """Check that rounding to float16 spares what tells a pattern's features apart.

    Args:
        features: Tensor (conditions, …), in the range of float16.
        varying: Which patterns are not constant, bool (conditions,).
        block: The block, for the message.
        conditions: The conditions, for the message.

    Raises:
        InputError: A pattern's mean is more than `LARGEST_MEAN` of its standard deviations.
    """
    import torch

    inner = tuple(range(1, features.ndim))
    lengths, means = (
        torch.stack([torch.linalg.vector_norm(features, dim=inner), features.mean(dim=inner)]).double().cpu()
    )
    mean_squares = (lengths**2 / features[0].numel()).numpy()
    means = means.numpy()
    deviations = np.sqrt(np.maximum(mean_squares - means**2, 0))
    for condition in np.flatnonzero(varying & (np.abs(means) > LARGEST_MEAN * deviations))[:1]:
        raise InputError(
            f"features of {block} for condition {conditions[condition]}",
            f"a mean of more than {LARGEST_MEAN} standard deviations, beside which float16 loses what differs",
            "patterns that keep all but 0.4 % of what is about their mean in float16",
            "set features.dtype to float32",
        )


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
