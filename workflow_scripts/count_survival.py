"""Count under how many choices of analysis each claim holds."""

from early_alignment.logs import log_to
from early_alignment.statistics import curve_tables, tables

log_to(snakemake.log[0])
curve_tables.survival(tables.read(snakemake.input[0])).to_csv(snakemake.output[0], index=False)
