"""The figure of encoding models over the scalp: a map per time and quantity."""

import mne
import numpy as np
import pandas as pd
import seaborn as sns

from ..datasets.things_eeg2_channels import info
from .figures import counted, target_label
from .layout import plt, write_if_simulated, write_notes
from .maps import (
    BLOCK,
    GREY,
    LABELS,
    QUANTITIES,
    Scale,
    averages,
    draw_bar,
    note_on_subjects,
    numbers_of_blocks,
    scale_of,
    scale_of_blocks,
)

MOST_TARGETS = 10
"""Of more, so many are drawn that are evenly spread."""
FEWEST_CHANNELS = 4
"""Between fewer with a number nothing is interpolated."""
CHANNELS = "channels"
"""The id of a panel's channels, by which they are found among what MNE draws."""


def scalp_maps(maps: pd.DataFrame, blocks: list[str]) -> plt.Figure:
    """How well channels are predicted, and when in training: topographies, a column per target.

    Rows are the held-out r of the best block, its peak epoch, its half-time, and which block it is. The first three
    are interpolated linearly between channels whose r is above 0, and only near these (MNE's `local`); blocks, which
    have no values between them, are the colours of channels. Channels whose r is not above 0 are empty circles.

    Args:
        maps: A row per channel, subject and target of one data set, network and view: columns `channel`, of the
            10-05 system, `target`, `subject`, `r`, `peak_epoch`, `half_time`, `best_block` and `data`. Rows are drawn
            whose subject is `average`; columns are in the order in which they name targets.
        blocks: In the order of the palette.

    Raises:
        InputError: A channel's place is not known.
        ValueError: No rows are averages, or a best block is not among the blocks.
    """
    drawn = averages(maps)
    every = list(drawn["target"].unique())
    targets = [every[i] for i in np.unique(np.linspace(0, len(every) - 1, MOST_TARGETS).round().astype(int))]
    drawn = drawn[drawn["target"].isin(targets)].assign(number=lambda rows: numbers_of_blocks(rows[BLOCK], blocks))
    scales = {quantity: scale_of(drawn[quantity], quantity) for quantity in QUANTITIES}
    with sns.plotting_context("paper", font_scale=1.1):
        figure, axes = plt.subplots(
            len(LABELS),
            len(targets),
            figsize=(1.7 * len(targets) + 1.2, 1.7 * len(LABELS)),
            squeeze=False,
            sharex=True,
            sharey=True,
            layout="constrained",
        )
        for column, target in enumerate(targets):
            of_target = drawn[drawn["target"] == target]
            names = list(of_target["channel"])
            for panel, quantity in zip(axes[:, column], QUANTITIES, strict=False):
                values = of_target[quantity].to_numpy(dtype=float)
                interpolate(panel, names, values, scales[quantity])
                draw_channels(panel, names, values, scales[quantity], size=8)
            draw_channels(axes[-1, column], names, of_target["number"].to_numpy(), scale_of_blocks(blocks), size=22)
            axes[0, column].set_title(target_label(target))
        for panels, (quantity, label) in zip(axes, LABELS.items(), strict=True):
            draw_bar(figure, panels, (scales | {BLOCK: scale_of_blocks(blocks)})[quantity], quantity)
            panels[0].set_ylabel(label)
        write_notes(figure, note_on_channels(maps), *note_on_targets(len(targets), len(every)))
        write_if_simulated(figure, maps, "brain data")
    return figure


def interpolate(axes, channels: list[str], values: np.ndarray, scale: Scale) -> None:
    """Draw values, (channels,), and what lies between and beside those that are known, if these are not too few."""
    known = np.isfinite(values)
    if known.sum() >= FEWEST_CHANNELS:
        mne.viz.plot_topomap(
            values[known],
            info([name for name, is_known in zip(channels, known, strict=True) if is_known]),
            axes=axes,
            cmap=scale.colours,
            cnorm=scale.norm,
            sensors=False,
            contours=0,
            image_interp="linear",
            extrapolate="local",
            show=False,
        )


def draw_channels(axes, channels: list[str], values: np.ndarray, scale: Scale, size: float) -> None:
    """Draw the outlines of a head and a dot per channel, an empty one where a value is not known.

    Args:
        axes: A panel.
        channels: Names.
        values: (channels,).
        scale: Of the dots' colours.
        size: Of dots, in points².
    """
    image, _ = mne.viz.plot_topomap(
        np.zeros(len(channels)),
        info(channels),
        axes=axes,
        sensors=False,
        contours=0,
        image_interp="linear",
        res=2,  # of an image that is not kept
        mask=np.ones(len(channels), dtype=bool),
        mask_params={"gid": CHANNELS},
        show=False,
    )
    (dots,) = (line for line in axes.lines if line.get_gid() == CHANNELS)
    places = dots.get_xydata()
    image.remove()
    dots.remove()
    known = np.isfinite(values)
    axes.scatter(*places[~known].T, s=size, facecolors="none", edgecolors=GREY, linewidths=0.8, zorder=5)
    style = {"s": size, "edgecolors": "black", "linewidths": 0.4, "zorder": 6, "gid": CHANNELS}
    axes.scatter(*places[known].T, c=values[known], norm=scale.norm, cmap=scale.colours, **style)


# Words -----------------------------------------------------------------------------------------------------------


def note_on_channels(maps: pd.DataFrame) -> str:
    """What channels are, and which have no number."""
    channels = counted(maps["channel"].nunique(), "channel")
    return f"{channels}, {note_on_subjects(maps)}; empty circles: r not above 0; colours between channels: interpolated"


def note_on_targets(shown: int, there_are: int) -> list[str]:
    """That some targets are not drawn, if so."""
    return [f"{shown} of {counted(there_are, 'target')} are drawn"] if shown < there_are else []
