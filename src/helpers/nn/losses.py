"""Losses in NumPy: `forward` returns the mean over the batch, `backward` its gradient.

`forward` raises ValueError for scores that are not of floats of 32 or 64 bits, for
other shapes or labels and for an empty batch; `backward` RuntimeError before the first
`forward`.
Numbers in brackets are equations of the chapters.
"""

import numpy as np
from numpy import ndarray as Array

from helpers.nn.checks import (
    expect_binary,
    expect_forward,
    expect_labels,
    expect_probabilities,
)


class CrossEntropy:
    """Mean over the batch of -log of the label's probability.

    `forward(probs, labels)` takes `(n, k)` and integers `(n,)`, returns a float, and
    raises ValueError for a number that is no probability.
    Probabilities below the smallest normal number count as that number, forward and
    backward, so that both are finite.
    """

    def forward(self, probs: Array, labels: Array) -> float:
        expect_labels(labels, probs)
        expect_probabilities(probs)
        self.shape, self.at_label = probs.shape, (np.arange(len(labels)), labels)
        self.guarded = np.maximum(probs[self.at_label], np.finfo(probs.dtype).tiny)
        # (3.9)  L = -(1/n) sum_s log p_(s, label)
        return float(-np.log(self.guarded).mean())

    def backward(self) -> Array:
        expect_forward(self)
        # (3.10)  dL/dp = -y / (n p)
        grad = np.zeros(self.shape, self.guarded.dtype)
        grad[self.at_label] = -1 / (len(grad) * self.guarded)
        return grad


class SoftmaxCrossEntropy:
    """Softmax and cross-entropy in one: finite while the logits' differences are.

    `forward(logits, labels)` takes `(n, k)` and integers `(n,)`, returns a float.
    """

    def forward(self, logits: Array, labels: Array) -> float:
        expect_labels(labels, logits)
        self.shape, self.at_label = logits.shape, (np.arange(len(labels)), labels)
        shifted = logits - logits.max(axis=1, keepdims=True)
        powers = np.exp(shifted)
        totals = powers.sum(axis=1)
        self.probs = powers / totals[:, None]
        # (3.13)  log p = z - z_max - log sum exp(z - z_max)
        return float((np.log(totals) - shifted[self.at_label]).mean())

    def backward(self) -> Array:
        expect_forward(self)
        # (3.11)  delta = (p - y) / n
        grad = self.probs.copy()
        grad[self.at_label] -= 1
        return grad / len(grad)


class SigmoidCrossEntropy:
    """Sigmoid and binary cross-entropy in one: finite while the logits are.

    `forward(logits, labels)` takes `(n, 1)` and integers 0 and 1 `(n,)`, returns a
    float.
    """

    def forward(self, logits: Array, labels: Array) -> float:
        expect_binary(labels, logits)
        self.shape = logits.shape
        self.targets = np.asarray(labels, logits.dtype)[:, None]
        powers = np.exp(-np.abs(logits))  # at most 1, whatever the logit is
        self.probs = np.where(logits > 0, 1, powers) / (1 + powers)
        # (4.16)  L = max(z, 0) - y z + log(1 + exp(-|z|))
        linear = np.maximum(logits, 0) - self.targets * logits
        return float((linear + np.log1p(powers)).mean())

    def backward(self) -> Array:
        expect_forward(self)
        # (4.13)  delta = (p - y) / n
        return (self.probs - self.targets) / len(self.probs)
