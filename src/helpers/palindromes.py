"""Palindromes as rows of digits, of any length, to train on and held out.

    test, train = palindromes.split(20, seed=0)
    inputs, labels = palindromes.inputs(train(128, step=0))

A palindrome is told by its first half. That of a long one doesn't fit an integer of 64
bits, so it is never made into one.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Digits = NDArray[np.int64]
SHORT, HELD_OUT = 8, 10_000


def count(length: int) -> int:
    """How many palindromes of that many digits there are, zeros in front included."""
    return 10 ** _half(length)


def mirrored(halves: Digits, length: int) -> Digits:
    """Palindromes (n, length) of first halves (n, (length + 1) // 2)."""
    return np.concatenate([halves, halves[:, : length // 2][:, ::-1]], axis=1)


def split(length: int, seed: int) -> tuple[Digits, Callable[[int, int], Digits]]:
    """Palindromes (n, length) that are held out, and a stream of others.

    Up to length 8 a fifth of all palindromes is held out, another fifth for each seed;
    of longer ones 10,000, drawn, so that some may stand there twice. The stream is a
    function of a number of palindromes and of a step, and draws the same again for the
    same step: train(n, step). It never draws one that is held out (of halves of more
    than 18 digits, the first 18 decide).

    Raises ValueError for a length below 2, which leaves nothing to read.
    """
    if length < 2:
        raise ValueError(f"a palindrome of length {length} leaves nothing to read")
    half = _half(length)
    powers = 10 ** np.arange(min(half, 18))[::-1]
    rng = np.random.default_rng([seed, length])
    if length <= SHORT:
        numbers = rng.permutation(count(length))[: count(length) // 5]
        halves = numbers[:, None] // powers % 10
    else:
        halves = rng.integers(10, size=(HELD_OUT, half))
    held_out = np.sort(_numbers(halves, powers))

    def train(n: int, step: int) -> Digits:
        rng = np.random.default_rng([seed, length, step])
        drawn = rng.integers(10, size=(n, half))
        # A seed that ends in 0 is the one without it: of long palindromes, step 0 draws
        # those held out first, and goes on until it is past them.
        while (bad := _among(_numbers(drawn, powers), held_out)).any():
            drawn[bad] = rng.integers(10, size=(bad.sum(), half))
        return mirrored(drawn, length)

    return mirrored(halves, length), train


def inputs(digits: Digits, one_hot: bool = True) -> tuple[NDArray[np.float32], Digits]:
    """What is read, and the last digit (n,), of palindromes (n, T).

    Read are the first T - 1 digits: rows of ten numbers, a one at the digit, float32
    (n, T - 1, 10); without one_hot the digits themselves, (n, T - 1, 1).
    """
    read, labels = digits[:, :-1], digits[:, -1]
    if one_hot:
        return np.eye(10, dtype=np.float32)[read], labels
    return read[:, :, None].astype(np.float32), labels


def _half(length: int) -> int:
    return -(-length // 2)


def _numbers(halves: Digits, powers: Digits) -> Digits:
    return halves[:, : len(powers)] @ powers


def _among(numbers: Digits, ordered: Digits) -> NDArray[np.bool_]:
    places = np.searchsorted(ordered, numbers) % len(ordered)
    return ordered[places] == numbers
