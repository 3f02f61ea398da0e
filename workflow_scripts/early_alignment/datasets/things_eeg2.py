"""THINGS EEG2, the publishers' preprocessed files (Gifford et al. 2022).

A condition is an object concept, 1,654 training concepts of 10 images and 200 test concepts of one, or an image. Its
pattern is what the 17 posterior channels measured at one time, or on average in a window of time, averaged over
repetitions and, for concepts, over images.
"""

import re
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np

from ..errors import InputError
from . import published_pickles, things_eeg2_channels
from .base import UNITS_OF_CONFIG, DataSet, Stimulus, of_numbers

PARTITIONS = {"training": "train", "test": "test"}
"""Names of the partitions in paths and in the image metadata."""
PARTITIONS_OF = {"concepts": ("training", "test"), "training_concepts": ("training",), "test_images": ("test",)}
"""Partitions by the setting `conditions`."""
PUBLISHED = {"training": (16_540, 1_654), "test": (200, 200)}
"""Images and concepts of the partitions."""
TIMES = np.arange(-20, 80) / 100
"""The published samples in seconds after onset; `targets: all` names each, before any file is read."""
TIME = re.compile(r"(-?\d+)ms")
SAMPLED = 20
"""Images of each partition, spread over all, that are looked over before an experiment starts."""
WINDOW = re.compile(r"(-?\d+)±(\d+)ms")
RANGE = re.compile(r"(-?\d+)-(-?\d+)ms")
LONGEST, LONGEST_STEP = 10.0, 0.5
"""Seconds from onset and between samples, beyond which times are no seconds of a recording of EEG or MEG."""
UNEVEN = 0.25
"""The part of a step that a time may be off the even ones, as where times are rounded."""


class ThingsEEG2(DataSet):
    """Folders `preprocessed_data/sub-01` … and an image folder.

    Targets are times after onset (`80ms`), windows (`170±10ms`, or `160-180ms`) or `all`, every published sample.
    """

    adds_to_config: ClassVar = {
        "drop_units": UNITS_OF_CONFIG,
        "images": {
            "description": "the folder of images under the root",
            "type": "string",
            "pattern": r"^(?!\s)[^\x00-\x1f\x7f]+(?<!\s)\Z",
            "in_words": "the path of a folder",
            "path": True,
            "default": "image_set",
        },
        "conditions": {
            "description": "`concepts`, `training_concepts` or `test_images` (1,854, 1,654, 200)",
            "enum": ["concepts", "training_concepts", "test_images"],
            "default": "concepts",
        },
        "average_images": {
            "description": "a condition is a concept, averaged over its images; `false`: an image",
            "type": "boolean",
            "default": True,
        },
    }
    takes_all_targets = True
    space = "scalp"
    tree = (
        "preprocessed_data/sub-01 … sub-10, each with preprocessed_eeg_{training,test}.npy, and the image folder "
        "(`images`, by default image_set) with image_metadata.npy, training_images/ and test_images/"
    )
    source = (
        "`snakemake --snakefile rules/download.smk --cores 2 --config folder=<root>` downloads the preprocessed EEG "
        "and the image set of THINGS EEG2 (Gifford et al. 2022, CC BY 4.0) from https://osf.io/3jk45"
    )

    responses_again = "download the file again"
    """What to do about a damaged file of responses."""

    def __init__(self, name: str, settings: dict):
        self.is_time_course = settings["targets"] == "all"
        every_time = [f"{round(1000 * time)}ms" for time in TIMES]
        super().__init__(name, settings | {"targets": every_time} if self.is_time_course else settings)

    def published_size(self) -> tuple[int, int]:
        n_images, n_concepts = map(sum, zip(*(PUBLISHED[partition] for partition in self._partitions), strict=True))
        return n_images, n_concepts if self.settings["average_images"] else n_images

    @property
    def _partitions(self) -> tuple[str, ...]:
        return PARTITIONS_OF[self.settings["conditions"]]

    @property
    def _metadata_file(self) -> Path:
        return self.root / self.settings["images"] / "image_metadata.npy"

    @cached_property
    def _metadata(self) -> dict[str, list[tuple[str, str]]]:
        """Partition → (concept, file) of every image, in the order of the rows of the responses."""
        metadata = published_pickles.load(self._metadata_file)
        try:
            images = {
                partition: list(zip(metadata[f"{key}_img_concepts"], metadata[f"{key}_img_files"], strict=True))
                for partition, key in PARTITIONS.items()
            }
            nameless = [image for of in images.values() for image in of if not all(isinstance(n, str) for n in image)]
            if nameless:
                raise ValueError(f"{nameless[0]} among names of concepts and files")
            return images
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise InputError(
                self._metadata_file,
                f"{type(error).__name__}: {error}",
                "a dictionary with train_img_concepts, train_img_files, test_img_concepts and test_img_files",
                "download the image metadata again",
            ) from None

    def _conditions(self, partition: str) -> list[str]:
        """The condition of every image of a partition."""
        if self.settings["average_images"]:
            return [f"{partition}/{concept}" for concept, _ in self._metadata[partition]]
        return [f"{partition}/{concept}/{Path(file).stem}" for concept, file in self._metadata[partition]]

    def meaning_of(self, target: str):
        window = window_of(target)
        if window is None or window[0] > window[1]:
            raise InputError(
                f"config key datasets.{self.name}.targets",
                repr(target),
                "a time like 80ms, or a window like 170±10ms or 160-180ms",
                "correct the data set's `targets`",
            )
        return window

    def stimuli(self) -> list[Stimulus]:
        return [
            Stimulus(condition, f"{self.settings['images']}/{partition}_images/{concept}/{file}")
            for partition in self._partitions
            for condition, (concept, file) in zip(self._conditions(partition), self._metadata[partition], strict=True)
        ]

    @property
    def conditions_from(self) -> Path:
        return self._metadata_file

    def labels(self) -> dict[str, str]:
        """The partition of each condition.

        A training concept is an average of 10 images × 4 repetitions, a test concept one image × 80.
        """
        return {condition: partition for partition in self._partitions for condition in self._conditions(partition)}

    @property
    def images_share_concepts(self) -> bool:
        return not self.settings["average_images"]

    def stimulus_files(self) -> list[Path]:
        return [self._metadata_file, *super().stimulus_files()]

    def brain_files(self, subject: str, target: str) -> list[Path]:
        return [self._metadata_file, *(self._responses_file(subject, partition) for partition in self._partitions)]

    def _responses_file(self, subject: str, partition: str) -> Path:
        folder = self.root / "preprocessed_data" / f"sub-{self._number(subject):02d}"
        return folder / f"preprocessed_eeg_{partition}.npy"

    def recording(self, subject: str, partition: str) -> tuple[np.ndarray, list[int], np.ndarray]:
        """A subject's responses to the images of a partition, checked by what is known without reading them.

        Returns:
            (images, repetitions, channels, times), a map of the file; the channels that are `channels.POSTERIOR`, in
            that order, in whichever the file has them; and times in seconds after onset.

        Raises:
            InputError: The file is missing, cut short, or holds other images, channels or times than it should.
        """
        path = self._responses_file(subject, partition)
        content = published_pickles.load(path, self.responses_again)
        try:
            data, names = np.asanyarray(content["preprocessed_eeg_data"]), [str(name) for name in content["ch_names"]]
            times = np.asarray(content["times"], dtype=float)
        except (KeyError, TypeError, IndexError, ValueError) as error:
            raise InputError(
                path,
                f"{type(error).__name__}: {error}",
                "a dictionary with preprocessed_eeg_data, ch_names and times",
                self.responses_again,
            ) from None
        n_images = len(self._metadata[partition])
        fits = data.ndim == 4 and times.ndim == 1 and 0 not in data.shape
        if not fits or (len(data), *data.shape[2:]) != (n_images, len(names), len(times)):
            raise InputError(
                path,
                f"responses of shape {data.shape}, {len(names)} channels and {times.size} times",
                f"(images, repetitions, channels, times) with the {n_images} images of {self._metadata_file}",
                f"{self.responses_again}; the image metadata must be of the same release",
            )
        of_numbers(data, path, "responses in numbers", self.responses_again)
        things_eeg2_channels.check(names, path)
        check_times(times, path)
        if self.is_time_course and (times.shape != TIMES.shape or np.abs(times - TIMES).max() > 1e-3):
            raise InputError(
                path,
                f"{len(times)} samples from {1000 * times[0]:.0f}ms to {1000 * times[-1]:.0f}ms",
                "100 samples from -200ms to 790ms, which `targets: all` stands for",
                "name the times in the config, or use the files as they were published",
            )
        return data, [names.index(name) for name in things_eeg2_channels.POSTERIOR], times

    def _window(self, subject: str, target: str, partition: str) -> tuple[np.ndarray, list[int]]:
        """The samples of a target, (images, repetitions, channels, samples), mapped, and the channels in order."""
        data, order, times = self.recording(subject, partition)
        first = self._partitions[0]
        if partition != first:
            refuse_other_times(
                times,
                self.recording(subject, first)[2],
                self._responses_file(subject, partition),
                self._responses_file(subject, first),
            )
        window = samples(times, target, self._responses_file(subject, partition))
        # Only what the window needs leaves the mapped file.
        return data[..., window[0] : window[-1] + 1], order

    def _single_images(self, subject: str, target: str, partition: str) -> np.ndarray:
        """Responses at a target to every single presentation, (images, repetitions, channels)."""
        responses, order = self._window(subject, target, partition)
        return responses.mean(axis=-1)[..., order]

    def responses(self, subject: str, target: str) -> np.ndarray:
        return np.concatenate(
            [
                mean_by_label(self._conditions(partition), self._single_images(subject, target, partition).mean(axis=1))
                for partition in self._partitions
            ]
        )

    def positions(self, subject: str, target: str) -> dict[str, np.ndarray]:
        """The channels, by their names in the 10–20 system."""
        return {"channel": np.array(things_eeg2_channels.POSTERIOR)}

    def sample_of_responses(self, subject: str, target: str) -> np.ndarray:
        """Responses to some images, (images, units), in milliseconds; all else that is wrong shows without reading."""
        rows = []
        for partition in self._partitions:
            responses, order = self._window(subject, target, partition)
            some = responses[:: max(1, len(responses) // SAMPLED)]
            rows.append(some.mean(axis=(1, 3))[:, order])
        return np.concatenate(rows)

    def measured(self, subject: str, target: str) -> np.ndarray:
        n_folds = min(self.recording(subject, partition)[0].shape[1] for partition in self._partitions)
        return np.ones((n_folds, len(self.conditions())), dtype=bool)

    def check_subjects(self) -> None:
        first = self.subjects[0], self._partitions[0]
        for subject in self.subjects[1:]:
            times = [self.recording(*of)[2] for of in (first, (subject, first[1]))]
            refuse_other_times(
                times[1], times[0], self._responses_file(subject, first[1]), self._responses_file(*first)
            )

    def repetitions(self, subject: str, target: str) -> np.ndarray:
        """A subject's response patterns, one set per fold of a cross-validation; float (folds, conditions, units).

        A training image has 4 repetitions and a test image 80. So that all conditions have as many folds, the
        repetitions of either are averaged in as many consecutive groups as the partition of fewer has: 4 groups of 20
        of a test image. Each fold of a concept is averaged over the concept's images.
        """
        presented = {part: self._single_images(subject, target, part) for part in self._partitions}
        n_folds = min(responses.shape[1] for responses in presented.values())
        return np.stack(
            [
                np.concatenate(
                    [
                        mean_by_label(
                            self._conditions(part),
                            responses[:, np.array_split(np.arange(responses.shape[1]), n_folds)[fold]].mean(axis=1),
                        )
                        for part, responses in presented.items()
                    ]
                )
                for fold in range(n_folds)
            ]
        )


def window_of(target: str) -> tuple[int, int] | None:
    """The first and the last millisecond of a time or window, as it is written; None if it is neither."""
    one, about, fro = (pattern.fullmatch(target) for pattern in (TIME, WINDOW, RANGE))
    if one:
        return int(one[1]), int(one[1])
    if about:
        return int(about[1]) - int(about[2]), int(about[1]) + int(about[2])
    return (int(fro[1]), int(fro[2])) if fro else None


def samples(times: np.ndarray, target: str, where) -> np.ndarray:
    """The samples that a target means: the one nearest to a time, or all in a window, its ends included.

    Args:
        times: Seconds after onset (times,).
        target: A time (`170ms`), a window about a time (`170±10ms`) or from one to another (`160-180ms`).
        where: The file that the times are from, for the message.

    Returns:
        Indices, at least one, each the next of the one before.

    Raises:
        InputError: The times are not what `check_times` asks for; or the target is none of these, or reaches further
            than half a sample outside the recording, or no sample is in the window.
    """
    check_times(times, where)
    step = float(np.median(np.diff(times)))
    first, last = (end / 1000 for end in window_of(target) or (np.nan, np.nan))
    found = np.array([np.abs(times - first).argmin()])
    if not TIME.fullmatch(target):
        tolerance = 1e-6
        found = np.flatnonzero((times >= first - tolerance) & (times <= last + tolerance))
    if not (times[0] - step / 2 <= first <= last <= times[-1] + step / 2) or not len(found):
        raise InputError(
            where,
            f"no time {target!r}",
            f"a time like 80ms, or a window like 170±10ms or 160-180ms that has a sample, "
            f"from {times[0] * 1000:.0f}ms to {times[-1] * 1000:.0f}ms in steps of {step * 1000:.0f}ms",
            "correct the data set's `targets`",
        )
    return found


def refuse_other_times(times: np.ndarray, others: np.ndarray, where, of_others) -> None:
    """Refuse times (times,) that differ from those of another file by more than rounding."""
    if times.shape != others.shape or np.abs(times - others).max() > 1e-4:
        raise InputError(
            where,
            f"{len(times)} times from {times[0]:g} to {times[-1]:g} s",
            f"{len(others)} from {others[0]:g} to {others[-1]:g} s, as in {of_others}",
            "preprocess all files alike, or use them as they were published",
        )


def check_times(times: np.ndarray, where) -> None:
    """Check that times are seconds after onset, ascending at even steps, (times,).

    Times beyond `LONGEST` or steps over `LONGEST_STEP` are taken for milliseconds.

    Raises:
        InputError: They are not.
    """
    found = None
    with np.errstate(invalid="ignore"):  # what is not finite is said in words
        steps = np.diff(times)
    if len(times) < 2:
        found = f"{len(times)} times"
    elif not np.isfinite(times).all():
        found = f"{np.count_nonzero(~np.isfinite(times))} times that are not finite"
    elif steps.min() <= 0:
        first = int(np.flatnonzero(steps <= 0)[0])
        found = f"times that do not ascend: {times[first]:g} is followed by {times[first + 1]:g}"
    elif np.abs(times).max() > LONGEST or steps.max() > LONGEST_STEP:
        found = f"times from {times[0]:g} to {times[-1]:g} in steps of up to {steps.max():g}, perhaps milliseconds"
    elif np.abs(times - np.linspace(times[0], times[-1], len(times))).max() > UNEVEN * np.median(steps):
        found = f"uneven steps, from {steps.min():g} to {steps.max():g}"
    if found:
        raise InputError(
            where,
            found,
            f"at least 2 times in seconds after onset, ascending at even steps of at most {LONGEST_STEP:g} s, "
            f"within {LONGEST:g} s of onset",
            "divide milliseconds by 1000; write all digits of each time; give samples that are further apart as data "
            "sets of their own, without times",
        )


def mean_by_label(labels: list[str], rows: np.ndarray) -> np.ndarray:
    """The mean row of each label, labels in the order of their first row; (rows, units) → (labels, units)."""
    index = {label: i for i, label in enumerate(dict.fromkeys(labels))}
    of_row = np.array([index[label] for label in labels])
    sums = np.zeros((len(index), *rows.shape[1:]))
    np.add.at(sums, of_row, rows)
    return sums / np.bincount(of_row)[:, None]
