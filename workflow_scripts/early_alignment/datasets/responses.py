"""Anyone's responses: stimuli, an array per subject, and tables that say what its axes are.

conditions.csv              columns condition, image: a row per condition, in the order of the arrays' first axis.
                            A column label, if any, says of which partition, session or run a condition is
stimuli/                    the images that conditions.csv names
sub-<subject>.npy           conditions × [repetitions ×] units [× times]; or a zarr array, sub-<subject>.zarr, a folder
sub-<subject>_units.csv     column region: a row per unit; or units.csv, for all subjects. Only if there are regions
times.csv                   column seconds, after onset: a row per time. Only if there are times
"""

import csv
import re
from collections import Counter
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np

from ..errors import InputError, known_or_refused
from .base import EVERY_UNIT, REGIONS_OF_CONFIG, UNITS_OF_CONFIG, DataSet, Stimulus, named, open_array
from .things_eeg2 import samples, window_of
from .zarr_arrays import ZarrArray, files

TIMES = r"-?\d+(?:±\d+|--?\d+)?ms"
TARGET = re.compile(rf"(?:(?P<region>.+?)_)?(?P<time>{TIMES})")


class Responses(DataSet):
    """Arrays and tables as above.

    Targets are regions, unions of them that `regions` names, or `all` units; where there are times, a time or window
    (`170ms`, `170±10ms`, `160-180ms`) of all units or, after a region and `_`, of its units (`V1v_170ms`). In place of
    a list, `all` is every time of `times.csv`, of all units.
    """

    adds_to_config: ClassVar = {"regions": REGIONS_OF_CONFIG, "drop_units": UNITS_OF_CONFIG}
    takes_all_targets = True
    tree = (
        "conditions.csv (columns condition, image), stimuli/ with the images, an array sub-<subject>.npy or .zarr "
        "(conditions × [repetitions ×] units [× times]); for regions sub-<subject>_units.csv or units.csv (column "
        "region), for times times.csv (column seconds)"
    )
    source = "write your own responses in this layout"
    again = "write the file again"
    subjects_are_numbers = False

    def meaning_of(self, target: str):
        match = TARGET.fullmatch(target)
        region, time = (match["region"] or EVERY_UNIT, window_of(match["time"])) if match else (target, None)
        return frozenset(self.regions_of(region)), time

    @cached_property
    def targets(self) -> list[str]:
        if self.settings["targets"] != "all":
            return super().targets
        where = f"config key datasets.{self.name}.targets"
        if not self._times_file.is_file():
            remedy = f"write {self._times_file}, or name the targets in a list: [{EVERY_UNIT}] is all units"
            raise InputError(where, "all, but no times.csv", "a time course, or a list of targets", remedy)
        names = [f"{round(1000 * seconds)}ms" for seconds in self._seconds]
        twice = [name for name, n in Counter(names).items() if n > 1]
        if twice:
            raise InputError(
                where,
                f"all, but {len(twice)} times in milliseconds are of several samples of {self._times_file}: "
                + named(twice),
                "samples at least 1 ms apart, as targets are named by whole milliseconds",
                "name the targets in a list; windows such as 170±10ms are averages over their samples",
            )
        return names

    @cached_property
    def _conditions(self) -> list[Stimulus]:
        path = self.root / "conditions.csv"
        rows = read_table(path, ("condition", "image"))
        conditions = [row["condition"] for row in rows]
        twice = sorted({condition for condition in conditions if conditions.count(condition) > 1})
        nameless = [i for i, row in enumerate(rows, start=1) if not (row["condition"].strip() and row["image"].strip())]
        if nameless or twice or len(rows) < 3:
            found = f"{len(twice)} conditions of one name: {named(twice)}" if twice else f"{len(rows)} conditions"
            if nameless:
                found = f"{len(nameless)} rows without a condition or an image: {named(nameless)}"
            raise InputError(
                path,
                found,
                "a row per condition, each of another name, at least 3",
                "name every condition once",
            )
        return [Stimulus(row["condition"], f"stimuli/{row['image']}") for row in rows]

    def stimuli(self) -> list[Stimulus]:
        return self._conditions

    def labels(self) -> dict[str, str]:
        path = self.root / "conditions.csv"
        rows = read_table(path, ("condition", "image"))
        labels = {row["condition"]: (row.get("label") or "").strip() for row in rows}
        without = [condition for condition, label in labels.items() if not label]
        if 0 < len(without) < len(labels):
            raise InputError(
                path,
                f"{len(without)} conditions without a label: {named(without)}",
                "a label for every condition, or for none",
                "complete the column label, or leave it out",
            )
        return labels

    def stimulus_files(self) -> list[Path]:
        return [self.root / "conditions.csv", *super().stimulus_files()]

    @property
    def _times_file(self) -> Path:
        return self.root / "times.csv"

    @cached_property
    def _seconds(self) -> np.ndarray:
        """The times of samples in seconds after onset, (times,)."""
        return np.array([number(row["seconds"], self._times_file) for row in read_table(self._times_file, ["seconds"])])

    def _units_file(self, subject: str) -> Path | None:
        files = (self.root / f"sub-{subject}_units.csv", self.root / "units.csv")
        return next((path for path in files if path.is_file()), None)

    def _array_file(self, subject: str) -> Path:
        choices = [self.root / f"sub-{subject}{ending}" for ending in (".npy", ".zarr")]
        there = [path for path in choices if path.exists()]
        zipped = self.root / f"sub-{subject}.zarr.zip"
        if not there and zipped.exists():
            raise InputError(zipped, "a zarr array in a zip file", "a folder in zarr", f"unzip it into {choices[1]}")
        if len(there) != 1:
            subjects = named(sorted(path.name for path in self.root.glob("sub-*") if path.suffix in (".npy", ".zarr")))
            raise InputError(
                self.root / f"sub-{subject}.npy",
                "both this file and one in zarr" if there else f"no such file, nor one in zarr; there are: {subjects}",
                "an array per subject",
                "correct the data set's `subjects`, or write the array",
            )
        return there[0]

    def brain_files(self, subject: str, target: str) -> list[Path]:
        array = self._array_file(subject)
        content = [array] if array.is_file() else files(array)
        tables = (self._units_file(subject), self._times_file if self._times_file.is_file() else None)
        return [self.root / "conditions.csv", *content, *(path for path in tables if path)]

    def _array(self, subject: str):
        """A subject's array, not read yet."""
        path = self._array_file(subject)
        n, has_times = len(self._conditions), self._times_file.is_file()
        expected = f"conditions × [repetitions ×] units{' × times' if has_times else ''}, with {n} conditions"
        remedy = "write the array again, for the rows of conditions.csv" + (
            "" if has_times else "; times need times.csv"
        )
        array = (open_array if path.suffix == ".npy" else ZarrArray)(path, expected, remedy)
        if array.ndim - has_times not in (2, 3) or array.shape[0] != n:
            raise InputError(path, f"an array of shape {array.shape}", expected, remedy)
        return array

    def repetitions(self, subject: str, target: str) -> np.ndarray:
        if not self.has_repetitions(subject):
            return super().repetitions(subject, target)
        return self._selected(subject, target).swapaxes(0, 1)

    def has_repetitions(self, subject: str) -> bool:
        return self._array(subject).ndim - self._times_file.is_file() == 3

    def positions(self, subject: str, target: str) -> dict[str, np.ndarray]:
        """The units' numbers in the subject's array, from 0."""
        array, region = self._array(subject), self._region_and_time(target)[0]
        n = array.shape[-2 if self._times_file.is_file() else -1]
        return {"unit": np.flatnonzero(self._inside(subject, region, n))}

    def responses(self, subject: str, target: str) -> np.ndarray:
        selected = self._selected(subject, target)
        if selected.ndim == 2:
            return selected
        measured = ~np.isnan(selected).all(axis=-1, keepdims=True)
        # A condition that was never measured stays NaN, and is refused later.
        with np.errstate(invalid="ignore"):
            return np.where(measured, selected, 0).sum(axis=1) / measured.sum(axis=1)

    def _selected(self, subject: str, target: str) -> np.ndarray:
        """The responses of the target's units at its time, float (conditions, [repetitions,] units)."""
        array, has_times = self._array(subject), self._times_file.is_file()
        region, time = self._region_and_time(target)
        if has_times:
            seconds = self._seconds
            if len(seconds) != array.shape[-1]:
                raise InputError(
                    self._times_file,
                    f"{len(seconds)} times",
                    f"{array.shape[-1]}, as {self._array_file(subject)} has",
                    "list the time of every sample",
                )
            window = samples(seconds, time, self._times_file)
            chosen = array[..., window[0] : window[-1] + 1].mean(axis=-1, dtype=np.float64)
        else:
            chosen = np.asarray(array[:], dtype=np.float64)
        return chosen[..., self._inside(subject, region, chosen.shape[-1])]

    def _region_and_time(self, target: str) -> tuple[str, str]:
        if not self._times_file.is_file():
            return target, ""
        match = TARGET.fullmatch(target)
        if not match:
            raise InputError(
                f"config key datasets.{self.name}.targets",
                repr(target),
                f"a time, or a region and a time, such as 170ms or V1v_170ms: there is {self._times_file}",
                "correct the data set's `targets`",
            )
        return match["region"] or EVERY_UNIT, match["time"]

    def _inside(self, subject: str, target: str, n: int) -> np.ndarray:
        """Which units are in the target, bool (units,)."""
        if target == EVERY_UNIT:
            return np.ones(n, dtype=bool)
        path = self._units_file(subject)
        if path is None:
            found = f"a region {target!r}, but neither sub-{subject}_units.csv nor units.csv"
            raise InputError(
                self.root, found, "a table of units with a column region", f"write it, or ask for {EVERY_UNIT}"
            )
        labels = np.array([row["region"] for row in read_table(path, ["region"])])
        if len(labels) != n:
            raise InputError(
                path, f"{len(labels)} units", f"{n}, as {self._array_file(subject)} has", "list every unit"
            )
        known = sorted(set(labels) - {""})
        for region in self.regions_of(target):
            known_or_refused(region, known, path, "region")
        return np.isin(labels, self.regions_of(target))


def read_table(path: Path, columns) -> list[dict[str, str]]:
    """The rows of a CSV file that has the columns.

    Raises:
        InputError: The file or a column is missing, a column is there twice, or a row has more or fewer cells.
    """
    expected = f"a CSV file with the columns {', '.join(columns)}, separated by commas"
    remedy = "write the table; docs/datasets.md shows the layout"
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file)
            # Without blank lines, and without what is around names but for the eye.
            lines = [(reader.line_num, [cell.strip() for cell in cells]) for cells in reader if cells]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(path, str(error), expected, remedy) from None
    if not lines:
        raise InputError(path, "an empty file", expected, remedy)
    if null := next((line for line, cells in lines if any("\0" in cell for cell in cells)), None):
        raise InputError(path, f"null characters, the first in line {null}", f"{expected}, in UTF-8", remedy)
    (_, header), *rows = lines
    for column in columns:
        if header.count(column) != 1:
            fault = "no column" if column not in header else f"{header.count(column)} columns"
            raise InputError(path, f"{fault} {column} in the header {','.join(header)!r}", expected, remedy)
    bad = [(line, cells) for line, cells in rows if len(cells) != len(header)]
    if bad or not rows:
        found = "a header and no rows"
        if bad:
            line, cells = bad[0]
            found = f"{len(bad)} rows that are not of the header's {len(header)} cells, the first in line {line}, "
            found += repr(",".join(cells))
        remedy = "complete the table; decimals have points, and cells with commas quotation marks"
        raise InputError(path, found, expected, remedy)
    return [dict(zip(header, cells, strict=True)) for _, cells in rows]


def number(text: str, path: Path) -> float:
    """The number that a table's cell holds."""
    try:
        return float(text)
    except ValueError:
        raise InputError(path, repr(text), "a number, with a point for decimals", "correct the table") from None
