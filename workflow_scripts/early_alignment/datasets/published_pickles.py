"""Read the pickled `.npy` files that the brain data are published in, without running what is in them.

A pickle is a program: loading one can call any function. Both publishers use it only to wrap a dictionary of
arrays, so this reader rebuilds numpy arrays, builtin containers, strings and numbers, and refuses every other
name that the file asks for.

Files of EEG are of gigabytes, most of them one array. Large arrays are therefore not read but mapped: opening a file
costs milliseconds whatever its size, tells whether it is whole, and only what is used later reaches memory.
"""

import math
import os
import pickle
import struct
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

import numpy as np

from ..errors import InputError
from ..files import written_whole

LARGE = 2**16
"""Bytes from which on an array is mapped."""

DOWNLOAD = "download the file again"

EXPECTED = "a pickle of numpy arrays, builtin containers, strings and numbers"

# What numpy's own pickles of arrays, scalars and dtypes name, in versions 1 and 2, beside the two ways of making an
# array, which `_ArraysOnly` puts its own in place of.
ALLOWED = {
    ("numpy.core.multiarray", "scalar"),
    ("numpy._core.multiarray", "scalar"),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("_codecs", "encode"),  # how protocol 2 writes bytes
    ("builtins", "set"),
    ("builtins", "frozenset"),
    ("builtins", "bytearray"),
    ("builtins", "complex"),
    ("collections", "OrderedDict"),
}


class _Refused(pickle.UnpicklingError):
    """The pickle asks for something that is not data."""


class _Span(NamedTuple):
    """Bytes that were left where they lie in the file."""

    start: int
    length: int


class _Array:
    """Stands for an array until the pickle has said all about it."""

    def __setstate__(self, state):
        # As numpy pickles an array: version, shape, dtype, whether in Fortran's order, data.
        _, self.shape, self.dtype, self.fortran, self.data = state


def _array_of_buffer(data, dtype, shape, order):
    """Stand-in for how protocol 5 makes an array."""
    array = _Array()
    array.shape, array.dtype, array.fortran, array.data = shape, dtype, order == "F", data
    return array


class _ArraysOnly(pickle._Unpickler):
    """Python's own unpickler in Python, since that in C cannot step over bytes without reading them."""

    dispatch: ClassVar[dict[int, Callable[..., None]]] = dict(pickle._Unpickler.dispatch)

    if TYPE_CHECKING:  # what `load` sets, of which typeshed says nothing
        read: Callable[[int], bytes]
        append: Callable[[Any], None]

    def __init__(self, file):
        super().__init__(file)
        self.file = file
        self.size = os.fstat(file.fileno()).st_size

    def find_class(self, module, name):
        if module in ("numpy.core.multiarray", "numpy._core.multiarray") and name == "_reconstruct":
            return lambda *_: _Array()
        if module in ("numpy.core.numeric", "numpy._core.numeric") and name == "_frombuffer":
            return _array_of_buffer
        if (module, name) in ALLOWED:
            return super().find_class(module, name)
        raise _Refused(f"it asks for {module}.{name}")

    def load_bytes(self, length_format: str, kind: type = bytes):
        (length,) = struct.unpack(length_format, self.read(struct.calcsize(length_format)))
        start = self.file.tell()
        if start + length > self.size:
            raise EOFError(f"{self.size} bytes, of which an array should end at {start + length}")
        if length < LARGE:
            self.append(kind(self.read(length)))
        else:
            self.file.seek(length, os.SEEK_CUR)
            self.append(_Span(start, length))

    # Frames only tell a reader how much to read ahead.
    dispatch[pickle.FRAME[0]] = lambda self: self.read(8)
    dispatch[pickle.BINBYTES[0]] = partial(load_bytes, length_format="<I")
    dispatch[pickle.BINBYTES8[0]] = partial(load_bytes, length_format="<Q")
    dispatch[pickle.BYTEARRAY8[0]] = partial(load_bytes, length_format="<Q", kind=bytearray)


def load(path, remedy: str = DOWNLOAD):
    """Read a pickled `.npy` file, or a bare pickle under that name, and return the object that it wraps.

    Arrays of 64 KiB and more are read-only maps of the file; numpy reads from them what is asked for.

    Args:
        path: The file.
        remedy: What to do about one that is damaged.

    Raises:
        InputError: The file is missing, cut short, or asks for anything but arrays, builtin containers,
            strings and numbers. Nothing of what it asked for was run.
    """
    path = Path(path)
    try:
        with open(path, "rb") as file:
            if file.read(6) == b"\x93NUMPY":
                file.seek(0)
                version = np.lib.format.read_magic(file)
                read_header = {
                    (1, 0): np.lib.format.read_array_header_1_0,
                    (2, 0): np.lib.format.read_array_header_2_0,
                }[version]
                _, _, dtype = read_header(file)
                if not dtype.hasobject:
                    return np.load(path, mmap_mode="r", allow_pickle=False)
            else:
                file.seek(0)
            content = _resolved(_ArraysOnly(file).load(), path)
    except FileNotFoundError:
        raise InputError(path, "no such file", EXPECTED, "check the data set's `root`") from None
    except _Refused as error:
        raise InputError(
            path,
            f"{error}; nothing of it was run",
            EXPECTED,
            "get the file again from its publisher; do not load it by other means",
        ) from None
    except Exception as error:  # a damaged pickle can fail in any way
        found = f"not readable ({str(error) or 'it ends too early'})"
        raise InputError(path, found, EXPECTED, remedy) from None
    is_wrapped = isinstance(content, np.ndarray) and content.shape == () and content.dtype == object
    return content.item() if is_wrapped else content


def _resolved(value, path: Path):
    """The value with arrays in place of what stood for them."""
    if isinstance(value, _Array):
        return _array(value, path)
    if isinstance(value, _Span):
        return np.memmap(path, np.uint8, "r", value.start, value.length).tobytes()
    if isinstance(value, dict):
        return type(value)((key, _resolved(item, path)) for key, item in value.items())
    if isinstance(value, list | tuple):
        return type(value)(_resolved(item, path) for item in value)
    return value


def _array(stand_in: _Array, path: Path) -> np.ndarray:
    shape, dtype, data = stand_in.shape, stand_in.dtype, stand_in.data
    if dtype.hasobject:
        if dtype.names or len(data) != math.prod(shape):
            raise ValueError(f"an array of shape {shape} and type {dtype} that holds {len(data)} objects")
        objects = np.empty(len(data), dtype=object)
        for i, item in enumerate(data):
            objects[i] = _resolved(item, path)
        return objects.reshape(shape)  # numpy lists objects in C's order, whatever that of the array
    length = math.prod(shape) * dtype.itemsize
    if length != (data.length if isinstance(data, _Span) else len(data)):
        raise ValueError(f"an array of shape {shape} and type {dtype} that is not of {length} bytes")
    order: Literal["F", "C"] = "F" if stand_in.fortran else "C"
    if isinstance(data, _Span):
        return np.asarray(np.memmap(path, dtype, "r", data.start, shape, order))
    return np.frombuffer(data, dtype).reshape(shape, order=order).copy()


def save(path, content: dict) -> None:
    """Write a dictionary of arrays, lists, strings and numbers as the publishers do; whole or not at all."""
    with written_whole(path) as temporary, open(temporary, "wb") as file:
        np.save(file, content, allow_pickle=True)  # type: ignore[arg-type]  # numpy pickles any object
