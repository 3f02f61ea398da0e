"""How a network is trained: the numbers of the config that decide it, and the learning rate that follows from them."""

import math
from dataclasses import dataclass

REFERENCE_BATCH = 256
"""The total batch that `Recipe.learning_rate` is stated for."""


@dataclass(frozen=True)
class Recipe:
    """All that decides a trained network, besides its seed and the images; `config.yaml` has the sources.

    `cosine_epochs` is the length of a cosine schedule, which is part of it; None for steps, which have no end.
    `background` is what transparent pixels of images show, as in `decoding.decoded`. `network_code` is the
    `architectures.digest` of a network of the user's own.
    """

    architecture: str
    image_size: int
    validation_resize: int
    resized_short_side: int | None
    resized_quality: int | None
    background: int | list[int] | None
    batch_size: int
    learning_rate: float
    momentum: float
    weight_decay: float
    label_smoothing: float
    schedule: str
    decay_every: int
    decay_factor: float
    cosine_epochs: int | None
    warmup_epochs: float
    warmup_factor: float
    network_code: str | None = None

    def rate(self, epochs_done: float) -> float:
        """The learning rate after so many epochs, whole or not.

        It rises linearly within `warmup_epochs`, step by step, where torchvision's reference rises between epochs. Then
        it changes between epochs, as the reference does, whose schedules count from the end of warm-up: down by
        `decay_factor` every `decay_every` epochs, or along half a cosine to 0.
        """
        peak = self.learning_rate * self.batch_size / REFERENCE_BATCH
        if epochs_done < self.warmup_epochs:
            return peak * (self.warmup_factor + (1 - self.warmup_factor) * epochs_done / self.warmup_epochs)
        epochs_since = max(0.0, int(epochs_done) - self.warmup_epochs)
        if self.schedule == "cosine":
            part = epochs_since / (self.cosine_epochs - self.warmup_epochs)
            return peak * (1 + math.cos(math.pi * part)) / 2
        return peak * self.decay_factor ** (epochs_since // self.decay_every)


@dataclass(frozen=True)
class Computing:
    """How the numbers of a recipe are computed: faster, and the same but for rounding."""

    precision: str = "float32"
    channels_last: bool = True
    compile: bool = False
