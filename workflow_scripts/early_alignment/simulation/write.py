"""Write a simulation: labelled images, and two brain data sets with the truth behind them."""

import numpy as np

from . import algonauts2023, things_eeg2
from .generative_model import FAMILY_OF
from .plan import Plan
from .scenes import CATEGORIES, scene

README = """These data are simulated. No brain was measured and no photograph was taken.

Images are procedural scenes of {n_categories} categories. A response is gain * W z + noise: z holds the leading
principal components of the image's features of one family (low: local contrast and orientation energy; mid:
statistics over the image; category: which scene), W a subject's own random orthonormal mixing, and the gain is set
so that subjects' RDMs correlate {ceiling} with the RDM of z. truth/<target>.npy holds z, a row per condition.

target   family
{families}
"""


def write_data_set(plan: Plan, format_: str) -> None:
    """Write the brain data set in that format, and the truth behind it; the plan's seed decides all of it."""
    plan.mark_folder()
    writer = {"algonauts2023": algonauts2023, "things_eeg2": things_eeg2}[format_]
    root = plan.root_of(format_)
    (root / "truth").mkdir(parents=True, exist_ok=True)
    truth = writer.write(plan, np.random.default_rng(plan.seed))
    for target, z in truth.items():
        np.save(root / "truth" / f"{target}.npy", z)
    families = "\n".join(f"{target:8} {FAMILY_OF[target]}" for target in truth)
    text = README.format(n_categories=len(CATEGORIES), ceiling=plan.noise_ceiling, families=families)
    (root / "SIMULATED.txt").write_text(text)


def write_labelled_images(plan: Plan, side: int = 48) -> None:
    """Write labelled scenes to train networks on, in the layout of ImageNet: split/class/image."""
    from PIL import Image

    plan.mark_folder()
    rng = np.random.default_rng(plan.seed)
    for split, n in (("train", plan.training_images), ("val", plan.validation_images)):
        for category in CATEGORIES:
            folder = plan.labelled_images / split / category
            folder.mkdir(parents=True, exist_ok=True)
            for i in range(n):
                Image.fromarray(scene(category, rng, side)).save(folder / f"{i:04d}.jpg", quality=92)
