"""Gather all alignments into one tidy table."""

from early_alignment.logs import log_to
from early_alignment.statistics import tables

log_to(snakemake.log[0])
table = tables.alignment(snakemake.input, snakemake.params.data)
table.to_csv(snakemake.output[0], index=False)
