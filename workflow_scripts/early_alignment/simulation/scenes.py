"""Procedural scenes: categories by layout and colour, with textures that vary within a category."""

import numpy as np

CATEGORIES = ("beach", "forest", "city", "hills", "room", "fruit")


def scene(category: str, rng: np.random.Generator, size: int) -> np.ndarray:
    """Draw one scene; uint8 (size, size, 3).

    The category decides what lies where and in which colours; the generator decides textures, light and places.
    """
    y, x = (np.mgrid[0:size, 0:size] / size).astype(np.float32)
    draw = {
        "beach": _beach,
        "forest": _forest,
        "city": _city,
        "hills": _hills,
        "room": _room,
        "fruit": _fruit,
    }[category]
    light, tint = np.float32(rng.uniform(0.75, 1.15)), rng.normal(0, 0.03, 3).astype(np.float32)
    picture = draw(x, y, rng) * light + tint
    grain = 0.02 * rng.standard_normal((size, size, 1), dtype=np.float32)
    return (255 * np.clip(picture + grain, 0, 1)).astype(np.uint8)


def _texture(x, y, rng, waves: int = 5) -> np.ndarray:
    """A texture of some orientation, scale and contrast, all random; values about 0, (size, size, 1)."""
    angle, frequency, contrast = rng.uniform(0, np.pi), np.exp(rng.uniform(2.0, 4.0)), rng.uniform(0.03, 0.2)
    total = np.zeros_like(x)
    for _ in range(waves):
        a, f = angle + rng.normal(0, 0.15), frequency * np.exp(rng.normal(0, 0.2))
        # A plane wave is the real part of an outer product: two sines a row and column, not one a pixel.
        across = np.exp(2j * np.pi * (f * np.cos(a) * x[0] + rng.uniform())).astype(np.complex64)
        down = np.exp(2j * np.pi * f * np.sin(a) * y[:, 0]).astype(np.complex64)
        total += np.outer(down.real, across.real) - np.outer(down.imag, across.imag)
    return total[..., None] * np.float32(contrast / np.sqrt(waves))


def _surface(colour, x, y, rng) -> np.ndarray:
    """A textured surface of about the given colour, (size, size, 3)."""
    return np.clip(np.asarray(colour) + rng.normal(0, 0.04, 3), 0, 1).astype(np.float32) * (
        1 + 1.5 * _texture(x, y, rng)
    )


def _sky(x, y, rng) -> np.ndarray:
    top, bottom = np.array([[0.35, 0.55, 0.9], [0.8, 0.85, 0.95]], dtype=np.float32)
    return top + (bottom - top) * y[..., None] + 0.3 * _texture(x, y, rng)


def _paint(picture, mask, surface) -> None:
    picture[mask] = surface[mask]


def _beach(x, y, rng):
    picture = _sky(x, y, rng)
    horizon = rng.uniform(0.35, 0.5)
    shore = horizon + rng.uniform(0.12, 0.25) + 0.03 * np.sin(2 * np.pi * (x * rng.uniform(1, 3) + rng.uniform()))
    _paint(picture, y > horizon, _surface((0.1, 0.4, 0.65), x, y, rng))
    _paint(picture, y > shore, _surface((0.85, 0.75, 0.5), x, y, rng))
    return picture


def _forest(x, y, rng):
    picture = _surface((0.15, 0.4, 0.15), x, y, rng)
    bark = _surface((0.3, 0.2, 0.1), x, y, rng)
    for centre in rng.uniform(0, 1, rng.integers(5, 10)):
        lean = rng.normal(0, 0.05)
        _paint(picture, np.abs(x - centre - lean * y) < rng.uniform(0.01, 0.04), bark)
    _paint(picture, y > rng.uniform(0.8, 0.9), _surface((0.3, 0.3, 0.12), x, y, rng))
    return picture


def _city(x, y, rng):
    picture = _sky(x, y, rng)
    left = 0.0
    while left < 1:
        width, top = rng.uniform(0.1, 0.25), rng.uniform(0.15, 0.6)
        house = (x >= left) & (x < left + width) & (y > top)
        _paint(picture, house, _surface((0.45, 0.42, 0.42), x, y, rng))
        windows = (((x - left) * 30) % 1 < 0.5) & (((y - top) * 25) % 1 < 0.5) & (y > top + 0.03)
        picture[house & windows] = np.array([0.9, 0.85, 0.5]) * rng.uniform(0.2, 1)
        left += width
    return picture


def _hills(x, y, rng):
    picture = _sky(x, y, rng)
    for depth in range(3):
        ridge = 0.4 + 0.18 * depth + 0.08 * np.sin(2 * np.pi * (x * rng.uniform(0.7, 2) + rng.uniform()))
        _paint(picture, y > ridge, _surface((0.45 - 0.1 * depth, 0.6 - 0.05 * depth, 0.3), x, y, rng))
    return picture


def _room(x, y, rng):
    picture = _surface((0.8, 0.7, 0.6), x, y, rng)
    _paint(picture, y > 0.7 + 0.2 * np.abs(x - 0.5), _surface((0.5, 0.3, 0.2), x, y, rng))
    left, top = rng.uniform(0.1, 0.6), rng.uniform(0.1, 0.2)
    window = (np.abs(x - left - 0.13) < 0.13) & (np.abs(y - top - 0.15) < 0.15)
    _paint(picture, window, _sky(x, y, rng))
    left = rng.uniform(0.05, 0.5)
    table = (x > left) & (x < left + 0.4) & (np.abs(y - 0.72) < rng.uniform(0.06, 0.12))
    _paint(picture, table, _surface((0.35, 0.15, 0.25), x, y, rng))
    return picture


def _fruit(x, y, rng):
    picture = _surface((0.92, 0.92, 0.88), x, y, rng)
    for _ in range(rng.integers(3, 7)):
        cx, cy, r = rng.uniform(0.2, 0.8), rng.uniform(0.3, 0.8), rng.uniform(0.08, 0.2)
        colour = [(0.85, 0.15, 0.1), (0.95, 0.6, 0.1), (0.6, 0.75, 0.1)][rng.integers(3)]
        disc = (x - cx) ** 2 + (y - cy) ** 2 < r**2
        shade = (1 - 0.6 * np.hypot(x - cx + r / 3, y - cy + r / 3) / r)[..., None]
        _paint(picture, disc, _surface(colour, x, y, rng) * np.clip(shade, 0.3, 1))
    return picture
