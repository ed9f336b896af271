"""The three image sets of the book, as NumPy arrays: MNIST, Fashion-MNIST, CIFAR-10."""

import gzip
import hashlib
import os
import pickle
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from platformdirs import user_cache_path

from helpers import downloads, stand_ins
from helpers.files import write_whole
from helpers.stand_ins import Part

FOLDERS = {
    "mnist": "MNIST/raw",
    "fashion_mnist": "FashionMNIST/raw",
    "cifar10": "cifar-10-batches-py",
}
# The MD5 that torchvision and the authors publish. Unpacked files come before packed
# ones, which take twice as long. batches.meta tells us nothing new, but
# torchvision refuses a folder without it.
CHECKSUMS = {
    "mnist": {
        "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
        "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
        "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
        "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
        "train-images-idx3-ubyte.gz": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
        "train-labels-idx1-ubyte.gz": "d53e105ee54ea40749a09fcbcd1e9432",
        "t10k-images-idx3-ubyte.gz": "9fb629c4189551a2d022fa330f9573f3",
        "t10k-labels-idx1-ubyte.gz": "ec29112dd5afa0611ce80d1b7f02629c",
    },
    "fashion_mnist": {
        "train-images-idx3-ubyte": "f4a8712d7a061bf5bd6d2ca38dc4d50a",
        "train-labels-idx1-ubyte": "9018921c3c673c538a1fc5bad174d6f9",
        "t10k-images-idx3-ubyte": "8181f5470baa50b63fa0f6fddb340f0a",
        "t10k-labels-idx1-ubyte": "15d484375f8d13e6eb1aabb0c3f46965",
        "train-images-idx3-ubyte.gz": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "train-labels-idx1-ubyte.gz": "25c81989df183df01b3e8a0aad5dffbe",
        "t10k-images-idx3-ubyte.gz": "bef4ecab320f06d8554ea6380940ec79",
        "t10k-labels-idx1-ubyte.gz": "bb300cfdad3c16e7a12a480ee83cd310",
    },
    "cifar10": {
        "data_batch_1": "c99cafc152244af753f735de768cd75f",
        "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
        "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
        "data_batch_4": "634d18415352ddfa80567beed471001a",
        "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
        "test_batch": "40351d587109b95175f43aff81a1287e",
        "batches.meta": "5ff9c542aee3614f3951f8cda6e48888",
    },
}
CLASSES = {
    "mnist": "0,1,2,3,4,5,6,7,8,9",
    "fashion_mnist": "T-shirt/top,Trouser,Pullover,Dress,Coat,Sandal,Shirt,Sneaker,"
    "Bag,Ankle boot",
    "cifar10": "airplane,automobile,bird,cat,deer,dog,frog,horse,ship,truck",
}


@dataclass(frozen=True, eq=False)
class Split:
    """The images of one part of a data set, and what they show.

    images: uint8 (n, 28, 28), or (n, 32, 32, 3) with red, green, blue last; 0 to 255
    labels: int64 (n,), the index into the data set's classes
    mean, std: float32, () for grey and (3,) for color, of the training images when
        0 to 255 is scaled to 0 to 1; the test part carries those of the training part
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    mean: NDArray[np.float32]
    std: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.images)

    def inputs(self, normalize: bool = True) -> NDArray[np.float32]:
        """The images as new rows of float32 (n, 784), or (n, 3072) for color.

        Each pixel is (value / 255 - mean) / std, or value / 255 without normalize.
        """
        inputs = self.images / np.float32(255)
        if normalize:
            inputs -= self.mean
            inputs /= self.std
        return inputs.reshape(len(self), -1)


@dataclass(frozen=True, eq=False)
class Dataset:
    """A data set by name, its two parts, the names of its ten classes, its source.

    source: "original", or "stand-in" where the files are not at hand
    """

    name: str
    train: Split
    test: Split
    classes: tuple[str, ...]
    source: Literal["original", "stand-in"]


def load(name: str) -> Dataset:
    """Load "mnist", "fashion_mnist" or "cifar10", downloading it if it isn't here.

    Looks in the folder that the environment variable DL_DATA names (~ is your home),
    then in the user's cache, and takes the first place with any of the set's files:
    MNIST/raw and the like, as torchvision has them, or for MNIST the folder itself.
    Each may be packed as .gz. What neither has, and what is missing or damaged in the
    cache, is downloaded into the cache, unless the variable DL_OFFLINE is "1". Where
    that is so or fails, prints a line that says so and returns a stand-in of 6,000 +
    1,000 images.

    Raises ValueError for an unknown name and for a file with another MD5 than
    published; FileNotFoundError if some of the files are missing (both only in
    DL_DATA, or offline), if DL_DATA names no folder, or if it takes a stand-in and the
    variable DL_STAND_INS is "never".
    Sources: LeCun et al. 1998 (MNIST), Xiao et al. 2017, arXiv:1708.07747
    (Fashion-MNIST), Krizhevsky 2009 (CIFAR-10).
    """
    contents, why = _contents(name)
    train, test = _parts(name, contents) if contents else _stand_in(name, why)
    mean, std = _mean_and_std(train[0])
    return Dataset(
        name,
        Split(*train, mean, std),
        Split(*test, mean, std),
        tuple(CLASSES[name].split(",")),
        "original" if contents else "stand-in",
    )


def hashes(*names: str) -> dict[str, str]:
    """The SHA-256 of data sets by name, as sweeps and cards note what was trained on.

    It is taken of the images and the labels of the training part, then of the test
    part, as load returns them. Raises what load raises, and ValueError where it gives a
    stand-in: results are measured on originals only.
    """
    found = {}
    for name in names:
        dataset = load(name)
        if dataset.source == "stand-in":
            raise ValueError(f"{name} is a stand-in; put the real files there")
        digest = hashlib.sha256()
        for split in (dataset.train, dataset.test):
            digest.update(split.images.data)
            digest.update(split.labels.data)
        found[name] = digest.hexdigest()
    return found


def root(name: str) -> Path:
    """The folder that DL_DATA has to name for a program to read what load(name) does.

    Raises FileNotFoundError if no file of the set is at hand, and what available does.
    """
    located = _located(name).values()
    for root in _roots():
        if any(path.parent in _folders(root, name) for path in located):
            return root
    raise FileNotFoundError(f"no {name} on this machine; make data, or set DL_DATA")


def available(name: str) -> bool:
    """Whether load(name) would find all the files; it doesn't look into them.

    Raises ValueError for an unknown name, FileNotFoundError if DL_DATA names no folder.
    """
    return not _missing(name, _located(name))


def write(dataset: Dataset, root: str | Path) -> None:
    """Write "mnist" or "fashion_mnist" into a folder as torchvision wants to find it.

    dataset: what load returned, a stand-in or the original, or a variant of it
    root: gets MNIST/raw or FashionMNIST/raw with four unpacked files; made if need be

    So torchvision.datasets.MNIST(root) reads a stand-in too; `load` takes the original
    only. Each file is whole or absent whenever the process is killed.
    Raises ValueError for another data set and for images or labels that such files
    can't hold; FileExistsError for a file that is there with other contents, packed or
    not: a stand-in must not replace the original, nor mix with it.
    """
    if dataset.name not in ("mnist", "fashion_mnist"):
        raise ValueError(
            f"write(dataset, root) got {dataset.name!r}, expected 'mnist' or "
            "'fashion_mnist'; read other sets with load"
        )
    folder = Path(root) / FOLDERS[dataset.name]
    contents = _idx("train", dataset.train) | _idx("t10k", dataset.test)
    for file, content in contents.items():
        path, packed = folder / file, folder / f"{file}.gz"
        if path.exists() and path.read_bytes() != content:
            other = path
        elif packed.exists() and _md5(content) != CHECKSUMS[dataset.name][file]:
            other = packed
        else:
            continue
        raise FileExistsError(
            f"{other} holds other data than the {dataset.source} {dataset.name} to be "
            "written; write it into an empty folder"
        )
    folder.mkdir(parents=True, exist_ok=True)
    for file, content in contents.items():
        write_whole(folder / file, content)


def _idx(part: str, split: Split) -> dict[str, bytes]:
    """The two files of a part: a number for the type, the shape, the values."""
    images, labels = split.images, split.labels
    if images.dtype != np.uint8 or images.ndim != 3:
        raise ValueError(
            f"{part} images are {images.dtype} {images.shape}; "
            "expected uint8 (n, height, width), as load returns them"
        )
    if labels.shape != images.shape[:1] or labels.dtype.kind not in "iu":
        raise ValueError(
            f"{part} labels are {labels.dtype} {labels.shape}; "
            f"expected whole numbers, one for each of {len(images)} images"
        )
    if not ((labels >= 0) & (labels <= 255)).all():
        reach = f"{labels.min()} to {labels.max()}"
        raise ValueError(f"{part} labels reach from {reach}; expected 0 to 255")
    labels = labels.astype(np.uint8)
    heads = (
        np.array([0x803, *images.shape], ">u4"),
        np.array([0x801, len(labels)], ">u4"),
    )
    return {
        f"{part}-images-idx3-ubyte": heads[0].tobytes() + images.tobytes(),
        f"{part}-labels-idx1-ubyte": heads[1].tobytes() + labels.tobytes(),
    }


def _located(name: str) -> dict[str, Path]:
    """Where the files are, by name without .gz, in the first folder that has any."""
    if name not in FOLDERS:
        raise ValueError(f"no data set {name!r}; there are {', '.join(FOLDERS)}")
    folders = (folder for root in _roots() for folder in _folders(root, name))
    return next(filter(None, (_files(folder, name) for folder in folders)), {})


def _folders(root: Path, name: str) -> list[Path]:
    """Where a set's files may lie below root; names like MNIST's don't tell the set."""
    return [root / FOLDERS[name], *([root] if name == "mnist" else [])]


def _roots() -> Iterator[Path]:
    if given := os.environ.get("DL_DATA"):
        if not Path(given).expanduser().is_dir():
            problem = f"DL_DATA={given} is no folder; correct it or unset it"
            raise FileNotFoundError(problem)
        yield Path(given).expanduser()
    yield _cache()


def _cache() -> Path:
    return user_cache_path("deep-learning-proved")


def _files(folder: Path, name: str) -> dict[str, Path]:
    paths: dict[str, Path] = {}
    for path in (folder / file for file in CHECKSUMS[name]):
        if path.is_file():
            paths.setdefault(path.name.removesuffix(".gz"), path)
    return paths


def _missing(name: str, paths: dict[str, Path]) -> list[str]:
    wanted = {file.removesuffix(".gz") for file in CHECKSUMS[name]}
    return sorted(wanted - set(paths))


def _contents(name: str) -> tuple[dict[str, bytes], str]:
    """What is in the files, by name; or nothing, and why a download failed."""
    paths, damage = _located(name), ""
    offline = os.environ.get("DL_OFFLINE") == "1"
    try:
        if paths or offline:
            return _read(name, paths), ""
    except (FileNotFoundError, ValueError) as error:
        damage = f"{error}; "
        in_cache = {_cache() / FOLDERS[name]} == {
            path.parent for path in paths.values()
        }
        if offline or not in_cache:
            raise
    folder = _cache() / FOLDERS[name]
    try:
        return downloads.fetch(name, folder, CHECKSUMS[name]), ""
    except OSError as error:
        return {}, f"{damage}{error}"


def _read(name: str, paths: dict[str, Path]) -> dict[str, bytes]:
    if paths and (missing := _missing(name, paths)):
        folder = next(iter(paths.values())).parent
        for path in paths.values():
            _refuse_other_set(name, path)
        raise FileNotFoundError(
            f"{folder} has only a part of {name}; restore {', '.join(missing)} there"
        )
    return {file: _content(name, path) for file, path in paths.items()}


def _refuse_other_set(name: str, path: Path) -> None:
    """Raise ValueError for a whole file of a set that names its files alike."""
    found = _md5(path.read_bytes())
    sets = [each for each, known in CHECKSUMS.items() if found in known.values()]
    if sets and name not in sets:
        raise ValueError(
            f"{path} is whole, but of {sets[0]}, which belongs into a folder "
            f"{FOLDERS[sets[0]]}; let DL_DATA name the folder that has {name} in "
            f"{FOLDERS[name]}"
        )


def _content(name: str, path: Path) -> bytes:
    content = path.read_bytes()
    found, expected = _md5(content), CHECKSUMS[name][path.name]
    if found != expected:
        _refuse_other_set(name, path)
        raise ValueError(
            f"{path} ({len(content):,} bytes) has MD5 {found}, expected {expected}: it "
            "is damaged, cut short or another file; delete it and restore it"
        )
    return gzip.decompress(content) if path.suffix == ".gz" else content


def _md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def _parts(name: str, contents: dict[str, bytes]) -> tuple[Part, Part]:
    if name == "cifar10":
        return _cifar10(contents)
    return _mnist(contents, "train"), _mnist(contents, "t10k")


def _mnist(contents: dict[str, bytes], part: str) -> Part:
    # The checksum vouches for the headers: 16 bytes before pixels, 8 before labels.
    images = bytearray(contents[f"{part}-images-idx3-ubyte"])  # bytes are not writable
    labels = np.frombuffer(contents[f"{part}-labels-idx1-ubyte"], np.uint8, offset=8)
    pixels = np.frombuffer(images, np.uint8, offset=16)
    return pixels.reshape(-1, 28, 28), labels.astype(np.int64)


def _cifar10(contents: dict[str, bytes]) -> tuple[Part, Part]:
    batches = [_batch(contents[f"data_batch_{i}"]) for i in range(1, 6)]
    images, labels = zip(*batches, strict=True)
    train = np.concatenate(images), np.concatenate(labels)
    return train, _batch(contents["test_batch"])


def _batch(content: bytes) -> Part:
    with warnings.catch_warnings():  # NumPy 2.4.0 complains of a pickle this old
        warnings.simplefilter("ignore")
        batch = pickle.loads(content, encoding="bytes")
    images = batch[b"data"].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(images), np.array(batch[b"labels"], np.int64)


def _stand_in(name: str, why: str) -> tuple[Part, Part]:
    folder = next(_roots()) / FOLDERS[name]
    missing = f"{name} on this machine"
    advice = f"put the real files, named as torchvision names them, into {folder}"
    if why:
        missing += f", and no download ({why})"
        advice += ", or set DL_DATA to their folder"
    if os.environ.get("DL_STAND_INS") == "never":
        raise FileNotFoundError(f"no {missing}; {advice}")
    print(f"No {missing}: {stand_ins.CONTENTS[name]} stand in; {advice}.")
    return stand_ins.make(name)


def _mean_and_std(images: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
    rows = images.reshape(len(images), -1)
    squares = np.square(rows, dtype=np.uint16)  # 255**2 fits
    # Sums of integers are exact, so every machine finds the same constants.
    sums = np.stack([values.sum(axis=0, dtype=np.int64) for values in (rows, squares)])
    sums = sums.reshape(2, -1, *images.shape[3:]).sum(axis=1)  # (2,) or (2, channels)
    mean, mean_square = sums / (images.size // sums[0].size)
    std = np.sqrt(mean_square - mean**2)
    return [np.asarray(value / 255, np.float32) for value in (mean, std)]
