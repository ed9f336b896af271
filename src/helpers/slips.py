"""Ten programs that learn to read digits; nine have one slip each (chapter 17).

`Right` is as it should be. Each other program changes one method of it, and raises no
error. All but program 5, which draws once more before, start from the same weights.
Their names don't tell the slip: the chapter lets the reader look for it. `OffByOne` is
an eleventh, whose slip is in the data.
"""

from collections.abc import Callable
from math import ceil
from typing import Self

import numpy as np
from numpy import ndarray as Array
from scipy.special import log_softmax
from sklearn.datasets import load_digits

from helpers import nn


class Right:
    """A network 64-32-10 for 1,000 of scikit-learn's 1,797 digits, pixels 0 to 16."""

    epochs, batch = 50, 64

    def __init__(self, seed: int = 0) -> None:
        self.rng = np.random.default_rng(seed)
        self.x, self.labels = load_digits(return_X_y=True)
        self.train, self.test = self.split()
        self.net, self.loss = nn.Sequential(self.layers()), self.new_loss()

    def split(self) -> list[Array]:
        """The rows to train on, and those to test on."""
        return np.split(self.rng.permutation(len(self.x)), [1000])

    def layers(self) -> list[nn.Linear | nn.ReLU]:
        first = nn.Linear(64, 32, self.rng, nn.he, float, first=True)
        return [first, nn.ReLU(), self.last_layer()]

    def last_layer(self) -> nn.Linear:
        return nn.Linear(32, 10, self.rng, dtype=float)

    def new_loss(self) -> nn.SoftmaxCrossEntropy:
        return nn.SoftmaxCrossEntropy()

    def inputs(self, rows: Array) -> Array:
        """What the network gets in training, (rows, 64)."""
        return self.x[rows] / 16

    def inputs_in_use(self, rows: Array) -> Array:
        return self.inputs(rows)

    def steps(self) -> int:
        return self.epochs * ceil(len(self.train) / self.batch)

    def step(self, rows: Array, lr: float) -> float:
        """One step on these rows; the loss before it."""
        loss = self.loss.forward(self.net.forward(self.inputs(rows)), self.labels[rows])
        self.net.backward(self.loss.backward())
        nn.SGD(self.net, lr).step()
        return loss

    def fit(self, rate: Callable[[float], float] = lambda epoch: 0.2) -> Self:
        """rate: the learning rate, by the epochs that are behind."""
        steps = self.steps()
        for step in range(steps):
            rows = self.rng.choice(self.train, self.batch, replace=False)
            self.step(rows, rate(step * self.epochs / steps))
        return self

    def logits(self, rows: Array) -> Array:
        return self.net.forward(self.inputs_in_use(rows))

    def accuracy(self) -> float:
        return (self.logits(self.test).argmax(axis=1) == self.labels[self.test]).mean()


class Program1(Right):
    def inputs(self, rows: Array) -> Array:
        x = self.x[rows] / 16
        return x - x.mean(axis=0)


class Program2(Right):
    def new_loss(self) -> nn.SoftmaxCrossEntropy:
        class Loss(nn.SoftmaxCrossEntropy):
            def forward(self, z: Array, labels: Array) -> float:
                self.softmax = nn.Softmax()
                return super().forward(self.softmax.forward(z), labels)

            def backward(self) -> Array:
                return self.softmax.backward(super().backward())

        return Loss()


class Program4(Right):
    def last_layer(self) -> nn.Linear:
        class Last(nn.Linear):
            def backward(self, grad: Array) -> Array:
                super().backward(grad)
                return grad @ self.W.reshape(10, 32)

        return Last(32, 10, self.rng, dtype=float)


class Program5(Right):
    def split(self) -> list[Array]:
        train, _ = super().split()
        return [train, self.rng.permutation(len(self.x))[:797]]


class Program6(Right):
    def steps(self) -> int:
        return self.epochs


class Program7(Right):
    def new_loss(self) -> nn.SoftmaxCrossEntropy:
        class Loss(nn.SoftmaxCrossEntropy):
            def forward(self, z: Array, labels: Array) -> float:
                super().forward(z, labels)
                one_hot = np.eye(z.shape[1])[labels]
                return -(one_hot * log_softmax(z, axis=1)).mean()

            def backward(self) -> Array:
                return super().backward() / self.shape[1]

        return Loss()


class Program8(Right):
    def inputs_in_use(self, rows: Array) -> Array:
        return self.x[rows]


class Program9(Right):
    def layers(self) -> list[nn.Linear | nn.ReLU]:
        return [*super().layers(), nn.ReLU()]


class Program10(Right):
    def last_layer(self) -> nn.Linear:
        class Last(nn.Linear):
            def backward(self, grad: Array) -> Array:
                self.grads = [self.x.T @ grad, -grad.sum(axis=0)]
                return grad @ self.W.T

        return Last(32, 10, self.rng, dtype=float)


class OffByOne(Right):
    """Calls a 3 a 4, in training and in the test."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__(seed)
        self.labels = (self.labels + 1) % 10


PROGRAMS = {
    1: Program1,
    2: Program2,
    3: Right,
    4: Program4,
    5: Program5,
    6: Program6,
    7: Program7,
    8: Program8,
    9: Program9,
    10: Program10,
}
