"""Exercises of chapter 4, backpropagation and binary cross-entropy."""

import numpy as np
from numpy import ndarray as Array

from helpers.exercises import Exercise


def first_weights(x: Array, a1: Array, W2: Array, y_hat: Array, y: Array) -> Array:
    return W2.T @ (y_hat - y) * a1 * (1 - a1) @ x.T


def row_not_turned(x: Array, a1: Array, W2: Array, y_hat: Array, y: Array) -> Array:
    return ((y_hat - y) * W2 * a1 * (1 - a1)) @ x.T


def without_slope(x: Array, a1: Array, W2: Array, y_hat: Array, y: Array) -> Array:
    return W2.T @ (y_hat - y) @ x.T


def output_for_slope(x: Array, a1: Array, W2: Array, y_hat: Array, y: Array) -> Array:
    return W2.T @ (y_hat - y) * a1 @ x.T


def answer_first(x: Array, a1: Array, W2: Array, y_hat: Array, y: Array) -> Array:
    return -first_weights(x, a1, W2, y_hat, y)


def without_weights(x: Array, a1: Array, W2: Array, y_hat: Array, y: Array) -> Array:
    return (y_hat - y) * a1 * (1 - a1) @ x.T


def in_rows(x: Array, a1: Array, W2: Array, y_hat: Array, y: Array) -> Array:
    return first_weights(x, a1, W2, y_hat, y).T


def by_the_probability(x: Array, a1: Array, W2: Array, y_hat: Array, y: Array) -> Array:
    return first_weights(x, a1, W2, y_hat, y) / (y_hat * (1 - y_hat))


def key_as_printed(x: Array, a1: Array, W2: Array, y_hat: Array, y: Array) -> Array:
    return ((y_hat - y) * W2 * a1 * (1 - a1)) * x


def x_not_turned(x: Array, a1: Array, W2: Array, y_hat: Array, y: Array) -> Array:
    return W2.T @ (y_hat - y) * a1 * (1 - a1) * x


def slope_twice(x: Array, a1: Array, W2: Array, y_hat: Array, y: Array) -> Array:
    return first_weights(x, a1, W2, y_hat, y) * y_hat * (1 - y_hat)


def key_gradients(x: Array, a1: Array, W2: Array, y_hat: Array, y: Array) -> Array:
    dW2 = (y_hat - y) * a1.T
    handed = W2.T * (y_hat - y)
    delta1 = a1 * (1 - a1) * handed
    return np.hstack([delta1 * x.T, dW2.T])


def as_printed(x: Array, a1: Array, W2: Array, y_hat: Array, y: Array) -> Array:
    dW2 = (y_hat - y) * a1
    delta1 = (a1 @ (1 - a1).T) @ (W2 * (y_hat - y))
    return np.hstack([delta1 * x, dW2.T])


def last_left(x: Array, a1: Array, W2: Array, y_hat: Array, y: Array) -> Array:
    dW2 = (y_hat - y) * a1
    delta1 = a1 * (1 - a1) * (W2.T * (y_hat - y))
    return np.hstack([delta1 * x.T, dW2.T])


def weights_left(x: Array, a1: Array, W2: Array, y_hat: Array, y: Array) -> Array:
    dW2 = (y_hat - y) * a1.T
    delta1 = a1 * (1 - a1) * (W2 * (y_hat - y))
    return np.hstack([delta1 * x.T, dW2.T])


def product_left(x: Array, a1: Array, W2: Array, y_hat: Array, y: Array) -> Array:
    dW2 = (y_hat - y) * a1.T
    delta1 = (a1 @ (1 - a1).T) @ (W2.T * (y_hat - y))
    return np.hstack([delta1 * x.T, dW2.T])


def inputs_left(x: Array, a1: Array, W2: Array, y_hat: Array, y: Array) -> Array:
    dW2 = (y_hat - y) * a1.T
    delta1 = a1 * (1 - a1) * (W2.T * (y_hat - y))
    return np.hstack([delta1 * x, dW2.T])


def inputs_multiplied(x: Array, a1: Array, W2: Array, y_hat: Array, y: Array) -> Array:
    dW2 = (y_hat - y) * a1.T
    delta1 = a1 * (1 - a1) * (W2.T * (y_hat - y))
    return np.hstack([delta1 @ x, dW2.T])


def mean_bce(logits: Array, answers: Array) -> float:
    tails = np.log1p(np.exp(-np.abs(logits)))
    return (np.maximum(logits, 0) - answers * logits + tails).mean()


def from_probabilities(logits: Array, answers: Array) -> float:
    probs = 1 / (1 + np.exp(-logits))
    return -(answers * np.log(probs) + (1 - answers) * np.log(1 - probs)).mean()


def clipped(logits: Array, answers: Array) -> float:
    probs = np.clip(1 / (1 + np.exp(-logits)), 1e-12, 1 - 1e-12)
    return -(answers * np.log(probs) + (1 - answers) * np.log(1 - probs)).mean()


def without_size(logits: Array, answers: Array) -> float:
    return ((1 - answers) * logits + np.log1p(np.exp(-logits))).mean()


def without_minus(logits: Array, answers: Array) -> float:
    tails = np.log1p(np.exp(np.abs(logits)))
    return (np.maximum(logits, 0) - answers * logits + tails).mean()


def size_for_maximum(logits: Array, answers: Array) -> float:
    tails = np.log1p(np.exp(-np.abs(logits)))
    return (np.abs(logits) - answers * logits + tails).mean()


def answers_exchanged(logits: Array, answers: Array) -> float:
    return mean_bce(logits, 1 - answers)


def summed(logits: Array, answers: Array) -> float:
    return mean_bce(logits, answers) * len(logits)


def one_each(logits: Array, answers: Array) -> Array:
    tails = np.log1p(np.exp(-np.abs(logits)))
    return np.maximum(logits, 0) - answers * logits + tails


def weighted_delta(logits: Array, answers: Array, weight: float) -> Array:
    probs = 1 / (1 + np.exp(-logits))
    return np.where(answers == 1, weight, 1) * (probs - answers) / len(logits)


def sign_turned(logits: Array, answers: Array, weight: float) -> Array:
    return -weighted_delta(logits, answers, weight)


def unweighted(logits: Array, answers: Array, weight: float) -> Array:
    return weighted_delta(logits, answers, 1)


def all_weighted(logits: Array, answers: Array, weight: float) -> Array:
    return weight * unweighted(logits, answers, weight)


def zeros_weighted(logits: Array, answers: Array, weight: float) -> Array:
    return weight * weighted_delta(logits, answers, 1 / weight)


def answers_weighted(logits: Array, answers: Array, weight: float) -> Array:
    return (1 / (1 + np.exp(-logits)) - weight * answers) / len(logits)


def weighted_sum(logits: Array, answers: Array, weight: float) -> Array:
    return weighted_delta(logits, answers, weight) * len(logits)


def mean_of_weights(logits: Array, answers: Array, weight: float) -> Array:
    total = np.where(answers == 1, weight, 1).sum()
    return weighted_delta(logits, answers, weight) * len(logits) / total


def _samples() -> list[tuple[Array, ...]]:
    """Cases (x, a1, W2, y_hat, y), one with as many inputs as hidden units."""
    rng = np.random.default_rng(51)
    cases = []
    for d, m in [(1, 2), (2, 2), (3, 4)]:
        x, W2 = rng.normal(size=(d, 1)).round(1), rng.normal(size=(1, m)).round(1)
        a1, y_hat = rng.uniform(0.1, 0.9, (m, 1)), rng.uniform(0.1, 0.9, (1, 1))
        cases.append((x, a1.round(1), W2, y_hat.round(1), np.array([[float(d % 2)]])))
    return cases


EXERCISES = {
    "4.1": Exercise(
        first_weights,
        [
            (
                row_not_turned,
                "W2 is a row and a1 a column; entry by entry they make a square. "
                "Where does (4.9) have a transpose?",
            ),
            (
                key_as_printed,
                "that is the key's own: W2 has to be turned, and x as well.",
            ),
            (x_not_turned, "a column times a row: turn x."),
            (slope_twice, "(4.5) has used the slope of the last sigmoid already."),
            (without_slope, "the sigmoid of the hidden units has a slope, (4.2)."),
            (output_for_slope, "the slope is a1 (1 - a1), not a1."),
            (answer_first, "the sign is turned: it is y_hat - y."),
            (without_weights, "each hidden unit is handed its own weight times it."),
            (in_rows, "transposed: in columns, W1 has a row for each hidden unit."),
            (
                by_the_probability,
                "dL/dz of the last score is y_hat - y; the denominator cancels.",
            ),
        ],
        _samples(),
    ),
    "4.2": Exercise(
        [30, 89],
        [
            ([30, 17], "17 is for an answer of 0, where sigma comes close to 1."),
            (
                [np.inf, 89],
                "sigma(-30) is 9e-14, not 0; float32 has numbers down to 1e-45.",
            ),
            ([np.inf, 17], "that is the side of the 1; here sigma comes close to 0."),
            ([0, 89], "the answer is 1 and the network says 0: a large loss."),
            ([30, 88], "e^88 can still be stored."),
            ([30, 104], "rounded once, yes; here e^u overflows first."),
            ([100, 89], "100 is PyTorch's limit; this loss is typed in."),
            ([89, 30], "first the loss at -30, then the number where it is infinite."),
            ([-30, 89], "a loss is minus a logarithm, and never below 0."),
            ([30, 90], "is it finite at 89? e^u overflows from 88.73 on."),
            ([30, -89], "minus z is asked for, a positive number."),
        ],
    ),
    "4.3": Exercise(
        key_gradients,
        [
            (
                as_printed,
                "a line still stops; write its shape beside each.",
            ),
            (last_left, "dW2 has to be a row, as W2 is: turn a1."),
            (weights_left, "a row of weights times a column is a square: turn W2."),
            (
                product_left,
                "all shapes are right, and a1 (1 - a1) is still a matrix product; it "
                "is meant entry by entry.",
            ),
            (inputs_left, "a column times a row: turn x."),
            (inputs_multiplied, "a column times a column has no product; turn x."),
        ],
        _samples(),
    ),
    "4.4": Exercise(
        mean_bce,
        [
            (from_probabilities, "the logarithm of 0; start from the logit, (4.16)."),
            (clipped, "a clipped probability hides how wrong a certain answer is."),
            (without_size, "the exponential overflows; its exponent is minus |z|."),
            (without_minus, "the exponent is minus |z|, which is never above 0."),
            (size_for_maximum, "the first term is max(z, 0), not |z|."),
            (answers_exchanged, "zeros and ones are exchanged."),
            (summed, "the mean over the samples is wanted, not the sum."),
            (one_each, "these are the losses of the samples; return their mean."),
        ],
        [
            (np.array([0.5]), np.array([1.0])),
            (np.array([-2.0, 1.0, 3.0]), np.array([0.0, 1.0, 0.0])),
            (np.array([40.0, -40.0]), np.array([0.0, 1.0])),
            (np.array([3000.0, -1000.0, 5.0]), np.array([0.0, 1.0, 1.0])),
        ],
    ),
    "4.5": Exercise(
        weighted_delta,
        [
            (sign_turned, "the sign is turned: it is y_hat - y."),
            (unweighted, "that is (4.13), without the weight."),
            (all_weighted, "the weight is for the ones alone."),
            (zeros_weighted, "here the zeros got the weight."),
            (
                answers_weighted,
                "the weight multiplies all that belongs to a 1, y_hat included.",
            ),
            (weighted_sum, "the loss is a mean: divide by the number of samples."),
            (mean_of_weights, "divide by the number of samples, not by the weights."),
        ],
        [
            (np.array([0.0]), np.array([1.0]), 3.0),
            (np.array([1.0, -2.0]), np.array([0.0, 1.0]), 3.0),
            (np.array([0.5, 2.0, -1.0, 0.0]), np.array([1.0, 0, 0, 1]), 10.0),
        ],
    ),
    "4.6": Exercise(
        1 / 32,
        [
            (1 / 16, "from delta_6 to delta_1 are five steps."),
            (1 / 64, "six layers have five steps from one to the next."),
            (1 / 1024, "that is for weights that stretch nothing."),
            (1 / 4096, "five steps, and the weights stretch up to twice."),
            (1 / 2, "that is one step; there are five."),
            (0.03, "near enough to be right, but give it exactly, as a quotient."),
            (5 / 2, "five steps multiply; they don't add up."),
            (
                32,
                "the weights double, the slopes quarter; delta_1 is the smaller one.",
            ),
        ],
    ),
}
