"""Ways of comparing RDMs and of averaging over subjects, all of which a config may ask for."""

from typing import NamedTuple

from .measures import MEASURES
from .pairs import ALL, NOT_SAME
from .schemes import AVERAGE, NO_CONTROL


class Kind(NamedTuple):
    """A way of comparing RDMs and of averaging over subjects."""

    measure: str
    pairs: str
    control: str
    scheme: str


def kinds_of(measures: list[str], pairs: list[str], controls: list[str], averaging: list[str]) -> list[Kind]:
    """All kinds that are asked for, in the order of the table of alignments."""
    return [
        Kind(measure, choice, control, scheme)
        for choice in pairs
        for measure in measures
        for scheme in averaging
        for control in [NO_CONTROL, *(controls if MEASURES[measure].is_correlation else [])]
    ]


def resampled_kinds(alignment: dict) -> list[Kind]:
    """Those of the kinds that the entry `alignment` of a config asks for, for which stimuli can be resampled."""
    asked = (alignment[key] for key in ("measures", "pairs", "controls", "averaging"))
    return [kind for kind in kinds_of(*asked) if not why_not_resampled(kind)]


def why_not_resampled(kind: Kind) -> str:
    """Why nothing tells how sure comparisons of a kind are, in words; empty if something does.

    What compares no RDMs, such as encoding models, is of none of the measures, and is resampled where it is computed.
    """
    if kind.measure in MEASURES and not MEASURES[kind.measure].correlates:
        return f"no resamples for {kind.measure}"
    if kind.scheme == AVERAGE and kind.pairs not in (ALL, NOT_SAME):
        return f"no resamples for {AVERAGE} of pairs {kind.pairs}"
    if kind.scheme == AVERAGE and kind.control != NO_CONTROL:
        return f"no resamples for {AVERAGE} given a control"
    return ""
