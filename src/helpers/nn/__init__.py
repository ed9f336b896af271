"""Neural networks in NumPy: layers, losses, optimizers; float32 by default."""

from helpers.nn.layers import (
    Linear,
    ReLU,
    Sequential,
    Sigmoid,
    Softmax,
    Tanh,
    he,
    xavier,
)
from helpers.nn.losses import CrossEntropy, SigmoidCrossEntropy, SoftmaxCrossEntropy
from helpers.nn.optim import SGD, Adam, RMSprop

__all__ = [
    "SGD",
    "Adam",
    "CrossEntropy",
    "Linear",
    "RMSprop",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "SigmoidCrossEntropy",
    "Softmax",
    "SoftmaxCrossEntropy",
    "Tanh",
    "he",
    "xavier",
]
