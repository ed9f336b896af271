"""The glossary names the chapter that uses a word first, and only words in use."""

import pytest

from tools.digest import ROOT
from tools.glossary import first_uses, with_first_use, with_letters

CHAPTERS = {
    "../chapters/01-a.ipynb": ("A network has layers.", "layers nn.he"),
    "../chapters/02-b.ipynb": ("ADAM steps; Adam steps; two velocities.", ""),
}


def first_use(term: str, meaning: str = "What it is.") -> str:
    page = with_first_use(f"# Glossary\n\n{term}\n: {meaning}\n", CHAPTERS)
    return page.splitlines()[-1]


@pytest.mark.parametrize(
    ("term", "number", "file"),
    [
        ("layer", 1, "01-a"),  # plural
        ("velocity", 2, "02-b"),  # another plural
        ("step, stride", 2, "02-b"),  # the first of two words counts
        ("Adam", 2, "02-b"),  # capitals count
    ],
)
def test_the_first_chapter_that_uses_a_word_is_linked(term, number, file):
    assert first_use(term) == f": What it is. ([{number}](../chapters/{file}.ipynb))"


def test_other_words_for_a_term_are_found_in_code_too():
    found = first_use("He initialization", "First weights. <!-- as: nn.he -->")
    assert found == ": First weights. ([1](../chapters/01-a.ipynb))"


@pytest.mark.parametrize("term", ["etwork", "dropout"])
def test_a_word_that_no_chapter_uses_is_refused(term):
    with pytest.raises(ValueError, match=f"explains '{term}', which no chapter uses"):
        first_use(term)


def test_each_letter_leads_to_its_first_term():
    entries = "Adam\n: A.\n\naxis\n: B.\n\nfan-in, fan-out\n: C.\n"
    head, row, rest = with_letters(f"# Glossary\n\n{entries}").partition(
        '<nav class="letters" aria-label="Letters"><a href="#adam">A</a> '
        '<a href="#fan-in-fan-out">F</a></nav>\n\n'
    )
    assert (head, rest) == ("# Glossary\n\n", entries) and row


def test_every_entry_of_the_glossary_gets_its_chapter():
    text = (ROOT / "pages/glossary.md").read_text("utf-8")
    entries = text.count("\n: ")
    assert with_first_use(text, first_uses(ROOT)).count("](../chapters/") == entries
