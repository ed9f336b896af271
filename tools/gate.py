"""The gate: what the rules in `tools/rules` say of a notebook, and of the book."""

from collections.abc import Iterator

from tools import rules
from tools.reading import Book, Page


def problems(page: Page) -> list[str]:
    """Every breach in one notebook."""
    kept = rules.HANDED_IN if page.handed_in else rules.NOTEBOOK
    return [problem for rule in kept for problem in rule(page)]


def problems_between(book: Book) -> Iterator[tuple[str, str]]:
    """Every breach that takes more than one file to see: a path, and a sentence."""
    for rule in rules.BOOK:
        yield from rule(book)
