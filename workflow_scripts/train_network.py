"""Train one seed's network up to the end of a segment, from wherever an earlier job left off."""

import json
from pathlib import Path

from early_alignment.logs import log_to

log_to(snakemake.log[0])

from early_alignment import training  # noqa: E402  (imports torch: what that prints belongs in the log)

segment = Path(snakemake.output[0])
training.train(
    recipe=training.Recipe(**snakemake.params.recipe),
    root=Path(snakemake.config["training"]["images"]),
    seed=int(snakemake.wildcards.seed),
    last_epoch=snakemake.params.last_epoch,
    folder=segment.parent,
    workers=snakemake.threads - 1,
)
segment.write_text(json.dumps({"last_epoch": snakemake.params.last_epoch, "recipe": snakemake.params.recipe}) + "\n")
