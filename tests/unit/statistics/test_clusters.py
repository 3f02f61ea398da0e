"""Cluster permutation tests against a plain one that tries all flips, against MNE, and against planted effects."""

from itertools import groupby, product

import mne
import numpy as np
import pandas as pd
import pytest
from early_alignment.statistics import clusters as tested
from scipy import stats

TIMES = list(range(-40, 160, 20))
KIND = {"distance": "correlation", "measure": "pearson", "pairs": "all", "control": "none"}
KIND |= {"scheme": "subjects_then_average", "n_pairs": 10, "data": "simulated"}


def masses(t, threshold):
    """The sums of neighbouring values above a threshold."""
    return [sum(run) for above, run in groupby(t, lambda value: value > threshold) if above]


def plain_null(values, sides):
    """The largest mass under each of all flips of signs."""
    n = len(values)
    threshold = stats.t.isf(0.05 / sides, n - 1)
    null = []
    for signs in product([1, -1], repeat=n):
        t = stats.ttest_1samp(values * np.array(signs)[:, None], 0).statistic
        null.append(max(masses(t, threshold) + (masses(-t, threshold) if sides == 2 else []), default=0))
    return np.array(null)


def noisy_values(n, seed):
    values = np.random.default_rng(seed).normal(size=(n, 24))
    values[:, 3:7] += 1.2
    values[:, 15:20] -= 1
    return values


@pytest.mark.parametrize(("n", "sides"), list(product((4, 5, 7), (1, 2))))
def test_p_values_are_those_of_all_flips(n, sides):
    values = noisy_values(n, seed=n)
    found = tested.cluster_test(values, sides)
    t = stats.ttest_1samp(values, 0).statistic
    threshold = stats.t.isf(0.05 / sides, n - 1)
    expected = masses(t, threshold) + ([-mass for mass in masses(-t, threshold)] if sides == 2 else [])
    assert expected
    np.testing.assert_allclose(sorted(mass for _, mass, _ in found), sorted(expected))
    null = plain_null(values, sides)
    for which, mass, p in found:
        assert mass == pytest.approx(t[which].sum())
        assert p == np.mean(null >= abs(mass) - 1e-9)


def test_two_sided_p_values_are_those_of_mne():
    values = noisy_values(8, seed=0)
    _, found, p, _ = mne.stats.permutation_cluster_1samp_test(values, n_permutations=1000, verbose="error")
    ours = {tuple(which): p for which, _, p in tested.cluster_test(values, sides=2)}
    assert ours == {tuple(which): of for (which,), of in zip(found, p, strict=True)}


def test_of_many_subjects_random_flips_are_the_same_each_time_and_near_all_flips(monkeypatch):
    values = noisy_values(9, seed=3)
    null = plain_null(values, sides=1)
    monkeypatch.setattr(tested, "FLIPS", 300)
    found = tested.cluster_test(values, sides=1)
    for _, mass, p in found:
        assert p >= 1 / 300
        assert p == pytest.approx(np.mean(null >= mass - 1e-9), abs=0.08)
    assert [p for *_, p in tested.cluster_test(values, sides=1)] == [p for *_, p in found]
    (row, *_) = tested.rows_of_test(pd.DataFrame(values), sides=1)
    assert row["smallest_p"] == 1 / 300


def test_where_all_subjects_have_one_value_there_is_no_cluster():
    values = noisy_values(6, seed=1)
    values[:, 5] = 0.0
    assert all(5 not in which for which, *_ in tested.cluster_test(values, sides=2))


def alignment_of(values, block="layer1", epochs=((0.0, 0), (0.5, 10), (90.0, 0)), seeds=(1, 2)):
    """The table of values (epochs, subjects, times), seeds a little beside their mean, rows in disorder."""
    rows = [
        KIND
        | {"dataset": "eeg", "target": f"{time}ms", "subject": str(subject), "network": "n", "seed": seed}
        | {"epoch": epoch, "step": step, "view": "224px", "block": block}
        | {"value": values[e, subject, i] + (0.5 if seed == 1 else -0.5)}
        for e, (epoch, step) in enumerate(epochs)
        for subject in range(values.shape[1])
        for i, time in enumerate(TIMES)
        for seed in seeds
    ]
    return pd.DataFrame(rows).sample(frac=1, random_state=0).reset_index(drop=True)


@pytest.fixture
def values():
    """Untrained: nothing. Then aligned from 0 to 60 ms; at last from 20 to 100 ms, and below 0 at 120 and 140 ms."""
    values = np.random.default_rng(0).normal(scale=0.01, size=(3, 8, len(TIMES)))
    values -= values.mean(axis=1, keepdims=True)  # of each time, so that no cluster is there by chance
    values[1, :, 2:6] += 0.3
    values[2, :, 3:8] += 0.4
    values[2, :, 8:] -= 0.4
    return values


def test_planted_times_are_found_and_only_they(values):
    found = tested.clusters(alignment_of(values))
    assert list(found) == tested.COLUMNS
    of = found[["epoch", "step", "test", "first_time", "last_time", "size", "status"]].fillna(-1).to_numpy().tolist()
    assert of == [
        [0.0, 0, "above 0", -1, -1, 0, "no cluster"],
        [0.5, 10, "above 0", 0, 60, 4, "cluster"],
        [0.5, 10, "differs from untrained", 0, 60, 4, "cluster"],
        [90.0, 0, "above 0", 20, 100, 5, "cluster"],
        [90.0, 0, "differs from untrained", 20, 100, 5, "cluster"],
        [90.0, 0, "differs from untrained", 120, 140, 2, "cluster"],
    ]
    # No flip of all 256 but none, or for two sides none and all, is as far from 0.
    one_sided = found["test"] == "above 0"
    np.testing.assert_array_equal(found["smallest_p"], np.where(one_sided, 1 / 256, 2 / 256))
    clustered = found[found["status"] == "cluster"]
    assert (clustered["p"] >= clustered["smallest_p"]).all()
    largest = clustered[clustered["last_time"] <= 100]
    np.testing.assert_array_equal(largest["p"], largest["smallest_p"])
    change = stats.ttest_1samp(values[2] - values[0], 0).statistic
    assert found["mass"].iloc[-1] == pytest.approx(change[8:].sum())
    assert (found["n_subjects"] == 8).all() and (found["n_times"] == 10).all()


def test_a_subject_who_lacks_a_time_takes_no_part(values):
    table = alignment_of(values)
    lacks = (table["subject"] == "3") & (table["target"] == "60ms") & (table["epoch"] == 0.5)
    found = tested.clusters(table[~lacks])
    numbers = found.groupby(["epoch", "test"])["n_subjects"].first()
    assert numbers.to_dict() == {
        (0.0, "above 0"): 8,
        (0.5, "above 0"): 7,
        (0.5, "differs from untrained"): 7,
        (90.0, "above 0"): 8,
        (90.0, "differs from untrained"): 8,
    }


def test_of_few_times_or_subjects_the_table_says_that_there_is_no_test(values):
    table = alignment_of(values)
    for few, words in (
        (table[table["subject"].isin(["0", "1", "2"])], "not tested: 3 subjects, of whom it takes 4"),
        (table[table["target"].isin(["0ms", "20ms", "40ms", "60ms"])], "not tested: 4 times, of which it takes 5"),
    ):
        found = tested.clusters(few)
        assert found["status"].unique() == [words] and len(found) == 5
        assert found[["p", "smallest_p", "first_time"]].isna().all(axis=None)


def test_all_data_sets_blocks_and_kinds_are_tested_and_those_without_times_have_no_rows(values):
    eeg = pd.concat([alignment_of(values), alignment_of(values[:, :, ::-1], block="layer2")])
    spearman = alignment_of(values).assign(measure="spearman")
    fmri = alignment_of(values).assign(dataset="fmri", target="V1v")
    windows = alignment_of(values).assign(dataset="windows", target="160-180ms")
    found = tested.clusters_of_all(pd.concat([fmri, eeg, windows, spearman], ignore_index=True))
    assert set(found["dataset"]) == {"eeg"}
    parts = {kind: rows for kind, rows in found.groupby(["measure", "block"])}
    assert set(parts) == {("pearson", "layer1"), ("pearson", "layer2"), ("spearman", "layer1")}
    columns = ["epoch", "test", "first_time", "last_time", "p"]
    pd.testing.assert_frame_equal(
        parts["pearson", "layer1"][columns].reset_index(drop=True),
        parts["spearman", "layer1"][columns].reset_index(drop=True),
    )
    above = parts["pearson", "layer2"].query("test == 'above 0' and epoch == 0.5")
    assert above[["first_time", "last_time"]].to_numpy().tolist() == [[40, 100]]
    none = tested.clusters_of_all(pd.concat([fmri, windows]))
    assert none.empty and list(none) == tested.COLUMNS


def test_times_are_ordered_as_numbers():
    assert list(tested.times_of(["170ms", "V1v", "-40ms", "80ms", "0ms", "170±10ms", "160-180ms"]).items()) == [
        ("-40ms", -40),
        ("0ms", 0),
        ("80ms", 80),
        ("170ms", 170),
    ]
