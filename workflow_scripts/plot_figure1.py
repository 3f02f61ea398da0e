"""Draw Figure 1 of a network: alignment against epoch, a panel per data set and target, a line per block."""

from early_alignment.logs import log_to
from early_alignment.pictures import figures, layout
from early_alignment.statistics import tables

log_to(snakemake.log[0])
trajectories = tables.read(snakemake.input.trajectories)
figure = figures.alignment_over_training(
    trajectories[trajectories["network"] == snakemake.wildcards.network],
    tables.read(snakemake.input.noise_ceiling),
    next(map(tables.read, snakemake.input.controls), None),
    datasets=snakemake.params.datasets,
    blocks=snakemake.params.blocks,
)
layout.save(figure, snakemake.output)
