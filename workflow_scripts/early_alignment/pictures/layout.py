"""What all figures share: words around panels, room for them, and files."""

import textwrap
from typing import Any

import matplotlib

matplotlib.use("agg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

# Text stays text, to be found and edited: in PDF as TrueType (Type 42), since publishers refuse Type 3. Equal figures
# have equal ids.
matplotlib.rcParams |= {"svg.fonttype": "none", "svg.hashsalt": "early-alignment", "pdf.fonttype": 42}
DPI = 300
"""Of PNG, and of what is drawn as pixels in the others."""

NETWORK_COLOURS = ("#332288", "#CC6677", "#999933", "#88CCEE", "#882255", "#44AA99")
"""Of Paul Tol's muted scheme, told apart by colour-blind readers; none is in the blocks' palette."""
TITLE_PAD = 18
"""In points, from a panel to its title, for two small lines."""


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


def save(figure: plt.Figure, paths) -> None:
    """Write a figure to each path, in the format that its ending says; without dates: equal figures, equal files."""
    for path in map(str, paths):
        metadata = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(path.rpartition(".")[2])
        figure.savefig(path, dpi=DPI, metadata=metadata)
    plt.close(figure)
