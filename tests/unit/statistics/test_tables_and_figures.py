"""Tables and figures against plain computations: peaks, intervals as drawn, and what Figure 1 says in words."""

import json
from itertools import pairwise, product

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from early_alignment.comparison import alignment as library
from early_alignment.pictures import figures, layout, training
from early_alignment.pictures.epoch_axis import label_of
from early_alignment.statistics import noise_ceilings, tables
from PIL import Image


def table_of(values, steps=100, **columns) -> pd.DataFrame:
    """A table of alignment from (label of epoch, view) → values (subjects, seeds)."""
    rows = []
    for (label, view), value in values.items():
        whole, _, step = str(label).partition("+")
        at = {"epoch": int(whole) + int(step or 0) / steps, "step": int(step or 0), "view": view}
        rows += [
            at | {"subject": str(subject), "seed": seed, "value": value[subject, seed]}
            for subject, seed in product(*map(range, np.shape(value)))
        ]
    place = {"dataset": "d", "target": "t", "network": "n", "block": "layer1", "measure": "pearson", "pairs": "all"}
    place |= {
        "distance": "cosine",
        "control": "none",
        "scheme": "subjects_then_average",
        "n_pairs": 3,
        "data": "measured",
    }
    return pd.DataFrame(rows).assign(**place | columns)


def trajectories_of(alignment: pd.DataFrame, below=0.1, above=0.2) -> pd.DataFrame:
    """Means, with intervals that reach so far below and above them; none of a factor of one."""
    same = ["dataset", "target", "network", "view", "block", "distance", "measure", "pairs", "control", "scheme"]
    same += ["epoch", "step", "data"]
    groups = alignment.groupby(same, sort=False)
    table = groups.agg(value=("value", "mean"), n_subjects=("subject", "nunique"), n_seeds=("seed", "nunique"))
    table = table.reset_index().assign(generalises_over="subjects × seeds")
    lacking = {what: table[f"n_{what}"] == 1 for what in ("seeds", "subjects")}
    is_known = ~(lacking["seeds"] | lacking["subjects"])
    table["status"] = np.select(list(lacking.values()), [f"cannot be known: 1 of {what}" for what in lacking], "known")
    return table.assign(low=(table["value"] - below).where(is_known), high=(table["value"] + above).where(is_known))


def constant(value):
    return np.full((2, 1), value)


# Gathering -------------------------------------------------------------------------------------------------------


def aligned(path, network, epoch, view="224px"):
    rng = np.random.default_rng(0)
    np.save(path.with_suffix(".npy"), rng.random(6, dtype=np.float32))
    columns = {"dataset": "d", "target": "t", "network": network, "seed": "1", "epoch": epoch, "view": view}
    rdm = path.with_suffix(".npy")
    files = {"cosine": library.Files(rdm, {"007": rdm}, {})}
    library.align(path, files, ["pearson"], ["all"], None, columns | {"block": "layer1"})
    return path


def test_epochs_are_numbers_and_steps_are_parts_of_them(tmp_path):
    cases = [("a", "000"), ("a", "000+00100"), ("a", "001"), ("b", "000+00100"), ("b", "003+00010"), ("007", "090")]
    files = [aligned(tmp_path / f"{i}.csv", *case) for i, case in enumerate(cases)]
    table = tables.alignment(files, "measured", {"a": 5005, "b": 200})
    assert table["epoch"].tolist() == pytest.approx([0, 100 / 5005, 1, 0.5, 3.05, 90])
    assert table["step"].tolist() == [0, 100, 0, 100, 10, 0]
    table.to_csv(tmp_path / "table", index=False)
    # Read from the file, whole numbers are plain ones where none is missing.
    pd.testing.assert_frame_equal(tables.read(tmp_path / "table"), table.astype({"n_pairs": int}))
    assert list(table.columns) == [
        *("dataset", "target", "subject", "network", "seed", "epoch", "step", "view", "block", "distance"),
        *("measure", "pairs"),
        *("control", "scheme", "n_pairs", "value", "data"),
    ]


def test_a_step_without_a_known_length_of_its_epoch_is_never_a_number(tmp_path):
    files = [aligned(tmp_path / f"{name}.csv", name, "000+00100") for name in ("a", "b")]
    with pytest.raises(ValueError, match="without steps per epoch: b"):
        tables.alignment(files, "measured", {"a": 5005})


def test_the_table_of_accuracy_says_what_is_measured_and_what_is_not(tmp_path):
    measured = {"training_loss": 6.5, "learning_rate": 0.1, "validation_loss": 6.0, "top1": 0.1, "top5": 0.3}
    files = []
    for i, (epoch, step) in enumerate([(0, 0), (0, 10), (1, 0)]):
        row = {"seed": 2, "epoch": epoch, "step": step, "steps_per_epoch": 40} | measured | {"seconds": 1.0}
        (tmp_path / f"{i}.json").write_text(json.dumps(row))
        files.append(("a", tmp_path / f"{i}.json"))
    table = tables.accuracy(files, "measured", not_evaluated=[("NA", 1, "000"), ("NA", 1, "090")])
    table.to_csv(tmp_path / "table", index=False)
    pd.testing.assert_frame_equal(tables.read(tmp_path / "table"), table)
    assert list(zip(table["network"], table["seed"], table["epoch"], table["step"], strict=True)) == [
        *[("a", 2, 0, 0), ("a", 2, 0.25, 10), ("a", 2, 1, 0), ("NA", 1, 0, 0), ("NA", 1, 90, 0)]
    ]
    assert table["top1"].isna().tolist() == [False, False, False, True, True]
    assert set(table["accuracy"][3:]) == {tables.NOT_EVALUATED}
    assert tables.steps_per_epoch(files) == {"a": 40}


# Peaks -----------------------------------------------------------------------------------------------------------


def test_of_equal_epochs_the_earliest_is_the_peak_whatever_the_tables_order():
    values = {(9, "224px"): 0.5, (0, "224px"): 0.1, (3, "224px"): 0.5, ("2+30", "224px"): 0.5, (2, "224px"): 0.4}
    (peak,) = tables.peaks(table_of({key: constant(value) for key, value in values.items()})).itertuples()
    assert (peak.epoch, peak.step, peak.value) == (2.3, 30, 0.5)


def test_in_a_calibrated_view_epochs_without_it_count_as_they_are():
    plain, small = "224px", "32px"
    values = {
        **{(0, plain): 0.2, (0, f"{plain}-calibrated"): 0.6, ("0+9", plain): 0.7, ("0+9", f"{plain}-calibrated"): 0.1},
        **{(1, plain): 0.4, (0, small): 0.3, (0, f"{small}-calibrated"): 0.1, ("0+9", small): 0.1, (1, small): 0.2},
    }
    peaks = tables.peaks(table_of({key: constant(value) for key, value in values.items()}))
    assert {row.view: (row.epoch, row.step, row.value) for row in peaks.itertuples()} == {
        plain: (0.09, 9, 0.7),
        f"{plain}-calibrated": (0, 0, 0.6),
        small: (0, 0, 0.3),
        f"{small}-calibrated": (1, 0, 0.2),
    }


def test_a_network_without_a_calibrated_view_has_no_peak_in_one():
    with_it = table_of({(0, "224px"): constant(0.2), (0, "224px-calibrated"): constant(0.1)}, network="a")
    without = table_of({(0, "224px"): constant(0.5)}, network="b")
    peaks = tables.peaks(pd.concat([with_it, without], ignore_index=True))
    found = sorted(zip(peaks["network"], peaks["view"], peaks["value"], strict=True))
    assert found == [("a", "224px", 0.2), ("a", "224px-calibrated", 0.1), ("b", "224px", 0.5)]


@pytest.mark.parametrize("calibrated", [[], [0], [0, "0+10", 1]])
def test_peaks_are_those_of_a_plain_loop(calibrated):
    rng = np.random.default_rng(0)
    plain, epochs = "224px", [0, "0+10", 1, 3]
    keys = [*((epoch, plain) for epoch in epochs), *((epoch, f"{plain}-calibrated") for epoch in calibrated)]
    parts = [
        table_of({key: rng.normal(size=(3, 2)) for key in keys}, measure=measure, pairs=pairs, network=network)
        for measure, pairs, network in product(["pearson", "cosine"], ["all", "within_partitions"], "ab")
    ]
    alignment = pd.concat(parts, ignore_index=True)
    peaks = tables.peaks(alignment)
    assert len(peaks) == 2 * 2 * 2 * 2 * (1 + bool(calibrated))
    for row in peaks.itertuples():
        same = alignment[
            (alignment["measure"] == row.measure)
            & (alignment["pairs"] == row.pairs)
            & (alignment["network"] == row.network)
            & (alignment["seed"] == row.seed)
        ]
        means = {}
        for label, epoch in zip(epochs, (0, 0.1, 1, 3), strict=True):
            view = row.view if row.view == plain or label in calibrated else plain
            means[epoch] = same[(same["epoch"] == epoch) & (same["view"] == view)]["value"].mean()
        assert row.epoch == max(means, key=means.get)
        assert row.value == pytest.approx(max(means.values()))


# Figure 1 --------------------------------------------------------------------------------------------------------


def words_of(figure) -> str:
    return " ".join(" ".join(text.get_text() for text in figure.findobj(plt.Text)).split())


def drawn(alignment, noise_ceiling, controls=None):
    """Figure 1, and all its words."""
    figure = figures.alignment_over_training(
        trajectories_of(alignment),
        noise_ceiling,
        controls,
        datasets=list(dict.fromkeys(alignment["dataset"])),
        blocks=list(dict.fromkeys(alignment["block"])),
    )
    plt.close(figure)
    return figure, words_of(figure)


BOUNDS = pd.DataFrame(
    [
        {"dataset": "d", "target": "t", "measure": measure, "pairs": pairs, "lower": lower, "upper": lower + 0.05}
        | {"scheme": scheme, "averaged": averaged, "subjects": 2, "status": "known", "distance": "cosine"}
        for measure, pairs, lower, scheme, averaged in [
            ("pearson", "all", 0.20, "subjects_then_average", "raw"),
            ("pearson", "all", 0.39, "subjects_then_average", "normalised"),
            ("pearson", "all", 0.60, "average_then_correlate", "normalised"),
            ("cosine", "all", 0.93, "subjects_then_average", "normalised"),
            ("cosine", "within_partitions", 0.81, "subjects_then_average", "normalised"),
        ]
    ]
)


@pytest.mark.parametrize(
    ("measure", "pairs", "words"),
    [
        ("pearson", "all", "noise ceiling 0.39 to 0.44"),
        ("cosine", "all", "noise ceiling 0.93 to 0.98"),
        ("cosine", "within_partitions", "noise ceiling 0.81 to 0.86"),
    ],
)
def test_the_ceiling_is_that_of_the_measure_and_pairs_that_are_drawn(measure, pairs, words):
    first = table_of({(1, "224px"): np.ones((2, 2)) * 0.3}, measure=measure, pairs=pairs)
    second = table_of({(1, "224px"): np.ones((2, 2)) * 0.9}, measure="spearman")
    figure, text = drawn(pd.concat([first, second], ignore_index=True), BOUNDS)
    assert words in text
    assert ("within partitions" in text) == (pairs == "within_partitions")
    (line,) = (line for line in figure.axes[0].lines if len(line.get_ydata()) == 1 and line.get_marker() == "o")
    assert line.get_ydata() == pytest.approx([0.3])


@pytest.mark.parametrize(
    ("first", "value", "words"),
    [
        ("subjects_then_average", 0.3, ["noise ceiling 0.39 to 0.44", "2 subjects × 2 seeds", "subjects × seeds"]),
        (
            "average_then_correlate",
            0.7,
            ["noise ceiling 0.60 to 0.65", "average of 1 subject × 2 seeds"],
        ),
    ],
)
def test_the_first_scheme_is_drawn_and_no_alignment_given_a_control(first, value, words):
    key = (1, "224px")
    parts = [
        table_of({key: np.full((2, 2), 0.3)}),
        table_of({key: np.full((1, 2), 0.7)}, scheme="average_then_correlate").assign(subject="average"),
        table_of({key: np.full((2, 2), 0.1)}, control="luminance"),
    ]
    parts.sort(key=lambda part: part["scheme"].iloc[0] != first)
    figure, text = drawn(pd.concat(parts, ignore_index=True), BOUNDS)
    assert all(word in text for word in words)
    (line,) = (line for line in figure.axes[0].lines if len(line.get_ydata()) == 1 and line.get_marker() == "o")
    assert line.get_ydata() == pytest.approx([value])


def test_shares_of_the_ceiling_are_of_the_same_kind_and_none_of_what_a_control_leaves():
    of = {"dataset": "d", "target": "t", "distance": "cosine", "measure": "pearson", "pairs": "all"}
    kinds = [("none", "subjects_then_average"), ("none", "average_then_correlate"), ("gabor", "subjects_then_average")]
    rows = [of | {"control": control, "scheme": scheme, "value": 1.2} for control, scheme in kinds]
    found = noise_ceilings.with_shares(pd.DataFrame([*rows, rows[0] | {"measure": "whitened"}]), BOUNDS)
    np.testing.assert_allclose(found["share_of_lower_ceiling"], [1.2 / 0.39, 1.2 / 0.6, np.nan, np.nan])
    np.testing.assert_allclose(found["share_of_upper_ceiling"], [1.2 / 0.44, 1.2 / 0.65, np.nan, np.nan])


def test_controls_are_lines_of_their_own_with_their_intervals_at_the_right():
    of = {"dataset": "d", "target": "t", "distance": "cosine", "pairs": "all", "scheme": "subjects_then_average"}
    controls = [of | {"control": name, "measure": "pearson"} for name in ("luminance", "gabor")]
    controls = pd.DataFrame([*controls, controls[0] | {"measure": "cosine"}])
    controls = controls.assign(value=[0.12, 0.2, 0.9], low=[0.1, 0.15, 0.8], high=[0.14, np.nan, 0.95])
    figure, text = drawn(table_of({(epoch, "224px"): constant(0.3) for epoch in (0, 1)}), BOUNDS, controls)
    (axes,) = figure.axes
    lines = {tuple(line.get_ydata()): line for line in axes.lines}
    assert (0.9, 0.9) not in lines
    assert lines[0.12, 0.12]._dash_pattern != lines[0.2, 0.2]._dash_pattern
    assert (0.1, 0.14) in lines
    assert "luminance" in text and "gabor" in text


def test_each_control_and_scheme_has_its_own_peak():
    values = {(0, "224px"): constant(0.2), (1, "224px"): constant(0.6)}
    fallen = {(0, "224px"): constant(0.1), (1, "224px"): constant(0.05)}
    parts = [table_of(values), table_of(fallen, control="gabor"), table_of(fallen, scheme="average_then_correlate")]
    peaks = tables.peaks(pd.concat(parts, ignore_index=True))
    assert list(zip(peaks["control"], peaks["scheme"], peaks["epoch"], strict=True)) == [
        ("none", "subjects_then_average", 1),
        ("gabor", "subjects_then_average", 0),
        ("none", "average_then_correlate", 0),
    ]


@pytest.mark.parametrize(
    ("shape", "counts", "note"),
    [
        ((10, 5), "10 subjects × 5 seeds", "mean and 95 % interval that generalises over subjects × seeds"),
        ((10, 1), "10 subjects × 1 seed", "without an interval over subjects × seeds: cannot be known: 1 of seeds"),
        ((1, 5), "1 subject × 5 seeds", "without an interval over subjects × seeds: cannot be known: 1 of subjects"),
    ],
)
def test_intervals_are_drawn_where_they_are_known_and_say_of_what(shape, counts, note):
    values = {(epoch, "224px"): np.random.default_rng(3).normal(size=shape) for epoch in (0, 1, 3)}
    figure, text = drawn(table_of(values), BOUNDS)
    assert counts in text
    assert note in text
    band, bar = figure.axes[0].collections
    means = [values[epoch, "224px"].mean() for epoch in (0, 1, 3)]
    if 1 in shape:
        assert not np.isfinite(bar.get_segments()).any()
        assert not any(len(path.vertices) for path in band.get_paths())
        return
    assert bar.get_segments()[0][:, 1] == pytest.approx([means[0] - 0.1, means[0] + 0.2])
    heights = band.get_paths()[0].vertices[:, 1]
    assert {round(height, 9) for height in heights} == {
        round(mean + side, 9) for mean in means[1:] for side in (-0.1, 0.2)
    }


def test_a_ceiling_is_a_grey_band_where_it_is_near_and_words_where_it_is_not():
    for value, is_drawn in ((0.3, True), (0.01, False)):
        figure, text = drawn(table_of({(epoch, "224px"): np.full((2, 2), value) for epoch in (0, 1)}), BOUNDS)
        bands = [patch for patch in figure.axes[0].patches if patch.get_height() == pytest.approx(0.05)]
        assert len(bands) == is_drawn
        assert "noise ceiling 0.39 to 0.44" in text


def points(axes, marker):
    """What is drawn with a marker: (places, heights), of all lines together."""
    lines = [line for line in axes.lines if line.get_marker() == marker]
    places, heights = (np.concatenate([np.asarray(get(line), float) for line in lines]) for get in GETTERS)
    return places, heights


GETTERS = (plt.Line2D.get_xdata, plt.Line2D.get_ydata)
EARLY = [0, "0+10", "0+30", "0+100", "0+300", "0+1000", "0+3000", 1, 3, 9, 30, 90]


@pytest.mark.parametrize(
    ("epochs", "steps", "shown"),
    [
        (EARLY, 5005, ["0", "+10", "+100", "+1000", "1", "3", "9", "30", "90"]),
        ([0, "0+1", "0+5", 1, 2, 4], 12, ["0", "+1", "+5", "1", "2", "4"]),
        (range(91), 1, ["0", "1", "2", "3"]),
        ([0, 1, 80, 90], 1, ["0", "1", "90"]),
        ([0], 1, ["0"]),
        ([90], 1, ["90"]),
        (["0+10", "3+10"], 100, ["+10", "3+10"]),
    ],
)
@pytest.mark.parametrize("n_targets", [1, 2])
def test_epochs_lie_in_order_under_labels_that_do_not_touch(epochs, steps, shown, n_targets):
    values = {(epoch, "224px"): np.random.default_rng(1).normal(size=(2, 2)) for epoch in epochs}
    alignment = pd.concat([table_of(values, steps, target=f"t{i}") for i in range(n_targets)], ignore_index=True)
    figure, _ = drawn(alignment, pd.concat([BOUNDS.assign(target=f"t{i}") for i in range(n_targets)]))
    figure.draw_without_rendering()
    for axes in figure.axes:
        labels = [label for label in axes.get_xticklabels() if label.get_text()]
        assert [label.get_text() for label in labels][: len(shown)] == shown
        boxes = [label.get_window_extent() for label in labels]
        assert all(left.x1 < right.x0 for left, right in pairwise(boxes))
        numbers = sorted(alignment["epoch"].unique())
        places, heights = points(axes, "o")
        order = np.argsort(places)
        means = alignment[alignment["target"] == "t0"].groupby("epoch")["value"].mean()
        assert heights[order] == pytest.approx(means[numbers])
        trained = [number for number in numbers if number > 0]
        assert places[order][-len(trained) :] == pytest.approx(trained) if trained else True
        left, right = axes.get_xlim()
        assert left < places.min()
        assert places.max() < right


def test_calibrated_points_are_squares_beside_their_epoch():
    values = {(epoch, "224px"): constant(0.1) for epoch in EARLY}
    values |= {(epoch, "224px-calibrated"): constant(0.2) for epoch in EARLY[:3]}
    figure, text = drawn(table_of(values, 5005), BOUNDS)
    (axes,) = figure.axes
    squares, heights = points(axes, "s")
    assert heights == pytest.approx([0.2] * 3)
    circles = np.sort(points(axes, "o")[0])
    for square, epoch, later in zip(np.sort(squares), circles, circles[1:], strict=False):
        assert epoch < square < np.sqrt(epoch * later)
    assert "calibrated batch norm" in text
    assert "calibrated batch norm" not in drawn(table_of({(1, "224px"): constant(0.1)}), BOUNDS)[1]


def test_each_size_of_images_has_panels_of_its_own_on_the_same_scale():
    values = {(epoch, view): constant(0.1 if view == "224px" else 0.5) for epoch in (0, 1) for view in SIZES}
    figure, text = drawn(table_of(values), BOUNDS)
    large, small = figure.axes
    assert set(points(large, "o")[1]) == {0.1}
    assert set(points(small, "o")[1]) == {0.5}
    assert large.get_ylim() == small.get_ylim()
    assert "images of 224 px" in large.get_title("left")
    assert "images of 32 px" in small.get_title("left")
    _, text = drawn(table_of({(1, "64px"): constant(0.1)}), BOUNDS)
    assert "images of 64 px; mean" in text


SIZES = ("224px", "32px")


@pytest.mark.parametrize(("n", "rows"), [(1, [1]), (6, [6]), (7, [4, 3]), (13, [5, 5, 3]), (24, [6, 6, 6, 6])])
def test_many_targets_are_in_rows_below_each_other_on_one_scale(n, rows):
    targets = [f"{50 * i}ms" for i in range(n)]
    alignment = pd.concat(
        [table_of({(1, "64px"): constant(0.1 + 0.01 * i)}).assign(target=target) for i, target in enumerate(targets)]
    )
    figure, _ = drawn(alignment, pd.concat([BOUNDS.assign(target=target) for target in targets]))
    there = [axes for axes in figure.axes if axes.axison]
    assert [axes.get_title() for axes in there] == [f"{50 * i} ms" for i in range(n)]
    tops = [axes.get_subplotspec().rowspan.start for axes in there]
    assert [tops.count(row) for row in sorted(set(tops))] == rows
    assert len({axes.get_ylim() for axes in there}) == 1
    assert sum(bool(axes.get_title("left")) for axes in there) == 1
    assert figure.get_figwidth() < 25


def test_pdf_has_the_fonts_that_publishers_take(tmp_path):
    figure, axes = plt.subplots()
    axes.set_title("Alignment R² ± 0.1")
    layout.save(figure, [tmp_path / "f.pdf", tmp_path / "f.png"])
    pdf = (tmp_path / "f.pdf").read_bytes()
    assert b"/FontFile2" in pdf and b"/Type3" not in pdf
    with Image.open(tmp_path / "f.png") as image:
        assert image.info["dpi"] == pytest.approx((300, 300), abs=0.1)


@pytest.mark.parametrize("n", [1, 4, 8, 9, 12, 24])
def test_each_block_has_a_colour_of_its_own(n):
    palette = figures.block_palette([f"blocks.{i}" for i in range(n)])
    assert len({tuple(np.round(colour, 3)) for colour in palette.values()}) == n


# Networks compared -----------------------------------------------------------------------------------------------


def compared(networks, targets=("t",), epochs=EARLY, steps=5005, seeds=2, rng=None):
    """The figure, and the table that it is of; `steps` may be given by network."""
    rng = rng or np.random.default_rng(2)
    alignment = pd.concat(
        [
            table_of(
                {(epoch, view): rng.normal(size=(3, seeds)) for epoch in epochs for view in ("224px", "32px")},
                steps[network] if isinstance(steps, dict) else steps,
                target=target,
                network=network,
                block=block,
            )
            for target in targets
            for network, blocks in networks.items()
            for block in blocks
        ],
        ignore_index=True,
    )
    bounds = pd.concat([BOUNDS.assign(target=target) for target in targets])
    figure = figures.networks_compared(trajectories_of(alignment), bounds, ["d"], networks)
    plt.close(figure)
    return figure, alignment


RESNETS = ["layer1", "layer2"]


@pytest.mark.parametrize(
    ("networks", "titles"),
    [
        ({"a": RESNETS, "b": RESNETS}, ["Block 1", "Block 2", "Best block"]),
        ({"a": RESNETS, "b": ["features.2"]}, ["Best block"]),
        ({"a": RESNETS, "b": RESNETS[::-1]}, ["Best block"]),
        ({name: [f"blocks.{i}[cls]" for i in range(24)] for name in "ab"}, ["Best block"]),
        ({name: ["layer4"] for name in "abcdef"}, ["Best block"]),
    ],
)
def test_networks_are_compared_block_by_block_where_they_have_the_same_few(networks, titles):
    figure, alignment = compared(networks, targets=("t", "u"), epochs=[0, 1, 4])
    assert [axes.get_title() for axes in figure.axes] == [*titles, *[""] * len(titles)]
    alignment = alignment[alignment["view"] == "224px"]
    for i, target in enumerate(("t", "u")):
        row = figure.axes[i * len(titles) : (i + 1) * len(titles)]
        best = []
        for network, colour in zip(networks, figures.NETWORK_COLOURS, strict=False):
            of_network = alignment[(alignment["network"] == network) & (alignment["target"] == target)]
            means = of_network.groupby(["block", "epoch"])["value"].mean().unstack()
            best.append(max(networks[network], key=lambda block, means=means: means.loc[block].max()))
            shown = [*networks[network], best[-1]] if len(titles) > 1 else [best[-1]]
            for axes, block in zip(row, shown, strict=True):
                lines = [line for line in axes.lines if line.get_color() == colour and len(line.get_ydata()) < 3]
                drawn_means = {
                    tuple(np.round(np.array(line.get_ydata(), float), 9))
                    for line in lines
                    if line.get_marker() in "os^DvP"
                }
                expected = means.loc[block].round(9)
                assert drawn_means == {(expected[0],), (expected[1], expected[4])}
        legend = [text.get_text() for text in row[-1].get_legend().get_texts()]
        assert legend == [figures.block_label(block) for block in best]


def test_intervals_of_networks_are_drawn():
    figure, alignment = compared({"a": ["x"], "b": ["x"]}, epochs=[1])
    drawn_bars = [collection.get_segments()[0][:, 1] for collection in figure.axes[0].collections]
    means = alignment[alignment["view"] == "224px"].groupby("network")["value"].mean()
    np.testing.assert_allclose(drawn_bars, [[mean - 0.1, mean + 0.2] for mean in means])


def test_up_to_six_networks_are_told_apart_in_grey_and_from_blocks():
    styles = figures.network_styles(["a", "b", "c", "d", "e", "f"])
    for what in ("color", "marker", "linestyle"):
        assert len({style[what] for style in styles.values()}) == 6
    blocks = {tuple(np.round(colour, 3)) for colour in figures.block_palette(list("12345678")).values()}
    assert not blocks & {tuple(np.round(matplotlib.colors.to_rgb(style["color"]), 3)) for style in styles.values()}


def test_steps_of_networks_whose_epochs_differ_in_length_are_called_by_their_part():
    figure, _ = compared({"a": ["x"], "b": ["x"]}, epochs=[0, "0+10", "3+10", "4+99", 9], steps={"a": 100, "b": 1000})
    labels = {label.get_text() for label in figure.axes[0].get_xticklabels()}
    assert {"0", "0.01", "0.1", "9"} <= labels
    assert not any("+" in label for label in labels)
    assert label_of(4.999, 999, by_step=False) == "4.999"
    assert label_of(3.01, 10, by_step=False) == "3.01"
    figure, _ = compared({"a": ["x"], "b": ["x"]}, epochs=[0, "0+10", 9], steps=1000)
    assert "+10: after 10 steps of epoch 1" in words_of(figure)


@pytest.mark.parametrize(("n_networks", "n_targets"), [(2, 1), (6, 4)])
def test_panels_keep_their_size_beside_long_names(n_networks, n_targets):
    long = {f"a_network_with_a_long_name_{i}": [f"encoder.layers.encoder_layer_{i}[cls]"] for i in range(n_networks)}
    figure, _ = compared(long, [f"t{i}" for i in range(n_targets)], epochs=[0, 1])
    figure.draw_without_rendering()
    for axes in figure.axes:
        width, height = axes.get_window_extent().size / figure.dpi
        assert width > 1.9
        assert height > 0.9
    boxes = [text.get_window_extent() for text in figure.legends[0].get_texts()]
    assert max(box.x1 for box in boxes) < figure.bbox.x1
    legends = [axes.get_legend().get_window_extent() for axes in figure.axes]
    assert max(legend.x1 for legend in legends) < min(box.x0 for box in boxes)


@pytest.mark.parametrize("n_blocks", [1, 24])
def test_the_panel_of_many_blocks_keeps_its_size(n_blocks):
    parts = [
        table_of({(epoch, "224px"): constant(0.1) for epoch in (0, 1)}, block=f"blocks.{i}[patches]")
        for i in range(n_blocks)
    ]
    figure, _ = drawn(pd.concat(parts, ignore_index=True).assign(dataset="d"), BOUNDS)
    figure.draw_without_rendering()
    width, height = figure.axes[0].get_window_extent().size / figure.dpi
    assert width > 1.9
    assert height > 1.2
    legend = figure.legends[0].get_window_extent()
    assert legend.y0 > 0
    assert legend.y1 < figure.bbox.y1
    assert len(figure.legends[0].get_texts()) == n_blocks


# Training --------------------------------------------------------------------------------------------------------


def accuracies(networks, seeds, without=()):
    """A table of accuracy with an early step, of which some networks were not evaluated."""
    rows = []
    for i, (network, seed) in enumerate(product(networks, range(seeds))):
        for epoch, step in ((0, 0), (0.25, 10), (1, 0), (2, 0)):
            row = {"network": network, "seed": seed, "epoch": epoch, "step": step, "training_loss": 3 - epoch + i}
            row |= {"validation_loss": 4 - epoch + i, "top1": (epoch + i) / 100, "accuracy": tables.EVALUATED}
            if network in without:
                row |= {"training_loss": None, "validation_loss": None, "top1": None, "accuracy": tables.NOT_EVALUATED}
            rows.append(row | ({"training_loss": None} if epoch == 0 else {}))
    return pd.DataFrame(rows).assign(data="measured")


@pytest.mark.parametrize(("n_networks", "n_seeds"), [(1, 5), (2, 1), (6, 5)])
def test_training_has_a_line_per_seed_and_a_legend_of_networks(n_networks, n_seeds):
    names = [f"network{i}" for i in range(n_networks)]
    figure = training.training_curves(accuracies(names, n_seeds))
    plt.close(figure)
    _, top1 = figure.axes
    lines = top1.lines
    assert [line.get_ydata()[-1] for line in lines] == pytest.approx([2 + i for i in range(n_networks * n_seeds)])
    assert all(list(line.get_xdata()) == [0, 0.25, 1, 2] and line.get_markevery() == [0, 2, 3] for line in lines)
    assert len({matplotlib.colors.to_hex(line.get_color()) for line in lines}) == n_networks * n_seeds
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    seeds = [f"seed {i}" for i in range(n_seeds)]
    networks = names + ["(a line per seed)"] * (n_seeds > 1)
    assert legend == [*(seeds if n_networks == 1 else networks), "validation", "training"]


def test_a_network_that_was_not_evaluated_is_named():
    figure = training.training_curves(accuracies(["a", "b"], 2, without="b"))
    plt.close(figure)
    assert "b: not evaluated" in words_of(figure)
    assert len(figure.axes[1].lines) == 2
    figure = training.training_curves(accuracies(["a", "b"], 2, without="ab"))
    plt.close(figure)
    assert "training.images is unset" in words_of(figure)
