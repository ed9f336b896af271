"""`prove`: a formula against independent witnesses, at random points, in float64."""

from collections.abc import Callable, Sequence
from typing import NamedTuple
from zlib import crc32

import numpy as np
from numpy import ndarray as Array

from helpers.differences import central_differences
from helpers.points import LENGTHS, Point, points
from helpers.record import say
from helpers.wording import (
    describe_difference,
    describe_points,
    describe_shapes,
    name_of,
    power,
)

Formula = Callable[..., Array | float]
EXACT, EXTRAPOLATED = 1e-9, 1e-6  # how far apart, relative to the largest entry


class Witness(NamedTuple):
    """What a formula is compared with, and how close it has to be."""

    name: str
    function: Formula
    bound: float


def prove(
    number: str,
    formula: Formula,
    *,
    at: dict[str, str] | Array,
    derivative_of: Formula | None = None,
    equals: Formula | None = None,
    at_most: Formula | None = None,
    reached: Callable[..., tuple] | None = None,
    witness: Formula | Sequence[Formula] = (),
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
    witness: an independent implementation of the formula (`autograd(f)`, SciPy, …), or
        several.
    lengths: the range of the real arguments' sizes.

    All functions take the arguments of `at` by position. Raises TypeError unless
    `number` is a string and exactly one of `derivative_of`, `equals` and `at_most` is
    given, ValueError for an `at` or `lengths` that can't be read.
    """
    if not isinstance(number, str):
        raise TypeError(
            f'the number is {number!r}; give a string, as in prove("4.3", …)'
        )
    if sum(side is not None for side in (derivative_of, equals, at_most)) != 1:
        raise TypeError("give exactly one of derivative_of=, equals=, at_most=")
    if reached is not None and at_most is None:
        raise TypeError("reached= goes with at_most= only")
    witnesses = []
    if derivative_of is not None:
        differences = _differences(derivative_of)
        witnesses.append(Witness("central differences", differences, EXTRAPOLATED))
    if equals is not None:
        witnesses.append(Witness("the other side", equals, EXACT))
    for other in (witness,) if callable(witness) else witness:
        witnesses.append(Witness(name_of(other), other, EXACT))
    drawn = _points(number, at, lengths)
    with np.errstate(all="ignore"):  # overflow shows as a value not finite
        for index, point in enumerate(drawn):
            where = f"({number}) fails at point {index}"
            for other in witnesses:
                _compare(formula, other, point, where)
            if at_most is not None:
                _bound(formula, at_most, reached, point, where)
    said = [f"{power(other.bound)} of {other.name}" for other in witnesses]
    if at_most is not None:
        said.append("never above the other side" + ", which it reaches" * bool(reached))
    *first, last = said
    words = (
        "within " * bool(witnesses) + ", ".join(first) + " and " * bool(first) + last
    )
    found = describe_points(at, len(drawn), lengths)
    say(f"({number}) holds at {found}: {words}", verb="prove", number=number)


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


def symbolic(function: Callable) -> Formula:
    """The derivative of `function` by its first argument, taken by sympy.

    function: takes an array of symbols for each array, a symbol for each number, and
        calculates with +, -, *, /, **, @, `sum` and sympy's own functions.

    The result takes and returns float64 NumPy arrays, of shape
    `output shape + argument shape`.
    """

    def derivative(*args: Array) -> Array:
        import sympy

        symbols = [
            np.array(sympy.symbols(f"x{i}_:{arg.size}", real=True)).reshape(arg.shape)
            for i, arg in enumerate(args)
        ]
        value = np.asarray(function(*(each[()] for each in symbols)))
        variables = symbols[0].ravel()
        slopes = [sympy.diff(each, by) for each in value.flat for by in variables]
        every = [symbol for each in symbols for symbol in each.flat]
        numbers = [number for arg in args for number in arg.flat]
        found = sympy.lambdify(every, slopes, ["scipy", "numpy"])(*numbers)
        return np.array(found, dtype=float).reshape(value.shape + args[0].shape)

    derivative.witness_name = "sympy's derivative"
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
        value = np.asarray(function(*(value.copy() for value in point.values())))
    except Exception as error:
        raise AssertionError(
            f"{what} raises {type(error).__name__}: {error}"
        ) from error
    if value.dtype.kind not in "biuf" or value.size == 0:
        raise AssertionError(
            f"{what} gives {value.dtype} of shape {value.shape}; expected real numbers"
        )
    value = value.astype(float)
    if not np.isfinite(value).all():
        raise AssertionError(f"{what} is not finite: {value.ravel()[:3]}")
    return value


def _pair(formula: Formula, other: Witness, point: Point, where: str) -> tuple:
    """Both values at a point, of one shape."""
    where = f"{where} ({describe_shapes(point)})"
    value = _value(formula, point, f"{where}: formula")
    expected = _value(other.function, point, f"{where}: {other.name}")
    if value.shape != expected.shape:
        raise AssertionError(
            f"{where}: formula has shape {value.shape}, {other.name} {expected.shape}"
        )
    return value, expected


def _compare(formula: Formula, other: Witness, point: Point, where: str) -> None:
    value, expected = _pair(formula, other, point, where)
    # Rounding in the arguments limits how exact any witness can be.
    size = max(1, *(np.abs(argument).max() for argument in point.values()))
    rounding = 0.01 * other.bound * size
    apart = np.abs(value - expected)
    if (apart > other.bound * np.abs(expected).max() + rounding).any():
        worst = np.unravel_index(apart.argmax(), apart.shape)
        entry = f", entry {tuple(map(int, worst))}" if worst else ""
        got, wanted = value[worst], expected[worst]
        digits = 4 if f"{got:.4g}" != f"{wanted:.4g}" else 12
        raise AssertionError(
            f"{where} ({describe_shapes(point)}){entry}:\n"
            f"formula {got:.{digits}g}, {other.name} {wanted:.{digits}g} "
            f"({describe_difference(got, wanted)})"
        )


def _bound(
    formula: Formula,
    at_most: Formula,
    reached: Callable[..., tuple] | None,
    point: Point,
    where: str,
) -> None:
    """`formula <= at_most`, up to rounding, and equal where reached."""
    bound = Witness("the other side", at_most, EXACT)
    low, high = _pair(formula, bound, point, where)
    above = low > high + EXACT * np.maximum(1, np.abs(high))
    if above.any():
        raise AssertionError(
            f"{where} ({describe_shapes(point)}): {low[above][0]:.4g} is above the "
            f"other side, {high[above][0]:.4g}"
        )
    if reached is not None:
        best = dict(zip(point, reached(*point.values()), strict=True))
        _compare(formula, bound, best, f"{where}, where the bound is reached")
