"""Exercises of chapter 2, how training behaves."""

import numpy as np
from numpy import ndarray as Array

from helpers.exercises import Exercise


def adam_step(
    grad: Array, M: Array, V: Array, t: int, lr: float, beta1: float, beta2: float
) -> Array:
    M, V = _moments(grad, M, V, beta1, beta2)
    return -lr * M / (1 - beta1**t) / np.sqrt(V / (1 - beta2**t))


def _moments(grad: Array, M: Array, V: Array, beta1: float, beta2: float) -> tuple:
    return beta1 * M + (1 - beta1) * grad, beta2 * V + (1 - beta2) * grad**2


def corrected_too_early(
    grad: Array, M: Array, V: Array, t: int, lr: float, beta1: float, beta2: float
) -> Array:
    size = np.sqrt(V / (1 - beta2**t)) + 1e-300
    return -lr * M / (1 - beta1**t) / size


def one_step_behind(
    grad: Array, M: Array, V: Array, t: int, lr: float, beta1: float, beta2: float
) -> Array:
    return adam_step(grad, M, V, t + 1, lr, beta1, beta2)


def not_corrected(
    grad: Array, M: Array, V: Array, t: int, lr: float, beta1: float, beta2: float
) -> Array:
    M, V = _moments(grad, M, V, beta1, beta2)
    return -lr * M / np.sqrt(V)


def uphill(
    grad: Array, M: Array, V: Array, t: int, lr: float, beta1: float, beta2: float
) -> Array:
    return -adam_step(grad, M, V, t, lr, beta1, beta2)


def only_the_mean_corrected(
    grad: Array, M: Array, V: Array, t: int, lr: float, beta1: float, beta2: float
) -> Array:
    M, V = _moments(grad, M, V, beta1, beta2)
    return -lr * M / (1 - beta1**t) / np.sqrt(V)


def root_missing(
    grad: Array, M: Array, V: Array, t: int, lr: float, beta1: float, beta2: float
) -> Array:
    M, V = _moments(grad, M, V, beta1, beta2)
    return -lr * M / (1 - beta1**t) / (V / (1 - beta2**t))


def dropout_backward(g: Array, kept: Array, drop: float) -> Array:
    return g * kept / (1 - drop)


def division_missing(g: Array, kept: Array, drop: float) -> Array:
    return g * kept


def mask_missing(g: Array, kept: Array, drop: float) -> Array:
    return g / (1 - drop)


def divided_by_the_rate(g: Array, kept: Array, drop: float) -> Array:
    return g * kept / drop


def dropped_instead(g: Array, kept: Array, drop: float) -> Array:
    return g * (1 - kept) / (1 - drop)


def passed_on(g: Array, kept: Array, drop: float) -> Array:
    return g


def multiplied(g: Array, kept: Array, drop: float) -> Array:
    return g * kept * (1 - drop)


def epoch_to_keep(losses: Array, patience: int) -> int:
    return _watch(losses, patience)[0]


def _watch(losses: Array, patience: int) -> tuple[int, int]:
    """The best epoch so far, and the one at which the run is stopped."""
    best = 0
    for epoch in range(len(losses)):
        if losses[epoch] < losses[best]:
            best = epoch
        if epoch - best == patience:
            return best, epoch
    return best, len(losses) - 1


def of_all_epochs(losses: Array, patience: int) -> int:
    return int(np.argmin(losses))


def epoch_of_the_stop(losses: Array, patience: int) -> int:
    return _watch(losses, patience)[1]


def first_rise(losses: Array, patience: int) -> int:
    return _watch(losses, 1)[0]


def too_patient(losses: Array, patience: int) -> int:
    return _watch(losses, patience + 1)[0]


def from_one(losses: Array, patience: int) -> int:
    return _watch(losses, patience)[0] + 1


def never_reset(losses: Array, patience: int) -> int:
    best, bad = 0, 0
    for epoch in range(1, len(losses)):
        better = losses[epoch] < losses[best]
        best, bad = (epoch, bad) if better else (best, bad + 1)
        if bad == patience:
            break
    return best


def equal_is_lower(losses: Array, patience: int) -> int:
    best = 0
    for epoch in range(len(losses)):
        if losses[epoch] <= losses[best]:
            best = epoch
        if epoch - best == patience:
            break
    return best


def worse_than_before(losses: Array, patience: int) -> int:
    bad, last = 0, 0
    for epoch in range(1, len(losses)):
        bad = bad + 1 if losses[epoch] >= losses[epoch - 1] else 0
        last = epoch
        if bad == patience:
            break
    return int(np.argmin(losses[: last + 1]))


_rng = np.random.default_rng(2)
_G, _KEPT = _rng.normal(size=(4, 3)), (_rng.random((4, 3)) > 0.4).astype(float)
_GRAD, _M, _V = _rng.normal(size=5), 0.3 * _rng.normal(size=5), _rng.random(5)
_ONE = np.array([2.0, -0.5])

EXERCISES = {
    "2.1": Exercise(
        1.96,
        within=1e-3,
        mistakes=[
            (-1.4, "that is the factor of the distance; the loss has its square."),
            (
                1.4,
                "that is the size of the distance's factor; the loss has its square.",
            ),
            (0.49, "that is (1 - 0.3)^2; the rate is multiplied by the curvature, 8."),
            (2.4, "that is the rate times the curvature; go on with (2.3)."),
            (0.04, "the curvature of one half times 8 w^2 is 8, not 4."),
            (-1.96, "a square isn't negative."),
            (5.76, "the factor of the distance is 1 - 2.4."),
        ],
    ),
    "2.2": Exercise(
        50,
        within=1e-3,
        mistakes=[
            (99, "that is for drawing with replacement; use the last factor of (2.5)."),
            (1, "one sample has the whole S^2."),
            (100, "all samples together have no deviation at all."),
            (25, "half of the set is enough: solve (100 - n) / n = 1."),
            (9900 / 199, "the last factor has N - 1 below, not N."),
            (49.5, "the last factor has N - n above."),
        ],
    ),
    "2.3": Exercise(
        dropout_backward,
        names=("g", "kept", "drop"),
        cases=[
            (np.array([[1.0, 2.0]]), np.array([[1.0, 0.0]]), 0.2),
            (_G, _KEPT, 0.4),
            (_G[:1], _KEPT[:1], 0.75),
        ],
        mistakes=[
            (division_missing, "forward divides by 1 - drop; so does the derivative."),
            (mask_missing, "a unit that was dropped had no influence on the loss."),
            (passed_on, "that hands g on as it came; differentiate (2.6)."),
            (divided_by_the_rate, "drop is the chance to be dropped, not to be kept."),
            (dropped_instead, "kept is 1 where the unit was kept."),
            (multiplied, "forward divides by 1 - drop; it doesn't multiply."),
        ],
    ),
    "2.4": Exercise(
        adam_step,
        names=("grad", "M", "V", "t", "lr", "beta1", "beta2"),
        cases=[
            (_ONE, np.zeros(2), np.zeros(2), 1, 0.1, 0.9, 0.999),
            (_GRAD, _M, _V, 2, 0.1, 0.9, 0.999),
            (_GRAD, _M, _V, 30, 0.01, 0.8, 0.99),
        ],
        mistakes=[
            (
                corrected_too_early,
                "this is the code as it stands: it corrects the moments of the step "
                "before, so that the new gradient isn't in them.",
            ),
            (one_step_behind, "t counts from 1, and is 1 in the first step."),
            (not_corrected, "without the correction the first steps are too long."),
            (uphill, "the step goes against the gradient."),
            (only_the_mean_corrected, "V is corrected too, by 1 - beta2**t."),
            (root_missing, "the mean is divided by the root of V."),
        ],
    ),
    "2.5": Exercise(
        epoch_to_keep,
        names=("losses", "patience"),
        cases=[
            (np.array([0.9, 0.5, 0.6, 0.7, 0.4]), 2),
            (np.array([0.9, 0.5, 0.6, 0.4, 0.5, 0.6]), 2),
            (np.array([0.9, 0.8, 0.7]), 2),
            (np.array([1.0, 0.5, 0.6, 0.7, 0.8, 0.4]), 2),
            (np.array([1.0, 1.1, 0.9, 1.0, 0.5]), 2),
            (np.array([0.5, 0.5, 0.4]), 1),
            (np.array([1.0, 0.6, 0.7, 0.8, 0.65, 0.3, 0.2, 0.9]), 3),
            (np.array([1.0, 0.6, 0.7, 0.8, 0.5, 0.3, 0.2, 0.9]), 3),
        ],
        mistakes=[
            (
                of_all_epochs,
                "that looks at epochs that never ran: the training was stopped before.",
            ),
            (epoch_of_the_stop, "that is where it stops; which weights are kept?"),
            (first_rise, "one bad epoch is no reason to stop, unless patience is 1."),
            (
                too_patient,
                "patience counts the epochs in a row that bring nothing better; with "
                "2, the second of them is the last.",
            ),
            (from_one, "epochs are counted from 0 here."),
            (
                never_reset,
                "epochs in a row: a better one starts the count again.",
            ),
            (equal_is_lower, "an equal loss is nothing lower."),
            (
                worse_than_before,
                "compare with the lowest so far, not the last one.",
            ),
        ],
    ),
    "2.6": Exercise(
        0.1 / 1.9,
        within=0.01,
        mistakes=[
            (1.0, "that is the first step; M remembers it in the second."),
            (
                0.1,
                "M is -0.01; in the second step it is divided by 1 - 0.9**2.",
            ),
            (-0.1 / 1.9, "the second gradient is the heavier one in M: which way?"),
            (0.01, "that is -M; both moments have to be corrected."),
            (0.224, "both moments have to be corrected."),
            (1.177, "V is corrected as well: V_2 divided by 1 - 0.999**2 is 1."),
            (0.526, "look at the decimal point."),
            (0.0, "the two gradients don't cancel: the later one weighs more."),
        ],
    ),
}
