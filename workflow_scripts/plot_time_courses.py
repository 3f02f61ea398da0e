"""Draw when after onset a network is aligned with a data set, over training: a panel per block."""

from early_alignment.encoding.scores import SUMMARIES
from early_alignment.logs import log_to
from early_alignment.pictures import layout, time_courses
from early_alignment.statistics import tables

log_to(snakemake.log[0])
alignment, clusters = map(tables.read, (snakemake.input.alignment, snakemake.input.clusters))
for name in ("dataset", "network"):
    alignment, clusters = (table[table[name] == snakemake.wildcards[name]] for table in (alignment, clusters))
# Of alignments the first kind, of encoding models the median over units.
measure = next(iter(SUMMARIES)) if snakemake.wildcards.what == "encoding" else alignment["measure"].iloc[0]
alignment, clusters = (table[table["measure"] == measure] for table in (alignment, clusters))
figure = time_courses.time_courses(alignment, clusters, snakemake.params.blocks)
layout.save(figure, snakemake.output)
