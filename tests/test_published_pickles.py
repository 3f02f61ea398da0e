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


def test_a_file_cut_short_is_refused_by_name(tmp_path):
    path = tmp_path / "whole.npy"
    np.save(path, {"data": np.arange(1000.0)}, allow_pickle=True)
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(InputError, match=r"whole\.npy"):
        published_pickles.load(path)
