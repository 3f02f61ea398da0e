"""Noise covariance and the distances that use it, against scikit-learn and rsatoolbox."""

import numpy as np
import pytest
import rsatoolbox
from early_alignment import noise
from early_alignment.geometry.repetitions import DISTANCES
from early_alignment.geometry.repetitions import rdm as repeated_rdm
from sklearn.covariance import LedoitWolf


@pytest.mark.parametrize("observations", [3, 20, 400])
def test_ledoit_wolf_is_scikit_learns(observations):
    rng = np.random.default_rng(observations)
    mixing = rng.normal(size=(12, 12))
    residuals = rng.normal(size=(2, 3, observations, 12)) @ mixing + 5
    ours = noise.ledoit_wolf(residuals)
    for index in np.ndindex(2, 3):
        np.testing.assert_allclose(ours[index], LedoitWolf().fit(residuals[index]).covariance_, rtol=1e-9, atol=1e-9)
    np.linalg.cholesky(ours)


def test_ledoit_wolf_of_uncorrelated_units_of_one_variance_and_of_constants():
    corners = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    np.testing.assert_allclose(noise.ledoit_wolf(corners), np.eye(2))
    np.testing.assert_array_equal(noise.ledoit_wolf(np.ones((5, 3))), np.zeros((3, 3)))


@pytest.mark.parametrize("function", [noise.ledoit_wolf, noise.covariance_of_repetitions])
@pytest.mark.parametrize("unit", [1e-6, 1e6])
def test_a_covariance_has_the_units_of_the_data_squared(function, unit):
    """EEG is in volts, so its variances are of 1e-12."""
    responses = np.random.default_rng(9).normal(size=(3, 10, 4))
    np.testing.assert_allclose(function(unit * responses), unit**2 * function(responses), rtol=1e-9)


@pytest.mark.parametrize("function", [noise.ledoit_wolf, noise.covariance_of_repetitions])
@pytest.mark.parametrize("precision", [np.float16, np.float32])
def test_a_covariance_is_computed_in_float64_whatever_the_data_are_in(function, precision):
    responses = (100 + np.random.default_rng(10).normal(size=(3, 10, 4))).astype(precision)
    ours = function(responses)
    assert ours.dtype == np.float64
    np.testing.assert_allclose(ours, function(responses.astype(np.float64)), rtol=1e-12)


def test_one_condition_measured_twice_is_enough_to_know_the_noise():
    repetitions = np.random.default_rng(11).normal(size=(2, 3, 4))
    repetitions[1, :2] = np.nan
    difference = (repetitions[0, 2] - repetitions[1, 2]) / 2
    # Four residuals, of which two are zero, and one degree of freedom.
    residuals = np.array([np.zeros(4), np.zeros(4), difference, -difference])
    expected = LedoitWolf().fit(residuals).covariance_ * 4
    np.testing.assert_allclose(noise.covariance_of_repetitions(repetitions), expected, rtol=1e-9)


def test_the_covariance_of_repetitions_is_rsatoolboxs_also_where_some_are_missing():
    rng = np.random.default_rng(3)
    repetitions = rng.normal(size=(3, 10, 6)) @ rng.normal(size=(6, 6)) + rng.normal(size=(10, 6))
    repetitions[2, ::4] = np.nan
    measured = np.isfinite(repetitions).all(axis=-1)
    _, conditions = np.nonzero(measured)
    dataset = rsatoolbox.data.Dataset(repetitions[measured], obs_descriptors={"condition": conditions})
    theirs = rsatoolbox.data.noise.cov_from_unbalanced(dataset, "condition", method="shrinkage_eye")
    np.testing.assert_allclose(noise.covariance_of_repetitions(repetitions), theirs, rtol=1e-9)


def test_whitened_patterns_have_mahalanobis_distances():
    rng = np.random.default_rng(4)
    patterns, root = rng.normal(size=(2, 5, 8)), rng.normal(size=(8, 8))
    covariance = root @ root.T + np.eye(8)
    white = noise.whitened(patterns, covariance)
    difference, white = patterns[0, 1] - patterns[1, 3], white[0, 1] - white[1, 3]
    assert white @ white == pytest.approx(difference @ np.linalg.inv(covariance) @ difference)


def test_without_repetitions_there_is_no_noise_to_estimate():
    with pytest.raises(ValueError, match="no condition was measured twice"):
        noise.covariance_of_repetitions(np.ones((1, 4, 3)))
    with pytest.raises(ValueError, match="the same in every repetition"):
        noise.covariance_of_repetitions(np.ones((2, 4, 3)))
    with pytest.raises(ValueError, match="1 of 4 conditions have no response"):
        repetitions = np.ones((2, 4, 3))
        repetitions[:, 2] = np.nan
        noise.mean_of_repetitions(repetitions)


@pytest.fixture(params=[5, 40], ids=["fewer units", "more units than observations"])
def repeated(request):
    """Three repetitions of nine conditions with correlated noise, and rsatoolbox's data set of them."""
    rng = np.random.default_rng(5)
    units = request.param
    repetitions = rng.normal(size=(9, units)) + rng.normal(size=(3, 9, units)) @ rng.normal(size=(units, units))
    return repetitions, as_dataset(repetitions)


def as_dataset(repetitions):
    measured = np.isfinite(repetitions).all(axis=-1)
    folds, conditions = np.nonzero(measured)
    return rsatoolbox.data.Dataset(
        repetitions[measured],
        obs_descriptors={"condition": [f"c{i}" for i in conditions], "fold": [f"f{i}" for i in folds]},
    )


@pytest.mark.parametrize("distance", DISTANCES)
def test_distances_in_units_of_the_noise_are_rsatoolboxs(repeated, distance):
    repetitions, dataset = repeated
    precision = rsatoolbox.data.noise.prec_from_unbalanced(dataset, "condition", method="shrinkage_eye")
    folds = {"cv_descriptor": "fold"} if distance == "crossnobis" else {}
    theirs = rsatoolbox.rdm.calc_rdm(dataset, method=distance, descriptor="condition", noise=precision, **folds)
    ours = repeated_rdm(repetitions, distance)
    np.testing.assert_allclose(ours, theirs.dissimilarities[0], rtol=1e-6, atol=1e-6 * np.abs(ours).max())


def test_crossnobis_takes_the_repetitions_that_both_conditions_have():
    rng = np.random.default_rng(6)
    repetitions = rng.normal(size=(3, 7, 4))
    repetitions[2, [1, 4]] = np.nan
    precision = np.linalg.inv(noise.covariance_of_repetitions(repetitions))
    expected = []
    for a in range(7):
        for b in range(a + 1, 7):
            of_pairs = []
            for i in range(3):
                for j in range(3):
                    one, other = (repetitions[k, a] - repetitions[k, b] for k in (i, j))
                    if i != j and np.isfinite(one).all() and np.isfinite(other).all():
                        of_pairs.append(one @ precision @ other / 4)
            assert len(of_pairs) == (2 if {a, b} & {1, 4} else 6)
            expected.append(np.mean(of_pairs))
    np.testing.assert_allclose(repeated_rdm(repetitions, "crossnobis"), expected)


def test_crossnobis_of_equal_patterns_is_zero_on_average_and_mahalanobis_is_not():
    rng = np.random.default_rng(7)
    repetitions = rng.normal(size=(4, 60, 10))
    crossnobis = repeated_rdm(repetitions, "crossnobis")
    assert abs(crossnobis.mean()) < 0.02
    assert repeated_rdm(repetitions, "mahalanobis").mean() == pytest.approx(2 / 4, abs=0.1)


def test_crossnobis_needs_two_repetitions_of_both_conditions():
    repetitions = np.random.default_rng(8).normal(size=(2, 5, 3))
    repetitions[1, 3] = np.nan
    with pytest.raises(ValueError, match="fewer than two repetitions"):
        repeated_rdm(repetitions, "crossnobis")
    with pytest.raises(ValueError, match="unknown distance 'correlation'"):
        repeated_rdm(repetitions, "correlation")
