"""Gather loss and accuracy of all networks, seeds and epochs into one tidy table."""

from early_alignment.logs import log_to
from early_alignment.statistics import tables

log_to(snakemake.log[0])
accuracies = zip(snakemake.params.networks, snakemake.input, strict=True)
table = tables.accuracy(accuracies, snakemake.params.data, snakemake.params.not_evaluated)
table.to_csv(snakemake.output[0], index=False)
