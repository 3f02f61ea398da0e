"""Figures of alignment, drawn from the tables."""

import re
import textwrap
from itertools import cycle
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns

from ..comparison.measures import MEASURES
from ..comparison.schemes import AVERAGE, NO_CONTROL, NORMALISED
from ..encoding.scores import SUMMARIES
from ..statistics.tables import size_of
from .epoch_axis import BESIDE, EpochAxis
from .layout import (
    NETWORK_COLOURS,
    TITLE_PAD,
    make_room,
    plt,
    write_above,
    write_heading,
    write_if_simulated,
    write_legend,
    write_notes,
)

PLAIN_MARKER, CALIBRATED_MARKER = "o", "s"
MOST_DISTINCT = 8
"""Of the blocks' palette: so many colours are told apart without an order."""
NETWORK_MARKERS = ("o", "s", "^", "D", "v", "P", "X")
NETWORK_LINES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)))
WIDTH_OF_LABELS = 0.5
"""In inches, of what is beside a panel's axis."""
BAND = 0.2
"""The opacity of intervals."""
FAINT = 0.35
"""The opacity of the line from the untrained network, whose place on the axis is no time."""
FAR_ABOVE = 1.6
"""A ceiling that is so many times as high as what is drawn is stated, not drawn."""
MOST_COLUMNS = 6
"""Panels beside each other; further targets are in rows below."""
MOST_BLOCKS = 8
"""Of networks with more blocks than this, a figure that compares them shows the best alone."""

PAIRS_LABELS = {
    "all": "",
    "within_partitions": "\nwithin partitions",
    "across_partitions": "\nacross partitions",
    "without_same_label": "\nwithout pairs of one label",
}
OF_A_CEILING = ["distance", "measure", "pairs", "scheme"]
"""The columns in which an alignment and its noise ceiling agree, beside those of the target."""
CONTROL_LINES = ((0, (1, 1)), (0, (4, 1, 1, 1)), (0, (6, 2)), (0, (4, 1, 1, 1, 1, 1)))
CONTROL_COLOUR = "0.35"


def alignment_over_training(
    trajectories: pd.DataFrame,
    noise_ceiling: pd.DataFrame,
    controls: pd.DataFrame | None,
    datasets: list[str],
    blocks: list[str],
) -> plt.Figure:
    """Alignment of one network against epoch, as the paper's Figure 1.

    A row of panels per data set and size of images, or several rows of a data set of many targets; a panel per target,
    a line per block: the mean over subjects and
    seeds, and the band of its interval; the noise ceiling is a grey band. Controls are grey lines, their intervals bars
    at the lines' ends. Where an epoch was analysed with calibrated batch norm statistics too, these are a square beside
    its point.

    Args:
        trajectories: The table `trajectories`, of one network; its first measure, choice of pairs and scheme are drawn.
        noise_ceiling: The table `noise_ceiling`, whose bounds for these are given as text too.
        controls: The table `controls`, or None.
        datasets: Rows, from the top.
        blocks: Lines, in the order of the palette.
    """
    noise_ceiling = of_first_kind(trajectories, noise_ceiling, averaged=NORMALISED)
    controls = None if controls is None else of_first_kind(trajectories, controls)
    trajectories = of_first_kind(trajectories, trajectories, control=NO_CONTROL)
    sizes = list(dict.fromkeys(map(size_of, trajectories["view"])))
    groups = [(name, size) for name in datasets for size in sizes]
    rows = [(group, row) for group in groups for row in in_rows(targets_of(trajectories, group[0]))]
    columns = max(len(row) for _, row in rows)
    palette = block_palette(blocks)
    with sns.axes_style("ticks"), sns.plotting_context("paper", font_scale=1.1):
        panel = 2.9 if (trajectories["step"] == 0).all() else 3.5
        axis = EpochAxis.of(trajectories, width=panel - WIDTH_OF_LABELS)
        figure, axes = panels(len(rows), columns, panel, 2.6)
        for row, ((name, size), targets) in enumerate(rows):
            of_row = trajectories[(trajectories["dataset"] == name) & (trajectories["view"].map(size_of) == size)]
            for panel_axes, target in zip(axes[row], targets, strict=False):
                of_panel = of_row[of_row["target"] == target]
                draw_blocks(panel_axes, axis, of_panel, palette)
                lines = {} if controls is None else draw_controls(panel_axes, controls, name, target)
                draw_ceiling(panel_axes, noise_ceiling, name, target)
                panel_axes.set_title(target_label(target), pad=TITLE_PAD)
                write_above(panel_axes, [note_on_numbers(of_panel), note_on_ceiling(noise_ceiling, name, target)])
            for panel_axes in axes[row, len(targets) :]:
                panel_axes.set_axis_off()
            axes[row, 0].set_ylabel(measure_label(trajectories))
            if targets[0] == targets_of(trajectories, name)[0]:
                heading = name if len(sizes) == 1 else f"{name}, images of {pixels(size)}"
                write_heading(axes[row, 0], groups.index((name, size)), heading)
        for name in datasets:
            share_heights([axes[row, 0] for row, ((other, _), _) in enumerate(rows) if other == name])
        handles = [plt.Line2D([], [], color=palette[b], marker="o", markersize=4, label=block_label(b)) for b in blocks]
        if (trajectories["view"] != trajectories["view"].map(size_of)).any():
            grey: dict[str, Any] = {"color": "0.4", "linestyle": "", "markersize": 4}
            kinds = {"running": PLAIN_MARKER, "calibrated": CALIBRATED_MARKER}
            handles += [plt.Line2D([], [], marker=m, label=f"{kind} batch norm", **grey) for kind, m in kinds.items()]
        grey_line: dict[str, Any] = {"color": CONTROL_COLOUR, "linewidth": 1}
        handles += [plt.Line2D([], [], linestyle=line, label=control, **grey_line) for control, line in lines.items()]
        write_legend(figure, handles, "Output of")
        of_size = f"images of {pixels(sizes[0])}; " if len(sizes) == 1 else ""
        write_notes(figure, axis.note(), of_size + note_on_intervals(trajectories))
        write_if_simulated(figure, trajectories, "brain data")
    return figure


def networks_compared(
    trajectories: pd.DataFrame, noise_ceiling: pd.DataFrame, datasets: list[str], networks: dict[str, list[str]]
) -> plt.Figure:
    """Alignment of several networks against epoch.

    A row of panels per target, a line per network: means and intervals as in `alignment_over_training`, for
    images of the first size with the network's own batch norm statistics. A column shows each network's best block for
    the target: the one whose mean is the highest at any epoch. Where all networks have the same blocks, and not many,
    there is a column for each of these before it.

    Args:
        trajectories: The table `trajectories`; its first measure, choice of pairs and size of images are drawn.
        noise_ceiling: The table `noise_ceiling`, whose bounds for that measure and those pairs are given as text.
        datasets: Rows, from the top, of all their targets.
        networks: Name → blocks, in the order of the palette.
    """
    noise_ceiling = of_first_kind(trajectories, noise_ceiling, averaged=NORMALISED)
    trajectories = of_first_kind(trajectories, trajectories, control=NO_CONTROL)
    size = size_of(trajectories["view"].iloc[0])
    trajectories = trajectories[trajectories["view"] == size]
    rows = [(name, target) for name in datasets for target in targets_of(trajectories, name)]
    blocks, *others = networks.values()
    if any(other != blocks for other in others) or not 1 < len(blocks) <= MOST_BLOCKS:
        blocks = []
    styles = network_styles(networks)
    with sns.axes_style("ticks"), sns.plotting_context("paper", font_scale=1.1):
        panel = 2.9 if (trajectories["step"] == 0).all() else 3.5
        axis = EpochAxis.of(trajectories, width=panel - WIDTH_OF_LABELS)
        figure, axes = panels(len(rows), len(blocks) + 1, panel, 2.2)
        legends, of_best = [], {"loc": "upper left", "frameon": False, "fontsize": 7, "handlelength": 3}
        for row, (name, target) in enumerate(rows):
            of_row = trajectories[(trajectories["dataset"] == name) & (trajectories["target"] == target)]
            for panel_axes, block in zip(axes[row], blocks, strict=False):
                draw_networks(panel_axes, axis, of_row, dict.fromkeys(networks, block), styles)
            best = {network: best_block(of_row[of_row["network"] == network]) for network in networks}
            draw_networks(axes[row, -1], axis, of_row, best, styles)
            draw_ceiling(axes[row, -1], noise_ceiling, name, target)
            handles = [plt.Line2D([], [], label=block_label(best[n]), **styles[n]) for n in networks]
            legends.append(axes[row, -1].legend(handles=handles, bbox_to_anchor=(1, 1), **of_best))
            axes[row, 0].set_ylabel(target_label(target))
            write_above(axes[row, 0], [note_on_subjects(of_row), note_on_ceiling(noise_ceiling, name, target)])
            if target == targets_of(trajectories, name)[0]:
                write_heading(axes[row, 0], datasets.index(name), name)
        for panel_axes, title in zip(axes[0], [*map(block_label, blocks), "Best block"], strict=True):
            panel_axes.set_title(title, pad=TITLE_PAD)
        figure.supylabel(measure_label(trajectories), fontsize="medium")
        make_room(figure, legends)
        seeds = trajectories.groupby("network")["n_seeds"].max().to_dict()
        handles = [plt.Line2D([], [], label=f"{n} ({counted(seeds[n], 'seed')})", **styles[n]) for n in networks]
        write_legend(figure, handles, "Network")
        best = "best block: of each network and target, that of the highest mean at any epoch, so chosen by these data"
        write_notes(figure, axis.note(), f"images of {pixels(size)}; {note_on_intervals(trajectories)}", best)
        write_if_simulated(figure, trajectories, "brain data")
    return figure


def of_first_kind(trajectories: pd.DataFrame, table: pd.DataFrame, **also: str) -> pd.DataFrame:
    """The rows of a table that are of the first distance, measure, choice of pairs and scheme of trajectories.

    Args:
        trajectories: The table `trajectories`.
        table: It, or another one.
        also: Other columns of the table → what they have to say.
    """
    wanted = trajectories[OF_A_CEILING].iloc[0].to_dict() | also
    return table[(table[list(wanted)] == list(wanted.values())).all(axis=1)]


def targets_of(trajectories: pd.DataFrame, dataset: str) -> list[str]:
    """A data set's targets, in the table's order."""
    return list(dict.fromkeys(trajectories[trajectories["dataset"] == dataset]["target"]))


def in_rows(targets: list[str]) -> list[list[str]]:
    """Targets in as few rows as hold `MOST_COLUMNS` each, of about equal length."""
    n_rows = -(-len(targets) // MOST_COLUMNS)
    length = -(-len(targets) // n_rows)
    return [targets[start : start + length] for start in range(0, len(targets), length)]


def block_palette(blocks: list[str]) -> dict:
    """Block → colour: Okabe and Ito's palette as seaborn has it, told apart by colour-blind readers.

    Of many blocks no palette keeps each apart, so theirs go from dark to light as blocks go from early to late.
    """
    if len(blocks) <= MOST_DISTINCT:
        colours = sns.color_palette("colorblind", len(blocks))
    else:
        colours = plt.get_cmap("viridis")(np.linspace(0, 0.9, len(blocks)))
    return dict(zip(blocks, map(tuple, colours), strict=True))


def network_styles(networks) -> dict[str, dict]:
    """Network → colour, marker and line, so that networks are told apart in grey too."""
    looks = zip(networks, cycle(NETWORK_COLOURS), cycle(NETWORK_MARKERS), cycle(NETWORK_LINES), strict=False)
    return {
        network: {"color": colour, "marker": marker, "linestyle": line, "markersize": 4, "linewidth": 1.5}
        for network, colour, marker, line in looks
    }


def best_block(trajectories: pd.DataFrame) -> str:
    """The block whose mean over subjects and seeds is the highest at any epoch; of equal ones, the earliest."""
    values = trajectories.sort_values("epoch", kind="stable").reset_index(drop=True)
    return values.loc[values["value"].idxmax(), "block"]


def panels(rows: int, columns: int, width: float, height: float) -> tuple[plt.Figure, np.ndarray]:
    """A figure and its panels, (rows, columns), of about that size each in inches; what is beside these is added."""
    return plt.subplots(
        rows,
        columns,
        figsize=(width * columns + WIDTH_OF_LABELS, height * rows),
        squeeze=False,
        layout="constrained",
        sharey="row",
    )


def share_heights(axes) -> None:
    """Give panels the same range of values."""
    low, high = zip(*(panel.get_ylim() for panel in axes), strict=True)
    for panel in axes:
        panel.set_ylim(min(low), max(high))


def draw_blocks(axes, axis: EpochAxis, trajectories: pd.DataFrame, palette: dict) -> None:
    """Draw one panel of one network: a line per block."""
    for block, colour in palette.items():
        rows = trajectories[trajectories["block"] == block]
        is_plain = rows["view"] == rows["view"].map(size_of)
        style = {"color": colour, "markersize": 4, "linewidth": 1.5}
        draw_trajectory(axes, axis, rows[is_plain], marker=PLAIN_MARKER, **style)
        # Without a line, which would pass by the epochs that are not calibrated.
        style |= {"linestyle": "", "shift": BESIDE, "marker": CALIBRATED_MARKER}
        draw_trajectory(axes, axis, rows[~is_plain], **style)
    finish_panel(axes, axis)


def draw_networks(axes, axis: EpochAxis, trajectories: pd.DataFrame, blocks: dict[str, str], styles: dict) -> None:
    """Draw one panel of several networks: a line for one block of each, a little beside each other."""
    for i, (network, block) in enumerate(blocks.items()):
        rows = trajectories[(trajectories["network"] == network) & (trajectories["block"] == block)]
        draw_trajectory(axes, axis, rows, shift=0.01 * (i - (len(blocks) - 1) / 2), **styles[network])
    finish_panel(axes, axis)


def draw_trajectory(axes, axis: EpochAxis, rows: pd.DataFrame, shift: float = 0, **style) -> None:
    """Draw means against epoch and the bands of their intervals; the untrained network is joined by a faint line."""
    rows = rows.sort_values("epoch")
    if len(rows) > 1 and rows["epoch"].iloc[0] == 0 and style.get("linestyle") != "":
        first = rows.iloc[:2]
        places = [axis.place(epoch, shift) for epoch in first["epoch"]]
        axes.plot(places, first["value"], color=style["color"], alpha=FAINT, linewidth=0.8, linestyle="-")
    for part in (rows[rows["epoch"] > 0], rows[rows["epoch"] == 0]):
        if part.empty:
            continue
        places = [axis.place(epoch, shift) for epoch in part["epoch"]]
        axes.plot(places, part["value"], **style)
        if len(part) > 1 and style.get("linestyle") != "":
            axes.fill_between(places, part["low"], part["high"], color=style["color"], alpha=BAND, linewidth=0)
        else:
            axes.vlines(places, part["low"], part["high"], color=style["color"], alpha=2 * BAND, linewidth=3)


def draw_ceiling(axes, noise_ceiling: pd.DataFrame, dataset: str, target: str) -> None:
    """Draw a target's noise ceiling as a grey band, unless it is so far above all else that it would be flat."""
    lower, upper = bounds_of(noise_ceiling, dataset, target)
    if np.isfinite(lower) and lower <= FAR_ABOVE * axes.get_ylim()[1]:
        axes.axhspan(lower, upper, color="0.5", alpha=BAND, linewidth=0, zorder=0)


def draw_controls(axes, controls: pd.DataFrame, dataset: str, target: str) -> dict[str, Any]:
    """Draw how far controls are aligned with a target, and their intervals at the right; control → its line."""
    rows = controls[(controls["dataset"] == dataset) & (controls["target"] == target)]
    lines = dict(zip(rows["control"], cycle(CONTROL_LINES), strict=False))
    for place, row in enumerate(rows.itertuples()):
        axes.axhline(row.value, color=CONTROL_COLOUR, linewidth=1, linestyle=lines[row.control], zorder=0.5)
        at_right = {"transform": axes.get_yaxis_transform(), "clip_on": False, "linewidth": 1}
        x = 1.01 + 0.015 * place
        axes.plot(
            [x, x], [row.low, row.high], color=CONTROL_COLOUR, linestyle="-", marker="_", markersize=3, **at_right
        )
    return lines


def finish_panel(axes, axis: EpochAxis) -> None:
    axes.axhline(0, color="0.7", linewidth=0.8, zorder=0)
    axis.draw(axes)
    sns.despine(ax=axes)


# Words -----------------------------------------------------------------------------------------------------------


def note_on_intervals(trajectories: pd.DataFrame) -> str:
    """What the bands are, in words, and where there are none."""
    over = trajectories["generalises_over"].iloc[0]
    unknown = trajectories[trajectories["low"].isna()]
    if len(unknown) == len(trajectories) and unknown["status"].nunique() == 1:
        return f"mean without an interval over {over}: {unknown['status'].iloc[0]}"
    what = "network" if trajectories["network"].nunique() > 1 else "target"
    lacking = [
        f"; of {name} none, {status}" for name, status in unknown.groupby(what, sort=False)["status"].first().items()
    ]
    return f"mean and 95 % interval that generalises over {over}" + "".join(lacking)


def note_on_numbers(trajectories: pd.DataFrame) -> str:
    return f"{note_on_subjects(trajectories)} × {counted(int(trajectories['n_seeds'].max()), 'seed')}"


def note_on_subjects(trajectories: pd.DataFrame) -> str:
    """How many subjects networks were compared with, and whether it was with their average."""
    subjects = counted(int(trajectories["n_subjects"].max()), "subject")
    return f"average of {subjects}" if (trajectories["scheme"] == AVERAGE).all() else subjects


def note_on_ceiling(noise_ceiling: pd.DataFrame, dataset: str, target: str) -> str:
    """The bounds of a target's noise ceiling, nothing where they are not known."""
    lower, upper = bounds_of(noise_ceiling, dataset, target)
    return f"noise ceiling {lower:.2f} to {upper:.2f}" if np.isfinite(lower) else ""


def bounds_of(noise_ceiling: pd.DataFrame, dataset: str, target: str) -> tuple[float, float]:
    """The lower and the upper bound of a target's noise ceiling."""
    rows = noise_ceiling[(noise_ceiling["dataset"] == dataset) & (noise_ceiling["target"] == target)]
    lower, upper = rows[["lower", "upper"]].iloc[0]
    return lower, upper


def counted(n: int, what: str) -> str:
    """`1 subject`, `2 subjects`."""
    return f"{n} {what}{'' if n == 1 else 's'}"


def pixels(size: str) -> str:
    """`224 px` for the view `224px`."""
    return size.replace("px", " px")


def measure_label(trajectories: pd.DataFrame) -> str:
    """What is drawn of a table of one measure, choice of pairs and scheme, in lines that are no longer than a panel."""
    measure, pairs = trajectories[["measure", "pairs"]].iloc[0]
    if measure in SUMMARIES:
        return textwrap.fill(f"Encoding ({SUMMARIES[measure]})", 24)
    return textwrap.fill(f"Alignment ({MEASURES[measure].label})", 24) + PAIRS_LABELS[pairs]


def block_label(block: str) -> str:
    """`Block 3` for torchvision's `layer3` of a ResNet, else the module's name."""
    return f"Block {block[5:]}" if block.startswith("layer") and block[5:].isdigit() else block


def target_label(target: str) -> str:
    """`80 ms` for the time `80ms`, `human IT` for the region `human_IT`."""
    return re.sub(r"(\d)ms", r"\1 ms", target).replace("_", " ")
