"""`prove` accepts what holds and names what doesn't; its witnesses are independent."""

import numpy as np
import pytest
import scipy.special
import torch
from hypothesis import given
from hypothesis import strategies as st

from helpers import prove
from helpers.differences import central_differences
from helpers.points import points
from helpers.proof import autograd


def cube(x: np.ndarray) -> np.ndarray:
    return (x**3).sum()


def slope(x: np.ndarray) -> np.ndarray:
    return 3 * x**2


def test_a_true_derivative_is_proved_in_one_line(capsys: pytest.CaptureFixture) -> None:
    witness = autograd(lambda x: (x**3).sum())
    prove("0.1", slope, derivative_of=cube, witness=witness, at={"x": "n k"})
    assert capsys.readouterr().out == (
        "(0.1) holds at 24 random points of lengths 1e-3 to 1e4: "
        "within 1e-6 of central differences and 1e-9 of torch's autograd\n"
    )


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
        "(0.1) fails at point 0 (x 2), entry (1,):\nformula 36, "
        "central differences 12 (3 times too large)"
    )


def test_a_false_witness_fails_a_true_formula() -> None:
    with pytest.raises(AssertionError, match="SciPy"):
        prove(
            "0.1",
            np.exp,
            equals=np.exp,
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


def test_a_bound_fails_where_it_is_exceeded() -> None:
    at = {"x": "n"}
    prove("0.1", np.tanh, at_most=np.ones_like, at=at)
    with pytest.raises(AssertionError, match=r"is above 0\.5"):
        prove("0.1", np.tanh, at_most=lambda x: 0.5, at=at)


def test_a_bound_that_should_be_reached_and_is_not_fails() -> None:
    at = {"x": "n"}
    at_infinity = lambda x: (np.full_like(x, 50),)  # noqa: E731
    prove("0.1", np.tanh, at_most=np.ones_like, reached=at_infinity, at=at)
    with pytest.raises(AssertionError, match="bound 2"):
        prove("0.1", np.tanh, at_most=lambda x: x * 0 + 2, reached=at_infinity, at=at)


@pytest.mark.parametrize("sides", [{}, {"equals": cube, "derivative_of": cube}])
def test_exactly_one_side_is_asked_for(sides: dict) -> None:
    with pytest.raises(TypeError, match="exactly one"):
        prove("0.1", slope, at={"x": "n"}, **sides)


def test_a_formula_that_changes_its_arguments_cannot_deceive() -> None:
    def erases(x: np.ndarray) -> np.ndarray:
        result = slope(x)
        x[...] = 0
        return 2 * result

    with pytest.raises(AssertionError):
        prove("0.1", erases, derivative_of=cube, at={"x": "n"})


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
    got = central_differences(function, np.array(x))
    scale = max(abs(derivative(x)), abs(function(x)), 1)
    assert abs(got - derivative(x)) < 1e-8 * scale


def test_central_differences_have_the_output_s_shape_first() -> None:
    matrix = np.arange(6.0).reshape(2, 3)
    got = central_differences(lambda x: matrix @ x, np.ones((3, 4)))
    expected = np.einsum("ia,jb->ijab", matrix, np.eye(4))
    np.testing.assert_allclose(got, expected, atol=1e-9)


def test_autograd_is_torch_s_jacobian() -> None:
    got = autograd(lambda x, y: x * y)(np.array([1.0, 2.0]), np.array([3.0, 4.0]))
    np.testing.assert_array_equal(got, np.diag([3.0, 4.0]))
    assert got.dtype == np.float64
    assert torch.get_default_dtype() == torch.float32  # and nothing is left changed


def test_points_have_every_axis_once_of_size_one_and_others_apart() -> None:
    drawn = list(points({"z": "n k", "w": "k m"}, seed=0))
    shapes = [(*point["z"].shape, point["w"].shape[1]) for point in drawn]
    assert shapes[0] == (1, 1, 1)
    for axis in range(3):
        assert any(shape[axis] == 1 and max(shape) > 1 for shape in shapes)
    assert all(len(set(shape)) == 3 for shape in shapes[4:])
    assert all(point["z"].shape[1] == point["w"].shape[0] for point in drawn)


def test_points_sweep_the_lengths_up_to_both_ends() -> None:
    sizes = [np.abs(point["z"]).max() for point in points({"z": "n k"}, seed=0)]
    assert min(sizes) < 1e-2
    assert max(sizes) > 3e3


def test_points_of_each_kind_are_what_they_say() -> None:
    spec = {"y": "n k one-hot", "p": "n k probs", "c": "n 1", "s": ""}
    for point in points(spec, seed=3):
        assert (point["y"].sum(axis=1) == 1).all()
        assert set(np.unique(point["y"])) <= {0.0, 1.0}
        np.testing.assert_allclose(point["p"].sum(axis=1), 1)
        assert (point["p"] > 0).all()
        assert point["c"].shape == (len(point["y"]), 1)
        assert point["s"].shape == ()


def test_points_of_a_seed_are_always_the_same() -> None:
    first, second = (list(points({"z": "n k"}, seed=7)) for _ in range(2))
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a["z"], b["z"])


@pytest.mark.parametrize("text", ["batch", "n k onehot", "2 n", "n,k"])
def test_an_unreadable_specification_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="can't read the point"):
        list(points({"z": text}, seed=0))
