"""List the images of a data set, a row each, in condition order."""

from early_alignment.datasets import open_dataset, stimuli
from early_alignment.logs import log_to

log_to(snakemake.log[0])
name = snakemake.wildcards.dataset
data = open_dataset(name, snakemake.config["datasets"][name])
stimuli.write(snakemake.output[0], data, snakemake.params.background)
