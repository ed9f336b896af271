"""Exercises of chapter 7, a network of bare tensors."""

import numpy as np
from numpy import ndarray as Array

from helpers.exercises import Exercise


def rectifier_backward(h: Array, g: Array) -> Array:
    return g * (h > 0)


def nothing_masked(h: Array, g: Array) -> Array:
    return g * (h >= 0)


def mask_alone(h: Array, g: Array) -> Array:
    return (h > 0).astype(float)


def output_for_mask(h: Array, g: Array) -> Array:
    return g * h


def gradient_rectified(h: Array, g: Array) -> Array:
    return np.maximum(g, 0) * (h > 0)


def gradient_rectified_alone(h: Array, g: Array) -> Array:
    return g * (g > 0)


def first_gradient(x: Array, h: Array, p: Array, labels: Array, W2: Array) -> Array:
    y = np.eye(p.shape[1])[labels]
    delta = (p - y) / len(p)
    return x.T @ (delta @ W2.T * (h > 0))


def both_bugs(x: Array, h: Array, p: Array, labels: Array, W2: Array) -> Array:
    y = np.eye(p.shape[1])[labels]
    delta = (p - y) / p.size
    return x.T @ (delta @ W2.T * (h >= 0))


def still_over_all(x: Array, h: Array, p: Array, labels: Array, W2: Array) -> Array:
    return first_gradient(x, h, p, labels, W2) / p.shape[1]


def still_unmasked(x: Array, h: Array, p: Array, labels: Array, W2: Array) -> Array:
    return first_gradient(x, np.ones_like(h), p, labels, W2)


def over_classes(x: Array, h: Array, p: Array, labels: Array, W2: Array) -> Array:
    return first_gradient(x, h, p, labels, W2) * len(p) / p.shape[1]


def summed(x: Array, h: Array, p: Array, labels: Array, W2: Array) -> Array:
    return first_gradient(x, h, p, labels, W2) * len(p)


def warm_rate(t: int, lr: float, warm: int, steps: int) -> float:
    if t < warm:
        return lr * (t + 1) / warm
    return lr * (1 - (t - warm) / (steps - warm))


def from_zero(t: int, lr: float, warm: int, steps: int) -> float:
    return lr * t / warm if t < warm else warm_rate(t, lr, warm, steps)


def fall_over_all(t: int, lr: float, warm: int, steps: int) -> float:
    return warm_rate(t, lr, warm, steps) if t < warm else lr * (1 - t / steps)


def fall_too_long(t: int, lr: float, warm: int, steps: int) -> float:
    return warm_rate(t, lr, warm, steps) if t < warm else lr * (1 - (t - warm) / steps)


def rises_too_long(t: int, lr: float, warm: int, steps: int) -> float:
    return lr * (t + 1) / warm if t <= warm else warm_rate(t, lr, warm, steps)


def one_step_early(t: int, lr: float, warm: int, steps: int) -> float:
    if t < warm:
        return lr * (t + 1) / warm
    return lr * (1 - (t - warm + 1) / (steps - warm))


def never_falls(t: int, lr: float, warm: int, steps: int) -> float:
    return lr * min(1, (t + 1) / warm)


def _masked_layers() -> list[tuple[Array, ...]]:
    """Cases (x, h, p, labels, W2) with some hidden units off."""
    rng = np.random.default_rng(83)
    cases = []
    for n, d, m, k in [(1, 2, 2, 2), (3, 4, 2, 3), (5, 3, 6, 4)]:
        h = np.maximum(rng.normal(size=(n, m)), 0)
        h[0, :2] = 0, 1
        p = rng.dirichlet(np.ones(k), n)
        x, W2 = rng.normal(size=(n, d)), rng.normal(size=(m, k))
        cases.append((x.round(1), h.round(1), p.round(2), rng.integers(k, size=n), W2))
    return cases


EXERCISES = {
    "7.1": Exercise(
        rectifier_backward,
        [
            (
                nothing_masked,
                "no output is below zero, so h >= 0 lets everything pass.",
            ),
            (mask_alone, "the chain rule multiplies the mask by what is handed back."),
            (output_for_mask, "the slope is 1 where the unit is on, not h."),
            (gradient_rectified_alone, "whether g passes is decided by h, not by g."),
            (
                gradient_rectified,
                "whether g passes depends on h alone; a negative g passes too.",
            ),
        ],
        [
            (np.array([[0.0, 2.0]]), np.array([[3.0, -1.0]])),
            (
                np.array([[1.0, 0.5, 0.0], [0, 0, 3]]),
                np.array([[2.0, -3, 1], [4, -5, 6]]),
            ),
        ],
    ),
    "7.2": Exercise(
        5,
        [
            (10, "the step is averaged over the batch, of two samples."),
            (7, "the lengths of the rows don't add up; their squares do."),
            (2.5, "the step is along twice E."),
            (25, "the length is the root of the sum of all squares."),
            (50, "the length is the root, and the step is averaged."),
            (1, "only if E had length one."),
            (0.2, "the other way round: how long is the step, for a gradient of 1?"),
            (1.25, "averaged over the samples, not over all entries."),
        ],
    ),
    "7.3": Exercise(
        first_gradient,
        [
            (both_bugs, "this is the code as it stands; run it on one sample."),
            (
                still_over_all,
                "the mean is over the samples, not over all entries of p.",
            ),
            (still_unmasked, "a unit whose output is 0 still passes its share on."),
            (over_classes, "the mean is over the samples, not over the classes."),
            (summed, "the loss is the mean over the samples; divide by their number."),
        ],
        _masked_layers(),
    ),
    "7.4": Exercise(
        [True, False, True, False],
        [
            (
                [True, True, True, True],
                "the check takes the data as given; which faults lie there?",
            ),
            (
                [False, False, True, False],
                "a sum for a mean is a factor of n in every entry, and it shows.",
            ),
            (
                [True, False, True, True],
                "the check looks at the gradient, not at where it is used.",
            ),
            (
                [True, True, True, False],
                "normalized in another way, loss and gradient change together.",
            ),
        ],
    ),
    "7.5": Exercise(
        warm_rate,
        [
            (from_zero, "the first step, t = 0, already has the rate lr / warm."),
            (
                fall_over_all,
                "at t = warm the rate is to be lr; count the steps from there.",
            ),
            (
                fall_too_long,
                "the fall has steps - warm steps, and ends at zero for t = steps.",
            ),
            (rises_too_long, "at t = warm the rise is over, and the rate is lr."),
            (one_step_early, "zero is reached at t = steps, one step after the last."),
            (never_falls, "after the rise the rate falls to zero."),
        ],
        [
            (0, 0.1, 2, 6),
            (1, 0.1, 2, 6),
            (2, 0.1, 2, 6),
            (5, 0.1, 2, 6),
            (7, 0.3, 4, 9),
        ],
    ),
}
