"""fMRI in NSD's native release, on files written here from the publishers' description, against plain computations."""

import numpy as np
import pytest
from early_alignment.datasets import open_dataset
from early_alignment.errors import InputError
from early_alignment.experiment import checks
from early_alignment.geometry import brain_rdms
from PIL import Image
from small_nsd import SHARED, plain_repetitions, seen_by_both, write_nsd


@pytest.fixture(scope="module")
def nsd(tmp_path_factory):
    return write_nsd(tmp_path_factory.mktemp("nsd"))


def dataset(root, **settings):
    defaults = {"format": "nsd", "root": root, "subjects": [1, 2], "targets": ["V1v"]}
    return open_dataset("nsd", defaults | settings)


def test_conditions_are_the_shared_images_that_all_subjects_saw_in_their_sessions(nsd):
    root, truth, pictures = nsd
    stimuli = dataset(root).stimuli()
    assert len(SHARED) > len(seen_by_both(truth)) > len(seen_by_both(truth, 2)) > 1  # so that each choice can be told
    assert [stimulus.condition for stimulus in stimuli] == [f"nsd-{number:05d}" for number in seen_by_both(truth)]
    often = dataset(root, min_repetitions=2).stimuli()
    assert [stimulus.condition for stimulus in often] == [f"nsd-{number:05d}" for number in seen_by_both(truth, 2)]
    for stimulus in stimuli:
        picture = dataset(root).open_image(stimulus.image)
        assert isinstance(picture, Image.Image)
        np.testing.assert_array_equal(np.asarray(picture), pictures[int(stimulus.condition[4:])])


@pytest.mark.parametrize("subject", [1, 2])
@pytest.mark.parametrize("at_a_time", [1, 2000, 2**26])
def test_responses_are_z_scored_per_session_and_averaged_over_repetitions(nsd, subject, at_a_time, monkeypatch):
    from early_alignment.datasets import nsd as module

    monkeypatch.setattr(module, "BYTES_AT_A_TIME", at_a_time)
    root, truth, _ = nsd
    patterns = plain_repetitions(truth[subject], truth[subject]["masks"]["prf-visualrois"] == 1)
    numbers = seen_by_both(truth)
    expected = [np.mean(patterns[number], axis=0) for number in numbers]
    np.testing.assert_allclose(dataset(root).responses(str(subject), "V1v"), expected, atol=2e-6)
    repetitions = dataset(root).repetitions(str(subject), "V1v")
    for row, number in enumerate(numbers):
        n = len(patterns[number])
        np.testing.assert_allclose(repetitions[:n, row], patterns[number], atol=2e-6)
        assert np.isnan(repetitions[n:, row]).all()


@pytest.mark.parametrize("subject", [1, 2])
def test_a_sample_of_responses_is_of_the_first_ten_trials_as_they_are_stored(nsd, subject):
    root, truth, _ = nsd
    inside = truth[subject]["masks"]["prf-visualrois"] == 1
    expected = truth[subject]["sessions"][0].T[:10][:, inside.T]
    np.testing.assert_array_equal(dataset(root).sample_of_responses(str(subject), "V1v"), expected)


@pytest.mark.parametrize("chunks", [None, (5, 2, 3, 4)])
@pytest.mark.parametrize("at_a_time", [1, 500, 2**26])
@pytest.mark.parametrize("n", [1, 7, 12])
def test_voxels_of_a_region_anywhere_in_an_hdf5_file(tmp_path, monkeypatch, chunks, at_a_time, n):
    import h5py
    from early_alignment.datasets import nsd as module

    monkeypatch.setattr(module, "BYTES_AT_A_TIME", at_a_time)
    rng = np.random.default_rng(22)
    stored = rng.integers(-3000, 3000, (12, 4, 6, 9), dtype=np.int16)
    inside = np.zeros(stored.shape[1:], bool)
    inside[1:3, 2:5, 4:8] = rng.uniform(size=(2, 3, 4)) < 0.5
    with h5py.File(tmp_path / "betas.hdf5", "w") as file:
        betas = file.create_dataset("betas", data=stored, chunks=chunks)
        found = np.concatenate(list(module.hdf5_voxels(tmp_path / "betas.hdf5", betas, inside, n)))
    np.testing.assert_array_equal(found, stored[:n, inside])


def test_a_damaged_chunk_of_an_hdf5_file_is_named(tmp_path):
    import h5py
    from early_alignment.datasets import nsd as module

    path = tmp_path / "betas.hdf5"
    with h5py.File(path, "w") as file:
        betas = file.create_dataset("betas", data=np.ones((3, 4, 4, 4)), chunks=(1, 4, 4, 4), fletcher32=True)
        offset = betas.id.get_chunk_info(1).byte_offset
    content = bytearray(path.read_bytes())
    content[offset] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError) as error:
        list(module.voxels(path, np.ones((4, 4, 4), bool)))
    assert (error.value.where, error.value.expected) == (str(path), "betas of all trials")
    assert error.value.found.startswith("not readable, perhaps cut short (")


def test_regions_unions_families_and_selection_by_noise_ceiling(nsd):
    root, truth, _ = nsd
    masks, ncsnr = truth[2]["masks"], truth[2]["ncsnr"]
    settings = {"regions": {"V1": ["V1v", "V1d"], "places": ["OPA", "PPA", "V1v"]}}
    count = lambda target, **more: dataset(root, **settings, **more).responses("2", target).shape[1]  # noqa: E731
    prf, places = masks["prf-visualrois"], masks["floc-places"]
    assert count("V1") == np.count_nonzero((prf == 1) | (prf == 2))
    assert count("places") == np.count_nonzero((places > 0) | (prf == 1))
    assert count("Kastner2015.V1v") == np.count_nonzero(masks["Kastner2015"] == 1)
    assert count("V1", min_ncsnr=0.5) == np.count_nonzero(((prf == 1) | (prf == 2)) & (ncsnr >= 0.5))
    with pytest.raises(InputError, match="no region 'IPS0'"):  # two families have one
        count("IPS0")
    with pytest.raises(InputError, match="no voxels of V1v with ncsnr of at least 2"):
        count("V1v", min_ncsnr=2)


@pytest.mark.parametrize("subject", ["1", "2"])
def test_all_distances(nsd, subject):
    data = dataset(nsd[0], min_repetitions=2)
    n = len(data.stimuli())
    for distance in ("correlation", "euclidean", *brain_rdms.NEEDS_REPETITIONS):
        read = data.repeated_patterns if distance in brain_rdms.NEEDS_REPETITIONS else data.patterns
        assert brain_rdms.rdm(read(subject, "V1v"), distance).shape == (n * (n - 1) // 2,)


@pytest.fixture
def broken(nsd, tmp_path):
    import shutil

    return shutil.copytree(nsd[0], tmp_path / "nsd")


def betas(root, subject, session):
    folder = root / f"nsddata_betas/ppdata/subj0{subject}/func1pt8mm/betas_fithrf_GLMdenoise_RR"
    return next(folder.glob(f"betas_session{session:02d}.*"))


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def test_a_session_cut_short_or_missing_is_named(broken):
    cut(betas(broken, 1, 1))
    with pytest.raises(InputError, match=r"betas_session01\.hdf5[\s\S]*cut short"):
        dataset(broken).check_responses("1", "V1v")
    cut(betas(broken, 2, 1))
    with pytest.raises(InputError, match=r"betas_session01\.nii\.gz[\s\S]*cut short"):
        dataset(broken, subjects=[2]).responses("2", "V1v")
    betas(broken, 2, 1).unlink()
    with pytest.raises(InputError, match="sessions 2; subjects that are there: subj01, subj02"):
        dataset(broken, subjects=[2]).stimuli()
    with pytest.raises(InputError, match="no betas_session01"):
        dataset(broken, subjects=[7]).stimuli()


def test_a_voxel_that_does_not_vary_in_a_session_is_counted_and_left_out_only_by_config(broken, nsd):
    import h5py

    inside = nsd[1][1]["masks"]["prf-visualrois"] == 1
    x, y, z = np.argwhere(inside)[3]
    with h5py.File(betas(broken, 1, 2), "a") as file:
        file["betas"][:, z, y, x] = 0
    with pytest.raises(InputError, match=rf"1 of {inside.sum()} units not finite[\s\S]*drop_units"):
        dataset(broken).patterns("1", "V1v")
    assert dataset(broken, drop_units=True).patterns("1", "V1v").shape[1] == inside.sum() - 1
    assert dataset(broken, drop_units=True).repeated_patterns("1", "V1v").shape[2] == inside.sum() - 1


@pytest.mark.parametrize(
    ("key", "change", "found"),
    [
        ("masterordering", lambda values: values - 1, r"masterordering of shape \(36,\) from 0 to 11"),
        ("subjectim", lambda values: values - values.min(), r"subjectim of shape \(2, 12\) from 0"),
        ("sharedix", lambda values: values - 3, r"sharedix of shape \(6,\) from 0 to 41"),
        ("masterordering", lambda values: values + 1, "masterordering .* to 13"),
        ("sharedix", lambda values: values.astype(str).astype(object), "an array of "),
        ("subjectim", lambda values: None, "no variable subjectim"),
        ("subjectim", lambda values: values[:1], "no subject '2'"),
    ],
)
def test_a_design_that_does_not_count_from_1_is_refused(broken, key, change, found):
    from scipy.io import loadmat, savemat

    path = broken / "nsddata/experiments/nsd/nsd_expdesign.mat"
    content = {name: value for name, value in loadmat(path).items() if name[0] != "_"}
    content[key] = change(content[key])
    savemat(path, {name: value for name, value in content.items() if value is not None})
    with pytest.raises(InputError, match=rf"nsd_expdesign\.mat\s+found:    .*{found}"):
        dataset(broken).stimuli()


def write_hdf5(path):
    import h5py

    with h5py.File(path, "w", userblock_size=512) as file:
        file["sharedix"] = SHARED
    with open(path, "r+b") as file:  # MATLAB's own header, in the block that HDF5 leaves free
        file.write(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM")


@pytest.mark.parametrize(
    ("spoil", "found"),
    [
        (lambda path: path.unlink(), "no such file"),
        (write_hdf5, r"a file of MATLAB's version 7\.3, which is HDF5[\s\S]*save it with -v7"),
        (cut, "not readable"),
        (lambda path: path.write_bytes(b""), "not readable"),
        (lambda path: path.write_text("a,b\n1,2\n" * 100), "not readable"),
    ],
)
def test_a_design_that_is_no_matlab_file_is_refused_by_what_it_is(broken, spoil, found):
    spoil(broken / "nsddata/experiments/nsd/nsd_expdesign.mat")
    with pytest.raises(InputError, match=rf"nsd_expdesign\.mat\s+found:    {found}"):
        dataset(broken).stimuli()


def test_the_check_knows_that_crossnobis_needs_two_repetitions_of_every_image(nsd):
    root, truth, _ = nsd
    once = set(seen_by_both(truth)) - set(seen_by_both(truth, 2))
    rare = {s: [n for n in once if np.count_nonzero(truth[s]["images"] == n) < 2] for s in (1, 2)}
    assert any(rare.values())
    for subject, numbers in rare.items():
        data = dataset(root)
        checks.check_repetitions(data, str(subject), "V1v", "mahalanobis")
        measured = ~np.isnan(data.repetitions(str(subject), "V1v")).all(axis=-1)
        np.testing.assert_array_equal(data.measured(str(subject), "V1v"), measured)
        if numbers:
            with pytest.raises(
                InputError, match=rf"{len(numbers)} of .*nsd-{min(numbers):05d}[\s\S]*min_repetitions to 2"
            ):
                checks.check_repetitions(data, str(subject), "V1v", "crossnobis")
        checks.check_repetitions(dataset(root, min_repetitions=2), str(subject), "V1v", "crossnobis")


FULL = (81, 104, 83)
READ = """
import sys
from early_alignment.datasets import open_dataset
from early_alignment.geometry import brain_rdms

settings = {"format": "nsd", "root": sys.argv[1], "subjects": [1], "targets": ["nsdgeneral"]}
responses = open_dataset("nsd", settings).patterns("1", "nsdgeneral")
print(brain_rdms.rdm(responses, "correlation").shape)
print(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


@pytest.mark.long
def test_memory_of_a_subject_of_full_size_stays_below_2_gb(tmp_path):
    """Four sessions of 750 trials, which hold all 1,000 shared images three times, and 15,000 voxels."""
    import sys

    import h5py
    import nibabel
    from conftest import REPOSITORY, run
    from scipy.io import savemat

    rng = np.random.default_rng(41)
    folder = tmp_path / "nsddata_betas/ppdata/subj01/func1pt8mm/betas_fithrf_GLMdenoise_RR"
    folder.mkdir(parents=True)
    with h5py.File(folder / "betas_session01.hdf5", "w") as file:
        betas = file.create_dataset("betas", (750, *FULL[::-1]), np.int16, chunks=(1, *FULL[::-1]))
        for trial in range(0, 750, 25):  # what is not written is 0 and takes no disk
            betas[trial] = rng.integers(-3000, 3000, FULL[::-1], dtype=np.int16)
    for session in (2, 3, 4):
        (folder / f"betas_session{session:02d}.hdf5").hardlink_to(folder / "betas_session01.hdf5")
    mask = np.zeros(FULL, np.int16)
    mask[10:70, 5:40, 20:60] = rng.random((60, 35, 40)) < 0.18
    assert mask.sum() > 15_000
    for path in ("nsddata/ppdata/subj01/func1pt8mm/roi", "nsddata/freesurfer/subj01/label", "nsddata/experiments/nsd"):
        (tmp_path / path).mkdir(parents=True)
    nibabel.save(
        nibabel.Nifti1Image(mask, np.eye(4)), tmp_path / "nsddata/ppdata/subj01/func1pt8mm/roi/nsdgeneral.nii.gz"
    )
    (tmp_path / "nsddata/freesurfer/subj01/label/nsdgeneral.mgz.ctab").write_text("0 Unknown\n1 nsdgeneral\n")
    shared = np.arange(1, 1001)
    design = {"masterordering": np.tile(shared, 30)[None], "subjectim": np.tile(np.arange(1, 10_001), (8, 1))}
    savemat(tmp_path / "nsddata/experiments/nsd/nsd_expdesign.mat", design | {"sharedix": shared[None]})
    result = run(sys.executable, "-c", READ, tmp_path, cwd=REPOSITORY / "workflow_scripts")
    assert "(499500,)" in result.stdout
    kilobytes = int(result.stdout.split("VmHWM:")[1].split()[0])
    print(f"{kilobytes / 1e6:.2f} GB")
    assert kilobytes < 2e6
