"""Compute the RDM of one block's features."""

from early_alignment.errors import InputError
from early_alignment.geometry import rdms
from early_alignment.logs import log_to
from early_alignment.networks.feature_files import FeatureFile

log_to(snakemake.log[0])
store = snakemake.input[0]
device = None
if snakemake.resources.get("gpu"):
    import torch

    device = torch.device("cuda")
try:
    with FeatureFile(store) as file:
        rdm = rdms.rdm(
            file.readers(),
            snakemake.params.distance,
            conditions=file.conditions,
            device=device,
            threads=snakemake.threads,
        )
except InputError:
    raise
except ValueError as error:
    remedy = "look at the stimulus, or at the checkpoint: the network may have died or diverged"
    raise InputError(store, str(error), "a varying, finite pattern for every condition", remedy) from None
rdms.save(snakemake.output[0], rdm)
