"""Files of alignment in resamples of the stimuli: one of a data set's brains, one per model RDM, and these gathered.

What all comparisons with a data set's brains have in common, the draws among them, is in the file of the brains, so
that all model RDMs are compared over the same resamples. The files say what they are of.
"""

from typing import Any, NamedTuple

import numpy as np

from ..comparison import pairs as choices
from ..comparison.alignment import load_alike, naming_the_file
from ..errors import InputError
from ..geometry import rdms
from . import resampling

OF_THE_FILE = ("dataset", "network", "seed", "epoch", "view", "block")
"""What a model RDM is of."""


def resampled_measures(wanted: list[str]) -> list[str]:
    """Those of some measures that stimuli can be resampled for."""
    return [measure for measure in wanted if measure in resampling.NORMALISED]


def write_brains(
    path, brain: dict[tuple[str, str], str], kinds: list[tuple[str, str]], stimuli, draws: int, dataset: str
) -> None:
    """Write what comparisons with a data set's brain RDMs have in common, as `.npz`.

    Args:
        path: The file to write.
        brain: (target, subject) → the file of a brain RDM.
        kinds: (measure, pairs) of the comparisons, of `resampled_measures`.
        stimuli: The data set's table of stimuli, which labels conditions; None if all pairs alone are compared.
        draws: How many resamples.
        dataset: The data set's name, from which the draws follow.

    Raises:
        InputError: RDMs are of different numbers of conditions, of fewer than can be resampled, or one of them cannot
            be compared.
    """
    files = list(brain.values())
    loaded = load_alike(files)
    n = rdms.n_conditions(loaded)
    if n < resampling.LEAST_DISTINCT:
        raise InputError(files[0], f"an RDM of {n} conditions", "3 at least", "take a data set of more conditions")
    seed = resampling.stream("stimuli", dataset)
    weights = np.vstack([np.ones(n, int), resampling.multiplicities(n, draws, seed, resampling.LEAST_DISTINCT)])
    labels = {} if stimuli is None else choices.read_labels(stimuli)
    arrays: dict[str, Any] = {
        "columns": np.array(list(brain)),
        "kinds": np.array(kinds),
        "weights": weights.astype(np.uint16),
    }
    for i, (measure, pairs) in enumerate(kinds):
        blocks = choices.blocks(pairs, n, labels, stimuli)
        with naming_the_file(files, loaded, measure, blocks):
            prepared = resampling.sums(loaded, weights, measure, blocks)
        for j, (block, of_block) in enumerate(zip(blocks.values(), prepared, strict=True)):
            arrays[f"{i}.{j}.block"] = np.arange(loaded.shape[1])[block]
            arrays |= {f"{i}.{j}.{name}": value for name, value in of_block._asdict().items()}
    np.savez(path, **arrays)


def write_alignment(path, model, brains, columns: dict[str, str]) -> None:
    """Write the alignment of a model RDM with all brain RDMs of a data set in every resample, as `.npz`.

    Args:
        path: The file to write: `values`, float32 (kinds, 1 + draws, columns), the first row being the sample itself;
            `kinds` (measure, pairs); `columns` (target, subject); `n`, the number of stimuli; and what it is of.
        model: The file of the model RDM.
        brains: The file that `write_brains` wrote.
        columns: `OF_THE_FILE` → what the model RDM is of.

    Raises:
        InputError: The model RDM is of another number of conditions, or cannot be compared.
    """
    loaded = rdms.load(model)[None]
    with np.load(brains) as of_brains:
        weights = of_brains["weights"]
        if rdms.n_conditions(loaded) != weights.shape[1]:
            raise InputError(
                model,
                f"an RDM of {rdms.n_conditions(loaded)} conditions",
                f"{weights.shape[1]}, as in {brains}",
                "make the data set's stimuli and responses agree",
            )
        values = []
        for i, (measure, _) in enumerate(of_brains["kinds"]):
            numbers = range(sum(name.startswith(f"{i}.") and name.endswith(".block") for name in of_brains.files))
            blocks = {str(j): of_brains[f"{i}.{j}.block"] for j in numbers}
            with naming_the_file([model], loaded, measure, blocks):
                of_model = resampling.sums(loaded, weights, measure, blocks)
            prepared = [
                resampling.Sums(*(of_brains[f"{i}.{j}.{name}"] for name in resampling.Sums._fields)) for j in numbers
            ]
            values.append(resampling.mean_over_blocks(resampling.correlations(of_model, prepared), prepared))
        np.savez(
            path,
            values=np.asarray(values, dtype=np.float32),
            kinds=of_brains["kinds"],
            columns=of_brains["columns"],
            n=weights.shape[1],
            of=np.array([columns[name] for name in OF_THE_FILE]),
        )


class Resamples(NamedTuple):
    """Alignment of one model RDM in resamples of the stimuli."""

    of: dict[str, str]
    """`OF_THE_FILE` → what the model RDM is of."""
    kinds: list[tuple[str, str]]
    """(measure, pairs)."""
    columns: list[tuple[str, str]]
    """(target, subject)."""
    n: int
    """The number of stimuli."""
    values: np.ndarray
    """(kinds, 1 + draws, columns); the first row is the sample itself."""


def read(path) -> Resamples:
    """What `write_alignment` wrote."""
    with np.load(path) as file:
        return _resamples(file["of"], file["values"], file)


def _resamples(of: np.ndarray, values: np.ndarray, file) -> Resamples:
    """Values, and of what they are; what is the same in a whole `.npz` is taken from it."""
    return Resamples(
        dict(zip(OF_THE_FILE, map(str, of), strict=True)),
        [(str(measure), str(pairs)) for measure, pairs in file["kinds"]],
        [(str(target), str(subject)) for target, subject in file["columns"]],
        int(file["n"]),
        values,
    )


def gather(path, files) -> None:
    """Write what several files of `write_alignment` hold, of one data set and one network, into one.

    Args:
        path: The `.npz` to write: the same arrays, `values` and `of` with an axis of files before the others.
        files: In the order that they are wanted in.
    """
    found = [read(file) for file in files]
    np.savez(
        path,
        values=np.stack([file.values for file in found]),
        kinds=np.array(found[0].kinds),
        columns=np.array(found[0].columns),
        n=found[0].n,
        of=np.array([list(file.of.values()) for file in found]),
    )


def read_gathered(path) -> list[Resamples]:
    """What `gather` wrote, a `Resamples` per file."""
    with np.load(path) as file:
        return [_resamples(of, values, file) for of, values in zip(file["of"], file["values"], strict=True)]
