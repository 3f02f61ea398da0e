"""Which files the simulation writes: known before it runs, so that Snakemake can follow each of them.

Snakemake deletes what a rule declares before it runs the rule. So an experiment on simulated data reads what the
simulation writes and nothing else, and the simulation writes into a folder of its own.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError
from ..files import written_whole
from .scenes import CATEGORIES

FORMATS = ("algonauts2023", "things_eeg2")
"""Of the data sets that can be made up."""
IMAGE_SET = "image_set"
"""The folder of images in that of THINGS EEG2, as published."""
REMEDY = "leave `simulation` out of a config for measured data, or set the key back"


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

    @property
    def mark(self) -> Path:
        """The file that says that the folder is the simulation's own."""
        return Path(self.root) / "SIMULATED.txt"

    def mark_folder(self) -> None:
        """Say so, before anything else is written."""
        with written_whole(self.mark) as path:
            path.write_text(
                "All files in this folder are simulated. Whatever lies here may be deleted and made anew.\n"
            )

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
        folder = self.root_of("things_eeg2") / IMAGE_SET / f"{partition}_images"
        return [
            (concept, category, folder / concept / f"{concept.partition('_')[2]}_{i + 1:02d}s.jpg")
            for concept, category in self.concepts(partition)
            for i in range(n)
        ]

    @property
    def metadata(self) -> Path:
        return self.root_of("things_eeg2") / IMAGE_SET / "image_metadata.npy"

    def stimulus_files(self, format_: str) -> list[Path]:
        """The files that decide the stimuli of the data set in that format."""
        if format_ == "algonauts2023":
            return self.nsd_images()
        both = [path for partition in ("training", "test") for _, _, path in self.things_images(partition)]
        return [self.metadata, *both]


def plan_of(config: dict) -> Plan | None:
    """The simulation that a checked config asks for, if it does.

    Raises:
        InputError: The experiment reads anything else than what the simulation writes, or the simulation's folder
            holds something that it did not write.
    """
    if "simulation" not in config:
        return None
    plan = Plan(**config["simulation"])
    refuse_other_data(config, plan)
    refuse_foreign_folder(plan)
    return plan


def refuse_other_data(config: dict, plan: Plan) -> None:
    """Check that data sets and training images are the simulated ones.

    Raises:
        InputError: Some are not; the message lists all.
    """
    wrong = [
        f"{key}: {found}, where the simulation writes {expected}"
        for key, found, expected, agrees in _compared(config, plan)
        if not agrees
    ]
    if wrong:
        raise InputError(
            "the config, which has the key simulation",
            "; ".join(wrong),
            "no other data than simulated ones: the simulation deletes and rewrites the files of its data sets",
            REMEDY,
        )


def _is_same(path, other) -> bool:
    return Path(path).resolve() == Path(other).resolve()


def _compared(config: dict, plan: Plan) -> Iterator[tuple]:
    """What a config reads beside what the simulation writes: key, found, expected, and whether they agree."""
    for name, settings in config["networks"].items():
        images = settings["training"]["images"]
        if images is not None:
            key = f"networks.{name}.training.images"
            yield key, images, plan.labelled_images, _is_same(images, plan.labelled_images)
    for name, settings in config["datasets"].items():
        key, format_, root = f"datasets.{name}", settings["format"], settings["root"]
        if format_ not in FORMATS:
            yield f"{key}.format", format_, " and ".join(FORMATS), False
            continue
        expected = plan.root_of(format_)
        yield f"{key}.root", root, expected, root is not None and _is_same(root, expected)
        folder = settings.get("images", IMAGE_SET)
        yield f"{key}.images", folder, IMAGE_SET, folder == IMAGE_SET
        strangers = [s for s in settings["subjects"] if str(s) not in map(str, plan.subject_numbers)]
        yield f"{key}.subjects", strangers, f"subjects 1 to {plan.subjects}", not strangers


def refuse_foreign_folder(plan: Plan) -> None:
    """Check that the simulation's folder is empty or its own, and that no part of it lies elsewhere.

    Raises:
        InputError: It holds files without its mark, or links to other folders.
    """
    root = Path(plan.root)
    parts = [*map(plan.root_of, FORMATS), plan.labelled_images]
    links = [part for part in parts if part.resolve().parent != root.resolve()]
    if links:
        raise InputError(links[0], f"a link to {links[0].resolve()}", "a folder of the simulation's own", REMEDY)
    if plan.mark.is_file():
        return
    stranger = next((path for part in parts for path in part.rglob("*") if not path.is_dir()), None)
    if stranger is not None:
        raise InputError(
            f"{root} (config key simulation.root)",
            f"files such as {stranger}, and no {plan.mark.name} to say that a simulation wrote them",
            "a new folder, or one that the simulation wrote",
            "name another folder; or, if these are an earlier version's simulated data, remove them",
        )
