"""Send what a job prints to its log file."""

import os
import sys

from .errors import show_plainly


def log_to(path) -> None:
    """Send this process's standard output and error, and those of its children, to the file `path`."""
    log = os.open(str(path), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    os.dup2(log, sys.stdout.fileno())
    os.dup2(log, sys.stderr.fileno())
    os.close(log)
    sys.excepthook = show_plainly
