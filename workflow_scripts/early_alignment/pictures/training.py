"""The figure of training: loss and accuracy against epoch."""

from itertools import cycle

import numpy as np
import pandas as pd
import seaborn as sns

from .layout import NETWORK_COLOURS, plt, write_if_simulated, write_legend

MOST_POINTS = 30
"""Of more epochs, curves of training are drawn without points, which would run together."""


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
