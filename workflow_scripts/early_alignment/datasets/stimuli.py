"""The table of stimuli: one row per image, in condition order, with a digest of what it holds and a label."""

import csv
import hashlib

from .base import DataSet, Stimulus, named

COLUMNS = ("condition", "image", "sha256", "label")


def write(path, dataset: DataSet, background: int | list[int] | None = None) -> None:
    """Write the table of a data set's stimuli.

    The digest is of the decoded pixels, so a replaced image changes the table, and what was made from it is made
    again; the same image in another file does not. The background is as in `decoding.decoded`. The label is that of the
    condition, empty if it has none.
    """
    not_square = 0
    with open(path, "w", newline="") as file:
        table = csv.writer(file)
        table.writerow(COLUMNS)
        labels = dataset.labels()
        for stimulus in dataset.stimuli():
            pixels = dataset.open_image(stimulus.image, background)
            not_square += pixels.width != pixels.height
            digest = hashlib.sha256(repr(pixels.size).encode() + pixels.tobytes()).hexdigest()
            table.writerow((*stimulus, digest, labels.get(stimulus.condition, "")))
    print(summary(dataset, not_square))


def summary(dataset: DataSet, not_square: int = 0) -> str:
    """How many conditions and images a data set has, in words, and of how many images networks see a part alone."""
    images = dataset.stimuli()
    conditions = len({stimulus.condition for stimulus in images})
    subjects = ", ".join(dataset.subjects)
    notes = [f"{dataset.name}: {conditions} conditions, {len(images)} images, for subjects {subjects}"]
    if not_square:
        notes.append(f"{not_square} images are not square: networks see their central square alone")
    passed_over = dataset.passed_over()
    if passed_over:
        notes.append(f"{len(passed_over)} files passed over, hidden or no images: {named(passed_over)}")
    return "; ".join(notes)


def read(path) -> list[Stimulus]:
    """Read the stimuli from a table written by `write`."""
    with open(path, newline="") as file:
        return [Stimulus(row["condition"], row["image"]) for row in csv.DictReader(file)]
