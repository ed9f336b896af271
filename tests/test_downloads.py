"""Downloads from servers on this machine, good and bad ones, of tiny data sets."""

import errno
import gzip
import hashlib
import io
import json
import os
import pickle
import signal
import socket
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from helpers import data, downloads, stand_ins
from tests import POSIX
from tests.test_data import NAMES, assert_holds, put, tiny_contents, trust

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="how Linux queues clients")

# --- A machine with a network, and servers -------------------------------------------


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """The empty cache folder of a machine that may download."""
    for variable in ("DL_DATA", "DL_STAND_INS", "DL_OFFLINE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(data, "user_cache_path", lambda app: tmp_path / "cache" / app)
    monkeypatch.setattr(downloads, "TIMEOUT", 5)
    return tmp_path / "cache" / "deep-learning-proved"


def tiny_set(name, monkeypatch):
    """A data set of a few images whose MD5s are taken for the published ones."""
    files, parts = tiny_contents(name)
    if name == "cifar10":  # a real one, which torchvision can read
        files["batches.meta"] = pickle.dumps({"label_names": list("0123456789")})
    trust(monkeypatch, name, files)
    unpacked = {f: content for f, content in files.items() if not f.endswith(".gz")}
    packed = {f: content for f, content in files.items() if f.endswith(".gz")}
    if name == "cifar10":
        packed = {downloads.TAR: tar_of(unpacked)}
        md5 = hashlib.md5(packed[downloads.TAR]).hexdigest()
        monkeypatch.setattr(downloads, "TAR_MD5", md5)
    return SimpleNamespace(name=name, unpacked=unpacked, packed=packed, parts=parts)


def tar_of(files):
    """Like the original: a readme among the batches; and names that lead elsewhere."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        foreign = {"readme.html": b"read me", "../../evil": b"evil", "/tmp/evil": b"x"}
        for file, content in (foreign | files).items():
            member = tarfile.TarInfo(f"cifar-10-batches-py/{file}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


@pytest.fixture(params=NAMES)
def each(request, monkeypatch):
    return tiny_set(request.param, monkeypatch)


@pytest.fixture
def mnist(monkeypatch):
    return tiny_set("mnist", monkeypatch)


OVER = threading.Event()  # lets the servers go that hang


def whole(handler, content):
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content)


def hang_before_the_headers(handler, content):
    OVER.wait(20)


def hang_after_the_headers(handler, content):
    announced(handler, content, b"")
    OVER.wait(20)


def drip_and_stop(handler, content):
    announced(handler, content, content[:2])
    handler.wfile.write(content[2:3])
    OVER.wait(20)


def cut_short(handler, content):
    announced(handler, content, content[:-1])


def announced(handler, content, sent):
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(sent)


def short_by_a_byte(handler, content):
    whole(handler, content[:-1])


def another_file(handler, content):
    whole(handler, gzip.compress(b"<html>Please log in</html>"))


def not_found(handler, content):
    handler.send_error(404)


@pytest.fixture
def serve(monkeypatch):
    """serve(tiny, *answers) starts a server for each answer and makes them the
    addresses of the tiny set, in this order. Returns what each has been asked for."""
    OVER.clear()
    servers = []

    def start(tiny, *answers):
        asked = [server_for(tiny, answer, servers) for answer in answers]
        addresses = [f"http://{host_of(server)}/sub/" for server in servers]
        monkeypatch.setitem(downloads.ADDRESSES, tiny.name, addresses)
        return asked if len(asked) > 1 else asked[0]

    yield start
    OVER.set()
    for server in servers:
        server.shutdown()
        server.server_close()


def server_for(tiny, answer, servers):
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            file = self.path.removeprefix("/sub/")
            asked.append(file)
            answer(self, tiny.packed[file])

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.block_on_close = False
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    servers.append(server)
    return asked


def host_of(server):
    return f"127.0.0.1:{server.server_address[1]}"


def hosts(tiny):
    return [url.split("/")[2] for url in downloads.ADDRESSES[tiny.name]]


def unused_address():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}/"


def holds_exactly(tiny, cache):
    """Whether the cache has the set, unpacked, and nothing else."""
    files = {path for path in cache.rglob("*") if path.is_file()}
    folder = cache / data.FOLDERS[tiny.name]
    return {path: path.read_bytes() for path in files} == {
        folder / file: content for file, content in tiny.unpacked.items()
    }


def files_in(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


# --- What is downloaded ---------------------------------------------------------------


def test_a_set_that_is_nowhere_is_downloaded_unpacked_into_the_cache(
    each, serve, cache, capsys
):
    asked = serve(each, whole)
    assert not data.available(each.name)
    assert_holds(data.load(each.name), each.parts)
    assert asked == list(each.packed)
    assert holds_exactly(each, cache)
    assert data.available(each.name)
    printed = capsys.readouterr()
    megabytes = {"mnist": 12, "fashion_mnist": 31, "cifar10": 170}[each.name]
    folder = cache / data.FOLDERS[each.name]
    assert printed.out == (
        f"Downloading {each.name} ({megabytes} MB) from {hosts(each)[0]} "
        f"into {folder} ...\n"
    )
    assert printed.err == ""


def test_what_is_there_is_not_downloaded_again(each, serve, cache, capsys):
    asked = serve(each, whole)
    put(each.unpacked, each.name, cache)
    assert_holds(data.load(each.name), each.parts)
    assert asked == []
    assert capsys.readouterr().out == ""


def test_what_DL_DATA_has_is_not_downloaded(each, serve, cache, monkeypatch, tmp_path):
    asked = serve(each, whole)
    put(each.unpacked, each.name, tmp_path / "mine")
    monkeypatch.setenv("DL_DATA", str(tmp_path / "mine"))
    assert_holds(data.load(each.name), each.parts)
    assert asked == []
    assert not cache.exists()


def test_what_DL_DATA_lacks_goes_into_the_cache(
    mnist, serve, cache, monkeypatch, tmp_path
):
    serve(mnist, whole)
    (tmp_path / "mine").mkdir()
    monkeypatch.setenv("DL_DATA", str(tmp_path / "mine"))
    assert_holds(data.load("mnist"), mnist.parts)
    assert holds_exactly(mnist, cache)
    assert files_in(tmp_path / "mine") == []


def test_available_downloads_nothing(mnist, serve, cache):
    asked = serve(mnist, whole)
    assert not data.available("mnist")
    assert asked == []


def test_DL_OFFLINE_asks_nobody(mnist, serve, cache, monkeypatch, capsys):
    asked = serve(mnist, whole)
    monkeypatch.setenv("DL_OFFLINE", "1")
    assert data.load("mnist").source == "stand-in"
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith(f"No mnist on this machine: {stand_ins.CONTENTS['mnist']}")
    assert asked == []
    put({"t10k-labels-idx1-ubyte": b""}, "mnist", cache)
    with pytest.raises(FileNotFoundError, match="only a part"):
        data.load("mnist")
    assert asked == []


def test_another_value_of_DL_OFFLINE_is_no_ban(mnist, serve, cache, monkeypatch):
    serve(mnist, whole)
    monkeypatch.setenv("DL_OFFLINE", "0")
    assert_holds(data.load("mnist"), mnist.parts)


def test_packed_files_are_asked_for_as_they_are(mnist, serve, cache):
    def packing(handler, content):  # as a server may that is told gzip is welcome
        assert handler.headers["Accept-Encoding"] == "identity"
        whole(handler, content)

    serve(mnist, packing)
    assert_holds(data.load("mnist"), mnist.parts)


def unpacked_by_the_server(handler, content):
    whole(handler, gzip.decompress(content))


def unpacked_by_the_client(handler, content):
    handler.send_response(200)
    handler.send_header("Content-Encoding", "gzip")
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content)


@pytest.mark.parametrize("answer", [unpacked_by_the_server, unpacked_by_the_client])
def test_files_that_arrive_unpacked_are_taken_too(mnist, serve, cache, answer):
    serve(mnist, answer)
    assert_holds(data.load("mnist"), mnist.parts)
    assert holds_exactly(mnist, cache)


def test_certificates_that_are_not_found_are_the_address_fault_not_the_disks(
    mnist, serve, cache, monkeypatch, capsys
):
    serve(mnist, whole)
    good = downloads.ADDRESSES["mnist"]
    monkeypatch.setitem(downloads.ADDRESSES, "mnist", ["https://127.0.0.1:9/", *good])
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(cache / "none.pem"))
    assert_holds(data.load("mnist"), mnist.parts)
    assert "127.0.0.1:9: OSError, Could not find" in capsys.readouterr().out


def test_DL_DATA_is_read_where_there_is_no_home_for_a_cache(
    mnist, serve, cache, monkeypatch, tmp_path
):
    def homeless(app):
        raise RuntimeError("Could not determine home directory.")

    put(mnist.unpacked, "mnist", tmp_path / "mine")
    monkeypatch.setenv("DL_DATA", str(tmp_path / "mine"))
    monkeypatch.setattr(data, "user_cache_path", homeless)
    assert data.available("mnist")
    assert_holds(data.load("mnist"), mnist.parts)


class Python2Pickle:
    """Reads bytes as the text that they are in the original, which Python 2 wrote."""

    @staticmethod
    def load(file, encoding):
        entry = pickle.load(file)
        return {k.decode() if type(k) is bytes else k: entry[k] for k in entry}


@pytest.mark.parametrize("train", [True, False])
def test_torchvision_reads_the_downloaded_folder(
    each, serve, cache, monkeypatch, train
):
    datasets = pytest.importorskip("torchvision").datasets
    serve(each, whole)
    split = getattr(data.load(each.name), "train" if train else "test")
    if each.name == "cifar10":  # the only one whose MD5s torchvision compares
        md5 = list(data.CHECKSUMS["cifar10"].items())
        monkeypatch.setattr(datasets.CIFAR10, "train_list", md5[:5])
        monkeypatch.setattr(datasets.CIFAR10, "test_list", md5[5:6])
        meta = datasets.CIFAR10.meta | {"md5": md5[6][1]}
        monkeypatch.setattr(datasets.CIFAR10, "meta", meta)
        monkeypatch.setattr(datasets.cifar, "pickle", Python2Pickle)
    reader = {"mnist": "MNIST", "fashion_mnist": "FashionMNIST", "cifar10": "CIFAR10"}
    read = getattr(datasets, reader[each.name])(cache, train=train, download=False)
    np.testing.assert_array_equal(np.asarray(read.data), split.images)
    np.testing.assert_array_equal(np.asarray(read.targets), split.labels)


def test_no_member_of_the_tar_is_written_but_the_batches(
    monkeypatch, serve, cache, tmp_path
):
    serve(tiny_set("cifar10", monkeypatch), whole)
    data.load("cifar10")
    assert not list(tmp_path.rglob("evil"))
    assert not list(tmp_path.rglob("readme.html"))


# --- Addresses that fail --------------------------------------------------------------

SHORT = 0.5  # seconds
SLOW = [
    hang_before_the_headers,
    hang_after_the_headers,
    drip_and_stop,
]
WRONG = {
    cut_short: "file cut short",
    short_by_a_byte: "wrong checksum of train-images-idx3-ubyte.gz (MD5 ",
    another_file: "wrong checksum of train-images-idx3-ubyte.gz (MD5 ",
    not_found: "HTTP 404",
}


def assert_second_address_helps(tiny, cache, capsys, reason):
    """Load, and see the reason why the first address failed, in one line."""
    assert_holds(data.load(tiny.name), tiny.parts)
    first, second = hosts(tiny)
    line, failure = capsys.readouterr().out.splitlines()
    assert line.startswith(f"Downloading {tiny.name} (12 MB) from {first} into ")
    assert failure.startswith(f"{first}: {reason}")
    assert failure.endswith(f"; trying {second} ...")
    assert holds_exactly(tiny, cache)


def limit_first_address(monkeypatch):
    """To a short time; the second gets longer, as on a busy machine it may need it."""
    request = downloads._request

    def limited(url, file):
        first = url.startswith(downloads.ADDRESSES["mnist"][0])
        monkeypatch.setattr(downloads, "TIMEOUT", SHORT if first else 5)
        request(url, file)

    monkeypatch.setattr(downloads, "_request", limited)


@pytest.mark.parametrize("answer", SLOW)
def test_a_silent_server_is_given_up_and_not_asked_again(
    mnist, serve, cache, monkeypatch, capsys, answer
):
    limit_first_address(monkeypatch)
    slow, good = serve(mnist, answer, whole)
    assert_second_address_helps(mnist, cache, capsys, f"no answer for {SHORT} s;")
    assert len(slow) <= 1  # 0 where the server came too late even to hang
    assert good == list(mnist.packed)


@pytest.mark.parametrize("answer", WRONG)
def test_a_wrong_answer_is_told_and_the_next_address_tried(
    mnist, serve, cache, capsys, answer
):
    serve(mnist, answer, whole)
    assert_second_address_helps(mnist, cache, capsys, WRONG[answer])


def test_a_wrong_checksum_names_both(mnist, serve, cache, capsys):
    serve(mnist, short_by_a_byte, whole)
    data.load("mnist")
    file, content = next(iter(mnist.packed.items()))
    got = hashlib.md5(content[:-1]).hexdigest()
    expected = data.CHECKSUMS["mnist"][file]
    assert f"(MD5 {got}, expected {expected})" in capsys.readouterr().out


def test_what_is_unpacked_is_checked_too(mnist, serve, cache, monkeypatch, capsys):
    serve(mnist, whole)
    monkeypatch.setitem(data.CHECKSUMS["mnist"], "t10k-labels-idx1-ubyte", "0" * 32)
    assert data.load("mnist").source == "stand-in"
    assert "wrong checksum of t10k-labels-idx1-ubyte (MD5" in capsys.readouterr().out
    assert files_in(cache) == []


def test_a_refused_connection_is_told(mnist, serve, cache, capsys):
    serve(mnist, whole)
    downloads.ADDRESSES["mnist"].insert(0, unused_address())
    assert_second_address_helps(mnist, cache, capsys, "connection refused;")


def test_braces_in_what_an_address_says_are_told_as_they_are(
    mnist, serve, cache, capsys
):
    serve(mnist, whole)
    downloads.ADDRESSES["mnist"].insert(0, "unknown://{host}/")
    assert_second_address_helps(mnist, cache, capsys, "InvalidSchema, No connection")


@LINUX
def test_a_server_that_never_accepts_is_given_up(
    mnist, serve, cache, monkeypatch, capsys
):
    limit_first_address(monkeypatch)
    serve(mnist, whole)
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        address = listener.getsockname()
        waiting = [socket.socket() for _ in range(4)]  # more than its queue holds
        for client in waiting:
            client.setblocking(False)
            client.connect_ex(address)
        downloads.ADDRESSES["mnist"].insert(0, f"http://127.0.0.1:{address[1]}/")
        assert_second_address_helps(mnist, cache, capsys, f"no answer for {SHORT} s;")
        for client in waiting:
            client.close()


def test_a_name_that_is_not_looked_up_in_time_is_given_up(
    mnist, serve, cache, monkeypatch, capsys
):
    limit_first_address(monkeypatch)
    serve(mnist, whole)
    look_up = socket.getaddrinfo

    def slow(host, *args, **options):
        if host == "slow.invalid":
            OVER.wait(20)
        return look_up(host, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    downloads.ADDRESSES["mnist"].insert(0, "http://slow.invalid/")
    began = time.monotonic()
    assert_second_address_helps(mnist, cache, capsys, f"no answer for {SHORT} s;")
    assert time.monotonic() - began < 10


def test_an_unknown_name_is_told(mnist, serve, cache, monkeypatch, capsys):
    serve(mnist, whole)
    look_up = socket.getaddrinfo

    def no_such(host, *args, **options):
        if host == "none.invalid":
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return look_up(host, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", no_such)
    downloads.ADDRESSES["mnist"].insert(0, "http://none.invalid/")
    assert_second_address_helps(mnist, cache, capsys, "host name not found;")


def test_what_the_first_address_gave_is_not_asked_of_the_second(mnist, serve, cache):
    def no_labels(handler, content):
        (not_found if "t10k" in handler.path else whole)(handler, content)

    first, second = serve(mnist, no_labels, whole)
    assert_holds(data.load("mnist"), mnist.parts)
    assert first == list(mnist.packed)[:3]
    assert second == list(mnist.packed)[2:]


def test_a_stand_in_follows_when_no_address_helps(each, serve, cache, capsys):
    serve(each, not_found, cut_short)
    assert data.load(each.name).source == "stand-in"
    first, second = hosts(each)
    *lines, last = capsys.readouterr().out.splitlines()
    assert lines[1:] == [
        f"{first}: HTTP 404; trying {second} ...",
        f"{second}: file cut short.",
    ]
    why = f"{first}: HTTP 404; {second}: file cut short; check the network"
    contents = stand_ins.CONTENTS[each.name]
    assert last == (
        f"No {each.name} on this machine, and no download ({why}): {contents} stand "
        "in; put the real files, named as torchvision names them, into "
        f"{cache / data.FOLDERS[each.name]}, or set DL_DATA to their folder."
    )
    assert files_in(cache) == []


def test_DL_STAND_INS_never_raises_with_the_reasons(mnist, serve, cache, monkeypatch):
    serve(mnist, not_found, cut_short)
    monkeypatch.setenv("DL_STAND_INS", "never")
    with pytest.raises(FileNotFoundError) as error:
        data.load("mnist")
    first, second = hosts(mnist)
    why = f"{first}: HTTP 404; {second}: file cut short; check the network"
    assert f"no mnist on this machine, and no download ({why}); put" in str(error.value)


# --- A cache that isn't right ---------------------------------------------------------


@pytest.mark.parametrize("damage", [lambda content: content[: len(content) // 2], None])
def test_the_cache_is_healed_by_what_it_lacks(each, serve, cache, damage):
    asked = serve(each, whole)
    file = list(each.unpacked)[1]
    kept = {f: content for f, content in each.unpacked.items() if f != file}
    damaged = {file: damage(each.unpacked[file])} if damage else {}
    put(kept | damaged, each.name, cache)
    assert_holds(data.load(each.name), each.parts)
    assert asked == [downloads.TAR if each.name == "cifar10" else f"{file}.gz"]
    assert holds_exactly(each, cache)


def test_a_damaged_packed_file_gives_way_to_the_unpacked_one(mnist, serve, cache):
    serve(mnist, whole)
    file = next(iter(mnist.packed))
    put(mnist.unpacked | {file: b"damaged"}, "mnist", cache)
    (cache / "MNIST/raw" / file).with_suffix("").unlink()
    assert_holds(data.load("mnist"), mnist.parts)
    assert holds_exactly(mnist, cache)


@pytest.mark.parametrize("damaged", [False, True])
def test_a_cache_that_can_not_be_healed_gives_a_stand_in(
    mnist, serve, cache, capsys, damaged
):
    serve(mnist, not_found)
    file, content = next(iter(mnist.unpacked.items()))
    content = content[: len(content) // 2] if damaged else content
    put((mnist.unpacked if damaged else {}) | {file: content}, "mnist", cache)
    assert data.load("mnist").source == "stand-in"
    said = capsys.readouterr().out
    assert "HTTP 404; check the network" in said
    what = f"{cache / 'MNIST/raw' / file} (" if damaged else "has only a part of mnist"
    assert what in said and "restore" in said
    assert (cache / "MNIST/raw" / file).read_bytes() == content


@pytest.mark.parametrize("error", [ValueError, FileNotFoundError])
def test_a_fault_in_DL_DATA_is_an_error_and_nothing_is_written(
    mnist, serve, cache, monkeypatch, tmp_path, error
):
    asked = serve(mnist, whole)
    file = next(iter(mnist.unpacked))
    folder = put(mnist.unpacked | {file: b"damaged"}, "mnist", tmp_path / "mine")
    if error is FileNotFoundError:
        (folder / file).unlink()
    before = sorted(files_in(tmp_path))
    monkeypatch.setenv("DL_DATA", str(tmp_path / "mine"))
    with pytest.raises(error, match=f"{folder}.*restore"):
        data.load("mnist")
    assert asked == []
    assert sorted(files_in(tmp_path)) == before


# --- Disks ----------------------------------------------------------------------------


def assert_told_of_the_disk(tiny, folder, reason, out):
    """In one line: the folder, the reason and the size; no address is to blame."""
    (line,) = (line for line in out.splitlines() if "Downloading" not in line)
    assert line.startswith(
        f"No {tiny.name} on this machine, and no download ({folder} can't be written: "
    )
    assert f"{reason}; {tiny.name} needs 55 MB there)" in line


@POSIX
def test_a_cache_below_a_file_is_told(mnist, serve, cache, capsys):
    asked = serve(mnist, whole, whole)
    cache.parent.write_bytes(b"")
    assert data.load("mnist").source == "stand-in"
    reason = os.strerror(errno.ENOTDIR)
    out = capsys.readouterr().out
    assert_told_of_the_disk(mnist, cache / "MNIST/raw", reason, out)
    assert asked == [[], []]


def test_a_read_only_cache_is_told(mnist, serve, cache, monkeypatch, capsys):
    def read_only(**options):
        assert options["dir"] == cache / "MNIST/raw"  # not a small /tmp
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    asked = serve(mnist, whole, whole)
    monkeypatch.setattr(tempfile, "TemporaryFile", read_only)
    assert data.load("mnist").source == "stand-in"
    reason = os.strerror(errno.EROFS)
    out = capsys.readouterr().out
    assert_told_of_the_disk(mnist, cache / "MNIST/raw", reason, out)
    assert asked == [[], []]


@pytest.mark.parametrize("moment", ["downloading", "unpacking"])
def test_a_full_disk_is_told_and_nothing_broken_is_left(
    mnist, serve, cache, monkeypatch, moment
):
    pytest.importorskip("resource")
    file = "train-images-idx3-ubyte"
    if moment == "unpacking":  # what packs well is small enough to be downloaded
        content = mnist.unpacked[file][:16] + bytes(7 * 784)
        packed = gzip.compress(content)
        trust(
            monkeypatch,
            "mnist",
            mnist.unpacked | mnist.packed | {file: content, f"{file}.gz": packed},
        )
        mnist.packed[f"{file}.gz"] = packed
    first, second = serve(mnist, whole, whole)
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000))\n"
    child = started(mnist, cache, limit)
    out, err = child.communicate(timeout=20)
    assert (child.returncode, err) == (0, "")
    *lines, source = out.splitlines()
    assert source == "stand-in"
    reason = os.strerror(errno.EFBIG)
    assert_told_of_the_disk(mnist, cache / "MNIST/raw", reason, "\n".join(lines))
    assert (len(first), len(second)) == (1 if moment == "downloading" else 4, 0)
    for path in files_in(cache):
        assert mnist.unpacked[path.name] == path.read_bytes()


# --- Other processes ------------------------------------------------------------------

CHILD = """
import json, os, signal, sys
from pathlib import Path
from helpers import data, downloads
name, cache, checksums, addresses, tar_md5 = json.loads(sys.stdin.read())
data.user_cache_path = lambda app: Path(cache)
data.CHECKSUMS[name], downloads.ADDRESSES[name] = checksums, addresses
downloads.TAR_MD5 = tar_md5
"""


def started(tiny, cache, code=""):
    """A process that runs the code, loads the tiny set and prints its source."""
    child = subprocess.Popen(
        [sys.executable, "-c", f"{CHILD}{code}\nprint(data.load(name).source)"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(data.__file__).parents[1])},
    )
    checksums, addresses = data.CHECKSUMS[tiny.name], downloads.ADDRESSES[tiny.name]
    given = [tiny.name, str(cache), checksums, addresses, downloads.TAR_MD5]
    child.stdin.write(json.dumps(given))
    child.stdin.close()
    child.stdin = None
    return child


@pytest.mark.parametrize("name", ["mnist", "cifar10"])
def test_two_processes_at_once_both_succeed(name, monkeypatch, serve, cache):
    tiny = tiny_set(name, monkeypatch)
    both = threading.Barrier(2)

    def together(handler, content):
        both.wait(20)
        whole(handler, content)

    asked = serve(tiny, together)
    children = [started(tiny, cache) for _ in range(2)]
    for child in children:
        out, err = child.communicate(timeout=30)
        assert (out.splitlines()[-1], err) == ("original", "")
    assert sorted(asked) == sorted([*tiny.packed, *tiny.packed])
    assert holds_exactly(tiny, cache)


def test_a_process_killed_while_downloading_leaves_nothing(
    mnist, serve, cache, monkeypatch
):
    reached = threading.Event()

    def stop_at_the_second(handler, content):
        if "labels" not in handler.path:
            return whole(handler, content)
        announced(handler, content, content[:9])
        reached.set()
        OVER.wait(20)

    serve(mnist, stop_at_the_second)
    child = started(mnist, cache)
    assert reached.wait(20)
    child.kill()
    child.communicate()
    assert files_in(cache) == []
    serve(mnist, whole)
    downloads.ADDRESSES["mnist"].reverse()
    assert_holds(data.load("mnist"), mnist.parts)
    assert holds_exactly(mnist, cache)


@POSIX
@pytest.mark.parametrize("step", ["before", "after"])
def test_a_process_killed_while_writing_is_made_good_by_the_next(
    each, serve, cache, step
):
    serve(each, whole)
    kill = "os.kill(os.getpid(), signal.SIGKILL)"
    code = f"""
replace, count = os.replace, 0
def killed(source, target):
    global count
    count += 1
    if count == 2 and {step == "before"}: {kill}
    replace(source, target)
    if count == 2: {kill}
os.replace = killed
"""
    child = started(each, cache, code)
    child.communicate(timeout=20)
    assert child.returncode == -signal.SIGKILL
    left = files_in(cache)
    assert len(left) == 2
    for path in left:
        assert path.suffix == ".part" or each.unpacked[path.name] == path.read_bytes()
    assert_holds(data.load(each.name), each.parts)
    assert holds_exactly(each, cache)


@POSIX
def test_a_process_killed_while_a_file_is_half_written_leaves_no_half_file(
    mnist, serve, cache
):
    serve(mnist, whole)
    code = """
write = Path.write_bytes
def killed(path, content):
    write(path, content[:len(content) // 2])
    os.kill(os.getpid(), signal.SIGKILL)
Path.write_bytes = killed
"""
    started(mnist, cache, code).communicate(timeout=20)
    assert not data.available("mnist")
    assert not any(path.name in mnist.unpacked for path in files_in(cache))
    assert_holds(data.load("mnist"), mnist.parts)
    assert holds_exactly(mnist, cache)


def test_two_processes_never_write_to_the_same_name(mnist, serve, cache, monkeypatch):
    serve(mnist, whole)
    parts = []

    def never_into_place(part, path):
        parts.append(part)
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(os, "replace", never_into_place)
    for _ in range(2):
        data.load("mnist")
    assert len(set(parts)) == 2


def test_what_another_process_has_put_there_meanwhile_is_taken(each, serve, cache):
    asked = serve(each, whole)
    folder = put(each.unpacked, each.name, cache)
    checksums = data.CHECKSUMS[each.name]
    assert downloads.fetch(each.name, folder, checksums) == each.unpacked
    assert asked == []


def test_another_process_that_is_faster_does_no_harm(mnist, serve, cache, monkeypatch):
    """It has put the file into place and swept away what we were about to put there."""
    serve(mnist, whole)
    replace = os.replace

    def too_late(part, path):
        path.write_bytes(part.read_bytes())
        part.unlink()
        replace(part, path)

    monkeypatch.setattr(os, "replace", too_late)
    assert_holds(data.load("mnist"), mnist.parts)
    assert holds_exactly(mnist, cache)


def test_a_file_that_vanishes_for_another_reason_is_an_error(
    mnist, serve, cache, monkeypatch, capsys
):
    def vanished(part, path):
        part.unlink()
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))

    serve(mnist, whole)
    monkeypatch.setattr(os, "replace", vanished)
    assert data.load("mnist").source == "stand-in"
    assert "can't be written: No such file" in capsys.readouterr().out


# --- What is light, and what is shown -------------------------------------------------


def test_nothing_is_imported_that_only_a_download_needs(each, cache):
    put(each.unpacked, each.name, cache)
    shown = "import helpers\nprint({'pooch', 'requests', 'tqdm'} & set(sys.modules))\n"
    child = started(each, cache, f"{shown}data.load(name)\n{shown}")
    out, err = child.communicate(timeout=20)
    assert (out, err) == ("set()\nset()\noriginal\n", "")


@pytest.mark.parametrize("terminal", [True, False])
def test_the_progress_bar_is_for_a_terminal(
    mnist, serve, cache, monkeypatch, capsys, terminal
):
    serve(mnist, whole)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    data.load("mnist")
    printed = capsys.readouterr()
    assert ("100%" in printed.err) is terminal
    assert len(printed.out.splitlines()) == 1


def test_without_stderr_there_is_no_bar(mnist, serve, cache, monkeypatch):
    serve(mnist, whole)
    monkeypatch.setattr(sys, "stderr", None)  # as under pythonw
    assert_holds(data.load("mnist"), mnist.parts)


def test_no_wait_is_longer_than_ten_seconds():
    assert 1 <= downloads.TIMEOUT <= 10


def test_the_throttled_host_comes_last_and_every_set_has_a_choice():
    for addresses in downloads.ADDRESSES.values():
        assert len(addresses) > 1
        assert all(address.endswith("/") for address in addresses)
    hosts = ["cs.toronto.edu" in address for address in downloads.ADDRESSES["cifar10"]]
    assert hosts.index(True) == len(hosts) - 1
