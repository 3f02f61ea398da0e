"""Look over the data of all data sets, say all that is wrong with them at once, and fail if anything is."""

import sys
from pathlib import Path

from early_alignment import logs
from early_alignment.experiment import checks

summaries, errors = checks.problems(snakemake.config, snakemake.threads)
text = "\n".join(checks.report(summaries, errors))
Path(snakemake.log[0]).write_text(f"{logs.where()}\n{text}\n")
print(text, file=sys.stderr)
if errors:
    sys.exit(1)
for output in snakemake.output:
    Path(output).write_text(text + "\n")
