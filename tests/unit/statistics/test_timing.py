"""Peaks, half-times and orders against plain computations, planted truths and what cannot change them."""

import numpy as np
import pytest
import trajectories
from early_alignment.statistics import timing
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import brentq
from scipy.stats import rankdata

EPOCHS = np.array([0, 1, 3, 9, 30, 90])
# Thousandths, so that what is added or multiplied does not round two different values to one.
CURVES = arrays(np.int64, 6, elements=st.integers(-1000, 1000)).map(lambda curve: curve / 1000)


def plain_half_time(curve, epochs) -> float:
    """By a root of the interpolated curve, between the last epoch below half and the first not below."""
    half = (curve[0] + max(curve)) / 2
    if max(curve) == curve[0]:
        return np.nan
    first = next(i for i, value in enumerate(curve) if value >= half)
    if first == 1:
        return epochs[1] * (half - curve[0]) / (curve[1] - curve[0])
    logs = np.log(epochs[first - 1 : first + 1])
    ends = curve[first - 1 : first + 1]
    return np.exp(brentq(lambda time: np.interp(time, logs, ends) - half, *logs, xtol=1e-14))


# Peaks ------------------------------------------------------------------------------------------------------------


def test_of_equal_peaks_the_earliest_counts():
    assert timing.peak([[0, 2, 1, 2, 0, 0], [1, 1, 1, 1, 1, 1]], EPOCHS).tolist() == [1, 0]


@given(CURVES, st.sampled_from([np.exp, np.cbrt, lambda values: 3 * values - 7]))
def test_a_monotone_change_leaves_the_peak(curve, change):
    assert timing.peak(change(curve), EPOCHS) == timing.peak(curve, EPOCHS)


def replicates_with_peaks(*counts: int) -> np.ndarray:
    """So many replicates with their peak at each epoch."""
    return np.repeat(np.eye(len(counts)), counts, axis=0)


@pytest.mark.parametrize(
    ("counts", "level", "likely"),
    [
        ((0, 95, 5, 0, 0, 0), 0.95, [1]),
        ((0, 94, 6, 0, 0, 0), 0.95, [1, 3]),
        ((40, 20, 40, 0, 0, 0), 0.8, [0, 3]),
        ((20, 20, 20, 20, 20, 0), 0.6, [0, 1, 3]),
        ((5, 0, 0, 0, 0, 95), 0.96, [0, 90]),
        ((1, 0, 0, 0, 0, 0), 1.0, [0]),
        ((7, 7, 7, 7, 7, 7), 1.0, [0, 1, 3, 9, 30, 90]),
    ],
)
def test_the_smallest_set_of_epochs(counts, level, likely):
    found = timing.distribution_of_peaks(replicates_with_peaks(*counts), EPOCHS, level)
    assert found.likely.tolist() == likely
    np.testing.assert_allclose(found.share, np.array(counts) / sum(counts))


@given(arrays(np.float64, (30, 6), elements=st.floats(-1, 1)), st.sampled_from([0.5, 0.8, 0.9, 0.95, 1.0]))
def test_the_set_holds_the_mode_and_no_smaller_set_would_do(replicates, level):
    found = timing.distribution_of_peaks(replicates, EPOCHS, level)
    assert found.share.sum() == pytest.approx(1)
    assert EPOCHS[found.share.argmax()] in found.likely
    inside = np.isin(EPOCHS, found.likely)
    assert found.share[inside].sum() >= level - 1e-9
    largest = np.sort(found.share)[::-1]
    assert largest[: inside.sum() - 1].sum() < level


def test_a_planted_peak_is_in_the_set():
    """At the paper's numbers of subjects and seeds, its lead being 4.5 standard errors."""
    truth = {("nsd", "V1v", "a"): np.array([0, 0.2, 0.15, 0.1, 0.1, 0.1])}
    studies = [trajectories.study_of(truth, EPOCHS, np.random.default_rng(run)) for run in range(20)]
    curves = [study.curves["nsd", "V1v", "a"] for study in studies]
    sets = [
        timing.distribution_of_peaks(curve.replicates[frozenset(trajectories.FACTORS)], EPOCHS).likely
        for curve in curves
    ]
    assert sum(1 in some for some in sets) >= 18
    assert sum(timing.peak(curve.point, EPOCHS) == 1 for curve in curves) >= 18


def test_what_is_not_known_has_no_peak():
    curves = np.array([[np.nan, 1, 0], [0, 1, np.nan], [0, 1, 0]])
    np.testing.assert_array_equal(timing.peak(curves, EPOCHS[:3]), [np.nan, np.nan, 1])
    assert timing.distribution_of_peaks(curves, EPOCHS[:3]).share.tolist() == [0, 1, 0]
    with pytest.raises(ValueError, match="no replicate has a peak"):
        timing.distribution_of_peaks(curves[:2], EPOCHS[:3])
    assert np.isnan(timing.half_time(curves[0] * np.nan, EPOCHS[:3]))


# Half-times -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("curve", "time"),
    [
        ([0, 2, 2, 2, 2, 2], 0.5),
        ([0, 1, 2, 2, 2, 2], 1),
        ([0, 0, 2, 2, 2, 2], np.sqrt(3)),
        ([0, -1, -1, 0, 2, 0], np.sqrt(9 * 30)),
        ([4, 4, 4, 4, 4, 5], np.sqrt(30 * 90)),
        ([0, 3, 0, 4, 0, 0], 2 / 3),
        ([1, 0, 1, 1, 0, 0], np.nan),
        ([1, 0, 0, 0, 0, 0], np.nan),
    ],
)
def test_half_times(curve, time):
    assert timing.half_time(np.array(curve), EPOCHS) == pytest.approx(time, nan_ok=True)
    reason = timing.why_no_half_time(curve, EPOCHS)
    assert reason == ("the untrained network is the most aligned" if np.isnan(time) else "")


@given(CURVES)
def test_half_times_are_plainly_that(curve):
    assert timing.half_time(curve, EPOCHS) == pytest.approx(plain_half_time(curve, EPOCHS), rel=1e-9, nan_ok=True)


@given(CURVES, st.floats(0.1, 10), st.floats(-10, 10))
def test_units_do_not_move_the_half_time(curve, factor, added):
    moved = timing.half_time(factor * curve + added, EPOCHS)
    # Where half is an analysed epoch's own value, rounding decides between two segments that meet there.
    assert moved == pytest.approx(timing.half_time(curve, EPOCHS), rel=1e-6, nan_ok=True)


@given(CURVES, st.floats(0.01, 100))
def test_time_in_other_units_is_the_same_time(curve, unit):
    times = timing.half_time(curve, unit * EPOCHS)
    assert times == pytest.approx(unit * timing.half_time(curve, EPOCHS), rel=1e-9, nan_ok=True)


@given(CURVES)
def test_the_half_time_is_not_after_the_peak(curve):
    time = timing.half_time(curve, EPOCHS)
    assert np.isnan(time) or 0 < time <= timing.peak(curve, EPOCHS) * (1 + 1e-12)


@given(arrays(np.float64, (2, 3, 6), elements=st.floats(-1, 1, width=16)))
def test_many_curves_are_each_as_one(curves):
    times = timing.half_time(curves, EPOCHS)
    assert times.shape == (2, 3)
    for place in np.ndindex(2, 3):
        assert times[place] == pytest.approx(float(timing.half_time(curves[place], EPOCHS)), nan_ok=True)


@pytest.mark.parametrize(
    ("epochs", "reason"),
    [([1, 3], "the untrained network, epoch 0, is not analysed"), ([0], "no trained network is analysed")],
)
def test_without_an_untrained_or_a_trained_network_there_is_none(epochs, reason):
    curve = np.arange(len(epochs), dtype=float)
    assert np.isnan(timing.half_time(curve, np.array(epochs))) and timing.why_no_half_time(curve, epochs) == reason


# Differences and shares -------------------------------------------------------------------------------------------


def test_the_peak_stays_where_the_estimates_is():
    curve, replicates = np.array([0, 3.0, 1]), np.array([[0, 1.0, 2], [1, 4, 2]])
    assert timing.difference_from_peak(curve, curve, -1) == 2
    assert timing.difference_from_peak(curve, replicates, -1).tolist() == [-1, 2]
    assert timing.difference_from_peak(curve, replicates, 0).tolist() == [1, 3]


def test_optimism_is_what_selection_adds():
    """Of three equal epochs with independent noise, the highest is too high by 0.8463 σ on average."""
    rng = np.random.default_rng(0)
    found = [timing.optimism(curve, curve + rng.normal(size=(500, 3))) for curve in rng.normal(size=(300, 3))]
    assert timing.optimism(np.array([0, 50.0, 0]), np.array([0, 50, 0]) + rng.normal(size=(500, 3))) == 0
    assert np.mean(found) == pytest.approx(0.43 * 0.8463, abs=0.02)
    assert timing.optimism(np.zeros(3), rng.normal(size=(20000, 3))) == pytest.approx(0.8463, abs=0.03)


def test_shares_of_the_final_alignment_are_not_clipped():
    curves = np.array([[-1.0, 3, 2, 1, 4, 2], [1, 1, 1, 1, 1, 0], [1, 1, 1, 1, 1, -1]])
    found = timing.share_of_final(curves, EPOCHS, [0, 1, 2, 9, 100])
    np.testing.assert_allclose(found[0], [-0.5, 1.5, np.nan, 0.5, np.nan])
    assert np.isnan(found[1:]).all()


# Orders -----------------------------------------------------------------------------------------------------------


@given(arrays(np.float64, (3, 7), elements=st.sampled_from([0, 1, 2.5, np.nan, 7])))
def test_ranks_are_scipys(values):
    np.testing.assert_array_equal(timing.ranks(values), rankdata(values, axis=-1, nan_policy="omit"))


def test_how_sure_an_order_is():
    replicates = np.array([[1, 2, np.nan], [1, 1, np.nan], [3, 2, 9.0], [np.nan, 2, 1]])
    found = timing.order(np.array([1, 1, np.nan]), replicates)
    np.testing.assert_array_equal(found.rank, [1.5, 1.5, np.nan])
    np.testing.assert_allclose(found.earlier, [[0.5, 1.5 / 3, 1], [1.5 / 3, 0.5, 0.5], [0, 0.5, 0.5]])
    np.testing.assert_allclose(found.defined, [[0.75, 0.75, 0.25], [0.75, 1, 0.5], [0.25, 0.5, 0.5]])
    nothing = timing.order(np.array([1, np.nan]), np.array([[1, np.nan]]))
    assert np.isnan(nothing.earlier[0, 1]) and nothing.earlier[0, 0] == 0.5


@given(arrays(np.float64, (9, 3), elements=st.sampled_from([0.1, 1, 5, np.nan])))
def test_earlier_and_later_are_all(replicates):
    found = timing.order(replicates[0], replicates)
    whole = found.earlier + found.earlier.T
    assert np.all(np.isnan(whole) | np.isclose(whole, 1)) and np.array_equal(np.isnan(whole), found.defined == 0)


def test_a_planted_order_is_found():
    """Half-times of 0.5, 1.7 and 5.2 epochs, whatever else targets differ in."""
    truths = {
        ("nsd", "V1v", "a"): np.array([0.1, 0.4, 0.4, 0.4, 0.4, 0.4]),
        ("nsd", "hV4", "a"): np.array([0, 0, 0.2, 0.2, 0.2, 0.2]),
        ("nsd", "PPA", "a"): np.array([0.2, 0.2, 0.2, 0.5, 0.5, 0.5]),
    }
    right = 0
    for run in range(20):
        study = trajectories.study_of(truths, EPOCHS, np.random.default_rng(run))
        of_all = frozenset(trajectories.FACTORS)
        times = timing.half_time(np.array([study.curves[key].point for key in truths]), EPOCHS)
        replicates = np.stack(
            [timing.half_time(study.curves[key].replicates[of_all], EPOCHS) for key in truths], axis=1
        )
        found = timing.order(times, replicates)
        right += found.rank.tolist() == [1, 2, 3] and found.earlier[0, 1] > 0.95 and found.earlier[1, 2] > 0.95
    assert right >= 18


def test_spread_is_of_what_is_defined():
    values = np.arange(101.0)
    replicates = np.column_stack([values, np.where(values < 50, np.nan, values), np.where(values < 51, np.nan, values)])
    found = timing.spread(replicates, 0.9)
    np.testing.assert_allclose(found.low, [5, 52.5, np.nan])
    np.testing.assert_allclose(found.high, [95, 97.5, np.nan])
    np.testing.assert_allclose(found.defined, [1, 51 / 101, 50 / 101])
