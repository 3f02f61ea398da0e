"""Measure correlations over resampled stimuli: at the paper's sizes, against bare BLAS, and against rsatoolbox.

Usage: resampling.py [--full] [--draws N]. Prints tables. Without `--full`, the time of the paper's whole grid is that
of one model RDM, times their number; with it, the whole grid is computed, on random RDMs.
"""

import argparse
import contextlib
import os
import resource
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

sys.path.insert(0, str(Path(__file__).parent.parent / "workflow_scripts"))

from early_alignment.statistics import intervals, resampling

MODELS = 120
SIZES = {872: 24, 1854: 30}
"""Conditions → brain RDMs, of NSD and THINGS EEG2 in the paper."""
CORES = len(os.sched_getaffinity(0))


def random_rdms(conditions: int, rdms: int, seed: int) -> np.ndarray:
    """Random, with something in common, (rdms, pairs)."""
    pairs = conditions * (conditions - 1) // 2
    values = np.random.default_rng(seed).standard_normal((rdms, pairs), dtype=np.float32)
    return values + np.random.default_rng(0).standard_normal(pairs, dtype=np.float32)


def seconds(function) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def median_seconds(*functions, times: int) -> list[float]:
    """The median time of each function, called in turns."""
    return np.median([[seconds(function) for function in functions] for _ in range(times)], axis=0).tolist()


def peak_memory() -> float:
    """The most memory that this process has had, GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def draws_of(conditions: int, draws: int) -> np.ndarray:
    seed = resampling.stream("stimuli", f"{conditions} conditions")
    return resampling.multiplicities(conditions, draws, seed, resampling.LEAST_DISTINCT)


def one_model(draws: int) -> None:
    """One core: the time per model RDM, its share in bare sgemm, and what the grid takes then on all cores."""
    print(f"One model RDM, {draws:,} draws, one core; grid: {MODELS} model RDMs on {CORES} cores.\n")
    print("| conditions | brain RDMs | brains, once | a model | GFLOP/s | bare sgemm | share | grid |\n|" + "---|" * 8)
    whole = 0
    for conditions, n_brains in SIZES.items():
        weights, brains = draws_of(conditions, draws), random_rdms(conditions, n_brains, 1)
        model = random_rdms(conditions, 1, 2)[0]
        with threadpool_limits(1, user_api="blas"):
            prepared = []
            once = seconds(lambda kept=prepared, b=brains, w=weights: kept.append(resampling.sums(b, w)))
            left = np.ones((n_brains * resampling.ROWS_AT_A_TIME, conditions), dtype=np.float32)
            right = np.ascontiguousarray(weights.T, dtype=np.float32)
            of_model, bare = median_seconds(
                lambda m=model, p=prepared[0], w=weights: resampling.resampled_correlations(m, p, w),
                lambda a=left, b=right: a @ b,
                times=5,
            )
        # Sums of products with each brain RDM, of the model and of its squares; half of a square matrix each.
        speed = (n_brains + 2) * draws * conditions**2 / of_model / 1e9
        sgemm = 2 * left.shape[0] * conditions * draws / bare / 1e9
        grid = once + MODELS * of_model / CORES
        whole += grid
        print(
            f"| {conditions:,} | {n_brains} | {once:.1f} s | {of_model:.2f} s | {speed:.0f} | {sgemm:.0f} "
            f"| {speed / sgemm:.0%} | {grid:.0f} s |"
        )
    print(f"\nBoth: {whole:.0f} s; peak memory {peak_memory():.2f} GB.\n")


def full_grid(draws: int) -> None:
    """The paper's grid, really: a model RDM at a time on each core."""
    print(f"The whole grid, {draws:,} draws, {CORES} cores. Processor time is what it takes when nothing else runs.\n")
    print("| conditions | comparisons | time | processor time per core |\n|---|---|---|---|")
    whole, began = 0, time.process_time()
    for conditions, n_brains in SIZES.items():
        weights = draws_of(conditions, draws)

        def grid(conditions=conditions, n_brains=n_brains, weights=weights):
            brains = resampling.sums(random_rdms(conditions, n_brains, 1), weights)

            def compared(seed):
                return resampling.resampled_correlations(random_rdms(conditions, 1, seed)[0], brains, weights)

            with ThreadPoolExecutor(CORES) as pool:
                assert all(np.isfinite(found).all() for found in pool.map(compared, range(2, 2 + MODELS)))

        before = time.process_time()
        with threadpool_limits(1, user_api="blas"):
            taken = seconds(grid)
        whole += taken
        computing = (time.process_time() - before) / CORES
        print(f"| {conditions:,} | {MODELS} × {n_brains} | {taken:.0f} s | {computing:.0f} s |", flush=True)
    computing = (time.process_time() - began) / CORES
    print(f"\nBoth: {whole:.0f} s, {computing:.0f} s of processor time; peak memory {peak_memory():.2f} GB.\n")


def against_rsatoolbox(conditions: int = 400, subjects: int = 8, draws: int = 200) -> None:
    """The same dual bootstrap of one model, from the same draws."""
    import rsatoolbox

    model, brains = random_rdms(conditions, 1, 2)[0], random_rdms(conditions, subjects, 1)
    drawn = []

    def noting_what_is_drawn(*args, **kwargs):
        sample, *indices = rsatoolbox.inference.bootstrap.bootstrap_sample(*args, **kwargs)
        drawn.append(indices)
        return sample, *indices

    rsatoolbox.inference.evaluate.bootstrap_sample = noting_what_is_drawn
    found = {}

    def theirs():
        fixed, data = rsatoolbox.model.ModelFixed("model", model), rsatoolbox.rdm.RDMs(brains)
        with open(os.devnull, "w") as quiet, contextlib.redirect_stderr(quiet):
            result = rsatoolbox.inference.eval_dual_bootstrap(fixed, data, method="corr", N=draws)
        found["theirs"] = result.model_var[0]

    def ours():
        of_stimuli = np.concatenate([np.ones_like(stimuli[:1]), stimuli])
        resampled = resampling.resampled_correlations(model, brains, of_stimuli)[:, None]
        replicates = intervals.replicates(resampled, of_subjects, np.ones((draws, 1), dtype=int))
        n = {"stimuli": conditions, "subjects": subjects}
        found["ours"] = intervals.variance(replicates, n, tuple(n), as_rsatoolbox=True)[0].item()

    taken_theirs = seconds(theirs)
    of_subjects, stimuli = (
        np.stack([np.bincount(indices[i], minlength=n) for indices in drawn])
        for i, n in ((0, subjects), (1, conditions))
    )
    with threadpool_limits(1, user_api="blas"):
        (taken,) = median_seconds(ours, times=5)
    print(
        f"Dual bootstrap of one model, {conditions} conditions, {subjects} subjects, {draws} draws; ours on one core.\n"
    )
    print("| rsatoolbox | ours, one core | times faster | variance, rsatoolbox | ours |\n|---|---|---|---|---|")
    print(
        f"| {taken_theirs:.1f} s | {taken:.3f} s | {taken_theirs / taken:.0f} "
        f"| {found['theirs']:.6e} | {found['ours']:.6e} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="compute the whole grid")
    parser.add_argument("--draws", type=int, default=1000)
    chosen = parser.parse_args()
    one_model(chosen.draws)
    if chosen.full:
        full_grid(chosen.draws)
    against_rsatoolbox()


if __name__ == "__main__":
    main()
