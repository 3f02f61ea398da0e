"""The rank correlation of the best block's depth with targets' order, against scipy and by hand."""

import warnings

import numpy as np
import pytest
from early_alignment.statistics import hierarchy
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import ConstantInputWarning, spearmanr


@given(arrays(np.float64, (2, 5, 4, 6), elements=st.floats(-1, 1)))
def test_scores_are_scipys(values):
    """Of replicates and epochs; 4 blocks, 6 targets."""
    found = hierarchy.score(values)
    assert found.shape == (2, 5)
    for place in np.ndindex(2, 5):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConstantInputWarning)
            wanted = spearmanr(np.argmax(values[place], axis=0), np.arange(6)).statistic
        assert found[place] == pytest.approx(wanted, nan_ok=True)


@pytest.mark.parametrize(
    ("best", "score"),
    [((0, 1, 3), 1), ((3, 1, 0), -1), ((0, 3, 1), 0.5), ((0, 0, 3), np.sqrt(0.75)), ((2, 2, 2), np.nan)],
)
def test_scores_of_three_targets(best, score):
    values = np.eye(4)[:, list(best)]
    assert hierarchy.best_depth(values.T).tolist() == list(best)
    assert hierarchy.score(values) == pytest.approx(score, nan_ok=True)


def test_of_equal_blocks_the_first_is_the_best():
    assert hierarchy.best_depth(np.array([[1, 2, 2], [3, 3, 3]])).tolist() == [1, 0]


@given(arrays(np.float64, (4, 6), elements=st.floats(-1, 1)))
def test_reversed_targets_reverse_the_score(values):
    assert hierarchy.score(values[:, ::-1]) == pytest.approx(-hierarchy.score(values), nan_ok=True)


def test_what_is_not_known_has_no_score():
    values = np.stack([np.eye(4)] * 2)
    values[0, 3, 1] = np.nan
    np.testing.assert_array_equal(hierarchy.score(values), [np.nan, 1])


def test_a_planted_hierarchy_is_found():
    """Each target's best block is a little deeper than that of the one before; noise of half that lead."""
    rng = np.random.default_rng(0)
    truth = -np.abs(np.arange(4)[:, None] - np.linspace(0, 3, 8))
    scores = hierarchy.score(truth + rng.normal(0, 0.3, (200, 4, 8)))
    assert (scores > 0.7).mean() > 0.9
    without = hierarchy.score(rng.normal(size=(2000, 4, 8)))
    assert abs(np.nanmean(without)) < 0.03
