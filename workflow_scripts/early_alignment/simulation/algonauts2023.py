"""Write simulated fMRI in the format of the Algonauts 2023 challenge."""

from functools import cache
from typing import Any

import numpy as np

from . import generative_model as model
from .plan import Plan
from .scenes import CATEGORIES, scene

REGIONS = {
    "prf-visualrois": ("V1v", "V1d", "V2v", "V2d", "V3v", "V3d", "hV4"),
    "floc-bodies": ("EBA", "FBA-1", "FBA-2", "mTL-bodies"),
    "floc-faces": ("OFA", "FFA-1", "FFA-2", "mTL-faces", "aTL-faces"),
    "floc-places": ("OPA", "PPA", "RSC"),
    "floc-words": ("OWFA", "VWFA-1", "VWFA-2", "mfs-words", "mTL-words"),
    "streams": ("early", "midventral", "midlateral", "midparietal", "ventral", "lateral", "parietal"),
}
"""Mask family → names of its labels 1, 2, …; 0 is `Unknown` in each."""

TARGETS = ("V1v", "hV4", "PPA")
VERTICES_PER_REGION = 20
"""Per hemisphere; thousands in the real data."""
FSAVERAGE_VERTICES = 163_842
REPETITIONS = 3
SIDE = 425


def write(plan: Plan, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Write all subjects' folders; returns target → z of the shared images, (images, components)."""
    ids = sorted({id_ for subject in plan.subject_numbers for id_ in plan.nsd_ids(subject)})
    category = {id_: CATEGORIES[i % len(CATEGORIES)] for i, id_ in enumerate(rng.permutation(ids))}
    picture = {id_: scene(category[id_], rng, SIDE) for id_ in ids}
    z = model.latents([picture[id_] for id_ in ids], [category[id_] for id_ in ids])
    row_of = {id_: row for row, id_ in enumerate(ids)}
    rows = {subject: [row_of[id_] for id_ in plan.nsd_ids(subject)] for subject in plan.subject_numbers}
    shared_ids = sorted(set.intersection(*(set(plan.nsd_ids(subject)) for subject in plan.subject_numbers)))
    shared = {subject: np.isin(plan.nsd_ids(subject), shared_ids).nonzero()[0] for subject in plan.subject_numbers}

    encoded = {id_: png(picture[id_]) for id_ in ids}
    for subject in plan.subject_numbers:
        for running, id_ in enumerate(plan.nsd_ids(subject), start=1):
            write_bytes(plan.nsd_image(subject, running, id_), encoded[id_])
        for running in (1, 2):
            held_out = plan.nsd_image(subject, running, 70_000 + 10 * subject + running, "test")
            write_bytes(held_out, png(scene(CATEGORIES[running], rng, SIDE)))

    masks = {subject: hemisphere_masks(fewer=subject == plan.subjects) for subject in plan.subject_numbers}
    noise = {
        subject: rng.normal(size=(len(rows[subject]), 2 * n_vertices(masks[subject]))) / np.sqrt(REPETITIONS)
        for subject in plan.subject_numbers
    }
    betas = {subject: noise[subject].copy() for subject in plan.subject_numbers}
    truth = {}
    for target in TARGETS:
        latent = z[model.FAMILY_OF[target]]
        columns = {subject: region_columns(masks[subject], target) for subject in plan.subject_numbers}
        signal = {
            subject: (latent @ model.mixing(latent.shape[1], len(columns[subject]), rng))[rows[subject]]
            for subject in plan.subject_numbers
        }

        def respond(gain, subject, signal=signal, columns=columns):
            return z_scored(gain * signal[subject] + noise[subject][:, columns[subject]])

        truth[target] = latent[[row_of[id_] for id_ in shared_ids]]
        gain = model.gain_for(
            plan.noise_ceiling,
            lambda gain, respond=respond: [respond(gain, s)[shared[s]] for s in plan.subject_numbers],
            model.true_rdm(truth[target]),
        )
        for subject in plan.subject_numbers:
            betas[subject][:, columns[subject]] = respond(gain, subject)
    for subject in plan.subject_numbers:
        write_subject(plan, subject, z_scored(betas[subject]), masks[subject])
    return truth


def z_scored(responses: np.ndarray) -> np.ndarray:
    """Every unit with mean 0 and variance 1 over images, as the publishers do within sessions."""
    return (responses - responses.mean(axis=0)) / responses.std(axis=0)


def hemisphere_masks(fewer: bool) -> dict[str, np.ndarray]:
    """Mask family → label of each vertex of one hemisphere; regions lie side by side, streams across all.

    Args:
        fewer: Leave out the last vertices, as in the subjects whose vertices with missing data were removed.
    """
    families = {family: names for family, names in REGIONS.items() if family != "streams"}
    n = VERTICES_PER_REGION * sum(len(names) for names in families.values()) + (50 if fewer else 80)
    masks, start = {}, 0
    for family, names in families.items():
        masks[family] = np.zeros(n, dtype=np.int32)
        for label in range(1, len(names) + 1):
            masks[family][start : start + VERTICES_PER_REGION] = label
            start += VERTICES_PER_REGION
    masks["streams"] = (np.arange(n) * (len(REGIONS["streams"]) + 1) // n).astype(np.int32)
    return masks


@cache
def patch(side: int, n: int) -> np.ndarray:
    """Numbers of so many vertices of fsaverage, (n,), from the back of a hemisphere to the front.

    So regions, whose vertices follow each other, are bands of cortex. They are among the 10,242 vertices of fsaverage5,
    which are fsaverage's first ones.
    """
    import nibabel
    from nilearn.datasets import fetch_surf_fsaverage

    surface: Any = nibabel.load(fetch_surf_fsaverage("fsaverage5")[("pial_left", "pial_right")[side]])
    backwards = surface.agg_data("pointset")[:, 1]  # y grows to the front
    return np.argsort(backwards, kind="stable")[:n]


def n_vertices(masks: dict[str, np.ndarray]) -> int:
    return len(masks["streams"])


def region_columns(masks: dict[str, np.ndarray], region: str) -> np.ndarray:
    """The columns of a region in both hemispheres side by side."""
    (family,) = (family for family, names in REGIONS.items() if region in names)
    one = np.flatnonzero(masks[family] == REGIONS[family].index(region) + 1)
    return np.concatenate([one, n_vertices(masks) + one])


def png(picture: np.ndarray) -> bytes:
    """The picture as the bytes of a PNG file."""
    from io import BytesIO

    from PIL import Image

    buffer = BytesIO()
    Image.fromarray(picture).save(buffer, format="png", compress_level=1)
    return buffer.getvalue()


def write_bytes(path, content: bytes) -> None:
    """Write a file, and the folder for it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def write_subject(plan: Plan, subject: int, betas: np.ndarray, masks: dict[str, np.ndarray]) -> None:
    """Write one subject's responses, masks and mappings; betas are (images, vertices of both hemispheres)."""
    folder = plan.root_of("algonauts2023") / f"subj{subject:02d}"
    for name in ("training_split/training_fmri", "roi_masks"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    n = n_vertices(masks)
    for side, hemisphere in enumerate(("lh", "rh")):
        vertices = patch(side, n)
        kept = np.zeros(FSAVERAGE_VERTICES, dtype=np.int32)
        kept[vertices] = 1
        order = np.argsort(vertices)  # the challenge space keeps the order of fsaverage
        half = betas[:, side * n : (side + 1) * n].astype(np.float32)
        np.save(folder / "training_split/training_fmri" / f"{hemisphere}_training_fmri.npy", half[:, order])
        np.save(folder / "roi_masks" / f"{hemisphere}.all-vertices_fsaverage_space.npy", kept)
        for family, mask in masks.items():
            np.save(folder / "roi_masks" / f"{hemisphere}.{family}_challenge_space.npy", mask[order])
            everywhere = np.zeros(FSAVERAGE_VERTICES, dtype=np.int32)
            everywhere[vertices] = mask
            np.save(folder / "roi_masks" / f"{hemisphere}.{family}_fsaverage_space.npy", everywhere)
    for family, names in REGIONS.items():
        mapping: Any = dict(enumerate(("Unknown", *names)))
        np.save(folder / "roi_masks" / f"mapping_{family}.npy", mapping, allow_pickle=True)
