"""Write the generated pages: the ledger, references, results and theorems.

Run before each build. The pages follow from the stored notebooks, `_toc.yml`,
`references.bib`, `solutions/questions.yml`, the result cards and `proofs/` alone, so
that two runs write the same bytes.
"""

import re
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import nbformat
import yaml
from nbformat import NotebookNode
from pybtex.database import BibliographyData, Entry, parse_file
from pybtex.plugin import find_plugin
from pybtex.richtext import Text

from helpers import results
from helpers.files import write_whole
from tools.markdown import plain, table
from tools.reading import (
    code_cells,
    contents,
    equations,
    is_definition,
    prose,
    records,
    text_cells,
)
from tools.results_page import named, results_page
from tools.theorems import numbers, read_theories, theorem_list

ROOT = Path(__file__).parent.parent
ROOMS = ("chapters/", "solutions/")  # where notebooks lie
DEFINITION, NOT_PROVED = "definition", "**not proved**"
RANDOM = "at random points"  # the grade of a proof that isn't stricter
LEDGER = """\
# Ledger

Every numbered equation of the book, and every number that it claims. This page is
read from the stored outputs of the notebooks each time the book is built; nobody
writes it by hand.

An equation is a definition, or it is proved: the formula was compared with independent
witnesses at random points, and the link leads to the cell that did so. *Symbolic* says
that computer algebra also showed it for all values, at the sizes that the line names;
*formal*, that [a theorem](formal.md) shows it for all values and all sizes. What is
neither defined nor proved stands here as **not proved**. A claim is a number that was
measured, beside the bar that it has to meet; its link leads to the cell. A claim of
**cause** is an effect, beside what is left of it when the cause is taken away.
[Notation](notation.md) says how to read the lines.

- Equations: {equations}. Definitions: {definitions}. Not proved: {unproved}.
- Proved: {proved}. Formal: {formal}, symbolic: {symbolic}, at random points: {random}.
- Claims: {claims}. Of these causes: {causes}.
"""
REFERENCES = """\
# References

What the chapters and the library cite, in the order of the first author's name.
"""


@dataclass(frozen=True)
class Claim:
    """A claim's record, and which of the page's claiming cells made it, from 1."""

    cell: int
    record: Mapping[str, str]


def claims(notebook: NotebookNode) -> list[Claim]:
    """The claims of a notebook, in its order."""
    found, count = [], 0
    for _, cell in code_cells(notebook):
        literal = re.search(r"\bclaim\(", cell.source)
        count += bool(literal)
        for record in records(cell, "claim"):
            if not literal:
                raise ValueError(f"no literal claim( in the cell of {record['line']}")
            found.append(Claim(count, record))
    return found


def proofs(notebook: NotebookNode) -> dict[str, Mapping[str, str]]:
    """What `prove` recorded first, for each number that it proved."""
    found: dict[str, Mapping[str, str]] = {}
    for _, cell in code_cells(notebook):
        for record in records(cell, "prove"):
            found.setdefault(record["number"], record)
    return found


def ledger(
    notebooks: Mapping[str, NotebookNode], formal: Collection[str] = frozenset()
) -> str:
    """The ledger page, for notebooks by their path from the book's root.

    formal: the numbers of the equations that have a theorem.
    """
    chapters = [_chapter(f"../{path}", nb, formal) for path, nb in notebooks.items()]
    shown = [
        row[2] for nb in notebooks.values() for row in _equation_rows("", nb, formal)
    ]
    grades = [cell.lstrip("[").split("]")[0].split(",")[0] for cell in shown]
    claimed = [claim.record for nb in notebooks.values() for claim in claims(nb)]
    head = LEDGER.format(
        equations=len(shown),
        definitions=shown.count(DEFINITION),
        unproved=shown.count(NOT_PROVED),
        proved=len(shown) - shown.count(DEFINITION) - shown.count(NOT_PROVED),
        formal=grades.count("formal"),
        symbolic=grades.count("symbolic"),
        random=grades.count(RANDOM),
        claims=len(claimed),
        causes=sum(bool(record.get("control")) for record in claimed),
    )
    return head + "".join(chapters)


def references(bibliography: BibliographyData) -> str:
    """The references page; each entry is the target of a link to its key."""
    style = find_plugin("pybtex.style.formatting", "plain")()
    markdown = find_plugin("pybtex.backends", "markdown")()
    page = REFERENCES
    for formatted in style.format_bibliography(bibliography):
        label = _label(bibliography.entries[formatted.key])
        text = " ".join(formatted.text.render(markdown).split())
        page += f"\n({formatted.key})=\n**{label}.** {text}\n"
    return page


def missing_keys(
    notebooks: Mapping[str, NotebookNode], bibliography: BibliographyData
) -> list[str]:
    """A sentence for each citation of a notebook that has no entry."""
    return [
        f"{path} cites {key}, which is not in references.bib; add it there"
        for path, notebook in notebooks.items()
        for key in sorted(_cited(notebook))
        if key not in bibliography.entries
    ]


def write_pages(root: Path) -> None:
    """Write the ledger, references and results pages of the book, and its theorems.

    Raises ValueError if a notebook cites what references.bib doesn't have, or if a
    result card isn't valid.
    """
    paths = [f"{file}.ipynb" for file in contents(root) if file.startswith(ROOMS)]
    paths = [path for path in paths if (root / path).is_file()]
    notebooks = {path: nbformat.read(root / path, as_version=4) for path in paths}
    bibliography = parse_file(root / "references.bib", encoding="utf-8")
    if missing := missing_keys(notebooks, bibliography):
        raise ValueError("\n".join(missing))
    homeworks = yaml.safe_load((root / "solutions/questions.yml").read_text("utf-8"))
    cards = {
        path: results.read(root / path)
        for path in named(homeworks, "card")
        if (root / path).is_file()
    }
    files = named(homeworks, "file")
    if absent := [path for path in files if not (root / path).is_file()]:
        raise ValueError(
            f"solutions/questions.yml names {absent[0]}, which isn't there"
        )
    sizes = {path: (root / path).stat().st_size for path in files}
    theories = read_theories(root / "proofs")
    write_whole(root / "pages/ledger.md", ledger(notebooks, numbers(theories)))
    write_whole(root / "pages/references.md", references(bibliography))
    write_whole(root / "pages/results.md", results_page(homeworks, cards, sizes))
    chapters = {_number(path): f"../{path}" for path in notebooks}
    listed = theorem_list(theories, chapters)
    write_whole(root / "pages/theorems.txt", listed)  # which formal.md includes


def _number(path: str) -> str:
    """The number of a chapter by its path; the path itself of a solution."""
    return re.sub(r"^chapters/0*(\d+)-.*", r"\1", path)


def _chapter(link: str, notebook: NotebookNode, formal: Collection[str]) -> str:
    text = "\n".join(prose(cell) for _, cell in text_cells(notebook))
    [title] = re.findall(r"^# (.+)", text, re.M)[:1] or [link]
    claimed = [_claim_row(link, claim) for claim in claims(notebook)]
    page = f"\n## [{title}]({link})\n"
    page += table(
        ("Number", "Equation", "Shown by"), _equation_rows(link, notebook, formal)
    )
    return page + table(("Claim", "Bar", "Measured"), claimed)


def _equation_rows(
    link: str, notebook: NotebookNode, formal: Collection[str]
) -> list[tuple[str, str, str]]:
    rows, made = [], proofs(notebook)
    for equation in equations(notebook):
        number, anchor = equation.number, equation.number.replace(".", "-")
        shown = DEFINITION if is_definition(equation.formula) else NOT_PROVED
        if number in made:
            line = made[number]["line"].removeprefix(f"({number}) ")
            grade = made[number].get("grade", RANDOM)
            if number in formal:
                grade = f"[formal](formal.md#formal-{anchor})"
            shown = f"{grade}, [proof]({link}#proof-{anchor}): {plain(line)}"
        section = equation.section.replace("|", r"\|")
        # A table's cell is one line, and a bare | would end it.
        formula = " ".join(equation.formula.split()).replace("|", r"\|")
        rows.append(
            (f"[({number})]({link}#eq-{anchor}) {section}", f"${formula}$", shown)
        )
    return rows


def _claim_row(link: str, claim: Claim) -> tuple[str, str, str]:
    what, words, bar, measured = (
        plain(claim.record[name]) for name in ("what", "words", "bar", "measured")
    )
    kind = "**cause**: " if claim.record.get("control") else ""
    return f"{kind}[{what}]({link}#claim-{claim.cell})", f"{words} {bar}", measured


def _label(entry: Entry) -> str:
    """Bishop 2006, Glorot and Bengio 2010, He et al. 2015."""
    names = [" ".join(p.prelast_names + p.last_names) for p in entry.persons["author"]]
    names = [str(Text.from_latex(name)) for name in names]
    names = [names[0], "et al."] if len(names) > 2 else [" and ".join(names)]
    return " ".join([*names, entry.fields["year"]])


def _cited(notebook: NotebookNode) -> set[str]:
    text = "\n".join(cell.source for _, cell in text_cells(notebook))
    return set(re.findall(r"references\.md#([\w-]+)", text))


def main() -> None:
    try:
        write_pages(ROOT)
    except ValueError as error:
        sys.exit(f"tools/pages.py: {error}")


if __name__ == "__main__":
    main()
