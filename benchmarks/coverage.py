"""Measure how often 95 % intervals over stimuli, subjects and seeds have the true value, in simulated experiments.

Usage: coverage.py [--experiments N] [--draws N] [--cores N] [--only TABLE ...]. Prints the tables of docs/coverage.md.
"""

import argparse
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

sys.path.insert(0, str(Path(__file__).parent.parent / "workflow_scripts"))

from early_alignment.statistics import intervals, resampling

N = {"stimuli": 100, "subjects": 8, "seeds": 5}
AXES = ("stimuli", "seeds", "subjects")
"""Of arrays of effects."""
TOGETHER = 25
"""Experiments that share their draws; effects are their own."""
SETS = intervals.subsets(intervals.FACTORS)
TRIPLE = SETS[-1]


def shares(stimuli=0.0, subjects=0.0, seeds=0.0, two=0.0, three=0.0) -> dict[frozenset[str], float]:
    """The variance τ that each set of factors adds to the mean's: main effects, interactions of each two, of three."""
    main = {"stimuli": stimuli, "subjects": subjects, "seeds": seeds}
    of = {factors: two for factors in SETS if len(factors) == 2} | {TRIPLE: three}
    return {frozenset([factor]): tau for factor, tau in main.items()} | of


RATIOS = {
    "stimuli alone": shares(stimuli=1),
    "subjects alone": shares(subjects=1),
    "seeds alone": shares(seeds=1),
    "1 : 1 : 1": shares(1, 1, 1),
    "4 : 2 : 1": shares(4, 2, 1),
    "1 : 2 : 4": shares(1, 2, 4),
    "1 : 3 : 0.3, interactions 0.2": shares(1, 3, 0.3, 0.2, 0.2),
    "1 : 1 : 1, interactions of two 1": shares(1, 1, 1, 1),
    "1 : 1 : 1, all interactions 1": shares(1, 1, 1, 1, 1),
    "1 : 1 : 1, interaction of three 3": shares(1, 1, 1, 0, 3),
}
"""Stimuli : subjects : seeds → variances of effects."""
CURVES = (
    "stimuli alone",
    "subjects alone",
    "seeds alone",
    "1 : 1 : 1",
    "1 : 3 : 0.3, interactions 0.2",
    "1 : 1 : 1, all interactions 1",
)
"""Of these ratios, those that curves are simulated with."""
INTERACTIONS_ALONE = {
    "interactions of two alone": shares(two=1),
    "interaction of three alone": shares(three=1),
}


def draws_of(rng: np.random.Generator, draws: int) -> list[np.ndarray]:
    """Multiplicities of stimuli, with a first row of ones, of subjects and of seeds."""
    stimuli, subjects, seeds = (
        resampling.multiplicities(N[factor], draws, int(rng.integers(2**62)), distinct)
        for factor, distinct in zip(intervals.FACTORS, (resampling.LEAST_DISTINCT, 1, 1), strict=True)
    )
    return [np.concatenate([np.ones_like(stimuli[:1]), stimuli]), subjects, seeds]


def within(low, true, high) -> np.ndarray:
    return (low <= true) & (true <= high)


# Means of effects, whose variances are planted.


def means(variances: dict[frozenset[str], float], draws: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Experiments with a linear statistic: what their intervals cover, (experiments,) each.

    The true value is 0 and, where some factors are not generalised over, the mean of the effects of these alone.
    """
    stimuli, subjects, seeds = draws_of(rng, draws)
    values = np.zeros((TOGETHER, *(N[axis] for axis in AXES)))
    own = {}
    for factors, tau in variances.items():
        shape = [N[axis] if axis in factors else 1 for axis in AXES]
        effects = np.sqrt(tau * np.prod(shape)) * rng.standard_normal((TOGETHER, *shape))
        own[factors] = effects.mean(axis=(1, 2, 3))
        values += effects
    resampled = np.einsum("dt,etks->deks", stimuli / N["stimuli"], values, optimize=True)
    point, replicates = resampled[0].mean(axis=(1, 2)), intervals.replicates(resampled, subjects, seeds)
    found = {}
    for over in (intervals.FACTORS, ("stimuli", "subjects"), ("subjects", "seeds")):
        true = sum(mean for factors, mean in own.items() if not factors & set(over))
        if any(tau for factors, tau in variances.items() if factors & set(over)):
            interval = intervals.interval(point, replicates, N, over)
            found[" and ".join(over)] = within(interval.low, true, interval.high)
    total, interval = sum(variances.values()), intervals.interval(point, replicates, N)
    found["half width / SD"] = (interval.high - interval.low) / 2 / np.sqrt(total)
    variance, parts = intervals.variance(replicates, N)
    terms = intervals._terms({factors: values.var(axis=0, ddof=1) for factors, values in replicates.items()}, N)
    of_two = intervals._combined({factors: term for factors, term in terms.items() if factors != TRIPLE})
    found["v / true"] = variance / total
    found["v / true, less the term of three"] = (
        np.clip(of_two, np.max(list(parts.values()), axis=0), sum(parts.values())) / total
    )
    found["v / true, rsatoolbox's bound"] = intervals.variance(replicates, N, as_rsatoolbox=True)[0] / total
    return found


# RDMs, from patterns.

DIMENSIONS = 10
SPREADS = {
    "stimuli": ((0, 0, 0.3), (0, 0, 0.3)),
    "subjects": ((0.25, 0, 1), (0, 0, 0.3)),
    "seeds": ((0, 0, 0.3), (0.2, 0, 1)),
    "subjects and seeds": ((0.25, 0, 1), (0.2, 0, 1)),
    "all three": ((0.2, 0.1, 0.6), (0.2, 0.1, 0.6)),
    "subject × seed": ((0, 0.8, 0.5), (0, 0.8, 0.5)),
    "subjects, some of all": ((0.5, 0.3, 1.5), (0.3, 0.3, 1)),
    "noise": ((0, 0, 2), (0, 0, 2)),
    "seeds, skewed": ((0, 0, 0.3), (0.4, 0, 1)),
    "seeds, very skewed": ((0, 0, 0.3), (0.8, 0, 1)),
}
"""What mostly varies → of subjects, then of seeds: how much systems differ in the amount of their own noise, how much
in what they stress (standard deviations of logarithms), and how much noise they have."""


def rdms(patterns: np.ndarray) -> np.ndarray:
    """Condensed Euclidean distances, (systems, pairs), of patterns (systems, stimuli, dimensions)."""
    squares = (patterns**2).sum(axis=2)
    squared = squares[:, :, None] + squares[:, None] - 2 * patterns @ patterns.transpose(0, 2, 1)
    return np.sqrt(np.maximum(squared[:, *np.triu_indices(patterns.shape[1], k=1)], 0))


def systems(shared: np.ndarray, n: int, spreads, rng) -> tuple[np.ndarray, np.ndarray]:
    """What n systems have of shared dimensions (stimuli, dimensions), and their own noise: (n, stimuli, dimensions)."""
    of_noise, of_weights, noise = spreads
    weights = np.exp(of_weights * rng.standard_normal((n, 1, DIMENSIONS)))
    size = noise * np.exp(of_noise * rng.standard_normal((n, 1, 1)))
    return shared * weights, size * rng.standard_normal((n, *shared.shape))


def of_rdms(spreads, draws: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Experiments with Pearson's r between RDMs, at two epochs, noise being double at the first; (experiments, ...)."""
    weights, subjects, seeds = draws_of(rng, draws)
    rows = []
    for _ in range(TOGETHER):
        stimuli = rng.standard_normal((N["stimuli"], DIMENSIONS))
        brains = resampling.sums(rdms(sum(systems(stimuli, N["subjects"], spreads[0], rng))), weights)
        signal, noise = systems(stimuli, N["seeds"], spreads[1], rng)
        resampled = np.stack(
            [
                [resampling.resampled_correlations(rdm, brains, weights) for rdm in rdms(signal + size * noise)]
                for size in (2, 1)
            ]
        )
        resampled = resampled.transpose(2, 0, 1, 3)
        replicates = intervals.replicates(resampled, subjects, seeds)
        # The second epoch, and how much it is above the first.
        contrast = np.array([[0, -1], [1, 1]])
        point = resampled[0].mean(axis=(1, 2)) @ contrast
        replicates = {factors: values @ contrast for factors, values in replicates.items()}
        interval = intervals.interval(point, replicates, N)
        variance, parts = intervals.variance(replicates, N)
        of_factors = np.stack([parts[factor] for factor in intervals.FACTORS])
        rows.append(np.stack([point, interval.low, interval.high, variance, *of_factors]))
    names = ("point", "low", "high", "variance", *intervals.FACTORS)
    return dict(zip(names, np.stack(rows, axis=1), strict=True))


# Curves over epochs.

EPOCHS = np.arange(13)
CURVE = 0.3 * (1 - np.exp(-EPOCHS / 1.5)) - 0.006 * EPOCHS
"""Highest at epoch 5, by little."""
CURVE_SD = 0.03
"""Of each epoch's mean: a tenth of the rise."""


def half_time(curves: np.ndarray) -> np.ndarray:
    """When curves (..., epochs) first reach half of their highest value, between epochs on a straight line."""
    half = curves.max(axis=-1, keepdims=True) / 2
    after = (curves >= half).argmax(axis=-1)[..., None]
    before = np.maximum(after - 1, 0)
    low, high = (np.take_along_axis(curves, epoch, axis=-1) for epoch in (before, after))
    return (before + np.divide(half - low, high - low, out=np.zeros_like(low), where=high > low))[..., 0]


def correlated(shape, correlation: float, rng) -> np.ndarray:
    """Deviations with variance 1 of which neighbouring epochs' correlate so much, (*shape, epochs)."""
    values = rng.standard_normal((*shape, len(EPOCHS)))
    for epoch in range(1, len(EPOCHS)):
        values[..., epoch] *= np.sqrt(1 - correlation**2)
        values[..., epoch] += correlation * values[..., epoch - 1]
    return values


def of_curves(variances, correlation: float, draws: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Experiments with a curve: whether intervals have its peak and half-time, by joint replicates and by others."""
    stimuli, subjects, seeds = draws_of(rng, draws)
    rows = []
    for _ in range(TOGETHER):
        values = np.zeros((*(N[axis] for axis in AXES), len(EPOCHS))) + CURVE
        for factors, tau in variances.items():
            if tau:
                shape = [N[axis] if axis in factors else 1 for axis in AXES]
                size = CURVE_SD * np.sqrt(tau / sum(variances.values()) * np.prod(shape))
                values += size * correlated(shape, correlation, rng)
        resampled = np.tensordot(stimuli / N["stimuli"], values, axes=1).transpose(0, 3, 1, 2)
        point, replicates = resampled[0].mean(axis=(1, 2)), intervals.replicates(resampled, subjects, seeds)
        joint = intervals.joint_replicates(point, replicates, N, seed=int(rng.integers(2**62)))
        row = {}
        for name, curves in (("", joint), (", all resampled at once", replicates[TRIPLE])):
            low, high = intervals.percentile_interval(curves.argmax(axis=1))
            row["peak" + name] = within(low, CURVE.argmax(), high)
            low, high = intervals.reflected_interval(half_time(point), half_time(curves))
            row["half-time" + name] = within(low, half_time(CURVE), high)
        row["half-time, percentiles"] = within(
            *np.insert(intervals.percentile_interval(half_time(joint)), 1, half_time(CURVE))
        )
        rows.append(row)
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


# Many at a time.


def simulated(experiment, n: int, seed: int, pool=None) -> dict[str, np.ndarray]:
    """The results of at least n experiments, one after the other, from `TOGETHER` at a time."""
    rngs = [np.random.default_rng([seed, part]) for part in range(-(-n // TOGETHER))]
    parts = list((pool.map if pool else map)(experiment, rngs))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def row(*cells) -> None:
    print("| " + " | ".join(map(str, cells)) + " |", flush=True)


def percent(covered: np.ndarray) -> str:
    return f"{100 * covered.mean():.1f} %"


def table_of_rdms(n: int, draws: int, pool) -> None:
    row("what mostly varies", "r", "its SD", "standard error", "v of stimuli, subjects, seeds", "r", "difference")
    row(*["---"] * 7)
    for name, spreads in SPREADS.items():
        found = simulated(partial(of_rdms, spreads, draws), n, 1, pool)
        true = found["point"].mean(axis=0)
        covered = within(found["low"], true, found["high"])
        parts = [found[factor][:, 0].mean() / found["variance"][:, 0].mean() for factor in intervals.FACTORS]
        sd, error = found["point"][:, 0].std(), np.sqrt(found["variance"][:, 0].mean())
        of = ", ".join(f"{part:.2f}" for part in parts)
        row(name, f"{true[0]:.2f}", f"{sd:.4f}", f"{error:.4f}", of, *map(percent, covered.T))


def table_of_means(n: int, draws: int, pool) -> None:
    overs = ("stimuli and subjects and seeds", "stimuli and subjects", "subjects and seeds")
    ratios = ("v / true", "v / true, less the term of three", "v / true, rsatoolbox's bound")
    headings = [f"{name}: mean, SD" for name in ratios]
    row("stimuli : subjects : seeds", "all three", *overs[1:], "half width / SD", *headings)
    row(*["---"] * 8)
    for name, variances in (RATIOS | INTERACTIONS_ALONE).items():
        found = simulated(partial(means, variances, draws), n, 2, pool)
        covered = [percent(found[over]) if over in found else "nothing varies" for over in overs]
        spread = [f"{found[key].mean():.2f}, {found[key].std():.2f}" for key in ratios]
        row(name, *covered, f"{found['half width / SD'].mean():.2f}", *spread)


def table_of_curves(n: int, draws: int, pool) -> None:
    headed = False
    for name in CURVES:
        for correlation in (0.97, 0.8):
            found = simulated(partial(of_curves, RATIOS[name], correlation, draws), n, 3, pool)
            if not headed:
                row("stimuli : subjects : seeds", "neighbouring epochs", *found)
                row(*["---"] * (2 + len(found)))
                headed = True
            row(name, correlation, *map(percent, found.values()))


TABLES = {"rdms": table_of_rdms, "means": table_of_means, "curves": table_of_curves}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--experiments", type=int, default=1000)
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--cores", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--only", nargs="*", choices=TABLES, default=TABLES, help="tables; all by default")
    chosen = parser.parse_args()
    with ProcessPoolExecutor(chosen.cores, initializer=partial(threadpool_limits, 1)) as pool:
        for table in chosen.only:
            TABLES[table](chosen.experiments, chosen.draws, pool)
            print()


if __name__ == "__main__":
    main()
