"""Draw on the scalp how well channels are predicted, by which block, and when in training: a column per time."""

import pandas as pd
from early_alignment.logs import log_to
from early_alignment.pictures import layout, scalp
from early_alignment.statistics import tables

log_to(snakemake.log[0])
maps = pd.concat([tables.read(file) for file in snakemake.input])
for column in ("dataset", "network", "view"):
    maps = maps[maps[column] == snakemake.wildcards[column]]
layout.save(scalp.scalp_maps(maps, snakemake.params.blocks), snakemake.output)
