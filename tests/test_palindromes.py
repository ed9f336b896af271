"""Palindromes are palindromes, and what is held out stays held out."""

import numpy as np
import pytest

from helpers import palindromes


@pytest.mark.parametrize("length", [2, 3, 5, 8, 9, 36, 37, 38, 101])
def test_both_parts_are_palindromes_of_digits(length):
    held_out, train = palindromes.split(length, seed=0)
    for part in (held_out, train(50, 0)):
        assert part.shape[1] == length
        assert np.array_equal(part, part[:, ::-1])
        assert part.min() >= 0 and part.max() <= 9


@pytest.mark.parametrize("length", [2, 3, 4, 5, 6, 7, 8])
def test_a_fifth_of_the_short_ones_is_held_out_and_the_rest_is_drawn(length):
    held_out, train = palindromes.split(length, seed=1)
    tested = {tuple(row) for row in held_out.tolist()}
    assert len(tested) == len(held_out) == palindromes.count(length) // 5
    drawn = {tuple(row) for row in train(20 * palindromes.count(length), 0).tolist()}
    assert tested.isdisjoint(drawn)
    assert len(tested | drawn) == palindromes.count(length)


@pytest.mark.parametrize("step", [0, 3])
@pytest.mark.parametrize("length", [9, 10, 11, 20, 40])
def test_of_longer_ones_ten_thousand_are_never_drawn(length, step):
    held_out, train = palindromes.split(length, seed=0)
    assert len(held_out) == 10_000
    tested = {tuple(row) for row in held_out.tolist()}
    assert tested.isdisjoint(tuple(row) for row in train(50_000, step).tolist())


def test_a_step_draws_the_same_again_and_other_steps_and_seeds_others():
    _, train = palindromes.split(12, seed=0)
    _, other = palindromes.split(12, seed=1)
    assert np.array_equal(train(9, 4), palindromes.split(12, seed=0)[1](9, 4))
    assert not np.array_equal(train(9, 4), train(9, 5))
    assert not np.array_equal(train(9, 4), other(9, 4))


def test_the_last_digit_is_not_read():
    digits = np.array([[7, 3, 3, 7], [0, 9, 9, 0]])
    one_hot, labels = palindromes.inputs(digits)
    assert labels.tolist() == [7, 0]
    assert one_hot.shape == (2, 3, 10) and one_hot.dtype == np.float32
    assert np.array_equal(one_hot.argmax(2), digits[:, :-1])
    assert np.array_equal(one_hot.sum(2), np.ones((2, 3)))
    plain, _ = palindromes.inputs(digits, one_hot=False)
    assert plain[:, :, 0].tolist() == digits[:, :-1].tolist()
    assert plain.dtype == np.float32


def test_a_length_that_leaves_nothing_to_read_is_refused():
    with pytest.raises(ValueError, match="nothing to read"):
        palindromes.split(1, seed=0)


def test_the_homework_draws_the_same_palindromes(monkeypatch):
    import sys
    from pathlib import Path

    part = Path(__file__).parents[1] / "solutions" / "sustech_cs324" / "part3"
    monkeypatch.syspath_prepend(str(part))
    import lengths

    for name in ("lengths", "vanilla_rnn"):
        sys.modules.pop(name)
    for length in (5, 20, 40):
        theirs = lengths.Palindromes(length, 3)
        held_out, train = palindromes.split(length, seed=3)
        assert np.array_equal(theirs.test, held_out)
        assert np.array_equal(theirs.batch(16, 7), train(16, 7))
