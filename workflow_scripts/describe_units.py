"""Say where the units of one subject's responses for one target are, and how much of their variance is no noise."""

from early_alignment.datasets import open_dataset
from early_alignment.encoding import units
from early_alignment.logs import log_to

log_to(snakemake.log[0])
name, subject, target = (snakemake.wildcards[key] for key in ("dataset", "subject", "target"))
dataset = open_dataset(name, snakemake.config["datasets"][name])
units.units(dataset, subject, target, snakemake.params.repeated).to_csv(snakemake.output[0], index=False)
