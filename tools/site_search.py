"""The index of the search page: the text of each section, in a script file.

A page opened from a disk may not fetch, so the index is a script; MiniSearch ranks in
the reader's browser (`assets/search.js`). Besides the sections, each numbered equation
and each term of the glossary is an entry, so that "4.3" and "momentum" find them. What
a result shows is prose with the formulas in it; code, outputs and displayed formulas
are found too, and not shown.
"""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx

from tools.reading import TAG

HEADINGS = {"h1", "h2", "h3", "h4"}
SILENT = {"script", "style", "svg"}
VOID = {"img", "br", "hr", "input", "meta", "link", "path", "circle", "wbr"}


def collect(
    app: Sphinx, page: str, template: str, context: dict, doctree: nodes.document | None
) -> None:
    """Sphinx's event `html-page-context`: keep the sections of a page."""
    if doctree is not None and "body" in context:
        found = app.env.__dict__.setdefault("book_sections", {})
        found[page] = sections(context["body"], f"{page}.html")


def write(app: Sphinx, failed: Exception | None) -> None:
    """Sphinx's event `build-finished`: write the index as a script."""
    found = getattr(app.env, "book_sections", {})
    if failed is None and found:
        entries = [entry for page in sorted(found) for entry in found[page]]
        text = json.dumps(entries, ensure_ascii=False, separators=(",", ":"))
        file = Path(app.outdir) / "_static/sections.js"
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"window.SECTIONS={text};\n", "utf-8")


def sections(body: str, address: str) -> list[dict[str, str]]:
    """The entries of a page: its sections, its numbered equations, its terms.

    Each has a `title`, the `page`'s title, the `url` with its anchor, the `text` of its
    prose, formulas between `\\(` and `\\)`, and `more`, the words of all else.
    """
    reader = _Reader()
    reader.feed(body)
    title = reader.found[0]["title"] if reader.found else ""
    return [
        {
            "title": entry["title"],
            "page": title,
            "url": f"{address}#{entry['id']}" if entry["id"] else address,
            "text": " ".join(entry["text"].split()),
            "more": " ".join(entry["more"].split()),
        }
        for entry in reader.found
        if entry["title"]
    ]


class _Reader(HTMLParser):
    """Gathers the text of each section, term and equation of a page's body."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[dict[str, str]] = []
        self.open: list[tuple[str, str, str]] = []  # tag, classes, id
        self.sections: list[dict[str, str]] = []
        self.terms: list[dict[str, str]] = []

    def handle_starttag(self, tag: str, attributes: list) -> None:
        if tag in VOID:
            return
        given = {name: value or "" for name, value in attributes}
        classes, name = given.get("class", ""), given.get("id", "")
        if tag == "section":
            self.sections.append(self._entry(name))
        elif tag == "dt" and name:
            self.terms = [self._entry(name)]
        if self.sections and "equation" in classes.split():
            self.sections[-1]["text"] += " … "
        self.open.append((tag, classes, name))

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:  # the parser ends <img/> too
            return
        while self.open and self.open.pop()[0] != tag:
            pass
        if tag == "section" and self.sections:
            self.sections.pop()
        elif tag == "dd":
            self.terms = []

    def handle_data(self, data: str) -> None:
        tags = {tag for tag, *_ in self.open}
        classes = {name for _, names, _ in self.open for name in names.split()}
        if (
            tags & SILENT
            or "headerlink" in classes
            or not (self.sections or self.terms)
        ):
            return
        entry = [*self.sections, *self.terms][-1]
        kind = "more" if "pre" in tags or "equation" in classes else "text"
        if (self.terms and "dt" in tags) or (not self.terms and tags & HEADINGS):
            kind = "title"
        if "math" in classes:
            for number in TAG.findall(data):
                self._number(number, entry, data)
            data = rf"\({data}\)" if kind == "text" else f" {_spoken(data)} "
        entry[kind] += data

    def _number(self, number: str, section: dict[str, str], tex: str) -> None:
        entry = self._entry(f"eq-{number.replace('.', '-')}")
        entry["title"] = f"Equation ({number})"
        entry["text"] = rf"{section['title']}: \({TAG.sub('', tex).strip()}\)"

    def _entry(self, name: str) -> dict[str, str]:
        entry = {"id": name, "title": "", "text": "", "more": ""}
        self.found.append(entry)
        return entry


def _spoken(tex: str) -> str:
    """The words and numbers of a formula; its commands are no words."""
    tex = TAG.sub(r" (\1) ", tex)
    return re.sub(r"\\[a-zA-Z]+|[{}\\^_&$]", " ", tex)
