"""Ten programs of chapter 17: each differs from the right one in one method."""

import numpy as np
import pytest

from helpers.slips import PROGRAMS, OffByOne, Right

WRONG = {no: program for no, program in PROGRAMS.items() if program is not Right}


def test_one_program_is_right():
    assert list(PROGRAMS) == [*range(1, 11)]
    assert [no for no, program in PROGRAMS.items() if program is Right] == [3]
    assert Right(seed=1).fit().accuracy() >= 0.93


@pytest.mark.parametrize("no", WRONG)
def test_a_wrong_program_changes_one_method(no):
    assert WRONG[no].__bases__ == (Right,)
    changed = {name for name in vars(WRONG[no]) if not name.startswith("__")}
    assert len(changed) == 1
    assert changed < set(vars(Right))


@pytest.mark.parametrize("no", sorted(set(PROGRAMS) - {5}))  # its split draws twice
def test_the_programs_start_from_the_same_weights(no):
    pairs = zip(PROGRAMS[no](7).net.params, Right(7).net.params, strict=True)
    assert all(np.array_equal(*pair) for pair in pairs)


def test_the_labels_of_the_eleventh_have_all_moved_by_one():
    moved = (OffByOne().labels - Right().labels) % 10
    assert np.array_equal(moved, np.ones(1797))
    assert OffByOne(seed=1).fit().accuracy() >= 0.93


@pytest.mark.parametrize("no", PROGRAMS)
def test_a_program_learns_without_an_error(no):
    program = PROGRAMS[no]()
    first, *_, last = [program.step(program.train[:10], lr=0.2) for _ in range(50)]
    assert last < first
    assert 0 < program.accuracy() < 1


def slopes(program, at, h=1e-6):
    """The slope of the loss along one parameter's gradient, squared and measured."""
    param, rows = program.net.params[at], program.train[:20]
    program.step(rows, lr=0.0)
    along, losses = program.net.grads[at].copy(), []
    for move in (h, -2 * h):
        param += move * along
        losses.append(program.step(rows, lr=0.0))
    return (along**2).sum(), (losses[0] - losses[1]) / (2 * h)


@pytest.mark.parametrize("no", PROGRAMS)
def test_all_gradients_are_those_of_the_loss_but_some_of_programs_4_and_10(no):
    pairs = [slopes(PROGRAMS[no](), at) for at in range(4)]
    wrong = [at for at, pair in enumerate(pairs) if not np.isclose(*pair, rtol=1e-4)]
    assert wrong == {4: [0, 1], 10: [3]}.get(no, [])


def test_a_step_of_rate_0_changes_nothing():
    program = Right()
    before = [param.copy() for param in program.net.params]
    program.step(program.train[:10], lr=0.0)
    for old, new in zip(before, program.net.params, strict=True):
        assert np.array_equal(old, new)


def test_the_rate_follows_the_epochs():
    asked = []
    Right().fit(rate=lambda epoch: asked.append(epoch) or 0.0)
    assert np.allclose(np.diff(asked), 1 / 16)
    assert asked[0] == 0
    assert len(asked) == 50 * 16
