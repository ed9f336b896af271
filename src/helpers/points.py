"""Random points at which `prove` compares a formula with its witnesses.

A point is drawn from a specification, one string an argument: the names of its axes,
then what it holds: real numbers, one-hot rows, rows of probabilities, or binary
entries, 0 and 1. `{"z": "n k", "y": "n k one-hot"}` asks for real `z` and one-hot
`y` of the same shape `(n, k)`. Sizes go from 1 to 7, lengths from 1e-3 to 1e4. An axis
"2" has two entries, and "n+1" or "n+d" as many as both together, where a formula needs
enough rows.
"""

import re
from collections.abc import Iterator

import numpy as np
from numpy import ndarray as Array

Point = dict[str, Array]
SIZES = (1, 7)
LENGTHS = (1e-3, 1e4)
KINDS = ("real", "one-hot", "probs", "binary")
AXIS = re.compile(r"[1-9]|[A-Za-z](\+([A-Za-z]|\d))?")


def points(
    spec: dict[str, str], seed: int, count: int = 24, lengths: tuple = LENGTHS
) -> Iterator[Point]:
    """Yield `count` points: first all sizes 1, then each axis 1 in turn, then random.

    `lengths` is for real arguments; rows of probabilities have small ones among them.
    Different axes have different sizes wherever they can, so that a wrong transpose
    shows. Over the points, each argument's length sweeps `lengths`, ends included.
    Raises ValueError for a specification or lengths that can't be read.
    """
    low, high = lengths
    if not 0 < low <= high:
        raise ValueError(f"lengths are {lengths}; expected two, 0 < low <= high")
    rng = np.random.default_rng(seed)
    words = [word for text in spec.values() for word in _read(text)[0]]
    axes = sorted({part for word in words for part in word.split("+")})
    axes = [axis for axis in axes if axis.isalpha()]
    if not spec or len(axes) > SIZES[1] - SIZES[0]:
        raise ValueError(
            f"the point {spec} has {len(spec)} arguments and {len(axes)} different "
            f"axes; expected one argument or more, {SIZES[1] - SIZES[0]} axes or fewer"
        )
    sweeps = {name: rng.permutation(np.geomspace(*lengths, count)) for name in spec}
    for number in range(count):
        sizes = dict(zip(axes, _sizes(rng, len(axes), number), strict=True))
        yield {
            name: _draw(text, sizes, sweeps[name][number], rng)
            for name, text in spec.items()
        }


def has_lengths(spec: dict[str, str]) -> bool:
    """Whether any argument of `spec` is real, so that its length is swept."""
    return any(_read(text)[1] == "real" for text in spec.values())


def _read(text: str) -> tuple[list[str], str]:
    """Split "n k one-hot" into its axes and its kind."""
    words = str(text).split()
    kind = words.pop() if words and words[-1] in KINDS else "real"
    if not all(AXIS.fullmatch(word) for word in words):
        raise ValueError(
            f"can't read the point {text!r}: expected a letter, a digit or a sum such "
            f"as n+1 for each axis, then one of {', '.join(KINDS)}, as in 'n k one-hot'"
        )
    if kind in ("one-hot", "probs") and not words:
        raise ValueError(
            f"the point {text!r} has no axis; rows have one, as in 'k probs'"
        )
    return words, kind


def _sizes(rng: np.random.Generator, count: int, number: int) -> Array:
    low, high = SIZES
    sizes = rng.permutation(np.arange(low + 1, high + 1))[:count]
    if number == 0:
        sizes[:] = 1
    elif number <= count:
        sizes[number - 1] = 1
    return sizes


def _draw(
    text: str, sizes: dict[str, int], length: float, rng: np.random.Generator
) -> Array:
    axes, kind = _read(text)
    shape = tuple(
        sum(int(sizes.get(part, part)) for part in axis.split("+")) for axis in axes
    )
    if kind == "probs":
        return rng.dirichlet(np.full(shape[-1], 0.5), shape[:-1])
    values = rng.normal(size=shape)
    if kind == "one-hot":
        return (values == values.max(axis=-1, keepdims=True)).astype(float)
    if kind == "binary":
        return np.asarray(values > 0, dtype=float)
    return np.asarray(length * values)
