"""The scales of maps of cortex and scalp, and which units are drawn."""

import numpy as np
import pandas as pd
import pytest
from early_alignment.pictures import maps
from early_alignment.pictures.figures import block_palette


def test_r_is_linear_from_0():
    scale = maps.scale_of(pd.Series([0.1, np.nan, 0.4]), "r")
    np.testing.assert_allclose(scale.norm([0, 0.1, 0.4]), [0, 0.25, 1])
    assert list(scale.ticks) == [0, 0.2, 0.4]


def test_epochs_are_logarithmic_from_the_first_to_the_last():
    values = np.array([0.5, 1.0, 9.0, 90.0])
    scale = maps.scale_of(pd.Series([*values, np.nan]), "peak_epoch")
    np.testing.assert_allclose(scale.norm(values), np.log(values / 0.5) / np.log(90 / 0.5))
    assert list(scale.ticks.values()) == ["0.5", "3", "10", "30", "90"]  # 1 would touch 0.5


def test_epoch_0_has_its_place_below_all_others():
    scale = maps.scale_of(pd.Series([0.0, 0.01, 1.0, 90.0]), "half_time")
    places = scale.norm([0.0, 0.01, 1.0, 90.0]).tolist()
    assert places[0] == 0 and places[-1] == 1 and places == sorted(set(places))
    assert next(iter(scale.ticks)) == 0


@pytest.mark.parametrize("values", ([], [np.nan], [0.0], [5.0], [5.0, 5.0]))
@pytest.mark.parametrize("quantity", maps.QUANTITIES)
def test_few_or_equal_values_have_a_scale_too(values, quantity):
    scale = maps.scale_of(pd.Series(values, dtype=float), quantity)
    assert scale.norm.vmin < scale.norm.vmax
    known = [value for value in values if value > 0]
    assert scale.norm(known).tolist() == [1] * len(known)


def test_blocks_have_the_colours_of_the_palette_and_not_more_names_than_fit():
    blocks = [f"blocks.{i}" for i in range(12)]
    scale = maps.scale_of_blocks(blocks)
    colours = scale.colours(scale.norm(np.arange(12)))
    np.testing.assert_allclose(colours, list(block_palette(blocks).values()))
    assert scale.ticks == {i: f"blocks.{i}" for i in range(0, 12, 2)}
    numbers = maps.numbers_of_blocks(pd.Series(["blocks.3", np.nan, "blocks.0"]), blocks)
    np.testing.assert_array_equal(numbers, [3, np.nan, 0])
    with pytest.raises(ValueError, match="not drawn: layer1"):
        maps.numbers_of_blocks(pd.Series(["layer1"]), blocks)


def test_averages_have_numbers_where_r_is_above_0():
    table = pd.DataFrame(
        {
            "subject": ["average"] * 4 + ["1"],
            "r": [0.3, 0.0, np.nan, -0.1, 0.9],
            "peak_epoch": [1.0, 2.0, 3.0, 4.0, 5.0],
            "half_time": [0.1] * 5,
            "best_block": ["b"] * 5,
        }
    )
    drawn = maps.averages(table)
    np.testing.assert_array_equal(drawn["peak_epoch"], [1, np.nan, np.nan, np.nan])
    assert drawn["best_block"].notna().tolist() == drawn["r"].notna().tolist() == [True, False, False, False]
    assert table["peak_epoch"].notna().all()  # what was handed in stays as it is
    assert maps.note_on_subjects(table) == "averages over 1 subject"
    assert maps.note_on_subjects(table.iloc[:4]) == "averages over subjects"
    with pytest.raises(ValueError, match="average"):
        maps.averages(table.iloc[4:])
