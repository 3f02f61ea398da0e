"""The table of noise ceilings."""

import pandas as pd

from ..comparison import pairs as choices
from ..comparison.alignment import load_alike, naming_the_file
from ..geometry import rdms
from . import ceilings


def table(
    brain_rdms: dict[tuple[str, str], list], measures: list[str], pairs: list[str], stimuli: dict, data: str
) -> pd.DataFrame:
    """The noise ceiling of every target, a row per dataset × target × measure × pairs.

    Args:
        brain_rdms: (dataset, target) → the files of all subjects' RDMs.
        measures: Names of similarity measures.
        pairs: Which pairs of conditions are compared, each as of `pairs.blocks`.
        stimuli: Dataset → its table of stimuli, which labels conditions; empty if all pairs alone are compared.
        data: `measured` or `simulated`.

    Raises:
        InputError: RDMs of a target are of different numbers of conditions, or one of them cannot be compared.
    """
    labels = {dataset: choices.read_labels(path) for dataset, path in stimuli.items()}
    rows = []
    for (dataset, target), files in brain_rdms.items():
        loaded = load_alike(files)
        for choice in pairs:
            n = rdms.n_conditions(loaded)
            blocks = choices.blocks(choice, n, labels.get(dataset, {}), stimuli.get(dataset))
            for measure in measures:
                with naming_the_file(files, loaded, measure, blocks):
                    ceiling = ceilings.noise_ceiling(loaded, measure, blocks)
                rows.append(
                    {
                        "dataset": dataset,
                        "target": target,
                        "subjects": len(files),
                        "measure": measure,
                        "pairs": choice,
                        "n_pairs": choices.number_of_pairs(loaded[0], blocks),
                        **ceiling._asdict(),
                        "convention": ceilings.convention(measure, choice),
                        "data": data,
                    }
                )
    return pd.DataFrame(rows)
