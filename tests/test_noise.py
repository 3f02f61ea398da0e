"""Noise covariance and the distances that use it, against scikit-learn and rsatoolbox."""

import numpy as np
import pytest
import rsatoolbox
from early_alignment import noise
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
    with pytest.raises(ValueError, match="1 of 4 conditions have no finite response"):
        repetitions = np.ones((2, 4, 3))
        repetitions[:, 2, 0] = np.nan
        noise.mean_of_repetitions(repetitions)
