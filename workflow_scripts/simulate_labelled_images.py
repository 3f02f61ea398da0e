"""Write simulated labelled images to train networks on."""

from early_alignment.logs import log_to
from early_alignment.simulation.plan import Plan
from early_alignment.simulation.write import write_labelled_images

log_to(snakemake.log[0])
write_labelled_images(Plan(**snakemake.params.plan))
