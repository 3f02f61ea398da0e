"""The whole workflow: the demo and what it must recover, the paper's config, and the report in a browser."""

import csv
import shutil
from itertools import product

import numpy as np
import pandas as pd
import pytest
import yaml
from conftest import REPOSITORY, papers_settings, run
from early_alignment.comparison import measures
from early_alignment.geometry import rdms
from early_alignment.simulation.generative_model import FAMILY_OF
from scipy.spatial.distance import pdist

DEMO = yaml.safe_load((REPOSITORY / "experiments/demo.yaml").read_text())
TARGETS = [(name, target) for name, dataset in DEMO["datasets"].items() for target in dataset["targets"]]
EPOCHS = ["000", "000-calibrated", *(f"{epoch:03d}" for epoch in DEMO["epochs"][1:])]
"""The demo's untrained network comes with both kinds of batch norm statistics."""
DRY_RUN = ("snakemake", "--dry-run", "--quiet", "reason")


@pytest.fixture(scope="module")
def results(finished_demo):
    return finished_demo / "results/demo"


@pytest.fixture(scope="module")
def table(results):
    return lambda name: pd.read_csv(results / f"tables/{name}.csv", dtype={"subject": str})


# The demo --------------------------------------------------------------------------------------------------------


def test_every_file_of_the_design_is_there(results):
    grid = list(product(DEMO["seeds"], EPOCHS, DEMO["blocks"]))
    expected = [f"figures/{name}.{ending}" for name in ("figure1", "training") for ending in ("png", "svg", "pdf")]
    expected += [f"tables/{name}.csv" for name in ("alignment", "accuracy", "noise_ceiling", "peaks")]
    expected += [f"stimuli/{name}.csv" for name in DEMO["datasets"]]
    for seed, epoch in product(DEMO["seeds"], range(DEMO["training"]["epochs"] + 1)):
        expected += [f"checkpoints/seed-{seed}/epoch-{epoch:03d}.pt", f"accuracy/seed-{seed}/epoch-{epoch:03d}.json"]
    for dataset, (seed, epoch, block) in product(DEMO["datasets"], grid):
        place = f"{dataset}/seed-{seed}/epoch-{epoch}/{block}"
        expected += [f"features/{place}.zarr.zip", f"model_rdms/{place}.npy"]
    for (dataset, target), (seed, epoch, block) in product(TARGETS, grid):
        expected.append(f"alignment/{dataset}/seed-{seed}/epoch-{epoch}/{block}/{target}.csv")
    for dataset, target in TARGETS:
        for subject in DEMO["datasets"][dataset]["subjects"]:
            expected += [f"{kind}/{dataset}/sub-{subject}/{target}.npy" for kind in ("responses", "brain_rdms")]
    assert [name for name in expected if not (results / name).is_file()] == []


def test_a_second_run_finds_nothing_to_do(finished_demo):
    again = run("snakemake", "--profile", "profiles/demo", "--configfile", "experiments/demo.yaml", cwd=finished_demo)
    assert "Nothing to be done" in again.stdout


def test_the_alignment_table_is_complete_finite_and_marked(table):
    alignment = table("alignment")
    subjects = {name: len(dataset["subjects"]) for name, dataset in DEMO["datasets"].items()}
    rows = sum(subjects[name] for name, _ in TARGETS) * len(DEMO["seeds"]) * len(EPOCHS) * len(DEMO["blocks"])
    assert len(alignment) == rows == len(alignment.drop(columns=["value"]).drop_duplicates())
    assert np.isfinite(alignment["value"]).all()
    assert alignment["value"].abs().max() < 1
    for name in ("alignment", "accuracy", "noise_ceiling", "peaks"):
        assert (table(name)["data"] == "simulated").all(), name


def test_a_tabled_alignment_is_the_one_of_files_computed_by_hand(results, table):
    import zarr

    store = zarr.storage.ZipStore(results / "features/simulated_fMRI/seed-2/epoch-002/layer3.zarr.zip", mode="r")
    features = zarr.open_array(store, mode="r")[:].astype(np.float64)
    model = pdist(features, "correlation")
    np.testing.assert_allclose(
        np.load(results / "model_rdms/simulated_fMRI/seed-2/epoch-002/layer3.npy"), model, atol=1e-5
    )
    rows = table("alignment").query(
        "dataset == 'simulated_fMRI' and seed == 2 and epoch == 2 and block == 'layer3' and target == 'hV4'"
    )
    assert len(rows) == 3
    for row in rows.itertuples():
        brain = np.load(results / f"brain_rdms/simulated_fMRI/sub-{row.subject}/hV4.npy")
        assert row.value == pytest.approx(np.corrcoef(model, brain)[0, 1], abs=1e-5)


@pytest.mark.parametrize(("dataset", "target"), TARGETS)
def test_each_target_is_explained_best_by_the_features_that_made_it(finished_demo, results, dataset, target):
    truths = {
        FAMILY_OF[other]: np.load(finished_demo / DEMO["datasets"][dataset]["root"] / f"truth/{other}.npy")
        for other in DEMO["datasets"][dataset]["targets"]
    }
    brain = brain_rdms(results, dataset, target)
    explained = {
        family: np.mean([np.corrcoef(pdist(z, "cosine"), one)[0, 1] for one in brain]) for family, z in truths.items()
    }
    assert max(explained, key=explained.get) == FAMILY_OF[target]
    assert explained[FAMILY_OF[target]] > max(v for f, v in explained.items() if f != FAMILY_OF[target]) + 0.1


@pytest.mark.parametrize(("dataset", "target"), TARGETS)
def test_the_planted_noise_ceiling_is_recovered(finished_demo, results, table, dataset, target):
    planted = DEMO["simulation"]["noise_ceiling"]
    brain = brain_rdms(results, dataset, target)
    z = np.load(finished_demo / DEMO["datasets"][dataset]["root"] / f"truth/{target}.npy")
    reached = np.mean([np.corrcoef(pdist(z, "cosine"), one)[0, 1] for one in brain])
    assert reached == pytest.approx(planted, abs=0.02)
    ceiling = table("noise_ceiling").set_index(["dataset", "target"]).loc[(dataset, target)]
    assert ceiling["lower"] < planted < ceiling["upper"]
    # Subjects share the truth and nothing else, so two of them correlate by the planted ceiling squared.
    pairs = measures.compare(brain, brain)[np.triu_indices(len(brain), 1)]
    assert np.sqrt(pairs.mean()) == pytest.approx(planted, abs=0.05)


def brain_rdms(results, dataset, target):
    subjects = DEMO["datasets"][dataset]["subjects"]
    return np.stack([rdms.load(results / f"brain_rdms/{dataset}/sub-{subject}/{target}.npy") for subject in subjects])


def test_the_figure_says_that_it_is_simulated_and_shows_every_panel(results):
    text = (results / "figures/figure1.svg").read_text()
    for words in (
        "SIMULATED",
        "80 ms",
        "170 ms",
        "300 ms",
        "V1v",
        "hV4",
        "PPA",
        "Block 1",
        "Block 4",
        "standard error",
        "3 subjects × 2 networks",
    ):
        assert words in text, words


def test_the_untrained_network_is_there_with_both_kinds_of_batch_norm(results, table):
    alignment = table("alignment")
    assert set(alignment[alignment["epoch"] == 0]["batchnorm"]) == {"running", "calibrated"}
    assert set(alignment[alignment["epoch"] > 0]["batchnorm"]) == {"running"}
    text = (results / "figures/figure1.svg").read_text()
    assert "untrained, running" in text
    assert "untrained, calibrated" in text


def test_networks_learn_in_the_demo(table):
    accuracy = table("accuracy").set_index(["seed", "epoch"])["top1"]
    for seed in DEMO["seeds"]:
        assert accuracy[seed, 4] > accuracy[seed, 0] + 0.3


def test_peaks_are_the_epochs_of_highest_mean_alignment(table):
    peaks, alignment = table("peaks"), table("alignment")
    assert len(peaks) == len(TARGETS) * len(DEMO["blocks"]) * len(DEMO["seeds"]) * 2
    row = peaks[peaks["untrained_batchnorm"] == "calibrated"].iloc[5]
    same = alignment[
        (alignment["dataset"] == row["dataset"])
        & (alignment["target"] == row["target"])
        & (alignment["block"] == row["block"])
        & (alignment["seed"] == row["seed"])
        & ((alignment["epoch"] > 0) | (alignment["batchnorm"] == "calibrated"))
    ]
    means = same.groupby("epoch")["value"].mean().to_dict()
    assert row["epoch"] == max(means, key=means.get)
    assert row["value"] == pytest.approx(max(means.values()))


def test_memory_of_every_job_is_far_below_what_the_readme_promises(results):
    """Two jobs at once, at most 4 GB: no job may take 2 GB."""
    peaks = {}
    for file in (results / "benchmarks").rglob("*.tsv"):
        (row,) = csv.DictReader(file.open(), delimiter="\t")
        if row["max_rss"] != "NA":
            peaks[file.name] = float(row["max_rss"])
    assert {"epoch-002.tsv", "segment-001.tsv"} <= set(peaks)
    assert max(peaks.values()) < 2000


def test_the_report_shows_figure_captions_and_provenance_in_a_browser(finished_demo, tmp_path):
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no Chromium on this machine")
    run(
        "snakemake", "--quiet", "all", "--configfile", "experiments/demo.yaml", "--report", tmp_path / "report.html",
        cwd=finished_demo,
    )  # fmt: skip
    page = run(
        browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync",
        f"--user-data-dir={tmp_path / 'browser'}", "--virtual-time-budget=5000", "--dump-dom",
        f"file://{tmp_path / 'report.html'}",
        cwd=tmp_path,
    ).stdout  # fmt: skip
    assert "The images and the brain data are SIMULATED" in page
    for words in ("Figures", "Tables", "model_rdms", "publish_checkpoint"):
        assert words in page, words


# Inputs ----------------------------------------------------------------------------------------------------------


def test_a_fresh_clone_says_which_data_are_missing_and_nothing_else(clone):
    result = run("snakemake", "-n", cwd=clone, check=False)
    assert result.returncode != 0
    for words in ("training.images unset", "datasets.nsd.root unset", "datasets.things_eeg2.root unset"):
        assert words in result.stdout
    for words in ("roi_masks/*.npy", "image_metadata.npy", "train/<class>/", "https://osf.io/3jk45", "make demo"):
        assert words in result.stdout
    assert "Building DAG" not in result.stdout.split("the data folders")[0]
    assert "Traceback" not in result.stdout


def test_the_papers_dry_run_lists_the_papers_jobs(clone, paper_data):
    listed = run(*DRY_RUN, *papers_settings(paper_data), cwd=clone).stdout
    jobs = dict(line.split() for line in listed.split("Job stats:")[1].split("\n\n")[0].splitlines()[3:])
    assert jobs == {
        "checked_data": "1",
        "train": "45",
        "publish_checkpoint": "455",
        "stimuli": "2",
        "features": "60",
        "model_rdms": "240",
        "responses": "54",
        "brain_rdms": "54",
        "alignment": "720",
        "alignment_table": "1",
        "accuracy_table": "1",
        "noise_ceiling_table": "1",
        "peaks_table": "1",
        "figure1": "1",
        "training_figure": "1",
        "all": "1",
        "total": "1638",
    }


def test_a_wrong_config_is_one_message(clone):
    result = run("snakemake", "-n", "--config", "sedes=[1]", cwd=clone, check=False)
    assert result.returncode != 0
    assert "'sedes' was unexpected" in result.stdout
    assert "Traceback" not in result.stdout


def test_the_trials_dry_run_lists_four_blocks_two_targets_and_all_epochs(clone, kriegeskorte92_root):
    (clone / "data").mkdir(exist_ok=True)
    (clone / "data/trial").symlink_to(kriegeskorte92_root.parent)
    trial = yaml.safe_load((REPOSITORY / "experiments/trial.yaml").read_text())
    listed = run(*DRY_RUN, "--configfile", "experiments/trial.yaml", cwd=clone).stdout
    cells = 4 * 2 * len(trial["epochs"]) * len(trial["seeds"])
    assert ["alignment", str(cells)] in [line.split() for line in listed.splitlines()]


def test_the_library_code_behind_a_job_is_followed_and_its_comments_are_not(clone, tmp_path):
    from snakemake_additions import code_versions

    behind = {path.name for path in code_versions.modules_behind(REPOSITORY / "workflow_scripts/align.py")}
    assert behind == {"__init__.py", "alignment.py", "errors.py", "logs.py", "measures.py", "pairs.py", "rdms.py"}
    script, format_ = REPOSITORY / "workflow_scripts/read_responses.py", "datasets/things_eeg2.py"
    behind = {path.name for path in code_versions.modules_behind(script, code_versions.PACKAGE / format_)}
    assert {"things_eeg2.py", "base.py", "published_pickles.py"} <= behind
    assert not {"algonauts2023.py", "rdms.py"} & behind
    behind = {path.name for path in code_versions.modules_behind(REPOSITORY / "workflow_scripts/gather_accuracy.py")}
    assert behind == {"__init__.py", "errors.py", "logs.py", "tables.py"}
    # No figure of training is drawn again for other code of RDMs.
    behind = {path.name for path in code_versions.modules_behind(REPOSITORY / "workflow_scripts/plot_training.py")}
    assert behind == {"__init__.py", "errors.py", "figures.py", "logs.py", "standard_errors.py"}
    a, b, c = (tmp_path / name for name in "abc")
    a.write_text('"""One."""\nx = 1  # first\n')
    b.write_text('"""Two."""\n\n\nx = 1\n')
    c.write_text("x = 2\n")
    one, same, other = (code_versions._plain(path) for path in (a, b, c))
    assert one == same != other


def test_a_scripts_fingerprint_is_of_its_own_code_and_of_what_it_imports_however(tmp_path, monkeypatch):
    from snakemake_additions import code_versions

    package = tmp_path / "early_alignment"
    package.mkdir()
    monkeypatch.setattr(code_versions, "PACKAGE", package)
    monkeypatch.setattr(code_versions, "SCRIPTS", tmp_path)

    def version(script: str, module: str) -> str:
        (tmp_path / "script.py").write_text(script)
        (package / "sums.py").write_text(module)
        for function in (code_versions.code_version, code_versions._tree, code_versions._parts, code_versions._imports):
            function.cache_clear()
        return code_versions.code_version("script.py")

    try:
        for imported in ("import early_alignment.sums", "from early_alignment import sums", "import os"):
            plain = version(f"{imported}\nx = 1\n", "y = 1\n")
            assert version(f'"""What for."""\n\n\n{imported}\nx = (  # why\n    1\n)\n', "y = 1  # one\n") == plain
            assert version(f"{imported}\nx = 2\n", "y = 1\n") != plain
            assert (version(f"{imported}\nx = 1\n", "y = 2\n") != plain) == ("sums" in imported)
            documented = version(f"{imported}\nx = 1\n", 'async def f():\n    """One."""\n    return 1\n')
            assert version(f"{imported}\nx = 1\n", 'async def f():\n    """Two."""\n    return 1\n') == documented
    finally:
        for function in (code_versions.code_version, code_versions._tree, code_versions._parts, code_versions._imports):
            function.cache_clear()
