"""What the data allow a model to reach, and what a trajectory of alignment says."""

import numpy as np

from .measures import compare, standardised

CEILING_CONVENTION = "RDMs z-scored, then averaged; lower: subject left out, upper: subject included"


def noise_ceiling(rdms: np.ndarray) -> tuple[float, float]:
    """Bounds on the mean Pearson correlation with subjects' RDMs that the true model could reach.

    Every RDM is standardised before averaging, as in rsatoolbox; see Nili et al. (2014), who describe the bounds.

    Args:
        rdms: Condensed RDMs of one target, (subjects, pairs).

    Returns:
        The lower bound (each subject against the mean of the others) and the upper (against the mean of all).
        With one subject neither can be known, and both are NaN.
    """
    rdms = standardised(rdms)
    if len(rdms) == 1:
        return float("nan"), float("nan")
    total = rdms.sum(axis=0)
    upper = [compare(one[None], total[None]).item() for one in rdms]
    lower = [compare(one[None], (total - one)[None]).item() for one in rdms]
    return float(np.mean(lower)), float(np.mean(upper))
