"""The table of noise ceilings."""

import pandas as pd

from ..comparison import pairs as choices
from ..comparison.alignment import blocks_of, load_alike, naming_the_file
from ..comparison.schemes import AVERAGE, EACH, NORMALISED, RAW
from . import ceilings


def table(
    brain_rdms: dict[tuple[str, str], list],
    measures: list[str],
    pairs: list[str],
    stimuli: dict,
    data: str,
    averaging=(EACH,),
) -> pd.DataFrame:
    """The noise ceiling of every target, a row per dataset × target × measure × pairs × scheme × way of averaging RDMs.

    Args:
        brain_rdms: (dataset, target) → the files of all subjects' RDMs.
        measures: Names of similarity measures.
        pairs: Which pairs of conditions are compared, each as of `pairs.blocks`.
        stimuli: Dataset → its table of stimuli, which labels conditions; empty if all pairs alone are compared.
        data: `measured` or `simulated`.
        averaging: Which of `schemes.SCHEMES`; `subjects_then_average` is there in any case, as intervals are of it.

    Raises:
        InputError: RDMs of a target are of different numbers of conditions, or one of them cannot be compared.
    """
    rows = []
    for (dataset, target), files in brain_rdms.items():
        loaded = load_alike(files)
        for choice, blocks in blocks_of(pairs, loaded, stimuli.get(dataset)).items():
            for measure in measures:
                with naming_the_file(files, loaded, measure, blocks):
                    found = {
                        (scheme, averaged): bounds
                        for scheme in dict.fromkeys([*averaging, EACH])
                        for averaged, bounds in _bounds(loaded, measure, blocks, scheme).items()
                    }
                for (scheme, averaged), ceiling in found.items():
                    rows.append(
                        {
                            "dataset": dataset,
                            "target": target,
                            "subjects": len(files),
                            "measure": measure,
                            "pairs": choice,
                            "n_pairs": choices.number_of_pairs(loaded[0], blocks),
                            "scheme": scheme,
                            "averaged": averaged,
                            **ceiling._asdict(),
                            "status": ceilings.status(ceiling, len(files), measure),
                            "convention": ceilings.convention(measure, choice, scheme, averaged),
                            "data": data,
                        }
                    )
    return pd.DataFrame(rows)


def _bounds(loaded, measure: str, blocks: dict, scheme: str) -> dict[str, ceilings.Ceiling]:
    """How RDMs are averaged → the ceiling; the alignment with an average is with that of normalised RDMs alone."""
    if scheme == AVERAGE:
        return {NORMALISED: ceilings.ceiling_of_average(loaded, measure, blocks)}
    return {averaged: ceilings.noise_ceiling(loaded, measure, blocks, averaged) for averaged in (NORMALISED, RAW)}
