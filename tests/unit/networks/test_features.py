"""Features against plain forward passes."""

import os
import re
import zipfile
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
import zarr
from early_alignment.datasets.base import DataSet, Stimulus
from early_alignment.errors import InputError
from early_alignment.geometry import rdms
from early_alignment.networks import checkpoints, feature_files, features, networks
from early_alignment.networks.feature_files import FeatureFile, FeatureWriter
from early_alignment.networks.images import stimulus_array
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.spatial.distance import pdist
from torchvision.models.feature_extraction import create_feature_extractor

N_IMAGES = (3, 1, 2)
"""How many images each condition has."""


@pytest.fixture(scope="module")
def network():
    return networks.untrained("resnet18", n_classes=3, seed=4).eval()


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    root, rng = tmp_path_factory.mktemp("images"), np.random.default_rng(2)
    for i in range(sum(N_IMAGES)):
        Image.fromarray(rng.integers(0, 256, (50, 50, 3), dtype=np.uint8)).save(root / f"{i}.png")
    return DataSet("plain", {"root": root, "subjects": [1], "targets": ["V1"]})


@pytest.fixture(scope="module")
def stimuli():
    labels = np.repeat(range(len(N_IMAGES)), N_IMAGES)
    return [Stimulus(f"condition {label}", f"{i}.png") for i, label in enumerate(labels)]


def read(path):
    return np.concatenate(list(chunks(path)), axis=1)


def chunks(path):
    with FeatureFile(path) as file:
        yield from file


@pytest.mark.parametrize("workers", [0, 1])
def test_features_are_block_outputs_averaged_over_a_conditions_images(network, dataset, stimuli, tmp_path, workers):
    files = {block: tmp_path / f"{block}.zarr.zip" for block in ("layer1", "layer4")}
    features.extract(network, files, dataset, stimuli, size=48, workers=workers)

    # torchvision's own preprocessing and feature extractor, one image at a time.
    weights = torchvision.transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    extractor = create_feature_extractor(network, ["layer1", "layer4"])
    rows = {"layer1": [], "layer4": []}
    for stimulus in stimuli:
        image = dataset.open_image(stimulus.image).resize((48, 48), Image.Resampling.BILINEAR)
        with torch.no_grad():
            outputs = extractor(weights(torchvision.transforms.functional.to_tensor(image))[None])
        for block, output in outputs.items():
            rows[block].append(output.numpy().ravel())
    starts = np.cumsum((0, *N_IMAGES))
    for block, file in files.items():
        expected = [np.mean(rows[block][a:b], axis=0) for a, b in pairwise(starts)]
        written = read(file)
        assert written.dtype == np.float16
        np.testing.assert_allclose(written, expected, rtol=2e-3, atol=1e-4)


@settings(deadline=None, max_examples=60)
@given(
    n_images=st.lists(st.integers(1, 9), min_size=1, max_size=12),
    batch_size=st.integers(1, 8),
    seed=st.integers(0, 2**32 - 1),
)
def test_means_do_not_depend_on_how_batches_cut_conditions(n_images, batch_size, seed):
    outputs = np.random.default_rng(seed).normal(size=(sum(n_images), 5)).astype(np.float32)
    labels = [f"condition {i}" for i, n in enumerate(n_images) for _ in range(n)]
    means = features.ConditionMeans([Stimulus(label, "") for label in labels])
    rows, names = [], []
    for start in range(0, len(outputs), batch_size):
        batch = torch.from_numpy(outputs[start : start + batch_size])
        means.take(len(batch))
        rows += list(means.of("block", batch).numpy())
        names += means.finished
    starts = np.cumsum((0, *n_images))
    np.testing.assert_allclose(rows, [outputs[a:b].mean(axis=0) for a, b in pairwise(starts)], rtol=1e-5, atol=1e-6)
    assert names == list(dict.fromkeys(labels))


@settings(deadline=None, max_examples=40)
@given(
    shape=st.tuples(st.integers(1, 30), st.integers(1, 40)),
    groups=st.lists(st.integers(0, 7), min_size=1, max_size=30),
    chunk=st.tuples(st.integers(1, 9), st.integers(1, 17)),
    dtype=st.sampled_from([np.float16, np.float32]),
)
def test_any_number_of_conditions_and_features_comes_back_whole(tmp_path_factory, shape, groups, chunk, dtype):
    path = tmp_path_factory.mktemp("store") / "f.zarr.zip"
    rows = np.random.default_rng(0).normal(size=shape).astype(dtype)
    names = [f"condition {i}" for i in range(len(rows))]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(feature_files, "CONDITIONS_PER_CHUNK", chunk[0])
        patch.setattr(feature_files, "FEATURES_PER_CHUNK", chunk[1])
        writer = FeatureWriter(path, names)
        for n in [*groups, len(rows)]:
            writer.add(rows[:n])
            rows = rows[n:]
        writer.close()
    parts = list(chunks(path))
    written = np.random.default_rng(0).normal(size=shape).astype(dtype)
    assert all(len(part) == shape[0] and part.shape[1] <= chunk[1] for part in parts)
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), written)
    assert parts[0].dtype == dtype
    with zarr.storage.ZipStore(path, mode="r") as store:  # as any other library reads it
        array = zarr.open_array(store, mode="r")
        np.testing.assert_array_equal(array[:], written)
        assert array.attrs["conditions"] == names
    with FeatureFile(path) as file:
        assert file.conditions == names
    with zipfile.ZipFile(path) as archive:  # nothing was written twice
        assert len(archive.namelist()) == len(set(archive.namelist()))


@pytest.fixture
def feature_file(tmp_path):
    writer = FeatureWriter(tmp_path / "f.zarr.zip", ["a", "b", "c"])
    writer.add(np.zeros((3, 20_000), np.float16))  # chunks of nothing but zeros are there like any other
    writer.close()
    return tmp_path / "f.zarr.zip"


@pytest.mark.parametrize(("shape", "chunks"), [((70, 16_400), (64, 16_384)), ((3, 5), (3, 5))])
def test_chunks_are_of_64_conditions_and_16384_features_compressed_by_lz4_unshuffled(tmp_path, shape, chunks):
    rows = np.random.default_rng(1).normal(size=shape).astype(np.float16)
    writer = FeatureWriter(tmp_path / "f.zarr.zip", [f"{i}" for i in range(shape[0])])
    writer.add(rows[:1], np.array([-3]))
    writer.add(rows[1:2])
    writer.add(rows[2:], np.arange(shape[0] - 2))
    writer.close()
    with zarr.storage.ZipStore(tmp_path / "f.zarr.zip", mode="r") as store:
        array = zarr.open_array(store, mode="r")
        assert array.chunks == chunks
        assert array.attrs["exponents"] == [-3, 0, *range(shape[0] - 2)]
        (blosc,) = array.compressors
        settings = blosc.to_dict()["configuration"]
        assert (settings["cname"], settings["clevel"], settings["shuffle"]) == ("lz4", 1, "noshuffle")
        np.testing.assert_array_equal(array[:], rows)


def changed(path, to, change):
    """A copy of a feature file, of which each entry is what `change` makes of its name and content, or left out."""
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(to, "w") as new:
        for name in old.namelist():
            info, content = zipfile.ZipInfo(name), change(name, old.read(name))
            if name == "c/0/0":  # what other programs note beside a file, which is nothing to a reader
                info.extra = b"\x01\x99\x04\x00abcd"
            if content is not None:
                new.writestr(info, content)
    return to


def in_metadata(old, new):
    return lambda name, content: content.replace(old, new) if name == "zarr.json" else content


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda name, content: None if name == "zarr.json" else content, "KeyError: .*zarr.json"),
        (in_metadata(b'"shape"', b'"size"'), "KeyError: 'shape'"),
        (in_metadata(b'"float16"', b'"real"'), "TypeError: .*real"),
        (in_metadata(b"{", b"["), "JSONDecodeError: "),
        (in_metadata(b'"blosc"', b'"gzip"'), "codecs \\['bytes', 'gzip'\\]"),
        (in_metadata(b'"exponents"', b'"powers"'), "KeyError: 'exponents'"),
    ],
)
def test_what_is_no_feature_file_is_refused_by_what_it_lacks(feature_file, tmp_path, change, found):
    with pytest.raises(InputError, match=rf"other\.zarr\.zip\n  found:    {found}[\s\S]*one zarr array[\s\S]*delete"):
        FeatureFile(changed(feature_file, tmp_path / "other.zarr.zip", change))


def test_a_missing_file_and_a_chunk_that_was_zipped_by_compression_are_refused(feature_file, tmp_path):
    with pytest.raises(InputError, match=r"none\.zarr\.zip\n  found:    FileNotFoundError"):
        FeatureFile(tmp_path / "none.zarr.zip")
    with zipfile.ZipFile(feature_file) as old, zipfile.ZipFile(tmp_path / "f.zip", "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    with pytest.raises(InputError, match="chunk c/0/0 is zipped by compression"):
        read(tmp_path / "f.zip")


def number_of_open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_an_entry_may_have_fields_of_its_own_and_the_file_is_closed_in_the_end(feature_file, tmp_path):
    other = changed(feature_file, tmp_path / "other.zarr.zip", lambda name, content: content)
    before = number_of_open_files()
    np.testing.assert_array_equal(read(other), np.zeros((3, 20_000)))
    with FeatureFile(other) as file:
        assert file.shape == (3, 20_000)
        assert file.dtype == np.float16
        assert [part.shape for part in file] == [(3, 16_384), (3, 20_000 - 16_384)]
        assert number_of_open_files() == before + 1
    assert number_of_open_files() == before


def test_a_changed_byte_is_noticed(feature_file):
    content = bytearray(feature_file.read_bytes())
    content[content.index(b"c/0/1") + 30] ^= 1
    feature_file.write_bytes(content)
    with pytest.raises(InputError, match=r"f\.zarr\.zip[\s\S]*chunk c/0/1[\s\S]*checksum[\s\S]*delete the file"):
        read(feature_file)


def test_a_missing_chunk_is_noticed(feature_file, tmp_path):
    with zipfile.ZipFile(feature_file) as old, zipfile.ZipFile(tmp_path / "less.zarr.zip", "w") as new:
        for name in old.namelist():
            if name != "c/0/1":
                new.writestr(name, old.read(name))
    with pytest.raises(InputError, match=r"chunk c/0/1 is missing"):
        read(tmp_path / "less.zarr.zip")


@pytest.mark.parametrize("n_bytes", [0, 10, 300])
def test_a_truncated_file_is_noticed(feature_file, n_bytes):
    feature_file.write_bytes(feature_file.read_bytes()[:n_bytes])
    with pytest.raises(InputError, match=r"f\.zarr\.zip[\s\S]*BadZipFile"):
        read(feature_file)


def exact_and_stored(network, block, dataset, stimuli, folder, size, distance):
    """A block's RDM from a plain pass and scipy in float64, and from float16 on disk."""
    images = torch.cat(list(features.image_batches(dataset, stimuli, size)))
    extractor = create_feature_extractor(network, [block])
    with torch.no_grad():
        outputs = extractor(images)[block].flatten(start_dim=1).double().numpy()
    files = {block: folder / f"{block}.zarr.zip"}
    features.extract(network, files, dataset, stimuli, size)
    with FeatureFile(files[block]) as file:
        return pdist(outputs, distance), rdms.rdm(file.readers(), distance, threads=2)


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    """16 smooth images, and each as a condition."""
    root, rng = tmp_path_factory.mktemp("photographs"), np.random.default_rng(5)
    for i in range(16):
        few = Image.fromarray(rng.integers(0, 256, (6, 6, 3), dtype=np.uint8))
        few.resize((64, 64)).save(root / f"{i}.png")
    data = DataSet("plain", {"root": root, "subjects": [1], "targets": ["V1"]})
    return data, [Stimulus(f"condition {i}", f"{i}.png") for i in range(16)]


@pytest.mark.parametrize(
    ("architecture", "block"),
    [("mobilenet_v2", "features.18"), ("mobilenet_v2", "classifier.1"), ("mnasnet1_0", "layers.14")],
)
@pytest.mark.parametrize("distance", ["correlation", "euclidean"])
def test_float16_keeps_the_rdm_of_features_of_a_millionth(photographs, tmp_path, architecture, block, distance):
    """The untrained network under running statistics, whose features vanish with depth."""
    network = networks.untrained(architecture, n_classes=1000, seed=1).eval()
    exact, stored = exact_and_stored(network, block, *photographs, tmp_path, 64, distance)
    assert np.corrcoef(exact, stored)[0, 1] > 0.99999
    # docs/numbers.md says 4e-5 of correlation distances; what is common to all patterns takes digits of Euclidean ones.
    np.testing.assert_allclose(stored, exact, atol=4e-5 if distance == "correlation" else 4e-4 * exact.max())


@pytest.mark.long
@pytest.mark.parametrize(
    ("scale", "distance"),
    [(1e-30, "sqeuclidean"), (1e-8, "correlation"), (1e4, "correlation"), (1e12, "sqeuclidean")],
)
def test_no_scale_of_features_matters_to_float16(photographs, tmp_path, scale, distance):
    network = networks.untrained("resnet18", n_classes=3, seed=4).eval()
    network.layer4.register_forward_hook(lambda module, inputs, output: output * scale)
    _, stored = exact_and_stored(network, "avgpool", *photographs, tmp_path, 32, distance)
    unscaled = networks.untrained("resnet18", n_classes=3, seed=4).eval()
    expected, _ = exact_and_stored(unscaled, "avgpool", *photographs, tmp_path, 32, distance)
    np.testing.assert_allclose(stored, expected * (1 if distance == "correlation" else scale**2), rtol=2e-3)


@settings(deadline=None, max_examples=200)
@given(
    magnitudes=st.lists(st.floats(-44, 38), min_size=1, max_size=8),
    n_features=st.integers(1, 40),
    seed=st.integers(0, 2**32 - 1),
)
def test_what_is_stored_is_right_to_eleven_bits_of_the_largest(magnitudes, n_features, seed):
    rng = np.random.default_rng(seed)
    values = rng.uniform(-1, 1, (len(magnitudes), n_features)) * 10.0 ** np.array(magnitudes)[:, None]
    values = values.astype(np.float32)
    values[rng.uniform(size=values.shape) < 0.2] = 0
    names = [f"condition {i}" for i in range(len(values))]
    try:
        rows, exponents = features.storable(torch.from_numpy(values), "float16", "layer1", names)
    except InputError as error:
        assert "standard deviations" in str(error)  # a handful of features may be nearly the same
        assert np.any(np.abs(values.astype(float).mean(axis=1)) > 7.9 * values.astype(float).std(axis=1))
        return
    assert rows.dtype == np.float16
    back = np.ldexp(rows.astype(np.float64), -exponents[:, None])
    largest = np.abs(values.astype(float)).max(axis=1, keepdims=True)
    assert (np.abs(back - values) <= 2**-11 * largest).all()
    is_usual = (largest[:, 0] >= 1) & (largest[:, 0] < 2**15)
    assert not exponents[is_usual | (largest[:, 0] == 0)].any()


def test_exponents_are_in_the_file_and_taken_back_by_the_reader(tmp_path):
    rows, exponents = np.float16([[1024, 2048], [3, 4]]), np.array([20, 0])
    writer = FeatureWriter(tmp_path / "f.zarr.zip", ["faint", "usual"])
    writer.add(rows, exponents)
    writer.close()
    found = read(tmp_path / "f.zarr.zip")
    np.testing.assert_array_equal(found, [[2**-10, 2**-9], [3, 4]])
    assert found.dtype == np.float32
    with zarr.storage.ZipStore(tmp_path / "f.zarr.zip", mode="r") as store:
        array = zarr.open_array(store, mode="r")
        np.testing.assert_array_equal(np.ldexp(array[:].astype(float), -np.array(array.attrs["exponents"])[:, None]),
                                      [[2**-10, 2**-9], [3, 4]])  # fmt: skip


def test_patterns_that_float16_would_blur_are_refused_and_nothing_is_left(tmp_path, dataset, stimuli):
    network = networks.untrained("resnet18", n_classes=3, seed=4).eval()
    with torch.no_grad():
        network.layer1[1].bn2.bias += 1e6
    file = {"layer1": tmp_path / "layer1.zarr.zip"}
    with pytest.raises(InputError, match=r"condition 0[\s\S]*8 standard dev[\s\S]*set features.dtype to float32"):
        features.extract(network, file, dataset, stimuli, size=32)
    assert not list(tmp_path.iterdir())
    features.extract(network, file, dataset, stimuli, size=32, dtype="float32")
    assert read(file["layer1"]).max() > 1e6


@pytest.mark.parametrize("dtype", ["float16", "float32"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_of_features_that_are_not_finite_the_first_condition_is_named(dtype, value):
    values = torch.ones(4, 2, 3)
    values[1, 1, 2] = values[3, 0, 0] = value
    with pytest.raises(InputError) as error:
        features.storable(values, dtype, "layer1", list("abcd"))
    assert error.value.where == "features of layer1 for condition b"
    assert error.value.found == f"values up to {abs(value)}"


@pytest.mark.parametrize("sign", [1, -1, 0.25])
def test_a_mean_of_nearly_eight_standard_deviations_is_stored_and_a_larger_one_only_in_float32(sign):
    """Of m − 1 and m + 1 the mean is m, and the standard deviation 1."""
    means = torch.tensor([0.0, 7.95, 8.05, 9.0])
    pairs = sign * torch.stack([means - 1, means + 1], dim=1).repeat(1, 3).reshape(4, 2, 3)
    rows, exponents = features.storable(pairs[:2], "float16", "layer1", ["a", "b"])
    assert rows.shape == (2, 6)
    back = np.ldexp(rows.astype(float), -exponents[:, None])
    np.testing.assert_allclose(back, pairs[:2].reshape(2, 6), rtol=2**-11)
    with pytest.raises(InputError, match="features of layer1 for condition c\n  found:    a mean of more than 8 "):
        features.storable(pairs, "float16", "layer1", list("abcd"))
    rows, exponents = features.storable(pairs * 1e-30, "float32", "layer1", list("abcd"))
    assert rows.dtype == np.float32
    np.testing.assert_array_equal(rows, (pairs * 1e-30).reshape(4, 6))
    np.testing.assert_array_equal(exponents, np.zeros(4, int), strict=True)


def test_patterns_are_multiplied_where_their_largest_is_outside_1_to_32768():
    """Then to just below 32,768, however small they are."""
    magnitudes = np.array([0, 1, 1.5, 32_767, 32_768, 3e38, 0.99, 1e-30, 2.0**-149])
    exponents = features.exponents_for_float16(magnitudes)
    np.testing.assert_array_equal(exponents == 0, [True] * 4 + [False] * 5)
    multiplied = np.ldexp(magnitudes[4:], exponents[4:])
    assert ((multiplied >= 2**14) & (multiplied < 2**15)).all()
    values = torch.tensor(magnitudes, dtype=torch.float32)[:, None, None].repeat(1, 2, 2)
    scaled = features.scaled(values, exponents)
    np.testing.assert_array_equal(scaled, np.ldexp(values.double().numpy(), exponents[:, None, None]))
    assert features.scaled(values, np.zeros(9, int)) is values


def test_images_are_loaded_in_the_order_of_the_stimuli_and_on_the_background(tmp_path):
    for i in range(5):
        Image.new("RGBA", (9, 9), (50 * i, 0, 0, 255 if i else 0)).save(tmp_path / f"{i}.png")
    data = DataSet("plain", {"root": tmp_path, "subjects": [1], "targets": ["V1"]})
    names = [f"{i}.png" for i in (3, 0, 4, 1, 2)]
    expected = [stimulus_array(data.open_image(name, 200), 8) for name in names]
    batches = list(features.image_batches(data, [Stimulus(name, name) for name in names], 8, 200, batch_size=2))
    assert [batch.shape for batch in batches] == [(2, 3, 8, 8), (2, 3, 8, 8), (1, 3, 8, 8)]
    assert batches[0].dtype == torch.float32
    np.testing.assert_array_equal(torch.cat(batches), np.stack(expected))
    many = [Stimulus("a", "1.png")] * 33
    alone, helped = features.image_batches(data, many, 8), features.image_batches(data, many, 8, None, 2, 8, True)
    assert [len(batch) for batch in alone] == [32, 1]
    assert (alone.num_workers, alone.pin_memory) == (0, False)
    assert (helped.num_workers, helped.pin_memory) == (2, True)


def test_what_is_extracted_is_counted_and_timed(network, dataset, stimuli, tmp_path, capsys):
    features.extract(network, {"bn1": tmp_path / "f.zarr.zip"}, dataset, stimuli, size=32, batch_size=4)
    printed = re.search(r"^6 images in (\d+\.\d) s: (\d+\.\d) images/s$", capsys.readouterr().out, re.MULTILINE)
    seconds, rate = map(float, printed.groups())
    assert 6 / (seconds + 0.06) <= rate <= 6 / max(seconds - 0.06, 1e-3)


def test_a_constant_pattern_is_stored_as_it_is():
    rows, exponents = features.storable(torch.tensor([[1e-6, 1e-6], [0.0, 0.0]]), "float16", "layer1", ["a", "b"])
    np.testing.assert_allclose(np.ldexp(rows.astype(float), -exponents[:, None]), [[1e-6, 1e-6], [0, 0]], rtol=5e-4)


def test_a_network_that_diverged_is_refused_by_block_and_condition(tmp_path, dataset, stimuli):
    network = networks.untrained("resnet18", n_classes=3, seed=4).eval()
    with torch.no_grad():
        network.layer1[1].bn2.bias[:] = torch.nan
    with pytest.raises(InputError, match=r"features of layer1 for condition condition 0[\s\S]*may have diverged"):
        features.extract(network, {"layer1": tmp_path / "layer1.zarr.zip"}, dataset, stimuli, size=32)


def test_bfloat16_gives_nearly_the_same_rdm_and_does_change_the_features(network, dataset, stimuli, tmp_path):
    stores = {}
    for precision in ("float32", "bfloat16"):
        stores[precision] = {"layer2": tmp_path / f"{precision}.zarr.zip"}
        features.extract(network, stores[precision], dataset, stimuli, size=48, dtype="float32", precision=precision)
    exact, fast = (read(store["layer2"]) for store in stores.values())
    assert 0 < np.abs(fast - exact).max() < 0.1 * exact.max()
    np.testing.assert_allclose(rdms.rdm([fast]), rdms.rdm([exact]), atol=5e-3)


def test_calibrated_batch_norm_holds_the_mean_statistics_of_the_batches():
    network = networks.untrained("resnet18", n_classes=3, seed=5)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    batches = [torch.randn(6, 3, 40, 40, generator=torch.Generator().manual_seed(i)) + i for i in range(3)]
    networks.calibrate_batchnorm(network, batches)
    with torch.no_grad():
        first = [network.conv1(batch) for batch in batches]
    torch.testing.assert_close(network.bn1.running_mean, torch.stack([x.mean((0, 2, 3)) for x in first]).mean(0))
    torch.testing.assert_close(network.bn1.running_var, torch.stack([x.var((0, 2, 3)) for x in first]).mean(0))
    assert not network.training
    after = network.state_dict()
    assert all(
        torch.equal(after[name], before[name]) for name in before if "running" not in name and "num_b" not in name
    )


def test_a_network_calibrated_on_one_batch_puts_out_what_training_mode_does():
    network = networks.untrained("resnet18", n_classes=3, seed=5)
    batch = torch.randn(64, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    networks.calibrate_batchnorm(network, [batch])
    calibrated = networks.block_outputs(network, ["layer1"], batch)["layer1"]
    in_training = networks.block_outputs(network.train(), ["layer1"], batch)["layer1"]
    # The running variance is the unbiased one: 1e-5 larger here.
    torch.testing.assert_close(calibrated, in_training, rtol=1e-3, atol=1e-3)


def test_a_network_without_batch_norm_has_none_to_calibrate():
    with pytest.raises(InputError, match="a network without batch norm"):
        networks.calibrate_batchnorm(networks.untrained("alexnet", n_classes=3, seed=0), [])


def test_a_blocks_output_is_what_it_put_out_and_not_what_later_modules_made_of_it(network):
    images = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    outputs = networks.block_outputs(network, ["bn1", "layer1.0.bn2"], images)
    with torch.no_grad():
        stem = network.bn1(network.conv1(images))
        first = network.layer1[0]
        pooled = network.maxpool(torch.relu(stem))
        second = first.bn2(first.conv2(torch.relu(first.bn1(first.conv1(pooled)))))
    torch.testing.assert_close(outputs["bn1"], stem)  # rectified in place afterwards
    torch.testing.assert_close(outputs["layer1.0.bn2"], second)  # its input is added to it in place


def test_a_checkpoint_of_another_architecture_is_refused(network, tmp_path):
    torch.save(network.state_dict(), tmp_path / "epoch-001.pt")
    with pytest.raises(InputError, match=r"epoch-001\.pt[\s\S]*the 320 keys of resnet50"):
        networks.from_checkpoint("resnet50", tmp_path / "epoch-001.pt")


SMALL = "shufflenet_v2_x0_5"


def test_a_state_dict_gives_its_network_back_with_as_many_classes():
    torch.manual_seed(3)
    state = torchvision.models.get_model(SMALL, num_classes=7).state_dict()
    before = torch.get_rng_state()
    for old in (state, {name: tensor for name, tensor in state.items() if "num_batches_tracked" not in name}):
        network = networks.with_state(SMALL, dict(old), "here")
        assert not network.training
        assert all(torch.equal(tensor, state[name]) for name, tensor in network.state_dict().items())
    seeded = networks.untrained(SMALL, n_classes=7, seed=3).state_dict()
    assert all(torch.equal(tensor, state[name]) for name, tensor in seeded.items())
    assert torch.equal(torch.get_rng_state(), before)  # what others draw does not depend on it


class Harm:
    """What a pickle of it would do: make a folder."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (self.folder,)


def test_a_checkpoint_is_the_network_that_was_saved_and_runs_no_code(tmp_path, capsys):
    network, path = networks.untrained(SMALL, n_classes=4, seed=5), tmp_path / "epoch-003.pt"
    checkpoints.save(network, path, {"seed": 5, "epoch": 3})
    for expected in (None, {"seed": 5}):
        found = networks.from_checkpoint(SMALL, path, expected).state_dict()
        assert all(torch.equal(tensor, found[name]) for name, tensor in network.state_dict().items())
    with pytest.raises(InputError, match=r"epoch-003\.pt\n  found:    a network of seed 5\n  expected: seed 6\n"):
        networks.from_checkpoint(SMALL, path, {"seed": 6, "epoch": 3})
    assert not capsys.readouterr().out
    torch.save({"fc.bias": torch.zeros(1)}, path)
    with pytest.raises(InputError, match=r"epoch-003\.pt\n  found:    \d+ missing keys"):
        networks.from_checkpoint(SMALL, path)
    assert f"{path} does not say of what seed" in capsys.readouterr().out
    torch.save({"fc.bias": Harm(f"{tmp_path}/harm")}, path)
    with pytest.raises(InputError, match="not readable: Weights only load failed"):
        networks.from_checkpoint(SMALL, path)
    assert not (tmp_path / "harm").exists()


@pytest.mark.parametrize(
    ("missing", "unexpected", "found"),
    [
        (["fc.bias"], [], "1 missing keys (fc.bias); 0 unexpected keys"),
        ([], ["a", "b"], "0 missing keys; 2 unexpected keys (a, b)"),
        ([], list("abcde"), "0 missing keys; 5 unexpected keys (a, b, c, d, e)"),
        (["fc.bias"], list("abcdef"), "1 missing keys (fc.bias); 6 unexpected keys (a, b, c, d, e and 1 more)"),
    ],
)
def test_keys_that_a_state_dict_lacks_or_has_too_many_are_named(missing, unexpected, found):
    state = networks.untrained(SMALL, n_classes=2, seed=0).state_dict() | dict.fromkeys(unexpected, torch.zeros(1))
    with pytest.raises(InputError) as error:
        networks.with_state(SMALL, {name: tensor for name, tensor in state.items() if name not in missing}, "here")
    assert error.value.where == "here"
    assert error.value.found == found
    assert re.fullmatch(rf"the \d+ keys of {SMALL}", error.value.expected)


def test_tensors_of_other_shapes_are_refused_by_name():
    state = networks.untrained(SMALL, n_classes=2, seed=0).state_dict()
    with pytest.raises(InputError) as error:
        networks.with_state(SMALL, state | {"conv1.0.weight": torch.zeros(1)}, "here")
    assert error.value.where == "here"
    assert "conv1.0.weight" in error.value.found
    assert error.value.expected == f"the shapes of {SMALL}"


def test_a_network_that_is_not_torchvisions_is_refused_with_the_nearest():
    with pytest.raises(InputError, match=r"architecture\n  found:    no network 'resnet19'\n.*one of resnet1"):
        networks.untrained("resnet19", n_classes=2, seed=0)
    with pytest.raises(InputError, match="no network 'fcn_resnet50'"):  # torchvision's, but it does not classify
        networks.untrained("fcn_resnet50", n_classes=2, seed=0)


def test_an_image_that_is_not_square_keeps_its_central_square():
    pixels = np.zeros((20, 60, 3), dtype=np.uint8)
    pixels[:, 20:40] = 255
    array = stimulus_array(Image.fromarray(pixels), size=10)
    assert array.shape == (3, 10, 10)
    assert (array > 2).all()
