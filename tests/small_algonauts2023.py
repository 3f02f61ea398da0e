"""A small data set as Algonauts 2023 publishes NSD: images that two subjects saw, masks and responses."""

import numpy as np
from PIL import Image

RNG = np.random.default_rng(11)


def picture(path, size=40):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(RNG.integers(0, 256, (size, size, 3), dtype=np.uint8)).save(path)


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


def write_algonauts(root):
    """Two subjects with other images and other numbers of vertices; returns root and (subject, side) → betas, masks."""
    truth = {}
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
            kept = np.zeros(163_842, dtype=np.int32)
            kept[np.random.default_rng(subject).choice(500, n, replace=False)] = 1
            np.save(folder / "roi_masks" / f"{side}.all-vertices_fsaverage_space.npy", kept)
            truth[subject, side] = betas, masks
        for family, names in REGIONS.items():
            np.save(folder / "roi_masks" / f"mapping_{family}.npy", dict(enumerate(names)), allow_pickle=True)
    return root, truth
