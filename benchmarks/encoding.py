"""Measure encoding models of a whole cortex on one block, against himalaya and scikit-learn on the same data.

Usage: encoding.py [--units N] [--times N] [--cores N] [--peers …]. Prints a table. All are given the same folds and,
but for scikit-learn, the same kernel. Times are medians of calls in turns. On a shared machine processor time tells
more, with one core: threads of BLAS that wait for each other count as computing.
"""

import argparse
import os
import resource
import sys
import time
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

sys.path.insert(0, str(Path(__file__).parent.parent / "workflow_scripts"))

from early_alignment.encoding import models, ridge, scores
from early_alignment.encoding.folds import folds

CONDITIONS, FEATURES, FOLDS = 872, 2048, 5
ALPHAS = np.logspace(-3, 6, 10)
HIMALAYAS_TARGETS = 2000
"""At a time: of 500 to 8,000 about the fastest, and in bounded memory."""


def data(units: int) -> tuple[np.ndarray, np.ndarray]:
    """Features with a few strong directions, and units from well predicted to noise; float32."""
    rng = np.random.default_rng(0)
    features = rng.standard_normal((CONDITIONS, FEATURES), dtype=np.float32) * np.arange(1, FEATURES + 1) ** -0.5
    responses = features @ rng.standard_normal((FEATURES, units), dtype=np.float32)
    responses *= np.linspace(1, 0, units, dtype=np.float32)
    responses += rng.standard_normal(responses.shape, dtype=np.float32)
    return features.astype(np.float32), responses


def of_ours(cores: int):
    def encoded(features, kernel, responses, of_folds):
        prepared = ridge.smoothers(kernel, of_folds, ALPHAS, threads=cores)
        return models.encode(responses, prepared, threads=cores).r

    return encoded


def in_each_fold(predict, responses, of_folds):
    """The scores of what a library predicts of each fold when it is fitted to the others."""
    predictions = np.empty_like(responses)
    for fold in range(of_folds.max() + 1):
        predictions[of_folds == fold] = predict(of_folds != fold)
    return np.concatenate(
        [scores.scores(*(of[:, start : start + 512] for of in (responses, predictions)), of_folds).r
         for start in range(0, responses.shape[1], 512)]
    )  # fmt: skip


def of_himalaya(backend: str):
    def encoded(features, kernel, responses, of_folds):
        from himalaya.backend import set_backend
        from himalaya.kernel_ridge import KernelRidgeCV
        from sklearn.model_selection import PredefinedSplit

        to = set_backend(backend)
        batches = {"n_targets_batch": HIMALAYAS_TARGETS, "n_targets_batch_refit": HIMALAYAS_TARGETS // 4}
        scaled = ridge.of_variance_1(kernel).astype(np.float32)

        def predict(train):
            model = KernelRidgeCV(
                ALPHAS.astype(np.float32),
                kernel="precomputed",
                cv=PredefinedSplit(of_folds[train]),
                fit_intercept=True,
                solver_params=batches,
            )
            model.fit(to.asarray(scaled[np.ix_(train, train)]), to.asarray(responses[train]))
            return to.to_numpy(model.predict(to.asarray(scaled[np.ix_(~train, train)])))

        return in_each_fold(predict, responses, of_folds)

    return encoded


def of_scikit_learn(features, kernel, responses, of_folds):
    """Which chooses alphas by leaving out one condition at a time."""
    from sklearn.linear_model import RidgeCV

    scale = ((features - features.mean(axis=0)) ** 2).sum(axis=1).mean()

    def predict(train):
        model = RidgeCV(ALPHAS * scale, alpha_per_target=True)
        return model.fit(features[train], responses[train]).predict(features[~train])

    return in_each_fold(predict, responses, of_folds)


def bare_product(units: int) -> float:
    """GFLOP a second of processor time of float32 products of the size that ours are."""
    left = np.ones((len(ALPHAS) * CONDITIONS * 2 // 5, CONDITIONS * 3 // 5), np.float32)
    right, taken = np.ones((left.shape[1], units), np.float32), []
    with threadpool_limits(1, user_api="blas"):
        for _ in range(20):
            start = time.process_time()
            left @ right
            taken.append(time.process_time() - start)
    return 2 * left.size * units / np.median(taken) / 1e9


def peak_memory() -> float:
    """The most memory that this process has had, GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


PEERS = {
    "himalaya, numpy": of_himalaya("numpy"),
    "himalaya, torch": of_himalaya("torch"),
    "scikit-learn, RidgeCV of features": of_scikit_learn,
}


def compare(units: int, times: int, cores: int, peers: list[str]) -> None:
    if "himalaya, torch" in peers:
        import torch

        torch.set_num_threads(cores)
    features, responses = data(units)
    kernel, of_folds = features.astype(np.float64) @ features.T, folds(CONDITIONS, FOLDS, seed=1)
    given = peak_memory()
    peers = {"ours": of_ours(cores)} | {name: PEERS[name] for name in peers}
    taken, peaks, found = {name: [] for name in peers}, {}, {}
    loads = [os.getloadavg()[0]]
    for _ in range(times):
        for name, encoded in peers.items():
            wall, processor = time.perf_counter(), time.process_time()
            found[name] = encoded(features, kernel, responses, of_folds)
            taken[name].append((time.perf_counter() - wall, time.process_time() - processor))
            peaks.setdefault(name, peak_memory())
            loads.append(os.getloadavg()[0])
            print(f"{name}: {taken[name][-1][0]:.1f} s", file=sys.stderr, flush=True)
    print(
        f"{CONDITIONS} conditions × {units:,} units, {FOLDS} folds, {len(ALPHAS)} alphas, {cores} cores; "
        f"{times} calls each; load {min(loads):.1f} to {max(loads):.1f}; the data alone: {given:.2f} GB\n"
    )
    print(
        "| | time | processor time | peak memory so far | median r | largest difference from ours |\n"
        + "|---" * 6
        + "|"
    )
    for name in peers:
        wall, processor = np.median(taken[name], axis=0)
        difference = np.abs(found[name] - found["ours"]).max()
        print(
            f"| {name} | {wall:.1f} s | {processor:.1f} s | {peaks[name]:.2f} GB | {np.median(found[name]):.4f} "
            f"| {difference:.1e} |"
        )
    work = 2 * len(ALPHAS) * CONDITIONS**2 * (FOLDS - 1) * (FOLDS - 2) / FOLDS * units / 1e9
    processor = np.median(taken["ours"], axis=0)[1]
    share = work / processor / bare_product(512)
    print(f"\nOurs: {work:,.0f} GFLOP to compare alphas, at {share:.0%} of the speed of bare sgemm.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--units", type=int, default=40_000)
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--cores", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--peers", nargs="*", default=list(PEERS), choices=PEERS)
    chosen = parser.parse_args()
    with threadpool_limits(chosen.cores, user_api="blas"):
        compare(chosen.units, chosen.times, chosen.cores, chosen.peers)


if __name__ == "__main__":
    main()
