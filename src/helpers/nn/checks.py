"""What layers and losses refuse, and what they tell the caller to do instead."""

from math import prod

import numpy as np
from numpy import ndarray as Array


def expect_floats(array: Array, what: str) -> None:
    """Raise ValueError unless `array`, named `what`, is NumPy's and of 32 bits or more.

    Integers overflow without a word: -x of the uint8 1 is 255. In float16 the number of
    rows does, above 65,504, and the square of a small gradient is 0.
    """
    kind = getattr(array, "dtype", type(array).__name__)
    if not isinstance(array, np.ndarray | np.floating):
        advice = "make them a NumPy array with np.asarray(x, np.float32)"
    elif kind.kind != "f":
        advice = "pass x.astype(np.float32), pixels divided by 255"
    elif kind.itemsize < 4:
        advice = "compute with x.astype(np.float32), round what you store"
    else:
        return
    raise ValueError(f"{what} of {kind}; expected float32 or float64: {advice}")


def expect_inputs(x: Array, fan_in: int, fan_out: int) -> None:
    """Raise ValueError unless `x` is of floats and has the shape `(n, fan_in)`."""
    expect_floats(x, f"Linear({fan_in} -> {fan_out}) got inputs")
    if x.ndim != 2 or x.shape[1] != fan_in:
        raise ValueError(
            f"Linear({fan_in} -> {fan_out}) got inputs of shape {x.shape}; "
            f"expected (n, {fan_in}): {_advice(x.shape, fan_in)}"
        )


def _advice(shape: tuple[int, ...], fan_in: int) -> str:
    if shape == (fan_in,):
        return f"reshape one sample to (1, {fan_in})"
    if shape and prod(shape[1:]) == fan_in:
        return f"flatten them to {(shape[0], fan_in)}"
    if len(shape) == 2 and shape[0] == fan_in:
        return "rows are samples, so transpose them"
    return f"give it rows of {fan_in} numbers, or make a layer for these"


def expect_distinct(layers: list) -> None:
    """Raise ValueError if a layer comes twice: it remembers its last batch alone."""
    for place, layer in enumerate(layers):
        if any(layer is other for other in layers[:place]):
            raise ValueError(
                f"the {type(layer).__name__} at place {place} comes earlier too; a "
                "layer remembers one batch, so make a new one for each place"
            )


def expect_forward(layer: object) -> None:
    """Raise RuntimeError unless `layer.forward`, which sets `shape`, has run."""
    if not hasattr(layer, "shape"):
        name = type(layer).__name__
        raise RuntimeError(f"{name}.backward came before forward; call forward first")


def expect_gradient(grad: Array, layer: object) -> None:
    """Raise ValueError unless `grad` is of floats and shaped as `forward`'s result."""
    expect_forward(layer)
    if grad is None:
        raise ValueError(
            f"{type(layer).__name__}.backward got no gradient; expected one from the "
            "layer behind: only the first layer is made with first=True"
        )
    expect_floats(grad, f"{type(layer).__name__}.backward got a gradient")
    if np.shape(grad) != layer.shape:
        raise ValueError(
            f"{type(layer).__name__}.backward got a gradient of shape "
            f"{np.shape(grad)}; expected {layer.shape}, the shape that forward returned"
        )


def expect_gradients(net: object) -> None:
    """Raise ValueError unless `net` has a float gradient for each float parameter."""
    for param, grad in zip(net.params, net.grads, strict=True):
        expect_floats(param, "the optimizer got a parameter")
        expect_floats(grad, "the optimizer got a gradient")
        if grad.shape != param.shape:
            raise ValueError(
                f"the optimizer got a gradient of shape {grad.shape} for a parameter "
                f"of shape {param.shape}; expected equal shapes"
            )


def expect_labels(labels: Array, scores: Array) -> None:
    """Raise ValueError unless `labels` has a column for each row of float `scores`."""
    _expect_scores(scores)
    labels, (n, k) = np.asarray(labels), scores.shape
    _expect_integers(labels, n, k)
    if not 0 <= labels.min() <= labels.max() < k:
        raise ValueError(
            f"labels run from {labels.min()} to {labels.max()}; expected 0 to {k - 1} "
            f"for scores of shape {(n, k)}: number the classes from 0, or give the "
            "last layer an output for each"
        )


def expect_probabilities(probs: Array) -> None:
    """Raise ValueError for what softmax can't have given; NaN is let through."""
    low, high = probs.min(), probs.max()
    if low < -0.1 or high > 1.1:  # central differences step out a little
        raise ValueError(
            f"probabilities run from {low:.4g} to {high:.4g}; expected 0 to 1: end the "
            "network in Softmax, or take SoftmaxCrossEntropy for logits"
        )


def expect_binary(labels: Array, scores: Array) -> None:
    """Raise ValueError unless `scores` is `(n, 1)` and `labels` has 0 or 1 for each."""
    expect_floats(scores, "scores")
    shape = scores.shape
    if len(shape) != 2 or shape[1] != 1 or not shape[0]:
        raise ValueError(f"scores have shape {shape}; expected (n, 1): {_one(shape)}")
    labels = np.asarray(labels)
    _expect_integers(labels, *shape)
    if not 0 <= labels.min() <= labels.max() <= 1:
        raise ValueError(
            f"labels run from {labels.min()} to {labels.max()}; expected 0 and 1: "
            "compare them with one class, as in (labels == 9).astype(int)"
        )


def _one(shape: tuple[int, ...]) -> str:
    if 0 in shape:
        return "leave empty batches out"
    if len(shape) == 1:
        return f"reshape them to {(shape[0], 1)}"
    return "one logit a sample; for k classes there is SoftmaxCrossEntropy"


def _expect_integers(labels: Array, n: int, k: int) -> None:
    if labels.shape != (n,):
        raise ValueError(
            f"labels have shape {labels.shape} for scores of shape {(n, k)}; "
            f"expected {(n,)}: {_label_advice(labels.shape, n, k)}"
        )
    if not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(
            f"labels are {labels.dtype}; expected integers: pass labels.astype(int) "
            "if they are whole numbers"
        )


def _expect_scores(scores: Array) -> None:
    expect_floats(scores, "scores")
    shape = scores.shape
    if len(shape) != 2:
        raise ValueError(
            f"scores have shape {shape}; expected (n, k): reshape them, one row a "
            "sample, one column a class"
        )
    if 0 in shape:
        raise ValueError(
            f"scores have shape {shape}; expected (n, k) with n and k at least 1: "
            "leave empty batches out"
        )


def _label_advice(shape: tuple[int, ...], n: int, k: int) -> str:
    if shape == (n, 1):
        return "flatten them with labels.ravel()"
    if shape == (n, k):
        return "turn one-hot rows into integers with labels.argmax(axis=1)"
    return "give one integer for each row of scores"
