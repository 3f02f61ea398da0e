"""Compute one subject's RDM for one target."""

from early_alignment.datasets import open_dataset
from early_alignment.geometry import rdms
from early_alignment.logs import log_to

log_to(snakemake.log[0])
name, subject, target = (snakemake.wildcards[key] for key in ("dataset", "subject", "target"))
dataset = open_dataset(name, snakemake.config["datasets"][name])
rdms.save(snakemake.output[0], dataset.brain_rdm(subject, target, snakemake.params.distance))
