"""`prove`: a formula against independent witnesses, at random points, in float64."""

from collections.abc import Callable, Iterable, Sequence
from itertools import combinations
from typing import Any, NamedTuple
from zlib import crc32

import numpy as np
from numpy import ndarray as Array

from helpers.differences import EPS, central_differences
from helpers.points import LENGTHS, Point, joined, largest, points
from helpers.record import say
from helpers.sameness import same
from helpers.wording import (
    describe_bounds,
    describe_difference,
    describe_points,
    describe_shapes,
    describe_shown,
    name_of,
    power,
)

Formula = Callable[..., Array | float]
At = dict[str, str] | Sequence[dict[str, str]] | Array
EXACT, EXTRAPOLATED = 1e-9, 1e-6  # how far apart, relative to a part's largest entry
LOOSEST = 1e-3  # of the same: a value that rounding moves further says nothing


class Witness(NamedTuple):
    """What a formula is compared with, and how close it has to be.

    rounding: takes a point, gives what rounding alone may change in the entries.
    """

    name: str
    function: Formula
    bound: float
    rounding: Callable[[Point], Array | float] = lambda point: 0.0


def prove(
    number: str,
    formula: Formula,
    *,
    at: At,
    derivative_of: Formula | None = None,
    equals: Formula | None = None,
    at_most: Formula | None = None,
    reached: Callable[..., tuple] | None = None,
    witness: Formula | Sequence[Formula] = (),
    lengths: tuple[float, float] = LENGTHS,
    sizes: tuple[int, int] = (2, 3),
) -> None:
    """Raise AssertionError unless equation `number` holds; say one line if it does.

    formula: the equation's right-hand side, as the text has it.
    at: what to draw the points from (see `helpers.points`), or several such, or one
        array, the point.
    derivative_of: the formula is the derivative of this function by its first
        argument, of shape `output shape + argument shape`; if it returns a tuple, then
        those by its first arguments, in turn.
    equals: the formula equals this function.
    at_most: the formula is nowhere above this function.
    reached: with `at_most`, takes a point to one where the two sides are equal.
    witness: an independent implementation of the formula (`autograd(f)`, SciPy, …), or
        several.
    lengths: the range of the real arguments' sizes.
    sizes: of the axes, in turn, where sympy compares the sides for all values (see
        `helpers.algebra`). Where it can't, or isn't installed, the line doesn't say so.

    All functions take the arguments of `at` by position; of tuples, part is held
    against part. Raises TypeError unless
    `number` is a string and exactly one of `derivative_of`, `equals` and `at_most` is
    given, ValueError for an `at` or `lengths` that can't be read, and for two functions
    that run the same code, since neither is a witness of the other (in Python: what a
    compiled one runs isn't seen), and for one whose values are others when it is asked
    again.
    """
    if not isinstance(number, str):
        raise TypeError(
            f'the number is {number!r}; give a string, as in prove("4.3", …)'
        )
    if sum(side is not None for side in (derivative_of, equals, at_most)) != 1:
        raise TypeError("give exactly one of derivative_of=, equals=, at_most=")
    if reached is not None and at_most is None:
        raise TypeError("reached= goes with at_most= only")
    more = [witness] if callable(witness) else list(witness)
    drawn = _points(number, at, lengths)
    with np.errstate(all="ignore"):  # overflow shows as a value not finite
        count = _count(formula, drawn[0])
        if derivative_of is not None and count > len(drawn[0]):
            raise AssertionError(
                f"({number}) fails: the formula gives {count} derivatives, but the "
                f"point has {len(drawn[0])} arguments"
            )
        witnesses = _witnesses(derivative_of, count, equals, more)
        sides = [formula, equals, at_most, *more]
        _refuse_chance(number, [*sides, derivative_of], drawn[-1])
        _refuse_one_code(number, sides, drawn[-1])
        for index, point in enumerate(drawn):
            where = f"({number}) fails at point {index}"
            for other in witnesses:
                _compare(formula, other, point, where)
            if at_most is not None:
                _bound(formula, at_most, reached, point, where)
    side = equals if derivative_of is None else derivative_of
    by = count if side is derivative_of else 0
    shown = side and _shown(formula, side, at, by, sizes)
    bounds = [f"{power(other.bound)} of {other.name}" for other in witnesses]
    say(
        f"({number}) holds {describe_shown(shown)}at "
        f"{describe_points(at, len(drawn), lengths)}: "
        f"{describe_bounds(bounds, at_most is not None, reached is not None)}",
        verb="prove",
        number=number,
        grade="at random points" if shown is None else "symbolic",
    )


def autograd(function: Callable, count: int | None = None) -> Formula:
    """The derivative of a `function` written in torch, by its first argument.

    The result takes and returns float64 NumPy arrays, of shape
    `output shape + argument shape`; with a `count`, it returns a tuple of the
    derivatives by so many arguments.
    """

    def derivative(*args: Array) -> Array | tuple[Array, ...]:
        import torch

        tensors = tuple(torch.from_numpy(arg) for arg in args)
        by, others = tensors[: count or 1], tensors[count or 1 :]
        found = torch.autograd.functional.jacobian(
            lambda *by: function(*by, *others), by
        )
        arrays = tuple(each.numpy() for each in found)
        return arrays if count else arrays[0]

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


def _refuse_chance(number: str, functions: list[Formula | None], point: Point) -> None:
    for function in filter(None, functions):
        try:
            one, other = (joined(_own(function, point.values())) for _ in range(2))
        except Exception:  # the comparison at this point is going to report it
            continue
        if not np.array_equal(one, other, equal_nan=one.dtype.kind == "f"):
            name = getattr(function, "__name__", "a function")
            raise ValueError(
                f"({number}): {name} gives other values when it is asked again; let it "
                "draw no random numbers, or the same ones each time"
            )


def _own(function: Callable, args: Iterable[Array]) -> Any:
    """What it returns for copies, so that no other call sees what it changes."""
    return function(*(each.copy() for each in args))


def _count(formula: Formula, point: Point) -> int:
    """How many derivatives the formula returns."""
    try:
        value = _own(formula, point.values())
    except Exception:  # the comparison at this point is going to report it
        return 1
    return len(_parts(value))


def _parts(value: Any) -> tuple:
    return value if isinstance(value, tuple) else (value,)


def _witnesses(
    derivative_of: Formula | None,
    count: int,
    equals: Formula | None,
    more: list[Formula],
) -> list[Witness]:
    found = []
    if derivative_of is not None:
        found.append(_differences(derivative_of, count))
    if equals is not None:
        found.append(_exact("the other side", equals))
    return found + [_exact(name_of(each), each, derivative_of) for each in more]


def _differences(function: Formula, count: int) -> Witness:
    def by(which: int, *args: Array) -> tuple[Array, Array]:
        before, after = args[:which], args[which + 1 :]
        line = lambda x: np.asarray(  # noqa: E731
            _own(function, (*before, x, *after))
        )
        return central_differences(line, args[which])

    def slopes(*args: Array) -> tuple[Array, ...]:
        return tuple(by(which, *args)[0] for which in range(count))

    def rounding(point: Point) -> Array:
        args = point.values()
        return 4 * joined(tuple(by(which, *args)[1] for which in range(count)))

    return Witness("central differences", slopes, EXTRAPOLATED, rounding)


def _exact(name: str, function: Formula, of: Formula | None = None) -> Witness:
    """A witness that calculates as exactly as the formula.

    of: the function that it is the derivative of, or its parts are, by its first
        arguments in turn; its last digits count.
    """

    def rounding(point: Point) -> Array:
        moved, args = _moved(function, point), list(point.values())
        if of is None:
            return moved
        digits = 4 * EPS * np.abs(_own(of, args)).max()
        parts = zip(_parts(_own(function, args)), args)  # noqa: B905  (more arguments than parts)
        inverse = [np.full(np.shape(part), 1 / abs(by).max()) for part, by in parts]
        return np.fmax(moved, digits * np.maximum(joined(tuple(inverse)), 1))

    return Witness(name, function, EXACT, rounding)


def _moved(function: Formula, point: Point) -> Array:
    """Four times what moves in each part's values if the arguments' last digits do.

    It has a limit, since values that are nothing but rounding, such as a singular
    matrix's condition number, excuse nothing. But what should vanish moves by the last
    digits of what cancels, often products of two arguments.
    """
    given = _own(function, point.values())
    value = joined(given).astype(float)
    others = [joined(_own(function, _nudged(point, seed))) for seed in range(4)]
    moved = 4 * largest(np.max([abs(other - value) for other in others], 0), given)
    longest = max(1.0, *(np.abs(each).max(initial=0) for each in point.values()))
    limit = np.fmax(LOOSEST * largest(value, given), EXACT * longest**2)
    return np.where(np.isfinite(moved), np.minimum(moved, limit), np.nan)


def _nudged(point: Point, seed: int) -> list[Array]:
    """The point with the last digits of what isn't 0 or 1 changed at random."""
    rng = np.random.default_rng(seed)
    moved = [4 * EPS * rng.choice([-1, 1], each.shape) for each in point.values()]
    return [
        each if np.isin(each, (0, 1)).all() else np.asarray(each * (1 + move))
        for each, move in zip(point.values(), moved, strict=True)
    ]


def _points(number: str, at: At, lengths: tuple) -> list[Point]:
    if isinstance(at, Array):
        return [{"x": np.asarray(at, dtype=float)}]
    specs = [at] if isinstance(at, dict) else at
    readable = isinstance(specs, Sequence) and not isinstance(specs, str)
    if not readable or not specs or not all(isinstance(each, dict) for each in specs):
        raise ValueError(
            f"({number}): can't read at={at!r}; say what to draw, as in "
            'at={"x": "n"}, or give an array'
        )
    count = max(24 // len(specs), 8)
    seed = crc32(number.encode())
    return [p for spec in specs for p in points(spec, seed, count, lengths)]


def _refuse_one_code(
    number: str, functions: list[Formula | None], point: Point
) -> None:
    for one, other in combinations(filter(None, functions), 2):
        if same(one, other, tuple(each.copy() for each in point.values())):
            names = [getattr(each, "__name__", "a function") for each in (one, other)]
            raise ValueError(
                f"({number}): {' and '.join(names)} run the same code, so that neither "
                "bears out the other; give prove() another way to the same values"
            )


def _shown(
    formula: Formula,
    side: Formula,
    at: At,
    by: int,
    sizes: tuple[int, int],
) -> str | None:
    """Where sympy shows the sides to be equal; see `shown_equal`."""
    try:
        from helpers.algebra import shown_equal
    except ImportError:  # sympy isn't installed
        return None
    if isinstance(at, Array):
        return None
    specs = [at] if isinstance(at, dict) else at
    found = [shown_equal(formula, side, spec, by, sizes) for spec in specs]
    if None in found:
        return None
    return found[0] if len(found) == 1 else f" at axes of {sizes[0]} and {sizes[1]}"


def _value(function: Formula, point: Point, what: str) -> tuple[Array, Any]:
    """What it returns there, as one array and as it was given."""
    try:
        given = _own(function, point.values())
        value = joined(given)
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
    return value, given


def _pair(formula: Formula, other: Witness, point: Point, where: str) -> tuple:
    """Both values at a point, of one shape, and the largest of the other's parts."""
    where = f"{where} ({describe_shapes(point)})"
    value, given = _value(formula, point, f"{where}: formula")
    expected, wanted = _value(other.function, point, f"{where}: {other.name}")
    shapes = [[np.shape(part) for part in _parts(each)] for each in (given, wanted)]
    if shapes[0] != shapes[1]:
        got, due = (", ".join(map(str, each)) for each in shapes)
        raise AssertionError(f"{where}: formula has shape {got}, {other.name} {due}")
    return value, expected, largest(expected, wanted)


def _compare(formula: Formula, other: Witness, point: Point, where: str) -> None:
    value, expected, scale = _pair(formula, other, point, where)
    apart = np.abs(value - expected)
    allowed = other.bound * scale
    if (apart > allowed).any():
        for rounding in (other.rounding(point), _moved(formula, point)):
            allowed = allowed + np.nan_to_num(rounding, posinf=0)
    if (apart > allowed).any():
        wrong = np.where(apart > allowed, apart, 0)
        worst = np.unravel_index(wrong.argmax(), apart.shape)
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
    bound = _exact("the other side", at_most)
    low, high, _ = _pair(formula, bound, point, where)
    allowed = EXACT * np.abs(high)
    if (low > high + allowed).any():
        for rounding in (bound.rounding(point), _moved(formula, point)):
            allowed = allowed + np.nan_to_num(rounding, posinf=0)
    above = low > high + allowed
    if above.any():
        raise AssertionError(
            f"{where} ({describe_shapes(point)}): {low[above][0]:.4g} is above the "
            f"other side, {high[above][0]:.4g}"
        )
    if reached is not None:
        best = dict(zip(point, _own(reached, point.values()), strict=True))
        _compare(formula, bound, best, f"{where}, where the bound is reached")
