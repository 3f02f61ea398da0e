"""Gather all alignments into one tidy table."""

from early_alignment import tables
from early_alignment.logs import log_to

log_to(snakemake.log[0])
table = tables.alignment(snakemake.input, snakemake.params.data)
table.to_csv(snakemake.output[0], index=False)
