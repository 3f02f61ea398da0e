"""Similarity of RDMs and noise ceilings against scipy and rsatoolbox."""

import subprocess
import sys

import numpy as np
import pytest
from conftest import REPOSITORY
from early_alignment.comparison import measures, pairs
from early_alignment.statistics import ceilings
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import procrustes
from scipy.spatial.distance import cdist, pdist
from scipy.stats import pearsonr, rankdata, spearmanr

RSATOOLBOX = {
    "pearson": "corr",
    "spearman": "spearman",
    "kendall_tau_a": "tau-a",
    "cosine": "cosine",
    "whitened": "corr_cov",
    "cka": "cosine_cov",
}


def theirs(a, b, measure):
    import rsatoolbox

    return rsatoolbox.rdm.compare(rsatoolbox.rdm.RDMs(a), rsatoolbox.rdm.RDMs(b), method=RSATOOLBOX[measure])


@pytest.fixture
def two_sets():
    rng = np.random.default_rng(3)
    common = rng.normal(size=190)
    return 5 + common + rng.normal(size=(3, 190)), common + rng.normal(size=(4, 190))


@pytest.mark.parametrize("measure", RSATOOLBOX)
@pytest.mark.parametrize("kind", ["random", "with ties", "large mean"])
def test_every_measure_is_rsatoolboxs(two_sets, measure, kind):
    a, b = two_sets
    if kind == "with ties":
        a, b = np.round(a), np.round(b)
    if kind == "large mean":
        a, b = a + 1e3 * a.std(), b + 1e3 * b.std()
    np.testing.assert_allclose(measures.compare(a, b, measure), theirs(a, b, measure), atol=1e-9)


@pytest.mark.parametrize("measure", RSATOOLBOX)
def test_every_measure_on_the_real_92_images(kriegeskorte92_root, measure):
    from early_alignment.datasets import open_dataset

    settings = {"format": "kriegeskorte92", "root": kriegeskorte92_root, "subjects": [1, 2, 3, 4]}
    dataset = open_dataset("kriegeskorte92", settings | {"targets": ["human_IT"]})
    human = np.stack([dataset.published_rdm(subject, "human_IT") for subject in dataset.subjects])
    monkey = dataset.published_rdm("monkeys", "monkey_IT")[None]
    np.testing.assert_allclose(measures.compare(monkey, human, measure), theirs(monkey, human, measure), atol=1e-9)


def centred_kernel(patterns):
    centred = patterns - patterns.mean(axis=0)
    return centred @ centred.T


@pytest.mark.parametrize("distance", ["sqeuclidean", "correlation", "cosine"])
def test_kernel_measures_are_those_of_features(distance):
    """Of inner products of patterns, computed from features as they are defined there."""
    rng = np.random.default_rng(11)
    x = rng.normal(1, size=(14, 30))
    ys = [x @ rng.normal(size=(30, 9)), rng.normal(size=(14, 5))]
    rdms_of = [pdist(patterns, distance)[None] for patterns in (x, *ys)]
    if distance != "sqeuclidean":
        x, *ys = (p - p.mean(axis=1, keepdims=True) * (distance == "correlation") for p in (x, *ys))
        x, *ys = (p / np.linalg.norm(p, axis=1, keepdims=True) for p in (x, *ys))
    for y, rdm in zip(ys, rdms_of[1:], strict=True):
        k, other = centred_kernel(x), centred_kernel(y)
        expected = (k * other).sum() / np.sqrt((k**2).sum() * (other**2).sum())
        assert measures.compare(rdms_of[0], rdm, "cka").item() == pytest.approx(expected, abs=1e-10)
        hsic = [unbiased_hsic(a @ a.T, b @ b.T) for a, b in ((x, y), (x, x), (y, y))]
        expected = hsic[0] / np.sqrt(hsic[1] * hsic[2])
        assert measures.compare(rdms_of[0], rdm, "cka_unbiased").item() == pytest.approx(expected, abs=1e-10)
        # As scipy rotates: the least squares of what is left, of patterns of size 1.
        wide = [np.pad(p - p.mean(axis=0), ((0, 0), (0, 30 - p.shape[1]))) for p in (x, y)]
        left = procrustes(*wide)[2]  # 1 − the cosine squared
        assert measures.compare(rdms_of[0], rdm, "procrustes").item() == pytest.approx(np.sqrt(1 - left), abs=1e-7)


def unbiased_hsic(k, other):
    """Equation 5 of Song et al. (2012), as it stands there."""
    n = len(k)
    k, other, one = k - np.diag(np.diag(k)), other - np.diag(np.diag(other)), np.ones(n)
    first = np.trace(k @ other)
    second = (one @ k @ one) * (one @ other @ one) / ((n - 1) * (n - 2))
    third = 2 / (n - 2) * (one @ k @ other @ one)
    return (first + second - third) / (n * (n - 3))


def test_kernel_alignment_is_what_its_authors_print():
    """The demonstration beside Kornblith et al. (2019), google-research/representation_similarity/Demo.ipynb."""
    rng = np.random.RandomState(1337)
    x = rng.randn(100, 10)
    y = rng.randn(100, 10) + x
    a, b = (pdist(patterns, "sqeuclidean")[None] for patterns in (x, y))
    assert measures.compare(a, b, "cka").item() == pytest.approx(0.55761, abs=6e-6)
    assert measures.compare(a, b, "cka_unbiased").item() == pytest.approx(0.51346, abs=6e-6)


def test_unrelated_patterns_are_alike_by_chance_in_the_biased_measure_alone():
    rng = np.random.default_rng(12)
    pairs_of_rdms = [[pdist(rng.normal(size=(20, 60)), "sqeuclidean")[None] for _ in range(2)] for _ in range(100)]
    biased, unbiased = (
        np.mean([measures.compare(*two, measure).item() for two in pairs_of_rdms])
        for measure in ("cka", "cka_unbiased")
    )
    assert biased > 0.5
    assert abs(unbiased) < 0.02


def test_procrustes_minds_neither_rotation_nor_scale_and_takes_negative_eigenvalues_for_none():
    rng = np.random.default_rng(13)
    patterns = rng.normal(size=(9, 6))
    turned = 3 * patterns @ np.linalg.qr(rng.normal(size=(6, 6)))[0]
    a, b = (pdist(p, "sqeuclidean")[None] for p in (patterns, turned))
    assert measures.compare(a, b, "procrustes").item() == pytest.approx(1)
    impossible = a.copy()
    impossible[0, 0] = 50 * a.max()  # further from each other than from a third together
    assert 0 < measures.compare(a, impossible, "procrustes").item() < 1


def test_pearson_and_spearman_are_scipys(two_sets):
    a, b = two_sets
    np.testing.assert_allclose(measures.compare(a, b), [[pearsonr(x, y).statistic for y in b] for x in a], atol=1e-12)
    expected = [[spearmanr(x, y).statistic for y in b] for x in a]
    np.testing.assert_allclose(measures.compare(a, b, "spearman"), expected, atol=1e-12)


@settings(deadline=None)
@given(st.lists(st.integers(-3, 3), min_size=1, max_size=40))
def test_ranks_are_scipys(values):
    np.testing.assert_array_equal(measures.ranks(np.array([values], dtype=float))[0], rankdata(values))


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 2**32 - 1), st.booleans())
def test_kendall_tau_a_is_the_plain_count(seed, ties):
    rng = np.random.default_rng(seed)
    a, b = (rng.integers(0, 3, 15).astype(float) if ties else rng.normal(size=15) for _ in range(2))
    a[0], b[0] = 9, 9  # never constant
    count = sum(np.sign(a[i] - a[j]) * np.sign(b[i] - b[j]) for i in range(15) for j in range(i))
    assert measures.compare(a[None], b[None], "kendall_tau_a").item() == pytest.approx(count / 105, abs=1e-12)


@pytest.mark.parametrize("measure", [name for name in measures.MEASURES if name != "procrustes"])
def test_the_sign_is_kept_and_an_rdm_is_like_itself(measure):
    rdm = np.random.default_rng(0).normal(size=(1, 45))
    assert measures.compare(rdm, -rdm, measure).item() == pytest.approx(-1)
    assert measures.compare(rdm, 3 * rdm, measure).item() == pytest.approx(1)


@pytest.mark.parametrize("measure", measures.MEASURES)
def test_rdms_that_cannot_be_compared_are_refused(measure):
    good = np.arange(10.0)[None]
    with pytest.raises(ValueError, match="10 and of 15 pairs"):
        measures.compare(good, np.ones((1, 15)), measure)
    one_missing = np.where(np.arange(10) == 4, np.nan, good)
    constant = np.full((1, 10), 0.0 if measure == "cosine" else 0.3)
    for bad, fault in ((one_missing, "not finite"), (np.full((1, 10), np.inf), "not finite"), (constant, "constant")):
        for a, b in ((good, bad), (bad, good), (good, np.vstack([good, bad])), (np.vstack([good, bad]), good)):
            with pytest.raises(ValueError, match=fault), np.errstate(invalid="ignore"):
                measures.compare(a, b, measure)


@pytest.mark.parametrize("measure", ["pearson", "whitened"])
@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_what_varies_by_rounding_alone_is_constant_at_any_scale(measure, scale):
    noise, good = np.random.default_rng(5).normal(size=(2, 1, 45))
    with pytest.raises(ValueError, match="constant"):
        measures.compare(good, scale * (1 + 1e-13 * noise), measure)
    expected = measures.compare(good, noise, measure)
    np.testing.assert_allclose(measures.compare(good, scale * (1 + 1e-9 * noise), measure), expected, atol=1e-5)


@pytest.mark.parametrize("measure", measures.MEASURES)
def test_rdms_in_float32_are_compared_in_float64(two_sets, measure):
    a, b = ((1000 + rdms).astype(np.float32) for rdms in two_sets)
    ours = measures.compare(a, b, measure)
    assert ours.dtype == np.float64
    np.testing.assert_allclose(ours, measures.compare(a.astype(np.float64), b.astype(np.float64), measure), rtol=1e-12)
    standardised = measures.standardised(a)
    assert standardised.dtype == np.float64
    np.testing.assert_allclose(standardised, measures.standardised(a.astype(np.float64)), rtol=1e-12)


def test_rdms_of_very_different_means_are_each_centred_on_their_own(two_sets):
    """Values that a sum with 2^30 holds exactly, so that r stays what it is."""
    a, b = (np.round(rdms * 2**10) / 2**10 for rdms in two_sets)
    far = a + np.array([[0.0], [2.0**30], [-(2.0**30)]])
    np.testing.assert_allclose(measures.compare(far, b), [[pearsonr(x, y).statistic for y in b] for x in a], atol=1e-9)


def test_rdms_of_more_pairs_than_are_taken_at_a_time():
    """100 conditions: more pairs than fit the cache, and the mean of the first is not that of all."""
    n_pairs = 100 * 99 // 2
    assert measures.PAIRS_AT_A_TIME < n_pairs < 2 * measures.PAIRS_AT_A_TIME
    a, b = np.random.default_rng(9).normal(np.linspace(0, 3, n_pairs), size=(2, 3, n_pairs))
    np.testing.assert_allclose(measures.compare(a, b), [[pearsonr(x, y).statistic for y in b] for x in a], atol=1e-12)
    cosines = 1 - cdist(a, b, "cosine")
    np.testing.assert_allclose(measures.compare(a, b, "cosine"), cosines, atol=1e-12)


def test_rdms_scaled_and_ranked_have_length_1(two_sets):
    a = np.round(two_sets[0], 1).astype(np.float32)
    lengths = np.sqrt((a.astype(float) ** 2).sum(axis=1, keepdims=True))
    scaled = measures.scaled(a)
    assert scaled.dtype == np.float64
    np.testing.assert_allclose(scaled, a.astype(float) / lengths, rtol=1e-12)
    ranks = np.array([rankdata(rdm) for rdm in a])
    of_mean_0 = ranks - (190 + 1) / 2
    expected = of_mean_0 / np.sqrt((of_mean_0**2).sum(axis=1, keepdims=True))
    np.testing.assert_allclose(measures.standardised_ranks(a), expected, atol=1e-12)
    for normalise, bad in ((measures.scaled, 0.0), (measures.standardised_ranks, np.nan)):
        with pytest.raises(ValueError, match="cannot be compared"):
            normalise(np.vstack([a, np.full(190, bad)]))


@pytest.mark.parametrize("measure", ["cka", "cka_unbiased", "procrustes"])
def test_kernels_of_several_rdms_are_compared_one_by_one(measure):
    """Of four conditions, the fewest that the unbiased one takes."""
    rdms = np.array([pdist(x, "sqeuclidean") for x in np.random.default_rng(8).normal(size=(5, 4, 6))])
    one_by_one = [[measures.compare(a[None], b[None], measure).item() for b in rdms[2:]] for a in rdms[:2]]
    np.testing.assert_allclose(measures.compare(rdms[:2], rdms[2:], measure), one_by_one, rtol=1e-12)


def test_rdms_of_kernels_are_scaled_by_their_length_or_trace():
    patterns = np.random.default_rng(8).normal(size=(3, 6, 5)) * np.array([1, 10, 100])[:, None, None]
    rdms = np.array([pdist(x, "sqeuclidean") for x in patterns]).astype(np.float32)
    centred = patterns - patterns.mean(axis=1, keepdims=True)
    kernels = centred @ centred.transpose(0, 2, 1)
    scaled = measures.of_one_kernel_norm(rdms)
    np.testing.assert_allclose(scaled, rdms / np.linalg.norm(kernels, axis=(1, 2))[:, None], rtol=1e-5)
    means = rdms.astype(np.float64).sum(axis=1, keepdims=True) / 15
    np.testing.assert_allclose(measures.of_mean_1(rdms), rdms / means, rtol=1e-12)
    exact = rdms.astype(np.float64)
    for scale in (measures.of_one_kernel_norm, measures.of_mean_1):
        np.testing.assert_allclose(scale(rdms), scale(exact), rtol=1e-12)


def test_an_average_is_of_rdms_that_a_measure_does_not_tell_from_the_given(two_sets):
    rdms, _ = two_sets
    z = (rdms - rdms.mean(axis=1, keepdims=True)) / (rdms.std(axis=1, keepdims=True) * np.sqrt(190))
    np.testing.assert_allclose(measures.average(rdms, "pearson"), z.mean(axis=0), atol=1e-12)
    constant, zero = (np.vstack([rdms, np.full(190, value)]) for value in (2.0, 0.0))
    for measure, bad in (("spearman", constant), ("pearson", constant), ("cosine", zero)):
        with pytest.raises(ValueError, match="constant, zero or not finite"):
            measures.average(bad, measure)
    assert measures.average(constant, "cosine").shape == (190,)


def test_second_moments_are_the_centred_inner_products_of_the_patterns():
    patterns = np.random.default_rng(6).normal(size=(2, 7, 30))
    rdms = np.array([pdist(one, "sqeuclidean") for one in patterns])
    centred = patterns - patterns.mean(axis=1, keepdims=True)
    expected = [one @ one.T for one in centred]
    np.testing.assert_allclose(measures.second_moments(rdms).reshape(2, 7, 7), expected, atol=1e-12)


@pytest.mark.parametrize("measure", [name for name in measures.MEASURES if name != "kendall_tau_a"])
def test_a_comparison_imports_numpy_alone(measure):
    code = (
        "import sys, numpy as np; from early_alignment.comparison import alignment, measures; "
        f"measures.compare(np.arange(10.0)[None], np.arange(10.0)[None], {measure!r}); "
        "sys.exit([name for name in ('scipy', 'pandas', 'torch', 'zarr') if name in sys.modules] or 0)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY / "workflow_scripts", check=True)


@pytest.mark.parametrize(
    "measure", [name for name in RSATOOLBOX if name != "cka"]
)  # which it averages as if it were the cosine
@pytest.mark.parametrize("kind", ["random", "with ties", "large mean"])
@pytest.mark.filterwarnings("ignore:Noise ceiling for tau based on averaged ranks")
def test_every_noise_ceiling_is_rsatoolboxs(two_sets, measure, kind):
    import rsatoolbox

    _, subjects = two_sets
    subjects = {"random": subjects, "with ties": np.round(subjects), "large mean": subjects + 1e3}[kind]
    subjects = subjects * np.array([[1], [2], [5], [0.1]])  # which no measure minds
    expected = rsatoolbox.inference.boot_noise_ceiling(
        rsatoolbox.rdm.RDMs(subjects), method=RSATOOLBOX[measure], rdm_descriptor="index"
    )
    np.testing.assert_allclose(ceilings.noise_ceiling(subjects, measure), expected, atol=1e-9)


def test_ceilings_of_the_real_92_images_differ_by_measure(kriegeskorte92_root):
    import rsatoolbox
    from early_alignment.datasets import open_dataset

    settings = {"format": "kriegeskorte92", "root": kriegeskorte92_root, "subjects": [1, 2, 3, 4]}
    dataset = open_dataset("kriegeskorte92", settings | {"targets": ["human_IT"]})
    human = np.stack([dataset.published_rdm(subject, "human_IT") for subject in dataset.subjects])
    for measure in ("pearson", "cosine", "spearman", "whitened"):
        expected = rsatoolbox.inference.boot_noise_ceiling(
            rsatoolbox.rdm.RDMs(human), method=RSATOOLBOX[measure], rdm_descriptor="index"
        )
        np.testing.assert_allclose(ceilings.noise_ceiling(human, measure), expected, atol=1e-9)
    assert ceilings.noise_ceiling(human, "cosine") == pytest.approx((0.988, 0.993), abs=1e-3)


@pytest.mark.parametrize("measure", measures.MEASURES)
def test_one_subject_has_no_ceiling(two_sets, measure):
    assert np.isnan(ceilings.noise_ceiling(two_sets[0][:1], measure)).all()


def test_the_ceiling_of_blocks_is_the_mean_of_theirs_by_their_pairs(two_sets):
    _, subjects = two_sets
    few, many = subjects[:, :40], subjects[:, 40:]
    blocks = {"few": np.arange(40), "many": np.arange(40, 190)}
    lower, upper = (
        (40 * of_few + 150 * of_many) / 190
        for of_few, of_many in zip(ceilings.noise_ceiling(few), ceilings.noise_ceiling(many), strict=True)
    )
    assert ceilings.noise_ceiling(subjects, of=blocks) == pytest.approx((lower, upper), rel=1e-12)
    assert ceilings.noise_ceiling(subjects) == ceilings.noise_ceiling(subjects, "pearson")


def test_how_a_ceiling_comes_about_is_said_in_words():
    assert ceilings.convention("cosine", pairs.ALL) == (
        "RDMs scaled to length 1, then averaged; lower: subject left out, upper: subject included"
    )
    assert ceilings.convention("cosine", pairs.WITHIN).endswith(
        "blocks of pairs on their own, means weighted by their pairs"
    )


# Partial correlation ---------------------------------------------------------------------------------------------


def residuals(values, control):
    """What a linear regression on the control leaves of values."""
    design = np.stack([np.ones_like(control), control], axis=1)
    return values - design @ np.linalg.lstsq(design, values, rcond=None)[0]


@pytest.mark.parametrize(("measure", "transform"), [("pearson", np.asarray), ("spearman", rankdata)])
@pytest.mark.parametrize("ties", [False, True])
def test_a_partial_correlation_is_that_of_the_residuals_of_regressions(two_sets, measure, transform, ties):
    a, b = two_sets
    control = a[0] + b[0] + np.random.default_rng(4).normal(size=190)
    if ties:
        a, b, control = np.round(a), np.round(b), np.round(control)
    z = transform(control)
    expected = [[pearsonr(residuals(transform(x), z), residuals(transform(y), z)).statistic for y in b] for x in a]
    np.testing.assert_allclose(measures.compare_given(a, b, control, measure), expected, atol=1e-10)


def test_what_a_control_explains_wholly_and_measures_that_are_no_correlations_are_refused(two_sets):
    a, b = two_sets
    with pytest.raises(ValueError, match="nothing of it is left"):
        measures.compare_given(a, b, 2 * a[0] + 1, "pearson")
    for measure in set(measures.MEASURES) - {"pearson", "spearman"}:
        with pytest.raises(ValueError, match=r"nothing can be partialled out of .*; it can of pearson, spearman$"):
            measures.compare_given(a, b, a[0] + b[0], measure)
