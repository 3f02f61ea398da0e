"""What is wrong with a config is said by its key, in words, and all at once."""

import copy
import datetime
import json
import math
import re
from itertools import chain

import numpy as np
import pandas as pd
import pytest
import yaml
from conftest import REPOSITORY, run
from early_alignment.comparison import alignment
from early_alignment.errors import InputError
from early_alignment.experiment import config as library
from early_alignment.experiment import config_files
from early_alignment.networks import architectures
from early_alignment.pictures import figures
from early_alignment.statistics import curve_tables, tables
from hypothesis import given, settings
from hypothesis import strategies as st

PAPER = yaml.safe_load((REPOSITORY / "config.yaml").read_text())
NSD, EEG = ("datasets", "nsd"), ("datasets", "things_eeg2")
NETWORK = ("networks", "resnet50")
TRAINING = (*NETWORK, "training")

VOCABULARY = re.compile(
    r"schema|not valid under|is not of type|is not one of|required property|does not match|non-unique|non-empty|"
    r"was unexpected|is less than|is greater than|too short|too long|Traceback|NoneType|\\Z|\[A-Z"
)
"""Words of JSON Schema and of Python, which no user need know."""


def changed(*changes) -> dict:
    """The paper's config with other values, from pairs of a key path and a value."""
    config = copy.deepcopy(PAPER)
    for path, value in changes:
        place = config
        for key in path[:-1]:
            place = place.setdefault(key, {})
        place[path[-1]] = value
    return config


def refusal(config, files=()) -> InputError:
    """The error of a config that must have one, which speaks plainly."""
    with pytest.raises(InputError) as caught:
        library.checked(config, files)
    assert not VOCABULARY.search(str(caught.value)), caught.value
    return caught.value


# Names that mean one thing


@pytest.mark.parametrize("seeds", [[1, 1.0], ["1", 1], [1, "1.0"]])
def test_a_seed_twice_is_refused_however_it_is_written(seeds):
    assert refusal(changed(((*NETWORK, "seeds"), seeds))).found.endswith("more than once")


@pytest.mark.parametrize("subjects", [[1, "01"], ["1", 1], [2, "1", "001"], [1, 1.0]])
def test_a_subject_twice_is_refused_where_subjects_are_numbers(subjects):
    assert "datasets.nsd.subjects" in refusal(changed(((*NSD, "subjects"), subjects))).where


def test_numbered_subjects_have_one_name():
    for written in ([1, 2], ["01", "02"], ["1", 2.0]):
        config = library.checked(changed(((*NSD, "subjects"), written)))
        assert list(map(repr, config["datasets"]["nsd"]["subjects"])) == ["1", "2"]


def own(format_, **more) -> dict:
    return {"format": format_, "root": "/data", "subjects": ["anna"], "targets": ["LOC"]} | more


@pytest.mark.parametrize("format_", ["responses", "rdms"])
def test_own_names_of_subjects_are_names(format_):
    kept = library.checked(changed((("datasets", "x"), own(format_, subjects=["1", "01", "anna"]))))
    assert kept["datasets"]["x"]["subjects"] == ["1", "01", "anna"]
    for twice in ([1, "1"], ["anna", "Anna"]):
        error = refusal(changed((("datasets", "x"), own(format_, subjects=twice))))
        assert (error.where, "mean the same" in error.found) == ("config key datasets.x.subjects", True)


def test_whole_numbers_are_whole_in_the_names_of_files_too():
    as_floats = library.checked(changed(((*NETWORK, "seeds"), [1.0, 2.0]), ((*NETWORK, "epochs"), [0.0, 9.0])))
    of_network = as_floats["networks"]["resnet50"]
    assert list(map(repr, of_network["seeds"] + of_network["epochs"])) == ["1", "2", "0", "9"]
    assert library.checked(changed(((*TRAINING, "learning_rate"), 1.0))) == library.checked(
        changed(((*TRAINING, "learning_rate"), 1))
    )


@pytest.mark.parametrize(
    ("settings_", "twice"),
    [
        ({"targets": ["80ms", "080ms"]}, "'80ms' and '080ms'"),
        ({"targets": ["170±10ms", "160-180ms"]}, "'170±10ms' and '160-180ms'"),
        ({"targets": ["0ms", "-0ms"]}, "'0ms' and '-0ms'"),
        ({"targets": ["170ms", "170±0ms"]}, "'170ms' and '170±0ms'"),
    ],
)
def test_one_time_written_in_two_ways_is_refused(settings_, twice):
    config = changed(*(((*EEG, key), value) for key, value in settings_.items()))
    assert refusal(config).found.startswith(twice)


@pytest.mark.parametrize(
    ("targets", "regions"),
    [
        (["V1v", "early"], {"early": ["V1v"]}),
        (["one", "other"], {"one": ["V1v", "V1d"], "other": ["V1d", "V1v"]}),
        (["V1v", "v1v"], {}),
    ],
)
def test_one_region_under_two_names_is_refused(targets, regions):
    config = changed(((*NSD, "targets"), targets), ((*NSD, "regions"), regions))
    assert refusal(config).found == f"{targets[0]!r} and {targets[1]!r}, which mean the same"


def test_targets_of_own_responses_are_told_apart_by_region_and_time():
    twice = [["V1v_170ms", "V1v_0170ms"], ["170ms", "all_170ms"], ["V1v_160-180ms", "V1v_170±10ms"]]
    for targets in twice:
        assert "mean the same" in refusal(changed((("datasets", "x"), own("responses", targets=targets)))).found
    apart = ["V1v_170ms", "V1d_170ms", "170ms", "V1v_160-180ms", "V1v", "all"]
    library.checked(changed((("datasets", "x"), own("responses", targets=apart))))


def test_a_union_among_its_own_regions_is_refused():
    error = refusal(changed(((*NSD, "regions"), {"V1v": ["V1v", "V1d"]})))
    assert error.where == "config key datasets.nsd.regions.V1v"


def test_data_sets_that_differ_in_case_alone_are_refused():
    assert "'nsd' and 'NSD'" in refusal(changed((("datasets", "NSD"), PAPER["datasets"]["nsd"]))).found


# What a value is read as


def written(folder, text, name="config.yaml"):
    """The paper's config file with lines added, and what YAML makes of it."""
    file = folder / name
    file.write_text(text)
    return yaml.safe_load(text), [file]


@pytest.mark.parametrize(
    ("spelled", "read"), [("010", 8), ("1_0", 10), ("0x10", 16), ("1:30", 90), ("0b11", 3), ("1:30.5", 90.5), ("01", 1)]
)
@pytest.mark.parametrize(
    "line",
    ["networks: {{a: {{seeds: [2, {}]}}}}", "epochs:\n  - {}", "datasets: {{nsd: {{subjects: [{}]}}}}"],
)
def test_a_number_that_is_read_as_another_is_refused_by_line(tmp_path, spelled, read, line):
    config, files = written(tmp_path, "results: x\n" + line.format(spelled))
    message = str(refusal(config, files))
    assert f"{spelled}, which YAML reads as {read}" in message
    assert f"config.yaml, line {3 if line.startswith('epochs') else 2}, " in message
    assert f'write {read}, or "{spelled}"' in message


def test_numbers_as_people_write_them_are_not_refused(tmp_path):
    text = "[0, 1, -1, +1, 10, 1.5, .5, 1., 1.0e-4, -2.5e+3, 1e-4, '010', \"1:30\", .nan, -.inf, text, true]"
    assert config_files.read(written(tmp_path, f"seeds: {text}")[1][0]) == ([], {})


@pytest.mark.parametrize("spelled", ["on", "no", "Yes", "2001-12-14"])
def test_a_word_that_is_read_as_another_kind_is_shown_as_written(tmp_path, spelled):
    config, files = written(tmp_path, f"networks: {{resnet50: {{seeds: [{spelled}]}}}}")
    assert f"seeds: {spelled}, which YAML reads as " in str(refusal(config, files))


def test_booleans_in_their_places_may_be_written_as_yaml_knows_them(tmp_path):
    text = (REPOSITORY / "config.yaml").read_text().replace("keep: true", "keep: off")
    assert library.checked(*written(tmp_path, text))["features"]["keep"] is False


def test_exponents_without_a_point_are_numbers():
    """YAML 1.1 takes 1e-4 for text."""
    config = changed(*(((*TRAINING, key), yaml.safe_load(text)) for key, text in (("weight_decay", "1e-4"),)))
    assert library.checked(config)["networks"]["resnet50"]["training"]["weight_decay"] == 0.0001


@pytest.mark.parametrize("text", ["010", "1_000", "0x10", "1:30", "nan", ".inf", "one", "", "[", "1e999"])
def test_text_that_is_no_plain_number_is_none_on_the_command_line_either(text):
    assert refusal(changed(((*NETWORK, "seeds"), [text]))).where == "config key networks.resnet50.seeds"


@pytest.mark.parametrize("key", [2023, True, None, 1.5, datetime.date(2023, 1, 1)])
def test_a_name_that_yaml_reads_as_no_text_is_refused(key):
    error = refusal(changed((("datasets", key), PAPER["datasets"]["nsd"])))
    assert (error.where, error.remedy) == ("config key datasets", "write the name in quotes")
    library.checked(changed((("datasets", str(key).replace("-", "_").replace(".", "_")), PAPER["datasets"]["nsd"])))


def test_a_name_that_looks_like_a_number_stays_a_name_in_tables_and_figures(tmp_path):
    rng = np.random.default_rng(0)
    np.save(tmp_path / "model.npy", rng.random(6, dtype=np.float32))
    labels = {"dataset": "2023", "target": "NA", "network": "1e5", "seed": "1", "view": "224px", "block": "1.0"}
    for epoch in ("000", "001"):
        files = {"cosine": alignment.Files(tmp_path / "model.npy", {"007": tmp_path / "model.npy"}, {})}
        alignment.align(tmp_path / f"{epoch}.csv", files, ["whitened"], ["all"], None, labels | {"epoch": epoch})
    aligned = tables.alignment([tmp_path / "000.csv", tmp_path / "001.csv"], "measured", {}).assign(missing=np.nan)
    ceilings = {"dataset": "2023", "target": "NA", "measure": "whitened", "pairs": "all", "lower": 0.1, "upper": 0.2}
    ceilings |= {"subjects": 1, "distance": "cosine", "scheme": "subjects_then_average", "averaged": "normalised"}
    ceilings = pd.DataFrame([ceilings])
    drawn = curve_tables.trajectories([], aligned, ceilings, ("subjects",), "measured")
    for name, table in (("aligned", aligned), ("ceilings", ceilings), ("drawn", drawn)):
        table.to_csv(tmp_path / name, index=False)
        # Numbers of pairs may be missing; read from a file, whole numbers are plain ones where none is.
        whole = table.astype({"n_pairs": int}) if "n_pairs" in table else table
        pd.testing.assert_frame_equal(tables.read(tmp_path / name), whole)
    (panel,) = figures.alignment_over_training(
        tables.read(tmp_path / "drawn"), tables.read(tmp_path / "ceilings"), None, ["2023"], ["1.0"]
    ).axes
    assert any(len(line.get_xdata()) for line in panel.lines)


# Keys given twice


def test_a_key_given_twice_is_refused_by_both_its_lines(tmp_path):
    paper = (REPOSITORY / "config.yaml").read_text()
    first = paper.splitlines().index("    seeds: [1, 2, 3, 4, 5]") + 1
    error = refusal(*written(tmp_path, paper.replace("    checkpoints: null\n", "    seeds: [7]\n")))
    second = paper.splitlines().index("    checkpoints: null") + 1
    assert error.where.endswith(f"config.yaml, line {second}")
    assert error.found == f"the key networks.resnet50.seeds again, after line {first}"


@pytest.mark.parametrize(
    "text", ["datasets:\n  a: {root: x}\n  b: {root: x, root: y}", '{"datasets": {"b": {"root": 1,\n\t"root": 2}}}']
)
def test_a_key_given_twice_is_refused_at_any_depth_and_in_json(tmp_path, text):
    file = tmp_path / "config.json"
    file.write_text(text)
    (error,), _ = config_files.read(file)
    assert error.found.startswith("the key datasets.b.root again, after line")


def test_merge_keys_and_anchors_work(tmp_path):
    text = "a: &a {x: 1, y: 2}\nb: &b {<<: *a, x: 3}\nc: {<<: [*a, *b], y: 4}\nd: [*a, *a]"
    config, (file,) = written(tmp_path, text)
    assert config["b"] == {"x": 3, "y": 2}
    assert config_files.read(file) == ([], {})


@pytest.mark.parametrize("wrong_", ["x: 1, x: 2", "x: 010"])
def test_what_is_wrong_at_an_anchor_is_said_once(tmp_path, wrong_):
    _, (file,) = written(tmp_path, f"a: {{t: &a {{{wrong_}}}}}\nb: {{t: *a}}\nc: {{t: {{<<: *a, y: 2}}}}")
    (error,), _ = config_files.read(file)
    assert ("a.t.x" in str(error), "line 1" in error.where) == (True, True)


def test_an_alias_within_itself_is_refused(tmp_path):
    assert "alias" in refusal(*written(tmp_path, "seeds: &a [1, *a]")).found


def test_every_config_file_is_looked_over(tmp_path):
    paper = REPOSITORY / "config.yaml"
    _, (second,) = written(tmp_path, "rdm: {distance: cosine}\nrdm: {distance: correlation}", "second.yaml")
    assert "second.yaml, line 2" in refusal(PAPER, [paper, second]).where
    assert library.checked(PAPER, [paper]) == library.checked(PAPER)


@pytest.mark.jobs
def test_the_workflow_refuses_a_key_given_twice(clone, tmp_path):
    file = tmp_path / "twice.yaml"
    file.write_text((REPOSITORY / "experiments/demo.yaml").read_text() + "\nrdm: {x: 010}\nrdm: {}\n")
    shown = run("snakemake", "-n", "--configfile", file, cwd=clone, check=False)
    assert shown.returncode != 0
    assert "the key rdm again" in shown.stdout
    assert "010, which YAML reads as 8" in shown.stdout
    assert "Traceback" not in shown.stdout


# Paths


def test_a_home_folder_is_spelled_out_wherever_a_path_is_given(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    keys = [("results",), ("trained",), (*TRAINING, "images"), (*NSD, "root"), (*EEG, "images")]
    checkpoints = ((*NETWORK, "checkpoints"), "~/checkpoints/{seed}_{epoch}")
    config = library.checked(changed(checkpoints, *((key, f"~/{key[-1]}") for key in keys)))
    network = config["networks"]["resnet50"]
    assert (config["results"], config["trained"]) == ("/home/me/results", "/home/me/trained")
    assert network["training"]["images"] == "/home/me/images"
    assert config["datasets"]["nsd"]["root"] == "/home/me/root"
    assert config["datasets"]["things_eeg2"]["images"] == "/home/me/images"
    assert network["checkpoints"] == "/home/me/checkpoints/{seed}_{epoch}"


@pytest.mark.parametrize("results", ["$HOME/x", "${HOME}/x", "$NOWHERE", "~no_such_user/x", "a{b", "a}b", "<results>/x",
                                     "a\nb", "a\0b", "", " ", " x", "x "])  # fmt: skip
@pytest.mark.parametrize("key", ["results", "trained"])
def test_a_results_folder_that_is_not_what_it_seems_is_refused(results, key):
    assert refusal(changed(((key,), results))).where == f"config key {key}"


@pytest.mark.parametrize("results", ["a b", "it's", 'say "x"', "x/$(touch y)", "Ergebnisse für α", "~x~/y", "a,b;c&d"])
def test_other_characters_are_right(results):
    key = changed((("results",), results.replace("~x", "x")))
    assert library.checked(key)["results"] == results.replace("~x", "x")


def test_one_folder_has_one_spelling():
    spelled = [library.checked(changed((("results",), path)))["results"] for path in ("x/y", "./x//y/", "x/./y")]
    assert spelled == ["x/y"] * 3


@pytest.mark.parametrize("key", [(*TRAINING, "images"), (*NSD, "root"), (*EEG, "root")])
@pytest.mark.parametrize(
    ("results", "data"), [("a", "a"), ("a", "a/b"), ("a/b", "a"), ("link", "a"), ("a/c/..", "a"), ("./a/", "a/")]
)
@pytest.mark.parametrize("folder", ["results", "trained"])
def test_results_share_no_folder_with_data(key, results, data, folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a/c").mkdir(parents=True)
    (tmp_path / "link").symlink_to("a")
    error = refusal(changed(((folder,), results), (key, data)))
    assert (error.where, ".".join(key) in error.found) == (f"config key {folder}", True)
    library.checked(changed(((folder,), "ab"), (key, "a")))


def test_results_share_no_folder_with_the_workflow_or_with_all_else(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for results in (".", "..", "/", str(tmp_path), "~", str(REPOSITORY), str(REPOSITORY.parent)):
        for key in ("results", "trained"):
            error = refusal(changed(((key,), results)))
            assert (error.where, "shares a folder with" in error.found) == (f"config key {key}", True), results


def test_trainings_may_live_among_the_results_of_this_or_another_experiment():
    for trained in ("results", "results/shared", "elsewhere"):
        assert library.checked(changed((("trained",), trained)))["trained"] == trained
    assert library.checked(PAPER)["trained"] is None


def test_results_are_no_file(tmp_path):
    (tmp_path / "file").touch()
    for path in ("file", "file/below"):
        for key in ("results", "trained"):
            assert f"{tmp_path}/file, a file" in refusal(changed(((key,), f"{tmp_path}/{path}"))).found


@pytest.mark.parametrize("key", [(*TRAINING, "images"), (*NSD, "root"), (*NETWORK, "checkpoints")])
def test_an_empty_path_is_refused(key):
    assert refusal(changed((key, ""))).where == f"config key {'.'.join(key)}"


# Checkpoints from elsewhere


@pytest.mark.parametrize(
    "pattern",
    ["{seed.nope}/{epoch}", "{seed!r}/{epoch}", "{0}/{seed}{epoch}", "{}/{seed}{epoch}", "{seed}/{epoch:zz}",
     "{seed}/{epoch", "{seed}/epoch}", "{seed}/x", "{seed}/{epoch:5.1f}", "{seed}/{epoch:{seed}}", "{seed}/{epoch[0]}",
     "{seed}/{epoch:0999999999d}", "{seed}/{step}{epoch}"],
)  # fmt: skip
def test_a_pattern_that_names_no_checkpoint_is_refused(pattern):
    assert refusal(changed(((*NETWORK, "checkpoints"), pattern))).where == "config key networks.resnet50.checkpoints"


def test_one_file_for_two_networks_is_refused():
    config = changed(
        ((*NETWORK, "checkpoints"), "{seed}{epoch}.pt"), ((*NETWORK, "seeds"), [1, 11]), ((*NETWORK, "epochs"), [1, 11])
    )
    assert refusal(config).found == "{seed}{epoch}.pt, one file for seed 1 epoch 11 and seed 11 epoch 1"


def test_a_wildcard_of_snakemake_names_the_same_checkpoint_as_the_config():
    config = library.checked(changed(((*NETWORK, "checkpoints"), "{seed:02d}/{epoch:03d}.pt")))
    network = config["networks"]["resnet50"]
    assert library.own_checkpoint(network, "1", 9) == library.own_checkpoint(network, 1, 9) == "01/009.pt"


def series(folder, pattern, epochs) -> dict:
    """A config of all epochs of a series of empty files; pattern → what the files are called, by (seed, number)."""
    for seed, number in epochs:
        file = folder / pattern.format(seed=seed, epoch=number)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    seeds = sorted({seed for seed, _ in epochs})
    escaped = str(folder).replace("{", "{{").replace("}", "}}")
    return changed(
        ((*NETWORK, "checkpoints"), f"{escaped}/{pattern}"), ((*NETWORK, "epochs"), "all"), ((*NETWORK, "seeds"), seeds)
    )


def epochs_of(config) -> list[int]:
    """The analysed epochs of the paper's network, in a config that is checked here."""
    return library.checked(config)["networks"]["resnet50"]["epochs"]


@pytest.mark.parametrize(
    "pattern",
    ["{seed}/ep{epoch}.pt", "s{seed}_{epoch:03d}.pt", "{seed:02d}/ep-{epoch}/ep-{epoch}.pt", "3_{seed}_{epoch}"],
)
def test_all_epochs_of_a_series_are_those_of_its_files(tmp_path, pattern):
    folder = tmp_path / "a [b] *{c}"
    config = series(folder, pattern, [(seed, number) for seed in (1, 12) for number in (0, 3, 12, 100)])
    (folder / pattern.format(seed=99, epoch=7)).parent.mkdir(exist_ok=True, parents=True)
    (folder / pattern.format(seed=99, epoch=7)).touch()
    assert epochs_of(config) == [0, 3, 12, 100]
    config["networks"]["resnet50"]["checkpoint_offset"] = 1
    assert epochs_of(config) == [1, 4, 13, 101]


def test_names_that_no_number_gives_are_no_checkpoints(tmp_path):
    config = series(tmp_path, "{seed}/ep{epoch}.pt", [(1, 2), (1, 5)])
    for name in ("ep02.pt", "ep.pt", "epoch7.pt", "ep7.pt.part", "eplast.pt"):
        (tmp_path / "1" / name).touch()
    assert epochs_of(config) == [2, 5]


def test_a_seed_that_lacks_epochs_of_another_is_named(tmp_path):
    config = series(tmp_path, "{seed}/{epoch}.pt", [(1, 1), (1, 2), (1, 3), (2, 2), (2, 4)])
    assert refusal(config).found == "seed 1 lacks epochs 4; seed 2 lacks epochs 1, 3"


def test_a_series_without_files_or_of_steps_is_refused(tmp_path):
    assert refusal(
        changed(((*NETWORK, "checkpoints"), f"{tmp_path}/{{seed}}/{{epoch}}"), ((*NETWORK, "epochs"), "all"))
    ).found == ("no file of such a name")
    assert refusal(series(tmp_path, "{seed}/{epoch}.pt", [(1, 5000)])).found == "epoch 5000"


def test_checkpoints_among_the_results_are_refused():
    for key, folder in (("results", "results"), ("trained", "x/trained")):
        pattern = f"{folder}/checkpoints/resnet50/seed-{{seed}}/epoch-{{epoch:03d}}.pt"
        error = refusal(changed(((key,), folder), ((*NETWORK, "checkpoints"), pattern)))
        assert error.where == f"config key {key}"
        assert "shares a folder with networks.resnet50.checkpoints" in error.found


# Networks


def test_the_names_of_architectures_are_torchvisions():
    from torchvision import models

    homes = {kind: getattr(models, kind, models) for kind in architectures.NAMES}
    assert {kind: models.list_models(module=home) for kind, home in homes.items()} == architectures.NAMES
    assert sorted(chain(*architectures.NAMES.values())) == models.list_models()


@pytest.mark.parametrize(
    ("name", "found", "near"),
    [
        ("ResNet50", "no network 'ResNet50'", "resnet50"),
        ("resnet5O", "no network 'resnet5O'", "resnet50"),
        ("fcn_resnet50", "fcn_resnet50, a network for segmentation", "resnet50"),
        ("fasterrcnn_resnet50_fpn", "fasterrcnn_resnet50_fpn, a network for detection", "resnet"),
        ("quantized_resnet50", "quantized_resnet50, a network for quantization", "resnet50"),
        ("swin3d_t", "swin3d_t, a network for video", "swin_t"),
    ],
)
def test_an_architecture_that_is_no_image_classifier_is_refused(name, found, near):
    error = refusal(changed(((*NETWORK, "architecture"), name)))
    assert (error.where, error.found) == ("config key networks.resnet50.architecture", found)
    assert near in error.expected


def test_checking_a_config_imports_no_torch():
    code = "import sys, yaml; from early_alignment.experiment.config import checked;"
    code += "checked(yaml.safe_load(open('config.yaml')));"
    run("python", "-c", f"{code} assert 'torch' not in sys.modules", cwd=REPOSITORY, PYTHONPATH="workflow_scripts")


# Words


def test_an_unknown_key_lists_the_known_ones_nearest_first():
    assert refusal(changed(((*NETWORK, "sedes"), [1]))).expected.startswith("one of seeds, ")
    error = refusal(changed((("features", "image_sise"), 3), (("features", "pixels"), 3)))
    assert "features.image_sise: one of image_size, " in error.expected
    assert error.found == "\n    features.image_sise: an unknown key\n    features.pixels: an unknown key"


@pytest.mark.parametrize(
    ("path", "value", "found", "expected"),
    [
        ((*NETWORK, "epochs"), [-1], "-1", "a whole number from 0 to 999"),
        ((*NETWORK, "epochs"), [1000], "1000", "a whole number from 0 to 999"),
        ((*NETWORK, "epochs"), [1.5], "1.5, which is a number", "a whole number from 0 to 999"),
        ((*NETWORK, "epochs"), [], "[]", '"all" or a list of one or more, all different, each a whole number'),
        ((*NETWORK, "epochs"), [1, 1], "1 more than once", '"all" or a list of one or more, all different'),
        ((*NETWORK, "epochs"), "al", '"al"', '"all" or a list of one or more'),
        ((*NETWORK, "epochs"), "all\n", '"all\\n"', '"all" or a list'),
        ((*NETWORK, "epochs"), None, "null, which is nothing", '"all" or a list'),
        ((*NETWORK, "epochs"), ["0+"], '"0+"', "from 0 to 999 or a number of steps in the first epoch, such as 0+100"),
        ((*NETWORK, "epochs"), ["1+10"], '"1+10"', "a number of steps in the first epoch, such as 0+100"),
        ((*NETWORK, "epochs"), ["0+010"], '"0+010"', "a number of steps in the first epoch, such as 0+100"),
        ((*NETWORK, "epochs"), ["0+100000"], '"0+100000"', "a number of steps in the first epoch, such as 0+100"),
        ((*NETWORK, "calibrated"), 0, "0, which is a number", '"all" or a list, all different, each a whole number'),
        ((*NETWORK, "calibrated"), [0, "0"], "0 more than once", '"all" or a list, all different, each a whole number'),
        ((*TRAINING, "early_steps"), [0], "0", "a whole number from 1 to 99999"),
        ((*TRAINING, "early_steps"), 10, "10, which is a number", "a list, all different, each a whole number from 1"),
        ((*TRAINING, "early_steps"), [10, 10.0], "10.0 more than once", "a list, all different"),
        (("networks", "a b"), PAPER["networks"]["resnet50"], 'the name "a b"', "a name of letters, digits and _"),
        (("networks",), {}, "{}", "keys with values"),
        (("networks",), ["resnet50"], '["resnet50"], which is a list', "keys with values"),
        (NETWORK, None, "null, which is nothing", "a mapping with keys of architecture, blocks, "),
        (("features", "image_size"), [], "[]", "or a list of one or more, all different, each a whole number from 1"),
        (("features", "image_size"), [64, 64], "64 more than once", "a list of one or more, all different"),
        (("trained",), 2023, "2023, which is a number", "a path without"),
        ((*NETWORK, "seeds"), [True], "true, which is a boolean", "a whole number from 0 to 4294967295"),
        ((*NETWORK, "seeds"), [2**32], "4294967296", "a whole number from 0 to 4294967295"),
        ((*NSD, "targets"), [".*"], '".*"', "a region or a time, written with letters, digits and _ + ± . -"),
        ((*NSD, "targets"), "V1v", '"V1v"', '"all" or a list of one or more, all different, each a region'),
        ((*EEG, "targets"), ["V1"], "'V1'", "a time like 80ms"),
        ((*EEG, "targets"), ["180-160ms"], "'180-160ms'", "a window like"),
        ((*NSD, "subjects"), [[1]], "[1], which is a list", "a name of letters, digits and _, without its sub-"),
        ((*NSD, "subjects"), ["sub-01"], '"sub-01"', "without its sub-"),
        ((*NSD, "subjects"), ["anna"], "'anna'", "subjects by number, such as 1"),
        ((*NSD, "subjects"), [-1], "-1", "a whole number from 0"),
        ((*NSD, "min_repetitions"), 2, "datasets.nsd.min_repetitions is a key of nsd", "keys of the data set's format"),
        (("datasets", "a b"), PAPER["datasets"]["nsd"], 'the name "a b"', "a name of letters, digits and _"),
        (("datasets", "a\n"), PAPER["datasets"]["nsd"], 'the name "a\\n"', "a name of letters, digits and _"),
        (("datasets",), {}, "{}", "keys with values"),
        ((*TRAINING, "learning_rate"), math.nan, ".nan", "a finite number"),
        ((*TRAINING, "learning_rate"), math.inf, ".inf", "a finite number"),
        ((*TRAINING, "learning_rate"), 0, "0", "a number above 0"),
        ((*TRAINING, "momentum"), 1, "1", "a number from 0 below 1"),
        ((*TRAINING, "validation_resize"), 200, "200", "at least training.image_size = 224"),
        ((*TRAINING, "epochs"), datetime.date(2023, 1, 1), '"2023-01-01", which is a date', "a whole number from 1"),
        (TRAINING, None, "null, which is nothing", "a mapping with keys of images, "),
        (("rdm", "distance"), "Pearson", '"Pearson"', "one of correlation, euclidean, sqeuclidean, cosine"),
        (("alignment", "measures"), ["pearson", "pearson"], '"pearson" more than once', "all different"),
        (("results",), 2023, "2023, which is a number", "a path without"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_words(path, value, found, expected):
    error = refusal(changed((path, value)))
    assert (found in error.found, expected in error.expected) == (True, True), error
    assert ".".join(path).removesuffix(".a b").removesuffix(".a\n") in str(error)


@pytest.mark.parametrize(
    ("path", "value", "remedy"), [(("results",), 2023, "write it in quotes"), ((*NETWORK, "seeds"), 3, "write [3]")]
)
def test_the_remedy_is_one_that_works(path, value, remedy):
    assert refusal(changed((path, value))).remedy == remedy


def test_all_that_is_wrong_is_said_at_once():
    message = str(
        refusal(
            changed(
                ((*NETWORK, "architecture"), "resnet"),
                ((*TRAINING, "validation_resize"), 10),
                ((*NETWORK, "epochs"), [100]),
                ((*NETWORK, "calibrated"), [50]),
                (("networks", "other"), PAPER["networks"]["resnet50"] | {"checkpoints": "{seed}.pt"}),
                (("trained",), ".."),
                (("results",), "."),
                ((*NSD, "subjects"), [1, "01"]),
                ((*EEG, "targets"), ["V1"]),
            )
        )
    )
    of_network = ("architecture", "training.validation_resize", "epochs", "calibrated")
    keys = [*(f"networks.resnet50.{key}" for key in of_network), "networks.other.checkpoints", "results", "trained"]
    for key in [*keys, "datasets.nsd.subjects", "datasets.things_eeg2.targets"]:
        assert f"\n    {key}: " in message


# Every key, with whatever is wrong for it


def leaves(schema, path=()):
    """(key path, schema) of every key that has no keys below it; names at choice as the paper has them."""
    properties = dict(schema.get("properties", {}))
    if path in (("datasets",), ("networks",)):
        properties[{"datasets": "nsd", "networks": "resnet50"}[path[0]]] = schema["additionalProperties"]
    for key, value in properties.items():
        if value.get("type") == "object":
            yield from leaves(value, (*path, key))
        elif PAPER["datasets"]["nsd"]["format"] in value.get("formats", ["algonauts2023"]):
            yield (*path, key), value


LEAVES = [(path, schema) for path, schema in leaves(library.SCHEMA) if path[0] != "simulation"]
OF_TYPE = {
    "integer": st.integers() | st.floats(allow_nan=False, allow_infinity=False),
    "number": st.integers() | st.floats(allow_nan=False, allow_infinity=False),
    "boolean": st.booleans(),
    "string": st.text(max_size=8).filter(lambda text: isinstance(library.number_or_word(text), str)),
    "null": st.none(),
    "array": st.lists(st.integers() | st.text(max_size=4), max_size=3),
    "object": st.dictionaries(st.text(max_size=4), st.integers(), max_size=2),
}
NEVER = st.sampled_from([math.nan, math.inf, -math.inf, 10**30, -(10**30), [[]], [None], [math.nan], {"a": math.inf}])
"""What is right nowhere."""


@st.composite
def wrong(draw):
    """A key path, and a value of a type that the key does not have, out of its bounds, or right nowhere."""
    path, schema = draw(st.sampled_from(LEAVES))
    types = schema.get("type", ["string", "null"] if None in schema.get("enum", ()) else "string")
    types = {types} if isinstance(types, str) else set(types)
    others = [OF_TYPE[type_] for type_ in sorted(OF_TYPE.keys() - types - ({"integer"} if "number" in types else set()))
              if not (type_ == "number" and "integer" in types)]  # fmt: skip
    beyond = [st.integers(max_value=math.ceil(schema["minimum"]) - 1)] if "minimum" in schema else []
    beyond += [st.integers(min_value=math.floor(schema["maximum"]) + 1)] if "maximum" in schema else []
    return path, draw(st.one_of(*others, *beyond, NEVER))


@settings(max_examples=250, deadline=None, derandomize=True)
@given(wrong())
def test_whatever_is_wrong_with_a_key_is_said_by_its_name(case):
    path, value = case
    assert f"{'.'.join(path)}" in str(refusal(changed((path, value))))


@pytest.mark.parametrize("path", [path for path, _ in LEAVES], ids=".".join)
def test_no_key_takes_what_is_right_nowhere(path):
    for value in (math.nan, -math.inf, 10**30, [[]], {"a": 1}, [True], json.loads("[null]")):
        assert ".".join(path) in str(refusal(changed((path, value)))), value
