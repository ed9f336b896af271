"""The list of findings in chapter 17 has each trap once, with the numbers computed."""

import re

import nbformat
import pytest

from tools.digest import ROOT

CHAPTER = ROOT / "chapters/17-what-the-documents-get-wrong.ipynb"
COUNTS = {"M": 10, "T": 7, "F": 12, "S": 15, "I": 14}
CELLS = nbformat.read(CHAPTER, as_version=4).cells


def listed():
    """The cells of each row of the list, by key."""
    text = "\n".join(cell.source for cell in CELLS if cell.cell_type == "markdown")
    lines = re.findall(r"^\| ([MTFSI]\d+) \|(.*)\|$", text, re.M)
    rows = {key: [cell.strip() for cell in rest.split("|")] for key, rest in lines}
    assert len(rows) == len(lines), "a key stands twice"
    return rows


def computed():
    """(key, numbers) of all that the cells print for the list."""
    outputs = [out for cell in CELLS for out in cell.get("outputs", [])]
    text = "\n".join(out.get("text", "") for out in outputs)
    return re.findall(r"(?:^|; )([MTFSI]\d+): ([^;\n]*)", text, re.M)


def test_every_finding_is_listed_once():
    keys = {
        f"{letter}{n + 1}" for letter, count in COUNTS.items() for n in range(count)
    }
    assert set(listed()) == keys
    for key, columns in listed().items():
        assert len(columns) == 4, f"{key} has a | in its text"


@pytest.mark.parametrize(("key", "numbers"), computed())
def test_the_list_prints_what_the_cells_compute(key, numbers):
    text = " ".join(listed()[key][2:]).replace("−", "-")
    for number in numbers.split():
        assert re.search(rf"(?<![\d.,]){re.escape(number)}(?!\d|[.,]\d)", text), number


def test_every_number_of_the_list_is_computed():
    elsewhere = {"M4", "M10", "T6", "I9"}  # no numbers to round: asserted there
    keys = {key for key, _ in computed()}
    for key, row in listed().items():
        assert row[-1] == "–" or key in keys | elsewhere, key
