"""Which pairs of conditions are compared: blocks against plain loops, and the trajectory that is not there."""

import csv
from itertools import combinations

import numpy as np
import pytest
import yaml
from conftest import REPOSITORY
from early_alignment.comparison import alignment, measures, pairs, schemes
from early_alignment.datasets import open_dataset, stimuli
from early_alignment.errors import InputError
from early_alignment.experiment import config as library
from early_alignment.experiment.checks import notes_on_labels
from early_alignment.geometry import rdms
from early_alignment.simulation.plan import Plan
from early_alignment.simulation.write import write_data_set
from early_alignment.statistics import ceilings, noise_ceilings

PAPER = yaml.safe_load((REPOSITORY / "config.yaml").read_text())
LABELS = {"a": "run 1", "b": "run 2", "c": "run 1", "d": "run 2", "e": "run 1", "f": "run 2", "g": "run 1"}
CHOICES = [pairs.ALL, pairs.WITHIN, pairs.ACROSS, pairs.NOT_SAME]


def plain_blocks(choice, labels):
    """Labels of a pair → the pair's places in a condensed RDM, by a loop over pairs."""
    found = {}
    for place, pair in enumerate(combinations(labels, 2)):
        key = frozenset(labels[condition] for condition in pair)
        if len(key) == (1 if choice == pairs.WITHIN else 2):
            found.setdefault("one" if choice == pairs.NOT_SAME else key, []).append(place)
    return found


@pytest.mark.parametrize("choice", [pairs.WITHIN, pairs.ACROSS])
@pytest.mark.parametrize("labels", [LABELS, LABELS | {f"{i}": "run 3" for i in range(5)}])
def test_blocks_are_those_of_a_plain_loop(choice, labels):
    blocks = pairs.blocks(choice, len(labels), labels, "here")
    assert {frozenset(name.split(" and ")): list(block) for name, block in blocks.items()} == plain_blocks(
        choice, labels
    )


def test_without_pairs_of_one_label_all_others_are_one_block():
    labels = dict(zip("abcdefgh", ["r1", "r1", "r2", "r2", "r3", "r3", "r4", "r4"], strict=True))
    with pytest.raises(InputError, match="at least 3"):  # each label has one pair
        pairs.blocks(pairs.WITHIN, 8, labels, "here")
    (block,) = pairs.blocks(pairs.NOT_SAME, 8, labels, "here").values()
    assert list(block) == [i for i, (a, b) in enumerate(combinations(labels.values(), 2)) if a != b]
    with pytest.raises(InputError, match="all conditions are of one label"):
        pairs.blocks(pairs.NOT_SAME, 7, dict.fromkeys(LABELS, ""), "here")
    with pytest.raises(InputError, match="1 of different labels"):
        pairs.blocks(pairs.NOT_SAME, 2, {"a": "1", "b": "2"}, "here")


def test_all_pairs_are_one_block_and_so_are_conditions_without_labels():
    rdm = np.random.default_rng(0).normal(size=(2, 21))
    alone = pairs.compare_in_blocks(rdm, rdm, "spearman", pairs.blocks(pairs.ALL, 7, {}, "here"))
    np.testing.assert_array_equal(alone, measures.compare(rdm, rdm, "spearman"))
    unlabelled = pairs.blocks(pairs.WITHIN, 7, dict.fromkeys(LABELS, ""), "here")
    np.testing.assert_allclose(pairs.compare_in_blocks(rdm, rdm, "spearman", unlabelled), alone)
    assert pairs.number_of_pairs(rdm[0], unlabelled) == 21


@pytest.mark.parametrize("measure", measures.MEASURES)
@pytest.mark.parametrize("choice", CHOICES)
def test_each_block_counts_as_much_as_it_has_pairs(measure, choice):
    if measures.MEASURES[measure].needs_whole and choice in (pairs.ACROSS, pairs.NOT_SAME):
        pytest.skip("refused in the config")
    if measure == "cka_unbiased" and choice == pairs.WITHIN:
        pytest.skip("refused of a label of three conditions")
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(2, 21)), rng.normal(size=(3, 21))
    plain = list(plain_blocks(choice, LABELS).values()) if choice != pairs.ALL else [list(range(21))]
    expected = sum(len(block) * measures.compare(a[:, block], b[:, block], measure) for block in plain)
    blocks = pairs.blocks(choice, 7, LABELS, "here")
    n = pairs.number_of_pairs(a[0], blocks)
    assert n == sum(map(len, plain))
    np.testing.assert_allclose(pairs.compare_in_blocks(a, b, measure, blocks), expected / n)
    bounds = np.array([ceilings.noise_ceiling(b[:, block], measure) for block in plain])
    ceiling = ceilings.noise_ceiling(b, measure, blocks)
    np.testing.assert_allclose(ceiling, np.average(bounds, axis=0, weights=list(map(len, plain))))


@pytest.mark.parametrize(
    ("choice", "labels", "message"),
    [
        (pairs.WITHIN, LABELS | {"g": "run 3"}, r"pairs of conditions: 0 of run 3[\s\S]*at least 3 in every label"),
        (pairs.ACROSS, dict.fromkeys(LABELS, ""), r"of one label[\s\S]*leave across_partitions out"),
        (pairs.ACROSS, {"a": "run 1", "b": "run 2", "c": "run 1"}, r"2 of run 1 and run 2"),
        (pairs.WITHIN, LABELS | {"a": "", "c": ""}, r"pairs of conditions: 1 of no label, 1 of run 1\n"),
        (pairs.WITHIN, LABELS | {"h": "run 1"}, r"8 conditions[\s\S]*7, as the RDMs have"),
    ],
)
def test_labels_that_do_not_give_the_pairs_are_refused(choice, labels, message):
    with pytest.raises(InputError, match=message):
        pairs.blocks(choice, 7 if "h" in labels else len(labels), labels, "here")


# A trajectory out of nothing -------------------------------------------------------------------------------------

COMMON = [3.0, 1.0, 0.5, 0.1, 0.0]
"""How large what all images have in common is beside what tells them apart, at five epochs of a training."""


def null_experiment(rng, n_training: int, n_test: int) -> tuple[dict[str, str], np.ndarray, list[np.ndarray]]:
    """Labels, a brain RDM and five model RDMs of concepts that neither brain nor networks know anything of.

    A training concept is an average of 10 images × 4 repetitions and a test concept one image × 80, as in THINGS EEG2.
    Responses are a common evoked response and noise, a network's features what all images have in common and something
    of each image's own.
    """
    labels = {f"{i}": "training" if i < n_training else "test" for i in range(n_training + n_test)}
    presentations = np.repeat([10 * 4, 80], [n_training, n_test])
    evoked = 0.3 * rng.normal(size=17)
    responses = np.stack([(evoked + rng.normal(size=(n, 17))).mean(axis=0) for n in presentations])
    models = []
    for common in COMMON:
        shared = common * rng.normal(size=300)
        concepts = [shared + rng.normal(size=(10, 300)).mean(axis=0) for _ in range(n_training)]
        single = [shared + rng.normal(size=300) for _ in range(n_test)]
        models.append(rdms.rdm([np.stack([*concepts, *single])]))
    return labels, rdms.rdm([responses]), models


@pytest.mark.long
@pytest.mark.parametrize(("n_training", "n_test", "n_experiments"), [(166, 20, 6), (1654, 200, 2)])
def test_two_kinds_of_average_make_a_trajectory_out_of_nothing_that_within_partitions_does_not_have(
    tmp_path, n_training, n_test, n_experiments
):
    found = {choice: np.empty((n_experiments, len(COMMON))) for choice in (pairs.ALL, pairs.WITHIN)}
    one_vector = np.empty((n_experiments, len(COMMON)))
    for i in range(n_experiments):
        labels, brain, models = null_experiment(np.random.default_rng(i), n_training, n_test)
        blocks = pairs.blocks(pairs.WITHIN, len(labels), labels, "here")
        together = np.concatenate(list(blocks.values()))
        rdms.save(tmp_path / "brain.npy", brain)
        with open(tmp_path / "stimuli.csv", "w", newline="") as file:
            csv.writer(file).writerows([stimuli.COLUMNS, *((c, f"{c}.png", "", label) for c, label in labels.items())])
        for epoch, model in enumerate(models):
            rdms.save(tmp_path / "model.npy", model)
            for row in aligned(tmp_path, pairs=list(found), epoch=f"{epoch:03d}"):
                found[row["pairs"]][i, epoch] = float(row["value"])
            one_vector[i, epoch] = measures.compare(model[None, together], brain[None, together]).item()
    for name, values in (found | {"within_partitions, as one vector": one_vector}).items():
        print(f"{n_training} + {n_test} concepts, {name}:", *values.mean(axis=0).round(3))
    over_all, within = found[pairs.ALL], found[pairs.WITHIN]
    # With all pairs, every experiment "learns" from below -0.12 to nothing.
    assert (over_all[:, 0] < -0.12).all()
    assert (np.abs(over_all[:, -1]) < 0.06).all()
    # Within partitions there is nothing at any epoch.
    assert (np.abs(within.mean(axis=0)) < 0.03).all()
    # The pairs within partitions in one vector would not do: pairs of either partition have a mean of their own.
    assert (one_vector[:, 0] < -0.05).all()


@pytest.mark.parametrize("measure", ["pearson", "spearman"])
def test_a_control_is_partialled_out_in_each_block(measure):
    rng = np.random.default_rng(6)
    a, b, control = rng.normal(size=(2, 66)), rng.normal(size=(3, 66)), rng.normal(size=66)
    labels = {f"{i}": "long" if i < 7 else "short" for i in range(12)}
    blocks = pairs.blocks(pairs.WITHIN, 12, labels, "here")
    parts = list(plain_blocks(pairs.WITHIN, labels).values())
    of_parts = [measures.compare_given(a[:, part], b[:, part], control[part], measure) for part in parts]
    expected = np.average(of_parts, axis=0, weights=[len(part) for part in parts])
    np.testing.assert_allclose(pairs.compare_in_blocks(a, b, measure, blocks, control), expected, atol=1e-12)


def aligned(folder, measures_=("pearson",), pairs=(pairs.ALL,), epoch="001", brain=("brain.npy",)):
    """The rows of an alignment of the RDMs in a folder."""
    alignment.align(
        folder / "alignment.csv",
        {"correlation": alignment.Files(folder / "model.npy", {name: folder / name for name in brain}, {})},
        measures_=list(measures_),
        pairs=list(pairs),
        stimuli=folder / "stimuli.csv",
        columns={"dataset": "d", "target": "t", "network": "n", "seed": "1", "epoch": epoch, "view": "224px"}
        | {"block": "layer1"},
    )
    with open(folder / "alignment.csv", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def files(tmp_path):
    """A model RDM, two brain RDMs and a table of stimuli of seven conditions."""
    rng = np.random.default_rng(5)
    for name in ("model.npy", "brain.npy", "other.npy"):
        rdms.save(tmp_path / name, rng.uniform(size=21))
    rows = [(condition, f"{condition}-{i}.png", "", label) for condition, label in LABELS.items() for i in range(2)]
    with open(tmp_path / "stimuli.csv", "w", newline="") as file:
        csv.writer(file).writerows([stimuli.COLUMNS, *rows])
    return tmp_path


def test_a_row_says_which_pairs_and_how_many(files):
    rows = aligned(files, ["pearson", "cosine"], CHOICES, brain=["brain.npy", "other.npy"])
    assert len(rows) == 2 * 2 * 4
    assert {(row["pairs"], row["n_pairs"]) for row in rows} == {
        ("all", "21"),
        ("within_partitions", "9"),
        ("across_partitions", "12"),
        ("without_same_label", "12"),
    }
    model, brain = (np.load(files / f"{name}.npy").astype(float) for name in ("model", "brain"))
    parts = plain_blocks(pairs.WITHIN, LABELS).values()
    expected = sum(len(part) * np.corrcoef(model[part], brain[part])[0, 1] for part in parts) / 9
    (row,) = (r for r in rows if (r["pairs"], r["measure"], r["subject"]) == (pairs.WITHIN, "pearson", "brain.npy"))
    assert float(row["value"]) == pytest.approx(expected, abs=1e-12)


def test_a_ceiling_of_every_measure_and_choice_of_pairs_is_tabled(files):
    brain_rdms = {("d", "t", "correlation"): {"1": files / "brain.npy", "2": files / "other.npy"}}
    names = [name for name in measures.MEASURES if name != "cka_unbiased"]  # refused of a label of three conditions
    table = noise_ceilings.table(
        brain_rdms, names, [pairs.ALL, pairs.WITHIN], {"d": files / "stimuli.csv"}, data="measured"
    )
    raw = table[table["averaged"] == schemes.RAW]
    table = table[table["averaged"] == schemes.NORMALISED]
    assert len(raw) == len(table)
    assert set(table["scheme"]) == {"subjects_then_average"}
    assert list(zip(table["measure"], table["pairs"], strict=True)) == [
        (measure, choice) for choice in (pairs.ALL, pairs.WITHIN) for measure in names
    ]
    loaded = np.stack([rdms.load(path) for path in brain_rdms["d", "t", "correlation"].values()])
    for row in table[table["pairs"] == pairs.ALL].itertuples():
        assert (row.lower, row.upper) == ceilings.noise_ceiling(loaded, row.measure)
        assert row.n_pairs == 21
    # Measures that normalise alike have one.
    assert table["convention"].nunique() == 2 * len({measures.MEASURES[name].normalised for name in names})
    assert table["convention"].str.contains("means weighted by their pairs").sum() == len(names)


@pytest.mark.parametrize("bad", ["model.npy", "other.npy"])
@pytest.mark.parametrize("measure", measures.MEASURES)
def test_an_rdm_that_cannot_be_compared_is_named(files, bad, measure):
    constant = np.zeros(21) if measure == "cosine" else np.full(21, 0.3)
    rdms.save(files / bad, constant)
    with pytest.raises(InputError, match=rf"{bad}\n  found:    an RDM is constant"):
        aligned(files, [measure], brain=["brain.npy", "other.npy"])
    if bad != "model.npy":
        with pytest.raises(InputError, match=rf"{bad}\n  found:    an RDM is constant"):
            noise_ceilings.table(
                {("d", "t", "correlation"): {"1": files / "brain.npy", "2": files / bad}},
                [measure],
                ["all"],
                {},
                "measured",
            )


def test_an_rdm_that_is_constant_within_one_partition_is_named_with_it(files):
    rdm = np.load(files / "other.npy")
    rdm[plain_blocks(pairs.WITHIN, LABELS)[frozenset(["run 2"])]] = 0.5
    np.save(files / "other.npy", rdm)
    with pytest.raises(InputError, match=r"other\.npy\n  found:    an RDM is constant.*of label run 2"):
        aligned(files, pairs=[pairs.WITHIN], brain=["brain.npy", "other.npy"])


def test_rdms_of_other_conditions_are_named(files):
    rdms.save(files / "other.npy", np.arange(10.0))
    for compare in (
        lambda: aligned(files, brain=["brain.npy", "other.npy"]),
        lambda: noise_ceilings.table(
            {("d", "t", "correlation"): {"1": files / "brain.npy", "2": files / "other.npy"}},
            ["pearson"],
            ["all"],
            {},
            "measured",
        ),
    ):
        with pytest.raises(InputError, match=r"other\.npy\n  found:    an RDM of 5 conditions\n  expected: 7"):
            compare()


# Labels ----------------------------------------------------------------------------------------------------------


def eeg(root, **settings):
    settings = {"format": "things_eeg2", "root": root, "subjects": [1], "targets": ["80ms"]} | settings
    return open_dataset("eeg", {"images": "image_set", "conditions": "concepts", "average_images": True} | settings)


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    root = tmp_path_factory.mktemp("simulated")
    few = {"shared_images": 4, "own_images": 0, "training_concepts": 6, "images_per_concept": 2, "test_concepts": 4}
    plan = Plan(str(root), 1, 1, **few, training_images=1, validation_images=1, noise_ceiling=0.7)
    write_data_set(plan, "things_eeg2")
    return root / "things_eeg2"


def test_labels_come_back_as_they_were_written(tmp_path):
    labels = {"plain": "run 1", "with, comma": 'a "quoted" label', "of two\r\nlines": "also of\ntwo", "last": ""}
    with open(tmp_path / "stimuli.csv", "w", newline="") as file:
        csv.writer(file).writerows([stimuli.COLUMNS, *((c, "a.png", "", label) for c, label in labels.items())])
    read = pairs.read_labels(tmp_path / "stimuli.csv")
    assert list(read.items()) == list(labels.items())


def test_conditions_of_eeg_have_their_partition_as_label(simulated, tmp_path):
    stimuli.write(tmp_path / "stimuli.csv", eeg(simulated))
    labels = pairs.read_labels(tmp_path / "stimuli.csv")
    assert list(labels.values()) == ["training"] * 6 + ["test"] * 4
    assert all(condition.startswith(label) for condition, label in labels.items())
    images = eeg(simulated, average_images=False).labels()
    assert list(images.values()) == ["training"] * 12 + ["test"] * 4
    assert set(eeg(simulated, conditions="training_concepts").labels().values()) == {"training"}


def test_the_check_notes_two_kinds_of_average_unless_the_config_controls_for_it(simulated):
    mixed, one = eeg(simulated), eeg(simulated, conditions="training_concepts")
    (note,) = notes_on_labels(mixed, mixed.stimuli(), [pairs.ALL])
    assert "NOTE: eeg: conditions have 2 labels (6 training, 4 test)" in note
    assert notes_on_labels(mixed, mixed.stimuli(), [pairs.ALL, pairs.WITHIN]) == []
    assert notes_on_labels(one, one.stimuli(), [pairs.ALL]) == []
    with pytest.raises(InputError, match="all conditions are of one label"):
        notes_on_labels(one, one.stimuli(), [pairs.ACROSS])


@pytest.mark.parametrize("choice", [pairs.ACROSS, pairs.NOT_SAME])
def test_whitened_over_pairs_of_different_labels_is_refused_in_the_config(choice):
    asked = {"measures": ["pearson", "whitened"], "pairs": [pairs.ALL, choice]}
    with pytest.raises(InputError, match=f"whitened, with {choice}"):
        library.checked(PAPER | {"alignment": asked})
    assert library.checked(PAPER | {"alignment": asked | {"pairs": [pairs.WITHIN]}})
