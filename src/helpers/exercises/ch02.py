"""Exercises of chapter 2, least squares."""

import numpy as np
from numpy import ndarray as Array

from helpers.exercises import Exercise


def predictions(x: Array, y: Array) -> Array:
    from_mean = x - x.mean()
    return y.mean() + (from_mean @ y) / (from_mean @ from_mean) * from_mean


def multiplied_out(x: Array, y: Array) -> Array:
    n, x_bar, y_bar = len(x), x.mean(), y.mean()
    w1 = (x @ y - n * x_bar * y_bar) / (x @ x - n * x_bar**2)
    return y_bar + w1 * (x - x_bar)


def uncentered_solver(x: Array, y: Array) -> Array:
    X = np.stack([x**0, x], axis=1)
    return X @ np.linalg.lstsq(X, y)[0]


def normal_equations(x: Array, y: Array) -> Array:
    X = np.stack([x**0, x], axis=1)
    return X @ np.linalg.solve(X.T @ X, X.T @ y)


def through_origin(x: Array, y: Array) -> Array:
    return (x @ y) / (x @ x) * x


def variance_mixed(x: Array, y: Array) -> Array:
    return y.mean() + np.cov(x, y)[0, 1] / x.var() * (x - x.mean())


def plus_for_minus(x: Array, y: Array) -> Array:
    right = predictions(x, y)
    return right + 2 * (right[-1] - right[0]) / (x[-1] - x[0]) * x.mean()


def the_line_alone(x: Array, y: Array) -> tuple[float, float]:
    from_mean = x - x.mean()
    w1 = (from_mean @ y) / (from_mean @ from_mean)
    return y.mean() - w1 * x.mean(), w1


def descend(X: Array, y: Array, lr: float, steps: int) -> Array:
    return _descend(X, y, lr / len(y), steps)


def _descend(X: Array, y: Array, lr: float, steps: int) -> Array:
    w = np.zeros(X.shape[1])
    for _ in range(steps):
        w = w + 2 * lr * X.T @ (y - X @ w)
    return w


def both_bugs(X: Array, y: Array, lr: float, steps: int) -> Array:
    return _descend(X, y, -lr / X.shape[1], steps)


def still_uphill(X: Array, y: Array, lr: float, steps: int) -> Array:
    return _descend(X, y, -lr / len(y), steps)


def still_over_weights(X: Array, y: Array, lr: float, steps: int) -> Array:
    return _descend(X, y, lr / X.shape[1], steps)


def factor_two_missing(X: Array, y: Array, lr: float, steps: int) -> Array:
    return _descend(X, y, lr / (2 * len(y)), steps)


def mean_over_entries(X: Array, y: Array, lr: float, steps: int) -> Array:
    return _descend(X, y, lr / X.size, steps)


def not_divided(X: Array, y: Array, lr: float, steps: int) -> Array:
    return _descend(X, y, lr, steps)


def weighted(X: Array, y: Array, c: Array) -> Array:
    return np.linalg.solve(X.T @ (X * c[:, None]), X.T @ (c * y))


def weights_ignored(X: Array, y: Array, c: Array) -> Array:
    return np.linalg.solve(X.T @ X, X.T @ y)


def weights_squared(X: Array, y: Array, c: Array) -> Array:
    return weighted(X, y, c**2)


def weights_inverted(X: Array, y: Array, c: Array) -> Array:
    return weighted(X, y, 1 / c)


def rows_alone(X: Array, y: Array, c: Array) -> Array:
    return np.linalg.lstsq(X * np.sqrt(c)[:, None], y)[0]


def answers_unweighted(X: Array, y: Array, c: Array) -> Array:
    return np.linalg.solve(X.T @ (X * c[:, None]), X.T @ y)


def inputs_unweighted(X: Array, y: Array, c: Array) -> Array:
    return np.linalg.solve(X.T @ X, X.T @ (c * y))


def ridge(X: Array, y: Array, alpha: float) -> Array:
    return np.linalg.solve(X.T @ X + alpha * np.eye(X.shape[1]), X.T @ y)


def no_penalty(X: Array, y: Array, alpha: float) -> Array:
    return np.linalg.lstsq(X, y)[0]


def everywhere(X: Array, y: Array, alpha: float) -> Array:
    return np.linalg.solve(X.T @ X + alpha, X.T @ y)


def squared_alpha(X: Array, y: Array, alpha: float) -> Array:
    return ridge(X, y, alpha**2)


def not_invertible(X: Array, y: Array, alpha: float) -> Array:
    return np.linalg.solve(X.T @ X, X.T @ y)


def half_penalty(X: Array, y: Array, alpha: float) -> Array:
    return ridge(X, y, alpha / 2)


def double_penalty(X: Array, y: Array, alpha: float) -> Array:
    return ridge(X, y, 2 * alpha)


def mean_loss(X: Array, y: Array, alpha: float) -> Array:
    return ridge(X, y, alpha * len(y))


def minus_penalty(X: Array, y: Array, alpha: float) -> Array:
    return ridge(X, y, -alpha)


_rng = np.random.default_rng(3)
_X = np.concatenate([np.ones((8, 1)), _rng.normal(size=(8, 2))], axis=1)
_Y, _C = _rng.normal(size=8), _rng.uniform(0.1, 4, size=8)
_SMALL_X = np.array([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]])
_SMALL_Y = np.array([1.0, 3.0, 2.0])
_SAME = np.ones((4, 2))

EXERCISES = {
    "2.1": Exercise(
        predictions,
        cases=[
            (np.array([0.0, 1.0, 2.0]), np.array([1.0, 3.0, 2.0])),
            (_X[:, 1], _Y),
            # Whole numbers are shown in full, so that they can be told apart.
            (10**9 + np.arange(3), np.array([3.0, 3.25, 3.5])),
            (10**9 + np.arange(9), 3 + 0.25 * np.arange(9)),
        ],
        mistakes=[
            (
                multiplied_out,
                "x is 1000000000 and a few seconds, and (2.6) subtracts numbers near "
                "1e18 to get one below 100; take the mean away first.",
            ),
            (
                normal_equations,
                "X.T X has the square of X's condition number, 1e9 squared here; take "
                "the mean of x away first.",
            ),
            (
                uncentered_solver,
                "1 and x are so nearly dependent here that lstsq drops a direction; "
                "take the mean of x away first.",
            ),
            (through_origin, "that line is forced through the origin; center first."),
            (
                variance_mixed,
                "one of the two divides by n, the other by n - 1; they don't cancel.",
            ),
            (plus_for_minus, "by (2.4) the intercept is y_bar minus w1 x_bar."),
            (the_line_alone, "that is (w0, w1); the predictions are w1 x + w0."),
        ],
    ),
    "2.2": Exercise(
        6 / 5,
        within=1e-3,
        mistakes=[
            (1.5, "that is the right slope; the wrong means change it."),
            (1.0, "that is where a very wrong divisor would lead, y_bar / x_bar."),
            (4 / 3, "(1 - c)^2 stands with a factor n in (2.19)."),
            (9 / 8, "the factor is n (1 - c)^2; the square is missing."),
            (1.3, "c is n over the divisor, 3/2, not 2/3."),
            (0.6, "both means are wrong, not that of x alone."),
        ],
    ),
    "2.3": Exercise(
        descend,
        cases=[(_SMALL_X, _SMALL_Y, 0.1, 1), (_X, _Y, 0.1, 5), (_X, _Y, 0.05, 40)],
        mistakes=[
            (both_bugs, "this is the code as it stands; compare it with (2.11)."),
            (still_uphill, "the mean is right now; the steps still go uphill."),
            (
                still_over_weights,
                "downhill now; len(w) counts the weights; the mean is over samples.",
            ),
            (mean_over_entries, "X.size is n d; the mean is over the n samples."),
            (factor_two_missing, "the 2 of (2.11) was right."),
            (not_divided, "L is RSS / n; the division is missing."),
        ],
    ),
    "2.4": Exercise(
        weighted,
        cases=[(_SMALL_X, _SMALL_Y, np.array([1.0, 1.0, 4.0])), (_X, _Y, _C)],
        mistakes=[
            (weights_ignored, "that is the plain solution; c isn't used."),
            (
                weights_squared,
                "a row times c puts c squared into the RSS; take the root of c.",
            ),
            (weights_inverted, "c multiplies; a larger c counts more."),
            (rows_alone, "the answer of each row needs the root of c as well."),
            (answers_unweighted, "c belongs to X.T y as well."),
            (inputs_unweighted, "c belongs to X.T X as well."),
        ],
    ),
    "2.5": Exercise(
        ridge,
        cases=[
            (_SMALL_X, _SMALL_Y, 0.5),
            (_X, _Y, 3.0),
            (_SAME, np.arange(4.0), 0.25),
        ],
        mistakes=[
            (no_penalty, "that is the plain solution; alpha isn't used."),
            (not_invertible, "that is the plain solution; alpha isn't used."),
            (everywhere, "alpha belongs on the diagonal; `+ alpha` is everywhere."),
            (squared_alpha, "the derivative of alpha |w|^2 is 2 alpha w, not squared."),
            (half_penalty, "the penalty's gradient has a factor 2 as well."),
            (double_penalty, "the RSS's gradient has a factor 2 as well."),
            (mean_loss, "the RSS is a sum, not a mean: alpha isn't multiplied by n."),
            (minus_penalty, "the penalty is added; check its sign in the gradient."),
        ],
    ),
    "2.6": Exercise(
        24 / 26,
        within=6e-4,
        mistakes=[
            (0.92, "that is the first two decimals; three are needed."),
            (2 / 13, "that is the best learning rate; put it into 1 - lr * 0.5."),
            (26 / 24, "upside down: the distance shrinks."),
            (
                1 - 0.5 / 12.5,
                "that is the pace at a rate of 1 / 12.5; the best rate is larger.",
            ),
            (25.0, "that is the ratio; the factor is (ratio - 1) / (ratio + 1)."),
            (
                4 / 6,
                "the root of the ratio sets the pace of better methods, not of this.",
            ),
            (1 - 24 / 26, "that is what is lost in a step; what remains?"),
        ],
    ),
}
