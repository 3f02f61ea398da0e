"""Published pickles are read, and what a pickle could run is not."""

import os
import pickle

import numpy as np
import pytest
from early_alignment import published_pickles, rdms
from early_alignment.errors import InputError


class Runs:
    """Pickles as a call."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", [2, 4, 5])
@pytest.mark.parametrize("wrapped", [True, False])
def test_arrays_containers_strings_and_numbers_come_back(tmp_path, protocol, wrapped):
    content = {
        "data": np.arange(12.0).reshape(3, 4),
        "names": ["Pz", "O1"],
        "labels": {0: "Unknown", np.int64(1): "V1v"},
        "strings": np.array(["a", "bc"]),
        "scalar": np.float32(2.5),
        "bytes": b"\x00\xff",
    }
    path = tmp_path / "content.npy"
    if wrapped:
        np.save(path, content, allow_pickle=True)
    else:
        path.write_bytes(pickle.dumps(content, protocol=protocol))
    loaded = published_pickles.load(path)
    assert loaded.keys() == content.keys()
    np.testing.assert_array_equal(loaded["data"], content["data"])
    np.testing.assert_array_equal(loaded["strings"], content["strings"])
    assert {key: loaded[key] for key in ("names", "labels", "scalar", "bytes")} == {
        key: content[key] for key in ("names", "labels", "scalar", "bytes")
    }


@pytest.mark.parametrize(
    ("harm", "named"),
    [
        (lambda mark: Runs(os.system, f"touch {mark}"), "posix.system"),
        (lambda mark: Runs(eval, f"open({str(mark)!r}, 'w')"), "builtins.eval"),
        (lambda mark: Runs(rdms.save, mark, np.zeros(1)), "early_alignment.rdms.save"),
    ],
)
@pytest.mark.parametrize("wrapped", [True, False])
def test_a_pickle_that_would_run_code_is_refused_by_name(tmp_path, harm, named, wrapped):
    mark, path = tmp_path / "mark.npy", tmp_path / "harm.npy"
    content = {"data": harm(mark)}
    if wrapped:
        np.save(path, content, allow_pickle=True)
    else:
        path.write_bytes(pickle.dumps(content))
    with pytest.raises(InputError, match=named):
        published_pickles.load(path)
    assert not mark.exists()


@pytest.mark.parametrize(
    "program",
    [
        b"cposix\nsystem\n(S'touch {mark}'\ntR.",  # GLOBAL, as protocol 0 writes it
        b"(S'touch {mark}'\niposix\nsystem\n.",  # INST
        b"(cposix\nsystem\nS'touch {mark}'\no.",  # OBJ
        b"\x80\x04\x8c\x05numpy\x8c\x0endarray.tofile\x93.",  # STACK_GLOBAL, a method by a name with a dot
        b"\x80\x02\x82\x01.",  # EXT1, a registered extension
        b"\x80\x04\x8c\x04path\x51.",  # BINPERSID
    ],
)
def test_no_opcode_reaches_a_name_that_is_not_data(tmp_path, program):
    mark, path = tmp_path / "mark", tmp_path / "harm.npy"
    path.write_bytes(program.replace(b"{mark}", str(mark).encode()))
    with pytest.raises(InputError, match=r"harm\.npy"):
        published_pickles.load(path)
    assert not mark.exists()


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_a_damaged_file_is_refused_or_read_and_nothing_else(tmp_path, protocol):
    rng, path = np.random.default_rng(7), tmp_path / "damaged.npy"
    content = {"data": np.arange(20_000.0).reshape(2, -1), "names": ["Pz", "O1"], "labels": {0: "Unknown"}}
    whole = np.frombuffer(pickle.dumps(content, protocol=protocol), np.uint8)
    description = np.r_[:200, len(whole) - 100 : len(whole)]
    refused = 0
    for attempt in range(300):
        damaged = whole.copy()
        damaged[rng.choice(description, 3)] = rng.integers(0, 256, 3)
        path.write_bytes(damaged[: rng.integers(len(whole)) if attempt % 3 == 0 else None].tobytes())
        try:
            published_pickles.load(path)
        except InputError:
            refused += 1
    assert refused > 150


def test_a_file_cut_short_is_refused_by_name(tmp_path):
    path = tmp_path / "whole.npy"
    np.save(path, {"data": np.arange(1000.0)}, allow_pickle=True)
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(InputError, match=r"whole\.npy"):
        published_pickles.load(path)
