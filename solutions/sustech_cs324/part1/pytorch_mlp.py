"""The multilayer perceptron of Assignment 1, in PyTorch."""

from torch import nn


class MLP(nn.Module):
    """Linear layers with ReLU after each but the last.

    n_inputs: numbers of a sample
    n_hidden: list of ints, the units of each hidden layer; none for a linear classifier
    n_classes: logits of a sample
    """

    def __init__(self, n_inputs, n_hidden, n_classes):
        super().__init__()
        layers = []
        for units in n_hidden:
            layers += [nn.Linear(n_inputs, units), nn.ReLU()]
            n_inputs = units
        self.layers = nn.Sequential(*layers, nn.Linear(n_inputs, n_classes))

    def forward(self, x):
        """Logits (n, n_classes) of inputs (n, n_inputs); softmax is in the loss."""
        return self.layers(x)
