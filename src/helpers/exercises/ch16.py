"""Exercises of chapter 16, recurrent networks."""

from itertools import pairwise

import numpy as np
from numpy import ndarray as Array

from helpers.exercises import Exercise


def _states(x: Array, w: float) -> list[float]:
    h = [0.0]
    for number in x:
        h.append(np.tanh(number + w * h[-1]))
    return h


def shared_weight(x: Array, w: float) -> float:
    h, total = 0.0, 0.0
    for number in x:
        before, h = h, np.tanh(number + w * h)
        total = (1 - h**2) * (before + w * total)
    return total


def last_use_only(x: Array, w: float) -> float:
    *_, before, h = _states(x, w)
    return (1 - h**2) * before


def slopes_forgotten(x: Array, w: float) -> float:
    total = 0.0
    for before in _states(x, w)[:-1]:
        total = before + w * total
    return total


def weight_not_handed_on(x: Array, w: float) -> float:
    h = _states(x, w)
    total = 0.0
    for before, after in pairwise(h):
        total = (1 - after**2) * (before + total)
    return total


def state_after(x: Array, w: float) -> float:
    total = 0.0
    for h in _states(x, w)[1:]:
        total = (1 - h**2) * (h + w * total)
    return total


def by_the_first_input(x: Array, w: float) -> float:
    slopes = 1 - np.square(_states(x, w)[1:])
    return np.prod(slopes) * w ** (len(x) - 1)


def factor(grads: list[Array], most: float) -> float:
    norm = np.sqrt(sum(np.square(g).sum() for g in grads))
    return min(1.0, most / norm) if norm else 1.0


def largest_alone(grads: list[Array], most: float) -> float:
    return most / max(np.linalg.norm(g) for g in grads)


def always_scaled(grads: list[Array], most: float) -> float:
    return most / np.sqrt(sum(np.square(g).sum() for g in grads))


def each_alone(grads: list[Array], most: float) -> float:
    return min(1.0, largest_alone(grads, most))


def sum_of_norms(grads: list[Array], most: float) -> float:
    return min(1.0, most / sum(np.linalg.norm(g) for g in grads))


def squared_norm(grads: list[Array], most: float) -> float:
    return min(1.0, most / sum(np.square(g).sum() for g in grads))


def only_enlarged(grads: list[Array], most: float) -> float:
    return max(1.0, always_scaled(grads, most))


def truncated(h: Array, deltas: Array, K: int) -> Array:
    return np.einsum("tni,tnj->ij", h[:-1][-K:], deltas[-K:])


def first_steps(h: Array, deltas: Array, K: int) -> Array:
    return np.einsum("tni,tnj->ij", h[:K], deltas[:K])


def states_behind(h: Array, deltas: Array, K: int) -> Array:
    return np.einsum("tni,tnj->ij", h[1:][-K:], deltas[-K:])


def all_steps(h: Array, deltas: Array, K: int) -> Array:
    return np.einsum("tni,tnj->ij", h[:-1], deltas)


def averaged(h: Array, deltas: Array, K: int) -> Array:
    return truncated(h, deltas, K) / K


def turned(h: Array, deltas: Array, K: int) -> Array:
    return truncated(h, deltas, K).T


_rng = np.random.default_rng(16)


def _pass(steps: int, n: int, m: int, K: int) -> tuple[Array, Array, int]:
    return _rng.normal(size=(steps + 1, n, m)), _rng.normal(size=(steps, n, m)), K


def _column(*values: float) -> Array:
    return np.reshape(np.array(values, float), (-1, 1, 1))


EXERCISES = {
    "16.1": Exercise(
        10 * 64 + 64 * 64 + 64 + 64 * 10 + 10,
        mistakes=[
            (10 * 64 + 64 * 64 + 64 + 64, "where is the answer, W_o and b_o?"),
            (10 * 64 + 64 * 64 + 2 * 64 + 64 * 10 + 10, "the state has one bias."),
            (64 + 64 * 64 + 64 + 64 * 10 + 10, "a one-hot digit is ten numbers."),
            (10 * 64 + 64 * 64 + 64 * 10, "there are biases too."),
            (10 * 64 + 64 * 64 + 64 + 64 * 10, "the answer has biases too, b_o."),
            (
                20 * 64 + 64 * 64 + 64 + 64 * 10 + 10,
                "a step reads one digit, ten numbers; 20 is how many digits there are.",
            ),
            (
                19 * (10 * 64 + 64 * 64 + 64) + 64 * 10 + 10,
                "all steps use the same weights.",
            ),
            (
                19 * 10 * 64 + 64 * 64 + 64 + 64 * 10 + 10,
                "what is read meets the same ones too.",
            ),
        ],
    ),
    "16.2": Exercise(
        shared_weight,
        cases=[
            ([1.0, 0.0], 0.5),
            ([1.0], 0.5),
            ([1.0, 0.0, 0.0], 2.0),
            ([0.3, -1.2, 0.4, 0.9], -0.7),
        ],
        mistakes=[
            (last_use_only, "that is what the last use contributes."),
            (slopes_forgotten, "each step has a slope, 1 - h²."),
            (weight_not_handed_on, "on its way an earlier change meets the weight."),
            (state_after, "the weight stands before the state of the step before."),
            (by_the_first_input, "that is the derivative by the first input."),
        ],
    ),
    "16.3": Exercise(
        [12**-0.5, 6],
        mistakes=[
            ([1 / 12, 3], "the factor is a standard deviation, not a variance."),
            ([1 / 12, 6], "the factor is a standard deviation, not a variance."),
            ([3**-0.5, 13], "these entries reach half as far: where is that one half?"),
            ([0.29, 6], "give the factor to three digits, or as a formula."),
            ([12**-0.5, 5], "after 5 steps two thousandths are left."),
            ([12**-0.5, 7], "6 are enough."),
            ([12**-0.5 / 10, 2], "each sum has m terms: where is the root of m?"),
            ([0.5, 10], "the deviation of uniform numbers is below their bound."),
        ],
        within=1e-4,  # of 6, so that a factor of three digits is right
    ),
    "16.4": Exercise(
        factor,
        cases=[
            ([np.array([3.0]), np.array([4.0])], 10.0),
            ([np.array([3.0]), np.array([4.0])], 1.0),
            ([np.zeros(2), np.zeros((2, 2))], 1.0),
            ([_rng.normal(size=(2, 3)), _rng.normal(size=4)], 0.5),
        ],
        mistakes=[
            (largest_alone, "this is the code as it stands; what of a short one?"),
            (always_scaled, "a gradient that is short enough stays as it is."),
            (each_alone, "the norm is that of all entries of all arrays together."),
            (sum_of_norms, "squares are added, not norms."),
            (squared_norm, "the norm is the root of the sum of squares."),
            (only_enlarged, "a factor is never above 1."),
        ],
    ),
    "16.5": Exercise(
        truncated,
        cases=[
            (_column(0, 1, 2), _column(3, 5), 1),
            (_column(0, 1, 2, 3), _column(3, 5, 7), 2),
            _pass(3, 2, 2, 2),
            _pass(5, 1, 3, 5),
        ],
        mistakes=[
            (first_steps, "these are the first K steps."),
            (states_behind, "what stands in front of step t is the state before it."),
            (all_steps, "that is the whole sum of (16.3)."),
            (averaged, "nothing is divided by K."),
            (turned, "rows belong to the state that goes in."),
        ],
    ),
}
