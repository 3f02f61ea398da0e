"""The table of how far what is cheap in the images is aligned with brains."""

import pandas as pd

from ..comparison import pairs as choices
from ..comparison.alignment import blocks_of, load_alike, naming_the_file, of_scheme
from ..comparison.schemes import EACH
from .mean_alignment import with_shares


def table(
    brain_rdms: dict[tuple[str, str], dict],
    controls: dict[str, dict],
    measures: list[str],
    pairs: list[str],
    stimuli: dict,
    noise_ceiling: pd.DataFrame,
    data: str,
    averaging=(EACH,),
) -> pd.DataFrame:
    """The alignment of controls, a row per dataset × target × subject × control × measure × pairs × scheme.

    Args:
        brain_rdms: (dataset, target) → subject → the file of the brain RDM.
        controls: Dataset → control → the file of its RDM.
        measures: Names of similarity measures.
        pairs: Which pairs of conditions are compared, each as of `pairs.blocks`.
        stimuli: Dataset → its table of stimuli, which labels conditions; empty if all pairs alone are compared.
        noise_ceiling: The table `noise_ceiling`.
        data: `measured` or `simulated`.
        averaging: Which of `schemes.SCHEMES`.

    Raises:
        InputError: RDMs are of different numbers of conditions, or one of them cannot be compared.
    """
    rows = []
    for (dataset, target), brain in brain_rdms.items():
        of_dataset = controls[dataset]
        files = [*of_dataset.values(), *brain.values()]
        loaded = load_alike(files)
        control_rdms, of_subjects = loaded[: len(of_dataset)], loaded[len(of_dataset) :]
        for choice, blocks in blocks_of(pairs, loaded, stimuli.get(dataset)).items():
            for measure in measures:
                with naming_the_file(files, loaded, measure, blocks):
                    for scheme in averaging:
                        subjects, compared = of_scheme(scheme, brain, of_subjects, measure, blocks)
                        values = choices.compare_in_blocks(control_rdms, compared, measure, blocks)
                        rows += [
                            {
                                "dataset": dataset,
                                "target": target,
                                "subject": subject,
                                "control": control,
                                "measure": measure,
                                "pairs": choice,
                                "scheme": scheme,
                                "n_pairs": choices.number_of_pairs(loaded[0], blocks),
                                "value": value,
                            }
                            for control, of_control in zip(of_dataset, values, strict=True)
                            for subject, value in zip(subjects, of_control, strict=True)
                        ]
    return with_shares(pd.DataFrame(rows), noise_ceiling).assign(data=data)
