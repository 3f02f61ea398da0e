"""EEG from raw recordings to RDMs, on files written here from the publishers' description.

Every step is compared with MNE-Python, scikit-learn or a plain slow computation, and a signal that is planted in the
raw recordings at known latency, channel and concept must be found in the RDMs.
"""

import re
import shutil
import tracemalloc

import mne
import numpy as np
import pytest
import scipy
import yaml
from conftest import copy_of_repository, run
from early_alignment.datasets import (
    open_dataset,
    published_pickles,
    things_eeg2,
    things_eeg2_channels,
    things_eeg2_preprocessing,
)
from early_alignment.errors import InputError
from early_alignment.experiment import checks
from early_alignment.experiment import config as library
from early_alignment.geometry import brain_rdms, rdms
from scipy.spatial.distance import squareform
from sklearn.covariance import ledoit_wolf
from sklearn.preprocessing import StandardScaler
from sklearn.utils import shuffle
from small_things_eeg2 import (
    CHANNEL_OF,
    CHANNELS,
    LATENCY,
    RECORDED,
    SHOWN,
    TEST,
    TRAINING,
    raw_files,
    reference_covariance,
    reference_epochs,
    write_images,
    write_preprocessed,
    write_raw,
)


def settings(root, format_="things_eeg2", **others):
    given = {"format": format_, "root": str(root), "subjects": [1], "targets": ["170ms"]} | others
    return library.with_defaults(given, library.SCHEMA["properties"]["datasets"]["additionalProperties"])


# Preprocessed files ----------------------------------------------------------------------------------------------


@pytest.fixture
def preprocessed(tmp_path):
    """Root and responses of a subject in the preprocessed format."""
    rng = np.random.default_rng(5)
    data = {"training": rng.normal(size=(8, 4, 17, 100)), "test": rng.normal(size=(5, 80, 17, 100))}
    write_images(tmp_path)
    for partition, responses in data.items():
        write_preprocessed(tmp_path, partition, responses)
    return tmp_path, data


def opened(root, **others):
    return open_dataset("things", settings(root, **others))


@pytest.mark.parametrize("average", [True, False])
@pytest.mark.parametrize(
    ("conditions", "partitions"),
    [("concepts", ("training", "test")), ("training_concepts", ("training",)), ("test_images", ("test",))],
)
def test_conditions_are_either_partitions_concepts_or_images(preprocessed, conditions, partitions, average):
    root, data = preprocessed
    dataset = opened(root, conditions=conditions, average_images=average)
    trials = {}
    for partition in partitions:
        for i, concept in enumerate({"training": TRAINING, "test": TEST}[partition]):
            name = f"{partition}/{concept}" + ("" if average else f"/{concept[6:]}_{i:02d}s")
            trials.setdefault(name, []).extend(data[partition][i, :, :, 37])
    assert list(dict.fromkeys(stimulus.condition for stimulus in dataset.stimuli())) == list(trials)
    assert all((root / stimulus.image).is_file() for stimulus in dataset.stimuli())
    expected = [np.mean(trial, axis=0) for trial in trials.values()]
    np.testing.assert_allclose(dataset.responses("1", "170ms"), expected, atol=1e-12)
    read = {path.name for path in dataset.brain_files("1", "170ms")}
    assert read == {"image_metadata.npy", *(f"preprocessed_eeg_{partition}.npy" for partition in partitions)}


@pytest.mark.parametrize(
    ("target", "first", "last"),
    [
        ("170±10ms", 36, 38),
        ("160-180ms", 36, 38),
        ("155-184ms", 36, 38),
        ("-200--150ms", 0, 5),
        ("-10-0ms", 19, 20),
        ("0±0ms", 20, 20),
    ],
)
def test_a_window_is_averaged_over_its_samples_ends_included(preprocessed, target, first, last):
    root, data = preprocessed
    expected = [data["test"][i, :, :, first : last + 1].mean(axis=(0, 2)) for i in range(5)]
    np.testing.assert_allclose(
        opened(root, conditions="test_images").responses("1", target), np.stack(expected), atol=1e-12
    )


@pytest.mark.parametrize(
    ("target", "window"),
    [
        ("80ms", (80, 80)),
        ("-100ms", (-100, -100)),
        ("170±10ms", (160, 180)),
        ("-20±30ms", (-50, 10)),
        ("160-181ms", (160, 181)),
        ("-200--150ms", (-200, -150)),
        ("V1", None),
        ("80", None),
        ("80ms ", None),
    ],
)
def test_a_target_is_a_time_or_a_window(target, window):
    assert things_eeg2.window_of(target) == window


MILLISECONDS = np.arange(-100, 301, 20)


@pytest.mark.parametrize(
    ("target", "found"),
    [
        ("100ms", [100]),
        ("109ms", [100]),
        ("111ms", [120]),
        ("100-140ms", [100, 120, 140]),
        ("99-141ms", [100, 120, 140]),
        ("101-139ms", [120]),
        ("120±20ms", [100, 120, 140]),
        ("-109ms", [-100]),
        ("309ms", [300]),
        ("290-309ms", [300]),
        ("-109--90ms", [-100]),
        ("-111ms", None),
        ("311ms", None),
        ("280-311ms", None),
        ("101-119ms", None),
        ("140-100ms", None),
        ("soon", None),
    ],
)
@pytest.mark.parametrize("digits", [3, 7])
def test_samples_are_the_nearest_one_or_those_in_the_window_up_to_half_a_sample_outside(target, found, digits):
    times = MILLISECONDS / 1000 + 10.0**-digits / 2.1 * np.resize([1, -1], 21) * (digits > 3)
    if found is None:
        with pytest.raises(InputError) as error:
            things_eeg2.samples(times, target, "here")
        assert error.value.where == "here"
        assert error.value.found == f"no time {target!r}"
        assert error.value.expected.endswith("from -100ms to 300ms in steps of 20ms")
    else:
        np.testing.assert_array_equal(MILLISECONDS[things_eeg2.samples(times, target, "here")], found)


@pytest.mark.parametrize(
    ("times", "found"),
    [
        ([0, 0.5], None),
        ([0, 0.51], "times from 0 to 0.51 in steps of up to 0.51, perhaps milliseconds"),
        (np.linspace(-10, 10, 101), None),
        (np.linspace(-10.1, 0, 101), "times from -10.1 to 0 in steps of up to 0.101, perhaps milliseconds"),
        (np.linspace(0, 10.1, 101), "times from 0 to 10.1 in steps of up to 0.101, perhaps milliseconds"),
        ([], "0 times"),
        ([0.1], "1 times"),
        ([0, np.nan, np.inf], "2 times that are not finite"),
        ([0, np.inf, np.inf], "2 times that are not finite"),
        ([0, 0.1, 0.1, 0.05], "times that do not ascend: 0.1 is followed by 0.1"),
        ([0, 0.1, 0.3, 0.2], "times that do not ascend: 0.3 is followed by 0.2"),
        ([0, 0.1, 0.224, 0.3], None),
        ([0, 0.1, 0.226, 0.3], "uneven steps, from 0.074 to 0.126"),
    ],
)
def test_times_are_seconds_at_even_steps(times, found):
    times = np.array(times, dtype=float)
    if found is None:
        things_eeg2.check_times(times, "here")
        return
    with pytest.raises(InputError) as error:
        things_eeg2.check_times(times, "here")
    assert (error.value.where, error.value.found) == ("here", found)
    with pytest.raises(InputError, match=re.escape(f"here\n  found:    {found}\n")):
        things_eeg2.samples(times, "100ms", "here")


def test_times_of_two_files_may_differ_by_rounding():
    times = np.arange(10) / 100
    for right in (times, times + 9e-5, times - 9e-5):
        things_eeg2.refuse_other_times(right, times, "here", "there")
    for wrong in (times[:-1], times + 1.1e-4, times - 1.1e-4, np.append(times[:-1], 0.1)):
        with pytest.raises(InputError, match=f"here\n  found:    {len(wrong)} times from ") as error:
            things_eeg2.refuse_other_times(wrong, times, "here", "there")
        assert error.value.expected == "10 from 0 to 0.09 s, as in there"


def test_rows_of_one_label_are_averaged_in_the_order_of_first_rows():
    rows = np.random.default_rng(13).normal(size=(6, 3))
    expected = [rows[[0, 3, 5]].mean(axis=0), rows[1], rows[[2, 4]].mean(axis=0)]
    np.testing.assert_allclose(things_eeg2.mean_by_label(list("bacbcb"), rows), expected, atol=1e-15)


def test_all_times_are_the_samples_of_the_file(preprocessed):
    root, data = preprocessed
    dataset = opened(root, targets="all", conditions="test_images")
    assert dataset.targets == [f"{time}ms" for time in range(-200, 800, 10)]
    for sample in (0, 19, 20, 37, 99):
        found = dataset.responses("1", dataset.targets[sample])
        np.testing.assert_allclose(found, data["test"][..., sample].mean(axis=1), atol=1e-12)


def test_repetitions_give_all_conditions_as_many_folds(preprocessed):
    root, data = preprocessed
    dataset = opened(root)
    expected = np.zeros((4, 9, 17))
    for fold in range(4):
        for concept in range(4):
            images = [i for i, name in enumerate(TRAINING) if name == sorted(set(TRAINING))[concept]]
            expected[fold, concept] = np.mean([data["training"][i, fold, :, 37] for i in images], axis=0)
        for image in range(5):
            group = [data["test"][image, r, :, 37] for r in range(20 * fold, 20 * fold + 20)]
            expected[fold, 4 + image] = np.mean(group, axis=0)
    found = dataset.repetitions("1", "170ms")
    np.testing.assert_allclose(found, expected, atol=1e-12)
    np.testing.assert_allclose(found.mean(axis=0), dataset.responses("1", "170ms"), atol=1e-12)
    assert opened(root, conditions="test_images").repetitions("1", "170ms").shape == (80, 5, 17)


def test_a_large_array_is_mapped_and_not_read(tmp_path):
    data = np.random.default_rng(1).normal(size=(100, 50, 200))
    np.save(tmp_path / "large.npy", {"data": data, "fortran": np.asfortranarray(data)}, allow_pickle=True)
    tracemalloc.start()
    content = published_pickles.load(tmp_path / "large.npy")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1e6 < data.nbytes
    for array in content.values():
        np.testing.assert_array_equal(array, data)
        assert not array.flags.writeable


def cut(root):
    path = root / "preprocessed_data/sub-01/preprocessed_eeg_test.npy"
    path.write_bytes(path.read_bytes()[:-5000])


@pytest.mark.parametrize(
    ("harm", "others", "message"),
    [
        (None, {"targets": ["900ms"]}, r"training\.npy\s+found:\s+no time '900ms'[\s\S]*from -200ms to 790ms"),
        (None, {"targets": ["-300ms"]}, "no time '-300ms'"),
        (None, {"targets": ["V1v"]}, "no time 'V1v'[\\s\\S]*a time like 80ms, or a window like 170±10ms or 160-180ms"),
        (None, {"targets": ["780±20ms"]}, "no time '780±20ms'"),
        (None, {"targets": ["171-179ms"]}, "no time '171-179ms'"),
        (None, {"targets": ["180-160ms"]}, "no time '180-160ms'"),
        (None, {"subjects": ["2"]}, r"sub-02/preprocessed_eeg_training\.npy\s+found:\s+no such file"),
        (None, {"subjects": ["anna"]}, r"datasets\.things\.subjects\s+found:\s+subject 'anna'"),
        (cut, {}, r"eeg_test\.npy\s+found:\s+not readable \(\d+ bytes, of which an array should end at \d+\)"),
        (
            lambda root: write_preprocessed(
                root, "test", np.ones((5, 80, 16, 100)), [c for c in CHANNELS if c != "POz"]
            ),
            {},
            "16 channels; missing: POz; unknown: none",
        ),
        (
            lambda root: write_preprocessed(root, "test", np.ones((5, 80, 17, 100)), ["Cz", *CHANNELS[1:]]),
            {},
            "17 channels; missing: Pz; unknown: Cz",
        ),
        (
            lambda root: write_preprocessed(root, "test", np.ones((4, 80, 17, 100))),
            {},
            r"responses of shape \(4, 80, 17, 100\)[\s\S]*the 5 images of .*image_metadata\.npy",
        ),
        (
            lambda root: write_preprocessed(root, "test", np.full((5, 80, 17, 100), np.nan)),
            {},
            "finite",
        ),
        (
            lambda root: write_preprocessed(root, "training", np.ones((8, 4, 17, 50)), times=np.arange(50) / 50 - 0.2),
            {"targets": "all"},
            "50 samples from -200ms to 780ms[\\s\\S]*100 samples from -200ms to 790ms",
        ),
        (
            lambda root: write_preprocessed(
                root, "test", np.ones((5, 80, 18, 100)), [*CHANNELS, "POz"], np.arange(100) / 100 - 0.2
            ),
            {},
            "18 channels; missing: none; unknown: none; there twice: POz",
        ),
        (
            lambda root: write_preprocessed(root, "test", np.ones((5, 80, 17, 100)), times=np.arange(100) * 10 - 200),
            {},
            r"eeg_test\.npy\s+found:\s+times from -200 to 790 in steps of up to 10, perhaps milliseconds",
        ),
        (
            lambda root: write_preprocessed(root, "test", np.ones((5, 80, 17, 50)), times=np.arange(50) / 50 - 0.2),
            {},
            r"eeg_test\.npy\s+found:\s+50 times from -0\.2 to 0\.78 s[\s\S]*100 from -0\.2 .*eeg_training\.npy",
        ),
        (
            lambda root: write_preprocessed(root, "test", np.full((5, 80, 17, 100), 1j)),
            {},
            "an array of complex128",
        ),
        (
            lambda root: np.save(root / "preprocessed_data/sub-01/preprocessed_eeg_test.npy", {"x": 1}),
            {},
            "KeyError: 'preprocessed_eeg_data'",
        ),
        (
            lambda root: np.save(root / "image_set/image_metadata.npy", {"train_img_concepts": []}),
            {},
            r"image_metadata\.npy\s+found:\s+KeyError: 'train_img_files'",
        ),
    ],
)
def test_what_is_wrong_with_a_preprocessed_file_is_one_message(preprocessed, harm, others, message):
    root, _ = preprocessed
    if harm:
        harm(root)
    dataset = opened(root, **others)
    with pytest.raises(InputError, match=message):
        dataset.patterns(dataset.subjects[0], dataset.targets[0])


def test_channels_are_joined_by_name_whatever_their_order_in_a_file(preprocessed, tmp_path_factory):
    root, data = preprocessed
    rng = np.random.default_rng(12)
    other = shutil.copytree(root, tmp_path_factory.mktemp("other") / "data")
    for partition, responses in data.items():
        order = rng.permutation(17)
        write_preprocessed(other, partition, responses[:, :, order], [CHANNELS[i] for i in order])
    whole, permuted = opened(root), opened(other)
    assert permuted.recording("1", "test")[1] != permuted.recording("1", "training")[1]
    for target in ("170ms", "170±20ms"):
        np.testing.assert_array_equal(permuted.responses("1", target), whole.responses("1", target))
        np.testing.assert_array_equal(permuted.repetitions("1", target), whole.repetitions("1", target))
        np.testing.assert_array_equal(permuted.sample_of_responses("1", target), whole.sample_of_responses("1", target))
        assert (whole.measured("1", target) == ~np.isnan(whole.repetitions("1", target)).all(axis=-1)).all()


def write_second_subject(root, times):
    for partition, n in (("training", 8), ("test", 5)):
        write_preprocessed(root, partition, np.random.default_rng(n).normal(size=(n, 2, 17, len(times))), times=times)
    (root / "preprocessed_data/sub-01").rename(root / "preprocessed_data/sub-02")
    for partition, n in (("training", 8), ("test", 5)):
        write_preprocessed(root, partition, np.random.default_rng(n).normal(size=(n, 2, 17, 100)))


def test_times_that_differ_between_subjects_are_refused(preprocessed):
    root, _ = preprocessed
    write_second_subject(root, np.arange(100) / 100 - 0.2 + 1e-6)
    opened(root, subjects=[1, 2]).check_subjects()
    shutil.rmtree(root / "preprocessed_data/sub-02")
    write_second_subject(root, np.arange(200) / 200 - 0.2)
    opened(root, subjects=[1]).check_subjects()
    with pytest.raises(
        InputError, match=r"sub-02/.*\s+found:    200 times from -0\.2 to 0\.795 s\s+expected: 100 .*sub-01/"
    ):
        opened(root, subjects=[1, 2]).check_subjects()


def test_a_distance_between_single_repetitions_is_refused_by_the_check(preprocessed):
    root, _ = preprocessed
    write_preprocessed(root, "training", np.random.default_rng(6).normal(size=(8, 1, 17, 100)))
    assert checks.wrong_responses(opened(root), "1", "170ms", "correlation") == []
    checks.check_repetitions(opened(root, conditions="test_images"), "1", "170ms", "crossnobis")
    for distance in ("mahalanobis", "crossnobis"):
        with pytest.raises(InputError, match="9 of 9 conditions"):
            checks.check_repetitions(opened(root), "1", "170ms", distance)


def test_a_sample_of_responses_is_of_images_from_first_to_last(tmp_path):
    rng = np.random.default_rng(4)
    concepts = [f"{i // 10:05d}_thing" for i in range(60)]
    metadata = {"train_img_concepts": concepts, "train_img_files": [f"{i}.jpg" for i in range(60)]}
    (tmp_path / "image_set").mkdir()
    metadata |= {"test_img_concepts": TEST, "test_img_files": [f"{i}.jpg" for i in range(5)]}
    np.save(tmp_path / "image_set/image_metadata.npy", metadata, allow_pickle=True)
    data = rng.normal(size=(60, 4, 17, 100))
    write_preprocessed(tmp_path, "training", data)
    found = opened(tmp_path, conditions="training_concepts").sample_of_responses("1", "170±10ms")
    np.testing.assert_allclose(found, data[::3, :, :, 36:39].mean(axis=(1, 3)), atol=1e-12)


def test_of_a_few_images_every_one_is_looked_over_and_every_fold_is_measured(preprocessed):
    root, data = preprocessed
    dataset = opened(root)
    expected = [data[partition][..., 37].mean(axis=1) for partition in ("training", "test")]
    np.testing.assert_allclose(dataset.sample_of_responses("1", "170ms"), np.concatenate(expected), atol=1e-12)
    np.testing.assert_array_equal(dataset.measured("1", "170ms"), np.ones((4, 9), bool), strict=True)


def test_channels_have_positions_on_the_head(tmp_path):
    from matplotlib import pyplot

    info = things_eeg2_channels.info(CHANNELS)
    position = {name: info["chs"][i]["loc"][:3] for i, name in enumerate(CHANNELS)}
    assert position["O1"][0] < 0 < position["O2"][0]  # left and right
    assert position["Oz"][1] < position["POz"][1] < position["Pz"][1]  # from the back
    drawn, _ = mne.viz.plot_topomap(np.arange(17.0), info, show=False, contours=0)
    assert drawn.get_array().size > 100
    pyplot.close("all")
    with pytest.raises(InputError, match="no channel PO99"):
        things_eeg2_channels.info(["Pz", "PO99"])
    with pytest.raises(InputError, match=r"names such as (\w+, ){4}\w+\n"):  # however far they are
        things_eeg2_channels.info(["Pz", "electrode 7"])


# Raw files -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def raw_root(tmp_path_factory):
    root, rng = tmp_path_factory.mktemp("raw"), np.random.default_rng(21)
    write_images(root)
    for session in SHOWN:
        for partition in ("training", "test"):
            write_raw(root, session, partition, rng)
    return root


@pytest.fixture(scope="module")
def references(raw_root):
    """Session → partition → image numbers and epochs."""
    limits = {"training": 2, "test": 20}
    return {
        session: {part: reference_epochs(path, limits[part]) for part, path in raw_files(raw_root, session).items()}
        for session in SHOWN
    }


@pytest.mark.parametrize("partition", ["training", "test"])
def test_epochs_are_those_of_mne_whatever_is_done_at_once(raw_root, references, monkeypatch, partition):
    monkeypatch.setattr(things_eeg2_preprocessing, "BATCH", 7)
    found = things_eeg2_preprocessing.epochs(raw_files(raw_root, 2)[partition], {"training": 2, "test": 20}[partition])
    numbers, data, names, times = references[2][partition]
    np.testing.assert_array_equal(found["images"], numbers)
    np.testing.assert_allclose(found["data"], data, atol=1e-16)
    assert found["ch_names"] == names == CHANNELS
    np.testing.assert_allclose(found["times"], times)
    np.testing.assert_allclose(found["times"], np.arange(-20, 80) / 100, atol=1e-9)


def test_an_epoch_is_the_recording_around_the_event_less_its_baseline(raw_root):
    """Without MNE: the recording without what is faster than 50 Hz, every 10 ms.

    MNE pads an epoch to a power of two before it resamples, which moves its samples by 4 ms.
    """
    path = raw_files(raw_root, 1)["training"]
    content = np.load(path, allow_pickle=True).item()
    onset = np.flatnonzero(content["raw_eeg_data"][63] == 3)[0] - 4
    recorded = content["raw_eeg_data"][RECORDED.index("PO8")]
    expected = scipy.signal.resample(recorded[onset - 400 : onset + 1200], 160)[20:120]
    found = things_eeg2_preprocessing.epochs(path, 2)
    candidates = found["data"][list(found["images"]).index(3)][:, CHANNELS.index("PO8")]
    assert max(np.corrcoef(candidate, expected)[0, 1] for candidate in candidates) > 0.99
    np.testing.assert_allclose(found["data"][..., 1:20].mean(axis=-1), 0, atol=1e-6)


@pytest.mark.parametrize(("n", "p"), [(2, 17), (20, 17), (20, 3), (5, 5)])
def test_shrunk_covariances_are_those_of_scikit_learn(n, p):
    rng = np.random.default_rng(3)
    observations = 1e-6 * rng.normal(size=(2, 4, n, p)) @ rng.normal(size=(p, p)) + rng.normal(size=p)
    observations[1, 2, :, 0] = 0.7  # a channel that stood still
    found = things_eeg2_preprocessing.shrunk_covariance(observations)
    for place in np.ndindex(2, 4):
        scaler = StandardScaler().fit(observations[place])
        shrunk, _ = ledoit_wolf(scaler.transform(observations[place]))
        expected = np.outer(scaler.scale_, scaler.scale_) * shrunk
        np.testing.assert_allclose(found[place], expected, rtol=1e-6, atol=1e-9 * np.abs(expected).max())


@pytest.mark.parametrize("estimated_from", ["both", "training"])
def test_a_session_is_whitened_as_published(raw_root, references, monkeypatch, estimated_from):
    monkeypatch.setattr(things_eeg2_preprocessing, "BATCH", 30)
    data = {partition: references[3][partition][1] for partition in ("training", "test")}
    partitions = ("training", "test") if estimated_from == "both" else ("training",)
    covariance = np.mean([reference_covariance(data[partition]) for partition in partitions], axis=0)
    whitening = scipy.linalg.fractional_matrix_power(covariance, -0.5)
    found = things_eeg2_preprocessing.session(raw_files(raw_root, 3), estimated_from)
    for partition, responses in data.items():
        expected = np.zeros_like(responses)
        for image, repetition in np.ndindex(responses.shape[:2]):
            expected[image, repetition] = whitening @ responses[image, repetition]
        np.testing.assert_allclose(found[f"{partition}_eeg_data"], expected, rtol=1e-7, atol=1e-7)
        np.testing.assert_array_equal(found[f"{partition}_images"], references[3][partition][0])


def test_channels_of_raw_files_are_taken_by_name(raw_root, tmp_path):
    order = np.r_[np.random.default_rng(13).permutation(63), 63]
    changes = {"ch_names": lambda names: [names[i] for i in order], "raw_eeg_data": lambda data: data[order]}
    expected = things_eeg2_preprocessing.session(raw_files(raw_root, 2), "both")
    found = things_eeg2_preprocessing.session(changed_raw(raw_root, tmp_path, 2, "test", **changes), "both")
    assert found["ch_names"] == CHANNELS
    for partition in ("training", "test"):
        np.testing.assert_array_equal(found[f"{partition}_eeg_data"], expected[f"{partition}_eeg_data"])


@pytest.fixture(scope="module")
def sessions(raw_root, tmp_path_factory):
    """Files of all sessions as the workflow saves them."""
    folder = tmp_path_factory.mktemp("sessions")
    files = [folder / f"ses-{session}.npy" for session in SHOWN]
    for session, file in zip(SHOWN, files, strict=True):
        published_pickles.save(file, things_eeg2_preprocessing.session(raw_files(raw_root, session), "both"))
    return files


@pytest.mark.parametrize(("partition", "n_images", "repetitions"), [("training", 8, 4), ("test", 5, 80)])
def test_joined_sessions_hold_every_images_repetitions_in_the_publishers_order(
    sessions, partition, n_images, repetitions
):
    contents = [np.load(file, allow_pickle=True).item() for file in sessions]
    expected = []
    for image in range(1, n_images + 1):
        of_image = [
            content[f"{partition}_eeg_data"][row]
            for content in contents
            for row in np.flatnonzero(content[f"{partition}_images"] == image)
        ]
        expected.append(np.concatenate(of_image)[shuffle(np.arange(repetitions), random_state=20200220)])
    joined = things_eeg2_preprocessing.join(sessions, partition)
    np.testing.assert_array_equal(joined["preprocessed_eeg_data"], expected)
    assert joined["ch_names"] == CHANNELS
    np.testing.assert_allclose(joined["times"], np.arange(100) / 100 - 0.2, atol=1e-9)


def test_a_planted_response_is_found_at_its_latency_channel_and_concept(raw_root, sessions, tmp_path):
    for partition in ("training", "test"):
        file = tmp_path / f"sub-1/preprocessed_eeg_{partition}.npy"
        published_pickles.save(file, things_eeg2_preprocessing.join(sessions, partition))
    dataset = open_dataset(
        "things", settings(raw_root, "things_eeg2_raw", targets="all") | {"preprocessed": str(tmp_path)}
    )
    course = np.stack([dataset.responses("1", target) for target in dataset.targets])  # (times, concepts, channels)
    peak_times = [int(target[:-2]) for target in np.array(dataset.targets)[np.abs(course).max(axis=2).argmax(axis=0)]]
    assert np.abs(np.subtract(peak_times, 1000 * LATENCY)).max() <= 10
    at_peak = dataset.responses("1", "170±10ms")
    assert [CHANNELS[channel] for channel in at_peak.argmax(axis=1)] == CHANNEL_OF
    alike = np.array([[a == b for b in CHANNEL_OF] for a in CHANNEL_OF])
    pairs = ~np.eye(9, dtype=bool)
    at_170 = squareform(brain_rdms.rdm(dataset.patterns("1", "170±10ms"), "correlation"))
    assert at_170[alike & pairs].max() < 0.3 < 0.7 < at_170[~alike].min()
    before = squareform(brain_rdms.rdm(dataset.patterns("1", "-100ms"), "correlation"))
    assert abs(before[alike & pairs].mean() - before[~alike].mean()) < 0.3


def changed_raw(root, folder, session=1, partition="training", **changes):
    """A copy of the root in which one raw file is another."""
    shutil.copytree(root, folder / "data", symlinks=True)
    path = raw_files(folder / "data", session)[partition]
    content = np.load(path, allow_pickle=True).item()
    np.save(path, content | {key: change(content[key]) for key, change in changes.items()}, allow_pickle=True)
    return raw_files(folder / "data", session)


def without_last_event(data):
    """As if the recording stopped within the last epoch."""
    return data[:, : np.flatnonzero(data[63])[-1] + 300]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ch_names": lambda names: ["X" if name == "POz" else name for name in names]}, "missing: POz"),
        ({"ch_names": lambda names: [*names[:-1], "events"]}, "raw_eeg_data .*ch_names, the last of them stim"),
        ({"ch_names": lambda names: names[:-1]}, r"data of shape \(64, \d+\) and 63 channels"),
        (
            {"raw_eeg_data": lambda data: np.where(np.arange(64)[:, None] == RECORDED.index("O2"), np.nan, data)},
            r"\d+ values that are not finite, in O2",
        ),
        ({"raw_eeg_data": lambda data: data * (np.arange(64) != 63)[:, None]}, "no events on the channel stim"),
        ({"raw_eeg_data": lambda data: data[:, : data.shape[1] // 2]}, "images were shown fewer than 2 times"),
        ({"raw_eeg_data": without_last_event}, r"\d of 4 images were shown fewer than 2 times"),
        (
            {"raw_eeg_data": lambda data: data * (np.arange(64) != RECORDED.index("P7"))[:, None]},
            "one voltage throughout in P7",
        ),
        (
            {
                "raw_eeg_data": lambda data: data[
                    [RECORDED.index("P8") if i == RECORDED.index("P7") else i for i in range(64)]
                ]
            },
            "a noise covariance whose least eigenvalue",
        ),
        ({"sfreq": lambda _: "fast"}, "could not convert string to float"),
        ({"sfreq": lambda _: 1}, r"at 1 Hz[\s\S]*at least 100 Hz"),
        ({"ch_names": lambda names: ["Pz", *names[1:]]}, "64 channels Pz, F3[\\s\\S]*each name once"),
    ],
)
def test_what_is_wrong_with_a_raw_file_is_one_message(raw_root, tmp_path, changes, message):
    files = changed_raw(raw_root, tmp_path, **changes)
    with pytest.raises(InputError, match=message) as error:
        things_eeg2_preprocessing.session(files, "training")
    assert "raw_eeg_training.npy" in error.value.where


def cut_raw(path):
    path.write_bytes(path.read_bytes()[:-100_000])


def without_poz(path):
    content = np.load(path, allow_pickle=True).item()
    names = ["X" if name == "POz" else name for name in content["ch_names"]]
    np.save(path, content | {"ch_names": names}, allow_pickle=True)


@pytest.mark.parametrize(
    ("harm", "others", "message"),
    [
        (cut_raw, {}, r"ses-04/raw_eeg_test\.npy\s+found:[\s\S]*of which an array should end at"),
        (without_poz, {}, r"ses-04/raw_eeg_test\.npy\s+found:    16 channels; missing: POz"),
        (lambda path: path.unlink(), {}, r"ses-04/raw_eeg_test\.npy\s+found:    no such file"),
        (None, {"targets": ["900ms"]}, r"datasets\.things\.targets\s+found:    no time '900ms'"),
        (None, {"subjects": [7]}, r"sub-07/ses-01/raw_eeg_training\.npy\s+found:    no such file"),
    ],
)
def test_raw_files_are_checked_without_reading_them(raw_root, tmp_path, harm, others, message):
    root = shutil.copytree(raw_root, tmp_path / "data")
    dataset = open_dataset("things", settings(raw_root, "things_eeg2_raw") | {"preprocessed": ""})
    dataset.check_responses("1", "170±10ms")
    dataset = open_dataset("things", settings(root, "things_eeg2_raw", **others) | {"preprocessed": ""})
    if harm:
        harm(raw_files(root, 4)["test"])
    with pytest.raises(InputError, match=message):
        dataset.check_responses(dataset.subjects[0], dataset.targets[0])


def test_sessions_that_do_not_make_a_whole_are_refused(sessions):
    with pytest.raises(
        InputError, match=r"4 of 8 training images are in 1 sessions, such as number 2, and others in 2"
    ):
        things_eeg2_preprocessing.join([sessions[0], sessions[1], sessions[3]], "training")
    with pytest.raises(InputError, match=r"4 of 7 training images|3 of 7 training images are in 0 sessions"):
        things_eeg2_preprocessing.join([sessions[0]], "training")


def test_sessions_of_other_times_are_not_joined(sessions, tmp_path):
    other = np.load(sessions[1], allow_pickle=True).item()
    np.save(tmp_path / "other.npy", other | {"times": other["times"] + 0.01}, allow_pickle=True)
    with pytest.raises(InputError, match=r"other\.npy\s+found:    100 times from -0\.19 to 0\.8 s"):
        things_eeg2_preprocessing.join([sessions[0], tmp_path / "other.npy", *sessions[2:]], "training")


# The rules -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def workflow(raw_root, tmp_path_factory):
    """A clone with an experiment on the raw recordings, and what runs Snakemake there, by names of targets."""
    folder = copy_of_repository(tmp_path_factory.mktemp("workflow"))
    shutil.copytree(raw_root, folder / "data")
    (folder / "images").mkdir()
    experiment = yaml.safe_load((folder / "config.yaml").read_text())
    network = experiment["networks"]["resnet50"]
    network |= {"seeds": [1], "epochs": [0], "blocks": ["layer1"]}
    network["training"]["images"] = "images"
    things = {"format": "things_eeg2_raw", "root": "data", "subjects": [1], "targets": ["170±10ms", "-100ms"]}

    def snakemake(*arguments, environment=(), **changes):
        config = experiment | {"datasets": {"things": things | changes}}
        (folder / "experiment.yaml").write_text(yaml.safe_dump(config, allow_unicode=True))
        arguments = (*arguments, "--cores", "2", "--configfile", "experiment.yaml")
        return run("snakemake", *arguments, cwd=folder, **dict(environment)).stdout

    return folder, snakemake


def jobs(dry_run):
    """Rule → number of jobs, of a dry-run's table."""
    rows = dry_run.split("Job stats:")[1].split("\n\n")[0].splitlines()[3:]
    return {rule: int(n) for rule, n in map(str.split, rows) if rule != "total"}


RDMS = [f"results/brain_rdms/things/sub-1/{target}/correlation.npy" for target in ("170±10ms", "-100ms")]
STIMULI = "results/stimuli/things.csv"
DRY = ("--dry-run", "--quiet", "reason")


@pytest.mark.jobs
def test_the_rules_go_from_raw_sessions_to_rdms_and_redo_what_changed(workflow, raw_root, sessions):
    folder, snakemake = workflow
    # In the plainest locale, a name with ± must work as a path, in a job and in a log.
    snakemake(STIMULI, *RDMS, environment={"LC_ALL": "C"}.items())
    dataset = open_dataset(
        "things",
        settings(raw_root, "things_eeg2_raw") | {"preprocessed": str(folder / "results/preprocessed_data/things")},
    )
    for path, target in zip(RDMS, ("170±10ms", "-100ms"), strict=True):
        read = np.load(folder / path.replace("brain_rdms", "responses").replace("/correlation", ""))
        np.testing.assert_array_equal(read, dataset.patterns("1", target))
        assert read.dtype == dataset.patterns("1", target).dtype
        np.testing.assert_allclose(
            rdms.load(folder / path), brain_rdms.rdm(dataset.patterns("1", target), "correlation"), rtol=1e-6, atol=1e-7
        )
    assert (folder / "results/logs/brain_rdms/things/sub-1/170±10ms/correlation.log").is_file()
    for partition in ("training", "test"):
        path = folder / f"results/preprocessed_data/things/sub-1/preprocessed_eeg_{partition}.npy"
        expected = things_eeg2_preprocessing.join(sessions, partition)["preprocessed_eeg_data"]
        np.testing.assert_array_equal(np.load(path, allow_pickle=True).item()["preprocessed_eeg_data"], expected)

    everything = (STIMULI, *RDMS, *DRY)
    assert "Nothing to be done" in snakemake(*everything)
    for distance, read_again in (("euclidean", {}), ("crossnobis", {"responses": 2})):
        others = [path.replace("correlation", distance) for path in RDMS]
        redone = jobs(snakemake(STIMULI, *others, *DRY, "--config", f"rdm={{brain_distance: {distance}}}"))
        assert redone == {"brain_rdms": 2} | read_again
    redone = jobs(snakemake(*everything, noise_covariance="training"))
    assert redone == {"preprocess_session": 4, "join_sessions": 1, "responses": 2, "brain_rdms": 2}
    raw_files(folder / "data", 3)["test"].touch()
    assert jobs(snakemake(*everything)) == {
        "preprocess_session": 1,
        "join_sessions": 1,
        "responses": 2,
        "brain_rdms": 2,
    }
    redone = jobs(snakemake(*everything, conditions="test_images"))
    assert redone == {"preprocess_session": 1, "join_sessions": 1, "responses": 2, "brain_rdms": 2, "stimuli": 1}


@pytest.mark.jobs
def test_a_time_course_is_an_alignment_per_published_sample(workflow):
    _, snakemake = workflow
    listed = jobs(snakemake(*DRY, targets="all"))
    assert (listed["responses"], listed["brain_rdms"], listed["alignment"]) == (100, 100, 100)


@pytest.mark.jobs
def test_a_broken_recording_ends_its_job_with_one_message(workflow):
    folder, snakemake = workflow
    path = raw_files(folder / "data", 1)["test"]
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    try:
        with pytest.raises(AssertionError, match="preprocess_session"):
            snakemake("results/preprocessed_data/things/sub-1/ses-1.npy")
    finally:
        path.write_bytes(whole)
    log = (folder / "results/logs/preprocessed_data/things/sub-1/ses-1.log").read_text()
    assert log.partition("\n")[2].startswith(
        "ERROR: data/raw_data/sub-01/ses-01/raw_eeg_test.npy\n  found:    not readable"
    )
    assert "Traceback" not in log
