"""What the tests share: the repository, real data where there are any, and a finished demo."""

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import hypothesis
import numpy as np
import pytest
from early_alignment.errors import InputError
from filelock import FileLock

# For `mutants.py`: the same examples each time, and none made smaller.
hypothesis.settings.register_profile(
    "repeatable", derandomize=True, database=None, phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate]
)

REPOSITORY = Path(__file__).parent.parent
REAL_DATA = Path(os.environ.get("EARLY_ALIGNMENT_DATA", REPOSITORY.parent / "shared" / "data"))


def environment_with(**more) -> dict[str, str]:
    """This process's environment, with this Python's scripts first on the path, and more."""
    # What make hands down is not for the make that a test calls.
    own = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    return own | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"} | more


def run(*command, cwd, check=True, **environment) -> subprocess.CompletedProcess:
    """Run a command with this Python's scripts first on the path; its output is kept, both streams in one."""
    result = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=environment_with(**environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if check and result.returncode:
        raise AssertionError(f"{' '.join(map(str, command))} ended with {result.returncode}:\n{result.stdout[-6000:]}")
    return result


def files_to_make(configfile, *options, cwd) -> set[str]:
    """The files that Snakemake would make, from its table of files (`--summary`), not from its prose."""
    printed = run("snakemake", "--summary", "--configfile", configfile, *options, cwd=cwd).stdout
    rows = csv.DictReader(printed[printed.index("output_file\t") :].splitlines(), delimiter="\t")
    return {row["output_file"] for row in rows if row["plan"] == "update pending"}


def tables_of(rules: str) -> set[str]:
    """The names of the tables that a file in `rules/` makes, so that a table added is added to no list in tests."""
    return set(re.findall(r"^rule (\w+)_table:", (REPOSITORY / "rules" / rules).read_text(), flags=re.MULTILINE))


def copy_of_repository(to: Path) -> Path:
    """A copy of the files that git tracks or would track: a fresh clone with the working tree's changes."""
    listed = run("git", "ls-files", "--cached", "--others", "--exclude-standard", cwd=REPOSITORY).stdout
    for name in listed.splitlines():
        source, target = REPOSITORY / name, to / name
        if source.is_symlink() or source.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target, follow_symlinks=False)
    return to


@pytest.fixture(autouse=True)
def errors_are_whole(monkeypatch):
    """Whatever a test provokes, an `InputError` says where, what was found and expected, and what to do about it."""
    made = InputError.__init__

    def make(error, where, found, expected, remedy):
        made(error, where, found, expected, remedy)
        parts = [str(where), found, expected, remedy]
        assert all(isinstance(part, str) and part.strip() not in ("", "None") for part in parts), parts

    monkeypatch.setattr(InputError, "__init__", make)


@pytest.fixture(scope="module")
def images(tmp_path_factory) -> Path:
    """A folder of labelled images to train on for seconds."""
    from small_training import write_images

    return write_images(tmp_path_factory.mktemp("images"))


@pytest.fixture(scope="session")
def clone(tmp_path_factory) -> Path:
    """A fresh clone, for tests that write nothing into it."""
    return copy_of_repository(tmp_path_factory.mktemp("clone"))


def copy_of_experiment(finished: Path, to: Path) -> Path:
    """A copy of a clone, in which data and results are links to the same files.

    Snakemake removes files before it makes them anew, so linked files stay what they are in the other folder.
    """

    def link_or_copy(source, target):
        is_result = {"results", "data"} & set(Path(source).relative_to(finished).parts)
        return os.link(source, target) if is_result else shutil.copy2(source, target)

    return shutil.copytree(finished, to, copy_function=link_or_copy, symlinks=True, dirs_exist_ok=True)


@pytest.fixture(scope="session")
def finished_demo(tmp_path_factory, worker_id) -> Path:
    """A clone in which the demo has run: once for all processes that test, each of which has a copy."""
    base = tmp_path_factory.getbasetemp()
    first, done = (base if worker_id == "master" else base.parent) / "first_demo", ".snakemake/demo_is_done"
    with FileLock(f"{first}.lock"):
        if not (first / done).exists():
            shutil.rmtree(first, ignore_errors=True)
            copy_of_repository(first)
            run("snakemake", "--profile", "profiles/demo", "--configfile", "experiments/demo.yaml", cwd=first)
            (first / done).touch()
    return copy_of_experiment(first, tmp_path_factory.mktemp("demo"))


@pytest.fixture(scope="session")
def paper_data(tmp_path_factory):
    """Folders in the published formats, with names as published; what a dry-run does not open is empty."""
    root = tmp_path_factory.mktemp("paper_data")
    empty = root / "empty"
    empty.touch()

    def put(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.hardlink_to(empty)

    for subject in range(1, 9):
        folder = root / f"nsd/subj{subject:02d}"
        ids = sorted([*range(13, 13 + 3 * 872, 3), 10_000 + subject])
        for running, id_ in enumerate(ids, start=1):
            put(folder / f"training_split/training_images/train-{running:04d}_nsd-{id_:05d}.png")
        families = ("prf-visualrois", "floc-bodies", "floc-faces", "floc-places", "floc-words", "streams")
        for side in ("lh", "rh"):
            put(folder / f"training_split/training_fmri/{side}_training_fmri.npy")
            for family in families:
                put(folder / f"roi_masks/{side}.{family}_challenge_space.npy")
        for family in families:
            put(folder / f"roi_masks/mapping_{family}.npy")
    metadata = {}
    for key, partition in (("train", "training"), ("test", "test")):
        concepts = [f"{i:05d}_thing{i}" for i in range(1, 6)]
        metadata |= {f"{key}_img_concepts": concepts, f"{key}_img_files": [f"{c}.jpg" for c in concepts]}
        for concept in concepts:
            put(root / f"things/image_set/{partition}_images/{concept}/{concept}.jpg")
    np.save(root / "things/image_set/image_metadata.npy", metadata, allow_pickle=True)
    for subject in range(1, 11):
        for partition in ("training", "test"):
            put(root / f"things/preprocessed_data/sub-{subject:02d}/preprocessed_eeg_{partition}.npy")
    put(root / "imagenet/train/n01440764/a.jpg")
    put(root / "imagenet/val/n01440764/a.jpg")
    return root


def papers_settings(paper_data: Path, epochs=None, **others) -> list[str]:
    """Options that set the roots of the paper's config, its analysed epochs, and other keys."""
    network = {"training": {"images": str(paper_data / "imagenet")}} | ({"epochs": epochs} if epochs else {})
    settings = {
        "networks": {"resnet50": network},
        "datasets": {"nsd": {"root": str(paper_data / "nsd")}, "things_eeg2": {"root": str(paper_data / "things")}},
    }
    return ["--config", *(f"{key}={json.dumps(value)}" for key, value in (settings | others).items())]


@pytest.fixture(scope="session")
def kriegeskorte92_root() -> Path:
    """The folder of the 92-image data set."""
    root = REAL_DATA / "kriegeskorte92"
    if not root.is_dir():
        pytest.skip(f"no {root}; the README says where to get the data set, EARLY_ALIGNMENT_DATA says where it is")
    return root
