"""Give the untrained network batch norm statistics of training images: one pass, without labels."""

from early_alignment.logs import log_to
from early_alignment.recipe import labelled_images

log_to(snakemake.log[0])

from early_alignment import checkpoints, networks  # noqa: E402  (what importing torch prints belongs in the log)
from early_alignment.files import written_whole  # noqa: E402
from early_alignment.labelled_images import calibration_batches  # noqa: E402

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
