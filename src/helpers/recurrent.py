"""Several recurrent networks of one shape, trained at once, in NumPy.

Forward is (16.1), the way back (16.2) and (16.3), by hand: no graph is kept, and a
state is written over what stood in its tanh. Numbers in brackets are equations of the
chapters.
"""

import numpy as np
from numpy import ndarray as Array

from helpers.nn.checks import expect_floats


class Networks:
    """S networks that read steps and answer behind the last one.

    Wx, Wh, b: `(S, d, m)`, `(S, m, m)`, `(S, m)`, of what is read, of the state before,
    and biases. Wo, bo: `(S, m, k)`, `(S, k)`, of the answer. They are copied.

    `params` and `grads` are what `nn.RMSprop` takes. A bias is the weight of a one, so
    Wx and b lie in one array of `params`, `(S, d + 1, m)`.
    Raises ValueError for weights that are not of floats of 32 or 64 bits.
    """

    def __init__(self, Wx: Array, Wh: Array, b: Array, Wo: Array, bo: Array) -> None:
        read = np.concatenate([Wx, b[:, None]], axis=1)
        self.params = [np.array(each, order="C") for each in (read, Wh, Wo, bo)]
        for each in self.params:
            expect_floats(each, "Networks got weights")
        self.grads = [np.zeros_like(each) for each in self.params]

    def forward(self, x: Array) -> Array:
        """Logits `(S, n, k)` of inputs `(S, n, T - 1, d)`; ValueError for others."""
        read, Wh, Wo, bo = self.params
        networks, d, m = len(Wh), read.shape[1] - 1, Wh.shape[1]
        if x.ndim != 4 or (len(x), x.shape[3]) != (networks, d) or not x.shape[2]:
            raise ValueError(
                f"expected inputs ({networks}, n, T - 1, {d}), a batch for each of the "
                f"networks, got {x.shape}"
            )
        _, n, steps, _ = x.shape
        self.x = np.ones((steps, networks, n, d + 1), Wh.dtype)
        self.x[..., :-1] = x.transpose(2, 0, 1, 3)
        self.h = np.empty((steps, networks, n, m), Wh.dtype)  # h_1 to h_(T-1)
        spare = np.empty_like(self.h[0])  # allocating costs more than adding
        for t, h in enumerate(self.h):
            # (16.1)  h_t = tanh(x_t W_x + h_(t-1) W_h + b), from h_0 = 0
            np.matmul(self.x[t], read, out=h)
            if t:
                h += np.matmul(self.h[t - 1], Wh, out=spare)
            np.tanh(h, out=h)
        # (16.1)  z = h_(T-1) W_o + b_o
        return self.h[-1] @ Wo + bo[:, None]

    def backward(self, delta: Array) -> None:
        """Set `grads` from dL/dlogits, `(S, n, k)`."""
        read, Wh, Wo, _ = self.params
        of_Wo, of_bo = self.h[-1].mT @ delta, delta.sum(axis=1)
        of_read, of_Wh = np.zeros_like(read), np.zeros_like(Wh)
        one_step, spare = np.empty_like(Wh), np.empty_like(self.h[0])
        # (16.2)  delta_(T-1) = (delta W_o^T) (1 - h_(T-1)^2)
        delta = delta @ Wo.mT
        for t in reversed(range(len(self.h))):
            np.square(self.h[t], out=spare)
            delta *= np.subtract(1, spare, out=spare)
            # (16.3)  a sum over steps, to which h_0 = 0 adds nothing
            of_read += self.x[t].mT @ delta
            if t:
                of_Wh += np.matmul(self.h[t - 1].mT, delta, out=one_step)
                # (16.2)  delta_t = (delta_(t+1) W_h^T) (1 - h_t^2)
                delta, spare = np.matmul(delta, Wh.mT, out=spare), delta
        self.grads = [of_read, of_Wh, of_Wo, of_bo]

    def clip(self, most: float) -> None:
        """Scale the gradient of each network, all of it alike, to that norm at most."""
        squares = [(g**2).reshape(len(g), -1).sum(axis=1) for g in self.grads]
        factors = np.minimum(1, most / (np.sqrt(sum(squares)) + 1e-6))
        for grad in self.grads:
            grad *= factors.reshape(-1, *[1] * (grad.ndim - 1))
