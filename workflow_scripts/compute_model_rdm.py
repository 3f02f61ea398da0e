"""Compute the RDM of one block's features."""

from early_alignment import features, rdms
from early_alignment.logs import log_to

log_to(snakemake.log[0])
rdms.save(snakemake.output[0], rdms.rdm(features.read_chunks(snakemake.input[0]), snakemake.params.rdm["distance"]))
