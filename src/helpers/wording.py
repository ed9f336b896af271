"""The words in which `prove` says what holds, and where and how it fails."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy import ndarray as Array

from helpers.points import Point, has_lengths

LIBRARIES = {
    "scipy": "SciPy",
    "torch": "torch",
    "sklearn": "scikit-learn",
    "LinearRegression": "scikit-learn",
    "lstsq": "NumPy's lstsq",
    "eigvalsh": "NumPy's eigenvalues",
}


def name_of(witness: Callable) -> str:
    """The library that a witness belongs to or calls, by its usual name."""
    if hasattr(witness, "witness_name"):
        return witness.witness_name
    witness = getattr(witness, "func", witness)  # what a functools.partial calls
    words = {(getattr(witness, "__module__", None) or "").partition(".")[0]}
    words.update(getattr(getattr(witness, "__code__", None), "co_names", ()))
    known = [name for word, name in LIBRARIES.items() if word in words]
    return known[0] if known else "the witness"


def describe_shown(where: str | None) -> str:
    """As in "for all values at k = 2 and 3 and "."""
    return "" if where is None else f"for all values{where} and "


def describe_points(
    at: dict[str, str] | Sequence[dict[str, str]] | Array,
    count: int,
    lengths: tuple[float, float],
) -> str:
    """As in "24 random points of lengths 1e-3 to 1e4"."""
    if isinstance(at, Array):
        return "one point"
    low, high = (power(length) for length in lengths)
    swept = any(map(has_lengths, [at] if isinstance(at, dict) else at))
    return f"{count} random points" + f" of lengths {low} to {high}" * swept


def describe_bounds(bounds: list[str], at_most: bool, reached: bool) -> str:
    """As in "within 1e-6 of central differences and 1e-9 of SciPy"."""
    never = "never above the other side" + ", which it reaches" * reached
    *first, last = bounds + [never] * at_most
    return "within " * bool(bounds) + ", ".join(first) + " and " * bool(first) + last


def describe_shapes(point: Point) -> str:
    """As in "z of shape 3×5, c a number"."""
    shapes = {name: "×".join(map(str, arg.shape)) for name, arg in point.items()}
    return ", ".join(
        f"{name} of shape {shape}" if shape else f"{name} a number"
        for name, shape in shapes.items()
    )


def describe_difference(got: float, wanted: float) -> str:
    """As in "the sign is wrong, 3 times too large"."""
    if abs(wanted) < 1e-12 * abs(got):
        return "it should vanish"
    if got == 0:
        return "it should not vanish"
    ratio = abs(got / wanted)
    words = [] if got * wanted > 0 else ["the sign is wrong"]
    if not np.isclose(ratio, 1, rtol=1e-3):
        size = "large" if ratio > 1 else "small"
        words.append(f"{max(ratio, 1 / ratio):.3g} times too {size}")
    return ", ".join(words) or f"off by a relative {abs(got / wanted - 1):.1g}"


def power(number: float) -> str:
    """As in "1e-3", and as in "1.5" if that isn't exact."""
    rough = f"{number:.0e}"
    if float(rough) != number:
        return f"{number:g}"
    return rough.replace("e-0", "e-").replace("e+0", "e")
