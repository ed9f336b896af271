"""Exercises of chapter 1, what learning is."""

from itertools import pairwise

import numpy as np
from numpy import ndarray as Array

from helpers.exercises import Exercise

Layers = list[tuple[Array, Array]]


def forward(x: Array, layers: Layers) -> Array:
    for W, b in layers[:-1]:
        x = np.tanh(x @ W + b)
    W, b = layers[-1]
    return x @ W + b


def activation_at_the_end(x: Array, layers: Layers) -> Array:
    return np.tanh(forward(x, layers))


def no_activation(x: Array, layers: Layers) -> Array:
    for W, b in layers:
        x = x @ W + b
    return x


def rectified(x: Array, layers: Layers) -> Array:
    for W, b in layers[:-1]:
        x = relu(x @ W + b)
    W, b = layers[-1]
    return x @ W + b


def no_biases(x: Array, layers: Layers) -> Array:
    return forward(x, [(W, 0 * b) for W, b in layers])


def bias_outside(x: Array, layers: Layers) -> Array:
    for W, b in layers[:-1]:
        x = np.tanh(x @ W) + b
    W, b = layers[-1]
    return x @ W + b


def collapse(layers: Layers) -> Array:
    (W, b), *rest = layers
    for W_next, b_next in rest:
        W, b = W @ W_next, b @ W_next + b_next
    return np.vstack([W, b])


def last_bias(layers: Layers) -> Array:
    return np.vstack([collapse(layers)[:-1], layers[-1][1]])


def first_bias_alone(layers: Layers) -> Array:
    without = [(W, 0 * b) for W, b in layers[1:]]
    return collapse([layers[0], *without])


def weights_alone(layers: Layers) -> Array:
    return collapse(layers)[:-1]


def biases_summed(layers: Layers) -> Array:
    total = sum(b.sum() for _, b in layers)
    return np.vstack([collapse(layers)[:-1], 0 * layers[-1][1] + total])


def bias_on_top(layers: Layers) -> Array:
    return np.roll(collapse(layers), 1, axis=0)


def as_pair(layers: Layers) -> tuple[Array, Array]:
    both = collapse(layers)
    return both[:-1], both[-1]


def layer_in_columns(W: Array, a: Array, b: Array) -> Array:
    return np.tanh(W @ a + b[:, None])


def biases_along_samples(W: Array, a: Array, b: Array) -> Array:
    return np.tanh(W @ a + b)


def biases_forgotten(W: Array, a: Array, b: Array) -> Array:
    return np.tanh(W @ a)


def bias_after_activation(W: Array, a: Array, b: Array) -> Array:
    return np.tanh(W @ a) + b[:, None]


def relu(x: Array) -> Array:
    return np.maximum(x, 0)


def bump(x: Array, t: float, w: float) -> Array:
    return (relu(x - t + w) - 2 * relu(x - t) + relu(x - t - w)) / w


def never_comes_back(x: Array, t: float, w: float) -> Array:
    return (relu(x - t + w) - 2 * relu(x - t)) / w


def rises_forever(x: Array, t: float, w: float) -> Array:
    return relu(x - t + w) / w


def stays_up(x: Array, t: float, w: float) -> Array:
    return (relu(x - t + w) - relu(x - t)) / w


def not_one_high(x: Array, t: float, w: float) -> Array:
    return bump(x, t, w) * w


_rng = np.random.default_rng(1)


def _layers(*sizes: int) -> Layers:
    shapes = pairwise(sizes)
    return [(_rng.normal(size=shape), _rng.normal(size=shape[1])) for shape in shapes]


_X = np.array([-3.0, -1.0, -0.5, 0.0, 0.25, 1.0, 2.0, 5.0])

EXERCISES = {
    "1.1": Exercise(
        forward,
        cases=[
            (np.ones((1, 1)), [(2 * np.ones((1, 1)), np.ones(1))] * 2),
            (_rng.normal(size=(5, 4)), _layers(4, 3)),
            (_rng.normal(size=(5, 4)), _layers(4, 6, 4, 3)),
        ],
        mistakes=[
            (activation_at_the_end, "no activation after the last layer."),
            (no_activation, "the activation is missing: this is a single affine map."),
            (no_biases, "the biases are missing."),
            (rectified, "here the activation is tanh."),
            (bias_outside, "the bias belongs inside the activation."),
        ],
    ),
    "1.2": Exercise(
        73,
        mistakes=[
            (60, "those are the weights; each unit also has a bias."),
            (17, "those are the units, the inputs among them."),
            (13, "those are the biases; add the weights."),
            (77, "the inputs have no biases."),
            (63, "each unit has a bias, not each layer: 6, 4 and 3."),
            (70, "the outputs have biases too."),
        ],
    ),
    "1.3": Exercise(
        collapse,
        cases=[(_layers(1, 1, 1),), (_layers(3, 2),), (_layers(4, 6, 4, 3),)],
        mistakes=[
            (last_bias, "the biases of the layers below reach the output too."),
            (first_bias_alone, "only the first layer's bias has arrived."),
            (weights_alone, "that is W*; b* belongs below it as a last row."),
            (biases_summed, "a bias passes through all the layers above its own."),
            (bias_on_top, "b* is the last row, under W*."),
            (as_pair, "return one array, np.vstack([W, b])."),
        ],
    ),
    "1.4": Exercise(
        layer_in_columns,
        cases=[
            (np.eye(2), np.array([[0.0, 1.0], [0.5, 0.0]]), np.array([0.5, -0.5])),
            (_rng.normal(size=(3, 4)), _rng.normal(size=(4, 5)), _rng.normal(size=3)),
            (_rng.normal(size=(3, 4)), _rng.normal(size=(4, 1)), _rng.normal(size=3)),
        ],
        mistakes=[
            (
                biases_along_samples,
                "this is the code as it stands: b runs along the samples.",
            ),
            (biases_forgotten, "the biases are missing now."),
            (bias_after_activation, "the bias belongs inside the activation."),
        ],
    ),
    "1.5": Exercise(
        308_311,
        within=1e-7,
        mistakes=[
            (308_310, "one pass for each parameter, and one to compare with."),
            (616_620, "that is for nudges to both sides; here one side is enough."),
            (308_200, "those are the weights; biases are nudged too."),
            (308_201, "count the biases too."),
        ],
    ),
    "1.6": Exercise(
        bump,
        cases=[(_X, 0.0, 1.0), (_X, 0.5, 2.0), (_X, -1.0, 0.25)],
        mistakes=[
            (never_comes_back, "it falls for ever; the last unit stops it at t + w."),
            (rises_forever, "it goes on rising; the slope changes at t and t + w too."),
            (stays_up, "it stays up; the slope at t changes from 1/w to -1/w."),
            (not_one_high, "it is w high; the slope has to be 1/w."),
        ],
    ),
}
