"""The table of alignment averaged over subjects and seeds, beside the noise ceiling."""

import pandas as pd

from ..comparison.schemes import NO_CONTROL, NORMALISED
from . import ceilings

OF_A_CEILING = ["dataset", "target", "measure", "pairs", "scheme"]
"""The columns in which an alignment and its noise ceiling agree."""


def with_shares(table: pd.DataFrame, noise_ceiling: pd.DataFrame) -> pd.DataFrame:
    """A table with its column `value` as a share of both bounds of the noise ceiling, not clipped, and their status.

    Shares are linear: that of a mean over subjects is the mean of subjects' shares.

    Args:
        table: With a column `value` and those of `OF_A_CEILING`.
        noise_ceiling: The table `noise_ceiling`.
    """
    normalised = noise_ceiling[noise_ceiling["averaged"] == NORMALISED]
    bounds = normalised[[*OF_A_CEILING, "lower", "upper", "status"]]
    joined = table.merge(bounds, how="left", on=OF_A_CEILING, validate="many_to_one")
    shares = ceilings.share_of_ceiling(joined["value"], joined.pop("lower"), joined.pop("upper"))
    status = joined.pop("status")
    return joined.assign(share_of_lower_ceiling=shares.lower, share_of_upper_ceiling=shares.upper, ceiling=status)


NOT_OF_WHOLE_RDMS = "was not computed: ceilings are of whole RDMs, this is of what a control leaves"


def table(alignment: pd.DataFrame, noise_ceiling: pd.DataFrame) -> pd.DataFrame:
    """Alignment averaged over subjects and seeds, and as a share of the noise ceiling.

    A row per dataset × target × network × epoch × view × block × measure × pairs × control × scheme. The column
    `ceiling` says whether the noise ceiling is known, and if not, why.

    Args:
        alignment: The table `alignment`.
        noise_ceiling: The table `noise_ceiling`.
    """
    groups = ["dataset", "target", "network", "epoch", "step", "view", "block"]
    groups += ["measure", "pairs", "control", "scheme", "n_pairs", "data"]
    found = alignment.groupby(groups, sort=False).agg(n_seeds=("seed", "nunique"), value=("value", "mean"))
    means = with_shares(found.reset_index(), noise_ceiling)
    partial = means["control"] != NO_CONTROL
    means.loc[partial, ["share_of_lower_ceiling", "share_of_upper_ceiling"]] = float("nan")
    means.loc[partial, "ceiling"] = NOT_OF_WHOLE_RDMS
    subjects = noise_ceiling.groupby(["dataset", "target"])["subjects"].first().rename("n_subjects")
    means = means.merge(subjects.reset_index(), how="left", on=["dataset", "target"])
    means.insert(means.columns.get_loc("n_seeds"), "n_subjects", means.pop("n_subjects"))
    return means[[*means.columns.drop("data"), "data"]]
