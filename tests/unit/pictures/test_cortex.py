"""The picture of the cortex has each vertex where fsaverage5 has it, in its colour."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from early_alignment.pictures.cortex import N_VERTICES, cortex_maps
from early_alignment.pictures.figures import block_palette
from nilearn import datasets, surface

BLOCKS = ["layer1", "layer2", "layer3", "layer4"]
COLUMNS = [
    *(("left", view) for view in ("flat", "lateral", "medial", "ventral")),
    *(("right", view) for view in ("ventral", "medial", "lateral", "flat")),
]
ROWS = ["best_block", "r", "peak_epoch", "half_time"]


@pytest.fixture(scope="module")
def maps():
    """Of each hemisphere 3,000 vertices of fsaverage5 and 50 others; every tenth has an r below 0."""
    rng = np.random.default_rng(0)
    parts = []
    for hemisphere in ("lh", "rh"):
        vertices = np.concatenate([rng.choice(N_VERTICES, 3000, replace=False), 20_000 + np.arange(50)])
        n = len(vertices)
        r = np.where(np.arange(n) % 10, rng.uniform(0.01, 0.5, n), -0.2)
        of_all = {"dataset": "nsd", "target": "V1v", "network": "n", "view": "224px", "subject": "average"}
        of_all |= {"hemisphere": hemisphere, "explainable": 0.5, "share_of_r": 0.5, "data": "simulated"}
        numbers = {"vertex": vertices, "best_block": rng.choice(BLOCKS, n), "r": r}
        numbers |= {"peak_epoch": rng.uniform(1, 90, n), "half_time": rng.uniform(0.1, 5, n)}
        parts.append(pd.DataFrame(numbers).assign(**of_all))
    average = pd.concat(parts, ignore_index=True)
    subjects = [average.iloc[:9].assign(subject=name, r=0.99) for name in ("1", "2", "3")]
    return pd.concat([average, *subjects], ignore_index=True)


@pytest.fixture(scope="module")
def figure(maps):
    drawn = cortex_maps(maps, BLOCKS)
    yield drawn
    plt.close(drawn)


def known_vertices(maps, side):
    rows = maps[(maps["subject"] == "average") & (maps["hemisphere"] == f"{side[0]}h")]
    return rows[(rows["vertex"] < 10_242) & (rows["r"] > 0)].set_index("vertex")


def faces_of(side, view):
    mesh = datasets.fetch_surf_fsaverage("fsaverage5")[f"{'flat' if view == 'flat' else 'infl'}_{side}"]
    return surface.load_surf_mesh(mesh).faces


def colours_of(figure, row, column):
    """The colours of a panel's triangles, in the mesh's order, (faces, 3)."""
    (triangles,) = figure.axes[row * len(COLUMNS) + column].collections
    return triangles._facecolor3d[:, :3]


@pytest.mark.parametrize("column", [0, 1, 6, 7])
def test_triangles_have_the_mean_of_their_known_corners(figure, maps, column):
    side, view = COLUMNS[column]
    known = known_vertices(maps, side)
    top = max(known_vertices(maps, either)["r"].max() for either in ("left", "right"))
    faces = faces_of(side, view)
    colours = colours_of(figure, ROWS.index("r"), column)
    r = known["r"].to_dict()
    for face, colour in list(zip(faces, colours, strict=True))[::7]:
        corners = [r[vertex] for vertex in face if vertex in r]
        if corners:
            np.testing.assert_allclose(colour, plt.get_cmap("magma")(np.mean(corners) / top)[:3], atol=1e-9)
        else:
            assert colour[0] == colour[1] == colour[2]  # grey


@pytest.mark.long
@pytest.mark.parametrize(("row", "quantity"), [(2, "peak_epoch"), (3, "half_time")])
def test_epochs_are_drawn_logarithmically_where_r_is_above_0(figure, maps, row, quantity):
    both = pd.concat([known_vertices(maps, side)[quantity] for side in ("left", "right")])
    values = known_vertices(maps, "right")[quantity].to_dict()
    colours = colours_of(figure, row, 5)
    alone = 0
    for face, colour in zip(faces_of("right", "medial"), colours, strict=True):
        corners = [values[vertex] for vertex in face if vertex in values]
        if len(corners) == 1:
            place = np.log(corners[0] / both.min()) / np.log(both.max() / both.min())
            np.testing.assert_allclose(colour, plt.get_cmap("viridis")(place)[:3], atol=0.02)
            alone += 1
    assert alone > 1000


def test_triangles_have_the_colour_of_the_latest_of_their_corners_blocks(figure, maps):
    known = known_vertices(maps, "left")["best_block"].to_dict()
    palette = block_palette(BLOCKS)
    for face, colour in list(zip(faces_of("left", "ventral"), colours_of(figure, 0, 3), strict=True))[::7]:
        blocks = [known[vertex] for vertex in face if vertex in known]
        if blocks:
            np.testing.assert_allclose(colour, palette[max(blocks)])


def test_views_are_those_that_titles_name(figure):
    titles = [axes.get_title() for axes in figure.axes[:8]]
    assert titles == [f"{side}, {view}" for side, view in COLUMNS]
    for axes, (side, view) in zip(figure.axes[:8], COLUMNS, strict=True):
        # Where the camera stands: x to the right, z up; the lateral side of the right hemisphere is at its right.
        elevation, azimuth = np.radians([axes.elev, axes.azim])
        camera = [np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation)]
        outwards = 1 if side == "right" else -1
        places = {"lateral": [outwards, 0, 0], "medial": [-outwards, 0, 0], "ventral": [0, 0, -1], "flat": [0, 0, 1]}
        np.testing.assert_allclose(camera, places[view], atol=1e-9)


def test_the_words_say_how_many_are_drawn(figure):
    words = " ".join(text.get_text() for text in figure.texts).replace("\n", " ")
    assert "6,000 of 6,100 vertices" in words and "averages over 3 subjects" in words and "SIMULATED" in words
    bars = figure.axes[32:]
    assert [axes.get_ylabel() for axes in bars] == ["", "r", "epochs", "epochs"]


@pytest.mark.parametrize("side", ["left", "right"])
def test_coarser_meshes_are_the_first_vertices_of_finer_ones(side):
    """Each vertex after the first 2,562 lies midway between two of these, as in a subdivision that keeps numbers."""
    sphere = surface.load_surf_mesh(datasets.fetch_surf_fsaverage("fsaverage5")[f"sphere_{side}"])
    assert len(sphere.coordinates) == N_VERTICES
    neighbours = {vertex: set() for vertex in range(N_VERTICES)}
    for face in sphere.faces.tolist():
        for vertex in face:
            neighbours[vertex].update(face)
    unit = sphere.coordinates / np.linalg.norm(sphere.coordinates, axis=1, keepdims=True)
    for vertex in range(2562, N_VERTICES):
        a, b = (other for other in neighbours[vertex] if other < 2562)
        middle = unit[a] + unit[b]
        np.testing.assert_allclose(unit[vertex], middle / np.linalg.norm(middle), atol=1e-3)
