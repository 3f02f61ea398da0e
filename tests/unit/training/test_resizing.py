"""The resized copy of labelled images."""

import pytest
from early_alignment.errors import InputError
from early_alignment.training import labelled_images, resizing
from PIL import Image
from small_training import write_images


@pytest.fixture
def images(tmp_path):
    root = write_images(tmp_path / "images")
    Image.new("CMYK", (800, 600), (10, 200, 30, 0)).save(root / "train/dark/big.JPEG")
    return root


def test_large_images_become_smaller_and_all_keep_their_place(images, tmp_path):
    copy = tmp_path / "copy"
    summary = resizing.resize_folder(images, copy, short_side=256, quality=95, workers=2)
    assert summary == {"short_side": 256, "quality": 95, "images": 31, "copied_as_they_are": 30}
    before, after = (labelled_images.image_folder(root, "train") for root in (images, copy))
    assert [str(p).removeprefix(str(images)) for p, _ in before.samples] == [
        str(p).removeprefix(str(copy)) for p, _ in after.samples
    ]
    with Image.open(copy / "train/dark/big.JPEG") as big:
        assert (big.size, big.mode) == ((341, 256), "RGB")
    # The same colours, within what JPEG loses.
    original = before[[p.endswith("big.JPEG") for p, _ in before.samples].index(True)][0]
    resized = after[[p.endswith("big.JPEG") for p, _ in after.samples].index(True)][0]
    assert all(abs(a - b) <= 3 for a, b in zip(original.getpixel((9, 9)), resized.getpixel((9, 9)), strict=True))
    assert (copy / "train/dark/0.png").read_bytes() == (images / "train/dark/0.png").read_bytes()


def test_a_copy_goes_on_where_it_stopped(images, tmp_path):
    copy = tmp_path / "copy"
    (copy / "val/light").mkdir(parents=True)
    (copy / "val/light/0.png").write_bytes(b"already there")
    resizing.resize_folder(images, copy, short_side=256, quality=95, workers=1)
    assert (copy / "val/light/0.png").read_bytes() == b"already there"


def test_what_is_no_image_is_named(images, tmp_path):
    (images / "train/dark/notes.jpg").write_text("no image")
    with pytest.raises(InputError, match=r"notes\.jpg"):
        resizing.resize_folder(images, tmp_path / "copy", short_side=256, quality=95, workers=2)
    with pytest.raises(InputError, match="no images"):
        resizing.resize_folder(tmp_path / "nowhere", tmp_path / "copy", short_side=256, quality=95, workers=1)
