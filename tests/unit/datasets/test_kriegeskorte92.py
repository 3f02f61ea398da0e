"""The 92-image data set, read from the published files: the figures that a right implementation reproduces.

The numbers are those of Kriegeskorte et al. (2008)'s supplement and of rsatoolbox 0.3.2 on the same files.
"""

import numpy as np
import pytest
from early_alignment.comparison import measures
from early_alignment.datasets import open_dataset
from early_alignment.errors import InputError
from early_alignment.geometry import rdms
from early_alignment.statistics import ceilings
from scipy.io import loadmat, savemat
from small_kriegeskorte92 import structures, write_humans, write_supplement


@pytest.fixture(scope="module")
def dataset(kriegeskorte92_root):
    settings = {
        "format": "kriegeskorte92",
        "root": kriegeskorte92_root,
        "subjects": [1, 2, 3, 4],
        "targets": ["human_IT", "monkey_IT"],
    }
    return open_dataset("kriegeskorte92", settings)


@pytest.fixture(scope="module")
def human(dataset):
    subjects = dataset.subjects_of("human_IT")
    return np.stack([dataset.published_rdm(subject, "human_IT") for subject in subjects])


def test_order_of_images_agrees_with_the_published_mean_rdm(dataset, human):
    published = loadmat(dataset.root / "Kriegeskorte_Neuron2008_supplementalData.mat", squeeze_me=True)
    published = published["RDMs_mIT_hIT_fig1"][1]["RDM"]
    assert measures.compare(human.mean(axis=0)[None], published[None]).item() == pytest.approx(1, abs=5e-4)


def test_noise_ceiling_of_four_subjects(human):
    assert ceilings.noise_ceiling(human) == pytest.approx((0.3944, 0.6804), abs=5e-5)


def test_monkey_it_is_one_subject_and_its_alignment_is_as_published(dataset, human):
    assert dataset.subjects_of("monkey_IT") == ["monkeys"]
    monkey = dataset.published_rdm("monkeys", "monkey_IT")
    assert_alignment(monkey, human, 0.334, 0.491)


@pytest.mark.parametrize(
    ("name", "over_subjects", "against_mean"), [("animacy", 0.387, 0.577), ("HMAX", 0.152, 0.216), ("V1", 0.025, 0.042)]
)
def test_alignment_of_published_model_rdms(dataset, human, name, over_subjects, against_mean):
    models = loadmat(dataset.root / "92_modelRDMs.mat", squeeze_me=True)["Models"]
    (model,) = (model["RDM"] for model in models if name.lower() in str(model["name"]).lower())
    assert_alignment(rdms.condensed(model), human, over_subjects, against_mean)


def test_alignment_of_raw_pixels(dataset, human):
    pixels = np.stack([np.asarray(dataset.open_image(image), dtype=float).ravel() for _, image in dataset.stimuli()])
    assert_alignment(rdms.rdm([pixels]), human, 0.092, 0.133)


def assert_alignment(model, human, over_subjects, against_mean):
    assert measures.compare(model[None], human).mean() == pytest.approx(over_subjects, abs=5e-4)
    assert measures.compare(model[None], human.mean(axis=0)[None]).item() == pytest.approx(against_mean, abs=5e-4)


# Damaged files, of which the data set itself is not needed --------------------------------------------------------


@pytest.fixture
def written(tmp_path):
    write_supplement(tmp_path)
    write_humans(tmp_path)
    return tmp_path


def of_folder(root):
    targets = ["human_IT", "monkey_IT"]
    return open_dataset("k", {"format": "kriegeskorte92", "root": root, "subjects": [1, 2, 3, 4], "targets": targets})


def with_nan(rdm):
    rdm[5, 7] = rdm[7, 5] = np.nan
    return rdm


def asymmetric(rdm):
    rdm[5, 7] += 1
    return rdm


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda rdm: rdm[:90, :90], r"an array of shape \(90, 90\)"),
        (with_nan, "2 of 8464 values not finite"),
        (asymmetric, "not symmetric: object-06 and object-08"),
        (lambda rdm: 1 - rdm, "a diagonal of 1, as a matrix of similarities"),
        (np.ones_like, "a diagonal of 1"),
        (lambda rdm: rdm.astype(str).astype(object), "an array of "),
    ],
)
def test_published_rdms_that_are_damaged_are_found_by_the_check(written, change, found):
    root = written
    of_folder(root).check_responses("3", "human_IT")
    of_folder(root).check_responses("monkeys", "monkey_IT")
    write_humans(root, change)
    of_folder(root).check_responses("2", "human_IT")
    with pytest.raises(InputError, match=rf"92_brainRDMs\.mat \(RDMs, subject 3\)\s+found:    {found}"):
        of_folder(root).check_responses("3", "human_IT")


def test_published_files_that_are_damaged_are_refused_by_what_they_are(written):
    root = written
    path = root / "92_brainRDMs.mat"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(InputError, match=r"92_brainRDMs\.mat\s+found:    not readable"):
        of_folder(root).check_responses("1", "human_IT")
    savemat(path, {"RDM": 1})
    with pytest.raises(InputError, match=r"92_brainRDMs\.mat\s+found:    no variable RDMs"):
        of_folder(root).check_responses("1", "human_IT")
    savemat(path, {"RDMs": np.ones((4, 2))})
    with pytest.raises(InputError, match=r"92_brainRDMs\.mat.*[\s\S]*structures with a field RDM"):
        of_folder(root).check_responses("1", "human_IT")
    supplement = root / "Kriegeskorte_Neuron2008_supplementalData.mat"
    savemat(supplement, {"stimuli_92objs": structures(np.array([{"image": 0}] * 92))})
    with pytest.raises(InputError, match=r"supplementalData\.mat#1"):
        of_folder(root).open_image(of_folder(root).stimuli()[0].image)
    savemat(supplement, {"stimuli_92objs": np.ones(5)})
    with pytest.raises(InputError, match="5 images"):
        of_folder(root).stimuli()
    supplement.unlink()
    with pytest.raises(InputError, match=r"supplementalData\.mat\s+found:    no such file"):
        of_folder(root).stimuli()
