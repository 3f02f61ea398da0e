"""Epoch one session's raw EEG and normalise its noise."""

from early_alignment import preprocessing, published_pickles
from early_alignment.logs import log_to

log_to(snakemake.log[0])
files = {partition: snakemake.input[partition] for partition in preprocessing.PARTITIONS}
published_pickles.save(snakemake.output[0], preprocessing.session(files, snakemake.params.noise_covariance))
