"""Alignment of one block at one epoch with one target: a row per subject, measure and choice of pairs."""

import csv
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from ..epochs import epoch_and_step
from ..errors import InputError
from ..geometry import rdms
from . import measures
from . import pairs as choices

OF_THE_FILE = ("dataset", "target", "network", "seed", "epoch", "view", "block")
"""What is the same in all rows of a file."""
COLUMNS = (
    "dataset",
    "target",
    "subject",
    "network",
    "seed",
    "epoch",
    "step",
    "view",
    "block",
    "measure",
    "pairs",
    "n_pairs",
    "value",
)


def align(path, model, brain: dict, measures_: list[str], pairs: list[str], stimuli, columns: dict[str, str]) -> None:
    """Write the alignment of a model RDM with every subject's brain RDM.

    Args:
        path: The CSV file to write.
        model: File of the model RDM.
        brain: Subject → file of the brain RDM.
        measures_: Names of similarity measures.
        pairs: Which pairs of conditions are compared, each as of `pairs.blocks`.
        stimuli: The data set's table of stimuli, which labels conditions; None if all pairs alone are compared.
        columns: The other columns: dataset, target, network, seed, epoch (as paths call it, `003` or `000+00100`, from
            which the column step is made too), view, block.

    Raises:
        InputError: The RDMs are of different numbers of conditions, or one of them cannot be compared.
    """
    loaded = load_alike([model, *brain.values()])
    model_rdm, brain_rdms = loaded[:1], loaded[1:]
    epoch, step = epoch_and_step(columns["epoch"])
    columns = columns | {"epoch": epoch, "step": step}
    labels = {} if stimuli is None else choices.read_labels(stimuli)
    with open(path, "w", newline="") as file:
        table = csv.DictWriter(file, COLUMNS)
        table.writeheader()
        for choice in pairs:
            blocks = choices.blocks(choice, rdms.n_conditions(loaded), labels, stimuli)
            columns |= {"pairs": choice, "n_pairs": choices.number_of_pairs(loaded[0], blocks)}
            for measure in measures_:
                with naming_the_file([model, *brain.values()], loaded, measure, blocks):
                    values = choices.compare_in_blocks(model_rdm, brain_rdms, measure, blocks)[0]
                for subject, value in zip(brain, values, strict=True):
                    table.writerow(columns | {"subject": subject, "measure": measure, "value": repr(float(value))})


def load_alike(files: list) -> np.ndarray:
    """Load condensed RDMs of the same conditions, (files, pairs).

    Raises:
        InputError: One is of another number of conditions than the first.
    """
    first, *others = loaded = [rdms.load(file) for file in files]
    for file, rdm in zip(files[1:], others, strict=True):
        if rdm.shape != first.shape:
            raise InputError(
                file,
                f"an RDM of {rdms.n_conditions(rdm)} conditions",
                f"{rdms.n_conditions(first)}, as in {files[0]}",
                "make the data set's stimuli and responses agree",
            )
    return np.stack(loaded)


@contextmanager
def naming_the_file(files: list, loaded: np.ndarray, measure: str, blocks: dict) -> Iterator[None]:
    """Turn the error of RDMs that cannot be compared into an `InputError` that names the file of the first such one.

    Args:
        files: Their files.
        loaded: What was loaded from these, (files, pairs).
        measure: The measure by which they are compared.
        blocks: The blocks in which they are, from `pairs.blocks`.
    """
    try:
        yield
    except ValueError:
        for file, rdm in zip(files, loaded, strict=True):
            for name, block in blocks.items():
                try:
                    measures.compare(rdm[None, block], rdm[None, block], measure)
                except ValueError as error:
                    where = "" if name == choices.ALL else f", in the pairs of conditions of label {name or 'none'}"
                    raise InputError(
                        file,
                        f"{error}{where}",
                        f"finite dissimilarities that are not all equal, which {measure} needs",
                        "look at what the RDM is computed from: responses, or the network's features, that do not "
                        "differ between conditions; mend it, or leave it out of the config",
                    ) from None
        raise
