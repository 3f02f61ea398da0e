"""`make test-mutants`: a test fails for every small change of the numeric modules, or it is stated why none can.

mutmut changes one thing at a time (an operator, a number, an argument) in a copy of the library under `.mutants/`, and
runs the tests that reach it. A change that no test fails for, a survivor, must be in `mutants.yaml` with the reason
why it is equal in effect; a listed change that is no survivor must not. Messages of errors are left as they are.

    python tests/mutants.py [module ...]
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import yaml

REPOSITORY = Path(__file__).parent.parent
LIBRARY = REPOSITORY / "workflow_scripts/early_alignment"
FOLDER = REPOSITORY / ".mutants"
LISTED = Path(__file__).with_suffix(".yaml")


class Changed(NamedTuple):
    """What is changed of a module, and what is to notice.

    Args:
        tests: Files of tests.
        selected: Which of these, as pytest's `-k`; all by default.
        functions: `function` or `Class.method`; all by default.
    """

    tests: list[str]
    selected: str = ""
    functions: tuple[str, ...] = ()


MODULES = {
    "comparison/measures": Changed(["test_measures_and_ceilings.py"]),
    "comparison/pairs": Changed(["test_pairs.py"], "not two_kinds_of_average"),
    "statistics/ceilings": Changed(["test_measures_and_ceilings.py", "test_ceilings_and_schemes.py"]),
    "geometry/controls": Changed(["test_controls.py"]),
    "noise": Changed(["test_noise.py"]),
    "half_precision": Changed(["test_rdms.py"]),
    "geometry/repetitions": Changed(["test_noise.py"]),
    "geometry/rdms": Changed(["test_rdms.py"]),
    "geometry/inner_products": Changed(["test_rdms.py"]),
    "training/recipe": Changed(
        ["test_training.py", "test_config.py"], "learning_rate or warm_up or recipe_of or made_smaller"
    ),
    "networks/features": Changed(
        ["test_features.py"],
        "means or what_is_stored or exponents_are or constant_pattern or not_finite or eight_standard or 32768 "
        "or order_of_the",
        (
            "ConditionMeans.__init__",
            "ConditionMeans.take",
            "ConditionMeans.of",
            "storable",
            "exponents_for_float16",
            "scaled",
            "refuse_large_means",
            "image_batches",
        ),
    ),
    "networks/feature_files": Changed(
        ["test_features.py"],
        "comes_back_whole or changed_byte or missing_chunk or truncated or exponents_are or unshuffled "
        "or no_feature_file or zipped_by or fields_of_its_own",
    ),
    "networks/networks": Changed(
        ["test_features.py", "test_blocks.py"],
        "calibrated or without_batch_norm or blocks_output or state_dict or other_shapes or not_torchvisions "
        "or in_words or first_tensor_is or as_far or five_nearest or first_gpu or runs_no_code or runs_are_counted "
        "or (without_features and None)",
        (
            "device",
            "untrained",
            "from_checkpoint",
            "with_state",
            "listed",
            "Activity.fault",
            "Activity.note",
            "first_tensor",
            "activities",
            "blocks_without_features",
            "nearest",
            "steps_between",
            "block_outputs",
            "numbers_of_features",
            "batchnorm_layers",
            "calibrate_batchnorm",
        ),
    ),
    "datasets/published_pickles": Changed(["test_published_pickles.py"]),
    "datasets/algonauts2023": Changed(
        ["test_datasets.py"],
        "algonauts or units_that or pattern_that",
        (
            "Algonauts2023._shared_ids",
            "Algonauts2023._labels",
            "Algonauts2023._vertices",
            "Algonauts2023.responses",
        ),
    ),
    "datasets/decoding": Changed(
        ["test_images.py"],
        "not damaged_bytes and not worker and not cut_short",
        ("_turn", "_in_rgb", "_in_8_bits", "_over"),
    ),
    "datasets/nsd": Changed(
        ["test_fmri.py"],
        "not memory",
        (
            "NSD._shown",
            "NSD._labels",
            "NSD.repetitions",
            "NSD.responses",
            "NSD.sample_of_responses",
            "standardised",
            "voxels",
            "hdf5_voxels",
        ),
    ),
    "datasets/base": Changed(
        ["test_datasets.py", "test_responses.py", "test_fmri.py"],
        "not memory",
        (
            "DataSet.patterns",
            "DataSet.repeated_patterns",
            "DataSet._usable_units",
            "DataSet.sample_of_responses",
            "named",
            "open_array",
            "of_numbers",
        ),
    ),
    "datasets/responses": Changed(
        ["test_responses.py"],
        "",
        (
            "Responses._array",
            "Responses.repetitions",
            "Responses.responses",
            "Responses._selected",
            "Responses._region_and_time",
            "Responses._inside",
        ),
    ),
    "datasets/rdms": Changed(
        ["test_datasets.py", "test_images.py"],
        "own or npy_file or test_datasets and small_inputs or stimulus_that or cross_validated or not_finite_are_said "
        "or one_triangle or halves_may or hidden_files_among_stimuli",
    ),
    "datasets/things_eeg2": Changed(
        ["test_eeg.py", "test_datasets.py"],
        "(things or test_eeg) and not rules and not time_course and not broken_recording and not raw and not session "
        "and not epoch and not covariances and not planted",
        (
            "ThingsEEG2.recording",
            "ThingsEEG2._window",
            "ThingsEEG2._single_images",
            "ThingsEEG2.responses",
            "ThingsEEG2.sample_of_responses",
            "ThingsEEG2.measured",
            "ThingsEEG2.repetitions",
            "window_of",
            "samples",
            "check_times",
            "mean_by_label",
        ),
    ),
    "datasets/things_eeg2_preprocessing": Changed(
        ["test_eeg.py"],
        "epochs or epoch or covariances or whitened or joined or planted",
        (
            "epochs",
            "chosen_repetitions",
            "shuffled",
            "mean_covariance",
            "shrunk_covariance",
            "inverse_square_root",
        ),
    ),
    "datasets/things_eeg2_channels": Changed(["test_eeg.py"], "channels"),
    "datasets/zarr_arrays": Changed(["test_responses.py"]),
}

NOT_THESE = "not imports_numpy_alone"
"""Tests that start a process, which the copy's layout has nothing for."""

SETTINGS = """
[tool.mutmut]
source_paths = ["early_alignment"]
only_mutate = ["early_alignment/{module}.py"]
do_not_mutate_patterns = ['^\\s*raise \\w+', '^\\s*f?"[^"]*"[,)]*$']
pytest_add_cli_args = ["--hypothesis-profile=repeatable", "-k", "{selected}", "-p", "no:cacheprovider"]
pytest_add_cli_args_test_selection = {tests}
also_copy = ["config.yaml"]
use_git_change_detection = false

[tool.pytest.ini_options]
pythonpath = ["."]
markers = ["slow: as in the repository", "slurm: as in the repository"]
addopts = ["-m", "not slow"]
filterwarnings = ["error::RuntimeWarning"]
"""
ENVIRONMENT = {
    # A process forked from one that has threads of these would wait for them.
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "EARLY_ALIGNMENT_DATA": os.environ.get("EARLY_ALIGNMENT_DATA", str(REPOSITORY.parent / "shared/data")),
}
KILLED = {1, 3, 24, 36, 152, 255, -9, -24}
"""Exit statuses of tests that failed or ran over their time."""


def path_of(test: str) -> Path:
    """A file of tests by its name, which is no other's."""
    (path,) = (REPOSITORY / "tests").rglob(test)
    return path


def mutmut(folder: Path, *arguments: str) -> str:
    """What mutmut prints; its progress goes to the terminal."""
    command = [Path(sys.executable).with_name("mutmut"), *arguments]
    shown = subprocess.DEVNULL if arguments[0] == "run" else subprocess.PIPE
    result = subprocess.run(command, cwd=folder, env=os.environ | ENVIRONMENT, stdout=shown, text=True)
    if result.returncode:
        raise SystemExit(f"mutmut {' '.join(arguments)} failed in {folder}")
    return result.stdout or ""


def survivors(module: str) -> tuple[int, list[str]]:
    """How many changes of a module were tried, and those that no test failed for, `function: − line + line`."""
    folder = FOLDER / module
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(LIBRARY, folder / "early_alignment", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy2(REPOSITORY / "config.yaml", folder)
    shutil.copytree(REPOSITORY / "tests", folder / "tests", ignore=shutil.ignore_patterns("__pycache__", "slurm"))
    changed = MODULES[module]
    selected = f"({changed.selected}) and {NOT_THESE}" if changed.selected else NOT_THESE
    tests = json.dumps([str(path_of(name).relative_to(REPOSITORY)) for name in changed.tests])
    (folder / "pyproject.toml").write_text(SETTINGS.format(module=module, tests=tests, selected=selected))
    mutmut(folder, "run", "--max-children", "1", *(mutmuts_names(module, name) for name in changed.functions))
    meta = json.loads((folder / f"mutants/early_alignment/{module}.py.meta").read_text())
    statuses = {name: status for name, status in meta["exit_code_by_key"].items() if status is not None}
    return len(statuses), [
        described(name, mutmut(folder, "show", name)) for name, status in statuses.items() if status not in KILLED
    ]


def mutmuts_names(module: str, function: str) -> str:
    """The pattern of mutmut's names of the changes of a function, or of a `Class.method`."""
    mangled = "ǁ" + function.replace(".", "ǁ") if "." in function else f"_{function}"
    return f"early_alignment.{module.replace('/', '.')}.x{mangled}__mutmut_*"


def described(name: str, diff: str) -> str:
    """A change by what it changes, which stays when changes are numbered otherwise."""
    mangled = name.rpartition("__mutmut_")[0].rpartition(".x")[2]  # _function or ǁClassǁmethod
    function = mangled[1:].replace("ǁ", ".")
    lines = [line for line in diff.splitlines() if line[:1] in "+-" and line[:3] not in ("---", "+++")]
    return f"{function}: " + " ".join(f"{line[0]} {line[1:].strip()}" for line in lines)


def main(modules: list[str]) -> int:
    listed = yaml.safe_load(LISTED.read_text())
    faults = 0
    for module in modules:
        tried, survived = survivors(module)
        reasons = {change for changes in listed.get(module, {}).values() for change in changes}
        print(f"{module}: {tried} changes, {tried - len(survived)} noticed, {len(survived)} equal in effect or missed")
        for heading, changes in (
            ("no test fails for", [change for change in survived if change not in reasons]),
            ("listed, but noticed by a test or no longer made", sorted(reasons.difference(survived))),
        ):
            faults += len(changes)
            for change in changes:
                print(f"    {heading}: {change}", flush=True)
    return min(faults, 1)


if __name__ == "__main__":
    os.nice(19)
    sys.exit(main(sys.argv[1:] or list(MODULES)))
