"""Read the pickled `.npy` files that the brain data are published in, without running what is in them.

A pickle is a program: loading one can call any function. Both publishers use it only to wrap a dictionary of
arrays, so this reader rebuilds numpy arrays, builtin containers, strings and numbers, and refuses every other
name that the file asks for.
"""

import pickle
from pathlib import Path

import numpy as np

from .errors import InputError

# What numpy's own pickles of arrays, scalars and dtypes name, in versions 1 and 2.
ALLOWED = {(f"numpy.{core}.multiarray", name) for core in ("core", "_core") for name in ("_reconstruct", "scalar")} | {
    ("numpy.core.numeric", "_frombuffer"),  # how protocol 5 writes arrays
    ("numpy._core.numeric", "_frombuffer"),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("_codecs", "encode"),  # how protocol 2 writes bytes
    ("builtins", "set"),
    ("builtins", "frozenset"),
    ("builtins", "bytearray"),
    ("builtins", "complex"),
    ("collections", "OrderedDict"),
}


class _ArraysOnly(pickle.Unpickler):
    def find_class(self, module, name):
        if (module, name) in ALLOWED:
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"it asks for {module}.{name}")


def load(path):
    """Read a pickled `.npy` file, or a bare pickle under that name, and return the object that it wraps.

    Raises:
        InputError: The file is missing, cut short, or asks for anything but arrays, builtin containers,
            strings and numbers. Nothing of what it asked for was run.
    """
    path = Path(path)
    expected = "a pickle of numpy arrays, builtin containers, strings and numbers"
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
                    file.seek(0)
                    return np.lib.format.read_array(file, allow_pickle=False)
            else:
                file.seek(0)
            content = _ArraysOnly(file).load()
    except FileNotFoundError:
        raise InputError(path, "no such file", expected, "check the data set's `root`") from None
    except pickle.UnpicklingError as error:
        raise InputError(
            path,
            f"{error}; nothing of it was run",
            expected,
            "get the file again from its publisher; do not load it by other means",
        ) from None
    except (EOFError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(path, f"not readable ({error})", expected, "download the file again") from None
    is_wrapped = isinstance(content, np.ndarray) and content.shape == () and content.dtype == object
    return content.item() if is_wrapped else content
