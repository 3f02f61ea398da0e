"""The figure of alignment over time after onset and over training."""

from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.patches import Rectangle

from ..comparison.schemes import AVERAGE
from ..statistics.clusters import ABOVE_0, DIFFERS, FOUND, OF_ONE_KIND, subject_curves, times_of
from .epoch_axis import EpochAxis
from .figures import BAND, block_label, counted, measure_label, pixels
from .layout import plt, write_if_simulated, write_legend, write_notes

SIGNIFICANT = 0.05
MOST_COLUMNS = 4
"""Of more blocks, the panels go on below."""
UNTRAINED_COLOUR = "0.55"
OUTLINE: dict[str, Any] = {"edgecolor": "black", "facecolor": "none", "linewidth": 1.2}
"""Of times at which alignment is above 0."""
CHANGED: dict[str, Any] = {"color": "black", "linewidth": 1.5, "linestyle": (0, (1, 1)), "solid_capstyle": "butt"}
"""The line through times at which alignment is otherwise than the untrained network's."""


def time_courses(alignment: pd.DataFrame, clusters: pd.DataFrame, blocks: list[str]) -> plt.Figure:
    """Alignment of one network with one data set at every time after onset and every epoch.

    For each block an image, a row per analysed epoch from the first at the top, a column per time: the mean over
    seeds and subjects, in one scale of colours for all. Times of a cluster with p < 0.05 are outlined, and a dotted
    line is drawn through those of one that differs from the untrained network. Below, the same as curves at up to four
    epochs, with bands of the standard error over subjects.

    Args:
        alignment: Rows of the table `alignment`, of one data set and network; the first view and kind are drawn, and
            targets that are single times.
        clusters: The table that `statistics.clusters.clusters_of_all` gives, of the same data set and network.
        blocks: Panels, in order.
    """
    alignment = alignment[alignment["target"].isin(times_of(alignment["target"].unique()))]
    first = alignment[OF_ONE_KIND].iloc[0]
    alignment, clusters = (table[(table[OF_ONE_KIND] == first).all(axis=1)] for table in (alignment, clusters))
    significant = clusters[(clusters["status"] == FOUND) & (clusters["p"] < SIGNIFICANT)]
    curves = subject_curves(alignment)
    labels = EpochAxis.of(alignment, width=1).labels
    means = {block: image_of(curves, block, list(labels)) for block in blocks}
    columns = min(len(blocks), MOST_COLUMNS)
    bands = -(-len(blocks) // columns)
    height = max(1.7, 0.16 * len(labels))
    with sns.axes_style("ticks"), sns.plotting_context("paper", font_scale=1.1):
        figure, axes = plt.subplots(
            2 * bands,
            columns,
            figsize=(2.6 * columns + 1, bands * (height + 2.3)),
            height_ratios=[height, 1.5] * bands,
            squeeze=False,
            sharex=True,
            layout="constrained",
        )
        limit = float(np.nanmax(np.abs(pd.concat(means.values()))))
        colours = epoch_colours(shown_epochs(list(labels)))
        for number, block in enumerate(blocks):
            image, lines = axes[2 * (number // columns) : 2 * (number // columns) + 2, number % columns]
            mesh = draw_image(image, means[block], limit)
            draw_clusters(image, significant[significant["block"] == block], list(labels), means[block].columns)
            draw_curves(lines, curves, block, colours)
            image.set_title(block_label(block))
        finish(axes, len(blocks), labels, measure_label(alignment))
        bar = figure.colorbar(mesh, ax=axes[0], aspect=15, pad=0.01)
        bar.set_label(measure_label(alignment))
        handles = [plt.Line2D([], [], color=colour, label=labels[epoch]) for epoch, colour in colours.items()]
        write_legend(figure, handles, "Training epoch")
        view = pixels(first["view"]).replace("-", ", ")
        of = f"images of {view}; {note_on_subjects(alignment)}{note_on_steps(labels)}"
        write_notes(figure, of, note_on_clusters(clusters))
        write_if_simulated(figure, alignment, "brain data")
    return figure


def image_of(curves: dict, block: str, epochs: list[float]) -> pd.DataFrame:
    """A block's means over subjects, (epochs, times); NaN where an epoch was not analysed.

    Args:
        curves: As `subject_curves` gives them.
        block: One of them.
        epochs: Rows.
    """
    means = {epoch: of_subjects.mean() for (of, epoch, _), of_subjects in curves.items() if of == block}
    return pd.DataFrame(means).T.reindex(epochs).sort_index(axis="columns")


def shown_epochs(epochs: list[float]) -> list[float]:
    """Of epochs in order up to four: that of the untrained network, and the first, middle and last of the others."""
    trained = [epoch for epoch in epochs if epoch > 0]
    of_trained = [trained[0], trained[len(trained) // 2], trained[-1]] if trained else []
    return list(dict.fromkeys([epoch for epoch in epochs if epoch == 0] + of_trained))


def epoch_colours(epochs: list[float]) -> dict[float, Any]:
    """Epoch → colour: the untrained network in grey, the others from light to dark."""
    trained = [epoch for epoch in epochs if epoch > 0]
    colours = sns.color_palette("flare", len(trained))
    return dict.fromkeys(set(epochs) - set(trained), UNTRAINED_COLOUR) | dict(zip(trained, colours, strict=True))


def edges_of(times: np.ndarray) -> np.ndarray:
    """Where the columns of an image end, (times + 1,): midway between neighbours, and as far beyond the outermost."""
    if len(times) == 1:
        return times[0] + np.array([-0.5, 0.5])
    middles = (times[:-1] + times[1:]) / 2
    return np.concatenate([[2 * times[0] - middles[0]], middles, [2 * times[-1] - middles[-1]]])


def draw_image(axes, means: pd.DataFrame, limit: float):
    """Draw means, (epochs, times), the first epoch at the top; colours are symmetric about 0."""
    rows = np.arange(len(means) + 1) - 0.5
    edges = edges_of(means.columns.to_numpy(dtype=float))
    axes.set_ylim(rows[-1], rows[0])
    return axes.pcolormesh(edges, rows, means, cmap="RdBu_r", vmin=-limit, vmax=limit, rasterized=True)


def draw_clusters(axes, clusters: pd.DataFrame, epochs: list[float], times: pd.Index) -> None:
    """Mark clusters in an image whose rows are epochs: above 0 by an outline, changed ones by a dotted line."""
    edges = edges_of(times.to_numpy(dtype=float))
    for cluster in clusters.itertuples():
        row = epochs.index(cluster.epoch)
        left, right = edges[times.get_loc(cluster.first_time)], edges[times.get_loc(cluster.last_time) + 1]
        if cluster.test == ABOVE_0:
            axes.add_patch(Rectangle((left, row - 0.5), right - left, 1, **OUTLINE))
        else:
            axes.plot([left, right], [row, row], **CHANGED)


def draw_curves(axes, curves: dict, block: str, colours: dict[float, Any]) -> None:
    """Draw a block's means over subjects against time, a line per epoch, with bands of ± standard error."""
    axes.axhline(0, color="0.7", linewidth=0.8, zorder=0)
    for (of, epoch, _), values in curves.items():
        if of != block or epoch not in colours:
            continue
        mean, error = values.mean(), values.sem()
        style: dict[str, Any] = {"color": colours[epoch]}
        axes.plot(values.columns, mean, linewidth=1.3, **style)
        axes.fill_between(values.columns, mean - error, mean + error, alpha=BAND, linewidth=0, **style)
    sns.despine(ax=axes)


def finish(axes, n: int, labels: dict[float, str], what: str) -> None:
    """Give panels their axes: epochs beside the left images, one range of values for all curves, times below.

    Args:
        axes: (2 × bands, columns), images above curves.
        n: How many blocks there are.
        labels: Epoch → label, in order.
        what: What the curves are of.
    """
    images, lines = axes[::2].flatten(), axes[1::2].flatten()
    low, high = zip(*(panel.get_ylim() for panel in lines[:n]), strict=True)
    for number, (image, line) in enumerate(zip(images, lines, strict=True)):
        if number >= n:
            image.set_axis_off()
            line.set_axis_off()
            continue
        line.set_ylim(min(low), max(high))
        image.set_yticks(range(len(labels)), labels.values() if number % axes.shape[1] == 0 else [], fontsize=6)
        image.tick_params(left=number % axes.shape[1] == 0)
        line.axvline(0, color="0.7", linewidth=0.8, zorder=0)
        image.axvline(0, color="0.5", linewidth=0.8, linestyle=(0, (3, 2)))
        line.tick_params(labelbottom=True, labelleft=number % axes.shape[1] == 0)
        line.set_xlabel("Time after onset (ms)")
    for image, line in axes.reshape(-1, 2, axes.shape[1])[:, :, 0]:
        image.set_ylabel("Training epoch")
        line.set_ylabel(what)


# Words -----------------------------------------------------------------------------------------------------------


def note_on_subjects(alignment: pd.DataFrame) -> str:
    """What is averaged, and what the bands are."""
    seeds = counted(alignment["seed"].nunique(), "seed")
    if (alignment["scheme"] == AVERAGE).all():
        return f"average of subjects × {seeds}, so curves have no bands"
    subjects = counted(alignment["subject"].nunique(), "subject")
    return f"mean over {subjects} × {seeds}; bands: ± standard error over subjects"


def note_on_steps(labels: dict[float, str]) -> str:
    """What the labels of epochs inside the first are, if there are any."""
    steps = [label[1:] for label in labels.values() if label.startswith("+")]
    return f"; +{steps[-1]}: after {steps[-1]} steps of the first epoch" if steps else ""


def note_on_clusters(clusters: pd.DataFrame) -> str:
    """How clusters are marked, or why there are none."""
    tested = clusters[clusters["smallest_p"].notna()]
    if tested.empty:
        return f"clusters of times: {clusters['status'].iloc[0] if len(clusters) else 'not tested'}"
    least = tested.groupby("test")["smallest_p"].max()
    said = f"outlined: {ABOVE_0} (one-sided, smallest possible p {least[ABOVE_0]:.2g})"
    if DIFFERS in least:
        said += f"; dotted line: {DIFFERS} (two-sided, {least[DIFFERS]:.2g})"
    return f"clusters of times with p < {SIGNIFICANT}, corrected over times, not over epochs and blocks; {said}"
