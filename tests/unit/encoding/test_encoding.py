"""Encoding models against scikit-learn, himalaya, plain loops, and planted truths."""

import numpy as np
import pytest
from early_alignment.encoding import ceilings, maps, models, ridge, scores
from early_alignment.encoding.folds import folds
from early_alignment.simulation import generative_model
from early_alignment.statistics.resampling import multiplicities, stimuli_in_resamples
from scipy.stats import pearsonr
from threadpoolctl import threadpool_limits

ALPHAS = np.logspace(-3, 6, 10)
N, K = 43, 4


@pytest.fixture(autouse=True)
def one_thread_each():
    """Tests that run beside others would else wait for threads of BLAS that wait for each other."""
    with threadpool_limits(1):
        yield


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def features(rng):
    """With a mean that conditions share, and dimensions of which some matter more; (conditions, features)."""
    return 3 + rng.normal(size=(N, 60)) * np.arange(1, 61) ** -0.7


@pytest.fixture
def responses(features, rng):
    """Units with large means, from well predicted to noise; (conditions, units)."""
    return features @ rng.normal(size=(60, 15)) * np.linspace(2, 0, 15) + rng.normal(size=(N, 15)) + 100


@pytest.fixture
def of_folds():
    return folds(N, K, seed=1)


def exact(features, of_folds):
    return ridge.smoothers(features @ features.T, of_folds, ALPHAS, np.float64)


def variance(features):
    """What alphas are multiples of."""
    return ((features - features.mean(axis=0)) ** 2).sum(axis=1).mean()


# Folds


@pytest.mark.parametrize("n", [15, 16, 872])
def test_folds_are_equal_in_size_and_follow_from_the_seed(n):
    found = folds(n, 5, seed=3)
    sizes = np.bincount(found, minlength=5)
    assert sizes.sum() == n and sizes.max() - sizes.min() <= 1
    assert np.array_equal(found, folds(n, 5, seed=3))
    assert not np.array_equal(found, folds(n, 5, seed=4))
    assert len(set(found[: n // 5])) > 1  # no fold is what came first


def test_images_of_a_concept_share_a_fold_and_folds_stay_as_even_as_scikit_learn_makes_them(rng):
    from sklearn.model_selection import GroupKFold

    concepts = [f"concept {number}" for number in rng.integers(20, size=150)]
    found = folds(150, 5, 1, concepts)
    assert all(len({fold for fold, name in zip(found, concepts, strict=True) if name == one}) == 1 for one in concepts)
    theirs = [len(test) for _, test in GroupKFold(5).split(concepts, groups=concepts)]
    assert sorted(np.bincount(found)) == sorted(theirs)
    assert not np.array_equal(found, folds(150, 5, 2, concepts))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((9, 5, 0), "9 conditions in 9 groups are too few for 5 folds"),
        ((9, 4, 0, list("aaaaaabbc")), "9 conditions in 3 groups are too few for 4 folds"),
        ((9, 2, 0), "2 folds; nested cross-validation needs 3"),
    ],
)
def test_too_few_conditions_or_folds_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        folds(*arguments)


# Predictions


def test_the_kernel_of_a_geometry_is_that_of_its_features(rng):
    """Where patterns have much in common, and means over features that differ."""
    from early_alignment.geometry.inner_products import geometry

    features = rng.normal(size=(N, 500)) + rng.normal(size=(N, 1)) + 50 * rng.normal(size=500)
    found = ridge.of_variance_1(ridge.kernel_of(geometry([features[:, :300], features[:, 300:]])))
    centred = features - features.mean(axis=0)
    np.testing.assert_allclose(found, centred @ centred.T / variance(features), rtol=0, atol=1e-9)


def test_weights_are_those_of_ridge_regression_with_an_intercept(features, responses):
    from sklearn.linear_model import Ridge

    train = np.arange(N) < 30
    found = ridge.smoother(features @ features.T, train, ~train, ALPHAS) @ responses[train] + responses[train].mean(
        axis=0
    )
    for alpha, predicted in zip(ALPHAS, found, strict=True):
        theirs = Ridge(alpha, solver="svd").fit(features[train], responses[train]).predict(features[~train])
        np.testing.assert_allclose(predicted, theirs, rtol=0, atol=1e-8)


def test_weights_are_those_of_kernel_ridge_regression_on_a_centred_kernel(features, responses):
    from sklearn.kernel_ridge import KernelRidge
    from sklearn.preprocessing import KernelCenterer

    train, kernel = np.arange(N) < 30, features @ features.T
    centre = KernelCenterer().fit(kernel[np.ix_(train, train)])
    within, across = (centre.transform(kernel[np.ix_(rows, train)]) for rows in (train, ~train))
    mean = responses[train].mean(axis=0)
    found = ridge.smoother(kernel, train, ~train, ALPHAS) @ responses[train] + mean
    for alpha, predicted in zip(ALPHAS, found, strict=True):
        model = KernelRidge(alpha=alpha, kernel="precomputed").fit(within, responses[train] - mean)
        np.testing.assert_allclose(predicted, model.predict(across) + mean, rtol=0, atol=1e-8)


def test_nested_cross_validation_is_scikit_learns_grid_search_in_each_fold(features, responses, of_folds):
    from sklearn.linear_model import Ridge
    from sklearn.model_selection import GridSearchCV, PredefinedSplit

    found = ridge.held_out(responses, exact(features, of_folds))
    scale = variance(features)
    for unit in range(0, responses.shape[1], 4):
        for fold in range(K):
            train = of_folds != fold
            search = GridSearchCV(
                Ridge(solver="svd"),
                {"alpha": ALPHAS * scale},
                cv=PredefinedSplit(of_folds[train]),
                scoring="neg_mean_squared_error",
            ).fit(features[train], responses[train, unit])
            assert search.best_params_["alpha"] == pytest.approx(found.alphas[fold, unit] * scale)
            predicted = search.predict(features[~train])
            np.testing.assert_allclose(found.predictions[~train, unit], predicted, rtol=0, atol=1e-6)
    assert len(np.unique(found.alphas[:, ::4])) > 4


def test_nested_cross_validation_is_himalayas_in_each_fold(features, responses, of_folds):
    from himalaya.kernel_ridge import KernelRidgeCV
    from sklearn.model_selection import PredefinedSplit

    found = ridge.held_out(responses, exact(features, of_folds))
    kernel, scale = features @ features.T, variance(features)
    for fold in range(K):
        train = of_folds != fold
        model = KernelRidgeCV(
            alphas=ALPHAS * scale, kernel="precomputed", cv=PredefinedSplit(of_folds[train]), fit_intercept=True
        ).fit(kernel[np.ix_(train, train)], responses[train])
        np.testing.assert_allclose(found.alphas[fold] * scale, model.best_alphas_)
        predicted = model.predict(kernel[np.ix_(~train, train)])
        np.testing.assert_allclose(found.predictions[~train], predicted, rtol=0, atol=1e-6)


def test_predictions_mind_neither_the_scale_of_features_and_responses_nor_their_means(features, responses, of_folds):
    first = ridge.held_out(responses, exact(features, of_folds))
    for scale, shift in ((1e-12, 0), (1e9, 7)):
        other = ridge.held_out(scale * (responses + shift), exact(scale * features - shift * scale, of_folds))
        np.testing.assert_allclose(other.predictions / scale - shift, first.predictions, rtol=1e-6)
        assert np.array_equal(other.alphas, first.alphas)


def test_torch_finds_the_same(features, responses, of_folds):
    import torch

    first = models.encode(responses, exact(features, of_folds))
    on_device = ridge.smoothers(features @ features.T, of_folds, ALPHAS, np.float64, torch.device("cpu"))
    found = models.encode(responses, on_device)
    assert isinstance(on_device.of_folds[0], torch.Tensor)
    np.testing.assert_allclose(found.r, first.r, rtol=0, atol=1e-12)
    assert np.array_equal(found.alphas, first.alphas)


def test_single_precision_finds_the_same(features, responses, of_folds):
    first = models.encode(responses, exact(features, of_folds))
    single = models.encode(responses, ridge.smoothers(features @ features.T, of_folds, ALPHAS))
    assert np.array_equal(single.alphas, first.alphas)
    np.testing.assert_allclose(single.r, first.r, rtol=0, atol=2e-6)
    np.testing.assert_allclose(single.r2, first.r2, rtol=0, atol=2e-6)


def test_chunks_and_threads_change_nothing(features, responses, of_folds):
    whole = models.encode(responses, exact(features, of_folds))
    of_threads = ridge.smoothers(features @ features.T, of_folds, ALPHAS, np.float64, threads=2)
    parts = models.encode(responses, of_threads, threads=2, units_at_a_time=4)
    for one, other in zip(whole, parts, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-12)


@pytest.mark.filterwarnings("error")
def test_units_that_do_not_vary_or_are_not_finite_are_nan_and_leave_others_alone(features, responses, of_folds):
    spoilt = responses.copy()
    spoilt[:, 0], spoilt[:, 1], spoilt[5, 2], spoilt[6, 3] = 0, 0.1, np.nan, np.inf
    first, found = (models.encode(of, exact(features, of_folds)) for of in (responses, spoilt))
    for one, other in ((first.r, found.r), (first.r2, found.r2), (first.alphas, found.alphas)):
        assert np.isnan(other[..., :4]).all()
        np.testing.assert_allclose(other[..., 4:], one[..., 4:], rtol=0, atol=1e-12)


@pytest.mark.parametrize("kernel", [np.ones((N, N)), np.full((N, N), np.nan)])
def test_a_kernel_that_tells_no_conditions_apart_is_refused(kernel, of_folds):
    with pytest.raises(ValueError, match="nothing predicts responses"):
        ridge.smoothers(kernel, of_folds, ALPHAS)


def test_responses_to_other_conditions_are_refused(features, responses, of_folds):
    of = exact(features, of_folds)
    with pytest.raises(ValueError, match="responses to 42 conditions of 15 units, a kernel of 43"):
        models.encode(responses[1:], of)
    with pytest.raises(ValueError, match="ceilings of 14 units"):
        models.encode(responses, of, np.ones(14))
    with pytest.raises(ValueError, match="draws of 42 conditions"):
        models.encode(responses, of, weights=np.ones((3, N - 1)))


def test_memory_is_bounded_by_conditions(features, of_folds, rng):
    import tracemalloc

    of, peaks = exact(features, of_folds), []
    responses = rng.normal(size=(N, 8192))
    for units in (1024, 8192):
        tracemalloc.start()
        models.encode(responses[:, :units], of, units_at_a_time=256)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    results = 8192 * (3 + K + 1) * 8
    assert peaks[1] - peaks[0] < 2.5 * results < responses.nbytes / 2


def test_smoothers_are_read_as_they_were_written(tmp_path, features, responses, of_folds):
    of = exact(features, of_folds)
    ridge.save_smoothers(tmp_path / "smoothers.npz", of)
    read = ridge.load_smoothers(tmp_path / "smoothers.npz")
    assert list(read.of_pairs) == list(of.of_pairs)
    for one, other in zip(ridge.held_out(responses, read), ridge.held_out(responses, of), strict=True):
        np.testing.assert_array_equal(one, other)


def test_summaries_are_of_units_that_have_a_score_in_the_sample_and_in_each_resample(features, responses, of_folds):
    of, weights = exact(features, of_folds), stimuli_in_resamples("study", N, 20)
    spoilt = responses.copy()
    spoilt[:, 3] = 1.0
    found = models.encode(spoilt, of, weights=weights, units_at_a_time=4)
    predictions = ridge.held_out(spoilt, of).predictions
    assert found.summaries.shape == (4, 21)
    for draw, drawn in enumerate(weights):
        r, r2 = (values[0] for values in scores.scores(spoilt, predictions, of_folds, drawn[None]))
        known = np.arange(15) != 3
        plain = [np.median(r[known]), np.mean(r[known]), np.median(r2[known]), np.mean(r2[known])]
        np.testing.assert_allclose(found.summaries[:, draw], plain, rtol=0, atol=1e-6)
    nothing = models.encode(np.ones((N, 2)), of, weights=weights)
    assert np.isnan(nothing.summaries).all()


# Scores


def test_scores_are_correlations_of_folds_and_errors_saved_over_the_mean(features, responses, of_folds):
    from sklearn.dummy import DummyRegressor
    from sklearn.metrics import mean_squared_error
    from sklearn.model_selection import PredefinedSplit, cross_val_predict

    predictions = ridge.held_out(responses, exact(features, of_folds)).predictions
    found = scores.scores(responses, predictions, of_folds)
    by_mean = cross_val_predict(DummyRegressor(), features, responses, cv=PredefinedSplit(of_folds))
    for unit, (y, p) in enumerate(zip(responses.T, predictions.T, strict=True)):
        of_each = [pearsonr(y[of_folds == fold], p[of_folds == fold]).statistic for fold in range(K)]
        assert found.r[unit] == pytest.approx(np.average(of_each, weights=np.bincount(of_folds)), abs=1e-10)
        saved = 1 - mean_squared_error(y, p) / mean_squared_error(y, by_mean[:, unit])
        assert found.r2[unit] == pytest.approx(saved, abs=1e-10)
    assert found.r.max() > 0.8 and found.r2.min() < 0


def test_resampled_scores_are_those_of_conditions_drawn_again(features, responses, of_folds):
    predictions = ridge.held_out(responses, exact(features, of_folds)).predictions
    weights = multiplicities(N, 20, seed=1, distinct=3)
    weights[0] = 1
    weights[1, of_folds == 2] = 0  # nothing of a fold
    weights[2, of_folds == 2] = np.arange((of_folds == 2).sum()) == 0  # one condition, which correlates with nothing
    found = scores.scores(responses, predictions, of_folds, weights)
    assert found.r.shape == found.r2.shape == (20, 15)
    for of_draw, r, r2 in zip(weights, found.r, found.r2, strict=True):
        drawn = np.repeat(np.arange(N), of_draw)
        for unit in range(15):
            y, p, fold = responses[drawn, unit], predictions[drawn, unit], of_folds[drawn]
            known = [f for f in range(K) if len(set(drawn[fold == f])) > 1]
            of_each = [pearsonr(y[fold == f], p[fold == f]).statistic for f in known]
            assert r[unit] == pytest.approx(np.average(of_each, weights=[(fold == f).sum() for f in known]), abs=1e-9)
            mean = np.array([responses[of_folds != f, unit].mean() for f in fold])
            assert r2[unit] == pytest.approx(1 - ((y - p) ** 2).sum() / ((y - mean) ** 2).sum(), abs=1e-9)
    sample = scores.scores(responses, predictions, of_folds)
    np.testing.assert_allclose([found.r[0], found.r2[0]], sample, rtol=0, atol=1e-12)


def test_predictions_that_do_not_vary_have_no_correlation_and_save_no_error(responses, of_folds):
    by_mean = np.stack([responses[of_folds != fold].mean(axis=0) for fold in of_folds])
    found = scores.scores(responses, by_mean, of_folds)
    assert np.isnan(found.r).all()
    np.testing.assert_allclose(found.r2, 0, atol=1e-12)


# Ceilings


def test_the_ceiling_of_ncsnr_is_nsds():
    """By the formula that NSD publishes for images seen three times, twice and once."""
    n3, n2, n1, ncsnr = 50, 20, 7, np.array([0, 0.3, 1.5])
    nsd = ncsnr**2 / (ncsnr**2 + (n3 / 3 + n2 / 2 + n1) / (n1 + n2 + n3))
    counts = [3] * n3 + [2] * n2 + [1] * n1
    np.testing.assert_allclose(ceilings.of_ncsnr(ncsnr, ceilings.effective_repetitions(counts)), nsd)


@pytest.mark.parametrize("n", [2, 3, 4, 5])
def test_halves_tell_the_ceiling_that_was_planted(n, rng):
    """Signal and noise of known variance; a third of the conditions lacks the last repetition."""
    conditions, ncsnr = 6000, np.array([0.3, 1, 2])
    repetitions = ncsnr * rng.normal(size=(conditions, 3)) + rng.normal(size=(n, conditions, 3))
    repetitions[-1, ::3] = np.nan
    counts = np.where(np.arange(conditions) % 3, n, n - 1)
    planted = ceilings.of_ncsnr(ncsnr, ceilings.effective_repetitions(counts))
    np.testing.assert_allclose(ceilings.of_halves(repetitions), planted, atol=0.03)


def test_halves_are_compared_as_a_plain_computation_does(rng):
    repetitions = rng.normal(size=(3, 30, 2)) + rng.normal(size=(30, 2))
    for unit, found in enumerate(ceilings.of_halves(repetitions)):
        r = np.mean(
            [pearsonr(repetitions[a, :, unit], repetitions[b, :, unit])[0] for a, b in ((0, 1), (0, 2), (1, 2))]
        )
        assert found == pytest.approx(3 * r / (1 + 2 * r), abs=1e-12)


def test_a_ceiling_needs_repetitions():
    with pytest.raises(ValueError, match="measured 1 times"):
        ceilings.of_halves(np.ones((1, 9, 2)))
    lacking = np.ones((2, 9, 2))
    lacking[1, :7] = np.nan
    with pytest.raises(ValueError, match="2 conditions were measured 2 times"):
        ceilings.of_halves(lacking)


def test_shares_are_of_the_ceilings_root_and_of_the_ceiling_and_not_clipped():
    found = ceilings.shares(
        scores.Scores(np.array([0.6, 0.9, -0.3, 0.2, 0.2]), np.array([0.3, 0.8, -0.1, 0.1, 0.1])),
        np.array([0.36, 0.25, 0.25, 0, -0.2]),
    )
    np.testing.assert_allclose(found.r, [1, 1.8, -0.6, np.nan, np.nan])
    np.testing.assert_allclose(found.r2, [0.3 / 0.36, 3.2, -0.4, np.nan, np.nan])


# Planted truth


def test_units_are_mapped_back_to_the_blocks_they_come_from(rng):
    """At the noise of the demo, on more images: blocks share half of their variance with the next."""
    n, units, components = 400, 150, 8
    of_folds, blocks = folds(n, 5, seed=1), [rng.normal(size=(n, components))]
    for _ in range(3):
        blocks.append((blocks[-1] + rng.normal(size=(n, components))) / np.sqrt(2))
    noise = rng.normal(size=(len(blocks), n, units)) / np.sqrt(3)
    responses = []
    for z, of_noise in zip(blocks, noise, strict=True):
        signal = z @ generative_model.mixing(components, units, rng)
        gain = generative_model.gain_for(
            0.7, lambda gain, s=signal, e=of_noise: [gain * s + e], generative_model.true_rdm(z)
        )
        responses.append(gain * signal + of_noise)
    responses = np.hstack(responses)
    found = np.stack(
        [models.encode(responses, ridge.smoothers(z @ z.T, of_folds, ALPHAS), threads=2).r for z in blocks]
    )
    planted = np.repeat(np.arange(len(blocks)), units)
    assert np.corrcoef(found.argmax(axis=0), planted)[0, 1] >= 0.95


def test_units_that_nothing_predicts_correlate_with_nothing_on_average(rng):
    """In many small experiments; over all conditions at once, correlations would be far below 0."""
    n, units, experiments = 50, 40, 60
    means, over_all = [], []
    for experiment in range(experiments):
        x, noise = rng.normal(size=(n, 5)), rng.normal(size=(n, units))
        of_folds = folds(n, 5, seed=experiment)
        predictions = ridge.held_out(noise, ridge.smoothers(x @ x.T, of_folds, ALPHAS)).predictions
        means.append(scores.scores(noise, predictions, of_folds).r.mean())
        over_all.append(np.mean([pearsonr(*of)[0] for of in zip(noise.T, predictions.T, strict=True)]))
    error = np.std(means, ddof=1) / np.sqrt(experiments)
    assert abs(np.mean(means)) < 2 * error
    assert np.mean(over_all) < -10 * error


def test_what_was_saved_is_read(tmp_path, features, responses, of_folds):
    from early_alignment.errors import InputError

    found = models.encode(responses, exact(features, of_folds), np.full(15, 0.5))
    channels = np.array([f"C{i}" for i in range(15)])
    models.save(tmp_path / "V1.npz", found, {"subject": "1", "position_channel": channels})
    assert models.words(tmp_path / "V1.npz", ("subject",)) == {"subject": "1"}
    np.testing.assert_array_equal(maps.positions(tmp_path / "V1.npz")["channel"], channels)
    for one, other in zip(models.load(tmp_path / "V1.npz"), found, strict=True):
        assert np.array_equal(one, other)
    with np.load(tmp_path / "V1.npz") as file:
        np.testing.assert_allclose(file["share_of_r"], found.r / np.sqrt(0.5))
    (tmp_path / "V1.npz").write_bytes(b"nothing")
    with pytest.raises(InputError, match="delete the file"):
        models.load(tmp_path / "V1.npz")
