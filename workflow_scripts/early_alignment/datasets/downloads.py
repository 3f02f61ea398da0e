"""Get public files over HTTPS: in as many goes as it takes, and checked before they bear their names."""

import hashlib
import http.client
import json
import re
import shutil
import time
import urllib.error
import urllib.request
import zipfile
from pathlib import Path, PurePosixPath
from typing import NamedTuple
from urllib.parse import urlsplit

from ..errors import InputError
from ..files import written_whole

LOOPBACK = ("127.0.0.1", "::1", "localhost")
BLOCK = 2**20
TIMEOUT = 60
"""Seconds without a byte after which a connection is given up."""
ATTEMPTS = 6
"""How often in a row a connection may bring nothing."""
PAUSE = 5
"""Seconds before the second attempt, twice as many before the third, and so on."""
GO_ON = "run the same command again: it goes on where it stopped"


class Remote(NamedTuple):
    """A file as its publisher lists it."""

    name: str
    url: str
    size: int
    digests: dict[str, str]
    """Name of a hash function → hexadecimal digest; `sha256`, `md5`, both, or none."""


def osf_files(api: str, node: str) -> dict[str, Remote]:
    """Name → file of an OSF node's storage.

    Args:
        api: Address of OSF's API, version 2.
        node: The node's five letters.
    """
    files, page = {}, f"{api}/nodes/{node}/files/osfstorage/?page[size]=100"
    while page:
        listing = read_json(page)
        for entry in listing["data"]:
            about = entry["attributes"]
            if about["kind"] == "file":
                digests = {kind: digest for kind, digest in about["extra"].get("hashes", {}).items() if digest}
                files[about["name"]] = Remote(about["name"], entry["links"]["download"], int(about["size"]), digests)
        page = listing["links"].get("next")
    return files


def figshare_files(api: str, article: str) -> dict[str, Remote]:
    """Name → file of a Figshare article; Figshare gives MD5 and no SHA-256.

    Args:
        api: Address of Figshare's API, version 2.
        article: The article's number.
    """
    return {
        entry["name"]: Remote(entry["name"], entry["download_url"], int(entry["size"]), {"md5": entry["computed_md5"]})
        for entry in read_json(f"{api}/articles/{article}/files?page_size=100")
    }


def read_json(url: str):
    """Read a JSON answer.

    Raises:
        InputError: The server cannot be reached or answers something else.
    """
    try:
        with opened(url) as response:
            return json.load(response)
    except (OSError, http.client.HTTPException, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(url, str(error), "a list of files", f"check the connection, and {GO_ON}") from None


def fetch(remote: Remote, path: Path) -> None:
    """Download a file, going on with what an earlier attempt left beside it.

    The file bears its name once its size and digests are those that the publisher lists: SHA-256, or where there is
    none, what there is.

    Raises:
        InputError: The server refuses or stays silent, the disk is too small, or the file is not the listed one.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    if path.is_file():
        # Whole, but not unpacked before an earlier job ended: checked again.
        path.replace(part)
    part.touch()
    idle = 0
    while (have := part.stat().st_size) < remote.size:
        free = shutil.disk_usage(part.parent).free
        if free < remote.size - have:
            expected = f"{(remote.size - have) / 1e9:.1f} GB for the rest of {remote.name}"
            raise InputError(part.parent, f"{free / 1e9:.1f} GB free", expected, f"make room, and {GO_ON}")
        trouble = "the connection ended"
        try:
            append(remote, part, have)
        except (OSError, http.client.HTTPException) as error:
            if isinstance(error, urllib.error.HTTPError) and error.code < 500 and error.code not in (408, 429):
                raise InputError(
                    remote.url, str(error), f"the file {remote.name}", f"wait until it is offered again, and {GO_ON}"
                ) from None
            trouble = str(error) or type(error).__name__
        idle = idle + 1 if part.stat().st_size <= have else 0
        if idle == ATTEMPTS:
            raise InputError(
                remote.url, f"{trouble} at byte {have}", f"{remote.size} bytes", f"check the connection, and {GO_ON}"
            )
        time.sleep(PAUSE * idle)
    check(remote, part)
    part.replace(path)


def append(remote: Remote, part: Path, have: int) -> None:
    """Add to a file what follows on its first `have` bytes, until the connection ends.

    Raises:
        InputError: The server's file is of another size than the listed one.
    """
    with opened(remote.url, {"Range": f"bytes={have}-"} if have else {}) as response:
        given = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", response.headers.get("Content-Range", ""))
        # A server that does not know ranges sends the whole file again.
        start, size = (int(given[1]), int(given[2])) if response.status == 206 and given else (0, response.length)
        if size not in (None, remote.size):
            raise InputError(
                remote.url,
                f"a file of {size} bytes",
                f"{remote.size} bytes, as listed",
                "try again later: the publisher may be replacing the file",
            )
        with open(part, "r+b") as file:
            file.truncate(start)
            file.seek(start)
            while block := response.read(BLOCK):
                file.write(block)


def check(remote: Remote, part: Path) -> None:
    """Check size and digest of a download; one that is not the listed file is removed.

    Raises:
        InputError: It is another file.
    """
    size = part.stat().st_size
    kind = next((kind for kind in ("sha256", "md5") if kind in remote.digests), None)
    if size == remote.size and kind:
        with open(part, "rb") as file:
            found = hashlib.file_digest(file, kind).hexdigest()
        expected = remote.digests[kind].lower()
    else:
        kind, found, expected = "size", size, remote.size
    print(f"{remote.name}: {size} bytes, {kind} {found}, listed {expected}")
    if found != expected:
        part.unlink()
        remedy = "download it again from the start; if it happens again, tell the publisher"
        raise InputError(remote.url, f"{kind} {found}", f"{kind} {expected}, as listed", remedy)


class _StaysSecure(urllib.request.HTTPRedirectHandler):
    """Follows redirections to HTTPS alone."""

    def redirect_request(self, request, file, code, message, headers, url):
        check_secure(url)
        return super().redirect_request(request, file, code, message, headers, url)


def check_secure(url: str) -> None:
    """Check that an address is of HTTPS, or of this machine.

    Raises:
        InputError: It is not.
    """
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
        raise InputError(url, f"an address of {parts.scheme or 'no scheme'}", "https", "correct the address")


def opened(url: str, headers=()):
    """Open an address."""
    check_secure(url)
    request = urllib.request.Request(url, headers={"User-Agent": "early-alignment"} | dict(headers))
    return urllib.request.build_opener(_StaysSecure).open(request, timeout=TIMEOUT)


def unpack(archive: Path, outputs: dict[str, Path]) -> None:
    """Take files out of a ZIP archive, whole, and remove it.

    Args:
        archive: The archive.
        outputs: The end of a member's path there, such as `ses-01/raw_eeg_test.npy` → where to write it.

    Raises:
        InputError: It is no archive, is damaged, or has not exactly one such member each.
    """
    try:
        with zipfile.ZipFile(archive) as content:
            for ending, output in outputs.items():
                members = [name for name in content.namelist() if f"/{name}".endswith(f"/{ending}")]
                if len(members) != 1:
                    raise InputError(archive, f"{len(members)} files {ending}", "one", "tell the publisher")
                with content.open(members[0]) as source, written_whole(output) as path, open(path, "wb") as file:
                    shutil.copyfileobj(source, file, BLOCK)
    except (zipfile.BadZipFile, EOFError) as error:
        raise InputError(archive, str(error), "a ZIP archive", "remove it and download it again") from None
    archive.unlink()


def unpack_images(archive: Path, folder: Path) -> None:
    """Take all images out of a ZIP archive, into `folder/<concept>/<file>`, and remove it.

    Raises:
        InputError: It is no archive or is damaged.
    """
    try:
        with zipfile.ZipFile(archive) as content:
            for name in content.namelist():
                *above, concept, file = "", "", *PurePosixPath(name).parts
                # Nothing may leave the folder.
                if file.endswith(".jpg") and concept not in ("", "/", "..") and "__MACOSX" not in above:
                    (folder / concept).mkdir(parents=True, exist_ok=True)
                    with content.open(name) as source, open(folder / concept / file, "wb") as output:
                        shutil.copyfileobj(source, output)
    except (zipfile.BadZipFile, EOFError) as error:
        raise InputError(archive, str(error), "a ZIP archive", "remove it and download it again") from None
    archive.unlink()
