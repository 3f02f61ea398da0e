"""Adjusted p-values against scipy; the smallest p of a design against all that could happen."""

from itertools import permutations, product

import numpy as np
import pytest
from early_alignment.statistics.multiple_comparisons import benjamini_hochberg, smallest_p
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import false_discovery_control, spearmanr


@given(arrays(np.float64, 12, elements=st.floats(0, 1)), st.data())
def test_each_family_is_scipys(p, data):
    families = np.array(data.draw(st.lists(st.sampled_from(["fMRI", "EEG", "one"]), min_size=12, max_size=12)))
    found = benjamini_hochberg(p, families)
    for family in set(families):
        wanted = false_discovery_control(p[families == family])
        np.testing.assert_allclose(found[families == family], wanted, atol=1e-15)


def test_what_is_no_test_counts_for_none():
    found = benjamini_hochberg([0.01, np.nan, 0.04, 0.5, np.nan], ["a", "a", "a", "b", "c"])
    np.testing.assert_allclose(found, [0.02, np.nan, 0.04, 0.5, np.nan])


@pytest.mark.parametrize("p", [-0.1, 1.1])
def test_what_is_no_p_is_refused(p):
    with pytest.raises(ValueError, match="between 0 and 1"):
        benjamini_hochberg([0.5, p], ["a", "a"])


def test_false_discoveries_are_as_rare_as_is_said():
    """Of 40 tests, 30 of nothing, at q = 0.1: 30/40 of it."""
    rng = np.random.default_rng(0)
    shares = []
    for _ in range(2000):
        p = np.r_[rng.random(30), rng.random(10) / 1000]
        found = benjamini_hochberg(p, ["all"] * 40) <= 0.1
        shares.append(found[:30].sum() / max(1, found.sum()))
    assert np.mean(shares) == pytest.approx(0.075, abs=0.006)


def test_the_smallest_p_of_signs_and_orders():
    of_signs = [sum(signs) for signs in product([-1, 1], repeat=6)]
    assert smallest_p("sign", 6) == np.mean(np.abs(of_signs) == 6)
    assert smallest_p("sign", 6, sides=1) == np.mean(np.equal(of_signs, 6))
    of_orders = np.array([spearmanr(order, range(5)).statistic for order in permutations(range(5))])
    assert smallest_p("permutation", 5) == pytest.approx(np.mean(np.abs(of_orders) > 0.999))
    assert smallest_p("permutation", 5, sides=1) == pytest.approx(np.mean(of_orders > 0.999))


def test_the_smallest_p_of_draws_and_of_t():
    assert smallest_p("bootstrap", 999, sides=1) == 0.001 and smallest_p("bootstrap", 999) == 0.002
    assert smallest_p("t", 8) == 0
    assert smallest_p("sign", 1) == smallest_p("permutation", 1) == 1


@pytest.mark.parametrize("given", [("rank", 5, 2), ("sign", 0, 2), ("sign", 5, 3)])
def test_no_such_design(given):
    with pytest.raises(ValueError, match=f"test '{given[0]}' of {given[1]} with {given[2]} sides"):
        smallest_p(*given)
