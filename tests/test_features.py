"""Features against plain forward passes."""

from itertools import pairwise

import numpy as np
import pytest
import torch
import torchvision
from early_alignment import features, networks
from early_alignment.datasets.base import DataSet, Stimulus
from early_alignment.errors import InputError
from early_alignment.images import stimulus_array
from PIL import Image
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
    return np.concatenate(list(features.read_chunks(path)), axis=1)


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


def test_more_conditions_and_features_than_a_chunk_come_back_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(features, "CONDITIONS_PER_CHUNK", 4)
    monkeypatch.setattr(features, "FEATURES_PER_CHUNK", 7)
    rows = np.random.default_rng(0).normal(size=(10, 23)).astype(np.float16)
    writer = features.FeatureWriter(tmp_path / "f.zarr.zip", len(rows))
    for row in rows:
        writer.add(row)
    writer.close()
    chunks = list(features.read_chunks(tmp_path / "f.zarr.zip"))
    assert [chunk.shape for chunk in chunks] == [(10, 7), (10, 7), (10, 7), (10, 2)]
    np.testing.assert_array_equal(np.concatenate(chunks, axis=1), rows)


def test_values_that_float16_cannot_hold_are_refused_and_nothing_is_left(tmp_path, dataset, stimuli):
    network = networks.untrained("resnet18", n_classes=3, seed=4).eval()
    with torch.no_grad():
        network.layer1[1].bn2.bias += 1e6
    with pytest.raises(InputError, match="65504, the largest of float16"):
        features.extract(network, {"layer1": tmp_path / "layer1.zarr.zip"}, dataset, stimuli, size=32, workers=0)
    assert not list(tmp_path.iterdir())


def test_an_unknown_block_is_refused_with_the_nearest_name(network):
    with pytest.raises(InputError, match=r"no module 'layer5'[\s\S]*one of layer"):
        networks.block_outputs(network, ["layer5"], torch.zeros(1, 3, 32, 32))


def test_a_checkpoint_of_another_architecture_is_refused(network, tmp_path):
    torch.save(network.state_dict(), tmp_path / "epoch-001.pt")
    with pytest.raises(InputError, match=r"epoch-001\.pt[\s\S]*a state dict of resnet50"):
        networks.from_checkpoint("resnet50", tmp_path / "epoch-001.pt")


def test_an_image_that_is_not_square_keeps_its_central_square():
    pixels = np.zeros((20, 60, 3), dtype=np.uint8)
    pixels[:, 20:40] = 255
    array = stimulus_array(Image.fromarray(pixels), size=10)
    assert array.shape == (3, 10, 10)
    assert (array > 2).all()
