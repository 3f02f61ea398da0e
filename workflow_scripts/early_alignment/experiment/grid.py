"""The networks of an experiment: what the config says of each, and what follows from it for files and jobs.

An epoch is called `000` (untrained), `001` …, or `000+00100`: after a hundred steps of the next epoch. A view is how a
network looks at stimuli: `224px`, or `224px-calibrated` with batch norm statistics of training images.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from ..epochs import epoch_and_step, label
from ..networks.architectures import digest, own_file

CALIBRATED = "-calibrated"


def label_of(epoch: int | str) -> str:
    """How an epoch of the config, such as 9 or `0+100`, is called in paths; these sort as training goes on."""
    return label(*epoch_and_step(str(epoch)))


def sizes(features: dict) -> list[int]:
    """The sides of images, in pixels, that stimuli are shown at."""
    size = features["image_size"]
    return size if isinstance(size, list) else [size]


def distances(config: dict) -> dict[str, str]:
    """Distance between patterns of networks → that between patterns of brains that it is compared with."""
    named = config["rdm"]["distance"]
    return {of: config["rdm"]["brain_distance"] or of for of in (named if isinstance(named, list) else [named])}


def size_of_view(view: str) -> int:
    """The side of images in pixels of a view."""
    return int(view.partition("px")[0])


@dataclass(frozen=True)
class Network:
    """One network of an experiment, all its seeds.

    Args:
        name: Its key in `networks`.
        settings: Its entry there, in a checked config.
        features: The entry `features` of the config.
    """

    name: str
    settings: dict
    features: dict

    @property
    def is_trained(self) -> bool:
        """Whether it is trained here; else its checkpoints are from elsewhere."""
        return self.settings["checkpoints"] is None

    @property
    def training(self) -> dict:
        return self.settings["training"]

    @property
    def architecture(self) -> str:
        return self.settings["architecture"]

    @property
    def seeds(self) -> list[int]:
        return self.settings["seeds"]

    @property
    def blocks(self) -> list[str]:
        return self.settings["blocks"]

    @property
    def epochs(self) -> list[str]:
        """The analysed epochs, as they are called in paths, in order."""
        return sorted(label_of(epoch) for epoch in self.settings["epochs"])

    @property
    def epochs_with_checkpoint(self) -> list[str]:
        """All epochs that have a checkpoint under the results, analysed or not, in order."""
        if not self.is_trained:
            return self.epochs
        early = [f"0+{step}" for step in self.training["early_steps"]]
        return sorted(label_of(epoch) for epoch in [*range(self.training["epochs"] + 1), *early])

    @property
    def is_evaluated(self) -> bool:
        """Whether accuracy is known: there are images to measure it on."""
        return self.training["images"] is not None

    @property
    def is_resized(self) -> bool:
        return self.is_evaluated and self.training["resized_short_side"] is not None

    def views(self, epoch: str) -> list[str]:
        """How the network is looked at after an epoch, in order."""
        plain = [f"{size}px" for size in sizes(self.features)]
        is_calibrated = epoch in map(label_of, self.settings["calibrated"])
        return [view + suffix for view in plain for suffix in ["", CALIBRATED][: 1 + is_calibrated]]

    @property
    def looks(self) -> list[tuple[int, str, str]]:
        """(seed, epoch, view) of all that is extracted, in order."""
        return [(seed, epoch, view) for seed in self.seeds for epoch in self.epochs for view in self.views(epoch)]

    @property
    def copy_of_images(self) -> str | None:
        """The folder of the resized copy of its labelled images; networks that train on the same one share it."""
        if not self.is_resized:
            return None
        source = re.sub(r"[^\w.-]", "_", Path(self.training["images"]).resolve().name)
        return f"{source}-short-side-{self.training['resized_short_side']}-quality-{self.training['resized_quality']}"

    @property
    def own_code(self) -> list[str]:
        """The user's file that the architecture is in, if it is."""
        file = own_file(self.architecture)
        return [] if file is None else [str(file)]

    @property
    def recipe(self) -> dict:
        """What decides a trained network besides seed and images: the arguments of `training.recipe.Recipe`."""
        training = self.training
        is_cosine = training["schedule"] == "cosine"
        left_out = {"images", "check_images", "epochs", "early_steps", "epochs_per_job", "computing"}
        return {key: training[key] for key in sorted(training) if key not in left_out} | {
            "architecture": self.architecture,
            "resized_quality": training["resized_quality"] if self.is_resized else None,
            "cosine_epochs": training["epochs"] if is_cosine else None,
            "network_code": digest(self.architecture),
        }


def networks_of(config: dict) -> dict[str, Network]:
    """Name → network, of a checked config."""
    return {name: Network(name, settings, config["features"]) for name, settings in config["networks"].items()}
