"""The results page: every question of the homeworks, its bar, the best known, ours."""

from collections.abc import Mapping
from html import escape
from statistics import fmean
from typing import Any

from helpers import results
from tools.markdown import plain, table

HEAD = ("Question", "Bar", "Best known", "Ours")
WIDTH, HEIGHT, MARGIN = 180, 32, 6  # of a strip, in pixels, without the axis's numbers
DASHES = {"bar": "3 3", "best known": "none"}
TEXT = """\
# Results

Every question of the homeworks, with the bar that its document sets, the best public
result known to us, and ours.

Questions: {questions}. Measured: {measured}. Answered in the book: {answered}.
Missing: {missing}.

<details><summary>How to read the numbers</summary>

Ours is the mean over seeds, each a training run of its own, with the standard
deviation. In the strip under it each dot is a seed, the dashed line is the bar, and the
solid line is the best known result; a table's strips have one axis. A question that a
chapter answers has a link; what has no answer yet is **missing**, and a dash says that
there is nothing to meet or to compare with. The commands below a table, run from the
root of the repository with the Python of `.venv`, measure again and write the files
from which this page takes its numbers. Seconds are by the clock, most of them on a busy
machine: alone, a run may take a seventh of them.

</details>
"""

CHIPS = {  # what a state is called, and the kind of its chip
    "beaten": "beats the best known",
    "met": "meets the bar",
    "short": "short of the bar",
    "measured": "measured",
    "answered": "answered",
    "missing": "missing",
}

Question = Mapping[str, Any]
Card = Mapping[str, Any]


def results_page(
    homeworks: Mapping[str, Any], cards: Mapping[str, Card], sizes: Mapping[str, int]
) -> str:
    """The results page.

    homeworks: the content of `solutions/questions.yml`.
    cards: what `results.read` returns, by path, for the cards that are there.
    sizes: in bytes, by path, of the files whose size is asked.
    """
    questions = [q for homework in homeworks.values() for q in homework["questions"]]
    answered = sum("answer" in question for question in questions)
    head = TEXT.format(
        questions=len(questions),
        measured=len(cards),
        answered=answered,
        missing=len(questions) - len(cards) - answered,
    )
    return head + "".join(_section(part, cards, sizes) for part in homeworks.values())


def state(question: Question, card: Card | None) -> str:
    """How far we are with a question: a key of `CHIPS`."""
    if card is None:
        return "answered" if "answer" in question else "missing"
    bar, known = question.get("bar"), question.get("known", {}).get("value")
    words, limit = next(iter(bar.items())) if isinstance(bar, Mapping) else ("", None)
    sign = -1 if words in ("at_most", "below") else 1
    mean = card["mean"]
    if limit is not None and sign * (mean - limit) < 0:
        return "short"
    if known is not None and sign * (mean - known) > 0:
        return "beaten"
    return "measured" if limit is None else "met"


def named(homeworks: Mapping[str, Any], key: str) -> list[str]:
    """The paths that the questions name as "card" or "file", from the book's root."""
    questions = [q for homework in homeworks.values() for q in homework["questions"]]
    return [question[key] for question in questions if key in question]


def strip(
    card: Card,
    bar: float | None,
    known: float | None,
    axis: tuple[float, float] | None = None,
) -> str:
    """A plot in inline SVG: a dot a seed, the bar dashed, the best known solid.

    axis: what its two ends are; else the lowest and the highest of these numbers.
    """
    values, unit = results.values(card), card["unit"]
    marks = {"bar": bar, "best known": known}
    marks = {name: value for name, value in marks.items() if value is not None}
    shown = [*values, *marks.values()]
    low, high = axis or (min(shown), max(shown))

    def x(value: float) -> float:
        share = (value - low) / (high - low) if high > low else 0.5
        return round(MARGIN + share * (WIDTH - 2 * MARGIN), 1)

    words = [f"seeds: {', '.join(show(value, unit) for value in values)}"]
    words += [f"{name}: {show(value, unit)}" for name, value in marks.items()]
    shapes = [
        f'<path d="M{x(value)} 0V{HEIGHT}" stroke-dasharray="{DASHES[name]}"/>'
        for name, value in marks.items()
    ]
    for count, value in enumerate(values, start=1):
        y = round(HEIGHT * count / (len(values) + 1), 1)  # apart, so that all are seen
        shapes.append(f'<circle cx="{x(value)}" cy="{y}" r="3" fill="currentColor"/>')
    shapes.append(f'<line x1="0" y1="{HEIGHT}" x2="{WIDTH}" y2="{HEIGHT}"/>')
    if high > low:
        for at, side, value in ((0, "start", low), (WIDTH, "end", high)):
            place = f'x="{at}" y="{HEIGHT + 12}" text-anchor="{side}"'
            shapes.append(f"<text {place}>{show(value, unit)}</text>")
    return (
        f'<svg class="strip" role="img" aria-label="{escape("; ".join(words))}" '
        f'width="{WIDTH}" height="{HEIGHT + 15}" stroke="currentColor">'
        f"{''.join(shapes)}</svg>"
    )


def _section(
    homework: Mapping[str, Any], cards: Mapping[str, Card], sizes: Mapping[str, int]
) -> str:
    questions = homework["questions"]
    measured = [cards.get(question.get("card")) for question in questions]
    axes: dict[str, list[float]] = {}
    for question, card in zip(questions, measured, strict=True):
        if card:
            marks = [*_marks(question), *results.values(card)]
            axes.setdefault(card["unit"], []).extend(m for m in marks if m is not None)
    rows = [
        _row(question, card, axes, sizes)
        for question, card in zip(questions, measured, strict=True)
    ]
    columns = [column for column in zip(HEAD, *rows, strict=True) if any(column[1:])]
    head, *rows = zip(*columns, strict=True)
    done = sum(map(_done, questions, measured))
    section = f"\n## {homework['title']}\n\n{progress(done, len(questions))}\n"
    section += table(head, rows)
    commands: dict[str, dict[str, None]] = {}  # metrics in order, each once
    for card in filter(None, measured):
        commands.setdefault(card["command"], {})[plain(card["metric"])] = None
    for command, metrics in commands.items():
        section += f"\nThis measures again: {'; '.join(metrics)}.\n"
        section += f"\n```sh\n{command}\n```\n"
    return section


def progress(done: int, of: int) -> str:
    """How many questions have an answer, as a bar and in words."""
    words = f"{done} of {of} questions"
    bar = f'<progress max="{of}" value="{done}" aria-label="{words}"></progress>'
    line = f"{bar} <span>{words} answered</span>"
    return f'<span class="progress-line">{line}</span>'


def _done(question: Question, card: Card | None) -> bool:
    return state(question, card) not in ("missing", "short")


def _marks(question: Question) -> tuple[float | None, float | None]:
    """The bar and the best known result, where they are numbers."""
    bar = question.get("bar")
    number = next(iter(bar.values())) if isinstance(bar, Mapping) else None
    return number, question.get("known", {}).get("value")


def _row(
    question: Question,
    card: Card | None,
    axes: Mapping[str, list[float]],
    sizes: Mapping[str, int],
) -> tuple[str, ...]:
    kind = state(question, card)
    words = CHIPS[kind]
    if "answer" in question:
        words = f"[{words}](../{question['answer']})"
    ours = f'<span class="chip {kind}">{words}</span>'
    if "file" in question:
        ours = f"**{show(sizes[question['file']] / 1e6, 'MB')}** {ours}"
    if card:
        axis = min(axes[card["unit"]]), max(axes[card["unit"]])
        drawn = strip(card, *_marks(question), axis)
        ours = f"**{show(card['mean'], card['unit'])}** {ours}<br>{drawn}"
        ours += f"<br>{_measured(card)}"
    demanded = _bar(question.get("bar"), question.get("unit", "%"))
    return (
        question["question"],
        demanded,
        _known(question.get("known", {})),
        ours,
    )


def _bar(bar: Mapping[str, float] | str | None, unit: str) -> str:
    if not isinstance(bar, Mapping):
        return bar or "–"
    [(words, number)] = bar.items()
    return f"{words.replace('_', ' ')} {show(number, unit)}"


def _known(known: Mapping[str, Any]) -> str:
    text = known.get("text", "–").replace(" %", "\N{NO-BREAK SPACE}%")
    return f"{text} ([source]({known['source']}))" if "source" in known else text


def _measured(card: Card) -> str:
    count = len(card["seeds"])
    seeds = f"{count} seed{'s' * (count > 1)} of {_seconds(card)}"
    if card["spread"] is None:
        return seeds
    spread = card["spread"] * (100 if card["unit"] == "%" else 1)
    unit = " points" if card["unit"] == "%" else ""
    return f"standard deviation {spread:.2g}{unit}, {seeds}"


def _seconds(card: Card) -> str:
    mean, threads = fmean(seed["seconds"] for seed in card["seeds"]), card["threads"]
    words = (
        f"{mean:,.0f} s on {card['processor']}, {threads} thread{'s' * (threads > 1)}"
    )
    return plain(words)


def show(value: float, unit: str) -> str:
    """A number with its unit; fractions of 1 as percentages."""
    if unit == "%":
        return f"{100 * value:.4g}\N{NO-BREAK SPACE}%"
    return f"{value:.5g}\N{NO-BREAK SPACE}{unit}"
