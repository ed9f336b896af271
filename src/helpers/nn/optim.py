"""Optimizers in NumPy.

`step` raises ValueError unless each parameter has a gradient of its shape, both of
floats of 32 or 64 bits.
"""

import numpy as np

from helpers.nn.checks import expect_gradients
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
        expect_gradients(self.net)
        params = zip(self.net.params, self.net.grads, self.velocities, strict=True)
        for param, grad, velocity in params:
            if self.weight_decay:  # a pass over the weights that most runs don't need
                grad = grad + self.weight_decay * param
            # (5.8)  v = momentum v + (dL/dw + weight_decay w),  w = w - lr v
            if self.momentum:
                velocity *= self.momentum
                velocity += grad
                grad = velocity
            param -= self.lr * grad


class RMSprop:
    """Steps divided by the size of recent gradients, as torch.optim.RMSprop defines it.

    The plain variant: not centered, no momentum, no weight decay. `net` is a layer or a
    Sequential; `lr` may be changed between steps.
    """

    def __init__(
        self, net: Layer, lr: float = 0.01, alpha: float = 0.99, eps: float = 1e-8
    ) -> None:
        self.net, self.lr, self.alpha, self.eps = net, lr, alpha, eps
        self.squares = [np.zeros_like(param) for param in net.params]

    def step(self) -> None:
        """Change every parameter in place by -lr * gradient / its root mean square."""
        expect_gradients(self.net)
        params = zip(self.net.params, self.net.grads, self.squares, strict=True)
        for param, grad, square in params:
            # (8.6)  V = alpha V + (1 - alpha) g^2,  w = w - lr g / (sqrt(V) + eps)
            square *= self.alpha
            square += (1 - self.alpha) * grad**2
            param -= self.lr * grad / (np.sqrt(square) + self.eps)


class Adam:
    """Steps of an averaged gradient over its size, as torch.optim.Adam defines them.

    Has no weight decay. `net` is a layer or a Sequential; `lr` may be changed between
    steps.
    """

    def __init__(
        self,
        net: Layer,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
    ) -> None:
        self.net, self.lr, self.betas, self.eps = net, lr, betas, eps
        self.steps = 0
        self.means = [np.zeros_like(param) for param in net.params]
        self.squares = [np.zeros_like(param) for param in net.params]

    def step(self) -> None:
        """Change every parameter in place, all by about lr at first."""
        expect_gradients(self.net)
        self.steps += 1
        beta1, beta2 = self.betas
        missing1, missing2 = 1 - beta1**self.steps, 1 - beta2**self.steps
        state = zip(
            self.net.params, self.net.grads, self.means, self.squares, strict=True
        )
        for param, grad, mean, square in state:
            # (8.7)  M = beta1 M + (1 - beta1) g,  V = beta2 V + (1 - beta2) g^2
            mean *= beta1
            mean += (1 - beta1) * grad
            square *= beta2
            square += (1 - beta2) * grad**2
            # (8.7)  M and V by 1 - beta^t,  w = w - lr M / (sqrt(V) + eps)
            size = np.sqrt(square / missing2) + self.eps
            param -= self.lr * (mean / missing1) / size
