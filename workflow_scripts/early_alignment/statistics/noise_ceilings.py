"""The table of noise ceilings."""

import numpy as np
import pandas as pd

from ..comparison import pairs as choices
from ..comparison.alignment import blocks_of, load_alike, naming_the_file
from ..comparison.kinds import Kind
from ..comparison.schemes import AVERAGE, EACH, NO_CONTROL, NORMALISED, RAW
from . import ceilings, intervals, resampling
from .brain_resamples import BrainResamples

OF_A_CEILING = ["dataset", "target", "distance", "measure", "pairs", "scheme"]
"""The columns in which an alignment and its noise ceiling agree."""
FACTORS = ("stimuli", "subjects")
"""That a noise ceiling is computed from samples of."""
NO_ENDS = dict.fromkeys(("lower_low", "lower_high", "upper_low", "upper_high"), float("nan"))
"""The columns of the bounds' intervals, where these are not known."""


def by_target(files, targets: list, subjects: list, distances: list[str]) -> dict[tuple[str, str, str], dict]:
    """(dataset, target, distance) → subject → the file of the brain RDM.

    Args:
        files: In order of targets, of each by distances, of each by subjects.
        targets: (dataset, target).
        subjects: Of each target.
        distances: All of which each target has.
    """
    files = iter(files)
    return {
        (*target, distance): {subject: next(files) for subject in of_target}
        for target, of_target in zip(targets, subjects, strict=True)
        for distance in distances
    }


def table(
    brain_rdms: dict[tuple[str, str, str], dict],
    measures: list[str],
    pairs: list[str],
    stimuli: dict,
    data: str,
    averaging=(EACH,),
    resamples: dict[tuple[str, str], BrainResamples] | None = None,
    over: tuple[str, ...] = FACTORS,
) -> pd.DataFrame:
    """The noise ceiling of every target, a row per dataset × target × distance × kind × way of averaging.

    Args:
        brain_rdms: (dataset, target, distance) → subject → the file of the RDM.
        measures: Names of similarity measures.
        pairs: Which pairs of conditions are compared, each as of `pairs.blocks`.
        stimuli: Dataset → its table of stimuli, which labels conditions; empty if all pairs alone are compared.
        data: `measured` or `simulated`.
        averaging: Which of `schemes.SCHEMES`; `subjects_then_average` is there in any case.
        resamples: (dataset, distance) → its resamples, from which intervals follow, of the kinds that are among them.
        over: The factors that intervals generalise over; those of `FACTORS` that are among them.

    Raises:
        InputError: RDMs of a target are of different numbers of conditions, or one of them cannot be compared.
    """
    over, rows = tuple(factor for factor in FACTORS if factor in over), []
    for (dataset, target, distance), brain in brain_rdms.items():
        files = list(brain.values())
        loaded, of_brains = load_alike(files), (resamples or {}).get((dataset, distance))
        for choice, blocks in blocks_of(pairs, loaded, stimuli.get(dataset)).items():
            for measure in measures:
                with naming_the_file(files, loaded, measure, blocks):
                    found = {
                        (scheme, averaged): bounds
                        for scheme in dict.fromkeys([*averaging, EACH])
                        for averaged, bounds in _bounds(loaded, measure, blocks, scheme).items()
                    }
                for (scheme, averaged), ceiling in found.items():
                    kind, ends = Kind(measure, choice, NO_CONTROL, scheme), NO_ENDS
                    if averaged == NORMALISED and of_brains is not None and kind in of_brains.kinds:
                        ends = _ends(of_brains, kind, dataset, target, list(brain), ceiling, over)
                    rows.append(
                        {
                            "dataset": dataset,
                            "target": target,
                            "distance": distance,
                            "subjects": len(files),
                            "measure": measure,
                            "pairs": choice,
                            "n_pairs": choices.number_of_pairs(loaded[0], blocks),
                            "scheme": scheme,
                            "averaged": averaged,
                            **ceiling._asdict(),
                            **ends,
                            "generalises_over": " × ".join(over),
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


def _ends(
    of_brains: BrainResamples,
    kind: Kind,
    dataset: str,
    target: str,
    subjects: list,
    ceiling: ceilings.Ceiling,
    over: tuple[str, ...],
) -> dict[str, float]:
    """The ends of both bounds' intervals, by the names of columns."""
    n = {"stimuli": of_brains.weights.shape[1], "subjects": len(subjects)}
    if intervals.unknown(n, over):
        return NO_ENDS
    between_subjects, pairs = of_brains.between_subjects(kind, target), of_brains.pairs(kind)
    drawn = resampling.multiplicities(
        len(subjects), len(pairs[0]) - 1, resampling.stream("subjects", dataset, *map(str, subjects)), distinct=2
    )
    replicates = {}
    for factors in intervals.subsets(FACTORS):
        rows = slice(1, None) if "stimuli" in factors else slice(1)
        of_subjects = drawn if "subjects" in factors else np.ones_like(drawn[:1])
        bounds = [ceilings.resampled_ceilings(block[rows], of_subjects, kind.scheme) for block in between_subjects]
        weights = np.broadcast_to(pairs[:, rows], np.shape(bounds)[:2])
        replicates[factors] = resampling.mean_over_blocks(np.stack(bounds), weights)
    found = intervals.interval(np.array(ceiling), replicates, n, over)
    return dict(zip(NO_ENDS, map(float, (found.low[0], found.high[0], found.low[1], found.high[1])), strict=True))


def with_shares(table: pd.DataFrame, noise_ceiling: pd.DataFrame) -> pd.DataFrame:
    """A table with its column `value` as a share of both bounds of the noise ceiling, not clipped.

    Args:
        table: With a column `value` and those of `OF_A_CEILING`. What a control leaves of an alignment is a share of
            nothing, as ceilings are of whole RDMs.
        noise_ceiling: The table `noise_ceiling`.
    """
    bounds = noise_ceiling[noise_ceiling["averaged"] == NORMALISED].set_index(OF_A_CEILING)[["lower", "upper"]]
    of_rows = bounds.reindex(pd.MultiIndex.from_frame(table[OF_A_CEILING])).to_numpy()
    if "control" in table:
        of_rows = np.where((table["control"] == NO_CONTROL).to_numpy()[:, None], of_rows, np.nan)
    shares = ceilings.share_of_ceiling(table["value"].to_numpy(), *of_rows.T)
    return table.assign(share_of_lower_ceiling=shares.lower, share_of_upper_ceiling=shares.upper)
