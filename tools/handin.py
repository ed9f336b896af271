"""Make the zip of one homework, exactly as its document lists it, and try it out.

The zip is unpacked into an empty folder and used there as a teacher would. It is put
into build/handin/ only after all of that has worked.
"""

import argparse
import io
import re
import shutil
import sys
import tempfile
import unicodedata
import zipfile
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path

import typst
from pypdf import PdfReader

from helpers import data, results
from helpers.files import write_whole
from tools.course import SOLUTIONS, Card, Command, Course, breaches, courses, find
from tools.digest import ROOT
from tools.trial import expect, refuses

LONGEST = 60  # letters of a name; a longer one breaks the lines of a report
GRAY = ("mnist", "fashion_mnist")


def check(course: Course, id: str, names: str) -> None:
    """Raise ValueError for an ID or names that aren't as they should be."""
    fits = re.fullmatch(course.ids, id, re.ASCII)
    expect(
        fits is not None, f"got the ID {id!r}; expected one such as {course.example}"
    )
    ids = id.split("_")
    expect(len(set(ids)) == len(ids), f"got an ID twice in {id}; give each once")
    odd = sorted({letter for letter in names if not letter.isprintable()})
    expect(not odd, f"the names hold {odd}, which can't be printed; type them anew")
    if names:
        each = [name.strip() for name in names.split(";")]
        wanted = f"{len(each)} names for {len(ids)} IDs; divide by ;"
        expect(len(each) == len(ids), wanted)
        expect(all(each), f"got the names {names!r}, of which one is blank; fill it in")
        long = max(map(len, each))
        expect(long <= LONGEST, f"a name of {long} letters; at most {LONGEST} fit")


def content(
    source: Path, pages: int | None, inputs: dict[str, str], root: Path
) -> bytes:
    """A file of the zip; a report is compiled to a PDF, and may read all below root."""
    if not source.is_file():
        raise FileNotFoundError(f"{source} is missing; restore it, or run recipe.py")
    if source.suffix != ".typ":
        return source.read_bytes()
    try:
        pdf = typst.compile(
            source, root=root, ignore_system_fonts=True, sys_inputs=inputs
        )
    except typst.TypstError as error:
        raise ValueError(f"{source} can't be compiled: {error.diagnostic}") from None
    found = PdfReader(io.BytesIO(pdf)).pages
    few = pages is None or len(found) <= pages
    expect(few, f"{source} has {len(found)} pages; the homework allows {pages}")
    names, shown = (
        set(unicodedata.normalize("NFKC", text)) - set(" ;")
        for text in (inputs["names"], "".join(page.extract_text() for page in found))
    )
    lost = "".join(sorted(names - shown))
    expect(
        not lost, f"the report's fonts can't show {lost!r}; write the names otherwise"
    )
    return pdf


def packed(files: Mapping[str, bytes]) -> bytes:
    """A zip; the same bytes from the same files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, each in files.items():  # an entry is dated 1980 if nobody says more
            archive.writestr(zipfile.ZipInfo(name), each, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def tried(course: Course, archive: bytes, cards: list[Card]) -> Iterator[str]:
    """A line for each thing that works in the unpacked zip; ValueError where one fails.

    After the course's own trial, each thing that its programs read is taken away.
    """
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        folder, elsewhere = Path(one), Path(other)
        zipfile.ZipFile(io.BytesIO(archive)).extractall(folder)
        for name in course.reads:
            if name in GRAY:
                data.write(data.load(name), folder / "data")
        yield from course.try_out(folder, elsewhere, cards)
        for name, commands in course.reads.items():
            kept, taken = folder / "data", elsewhere / "taken"
            if name in course.files:
                kept = folder / name
            if kept.exists():
                kept.rename(taken)
            for command in commands:
                said = refusal(course, folder, command, elsewhere, kept.name)
                yield f"no {name}: {said}"
            if taken.exists():
                shutil.rmtree(kept, ignore_errors=True)  # of a download that failed
                taken.rename(kept)


def refusal(
    course: Course, folder: Path, command: Command, elsewhere: Path, word: str
) -> str:
    """A line on how a command of the course ends without what it reads."""
    script, *arguments = command
    cwd = elsewhere if course.alone else None
    return refuses(folder / script, *arguments, cwd=cwd, words=(word,))


def origins(course: Course, id: str, cards: list[Card]) -> Iterator[str]:
    """A line for each file of weights in the zip: how it is made again."""
    names = {source: name.format(id=id) for name, source in course.files.items()}
    for card in cards:
        weights = card["weights"] or {"file": ""}
        name = names.get(weights["file"].removeprefix("../"))
        for seed in card["seeds"]:
            if name and seed["seed"] == weights["seed"]:
                time = f"{seed['seconds']:.0f} s on {card['processor']}"
                yield f"{name} is made again by: {weights['command']} ({time})"


def hand_in(
    name: str, id: str, names: str, out: Path, solutions: Path = SOLUTIONS
) -> Path:
    """Make the zip and try it out, with a line for each check; the path of the zip.

    Raises FileNotFoundError for a missing file, and ValueError for a course, an ID or
    names that aren't as they should be, programs against the rules, a report that can't
    be compiled or is too long, a card whose weights are others, and the first thing
    that doesn't work.
    """
    course, folder = find(name, solutions), solutions / name
    check(course, id, names)
    cards = {path.stem: path for path in sorted((folder / "cards").glob("*.json"))}
    inputs = {"ids": id, "names": names, "cards": " ".join(cards)}
    target = out / course.zip.format(id=id)
    target.unlink(missing_ok=True)  # an older one must not be taken for this one
    files = {
        file.format(id=id): content(folder / source, course.pages, inputs, solutions)
        for file, source in course.files.items()
    }
    for breach in breaches(course, folder):
        raise ValueError(breach)
    read = list(map(results.read, cards.values()))
    archive = packed(files)
    for line in chain(tried(course, archive, read), origins(course, id, read)):
        print(line, flush=True)
    out.mkdir(parents=True, exist_ok=True)
    return write_whole(target, archive)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("course", help=", ".join(courses()))
    parser.add_argument("id", help="yours, as the homework wants it")
    parser.add_argument("--names", default="", help='for the report: "A B; C D"')
    given = parser.parse_args()
    out = ROOT / "build" / "handin"
    try:
        path = hand_in(given.course, given.id, given.names, out)
    except (OSError, ValueError) as error:
        sys.exit(f"no hand-in: {error}")
    with zipfile.ZipFile(path) as archive:
        files = archive.namelist()
    if not given.names and any(file.endswith(".pdf") for file in files):
        print('the report has blank lines for names; NAMES="A B; C D" fills them in')
    print(f"{path}: {', '.join(files)}")


if __name__ == "__main__":
    main()
