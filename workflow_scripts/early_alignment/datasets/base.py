"""What every data set format offers to the rest of the workflow."""

from pathlib import Path
from typing import ClassVar, NamedTuple

import numpy as np

from ..errors import InputError


class Stimulus(NamedTuple):
    """One image of a data set, and the condition that it belongs to."""

    condition: str
    image: str
    """The image's path relative to the data set's root; `open_image` reads it."""


class DataSet:
    """Brain responses to images: some subjects, some targets (regions or times), one order of conditions.

    A format says where its files lie (`stimulus_files`, `brain_files`), which conditions it has (`stimuli`) and
    gives one of `responses` and `brain_rdm`. Opening a data set reads nothing.

    Args:
        name: The data set's key in the config.
        settings: Its entry there: `root`, `subjects`, `targets`, and what the format adds.
    """

    tree: ClassVar[str]
    """What the root must contain."""
    source: ClassVar[str]
    """How to get it."""

    def __init__(self, name: str, settings: dict):
        self.name = name
        self.settings = settings
        self.root = Path(settings["root"] or "")
        self.subjects = [str(subject) for subject in settings["subjects"]]
        self.targets = [str(target) for target in settings["targets"]]

    @property
    def science(self) -> dict:
        """The settings that decide conditions and responses, and so what is stale when they change.

        Not where the data are, nor which subjects and targets are asked for: each of those has files of its own.
        """
        return {key: self.settings[key] for key in sorted(self.settings) if key not in ("root", "subjects", "targets")}

    def subjects_of(self, target: str) -> list[str]:
        """The subjects that have the target, in order."""
        return self.subjects

    def stimuli(self) -> list[Stimulus]:
        """All images; those of a condition together, conditions in the order of RDMs and responses."""
        raise NotImplementedError

    def stimulus_files(self) -> list[Path]:
        """The files whose content decides the stimuli."""
        return [self.root / stimulus.image for stimulus in self.stimuli()]

    def brain_files(self, subject: str, target: str) -> list[Path]:
        """The files whose content decides a subject's responses for a target."""
        raise NotImplementedError

    def open_image(self, image: str):
        """Read the image of a `Stimulus`, as `PIL.Image.Image` in RGB."""
        from PIL import Image, UnidentifiedImageError

        path = self.root / image
        try:
            return Image.open(path).convert("RGB")
        except (OSError, UnidentifiedImageError) as error:
            raise InputError(path, str(error), "an image", "get the file again from its publisher") from None

    def responses(self, subject: str, target: str) -> np.ndarray:
        """A subject's response patterns, float (conditions, units)."""
        raise NotImplementedError

    def brain_rdm(self, subject: str, target: str, distance: str) -> np.ndarray:
        """The condensed RDM of a subject's response patterns, (pairs,)."""
        from .. import rdms

        try:
            return rdms.rdm([self.responses(subject, target)], distance)
        except ValueError as error:
            if isinstance(error, InputError):
                raise
            raise InputError(
                f"{self.root} (subject {subject}, {target})",
                str(error),
                "a varying, finite pattern for every condition",
                "leave the subject or the target out of the config, or mend its files",
            ) from None
