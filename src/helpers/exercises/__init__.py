"""`check`: the reader's answer against an exercise's cases.

The exercises of chapter 4 stand in `ch04.py`, in a dictionary `EXERCISES` from "4.1"
to an `Exercise`; a new exercise is one more entry there.
"""

import signal
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from copy import deepcopy
from dataclasses import dataclass
from importlib import import_module
from inspect import signature
from types import FrameType
from typing import Any

import numpy as np

from helpers.record import say

SECONDS = 5  # an answer may take this long on one case
LONGEST = 300  # letters of an error's message, or of a value, that are shown


@dataclass(frozen=True)
class Exercise:
    """reference: the right answer, a function or a number (or a list of numbers).
    mistakes: wrong answers of the same kind, each with the hint that answers it.
    cases: for a function, tuples of arguments, smallest first; at least one of them
        tells every mistake from the reference.
    within: how far from the reference an entry may be, relative to the largest.
    """

    reference: Any
    mistakes: Sequence[tuple[Any, str]]
    cases: Sequence[tuple] = ()
    within: float = 1e-6


class _TimeUp(BaseException):
    """Not an Exception, so that an answer's own `except Exception` lets it through."""


def check(number: str, answer: Any) -> None:
    """Say whether `answer` solves exercise `number`; never raises.

    A wrong answer gets the smallest case at which it fails and, if it is one of the
    known mistakes, a hint. The right answer is never shown.
    """
    number = _text(number)
    exercise = find(number)
    with np.errstate(all="ignore"):
        verdict = exercise and _judge(exercise, answer)
    line = f"Exercise {number}: {verdict}" if exercise else _unknown(number)
    with suppress(OSError, ValueError):  # stdout is closed, or a pipe that is
        say(line, verb="check", number=number)


def find(number: str) -> Exercise | None:
    """The exercise of that number, or None."""
    return _chapter(number).get(number)


def _chapter(number: str) -> dict[str, Exercise]:
    """The exercises of the chapter that a number belongs to."""
    try:
        chapter = import_module(f"helpers.exercises.ch{int(number.split('.')[0]):02d}")
    except (ModuleNotFoundError, ValueError):
        return {}
    return chapter.EXERCISES


def _unknown(number: str) -> str:
    known = ", ".join(_chapter(number))
    return f"There is no exercise {number} to check{known and f'; there is {known}'}."


def _judge(exercise: Exercise, answer: Any) -> str:
    if answer is None or answer is ...:
        return "not done yet."
    if callable(answer) != callable(exercise.reference):
        found = f"this is of type {_type(answer)}"
        return f"not yet. {_wanted(exercise)} is asked for; {found}."
    cases = exercise.cases if callable(answer) else [()]
    got = list(_outcomes(answer, cases))
    if got[0] is _NOT_DONE:
        return "not done yet."
    expected = list(_outcomes(exercise.reference, cases))
    for case, *pair in zip(cases, got, expected, strict=False):
        complaint = _compare(*pair, exercise.within)
        if complaint:
            sentence = f"{_arguments(exercise.reference, case)}{complaint}"
            hint = _hint(exercise, cases, got) or _likeness(exercise, got, expected)
            return f"not yet. {sentence[0].upper()}{sentence[1:]}{hint}"
    return f"correct{_counted(len(cases)) if callable(answer) else ''}."


def _wanted(exercise: Exercise) -> str:
    if callable(exercise.reference):
        return "A function"
    return "A list of numbers" if np.ndim(exercise.reference) else "A number"


def _counted(cases: int) -> str:
    return {1: "", 2: " in both cases"}.get(cases, f" in all {cases} cases")


_NOT_DONE = "nothing is returned yet"


def _outcomes(answer: Any, cases: Sequence[tuple]) -> Iterator[np.ndarray | str]:
    """What `answer` gives for the cases, up to the first that fails: it may be slow."""
    for case in cases:
        result = _outcome(answer, case)
        yield result
        if isinstance(result, str):
            return


def _outcome(answer: Any, case: tuple) -> np.ndarray | str:
    """What `answer` gives for `case`, as a new array; a sentence if that fails."""
    arguments = deepcopy(case)
    try:
        with _time_limit(), np.errstate(all="ignore"):
            result = answer(*arguments) if callable(answer) else answer
            if result is None or result is ...:
                return _NOT_DONE
            array = _numbers(result)
            if _changed(arguments, case):
                return "the answer changes its argument in place; work on a copy"
            return array
    except NotImplementedError:
        return _NOT_DONE
    except _TimeUp:
        return f"no result after {SECONDS} seconds"
    except BaseException as error:  # SystemExit and KeyboardInterrupt too
        return f"the answer raises {_type(error)}{_message(error)}"


def _numbers(result: Any) -> np.ndarray | str:
    """`result` as a new array of floats; a sentence if it is none, or is complex."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", np.exceptions.ComplexWarning)
        try:
            return np.array(result, dtype=float)
        except Exception as error:
            kind = f"the answer, of type {_type(result)}, can't be read as real numbers"
            return kind + _message(error)


def _type(value: Any) -> str:
    return _text(type.__dict__["__name__"].__get__(type(value)))  # no metaclass's own


def _message(error: BaseException) -> str:
    text = _text(error).rstrip(".")
    return f": {text}" if text else ""


def _text(value: Any) -> str:
    """`value` on one line, in print and not too long; "" where it can't be shown."""
    try:
        with _time_limit():
            words = " ".join(str(value).split())
    except BaseException:  # of the reader's own making
        return ""
    text = "".join(letter if letter.isprintable() else "�" for letter in words)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


@contextmanager
def _time_limit() -> Iterator[None]:
    """Raise _TimeUp after SECONDS, where the system has alarms; else no limit.

    An import that goes on then is waited for.

    A single call into compiled code can't be interrupted before it returns.
    """
    in_main = threading.current_thread() is threading.main_thread()
    if not hasattr(signal, "SIGALRM") or not in_main:
        yield
        return

    def stop(_: int, frame: FrameType | None) -> None:
        # A module stopped while it is imported can't be imported again.
        while frame and frame.f_code.co_filename != __file__:
            if frame.f_code.co_filename.startswith("<frozen importlib"):
                return
            frame = frame.f_back
        raise _TimeUp

    before = signal.signal(signal.SIGALRM, stop)
    # It comes again, should it be caught.
    left = signal.setitimer(signal.ITIMER_REAL, SECONDS, 0.5)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, *left)
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
    if not near.any():
        return f"the answer {_show(got)} is not right."
    first = tuple(map(int, np.argwhere(~near)[0]))
    return f"entry {first} of the answer, {_show(got[first])}, is not right."


def _same(got: Any, expected: Any, within: float) -> bool:
    if isinstance(got, str) or isinstance(expected, str):
        return type(got) is type(expected) and got == expected
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
        if all(same):
            return f" Hint: {hint}"
    return ""


def _likeness(exercise: Exercise, got: list, expected: list) -> str:
    """A hint that says how an unknown mistake's arrays differ from the right ones."""
    single = all(right.size == 1 for right in expected)  # it would give them away
    if single or isinstance(got[-1], str):
        return ""
    for mend, hint in LIKENESSES:
        pairs = [(mend(*pair), pair[1]) for pair in zip(got, expected, strict=True)]
        if all(_same(*pair, exercise.within) for pair in pairs):
            return f" Hint: {hint}"
    return ""


def _scaled(got: np.ndarray, right: np.ndarray) -> np.ndarray:
    same = got.shape == right.shape
    return got * (np.vdot(got, right) / np.vdot(got, got)) if same else got


LIKENESSES: list[tuple[Callable[[np.ndarray, np.ndarray], np.ndarray], str]] = [
    (lambda got, right: -got, "every sign is turned."),
    (lambda got, right: got.T, "rows and columns are exchanged."),
    (_scaled, "all entries are off by the same factor."),
]


def _arguments(reference: Any, case: tuple) -> str:
    if not case:
        return ""
    shown = [
        f"{name} = {_show(value)}"
        for name, value in zip(signature(reference).parameters, case, strict=True)
    ]
    return f"For {', '.join(shown)}: "


def _show(value: Any) -> str:
    if isinstance(value, list | tuple):  # of arrays of any shapes, perhaps nested
        text = f"[{', '.join(map(_show, value))}]"
        return text if len(text) < LONGEST else f"a list of {len(value)}"
    if isinstance(value, np.ndarray) and value.size > 24:
        return f"an array of shape {value.shape}"
    style = {"separator": ", ", "precision": 4, "formatter": {}}  # not the reader's
    return _text(np.array2string(np.asarray(value), **style))
