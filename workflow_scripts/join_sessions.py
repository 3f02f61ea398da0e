"""Join a subject's preprocessed sessions into files of the published format."""

from early_alignment import preprocessing, published_pickles
from early_alignment.logs import log_to

log_to(snakemake.log[0])
for partition in preprocessing.PARTITIONS:
    published_pickles.save(snakemake.output[partition], preprocessing.join(snakemake.input, partition))
