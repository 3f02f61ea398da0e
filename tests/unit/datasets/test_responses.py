"""Anyone's responses, in arrays and tables."""

import shutil

import numpy as np
import pytest
import yaml
import zarr
from conftest import REPOSITORY, copy_of_repository, run
from early_alignment.datasets import open_dataset
from early_alignment.datasets.base import named
from early_alignment.datasets.zarr_arrays import ZarrArray
from early_alignment.errors import InputError
from early_alignment.experiment import checks
from early_alignment.geometry import brain_rdms
from PIL import Image
from scipy.spatial.distance import pdist

CONDITIONS = ["cow", "apple", "dog", "boat"]
REGIONS = ["V1v", "PPA", "V1v", "V1d", "", "V1d"]
SECONDS = [-0.1, 0.0, 0.1, 0.2, 0.3]
INPUTS = REPOSITORY.parent / "shared" / "inputs"


@pytest.fixture
def root(tmp_path):
    rng = np.random.default_rng(31)
    (tmp_path / "stimuli").mkdir()
    lines = ["condition,image"]
    for condition in CONDITIONS:
        Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(tmp_path / f"stimuli/{condition}.png")
        lines.append(f"{condition},{condition}.png")
    (tmp_path / "conditions.csv").write_text("\n".join(lines))
    (tmp_path / "units.csv").write_text("name,region\n" + "\n".join(f"u,{region}" for region in REGIONS))
    return tmp_path


def dataset(root, **settings):
    defaults = {"format": "responses", "root": root, "subjects": ["ann"], "targets": ["V1v"]}
    return open_dataset("own", defaults | settings)


KINDS = {
    "npy": None,
    "zarr": {},
    "zarr chunked": {"chunks": (3, 2)},
    "zarr sharded": {"chunks": (1, 2), "shards": (2, 2)},
    "zarr 2": {"zarr_format": 2, "chunks": (3, 2)},
    "zarr 2 nested": {"zarr_format": 2, "chunk_key_encoding": {"name": "v2", "separator": "/"}},
}


def write(root, array, kind="zarr"):
    """Write a subject's array; `chunks` and `shards` are of the first and the last but one axes."""
    if kind == "npy":
        np.save(root / "sub-ann.npy", array)
        return
    given = dict(KINDS[kind])
    for key in given.keys() & {"chunks", "shards"}:
        given[key] = (given[key][0], *array.shape[1:-1], given[key][1])
    zarr.create_array(root / "sub-ann.zarr", data=array, **given)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("repeated", [False, True])
@pytest.mark.parametrize("timed", [False, True])
def test_every_layout(root, kind, repeated, timed):
    array = np.random.default_rng(1).normal(size=(4, 3, 6, 5))
    if timed:
        (root / "times.csv").write_text("seconds\n" + "\n".join(map(str, SECONDS)))
    stored = array if timed else array[..., 3]
    write(root, stored if repeated else stored[:, 1], kind)
    data = dataset(root, regions={"V1": ["V1v", "V1d"]})
    assert [stimulus.condition for stimulus in data.stimuli()] == CONDITIONS
    at = array[..., 3].mean(axis=1) if repeated else array[:, 1, :, 3]
    suffix = "_210ms" if timed else ""
    np.testing.assert_allclose(data.responses("ann", f"V1v{suffix}"), at[:, [0, 2]])
    np.testing.assert_allclose(data.responses("ann", f"V1{suffix}"), at[:, [0, 2, 3, 5]])
    np.testing.assert_allclose(data.responses("ann", "210ms" if timed else "all"), at)
    if timed:
        window = array[..., 2:4].mean(axis=-1)
        expected = window.mean(axis=1) if repeated else window[:, 1]
        for target in ("150±50ms", "100-200ms"):
            np.testing.assert_allclose(data.responses("ann", f"V1_{target}"), expected[:, [0, 2, 3, 5]])
    if repeated:
        expected = array[..., 3].swapaxes(0, 1)[..., [0, 2]]
        np.testing.assert_allclose(data.repetitions("ann", f"V1v{suffix}"), expected)
        assert brain_rdms.rdm(data.repeated_patterns("ann", f"V1v{suffix}"), "crossnobis").shape == (6,)
    else:
        with pytest.raises(InputError, match="holds averages"):
            data.repetitions("ann", f"V1v{suffix}")
    assert all(path.exists() for path in [*data.stimulus_files(), *data.brain_files("ann", f"V1v{suffix}")])


def test_repetitions_that_a_condition_lacks_are_left_out_of_its_average(root):
    array = np.random.default_rng(2).normal(size=(4, 3, 6))
    array[1, 2] = np.nan
    write(root, array, "npy")
    expected = array.mean(axis=1)
    expected[1] = array[1, :2].mean(axis=0)
    np.testing.assert_allclose(dataset(root).patterns("ann", "all"), expected)
    assert np.isfinite(brain_rdms.rdm(dataset(root).repeated_patterns("ann", "all"), "crossnobis")).all()
    array[1] = np.nan
    write(root, array, "npy")
    with pytest.raises(InputError, match="6 of 6 units not finite"):
        dataset(root).patterns("ann", "all")


def test_all_targets_are_every_time_of_the_file_and_each_is_its_own_sample(root):
    array = np.random.default_rng(6).normal(size=(4, 6, 5))
    write(root, array, "npy")
    course = dataset(root, targets="all")  # opening it reads nothing
    (root / "times.csv").write_text("seconds\n" + "\n".join(map(str, SECONDS)))
    assert course.targets == ["-100ms", "0ms", "100ms", "200ms", "300ms"]
    for i, target in enumerate(course.targets):
        np.testing.assert_allclose(course.responses("ann", target), array[..., i])
    assert dataset(root, targets=["all"]).targets == ["all"]


@pytest.mark.parametrize(
    ("times", "message"),
    [
        (None, r"datasets\.own\.targets\n  found:    all, but no times\.csv[\s\S]*\[all\] is all units"),
        ("0.1\n0.1004\n0.101", r"1 times in milliseconds are of several samples[\s\S]*: 100ms"),
        ("0.1\nsoon", "'soon'"),
    ],
)
def test_all_targets_without_times_of_their_own_are_refused(root, times, message):
    if times is not None:
        (root / "times.csv").write_text(f"seconds\n{times}")
    with pytest.raises(InputError, match=message):
        dataset(root, targets="all").targets  # noqa: B018


def put(name, text):
    return lambda root: (root / name).write_text(text)


@pytest.mark.parametrize(
    ("spoil", "target", "message"),
    [
        (put("conditions.csv", "condition,image\na,a.png\nb,b.png\na,c.png"), "V1v", "1 conditions of one name: a"),
        (put("conditions.csv", "condition\na\nb\nc"), "V1v", "columns condition, image"),
        (lambda root: (root / "conditions.csv").unlink(), "V1v", r"conditions\.csv"),
        (lambda root: np.save(root / "sub-ann.npy", np.ones((5, 6))), "V1v", r"shape \(5, 6\)[\s\S]*4 conditions"),
        (lambda root: (root / "sub-ann.npy").write_bytes(b"\x93NUMPY"), "V1v", "cut short"),
        (lambda root: (root / "sub-ann.npy").unlink(), "V1v", "no such file"),
        (lambda root: None, "V2v", r"no region 'V2v'[\s\S]*expected: one of V1v"),
        (lambda root: None, "typo", "no region 'V1b'"),
        (put("units.csv", "region\nV1v\nV1v"), "V1v", r"2 units[\s\S]*6, as"),
        (lambda root: (root / "units.csv").unlink(), "V1v", r"neither sub-ann_units\.csv nor units\.csv"),
        (put("times.csv", "seconds\n0\n0.1\n0.2"), "V1v", "a time, or a region and a time"),
        (put("times.csv", "seconds\n0\n0.1\nsoon"), "V1v_100ms", "'soon'"),
        (
            put("conditions.csv", "condition;image\na;a.png\nb;b.png\nc;c.png"),
            "V1v",
            "no column condition in the header 'condition;image'[\\s\\S]*condition, image, separated by commas",
        ),
        (put("conditions.csv", "condition\timage\na\ta.png"), "V1v", r"in the header 'condition\\timage'"),
        (put("conditions.csv", "image,condition,image\na,b,c"), "V1v", "2 columns image in the header"),
        (put("conditions.csv", "condition,image\na,a.png\nb,b,b.png\nc,c.png"), "V1v", "line 3, 'b,b,b.png'"),
        (put("conditions.csv", "condition,image\na,a.png\n\nb\nc,c.png"), "V1v", "line 4, 'b'"),
        (
            put("conditions.csv", "condition,image\na,a.png\n,b.png\nc,c.png"),
            "V1v",
            "without a condition or an image: 2",
        ),
        (put("conditions.csv", ""), "V1v", "an empty file"),
        (put("conditions.csv", "condition,image\n"), "V1v", "a header and no rows"),
        (put("times.csv", "seconds\n0,0\n0,1\n0,2"), "V1v_100ms", "line 2, '0,0'[\\s\\S]*decimals have points"),
        (put("times.csv", 'seconds\n"0,0"\n"0,1"\n"0,2"'), "V1v_100ms", "'0,0'[\\s\\S]*a point for decimals"),
        (lambda root: (root / "sub-ann.npy").write_bytes(b""), "V1v", "an empty file[\\s\\S]*write the array again"),
        (lambda root: np.save(root / "sub-ann.npy", np.full((4, 6), "a")), "V1v", "an array of <U1"),
    ],
)
def test_a_layout_that_is_not_right_is_one_message(root, spoil, target, message):
    write(root, np.random.default_rng(3).normal(size=(4, 3, 6)), "npy")
    spoil(root)
    with pytest.raises(InputError, match=message):
        dataset(root, regions={"typo": ["V1v", "V1b"]}).check_responses("ann", target)


@pytest.mark.parametrize("kind", ["patterns", "repeated_patterns"])
def test_units_that_cannot_be_used_are_said_with_data_set_subject_and_target(root, kind, capsys):
    array = np.random.default_rng(13).normal(size=(4, 3, 6))
    array[..., 1], array[2, :, 4] = 7, np.inf
    write(root, array, "npy")
    where = f"{root} (data set own, subject ann, all)"
    found = "1 of 6 units not finite: 4; 1 of 6 units constant over conditions: 1"
    with pytest.raises(InputError) as error:
        getattr(dataset(root), kind)("ann", "all")
    assert (error.value.where, error.value.found) == (where, found)
    usable = getattr(dataset(root, drop_units=True), kind)("ann", "all")
    expected = array[..., [0, 2, 3, 5]]
    np.testing.assert_allclose(usable, expected.mean(axis=1) if kind == "patterns" else expected.swapaxes(0, 1))
    assert capsys.readouterr().out == f"{where}: left out {found}\n"


def test_of_many_names_the_first_five_are_shown():
    assert named([]) == ""
    assert named(range(1)) == "0"
    assert named(range(5)) == "0, 1, 2, 3, 4"
    assert named(range(6)) == "0, 1, 2, 3, 4, …"
    assert named(range(6), shown=1) == "0, …"


@pytest.mark.parametrize("timed", [False, True])
def test_an_array_of_another_shape_is_refused_with_the_one_that_it_should_have(root, timed):
    if timed:
        put("times.csv", "seconds\n0\n0.1")(root)
    write(root, np.ones((3, 6, 2) if timed else (3, 6)), "npy")
    with pytest.raises(InputError) as error:
        dataset(root).responses("ann", "0ms" if timed else "all")
    assert error.value.where == str(root / "sub-ann.npy")
    assert error.value.expected == f"conditions × [repetitions ×] units{' × times' * timed}, with 4 conditions"
    remedy = "write the array again, for the rows of conditions.csv"
    assert error.value.remedy == (remedy if timed else f"{remedy}; times need times.csv")


def test_a_subjects_own_table_of_units_counts_and_units_without_a_region_are_of_none(root):
    array = np.random.default_rng(12).normal(size=(4, 6))
    write(root, array, "npy")
    with pytest.raises(InputError) as error:
        dataset(root).responses("ann", "V9")
    assert set(error.value.expected.removeprefix("one of ").split(", ")) == {"V1v", "V1d", "PPA"}
    put("sub-ann_units.csv", "name,region\n" + "\n".join(f"u,{region}" for region in REGIONS[::-1]))(root)
    np.testing.assert_array_equal(dataset(root).responses("ann", "V1v"), array[:, [3, 5]])
    (root / "units.csv").unlink()
    np.testing.assert_array_equal(dataset(root).responses("ann", "V1v"), array[:, [3, 5]])


def test_conditions_may_have_labels_all_or_none(root):
    assert set(dataset(root).labels().values()) == {""}
    rows = ["condition,image,label", "cow,cow.png,1", "apple,apple.png, 2", "dog,dog.png,1", "boat,boat.png,"]
    put("conditions.csv", "\n".join(rows[:4]))(root)
    assert dataset(root).labels() == {"cow": "1", "apple": "2", "dog": "1"}
    put("conditions.csv", "\n".join(rows))(root)
    with pytest.raises(InputError, match="1 conditions without a label: boat"):
        dataset(root).labels()


def test_an_unknown_time_is_refused(root):
    write(root, np.random.default_rng(4).normal(size=(4, 6, 5)), "npy")
    (root / "times.csv").write_text("seconds\n" + "\n".join(map(str, SECONDS)))
    with pytest.raises(InputError, match="no time '900ms'"):
        dataset(root).check_responses("ann", "V1v_900ms")


def test_a_table_may_begin_with_a_byte_order_mark_and_have_blank_lines_and_other_columns(root):
    lines = (root / "conditions.csv").read_text().splitlines()
    text = "\n\n".join(f"{line},{line[:1]}" for line in lines)
    (root / "conditions.csv").write_text(text + "\n\n", encoding="utf-8-sig")
    assert [stimulus.condition for stimulus in dataset(root).stimuli()] == CONDITIONS


def timed(root, seconds):
    (root / "times.csv").write_text("seconds\n" + "\n".join(map(str, seconds)))
    write(root, np.random.default_rng(5).normal(size=(4, 6, len(seconds))), "npy")
    return dataset(root)


@pytest.mark.parametrize(
    ("seconds", "found"),
    [
        (range(-200, 800, 10), "times from -200 to 790 in steps of up to 10, perhaps milliseconds"),
        (range(5), "times from 0 to 4 in steps of up to 1, perhaps milliseconds"),
        (np.arange(9.8, 10.3, 0.1), "times from 9.8 to 10.2"),
        ([0.2, 0.1, 0.0], "times that do not ascend: 0.2 is followed by 0.1"),
        ([0, 0.1, 0.1, 0.2], "times that do not ascend: 0.1 is followed by 0.1"),
        ([0, 0.1, 0.2, 0.5], "uneven steps, from 0.1 to 0.3"),
        ([0, 0.1, "nan"], "1 times that are not finite"),
        ([0.1], "1 times"),
    ],
)
def test_times_that_are_no_seconds_at_even_steps_are_refused(root, seconds, found):
    data = timed(root, seconds)
    for target in ("100ms", "V1v_80±20ms"):
        with pytest.raises(InputError, match=rf"times\.csv\s+found:    {found}[\s\S]*divide milliseconds by 1000"):
            data.check_responses("ann", target)


@pytest.mark.parametrize("rate", [100, 250, 512, 1000])
def test_times_may_be_rounded(root, rate):
    seconds = np.arange(-rate // 5, rate) / rate
    data = timed(root, [f"{time:.4f}" for time in seconds])
    array = np.load(root / "sub-ann.npy")
    for target in (0, 83, 170, 300):
        nearest = min(range(len(seconds)), key=lambda i: abs(seconds[i] - target / 1000))
        np.testing.assert_array_equal(data.responses("ann", f"{target}ms"), array[..., nearest])


# Zarr ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "npy"])
def test_every_file_that_decides_a_zarr_array_is_followed(root, kind):
    write(root, np.random.default_rng(6).normal(size=(4, 6)), kind)
    (root / "sub-ann.zarr/.DS_Store").touch()
    followed = set(dataset(root).brain_files("ann", "all"))
    there = {path for path in (root / "sub-ann.zarr").rglob("*") if path.is_file()}
    not_content = {root / "sub-ann.zarr" / name for name in (".DS_Store", ".zattrs")}
    assert there - not_content <= followed
    assert not followed & not_content


def chunk_files(root):
    return sorted(
        path
        for path in (root / "sub-ann.zarr").rglob("*")
        if path.is_file() and ".z" not in path.name and path.name != "zarr.json"
    )


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "npy"])
@pytest.mark.parametrize(
    ("spoil", "found"),
    [
        (lambda path: path.unlink(), "1 of {n} chunks are missing or empty: {key}\n[\\s\\S]*write_empty_chunks"),
        (lambda path: path.write_bytes(path.read_bytes()[:-9]), "not readable, perhaps cut short"),
        (lambda path: path.write_bytes(b""), "1 of {n} chunks are missing or empty: {key}\n"),
    ],
)
def test_a_chunk_that_is_missing_or_cut_short_is_named(root, kind, spoil, found):
    write(root, np.random.default_rng(7).normal(size=(4, 6)), kind)
    files = chunk_files(root)
    key = files[-1].relative_to(root / "sub-ann.zarr").as_posix()
    spoil(files[-1])
    with pytest.raises(InputError, match=found.format(n=len(files), key=key)) as error:
        dataset(root).check_responses("ann", "all")
    assert key in str(error.value)


def test_chunks_of_the_fill_value_may_be_there(root):
    array = np.random.default_rng(8).normal(size=(4, 2, 6))
    array[2:, 1] = 0
    zarr.create_array(root / "sub-ann.zarr", data=array, chunks=(2, 1, 6), config={"write_empty_chunks": True})
    np.testing.assert_array_equal(dataset(root).responses("ann", "all"), array.mean(axis=1))


def as_group(root):
    zarr.open_group(root / "sub-ann.zarr", mode="w").create_array("betas", data=np.ones((4, 6)))


def as_group_of_format_2(root):
    zarr.open_group(root / "sub-ann.zarr", mode="w", zarr_format=2)


def as_zip(root):
    write(root, np.ones((4, 6)))
    shutil.make_archive(str(root / "sub-ann.zarr"), "zip", root / "sub-ann.zarr")
    shutil.rmtree(root / "sub-ann.zarr")


@pytest.mark.parametrize(
    ("spoil", "found"),
    [
        (as_group, "a zarr group, not an array; arrays in it: betas"),
        (as_group_of_format_2, "a zarr group, not an array; arrays in it: none\n"),
        (as_zip, r"a zarr array in a zip file[\s\S]*unzip it into .*sub-ann\.zarr"),
        (lambda root: (root / "sub-ann.zarr").mkdir(), r"neither zarr\.json nor \.zarray"),
        (lambda root: write(root, np.full((4, 6), "a", dtype=object).astype("T")), "an array of StringDType"),
        (lambda root: write(root, np.ones((4, 6), complex)), "an array of complex128"),
        (lambda root: write(root, np.ones((5, 6))), r"shape \(5, 6\)"),
        (
            lambda root: (write(root, np.ones((4, 6))), (root / "sub-ann.zarr/zarr.json").write_text("{")),
            "not readable",
        ),
    ],
)
def test_what_is_no_zarr_array_of_numbers_is_refused_by_what_it_is(root, spoil, found):
    spoil(root)
    with pytest.raises(InputError, match=found):
        dataset(root).check_responses("ann", "all")


def test_what_cannot_be_read_though_every_chunk_can_is_said_of_the_folder(root):
    write(root, np.ones((4, 6)))
    array = ZarrArray(root / "sub-ann.zarr", "an array", "write it again")
    with pytest.raises(InputError) as error:
        array["no", "index"]
    assert error.value.where == str(root / "sub-ann.zarr")


@pytest.mark.skipif(not INPUTS.is_dir(), reason="no folder of small inputs beside the repository")
def test_small_inputs_that_were_met_elsewhere(tmp_path):
    for name in ("responses_v3", "responses_v2", "responses_lost_chunk"):
        (tmp_path / f"sub-{name}.zarr").symlink_to(INPUTS / f"{name}.zarr")
    (tmp_path / "conditions.csv").write_text("condition,image\n" + "\n".join(f"c{i},{i}.png" for i in range(8)))
    data = dataset(tmp_path)
    found = [data.responses(name, "all") for name in ("responses_v3", "responses_v2")]
    np.testing.assert_array_equal(*found)
    assert found[0].shape == (8, 20)
    with pytest.raises(InputError, match="1 of 2 chunks are missing or empty: c/0/0/0"):
        data.check_responses("responses_lost_chunk", "all")
    (tmp_path / "times.csv").write_text((INPUTS / "times_ms.csv").read_text())
    np.save(tmp_path / "sub-timed.npy", np.random.default_rng(9).normal(size=(8, 3, 100)))
    with pytest.raises(InputError, match="perhaps milliseconds"):
        data.check_responses("timed", "170ms")
    (tmp_path / "conditions.csv").write_text((INPUTS / "conditions_semicolon.csv").read_text())
    with pytest.raises(InputError, match="in the header 'condition;image'"):
        dataset(tmp_path).stimuli()


# Repetitions that a distance needs -------------------------------------------------------------------------------


def test_the_check_knows_how_many_repetitions_a_distance_needs(root):
    array = np.random.default_rng(10).normal(size=(4, 3, 6))
    array[2, 1:] = np.nan  # dog was shown once
    write(root, array, "npy")
    data = dataset(root)
    assert checks.wrong_responses(data, "ann", "all", "correlation") == []
    checks.check_repetitions(data, "ann", "all", "mahalanobis")
    with pytest.raises(InputError, match=r"1 of 4 conditions that lack them: dog\n[\s\S]*crossnobis needs"):
        checks.check_repetitions(data, "ann", "all", "crossnobis")
    with pytest.raises(ValueError, match="share fewer than two repetitions"):
        brain_rdms.rdm(data.repeated_patterns("ann", "all"), "crossnobis")
    array[:, 1:] = np.nan
    write(root, array, "npy")
    with pytest.raises(InputError, match=r"4 of 4 conditions[\s\S]*mahalanobis needs"):
        checks.check_repetitions(data, "ann", "all", "mahalanobis")
    write(root, array[:, 0], "npy")
    with pytest.raises(InputError, match="holds averages"):
        checks.check_repetitions(data, "ann", "all", "mahalanobis")


def test_conditions_that_share_too_few_repetitions_are_named(root):
    array = np.random.default_rng(11).normal(size=(4, 4, 6))
    array[1, :2] = np.nan  # apple in the last two
    array[3, 2:] = np.nan  # boat in the first two
    write(root, array, "npy")
    with pytest.raises(InputError, match="2 of 4 conditions that lack them: apple, boat"):
        checks.check_repetitions(dataset(root), "ann", "all", "crossnobis")


# The rules -------------------------------------------------------------------------------------------------------


@pytest.mark.jobs
def test_a_condition_that_has_no_distance_is_named_by_the_job_of_its_rdm(root, tmp_path_factory):
    """Whatever is missing beside the brain RDM is not looked for."""
    array = np.random.default_rng(12).normal(size=(4, 6))
    array[2] = 0.5
    write(root, array, "npy")
    folder = copy_of_repository(tmp_path_factory.mktemp("workflow"))
    (folder / "images").mkdir()
    experiment = yaml.safe_load((folder / "config.yaml").read_text())
    own = {"format": "responses", "root": str(root), "subjects": ["ann"], "targets": ["all"]}
    experiment["datasets"] = {"own": own}
    experiment["networks"]["resnet50"]["training"]["images"] = "images"
    (folder / "own.yaml").write_text(yaml.safe_dump(experiment, allow_unicode=True))
    rdms, of_responses = "results/brain_rdms/own/sub-ann/all", "results/responses/own/sub-ann/all.npy"
    command = ("snakemake", "--configfile", "own.yaml", "--show-failed-logs", "--cores", "1")
    printed = run(*command, f"{rdms}/correlation.npy", cwd=folder, check=False).stdout
    assert "1 of 4 conditions are constant: dog" in printed
    assert "Traceback" not in printed
    np.testing.assert_array_equal(np.load(folder / of_responses), array)
    run(*command, f"{rdms}/euclidean.npy", "--config", "rdm={brain_distance: euclidean}", cwd=folder)
    np.testing.assert_allclose(np.load(folder / f"{rdms}/euclidean.npy"), pdist(array), rtol=1e-6)
