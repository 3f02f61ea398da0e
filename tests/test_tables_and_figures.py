"""Tables and figures against plain computations: peaks, standard errors, and what Figure 1 says in words."""

from itertools import product

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from early_alignment.pictures import figures
from early_alignment.statistics import tables
from early_alignment.statistics.standard_errors import crossed_standard_error


def table_of(values, **columns) -> pd.DataFrame:
    """A table of alignment from (epoch, batchnorm) → values (subjects, networks)."""
    rows = [
        {"subject": str(subject), "seed": seed, "epoch": epoch, "batchnorm": batchnorm, "value": value[subject, seed]}
        for (epoch, batchnorm), value in values.items()
        for subject, seed in product(*map(range, np.shape(value)))
    ]
    place = {"dataset": "d", "target": "t", "block": "layer1", "measure": "pearson", "pairs": "all", "n_pairs": 3}
    return pd.DataFrame(rows).assign(**place | {"data": "measured"} | columns)


def constant(value):
    return np.full((2, 1), value)


# Peaks -----------------------------------------------------------------------------------------------------------


def test_of_equal_epochs_the_earliest_is_the_peak_whatever_the_tables_order():
    values = {(9, "running"): constant(0.5), (0, "running"): constant(0.1), (3, "running"): constant(0.5)}
    (peak,) = tables.peaks(table_of(values)).itertuples()
    assert (peak.epoch, peak.value) == (3, 0.5)


def test_either_kind_of_untrained_network_has_a_peak_of_its_own():
    values = {(0, "running"): 0.2, (0, "calibrated"): 0.6, (1, "running"): 0.4, (2, "running"): 0.3}
    peaks = tables.peaks(table_of({key: constant(value) for key, value in values.items()}))
    found = {row.untrained_batchnorm: (row.epoch, row.value) for row in peaks.itertuples()}
    assert found == {"running": (1, 0.4), "calibrated": (0, 0.6)}


@pytest.mark.parametrize("variants", [["running"], ["calibrated"], ["running", "calibrated"], []])
def test_peaks_are_those_of_a_plain_loop(variants):
    rng = np.random.default_rng(0)
    epochs = [*((0, variant) for variant in variants), (1, "running"), (3, "running")]
    parts = [
        table_of({key: rng.normal(size=(3, 2)) for key in epochs}, measure=measure, pairs=pairs)
        for measure, pairs in product(["pearson", "cosine"], ["all", "within_partitions"])
    ]
    alignment = pd.concat(parts, ignore_index=True)
    peaks = tables.peaks(alignment)
    assert len(peaks) == 2 * 2 * 2 * max(len(variants), 1)
    for row in peaks.itertuples():
        same = alignment[
            (alignment["measure"] == row.measure) & (alignment["pairs"] == row.pairs) & (alignment["seed"] == row.seed)
        ]
        tried = [key for key in epochs if key[0] > 0 or key[1] == row.untrained_batchnorm]
        means = {
            epoch: same[(same["epoch"] == epoch) & (same["batchnorm"] == batchnorm)]["value"].mean()
            for epoch, batchnorm in tried
        }
        assert row.epoch == max(means, key=means.get)
        assert row.value == pytest.approx(max(means.values()))
    assert set(peaks["untrained_batchnorm"]) == set(variants or ["not analysed"])


# Standard errors -------------------------------------------------------------------------------------------------


def test_subjects_that_every_network_meets_are_not_more_subjects():
    """Subject SD 0.03, 10 subjects, 5 networks: 0.03 / √10 = 0.0095, not 0.03 / √50 = 0.0042."""
    subjects = np.linspace(-1, 1, 10)
    subjects *= 0.03 / subjects.std(ddof=1)
    values = np.repeat(0.4 + subjects[:, None], 5, axis=1)
    assert crossed_standard_error(values) == pytest.approx(0.0095, abs=5e-5)
    assert crossed_standard_error(values.T) == crossed_standard_error(values)


@pytest.mark.parametrize("sds", [(0.3, 0.1, 0.2), (0.1, 0.3, 0.2), (0.2, 0.2, 0.6), (0.3, 0.3, 0.0)])
def test_the_estimated_variance_of_the_mean_is_the_one_of_many_experiments(sds):
    rng, (s, n), many = np.random.default_rng(1), (6, 4), 4000
    values = (
        sds[0] * rng.normal(size=(many, s, 1))
        + sds[1] * rng.normal(size=(many, 1, n))
        + sds[2] * rng.normal(size=(many, s, n))
    )
    true = sds[0] ** 2 / s + sds[1] ** 2 / n + sds[2] ** 2 / (s * n)
    assert values.mean(axis=(1, 2)).var() == pytest.approx(true, rel=0.08)
    estimated = np.mean([crossed_standard_error(one) ** 2 for one in values])
    # Not below the larger part, so a little too large where the rest is most of it: 1.15 times, where the sum of both
    # parts is 1.47 times the variance.
    assert true * 0.96 < estimated < true * 1.2


@pytest.mark.parametrize("shape", [(2, 2), (2, 5), (5, 2), (3, 7)])
@pytest.mark.parametrize("rest", [0.01, 10])
def test_a_standard_error_is_that_of_the_mean_squares_of_a_two_way_table(shape, rest):
    """(MS subjects + MS networks − MS rest) / (s n), or the larger of the first two, by loops over single values."""
    rng, (s, n) = np.random.default_rng(3), shape
    table = (rng.normal(size=(s, 1)) + rng.normal(size=n) + rest * rng.normal(size=shape)).tolist()
    grand = sum(map(sum, table)) / (s * n)
    of_subject = [sum(row) / n for row in table]
    of_network = [sum(row[j] for row in table) / s for j in range(n)]
    ms_subjects = sum(n * (mean - grand) ** 2 for mean in of_subject) / (s - 1)
    ms_networks = sum(s * (mean - grand) ** 2 for mean in of_network) / (n - 1)
    residuals = [table[i][j] - of_subject[i] - of_network[j] + grand for i, j in product(range(s), range(n))]
    ms_rest = sum(residual**2 for residual in residuals) / ((s - 1) * (n - 1))
    expected = max(ms_subjects + ms_networks - ms_rest, ms_subjects, ms_networks) / (s * n)
    assert crossed_standard_error(table) == pytest.approx(np.sqrt(expected), rel=1e-9)


def test_a_standard_error_of_float32_values_is_computed_in_float64():
    values = (1000 + np.random.default_rng(4).normal(size=(6, 4))).astype(np.float32)
    assert crossed_standard_error(values) == crossed_standard_error(values.astype(np.float64))
    assert crossed_standard_error(values[:1]) == crossed_standard_error(values[:1].astype(np.float64))


def test_a_factor_of_one_leaves_the_other():
    values = np.random.default_rng(2).normal(size=(7, 1))
    assert crossed_standard_error(values) == pytest.approx(values.std(ddof=1) / np.sqrt(7))
    assert crossed_standard_error(values.T) == pytest.approx(values.std(ddof=1) / np.sqrt(7))
    assert np.isnan(crossed_standard_error(values[:1]))


# Figure 1 --------------------------------------------------------------------------------------------------------


def drawn(alignment, noise_ceiling):
    """Figure 1, and all its words."""
    figure = figures.alignment_over_training(alignment, noise_ceiling, datasets=["d"], blocks=["layer1"])
    words = " ".join(text.get_text() for text in figure.findobj(plt.Text))
    plt.close(figure)
    return figure, words


BOUNDS = pd.DataFrame(
    [
        {"dataset": "d", "target": "t", "measure": measure, "pairs": pairs, "lower": lower, "upper": lower + 0.05}
        for measure, pairs, lower in [
            ("pearson", "all", 0.39),
            ("cosine", "all", 0.93),
            ("cosine", "within_partitions", 0.81),
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
    first = table_of({(1, "running"): np.ones((2, 2)) * 0.3}, measure=measure, pairs=pairs)
    second = table_of({(1, "running"): np.ones((2, 2)) * 0.9}, measure="spearman")
    figure, text = drawn(pd.concat([first, second], ignore_index=True), BOUNDS)
    assert words in text
    assert ("within partitions" in text) == (pairs == "within_partitions")
    (line,) = (line for line in figure.axes[0].lines if len(line.get_ydata()) == 1 and line.get_marker() == "o")
    assert line.get_ydata() == pytest.approx([0.3])


@pytest.mark.parametrize(
    ("shape", "counts", "note"),
    [
        ((10, 5), "10 subjects × 5 networks", "two crossed random factors"),
        ((10, 1), "10 subjects × 1 network", "over subjects, of one network: nothing is known of other networks"),
        ((1, 5), "1 subject × 5 networks", "over networks, of one subject: nothing is known of other subjects"),
        ((1, 1), "1 subject × 1 network", "no standard error can be known"),
    ],
)
def test_error_bars_are_of_crossed_factors_and_say_of_how_many(shape, counts, note):
    values = {key: np.random.default_rng(3).normal(size=shape) for key in ((0, "running"), (1, "running"))}
    figure, text = drawn(table_of(values), BOUNDS)
    assert counts in text
    assert note in text
    bars = [collection.get_segments() for collection in figure.axes[0].collections]
    half = [np.ptp(segments[0][:, 1]) / 2 for segments in bars if len(segments[0])]
    expected = [crossed_standard_error(values[epoch, "running"]) for epoch in (1, 0)]
    assert half == pytest.approx(expected if shape != (1, 1) else [])
