"""What many tests at once, and few samples, do to p-values."""

from math import factorial

import numpy as np


def benjamini_hochberg(p: np.ndarray, families: np.ndarray) -> np.ndarray:
    """p-values adjusted within each family: of those up to q, a part of q at most is false on average.

    By Benjamini and Hochberg (1995), for tests that are independent or positively dependent. Which tests are one family
    is a decision about the question that is asked; the table names it.

    Args:
        p: (tests,); NaN where there is no test, which counts for no family's size.
        families: The name of each test's family, (tests,).

    Returns:
        (tests,), NaN for NaN.

    Raises:
        ValueError: A p-value is below 0 or above 1.
    """
    p, families = np.asarray(p, dtype=np.float64), np.asarray(families)
    if np.any((p < 0) | (p > 1)):
        raise ValueError("p-values lie between 0 and 1")
    adjusted = np.full(p.shape, np.nan)
    for family in np.unique(families):
        of_family = np.flatnonzero((families == family) & ~np.isnan(p))
        descending = of_family[np.argsort(-p[of_family], kind="stable")]
        n = len(descending)
        adjusted[descending] = np.minimum.accumulate(p[descending] * n / np.arange(n, 0, -1))
    return adjusted


def smallest_p(test: str, n: int, sides: int = 2) -> float:
    """The smallest p-value that a design can give, whatever the data: to be read beside each p-value.

    Args:
        test: `bootstrap`, a share of `n` draws counted with the sample itself, 1/(n + 1) on one side; `sign`, of `n`
            subjects who all have the same sign, 1/2ⁿ; `permutation`, of `n` things of which one order in n! is the
            most extreme; `t`, which has no smallest p.
        n: Draws, subjects, or things that are ordered.
        sides: 1 or 2.

    Raises:
        ValueError: The test is unknown, or `n` or `sides` are no such numbers.
    """
    possible = {"bootstrap": n + 1, "sign": 2**n, "permutation": factorial(n), "t": np.inf} if n >= 1 else {}
    if test not in possible or sides not in (1, 2):
        raise ValueError(f"no smallest p-value of test {test!r} of {n} with {sides} sides")
    return min(1.0, sides / possible[test])
