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
from early_alignment.experiment.config import checked
from snakemake_additions import messages


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
            if (process / "cwd").readlink() == folder and word in (process / "cmdline").read_bytes():
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
    assert not list(locks.glob("*"))


# What can be had before the data are there, and what a dry-run says -----------------------------------------------


def test_the_plan_is_made_where_snakemake_runs_before_the_data_are_there_and_says_so(folder):
    """By the profile of a cluster, where no job could be queued: there is no SLURM in this test."""
    soon = ("--slurm-init-seconds-before-status-checks", "1")
    printed = run("snakemake", "plan", "--profile", "slurm", *soon, cwd=folder).stdout
    rows = {line.split()[0]: line.split()[1:] for line in printed.splitlines() if line}
    assert [rows[rule][0] for rule in ("train", "features", "geometry", "alignment")] == ["45", "60", "60", "720"]
    assert "datasets.nsd: not there, the published size stands in: 872 images, 872 conditions" in printed
    assert "things_eeg2: not there, the published size stands in: 16,740 images, 1,854 conditions" in printed
    assert "ImageNet's 1,331,167 images stand in" in printed
    assert "plan" in run("snakemake", "--list-rules", cwd=folder).stdout.split()
    refused = run("snakemake", "plan", "figure1", "--cores", "1", cwd=folder, check=False)
    assert refused.returncode != 0
    assert "datasets.nsd.root unset" in refused.stdout


@pytest.fixture
def small(tmp_path):
    """A config with a checkpoint and an RDM of one's own, and its file."""
    root = tmp_path / "mine"
    (root / "stimuli").mkdir(parents=True)
    for name in "abcd":
        (root / f"stimuli/{name}.png").touch()
    (tmp_path / "1-1.pt").touch()
    config = {
        "results": str(tmp_path / "results"),
        "networks": {
            "net": {
                "architecture": "resnet18",
                "blocks": ["layer1"],
                "seeds": [1],
                "epochs": [1],
                "checkpoints": f"{tmp_path}/{{seed}}-{{epoch}}.pt",
            }
        },
        "datasets": {"mine": {"format": "rdms", "root": str(root), "subjects": ["ann"], "targets": ["LOC"]}},
    }
    checked(config)
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(config))
    return config, tmp_path / "small.yaml"


def test_a_dry_run_that_fails_prints_no_table(clone, small):
    config, file = small
    failed = run("snakemake", "-n", "--configfile", file, cwd=clone, check=False)
    assert failed.returncode != 0
    assert "MissingInputException" in failed.stdout
    assert "why stale" not in failed.stdout
    (Path(config["datasets"]["mine"]["root"]) / "sub-ann").mkdir()
    (Path(config["datasets"]["mine"]["root"]) / "sub-ann/LOC.npy").touch()
    assert "why stale" in run("snakemake", "-n", "--configfile", file, cwd=clone).stdout


def test_a_plan_refuses_data_of_ones_own_that_are_not_there(folder, small):
    config, file = small
    config["datasets"]["mine"]["root"] = "nowhere"
    file.write_text(yaml.safe_dump(config))
    refused = run("snakemake", "plan", "--cores", "1", "--configfile", file, cwd=folder, check=False)
    assert refused.returncode != 0
    assert re.search(r"datasets\.mine\.root\n +found: +nowhere, no such folder", refused.stdout)
    assert "Traceback" not in refused.stdout


# Messages --------------------------------------------------------------------------------------------------------


def test_the_error_of_a_job_with_thousands_of_inputs_names_its_log_in_sight(tmp_path):
    (tmp_path / "Snakefile").write_text(
        "from snakemake_additions import messages\n"
        "messages.shorten(logger)\n"
        'rule gather:\n    input: [f"{i:05d}.in" for i in range(5000)]\n    output: "out"\n    log: "gather.log"\n'
        '    shell: "echo spoilt >{log}; exit 1"\n'
    )
    for i in range(5000):
        (tmp_path / f"{i:05d}.in").touch()
    environment = {"PYTHONPATH": str(REPOSITORY / "workflow_scripts")}
    failed = run("snakemake", "--cores", "1", cwd=tmp_path, check=False, **environment).stdout
    error = failed[failed.index("Error in rule gather") :]
    assert "input: 00000.in, 00001.in, 00002.in, 00003.in, 00004.in, and 4,995 more" in error
    assert "log: gather.log (check log file(s) for error details)" in error
    assert len(error) < 3000


def test_few_files_are_listed_whole():
    record = logging.LogRecord("snakemake", logging.ERROR, "", 0, "", (), None)
    record.input, record.output, record.reason = ["a", "b"], ["c"], "Missing output files: c"
    assert messages.shortened(record)
    assert (record.input, record.output, record.reason) == (["a", "b"], ["c"], "Missing output files: c")


def test_no_line_of_the_papers_dry_run_lists_all_files(clone, paper_data):
    printed = run("snakemake", "-n", *papers_settings(paper_data), cwd=clone).stdout
    assert "Gather the alignments" in printed
    assert max(map(len, printed.splitlines())) < 2000


# Profiles --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheduler", ["ilp", "greedy"])
def test_a_sigterm_while_jobs_are_chosen_ends_the_run(tmp_path, scheduler):
    """As Snakemake is, it hangs in one of three or more."""
    (tmp_path / "Snakefile").write_text(
        "from snakemake_additions import sigterm\n"
        "sigterm.never_hang()\n"
        'rule all:\n    input: expand("{i}.out", i=range(400))\n'
        'rule one:\n    output: "{i}.out"\n    shell: "sleep 0.3; touch {output}"\n'
    )
    command = ["snakemake", "--cores", "2", "--scheduler", scheduler, "--rerun-incomplete"]
    environment = environment_with(PYTHONPATH=str(REPOSITORY / "workflow_scripts"))
    for seconds in (0.05, 0.15, 0.3):
        process = subprocess.Popen(
            command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        next(line for line in process.stdout if "Select jobs" in line)
        time.sleep(seconds)
        process.terminate()
        try:
            printed, _ = process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        assert "Will exit after finishing currently running jobs" in printed
        assert process.returncode == 1
    assert not list(tmp_path.glob(".snakemake/locks/*"))


def test_an_executor_plugin_that_runs_jobs_twice_is_refused(folder, tmp_path):
    old = tmp_path / "snakemake_executor_plugin_slurm-2.6.1.dist-info/METADATA"
    old.parent.mkdir()
    old.write_text("Metadata-Version: 2.1\nName: snakemake-executor-plugin-slurm\nVersion: 2.6.1\n")
    refused = run("snakemake", "plan", "--profile", "slurm", cwd=folder, check=False, PYTHONPATH=str(tmp_path))
    assert refused.returncode != 0
    assert re.search(r"version 2\.6\.1[\s\S]*2\.7\.1 or newer", refused.stdout)
    assert "core hours" not in refused.stdout


TABLE_OF_RESOURCES = "| rule | GPUs | cores | memory | minutes at most | disk, each |"


def documented_resources() -> dict[str, tuple[str, ...]]:
    """Rule → (GPUs, cores, MB of memory, minutes) as numbers in strings, empty where the table has none."""
    lines = (REPOSITORY / "docs/cluster.md").read_text().partition(TABLE_OF_RESOURCES)[2].splitlines()[2:]
    found = {}
    for line in lines[: lines.index("")]:
        rules, *columns = [cell.strip() for cell in line.removeprefix("|").split("|")]
        names = re.findall(r"`(\w+)`", rules) or ["others"]
        gpus, cores, memory, minutes = (amounts(column, len(names)) for column in columns[:4])
        found |= {
            name: (gpus[i], cores[i], f"{1000 * float(memory[i]):.0f}", minutes[i]) for i, name in enumerate(names)
        }
    return found


def amounts(cell: str, rules: int) -> list[str]:
    """The amounts in a cell of the table: one for all its rules, or one each."""
    numbers = re.findall(r"[\d.]+", cell) or [""]
    return numbers[:rules] if len(numbers) >= rules > 1 else numbers[:1] * rules


def test_the_documented_table_of_resources_is_what_the_slurm_profile_asks_for():
    profile = yaml.safe_load((REPOSITORY / "profiles/slurm/config.yaml").read_text())
    rules = {}
    for file in (REPOSITORY / "rules").glob("*.smk"):
        if file.name == "download.smk":
            continue
        # A rule per network goes by the name that profiles know it by.
        named = re.sub(r'\brule:\n +name:\n +f"(\w+?)_\{network\.name\}.*"\n', r"rule \1:\n", file.read_text())
        _, *parts = re.split(r"^ *rule (\w+):\n", named, flags=re.MULTILINE)
        for name, body in zip(parts[::2], parts[1::2], strict=True):
            threads = re.search(r"^ +threads: (\d+)", body, re.MULTILINE)
            rules[name] = int(threads[1]) if threads else 1
    assert {"train", "features", "checked_data", "simulate_eeg"} <= set(rules)
    table = documented_resources()
    assert set(table) - {"others"} <= set(rules)
    for name in set(rules) - {"plan", "publish_checkpoint"}:
        asked = profile["default-resources"] | profile["set-resources"].get(name, {})
        gpus = str(asked.get("gpu", ""))
        cores = str(profile["set-threads"].get(name, rules[name]))
        memory, minutes = (re.search(r"\d+", str(asked[key]))[0] for key in ("mem_mb", "runtime"))
        assert table.get(name, table["others"]) == (gpus, cores, memory, minutes), name
