"""Measure how small blosc's compressors make features, and how fast they read and write them.

Usage: compression.py FILE [FILE ...], with feature files of any network; prints a table.
"""

import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
from numcodecs import Blosc, blosc

sys.path.insert(0, str(Path(__file__).parent.parent / "workflow_scripts"))

from early_alignment.networks.feature_files import CONDITIONS_PER_CHUNK, FeatureFile

SHUFFLES = {"none": Blosc.NOSHUFFLE, "bytes": Blosc.SHUFFLE, "bits": Blosc.BITSHUFFLE}
COMPRESSORS = [("lz4", 1), ("blosclz", 5), ("zstd", 1), ("zstd", 5)]


def gigabytes_per_second(function, n_bytes: int) -> float:
    """The median speed of five calls."""
    taken = []
    for _ in range(5):
        start = time.perf_counter()
        function()
        taken.append(time.perf_counter() - start)
    return n_bytes / float(np.median(taken)) / 1e9


def main(*files: str) -> None:
    blosc.use_threads = False  # as in the threads that read
    print("| features | compressor | shuffled | size | read, GB/s | written, GB/s |\n|---|---|---|---|---|---|")
    for file in files:
        with FeatureFile(file) as opened:
            chunk = np.ascontiguousarray(opened.readers()[0]()[:CONDITIONS_PER_CHUNK])
        for name, level in COMPRESSORS:
            for shuffled, shuffle in SHUFFLES.items():
                codec = Blosc(name, level, shuffle)
                compressed, back = codec.encode(chunk), np.empty_like(chunk)
                read = gigabytes_per_second(partial(codec.decode, compressed, back), chunk.nbytes)
                written = gigabytes_per_second(partial(codec.encode, chunk), chunk.nbytes)
                size = len(compressed) / chunk.nbytes
                label = "/".join(Path(file).parts[-3:]).removesuffix(".zarr.zip")
                print(f"| {label} | {name} {level} | {shuffled} | {size:.2f} | {read:.1f} | {written:.2f} |")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(*sys.argv[1:])
