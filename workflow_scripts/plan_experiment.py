"""Print what an experiment costs, and whether the disk has room for it."""

import sys
from pathlib import Path

from early_alignment import errors
from early_alignment.experiment import costs

sys.excepthook = errors.show_plainly
stages = costs.stages(snakemake.config, snakemake.params.cores, snakemake.params.gpus)
text = "\n".join(costs.report(stages, Path(snakemake.config["results"]), costs.stand_ins(snakemake.config)))
Path(snakemake.log[0]).write_text(text + "\n")
print(text, file=sys.stderr)
