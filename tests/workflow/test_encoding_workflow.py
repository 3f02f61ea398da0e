"""Encoding models as jobs: on responses of one's own and checkpoints from elsewhere, against a plain computation."""

import csv
import json
import os
import re
import shutil

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
import zarr
from conftest import copy_of_repository, files_to_make, run
from PIL import Image
from sklearn.kernel_ridge import KernelRidge

N, UNITS, REPETITIONS, BLOCKS, EPOCHS = 24, 10, 3, ["layer2", "layer4"], [1, 2]
REGIONS = ["V1"] * 6 + ["IT"] * 4
SNAKEMAKE = ("snakemake", "--cores", "2", "--quiet", "reason", "--show-failed-logs")
EVERYWHERE = ("results/tables/", "results/figures/", "results/statistics/gathered/")
"""Where files lie that change with any alignment."""


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A clone with two subjects' responses, two checkpoints, and the finished experiment; its config."""
    from torchvision.models import resnet18

    folder = copy_of_repository(tmp_path_factory.mktemp("clone"))
    rng = np.random.default_rng(4)
    root = folder / "study"
    (root / "stimuli").mkdir(parents=True)
    latent = rng.normal(size=(N, 3))
    for i in range(N):
        colour = np.clip(127 + 40 * latent[i], 0, 255)
        pixels = np.clip(colour + rng.normal(0, 20, (32, 32, 3)), 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(root / f"stimuli/{i}.png")
    (root / "conditions.csv").write_text("condition,image\n" + "".join(f"c{i},{i}.png\n" for i in range(N)))
    (root / "units.csv").write_text("region\n" + "\n".join(REGIONS) + "\n")
    for subject in ("ann", "bob", "cid"):
        signal = latent @ rng.normal(size=(3, UNITS))
        np.save(root / f"sub-{subject}.npy", signal[:, None] + rng.normal(size=(N, REPETITIONS, UNITS)))
    for epoch in EPOCHS:
        torch.manual_seed(epoch)
        torch.save(resnet18(num_classes=5).state_dict(), folder / f"epoch-{epoch}.pt")
    network = {"architecture": "resnet18", "checkpoints": "epoch-{epoch}.pt", "blocks": BLOCKS, "seeds": [1]}
    own = {"format": "responses", "root": "study", "subjects": ["ann", "bob"], "targets": ["V1", "all"]}
    config = {
        "results": "results",
        "networks": {"net": network | {"epochs": EPOCHS}},
        "datasets": {"study": own},
        "features": {"image_size": 32, "dtype": "float32", "keep": False},
        "encoding": {"fit": True, "folds": 4, "alphas": [0.01, 1, 100]},
        "statistics": {"draws": 100, "generalise_over": ["stimuli", "subjects"]},
    }
    run(*SNAKEMAKE, "--notemp", "--configfile", written(folder, config), cwd=folder)
    return folder, config


def written(folder, config) -> str:
    (folder / "own.yaml").write_text(yaml.safe_dump(config))
    return "own.yaml"


def pending(folder, config) -> set[str]:
    """The files that a changed config would have made, but for tables and figures."""
    changed = files_to_make(written(folder, config), cwd=folder)
    return {file for file in changed if not file.startswith(EVERYWHERE)}


def at(epoch: int, block: str) -> str:
    return f"study/net/seed-1/epoch-{epoch:03d}/32px/{block}"


def plain_predictions(x: np.ndarray, y: np.ndarray, folds: np.ndarray, alphas) -> np.ndarray:
    """Nested cross-validation of one unit by scikit-learn, kernels centred on what each fit is trained on."""
    kernel = x @ x.T
    scaled = kernel / np.mean(np.diag(centred(kernel, np.full(len(x), True))))

    def predict(train, test, alpha):
        about = centred(scaled, train)
        mean = y[train].mean()
        model = KernelRidge(alpha=alpha, kernel="precomputed").fit(about[np.ix_(train, train)], y[train] - mean)
        return model.predict(about[np.ix_(test, train)]) + mean

    predicted = np.empty(len(y))
    for fold in range(folds.max() + 1):
        test, errors = folds == fold, []
        for alpha in alphas:
            others = [f for f in range(folds.max() + 1) if f != fold]
            held = [predict(~test & (folds != f), folds == f, alpha) for f in others]
            errors.append(np.mean([np.mean((y[folds == f] - p) ** 2) for f, p in zip(others, held, strict=True)]))
        predicted[test] = predict(~test, test, alphas[int(np.argmin(errors))])
    return predicted


def centred(kernel: np.ndarray, train: np.ndarray) -> np.ndarray:
    """Inner products of features less their mean over some conditions."""
    weights = np.eye(len(kernel)) - train / train.sum()
    return weights @ kernel @ weights.T


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("subject", ["ann", "bob"])
def test_scores_are_those_of_a_plain_computation_from_features_and_responses(study, subject, block):
    folder, config = study
    with zarr.storage.ZipStore(folder / f"results/features/{at(2, block)}.zarr.zip", mode="r") as store:
        x = zarr.open_array(store, mode="r")[:].astype(float)
    y = np.load(folder / f"study/sub-{subject}.npy").mean(axis=1)[:, :6]  # V1's units
    found = np.load(folder / f"results/encoding/{at(2, block)}/sub-{subject}/V1.npz")
    folds = found["folds"]
    assert sorted(np.bincount(folds)) == [6, 6, 6, 6]
    np.testing.assert_array_equal(found["position_unit"], np.arange(6))
    of_units = []
    for unit in range(6):
        predicted = plain_predictions(x, y[:, unit], folds, config["encoding"]["alphas"])
        of_units.append(np.mean([np.corrcoef(y[folds == f, unit], predicted[folds == f])[0, 1] for f in range(4)]))
    np.testing.assert_allclose(found["r"], of_units, rtol=0, atol=2e-5)
    rows = pd.read_csv(folder / "results/tables/alignment.csv", dtype={"subject": str})
    rows = rows[
        (rows["subject"] == subject) & (rows["block"] == block) & (rows["epoch"] == 2) & (rows["target"] == "V1")
    ]
    assert set(rows["measure"]) == {"pearson", *(f"encoding_{m}_{s}" for m in ("median", "mean") for s in ("r", "r2"))}
    values = rows.set_index("measure")["value"]
    assert values["encoding_median_r"] == pytest.approx(np.median(of_units), abs=2e-5)
    assert values["encoding_mean_r"] == pytest.approx(np.mean(of_units), abs=2e-5)
    assert rows.set_index("measure").loc["encoding_median_r", "distance"] == "none"
    assert np.isnan(rows.set_index("measure").loc["encoding_median_r", "n_pairs"])


def test_encoding_has_intervals_claims_and_a_table_like_any_other_kind(study):
    folder, _ = study
    trajectories = pd.read_csv(folder / "results/tables/trajectories.csv")
    of_encoding = trajectories[trajectories["measure"] == "encoding_median_r"]
    assert len(of_encoding) == 2 * 2 * 2  # targets, blocks, epochs
    assert (of_encoding["low"] < of_encoding["value"]).all() and (of_encoding["value"] < of_encoding["high"]).all()
    means = pd.read_csv(folder / "results/tables/alignment.csv").query("measure == 'encoding_median_r'")
    means = means.groupby(["target", "block", "epoch"])["value"].mean()
    for _, row in of_encoding.iterrows():
        assert row["value"] == pytest.approx(means[row["target"], row["block"], row["epoch"]], abs=1e-6)
    timing = pd.read_csv(folder / "results/tables/timing.csv")
    assert "encoding_median_r" in set(timing["measure"])
    table = pd.read_csv(folder / "results/tables/encoding.csv")
    assert len(table) == 2 * 2 * 2 * 2  # subjects too
    assert (table.query("target == 'V1'")["n_units"] == 6).all()
    assert (table["median_share_of_r"].abs() > table["median_r"].abs()).all()


def test_maps_have_a_row_per_unit(study):
    folder, _ = study
    with open(folder / "results/units/study/sub-ann/V1.csv") as file:
        units = list(csv.DictReader(file))
    assert [int(unit["unit"]) for unit in units] == list(range(6))
    assert all(float(unit["explainable"]) < 1 for unit in units)
    command = ("--", "results/maps/study/net/V1.csv")
    run(*SNAKEMAKE, "--configfile", "own.yaml", *command, cwd=folder)
    table = pd.read_csv(folder / "results/maps/study/net/V1.csv")
    assert len(table) == 2 * 6 and set(table["best_block"]) <= set(BLOCKS)


def files_of(targets, subjects, epochs=EPOCHS):
    """The files of encoding models of some targets and subjects."""
    made = {
        f"results/encoding/{at(epoch, block)}/sub-{subject}/{target}.npz"
        for epoch in epochs
        for block in BLOCKS
        for subject in subjects
        for target in targets
    }
    return made | {
        f"results/encoding/study/net/seed-1/epoch-{e:03d}/32px/{target}.csv" for e in epochs for target in targets
    }


SMOOTHERS = {f"results/encoding/{at(epoch, block)}/smoothers.npz" for epoch in EPOCHS for block in BLOCKS}


def changed(config, section, **values):
    return json.loads(json.dumps(config)) | {section: config[section] | values}


def test_a_target_added_is_encoded_alone_and_reads_no_features(study):
    folder, config = study
    own = changed(config["datasets"], "study", targets=["V1", "all", "IT"])
    to_make = pending(folder, config | {"datasets": own})
    expected = files_of(["IT"], ["ann", "bob"]) | {
        f"results/alignment/{at(e, b)}/IT.csv" for e in EPOCHS for b in BLOCKS
    }
    for subject in ("ann", "bob"):
        expected |= {f"results/responses/study/sub-{subject}/IT.npy", f"results/units/study/sub-{subject}/IT.csv"}
        expected.add(f"results/brain_rdms/study/sub-{subject}/IT/correlation.npy")
    assert {file for file in to_make if "/statistics/" not in file} - SMOOTHERS == expected


def test_a_subject_added_is_encoded_with_its_targets_others(study):
    folder, config = study
    own = changed(config["datasets"], "study", subjects=["ann", "bob", "cid"])
    to_make = pending(folder, config | {"datasets": own})
    encoded = {file for file in to_make if file.startswith("results/encoding/")}
    assert encoded - SMOOTHERS == files_of(["V1", "all"], ["ann", "bob", "cid"])
    assert not {file for file in to_make if re.match("results/(features|geometry|model_rdms|stimuli)/", file)}


@pytest.mark.parametrize("values", [{"alphas": [0.1, 10]}, {"folds": 3}, {"seed": 9}])
def test_other_settings_encode_anew_and_touch_no_rdm(study, values):
    folder, config = study
    assert pending(folder, changed(config, "encoding", **values)) - SMOOTHERS == files_of(["V1", "all"], ["ann", "bob"])


def test_encoding_asked_for_later_reads_no_features_though_none_were_kept(study):
    folder, config = study
    assert pending(folder, config) == set()
    assert pending(folder, changed(config, "encoding", fit=False)) == set()
    # With no table that has it, as after a run without it.
    left_out = shutil.ignore_patterns("encoding", "units", "features", "tables", "figures", "gathered")
    shutil.copytree(folder / "results", folder / "others", ignore=left_out, copy_function=os.link)
    to_make = {file.replace("others", "results", 1) for file in pending(folder, config | {"results": "others"})}
    cells = [(subject, target) for subject in ("ann", "bob") for target in ("V1", "all")]
    units = {f"results/units/study/sub-{subject}/{target}.csv" for subject, target in cells}
    made = {file for file in to_make if not file.startswith(EVERYWHERE)}
    assert made == SMOOTHERS | units | files_of(["V1", "all"], ["ann", "bob"])


def test_rdms_have_no_units_and_the_config_says_so(study):
    folder, config = study
    rdms = {"format": "rdms", "root": "study", "subjects": ["ann"], "targets": ["IT"]}
    path = written(folder, config | {"datasets": {"of_rdms": rdms}})
    result = run("snakemake", "-n", "--configfile", path, cwd=folder, check=False)
    assert result.returncode != 0
    assert "encoding.fit" in result.stdout and "RDMs alone: of_rdms (rdms)" in result.stdout
