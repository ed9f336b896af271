"""`check` under hostile answers; every exercise of the book under its mistakes."""

import ast
import builtins
import dis
import io
import re
import sys
import threading
import time
from collections.abc import Callable
from importlib import import_module
from inspect import signature
from pathlib import Path
from types import CodeType
from typing import Any

import nbformat
import numpy as np
import pytest

from helpers import check, exercises
from helpers.exercises import Exercise, find
from tests.test_chapters import CHAPTERS, beside, chapters, sources


def double(x: np.ndarray) -> np.ndarray:
    return 2 * x


def unchanged(x: np.ndarray) -> np.ndarray:
    return x


DOUBLE = Exercise(
    double,
    cases=[(np.array([1.0]),), (np.arange(6.0).reshape(2, 3),)],
    mistakes=[(unchanged, "nothing was doubled.")],
)
NUMBER = Exercise(1.5, mistakes=[(2.5, "one too many.")], within=1e-3)


@pytest.fixture
def say(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> Callable:
    """What `check` says to an answer to an exercise."""

    def ask(exercise: Exercise, answer: Any) -> str:
        monkeypatch.setattr(exercises, "find", lambda number: exercise)
        check("0.1", answer)
        return capsys.readouterr().out.strip()

    return ask


def raises_in_place_of(error: BaseException) -> Callable:
    def answer(x: np.ndarray) -> np.ndarray:
        raise error

    return answer


def test_right_answer_is_called_correct(say: Callable) -> None:
    assert say(DOUBLE, lambda x: x + x) == "Exercise 0.1: correct in both cases."
    assert say(NUMBER, 1.5004) == "Exercise 0.1: correct."
    one, three = (Exercise(lambda: 1, [], [()] * count) for count in (1, 3))
    assert say(one, lambda: 1) == "Exercise 0.1: correct."
    assert say(three, lambda: 1) == "Exercise 0.1: correct in all 3 cases."


def test_a_check_leaves_a_record_beside_its_line(monkeypatch) -> None:
    said: list[tuple] = []
    monkeypatch.setattr(
        exercises, "say", lambda line, **record: said.append((line, record))
    )
    check("3.2", None)
    record = {"verb": "check", "number": "3.2"}
    assert said == [("Exercise 3.2: not done yet.", record)]


@pytest.mark.parametrize("answer", [None, ..., lambda x: None, lambda x: ...])
def test_empty_answer_is_not_done_yet(say: Callable, answer: Any) -> None:
    assert say(DOUBLE, answer) == "Exercise 0.1: not done yet."


def test_not_implemented_is_not_done_yet(say: Callable) -> None:
    answer = raises_in_place_of(NotImplementedError())
    assert say(DOUBLE, answer) == "Exercise 0.1: not done yet."


def test_wrong_answer_gets_the_smallest_counterexample_and_its_hint(
    say: Callable,
) -> None:
    assert say(DOUBLE, lambda x: x) == (
        "Exercise 0.1: not yet. For x = [1.]: the answer [1.] is not right. "
        "Hint: nothing was doubled."
    )


def test_unknown_mistake_gets_no_hint(say: Callable) -> None:
    assert "Hint" not in say(DOUBLE, lambda x: x + 3)
    assert "Hint" not in say(NUMBER, 7.0)


@pytest.mark.parametrize(
    ("mistake", "hint"),
    [
        (lambda x: -2 * x, "every sign is turned."),
        (lambda x: 2 * x.T, "rows and columns are exchanged."),
        (lambda x: 3 * x, "all entries are off by the same factor."),
        (lambda x: 2 * x / x.size, "all entries are off by the same factor."),
    ],
)
def test_unknown_mistake_that_leaves_the_entries_alike_is_told_so(
    say: Callable, mistake: Callable, hint: str
) -> None:
    assert say(DOUBLE, mistake).endswith(f" Hint: {hint}")


def test_a_number_is_not_said_to_be_off_by_its_sign_which_gives_it_away(
    say: Callable,
) -> None:
    assert "Hint" not in say(NUMBER, -1.5)
    total = Exercise(lambda x: x.sum(), mistakes=[], cases=DOUBLE.cases)
    assert "Hint" not in say(total, lambda x: -x.sum())


def test_number_too_far_off_is_wrong(say: Callable) -> None:
    assert "not yet" in say(NUMBER, 1.503)
    wrong = "Exercise 0.1: not yet. The answer 2.5 is not right. Hint: one too many."
    assert say(NUMBER, 2.5) == wrong


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("1.5", "correct"),  # a number in quotes is a number
        (
            "soon",
            "The answer, of type str, can't be read as real numbers: could not con",
        ),
        (float("nan"), "The answer nan is not right."),
        ([1.5, 1.5], "The shape is (2,)"),
        (lambda x: 1.5, "A number is asked for; this is of type function."),
    ],
)
def test_hostile_values_get_a_sentence(say: Callable, answer: Any, words: str) -> None:
    assert words in say(NUMBER, answer)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (3, "A function is asked for; this is of type int."),
        ("text", "of type str"),
        (lambda x: "text", "of type str, can't be read as real numbers: could not con"),
        (lambda x: np.full_like(x, np.nan), "nan"),
        (lambda x: 2 * x[None], "the shape is (1, 1); it should be (1,)"),
        (lambda x: 1 / 0, "raises ZeroDivisionError"),
        (lambda x: undefined, "raises NameError"),  # noqa: F821
        (lambda x, y: x, "raises TypeError"),
        (lambda: 1, "raises TypeError"),
        (lambda x: sys.exit(), "raises SystemExit"),
        (raises_in_place_of(KeyboardInterrupt()), "raises KeyboardInterrupt"),
        (raises_in_place_of(GeneratorExit()), "raises GeneratorExit"),
        (lambda x: double, "of type function, can't be read as real numbers"),
        (lambda x: {"a": 1}, "of type dict, can't be read as real numbers"),
        (lambda x: [x, [x, x]], "of type list, can't be read as real numbers"),
    ],
)
def test_hostile_functions_get_a_sentence(
    say: Callable, answer: Any, words: str
) -> None:
    assert words in say(DOUBLE, answer)


def test_result_that_exits_when_converted_gets_a_sentence(say: Callable) -> None:
    class Exits:
        def __array__(self, *args: Any, **named: Any) -> np.ndarray:
            sys.exit(1)

    assert "raises SystemExit" in say(DOUBLE, lambda x: Exits())


def endless(x: np.ndarray) -> np.ndarray:
    while True:
        try:
            while True:
                time.monotonic()
        except Exception:  # an alarm that is an Exception would be swallowed here
            pass


@pytest.mark.skipif(not hasattr(exercises.signal, "SIGALRM"), reason="no alarms here")
def test_endless_answer_is_stopped(
    say: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exercises, "SECONDS", 0.2)
    before = exercises.signal.getsignal(exercises.signal.SIGALRM)
    assert "no result after 0.2 seconds" in say(DOUBLE, endless)
    assert exercises.signal.getsignal(exercises.signal.SIGALRM) is before
    assert exercises.signal.getitimer(exercises.signal.ITIMER_REAL)[0] == 0


@pytest.mark.parametrize(
    ("number", "rounded"),
    [("2.6", 0.923), ("9.3", 2.12), ("17.2", 1.494)],
)
def test_the_digits_that_are_asked_for_are_all_needed(number, rounded, capsys) -> None:
    for last, right in ((0, True), (1, False), (-1, False)):
        digit = 10.0 ** -len(str(rounded).partition(".")[2])
        check(number, rounded + last * digit)
        assert ("correct" in capsys.readouterr().out) == right


@pytest.mark.skipif(not hasattr(exercises.signal, "SIGALRM"), reason="no alarms here")
def test_an_import_is_not_stopped_half_way(say, monkeypatch, tmp_path) -> None:
    slow = "import time\nwhile time.monotonic() < {}:\n    pass\nfactor = 2"
    (tmp_path / "slow_to_import.py").write_text(slow.format(time.monotonic() + 0.8))
    monkeypatch.syspath_prepend(tmp_path)

    def imports(x: np.ndarray) -> np.ndarray:
        from slow_to_import import factor

        return factor * x

    monkeypatch.setattr(exercises, "SECONDS", 0.2)
    assert "correct" in say(DOUBLE, imports)


@pytest.mark.skipif(not hasattr(exercises.signal, "SIGALRM"), reason="no alarms here")
def test_an_endless_answer_is_stopped_in_a_module_that_is_imported(
    say, monkeypatch, tmp_path
) -> None:
    (tmp_path / "asks.py").write_text("import builtins\nbuiltins.ask()")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(exercises, "SECONDS", 0.2)
    said = []
    monkeypatch.setattr(
        builtins, "ask", lambda: said.append(say(DOUBLE, endless)), raising=False
    )
    import_module("asks")
    assert "no result after 0.2 seconds" in said[0]


@pytest.mark.skipif(not hasattr(exercises.signal, "SIGALRM"), reason="no alarms here")
def test_answer_that_swallows_the_alarm_once_is_stopped_by_the_next(
    say: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stubborn(x: np.ndarray) -> np.ndarray:
        try:
            return endless(x)
        except BaseException:
            return endless(x)

    monkeypatch.setattr(exercises, "SECONDS", 0.2)
    assert "no result" in say(DOUBLE, stubborn)


def test_long_arguments_are_told_by_their_shape_or_number(say: Callable) -> None:
    for argument, words in [
        (np.zeros((5, 5)), "For x = an array of shape (5, 5): "),
        (np.zeros(24), "For x = [0., 0., 0.,"),
        ([np.zeros(8)] * 20, "For x = a list of 20: "),
    ]:
        long = Exercise(lambda x: 1.0, mistakes=[], cases=[(argument,)])
        assert words in say(long, lambda x: 2.0)


def test_a_list_is_asked_for_where_the_answer_is_one(say: Callable) -> None:
    two = Exercise([1.0, 2.0], mistakes=[])
    assert "A list of numbers is asked for; this is of type" in say(two, lambda: 1)
    assert "correct" in say(two, [1, 2])


def test_endless_answer_is_run_on_one_case_only(
    say: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def answer(x: np.ndarray) -> np.ndarray:
        calls.append(x)
        raise ValueError

    assert "raises ValueError." in say(DOUBLE, answer)
    assert len(calls) == 1


def test_answer_that_reuses_its_result_s_memory_is_right(say: Callable) -> None:
    memory = np.empty(6)

    def reuses(x: np.ndarray) -> np.ndarray:
        return np.multiply(x, 2, out=memory[: x.size].reshape(x.shape))

    assert "correct" in say(DOUBLE, reuses)


def test_tolerance_is_relative_to_the_largest_entry(say: Callable) -> None:
    small = Exercise(lambda: 1e-3, mistakes=[], cases=[()])
    assert "not right" in say(small, lambda: 1e-3 + 1e-7)
    large = Exercise(lambda: 1e3, mistakes=[], cases=[()])
    assert "correct" in say(large, lambda: 1e3 + 1e-4)


@pytest.mark.filterwarnings("error")
def test_overflow_in_an_answer_prints_no_warning(say: Callable) -> None:
    assert "not right" in say(DOUBLE, lambda x: np.exp(x + 1e4))


def test_error_that_cannot_be_shown_gets_a_sentence(say: Callable) -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    assert "raises Mute." in say(DOUBLE, raises_in_place_of(Mute()))


def test_answer_that_is_right_in_part_gets_the_wrong_entry(say: Callable) -> None:
    def last_row_single(x: np.ndarray) -> np.ndarray:
        result = 2 * x
        result[1:] = x[1:]
        return result

    assert "entry (1, 0) of the answer, 3., is not right." in say(
        DOUBLE, last_row_single
    )


def test_number_need_not_be_a_string(capsys: pytest.CaptureFixture) -> None:
    check(3.2, 0.5514)
    assert capsys.readouterr().out == "Exercise 3.2: correct.\n"


REAL = np.array([1.0])


@pytest.mark.parametrize(
    "wrong",
    [
        2 * REAL + 5j,
        np.complex128(2 + 5j),
        [np.complex128(2 + 5j)],
        np.array([np.complex128(2 + 5j)], dtype=object),
        2 + 5j,
        [2 + 5j],
    ],
)
@pytest.mark.filterwarnings("ignore")  # as a notebook does after the first time
def test_complex_answer_is_not_taken_for_its_real_part(
    say: Callable, wrong: Any
) -> None:
    exercise = Exercise(lambda x: np.reshape(2 * x, np.shape(wrong)), [], [(REAL,)])
    assert "can't be read as real numbers" in say(exercise, lambda x: wrong)
    value = Exercise(np.full(np.shape(wrong), 2.0), [])
    assert "can't be read as real numbers" in say(value, wrong)


def test_error_s_message_is_cut_to_one_line_that_can_be_printed(say: Callable) -> None:
    words = say(DOUBLE, raises_in_place_of(ValueError("no\n" * 10_000)))
    assert "raises ValueError: no no no" in words
    assert len(words) < 400
    assert "\n" not in words
    words = say(DOUBLE, raises_in_place_of(ValueError("\ud800 \x1b[2J \0")))
    assert words.endswith("raises ValueError: � �[2J �.")


@pytest.mark.skipif(not hasattr(exercises.signal, "SIGALRM"), reason="no alarms here")
def test_error_whose_message_never_ends_is_given_up(
    say: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Endless(Exception):
        def __str__(self) -> str:
            return endless(np.ones(1))

    monkeypatch.setattr(exercises, "SECONDS", 0.2)
    assert say(DOUBLE, raises_in_place_of(Endless())).endswith("raises Endless.")


class Nameless(type):
    @property
    def __name__(cls) -> str:
        return "\ud800" * 10_000


class Hostile(metaclass=Nameless):
    def __format__(self, style: str) -> str:
        raise RuntimeError

    def __str__(self) -> str:
        return "3.2"

    def __array__(self, *args: Any, **named: Any) -> np.ndarray:
        raise Unprintable


class Unprintable(Exception, metaclass=Nameless):
    def __call__(self) -> None:
        raise self


def test_type_without_a_name_gets_a_sentence(say: Callable) -> None:
    assert "this is of type Hostile." in say(DOUBLE, Hostile())
    assert "this is of type Unprintable." in say(NUMBER, Unprintable())
    assert "of type Hostile, can't be read" in say(NUMBER, Hostile())
    assert "raises Unprintable." in say(DOUBLE, raises_in_place_of(Unprintable()))


def test_the_number_in_the_message_is_that_of_the_exercise(
    capsys: pytest.CaptureFixture,
) -> None:
    check(Hostile(), 0.5514)
    check(" 3.2 ", 0.5514)
    assert capsys.readouterr().out == 2 * "Exercise 3.2: correct.\n"


@pytest.mark.parametrize("number", ["\ud800", "9" * 5000, "4.\n1", None, float("nan")])
def test_number_that_is_none_gets_a_sentence(
    number: Any, capsys: pytest.CaptureFixture
) -> None:
    check(number, 1)
    said = capsys.readouterr().out
    assert said.startswith("There is no exercise ")
    assert said.count("\n") == 1
    assert len(said) < 400


@pytest.mark.parametrize("number", ["3.2", "3.99"])
def test_closed_stdout_is_no_error(
    number: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stdout", closed)
    check(number, 0.5514)


def test_letter_that_stdout_lacks_is_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    stdout = io.TextIOWrapper(raw, encoding="ascii", write_through=True)
    monkeypatch.setattr(sys, "stdout", stdout)
    check("3.2", "é")
    assert rb"could not convert string to float: '\xe9'." in raw.getvalue()


def test_the_reader_s_print_options_and_error_settings_do_no_harm(
    say: Callable,
) -> None:
    with (
        np.printoptions(formatter={"float": lambda x: 1 / 0}),
        np.errstate(all="raise"),
    ):
        assert "the answer [3.] is not right." in say(DOUBLE, lambda x: 3 * x)
        assert "inf" in say(DOUBLE, lambda x: x * np.inf)
        assert "not right" in say(NUMBER, -1e308)

    def sets(x: np.ndarray) -> float:
        np.seterr(all="raise")
        return -1.7e308

    huge = Exercise(lambda x: 1.7e308, mistakes=[], cases=DOUBLE.cases)
    assert "-1.7e+308 is not right" in say(huge, sets)


@pytest.mark.skipif(not hasattr(exercises.signal, "SIGALRM"), reason="no alarms here")
def test_an_alarm_that_was_set_before_is_set_again(say: Callable) -> None:
    timer = exercises.signal.ITIMER_REAL
    exercises.signal.setitimer(timer, 1000)
    try:
        assert "correct" in say(DOUBLE, double)
        assert exercises.signal.getitimer(timer)[0] > 900
    finally:
        exercises.signal.setitimer(timer, 0)


def put_in(x: list, part: Any) -> list:
    x[0] = part
    return x


@pytest.mark.parametrize(
    "change",
    [
        lambda x: x.append(1.0),
        lambda x: x.pop(),
        lambda x: x.reverse(),
        lambda x: put_in(x, 5.0),
        lambda x: put_in(x, [1.0]),
        lambda x: x[2].append(4.0),
        lambda x: put_in(x[2], 5.0),
        lambda x: x.insert(2, x.pop()[0]),
        lambda x: put_in(x, np.ones(1)),
        lambda x: x.clear(),
    ],
)
def test_answer_that_changes_a_list_is_told_so(say: Callable, change: Callable) -> None:
    first = Exercise(lambda x: 1.0, [], [([1.0, 2.0, [3.0]],)])
    assert "correct" in say(first, lambda x: 1.0)
    assert "changes its argument in place" in say(first, lambda x: [change(x), 1.0][1])


def test_answer_that_changes_its_argument_is_told_so(say: Callable) -> None:
    def in_place(x: np.ndarray) -> np.ndarray:
        x *= 2
        return x

    assert "changes its argument" in say(DOUBLE, in_place)
    assert "correct" in say(DOUBLE, double)  # and the cases are as they were


def test_arguments_in_lists_are_shown_and_watched(say: Callable) -> None:
    case = ([(np.ones((2, 3)), np.zeros(3)), (np.ones((3, 1)), np.zeros(1))],)
    first = Exercise(lambda pairs: pairs[0][0], [], [case])

    def in_place(pairs: list) -> np.ndarray:
        pairs[0][0][...] += 1
        return pairs[0][0] - 1

    assert "changes its argument" in say(first, in_place)
    assert "correct" in say(first, lambda pairs: pairs[0][0])
    assert "not yet. For pairs =" in say(first, lambda pairs: pairs[1][0])
    words = (
        "For pairs = [[[[1., 1., 1.], [1., 1., 1.]], [0., 0., 0.]], [[[1.], [1.], [1.]]"
    )
    assert words in say(first, lambda pairs: pairs[1][0])


def test_check_works_outside_the_main_thread(capsys: pytest.CaptureFixture) -> None:
    thread = threading.Thread(target=check, args=("3.2", 0.5514))
    thread.start()
    thread.join()
    assert "correct" in capsys.readouterr().out


@pytest.mark.parametrize("number", ["3.99", "99.1", "nonsense", ""])
def test_unknown_exercise_gets_a_sentence(
    number: str, capsys: pytest.CaptureFixture
) -> None:
    check(number, 1)
    said = capsys.readouterr().out
    assert said.startswith(f"There is no exercise {number} to check")
    assert ("there is 3.1, 3.2" in said) == number.startswith("3")


ALL = [
    pytest.param(number, id=number)
    for path in CHAPTERS
    for number in re.findall(r'check\("([\d.]+)"', "\n".join(sources(path)))
]


@chapters
def test_a_chapter_names_the_arguments_as_the_messages_do(path: Path) -> None:
    for source in sources(path):
        asked = re.findall(r'check\("([\d.]+)", (\w+)\)', source)
        for number, name in asked:
            reference = find(number).reference
            if callable(reference):
                names = ", ".join(signature(reference).parameters)
                assert f"def {name}({names}):" in source


@pytest.mark.parametrize("number", ALL)
def test_reference_passes(number: str, say: Callable) -> None:
    exercise = find(number)
    assert "correct" in say(exercise, exercise.reference)


@pytest.mark.parametrize("number", ALL)
def test_each_listed_mistake_gets_its_own_hint(number: str, say: Callable) -> None:
    exercise = find(number)
    assert len(exercise.mistakes) >= 2
    for mistake, hint in exercise.mistakes:
        assert say(exercise, mistake).endswith(f"Hint: {hint}")


def folded_answers(path: Path) -> dict[str, str]:
    """The code in the folded answers of a chapter, by exercise that isn't open."""
    cells = nbformat.read(path, as_version=4).cells
    text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    parts = re.split(r"^### Exercise (\d+\.\d+)(?![.\d]| \(open\))", text, flags=re.M)[
        1:
    ]
    found = {}
    for number, part in zip(parts[::2], parts[1::2], strict=True):
        answer = part.split("<summary>Answer</summary>")[1].split("</details>")[0]
        found[number] = re.search(r"```python\n(.*?)```", answer, re.S).group(1)
    return found


def above(path: Path, answers: str) -> list[CodeType]:
    """The lines of a chapter, down to its first data set, that answers build on.

    All others, what trains among them, take long and change no answer.
    """
    wanted = names_in(compile(answers, path, "exec"), LOADS)
    cells = sources(path)
    loads = (at for at, source in enumerate(cells) if "data.load(" in source)
    lines, kept = "\n".join(cells[: next(loads, len(cells))]), []
    for line in reversed(ast.parse(lines).body):
        code = compile(ast.Module([line], []), path, "exec")
        if wanted & names_in(code, STORES):
            wanted |= names_in(code, LOADS)
            kept.insert(0, code)
    return kept


LOADS, STORES = {"LOAD_NAME", "LOAD_GLOBAL"}, {"STORE_NAME", "STORE_GLOBAL"}


def names_in(code: CodeType, steps: set[str]) -> set[str]:
    """The notebook's names that code, or a function in it, loads or stores."""
    found = {step.argval for step in dis.get_instructions(code) if step.opname in steps}
    inner = (each for each in code.co_consts if isinstance(each, CodeType))
    return found.union(*(names_in(each, steps) for each in inner))


@chapters
def test_folded_answers_are_correct(path: Path, say: Callable) -> None:
    answers = folded_answers(path)
    asked = re.findall(r'check\("([\d.]+)", (\w+)\)', "\n".join(sources(path)))
    assert sorted(answers) == sorted(number for number, _ in asked)
    names: dict[str, Any] = {}
    with beside(path):
        for line in above(path, "\n".join(answers.values())):
            exec(line, names)
        for number, name in asked:
            exec(answers[number], names)
            assert "correct" in say(find(number), names[name])


def test_16_3_takes_the_factor_to_three_digits_as_its_answer_has_it(
    capsys: pytest.CaptureFixture,
) -> None:
    for factor, verdict in ((0.289, "correct"), (0.29, "three digits"), (0.28, "not")):
        check("16.3", [factor, 6])
        assert verdict in capsys.readouterr().out
