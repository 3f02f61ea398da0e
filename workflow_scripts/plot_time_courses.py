"""Draw when after onset a network is aligned with a data set, over training: a panel per block."""

from early_alignment.logs import log_to
from early_alignment.pictures import layout, time_courses
from early_alignment.statistics import tables

log_to(snakemake.log[0])
alignment, clusters = (
    table[(table["dataset"] == snakemake.wildcards.dataset) & (table["network"] == snakemake.wildcards.network)]
    for table in (tables.read(snakemake.input.alignment), tables.read(snakemake.input.clusters))
)
figure = time_courses.time_courses(alignment, clusters, snakemake.params.blocks)
layout.save(figure, snakemake.output)
