"""Derivatives by central differences, extrapolated to step zero (Ridders 1982)."""

from collections.abc import Callable

import numpy as np
from numpy import ndarray as Array

LEVELS = 10
SHRINK = 4
EPS = np.finfo(float).eps


def central_differences(
    function: Callable[[Array], Array], x: Array
) -> tuple[Array, Array]:
    """The derivative of `function` at float64 `x`, and about how far off it may be.

    Both have the shape `output shape + x.shape`.
    """
    least = 1e-3 * np.abs(x).max(initial=1e-1)
    slopes, errors = [], []
    for index in np.ndindex(x.shape):
        nudge = np.zeros_like(x)
        nudge[index] = 1
        line = lambda t, nudge=nudge: function(x + t * nudge)  # noqa: E731
        size = abs(x[index])
        step = 0.05 * max(size, least)
        slope, error = _slope(line, step)
        if not np.isfinite(error):  # all steps left the domain
            slope, error = _slope(line, 1e-6 * step)
        if (
            1e-300 <= size < least
        ):  # a wide step may pass a kink, a narrow one may round
            narrow, rounded = _slope(line, 0.05 * size)
            apart = np.abs(narrow - slope).max()
            if not error < rounded:
                slope, error = narrow, rounded
            error = np.fmax(error, apart)
        slopes.append(slope)
        errors.append(np.full_like(slope, error, dtype=float))
    shape = np.shape(slopes[0]) + x.shape
    return tuple(np.stack(each, axis=-1).reshape(shape) for each in (slopes, errors))


def _slope(line: Callable[[float], Array], step: float) -> tuple[Array, float]:
    """The derivative of `line` at 0: extrapolated steps, of which the steadiest.

    And its error: at least the last digit of 1, since 1 + x may be on the way.
    """
    best, least, row, floor = np.asarray(np.nan), np.inf, [], 0.0
    for level in range(LEVELS):
        wide = step / SHRINK**level
        above, below = np.asarray(line(wide)), np.asarray(line(-wide))
        rounding = EPS * np.abs(above).max(initial=0) / wide
        new = [(above - below) / (2 * wide)]
        for order, old in enumerate(row, start=1):
            gain = SHRINK ** (2 * order)  # a central difference errs in even powers
            new.append((gain * new[-1] - old) / (gain - 1))
            moves = np.abs(new[-1] - new[-2]).max(), np.abs(new[-1] - old).max()
            error = max(*moves, rounding)
            if error < least:
                best, least, floor = new[-1], error, EPS / wide
        row = new
    return best, max(least, floor)
