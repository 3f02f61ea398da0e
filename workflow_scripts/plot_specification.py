"""Draw what the data of a network say of each claim under each choice of analysis."""

from early_alignment.logs import log_to
from early_alignment.pictures import layout, specification
from early_alignment.statistics import tables

log_to(snakemake.log[0])
claims = tables.read(snakemake.input[0])
figure = specification.specification_curve(claims[claims["network"] == snakemake.wildcards.network])
layout.save(figure, snakemake.output)
