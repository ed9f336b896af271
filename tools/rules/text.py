"""What Markdown may hold: it reads alike on the page, in Colab and on GitHub."""

import re
from collections.abc import Iterator

from tools.reading import CODE_SPAN, DISPLAY, REFERENCE, Page, plain_prose, prose

DIRECTIVE = re.compile(
    r"^[ >*+\d.)-]*(?::::|(?:```+|~~~+)[ \t]*(?:\{|(?:math|mermaid)\b)).*", re.M
)
# With code spans shown as `…` and formulas as $…$: a role, a substitution, a label, a
# footnote, struck-out text, brackets and environments of LaTeX, a heading without #;
# then what opens a line: a comment, a break, a definition, an alert, a target, a box.
FOREIGN = re.compile(
    r"\{[\w:+.-]+\}`…`|\{\{|\$\$ *\([\w:-]+\)|\[\^[^\]\s]+\]|~~.+?~~|\\[\[(]|\\begin\b"
    r"|^[^\s|>#-].*\n(?:=+|-+)[ \t]*$|^[ >]*(?:(?:[-*+]|\d+[.)]) +)*"
    r"(?:%|\+\+\+|[:~][ \t]|\[!\w|\([^()\n]+\)=[ \t]*$|\[[ xX]\][ \t]).*",
    re.M,
)
HTML = re.compile(r"</?[a-zA-Z][^>]*>?|<!")
ALLOWED = {"<details>", "</details>", "<summary>", "</summary>"}
DETAILS = re.compile(r"<details>.*?</details>", re.S)
MACRO = re.compile(  # what would make a formula say something else
    r"\\(?:def|let|(?:re)?newcommand|require|href|style|class|cssId|(?:text)?color"
    r"|phantom|[hv]phantom)\b"
)
INVISIBLE = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff\u00ad]")
CHAPTER = re.compile(r"\((?:\.\./chapters/)?0*(\d+)-[\w-]+\.ipynb[^)]*\)")
BEFORE = re.compile(r"^\*Before you start:\*.*", re.M)
INVITES = re.compile(r"\blater\b|\bchapter \d+ comes to\b", re.I)
KEEP = re.compile(r"^## What to keep\s*?$(.*?)(?=^##? |\Z)", re.M | re.S)
EXERCISE = re.compile(r"^### Exercise ", re.M)
HANDED_IN = re.compile(r"\]\(\.\./solutions/\w+/solution\.ipynb")
ASKED = re.compile(r"^(?:\*\*|## )Where homeworks ask this.*?(?=^##? |\Z)", re.M | re.S)


def plain_markdown(page: Page) -> Iterator[str]:
    for at, cell in enumerate(page.notebook.cells):
        if cell.cell_type == "raw":
            yield f"cell {at}: not for all readers: a raw cell"
    for at, cell in page.text:
        masked = DISPLAY.sub("$$…$$", CODE_SPAN.sub("`…`", prose(cell)))
        masked = re.sub(r"(?<!\$)\$[^$\n]+\$(?!\$)", "$…$", masked)
        for foreign in DIRECTIVE.search(cell.source), FOREIGN.search(masked):
            if foreign:
                yield f"cell {at}: not for all readers: {foreign.group().strip()!r}"


def plain_html(page: Page) -> Iterator[str]:
    """Nothing but <details> and <summary>, each closed in its cell."""
    for at, cell in page.text:
        found = HTML.findall(plain_prose(prose(cell)))
        if others := sorted(set(found) - ALLOWED):
            yield f"cell {at}: not for all readers: {', '.join(others)}"
        if any(
            found.count(f"<{tag}>") != found.count(f"</{tag}>")
            for tag in ("details", "summary")
        ):
            yield f"cell {at}: <details> or <summary> is not closed"


def closed_formulas(page: Page) -> Iterator[str]:
    for at, cell in page.text:
        left = plain_prose(prose(cell)).replace("\\$", "")
        if "$" in left:
            line = next(line for line in left.split("\n") if "$" in line)
            yield f"cell {at}: a $ that closes nothing: {line.strip()[:60]!r}"


def nothing_hidden(page: Page) -> Iterator[str]:
    """What is written is what is seen."""
    for at, cell in [*page.text, *page.code]:
        if found := INVISIBLE.search(cell.source):
            yield f"cell {at}: an invisible character, U+{ord(found.group()):04X}"
    for at, cell in page.text:
        if found := MACRO.search(CODE_SPAN.sub("", prose(cell))):
            yield f"cell {at}: a formula with {found.group()}"


def nothing_ahead(page: Page) -> Iterator[str]:
    """No loan from a later chapter, but an invitation; folded answers may borrow."""
    if page.chapter is None:
        return
    for at, cell in page.text:
        told = DETAILS.sub("", prose(cell))
        for number in REFERENCE.findall(plain_prose(told)):
            if int(number.split(".")[0]) > page.chapter:
                yield f"cell {at}: leans on ({number}), which comes later"
        for line in told.split("\n"):
            words = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", line)
            later = [int(number) > page.chapter for number in CHAPTER.findall(line)]
            if any(later) and not INVITES.search(words):
                yield (
                    f"cell {at}: links to a later chapter and says neither 'later' nor "
                    f"'chapter N comes to': {words[:60]!r}"
                )


def named_before(page: Page) -> Iterator[str]:
    """Equations of earlier chapters: 'Before you start' or the line links to these."""
    if page.chapter is None or not page.notebook.cells:
        return
    named = BEFORE.findall(page.notebook.cells[0].source)
    for at, cell in page.text:
        for line in DETAILS.sub("", prose(cell)).split("\n"):
            linked = set(map(int, CHAPTER.findall("\n".join([*named, line]))))
            for number in REFERENCE.findall(plain_prose(line)):
                chapter = int(number.split(".")[0])
                if chapter < page.chapter and chapter not in linked:
                    yield (
                        f"cell {at}: uses ({number}), but neither 'Before you start' "
                        f"nor its paragraph links to chapter {chapter}"
                    )


def what_to_keep(page: Page) -> Iterator[str]:
    if not KEEP.search("\n\n".join(prose(cell) for _, cell in page.text)):
        yield "no section 'What to keep'"


def homework_linked(page: Page) -> Iterator[str]:
    """Who comes with a homework finds the one that is worked out."""
    asked = ASKED.search("\n\n".join(prose(cell) for _, cell in page.text))
    if page.chapter is not None and asked and not HANDED_IN.search(asked.group()):
        yield "'Where homeworks ask this' links to no course's solution.ipynb"


def reading_time(page: Page) -> Iterator[str]:
    opening = page.notebook.cells[0].source if page.notebook.cells else ""
    if str(minutes(page)) not in re.findall(r"(\d+) minutes", opening):
        yield f"the opening has to say '{minutes(page)} minutes' of reading"


def minutes(page: Page) -> int:
    """Reading time, to five minutes: 200 words a minute, half a minute for a displayed
    equation or a cell, three minutes for an exercise."""
    text = "\n".join(prose(cell) for _, cell in page.text)
    words = len(DISPLAY.sub("", text).split())
    halves = len(DISPLAY.findall(text)) + len(page.code)
    total = words / 200 + halves / 2 + 3 * len(EXERCISE.findall(text))
    return 5 * max(1, round(total / 5))
