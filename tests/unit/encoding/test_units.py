"""Where units are and how noisy, against the files that responses are from, and maps over them by plain loops."""

import numpy as np
import pandas as pd
import pytest
from early_alignment.datasets import open_dataset
from early_alignment.encoding import ceilings, maps, models, units
from early_alignment.errors import InputError
from early_alignment.statistics import timing
from small_algonauts2023 import IDS, SHARED, write_algonauts
from small_nsd import plain_repetitions, seen_by_both, write_nsd
from small_things_eeg2 import CHANNELS, TEST, TRAINING, write_images, write_preprocessed

NSD = {"format": "nsd", "subjects": [1, 2], "targets": ["V1v"], "min_repetitions": 1, "min_ncsnr": None}


@pytest.fixture(scope="module")
def nsd(tmp_path_factory):
    return write_nsd(tmp_path_factory.mktemp("nsd"))


def of_algonauts(root, targets):
    settings = {"format": "algonauts2023", "root": str(root), "subjects": [1, 2], "targets": targets}
    return open_dataset("fmri", settings)


@pytest.mark.parametrize("target", ["V1v", "PPA", "all"])
def test_vertices_are_those_of_fsaverage_that_responses_are_of(tmp_path, target):
    root, truth = write_algonauts(tmp_path)
    dataset = of_algonauts(root, [target])
    found, responses = units.units(dataset, "1", target, repeated=False), dataset.patterns("1", target)
    assert len(found) == responses.shape[1] > 0
    assert found["explainable"].isna().all()
    rows = [IDS[1].index(id_) for id_ in SHARED]
    for (hemisphere, vertex), of_unit in zip(found[["hemisphere", "vertex"]].to_numpy(), responses.T, strict=True):
        kept = np.load(root / "subj01/roi_masks" / f"{hemisphere}.all-vertices_fsaverage_space.npy")
        column = kept[:vertex].sum()
        assert kept[vertex] == 1
        np.testing.assert_array_equal(truth[1, hemisphere][0][rows, column], of_unit)


def test_all_is_every_vertex_in_a_list_or_in_its_place(tmp_path):
    root, truth = write_algonauts(tmp_path)
    dataset = of_algonauts(root, "all")
    assert dataset.targets == ["all"]
    assert dataset.patterns("2", "all").shape[1] == sum(truth[2, side][0].shape[1] for side in ("lh", "rh"))
    np.testing.assert_array_equal(dataset.patterns("2", "all"), of_algonauts(root, ["V1v", "all"]).patterns("2", "all"))


def test_vertices_that_are_not_as_many_as_masks_have_are_refused(tmp_path):
    root, _ = write_algonauts(tmp_path)
    file = root / "subj01/roi_masks/lh.all-vertices_fsaverage_space.npy"
    kept = np.load(file)
    kept[np.flatnonzero(kept)[0]] = 0
    np.save(file, kept)
    with pytest.raises(InputError, match="58 vertices of the challenge space"):
        units.units(of_algonauts(root, ["all"]), "1", "all", repeated=False)


@pytest.mark.parametrize("subject", ["1", "2"])
def test_voxels_are_where_their_betas_are_and_as_noisy_as_their_ncsnr_says(nsd, subject):
    root, truth, _ = nsd
    dataset = open_dataset("nsd", NSD | {"root": str(root)})
    found, of = units.units(dataset, subject, "V1v", repeated=False), truth[int(subject)]
    places = [tuple(place) for place in found[["x", "y", "z"]].to_numpy()]
    inside = np.zeros(of["ncsnr"].shape, bool)
    inside[tuple(np.array(places).T)] = True
    np.testing.assert_array_equal(inside, of["masks"]["prf-visualrois"] == 1)
    # Each voxel's betas, whose place is looked up, are the responses in its column.
    patterns, by_image = dataset.patterns(subject, "V1v"), plain_repetitions(of, inside)
    shared = seen_by_both(truth)
    for column, (x, y, z) in enumerate(places):
        sessions = [betas[x, y, z] / 300 for betas in of["sessions"]]
        trials = np.concatenate([(s - s.mean()) / s.std() for s in sessions])
        means = [trials[of["images"] == image].mean() for image in shared]
        np.testing.assert_allclose(patterns[:, column], means, rtol=1e-5, atol=1e-6)
    counts = [len(by_image[image]) for image in shared]
    squared = np.array([of["ncsnr"][place] for place in places], float) ** 2
    # Allen et al. (2022): of the variance of means over n trials, ncsnr² / (ncsnr² + 1/n).
    np.testing.assert_allclose(found["explainable"], squared / (squared + np.mean(1 / np.array(counts))))


def test_channels_are_in_the_order_of_responses_and_their_ceilings_are_from_halves(tmp_path):
    rng = np.random.default_rng(5)
    write_images(tmp_path)
    order = rng.permutation(17)
    data = {"training": rng.normal(size=(len(TRAINING), 4, 17, 100)), "test": rng.normal(size=(len(TEST), 8, 17, 100))}
    for partition, responses in data.items():
        responses += 3 * rng.normal(size=(len(responses), 1, 17, 1))
        write_preprocessed(tmp_path, partition, responses, [CHANNELS[i] for i in order])
    settings = {"format": "things_eeg2", "root": str(tmp_path), "subjects": [1], "targets": ["170ms"]}
    settings |= {"images": "image_set", "conditions": "concepts", "average_images": True}
    dataset = open_dataset("eeg", settings)
    found, patterns = units.units(dataset, "1", "170ms", repeated=False), dataset.patterns("1", "170ms")
    test_rows = patterns[-len(TEST) :]
    for column, channel in enumerate(found["channel"]):
        of_channel = data["test"][:, :, [CHANNELS[i] for i in order].index(channel), 37].mean(axis=1)
        np.testing.assert_allclose(test_rows[:, column], of_channel)
    np.testing.assert_allclose(found["explainable"], ceilings.of_halves(dataset.repetitions("1", "170ms")))
    assert found["explainable"].mean() > 0.8


def test_a_table_of_units_is_read_as_it_was_written(tmp_path):
    table = pd.DataFrame({"hemisphere": ["lh"], "vertex": [7], "explainable": [1 / 3]})
    table.to_csv(tmp_path / "V1.csv", index=False)
    pd.testing.assert_frame_equal(units.read(tmp_path / "V1.csv"), table)
    np.savez(tmp_path / "V1.npz", **units.positions(units.read(tmp_path / "V1.csv")))
    assert {name: list(column) for name, column in maps.positions(tmp_path / "V1.npz").items()} == {
        "hemisphere": ["lh"],
        "vertex": [7],
    }
    table.drop(columns="explainable").to_csv(tmp_path / "V1.csv", index=False)
    with pytest.raises(InputError, match="with explainable"):
        units.read(tmp_path / "V1.csv")


EPOCHS, BLOCKS, SEEDS = ("000", "001", "004"), ["one", "two"], ("1", "2")


@pytest.fixture
def encodings(tmp_path):
    """Files of two subjects, the second without the first one's first vertex; and (subject, …) → r."""
    rng, files, r_of = np.random.default_rng(3), [], {}
    vertices = {"a": np.array([3, 5, 9]), "b": np.array([9, 5])}
    for subject, epoch, block, seed in ((s, e, b, k) for s in "ab" for b in BLOCKS for k in SEEDS for e in EPOCHS):
        n = len(vertices[subject])
        r = rng.uniform(size=n)
        r_of[subject, epoch, block, seed] = r
        of = models.Encoding(r, r, np.full(n, 0.25), np.ones((3, n)), np.zeros(9, int), np.zeros((4, 2)))
        columns = {"dataset": "fmri", "target": "all", "subject": subject, "network": "net", "seed": seed}
        columns |= {"epoch": epoch, "view": "32px", "block": block}
        columns |= {"position_vertex": vertices[subject], "position_hemisphere": np.full(n, "lh")}
        files.append(tmp_path / f"{subject}-{epoch}-{block}-{seed}.npz")
        models.save(files[-1], of, columns)
    return files, r_of, vertices


def test_maps_are_of_each_units_best_block_and_of_all_subjects_where_they_share_places(encodings):
    files, r_of, vertices = encodings
    table = maps.maps(files, BLOCKS, "measured", {}).set_index(["subject", "vertex"])
    assert set(table.index) == {("a", 3), ("a", 5), ("a", 9), ("b", 9), ("b", 5), ("average", 5), ("average", 9)}
    for (subject, vertex), row in table.iterrows():
        members = ["a", "b"] if subject == "average" else [subject]
        curves = {
            block: [
                np.mean(
                    [r_of[s, epoch, block, seed][list(vertices[s]).index(vertex)] for s in members for seed in SEEDS]
                )
                for epoch in EPOCHS
            ]
            for block in BLOCKS
        }
        best = max(BLOCKS, key=lambda block: max(curves[block]))
        assert row["best_block"] == best
        assert row["r"] == pytest.approx(max(curves[best]))
        assert row["share_of_r"] == pytest.approx(max(curves[best]) / 0.5)
        assert row["peak_epoch"] == [0, 1, 4][int(np.argmax(curves[best]))]
        half = timing.half_time(np.array(curves[best]), np.array([0, 1, 4]))
        assert row["half_time"] == pytest.approx(half, nan_ok=True)


def test_a_unit_without_an_r_has_no_place_on_a_map_and_changes_no_other():
    r = np.random.default_rng(0).uniform(size=(3, 2, 4))
    whole = maps.of_curves(r, np.array([0.0, 1, 2]), np.ones(4), BLOCKS)
    spoilt = r.copy()
    spoilt[1, 0, 2] = np.nan
    found = maps.of_curves(spoilt, np.array([0.0, 1, 2]), np.ones(4), BLOCKS)
    assert (
        found["best_block"][2] == "" and np.isnan([found[name][2] for name in ("r", "peak_epoch", "half_time")]).all()
    )
    for name, values in whole.items():
        np.testing.assert_array_equal(np.delete(found[name], 2), np.delete(values, 2))
