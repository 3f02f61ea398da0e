"""The table of stimuli: one row per image, in condition order, with a digest of what it holds and a label."""

import csv
import hashlib

from .datasets.base import DataSet, Stimulus

COLUMNS = ("condition", "image", "sha256", "label")


def write(path, dataset: DataSet) -> None:
    """Write the table of a data set's stimuli.

    The digest is of the decoded pixels, so a replaced image changes the table, and what was made from it is made
    again; the same image in another file does not. The label is that of the condition, empty if it has none.
    """
    with open(path, "w", newline="") as file:
        table = csv.writer(file)
        table.writerow(COLUMNS)
        labels = dataset.labels()
        for stimulus in dataset.stimuli():
            pixels = dataset.open_image(stimulus.image)
            digest = hashlib.sha256(repr(pixels.size).encode() + pixels.tobytes()).hexdigest()
            table.writerow((*stimulus, digest, labels.get(stimulus.condition, "")))
    print(summary(dataset))


def summary(dataset: DataSet) -> str:
    """How many conditions and images a data set has, in words."""
    images = dataset.stimuli()
    conditions = len({stimulus.condition for stimulus in images})
    subjects = ", ".join(dataset.subjects)
    return f"{dataset.name}: {conditions} conditions, {len(images)} images, for subjects {subjects}"


def read(path) -> list[Stimulus]:
    """Read the stimuli from a table written by `write`."""
    with open(path, newline="") as file:
        return [Stimulus(row["condition"], row["image"]) for row in csv.DictReader(file)]
