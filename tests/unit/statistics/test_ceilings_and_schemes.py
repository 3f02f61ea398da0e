"""Noise ceilings by scheme and way of averaging, their status, and in resamples: against plain computations."""

from itertools import product

import numpy as np
import pytest
from early_alignment.comparison import measures, pairs, schemes
from early_alignment.geometry import rdms
from early_alignment.statistics import ceilings, noise_ceilings, resampling
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import squareform

N = 24
LABELS = {f"c{i}": "odd" if i % 2 else "even" for i in range(N)}


def subjects(seed, n=4, noise=1.0, scales=True):
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=N * (N - 1) // 2)
    found = 4 + truth + noise * rng.normal(size=(n, truth.size))
    return found * rng.uniform(0.5, 3, size=(n, 1)) if scales else found


def test_raw_averages_are_numpys_and_another_number_than_normalised_ones():
    of = subjects(0)
    lower, upper = [], []
    for i, one in enumerate(of):
        upper.append(np.corrcoef(one, of.mean(axis=0))[0, 1])
        lower.append(np.corrcoef(one, np.delete(of, i, axis=0).mean(axis=0))[0, 1])
    found = ceilings.noise_ceiling(of, averaged=schemes.RAW)
    assert found == pytest.approx((np.mean(lower), np.mean(upper)))
    assert found.upper < ceilings.noise_ceiling(of).upper


def test_the_ceiling_of_an_average_is_what_the_truth_reaches():
    rng = np.random.default_rng(1)
    truth = rng.normal(size=79_800)
    of = truth + 1.5 * rng.normal(size=(6, truth.size))
    for measure in ("pearson", "spearman", "cosine"):
        reached = measures.compare(truth[None], measures.average(of, measure)[None], measure).item()
        lower, upper = ceilings.ceiling_of_average(of, measure)
        assert lower == pytest.approx(reached, abs=0.01)
        assert upper == pytest.approx(1)


def test_what_is_not_known_of_an_average_says_whether_it_cannot_be_or_was_not_computed():
    of = subjects(2)
    tau = ceilings.ceiling_of_average(np.round(of), "kendall_tau_a")
    assert np.isnan(tau.lower) and 0.9 < tau.upper < 1  # ties
    assert ceilings.status(tau, 4, "kendall_tau_a").startswith("lower was not computed")
    opposite = np.stack([of[0], -of[0] + 0.1 * of[1]])
    unknown = ceilings.ceiling_of_average(opposite)
    assert np.isnan(unknown.lower)
    assert ceilings.status(unknown, 2, "pearson").startswith("lower cannot be known")
    assert ceilings.status(ceilings.noise_ceiling(of), 4, "pearson") == "known"
    assert ceilings.status(ceilings.noise_ceiling(of[:1]), 1, "pearson") == "cannot be known: one subject"
    assert np.isnan(ceilings.ceiling_of_average(of[:1])).all()


def test_the_table_has_a_row_per_scheme_and_way_of_averaging(tmp_path):
    for i, rdm in enumerate(subjects(3)):
        rdms.save(tmp_path / f"{i}.npy", rdm)
    files = [tmp_path / f"{i}.npy" for i in range(4)]
    of = np.stack([rdms.load(file) for file in files])
    both = ["average_then_correlate", "subjects_then_average"]
    table = noise_ceilings.table({("d", "t"): files, ("d", "u"): files[:1]}, ["pearson"], ["all"], {}, "m", both)
    several, one = table[table["target"] == "t"], table[table["target"] == "u"]
    assert list(zip(several["scheme"], several["averaged"], strict=True)) == [
        ("average_then_correlate", "normalised"),
        ("subjects_then_average", "normalised"),
        ("subjects_then_average", "raw"),
    ]
    expected = [ceilings.ceiling_of_average(of), ceilings.noise_ceiling(of)]
    expected.append(ceilings.noise_ceiling(of, averaged=schemes.RAW))
    np.testing.assert_allclose(several[["lower", "upper"]], expected)
    assert several["convention"].nunique() == 3
    assert set(several["status"]) == {"known"}
    assert set(one["status"]) == {"cannot be known: one subject"}
    assert one[["lower", "upper"]].isna().all(axis=None)


@settings(deadline=None)
@given(*(st.floats(-2, 2, allow_subnormal=False) for _ in range(3)))
def test_a_share_of_the_ceiling_is_never_clipped(value, lower, upper):
    for share, bound in zip(ceilings.share_of_ceiling(value, lower, upper), (lower, upper), strict=True):
        assert share == value / bound if bound > 0 else np.isnan(share)
    arrays = ceilings.share_of_ceiling(np.array([0.3, 0.9]), 0.5, np.array([0.6, 0.0]))
    np.testing.assert_allclose(arrays.lower, [0.6, 1.8])
    np.testing.assert_allclose(arrays.upper, [0.5, np.nan])


# Resamples -------------------------------------------------------------------------------------------------------


def resampled_pairs(counts, of):
    """RDMs of stimuli as often as they were drawn, without pairs of a stimulus and its copies; and their labels."""
    drawn = np.repeat(np.arange(N), counts)
    first, second = (drawn[side] for side in np.triu_indices(len(drawn), k=1))
    differ = first != second
    first, second = first[differ], second[differ]
    values = np.stack([squareform(rdm)[first, second] for rdm in of])
    same = np.array([LABELS[f"c{i}"] == LABELS[f"c{j}"] for i, j in zip(first, second, strict=True)])
    odd = first % 2 == 1
    return values, same, odd


@pytest.mark.parametrize("measure", ceilings.RESAMPLED)
@pytest.mark.parametrize("n_subjects", [2, 5])
def test_resampled_ceilings_are_those_of_resampled_rdms(measure, n_subjects):
    of = subjects(4, n_subjects)
    weights = resampling.multiplicities(N, 40, seed=1, distinct=3)
    found = ceilings.resampled_ceilings(of, weights, measure)
    expected = [ceilings.noise_ceiling(resampled_pairs(counts, of)[0], measure) for counts in weights]
    np.testing.assert_allclose(found, expected, atol=2e-5)


def test_weights_of_one_give_the_sample_and_blocks_are_weighted_by_the_pairs_drawn():
    of = subjects(5)
    for measure, choice in product(ceilings.RESAMPLED, (pairs.ALL, pairs.WITHIN, pairs.NOT_SAME)):
        blocks = pairs.blocks(choice, N, LABELS, "here")
        found = ceilings.resampled_ceilings(of, np.ones((1, N), int), measure, blocks)
        np.testing.assert_allclose(found[0], ceilings.noise_ceiling(of, measure, blocks), atol=2e-5)
    weights = resampling.multiplicities(N, 20, seed=2, distinct=3)
    found = ceilings.resampled_ceilings(of, weights, of=pairs.blocks(pairs.WITHIN, N, LABELS, "here"))
    for counts, bounds in zip(weights, found, strict=True):
        values, same, odd = resampled_pairs(counts, of)
        parts = [values[:, same & odd], values[:, same & ~odd]]
        expected = np.average(
            [ceilings.noise_ceiling(part) for part in parts], axis=0, weights=[part.shape[1] for part in parts]
        )
        np.testing.assert_allclose(bounds, expected, atol=2e-5)


def test_one_subject_has_no_resampled_ceiling_and_ranks_have_none():
    weights = np.ones((3, N), int)
    assert np.isnan(ceilings.resampled_ceilings(subjects(6, 1), weights)).all()
    with pytest.raises(ValueError, match="no resampled ceilings"):
        ceilings.resampled_ceilings(subjects(6), weights, "spearman")
