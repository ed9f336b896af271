"""Small images that take the place of a data set whose files are not at hand.

They have the shapes, types and ten labels of the real sets, so that every cell runs.
Only integers are computed with, so all machines make the same bytes.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

TRAIN, TEST = 6_000, 1_000
CONTENTS = {
    "mnist": "6,000 + 1,000 enlarged digits from scikit-learn",
    "fashion_mnist": "6,000 + 1,000 drawn shapes",
    "cifar10": "6,000 + 1,000 drawn shapes in color",
}

Random = np.random.RandomState
Integers = NDArray[np.int64]
Shape = Callable[[Integers, Integers, Integers], NDArray[np.bool_]]
Images = NDArray[np.uint8]
Part = tuple[Images, Integers]  # images, labels


def make(name: str) -> tuple[Part, Part]:
    """Make the stand-in for one data set: (images, labels) to train on, and to test.

    name: "mnist" gives the handwritten digits that ship inside scikit-learn (Alpaydin
        and Kaynak, Optical Recognition of Handwritten Digits, UCI 1998), enlarged;
        "fashion_mnist" and "cifar10" give drawn shapes, one for each label.

    Returns images uint8 (6000 or 1000, 28, 28), for "cifar10" (..., 32, 32, 3), with
    values 0 to 255, and labels int64 of the same length, 0 to 9. Every call returns
    the same bytes. No digit that a test image is made from is in a training image.
    Raises ValueError for any other name.
    """
    # NumPy promises that RandomState's numbers, unlike default_rng's, never change.
    rng = Random(1998)
    if name == "mnist":
        return _digits(rng)
    if name == "fashion_mnist":
        return _drawn(rng, TRAIN, (28, 28)), _drawn(rng, TEST, (28, 28))
    if name == "cifar10":
        return _drawn(rng, TRAIN, (32, 32, 3)), _drawn(rng, TEST, (32, 32, 3))
    raise ValueError(f"no stand-in for {name!r}; there are {', '.join(CONTENTS)}")


def _digits(rng: Random) -> tuple[Part, Part]:
    from sklearn.datasets import load_digits  # takes most of a second: only if needed

    digits = load_digits()
    images = _enlarged(digits.images.astype(np.int64))
    labels = digits.target.astype(np.int64)
    # The digits are ordered by writer, so the last ones come from other hands.
    train, test = np.split(np.arange(len(labels)), [1_500])
    return (
        _shifted(rng, images[train], labels[train], TRAIN),
        _shifted(rng, images[test], labels[test], TEST),
    )


def _enlarged(small: Integers) -> Images:
    """Images (n, 8, 8) of 0 to 16, three times as large, interpolated linearly."""
    triple = np.repeat(np.eye(8, dtype=np.int64), 3, axis=0)  # (24, 8)
    blur = sum(np.eye(24, k=k, dtype=np.int64) for k in (-1, 0, 1))
    grow = blur @ triple
    return (grow @ small @ grow.T * 255 // (16 * 3 * 3)).astype(np.uint8)


def _shifted(rng: Random, images: Images, labels: Integers, count: int) -> Part:
    """Cycle through images (n, 24, 24), each placed up to 2 pixels off the center."""
    chosen = rng.permutation(np.arange(count) % len(images))
    placed = np.zeros((count, 28, 28), np.uint8)
    corners = rng.randint(0, 5, (count, 2))
    for i, (row, column) in enumerate(corners):
        placed[i, row : row + 24, column : column + 24] = images[chosen[i]]
    return placed, labels[chosen]


def _far(x: Integers, y: Integers) -> Integers:
    return np.maximum(abs(x), abs(y))


# One shape a label: is the pixel (x, y), seen from the center, inside at radius r?
SHAPES: tuple[Shape, ...] = (
    lambda x, y, r: x**2 + y**2 <= r**2,  # disk
    lambda x, y, r: abs(x**2 + y**2 - r**2) <= 2 * r,  # ring
    lambda x, y, r: _far(x, y) < r,  # square
    lambda x, y, r: abs(_far(x, y) - r) <= 1,  # frame
    lambda x, y, r: abs(x) + abs(y) <= r,  # diamond
    lambda x, y, r: (_far(x, y) <= r) & ((abs(x) <= 1) | (abs(y) <= 1)),  # plus
    lambda x, y, r: (_far(x, y) <= r) & (abs(abs(x) - abs(y)) <= 1),  # diagonal cross
    lambda x, y, r: (abs(y) <= r) & (2 * abs(x) <= r + y),  # triangle
    lambda x, y, r: (_far(x, y) <= r) & (y % 4 < 2),  # lying stripes
    lambda x, y, r: (_far(x, y) <= r) & (x % 4 < 2),  # standing stripes
)


def _drawn(rng: Random, count: int, shape: tuple[int, ...]) -> Part:
    """Shapes of random place, size and brightness, under noise."""
    labels = rng.permutation(np.arange(count) % 10)
    inside = _inside(rng, labels, side=shape[0])
    inside = inside.reshape(count, *shape[:2], *[1] * len(shape[2:]))
    color = (count, 1, 1, *shape[2:])
    ground = rng.randint(30, 90, color, dtype=np.int16)
    contrast = rng.randint(40, 120, color, dtype=np.int16)
    noise = rng.randint(-60, 61, (count, *shape), dtype=np.int16)
    return np.clip(ground + contrast * inside + noise, 0, 255).astype(np.uint8), labels


def _inside(rng: Random, labels: Integers, side: int) -> NDArray[np.bool_]:
    count = len(labels)
    row, column = rng.randint(side // 2 - 2, side // 2 + 3, (2, count, 1, 1))
    radius = rng.randint(side // 4, side // 3 + 1, (count, 1, 1))
    y = np.arange(side)[:, None] - row
    x = np.arange(side) - column
    inside = np.empty((count, side, side), bool)
    for label, shape in enumerate(SHAPES):
        own = labels == label
        inside[own] = shape(x[own], y[own], radius[own])
    return inside
