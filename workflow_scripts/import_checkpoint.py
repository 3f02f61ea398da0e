"""Take over a checkpoint from elsewhere: read it without running code, check it, and link it or name its tensors."""

from pathlib import Path

from early_alignment.logs import log_to

log_to(snakemake.log[0])

from early_alignment.files import written_whole
from early_alignment.networks import checkpoints, networks

source, output = Path(snakemake.input.checkpoint), Path(snakemake.output[0])
found = checkpoints.read(source, checkpoints.FOREIGN)
state = checkpoints.unwrapped(found, source)
network = networks.with_state(snakemake.params.architecture, state, source)
if found.keys() == network.state_dict().keys():
    output.symlink_to(source.resolve())
else:
    recipe = {"architecture": snakemake.params.architecture, "source": str(source)}
    about = checkpoints.expected(snakemake.wildcards.seed, snakemake.wildcards.epoch, recipe)
    with written_whole(output) as path:
        checkpoints.save(network, path, about)
