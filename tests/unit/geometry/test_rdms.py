"""RDMs against scipy and rsatoolbox."""

from threading import get_ident

import numpy as np
import pytest
import torch
from early_alignment.errors import InputError
from early_alignment.geometry import inner_products, rdms
from early_alignment.geometry.inner_products import InnerProducts, Subtracted, to_subtract, vectors_of
from early_alignment.half_precision import widened
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import pdist, squareform
from threadpoolctl import threadpool_info, threadpool_limits


def in_chunks(patterns, sizes):
    return np.split(patterns, np.cumsum(sizes)[:-1], axis=1)


def plain(patterns, distance):
    """The distances by scipy, in float64 and over all features at once."""
    return pdist(np.asarray(patterns, dtype=np.float64), distance)


def assert_equal_rdms(ours, theirs, distance, precision):
    """Correlation and cosine distances are about 1: their error is absolute; that of others is relative."""
    scale = 1.0 if distance in ("correlation", "cosine") else np.abs(theirs).max()
    np.testing.assert_allclose(ours, theirs, rtol=precision, atol=precision * scale)


@pytest.mark.long
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
    shared=st.sampled_from([0.0, 0.5, 2.0]),
    seed=st.integers(0, 2**32 - 1),
)
def test_a_streamed_rdm_is_the_plain_one(distance, n, sizes, scale, mean, dtype, tile, on_torch, threads, shared, seed):
    rng = np.random.default_rng(seed)
    scale = min(scale, 10.0) if dtype == np.float16 else scale
    patterns = (scale * (mean + rng.normal(size=(n, sum(sizes))))).astype(dtype)
    device = torch.device("cpu") if on_torch else None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inner_products, "TILE", tile)
        patch.setattr(inner_products, "SHARED", shared)
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
    # Of squares up to 83, 3e-5 is what float32 rounds: 4e-7 of the largest.
    exact = {"euclidean": 2e-3, "sqeuclidean": 3e-5}.get(distance, 1e-5)
    np.testing.assert_allclose(ours, squareform(plain(patterns, distance)), atol=exact)
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
@pytest.mark.parametrize("scale", [1e-37, 1e-25, 1e-19, 1e18, 1e30, -1e-25, -1e30])
@pytest.mark.parametrize("device", [None, torch.device("cpu")])
def test_patterns_whose_squares_float32_cannot_hold(distance, scale, device):
    """And beside them, where each has a distance of its own, patterns that it can, and features that are all 0."""
    rng = np.random.default_rng(4)
    patterns = np.float32(scale) * (1 + rng.normal(size=(12, 600))).astype(np.float32)
    if scale < 0:
        patterns = -np.abs(patterns)
        patterns[:, ::7] = 0  # the largest
    patterns[:, :200] = 0
    if distance in ("correlation", "cosine"):
        patterns[4] = rng.normal(size=600)
        patterns[5] *= np.float32(1e-6)
    for threads in (1, 2):
        ours = rdms.rdm(in_chunks(patterns, [200] * 3), distance, device=device, threads=threads)
        assert_equal_rdms(ours, plain(patterns, distance), distance, 3e-6)


@pytest.mark.parametrize("distance", rdms.DISTANCES)
def test_patterns_of_the_largest_numbers_of_float32(distance):
    """Less a mean, they are larger than float32 holds."""
    largest = np.finfo(np.float32).max
    patterns = np.random.default_rng(8).choice([-largest, 0.1 * largest, largest], size=(6, 300)).astype(np.float32)
    ours = rdms.rdm(in_chunks(patterns, [150, 150]), distance)
    assert_equal_rdms(ours, plain(patterns, distance), distance, 3e-6)


@pytest.mark.parametrize("device", [None, torch.device("cpu")])
def test_patterns_with_much_in_common_have_one_scale_where_squares_leave_float32(device):
    """Their largest values lie on both sides of a power of two."""
    rng = np.random.default_rng(14)
    patterns = 1e3 * rng.normal(size=600) + rng.normal(size=(8, 600))
    patterns[:, 17] = 4096 + np.linspace(-1, 1, 8)
    patterns = np.ldexp(patterns, 80).astype(np.float32)
    ours, theirs = rdms.rdm([patterns], "sqeuclidean", device=device), plain(patterns, "sqeuclidean")
    np.testing.assert_allclose(ours, theirs, rtol=1e-5)


@pytest.mark.parametrize("distance", ["correlation", "cosine"])
def test_one_faint_pattern_is_enough_to_look_at_exponents(distance):
    patterns = np.random.default_rng(11).normal(size=(5, 200)).astype(np.float32)
    patterns[-1] *= np.float32(1e-30)
    assert_equal_rdms(rdms.rdm([patterns], distance), plain(patterns, distance), distance, 3e-6)


@pytest.mark.parametrize("scale", [1.7e308, 1e160, 1e-170])
@pytest.mark.parametrize("distance", rdms.DISTANCES)
@pytest.mark.parametrize("device", [None, torch.device("cpu")])
def test_patterns_whose_squares_even_float64_cannot_hold_are_refused(distance, scale, device):
    patterns = np.random.default_rng(12).uniform(0.5, 1, size=(5, 300))
    patterns[[0, 2, 3, 4]] = 1 + 1e-3 * patterns[[0, 2, 3, 4]]
    patterns[1] *= scale
    if scale < 1 and distance in ("euclidean", "sqeuclidean"):
        ours = rdms.rdm([patterns], distance, device=device)  # a square of 0 is near enough
        assert_equal_rdms(ours, plain(patterns, distance), distance, 1e-9)
        return
    fault = f"too {'large' if scale > 1 else 'small'} for their squares to be computed"
    with pytest.raises(ValueError, match=f"of 5 conditions are {fault}: bee$"):
        rdms.rdm([patterns], distance, ["ant", "bee", "cow", "cat", "dog"], device)


@pytest.mark.parametrize("distance", ["euclidean", "sqeuclidean"])
@pytest.mark.parametrize("scale", [1e-3, 1, 1e3])
def test_small_distances_within_groups_that_lie_far_apart(distance, scale):
    """Two groups hundreds of standard deviations apart, after a pattern that varies more than that."""
    rng = np.random.default_rng(13)
    patterns = 3e-3 * rng.normal(size=(9, 2000)) + np.repeat([0, 1, -1], [1, 4, 4])[:, None]
    patterns[0] = 2 * rng.normal(size=2000)
    patterns = (scale * patterns).astype(np.float32)
    ours, theirs = squareform(rdms.rdm([patterns], distance)), squareform(plain(patterns, distance))
    np.testing.assert_allclose(ours[1:5, 1:5], theirs[1:5, 1:5], rtol=4e-3)
    np.testing.assert_allclose(ours[5:, 5:], theirs[5:, 5:], rtol=4e-3)


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


@pytest.mark.parametrize("distance", rdms.DISTANCES)
def test_infinities_of_either_sign_are_refused_without_a_warning(distance):
    patterns = np.random.default_rng(0).normal(size=(5, 300)).astype(np.float32)
    patterns[3, 0], patterns[3, 128] = np.inf, -np.inf
    with pytest.raises(ValueError, match="1 of 5 conditions are not finite: number 3"):
        rdms.rdm([patterns], distance)


def test_the_distance_is_correlation_unless_another_is_named():
    patterns = np.random.default_rng(4).normal(size=(5, 30))
    np.testing.assert_allclose(rdms.rdm([patterns]), plain(patterns, "correlation"), rtol=1e-12)


@pytest.mark.parametrize(
    ("bad", "named"),
    [
        (1, "1 of 8 conditions are constant: number 1"),
        (5, "5 of 8 conditions are constant: number 1, number 2, number 3, number 4, number 5"),
        (6, "6 of 8 conditions are constant: number 1, number 2, number 3, number 4, number 5, …"),
        (7, "7 of 8 conditions are constant: number 1, number 2, number 3, number 4, number 5, …"),
    ],
)
def test_of_many_bad_patterns_five_are_named(bad, named):
    with pytest.raises(ValueError) as error:
        inner_products.refuse((np.arange(8) > 0) & (np.arange(8) <= bad), "constant", None)
    assert str(error.value) == f"the patterns of {named}"


DEVICES = [None, torch.device("cpu")]


@pytest.mark.parametrize("device", DEVICES)
def test_sums_of_several_threads_are_merged(device):
    """Some of the patterns are constant, in all features or in the part that one thread had."""
    patterns = np.random.default_rng(5).normal(1, size=(6, 90))
    patterns[1] = 3
    patterns[2, :50], patterns[2, 50:] = 4, 5
    patterns[3, :50] = patterns[3, 50]
    patterns[4, 50:] = patterns[4, 0]
    parts = in_chunks(patterns, [20, 30, 10, 30])

    def summed(parts):
        sums = InnerProducts(device=device)
        for part in parts:
            sums.add(part)
        return sums

    merged = summed([])
    for sums in (summed([]), summed(parts[:2]), summed([]), summed(parts[2:])):
        merged.merge(sums)
    centred = patterns - patterns.mean(axis=1, keepdims=True)
    np.testing.assert_array_equal(merged.constant, [False, True, False, False, False, False])
    np.testing.assert_array_equal(merged.first, patterns[:, 0])
    for found in (summed(parts).geometry(), merged.geometry()):
        np.testing.assert_allclose(found.products, centred @ centred.T, atol=1e-9)
        np.testing.assert_allclose(found.means, patterns.mean(axis=1), atol=1e-12)
        assert found.n_features == 90


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("less_pattern", [[0, 0, 0, 0], [1, 0, 1, 1], [1, 1, 1, 1]])
@pytest.mark.parametrize(("stored", "multiplied"), [("float16", "float32"), ("float32", "float32"), ("float64",) * 2])
def test_features_are_multiplied_in_their_own_precision_less_what_is_said_to_be_subtracted(
    device, less_pattern, stored, multiplied
):
    patterns = np.random.default_rng(6).normal(3, size=(4, 30)).astype(stored)
    rows = inner_products.ProcessorRows() if device is None else inner_products.DeviceRows(device)
    means = np.linspace(-1, np.pi, 4).astype(multiplied).astype(float)
    weights = np.array(less_pattern) / max(1, sum(less_pattern))
    subtracted = Subtracted(weights, np.array(2.5), means)
    products = rows.load(patterns, subtracted).multiplied()
    assert products.dtype == multiplied
    pattern = weights @ patterns.astype(float)
    expected = [patterns.astype(float) - np.outer(less_pattern, pattern) - means[:, None], np.ones((1, 30))]
    expected = np.vstack([*expected, pattern[None] - 2.5] if any(less_pattern) else expected)
    exact = 1e-3 if multiplied == "float32" else 1e-11
    np.testing.assert_allclose(products, expected @ expected.T, rtol=1e-5 if exact > 1e-5 else 1e-12, atol=exact)
    size, of_means, left, has_pattern, with_pattern = vectors_of(subtracted, products, 30)
    both = np.outer(has_pattern, with_pattern)
    about = products[:4, :4] - size * np.outer(left, left) + both + both.T
    centred = patterns.astype(float) - patterns.astype(float).mean(axis=1, keepdims=True)
    np.testing.assert_allclose(about, centred @ centred.T, atol=exact)
    np.testing.assert_allclose(of_means, patterns.astype(float).mean(axis=1), atol=exact / 10)


def with_pattern(patterns) -> list[int]:
    """From which patterns what they have in common is subtracted, as some features have it."""
    return (to_subtract(np.asarray(patterns, np.float32)).weights > 0).astype(int).tolist()


def test_what_patterns_have_in_common_is_subtracted_where_it_is_much_and_not_from_faint_ones():
    rng = np.random.default_rng(20)
    common, own = rng.normal(size=4000), rng.normal(size=(6, 4000))
    strengths = np.array([1, 1, 1, 1, 1, 0.01])[:, None]
    assert with_pattern(own) == with_pattern(own * strengths) == [0] * 6
    assert with_pattern(common + 0.1 * own) == [1] * 6
    assert with_pattern(7 * own[:, :1] + 0.1 * own) == [0] * 6  # a level is no pattern
    patterns = (5 + strengths * (30 * common + own)).astype(np.float32)
    assert with_pattern(patterns) == [1, 1, 1, 1, 1, 0]
    for distance in rdms.DISTANCES:
        assert_equal_rdms(rdms.rdm([patterns], distance), plain(patterns, distance), distance, 2e-6)
    # The differences of the strong ones are a thirtieth of what they share; their squares a thousandth.
    ours, theirs = rdms.rdm([patterns[:5]], "sqeuclidean"), plain(patterns[:5], "sqeuclidean")
    np.testing.assert_allclose(ours, theirs, rtol=2e-6)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("distance", rdms.DISTANCES)
@pytest.mark.parametrize("where", ["in a few features", "in step with the sample", "not in step", "from one on"])
def test_what_patterns_share_is_found_wherever_it_is(device, distance, where):
    """As the massive activations of vision transformers: a few features, thousands of times as large, in all images."""
    rng = np.random.default_rng(22)
    step = 4000 // (2 * inner_products.SAMPLED) * 2 + 1
    place = {
        "in a few features": rng.permutation(4000)[:3],
        "in step with the sample": slice(None, None, step),
        "not in step": slice(1, None, step),
        "from one on": slice(3000, None),
    }[where]
    patterns = rng.normal(size=(12, 4000))
    patterns[:, place] += 3e3
    patterns[7] = 1e-2 * rng.normal(size=4000)  # one that has nothing of it
    patterns = patterns.astype(np.float32)
    ours, theirs = rdms.rdm([patterns], distance, device=device), plain(patterns, distance)
    assert_equal_rdms(ours, theirs, distance, 2e-6)
    if distance in ("euclidean", "sqeuclidean"):
        others = np.arange(12) != 7
        ours, theirs = (rdms.condensed(squareform(rdm)[np.ix_(others, others)]) for rdm in (ours, theirs))
        np.testing.assert_allclose(ours, theirs, rtol=2e-5)


def test_a_guess_that_was_wrong_is_mended_and_one_that_was_right_is_multiplied_once():
    rng = np.random.default_rng(23)
    sampled = np.arange(3000) % (3000 // (2 * inner_products.SAMPLED) * 2 + 1) == 0
    own, common = rng.normal(size=(8, 3000)), rng.normal(size=3000)
    common_elsewhere = own + 20 * np.where(sampled, 0, common)
    faint_elsewhere = 0.1 * own + common
    faint_elsewhere[2, ~sampled] *= 1e-3
    strong_elsewhere = 0.1 * own + common
    strong_elsewhere[2, sampled] *= 1e-3
    strong_elsewhere[2, ~sampled] *= 2
    levels_elsewhere = own + np.array([40, -40] * 4)[:, None] * ~sampled
    times = {
        1: [own, 0.1 * own + common, own + common, own + 40, 0 * own],
        2: [common_elsewhere, faint_elsewhere, strong_elsewhere, levels_elsewhere],
        3: [own + 40 * ~sampled],  # and again for the level of what is in common
    }
    for expected, cases in times.items():
        for patterns in cases:
            patterns = patterns.astype(np.float32)
            sums, loaded = InnerProducts(), []
            load = sums._rows.load
            sums._rows.load = lambda chunk, of, load=load, loaded=loaded: loaded.append(of) or load(chunk, of)
            sums.add(patterns)
            assert len(loaded) == expected
            centred = patterns.astype(float) - patterns.mean(axis=1, dtype=float, keepdims=True)
            exact = centred @ centred.T
            np.testing.assert_allclose(sums.geometry().products, exact, atol=3e-6 * np.abs(exact).max())
    assert [of.weights.any() for of in loaded] == [False, True, True]


def test_a_geometry_comes_back_whole_and_what_is_none_is_refused(tmp_path):
    patterns = np.random.default_rng(21).normal(1, size=(5, 40))
    patterns[1], patterns[2] = 3, 0
    names = ["ant", "bee", "cow", "cat", "ünd"]
    found = inner_products.geometry([patterns], names)
    inner_products.save(tmp_path / "geometry.npz", found)
    again = inner_products.load(tmp_path / "geometry.npz")
    assert (again.n_features, again.conditions) == (40, names)
    np.testing.assert_array_equal(again.products, np.triu(found.products) + np.triu(found.products, 1).T)
    np.testing.assert_array_equal(again.means, found.means)
    np.testing.assert_array_equal([again.constant, again.zero], [[0, 1, 1, 0, 0], [0, 0, 1, 0, 0]])
    for distance in ("euclidean", "sqeuclidean"):
        np.testing.assert_allclose(rdms.rdm_of(again, distance), plain(patterns, distance), rtol=1e-12)
    with pytest.raises(ValueError, match="2 of 5 conditions are constant: bee, cow"):
        rdms.rdm_of(again)
    with pytest.raises(ValueError, match="1 of 5 conditions are zero: cow"):
        rdms.rdm_of(again, "cosine")
    np.savez(tmp_path / "other.npz", means=found.means)
    (tmp_path / "cut.npz").write_bytes((tmp_path / "geometry.npz").read_bytes()[:700])
    (tmp_path / "empty.npz").touch()
    objects = np.array([1, "a", None, 2, 3], dtype=object)
    np.savez(tmp_path / "objects.npz", **found._asdict() | {"conditions": objects})
    for name in ("other", "cut", "empty", "objects"):
        with pytest.raises(InputError, match=rf"{name}\.npz[\s\S]*an .npz file of products, means"):
            inner_products.load(tmp_path / f"{name}.npz")


def test_one_thread_is_the_callers_and_several_are_others():
    part, by = np.random.default_rng(9).normal(size=(4, 20)), set()

    def read():
        by.add(get_ident())
        return part

    one = rdms.rdm([read] * 4)
    assert by == {get_ident()}
    by.clear()
    np.testing.assert_allclose(rdms.rdm([read] * 4, threads=2), one, atol=1e-12)
    assert by and get_ident() not in by


def test_beside_other_threads_blas_has_one_each_and_otherwise_as_many_as_it_had():
    part, counted = np.random.default_rng(9).normal(size=(4, 20)), set()

    def read():
        counted.update(pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas")
        return part

    with threadpool_limits(2, user_api="blas"):
        for threads, expected in ((1, {2}), (2, {1}), (3, {1})):
            counted.clear()
            rdms.rdm([read] * 4, threads=threads)
            assert counted == expected, threads


def test_the_device_that_is_given_multiplies(monkeypatch):
    given, rows = [], inner_products.DeviceRows
    monkeypatch.setattr(inner_products, "DeviceRows", lambda device: given.append(device) or rows(device))
    patterns, device = np.random.default_rng(10).normal(size=(4, 20)), torch.device("cpu")
    with_device = rdms.rdm([patterns], device=device, threads=3)
    assert given == [device]
    np.testing.assert_allclose(with_device, rdms.rdm([patterns]), atol=1e-12)
    assert given == [device]


def test_chunks_of_one_shape_and_of_different_precision_keep_theirs():
    patterns = np.random.default_rng(7).normal(size=(5, 60))
    first, second = np.split(patterns, 2, axis=1)
    found = rdms.rdm([first.astype(np.float16), second])
    exact = np.hstack([first.astype(np.float16).astype(np.float64), second])
    np.testing.assert_allclose(found, plain(exact, "correlation"), atol=1e-6)
    rows, nothing = inner_products.ProcessorRows(), Subtracted(np.zeros(5), np.array(0.0), np.zeros(5))
    rows.load(first.astype(np.float32), nothing)
    products = rows.load(second, nothing).multiplied()
    np.testing.assert_allclose(products[:-1, :-1], second @ second.T, rtol=1e-12, atol=1e-12)


def test_a_device_multiplies_without_tf32():
    torch.backends.cuda.matmul.allow_tf32 = True
    inner_products.DeviceRows(torch.device("cpu"))
    assert torch.backends.cuda.matmul.allow_tf32 is False


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("wider", ["float32", "float64"])
@pytest.mark.parametrize("special", [0.5, np.inf])
def test_what_is_widened_is_a_copy_in_rows(dtype, wider, special):
    values = np.asfortranarray(np.linspace(0, 1, 12).reshape(3, 4).astype(dtype))
    values[1, 1] = special
    wide = widened(values, np.dtype(wider))
    assert wide.dtype == wider
    assert wide.flags.c_contiguous and not np.shares_memory(wide, values)
    np.testing.assert_array_equal(wide, values.astype(wider))


def test_a_negative_zero_among_positive_numbers_stays_one():
    wide = widened(np.array([[-0.0, 1.0]], np.float16), np.dtype(np.float32))
    np.testing.assert_array_equal(wide, [[0, 1]])
    np.testing.assert_array_equal(np.signbit(wide), [[True, False]])


@pytest.mark.parametrize("special", [[], [np.inf], [-np.inf], [np.nan], [-np.nan]])
def test_float16_is_widened_as_numpy_does(special):
    """Every finite float16 there is, subnormal ones and both zeros included."""
    every = np.arange(2**16, dtype=np.uint32).astype(np.uint16).view(np.float16)
    values = np.append(every[np.isfinite(every)], np.float16(special)).astype(np.float16)
    values = np.resize(values, (64, len(values) // 32))[:, ::2]
    wide = widened(values, np.dtype(np.float32))
    np.testing.assert_array_equal(wide, values.astype(np.float32))
    np.testing.assert_array_equal(np.signbit(wide), np.signbit(values))
    assert wide.dtype == np.float32


def test_condensed_order_is_scipys():
    square = squareform(np.arange(15.0))
    np.testing.assert_array_equal(rdms.condensed(square), np.arange(15.0))


def test_as_many_pairs_as_some_conditions_have_and_no_other_number():
    conditions_of = {n * (n - 1) // 2: n for n in range(1, 60)}
    for pairs in range(1700):
        if pairs in conditions_of:
            assert rdms.n_conditions(np.empty((3, pairs))) == conditions_of[pairs]
        else:
            with pytest.raises(ValueError, match=f"{pairs} is not the number of pairs"):
                rdms.n_conditions(np.empty(pairs))


def test_a_file_that_is_no_rdm_is_refused_by_name(tmp_path):
    np.save(tmp_path / "odd.npy", np.zeros(7))
    np.save(tmp_path / "objects.npy", np.array([1, "a", None], dtype=object), allow_pickle=True)
    expected = r"expected: a condensed RDM: a 1-D array of as many numbers as some conditions have pairs\n"
    for name, found in (
        ("odd", "7 is not the number of pairs"),
        ("objects", "Object arrays"),
        ("none", "No such file"),
    ):
        with pytest.raises(InputError, match=rf"{name}\.npy[\s\S]*{found}[\s\S]*{expected}"):
            rdms.load(tmp_path / f"{name}.npy")


@pytest.mark.parametrize("pairs", [0, 3])
def test_an_rdm_without_pairs_and_one_of_equal_patterns_are_saved(tmp_path, pairs):
    rdms.save(tmp_path / "rdm.npy", np.zeros(pairs))
    np.testing.assert_array_equal(rdms.load(tmp_path / "rdm.npy"), np.zeros(pairs))


def test_saved_rdms_are_condensed_float32(tmp_path):
    rdms.save(tmp_path / "rdm.npy", np.arange(6.0))
    loaded = rdms.load(tmp_path / "rdm.npy")
    assert loaded.dtype == np.float32
    np.testing.assert_array_equal(loaded, np.arange(6))
