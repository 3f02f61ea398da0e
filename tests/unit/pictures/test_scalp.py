"""The picture of the scalp shows what MNE draws of the table."""

import matplotlib.pyplot as plt
import mne
import numpy as np
import pandas as pd
import pytest
from early_alignment.datasets.things_eeg2_channels import POSTERIOR
from early_alignment.pictures.figures import block_palette
from early_alignment.pictures.scalp import CHANNELS, scalp_maps

TARGETS = ["-40ms", "80ms", "170ms"]
BLOCKS = ["layer1", "layer2", "layer3"]
BAD = {("80ms", "O1"), *(("-40ms", name) for name in POSTERIOR[3:])}
"""r is not above 0 there; at -40 ms but three channels are left."""


@pytest.fixture(scope="module")
def maps():
    rng = np.random.default_rng(0)
    rows = [
        {"dataset": "eeg", "target": target, "network": "n", "view": "224px", "subject": subject, "channel": channel}
        | {"explainable": 0.5, "best_block": BLOCKS[i % 3], "r": 0.1 * rng.uniform(0.1, 1), "share_of_r": 0.1}
        | {"peak_epoch": rng.uniform(1, 90), "half_time": rng.uniform(0.02, 1), "data": "simulated"}
        for target in TARGETS
        for subject in ("1", "2", "average")
        for i, channel in enumerate(POSTERIOR)
    ]
    table = pd.DataFrame(rows)
    bad = [(target, channel) in BAD for target, channel in zip(table["target"], table["channel"], strict=True)]
    table.loc[bad, "r"] = -0.01
    table.loc[bad, ["peak_epoch", "half_time"]] = np.nan
    return table


@pytest.fixture(scope="module")
def figure(maps):
    drawn = scalp_maps(maps, BLOCKS)
    yield drawn
    plt.close(drawn)


def panel_of(figure, row, target):
    return figure.axes[row * len(TARGETS) + TARGETS.index(target)]


def known_of(maps, target):
    rows = maps[(maps["target"] == target) & (maps["subject"] == "average")]
    return rows[[(target, channel) not in BAD for channel in rows["channel"]]]


def montage_info(names):
    montage = mne.channels.make_standard_montage("colin27_1005")
    return mne.create_info(list(names), 100, "eeg").set_montage(montage)


@pytest.mark.parametrize("target", ["80ms", "170ms"])
@pytest.mark.parametrize(("row", "quantity"), list(enumerate(["r", "peak_epoch", "half_time"])))
def test_what_is_interpolated_is_what_mne_interpolates(figure, maps, target, row, quantity):
    known = known_of(maps, target)
    other, axes = plt.subplots()
    expected, _ = mne.viz.plot_topomap(
        known[quantity].to_numpy(),
        montage_info(known["channel"]),
        axes=axes,
        extrapolate="local",
        image_interp="linear",
        show=False,
    )
    (image,) = panel_of(figure, row, target).images
    np.testing.assert_allclose(image.get_array(), expected.get_array())
    # Only near the channels, which are at the back of the head.
    drawn = np.ma.getmaskarray(np.ma.masked_invalid(image.get_array()))
    assert 0 < (~drawn).mean() < 0.4
    plt.close(other)


def dots_of(axes):
    (dots,) = (dots for dots in axes.collections if dots.get_gid() == CHANNELS)
    return dots


@pytest.mark.parametrize("target", TARGETS)
def test_channels_are_where_mne_has_them_in_the_colours_of_their_blocks(figure, maps, target):
    known = known_of(maps, target)
    other, axes = plt.subplots()
    mne.viz.plot_topomap(
        np.zeros(17),
        montage_info(POSTERIOR),
        axes=axes,
        mask=np.ones(17, bool),
        mask_params={"marker": "*"},
        show=False,
    )
    (stars,) = (line for line in axes.lines if line.get_marker() == "*")
    places = dict(zip(POSTERIOR, stars.get_xydata(), strict=True))
    dots = dots_of(panel_of(figure, 3, target))
    np.testing.assert_allclose(dots.get_offsets(), [places[name] for name in known["channel"]])
    dots.update_scalarmappable()
    palette = block_palette(BLOCKS)
    np.testing.assert_allclose(dots.get_facecolors()[:, :3], [palette[block] for block in known["best_block"]])
    empty = [dots for dots in panel_of(figure, 3, target).collections if dots.get_gid() != CHANNELS]
    assert sum(len(dots.get_offsets()) for dots in empty) == 17 - len(known)
    plt.close(other)


def test_between_few_channels_nothing_is_interpolated_but_they_have_their_numbers(figure, maps):
    for row, quantity in enumerate(["r", "peak_epoch", "half_time"]):
        axes = panel_of(figure, row, "-40ms")
        assert not axes.images
        np.testing.assert_array_equal(dots_of(axes).get_array(), known_of(maps, "-40ms")[quantity])


def test_a_row_has_one_scale_and_the_words_say_what_it_is(figure, maps):
    for row, quantity in enumerate(["r", "peak_epoch", "half_time"]):
        shown = pd.concat([known_of(maps, target)[quantity] for target in TARGETS])
        for target in TARGETS:
            low, high = dots_of(panel_of(figure, row, target)).get_clim()
            assert (low, high) == (0 if quantity == "r" else shown.min(), shown.max())
        assert panel_of(figure, row, "80ms").images[0].get_clim() == (low, high)
    assert [panel_of(figure, 0, target).get_title() for target in TARGETS] == ["-40 ms", "80 ms", "170 ms"]
    bars = [axes for axes in figure.axes[12:] if axes.get_ylabel() or axes.get_yticklabels()]
    assert [axes.get_ylabel() for axes in bars] == ["r", "epochs", "epochs", ""]
    assert [label.get_text() for label in bars[-1].get_yticklabels()] == ["Block 1", "Block 2", "Block 3"]
    words = " ".join(text.get_text() for text in figure.texts).replace("\n", " ")
    assert "17 channels, averages over 2 subjects" in words and "SIMULATED" in words and "drawn" not in words


def test_of_many_targets_some_are_drawn_from_first_to_last(maps):
    one = maps[(maps["target"] == "80ms") & maps["channel"].isin(POSTERIOR[:2])]
    many = pd.concat([one.assign(target=f"{10 * i}ms", data="measured") for i in range(21)])
    figure = scalp_maps(many, BLOCKS)
    titles = [axes.get_title() for axes in figure.axes if axes.get_title()]
    assert len(titles) == 10 and (titles[0], titles[-1]) == ("0 ms", "200 ms")
    words = " ".join(text.get_text() for text in figure.texts)
    assert "10 of 21 targets are drawn" in words and "SIMULATED" not in words
    plt.close(figure)


def test_a_best_block_that_is_not_drawn_is_refused(maps):
    with pytest.raises(ValueError, match="layer3"):
        scalp_maps(maps, BLOCKS[:2])
