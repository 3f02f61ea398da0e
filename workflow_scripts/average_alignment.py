"""Average alignment over subjects and seeds, and set it beside the noise ceiling."""

from early_alignment.logs import log_to
from early_alignment.statistics import mean_alignment, tables

log_to(snakemake.log[0])
table = mean_alignment.table(tables.read(snakemake.input.alignment), tables.read(snakemake.input.noise_ceiling))
table.to_csv(snakemake.output[0], index=False)
