"""Every command of the documentation is run by a test, or marked as not run.

A command is a line of a block of shell, or words between backquotes that begin as commands do. One that no test runs
says so beside it, by a comment `# not run by the tests: why`, or stands with its reason in the table of
docs/testing.md.
"""

import csv
import re
import textwrap
from fnmatch import fnmatch
from pathlib import Path

import pytest
import torch
import yaml
from conftest import REAL_DATA, REPOSITORY, copy_of_repository, files_to_make, papers_settings, run
from snakemake.utils import update_config

DOCUMENTS = [REPOSITORY / "README.md", REPOSITORY / "CONTRIBUTING.md", *sorted((REPOSITORY / "docs").glob("*.md"))]
FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```", flags=re.MULTILINE | re.DOTALL)
BEGINS_AS_A_COMMAND = re.compile(
    r"(\.venv/bin/[\w-]+|make|snakemake|pip|python3?|pytest|git|squeue|scancel|sbatch|tensorboard|conda) +\S"
    r"|--[a-z][a-z-]*[ =]\S"
)
NOT_RUN = "# not run by the tests: "

DRY_RUN = {
    "make demo": "make --dry-run demo",
    "make demo-whole": "make --dry-run demo-whole",
    "make help": "make help",
    "make test": "make --dry-run test",
    "make test-unit": "make --dry-run test-unit",
    "make test-gpu": "make --dry-run test-gpu",
    "make test-slow": "make --dry-run test-slow",
    "make test-slurm": "make --dry-run test-slurm",
    "make test-mutants": "make --dry-run test-mutants",
    "make trial": "make --dry-run trial DATA=data/trial",
    "make trial DATA=<folder>": "make --dry-run trial DATA=data/trial",
    "make bench": "make --dry-run bench",
    "make pictures": "make --dry-run pictures",
    "make docs": "make --dry-run docs",
    "snakemake --cores all --configfile experiments/trial.yaml": "{} -n",
    "snakemake --snakefile rules/download.smk --cores 2 --config folder=/data/things_eeg2": "{} -n",
    "snakemake check --cores all": "{} -n",
    "snakemake -n --quiet reason": "{}",
    "snakemake --profile profiles/local": "{} -n",
    "snakemake plan --profile slurm": "{} -n",
    "snakemake --rulegraph": "{}",
    "snakemake --filegraph": "{} results/alignment/nsd/resnet50/seed-1/epoch-090/224px/layer4/V1v.csv",
    "snakemake --unlock": "{}",
    "snakemake --cores 1 --debug <file>": "snakemake --cores 1 -n --debug results/stimuli/nsd.csv",
    "--config 'networks={resnet50: {seeds: [1, 3]}}'": "snakemake -n {}",
    "snakemake check": "{} -n",
    "make overview": "make --dry-run overview",
    "make overview CONFIG=my_experiment.yaml": "make --dry-run overview CONFIG=config.yaml",
    "snakemake check --cores all --configfile my_experiment.yaml": "snakemake check -n --configfile config.yaml",
    "--set-resources train:gpu=4": "snakemake -n {}",
}
"""Command → what is run of it here, where `{}` is the command itself."""

ELSEWHERE = {
    "snakemake -n": "test_the_papers_dry_run_lists_the_papers_jobs",
    "snakemake --profile slurm": "test_the_rerun_completes_and_leaves_nothing_to_do",
    "snakemake --configfile experiments/demo.yaml --report report.html": (
        "test_the_report_shows_figure_captions_and_provenance_in_a_browser"
    ),
    "snakemake --profile profiles/demo --configfile experiments/demo.yaml "
    "--config 'networks={resnet50: {training: {epochs: 6}}}'": (
        "test_exactly_what_a_change_concerns_is_to_be_made_again"
    ),
    "git checkout": "test_exactly_what_a_change_concerns_is_to_be_made_again",
    "pytest tests/unit/comparison/test_pairs.py -s -k trajectory": (
        "test_two_kinds_of_average_make_a_trajectory_out_of_nothing_that_within_partitions_does_not_have"
    ),
    "python benchmarks/compression.py results/demo/features/*/resnet50/seed-1/epoch-00[04]/64px/layer[14].zarr.zip": (
        "test_the_benchmark_of_compressors_reads_the_demos_features"
    ),
}
"""Command → the test that runs it."""


def blocks(document: Path, *languages: str) -> list[str]:
    return [body for language, body in FENCE.findall(document.read_text()) if language in languages]


def as_typed(words: str) -> str:
    """A command on one line, without where its program lies."""
    return " ".join(words.split()).removeprefix(".venv/bin/")


def marked(document: Path) -> dict[str, bool]:
    """The commands of a document, and whether they are marked as not run."""
    found, above = {}, False
    for body in blocks(document, "sh", "bash", "console", "shell"):
        for line in body.replace("\\\n", " ").splitlines():
            command, comment, why = line.partition("#")
            if command.strip():
                found[as_typed(command)] = above or (comment + why).startswith(NOT_RUN)
            above = not command.strip() and line.strip().startswith(NOT_RUN)
    text = document.read_text()
    spans = re.findall(r"`([^`]+)`", FENCE.sub("", text))
    loose = [line for body in blocks(document, "", "text") for line in body.splitlines()]
    for words in (" ".join(words.split()) for words in [*spans, *loose]):
        if BEGINS_AS_A_COMMAND.match(words):
            found.setdefault(as_typed(words), False)
    return found


def not_run() -> set[str]:
    """The commands in the table of docs/testing.md."""
    section = (REPOSITORY / "docs/testing.md").read_text().split("## Commands that no test runs")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `([^`]+)` \| (.+) \|$", section, flags=re.MULTILINE)
    return {as_typed(command) for command, why in rows if why.strip()}


def test_every_command_is_run_by_a_test_or_marked():
    found = [(document.name, *item) for document in DOCUMENTS for item in marked(document).items()]
    assert len(found) > 20
    known = {*DRY_RUN, *ELSEWHERE, *not_run()}
    assert [(name, command) for name, command, is_marked in found if not (is_marked or command in known)] == []
    documented = {command for _, command, _ in found}
    assert sorted(known - documented) == [], "run, but documented nowhere"


def test_tests_that_are_said_to_run_a_command_exist():
    source = "\n".join(path.read_text() for path in (REPOSITORY / "tests").rglob("test_*.py"))
    assert [name for name in ELSEWHERE.values() if f"\ndef {name}(" not in source] == []


@pytest.fixture(scope="module")
def set_up(tmp_path_factory, paper_data) -> Path:
    """A clone whose config says where data are, with the trial's linked."""
    folder = copy_of_repository(tmp_path_factory.mktemp("set_up"))
    config = yaml.safe_load((folder / "config.yaml").read_text())
    _, *settings = papers_settings(paper_data)
    for setting in settings:
        key, _, value = setting.partition("=")
        update_config(config[key], yaml.safe_load(value))
    config["networks"]["resnet50"] |= {"seeds": [1], "epochs": [0, 90]}  # a part of the paper's jobs, to be quick
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    (folder / "data").mkdir()
    (folder / "data/trial").symlink_to(REAL_DATA)
    for name in ("demo", "demo_whole", "trial"):  # figures that make thinks of as made before the report
        figure = folder / f"results/{name}/figures/figure1_resnet50.png"
        figure.parent.mkdir(parents=True)
        figure.touch()
    return folder


@pytest.mark.parametrize("command", DRY_RUN)
def test_a_command_works_as_it_is_written(set_up, command):
    if "trial" in command and not REAL_DATA.is_dir():
        pytest.skip(f"no {REAL_DATA}, where the trial's data are looked for")
    printed = run("bash", "-c", DRY_RUN[command].format(command), cwd=set_up).stdout
    assert "Traceback" not in printed
    if "seeds: [1, 3]" in command:
        assert set(re.findall(r"seed-(\d)/epoch", printed)) == {"1", "3"}


def test_make_demo_is_what_the_tests_of_the_demo_run(set_up):
    printed = run("make", "--dry-run", "demo", cwd=set_up).stdout
    assert "snakemake --profile profiles/demo --configfile experiments/demo.yaml;" in printed


def test_files_of_the_demo_that_commands_name_are_files_of_the_demo(clone):
    named = {
        name
        for document in DOCUMENTS
        for command in marked(document)
        for name in re.findall(r"results/demo/\S+\.\S+", command)
    }
    assert named
    command = next(command for command in ELSEWHERE if "training: {epochs: 6}" in command)
    options = command.partition("--configfile experiments/demo.yaml ")[2].replace("'", "").split(maxsplit=1)
    made = files_to_make("experiments/demo.yaml", *options, cwd=clone)
    assert [pattern for pattern in named if not any(fnmatch(file, pattern) for file in made)] == []


def test_the_benchmark_of_compressors_reads_the_demos_features(tmp_path):
    import numpy as np
    from early_alignment.networks.feature_files import FeatureWriter

    folder = copy_of_repository(tmp_path)
    for epoch in ("000", "004"):
        for block in ("layer1", "layer4"):
            path = folder / f"results/demo/features/simulated_EEG/resnet50/seed-1/epoch-{epoch}/64px/{block}.zarr.zip"
            path.parent.mkdir(parents=True, exist_ok=True)
            writer = FeatureWriter(path, ["a", "b"])
            writer.add(np.random.default_rng(0).normal(size=(2, 50)).astype(np.float16))
            writer.close()
    command = next(command for command in ELSEWHERE if "compression.py" in command)
    printed = run("bash", "-c", command, cwd=folder).stdout
    rows = list(csv.reader(printed.splitlines(), delimiter="|"))
    assert {row[1].strip() for row in rows[2:]} == {
        f"epoch-{epoch}/64px/{block}" for epoch in ("000", "004") for block in ("layer1", "layer4")
    }


def test_yaml_of_the_documentation_is_config():
    from early_alignment.experiment.config import checked

    paper = yaml.safe_load((REPOSITORY / "config.yaml").read_text())
    fragments = [yaml.safe_load(textwrap.dedent(body)) for document in DOCUMENTS for body in blocks(document, "yaml")]
    assert fragments
    for fragment in fragments:
        if not fragment.keys() <= paper.keys():  # keys of a data set
            fragment = {"datasets": {"nsd": paper["datasets"]["nsd"] | fragment}}
        assert checked(paper | fragment)["datasets"].keys() == fragment.get("datasets", paper["datasets"]).keys()


def test_python_of_the_documentation_reads_a_checkpoint(tmp_path, monkeypatch):
    from early_alignment.networks import checkpoints

    lines = [body for document in DOCUMENTS for body in blocks(document, "python")]
    assert len(lines) == 1, "a test runs one line of Python of the documentation"
    path = tmp_path / re.search(r'"(results/.+\.pt)"', lines[0])[1]
    path.parent.mkdir(parents=True)
    checkpoints.save(torch.nn.Linear(2, 2), path, {"epoch": 90, "precision": "tf32"})
    monkeypatch.chdir(tmp_path)
    assert eval(lines[0].strip(), {"torch": torch}) == {"epoch": 90, "precision": "tf32"}
