"""RDMs against scipy and rsatoolbox."""

import numpy as np
import pytest
from early_alignment import rdms
from early_alignment.errors import InputError
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import pdist, squareform


def in_chunks(patterns, sizes):
    return np.split(patterns, np.cumsum(sizes)[:-1], axis=1)


@given(
    n=st.integers(2, 12),
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=6).filter(lambda sizes: sum(sizes) > 2),
    scale=st.sampled_from([1e-3, 1.0, 1e4]),
    mean=st.sampled_from([0.0, 1.0, 100.0]),
    dtype=st.sampled_from([np.float32, np.float64]),
    seed=st.integers(0, 2**32 - 1),
)
def test_a_streamed_rdm_is_the_plain_one(n, sizes, scale, mean, dtype, seed):
    rng = np.random.default_rng(seed)
    patterns = (scale * (mean + rng.normal(size=(n, sum(sizes))))).astype(dtype)
    plain = pdist(patterns.astype(np.float64), "correlation")
    tolerance = 2e-5 if dtype == np.float32 else 1e-9
    np.testing.assert_allclose(rdms.rdm(in_chunks(patterns, sizes)), plain, atol=tolerance)


def test_correlation_distance_is_rsatoolboxs():
    import rsatoolbox

    patterns = np.random.default_rng(0).gamma(2, size=(20, 500))
    theirs = rsatoolbox.rdm.calc_rdm(rsatoolbox.data.Dataset(patterns), method="correlation").dissimilarities[0]
    np.testing.assert_allclose(rdms.rdm([patterns]), theirs, atol=1e-12)


def test_large_common_means_lose_nothing():
    rng = np.random.default_rng(1)
    patterns = rng.normal(size=(15, 4000)) + 1e3
    expected = pdist(patterns, "correlation")
    chunks = in_chunks(patterns.astype(np.float32), [1000] * 4)
    # Rounding to float32 alone moves a value of 1,000 by up to 3e-5 of the patterns' standard deviation.
    np.testing.assert_allclose(rdms.rdm(chunks), expected, atol=1e-4)


@pytest.mark.parametrize("value", [3.0, np.nan, np.inf])
def test_a_constant_or_not_finite_pattern_is_refused_by_number(value):
    patterns = np.random.default_rng(0).normal(size=(5, 30))
    patterns[3] = value
    message = r"1 conditions are constant or not finite .*number 3"
    with pytest.raises(ValueError, match=message), np.errstate(all="ignore"):
        rdms.rdm([patterns])


def test_condensed_order_is_scipys():
    square = squareform(np.arange(15.0))
    np.testing.assert_array_equal(rdms.condensed(square), np.arange(15.0))
    assert rdms.n_conditions(np.arange(15.0)) == 6


def test_a_file_that_is_no_rdm_is_refused_by_name(tmp_path):
    np.save(tmp_path / "odd.npy", np.zeros(7))
    with pytest.raises(InputError, match=r"odd\.npy[\s\S]*7 is not the number of pairs"):
        rdms.load(tmp_path / "odd.npy")


def test_saved_rdms_are_condensed_float32(tmp_path):
    rdms.save(tmp_path / "rdm.npy", np.arange(6.0))
    loaded = rdms.load(tmp_path / "rdm.npy")
    assert loaded.dtype == np.float32
    np.testing.assert_array_equal(loaded, np.arange(6))
