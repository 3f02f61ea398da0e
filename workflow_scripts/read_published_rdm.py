"""Read one subject's published RDM for one target."""

from early_alignment.datasets import open_dataset
from early_alignment.geometry import rdms
from early_alignment.logs import log_to

log_to(snakemake.log[0])
name, subject, target = (snakemake.wildcards[key] for key in ("dataset", "subject", "target"))
dataset = open_dataset(name, snakemake.config["datasets"][name])
dataset.check_distance(snakemake.wildcards.distance)
rdms.save(snakemake.output[0], dataset.published_rdm(subject, target))
