"""A small book that keeps the rules between its files passes; each slip is named."""

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
from nbformat import v4

from helpers.claims import Row, one_line
from tools import gate
from tools.digest import ROOT
from tools.reading import Page, read_book

CHAPTER, SOLUTION = "chapters/04-a.ipynb", "solutions/course/solution.ipynb"
OPENING = """\
# Why?

$$a := b \\tag{4.1}$$

See (4.1), [notation](../pages/notation.md#a), [the site](https://example.org),
[up](#why) and the [ledger](../pages/ledger.md).
"""
FILES = {
    "README.md": f"""\
# A book

| homework | chapters | solution | result |
| --- | --- | --- | --- |
| one | [04]({CHAPTER}) | [here](solutions/course/README.md) | |
""",
    "intro.md": f"After [chapter 4]({CHAPTER}) (5) and [a hand-in]({SOLUTION}).\n",
    "CONTRIBUTING.md": "# How\n",
    "_toc.yml": """\
root: intro
parts:
  - chapters:
      - file: chapters/04-a
      - file: solutions/course/solution
      - file: pages/ledger
""",
    "pages/notation.md": "# Notation\n\n(4.1) is a definition.\n",
    "solutions/course/README.md": "# The hand-in\n",
    "solutions/questions.yml": "course:\n  questions:\n    - key: q1\n",
    "src/helpers/nn.py": "# (4.1)\nx = f(2.5), f[0](2.5)\n",
    CHAPTER: "",
    SOLUTION: "",
}


def claimed(what, *numbers, words="at least", limit=0.0, unit="%", **cause):
    """A cell with what `claim` stores."""
    row = Row(what, words, limit, list(numbers), unit, **cause)
    metadata = {"book": {"verb": "claim", **row.record()}}
    data = {"text/plain": one_line(row)}
    output = v4.new_output("display_data", data, metadata=metadata)
    return v4.new_code_cell("claim(what, numbers)", outputs=[output])


def notebook(*cells):
    cells = [v4.new_markdown_cell(x) if isinstance(x, str) else x for x in cells]
    return v4.new_notebook(cells=cells, metadata={"book": {"seconds": 3}})


@dataclass
class Draft:
    """A book that a test changes; `problems` are the gate's sentences."""

    root: Path
    notebooks: dict

    def problems(self):
        pages = {
            name: Page(self.root / name, notebook)
            for name, notebook in self.notebooks.items()
        }
        return list(gate.problems_between(read_book(self.root, pages)))

    def replace(self, name, old, new):
        file = self.root / name
        assert old in file.read_text()
        file.write_text(file.read_text().replace(old, new))

    def say(self, text, name=CHAPTER):
        self.notebooks[name].cells.append(v4.new_markdown_cell(text))


@pytest.fixture
def book(tmp_path):
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "tests").mkdir()
    shutil.copy(ROOT / "tests/sanitize.cfg", tmp_path / "tests")
    accuracy = claimed("MNIST test accuracy", 0.983, 0.981, limit=0.98)
    training = claimed("MNIST training accuracy", 0.9992)
    best = claimed("MNIST test accuracy", 0.9931)
    return Draft(
        tmp_path,
        {
            CHAPTER: notebook(OPENING, accuracy, training),
            SOLUTION: notebook("# Answers", best),
        },
    )


def test_a_book_that_keeps_all_rules_passes(book):
    assert book.problems() == []


def test_a_handed_in_notebook_is_listed_nowhere_and_its_seconds_count(book):
    task = notebook("# Task")
    book.notebooks["solutions/course/part1/task.ipynb"] = task
    assert book.problems() == []
    task.metadata.book.seconds = 840
    assert [said for _, said in book.problems()] == [
        "846 s for all notebooks; at most 840"
    ]


# --- the files ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "link", "sentence"),
    [
        ("_toc.yml", "      - file: chapters/04-a\n", "not in _toc.yml"),
        (
            "README.md",
            f"[04]({CHAPTER})",
            "no link to it in the table of README.md",
        ),
        (
            "intro.md",
            f"({CHAPTER})",
            "no link to it in the text of intro.md",
        ),
    ],
)
def test_a_chapter_that_a_list_leaves_out_is_named(book, name, link, sentence):
    book.replace(name, link, "")
    assert (CHAPTER, sentence) in book.problems()


def test_a_chapter_outside_of_the_readmes_table_is_named(book):
    book.replace("README.md", f"[04]({CHAPTER})", "04")
    book.replace("README.md", "# A book", f"# A book\n\n[04]({CHAPTER})")
    [(name, _)] = book.problems()
    assert name == CHAPTER


def test_a_solution_is_listed_by_its_readme(book):
    book.replace("README.md", "[here](solutions/course/README.md)", "here")
    sentence = "no link to it in the table of README.md"
    assert book.problems() == [(SOLUTION, sentence)]


def test_a_file_of_the_contents_that_is_not_there_is_named(book):
    book.replace("_toc.yml", "pages/ledger", "pages/legder")
    assert book.problems() == [("_toc.yml", "there is no pages/legder")]


def test_two_chapters_of_one_number_are_named(book):
    other = "chapters/04-b.ipynb"
    book.notebooks[other] = notebook("# Why not?")
    assert (other, "another chapter has the number 4") in book.problems()


def test_chapters_in_another_order_are_named(book):
    book.notebooks["chapters/05-b.ipynb"] = notebook("# Why not?")
    line = "      - file: chapters/04-a\n"
    book.replace("_toc.yml", line, f"      - file: chapters/05-b\n{line}")
    assert ("_toc.yml", "the chapters don't stand in their order") in book.problems()


def test_a_module_beside_the_chapters_which_they_would_import_is_named(book):
    (book.root / "chapters/helpers.py").write_text("claim = print")
    (book.root / "chapters/.ipynb_checkpoints").mkdir()
    sentence = "only notebooks lie here; imports would find it"
    assert book.problems() == [("chapters/helpers.py", sentence)]


def test_more_than_fourteen_minutes_for_all_notebooks_are_named(book):
    book.notebooks[CHAPTER].metadata.book.seconds = 837
    assert book.problems() == []
    book.notebooks[SOLUTION].metadata.book.seconds = 3.6
    found = [("chapters", "841 s for all notebooks; at most 840")]
    assert book.problems() == found
    book.notebooks[CHAPTER].metadata.book.pace = 0.26  # takes longer
    assert book.problems() == []


@pytest.mark.parametrize(
    "said", ["(10)", "(5), or again [4](chapters/04-a.ipynb) (9)", ""]
)
def test_another_reading_time_in_the_introduction_is_named(book, said):
    book.replace("intro.md", "(5)", said)
    sentence = f"has to say how many minutes it takes: [4]({CHAPTER}) (5)"
    assert book.problems() == [("intro.md", sentence)]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (CHAPTER, "By (4.9)."),
        (CHAPTER, "<details><summary>Hint</summary>\n\n(4.9)\n\n</details>"),
        ("pages/notation.md", "By (4.9)."),
        ("intro.md", "By (4.9)."),
        ("README.md", "By (4.9)."),
        ("src/helpers/nn.py", "# by (4.9)"),
        ("src/helpers/nn.py", 'hint = "(4.9) says so"'),
    ],
)
def test_an_equation_that_is_not_there_is_named_wherever_it_is_referred_to(
    book, name, text
):
    if name == CHAPTER:
        book.say(text)
    else:
        with (book.root / name).open("a") as file:
            file.write(f"\n{text}\n")
    assert book.problems() == [(name, "there is no equation (4.9)")]


def test_a_number_below_one_and_a_call_are_no_equations(book):
    book.say("The mean (0.982), the third (4.05) and f(4.9) are numbers.")
    assert book.problems() == []


@pytest.mark.parametrize("name", [CHAPTER, "intro.md"])
def test_an_exercise_that_is_not_there_is_named(book, name):
    book.say("### Exercise 4.1: a line\n\nAs Exercise 4.1 asks.")
    assert [sentence for _, sentence in book.problems() if "exercise" in sentence] == []
    if name == CHAPTER:
        book.say("As Exercise 4.2 asks.")
    else:
        book.replace(name, "After", "Exercise 4.2 comes after")
    assert (name, "there is no exercise 4.2") in book.problems()


def test_a_comment_in_a_cell_that_refers_to_no_equation_is_named(book):
    cell = v4.new_code_cell("x = f(4.9)  # by (4.1)")
    book.notebooks[CHAPTER].cells.append(cell)
    assert book.problems() == []
    cell.source = "x = 1  # by (4.9)"
    assert book.problems() == [(CHAPTER, "cell 3: there is no equation (4.9)")]


@pytest.mark.parametrize("text", ["`f(4.9)`", "$f(4.9)$", "```\n(4.9)\n```", "(4.1.9)"])
def test_a_number_in_code_or_in_a_formula_refers_to_nothing(book, text):
    book.say(text)
    assert book.problems() == []


@pytest.mark.parametrize(
    "link",
    [
        "[a](../pages/no.md)",
        "![a curve](no.png)",
        "[a](05-b.ipynb#c)",
        "[a][b]\n\n[b]: no.md",
    ],
)
def test_a_link_or_picture_that_leads_nowhere_is_named(book, link):
    book.say(link)
    file = re.split(r"[(#)]|: ", link.rstrip(")"))[1]
    assert book.problems() == [(CHAPTER, f"links to {file}, which is not there")]


@pytest.mark.parametrize(
    "link", ["[chapter 5](04-a.ipynb)", "[4](../chapters/04-a.ipynb)"]
)
def test_a_link_that_says_another_number_than_the_chapter_has_is_named(book, link):
    book.say(link.replace("[4]", "[3]"))
    said = "3" if "[4]" in link else "5"
    assert book.problems() == [(CHAPTER, f"the link [{said}] leads to chapter 4")]
    book.notebooks[CHAPTER].cells[-1].source = link.replace("5", "4")
    assert book.problems() == []


@pytest.mark.parametrize("said", ["Bishop 2016", "Goodfellow 2006"])
def test_a_citation_that_leads_to_another_work_is_named(book, said):
    book.say(f"[{said}](../pages/references.md#goodfellow2016)")
    found = f"the citation [{said}] leads to goodfellow2016"
    assert book.problems() == [(CHAPTER, found)]
    for right in ("Goodfellow 2016", "MNIST", "Goodfellow and Bengio 2016, 6.2"):
        cell = book.notebooks[CHAPTER].cells[-1]
        cell.source = f"[{right}](../pages/references.md#goodfellow2016)"
        assert book.problems() == []


def test_a_link_of_the_readme_that_leads_nowhere_is_named(book):
    book.replace("README.md", "# A book", "# A book\n\n![a page](assets/page.png)")
    sentence = "links to assets/page.png, which is not there"
    assert book.problems() == [("README.md", sentence)]


def test_links_in_code_and_to_what_is_attached_are_not_followed(book):
    book.say("`[a](no.md)` and ![a dot](attachment:a.png)\n\n```\n[a](no.md)\n```")
    assert book.problems() == []


@pytest.mark.parametrize(
    "regex",
    [
        ".*",
        "measured .*",
        r"\bmeasured\b .*|^accuracy.*",
        r"\d+",
        r"\bmeasured\b [\s\S]*",
        " .*≈",
        "≈[^m]+",
    ],
)
def test_a_mask_that_hides_more_than_what_is_measured_is_named(book, regex):
    (book.root / "tests/sanitize.cfg").write_text(f"[a]\nregex: {regex}\nreplace: a\n")
    [(name, sentence)] = book.problems()
    assert name == "tests/sanitize.cfg" and "hides more than 'measured …'" in sentence


# --- headlines ------------------------------------------------------------------------


def unclaimed(book):
    return [
        (name, sentence.partition("'")[2].partition("'")[0])
        for name, sentence in book.problems()
        if "no claim of its own" in sentence
    ]


@pytest.mark.parametrize(
    ("words", "number"),
    [
        ("91.2 %", "91.2 %"),
        ("91.2%", "91.2 %"),
        ("91.2 percent", "91.2 percent"),
        ("**91.2** %", "91.2 %"),
        ("$91.2\\,\\%$", "91.2 %"),
        ("91.2\u202f%", "91.2 %"),
        ("91.2&nbsp;%", "91.2 %"),
        ("91.2 per cent", "91.2 per cent"),
        ("1,024 %", "1,024 %"),
        ("3 percentage points", "3 percentage points"),
        ("in 60 seconds", "60 seconds"),
        ("a 60-second run", "60 second"),
        ("5 ms", "5 ms"),
        ("$2$ in 60 s, and $3$", "60 s"),
        ("2 h", "2 h"),
        *[(f"{words}", words) for words in ("45 mins", "2 hrs", "3 secs", "6 weeks")],
        *[(f"{words}", words) for words in ("5 µs", "5 μs", "5 us", "7 ns", "9 pct")],
        *[(f"{words}", words) for words in ("3 nanoseconds", "3 microseconds")],
        ("99.9‰", "99.9 ‰"),
        ("99.9 &#37;", "99.9 &#37;"),
        ("99.9 &percnt;", "99.9 &percnt;"),
    ],
)
@pytest.mark.parametrize(
    "place", ["## MNIST: {}", "# {}", "## What to keep\n\nMNIST. And {}, of MNIST."]
)
def test_a_headline_number_without_claim_is_named(book, words, number, place):
    book.say(place.format(words))
    assert unclaimed(book) == [(CHAPTER, number)]


@pytest.mark.parametrize(
    "words",
    [
        "since the 1990s",
        "torch 2.13.0 s",
        "4 samples, hours later",
        "$2h$ and $\\frac{1}{2} s$",
        "MNIST at 98 % and 98.2 %",
        "98.20 percent of MNIST's digits",
        "MNIST's training images are known, 99.9 %",
        "MNIST, more than 98 %",
        "MNIST, 98 % and more",
        "MNIST 98.2 pct",
        "MNIST 98.2 &#37;",
    ],
)
def test_what_a_claim_bears_out_or_is_no_number_may_stand_in_a_heading(book, words):
    book.say(f"## {words}")
    assert unclaimed(book) == []


@pytest.mark.parametrize("words", ["ninety-nine percent", "99.9 ½ %", "every %"])
def test_a_share_that_is_not_written_in_digits_is_named(book, words):
    book.say(f"## MNIST: {words}")
    [(name, sentence)] = book.problems()
    assert name == CHAPTER and "a share that isn't written in digits" in sentence


@pytest.mark.parametrize(
    "words",
    [
        *("ten minutes", "in three seconds", "half an hour", "In a Minute", "few days"),
        *("twenty-five minutes", "a thirty-second run", "sixty seconds", "an hour"),
        *("fifteen milliseconds", "one second", "two days", "several weeks"),
        *("two and a half hours", "a couple of minutes", "one week", "ten mins"),
        *("two hrs", "thirty secs", "a thousand seconds", "**five** minutes"),
        *("**one** second", "a dozen days", "a ten-second run", "hundreds of hours"),
    ],
)
def test_a_time_that_is_not_written_in_digits_is_named(book, words):
    book.say(f"## MNIST: {words}")
    [(name, sentence)] = book.problems()
    assert name == CHAPTER and "a time that isn't written in digits" in sentence


@pytest.mark.parametrize(
    "words",
    [
        *("a second reading", "one a day", "the hour", "days", "one secondary"),
        *("the one second-order method", "the twenty-second epoch", "one a week"),
    ],
)
def test_words_of_time_that_say_no_time_may_stand_in_a_heading(book, words):
    book.say(f"## MNIST: {words}")
    assert book.problems() == []


@pytest.mark.parametrize(
    ("words", "unit"),
    [
        *[("2 min", "min"), ("2 mins", "min"), ("2 hrs", "h"), ("2 secs", "s")],
        *[("2 µs", "µs"), ("2 microseconds", "µs"), ("2 nanoseconds", "ns")],
    ],
)
def test_a_time_is_borne_out_whatever_its_unit_is_called(book, words, unit):
    book.notebooks[CHAPTER].cells.append(claimed("MNIST run", 2.0, unit=unit))
    book.say(f"## MNIST run in {words}")
    assert unclaimed(book) == []


def test_numbers_in_the_running_text_are_no_headlines(book):
    book.say("About 40 % of MNIST, in 3 seconds.\n\n## Sources\n\nThere it is 91 %.")
    assert unclaimed(book) == []


@pytest.mark.parametrize(
    ("words", "number"),
    [
        ("MNIST 99 %", "99 %"),
        ("MNIST 98.1 %", "98.1 %"),
        ("MNIST 98.21 %", "98.21 %"),
        ("MNIST 0.982 %", "0.982 %"),
        ("MNIST 98.2 s", "98.2 s"),
        ("MNIST 98.2 percentage points, 98.2 min", "98.2 min"),
        ("CIFAR-10: 98.2 %", "98.2 %"),  # another subject
        ("MNIST, test digits, 99.9 %", "99.9 %"),  # that is the training accuracy
        ("MNIST, more than 98.2 %", "98.2 %"),  # which the mean, 98.2, is not above
        ("MNIST, more than 98.3 %", "98.3 %"),
        ("MNIST, less than 98 %", "98 %"),
    ],
)
def test_another_number_or_another_subject_than_a_claims_is_named(book, words, number):
    book.notebooks[CHAPTER].cells[1] = claimed(
        "MNIST test accuracy", 0.98196, limit=0.98
    )
    book.say(f"## {words}")
    assert unclaimed(book) == [(CHAPTER, number)]


def test_a_bar_alone_bears_out_at_least_and_at_most_and_nothing_else(book):
    low = claimed("CIFAR accuracy", 0.912, limit=0.85)
    high = claimed("CIFAR error", 0.02, words="at most", limit=0.1)
    book.notebooks[CHAPTER].cells[1:3] = [low, high]
    book.say("## CIFAR, more than 85 %, with an error of less than 10 %, or 91 %")
    assert unclaimed(book) == []
    book.say("## CIFAR 85 %, with an error of 10 %, CIFAR at most 85 %")
    assert unclaimed(book) == [(CHAPTER, "85 %"), (CHAPTER, "10 %"), (CHAPTER, "85 %")]


@pytest.mark.parametrize(
    ("words", "unborne"),
    [
        ("CIFAR, never below 85 %, its error no more than 10 %", []),
        ("CIFAR never falls below 85 %", []),
        ("CIFAR, no more than 85 %", ["85 %"]),
        ("the error is never below 10 %", ["10 %"]),
        ("the error isn't over 10 %, and CIFAR isn't above 85 %", ["85 %"]),
    ],
)
def test_a_negation_turns_at_least_and_at_most_round(book, words, unborne):
    low = claimed("CIFAR accuracy", 0.912, limit=0.85)
    high = claimed("error", 0.02, words="at most", limit=0.1)
    book.notebooks[CHAPTER].cells[1:3] = [low, high]
    book.say(f"## {words}")
    assert unclaimed(book) == [(CHAPTER, number) for number in unborne]


@pytest.mark.parametrize(
    "words", ["from {} to {} %", "{}–{} %", "{} and {} percent", "${}$ to ${}\\,\\%$"]
)
def test_both_ends_of_a_range_are_borne_out(book, words):
    heading = f"## MNIST, test and training: {words}"
    book.say(heading.format("98.2", "99.9"))
    assert unclaimed(book) == []
    book.notebooks[CHAPTER].cells[-1].source = heading.format(97, 99.9)
    [(_, number)] = unclaimed(book)
    assert number.startswith("97 ")


@pytest.mark.parametrize(("number", "measured"), [("100", 0.997), ("0", 0.003)])
@pytest.mark.parametrize("decimals", ["", ".0"])
def test_all_and_none_are_not_rounded_to(book, number, decimals, measured):
    cell = claimed("read", float(number) / 100)
    book.notebooks[CHAPTER].cells.append(cell)
    book.say(f"## Read: {number}{decimals} %")
    assert unclaimed(book) == []
    book.notebooks[CHAPTER].cells[-2] = claimed("read", measured)
    assert unclaimed(book) == [(CHAPTER, f"{number}{decimals} %")]
    book.notebooks[CHAPTER].cells[-2] = claimed("read", 99.7, unit="s")
    book.notebooks[CHAPTER].cells[-1].source = "## Read in 100 s"
    assert unclaimed(book) == []


@pytest.mark.parametrize("minus", ["-", "\N{MINUS SIGN}"])
def test_a_number_with_a_minus_is_another_one(book, minus):
    book.notebooks[CHAPTER].cells += [claimed("gained", 0.02), claimed("lost", -0.03)]
    book.say(f"## Lost {minus}3 %, gained 2 %, and 2 %-3 %")
    assert unclaimed(book) == [(CHAPTER, "3 %")]
    book.notebooks[CHAPTER].cells[-1].source = f"## Lost 3 %, gained {minus}2 %"
    assert unclaimed(book) == [(CHAPTER, "3 %"), (CHAPTER, "2 %")]


def test_a_heading_of_90_percent_over_a_bar_of_85_is_named(book):
    other = claimed("pixels saturated", 0.95, limit=0.9)
    low = claimed("CIFAR accuracy", 0.87, limit=0.85)
    book.notebooks[CHAPTER].cells[1:3] = [other, low]
    book.say("## CIFAR at 90 %")
    assert unclaimed(book) == [(CHAPTER, "90 %")]


def test_the_subject_stands_in_the_sentence_and_a_word_of_it_near_the_number(book):
    distorted = claimed("MNIST test accuracy, distorted", 0.993)
    book.notebooks[CHAPTER].cells.append(distorted)
    keep = "## What to keep\n\nA network reads 98 % of MNIST; distorting it brings {}."
    book.say(keep.format("99.3 %"))
    assert unclaimed(book) == []
    book.notebooks[CHAPTER].cells[-1].source = keep.format("99.9 %")
    assert unclaimed(book) == [(CHAPTER, "99.9 %")]
    book.notebooks[CHAPTER].cells[-1].source = keep.format("98.2 %")
    assert unclaimed(book) == [(CHAPTER, "98.2 %")]


def test_the_share_of_a_cause_may_be_a_headline(book):
    cause = claimed(
        "gap",
        *(0.12, 0.13, 0.11),
        limit=0.5,
        control="with dropout",
        without=[0.04, 0.04, 0.04],
    )
    book.notebooks[CHAPTER].cells.append(cause)
    book.say("## A gap of 12 %, of which dropout takes 67 %")
    assert unclaimed(book) == []
    book.say("## A gap of 4 %")
    assert unclaimed(book) == [(CHAPTER, "4 %")]


def test_points_are_claimed_in_points_or_as_a_difference_of_shares(book):
    gained = claimed("gained", 1.5, unit="points")
    lost = claimed("lost", 0.02)
    book.notebooks[CHAPTER].cells += [gained, lost]
    book.say("## Gained 1.5 percentage points, lost 2 percentage points")
    assert unclaimed(book) == []
    book.say("## Gained 1.5 %")
    assert unclaimed(book) == [(CHAPTER, "1.5 %")]


def test_a_claim_of_another_notebook_counts_where_the_paragraph_links_to_it(book):
    keep = "## What to keep\n\nMNIST comes to 99.3 % in the hand-in."
    book.say(keep)
    assert unclaimed(book) == [(CHAPTER, "99.3 %")]
    link = keep.replace("the hand-in", f"[the hand-in](../{SOLUTION})")
    book.notebooks[CHAPTER].cells[-1].source = link
    assert unclaimed(book) == []


def test_the_readmes_rows_are_borne_out_by_what_they_link_to_and_its_text_is_not_read(
    book,
):
    book.replace("README.md", "| |\n", "| MNIST 99.3 % |\n")
    book.replace("README.md", "# A book", "# A book\n\nHalf, 50 %.")
    assert unclaimed(book) == []
    for wrong in ("99 % of CIFAR", "MNIST 99.9 %", "MNIST 95 %"):
        book.replace("README.md", "MNIST 99.3 %", wrong)
        assert [name for name, _ in unclaimed(book)] == ["README.md"]
        book.replace("README.md", wrong, "MNIST 99.3 %")
    book.replace("README.md", "[here](solutions/course/README.md)", "here")
    assert unclaimed(book) == [("README.md", "99.3 %")]


def test_the_introduction_is_borne_out_by_what_its_paragraph_links_to(book):
    book.replace("intro.md", " and ", " you reach 98 % on\nMNIST; ")
    assert unclaimed(book) == []
    book.replace("intro.md", "98 %", "97 %")
    book.replace("intro.md", "After", "It reads 98 % of MNIST.\n\nAfter")
    assert unclaimed(book) == [("intro.md", "98 %"), ("intro.md", "97 %")]


def test_a_homeworks_own_card_bears_out_its_headline(book):
    card = {"metric": "CIFAR accuracy", "unit": "%", "seeds": [{"value": 0.8123}]}
    (book.root / "solutions/course/cards").mkdir()
    (book.root / "solutions/course/cards/a.json").write_text(json.dumps(card))
    book.say("## CIFAR 81.2 %", SOLUTION)
    assert unclaimed(book) == [(SOLUTION, "81.2 %")]
    questions = "      card: solutions/course/cards/a.json\n"
    book.replace("solutions/questions.yml", "- key: q1\n", f"- key: q1\n{questions}")
    assert unclaimed(book) == []
    book.say("## CIFAR 81.2 %", CHAPTER)
    assert unclaimed(book) == [(CHAPTER, "81.2 %")]
