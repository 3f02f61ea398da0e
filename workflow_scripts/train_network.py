"""Train one seed's network up to the end of a segment, from wherever an earlier job left off."""

import json
from pathlib import Path

from early_alignment.logs import log_to

log_to(snakemake.log[0])

from early_alignment.training import image_fingerprint, process, processes

segment = Path(snakemake.output[0])
arguments = {
    "segment": str(segment),
    "recipe": snakemake.params.recipe,
    "computing": snakemake.params.computing,
    "images": json.loads(Path(snakemake.input.images[0]).read_text()),
    "published": str(segment.parents[3].joinpath("checkpoints", *segment.parts[-3:-1])),
    "root": str(image_fingerprint.folder(*snakemake.input.images)),
    "seed": int(snakemake.wildcards.seed),
    "early_steps": snakemake.params.early_steps,
    "last_epoch": snakemake.params.last_epoch,
    "threads": snakemake.threads,
}
n_processes = snakemake.resources.get("gpu", 1)
if n_processes > 1:
    processes.start_in_place("training.process", n_processes, arguments, segment.with_suffix(".arguments"))
process.run(**arguments)
