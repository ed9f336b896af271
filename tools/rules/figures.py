"""Figures: one a cell, said in words for who can't see it, with a caption."""

import re
from collections.abc import Iterator

from tools.reading import Page, pictures_of, prose, records

WORDS = 8  # the fewest that say what a figure shows
PICTURE = re.compile(r"!\[([^]]*)\][(\[]")


def one_a_cell(page: Page) -> Iterator[str]:
    for at, cell in page.code:
        pictures = pictures_of(cell)
        if len(pictures) > 1:
            yield f"cell {at}: {len(pictures)} figures; one a cell"
        if len(pictures) > len(records(cell, "figure")):
            yield f"cell {at}: a figure that plots.show did not show"


def described(page: Page) -> Iterator[str]:
    seen = {}
    for at, cell in page.code:
        if not pictures_of(cell):
            continue
        alt = cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "")
        if not alt:
            yield f"cell {at}: a figure without alternative text: show(fig, alt=…)"
        elif len(alt.split()) < WORDS:
            yield f"cell {at}: alt={alt!r} is no sentence; {WORDS} words or more"
        elif alt in seen:
            yield f"cell {at}: the same alternative text as in cell {seen[alt]}"
        seen.setdefault(alt, at)
    for at, cell in page.text:
        for alt in PICTURE.findall(prose(cell)):
            if len(alt.split()) < WORDS:
                yield f"cell {at}: ![{alt}] is no sentence; {WORDS} words or more"


def captioned(page: Page) -> Iterator[str]:
    for at, cell in page.code:
        figure = cell.metadata.get("mystnb", {}).get("figure", {})
        if page.chapter and pictures_of(cell) and not figure.get("caption"):
            yield f"cell {at}: a figure without a caption: show(fig, alt=…, caption=…)"
