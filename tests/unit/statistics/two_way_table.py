"""How well a mean over subjects and seeds is known."""

import numpy as np


def crossed_standard_error(values: np.ndarray) -> float:
    """The standard error of the mean over subjects × seeds, either being a random factor.

    Subjects and a network's seeds are samples, and each subject meets each seed, so values are not independent: with
    value = mean + subject + seed + rest, the mean's variance is σ²(subject)/s + σ²(seed)/n + σ²(rest)/(s·n). The
    variance of subjects' means divided by s is an estimate of σ²(subject)/s + σ²(rest)/(s·n), that of seeds' means
    divided by n one of σ²(seed)/n + σ²(rest)/(s·n). Their sum has the rest twice, so the residual mean square of the
    two-way table divided by s·n is subtracted once; the estimate is then unbiased (Cornfield and Tukey 1956). As
    chance can make it too small, it is never less than the larger of the two.

    Args:
        values: (subjects, seeds), one value each.

    Returns:
        The standard error. A factor of one has no variance: with one seed it is that over subjects and says
        nothing of other seeds, and the other way round; with one of both it is NaN.
    """
    values = np.asarray(values, dtype=np.float64)
    s, n = values.shape
    subjects, seeds = values.mean(axis=1), values.mean(axis=0)
    parts = [means.var(ddof=1) / means.size for means in (subjects, seeds) if means.size > 1]
    if len(parts) < 2:
        return float(np.sqrt(parts[0])) if parts else float("nan")
    rest = values - subjects[:, None] - seeds + values.mean()
    residual = (rest**2).sum() / ((s - 1) * (n - 1))
    return float(np.sqrt(max(sum(parts) - residual / (s * n), *parts)))
