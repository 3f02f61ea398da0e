"""Alignment of a block with a target: a row per distance, subject, measure, choice of pairs, control and scheme."""

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from typing import NamedTuple

import numpy as np

from ..epochs import epoch_and_step
from ..errors import InputError
from ..geometry import rdms
from . import measures
from . import pairs as choices
from .schemes import EACH, NO_CONTROL, OF_ALL

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
    "distance",
    "measure",
    "pairs",
    "control",
    "scheme",
    "n_pairs",
    "value",
)


class Files(NamedTuple):
    """Files of RDMs of one distance."""

    model: str
    brain: dict
    """Subject → the file of the brain RDM."""
    controls: dict
    """Control → the file of its RDM. Each adds, for measures that are correlations, the alignment that is left when it
    is partialled out."""


def align(
    path,
    rdms_of: dict[str, Files],
    measures_: list[str],
    pairs: list[str],
    stimuli,
    columns: dict[str, str],
    averaging=(EACH,),
) -> None:
    """Write the alignment of a block's model RDMs with every subject's brain RDM.

    Args:
        path: The CSV file to write.
        rdms_of: Distance → the files of its RDMs.
        measures_: Names of similarity measures.
        pairs: Which pairs of conditions are compared, each as of `pairs.blocks`.
        stimuli: The data set's table of stimuli, which labels conditions; None if all pairs alone are compared.
        columns: The other columns: dataset, target, network, seed, epoch (as paths call it, `003` or `000+00100`, from
            which the column step is made too), view, block.
        averaging: Which of `schemes.SCHEMES`.

    Raises:
        InputError: The RDMs are of different numbers of conditions, or one of them cannot be compared.
    """
    epoch, step = epoch_and_step(columns["epoch"])
    columns = columns | {"epoch": epoch, "step": step}
    with open(path, "w", newline="") as file:
        table = csv.DictWriter(file, COLUMNS)
        table.writeheader()
        for distance, files in rdms_of.items():
            for row in rows_of(files, measures_, pairs, stimuli, averaging):
                table.writerow(columns | {"distance": distance} | row)


def rows_of(files: Files, measures_: list[str], pairs: list[str], stimuli, averaging=(EACH,)) -> Iterator[dict]:
    """The alignments by one distance; arguments and errors as of `align`."""
    paths = [files.model, *files.controls.values(), *files.brain.values()]
    loaded = load_alike(paths)
    first_brain = 1 + len(files.controls)
    model_rdm, brain_rdms = loaded[:1], loaded[first_brain:]
    partialled = {NO_CONTROL: None} | dict(zip(files.controls, loaded[1:first_brain], strict=True))
    for choice, blocks in blocks_of(pairs, loaded, stimuli).items():
        of = {"pairs": choice, "n_pairs": choices.number_of_pairs(loaded[0], blocks)}
        for measure in measures_:
            given = partialled if measures.MEASURES[measure].is_correlation else [NO_CONTROL]
            with naming_the_file(paths, loaded, measure, blocks):
                for scheme, control in product(averaging, given):
                    subjects, compared = of_scheme(scheme, files.brain, brain_rdms, measure, blocks)
                    values = choices.compare_in_blocks(model_rdm, compared, measure, blocks, partialled[control])[0]
                    of |= {"measure": measure, "control": control, "scheme": scheme}
                    for subject, value in zip(subjects, values, strict=True):
                        yield of | {"subject": subject, "value": repr(float(value))}


def blocks_of(pairs: list[str], loaded: np.ndarray, stimuli) -> dict[str, dict[str, np.ndarray | slice]]:
    """Choice of pairs → its blocks, for RDMs (rdms, pairs) of stimuli that a table labels, or None."""
    labels = {} if stimuli is None else choices.read_labels(stimuli)
    return {choice: choices.blocks(choice, rdms.n_conditions(loaded), labels, stimuli) for choice in pairs}


def of_scheme(
    scheme: str, subjects, brain_rdms: np.ndarray, measure: str, blocks: dict
) -> tuple[list[str], np.ndarray]:
    """What a scheme compares with: names for the column `subject`, and as many RDMs (names, pairs).

    Args:
        scheme: One of `schemes.SCHEMES`.
        subjects: Their names.
        brain_rdms: Their condensed RDMs (subjects, pairs).
        measure: The measure by which is compared.
        blocks: The blocks in which is compared, from `pairs.blocks`.

    Raises:
        ValueError: RDMs that are averaged are constant or not finite.
    """
    if scheme == EACH:
        return list(subjects), brain_rdms
    average = np.zeros((1, brain_rdms.shape[1]))
    for block in blocks.values():
        average[:, block] = measures.average(brain_rdms[:, block], measure)
    return [OF_ALL], average


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
    except ValueError as of_several:
        for file, rdm in zip(files, loaded, strict=True):
            for name, block in blocks.items():
                try:
                    measures.compare(rdm[None, block], rdm[None, block], measure)
                except ValueError as error:
                    where = "" if len(blocks) == 1 else f", in the pairs of conditions of label {name or 'none'}"
                    raise InputError(
                        file,
                        f"{error}{where}",
                        f"finite dissimilarities that are not all equal, which {measure} needs",
                        "look at what the RDM is computed from: responses, or the network's features, that do not "
                        "differ between conditions; mend it, or leave it out of the config",
                    ) from None
        # Each can be compared with itself, so it is what they have in common.
        raise InputError(
            files[0],
            f"{of_several} (compared with {len(files) - 1} others)",
            "RDMs that leave something to compare",
            "leave the control out of alignment.controls, or average_then_correlate out of alignment.averaging",
        ) from None
