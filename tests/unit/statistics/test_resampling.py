"""Correlations in resamples against resamples: square RDMs indexed with what was drawn."""

import hashlib
from itertools import combinations

import numpy as np
import pytest
from early_alignment.comparison import measures, pairs
from early_alignment.statistics import resampling
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import pdist, squareform
from scipy.stats import pearsonr, spearmanr

SMALL = 14
LABELS = {f"image {i}": f"run {i % 2}" for i in range(SMALL)}


def rdms(n, rng, models=1, brains=3, shift=5.0):
    """RDMs with something in common, whose mean is large."""
    size = n * (n - 1) // 2
    common = rng.normal(size=size)
    return shift + common + rng.normal(size=(models, size)), shift + common + rng.normal(size=(brains, size))


def resample(rdm, counts, labels=None):
    """The pairs of a resample: values of the square RDM, without those of a stimulus with its copies; and labels."""
    drawn = np.repeat(np.arange(len(counts)), counts)
    square = squareform(rdm)
    kept = [(i, j) for i, j in combinations(drawn, 2) if i != j]
    values = np.array([square[i, j] for i, j in kept])
    return values if labels is None else (values, [tuple(sorted((labels[i], labels[j]))) for i, j in kept])


def cosine(x, y):
    return x @ y / np.sqrt((x @ x) * (y @ y))


@pytest.mark.parametrize("n", [5, 33, 34, 70])
@pytest.mark.parametrize("measure, of_two", [("pearson", lambda x, y: pearsonr(x, y)[0]), ("cosine", cosine)])
def test_correlations_are_those_of_resampled_rdms(n, measure, of_two):
    model, brains = rdms(n, np.random.default_rng(n))
    weights = resampling.multiplicities(n, 12, seed=n, distinct=4)
    found = resampling.resampled_correlations(model[0], brains, weights, measure)
    expected = [[of_two(resample(model[0], draw), resample(brain, draw)) for brain in brains] for draw in weights]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("choice", [pairs.WITHIN, pairs.ACROSS])
@pytest.mark.parametrize("runs", [2, 3])
def test_blocks_of_pairs_are_compared_on_their_own(choice, runs):
    labels = {f"image {i}": f"run {i % runs}" for i in range(24)}
    model, brains = rdms(24, np.random.default_rng(1))
    of = pairs.blocks(choice, 24, labels, "here")
    for shift, block in enumerate(of.values()):  # blocks differ more between them than values within
        model[:, block] += 10 * shift
        brains[:, block] -= 10 * shift
    weights = resampling.multiplicities(24, 10, seed=2)
    found = resampling.resampled_correlations(model[0], brains, weights, of=of)
    for draw, row in zip(weights, found, strict=True):
        for brain, value in zip(brains, row, strict=True):
            x, kinds = resample(model[0], draw, list(labels.values()))
            y = resample(brain, draw)
            chosen = {kind for kind in kinds if (kind[0] == kind[1]) == (choice == pairs.WITHIN)}
            masks = [np.array([kind == one for kind in kinds]) for one in sorted(chosen)]
            of_blocks = [pearsonr(x[mask], y[mask])[0] for mask in masks]
            assert value == pytest.approx(np.average(of_blocks, weights=[mask.sum() for mask in masks]), abs=1e-5)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32 - 1), st.sampled_from(sorted(resampling.CORRELATES)), st.sampled_from([None, *LABELS]))
def test_each_once_is_the_comparison_itself(seed, measure, labelled):
    rng = np.random.default_rng(seed)
    model, brains = rdms(SMALL, rng, shift=rng.normal())
    of = pairs.blocks(pairs.WITHIN if labelled else pairs.ALL, SMALL, LABELS, "here")
    found = resampling.resampled_correlations(model[0], brains, np.ones((1, SMALL)), measure, of)
    np.testing.assert_allclose(found, pairs.compare_in_blocks(model, brains, measure, of), rtol=0, atol=1e-5)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32 - 1), st.sampled_from(sorted(resampling.CORRELATES)))
def test_the_order_of_conditions_does_not_matter(seed, measure):
    rng = np.random.default_rng(seed)
    (model, *brains), order = np.concatenate(rdms(SMALL, rng)), rng.permutation(SMALL)
    weights = resampling.multiplicities(SMALL, 5, seed, distinct=4)
    moved = [squareform(squareform(rdm)[np.ix_(order, order)]) for rdm in (model, *brains)]
    found = resampling.resampled_correlations(moved[0], np.stack(moved[1:]), weights[:, order], measure)
    expected = resampling.resampled_correlations(model, np.stack(brains), weights, measure)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


def test_brain_rdms_can_be_prepared_once():
    model, brains = rdms(20, np.random.default_rng(0))
    weights = resampling.multiplicities(20, 7, seed=0)
    prepared = resampling.sums(brains, weights)
    np.testing.assert_array_equal(
        resampling.resampled_correlations(model[0], prepared, weights),
        resampling.resampled_correlations(model[0], brains, weights),
    )


def test_ranks_of_the_sample_stand_for_ranks_of_resamples():
    rng = np.random.default_rng(0)
    points = rng.normal(size=(60, 10))
    model, brain = (np.linalg.norm(p[:, None] - p, axis=2) for p in points + 1.5 * rng.normal(size=(2, 60, 10)))
    model, brain = squareform(model, checks=False), squareform(brain, checks=False)
    weights = resampling.multiplicities(60, 200, seed=0)
    found = resampling.resampled_correlations(model, brain[None], weights, "spearman")[:, 0]
    exact = np.array([spearmanr(resample(model, draw), resample(brain, draw))[0] for draw in weights])
    assert found.std() == pytest.approx(exact.std(), rel=0.03)
    assert np.corrcoef(found, exact)[0, 1] > 0.99


@pytest.mark.parametrize("mix, least, most", [(0.0, 1.3, 2.1), (0.6, 0.8, 1.3)])
def test_resamples_of_unbiased_cka_vary_as_samples_do_or_more(mix, least, most):
    """Against stimuli drawn anew, of which the truth is planted."""
    rng = np.random.default_rng(1)
    weights_of_features, sizes = rng.normal(size=(30, 20)) / 5, np.linspace(2, 0.2, 30)

    def simulated(n=100):
        x = rng.normal(size=(n, 30)) * sizes
        y = mix * x @ weights_of_features + (1 - mix) * rng.normal(size=(n, 20))
        return pdist(x, "sqeuclidean")[None], pdist(y, "sqeuclidean")[None]

    anew = [measures.compare(*simulated(), "cka_unbiased").item() for _ in range(200)]
    resampled = []
    for seed in range(12):
        model, brain = simulated()
        weights = resampling.multiplicities(100, 200, seed)
        resampled.append(resampling.resampled_correlations(model[0], brain, weights, "cka_unbiased").std())
    assert least < np.mean(resampled) / np.std(anew) < most


def test_what_cannot_be_resampled_is_refused():
    model, brains = rdms(10, np.random.default_rng(0))
    weights = resampling.multiplicities(10, 4, seed=0)
    for measure in set(measures.MEASURES) - set(resampling.CORRELATES):
        with pytest.raises(ValueError, match=f"no intervals over stimuli for measure '{measure}'; there are for pear"):
            resampling.resampled_correlations(model[0], brains, weights, measure)
    with pytest.raises(ValueError, match="draws of 9 conditions for RDMs of 10"):
        resampling.sums(brains, weights[:, 1:])
    with pytest.raises(ValueError, match="constant"):
        resampling.sums(np.ones((1, 45)), weights)


def test_a_block_of_which_too_little_is_drawn_is_left_out_of_the_mean():
    labels = {str(i): "a" if i < 3 else "b" for i in range(10)}
    of = pairs.blocks(pairs.WITHIN, 10, labels, "here")
    model, brains = rdms(10, np.random.default_rng(3))
    two_of_a = np.array([[2, 1, 0] + [1] * 7])
    none_of_a = np.array([[0, 0, 0] + [1] * 7])
    found = [resampling.resampled_correlations(model[0], brains, draw, of=of) for draw in (two_of_a, none_of_a)]
    np.testing.assert_allclose(found[0], found[1], atol=1e-6)
    nothing = np.array([[1, 1, 0] + [8] + [0] * 6])
    assert np.isnan(resampling.resampled_correlations(model[0], brains, nothing, of=of)).all()


@pytest.mark.parametrize("n, distinct", [(5, 1), (5, 3), (100, 3)])
def test_draws_are_multinomial_and_repeatable(n, distinct):
    drawn = resampling.multiplicities(n, 4000, seed=1, distinct=distinct)
    assert drawn.shape == (4000, n)
    assert (drawn.sum(axis=1) == n).all()
    assert (drawn > 0).sum(axis=1).min() >= distinct
    np.testing.assert_array_equal(drawn[:10], resampling.multiplicities(n, 10, seed=1, distinct=distinct))
    assert (drawn != resampling.multiplicities(n, 4000, seed=2, distinct=distinct)).any()
    np.testing.assert_allclose(drawn.mean(axis=0), 1, atol=0.08)
    if distinct == 1:
        expected = np.eye(n) - 1 / n  # the covariance of multinomial counts
        np.testing.assert_allclose(np.cov(drawn.T), expected, atol=0.1)


def test_draws_that_cannot_be_had_are_refused():
    with pytest.raises(ValueError, match="draws of 2 never have 3 different ones"):
        resampling.multiplicities(2, 5, seed=0, distinct=resampling.LEAST_DISTINCT)
    np.testing.assert_array_equal(resampling.multiplicities(1, 5, seed=0), np.ones((5, 1)))


def test_streams_follow_from_names():
    assert resampling.stream("stimuli", "nsd") == resampling.stream("stimuli", "nsd")
    assert len({resampling.stream(*names) for names in (["ab", "c"], ["a", "bc"], ["abc"], ["c", "ab"])}) == 4
    # Of a name, the same on every machine and in every release: the digest as its standard gives it.
    assert resampling.stream("é") == int(hashlib.sha256(b'["\\u00e9"]').hexdigest()[:32], 16)


@given(st.integers(0, 2**32 - 1))
def test_the_partial_correlation_is_that_of_residuals(seed):
    x, y, z = np.random.default_rng(seed).normal(size=(3, 30)) + np.random.default_rng(seed + 1).normal(size=30)
    left = [values - np.polyval(np.polyfit(z, values, 1), z) for values in (x, y)]
    r = np.corrcoef([x, y, z])
    assert measures.partial(r[0, 1], r[0, 2], r[1, 2]) == pytest.approx(pearsonr(*left)[0], abs=1e-9)
