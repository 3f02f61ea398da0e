"""Simulated alignment over training, with a truth that was planted, and its replicates; plainly computed."""

from itertools import combinations
from typing import NamedTuple

import numpy as np
from early_alignment.statistics.claims import Curve, Study

FACTORS = ("stimuli", "subjects", "seeds")
SETS = [frozenset(some) for size in (1, 2, 3) for some in combinations(FACTORS, size)]
FMRI, EEG = {"stimuli": 40, "subjects": 8, "seeds": 5}, {"stimuli": 40, "subjects": 10, "seeds": 5}
"""The paper's numbers of subjects and seeds. Of stimuli it has more, here with as much more noise each."""
NOISE = {
    frozenset(["stimuli"]): 0.02,
    frozenset(["subjects"]): 0.015,
    frozenset(["seeds"]): 0.008,
    frozenset(["stimuli", "subjects"]): 0.03,
    frozenset(["stimuli", "seeds"]): 0.02,
    frozenset(["subjects", "seeds"]): 0.008,
    frozenset(FACTORS): 0.05,
}
"""Standard deviations of all effects, independent at each epoch of each curve: with these numbers, the standard error
of a mean over stimuli, subjects and seeds is 0.0076, that of a difference between two epochs 0.011."""


class Interval(NamedTuple):
    standard_error: np.ndarray
    degrees_of_freedom: np.ndarray
    reason: str = ""


def interval(point, replicates, n, over) -> Interval:
    """Variances by inclusion and exclusion over sets of resampled factors, degrees of freedom by Satterthwaite."""
    if any(n[factor] < 2 for factor in over):
        return Interval(*np.full((2, *np.shape(point)), np.nan), "cannot be known: one of a factor")
    only, total = {}, 0
    for some in (some for some in SETS if some <= set(over)):
        only[some] = replicates[some].var(axis=0, ddof=1) - sum(only[few] for few in only if few < some)
        total = total - (-1) ** len(some) * only[some] * np.prod([n[f] / (n[f] - 1) for f in some])
    main = [only[frozenset([f])] * n[f] / (n[f] - 1) for f in over]
    total = np.clip(total, np.max(main, axis=0), np.sum(main, axis=0))
    freedom = sum(part**2 / (n[f] - 1) for part, f in zip(main, over, strict=True))
    freedom = np.divide(total**2, freedom, out=np.full(np.shape(total), np.inf), where=freedom > 0)
    return Interval(np.sqrt(total), freedom)


def curves_of(truth: dict, n: dict, rng, noise=1.0, draws=200) -> dict:
    """Key → `Curve`, of key → truth (epochs,); all of one data set, resampled together."""
    true = np.stack(list(truth.values()))
    values = np.zeros((*true.shape, *n.values())) + true[:, :, None, None, None]
    for some, deviation in NOISE.items():
        shape = [n[factor] if factor in some else 1 for factor in n]
        values += rng.normal(0, noise * deviation, (*true.shape, *shape))
    if not noise:
        draws = 2
    drawn = {f: rng.multinomial(size, np.full(size, 1 / size), draws) / size for f, size in n.items()}
    plain = {f: np.full((1, size), 1 / size) for f, size in n.items()}
    by_stimuli = {}
    for is_drawn, weights in ((True, drawn["stimuli"]), (False, plain["stimuli"])):
        by_stimuli[is_drawn] = np.tensordot(weights, values, axes=(1, 2))  # (draws, curves, epochs, subjects, seeds)
    point = by_stimuli[False][0].mean(axis=(-1, -2))
    found = {}
    for some in SETS:
        of_subjects, of_seeds = (drawn[f] if f in some else plain[f] for f in ("subjects", "seeds"))
        over_seeds = np.einsum("dceus,ds->dceu", by_stimuli["stimuli" in some], of_seeds)
        found[some] = np.einsum("dceu,du->dce", over_seeds, of_subjects)
    return {
        key: Curve(point[row], {some: replicates[:, row] for some, replicates in found.items()})
        for row, key in enumerate(truth)
    }


def study_of(truths: dict, epochs, rng=None, noise=1.0, draws=200, n=None, accuracy=None, over=FACTORS) -> Study:
    """A study of (dataset, target, block) → truth (epochs,); data sets named eeg… have EEG's number of subjects."""
    rng = rng or np.random.default_rng(0)
    datasets = dict.fromkeys(key[0] for key in truths)
    sizes = {name: n or (EEG if "eeg" in name else FMRI) for name in datasets}
    curves = {}
    for name, size in sizes.items():
        curves |= curves_of({key: truth for key, truth in truths.items() if key[0] == name}, size, rng, noise, draws)
    blocks = list(dict.fromkeys(block for _, _, block in truths))
    accuracy = None if accuracy is None else np.asarray(accuracy)
    return Study(np.asarray(epochs, dtype=float), blocks, curves, sizes, tuple(over), interval, accuracy)
