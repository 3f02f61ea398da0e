"""Time and memory of EEG at the published size, on noise: `benchmarks/eeg.py <folder with 9 GB free>`.

Each step runs in a process of its own, as a job does. Files were just written, so they are read from memory.
"""

import multiprocessing
import re
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent / "workflow_scripts"))

from early_alignment.datasets import open_dataset, published_pickles, things_eeg2_channels, things_eeg2_preprocessing
from early_alignment.geometry import brain_rdms

FOLDER = Path(sys.argv[1])
RAW = {partition: FOLDER / f"raw_eeg_{partition}.npy" for partition in things_eeg2_preprocessing.PARTITIONS}
SESSIONS = [FOLDER / f"ses-{session}.npy" for session in range(1, 5)]
PREPROCESSED = FOLDER / "sub-1"
N_IMAGES = {"training": 16_540, "test": 200}


def write_raw() -> None:
    """A session of 5.5 million training samples, as long as a published one; half of the training images in it."""
    rng = np.random.default_rng(0)
    names = [*sorted(things_eeg2_channels.POSTERIOR), *(f"other{i}" for i in range(46)), "stim"]
    names = [f"X{name}" if name.startswith("o") else name for name in names]
    events = {"training": list(range(1, 16_541, 2)) * 2 + [99_999] * 900, "test": list(range(1, 201)) * 20}
    for partition, path in RAW.items():
        order = rng.permutation(events[partition])
        data = 1e-5 * rng.standard_normal((64, {"training": 5_450_560, "test": 1_300_000}[partition]), dtype=np.float32)
        data = data.astype(np.float64)
        data[-1] = 0
        data[-1, 500 + 200 * np.arange(len(order))] = order
        published_pickles.save(path, {"raw_eeg_data": data, "ch_names": names, "sfreq": 1000})


def write_metadata() -> None:
    """Image metadata of as many images as were published."""
    content = {}
    for key, n, per_concept in (("train", N_IMAGES["training"], 10), ("test", N_IMAGES["test"], 1)):
        content[f"{key}_img_concepts"] = [f"{i // per_concept + 1:05d}_thing" for i in range(n)]
        content[f"{key}_img_files"] = [f"thing_{i:05d}.jpg" for i in range(n)]
    (FOLDER / "image_set").mkdir(exist_ok=True)
    published_pickles.save(FOLDER / "image_set/image_metadata.npy", content)


def preprocess_session() -> None:
    content = things_eeg2_preprocessing.session(RAW, "both")
    published_pickles.save(SESSIONS[0], content)


def join_sessions() -> None:
    for partition in things_eeg2_preprocessing.PARTITIONS:
        joined = things_eeg2_preprocessing.join(SESSIONS, partition)
        published_pickles.save(PREPROCESSED / f"preprocessed_eeg_{partition}.npy", joined)


def read(target: str):
    settings = {"format": "things_eeg2_raw", "root": FOLDER, "subjects": [1], "targets": [target]}
    settings |= {"images": "image_set", "conditions": "concepts", "average_images": True, "preprocessed": str(FOLDER)}
    return open_dataset("things", settings)


def brain_rdm() -> None:
    brain_rdms.rdm(read("170ms").patterns("1", "170ms"), "correlation")


def responses_at_one_time() -> None:
    read("170ms").responses("1", "170ms")


def responses_in_a_window() -> None:
    read("170±10ms").responses("1", "170±10ms")


def look_over() -> None:
    read("170ms").sample_of_responses("1", "170ms")


def measured(step) -> tuple[float, float]:
    """Seconds, and the most memory in GB, mapped files included, of a step in a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_measured, (step,))


def _measured(step) -> tuple[float, float]:
    start = time.perf_counter()
    step()
    seconds = time.perf_counter() - start
    # Not getrusage, which counts what the process was before it became this one.
    (peak,) = re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return seconds, int(peak) / 1e6


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    write_raw()
    write_metadata()
    print("| step | seconds | GB |\n|---|---|---|")
    steps = [preprocess_session, join_sessions, look_over, responses_at_one_time, responses_in_a_window, brain_rdm]
    for step in steps:
        if step is join_sessions:
            first = published_pickles.load(SESSIONS[0])
            # The other half of the images in sessions 2 and 3.
            for session, further in zip(SESSIONS, (0, 1, 1, 0), strict=True):
                published_pickles.save(session, first | {"training_images": first["training_images"] + further})
        seconds, memory = measured(step)
        print(f"| {step.__name__} | {seconds:.2f} | {memory:.2f} |", flush=True)


if __name__ == "__main__":
    main()
