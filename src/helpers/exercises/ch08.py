"""Exercises of chapter 8, taking steps."""

import numpy as np
from numpy import ndarray as Array

from helpers.exercises import Exercise


def adam_step(
    grad: Array, M: Array, V: Array, t: int, lr: float, beta1: float, beta2: float
) -> Array:
    M, V = _moments(grad, M, V, beta1, beta2)
    return -lr * M / (1 - beta1**t) / np.sqrt(V / (1 - beta2**t))


def _moments(grad: Array, M: Array, V: Array, beta1: float, beta2: float) -> tuple:
    return beta1 * M + (1 - beta1) * grad, beta2 * V + (1 - beta2) * grad**2


def corrected_too_early(
    grad: Array, M: Array, V: Array, t: int, lr: float, beta1: float, beta2: float
) -> Array:
    size = np.sqrt(V / (1 - beta2**t)) + 1e-300
    return -lr * M / (1 - beta1**t) / size


def one_step_behind(
    grad: Array, M: Array, V: Array, t: int, lr: float, beta1: float, beta2: float
) -> Array:
    return adam_step(grad, M, V, t + 1, lr, beta1, beta2)


def not_corrected(
    grad: Array, M: Array, V: Array, t: int, lr: float, beta1: float, beta2: float
) -> Array:
    M, V = _moments(grad, M, V, beta1, beta2)
    return -lr * M / np.sqrt(V)


def uphill(
    grad: Array, M: Array, V: Array, t: int, lr: float, beta1: float, beta2: float
) -> Array:
    return -adam_step(grad, M, V, t, lr, beta1, beta2)


def only_the_mean_corrected(
    grad: Array, M: Array, V: Array, t: int, lr: float, beta1: float, beta2: float
) -> Array:
    M, V = _moments(grad, M, V, beta1, beta2)
    return -lr * M / (1 - beta1**t) / np.sqrt(V)


def root_missing(
    grad: Array, M: Array, V: Array, t: int, lr: float, beta1: float, beta2: float
) -> Array:
    M, V = _moments(grad, M, V, beta1, beta2)
    return -lr * M / (1 - beta1**t) / (V / (1 - beta2**t))


_rng = np.random.default_rng(2)
_GRAD, _M, _V = _rng.normal(size=5), 0.3 * _rng.normal(size=5), _rng.random(5)
_ONE = np.array([2.0, -0.5])

EXERCISES = {
    "8.1": Exercise(
        1.96,
        within=1e-3,
        mistakes=[
            (-1.4, "that is the factor of the distance; the loss has its square."),
            (
                1.4,
                "that is the size of the distance's factor; the loss has its square.",
            ),
            (0.49, "that is (1 - 0.3)^2; the rate is multiplied by the curvature, 8."),
            (2.4, "that is the rate times the curvature; go on with (8.3)."),
            (0.04, "the curvature of one half times 8 w^2 is 8, not 4."),
            (-1.96, "a square isn't negative."),
            (5.76, "the factor of the distance is 1 - 2.4."),
        ],
    ),
    "8.2": Exercise(
        50,
        within=1e-3,
        mistakes=[
            (99, "that is for drawing with replacement; use the last factor of (8.5)."),
            (1, "one sample has the whole S^2."),
            (100, "all samples together have no deviation at all."),
            (25, "half of the set is enough: solve (100 - n) / n = 1."),
            (9900 / 199, "the last factor has N - 1 below, not N."),
            (49.5, "the last factor has N - n above."),
            (0.5, "that is the share of the set; how many samples is it?"),
        ],
    ),
    "8.3": Exercise(
        adam_step,
        cases=[
            (_ONE, np.zeros(2), np.zeros(2), 1, 0.1, 0.9, 0.999),
            (_GRAD, _M, _V, 2, 0.1, 0.9, 0.999),
            (_GRAD, _M, _V, 30, 0.01, 0.8, 0.99),
        ],
        mistakes=[
            (
                corrected_too_early,
                "this is the code as it stands: it corrects the means of the step "
                "before, so that the new gradient isn't in them.",
            ),
            (one_step_behind, "t counts from 1, and is 1 in the first step."),
            (not_corrected, "without the correction the first steps are too long."),
            (uphill, "the step goes against the gradient."),
            (only_the_mean_corrected, "V is corrected too, by 1 - beta2**t."),
            (root_missing, "the mean is divided by the root of V."),
        ],
    ),
    "8.4": Exercise(
        0.1 / 1.9,
        within=0.01,
        mistakes=[
            (1.0, "that is the first step; M remembers it in the second."),
            (
                0.1,
                "M is -0.01; in the second step it is divided by 1 - 0.9**2.",
            ),
            (-0.1 / 1.9, "the second gradient is the heavier one in M: which way?"),
            (0.01, "that is -M; both running means have to be corrected."),
            (0.224, "both running means have to be corrected."),
            (1.177, "V is corrected as well: V_2 divided by 1 - 0.999**2 is 1."),
            (0.526, "look at the decimal point."),
            (0.0, "the two gradients don't cancel: the later one weighs more."),
        ],
    ),
    "8.5": Exercise(
        0.95,
        within=0.011,
        mistakes=[
            (0.5, "that is the edge without momentum, 2 / 4."),
            (0.05, "momentum damps what goes to and fro: the edge moves out."),
            (
                5.0,
                "steady gradients make the velocity ten times as long; near the "
                "edge they alternate.",
            ),
            (0.263, "at the edge the velocity is 4 / 1.9; the step is 2 long."),
            (3.8, "divide by the curvature, 4."),
            (0.475, "from 1 to -1 the step is 2 long, not 1."),
            (1.9, "the curvature of one half times 4 w^2 is 4, not 2."),
        ],
    ),
}
