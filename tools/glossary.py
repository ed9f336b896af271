"""The glossary's "first used", computed from the chapters, and its row of letters.

A word counts as used where it stands in a chapter's text, in any of its usual endings.
Where chapters say it otherwise, the entry ends in a comment, `<!-- as: Xavier -->`,
whose words are then looked for in the code too.
"""

import re
from collections.abc import Mapping
from pathlib import Path

import nbformat
from docutils.nodes import make_id
from sphinx.application import Sphinx

from tools.reading import prose, text_cells

ENTRY = re.compile(r"^(\S[^\n]*)\n((?::|  ).*\n?(?:  .*\n?)*)", re.M)
AS = re.compile(r" *<!-- as: (.+?) -->")
NOT_WORDS = re.compile(r"\$\$.*?\$\$|\$[^$]*\$|`[^`]*`|\]\([^)]*\)", re.S)


def with_first_use(glossary: str, chapters: Mapping[str, tuple[str, str]]) -> str:
    """The glossary with a link to the chapter that uses each word first.

    chapters: by path from the glossary, in reading order, the words of the text and
        those of all cells.

    Raises ValueError for an entry that no chapter uses.
    """

    def entry(found: re.Match) -> str:
        term, meaning = found[1], found[2].rstrip()
        other = AS.search(meaning)
        words = _pattern(other[1] if other else term.split(", ")[0])
        for path, texts in chapters.items():
            if words.search(texts[bool(other)]):
                number = int(Path(path).name.split("-")[0])
                return f"{term}\n{AS.sub('', meaning)} ([{number}]({path}))\n"
        raise ValueError(f"the glossary explains {term!r}, which no chapter uses")

    return ENTRY.sub(entry, glossary)


def first_uses(root: Path) -> dict[str, tuple[str, str]]:
    """The chapters below `root`, as `with_first_use` takes them."""
    found = {}
    for path in sorted(root.glob("chapters/*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        text = "\n".join(prose(cell) for _, cell in text_cells(notebook))
        cells = "\n".join(cell.source for cell in notebook.cells)
        found[f"../chapters/{path.name}"] = NOT_WORDS.sub(" ", text), cells
    return found


def with_letters(glossary: str) -> str:
    """The glossary with a row of letters, each a link to its first term."""
    first: dict[str, str] = {}
    for found in ENTRY.finditer(glossary):
        first.setdefault(found[1][0].upper(), make_id(found[1]))
    links = (f'<a href="#{name}">{letter}</a>' for letter, name in first.items())
    row = f'<nav class="letters" aria-label="Letters">{" ".join(links)}</nav>\n\n'
    start = ENTRY.search(glossary).start()
    return glossary[:start] + row + glossary[start:]


def complete(app: Sphinx, docname: str, source: list[str]) -> None:
    """Sphinx's event `source-read`."""
    if docname == "pages/glossary":
        uses = first_uses(Path(app.confdir))
        source[0] = with_letters(with_first_use(source[0], uses))


def _pattern(words: str) -> re.Pattern:
    """Plural, past and -ing forms; capitals count where the word has them."""
    stem, ends = words, "(?:s|es|d|ed|ing)?"
    for last, forms in (("y", "(?:y|ies)"), ("e", "(?:e|es|ed|ing)")):
        if words.endswith(last):
            stem, ends = words[:-1], forms
    letters = re.escape(stem).replace(r"\ ", r"\s+")
    flags = re.I if words == words.lower() else 0
    return re.compile(rf"(?<!\w){letters}{ends}(?!\w)", flags)
