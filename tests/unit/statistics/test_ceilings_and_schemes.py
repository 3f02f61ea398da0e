"""Noise ceilings by scheme and way of averaging, their status, and in resamples: against plain computations."""

from itertools import product

import numpy as np
import pytest
from early_alignment.comparison import kinds, measures, pairs, schemes
from early_alignment.geometry import rdms
from early_alignment.statistics import brain_resamples, ceilings, control_alignment, noise_ceilings, resampling
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


def test_raw_averages_of_float32_are_computed_in_float64():
    of = subjects(6).astype(np.float32)
    expected = ceilings.noise_ceiling(of.astype(np.float64), averaged=schemes.RAW)
    assert ceilings.noise_ceiling(of, averaged=schemes.RAW) == pytest.approx(expected, rel=1e-12)


def test_the_ceiling_of_an_average_in_blocks_is_the_mean_of_theirs_by_their_pairs():
    of = subjects(7)
    blocks = {"few": np.arange(40), "many": np.arange(40, of.shape[1])}
    bounds = [ceilings.ceiling_of_average(of[:, block]) for block in blocks.values()]
    expected = np.average(bounds, axis=0, weights=[block.size for block in blocks.values()])
    assert ceilings.ceiling_of_average(of, of=blocks) == pytest.approx(tuple(expected), rel=1e-12)


def test_the_convention_of_averages_is_said_in_words():
    assert ceilings.convention("cosine", pairs.ALL, schemes.AVERAGE) == (
        "RDMs scaled to length 1, then averaged; lower: root of the average's reliability by Spearman and Brown, "
        "upper: the average with itself"
    )
    assert ceilings.convention("cosine", pairs.ALL, averaged=schemes.RAW) == (
        "RDMs averaged as they are; lower: subject left out, upper: subject included"
    )


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
    assert ceilings.status(unknown, 2, "pearson") == "lower cannot be known: subjects' RDMs do not correlate above 0"
    assert np.isnan(ceilings.ceiling_of_average(np.eye(2, 6), "cosine").lower)  # a similarity of 0
    assert ceilings.status(ceilings.noise_ceiling(of), 4, "pearson") == "known"
    assert ceilings.status(ceilings.noise_ceiling(of[:1]), 1, "pearson") == "cannot be known: one subject"
    assert np.isnan(ceilings.ceiling_of_average(of[:1])).all()


def test_the_table_has_a_row_per_scheme_and_way_of_averaging(tmp_path):
    for i, rdm in enumerate(subjects(3)):
        rdms.save(tmp_path / f"{i}.npy", rdm)
    files = [tmp_path / f"{i}.npy" for i in range(4)]
    of = np.stack([rdms.load(file) for file in files])
    both = ["average_then_correlate", "subjects_then_average"]
    brain = {("d", "t", "cosine"): dict(enumerate(files)), ("d", "u", "cosine"): {0: files[0]}}
    table = noise_ceilings.table(brain, ["pearson"], ["all"], {}, "m", both)
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


def between_subjects(rdms, weights, measure="pearson", blocks=None):
    """Correlations, as files of resamples have them, (blocks, draws, subjects, subjects); and the pairs drawn."""
    found, prepared = [], resampling.sums(rdms, weights, measure, blocks)
    for block in prepared:
        alike = [resampling.correlations([block.of_rdms([i])], [block])[0] for i in range(len(rdms))]
        found.append(np.stack(alike, axis=1))
    return np.stack(found), np.stack([block.pairs for block in prepared])


@pytest.mark.parametrize("measure", ["pearson", "cosine"])
@pytest.mark.parametrize("n_subjects", [2, 5])
def test_resampled_ceilings_are_those_of_resampled_rdms(measure, n_subjects):
    of = subjects(4, n_subjects)
    weights = resampling.multiplicities(N, 40, seed=1, distinct=3)
    (r_of_blocks,), _ = between_subjects(of, weights, measure)
    each = ceilings.resampled_ceilings(r_of_blocks, np.ones((1, n_subjects)))
    average = ceilings.resampled_ceilings(r_of_blocks, np.ones((1, n_subjects)), schemes.AVERAGE)
    values = [resampled_pairs(counts, of)[0] for counts in weights]
    np.testing.assert_allclose(each, [ceilings.noise_ceiling(one, measure) for one in values], atol=2e-5)
    np.testing.assert_allclose(average, [ceilings.ceiling_of_average(one, measure) for one in values], atol=2e-5)


@pytest.mark.parametrize("measure", ["pearson", "cosine", "cka_unbiased"])
def test_a_ceiling_of_the_sample_as_a_resample_is_the_ceiling(measure):
    of = subjects(5, 4) * np.array([1, 2, 5, 0.1])[:, None]  # whatever their scales
    (r_of_blocks,), _ = between_subjects(of, np.ones((1, N), int), measure)
    for scheme, ceiling in ((schemes.EACH, ceilings.noise_ceiling), (schemes.AVERAGE, ceilings.ceiling_of_average)):
        (found,) = ceilings.resampled_ceilings(r_of_blocks, np.ones((1, 4)), scheme)
        np.testing.assert_allclose(found, ceiling(of, measure), atol=2e-5)


def test_of_resampled_subjects_a_copy_is_left_out_with_its_like():
    of = subjects(8, 4)
    (r_of_blocks,), _ = between_subjects(of, np.ones((1, N), int))
    (found,) = ceilings.resampled_ceilings(r_of_blocks, np.array([[2, 0, 1, 1]]))
    z = measures.standardised(of)[[0, 0, 2, 3]]
    upper = [np.corrcoef(one, z.mean(axis=0))[0, 1] for one in z]
    others = [z[2:], z[2:], z[[0, 1, 3]], z[:3]]
    lower = [np.corrcoef(one, other.mean(axis=0))[0, 1] for one, other in zip(z, others, strict=True)]
    np.testing.assert_allclose(found, [np.mean(lower), np.mean(upper)], atol=1e-5)
    (found,) = ceilings.resampled_ceilings(r_of_blocks, np.array([[2, 0, 1, 1]]), schemes.AVERAGE)
    r = np.corrcoef(of)
    mean_r = np.average([r[0, 2], r[0, 3], r[2, 3]], weights=[2, 2, 1])
    assert found[0] == pytest.approx(np.sqrt(4 * mean_r / (1 + 3 * mean_r)), abs=1e-5)
    assert np.isnan(ceilings.resampled_ceilings(r_of_blocks, np.array([[0, 4, 0, 0]]))).all()


@pytest.mark.parametrize("scheme", [schemes.EACH, schemes.AVERAGE])
def test_every_draw_of_subjects_is_one_of_its_own(scheme):
    r = np.corrcoef(subjects(9))[None].astype(np.float32)
    drawn = np.array([[1, 1, 1, 1], [2, 0, 1, 1], [3, 1, 0, 0]], dtype=np.uint8)
    found = ceilings.resampled_ceilings(r, drawn, scheme)
    alone = [ceilings.resampled_ceilings(r.astype(np.float64), one[None].astype(np.float64), scheme) for one in drawn]
    np.testing.assert_allclose(found, np.concatenate(alone), rtol=1e-12)
    assert found.dtype == np.float64


def test_weights_of_one_give_the_sample_and_blocks_are_weighted_by_the_pairs_drawn():
    of, all_subjects = subjects(5), np.ones((1, 4))
    for measure, choice in product(("pearson", "cosine"), (pairs.ALL, pairs.WITHIN, pairs.NOT_SAME)):
        blocks = pairs.blocks(choice, N, LABELS, "here")
        r_of_blocks, drawn = between_subjects(of, np.ones((1, N), int), measure, blocks)
        bounds = np.stack([ceilings.resampled_ceilings(block, all_subjects) for block in r_of_blocks])
        found = resampling.mean_over_blocks(bounds, drawn)
        np.testing.assert_allclose(found[0], ceilings.noise_ceiling(of, measure, blocks), atol=2e-5)
    weights = resampling.multiplicities(N, 20, seed=2, distinct=3)
    r_of_blocks, drawn = between_subjects(of, weights, blocks=pairs.blocks(pairs.WITHIN, N, LABELS, "here"))
    bounds = np.stack([ceilings.resampled_ceilings(block, all_subjects) for block in r_of_blocks])
    for counts, found in zip(weights, resampling.mean_over_blocks(bounds, drawn), strict=True):
        values, same, odd = resampled_pairs(counts, of)
        parts = [values[:, same & odd], values[:, same & ~odd]]
        expected = np.average(
            [ceilings.noise_ceiling(part) for part in parts], axis=0, weights=[part.shape[1] for part in parts]
        )
        np.testing.assert_allclose(found, expected, atol=2e-5)


def resamples_of(folder, rdms_of_subjects, controls, wanted, draws=200):
    """Files of RDMs, and what their resamples have in common."""
    brain, of_controls = {}, {}
    for i, rdm in enumerate(rdms_of_subjects):
        brain["t", str(i)] = folder / f"brain-{i}.npy"
        rdms.save(brain["t", str(i)], rdm)
    for name, rdm in controls.items():
        of_controls[name] = folder / f"{name}.npy"
        rdms.save(of_controls[name], rdm)
    brain_resamples.write(folder / "brains.npz", brain, of_controls, wanted, None, draws, "d")
    files = {("d", "t", "cosine"): {subject: file for (_, subject), file in brain.items()}}
    of = "d", "cosine"
    return files, {of: of_controls}, {of: brain_resamples.BrainResamples(folder / "brains.npz")}


BOTH = ["subjects_then_average", "average_then_correlate"]


def test_intervals_of_ceilings_are_those_of_plain_draws_of_stimuli_and_of_subjects(tmp_path):
    of, wanted = subjects(9, 6, noise=2.0), kinds.kinds_of(["pearson"], ["all"], [], BOTH)
    brain, _, resamples = resamples_of(tmp_path, of, {}, wanted, draws=400)
    table = noise_ceilings.table(brain, ["pearson"], ["all"], {}, "m", BOTH, resamples, ("stimuli", "seeds"))
    rows = table.set_index(["scheme", "averaged"])
    assert set(table["generalises_over"]) == {"stimuli"}
    assert np.isnan(rows.loc[("subjects_then_average", "raw"), "lower_low"])
    rng = np.random.default_rng(0)
    counts = [np.bincount(rng.integers(N, size=N), minlength=N) for _ in range(400)]
    drawn = [ceilings.noise_ceiling(resampled_pairs(c, of)[0]) for c in counts]
    half = 2.07 * np.sqrt(N / (N - 1)) * np.std(drawn, axis=0)  # Student's t with 23 degrees of freedom
    row = rows.loc[("subjects_then_average", "normalised")]
    for bound, width in zip(("lower", "upper"), half, strict=True):
        assert row[f"{bound}_high"] - row[bound] == pytest.approx(width, rel=0.15)
        assert row[bound] - row[f"{bound}_low"] == pytest.approx(width, rel=0.15)
    wider = noise_ceilings.table(brain, ["pearson"], ["all"], {}, "m", BOTH, resamples, ("stimuli", "subjects"))
    wider = wider.set_index(["scheme", "averaged"]).loc[("subjects_then_average", "normalised")]
    assert wider["lower_low"] < row["lower_low"]
    nothing = noise_ceilings.table(brain, ["pearson"], ["all"], {}, "m", BOTH, resamples, ("seeds",))
    assert nothing["lower_low"].isna().all()


def test_controls_have_means_over_subjects_intervals_and_shares_of_the_ceiling(tmp_path):
    rng, of = np.random.default_rng(3), subjects(10, 5)
    controls = {"gabor": of.mean(axis=0) + 3 * rng.normal(size=of.shape[1]), "pixels": rng.normal(size=of.shape[1])}
    wanted = kinds.kinds_of(["pearson"], ["all"], list(controls), BOTH)
    wanted = [kind for kind in wanted if not kinds.why_not_resampled(kind)]
    brain, of_controls, resamples = resamples_of(tmp_path, of, controls, wanted, draws=400)
    of_both, over = ["pearson", "kendall_tau_a"], ("stimuli", "subjects", "seeds")
    ceiling = noise_ceilings.table(brain, of_both, ["all"], {}, "m", BOTH)
    found = control_alignment.table(brain, of_controls, of_both, ["all"], {}, ceiling, "m", BOTH, resamples, over)
    assert set(found["generalises_over"]) == {"stimuli × subjects"}
    rows = found.set_index(["measure", "scheme", "control"])
    for name, rdm in controls.items():
        each = rows.loc[("pearson", BOTH[0], name)]
        of_subjects = [np.corrcoef(rdm, one)[0, 1] for one in of]
        assert each["value"] == pytest.approx(np.mean(of_subjects), abs=1e-6)
        average = rows.loc[("pearson", BOTH[1], name)]
        z = measures.standardised(of).mean(axis=0)
        assert average["value"] == pytest.approx(np.corrcoef(rdm, z)[0, 1], abs=1e-6)
        assert average["low"] < average["value"] < average["high"]
        lower = ceiling.query("measure == 'pearson' and averaged == 'normalised' and scheme == @BOTH[0]")["lower"]
        assert each["share_of_lower_ceiling"] == pytest.approx(each["value"] / lower.item())
    assert rows.loc[("pearson", BOTH[0], "gabor"), "low"] > 0 > rows.loc[("pearson", BOTH[0], "pixels"), "low"]
    tau = rows.loc[("kendall_tau_a", BOTH[0], "gabor")]
    assert np.isnan(tau["low"]) and tau["status"].startswith("no resamples for kendall_tau_a")
