"""From a photograph to the numbers that a network sees."""

import numpy as np

# The channels' means and standard deviations over ImageNet, which torchvision's networks are trained with.
MEAN = (0.485, 0.456, 0.406)
STANDARD_DEVIATION = (0.229, 0.224, 0.225)


def square_pixels(image, size: int) -> np.ndarray:
    """The whole image, at the size that a network sees it at.

    Args:
        image: `PIL.Image.Image` in RGB; one that is not square loses what its central square leaves out.
        size: Side in pixels.

    Returns:
        Red, green and blue from 0 to 1, float32 (size, size, 3).
    """
    from PIL import Image

    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    square = image.crop((left, top, left + side, top + side)).resize((size, size), Image.Resampling.BILINEAR)
    return np.asarray(square, dtype=np.float32) / 255


def stimulus_array(image, size: int) -> np.ndarray:
    """The whole image, as a network sees it: `square_pixels`, normalised, float32 (3, size, size)."""
    mean, deviation = np.array([MEAN, STANDARD_DEVIATION], dtype=np.float32)
    normalised = (square_pixels(image, size) - mean) / deviation
    return np.ascontiguousarray(normalised.transpose(2, 0, 1))
