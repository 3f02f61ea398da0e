"""Claims in words say what the table says, and are no markup where names look like it."""

import numpy as np
import pandas as pd
from docutils.core import publish_parts
from early_alignment.statistics.claims_in_words import in_words

CHOICES = {"view": "224px", "distance": "cosine", "pairs": "all", "control": "none", "scheme": "subjects_then_average"}


def test_every_claim_has_its_verdict_number_and_survival_in_plain_text():
    rows = []
    for network, claim in (("net_1", "Early *blocks* go with V1_"), ("other", "None")):
        for measure, verdict, value in (("pearson", "holds", 0.25), ("spearman", "undecided", 0.1)):
            of = {"network": network, "measure": measure, "claim": claim, "quantity": "r of `a_`", "claimed": "above 0"}
            of |= CHOICES | {"generalises_over": "stimuli × seeds", "reason": "", "verdict": verdict}
            of |= {"value": value, "low": 0.01, "high": 0.3}
            if network == "other":
                of |= {"verdict": "not testable", "value": np.nan, "reason": "no data set 'nsd'"}
            rows += [of | {"part": 0}, of | {"part": 1, "value": 99}]
    html = publish_parts(in_words(pd.DataFrame(rows)), writer="html")["body"]
    assert "problematic" not in html and "system-message" not in html
    for words in (
        "network net_1 (view 224px, distance cosine, measure pearson, pairs all, control none, scheme subjects then",
        "Early *blocks* go with V1_: <strong>holds</strong>. Of r of `a_`: 0.25 (0.01 to 0.3), claimed above 0.",
        "It holds under 1 of 2 analyses.",
        "None: <strong>not testable</strong>. No data set 'nsd'.",
        "generalise over stimuli × seeds",
    ):
        assert words in html.replace("&#x27;", "'").replace("\n", " "), words
    assert "99" not in html


def test_without_resamples_no_claim_is_made():
    assert "No claim was evaluated" in in_words(None)
