"""Which files the simulation writes: known before it runs, so that Snakemake can follow each of them."""

from dataclasses import dataclass
from pathlib import Path

from .scenes import CATEGORIES


@dataclass(frozen=True)
class Plan:
    """The counts of a simulation, the entry `simulation` of the config."""

    root: str
    seed: int
    subjects: int
    shared_images: int
    own_images: int
    training_concepts: int
    images_per_concept: int
    test_concepts: int
    training_images: int
    validation_images: int
    noise_ceiling: float

    def root_of(self, format_: str) -> Path:
        """The root of the data set in that format."""
        return Path(self.root) / format_

    @property
    def labelled_images(self) -> Path:
        return Path(self.root) / "labelled_images"

    @property
    def subject_numbers(self) -> range:
        return range(1, self.subjects + 1)

    def nsd_ids(self, subject: int) -> list[int]:
        """The NSD ids of a subject's training images: every (subjects + 1)th is shared, the rest are one subject's."""
        stride = self.subjects + 1
        shared = [13 + stride * i for i in range(self.shared_images)]
        return sorted(shared + [13 + subject + stride * i for i in range(self.own_images)])

    def nsd_image(self, subject: int, running: int, id_: int, split: str = "training") -> Path:
        """The path of a subject's running-th image."""
        folder = self.root_of("algonauts2023") / f"subj{subject:02d}" / f"{split}_split" / f"{split}_images"
        return folder / f"{split.removesuffix('ing')}-{running:04d}_nsd-{id_:05d}.png"

    def nsd_images(self) -> list[Path]:
        """All subjects' training images."""
        return [
            self.nsd_image(subject, running, id_)
            for subject in self.subject_numbers
            for running, id_ in enumerate(self.nsd_ids(subject), start=1)
        ]

    def concepts(self, partition: str) -> list[tuple[str, str]]:
        """(concept, category) of every concept of a partition; numbered from 1 in each, as published."""
        n = {"training": self.training_concepts, "test": self.test_concepts}[partition]
        name = {"training": "scene", "test": "view"}[partition]
        return [
            (f"{i + 1:05d}_{category}_{name}{i + 1}", category)
            for i, category in ((i, CATEGORIES[i % len(CATEGORIES)]) for i in range(n))
        ]

    def things_images(self, partition: str) -> list[tuple[str, str, Path]]:
        """(concept, category, path) of every image of a partition, in the order of the responses."""
        n = {"training": self.images_per_concept, "test": 1}[partition]
        folder = self.root_of("things_eeg2") / "image_set" / f"{partition}_images"
        return [
            (concept, category, folder / concept / f"{concept.partition('_')[2]}_{i + 1:02d}s.jpg")
            for concept, category in self.concepts(partition)
            for i in range(n)
        ]

    @property
    def metadata(self) -> Path:
        return self.root_of("things_eeg2") / "image_set" / "image_metadata.npy"

    def stimulus_files(self, format_: str) -> list[Path]:
        """The files that decide the stimuli of the data set in that format."""
        if format_ == "algonauts2023":
            return self.nsd_images()
        both = [path for partition in ("training", "test") for _, _, path in self.things_images(partition)]
        return [self.metadata, *both]
