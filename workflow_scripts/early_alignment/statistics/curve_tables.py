"""Tables of what curves of alignment say: how high they are and when, how sure that is, and what it means."""

from collections.abc import Iterable
from itertools import combinations

import numpy as np
import pandas as pd

from ..comparison.kinds import Kind, why_not_resampled
from ..epochs import epoch_and_step
from . import accuracy_alignment, claims, hierarchy, intervals, timing
from .ceilings import KNOWN
from .curves import Curve, Key
from .multiple_comparisons import benjamini_hochberg
from .noise_ceilings import with_shares

SHARES_AT = (0, 1, 3, 9)
"""Epochs whose alignment is given as a share of the final one, where they are analysed: those that the paper names."""
OF_A_QUANTITY = ("value", "low", "high", "p", "defined", "optimism", "likely_epochs")
"""Columns of the table `timing` that a quantity may leave empty."""
Curves = Iterable[tuple[Key, Curve]]


def described(curve: Curve, over: tuple[str, ...]) -> dict:
    """What every row says of its numbers: what intervals generalise over, and how many were sampled."""
    of = {f"n_{factor}": n for factor, n in curve.n.items()}
    return {"generalises_over": " × ".join(over), **of, "draws": len(curve.resampled) - 1}


def with_q(table: pd.DataFrame, family: list[str]) -> pd.DataFrame:
    """A table with its p-values adjusted within each family, and what a family is.

    Args:
        table: With a column `p`.
        family: The columns in which the tests of one family agree.
    """
    names = table[family].astype(str).agg("|".join, axis=1).to_numpy(str)
    table = table.assign(q=benjamini_hochberg(table["p"].to_numpy(float), names))
    return table.assign(family=f"one {', '.join(family)}")


def trajectories(
    curves: Curves, alignment: pd.DataFrame, ceiling: pd.DataFrame, over: tuple[str, ...], data: str
) -> pd.DataFrame:
    """Mean alignment with its interval, a row per curve and epoch that is analysed in its view.

    Args:
        curves: From `curves.curves`.
        alignment: The table `alignment`, for kinds that stimuli cannot be resampled for: they have no intervals.
        ceiling: The table `noise_ceiling`.
        over: The factors that intervals generalise over.
        data: `measured` or `simulated`.
    """
    rows = []
    for key, curve in curves:
        found = intervals.interval(curve.point, curve.replicates, curve.n, over)
        for i in np.flatnonzero(curve.in_view):
            rows.append(
                key._asdict()
                | {
                    "epoch": curve.epochs[i],
                    "step": epoch_and_step(curve.labels[i])[1],
                    "value": curve.point[i],
                    "low": found.low[i],
                    "high": found.high[i],
                    "standard_error": found.standard_error[i],
                    "degrees_of_freedom": found.degrees_of_freedom[i],
                    "p": found.p[i],
                    "smallest_p_by_signs": intervals.smallest_sign_flip_p(curve.n, over),
                    "status": found.reason or KNOWN,
                    **described(curve, over),
                    "data": data,
                }
            )
    table = with_shares(pd.DataFrame(rows + without_intervals(alignment, ceiling, over)), ceiling)
    # Figures draw the first kind, which is that of the alignments.
    kinds = ["distance", *Kind._fields]
    places = {tuple(kind): place for place, kind in enumerate(alignment[kinds].drop_duplicates().to_numpy())}
    order = np.argsort([places[tuple(kind)] for kind in table[kinds].to_numpy()], kind="stable")
    return with_q(table.iloc[order].reset_index(drop=True), ["dataset", "network", "view", *kinds])


def without_intervals(alignment: pd.DataFrame, ceiling: pd.DataFrame, over: tuple[str, ...]) -> list[dict]:
    """Mean alignment of kinds for which nothing tells how sure it is, rows in the form of `trajectories`.

    Args:
        alignment: The table `alignment`.
        ceiling: The table `noise_ceiling`, which says how many subjects an average is of.
        over: What intervals would generalise over.
    """
    rows, of_row = [], [*Key._fields, "epoch", "step", "data"]
    n_subjects = ceiling.groupby(["dataset", "target"])["subjects"].first()
    for values, of_cell in alignment.groupby(of_row, sort=False):
        of = dict(zip(of_row, values, strict=True))
        if status := why_not_resampled(Kind(*(of[name] for name in Kind._fields))):
            rows.append(
                of
                | {"value": of_cell["value"].mean(), "low": np.nan, "high": np.nan, "p": np.nan}
                | {"status": status, "generalises_over": " × ".join(over)}
                | {"n_subjects": n_subjects[of["dataset"], of["target"]], "n_seeds": of_cell["seed"].nunique()}
            )
    return rows


def timing_of_curves(curves: Curves, over: tuple[str, ...], data: str) -> pd.DataFrame:
    """When alignment peaks and when half of it is there, a row per curve and quantity."""
    rows = []
    for key, curve in curves:
        joint = curve.joint(over)
        status = curve.unknown(over)
        for row in [
            *_peak(curve, joint),
            *_half_time(curve, joint),
            *_differences(curve, over),
            *_shares(curve, joint),
        ]:
            reason = status or row.get("reason", "")
            of = {"quantity": row["quantity"]} | {name: row.get(name, np.nan) for name in OF_A_QUANTITY}
            rows.append(key._asdict() | of | {"status": reason or KNOWN} | described(curve, over) | {"data": data})
    return with_q(pd.DataFrame(rows), ["dataset", "network", "view", "distance", *Kind._fields, "quantity"])


def _peak(curve: Curve, joint: np.ndarray) -> list[dict]:
    value = float(timing.peak(curve.point, curve.epochs))
    if np.isnan(joint).any():
        return [{"quantity": "peak epoch", "value": value}]
    low, high = intervals.percentile_interval(timing.peak(joint, curve.epochs))
    likely = timing.distribution_of_peaks(joint, curve.epochs).likely
    return [
        {
            "quantity": "peak epoch",
            "value": value,
            "low": float(low),
            "high": float(high),
            "likely_epochs": " ".join(f"{epoch:g}" for epoch in likely),
            "optimism": timing.optimism(curve.point, joint),
        }
    ]


def _half_time(curve: Curve, joint: np.ndarray) -> list[dict]:
    value = float(timing.half_time(curve.point, curve.epochs))
    row = {"quantity": "half-time", "value": value, "reason": timing.why_no_half_time(curve.point, curve.epochs)}
    if np.isnan(value) or np.isnan(joint).any():
        return [row]
    times = timing.half_time(joint, curve.epochs)
    defined = float(np.isfinite(times).mean())
    row |= {"defined": defined}
    if defined < 0.5:  # as of `timing.spread`
        return [row | {"reason": "fewer than half of the replicates have one"}]
    low, high = intervals.reflected_interval(np.asarray(value), times[np.isfinite(times)])
    return [row | {"low": max(0.0, float(low)), "high": float(high)}]


def _differences(curve: Curve, over: tuple[str, ...]) -> list[dict]:
    rows = []
    for other, name in ((-1, "peak less final"), (0, "peak less untrained")):
        if other == 0 and curve.epochs[0] != 0:
            continue
        value = timing.difference_from_peak(curve.point, curve.point, other)
        found = intervals.interval(
            value,
            {f: timing.difference_from_peak(curve.point, of, other) for f, of in curve.replicates.items()},
            curve.n,
            over,
        )
        row = {"quantity": name, "value": float(value)}
        # An epoch's difference from itself is 0 in all replicates, which says nothing of how sure the peak is.
        if timing.peak(curve.point, curve.epochs) == curve.epochs[other]:
            row["reason"] = f"the peak is the {'final' if other else 'untrained'} network"
        else:
            row |= {"low": float(found.low), "high": float(found.high), "p": float(found.p)}
        rows.append(row)
    return rows


def _shares(curve: Curve, joint: np.ndarray) -> list[dict]:
    at = [float(epoch) for epoch in SHARES_AT if epoch in curve.epochs]
    values = timing.share_of_final(curve.point, curve.epochs, at)
    spread = timing.spread(timing.share_of_final(joint, curve.epochs, at)) if at else None
    return [
        {
            "quantity": f"share of the final alignment at epoch {epoch:g}",
            "value": values[i],
            "low": spread.low[i],
            "high": spread.high[i],
            "defined": spread.defined[i],
            "reason": "" if np.isfinite(values[i]) else "the final alignment is not above 0",
        }
        for i, epoch in enumerate(at)
    ]


def peak_distribution(curves: Curves, over: tuple[str, ...], data: str) -> pd.DataFrame:
    """The share of replicates that peak at each epoch, a row per curve and epoch."""
    rows = []
    for key, curve in curves:
        joint = curve.joint(over)
        status = curve.unknown(over) or KNOWN
        peaks = timing.distribution_of_peaks(np.nan_to_num(joint), curve.epochs)
        for epoch, share in zip(curve.epochs, peaks.share, strict=True):
            known = status == KNOWN
            row = {"epoch": epoch, "share": share if known else np.nan, "likely": known and epoch in peaks.likely}
            rows.append(key._asdict() | row | {"status": status} | described(curve, over) | {"data": data})
    return pd.DataFrame(rows)


def order_of_targets(curves: Curves, over: tuple[str, ...], data: str) -> pd.DataFrame:
    """Which targets reach half of their alignment earlier, a row per two targets of one block."""
    rows = []
    for key, of_targets in _by(curves, "target"):
        names, found = [target for (target,) in of_targets], list(of_targets.values())
        times = np.array([timing.half_time(curve.point, curve.epochs) for curve in found])
        joint = [curve.joint(over) for curve in found]
        replicates = np.stack(
            [timing.half_time(j, curve.epochs) for j, curve in zip(joint, found, strict=True)], axis=1
        )
        order = timing.order(times, replicates)
        for i, j in combinations(range(len(found)), 2):
            status = found[i].unknown(over) or found[j].unknown(over)
            rows.append(
                {name: value for name, value in key._asdict().items() if name != "target"}
                | {
                    "target": names[i],
                    "other_target": names[j],
                    "half_time": times[i],
                    "half_time_of_other": times[j],
                    "rank": order.rank[i],
                    "rank_of_other": order.rank[j],
                    "earlier": np.nan if status else order.earlier[i, j],
                    "defined": np.nan if status else order.defined[i, j],
                    "status": status or KNOWN,
                    **described(found[i], over),
                    "data": data,
                }
            )
    return pd.DataFrame(rows)


def hierarchy_scores(curves: Curves, over: tuple[str, ...], data: str) -> pd.DataFrame:
    """The rank correlation of the best block's depth with the order of targets, a row per epoch.

    Targets are in the order of the config, which is to be that of the hierarchy: of regions the spatial score, of times
    the temporal one.
    """
    rows = []
    for key, found in _by(curves, "block", "target"):
        blocks, targets = (list(dict.fromkeys(names)) for names in zip(*found, strict=True))
        if len(blocks) < 2 or len(targets) < 2:
            continue
        first = next(iter(found.values()))
        grid = np.array([[found[block, target].point for target in targets] for block in blocks])
        joint = np.array([[c.joint(over) for c in (found[block, target] for target in targets)] for block in blocks])
        status = next(filter(None, (curve.unknown(over) for curve in found.values())), "")
        values = hierarchy.score(np.moveaxis(grid, -1, 0))
        spread = timing.spread(hierarchy.score(joint.transpose(2, 3, 0, 1)))
        for i, epoch in enumerate(first.epochs):
            if first.in_view[i]:
                rows.append(
                    {name: value for name, value in key._asdict().items() if name not in ("target", "block")}
                    | {
                        "epoch": epoch,
                        "targets": " < ".join(targets),
                        "value": values[i],
                        "low": np.nan if status else spread.low[i],
                        "high": np.nan if status else spread.high[i],
                        "defined": np.nan if status else spread.defined[i],
                        "status": status
                        or ("" if np.isfinite(values[i]) else "one block is the best for all")
                        or KNOWN,
                        **described(first, over),
                        "data": data,
                    }
                )
    return pd.DataFrame(rows)


def accuracy_and_alignment(curves: Curves, accuracy: pd.DataFrame, over: tuple[str, ...], data: str) -> pd.DataFrame:
    """Whether alignment changes with accuracy, a row per curve and quantity.

    Accuracy is taken as known: replicates are of alignment alone, but for the seeds that are drawn for both.

    Args:
        curves: From `curves.curves`.
        accuracy: The table `accuracy`.
        over: The factors that intervals generalise over.
        data: `measured` or `simulated`.
    """
    rows = []
    for key, curve in curves:
        top1 = accuracies(accuracy, key.network, curve)
        status = curve.unknown(over)
        joint = curve.joint(over)
        for with_first, name in ((True, "changes between epochs"), (False, "changes after the first")):
            value, spread = np.nan, timing.spread(np.full(len(joint), np.nan))
            if top1 is not None:
                of = top1.mean(axis=1)
                value = accuracy_alignment.correlation_of_changes(of, curve.point, with_first).item()
                spread = timing.spread(accuracy_alignment.correlation_of_changes(of, joint, with_first))
            reason = "accuracy is not evaluated" if top1 is None else "fewer than three changes, or all are equal"
            rows.append(
                key._asdict()
                | {"quantity": name, "value": value, "low": spread.low.item(), "high": spread.high.item()}
                | {"status": (reason if np.isnan(value) else "") or status or KNOWN}
                | described(curve, over)
                | {"data": data}
            )
        if top1 is None:
            continue
        of_seeds, one = curve.of_seeds, np.ones((1, len(curve.seeds)))
        across = accuracy_alignment.correlation_across_seeds(top1, of_seeds, one)[0]
        for epoch, value in zip(curve.epochs, across, strict=True):
            known = KNOWN if np.isfinite(value) else "fewer than three seeds, or all are equal"
            rows.append(
                key._asdict()
                | {"quantity": f"seeds at epoch {epoch:g}", "value": value, "low": np.nan, "high": np.nan}
                | {"status": known}
                | described(curve, over)
                | {"data": data}
            )
    return pd.DataFrame(rows)


def accuracies(accuracy: pd.DataFrame, network: str, curve: Curve) -> np.ndarray | None:
    """Top-1 accuracy at a curve's epochs, (epochs, seeds); None where any was not evaluated."""
    of_network = accuracy[accuracy["network"] == network]
    wanted = of_network.pivot(index="epoch", columns="seed", values="top1").reindex(columns=curve.seeds)
    places = [np.flatnonzero(np.isclose(wanted.index, epoch)) for epoch in curve.epochs]
    if any(len(place) != 1 for place in places):
        return None
    found = wanted.to_numpy(float)[np.concatenate(places)]
    return found if np.isfinite(found).all() else None


def claims_of(
    curves: Curves,
    accuracy: pd.DataFrame,
    rules: list[dict],
    blocks: dict[str, list[str]],
    over: tuple[str, ...],
    data: str,
) -> pd.DataFrame:
    """What the data say of claims, for every network and every choice of analysis: a row per claim and part.

    Args:
        curves: From `curves.curves`.
        accuracy: The table `accuracy`.
        rules: From `claims.read`.
        blocks: Network → its blocks in order of depth.
        over: The factors that are generalised over.
        data: `measured` or `simulated`.
    """
    rows = []
    for key, found in _by(curves, "dataset", "target", "block"):
        first = next(iter(found.values()))
        top1 = accuracies(accuracy, key.network, first)
        study = claims.Study(
            epochs=first.epochs,
            blocks=blocks[key.network],
            curves={place: claims.Curve(curve.point, curve.replicates) for place, curve in found.items()},
            n={dataset: curve.n for (dataset, _, _), curve in found.items()},
            over=over,
            interval=intervals.interval,
            accuracy=None if top1 is None else top1.mean(axis=1),
        )
        choice = {name: value for name, value in key._asdict().items() if name in CHOICE}
        of_all = {"generalises_over": " × ".join(over), "data": data}
        rows += [choice | row._asdict() | of_all for row in claims.evaluate(rules, study)]
    return pd.DataFrame(rows)


CHOICE = ("network", "view", "distance", *Kind._fields)
"""The choices of analysis that claims are evaluated under, each by itself."""


def survival(claims_table: pd.DataFrame) -> pd.DataFrame:
    """Whether claims survive other analyses: a row per claim, with the share of the choices under which it holds.

    Args:
        claims_table: The table `claims`.
    """
    whole = claims_table[claims_table["part"] == 0]
    rows = []
    for (network, claim), of_claim in whole.groupby(["network", "claim"], sort=False):
        verdicts = of_claim["verdict"]
        testable = verdicts != claims.NOT_TESTABLE
        counts = {name.replace(" ", "_"): int((verdicts == name).sum()) for name in VERDICTS}
        share = counts["holds"] / testable.sum() if testable.any() else np.nan
        rows.append({"network": network, "claim": claim, "choices": len(of_claim), **counts, "share_that_holds": share})
    return pd.DataFrame(rows).assign(data=claims_table["data"].iloc[0])


VERDICTS = ("holds", "fails", "undecided", claims.NOT_TESTABLE)


def _by(curves: Curves, *names: str):
    """Keys without some parts, each with the curves that differ in these alone, by these parts."""
    kept = {}
    for key, curve in curves:
        without = key._replace(**dict.fromkeys(names, ""))
        kept.setdefault(without, {})[tuple(key._asdict()[name] for name in names)] = curve
    return kept.items()
