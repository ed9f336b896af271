"""Layers in NumPy, each backward beside its forward.

Rows are samples: inputs are `(n, d)`, logits `(n, k)`. `backward(grad)` takes the
gradient of the loss with respect to the layer's output, returns the one with respect
to its input (None from a first layer), and sets (never adds to) the gradients of the
parameters. What `forward` is given and returns has to stay as it is until then.
`backward` raises ValueError for a gradient of another shape than the output's,
RuntimeError before the first `forward`. Both raise ValueError for arrays that are not
of floats of 32 or 64 bits.
Numbers in brackets are equations of the chapters.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

import numpy as np
from numpy import ndarray as Array

from helpers.nn.checks import (
    expect_distinct,
    expect_floats,
    expect_gradient,
    expect_inputs,
)

Init = Callable[[np.random.Generator, int, int], Array]


class Layer(Protocol):
    """Anything with `forward`, `backward`, `params` and `grads`."""

    params: list[Array]
    grads: list[Array]

    def forward(self, x: Array) -> Array: ...
    def backward(self, grad: Array) -> Array | None: ...


def xavier(rng: np.random.Generator, fan_in: int, fan_out: int) -> Array:
    """Weights `(fan_in, fan_out)` of variance (5.7), 2 / (fan_in + fan_out)."""
    return rng.normal(0, np.sqrt(2 / (fan_in + fan_out)), (fan_in, fan_out))


def he(rng: np.random.Generator, fan_in: int, fan_out: int) -> Array:
    """Weights `(fan_in, fan_out)` of variance 2 / fan_in, for ReLU (He 2015)."""
    return rng.normal(0, np.sqrt(2 / fan_in), (fan_in, fan_out))


class Linear:
    """`x W + b` for `x` of shape `(n, fan_in)`; `W` `(fan_in, fan_out)`, `b` zeros.

    first: the inputs are data, so nobody needs dL/dx: `backward` returns None and
    saves a third of the layer's work.
    `forward` raises ValueError for inputs of another shape, as does a `dtype` of
    integers or 16 bits.
    """

    def __init__(
        self,
        fan_in: int,
        fan_out: int,
        rng: np.random.Generator,
        init: Init = xavier,
        dtype: type = np.float32,
        first: bool = False,
    ) -> None:
        self.first = first
        self.W = init(rng, fan_in, fan_out).astype(dtype)
        expect_floats(self.W, f"Linear({fan_in} -> {fan_out}) got weights")
        self.b = np.zeros(fan_out, dtype)
        self.grads = [np.zeros_like(self.W), np.zeros_like(self.b)]

    @property
    def params(self) -> list[Array]:
        return [self.W, self.b]

    def forward(self, x: Array) -> Array:
        expect_inputs(x, *self.W.shape)
        out = x @ self.W + self.b  # (n, fan_out)
        self.x, self.shape = x, out.shape
        return out

    def backward(self, grad: Array) -> Array | None:
        expect_gradient(grad, self)
        # (3.6)  dL/dW = x^T delta,  (3.7)  dL/db = sum over the batch of delta
        self.grads = [self.x.T @ grad, grad.sum(axis=0)]
        # (3.8)  dL/dx = delta W^T
        return None if self.first else grad @ self.W.T


class ReLU:
    """max(x, 0), any shape; the derivative at 0 is taken as 0."""

    def __init__(self) -> None:
        self.params, self.grads = [], []

    def forward(self, x: Array) -> Array:
        expect_floats(x, "ReLU got inputs")
        self.positive, self.shape = x > 0, x.shape
        return np.maximum(x, 0)

    def backward(self, grad: Array) -> Array:
        expect_gradient(grad, self)
        # dL/dx = delta where x > 0, else 0
        return grad * self.positive


class Sigmoid:
    """1 / (1 + exp(-x)), any shape; 0 where exp(-x) is too large to be stored."""

    def __init__(self) -> None:
        self.params, self.grads = [], []

    def forward(self, x: Array) -> Array:
        expect_floats(x, "Sigmoid got inputs")
        with np.errstate(over="ignore"):  # 1 / inf is the right limit
            # (5.1)
            self.out = 1 / (1 + np.exp(-x))
        self.shape = self.out.shape
        return self.out

    def backward(self, grad: Array) -> Array:
        expect_gradient(grad, self)
        # (5.2), (5.3)  s' = s (1 - s)
        return grad * self.out * (1 - self.out)


class Tanh:
    """The hyperbolic tangent, any shape."""

    def __init__(self) -> None:
        self.params, self.grads = [], []

    def forward(self, x: Array) -> Array:
        expect_floats(x, "Tanh got inputs")
        self.out = np.tanh(x)
        self.shape = self.out.shape
        return self.out

    def backward(self, grad: Array) -> Array:
        expect_gradient(grad, self)
        # t' = 1 - t^2
        return grad * (1 - self.out**2)


class Softmax:
    """Rows of logits `(n, k)` to rows of probabilities, shifted by the row maximum."""

    def __init__(self) -> None:
        self.params, self.grads = [], []

    def forward(self, x: Array) -> Array:
        expect_floats(x, "Softmax got inputs")
        # (3.1), (3.2)  p = exp(z - max z) / sum of the same
        powers = np.exp(x - x.max(axis=-1, keepdims=True))
        self.probs = powers / powers.sum(axis=-1, keepdims=True)
        self.shape = self.probs.shape
        return self.probs

    def backward(self, grad: Array) -> Array:
        expect_gradient(grad, self)
        # (3.4)  delta_j = p_j (g_j - sum_i g_i p_i)
        weighted = (grad * self.probs).sum(axis=-1, keepdims=True)
        return self.probs * (grad - weighted)


class Sequential:
    """Layers one after the other; the loss stays outside.

    Raises ValueError for a layer that comes twice.
    """

    def __init__(self, layers: Iterable[Layer]) -> None:
        self.layers = tuple(layers)
        expect_distinct(list(_single(self.layers)))

    @property
    def params(self) -> list[Array]:
        return [param for layer in self.layers for param in layer.params]

    @property
    def grads(self) -> list[Array]:
        return [grad for layer in self.layers for grad in layer.grads]

    def forward(self, x: Array) -> Array:
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, grad: Array) -> Array | None:
        for layer in reversed(self.layers):
            grad = layer.backward(grad)
        return grad


def _single(layers: Iterable[Layer]) -> Iterator[Layer]:
    """The layers, in place of a Sequential those that it holds."""
    for layer in layers:
        yield from _single(layer.layers) if isinstance(layer, Sequential) else [layer]
