"""Let Snakemake end at a SIGTERM that comes while it chooses the next jobs.

While it chooses, Snakemake (9.27.1, `JobScheduler.job_selector`) holds a lock that its handler of SIGTERM waits for, in
the same thread: it hangs for good, with either of its schedulers. The handler sets a flag, which needs no lock.

Where Snakemake has other code than that version's, it is left as it is, with a warning. A test fails when Snakemake no
longer has the fault: delete this module then.
"""

from snakemake.scheduling.job_scheduler import JobScheduler

from .known import is_known

KNOWN = "9900e46d35cf9089"
"""What Snakemake 9.27.1 has; see the module `known`."""
FAULT = "a run that gets SIGTERM while it chooses jobs hangs, and must be killed"


def never_hang() -> None:
    """Mend that, for this process."""
    as_shipped = JobScheduler.exit_gracefully
    if as_shipped is _exit_gracefully or not is_known(FAULT, KNOWN, as_shipped, JobScheduler.job_selector):
        return
    JobScheduler.exit_gracefully = _exit_gracefully


def _exit_gracefully(self, *_) -> None:
    self._user_kill = "graceful"
    self._open_jobs.release()
