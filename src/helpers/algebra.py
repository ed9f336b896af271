"""Computer algebra for `prove`: are two sides equal for all values of their symbols?

A difference is zero if it vanishes as a rational function of generators: the symbols,
and each exponential, logarithm, root or other function in it, a variable of its own.
Functions of equal arguments are one generator, exp(a + b) is exp(a) exp(b), and what
stands in a denominator or under a root keeps the relation that defines it. So "zero" is
shown, while "not zero" may only mean a relation that isn't known here.
"""

import math
from collections import defaultdict
from collections.abc import Callable

import numpy as np
import sympy
from numpy import ndarray as Array
from sympy import Add, Dummy, Expr, Integer, Mul
from sympy.polys.rings import PolyElement, ring

from helpers.points import Point, axes, draw, joined, read
from helpers.tracing import Trace, definitions, exact

DRAWS = 8  # points, by which each branch of the sides has to be taken
TERMS = 20_000  # of a difference multiplied out; a longer one isn't tried


def shown_equal(
    formula: Callable,
    other: Callable,
    at: dict[str, str],
    by: int,
    sizes: tuple[int, int],
) -> str | None:
    """Where `formula` is shown to be `other`, or its derivatives by `by` arguments.

    The axes have these two sizes in turn, and once more the other way round.

    Returns words such as " at k, n = 2, 3 and 3, 2 (each branch taken)", "" if there
    are neither axes nor branches. Returns None if nothing is shown: a side can't be
    traced, no symbol is left in the formula, a difference doesn't vanish or is too
    long, or a branch isn't taken.
    """
    names = axes(at)
    tried = [[turn[i % 2] for i in range(len(names))] for turn in (sizes, sizes[::-1])]
    rng = np.random.default_rng(0)
    branches: dict[object, set[bool]] = defaultdict(set)
    for number in range(DRAWS):
        of_axes = dict(zip(names, tried[number % 2], strict=True))
        trace, values = Trace(), draw(at, of_axes, rng, dict.fromkeys(at, 1.0))
        try:
            point = _traced(trace, values, at, by)
            differences = _differences(formula, other, point, by)
        except Exception:  # whatever a side does with what is no number
            return None
        if not all(map(vanishes, differences)):
            return None
        for place, answers in trace.branches.items():
            branches[place] |= answers
        if number and all(len(answers) == 2 for answers in branches.values()):
            return _words(names, tried) + " (each branch taken)" * bool(branches)
    return None


def vanishes(expr: Expr) -> bool:
    """Whether `expr` is shown to be zero, or exp(expr) to be 1."""
    try:
        return (
            _Generators(False).zero(expr)
            or _Generators(True).zero(expr)
            or (expr.has(sympy.log) and _Generators(True).zero(sympy.exp(expr) - 1))
        )
    except ArithmeticError:  # too long, or divided by zero
        return False


def _traced(trace: Trace, values: Point, at: dict[str, str], by: int) -> Point:
    """Labels stay numbers; all else becomes symbols, probabilities positive ones.

    The last probability of a row is 1 minus the others, unless it is differentiated by.
    """
    point = {}
    for index, (name, text) in enumerate(at.items()):
        kind = read(text)[1]
        if kind in ("one-hot", "binary"):
            point[name] = trace.constants(values[name])
            continue
        point[name] = trace.symbols(name, values[name], positive=kind != "real")
        if kind == "probs" and index >= by:
            rows = point[name]
            ones = trace.constants(np.ones(rows.shape[:-1]))
            rows[..., -1] = ones - rows[..., :-1].sum(axis=-1)
    return point


def _differences(
    formula: Callable, other: Callable, point: Point, by: int
) -> list[Expr]:
    with definitions(formula, other) as sides, np.errstate(all="ignore"):
        left, right = (_expressions(side, point) for side in sides)
    if by:
        first = [_expressions(lambda x: x, {"x": x}) for x in [*point.values()][:by]]
        right = joined(tuple(_derivative(right, each) for each in first))
    if left.shape != right.shape:
        raise ValueError(f"the sides have shapes {left.shape} and {right.shape}")
    if not any(each.free_symbols for each in left.flat):
        raise ValueError("no symbol is left in the formula")
    return [a - b for a, b in zip(left.flat, right.flat, strict=True)]


def _expressions(side: Callable, point: Point) -> Array:
    value = joined(side(*(argument.copy() for argument in point.values())))
    return _array([exact(each) for each in value.flat], value.shape)


def _derivative(values: Array, by: Array) -> Array:
    slopes = [sympy.diff(each, symbol) for each in values.flat for symbol in by.flat]
    return _array(slopes, values.shape + by.shape)


def _array(entries: list[Expr], shape: tuple[int, ...]) -> Array:
    array = np.empty(len(entries), dtype=object)
    array[:] = entries
    return array.reshape(shape)


def _words(names: list[str], tried: list[list[int]]) -> str:
    if not names:
        return ""
    first, second = (", ".join(map(str, sizes)) for sizes in tried)
    return f" at {', '.join(names)} = {first} and {second}"


class _Generators:
    """The variables in which an expression is a polynomial, and their relations."""

    def __init__(self, split: bool) -> None:
        self.split = split
        self.relations: dict[Dummy, tuple[int, Expr] | None] = {}
        self._by_key: dict[object, Dummy] = {}
        self._rewritten: dict[Expr, Expr] = {}

    def zero(self, expr: Expr) -> bool:
        """Whether `expr` vanishes by the relations.

        A relation (-1, d) says that a generator is 1/d; (q, b), that its q-th power
        is b.
        Raises OverflowError if there are too many terms.
        """
        rewritten = self.rewrite(expr)
        if not self.relations:
            return sympy.expand(rewritten) == 0
        _limit(_terms(rewritten))
        polynomials = ring(list(self.relations), sympy.QQ)[0]
        known = [
            (index, relation[0], polynomials.from_expr(relation[1]))
            for index, relation in enumerate(self.relations.values())
            if relation
        ]
        for number, (_, power, value) in enumerate(known):
            if power == -1 and not _reduced(value, known[:number]):
                return False  # what is divided by vanishes itself
        return not _reduced(polynomials.from_expr(rewritten), known)

    def rewrite(self, expr: Expr) -> Expr:
        """`expr` as a polynomial in generators."""
        if expr not in self._rewritten:
            self._rewritten[expr] = self._rewrite(expr)
        return self._rewritten[expr]

    def _rewrite(self, expr: Expr) -> Expr:
        if expr.is_Rational:
            return expr
        if expr.is_Add or expr.is_Mul:
            return expr.func(*map(self.rewrite, expr.args))
        if isinstance(expr, sympy.exp):
            arg = self._canonical(expr.args[0])
            if self.split:
                return self._power(sympy.E, arg)
            if arg.could_extract_minus_sign():
                return self._inverse(self._generator((sympy.E, -arg)))
            return self._generator((sympy.E, arg))
        if expr.is_Pow:
            return self._power(self._canonical(expr.base), expr.exp)
        arguments = map(self._canonical, expr.args)
        return self._generator((expr.func, *arguments) if expr.args else expr)

    def _canonical(self, expr: Expr) -> Expr:
        return sympy.expand(self.rewrite(expr))

    def _power(self, base: Expr, exponent: Expr) -> Expr:
        """base ** (a + b/2) as base**a times the square root of base**b, and so on."""
        factors = []
        for term in Add.make_args(sympy.expand(exponent)):
            number, rest = term.as_coeff_Mul()
            if number.q > 1 or rest != 1 or base == sympy.E:
                key = base, rest / number.q
                root = base != sympy.E and rest == 1
                factor = self._generator(key, (number.q, base) if root else None)
            else:
                factor = base
            factor = factor if number.p > 0 else self._inverse(factor)
            factors.append(factor ** abs(number.p))
        return Mul(*factors)

    def _inverse(self, expr: Expr) -> Expr:
        """1 / expr, each factor of it a generator."""
        if expr == 0:
            raise ZeroDivisionError("a side divides by zero")
        if expr.is_Rational:
            return 1 / expr
        if expr.is_Mul:
            return Mul(*map(self._inverse, expr.args))
        if expr.is_Pow:
            return self._inverse(expr.base) ** expr.exp
        number, rest = sympy.expand(expr).as_content_primitive()
        if rest.is_Rational:
            return self._inverse(number * rest)
        return self._generator((rest, Integer(-1)), (-1, rest)) / number

    def _generator(self, key: object, relation: tuple | None = None) -> Dummy:
        if key not in self._by_key:
            self._by_key[key] = Dummy()
            self.relations[self._by_key[key]] = relation
        return self._by_key[key]


def _reduced(rest: PolyElement, relations: list[tuple]) -> PolyElement:
    """`rest` by each generator's (index, power, value), the youngest first."""
    for index, power, value in reversed(relations):
        rest = _eliminated(rest, index, power, value)
    return rest


def _eliminated(
    rest: PolyElement, index: int, power: int, value: PolyElement
) -> PolyElement:
    """`rest` without high powers of a generator whose power-th power is `value`.

    For power -1, `rest` is also multiplied by the least power of `value` that leaves
    none of the generator.
    """
    by_degree: dict[int, dict] = defaultdict(dict)
    for monomial, number in rest.terms():
        others = (*monomial[:index], 0, *monomial[index + 1 :])
        by_degree[monomial[index]][others] = number
    highest, new = max(by_degree, default=0), rest.ring.zero
    for degree, terms in by_degree.items():
        if power == -1:
            whole, left = highest - degree, 0
        else:
            whole, left = divmod(degree, power)
        _limit(len(terms) * len(value) ** whole)
        part = rest.ring.from_dict(terms) * rest.ring.gens[index] ** left
        new += part * value**whole
    return new


def _terms(expr: Expr) -> int:
    """How many terms `expr` has at most when it is multiplied out."""
    counts = [_terms(each) for each in expr.args]
    if expr.is_Add:
        return sum(counts)
    if expr.is_Mul:
        return math.prod(counts)
    return counts[0] ** int(expr.exp) if expr.is_Pow else 1


def _limit(terms: int) -> None:
    if terms > TERMS:
        raise OverflowError(f"{terms} terms are too many")
