"""Predict the responses of all subjects' units for one target from the inner products of each block at one epoch."""

import numpy as np
from early_alignment.datasets.base import open_array
from early_alignment.encoding import models, ridge, table, units
from early_alignment.errors import InputError
from early_alignment.logs import log_to
from early_alignment.noise import mean_of_repetitions
from early_alignment.statistics.resampling import stimuli_in_resamples

log_to(snakemake.log[0])
device = None
if snakemake.resources.get("gpu"):
    import torch

    device = torch.device("cuda")
AGAIN = "delete the file and run the workflow again"
files, params, outputs, rows = snakemake.input, snakemake.params, iter(snakemake.output.units), []
of_all = dict(snakemake.wildcards) | {"dataset": params.dataset}
for block, smoothers_file in zip(params.blocks, files.smoothers, strict=True):
    smoothers = ridge.load_smoothers(smoothers_file, device)
    weights = stimuli_in_resamples(params.dataset, len(smoothers.folds), params.draws)
    for subject, responses_file, units_file in zip(params.subjects, files.responses, files.units, strict=True):
        responses, of_units = open_array(responses_file, "responses", AGAIN), units.read(units_file)
        try:
            if responses.ndim == 3:
                responses = mean_of_repetitions(np.asarray(responses))
            explainable = of_units[units.EXPLAINABLE].to_numpy(float)
            encoding = models.encode(responses, smoothers, explainable, weights, threads=snakemake.threads)
        except ValueError as error:
            where, expected = f"{responses_file} and {units_file}", "responses and units of one subject and target"
            raise InputError(where, str(error), expected, AGAIN) from None
        of = {key: (of_all | {"block": block, "subject": subject})[key] for key in table.OF_THE_FILE}
        models.save(next(outputs), encoding, of | units.positions(of_units))
        rows += table.rows_of(encoding, of)
table.write_alignment(snakemake.output.alignment, rows)
