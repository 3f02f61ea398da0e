"""What an image file shows, as 8-bit RGB: the one place where stimuli and labelled images are decoded.

- An image is upright, as the orientation in its EXIF data says: so it was shown.
- 16-bit greys are scaled by their range, 65,535 to 255. Of 16-bit colours the upper byte is taken.
- Transparent pixels show a stated background. Where none is stated they are refused, since what was seen behind them is
  not in the file; an alpha channel that is opaque is none.
- 1 bit, 8-bit grey, palettes, CMYK and YCbCr are converted as Pillow does, and colour profiles are not applied, which
  gives what torchvision's `ImageFolder` gives.
- What leaves a choice open is refused by name: floats, 32-bit integers, LAB, HSV, animations and documents of several
  pages. The other images in a camera's MPO file are views of the first, which is taken.
"""

from contextlib import contextmanager
from pathlib import Path

import numpy as np

from ..errors import InputError

ENDINGS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")
"""Of the files that are taken for images where a folder is listed: those of torchvision's `ImageFolder`."""

OPAQUE_MODES = {"1", "L", "P", "RGB", "RGBX", "CMYK", "YCbCr"}
TRANSPARENT_MODES = {"LA", "PA", "RGBA"}
SMALLEST_SIDE = 2
"""In pixels: an image of fewer is a placeholder, and holds no picture."""

SAVE_ANEW = "save what was shown anew, as an 8-bit RGB PNG"


def is_hidden(name: str) -> bool:
    """Whether a file or folder is one that systems and archives leave behind, such as `._photo.jpg` or `__MACOSX`."""
    return name.startswith(".") or name == "__MACOSX"


def is_image_name(name: str) -> bool:
    """Whether a file in a listed folder is taken for an image, by its name."""
    return not is_hidden(name) and name.lower().endswith(ENDINGS)


def decoded(
    path,
    background: int | list[int] | None = None,
    remedy: str = "replace the file",
    key: str = "features.background",
):
    """The image that a file holds, as it is seen.

    Args:
        path: The file.
        background: What transparent pixels show, a grey or [red, green, blue], each 0 to 255; None refuses them.
        remedy: What a user can do about a file that is missing or damaged.
        key: The config key that the background is from, for the message.

    Returns:
        `PIL.Image.Image` in RGB, all of it read.

    Raises:
        InputError: The file is missing, is no whole image, or what it shows is not decided by it.
    """
    with opened(path, remedy) as image:
        image.load()
    rgb = _in_rgb(image, path, background, key)
    turn = _turn(image)
    return rgb if turn is None else rgb.transpose(turn)


def of_pixels(pixels, where, remedy: str):
    """The image of pixels in an array, uint8 (height, width, 3), as `PIL.Image.Image`.

    Raises:
        InputError: They are of another kind or shape; `where` and `remedy` are for the message.
    """
    from PIL import Image

    pixels = np.asarray(pixels)
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or min(pixels.shape[:2]) < SMALLEST_SIDE:
        expected = f"pixels, uint8 (height, width, 3), {SMALLEST_SIDE} a side and more"
        raise InputError(where, f"an array of {pixels.dtype} of shape {pixels.shape}", expected, remedy)
    return Image.fromarray(pixels)


@contextmanager
def opened(path, remedy: str = "replace the file"):
    """The image in a file, its pixels not read yet; whatever goes wrong while it is read is an `InputError`."""
    from PIL import Image

    try:
        with Image.open(path) as image:
            _refuse_unless_one_picture(image, path)
            _refuse_unless_colour_key_is_usable(image, path)
            yield image
    except InputError:
        raise
    except FileNotFoundError:
        raise InputError(path, "no such file", "an image", remedy) from None
    except PermissionError:
        raise InputError(path, "a file that may not be read", "an image", "make it readable") from None
    except MemoryError:
        raise InputError(path, "too little memory to decode it", "an image", "give the job more memory") from None
    except Image.DecompressionBombError as error:
        raise _too_large(path, str(error)) from None
    except Exception as error:  # each decoder of Pillow has errors of its own kinds
        reason = str(error).replace(f" {str(path)!r}", "") or type(error).__name__
        raise InputError(
            path,
            f"{Path(path).stat().st_size:,} bytes that do not decode: {reason}",
            "a whole image",
            f"{remedy}; a file that other programs open can be saved anew, as an 8-bit RGB PNG",
        ) from None


def _refuse_unless_one_picture(image, path) -> None:
    """Refuse, before its pixels are read, what has several pictures, none or too many pixels."""
    from PIL import Image

    n_frames = 1 if image.format == "MPO" else getattr(image, "n_frames", 1)
    if n_frames > 1:
        raise InputError(path, f"{n_frames} frames or pages", "one image", "save the one that was shown as a PNG")
    size = f"{image.width} × {image.height} pixels"
    if min(image.size) < SMALLEST_SIDE:
        raise InputError(path, size, f"{SMALLEST_SIDE} pixels a side and more", "replace the file")
    if image.width * image.height > Image.MAX_IMAGE_PIXELS:
        raise _too_large(path, size)


def _too_large(path, found: str) -> InputError:
    from PIL import Image

    expected = f"at most {Image.MAX_IMAGE_PIXELS:,} pixels, Pillow's limit"
    return InputError(path, found, expected, "save it smaller: networks see it at the config's image_size")


def _refuse_unless_colour_key_is_usable(image, path) -> None:
    """Refuse a PNG that calls a colour transparent in other bits than those that Pillow compares it in."""
    rawmode = image.tile[0].args if image.format == "PNG" and image.tile else None
    if "transparency" in image.info and rawmode in ("L;2", "L;4", "I;16B", "RGB;16B"):
        raise InputError(path, "a transparent colour in other than 8 bits", "an alpha channel", SAVE_ANEW)


def _turn(image):
    """How the image is to be turned by its EXIF orientation; data that cannot be read say nothing, to viewers too."""
    from PIL import ExifTags, Image

    turns = Image.Transpose
    try:
        return {
            2: turns.FLIP_LEFT_RIGHT,
            3: turns.ROTATE_180,
            4: turns.FLIP_TOP_BOTTOM,
            5: turns.TRANSPOSE,
            6: turns.ROTATE_270,
            7: turns.TRANSVERSE,
            8: turns.ROTATE_90,
        }.get(image.getexif().get(ExifTags.Base.Orientation))
    except Exception:  # as many kinds of errors as of damage
        return None


def _in_rgb(image, path, background: int | list[int] | None, key: str):
    """An image of any mode in RGB."""
    if image.mode.startswith("I"):
        return _in_8_bits(image, path).convert("RGB")
    if image.mode not in OPAQUE_MODES | TRANSPARENT_MODES:
        raise InputError(path, f"an image of Pillow's mode {image.mode}", "greys or colours of 8 bits", SAVE_ANEW)
    if image.has_transparency_data:
        return _over(background, image.convert("RGBA"), path, key)
    return image.convert("RGB")


def _in_8_bits(image, path):
    """A grey image whose range is known to be 0 to 65,535, in 8 bits.

    Raises:
        InputError: The range is another, or not known.
    """
    from PIL import Image

    tags = getattr(image, "tag_v2", {})
    BITS, WHITE_IS, BLACK_IS_0 = 258, 262, 1
    is_whole_tiff = image.format != "TIFF" or (tags.get(BITS) == (16,) and tags.get(WHITE_IS) == BLACK_IS_0)
    of_format = {"PNG": "I;16", "JPEG2000": "I;16", "TIFF": "I;16", "PPM": "I"}.get(image.format)
    if of_format is None or not image.mode.startswith(of_format) or not is_whole_tiff:
        raise InputError(
            path,
            f"greys of Pillow's mode {image.mode} in a {image.format} file",
            "greys of 8 bits, or of 16 from black 0 to white 65,535",
            SAVE_ANEW,
        )
    values = np.asarray(image).astype(np.uint32)
    return Image.fromarray(((values + 128) // 257).astype(np.uint8))


def _over(background: int | list[int] | None, image, path, key: str):
    """An RGBA image over a background, in RGB.

    Raises:
        InputError: There are transparent pixels and no background.
    """
    from PIL import Image

    least, _ = image.getchannel("A").getextrema()
    if least == 255:
        return image.convert("RGB")
    if background is None:
        raise InputError(
            path,
            "transparent pixels",
            "an opaque image, or the background that it is seen on",
            f"set {key} to that grey (0 to 255) or [red, green, blue], or save the images with it",
        )
    colour = [background] * 3 if isinstance(background, int) else background
    return Image.alpha_composite(Image.new("RGBA", image.size, (*colour, 255)), image).convert("RGB")
