"""Exercises of chapter 9, fitting and overfitting."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy import ndarray as Array

from helpers.exercises import Exercise


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


def cross_validated(score: Callable, N: int, k: int) -> float:
    right = 0.0
    for part in np.array_split(np.arange(N), k):
        right += len(part) * score(np.setdiff1d(np.arange(N), part), part)
    return right / N


def mean_of_parts(score: Callable, N: int, k: int) -> float:
    parts = np.array_split(np.arange(N), k)
    return float(np.mean([score(np.setdiff1d(np.arange(N), p), p) for p in parts]))


def trained_on_the_part(score: Callable, N: int, k: int) -> float:
    return cross_validated(lambda train, test: score(test, train), N, k)


def tested_on_training(score: Callable, N: int, k: int) -> float:
    return cross_validated(lambda train, test: score(train, train), N, k)


def trained_on_all(score: Callable, N: int, k: int) -> float:
    return cross_validated(lambda train, test: score(np.arange(N), test), N, k)


def summed(score: Callable, N: int, k: int) -> float:
    return N * cross_validated(score, N, k)


def one_part(score: Callable, N: int, k: int) -> float:
    part = np.array_split(np.arange(N), k)[0]
    return score(np.setdiff1d(np.arange(N), part), part)


@dataclass(frozen=True)
class _Score:
    """Stands for a training: some number that both sets of indices change."""

    def __call__(self, train: Array, test: Array) -> float:
        train, test = np.asarray(train), np.asarray(test)
        return float((np.sin(test + 1.0).sum() + np.cos(train).sum() / 3) / len(test))

    def __repr__(self) -> str:
        return "some training"


_rng = np.random.default_rng(2)
_G, _KEPT = _rng.normal(size=(4, 3)), (_rng.random((4, 3)) > 0.4).astype(float)

EXERCISES = {
    "9.1": Exercise(
        dropout_backward,
        cases=[
            (np.array([[1.0, 2.0]]), np.array([[1.0, 0.0]]), 0.2),
            (_G, _KEPT, 0.4),
            (_G[:1], _KEPT[:1], 0.75),
        ],
        mistakes=[
            (division_missing, "forward divides by 1 - drop; so does the derivative."),
            (mask_missing, "a unit that was dropped had no influence on the loss."),
            (passed_on, "that hands g on as it came; differentiate (9.1)."),
            (divided_by_the_rate, "drop is the chance to be dropped, not to be kept."),
            (dropped_instead, "kept is 1 where the unit was kept."),
            (multiplied, "forward divides by 1 - drop; it doesn't multiply."),
        ],
    ),
    "9.2": Exercise(
        epoch_to_keep,
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
    "9.3": Exercise(
        4.5**0.5,
        within=3e-3,
        mistakes=[
            (4.5, "that is the variance; the standard deviation is its root."),
            (18**0.5, "the factor is drop / (1 - drop), a quarter; it isn't 1."),
            (3**0.5, "variances are multiplied by w squared, not by w, and add up."),
            (3.0, "deviations of independent terms don't add up; their squares do."),
            (3.6**0.5, "0.2 is the chance to be dropped; (9.3) divides it by 0.8."),
            (72**0.5, "drop is 0.2, and 0.8 the chance to be kept."),
            (0.0, "the terms cancel in the mean, not in the variance."),
            (3.5**0.5, "that is the noise of the sum of h; the weights matter."),
        ],
    ),
    "9.4": Exercise(
        cross_validated,
        cases=[(_Score(), 4, 2), (_Score(), 5, 2), (_Score(), 11, 4)],
        mistakes=[
            (mean_of_parts, "a larger part weighs more: mean over the samples."),
            (trained_on_the_part, "train on the others, and ask the part."),
            (tested_on_training, "the part is asked, not what was trained on."),
            (trained_on_all, "the part that is asked must not be trained on."),
            (summed, "a sum over the samples; the mean is asked for."),
            (one_part, "each of the k parts is asked in turn."),
        ],
    ),
}
