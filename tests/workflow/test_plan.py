"""The cost of an experiment before it runs, and the table at the end of a dry-run."""

import copy
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
import yaml
from conftest import REPOSITORY, papers_settings, run
from early_alignment.datasets import open_dataset
from early_alignment.experiment import costs
from early_alignment.experiment.config import checked
from early_alignment.experiment.grid import Network, networks_of
from snakemake_additions import overview

PAPER = yaml.safe_load((REPOSITORY / "config.yaml").read_text())
DEMO = networks_of(checked(yaml.safe_load((REPOSITORY / "experiments/demo.yaml").read_text())))
LOOKS = {name: len(network.looks) for name, network in DEMO.items()}
CELLS = sum(LOOKS[name] * len(network.blocks) for name, network in DEMO.items())
"""The demo's looks at checkpoints, and these times blocks; each has two data sets and six targets."""


def stages_by_rule(config, cores, gpus):
    return {stage.rule: stage for stage in costs.stages(config, cores, gpus)}


@pytest.fixture
def experiment(tmp_path):
    """The paper's grid, on a data set of twelve images of one's own."""
    for i in range(12):
        (tmp_path / "mine/stimuli").mkdir(parents=True, exist_ok=True)
        (tmp_path / f"mine/stimuli/{i:02d}.png").touch()
    for split, n in (("train", 30), ("val", 10)):
        (tmp_path / f"images/{split}/dog").mkdir(parents=True)
        for i in range(n):
            (tmp_path / f"images/{split}/dog/{i}.jpg").touch()
    mine = {"format": "rdms", "root": str(tmp_path / "mine"), "subjects": ["a", "b"], "targets": ["LOC", "PPA", "V1"]}
    config = copy.deepcopy(PAPER) | {"datasets": {"mine": mine}, "results": str(tmp_path / "results")}
    config["networks"]["resnet50"]["training"]["images"] = str(tmp_path / "images")
    return checked(config)


def test_jobs_hours_and_bytes_are_those_of_a_calculation_by_hand(experiment):
    plan = stages_by_rule(experiment, {"train": 8, "features": 4, "geometry": 2}, {"train": 1, "features": 1})
    assert {rule: stage.jobs for rule, stage in plan.items()} == {
        "train": 5 * 9,
        "features": 5 * 6,
        "geometry": 5 * 6,
        "model_rdms": 5 * 6,
        "brain_rdms": 2 * 3,
        "alignment": 5 * 6 * 4 * 3,
        "resampled_alignment": 5 * 6 * 4,
    }
    # Twelve conditions; two subjects × three targets in the sample and a thousand resamples, in float32, twice.
    assert plan["resampled_alignment"].kept == pytest.approx(5 * 6 * 4 * 6 * 1001 * 4 * 2)
    assert plan["geometry"].kept == pytest.approx(5 * 6 * 4 * 12 * 13 / 2 * 8)
    # 40 images an epoch, decoded by eight cores.
    assert plan["train"].gpu_hours == pytest.approx(5 * 90 * 40 / 800 / 3600)
    assert plan["train"].core_hours == pytest.approx(8 * plan["train"].gpu_hours)
    assert plan["train"].kept == pytest.approx(2 * 5 * 91 * 25.6e6 * 4)
    # ResNet-50's stages at 224 pixels, in float16.
    numbers = 802_816 + 401_408 + 200_704 + 100_352
    assert plan["features"].kept == pytest.approx(30 * 12 * numbers * 2 * costs.COMPRESSED)
    assert plan["alignment"].gpu_hours == 0


def test_published_sizes_stand_in_for_data_that_are_not_there():
    config = checked(PAPER)
    plan = stages_by_rule(config, {"train": 8, "features": 4}, {"train": 1, "features": 1})
    assert plan["train"].gpu_hours == pytest.approx(5 * 90 * (1_281_167 + 50_000) / 800 / 3600)
    assert plan["features"].gpu_hours == pytest.approx(5 * 6 * (16_540 + 200 + 872) / 400 / 3600)
    pairs = 1_854 * 1_853 / 2 + 872 * 871 / 2
    assert plan["model_rdms"].kept == pytest.approx(5 * 6 * 4 * pairs * 4)
    assert plan["responses"].jobs == plan["brain_rdms"].jobs == 3 * 10 + 3 * 8
    said = costs.stand_ins(config)
    assert len(said) == 3
    assert "16,740 images, 1,854 conditions" in said[1]


def test_published_sizes_are_those_of_folders_with_the_published_names(paper_data):
    nsd = checked(PAPER)["datasets"]["nsd"] | {"root": str(paper_data / "nsd")}
    there = open_dataset("nsd", nsd)
    assert len(there.stimuli()) == there.published_size()[0] == 872
    fewer = open_dataset("nsd", nsd | {"root": None, "subjects": [1, 2]})
    assert not fewer.is_there
    assert fewer.published_size() == (1000, 1000)
    things = checked(PAPER)["datasets"]["things_eeg2"]
    for conditions, average, size in (
        ("training_concepts", True, (16_540, 1_654)),
        ("test_images", True, (200, 200)),
        ("concepts", False, (16_740, 16_740)),
    ):
        settings = things | {"conditions": conditions, "average_images": average}
        assert open_dataset("things", settings).published_size() == size


def test_features_that_are_not_kept_take_room_for_one_checkpoint(experiment):
    kept = stages_by_rule(experiment, {}, {})["features"].kept
    experiment["features"]["keep"] = False
    stage = stages_by_rule(experiment, {}, {})["features"]
    assert (stage.kept, stage.peak) == (0, pytest.approx(kept / 30))


def test_jobs_that_have_run_are_believed_more_than_what_is_stated(experiment, tmp_path):
    folder = tmp_path / "results/benchmarks/alignment/mine"
    folder.mkdir(parents=True)
    for i, seconds in enumerate((1.0, 7.2, 100.0)):
        (folder / f"{i}.tsv").write_text(f"s\th:m:s\n{seconds}\t0:00:00\n")
    assert stages_by_rule(experiment, {}, {})["alignment"].core_hours == pytest.approx(360 * 7.2 / 3600)


def test_networks_views_and_steps_add_up(experiment):
    alone = stages_by_rule(experiment, {}, {})
    resnet50 = experiment["networks"]["resnet50"]
    resnet18 = copy.deepcopy(resnet50) | {"architecture": "resnet18", "blocks": ["layer1", "layer4"], "seeds": [7]}
    resnet18 |= {"epochs": [0, "0+10", 1], "calibrated": [0, "0+10"]}
    resnet18["training"] |= {"epochs": 2, "early_steps": [10, 20]}
    experiment["networks"]["resnet18"] = resnet18
    experiment["features"]["image_size"] = [32, 224]
    both = stages_by_rule(checked(experiment), {}, {})
    looks = 5 * 6 * 2 + 3 * 2 + 2 * 2  # at two sizes each; of the calibrated, as many again
    assert both["features"].jobs == looks
    assert both["geometry"].jobs == both["model_rdms"].jobs == 5 * 6 * 2 + 3 * 2 + 2 * 2
    assert both["alignment"].jobs == (5 * 6 * 2 * 4 + (3 * 2 + 2 * 2) * 2) * 3
    assert both["brain_rdms"] == alone["brain_rdms"]
    assert both["train"].jobs == 5 * 9 + 1
    # Checkpoints of epochs 0, 1, 2 and of two early steps, twice, and the optimiser's state.
    added = 11.7e6 * 4
    assert both["train"].kept - alone["train"].kept == pytest.approx(2 * 5 * added)
    assert both["train"].peak - alone["train"].peak == pytest.approx(11 * added)
    # 8 × 8 pixels of 64 channels and 1 of 512 at a side of 32; 56 × 56 and 7 × 7 at 224.
    of_resnet18 = 5 * (8 * 8 * 64 + 512 + 56 * 56 * 64 + 7 * 7 * 512)
    of_resnet50 = 30 * (8 * 8 * 256 + 4 * 4 * 512 + 2 * 2 * 1024 + 2048)
    more = both["features"].kept - alone["features"].kept
    assert more == pytest.approx(12 * (of_resnet18 + of_resnet50) * 2 * costs.COMPRESSED)


def test_an_epochs_seconds_are_those_of_its_network_where_trainings_live(experiment, tmp_path):
    experiment["trained"] = str(tmp_path / "trained")
    assert stages_by_rule(experiment, {}, {})["train"].core_hours == pytest.approx(5 * 90 * 40 / 100 / 3600)
    for folder, network, seconds in (
        ("trained", "resnet50", 7.0),
        ("trained", "another", 1000.0),
        ("results", "resnet50", 2000.0),
    ):
        path = tmp_path / f"{folder}/accuracy/{network}/seed-1/epoch-001.json"
        path.parent.mkdir(parents=True)
        path.write_text(f'{{"epoch": 1, "seconds": {seconds}}}')
    assert stages_by_rule(experiment, {}, {})["train"].core_hours == pytest.approx(5 * 90 * 7 / 3600)


def test_the_report_compares_with_the_free_disk(experiment, tmp_path):
    small = costs.Stage("features", 1, 0, 0, 1e3, 1e3)
    assert costs.report([small], tmp_path / "results")[-1].endswith("enough")
    assert costs.report([small._replace(peak=1e18)], tmp_path)[-1].endswith("TOO LITTLE")
    assert costs.report([small._replace(peak=float("nan"))], tmp_path)[-1].endswith("unknown whether enough")


def test_a_plan_does_not_import_torch():
    code = "import sys; from early_alignment.experiment import costs; from snakemake_additions import overview; "
    code += "sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY / "workflow_scripts", check=True)


def test_the_target_plan_prints_the_demos_costs(finished_demo):
    printed = run(
        "snakemake", "plan", "--profile", "profiles/demo", "--configfile", "experiments/demo.yaml", cwd=finished_demo
    ).stdout
    lines = {line.split()[0]: line.split() for line in printed.splitlines() if line.strip()}
    assert lines["alignment"][1] == str(CELLS * 6)
    assert "enough" in printed


def test_the_overview_counts_what_is_done_missing_and_stale_and_why():
    jobs = [("alignment", None)] * 3 + [("alignment", "missing")] * 2 + [("alignment", "input changed")]
    jobs += [("tables", "input to be made"), ("all", "input to be made")]
    text = overview.table(overview.counted(jobs))
    rows = {line.split()[0]: line.split()[1:] for line in text if line}
    assert rows["alignment"] == ["3", "2", "1", "input", "changed", "1"]
    assert "all" not in rows


def test_a_dry_run_ends_with_the_overview(finished_demo):
    printed = run(
        "snakemake", "-n", "--configfile", "experiments/demo.yaml", "--config", "alignment={measures: [spearman]}",
        cwd=finished_demo,
    ).stdout  # fmt: skip
    rows = {line.split()[0]: line.split()[1:] for line in printed.split("why stale")[1].splitlines() if line}
    assert rows["alignment"] == ["0", "0", f"{CELLS * 6}", "config", "or", "code", "changed", f"{CELLS * 6}"]
    assert {name: rows[f"features_{name}"] for name in DEMO} == {
        name: [f"{2 * LOOKS[name]}", "0", "0"] for name in DEMO
    }


def test_a_mistyped_target_is_refused_by_name(finished_demo):
    for wrong in (
        "results/demo/model_rdms/simulated_fMRI/resnet50/seed-9/epoch-001/64px/layer1/correlation.npy",
        "figuer1",
    ):
        refused = run("snakemake", "-n", wrong, "--configfile", "experiments/demo.yaml", cwd=finished_demo, check=False)
        assert refused.returncode != 0
        assert wrong in refused.stdout.split("MissingRuleException")[1]


def test_make_overview_prints_the_table_alone(finished_demo):
    command = ("make", "--assume-old=.venv/installed", f"BIN={Path(sys.executable).parent}", "overview")
    printed = run(*command, "CONFIG=experiments/demo.yaml", cwd=finished_demo).stdout
    head, *lines = [line for line in printed.splitlines() if line]
    assert head.split() == ["rule", "done", "missing", "stale", "why", "stale"]
    rows = {line.split()[0]: line.split()[1:] for line in lines}
    assert len(rows) == len(lines)
    assert rows["alignment"] == [f"{CELLS * 6}", "0", "0"]


def rows_of(printed: str) -> dict[str, list[str]]:
    return {line.split()[0]: line.split()[1:] for line in printed.split("why stale")[1].splitlines() if line}


def test_the_papers_dry_run_ends_with_what_is_missing(clone, paper_data):
    rows = rows_of(run("snakemake", "-n", *papers_settings(paper_data), cwd=clone).stdout)
    assert rows["train"] == ["0", "45", "0"]
    assert rows["alignment"] == ["0", "720", "0"]


def test_numbers_of_features_and_parameters_are_those_of_torchvision():
    import torch
    import torchvision
    from early_alignment.networks import networks

    for architecture, millions in costs.PARAMETERS.items():
        with torch.device("meta"):
            network = torchvision.models.get_model(architecture)
        assert sum(p.numel() for p in network.parameters()) == pytest.approx(millions, rel=0.005)
        for side in (64, 224, 225):
            of_it = Network("net", {"architecture": architecture}, {})
            blocks = ["layer1", "layer2", "layer3", "layer4"]
            found = networks.surveyed(networks.without_weights(architecture), architecture, side, "anywhere")
            expected = networks.numbers_of_features(blocks, found)
            stated = {block: costs.features_of(Path("nowhere"), of_it, "any", f"{side}px", block) for block in blocks}
            assert stated == expected


# Linux counts what a process had before it became another program. So a small interpreter starts the dry-run, not that
# of the tests, which may have more memory than a dry-run takes.
MEASURE = """
import resource, subprocess, sys
returncode = subprocess.call(sys.argv[2:])
used = resource.getrusage(resource.RUSAGE_CHILDREN)
with open(sys.argv[1], "w") as file:
    print(used.ru_utime + used.ru_stime, used.ru_maxrss / 1000, file=file)
sys.exit(returncode)
"""


def measured_dry_run(folder, *options) -> tuple[str, float, float]:
    """What a dry-run printed, its processor seconds, and the most megabytes that it had."""
    command = ("snakemake", "-n", "--quiet", "all", *options)
    with tempfile.NamedTemporaryFile("r") as measured:
        text = run(sys.executable, "-c", MEASURE, measured.name, *command, cwd=folder).stdout
        seconds, megabytes = map(float, measured.read().split())
    print(f"{seconds:.1f} s, {megabytes:.0f} MB")
    return text, seconds, megabytes


def test_a_dry_run_of_all_epochs_costs_little_more_than_a_plain_one(clone, paper_data, tmp_path):
    """5 seeds × 91 epochs × 4 blocks × 6 targets, about 16,000 jobs; without results, and with all of them."""
    options = papers_settings(paper_data, "all", results=str(tmp_path / "results"))
    _, plain, _ = measured_dry_run(tmp_path, "--snakefile", Path(__file__).with_name("plain.smk"))
    printed, seconds, megabytes = measured_dry_run(clone, *options)
    assert rows_of(printed)["alignment"] == ["0", "10920", "0"]
    assert seconds < 1.5 * plain
    assert megabytes < 800

    table = run("snakemake", "--summary", *options, cwd=clone).stdout
    files = [Path(line.split("\t")[0]) for line in table[table.index("output_file\t") :].splitlines()[1:]]
    order = [
        "checked_data.txt",
        "labelled_images",
        "training",
        "checkpoints",
        "accuracy",
        "stimuli",
        "features",
        "geometry",
        "model_rdms",
    ]
    order += ["responses", "brain_rdms", "statistics", "alignment", "tables", "figures"]
    now = time.time()  # scripts and data are older
    for path in files:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        date = now + order.index(path.relative_to(tmp_path / "results").parts[0])
        os.utime(path, (date, date))
    printed, seconds, _ = measured_dry_run(clone, *options)
    assert rows_of(printed)["alignment"] == ["10920", "0", "0"]
    assert all(row[1:3] == ["0", "0"] for row in rows_of(printed).values())
    assert seconds < 1.5 * plain
