import gzip
import hashlib
import os
import pickle
import struct
import subprocess
import sys
import warnings
from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from helpers import data, stand_ins

NAMES = ("mnist", "fashion_mnist", "cifar10")
FILES = [(name, file) for name in NAMES for file in data.CHECKSUMS[name]]
UNPACKED = [(name, file) for name, file in FILES if not file.endswith(".gz")]
IMAGE_SHAPE = {"mnist": (28, 28), "fashion_mnist": (28, 28), "cifar10": (32, 32, 3)}


# --- A machine without data sets, and tiny data sets to put on it --------------------


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """The empty cache folder of a machine on which nothing is set."""
    monkeypatch.delenv("DL_DATA", raising=False)
    monkeypatch.delenv("DL_STAND_INS", raising=False)
    monkeypatch.setattr(data, "user_cache_path", lambda app: tmp_path / "cache" / app)
    return tmp_path / "cache" / "deep-learning-proved"


def tiny_contents(name):
    """The files of a data set of a few images, and what load must make of them."""
    make = tiny_cifar10 if name == "cifar10" else tiny_idx
    return make(np.random.default_rng(0))


def tiny_idx(rng):
    files, parts = {}, []
    for part, count in (("train", 7), ("t10k", 3)):
        images = rng.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        labels = rng.integers(0, 10, count, dtype=np.uint8)
        head = struct.pack(">4I", 0x803, count, 28, 28)
        files[f"{part}-images-idx3-ubyte"] = head + images.tobytes()
        head = struct.pack(">2I", 0x801, count)
        files[f"{part}-labels-idx1-ubyte"] = head + labels.tobytes()
        parts.append((images, labels))
    packed = {f"{file}.gz": gzip.compress(content) for file, content in files.items()}
    return files | packed, parts


def tiny_cifar10(rng):
    files, batches = {"batches.meta": b"names"}, []
    for file in [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]:
        images = rng.integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)
        labels = rng.integers(0, 10, 3)
        planes = images.transpose(0, 3, 1, 2).reshape(3, 3072)
        files[file] = pickle.dumps({b"data": planes, b"labels": labels.tolist()})
        batches.append((images, labels))
    train = tuple(np.concatenate(arrays) for arrays in zip(*batches[:5], strict=True))
    return files, [train, batches[5]]


def put(files, name, root):
    folder = root / data.FOLDERS[name]
    folder.mkdir(parents=True, exist_ok=True)
    for file, content in files.items():
        (folder / file).write_bytes(content)
    return folder


@pytest.fixture(params=NAMES)
def tiny(request, cache, monkeypatch):
    """A tiny data set in the cache, its MD5s taken for the published ones."""
    files, parts = tiny_contents(request.param)
    trust(monkeypatch, request.param, files)
    return request.param, put(files, request.param, cache), parts


def trust(monkeypatch, name, files):
    # In the order of the real table, on which "unpacked first" rests.
    md5 = {f: hashlib.md5(files[f]).hexdigest() for f in data.CHECKSUMS[name]}
    monkeypatch.setitem(data.CHECKSUMS, name, md5)


def assert_holds(dataset, parts):
    assert dataset.source == "original"
    for split, (images, labels) in zip(
        (dataset.train, dataset.test), parts, strict=True
    ):
        np.testing.assert_array_equal(split.images, images)
        np.testing.assert_array_equal(split.labels, labels)


# --- Finding the files ----------------------------------------------------------------


@pytest.mark.parametrize("call", [data.load, data.available])
def test_an_unknown_name_is_refused_with_the_three_that_exist(cache, call):
    with pytest.raises(ValueError, match=r"'MNIST'.*mnist, fashion_mnist, cifar10"):
        call("MNIST")


def test_files_in_the_cache_are_loaded_without_a_word(tiny, capsys):
    name, _, parts = tiny
    assert data.available(name)
    assert_holds(data.load(name), parts)
    assert capsys.readouterr().out == ""


def test_an_empty_DL_DATA_counts_as_unset(tiny, monkeypatch, tmp_path):
    name, folder, parts = tiny
    put({file.name: b"other" for file in folder.iterdir()}, name, tmp_path)
    monkeypatch.chdir(tmp_path)  # which Path("") would mean
    monkeypatch.setenv("DL_DATA", "")
    assert_holds(data.load(name), parts)


def test_the_cache_is_searched_when_DL_DATA_has_no_file(tiny, monkeypatch, tmp_path):
    name, _, parts = tiny
    monkeypatch.setenv("DL_DATA", str(tmp_path))
    assert data.available(name)
    assert_holds(data.load(name), parts)


def test_a_tilde_in_DL_DATA_is_the_home_folder(tiny, monkeypatch, tmp_path):
    name, folder, parts = tiny
    home = folder.parents[len(Path(data.FOLDERS[name]).parts)]
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    monkeypatch.setenv("DL_DATA", f"~/{data._cache().name}")
    monkeypatch.setattr(data, "user_cache_path", lambda app: tmp_path / "none")
    assert data.available(name)
    assert_holds(data.load(name), parts)
    assert data.root(name) == home / "deep-learning-proved"


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_mnists_files_may_lie_in_DL_DATA_itself(cache, monkeypatch, tmp_path, suffix):
    files, parts = tiny_contents("mnist")
    trust(monkeypatch, "mnist", files)
    monkeypatch.setenv("DL_DATA", str(tmp_path))
    for file, content in files.items():
        if file.endswith(".gz") == bool(suffix):
            (tmp_path / file).write_bytes(content)
    assert data.available("mnist") and data.root("mnist") == tmp_path
    assert_holds(data.load("mnist"), parts)
    assert not data.available("fashion_mnist")  # whose files have the same names


def test_the_root_is_where_the_files_that_are_loaded_lie(tiny, monkeypatch, tmp_path):
    name, folder, _ = tiny
    monkeypatch.setenv("DL_DATA", str(tmp_path))
    assert data.root(name) / data.FOLDERS[name] == folder
    put({folder.name: b"" for folder in folder.iterdir()}, name, tmp_path)
    assert data.root(name) == tmp_path


def test_there_is_no_root_of_what_is_not_here(cache):
    with pytest.raises(FileNotFoundError, match="no mnist on this machine; make data"):
        data.root("mnist")


def test_DL_DATA_comes_before_the_cache(cache, monkeypatch, tmp_path):
    files, parts = tiny_contents("mnist")
    trust(monkeypatch, "mnist", files)
    put(files, "mnist", tmp_path / "mine")
    put(dict.fromkeys(files, b"other"), "mnist", cache)
    monkeypatch.setenv("DL_DATA", str(tmp_path / "mine"))
    assert_holds(data.load("mnist"), parts)


@pytest.mark.parametrize("call", [data.load, data.available])
def test_a_DL_DATA_that_is_no_folder_is_an_error(tiny, monkeypatch, tmp_path, call):
    monkeypatch.setenv("DL_DATA", str(tmp_path / "typo"))
    with pytest.raises(FileNotFoundError, match=r"DL_DATA=.*typo is no folder"):
        call(tiny[0])


@pytest.mark.parametrize(("name", "file"), UNPACKED)
def test_a_missing_file_is_named_and_nothing_stands_in(cache, name, file):
    there = [other for other_name, other in UNPACKED if other_name == name]
    there.remove(file)
    folder = put(dict.fromkeys(there, b""), name, cache)
    assert not data.available(name)
    with pytest.raises(FileNotFoundError) as error:
        data.load(name)
    assert f"{folder} has only a part of {name}; restore {file} there" in str(
        error.value
    )


def test_all_missing_files_are_named(cache):
    put({"test_batch": b"", "batches.meta": b""}, "cifar10", cache)
    with pytest.raises(
        FileNotFoundError, match=r"restore data_batch_1, .*, data_batch_5"
    ):
        data.load("cifar10")


def test_half_in_DL_DATA_is_not_completed_from_the_cache(tiny, monkeypatch, tmp_path):
    name, folder, _ = tiny
    file = next(file for other, file in UNPACKED if other == name)
    put({file: (folder / file).read_bytes()}, name, tmp_path)
    monkeypatch.setenv("DL_DATA", str(tmp_path))
    assert not data.available(name)
    with pytest.raises(FileNotFoundError, match="only a part"):
        data.load(name)


def test_available_looks_at_names_only(cache):
    put(dict.fromkeys(data.CHECKSUMS["cifar10"], b"not a pickle"), "cifar10", cache)
    assert data.available("cifar10")
    assert not data.available("mnist")


# --- Reading them ---------------------------------------------------------------------


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_packed_files_alone_are_enough(cache, monkeypatch, name):
    files, parts = tiny_contents(name)
    trust(monkeypatch, name, files)
    put({f: files[f] for f in files if f.endswith(".gz")}, name, cache)
    assert data.available(name)
    assert_holds(data.load(name), parts)


@pytest.mark.parametrize("file", data.CHECKSUMS["mnist"])
def test_packed_and_unpacked_files_mix(cache, monkeypatch, file):
    files, parts = tiny_contents("mnist")
    trust(monkeypatch, "mnist", files)
    (put(files, "mnist", cache) / file).unlink()
    assert_holds(data.load("mnist"), parts)


def test_unpacked_files_are_preferred(cache, monkeypatch):
    files, parts = tiny_contents("mnist")
    trust(monkeypatch, "mnist", files)
    packed = {file: b"damaged" for file in files if file.endswith(".gz")}
    put(files | packed, "mnist", cache)
    assert_holds(data.load("mnist"), parts)


@pytest.mark.parametrize(("name", "file"), FILES)
@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda content: content[:-1], id="truncated"),
        pytest.param(lambda content: content[:-1] + b"?", id="corrupt"),
        pytest.param(lambda content: b"<html>404</html>", id="foreign"),
        pytest.param(lambda content: b"", id="empty"),
    ],
)
def test_a_damaged_file_is_named(cache, monkeypatch, name, file, damage):
    files, _ = tiny_contents(name)
    trust(monkeypatch, name, files)
    content = damage(files[file])
    path = put(files | {file: content}, name, cache) / file
    if file.endswith(".gz"):
        path.with_suffix("").unlink()
    with pytest.raises(ValueError) as error:
        data.load(name)
    expected = data.CHECKSUMS[name][file]
    found = hashlib.md5(content).hexdigest()
    assert f"{path} ({len(content):,} bytes) has MD5 {found}" in str(error.value)
    assert f"expected {expected}" in str(error.value)
    assert "delete it and restore it" in str(error.value)


@pytest.mark.parametrize("missing", [0, 1])
def test_a_whole_file_of_another_set_is_not_called_damaged(
    cache, monkeypatch, tmp_path, missing
):
    files, _ = tiny_contents("fashion_mnist")
    trust(monkeypatch, "fashion_mnist", files)
    folder = put(dict([*files.items()][missing:4]), "fashion_mnist", tmp_path)
    monkeypatch.setenv("DL_DATA", str(folder))
    whole = rf"{folder}.*ubyte is whole, but of fashion_mnist.* has mnist in MNIST/raw"
    with pytest.raises(ValueError, match=whole):
        data.load("mnist")


class Intruder:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


@pytest.mark.parametrize("file", data.CHECKSUMS["cifar10"])
def test_a_foreign_pickle_is_never_run(cache, monkeypatch, tmp_path, file):
    files, _ = tiny_contents("cifar10")
    trust(monkeypatch, "cifar10", files)
    evil = pickle.dumps(Intruder(tmp_path / "intruded"))
    put(files | {file: evil}, "cifar10", cache)
    with pytest.raises(ValueError, match=file):
        data.load("cifar10")
    assert not (tmp_path / "intruded").exists()


# --- What load returns ----------------------------------------------------------------


def test_types_and_shapes(tiny):
    name, _, parts = tiny
    loaded = data.load(name)
    channels = IMAGE_SHAPE[name][2:]
    assert (loaded.name, len(loaded.classes)) == (name, 10)
    for split, (images, _) in zip((loaded.train, loaded.test), parts, strict=True):
        assert len(split) == len(images)
        assert split.images.dtype == np.uint8
        assert split.images.flags.c_contiguous
        assert split.labels.dtype == np.int64
        for constant in (split.mean, split.std):
            assert isinstance(constant, np.ndarray)
            assert (constant.shape, constant.dtype) == (channels, np.float32)


def test_mean_and_std_are_those_of_the_training_images(tiny):
    name, _, ((images, _), _) = tiny
    loaded = data.load(name)
    for split in (loaded.train, loaded.test):
        np.testing.assert_allclose(split.mean, (images / 255).mean((0, 1, 2)), 1e-6)
        np.testing.assert_allclose(split.std, (images / 255).std((0, 1, 2)), 1e-6)


@pytest.mark.filterwarnings("error")
def test_torch_shares_memory_with_images_and_labels(tiny):
    torch = pytest.importorskip("torch")
    split = data.load(tiny[0]).train
    torch.from_numpy(split.images).fill_(3)
    torch.from_numpy(split.labels).fill_(4)
    assert (split.images == 3).all()
    assert (split.labels == 4).all()


def test_a_hash_is_that_of_all_images_and_labels_and_never_of_a_stand_in(tiny, cache):
    name, _, parts = tiny
    arrays = [each for x, y in parts for each in (x, y.astype(np.int64))]
    whole = b"".join(array.tobytes() for array in arrays)
    assert data.hashes(name) == {name: hashlib.sha256(whole).hexdigest()}
    other = "mnist" if name != "mnist" else "cifar10"
    with pytest.raises(ValueError, match=f"{other} is a stand-in"):
        data.hashes(name, other)


def test_two_loads_share_no_memory(tiny):
    first, second = (data.load(tiny[0]).train for _ in range(2))
    assert not np.shares_memory(first.images, second.images)


def test_datasets_and_splits_are_frozen(tiny):
    loaded = data.load(tiny[0])
    with pytest.raises(FrozenInstanceError):
        loaded.source = "stand-in"
    with pytest.raises(FrozenInstanceError):
        loaded.train.mean = 0


@given(
    count=st.integers(1, 5),
    shape=st.sampled_from([(28, 28), (32, 32, 3), (1, 1), (3, 1, 3)]),
    seed=st.integers(0, 99),
)
def test_inputs_are_flat_rows_of_float32_by_the_formula(count, shape, seed):
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (count, *shape), dtype=np.uint8)
    kept = images.copy()
    mean, std = rng.uniform(0.1, 0.9, (2, *shape[2:])).astype(np.float32)
    split = data.Split(images, np.zeros(count, np.int64), np.array(mean), np.array(std))
    features = (count, int(np.prod(shape)))
    scaled, normalized = split.inputs(normalize=False), split.inputs()
    assert scaled.dtype == normalized.dtype == np.float32
    np.testing.assert_allclose(scaled, (kept / 255).reshape(features), 1e-6)
    expected = ((kept / 255 - mean) / std).reshape(features)
    np.testing.assert_allclose(normalized, expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(images, kept)


def test_importing_loads_no_heavy_library():
    source = (
        "import sys, helpers.data, helpers.stand_ins\n"
        "print({'torch', 'matplotlib', 'sklearn'} & set(sys.modules))"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(data.__file__).parents[1])}
    run = subprocess.run(
        [sys.executable, "-c", source], env=environment, capture_output=True, text=True
    )
    assert (run.stdout, run.stderr) == ("set()\n", "")


# --- Stand-ins ------------------------------------------------------------------------


@pytest.fixture(scope="module", params=NAMES)
def made(request):
    return request.param, stand_ins.make(request.param)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_real_gives_a_stand_in_said_aloud_in_one_line(cache, capsys, name):
    assert not data.available(name)
    loaded = data.load(name)
    assert (loaded.name, loaded.source) == (name, "stand-in")
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith(f"No {name} on this machine: {stand_ins.CONTENTS[name]}")
    assert str(cache / data.FOLDERS[name]) in line


def test_the_line_names_the_folder_of_DL_DATA(cache, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("DL_DATA", str(tmp_path))
    data.load("fashion_mnist")
    assert f"into {tmp_path / 'FashionMNIST' / 'raw'}." in capsys.readouterr().out


@pytest.mark.parametrize("name", NAMES)
def test_DL_STAND_INS_never_is_an_error_with_advice(cache, capsys, monkeypatch, name):
    monkeypatch.setenv("DL_STAND_INS", "never")
    with pytest.raises(FileNotFoundError) as error:
        data.load(name)
    assert f"no {name} on this machine" in str(error.value)
    assert str(cache / data.FOLDERS[name]) in str(error.value)
    assert capsys.readouterr().out == ""


def test_DL_STAND_INS_never_lets_real_files_pass(tiny, monkeypatch):
    name, _, parts = tiny
    monkeypatch.setenv("DL_STAND_INS", "never")
    assert_holds(data.load(name), parts)


def test_a_stand_in_has_the_types_and_all_ten_labels(made):
    name, parts = made
    for count, (images, labels) in zip((6_000, 1_000), parts, strict=True):
        assert images.shape == (count, *IMAGE_SHAPE[name])
        assert (images.dtype, labels.dtype) == (np.uint8, np.int64)
        assert images.flags.c_contiguous
        assert images.flags.writeable
        assert labels.shape == (count,)
        assert set(labels) == set(range(10))
        # Whoever takes the first hundred rows finds all of them there, too.
        assert set(labels[:100]) == set(range(10))


def test_a_stand_in_is_the_same_bytes_everywhere(made):
    name, parts = made
    digest = hashlib.sha256()
    for array in (array for part in parts for array in part):
        digest.update(array.astype(array.dtype.newbyteorder("<")).tobytes())
    assert (
        digest.hexdigest()[:16]
        == {
            "mnist": "286a19deb0ec43aa",
            "fashion_mnist": "bb49f1a685c967b8",
            "cifar10": "703e02c84817e2dd",
        }[name]
    )


def test_a_second_call_makes_the_same_stand_in(made):
    name, parts = made
    for part, again in zip(parts, stand_ins.make(name), strict=True):
        np.testing.assert_array_equal(part[0], again[0])
        np.testing.assert_array_equal(part[1], again[1])


def test_an_unknown_stand_in_is_refused():
    with pytest.raises(ValueError, match=r"'svhn'.*mnist, fashion_mnist, cifar10"):
        stand_ins.make("svhn")


def test_digits_to_train_on_and_to_test_have_different_originals():
    (train, _), (test, _) = stand_ins.make("mnist")
    train_originals, test_originals = originals(train), originals(test)
    assert not train_originals & test_originals
    assert (len(train_originals), len(test_originals)) == (1_500, 297)


def originals(images):
    """The images without their empty margins: what a shift leaves alone."""
    trimmed = set()
    for image in images:
        rows, columns = np.nonzero(image)
        digit = image[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
        trimmed.add((digit.shape, digit.tobytes()))
    return trimmed


def test_digits_are_shifted():
    (train, _), _ = stand_ins.make("mnist")
    assert len({image.tobytes() for image in train}) > 5_000


CENTERS = [(i + 1, j + 1) for i in range(5) for j in range(5)]


def test_digits_are_those_of_scikit_learn_with_their_labels():
    digits = load_digits()
    small = (digits.images * 255 // 16).astype(np.uint8)  # (1797, 8, 8)
    label_of = {
        image.tobytes(): label
        for image, label in zip(small, digits.target, strict=True)
    }
    for images, labels in stand_ins.make("mnist"):
        for image, label in zip(images[:200], labels[:200], strict=True):
            # Every third pixel is one of the original, whichever way it was shifted.
            shifts = (image[i : i + 24 : 3, j : j + 24 : 3] for i, j in CENTERS)
            found = {label_of.get(shifted.tobytes()) for shifted in shifts}
            assert found - {None} == {label}


def test_one_softmax_layer_learns_a_stand_in_but_not_all_of_it(made):
    _, ((images, labels), (test_images, test_labels)) = made
    inputs = images[:2_000].reshape(2_000, -1) / 128 - 1
    softmax = LogisticRegression(max_iter=50)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it stops before it converges
        softmax.fit(inputs, labels[:2_000])
    accuracy = softmax.score(test_images.reshape(1_000, -1) / 128 - 1, test_labels)
    assert 0.60 <= accuracy <= 0.95


# --- Writing them ---------------------------------------------------------------------

GREY = ("mnist", "fashion_mnist")


def assert_torchvision_holds(dataset, root):
    datasets = pytest.importorskip("torchvision").datasets
    reader = {"mnist": datasets.MNIST, "fashion_mnist": datasets.FashionMNIST}
    for split, train in ((dataset.train, True), (dataset.test, False)):
        read = reader[dataset.name](root, train=train)
        np.testing.assert_array_equal(read.data, split.images)
        np.testing.assert_array_equal(read.targets, split.labels)


@pytest.mark.parametrize("name", GREY)
def test_torchvision_reads_a_stand_in_that_was_written(name, cache, tmp_path):
    stand_in = data.load(name)
    data.write(stand_in, tmp_path / "new" / "root")
    assert_torchvision_holds(stand_in, tmp_path / "new" / "root")


@pytest.mark.parametrize("name", GREY)
def test_what_was_written_is_the_file_that_was_read(name, cache, monkeypatch, tmp_path):
    files, parts = tiny_contents(name)
    trust(monkeypatch, name, files)
    put(files, name, cache)
    data.write(data.load(name), str(tmp_path / "root"))
    folder = tmp_path / "root" / data.FOLDERS[name]
    written = {file.name: file.read_bytes() for file in folder.iterdir()}
    assert written == {f: files[f] for f in files if not f.endswith(".gz")}
    monkeypatch.setenv("DL_DATA", str(tmp_path / "root"))
    assert_holds(data.load(name), parts)


def test_an_array_that_is_a_view_is_written_in_its_own_order(cache, tmp_path):
    loaded = data.load("mnist")
    flipped = replace(loaded.train, images=loaded.train.images[::2, :, ::-1])
    flipped = replace(flipped, labels=loaded.train.labels[::2])
    data.write(replace(loaded, train=flipped), tmp_path)
    assert_torchvision_holds(replace(loaded, train=flipped), tmp_path)


@pytest.mark.parametrize("name", ["cifar10", "kmnist"])
def test_what_has_no_such_files_is_not_written(name, cache, tmp_path):
    other = replace(data.load("mnist"), name=name)
    with pytest.raises(ValueError, match=rf"{name}.*expected 'mnist' or .*with load"):
        data.write(other, tmp_path / "root")
    assert not (tmp_path / "root").exists()


def test_other_data_is_not_written_over_and_the_same_is(cache, tmp_path):
    stand_in = data.load("mnist")
    last = tmp_path / "MNIST/raw/t10k-labels-idx1-ubyte"
    last.parent.mkdir(parents=True)
    last.write_bytes(b"original")
    with pytest.raises(FileExistsError, match=r"t10k-labels.* into an empty folder"):
        data.write(stand_in, tmp_path)
    assert [file.read_bytes() for file in last.parent.iterdir()] == [b"original"]
    last.unlink()
    data.write(stand_in, tmp_path)
    data.write(stand_in, tmp_path)
    assert_torchvision_holds(stand_in, tmp_path)


def test_a_stand_in_is_not_written_beside_a_packed_original(
    cache, monkeypatch, tmp_path
):
    stand_in = data.load("mnist")
    files, parts = tiny_contents("mnist")
    trust(monkeypatch, "mnist", files)
    packed = {name: files[name] for name in files if name.endswith(".gz")}
    put({"t10k-labels-idx1-ubyte.gz": b"packed"}, "mnist", tmp_path / "one")
    folder = put(packed, "mnist", tmp_path / "all")
    for root in ("one", "all"):
        before = set(tmp_path.rglob("*"))
        with pytest.raises(FileExistsError, match=r"ubyte\.gz holds other data than"):
            data.write(stand_in, tmp_path / root)
        assert set(tmp_path.rglob("*")) == before
    monkeypatch.setenv("DL_DATA", str(tmp_path / "all"))
    data.write(data.load("mnist"), tmp_path / "all")  # the original may be there twice
    assert {file.name for file in folder.iterdir()} == set(files)
    assert_holds(data.load("mnist"), parts)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"images": np.zeros((3, 28, 28), np.float32)},
            r"images are float32 \(3, 28, 2",
        ),
        (
            {"images": np.zeros((3, 32, 32, 3), np.uint8)},
            r"uint8 \(3, 32, 32, 3\); exp",
        ),
        (
            {"labels": np.array([0, 300, 1])},
            "labels reach from 0 to 300; expected 0 to",
        ),
        ({"labels": np.array([0, -1, 1])}, "labels reach from -1 to 1; expected 0 to"),
        ({"labels": np.array([0, 1])}, r"int64 \(2,\); .* one for each of 3 images"),
        ({"labels": np.zeros((3, 1), int)}, r"int64 \(3, 1\); expected whole numbers"),
        (
            {"labels": np.array([0, 0.5, 1])},
            r"labels are float64 \(3,\); expected whole",
        ),
    ],
)
@pytest.mark.parametrize("part", ["train", "test"])
def test_what_idx_files_cannot_hold_is_not_written(
    cache, tmp_path, part, changes, said
):
    loaded = data.load("mnist")
    split = replace(loaded.train, images=loaded.train.images[:3], labels=np.arange(3))
    wrong = replace(loaded, **{part: replace(split, **changes)})
    with pytest.raises(ValueError, match=said):
        data.write(wrong, tmp_path / "root")
    assert not (tmp_path / "root").exists()


def test_a_write_that_fails_leaves_whole_files_only(cache, monkeypatch, tmp_path):
    stand_in = data.load("mnist")
    write_bytes = Path.write_bytes

    def fill_the_disk(path, content):
        if "t10k-images" in path.name:
            write_bytes(path, content[:99])
            raise OSError("No space left on device")
        return write_bytes(path, content)

    monkeypatch.setattr(Path, "write_bytes", fill_the_disk)
    with pytest.raises(OSError, match="No space left"):
        data.write(stand_in, tmp_path)
    monkeypatch.undo()
    names = {file.name for file in (tmp_path / "MNIST/raw").iterdir()}
    assert names == {"train-images-idx3-ubyte", "train-labels-idx1-ubyte"}
    data.write(stand_in, tmp_path)
    assert_torchvision_holds(stand_in, tmp_path)


def test_a_process_killed_while_it_writes_leaves_no_half_file_under_a_name(
    cache, monkeypatch, tmp_path
):
    write_bytes, written = Path.write_bytes, []

    def half_then_whole(path, content):
        write_bytes(path, content[:99])
        for file in tmp_path.glob("MNIST/raw/*ubyte"):  # were it killed here
            assert file.read_bytes() in written
        written.append(content)
        return write_bytes(path, content)

    monkeypatch.setattr(Path, "write_bytes", half_then_whole)
    data.write(data.load("mnist"), tmp_path)
    assert len(written) == 4


# --- The real files -------------------------------------------------------------------


@pytest.fixture(scope="module", params=NAMES)
def original(request):
    if not data.available(request.param):
        pytest.skip(f"the files of {request.param} are not on this machine")
    return data.load(request.param)


def torchvision_reads(name, train):
    datasets = pytest.importorskip("torchvision").datasets
    reader = {
        "mnist": datasets.MNIST,
        "fashion_mnist": datasets.FashionMNIST,
        "cifar10": datasets.CIFAR10,
    }[name]
    folder = next(iter(data._located(name).values())).parent
    depth = len(Path(data.FOLDERS[name]).parts)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NumPy's about the pickles
        return reader(root=folder.parents[depth - 1], train=train, download=False)


def test_the_original_has_all_rows_and_labels(original):
    rows = 50_000 if original.name == "cifar10" else 60_000
    assert (len(original.train), len(original.test)) == (rows, 10_000)
    for split in (original.train, original.test):
        assert split.images.shape == (len(split), *IMAGE_SHAPE[original.name])
        assert split.labels.shape == (len(split),)
        assert set(split.labels) == set(range(10))


@pytest.mark.parametrize("part", ["train", "test"])
def test_torchvision_reads_the_same_from_the_same_folder(original, part):
    reference = torchvision_reads(original.name, train=part == "train")
    split = getattr(original, part)
    np.testing.assert_array_equal(split.images, np.asarray(reference.data))
    np.testing.assert_array_equal(split.labels, np.asarray(reference.targets))
    names = [name.split(" - ")[0] for name in reference.classes]  # MNIST: "0 - zero"
    assert original.classes == tuple(names)


def test_inputs_equal_those_of_torchvision_transforms(original):
    transforms = pytest.importorskip("torchvision").transforms
    split = original.test
    scaled, normalized = (split.inputs(normalize)[:5] for normalize in (False, True))
    mean, std = (np.atleast_1d(value).tolist() for value in (split.mean, split.std))
    for i in range(5):
        tensor = transforms.ToTensor()(split.images[i])  # channels first
        expected = tensor.permute(1, 2, 0).flatten()
        np.testing.assert_array_equal(scaled[i], expected)
        expected = transforms.Normalize(mean, std)(tensor).permute(1, 2, 0).flatten()
        np.testing.assert_allclose(normalized[i], expected, rtol=1e-6, atol=1e-6)


def test_the_constants_are_the_well_known_ones(original):
    mean, std = {  # as quoted in countless training scripts
        "mnist": (0.1307, 0.3081),
        "fashion_mnist": (0.2860, 0.3530),
        "cifar10": ((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),
    }[original.name]
    np.testing.assert_allclose(original.train.mean, mean, atol=6e-5)
    np.testing.assert_allclose(original.train.std, std, atol=6e-5)


def test_the_original_is_written_as_its_authors_published_it(
    original, monkeypatch, tmp_path
):
    if original.name not in GREY:
        pytest.skip("idx files are for grey images")
    data.write(original, tmp_path)
    assert_torchvision_holds(original, tmp_path)
    monkeypatch.setenv("DL_DATA", str(tmp_path))
    again = data.load(original.name)  # which compares the checksums
    assert_holds(again, [(s.images, s.labels) for s in (original.train, original.test)])
