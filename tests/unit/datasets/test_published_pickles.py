"""Published pickles are read, and what a pickle could run is not."""

import os
import pickle

import numpy as np
import pytest
from early_alignment.datasets import published_pickles
from early_alignment.errors import InputError
from early_alignment.geometry import rdms


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
        (lambda mark: Runs(rdms.save, mark, np.zeros(1)), "early_alignment.geometry.rdms.save"),
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


@pytest.mark.parametrize("values", [1000, 100_000])
def test_a_file_cut_short_is_refused_by_name(tmp_path, values):
    path = tmp_path / "whole.npy"
    np.save(path, {"data": np.arange(float(values))}, allow_pickle=True)
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(InputError, match=r"whole\.npy[\s\S]*bytes, of which an array should end at"):
        published_pickles.load(path)


@pytest.mark.parametrize(
    ("content", "found"),
    [(b"", "it ends too early"), (b"\x80\x4d.", "unsupported pickle protocol: 77")],
)
def test_what_is_wrong_with_a_file_is_said(tmp_path, content, found):
    path = tmp_path / "broken.npy"
    path.write_bytes(content)
    with pytest.raises(InputError, match=rf"broken\.npy[\s\S]*not readable \({found}\)"):
        published_pickles.load(path)


LARGE = published_pickles.LARGE // 8


def as_numpy_1_pickles(pickled: bytes) -> bytes:
    """With the names that numpy had for its modules before version 2, in protocols 2 and 4."""
    for module in (b"multiarray", b"numeric"):
        new, old = (name + module for name in (b"numpy._core.", b"numpy.core."))
        pickled = pickled.replace(b"\x8c" + bytes([len(new)]) + new, b"\x8c" + bytes([len(old)]) + old)
        pickled = pickled.replace(b"c" + new + b"\n", b"c" + old + b"\n")
    assert b"numpy._core" not in pickled
    return pickled


@pytest.mark.parametrize("protocol", [2, 4, 5])
@pytest.mark.parametrize("by_numpy", [1, 2])
def test_arrays_of_every_size_and_order_come_back(tmp_path, protocol, by_numpy):
    small, large = np.arange(12.0).reshape(3, 4), np.arange(3.0 * LARGE).reshape(3, LARGE)
    objects = np.empty((2, 3), dtype=object)
    objects[:] = [[1, "a", None], [small, large, b"x"]]
    content = {
        "small": small,
        "small in Fortran's order": np.asfortranarray(small),
        "large": large,
        "large in Fortran's order": np.asfortranarray(large),
        "integers": large.astype(">i4"),
        "objects": objects,
        "objects in Fortran's order": np.asfortranarray(objects),
        "within lists": [large, (small, {"deep": large})],
        "bytes": bytes(range(256)) * 300,
    }
    path, pickled = tmp_path / "content.npy", pickle.dumps(content, protocol=protocol)
    path.write_bytes(as_numpy_1_pickles(pickled) if by_numpy == 1 else pickled)
    loaded = published_pickles.load(path)
    assert loaded.keys() == content.keys()
    for name in ("small", "large", "integers"):
        assert loaded[name].dtype == content[name].dtype
        np.testing.assert_array_equal(loaded[name], content[name])
    for name in ("small", "large"):
        np.testing.assert_array_equal(loaded[f"{name} in Fortran's order"], content[name])
    for name in ("objects", "objects in Fortran's order"):
        assert loaded[name].shape == (2, 3)
        assert [*loaded[name][0], loaded[name][1, 2]] == [1, "a", None, b"x"]
        np.testing.assert_array_equal(loaded[name][1, 0], small)
        np.testing.assert_array_equal(loaded[name][1, 1], large)
    first, (second, third) = loaded["within lists"]
    np.testing.assert_array_equal(first, large)
    np.testing.assert_array_equal(second, small)
    np.testing.assert_array_equal(third["deep"], large)
    assert loaded["bytes"] == content["bytes"]


@pytest.mark.parametrize("protocol", [4, 5])  # protocol 2 writes an array's bytes as text
def test_arrays_are_mapped_from_64_kib_on(tmp_path, protocol):
    path = tmp_path / "content.npy"
    path.write_bytes(pickle.dumps([np.arange(float(LARGE)), np.arange(LARGE - 1.0)], protocol=protocol))
    mapped, read = published_pickles.load(path)
    assert isinstance(mapped.base, np.memmap) and not mapped.flags.writeable
    assert not isinstance(read.base, np.memmap)


@pytest.mark.parametrize("version", [(1, 0), (2, 0)])
@pytest.mark.parametrize("holds_objects", [False, True])
def test_both_versions_of_numpys_format_are_read(tmp_path, version, holds_objects):
    path, content = tmp_path / "content.npy", np.arange(5.0)
    with open(path, "wb") as file:
        np.lib.format.write_array(file, np.array({"data": content}) if holds_objects else content, version)
    loaded = published_pickles.load(path)
    np.testing.assert_array_equal(loaded["data"] if holds_objects else loaded, content)
    assert holds_objects or isinstance(loaded, np.memmap)


def test_records_that_hold_objects_are_refused(tmp_path):
    path = tmp_path / "records.npy"
    path.write_bytes(pickle.dumps(np.array([(1, "a"), (2, "b")], dtype=[("number", int), ("name", object)])))
    with pytest.raises(InputError, match=r"records\.npy[\s\S]*holds 2 objects"):
        published_pickles.load(path)


@pytest.mark.parametrize("name", ["numpy._core.numeric fromfile", "numpy.core.multiarray fromfile", "os _frombuffer"])
def test_the_modules_of_numpy_give_nothing_but_arrays(tmp_path, name):
    path = tmp_path / "harm.npy"
    path.write_bytes(b"c" + name.replace(" ", "\n").encode() + b"\n.")
    with pytest.raises(InputError, match=f"it asks for {name.replace(' ', '.')}"):
        published_pickles.load(path)


def test_what_is_saved_is_what_numpy_saves(tmp_path):
    content = {"data": np.arange(3 * LARGE), "names": ["Pz"]}
    published_pickles.save(tmp_path / "ours.npy", content)
    np.save(tmp_path / "theirs.npy", content, allow_pickle=True)
    assert (tmp_path / "ours.npy").read_bytes() == (tmp_path / "theirs.npy").read_bytes()
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["ours.npy", "theirs.npy"]
