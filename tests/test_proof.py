"""`prove` accepts what holds and names what doesn't; its witnesses are independent."""

import sys

import numpy as np
import pytest
import scipy.special
import sympy
import torch
from hypothesis import given
from hypothesis import strategies as st

from helpers import prove
from helpers.differences import central_differences
from helpers.points import points
from helpers.proof import autograd, symbolic

ONE = {"x": "n"}
POINTS = "at random points"


def cube(x: np.ndarray) -> np.ndarray:
    return (x**3).sum()


def slope(x: np.ndarray) -> np.ndarray:
    return 3 * x**2


def test_a_true_derivative_is_proved_in_one_line(capsys: pytest.CaptureFixture) -> None:
    witness = autograd(lambda x: (x**3).sum())
    prove("0.1", slope, derivative_of=cube, witness=witness, at={"x": "n k"})
    assert capsys.readouterr().out == (
        "(0.1) holds for all values at k, n = 2, 3 and 3, 2 and at 24 random points of "
        "lengths 1e-3 to 1e4: within 1e-6 of central differences and 1e-9 of torch's "
        "autograd\n"
    )


def test_lengths_that_are_no_powers_of_ten_are_said_as_they_are(capsys) -> None:
    prove("0.1", slope, derivative_of=cube, at={"x": "n"}, lengths=(2e-3, 1.5))
    assert "of lengths 2e-3 to 1.5:" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("formula", "words"),
    [
        (lambda x: -slope(x), "the sign is wrong"),
        (lambda x: 2 * slope(x), "2 times too large"),
        (lambda x: slope(x) / 10, "10 times too small"),
        (lambda x: 0 * x, "it should not vanish"),
        (lambda x: slope(x).T[..., None], "formula has shape"),
        (lambda x: slope(x) * np.nan, "is not finite"),
        (lambda x: 1 / 0, "raises ZeroDivisionError"),
    ],
)
def test_a_false_derivative_is_named(formula, words: str) -> None:
    with pytest.raises(AssertionError, match=r"\(0\.1\) fails at point") as caught:
        prove("0.1", formula, derivative_of=cube, at={"x": "n k"})
    assert words in str(caught.value)


def test_the_worst_entry_is_named_with_both_values() -> None:
    def wrong(x: np.ndarray) -> np.ndarray:
        return slope(x) * np.array([1.0, 3.0])

    with pytest.raises(AssertionError) as caught:
        prove("0.1", wrong, derivative_of=cube, at=np.array([1.0, 2.0]))
    assert str(caught.value) == (
        "(0.1) fails at point 0 (x of shape 2), entry (1,):\nformula 36, "
        "central differences 12 (3 times too large)"
    )


def test_a_false_witness_fails_a_true_formula() -> None:
    with pytest.raises(AssertionError, match="SciPy"):
        prove(
            "0.1",
            np.exp,
            equals=lambda x: np.e**x,
            witness=lambda x: scipy.special.expm1(x),
            at={"x": "n"},
            lengths=(1e-3, 1),
        )


def test_the_whole_jacobian_is_compared() -> None:
    def product(x: np.ndarray) -> np.ndarray:
        return x.prod() * x

    def jacobian(x: np.ndarray) -> np.ndarray:
        return x.prod() * (np.outer(x, 1 / x) + np.eye(len(x)))

    at = {"x": "k"}
    prove("0.1", jacobian, derivative_of=product, at=at, lengths=(0.1, 10))
    with pytest.raises(AssertionError):
        transposed = lambda x: jacobian(x).T  # noqa: E731
        prove("0.1", transposed, derivative_of=product, at=at, lengths=(0.1, 10))


def test_a_bound_fails_where_one_entry_exceeds_it() -> None:
    at = {"x": "n"}
    prove("0.1", np.tanh, at_most=np.ones_like, at=at)
    with pytest.raises(AssertionError, match=r"is above the other side, 0\.5"):
        half = lambda x: np.full_like(x, 0.5)  # noqa: E731
        prove("0.1", np.tanh, at_most=half, at=np.array([-1.0, 2.0]))


def test_a_bound_fails_if_it_is_exceeded_by_little() -> None:
    with pytest.raises(AssertionError, match="is above the other side"):
        prove("0.1", lambda x: np.tanh(x) + 1e-6, at_most=np.tanh, at={"x": "n"})


def test_a_bound_that_should_be_reached_and_is_not_fails() -> None:
    def prove_bound(bound: float) -> None:
        prove(
            "0.1",
            np.tanh,
            at_most=lambda x: np.full_like(x, bound),
            reached=lambda x: (np.full_like(x, 50),),
            at={"x": "n"},
        )

    prove_bound(1)
    with pytest.raises(AssertionError, match="other side 2"):
        prove_bound(2)


def test_sides_of_different_shapes_are_not_broadcast() -> None:
    with pytest.raises(AssertionError, match="formula has shape"):
        prove("0.1", lambda x: -abs(x), at_most=lambda x: abs(x)[:, None], at=ONE)


@pytest.mark.parametrize("sides", [{}, {"equals": cube, "derivative_of": cube}])
def test_exactly_one_side_is_asked_for(sides: dict) -> None:
    with pytest.raises(TypeError, match="exactly one"):
        prove("0.1", slope, at={"x": "n"}, **sides)


def test_reached_goes_with_a_bound_only() -> None:
    with pytest.raises(TypeError, match="reached"):
        prove("0.1", slope, derivative_of=cube, reached=lambda x: (x,), at=ONE)


def test_the_number_is_a_string() -> None:
    with pytest.raises(TypeError, match=r"the number is 4\.1"):
        prove(4.1, slope, derivative_of=cube, at=ONE)


@pytest.mark.parametrize("side", ["formula", "equals", "witness"])
def test_a_side_that_draws_random_numbers_proves_nothing(side: str) -> None:
    rng = np.random.default_rng(0)
    chance = lambda x: 2 * x + 1e-12 * rng.random()  # noqa: E731
    sides = {"equals": lambda x: x + x, "formula": lambda x: 2 * x} | {side: chance}
    with pytest.raises(ValueError, match="other values when it is asked again"):
        prove("0.1", at=ONE, **sides)


def test_a_formula_that_changes_its_arguments_cannot_deceive() -> None:
    def erases(x: np.ndarray) -> np.ndarray:
        x[...] = 0
        return slope(x)  # right at what it leaves behind

    with pytest.raises(AssertionError):
        prove("0.1", erases, derivative_of=cube, at=ONE)


def twice(x: np.ndarray) -> np.ndarray:
    x *= 2
    return x


@pytest.mark.parametrize(
    ("formula", "side"),
    [
        (twice, {"equals": lambda x: x + 0}),
        (lambda x: slope(twice(x)), {"derivative_of": cube}),
        (lambda x: twice(x) ** 2, {"at_most": lambda x: x**2}),
    ],
)
def test_what_a_formula_changes_is_not_taken_for_rounding(formula, side) -> None:
    with pytest.raises(AssertionError):
        prove("0.1", formula, at=ONE, **side)


@pytest.mark.parametrize(
    ("formula", "words"),
    [
        (lambda x: x + 1j, "complex128"),
        (lambda x: x[x > 1e9], "shape (0,)"),
        (lambda x: [str(value) for value in x], "expected real numbers"),
        (lambda x: np.where(np.arange(len(x)) == 0, np.nan, x), "is not finite"),
    ],
)
def test_values_that_are_not_real_numbers_prove_nothing(formula, words) -> None:
    with pytest.raises(AssertionError) as caught:
        prove("0.1", formula, equals=lambda x: x, at=np.array([1.0, 2.0]))
    assert words in str(caught.value)


def test_a_witness_cannot_take_the_place_of_the_differences() -> None:
    def impostor(x: np.ndarray) -> np.ndarray:
        return 2 * x

    impostor.witness_name = "central differences"
    with pytest.raises(AssertionError):
        also = lambda x: x + x  # noqa: E731
        prove("0.1", impostor, derivative_of=cube, witness=also, at=ONE)


def test_a_slip_of_a_few_millionths_is_found_in_a_large_array() -> None:
    with pytest.raises(AssertionError, match="off by a relative 5e-06"):
        prove(
            "0.1",
            lambda x: slope(x) * (1 + 5e-6),
            derivative_of=cube,
            at=np.ones((7, 7)),
        )


def test_a_small_derivative_is_compared_on_its_own_scale() -> None:
    with pytest.raises(AssertionError, match="2 times too large"):
        prove(
            "0.1",
            lambda x: 4e-7 * x,
            derivative_of=lambda x: 1e-7 * (x**2).sum(),
            at=np.ones(3),
        )


def test_a_wrong_sign_and_a_wrong_size_are_both_named() -> None:
    with pytest.raises(AssertionError, match="sign is wrong, 2 times too large"):
        prove("0.1", lambda x: -2 * slope(x), derivative_of=cube, at=ONE)


def test_a_formula_may_be_small_or_long_without_slack() -> None:
    for scale in (1e-12, 1e-9, 1.0, 1e9):
        right = lambda x, c=scale: c * (x + x) / 2  # noqa: E731
        wrong = lambda x, c=scale: c * (x + x) / 2 * (1 + 5e-9)  # noqa: E731
        straight = lambda x, c=scale: c * x  # noqa: E731
        prove("0.1", right, equals=straight, at=ONE, lengths=(1e-6, 1e4))
        with pytest.raises(AssertionError, match="relative 5e-09"):
            prove("0.1", wrong, equals=straight, at=ONE, lengths=(1e-6, 1e4))


def test_rounding_of_the_arguments_is_no_failure() -> None:
    mean = lambda x: (x - x.mean()).sum()  # noqa: E731
    prove("0.1", mean, equals=lambda x: 0.0, at=ONE)
    prove("0.1", lambda x: 0.0, equals=mean, at=ONE)
    with pytest.raises(AssertionError, match="it should vanish"):
        prove("0.1", lambda x: 1e-9 * x.max(), equals=mean, at=ONE)


def test_a_witness_that_is_nothing_but_rounding_excuses_nothing() -> None:
    def squared(X):
        return np.linalg.cond(X) ** 2

    def of_a_singular_matrix(X):  # some 1e17, and another at each rounding
        return np.linalg.cond(X @ X.T)

    with pytest.raises(AssertionError, match="the other side"):
        prove("2.20", squared, equals=of_a_singular_matrix, at={"X": "n+d d"})
    with pytest.raises(AssertionError, match="the other side"):
        prove("2.20", of_a_singular_matrix, at_most=squared, at={"X": "n+d d"})


def test_what_should_vanish_may_leave_the_rounding_of_what_cancels() -> None:
    vanishes = {"A": "n n", "B": "n n"}
    trace = lambda A, B: np.trace(A @ B - B @ A)  # noqa: E731
    prove("0.1", lambda A, B: np.float64(0), equals=trace, at=vanishes)

    def normal(X, y):
        return X.T @ (X @ np.linalg.lstsq(X, y, rcond=None)[0] - y)

    of_none = lambda X, y: np.zeros(X.shape[1])  # noqa: E731
    prove("0.1", of_none, equals=normal, at={"X": "n+d d", "y": "n+d"})


def test_a_witness_that_leaps_to_infinity_excuses_nothing() -> None:
    def leaps(x: np.ndarray) -> float:  # at the least nudge
        return 7.0 if (x == np.array([3.0, 2.0])).all() else np.inf

    with pytest.raises(AssertionError, match="the other side"):
        prove("0.1", lambda x: 7.0035, equals=leaps, at=np.array([3.0, 2.0]))


def test_a_rounding_that_is_no_number_excuses_nothing() -> None:
    def breaks(x: np.ndarray) -> np.ndarray:  # at the least nudge
        return x if (x == np.array([1.0, 2.0])).all() else x * np.nan

    with pytest.raises(AssertionError, match="2 times too large"):
        prove("0.1", lambda x: x + x, equals=breaks, at=np.array([1.0, 2.0]))


def test_a_kink_close_by_doesn_t_mislead_the_differences() -> None:
    at = np.array([1.0, -1e-9, 1e-9])
    bend = lambda x: np.maximum(x, 0).sum()  # noqa: E731
    right, wrong = (lambda x, c=c: (x > c) * 1.0 for c in (0, 1e-4))
    witness = autograd(lambda x: x.relu().sum())
    prove("0.1", right, derivative_of=bend, witness=witness, at=at)
    with pytest.raises(AssertionError, match="it should not vanish"):
        prove("0.1", wrong, derivative_of=bend, witness=witness, at=at)


def test_a_reached_bound_is_held_as_tightly() -> None:
    def prove_bound(e: float) -> None:
        prove(
            "0.1",
            lambda z: np.log(e + len(z)),
            at_most=lambda z: np.log(np.e + len(z)) + z @ z,
            reached=lambda z: (0 * z,),
            at={"z": "k"},
        )

    prove_bound(np.e)
    with pytest.raises(AssertionError):
        prove_bound(2.7182818)


@pytest.mark.parametrize(
    "gradients",
    [
        lambda W, b: (2 * W.ravel(), 2 * b),
        lambda W, b: (2 * W, 2 * b[None, :, None]),
        lambda W, b: np.append(2 * W, 2 * b),
    ],
)
def test_each_part_of_a_tuple_has_the_shape_of_its_derivative(gradients) -> None:
    with pytest.raises(AssertionError, match="formula has shape"):
        prove(
            "0.1",
            gradients,
            equals=lambda W, b: (W + W, b + b),
            at={"W": "n k", "b": "k"},
        )


def test_more_derivatives_than_arguments_are_the_formulas_mistake() -> None:
    words = r"the formula gives 2 derivatives, but the point has 1 arguments"
    with pytest.raises(AssertionError, match=words):
        prove("0.1", lambda x: (x, x), derivative_of=np.sum, at={"x": "n"})


def test_a_tuple_holds_the_derivatives_by_the_first_arguments() -> None:
    def total(a, b, c):
        return (a**2 @ b * c).sum()

    at = {"a": "n m", "b": "m m", "c": "n m"}
    both = lambda a, b, c: (2 * a * (c @ b.T), (a**2).T @ c)  # noqa: E731
    prove("0.1", both, derivative_of=total, witness=autograd(total, 2), at=at)
    swapped = lambda *args: both(*args)[::-1]  # noqa: E731
    with pytest.raises(AssertionError):
        prove("0.1", swapped, derivative_of=total, at=at)
    too_many = lambda *args: (*both(*args), 0 * args[2])  # noqa: E731
    with pytest.raises(AssertionError):
        prove("0.1", too_many, derivative_of=total, at=at)


def noise(x: np.ndarray) -> np.ndarray:
    return np.cos(1e20 * x)


@pytest.mark.parametrize(
    ("one", "other", "wrong"),
    [
        (lambda x: 1e20 * x, np.copy, 2.0001),
        (noise, np.copy, 2.0001),
        (lambda x: 1e20 * x, noise, 2.01),
    ],
)
def test_no_part_of_a_tuple_hides_behind_another(one, other, wrong) -> None:
    def prove_pair(factor: float) -> None:
        prove(
            "0.1",
            lambda x, y: (one(x), factor * other(y)),
            equals=lambda x, y: (one(x * 1.0), other(y) + other(y)),
            at={"x": "n", "y": "n"},
            lengths=(1e-6, 1e-5),
        )

    prove_pair(2)
    with pytest.raises(AssertionError, match="fails at point"):
        prove_pair(wrong)


def test_the_last_digits_count_by_the_argument_of_each_part() -> None:
    cosine = lambda x, y: x @ (y / (y @ y) ** 0.5)  # noqa: E731

    def gradients(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, ...]:
        length = np.sqrt(y @ y)
        return y / length, x / length - y * (x @ y) / length**3  # 0 in one dimension

    witness = autograd(cosine, 2)
    at = {"x": "1", "y": "1"}
    for number in ("36", "68"):  # at points where the first argument is the longer one
        prove(number, gradients, derivative_of=cosine, witness=witness, at=at)


@pytest.mark.parametrize("kind", [torch.from_numpy, np.ma.array])
def test_parts_may_be_what_numpy_reads(kind) -> None:
    def pair(x: np.ndarray, y: np.ndarray) -> tuple:
        return kind(2 * x), kind(3 * y)

    at = {"x": "n", "y": "m"}
    prove("0.1", lambda x, y: (x + x, 3 * y), equals=pair, at=at)
    with pytest.raises(AssertionError, match="times too large"):
        prove("0.1", lambda x, y: (x + x, 4 * y), equals=pair, at=at)


def test_truth_values_that_differ_fail_a_proof() -> None:
    above = lambda x: x > 0  # noqa: E731
    prove("0.1", above, equals=lambda x: np.sign(x) == 1, at=ONE)
    with pytest.raises(AssertionError, match="fails at point"):
        prove("0.1", above, equals=lambda x: x > 1e-3, at=ONE)


def test_each_of_several_specifications_is_tried(capsys) -> None:
    right = lambda g, A: np.broadcast_to(g, A.shape)  # noqa: E731
    at = [{"g": "k", "A": "n k"}, {"g": "", "A": "n k"}]
    prove("0.1", right, equals=lambda g, A: g + 0 * A, at=at)
    assert capsys.readouterr().out.startswith(
        "(0.1) holds for all values at axes of 2 and 3 and at 24 random points of"
    )
    rows = lambda g, A: np.broadcast_to(g, A.shape) * (g.ndim == 1)  # noqa: E731
    with pytest.raises(AssertionError, match="g a number"):
        prove("0.1", rows, equals=lambda g, A: g + 0 * A, at=at)


@pytest.mark.parametrize(
    ("formula", "sides", "grade"),
    [
        (slope, {"derivative_of": cube}, "symbolic"),
        (np.cbrt, {"equals": lambda x: np.sign(x) * abs(x) ** (1 / 3)}, POINTS),
        (np.tanh, {"at_most": np.ones_like}, POINTS),
        (lambda x: len(x) + 0.0, {"equals": lambda x: x.size}, POINTS),
    ],
)
def test_the_record_and_the_line_say_the_same_grade(
    formula, sides, grade, monkeypatch
) -> None:
    said = []
    record = lambda line, **rest: said.append((line, rest))  # noqa: E731
    monkeypatch.setattr("helpers.proof.say", record)
    prove("0.1", formula, at=ONE, **sides)
    [(line, rest)] = said
    assert rest == {"verb": "prove", "number": "0.1", "grade": grade}
    assert ("holds for all values at n = 2 and 3" in line) == (grade == "symbolic")


def test_without_sympy_a_proof_is_at_random_points(monkeypatch, capsys) -> None:
    monkeypatch.setitem(sys.modules, "helpers.algebra", None)
    prove("0.1", slope, derivative_of=cube, at=ONE)
    assert capsys.readouterr().out.startswith("(0.1) holds at 24 random points")


def test_values_that_differ_late_are_shown_with_more_digits() -> None:
    def single(x: np.ndarray) -> np.ndarray:
        return slope(x).astype(np.float32)

    with pytest.raises(
        AssertionError, match=r"formula 1\.4700000\d+, .* relative 2e-08"
    ):
        prove("0.1", single, equals=lambda x: 3 * x * x, at=np.array([0.7]))


def test_each_equation_has_points_of_its_own() -> None:
    seen: dict[str, list] = {"0.1": [], "0.2": []}
    for number, points_seen in seen.items():

        def same(x: np.ndarray, into: list = points_seen) -> np.ndarray:
            into.append(x)
            return x

        prove(number, same, equals=lambda x: x, at=ONE)
    assert not np.array_equal(seen["0.1"][0], seen["0.2"][0])


SMOOTH = {
    "sin": (np.sin, np.cos),
    "exp": (np.exp, np.exp),
    "tanh": (np.tanh, lambda x: 1 / np.cosh(x) ** 2),
    "square": (np.square, lambda x: 2 * x),
    "log1p of square": (lambda x: np.log1p(x**2), lambda x: 2 * x / (1 + x**2)),
}


@given(st.sampled_from(sorted(SMOOTH)), st.floats(-20, 20))
def test_central_differences_reach_nine_digits(name: str, x: float) -> None:
    function, derivative = SMOOTH[name]
    got, error = central_differences(function, np.array(x))
    assert abs(got - derivative(x)) <= 4 * error + 1e-15 * abs(got)
    scale = max(abs(derivative(x)), abs(function(x)), 1)
    assert abs(got - derivative(x)) < 1e-9 * scale


def test_extrapolation_gains_digits_that_no_single_step_has() -> None:
    for function, x, slope in [
        (np.sin, 1.0, np.cos(1)),
        (np.tanh, 0.7, 1 / np.cosh(0.7) ** 2),
        (lambda x: 1e3 * np.sin(x), 2.0, 1e3 * np.cos(2)),
    ]:
        got, _ = central_differences(function, np.array(x))
        assert abs(got - slope) < 2.5e-13 * abs(slope)


def test_rounding_is_not_taken_for_steadiness() -> None:
    got, _ = central_differences(lambda x: 1 + 1e-7 * x, np.array(1.0))
    assert abs(got - 1e-7) < 1e-13


def test_steps_shrink_until_they_fit_a_sharp_bend() -> None:
    got, _ = central_differences(lambda x: np.tanh(1e4 * (x - 1)), np.array(1.0))
    assert abs(got - 1e4) < 1e-4


def test_each_entry_has_a_step_of_its_own_size() -> None:
    x = np.array([1e-6, 1.0])
    with np.errstate(invalid="ignore"):  # the first steps reach below zero
        got, _ = central_differences(lambda x: np.log(x).sum(), x)
    np.testing.assert_allclose(got, 1 / x, rtol=1e-6)


def test_central_differences_have_the_output_s_shape_first() -> None:
    matrix = np.arange(6.0).reshape(2, 3)
    got, _ = central_differences(lambda x: matrix @ x, np.ones((3, 4)))
    expected = np.einsum("ia,jb->ijab", matrix, np.eye(4))
    np.testing.assert_allclose(got, expected, atol=1e-9)


def test_autograd_is_torch_s_jacobian() -> None:
    got = autograd(lambda x, y: x * y)(np.array([1.0, 2.0]), np.array([3.0, 4.0]))
    np.testing.assert_array_equal(got, np.diag([3.0, 4.0]))
    assert got.dtype == np.float64
    assert torch.get_default_dtype() == torch.float32  # and nothing is left changed


def test_symbolic_is_the_derivative_for_arrays_and_numbers() -> None:
    x, c = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array(5.0)
    got = symbolic(lambda x, c: (c * x @ x).sum(axis=0))(x, c)
    want = autograd(lambda x, c: (c * x @ x).sum(dim=0))(x, c)
    np.testing.assert_allclose(got, want, rtol=1e-14)
    assert got.shape == (2, 2, 2)
    assert symbolic(lambda z: sympy.exp(-z) ** 2)(np.array(0.5)) == -2 * np.exp(-1)
    assert symbolic(lambda z: sympy.Abs(z))(np.array(-0.5)) == -1


def test_several_witnesses_are_all_heard(capsys: pytest.CaptureFixture) -> None:
    def cube_of(x):
        return (x**3).sum()

    right = autograd(cube_of), symbolic(cube_of)
    prove("0.1", slope, derivative_of=cube, witness=right, at={"x": "n"})
    assert capsys.readouterr().out.endswith(
        "within 1e-6 of central differences, 1e-9 of torch's autograd and 1e-9 of "
        "sympy's derivative\n"
    )
    wrong = autograd(cube_of), symbolic(lambda x: (x**2).sum())
    with pytest.raises(AssertionError, match="sympy's derivative"):
        prove("0.1", slope, derivative_of=cube, witness=wrong, at={"x": "n"})


def test_an_axis_may_be_a_digit_or_a_sum() -> None:
    spec = {"x": "n+d d", "y": "n+1", "z": "d+2", "w": "2 1"}
    drawn = list(points(spec, seed=0))
    (n, d) = drawn[-1]["y"].size - 1, drawn[-1]["z"].size - 2
    assert drawn[-1]["x"].shape == (n + d, d)
    assert drawn[0]["x"].shape == (2, 1)
    assert drawn[0]["w"].shape == (2, 1)
    assert min(point["y"].size for point in drawn) == 2


def test_points_have_every_axis_once_of_size_one_all_of_three_and_others_apart():
    drawn = list(points({"z": "n k", "w": "k m"}, seed=0))
    shapes = [(*point["z"].shape, point["w"].shape[1]) for point in drawn]
    assert shapes[0] == (1, 1, 1)
    for axis in range(3):
        assert any(shape[axis] == 1 and max(shape) > 1 for shape in shapes)
    assert shapes[4] == (3, 3, 3)
    assert all(len(set(shape)) == 3 for shape in shapes[5:])
    assert all(point["z"].shape[1] == point["w"].shape[0] for point in drawn)


def test_points_have_tiny_entries_but_never_all_of_an_argument() -> None:
    drawn = list(points({"z": "n k", "s": "positive"}, seed=0, lengths=(1, 1)))
    least = [np.abs(point["z"]).min() for point in drawn if point["z"].size > 1]
    assert sum(each < 1e-3 for each in least) >= 4
    assert all(np.abs(point["z"]).max() > 1e-2 for point in drawn)
    assert all(point["s"] > 1e-3 for point in drawn)


def test_points_sweep_the_lengths_up_to_both_ends() -> None:
    sizes = [np.abs(point["z"]).max() for point in points({"z": "n k"}, seed=0)]
    assert min(sizes) < 1e-2
    assert max(sizes) > 3e3


def test_lengths_of_two_arguments_vary_apart() -> None:
    drawn = list(points({"z": "n", "w": "n"}, seed=0))
    ratios = [np.abs(p["z"]).max() / np.abs(p["w"]).max() for p in drawn]
    assert max(ratios) > 1e3
    assert min(ratios) < 1e-3


def test_points_of_each_kind_are_what_they_say() -> None:
    spec = {"y": "n k one-hot", "p": "n k probs", "c": "n 1", "s": "", "t": "n binary"}
    spec |= {"q": "n k chance"}
    smallest, least, most, bits = 1.0, 1.0, 0.0, set()
    for point in points(spec, seed=3):
        assert (point["y"].sum(axis=1) == 1).all()
        assert set(np.unique(point["y"])) <= {0.0, 1.0}
        bits |= set(point["t"])
        np.testing.assert_allclose(point["p"].sum(axis=1), 1)
        assert (point["p"] > 0).all()
        smallest = min(smallest, point["p"].min())
        least, most = min(least, point["q"].min()), max(most, point["q"].max())
        assert point["c"].shape == (len(point["y"]), 1)
        assert point["s"].shape == ()
    assert 0 < smallest < 1e-100
    assert 0 < least < 1e-100
    assert 0.9 < most < 1
    assert bits == {0.0, 1.0}


def test_points_of_a_seed_are_always_the_same() -> None:
    first, second = (list(points({"z": "n k"}, seed=7)) for _ in range(2))
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a["z"], b["z"])


@pytest.mark.parametrize(
    "text", ["batch", "n k onehot", "22 n", "0", "probs", "n,k", "n+", "n+1+d"]
)
def test_an_unreadable_specification_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="the point"):
        list(points({"z": text}, seed=0))


@pytest.mark.parametrize("spec", [{}, {"z": "a b c d e f g"}])
def test_a_point_without_arguments_or_with_too_many_axes_is_refused(spec) -> None:
    with pytest.raises(ValueError, match="expected one argument or more"):
        list(points(spec, seed=0))


@pytest.mark.parametrize("nothing", [[], (), "n k", [np.ones(3)], 5.0, None])
def test_a_proof_at_no_point_is_refused(nothing) -> None:
    with pytest.raises(
        ValueError, match=r"\(0\.1\): can't read at=.*; say what to draw"
    ):
        prove("0.1", np.tanh, equals=np.tanh, at=nothing)


def test_a_specification_that_is_no_text_is_refused() -> None:
    with pytest.raises(ValueError, match="can't read the point"):
        list(points({"z": 3.5}, seed=0))


@pytest.mark.parametrize("lengths", [(0, 1), (2, 1), (-1, 1)])
def test_lengths_that_are_no_range_are_refused(lengths) -> None:
    with pytest.raises(ValueError, match="lengths are"):
        list(points({"z": "n"}, seed=0, lengths=lengths))
