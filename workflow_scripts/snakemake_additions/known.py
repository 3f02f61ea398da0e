"""Mend Snakemake only where it is as it was when the fault was found."""

import hashlib
import inspect
from importlib.metadata import version

from snakemake.logging import logger


def is_known(fault: str, digest: str, *functions) -> bool:
    """Whether functions of Snakemake's are those that a mend was made for; warns if they are not.

    Args:
        fault: What goes on as Snakemake has it, for the warning.
        digest: `digest_of` the functions that are known.
        functions: Those that the mend changes or relies on.
    """
    if digest_of(*functions) == digest:
        return True
    names = ", ".join(function.__qualname__ for function in functions)
    logger.warning(
        f"Snakemake {version('snakemake')} has other code in {names} than the versions that this workflow mends, so it "
        f"is left as it is. If the fault is still there: {fault}."
    )
    return False


def digest_of(*functions) -> str:
    """A digest of functions' code without its layout."""
    code = "".join(inspect.getsource(function) for function in functions)
    return hashlib.sha256("".join(code.split()).encode()).hexdigest()[:16]
