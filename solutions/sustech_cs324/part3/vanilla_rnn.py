"""The recurrent network of Part III, equations (1) to (3) of the assignment."""

import torch
from torch import nn


class VanillaRNN(nn.Module):
    """h(t) = tanh(W_hx x(t) + W_hh h(t-1) + b_h), o = W_ph h(T-1) + b_o, h(0) = 0.

    input_length: T - 1, the steps that forward takes
    input_dim: 1 for the digit itself, 10 for one-hot rows
    hidden_dim, output_dim: numbers of h and of o
    """

    def __init__(self, input_length, input_dim, hidden_dim, output_dim):
        super().__init__()
        self.input_length = input_length
        self.W_hx = nn.Linear(input_dim, hidden_dim)  # holds b_h
        self.W_hh = nn.Linear(hidden_dim, hidden_dim, bias=False)
        self.W_ph = nn.Linear(hidden_dim, output_dim)  # holds b_o

    def forward(self, x):
        """Logits (batch, output_dim) from x (batch, input_length, input_dim).

        The softmax of equation (3) is left to the loss, which has its own: applied
        twice, the loss of ten classes could not fall below 1.4612.
        """
        expected = (self.input_length, self.W_hx.in_features)
        if x.ndim != 3 or tuple(x.shape[1:]) != expected:
            raise ValueError(
                f"VanillaRNN reads (batch, {expected[0]}, {expected[1]}), and got "
                f"{tuple(x.shape)}; check input_length and input_dim"
            )
        h = x.new_zeros(len(x), self.W_hh.in_features)
        # Not x[:, t]: its backward pass would make a tensor of x's size at every step.
        for u in self.W_hx(x).unbind(1):  # (batch, hidden_dim)
            h = torch.tanh(u + self.W_hh(h))
        return self.W_ph(h)
