"""Files of alignment in resamples of the stimuli: one per model RDM, and those of a network and distance gathered.

They say what they are of.
"""

from typing import NamedTuple

import numpy as np

from ..comparison.alignment import naming_the_file
from ..comparison.kinds import Kind
from ..comparison.measures import partial
from ..comparison.schemes import AVERAGE, NO_CONTROL
from ..errors import InputError
from ..geometry import rdms
from . import resampling
from .brain_resamples import BrainResamples, columns_of_targets

OF_THE_FILE = ("dataset", "network", "seed", "epoch", "view", "block", "distance")
"""What a model RDM is of."""


def write_alignment(path, model, brains, columns: dict[str, str]) -> None:
    """Write the alignment of a model RDM with all brain RDMs of a data set in every resample, as `.npz`.

    Args:
        path: The file to write: `values`, float32 (kinds, 1 + draws, columns), the first row being the sample itself;
            `kinds`, as `Kind` has them; `columns` (target, subject); `n`, the number of stimuli; and what it is of.
        model: The file of the model RDM.
        brains: The file that `brain_resamples.write` wrote.
        columns: `OF_THE_FILE` → what the model RDM is of.

    Raises:
        InputError: The model RDM is of another number of conditions, or cannot be compared.
    """
    loaded, of_brains = rdms.load(model)[None], BrainResamples(brains)
    n = of_brains.weights.shape[1]
    if rdms.n_conditions(loaded) != n:
        raise InputError(
            model,
            f"an RDM of {rdms.n_conditions(loaded)} conditions",
            f"{n}, as in {brains}",
            "make the data set's stimuli and responses agree",
        )
    compared: dict[tuple[str, str], dict[str, np.ndarray]] = {}
    for kind in of_brains.kinds:
        if kind[:2] not in compared:
            blocks = of_brains.blocks(kind)
            with naming_the_file([model], loaded, kind.measure, blocks):
                of_model = resampling.sums(loaded, of_brains.weights, kind.measure, blocks)
            compared[kind[:2]] = _given_each_control(of_model, of_brains, kind)
    np.savez(
        path,
        values=np.stack([compared[kind[:2]][kind.control] for kind in of_brains.kinds]).astype(np.float32),
        kinds=np.array(of_brains.kinds),
        columns=np.array(of_brains.columns),
        n=n,
        of=np.array([columns[name] for name in OF_THE_FILE]),
    )


def _given_each_control(of_model: list[resampling.Sums], of_brains: BrainResamples, kind: Kind) -> dict:
    """Control that is partialled out, or `NO_CONTROL` → correlations with brain RDMs, (1 + draws, columns)."""
    pairs, controls = of_brains.pairs(kind), of_brains.controls
    with_brains = resampling.correlations(of_model, of_brains.brains(kind))
    found = {NO_CONTROL: resampling.mean_over_blocks(with_brains, pairs)}
    wanted = {of.control for of in of_brains.kinds if of[:2] == kind[:2]} - {NO_CONTROL}
    if wanted:
        with_controls = resampling.correlations(of_model, of_brains.of_controls(kind))
        brains_with_controls = of_brains.brains_with_controls(kind)
    for place, control in enumerate(controls):
        if control in wanted:
            left = partial(with_brains, with_controls[..., place, None], brains_with_controls[..., place])
            found[control] = resampling.mean_over_blocks(left, pairs)
    return found


class Resamples(NamedTuple):
    """Alignment of one model RDM in resamples of the stimuli."""

    of: dict[str, str]
    """`OF_THE_FILE` → what the model RDM is of."""
    kinds: list[Kind]
    columns: list[tuple[str, str]]
    """(target, subject)."""
    n: int
    """The number of stimuli."""
    values: np.ndarray
    """(kinds, 1 + draws, columns); the first row is the sample itself."""
    between_subjects: dict[tuple[Kind, str], np.ndarray]
    """Of kinds that compare with subjects' average, and target → subjects' correlations with each other, from which
    those with the average follow, (1 + draws, subjects, subjects); only if gathered."""


def read(path) -> Resamples:
    """What `write_alignment` wrote."""
    with np.load(path) as file:
        return _resamples(file["of"], file["values"], file, {})


def _resamples(of: np.ndarray, values: np.ndarray, file, between_subjects: dict) -> Resamples:
    """Values, and of what they are; what is the same in a whole `.npz` is taken from it."""
    return Resamples(
        dict(zip(OF_THE_FILE, map(str, of), strict=True)),
        [Kind(*map(str, kind)) for kind in file["kinds"]],
        [(str(target), str(subject)) for target, subject in file["columns"]],
        int(file["n"]),
        values,
        between_subjects,
    )


def gather(path, brains, files) -> None:
    """Write what several files of `write_alignment` hold, of one data set, network and distance, into one.

    Args:
        path: The `.npz` to write: the same arrays, `values` and `of` with an axis of files before the others; and what
            `Resamples.between_subjects` are.
        brains: The data set's file that `brain_resamples.write` wrote.
        files: In the order that they are wanted in.
    """
    found, of_brains = [read(file) for file in files], BrainResamples(brains)
    between_subjects = {
        f"between_subjects.{k}.{target}": of_brains.between_subjects(kind, target)[0]
        for k, kind in enumerate(of_brains.kinds)
        for target in columns_of_targets(of_brains.columns)
        if kind.scheme == AVERAGE
    }
    np.savez(
        path,
        values=np.stack([file.values for file in found]),
        kinds=np.array(found[0].kinds),
        columns=np.array(found[0].columns),
        n=found[0].n,
        of=np.array([list(file.of.values()) for file in found]),
        **between_subjects,
    )


def read_gathered(path) -> list[Resamples]:
    """What `gather` wrote, a `Resamples` per file."""
    with np.load(path) as file:
        of_kinds = [name.split(".", 2) for name in file.files if name.startswith("between_subjects.")]
        kinds = [Kind(*map(str, kind)) for kind in file["kinds"]]
        between_subjects = {
            (kinds[int(k)], target): file[f"between_subjects.{k}.{target}"] for _, k, target in of_kinds
        }
        return [
            _resamples(of, values, file, between_subjects)
            for of, values in zip(file["of"], file["values"], strict=True)
        ]
