"""RDMs against scipy and rsatoolbox."""

import numpy as np
import pytest
import torch
from early_alignment import rdms
from early_alignment.errors import InputError
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import pdist, squareform


def in_chunks(patterns, sizes):
    return np.split(patterns, np.cumsum(sizes)[:-1], axis=1)


def plain(patterns, distance):
    """The distances by scipy, in float64 and over all features at once."""
    return pdist(np.asarray(patterns, dtype=np.float64), distance)


def assert_equal_rdms(ours, theirs, distance, precision):
    """Correlation and cosine distances are about 1: their error is absolute; that of others is relative."""
    scale = 1.0 if distance in ("correlation", "cosine") else np.abs(theirs).max()
    np.testing.assert_allclose(ours, theirs, rtol=precision, atol=precision * scale)


@settings(max_examples=300, deadline=None)
@given(
    distance=st.sampled_from(rdms.DISTANCES),
    n=st.integers(2, 12),
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=6).filter(lambda sizes: sum(sizes) > 2),
    scale=st.sampled_from([1e-3, 1.0, 1e4]),
    mean=st.sampled_from([0.0, 1.0, 100.0]),
    dtype=st.sampled_from([np.float16, np.float32, np.float64]),
    tile=st.integers(1, 50),
    on_torch=st.booleans(),
    threads=st.sampled_from([1, 1, 3]),
    seed=st.integers(0, 2**32 - 1),
)
def test_a_streamed_rdm_is_the_plain_one(distance, n, sizes, scale, mean, dtype, tile, on_torch, threads, seed):
    rng = np.random.default_rng(seed)
    scale = min(scale, 10.0) if dtype == np.float16 else scale
    patterns = (scale * (mean + rng.normal(size=(n, sum(sizes))))).astype(dtype)
    device = torch.device("cpu") if on_torch else None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rdms, "TILE", tile)
        ours = rdms.rdm(in_chunks(patterns, sizes), distance, device=device, threads=threads)
    assert_equal_rdms(ours, plain(patterns, distance), distance, 1e-9 if dtype == np.float64 else 1e-5)


@pytest.mark.parametrize("distance", ["correlation", "euclidean", "sqeuclidean"])
def test_distances_are_rsatoolboxs(distance):  # which has no cosine distance
    import rsatoolbox

    patterns = np.random.default_rng(0).gamma(2, size=(20, 500))
    method = "correlation" if distance == "correlation" else "euclidean"
    theirs = rsatoolbox.rdm.calc_rdm(rsatoolbox.data.Dataset(patterns), method=method).dissimilarities[0]
    if method == "euclidean":  # theirs is squared and divided by the number of channels
        theirs = theirs * 500 if distance == "sqeuclidean" else np.sqrt(theirs * 500)
    assert_equal_rdms(rdms.rdm([patterns], distance), theirs, distance, 1e-11)


LARGE_MEANS = {
    "one mean for all": lambda rng: 1e3,
    "a mean per condition": lambda rng: 1e3 * (1 + rng.uniform(size=(15, 1))),
    "a mean per feature": lambda rng: 1e3 * (1 + rng.uniform(size=(1, 4000))),
}


@pytest.mark.parametrize("distance", rdms.DISTANCES)
@pytest.mark.parametrize("means", LARGE_MEANS)
@pytest.mark.parametrize("device", [None, torch.device("cpu")])
def test_large_means_lose_nothing(distance, means, device):
    """Means a thousand times the standard deviation, in float32."""
    rng = np.random.default_rng(1)
    patterns = (rng.normal(size=(15, 4000)) + LARGE_MEANS[means](rng)).astype(np.float32)
    ours = rdms.rdm(in_chunks(patterns, [1000] * 4), distance, device=device)
    assert_equal_rdms(ours, plain(patterns, distance), distance, 2e-6)


@pytest.mark.parametrize("distance", rdms.DISTANCES)
def test_ties_and_equal_patterns(distance):
    patterns = np.random.default_rng(2).integers(0, 3, size=(12, 50)).astype(np.float32)
    patterns[7] = patterns[3]
    ours = squareform(rdms.rdm([patterns], distance))
    np.testing.assert_allclose(
        ours, squareform(plain(patterns, distance)), atol=2e-3 if distance == "euclidean" else 1e-5
    )
    assert ours[7, 3] == pytest.approx(0, abs=2e-3 if distance == "euclidean" else 1e-6)


@pytest.mark.parametrize("distance", rdms.DISTANCES)
def test_conditions_of_very_different_strength(distance):
    """As in a network whose batch norm has hardly seen images: some stimuli excite it a thousand times as much."""
    rng = np.random.default_rng(3)
    strength = 10.0 ** rng.uniform(-2, 2, size=(12, 1))
    patterns = (strength * np.maximum(rng.normal(size=(12, 5000)), 0)).astype(np.float16)
    ours = rdms.rdm(in_chunks(patterns, [2500, 2500]), distance)
    assert_equal_rdms(ours, plain(patterns, distance), distance, 2e-6)


@pytest.mark.parametrize("distance", rdms.DISTANCES)
@pytest.mark.parametrize("scale", [1e-37, 1e-25, 1e-19, 1e18, 1e30])
@pytest.mark.parametrize("device", [None, torch.device("cpu")])
def test_patterns_whose_squares_float32_cannot_hold(distance, scale, device):
    """And beside them, where each has a distance of its own, patterns that it can, and features that are all 0."""
    rng = np.random.default_rng(4)
    patterns = np.float32(scale) * (1 + rng.normal(size=(12, 600))).astype(np.float32)
    patterns[:, :200] = 0
    if distance in ("correlation", "cosine"):
        patterns[4] = rng.normal(size=600)
        patterns[5] *= np.float32(1e-6)
    for threads in (1, 2):
        ours = rdms.rdm(in_chunks(patterns, [200] * 3), distance, device=device, threads=threads)
        assert_equal_rdms(ours, plain(patterns, distance), distance, 3e-6)


@pytest.mark.parametrize("distances", [[1.0, 1e41], [1e-50, 2e-50], [3e-44, 4e-44]])
def test_distances_that_float32_cannot_hold_are_refused(tmp_path, distances):
    with pytest.raises(InputError, match=r"rdm\.npy[\s\S]*distances up to [\s\S]*numbers that float32 holds"):
        rdms.save(tmp_path / "rdm.npy", np.array([*distances, 0.0]))
    assert not list(tmp_path.iterdir())
    rdms.save(tmp_path / "rdm.npy", np.array([1.0, 1e-50, 0.0]))  # nothing beside the largest


def test_distances_of_the_real_92_images(kriegeskorte92_root):
    from early_alignment.datasets import open_dataset

    dataset = {"format": "kriegeskorte92", "root": kriegeskorte92_root, "subjects": [1], "targets": ["human_IT"]}
    dataset = open_dataset("kriegeskorte92", dataset)
    pixels = np.stack([np.asarray(dataset.open_image(image)).ravel() for _, image in dataset.stimuli()])
    for distance in rdms.DISTANCES:
        ours = rdms.rdm(in_chunks(pixels.astype(np.float32), [30_000, 30_000, 31_875]), distance)
        assert_equal_rdms(ours, plain(pixels, distance), distance, 2e-6)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("device", [None, torch.device("cpu")])
@pytest.mark.parametrize(
    ("value", "fault", "distance"),
    [
        (3.3, "constant", "correlation"),
        (0.0, "zero", "cosine"),
        *[(value, "not finite", distance) for value in (np.nan, np.inf) for distance in rdms.DISTANCES],
    ],
)
def test_a_pattern_without_a_distance_is_refused_by_name(threads, device, value, fault, distance):
    patterns = np.random.default_rng(0).normal(size=(5, 30)).astype(np.float32)
    patterns[3] = value
    with pytest.raises(ValueError, match=f"1 of 5 conditions are {fault}: number 3"):
        rdms.rdm(in_chunks(patterns, [10, 20]), distance, device=device, threads=threads)
    with pytest.raises(ValueError, match=f"{fault}: cat"):
        rdms.rdm([patterns], distance, conditions=["ant", "bee", "cow", "cat", "dog"], device=device)


@pytest.mark.parametrize("special", [[], [np.inf], [-np.inf], [np.nan], [-np.nan]])
def test_float16_is_widened_as_numpy_does(special):
    """Every finite float16 there is, subnormal ones and both zeros included."""
    every = np.arange(2**16, dtype=np.uint32).astype(np.uint16).view(np.float16)
    values = np.append(every[np.isfinite(every)], np.float16(special)).astype(np.float16)
    values = np.resize(values, (64, len(values) // 32))[:, ::2]
    wide = rdms.widened(values, np.dtype(np.float32))
    np.testing.assert_array_equal(wide, values.astype(np.float32))
    np.testing.assert_array_equal(np.signbit(wide), np.signbit(values))
    assert wide.dtype == np.float32


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
