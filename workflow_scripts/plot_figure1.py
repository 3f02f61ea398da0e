"""Draw Figure 1: alignment against epoch, a row of panels per data set, a panel per target, a line per block."""

from early_alignment.logs import log_to
from early_alignment.pictures import figures
from early_alignment.statistics import tables

log_to(snakemake.log[0])
figure = figures.alignment_over_training(
    tables.read(snakemake.input.alignment),
    tables.read(snakemake.input.noise_ceiling),
    datasets=snakemake.params.datasets,
    blocks=snakemake.params.blocks,
)
figures.save(figure, snakemake.output)
