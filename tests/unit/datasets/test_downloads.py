"""Downloads, from a server on this machine that behaves as the publishers' do, or worse."""

import hashlib
import io
import json
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from conftest import REPOSITORY, run
from early_alignment.datasets import downloads, published_pickles
from early_alignment.errors import InputError

RNG = np.random.default_rng(2)


class Publisher(ThreadingHTTPServer):
    """Lists files as OSF and Figshare do, two a page, and gives them by redirection and by ranges."""

    daemon_threads = True

    def __init__(self, files):
        super().__init__(("127.0.0.1", 0), Answers)
        self.files = files
        self.base = f"http://127.0.0.1:{self.server_port}"
        self.listed = {name: self.digests(content) for name, content in files.items()}
        self.sizes = {name: len(content) for name, content in files.items()}
        self.breaks_after = []
        """After how many bytes each of the next connections for a larger file breaks."""
        self.dies = False
        """Whether no file is given once a connection has broken."""
        self.knows_ranges = True
        self.redirects_to = f"{self.base}/bytes"
        self.status_of_files = 200
        self.starts = []
        """The first byte that each request for a file asked for."""
        threading.Thread(target=self.serve_forever, args=[0.01], daemon=True).start()

    @staticmethod
    def digests(content):
        return {kind: hashlib.new(kind, content).hexdigest() for kind in ("md5", "sha256")}


class Answers(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_GET(self):
        parts = urlsplit(self.path)
        *_, name = parts.path.split("/")
        if parts.path.startswith("/v2/nodes/"):
            self.list_as_osf(int(parse_qs(parts.query).get("page", ["1"])[0]))
        elif parts.path.startswith("/v2/articles/"):
            listed = [
                {"name": n, "download_url": f"{self.server.base}/file/{n}", "size": s, "computed_md5": md5}
                for n, s in self.server.sizes.items()
                for md5 in [self.server.listed[n]["md5"]]
            ]
            self.give(json.dumps(listed).encode())
        elif parts.path.startswith("/file/"):
            self.send_response(302)
            self.send_header("Location", f"{self.server.redirects_to}/{name}")
            self.end_headers()
        else:
            self.give_range(self.server.files[name])

    def list_as_osf(self, page):
        names = list(self.server.sizes)
        next_page = f"{self.server.base}{urlsplit(self.path).path}?page={page + 1}" if 2 * page < len(names) else None
        data = [
            {
                "attributes": {
                    "kind": "file",
                    "name": name,
                    "size": self.server.sizes[name],
                    "extra": {"hashes": self.server.listed[name], "downloads": 7},
                },
                "links": {"download": f"{self.server.base}/file/{name}"},
            }
            for name in names[2 * page - 2 : 2 * page]
        ]
        folder = {"attributes": {"kind": "folder", "name": "other", "size": None, "extra": {}}, "links": {}}
        self.give(json.dumps({"data": [folder, *data], "links": {"next": next_page}}).encode())

    def give(self, content, status=200, headers=(), length=None):
        self.send_response(status)
        for key, value in headers:
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(content) if length is None else length))
        self.end_headers()
        self.wfile.write(content)

    def give_range(self, content):
        asked = self.headers.get("Range")
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
        self.server.starts.append(start)
        if self.server.status_of_files != 200:
            self.give(b"", self.server.status_of_files)
        elif asked and self.server.knows_ranges:
            place = ("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
            self.give_or_break(content[start:], 206, [place])
        else:
            self.give_or_break(content)

    def give_or_break(self, content, *others):
        given = content
        if self.server.breaks_after and len(content) > self.server.breaks_after[0]:
            given = content[: self.server.breaks_after.pop(0)]
            self.close_connection = True
            if self.server.dies:
                self.server.status_of_files = 404
        self.give(given, *others, length=len(content))


@pytest.fixture
def publisher():
    def start(**files):
        servers.append(Publisher({name.replace("__", "."): content for name, content in files.items()}))
        return servers[-1]

    servers = []
    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


CONTENT = RNG.bytes(300_000)


def listed(server, name="data.bin"):
    return downloads.osf_files(f"{server.base}/v2", "abc12")[name]


def test_both_publishers_lists_are_read_to_their_last_page(publisher):
    server = publisher(a=b"1", b=b"22", c=b"333", d=b"4444", e=b"55555")
    osf = downloads.osf_files(f"{server.base}/v2", "abc12")
    figshare = downloads.figshare_files(f"{server.base}/v2", "123")
    assert list(osf) == list(figshare) == ["a", "b", "c", "d", "e"]
    assert osf["c"] == downloads.Remote("c", f"{server.base}/file/c", 3, server.listed["c"])
    assert figshare["c"].digests == {"md5": hashlib.md5(b"333").hexdigest()}


def test_a_download_goes_on_after_every_break(publisher, tmp_path, monkeypatch):
    monkeypatch.setattr(downloads, "PAUSE", 0.01)
    server = publisher(data__bin=CONTENT)
    server.breaks_after = [100_000, 0, 70_001, 5]
    downloads.fetch(listed(server), tmp_path / "deep/data.bin")
    assert (tmp_path / "deep/data.bin").read_bytes() == CONTENT
    assert server.starts == [0, 100_000, 100_000, 170_001, 170_006]
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["data.bin"]


def test_a_later_run_goes_on_where_one_ended(publisher, tmp_path, monkeypatch):
    monkeypatch.setattr(downloads, "PAUSE", 0)
    server = publisher(data__bin=CONTENT)
    server.breaks_after = [123_456] + [0] * downloads.ATTEMPTS
    with pytest.raises(InputError, match=r"at byte 123456[\s\S]*it goes on where it stopped"):
        downloads.fetch(listed(server), tmp_path / "data.bin")
    assert not (tmp_path / "data.bin").exists()
    server.starts.clear()
    downloads.fetch(listed(server), tmp_path / "data.bin")
    assert server.starts == [123_456]
    assert (tmp_path / "data.bin").read_bytes() == CONTENT


def test_a_server_without_ranges_is_read_from_the_start_again(publisher, tmp_path):
    server = publisher(data__bin=CONTENT)
    server.breaks_after, server.knows_ranges = [100_000], False
    downloads.fetch(listed(server), tmp_path / "data.bin")
    assert (tmp_path / "data.bin").read_bytes() == CONTENT


def wrong_sha256(server):
    server.listed["data.bin"]["sha256"] = "0" * 64


def wrong_md5_and_no_sha256(server):
    server.listed["data.bin"] = {"md5": "0" * 32}


def listed_as_larger(server):
    server.sizes["data.bin"] += 1


def listed_as_smaller(server):
    server.sizes["data.bin"] -= 1


def insecure(server):
    server.redirects_to = "http://example.org"


def gone(server):
    server.status_of_files = 404


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (wrong_sha256, "found:    sha256 [0-9a-f]{64}\n  expected: sha256 0{64}, as listed"),
        (wrong_md5_and_no_sha256, "found:    md5 [0-9a-f]{32}\n  expected: md5 0{32}, as listed"),
        (listed_as_larger, "a file of 300000 bytes\n  expected: 300001 bytes, as listed"),
        (listed_as_smaller, "a file of 300000 bytes\n  expected: 299999 bytes, as listed"),
        (insecure, "an address of http\n  expected: https"),
        (gone, "HTTP Error 404"),
    ],
)
def test_what_is_not_the_listed_file_never_bears_its_name(publisher, tmp_path, fault, message):
    server = publisher(data__bin=CONTENT)
    fault(server)
    with pytest.raises(InputError, match=message):
        downloads.fetch(listed(server), tmp_path / "data.bin")
    assert not (tmp_path / "data.bin").exists()
    leftover = tmp_path / ".data.bin.part"
    assert not leftover.exists() or leftover.stat().st_size == 0


def test_a_disk_too_small_is_said_before_anything_is_asked_for(publisher, tmp_path):
    server = publisher(data__bin=CONTENT)
    huge = listed(server)._replace(size=10**18)
    with pytest.raises(InputError, match=r"GB free\s+expected: 1000000000\.0 GB for the rest of data\.bin"):
        downloads.fetch(huge, tmp_path / "data.bin")
    assert server.starts == []


def test_an_address_without_encryption_is_refused():
    with pytest.raises(InputError, match="an address of http\n  expected: https"):
        downloads.osf_files("http://api.example.org/v2", "abc12")


def archive(members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as content:
        for name, data in members.items():
            content.writestr(name, data)
    return buffer.getvalue()


def test_images_stay_in_their_folder(tmp_path):
    members = {
        "training_images/00001_aardvark/a.jpg": b"1",
        "00002_abacus/b.jpg": b"2",
        "__MACOSX/00002_abacus/b.jpg": b"3",
        "x/../../../c.jpg": b"4",
        "../d.jpg": b"5",
        "readme.txt": b"6",
    }
    (tmp_path / "images.zip").write_bytes(archive(members))
    downloads.unpack_images(tmp_path / "images.zip", tmp_path / "to/training_images")
    written = {str(path.relative_to(tmp_path)): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    folder = "to/training_images"
    assert written == {f"{folder}/00001_aardvark/a.jpg": b"1", f"{folder}/00002_abacus/b.jpg": b"2"}


@pytest.mark.parametrize("members", [{}, {"a/wanted.npy": b"1", "b/wanted.npy": b"2"}, None])
def test_an_archive_without_its_files_is_refused_and_stays(tmp_path, members):
    path = tmp_path / "sub-01.zip"
    path.write_bytes(b"no archive" if members is None else archive(members))
    with pytest.raises(InputError, match=r"files wanted\.npy|not a zip file"):
        downloads.unpack(path, {"wanted.npy": tmp_path / "wanted.npy"})
    assert path.exists()
    assert not (tmp_path / "wanted.npy").exists()


def npy(content):
    buffer = io.BytesIO()
    np.save(buffer, content, allow_pickle=True)
    return buffer.getvalue()


def download(folder, server, *others, check=True):
    services = [f"osf={server.base}/v2", f"figshare={server.base}/v2"]
    return run(
        "snakemake", "--snakefile", REPOSITORY / "rules/download.smk", "--cores", "2", "--directory", folder,
        "--config", "folder=data", "subjects=[1]", *services, *others,
        cwd=REPOSITORY, check=check,
    )  # fmt: skip


@pytest.mark.jobs
def test_the_rules_download_images_and_a_subject_in_two_runs(publisher, tmp_path):
    """The first run breaks off within the subject's archive; the second goes on there."""
    eeg = {part: {"preprocessed_eeg_data": RNG.normal(size=(3, 4, 17, 100))} for part in ("training", "test")}
    server = publisher(
        image_metadata__npy=npy({"train_img_files": ["a.jpg"]}),
        training_images__zip=archive({"training_images/00001_a/a.jpg": b"a"}),
        test_images__zip=archive({"test_images/00001_b/b.jpg": b"b"}),
    )
    files = {f"sub-01/preprocessed_eeg_{part}.npy": npy(content) for part, content in eeg.items()}
    server.files["sub-01.zip"] = archive(files)
    server.sizes["sub-01.zip"] = len(server.files["sub-01.zip"])
    server.listed["sub-01.zip"] = server.digests(server.files["sub-01.zip"])

    server.breaks_after, server.dies = [10_000], True
    failed = download(tmp_path, server, check=False)
    assert failed.returncode != 0
    log = (tmp_path / "data/logs/preprocessed_sub-01.log").read_text()
    assert "ERROR" in log and "HTTP Error 404" in log and "Traceback" not in log
    assert (tmp_path / "data/preprocessed_data/.sub-01.zip.part").stat().st_size == 10_000

    server.status_of_files = 200
    server.starts.clear()
    download(tmp_path, server)
    assert 10_000 in server.starts
    root = tmp_path / "data"
    for partition, content in eeg.items():
        found = published_pickles.load(root / f"preprocessed_data/sub-01/preprocessed_eeg_{partition}.npy")
        np.testing.assert_array_equal(found["preprocessed_eeg_data"], content["preprocessed_eeg_data"])
    assert (root / "image_set/training_images/00001_a/a.jpg").read_bytes() == b"a"
    assert (root / "image_set/test_images/00001_b/b.jpg").read_bytes() == b"b"
    assert published_pickles.load(root / "image_set/image_metadata.npy") == {"train_img_files": ["a.jpg"]}
    assert not [path for path in root.rglob("*") if path.suffix in (".part", ".zip")]
    assert "Nothing to be done" in download(tmp_path, server).stdout


@pytest.mark.jobs
def test_the_rules_download_raw_sessions(publisher, tmp_path):
    files = {
        f"sub-01/ses-{session:02d}/raw_eeg_{part}.npy": npy({"session": session, "partition": part})
        for session in range(1, 5)
        for part in ("training", "test")
    }
    server = publisher(**{"sub-01__zip": archive(files)})
    rules = ("--until", "download_raw")
    download(tmp_path, server, "raw=true", *rules)
    for session in range(1, 5):
        for part in ("training", "test"):
            path = tmp_path / f"data/raw_data/sub-01/ses-{session:02d}/raw_eeg_{part}.npy"
            assert published_pickles.load(path) == {"session": session, "partition": part}
