"""The share of MNIST's test images that the network in weights.pkl reads right.

    python evaluate.py

or `evaluate_hw1()` from another program, from any folder. The images come from the
folder that DL_DATA names, else from data/ beside this file, else from beside it: there
in MNIST/raw, or directly, packed as .gz or not. Else torchvision downloads them into
data/.
"""

import gzip
import math
import os
import sys
import zipfile
import zlib
from pathlib import Path

import torch
from torchvision.datasets import MNIST

HERE = Path(__file__).resolve().parent


def evaluate_hw1():
    """The accuracy on MNIST's test images, a float from 0 to 1.

    Raises FileNotFoundError where the weights or the images are missing, ValueError
    where one of their files is not what it should be.
    """
    layers, mean, std = load_weights(HERE / "weights.pkl")
    images, labels = load_test_images()
    z = logits(layers, (images.flatten(1).float() / 255 - mean) / std)
    if not z.isfinite().all():
        raise ValueError("the network's outputs overflow; its weights are too large")
    return (z.argmax(dim=1) == labels).double().mean().item()


def logits(layers, x):
    """What the network says to x (n, 784): linear layers, negatives cut off between."""
    for w, b in layers[:-1]:
        x = (x @ w + b).clamp(min=0)
    w, b = layers[-1]
    return x @ w + b


def load_weights(path):
    """The layers [(w1, b1), …], and the mean and standard deviation of their inputs."""
    if not path.is_file():
        advice = "make it there with: python train.py --seed 2 --out weights.pkl"
        raise FileNotFoundError(f"{path} is missing; {advice}")
    try:  # weights_only: a pickle that would run code is refused
        with zipfile.ZipFile(path) as archive:
            if (broken := archive.testzip()) is not None:
                raise ValueError(f"{broken} has another checksum")
        found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        problem = f"{path} is damaged, or holds more than tensors, and was not loaded"
        raise ValueError(f"{problem} ({type(error).__name__})") from None
    tensors = isinstance(found, dict) and all(map(is_plain, found.values()))
    depth = (len(found) - 2) // 2 if tensors else 0
    expected = ["mean", "std", *(f"{c}{i}" for i in range(1, depth + 1) for c in "wb")]
    if depth < 2 or set(found) != set(expected):
        expected = "float32 tensors w1, b1, w2, b2, …, mean, std"
        raise ValueError(f"{path} is no dict of {expected}")
    layers = [(found[f"w{i}"], found[f"b{i}"]) for i in range(1, depth + 1)]
    fan_in = 28 * 28
    for number, (w, b) in enumerate(layers, 1):
        width = w.shape[1] if w.ndim == 2 else b.numel()
        fan_out = 10 if number == depth else width
        for name, tensor, shape in (("w", w, (fan_in, fan_out)), ("b", b, (fan_out,))):
            if tensor.shape != shape:
                problem = f"{name}{number} has shape {tuple(tensor.shape)}"
                raise ValueError(f"{path}: {problem}; expected {shape}")
        fan_in = fan_out
    for name, tensor in found.items():
        if not tensor.isfinite().all():
            raise ValueError(f"{path}: {name} has entries that are no finite numbers")
    if found["mean"].ndim or found["std"].ndim or found["std"] <= 0:
        raise ValueError(
            f"{path}: mean and std have to be single numbers, std positive"
        )
    return layers, found["mean"], found["std"]


def is_plain(value):
    """Whether it is a float32 tensor with all of its numbers in memory."""
    if type(value) is not torch.Tensor or value.layout != torch.strided:
        return False
    stored = value.device.type == "cpu" and value.untyped_storage().nbytes()
    return value.dtype == torch.float32 and stored >= 4 * value.numel() > 0


def load_test_images():
    """MNIST's test images uint8 (n, 28, 28) and labels int64 (n,)."""
    stem = folder() / "t10k"
    images = read(Path(f"{stem}-images-idx3-ubyte"), axes=3)
    labels = read(Path(f"{stem}-labels-idx1-ubyte"), axes=1).long()
    if images.shape[1:] != (28, 28) or not len(images) == len(labels) > 0:
        found = f"images {tuple(images.shape)}, {len(labels)} labels"
        raise ValueError(f"{stem}-…: {found}; expected as many of each, 28 by 28")
    if labels.max() > 9:
        raise ValueError(f"{stem}-…: label {labels.max()}; MNIST's are 0 to 9")
    return images, labels


def folder():
    """Where MNIST's files are; downloaded into data/ if they are nowhere."""
    given = os.environ.get("DL_DATA")
    roots = [Path(given).expanduser()] if given else [HERE / "data", HERE]
    folders = [root / place for root in roots for place in ("MNIST/raw", "")]
    for each in folders:
        if any(each.glob("*-idx?-ubyte*")):
            return each
    try:
        if given:
            raise ValueError(f"DL_DATA is {given}")
        MNIST(roots[0], download=True)
    except Exception as error:
        why = " ".join(str(error).split()) or type(error).__name__
        problem = f"no MNIST in {folders[0]}, and no download: {why}"
        raise FileNotFoundError(f"{problem}; put the four files there") from None
    return folders[0]


def read(path, axes):
    """A file of bytes as MNIST has them, packed as .gz or not: a uint8 tensor."""
    packed = path.with_name(f"{path.name}.gz")
    plain = path.exists() or not packed.exists()
    try:
        content = path.read_bytes() if plain else gzip.decompress(packed.read_bytes())
    except (EOFError, gzip.BadGzipFile, zlib.error):
        content = b""
    kind, start = bytes([0, 0, 8, axes]), 4 + 4 * axes
    shape = [int.from_bytes(content[at : at + 4], "big") for at in range(4, start, 4)]
    if content[:4] != kind or len(content) != start + math.prod(shape):
        found = f"{len(content)} bytes beginning with {content[:4].hex(' ')}"
        expected = f"{kind.hex(' ')} (unsigned bytes), {axes} sizes, and all the values"
        raise ValueError(
            f"{path if plain else packed} holds {found}; expected {expected}"
        )
    return torch.frombuffer(bytearray(content), dtype=torch.uint8)[start:].view(shape)


if __name__ == "__main__":
    try:
        print(f"MNIST test accuracy {evaluate_hw1():.2%}")
    except (OSError, ValueError) as error:
        sys.exit(f"evaluate.py: {error}")
    except (MemoryError, RuntimeError) as error:  # torch raises the latter
        if "memory" not in repr(error).lower():
            raise
        sys.exit("evaluate.py: not enough memory; end other programs")
