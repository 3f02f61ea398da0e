"""A training that is killed, starved or crowded out goes on to the same bytes.

Moments of kills follow from a seed, which a failure prints and EARLY_ALIGNMENT_SEED gives again. They are moments of
the clock, so the machine has a say too.
"""

import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
import torch
from conftest import REPOSITORY
from early_alignment.errors import InputError
from early_alignment.training import loop
from small_training import (
    RECIPE,
    assert_same_networks,
    end,
    job,
    run_job,
    run_job_with_little_memory,
    start,
    weights,
)

# Batch norm and dropout in a file of a few megabytes.
SMALL = replace(RECIPE, architecture="mobilenet_v3_small")
LAST = 5
WHOLE = {"recipe": SMALL, "last_epoch": LAST}
# Ten steps in an epoch.
EARLY = {"recipe": replace(SMALL, batch_size=2), "last_epoch": 1, "early_steps": (1, 3, 7)}


def trained(folder, images, training) -> float:
    """Train in a process of its own; the seconds that it takes."""
    started = time.monotonic()
    process = start(run_job, job(folder, images, **training))
    process.join()
    assert process.exitcode == 0
    return time.monotonic() - started


@pytest.fixture(scope="module")
def undisturbed(images, tmp_path_factory):
    """The folder of a training that nothing befell, and the seconds that one takes."""
    folder = tmp_path_factory.mktemp("undisturbed")
    for _ in range(2):  # the first starts the server that forks
        shutil.rmtree(folder)
        seconds = trained(folder, images, WHOLE)
    return folder, seconds


def assert_same_epochs(folder, other, labels):
    """The same weights, running statistics, losses and accuracies."""
    assert_same_networks(folder, other, labels)
    for label in labels:
        rows = [json.loads((f / f"epoch-{label}.json").read_text()) for f in (folder, other)]
        assert {**rows[0], "seconds": None} == {**rows[1], "seconds": None}


def labels_of(folder) -> list[str]:
    return sorted(path.stem.removeprefix("epoch-") for path in folder.glob("epoch-*.pt"))


def assert_same_training(folder, other):
    assert labels_of(folder) == labels_of(other)
    assert_same_epochs(folder, other, labels_of(other))
    assert_same_states(folder, other)


def assert_same_states(folder, other):
    states = [torch.load(f / "state.pt", weights_only=True) for f in (folder, other)]
    assert states[0]["fingerprint"] == states[1]["fingerprint"]
    momenta = [state["optimiser"]["state"] for state in states]
    for parameter in momenta[0]:
        assert torch.equal(momenta[0][parameter]["momentum_buffer"], momenta[1][parameter]["momentum_buffer"])


def kill_until_trained(training, at_least, images, undisturbed, parent, rng):
    """Kill trainings at random moments, until so many kills have struck; every training ends like the undisturbed."""
    reference, seconds = undisturbed
    struck, trainings = [], 0
    while len(struck) < at_least:
        folder = parent / f"training-{trainings}"
        process = None
        while not (folder / "segment-001.json").exists():
            assert process is None or process.exitcode != 1, "a training failed by itself"
            process = start(run_job, job(folder, images, **training, threads=rng.choice((1, 3))))
            number = rng.choice((signal.SIGKILL, signal.SIGTERM))
            process.join(timeout=rng.uniform(0, 0.9) * seconds)
            if end(process, number):
                done = (
                    torch.load(folder / "state.pt", weights_only=True)["epoch"]
                    if (folder / "state.pt").exists()
                    else -1
                )
                struck.append((number.name, done, len(list(folder.glob("epoch-000+*.pt")))))
        assert_same_training(folder, reference)
        trainings += 1
    print(f"{len(struck)} kills survived in {trainings} trainings: {struck}")
    return struck


@pytest.fixture
def rng() -> random.Random:
    seed = int(os.environ.get("EARLY_ALIGNMENT_SEED", random.randrange(2**32)))
    print(f"EARLY_ALIGNMENT_SEED={seed}")
    return random.Random(seed)


@pytest.mark.parametrize("at_least", [20, pytest.param(100, marks=pytest.mark.slow)])
def test_kills_at_random_moments_change_no_byte(images, undisturbed, tmp_path, at_least, rng):
    struck = kill_until_trained(WHOLE, at_least, images, undisturbed, tmp_path, rng)
    assert len({done for _, done, _ in struck}) > 2, "all struck in the same epoch"


@pytest.mark.parametrize("at_least", [20, pytest.param(100, marks=pytest.mark.slow)])
def test_early_steps_and_kills_between_them_change_no_byte(images, undisturbed, tmp_path, at_least, rng):
    """`undisturbed` has started the server that forks."""
    plain, looked_at = tmp_path / "plain", tmp_path / "looked_at"
    trained(plain, images, EARLY | {"early_steps": ()})
    seconds = trained(looked_at, images, EARLY)
    assert labels_of(looked_at) == ["000", "000+00001", "000+00003", "000+00007", "001"]
    assert_same_epochs(looked_at, plain, labels_of(plain))
    assert_same_states(looked_at, plain)
    struck = kill_until_trained(EARLY, at_least, images, (looked_at, seconds), tmp_path, rng)
    assert len({early for _, done, early in struck if done == 0}) > 2, "all struck between the same early steps"


def test_an_ended_first_epoch_leaves_no_early_steps_that_are_no_longer_asked_for(images, tmp_path):
    """One that is begun anew is another attempt, with steps of its own."""
    torch.set_num_threads(1)
    loop.train(SMALL, images, seed=1, last_epoch=0, folder=tmp_path, workers=0)
    (tmp_path / "epoch-000+00001.pt").write_bytes(b"of the ended one")
    (tmp_path / "epoch-000+00001.json").write_text("of the ended one")
    loop.train(SMALL, images, seed=1, last_epoch=1, folder=tmp_path, workers=0, early_steps=(2,))
    assert labels_of(tmp_path) == ["000", "000+00002", "001"]
    assert weights(tmp_path, "000+00002")


@pytest.mark.parametrize(
    ("done", "early_steps", "message"),
    [
        (-1, (), r"epoch 0 could not be written[\s\S]*begins anew"),
        (0, (2,), r"epoch 1, step 2, could not be written[\s\S]*MB are free[\s\S]*after epoch 0"),
        (1, (), r"epoch 2 could not be written[\s\S]*MB are free[\s\S]*after epoch 1"),
    ],
)
def test_a_full_disk_is_named_and_the_last_epoch_kept(images, undisturbed, tmp_path, done, early_steps, message):
    torch.set_num_threads(1)
    loop.train(SMALL, images, seed=1, last_epoch=done, folder=tmp_path, workers=0)
    before = labels_of(tmp_path)
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, unlimited[1]))
    try:
        with pytest.raises(InputError, match=message):
            loop.train(SMALL, images, seed=1, last_epoch=LAST, folder=tmp_path, workers=0, early_steps=early_steps)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
    assert labels_of(tmp_path) == before
    assert list(tmp_path.glob(".*.part")) == []
    loop.train(SMALL, images, seed=1, last_epoch=LAST, folder=tmp_path, workers=0)
    assert_same_training(tmp_path, undisturbed[0])


def test_too_little_memory_loses_nothing(images, undisturbed, tmp_path):
    first = start(run_job, job(tmp_path, images, SMALL, last_epoch=1))
    first.join()
    assert first.exitcode == 0
    before = {epoch: (tmp_path / f"epoch-{epoch:03d}.pt").stat().st_mtime_ns for epoch in (0, 1)}
    starved = start(run_job_with_little_memory, job(tmp_path, images, SMALL, LAST))
    starved.join()
    assert starved.exitcode != 0
    assert not (tmp_path / f"epoch-{LAST:03d}.pt").exists()
    again = start(run_job, job(tmp_path, images, SMALL, LAST))
    again.join()
    assert again.exitcode == 0
    assert {epoch: (tmp_path / f"epoch-{epoch:03d}.pt").stat().st_mtime_ns for epoch in (0, 1)} == before
    assert_same_training(tmp_path, undisturbed[0])


def test_what_a_killed_training_left_half_written_is_swept_up(images, tmp_path):
    (tmp_path / ".epoch-000.pt.123.part").write_bytes(b"half")
    loop.train(SMALL, images, seed=1, last_epoch=0, folder=tmp_path, workers=0)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "epoch-000.json", "epoch-000.pt", "lock", "state.pt", "tensorboard",
    ]  # fmt: skip


def test_two_trainings_never_share_a_folder(images, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "LOCK_PATIENCE", 0)
    other = (
        f"import fcntl, time; file = open({str(tmp_path / 'lock')!r}, 'w'); fcntl.lockf(file, fcntl.LOCK_EX); "
        "print('locked', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", other], stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        with pytest.raises(InputError, match="another process trains in this folder"):
            loop.train(SMALL, images, seed=1, last_epoch=0, folder=tmp_path, workers=0)
        process.kill()
    loop.train(SMALL, images, seed=1, last_epoch=0, folder=tmp_path, workers=0)
    assert weights(tmp_path, 0)


# What SIGTERM does, without a training around it ------------------------------------------------------------------


def ended(code: str, cwd) -> tuple[subprocess.CompletedProcess, float]:
    started = time.monotonic()
    code = "import hashlib, os, signal, threading, time; from early_alignment.training import termination\n" + code
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=cwd,
        env={"PYTHONPATH": str(REPOSITORY / "workflow_scripts")},
        capture_output=True,
        text=True,
    )
    return result, time.monotonic() - started


TERMINATE_SOON = "threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGTERM)).start()\n"


def test_sigterm_ends_even_a_computation_that_python_cannot_interrupt(tmp_path):
    code = "termination.end_at_sigterm('good bye')\n" + TERMINATE_SOON
    result, seconds = ended(code + "hashlib.pbkdf2_hmac('sha512', b'', b'', 10**9)", tmp_path)
    assert result.returncode == 143
    assert "SIGTERM: good bye" in result.stderr
    assert seconds < 30


def test_sigterm_waits_for_what_is_being_written_and_for_nothing_else(tmp_path):
    code = "termination.end_at_sigterm('good bye')\n" + TERMINATE_SOON
    code += "with termination.unbroken():\n    time.sleep(1)\n    open('whole', 'w').close()\n"
    code += "time.sleep(1)\nopen('after', 'w').close()"
    result, _ = ended(code, tmp_path)
    assert result.returncode == 143
    assert (tmp_path / "whole").exists()
    assert not (tmp_path / "after").exists()
