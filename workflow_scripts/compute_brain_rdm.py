"""Compute one subject's RDM for one target from the responses."""

import numpy as np
from early_alignment.datasets import stimuli
from early_alignment.datasets.base import open_array
from early_alignment.errors import InputError
from early_alignment.geometry import brain_rdms, rdms
from early_alignment.logs import log_to

log_to(snakemake.log[0])
file = snakemake.input.responses
responses = np.asarray(open_array(file, "responses", "delete the file and run the workflow again"))
conditions = list(dict.fromkeys(stimulus.condition for stimulus in stimuli.read(snakemake.input.stimuli)))
try:
    rdm = brain_rdms.rdm(responses, snakemake.wildcards.distance, conditions)
except ValueError as error:
    remedy = "leave the subject or the target out of the config, or mend the data set's files"
    raise InputError(file, str(error), "a varying, finite pattern for every condition", remedy) from None
rdms.save(snakemake.output[0], rdm)
