"""RDMs of what is cheap in an image, to set beside those of a network: what alignment is to be had without learning.

Features are computed from small square images, float (height, width, 3), red, green and blue from 0 to 1 as sRGB has
them. Imports numpy alone.
"""

from collections.abc import Callable, Iterable
from itertools import groupby
from typing import NamedTuple

import numpy as np

from . import rdms

SIDE = 64
"""Of the images that features are computed from, in pixels."""
PIXELS = 16
"""Of the side of the image that `pixels` sees."""
BINS = 8
"""Of each colour channel's histogram."""
WAVELENGTHS = (4, 8, 16, 32)
"""Of Gabor filters, in pixels of the image."""
ORIENTATIONS = 6
CELLS = 8
"""The places that a filter's energy is averaged over are so many a side."""


def luminance(image: np.ndarray) -> np.ndarray:
    """Relative luminance, 0 to 1, (height, width): the Y of sRGB's standard, IEC 61966-2-1, linear in light."""
    light = np.where(image <= 0.04045, image / 12.92, ((image + 0.055) / 1.055) ** 2.4)
    return light @ np.array([0.2126, 0.7152, 0.0722])


def mean_luminance(image: np.ndarray) -> np.ndarray:
    """The mean of relative luminance over the image, (1,)."""
    return luminance(image).mean(keepdims=True).ravel()


def colour_histogram(image: np.ndarray) -> np.ndarray:
    """Which part of the pixels has which colour, (BINS³,): red, green and blue cut into `BINS` equal parts each."""
    places = np.minimum((image * BINS).astype(int), BINS - 1).reshape(-1, 3)
    counts = np.bincount(places @ np.array([BINS**2, BINS, 1]), minlength=BINS**3)
    return counts / len(places)


def pixels(image: np.ndarray) -> np.ndarray:
    """The image itself at `PIXELS` a side, each the mean of what it stands for, (PIXELS² · 3,)."""
    return mean_in_cells(image, PIXELS).ravel()


def gabor_energy(image: np.ndarray) -> np.ndarray:
    """The energy of Gabor filters in parts of the image, (wavelengths · orientations · CELLS²,).

    Of each filter, the squares of its even and its odd half, added up. Filters are one octave wide and see luminance
    less its mean over the image, beyond which there is nothing. Their gain is 1 at their own frequency, so energies in
    images whose amplitudes fall as one over frequency, as photographs' do, are of one size.
    """
    shown = luminance(image)
    shown = shown - shown.mean()
    height, width = (2 * side for side in shown.shape)  # twice as large, so that nothing comes in from the other side
    spectrum = np.fft.fft2(shown, (height, width))
    energies = [np.abs(np.fft.ifft2(spectrum * gain)) ** 2 for gain in gabor_gains(height, width)]
    return np.stack([mean_in_cells(e[: shown.shape[0], : shown.shape[1]], CELLS) for e in energies]).ravel()


def gabor_gains(height: int, width: int) -> np.ndarray:
    """What complex Gabor filters do to frequencies, (wavelengths · orientations, height, width).

    Each is a round Gaussian about its frequency. One octave between the frequencies of half its gain, along its
    orientation, makes the standard deviation √(2 ln 2) · 3 / (2π) times the wavelength, in the image.
    """
    y, x = np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)
    gains = []
    for wavelength in WAVELENGTHS:
        deviation = 3 * np.sqrt(2 * np.log(2)) / (2 * np.pi) * wavelength
        for angle in np.pi * np.arange(ORIENTATIONS) / ORIENTATIONS:
            away = (x - np.cos(angle) / wavelength) ** 2 + (y - np.sin(angle) / wavelength) ** 2
            gains.append(np.exp(-2 * (np.pi * deviation) ** 2 * away))
    return np.stack(gains)


def mean_in_cells(image: np.ndarray, side: int) -> np.ndarray:
    """The means of `side` × `side` equal parts of an image (height, width, …), (side, side, …)."""
    height, width = (n // side for n in image.shape[:2])
    return image.reshape(side, height, side, width, *image.shape[2:]).mean(axis=(1, 3))


class Control(NamedTuple):
    """Something cheap in an image."""

    features: Callable[[np.ndarray], np.ndarray]
    """Of an image (height, width, 3), (features,)."""
    distance: str | None = None
    """Between features, a name in `rdms.DISTANCES`; None for the distance between patterns of networks."""


CONTROLS = {
    # Of one number there is no correlation distance; its Euclidean one is the absolute difference.
    "luminance": Control(mean_luminance, "euclidean"),
    "colour": Control(colour_histogram),
    "pixels": Control(pixels),
    "gabor": Control(gabor_energy),
}


def distance_of(control: str, distance: str) -> str:
    """The distance between features of a control, where that between patterns of networks is `distance`."""
    return CONTROLS[control].distance or distance


def rdm(images: Iterable[tuple[str, np.ndarray]], control: str, distance: str) -> np.ndarray:
    """The RDM of a control; of a condition of several images, features are averaged over these.

    Args:
        images: Condition and image (SIDE, SIDE, 3), those of a condition together.
        control: A name in `CONTROLS`.
        distance: A name in `rdms.DISTANCES`, from `distance_of`.

    Returns:
        The condensed RDM, float64 (pairs,).

    Raises:
        ValueError: Features do not have the distance; see `rdms.rdm`.
    """
    features = CONTROLS[control].features
    conditions, patterns = [], []
    for condition, of_condition in groupby(images, key=lambda pair: pair[0]):
        conditions.append(condition)
        patterns.append(np.mean([features(image) for _, image in of_condition], axis=0, dtype=float))
    return rdms.rdm([np.stack(patterns)], distance, conditions)
