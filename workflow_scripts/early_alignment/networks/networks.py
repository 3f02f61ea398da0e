"""Networks by name, their seeded untrained state, and what their blocks put out."""

import math
from contextlib import contextmanager
from difflib import get_close_matches
from itertools import takewhile
from typing import NamedTuple

import torch
import torchvision

from ..errors import InputError, known_or_refused
from . import checkpoints, own_networks
from .architectures import TIMM, WHERE, check_form_of_timm, own_file, told


def device() -> torch.device:
    """The first GPU if there is one, else the processor."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def untrained(architecture: str, n_classes: int, seed: int) -> torch.nn.Module:
    """A network with its makers' own random initial weights, which the seed decides; no weights are downloaded.

    Args:
        architecture: A name in `torchvision.models`, `timm:<name>` or `<file.py>:<function>`.
        n_classes: How many classes it tells apart.
        seed: Of torch's generators.

    Raises:
        InputError: There is no such network, or it cannot be built; of the user's own see `own_networks.built`.
    """
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        if architecture.startswith(TIMM):
            return of_timm(architecture, n_classes)
        if own_file(architecture) is not None:
            return own_networks.built(architecture, n_classes)
        known_or_refused(architecture, torchvision.models.list_models(module=torchvision.models), WHERE, "network")
        return torchvision.models.get_model(architecture, weights=None, num_classes=n_classes)


def of_timm(architecture: str, n_classes: int) -> torch.nn.Module:
    """The network of `timm:<name>`, for so many classes.

    Raises:
        InputError: timm is not installed, has no such network or cannot build it.
    """
    check_form_of_timm(architecture)  # other names make timm download
    try:
        import timm
    except ImportError:
        raise InputError(
            WHERE,
            f"{architecture}, but no module timm",
            "timm beside torch, at the version of envs/requirements.txt",
            "install it, or name a network of torchvision.models",
        ) from None
    name, known = architecture.removeprefix(TIMM), timm.list_models()
    if name not in known:
        near = ", ".join(TIMM + other for other in get_close_matches(name, known, n=5, cutoff=0.0))
        raise InputError(WHERE, f"no network {name!r} in timm {timm.__version__}", f"such as {near}", "correct it")
    try:
        return timm.create_model(name, pretrained=False, num_classes=n_classes)
    except Exception as error:  # some need packages or devices
        raise InputError(
            WHERE, f"{architecture}: {told(error)}", "a network that timm builds here", "name another"
        ) from None


def from_checkpoint(architecture: str, path, expected: dict | None = None) -> torch.nn.Module:
    """The network of a checkpoint, in evaluation mode; nothing but tensors is unpickled.

    Args:
        architecture: As for `untrained`.
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
        architecture: As for `untrained`.
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
        architecture: As for `untrained`.
        state: Name → tensor.
        where: What the state is from, for the message.

    Returns:
        How many classes the network tells apart.

    Raises:
        InputError: Tensors are missing, too many, of other shapes, or hold other than finite floats; the message names
            them.
    """
    expected = shapes(architecture, n_classes=FEW)
    # torch itself fills in the counters of batches, which old files lack.
    missing = [name for name in expected if name not in state and not name.endswith("num_batches_tracked")]
    unexpected = [name for name in state if name not in expected]
    if missing or unexpected:
        raise InputError(
            where,
            f"{len(missing)} missing keys{listed(missing)}; {len(unexpected)} unexpected keys{listed(unexpected)}",
            f"the {len(expected)} keys of {architecture}",
            "correct the architecture, or the file",
        )
    n_classes = number_of_classes(architecture, state) or FEW
    sketch = sketched(architecture, n_classes).state_dict()
    others = [
        f"{name} {tuple(tensor.shape)}, not {tuple(sketch[name].shape)}"
        for name, tensor in state.items()
        if tensor.shape != sketch[name].shape
    ]
    if others:
        raise InputError(
            where,
            f"size mismatch for {len(others)} tensors{listed(others, most=2)}",
            f"the shapes of {architecture}",
            "correct the architecture, or the file",
        )
    floats = {name: tensor for name, tensor in state.items() if sketch[name].is_floating_point()}
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


FEW = 2
"""A number of classes for which networks are built to look at them."""


def number_of_classes(architecture: str, state: dict[str, torch.Tensor]) -> int | None:
    """For how many classes a network of a state dict is, from the lengths that grow with their number.

    Args:
        architecture: As for `untrained`.
        state: Name → tensor, of all names that the network has.

    Returns:
        The number; None if no length depends on it, or the state is of no number.
    """
    few, more = shapes(architecture, FEW), shapes(architecture, FEW + 1)
    for name in few:
        for i, (length, longer) in enumerate(zip(few[name], more[name], strict=True)):
            if longer != length and state[name].ndim == len(few[name]):
                further, rest = divmod(state[name].shape[i] - length, longer - length)
                return FEW + further if rest == 0 and FEW + further > 0 else None
    return None


def shapes(architecture: str, n_classes: int) -> dict[str, torch.Size]:
    """Name → shape of the tensors of a network's state dict."""
    return {name: tensor.shape for name, tensor in sketched(architecture, n_classes).state_dict().items()}


def sketched(architecture: str, n_classes: int) -> torch.nn.Module:
    """A network without weights, which computes shapes and nothing else; the user's own may not go without."""
    if own_file(architecture) is not None:
        return untrained(architecture, n_classes, seed=0)
    try:
        with torch.device("meta"):
            return untrained(architecture, n_classes, seed=0)
    except (InputError, NotImplementedError):  # RegNets and some of timm's work out their widths with tensors
        return untrained(architecture, n_classes, seed=0).to("meta")


def listed(names: list[str], most: int = 5) -> str:
    """` (a, b and 3 more)`, or nothing."""
    if not names:
        return ""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f" ({', '.join(names[:most])}{more})"


PARTS = ("cls", "patches")


class Block(NamedTuple):
    """A module's name and, of the tokens that it puts out, a part: `cls`, `patches` or, as empty text, all."""

    module: str
    part: str = ""


def parsed(block: str) -> Block:
    """`name[part]` or `name` as what it stands for."""
    module, _, part = block.partition("[")
    return Block(module, part.removesuffix("]"))


class Activity(NamedTuple):
    """What a module did while its network was shown images.

    Args:
        runs: How often it ran.
        kind: The type of what it last put out.
        shape: The shape of that, or of its first tensor; None if there is none.
        n_leading: How many tokens its network says to be before those of patches; None if it says nothing.
        has_class_token: Whether it says that the first of them is a class token.
    """

    runs: int = 0
    kind: str = ""
    shape: tuple[int, ...] | None = None
    n_leading: int | None = None
    has_class_token: bool = False

    def fault(self, n_images: int, part: str = "") -> str | None:
        """Why a module that did this with so many images has no features for each of them; None if it has.

        Args:
            n_images: How many.
            part: Of which tokens, as in `Block`. Images are square and so are grids of patches, so a number of tokens
                that is no square but for the leading ones tells that these are not there, or not there yet.
        """
        if self.runs == 0:
            return "a module that does not run when the network is evaluated"
        if self.shape is None:
            return f"an output of type {self.kind} that does not begin with a tensor"
        if len(self.shape) < 2 or self.shape[0] != n_images:
            return f"an output of shape {self.shape} for {n_images} images"
        if not part:
            return None
        if part not in PARTS:
            return f"no part {part!r} of tokens, of which there are {' and '.join(PARTS)}"
        if len(self.shape) != 3:
            return f"an output of shape {self.shape}, which is no sequence of tokens"
        if self.n_leading is None or (part == "cls" and not self.has_class_token):
            return "no class token: no parameter class_token or cls_token of a module that it is part of"
        if (n_patches := self.shape[1] - self.n_leading) < 1 or math.isqrt(n_patches) ** 2 != n_patches:
            return f"{self.shape[1]} tokens, which are not {self.n_leading} and a square of patches"
        return None

    def size(self, part: str = "") -> int:
        """How many features it has for an image, if it has any."""
        if not part:
            return math.prod(self.shape[1:])
        return self.shape[2] if part == "cls" else (self.shape[1] - self.n_leading) * self.shape[2]

    def note(self, part: str = "") -> str:
        """What to know of features that are taken from its output, or nothing."""
        notes = [f"runs {self.runs} times in a pass, and its last output is taken"] * (self.runs > 1)
        notes += [f"puts out a {self.kind}, of which the first tensor is taken"] * (self.kind in ("tuple", "list"))
        if part:
            first = 0 if part == "cls" else self.n_leading
            last = 0 if part == "cls" else self.shape[1] - 1
            notes += [f"is of tokens {first} to {last} of 0 to {self.shape[1] - 1}"]
        return "; ".join(notes)


def leading_tokens(network: torch.nn.Module, module: str) -> tuple[int | None, bool]:
    """How many tokens are before those of patches, and whether the first is a class token, as a network says.

    It says so by a parameter `class_token` (torchvision) or `cls_token` (timm) of the module or of one around it, the
    nearest of which counts, and by their number `num_prefix_tokens` (timm), else the class token is alone.

    Returns:
        Of a network that says nothing, None and False.
    """
    names = module.split(".")
    around = [network.get_submodule(".".join(names[:n])) for n in range(len(names), -1, -1)]
    numbers = [getattr(place, "num_prefix_tokens", None) for place in around]
    for place, number in zip(around, numbers, strict=True):
        for name in ("class_token", "cls_token"):
            if isinstance(getattr(place, name, None), torch.Tensor):
                number = number if isinstance(number, int) else 1
                return number, number > 0
    return next((number for number in numbers if isinstance(number, int)), None), False


def first_tensor(output) -> torch.Tensor | None:
    """A module's output if that is a tensor, or what a tuple or list begins with, as attention's does; else None."""
    if isinstance(output, tuple | list) and output:
        output = output[0]
    return output if isinstance(output, torch.Tensor) else None


@contextmanager
def removed_afterwards(handles: list):
    """Take hooks of modules away when the block ends."""
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def hooked(modules: dict[str, torch.nn.Module], hook):
    """A block in which `hook(name, output)` is called whenever one of the modules has run."""
    return removed_afterwards(
        [
            module.register_forward_hook(lambda module, inputs, output, name=name: hook(name, output))
            for name, module in modules.items()
        ]
    )


def activities(network: torch.nn.Module, images: torch.Tensor) -> dict[str, Activity]:
    """What each of a network's modules does when the network is shown images, (images, 3, height, width)."""
    found = {name: Activity() for name, _ in network.named_modules() if name}
    leading = {name: leading_tokens(network, name) for name in found}

    def note(name, output):
        tensor = first_tensor(output)
        shape = None if tensor is None else tuple(tensor.shape)
        found[name] = Activity(found[name].runs + 1, type(output).__name__, shape, *leading[name])

    with hooked({name: network.get_submodule(name) for name in found}, note), torch.inference_mode():
        network(images)
    return found


def blocks_without_features(
    blocks: list[str], found: dict[str, Activity], n_images: int, where: str = "config key networks.*.blocks"
) -> list[InputError]:
    """The errors of blocks that are no modules, or whose modules put out no features for each image.

    Args:
        blocks: Names of modules, some with a part of their tokens.
        found: What the network's modules did with `n_images` images.
        n_images: How many.
        where: The config key that names the blocks.
    """
    errors = []
    for block in blocks:
        module, part = parsed(block)
        fault = fault_of(block, found, n_images)
        if fault is not None:
            expected = "a module that runs and puts out a tensor, images first, or a tuple that begins with one"
            if part:
                expected += "; with a part in brackets, images × tokens × channels with a known class token"
            errors.append(
                InputError(f"{where}, module {block}", fault, expected, remedy(module, part, found, n_images))
            )
    return errors


def fault_of(block: str, found: dict[str, Activity], n_images: int) -> str | None:
    """Why a block has no features for each image; None if it has."""
    module, part = parsed(block)
    return found[module].fault(n_images, part) if module in found else f"no module {module!r}"


def remedy(module: str, part: str, found: dict[str, Activity], n_images: int) -> str:
    """What to name in place of a block without features."""
    usable = [name for name in found if found[name].fault(n_images, part) is None]
    if part and not usable:
        return f"leave out [{part}]"
    suffix = f"[{part}]" if part else ""
    near = ", ".join(name + suffix for name in nearest(module, usable, list(found))[:5])
    return f"name another; the nearest are {near}"


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
        blocks: Names of modules, as in `network.named_modules()`; `name[cls]` is their class token alone, and
            `name[patches]` all tokens of patches.
        images: (images, 3, height, width).

    Returns:
        Block → a copy of its output, (images, …), since networks add to their modules' outputs and rectify them in
        place afterwards.

    Raises:
        InputError: The network has no module of that name, or the module puts out no features for each image, or no
            such tokens.
    """
    outputs = {}

    def keep(name, output):
        outputs.pop(name, None)
        tensor = first_tensor(output)
        if tensor is not None:
            outputs[name] = tensor.clone()

    modules = dict(network.named_modules())
    wanted = {name: modules[name] for name, _ in map(parsed, blocks) if name in modules}
    with hooked(wanted, keep), torch.inference_mode():
        network(images)
    found = {
        name: Activity(1, "", tuple(output.shape), *leading_tokens(network, name)) for name, output in outputs.items()
    }
    if any(fault_of(block, found, len(images)) for block in blocks):
        raise blocks_without_features(blocks, activities(network, images), len(images))[0]
    return {block: tokens(outputs[name], part, found[name]) for block in blocks for name, part in [parsed(block)]}


def tokens(output: torch.Tensor, part: str, activity: Activity) -> torch.Tensor:
    """A part, as in `Block`, of what a module put out: (images, channels) or (images, patches, channels)."""
    if part == "cls":
        return output[:, 0]
    return output[:, activity.n_leading :] if part == "patches" else output


@contextmanager
def evaluating(network: torch.nn.Module):
    """Put a network into evaluation mode, in which no image's features hinge on chance or on other images.

    Raises:
        InputError: A module runs in training mode all the same, as the network's own code may have it, or is batch
            norm that keeps no statistics, and so takes those of the images at hand.
    """
    network.eval()

    def refuse(module, name):
        if module.training or is_without_statistics(module):
            raise InputError(
                f"module {name or 'of the whole network'}",
                "batch norm without running statistics" if not module.training else "training mode",
                "evaluation mode, in which features of an image are those of this image alone",
                "correct the network's code: it must not call train(), and batch norm must track running statistics",
            )

    handles = [
        module.register_forward_pre_hook(lambda module, _, name=name: refuse(module, name))
        for name, module in network.named_modules()
    ]
    with removed_afterwards(handles):
        yield


SURVEYED = 5
"""Images that a network is shown to see what its modules put out: a number that hardly any other dimension has."""


def without_weights(architecture: str) -> torch.nn.Module:
    """A network for 1,000 classes, in evaluation mode, that computes shapes and nothing else.

    The user's own, which may do what shapes alone do not allow, have weights and compute in full.

    Raises:
        InputError: As of `untrained`; or weights of the user's own are not those of the seed.
    """
    network = sketched(architecture, n_classes=1000)
    if own_file(architecture) is not None:
        refuse_chance(architecture, network)
    return network.eval()


def refuse_chance(architecture: str, network: torch.nn.Module) -> None:
    """Check that a user's function gives the same weights for the same seed.

    Raises:
        InputError: It does not.
    """
    state, again = network.state_dict(), untrained(architecture, n_classes=1000, seed=0).state_dict()
    differing = [name for name in state if name not in again or not torch.equal(state[name], again[name])]
    if differing:
        raise InputError(
            own_file(architecture),
            f"other weights at every call{listed(differing)}",
            "initial weights that torch's seed decides",
            "draw them with torch, without a generator of its own",
        )


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
        fault = told(error)
    sizes = [str(size) for size in SIZES if takes(network, size)]
    raise InputError(
        where,
        f"{image_size}, for which {architecture} fails: {fault}",
        f"{', '.join(sizes) or 'none'}: of {len(SIZES)} common sizes, those that it takes",
        "set it to one of these, or choose another architecture",
    )


SIZES = (32, 64, 96, 128, 160, 192, 224, 256, 299, 320, 384, 448, 512)
"""Sides of images in pixels that are tried when a network does not take the one that is asked for."""


def shown(network: torch.nn.Module, image_size: int) -> dict[str, Activity]:
    """`activities` of a network of `without_weights`."""
    with device_of(network):  # some make tensors as they go
        return activities(network, torch.zeros(SURVEYED, 3, image_size, image_size))


def device_of(network: torch.nn.Module) -> torch.device:
    """Where a network's parameters are."""
    return next((parameter.device for parameter in network.parameters()), torch.device("cpu"))


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
        block: found[name].size(part)
        for block in blocks
        for name, part in [parsed(block)]
        if fault_of(block, found, SURVEYED) is None
    }


def check_scores(network: torch.nn.Module, architecture: str, image_size: int, n_classes: int = 1000) -> None:
    """Check that a network of `without_weights` puts out what it is trained and evaluated by.

    Raises:
        InputError: In evaluation mode it puts out anything but a score for each image and class; in training mode,
            anything but that or a tuple of such, of which the first are its own and the others auxiliary ones.
    """
    with device_of(network), torch.inference_mode():
        outputs = network(torch.zeros(SURVEYED, 3, image_size, image_size))
    parts = outputs if network.training and isinstance(outputs, tuple | list) and outputs else [outputs]
    for part in parts:
        refuse_other_than_scores(part, SURVEYED, n_classes, architecture)


def refuse_other_than_scores(output, n_images: int, n_classes: int, architecture: str = "the network") -> None:
    """Check that an output is a tensor (images, classes).

    Raises:
        InputError: It is another.
    """
    is_tensor = isinstance(output, torch.Tensor)
    if not is_tensor or output.shape != (n_images, n_classes):
        kind = f"shape {tuple(output.shape)}" if is_tensor else f"type {type(output).__name__}"
        raise InputError(
            WHERE,
            f"{architecture}, with an output of {kind} for {n_images} images and {n_classes} classes",
            f"scores of shape {(n_images, n_classes)}",
            "name a classifier, whose function heeds num_classes",
        )


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


def is_without_statistics(module: torch.nn.Module) -> bool:
    """Whether a module is batch norm that has no running statistics."""
    return isinstance(module, torch.nn.modules.batchnorm._BatchNorm) and module.running_mean is None


def batchnorm_layers(
    network: torch.nn.Module, where: str = "calibrated batch norm"
) -> list[torch.nn.modules.batchnorm._BatchNorm]:
    """A network's batch norm layers.

    Args:
        network: The network.
        where: What asks for them, for the message.

    Raises:
        InputError: It has none, so there is nothing to calibrate.
    """
    layers = [module for module in network.modules() if isinstance(module, torch.nn.modules.batchnorm._BatchNorm)]
    if not layers:
        raise InputError(where, "a network without batch norm", "one that has layers of it", "leave it out")
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
