"""Compute the RDM of one block's features."""

from early_alignment import features, rdms
from early_alignment.errors import InputError
from early_alignment.logs import log_to

log_to(snakemake.log[0])
store = snakemake.input[0]
device = None
if snakemake.resources.get("gpu"):
    import torch

    device = torch.device("cuda")
try:
    with features.chunk_readers(store) as readers:
        rdm = rdms.rdm(
            readers,
            snakemake.params.distance,
            conditions=features.read_conditions(store),
            device=device,
            threads=snakemake.threads,
        )
except ValueError as error:
    remedy = "look at the stimulus, or at the checkpoint: the network may have died or diverged"
    raise InputError(store, str(error), "a varying, finite pattern for every condition", remedy) from None
rdms.save(snakemake.output[0], rdm)
