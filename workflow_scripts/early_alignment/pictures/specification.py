"""Whether claims survive other reasonable analyses: their verdicts under each choice (a specification curve).

After Simonsohn, Simmons and Nelson (2020), but with choices in one order for all claims, whose quantities differ.
"""

import textwrap
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns

from .layout import plt, write_if_simulated, write_legend, write_notes

VERDICTS: dict[str, dict[str, Any]] = {
    "holds": {"color": "#0072B2", "marker": "o"},
    "fails": {"color": "#D55E00", "marker": "X"},
    "undecided": {"color": "0.45", "marker": "s", "markerfacecolor": "white"},
    "not testable": {"color": "0.7", "marker": "|"},
}
"""How each is drawn, told apart in grey too."""
CHOICES = {
    "view": "View",
    "distance": "Distance",
    "measure": "Measure",
    "pairs": "Pairs",
    "control": "Partialled out",
    "scheme": "Averaging",
}
"""The columns of the table of claims that a choice consists of, and what the figure calls them."""
WIDTH_OF_WORDS = 3.2
"""In inches, of claims and of the names of choices, left of the panels."""


def specification_curve(claims: pd.DataFrame) -> plt.Figure:
    """What the data of one network say of each claim under each choice of analysis.

    A panel per claim: the quantity that decides it with its interval, a point per choice. Below, which choice it is.

    Args:
        claims: The table `claims`, of one network.
    """
    whole = claims[claims["part"] == 0]
    choices = whole[list(CHOICES)].drop_duplicates().reset_index(drop=True)
    options = [(name, value) for name in CHOICES for value in choices[name].unique() if choices[name].nunique() > 1]
    names = list(whole["claim"].unique())
    heights = [0.9] * len(names) + [0.16 * max(1, len(options))]
    with sns.axes_style("ticks"), sns.plotting_context("paper"):
        figure, axes = plt.subplots(
            len(names) + 1,
            1,
            sharex=True,
            squeeze=False,
            figsize=(WIDTH_OF_WORDS + max(1.5, 0.16 * len(choices)), sum(heights) + 0.4),
            height_ratios=heights,
            layout="constrained",
        )
        for panel, claim in zip(axes[:, 0], names, strict=False):
            of_claim = choices.merge(whole[whole["claim"] == claim], how="left", on=list(CHOICES))
            draw_claim(panel, of_claim, claim)
        draw_choices(axes[-1, 0], choices, options)
        figure.align_ylabels(axes[:-1, 0])
        used = [verdict for verdict in VERDICTS if (whole["verdict"] == verdict).any()]
        handles = [plt.Line2D([], [], linestyle="", markersize=4, label=of, **VERDICTS[of]) for of in used]
        write_legend(figure, handles, "The claim")
        over = claims["generalises_over"].iloc[0]
        write_notes(figure, f"what decides a claim, with its 95 % interval over {over}; a column is an analysis")
        write_if_simulated(figure, claims, "data")
    return figure


def draw_claim(axes, of_claim: pd.DataFrame, claim: str) -> None:
    """Draw one claim's panel: rows are choices, in order."""
    for verdict, style in VERDICTS.items():
        rows = of_claim[of_claim["verdict"] == verdict]
        known = rows[rows["value"].notna()]
        axes.vlines(known.index, known["low"], known["high"], color=style["color"], linewidth=1)
        axes.plot(known.index, known["value"], linestyle="", markersize=4, **style)
        unknown = rows.index[rows["value"].isna()]
        if len(unknown):  # of no points, a layout would not know where they are
            at_bottom: dict[str, Any] = {"transform": axes.get_xaxis_transform(), "clip_on": False}
            axes.plot(unknown, np.full(len(unknown), 0.05), linestyle="", markersize=4, **at_bottom, **style)
    claimed = of_claim["claimed"].dropna()
    testable = of_claim["verdict"] != "not testable"
    holds = f"holds under {(of_claim['verdict'] == 'holds').sum()} of {testable.sum()}"
    lines = [*textwrap.wrap(claim, 44), f"{holds}; claimed: {claimed.iloc[0]}" if testable.any() else "not testable"]
    axes.set_ylabel("\n".join(lines), rotation=0, ha="right", va="center", fontsize=7)
    axes.axhline(0, color="0.8", linewidth=0.8, zorder=0)
    axes.tick_params(labelsize=6, bottom=False)
    sns.despine(ax=axes, bottom=True)


def draw_choices(axes, choices: pd.DataFrame, options: list[tuple[str, str]]) -> None:
    """Draw a row per option that not all choices have, a dot where a choice has it."""
    for row, (name, value) in enumerate(options):
        chosen = np.flatnonzero(choices[name] == value)
        axes.plot(chosen, np.full(len(chosen), row), linestyle="", marker="o", markersize=3, color="0.2")
    labels = [f"{CHOICES[name]}: {value.replace('_', ' ')}" for name, value in options]
    axes.set_yticks(range(len(options)), labels, fontsize=6)
    axes.set_ylim(max(1, len(options)) - 0.5, -0.5)
    axes.set_xlim(-0.7, len(choices) - 0.3)
    axes.set_xticks([])
    axes.grid(axis="y", color="0.9", linewidth=0.6)
    sns.despine(ax=axes, left=True, bottom=True)
