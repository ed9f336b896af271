"""Exercises of chapter 3, softmax and cross-entropy."""

import numpy as np
from numpy import ndarray as Array

from helpers.exercises import Exercise
from helpers.nn import Softmax


def softmax(logits: Array) -> Array:
    return Softmax().forward(logits)


def one_hot(labels: Array, logits: Array) -> Array:
    return np.eye(logits.shape[1])[labels]


def cross_entropy(logits: Array, labels: Array) -> float:
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_totals = np.log(np.exp(shifted).sum(axis=1))
    return (log_totals - shifted[np.arange(len(labels)), labels]).mean()


def log_of_softmax(logits: Array, labels: Array) -> float:
    return -np.log(softmax(logits)[np.arange(len(labels)), labels]).mean()


def log_of_softmax_plus_a_little(logits: Array, labels: Array) -> float:
    return -np.log(softmax(logits)[np.arange(len(labels)), labels] + 1e-12).mean()


def without_maximum(logits: Array, labels: Array) -> float:
    log_totals = np.log(np.exp(logits).sum(axis=1))
    return (log_totals - logits[np.arange(len(labels)), labels]).mean()


def one_maximum_for_all(logits: Array, labels: Array) -> float:
    return without_maximum(logits - logits.max(), labels)


def first_column_for_maximum(logits: Array, labels: Array) -> float:
    return without_maximum(logits - logits[:, :1], labels)


def sum_over_samples(logits: Array, labels: Array) -> float:
    return cross_entropy(logits, labels) * len(logits)


def mean_over_all(logits: Array, labels: Array) -> float:
    return cross_entropy(logits, labels) / logits.shape[1]


def sign_turned(logits: Array, labels: Array) -> float:
    return -cross_entropy(logits, labels)


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


def mean_over_classes(logits: Array, labels: Array) -> Array:
    return grad_logits(logits, labels) * len(logits) / logits.shape[1]


def not_divided(logits: Array, labels: Array) -> Array:
    return grad_logits(logits, labels) * len(logits)


def with_temperature(logits: Array, labels: Array, temperature: float) -> Array:
    return grad_logits(logits / temperature, labels) / temperature


def inner_factor_missing(logits: Array, labels: Array, temperature: float) -> Array:
    return grad_logits(logits / temperature, labels)


def times_temperature(logits: Array, labels: Array, temperature: float) -> Array:
    return grad_logits(logits / temperature, labels) * temperature


def mean_missing(logits: Array, labels: Array, temperature: float) -> Array:
    return with_temperature(logits, labels, temperature) * len(logits)


def probabilities_undivided(logits: Array, labels: Array, temperature: float) -> Array:
    return grad_logits(logits, labels) / temperature


def squared_error(logits: Array, targets: Array) -> Array:
    probs = softmax(logits)
    g = 2 * (probs - targets) / len(logits)
    return probs * (g - (g * probs).sum(axis=1, keepdims=True))


def stops_at_probabilities(logits: Array, targets: Array) -> Array:
    return 2 * (softmax(logits) - targets) / len(logits)


def one_average_for_all(logits: Array, targets: Array) -> Array:
    probs = softmax(logits)
    g = 2 * (probs - targets) / len(logits)
    return probs * (g - (g * probs).sum())


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
_SMALL, _SMALL_LABELS = np.array([[0.0, 1, 3], [2, 0, 1]]), np.array([0, 1])

EXERCISES = {
    "3.1": Exercise(
        cross_entropy,
        cases=[
            (np.array([[0.0, 1.0]]), np.array([0])),
            (_SMALL, _SMALL_LABELS),
            (_BATCH, _LABELS),
            (np.array([[1000.0, 1001.0]]), np.array([0])),
            (np.array([[0.0, -2000.0]]), np.array([1])),
            (np.array([[-2000.0, 0.0]]), np.array([0])),
            (np.array([[3000.0, 3001.0], [-3000.0, -3001.0]]), np.array([0, 1])),
        ],
        mistakes=[
            (
                log_of_softmax,
                "a probability can underflow to 0, whose logarithm is -inf; "
                "don't take the probability first.",
            ),
            (
                log_of_softmax_plus_a_little,
                "a number added to the probability hides the true loss as soon as the "
                "probability is smaller; stay with logarithms throughout.",
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
                first_column_for_maximum,
                "the first logit isn't always the largest; subtract the maximum.",
            ),
            (sum_over_samples, "the loss is the mean over the samples."),
            (mean_over_all, "the mean is over the samples, not over all entries."),
            (sign_turned, "a loss is minus the logarithm."),
        ],
    ),
    "3.2": Exercise(
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
    "3.3": Exercise(
        grad_logits,
        cases=[(_SMALL, _SMALL_LABELS), (_BATCH, _LABELS), (_BATCH[:1], _LABELS[:1])],
        mistakes=[
            (
                both_bugs,
                "this is the code as it stands; run it on two samples, line by line.",
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
            (
                mean_over_classes,
                "that divides by the classes; how many samples are there?",
            ),
            (not_divided, "the mean over the samples is missing."),
        ],
    ),
    "3.4": Exercise(
        with_temperature,
        cases=[
            (_SMALL, _SMALL_LABELS, 4.0),
            (_BATCH, _LABELS, 0.5),
            (_BATCH, _LABELS, 1.7),
        ],
        mistakes=[
            (inner_factor_missing, "that is dL/du; u = z / T has a derivative too."),
            (mean_missing, "the mean over the samples is missing."),
            (times_temperature, "du/dz is 1 / T, not T."),
            (probabilities_undivided, "the probabilities are those of z / T."),
        ],
    ),
    "3.5": Exercise(
        squared_error,
        cases=[
            (_SMALL, one_hot(_SMALL_LABELS, _SMALL)),
            (_BATCH, one_hot(_LABELS, _BATCH)),
        ],
        mistakes=[
            (
                stops_at_probabilities,
                "that is dL/dp; it still has to go back through softmax, by (3.4).",
            ),
            (
                diagonal_only,
                "p (1 - p) is only the diagonal of the Jacobian; each logit moves "
                "every probability.",
            ),
            (
                one_average_for_all,
                "each sample has a weighted average of its own: sum along axis=1.",
            ),
            (factor_two_missing, "the derivative of a square has a factor 2."),
            (batch_not_divided, "L is a mean over the samples."),
        ],
    ),
}
