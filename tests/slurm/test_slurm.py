"""The workflow on a real SLURM, by the command that users give."""

import csv
import filecmp
import math
import os
import re
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

import one_node_cluster
import pytest
import yaml

from tests.conftest import copy_of_repository, environment_with, papers_settings, run, tables_of

pytestmark = pytest.mark.slurm

COMMAND = (
    "snakemake",
    "--profile",
    "slurm",
    "--configfile",
    "small.yaml",
    "--slurm-init-seconds-before-status-checks",
    "2",
)
"""The literal command, polling sooner than one does on a shared cluster."""
AS_IN_THE_DEMO = ("--set-threads", "train=1", "features=1", "geometry=1")
"""So that numbers are added in the same order as in the local run."""
PROFILE = yaml.safe_load((Path(__file__).parents[2] / "profiles/slurm/config.yaml").read_text())


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    reason = one_node_cluster.installed()
    if reason:
        pytest.skip(reason)
    with one_node_cluster.cluster(tmp_path_factory.mktemp("cluster") / "slurm") as environment:
        yield environment


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A clone with a part of the demo: one seed, two targets, the first epochs."""
    folder = copy_of_repository(tmp_path_factory.mktemp("on_slurm"))
    config = yaml.safe_load((folder / "experiments/demo.yaml").read_text())
    network = config["networks"]["resnet50"] | {"seeds": [1], "epochs": [0, 1], "calibrated": []}
    network["training"] |= {"epochs": 2, "epochs_per_job": 2, "early_steps": []}
    config["networks"] = {"resnet50": network}
    config["datasets"]["simulated_EEG"]["targets"] = ["80ms"]
    config["datasets"]["simulated_fMRI"]["targets"] = ["V1v"]
    (folder / "small.yaml").write_text(yaml.safe_dump(config))
    # What a user edits: too little time for one rule and too little memory for another, at the first attempt.
    profile = PROFILE | {"set-resources": PROFILE["set-resources"] | {"figure1": {"mem_mb": "200 * attempt"}}}
    for rule in ("responses", "brain_rdms"):  # members of a group, one after the other
        profile["set-resources"][rule] = {"mem_mb": 500, "runtime": "attempt"}
    (folder / "profiles/slurm/config.yaml").write_text(yaml.safe_dump(profile))
    return folder


def jobs(slurm: dict) -> list[dict]:
    """All jobs that SLURM has had: number, rule, state, time limit, memory, trackable resources."""
    listed = run("squeue", "--states=all", "--noheader", "--format=%i|%k|%T|%l|%m|%P", cwd="/", **slurm).stdout
    keys = ("id", "comment", "state", "limit", "memory", "partition")
    rows = [dict(zip(keys, line.split("|"), strict=True)) for line in listed.splitlines()]
    return [row | {"rule": rule_of(row["comment"])} for row in sorted(rows, key=lambda row: int(row["id"]))]


def rule_of(comment: str) -> str:
    """The rule of a job, or of a group the pattern of its name, which tells what its members share."""
    name = re.sub(r"^(rule|group)_", "", comment).partition("_wildcards_")[0]
    return next((group for group in set(PROFILE["groups"].values()) if as_regex(group).fullmatch(name)), name)


def as_regex(group: str) -> re.Pattern:
    """What the plugin calls the jobs of a group: the group's name and its rules."""
    return re.compile(re.sub(r"\{(\w+)\}", ".+", group) + "_[a-z0-9_]+")


BRAIN_RDMS, OF_CHECKPOINT = (PROFILE["groups"][rule] for rule in ("brain_rdms", "alignment"))


def started(slurm: dict, rule: str, is_ready=lambda: True, seconds=240) -> str:
    """Wait until a rule's job runs and something holds; the job's number."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        running = [job["id"] for job in jobs(slurm) if job["state"] == "RUNNING" and job["rule"].startswith(rule)]
        if running and is_ready():
            return running[-1]
        time.sleep(0.5)
    raise AssertionError(f"no job of {rule} ran within {seconds} s: {jobs(slurm)}")


def begun(folder: Path, slurm: dict, *options: str) -> subprocess.Popen:
    return subprocess.Popen(
        [*COMMAND, *AS_IN_THE_DEMO, *options],
        cwd=folder,
        env=environment_with(**slurm),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def processes_of(slurm_job: str) -> list[int]:
    """The processes that compute a job's script."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            environment = (process / "environ").read_bytes().split(b"\0")
            command = (process / "cmdline").read_bytes()
        except OSError:
            continue
        if f"SLURM_JOB_ID={slurm_job}".encode() in environment and b".snakemake/scripts" in command:
            found.append(int(process.name))
    return found


@pytest.fixture(scope="module")
def cancelled(slurm, folder):
    """A run without retries, one of whose jobs is cancelled: what it printed, its exit status, and the job's number."""
    process = begun(folder, slurm, "--retries", "0", "--until", "train")
    job = started(slurm, "train", is_ready=(folder / "results/demo/training/resnet50/seed-1/epoch-001.json").exists)
    run("scancel", job, cwd="/", **slurm)
    printed, _ = process.communicate(timeout=400)
    return printed, process.returncode, job


@pytest.fixture(scope="module")
def finished(slurm, folder, cancelled):
    """The run that follows, with jobs that hang until their time limit and others with too little memory."""
    process = begun(folder, slurm)
    job = started(slurm, BRAIN_RDMS)
    while not (stopped := processes_of(job)):
        time.sleep(0.05)
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    printed, _ = process.communicate(timeout=900)
    assert process.returncode == 0, printed[-6000:]
    return printed


def test_a_cancelled_job_is_reported_and_the_run_fails(cancelled):
    printed, status, job = cancelled
    assert status != 0
    assert re.search(rf"'?{job}'? failed, SLURM status is: '?CANCELLED", printed), printed[-4000:]
    assert "train" in printed.split("CANCELLED")[1]


def test_the_rerun_completes_and_leaves_nothing_to_do(finished, folder):
    again = run("snakemake", "-n", "--configfile", "small.yaml", cwd=folder)
    assert "Nothing to be done" in again.stdout


def test_training_goes_on_after_the_last_epoch_of_the_cancelled_job(finished, folder):
    log = next((folder / "results/demo/logs/training").rglob("*.log")).read_text()
    assert "epoch 2" in log
    assert "epoch 1:" not in log


def test_a_job_over_its_time_is_retried_with_more(finished, slurm):
    tries = Counter((job["state"], job["limit"]) for job in jobs(slurm) if job["rule"] == BRAIN_RDMS)
    assert tries == {("TIMEOUT", "2:00"): 1, ("COMPLETED", "2:00"): 1, ("COMPLETED", "4:00"): 1}


def test_a_job_over_its_memory_is_retried_with_more(finished, slurm):
    tries = [job for job in jobs(slurm) if job["rule"] == "figure1"]
    assert len(tries) > 1
    assert {job["state"] for job in tries[:-1]} <= {"FAILED", "OUT_OF_MEMORY"}
    assert tries[-1]["state"] == "COMPLETED"
    assert [job["memory"] for job in tries] == [f"{200 * (i + 1)}M" for i in range(len(tries))]


def test_rules_for_gpus_had_one_and_no_other_did(finished, slurm, folder):
    visible = {"with": set(), "without": set()}
    for log in (folder / "results/demo/logs").rglob("*.log"):
        found = re.match(r"on \S+, SLURM job (\d+), CUDA_VISIBLE_DEVICES (\S+)\n", log.read_text())
        if found is None:
            assert "checkpoints" in log.parts  # copies are made where Snakemake runs
            continue
        kind = "with" if {"training", "features", "checkpoints"} & set(log.parts) else "without"
        visible[kind].add(found[2])
    assert visible["with"] <= {"0", "1"} and visible["with"]
    assert visible["without"] == {"none"}
    assert {job["rule"] for job in jobs(slurm) if job["partition"] == "gpu"} == {"train", "features_resnet50"}


def test_results_equal_those_of_a_local_run(finished, folder, finished_demo):
    here, local = folder / "results/demo", finished_demo / "results/demo"
    compared = [
        file.relative_to(here)
        for kind in ("brain_rdms/**/*.npy", "geometry/**/*.npz", "model_rdms/**/*.npy", "alignment/**/*.csv")
        for file in here.glob(kind)
    ]
    assert len(compared) == 6 + 2 * 2 * 4 * 3
    assert not [file for file in compared if not filecmp.cmp(here / file, local / file, shallow=False)]


def test_a_group_is_what_its_members_share(finished, slurm, folder):
    rows = list(csv.DictReader((folder / "results/demo/tables/alignment.csv").open()))
    kinds = {(row["measure"], row["pairs"], row["control"], row["scheme"]) for row in rows}
    assert len(rows) == 2 * 2 * 3 * 4 * len(kinds)
    assert len(kinds) == 3
    once = {"simulate_eeg", "simulate_fmri", "simulate_labelled_images", "fingerprint_images", "checked_data", "train"}
    once |= {"alignment_table", "accuracy_table", "noise_ceiling_table", "peaks_table", "figure1", "training_figure"}
    once |= {f"{name}_table" for name in tables_of("statistics.smk")}
    once |= {"controls_table", "claims_in_words", "specification_figure"}
    expected = dict.fromkeys(once, 1) | {
        "stimuli": 2,
        "controls": 2 * 2,
        "features_resnet50": 2 * 2,
        "resampled_brains": 2,
        "gathered_resamples": 2,
    }
    expected |= {OF_CHECKPOINT: 2 * 2, BRAIN_RDMS: 2}
    assert Counter(job["rule"] for job in jobs(slurm) if job["state"] == "COMPLETED") == expected


@pytest.mark.parametrize(
    ("epochs", "checkpoints", "said"),
    [(None, 5 * 6, "194"), pytest.param("all", 5 * 91, "1,894", marks=pytest.mark.slow)],
)
def test_the_papers_grid_is_as_few_jobs_as_the_documentation_says(clone, paper_data, epochs, checkpoints, said):
    settings = papers_settings(paper_data, epochs)
    listed = run("snakemake", "-n", "--profile", "slurm", *settings, cwd=clone).stdout
    table = listed.split("Job stats:")[1].split("\n\n")[0].splitlines()[3:]
    jobs = {rule: int(n) for rule, n in (line.split() for line in table)}
    assert jobs["features_resnet50"] == checkpoints * 2  # data sets
    groups = Counter(re.findall(r"Group job (\S+) ", listed))
    # A group for the RDMs and alignments of a checkpoint and data set; and one for each dozen brain RDMs.
    assert sorted(groups.values()) == [1] * 2 * checkpoints + [math.ceil(3 * 8 / 12), math.ceil(3 * 10 / 12)]
    members = len(re.findall(r"^    Job \d+: ", listed, flags=re.MULTILINE))
    assert members == sum(
        jobs.get(rule, 0) for rule in (*PROFILE["groups"], "geometry_resnet50", "model_rdms_resnet50")
    )
    here = ("all", "publish_checkpoint", "data_are_checked")  # where Snakemake runs
    alone = jobs["total"] - members - sum(jobs[rule] for rule in here)
    assert f"{groups.total() + alone:,}" == said
    page = " ".join((clone / "docs/cluster.md").read_text().split())
    assert f"{said} SLURM jobs" in page or f"grid of all 91 epochs {said}" in page
