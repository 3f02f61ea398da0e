"""Responses with a known geometry and a known noise ceiling.

A target's response to an image is  gain · W z(image) + noise.  z holds the image's leading principal components
of one family of features; W is a subject's own random orthonormal mixing into units (voxels or channels), which
leaves correlation distances as they are in z; noise is Gaussian, independent over units, repetitions and subjects.
The gain is set so that subjects' RDMs correlate with the RDM of z by a chosen amount, the planted noise ceiling.

Means, RDMs and their correlations are computed here by numpy alone: what is planted owes nothing to the code that is
to find it, and simulated data stay when that code is edited, as measured data do.
"""

import numpy as np

from .scenes import CATEGORIES

FAMILY_OF = {
    "V1v": "low",
    "hV4": "mid",
    "PPA": "category",
    "80ms": "low",
    "170ms": "mid",
    "300ms": "category",
}
"""Target → the family of features that its responses come from."""

N_COMPONENTS = 8
SIDE, N_ORIENTATIONS, N_SCALES, GRID = 96, 4, 3, 4


def oriented_energy(grey: np.ndarray) -> np.ndarray:
    """Energy of log-Gabor filters (Field 1987) at all orientations and scales; (filters, side, side)."""
    side = len(grey)
    v, u = np.meshgrid(np.fft.fftfreq(side), np.fft.fftfreq(side), indexing="ij")
    radius = np.hypot(u, v)
    radius[0, 0] = 1.0
    angle = np.arctan2(v, u)
    spectrum = np.fft.fft2(grey - grey.mean())
    maps = []
    for scale in range(N_SCALES):
        radial = np.exp(-(np.log(radius / (0.25 / 2**scale)) ** 2) / (2 * np.log(0.6) ** 2))
        for orientation in range(N_ORIENTATIONS):
            difference = np.angle(np.exp(1j * (angle - np.pi * orientation / N_ORIENTATIONS)))
            # Half a plane of frequencies: the filter is complex, and its modulus is the local energy.
            angular = np.exp(-(difference**2) / (2 * 0.4**2))
            maps.append(np.abs(np.fft.ifft2(spectrum * radial * angular)))
    return np.stack(maps)


def low_features(image: np.ndarray) -> np.ndarray:
    """Local contrast and orientation energy on a grid of places, as in early visual cortex."""
    grey = image.mean(axis=2)
    maps = np.concatenate([oriented_energy(grey), np.abs(grey - grey.mean())[None]])
    cell = SIDE // GRID
    pooled = maps.reshape(len(maps), GRID, cell, GRID, cell).mean(axis=(2, 4))
    return np.log(pooled + 1e-3).ravel()


def mid_features(image: np.ndarray) -> np.ndarray:
    """Statistics over the whole image, in the spirit of Portilla and Simoncelli (2000).

    Correlations between energy maps and between colours, and the skewness and kurtosis of each map.
    """
    maps = oriented_energy(image.mean(axis=2)).reshape(N_ORIENTATIONS * N_SCALES, -1)
    colours = image.reshape(-1, 3).T
    standard = (maps - maps.mean(axis=1, keepdims=True)) / maps.std(axis=1, keepdims=True)
    squared = standard**2
    return np.concatenate(
        [
            above_diagonal(np.corrcoef(maps)),
            above_diagonal(np.corrcoef(colours + 1e-6 * np.arange(colours.shape[1]))),
            np.log((squared**2).mean(axis=1)),
            (squared * standard).mean(axis=1),
        ]
    )


def category_features(category: str) -> np.ndarray:
    """The scene category, one-hot."""
    return np.array([float(category == known) for known in CATEGORIES])


def components(features: np.ndarray) -> np.ndarray:
    """Leading principal components, with unit mean square; (images, features) → (images, components)."""
    varying = features[:, features.std(axis=0) > 1e-9]
    z_scored = (varying - varying.mean(axis=0)) / varying.std(axis=0)
    u, s, _ = np.linalg.svd(z_scored, full_matrices=False)
    scores = (u * s)[:, : min(N_COMPONENTS, int((s > 1e-6 * s[0]).sum()))]
    return scores / np.sqrt((scores**2).mean())


def latents(pictures: list[np.ndarray], categories: list[str]) -> dict[str, np.ndarray]:
    """Family of features → z, (images, components).

    Args:
        pictures: uint8 (size, size, 3) each.
        categories: Each picture's category.
    """
    from PIL import Image

    small = [np.asarray(Image.fromarray(picture).resize((SIDE, SIDE))) / 255 for picture in pictures]
    return {
        "low": components(np.stack([low_features(image) for image in small])),
        "mid": components(np.stack([mid_features(image) for image in small])),
        "category": components(np.stack([category_features(category) for category in categories])),
    }


def mixing(n_components: int, n_units: int, rng: np.random.Generator) -> np.ndarray:
    """A random (components, units) matrix with orthonormal rows that each sum to 0, scaled to unit mean square."""
    ones = np.ones((n_units, 1))
    basis, _ = np.linalg.qr(np.hstack([ones, rng.normal(size=(n_units, n_components))]))
    return basis[:, 1:].T * np.sqrt(n_units / n_components)


def mean_by_label(labels: list[str], rows: np.ndarray) -> np.ndarray:
    """The mean row of each label, labels in the order of their first row; (rows, units) → (labels, units)."""
    of_row = np.array(labels)
    return np.stack([rows[of_row == label].mean(axis=0) for label in dict.fromkeys(labels)])


def above_diagonal(square: np.ndarray) -> np.ndarray:
    """What is above the diagonal of a square matrix, row by row; (n, n) → (n (n − 1) / 2,)."""
    return square[np.triu_indices(len(square), k=1)]


def true_rdm(z: np.ndarray) -> np.ndarray:
    """The condensed RDM that every subject's noiseless responses have: 1 − cosine between rows of z."""
    unit = z / np.linalg.norm(z, axis=1, keepdims=True)
    return 1 - above_diagonal(unit @ unit.T)


def gain_for(planted: float, respond, truth: np.ndarray) -> float:
    """The gain at which subjects' RDMs correlate with the true RDM by `planted`, on average; by bisection.

    Args:
        planted: The noise ceiling to reach, between 0 and 1.
        respond: Gain → a list of responses (conditions, units), one per subject.
        truth: The true condensed RDM.
    """
    low, high = 1e-3, 1e2
    for _ in range(30):
        gain = np.sqrt(low * high)
        subjects = [1 - above_diagonal(np.corrcoef(responses)) for responses in respond(gain)]
        if np.mean([np.corrcoef(truth, rdm)[0, 1] for rdm in subjects]) < planted:
            low = gain
        else:
            high = gain
    return float(np.sqrt(low * high))
