"""Exercises of chapter 13, CIFAR-10 as a workflow."""

import math

import numpy as np
from numpy import ndarray as Array

from helpers.exercises import Exercise


def epoch_mean(means: Array, sizes: Array) -> float:
    return (means * sizes).sum() / sizes.sum()


def mean_of_means(means: Array, sizes: Array) -> float:
    return means.mean()


def divided_by_batches(means: Array, sizes: Array) -> float:
    return (means * sizes).sum() / len(means)


def undivided(means: Array, sizes: Array) -> float:
    return (means * sizes).sum()


def last_left_out(means: Array, sizes: Array) -> float:
    return means[:-1].mean() if len(means) > 1 else means[0]


def fails(images: int, batch: int) -> bool:
    return any(min(batch, images - first) < 5 for first in range(0, images, 2 * batch))


def any_short_batch(images: int, batch: int) -> bool:
    return any(min(batch, images - first) < 5 for first in range(0, images, batch))


def rest_below_five(images: int, batch: int) -> bool:
    return images % batch < 5


def odd_batches(images: int, batch: int) -> bool:
    return any(
        min(batch, images - first) < 5 for first in range(batch, images, 2 * batch)
    )


def last_batch_alone(images: int, batch: int) -> bool:
    full, rest = divmod(images, batch)
    return full % 2 == 0 and 0 < rest < 5


def five_too_few(images: int, batch: int) -> bool:
    return any(min(batch, images - first) <= 5 for first in range(0, images, 2 * batch))


def report(validation: Array, test: Array) -> float:
    return test.flat[validation.argmax()]


def two_bugs(validation: Array, test: Array) -> float:
    epochs = test.argmax(axis=1)
    return validation[np.arange(len(epochs)), epochs].max()


def epoch_by_test(validation: Array, test: Array) -> float:
    return test[validation.max(axis=1).argmax()].max()


def validation_itself(validation: Array, test: Array) -> float:
    return validation.max()


def all_by_test(validation: Array, test: Array) -> float:
    return test.max()


def last_epoch(validation: Array, test: Array) -> float:
    return test[validation[:, -1].argmax(), -1]


def run_at_its_last_epoch(validation: Array, test: Array) -> float:
    return test[validation.max(axis=1).argmax(), -1]


SIZES = (3072, 800, 512, 456, 256, 100, 10)
# Spread of the logits over the sixth power of the one standard deviation.
_GAIN = math.sqrt(SIZES[0] * math.prod(size / 2 for size in SIZES[1:-1]))
_HALVED, _NEVER = _GAIN / math.sqrt(2), _GAIN * math.sqrt(2**5)

_VALIDATION = np.array([[0.50, 0.54, 0.53], [0.49, 0.55, 0.52]])
_TEST = np.array([[0.49, 0.51, 0.55], [0.52, 0.50, 0.53]])
_rng = np.random.default_rng(13)

EXERCISES = {
    "13.1": Exercise(
        epoch_mean,
        cases=[
            (np.array([2.0, 2.0, 7.0]), np.array([2, 2, 1])),
            (np.array([1.0]), np.array([3])),
            (np.array([0.5, 1.5]), np.array([128, 72])),
        ],
        mistakes=[
            (mean_of_means, "the last batch counts as much as a full one that way."),
            (divided_by_batches, "how many samples are there in all?"),
            (undivided, "that is the sum over all samples; a mean divides."),
            (last_left_out, "the samples of the last batch belong to the epoch too."),
        ],
    ),
    "13.2": Exercise(
        100 / math.sqrt(1100 - 100**2 / 10_000),
        within=2e-3,
        mistakes=[
            (
                0.01 / math.sqrt(2 * 0.55 * 0.45 / 10_000),
                "that is for networks tried on different images; here most images "
                "tell nothing, since both read them or neither does.",
            ),
            (
                0.01 / math.sqrt(0.55 * 0.45 / 10_000),
                "that is the standard error of one accuracy. The difference has its "
                "own: each image adds +1, -1 or 0 to it.",
            ),
            (100 / 1100, "a standard error is the root of a variance."),
            (
                math.sqrt(1100 - 1) / 100,
                "that is the standard error in points; how often does it go into 1?",
            ),
            (
                100 / 10_000 / math.sqrt(0.1099),
                "0.1099 is the variance that one image brings; the mean of 10,000 has "
                "a 10,000th of it.",
            ),
            (3.0, "nearly; give three digits or more."),
        ],
    ),
    "13.3": Exercise(
        fails,
        cases=[
            (12, 5),
            (10, 5),
            (17, 5),
            (5000, 100),
            (5000, 64),
            (5000, 49),
            (5000, 51),
            (5000, 98),
            (12, 4),
            (3, 64),
            (4, 64),
            (5, 64),
        ],
        mistakes=[
            (any_short_batch, "only every second batch is shown."),
            (rest_below_five, "a rest of 0 is no batch, and not every batch is shown."),
            (odd_batches, "batches 0, 2, 4, … are shown."),
            (last_batch_alone, "what if the batches themselves are too small?"),
            (five_too_few, "five images are enough for five."),
        ],
    ),
    "13.4": Exercise(
        _GAIN ** (-1 / 6),
        within=2e-3,
        mistakes=[
            (1 / _GAIN, "the deviation enters once in each of six layers."),
            (_HALVED ** (-1 / 6), "the photographs themselves aren't rectified."),
            (_NEVER ** (-1 / 6), "a rectifier halves the mean square (7.8)."),
            (_GAIN ** (-1 / 3), "spread goes with the deviation, not with its root."),
            (math.sqrt(2 / 512), "that keeps one layer; here all six share a number."),
        ],
    ),
    "13.5": Exercise(
        report,
        cases=[
            (_VALIDATION, _TEST),
            (np.array([[0.4, 0.6]]), np.array([[0.7, 0.5]])),
            (_rng.random((4, 5)), _rng.random((4, 5))),
            (_rng.random((3, 1)), _rng.random((3, 1))),
        ],
        mistakes=[
            (
                two_bugs,
                "this is the code as it stands; say of each array what it is for.",
            ),
            (epoch_by_test, "the epoch is chosen by the test set."),
            (validation_itself, "that is the number by which the choice was made."),
            (all_by_test, "that chooses by the test set."),
            (last_epoch, "which epoch would have been stopped at?"),
            (run_at_its_last_epoch, "the weights kept are those of the best epoch."),
        ],
    ),
}
