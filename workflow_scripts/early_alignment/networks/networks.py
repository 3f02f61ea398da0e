"""Networks by name, their seeded untrained state, and what their blocks put out."""

import math
from contextlib import contextmanager
from difflib import get_close_matches
from itertools import takewhile
from typing import NamedTuple

import torch
import torchvision

from ..errors import InputError, known_or_refused
from . import checkpoints


def device() -> torch.device:
    """The first GPU if there is one, else the processor."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def untrained(architecture: str, n_classes: int, seed: int) -> torch.nn.Module:
    """A `torchvision.models` network with torchvision's own random initial weights, which the seed decides."""
    known = torchvision.models.list_models(module=torchvision.models)
    known_or_refused(architecture, known, "config key network.architecture", "network")
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return torchvision.models.get_model(architecture, weights=None, num_classes=n_classes)


def from_checkpoint(architecture: str, path, expected: dict | None = None) -> torch.nn.Module:
    """The network of a checkpoint, in evaluation mode; nothing but tensors is unpickled.

    Args:
        architecture: A name in `torchvision.models`.
        path: The checkpoint.
        expected: What it must say of itself, of `checkpoints.expected`; nothing by default.

    Raises:
        InputError: The file is not a state dict of the architecture, or says that it is another network.
    """
    state = checkpoints.read(path, checkpoints.PUBLISH_AGAIN)
    checkpoints.refuse_another(state, expected or {}, path)
    return with_state(architecture, state, path)


def with_state(architecture: str, state: dict[str, torch.Tensor], where) -> torch.nn.Module:
    """The network that a state dict describes, in evaluation mode.

    Args:
        architecture: A name in `torchvision.models`.
        state: Name → tensor.
        where: What the state is from, for the message.

    Raises:
        InputError: As of `check_state`.
    """
    network = untrained(architecture, check_state(architecture, state, where), seed=0)
    network.load_state_dict(state)
    return network.eval()


def check_state(architecture: str, state: dict[str, torch.Tensor], where) -> int:
    """Check that a state dict is one of an architecture, without making the network.

    Args:
        architecture: A name in `torchvision.models`.
        state: Name → tensor.
        where: What the state is from, for the message.

    Returns:
        How many classes the network tells apart.

    Raises:
        InputError: Tensors are missing, too many, of other shapes, or hold other than finite floats; the message names
            them.
    """
    expected = without_weights(architecture).state_dict()
    # torch itself fills in the counters of batches, which old files lack.
    missing = [name for name in expected if name not in state and not name.endswith("num_batches_tracked")]
    unexpected = [name for name in state if name not in expected]
    if missing or unexpected:
        raise InputError(
            where,
            f"{len(missing)} missing keys{listed(missing)}; {len(unexpected)} unexpected keys{listed(unexpected)}",
            f"the {len(expected)} keys of {architecture}",
            "correct network.architecture, or the file",
        )
    # The last tensor of every torchvision classifier is its bias: one entry a class.
    bias = state[list(expected)[-1]]
    n_classes = max(1, bias.shape[0]) if bias.ndim else 1
    expected = without_weights(architecture, n_classes).state_dict()
    others = [
        f"{name} {tuple(tensor.shape)}, not {tuple(expected[name].shape)}"
        for name, tensor in state.items()
        if tensor.shape != expected[name].shape
    ]
    if others:
        raise InputError(
            where,
            f"size mismatch for {len(others)} tensors{listed(others, most=2)}",
            f"the shapes of {architecture}",
            "correct network.architecture, or the file",
        )
    floats = {name: tensor for name, tensor in state.items() if expected[name].is_floating_point()}
    bad = [f"{name} {fault}" for name, tensor in floats.items() if (fault := no_weights(tensor))]
    if bad:
        raise InputError(
            where,
            f"{len(bad)} tensors that are no weights{listed(bad, most=2)}",
            "finite floats",
            "leave the epoch out of the config, or replace the file: a training that diverged has left no network",
        )
    return n_classes


def no_weights(tensor: torch.Tensor) -> str | None:
    """Why a tensor's values cannot be weights; None if they can."""
    if not tensor.is_floating_point() or tensor.layout != torch.strided or tensor.is_meta:
        return f"of {tensor.dtype}, {tensor.layout}, on {tensor.device}"
    bad = ~torch.isfinite(tensor.float())
    return f"with {bad.sum()} of {bad.numel()} values not finite" if bad.any() else None


def listed(names: list[str], most: int = 5) -> str:
    """` (a, b and 3 more)`, or nothing."""
    if not names:
        return ""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f" ({', '.join(names[:most])}{more})"


class Activity(NamedTuple):
    """What a module did while its network was shown images.

    Args:
        runs: How often it ran.
        kind: The type of what it last put out.
        shape: The shape of that, or of its first tensor; None if there is none.
    """

    runs: int = 0
    kind: str = ""
    shape: tuple[int, ...] | None = None

    def fault(self, n_images: int) -> str | None:
        """Why a module that did this with so many images has no features for each of them; None if it has."""
        if self.runs == 0:
            return "a module that does not run when the network is evaluated"
        if self.shape is None:
            return f"an output of type {self.kind} that does not begin with a tensor"
        if len(self.shape) < 2 or self.shape[0] != n_images:
            return f"an output of shape {self.shape} for {n_images} images"
        return None

    def note(self) -> str:
        """What to know of features that are taken from its output, or nothing."""
        notes = [f"runs {self.runs} times in a pass, and its last output is taken"] * (self.runs > 1)
        notes += [f"puts out a {self.kind}, of which the first tensor is taken"] * (self.kind in ("tuple", "list"))
        return "; ".join(notes)


def first_tensor(output) -> torch.Tensor | None:
    """A module's output if that is a tensor, or what a tuple or list begins with, as attention's does; else None."""
    if isinstance(output, tuple | list) and output:
        output = output[0]
    return output if isinstance(output, torch.Tensor) else None


@contextmanager
def hooked(modules: dict[str, torch.nn.Module], hook):
    """Call `hook(name, output)` whenever one of the modules has run."""
    handles = [
        module.register_forward_hook(lambda module, inputs, output, name=name: hook(name, output))
        for name, module in modules.items()
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def activities(network: torch.nn.Module, images: torch.Tensor) -> dict[str, Activity]:
    """What each of a network's modules does when the network is shown images, (images, 3, height, width)."""
    found = {name: Activity() for name, _ in network.named_modules() if name}

    def note(name, output):
        tensor = first_tensor(output)
        shape = None if tensor is None else tuple(tensor.shape)
        found[name] = Activity(found[name].runs + 1, type(output).__name__, shape)

    with hooked({name: network.get_submodule(name) for name in found}, note), torch.inference_mode():
        network(images)
    return found


def blocks_without_features(blocks: list[str], found: dict[str, Activity], n_images: int) -> list[InputError]:
    """The errors of blocks that are no modules, or whose modules put out no features for each image.

    Args:
        blocks: Names of modules.
        found: What the network's modules did with `n_images` images.
        n_images: How many.
    """
    usable = [name for name in found if found[name].fault(n_images) is None]
    errors = []
    for block in blocks:
        fault = found[block].fault(n_images) if block in found else f"no module {block!r}"
        if fault is not None:
            errors.append(
                InputError(
                    f"config key blocks, module {block}",
                    fault,
                    "a module that runs and puts out a tensor, images first, or a tuple that begins with one",
                    f"name another; the nearest are {', '.join(nearest(block, usable, list(found))[:5])}",
                )
            )
    return errors


def nearest(block: str, usable: list[str], names: list[str]) -> list[str]:
    """Some of a network's modules, by how near they are in its tree to a block, or to what it may have meant."""
    if block not in names:
        return get_close_matches(block, usable, n=len(usable), cutoff=0.0)
    place = {name: i for i, name in enumerate(names)}
    return sorted(usable, key=lambda name: (steps_between(block, name), abs(place[name] - place[block])))


def steps_between(a: str, b: str) -> int:
    """How many steps two modules lie apart in the tree of modules."""
    a, b = a.split("."), b.split(".")
    shared = len(list(takewhile(lambda pair: pair[0] == pair[1], zip(a, b, strict=False))))
    return len(a) + len(b) - 2 * shared


def block_outputs(network: torch.nn.Module, blocks: list[str], images: torch.Tensor) -> dict[str, torch.Tensor]:
    """What some of a network's modules put out; of a module that runs several times in a pass, the last output.

    Args:
        network: In evaluation mode.
        blocks: Names of modules, as in `network.named_modules()`.
        images: (images, 3, height, width).

    Returns:
        Block → a copy of its output, (images, …), since networks add to their modules' outputs and rectify them in
        place afterwards.

    Raises:
        InputError: The network has no module of that name, or the module puts out no features for each image.
    """
    outputs = {}

    def keep(name, output):
        outputs.pop(name, None)
        tensor = first_tensor(output)
        if tensor is not None:
            outputs[name] = tensor.clone()

    modules = dict(network.named_modules())
    with hooked({block: modules[block] for block in blocks if block in modules}, keep), torch.inference_mode():
        network(images)
    if any(block not in outputs or outputs[block].ndim < 2 or len(outputs[block]) != len(images) for block in blocks):
        raise blocks_without_features(blocks, activities(network, images), len(images))[0]
    return outputs


SURVEYED = 5
"""Images that a network is shown to see what its modules put out: a number that hardly any other dimension has."""


def without_weights(architecture: str, n_classes: int = 1000) -> torch.nn.Module:
    """A `torchvision.models` network, in evaluation mode, that computes shapes and nothing else."""
    try:
        with torch.device("meta"):
            network = untrained(architecture, n_classes, seed=0)
    except NotImplementedError:  # RegNets work out their widths with tensors
        network = untrained(architecture, n_classes, seed=0).to("meta")
    return network.eval()


def surveyed(network: torch.nn.Module, architecture: str, image_size: int, where: str) -> dict[str, Activity]:
    """What the modules of a network of `without_weights` do when it is shown `SURVEYED` images.

    Args:
        network: The network.
        architecture: What to call it.
        image_size: Side of the images in pixels.
        where: What the size is from, for the message.

    Raises:
        InputError: The network does not take images of that size; the message names sizes that it takes.
    """
    try:
        return shown(network, image_size)
    except Exception as error:  # networks have errors of every kind for it
        fault = str(error).splitlines()[0]
    sizes = [str(size) for size in SIZES if takes(network, size)]
    raise InputError(
        where,
        f"{image_size}, for which {architecture} fails: {fault}",
        f"{', '.join(sizes) or 'none'}: of {len(SIZES)} common sizes, those that it takes",
        "set it to one of these, or choose another network.architecture",
    )


SIZES = (32, 64, 96, 128, 160, 192, 224, 256, 299, 320, 384, 448, 512)
"""Sides of images in pixels that are tried when a network does not take the one that is asked for."""


def shown(network: torch.nn.Module, image_size: int) -> dict[str, Activity]:
    """`activities` of a network of `without_weights`."""
    with torch.device("meta"):  # some make tensors as they go
        return activities(network, torch.empty(SURVEYED, 3, image_size, image_size))


def takes(network: torch.nn.Module, image_size: int) -> bool:
    """Whether a network of `without_weights` can be shown images of a size."""
    try:
        shown(network, image_size)
    except Exception:  # as above
        return False
    return True


def numbers_of_features(blocks: list[str], found: dict[str, Activity]) -> dict[str, int]:
    """How many features each block has, of the blocks that have any."""
    return {
        block: math.prod(found[block].shape[1:])
        for block in blocks
        if block in found and found[block].fault(SURVEYED) is None
    }


PRECISIONS = ("float32", "tf32", "bfloat16")


@contextmanager
def computing_in(precision: str, device: torch.device):
    """Compute passes in `float32`; in `tf32`, convolutions with products of 10 bits on GPUs; or in `bfloat16` autocast.

    `tf32` is what torch does where nobody says otherwise: cuDNN's convolutions use TF32, other products do not.
    """
    torch.backends.cudnn.allow_tf32 = precision == "tf32"
    torch.backends.cuda.matmul.allow_tf32 = False
    with torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == "bfloat16"):
        yield


def batchnorm_layers(network: torch.nn.Module) -> list[torch.nn.Module]:
    """A network's batch norm layers.

    Raises:
        InputError: It has none, so there is nothing to calibrate.
    """
    layers = [module for module in network.modules() if isinstance(module, torch.nn.modules.batchnorm._BatchNorm)]
    if not layers:
        raise InputError(
            "config key features.untrained_batchnorm", "a network without batch norm", "running", "set it to running"
        )
    return layers


def calibrate_batchnorm(network: torch.nn.Module, batches) -> None:
    """Set all batch norm statistics to the means over batches of what one pass meets; weights stay as they are.

    In that pass every batch norm layer normalises with its batch's own statistics, as it does in training.

    Args:
        network: Changed in place, and left in evaluation mode.
        batches: float (images, 3, height, width) each, on the network's device.

    Raises:
        InputError: The network has no batch norm.
    """
    layers = batchnorm_layers(network)
    network.eval()
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # torch's word for a mean over all batches
        layer.train()
    with torch.inference_mode():
        for batch in batches:
            network(batch)
    network.eval()
