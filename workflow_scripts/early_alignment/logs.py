"""Send what a job prints to its log file."""

import os
import platform
import sys

from .errors import show_plainly


def log_to(path) -> None:
    """Send this process's standard output and error, and those of its children, to the file `path`.

    Its first line says where the job runs.
    """
    log = os.open(str(path), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    os.dup2(log, sys.stdout.fileno())
    os.dup2(log, sys.stderr.fileno())
    os.close(log)
    sys.excepthook = show_plainly
    print(where(), flush=True)


def where() -> str:
    """The line that says where this job runs."""
    slurm_job, gpus = (os.environ.get(name, "none") for name in ("SLURM_JOB_ID", "CUDA_VISIBLE_DEVICES"))
    return f"on {platform.node()}, SLURM job {slurm_job}, CUDA_VISIBLE_DEVICES {gpus}"
