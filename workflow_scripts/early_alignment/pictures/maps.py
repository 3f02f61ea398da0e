"""What maps of cortex and scalp share: which units are drawn, of what, and in which colours."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.colors import Colormap, ListedColormap, Normalize, SymLogNorm

from ..comparison.schemes import OF_ALL
from .figures import block_label, block_palette, counted
from .layout import plt

SCORE, PEAK, HALF_TIME = QUANTITIES = ("r", "peak_epoch", "half_time")
"""The columns that are drawn in a continuous scale."""
BLOCK = "best_block"
LABELS = {SCORE: "Held-out r", PEAK: "Peak", HALF_TIME: "Half-time", BLOCK: "Best block"}
UNITS = {SCORE: "r", PEAK: "epochs", HALF_TIME: "epochs", BLOCK: ""}
COLOUR_MAPS = {SCORE: "magma", PEAK: "viridis", HALF_TIME: "viridis"}
MOST_NAMES = 8
"""Of more blocks, not all are named beside their colours."""
GREY = "0.8"
"""Of units without a number."""


class Scale(NamedTuple):
    """From numbers to colours."""

    norm: Normalize
    colours: Colormap
    ticks: dict[float, str]
    """Number → label."""


def averages(maps: pd.DataFrame) -> pd.DataFrame:
    """The units that are averages over subjects; numbers and best blocks are left only where r is above 0.

    Args:
        maps: A row per unit and subject, with columns `subject`, `r`, `peak_epoch`, `half_time` and `best_block`.

    Raises:
        ValueError: No rows are averages.
    """
    of_all = maps[maps["subject"] == OF_ALL].copy()
    if of_all.empty:
        raise ValueError(f"no rows whose subject is {OF_ALL}, which maps are drawn of")
    of_all.loc[~(of_all[SCORE] > 0), [*QUANTITIES, BLOCK]] = np.nan
    return of_all


def scale_of(values: pd.Series, quantity: str) -> Scale:
    """The scale of one quantity: linear from 0 of r; of epochs logarithmic, with room for 0.

    Args:
        values: Those that are drawn; NaN counts for nothing.
        quantity: One of `QUANTITIES`.
    """
    colours = plt.get_cmap(COLOUR_MAPS[quantity])
    known = values[values.notna()].to_numpy(dtype=float)
    top = max(known, default=0) or 1.0
    if quantity == SCORE or not (known > 0).any():
        return Scale(Normalize(0, top), colours, {tick: f"{tick:.2g}" for tick in (0, top / 2, top)})
    # Linear below the smallest number above 0, but for numbers so small that they would take most of the scale.
    smallest = known[known > 0].min()
    bottom = 0.0 if known.min() <= 0 or smallest == top else smallest
    norm = SymLogNorm(max(smallest, top / 1000), linscale=0.3, vmin=bottom, vmax=top, base=10)
    within = [tick for tick in decades(smallest, top) if far(norm, tick, (bottom, top))]
    return Scale(norm, colours, {tick: f"{tick:.2g}" for tick in (bottom, *within, top)})


def decades(low: float, high: float) -> list[float]:
    """1, 10, 100 and so on between two numbers; and half of these where there are no more than two."""
    powers = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
    within = [power for power in powers if low <= power <= high]
    if len(within) > 2:
        return within
    return [tick for power in powers for tick in (power, 3 * power) if low <= tick <= high]


def far(norm: Normalize, tick: float, others) -> bool:
    """Whether a tick is far enough from others for labels that do not touch."""
    return all(abs(norm(tick) - norm(other)) > 0.15 for other in others)


def scale_of_blocks(blocks: list[str]) -> Scale:
    """The scale of a block's number, from 0, in the colours of the palette."""
    colours = ListedColormap(list(block_palette(blocks).values()))
    named = range(0, len(blocks), -(-len(blocks) // MOST_NAMES))
    return Scale(Normalize(-0.5, len(blocks) - 0.5), colours, {i: block_label(blocks[i]) for i in named})


def numbers_of_blocks(names: pd.Series, blocks: list[str]) -> np.ndarray:
    """The places of units' best blocks among the blocks, float64 (units,); NaN of units without one.

    Raises:
        ValueError: A block is not among them.
    """
    if unknown := set(names.dropna()) - set(blocks):
        raise ValueError(f"best blocks that are not drawn: {', '.join(sorted(unknown))}")
    return names.map({block: number for number, block in enumerate(blocks)}).to_numpy(dtype=float)


def draw_bar(figure: plt.Figure, axes, scale: Scale, quantity: str) -> None:
    """Draw the colour bar of a row of panels, at their right.

    Args:
        figure: The figure.
        axes: The row's panels.
        scale: Their scale.
        quantity: One of `QUANTITIES`, or `BLOCK`.
    """
    bar = figure.colorbar(plt.cm.ScalarMappable(scale.norm, scale.colours), ax=axes, aspect=12, pad=0.01, shrink=0.85)
    bar.set_ticks(list(scale.ticks), labels=list(scale.ticks.values()), fontsize=7)
    bar.ax.minorticks_off()
    bar.set_label(UNITS[quantity])


def note_on_subjects(maps: pd.DataFrame) -> str:
    """Of how many subjects units are averages, where the table has these too."""
    n = maps.loc[maps["subject"] != OF_ALL, "subject"].nunique()
    return f"averages over {counted(n, 'subject')}" if n else "averages over subjects"
