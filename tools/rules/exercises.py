"""Exercises: numbered, judged by `check` unless open, hint and answer folded."""

import re
from collections.abc import Iterator

from tools.digest import parsed
from tools.reading import Page, called, printed, prose, records
from tools.rules.text import DETAILS

HEADING = re.compile(r"^[ >*+\d.)-]*#+[*_`\[ \t]*Exercise.*", re.M | re.I)
NUMBERED = re.compile(r"### Exercise (\d+\.\d+)( \(open\))?(?:: .+)?$")
SECTION = re.compile(r"^(#{1,3} .*)", re.M)
FOLD = "<details><summary>{}</summary>"
TOLD = re.compile(r"^[ >*_]*(?:Hint|Answer|Solution)\b.*", re.M)


def numbered(page: Page) -> Iterator[str]:
    seen: list[str] = []
    for at, cell in page.text:
        for heading in HEADING.findall(prose(cell)):
            match = NUMBERED.match(heading)
            if not match:
                yield f"cell {at}: '{heading}' is not '### Exercise 4.2: …'"
            elif match[1] in seen:
                yield f"exercise {match[1]} is numbered twice"
            else:
                seen.append(match[1])
    first = page.chapter or (seen[0].partition(".")[0] if seen else None)
    for count, number in enumerate(seen, start=1):
        if number != f"{first}.{count}":
            yield f"exercise {number} stands where {first}.{count} is due"
            return


def checked(page: Page) -> Iterator[str]:
    waiting = None
    for at, cell in enumerate(page.notebook.cells):
        if cell.cell_type == "markdown":
            for heading in HEADING.findall(prose(cell)):
                if waiting:
                    yield f"exercise {waiting} has no cell that calls check"
                match = NUMBERED.match(heading)
                waiting = match[1] if match and not match[2] else None
        elif cell.cell_type == "code":
            numbers = called(parsed(cell.source), "check")
            said = re.search(r"There is no exercise|: correct", printed(cell))
            if numbers and said and said.group() == "There is no exercise":
                module = f"ch{int(numbers[0].partition('.')[0]):02}.py"
                yield (
                    f"cell {at}: no exercise {numbers[0]} in EXERCISES of "
                    f"src/helpers/exercises/{module}; enter it and run again"
                )
            elif numbers and said:
                yield f"cell {at}: check says '{said.group()}'; leave it to the reader"
            made = [record["number"] for record in records(cell, "check")]
            if made != numbers:
                yield (
                    f"cell {at}: checks {numbers}, but what its run said is of {made}: "
                    "check stands at the margin and runs once"
                )
            for number in numbers:
                if number != waiting:
                    yield f"cell {at}: check stands under no exercise of that number"
                waiting = None
    if waiting:
        yield f"exercise {waiting} has no cell that calls check"


def folded(page: Page) -> Iterator[str]:
    """Each exercise has a hint and an answer in <details>, and nothing tells before."""
    for at, cell in page.text:
        for told in TOLD.findall(DETAILS.sub("", prose(cell))):
            yield f"cell {at}: told without being asked: {told.strip()[:60]!r}"
    text = "\n\n".join(prose(cell, "…") for _, cell in page.text)
    headings = SECTION.split(text)[1:]
    for heading, section in zip(headings[::2], headings[1::2], strict=True):
        if match := NUMBERED.match(heading):
            for part in ("Hint", "Answer"):
                body = section.partition(FOLD.format(part))[2]
                if not body.partition("</details>")[0].strip():
                    yield f"exercise {match[1]} has no {FOLD.format(part)}…</details>"
