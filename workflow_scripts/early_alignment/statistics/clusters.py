"""When a network is aligned with responses over time: cluster permutation tests over the times of targets.

After Maris and Oostenveld (2007), as `mne.stats.permutation_cluster_1samp_test` has them. Subjects are observations;
their signs are flipped. What is controlled is the chance of any false cluster among the times of one test; that there
is a test per block and epoch is not.
"""

import re
import warnings

import numpy as np
import pandas as pd
from scipy.stats import t as student

from .multiple_comparisons import smallest_p

OF_ONE_KIND = ["dataset", "network", "view", "distance", "measure", "pairs", "control", "scheme"]
"""The columns of the table `alignment` that tell apart what is tested separately, beside block and epoch."""
ABOVE_0, DIFFERS = "above 0", "differs from untrained"
"""What the column `test` says: one-sided; and two-sided, of the difference from the untrained network."""
COLUMNS = [*OF_ONE_KIND, "block", "epoch", "step", "test", "first_time", "last_time", "size", "mass", "p", "smallest_p"]
COLUMNS += ["n_subjects", "n_times", "status", "data"]
FOUND, NONE_FOUND = "cluster", "no cluster"
"""What the column `status` says of a test; of one that was not made it says why."""
FEWEST_TIMES, FEWEST_SUBJECTS = 5, 4
"""Of fewer there is no test; of 4 subjects no p-value is below 1/16, which `smallest_p` says."""
THRESHOLD_P = 0.05
"""Neighbouring times whose t-values are each beyond this p-value form a cluster."""
FLIPS = 10_000
"""All flips of signs are tried where no more than this differ, of up to 13 subjects; else so many random ones."""
SEED = 0
TIME = re.compile(r"(-?\d+)ms")


def times_of(targets) -> dict[str, int]:
    """Target → its time in ms, in order of time, of the targets that are single times: `-40ms`, not `160-180ms`."""
    times = {target: int(found[1]) for target in targets if (found := TIME.fullmatch(target))}
    return dict(sorted(times.items(), key=lambda item: item[1]))


def clusters_of_all(alignment: pd.DataFrame) -> pd.DataFrame:
    """`clusters` of each data set, network, view and kind of a table, one below the other.

    Args:
        alignment: The table `alignment`.

    Returns:
        As of `clusters`; data sets whose targets are no times have no rows.
    """
    timed = alignment[alignment["target"].isin(times_of(alignment["target"].unique()))]
    found = [clusters(rows) for _, rows in timed.groupby(OF_ONE_KIND, sort=False)]
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=COLUMNS)


def clusters(alignment: pd.DataFrame) -> pd.DataFrame:
    """Clusters of times at which a network is aligned, and at which it is otherwise than it was untrained.

    Seeds are averaged. Subjects who lack a time, or whose value of it is unknown, take no part in a test.

    Args:
        alignment: Rows of the table `alignment`, of one data set, network, view and kind.

    Returns:
        A row per cluster, and one with `size` 0 per test without clusters, in order of block, epoch, test and time.
        Times are in ms, `size` counts them, `mass` is the sum of their t-values. `p` is that of the cluster among the
        times of its test; `smallest_p` is what so many subjects can give at best.
    """
    curves = subject_curves(alignment)
    of_all = alignment[OF_ONE_KIND].iloc[0].to_dict() | {"data": alignment["data"].iloc[0]}
    rows = []
    for (block, epoch, step), values in curves.items():
        of_test = of_all | {"block": block, "epoch": epoch, "step": step}
        rows += [of_test | {"test": ABOVE_0} | found for found in rows_of_test(values, sides=1)]
        if epoch > 0 and (block, 0.0, 0) in curves:
            change = values - curves[block, 0.0, 0]
            rows += [of_test | {"test": DIFFERS} | found for found in rows_of_test(change, sides=2)]
    return pd.DataFrame(rows, columns=COLUMNS)


def subject_curves(alignment: pd.DataFrame) -> dict[tuple[str, float, int], pd.DataFrame]:
    """(block, epoch, step) → values of subjects at times in ms, (subjects, times), in order; seeds are averaged.

    Args:
        alignment: Rows of the table `alignment`, of one data set, network, view and kind.
    """
    times = times_of(alignment["target"].unique())
    timed = alignment[alignment["target"].isin(times)]
    timed = timed.assign(time=timed["target"].map(times), order=pd.factorize(timed["block"])[0])
    return {
        (block, float(epoch), int(step)): rows.pivot_table("value", "subject", "time", aggfunc="mean")
        for (_, block, epoch, step), rows in timed.groupby(["order", "block", "epoch", "step"])
    }


def rows_of_test(values: pd.DataFrame, sides: int) -> list[dict]:
    """What a test says, a dictionary per cluster, or one of no cluster.

    Args:
        values: Of subjects at times in ms, (subjects, times).
        sides: 1, whether values are above 0; 2, whether they are others than 0.
    """
    values = values.dropna()
    n, n_times = values.shape
    of_test = {"n_subjects": n, "n_times": n_times, "size": 0, "smallest_p": np.nan}
    if n_times < FEWEST_TIMES:
        return [of_test | {"status": f"not tested: {n_times} times, of which it takes {FEWEST_TIMES}"}]
    if n < FEWEST_SUBJECTS:
        return [of_test | {"status": f"not tested: {n} subjects, of whom it takes {FEWEST_SUBJECTS}"}]
    # Of random flips the sample itself is one, so that no p-value is 0.
    of_test["smallest_p"] = max(smallest_p("sign", n, sides), 1 / FLIPS)
    times = values.columns.to_numpy()
    return [
        of_test
        | {"first_time": times[which[0]], "last_time": times[which[-1]], "size": len(which)}
        | {"mass": mass, "p": p, "status": FOUND}
        for which, mass, p in cluster_test(values.to_numpy(), sides)
    ] or [of_test | {"status": NONE_FOUND}]


def cluster_test(values: np.ndarray, sides: int) -> list[tuple[np.ndarray, float, float]]:
    """Clusters of neighbouring times, each with the sum of its t-values and its p-value.

    All flips of signs are tried, so that the test is exact, where there are no more than `FLIPS` of them.

    Args:
        values: (subjects, times).
        sides: 1 or 2.

    Returns:
        For each cluster the indices of its times, its mass, and its p-value.
    """
    import mne

    threshold = student.ppf(1 - THRESHOLD_P / sides, len(values) - 1)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "No clusters found", RuntimeWarning)
        t, found, _, null = mne.stats.permutation_cluster_1samp_test(
            values.astype(np.float64),
            threshold=threshold,
            n_permutations=FLIPS,
            tail=2 - sides,
            stat_fun=t_values,
            out_type="indices",
            rng=np.random.default_rng(SEED),
            verbose="error",
        )
    if sides == 1 and len(null) == 2 ** len(values):
        # MNE 1.13 leaves out the flip of all signs, which for two sides alone equals none, and has the sample twice.
        null[0] = largest_mass(-t, threshold)
    masses = [float(t[which].sum()) for (which,) in found]
    # Equal masses are to count as equal whatever the order in which they were summed.
    beyond = [np.abs(null) >= abs(mass) * (1 - 1e-9) for mass in masses]
    return [(which, mass, float(np.mean(of))) for (which,), mass, of in zip(found, masses, beyond, strict=True)]


def t_values(values: np.ndarray) -> np.ndarray:
    """Of the mean over subjects, (times,); 0 where all subjects have the same value, which has no t.

    Args:
        values: (subjects, times).
    """
    error = values.std(axis=0, ddof=1) / np.sqrt(len(values))
    return np.divide(values.mean(axis=0), error, out=np.zeros(values.shape[1]), where=error > 0)


def largest_mass(t: np.ndarray, threshold: float) -> float:
    """The largest sum of neighbouring t-values that are above a threshold, 0 if none is; (times,)."""
    above = np.concatenate([[False], t > threshold, [False]])
    edges = np.flatnonzero(np.diff(above.astype(int)))
    return max((float(t[a:b].sum()) for a, b in zip(edges[::2], edges[1::2], strict=True)), default=0.0)
