"""Data set formats, on files written here from the publishers' description, against plain slow computations."""

import numpy as np
import pytest
from early_alignment.datasets import open_dataset
from early_alignment.errors import InputError
from PIL import Image
from scipy.spatial.distance import pdist, squareform

RNG = np.random.default_rng(11)


def picture(path, size=40):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(RNG.integers(0, 256, (size, size, 3), dtype=np.uint8)).save(path)


# Algonauts 2023 --------------------------------------------------------------------------------------------------

IDS = {1: [13, 27, 31, 46, 58], 2: [13, 31, 33, 58, 60, 71]}
SHARED = [13, 31, 58]
REGIONS = {
    "prf-visualrois": ["Unknown", "V1v", "V1d", "V2v", "V2d", "V3v", "V3d", "hV4"],
    "floc-places": ["Unknown", "OPA", "PPA", "RSC"],
    "floc-faces": ["Unknown", "OFA", "FFA-1", "FFA-2", "mTL-faces", "aTL-faces"],
    "floc-bodies": ["Unknown", "EBA", "FBA-1", "FBA-2", "mTL-bodies"],
    "floc-words": ["Unknown", "OWFA", "VWFA-1", "VWFA-2", "mfs-words", "mTL-words"],
    "streams": ["Unknown", "early", "midventral", "midlateral", "midparietal", "ventral", "lateral", "parietal"],
}


@pytest.fixture(scope="module")
def algonauts(tmp_path_factory):
    """Two subjects with other images and other numbers of vertices; returns root and (subject, side) → betas, masks."""
    root, truth = tmp_path_factory.mktemp("algonauts"), {}
    for subject, ids in IDS.items():
        folder = root / f"subj{subject:02d}"
        for running, id_ in enumerate(ids, start=1):
            picture(folder / "training_split/training_images" / f"train-{running:04d}_nsd-{id_:05d}.png")
        (folder / "training_split/training_fmri").mkdir()
        (folder / "roi_masks").mkdir()
        for side, n in (("lh", 60 - subject), ("rh", 70 - 3 * subject)):
            betas = RNG.normal(size=(len(ids), n)).astype(np.float32)
            np.save(folder / "training_split/training_fmri" / f"{side}_training_fmri.npy", betas)
            masks = {family: RNG.integers(0, len(names), n) for family, names in REGIONS.items()}
            if side == "rh":
                masks["floc-places"][masks["floc-places"] == 2] = 0  # this hemisphere has no PPA
            for family, mask in masks.items():
                np.save(folder / "roi_masks" / f"{side}.{family}_challenge_space.npy", mask)
            truth[subject, side] = betas, masks
        for family, names in REGIONS.items():
            np.save(folder / "roi_masks" / f"mapping_{family}.npy", dict(enumerate(names)), allow_pickle=True)
    return root, truth


def algonauts_dataset(root, **settings):
    defaults = {"format": "algonauts2023", "root": root, "subjects": [1, 2], "targets": ["V1v", "PPA"]}
    return open_dataset("nsd", defaults | settings)


def test_algonauts_stimuli_are_the_images_that_all_subjects_share(algonauts):
    stimuli = algonauts_dataset(algonauts[0]).stimuli()
    assert [stimulus.condition for stimulus in stimuli] == ["nsd-00013", "nsd-00031", "nsd-00058"]
    assert all((algonauts[0] / stimulus.image).is_file() for stimulus in stimuli)
    assert stimuli[1].image.endswith("subj01/training_split/training_images/train-0003_nsd-00031.png")


@pytest.mark.parametrize("subject", [1, 2])
@pytest.mark.parametrize(("region", "family", "label"), [("V1v", "prf-visualrois", 1), ("PPA", "floc-places", 2)])
def test_algonauts_responses_are_both_hemispheres_of_the_region(algonauts, subject, region, family, label):
    root, truth = algonauts
    expected = []
    for id_ in SHARED:
        row = []
        for side in ("lh", "rh"):
            betas, masks = truth[subject, side]
            for vertex in range(betas.shape[1]):
                if masks[family][vertex] == label:
                    row.append(betas[IDS[subject].index(id_), vertex])
        expected.append(row)
    dataset = algonauts_dataset(root)
    np.testing.assert_array_equal(dataset.responses(str(subject), region), expected)
    np.testing.assert_allclose(dataset.brain_rdm(str(subject), region, "correlation"), pdist(expected, "correlation"))


def test_algonauts_names_the_nearest_known_region(algonauts):
    with pytest.raises(InputError, match="no region 'hv4'") as error:
        algonauts_dataset(algonauts[0]).responses("1", "hv4")
    assert error.value.expected.startswith("one of hV4")


def test_algonauts_with_all_eight_subjects_must_share_872_images(algonauts, tmp_path):
    for subject in range(1, 9):
        (tmp_path / f"subj{subject:02d}").symlink_to(algonauts[0] / "subj01")
    with pytest.raises(InputError, match="5 images in the training split of all of subjects 1, 2, 3, 4, 5, 6, 7, 8"):
        algonauts_dataset(tmp_path, subjects=list(range(1, 9))).stimuli()


def test_algonauts_refuses_images_and_responses_that_disagree(algonauts, tmp_path):
    import shutil

    root = shutil.copytree(algonauts[0], tmp_path / "data")
    next((root / "subj02/training_split/training_images").iterdir()).unlink()
    with pytest.raises(InputError, match=r"lh_training_fmri\.npy[\s\S]*5 rows \(training images\)"):
        algonauts_dataset(root).responses("2", "V1v")


# THINGS EEG2 -----------------------------------------------------------------------------------------------------

CHANNELS = ["Pz", "P3", "P7", "O1", "Oz", "O2", "P4", "P8", "P1", "P5", "PO7", "PO3", "POz", "PO4", "PO8", "P6", "P2"]
TIMES = np.arange(100) / 100 - 0.2
PARTITIONS = {
    "training": (["00001_aardvark"] * 3 + ["00002_abacus"] * 3 + ["00003_accordion"] * 3, 4),
    "test": (["00001_aircraft_carrier", "00002_antelope"], 80),
}


@pytest.fixture(scope="module")
def things(tmp_path_factory):
    root, metadata, truth = tmp_path_factory.mktemp("things"), {}, {}
    (root / "preprocessed_data/sub-03").mkdir(parents=True)
    for (partition, (concepts, repetitions)), key in zip(PARTITIONS.items(), ("train", "test"), strict=True):
        metadata[f"{key}_img_concepts"] = concepts
        metadata[f"{key}_img_files"] = [f"{concept[6:]}_{i:02d}s.jpg" for i, concept in enumerate(concepts)]
        for concept, file in zip(concepts, metadata[f"{key}_img_files"], strict=True):
            picture(root / "image_set" / f"{partition}_images" / concept / file)
        truth[partition] = RNG.normal(size=(len(concepts), repetitions, 17, 100))
        content = {"preprocessed_eeg_data": truth[partition], "ch_names": CHANNELS, "times": TIMES}
        np.save(root / f"preprocessed_data/sub-03/preprocessed_eeg_{partition}.npy", content, allow_pickle=True)
    np.save(root / "image_set/image_metadata.npy", metadata, allow_pickle=True)
    settings = {"format": "things_eeg2", "root": root, "subjects": [3], "targets": ["170ms"], "images": "image_set"}
    settings |= {"conditions": "concepts", "average_images": True}
    return open_dataset("things", settings), truth


def test_things_conditions_are_training_and_test_concepts(things):
    stimuli = things[0].stimuli()
    assert list(dict.fromkeys(stimulus.condition for stimulus in stimuli)) == [
        "training/00001_aardvark",
        "training/00002_abacus",
        "training/00003_accordion",
        "test/00001_aircraft_carrier",
        "test/00002_antelope",
    ]
    assert len(stimuli) == 11
    assert all((things[0].root / stimulus.image).is_file() for stimulus in stimuli)


@pytest.mark.parametrize(("target", "sample"), [("80ms", 28), ("170ms", 37), ("300ms", 50), ("-200ms", 0)])
def test_things_responses_are_means_over_repetitions_and_images(things, target, sample):
    dataset, truth = things
    expected = []
    for partition, (concepts, _) in PARTITIONS.items():
        for concept in dict.fromkeys(concepts):
            trials = [
                truth[partition][i, repetition, :, sample]
                for i, name in enumerate(concepts)
                if name == concept
                for repetition in range(truth[partition].shape[1])
            ]
            expected.append(np.mean(trials, axis=0))
    np.testing.assert_allclose(dataset.responses("3", target), expected, atol=1e-12)


@pytest.mark.parametrize("target", ["900ms", "-300ms", "V1v"])
def test_things_refuses_a_time_that_was_not_recorded(things, target):
    with pytest.raises(InputError, match=f"no time '{target}'[\\s\\S]*from -200ms to 790ms"):
        things[0].responses("3", target)


# Anyone's RDMs ---------------------------------------------------------------------------------------------------


@pytest.fixture
def own_rdms(tmp_path):
    for name in ("apple", "boat", "cow", "dog"):
        picture(tmp_path / "stimuli" / f"{name}.png")
    (tmp_path / "sub-anna").mkdir()
    settings = {"format": "rdms", "root": tmp_path, "subjects": ["anna"], "targets": ["LOC"]}
    return open_dataset("own", settings)


def test_own_rdms_may_be_square_or_condensed(own_rdms):
    pairs = RNG.uniform(size=6)
    for rdm in (pairs, squareform(pairs)):
        np.save(own_rdms.root / "sub-anna/LOC.npy", rdm)
        np.testing.assert_array_equal(own_rdms.brain_rdm("anna", "LOC", "correlation"), pairs)
    assert [stimulus.condition for stimulus in own_rdms.stimuli()] == ["apple", "boat", "cow", "dog"]


@pytest.mark.parametrize("rdm", [np.ones(10), np.arange(16.0).reshape(4, 4), np.full(6, np.nan)])
def test_own_rdms_of_the_wrong_shape_are_refused(own_rdms, rdm):
    np.save(own_rdms.root / "sub-anna/LOC.npy", rdm)
    with pytest.raises(InputError, match=r"LOC\.npy[\s\S]*\(4, 4\) or condensed \(6,\)"):
        own_rdms.brain_rdm("anna", "LOC", "correlation")


def test_a_stimulus_that_does_not_decode_is_named(own_rdms):
    (own_rdms.root / "stimuli/boat.png").write_bytes(b"not an image")
    with pytest.raises(InputError, match=r"boat\.png"):
        own_rdms.open_image("stimuli/boat.png")
