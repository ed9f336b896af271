"""`check`: the reader's answer against an exercise's cases.

The exercises of chapter 3 stand in `ch03.py`, in a dictionary `EXERCISES` from "3.1"
to an `Exercise`; a new exercise is one more entry there.
"""

import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np

from helpers.record import say

SECONDS = 5  # an answer may take this long on one case


@dataclass(frozen=True)
class Exercise:
    """reference: the right answer, a function or a number (or a list of numbers).
    mistakes: wrong answers of the same kind, each with the hint that answers it.
    cases: for a function, tuples of arguments, smallest first; at least one of them
        tells every mistake from the reference.
    names: the arguments' names, for the message.
    within: how far from the reference an entry may be, relative to the largest.
    """

    reference: Any
    mistakes: Sequence[tuple[Any, str]]
    cases: Sequence[tuple] = ()
    names: tuple[str, ...] = ()
    within: float = 1e-6


class _TimeUp(BaseException):
    """Not an Exception, so that an answer's own `except Exception` lets it through."""


def check(number: str, answer: Any) -> None:
    """Say whether `answer` solves exercise `number`; never raises.

    A wrong answer gets the smallest case at which it fails and, if it is one of the
    known mistakes, a hint. The right answer is never shown.
    """
    exercise = find(str(number))
    if exercise is None:
        say(f"There is no exercise {number}.")
        return
    say(f"Exercise {number}: {_judge(exercise, answer)}")


def find(number: str) -> Exercise | None:
    """The exercise of that number, or None."""
    try:
        chapter = import_module(f"helpers.exercises.ch{int(number.split('.')[0]):02d}")
    except (ModuleNotFoundError, ValueError):
        return None
    return chapter.EXERCISES.get(number)


def _judge(exercise: Exercise, answer: Any) -> str:
    if answer is None or answer is ...:
        return "not done yet."
    if callable(answer) != callable(exercise.reference):
        wanted = "a function" if callable(exercise.reference) else "a number"
        return (
            f"not yet. The answer is {wanted}; this is of type {type(answer).__name__}."
        )
    cases = exercise.cases if callable(answer) else [()]
    got = list(_outcomes(answer, cases))
    if str(got[0]) == _NOT_DONE:
        return "not done yet."
    for case, result in zip(cases, got, strict=False):
        expected = _outcome(exercise.reference, case)
        complaint = _compare(result, expected, exercise.within)
        if complaint:
            where = _arguments(exercise.names, case)
            return f"not yet. {where}{complaint}{_hint(exercise, cases, got)}"
    counted = f", in all {len(cases)} cases" if callable(answer) else ""
    return f"correct{counted}."


_NOT_DONE = "nothing is returned yet"


def _outcomes(answer: Any, cases: Sequence[tuple]) -> Iterator[np.ndarray | str]:
    """What `answer` gives for the cases, up to the first that fails: it may be slow."""
    for case in cases:
        result = _outcome(answer, case)
        yield result
        if isinstance(result, str):
            return


def _outcome(answer: Any, case: tuple) -> np.ndarray | str:
    """What `answer` gives for `case`, as an array; a sentence if that fails."""
    arguments = deepcopy(case)
    try:
        with _time_limit(), np.errstate(all="ignore"):
            result = answer(*arguments) if callable(answer) else answer
            if result is None or result is ...:
                return _NOT_DONE
            array = np.asarray(result, dtype=float)
            if _changed(arguments, case):
                return "the answer changes its argument in place; work on a copy"
            return array.copy()
    except NotImplementedError:
        return _NOT_DONE
    except _TimeUp:
        return f"no result after {SECONDS} seconds"
    except BaseException as error:  # SystemExit and KeyboardInterrupt too
        return f"the answer raises {type(error).__name__}{_message(error)}"


def _message(error: BaseException) -> str:
    try:
        text = str(error).rstrip(".")
    except BaseException:  # an error of the reader's own making
        text = ""
    return f": {text}" if text else ""


@contextmanager
def _time_limit() -> Iterator[None]:
    """Raise _TimeUp after SECONDS, where the system has alarms; else no limit.

    A single call into compiled code can't be interrupted before it returns.
    """
    in_main = threading.current_thread() is threading.main_thread()
    if not hasattr(signal, "SIGALRM") or not in_main:
        yield
        return

    def stop(*_: Any) -> None:
        raise _TimeUp

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, SECONDS, 0.5)  # again, should it be caught
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _changed(now: Any, before: Any) -> bool:
    """Whether an argument has changed, however deep in lists and tuples."""
    if type(now) is not type(before):
        return True
    if isinstance(before, list | tuple):
        return len(now) != len(before) or any(map(_changed, now, before))
    return not np.array_equal(
        now, before, equal_nan=np.asarray(before).dtype.kind == "f"
    )


def _compare(got: np.ndarray | str, expected: np.ndarray, within: float) -> str:
    """What is wrong with `got`, or an empty string."""
    if isinstance(got, str):
        return f"{got}."
    if got.shape != expected.shape:
        return f"the shape is {got.shape}; it should be {expected.shape}."
    near = _near(got, expected, within)
    if near.all():
        return ""
    first = tuple(map(int, np.argwhere(~near)[0]))
    entry = f" at entry {first}" if near.any() else ""
    return f"the answer {_show(got)} is not right{entry}."


def _same(got: Any, expected: Any, within: float) -> bool:
    if isinstance(got, str) or isinstance(expected, str):
        return str(got) == str(expected)
    return got.shape == expected.shape and bool(_near(got, expected, within).all())


def _near(got: np.ndarray, expected: np.ndarray, within: float) -> np.ndarray:
    finite = np.abs(expected[np.isfinite(expected)])
    atol = within * finite.max(initial=0)
    return np.isclose(got, expected, rtol=0, atol=atol, equal_nan=True)


def _hint(exercise: Exercise, cases: Sequence[tuple], got: list) -> str:
    """The hint of the known mistake that gives just what this answer gives."""
    for mistake, hint in exercise.mistakes:
        wrong = list(_outcomes(mistake, cases))
        same = [_same(a, b, exercise.within) for a, b in zip(got, wrong, strict=False)]
        if len(got) == len(wrong) and all(same):
            return f" Hint: {hint}"
    return ""


def _arguments(names: tuple[str, ...], case: tuple) -> str:
    if not case:
        return ""
    shown = [
        f"{name} = {_show(value)}" for name, value in zip(names, case, strict=True)
    ]
    return f"For {', '.join(shown)}: "


def _show(value: Any) -> str:
    if isinstance(value, list | tuple):  # of arrays of any shapes, perhaps nested
        text = f"[{', '.join(map(_show, value))}]"
        return text if len(text) < 300 else f"a list of {len(value)}"
    if isinstance(value, np.ndarray) and value.size > 24:
        return f"an array of shape {value.shape}"
    text = np.array2string(np.asarray(value), separator=", ", precision=4)
    return " ".join(text.split())
