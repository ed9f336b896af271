"""Exercises of chapter 11, one network five ways."""

import numpy as np
from numpy import ndarray as Array

from helpers.exercises import Exercise


def linear(x: Array, weight: Array, bias: Array) -> Array:
    return x @ weight.T + bias


def untransposed(x: Array, weight: Array, bias: Array) -> Array:
    return x @ weight + bias


def columns(x: Array, weight: Array, bias: Array) -> Array:
    return weight @ x.T + bias[:, None]


def no_bias(x: Array, weight: Array, bias: Array) -> Array:
    return x @ weight.T


def uncleared(w: Array, grads: Array, lr: float) -> Array:
    return w - lr * np.cumsum(grads, axis=0).sum(axis=0)


def cleared(w: Array, grads: Array, lr: float) -> Array:
    return w - lr * grads.sum(axis=0)


def last_alone(w: Array, grads: Array, lr: float) -> Array:
    return w - lr * grads[-1]


def every_step(w: Array, grads: Array, lr: float) -> Array:
    return w - lr * np.cumsum(grads, axis=0)


def without_todays(w: Array, grads: Array, lr: float) -> Array:
    return w - lr * (np.cumsum(grads, axis=0) - grads).sum(axis=0)


def over_all_entries(w: Array, grads: Array, lr: float) -> Array:
    return w - lr * np.cumsum(grads, axis=0).sum()


def last_weights(w: Array, grads: Array, rates: Array, momentum: float) -> Array:
    velocity = np.zeros_like(w)
    for grad, lr in zip(grads, rates, strict=True):
        velocity = momentum * velocity - lr * grad
        w = w + velocity
    return w


def rate_outside(w: Array, grads: Array, rates: Array, momentum: float) -> Array:
    velocity = np.zeros_like(w)
    for grad, lr in zip(grads, rates, strict=True):
        velocity = momentum * velocity + grad
        w = w - lr * velocity
    return w


def uphill(w: Array, grads: Array, rates: Array, momentum: float) -> Array:
    velocity = np.zeros_like(w)
    for grad, lr in zip(grads, rates, strict=True):
        velocity = momentum * velocity + lr * grad
        w = w + velocity
    return w


def rate_twice(w: Array, grads: Array, rates: Array, momentum: float) -> Array:
    velocity = np.zeros_like(w)
    for grad, lr in zip(grads, rates, strict=True):
        velocity = momentum * velocity - lr * grad
        w = w + lr * velocity
    return w


def rate_on_all(w: Array, grads: Array, rates: Array, momentum: float) -> Array:
    velocity = np.zeros_like(w)
    for grad, lr in zip(grads, rates, strict=True):
        velocity = momentum * lr * velocity - lr * grad
        w = w + velocity
    return w


def old_velocity(w: Array, grads: Array, rates: Array, momentum: float) -> Array:
    velocity = np.zeros_like(w)
    for grad, lr in zip(grads, rates, strict=True):
        w = w + velocity
        velocity = momentum * velocity - lr * grad
    return w


def _layers() -> list[tuple[Array, ...]]:
    """Cases (x, weight, bias), the smallest with a square weight."""
    rng = np.random.default_rng(111)
    cases = []
    for n, d, m in [(1, 2, 2), (3, 2, 5), (4, 3, 1)]:
        shapes = (n, d), (m, d), (m,)
        cases.append(tuple(rng.normal(size=shape).round(1) for shape in shapes))
    return cases


def _gradients() -> list[tuple]:
    """Cases (w, grads, lr)."""
    rng = np.random.default_rng(113)
    draw = lambda *shape: rng.normal(size=shape).round(1)  # noqa: E731
    cases = [(draw(m), draw(t, m), 0.1) for t, m in [(3, 2), (1, 3), (5, 4)]]
    return [(np.array([1.0]), np.array([[1.0], [2.0]]), 0.5), *cases]


EXERCISES = {
    "11.1": Exercise(
        linear,
        [
            (
                untransposed,
                "weight has a row for each output; the product has to sum over inputs.",
            ),
            (columns, "the samples are to stay the rows of the result."),
            (no_bias, "each output has a bias."),
        ],
        _layers(),
    ),
    "11.2": Exercise(
        0.1 / (32 * 0.1),
        [
            (0.1 / 32, "that mends the sum; what does the running mean weigh with?"),
            (0.1 / 0.1, "that mends the running mean; and the sum over 32 samples?"),
            (
                0.1 * 32 * 0.1,
                "B's velocity is larger than A's, so its rate has to be smaller.",
            ),
            (
                0.1 / (32 * 0.9),
                "0.9 is what the old velocity keeps; which factor has the gradient?",
            ),
            (0.1, "B's velocity isn't A's: compare them after the first step."),
        ],
    ),
    "11.3": Exercise(
        uncleared,
        [
            (cleared, "so it would be if each step began with zero_grad()."),
            (last_alone, "all steps move the weights, not the last alone."),
            (every_step, "each row is one step; the weights take all of them."),
            (
                without_todays,
                "backward adds today's gradient before the step is taken.",
            ),
            (over_all_entries, "each weight has a column of its own."),
        ],
        _gradients(),
    ),
    "11.4": Exercise(
        last_weights,
        [
            (rate_outside, "this is the code as it stands, with the rate outside."),
            (uphill, "the step goes down: minus the rate times the gradient."),
            (rate_twice, "the rate is in the velocity already."),
            (rate_on_all, "the rate belongs to the gradient, not to the old velocity."),
            (old_velocity, "the step takes the new velocity."),
        ],
        [
            (w, grads, lr * np.arange(len(grads), 0, -1), 0.9)
            for w, grads, lr in _gradients()
        ],
    ),
    "11.5": Exercise(
        40 / 64,
        [
            (40, "that is the number of samples; how long is the step?"),
            (
                64 / 40,
                "the other way round: the sum of fewer samples is a shorter step.",
            ),
            (24 / 64, "24 are missing from the last batch; how many does it have?"),
            (1, "so it is in the full batches."),
            (40 / 1000, "compare the sum of 40 with the mean of the same 40."),
        ],
    ),
}
