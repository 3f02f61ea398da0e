"""Draw on the cortex how well places are predicted, by which block, and when in training."""

from early_alignment.logs import log_to
from early_alignment.pictures import cortex, layout
from early_alignment.statistics import tables

log_to(snakemake.log[0])
maps = tables.read(snakemake.input[0])
for column in ("dataset", "network", "view", "target"):
    maps = maps[maps[column] == snakemake.wildcards[column]]
layout.save(cortex.cortex_maps(maps, snakemake.params.blocks), snakemake.output)
