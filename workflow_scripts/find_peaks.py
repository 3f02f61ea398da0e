"""Find the epoch at which each network is most aligned with each target."""

from early_alignment.logs import log_to
from early_alignment.statistics import tables

log_to(snakemake.log[0])
table = tables.peaks(tables.read(snakemake.input[0]))
table.to_csv(snakemake.output[0], index=False)
