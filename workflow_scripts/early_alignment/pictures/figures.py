"""Figures, drawn from the tables."""

import re
import textwrap
from itertools import cycle
from typing import Any

import matplotlib

matplotlib.use("agg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns

from ..comparison.schemes import AVERAGE, NO_CONTROL, NORMALISED
from ..statistics.standard_errors import crossed_standard_error
from ..statistics.tables import size_of
from .epoch_axis import BESIDE, EpochAxis

# Text stays text, to be found and edited; and equal figures have equal ids.
matplotlib.rcParams |= {"svg.fonttype": "none", "svg.hashsalt": "early-alignment"}

PLAIN_MARKER, CALIBRATED_MARKER = "o", "s"
MOST_DISTINCT = 8
"""Of the blocks' palette: so many colours are told apart without an order."""
NETWORK_COLOURS = ("#332288", "#CC6677", "#999933", "#88CCEE", "#882255", "#44AA99")
"""Of Paul Tol's muted scheme, told apart by colour-blind readers; none is in the blocks' palette."""
NETWORK_MARKERS = ("o", "s", "^", "D", "v", "P", "X")
NETWORK_LINES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)))
WIDTH_OF_LABELS = 0.5
"""In inches, of what is beside a panel's axis."""
TITLE_PAD = 18
"""In points, from a panel to its title, for two small lines."""
MOST_POINTS = 30
"""Of more epochs, curves of training are drawn without points, which would run together."""
MOST_BLOCKS = 8
"""Of networks with more blocks than this, a figure that compares them shows the best alone."""

MEASURE_LABELS = {
    "pearson": "Pearson's r",
    "spearman": "Spearman's ρ",
    "kendall_tau_a": "Kendall's τ-a",
    "cosine": "cosine",
    "whitened": "whitened correlation",
}
PAIRS_LABELS = {
    "all": "",
    "within_partitions": "\nwithin partitions",
    "across_partitions": "\nacross partitions",
    "without_same_label": "\nwithout pairs of one label",
}
OF_A_CEILING = ["measure", "pairs", "scheme"]
"""The columns in which an alignment and its noise ceiling agree, beside those of the target."""


def alignment_over_training(
    alignment: pd.DataFrame, noise_ceiling: pd.DataFrame, datasets: list[str], blocks: list[str]
) -> plt.Figure:
    """Alignment of one network against epoch, as the paper's Figure 1.

    A row of panels per data set and size of images, a panel per target, a line per block: the mean over subjects and
    seeds, and its standard error, both being random factors (`crossed_standard_error`). Where an epoch was analysed
    with calibrated batch norm statistics too, these are a square beside its point.

    Args:
        alignment: The table `alignment`, of one network; its first measure, choice of pairs and scheme are drawn.
        noise_ceiling: The table `noise_ceiling`, whose bounds for that measure and those pairs are given as text.
        datasets: Rows, from the top.
        blocks: Lines, in the order of the palette.
    """
    alignment, noise_ceiling = of_first_measure(alignment, noise_ceiling)
    sizes = list(dict.fromkeys(map(size_of, alignment["view"])))
    rows = [(name, size) for name in datasets for size in sizes]
    targets = {name: targets_of(alignment, name) for name in datasets}
    columns = max(len(row) for row in targets.values())
    palette = block_palette(blocks)
    with sns.axes_style("ticks"), sns.plotting_context("paper", font_scale=1.1):
        panel = 2.9 if (alignment["step"] == 0).all() else 3.5
        axis = EpochAxis.of(alignment, width=panel - WIDTH_OF_LABELS)
        figure, axes = panels(len(rows), columns, panel, 2.6)
        for row, (name, size) in enumerate(rows):
            of_row = alignment[(alignment["dataset"] == name) & (alignment["view"].map(size_of) == size)]
            for panel_axes, target in zip(axes[row], targets[name], strict=False):
                of_panel = of_row[of_row["target"] == target]
                draw_blocks(panel_axes, axis, of_panel, palette)
                panel_axes.set_title(target_label(target), pad=TITLE_PAD)
                write_above(panel_axes, [note_on_numbers(of_panel), note_on_ceiling(noise_ceiling, name, target)])
            for panel_axes in axes[row, len(targets[name]) :]:
                panel_axes.set_axis_off()
            axes[row, 0].set_ylabel(measure_label(alignment))
            write_heading(axes[row, 0], row, name if len(sizes) == 1 else f"{name}, images of {pixels(size)}")
        for first in range(0, len(rows), len(sizes)):
            share_heights(axes[first : first + len(sizes), 0])
        handles = [plt.Line2D([], [], color=palette[b], marker="o", markersize=4, label=block_label(b)) for b in blocks]
        if (alignment["view"] != alignment["view"].map(size_of)).any():
            grey: dict[str, Any] = {"color": "0.4", "linestyle": "", "markersize": 4}
            kinds = {"running": PLAIN_MARKER, "calibrated": CALIBRATED_MARKER}
            handles += [plt.Line2D([], [], marker=m, label=f"{kind} batch norm", **grey) for kind, m in kinds.items()]
        write_legend(figure, handles, "Output of")
        of_size = f"images of {pixels(sizes[0])}; " if len(sizes) == 1 else ""
        write_notes(figure, axis.note(), of_size + note_on_errors(alignment))
        write_if_simulated(figure, alignment, "brain data")
    return figure


def networks_compared(
    alignment: pd.DataFrame, noise_ceiling: pd.DataFrame, datasets: list[str], networks: dict[str, list[str]]
) -> plt.Figure:
    """Alignment of several networks against epoch.

    A row of panels per target, a line per network: means and standard errors as in `alignment_over_training`, for
    images of the first size with the network's own batch norm statistics. A column shows each network's best block for
    the target: the one whose mean is the highest at any epoch. Where all networks have the same blocks, and not many,
    there is a column for each of these before it.

    Args:
        alignment: The table `alignment`; its first measure, choice of pairs and size of images are drawn.
        noise_ceiling: The table `noise_ceiling`, whose bounds for that measure and those pairs are given as text.
        datasets: Rows, from the top, of all their targets.
        networks: Name → blocks, in the order of the palette.
    """
    alignment, noise_ceiling = of_first_measure(alignment, noise_ceiling)
    size = size_of(alignment["view"].iloc[0])
    alignment = alignment[alignment["view"] == size]
    rows = [(name, target) for name in datasets for target in targets_of(alignment, name)]
    blocks, *others = networks.values()
    if any(other != blocks for other in others) or not 1 < len(blocks) <= MOST_BLOCKS:
        blocks = []
    styles = network_styles(networks)
    with sns.axes_style("ticks"), sns.plotting_context("paper", font_scale=1.1):
        panel = 2.9 if (alignment["step"] == 0).all() else 3.5
        axis = EpochAxis.of(alignment, width=panel - WIDTH_OF_LABELS)
        figure, axes = panels(len(rows), len(blocks) + 1, panel, 2.2)
        legends, of_best = [], {"loc": "upper left", "frameon": False, "fontsize": 7, "handlelength": 3}
        for row, (name, target) in enumerate(rows):
            of_row = alignment[(alignment["dataset"] == name) & (alignment["target"] == target)]
            for panel_axes, block in zip(axes[row], blocks, strict=False):
                draw_networks(panel_axes, axis, of_row, dict.fromkeys(networks, block), styles)
            best = {network: best_block(of_row[of_row["network"] == network]) for network in networks}
            draw_networks(axes[row, -1], axis, of_row, best, styles)
            handles = [plt.Line2D([], [], label=block_label(best[n]), **styles[n]) for n in networks]
            legends.append(axes[row, -1].legend(handles=handles, bbox_to_anchor=(1, 1), **of_best))
            axes[row, 0].set_ylabel(target_label(target))
            write_above(axes[row, 0], [note_on_subjects(of_row), note_on_ceiling(noise_ceiling, name, target)])
            if target == targets_of(alignment, name)[0]:
                write_heading(axes[row, 0], datasets.index(name), name)
        for panel_axes, title in zip(axes[0], [*map(block_label, blocks), "Best block"], strict=True):
            panel_axes.set_title(title, pad=TITLE_PAD)
        figure.supylabel(measure_label(alignment), fontsize="medium")
        make_room(figure, legends)
        seeds = alignment.groupby("network")["seed"].nunique().to_dict()
        handles = [plt.Line2D([], [], label=f"{n} ({counted(seeds[n], 'seed')})", **styles[n]) for n in networks]
        write_legend(figure, handles, "Network")
        best = "best block: of each network and target, that of the highest mean at any epoch, so chosen by these data"
        write_notes(figure, axis.note(), f"images of {pixels(size)}; {note_on_errors(alignment)}", best)
        write_if_simulated(figure, alignment, "brain data")
    return figure


def of_first_measure(alignment: pd.DataFrame, noise_ceiling: pd.DataFrame) -> list[pd.DataFrame]:
    """The rows of both tables of the first measure, choice of pairs and scheme in the first; of no control."""
    same = (alignment[OF_A_CEILING] == alignment[OF_A_CEILING].iloc[0]).all(axis=1)
    bounds = (noise_ceiling[OF_A_CEILING] == alignment[OF_A_CEILING].iloc[0]).all(axis=1)
    return [
        alignment[same & (alignment["control"] == NO_CONTROL)],
        noise_ceiling[bounds & (noise_ceiling["averaged"] == NORMALISED)],
    ]


def targets_of(alignment: pd.DataFrame, dataset: str) -> list[str]:
    """A data set's targets, in the table's order."""
    return list(dict.fromkeys(alignment[alignment["dataset"] == dataset]["target"]))


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


def best_block(alignment: pd.DataFrame) -> str:
    """The block whose mean over subjects and seeds is the highest at any epoch; of equal ones, the earliest."""
    means = alignment.groupby(["epoch", "block"], sort=False)["value"].mean().sort_index(level="epoch", kind="stable")
    return means.idxmax()[1]


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


def draw_blocks(axes, axis: EpochAxis, alignment: pd.DataFrame, palette: dict) -> None:
    """Draw one panel of one network: a line per block."""
    for block, colour in palette.items():
        rows = alignment[alignment["block"] == block]
        is_plain = rows["view"] == rows["view"].map(size_of)
        style = {"color": colour, "markersize": 4, "linewidth": 1.5}
        draw_trajectory(axes, axis, rows[is_plain], marker=PLAIN_MARKER, **style)
        # Without a line, which would pass by the epochs that are not calibrated.
        style |= {"linestyle": "", "shift": BESIDE, "marker": CALIBRATED_MARKER}
        draw_trajectory(axes, axis, rows[~is_plain], **style)
    finish_panel(axes, axis)


def draw_networks(axes, axis: EpochAxis, alignment: pd.DataFrame, blocks: dict[str, str], styles: dict) -> None:
    """Draw one panel of several networks: a line for one block of each, a little beside each other."""
    for i, (network, block) in enumerate(blocks.items()):
        rows = alignment[(alignment["network"] == network) & (alignment["block"] == block)]
        draw_trajectory(axes, axis, rows, shift=0.01 * (i - (len(blocks) - 1) / 2), **styles[network])
    finish_panel(axes, axis)


def draw_trajectory(axes, axis: EpochAxis, rows: pd.DataFrame, shift: float = 0, **style) -> None:
    """Draw means and standard errors against epoch, the line broken after the untrained network."""
    means = means_and_errors(rows, "epoch")
    for part in (means[means.index > 0], means[means.index == 0]):
        if len(part):
            places = [axis.place(epoch, shift) for epoch in part.index]
            axes.errorbar(places, part["mean"], yerr=part["error"], capsize=2, elinewidth=1.2, **style)


def finish_panel(axes, axis: EpochAxis) -> None:
    axes.axhline(0, color="0.7", linewidth=0.8, zorder=0)
    axis.draw(axes)
    sns.despine(ax=axes)


def means_and_errors(rows: pd.DataFrame, by: str) -> pd.DataFrame:
    """The columns `mean` and `error`, its standard error, over subjects and seeds, for each value of a column."""
    groups = rows.groupby(by)
    squares = {key: group.pivot(index="subject", columns="seed", values="value") for key, group in groups}
    errors = pd.Series({key: crossed_standard_error(square) for key, square in squares.items()}, dtype=float)
    return pd.DataFrame({"mean": groups["value"].mean(), "error": errors})


# Words -----------------------------------------------------------------------------------------------------------


def write_above(axes, lines: list[str]) -> None:
    """Write small lines above a panel, at its right."""
    text = "\n".join(filter(None, lines))
    axes.text(1.0, 0.985, text, transform=axes.transAxes, ha="right", va="bottom", fontsize=7, color="0.4")


def write_heading(axes, number: int, name: str) -> None:
    """Write a letter and a name above a row of panels, a line above their titles."""
    # A title, as a layout makes room for its height alone.
    text = f"{chr(ord('a') + number)}   {name.replace('_', ' ')}\n"
    axes.set_title(text, loc="left", x=-0.15, pad=TITLE_PAD, fontweight="bold", fontsize="medium")


def write_legend(figure: plt.Figure, handles: list, title: str | None = None) -> None:
    """Write a legend at the figure's right, in as many columns as its height asks for."""
    columns = int(np.ceil(len(handles) * 0.25 / figure.get_figheight()))
    style: dict[str, Any] = {"loc": "outside right center", "frameon": False, "handlelength": 3}
    make_room(figure, [figure.legend(handles=handles, title=title, ncols=columns, **style)])


def make_room(figure: plt.Figure, legends: list) -> None:
    """Widen a figure by the widest of the legends beside its panels, which else would be narrowed."""
    widths = [legend.get_window_extent().width for legend in legends]
    figure.set_figwidth(figure.get_figwidth() + max(widths) / figure.dpi)


def write_notes(figure: plt.Figure, *notes: str) -> None:
    """Write lines below a figure, no wider than it."""
    text = "\n".join(textwrap.fill(note, int(figure.get_figwidth() * 13)) for note in notes)
    figure.set_figheight(figure.get_figheight() + 0.17 * len(text.splitlines()))
    figure.supxlabel(text, fontsize=9)


def write_if_simulated(figure: plt.Figure, table: pd.DataFrame, what: str) -> None:
    """Write above a figure that what it is of was simulated, if it was."""
    if set(table["data"]) == {"simulated"}:
        text = textwrap.fill(f"SIMULATED {what}: a demonstration, not a finding", int(figure.get_figwidth() * 10))
        figure.set_figheight(figure.get_figheight() + 0.25 * len(text.splitlines()))
        figure.suptitle(text, color="firebrick", fontsize=11)


def note_on_errors(alignment: pd.DataFrame) -> str:
    """What the error bars are, in words: of a factor of one, nothing is known beyond that one."""
    seeds = alignment.groupby("network")["seed"].nunique()
    factors = {"subjects": alignment.groupby(["dataset", "target"])["subject"].nunique().max(), "seeds": seeds.max()}
    sampled = [name for name, n in factors.items() if n > 1]
    one = {"subjects": "subject", "seeds": "seed"}
    if (alignment["scheme"] == AVERAGE).all():
        one["subjects"] = "average of subjects"
    if not sampled:
        return f"one {one['subjects']} and one seed: no standard error can be known"
    if len(sampled) == 1:
        (other,) = set(factors) - set(sampled)
        return f"mean ± standard error over {sampled[0]}, of one {one[other]}: nothing is known of other {other}"
    words = "mean ± standard error over subjects and seeds, as two crossed random factors"
    return words if seeds.min() > 1 else f"{words}; of a network with one seed, over subjects"


def note_on_numbers(alignment: pd.DataFrame) -> str:
    return f"{note_on_subjects(alignment)} × {counted(alignment['seed'].nunique(), 'seed')}"


def note_on_subjects(alignment: pd.DataFrame) -> str:
    """How many subjects networks were compared with, or that it was with their average."""
    if (alignment["scheme"] == AVERAGE).all():
        return "subjects' average"
    return counted(alignment["subject"].nunique(), "subject")


def note_on_ceiling(noise_ceiling: pd.DataFrame, dataset: str, target: str) -> str:
    """The bounds of a target's noise ceiling, nothing where they are not known."""
    rows = noise_ceiling[(noise_ceiling["dataset"] == dataset) & (noise_ceiling["target"] == target)]
    lower, upper = rows[["lower", "upper"]].iloc[0]
    return f"noise ceiling {lower:.2f} to {upper:.2f}" if np.isfinite(lower) else ""


def counted(n: int, what: str) -> str:
    """`1 subject`, `2 subjects`."""
    return f"{n} {what}{'s' * (n != 1)}"


def pixels(size: str) -> str:
    """`224 px` for the view `224px`."""
    return size.replace("px", " px")


def measure_label(alignment: pd.DataFrame) -> str:
    """What is drawn of a table of one measure, choice of pairs and scheme, in lines that are no longer than a panel."""
    measure, pairs = alignment[["measure", "pairs"]].iloc[0]
    return textwrap.fill(f"Alignment ({MEASURE_LABELS[measure]})", 24) + PAIRS_LABELS[pairs]


def block_label(block: str) -> str:
    """`Block 3` for torchvision's `layer3` of a ResNet, else the module's name."""
    return f"Block {block[5:]}" if block.startswith("layer") and block[5:].isdigit() else block


def target_label(target: str) -> str:
    """`80 ms` for the time `80ms`, `human IT` for the region `human_IT`."""
    return re.sub(r"(\d)ms", r"\1 ms", target).replace("_", " ")


# Training --------------------------------------------------------------------------------------------------------


def training_curves(accuracy: pd.DataFrame) -> plt.Figure:
    """Loss and top-1 accuracy against epoch, a line per seed; or a statement that they were not measured.

    Of one network, a colour per seed; of several, a colour per network, its seeds from light to dark. A line passes
    through what was measured inside an epoch too; its points, at whole epochs, are drawn if they are few.

    Args:
        accuracy: The table `accuracy`.
    """
    measured = accuracy.dropna(subset="top1").sort_values("epoch", kind="stable")
    seeds = {network: sorted(rows["seed"].unique()) for network, rows in accuracy.groupby("network", sort=False)}
    palette = curve_palette(seeds)
    marker = "o" if measured["epoch"].nunique() <= MOST_POINTS else ""
    with sns.axes_style("ticks"), sns.plotting_context("paper", font_scale=1.1):
        figure, (loss, top1) = plt.subplots(1, 2, figsize=(6, 3.1), layout="constrained")
        for key, rows in measured.groupby(["network", "seed"], sort=False):
            style = {"color": palette[key], "linewidth": 1.2}
            training = rows.dropna(subset="training_loss")
            loss.plot(training["epoch"], training["training_loss"], linestyle="--", **style)
            style |= {"marker": marker, "markersize": 2.5, "markevery": list(np.flatnonzero(rows["step"] == 0))}
            loss.plot(rows["epoch"], rows["validation_loss"], **style)
            top1.plot(rows["epoch"], 100 * rows["top1"], **style)
        loss.set_ylabel("Cross-entropy")
        top1.set_ylabel("Top-1 accuracy (%)")
        kinds: dict = {"validation": "-"} | ({"training": "--"} if measured["training_loss"].notna().any() else {})
        handles = lines_of_networks(seeds, palette, set(measured["network"]))
        handles += [plt.Line2D([], [], color="0.4", linestyle=line, label=name) for name, line in kinds.items()]
        for axes in (loss, top1):
            axes.set_xlabel("Training epoch")
            sns.despine(ax=axes)
            if measured.empty:
                reason = accuracy["accuracy"].iloc[0].replace(": ", ":\n")
                axes.text(0.5, 0.5, reason, transform=axes.transAxes, ha="center", va="center", color="0.4")
        if not measured.empty:
            write_legend(figure, handles)
        write_if_simulated(figure, accuracy, "images")
    return figure


def curve_palette(seeds: dict[str, list[int]]) -> dict:
    """(network, seed) → colour. Light to dark: many seeds stay apart, and none looks like a block of Figure 1."""
    if len(seeds) == 1:
        ((network, numbers),) = seeds.items()
        return {(network, seed): c for seed, c in zip(numbers, sns.color_palette("viridis", len(numbers)), strict=True)}
    palette = {}
    for (network, numbers), colour in zip(seeds.items(), cycle(NETWORK_COLOURS), strict=False):
        shades = sns.light_palette(colour, 2 * len(numbers))[-len(numbers) :]
        palette |= {(network, seed): shade for seed, shade in zip(numbers, shades, strict=True)}
    return palette


def lines_of_networks(seeds: dict[str, list[int]], palette: dict, measured: set[str]) -> list[plt.Line2D]:
    """The legend's lines: of one network its seeds; of several the networks, and that there is a line per seed."""
    if len(seeds) == 1:
        return [plt.Line2D([], [], color=colour, label=f"seed {seed}") for (_, seed), colour in palette.items()]
    lines = [
        plt.Line2D([], [], color=palette[network, numbers[-1]], label=network)
        if network in measured
        else plt.Line2D([], [], linestyle="", label=f"{network}: not evaluated")
        for network, numbers in seeds.items()
    ]
    if any(len(numbers) > 1 for numbers in seeds.values()):
        lines.append(plt.Line2D([], [], linestyle="", label="(a line per seed)"))
    return lines


def save(figure: plt.Figure, paths) -> None:
    """Write a figure to each path, in the format that its ending says; without dates: equal figures, equal files."""
    for path in map(str, paths):
        metadata = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(path.rpartition(".")[2])
        figure.savefig(path, dpi=200, metadata=metadata)
    plt.close(figure)
