"""Exercises of chapter 12, MNIST in PyTorch."""

import numpy as np
from numpy import ndarray as Array
from scipy.special import softmax

from helpers.exercises import Exercise


def joined(grads: Array, sizes: Array) -> Array:
    return sizes @ grads / sizes.sum()


def mean_of_parts(grads: Array, sizes: Array) -> Array:
    return grads.mean(axis=0)


def sum_of_parts(grads: Array, sizes: Array) -> Array:
    return grads.sum(axis=0)


def undivided(grads: Array, sizes: Array) -> Array:
    return sizes @ grads


def divided_by_parts(grads: Array, sizes: Array) -> Array:
    return sizes @ grads / len(sizes)


def twice_backward(z: Array, labels: Array) -> Array:
    p = softmax(z, axis=1)
    g = softmax(p, axis=1)
    g[np.arange(len(z)), labels] -= 1
    return p * (g - (g * p).sum(axis=1, keepdims=True)) / len(z)


def summed(z: Array, labels: Array) -> Array:
    return twice_backward(z, labels) * len(z)


def of_one_softmax(z: Array, labels: Array) -> Array:
    p = softmax(z, axis=1)
    p[np.arange(len(z)), labels] -= 1
    return p / len(z)


def by_the_probabilities(z: Array, labels: Array) -> Array:
    return of_one_softmax(softmax(z, axis=1), labels)


def average_left_out(z: Array, labels: Array) -> Array:
    return softmax(z, axis=1) * by_the_probabilities(z, labels)


def diagonal_alone(z: Array, labels: Array) -> Array:
    p = softmax(z, axis=1)
    return p * (1 - p) * by_the_probabilities(z, labels)


def sum_over_all(z: Array, labels: Array) -> Array:
    p, g = softmax(z, axis=1), by_the_probabilities(z, labels)
    return p * (g - (g * p).sum())


_rng = np.random.default_rng(12)

EXERCISES = {
    "12.1": Exercise(
        joined,
        cases=[
            (np.array([[1.0], [4.0]]), np.array([2, 1])),
            (np.array([[2.0, -1.0]]), np.array([3])),
            (_rng.normal(size=(3, 2)), np.array([64, 64, 16])),
        ],
        mistakes=[
            (mean_of_parts, "a small part has as much say as a large one that way."),
            (sum_of_parts, "the parts' means add up to more than the batch's mean."),
            (undivided, "that is the gradient of the sum over the samples."),
            (divided_by_parts, "how many samples are there in all?"),
        ],
    ),
    "12.2": Exercise(
        -2.0,
        mistakes=[
            (2.0**1000, "that is with clearing: (1 - 3) to the power 1,000."),
            (1.0, "which step of a round is the step 1,000?"),
            (0.0, "it never comes to rest; which step of a round is the step 1,000?"),
            (2.0, "look at the sign: the first step subtracts three times 1 from 1."),
        ],
    ),
    "12.3": Exercise(
        np.array([5.0, 2.0, 4.0, 1.0, 3.0]),
        mistakes=[
            (
                [5, 2, 1, 4, 3],
                "a sum grows with the batch; what swings is never cleared.",
            ),
            ([3, 2, 4, 1, 5], "a second softmax answers the same way each time."),
            ([2, 5, 4, 1, 3], "which loss can't come down, and which has a floor?"),
            ([5, 1, 4, 2, 3], "weights that never move don't make the loss swing."),
        ],
    ),
    "12.4": Exercise(
        twice_backward,
        cases=[
            (np.log([[6.0, 3.0, 1.0]]), np.array([1])),
            (np.zeros((2, 2)), np.array([0, 1])),
            (_rng.normal(size=(3, 4)), np.array([3, 0, 2])),
        ],
        mistakes=[
            (summed, "the mean over the samples is asked for."),
            (of_one_softmax, "that is with one softmax."),
            (by_the_probabilities, "that is the gradient by p; z lies below it."),
            (average_left_out, "what is subtracted from each entry in (12.5)?"),
            (diagonal_alone, "raising one logit lowers the other probabilities."),
            (sum_over_all, "the sum goes along each row, not over all of them."),
        ],
    ),
    "12.5": Exercise(
        4603.0,
        within=1e-9,
        mistakes=[
            (4602.0, "one step short: round up."),
            (1000.0, "after 1,000 steps more than a third of it are the first ones."),
            (10.0, "0.001 is what the newest weights add; it also wears off."),
            (6905.0, "that is a thousandth, not a hundredth."),
            (990.0, "what fades fades by a factor a step, not by a difference."),
        ],
    ),
}
