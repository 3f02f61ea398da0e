"""Make the matrices by which blocks' inner products predict responses, whatever these are; imports numpy alone."""

from pathlib import Path

from early_alignment.datasets import stimuli
from early_alignment.encoding import ridge
from early_alignment.encoding.folds import folds
from early_alignment.errors import InputError
from early_alignment.geometry import inner_products
from early_alignment.logs import log_to

log_to(snakemake.log[0])
settings, listed = snakemake.params.settings, stimuli.read(snakemake.input.stimuli)
image_of = {stimulus.condition: stimulus.image for stimulus in listed}
concepts = [Path(image).parent.name for image in image_of.values()] if settings["by_concept"] else None
for file, output in zip(snakemake.input.geometry, snakemake.output, strict=True):
    try:
        of_folds = folds(len(image_of), settings["folds"], settings["seed"], concepts)
        kernel = ridge.kernel_of(inner_products.load(file))
        smoothers = ridge.smoothers(kernel, of_folds, settings["alphas"], threads=snakemake.threads)
    except InputError:
        raise
    except ValueError as error:
        expected = f"inner products of conditions that differ, enough for {settings['folds']} folds"
        remedy = "lower encoding.folds, or look at the checkpoint: the network may have died"
        raise InputError(file, str(error), expected, remedy) from None
    ridge.save_smoothers(output, smoothers)
