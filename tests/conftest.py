"""What the tests share: the repository, real data where there are any, and a finished demo."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent
REAL_DATA = Path(os.environ.get("EARLY_ALIGNMENT_DATA", REPOSITORY.parent / "shared" / "data"))


def run(*command, cwd, check=True, **environment) -> subprocess.CompletedProcess:
    """Run a command with this Python's scripts first on the path; its output is kept, both streams in one."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    result = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=os.environ | {"PATH": path} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if check and result.returncode:
        raise AssertionError(f"{' '.join(map(str, command))} ended with {result.returncode}:\n{result.stdout[-6000:]}")
    return result


def copy_of_repository(to: Path) -> Path:
    """A copy of the files that git tracks or would track: a fresh clone with the working tree's changes."""
    listed = run("git", "ls-files", "--cached", "--others", "--exclude-standard", cwd=REPOSITORY).stdout
    for name in listed.splitlines():
        source, target = REPOSITORY / name, to / name
        if source.is_symlink() or source.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target, follow_symlinks=False)
    return to


@pytest.fixture(scope="session")
def clone(tmp_path_factory) -> Path:
    """A fresh clone, for tests that write nothing into it."""
    return copy_of_repository(tmp_path_factory.mktemp("clone"))


@pytest.fixture(scope="session")
def finished_demo(tmp_path_factory) -> Path:
    """A clone in which the demo has run."""
    folder = copy_of_repository(tmp_path_factory.mktemp("demo"))
    run("snakemake", "--profile", "profiles/demo", "--configfile", "experiments/demo.yaml", cwd=folder)
    return folder


@pytest.fixture(scope="session")
def kriegeskorte92_root() -> Path:
    """The folder of the 92-image data set."""
    root = REAL_DATA / "kriegeskorte92"
    if not root.is_dir():
        pytest.skip(f"no {root}; the README says where to get the data set, EARLY_ALIGNMENT_DATA says where it is")
    return root
