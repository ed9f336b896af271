"""A tape: NumPy operations that remember how they were made, and go back.

Arrays wrapped in a `Node` are differentiated, plain arrays and numbers are constants.
Types are NumPy's, but a number takes the array's. What an operation is given, labels
and indices too, stays as it is until `backward`. Numbers in brackets are equations.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

import numpy as np
from numpy import ndarray as Array

from helpers.nn.checks import expect_labels

_numbers = count()
# For q = f(a, b): from g = dL/dq to dL/da and dL/db.
RULES: dict[np.ufunc, tuple[Callable[..., Array], ...]] = {
    # (6.2), with slopes of 1 and -1
    np.add: (lambda g, q, a, b: g, lambda g, q, a, b: g),
    np.subtract: (lambda g, q, a, b: g, lambda g, q, a, b: -g),
    np.negative: (lambda g, q, a: -g,),
    # (6.4)
    np.multiply: (lambda g, q, a, b: g * b, lambda g, q, a, b: g * a),
    # (6.4), and (6.5) for 1 / b = b**-1
    np.divide: (lambda g, q, a, b: g / b, lambda g, q, a, b: -g * q / b),
    # (6.5); a constant, c = 0, has the slope 0 at a = 0 too
    np.power: (lambda g, q, a, c: g * c * a ** (c - (c != 0)),),
    # (6.6)
    np.exp: (lambda g, q, a: g * q,),
    np.log: (lambda g, q, a: g / a,),
    np.tanh: (lambda g, q, a: g * (1 - q**2),),
    # (7.2), where b = 0; of two equal nodes the second gets all
    np.maximum: (lambda g, q, a, b: g * (a > b), lambda g, q, a, b: g * (a <= b)),
    # (6.9), (6.10)
    np.matmul: (lambda g, q, a, b: g @ b.mT, lambda g, q, a, b: a.mT @ g),
}


class Node(np.lib.mixins.NDArrayOperatorsMixin):
    """An array and its place in the graph; torch's word, tensor, says only the first.

    edges: (operand, function from our gradient to its own); constants are left out.
    `grad` is None before `backward`. Raises TypeError for data that are no floats.
    """

    def __init__(self, data: Array | float, *edges: tuple[object, Callable]) -> None:
        self.data, self.grad = np.asarray(data), None
        if self.data.dtype.kind != "f":
            raise TypeError(f"a Node got {self.data.dtype}; give it floats: 1.0 * x")
        self.edges = [edge for edge in edges if isinstance(edge[0], Node)]
        self.number = next(_numbers)  # results are younger than their operands

    def __array_ufunc__(self, f: np.ufunc, how: str, *args: object, **more) -> Node:
        rules = RULES.get(f, ())
        if f is np.maximum:  # a constant comes second
            args = sorted(args, key=lambda x: not isinstance(x, Node))
        stray = any(isinstance(x, Node) for x in args[len(rules) :])
        if how != "__call__" or more or stray:
            hint = "x.data, x = x + y for x += y, np.exp(c * np.log(x)) for x**c"
            raise TypeError(f"the tape can't do such an np.{f.__name__}: use {hint}")
        values = [value(x) for x in args]
        if f is np.matmul and min(map(np.ndim, values)) < 2:
            raise ValueError("@ got a vector; make it a row with x.reshape(1, -1)")
        out = f(*values)
        backs = [lambda g, rule=rule: rule(g, out, *values) for rule in rules]
        return Node(out, *zip(args, backs, strict=False))

    def __array__(self, *_: object, **__: object) -> Array:
        raise TypeError("no rule for this function: use a Node's methods, or x.data")

    def graph(self) -> list[Node]:
        """This node and all it was made of, the youngest first."""
        found, waiting = {self}, [self]
        while waiting:
            new = {operand for operand, _ in waiting.pop().edges} - found
            found |= new
            waiting += new
        return sorted(found, key=lambda node: -node.number)

    def backward(self, grad: Array | None = None) -> None:
        """Set `grad` of this node and of all it was made of; old ones are replaced.

        grad: dL/d(data), in the data's shape; 1 for a single number, else ValueError.
        """
        if grad is None and self.data.size == 1:
            grad = np.ones_like(self.data)
        if grad is None or np.shape(grad) != self.data.shape:
            raise ValueError(f"backward got {grad}; expected shape {self.data.shape}")
        nodes = self.graph()
        for node in nodes:
            node.grad = np.zeros_like(node.data)
        self.grad += grad
        for node in nodes:
            for operand, back in node.edges:
                # (6.2), (6.7)
                operand.grad += unbroadcast(back(node.grad), operand.data.shape)

    def sum(self, axis: int | tuple | None = None, keepdims: bool = False) -> Node:
        a, kept = self.data, self.data.sum(axis, keepdims=True)
        # (6.8)
        edge = (self, lambda g: np.broadcast_to(g.reshape(kept.shape), a.shape))
        return Node(kept if keepdims else kept.squeeze(axis), edge)

    def mean(self, axis: int | tuple | None = None, keepdims: bool = False) -> Node:
        total = self.sum(axis, keepdims)
        return total * (total.data.size / self.data.size)

    def reshape(self, *shape: int) -> Node:
        back = (self, lambda g: g.reshape(self.data.shape))
        return Node(self.data.reshape(*shape), back)

    __hash__ = object.__hash__  # for sets of nodes; the mixin compares data
    T = property(lambda self: Node(self.data.T, (self, lambda g: g.T)))

    def __getitem__(self, index: object) -> Node:
        def back(g: Array) -> Array:
            grad = np.zeros_like(self.data)
            # (6.11)
            np.add.at(grad, index, g)
            return grad

        return Node(self.data[index], (self, back))


def value(x: Node | Array | float) -> Array | float:  # numbers take any type
    return x.data if isinstance(x, Node) else np.asarray(x) if np.ndim(x) else float(x)


def unbroadcast(g: Array, shape: tuple[int, ...]) -> Array:
    """The gradient of what had `shape` before it was stretched: summed over copies."""
    new = g.ndim - len(shape)
    axes = [i for i, n in enumerate(g.shape) if i < new or n != shape[i - new]]
    # (6.7)
    return g.sum(axis=tuple(axes), keepdims=True).reshape(shape) if axes else g


def sigmoid(a: Node) -> Node:  # 1 / (1 + exp(-a)) overflows; this is 0 below -38
    return np.tanh(a / 2) / 2 + 0.5


def cross_entropy(logits: Node, labels: Array) -> Node:
    """Mean of -log softmax at the labels, from `(n, k)` and integers `(n,)`."""
    expect_labels(labels, logits.data)
    # (3.13); by (3.2) the maximum may be a constant
    shifted = logits - logits.data.max(axis=1, keepdims=True)
    log_totals = np.log(np.exp(shifted).sum(axis=1))
    return (log_totals - shifted[np.arange(len(labels)), labels]).mean()
