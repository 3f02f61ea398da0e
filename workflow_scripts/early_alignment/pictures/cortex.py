"""The figure of encoding models over the cortex: maps on the inflated and the flat fsaverage5 that nilearn brings."""

import warnings
from functools import cache

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.layout_engine import ConstrainedLayoutEngine
from nilearn import datasets, plotting

from .layout import plt, write_if_simulated, write_notes
from .maps import (
    BLOCK,
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

MESH = "fsaverage5"
N_VERTICES = 10_242
"""Of a hemisphere of it. They are the first of fsaverage's 163,842, as each subdivision of an icosahedron adds vertices
after those that it has."""
SIDES = {"lh": "left", "rh": "right"}
VIEWS = {"lh": ("flat", "lateral", "medial", "ventral"), "rh": ("ventral", "medial", "lateral", "flat")}
"""Hemisphere → columns, from the left."""
ANGLES = {"flat": (90, 270)}
"""Elevation and azimuth of views that have no name in nilearn."""
ZOOM = 1.35
"""So that a hemisphere fills its panel."""
GYRI, SULCI = 0.15, 0.3
"""How dark places without a number are, of 1 for black."""


def cortex_maps(maps: pd.DataFrame, blocks: list[str]) -> plt.Figure:
    """How well places of the cortex are predicted, by which block, and when in training.

    Rows are the best block, its held-out r, its peak epoch and its half-time; columns are views of both hemispheres.
    A triangle of the mesh has the mean of its corners that have a number, of blocks the latest of these. Grey are
    places without a number: those that were not measured, and those whose r is not above 0.

    Args:
        maps: A row per unit and subject of one data set, network, view and target: columns `hemisphere` (`lh`, `rh`),
            `vertex` (of fsaverage, from 0), `subject`, `r`, `peak_epoch`, `half_time`, `best_block` and `data`. Rows
            are drawn whose subject is `average`, of vertices that fsaverage5 has too.
        blocks: In the order of the palette.

    Raises:
        ValueError: No rows are averages, or a best block is not among the blocks.
    """
    of_all = averages(maps)
    drawn = of_all[of_all["vertex"] < N_VERTICES]
    drawn = drawn.assign(**{BLOCK: numbers_of_blocks(drawn[BLOCK], blocks)})
    scales = {BLOCK: scale_of_blocks(blocks)} | {name: scale_of(drawn[name], name) for name in QUANTITIES}
    columns = [(hemisphere, view) for hemisphere, views in VIEWS.items() for view in views]
    with sns.plotting_context("paper", font_scale=1.1):
        figure, axes = plt.subplots(
            len(scales),
            len(columns),
            figsize=(1.4 * len(columns) + 1.2, 1.2 * len(scales) + 0.3),
            subplot_kw={"projection": "3d"},
            layout=ConstrainedLayoutEngine(w_pad=0, h_pad=0.02, wspace=0, hspace=0),
        )
        for panels, (quantity, scale) in zip(axes, scales.items(), strict=True):
            for panel, (hemisphere, view) in zip(panels, columns, strict=True):
                of_side = drawn[drawn["hemisphere"] == hemisphere]
                values = values_of_vertices(of_side["vertex"], of_side[quantity])
                draw_view(panel, values, scale, hemisphere, view, average="nanmax" if quantity == BLOCK else "nanmean")
            beside = {"ha": "right", "va": "center", "rotation": "vertical", "transform": panels[0].transAxes}
            panels[0].text2D(-0.02, 0.5, LABELS[quantity], **beside)
            draw_bar(figure, panels, scale, quantity)
        for panel, (hemisphere, view) in zip(axes[0], columns, strict=True):
            panel.set_title(f"{SIDES[hemisphere]}, {view}", fontsize="medium", y=1.0, pad=2)
        write_notes(figure, f"{note_on_vertices(of_all, drawn)}, {note_on_subjects(maps)}; grey: no number or r ≤ 0")
        write_if_simulated(figure, maps, "brain data")
    return figure


@cache
def meshes() -> tuple:
    """The inflated and the flat fsaverage5, and where its sulci are."""
    mesh = datasets.load_fsaverage(MESH)
    return mesh["inflated"].parts, mesh["flat"].parts, datasets.load_fsaverage_data(MESH, data_type="sulcal").data.parts


def values_of_vertices(vertices: pd.Series, values: pd.Series) -> np.ndarray:
    """Values of all vertices of a hemisphere, float64 (10242,); NaN where there is none.

    Args:
        vertices: Numbers of the vertices with a value, (units,).
        values: (units,).
    """
    of_all = np.full(N_VERTICES, np.nan)
    of_all[vertices.to_numpy()] = values
    return of_all


def draw_view(axes, values: np.ndarray, scale: Scale, hemisphere: str, view: str, average: str) -> None:
    """Draw one view of a hemisphere.

    Args:
        axes: A panel in three dimensions.
        values: (10242,); NaN where there is none.
        scale: Of colours.
        hemisphere: `lh` or `rh`.
        view: One of `VIEWS`.
        average: numpy's function from a triangle's corners to its value, on the scale of colours.
    """
    inflated, flat, sulci = meshes()
    side = SIDES[hemisphere]
    with warnings.catch_warnings():
        # Of triangles without any number.
        warnings.filterwarnings("ignore", "Mean of empty slice|All-NaN", RuntimeWarning)
        plotting.plot_surf(
            (flat if view == "flat" else inflated)[side],
            scale.norm(values).filled(np.nan),
            bg_map=np.where(np.asarray(sulci[side]) > 0, SULCI, GYRI),
            hemi=side,
            view=ANGLES.get(view, view),
            cmap=scale.colours,
            vmin=0,
            vmax=1,
            avg_method=average,
            colorbar=False,
            axes=axes,
        )
    axes.set_box_aspect(None, zoom=ZOOM)
    # As an image, as files of vectors else would have a polygon per triangle.
    axes.collections[0].set_rasterized(True)


# Words -----------------------------------------------------------------------------------------------------------


def note_on_vertices(of_all: pd.DataFrame, drawn: pd.DataFrame) -> str:
    """How many units there are, and how many of these are drawn."""
    return f"{len(drawn):,} of {len(of_all):,} vertices of fsaverage, those that {MESH} has too"
