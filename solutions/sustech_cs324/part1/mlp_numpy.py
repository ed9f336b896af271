"""The multilayer perceptron of Assignment 1, in NumPy."""

import numpy as np
from modules import Linear, ReLU, SoftMax


class MLP:
    """Linear layers with ReLU after each but the last, and softmax at the end.

    n_inputs: numbers of a sample
    n_hidden: list of ints, the units of each hidden layer; none for a linear classifier
    n_classes: probabilities of a sample
    rng: a seed or generator for the first weights
    """

    def __init__(self, n_inputs, n_hidden, n_classes, rng=None):
        rng, self.layers = np.random.default_rng(rng), []
        for units in n_hidden:
            self.layers += [Linear(n_inputs, units, rng), ReLU()]
            n_inputs = units
        self.layers += [Linear(n_inputs, n_classes, rng), SoftMax()]

    def forward(self, x):
        """Probabilities (n, n_classes) of inputs (n, n_inputs)."""
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, dout):
        """Set the gradients of all layers, from CrossEntropy's `backward`."""
        for layer in reversed(self.layers):
            dout = layer.backward(dout)
        return dout
