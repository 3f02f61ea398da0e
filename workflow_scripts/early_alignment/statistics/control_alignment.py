"""The table of how far what is cheap in the images is aligned with brains."""

import numpy as np
import pandas as pd

from ..comparison import pairs as choices
from ..comparison.alignment import blocks_of, load_alike, naming_the_file, of_scheme
from ..comparison.kinds import Kind, why_not_resampled
from ..comparison.schemes import EACH, NO_CONTROL
from . import intervals, resampling
from .brain_resamples import BrainResamples, columns_of_targets
from .ceilings import KNOWN
from .noise_ceilings import FACTORS, with_shares


def table(
    brain_rdms: dict[tuple[str, str, str], dict],
    controls: dict[tuple[str, str], dict],
    measures: list[str],
    pairs: list[str],
    stimuli: dict,
    noise_ceiling: pd.DataFrame,
    data: str,
    averaging=(EACH,),
    resamples: dict[tuple[str, str], BrainResamples] | None = None,
    over: tuple[str, ...] = FACTORS,
) -> pd.DataFrame:
    """The alignment of controls, subjects averaged: a row per dataset, target, distance, control and kind.

    Args:
        brain_rdms: (dataset, target, distance) → subject → the file of the brain RDM.
        controls: (dataset, distance) → control → the file of its RDM.
        measures: Names of similarity measures.
        pairs: Which pairs of conditions are compared, each as of `pairs.blocks`.
        stimuli: Dataset → its table of stimuli, which labels conditions; empty if all pairs alone are compared.
        noise_ceiling: The table `noise_ceiling`.
        data: `measured` or `simulated`.
        averaging: Which of `schemes.SCHEMES`.
        resamples: (dataset, distance) → its resamples, from which intervals follow, of the kinds that are among them.
        over: The factors that intervals generalise over; those of `FACTORS` that are among them, as controls have no
            seeds.

    Raises:
        InputError: RDMs are of different numbers of conditions, or one of them cannot be compared.
    """
    over, rows = tuple(factor for factor in FACTORS if factor in over), []
    for (dataset, target, distance), brain in brain_rdms.items():
        of_dataset, of_brains = controls[dataset, distance], (resamples or {}).get((dataset, distance))
        files = [*of_dataset.values(), *brain.values()]
        loaded = load_alike(files)
        control_rdms, of_subjects = loaded[: len(of_dataset)], loaded[len(of_dataset) :]
        for choice, blocks in blocks_of(pairs, loaded, stimuli.get(dataset)).items():
            for measure in measures:
                for scheme in averaging:
                    with naming_the_file(files, loaded, measure, blocks):
                        _, compared = of_scheme(scheme, brain, of_subjects, measure, blocks)
                        values = choices.compare_in_blocks(control_rdms, compared, measure, blocks).mean(axis=1)
                    kind = Kind(measure, choice, NO_CONTROL, scheme)
                    if of_brains is not None and kind in of_brains.kinds:
                        found = _intervals(of_brains, kind, dataset, target, list(brain), values, over)
                        low, high, status = found.low, found.high, found.reason or KNOWN
                    else:
                        low, high, status = *np.full((2, len(values)), np.nan), why_not_resampled(kind)
                    for i, control in enumerate(of_dataset):
                        row = {"dataset": dataset, "target": target, "distance": distance, "of": control}
                        row |= {"measure": measure, "pairs": choice, "scheme": scheme}
                        row |= {"n_pairs": choices.number_of_pairs(loaded[0], blocks), "value": values[i]}
                        row |= {"low": low[i], "high": high[i]}
                        row |= {"generalises_over": " × ".join(over), "n_subjects": len(brain), "status": status}
                        rows.append(row)
    return with_shares(pd.DataFrame(rows), noise_ceiling).rename(columns={"of": "control"}).assign(data=data)


def _intervals(
    of_brains: BrainResamples,
    kind: Kind,
    dataset: str,
    target: str,
    subjects: list,
    values: np.ndarray,
    over: tuple[str, ...],
) -> intervals.Interval:
    """Intervals of the alignment of all controls with a target, (controls,)."""
    columns = columns_of_targets(of_brains.columns)[target]
    of_target = of_brains.brains_with_controls(kind)[:, :, columns]  # blocks, 1 + draws, subjects, controls
    resampled = resampling.mean_over_blocks(of_target, of_brains.pairs(kind)).swapaxes(1, 2)[:, :, None]
    draws = len(resampled) - 1
    drawn = resampling.multiplicities(len(subjects), draws, resampling.stream("subjects", dataset, *map(str, subjects)))
    between_subjects = None if kind.scheme == EACH else of_brains.between_subjects(kind, target)[0]
    replicates = intervals.replicates(resampled, drawn, np.ones((draws, 1)), between_subjects)
    n = {"stimuli": of_brains.weights.shape[1], "subjects": len(subjects)}
    return intervals.interval(values, replicates, n, over)
