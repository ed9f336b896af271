"""`prove`: a formula against independent witnesses, at random points, in float64."""

from collections.abc import Callable
from zlib import crc32

import numpy as np
from numpy import ndarray as Array

from helpers.differences import central_differences
from helpers.points import LENGTHS, Point, has_lengths, points
from helpers.record import say

Formula = Callable[..., Array | float]
DIFFERENCES = "central differences"
# How far from a witness the formula may be, relative to the largest entry.
BOUNDS = {DIFFERENCES: 1e-6}
BOUND = 1e-9
LIBRARIES = {"scipy": "SciPy", "torch": "torch", "sklearn": "scikit-learn"}


def prove(
    number: str,
    formula: Formula,
    *,
    at: dict[str, str] | Array,
    derivative_of: Formula | None = None,
    equals: Formula | None = None,
    at_most: Formula | None = None,
    reached: Callable[..., tuple] | None = None,
    witness: Formula | None = None,
    lengths: tuple[float, float] = LENGTHS,
) -> None:
    """Raise AssertionError unless equation `number` holds; say one line if it does.

    formula: the equation's right-hand side, as the text has it.
    at: what to draw the points from (see `helpers.points`), or one array, the point.
    derivative_of: the formula is the derivative of this function by its first
        argument, of shape `output shape + argument shape`.
    equals: the formula equals this function.
    at_most: the formula is nowhere above this function.
    reached: with `at_most`, takes a point to one where the two sides are equal.
    witness: an independent implementation of the formula (`autograd(f)`, SciPy, …).
    lengths: the range of the real arguments' sizes.

    All functions take the arguments of `at` by position. TypeError unless exactly one
    of `derivative_of`, `equals` and `at_most` is given.
    """
    if sum(side is not None for side in (derivative_of, equals, at_most)) != 1:
        raise TypeError("give exactly one of derivative_of=, equals=, at_most=")
    witnesses = {}
    if derivative_of is not None:
        witnesses[DIFFERENCES] = _differences(derivative_of)
    if equals is not None:
        witnesses["the other side"] = equals
    if witness is not None:
        witnesses[_name(witness)] = witness
    drawn = _points(number, at, lengths)
    with np.errstate(all="ignore"):  # overflow shows as a value not finite
        for index, point in enumerate(drawn):
            where = f"({number}) fails at point {index} ({_shapes(point)})"
            value = _value(formula, point, f"{where}: formula")
            for name, function in witnesses.items():
                expected = _value(function, point, f"{where}: {name}")
                _compare(value, expected, point, name, where)
        if at_most is not None:
            _bound(formula, at_most, reached, drawn, number)
    said = _within(witnesses) if witnesses else "never above the bound"
    said += ", which it reaches" if reached is not None else ""
    line = f"({number}) holds at {_where(at, drawn, lengths)}: {said}"
    say(line, verb="prove", number=number)


def autograd(function: Callable) -> Formula:
    """The derivative of a `function` written in torch, by its first argument.

    The result takes and returns float64 NumPy arrays, of shape
    `output shape + argument shape`.
    """

    def derivative(*args: Array) -> Array:
        import torch

        first, *others = (torch.from_numpy(arg) for arg in args)
        return torch.autograd.functional.jacobian(
            lambda first: function(first, *others), first
        ).numpy()

    derivative.witness_name = "torch's autograd"
    return derivative


def _differences(function: Formula) -> Formula:
    return lambda first, *others: central_differences(
        lambda x: np.asarray(function(x, *others)), first
    )


def _points(number: str, at: dict | Array, lengths: tuple) -> list[Point]:
    if isinstance(at, dict):
        return list(points(at, seed=crc32(number.encode()), lengths=lengths))
    return [{"x": np.asarray(at, dtype=float)}]


def _value(function: Formula, point: Point, what: str) -> Array:
    try:
        value = function(*(argument.copy() for argument in point.values()))
        value = np.asarray(value, dtype=float)
    except Exception as error:
        raise AssertionError(
            f"{what} raises {type(error).__name__}: {error}"
        ) from error
    if not np.isfinite(value).all():
        raise AssertionError(f"{what} is not finite: {value.ravel()[:3]}")
    return value


def _compare(
    value: Array, expected: Array, point: Point, name: str, where: str
) -> None:
    if value.shape != expected.shape:
        raise AssertionError(
            f"{where}: formula has shape {value.shape}, {name} {expected.shape}"
        )
    bound = BOUNDS.get(name, BOUND)
    # Rounding in the arguments limits how exact any witness can be.
    rounding = 0.01 * bound * max(1, *(np.abs(arg).max() for arg in point.values()))
    apart = np.abs(value - expected)
    if (apart > bound * np.abs(expected).max(initial=0) + rounding).any():
        worst = np.unravel_index(apart.argmax(), apart.shape)
        entry = f", entry {tuple(map(int, worst))}" if worst else ""
        got, wanted = value[worst], expected[worst]
        raise AssertionError(
            f"{where}{entry}:\n"
            f"formula {got:.4g}, {name} {wanted:.4g} ({_factor(got, wanted)})"
        )


def _factor(got: float, wanted: float) -> str:
    if abs(wanted) < 1e-12 * abs(got):
        return "it should vanish"
    ratio = got / wanted
    if np.isclose(ratio, -1):
        return "the sign is wrong"
    if abs(ratio) > 1:
        return f"{ratio:.3g} times too large"
    return f"{1 / ratio:.3g} times too small" if ratio else "it should not vanish"


def _bound(
    formula: Formula,
    at_most: Formula,
    reached: Callable[..., tuple] | None,
    drawn: list[Point],
    number: str,
) -> None:
    """`formula <= at_most` everywhere, up to rounding, and equal where reached."""
    for index, point in enumerate(drawn):
        where = f"({number}) fails at point {index} ({_shapes(point)})"
        low = _value(formula, point, f"{where}: formula")
        high = _value(at_most, point, f"{where}: bound")
        above = low > high + BOUND * np.maximum(1, np.abs(high))
        if above.any():
            low, high = (
                np.broadcast_to(side, above.shape)[above] for side in (low, high)
            )
            raise AssertionError(f"{where}: {low[0]:.4g} is above {high[0]:.4g}")
        if reached is not None:
            best = dict(zip(point, reached(*point.values()), strict=True))
            value = _value(formula, best, f"{where}: formula")
            _compare(
                value, _value(at_most, best, f"{where}: bound"), best, "bound", where
            )


def _name(witness: Formula) -> str:
    """The library that a witness belongs to or calls, by its usual name."""
    if hasattr(witness, "witness_name"):
        return witness.witness_name
    witness = getattr(witness, "func", witness)  # what a functools.partial calls
    words = {(getattr(witness, "__module__", None) or "").partition(".")[0]}
    words.update(getattr(getattr(witness, "__code__", None), "co_names", ()))
    known = [name for word, name in LIBRARIES.items() if word in words]
    return known[0] if known else "the witness"


def _shapes(point: Point) -> str:
    shapes = {name: "×".join(map(str, arg.shape)) for name, arg in point.items()}
    return ", ".join(f"{name} {shape or 'a number'}" for name, shape in shapes.items())


def _where(at: dict | Array, drawn: list[Point], lengths: tuple) -> str:
    if not isinstance(at, dict):
        return "one point"
    low, high = map(_power, lengths)
    swept = f" of lengths {low} to {high}" if has_lengths(at) else ""
    return f"{len(drawn)} random points{swept}"


def _within(witnesses: dict[str, Formula]) -> str:
    close = [f"{_power(BOUNDS.get(name, BOUND))} of {name}" for name in witnesses]
    return f"within {' and '.join(close)}"


def _power(number: float) -> str:
    return f"{number:.0e}".replace("e-0", "e-").replace("e+0", "e")
