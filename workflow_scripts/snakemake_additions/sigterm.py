"""Let Snakemake end at a SIGTERM that comes while it chooses the next jobs.

While it chooses, Snakemake (9.27.1, `JobScheduler.job_selector`) holds a lock that its handler of SIGTERM waits for, in
the same thread: it hangs for good, with either of its schedulers. The handler sets a flag, which needs no lock.
"""

from snakemake.scheduling.job_scheduler import JobScheduler


def never_hang() -> None:
    """Mend that, for this process."""
    JobScheduler.exit_gracefully = _exit_gracefully


def _exit_gracefully(self, *_) -> None:
    self._user_kill = "graceful"
    self._open_jobs.release()
