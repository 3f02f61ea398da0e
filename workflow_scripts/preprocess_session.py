"""Epoch one session's raw EEG and normalise its noise."""

from early_alignment.datasets import published_pickles, things_eeg2_preprocessing
from early_alignment.logs import log_to

log_to(snakemake.log[0])
files = {partition: snakemake.input[partition] for partition in things_eeg2_preprocessing.PARTITIONS}
published_pickles.save(snakemake.output[0], things_eeg2_preprocessing.session(files, snakemake.params.noise_covariance))
