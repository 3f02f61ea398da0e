"""What all comparisons with a data set's brain RDMs have in common, in the sample and in resamples of the stimuli.

The draws are among it, so that all model RDMs are compared over the same resamples. It is kept in a file.
"""

import re
from functools import cached_property
from typing import Any

import numpy as np

from ..comparison import pairs as choices
from ..comparison.alignment import load_alike, naming_the_file
from ..comparison.kinds import Kind
from ..errors import InputError
from ..geometry import rdms
from . import resampling
from .resampling import Sums


def write(path, brain: dict, controls: dict, kinds: list[Kind], stimuli, draws: int, dataset: str) -> None:
    """Write what comparisons with a data set's brain RDMs have in common, as `.npz`.

    Args:
        path: The file to write; see `BrainResamples`.
        brain: (target, subject) → the file of a brain RDM.
        controls: Control → the file of its RDM.
        kinds: Those of which resamples are wanted and, as of `why_not_resampled`, can be had.
        stimuli: The data set's table of stimuli, which labels conditions; None if all pairs alone are compared.
        draws: How many resamples.
        dataset: The data set's name, from which the draws follow.

    Raises:
        InputError: RDMs are of different numbers of conditions, of fewer than can be resampled, or one of them cannot
            be compared.
    """
    files = [*brain.values(), *controls.values()]
    loaded = load_alike(files)
    n = rdms.n_conditions(loaded)
    if n < resampling.LEAST_DISTINCT:
        raise InputError(files[0], f"an RDM of {n} conditions", "3 at least", "take a data set of more conditions")
    weights = resampling.stimuli_in_resamples(dataset, n, draws)
    labels = {} if stimuli is None else choices.read_labels(stimuli)
    arrays: dict[str, Any] = {
        "columns": np.array(list(brain)),
        "controls": np.array(list(controls), dtype=str),
        "kinds": np.array(kinds),
        "weights": weights.astype(np.uint16),
    }
    for i, (measure, pairs) in enumerate(_comparisons(kinds)):
        blocks = choices.blocks(pairs, n, labels, stimuli)
        with naming_the_file(files, loaded, measure, blocks):
            prepared = resampling.sums(loaded, weights, measure, blocks)
        for j, (block, of_all) in enumerate(zip(blocks.values(), prepared, strict=True)):
            of_brains, of_controls = of_all.of_rdms(slice(len(brain))), of_all.of_rdms(slice(len(brain), None))
            arrays[f"{i}.{j}.block"] = np.arange(loaded.shape[1])[block]
            arrays |= {f"{i}.{j}.brains.{name}": value for name, value in of_brains._asdict().items()}
            arrays |= {f"{i}.{j}.controls.{name}": value for name, value in of_controls._asdict().items()}
            arrays[f"{i}.{j}.brains_with_controls"] = _correlations(of_controls, of_brains)
            for target, columns in columns_of_targets(list(brain)).items():
                of_target = of_brains.of_rdms(columns)
                arrays[f"{i}.{j}.between_subjects.{target}"] = _correlations(of_target, of_target)
    np.savez(path, **arrays)


def _comparisons(kinds) -> list[tuple[str, str]]:
    """(measure, pairs) of some kinds, each once."""
    return list(dict.fromkeys((kind.measure, kind.pairs) for kind in kinds))


def _correlations(some: Sums, others: Sums) -> np.ndarray:
    """Of every one of some RDMs with every other one in one block, float32 (draws, others, some)."""
    found = [resampling.correlations([some.of_rdms([k])], [others])[0] for k in range(len(some.values))]
    shape = (len(some.pairs), len(others.values), len(found))
    return np.stack(found, axis=-1).astype(np.float32) if found else np.zeros(shape, np.float32)


def columns_of_targets(columns: list[tuple[str, str]]) -> dict[str, list[int]]:
    """Target → the places of its subjects among columns (target, subject)."""
    return {
        target: [place for place, (of, _) in enumerate(columns) if of == target]
        for target in dict.fromkeys(target for target, _ in columns)
    }


class BrainResamples:
    """What `write` wrote, read as it is asked for. 1 + draws is the number of resamples, the first being the sample."""

    def __init__(self, path):
        self.path = path
        self._file = np.load(path)
        self.columns = [(str(target), str(subject)) for target, subject in self._file["columns"]]
        self.controls = [str(control) for control in self._file["controls"]]
        self.kinds = [Kind(*map(str, kind)) for kind in self._file["kinds"]]

    @cached_property
    def weights(self) -> np.ndarray:
        """How often each stimulus is drawn, (1 + draws, stimuli)."""
        return self._file["weights"]

    def blocks(self, kind: Kind) -> dict[str, np.ndarray]:
        """The blocks of pairs that are compared on their own, by number: indices into condensed RDMs."""
        return {str(j): self._file[f"{place}.block"] for j, place in enumerate(self._places(kind))}

    def brains(self, kind: Kind) -> list[Sums]:
        """What comparisons with brain RDMs need, per block."""
        return [self._sums(f"{place}.brains") for place in self._places(kind)]

    def of_controls(self, kind: Kind) -> list[Sums]:
        """What comparisons with the RDMs of controls need, per block."""
        return [self._sums(f"{place}.controls") for place in self._places(kind)]

    def pairs(self, kind: Kind) -> np.ndarray:
        """How many pairs a resample has, (blocks, 1 + draws)."""
        return np.stack([self._file[f"{place}.brains.pairs"] for place in self._places(kind)])

    def brains_with_controls(self, kind: Kind) -> np.ndarray:
        """Their correlations, (blocks, 1 + draws, columns, controls)."""
        return np.stack([self._file[f"{place}.brains_with_controls"] for place in self._places(kind)])

    def between_subjects(self, kind: Kind, target: str) -> np.ndarray:
        """The correlations of a target's subjects with each other, (blocks, 1 + draws, subjects, subjects)."""
        return np.stack([self._file[f"{place}.between_subjects.{target}"] for place in self._places(kind)])

    def _places(self, kind: Kind) -> list[str]:
        i = _comparisons(self.kinds).index((kind.measure, kind.pairs))
        return [name.removesuffix(".block") for name in self._file.files if re.fullmatch(rf"{i}\.\d+\.block", name)]

    def _sums(self, place: str) -> Sums:
        return Sums(*(self._file[f"{place}.{name}"] for name in Sums._fields))
