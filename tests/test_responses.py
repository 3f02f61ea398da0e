"""Anyone's responses, in arrays and tables."""

import numpy as np
import pytest
import zarr
from early_alignment.datasets import open_dataset
from early_alignment.errors import InputError
from PIL import Image

CONDITIONS = ["cow", "apple", "dog", "boat"]
REGIONS = ["V1v", "PPA", "V1v", "V1d", "", "V1d"]
SECONDS = [-0.1, 0.0, 0.1, 0.2, 0.3]


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


def write(root, array, kind):
    if kind == "npy":
        np.save(root / "sub-ann.npy", array)
    else:
        zarr.save_array(root / "sub-ann.zarr", array)


@pytest.mark.parametrize("kind", ["npy", "zarr"])
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
        assert data.brain_rdm("ann", f"V1v{suffix}", "crossnobis").shape == (6,)
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
    assert np.isfinite(dataset(root).brain_rdm("ann", "all", "crossnobis")).all()
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
    ],
)
def test_a_layout_that_is_not_right_is_one_message(root, spoil, target, message):
    write(root, np.random.default_rng(3).normal(size=(4, 3, 6)), "npy")
    spoil(root)
    with pytest.raises(InputError, match=message):
        dataset(root, regions={"typo": ["V1v", "V1b"]}).check_responses("ann", target)


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
