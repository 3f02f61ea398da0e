"""Decoding: what networks see is what the file shows, or the file is refused by its name."""

import struct
import warnings
import zlib
from functools import reduce
from io import BytesIO
from operator import getitem
from pathlib import Path

import numpy as np
import pytest
import yaml
from conftest import REAL_DATA, REPOSITORY
from early_alignment.datasets import decoding, open_dataset, stimuli
from early_alignment.datasets.decoding import decoded
from early_alignment.errors import InputError
from early_alignment.experiment import config
from early_alignment.networks import features
from PIL import Image
from torchvision.datasets.folder import pil_loader

RNG = np.random.default_rng(5)
PIXELS = RNG.integers(0, 256, (24, 36, 3), dtype=np.uint8)
GREY = PIXELS[..., 0]
INSIDE = np.zeros(GREY.shape, bool)
INSIDE[5:19, 9:30] = True


def pixels(image) -> np.ndarray:
    assert image.mode == "RGB"
    return np.asarray(image)


def in_three(grey: np.ndarray) -> np.ndarray:
    return np.repeat(grey[..., None], 3, axis=2)


def png(bits: int, colour: int, rows: list[bytes], size: tuple[int, int], **chunks: bytes) -> bytes:
    """A PNG file as its specification has it, for what Pillow does not write."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = struct.pack(">IIBBBBB", *size, bits, colour, 0, 0, 0)
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", header),
            *(chunk(name.encode(), content) for name, content in chunks.items()),
            chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row for row in rows))),
            chunk(b"IEND", b""),
        ]
    )


def test_the_writer_of_png_files_writes_what_pillow_reads():
    rows = [row.tobytes() for row in PIXELS]
    np.testing.assert_array_equal(np.asarray(Image.open(BytesIO(png(8, 2, rows, (36, 24))))), PIXELS)


# 16 bits ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.png", "a.tif", "big_endian.tif", "a.jp2", "a.pgm"])
def test_16_bit_greys_are_what_the_8_bit_image_is(tmp_path, name):
    sixteen = GREY.astype(np.uint16) * 257
    image = Image.fromarray(sixteen)
    if name == "big_endian.tif":
        image = Image.frombytes("I;16B", (36, 24), sixteen.astype(">u2").tobytes())
    image.save(tmp_path / name)
    with Image.open(tmp_path / name) as stored:
        assert stored.mode.startswith("I")
    np.testing.assert_array_equal(pixels(decoded(tmp_path / name)), in_three(GREY))


def test_16_bit_greys_are_rounded(tmp_path):
    sixteen = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    Image.fromarray(sixteen).save(tmp_path / "a.png")
    np.testing.assert_array_equal(pixels(decoded(tmp_path / "a.png"))[..., 0], np.round(sixteen / 257))


def test_16_bit_greys_of_a_known_format_become_8_bits_and_others_are_refused():
    image = Image.fromarray(np.array([[0, 257 * 7, 65535]], np.uint16))
    with pytest.raises(InputError, match="greys of Pillow's mode I;16 in a SGI file"):
        image.format = "SGI"
        decoding._in_8_bits(image, "here")
    image.format = "PNG"
    assert decoding._in_8_bits(image, "here").mode == "L"
    np.testing.assert_array_equal(np.asarray(decoding._in_8_bits(image, "here")), [[0, 7, 255]])


def test_16_bit_colours_are_what_the_8_bit_image_is(tmp_path):
    rows = [(row.astype(">u2") * 257).astype(">u2").tobytes() for row in PIXELS]
    (tmp_path / "a.png").write_bytes(png(16, 2, rows, (36, 24)))
    np.testing.assert_array_equal(pixels(decoded(tmp_path / "a.png")), PIXELS)


# Orientation -----------------------------------------------------------------------------------------------------

FIRST_ROW_AND_COLUMN = {
    1: ("top", "left"),
    2: ("top", "right"),
    3: ("bottom", "right"),
    4: ("bottom", "left"),
    5: ("left", "top"),
    6: ("right", "top"),
    7: ("right", "bottom"),
    8: ("left", "bottom"),
}
"""EXIF orientation → the side of the scene that the first stored row and column are (Exif 2.32, tag 274)."""


@pytest.mark.parametrize("ending", ["png", "tif", "webp"])
@pytest.mark.parametrize("orientation", FIRST_ROW_AND_COLUMN)
def test_an_image_is_upright(tmp_path, orientation, ending):
    row, column = FIRST_ROW_AND_COLUMN[orientation]
    stored = PIXELS.swapaxes(0, 1) if row in ("left", "right") else PIXELS
    stored = stored[::-1] if row in ("bottom", "right") else stored
    stored = stored[:, ::-1] if column in ("bottom", "right") else stored
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"a.{ending}"
    Image.fromarray(np.ascontiguousarray(stored)).save(path, exif=exif, lossless=True)
    np.testing.assert_array_equal(pixels(decoded(path)), PIXELS)


@pytest.mark.parametrize("exif", [b"Exif\0\0no TIFF header", b"Exif\0\0MM\0*\0\0"])
def test_exif_data_that_cannot_be_read_do_not_turn_an_image(tmp_path, exif):
    Image.fromarray(PIXELS).save(tmp_path / "a.png", exif=exif)
    with pytest.raises((SyntaxError, struct.error)), Image.open(tmp_path / "a.png") as image:
        image.getexif()
    np.testing.assert_array_equal(pixels(decoded(tmp_path / "a.png")), PIXELS)


# Transparency ----------------------------------------------------------------------------------------------------


def cut_out_rgba(path: Path) -> np.ndarray:
    """Write an image whose outside is transparent; returns the inside's colours."""
    Image.fromarray(np.dstack([PIXELS, np.where(INSIDE, 255, 0).astype(np.uint8)])).save(path)
    return PIXELS


def cut_out_la(path: Path) -> np.ndarray:
    Image.fromarray(np.dstack([GREY, np.where(INSIDE, 255, 0).astype(np.uint8)]), "LA").save(path)
    return in_three(GREY)


def cut_out_palette(path: Path) -> np.ndarray:
    indices = np.where(INSIDE, GREY % 7 + 1, 0).astype(np.uint8)
    image = Image.fromarray(indices, "P")
    palette = RNG.integers(0, 256, (8, 3), dtype=np.uint8)
    image.putpalette(palette.tobytes())
    image.save(path, transparency=0)
    return palette[indices]


def cut_out_colour(path: Path) -> np.ndarray:
    colours = np.where(INSIDE[..., None], PIXELS // 2, 255).astype(np.uint8)
    Image.fromarray(colours).save(path, transparency=(255, 255, 255))
    return colours


def cut_out_grey(path: Path) -> np.ndarray:
    greys = np.where(INSIDE, GREY // 2, 255).astype(np.uint8)
    Image.fromarray(greys).save(path, transparency=255)
    return in_three(greys)


def cut_out_one_bit(path: Path) -> np.ndarray:
    rows = [np.packbits(~row).tobytes() for row in INSIDE]
    path.write_bytes(png(1, 0, rows, (36, 24), tRNS=struct.pack(">H", 1)))
    return np.zeros_like(PIXELS)


CUT_OUTS = [cut_out_rgba, cut_out_la, cut_out_palette, cut_out_colour, cut_out_grey, cut_out_one_bit]


@pytest.mark.parametrize("cut_out", CUT_OUTS)
@pytest.mark.parametrize("background", [0, 127, [10, 200, 30]])
def test_transparent_pixels_show_the_background(tmp_path, cut_out, background):
    colours = cut_out(tmp_path / "a.png")
    expected = np.where(INSIDE[..., None], colours, np.uint8(background))
    np.testing.assert_array_equal(pixels(decoded(tmp_path / "a.png", background)), expected)


@pytest.mark.parametrize("cut_out", CUT_OUTS)
def test_transparent_pixels_without_a_background_are_refused(tmp_path, cut_out):
    cut_out(tmp_path / "a.png")
    with pytest.raises(InputError, match=r"a\.png[\s\S]*transparent pixels[\s\S]*set features\.background"):
        decoded(tmp_path / "a.png")


def test_half_transparent_pixels_are_mixed(tmp_path):
    alpha = RNG.integers(0, 256, GREY.shape, dtype=np.uint8)
    Image.fromarray(np.dstack([PIXELS, alpha])).save(tmp_path / "a.png")
    share = alpha[..., None] / 255
    expected = share * PIXELS + (1 - share) * 90
    np.testing.assert_allclose(pixels(decoded(tmp_path / "a.png", 90)), expected, atol=1)


def test_an_alpha_channel_that_is_opaque_is_none(tmp_path):
    opaque = np.full(GREY.shape, 255, np.uint8)
    Image.fromarray(np.dstack([PIXELS, opaque])).save(tmp_path / "rgba.png")
    Image.fromarray(np.dstack([GREY, opaque]), "LA").save(tmp_path / "la.png")
    np.testing.assert_array_equal(pixels(decoded(tmp_path / "rgba.png")), PIXELS)
    np.testing.assert_array_equal(pixels(decoded(tmp_path / "la.png", [9, 9, 9])), in_three(GREY))


@pytest.mark.parametrize(
    ("bits", "colour", "row", "key"),
    [
        (2, 0, bytes([0b00011011]), struct.pack(">H", 3)),
        (4, 0, bytes([0x01, 0xEF]), struct.pack(">H", 15)),
        (16, 0, struct.pack(">4H", 0, 1, 257, 65535), struct.pack(">H", 257)),
        (16, 2, struct.pack(">12H", *range(0, 60000, 5000)), struct.pack(">3H", 0, 5000, 10000)),
    ],
)
def test_a_transparent_colour_that_is_compared_in_other_bits_is_refused(tmp_path, bits, colour, row, key):
    (tmp_path / "a.png").write_bytes(png(bits, colour, [row] * 4, (4, 4), tRNS=key))
    with pytest.raises(InputError, match=r"a\.png[\s\S]*transparent colour in other than 8 bits"):
        decoded(tmp_path / "a.png", 127)


# Other modes -----------------------------------------------------------------------------------------------------


def written(path: Path, mode: str, **options) -> Path:
    Image.fromarray(PIXELS).convert(mode).save(path, **options)
    return path


@pytest.mark.parametrize(
    ("mode", "name"),
    [
        *((mode, f"{mode}.jpg") for mode in ("RGB", "L", "CMYK", "YCbCr")),
        *((mode, f"{mode}.png") for mode in ("1", "L", "P", "RGB")),
        *((mode, f"{mode}.tif") for mode in ("1", "L", "P", "RGB", "CMYK", "YCbCr")),
        *((mode, f"{mode}.bmp") for mode in ("L", "RGB")),
        *((mode, f"{mode}.ppm") for mode in ("L", "RGB")),
        ("RGB", "photograph.webp"),
        ("P", "one_frame.gif"),
    ],
)
def test_ordinary_images_are_what_torchvision_reads(tmp_path, mode, name):
    path = written(tmp_path / name, mode)
    np.testing.assert_array_equal(pixels(decoded(path)), np.asarray(pil_loader(path)))


def test_a_png_called_jpeg_is_read_as_what_it_is(tmp_path):
    written(tmp_path / "a.png", "RGB").rename(tmp_path / "a.JPEG")
    np.testing.assert_array_equal(pixels(decoded(tmp_path / "a.JPEG")), PIXELS)


def test_a_tiff_in_which_0_is_white_is_not_taken_for_one_in_which_it_is_black(tmp_path):
    Image.fromarray(GREY.astype(np.uint16) * 257).save(tmp_path / "a.tif")
    content = bytearray((tmp_path / "a.tif").read_bytes())
    entry = struct.pack("<HHI", 262, 3, 1)
    at = content.index(entry) + len(entry)
    content[at : at + 2] = struct.pack("<H", 0)
    (tmp_path / "a.tif").write_bytes(content)
    with pytest.raises(InputError, match=r"a\.tif[\s\S]*16 from black 0 to white"):
        decoded(tmp_path / "a.tif")


OTHER = [Image.fromarray(255 - PIXELS)]


@pytest.mark.parametrize(
    ("name", "image", "options", "words"),
    [
        ("a.tif", Image.fromarray(GREY.astype(np.float32)), {}, "mode F"),
        ("a.tif", Image.fromarray(GREY.astype(np.int32)), {}, "mode I in a TIFF file"),
        ("a.tif", Image.new("LAB", (8, 8)), {}, "mode LAB"),
        ("a.tif", Image.fromarray(PIXELS), {"save_all": True, "append_images": OTHER}, "2 frames or pages"),
        ("a.gif", Image.fromarray(PIXELS), {"save_all": True, "append_images": OTHER}, "2 frames or pages"),
        ("a.webp", Image.fromarray(PIXELS), {"save_all": True, "append_images": OTHER}, "2 frames or pages"),
        ("a.png", Image.fromarray(PIXELS), {"save_all": True, "append_images": OTHER}, "2 frames or pages"),
        ("a.png", Image.new("RGB", (1, 1)), {}, "1 × 1 pixels"),
        ("a.png", Image.new("RGB", (900, 1)), {}, "900 × 1 pixels"),
    ],
)
def test_what_leaves_a_choice_open_is_refused_by_name(tmp_path, name, image, options, words):
    image.save(tmp_path / name, **options)
    with pytest.raises(InputError, match=rf"{name}[\s\S]*found: .*{words}"):
        decoded(tmp_path / name, 127)


def test_of_a_cameras_views_the_first_is_taken(tmp_path):
    Image.fromarray(PIXELS).save(tmp_path / "a.jpg", format="MPO", save_all=True, append_images=OTHER)
    with Image.open(tmp_path / "a.jpg") as image:
        assert (image.format, image.n_frames) == ("MPO", 2)
    Image.fromarray(PIXELS).save(tmp_path / "first.jpg")
    np.testing.assert_array_equal(pixels(decoded(tmp_path / "a.jpg")), pixels(decoded(tmp_path / "first.jpg")))


# Damage ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [36 * 24 - 1, 36 * 24 // 3])
def test_an_image_over_pillows_limit_is_refused_whether_pillow_warns_or_refuses(tmp_path, monkeypatch, limit):
    path = written(tmp_path / "a.png", "RGB")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(InputError, match=rf"a\.png[\s\S]*at most {limit} pixels[\s\S]*save it smaller"):
            decoded(path)


def test_a_large_text_chunk_is_an_error_that_names_the_file(tmp_path):
    text = b"a\0\0" + zlib.compress(bytes(2 * 2**20))
    rows = [row.tobytes() for row in PIXELS]
    (tmp_path / "a.png").write_bytes(png(8, 2, rows, (36, 24), zTXt=text))
    with pytest.raises(InputError, match=r"a\.png[\s\S]*do not decode[\s\S]*TEXT_CHUNK[\s\S]*saved anew"):
        decoded(tmp_path / "a.png")


@pytest.mark.parametrize("content", [b"", b"no image", b"\0\5\x16\7\0\2\0\0Mac OS X"])
def test_what_is_no_image_is_refused_by_name(tmp_path, content):
    (tmp_path / "a.jpg").write_bytes(content)
    with pytest.raises(InputError, match=rf"a\.jpg\n  found:    {len(content)} bytes that do not decode: cannot iden"):
        decoded(tmp_path / "a.jpg")


def test_a_missing_file_is_said_to_be_missing(tmp_path):
    with pytest.raises(InputError, match=r"a\.jpg\n  found:    no such file"):
        decoded(tmp_path / "a.jpg")


FORMATS = {"png": "RGB", "jpg": "RGB", "gif": "P", "bmp": "RGB", "tif": "RGB", "webp": "RGB", "ppm": "RGB"}


@pytest.mark.parametrize("ending", FORMATS)
def test_a_file_cut_short_anywhere_is_refused_unless_all_pixels_are_there(tmp_path, ending):
    path = written(tmp_path / f"whole.{ending}", FORMATS[ending])
    whole, content = pixels(decoded(path)), path.read_bytes()
    refused = 0
    for n in np.linspace(0, len(content) - 1, 40).astype(int):
        (tmp_path / f"cut.{ending}").write_bytes(content[:n])
        try:
            np.testing.assert_array_equal(pixels(decoded(tmp_path / f"cut.{ending}")), whole)
        except InputError as error:
            assert f"cut.{ending}\n" in str(error)
            refused += 1
    assert refused > 30


@pytest.mark.parametrize("ending", FORMATS)
def test_damaged_bytes_give_an_image_or_an_error_that_names_the_file(tmp_path, ending):
    path = written(tmp_path / f"a.{ending}", FORMATS[ending])
    content, rng = np.frombuffer(path.read_bytes(), np.uint8), np.random.default_rng(0)
    refused = 0
    for _ in range(150):
        damaged = content.copy()
        # Half of the damage in the header, where decoders read sizes and offsets.
        places = rng.integers(0, rng.choice([min(60, len(damaged)), len(damaged)]), 3)
        damaged[places] = rng.integers(0, 256, 3)
        path.write_bytes(damaged.tobytes())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                decoded(path, 127)
            except InputError as error:
                assert str(path) in str(error)
                refused += 1
    assert refused > 10


# Data sets -------------------------------------------------------------------------------------------------------


def own_data(root: Path, format_: str = "rdms"):
    (root / "stimuli").mkdir(exist_ok=True)
    for name in "abc":
        written(root / f"stimuli/{name}.png", "RGB")
    (root / "conditions.csv").write_text("condition,image\n" + "".join(f"{name},{name}.png\n" for name in "abc"))
    return open_dataset("own", {"format": format_, "root": str(root), "subjects": ["x"], "targets": ["all"]})


@pytest.mark.parametrize(
    ("format_", "remedy"), [("rdms", "write the file again"), ("responses", "write the file again")]
)
def test_no_publisher_is_named_for_images_of_ones_own(tmp_path, format_, remedy):
    data = own_data(tmp_path, format_)
    (tmp_path / "stimuli/b.png").write_bytes(b"no image")
    with pytest.raises(InputError, match=r"b\.png") as caught:
        data.open_image("stimuli/b.png")
    assert remedy in caught.value.remedy
    assert "publisher" not in caught.value.remedy


def test_hidden_files_among_stimuli_are_no_conditions_and_are_counted(tmp_path):
    data = own_data(tmp_path)
    for name in ("._a.png", ".DS_Store", "Thumbs.db", "notes.txt"):
        (tmp_path / "stimuli" / name).write_bytes(b"junk")
    assert [stimulus.condition for stimulus in data.stimuli()] == ["a", "b", "c"]
    assert "4 files passed over, hidden or no images: .DS_Store, ._a.png, Thumbs.db, notes.txt" in stimuli.summary(data)


def test_hidden_files_among_the_images_of_algonauts_2023_are_passed_over(tmp_path):
    folder = tmp_path / "subj01/training_split/training_images"
    folder.mkdir(parents=True)
    for i in range(1, 5):
        (folder / f"train-{i:04d}_nsd-{13 * i:05d}.png").touch()
        (folder / f"._train-{i:04d}_nsd-{13 * i:05d}.png").touch()
    settings = {"format": "algonauts2023", "root": str(tmp_path), "subjects": [1], "targets": ["V1v"]}
    assert [condition for condition, _ in open_dataset("fmri", settings).stimuli()] == [
        "nsd-00013", "nsd-00026", "nsd-00039", "nsd-00052",
    ]  # fmt: skip


def test_the_table_of_stimuli_follows_the_background_where_it_shows(tmp_path, capsys):
    data = own_data(tmp_path)
    cut_out_rgba(tmp_path / "stimuli/b.png")
    rows = {}
    for background in (0, 127):
        stimuli.write(tmp_path / "table.csv", data, background)
        rows[background] = (tmp_path / "table.csv").read_text().splitlines()
    assert [a == b for a, b in zip(rows[0], rows[127], strict=True)] == [True, True, False, True]
    assert "3 images are not square: networks see their central square alone" in capsys.readouterr().out
    with pytest.raises(InputError, match=r"b\.png"):
        stimuli.write(tmp_path / "table.csv", data)


@pytest.mark.parametrize("workers", [0, 1])
def test_networks_see_the_background_and_an_error_of_a_worker_is_its_message_alone(tmp_path, workers):
    data = own_data(tmp_path)
    cut_out_rgba(tmp_path / "stimuli/b.png")
    Image.fromarray(np.where(INSIDE[..., None], PIXELS, np.uint8(127))).save(tmp_path / "stimuli/c.png")
    (batch,) = features.image_batches(data, data.stimuli(), 24, background=127, workers=workers)
    assert (batch[1] == batch[2]).all()
    assert not (batch[0] == batch[2]).all()
    with pytest.raises(InputError) as caught:
        list(features.image_batches(data, data.stimuli(), 24, workers=workers))
    assert str(caught.value).startswith(f"{tmp_path}/stimuli/b.png\n  found:    transparent pixels\n")
    assert "Traceback" not in str(caught.value)


@pytest.mark.parametrize("key", ["features", "networks.resnet50.training"])
def test_a_background_is_a_grey_or_a_colour_or_null(key):
    def given(background):
        paper = yaml.safe_load((REPOSITORY / "config.yaml").read_text())
        reduce(getitem, key.split("."), paper)["background"] = background
        return reduce(getitem, key.split("."), config.checked(paper))["background"]

    for background in (0, 255, None, [0, 127, 255]):
        assert given(background) == background
    assert (given("127"), given(["1", "2", "3"])) == (127, [1, 2, 3])  # as the command line gives them
    for background in (-1, 256, 0.5, True, "grey", [1, 2], [1, 2, 3, 4], [1, 2, 256]):
        with pytest.raises(InputError, match=rf"{key}\.background"):
            given(background)


# Files from elsewhere --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def inputs() -> Path:
    folder = REAL_DATA.parent / "inputs"
    if not folder.is_dir():
        pytest.skip(f"no {folder}, the small inputs that lie beside the project's real data")
    return folder


def test_files_from_elsewhere_are_what_they_should_be(inputs):
    plain = pixels(decoded(inputs / "plain.png"))
    np.testing.assert_array_equal(decoded(inputs / "grey_16bit.png"), decoded(inputs / "grey_8bit.png"))
    np.testing.assert_allclose(pixels(decoded(inputs / "palette.png")).astype(int), plain, atol=80)
    upright = pixels(decoded(inputs / "upright.jpg")).astype(int)
    for name in ("exif_orientation_6.jpg", "cmyk.jpg"):
        assert np.abs(pixels(decoded(inputs / name)) - upright).mean() < 12, name
    with Image.open(inputs / "transparent_outside.png") as image:
        alpha = np.asarray(image)[..., 3:]
    shown = pixels(decoded(inputs / "transparent_outside.png", [1, 2, 3]))
    np.testing.assert_array_equal(shown, np.where(alpha == 255, plain, np.uint8([1, 2, 3])))


@pytest.mark.parametrize(
    "name",
    ["truncated.jpg", "empty.jpg", "text.jpg", "dot_underscore_resource_fork.jpg", "large_text_chunk.png",
     "transparent_outside.png"],
)  # fmt: skip
def test_broken_files_from_elsewhere_are_refused_by_name(inputs, name):
    with pytest.raises(InputError, match=name.replace(".", r"\.")):
        decoded(inputs / name)


def test_names_of_images():
    assert all(map(decoding.is_image_name, ("a.jpg", "a.b.JPEG", "ä.Png", "n02105855_2933.JPEG", "x.webp")))
    assert not any(map(decoding.is_image_name, ("._a.jpg", ".a.png", "Thumbs.db", "a.txt", "jpg", "a.jpg.part")))
