"""Labelled images: which files are taken, what is refused, and by which name."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from early_alignment.errors import InputError
from early_alignment.networks import loaders
from early_alignment.training import class_folders, evaluation, labelled_images, loop, resizing
from PIL import Image
from small_training import RECIPE, write_images
from torchvision.datasets import ImageFolder

N_TRAIN, N_VAL = 21, 9


@pytest.fixture
def root(tmp_path) -> Path:
    return write_images(tmp_path / "images")


JUNK = {
    "train/dark/._0.png": "hidden",
    "train/dark/.DS_Store": "hidden",
    "train/dark/Thumbs.db": "no image",
    "train/light/notes.txt": "no image",
    "train/.Trashes/0.png": "hidden",
    "train/__MACOSX/dark/._1.png": "hidden",
    "train/light/.thumbnails/0.png": "hidden",
    "train/.DS_Store": "hidden",
    "val/light/._0.png": "hidden",
    "val/README.txt": "no image",
}


def with_junk(root: Path) -> Path:
    for name in JUNK:
        (root / name).parent.mkdir(exist_ok=True, parents=True)
        (root / name).write_bytes(b"\0\5\x16\7\0\2\0\0Mac OS X")
    return root


def test_images_come_in_torchvisions_order(root):
    for name in ("deeper/z.PNG", "deeper/a.jpeg", "deeper/and deeper/b.webp", "100.png", "deeper.png", "Ä.png"):
        (root / "train/dark" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / "train/dark/0.png", root / "train/dark" / name)
    shutil.copytree(root / "train/light", root / "elsewhere")
    (root / "train/dark/linked").symlink_to(root / "elsewhere", target_is_directory=True)
    ours, theirs = labelled_images.image_folder(root, "train"), ImageFolder(root / "train")
    assert len(ours) == N_TRAIN + 6 + 10
    assert (ours.classes, ours.samples) == (theirs.classes, theirs.samples)
    for (image, label), (other, other_label) in zip(ours, theirs, strict=True):
        assert label == other_label
        np.testing.assert_array_equal(image, other)


def test_what_is_hidden_or_no_image_is_passed_over_and_counted(root, capsys):
    before = labelled_images.image_folder(root, "train").samples
    assert capsys.readouterr().out == ""
    with_junk(root)
    after = labelled_images.image_folder(root, "train", like="val")
    assert (after.classes, after.samples) == (["dark", "light"], before)
    # Two hidden folders that would be classes, one within a class, and five files.
    assert "8 files or folders passed over, hidden or no images: train/.DS_Store, " in capsys.readouterr().out


def test_classes_that_differ_are_named_in_both_directions(root):
    for name in ("a", "b"):
        shutil.copytree(root / "train/dark", root / f"train/{name}")
    shutil.copytree(root / "val/dark", root / "val/c")
    (root / "train/empty").mkdir()
    (root / "val/empty").mkdir()
    (root / "val/empty/notes.txt").touch()
    with pytest.raises(InputError) as caught:
        labelled_images.image_folder(root, "train", like="val")
    assert caught.value.found == (
        "no images in 1 class (empty) of train/; no images in 1 class (empty) of val/; "
        "2 classes (a, b) in train/ and not in val/; 1 class (c) in val/ and not in train/"
    )


def test_folders_without_classes_are_refused(root):
    for path in (root / "val").rglob("*.png"):
        path.rename(root / "val" / f"{path.parent.name}{path.name}")
    for name in ("dark", "light"):
        (root / "val" / name).rmdir()
    with pytest.raises(InputError, match=r"val\n.*no folders of classes, but 9 files[\s\S]*a folder per class"):
        labelled_images.image_folder(root, "val")
    with pytest.raises(InputError, match=r"nowhere/train\n.*No such file"):
        labelled_images.image_folder(root / "nowhere", "train")


# Training ---------------------------------------------------------------------------------------------------------


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-200])


@pytest.mark.parametrize("name", ["train/dark/3.png", "val/light/2.png"])
def test_a_training_names_the_file_that_does_not_decode_and_says_no_more(root, tmp_path, name):
    cut_short(root / name)
    with pytest.raises(InputError) as caught:
        loop.train(RECIPE, root, seed=1, last_epoch=1, folder=tmp_path / "training", workers=1)
    assert str(caught.value).startswith(f"{root / name}\n  found:    ")
    assert "remove the file, or replace it" in caught.value.remedy
    assert "worker" not in str(caught.value)
    assert "Traceback" not in str(caught.value)


def test_other_errors_of_workers_stay_what_they_are():
    class Faulty(torch.utils.data.Dataset):
        def __len__(self):
            return 2

        def __getitem__(self, index):
            raise KeyError("a fault of the program")

    with pytest.raises(KeyError, match=r"worker process[\s\S]*a fault of the program"):
        list(loaders.Loader(Faulty(), 2, num_workers=1))


@pytest.mark.long
def test_batches_are_those_of_torchs_loader(root):
    images = labelled_images.image_folder(root, "val", labelled_images.validation_transform(32, 36))
    for workers in (0, 1):
        ours = loaders.Loader(images, 4, num_workers=workers)
        theirs = torch.utils.data.DataLoader(images, 4)
        assert len(ours) == len(theirs)
        for (x, labels), (y, others) in zip(ours, theirs, strict=True):
            assert torch.equal(x, y)
            assert torch.equal(labels, others)


def cut_out(path: Path, side: int = 40) -> np.ndarray:
    """Write an image of which half is transparent; returns what it is on a white background."""
    pixels = np.random.default_rng(0).integers(0, 200, (side, side, 4), dtype=np.uint8)
    pixels[..., 3] = np.where(np.arange(side) < side // 2, 255, 0)
    Image.fromarray(pixels).save(path)
    return np.where(pixels[..., 3:] == 255, pixels[..., :3], np.uint8(255))


def test_transparent_pixels_show_the_recipes_background_wherever_images_are_shown(root):
    white = cut_out(root / "val/dark/0.png")
    cut_out(root / "train/dark/0.png")
    folder = labelled_images.image_folder(root, "val", background=255)
    np.testing.assert_array_equal(folder[0][0], white)
    Image.fromarray(white).save(root / "val/dark/1.png")
    shown = evaluation.validation_images(root, 32, 36, background=255)
    assert torch.equal(shown[0][0], shown[1][0])
    (on_white,) = labelled_images.calibration_batches(root, 1, 100, 40, 0, background=255)
    (on_grey,) = labelled_images.calibration_batches(root, 1, 100, 40, 0, background=127)
    assert (on_white != on_grey).flatten(1).any(dim=1).sum() == 1
    with pytest.raises(InputError, match=r"val/dark/0\.png[\s\S]*set training\.background"):
        labelled_images.image_folder(root, "val")[0]


def test_a_training_does_not_go_on_over_another_background(root, tmp_path):
    loop.train(RECIPE, root, seed=1, last_epoch=0, folder=tmp_path / "training", workers=0)
    with pytest.raises(InputError, match=r"a training with background = 127\n.*background = \[1, 2, 3\]"):
        loop.train(replace(RECIPE, background=[1, 2, 3]), root, 1, 0, tmp_path / "training", workers=0)


# The check --------------------------------------------------------------------------------------------------------


def looked_over(root: Path, every_image: bool = False, splits=("train", "val")):
    with ThreadPoolExecutor(2) as pool:
        return class_folders.check(root, splits, 127, every_image, pool)


def test_the_check_says_what_there_is(root):
    lines, errors = looked_over(with_junk(root))
    assert errors == []
    assert lines == [
        "labelled images: 21 in 2 classes of train/, 9 in 2 classes of val/; 30 of them decoded; 10 files or folders "
        "passed over, hidden or no images: train/.DS_Store, train/.Trashes, train/__MACOSX, "
        "train/dark/.DS_Store, train/dark/._0.png, …"
    ]
    assert looked_over(root, splits=("val",))[0][0].startswith("labelled images: 9 in 2 classes of val/; 9 of them")


def test_the_check_finds_all_that_is_wrong_at_once(root):
    (root / "train/dark/3.png").write_text("no image")
    (root / "val/light/2.png").write_bytes(b"")
    (root / "train/empty").mkdir()
    _, errors = looked_over(root)
    assert sorted(error.where.removeprefix(str(root)) for error in errors) == [
        "",
        "/train/dark/3.png",
        "/val/light/2.png",
    ]
    shutil.rmtree(root / "val")
    _, errors = looked_over(root)
    assert sorted(error.where.removeprefix(str(root)) for error in errors) == ["", "/train/dark/3.png", "/val"]


def test_the_check_decodes_a_sample_or_all(root, monkeypatch):
    monkeypatch.setattr(class_folders, "SAMPLE", 7)
    for path in root.rglob("*.png"):
        path.write_text("no image")
    lines, errors = looked_over(root)
    assert "; 7 of them decoded" in lines[0]
    assert len(errors) == 7
    assert [str(error) for error in looked_over(root)[1]] == [str(error) for error in errors]
    lines, errors = looked_over(root, every_image=True)
    assert "; all of them decoded" in lines[0]
    # Ten are shown, and one says how many more there are.
    assert len(errors) == 11
    assert errors[-1].found == "20 more such images"


# The resized copy -------------------------------------------------------------------------------------------------


def test_a_resized_copy_holds_what_would_be_decoded_without_it(root, tmp_path):
    gradient = np.linspace(0, 255, 600, dtype=np.uint8)[None, :, None] * np.ones((400, 1, 3), np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(gradient).save(root / "train/dark/turned.jpg", exif=exif, quality=95)
    Image.fromarray(gradient[..., 0].astype(np.uint16) * 257).save(root / "train/dark/sixteen.png")
    cut_out(root / "train/dark/cut_out.png", side=600)
    with_junk(root)
    summary = resizing.resize_folder(root, tmp_path / "copy", short_side=256, quality=95, workers=1)
    assert summary["images"] == N_TRAIN + N_VAL + 3
    assert summary["copied_as_they_are"] == N_TRAIN + N_VAL + 1
    before, after = (
        labelled_images.image_folder(folder, "train", background=127) for folder in (root, tmp_path / "copy")
    )
    names = [Path(path).name for path, _ in before.samples]
    assert names == [Path(path).name for path, _ in after.samples]
    for name, size in (("turned.jpg", (256, 384)), ("sixteen.png", (384, 256)), ("cut_out.png", (600, 600))):
        small, whole = after[names.index(name)][0], before[names.index(name)][0]
        assert small.size == size
        expected = np.asarray(whole.resize(size, Image.Resampling.BICUBIC)).astype(int)
        assert np.abs(np.asarray(small) - expected).max() <= 4, name


def test_a_small_image_that_does_not_decode_is_named_before_it_is_copied(root, tmp_path):
    cut_short(root / "train/dark/3.png")
    with pytest.raises(InputError, match=r"images/train/dark/3\.png"):
        resizing.resize_folder(root, tmp_path / "copy", short_side=256, quality=95, workers=1)
    assert not (tmp_path / "copy/train/dark/3.png").exists()
    assert not list((tmp_path / "copy").rglob(".*.part"))
