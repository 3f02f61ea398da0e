"""Checkpoints as files: state dicts that say how they came about, and those of other people.

A file holds a bare state dict, which `torch.load(weights_only=True)` reads and `load_state_dict` takes. How it came
about is in the state dict's `_metadata`, where torch itself notes the versions of modules.
"""

import argparse
import zipfile
from pathlib import Path
from typing import Any

import torch

from ..epochs import epoch_and_step
from ..errors import InputError

ABOUT = "early_alignment"
"""The entry of `_metadata`."""
WRAPPERS = ("state_dict", "model", "state")
"""Under which keys training scripts keep the state dict beside optimiser and arguments, from the outside inwards."""
PREFIXES = ("module.", "model.", "_orig_mod.")
"""What DataParallel, Lightning and the like, and torch.compile put before the names of all tensors."""


def save(network: torch.nn.Module, path, about: dict) -> None:
    """Write a network's state dict, with what there is to say about it: plain numbers, strings, lists and dicts."""
    state: Any = network.state_dict()
    state._metadata[ABOUT] = about
    torch.save(state, path)


def about(path) -> dict:
    """What `save` was told about the checkpoint."""
    state = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    return getattr(state, "_metadata", {}).get(ABOUT, {})


def expected(seed, epoch: str, recipe: dict) -> dict:
    """What a checkpoint of the workflow says of itself.

    Args:
        seed: Of the network.
        epoch: As in file names: `003`, or `000+00100` after 100 steps of the next epoch.
        recipe: What decided its training, as far as that is known.
    """
    whole, step = epoch_and_step(epoch)
    return recipe | {"seed": int(seed), "epoch": whole, "step": step}


PUBLISH_AGAIN = "delete the file and run the workflow again, which publishes the right one"


def refuse_another(state: dict, expected: dict, path, remedy: str = PUBLISH_AGAIN) -> None:
    """Check that a state dict is the expected one, by what it says of itself; one that says nothing is taken.

    Args:
        state: As `torch.load` gives it.
        expected: Key → value; keys that the state says nothing of are not compared.
        path: Where it is from.
        remedy: What to do about another.

    Raises:
        InputError: It is of another seed, epoch or recipe.
    """
    said = getattr(state, "_metadata", {}).get(ABOUT, {})
    differing = sorted(key for key in expected if key in said and said[key] != expected[key])
    if differing:
        raise InputError(
            path,
            "a network of " + ", ".join(f"{key} {said[key]}" for key in differing),
            ", ".join(f"{key} {expected[key]}" for key in differing),
            remedy,
        )
    if not said:
        print(f"{path} does not say of what seed, epoch and recipe it is; it is taken as it is", flush=True)


FOREIGN = (
    "copy the file again, or correct networks.*.checkpoints; if you trust its source, load it there and save its "
    "state_dict() alone"
)
"""What to do about a damaged file that some other training wrote."""


def read_foreign(path) -> dict[str, torch.Tensor]:
    """The state dict of a file that some other training wrote, under the names that the architecture gives.

    Nothing but tensors and plain values is unpickled; `argparse.Namespace`, in which torchvision's reference script
    keeps its arguments, counts as plain.

    Raises:
        InputError: The file holds anything else, or no state dict.
    """
    return unwrapped(read(path, FOREIGN), path)


def unwrapped(found, path) -> dict[str, torch.Tensor]:
    """The state dict in what a file of some other training holds, under the names that the architecture gives.

    Args:
        found: What `read` gave.
        path: The file, for the message.

    Raises:
        InputError: There is none.
    """
    state = found
    while isinstance(state, dict) and (inner := next((k for k in WRAPPERS if isinstance(state.get(k), dict)), None)):
        state = state[inner]
    if not isinstance(state, dict) or not state or not all(map(_is_named_tensor, state.items())):
        kind = (
            f"a dict with {', '.join(map(str, list(state)[:6]))}" if isinstance(state, dict) else type(state).__name__
        )
        raise InputError(
            path, kind, f"a state dict, bare or under one of {', '.join(WRAPPERS)}", "save the network's state_dict()"
        )
    while prefix := next((p for p in PREFIXES if all(name.startswith(p) for name in state)), None):
        state = {name.removeprefix(prefix): tensor for name, tensor in state.items()}
    return dict(state)


def _is_named_tensor(entry: tuple) -> bool:
    name, value = entry
    return isinstance(name, str) and isinstance(value, torch.Tensor)


def read(path, remedy: str):
    """What a file of `torch.save` holds, tensors mapped, not read; nothing but tensors and plain values is unpickled.

    Args:
        path: The file.
        remedy: What to do about one that is damaged.

    Raises:
        InputError: The file is missing, is damaged, or holds anything else.
    """
    path = Path(path)
    try:
        is_zip = zipfile.is_zipfile(path)
        damaged = None
        if is_zip:  # torch does not look at the checksums that it writes
            with zipfile.ZipFile(path) as archive:
                damaged = archive.testzip()
        if damaged is None:
            with torch.serialization.safe_globals([argparse.Namespace]):
                return torch.load(path, map_location="cpu", weights_only=True, mmap=is_zip)
        found = f"damaged: {damaged} is not of the checksum that was written beside it"
    except FileNotFoundError:
        found = "no such file"
    except Exception as error:  # torch has many: its unpickler's, zip's, end of file
        reason = str(error).replace("\n", " ")
        known = reason.find("Unsupported global")
        found = reason[known : known + 120] if known >= 0 else f"not readable: {reason[:120]}"
    expected = "a whole file of torch.save with tensors and plain values alone, so that reading it runs no code"
    raise InputError(path, found, expected, remedy)
