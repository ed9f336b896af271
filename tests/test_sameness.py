"""One formula given twice is seen through renaming and wrapping; two are told apart."""

from functools import partial, wraps

import numpy as np
import pytest

from helpers import prove
from helpers.sameness import same

X = (np.array([1.0, 2.0]),)


def formula(x: np.ndarray) -> np.ndarray:
    return 2 * x + np.sin(x)


def renamed(t: np.ndarray) -> np.ndarray:
    """Another name, and a docstring."""
    return 2 * t + np.sin(t)


def passed_on(x: np.ndarray) -> np.ndarray:
    found = renamed(x)
    return found


def named_between(x: np.ndarray) -> np.ndarray:
    twice = 2 * x
    more = twice + 1
    return more


class Holder:
    def formula(self, t: np.ndarray) -> np.ndarray:
        return 2 * t + np.sin(t)


def wrapped(function):
    @wraps(function)
    def inner(*args):
        return function(*args)

    return inner


def in_single(function):
    return lambda *args: function(*map(np.float32, args))


def plus_one(x: np.ndarray) -> np.ndarray:
    return formula(x) + 1


def renamed_plus_one(x: np.ndarray) -> np.ndarray:
    return renamed(x) + 1


def counted(n: int) -> int:
    return 1 if n == 0 else 1 + counted(n - 1)


def counted_too(m: int) -> int:
    return 1 if m == 0 else 1 + counted_too(m - 1)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (formula, formula),
        (formula, renamed),
        (formula, lambda a: 2 * a + np.sin(a)),
        (formula, lambda x: renamed(x)),
        (formula, passed_on),
        (formula, wrapped(renamed)),
        (formula, wrapped(wrapped(lambda x: renamed(x)))),
        (in_single(formula), in_single(renamed)),
        (partial(lambda c, x: c * x, 2), partial(lambda a, b: a * b, 2)),
        (plus_one, renamed_plus_one),
        (lambda x: [2 * each for each in x], lambda y: [2 * row for row in y]),
        (formula, lambda x: renamed(x) + 0),
        (formula, lambda x: renamed(x.copy()) + 0),
        (plus_one, lambda x: plus_one(x) * 1),
        (formula, plus_one),
        (lambda x: 2 * x + 1, named_between),
        (formula, Holder().formula),
        (formula, lambda x, unused=3: 2 * x + np.sin(x)),
        (lambda x, c=2: c * x, partial(lambda factor, y: factor * y, 2)),
    ],
)
def test_one_code_is_recognized(one, other) -> None:
    assert same(one, other, X)
    assert same(other, one, X)


@pytest.mark.parametrize("number", [float, np.float64, lambda p: p.item()])
def test_a_number_handed_on_for_an_array_without_axes_hides_nothing(number) -> None:
    assert same(formula, lambda p: renamed(number(p)), (np.array(1.5),))
    assert not same(formula, lambda p: renamed(number(p) + 1), (np.array(1.5),))


def test_functions_that_call_themselves_are_compared() -> None:
    assert same(counted, counted_too, (3,))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (formula, lambda x: 3 * x + np.sin(x)),
        (formula, lambda x: 2.0 * x + np.sin(x)),
        (formula, lambda x: np.sin(x) + 2 * x),
        (formula, lambda x: 2 * x + np.cos(x)),
        (formula, lambda x: formula(2 * x) / 2),
        (in_single(formula), in_single(lambda x: 3 * x)),
        (partial(lambda c, x: c * x, 2), partial(lambda c, x: c * x, 3)),
        (lambda x, c=2: c * x, lambda x, c=3: c * x),
        (np.sin, np.cos),
        (lambda x: x.sum(), lambda x: x.mean()),
    ],
)
def test_different_code_is_told_apart(one, other) -> None:
    assert not same(one, other, X)


def test_functions_that_raise_are_left_to_the_comparison() -> None:
    assert not same(lambda x: x / None, lambda x: x * None, X)


@pytest.mark.parametrize("side", ["equals", "at_most", "witness"])
def test_a_formula_given_twice_is_no_proof(side: str) -> None:
    sides = {"equals": lambda x: np.tanh(x) * 2, side: renamed}
    if side == "at_most":
        del sides["equals"]
    with pytest.raises(ValueError, match="formula and renamed run the same code"):
        prove("0.1", formula, at={"x": "n"}, **sides)


def test_two_witnesses_of_one_code_are_refused() -> None:
    other = lambda x: x + x + np.sin(x)  # noqa: E731
    with pytest.raises(ValueError, match="run the same code"):
        prove("0.1", formula, equals=other, witness=wrapped(other), at={"x": "n"})


def test_a_formula_may_be_its_own_derivative() -> None:
    prove("0.1", np.exp, derivative_of=np.exp, at={"x": ""}, lengths=(0.1, 3))
