"""What Snakemake's executor plugins must be for jobs to run as the rules mean them."""

from early_alignment.errors import InputError

SLURM_PLUGIN = "snakemake-executor-plugin-slurm"
OLDEST = "2.7.1"
"""The plugin before asked for a task per GPU where nobody did, so SLURM ran a job of two GPUs twice, with one each."""


def check_executor(name: str) -> None:
    """Check the version of the plugin that gives jobs to SLURM, if `name` is that executor's.

    Raises:
        InputError: It is too old.
    """
    if name != "slurm":
        return
    from importlib.metadata import version

    from packaging.version import Version

    if Version(version(SLURM_PLUGIN)) < Version(OLDEST):
        raise InputError(
            f"the Python package {SLURM_PLUGIN}",
            f"version {version(SLURM_PLUGIN)}, which runs a job of several GPUs several times",
            f"{OLDEST} or newer",
            f"pip install '{SLURM_PLUGIN}>={OLDEST}', or start Snakemake from .venv, which has it",
        )
