"""Exercises of chapter 4, softmax and cross-entropy."""

import numpy as np
from numpy import ndarray as Array

from helpers.exercises import Exercise


def softmax(logits: Array) -> Array:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def one_hot(labels: Array, logits: Array) -> Array:
    return np.eye(logits.shape[1])[labels]


def log_probs(logits: Array) -> Array:
    shifted = logits - logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def log_of_softmax(logits: Array) -> Array:
    return np.log(softmax(logits))


def without_maximum(logits: Array) -> Array:
    return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))


def one_maximum_for_all(logits: Array) -> Array:
    shifted = logits - logits.max()
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def sum_over_everything(logits: Array) -> Array:
    shifted = logits - logits.max()
    return shifted - np.log(np.exp(shifted).sum())


def sum_over_samples(logits: Array) -> Array:
    shifted = logits - logits.max(axis=0)
    return shifted - np.log(np.exp(shifted).sum(axis=0))


def without_logarithm(logits: Array) -> Array:
    shifted = logits - logits.max(axis=1, keepdims=True)
    return shifted - np.exp(shifted).sum(axis=1, keepdims=True)


def grad_logits(logits: Array, labels: Array) -> Array:
    return (softmax(logits) - one_hot(labels, logits)) / len(logits)


def both_bugs(logits: Array, labels: Array) -> Array:
    grad = softmax(logits)
    grad[:, labels] -= 1
    return grad / grad.size


def whole_columns(logits: Array, labels: Array) -> Array:
    return both_bugs(logits, labels) * logits.shape[1]


def mean_over_entries(logits: Array, labels: Array) -> Array:
    return grad_logits(logits, labels) / logits.shape[1]


def not_divided(logits: Array, labels: Array) -> Array:
    return grad_logits(logits, labels) * len(logits)


def with_temperature(logits: Array, labels: Array, temperature: float) -> Array:
    return grad_logits(logits / temperature, labels) / temperature


def inner_factor_missing(logits: Array, labels: Array, temperature: float) -> Array:
    return grad_logits(logits / temperature, labels)


def times_temperature(logits: Array, labels: Array, temperature: float) -> Array:
    return grad_logits(logits / temperature, labels) * temperature


def probabilities_undivided(logits: Array, labels: Array, temperature: float) -> Array:
    return grad_logits(logits, labels) / temperature


def squared_error(logits: Array, targets: Array) -> Array:
    probs = softmax(logits)
    g = 2 * (probs - targets) / len(logits)
    return probs * (g - (g * probs).sum(axis=1, keepdims=True))


def stops_at_probabilities(logits: Array, targets: Array) -> Array:
    return 2 * (softmax(logits) - targets) / len(logits)


def diagonal_only(logits: Array, targets: Array) -> Array:
    probs = softmax(logits)
    return 2 * (probs - targets) * probs * (1 - probs) / len(logits)


def factor_two_missing(logits: Array, targets: Array) -> Array:
    return squared_error(logits, targets) / 2


def batch_not_divided(logits: Array, targets: Array) -> Array:
    return squared_error(logits, targets) * len(logits)


_rng = np.random.default_rng(4)
_BATCH = 3 * _rng.normal(size=(5, 4))
_LABELS = np.array([3, 0, 0, 2, 1])
_SMALL, _SMALL_LABELS = np.array([[0.0, 1.0], [2.0, 0.0]]), np.array([0, 1])

EXERCISES = {
    "4.1": Exercise(
        log_probs,
        names=("logits",),
        cases=[
            (np.array([[0.0, 1.0]]),),
            (_BATCH,),
            (np.array([[1000.0, 1001.0]]),),
            (np.array([[0.0, -2000.0]]),),
            (np.array([[3000.0, 3001.0], [-3000.0, -3001.0]]),),
        ],
        mistakes=[
            (
                log_of_softmax,
                "a probability can underflow to 0, whose logarithm is -inf; "
                "don't take the probability first.",
            ),
            (
                without_maximum,
                "exp overflows from 710 on; subtract each row's maximum first.",
            ),
            (
                one_maximum_for_all,
                "one maximum for the whole batch lets a row far below it underflow; "
                "each row needs its own.",
            ),
            (
                sum_over_everything,
                "each row is a sample with a sum of its own: axis=1, keepdims=True.",
            ),
            (
                sum_over_samples,
                "axis=0 runs over the samples; the classes are axis=1.",
            ),
            (without_logarithm, "the sum of exponentials needs its logarithm."),
        ],
    ),
    "4.2": Exercise(
        float(np.log(np.e + 2) - 1),
        within=1e-3,
        mistakes=[
            (0.0, "0 is where one softmax would stop; the second never sees inf."),
            (
                float(np.log(3)),
                "ln 3 is the loss of a guess; this network has learned.",
            ),
            (float(np.log(np.e + 9) - 1), "that is the floor for ten classes."),
            (float(np.log(np.e + 2)), "the right class's own score, 1, is missing."),
            (float(np.log(np.e + 3) - 1), "count the wrong classes once more."),
        ],
    ),
    "4.3": Exercise(
        grad_logits,
        names=("logits", "labels"),
        cases=[(_SMALL, _SMALL_LABELS), (_BATCH, _LABELS), (_BATCH[:1], _LABELS[:1])],
        mistakes=[
            (
                both_bugs,
                "this is the code as it stands; for two samples, count how many "
                "entries its second line changes.",
            ),
            (
                whole_columns,
                "the division is right now; the line above it still changes whole "
                "columns.",
            ),
            (
                mean_over_entries,
                "the right entries change now; the mean is over samples, not entries.",
            ),
            (not_divided, "the mean over the samples is missing."),
        ],
    ),
    "4.4": Exercise(
        with_temperature,
        names=("logits", "labels", "temperature"),
        cases=[(_SMALL, _SMALL_LABELS, 2.0), (_BATCH, _LABELS, 0.5)],
        mistakes=[
            (inner_factor_missing, "that is dL/du; u = z / T has a derivative too."),
            (times_temperature, "du/dz is 1 / T, not T."),
            (probabilities_undivided, "the probabilities are those of z / T."),
        ],
    ),
    "4.5": Exercise(
        squared_error,
        names=("logits", "targets"),
        cases=[
            (_SMALL, one_hot(_SMALL_LABELS, _SMALL)),
            (_BATCH, one_hot(_LABELS, _BATCH)),
        ],
        mistakes=[
            (
                stops_at_probabilities,
                "that is dL/dp; it still has to go back through softmax, by (4.4).",
            ),
            (
                diagonal_only,
                "p (1 - p) is only the diagonal of the Jacobian; each logit moves "
                "every probability.",
            ),
            (factor_two_missing, "the derivative of a square has a factor 2."),
            (batch_not_divided, "L is a mean over the samples."),
        ],
    ),
}
