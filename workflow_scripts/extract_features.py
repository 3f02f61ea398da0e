"""Extract the features of all blocks at one checkpoint, seen in one way, for the stimuli of one data set."""

from early_alignment.logs import log_to

log_to(snakemake.log[0])

from early_alignment.datasets import open_dataset, stimuli
from early_alignment.networks import checkpoints, features, networks

name, seed, workers = snakemake.wildcards.dataset, snakemake.wildcards.seed, snakemake.threads - 1
expected = checkpoints.expected(seed, snakemake.wildcards.epoch, snakemake.params.recipe)
network = networks.from_checkpoint(snakemake.params.architecture, snakemake.input.checkpoint, expected)
network = network.to(networks.device())
if snakemake.params.calibration is not None:
    from early_alignment.training import image_fingerprint, labelled_images

    folder = image_fingerprint.folder(*snakemake.input.images)
    batches = labelled_images.calibration_batches(
        folder, int(seed), size=snakemake.params.size, workers=workers, **snakemake.params.calibration
    )
    networks.calibrate_batchnorm(network, (batch.to(networks.device()) for batch in batches))
features.extract(
    network,
    files=dict(zip(snakemake.params.blocks, snakemake.output, strict=True)),
    dataset=open_dataset(name, snakemake.config["datasets"][name]),
    stimuli=stimuli.read(snakemake.input.stimuli),
    size=snakemake.params.size,
    background=snakemake.params.background,
    dtype=snakemake.params.dtype,
    precision=snakemake.params.precision,
    workers=workers,
)
