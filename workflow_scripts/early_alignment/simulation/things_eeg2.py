"""Write simulated EEG in the format of THINGS EEG2's preprocessed files."""

from typing import Any

import numpy as np

from . import generative_model as model
from .plan import Plan
from .scenes import scene

CHANNELS = ["Pz", "P3", "P7", "O1", "Oz", "O2", "P4", "P8", "P1", "P5", "PO7", "PO3", "POz", "PO4", "PO8", "P6", "P2"]
TIMES = np.round(np.arange(-20, 80) / 100, 2)
REPETITIONS = {"training": 4, "test": 80}
BUMPS = {"80ms": (0.08, 0.02), "170ms": (0.17, 0.025), "300ms": (0.30, 0.05)}
"""Target → when its response peaks and the standard deviation of its time course, in seconds."""
SIDE = 500


def write(plan: Plan, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Write the image set and all subjects' folders; returns target → z of the concepts, (concepts, components)."""
    from PIL import Image

    rows, pictures = [], []
    for partition in REPETITIONS:
        for concept, category, path in plan.things_images(partition):
            picture = scene(category, rng, SIDE)
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(picture).save(path, quality=92)
            rows.append((partition, concept, category))
            pictures.append(picture)
    write_metadata(plan)
    z = model.latents(pictures, [category for _, _, category in rows])
    concepts = [f"{partition}/{concept}" for partition, concept, _ in rows]
    of_partition = {name: np.array([partition == name for partition, _, _ in rows]) for name in REPETITIONS}

    noise = {
        (subject, partition): rng.normal(size=(of_partition[partition].sum(), n, len(CHANNELS), len(TIMES)))
        for subject in plan.subject_numbers
        for partition, n in REPETITIONS.items()
    }
    truth, evoked = {}, {}
    for target, (peak, width) in BUMPS.items():
        latent = z[model.FAMILY_OF[target]]
        truth[target] = model.mean_by_label(concepts, latent)
        mixed = {
            subject: latent @ model.mixing(latent.shape[1], len(CHANNELS), rng) for subject in plan.subject_numbers
        }
        sample = int(np.argmin(np.abs(TIMES - peak)))
        averaged = {
            subject: np.concatenate([noise[subject, partition][..., sample].mean(axis=1) for partition in REPETITIONS])
            for subject in plan.subject_numbers
        }
        gain = model.gain_for(
            plan.noise_ceiling,
            lambda gain, mixed=mixed, averaged=averaged: [
                model.mean_by_label(concepts, gain * mixed[s] + averaged[s]) for s in plan.subject_numbers
            ],
            model.true_rdm(truth[target]),
        )
        course = np.exp(-((TIMES - peak) ** 2) / (2 * width**2))
        for subject in plan.subject_numbers:
            evoked[subject, target] = gain * mixed[subject][:, :, None] * course
    for subject in plan.subject_numbers:
        signal = sum(evoked[subject, target] for target in BUMPS)
        folder = plan.root_of("things_eeg2") / "preprocessed_data" / f"sub-{subject:02d}"
        folder.mkdir(parents=True, exist_ok=True)
        for partition in REPETITIONS:
            content: Any = {
                "preprocessed_eeg_data": noise[subject, partition] + signal[of_partition[partition]][:, None],
                "ch_names": list(CHANNELS),
                "times": TIMES,
            }
            np.save(folder / f"preprocessed_eeg_{partition}.npy", content, allow_pickle=True)
    return truth


def write_metadata(plan: Plan) -> None:
    """Write `image_metadata.npy`, which names the images in the order of the responses."""
    content: Any = {}
    for partition, key in (("training", "train"), ("test", "test")):
        listed = plan.things_images(partition)
        content[f"{key}_img_concepts"] = [concept for concept, _, _ in listed]
        content[f"{key}_img_files"] = [path.name for _, _, path in listed]
    np.save(plan.metadata, content, allow_pickle=True)
