"""Gather all alignments into one tidy table."""

from early_alignment.logs import log_to
from early_alignment.statistics import tables

log_to(snakemake.log[0])
# Of each network with epochs in parts, an accuracy says how many steps an epoch has.
accuracies = zip(snakemake.params.in_parts, snakemake.input.accuracies, strict=True)
table = tables.alignment(snakemake.input.alignments, snakemake.params.data, tables.steps_per_epoch(accuracies))
table.to_csv(snakemake.output[0], index=False)
