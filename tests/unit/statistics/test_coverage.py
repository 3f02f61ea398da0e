"""95 % intervals have the true value in about 95 of 100 simulated experiments: a small version of docs/coverage.md."""

from functools import partial

import numpy as np
import pytest
from early_alignment.statistics import intervals
from scipy.stats import binom

from benchmarks import coverage

EXPERIMENTS = 400
LEAST, MOST = binom.ppf([1e-3, 1 - 1e-3], EXPERIMENTS, [0.93, 0.98]) / EXPERIMENTS
"""What coverage of 93 and of 98 % leaves to chance: 0.89 and 1.0."""


@pytest.mark.parametrize("name", ["subjects alone", "1 : 1 : 1", "1 : 2 : 4", "1 : 3 : 0.3, interactions 0.2"])
def test_intervals_cover_what_they_say(name):
    found = coverage.simulated(partial(coverage.means, coverage.RATIOS[name], 300), EXPERIMENTS, seed=4)
    assert found["v / true"].mean() == pytest.approx(1, abs=0.12)
    assert found["half width / SD"].mean() < 3
    overs = [over for over in found if "/" not in over]
    assert len(overs) == 3
    for over in overs:
        assert LEAST <= found[over].mean() <= MOST, over


def test_factors_that_are_left_out_are_missed():
    """The test above can fail: intervals over stimuli alone do not cover when subjects vary too."""
    variances = coverage.RATIOS["1 : 3 : 0.3, interactions 0.2"]
    rng = np.random.default_rng(0)
    stimuli, subjects, seeds = coverage.draws_of(rng, 300)
    values = sum(
        np.sqrt(tau * np.prod(shape)) * rng.standard_normal((EXPERIMENTS, *shape))
        for factors, tau in variances.items()
        for shape in [[coverage.N[axis] if axis in factors else 1 for axis in coverage.AXES]]
    )
    resampled = np.einsum("dt,etks->deks", stimuli / 100, values, optimize=True)
    replicates = intervals.replicates(resampled, subjects, seeds)
    found = intervals.interval(resampled[0].mean(axis=(1, 2)), replicates, coverage.N, ("stimuli",))
    assert coverage.within(found.low, 0, found.high).mean() < LEAST


@pytest.mark.long
def test_intervals_of_correlations_between_rdms_cover():
    found = coverage.simulated(partial(coverage.of_rdms, coverage.SPREADS["all three"], 200), 100, seed=5)
    true = found["point"].mean(axis=0)
    least, most = binom.ppf([1e-3, 1 - 1e-3], 100, [0.93, 0.98]) / 100
    share = coverage.within(found["low"], true, found["high"]).mean(axis=0)
    assert ((least <= share) & (share <= most)).all()
    np.testing.assert_allclose(np.sqrt(found["variance"].mean(axis=0)), found["point"].std(axis=0), rtol=0.25)


def test_intervals_of_peaks_and_half_times_cover():
    variances = coverage.RATIOS["1 : 3 : 0.3, interactions 0.2"]
    found = coverage.simulated(partial(coverage.of_curves, variances, 0.97, 300), 100, seed=6)
    assert found["peak"].mean() >= binom.ppf(1e-3, 100, 0.93) / 100
    assert found["half-time"].mean() >= binom.ppf(1e-3, 100, 0.93) / 100


def test_half_times_are_on_the_line_between_epochs():
    curves = np.array([[0.0, 0.2, 0.6, 0.8], [0.0, 0.0, 0.0, 1.0], [0.9, 0.5, 1.0, 0.0]])
    np.testing.assert_allclose(coverage.half_time(curves), [1.5, 2.5, 0])
