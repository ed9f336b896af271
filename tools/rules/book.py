"""What holds between the notebooks, the pages, the README and the masks."""

import configparser
import re
from collections.abc import Iterator
from pathlib import Path

from tools.reading import (
    CODE_SPAN,
    GENERATED,
    REFERENCE,
    Book,
    equations,
    plain_prose,
    prose,
)
from tools.rules.cells import counted_seconds
from tools.rules.text import minutes

ENDINGS = (".ipynb", ".md")
LINK = re.compile(r"!?\[[^]]*\]\(<?([^)\s>]+)|^\[[^]]+\]: *(\S+)", re.M)
NUMBERED_LINK = re.compile(
    r"\[(?:chapter )?(\d+)\]\([\w./]*?\b(\d+)-[\w-]+\.ipynb", re.I
)
CITATION = re.compile(r"\[([^]]+)\]\([^)]*references\.md#([a-z]+)(\d{4})\w*\)")
EXERCISE = re.compile(r"\bExercise (\d+\.\d+)")
COMMENT = re.compile(r"#.*?\((\d+\.\d+)\)")
SECONDS = 840  # all notebooks together

Found = Iterator[tuple[str, str]]


def listed(book: Book) -> Found:
    """Each notebook is in `_toc.yml`, in `intro.md` and in the README's table."""
    rows = [row for row in book.texts["README.md"].split("\n") if row.startswith("|")]
    linked = {"README.md": "\n".join(rows), "intro.md": book.texts["intro.md"]}
    for name, page in book.pages.items():
        if page.handed_in:  # it goes to a teacher, not on the site
            continue
        if name.removesuffix(".ipynb") not in book.contents:
            yield name, "not in _toc.yml"
        for where, text in linked.items():
            folder = f"{Path(name).parent.as_posix()}/README.md"
            if f"]({name})" not in text and (
                page.chapter or f"]({folder})" not in text
            ):
                part = "table" if where == "README.md" else "text"
                yield name, f"no link to it in the {part} of {where}"
    for file in book.contents:
        found = [(book.root / f"{file}{ending}").exists() for ending in ENDINGS]
        if not any(found) and f"{Path(file).name}.md" not in GENERATED:
            yield "_toc.yml", f"there is no {file}"


def ordered(book: Book) -> Found:
    """One chapter a number, listed in their order, and nothing else in their folder."""
    chapters = [name for name, page in book.pages.items() if page.chapter]
    numbers = [book.pages[name].chapter for name in chapters]
    for name, number in zip(chapters, numbers, strict=True):
        if numbers.count(number) > 1:
            yield name, f"another chapter has the number {number}"
    listed = [f"{file}.ipynb" for file in book.contents]
    listed = [name for name in listed if name in chapters]
    if listed != sorted(listed):
        yield "_toc.yml", "the chapters don't stand in their order"
    for file in sorted((book.root / "chapters").iterdir()):
        if file.suffix != ".ipynb" and not file.name.startswith("."):
            yield (
                f"chapters/{file.name}",
                "only notebooks lie here; imports would find it",
            )


def quick(book: Book) -> Found:
    """All notebooks together run in the time that `make test` has for them."""
    stored = [page.notebook.metadata.get("book", {}) for page in book.pages.values()]
    total = sum(map(counted_seconds, stored))
    if total > SECONDS:
        yield "chapters", f"{total:.0f} s for all notebooks; at most {SECONDS}"


def reading_times(book: Book) -> Found:
    """`intro.md` says after each link to a chapter how many minutes it takes."""
    for name, page in book.pages.items():
        if page.chapter is None:
            continue
        said = re.findall(rf"\]\({re.escape(name)}\) \((\d+)\)", book.texts["intro.md"])
        link = f"[{page.chapter}]({name}) ({minutes(page)})"
        if {int(told) for told in said} != {minutes(page)}:
            yield "intro.md", f"has to say how many minutes it takes: {link}"


def references(book: Book) -> Found:
    """An equation that a text, a comment or a docstring names is there."""
    numbers = {e.number for p in book.pages.values() for e in equations(p.notebook)}
    exercises = {
        number
        for page in book.pages.values()
        for _, cell in page.text
        for number in re.findall(r"^### Exercise (\d+\.\d+)", prose(cell), re.M)
    }
    for name, text in _told(book):
        for number in REFERENCE.findall(plain_prose(text)):
            if number not in numbers:
                yield name, f"there is no equation ({number})"
        for number in EXERCISE.findall(plain_prose(text)):
            if number not in exercises:
                yield name, f"there is no exercise {number}"
    for file in sorted(book.root.glob("src/helpers/**/*.py")):
        for number in REFERENCE.findall(file.read_text("utf-8")):
            if number not in numbers:
                name = file.relative_to(book.root).as_posix()
                yield name, f"there is no equation ({number})"
    for name, page in book.pages.items():
        for at, cell in page.code:
            for number in COMMENT.findall(cell.source):
                if number not in numbers:
                    yield name, f"cell {at}: there is no equation ({number})"


def links(book: Book) -> Found:
    """Files and pictures that a text links to are there."""
    for name, text in _told(book):
        for link in map("".join, LINK.findall(CODE_SPAN.sub("", text))):
            file = link.partition("#")[0]
            if re.match(r"[a-z]+:", link) or not file:
                continue
            target = book.root / Path(name).parent / file
            if not target.exists() and target.name not in GENERATED:
                yield name, f"links to {file}, which is not there"


def links_lead_where_they_say(book: Book) -> Found:
    """[chapter 6] leads to chapter 6, and [Bishop 2006] to Bishop's book of 2006."""
    for name, text in _told(book):
        for said, number in NUMBERED_LINK.findall(text):
            if int(said) != int(number):
                yield name, f"the link [{said}] leads to chapter {int(number)}"
        for said, author, year in CITATION.findall(text):
            years = re.findall(r"\b\d{4}", said)
            if years and (years[-1] != year or author not in said.lower()):
                yield name, f"the citation [{said}] leads to {author}{year}"


def masks(book: Book) -> Found:
    """tests/sanitize.cfg hides what stands behind "measured" or "≈" in a line."""
    name = "tests/sanitize.cfg"
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(book.root / name, "utf-8")
    for section in parser.sections():
        regex = parser[section]["regex"]
        begins = regex.startswith((r"\bmeasured\b", "≈")) and "|" not in regex
        found = re.search(regex, "measured ≈ 1\n2") if begins else None
        if not found or "\n" in found.group():
            yield name, f"{regex!r} hides more than 'measured …' and '≈ …'"


def _told(book: Book) -> Found:
    """All Markdown, by file."""
    for name, page in book.pages.items():
        yield name, "\n\n".join(prose(cell) for _, cell in page.text)
    yield from book.texts.items()
