"""The commands around an experiment: going on after a kill, unlocking, the table of what is done, messages."""

import logging
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest
import yaml
from conftest import REPOSITORY, copy_of_repository, environment_with, papers_settings, run
from early_alignment import messages
from early_alignment.config import checked

PROFILES = [path.parent.name for path in sorted((REPOSITORY / "profiles").glob("*/config.yaml"))]


@pytest.fixture
def folder(tmp_path):
    """A clone of the test's own, with this Python's scripts in its `.venv`."""
    folder = copy_of_repository(tmp_path / "clone")
    (folder / ".venv").symlink_to(REPOSITORY / ".venv")
    return folder


# After a kill ----------------------------------------------------------------------------------------------------

SLOW = """
rule all:
    input: "results/demo/figures/figure1.png", "results/demo/report.html"

rule slow:
    output: "results/demo/figures/figure1.png"
    shell: "echo $$ >>pids; sleep 4; touch {output}; sleep 0.01"

rule report:
    input: "results/demo/figures/figure1.png"
    output: "results/demo/report.html"
    shell: "touch {output}"
"""
"""A workflow whose lock and whose orphan are Snakemake's own, in place of minutes of the demo."""


def make_demo(folder: Path) -> subprocess.Popen:
    (folder / "slow.smk").write_text(SLOW)
    snakemake = ".venv/bin/snakemake --snakefile slow.smk --profile profiles/demo"
    return subprocess.Popen(
        ["make", "--assume-old=.venv/installed", "demo", f"SNAKEMAKE={snakemake}"],
        cwd=folder,
        env=environment_with(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def begun(folder: Path, times: int) -> None:
    """Wait until the slow job has been started so many times."""
    end = time.monotonic() + 60
    while not (folder / "pids").exists() or len((folder / "pids").read_text().split()) < times:
        assert time.monotonic() < end
        time.sleep(0.05)


def processes(folder: Path, word: bytes) -> list[int]:
    """The processes that run in a folder and have a word in their command."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if Path(os.readlink(process / "cwd")) == folder and word in (process / "cmdline").read_bytes():
                found.append(int(process.name))
        except OSError:
            continue
    return found


def test_make_demo_goes_on_after_a_kill_once_the_orphaned_job_has_ended(folder):
    first = make_demo(folder)
    begun(folder, 1)
    for pid in processes(folder, b"bin/snakemake"):
        os.kill(pid, signal.SIGKILL)
    assert first.wait(20) != 0
    assert list((folder / ".snakemake/locks").iterdir())
    orphans = processes(folder, b"sleep")
    assert orphans
    printed, _ = make_demo(folder).communicate(timeout=120)
    assert "waiting for the jobs of an earlier run" in printed
    assert "Unlocked working directory" in printed
    assert "(100%) done" in printed
    assert not set(orphans) & set(processes(folder, b"sleep"))
    again = make_demo(folder)
    printed, _ = again.communicate(timeout=120)
    assert again.returncode == 0, printed
    assert "Nothing to be done" in printed
    assert "Unlocked" not in printed


def test_make_demo_takes_no_lock_away_from_a_run_that_lives(folder):
    first = make_demo(folder)
    begun(folder, 1)
    second = make_demo(folder)
    time.sleep(2)
    assert list((folder / ".snakemake/locks").iterdir())
    printed = [process.communicate(timeout=120)[0] for process in (first, second)]
    assert (first.returncode, second.returncode) == (0, 0), printed
    assert len((folder / "pids").read_text().split()) == 1
    assert "Unlocked" not in printed[1]


@pytest.mark.parametrize("options", [[], ["--configfile", "experiments/demo.yaml"], ["--profile", "slurm"]])
def test_a_folder_is_unlocked_by_one_command_before_its_data_are_there(folder, options):
    locks = folder / ".snakemake/locks"
    locks.mkdir(parents=True)
    (locks / "0.input.lock").write_text("config.yaml\n")
    run("snakemake", "--unlock", *options, cwd=folder)
    assert not locks.exists() or not list(locks.iterdir())
