"""Gather the resampled scores of a network's encoding models of a data set; imports numpy alone."""

from early_alignment.encoding import table
from early_alignment.logs import log_to

log_to(snakemake.log[0])
table.gather(snakemake.output[0], snakemake.input)
