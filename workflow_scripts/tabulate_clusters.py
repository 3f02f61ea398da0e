"""Find the times at which networks are aligned with responses, by cluster permutation tests over times."""

from early_alignment.logs import log_to
from early_alignment.statistics import clusters, tables

log_to(snakemake.log[0])
clusters.clusters_of_all(tables.read(snakemake.input[0])).to_csv(snakemake.output[0], index=False)
