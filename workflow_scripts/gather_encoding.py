"""Gather the scores of all encoding models into one tidy table."""

from early_alignment.encoding.table import table
from early_alignment.logs import log_to
from early_alignment.statistics.tables import steps_per_epoch

log_to(snakemake.log[0])
# Of each network with epochs in parts, an accuracy says how many steps an epoch has.
accuracies = zip(snakemake.params.in_parts, snakemake.input.accuracies, strict=True)
found = table(snakemake.input.encodings, snakemake.params.data, steps_per_epoch(accuracies))
found.to_csv(snakemake.output[0], index=False)
