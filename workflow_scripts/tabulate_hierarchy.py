"""Compare the depth of the best block with the order of targets, at every epoch."""

from early_alignment.logs import log_to
from early_alignment.statistics import curve_tables
from early_alignment.statistics.curves import curves_of

log_to(snakemake.log[0])
table = curve_tables.hierarchy_scores(
    curves_of(snakemake.input.resamples, zip(snakemake.params.in_parts, snakemake.input.accuracies, strict=True)),
    over=tuple(snakemake.params.over),
    data=snakemake.params.data,
)
table.to_csv(snakemake.output[0], index=False)
