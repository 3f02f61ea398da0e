"""Predict the responses of a subject's units for one target from one block's inner products."""

from pathlib import Path

import numpy as np
from early_alignment.datasets import stimuli
from early_alignment.datasets.base import open_array
from early_alignment.encoding import ceilings, models, ridge, table
from early_alignment.encoding.folds import folds
from early_alignment.errors import InputError
from early_alignment.geometry import inner_products
from early_alignment.logs import log_to
from early_alignment.noise import mean_of_repetitions

log_to(snakemake.log[0])
params, threads, file = snakemake.params, snakemake.threads, snakemake.input.responses
image_of = {stimulus.condition: stimulus.image for stimulus in stimuli.read(snakemake.input.stimuli)}
concepts = [Path(image).parent.name for image in image_of.values()] if params.by_concept else None
responses = open_array(file, "responses", "delete the file and run the workflow again")
explainable = None
try:
    if responses.ndim == 3:
        explainable, responses = ceilings.of_halves(np.asarray(responses)), mean_of_repetitions(responses)
    of_folds = folds(len(image_of), params.folds, params.seed, concepts)
    kernel = ridge.kernel_of(inner_products.load(snakemake.input.geometry))
    smoothers = ridge.smoothers(kernel, of_folds, params.alphas, threads=threads)
    encoding = models.encode(responses, smoothers, explainable, threads=threads)
except InputError:
    raise
except ValueError as error:
    expected = f"responses and inner products of the data set's conditions, enough for {params.folds} folds"
    remedy = "lower encoding.folds, or look at the responses and at the checkpoint: the network may have died"
    raise InputError(f"{file} and {snakemake.input.geometry}", str(error), expected, remedy) from None
models.save(snakemake.output[0], encoding, {key: snakemake.wildcards[key] for key in table.OF_THE_FILE})
