"""sympy shows what holds for all values, and takes nothing else for shown."""

import importlib
import inspect
from functools import reduce

import numpy as np
import pytest
import scipy.special
import sympy

from helpers import tracing
from helpers.algebra import shown_equal, vanishes
from helpers.points import points

x, y, z = sympy.symbols("x y z", real=True)
p = sympy.Symbol("p", positive=True)
sigmoid = 1 / (1 + sympy.exp(-x))
ZERO = [
    (x + y) ** 2 - x**2 - 2 * x * y - y**2,
    sigmoid * (1 - sigmoid) - sympy.diff(sigmoid, x),
    1 / (1 + 1 / (1 + x)) - (1 + x) / (2 + x),
    sympy.exp(x - z) / (sympy.exp(x - z) + sympy.exp(y - z))
    - 1 / (1 + sympy.exp(y - x)),
    sympy.exp(x / 2) ** 2 * sympy.exp(-x) - 1,
    sympy.sqrt(1 + x**2) * (1 + x**2) - sympy.sqrt(1 + x**2) ** 3,
    x / sympy.sqrt(x**2 + y**2) - sympy.diff(sympy.sqrt(x**2 + y**2), x),
    p ** (x - 1) * p - p**x,
    sympy.log(1 + sympy.exp(-x)) + x - sympy.log(1 + sympy.exp(x)),
    sympy.tanh(x + y) - sympy.tanh(y + x),
    sympy.Rational(1, 3) + sympy.Rational(1, 6) - sympy.Rational(1, 2),
]


@pytest.mark.parametrize("expr", ZERO, ids=str)
def test_what_is_zero_vanishes(expr: sympy.Expr) -> None:
    assert vanishes(expr)


@pytest.mark.parametrize("expr", ZERO, ids=str)
def test_what_is_off_by_little_does_not_vanish(expr: sympy.Expr) -> None:
    assert not vanishes(expr + sympy.Rational(1, 10**12))
    assert not vanishes(expr + x * sympy.Rational(1, 10**12))
    assert not vanishes(expr + sympy.exp(x) / 10**12)


def test_what_is_divided_by_zero_in_disguise_shows_nothing() -> None:
    square = (1 + sympy.exp(x)) ** 2
    nothing = square - 1 - 2 * sympy.exp(x) - sympy.exp(2 * x)
    assert not vanishes((x - y) / nothing)
    assert not vanishes((x - y) / (1 / (1 + x) + x / (1 + x) - 1))


def test_a_difference_of_too_many_terms_is_not_tried() -> None:
    many, few = (sum(sympy.symbols(f"x:{count}", real=True)) for count in (40, 4))
    assert vanishes(few**5 * (x + 1) - few**5 * x - few**5)
    assert not vanishes(many**5 * (x + 1) - many**5 * x - many**5)


def shown(formula, other, at, by=0, sizes=(2, 3)):
    return shown_equal(formula, other, at, by, sizes)


def softmax(z: np.ndarray) -> np.ndarray:
    powers = np.exp(z - z.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def softmax_jacobian(z: np.ndarray) -> np.ndarray:
    p = softmax(z)
    return np.diag(p) - np.outer(p, p)


def test_sizes_and_branches_are_named() -> None:
    at = {"z": "n k", "c": "n 1"}
    found = shown(lambda z, c: softmax(z + c), lambda z, c: softmax(z), at)
    assert found == " at k, n = 2, 3 and 3, 2 (each branch taken)"
    assert shown(lambda z: z + z, lambda z: 2 * z, {"z": "k"}) == " at k = 2 and 3"
    assert shown(lambda z: z + z, lambda z: 2 * z, {"z": ""}) == ""
    one = shown(lambda z: z + z, lambda z: 2 * z, {"z": "k"}, sizes=(1, 2))
    assert one == " at k = 1 and 2"


def test_a_derivative_is_shown_and_a_wrong_one_is_not() -> None:
    at = {"z": "k"}
    assert shown(softmax_jacobian, softmax, at, by=1)
    assert shown(lambda z: np.diag(softmax(z)), softmax, at, by=1) is None
    assert shown(lambda z: -softmax_jacobian(z), softmax, at, by=1) is None
    assert shown(softmax, softmax, at, by=1) is None  # another shape


def rectified(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0)


@pytest.mark.parametrize(
    "formula",
    [
        lambda x: x * (x > 0),
        lambda x: np.where(x < 0, 0, x),
        lambda x: (x + abs(x)) / 2,
        lambda x: (x + np.sqrt(x**2)) / 2,
        lambda x: x * (1 + np.sign(x)) / 2,
    ],
)
def test_every_branch_is_taken(formula) -> None:
    assert (
        shown(formula, rectified, {"x": "n"}) == " at n = 2 and 3 (each branch taken)"
    )
    assert shown(lambda x: formula(x) + (x > 0), rectified, {"x": "n"}) is None
    assert shown(lambda x: formula(x) + (x < 0), rectified, {"x": "n"}) is None


@pytest.mark.parametrize("wrong_at_zero", [lambda x: x == 0, lambda x: ~(x != 0)])
def test_knowing_the_larger_of_two_is_not_knowing_whether_they_are_equal(
    wrong_at_zero,
) -> None:
    def formula(x: np.ndarray) -> np.ndarray:
        return np.maximum(x, 0) + 99 * np.array(wrong_at_zero(x), dtype=bool)

    assert shown(formula, rectified, {"x": "n"}) is None


@pytest.mark.parametrize(
    "formula",
    [
        lambda x: np.clip(x, -500, 500),
        lambda x: np.where(x == 5, 0, x),
        lambda x: np.minimum(x, 1e9),
    ],
)
def test_a_branch_that_is_never_taken_shows_nothing(formula) -> None:
    assert shown(formula, lambda x: x + 0, {"x": "n"}) is None


@pytest.mark.parametrize(
    "formula",
    [
        lambda x: np.clip(x, -1e6, 0.5),
        lambda x: reduce(np.minimum, (1e6, 0.5), x),
        lambda x: np.minimum(np.minimum.outer(x, [0.5, 1e6])[:, 1], 0.5),
    ],
)
def test_one_bar_s_branches_are_not_another_s(formula) -> None:
    assert shown(formula, lambda x: np.where(x > 0.5, 0.5, x), {"x": "n"}) is None


def test_without_a_symbol_nothing_is_shown() -> None:
    at = {"x": "n m"}
    assert shown(lambda x: x.size, lambda x: x.shape[0] * x.shape[1], at) is None
    assert shown(lambda x: (x > 0) * 1, lambda x: 1 - (x <= 0), at) is None
    assert shown(lambda x: 0 * x, lambda x: x - x, at) is None


def test_what_needs_numbers_is_not_traced() -> None:
    solved = lambda A, b: np.linalg.lstsq(A, b)[0]  # noqa: E731
    assert shown(solved, solved, {"A": "n+d d", "b": "n+d"}) is None
    assert shown(np.cbrt, np.cbrt, {"x": "n"}) is None
    assert shown(lambda x: x + np.inf, lambda x: x + np.inf, {"x": "n"}) is None


def test_labels_stay_numbers_and_probabilities_are_positive() -> None:
    at = {"y": "n k one-hot", "t": "n binary", "p": "n k probs", "q": "n chance"}
    sums = lambda y, t, p, q: (y.sum(axis=1) * q, t**2 + q, np.sqrt(q**2))  # noqa: E731
    meant = lambda y, t, p, q: (q, t + q, q * p.sum(axis=1))  # noqa: E731
    for i in range(3):
        left, right = (lambda *a, f=f: f(*a)[i] for f in (sums, meant))  # noqa: B023
        assert shown(left, right, at) is not None


def test_probabilities_of_a_row_add_up_to_1_unless_they_are_differentiated_by() -> None:
    at = {"p": "n k probs", "c": ""}
    total = lambda p, c: c * p.sum()  # noqa: E731
    assert shown(total, lambda p, c: c * len(p), at) == " at k, n = 2, 3 and 3, 2"
    assert shown(total, lambda p, c: c * len(p), at, sizes=(1, 2))
    ones = lambda p, c: c + 0 * p  # noqa: E731
    assert shown(ones, total, at, by=1) == " at k, n = 2, 3 and 3, 2"


@pytest.mark.parametrize(
    ("number", "wanted"),
    [
        (0.5, sympy.Rational(1, 2)),
        (1 / 3, sympy.Rational(1, 3)),
        (0.3333, sympy.Rational(3333, 10_000)),
        (1 + 1e-10, 1 + sympy.Rational(1, 10**10)),
        (np.e, sympy.E),
        (2.7182818, sympy.Rational(27182818, 10**7)),
        (np.pi, sympy.pi),
        (np.float32(0.25), sympy.Rational(1, 4)),
        (True, 1),
        (np.int64(7), 7),
    ],
)
def test_numbers_are_taken_for_what_they_stand_for(number, wanted) -> None:
    assert tracing.exact(number) == wanted


@pytest.mark.parametrize("number", [np.inf, np.nan, 1j, "1", None])
def test_what_is_no_real_number_is_not_taken_for_one(number) -> None:
    with pytest.raises(TypeError, match="can't trace"):
        tracing.exact(number)


DEFINITIONS = [
    (module, definition)
    for module, definitions in tracing.DEFINITIONS.items()
    for definition in definitions
]
ARGUMENTS = {
    "interp": {"x": "n chance", "fp": "k+2"},
    "det": {"a": "n n"},
    "solve": {"a": "n n", "b": "n"},
}


@pytest.mark.parametrize(
    ("module", "definition"),
    DEFINITIONS,
    ids=lambda each: getattr(each, "__name__", each),
)
def test_a_definition_is_what_the_library_calculates(module, definition) -> None:
    name = definition.__name__
    library = getattr(importlib.import_module(module), name)
    ways = [{}]
    if "axis" in inspect.signature(definition).parameters:
        ways += [{"axis": 0}, {"axis": 1}, {"axis": -1}]
    for point in points(ARGUMENTS.get(name, {"x": "n k"}), seed=0, lengths=(0.1, 3)):
        arguments = list(point.values())
        if name == "interp":
            arguments.insert(1, np.linspace(0, 1, arguments[1].size) ** 2)
        for way in ways:
            got, want = (each(*arguments, **way) for each in (definition, library))
            got = np.asarray(got, dtype=float)
            np.testing.assert_allclose(got, want, rtol=1e-7, atol=1e-12)


def test_library_functions_are_replaced_where_the_notebook_names_them() -> None:
    names = {"np": np, "scipy": scipy, "log_softmax": scipy.special.log_softmax}
    exec("def by_module(z): return scipy.special.log_softmax(z, axis=1)", names)
    exec("def by_name(z): return log_softmax(z, axis=1)", names)
    exec("def ours(z): return z - np.log(np.exp(z).sum(axis=1, keepdims=True))", names)
    before = dict(names)
    for name in ("by_module", "by_name"):
        assert (
            shown(names[name], names["ours"], {"z": "n k"})
            == " at k, n = 2, 3 and 3, 2"
        )
    assert names == before
    assert scipy.special.log_softmax is before["log_softmax"]


def test_a_side_that_raises_leaves_the_library_as_it_was() -> None:
    before = scipy.special.log_softmax

    def raises(z: np.ndarray) -> np.ndarray:
        assert scipy.special.log_softmax is not before
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        shown(raises, raises, {"z": "n k"})
    assert scipy.special.log_softmax is before
