"""A log axis of epochs, which has no 0, with the untrained network in its own place, left of a break."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextPath

from ..epochs import epoch_and_step

BESIDE = 0.03
"""How far right of its epoch a second point is drawn, as a part of the axis."""
GAP = 0.08
"""What is left free between two labels, in inches."""


@dataclass(frozen=True)
class EpochAxis:
    """Where epochs lie, and what they are called.

    Args:
        labels: Epoch → label, in order; epochs inside the first are parts of 1.
        width: Of the axis, in inches, for labels that do not touch.
    """

    labels: dict[float, str]
    width: float

    @classmethod
    def of(cls, table: pd.DataFrame, width: float) -> "EpochAxis":
        """The axis of all epochs of a table, from its columns `epoch` and `step`.

        Epochs inside another are called by their steps, or, where networks differ in how many an epoch has, by the
        part of the epoch.
        """
        points = table[["epoch", "step"]].drop_duplicates().sort_values("epoch")
        inside = points[points["step"] > 0]
        parts = inside["epoch"] % 1 / inside["step"]
        alike = np.allclose(parts, parts.iloc[:1], rtol=1e-6, atol=0)
        return cls({epoch: label_of(epoch, step, alike) for epoch, step in points.itertuples(index=False)}, width)

    @cached_property
    def trained(self) -> list[float]:
        return [epoch for epoch in self.labels if epoch > 0]

    @property
    def has_untrained(self) -> bool:
        return 0 in self.labels

    @cached_property
    def untrained_at(self) -> float:
        """Where the untrained network is drawn: a sixth of the others' width left of them, and at most at half."""
        if not self.trained:
            return 1.0
        return self.trained[0] / max(2.0, (self.trained[-1] / self.trained[0]) ** (1 / 6))

    @cached_property
    def limits(self) -> tuple[float, float]:
        first, last = self.place(min(self.labels)), self.place(max(self.labels))
        return first / max(1.35, (last / first) ** 0.06), last * max(1.25, (last / first) ** 0.05)

    def place(self, epoch: float, shift: float = 0) -> float:
        """Where an epoch is drawn, to the right by a part of the axis."""
        left, right = self.limits if shift else (1, 1)
        return (epoch or self.untrained_at) * (right / left) ** shift

    def note(self) -> str:
        """What the axis shows, in words."""
        words = "Training epoch (log axis"
        if self.has_untrained and self.trained:
            words += "; untrained network left of the break"
        if inside := [self.labels[epoch] for epoch in self.labelled if "+" in self.labels[epoch]]:
            whole, steps = epoch_and_step(f"0{inside[-1]}")
            words += f"; {inside[-1]}: after {steps} step{'s' * (steps != 1)} of epoch {whole + 1}"
        return f"{words})"

    def draw(self, axes: plt.Axes) -> None:
        """Set up the horizontal axis of a panel."""
        axes.set_xscale("log")
        axes.set_xlim(*self.limits)
        axes.set_xticks(list(map(self.place, self.labelled)), [self.labels[epoch] for epoch in self.labelled])
        axes.minorticks_off()
        if not (self.has_untrained and self.trained):
            return
        left, right = np.log(self.limits)
        middle = (np.log(np.sqrt(self.untrained_at * self.trained[0])) - left) / (right - left)
        style: dict[str, Any] = {"transform": axes.transAxes, "clip_on": False}
        axes.plot([middle - 0.018, middle + 0.018], [0, 0], color="white", linewidth=4, zorder=5, **style)
        for place in (middle - 0.018, middle + 0.018):
            axes.plot([place - 0.011, place + 0.011], [-0.025, 0.025], color="black", linewidth=1, zorder=6, **style)

    @cached_property
    def labelled(self) -> list[float]:
        """The epochs whose labels are shown: the last, then whole epochs, then parts, where they touch none before."""
        font = FontProperties(size=plt.rcParams["xtick.labelsize"])
        widths = {e: TextPath((0, 0), label, prop=font).get_extents().width / 72 for e, label in self.labels.items()}
        inches_per_log = self.width / np.log(self.limits[1] / self.limits[0])
        places = {epoch: np.log(self.place(epoch)) * inches_per_log for epoch in self.labels}
        shown: list[float] = []
        for epoch in sorted(self.labels, key=lambda epoch: (epoch != max(self.labels), epoch % 1 > 0, epoch)):
            if all(abs(places[epoch] - places[e]) > (widths[epoch] + widths[e]) / 2 + GAP for e in shown):
                shown.append(epoch)
        return sorted(shown)


def label_of(epoch: float, step: int, by_step: bool) -> str:
    """`9`; of an epoch inside another, its steps as `+100` or `3+100`, or its part as `0.02`."""
    whole = int(epoch)
    if not step:
        return str(whole)
    if by_step:
        return f"{whole or ''}+{step}"
    # With as many digits as it takes not to be called by the next whole epoch.
    parts = (f"{epoch % 1:.{digits}g}" for digits in range(2, 18))
    return f"{whole}{next(part for part in parts if float(part) < 1)[1:]}"
