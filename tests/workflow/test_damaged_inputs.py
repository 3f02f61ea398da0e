"""Damaged inputs by kind: each is refused by name, in a few lines, before anything else starts.

An intact experiment of every format is written once. Each case damages a copy in one way, and what `snakemake check`
looks at is looked at here in this process. docs/testing.md has the number of cases of each kind.
"""

import json
import pickle
import re
import shutil
import struct
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
import zarr
from conftest import REPOSITORY, run
from early_alignment.datasets import open_dataset, things_eeg2, things_eeg2_preprocessing
from early_alignment.errors import InputError
from early_alignment.experiment import checks
from early_alignment.experiment import config as library
from early_alignment.networks import networks
from early_alignment.training import class_folders, labelled_images
from PIL import Image
from scipy.io import loadmat, savemat
from scipy.spatial.distance import squareform
from small_algonauts2023 import write_algonauts
from small_kriegeskorte92 import structures, write_humans, write_supplement
from small_nsd import write_nsd
from small_things_eeg2 import CHANNELS, RECORDED, write_images, write_preprocessed, write_raw
from small_training import write_images as write_labelled_images

# Intact experiments ----------------------------------------------------------------------------------------------

N = 6
"""Conditions of data of one's own."""


def write_stimuli(root: Path) -> list[str]:
    rng = np.random.default_rng(3)
    (root / "stimuli").mkdir(parents=True)
    for i in range(N):
        Image.fromarray(rng.integers(0, 256, (40, 40, 3), dtype=np.uint8)).save(root / f"stimuli/{i}.png")
    return [str(i) for i in range(N)]


def write_rdms(root: Path) -> dict:
    write_stimuli(root)
    for subject in "ab":
        (root / f"sub-{subject}").mkdir()
        pairs = np.random.default_rng(ord(subject)).uniform(0.1, 1, N * (N - 1) // 2)
        np.save(root / f"sub-{subject}/LOC.npy", squareform(pairs) if subject == "a" else pairs)
    return {"format": "rdms", "subjects": ["a", "b"], "targets": ["LOC"]}


def write_tables(root: Path) -> np.ndarray:
    lines = [f"{name},{name}.png,{i % 2}" for i, name in enumerate(write_stimuli(root))]
    (root / "conditions.csv").write_text("\n".join(["condition,image,label", *lines]))
    return np.random.default_rng(4).normal(size=(N, 3, 8, 5))


def write_npy(root: Path) -> dict:
    np.save(root / "sub-ann.npy", write_tables(root))
    (root / "units.csv").write_text("region\n" + "V1v\nPPA\n" * 4)
    (root / "times.csv").write_text("seconds\n" + "".join(f"{i / 10}\n" for i in range(5)))
    return {"format": "responses", "subjects": ["ann"], "targets": ["V1v_200ms"]}


def write_zarr3(root: Path) -> dict:
    zarr.create_array(root / "sub-ann.zarr", data=write_tables(root)[..., 0], chunks=(2, 3, 2), shards=(4, 3, 4))
    return {"format": "responses", "subjects": ["ann"], "targets": ["all"]}


def write_zarr2(root: Path) -> dict:
    zarr.create_array(root / "sub-ann.zarr", data=write_tables(root)[..., 0], chunks=(3, 3, 4), zarr_format=2)
    return {"format": "responses", "subjects": ["ann"], "targets": ["all"]}


def write_fmri(root: Path) -> dict:
    write_algonauts(root)
    return {"format": "algonauts2023", "subjects": [1, 2], "targets": ["V1v", "PPA"]}


def write_native(root: Path) -> dict:
    write_nsd(root)
    return {"format": "nsd", "subjects": [1, 2], "targets": ["V1v"], "min_ncsnr": 0.3}


def write_eeg(root: Path) -> dict:
    write_images(root)
    rng = np.random.default_rng(5)
    write_preprocessed(root, "training", rng.normal(size=(8, 4, 17, 100)))
    write_preprocessed(root, "test", rng.normal(size=(5, 8, 17, 100)))
    shutil.copytree(root / "preprocessed_data/sub-01", root / "preprocessed_data/sub-02")
    return {"format": "things_eeg2", "subjects": [1, 2], "targets": ["170ms"]}


def write_raw_eeg(root: Path) -> dict:
    write_images(root)
    for partition in ("training", "test"):
        write_raw(root, 1, partition, np.random.default_rng(6))
    return {"format": "things_eeg2_raw", "subjects": [1], "targets": ["170ms"], "sessions": [1]}


def write_92(root: Path) -> dict:
    write_supplement(root)
    write_humans(root)
    return {"format": "kriegeskorte92", "subjects": [1, 2, 3, 4], "targets": ["human_IT", "monkey_IT"]}


def write_labelled(root: Path) -> dict:
    write_labelled_images(root.parent / "images")
    return write_rdms(root)


def write_checkpoints(root: Path) -> dict:
    (root.parent / "nets").mkdir()
    for epoch in (0, 1):
        torch.manual_seed(epoch)
        torch.save(torchvision.models.shufflenet_v2_x0_5(num_classes=3).state_dict(), network_file(root.parent, epoch))
    return write_rdms(root)


def network_file(folder: Path, epoch: int = 1) -> Path:
    return folder / f"nets/ep{epoch}.pt"


WRITERS = {
    "rdms": write_rdms,
    "npy": write_npy,
    "zarr3": write_zarr3,
    "zarr2": write_zarr2,
    "algonauts2023": write_fmri,
    "nsd": write_native,
    "things_eeg2": write_eeg,
    "things_eeg2_raw": write_raw_eeg,
    "kriegeskorte92": write_92,
    "labelled": write_labelled,
    "checkpoints": write_checkpoints,
}


@pytest.fixture(scope="module")
def intact(tmp_path_factory, images):
    """Experiment → its folder and its config, whose paths begin with the folder; each is written when it is wanted."""
    written = {}

    def of(name: str) -> tuple[Path, dict]:
        if name not in written:
            folder = tmp_path_factory.mktemp(name)
            (folder / "data").mkdir()
            settings = WRITERS[name](folder / "data") | {"root": f"{folder}/data"}
            own_images = folder / "images"
            training = {"images": str(own_images if own_images.exists() else images), "epochs": 1}
            training |= {"image_size": 32, "validation_resize": 32}
            network = {"architecture": "resnet18", "blocks": ["layer1"], "seeds": [1], "epochs": [0, 1]}
            network["training"] = training
            if name == "checkpoints":
                network |= {"architecture": "shufflenet_v2_x0_5", "blocks": ["stage2"]}
                network["checkpoints"] = f"{folder}/nets/ep{{epoch}}.pt"
            config = {
                "results": f"{folder}/results",
                "networks": {"net": network},
                "features": {"image_size": 32},
                "datasets": {"study": settings},
            }
            written[name] = folder, config
        return written[name]

    return of


def copied(intact, name: str, to: Path) -> tuple[Path, dict]:
    """A copy of an intact experiment, to damage."""
    folder, config = intact(name)
    shutil.copytree(folder, to, symlinks=True)
    return to, json.loads(json.dumps(config).replace(str(folder), str(to)))


def errors_of(config: dict) -> list[InputError]:
    """What `snakemake check` says of a config and what it names, without Snakemake."""
    try:
        config = library.checked(config)
        library.check_roots(config)
        library.check_own_files(config)
        [open_dataset(*of).targets for of in config["datasets"].items()]
    except InputError as error:
        return [error]
    return checks.problems(config)[1]


@pytest.mark.parametrize("name", WRITERS)
def test_nothing_is_said_against_what_is_intact(intact, name):
    assert errors_of(intact(name)[1]) == []


# Ways to damage a file -------------------------------------------------------------------------------------------


def gone(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink()


def empty(path: Path) -> None:
    path.write_bytes(b"")


def halved(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def shorter(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-64])


def a_page_of_text(path: Path) -> None:
    path.write_text("<html><body>Log in to download</body></html>\n" * 20)


def zeros(path: Path) -> None:
    """As a file system leaves a file behind whose content it had not written before a crash."""
    path.write_bytes(bytes(path.stat().st_size))


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def a_dangling_link(path: Path) -> None:
    path.unlink()
    path.symlink_to("nowhere")


def flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x40
    path.write_bytes(content)


def bytes_in(old: bytes, new: bytes):
    def damage(path: Path) -> None:
        content = path.read_bytes()
        assert old in content
        path.write_bytes(content.replace(old, new))

    return damage


def text(content: str, encoding: str = "utf-8"):
    return lambda path: path.write_text(content, encoding=encoding)


def picture(image: Image.Image, **options):
    return lambda path: image.save(path, **options)


def array(change):
    """An array in a `.npy` file changed."""
    return lambda path: np.save(path, change(np.load(path)))


def pickled(change):
    """What a published `.npy` file wraps changed."""
    return lambda path: np.save(path, change(np.load(path, allow_pickle=True).item()), allow_pickle=True)


def with_items(**items):
    """A dictionary of which some values are changed, each by a function."""
    return pickled(lambda content: content | {key: change(content[key]) for key, change in items.items()})


def without(key):
    return pickled(lambda content: {name: value for name, value in content.items() if name != key})


def matrix(**variables):
    """Variables of a MATLAB file changed, each by a function; None leaves it out."""

    def damage(path: Path) -> None:
        content = {key: value for key, value in loadmat(path).items() if key[0] != "_"}
        for key, change in variables.items():
            content[key] = None if change is None else change(content[key])
        savemat(path, {key: value for key, value in content.items() if value is not None})

    return damage


def hdf5(change):
    def damage(path: Path) -> None:
        import h5py

        with h5py.File(path, "r+") as file:
            change(file)

    return damage


def replaced(file, key: str, value) -> None:
    del file[key]
    file[key] = value


def nifti(change):
    def damage(path: Path) -> None:
        import nibabel

        values = np.asarray(nibabel.load(path).dataobj)
        nibabel.save(nibabel.Nifti1Image(change(values), np.eye(4)), path)

    return damage


def state(change):
    """The state dict of a checkpoint changed."""
    return lambda path: torch.save(change(torch.load(path, weights_only=True)), path)


def tensor(name: str, change):
    return state(lambda weights: OrderedDict(weights) | {name: change(weights[name])})


class Harmful:
    """Asks whoever unpickles it to make a folder."""

    def __reduce__(self):
        return Path.mkdir, (Path("harm"),)


def at(value, place=(1, 2)):
    """An array with a value at a place, and at the mirrored one."""

    def change(values):
        values = np.array(values)
        values[place] = values[place[::-1]] = value
        return values

    return change


def drop_inner_chunk(path: Path) -> None:
    """Of a shard that is there, one chunk that is not."""
    content = bytearray(path.read_bytes())
    index = np.frombuffer(content[-68:-4], "<u8").reshape(4, 2).copy()
    index[1] = 2**64 - 1
    content[-68:-4] = index.tobytes()
    content[-4:] = struct.pack("<I", crc32c(content[-68:-4]))
    path.write_bytes(content)


def replaced_in(values: np.ndarray, place, value) -> np.ndarray:
    values = np.array(values)
    values[place] = value
    return values


def in_all(pattern: str, damage):
    """All files of a folder damaged that a pattern fits."""
    return lambda folder: [damage(path) for path in list(folder.glob(pattern))]


def hidden(folder: Path) -> None:
    for path in list(folder.iterdir()):
        path.rename(path.with_name(f"._{path.name}"))


def without_classes(folder: Path) -> None:
    for path in list(folder.glob("*/*")):
        path.rename(folder / f"{path.parent.name}-{path.name}")
    for path in list(folder.iterdir()):
        if path.is_dir():
            path.rmdir()


def objects(**fields):
    return matrix(stimuli_92objs=lambda images: structures(np.array([fields] * 92)))


def crc32c(content: bytes) -> int:
    """The checksum bit by bit, with Castagnoli's polynomial."""
    value = 0xFFFFFFFF
    for byte in content:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    return value ^ 0xFFFFFFFF


def as_npz(path: Path) -> None:
    np.savez(path.with_suffix(".npz"), rdm=np.load(path))
    path.with_suffix(".npz").replace(path)


def as_group(path: Path) -> None:
    shutil.rmtree(path)
    zarr.open_group(path, mode="w").create_array("betas", data=np.ones((N, 8)))


def zipped(path: Path) -> None:
    shutil.make_archive(str(path), "zip", path)
    shutil.rmtree(path)


def as_hdf5(path: Path) -> None:
    import h5py

    with h5py.File(path, "w", userblock_size=512) as file:
        file["x"] = 1
    with open(path, "r+b") as file:  # MATLAB's own header, in the block that HDF5 leaves free
        file.write(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM")


def copied_as(name: str):
    return lambda path: shutil.copy(path, path.with_name(name))


def moved_to(name: str):
    return lambda path: path.rename(path.with_name(name))


def keys(**values):
    """Keys of the config; `a__b` is b in a."""

    def damage(config: dict) -> None:
        for key, value in values.items():
            *folders, last = key.split("__")
            inner = config
            for name in folders:
                inner = inner.setdefault(name, {})
            inner[last] = value

    return damage


# The table -------------------------------------------------------------------------------------------------------

STIMULUS, LABELLED, RDM = "data/stimuli/2.png", "images/train/dark/4.png", "data/sub-a/LOC.npy"
GREY, BLACK = Image.new("L", (40, 40), 90), Image.new("L", (40, 40))
TABLES = {name: f"data/{name}.csv" for name in ("conditions", "units", "times")}
FMRI = "data/subj01"
BETAS = f"{FMRI}/training_split/training_fmri/lh_training_fmri.npy"
PICTURES = f"{FMRI}/training_split/training_images"
MASK, MAPPING = (
    f"{FMRI}/roi_masks/lh.prf-visualrois_challenge_space.npy",
    f"{FMRI}/roi_masks/mapping_prf-visualrois.npy",
)
METADATA, EEG = "data/image_set/image_metadata.npy", "data/preprocessed_data/sub-01/preprocessed_eeg_test.npy"
RAW = "data/raw_data/sub-01/ses-01/raw_eeg_test.npy"
DESIGN, BRICK = "data/nsddata/experiments/nsd/nsd_expdesign.mat", "data/nsddata_stimuli/stimuli/nsd/nsd_stimuli.hdf5"
NATIVE = "data/nsddata_betas/ppdata/subj0{}/func1pt8mm/betas_fithrf_GLMdenoise_RR"
SESSION, NIFTI = f"{NATIVE.format(1)}/betas_session01.hdf5", f"{NATIVE.format(2)}/betas_session01.nii.gz"
ROI = "data/nsddata/ppdata/subj01/func1pt8mm/roi"
CTAB = "data/nsddata/freesurfer/subj01/label/prf-visualrois.mgz.ctab"
SUPPLEMENT, HUMANS = "data/Kriegeskorte_Neuron2008_supplementalData.mat", "data/92_brainRDMs.mat"
CHECKPOINT = "nets/ep1.pt"
CONDITIONS = "condition,image\n"
FIRST = "conv1.0.weight"
STILL = with_items(preprocessed_eeg_data=lambda data: replaced_in(data, np.s_[:, :, 3], 1))

# Kind → cases: what is wrong, of which experiment, where, how; and what is named, if that is not where.
CASES = {
    "stimulus images": [
        ("an empty file", "rdms", STIMULUS, empty),
        ("half a file", "rdms", STIMULUS, halved),
        ("a web page", "rdms", STIMULUS, a_page_of_text),
        ("zeros", "rdms", STIMULUS, zeros),
        ("a folder of an image's name", "rdms", STIMULUS, a_folder),
        ("a dangling link", "rdms", STIMULUS, a_dangling_link),
        ("a flipped bit in the pixels", "rdms", STIMULUS, flipped),
        ("an animation", "rdms", STIMULUS, picture(GREY, format="GIF", save_all=True, append_images=[BLACK])),
        ("two pages", "rdms", STIMULUS, picture(GREY, format="TIFF", save_all=True, append_images=[GREY])),
        ("floats", "rdms", STIMULUS, picture(GREY.convert("F"), format="TIFF")),
        ("32-bit integers", "rdms", STIMULUS, picture(GREY.convert("I"), format="TIFF")),
        ("LAB colours", "rdms", STIMULUS, picture(Image.new("LAB", (40, 40)), format="TIFF")),
        ("transparent pixels", "rdms", STIMULUS, picture(Image.new("RGBA", (40, 40), (9, 9, 9, 99)))),
        ("one pixel", "rdms", STIMULUS, picture(GREY.resize((1, 1)))),
        ("a billion pixels", "rdms", STIMULUS, bytes_in(struct.pack(">II", 40, 40), struct.pack(">II", 30000, 30000))),
        ("two images of a condition", "rdms", STIMULUS, copied_as("2.jpg"), "data/stimuli"),
        ("no folder", "rdms", "data/stimuli", gone, "data/stimuli"),
        ("an image that the table names and that is not there", "npy", STIMULUS, gone),
        ("fewer images of fMRI than responses", "algonauts2023", f"{PICTURES}/train-0002_nsd-00027.png", gone, BETAS),
        ("an image of fMRI cut short", "algonauts2023", f"{PICTURES}/train-0001_nsd-00013.png", halved),
        (
            "an image of fMRI misnamed",
            "algonauts2023",
            f"{PICTURES}/train-0001_nsd-00013.png",
            moved_to("a.png"),
            PICTURES,
        ),
        (
            "two images of one number",
            "algonauts2023",
            f"{PICTURES}/train-0001_nsd-00013.png",
            copied_as("train-0009_nsd-00013.png"),
            PICTURES,
        ),
        ("no folder of fMRI's images", "algonauts2023", PICTURES, gone),
        (
            "an image of EEG that is not there",
            "things_eeg2",
            "data/image_set/test_images/00002_view1/view1_01s.jpg",
            gone,
        ),
    ],
    "labelled images": [
        ("an empty file", "labelled", LABELLED, empty),
        ("half a file", "labelled", LABELLED, halved),
        ("a web page", "labelled", LABELLED, a_page_of_text),
        ("a dangling link", "labelled", LABELLED, a_dangling_link),
        ("floats", "labelled", LABELLED, picture(GREY.convert("F"), format="TIFF")),
        ("an animation", "labelled", LABELLED, picture(GREY, format="GIF", save_all=True, append_images=[BLACK])),
        (
            "a class without images",
            "labelled",
            "images/val/light",
            lambda path: [gone(x) for x in path.iterdir()],
            "images",
        ),
        ("a class in one split alone", "labelled", "images/val/light", gone, "images"),
        ("hidden files alone in a class", "labelled", "images/val/light", hidden, "images"),
        ("a file in place of a split", "labelled", "images/val", lambda path: (gone(path), path.touch())),
        ("no split to validate on", "labelled", "images/val", gone),
        ("images without classes", "labelled", "images/train", without_classes),
    ],
    "RDMs": [
        ("no file", "rdms", RDM, gone),
        ("an empty file", "rdms", RDM, empty),
        ("half a file", "rdms", RDM, halved),
        ("a table of text", "rdms", RDM, text("0,1\n1,0\n")),
        ("a folder", "rdms", RDM, a_folder),
        ("an archive of arrays", "rdms", RDM, as_npz),
        ("Python objects", "rdms", RDM, array(lambda rdm: rdm.astype(object))),
        ("text in place of numbers", "rdms", RDM, array(lambda rdm: rdm.astype(str))),
        ("complex numbers", "rdms", RDM, array(lambda rdm: rdm + 0j)),
        ("true and false", "rdms", RDM, array(lambda rdm: rdm > 0)),
        ("named fields", "rdms", RDM, array(lambda rdm: rdm.view([("d", float)]))),
        ("one condition too few", "rdms", RDM, array(lambda rdm: rdm[1:, 1:])),
        ("one pair too few", "rdms", RDM, array(lambda rdm: squareform(rdm)[1:])),
        ("a third dimension", "rdms", RDM, array(lambda rdm: np.stack([rdm, rdm]))),
        ("not a number", "rdms", RDM, array(at(np.nan))),
        ("infinite", "rdms", RDM, array(at(np.inf))),
        ("beyond single precision", "rdms", RDM, array(at(1e300))),
        ("one triangle", "rdms", RDM, array(np.triu)),
        ("not symmetric", "rdms", RDM, array(lambda rdm: rdm + np.eye(N, k=1))),
        ("similarities", "rdms", RDM, array(lambda rdm: 1 - rdm)),
        ("negative", "rdms", RDM, array(at(-0.5))),
        ("constant", "rdms", RDM, array(lambda rdm: 1 - np.eye(N))),
        ("zeros", "rdms", RDM, array(lambda rdm: 0 * rdm)),
    ],
    "responses in npy": [
        ("no file", "npy", "data/sub-ann.npy", gone),
        ("half a file", "npy", "data/sub-ann.npy", halved),
        ("a second file in zarr", "npy", "data/sub-ann.npy", lambda path: path.with_suffix(".zarr").mkdir()),
        ("conditions along another axis", "npy", "data/sub-ann.npy", array(lambda data: data.swapaxes(0, 2))),
        ("no repetitions, no times", "npy", "data/sub-ann.npy", array(lambda data: data[:, 0, :, 0])),
        ("no units", "npy", "data/sub-ann.npy", array(lambda data: data[:, :, :0]), TABLES["units"]),
        ("complex numbers", "npy", "data/sub-ann.npy", array(lambda data: data + 0j)),
        ("dates", "npy", "data/sub-ann.npy", array(lambda data: data.astype("M8[s]"))),
        (
            "a unit not a number",
            "npy",
            "data/sub-ann.npy",
            array(lambda data: replaced_in(data, (1, 1, 0), np.nan)),
            "data",
        ),
        (
            "a unit infinite",
            "npy",
            "data/sub-ann.npy",
            array(lambda data: replaced_in(data, (1, 1, 0), np.inf)),
            "data",
        ),
        (
            "a unit constant",
            "npy",
            "data/sub-ann.npy",
            array(lambda data: replaced_in(data, np.s_[:, :, 0], 2)),
            "data",
        ),
        (
            "a condition never measured",
            "npy",
            "data/sub-ann.npy",
            array(lambda data: replaced_in(data, 2, np.nan)),
            "data",
        ),
        (
            "a condition the same in all units",
            "npy",
            "data/sub-ann.npy",
            array(lambda data: replaced_in(data, 2, 1)),
            "data",
        ),
    ],
    "responses in zarr 2 and 3": [
        ("no description", "zarr3", "data/sub-ann.zarr/zarr.json", gone, "data/sub-ann.zarr"),
        ("no description, format 2", "zarr2", "data/sub-ann.zarr/.zarray", gone, "data/sub-ann.zarr"),
        ("half a description", "zarr3", "data/sub-ann.zarr/zarr.json", halved, "data/sub-ann.zarr"),
        ("another shape described", "zarr2", "data/sub-ann.zarr/.zarray", bytes_in(b"6,", b"9,"), "data/sub-ann.zarr"),
        (
            "an unknown codec",
            "zarr3",
            "data/sub-ann.zarr/zarr.json",
            bytes_in(b'"zstd"', b'"zzzz"'),
            "data/sub-ann.zarr",
        ),
        ("a shard that is missing", "zarr3", "data/sub-ann.zarr/c/1/0/1", gone, "data/sub-ann.zarr"),
        ("a chunk that is missing", "zarr2", "data/sub-ann.zarr/1.0.1", gone, "data/sub-ann.zarr"),
        ("an empty shard", "zarr3", "data/sub-ann.zarr/c/1/0/1", empty, "data/sub-ann.zarr"),
        ("a chunk missing in a shard", "zarr3", "data/sub-ann.zarr/c/0/0/0", drop_inner_chunk, "data/sub-ann.zarr"),
        ("a shard cut short", "zarr3", "data/sub-ann.zarr/c/1/0/1", shorter),
        ("a few bytes of a shard", "zarr3", "data/sub-ann.zarr/c/1/0/1", lambda path: path.write_bytes(b"abcdefg")),
        ("a chunk cut short", "zarr2", "data/sub-ann.zarr/1.0.1", halved),
        ("a chunk of text", "zarr2", "data/sub-ann.zarr/1.0.1", a_page_of_text),
        ("a group", "zarr3", "data/sub-ann.zarr", as_group),
        ("a zip file", "zarr3", "data/sub-ann.zarr", zipped, "data/sub-ann.zarr.zip"),
        ("a file in place of the folder", "zarr3", "data/sub-ann.zarr", lambda path: (gone(path), path.touch())),
    ],
    "tables": [
        ("no conditions", "npy", TABLES["conditions"], gone),
        ("an empty file", "npy", TABLES["conditions"], empty),
        ("a header alone", "npy", TABLES["conditions"], text(CONDITIONS)),
        ("semicolons", "npy", TABLES["conditions"], text("condition;image\n0;0.png\n1;1.png\n2;2.png")),
        ("tabs", "npy", TABLES["conditions"], text("condition\timage\n0\t0.png\n1\t1.png\n2\t2.png")),
        (
            "a spreadsheet's own file",
            "npy",
            TABLES["conditions"],
            lambda path: path.write_bytes(b"PK\3\4\x14\0\xff\xfe"),
        ),
        ("UTF-16", "npy", TABLES["conditions"], text(CONDITIONS + "0,0.png\n1,1.png\n2,2.png", "utf-16")),
        ("a column too few", "npy", TABLES["conditions"], text("condition\n0\n1\n2")),
        ("a column twice", "npy", TABLES["conditions"], text("image,condition,image\n0,0,0\n")),
        ("a cell too many", "npy", TABLES["conditions"], text(CONDITIONS + "0,0.png\n1,1.png,x\n2,2.png")),
        ("a condition twice", "npy", TABLES["conditions"], text(CONDITIONS + "0,0.png\n1,1.png\n0,2.png")),
        ("a condition twice but for a space", "npy", TABLES["conditions"], bytes_in(b"\n1,", b"\n0 ,")),
        ("a condition without a name", "npy", TABLES["conditions"], bytes_in(b"\n1,", b"\n,")),
        ("a row too few", "npy", TABLES["conditions"], bytes_in(b"\n5,5.png,1", b""), "data/sub-ann.npy"),
        ("a label too few", "npy", TABLES["conditions"], bytes_in(b"1.png,1", b"1.png,")),
        (
            "UTF-16 without its mark",
            "npy",
            TABLES["conditions"],
            text(CONDITIONS + "0,0.png\n1,1.png\n2,2.png", "utf-16-le"),
        ),
        ("a null in a name", "npy", TABLES["conditions"], bytes_in(b"1.png", b"1\0.png")),
        ("no units", "npy", TABLES["units"], gone, "data"),
        ("a unit too few", "npy", TABLES["units"], text("region\n" + "V1v\nPPA\n" * 3)),
        ("another column", "npy", TABLES["units"], text("area\n" + "V1v\nPPA\n" * 4)),
        ("a region that is not there", "npy", TABLES["units"], text("region\n" + "V2v\nPPA\n" * 4)),
        ("a region of one unit", "npy", TABLES["units"], text("region\nV1v\n" + "PPA\n" * 7), "data"),
        ("no times", "npy", TABLES["times"], gone, "data/sub-ann.npy"),
        ("a time too few", "npy", TABLES["times"], text("seconds\n0\n0.1\n0.2\n0.3\n")),
        ("milliseconds", "npy", TABLES["times"], text("seconds\n0\n100\n200\n300\n400\n")),
        ("descending", "npy", TABLES["times"], text("seconds\n0.4\n0.3\n0.2\n0.1\n0\n")),
        ("a gap", "npy", TABLES["times"], text("seconds\n0\n0.1\n0.2\n0.3\n0.9\n")),
        ("not a number", "npy", TABLES["times"], text("seconds\n0\n0.1\nnan\n0.3\n0.4\n")),
        ("words", "npy", TABLES["times"], text("seconds\n0\n0.1\nsoon\n0.3\n0.4\n")),
        ("decimal commas", "npy", TABLES["times"], text('seconds\n0\n"0,1"\n"0,2"\n"0,3"\n"0,4"\n')),
    ],
    "fMRI of Algonauts 2023": [
        ("no subject", "algonauts2023", FMRI, gone, PICTURES),
        ("no responses", "algonauts2023", BETAS, gone),
        ("responses cut short", "algonauts2023", BETAS, shorter),
        ("a row too few", "algonauts2023", BETAS, array(lambda betas: betas[1:])),
        ("a vertex too few", "algonauts2023", BETAS, array(lambda betas: betas[:, 1:])),
        (
            "the other hemisphere's responses",
            "algonauts2023",
            BETAS,
            lambda path: shutil.copy(path.with_name("rh" + path.name[2:]), path),
        ),
        ("text", "algonauts2023", BETAS, array(lambda betas: betas.astype(str))),
        ("not numbers", "algonauts2023", BETAS, array(lambda betas: betas * np.nan), "data"),
        ("zeros", "algonauts2023", BETAS, array(lambda betas: betas * 0), "data"),
        ("no mask", "algonauts2023", MASK, gone),
        ("half a mask", "algonauts2023", MASK, halved),
        ("a mask of another length", "algonauts2023", MASK, array(lambda mask: mask[1:]), BETAS),
        ("a mask of two dimensions", "algonauts2023", MASK, array(lambda mask: mask[:, None])),
        ("a mask of not a number", "algonauts2023", MASK, array(lambda mask: mask * np.nan)),
        (
            "no vertices of a region",
            "algonauts2023",
            f"{FMRI}/roi_masks",
            in_all("?h.prf*", array(lambda mask: 0 * mask)),
            FMRI,
        ),
        ("no mapping", "algonauts2023", MAPPING, gone),
        ("half a mapping", "algonauts2023", MAPPING, halved),
        (
            "a mapping that is a list",
            "algonauts2023",
            MAPPING,
            lambda path: path.write_bytes(pickle.dumps(["Unknown", "V1v"])),
        ),
        (
            "a mapping from names",
            "algonauts2023",
            MAPPING,
            pickled(lambda names: {name: i for i, name in names.items()}),
        ),
        (
            "a mapping from text",
            "algonauts2023",
            MAPPING,
            pickled(lambda names: {str(i): name for i, name in names.items()}),
        ),
        (
            "a mapping to lists",
            "algonauts2023",
            MAPPING,
            pickled(lambda names: {i: [name] for i, name in names.items()}),
        ),
        ("a mapping that runs code", "algonauts2023", MAPPING, lambda path: path.write_bytes(pickle.dumps(Harmful()))),
    ],
    "EEG": [
        ("no metadata", "things_eeg2", METADATA, gone),
        ("half the metadata", "things_eeg2", METADATA, halved),
        ("metadata that run code", "things_eeg2", METADATA, lambda path: path.write_bytes(pickle.dumps(Harmful()))),
        ("metadata without files", "things_eeg2", METADATA, without("test_img_files")),
        ("a file too few", "things_eeg2", METADATA, with_items(test_img_files=lambda files: files[1:])),
        (
            "numbers in place of names",
            "things_eeg2",
            METADATA,
            with_items(test_img_files=lambda files: [1] * len(files)),
        ),
        (
            "a concept's images apart",
            "things_eeg2",
            METADATA,
            with_items(train_img_concepts=lambda names: names[::2] * 2),
        ),
        ("no responses", "things_eeg2", EEG, gone),
        ("responses cut short", "things_eeg2", EEG, shorter),
        ("responses that run code", "things_eeg2", EEG, lambda path: path.write_bytes(pickle.dumps(Harmful()))),
        ("an array alone", "things_eeg2", EEG, lambda path: np.save(path, np.ones((5, 8, 17, 100)))),
        ("no channels", "things_eeg2", EEG, without("ch_names")),
        ("an image too few", "things_eeg2", EEG, with_items(preprocessed_eeg_data=lambda data: data[1:])),
        ("no repetitions", "things_eeg2", EEG, with_items(preprocessed_eeg_data=lambda data: data[:, :0])),
        ("another channel", "things_eeg2", EEG, with_items(ch_names=lambda names: ["Cz", *names[1:]])),
        ("a channel twice", "things_eeg2", EEG, with_items(ch_names=lambda names: [names[1], *names[1:]])),
        ("milliseconds", "things_eeg2", EEG, with_items(times=lambda times: 1000 * times)),
        ("other times in a partition", "things_eeg2", EEG, with_items(times=lambda times: times + 0.05)),
        (
            "other times in a subject",
            "things_eeg2",
            "data/preprocessed_data/sub-02",
            in_all("*", with_items(times=lambda times: times + 0.05)),
            "data/preprocessed_data/sub-02/preprocessed_eeg_training.npy",
        ),
        ("words in place of times", "things_eeg2", EEG, with_items(times=lambda times: ["soon"] * len(times))),
        ("not numbers", "things_eeg2", EEG, with_items(preprocessed_eeg_data=lambda data: data * np.nan), "data"),
        ("complex numbers", "things_eeg2", EEG, with_items(preprocessed_eeg_data=lambda data: data + 0j)),
        ("a still channel", "things_eeg2", "data/preprocessed_data/sub-01", in_all("*", STILL), "data"),
        ("no raw file", "things_eeg2_raw", RAW, gone),
        ("half a raw file", "things_eeg2_raw", RAW, halved),
        (
            "raw data without a channel of events",
            "things_eeg2_raw",
            RAW,
            with_items(ch_names=lambda names: [*names[:-1], "x"]),
        ),
        (
            "raw data without a channel",
            "things_eeg2_raw",
            RAW,
            with_items(ch_names=lambda names: ["x" if n == "POz" else n for n in names]),
        ),
        ("raw data at no rate", "things_eeg2_raw", RAW, with_items(sfreq=lambda rate: 0)),
    ],
    "native NSD": [
        ("no design", "nsd", DESIGN, gone),
        ("half a design", "nsd", DESIGN, halved),
        ("a design in MATLAB's version 7.3", "nsd", DESIGN, as_hdf5),
        ("a design without shared images", "nsd", DESIGN, matrix(sharedix=None)),
        ("a design that counts from 0", "nsd", DESIGN, matrix(masterordering=lambda order: order - 1)),
        ("a design of text", "nsd", DESIGN, matrix(subjectim=lambda images: images.astype(str))),
        ("fewer trials than betas", "nsd", DESIGN, matrix(masterordering=lambda order: order[:, :9]), NATIVE.format(1)),
        ("no stimuli", "nsd", BRICK, gone),
        ("half the stimuli", "nsd", BRICK, halved),
        ("stimuli by another name", "nsd", BRICK, hdf5(lambda file: file.move("imgBrick", "images"))),
        ("stimuli in floats", "nsd", BRICK, hdf5(lambda file: replaced(file, "imgBrick", file["imgBrick"][:] / 255))),
        ("too few stimuli", "nsd", BRICK, hdf5(lambda file: replaced(file, "imgBrick", file["imgBrick"][:5]))),
        (
            "a group in place of stimuli",
            "nsd",
            BRICK,
            hdf5(lambda file: (file.move("imgBrick", "x"), file.create_group("imgBrick"))),
        ),
        ("no betas of a subject", "nsd", NATIVE.format(1), gone),
        (
            "a session in between that is missing",
            "nsd",
            f"{NATIVE.format(1)}/betas_session02.hdf5",
            gone,
            NATIVE.format(1),
        ),
        ("half a session", "nsd", SESSION, halved),
        ("a session by another name", "nsd", SESSION, hdf5(lambda file: file.move("betas", "x"))),
        (
            "a group in place of betas",
            "nsd",
            SESSION,
            hdf5(lambda file: (file.move("betas", "x"), file.create_group("betas"))),
        ),
        (
            "volumes of another shape",
            "nsd",
            f"{NATIVE.format(1)}/betas_session02.hdf5",
            hdf5(lambda file: replaced(file, "betas", file["betas"][:, 1:])),
        ),
        ("betas of text", "nsd", SESSION, hdf5(lambda file: replaced(file, "betas", file["betas"][:].astype("S5")))),
        ("half a session in NIfTI", "nsd", NIFTI, halved),
        ("a web page in place of NIfTI", "nsd", NIFTI, a_page_of_text),
        ("one volume in place of a session", "nsd", NIFTI, nifti(lambda betas: betas[..., 0])),
        ("no masks", "nsd", ROI, gone),
        ("half a mask", "nsd", f"{ROI}/prf-visualrois.nii.gz", halved),
        ("a flipped bit in a mask", "nsd", f"{ROI}/prf-visualrois.nii.gz", flipped),
        ("a mask of another shape", "nsd", f"{ROI}/prf-visualrois.nii.gz", nifti(lambda mask: mask[1:])),
        (
            "a mask without the region",
            "nsd",
            f"{ROI}/prf-visualrois.nii.gz",
            nifti(lambda mask: 0 * mask),
            "data/nsddata/ppdata/subj01",
        ),
        ("no names of regions", "nsd", CTAB, gone),
        ("names without numbers", "nsd", CTAB, text("V1v 1\n")),
        ("names in another encoding", "nsd", CTAB, lambda path: path.write_bytes(b"1 V1v\xe9 0 0 0 0\n")),
        ("no noise ceilings", "nsd", f"{NATIVE.format(1)}/ncsnr.nii.gz", gone),
        ("noise ceilings of another shape", "nsd", f"{NATIVE.format(1)}/ncsnr.nii.gz", nifti(lambda ncsnr: ncsnr[1:])),
    ],
    "Kriegeskorte et al.'s files": [
        ("no images", "kriegeskorte92", SUPPLEMENT, gone),
        ("half a file of images", "kriegeskorte92", SUPPLEMENT, halved),
        ("a web page", "kriegeskorte92", SUPPLEMENT, a_page_of_text),
        ("MATLAB's version 7.3", "kriegeskorte92", HUMANS, as_hdf5),
        ("an image too few", "kriegeskorte92", SUPPLEMENT, matrix(stimuli_92objs=lambda images: images[:, 1:])),
        ("images of floats", "kriegeskorte92", SUPPLEMENT, objects(image=np.ones((8, 8, 3))), f"{SUPPLEMENT}#1"),
        (
            "images without pixels",
            "kriegeskorte92",
            SUPPLEMENT,
            objects(image=np.ones((0, 8, 3), np.uint8)),
            f"{SUPPLEMENT}#1",
        ),
        (
            "no field of images",
            "kriegeskorte92",
            SUPPLEMENT,
            objects(pixels=np.ones((8, 8, 3), np.uint8)),
            f"{SUPPLEMENT}#1",
        ),
        ("no monkeys", "kriegeskorte92", SUPPLEMENT, matrix(RDMs_mIT_hIT_fig1=None)),
        ("no humans", "kriegeskorte92", HUMANS, gone),
        ("no RDMs", "kriegeskorte92", HUMANS, matrix(RDMs=None)),
        ("numbers in place of RDMs", "kriegeskorte92", HUMANS, matrix(RDMs=lambda rdms: np.ones((4, 2)))),
        ("a subject too few", "kriegeskorte92", HUMANS, matrix(RDMs=lambda rdms: rdms[:3])),
        (
            "an RDM of 91 images",
            "kriegeskorte92",
            "data",
            lambda root: write_humans(root, lambda rdm: rdm[1:, 1:]),
            HUMANS,
        ),
        ("an RDM with not a number", "kriegeskorte92", "data", lambda root: write_humans(root, at(np.nan)), HUMANS),
        (
            "an RDM of similarities",
            "kriegeskorte92",
            "data",
            lambda root: write_humans(root, lambda rdm: 1 - rdm),
            HUMANS,
        ),
        ("an RDM of one triangle", "kriegeskorte92", "data", lambda root: write_humans(root, np.triu), HUMANS),
    ],
    "checkpoints from elsewhere": [
        ("no file", "checkpoints", CHECKPOINT, gone, "config key networks.net.checkpoints"),
        ("an empty file", "checkpoints", CHECKPOINT, empty),
        ("half a file", "checkpoints", CHECKPOINT, halved),
        ("a file cut short", "checkpoints", CHECKPOINT, shorter),
        ("a flipped bit", "checkpoints", CHECKPOINT, flipped),
        ("a web page", "checkpoints", CHECKPOINT, a_page_of_text),
        ("another zip file", "checkpoints", CHECKPOINT, lambda path: zipfile.ZipFile(path, "w").writestr("a", "b")),
        (
            "a pickle that runs code",
            "checkpoints",
            CHECKPOINT,
            state(lambda weights: {"model": weights, "args": Harmful()}),
        ),
        ("a whole network", "checkpoints", CHECKPOINT, lambda path: torch.save(torch.nn.Linear(2, 2), path)),
        ("a list", "checkpoints", CHECKPOINT, state(lambda weights: list(weights.values()))),
        ("no state", "checkpoints", CHECKPOINT, state(lambda weights: {"epoch": 1, "loss": 0.1})),
        ("an empty state", "checkpoints", CHECKPOINT, state(lambda weights: {"state_dict": {}})),
        ("a number among tensors", "checkpoints", CHECKPOINT, tensor(FIRST, lambda weight: 0.1)),
        (
            "numbers in place of names",
            "checkpoints",
            CHECKPOINT,
            state(lambda weights: dict(enumerate(weights.values()))),
        ),
        (
            "another architecture",
            "checkpoints",
            CHECKPOINT,
            lambda path: torch.save(torchvision.models.squeezenet1_1(num_classes=2).state_dict(), path),
        ),
        (
            "another width",
            "checkpoints",
            CHECKPOINT,
            lambda path: torch.save(torchvision.models.shufflenet_v2_x1_0(num_classes=2).state_dict(), path),
        ),
        (
            "a tensor too few",
            "checkpoints",
            CHECKPOINT,
            state(lambda weights: {k: v for k, v in weights.items() if k != FIRST}),
        ),
        (
            "a tensor too many",
            "checkpoints",
            CHECKPOINT,
            state(lambda weights: OrderedDict(weights) | {"head": torch.ones(1)}),
        ),
        ("a tensor of another shape", "checkpoints", CHECKPOINT, tensor(FIRST, lambda weight: weight[1:])),
        ("a number of classes that is none", "checkpoints", CHECKPOINT, tensor("fc.bias", lambda bias: bias[0])),
        ("no classes", "checkpoints", CHECKPOINT, tensor("fc.bias", lambda bias: bias[:0])),
        ("weights not numbers", "checkpoints", CHECKPOINT, tensor(FIRST, lambda weight: weight * torch.nan)),
        ("weights infinite", "checkpoints", CHECKPOINT, tensor(FIRST, lambda weight: weight / 0)),
        (
            "weights beyond single precision",
            "checkpoints",
            CHECKPOINT,
            tensor(FIRST, lambda weight: weight.double() * 1e300),
        ),
        (
            "integers, as of quantisation",
            "checkpoints",
            CHECKPOINT,
            tensor(FIRST, lambda weight: (127 * weight).to(torch.int8)),
        ),
        ("complex weights", "checkpoints", CHECKPOINT, tensor(FIRST, lambda weight: weight + 0j)),
        ("sparse weights", "checkpoints", CHECKPOINT, tensor(FIRST, lambda weight: weight.to_sparse())),
        ("weights that were never there", "checkpoints", CHECKPOINT, tensor(FIRST, lambda weight: weight.to("meta"))),
    ],
    "networks and sizes of images": [
        (
            "an unknown network",
            "rdms",
            "config key networks.net.architecture",
            keys(networks__net__architecture="resnet19"),
        ),
        (
            "a network that detects",
            "rdms",
            "config key networks.net.architecture",
            keys(networks__net__architecture="ssd300_vgg16"),
        ),
        (
            "a block that is no module",
            "rdms",
            "config key networks.net.blocks, module layer5",
            keys(networks__net__blocks=["layer5"]),
        ),
        (
            "a block that does not run",
            "rdms",
            "config key networks.net.blocks, module encoder.layers.encoder_layer_0.self_attention.out_proj",
            keys(
                networks__net__architecture="vit_b_16",
                networks__net__blocks=["encoder.layers.encoder_layer_0.self_attention.out_proj"],
                features__image_size=224,
                networks__net__training__image_size=224,
                networks__net__training__validation_resize=224,
            ),
        ),
        (
            "stimuli of a size that the network does not take",
            "rdms",
            "config key features.image_size, network net",
            keys(
                networks__net__architecture="vit_b_16",
                networks__net__blocks=["encoder"],
                networks__net__training__image_size=224,
                networks__net__training__validation_resize=224,
            ),
        ),
        (
            "crops of a size that the network does not take",
            "rdms",
            "config key networks.net.training.image_size",
            keys(networks__net__architecture="vit_b_16", networks__net__blocks=["encoder"], features__image_size=224),
        ),
        (
            "validation images smaller than crops",
            "rdms",
            "config key networks.net.training.validation_resize",
            keys(networks__net__training__validation_resize=16),
        ),
        (
            "batch norm statistics without batch norm",
            "rdms",
            "config key networks.net.calibrated",
            keys(
                networks__net__architecture="squeezenet1_1",
                networks__net__blocks=["features"],
                networks__net__calibrated=[0],
            ),
        ),
        (
            "a distance that needs repetitions",
            "algonauts2023",
            "config key rdm.brain_distance, data set study",
            keys(rdm={"brain_distance": "crossnobis"}),
        ),
        (
            "a distance that published RDMs are not of",
            "kriegeskorte92",
            "config key rdm.brain_distance",
            keys(rdm={"distance": "cosine"}),
        ),
        (
            "pairs across labels that are not there",
            "kriegeskorte92",
            "config",
            keys(alignment={"pairs": ["across_partitions"]}),
            "data",
        ),
        (
            "a subject that is not there",
            "algonauts2023",
            "config",
            keys(datasets__study__subjects=[1, 3]),
            "data/subj03/training_split/training_images",
        ),
        (
            "a region that is not there",
            "algonauts2023",
            "config",
            keys(datasets__study__targets=["V9"]),
            f"{FMRI}/roi_masks",
        ),
        (
            "a time that is not there",
            "things_eeg2",
            "config",
            keys(datasets__study__targets=["1700ms"]),
            "data/preprocessed_data/sub-01/preprocessed_eeg_training.npy",
        ),
        (
            "a folder that is not there",
            "rdms",
            "config",
            keys(datasets__study__root="nowhere"),
            "the data folders that the config names",
        ),
        ("a file in place of a folder", "rdms", "config key results", keys(results=__file__)),
    ],
}


def responses_of(config: dict, subject: str = "1") -> None:
    """The job of `responses`."""
    dataset = opened(config)
    dataset.patterns(subject, dataset.targets[0])


def a_preprocessed_session(config: dict) -> None:
    """The job of `preprocess_session`."""
    things_eeg2_preprocessing.session(opened(config).raw_files("1", 1), "both")


def an_epoch(config: dict) -> None:
    """What a training reads."""
    list(labelled_images.image_folder(Path(config["networks"]["net"]["training"]["images"]), "train"))


def a_later_job(config: dict) -> None:
    """What reads a checkpoint that the workflow has published."""
    networks.from_checkpoint("shufflenet_v2_x0_5", Path(config["results"]) / "checkpoints/net/seed-1/epoch-001.pt")


def opened(config: dict):
    return open_dataset("study", library.checked(config)["datasets"]["study"])


def published(damage):
    """A damaged checkpoint among the results."""

    def publish(path: Path) -> None:
        path.parent.mkdir(parents=True)
        shutil.copy(network_file(path.parents[4]), path)
        damage(path)

    return publish


def joined(change):
    """Preprocessed EEG among the results, as `join_sessions` writes it, and then changed."""

    def join(path: Path) -> None:
        path.parent.mkdir(parents=True)
        for partition, n in (("training", 8), ("test", 5)):
            file = path.with_name(f"preprocessed_eeg_{partition}.npy")
            data = np.random.default_rng(n).normal(size=(n, 2, 17, 100))
            content = {"preprocessed_eeg_data": data, "ch_names": CHANNELS, "times": np.arange(-20, 80) / 100}
            np.save(file, content, allow_pickle=True)
        change(path)

    return join


def responses_of_2(config: dict) -> None:
    responses_of(config, "2")


def silent_events(data: np.ndarray) -> np.ndarray:
    return replaced_in(data, -1, 0)


def first_half(data: np.ndarray) -> np.ndarray:
    return data[:, : data.shape[1] // 2]


PUBLISHED = "results/checkpoints/net/seed-1/epoch-001.pt"
JOINED = "results/preprocessed_data/study/sub-1/preprocessed_eeg_test.npy"
NOT_NUMBERS = with_items(preprocessed_eeg_data=lambda data: replaced_in(data, 3, np.nan))
STILL_SESSION = hdf5(lambda file: replaced(file, "betas", np.ones_like(file["betas"])))
RAW_NAN = with_items(raw_eeg_data=lambda data: replaced_in(data, np.s_[RECORDED.index("O2"), 9:12], np.nan))

# What the check cannot know, as it would have to read all of large data, or since it is among the results: what is
# wrong, of which experiment, where, how; the job that finds it; and what is named, if that is not where.
OF_JOBS = [
    ("a later session in NIfTI cut short", "nsd", NIFTI.replace("01.nii", "02.nii"), halved, responses_of_2),
    ("a later session without signal", "nsd", SESSION.replace("01.hdf5", "02.hdf5"), STILL_SESSION, responses_of),
    ("EEG of an image, not numbers", "things_eeg2", EEG.replace("test", "training"), NOT_NUMBERS, responses_of, "data"),
    ("raw EEG, not numbers", "things_eeg2_raw", RAW, RAW_NAN, a_preprocessed_session),
    ("raw EEG without events", "things_eeg2_raw", RAW, with_items(raw_eeg_data=silent_events), a_preprocessed_session),
    ("raw EEG of half a session", "things_eeg2_raw", RAW, with_items(raw_eeg_data=first_half), a_preprocessed_session),
    ("a labelled image that was not in the sample", "labelled", LABELLED, halved, an_epoch),
    ("a published checkpoint cut short", "checkpoints", PUBLISHED, published(halved), a_later_job),
    ("a published checkpoint with a flipped bit", "checkpoints", PUBLISHED, published(flipped), a_later_job),
    ("preprocessed EEG cut short", "things_eeg2_raw", JOINED, joined(shorter), responses_of),
    ("preprocessed EEG without times", "things_eeg2_raw", JOINED, joined(without("times")), responses_of),
]

# The tests -------------------------------------------------------------------------------------------------------

ROWS = [(kind, *case) for kind, cases in CASES.items() for case in cases]


def is_at(error: InputError, folder: Path, named: str) -> bool:
    """Whether an error is about a file or key, perhaps a part of it."""
    place = named if named.startswith("config key") or " " in named else f"{folder}/{named}"
    return re.fullmatch(rf"{re.escape(place)}( \(.*\)| =.*)?", error.where) is not None


def assert_readable(error: InputError) -> None:
    assert all(part.strip() for part in (error.where, error.found, error.expected, error.remedy))
    assert str(error).count("\n") < 8, str(error)


@pytest.mark.parametrize("row", ROWS, ids=[f"{kind}: {what}" for kind, what, *_ in ROWS])
def test_damage_is_found_by_the_check_and_named(intact, tmp_path, row):
    _, _, name, place, damage, *named = row
    folder, config = copied(intact, name, tmp_path / "study")
    damage(config if place.startswith("config") else folder / place)
    errors = errors_of(config)
    assert any(is_at(error, folder, *named or [place]) for error in errors), "\n".join(map(str, errors))
    for error in errors:
        assert_readable(error)
    assert not (folder / "results").exists()
    assert not Path("harm").exists()


@pytest.mark.parametrize("row", OF_JOBS, ids=[what for what, *_ in OF_JOBS])
def test_what_the_check_does_not_look_at_is_named_by_the_job_that_meets_it(intact, tmp_path, monkeypatch, row):
    monkeypatch.setattr(things_eeg2, "SAMPLED", 2)
    monkeypatch.setattr(class_folders, "SAMPLE", 3)
    _, name, place, damage, job, *named = row
    folder, config = copied(intact, name, tmp_path / "study")
    damage(folder / place)
    assert errors_of(config) == []
    with pytest.raises(InputError) as found:
        job(config)
    assert is_at(found.value, folder, *named or [place]), found.value
    assert_readable(found.value)
    assert ("delete the file" in found.value.remedy) == place.startswith("results")


def test_of_many_damaged_checkpoints_the_first_are_shown_and_the_others_counted(intact, tmp_path):
    folder, config = copied(intact, "checkpoints", tmp_path / "study")
    config["networks"]["net"]["epochs"] = list(range(1, 15))
    for epoch in config["networks"]["net"]["epochs"]:
        empty(network_file(folder, epoch))
    errors = errors_of(config)
    assert len(errors) == 11
    assert [error.found for error in errors if "more such" in error.found] == ["4 more such checkpoints"]


def test_the_table_in_the_documentation_counts_these_cases():
    lines = (REPOSITORY / "docs/testing.md").read_text().partition("## Damaged inputs")[2].partition("\n## ")[0]
    rows = dict(re.findall(r"^\| ([^|]+) \| (\d+) \|", lines, flags=re.MULTILINE))
    expected = {kind: len(cases) for kind, cases in CASES.items()} | {"found by jobs": len(OF_JOBS)}
    assert {kind: int(n) for kind, n in rows.items()} == expected | {"together": sum(expected.values())}
    assert len({(kind, what) for kind, what, *_ in ROWS}) == len(ROWS) > 100
    assert "(testing.md#damaged-inputs)" in (REPOSITORY / "docs/datasets.md").read_text()


@pytest.mark.parametrize(
    ("name", "place", "damage"), [("nsd", CTAB, text("V1v 1\n")), ("checkpoints", CHECKPOINT, flipped)]
)
def test_the_command_names_the_damaged_file_and_fails_without_a_traceback(intact, clone, tmp_path, name, place, damage):
    folder, config = copied(intact, name, tmp_path / "study")
    damage(folder / place)
    (tmp_path / "experiment.json").write_text(json.dumps(config))
    command = (
        "snakemake",
        "check",
        "--cores",
        "2",
        "--directory",
        folder,
        "--configfile",
        tmp_path / "experiment.json",
    )
    ended = run(*command, cwd=clone, check=False)
    assert ended.returncode != 0
    assert "Traceback" not in ended.stdout
    assert re.search(rf"ERROR: {re.escape(str(folder / place))}\n  found: +\S", ended.stdout), ended.stdout
    assert {path.name for path in (folder / "results").iterdir()} <= {"logs"}
