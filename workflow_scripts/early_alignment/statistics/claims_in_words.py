"""What the data say of claims, in words, for the report to open with."""

import re

import pandas as pd

from .claims import NOT_TESTABLE
from .curve_tables import CHOICE

NO_CLAIMS = "No claim was evaluated: for none of the measures is it known how sure it is (see ``alignment.measures``)."


def in_words(claims: pd.DataFrame | None) -> str:
    """A list in reStructuredText, of every network and claim.

    It has the verdict under the first choice of analysis, the number that decides it with its interval, and under how
    many choices the claim holds.

    Args:
        claims: The table `claims`; None if no measure can be resampled.
    """
    if claims is None:
        return NO_CLAIMS + "\n"
    whole, lines = claims[claims["part"] == 0], []
    for network, of_network in whole.groupby("network", sort=False):
        first = of_network.iloc[0]
        of_first = of_network[(of_network[list(CHOICE)] == first[list(CHOICE)]).all(axis=1)]
        how = ", ".join(f"{name} {first[name]}" for name in CHOICE if name != "network").replace("_", " ")
        lines += [f"**What the data say of the claims**, network {escaped(network)} ({escaped(how)}):", ""]
        for row in of_first.itertuples():
            verdicts = of_network[of_network["claim"] == row.claim]["verdict"]
            lines.append(f"- {escaped(row.claim)}: **{row.verdict}**. {escaped(_because(row))}{_survival(verdicts)}")
        lines += ["", f"Intervals are of 95 % and generalise over {first['generalises_over']}.", ""]
    return "\n".join(lines)


def _because(row) -> str:
    """The number that decides a claim, or why there is none."""
    if row.verdict == NOT_TESTABLE:
        return f"{row.reason[0].upper()}{row.reason[1:]}."
    return f"Of {row.quantity}: {row.value:.3g} ({row.low:.3g} to {row.high:.3g}), claimed {row.claimed}."


def _survival(verdicts: pd.Series) -> str:
    """Under how many of the choices a claim holds, where there are several."""
    testable = (verdicts != NOT_TESTABLE).sum()
    return f" It holds under {(verdicts == 'holds').sum()} of {testable} analyses." if testable > 1 else ""


def escaped(text: str) -> str:
    """Text in which nothing is markup of reStructuredText."""
    return re.sub(r"([\\*`_|\[\]])", r"\\\1", text)
