"""The networks of torchvision by name."""

from difflib import get_close_matches
from pathlib import Path

import yaml

from ..errors import InputError

NAMES = yaml.safe_load((Path(__file__).parent / "architectures.yaml").read_text())
"""Kind → names."""


def check_architecture(architecture: str, where: str = "config key architecture") -> None:
    """Check that a name is one of torchvision's image classifiers.

    Raises:
        InputError: It is none, or a network of another kind; those take or give other things than images and classes,
            and some download weights of a part.
    """
    (kind,) = [kind for kind, names in NAMES.items() if architecture in names] or ["unknown"]
    if kind != "classification":
        near = ", ".join(get_close_matches(architecture.lower(), NAMES["classification"], n=5, cutoff=0.0))
        raise InputError(
            where,
            f"no network {architecture!r}" if kind == "unknown" else f"{architecture}, a network for {kind}",
            f"an image classifier of torchvision.models; the nearest names are {near}",
            "correct it",
        )
