"""The Natural Scenes Dataset as its publishers release it (Allen et al. 2022): volume betas, a file per session.

Betas are z-scored per session and voxel and averaged over the repetitions of an image. The stimuli are those of the
1,000 shared images that every configured subject saw in the sessions that are there. A condition is called by the
image's 0-based number, as in the Algonauts 2023 release: `nsd-00013`.
"""

import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np

from .. import noise
from ..errors import InputError, known_or_refused
from .algonauts2023 import MASK_FAMILIES
from .base import REGIONS_OF_CONFIG, UNITS_OF_CONFIG, DataSet, Stimulus, named, of_numbers, open_mat
from .decoding import of_pixels

SPACE = "func1pt8mm"
BETAS = "betas_fithrf_GLMdenoise_RR"
DESIGN = "nsddata/experiments/nsd/nsd_expdesign.mat"
IMAGES = "nsddata_stimuli/stimuli/nsd/nsd_stimuli.hdf5"
SESSION = re.compile(r"betas_session(\d+)\.(?:hdf5|nii\.gz|nii)")
BYTES_AT_A_TIME = 2**26
SAMPLE = 10
"""Trials that are looked over before an experiment starts."""
DOWNLOAD = "download it again from NSD's bucket"


class NSD(DataSet):
    """The release's own tree; targets are regions in a subject's `roi/*.nii.gz`, or unions that `regions` names.

    Regions of the six families that Algonauts 2023 has go by their names (`V1v`, `PPA`), others too where one family
    alone has the name, and any by family and name (`Kastner2015.V1v`).
    """

    adds_to_config: ClassVar = {
        "regions": REGIONS_OF_CONFIG,
        "drop_units": UNITS_OF_CONFIG,
        "min_repetitions": {
            "description": "how often every subject saw each image, at least; `crossnobis` needs 2",
            "unit": "repetitions",
            "type": "integer",
            "minimum": 1,
            "maximum": 3,
            "default": 1,
        },
        "min_ncsnr": {
            "description": "leave out voxels with a lower noise ceiling SNR; `null` leaves out none",
            "type": ["number", "null"],
            "default": None,
        },
    }
    tree = (
        f"nsddata_betas/ppdata/subj01/{SPACE}/{BETAS}/betas_session01.{{hdf5,nii.gz}} …, "
        f"nsddata/ppdata/subj01/{SPACE}/roi/*.nii.gz, nsddata/freesurfer/subj01/label/*.mgz.ctab, {DESIGN} and {IMAGES}"
    )
    source = (
        "agree to the terms of the Natural Scenes Dataset (https://naturalscenesdataset.org) and download these files "
        "from its bucket as its manual says"
    )

    again = DOWNLOAD
    too_few_repetitions = "set the data set's min_repetitions to 2, or choose another rdm.brain_distance"

    def published_size(self) -> tuple[int, int]:
        return 1000, 1000

    @property
    def science(self) -> dict:
        # All subjects' sessions decide which images are shared.
        sessions = [len(self._session_files(subject)) for subject in self.subjects]
        return super().science | {"subjects": self.subjects, "sessions": sessions}

    def _name(self, subject: str) -> str:
        return f"subj{self._number(subject):02d}"

    def _betas_folder(self, subject: str) -> Path:
        return self.root / "nsddata_betas/ppdata" / self._name(subject) / SPACE / BETAS

    def _session_files(self, subject: str) -> list[Path]:
        """The files of a subject's sessions, from the first on without a gap; HDF5 where there are both kinds."""
        folder = self._betas_folder(subject)
        files = {}
        for path in sorted(folder.glob("betas_session*"), reverse=True):
            if match := SESSION.fullmatch(path.name):
                files[int(match[1])] = path
        if not files or sorted(files) != list(range(1, len(files) + 1)):
            there = f"sessions {named(sorted(files), 40)}" if files else "no betas_session01 …"
            people = (
                named(sorted(path.name for path in self.root.glob("nsddata_betas/ppdata/subj*")), shown=8) or "none"
            )
            raise InputError(
                folder,
                f"{there}; subjects that are there: {people}",
                "sessions from the first on without a gap, in HDF5 or NIfTI",
                self.source,
            )
        return [files[number] for number in sorted(files)]

    # Conditions

    @cached_property
    def _design(self) -> dict[str, np.ndarray]:
        path = self.root / DESIGN
        keys = ("masterordering", "subjectim", "sharedix")
        content = open_mat(path, keys, DOWNLOAD)
        expected = (
            "numbers that count from 1: a vector masterordering, which counts the columns of subjectim; a row of "
        )
        expected += "images for each subject, subjectim; and a vector of images, sharedix"
        for key in keys:
            of_numbers(content[key], path, expected, DOWNLOAD)
        design = {key: np.asarray(content[key], dtype=int) for key in keys}
        # A single subject's images are a vector to MATLAB's readers.
        design["subjectim"] = np.atleast_2d(design["subjectim"])
        ordering, images, shared = design.values()
        fits = ordering.ndim == 1 and images.ndim == 2 and shared.ndim == 1
        if not fits or min(array.min() for array in design.values()) < 1 or ordering.max() > images.shape[1]:
            found = ", ".join(
                f"{key} of shape {array.shape} from {array.min()} to {array.max()}" for key, array in design.items()
            )
            raise InputError(path, found, expected, DOWNLOAD)
        return design

    def _shown(self, subject: str) -> list[np.ndarray]:
        """The 0-based numbers of the images that a subject saw, trial by trial, (trials,) of each session."""
        ordering, images = self._design["masterordering"], self._design["subjectim"]
        files = self._session_files(subject)
        shapes = [shape_of_session(path) for path in files]
        for path, (_, *volume) in zip(files, shapes, strict=True):
            if volume != shapes[0][1:]:
                found, expected = f"volumes of {tuple(volume)} voxels", f"{tuple(shapes[0][1:])}, as {files[0]} has"
                raise InputError(path, found, expected, DOWNLOAD)
        lengths = [n for n, *_ in shapes]
        if sum(lengths) > len(ordering):
            raise InputError(
                self._betas_folder(subject),
                f"{sum(lengths)} trials in {len(lengths)} sessions",
                f"at most {len(ordering)}, the trials of {self.root / DESIGN}",
                DOWNLOAD,
            )
        known_or_refused(str(self._number(subject)), range(1, len(images) + 1), self.root / DESIGN, "subject")
        shown = images[self._number(subject) - 1, ordering[: sum(lengths)] - 1] - 1
        return np.split(shown, np.cumsum(lengths)[:-1])

    @cached_property
    def _shared(self) -> np.ndarray:
        """The 0-based numbers of the conditions' images, ascending."""
        least = self.settings.get("min_repetitions", 1)
        shared = set(self._design["sharedix"] - 1)
        for subject in self.subjects:
            numbers, counts = np.unique(np.concatenate(self._shown(subject)), return_counts=True)
            shared &= set(numbers[counts >= least])
        if len(shared) < 3:
            raise InputError(
                self.root,
                f"{len(shared)} shared images that all of subjects {', '.join(self.subjects)} saw {least} times "
                "or more in the sessions that are there",
                "at least 3",
                "download more sessions, or lower the data set's min_repetitions",
            )
        return np.array(sorted(shared))

    def stimuli(self) -> list[Stimulus]:
        return [Stimulus(f"nsd-{number:05d}", f"{IMAGES}#{number}") for number in self._shared]

    def stimulus_files(self) -> list[Path]:
        sessions = [path for subject in self.subjects for path in self._session_files(subject)]
        return [self.root / DESIGN, self.root / IMAGES, *sessions]

    def open_image(self, image: str, background=None):
        import h5py

        name, _, number = image.rpartition("#")
        try:
            with h5py.File(self.root / name) as file:
                pixels = file["imgBrick"][int(number)]
        except (OSError, KeyError, ValueError, IndexError, TypeError) as error:
            expected = f"an HDF5 file with imgBrick, uint8 (73000, 425, 425, 3), that has image {number}"
            raise InputError(self.root / name, str(error), expected, DOWNLOAD) from None
        return of_pixels(pixels, f"{self.root / name} (imgBrick, image {number})", DOWNLOAD)

    # Regions

    def _labels(self, subject: str) -> dict[str, tuple[Path, int]]:
        """Region → its NIfTI file and its label there."""
        roi = self.root / "nsddata/ppdata" / self._name(subject) / SPACE / "roi"
        tables = self.root / "nsddata/freesurfer" / self._name(subject) / "label"
        families = {path.name.removesuffix(".mgz.ctab"): path for path in sorted(tables.glob("*.mgz.ctab"))}
        # Else a region of such a family would be looked for, and perhaps found, in another.
        families |= {name: tables / f"{name}.mgz.ctab" for name in MASK_FAMILIES if (roi / f"{name}.nii.gz").is_file()}
        of_family = {}
        for family, table in families.items():
            file = roi / f"{family}.nii.gz"
            if file.is_file():
                of_family[family] = {name: (file, label) for name, label in read_labels(table).items() if label > 0}
        if not of_family:
            raise InputError(roi, f"no region file that is named in {tables}", self.tree, self.source)
        others = [name for family, names in of_family.items() if family not in MASK_FAMILIES for name in names]
        labels = {f"{family}.{name}": place for family, names in of_family.items() for name, place in names.items()}
        for family in sorted(of_family, key=lambda family: family in MASK_FAMILIES):
            known = family in MASK_FAMILIES
            labels |= {name: place for name, place in of_family[family].items() if known or others.count(name) == 1}
        return labels

    def _inside(self, subject: str, target: str) -> np.ndarray:
        """Which voxels are in the target, bool (x, y, z)."""
        labels = self._labels(subject)
        shape = shape_of_session(self._session_files(subject)[0])[1:]
        inside = np.zeros(shape, dtype=bool)
        for region in self.regions_of(target):
            known_or_refused(
                region, labels, self.root / "nsddata/ppdata" / self._name(subject) / SPACE / "roi", "region"
            )
            file, label = labels[region]
            inside = inside | (read_volume(file, shape) == label)
        least = self.settings.get("min_ncsnr")
        if least is not None:
            inside &= read_volume(self._ncsnr_file(subject), shape) >= least
        if not inside.any():
            raise InputError(
                self.root / "nsddata/ppdata" / self._name(subject),
                f"no voxels of {target}" + (f" with ncsnr of at least {least}" if least is not None else ""),
                "at least 2",
                "leave the region or the subject out of the config" + (", or lower min_ncsnr" if least else ""),
            )
        return inside

    def _ncsnr_file(self, subject: str) -> Path:
        return self._betas_folder(subject) / "ncsnr.nii.gz"

    def brain_files(self, subject: str, target: str) -> list[Path]:
        roi = self.root / "nsddata/ppdata" / self._name(subject) / SPACE / "roi"
        tables = self.root / "nsddata/freesurfer" / self._name(subject) / "label"
        selection = [] if self.settings.get("min_ncsnr") is None else [self._ncsnr_file(subject)]
        regions = [*sorted(roi.glob("*.nii.gz")), *sorted(tables.glob("*.mgz.ctab"))]
        return [self.root / DESIGN, *self._session_files(subject), *regions, *selection]

    # Responses

    def repetitions(self, subject: str, target: str) -> np.ndarray:
        inside = self._inside(subject, target)
        shown = self._shown(subject)
        row_of = {number: row for row, number in enumerate(self._shared)}
        most = np.unique(np.concatenate(shown), return_counts=True)[1].max()
        repetitions = np.full((most, len(row_of), np.count_nonzero(inside)), np.nan, np.float32)
        seen = np.zeros(len(row_of), int)
        for path, numbers in zip(self._session_files(subject), shown, strict=True):
            trials = standardised(np.concatenate(list(voxels(path, inside))))
            if np.isnan(trials).all():  # else these trials would count as never shown
                found = f"betas of {target} that are the same in all {len(trials)} trials"
                raise InputError(path, found, "betas that vary", DOWNLOAD)
            for number, trial in zip(numbers, trials, strict=True):
                row = row_of.get(number)
                if row is not None:
                    repetitions[seen[row], row] = trial
                    seen[row] += 1
        # A voxel that was not measured in a session has no z-score there: it is of no use in the others.
        repetitions[..., np.isnan(self._averaged(repetitions, subject, target)).any(axis=0)] = np.nan
        return repetitions[: seen.max()]

    def measured(self, subject: str, target: str) -> np.ndarray:
        counts = np.bincount(np.concatenate(self._shown(subject)))[self._shared]
        return np.arange(counts.max())[:, None] < counts

    def positions(self, subject: str, target: str) -> dict[str, np.ndarray]:
        """Indices of voxels along the axes of the region files."""
        return dict(zip("xyz", np.argwhere(self._inside(subject, target).T)[:, ::-1].T, strict=True))

    def ncsnr(self, subject: str, target: str) -> np.ndarray | None:
        if not self.unit_files(subject):
            return None
        inside = self._inside(subject, target)
        return read_volume(self._ncsnr_file(subject), list(inside.shape)).T[inside.T]

    def unit_files(self, subject: str) -> list[Path]:
        file = self._ncsnr_file(subject)
        return [file] if file.is_file() else []

    def responses(self, subject: str, target: str) -> np.ndarray:
        return self._averaged(self.repetitions(subject, target), subject, target)

    def _averaged(self, repetitions: np.ndarray, subject: str, target: str) -> np.ndarray:
        try:
            return noise.mean_of_repetitions(repetitions)
        except ValueError as error:
            raise InputError(
                f"{self._betas_folder(subject)} ({target})",
                str(error),
                "betas that vary over the trials of every session",
                f"leave the subject or the region out of the config, or {DOWNLOAD}",
            ) from None

    def sample_of_responses(self, subject: str, target: str) -> np.ndarray:
        self._shown(subject)  # compares the lengths of all sessions with the design
        return np.concatenate(list(voxels(self._session_files(subject)[0], self._inside(subject, target), SAMPLE)))


def standardised(trials: np.ndarray) -> np.ndarray:
    """z-scores over the trials of a session, (trials, voxels); NaN in voxels that do not vary.

    Betas are percent signal change times 300, in whole numbers: a factor that z-scores do not have.
    """
    trials = trials.astype(np.float64)
    trials -= trials.mean(axis=0)
    deviation = trials.std(axis=0)
    deviation[deviation == 0] = np.nan
    return trials / deviation


def shape_of_session(path: Path) -> list[int]:
    """The number of trials in a session's file and the voxels of each along x, y and z, from its header."""
    if path.suffix == ".hdf5":
        with open_betas(path) as betas:
            return [len(betas), *betas.shape[:0:-1]]
    *volume, n = nifti_betas(path).shape
    return [n, *volume]


def voxels(path: Path, inside: np.ndarray, n: int | None = None) -> Iterator[np.ndarray]:
    """The voxels of a region in the trials of a session, a few trials at a time, (trials, voxels).

    Args:
        path: The session's file.
        inside: The region, bool (x, y, z).
        n: How many trials from the first on; all by default.
    """
    expected = f"trials of volumes of {inside.shape} voxels, as the region's"
    # HDF5's axes are NIfTI's in reverse; voxels are in the order of the reversed axes in both.
    reverse = inside.T
    if path.suffix == ".hdf5":
        with open_betas(path) as betas:
            if betas.shape[1:] != reverse.shape:
                raise InputError(path, f"betas of shape {betas.shape}", expected + ", axes reversed", DOWNLOAD)
            yield from hdf5_voxels(path, betas, reverse, n or len(betas))
        return
    from zlib import error as zlib_error

    import nibabel

    betas = nifti_betas(path)
    if betas.shape[:3] != inside.shape:
        raise InputError(path, f"a shape of {betas.shape}", expected, DOWNLOAD)
    # A compressed file cannot be entered in the middle: it is read once from the start, a volume at a time.
    bytes_each = reverse.size * betas.dtype.itemsize
    try:
        with nibabel.openers.ImageOpener(path) as file:  # type: ignore[arg-type]  # it takes paths
            file.seek(betas.offset)
            for _ in range(n or betas.shape[3]):
                volume = np.frombuffer(file.read(bytes_each), betas.dtype)
                yield volume.reshape(reverse.shape)[reverse][None]
    except (OSError, EOFError, ValueError, zlib_error) as error:
        raise InputError(path, f"not readable, perhaps cut short ({error})", expected, DOWNLOAD) from None


def hdf5_voxels(path: Path, betas, inside: np.ndarray, n: int) -> Iterator[np.ndarray]:
    """What `voxels` gives, of an HDF5 data set (trials, z, y, x), reading the box around the region alone."""
    box = tuple(slice(used.min(), used.max() + 1) for used in map(np.unique, np.nonzero(inside)))
    within = inside[box]
    trials_per_chunk = betas.chunks[0] if betas.chunks else 1
    bytes_per_chunk = trials_per_chunk * within.size * betas.dtype.itemsize
    try:
        if bytes_per_chunk > BYTES_AT_A_TIME:  # chunks of many trials: plane by plane, not trial by trial
            planes = range(box[0].start, box[0].stop)
            parts = [betas[:n, plane, box[1], box[2]][:, mask] for plane, mask in zip(planes, within, strict=True)]
            yield np.concatenate(parts, axis=1)
            return
        step = BYTES_AT_A_TIME // bytes_per_chunk * trials_per_chunk
        for start in range(0, n, step):
            yield betas[start : min(start + step, n), *box][:, within]
    except OSError as error:
        expected = "betas of all trials"
        raise InputError(path, f"not readable, perhaps cut short ({error})", expected, DOWNLOAD) from None


def open_betas(path: Path):
    """The betas of an HDF5 session (trials, z, y, x), as a context."""
    from contextlib import contextmanager

    import h5py

    @contextmanager
    def opened():
        try:
            file = h5py.File(path)
            betas = file["betas"]
        except (OSError, KeyError) as error:
            raise InputError(path, f"not readable, perhaps cut short ({error})", "HDF5 with betas", DOWNLOAD) from None
        with file:
            if not isinstance(betas, h5py.Dataset) or betas.ndim != 4:
                raise InputError(path, f"betas: {betas}", "a data set of trials, z, y and x", DOWNLOAD)
            yield of_numbers(betas, path, "betas in numbers", DOWNLOAD)

    return opened()


def nifti_betas(path: Path):
    """The betas of a NIfTI session (x, y, z, trials), not read yet: a `nibabel.arrayproxy.ArrayProxy`."""
    import nibabel

    try:
        betas = nibabel.load(path).dataobj  # type: ignore[attr-defined]  # images have it
    except (OSError, EOFError, nibabel.filebasedimages.ImageFileError) as error:
        raise InputError(path, f"not readable ({error})", "a NIfTI file of a session's betas", DOWNLOAD) from None
    if len(betas.shape) != 4:
        raise InputError(path, f"a shape of {betas.shape}", "x, y, z and trials", DOWNLOAD)
    return of_numbers(betas, path, "betas in numbers", DOWNLOAD)


def read_volume(path: Path, shape: list[int]) -> np.ndarray:
    """A 3-D NIfTI file's values.

    Raises:
        InputError: The file is missing or damaged, or of another shape than the subject's betas, (x, y, z).
    """
    from zlib import error as zlib_error

    import nibabel

    try:
        volume = np.asarray(nibabel.load(path).dataobj)  # type: ignore[attr-defined]  # images have it
    except (OSError, EOFError, ValueError, zlib_error, nibabel.filebasedimages.ImageFileError) as error:
        raise InputError(path, f"not readable ({error})", "a NIfTI file of a volume", DOWNLOAD) from None
    if list(volume.shape) != list(shape):
        raise InputError(path, f"a shape of {volume.shape}", f"{tuple(shape)}, as the subject's betas have", DOWNLOAD)
    return of_numbers(volume, path, "numbers", DOWNLOAD)


def read_labels(path: Path) -> dict[str, int]:
    """Name of a region → its label, of FreeSurfer's table: a line per label, which begins with it and the name."""
    expected = "a line per region that begins with its number and its name"
    try:
        lines = [line.split() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        return {name: int(label) for label, name, *_ in lines}
    except FileNotFoundError:
        raise InputError(path, "no such file", expected, DOWNLOAD) from None
    except (OSError, ValueError) as error:
        raise InputError(path, f"not readable ({error})", expected, DOWNLOAD) from None
