"""Claims about when networks align with brains, as rules that data decide.

A claim is an entry of a YAML file: the claim in words, and its parts, each a quantity and where it is looked at. The
file of the paper's claims, `claims.yaml`, says how they are written.

A part holds if its 95 % interval is wholly on the claimed side of the margin, fails if wholly on the other, and is else
undecided. So each of the two is said wrongly of 2.5 % at most, at the worst of what would make it wrong: see
`contrasts`, also for how parts make a claim. A part whose epoch, block or target is not there is not testable.
"""

from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
import yaml

from ..errors import InputError, attempts, known_or_refused, together
from ..experiment import config_files
from .contrasts import Estimates, Finding, all_above, all_hold, at_most, within

PAPERS = Path(__file__).parent / "claims.yaml"
"""The claims of Scholte et al. (2024)."""
POSITIONS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")
NOT_TESTABLE = "not testable"


class Curve(NamedTuple):
    """Alignment of one block with one target, subjects and seeds averaged."""

    point: np.ndarray
    """(epochs,)."""
    replicates: dict[frozenset[str], np.ndarray]
    """Resampled factors → (draws, epochs), as of `intervals.replicates`; draws are those of the data set's others."""


class Study(NamedTuple):
    """All curves of one network."""

    epochs: np.ndarray
    """The analysed ones, ascending, (epochs,); 0 is the untrained network, epochs inside the first are parts of 1."""
    blocks: list[str]
    """In order of depth, the first being nearest to the image."""
    curves: dict[tuple[str, str, str], Curve]
    """(dataset, target, block) → its curve, for every target of a data set × every block."""
    n: dict[str, dict[str, int]]
    """Dataset → factor → how many were sampled: stimuli, subjects, seeds."""
    over: tuple[str, ...]
    """The factors that intervals generalise over."""
    interval: Callable
    """As `intervals.interval`: (point, replicates, n, over) → standard_error and degrees_of_freedom, point's shape, and
    the reason why they are not known."""
    accuracy: np.ndarray | None = None
    """Seeds averaged, (epochs,); None where it is not evaluated."""

    @property
    def datasets(self) -> list[str]:
        return list(dict.fromkeys(dataset for dataset, _, _ in self.curves))

    def targets(self, dataset: str) -> list[str]:
        """Of a data set, in the order of the curves."""
        return list(dict.fromkeys(target for of, target, _ in self.curves if of == dataset))


class Row(NamedTuple):
    """A line of the result: a claim, or a part of one."""

    claim: str
    part: int
    """From 1; 0 is the claim as a whole."""
    quantity: str
    """What was looked at, in words; of a claim of several parts, in the one that decides."""
    value: float
    low: float
    high: float
    claimed: str
    """Where the claim has the value."""
    p_holds: float
    p_fails: float
    verdict: str
    """`holds`, `fails`, `undecided` or `not testable`."""
    reason: str
    """Why it is not testable."""


class NotTestable(Exception):
    """The study lacks what a claim is about; the message says what."""


# Where a rule looks -----------------------------------------------------------------------------------------------


def place_of_epoch(study: Study, epoch) -> int:
    """The place of an epoch, given as a number or `last`, among the analysed ones."""
    if epoch == "last":
        return len(study.epochs) - 1
    found = np.flatnonzero(np.isclose(study.epochs, epoch, rtol=1e-5, atol=0))  # as few digits as the message has
    if not found.size:
        raise NotTestable(f"epoch {epoch} is not analysed, but {', '.join(f'{e:g}' for e in study.epochs)}")
    return int(found[0])


def places_of_epochs(study: Study, epochs) -> list[int]:
    """The places of a list of epochs, ascending, of `all`, or of all `trained` ones."""
    if epochs in ("all", "trained"):
        return [place for place, epoch in enumerate(study.epochs) if epochs == "all" or epoch > 0]
    return sorted({place_of_epoch(study, epoch) for epoch in epochs})


def name_of_block(study: Study, block: str) -> str:
    """The name of a block that is called by name or by position."""
    if block in study.blocks:
        return block
    if block == "last":
        return study.blocks[-1]
    if block in POSITIONS[: len(study.blocks)]:
        return study.blocks[POSITIONS.index(block)]
    raise NotTestable(f"no block {block!r} among {', '.join(study.blocks)}")


def targets_of(study: Study, dataset: str, targets) -> list[str]:
    """The names of some targets of a data set, or of `all`."""
    known = study.targets(dataset)
    if not known:
        raise NotTestable(f"no data set {dataset!r}")
    for target in [] if targets == "all" else targets:
        if target not in known:
            raise NotTestable(f"no target {target!r} of {dataset} among {', '.join(known)}")
    return known if targets == "all" else targets


def keys_of(study: Study, part: dict) -> list[tuple[str, str, str]]:
    """The keys of all curves of a part, in its order."""
    datasets = study.datasets if part["dataset"] == "all" else [part["dataset"]]
    blocks = study.blocks if part["blocks"] == "all" else [name_of_block(study, block) for block in part["blocks"]]
    return [
        (dataset, target, block)
        for dataset in datasets
        for target, block in product(targets_of(study, dataset, part["targets"]), blocks)
    ]


def estimates(study: Study, weights: dict[tuple[str, str, str], np.ndarray]) -> Estimates:
    """Contrasts: sums of alignments of one data set with weights.

    Args:
        study: All curves.
        weights: Key of a curve → the weights of its epochs, (contrasts, epochs).
    """
    (dataset,) = {key[0] for key in weights}
    point = sum(of_key @ study.curves[key].point for key, of_key in weights.items())
    factors = study.curves[next(iter(weights))].replicates
    replicates = {
        some: sum(study.curves[key].replicates[some] @ of_key.T for key, of_key in weights.items()) for some in factors
    }
    found = study.interval(point, replicates, study.n[dataset], study.over)
    if np.isnan(found.standard_error).any():
        raise NotTestable(found.reason)
    return Estimates(
        np.asarray(point), *(np.broadcast_to(x, point.shape) for x in (found.standard_error, found.degrees_of_freedom))
    )


# Quantities: each gives a finding ---------------------------------------------------------------------------------


def peak(study: Study, part: dict) -> Finding:
    """How far a curve at an epoch is above the highest of its other epochs."""
    (key,) = keys_of(study, part)
    at, unit = place_of_epoch(study, part["epoch"]), np.eye(len(study.epochs))
    if len(unit) < 2:
        raise NotTestable("no other epoch is analysed")
    return all_above(estimates(study, {key: np.delete(unit[at] - unit, at, axis=0)}), part.get("margin", 0))


def best_block(study: Study, part: dict) -> Finding:
    """How far a block at an epoch is above the best of the other blocks."""
    (key,) = keys_of(study, part)
    unit = np.eye(len(study.epochs))[place_of_epoch(study, part["epoch"])]
    others = [block for block in study.blocks if block != key[2]]
    if not others:
        raise NotTestable("the network has one block")
    weights = {key: np.tile(unit, (len(others), 1))}
    for row, block in enumerate(others):
        weights[*key[:2], block] = -np.outer(np.eye(len(others))[row], unit)
    return all_above(estimates(study, weights), part.get("margin", 0))


def trend(study: Study, part: dict) -> Finding:
    """The smallest change in the claimed direction from one of some epochs to the next."""
    (key,) = keys_of(study, part)
    unit = np.eye(len(study.epochs))[places_of_epochs(study, part["epochs"])]
    if len(unit) < 2:
        raise NotTestable("no second epoch is analysed")
    sign = 1 if part["direction"] == "rises" else -1
    return all_above(estimates(study, {key: sign * np.diff(unit, axis=0)}), part.get("margin", 0))


def flat(study: Study, part: dict) -> Finding:
    """What the largest change after an epoch leaves of the margin, which is a part of the rise up to there."""
    (key,) = keys_of(study, part)
    at, first, unit = place_of_epoch(study, part["after"]), place_of_epoch(study, 0), np.eye(len(study.epochs))
    if at == len(unit) - 1 or at == first:
        raise NotTestable(f"no epochs before and after {part['after']} are analysed")
    margin, changes = part["margin"] * (unit[at] - unit[first]), unit[at + 1 :] - unit[at]
    return all_above(estimates(study, {key: np.concatenate([margin - changes, margin + changes])}))


def count_of_peaks(study: Study, part: dict) -> Finding:
    """How many curves have their peak at an epoch."""
    at, keys = place_of_epoch(study, part["epoch"]), keys_of(study, part)
    parts = [part | dict(zip(("dataset", "targets", "blocks"), (of, [t], [b]), strict=True)) for of, t, b in keys]
    count = sum(int(np.argmax(study.curves[key].point)) == at for key in keys)
    return at_most(part["at_most"], [peak(study, one) for one in parts], count)


def accuracy(study: Study, part: dict) -> Finding:
    """The correlation, over curves and consecutive epochs, of changes of accuracy and of alignment.

    Accuracy is taken as known, and so is how much changes of alignment differ: their variance less that of their
    noise, since noise would draw the correlation towards 0 and so towards the claim that there is none. The
    correlation is then a contrast of alignments. As the variance is an estimate, the value can be beyond 1.
    """
    if study.accuracy is None:
        raise NotTestable("accuracy is not evaluated")
    keys, after = keys_of(study, part), place_of_epoch(study, part["after"])
    steps = np.diff(np.eye(len(study.epochs))[after:], axis=0)
    if len(steps) < 3:
        raise NotTestable(f"fewer than three changes after epoch {part['after']}")
    of_accuracy = steps @ study.accuracy
    of_accuracy = of_accuracy - of_accuracy.mean()
    if not np.abs(of_accuracy).max() > 1e-12:
        raise NotTestable(f"accuracy is not known, or always changes alike, after epoch {part['after']}")
    changes = np.array([steps @ study.curves[key].point for key in keys])
    noise = sum((estimates(study, {key: steps}).standard_error ** 2).sum() for key in keys)
    squares = ((changes - changes.mean()) ** 2).sum() - noise
    if not squares > 0:
        raise NotTestable("changes of alignment differ no more than their noise does")
    weights = of_accuracy @ steps / np.sqrt(len(keys) * (of_accuracy @ of_accuracy) * squares)
    return within(estimates(study, dict.fromkeys(keys, weights[None])), part["margin"])


def depth_by_target(study: Study, part: dict) -> Finding:
    """How much more alignment rises from the first to the last block with the last target than with the first one.

    The linear-by-linear interaction of depth and the order of targets: all blocks and targets count, in equal steps,
    and the unit is that of alignment.
    """
    keys = keys_of(study, part)
    targets = list(dict.fromkeys(target for _, target, _ in keys))
    blocks = sorted({block for _, _, block in keys}, key=study.blocks.index)
    if len(targets) < 2 or len(blocks) < 2:
        raise NotTestable("depth by target needs two blocks and two targets")
    unit, places = np.eye(len(study.epochs)), places_of_epochs(study, part["epochs"])
    if not places:
        raise NotTestable("no trained network is analysed")
    over_epochs = unit[places].mean(axis=0)
    if "more_than" in part:
        over_epochs = over_epochs - unit[place_of_epoch(study, part["more_than"])]
    of_block, of_target = (dict(zip(names, end_to_end(len(names)), strict=True)) for names in (blocks, targets))
    weights = {key: of_target[key[1]] * of_block[key[2]] * over_epochs[None] for key in keys}
    return all_above(estimates(study, weights), part.get("margin", 0))


def end_to_end(n: int) -> np.ndarray:
    """Weights of n values in order that give how much a line through them rises from the first to the last, (n,)."""
    centred = np.arange(n) - (n - 1) / 2
    return centred / (centred @ centred) * (n - 1)


class Quantity(NamedTuple):
    """What a rule needs to know of a quantity."""

    of: Callable
    words: str
    """With the part's keys in braces."""
    claimed: str
    needs: tuple[str, ...]
    may: tuple[str, ...] = ("margin",)
    for_each: bool = True
    """Whether it is of one curve, so that several targets and blocks are as many parts."""


EVERYWHERE = ("quantity", "dataset", "targets", "blocks")
ABOVE = "above {margin}"
QUANTITIES = {
    "peak": Quantity(peak, "alignment at epoch {epoch} less the highest at others", ABOVE, ("epoch",)),
    "best_block": Quantity(best_block, "alignment at epoch {epoch} less the best other block's", ABOVE, ("epoch",)),
    "trend": Quantity(trend, "smallest step ({direction}), epochs {epochs}", ABOVE, ("epochs", "direction")),
    "flat": Quantity(
        flat,
        "{margin} of the rise up to epoch {after} less the largest change after it",
        "above 0",
        ("after", "margin"),
        (),
    ),
    "count_of_peaks": Quantity(
        count_of_peaks, "curves with their peak at epoch {epoch}", "at most {at_most}", ("epoch", "at_most"), (), False
    ),
    "accuracy": Quantity(
        accuracy,
        "correlation of changes of accuracy and alignment after epoch {after}",
        "within ±{margin}",
        ("after", "margin"),
        (),
        False,
    ),
    "depth_by_target": Quantity(
        depth_by_target,
        "rise over depth, last target less first, epochs {epochs}{more_than}",
        ABOVE,
        ("epochs",),
        ("margin", "more_than"),
        False,
    ),
}


# Evaluation -------------------------------------------------------------------------------------------------------


def evaluate(claims: list[dict], study: Study) -> list[Row]:
    """What a study says of claims.

    Args:
        claims: From `read`.
        study: All curves of one network, and their accuracy.

    Returns:
        For each claim, its row and those of its parts. A claim holds if all parts hold, without correction, and fails
        if one fails at 2.5 % divided by the number of parts; else it is not testable if a part is not, and undecided
        if all are testable.
    """
    return [row for claim in claims for row in _rows(claim["claim"], list(_parts(claim["parts"], study)), study)]


def _parts(parts: list[dict], study: Study) -> Iterator[dict]:
    """The parts, those of several curves that are to be looked at one by one as many."""
    for part in parts:
        targets = study.targets(part["dataset"]) if part["targets"] == "all" else part["targets"]
        blocks = study.blocks if part["blocks"] == "all" else part["blocks"]
        if QUANTITIES[part["quantity"]].for_each and targets:
            yield from (part | {"targets": [target], "blocks": [block]} for target, block in product(targets, blocks))
        else:
            yield part


def _rows(claim: str, parts: list[dict], study: Study) -> list[Row]:
    rows = [_row(claim, number, part, study) for number, part in enumerate(parts, start=1)]
    testable = [row for row in rows if row.verdict != NOT_TESTABLE]
    missing = [row for row in rows if row.verdict == NOT_TESTABLE]
    reasons = "; ".join(dict.fromkeys(row.reason for row in missing))
    if testable:
        found, deciding = all_hold([Finding(*(row._asdict()[name] for name in Finding._fields)) for row in testable])
        # Parts that cannot be tested count: without them the correction would be less.
        found = found._replace(p_fails=min(1.0, found.p_fails * len(rows) / len(testable)))
        if not missing or found.verdict == "fails":
            whole = testable[deciding]._replace(part=0, **found._asdict(), verdict=found.verdict, reason=reasons)
            return [whole, *rows]
    return [missing[0]._replace(part=0, reason=reasons), *rows]


def _row(claim: str, number: int, part: dict, study: Study) -> Row:
    quantity = QUANTITIES[part["quantity"]]
    shown = {key: value if isinstance(value, str) else _listed(value) for key, value in ({"margin": 0} | part).items()}
    shown["more_than"] = f" less epoch {part['more_than']}" if "more_than" in part else ""
    try:
        found = quantity.of(study, part)
        verdict, reason = found.verdict, ""
    except NotTestable as why:
        found, verdict, reason = Finding(*[np.nan] * 5), NOT_TESTABLE, str(why)
    return Row(
        claim=claim,
        part=number,
        quantity=f"{shown['dataset']}, {shown['targets']}, {shown['blocks']}: {quantity.words.format(**shown)}",
        claimed=quantity.claimed.format(**shown),
        verdict=verdict,
        reason=reason,
        **found._asdict(),
    )


def _listed(value) -> str:
    return " and ".join(map(str, value)) if isinstance(value, list) else str(value)


# Reading ----------------------------------------------------------------------------------------------------------


def read(path=PAPERS) -> list[dict]:
    """The claims of a file, checked; see above for what it holds.

    Raises:
        InputError: The file is no YAML, or says something else than claims; all mistakes at once.
    """
    try:
        claims = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
        errors, _ = config_files.read(path)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(path, f"no YAML: {error}", "a list of claims", "correct the file") from None
    if not isinstance(claims, list) or not claims:
        raise InputError(path, f"a {type(claims).__name__}", "a list of claims", "begin each claim with `- claim:`")
    for number, claim in enumerate(claims, start=1):
        where = f"{path}, claim {number}"
        of_claim = attempts((check_claim, claim, where))
        parts = [] if of_claim else enumerate(claim["parts"], start=1)
        errors += of_claim + attempts(*((check_part, part, f"{where}, part {place}") for place, part in parts))
    if errors:
        raise together(errors, str(path))
    return claims


def check_claim(claim, where: str) -> None:
    """Refuse what is no claim, whatever its parts are.

    Raises:
        InputError: It is no mapping, a key is unknown or missing, or of another kind.
    """
    refuse_other_keys(claim, where, ("claim", "parts"))
    if not isinstance(claim["claim"], str) or not isinstance(claim["parts"], list) or not claim["parts"]:
        expected = "the claim in words, and a list of parts"
        raise InputError(where, f"{claim}", expected, "begin each part with `- quantity:`")


def check_part(part, where: str) -> None:
    """Refuse what is no part of a claim.

    Raises:
        InputError: It is no mapping, its quantity is unknown, or a key is unknown, missing, or of another kind.
    """
    if not isinstance(part, dict) or "quantity" not in part:
        raise InputError(where, f"{part}", "a mapping with the key quantity", f"give one of {', '.join(QUANTITIES)}")
    known_or_refused(str(part["quantity"]), QUANTITIES, where, "quantity", "correct the claim")
    quantity = QUANTITIES[part["quantity"]]
    refuse_other_keys(part, where, (*EVERYWHERE, *quantity.needs), quantity.may)
    for key, value in part.items():
        expected, is_so = KINDS[key]
        if not is_so(value):
            raise InputError(f"{where}, {key}", repr(value), expected, "correct the value")
    if part["dataset"] == "all" and part["quantity"] != "count_of_peaks":
        raise InputError(f"{where}, dataset", "'all'", "one data set, but of count_of_peaks", "write a part for each")


def refuse_other_keys(mapping, where: str, needs: tuple[str, ...], may: tuple[str, ...] = ()) -> None:
    """Refuse what is no mapping with these keys.

    Raises:
        InputError: A key is unknown or missing.
    """
    if not isinstance(mapping, dict):
        raise InputError(where, f"{mapping!r}", f"a mapping with the keys {', '.join(needs)}", "give these keys")
    for key in mapping:
        known_or_refused(str(key), (*needs, *may), where, "key", "correct the claim")
    if missing := [key for key in needs if key not in mapping]:
        raise InputError(where, f"no {', no '.join(missing)}", f"the keys {', '.join(needs)}", "add what is missing")


def _is_number(value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < np.inf


def _is_epoch(value) -> bool:
    return value == "last" or _is_number(value)


def _are_names(value) -> bool:
    return value == "all" or (_is_list(value) and all(isinstance(name, str) for name in value))


def _is_list(value) -> bool:
    return isinstance(value, list) and len(value) > 0 and len(set(map(str, value))) == len(value)


NAMES = ("all, or a list of names, each once; names that look like numbers in quotes", _are_names)
EPOCH = ("an epoch: a number, or last", _is_epoch)
KINDS = {
    "quantity": ("a name", lambda value: isinstance(value, str)),
    "dataset": ("the name of a data set", lambda value: isinstance(value, str)),
    "targets": NAMES,
    "blocks": NAMES,
    "epoch": EPOCH,
    "after": EPOCH,
    "more_than": EPOCH,
    "epochs": (
        "all, trained, or a list of epochs, each once",
        lambda value: value in ("all", "trained") or (_is_list(value) and all(map(_is_epoch, value))),
    ),
    "direction": ("rises or falls", lambda value: value in ("rises", "falls")),
    "margin": ("a number, 0 or more", _is_number),
    "at_most": ("a whole number", lambda value: _is_number(value) and value == int(value)),
}
"""Key of a part → what it is, in words, and whether a value is that."""
