"""Extract the features of all blocks at one checkpoint, for the stimuli of one data set."""

from early_alignment.logs import log_to

log_to(snakemake.log[0])

from early_alignment.datasets import (
    open_dataset,
    stimuli,
)
from early_alignment.networks import checkpoints, features, networks

name = snakemake.wildcards.dataset
expected = checkpoints.expected(snakemake.wildcards.seed, snakemake.wildcards.epoch, snakemake.params.recipe)
network = networks.from_checkpoint(snakemake.params.architecture, snakemake.input.checkpoint, expected)
features.extract(
    network.to(networks.device()),
    files=dict(zip(snakemake.params.blocks, snakemake.output, strict=True)),
    dataset=open_dataset(name, snakemake.config["datasets"][name]),
    stimuli=stimuli.read(snakemake.input.stimuli),
    size=snakemake.params.size,
    background=snakemake.params.background,
    dtype=snakemake.params.dtype,
    precision=snakemake.params.precision,
    workers=snakemake.threads - 1,
)
