"""Gather the resamples of a network with a data set into one file; imports numpy alone."""

from early_alignment.logs import log_to
from early_alignment.statistics import resamples

log_to(snakemake.log[0])
resamples.gather(snakemake.output[0], snakemake.input.brains, snakemake.input.resamples)
