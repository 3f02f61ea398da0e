"""Compute the RDMs of all blocks from inner products of conditions; imports numpy alone."""

from early_alignment.errors import InputError
from early_alignment.geometry import inner_products, rdms
from early_alignment.logs import log_to

log_to(snakemake.log[0])
for store, path in zip(snakemake.input, snakemake.output, strict=True):
    try:
        rdm = rdms.rdm_of(inner_products.load(store), snakemake.wildcards.distance)
    except ValueError as error:
        expected, remedy = (
            "a varying pattern for every condition",
            "look at the stimulus, or at the checkpoint: the network",
        )
        raise InputError(store, str(error), expected, f"{remedy} may have died or diverged") from None
    rdms.save(path, rdm)
