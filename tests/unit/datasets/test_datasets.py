"""Data set formats, on files written here from the publishers' description, against plain slow computations."""

import numpy as np
import pytest
from conftest import REPOSITORY, run
from early_alignment.datasets import open_dataset
from early_alignment.datasets.rdms import checked_rdm
from early_alignment.errors import InputError
from early_alignment.experiment import checks
from early_alignment.geometry import brain_rdms
from scipy.spatial.distance import pdist, squareform
from small_algonauts2023 import IDS, REGIONS, SHARED, picture, write_algonauts

RNG = np.random.default_rng(11)


# Algonauts 2023 --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def algonauts(tmp_path_factory):
    return write_algonauts(tmp_path_factory.mktemp("algonauts"))


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
    np.testing.assert_allclose(
        brain_rdms.rdm(dataset.patterns(str(subject), region), "correlation"), pdist(expected, "correlation")
    )


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


def test_algonauts_unions_take_every_vertex_of_any_part_once_whatever_the_mask_family(algonauts):
    root, truth = algonauts
    dataset = algonauts_dataset(root, regions={"V1": ["V1v", "V1d"], "mixed": ["V1v", "PPA", "early"]})
    for subject in (1, 2):
        sizes = {"V1": 0, "mixed": 0}
        for side in ("lh", "rh"):
            masks = truth[subject, side][1]
            v1v, places, streams = masks["prf-visualrois"] == 1, masks["floc-places"] == 2, masks["streams"] == 1
            sizes["V1"] += np.count_nonzero(v1v | (masks["prf-visualrois"] == 2))
            sizes["mixed"] += np.count_nonzero(v1v | places | streams)
        for target, size in sizes.items():
            assert dataset.responses(str(subject), target).shape == (3, size)


@pytest.mark.parametrize("family", REGIONS)
def test_algonauts_reads_any_region_of_any_mask_family(algonauts, family):
    root, truth = algonauts
    for label, region in enumerate(REGIONS[family][1:], start=1):
        n = sum(np.count_nonzero(truth[1, side][1][family] == label) for side in ("lh", "rh"))
        assert algonauts_dataset(root).responses("1", region).shape[1] == n


@pytest.fixture
def broken(algonauts, tmp_path):
    import shutil

    return shutil.copytree(algonauts[0], tmp_path / "data")


def test_algonauts_refuses_a_region_that_is_empty_in_a_subject(broken):
    for side in ("lh", "rh"):
        path = broken / f"subj02/roi_masks/{side}.floc-places_challenge_space.npy"
        mask = np.load(path)
        np.save(path, np.where(mask == 2, 0, mask))
    algonauts_dataset(broken).check_responses("1", "PPA")
    with pytest.raises(InputError, match=r"subj02[\s\S]*no vertices of PPA in either hemisphere"):
        algonauts_dataset(broken).check_responses("2", "PPA")


def test_algonauts_says_what_each_file_should_be(broken):
    masks = broken / "subj01/roi_masks"
    with pytest.raises(InputError) as error:
        algonauts_dataset(broken).responses("1", "V9")
    assert error.value.where == str(masks)
    places = masks / "lh.floc-places_challenge_space.npy"
    np.save(places, np.load(places)[:-1])
    with pytest.raises(InputError) as error:
        algonauts_dataset(broken, regions={"both": ["V1v", "PPA"]}).responses("1", "both")
    parts = (str(places), "58 vertices", "59, as in other masks")
    assert (error.value.where, error.value.found, error.value.expected) == parts
    for path, expected in (
        (places, "an integer label per vertex"),
        (
            broken / "subj01/training_split/training_fmri/lh_training_fmri.npy",
            "responses, float (training images, vertices)",
        ),
    ):
        path.unlink()
        with pytest.raises(InputError) as error:
            algonauts_dataset(broken).responses("1", "PPA")
        assert (error.value.where, error.value.found, error.value.expected) == (str(path), "no such file", expected)
        np.save(path, np.zeros(59))


def test_algonauts_refuses_what_is_missing_cut_short_or_misnamed(broken):
    with pytest.raises(InputError, match=r"subj05[\s\S]*subjects that are there: subj01, subj02"):
        algonauts_dataset(broken, subjects=[5]).stimuli()
    with pytest.raises(InputError, match="subject 'anna'"):
        algonauts_dataset(broken, subjects=["anna"]).stimuli()
    images = broken / "subj02/training_split/training_images"
    picture(images / "train-0007_nsd-00071.png")
    with pytest.raises(InputError, match="1 NSD ids with two images"):
        algonauts_dataset(broken).stimuli()
    (images / "train-0007_nsd-00071.png").rename(images / "train-7.png")
    with pytest.raises(InputError, match=r"1 oddly named images \(train-7\.png\)"):
        algonauts_dataset(broken).stimuli()
    (images / "train-7.png").unlink()
    path = broken / "subj02/training_split/training_fmri/rh_training_fmri.npy"
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(InputError, match=r"rh_training_fmri\.npy[\s\S]*cut short"):
        algonauts_dataset(broken).responses("2", "V1v")
    path.unlink()
    with pytest.raises(InputError, match=r"rh_training_fmri\.npy[\s\S]*no such file"):
        algonauts_dataset(broken).responses("2", "V1v")


def test_units_that_are_not_finite_or_constant_are_counted_and_named_and_left_out_only_by_config(broken, algonauts):
    inside = np.flatnonzero(algonauts[1][1, "lh"][1]["prf-visualrois"] == 1)
    path = broken / "subj01/training_split/training_fmri/lh_training_fmri.npy"
    betas = np.load(path)
    betas[2, inside[0]] = np.nan  # image 31, a shared one
    betas[:, inside[2]] = 1.5
    np.save(path, betas)
    found = r"1 of \d+ units not finite: 0; 1 of \d+ units constant over conditions: 2\n"
    with pytest.raises(InputError, match=found):
        algonauts_dataset(broken).patterns("1", "V1v")
    with pytest.raises(InputError, match="drop_units"):
        algonauts_dataset(broken).check_responses("1", "V1v")
    whole = algonauts_dataset(broken).responses("1", "V1v")
    kept = np.delete(whole, [0, 2], axis=1)
    np.testing.assert_array_equal(algonauts_dataset(broken, drop_units=True).patterns("1", "V1v"), kept)


def test_distances_of_repetitions_are_refused_where_there_are_averages_alone(algonauts):
    with pytest.raises(InputError, match=r"rdm\.brain_distance[\s\S]*holds averages"):
        algonauts_dataset(algonauts[0]).repeated_patterns("1", "V1v")


def test_a_pattern_that_does_not_vary_over_units_is_found_by_the_check_if_the_distance_needs_that(broken, algonauts):
    for side in ("lh", "rh"):
        path = broken / f"subj01/training_split/training_fmri/{side}_training_fmri.npy"
        betas = np.load(path)
        betas[2] = 0  # image 31, a shared one
        np.save(path, betas)
    data = algonauts_dataset(broken)
    for distance in ("correlation", "cosine"):
        with pytest.raises(InputError, match=f"1 of 3 conditions .*: nsd-00031[\\s\\S]*{distance}"):
            checks.check_patterns(data, "1", "V1v", distance)
    checks.check_patterns(data, "1", "V1v", "euclidean")
    checks.check_patterns(data, "2", "V1v", "correlation")


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
        np.testing.assert_array_equal(own_rdms.published_rdm("anna", "LOC"), pairs)
    assert [stimulus.condition for stimulus in own_rdms.stimuli()] == ["apple", "boat", "cow", "dog"]


SYMMETRIC = squareform(RNG.uniform(0.1, 1, size=6))


def with_value(one, other, value):
    changed = SYMMETRIC.copy()
    changed[one, other] = value
    return changed


def saved(write):
    def spoil(path):
        with open(path, "wb") as file:
            write(file)

    return spoil


@pytest.mark.parametrize(
    ("rdm", "message"),
    [
        (np.ones(10), r"an array of shape \(10,\)\s+expected: a symmetric \(4, 4\) or condensed \(6,\)"),
        (np.ones((5, 5)), r"an array of shape \(5, 5\)[\s\S]*as there are 4 stimuli"),
        (np.full(6, np.nan), "6 of 6 values not finite"),
        (np.array([1, 2, 3, 4, 5, np.inf]), "1 of 6 values not finite"),
        (np.array([1, 2, 3, 4, 5, 1e300]), "1 of 6 values not finite, or beyond float32"),
        (SYMMETRIC + np.diag([np.nan] * 4), "4 of 16 values not finite.*all of them on the diagonal"),
        (with_value(1, 3, np.nan), "1 of 16 values not finite.*one triangle"),
        (
            with_value(1, 3, SYMMETRIC[1, 3] + 0.25),
            rf"not symmetric: boat and dog are {SYMMETRIC[1, 3] + 0.25:.3g} apart in one triangle and "
            rf"{SYMMETRIC[1, 3]:.3g} in the other",
        ),
        (np.triu(SYMMETRIC), "not symmetric.*the lower triangle is 0 throughout[\\s\\S]*add the transpose"),
        (np.tril(SYMMETRIC), "not symmetric.*the upper triangle is 0 throughout"),
        (1 - SYMMETRIC, r"a diagonal of 1, as a matrix of similarities has[\s\S]*a diagonal of 0[\s\S]*1 − r"),
        (with_value(2, 2, 0.1), "a diagonal of 0 to 0.1"),
        (np.array([0.1, 0.2, -0.3, 0.4, -0.5, 0.6]), r"2 of 6 dissimilarities are negative, down to -0.5"),
        (SYMMETRIC.astype(complex), "an array of complex128"),
        (SYMMETRIC.astype(str), "an array of <U32"),
        (SYMMETRIC > 0.5, "an array of bool"),
        (SYMMETRIC.astype([("r", float)]), "a table of named fields"),
        (np.full(6, 0.7), r"0.7 for every pair of conditions[\s\S]*cannot be compared"),
        (np.full(6, 0.7) + 1e-12 * np.arange(6), "0.7 for every pair of conditions"),
    ],
)
def test_own_rdms_that_are_no_dissimilarities_are_refused_in_words_of_their_own(own_rdms, rdm, message):
    np.save(own_rdms.root / "sub-anna/LOC.npy", rdm)
    with pytest.raises(InputError, match=rf"LOC\.npy\s+found:    {message}"):
        own_rdms.check_responses("anna", "LOC")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda path: path.touch(), "an empty file"),
        (saved(lambda file: np.savez(file, x=SYMMETRIC)), r"a zip archive, such as \.npz, under the name of \.npy"),
        (saved(lambda file: np.save(file, SYMMETRIC.astype(object))), "an array of Python objects"),
        (lambda path: np.savetxt(path, SYMMETRIC), r"no \.npy file"),
        (lambda path: path.mkdir(), "not readable .*[Dd]irectory"),
        (lambda path: None, "no such file"),
    ],
)
def test_what_is_no_npy_file_is_refused_by_what_it_is(own_rdms, spoil, message):
    spoil(own_rdms.root / "sub-anna/LOC.npy")
    with pytest.raises(InputError, match=rf"LOC\.npy\s+found:    {message}[\s\S]*remedy:   write the file again"):
        own_rdms.check_responses("anna", "LOC")


def test_cross_validated_rdms_may_be_negative_where_the_config_says_so(own_rdms):
    pairs = np.array([0.1, 0.2, -0.3, 0.4, -0.5, 0.6])
    settings = own_rdms.settings | {"cross_validated": True}
    for rdm in (pairs, squareform(pairs)):
        np.save(own_rdms.root / "sub-anna/LOC.npy", rdm)
        np.testing.assert_array_equal(open_dataset("own", settings).published_rdm("anna", "LOC"), pairs)
    assert open_dataset("own", settings).science_of_stimuli == own_rdms.science_of_stimuli


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.int16, np.uint8, ">f8"])
def test_own_rdms_may_be_of_any_type_of_number_and_off_by_its_rounding(own_rdms, dtype):
    pairs = np.array([1, 2, 3, 4, 5, 6])
    rdm = np.asfortranarray(squareform(pairs).astype(dtype))
    if np.dtype(dtype).kind == "f":
        rdm += np.triu(rdm) * np.finfo(dtype).eps
        rdm[1, 1] = -np.finfo(dtype).eps
    np.save(own_rdms.root / "sub-anna/LOC.npy", rdm)
    found = own_rdms.published_rdm("anna", "LOC")
    np.testing.assert_allclose(found, pairs, rtol=1e-2)
    assert found.dtype == np.float64


def refused_rdm(rdm) -> str:
    """What is found in an RDM of someone's own that is refused."""
    with pytest.raises(InputError) as error:
        checked_rdm(np.asarray(rdm), list("abcd"), "here", "again")
    assert error.value.where == "here"
    return error.value.found


DIAGONAL = [(i, i) for i in range(4)]


@pytest.mark.parametrize(
    ("bad", "in_one"),
    [
        ([(0, 1)], True),
        ([(1, 0)], True),
        ([(0, 3), (1, 2)], True),
        ([*DIAGONAL, (0, 1)], True),
        ([*DIAGONAL, (1, 0)], True),
        ([(0, 1), (1, 0)], False),
        ([(0, 3), (3, 0)], False),
        ([*DIAGONAL, (0, 1), (1, 0)], False),
    ],
)
def test_values_that_are_not_finite_are_said_to_be_in_one_triangle_where_they_are(bad, in_one):
    rdm = SYMMETRIC.copy()
    rdm[tuple(zip(*bad, strict=True))] = np.nan
    where = ", all of them on the diagonal or in one triangle" if in_one else ""
    assert refused_rdm(rdm) == f"{len(bad)} of 16 values not finite, or beyond float32{where}"


@pytest.mark.parametrize("diagonal", [0, 1])
@pytest.mark.parametrize(
    ("there", "empty"),
    [([(0, 1)], "lower"), ([(1, 0)], "upper"), ([(0, 2), (1, 3)], "lower"), ([(2, 0), (3, 1)], "upper")],
)
def test_a_matrix_of_one_triangle_is_called_one_whatever_its_diagonal(diagonal, there, empty):
    rdm = diagonal * np.eye(4)
    rdm[tuple(zip(*there, strict=True))] = 0.5
    assert refused_rdm(rdm).endswith(f", the largest difference; the {empty} triangle is 0 throughout")
    rdm[3, 2], rdm[2, 3] = 0.2, 0.7
    assert refused_rdm(rdm).endswith(" the largest difference")


def test_halves_may_differ_by_ten_times_the_rounding_of_their_type():
    for steps, right in ((9.5, True), (10.5, False)):
        rdm = SYMMETRIC / SYMMETRIC.max()
        rdm[0, 1] = rdm[1, 0] = 0.5
        rdm = rdm.astype(np.float16)
        rdm[1, 0] += np.float16(steps * np.finfo(np.float16).eps)
        if right:
            checked_rdm(rdm, list("abcd"), "here", "again")
        else:
            assert refused_rdm(rdm).startswith("not symmetric: ")
    whole = squareform(np.arange(1, 7))
    whole[0, 1] += 1
    assert refused_rdm(whole).startswith("not symmetric: a and b are 2 apart in one triangle and 1 in the other")


def test_an_rdm_of_zeros_is_constant_and_negative_ones_are_refused_unless_they_are_cross_validated():
    assert refused_rdm(np.zeros((4, 4))) == "0 for every pair of conditions"
    assert refused_rdm([1, 2, 3, 4, 5, -6]).startswith("1 of 6 dissimilarities are negative, down to -6")
    pairs = np.array([1, 2, 3, 4, 5, -6])
    np.testing.assert_array_equal(checked_rdm(pairs, list("abcd"), "here", "again", cross_validated=True), pairs)


INPUTS = REPOSITORY.parent / "shared" / "inputs"


@pytest.mark.skipif(not INPUTS.is_dir(), reason="no folder of small inputs beside the repository")
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("rdm_right.npy", None),
        ("rdm_similarity.npy", "a diagonal of 1"),
        ("rdm_upper_triangle.npy", "not symmetric"),
        ("rdm_empty.npy", "an empty file"),
        ("rdm_npz_by_name_npy.npy", "a zip archive"),
        ("rdm_nan.npy", "not finite"),
        ("rdm_constant.npy", "for every pair of conditions"),
    ],
)
def test_small_inputs_that_were_met_elsewhere(tmp_path, name, message):
    for i in range(8):
        picture(tmp_path / f"stimuli/{i}.png")
    (tmp_path / "sub-1").symlink_to(INPUTS)
    target = name.removesuffix(".npy")
    data = open_dataset("own", {"format": "rdms", "root": tmp_path, "subjects": ["1"], "targets": [target]})
    if message is None:
        np.testing.assert_array_equal(data.published_rdm("1", target), squareform(np.load(INPUTS / name)))
        return
    with pytest.raises(InputError, match=message):
        data.check_responses("1", target)


def test_a_stimulus_that_does_not_decode_is_named(own_rdms):
    (own_rdms.root / "stimuli/boat.png").write_bytes(b"not an image")
    with pytest.raises(InputError, match=r"boat\.png[\s\S]*remedy:   write the file again"):
        own_rdms.open_image("stimuli/boat.png")


# What data sets know ---------------------------------------------------------------------------------------------


def test_data_sets_know_no_rdms_networks_or_statistics():
    from snakemake_additions.code_versions import PACKAGE, modules_behind

    for module in (PACKAGE / "datasets").glob("*.py"):
        behind = {path.relative_to(PACKAGE) for path in modules_behind(module)}
        rooms = {path.parts[0] for path in behind if len(path.parts) > 1}
        assert rooms <= {"datasets"}, module.name
    code = "import sys; from early_alignment.datasets import format_in, formats, open_dataset\n"
    code += "for name in formats(): format_in(name)\n"
    code += "sys.exit('torch' in sys.modules)"
    run("python", "-c", code, cwd=REPOSITORY, PYTHONPATH="workflow_scripts")


def test_what_features_and_simulated_data_are_made_by_knows_no_rdms():
    from snakemake_additions.code_versions import PACKAGE, SCRIPTS, modules_behind

    for script in ("list_stimuli", "extract_features", "read_responses", "simulate_brain_data"):
        behind = modules_behind(SCRIPTS / f"{script}.py")
        assert not [path for path in behind if path.relative_to(PACKAGE).parts[0] in ("geometry", "comparison")]
    assert PACKAGE / "geometry/rdms.py" in modules_behind(SCRIPTS / "compute_brain_rdm.py")
