"""Networks of the user's own: a function in a file, called as `function(num_classes=…)`, which gives a network.

The file is executed anew for every network, so what it holds now counts, and never what was read of it before.
"""

import hashlib
import inspect
import sys
import types
from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path

import torch

from ..errors import InputError
from .architectures import WHERE, own_file, refused, syntax_tree


def built(architecture: str, n_classes: int) -> torch.nn.Module:
    """The network that a user's function gives for so many classes.

    Args:
        architecture: `<file.py>:<function>`.
        n_classes: How many.

    Raises:
        InputError: The file or the function is missing, raises an exception, takes other arguments, or gives something
            else than a network whose parameters have shapes.
    """
    file, name = own_file(architecture), architecture.rpartition(":")[2]
    function = function_of(file, name)
    try:
        inspect.signature(function).bind(num_classes=n_classes)
    except TypeError:
        signature = f"{name}{inspect.signature(function)}"
        raise InputError(file, signature, f"a function that is called as {name}(num_classes=…)", "correct it") from None
    except ValueError:  # a function written in C does not tell
        pass
    try:
        network = function(num_classes=n_classes)
    except (Exception, SystemExit) as error:
        raise refused(error, file) from None
    if not isinstance(network, torch.nn.Module):
        raise InputError(
            file, f"{name}(num_classes={n_classes}) gives a {type(network).__name__}", "a torch.nn.Module", "correct it"
        )
    lazy = [key for key, tensor in network.state_dict().items() if torch.nn.parameter.is_lazy(tensor)]
    if lazy:
        raise InputError(
            file, f"lazy parameters, such as {lazy[0]}", "parameters that have shapes from the start", "give them sizes"
        )
    return network


def function_of(file: Path, name: str) -> Callable:
    """A function of a user's file, which is executed.

    Raises:
        InputError: There is none of that name, or the file raises an exception.
    """
    tree = syntax_tree(file)
    # Dataclasses and torch look modules up by name. The file is compiled here, as what Python keeps of compiled files
    # may be of an earlier one.
    module = types.ModuleType(f"{file.stem}_{hashlib.sha256(str(file.resolve()).encode()).hexdigest()[:12]}")
    module.__file__ = str(file)
    sys.modules[module.__name__] = module
    try:
        exec(compile(tree, str(file), "exec", dont_inherit=True), module.__dict__)
    except (Exception, SystemExit) as error:
        raise refused(error, file) from None
    functions = [key for key, value in vars(module).items() if callable(value)]
    if name not in functions:
        near = ", ".join(get_close_matches(name, functions, n=5, cutoff=0.0))
        raise InputError(WHERE, f"no function {name!r} in {file}", f"one of {near or 'its functions'}", "correct it")
    return vars(module)[name]
