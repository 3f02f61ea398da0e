"""Measure loss and accuracy of a checkpoint from elsewhere on the validation images."""

import json
import time

from early_alignment.logs import log_to

log_to(snakemake.log[0])

from early_alignment.files import written_whole
from early_alignment.networks import checkpoints
from early_alignment.training import evaluation, image_fingerprint

started = time.monotonic()
row = {
    "network": snakemake.wildcards.network,
    "seed": int(snakemake.wildcards.seed),
    "epoch": int(snakemake.wildcards.epoch),
    "step": 0,
    "steps_per_epoch": None,
    "training_loss": None,
    "learning_rate": None,
}
row |= evaluation.of_checkpoint(
    snakemake.input.checkpoint,
    image_fingerprint.folder(*snakemake.input.images),
    architecture=snakemake.params.architecture,
    expected=checkpoints.expected(snakemake.wildcards.seed, snakemake.wildcards.epoch, {}),
    image_size=snakemake.params.image_size,
    validation_resize=snakemake.params.validation_resize,
    computing=snakemake.params.computing,
    background=snakemake.params.background,
    workers=snakemake.threads - 1,
)
row["seconds"] = round(time.monotonic() - started, 3)
with written_whole(snakemake.output[0]) as path:
    path.write_text(json.dumps(row) + "\n")
