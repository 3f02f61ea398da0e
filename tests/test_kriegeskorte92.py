"""The 92-image data set, read from the published files: the figures that a right implementation reproduces.

The numbers are those of Kriegeskorte et al. (2008)'s supplement and of rsatoolbox 0.3.2 on the same files.
"""

import numpy as np
import pytest
from early_alignment import inference, measures, rdms
from early_alignment.datasets import open_dataset
from scipy.io import loadmat


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
    return np.stack([dataset.brain_rdm(subject, "human_IT", "correlation") for subject in subjects])


def test_order_of_images_agrees_with_the_published_mean_rdm(dataset, human):
    published = loadmat(dataset.root / "Kriegeskorte_Neuron2008_supplementalData.mat", squeeze_me=True)
    published = published["RDMs_mIT_hIT_fig1"][1]["RDM"]
    assert measures.compare(human.mean(axis=0)[None], published[None]).item() == pytest.approx(1, abs=5e-4)


def test_noise_ceiling_of_four_subjects(human):
    assert inference.noise_ceiling(human) == pytest.approx((0.3944, 0.6804), abs=5e-5)


def test_monkey_it_is_one_subject_and_its_alignment_is_as_published(dataset, human):
    assert dataset.subjects_of("monkey_IT") == ["monkeys"]
    monkey = dataset.brain_rdm("monkeys", "monkey_IT", "correlation")
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
