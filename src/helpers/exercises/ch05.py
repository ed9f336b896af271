"""Exercises of chapter 5, a network in NumPy."""

import numpy as np
from numpy import ndarray as Array

from helpers.exercises import Exercise
from helpers.nn import Softmax


def sigmoid_backward(h: Array, g: Array) -> Array:
    return g * h * (1 - h)


def slope_at_the_output(h: Array, g: Array) -> Array:
    s = 1 / (1 + np.exp(-h))
    return g * s * (1 - s)


def slope_alone(h: Array, g: Array) -> Array:
    return h * (1 - h)


def slope_of_tanh(h: Array, g: Array) -> Array:
    return g * (1 - h**2)


def a_quarter(h: Array, g: Array) -> Array:
    return g / 4


Step = tuple[Array, Array]


def momentum_step(
    param: Array, velocity: Array, grad: Array, lr: float, momentum: float
) -> Step:
    velocity = momentum * velocity + grad
    return param - lr * velocity, velocity


def both_bugs(
    param: Array, velocity: Array, grad: Array, lr: float, momentum: float
) -> Step:
    return param - lr * grad, velocity + momentum * grad


def gradient_followed(
    param: Array, velocity: Array, grad: Array, lr: float, momentum: float
) -> Step:
    return param - lr * grad, momentum * velocity + grad


def gradient_faded(
    param: Array, velocity: Array, grad: Array, lr: float, momentum: float
) -> Step:
    velocity = velocity + momentum * grad
    return param - lr * velocity, velocity


def old_velocity_followed(
    param: Array, velocity: Array, grad: Array, lr: float, momentum: float
) -> Step:
    return param - lr * velocity, momentum * velocity + grad


def averaged(
    param: Array, velocity: Array, grad: Array, lr: float, momentum: float
) -> Step:
    velocity = momentum * velocity + (1 - momentum) * grad
    return param - lr * velocity, velocity


def rate_in_velocity(
    param: Array, velocity: Array, grad: Array, lr: float, momentum: float
) -> Step:
    velocity = momentum * velocity - lr * grad
    return param + velocity, velocity


def nesterov(
    param: Array, velocity: Array, grad: Array, lr: float, momentum: float
) -> Step:
    velocity = momentum * velocity + grad
    return param - lr * (grad + momentum * velocity), velocity


def never_fading(
    param: Array, velocity: Array, grad: Array, lr: float, momentum: float
) -> Step:
    return param - lr * (velocity + grad), velocity + grad


def old_velocity_returned(
    param: Array, velocity: Array, grad: Array, lr: float, momentum: float
) -> Step:
    return param - lr * (momentum * velocity + grad), velocity


def swapped(
    param: Array, velocity: Array, grad: Array, lr: float, momentum: float
) -> Step:
    return momentum_step(param, velocity, grad, lr, momentum)[::-1]


def uphill(
    param: Array, velocity: Array, grad: Array, lr: float, momentum: float
) -> Step:
    velocity = momentum * velocity + grad
    return param + lr * velocity, velocity


def delta_of(h: Array, W2: Array, b2: Array, labels: Array) -> Array:
    delta = Softmax().forward(h @ W2 + b2)
    delta[np.arange(len(labels)), labels] -= 1
    return delta / len(labels)


def first_gradient_tanh(
    x: Array, W1: Array, b1: Array, W2: Array, b2: Array, labels: Array
) -> Array:
    h = np.tanh(x @ W1 + b1)
    return x.T @ ((delta_of(h, W2, b2, labels) @ W2.T) * (1 - h**2))


def sigmoids_slope_kept(
    x: Array, W1: Array, b1: Array, W2: Array, b2: Array, labels: Array
) -> Array:
    h = np.tanh(x @ W1 + b1)
    return x.T @ ((delta_of(h, W2, b2, labels) @ W2.T) * h * (1 - h))


def slope_taken_at_the_output(
    x: Array, W1: Array, b1: Array, W2: Array, b2: Array, labels: Array
) -> Array:
    h = np.tanh(x @ W1 + b1)
    return x.T @ ((delta_of(h, W2, b2, labels) @ W2.T) * (1 - np.tanh(h) ** 2))


def slope_forgotten(
    x: Array, W1: Array, b1: Array, W2: Array, b2: Array, labels: Array
) -> Array:
    h = np.tanh(x @ W1 + b1)
    return x.T @ (delta_of(h, W2, b2, labels) @ W2.T)


def softmax_over_the_batch(
    x: Array, W1: Array, b1: Array, W2: Array, b2: Array, labels: Array
) -> Array:
    h = np.tanh(x @ W1 + b1)
    delta = Softmax().forward((h @ W2 + b2).ravel()).reshape(len(x), -1)
    delta[np.arange(len(labels)), labels] -= 1
    return x.T @ ((delta @ W2.T) * (1 - h**2)) / len(x)


def labels_for_rows(
    x: Array, W1: Array, b1: Array, W2: Array, b2: Array, labels: Array
) -> Array:
    h = np.tanh(x @ W1 + b1)
    delta = Softmax().forward(h @ W2 + b2) - labels
    return x.T @ ((delta @ W2.T) * (1 - h**2)) / len(x)


def labels_for_targets(
    x: Array, W1: Array, b1: Array, W2: Array, b2: Array, labels: Array
) -> Array:
    h = np.tanh(x @ W1 + b1)
    delta = Softmax().forward(h @ W2 + b2) - labels[:, None]
    return x.T @ ((delta @ W2.T) * (1 - h**2)) / len(x)


def mean_forgotten(
    x: Array, W1: Array, b1: Array, W2: Array, b2: Array, labels: Array
) -> Array:
    return first_gradient_tanh(x, W1, b1, W2, b2, labels) * len(x)


def sigmoid_kept(
    x: Array, W1: Array, b1: Array, W2: Array, b2: Array, labels: Array
) -> Array:
    h = 1 / (1 + np.exp(-(x @ W1 + b1)))
    return x.T @ ((delta_of(h, W2, b2, labels) @ W2.T) * h * (1 - h))


_rng = np.random.default_rng(6)


def _network(n: int, d: int, m: int, k: int) -> tuple[Array, ...]:
    shapes = [(n, d), (d, m), (m,), (m, k), (k,)]
    return *(_rng.normal(size=shape) for shape in shapes), _rng.integers(k, size=n)


_STEP = np.array([1.0, 2.0]), np.array([0.5, 0.0]), np.array([1.0, -1.0])

EXERCISES = {
    "5.1": Exercise(
        sigmoid_backward,
        cases=[
            (np.array([[0.5]]), np.array([[1.0]])),
            (np.array([[0.5, 0.9]]), np.array([[2.0, 10.0]])),
            (_rng.uniform(0, 1, (5, 3)), _rng.normal(size=(5, 3))),
        ],
        mistakes=[
            (
                slope_at_the_output,
                "h is the sigmoid's output already; don't take the sigmoid again.",
            ),
            (slope_alone, "that is dh/da; the chain rule multiplies it with g."),
            (slope_of_tanh, "1 - h^2 belongs to tanh."),
            (a_quarter, "a quarter is the slope at a = 0 alone."),
        ],
    ),
    "5.2": Exercise(
        200,
        mistakes=[
            (201, "that has 200,407 parameters, biases included."),
            (251, "that is the answer for one hidden layer."),
            (250, "that is near the answer for one hidden layer."),
            (199, "there is room for one more."),
            (125, "the first layer takes nearly all of them; don't halve the budget."),
            (
                float(np.sqrt(398**2 + 199_990) - 398),
                "that is the quadratic's root; a unit is whole.",
            ),
        ],
    ),
    "5.3": Exercise(
        momentum_step,
        cases=[
            (*_STEP, 0.1, 0.9),
            (*_rng.normal(size=(3, 4)), 0.5, 0.5),
            (*_rng.normal(size=(3, 2, 3)), 0.01, 0.0),
        ],
        mistakes=[
            (both_bugs, "this is the code as it stands."),
            (
                gradient_followed,
                "the velocity is right now; the parameter has to move by it.",
            ),
            (gradient_faded, "momentum fades the old velocity, not the gradient."),
            (
                old_velocity_followed,
                "the parameter moves by the new velocity, not by the old one.",
            ),
            (averaged, "(5.8) adds the whole gradient, not 1 - momentum of it."),
            (uphill, "descent subtracts."),
            (
                rate_in_velocity,
                "(5.8) keeps the learning rate out of the velocity and subtracts.",
            ),
            (nesterov, "that is Nesterov's momentum; (5.8) moves by v itself."),
            (never_fading, "the old velocity has to fade."),
            (old_velocity_returned, "the velocity returned is the old one."),
            (swapped, "the parameter comes first, then the velocity."),
        ],
    ),
    "5.4": Exercise(
        [False, False, True, False],
        mistakes=[
            ([True, False, True, False], "in the first, look at the rows of W2."),
            ([False, True, True, False], "in the second, look at the columns of W1."),
            (
                [True, True, True, False],
                "equal units need equal columns of W1 and equal rows of W2.",
            ),
            ([False, False, True, True], "in the fourth, look at the rows of W2."),
            (
                [True, False, True, True],
                "where the rows of W2 differ, so do the columns of (5.4).",
            ),
            ([False] * 4, "one of the four is the case of (5.5)."),
            ([True] * 4, "where any two units differ in one row, they part."),
            (
                [True, True, False, False],
                "zero isn't what matters, but whether anything tells the units apart.",
            ),
            ([True, True, False, True], "True is for those that stay equal."),
        ],
    ),
    "5.5": Exercise(
        first_gradient_tanh,
        cases=[_network(1, 1, 1, 2), _network(4, 3, 2, 3), _network(5, 2, 6, 4)],
        mistakes=[
            (sigmoid_kept, "that is (5.4) for the sigmoid."),
            (
                sigmoids_slope_kept,
                "h (1 - h) is the sigmoid's derivative; tanh has another.",
            ),
            (
                slope_taken_at_the_output,
                "h is the output of tanh already; don't take it again.",
            ),
            (slope_forgotten, "the activation's own derivative is missing."),
            (mean_forgotten, "the loss is a mean over the samples."),
            (softmax_over_the_batch, "softmax goes along axis=1, row by row."),
            (
                labels_for_rows,
                "labels are integers, (n,), not one-hot rows; np.eye(k)[labels] is.",
            ),
            (
                labels_for_targets,
                "labels are integers; subtract 1 at the label's column of each row.",
            ),
        ],
    ),
}
