"""From raw EEG to responses, as the publishers of THINGS EEG2 did it (Gifford et al. 2022).

A session is epoched and its noise normalised (`session`); a subject's sessions are joined (`join`). What comes out is
what the publishers offer as preprocessed data, in their format.
"""

import re
from pathlib import Path

import numpy as np

from .. import noise
from ..errors import InputError
from . import published_pickles, things_eeg2_channels

PARTITIONS = ("training", "test")
REPETITIONS = {"training": 2, "test": 20}
"""Repetitions of an image that are kept of a session: all that was shown, by the experiment's design."""
TARGET = 99999
"""The event of target images, which subjects had to look out for; they are no stimuli."""
START, END = -0.2, 0.8
"""Of an epoch, in seconds after onset; the baseline is what is before onset."""
RATE = 100
"""Samples per second of the responses."""
SEED = 20200220
"""Decides which repetitions are kept and in which order they come: the publishers' seed, used as they use it."""
MAKE_AGAIN = "delete the file and run the workflow again, which makes it anew"
"""What to do about a damaged file of what is made here."""
BATCH = 1000
"""Epochs, or images, that are worked on at once; bounds memory and changes nothing."""


def session(files: dict[str, Path], noise_covariance: str) -> dict:
    """Responses of one session, sorted by image, their noise normalised.

    Args:
        files: `training` and `test` → raw file of the session.
        noise_covariance: What the noise covariance is estimated from: `both` partitions, each with equal weight, or
            `training` alone.

    Returns:
        `ch_names`, `times`, and per partition `{partition}_images`, image numbers from 1 ascending, and
        `{partition}_eeg_data`, float64 (images, repetitions, channels, times).

    Raises:
        InputError: A file is not as published, or its channels do not allow to normalise noise.
    """
    sorted_ = {partition: epochs(files[partition], REPETITIONS[partition]) for partition in PARTITIONS}
    estimated_from = PARTITIONS if noise_covariance == "both" else (noise_covariance,)
    covariance = np.mean([mean_covariance(sorted_[partition]["data"]) for partition in estimated_from], axis=0)
    whitening = inverse_square_root(covariance, files["training"])
    content = {"ch_names": sorted_["training"]["ch_names"], "times": sorted_["training"]["times"]}
    for partition, found in sorted_.items():
        content[f"{partition}_images"] = found["images"]
        content[f"{partition}_eeg_data"] = whitening @ found["data"]
    return content


def epochs(path: Path, n_repetitions: int) -> dict:
    """Epochs of a raw file around every image, baseline-corrected, resampled and sorted by image; through MNE-Python.

    Channels are those that match `^O *|^P *`, in the order of `channels.POSTERIOR`. Before MNE resamples, it pads an
    epoch of 1,001 samples to a power of two, which moves samples by 4 ms: what is said to be at 170 ms was measured at
    166.

    Args:
        path: A published raw file: a pickled dictionary of `raw_eeg_data` (channels, samples) in volts, the last
            channel `stim`, with `ch_names`, `ch_types` and `sfreq`.
        n_repetitions: How many to keep of each image, chosen by `SEED`.

    Returns:
        `images`, numbers ascending (images,); `data`, float64 (images, repetitions, channels, times); `ch_names`;
        `times`, seconds after onset.

    Raises:
        InputError: The file is not of that form, a channel is missing, values are not finite, or an image was shown
            fewer times.
    """
    import mne

    raw = recording(path)
    events = mne.find_events(raw, stim_channel="stim", verbose="error")
    events = events[events[:, 2] != TARGET]
    raw.drop_channels(["stim"])
    blocks, shown = [], []
    for start in range(0, len(events), BATCH):
        block = mne.Epochs(
            raw, events[start : start + BATCH], tmin=START, tmax=END, baseline=(None, 0), preload=True, verbose="error"
        )
        block.resample(RATE, verbose="error")
        blocks.append(block.get_data(copy=False))
        # Without those that the recording's ends cut short.
        shown.append(block.events[:, 2])
    if not blocks:
        raise InputError(path, "no events on the channel stim", "an event at every image", "download the file again")
    del raw
    numbers = np.concatenate(shown)
    kept = chosen_repetitions(numbers, n_repetitions, path)
    return {
        "images": np.unique(numbers),
        "data": np.concatenate(blocks)[kept],
        "ch_names": block.ch_names,
        "times": block.times,
    }


def check_recording(path: Path) -> None:
    """Check a raw file by what is known without reading its data.

    Raises:
        InputError: The file is missing, cut short, not of the published form, or lacks a channel.
    """
    _, names, _ = raw_content(path)
    things_eeg2_channels.check([name for name in names if re.match(things_eeg2_channels.PATTERN, name)], path)


def recording(path: Path):
    """The posterior channels, in one order, and `stim` of a raw file, as `mne.io.RawArray`; errors as of `epochs`."""
    import mne

    check_recording(path)
    data, names, rate = raw_content(path)
    # By name: the order of a file is its own.
    wanted = [names.index(name) for name in things_eeg2_channels.POSTERIOR]
    info = mne.create_info([*(names[i] for i in wanted), "stim"], rate, ["eeg"] * len(wanted) + ["stim"])
    # Row by row: the file holds 64 channels, and only these reach memory.
    rows = np.stack([np.asarray(data[i], dtype=np.float64) for i in (*wanted, names.index("stim"))])
    bad = [name for name, row in zip(info.ch_names, rows, strict=True) if not np.isfinite(row).all()]
    if bad:
        raise InputError(
            path,
            f"{np.count_nonzero(~np.isfinite(rows))} values that are not finite, in {', '.join(bad)}",
            "finite voltages",
            "download the file again",
        )
    still = [name for name, row in zip(info.ch_names, rows[:-1], strict=False) if row.min() == row.max()]
    if still:
        raise InputError(
            path,
            f"one voltage throughout in {', '.join(still)}",
            "channels that recorded something",
            "leave the subject out of the config: its noise cannot be normalised",
        )
    return mne.io.RawArray(rows, info, verbose="error")


def raw_content(path: Path) -> tuple[np.ndarray, list[str], float]:
    """A raw file's data (channels, samples), mapped and not read, names of channels, and samples per second.

    Raises:
        InputError: The file is missing, cut short, or not of the published form.
    """
    content = published_pickles.load(path)
    try:
        data, names, rate = content["raw_eeg_data"], [str(name) for name in content["ch_names"]], content["sfreq"]
        fits = np.ndim(data) == 2 and len(data) == len(set(names)) == len(names) and "stim" in names
        fits = fits and np.asanyarray(data).dtype.kind in "iuf" and float(rate) >= RATE
        found = f"data of shape {np.shape(data)} and {len(names)} channels {', '.join(names)}, at {rate} Hz"
    except (KeyError, TypeError, ValueError, IndexError) as error:
        fits, found = False, f"{type(error).__name__}: {error}"
    if not fits:
        expected = "a dictionary with raw_eeg_data (channels, samples), ch_names, the last of them stim, and sfreq"
        expected += f", with each name once and at least {RATE} Hz"
        raise InputError(path, found, expected, "download the file again")
    return data, names, float(rate)


def chosen_repetitions(numbers: np.ndarray, n: int, where) -> np.ndarray:
    """Which epochs are kept of each image, (images, n), images ascending.

    Args:
        numbers: The image of every epoch, in the order of time.
        n: How many to keep.
        where: The file that they are from, for the message.

    Raises:
        InputError: Some image has fewer.
    """
    images, counts = np.unique(numbers, return_counts=True)
    if counts.min() < n:
        few = images[counts < n]
        raise InputError(
            where,
            f"{len(few)} of {len(images)} images were shown fewer than {n} times, such as number {few[0]}, "
            f"shown {counts.min()} times",
            f"at least {n} presentations of each image in a session",
            "download the file again: it may be of part of the session",
        )
    in_time = np.split(np.argsort(numbers, kind="stable"), np.cumsum(counts)[:-1])
    return np.stack([epochs_[shuffled(len(epochs_))[:n]] for epochs_ in in_time])


def shuffled(n: int) -> np.ndarray:
    """The numbers below n in an order that the seed decides, as scikit-learn's `shuffle` gives it."""
    return np.random.RandomState(SEED).permutation(n)


def mean_covariance(data: np.ndarray) -> np.ndarray:
    """The noise covariance of channels: over repetitions, averaged over times and images.

    Args:
        data: (images, repetitions, channels, times).

    Returns:
        (channels, channels).
    """
    total = np.zeros((data.shape[2], data.shape[2]))
    for start in range(0, len(data), BATCH // 10):
        repetitions = data[start : start + BATCH // 10].transpose(0, 3, 1, 2)
        total += shrunk_covariance(repetitions).sum(axis=(0, 1))
    return total / (data.shape[0] * data.shape[3])


def shrunk_covariance(observations: np.ndarray) -> np.ndarray:
    """Covariance shrunk towards the diagonal of variances, by how much Ledoit and Wolf (2004) find best.

    As scikit-learn's discriminant analysis does it, which the publishers used: their shrinkage towards equal variances
    is applied to standardised variables.

    Args:
        observations: (..., observations, variables).

    Returns:
        (..., variables, variables).
    """
    centred = observations - observations.mean(axis=-2, keepdims=True)
    scale = centred.std(axis=-2)
    # What only rounding moves counts as still.
    scale = np.where(scale > 10 * np.finfo(float).eps * np.abs(observations).max(axis=-2), scale, 1.0)
    return noise.ledoit_wolf(centred / scale[..., None, :]) * scale[..., :, None] * scale[..., None, :]


def inverse_square_root(covariance: np.ndarray, where) -> np.ndarray:
    """The symmetric matrix that whitens what has this covariance, (channels, channels).

    Raises:
        InputError: Some channel is constant or a sum of others.
    """
    values, vectors = np.linalg.eigh(covariance)
    if values[0] <= 1e-12 * values[-1]:
        raise InputError(
            where,
            f"a noise covariance whose least eigenvalue is {values[0]:.1e} and whose greatest is {values[-1]:.1e}",
            "channels of which none is constant or a sum of others",
            "download the session again",
        )
    return (vectors / np.sqrt(values)) @ vectors.T


def join(files: list[Path], partition: str) -> dict:
    """A subject's responses in the publishers' preprocessed format, from those of the sessions.

    An image's repetitions come in one order that the seed decides and that mixes sessions.

    Args:
        files: What `session` returned, saved by `published_pickles.save`, in the order of sessions.
        partition: `training` or `test`.

    Returns:
        `preprocessed_eeg_data`, float64 (images, repetitions, channels, times), `ch_names`, `times`.

    Raises:
        InputError: Images have unequal numbers of repetitions, or some number below the highest has none.
    """
    sessions = [published_pickles.load(file, MAKE_AGAIN) for file in files]
    numbers = [session[f"{partition}_images"] for session in sessions]
    counts = np.bincount(np.concatenate(numbers))[1:]
    if counts.min() < counts.max():
        few = np.flatnonzero(counts == counts.min()) + 1
        raise InputError(
            ", ".join(map(str, files)),
            f"{len(few)} of {len(counts)} {partition} images are in {counts.min()} sessions, such as number {few[0]}, "
            f"and others in {counts.max()}",
            "each image in equally many sessions",
            "list all of a subject's sessions in the config, or download the missing ones",
        )
    for file, content in zip(files, sessions, strict=True):
        if not np.array_equal(content["times"], sessions[0]["times"]):
            raise InputError(
                file,
                f"{len(content['times'])} times from {content['times'][0]:g} to {content['times'][-1]:g} s",
                f"the {len(sessions[0]['times'])} times of {files[0]}",
                "use raw files of one sampling rate",
            )
    first = sessions[0][f"{partition}_eeg_data"]
    n = first.shape[1]
    joined = np.empty((len(counts), n * counts[0], *first.shape[2:]))
    place = np.argsort(shuffled(joined.shape[1]))
    seen = np.zeros(len(counts), dtype=int)
    for images, content in zip(numbers, sessions, strict=True):
        rows = images - 1
        for repetition in range(n):
            joined[rows, place[seen[rows] * n + repetition]] = content[f"{partition}_eeg_data"][:, repetition]
        seen[rows] += 1
    return {"preprocessed_eeg_data": joined, "ch_names": sessions[0]["ch_names"], "times": sessions[0]["times"]}
