"""Figures, drawn from the tables."""

import re

import matplotlib

matplotlib.use("agg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.transforms import blended_transform_factory

from ..statistics.standard_errors import crossed_standard_error

# Text stays text, to be found and edited; and equal figures have equal ids.
matplotlib.rcParams |= {"svg.fonttype": "none", "svg.hashsalt": "early-alignment"}

UNTRAINED_AT = 0.5
"""Where on the log axis of epochs, which has no 0, the untrained network is drawn; the break is right of it."""
BATCHNORM_MARKERS = {"running": "o", "calibrated": "s"}
"""Markers by the statistics that the untrained network's batch norm layers normalise with."""


MEASURE_LABELS = {
    "pearson": "Pearson's r",
    "spearman": "Spearman's ρ",
    "kendall_tau_a": "Kendall's τ-a",
    "cosine": "cosine",
    "whitened": "whitened correlation",
}
PAIRS_LABELS = {"all": "", "within_partitions": "\nwithin partitions", "across_partitions": "\nacross partitions"}


def alignment_over_training(
    alignment: pd.DataFrame, noise_ceiling: pd.DataFrame, datasets: list[str], blocks: list[str]
) -> plt.Figure:
    """Alignment against epoch, as the paper's Figure 1.

    A row of panels per data set, a panel per target, a line per block: the mean over subjects and networks, and its
    standard error, both being random factors (`crossed_standard_error`).

    Args:
        alignment: The table `alignment`; its first measure and choice of pairs are drawn.
        noise_ceiling: The table `noise_ceiling`, whose bounds for that measure and those pairs are given as text.
        datasets: Rows, from the top.
        blocks: Lines, in the order of the palette.
    """
    measure, pairs = alignment[["measure", "pairs"]].iloc[0]
    alignment, noise_ceiling = (
        table[(table["measure"] == measure) & (table["pairs"] == pairs)] for table in (alignment, noise_ceiling)
    )
    targets = {name: list(dict.fromkeys(alignment[alignment["dataset"] == name]["target"])) for name in datasets}
    columns = max(len(row) for row in targets.values())
    # Okabe and Ito's palette as seaborn has it, told apart by colour-blind readers, from early blocks to late.
    palette = dict(zip(blocks, sns.color_palette("colorblind", len(blocks)), strict=True))
    with sns.axes_style("ticks"), sns.plotting_context("paper", font_scale=1.1):
        figure, axes = plt.subplots(
            len(datasets),
            columns,
            figsize=(2.9 * columns + 1.4, 2.6 * len(datasets) + 0.7),
            squeeze=False,
            layout="constrained",
            sharey="row",
        )
        for row, name in enumerate(datasets):
            for column in range(columns):
                if column < len(targets[name]):
                    draw_target(
                        axes[row, column],
                        alignment[(alignment["dataset"] == name) & (alignment["target"] == targets[name][column])],
                        noise_ceiling[
                            (noise_ceiling["dataset"] == name) & (noise_ceiling["target"] == targets[name][column])
                        ],
                        palette,
                    )
                    axes[row, column].set_title(target_label(targets[name][column]), pad=18)
                else:
                    axes[row, column].set_axis_off()
            axes[row, 0].set_ylabel(f"Alignment ({MEASURE_LABELS[measure]}){PAIRS_LABELS[pairs]}")
            axes[row, 0].annotate(
                f"{chr(ord('a') + row)}   {name.replace('_', ' ')}",
                (0, 1),
                xytext=(-40, 20),
                xycoords="axes fraction",
                textcoords="offset points",
                fontweight="bold",
            )
        handles = [plt.Line2D([], [], color=palette[b], marker="o", markersize=4, label=block_label(b)) for b in blocks]
        variants = list(dict.fromkeys(alignment[alignment["epoch"] == 0]["batchnorm"]))
        if len(variants) > 1:
            grey = {"color": "0.4", "linestyle": "", "markersize": 4}
            handles += [
                plt.Line2D([], [], marker=BATCHNORM_MARKERS[v], label=f"untrained, {v}", **grey) for v in variants
            ]
        figure.legend(handles=handles, loc="outside right center", frameon=False, title="Output of")
        simulated = set(alignment["data"]) == {"simulated"}
        figure.supxlabel(
            f"Training epoch (log axis; untrained network left of the break)\n{note_on_errors(alignment)}", fontsize=9
        )
        if simulated:
            figure.suptitle("SIMULATED brain data: a demonstration, not a finding", color="firebrick", fontsize=11)
    return figure


def note_on_errors(alignment: pd.DataFrame) -> str:
    """What the error bars are, in words: of a factor of one, nothing is known beyond that one."""
    factors = {"subjects": alignment.groupby(["dataset", "target"])["subject"].nunique().max()}
    factors["networks"] = alignment["seed"].nunique()
    sampled = [name for name, n in factors.items() if n > 1]
    if not sampled:
        return "one subject and one network: no standard error can be known"
    if len(sampled) == 1:
        (other,) = set(factors) - set(sampled)
        return f"mean ± standard error over {sampled[0]}, of one {other[:-1]}: nothing is known of other {other}"
    return "mean ± standard error over subjects and networks, as two crossed random factors"


def block_label(block: str) -> str:
    """`Block 3` for torchvision's `layer3` of a ResNet, else the module's name."""
    return f"Block {block[5:]}" if block.startswith("layer") and block[5:].isdigit() else block


def target_label(target: str) -> str:
    """`80 ms` for the time `80ms`, `human IT` for the region `human_IT`."""
    return re.sub(r"(\d)ms", r"\1 ms", target).replace("_", " ")


def draw_target(axes, alignment: pd.DataFrame, noise_ceiling: pd.DataFrame, palette: dict) -> None:
    """Draw one panel: a line per block, broken between the untrained network and the first trained epoch."""
    for block, colour in palette.items():
        rows = alignment[alignment["block"] == block]
        style = {"color": colour, "markersize": 4, "capsize": 2, "linewidth": 1.5}
        trained = means_and_errors(rows[rows["epoch"] > 0], "epoch")
        axes.errorbar(trained.index, trained["mean"], yerr=trained["error"], marker="o", **style)
        untrained = means_and_errors(rows[rows["epoch"] == 0], "batchnorm")
        for variant, mean, error in untrained.itertuples():
            # Side by side where there are both.
            place = UNTRAINED_AT * (1 if len(untrained) == 1 else {"running": 0.93, "calibrated": 1.08}[variant])
            axes.errorbar([place], mean, yerr=error, marker=BATCHNORM_MARKERS[variant], **style)
    epochs = sorted(alignment["epoch"].unique())
    axes.axhline(0, color="0.7", linewidth=0.8, zorder=0)
    draw_epoch_axis(axes, epochs)
    lower, upper = noise_ceiling[["lower", "upper"]].iloc[0]
    n_subjects, n_networks = alignment["subject"].nunique(), alignment["seed"].nunique()
    text = f"{counted(n_subjects, 'subject')} × {counted(n_networks, 'network')}"
    if np.isfinite(lower):
        text += f"\nnoise ceiling {lower:.2f} to {upper:.2f}"
    axes.text(1.0, 0.985, text, transform=axes.transAxes, ha="right", va="bottom", fontsize=7, color="0.4")
    sns.despine(ax=axes)


def counted(n: int, what: str) -> str:
    """`1 subject`, `2 subjects`."""
    return f"{n} {what}{'s' * (n != 1)}"


def means_and_errors(rows: pd.DataFrame, by: str) -> pd.DataFrame:
    """The columns `mean` and `error`, its standard error, over subjects and networks, for each value of a column."""
    groups = rows.groupby(by)
    squares = {key: group.pivot(index="subject", columns="seed", values="value") for key, group in groups}
    return pd.DataFrame(
        {"mean": groups["value"].mean(), "error": pd.Series({k: crossed_standard_error(s) for k, s in squares.items()})}
    )


def draw_epoch_axis(axes, epochs: list[int]) -> None:
    """A log axis of epochs with the untrained network in its own place, left of a break."""
    trained = [epoch for epoch in epochs if epoch > 0]
    axes.set_xscale("log")
    has_untrained = 0 in epochs
    places = ([UNTRAINED_AT] if has_untrained else []) + trained
    axes.set_xlim(places[0] / 1.35, places[-1] * 1.25)
    # Labels may not touch: along a log axis, keep those that are at least a sixteenth of it from the last one kept.
    shown, least = [], (places[-1] / places[0]) ** (1 / 16)
    for epoch in trained:
        if not shown or epoch == trained[-1] or epoch / shown[-1] >= least:
            shown.append(epoch)
    axes.set_xticks(
        ([UNTRAINED_AT] if has_untrained else []) + shown, (["0"] if has_untrained else []) + [str(e) for e in shown]
    )
    axes.minorticks_off()
    if has_untrained and trained:
        gap = np.sqrt(UNTRAINED_AT * trained[0])
        across = blended_transform_factory(axes.transData, axes.transAxes)
        axes.plot(
            [gap / 1.05, gap * 1.05], [0, 0], transform=across, color="white", linewidth=4, clip_on=False, zorder=5
        )
        for place in (gap / 1.05, gap * 1.05):
            axes.plot(
                [place / 1.03, place * 1.03],
                [-0.025, 0.025],
                transform=across,
                color="black",
                linewidth=1,
                clip_on=False,
                zorder=6,
            )


def training_curves(accuracy: pd.DataFrame) -> plt.Figure:
    """Loss and top-1 accuracy against epoch, a line per seed; or a statement that they were not measured.

    Args:
        accuracy: The table `accuracy`.
    """
    measured = accuracy.dropna(subset="top1").sort_values("epoch")
    seeds = sorted(accuracy["seed"].unique())
    # Light to dark: many seeds stay apart, and none looks like a block of Figure 1.
    palette = dict(zip(seeds, sns.color_palette("viridis", len(seeds)), strict=True))
    with sns.axes_style("ticks"), sns.plotting_context("paper", font_scale=1.1):
        figure, (loss, top1) = plt.subplots(1, 2, figsize=(7.4, 3.1), layout="constrained")
        for seed, rows in measured.groupby("seed"):
            style = {"color": palette[seed], "marker": "o", "markersize": 2.5, "linewidth": 1.2}
            loss.plot(rows["epoch"], rows["validation_loss"], **style)
            loss.plot(rows["epoch"], rows["training_loss"], **style | {"linestyle": "--", "markersize": 0})
            top1.plot(rows["epoch"], 100 * rows["top1"], **style)
        loss.set_ylabel("Cross-entropy")
        top1.set_ylabel("Top-1 accuracy (%)")
        handles = [plt.Line2D([], [], color=palette[seed], label=f"seed {seed}") for seed in seeds]
        kinds = {"validation": "-"} | ({"training": "--"} if measured["training_loss"].notna().any() else {})
        handles += [plt.Line2D([], [], color="0.4", linestyle=line, label=name) for name, line in kinds.items()]
        for axes in (loss, top1):
            axes.set_xlabel("Training epoch")
            sns.despine(ax=axes)
            if measured.empty:
                reason = accuracy["accuracy"].iloc[0].replace(": ", ":\n")
                axes.text(0.5, 0.5, reason, transform=axes.transAxes, ha="center", va="center", color="0.4")
        if not measured.empty:
            figure.legend(handles=handles, loc="outside right center", frameon=False)
        if set(accuracy["data"]) == {"simulated"}:
            figure.suptitle("SIMULATED images: a demonstration, not a finding", color="firebrick", fontsize=11)
    return figure


def save(figure: plt.Figure, paths) -> None:
    """Write a figure to each path, in the format that its ending says; without dates: equal figures, equal files."""
    for path in map(str, paths):
        metadata = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(path.rpartition(".")[2])
        figure.savefig(path, dpi=200, metadata=metadata)
    plt.close(figure)
