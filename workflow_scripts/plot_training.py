"""Draw loss and top-1 accuracy against epoch, a line per network and seed."""

from early_alignment.logs import log_to
from early_alignment.pictures import figures
from early_alignment.statistics import tables

log_to(snakemake.log[0])
figures.save(figures.training_curves(tables.read(snakemake.input[0])), snakemake.output)
