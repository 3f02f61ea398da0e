"""A small data set as NSD is published, and its responses by plain loops."""

import numpy as np

SHAPE = (9, 7, 5)
"""Voxels, x × y × z; the release has 81 × 104 × 83 in subject 1."""
SHARED = [3, 8, 14, 21, 30, 44]
"""1-based numbers of the shared images, of 50."""
N_IMAGES = 50
LENGTHS = {1: [10, 8, 11], 2: [12, 7]}
"""Subject → trials of each session: sessions of different length, and fewer in the second subject."""
REGIONS = {
    "prf-visualrois": ["Unknown", "V1v", "V1d", "V2v", "hV4"],
    "floc-places": ["Unknown", "OPA", "PPA"],
    "Kastner2015": ["Unknown", "V1v", "IPS0"],
    "HCP_MMP1": ["Unknown", "V1", "IPS0"],
}


def write_nsd(root):
    """Two subjects, the first in HDF5, the second in NIfTI; returns root and what was written."""
    import h5py
    import nibabel
    from scipy.io import savemat

    rng = np.random.default_rng(21)
    truth = {}
    own = {s: rng.permutation(np.setdiff1d(np.arange(1, N_IMAGES + 1), SHARED))[:6] for s in (1, 2)}
    subjectim = np.array([[*SHARED, *own[s]] for s in (1, 2)])
    # Every image comes up, in random order, the first six (which are shared) about three times as often.
    ordering = rng.permutation(np.r_[np.repeat(np.arange(1, 7), 4), np.arange(7, 13), np.arange(7, 13)])
    folder = root / "nsddata/experiments/nsd"
    folder.mkdir(parents=True)
    savemat(
        folder / "nsd_expdesign.mat",
        {"masterordering": ordering[None], "subjectim": subjectim, "sharedix": np.array(SHARED)[None]},
    )
    pictures = rng.integers(0, 256, (N_IMAGES, 12, 12, 3), dtype=np.uint8)
    folder = root / "nsddata_stimuli/stimuli/nsd"
    folder.mkdir(parents=True)
    with h5py.File(folder / "nsd_stimuli.hdf5", "w") as file:
        file["imgBrick"] = pictures
    for subject, lengths in LENGTHS.items():
        betas_folder = root / f"nsddata_betas/ppdata/subj0{subject}/func1pt8mm/betas_fithrf_GLMdenoise_RR"
        roi = root / f"nsddata/ppdata/subj0{subject}/func1pt8mm/roi"
        labels = root / f"nsddata/freesurfer/subj0{subject}/label"
        for made in (betas_folder, roi, labels):
            made.mkdir(parents=True)
        masks = {family: rng.integers(-1, len(names), SHAPE) for family, names in REGIONS.items()}
        for family, names in REGIONS.items():
            nibabel.save(nibabel.Nifti1Image(masks[family].astype(np.int16), np.eye(4)), roi / f"{family}.nii.gz")
            table = "".join(f"{label} {name} 0 0 0 0\n" for label, name in enumerate(names))
            (labels / f"{family}.mgz.ctab").write_text(table)
        ncsnr = rng.uniform(0, 1, SHAPE).astype(np.float32)
        nibabel.save(nibabel.Nifti1Image(ncsnr, np.eye(4)), betas_folder / "ncsnr.nii.gz")
        sessions = [rng.integers(-3000, 3000, (*SHAPE, n), dtype=np.int16) for n in lengths]
        for number, betas in enumerate(sessions, start=1):
            name = f"betas_session{number:02d}"
            if subject == 1:
                with h5py.File(betas_folder / f"{name}.hdf5", "w") as file:
                    file.create_dataset("betas", data=betas.transpose(3, 2, 1, 0), chunks=(number, 5, 7, 9))
            else:
                nibabel.save(nibabel.Nifti1Image(betas, np.eye(4)), betas_folder / f"{name}.nii.gz")
        images = subjectim[subject - 1][ordering[: sum(lengths)] - 1] - 1
        truth[subject] = {"masks": masks, "sessions": sessions, "images": images, "ncsnr": ncsnr}
    return root, truth, pictures


def plain_repetitions(truth, inside):
    """Image → its z-scored patterns, one trial after another; voxels in the order of reversed axes."""
    places = [(x, y, z) for z in range(SHAPE[2]) for y in range(SHAPE[1]) for x in range(SHAPE[0]) if inside[x, y, z]]
    trials = []
    for betas in truth["sessions"]:
        columns = []
        for place in places:
            percent = betas[place] / 300
            columns.append((percent - percent.mean()) / percent.std())
        trials += list(np.array(columns).T)
    patterns = {}
    for image, trial in zip(truth["images"], trials, strict=True):
        patterns.setdefault(image, []).append(trial)
    return patterns


def seen_by_both(truth, least=1):
    counts = [np.bincount(truth[s]["images"], minlength=N_IMAGES) for s in (1, 2)]
    return [number - 1 for number in SHARED if min(count[number - 1] for count in counts) >= least]
