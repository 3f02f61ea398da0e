"""A small data set as THINGS EEG2 is published: images, preprocessed responses and raw recordings."""

import mne
import numpy as np
from PIL import Image
from sklearn.covariance import ledoit_wolf
from sklearn.preprocessing import StandardScaler
from sklearn.utils import shuffle

CHANNELS = ["Pz", "P3", "P7", "O1", "Oz", "O2", "P4", "P8", "P1", "P5", "PO7", "PO3", "POz", "PO4", "PO8", "P6", "P2"]
FRONTAL_TO_CENTRAL = (
    "Fp1 F3 F7 FT9 FC5 FC1 C3 T7 TP9 CP5 CP1 TP10 CP6 CP2 Cz C4 T8 FT10 FC6 FC2 F4 F8 Fp2 AF7 AF3 AFz F1 F5 FT7 FC3 C1 "
    "C5 TP7 CP3 CPz CP4 TP8 C6 C2 FC4 FT8 F6 AF8 AF4 F2 FCz"
)
OTHERS = FRONTAL_TO_CENTRAL.split()
RECORDED = [*OTHERS[:11], *CHANNELS[:8], *OTHERS[11:], *CHANNELS[8:]]
TRAINING = [f"{i // 2 + 1:05d}_thing{i // 2}" for i in range(8)]
"""Concept of every training image: 4 concepts of 2 images."""
TEST = [f"{i + 1:05d}_view{i}" for i in range(5)]
SHOWN = {1: [1, 3, 5, 7], 2: [2, 4, 6, 8], 3: [2, 4, 6, 8], 4: [1, 3, 5, 7]}
"""Session → training images shown in it, half of them as in the experiment."""
CHANNEL_OF = ["O1", "PO8", "Pz", "P7", "O1", "PO8", "Pz", "P7", "O1"]
"""Where the response to each concept is, training concepts first; concepts that share a channel are alike."""
LATENCY = 0.17
RATE = 1000


def write_images(root):
    metadata = {}
    for key, partition, concepts in (("train", "training", TRAINING), ("test", "test", TEST)):
        files = [f"{concept[6:]}_{i:02d}s.jpg" for i, concept in enumerate(concepts)]
        metadata |= {f"{key}_img_concepts": concepts, f"{key}_img_files": files}
        for concept, file in zip(concepts, files, strict=True):
            path = root / "image_set" / f"{partition}_images" / concept / file
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (8, 8)).save(path)
    np.save(root / "image_set/image_metadata.npy", metadata, allow_pickle=True)


def write_preprocessed(root, partition, data, names=CHANNELS, times=None):
    folder = root / "preprocessed_data/sub-01"
    folder.mkdir(parents=True, exist_ok=True)
    times = np.arange(100) / 100 - 0.2 if times is None else times
    content = {"preprocessed_eeg_data": data, "ch_names": names, "times": times}
    np.save(folder / f"preprocessed_eeg_{partition}.npy", content, allow_pickle=True)


def write_raw(root, session, partition, rng):
    """A session's raw file: every image in random order at 5 Hz, targets in between, planted responses, noise.

    Returns the number of targets, which decides how long the session is.
    """
    if partition == "training":
        shown, concept_of, first = SHOWN[session] * 2, [TRAINING.index(c) // 2 for c in TRAINING], 0
    else:
        shown, concept_of, first = list(range(1, 6)) * 20, range(5), 4
    n_targets = 2 + session
    events = rng.permutation(shown + [99999] * n_targets)
    n_samples = 500 + 200 * len(events) + 1000 + 137 * session
    mixing = np.eye(63) + 0.3 * np.random.default_rng(8).normal(size=(63, 63)) / np.sqrt(63)
    data = np.zeros((64, n_samples))
    data[:63] = 3e-6 * mixing @ rng.normal(size=(63, n_samples))
    time = np.arange(n_samples) / RATE
    for i, event in enumerate(events):
        onset = 500 + 200 * i
        data[63, onset] = event
        if event != 99999:
            row = RECORDED.index(CHANNEL_OF[first + concept_of[event - 1]])
            data[row] += 8e-6 * np.exp(-((time - onset / RATE - LATENCY) ** 2) / (2 * 0.02**2))
    folder = root / f"raw_data/sub-01/ses-{session:02d}"
    folder.mkdir(parents=True, exist_ok=True)
    content = {
        "raw_eeg_data": data,
        "ch_names": [*RECORDED, "stim"],
        "ch_types": ["eeg"] * 63 + ["stim"],
        "sfreq": RATE,
        "highpass": 0.01,
        "lowpass": 100,
    }
    np.save(folder / f"raw_eeg_{partition}.npy", content, allow_pickle=True)


def raw_files(root, session):
    folder = root / f"raw_data/sub-01/ses-{session:02d}"
    return {partition: folder / f"raw_eeg_{partition}.npy" for partition in ("training", "test")}


def reference_epochs(path, limit):
    """All epochs at once, of all channels, by MNE-Python; then sorted with scikit-learn's shuffle."""
    content = np.load(path, allow_pickle=True).item()
    info = mne.create_info(content["ch_names"], content["sfreq"], content["ch_types"])
    raw = mne.io.RawArray(content["raw_eeg_data"], info, verbose="error")
    events = mne.find_events(raw, verbose="error")
    events = [event for event in events if event[2] != 99999]
    raw.pick([name for name in raw.ch_names if name[0] in "OP"])
    epochs = mne.Epochs(raw, events, tmin=-0.2, tmax=0.8, baseline=(None, 0), preload=True, verbose="error")
    epochs.resample(100)
    data, numbers = epochs.get_data(), epochs.events[:, 2]
    kept = [
        shuffle(np.flatnonzero(numbers == number), random_state=20200220, n_samples=limit)
        for number in sorted(set(numbers))
    ]
    return np.array(sorted(set(numbers))), np.stack([data[rows] for rows in kept]), epochs.ch_names, epochs.times


def reference_covariance(data):
    """Image by image and time by time, with scikit-learn."""
    found = []
    for image in data:
        for sample in range(image.shape[2]):
            scaler = StandardScaler().fit(image[:, :, sample])
            shrunk, _ = ledoit_wolf(scaler.transform(image[:, :, sample]))
            found.append(np.outer(scaler.scale_, scaler.scale_) * shrunk)
    return np.mean(found, axis=0)
