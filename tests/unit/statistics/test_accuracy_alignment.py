"""Correlations of accuracy with alignment, against scipy."""

import numpy as np
import pytest
from early_alignment.statistics import accuracy_alignment as library
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import pearsonr

ACCURACY = np.array([0.001, 0.3, 0.5, 0.6, 0.72, 0.76])


@pytest.mark.parametrize("with_first", [True, False])
def test_changes_are_scipys(with_first):
    alignment = np.random.default_rng(0).normal(size=(7, 3, 6))
    found = library.correlation_of_changes(ACCURACY, alignment, with_first)
    start = 0 if with_first else 1
    for place in np.ndindex(7, 3):
        wanted = pearsonr(np.diff(ACCURACY)[start:], np.diff(alignment[place])[start:]).statistic
        assert found[place] == pytest.approx(wanted)


def test_the_first_change_can_be_all_of_a_correlation():
    alignment = np.array([0, 0.3, 0.32, 0.30, 0.31, 0.32])
    assert library.correlation_of_changes(ACCURACY, alignment) > 0.8
    assert library.correlation_of_changes(ACCURACY, alignment, with_first=False) < 0.5


@given(arrays(np.int64, 6, elements=st.integers(-99, 99)), st.floats(0.1, 10), st.floats(-10, 10))
def test_units_do_not_matter(alignment, factor, added):
    found = library.correlation_of_changes(ACCURACY, factor * (alignment / 99) + added)
    assert found == pytest.approx(library.correlation_of_changes(ACCURACY, alignment / 99), abs=1e-6, nan_ok=True)


def test_accuracy_may_have_replicates_too():
    rng = np.random.default_rng(1)
    accuracy, alignment = rng.random((5, 1, 6)), rng.random((5, 4, 6))
    found = library.correlation_of_changes(accuracy, alignment)
    wanted = pearsonr(np.diff(accuracy[2, 0]), np.diff(alignment[2, 3])).statistic
    assert found.shape == (5, 4) and found[2, 3] == pytest.approx(wanted)


def test_too_few_or_equal_changes_have_no_correlation():
    assert np.isnan(library.correlation_of_changes(ACCURACY[:3], np.array([[0, 1, 3.0]]))).tolist() == [True]
    assert np.isnan(library.correlation_of_changes(ACCURACY[:4], np.array([0, 1, 3.0, 2]), with_first=False))
    assert np.isnan(library.correlation_of_changes(ACCURACY, np.linspace(0.1, 0.7, 6)))
    assert np.isnan(library.correlation_of_changes(np.linspace(0, 1, 6), ACCURACY))


def test_across_seeds_is_scipys_of_the_seeds_that_are_drawn():
    rng = np.random.default_rng(2)
    accuracy, alignment = rng.random((6, 5)), rng.random((6, 5))
    drawn = np.array([[1, 1, 1, 1, 1], [2, 0, 1, 2, 0], [3, 2, 0, 0, 0], [0, 5, 0, 0, 0]])
    found = library.correlation_across_seeds(accuracy, alignment, drawn)
    assert found.shape == (4, 6) and np.isnan(found[2:]).all()
    for draw in (0, 1):
        seeds = np.repeat(np.arange(5), drawn[draw])
        wanted = [pearsonr(x[seeds], y[seeds]).statistic for x, y in zip(accuracy, alignment, strict=True)]
        np.testing.assert_allclose(found[draw], wanted)
    of_replicates = library.correlation_across_seeds(accuracy, np.stack([alignment, alignment + 1]), drawn[:2])
    np.testing.assert_allclose(of_replicates, found[:2])


def test_planted_relations_between_seeds():
    rng = np.random.default_rng(3)
    accuracy = rng.normal(size=(500, 5))
    one = np.ones((1, 5))
    related = library.correlation_across_seeds(accuracy, accuracy + 0.1 * rng.normal(size=(500, 5)), one)
    unrelated = library.correlation_across_seeds(accuracy, rng.normal(size=(500, 5)), one)
    assert related.min() > 0.8 and abs(unrelated.mean()) < 0.06


def test_a_constant_has_no_correlation_however_large():
    for constant in (0.0, 0.1, 1e9):
        assert np.isnan(library.weighted_correlation(np.full(5, constant), np.arange(5.0), np.ones(5)))
