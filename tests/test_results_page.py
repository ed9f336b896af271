"""The page has every question; its numbers and dots are those of the cards."""

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml

from helpers import results
from tools.results_page import (
    HEIGHT,
    MARGIN,
    WIDTH,
    named,
    results_page,
    state,
    strip,
)

ROOT = Path(__file__).parent.parent
HOMEWORKS = yaml.safe_load((ROOT / "solutions/questions.yml").read_text("utf-8"))
ALL = [(c, q) for c, homework in HOMEWORKS.items() for q in homework["questions"]]
CARDS = sorted(ROOT.glob("solutions/*/cards/*.json"))
WORDS = ("at_least", "at_most", "above", "below")
CARD = {
    "metric": "test accuracy",
    "unit": "%",
    "command": "python a.py | tee log",
    "seeds": [
        {"seed": 0, "value": 0.8, "seconds": 1000},
        {"seed": 1, "value": 0.9, "seconds": 1400},
    ],
    "mean": 0.85,
    "spread": 0.0707,
    "processor": "A_B",
    "threads": 1,
}
QUESTION = {
    "key": "q",
    "question": "Train it",
    "bar": {"at_least": 0.75},
    "known": {"text": "95 %", "value": 0.95, "source": "https://example.org"},
    "card": "q.json",
}


def page(question, **cards):
    homeworks = {"course": {"title": "A homework", "questions": [question]}}
    return results_page(
        homeworks,
        {f"{name}.json": card for name, card in cards.items()},
        {"net.pt": 1_969_505},
    )


def row(text):
    """The cells of the first row of the first table."""
    return [
        cell.strip() for cell in re.findall(r"^\|.*", text, re.M)[2].split("|")[1:-1]
    ]


def shapes(svg, name):
    return [shape.attrib for shape in ElementTree.fromstring(svg).iter(name)]


def test_a_question_without_its_card_is_missing():
    text = page(QUESTION)
    assert "Questions: 1. Measured: 0. Answered in the book: 0.\nMissing: 1." in text
    cells = ["Train it", "at least 75\N{NO-BREAK SPACE}%"]
    chip = '<span class="chip missing">missing</span>'
    cells += ["95\N{NO-BREAK SPACE}% ([source](https://example.org))", chip]
    assert row(text) == cells
    assert "svg" not in text


def test_a_question_without_anything_is_missing_too():
    assert row(page({"question": "Prove it"})) == [
        *("Prove it", "–", "–"),
        '<span class="chip missing">missing</span>',
    ]


def test_an_answer_in_a_chapter_is_linked():
    text = page({"question": "Prove it", "answer": "chapters/01.ipynb#eq-1-1"})
    link = "[answered](../chapters/01.ipynb#eq-1-1)"
    assert row(text)[3] == f'<span class="chip answered">{link}</span>'
    assert 'value="1" aria-label="1 of 1 questions"></progress>' in text
    assert "Answered in the book: 1.\nMissing: 0." in text


def test_a_card_gives_mean_spread_seeds_time_and_command():
    text = page(QUESTION, q=CARD)
    cells = row(text)
    chip = '<span class="chip met">meets the bar</span>'
    assert cells[3].startswith(f"**85\N{NO-BREAK SPACE}%** {chip}<br><svg")
    seeds = r"2 seeds of 1,200 s on A\_B, 1 thread"
    assert cells[3].endswith(f"<br>standard deviation 7.1 points, {seeds}")
    assert "bar: 75\N{NO-BREAK SPACE}%; best known: 95\N{NO-BREAK SPACE}%" in cells[3]
    assert "again: test accuracy.\n\n```sh\npython a.py | tee log\n```\n" in text
    assert "Measured: 1. Answered in the book: 0.\nMissing: 0." in text


def test_a_question_of_a_size_has_that_of_its_file():
    question = {"question": "Size", "bar": {"below": 2}, "unit": "MB"}
    question |= {"answer": "a.ipynb#eq-1-1", "file": "net.pt"}
    _, bar, _, ours = row(page(question))
    assert bar == "below 2\N{NO-BREAK SPACE}MB"
    assert ours.startswith("**1.9695\N{NO-BREAK SPACE}MB** <span")


def test_one_seed_is_said_to_be_one():
    one = CARD | {"seeds": CARD["seeds"][:1], "mean": 0.8, "spread": None}
    said = r"</svg><br>1 seed of 1,000 s on A\_B, 1 thread"
    assert row(page(QUESTION, q=one))[3].endswith(said)


def test_a_command_that_measures_two_results_stands_once():
    questions = [QUESTION, QUESTION | {"key": "p", "card": "p.json"}]
    homeworks = {"course": {"title": "A homework", "questions": questions}}
    other = CARD | {"metric": "other accuracy"}
    text = results_page(homeworks, {"q.json": CARD, "p.json": other}, {})
    assert text.count("python a.py") == 1
    assert "This measures again: test accuracy; other accuracy." in text


@pytest.mark.parametrize(
    ("mean", "bar", "state_of_it"),
    [
        (0.96, {"at_least": 0.75}, "beaten"),
        (0.9, {"at_least": 0.75}, "met"),
        (0.7, {"at_least": 0.75}, "short"),
        (0.04, {"below": 0.05}, "beaten"),
        (0.06, {"at_most": 0.05}, "short"),
        (0.9, None, "measured"),
        (0.9, "two pages", "measured"),
    ],
)
def test_a_number_beats_the_best_known_meets_its_bar_or_is_short_of_it(
    mean, bar, state_of_it
):
    question = QUESTION | {"bar": bar}
    assert state(question, CARD | {"mean": mean}) == state_of_it


def test_the_strips_of_a_table_have_one_axis():
    low = CARD | {"seeds": [{"seed": 0, "value": 0.5, "seconds": 1}], "mean": 0.5}
    questions = [QUESTION, QUESTION | {"key": "p", "card": "p.json"}]
    homeworks = {"course": {"title": "A homework", "questions": questions}}
    text = results_page(homeworks, {"q.json": CARD, "p.json": low}, {})
    bars = re.findall(r'd="M([\d.]+) 0V32" stroke-dasharray="3 3"', text)
    assert len(bars) == 2 and len(set(bars)) == 1


def test_dots_and_lines_stand_at_their_values():
    svg = strip(CARD, bar=0.75, known=0.95)
    inner = WIDTH - 2 * MARGIN
    at = [float(dot["cx"]) for dot in shapes(svg, "circle")]
    assert at == pytest.approx([MARGIN + inner / 4, MARGIN + 3 * inner / 4], abs=0.06)
    bar, known = shapes(svg, "path")
    assert bar["d"] == f"M{MARGIN:.1f} 0V{HEIGHT}"
    assert bar["stroke-dasharray"] != "none"
    assert known["d"] == f"M{WIDTH - MARGIN:.1f} 0V{HEIGHT}"
    assert known["stroke-dasharray"] == "none"


def test_the_dots_of_equal_seeds_are_all_seen():
    seeds = [{"seed": seed, "value": 1.0, "seconds": 1} for seed in range(3)]
    dots = shapes(strip(CARD | {"seeds": seeds}, None, None), "circle")
    assert {float(dot["cx"]) for dot in dots} == {WIDTH / 2}
    heights = sorted(float(dot["cy"]) for dot in dots)
    assert len(set(heights)) == 3
    assert heights[0] > 0 and heights[-1] < HEIGHT


def test_a_strip_says_its_numbers_and_takes_its_color_from_the_text():
    svg = strip(CARD, bar=0.75, known=None)
    root = ElementTree.fromstring(svg)
    label = root.attrib["aria-label"].replace("\N{NO-BREAK SPACE}", " ")
    assert root.attrib["role"] == "img"
    assert label == "seeds: 80 %, 90 %; bar: 75 %"
    assert set(re.findall(r'(?:fill|stroke)="(.*?)"', svg)) == {"currentColor"}
    assert len(shapes(svg, "path")) == 1
    ends = [text.text for text in ElementTree.fromstring(svg).iter("text")]
    assert ends == ["75\N{NO-BREAK SPACE}%", "90\N{NO-BREAK SPACE}%"]


def test_every_question_of_the_homeworks_is_on_the_page():
    text = results_page(HOMEWORKS, {}, dict.fromkeys(named(HOMEWORKS, "file"), 0))
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    for course, question in ALL:
        assert any(f"| {question['question']} |" in line for line in rows), course
    assert len(rows) == len(ALL) + 2 * len(HOMEWORKS)
    assert f"Questions: {len(ALL)}." in text


def test_a_key_names_one_question():
    keys = [(course, question["key"]) for course, question in ALL]
    assert len(set(keys)) == len(keys)
    paths = named(HOMEWORKS, "card")
    assert len(set(paths)) == len(paths)


@pytest.mark.parametrize("course, question", ALL, ids=lambda part: str(part)[:24])
def test_a_question_has_what_the_page_reads_and_nothing_else(course, question):
    fields = {"key", "question", "bar", "unit", "known", "card", "answer", "file"}
    assert {"key", "question"} <= set(question) <= fields
    assert not {"card", "answer"} <= set(question)
    assert set(question.get("known", {})) <= {"text", "value", "source"}
    bar = question.get("bar", "")
    if not isinstance(bar, str):
        [(word, number)] = bar.items()
        assert word in WORDS and isinstance(number, int | float)
    if "answer" in question:
        assert (ROOT / question["answer"].partition("#")[0]).is_file()
    if "file" in question:
        size = (ROOT / question["file"]).stat().st_size / 1e6
        assert question["unit"] == "MB" and size < bar["below"]
    if "card" in question:
        assert question["card"].startswith(f"solutions/{course}/cards/")


@pytest.mark.parametrize("path", CARDS, ids=lambda path: path.stem)
def test_a_card_is_valid_and_answers_a_question_in_its_unit(path):
    card, course = results.read(path), path.parent.parent.name
    keys = {question["key"]: question for c, question in ALL if c == course}
    assert card["document"] == course
    question = keys[card["question"]]
    assert card["unit"] == question.get("unit", "%")


@pytest.mark.parametrize("path", named(HOMEWORKS, "card"))
def test_a_card_that_is_shown_is_that_of_its_question(path):
    if (ROOT / path).is_file():
        [(course, key)] = [(c, q["key"]) for c, q in ALL if q.get("card") == path]
        card = results.read(ROOT / path)
        assert (card["document"], card["question"]) == (course, key)
