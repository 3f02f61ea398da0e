"""Controls against scikit-image, scipy and plain loops, and a brain that sees luminance alone."""

import csv

import numpy as np
import pytest
import skimage.color
import skimage.filters
import skimage.transform
import yaml
from conftest import REPOSITORY
from early_alignment.comparison import alignment, schemes
from early_alignment.errors import InputError
from early_alignment.experiment import config as library
from early_alignment.experiment.schema import composed
from early_alignment.geometry import controls, rdms
from early_alignment.networks.images import square_pixels
from early_alignment.statistics import control_alignment, noise_ceilings
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.signal import fftconvolve
from scipy.spatial.distance import pdist


def smooth_image(rng, side=controls.SIDE):
    """Colours without edges, from 0 to 1, float32 (side, side, 3)."""
    coarse = skimage.transform.resize(rng.uniform(size=(8, 8, 3)), (side, side, 3), order=3)
    return np.clip(coarse, 0, 1).astype(np.float32)


@pytest.fixture
def image():
    return smooth_image(np.random.default_rng(0))


def test_luminance_is_scikit_images_y(image):
    expected = skimage.color.rgb2xyz(image)[..., 1]
    np.testing.assert_allclose(controls.luminance(image), expected, atol=1e-4)
    assert controls.mean_luminance(image) == pytest.approx(expected.mean(), abs=1e-4)
    assert controls.mean_luminance(np.ones((4, 4, 3))) == pytest.approx(1)
    assert controls.mean_luminance(np.zeros((4, 4, 3))) == 0


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32 - 1))
def test_a_colour_histogram_is_numpys(seed):
    image = np.random.default_rng(seed).integers(0, 256, (8, 8, 3)) / np.float32(255)
    bins = [np.linspace(0, 1, controls.BINS + 1)] * 3
    expected, _ = np.histogramdd(image.reshape(-1, 3).astype(float), bins)
    found = controls.colour_histogram(image)
    np.testing.assert_allclose(found, expected.ravel() / 64)
    assert found.sum() == pytest.approx(1)


def test_pixels_are_scikit_images_local_means(image):
    expected = skimage.transform.downscale_local_mean(image, (4, 4, 1))
    np.testing.assert_allclose(controls.pixels(image), expected.ravel(), rtol=1e-5)


def test_gabor_energy_is_that_of_scikit_images_filters(image):
    shown = controls.luminance(image)
    expected = []
    for wavelength in controls.WAVELENGTHS:
        for i in range(controls.ORIENTATIONS):
            kernel = skimage.filters.gabor_kernel(1 / wavelength, np.pi * i / controls.ORIENTATIONS, n_stds=6)
            response = fftconvolve(np.pad(shown - shown.mean(), len(kernel)), kernel, mode="same")
            inside = slice(len(kernel), len(kernel) + controls.SIDE)
            even, odd = response.real[inside, inside], response.imag[inside, inside]
            expected.append(skimage.transform.downscale_local_mean(even**2 + odd**2, (8, 8)))
    expected = np.ravel(expected)
    np.testing.assert_allclose(controls.gabor_energy(image), expected, atol=1e-3 * expected.max())
    assert np.corrcoef(controls.gabor_energy(image), expected)[0, 1] > 0.99999


@pytest.mark.parametrize("wavelength", controls.WAVELENGTHS)
@pytest.mark.parametrize("orientation", range(controls.ORIENTATIONS))
def test_a_grating_drives_its_own_filter_most_and_by_as_much_as_its_contrast(wavelength, orientation):
    angle = np.pi * orientation / controls.ORIENTATIONS
    y, x = np.mgrid[: controls.SIDE, : controls.SIDE]
    light = 0.5 + 0.2 * np.sin(2 * np.pi / wavelength * (x * np.cos(angle) + y * np.sin(angle)))
    coded = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    energy = controls.gabor_energy(np.repeat(coded[..., None], 3, axis=2))
    energy = energy.reshape(len(controls.WAVELENGTHS), controls.ORIENTATIONS, controls.CELLS, controls.CELLS)
    inside = energy[:, :, 3:5, 3:5].mean(axis=(2, 3))
    assert np.unravel_index(inside.argmax(), inside.shape) == (controls.WAVELENGTHS.index(wavelength), orientation)
    if wavelength < 32:  # whose filter is as wide as the image
        assert inside.max() == pytest.approx((0.2 / 2) ** 2, rel=0.1)  # half of a sine's amplitude is at +frequency


DISTANCES = {"luminance": "euclidean", "colour": "correlation", "pixels": "correlation", "gabor": "correlation"}


@pytest.mark.parametrize("control", controls.CONTROLS)
def test_an_rdm_is_scipys_of_features_averaged_over_a_conditions_images(control):
    rng = np.random.default_rng(1)
    shown = [(condition, smooth_image(rng)) for condition in "aaabccdde"]
    patterns = [
        np.mean([controls.CONTROLS[control].features(image) for name, image in shown if name == condition], axis=0)
        for condition in "abcde"
    ]
    distance = controls.distance_of(control, "correlation")
    assert distance == DISTANCES[control]
    found = controls.rdm(iter(shown), control, distance)
    np.testing.assert_allclose(found, pdist(np.stack(patterns), distance), atol=1e-6)
    if control == "luminance":
        values = np.ravel(patterns)
        np.testing.assert_allclose(found, pdist(values[:, None], "cityblock"), atol=1e-10)


def test_an_image_without_a_pattern_is_named():
    grey = np.full((controls.SIDE, controls.SIDE, 3), 0.5, np.float32)
    shown = [("photo", smooth_image(np.random.default_rng(2))), ("grey", grey)]
    with pytest.raises(ValueError, match="1 of 2 conditions are constant: grey"):
        controls.rdm(shown, "pixels", "correlation")
    assert controls.rdm(shown, "luminance", "euclidean").shape == (1,)


def test_images_are_those_that_networks_see():
    pixels = np.zeros((40, 80, 3), np.uint8)
    pixels[:, 20:60] = 255
    np.testing.assert_array_equal(square_pixels(Image.fromarray(pixels), 8), np.ones((8, 8, 3)))


def test_the_config_takes_every_control_and_no_other():
    offered = composed()["properties"]["alignment"]["properties"]
    assert offered["controls"]["items"]["enum"] == list(controls.CONTROLS)
    assert offered["averaging"]["items"]["enum"] == list(schemes.SCHEMES)
    paper = yaml.safe_load((REPOSITORY / "config.yaml").read_text())
    assert library.checked(paper)["alignment"]["controls"] == []
    assert library.checked(paper)["alignment"]["averaging"] == ["subjects_then_average"]


# Planted truth ---------------------------------------------------------------------------------------------------

N = 60
PLACE = {"dataset": "d", "target": "t", "network": "n", "seed": "1", "epoch": "001", "view": "64px", "block": "one"}


@pytest.fixture
def planted(tmp_path):
    """RDMs of three brains that see luminance alone, of a network that sees it and more, and of luminance."""
    rng = np.random.default_rng(3)
    brightness = rng.uniform(0.2, 1, size=N)
    images = [(str(i), smooth_image(rng) * brightness[i]) for i in range(N)]
    luminance = controls.rdm(images, "luminance", "euclidean")
    rdms.save(tmp_path / "luminance.npy", luminance)
    own = rdms.rdm([rng.normal(size=(N, 8))], "euclidean")
    rdms.save(tmp_path / "model.npy", luminance / luminance.std() + own / own.std())
    for subject in "123":
        noise = rng.normal(size=luminance.size) * luminance.std()
        rdms.save(tmp_path / f"{subject}.npy", luminance + 0.5 * noise)
    return tmp_path


def rows_of(folder, measures, averaging=(schemes.EACH,), subjects="123"):
    brain = {subject: folder / f"{subject}.npy" for subject in subjects}
    files = {"euclidean": alignment.Files(folder / "model.npy", brain, {"luminance": folder / "luminance.npy"})}
    alignment.align(folder / "rows.csv", files, measures, ["all"], None, PLACE, averaging)
    with open(folder / "rows.csv", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("measure", ["pearson", "spearman"])
def test_of_brains_that_see_luminance_alone_the_control_says_so(planted, measure):
    rows = rows_of(planted, [measure])
    found = {control: [float(r["value"]) for r in rows if r["control"] == control] for control in ("none", "luminance")}
    assert np.mean(found["none"]) > 0.5
    assert np.abs(found["luminance"]).max() < 0.08  # of 1,770 pairs
    brain = {("d", "t", "euclidean"): {subject: planted / f"{subject}.npy" for subject in "123"}}
    ceiling = noise_ceilings.table(brain, [measure], ["all"], {}, "simulated")
    of_controls = {("d", "euclidean"): {"luminance": planted / "luminance.npy"}}
    table = control_alignment.table(brain, of_controls, [measure], ["all"], {}, ceiling, "simulated")
    assert list(table["n_subjects"]) == [3]
    bounds = ceiling[ceiling["averaged"] == "normalised"].iloc[0]
    assert bounds["lower"] - 0.01 < table["value"].item() < bounds["upper"] + 0.01
    np.testing.assert_allclose(table["share_of_upper_ceiling"], table["value"] / bounds["upper"])


def test_rows_say_what_is_partialled_out_and_measures_that_are_no_correlations_have_none(planted):
    rows = rows_of(planted, ["pearson", "cosine", "kendall_tau_a", "whitened", "spearman"])
    assert {(row["measure"], row["control"]) for row in rows} == {
        *((measure, "none") for measure in ("pearson", "cosine", "kendall_tau_a", "whitened", "spearman")),
        ("pearson", "luminance"),
        ("spearman", "luminance"),
    }
    assert len(rows) == 7 * 3


def test_a_network_that_is_the_control_is_refused(planted):
    rdms.save(planted / "model.npy", rdms.load(planted / "luminance.npy"))
    with pytest.raises(InputError, match=r"model\.npy\n  found:    an RDM is the control's"):
        rows_of(planted, ["pearson"])
    rdms.save(planted / "luminance.npy", np.ones(N * (N - 1) // 2))
    with pytest.raises(InputError, match=r"luminance\.npy\n  found:    an RDM is constant"):
        rows_of(planted, ["pearson"])


def test_the_average_of_subjects_is_compared_once_and_has_less_noise(planted):
    rows = rows_of(planted, ["pearson"], schemes.SCHEMES)
    whole = [row for row in rows if row["control"] == "none"]
    assert [(row["scheme"], row["subject"]) for row in whole] == [
        *(("subjects_then_average", subject) for subject in "123"),
        ("average_then_correlate", "average"),
    ]
    model, *brains = (np.load(planted / f"{name}.npy").astype(float) for name in ("model", *"123"))
    average = np.mean([(b - b.mean()) / b.std() for b in brains], axis=0)
    assert float(whole[-1]["value"]) == pytest.approx(np.corrcoef(model, average)[0, 1])
    assert float(whole[-1]["value"]) > max(float(row["value"]) for row in whole[:-1])
