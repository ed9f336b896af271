"""Optimizers in NumPy."""

import numpy as np

from helpers.nn.layers import Layer


class SGD:
    """Gradient descent with momentum and weight decay, as torch.optim.SGD defines them.

    `net` is a layer or a Sequential; `lr` may be changed between steps.
    """

    def __init__(
        self, net: Layer, lr: float, momentum: float = 0.0, weight_decay: float = 0.0
    ) -> None:
        self.net, self.lr = net, lr
        self.momentum, self.weight_decay = momentum, weight_decay
        self.velocities = [np.zeros_like(param) for param in net.params]

    def step(self) -> None:
        """Change every parameter in place by -lr * velocity."""
        params = zip(self.net.params, self.net.grads, self.velocities, strict=True)
        for param, grad, velocity in params:
            if self.weight_decay:  # a pass over the weights that most runs don't need
                grad = grad + self.weight_decay * param
            # (6.8)  v = momentum v + (dL/dw + weight_decay w),  w = w - lr v
            if self.momentum:
                velocity *= self.momentum
                velocity += grad
                grad = velocity
            param -= self.lr * grad
