"""Estimate mean alignment at every epoch, with intervals."""

from early_alignment.logs import log_to
from early_alignment.statistics import curve_tables, tables
from early_alignment.statistics.curves import curves_of

log_to(snakemake.log[0])
table = curve_tables.trajectories(
    curves_of(snakemake.input.resamples, zip(snakemake.params.in_parts, snakemake.input.accuracies, strict=True)),
    tables.read(snakemake.input.alignment),
    tables.read(snakemake.input.noise_ceiling),
    over=tuple(snakemake.params.over),
    data=snakemake.params.data,
)
table.to_csv(snakemake.output[0], index=False)
