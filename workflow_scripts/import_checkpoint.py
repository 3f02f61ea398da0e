"""Take over a checkpoint from elsewhere: read it without running code, check it, and name its tensors."""

from early_alignment.logs import log_to

log_to(snakemake.log[0])

from early_alignment.files import written_whole
from early_alignment.networks import checkpoints, networks

source = snakemake.input[0]
network = networks.with_state(snakemake.params.architecture, checkpoints.read_foreign(source), source)
about = checkpoints.expected(
    snakemake.wildcards.seed, snakemake.wildcards.epoch, {"architecture": snakemake.params.architecture}
)
with written_whole(snakemake.output[0]) as path:
    checkpoints.save(network, path, about | {"source": source})
