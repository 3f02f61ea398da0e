"""The picture of alignment over time shows what the tables say."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from early_alignment.pictures.time_courses import edges_of, shown_epochs, time_courses
from early_alignment.statistics.clusters import COLUMNS
from matplotlib.patches import Rectangle

BLOCKS = ["layer1", "layer2", "layer3", "layer4", "fc"]
TIMES = [-20, 0, 20, 40, 80, 100, 120]
EPOCHS = {0.0: 0, 10 / 5005: 10, 1.0: 0, 3.0: 0, 9.0: 0, 30.0: 0}
KIND = {"dataset": "eeg", "network": "n", "view": "224px", "distance": "correlation", "measure": "pearson"}
KIND |= {"pairs": "all", "control": "none", "scheme": "subjects_then_average"}


@pytest.fixture
def alignment():
    rng = np.random.default_rng(0)
    rows = [
        KIND
        | {"block": block, "epoch": epoch, "step": step, "target": f"{time}ms", "subject": subject, "seed": seed}
        | {"n_pairs": 10, "value": rng.normal(), "data": "simulated"}
        for block in BLOCKS
        for epoch, step in EPOCHS.items()
        for time in TIMES
        for subject in "1234"
        for seed in (1, 2)
    ]
    others = [row | {"target": "0-100ms", "value": 99.0} for row in rows[:1]]
    others += [row | {"measure": "spearman", "value": 99.0} for row in rows[::7]]
    return pd.DataFrame(rows + others)


def cluster(**of):
    row = KIND | {"epoch": 9.0, "step": 0, "test": "above 0", "first_time": 20, "last_time": 80, "size": 3}
    row |= {"mass": 9.0, "p": 0.03, "smallest_p": 0.01, "n_subjects": 4, "n_times": 7, "status": "cluster"}
    return row | {"data": "simulated", "block": "layer2"} | of


@pytest.fixture
def clusters():
    rows = [
        cluster(),
        cluster(p=0.06, block="layer1"),
        cluster(measure="spearman", block="layer3"),
        cluster(test="differs from untrained", first_time=-20, last_time=0, smallest_p=0.02),
    ]
    return pd.DataFrame(rows)[COLUMNS]


def panels_of(figure, number):
    """The image and the curves of a block; there are four to a row."""
    place = 8 * (number // 4) + number % 4
    return figure.axes[place], figure.axes[place + 4]


@pytest.fixture
def figure(alignment, clusters):
    drawn = time_courses(alignment, clusters, BLOCKS)
    drawn.draw_without_rendering()
    yield drawn
    plt.close(drawn)


def test_images_are_means_over_subjects_and_seeds_in_one_scale(figure, alignment):
    of_kind = alignment[(alignment["measure"] == "pearson") & (alignment["target"] != "0-100ms")]
    largest = 0
    for number, block in enumerate(BLOCKS):
        image, _ = panels_of(figure, number)
        (mesh,) = image.collections
        of_block = of_kind[of_kind["block"] == block]
        means = [
            [of_block[(of_block["epoch"] == e) & (of_block["target"] == f"{t}ms")]["value"].mean() for t in TIMES]
            for e in EPOCHS
        ]
        np.testing.assert_allclose(mesh.get_array(), means)
        largest = max(largest, np.abs(means).max())
        assert image.get_ylim() == (5.5, -0.5)  # the first epoch at the top
        np.testing.assert_allclose(mesh.get_coordinates()[0, :, 0], [-30, -10, 10, 30, 60, 90, 110, 130])
    limits = [panels_of(figure, number)[0].collections[0].get_clim() for number in range(5)]
    np.testing.assert_allclose(limits, [[-largest, largest]] * 5)
    labels = [label.get_text() for label in panels_of(figure, 0)[0].get_yticklabels()]
    assert labels == ["0", "+10", "1", "3", "9", "30"]
    assert [panels_of(figure, n)[0].get_title() for n in (0, 4)] == ["Block 1", "fc"]


def test_significant_clusters_are_marked_where_they_are(figure):
    image, _ = panels_of(figure, 1)
    (box,) = [patch for patch in image.patches if isinstance(patch, Rectangle)]
    assert box.get_bbox().extents.tolist() == [10, 3.5, 90, 4.5]  # of epoch 9, the fifth row
    changes = [line.get_xydata().tolist() for line in image.lines if len(set(line.get_xdata())) > 1]
    assert changes == [[[-30, 4], [10, 4]]]
    for other in (0, 2, 3, 4):  # of p above 0.05, of another measure, and none
        assert not panels_of(figure, other)[0].patches


def test_curves_are_means_with_standard_errors_over_subjects(figure, alignment):
    _, axes = panels_of(figure, 3)
    curves = [line for line in axes.lines if len(line.get_xdata()) == len(TIMES)]
    shown = (0.0, 10 / 5005, 3.0, 30.0)
    of_block = alignment[(alignment["block"] == "layer4") & (alignment["measure"] == "pearson")]
    for line, band, epoch in zip(curves, axes.collections, shown, strict=True):
        of_epoch = of_block[of_block["epoch"] == epoch]
        of_subjects = np.array(
            [
                [of_epoch[(of_epoch["target"] == f"{t}ms") & (of_epoch["subject"] == s)]["value"].mean() for t in TIMES]
                for s in "1234"
            ]
        )
        np.testing.assert_allclose(line.get_ydata(), of_subjects.mean(axis=0))
        error = np.sqrt(of_subjects.var(axis=0, ddof=1) / 4)
        vertices = band.get_paths()[0].vertices
        for i, time in enumerate(TIMES):
            heights = vertices[vertices[:, 0] == time, 1]
            np.testing.assert_allclose(heights.max() - heights.min(), 2 * error[i])
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["0", "+10", "3", "30"]
    colours = [line.get_color() for line in legend.get_lines()]
    assert colours == [line.get_color() for line in curves] and len(set(colours)) == 4


def words_of(figure):
    return " ".join(text.get_text() for text in figure.texts).replace("\n", " ")


def test_the_note_says_what_is_averaged_tested_and_simulated(figure, alignment, clusters):
    words = words_of(figure)
    assert "SIMULATED" in words and "mean over 4 subjects × 2 seeds" in words and "+10: after 10 steps" in words
    assert "smallest possible p 0.01)" in words and "(two-sided, 0.02)" in words
    untested = clusters.iloc[:1].assign(smallest_p=np.nan, p=np.nan, status="not tested: 3 subjects")
    for table, reason in ((untested, "not tested: 3 subjects"), (clusters.iloc[:0], "clusters of times: not tested")):
        other = time_courses(alignment.assign(data="measured"), table, BLOCKS[:1])
        assert reason in words_of(other) and "SIMULATED" not in words_of(other)
        plt.close(other)


def test_shown_are_the_untrained_first_middle_and_last_epoch():
    assert shown_epochs([0.0, 0.1, 1.0, 2.0, 5.0, 9.0]) == [0.0, 0.1, 2.0, 9.0]
    assert shown_epochs([1.0, 2.0]) == [1.0, 2.0]
    assert shown_epochs([0.0]) == [0.0]


def test_one_time_has_a_column_too():
    assert edges_of(np.array([80.0])).tolist() == [79.5, 80.5]
