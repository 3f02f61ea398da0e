"""Arrays in zarr folders, of format 2 or 3, sharded or not: read as they were written, or refused.

To zarr a chunk that is not there holds the fill value, so a copy that broke off reads as zeros. Here it is a fault.
"""

import math
import os
from pathlib import Path

import numpy as np

from ..errors import InputError
from .base import named, of_numbers

METADATA = ("zarr.json", ".zarray")
"""What describes an array, in format 3 and in format 2."""
NOT_THERE = 2**64 - 1
"""What a shard's index has in place of the offset and the length of a chunk that was not written."""


def files(folder: Path) -> list[Path]:
    """All files whose content decides what an array holds: its description and its chunks, or shards."""
    return sorted(
        Path(within, name)
        for within, _, names in os.walk(folder)
        for name in names
        if name[0] != "." or name in METADATA
    )


class ZarrArray:
    """An array in a folder, of which no chunk is missing; what is read of it is what its indices ask for.

    Args:
        folder: The folder.
        expected: What it should hold, for messages.
        remedy: What to do if it does not.

    Raises:
        InputError: It is no array of numbers, or chunks are missing; or, when these are read, some are damaged.
    """

    def __init__(self, folder: Path, expected: str, remedy: str):
        import zarr

        self.folder, self._expected, self._remedy = folder, expected, remedy
        if not any((folder / name).is_file() for name in (*METADATA, ".zgroup")):
            raise self._refused(f"neither {' nor '.join(METADATA)}")
        try:
            found = zarr.open(folder, mode="r")
        except Exception as error:  # damaged metadata can fail in any way
            raise self._refused(f"not readable ({error})") from None
        if isinstance(found, zarr.Group):
            arrays = named(sorted(found.array_keys())) or "none"
            raise self._refused(f"a zarr group, not an array; arrays in it: {arrays}")
        self._array = of_numbers(found, folder, expected, remedy)
        self.shape, self.ndim = found.shape, found.ndim
        self._each = found.shards or found.chunks
        self._refuse_missing()

    def __getitem__(self, selection) -> np.ndarray:
        try:
            return self._array[selection]
        except Exception as error:  # every codec has errors of its own
            raise self._unreadable(error) from None

    def _refused(self, found: str) -> InputError:
        return InputError(self.folder, found, self._expected, self._remedy)

    def _chunks(self):
        """The indices of all files of chunks or shards."""
        return np.ndindex(*(-(-size // each) for size, each in zip(self.shape, self._each, strict=True)))

    def _key(self, indices: tuple[int, ...]) -> str:
        return self._array.metadata.encode_chunk_key(indices)

    def _refuse_missing(self) -> None:
        # zarr takes an empty shard for one without chunks.
        there = {path.relative_to(self.folder).as_posix() for path in files(self.folder) if path.stat().st_size}
        keys = [self._key(indices) for indices in self._chunks()]
        missing = [key for key in keys if key not in there]
        found = f"{len(missing)} of {len(keys)} chunks are missing or empty: {named(missing)}"
        if not missing and self._array.shards:
            missing = [chunk for indices in self._chunks() for chunk in self._missing_in_shard(indices)]
            found = f"{len(missing)} chunks are missing in shards: {named(missing)}"
        if missing:
            raise InputError(
                self.folder,
                found,
                f"every chunk, as one that is missing would read as {self._array.fill_value}",
                "copy the folder again; if the program that wrote it leaves out chunks of the fill value alone, have "
                "it write them (zarr's write_empty_chunks)",
            )

    def _missing_in_shard(self, indices: tuple[int, ...]) -> list[str]:
        """The chunks of the array that a shard's index says are not in it; none of a shard that is cut short."""
        from zarr.codecs import Crc32cCodec

        sharding, chunks = self._array.metadata.codecs[0], np.array(self._array.chunks)
        per_shard = np.array(self._array.shards) // chunks
        n_bytes = 16 * math.prod(per_shard)
        checksum = 4 * any(isinstance(codec, Crc32cCodec) for codec in sharding.index_codecs)
        content = np.memmap(self.folder / self._key(indices), np.uint8, "r")
        at_start = sharding.index_location.value == "start"
        index = content[:n_bytes] if at_start else content[len(content) - checksum - n_bytes :][:n_bytes]
        if len(index) < n_bytes:
            return []
        index = index.view(np.uint64).reshape(*per_shard, 2)
        # The last shards reach beyond the array.
        lost = [np.array(chunk) for chunk in np.argwhere((index == NOT_THERE).all(axis=-1))]
        begin = np.array(indices) * per_shard
        is_in_array = [((begin + chunk) * chunks < self.shape).all() for chunk in lost]
        return [
            f"{tuple(map(int, chunk))} of {self._key(indices)}"
            for chunk, inside in zip(lost, is_in_array, strict=True)
            if inside
        ]

    def _unreadable(self, error: Exception) -> InputError:
        """The error about the first chunk that cannot be read, or about the folder."""
        for indices in self._chunks():
            try:
                self._array[tuple(slice(i * n, (i + 1) * n) for i, n in zip(indices, self._each, strict=True))]
            except Exception as of_chunk:
                path, error = self.folder / self._key(indices), of_chunk
                break
        else:
            path = self.folder
        return InputError(path, f"not readable, perhaps cut short ({error})", self._expected, self._remedy)
