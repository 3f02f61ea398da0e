"""What an architecture may be called, without torch: a network of torchvision or timm, or one of the user's own.

A name is that of an image classifier of torchvision; `timm:<name>` one of timm; `<file.py>:<function>` a function of
the user's that gives a network.
"""

import ast
import hashlib
import os
import re
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

from ..errors import InputError

NAMES = yaml.safe_load((Path(__file__).parent / "architectures.yaml").read_text())
"""Kind → names of torchvision's networks."""
TIMM = "timm:"
WHERE = "config key networks.*.architecture"


def check_architecture(architecture: str, where: str = WHERE) -> None:
    """Check all of an architecture's name that can be checked without torch, which takes seconds to import.

    Whether timm has a network of that name, and whether a user's function gives one, shows when it is built.

    Raises:
        InputError: It is none of torchvision's image classifiers, nor of the form of the other kinds. Torchvision's
            other networks take or give other things than images and classes, and some download weights of a part. Or a
            user's file is missing or no Python.
    """
    if architecture.startswith(TIMM):
        check_form_of_timm(architecture, where)
    elif (file := own_file(architecture, where)) is not None:
        if not file.is_file():
            raise InputError(where, f"{architecture}; no file {file}", "a Python file", "correct the path")
        syntax_tree(file)
    else:
        check_torchvision(architecture, where)


def check_torchvision(architecture: str, where: str) -> None:
    """Check that a name is one of torchvision's image classifiers.

    Raises:
        InputError: It is none, or a network of another kind.
    """
    (kind,) = [kind for kind, names in NAMES.items() if architecture in names] or ["unknown"]
    if kind != "classification":
        near = ", ".join(get_close_matches(architecture.lower(), NAMES["classification"], n=5, cutoff=0.0))
        raise InputError(
            where,
            f"no network {architecture!r}" if kind == "unknown" else f"{architecture}, a network for {kind}",
            f"an image classifier of torchvision.models; the nearest names are {near}; or timm:<name>, or "
            "<file.py>:<function>",
            "correct it",
        )


def check_form_of_timm(architecture: str, where: str = WHERE) -> None:
    """Check that `timm:` is followed by a bare name, which says nothing of weights or of where to download them.

    Raises:
        InputError: It is not.
    """
    name = architecture.removeprefix(TIMM)
    if not re.fullmatch(r"\w+", name):
        bare = re.match(r"\w*", name)[0]
        is_tagged = re.fullmatch(r"\w+\.\w+", name)
        raise InputError(
            where,
            architecture,
            "timm:<name> with a name of timm's alone; weights are never loaded",
            f"write {TIMM}{bare}" if is_tagged else "correct it",
        )


def own_file(architecture: str, where: str = WHERE) -> Path | None:
    """The user's file of `<file.py>:<function>`; None of networks of torchvision and timm.

    Raises:
        InputError: It is of neither form.
    """
    file, colon, function = architecture.rpartition(":")
    if architecture.startswith(TIMM) or (not colon and not architecture.endswith(".py")):
        return None
    if not file.endswith(".py") or not function.isidentifier():
        raise InputError(
            where,
            architecture,
            "<file.py>:<function>, such as my_networks.py:small",
            "name a file and its function",
        )
    return Path(os.path.expanduser(file))  # noqa: PTH111 (which leaves ~ where there is no such user)


def digest(architecture: str) -> str | None:
    """A fingerprint of the user's file, in which comments and layout do not count; None of torchvision and timm.

    Raises:
        InputError: The file is missing or no Python.
    """
    file: Any = own_file(architecture)
    return file and hashlib.sha256(ast.unparse(syntax_tree(file)).encode()).hexdigest()[:12]


def syntax_tree(file: Path) -> ast.Module:
    """What Python reads in a user's file.

    Raises:
        InputError: It cannot be read or is no Python.
    """
    try:
        return ast.parse(file.read_bytes(), str(file))
    except OSError as error:
        raise InputError(file, str(error.strerror), "a Python file", f"correct it, or {WHERE}") from None
    except (SyntaxError, ValueError) as error:
        raise refused(error, file) from None


def refused(error: BaseException, file: Path) -> InputError:
    """An exception that a user's file raised as the error that a user is meant to read, with the file's line."""
    lines, trace = [getattr(error, "lineno", None)], error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(file):
            lines.append(trace.tb_lineno)
        trace = trace.tb_next
    place = f"{file}, line {lines[-1]}" if lines[-1] else file
    return InputError(place, told(error), "code that runs", f"correct it, or {WHERE}")


def told(error: BaseException) -> str:
    """The kind of an exception and the first line of what it says."""
    return ": ".join([type(error).__name__, *str(error).strip().splitlines()[:1]])
