"""Numbered equations: in order, stating something, each a definition or proved."""

import re
from collections.abc import Iterator

from tools.digest import parsed
from tools.reading import (
    CODE_SPAN,
    DISPLAY,
    RELATION,
    TAG,
    Page,
    at_margin,
    called,
    equations,
    is_definition,
    prose,
    records,
)

BY_HAND = re.compile(r"\(\d+\.\d+\)[}\s.,]*$|\\(?:leqno|eqno|label)\b.*")
BY_ITSELF = re.compile(  # what numbers itself; and \tag 7
    r"\\begin\s*\{(?:align|alignat|eqnarray|equation|flalign|gather|multline)\}"
    r"|\\tag(?![a-zA-Z])(?!\s*\*?\s*\{).*"
)
ONE_POINT = "holds at one point:"  # typed in by the author
STATES = re.compile(rf":=|\\sim\b|{RELATION.pattern}")


def in_order(page: Page) -> Iterator[str]:
    """(3.1), (3.2), … in chapter 3: two tags that are exchanged break the order."""
    tagged = [equation.number for equation in equations(page.notebook)]
    for number in sorted({number for number in tagged if tagged.count(number) > 1}):
        yield f"equation ({number}) is numbered twice"
    first = page.chapter or (tagged[0].partition(".")[0] if tagged else None)
    for count, number in enumerate(dict.fromkeys(tagged), start=1):
        if number != f"{first}.{count}":
            yield f"equation ({number}) stands where ({first}.{count}) is due"
            return


def state_something(page: Page) -> Iterator[str]:
    for equation in equations(page.notebook):
        if not STATES.search(equation.formula):
            yield f"equation ({equation.number}) states nothing: no =, ≤ or :="


def numbered_by_tag(page: Page) -> Iterator[str]:
    """A number that is typed, or that counts itself, would need no proof."""
    for at, cell in page.text:
        text = prose(cell)
        if found := BY_ITSELF.search(CODE_SPAN.sub("", text)):
            yield f"cell {at}: numbered without \\tag{{…}}: {found.group()}"
        for formula in DISPLAY.findall(text):
            if typed := BY_HAND.search(formula):
                yield f"cell {at}: an equation numbered without \\tag: {typed.group()}"


def proved(page: Page) -> Iterator[str]:
    """Only a `prove` at the margin counts; one inside `try` shows a failure."""
    found = equations(page.notebook)
    tagged = [equation.number for equation in found]
    stands = {}  # the cell in which an equation is displayed
    for at, cell in page.text:
        for number in TAG.findall(cell.source):
            stands.setdefault(number, at)
        for number in TAG.findall(DISPLAY.sub("", cell.source)):
            yield f"cell {at}: equation ({number}) does not stand between $$ and $$"
    proved, special = set(), set()
    for at, cell in page.code:
        tree = parsed(cell.source)
        made = records(cell, "prove")
        special |= {each["number"] for each in made if ONE_POINT in each["line"]}
        stored = {each["number"] for each in made if ONE_POINT not in each["line"]}
        here = stored.intersection(at_margin(tree, "prove"))
        for number in sorted(here - proved):
            if stands.get(number, at) > at:
                yield f"cell {at}: proves ({number}) before it is displayed"
        proved |= here
        for number in sorted(stored.union(called(tree, "prove")) - set(tagged)):
            yield f'cell {at}: prove("{number}", …) names no equation of this notebook'
    for equation in found:
        number = equation.number
        if number not in proved and not is_definition(equation.formula):
            drawn = " at drawn points" * (number in special)
            missing = f'has no cell that says prove("{number}", …){drawn}'
            yield f"equation ({number}) {missing}"
