"""Draw alignment of several networks against epoch: a row of panels per target, a line per network."""

from early_alignment.logs import log_to
from early_alignment.pictures import figures, layout
from early_alignment.statistics import tables

log_to(snakemake.log[0])
figure = figures.networks_compared(
    tables.read(snakemake.input.trajectories),
    tables.read(snakemake.input.noise_ceiling),
    datasets=snakemake.params.datasets,
    networks=snakemake.params.networks,
)
layout.save(figure, snakemake.output)
