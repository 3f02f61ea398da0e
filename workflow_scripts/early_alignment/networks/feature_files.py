"""Files of features: one zarr 3 array, conditions × features, in one zip file per block.

A file is written some conditions at a time, and each group of conditions is cut along features, so that a writer
never needs all conditions in memory nor a reader all features. Any zarr 3 library opens the files; the reader here
takes the chunks out of the zip file itself, in as many threads as ask, where zarr would pass them through one.

The array's attributes are `conditions`, the names of the rows, and `exponents`: a row holds features multiplied by 2 to
the power of its exponent, which is 0 unless float16 needs it. The reader here divides by it; another must do so for
distances that depend on the scale of patterns, as Euclidean ones do and correlation and cosine do not.
"""

import json
import os
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import cached_property, partial
from typing import Any

import numpy as np

from ..errors import InputError
from ..half_precision import widened

CONDITIONS_PER_CHUNK = 64
FEATURES_PER_CHUNK = 16_384


class FeatureWriter:
    """Write one block's features, some conditions at a time.

    Args:
        path: The zip file.
        conditions: The names of all conditions that will come, in order.
    """

    def __init__(self, path, conditions: list[str]):
        self.conditions = conditions
        self._exponents: list[int] = []
        self._zip = zipfile.ZipFile(path, mode="w")
        self._made: dict = {}
        """What zarr made and is not in the zip file yet, by name there; an entry of a zip file is written once."""
        self._array: Any
        self._group: np.ndarray | None
        self._array = self._group = None
        self._waiting = self._written = 0

    def add(self, rows: np.ndarray, exponents: np.ndarray | None = None) -> None:
        """Add the next conditions' features.

        Args:
            rows: (conditions, features), in the type to be stored.
            exponents: The powers of two that they were multiplied by, int (conditions,); none by default.
        """
        self._exponents += [0] * len(rows) if exponents is None else exponents.tolist()
        if self._array is None:
            self._create(rows)
        while len(rows):
            taken = rows[: len(self._group) - self._waiting]
            self._group[self._waiting : self._waiting + len(taken)] = taken
            self._waiting += len(taken)
            rows = rows[len(taken) :]
            if self._waiting == len(self._group):
                self._flush()

    def _create(self, rows: np.ndarray) -> None:
        import zarr
        from zarr.codecs import BloscCodec
        from zarr.storage import MemoryStore

        n_conditions, n_features = len(self.conditions), rows.shape[1]
        self._group = np.empty((min(CONDITIONS_PER_CHUNK, n_conditions), n_features), rows.dtype)
        self._array = zarr.create_array(
            MemoryStore(self._made),
            shape=(n_conditions, n_features),
            chunks=(len(self._group), min(FEATURES_PER_CHUNK, n_features)),
            dtype=rows.dtype,
            # On features of ResNet-50, shuffling bytes or bits gained little or lost, and cost reading time;
            # docs/numbers.md has the figures.
            compressors=BloscCodec(cname="lz4", clevel=1, shuffle="noshuffle"),
            attributes={"conditions": self.conditions},
            # A chunk that is not there is then a fault, and not zeros.
            config={"write_empty_chunks": True},
        )

    def _flush(self) -> None:
        self._array[self._written : self._written + self._waiting] = self._group[: self._waiting]
        self._written += self._waiting
        self._waiting = 0
        for name in [name for name in self._made if name.startswith("c/")]:
            self._zip.writestr(name, self._made.pop(name).to_bytes())

    def close(self) -> None:
        """Write what is left, and the zip file's directory."""
        if self._waiting:
            self._flush()
        self._array.update_attributes({"exponents": self._exponents})
        self._zip.writestr("zarr.json", self._made.pop("zarr.json").to_bytes())
        self._zip.close()


class FeatureFile:
    """Read a file that `FeatureWriter` wrote; a context manager, since it keeps the file open.

    Args:
        path: The zip file.

    Raises:
        InputError: It is not such a file, or a part of it is missing or was changed; then, or when that part is read.
    """

    def __init__(self, path):
        self.path = path
        try:
            with zipfile.ZipFile(path) as archive:
                self._entries = {entry.filename: entry for entry in archive.infolist()}
                metadata = json.loads(archive.read("zarr.json"))
            self.shape: tuple[int, int] = tuple(metadata["shape"])
            self.dtype = np.dtype(metadata["data_type"])
            self.conditions: list[str] = metadata["attributes"]["conditions"]
            self._exponents = np.array(metadata["attributes"]["exponents"], int)
            self._chunk: tuple[int, int] = tuple(metadata["chunk_grid"]["configuration"]["chunk_shape"])
            codecs = [codec["name"] for codec in metadata["codecs"]]
        except (OSError, zipfile.BadZipFile, KeyError, TypeError, ValueError) as error:
            raise self._unreadable(f"{type(error).__name__}: {error}") from None
        if codecs != ["bytes", "blosc"]:
            raise self._unreadable(f"codecs {codecs}")
        self._descriptor = os.open(path, os.O_RDONLY)

    def __enter__(self) -> "FeatureFile":
        return self

    def __exit__(self, *_) -> None:
        os.close(self._descriptor)

    def _unreadable(self, finding: str) -> InputError:
        return InputError(
            self.path,
            finding,
            "a zip file with one zarr array, conditions × features, compressed by blosc",
            "delete the file and run the workflow again",
        )

    @cached_property
    def _grid(self) -> tuple[int, ...]:
        return tuple(-(-size // step) for size, step in zip(self.shape, self._chunk, strict=True))

    def readers(self) -> list[Callable[[], np.ndarray]]:
        """Functions that each read some features of all conditions, (conditions, features), in any thread.

        They are of the type that is stored, or float32 where rows were multiplied by powers of two.
        """
        return [partial(self._read, column) for column in range(self._grid[1])]

    def __iter__(self) -> Iterator[np.ndarray]:
        """The features one after another, all conditions and some features at a time."""
        return (read() for read in self.readers())

    def _read(self, column: int) -> np.ndarray:
        height, width = self._chunk
        # zarr stores the chunks at the edges in full.
        slab = np.empty((self._grid[0] * height, width), self.dtype)
        for row in range(self._grid[0]):
            self._decompress(f"c/{row}/{column}", slab[row * height : (row + 1) * height])
        rows = slab[: self.shape[0], : self.shape[1] - column * width]
        if self._exponents.any():
            rows = np.ldexp(widened(rows, np.dtype(np.float32)), -self._exponents[:, None])
        return rows

    def _decompress(self, name: str, into: np.ndarray) -> None:
        from numcodecs import blosc

        entry = self._entries.get(name)
        if entry is None or entry.compress_type != zipfile.ZIP_STORED:
            raise self._unreadable(f"chunk {name} is {'missing' if entry is None else 'zipped by compression'}")
        # The entry's own header, of 30 bytes, its name and an extra field, lies before its content.
        header = os.pread(self._descriptor, 30, entry.header_offset)
        start = entry.header_offset + 30 + sum(np.frombuffer(header, "<u2", 2, 26).tolist())
        content = os.pread(self._descriptor, entry.file_size, start)
        if zlib.crc32(content) != entry.CRC:
            raise self._unreadable(f"chunk {name} does not have the checksum that the file states")
        blosc.decompress(content, into)
