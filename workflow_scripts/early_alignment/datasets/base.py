"""What every data set format offers to the rest of the workflow."""

from functools import cached_property
from pathlib import Path
from typing import ClassVar, NamedTuple

import numpy as np

from ..errors import InputError
from .decoding import decoded

EVERY_UNIT = "all"
"""The target that is every unit of a subject."""
CHOICE_OF_UNITS = ("drop_units", "min_ncsnr")
"""Settings that decide which units responses are of, and nothing about conditions."""
CHOICE_OF_RDMS = ("cross_validated",)
"""Settings that decide which RDMs are right, and nothing about conditions."""

REGIONS_OF_CONFIG = {
    "description": "unions of regions by name, as `{V1: [V1v, V1d]}`",
    "type": "object",
    "propertyNames": {"pattern": r"^[A-Za-z0-9_+.-]+\Z", "in_words": "a name of letters, digits and _ + . -"},
    "additionalProperties": {
        "type": "array",
        "minItems": 1,
        "uniqueItems": True,
        "items": {"type": "string", "pattern": r"\S", "in_words": "a region"},
    },
    "default": {},
}
UNITS_OF_CONFIG = {
    "description": "`true` leaves out units that are not finite or constant, which are refused otherwise",
    "type": "boolean",
    "default": False,
}


class Stimulus(NamedTuple):
    """One image of a data set, and the condition that it belongs to."""

    condition: str
    image: str
    """The image's path relative to the data set's root; `open_image` reads it."""


class DataSet:
    """Brain responses to images: some subjects, some targets (regions or times), one order of conditions.

    A format says where its files lie (`stimulus_files`, `brain_files`), which conditions it has (`stimuli`) and
    gives `responses` or, if its data are RDMs, `published_rdm`. Opening a data set reads nothing.

    Args:
        name: The data set's key in the config.
        settings: Its entry there: `root`, `subjects`, `targets`, and what the format adds.
    """

    tree: ClassVar[str]
    """What the root must contain."""
    source: ClassVar[str]
    """How to get it."""
    again: ClassVar[str] = "get the file again from its publisher"
    """What to do about a file that is missing or damaged."""
    adds_to_config: ClassVar[dict[str, dict]] = {}
    """Key → its JSON schema, of what this format adds to a data set's settings."""
    takes_all_targets: ClassVar[bool] = False
    """Whether `targets: all` means something: every time, or every vertex."""
    space: ClassVar[str | None] = None
    """Where positions of units lie, the same in all subjects: on `fsaverage`, or on the `scalp`."""
    is_raw: ClassVar[bool] = False
    """Whether the workflow preprocesses the data, and the data set then reads what it made."""
    gives_rdms: ClassVar[bool] = False
    """Whether the data are RDMs, and not responses."""
    subjects_are_numbers: ClassVar[bool] = True
    """Whether a subject goes by number, so that `01` is 1; else by a name of the user's own."""
    too_few_repetitions: ClassVar[str] = "leave these conditions out, or choose another rdm.brain_distance"
    """What to do about conditions that were measured too few times for a distance."""

    def __init__(self, name: str, settings: dict):
        self.name = name
        self.settings = settings
        self.root = Path(settings["root"] or "")
        self.subjects = [str(subject) for subject in settings["subjects"]]

    @cached_property
    def targets(self) -> list[str]:
        """The regions or times that are asked for, in order."""
        asked = self.settings["targets"]
        return [asked] if isinstance(asked, str) else [str(target) for target in asked]

    @property
    def is_there(self) -> bool:
        """Whether there is a folder where the config says that the data are."""
        return self.settings["root"] is not None and self.root.is_dir()

    def published_size(self) -> tuple[int, int]:
        """How many images and conditions the published data set has at most, for plans before it is there.

        Raises:
            InputError: Nobody published it: the data are the user's own.
        """
        raise InputError(
            f"config key datasets.{self.name}.root",
            "unset" if self.settings["root"] is None else f"{self.root}, no such folder",
            f"a folder with {self.tree}, as this data set has no published size",
            "set it to where the data are",
        )

    @property
    def science(self) -> dict:
        """The settings that decide conditions and responses, and so what is stale when they change.

        Not where the data are, nor which subjects, targets and unions of regions are asked for: each of those has
        files of its own.
        """
        others = ("root", "subjects", "targets", "regions")
        return {key: self.settings[key] for key in sorted(self.settings) if key not in others}

    @property
    def science_of_stimuli(self) -> dict:
        """The settings that decide the conditions."""
        others = (*CHOICE_OF_UNITS, *CHOICE_OF_RDMS)
        return {key: value for key, value in self.science.items() if key not in others}

    def regions_of(self, target: str) -> list[str]:
        """The regions that a target stands for: the parts of a union that `regions` names, or the one of its name."""
        return self.settings.get("regions", {}).get(target, [target])

    def meaning_of(self, target: str):
        """What decides a target's responses, hashable: two targets of one meaning are one.

        Raises:
            InputError: It is no target of the format, as far as that shows without reading data.
        """
        return frozenset(self.regions_of(target))

    def subjects_of(self, target: str) -> list[str]:
        """The subjects that have the target, in order."""
        return self.subjects

    def conditions(self) -> list[str]:
        """The names of conditions in the order of RDMs and responses."""
        return list(dict.fromkeys(stimulus.condition for stimulus in self.stimuli()))

    def stimuli(self) -> list[Stimulus]:
        """All images; those of a condition together, conditions in the order of RDMs and responses."""
        raise NotImplementedError

    def labels(self) -> dict[str, str]:
        """Condition → label: the partition of the data, the session or the run that it is from, where it has one.

        Conditions of one label may share what has nothing to do with what they show: see the module `pairs`.
        """
        return {}

    @property
    def images_share_concepts(self) -> bool:
        """Whether conditions are images, of which several show one concept, by the folder that they are in."""
        return False

    def stimulus_files(self) -> list[Path]:
        """The files whose content decides the stimuli."""
        return [self.root / stimulus.image for stimulus in self.stimuli()]

    def brain_files(self, subject: str, target: str) -> list[Path]:
        """The files whose content decides a subject's responses for a target."""
        raise NotImplementedError

    @property
    def conditions_from(self) -> Path:
        """What the names of conditions are from, for messages."""
        return self.root

    def passed_over(self) -> list[str]:
        """Files that lie among the images and are none; a format whose images are named by a table has none."""
        return []

    def open_image(self, image: str, background: int | list[int] | None = None):
        """Read the image of a `Stimulus`, as `PIL.Image.Image` in RGB; `background` as in `decoding.decoded`."""
        return decoded(self.root / image, background, self.again)

    def responses(self, subject: str, target: str) -> np.ndarray:
        """A subject's response patterns, averaged over repetitions, float (conditions, units).

        A unit that was not measured whole is NaN in all conditions.
        """
        raise NotImplementedError

    def repetitions(self, subject: str, target: str) -> np.ndarray:
        """A subject's single response patterns, float (repetitions, conditions, units).

        Repetitions are what distances in units of noise are estimated from, and the folds of a cross-validation. A
        condition that was measured fewer times than others is NaN in all units of the repetitions that it lacks.

        Raises:
            InputError: The format holds averages alone.
        """
        raise InputError(
            f"config key rdm.brain_distance, data set {self.name}",
            f"a distance that needs repetitions; format {self.settings['format']} holds averages over them",
            "correlation, cosine, euclidean or sqeuclidean",
            "set rdm.brain_distance to one of these, or leave this data set out",
        )

    def patterns(self, subject: str, target: str) -> np.ndarray:
        """The responses of the units that can be used, (conditions, units).

        Raises:
            InputError: Units are not finite or are constant, and the config does not say to leave them out; or
                fewer than two are left.
        """
        responses = self.responses(subject, target)
        return responses[:, self._usable_units(responses, subject, target)]

    def repeated_patterns(self, subject: str, target: str) -> np.ndarray:
        """The repetitions of the units that can be used, (repetitions, conditions, units); errors as of `patterns`."""
        repeated = self.repetitions(subject, target)
        return repeated[..., self._usable_units(rows_measured(repeated), subject, target)]

    def usable_units(self, subject: str, target: str, repeated: bool) -> np.ndarray:
        """Which units `patterns` has, or `repeated_patterns`, bool (units,); errors as of these."""
        read = self.repetitions(subject, target) if repeated else self.responses(subject, target)
        return self._usable_units(rows_measured(read), subject, target)

    def positions(self, subject: str, target: str) -> dict[str, np.ndarray]:
        """Where the units of `responses` are, usable or not: name of a coordinate → (units,)."""
        raise NotImplementedError

    def has_repetitions(self, subject: str) -> bool:
        """Whether there are single responses, from which one can tell how much of a mean is noise."""
        return type(self).repetitions is not DataSet.repetitions

    def ncsnr(self, subject: str, target: str) -> np.ndarray | None:
        """What the publishers give of the units' noise: the ratio of the standard deviations of signal and noise in one
        repetition, float (units,); None if they give nothing."""
        return None

    def unit_files(self, subject: str) -> list[Path]:
        """The files that `positions` and `ncsnr` read beside those of responses."""
        return []

    def _usable_units(self, rows: np.ndarray, subject: str, target: str) -> np.ndarray:
        finite = np.isfinite(rows).all(axis=0)
        constant = finite & (rows == rows[:1]).all(axis=0)
        usable = finite & ~constant
        where = f"{self.root} (data set {self.name}, subject {subject}, {target})"
        faults = [(~finite, "not finite"), (constant, "constant over conditions")]
        found = "; ".join(
            f"{np.count_nonzero(bad)} of {bad.size} units {fault}: {named(np.flatnonzero(bad))}"
            for bad, fault in faults
            if bad.any()
        )
        if found and not self.settings.get("drop_units"):
            raise InputError(
                where,
                found,
                "finite responses that differ between conditions",
                f"mend the files, or set datasets.{self.name}.drop_units to true to leave such units out",
            )
        if found:
            print(f"{where}: left out {found}")
        if np.count_nonzero(usable) < 2:
            raise InputError(
                where,
                f"{np.count_nonzero(usable)} of {usable.size} units can be used",
                "at least 2: a pattern of fewer has no correlation distance",
                "leave the region or the subject out of the config",
            )
        return usable

    def sample_of_responses(self, subject: str, target: str) -> np.ndarray:
        """Responses to look over before an experiment starts, (rows, units): all, or as many as seconds allow."""
        return self.responses(subject, target)

    def check_responses(self, subject: str, target: str) -> np.ndarray | None:
        """Look over a subject's data for a target, in seconds.

        Returns:
            The patterns (conditions, units), or None if the format has too many to look at all.

        Raises:
            InputError: Something is wrong with them.
        """
        rows = self.sample_of_responses(subject, target)
        patterns = rows[:, self._usable_units(rows, subject, target)]
        return patterns if type(self).sample_of_responses is DataSet.sample_of_responses else None

    def measured(self, subject: str, target: str) -> np.ndarray:
        """Which repetitions each condition has, bool (repetitions, conditions).

        Raises:
            InputError: The format holds averages alone.
        """
        return ~np.isnan(self.repetitions(subject, target)).all(axis=-1)

    def check_subjects(self) -> None:
        """Look over what all subjects should have in common.

        Raises:
            InputError: They do not.
        """

    def check_distance(self, distance: str) -> None:
        """Check that the RDMs that the data set gives, if it does, are of a distance.

        Raises:
            InputError: They are known to be of another.
        """

    def published_rdm(self, subject: str, target: str) -> np.ndarray:
        """The condensed RDM of a subject for a target, float64 (pairs,), of a format whose data are RDMs."""
        raise NotImplementedError

    def _number(self, subject: str) -> int:
        if not subject.isdecimal():
            raise InputError(
                f"config key datasets.{self.name}.subjects", f"subject {subject!r}", "a number", "correct the config"
            )
        return int(subject)


def rows_measured(responses: np.ndarray) -> np.ndarray:
    """Responses (conditions, units), or of (repetitions, conditions, units) the rows that were measured."""
    return responses if responses.ndim == 2 else responses[~np.isnan(responses).all(axis=-1)]


def named(names, shown: int = 5) -> str:
    """The first few names, and whether there are more."""
    return ", ".join(str(name) for name in names[:shown]) + (", …" if len(names) > shown else "")


def open_array(path, expected: str, remedy: str) -> np.ndarray:
    """Map an array of numbers in a `.npy` file.

    Raises:
        InputError: The file is missing, cut short, or is no such file.
    """
    try:
        with open(path, "rb") as file:
            begins = file.read(len(np.lib.format.MAGIC_PREFIX))
    except FileNotFoundError:
        raise InputError(path, "no such file", expected, remedy) from None
    except OSError as error:
        raise InputError(path, f"not readable ({error})", expected, remedy) from None
    if begins != np.lib.format.MAGIC_PREFIX:
        found = "no .npy file: it does not begin as numpy's do"
        if not begins:
            found = "an empty file"
        elif begins.startswith(b"PK"):
            found = "a zip archive, such as .npz, under the name of .npy"
        raise InputError(path, found, expected, remedy)
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        found = f"not readable, perhaps cut short ({error})"
        if "object" in str(error).lower():
            found = "an array of Python objects"
        raise InputError(path, found, expected, remedy) from None
    return of_numbers(array, path, expected, remedy)


def of_numbers(array, path, expected: str, remedy: str):
    """The array if it holds real numbers, or true and false; else refuse it."""
    if array.dtype.kind not in "biuf":
        kind = "a table of named fields" if array.dtype.names else f"an array of {array.dtype}"
        raise InputError(path, kind, expected, remedy)
    return array


def open_mat(path, keys, remedy: str) -> dict:
    """Variables of a MATLAB file, arrays and structures without axes of length 1.

    Raises:
        InputError: The file is missing, cut short, of MATLAB's version 7.3, or lacks a variable.
    """
    from scipy.io import loadmat

    expected = f"a MATLAB file with {', '.join(keys)}"
    try:
        with open(path, "rb") as file:
            content = loadmat(file, variable_names=keys, squeeze_me=True)
    except FileNotFoundError:
        raise InputError(path, "no such file", expected, remedy) from None
    except NotImplementedError:
        found = "a file of MATLAB's version 7.3, which is HDF5"
        raise InputError(path, found, expected, f"{remedy}; or have MATLAB save it with -v7") from None
    except Exception as error:  # a damaged file can fail in any way
        raise InputError(path, f"not readable ({error or 'cut short'})", expected, remedy) from None
    missing = [key for key in keys if key not in content]
    if missing:
        raise InputError(path, f"no variable {', '.join(missing)}", expected, remedy)
    return content
