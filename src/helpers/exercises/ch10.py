"""Exercises of chapter 10, own parts."""

import numpy as np
from numpy import ndarray as Array

from helpers.exercises import Exercise


def logistic(a: Array) -> Array:
    return 1 / (1 + np.exp(-a))


def silu_slope(a: Array) -> Array:
    return logistic(a) * (1 + a * (1 - logistic(a)))


def first_factor_alone(a: Array) -> Array:
    return logistic(a)


def second_factor_alone(a: Array) -> Array:
    return a * logistic(a) * (1 - logistic(a))


def factor_forgotten(a: Array) -> Array:
    return logistic(a) + logistic(a) * (1 - logistic(a))


def silu_itself(a: Array) -> Array:
    return a * logistic(a)


def elu_backward(h: Array, g: Array, alpha: float) -> Array:
    return g * np.where(h < 0, h + alpha, 1)


def exponential_of_output(h: Array, g: Array, alpha: float) -> Array:
    return g * np.where(h < 0, alpha * np.exp(h), 1)


def alpha_forgotten(h: Array, g: Array, alpha: float) -> Array:
    return g * np.where(h < 0, h + 1, 1)


def slope_alone(h: Array, g: Array, alpha: float) -> Array:
    return np.where(h < 0, h + alpha, 1)


def as_rectifier(h: Array, g: Array, alpha: float) -> Array:
    return g * (h > 0)


def as_prelu(h: Array, g: Array, alpha: float) -> Array:
    return g * np.where(h < 0, alpha, 1)


def descend(w: Array, grads: Array, lr: float, momentum: float) -> Array:
    v = 0 * w
    for grad in grads:
        v = momentum * v - lr * grad
        w = w + v
    return w


def velocity_lost(w: Array, grads: Array, lr: float, momentum: float) -> Array:
    return w - lr * grads.sum(axis=0)


def uphill(w: Array, grads: Array, lr: float, momentum: float) -> Array:
    return 2 * w - descend(w, grads, lr, momentum)


def old_velocity_used(w: Array, grads: Array, lr: float, momentum: float) -> Array:
    v = 0 * w
    for grad in grads:
        w = w + v
        v = momentum * v - lr * grad
    return w


def running_mean(w: Array, grads: Array, lr: float, momentum: float) -> Array:
    v = 0 * w
    for grad in grads:
        v = momentum * v - (1 - momentum) * lr * grad
        w = w + v
    return w


def loss_from_labels(z: Array, labels: Array) -> float:
    z = z - z.max(axis=1, keepdims=True)
    right = z[np.arange(len(z)), labels]
    return (np.log(np.exp(z).sum(axis=1)) - right).mean()


def overflowing(z: Array, labels: Array) -> float:
    right = z[np.arange(len(z)), labels]
    return (np.log(np.exp(z).sum(axis=1)) - right).mean()


def bracket_lost(z: Array, labels: Array) -> float:
    return -(loss_from_labels(z, labels) + 2 * z[np.arange(len(z)), labels].mean())


def summed(z: Array, labels: Array) -> float:
    return loss_from_labels(z, labels) * len(z)


def over_entries(z: Array, labels: Array) -> float:
    return loss_from_labels(z, labels) / z.shape[1]


def one_sum_for_all(z: Array, labels: Array) -> float:
    right = z[np.arange(len(z)), labels]
    most = z.max()
    return most + np.log(np.exp(z - most).sum()) - right.mean()


_rng = np.random.default_rng(10)
_H = np.array([[-0.5, 2.0, -0.1]])
_G = np.array([[3.0, -1.0, 2.0]])

EXERCISES = {
    "10.1": Exercise(
        silu_slope,
        cases=[
            (np.array([0.0, 1.0]),),
            (np.array([[-3.0, 0.5], [2.0, -20.0]]),),
            (_rng.normal(size=(3, 4)),),
        ],
        mistakes=[
            (first_factor_alone, "the product rule has two terms."),
            (second_factor_alone, "the product rule has two terms."),
            (factor_forgotten, "the second term keeps the factor a."),
            (silu_itself, "that is the function; its slope is asked for."),
        ],
    ),
    "10.2": Exercise(
        elu_backward,
        cases=[
            (_H, _G, 1.0),
            (_H, _G, 0.6),
            (np.array([[0.3, -0.2], [-0.7, 1.5]]), _rng.normal(size=(2, 2)), 0.8),
        ],
        mistakes=[
            (exponential_of_output, "the exponential is of a, and h has it already."),
            (alpha_forgotten, "that is right for alpha = 1 only."),
            (slope_alone, "the chain rule multiplies by what is handed back."),
            (as_rectifier, "below zero ELU has a slope."),
            (as_prelu, "below zero the slope of ELU isn't the same everywhere."),
        ],
    ),
    "10.3": Exercise(
        descend,
        cases=[
            (np.array([1.0]), np.array([[1.0], [1.0]]), 0.1, 0.9),
            (np.array([1.0, -2.0]), _rng.normal(size=(5, 2)), 0.2, 0.5),
            (np.array([3.0]), _rng.normal(size=(4, 1)), 0.1, 0.0),
        ],
        mistakes=[
            (velocity_lost, "this is the code as it stands; what does it remember?"),
            (uphill, "the velocity goes against the gradient."),
            (old_velocity_used, "the step is taken with the new velocity."),
            (running_mean, "(10.12) has no factor of one minus the momentum."),
        ],
    ),
    "10.4": Exercise(
        loss_from_labels,
        cases=[
            (np.array([[0.0, np.log(3)]]), np.array([0])),
            (np.array([[1.0, 2.0, 0.5], [0.0, -1.0, 3.0]]), np.array([2, 0])),
            (np.array([[1000.0, 0.0], [-1000.0, 1.0]]), np.array([0, 0])),
            (_rng.normal(size=(5, 4)), np.array([0, 3, 1, 1, 2])),
        ],
        mistakes=[
            (overflowing, "take the largest logit of each row out first."),
            (bracket_lost, "the log-sum-exp is added; only the right logit is not."),
            (summed, "the mean over the samples."),
            (over_entries, "the mean is over the samples, not over all entries."),
            (one_sum_for_all, "each sample has a sum of its own."),
        ],
    ),
    "10.5": Exercise(
        413,
        mistakes=[
            (414, "that has 500,950."),
            (628, "that is for one hidden layer."),
            (410, "there are three more."),
            (512, "that is the example that is too large."),
        ],
        within=1e-9,
    ),
}
