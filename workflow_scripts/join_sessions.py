"""Join a subject's preprocessed sessions into files of the published format."""

from early_alignment.datasets import published_pickles, things_eeg2_preprocessing
from early_alignment.logs import log_to

log_to(snakemake.log[0])
for partition in things_eeg2_preprocessing.PARTITIONS:
    published_pickles.save(snakemake.output[partition], things_eeg2_preprocessing.join(snakemake.input, partition))
