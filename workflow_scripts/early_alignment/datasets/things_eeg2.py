"""THINGS EEG2, the publishers' preprocessed files (Gifford et al. 2022).

A condition is an object concept: 1,654 training concepts of 10 images and 200 test concepts of one, responses
averaged over repetitions and over a concept's images. Its pattern is what the 17 posterior channels measured at
one time.
"""

import re
from functools import cached_property
from pathlib import Path

import numpy as np

from .. import published_pickles
from ..errors import InputError
from .base import DataSet, Stimulus

PARTITIONS = (("training", "train"), ("test", "test"))
"""Names of the partitions in paths and in the image metadata."""
TIME = re.compile(r"(-?\d+)ms")


class ThingsEEG2(DataSet):
    """Folders `preprocessed_data/sub-01` … and an image folder; targets are times after onset (`80ms`)."""

    tree = (
        "preprocessed_data/sub-01 … sub-10, each with preprocessed_eeg_{training,test}.npy, and the image folder "
        "(`images`, by default image_set) with image_metadata.npy, training_images/ and test_images/"
    )
    source = (
        "download the preprocessed EEG and the image set of THINGS EEG2 (Gifford et al. 2022) from https://osf.io/3jk45"
    )

    @property
    def _images(self) -> str:
        return self.settings["images"]

    @cached_property
    def _metadata(self) -> dict[str, list[tuple[str, str]]]:
        """Partition → (concept, file) of every image, in the order of the rows of the responses."""
        path = self.root / self._images / "image_metadata.npy"
        metadata = published_pickles.load(path)
        try:
            return {
                partition: list(zip(metadata[f"{key}_img_concepts"], metadata[f"{key}_img_files"], strict=True))
                for partition, key in PARTITIONS
            }
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                path,
                f"{type(error).__name__}: {error}",
                "a dictionary with train_img_concepts, train_img_files, test_img_concepts and test_img_files",
                "download the image metadata again",
            ) from None

    def stimuli(self) -> list[Stimulus]:
        return [
            Stimulus(f"{partition}/{concept}", f"{self._images}/{partition}_images/{concept}/{file}")
            for partition, rows in self._metadata.items()
            for concept, file in rows
        ]

    def stimulus_files(self) -> list[Path]:
        return [self.root / self._images / "image_metadata.npy", *super().stimulus_files()]

    def brain_files(self, subject: str, target: str) -> list[Path]:
        return [
            self.root / self._images / "image_metadata.npy",
            *(self._responses_file(subject, partition) for partition, _ in PARTITIONS),
        ]

    def _responses_file(self, subject: str, partition: str) -> Path:
        return self.root / "preprocessed_data" / f"sub-{int(subject):02d}" / f"preprocessed_eeg_{partition}.npy"

    def responses(self, subject: str, target: str) -> np.ndarray:
        parts = []
        for partition, rows in self._metadata.items():
            path = self._responses_file(subject, partition)
            content = published_pickles.load(path)
            data = np.asarray(content["preprocessed_eeg_data"])
            if data.ndim != 4 or data.shape[0] != len(rows) or data.shape[3] != len(content["times"]):
                raise InputError(
                    path,
                    f"an array of shape {data.shape} and {len(content['times'])} times",
                    f"(images, repetitions, channels, times) with the {len(rows)} images of the metadata",
                    "download the file again",
                )
            sample = nearest_sample(np.asarray(content["times"], dtype=float), target, path)
            per_image = data[:, :, :, sample].mean(axis=1)
            parts.append(mean_by_label([concept for concept, _ in rows], per_image))
        return np.concatenate(parts)


def nearest_sample(times: np.ndarray, target: str, where) -> int:
    """The index of the sample nearest to a target like `80ms`.

    Args:
        times: Seconds after onset, ascending (times,).
        target: A time in milliseconds.
        where: The file that the times are from, for the message.

    Raises:
        InputError: The target is not a time, or further than half a sample outside the recording.
    """
    match = TIME.fullmatch(target)
    step = float(np.median(np.diff(times)))
    seconds = int(match[1]) / 1000 if match else np.nan
    if not times[0] - step / 2 <= seconds <= times[-1] + step / 2:
        raise InputError(
            where,
            f"no time {target!r}",
            f"a time like 80ms, from {times[0] * 1000:.0f}ms to {times[-1] * 1000:.0f}ms",
            "correct the data set's `targets`",
        )
    return int(np.argmin(np.abs(times - seconds)))


def mean_by_label(labels: list[str], rows: np.ndarray) -> np.ndarray:
    """The mean row of each label, labels in the order of their first row; (rows, units) → (labels, units)."""
    index = {label: i for i, label in enumerate(dict.fromkeys(labels))}
    of_row = np.array([index[label] for label in labels])
    sums = np.zeros((len(index), *rows.shape[1:]))
    np.add.at(sums, of_row, rows)
    return sums / np.bincount(of_row)[:, None]
