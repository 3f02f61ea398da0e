"""Variances and intervals of crossed factors against rsatoolbox, analysis of variance and planted components."""

from itertools import combinations

import numpy as np
import pytest
from early_alignment.statistics import intervals, resampling
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from two_way_table import crossed_standard_error

N = {"stimuli": 30, "subjects": 8, "seeds": 5}
TWO = ("stimuli", "subjects")


def drawn(draws, seed, n=N):
    return [resampling.multiplicities(n[factor], draws, seed + i) for i, factor in enumerate(intervals.FACTORS)]


def means_of_resampled(values, draws, seed):
    """The replicates of the mean of values (..., stimuli, seeds, subjects)."""
    n = dict(zip(("stimuli", "seeds", "subjects"), values.shape[-3:], strict=True))
    stimuli, subjects, seeds = drawn(draws, seed, n)
    weights = np.concatenate([np.ones_like(stimuli[:1]), stimuli]) / n["stimuli"]
    resampled = np.einsum("...tks,dt->d...ks", values, weights)
    return resampled[0].mean(axis=(-2, -1)), intervals.replicates(resampled, subjects, seeds), n


def planted(variances, n, size, rng):
    """Values (size, stimuli, seeds, subjects): sums of effects, each with its share τ of the variance of the mean."""
    axes = ("stimuli", "seeds", "subjects")
    values = np.zeros((size, *(n[axis] for axis in axes)))
    for factors, tau in variances.items():
        shape = [n[axis] if axis in factors else 1 for axis in axes]
        values += np.sqrt(tau * np.prod(shape)) * rng.normal(size=(size, *shape))
    return values


def test_replicates_are_means_of_what_is_drawn():
    rng = np.random.default_rng(0)
    resampled = rng.normal(size=(4, 2, 5, 8))
    _, subjects, seeds = drawn(3, 0)
    found = intervals.replicates(resampled, subjects, seeds)
    assert set(found) == {frozenset(s) for size in (1, 2, 3) for s in combinations(intervals.FACTORS, size)}
    for factors, values in found.items():
        for draw in range(3):
            rows = np.repeat(np.arange(5), seeds[draw]) if "seeds" in factors else range(5)
            columns = np.repeat(np.arange(8), subjects[draw]) if "subjects" in factors else range(8)
            of = resampled[draw + 1 if "stimuli" in factors else 0]
            np.testing.assert_allclose(values[draw], of[:, rows][:, :, columns].mean(axis=(1, 2)))


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32 - 1), st.sampled_from(list(combinations(intervals.FACTORS, 2))))
def test_two_factors_are_rsatoolboxs_dual_bootstrap(seed, over):
    from rsatoolbox.util.inference_util import extract_variances

    rng = np.random.default_rng(seed)
    sets = intervals.subsets(intervals.FACTORS)
    shares = {factors: rng.exponential() * rng.integers(2) + 1e-3 for factors in sets}
    _, replicates, n = means_of_resampled(planted(shares, {"stimuli": 9, "subjects": 4, "seeds": 3}, 3, rng), 40, seed)
    covariances = np.stack([np.cov(replicates[frozenset(s)].T) for s in (over, over[1:], over[:1])])
    theirs, _, _ = extract_variances(covariances, nc_included=False, n_rdm=n[over[1]], n_pattern=n[over[0]])
    ours, parts = intervals.variance(replicates, n, over, as_rsatoolbox=True)
    np.testing.assert_allclose(ours, theirs, rtol=1e-10)
    within = (theirs < covariances[0].diagonal()) & (theirs < sum(parts.values()))
    np.testing.assert_allclose(intervals.variance(replicates, n, over)[0][within], theirs[within], rtol=1e-10)


def test_the_whole_of_rsatoolboxs_dual_bootstrap_on_its_own_draws(monkeypatch):
    import rsatoolbox

    both = []

    def noting_what_is_drawn(*args, **kwargs):
        sample, subjects, stimuli = rsatoolbox.inference.bootstrap.bootstrap_sample(*args, **kwargs)
        both.append((subjects, stimuli))
        return sample, subjects, stimuli

    monkeypatch.setattr(rsatoolbox.inference.evaluate, "bootstrap_sample", noting_what_is_drawn)
    rng = np.random.default_rng(1)
    n = {"stimuli": 20, "subjects": 6, "seeds": 1}
    common, draws = rng.normal(size=190), 60
    model, brains = common + rng.normal(size=190), common + rng.normal(size=(6, 190))
    fixed = rsatoolbox.model.ModelFixed("model", model)
    theirs = rsatoolbox.inference.eval_dual_bootstrap(fixed, rsatoolbox.rdm.RDMs(brains), method="corr", N=draws)
    subjects, stimuli = (
        np.stack([np.bincount(row[i], minlength=size) for row in both]) for i, size in ((0, 6), (1, 20))
    )
    weights = np.concatenate([np.ones((1, 20)), stimuli])
    resampled = resampling.resampled_correlations(model, brains, weights)[:, None]
    replicates = intervals.replicates(resampled, subjects, np.ones((draws, 1), dtype=int))
    for place, factors in enumerate((TWO, TWO[1:], TWO[:1])):
        np.testing.assert_allclose(replicates[frozenset(factors)], theirs.evaluations[:, 0, 0, 0, place], atol=1e-6)
    ours, _ = intervals.variance(replicates, n, TWO, as_rsatoolbox=True)
    np.testing.assert_allclose(ours, theirs.model_var[0], rtol=1e-4)


def test_subjects_and_seeds_are_the_two_way_analysis_of_variance():
    rng = np.random.default_rng(2)
    values = planted({("subjects",): 2, ("seeds",): 1, ("subjects", "seeds"): 1}, N | {"stimuli": 1}, 3, rng)
    _, replicates, n = means_of_resampled(values, 40_000, 0)
    found = intervals.variance(replicates, n, ("subjects", "seeds"))[0]
    expected = [crossed_standard_error(table.T) ** 2 for table in values[:, 0]]
    np.testing.assert_allclose(found, expected, rtol=0.05)


@pytest.mark.parametrize("over", intervals.subsets(intervals.FACTORS), ids=sorted)
def test_planted_variances_are_found_whatever_is_generalised_over(over):
    """With all seven effects, the combination is unbiased before it is bounded."""
    rng = np.random.default_rng(3)
    shares = {factors: 1 + i / 2 for i, factors in enumerate(intervals.subsets(intervals.FACTORS))}
    found = []
    for repetition in range(6):
        values = planted(shares, {"stimuli": 12, "subjects": 6, "seeds": 5}, 400, rng)
        _, replicates, n = means_of_resampled(values, 400, repetition)
        terms = intervals._terms({s: replicates[s].var(axis=0, ddof=1) for s in intervals.subsets(over)}, n)
        found.append(intervals._combined(terms))
    found = np.concatenate(found)
    expected = sum(tau for factors, tau in shares.items() if factors & over)
    assert abs(found.mean() - expected) < 4 * found.std() / np.sqrt(found.size) + 0.02 * expected
    assert found.std() / np.sqrt(found.size) < 0.05 * expected  # else the line above would pass whatever is found


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32 - 1), st.sampled_from(intervals.subsets(intervals.FACTORS)))
def test_the_variance_is_between_the_largest_factors_and_their_sum(seed, over):
    rng = np.random.default_rng(seed)
    sets = intervals.subsets(intervals.FACTORS)
    values = planted(
        {factors: rng.exponential() for factors in sets}, {"stimuli": 5, "subjects": 4, "seeds": 2}, 3, rng
    )
    _, replicates, n = means_of_resampled(values, 25, seed)
    total, parts = intervals.variance(replicates, n, tuple(over))
    for factor in over:
        single = replicates[frozenset([factor])].var(axis=0, ddof=1) * n[factor] / (n[factor] - 1)
        np.testing.assert_allclose(parts[factor], single)
    assert (total >= np.max(list(parts.values()), axis=0) - 1e-12).all()
    assert (total <= sum(parts.values()) + 1e-12).all()


def test_one_factor_is_the_t_test():
    values = np.random.default_rng(4).normal(loc=0.7, size=(3, 1, 1, 8))
    point, replicates, n = means_of_resampled(values, 60_000, 0)
    found = intervals.interval(point, replicates, n, ("subjects",), level=0.9)
    test = stats.ttest_1samp(values[:, 0, 0], 0, axis=1)
    expected = test.confidence_interval(0.9)
    np.testing.assert_allclose(found.degrees_of_freedom, 7)
    np.testing.assert_allclose([found.low, found.high], [expected.low, expected.high], atol=0.02)
    np.testing.assert_allclose(found.p, test.pvalue, rtol=0.15)
    np.testing.assert_allclose(found.standard_error, values.std(axis=-1, ddof=1)[:, 0, 0] / np.sqrt(8), rtol=0.02)


def test_degrees_of_freedom_are_satterthwaites():
    values = planted({("stimuli",): 1, ("subjects",): 1, ("seeds",): 1}, N, 4, np.random.default_rng(5))
    point, replicates, n = means_of_resampled(values, 300, 0)
    found = intervals.interval(point, replicates, n)
    total, parts = intervals.variance(replicates, n)
    expected = total**2 / (parts["stimuli"] ** 2 / 29 + parts["subjects"] ** 2 / 7 + parts["seeds"] ** 2 / 4)
    np.testing.assert_allclose(found.degrees_of_freedom, expected)
    quantile = stats.t.ppf(0.975, expected)
    np.testing.assert_allclose((found.high - found.low) / 2, quantile * np.sqrt(total))
    np.testing.assert_allclose((found.high + found.low) / 2, point)
    np.testing.assert_allclose(found.p, 2 * stats.t.sf(np.abs(point) / np.sqrt(total), expected))


def test_differences_are_paired():
    """What all epochs share is not in a difference between two."""
    rng = np.random.default_rng(6)
    shared = planted({("subjects",): 100, ("seeds",): 100, ("stimuli",): 100}, N, 1, rng)
    own = planted({("subjects",): 1}, N, 2, rng)
    point, replicates, n = means_of_resampled(shared + own, 500, 0)
    difference = intervals.interval(point[1] - point[0], {s: r[:, 1] - r[:, 0] for s, r in replicates.items()}, n)
    alone, of_own, _ = means_of_resampled(own, 500, 0)
    expected = intervals.interval(alone[1] - alone[0], {s: r[:, 1] - r[:, 0] for s, r in of_own.items()}, n)
    np.testing.assert_allclose(difference.standard_error, expected.standard_error)
    assert intervals.interval(point, replicates, n).standard_error.min() > 5 * difference.standard_error


def test_a_factor_of_one_cannot_be_generalised_over():
    n = N | {"seeds": 1}
    values = planted({("stimuli",): 1, ("subjects",): 1}, n, 3, np.random.default_rng(7))
    point, replicates, n = means_of_resampled(values, 50, 0)
    found = intervals.interval(point, replicates, n)
    assert found.reason == "cannot be known: 1 of seeds"
    assert all(np.isnan(values).all() and values.shape == (3,) for values in found[:5])
    assert np.isnan(intervals.joint_replicates(point, replicates, n)).all()
    known = intervals.interval(point, replicates, n, TWO)
    assert known.reason == ""
    assert np.isfinite(known[:5]).all()
    assert intervals.unknown({"subjects": 1, "seeds": 1}, ("subjects", "seeds")).endswith("1 of subjects and of seeds")


def test_a_draw_without_a_value_leaves_the_interval_unknown():
    """As where nothing of a block of pairs is drawn that could correlate."""
    point, replicates, n = means_of_resampled(planted({("stimuli",): 1}, N, 2, np.random.default_rng(9)), 50, 0)
    for factors, values in replicates.items():
        values[3, 0] = np.nan if "stimuli" in factors else values[3, 0]
    found = intervals.interval(point, replicates, n)
    assert found.reason == "cannot be known: a draw of stimuli has no value"
    np.testing.assert_array_equal(np.isnan(found[:5]), [[True, False]] * 5)
    assert intervals.interval(point, replicates, n, ("subjects", "seeds")).reason == ""


def test_what_does_not_vary_is_known_exactly():
    point, replicates, n = means_of_resampled(np.full((1, 6, 3, 4), 0.5), 20, 0)
    found = intervals.interval(point, {s: np.full_like(r, 0.5) for s, r in replicates.items()}, n)
    np.testing.assert_array_equal([found.low, found.high, found.standard_error], [point, point, [0]])
    assert np.isnan(found.p).all()


@pytest.mark.parametrize("over", [("subjects",), TWO, intervals.FACTORS], ids=len)
def test_joint_replicates_of_curves_have_the_covariance_that_is_estimated(over):
    n = {"stimuli": 40, "subjects": 12, "seeds": 30}  # so many that no direction's variance is out of its bounds
    rng = np.random.default_rng(8)
    mixed = rng.normal(size=(4, 4))
    sets = intervals.subsets(intervals.FACTORS)
    values = np.tensordot(mixed, planted(dict.fromkeys(sets, 1.0), n, 4, rng), axes=1)
    point, replicates, n = means_of_resampled(values, 20_000, 0)
    found = intervals.joint_replicates(point, replicates, n, over)
    terms = intervals._terms({s: np.cov(replicates[s].T) for s in intervals.subsets(over)}, n)
    expected = intervals._combined(terms)
    # A t distribution's variance is (n − 1)/(n − 3): the spread of uncertain variances, which is not in `expected`.
    quantiles = np.quantile(found - point, [0.25, 0.75], axis=0)
    np.testing.assert_allclose(quantiles[1] - quantiles[0], 1.349 * np.sqrt(np.diag(expected)), rtol=0.12)
    np.testing.assert_allclose(np.corrcoef(found.T), expected / np.sqrt(np.outer(*2 * [np.diag(expected)])), atol=0.12)
    plain = replicates[frozenset(over)]
    if len(over) > 1:
        assert plain.var(axis=0).min() > 1.5 * np.diag(expected).min()
    np.testing.assert_array_equal(found, intervals.joint_replicates(point, replicates, n, over))


def test_percentiles_are_values_that_occur_and_reflection_turns_a_shift_round():
    peaks = np.array([3, 3, 3, 3, 4, 5, 9, 3, 3, 3] * 10)
    assert intervals.percentile_interval(peaks, level=0.5) == (3, 4)
    late = np.linspace(2, 4, 101)  # replicates of 2.5, half a unit late on the whole
    low, high = intervals.reflected_interval(2.5, late, level=0.9)
    assert (low, high) == (pytest.approx(2 * 2.5 - 3.9), pytest.approx(2 * 2.5 - 2.1))


def test_the_smallest_p_of_flipped_signs_is_counted():
    assert intervals.smallest_sign_flip_p(N) == 1 / 16
    assert intervals.smallest_sign_flip_p(N, ("subjects",)) == 2 / 256
