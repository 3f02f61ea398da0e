"""Compute the inner products of conditions from features, a block after the other."""

from early_alignment.errors import InputError
from early_alignment.geometry import inner_products
from early_alignment.logs import log_to
from early_alignment.networks.feature_files import FeatureFile

log_to(snakemake.log[0])
device = None
if snakemake.resources.get("gpu"):
    import torch

    device = torch.device("cuda")
for store, path in zip(snakemake.input, snakemake.output, strict=True):
    try:
        with FeatureFile(store) as file:
            geometry = inner_products.geometry(file.readers(), file.conditions, device, snakemake.threads)
    except InputError:
        raise
    except ValueError as error:
        remedy = "look at the stimulus, or at the checkpoint: the network may have died or diverged"
        raise InputError(store, str(error), "finite patterns", remedy) from None
    inner_products.save(path, geometry)
