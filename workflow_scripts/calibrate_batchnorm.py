"""Give the untrained network batch norm statistics of training images: one pass, without labels."""

from early_alignment.logs import log_to
from early_alignment.training.recipe import labelled_images

log_to(snakemake.log[0])

from early_alignment.files import written_whole
from early_alignment.networks import checkpoints, networks
from early_alignment.training.labelled_images import calibration_batches

seed, recipe = snakemake.wildcards.seed, snakemake.params.recipe
network = networks.from_checkpoint(
    snakemake.params.architecture, snakemake.input.checkpoint, checkpoints.expected(seed, "000", recipe)
).to(networks.device())
batches = calibration_batches(
    labelled_images(snakemake.config),
    seed=int(seed),
    n_images=snakemake.params.n_images,
    size=snakemake.params.image_size,
    background=snakemake.params.background,
    workers=snakemake.threads - 1,
)
networks.calibrate_batchnorm(network, (batch.to(networks.device()) for batch in batches))
with written_whole(snakemake.output[0]) as path:
    checkpoints.save(network, path, checkpoints.expected(seed, "000-calibrated", recipe))
