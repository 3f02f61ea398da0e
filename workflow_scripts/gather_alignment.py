"""Gather all alignments into one tidy table."""

import json
from pathlib import Path

from early_alignment.logs import log_to
from early_alignment.statistics import tables

log_to(snakemake.log[0])
counts = [json.loads(Path(file).read_text())["counts"]["train"] for file in snakemake.input.images]
steps_per_epoch = {
    network: tables.steps_per_epoch(n_images, batch_size)
    for n_images, (network, batch_size) in zip(counts, snakemake.params.batch_sizes.items(), strict=True)
}
table = tables.alignment(snakemake.input.alignment, snakemake.params.data, steps_per_epoch)
table.to_csv(snakemake.output[0], index=False)
