"""Exercises of chapter 14, convolution."""

import numpy as np
from numpy import ndarray as Array

from helpers.exercises import Exercise


def convolve(x: Array, W: Array) -> Array:
    K = len(W)
    rows, cols = (side - K + 1 for side in x.shape)
    return np.array(
        [
            [(x[i : i + K, j : j + K] * W).sum() for j in range(cols)]
            for i in range(rows)
        ]
    )


def turned_filter(x: Array, W: Array) -> Array:
    return convolve(x, W[::-1, ::-1])


def last_window_forgotten(x: Array, W: Array) -> Array:
    return convolve(x, W)[:-1, :-1]


def mean_of_products(x: Array, W: Array) -> Array:
    return convolve(x, W) / W.size


def row_and_column_exchanged(x: Array, W: Array) -> Array:
    return convolve(x, W).T


def padded(x: Array, W: Array) -> Array:
    return convolve(np.pad(x, len(W) // 2), W)


def input_gradient(g: Array, W: Array) -> Array:
    return convolve(np.pad(g, len(W) - 1), W[::-1, ::-1])


def unturned(g: Array, W: Array) -> Array:
    return convolve(np.pad(g, len(W) - 1), W)


def transposed(g: Array, W: Array) -> Array:
    return convolve(np.pad(g, len(W) - 1), W.T)


def turned_once(g: Array, W: Array) -> Array:
    return convolve(np.pad(g, len(W) - 1), W[::-1])


def in_use(
    x: Array, gamma: Array, beta: Array, mean: Array, variance: Array, eps: float
) -> Array:
    return gamma * (x - mean) / np.sqrt(variance + eps) + beta


def of_the_batch(
    x: Array, gamma: Array, beta: Array, mean: Array, variance: Array, eps: float
) -> Array:
    return in_use(x, gamma, beta, x.mean(axis=0), x.var(axis=0), eps)


def eps_outside(
    x: Array, gamma: Array, beta: Array, mean: Array, variance: Array, eps: float
) -> Array:
    return gamma * (x - mean) / (np.sqrt(variance) + eps) + beta


def no_root(
    x: Array, gamma: Array, beta: Array, mean: Array, variance: Array, eps: float
) -> Array:
    return gamma * (x - mean) / (variance + eps) + beta


def offset_scaled(
    x: Array, gamma: Array, beta: Array, mean: Array, variance: Array, eps: float
) -> Array:
    return gamma * ((x - mean) / np.sqrt(variance + eps) + beta)


def wasted(side: int) -> float:
    return 1 - ((3 * side - 2) / (3 * side)) ** 2


def one_side_only(side: int) -> float:
    return 1 - (3 * side - 2) / (3 * side)


def pixels_at_the_edge(side: int) -> float:
    return 1 - (max(side - 2, 0) / side) ** 2


def zeros_of_the_map(side: int) -> float:
    return 1 - (side / (side + 2)) ** 2


def useful(side: int) -> float:
    return 1 - wasted(side)


def corners_twice(side: int) -> float:
    return 4 * 3 * side / (9 * side**2)


_rng = np.random.default_rng(14)
_EDGE = np.array([[0, 0, 2, 2], [0, 0, 2, 2], [0, 1, 2, 2], [1, 1, 1, 1]])
_RIGHT = np.array([[-1, 0, 1]] * 3)


def _channels(n: int, d: int) -> tuple[Array, ...]:
    x, gamma, beta, mean = (_rng.normal(size=s) for s in ((n, d), d, d, d))
    return x, gamma, beta, mean, _rng.uniform(0.1, 2, d), 0.1


EXERCISES = {
    "14.1": Exercise(
        convolve,
        cases=[
            (np.array([[0, 1, 3], [2, 0, 0]]), np.array([[1, 2], [0, 5]])),
            (_EDGE, _RIGHT),
            (_rng.normal(size=(5, 4)), _rng.normal(size=(2, 2))),
            (_rng.normal(size=(3, 3)), _rng.normal(size=(3, 3))),
            (_rng.normal(size=(2, 6)), _rng.normal(size=(1, 1))),
        ],
        mistakes=[
            (turned_filter, "(14.1) doesn't turn the filter."),
            (last_window_forgotten, "the last window begins at side - K."),
            (mean_of_products, "the products are added; nothing is divided."),
            (row_and_column_exchanged, "rows and columns are exchanged."),
            (padded, "there is no padding here."),
        ],
    ),
    "14.2": Exercise(
        128 * 256 * 9 + 256 + 2 * 256,
        mistakes=[
            (128 * 256 * 9, "that is the filters alone."),
            (128 * 256 * 9 + 256, "batch normalization learns too."),
            (128 * 256 * 9 + 2 * 256, "the convolution has biases."),
            (128 * 256 * 9 + 128 + 2 * 256, "one bias for each channel out."),
            (128 * 256 * 9 + 256 + 4 * 256, "the running averages aren't learned."),
            (9 * 256 + 3 * 256, "a filter has nine weights for each channel in."),
        ],
    ),
    "14.3": Exercise(
        input_gradient,
        cases=[
            (np.array([[1.0]]), np.array([[1.0, 2.0], [3.0, 4.0]])),
            (np.array([[1.0, 0.0], [0.0, -1.0]]), _RIGHT.astype(float)),
            (_rng.normal(size=(3, 2)), _rng.normal(size=(3, 3))),
            (_rng.normal(size=(4, 4)), _rng.normal(size=(2, 2))),
        ],
        mistakes=[
            (
                unturned,
                "this is the code as it stands; which weight did the first pixel meet?",
            ),
            (transposed, "a turn by 180 degrees is no transpose."),
            (turned_once, "rows are turned, columns aren't."),
            (
                lambda g, W: input_gradient(g, W).T,
                "rows and columns of the result are exchanged.",
            ),
        ],
    ),
    "14.4": Exercise(
        in_use,
        cases=[_channels(1, 1), _channels(2, 3), _channels(4, 2)],
        mistakes=[
            (of_the_batch, "that is training mode; in use the batch doesn't count."),
            (eps_outside, "epsilon stands under the root, see (14.9)."),
            (no_root, "it is divided by the root of the variance."),
            (offset_scaled, "beta is added last."),
        ],
    ),
    "14.5": Exercise(
        wasted,
        cases=[(2,), (1,), (4,), (8,), (32,)],
        mistakes=[
            (one_side_only, "that is along one side; a filter has two."),
            (pixels_at_the_edge, "a pixel at the edge still meets six weights."),
            (zeros_of_the_map, "how often is each zero multiplied?"),
            (useful, "that is the share that isn't wasted."),
            (corners_twice, "the corners are counted twice."),
        ],
    ),
}
