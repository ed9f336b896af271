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


def alpha_gradient(a: Array, g: Array) -> float:
    return (g * np.minimum(a, 0)).sum()


def mean_of_entries(a: Array, g: Array) -> float:
    return (g * np.minimum(a, 0)).mean()


def mean_of_samples(a: Array, g: Array) -> float:
    return alpha_gradient(a, g) / len(a)


def one_a_unit(a: Array, g: Array) -> Array:
    return (g * np.minimum(a, 0)).sum(axis=0)


def one_an_entry(a: Array, g: Array) -> Array:
    return g * np.minimum(a, 0)


def slope_by_alpha(a: Array, g: Array) -> float:
    return (g * (a < 0)).sum()


def right_side(a: Array, g: Array) -> float:
    return (g * np.maximum(a, 0)).sum()


def nothing_handed(a: Array, g: Array) -> float:
    return np.minimum(a, 0).sum()


def beyond_waking(W: Array, b: Array) -> Array:
    return b + np.maximum(W, 0).sum(axis=0) <= 0


def on_white(W: Array, b: Array) -> Array:
    return b + W.sum(axis=0) <= 0


def on_black(W: Array, b: Array) -> Array:
    return b <= 0


def on_worst(W: Array, b: Array) -> Array:
    return b + np.minimum(W, 0).sum(axis=0) <= 0


def without_signs(W: Array, b: Array) -> Array:
    return b + np.abs(W).sum(axis=0) <= 0


def on_one_pixel(W: Array, b: Array) -> Array:
    return b + W.max(axis=0) <= 0


def zero_awake(W: Array, b: Array) -> Array:
    return b + np.maximum(W, 0).sum(axis=0) < 0


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
        alpha_gradient,
        cases=[
            (np.array([[-2.0, 3.0]]), np.array([[0.5, 4.0]])),
            (np.array([[-1.0, 2.0], [-3.0, -0.5]]), np.array([[1.0, 7.0], [2.0, -4]])),
            (_rng.normal(size=(3, 4)), _rng.normal(size=(3, 4))),
        ],
        mistakes=[
            (mean_of_entries, "g has the mean in it already, if the loss is one."),
            (mean_of_samples, "g has the mean over the samples in it already."),
            (one_a_unit, "all units share one alpha: one number."),
            (one_an_entry, "all entries share one alpha, and each has a say."),
            (slope_by_alpha, "that is the slope of the slope; (10.9) has the score."),
            (right_side, "alpha has no say above zero."),
            (nothing_handed, "the chain rule multiplies by what is handed back."),
        ],
    ),
    "10.5": Exercise(
        beyond_waking,
        cases=[
            (np.array([[1.0], [-1.0]]), np.array([-0.5])),
            (
                np.array([[1.0, -1.0, 0.5, 0.0], [1.0, 3.0, 0.5, -2.0]]),
                np.array([-1.5, -2.0, -1.0, 1.0]),
            ),
            (_rng.normal(size=(5, 8)), _rng.normal(size=8) - 2),
        ],
        mistakes=[
            (on_white, "that is the white image; is it the one that helps most?"),
            (on_black, "that is the black image alone."),
            (on_worst, "that is the image that is worst for the unit."),
            (without_signs, "a pixel with a negative weight is best left black."),
            (on_one_pixel, "an image may light many pixels at once."),
            (zero_awake, "a score of exactly zero passes nothing on."),
        ],
    ),
}
