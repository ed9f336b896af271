"""Layers and the loss of Assignment 1, in NumPy; rows are samples.

A layer's `backward(dout)` takes the gradient of the loss with respect to the layer's
output, sets `grads` and returns the gradient with respect to the input. Softmax and
cross-entropy go back in one step, as the sheet of Assignment 1 hints: CrossEntropy
returns the gradient with respect to the logits, and SoftMax hands it on.
"""

import numpy as np


class Linear:
    """x W + b, with W of shape (in_features, out_features) and b (out_features,).

    First weights are normal with the variance that PyTorch's own have, 1 / (3 inputs);
    first biases are zero.
    """

    def __init__(self, in_features, out_features, rng=None):
        shape, scale = (in_features, out_features), (3 * in_features) ** -0.5
        weight = np.random.default_rng(rng).normal(0, scale, shape)
        self.params = {"weight": weight, "bias": np.zeros(out_features)}
        self.grads = {name: np.zeros_like(each) for name, each in self.params.items()}

    def forward(self, x):
        self.x = x
        return x @ self.params["weight"] + self.params["bias"]

    def backward(self, dout):
        self.grads["weight"] = self.x.T @ dout
        self.grads["bias"] = dout.sum(axis=0)
        return dout @ self.params["weight"].T


class ReLU:
    """max(x, 0), with the slope 0 at 0."""

    def forward(self, x):
        self.positive = x > 0
        return np.maximum(x, 0)

    def backward(self, dout):
        return dout * self.positive


class SoftMax:
    """Rows of logits to rows of probabilities."""

    def forward(self, x):
        powers = np.exp(x - x.max(axis=1, keepdims=True))  # at most 1: no overflow
        return powers / powers.sum(axis=1, keepdims=True)

    def backward(self, dout):
        return dout  # see above


class CrossEntropy:
    """The mean over the samples of -log of the right class's probability.

    x: probabilities (n, k); y: the right classes, one-hot, (n, k), else ValueError.
    """

    def forward(self, x, y):
        _expect_one_hot(x, y)
        return -(y * np.log(np.maximum(x, np.finfo(float).tiny))).sum() / len(x)

    def backward(self, x, y):
        """The gradient with respect to the logits, p - y, of the mean."""
        _expect_one_hot(x, y)
        return (x - y) / len(x)


def _expect_one_hot(x, y):
    if np.shape(x) != np.shape(y):  # which would be broadcast without a word
        raise ValueError(
            f"targets have shape {np.shape(y)} for probabilities of shape "
            f"{np.shape(x)}; expected one-hot rows: np.eye(k)[labels]"
        )
