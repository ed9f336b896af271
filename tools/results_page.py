"""The results page: every question of the homeworks, its bar, the best known, ours."""

from collections.abc import Mapping
from html import escape
from statistics import fmean
from typing import Any

from helpers import results
from tools.markdown import plain, table

HEAD = ("Question", "Bar", "Best known", "Ours", "Seconds a seed")
WIDTH, HEIGHT, MARGIN = 160, 32, 6  # of a strip, in pixels
DASHES = {"bar": "3 3", "best known": "none"}
TEXT = """\
# Results

Every question of the homeworks, with the bar that its document sets, the best public
result known to us, and ours. Ours is the mean over seeds, each a training run of its
own, with the standard deviation. In the strip under it each dot is a seed, the dashed
line is the bar, and the solid line is the best known result. A question that a chapter
answers has a link in the place of a number; what has no answer yet is **missing**, and
a dash says that there is nothing to meet or to compare with. The commands below a
table, run from the root of the repository, measure again and write the files from which
this page takes its numbers.

Questions: {questions}. Measured: {measured}. Answered in the book: {answered}.
Missing: {missing}.
"""

Question = Mapping[str, Any]
Card = Mapping[str, Any]


def results_page(homeworks: Mapping[str, Any], cards: Mapping[str, Card]) -> str:
    """The results page.

    homeworks: the content of `solutions/questions.yml`.
    cards: what `results.read` returns, by path, for the cards that are there.
    """
    questions = [q for homework in homeworks.values() for q in homework["questions"]]
    answered = sum("answer" in question for question in questions)
    head = TEXT.format(
        questions=len(questions),
        measured=len(cards),
        answered=answered,
        missing=len(questions) - len(cards) - answered,
    )
    return head + "".join(_section(part, cards) for part in homeworks.values())


def card_paths(homeworks: Mapping[str, Any]) -> list[str]:
    """The paths of the cards that the questions name, from the book's root."""
    questions = [q for homework in homeworks.values() for q in homework["questions"]]
    return [question["card"] for question in questions if "card" in question]


def strip(card: Card, bar: float | None, known: float | None) -> str:
    """A plot in inline SVG: a dot a seed, the bar dashed, the best known solid."""
    values, unit = results.values(card), card["unit"]
    marks = {"bar": bar, "best known": known}
    marks = {name: value for name, value in marks.items() if value is not None}
    low, high = min([*values, *marks.values()]), max([*values, *marks.values()])

    def x(value: float) -> float:
        share = (value - low) / (high - low) if high > low else 0.5
        return round(MARGIN + share * (WIDTH - 2 * MARGIN), 1)

    words = [f"seeds: {', '.join(_show(value, unit) for value in values)}"]
    words += [f"{name}: {_show(value, unit)}" for name, value in marks.items()]
    shapes = [
        f'<path d="M{x(value)} 0V{HEIGHT}" stroke-dasharray="{DASHES[name]}"/>'
        for name, value in marks.items()
    ]
    for count, value in enumerate(values, start=1):
        y = round(HEIGHT * count / (len(values) + 1), 1)  # apart, so that all are seen
        shapes.append(f'<circle cx="{x(value)}" cy="{y}" r="2" fill="currentColor"/>')
    return (
        f'<svg role="img" aria-label="{escape("; ".join(words))}" width="{WIDTH}" '
        f'height="{HEIGHT}" stroke="currentColor">{"".join(shapes)}</svg>'
    )


def _section(homework: Mapping[str, Any], cards: Mapping[str, Card]) -> str:
    measured = [cards.get(question.get("card")) for question in homework["questions"]]
    rows = list(map(_row, homework["questions"], measured))
    columns = [column for column in zip(HEAD, *rows, strict=True) if any(column[1:])]
    head, *rows = zip(*columns, strict=True)
    section = f"\n## {homework['title']}\n{table(head, rows)}"
    for card in filter(None, measured):
        section += f"\nTo measure the {plain(card['metric'])} again:\n"
        section += f"\n```sh\n{card['command']}\n```\n"
    return section


def _row(question: Question, card: Card | None) -> tuple[str, ...]:
    bar, known = question.get("bar"), question.get("known", {})
    ours, seconds = "**missing**", ""
    if "answer" in question:
        ours = f"[answered](../{question['answer']})"
    elif card:
        number = next(iter(bar.values())) if isinstance(bar, Mapping) else None
        ours = f"{_measured(card)}<br>{strip(card, number, known.get('value'))}"
        seconds = _seconds(card)
    demanded = _bar(bar, question.get("unit", "%"))
    return question["question"], demanded, _known(known), ours, seconds


def _bar(bar: Mapping[str, float] | str | None, unit: str) -> str:
    if not isinstance(bar, Mapping):
        return bar or "–"
    [(words, number)] = bar.items()
    return f"{words.replace('_', ' ')} {_show(number, unit)}"


def _known(known: Mapping[str, Any]) -> str:
    text = known.get("text", "–").replace(" %", "\N{NO-BREAK SPACE}%")
    return f"{text} ([source]({known['source']}))" if "source" in known else text


def _measured(card: Card) -> str:
    mean, seeds = _show(card["mean"], card["unit"]), len(card["seeds"])
    if card["spread"] is None:
        return f"{mean}, 1 seed"
    spread = card["spread"] * (100 if card["unit"] == "%" else 1)
    unit = " points" if card["unit"] == "%" else ""
    return f"{mean}, standard deviation {spread:.2g}{unit}, {seeds} seeds"


def _seconds(card: Card) -> str:
    mean, threads = fmean(seed["seconds"] for seed in card["seeds"]), card["threads"]
    words = f"{mean:,.0f} on {card['processor']}, {threads} thread{'s' * (threads > 1)}"
    return plain(words)


def _show(value: float, unit: str) -> str:
    if unit == "%":
        return f"{100 * value:.4g}\N{NO-BREAK SPACE}%"
    return f"{value:.5g}\N{NO-BREAK SPACE}{unit}"
