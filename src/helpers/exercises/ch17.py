"""Exercises of chapter 17, what the documents get wrong."""

from math import ceil

import numpy as np
from numpy import ndarray as Array

from helpers.exercises import Exercise


def log_sum_exp(logits: Array) -> Array:
    top = logits.max(axis=1)
    return top + np.log(np.exp(logits - top[:, None]).sum(axis=1))


def at_label(logits: Array, labels: Array) -> Array:
    return logits[np.arange(len(labels)), labels]


def cross_entropy(logits: Array, labels: Array) -> float:
    return (log_sum_exp(logits) - at_label(logits, labels)).mean()


def as_printed(logits: Array, labels: Array) -> float:
    return -(at_label(logits, labels) + log_sum_exp(logits)).sum()


def printed_mean(logits: Array, labels: Array) -> float:
    return -(at_label(logits, labels) + log_sum_exp(logits)).mean()


def summed(logits: Array, labels: Array) -> float:
    return (log_sum_exp(logits) - at_label(logits, labels)).sum()


def sign_turned(logits: Array, labels: Array) -> float:
    return -cross_entropy(logits, labels)


def entries_counted(logits: Array, labels: Array) -> float:
    return cross_entropy(logits, labels) / logits.shape[1]


def epochs(steps: int, batch: int, samples: int) -> float:
    return steps / ceil(samples / batch)


def short_batch_dropped(steps: int, batch: int, samples: int) -> float:
    return steps / (samples // batch)


def images_seen(steps: int, batch: int, samples: int) -> float:
    return steps * batch / samples


def whole_epochs(steps: int, batch: int, samples: int) -> float:
    return steps // ceil(samples / batch)


def steps_from_epochs(steps: int, batch: int, samples: int) -> float:
    return steps * ceil(samples / batch)


def mended(logged: float, last: float, full: int, size: int, left: int) -> float:
    others = ((full + 1) * logged - last) / full
    return (full * size * others + left * last) / (full * size + left)


def as_logged(logged: float, last: float, full: int, size: int, left: int) -> float:
    return logged


def last_twice(logged: float, last: float, full: int, size: int, left: int) -> float:
    return (full * size * logged + left * last) / (full * size + left)


def full_alone(logged: float, last: float, full: int, size: int, left: int) -> float:
    return ((full + 1) * logged - last) / full


def miscounted(logged: float, last: float, full: int, size: int, left: int) -> float:
    others = (full * logged - last) / full
    return (full * size * others + left * last) / (full * size + left)


def leaked(train: Array, test: Array) -> float:
    return np.isin(test, train).mean()


def train_asked(train: Array, test: Array) -> float:
    return np.isin(train, test).mean()


def side_by_side(train: Array, test: Array) -> float:
    return (train == test).mean()


def counted(train: Array, test: Array) -> float:
    return np.isin(test, train).sum()


def different_ones(train: Array, test: Array) -> float:
    return len(np.intersect1d(train, test)) / len(test)


def share_left(train: Array, test: Array) -> float:
    return 1 - leaked(train, test)


def whether(train: Array, test: Array) -> float:
    return float(np.isin(test, train).any())


def standardized(train: Array, new: Array) -> Array:
    deviation = train.std(axis=0)
    deviation[deviation == 0] = 1
    return (new - train.mean(axis=0)) / deviation


def by_its_own(train: Array, new: Array) -> Array:
    return (new - new.mean(axis=0)) / new.std(axis=0)


def its_own_mean(train: Array, new: Array) -> Array:
    return standardized(train, new + train.mean(axis=0) - new.mean(axis=0))


def divided_by_zero(train: Array, new: Array) -> Array:
    return (new - train.mean(axis=0)) / train.std(axis=0)


def one_for_all_pixels(train: Array, new: Array) -> Array:
    return (new - train.mean()) / train.std()


def over_pixels(train: Array, new: Array) -> Array:
    return (new - new.mean(axis=1, keepdims=True)) / new.std(axis=1, keepdims=True)


def train_returned(train: Array, new: Array) -> Array:
    return standardized(train, train)


_rng = np.random.default_rng(16)
_SMALL, _SMALL_LABELS = np.array([[0.0, 1, 3], [2, 0, 1]]), np.array([0, 1])
_PARAMETERS, _WEIGHTS = 478_410, 784 * 400 + 400 * 400 + 400 * 10

EXERCISES = {
    "17.1": Exercise(
        cross_entropy,
        cases=[
            (_SMALL, _SMALL_LABELS),
            (_SMALL + 100, _SMALL_LABELS),
            (_rng.normal(size=(5, 4)), np.array([3, 0, 0, 2, 1])),
        ],
        mistakes=[
            (as_printed, "this is the code as it stands; shift all logits by 1."),
            (
                printed_mean,
                "the mean is right; add 1 to all logits, and it still moves.",
            ),
            (summed, "the sign is right; twice the samples, and it still doubles."),
            (sign_turned, "a loss falls where the right logit rises."),
            (entries_counted, "the mean is over the samples, not over all entries."),
        ],
    ),
    "17.2": Exercise(
        float(np.log(np.e + 3) - 1 / 4),
        within=3.4e-4,
        mistakes=[
            (float(np.log(np.e + 3)), "that is the ceiling; a quarter is right."),
            (float(np.log(np.e + 3) - 1), "that is the floor; most answers are wrong."),
            (float(np.log(4)), "ln 4 is the loss of a guess; this network is certain."),
            (float(np.log(np.e + 3) - 3 / 4), "one quarter is right, not three."),
            (float(np.log(np.e + 4) - 1 / 4), "count the wrong classes once more."),
        ],
    ),
    "17.3": Exercise(
        epochs,
        cases=[(3, 2, 3), (6, 4, 10), (5000, 32, 50_000), (7, 5, 100)],
        mistakes=[
            (short_batch_dropped, "the short last batch is a step too: round up."),
            (images_seen, "with a short last batch some steps hold fewer images."),
            (whole_epochs, "a part of an epoch counts too: divide, don't round."),
            (steps_from_epochs, "that turns epochs into steps; this is the way back."),
        ],
    ),
    "17.4": Exercise(
        mended,
        cases=[
            (0.5, 1.0, 1, 3, 1),
            (0.3, 0.9, 5, 64, 16),
            (0.42, 0.1, 390, 128, 80),
        ],
        mistakes=[
            (as_logged, "in that number the last batch weighs as much as the others."),
            (last_twice, "the last batch is in `logged` already; take it out first."),
            (full_alone, "these are the full batches; the last one has images, too."),
            (miscounted, "`logged` is the mean of one batch more than the full ones."),
        ],
    ),
    "17.5": Exercise(
        leaked,
        cases=[
            (np.array([0, 1, 2]), np.array([2, 3])),
            (np.array([0, 1, 2, 3]), np.array([4, 5])),
            (np.array([5, 3, 1, 1]), np.array([1, 3, 3, 7, 9])),
            (_rng.permutation(40)[:30], _rng.permutation(40)[:30]),
        ],
        mistakes=[
            (train_asked, "that is the share of train that occurs in test."),
            (side_by_side, "the two have different orders and lengths."),
            (counted, "that is the number of shared entries, not their share."),
            (different_ones, "an entry that stands twice in test counts twice."),
            (share_left, "that is the share that does not leak."),
            (whether, "the question is how many, not whether."),
        ],
    ),
    "17.6": Exercise(
        [_PARAMETERS, 4 * _PARAMETERS],
        within=1e-9,
        mistakes=[
            ([_WEIGHTS, 4 * _WEIGHTS], "the biases are missing."),
            ([_PARAMETERS, 32 * _PARAMETERS], "a byte has 8 bits."),
            ([_PARAMETERS, 2 * _PARAMETERS], "two bytes are half precision."),
            ([4 * _PARAMETERS, _PARAMETERS], "the number of parameters comes first."),
        ],
    ),
    "17.7": Exercise(
        standardized,
        cases=[
            (np.array([[0.0, 2], [4, 0]]), np.array([[1.0, 1]])),
            (np.array([[0.0, 2], [4, 0]]), np.array([[1.0, 1], [3, 5]])),
            (np.array([[3.0, 1], [3, 5]]), np.array([[3.0, 2], [4, 7]])),
            (_rng.random((6, 4)), _rng.random((3, 4))),
        ],
        mistakes=[
            (by_its_own, "an image alone loses itself; whose mean should it lose?"),
            (its_own_mean, "the deviation is the training images', the mean isn't."),
            (divided_by_zero, "the mean is right; one pixel never changes in train."),
            (one_for_all_pixels, "each pixel has a mean and a deviation of its own."),
            (over_pixels, "that is the mean over the pixels of one image."),
            (train_returned, "those are the training images; new is asked for."),
        ],
    ),
}
