"""Random points at which `prove` compares a formula with its witnesses.

A point is drawn from a specification, one string an argument: the names of its axes,
then what it holds: real numbers, positive ones, one-hot rows, rows of probabilities,
chances strictly between 0 and 1, or binary entries, 0 and 1. `{"z": "n k", "y": "n k
one-hot"}` asks for real `z` and one-hot `y` of the same shape `(n, k)`. Sizes go from 1
to 7, lengths from 1e-3 to 1e4. An axis "2" has two entries, and "n+1" or "n+d" as many
as both together, where a formula needs enough rows.
"""

import re
from collections.abc import Iterator

import numpy as np
from numpy import ndarray as Array

Point = dict[str, Array]
SIZES = (1, 7)
LENGTHS = (1e-3, 1e4)
TINY, TINY_CHANCE = 1e-12, 1e-300  # a real entry, relative to the others; a chance
SWEPT = ("real", "positive")  # whose lengths are swept
KINDS = (*SWEPT, "one-hot", "probs", "chance", "binary")
AXIS = re.compile(r"[1-9]|[A-Za-z](\+([A-Za-z]|\d))?")


def points(
    spec: dict[str, str], seed: int, count: int = 24, lengths: tuple = LENGTHS
) -> Iterator[Point]:
    """Yield `count` points: all sizes 1, each axis 1 in turn, all 3, then random sizes.

    `lengths` is for real and positive arguments. The random sizes of different axes
    differ, so that a wrong transpose shows. Over the points, each argument's length
    sweeps `lengths`, both ends at the last points, and at every third point one entry
    of an argument (of each row of probabilities) is tiny. Raises ValueError for a
    specification or lengths that can't be read.
    """
    low, high = lengths
    if not 0 < low <= high:
        raise ValueError(f"lengths are {lengths}; expected two, 0 < low <= high")
    rng = np.random.default_rng(seed)
    names = axes(spec)
    inner = np.geomspace(low, high, count)[1:-1]
    sweeps = {name: [*rng.permutation(inner), low, high] for name in spec}
    for number in range(count):
        sizes = dict(zip(names, _sizes(rng, len(names), number), strict=True))
        long = {name: sweep[number] for name, sweep in sweeps.items()}
        yield draw(spec, sizes, rng, long, tiny=number % 3 == 2)


def axes(spec: dict[str, str]) -> list[str]:
    """The letters of a specification, in the order of the alphabet."""
    words = [word for text in spec.values() for word in read(text)[0]]
    parts = sorted({part for word in words for part in word.split("+")})
    letters = [part for part in parts if part.isalpha()]
    if not spec or len(letters) > SIZES[1] - SIZES[0]:
        raise ValueError(
            f"the point {spec} has {len(spec)} arguments and {len(letters)} different "
            f"axes; expected one argument or more, {SIZES[1] - SIZES[0]} axes or fewer"
        )
    return letters


def draw(
    spec: dict[str, str],
    sizes: dict[str, int],
    rng: np.random.Generator,
    lengths: dict[str, float],
    tiny: bool = False,
) -> Point:
    """One point, of these sizes of the axes and lengths of the arguments."""
    return {
        name: _argument(text, sizes, rng, lengths[name], tiny)
        for name, text in spec.items()
    }


def has_lengths(spec: dict[str, str]) -> bool:
    """Whether any argument of `spec` has its length swept."""
    return any(read(text)[1] in SWEPT for text in spec.values())


def read(text: str) -> tuple[list[str], str]:
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


def joined(value: object) -> Array:
    """What a function returns as one array, the parts of a tuple one after another."""
    if isinstance(value, tuple) and len(value) > 1:
        return np.concatenate([np.ravel(part) for part in value])
    return np.asarray(value[0] if isinstance(value, tuple) else value)


def largest(value: Array, given: object) -> Array:
    """For each entry of `value`, the largest of its part of what was `given`."""
    parts = given if isinstance(given, tuple) else (given,)
    ends = np.cumsum([np.ravel(part).size for part in parts])[:-1]
    split = np.split(np.abs(np.asarray(value)).ravel(), ends)
    found = [np.full(part.size, part.max(initial=0)) for part in split]
    return np.concatenate(found).reshape(value.shape)


def _sizes(rng: np.random.Generator, count: int, number: int) -> Array:
    low, high = SIZES
    sizes = rng.permutation(np.arange(low + 1, high + 1))[:count]
    if number == 0:
        sizes[:] = 1
    elif number <= count:
        sizes[number - 1] = 1
    elif number == count + 1:
        sizes[:] = 3
    return sizes


def _argument(
    text: str,
    sizes: dict[str, int],
    rng: np.random.Generator,
    length: float,
    tiny: bool,
) -> Array:
    words, kind = read(text)
    shape = tuple(
        sum(int(sizes.get(part, part)) for part in word.split("+")) for word in words
    )
    if kind == "probs":
        return _probs(shape, rng, tiny)
    values = rng.normal(size=shape)
    if kind == "one-hot":
        return (values == values.max(axis=-1, keepdims=True)).astype(float)
    if kind == "binary":
        return np.asarray(values > 0, dtype=float)
    if kind == "chance":
        return _chances(np.asarray(1 / (1 + np.exp(-3 * values))), rng, tiny)
    values = np.asarray(length * (np.abs(values) if kind == "positive" else values))
    if tiny and values.size > 1:
        values[_any_entry(shape, rng)] *= _small(rng, TINY)
    return values


def _chances(values: Array, rng: np.random.Generator, tiny: bool) -> Array:
    if tiny and values.size > 1:
        values[_any_entry(values.shape, rng)] = _small(rng, TINY_CHANCE)
        values[_any_entry(values.shape, rng)] = 1 - _small(rng, TINY)
    return values


def _probs(shape: tuple[int, ...], rng: np.random.Generator, tiny: bool) -> Array:
    rows = rng.dirichlet(np.full(shape[-1], 0.5), shape[:-1])
    if tiny and shape[-1] > 1:
        for row in rows.reshape(-1, shape[-1]):  # a view
            least = row.argmin()
            row[least] = _small(rng, TINY_CHANCE)
            row /= row.sum()
    return rows


def _any_entry(shape: tuple[int, ...], rng: np.random.Generator) -> tuple[int, ...]:
    return tuple(rng.integers(size) for size in shape)


def _small(rng: np.random.Generator, least: float) -> float:
    return least ** rng.uniform()
