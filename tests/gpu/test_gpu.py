"""Training, extraction, geometry and encoding on CUDA, against the numbers of the processor; `make test-gpu`.

Each test takes `device` for the GPU. Where there is none, all are skipped with a word; to look at the tests themselves,
EARLY_ALIGNMENT_TEST_DEVICE=cpu puts the processor in its place.
"""

import os
from dataclasses import asdict
from time import perf_counter

import numpy as np
import pytest
import torch
from early_alignment.datasets.base import DataSet, Stimulus
from early_alignment.encoding import models, ridge
from early_alignment.encoding.folds import folds
from early_alignment.geometry import inner_products
from early_alignment.networks import features, networks
from early_alignment.networks.feature_files import FeatureFile
from early_alignment.statistics.resampling import stimuli_in_resamples
from early_alignment.training import loop
from early_alignment.training.recipe import Computing
from PIL import Image
from small_training import RECIPE, weights, write_images

pytestmark = pytest.mark.gpu
ALPHAS = np.logspace(-3, 6, 10)


@pytest.fixture(scope="module")
def device():
    asked = os.environ.get("EARLY_ALIGNMENT_TEST_DEVICE", "cuda")
    if asked == "cuda" and not torch.cuda.is_available():
        pytest.skip("no GPU: torch.cuda.is_available() is false")
    if asked == "cuda":
        print(f"on {torch.cuda.get_device_name()}")
    return torch.device(asked)


@pytest.fixture
def rng():
    return np.random.default_rng(7)


class Noise(DataSet):
    """Images of noise, made as they are asked for."""

    def open_image(self, image, background=None):
        pixels = np.random.default_rng(int(image)).integers(0, 256, (224, 224, 3), dtype=np.uint8)
        return Image.fromarray(pixels)


def synchronised() -> float:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return perf_counter()


def trained(monkeypatch, device, images, folder, **computing):
    monkeypatch.setattr(networks, "device", lambda: device)
    loop.train(RECIPE, images, 1, 2, folder, workers=0, computing=Computing(**asdict(Computing()) | computing))
    return weights(folder, 0), weights(folder, 2)


def test_training_from_the_same_weights_stays_near_the_processors(device, tmp_path, monkeypatch):
    images = write_images(tmp_path / "images")
    on_processor = trained(monkeypatch, torch.device("cpu"), images, tmp_path / "cpu")
    on_gpu = trained(monkeypatch, device, images, tmp_path / "gpu")
    for name, start in on_processor[0].items():
        assert torch.equal(start, on_gpu[0][name]), name
    moved, apart = (
        torch.cat([(a[name].cpu().double() - b[name].double()).flatten() for name in b if b[name].is_floating_point()])
        for a, b in ((on_processor[1], on_processor[0]), (on_gpu[1], on_processor[1]))
    )
    # Sums in another order, which steps make larger: well below what training moves.
    assert apart.norm() < 0.05 * moved.norm()


def test_a_training_on_the_gpu_is_the_same_when_it_is_done_again(device, tmp_path, monkeypatch):
    images = write_images(tmp_path / "images")
    once, again = (trained(monkeypatch, device, images, tmp_path / name)[1] for name in ("once", "again"))
    for name, tensor in once.items():
        assert torch.equal(tensor, again[name]), name


def test_extracted_features_are_the_processors(device, tmp_path):
    network = networks.untrained("resnet18", n_classes=3, seed=4).eval()
    stimuli = [Stimulus(str(i), str(i)) for i in range(40)]
    dataset = Noise("noise", {"root": None, "subjects": [1], "targets": ["V1"]})
    found = []
    for place in (torch.device("cpu"), device):
        files = {block: tmp_path / f"{place.type}-{block}.zarr.zip" for block in ("layer1", "layer4")}
        features.extract(network.to(place), files, dataset, stimuli, size=64, dtype="float32")
        found.append({block: np.concatenate(list(chunks(file)), axis=1) for block, file in files.items()})
    for block, of_processor in found[0].items():
        scale = np.abs(of_processor).max()
        np.testing.assert_allclose(found[1][block], of_processor, rtol=0, atol=2e-5 * scale)


def chunks(path):
    with FeatureFile(path) as file:
        yield from file


def test_extraction_is_as_fast_as_the_bare_loop(device, tmp_path):
    """Images that are there already, so that neither decodes: what the network itself can do in a second."""
    network = networks.untrained("resnet50", n_classes=1000, seed=4).eval().to(device)
    n = 512 if device.type == "cuda" else 32
    stimuli = [Stimulus(str(i), str(i % 8)) for i in range(n)]
    dataset = Noise("noise", {"root": None, "subjects": [1], "targets": ["V1"]})
    batch = torch.randn(32, 3, 224, 224, device=device).to(memory_format=torch.channels_last)
    bare = network.to(memory_format=torch.channels_last)
    with torch.no_grad():
        bare(batch)
        start = synchronised()
        for _ in range(n // 32):
            bare(batch)
        rate_of_loop = n / (synchronised() - start)
    start = synchronised()
    features.extract(network, {"layer4": tmp_path / "f.zarr.zip"}, dataset, stimuli, size=224, workers=4)
    rate = n / (synchronised() - start)
    print(f"extraction {rate:.0f} images/s, bare loop {rate_of_loop:.0f} images/s, ratio {rate / rate_of_loop:.2f}")
    assert rate > 0


def test_geometry_is_the_processors(device, rng):
    x = rng.normal(size=(90, 3000)).astype(np.float32) + 5
    parts = [x[:, i : i + 700] for i in range(0, 3000, 700)]
    of_processor, of_gpu = (inner_products.geometry(parts, device=place) for place in (None, device))
    centred = x.astype(float) - x.mean(axis=1, dtype=float, keepdims=True)
    centred -= centred.mean(axis=0)
    scale = np.trace(centred @ centred.T) / len(x)
    for name in ("products", "means"):
        one, other = getattr(of_processor, name), getattr(of_gpu, name)
        np.testing.assert_allclose(other, one, rtol=1e-6, atol=1e-5 * (scale if name == "products" else 1))


def test_encoding_is_the_processors(device, rng):
    x = rng.normal(size=(120, 40))
    responses = x @ rng.normal(size=(40, 70)) + 4 * rng.normal(size=(120, 70))
    of_folds, weights_ = folds(120, 5, seed=1), stimuli_in_resamples("study", 120, 20)
    found = [
        models.encode(responses, ridge.smoothers(x @ x.T, of_folds, ALPHAS, device=place), weights=weights_)
        for place in (None, device)
    ]
    np.testing.assert_allclose(found[1].r, found[0].r, rtol=0, atol=1e-4)
    np.testing.assert_allclose(found[1].summaries, found[0].summaries, rtol=0, atol=1e-4)
