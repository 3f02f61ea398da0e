"""What is mended of Snakemake: that the fault is still there, that the mend mends it, and only what it knows.

A test of the first kind fails when Snakemake has mended the fault: then the module that mends it is to be deleted.
"""

import subprocess

import pytest
from conftest import REPOSITORY, environment_with, run
from snakemake_additions import ancient_inputs, known, sigterm
from snakemake_additions.ancient_inputs import DAG
from snakemake_additions.sigterm import JobScheduler

MENDED = """
from snakemake_additions import ancient_inputs, sigterm
ancient_inputs.count_for_themselves()
sigterm.never_hang()
"""
BEHIND_AN_ANCIENT_FILE = """
rule late:
    input: ancient("early.txt")
    output: "late.txt"
    params: config["setting"]
    shell: "touch {output}"
rule early:
    output: "early.txt"
    params: config["setting"]
    shell: "touch {output}"
"""
TERMINATED_WHILE_IT_CHOOSES = """
import os, signal
from snakemake.scheduling.job_scheduler import JobScheduler
as_shipped = JobScheduler.update_available_resources
def update_available_resources(*arguments):
    os.kill(os.getpid(), signal.SIGTERM)
    return as_shipped(*arguments)
JobScheduler.update_available_resources = update_available_resources
rule one:
    output: "one.txt"
    shell: "touch {output}"
"""


def to_make_after_a_change(snakefile: str, folder) -> set[str]:
    (folder / "Snakefile").write_text(snakefile)
    more = {"PYTHONPATH": str(REPOSITORY / "workflow_scripts")}
    run("snakemake", "--cores", "1", "--config", "setting=1", cwd=folder, **more)
    printed = run("snakemake", "--summary", "--config", "setting=2", cwd=folder, **more).stdout
    return {line.split("\t")[0] for line in printed.splitlines() if line.endswith("update pending")}


def test_snakemake_still_overlooks_a_change_behind_an_ancient_file(tmp_path):
    assert to_make_after_a_change(BEHIND_AN_ANCIENT_FILE, tmp_path) == {"early.txt"}, (
        "this Snakemake has no such fault any more: delete snakemake_additions/ancient_inputs.py"
    )


def test_mended_it_sees_a_change_behind_an_ancient_file(tmp_path):
    assert to_make_after_a_change(MENDED + BEHIND_AN_ANCIENT_FILE, tmp_path) == {"early.txt", "late.txt"}


def ends_when_terminated(snakefile: str, folder) -> bool:
    """Whether Snakemake ends when it gets SIGTERM while it chooses jobs."""
    (folder / "Snakefile").write_text(snakefile)
    environment = environment_with(PYTHONPATH=str(REPOSITORY / "workflow_scripts"))
    command = ["snakemake", "--cores", "1", "--scheduler", "greedy"]
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        next(line for line in process.stdout if "Select jobs" in line)
        try:
            printed, _ = process.communicate(timeout=15)
        except subprocess.TimeoutExpired:
            process.kill()
            return False
        assert "Will exit after finishing currently running jobs" in printed
        return True


def test_snakemake_still_hangs_at_a_sigterm_while_it_chooses(tmp_path):
    assert not ends_when_terminated(TERMINATED_WHILE_IT_CHOOSES, tmp_path), (
        "this Snakemake has no such fault any more: delete snakemake_additions/sigterm.py"
    )


def test_mended_it_ends_at_a_sigterm_while_it_chooses(tmp_path):
    assert ends_when_terminated(MENDED + TERMINATED_WHILE_IT_CHOOSES, tmp_path)


async def another_update_needrun(self, create_inventory=False):
    """As some later Snakemake may have it."""


def another_exit_gracefully(self, *args):
    """As some later Snakemake may have it."""


@pytest.mark.parametrize(
    "owner, another, mend, consequence",
    [
        (DAG, another_update_needrun, ancient_inputs.count_for_themselves, "a second run may find more to do"),
        (JobScheduler, another_exit_gracefully, sigterm.never_hang, "hangs, and must be killed"),
    ],
)
def test_a_snakemake_that_is_not_known_is_warned_of_and_left_as_it_is(monkeypatch, owner, another, mend, consequence):
    warnings = []
    name = another.__name__.removeprefix("another_")
    monkeypatch.setattr(owner, name, another)
    monkeypatch.setattr(known.logger, "warning", warnings.append)
    mend()
    assert getattr(owner, name) is another
    assert len(warnings) == 1
    assert another.__name__ in warnings[0]
    assert consequence in warnings[0]


@pytest.mark.parametrize(
    "owner, name, mend",
    [
        (DAG, "update_needrun", ancient_inputs.count_for_themselves),
        (JobScheduler, "exit_gracefully", sigterm.never_hang),
    ],
)
def test_a_snakemake_that_is_known_is_mended_once_and_without_a_word(monkeypatch, owner, name, mend):
    warnings = []
    as_shipped = getattr(owner, name)
    monkeypatch.setattr(owner, name, as_shipped)  # put back afterwards
    monkeypatch.setattr(known.logger, "warning", warnings.append)
    mend()
    mended = getattr(owner, name)
    mend()
    assert mended is not as_shipped
    assert getattr(owner, name) is mended
    assert not warnings
