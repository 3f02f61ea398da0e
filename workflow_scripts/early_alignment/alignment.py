"""Alignment of one block at one epoch with one target: a row per subject and measure."""

import csv

import numpy as np

from . import measures, rdms
from .errors import InputError

COLUMNS = ("dataset", "target", "subject", "seed", "epoch", "batchnorm", "block", "measure", "value")


def align(path, model, brain: dict, measures_: list[str], labels: dict[str, str]) -> None:
    """Write the alignment of a model RDM with every subject's brain RDM.

    Args:
        path: The CSV file to write.
        model: File of the model RDM.
        brain: Subject → file of the brain RDM.
        measures_: Names of similarity measures.
        labels: The other columns: dataset, target, seed, epoch (`000-calibrated` is epoch 0 with calibrated batch
            norm, any other a number), block.

    Raises:
        InputError: The RDMs are of different numbers of conditions.
    """
    model_rdm = rdms.load(model)
    brain_rdms = [rdms.load(file) for file in brain.values()]
    for file, rdm in zip(brain.values(), brain_rdms, strict=True):
        if rdm.shape != model_rdm.shape:
            raise InputError(
                file,
                f"an RDM of {rdms.n_conditions(rdm)} conditions",
                f"{rdms.n_conditions(model_rdm)}, as in {model}",
                "make the data set's stimuli and responses agree",
            )
    epoch, _, variant = labels["epoch"].partition("-")
    labels = labels | {"epoch": int(epoch), "batchnorm": variant or "running"}
    with open(path, "w", newline="") as file:
        table = csv.DictWriter(file, COLUMNS)
        table.writeheader()
        for measure in measures_:
            values = measures.compare(model_rdm[None], np.stack(brain_rdms), measure)[0]
            for subject, value in zip(brain, values, strict=True):
                table.writerow(labels | {"subject": subject, "measure": measure, "value": repr(float(value))})
