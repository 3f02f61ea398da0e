"""Whether all of several contrasts are above a threshold: by bounds, at one level, with what many contrasts ask for.

A contrast is a sum of alignments with weights, such as one epoch's less another's. Its bounds are those of Student's t
with the standard error and the degrees of freedom that come with it. `ALPHA` is the level of a bound on one side.

All contrasts are above the threshold if each lower bound is, at the level of one contrast: whichever is not above it in
truth, the chance of taking it to be is ALPHA at most, and the others only make it smaller (an intersection–union test,
Berger 1982). So that holds without correction. That one is below the threshold is said if some upper bound is, each at
ALPHA divided by the number of contrasts (Bonferroni), for each is a chance to be wrong.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import stdtr, stdtrit

ALPHA = 0.025
"""On each side: intervals are of 95 %."""


class Estimates(NamedTuple):
    """Contrasts and how well they are known, (contrasts,) each."""

    value: np.ndarray
    standard_error: np.ndarray
    degrees_of_freedom: np.ndarray


class Finding(NamedTuple):
    """What the data say of a quantity, and of whether it is where a claim has it."""

    value: float
    low: float
    """The lower bound, at `ALPHA`."""
    high: float
    p_holds: float
    """The smallest level at which the data show that it is so."""
    p_fails: float
    """The smallest level at which they show that it is not."""

    @property
    def verdict(self) -> str:
        """`holds` or `fails` at `ALPHA`, else `undecided`."""
        if self.p_holds <= ALPHA:
            return "holds"
        return "fails" if self.p_fails <= ALPHA else "undecided"


def bounds(estimates: Estimates, alpha: float) -> tuple[np.ndarray, np.ndarray]:
    """The lower and the upper bound of each contrast, each at the level alpha, (contrasts,)."""
    value, error, freedom = estimates
    half_width = np.where(error > 0, stdtrit(freedom, 1 - alpha) * error, 0)
    return value - half_width, value + half_width


def p_above(estimates: Estimates, threshold: float = 0) -> np.ndarray:
    """The p-value of each contrast against its being at the threshold or below, (contrasts,).

    1 less it is that against its being there or above. What has no error is 0 above, 1 below, 0.5 at the threshold.
    """
    distance, error = estimates.value - threshold, estimates.standard_error
    t = np.divide(distance, error, out=np.zeros_like(distance), where=error > 0)
    return np.where(error > 0, stdtr(estimates.degrees_of_freedom, -t), (1 - np.sign(distance)) / 2)


def all_above(estimates: Estimates, threshold: float = 0) -> Finding:
    """The smallest of some contrasts, and whether it, and so each of them, is above a threshold."""
    n = len(estimates.value)
    p = p_above(estimates, threshold)
    return Finding(
        float(np.min(estimates.value)),
        float(np.min(bounds(estimates, ALPHA)[0])),
        float(np.min(bounds(estimates, ALPHA / n)[1])),
        float(np.max(p)),
        min(1.0, n * float(np.min(1 - p))),
    )


def within(estimates: Estimates, margin: float) -> Finding:
    """One contrast, and whether it is less than a margin away from 0: two one-sided tests (Schuirmann 1987)."""
    above, below = p_above(estimates, -margin), 1 - p_above(estimates, margin)
    low, high = bounds(estimates, ALPHA)
    ends = [estimates.value, low, high, np.maximum(above, below), np.minimum(1 - above, 1 - below)]
    return Finding(*(float(end[0]) for end in ends))


def all_hold(findings: list[Finding]) -> tuple[Finding, int]:
    """Whether all parts of a claim hold: without correction if they do, Bonferroni's if one does not (see above).

    Returns:
        The finding, with the value and bounds of the part that decides; and its place: of what fails, the surest to;
        else, of what holds, the least sure to.
    """
    holds, fails = (np.array([finding._asdict()[p] for finding in findings]) for p in ("p_holds", "p_fails"))
    p_fails = min(1.0, len(findings) * float(fails.min()))
    deciding = int(fails.argmin() if p_fails <= ALPHA else holds.argmax())
    return findings[deciding]._replace(p_holds=float(holds.max()), p_fails=p_fails), deciding


def at_most(number: int, findings: list[Finding], count: int) -> Finding:
    """How many of several things are so, and whether it is no more than some number.

    That at most c of K are so, is shown if K − c are not: if, of the p-values against that, the (c + 1)th largest
    times c + 1 is small (Benjamini and Heller 2008: the least favourable c + 1 are all so, and each is a chance to be
    wrong). That at least r are so, in the same way. To be an interval, what is shown of c must be so of all above c.

    Args:
        number: c.
        findings: Of each thing.
        count: How many of them are so in the estimates.
    """
    k = len(findings)
    holds, fails = (np.sort([finding._asdict()[p] for finding in findings]) for p in ("p_holds", "p_fails"))
    # Of c = 0 … K − 1 that no more are so; of r = 1 … K that no fewer are.
    no_more = np.maximum.accumulate((np.arange(1, k + 1) * fails[::-1])[::-1])[::-1]
    no_fewer = np.maximum.accumulate(np.arange(k, 0, -1) * holds)
    return Finding(
        count,
        float((no_fewer <= ALPHA).sum()),
        float(k - (no_more <= ALPHA).sum()),
        min(1.0, float(no_more[number])) if number < k else 0.0,
        min(1.0, float(no_fewer[number])) if number < k else 1.0,
    )
