"""Numbers that remember how they were made, so that a formula shows its algebra.

A `Traced` number is a sympy expression beside its value at one random point. NumPy
calculates with arrays of them as with any objects: a formula runs as it is printed.
What it compares is decided by the values, so the expression that comes out is the
formula's on the branches taken at this point, and the trace remembers which these are.
"""

import operator
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from functools import partial

import numpy as np
import sympy
from numpy import ndarray as Array
from sympy import Expr, Symbol

CONSTANTS = {np.e: sympy.E, np.pi: sympy.pi}
LARGEST = 10_000  # of the denominators that a float such as 0.333… is searched for


class Trace:
    """The symbols of a point with their values, and the branches taken at it."""

    def __init__(self) -> None:
        self.values: dict[Symbol, float] = {}
        self.branches: dict[object, set[bool]] = {}
        self._known: set[tuple[Expr, Expr, bool]] = set()

    def symbols(self, name: str, values: Array, positive: bool) -> Array:
        """An array of symbols of these values."""
        traced = np.empty(values.shape, dtype=object)
        for at, value in np.ndenumerate(values):
            assumed = {"positive": True} if positive else {"real": True}
            symbol = Symbol("_".join([name, *map(str, at)]), **assumed)
            self.values[symbol] = float(value)
            traced[at] = Traced(symbol, float(value), self)
        return traced

    def constants(self, values: Array) -> Array:
        """An array of traced numbers without a symbol."""
        traced = np.empty(values.shape, dtype=object)
        for at, value in np.ndenumerate(values):
            traced[at] = Traced(exact(value), float(value), self)
        return traced

    def decide(self, left: Expr, right: Expr, answer: bool, equality: bool) -> bool:
        """Remember the answer at the place that asked, unless it was known before.

        One place may ask about several numbers, as np.clip does: each is its own. Which
        of two is larger doesn't answer whether a formula knows them to be equal.
        """
        if (left, right, equality) not in self._known:
            self._known |= {(left, right, equality), (right, left, equality)}
            place = (_place(), *_bar(left, right))
            self.branches.setdefault(place, set()).add(answer)
        return answer

    def without_abs(self, expr: Expr) -> Expr:
        """`expr` with each absolute value on its branch at this point."""

        def signed(inside: Expr) -> Expr:
            positive = bool(inside.subs(self.values) > 0)
            decided = self.decide(inside, sympy.S.Zero, positive, equality=False)
            return inside if decided else -inside

        return expr.replace(sympy.Abs, signed)


class Traced:
    """A sympy expression and its value."""

    __slots__ = ("expr", "trace", "value")

    def __init__(self, expr: Expr, value: float, trace: Trace) -> None:
        self.expr, self.value, self.trace = expr, value, trace

    def __neg__(self) -> "Traced":
        return Traced(-self.expr, -self.value, self.trace)

    def __pos__(self) -> "Traced":
        return self

    def __abs__(self) -> "Traced":
        return self if self >= 0 else -self

    def __bool__(self) -> bool:
        return self != 0

    __hash__ = object.__hash__

    def sum(self) -> "Traced":
        return self  # as NumPy's numbers have it

    def sqrt(self) -> "Traced":
        expr = self.trace.without_abs(sympy.sqrt(self.expr))
        return Traced(expr, np.sqrt(self.value), self.trace)


def exact(number: object) -> Expr:
    """A number as sympy's: 0.5 is a half, and np.e is e.

    Raises TypeError for what is no finite real number.
    """
    if isinstance(number, Traced):
        return number.expr
    if isinstance(number, bool | int | np.bool_ | np.integer):
        return sympy.Integer(int(number))
    if not isinstance(number, float | np.floating) or not np.isfinite(number):
        raise TypeError(f"can't trace {number!r}; expected a finite real number")
    if number in CONSTANTS:
        return CONSTANTS[number]
    near = Fraction(float(number)).limit_denominator(LARGEST)
    return sympy.Rational(near if float(near) == number else repr(float(number)))


def _operation(calculate: Callable) -> Callable:
    def method(self: Traced, other: object) -> Traced:
        if isinstance(other, np.ndarray):
            return NotImplemented  # NumPy goes through its entries
        value = other.value if isinstance(other, Traced) else other
        expr = calculate(self.expr, exact(other))
        return Traced(expr, calculate(self.value, value), self.trace)

    return method


def _comparison(compare: Callable, equality: bool) -> Callable:
    """Of values, or for == and !=, of expressions."""

    def method(self: Traced, other: object) -> bool:
        if isinstance(other, np.ndarray):
            return NotImplemented
        expr, value = exact(other), getattr(other, "value", other)
        sides = (self.expr, expr) if equality else (self.value, value)
        return self.trace.decide(self.expr, expr, bool(compare(*sides)), equality)

    return method


def _function(of_expr: Callable, of_value: Callable) -> Callable:
    return lambda self: Traced(of_expr(self.expr), of_value(self.value), self.trace)


for _name in ("add", "sub", "mul", "truediv", "pow"):
    _calculate = getattr(operator, _name)
    _turned = lambda a, b, calculate=_calculate: calculate(b, a)  # noqa: E731
    setattr(Traced, f"__{_name}__", _operation(_calculate))
    setattr(Traced, f"__r{_name}__", _operation(_turned))
for _name in ("lt", "le", "gt", "ge", "eq", "ne"):
    _compare = _comparison(getattr(operator, _name), equality=_name in ("eq", "ne"))
    setattr(Traced, f"__{_name}__", _compare)
for _name in ("exp", "log", "tanh"):
    setattr(Traced, _name, _function(getattr(sympy, _name), getattr(np, _name)))
Traced.expm1 = _function(lambda expr: sympy.exp(expr) - 1, np.expm1)
Traced.log1p = _function(lambda expr: sympy.log(1 + expr), np.log1p)


def _place() -> tuple:
    """Where the formula stands: the innermost frame that is not a library's."""
    frame = sys._getframe(2)
    while frame.f_globals["__name__"].partition(".")[0] in (
        "helpers",
        "numpy",
        "scipy",
    ):
        frame = frame.f_back
    return frame.f_code, frame.f_lasti


def _bar(left: Expr, right: Expr) -> list[Expr]:
    """The number that one of the two is, if the other isn't one too."""
    numbers = [each for each in (left, right) if not each.free_symbols]
    return numbers if len(numbers) == 1 else []


def logsumexp(a: Array, axis: int | None = None, keepdims: bool = False) -> Array:
    return np.log(np.exp(a).sum(axis=axis, keepdims=keepdims))


def softmax(x: Array, axis: int | None = None) -> Array:
    return np.exp(x) / np.exp(x).sum(axis=axis, keepdims=True)


def log_softmax(x: Array, axis: int | None = None) -> Array:
    return x - logsumexp(x, axis, keepdims=True)


def log_expit(x: Array) -> Array:
    return -np.log(1 + np.exp(-x))


def interp(x: Array, xp: Array, fp: Array) -> Array:
    """Between the first and the last place."""
    before = [sum(bool(each >= place) for place in xp[1:-1]) for each in x]
    low, high = np.array(before), np.array(before) + 1
    share = (x - xp[low]) / (xp[high] - xp[low])
    return fp[low] + share * (fp[high] - fp[low])


def det(a: Array) -> Array:
    """By the first row."""
    if len(a) == 1:
        return a[0, 0]
    minors = [det(np.delete(a[1:], column, axis=1)) for column in range(len(a))]
    return a[0] * (-1) ** np.arange(len(a)) @ np.array(minors, dtype=object)


def solve(a: Array, b: Array) -> Array:
    """By Cramer's rule."""
    columns = range(len(a))
    replaced = [np.where(np.arange(len(a)) == i, b[:, None], a) for i in columns]
    return np.array([det(each) for each in replaced], dtype=object) / det(a)


# What SciPy and NumPy calculate in compiled code, or with tests that symbols fail.
DEFINITIONS = {
    "scipy.special": (logsumexp, softmax, log_softmax, log_expit),
    "numpy": (interp,),
    "numpy.linalg": (det, solve),
}


@contextmanager
def definitions(*functions: Callable) -> Iterator[list[Callable]]:
    """Let library functions stand for their DEFINITIONS wherever `functions` look.

    Yields `functions`, in which a library's own is replaced too.
    """
    loaded = {name: sys.modules[name] for name in DEFINITIONS if name in sys.modules}
    meant = {
        id(getattr(module, definition.__name__)): definition
        for name, module in loaded.items()
        for definition in DEFINITIONS[name]
    }

    def replaced(function: Callable) -> Callable:
        if isinstance(function, partial):
            function = partial(
                replaced(function.func), *function.args, **function.keywords
            )
        return meant.get(id(function), function)

    spaces = [vars(module) for module in loaded.values()]
    spaces += [getattr(function, "__globals__", {}) for function in functions]
    changed = []
    try:
        for space in spaces:
            for name, value in list(space.items()):
                if id(value) in meant:
                    changed.append((space, name, value))
                    space[name] = meant[id(value)]
        yield [replaced(function) for function in functions]
    finally:
        for space, name, value in reversed(changed):
            space[name] = value
