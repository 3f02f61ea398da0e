"""Files of resamples against resampled RDMs, and the curves and tables made of them against plain computations."""

import json

import numpy as np
import pandas as pd
import pytest
from early_alignment.comparison import kinds, measures
from early_alignment.comparison.kinds import Kind
from early_alignment.errors import InputError
from early_alignment.statistics import brain_resamples, claims, curve_tables, curves, resamples, resampling
from early_alignment.statistics.brain_resamples import BrainResamples
from scipy import stats
from scipy.spatial.distance import squareform

N, DRAWS = 24, 150
SUBJECTS = {"V1": ["1", "2", "3"], "PPA": ["1", "2"]}
EPOCHS = ["000", "000+00010", "001", "009"]
EACH, AVERAGE = "subjects_then_average", "average_then_correlate"
KINDS = [
    Kind("pearson", "all", "none", EACH),
    Kind("spearman", "all", "none", EACH),
    Kind("pearson", "within_partitions", "none", EACH),
    Kind("pearson", "within_partitions", "gabor", EACH),
    Kind("spearman", "all", "gabor", EACH),
    Kind("pearson", "all", "none", AVERAGE),
]


def random_rdm(rng, common=None) -> np.ndarray:
    own = rng.normal(size=N * (N - 1) // 2)
    return (own if common is None else own + common).astype(np.float32)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Brain RDMs that share a part, a table of stimuli in two partitions, and the file of what they have in common."""
    folder, rng = tmp_path_factory.mktemp("resamples"), np.random.default_rng(1)
    common = random_rdm(rng)
    np.save(folder / "common.npy", common)
    brain = {}
    for target, subjects in SUBJECTS.items():
        for subject in subjects:
            brain[target, subject] = folder / f"{target}_{subject}.npy"
            np.save(brain[target, subject], random_rdm(rng, common))
    lines = [f"c{i},{'a' if i < 14 else 'b'}" for i in range(N)]
    (folder / "stimuli.csv").write_text("\n".join(["condition,label", *lines]))
    np.save(folder / "gabor.npy", random_rdm(rng, common))
    controls = {"gabor": folder / "gabor.npy"}
    brain_resamples.write(folder / "brains.npz", brain, controls, KINDS, folder / "stimuli.csv", DRAWS, "study")
    return folder


def write_model(folder, rdm, name="model", **of):
    np.save(folder / f"{name}.npy", rdm)
    place = {"dataset": "study", "network": "net", "seed": "1", "epoch": "000", "view": "32px", "block": "one"}
    of = place | {"distance": "cosine"} | of
    path = folder / f"{name}.npz"
    resamples.write_alignment(path, folder / f"{name}.npy", folder / "brains.npz", of)
    return path


def test_the_first_row_is_the_sample_and_the_others_are_resampled_rdms(folder):
    model = random_rdm(np.random.default_rng(2), np.load(folder / "common.npy"))
    found = resamples.read(write_model(folder, model))
    assert (found.kinds, found.n) == (KINDS, N)
    assert found.columns == [(target, subject) for target, subjects in SUBJECTS.items() for subject in subjects]
    brains = np.stack([np.load(folder / f"{target}_{subject}.npy") for target, subject in found.columns])
    for kind in (0, 1):
        expected = measures.compare(model[None], brains, KINDS[kind].measure)[0]
        np.testing.assert_allclose(found.values[kind, 0], expected, atol=1e-5)
    weights = np.load(folder / "brains.npz")["weights"]
    for draw in (1, 2, DRAWS):
        drawn = np.repeat(np.arange(N), weights[draw])
        i, j = np.triu_indices(N, k=1)
        others = drawn[i] != drawn[j]
        x, *ys = (squareform(rdm)[drawn[i], drawn[j]][others] for rdm in (model, *brains))
        np.testing.assert_allclose(found.values[0, draw], [np.corrcoef(x, y)[0, 1] for y in ys], atol=1e-5)


def test_all_model_rdms_meet_the_same_resamples(folder):
    model = random_rdm(np.random.default_rng(3))
    one, other = (resamples.read(write_model(folder, model * scale, f"m{scale}")).values for scale in (1, 2))
    np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.mark.parametrize(
    "rdm, words",
    [(np.ones(N * (N - 1) // 2, np.float32), "constant"), (np.arange(15, dtype=np.float32), "an RDM of 6 conditions")],
)
def test_a_model_rdm_that_cannot_be_compared_is_named(folder, rdm, words):
    with pytest.raises(InputError, match=words) as error:
        write_model(folder, rdm, "wrong")
    assert error.value.where.endswith("wrong.npy")
    assert not (folder / "wrong.npz").exists()


def test_what_a_control_leaves_in_a_resample_is_that_of_regressions_residuals(folder):
    model = random_rdm(np.random.default_rng(5), np.load(folder / "common.npy"))
    found = resamples.read(write_model(folder, model, "given"))
    brain, control = np.load(folder / "V1_2.npy"), np.load(folder / "gabor.npy")
    column, partition = found.columns.index(("V1", "2")), np.arange(N) >= 14
    for draw in (0, 1, DRAWS):
        drawn = np.repeat(np.arange(N), BrainResamples(folder / "brains.npz").weights[draw])
        i, j = (drawn[side] for side in np.triu_indices(N, k=1))
        values, sizes = [], []
        for of in (False, True):
            pairs = (i != j) & (partition[i] == of) & (partition[j] == of)
            x, y, z = (squareform(rdm)[i[pairs], j[pairs]].astype(float) for rdm in (model, brain, control))
            left = [one - np.polyval(np.polyfit(z, one, 1), z) for one in (x, y)]
            values.append(np.corrcoef(*left)[0, 1])
            sizes.append(pairs.sum())
        kind = KINDS.index(Kind("pearson", "within_partitions", "gabor", EACH))
        assert found.values[kind, draw, column] == pytest.approx(np.average(values, weights=sizes), abs=1e-4)
    ranked = [stats.rankdata(rdm) for rdm in (model, brain, control)]
    left = [one - np.polyval(np.polyfit(ranked[2], one, 1), ranked[2]) for one in ranked[:2]]
    assert found.values[4, 0, column] == pytest.approx(np.corrcoef(*left)[0, 1], abs=1e-4)


def test_kinds_are_in_the_order_of_the_table_and_say_why_they_are_not_resampled():
    found = kinds.kinds_of(["pearson", "whitened"], ["all", "within_partitions"], ["gabor"], [EACH, AVERAGE])
    assert found[:4] == [
        ("pearson", "all", "none", EACH),
        ("pearson", "all", "gabor", EACH),
        ("pearson", "all", "none", AVERAGE),
        ("pearson", "all", "gabor", AVERAGE),
    ]
    assert found[4:6] == [("whitened", "all", "none", EACH), ("whitened", "all", "none", AVERAGE)]
    why = {kind: kinds.why_not_resampled(kind) for kind in found}
    assert why[found[0]] == why[found[1]] == why[found[2]] == ""
    assert why[found[3]] == "no resamples for average_then_correlate given a control"
    assert why[found[4]] == "no resamples for whitened"
    assert "pairs within_partitions" in why[Kind("pearson", "within_partitions", "none", AVERAGE)]


# Curves ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def grid(folder):
    """Files of two seeds × four epochs × two blocks; alignment rises in the second block. One epoch is calibrated."""
    common, rng, files = np.load(folder / "common.npy"), np.random.default_rng(4), []
    for block, rise in (("one", 0.0), ("two", 1.5)):
        for seed in ("1", "2"):
            for place, epoch in enumerate(EPOCHS):
                for view in ["32px", "32px-calibrated"][: 1 + (epoch == "000")]:
                    rdm = random_rdm(rng, common * (0.2 + rise * (place / 3) ** 2))
                    name = f"{block}-{seed}-{epoch}-{view}"
                    files.append(write_model(folder, rdm, name, seed=seed, epoch=epoch, view=view, block=block))
    (folder / "accuracy.json").write_text(json.dumps({"steps_per_epoch": 40}))
    resamples.gather(folder / "gathered.npz", folder / "brains.npz", files)
    return [folder / "gathered.npz"], [("net", folder / "accuracy.json")]


def test_curves_are_of_all_views_blocks_targets_and_kinds(grid):
    found = dict(curves.curves_of(*grid))
    assert len(found) == 2 * 2 * 2 * len(KINDS)
    key = curves.Key("study", "PPA", "net", "32px", "two", "cosine", *KINDS[0])
    curve = found[key]
    np.testing.assert_allclose(curve.epochs, [0, 0.25, 1, 9])
    assert curve.n == {"stimuli": N, "subjects": 2, "seeds": 2}
    files = {
        tuple(f.of[name] for name in ("seed", "epoch", "view", "block")): f for f in resamples.read_gathered(*grid[0])
    }
    for i, epoch in enumerate(EPOCHS):
        values = [files[seed, epoch, "32px", "two"].values[0, 0, 3:] for seed in ("1", "2")]
        assert curve.point[i] == pytest.approx(np.mean(values))


def test_epochs_without_a_calibrated_view_count_as_the_plain_one(grid):
    found = dict(curves.curves_of(*grid))
    plain, calibrated = (
        found[curves.Key("study", "V1", "net", view, "two", "cosine", *KINDS[0])]
        for view in ("32px", "32px-calibrated")
    )
    assert calibrated.in_view.tolist() == [True, False, False, False]
    np.testing.assert_array_equal(plain.point[1:], calibrated.point[1:])
    assert plain.point[0] != calibrated.point[0]


@pytest.fixture(scope="module")
def ceiling():
    rows = [
        {
            "dataset": "study",
            "target": target,
            "distance": "cosine",
            "measure": measure,
            "pairs": pairs,
            "lower": 0.4,
            "upper": 0.5,
        }
        | {"scheme": scheme, "averaged": "normalised", "subjects": len(SUBJECTS[target])}
        for target in SUBJECTS
        for measure, pairs, control, scheme in KINDS
        if control == "none"
    ]
    return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def alignment():
    """By a measure without resamples, second in the config."""
    of = {"dataset": "study", "target": "V1", "network": "net", "view": "32px", "block": "one"}
    of |= {"distance": "cosine", "seed": 1, "epoch": 1.0, "step": 0, "data": "measured"}
    kinds = [KINDS[0], KINDS[0]._replace(measure="kendall_tau_a"), *KINDS[1:]]
    values = [(subject, value) for subject, value in enumerate((0.2, 0.4))]
    return pd.DataFrame([of | k._asdict() | {"subject": str(s), "value": v} for k in kinds for s, v in values])


def test_a_measure_without_resamples_has_means_and_says_that_no_more_is_known(grid, alignment, ceiling):
    ceiling = pd.concat([ceiling, ceiling.assign(measure="kendall_tau_a")]).drop_duplicates()
    table = curve_tables.trajectories(curves.curves_of(*grid), alignment, ceiling, ("subjects",), "measured")
    (row,) = table[table["measure"] == "kendall_tau_a"].to_dict("records")
    assert row["value"] == pytest.approx(0.3)
    assert row["status"] == "no resamples for kendall_tau_a"
    assert np.isnan(row["low"]) and np.isnan(row["q"])
    assert list(table["measure"].unique()) == ["pearson", "kendall_tau_a", "spearman"]
    assert list(table["scheme"].unique()) == [EACH, AVERAGE]


def test_an_average_of_subjects_says_of_how_many_it_is_also_without_resamples(ceiling, alignment):
    of_average = alignment.assign(measure="whitened", scheme=AVERAGE, control="none", pairs="all", subject="average")
    of_average = of_average.drop_duplicates(["measure"])
    (row,) = curve_tables.without_intervals(of_average, ceiling, ("subjects",))
    assert row["n_subjects"] == len(SUBJECTS["V1"]) == 3


def test_trajectories_have_the_mean_its_interval_and_its_share_of_the_ceiling(grid, alignment, ceiling):
    over = ("subjects",)
    alignment = alignment[alignment["measure"] != "kendall_tau_a"]
    table = curve_tables.trajectories(curves.curves_of(*grid), alignment, ceiling, over, "measured")
    assert len(table) == 2 * 2 * len(KINDS) * (len(EPOCHS) + 1)
    of = table[(table[list(Kind._fields)] == list(KINDS[0])).all(axis=1)]
    of = of.query("target == 'V1' and block == 'two' and view == '32px'")
    curve = dict(curves.curves_of(*grid))[curves.Key("study", "V1", "net", "32px", "two", "cosine", *KINDS[0])]
    np.testing.assert_allclose(of["value"], curve.point)
    np.testing.assert_allclose(of["share_of_lower_ceiling"], curve.point / 0.4)
    # Over subjects alone: a t interval of three subjects' means, up to the chance of 150 draws.
    means = curve.resampled[0].mean(axis=1)
    plain = stats.t.ppf(0.975, 2) * means.std(axis=1, ddof=1) / np.sqrt(3)
    np.testing.assert_allclose((of["high"] - of["low"]) / 2, plain, rtol=0.25)
    assert set(of["generalises_over"]) == {"subjects"}
    assert set(of["n_stimuli"]) == {N}
    assert (of["q"] >= of["p"] - 1e-12).all()


def test_of_a_factor_of_one_nothing_is_known_and_the_table_says_so(folder, grid, alignment, ceiling):
    alignment = alignment[alignment["measure"] != "kendall_tau_a"]
    one_seed = [folder / "one_seed.npz"]
    resamples.gather(*one_seed, folder / "brains.npz", sorted(folder.glob("*-1-*.npz")))
    table = curve_tables.trajectories(
        curves.curves_of(one_seed, grid[1]), alignment, ceiling, ("subjects", "seeds"), "measured"
    )
    assert table["low"].isna().all() and table["p"].isna().all() and table["value"].notna().all()
    assert table["status"].str.startswith("cannot be known").all()
    timing = curve_tables.timing_of_curves(curves.curves_of(one_seed, grid[1]), ("subjects", "seeds"), "measured")
    assert timing["low"].isna().all()


def test_a_planted_rise_peaks_at_the_end_and_is_half_way_where_it_was_put(grid):
    over = ("stimuli", "subjects", "seeds")
    table = curve_tables.timing_of_curves(curves.curves_of(*grid), over, "measured")
    of = table[(table[list(Kind._fields)] == list(KINDS[0])).all(axis=1)]
    of = of.query("target == 'V1' and block == 'two' and view == '32px'").set_index("quantity")
    assert of.loc["peak epoch", "value"] == 9
    assert 0.25 < of.loc["half-time", "value"] < 1
    assert of.loc["peak less final", "value"] == 0
    assert np.isnan(of.loc["peak less final", "low"])
    assert of.loc["peak less final", "status"] == "the peak is the final network"
    assert of.loc["peak less untrained", "low"] > 0
    assert of.loc["share of the final alignment at epoch 0", "value"] < 0.6
    distribution = curve_tables.peak_distribution(curves.curves_of(*grid), over, "measured")
    shares = distribution.groupby(["target", "block", "view", *Kind._fields])["share"].sum()
    np.testing.assert_allclose(shares, 1)


def test_orders_hierarchies_accuracies_and_claims_have_their_rows(grid):
    over = ("stimuli", "subjects", "seeds")
    order = curve_tables.order_of_targets(curves.curves_of(*grid), over, "measured")
    assert len(order) == 2 * 2 * len(KINDS)  # views × blocks × kinds, of one pair of targets
    scores = curve_tables.hierarchy_scores(curves.curves_of(*grid), over, "measured")
    assert set(scores["targets"]) == {"V1 < PPA"}
    epochs = [0, 0.25, 1, 9]
    rows = [{"network": "net", "seed": s, "epoch": e, "top1": e / 10 + s / 100} for s in (1, 2) for e in epochs]
    related = curve_tables.accuracy_and_alignment(curves.curves_of(*grid), pd.DataFrame(rows), over, "measured")
    first = related.query("quantity == 'changes between epochs'")
    curve = next(iter(curves.curves_of(*grid)))[1]
    expected = np.corrcoef(np.diff([e / 10 for e in epochs]), np.diff(curve.point))[0, 1]
    assert first.iloc[0]["value"] == pytest.approx(expected)
    rules = [
        {
            "claim": "The second block becomes more aligned with V1",
            "parts": [
                {
                    "quantity": "trend",
                    "dataset": "study",
                    "targets": ["V1"],
                    "blocks": ["second"],
                    "epochs": [0, "last"],
                    "direction": "rises",
                }
            ],
        },
        *claims.read(),
    ]
    blocks = {"net": ["one", "two"]}
    table = curve_tables.claims_of(curves.curves_of(*grid), pd.DataFrame(rows), rules, blocks, over, "measured")
    of_first = table[table["claim"] == rules[0]["claim"]]
    assert set(of_first.query("view == '32px' and pairs == 'all' and control == 'none'")["verdict"]) == {"holds"}
    others = table[(table["claim"] != rules[0]["claim"]) & ~table["quantity"].str.startswith("all, all")]
    assert set(others["verdict"]) == {claims.NOT_TESTABLE}
    assert others["reason"].str.contains("nsd|things_eeg2").any()
    survived = curve_tables.survival(table).set_index("claim")
    assert survived.loc[rules[0]["claim"], "choices"] == 2 * len(KINDS)


def test_a_half_time_that_most_replicates_lack_has_no_interval(grid):
    """Of a flat curve that happens to rise a little: 0 would be a bound that nobody measured."""
    table = curve_tables.timing_of_curves(curves.curves_of(*grid), ("stimuli", "subjects", "seeds"), "measured")
    times = table[(table["quantity"] == "half-time") & table["value"].notna()]
    assert times.loc[times["defined"] < 0.5, ["low", "high"]].isna().all(axis=None)
    _, curve = next(iter(curves.curves_of(*grid)))
    (row,) = curve_tables._half_time(
        curve._replace(resampled=np.arange(4.0)[None, :, None, None] * np.ones((1, 4, 1, 1)), weights=np.ones(1)),
        np.tile([1.0, 0.0, 0.0, 0.0], (100, 1)),
    )
    assert (row["value"] > 0, row["defined"]) == (True, 0.0)
    assert "low" not in row and "fewer than half" in row["reason"]


def test_curves_of_the_subjects_average_are_those_of_averaged_rdms(folder, grid):
    """In the sample, and in resamples of stimuli and of subjects."""
    curve = dict(curves.curves_of(*grid))[curves.Key("study", "V1", "net", "32px", "two", "cosine", *KINDS[-1])]
    z = measures.standardised(np.stack([np.load(folder / f"V1_{s}.npy") for s in SUBJECTS["V1"]]))
    models = [[np.load(folder / f"two-{seed}-{epoch}-32px.npy") for seed in curve.seeds] for epoch in EPOCHS]
    expected = [[np.corrcoef(rdm, z.mean(axis=0))[0, 1] for rdm in of_epoch] for of_epoch in models]
    np.testing.assert_allclose(curve.of_seeds, expected, atol=1e-5)
    drawn_subjects = resampling.multiplicities(3, DRAWS, resampling.stream("subjects", "study", *SUBJECTS["V1"]))
    counts = BrainResamples(folder / "brains.npz").weights[1:]
    for draw in (0, DRAWS - 1):
        average = drawn_subjects[draw] @ z
        of_seeds = [np.corrcoef(rdm, average)[0, 1] for rdm in models[-1]]
        assert curve.replicates[frozenset(["subjects"])][draw, -1] == pytest.approx(np.mean(of_seeds), abs=1e-5)
        drawn = np.repeat(np.arange(N), counts[draw])
        i, j = (drawn[side] for side in np.triu_indices(N, k=1))
        values = np.stack([squareform(rdm)[i[i != j], j[i != j]] for rdm in (*models[-1], *z)])
        average = measures.standardised(values[len(curve.seeds) :]).mean(axis=0)
        of_seeds = [np.corrcoef(rdm, average)[0, 1] for rdm in values[: len(curve.seeds)]]
        assert curve.replicates[frozenset(["stimuli"])][draw, -1] == pytest.approx(np.mean(of_seeds), abs=1e-5)


def test_ranks_of_what_is_not_finite_are_refused(folder):
    rdm = random_rdm(np.random.default_rng(5))
    rdm[3] = np.nan
    with pytest.raises(ValueError, match="not finite"):
        measures.MEASURES["spearman"].correlates(rdm[None])
