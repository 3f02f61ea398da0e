"""Bounds and p-values of several contrasts, against scipy and plain definitions."""

import numpy as np
import pytest
from early_alignment.statistics import contrasts
from early_alignment.statistics.contrasts import ALPHA, Estimates, Finding
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t as student

KNOWN = Estimates(np.array([0.3, 0.1, 0.5]), np.array([0.1, 0.02, 0.2]), np.array([4.0, 7, 12]))


def test_bounds_and_p_are_scipys():
    value, error, freedom = KNOWN
    low, high = contrasts.bounds(KNOWN, 0.01)
    np.testing.assert_allclose([low, high], student.interval(0.98, freedom, value, error))
    np.testing.assert_allclose(contrasts.p_above(KNOWN, 0.2), student.sf((value - 0.2) / error, freedom))


def test_what_has_no_error_is_where_it_is():
    known = Estimates(np.array([0.1, 0.2, 0.3]), np.zeros(3), np.full(3, np.nan))
    assert contrasts.p_above(known, 0.2).tolist() == [1, 0.5, 0]
    assert contrasts.bounds(known, 0.01)[0].tolist() == [0.1, 0.2, 0.3]


def test_within_is_two_tests():
    known = Estimates(np.array([0.1]), np.array([0.05]), np.array([9.0]))
    found = contrasts.within(known, 0.3)
    assert found.value == 0.1 and found.p_holds == pytest.approx(student.sf(4, 9))
    assert found.p_fails == pytest.approx(student.sf(-4, 9))
    mirrored = contrasts.within(known._replace(value=-known.value), 0.3)
    assert (mirrored.p_holds, mirrored.p_fails) == pytest.approx((found.p_holds, found.p_fails))
    assert (mirrored.low, mirrored.high) == pytest.approx((-found.high, -found.low))


def finding(holds: float, fails: float = 1.0) -> Finding:
    return Finding(0.0, 0.0, 0.0, holds, fails)


def test_a_verdict_needs_its_level():
    assert finding(0.025).verdict == "holds" and finding(0.026).verdict == "undecided"
    assert finding(0.9, 0.025).verdict == "fails" and finding(0.9, 0.026).verdict == "undecided"


def test_what_decides():
    found, place = contrasts.all_hold([finding(0.01), finding(0.02), finding(0.001)])
    assert (found.verdict, place) == ("holds", 1)
    found, place = contrasts.all_hold([finding(0.99, 0.01), finding(0.999, 0.001), finding(0.001)])
    assert (found.verdict, place, found.p_fails) == ("fails", 1, pytest.approx(0.003))
    found, place = contrasts.all_hold([finding(0.5, 0.5), finding(0.98, 0.02)])
    assert (found.verdict, place) == ("undecided", 1)


@given(st.lists(st.sampled_from([0.0001, 0.004, 0.012, 0.02, 0.3, 1.0]), min_size=1, max_size=6), st.integers(0, 7))
def test_counts_by_their_definition(p, number):
    """One of c + 1 that are so, at the worst, is taken not to be, or one of K - r + 1 that are not, to be."""
    k = len(p)
    shown = {c: (c + 1) * sorted(p, reverse=True)[c] <= ALPHA for c in range(k)} | {k: True}
    high = min(c for c in range(k + 1) if all(shown[d] for d in range(c, k + 1)))
    found = contrasts.at_most(number, [finding(1.0, one) for one in p], 0)
    assert found.high == high and (found.verdict == "holds") == (high <= number)
    shown = {r: (k - r + 1) * sorted(p)[r - 1] <= ALPHA for r in range(1, k + 1)} | {0: True}
    low = max(r for r in range(k + 1) if all(shown[q] for q in range(r + 1)))
    found = contrasts.at_most(number, [finding(one) for one in p], 0)
    assert found.low == low and (found.verdict == "fails") == (low > number)
