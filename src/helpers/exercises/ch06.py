"""Exercises of chapter 6, automatic differentiation."""

import numpy as np
from numpy import ndarray as Array

from helpers.exercises import Exercise


def abs_back(A: Array, g: Array) -> Array:
    return g * np.sign(A)


def sign_alone(A: Array, g: Array) -> Array:
    return np.sign(A)


def value_for_slope(A: Array, g: Array) -> Array:
    return g * np.abs(A)


def operand_for_slope(A: Array, g: Array) -> Array:
    return g * A


def sign_of_gradient(A: Array, g: Array) -> Array:
    return np.abs(g) * np.sign(A)


def negative_cut(A: Array, g: Array) -> Array:
    return g * (A > 0)


def scale_back(A: Array, b: Array, g: Array) -> Array:
    return (g * A).sum(axis=0)


def both_bugs(A: Array, b: Array, g: Array) -> Array:
    return (g * b).sum(axis=1)


def own_factor(A: Array, b: Array, g: Array) -> Array:
    return (g * b).sum(axis=0)


def rows_not_summed(A: Array, b: Array, g: Array) -> Array:
    return (g * A).sum(axis=1)


def not_summed(A: Array, b: Array, g: Array) -> Array:
    return g * A


def averaged(A: Array, b: Array, g: Array) -> Array:
    return (g * A).mean(axis=0)


def softplus_back(A: Array, g: Array) -> Array:
    return g * (0.5 + 0.5 * np.tanh(A / 2))


def overflowing(A: Array, g: Array) -> Array:
    return g * np.exp(A) / (1 + np.exp(A))


def slope_alone(A: Array, g: Array) -> Array:
    return softplus_back(A, np.ones_like(g))


def logarithm_alone(A: Array, g: Array) -> Array:
    return g / (1 + np.exp(A))


def rectifier(A: Array, g: Array) -> Array:
    return g * (A > 0)


def sigmoid_slope(A: Array, g: Array) -> Array:
    s = 0.5 + 0.5 * np.tanh(A / 2)
    return g * s * (1 - s)


def table_gradient(A: Array, words: Array) -> Array:
    grad = np.zeros_like(A)
    np.add.at(grad, words, 2 * A[words])
    return grad


def each_word_once(A: Array, words: Array) -> Array:
    grad = np.zeros_like(A)
    grad[words] += 2 * A[words]
    return grad


def two_forgotten(A: Array, words: Array) -> Array:
    return table_gradient(A, words) / 2


def rows_of_the_text(A: Array, words: Array) -> Array:
    return 2 * A[words]


def all_words(A: Array, words: Array) -> Array:
    return 2 * A


def value_of_gradient(A: Array, g: Array) -> Array:
    return np.abs(g)


def matrix_product(A: Array, b: Array, g: Array) -> Array:
    return A.T @ g


def half_missing(A: Array, g: Array) -> Array:
    return g * (1 + np.tanh(A)) / 2


def forward_value(A: Array, g: Array) -> Array:
    return np.logaddexp(0, A)


def _layers() -> list[tuple[Array, Array, Array]]:
    """Cases (A, b, g); in the second a wrong axis has the right shape."""
    rng = np.random.default_rng(73)
    shapes = [(2, 1), (2, 2), (3, 4)]
    return [
        tuple(rng.normal(size=size).round(1) for size in [(n, k), k, (n, k)])
        for n, k in shapes
    ]


EXERCISES = {
    "6.1": Exercise(
        abs_back,
        [
            (sign_alone, "the chain rule multiplies the slope by what is handed in."),
            (value_for_slope, "that is the value |A|; its slope is asked for."),
            (operand_for_slope, "A is the slope of A squared, up to a factor of 2."),
            (sign_of_gradient, "only the sign of A matters; g keeps its own."),
            (value_of_gradient, "that is |g|; the slope at A is the sign of A."),
            (negative_cut, "that is the rectifier; |a| has a slope below zero too."),
        ],
        [
            (np.array([[-2.0]]), np.array([[-3.0]])),
            (
                np.array([[1.0, -0.5, 2.0], [-4, 3, -1]]),
                np.array([[2.0, -3, 1], [4, -5, 6]]),
            ),
        ],
    ),
    "6.2": Exercise(
        [5, 3, 5, 1],
        [
            ([3, 5, 5, 1], "forward starts from inputs, reverse from outputs."),
            ([3, 5, 1, 5], "forward starts from inputs, reverse from outputs."),
            (
                [5, 3, 1, 1],
                "a forward pass for one input says nothing of the other inputs.",
            ),
            (
                [5, 3, 1, 5],
                "forward passes start from inputs, the others from outputs.",
            ),
            ([3, 5, 3, 1], "a forward pass starts from one input; there are five."),
            ([5, 3, 5, 3], "a reverse pass serves one output, and one is asked for."),
            ([15, 15, 5, 1], "one pass gives a whole row or column of the Jacobian."),
        ],
    ),
    "6.3": Exercise(
        scale_back,
        [
            (both_bugs, "this is the code as it stands."),
            (own_factor, "(6.4) hands a factor the other one."),
            (rows_not_summed, "b was copied once a row; sum over these copies."),
            (not_summed, "the copies of b have to be summed, (6.7)."),
            (matrix_product, "the product goes entry by entry; @ is a matrix product."),
            (averaged, "(6.7) is a sum over the copies, not a mean."),
        ],
        _layers(),
    ),
    "6.4": Exercise(
        [6, 2],
        [
            ([2, 2], "the nodes between keep their adjoints too, and pass them on."),
            (
                [5, 2],
                "the last node itself is right, its operand two times as large as it "
                "should be; count on from there.",
            ),
            ([4, 2], "that is the chain of three operations in the text."),
            ([7, 2], "the last node itself starts with 1, as it should."),
            ([2, 6], "the order: first the engine where every node keeps and adds."),
            ([32, 2], "a factor of 2 at each operation is too much; follow the chain."),
            ([10, 2], "follow the second call, node by node from the last one."),
            ([6, 6], "in the second engine only leaves keep what they were told."),
            ([6, 1], "in the second engine leaves add up too."),
        ],
    ),
    "6.5": Exercise(
        softplus_back,
        [
            (overflowing, "exp(1000) is infinite, and so is what it is divided by."),
            (slope_alone, "the chain rule multiplies the slope by what is handed in."),
            (logarithm_alone, "the inner derivative, exp(A), is missing."),
            (
                half_missing,
                "the sigmoid is 1/2 + tanh(A / 2) / 2: half the argument.",
            ),
            (forward_value, "that is softplus itself; its slope is asked for."),
            (rectifier, "softplus is smooth: its slope rises from 0 to 1 gradually."),
            (sigmoid_slope, "the sigmoid is the slope already; that is its own slope."),
        ],
        [
            (np.array([0.0]), np.array([3.0])),
            (np.array([1.0, -2.0, 0.5]), np.array([2.0, -1.0, 4.0])),
            (np.array([[1000.0, -1000.0], [3, 4]]), np.array([[1.0, 2.0], [-3, 4]])),
        ],
    ),
    "6.6": Exercise(
        table_gradient,
        [
            (each_word_once, "a word that stands in the text twice counts twice."),
            (two_forgotten, "the slope of a square is twice its base."),
            (rows_of_the_text, "the gradient has the shape of the table."),
            (all_words, "words that the text doesn't use have no gradient."),
        ],
        [
            (np.array([[1.0], [2.0], [3.0]]), np.array([0, 2])),
            (np.array([[1.0, 2], [3, -1], [0.5, 4]]), np.array([2, 0, 2, 2])),
            (np.array([[1.0, 2], [3, -1], [0.5, 4]]), np.array([1, 1, 0])),
        ],
    ),
}
