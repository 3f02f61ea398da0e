"""The whole workflow: the demo and what it must recover, the paper's config, and the report in a browser."""

import csv
import shutil
from itertools import product

import numpy as np
import pandas as pd
import pytest
import yaml
from conftest import REPOSITORY, papers_settings, run, tables_of
from early_alignment.comparison import measures
from early_alignment.experiment.config import checked
from early_alignment.experiment.grid import networks_of
from early_alignment.geometry import rdms
from early_alignment.simulation.generative_model import FAMILY_OF
from early_alignment.simulation.scenes import CATEGORIES
from scipy.spatial.distance import pdist

DEMO = yaml.safe_load((REPOSITORY / "experiments/demo.yaml").read_text())
TARGETS = [(name, target) for name, dataset in DEMO["datasets"].items() for target in dataset["targets"]]
NETWORKS = networks_of(checked(DEMO))
DRY_RUN = ("snakemake", "--dry-run", "--quiet", "reason")
CONTROLS = DEMO["alignment"]["controls"]
TABLES = sorted(tables_of("tables.smk") | tables_of("statistics.smk"))


@pytest.fixture(scope="module")
def results(finished_demo):
    return finished_demo / "results/demo"


@pytest.fixture(scope="module")
def table(results):
    return lambda name: pd.read_csv(results / f"tables/{name}.csv", dtype={"subject": str})


# The demo --------------------------------------------------------------------------------------------------------


def test_every_file_of_the_design_is_there(results):
    figures = [f"{kind}_{name}" for kind, name in product(("figure1", "specification"), NETWORKS)]
    figures += ["networks", "training"]
    expected = [f"figures/{name}.{ending}" for name in figures for ending in ("png", "svg", "pdf")]
    expected += [f"tables/{name}.csv" for name in TABLES]
    expected += [f"controls/{name}/{control}/correlation.npy" for name in DEMO["datasets"] for control in CONTROLS]
    expected += [f"stimuli/{name}.csv" for name in DEMO["datasets"]]
    for name, network in NETWORKS.items():
        for seed, epoch in product(network.seeds, network.epochs_with_checkpoint):
            place = f"{name}/seed-{seed}/epoch-{epoch}"
            expected += [f"checkpoints/{place}.pt", f"accuracy/{place}.json"]
        for (seed, epoch, view), block in product(network.looks, network.blocks):
            place = f"{name}/seed-{seed}/epoch-{epoch}/{view}/{block}"
            for dataset in DEMO["datasets"]:
                expected += [f"features/{dataset}/{place}.zarr.zip", f"geometry/{dataset}/{place}.npz"]
                expected += [f"model_rdms/{dataset}/{place}/correlation.npy"]
                expected += [f"statistics/resamples/{dataset}/{place}/correlation.npz"]
            expected += [f"alignment/{dataset}/{place}/{target}.csv" for dataset, target in TARGETS]
    assert "checkpoints/resnet50/seed-2/epoch-000+00010.pt" in expected
    assert "features/simulated_EEG/resnet50/seed-1/epoch-000/64px-calibrated/layer3.zarr.zip" in expected
    for dataset, target in TARGETS:
        for subject in DEMO["datasets"][dataset]["subjects"]:
            expected += [f"responses/{dataset}/sub-{subject}/{target}.npy"]
            expected += [f"brain_rdms/{dataset}/sub-{subject}/{target}/correlation.npy"]
    assert [name for name in expected if not (results / name).is_file()] == []


def test_a_second_run_finds_nothing_to_do(finished_demo):
    again = run("snakemake", "--profile", "profiles/demo", "--configfile", "experiments/demo.yaml", cwd=finished_demo)
    assert "Nothing to be done" in again.stdout


def test_an_experiment_on_other_data_with_the_same_trainings_trains_and_copies_nothing(finished_demo, tmp_path):
    second = DEMO | {"results": "results/second", "trained": DEMO["results"]}
    second["datasets"] = {"simulated_fMRI": DEMO["datasets"]["simulated_fMRI"]}
    (tmp_path / "second.yaml").write_text(yaml.safe_dump(second))
    listed = run(*DRY_RUN, "--configfile", tmp_path / "second.yaml", cwd=finished_demo).stdout
    rules = {line.split()[0] for line in listed.split("Job stats:")[1].split("\n\n")[0].splitlines()[3:]}
    assert {"features_resnet50", "alignment", "figure1"} <= rules
    assert not {"train", "publish_checkpoint", "fingerprint_images"} & rules


def test_the_alignment_table_is_complete_finite_and_marked(table):
    alignment = table("alignment")
    subjects = {name: len(dataset["subjects"]) for name, dataset in DEMO["datasets"].items()}
    looks = sum(len(network.looks) * len(network.blocks) for network in NETWORKS.values())
    rows = sum(subjects[name] for name, _ in TARGETS) * looks * (1 + len(CONTROLS))
    assert len(alignment) == rows == len(alignment.drop(columns=["value"]).drop_duplicates())
    assert np.isfinite(alignment["value"]).all()
    assert alignment["value"].abs().max() < 1
    for name in TABLES:
        assert (table(name)["data"] == "simulated").all(), name


def test_a_tabled_alignment_is_the_one_of_files_computed_by_hand(results, table):
    import zarr

    place = "simulated_fMRI/resnet50/seed-2/epoch-001/64px/layer3"
    store = zarr.storage.ZipStore(results / f"features/{place}.zarr.zip", mode="r")
    features = zarr.open_array(store, mode="r")[:].astype(np.float64)
    model = pdist(features, "correlation")
    np.testing.assert_allclose(np.load(results / f"model_rdms/{place}/correlation.npy"), model, atol=1e-5)
    rows = table("alignment").query(
        "dataset == 'simulated_fMRI' and network == 'resnet50' and seed == 2 and epoch == 1 and block == 'layer3' "
        "and target == 'hV4' and control == 'none'"
    )
    assert len(rows) == 3
    for row in rows.itertuples():
        brain = np.load(results / f"brain_rdms/simulated_fMRI/sub-{row.subject}/hV4/correlation.npy")
        assert row.value == pytest.approx(np.corrcoef(model, brain)[0, 1], abs=1e-5)


def test_what_a_control_leaves_of_an_alignment_is_that_of_regressions_residuals(results, table):
    place = "simulated_EEG/resnet18/seed-1/epoch-004/64px/layer2"
    model = np.load(results / f"model_rdms/{place}/correlation.npy").astype(float)
    rows = table("alignment").query(
        "dataset == 'simulated_EEG' and network == 'resnet18' and epoch == 4 and block == 'layer2' and target == '80ms'"
    )
    for row in rows[rows["control"] != "none"].itertuples():
        brain = np.load(results / f"brain_rdms/simulated_EEG/sub-{row.subject}/80ms/correlation.npy").astype(float)
        control = np.load(results / f"controls/simulated_EEG/{row.control}/correlation.npy").astype(float)
        left = [x - np.poly1d(np.polyfit(control, x, 1))(control) for x in (model, brain)]
        assert row.value == pytest.approx(np.corrcoef(*left)[0, 1], abs=1e-6)


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
    ceilings = table("noise_ceiling").query("averaged == 'normalised'")
    ceiling = ceilings.set_index(["dataset", "target"]).loc[(dataset, target)]
    assert ceiling["lower"] < planted < ceiling["upper"]
    # Subjects share the truth and nothing else, so two of them correlate by the planted ceiling squared.
    pairs = measures.compare(brain, brain)[np.triu_indices(len(brain), 1)]
    assert np.sqrt(pairs.mean()) == pytest.approx(planted, abs=0.05)


def brain_rdms(results, dataset, target):
    subjects = DEMO["datasets"][dataset]["subjects"]
    files = [results / f"brain_rdms/{dataset}/sub-{subject}/{target}/correlation.npy" for subject in subjects]
    return np.stack([rdms.load(file) for file in files])


def test_the_figure_says_that_it_is_simulated_and_shows_every_panel(results):
    text = (results / "figures/figure1_resnet50.svg").read_text()
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
        "95 % interval that generalises over",
        "3 subjects × 2 seeds",
    ):
        assert words in text, words


def test_the_untrained_network_is_looked_at_in_two_ways(table):
    alignment = table("alignment")
    of_resnet50 = alignment[alignment["network"] == "resnet50"]
    assert set(of_resnet50[of_resnet50["epoch"] == 0]["view"]) == {"64px", "64px-calibrated"}
    assert set(of_resnet50[of_resnet50["epoch"] > 0]["view"]) == {"64px"}
    both = of_resnet50[of_resnet50["epoch"] == 0].pivot_table(
        index=["dataset", "target", "subject", "seed", "block"], columns="view", values="value"
    )
    assert (both["64px"] != both["64px-calibrated"]).all()


def test_trajectories_are_means_of_the_alignments_with_intervals_around_them(table):
    """Of the network with two seeds; of the one with a single seed nothing is known, and the table says so."""
    trajectories, alignment = table("trajectories"), table("alignment")
    same = [
        "dataset",
        "target",
        "network",
        "view",
        "block",
        "distance",
        "measure",
        "pairs",
        "control",
        "scheme",
        "step",
    ]
    means = alignment.groupby([*same, alignment["epoch"].round(9)])["value"].mean()
    found = trajectories.set_index([*same, trajectories["epoch"].round(9)])["value"]
    assert len(found) == len(means)
    np.testing.assert_allclose(found.sort_index(), means.sort_index(), atol=1e-6)
    known = trajectories[trajectories["network"] == "resnet50"]
    assert (known["low"] < known["value"]).all() and (known["value"] < known["high"]).all()
    unknown = trajectories[trajectories["network"] == "resnet18"]
    assert unknown["low"].isna().all()
    assert set(unknown["status"]) == {"cannot be known: 1 of seeds"}
    assert set(table("claims")["verdict"]) <= {"holds", "fails", "undecided", "not testable"}


def test_steps_within_an_epoch_are_counted_in_epochs(table):
    images = DEMO["simulation"]["training_images"] * len(CATEGORIES)
    batch = DEMO["networks"]["resnet50"]["training"]["batch_size"]
    for name in ("alignment", "accuracy"):
        early = table(name).query("step > 0 and network == 'resnet50'")
        assert set(early["step"]) == {10}
        np.testing.assert_allclose(early["epoch"], 10 / np.ceil(images / batch))


def test_networks_learn_in_the_demo(table):
    accuracy = table("accuracy").set_index(["network", "seed", "epoch"])["top1"]
    for network, seed in (("resnet50", 1), ("resnet50", 2), ("resnet18", 1)):
        assert accuracy[network, seed, 4] > accuracy[network, seed, 0] + 0.3


def test_peaks_are_the_epochs_of_highest_mean_alignment(table):
    peaks, alignment = table("peaks"), table("alignment")
    cells = 2 * 4 * 2 + 1 * 2 * 1  # seeds × blocks × views, of both networks
    assert len(peaks) == len(TARGETS) * cells * (1 + len(CONTROLS))
    row = peaks[peaks["view"] == "64px-calibrated"].iloc[5]
    keys = ["dataset", "target", "network", "block", "control", "seed"]
    same = alignment[(alignment[keys] == row[keys]).all(axis=1)]
    same = same[(same["epoch"] > 0) | (same["view"] == "64px-calibrated")]
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
    assert {"64px.tsv", "64px-calibrated.tsv", "segment-001.tsv"} <= set(peaks)
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
    for words in ("Figures", "Tables", "model_rdms", "publish_checkpoint", "What the data say of the claims"):
        assert words in page, words


# Inputs ----------------------------------------------------------------------------------------------------------


def test_a_fresh_clone_says_which_data_are_missing_and_nothing_else(clone):
    result = run("snakemake", "-n", cwd=clone, check=False)
    assert result.returncode != 0
    for key in ("networks.resnet50.training.images", "datasets.nsd.root", "datasets.things_eeg2.root"):
        assert f"{key} unset" in result.stdout
    for words in ("roi_masks/*.npy", "image_metadata.npy", "train/<class>/", "https://osf.io/3jk45", "make demo"):
        assert words in result.stdout
    assert "Building DAG" not in result.stdout.split("the data folders")[0]
    assert "Traceback" not in result.stdout


def test_the_papers_dry_run_lists_the_papers_jobs(clone, paper_data):
    listed = run(*DRY_RUN, *papers_settings(paper_data), cwd=clone).stdout
    jobs = dict(line.split() for line in listed.split("Job stats:")[1].split("\n\n")[0].splitlines()[3:])
    tables = set(TABLES) - {"controls"}  # the paper has none
    assert jobs == {
        "checked_data": "1",
        "fingerprint_images": "1",
        "data_are_checked": "1",
        "train": "45",
        "publish_checkpoint": "455",
        "stimuli": "2",
        "features_resnet50": "60",
        "geometry_resnet50": "60",
        "model_rdms_resnet50": "60",
        "responses": "54",
        "brain_rdms": "54",
        "alignment": "720",
        "resampled_brains": "2",
        "resampled_alignment": "240",
        "gathered_resamples": "2",
        **{f"{name}_table": "1" for name in tables},
        "claims_in_words": "1",
        "figure1": "1",
        "specification_figure": "1",
        "training_figure": "1",
        "all": "1",
        "total": str(1762 + len(tables)),
    }


def test_a_wrong_config_is_one_message(clone):
    result = run("snakemake", "-n", "--config", "sedes=[1]", cwd=clone, check=False)
    assert result.returncode != 0
    assert "config key sedes" in result.stdout
    assert "Traceback" not in result.stdout


def test_the_trials_dry_run_lists_four_blocks_two_targets_and_all_epochs(clone, kriegeskorte92_root):
    (clone / "data").mkdir(exist_ok=True)
    (clone / "data/trial").symlink_to(kriegeskorte92_root.parent)
    trial = yaml.safe_load((REPOSITORY / "experiments/trial.yaml").read_text())
    listed = run(*DRY_RUN, "--configfile", "experiments/trial.yaml", cwd=clone).stdout
    network = trial["networks"]["resnet50"]
    cells = 4 * 2 * len(network["epochs"]) * len(network["seeds"])
    assert ["alignment", str(cells)] in [line.split() for line in listed.splitlines()]
