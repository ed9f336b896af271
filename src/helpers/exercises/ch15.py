"""Exercises of chapter 15, ten thousand numbers."""

from dataclasses import dataclass

import numpy as np
from numpy import ndarray as Array

from helpers.exercises import Exercise


def shared_slope(x: float, w: float, steps: int) -> float:
    slope = 0.0
    for _ in range(steps):
        slope, x = slope * (1 + 2 * w * x) + x**2, x + w * x**2
    return slope


def last_use_only(x: float, w: float, steps: int) -> float:
    for _ in range(steps - 1):
        x = x + w * x**2
    return x**2 if steps else 0.0


def first_use_only(x: float, w: float, steps: int) -> float:
    slope = x**2 if steps else 0.0
    for _ in range(steps - 1):
        x = x + w * x**2
        slope *= 1 + 2 * w * x
    return slope


def uses_not_carried_on(x: float, w: float, steps: int) -> float:
    slope = 0.0
    for _ in range(steps):
        slope, x = slope + x**2, x + w * x**2
    return slope


def not_past_the_step(x: float, w: float, steps: int) -> float:
    slope = 0.0
    for _ in range(steps):
        slope, x = slope * 2 * w * x + x**2, x + w * x**2
    return slope


def needed(score: float, N: int) -> float:
    return score * max(N / 10**4, 1) / 100


def channels(limit: int) -> int:
    m = 0
    while 9 * (m + 1) ** 2 + 54 * (m + 1) + 10 <= limit:
        m += 1
    return m


def one_more(limit: int) -> int:
    return channels(limit) + 1


def one_norm(limit: int) -> int:
    m = 0
    while 9 * (m + 1) ** 2 + 40 * (m + 1) + 10 <= limit:
        m += 1
    return m


def eight_convolutions(limit: int) -> int:
    m = 0
    while 72 * (m + 1) ** 2 + 54 * (m + 1) + 10 <= limit:
        m += 1
    return m


def answers(logits, images: Array) -> Array:
    return (logits(images) + logits(images[:, :, ::-1])).argmax(axis=1)


def one_view(logits, images: Array) -> Array:
    return logits(images).argmax(axis=1)


def upside_down(logits, images: Array) -> Array:
    return (logits(images) + logits(images[:, ::-1])).argmax(axis=1)


def added_images(logits, images: Array) -> Array:
    return logits(images + images[:, :, ::-1]).argmax(axis=1)


def largest_of_both(logits, images: Array) -> Array:
    return np.maximum(logits(images), logits(images[:, :, ::-1])).argmax(axis=1)


@dataclass(frozen=True)
class _Corners:
    """Stands for a network: three logits of what corners hold."""

    def __call__(self, images: Array) -> Array:
        corners = images[:, 0, 0], images[:, 0, -1], images[:, -1, 0]
        return np.stack(corners, axis=1) ** 2 - images[:, :1, 0] * images[:, :1, -1]

    def __repr__(self) -> str:
        return "some network"


def mixture(P: Array, Q: Array) -> Array:
    rows = np.stack([P, Q], axis=2), np.stack([Q, P], axis=2)
    return np.stack(rows, axis=1).reshape(2 * len(P), -1)


def in_blocks(P: Array, Q: Array) -> Array:
    return np.block([[P, Q], [Q, P]])


def same_for_twins(P: Array, Q: Array) -> Array:
    return np.kron(P, [[1, 0], [1, 0]]) + np.kron(Q, [[0, 1], [0, 1]])


def not_crossed(P: Array, Q: Array) -> Array:
    return np.kron(P, [[1, 0], [0, 0]]) + np.kron(Q, [[0, 0], [0, 1]])


_rng = np.random.default_rng(15)

EXERCISES = {
    "15.1": Exercise(
        64 * 25 + 64 * 128,
        mistakes=[
            (64 * 128 * 25, "that is the whole convolution."),
            (128 * 25 + 64 * 128, "the filters come first: one for each channel in."),
            (64 * 128, "the filters have weights too."),
            (64 * 25, "the mixture has weights too."),
            (64 * 9 + 64 * 128, "a filter of 5 × 5 has 25 weights."),
        ],
    ),
    "15.2": Exercise(
        shared_slope,
        cases=[(1.0, 0.5, 1), (1.0, 0.5, 2), (0.7, -0.3, 4), (-0.5, 0.2, 3)],
        mistakes=[
            (last_use_only, "that is the last use alone; the others count too."),
            (first_use_only, "that is the first use alone; the others count too."),
            (uses_not_carried_on, "an early use is felt through the later steps."),
            (not_past_the_step, "a step adds to x: what was there goes past it, too."),
        ],
    ),
    "15.3": Exercise(
        needed,
        cases=[(80.0, 10_000), (80.0, 5_000), (40.0, 15_000), (3.3, 225_482)],
        mistakes=[
            (
                lambda score, N: score * max(N // 10**4, 1) / 100,
                "(15.7) rounds nothing.",
            ),
            (
                lambda score, N: score * N / 10**6,
                "fewer than 10,000 numbers aren't rewarded.",
            ),
            (
                lambda score, N: score * max(N / 10**4, 1),
                "the accuracy is asked as a fraction of 1.",
            ),
        ],
    ),
    "15.4": Exercise(
        channels,
        cases=[(73,), (72,), (10_000,), (154,), (50_000,)],
        mistakes=[
            (one_more, "that is one too many."),
            (one_norm, "each of the 8 steps has a factor and an offset a channel."),
            (eight_convolutions, "the steps share one convolution."),
        ],
    ),
    "15.5": Exercise(
        answers,
        cases=[
            (_Corners(), _rng.normal(size=(n, h, w)))
            for n, h, w in ((1, 2, 2), (3, 2, 3), (8, 4, 4))
        ],
        mistakes=[
            (one_view, "the mirror image isn't asked."),
            (upside_down, "that is upside down; a mirror exchanges left and right."),
            (added_images, "two images on top of each other are no image; add logits."),
            (largest_of_both, "take the mean, or the sum, not the larger one."),
        ],
    ),
    "15.6": Exercise(
        mixture,
        cases=[tuple(_rng.normal(size=(2, m, m))) for m in (1, 2, 3)],
        mistakes=[
            (in_blocks, "a map's twin lies beside it, not behind all maps."),
            (lambda P, Q: mixture(Q, P), "P is for the maps of one kind, Q crosses."),
            (lambda P, Q: mixture(P, Q).T, "row i says what goes into map i."),
            (same_for_twins, "a twin gets P from the twins, and Q from the maps."),
            (not_crossed, "a map gets something from the twins, and they from it."),
        ],
    ),
}
