"""Let a job that waits for an `ancient` file be looked at for reasons of its own.

When Snakemake (9.27.1, `DAG.update_needrun`) finds a job that is to be run, it takes all jobs behind it for settled and
looks at none of their params, inputs or code. For those that wait for an `ancient` file alone that is wrong: that file
does not make them run, so a change of their own goes unseen until the next run. A second subject, which has the data
checked anew, would then be missing from every alignment.

Where Snakemake has other code than that version's, it is left as it is, with a warning. A test fails when Snakemake no
longer has the fault: delete this module then.
"""

import snakemake.api  # noqa: F401, without which the next line is a circular import
from snakemake.dag import DAG

from .known import is_known

KNOWN = "5c8204c257411792"
"""What Snakemake 9.27.1 has; see the module `known`."""
FAULT = "after two changes at once, a second run may find more to do"


def count_for_themselves() -> None:
    """Mend that, for this process."""
    if hasattr(DAG.update_needrun, "mends") or not is_known(FAULT, KNOWN, DAG.update_needrun, DAG.bfs):
        return
    as_shipped = DAG.update_needrun

    async def update_needrun(self, *arguments, **named):
        # Within this call alone, what is behind a job ends where files are ancient.
        self.bfs = lambda direction, *jobs, **more: DAG.bfs(
            self, _WithoutAncient(direction) if direction is self.depending else direction, *jobs, **more
        )
        try:
            return await as_shipped(self, *arguments, **named)
        finally:
            del self.bfs

    update_needrun.mends = as_shipped  # type: ignore[attr-defined]  # functions take any attribute
    DAG.update_needrun = update_needrun


class _WithoutAncient:
    """Job → the jobs behind it and the files that these need of it, where any of these files is not ancient."""

    def __init__(self, depending):
        self._depending = depending

    def __getitem__(self, job) -> dict:
        behind = self._depending[job]
        return {other: files for other, files in behind.items() if not all(file.is_ancient for file in files)}
