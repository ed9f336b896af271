"""Derivatives by central differences, extrapolated to step zero (Ridders 1982)."""

from collections.abc import Callable

import numpy as np
from numpy import ndarray as Array

LEVELS = 10
SHRINK = 4


def central_differences(function: Callable[[Array], Array], x: Array) -> Array:
    """The derivative of `function` at float64 `x`, shape `output shape + x.shape`."""
    least = 1e-3 * np.abs(x).max(initial=1e-1)
    columns = []
    for index in np.ndindex(x.shape):
        nudge = np.zeros_like(x)
        nudge[index] = 1
        step = 0.05 * max(abs(x[index]), least)
        columns.append(_slope(lambda t, nudge=nudge: function(x + t * nudge), step))
    return np.stack(columns, axis=-1).reshape(np.shape(columns[0]) + x.shape)


def _slope(line: Callable[[float], Array], step: float) -> Array:
    """The derivative of `line` at 0: extrapolated steps, of which the steadiest."""
    best, least, row = np.nan, np.inf, []
    for level in range(LEVELS):
        wide = step / SHRINK**level
        above, below = np.asarray(line(wide)), np.asarray(line(-wide))
        rounding = np.finfo(float).eps * np.abs(above).max(initial=0) / wide
        new = [(above - below) / (2 * wide)]
        for order, old in enumerate(row, start=1):
            gain = SHRINK ** (2 * order)  # a central difference errs in even powers
            new.append((gain * new[-1] - old) / (gain - 1))
            moves = np.abs(new[-1] - new[-2]).max(), np.abs(new[-1] - old).max()
            error = max(*moves, rounding)
            if error < least:
                best, least = new[-1], error
        row = new
    return best
