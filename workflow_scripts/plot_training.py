"""Draw loss and top-1 accuracy against epoch, a line per network and seed."""

from early_alignment.logs import log_to
from early_alignment.pictures import layout, training
from early_alignment.statistics import tables

log_to(snakemake.log[0])
layout.save(training.training_curves(tables.read(snakemake.input[0])), snakemake.output)
