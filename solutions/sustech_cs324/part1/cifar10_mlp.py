"""The network of Task 3: a multilayer perceptron for CIFAR-10."""

from torch import nn


class MLP(nn.Module):
    """Linear layers on the flattened pixels, each but the last normalized, with GELU.

    n_inputs: values of an image (3,072 for CIFAR-10)
    n_hidden: list of ints, the units of each hidden layer
    n_classes: logits of an image
    dropout: share of the hidden units that rest in each step of training
    """

    def __init__(self, n_inputs, n_hidden, n_classes, dropout=0.0):
        super().__init__()
        layers = []
        for units in n_hidden:
            linear = nn.Linear(n_inputs, units, bias=False)  # the next layer has one
            nn.init.kaiming_normal_(linear.weight, nonlinearity="relu")
            layers += [linear, nn.BatchNorm1d(units), nn.GELU(), nn.Dropout(dropout)]
            n_inputs = units
        self.layers = nn.Sequential(*layers, nn.Linear(n_inputs, n_classes))

    def forward(self, x):
        """Logits (n, n_classes) of images (n, …) with n_inputs values each."""
        return self.layers(x.flatten(1))
