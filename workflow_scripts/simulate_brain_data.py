"""Write a simulated brain data set, with its images, in a published format."""

from early_alignment.logs import log_to
from early_alignment.simulation.plan import Plan
from early_alignment.simulation.write import write_data_set

log_to(snakemake.log[0])
write_data_set(Plan(**snakemake.params.plan), snakemake.params.format)
