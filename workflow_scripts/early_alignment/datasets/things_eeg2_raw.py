"""THINGS EEG2 from the publishers' raw files: preprocessed here, then read as the preprocessed ones are."""

from pathlib import Path
from typing import ClassVar

import numpy as np

from . import things_eeg2_preprocessing
from .things_eeg2 import TIMES, ThingsEEG2, samples


class ThingsEEG2Raw(ThingsEEG2):
    """Folders `raw_data/sub-01/ses-01` … and an image folder; targets as in `things_eeg2`."""

    adds_to_config: ClassVar = ThingsEEG2.adds_to_config | {
        "sessions": {
            "description": "sessions to read",
            "type": "array",
            "minItems": 1,
            "uniqueItems": True,
            "items": {"type": "integer", "minimum": 1},
            "default": [1, 2, 3, 4],
        },
        "noise_covariance": {
            "description": "estimated from `both` partitions or `training` alone",
            "enum": ["both", "training"],
            "default": "both",
        },
    }
    is_raw = True
    tree = (
        "raw_data/sub-01/ses-01 … sub-10/ses-04, each with raw_eeg_{training,test}.npy, and the image folder "
        "(`images`, by default image_set) with image_metadata.npy, training_images/ and test_images/"
    )
    source = (
        "`snakemake --snakefile rules/download.smk --cores 2 --config folder=<root> raw=true` downloads the raw EEG "
        "and the image set of THINGS EEG2 (Gifford et al. 2022, CC BY 4.0), which https://osf.io/3jk45 leads to"
    )

    responses_again = things_eeg2_preprocessing.MAKE_AGAIN

    @property
    def science(self) -> dict:
        # What preprocessing hangs on makes its files stale, and nothing else: stimuli stay as they are.
        of_preprocessing = ("sessions", "noise_covariance", "preprocessed")
        return {key: value for key, value in super().science.items() if key not in of_preprocessing}

    @property
    def sessions(self) -> list[int]:
        return self.settings["sessions"]

    def raw_files(self, subject: str, session: int) -> dict[str, Path]:
        """Partition → raw file of a session."""
        folder = self.root / "raw_data" / f"sub-{self._number(subject):02d}" / f"ses-{session:02d}"
        return {partition: folder / f"raw_eeg_{partition}.npy" for partition in things_eeg2_preprocessing.PARTITIONS}

    def check_responses(self, subject: str, target: str) -> None:
        """Look over a subject's raw files by what is known without reading them, and the target.

        Raises:
            InputError: A file is missing, cut short or lacks a channel, or there is no such time.
        """
        samples(TIMES, target, f"config key datasets.{self.name}.targets")
        for session in self.sessions:
            for path in self.raw_files(subject, session).values():
                things_eeg2_preprocessing.check_recording(path)

    def measured(self, subject: str, target: str) -> np.ndarray:
        """Two repetitions of every image: preprocessing keeps as many and more, or refuses the session."""
        return np.ones((2, len(self.conditions())), dtype=bool)

    def check_subjects(self) -> None:
        """Preprocessing gives all subjects the same times."""

    def _responses_file(self, subject: str, partition: str) -> Path:
        return Path(self.settings["preprocessed"]) / f"sub-{subject}" / f"preprocessed_eeg_{partition}.npy"
