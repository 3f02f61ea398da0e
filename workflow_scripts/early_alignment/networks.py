"""Networks by name, their seeded untrained state, and what their blocks put out."""

from contextlib import contextmanager

import torch
import torchvision

from .errors import InputError, known_or_refused


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


def from_checkpoint(architecture: str, path) -> torch.nn.Module:
    """The network of a checkpoint, in evaluation mode; nothing but tensors is unpickled.

    Raises:
        InputError: The file is not a state dict of the architecture.
    """
    return with_state(architecture, torch.load(path, map_location="cpu", weights_only=True), path)


def with_state(architecture: str, state: dict[str, torch.Tensor], where) -> torch.nn.Module:
    """The network that a state dict describes, in evaluation mode.

    Args:
        architecture: A name in `torchvision.models`.
        state: Name → tensor.
        where: What the state is from, for the message.

    Raises:
        InputError: The state is not one of the architecture; the message names what is missing and what is too much.
    """
    expected = untrained(architecture, n_classes=1, seed=0).state_dict()
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
    network = untrained(architecture, n_classes=len(state[list(expected)[-1]]), seed=0)
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise InputError(where, str(error), f"the shapes of {architecture}", "correct network.architecture") from None
    return network.eval()


def a_copy(block: str, output: torch.Tensor) -> torch.Tensor:
    """All of a block's output, as it is."""
    return output.clone()


def listed(names: list[str], most: int = 5) -> str:
    """` (a, b and 3 more)`, or nothing."""
    if not names:
        return ""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f" ({', '.join(names[:most])}{more})"


def block_outputs(network: torch.nn.Module, blocks: list[str], images: torch.Tensor, keep=a_copy) -> dict:
    """What some of a network's modules put out.

    Args:
        network: In evaluation mode.
        blocks: Names of modules, as in `network.named_modules()`.
        images: (images, 3, height, width).
        keep: Given a block and its output, a tensor (images, …), returns what to keep of it: a copy, since networks
            add to their modules' outputs and rectify them in place afterwards.

    Returns:
        Block → what was kept.

    Raises:
        InputError: The network has no module of that name, or its output is not a tensor.
    """
    kept = {}

    def keeping(name):
        def hook(module, inputs, output):
            if not isinstance(output, torch.Tensor):
                raise InputError(
                    f"config key blocks, module {name}", f"an output of type {type(output).__name__}", "a tensor",
                    "name a module inside it",
                )  # fmt: skip
            kept[name] = keep(name, output)

        return hook

    modules = dict(network.named_modules())
    for block in blocks:
        if block not in modules:
            known_or_refused(block, [name for name in modules if name], "config key blocks", "module")
    hooks = [modules[block].register_forward_hook(keeping(block)) for block in blocks]
    try:
        with torch.inference_mode():
            network(images)
    finally:
        for hook in hooks:
            hook.remove()
    return kept


def block_sizes(architecture: str, blocks: list[str], image_size: int) -> dict[str, int]:
    """How many features each block has for images of a size, without computing them."""
    with torch.device("meta"):
        network = torchvision.models.get_model(architecture, weights=None).eval()
        outputs = block_outputs(network, blocks, torch.empty(1, 3, image_size, image_size))
    return {block: output.numel() for block, output in outputs.items()}


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


def calibrate_batchnorm(network: torch.nn.Module, batches) -> None:
    """Set all batch norm statistics to the means over batches of what one pass meets; weights stay as they are.

    In that pass every batch norm layer normalises with its batch's own statistics, as it does in training.

    Args:
        network: Changed in place, and left in evaluation mode.
        batches: float (images, 3, height, width) each, on the network's device.

    Raises:
        InputError: The network has no batch norm.
    """
    layers = [module for module in network.modules() if isinstance(module, torch.nn.modules.batchnorm._BatchNorm)]
    if not layers:
        raise InputError(
            "config key features.untrained_batchnorm", "a network without batch norm", "running", "set it to running"
        )
    network.eval()
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # torch's word for a mean over all batches
        layer.train()
    with torch.inference_mode():
        for batch in batches:
            network(batch)
    network.eval()
