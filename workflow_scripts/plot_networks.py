"""Draw alignment against epoch, a line per network, a row of panels per target."""

from early_alignment.logs import log_to
from early_alignment.pictures import figures
from early_alignment.statistics import tables

log_to(snakemake.log[0])
figure = figures.networks_compared(
    tables.read(snakemake.input[0]), datasets=snakemake.params.datasets, blocks=snakemake.params.blocks
)
figures.save(figure, snakemake.output)
