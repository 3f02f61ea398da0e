"""Keep Snakemake's messages about a job readable where the job has thousands of files."""

SHOWN = 5
"""Files of a kind that are listed."""
LONGEST_REASON = 500
"""Characters of the reason why a job runs, which may name all its inputs."""


def shorten(logger) -> None:
    """Shorten what `logger` says of jobs, in place: so that a failed job's log is in sight below its inputs."""
    logger.addFilter(shortened)


def shortened(record) -> bool:
    """A filter that lets every message pass and cuts its long lists of files."""
    for kind in ("input", "output"):
        files = getattr(record, kind, None)
        if isinstance(files, list) and len(files) > SHOWN:
            setattr(record, kind, [*files[:SHOWN], f"and {len(files) - SHOWN:,} more"])
    reason = getattr(record, "reason", None)
    if isinstance(reason, str) and len(reason) > LONGEST_REASON:
        record.reason = reason[:LONGEST_REASON].rpartition(",")[0] + ", …"
    return True
