"""The picture of claims under every choice of analysis shows what the table says."""

from itertools import product

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from early_alignment.pictures.specification import CHOICES, VERDICTS, specification_curve

MEASURES, VIEWS = ("pearson", "spearman"), ("224px", "64px")
SAID = {  # of two claims, under each measure in each view
    "early": ["holds", "undecided", "fails", "holds"],
    "late": ["not testable"] * 4,
}


@pytest.fixture
def claims():
    of_all = {
        "pairs": "all",
        "control": "none",
        "scheme": "subjects_then_average",
        "network": "n",
        "claimed": "above 0",
    }
    of_all |= {"distance": "cosine", "generalises_over": "stimuli × seeds", "data": "simulated"}
    rows = []
    for claim, verdicts in SAID.items():
        for i, ((view, measure), verdict) in enumerate(zip(product(VIEWS, MEASURES), verdicts, strict=True)):
            value = np.nan if verdict == "not testable" else 0.1 * (i + 1)
            row = of_all | {"claim": claim, "view": view, "measure": measure, "verdict": verdict}
            row |= {"value": value, "low": value - 0.01, "high": value + 0.02}
            rows += [row | {"part": 0}, row | {"part": 1, "value": 99.0, "verdict": "fails"}]
    return pd.DataFrame(rows)


def marked(axes, marker):
    return [tuple(xy) for line in axes.lines if line.get_marker() == marker for xy in line.get_xydata()]


def test_a_panel_has_each_choices_verdict_value_and_interval(claims):
    figure = specification_curve(claims)
    early, late, choices = figure.axes
    for verdict in ("holds", "fails", "undecided"):
        places = [i for i, said in enumerate(SAID["early"]) if said == verdict]
        assert marked(early, VERDICTS[verdict]["marker"]) == [(i, pytest.approx(0.1 * (i + 1))) for i in places]
    bars = sorted(segment.tolist() for bars in early.collections for segment in bars.get_segments())
    np.testing.assert_allclose(bars[2], [[2, 0.29], [2, 0.32]])
    assert "holds under 2 of 4; claimed: above 0" in early.get_ylabel()
    assert len(marked(late, "|")) == 4 and "not testable" in late.get_ylabel()
    # Below: what not all choices have in common.
    assert [label.get_text() for label in choices.get_yticklabels()] == [
        *(f"View: {view}" for view in VIEWS),
        *(f"Measure: {measure}" for measure in MEASURES),
    ]
    assert sorted(marked(choices, "o")) == [(0, 0), (0, 2), (1, 0), (1, 3), (2, 1), (2, 2), (3, 1), (3, 3)]
    words = [text.get_text() for text in figure.texts]
    assert any("SIMULATED" in text for text in words)
    plt.close(figure)


@pytest.mark.filterwarnings("error")
def test_one_choice_is_drawn_too(claims):
    one = claims[(claims[list(CHOICES)] == claims[list(CHOICES)].iloc[0]).all(axis=1)]
    figure = specification_curve(one)
    figure.draw_without_rendering()
    assert "holds under 1 of 1" in figure.axes[0].get_ylabel()
    plt.close(figure)
