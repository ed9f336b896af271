"""The index of the search page: the text of each section, in a script file.

A page opened from a disk may not fetch, so the index is a script; MiniSearch ranks in
the reader's browser (`assets/search.js`). Besides the sections, each numbered equation
and each term of the glossary is an entry, so that "4.3" and "momentum" find them.
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

    Each has a `title`, the `page`'s title, the `url` with its anchor, and `text`.
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
        self.equation: dict[str, str] | None = None

    def handle_starttag(self, tag: str, attributes: list) -> None:
        if tag in VOID:
            return
        given = {name: value or "" for name, value in attributes}
        classes, name = given.get("class", ""), given.get("id", "")
        if tag == "section":
            self.sections.append(self._entry(name))
        elif tag == "dt" and name:
            self.terms = [self._entry(name)]
        elif tag == "div" and "equation" in classes.split():
            self.equation = {"id": name, "title": "", "text": ""}
        self.open.append((tag, classes, name))

    def handle_endtag(self, tag: str) -> None:
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
        if "math" in classes:
            for number in TAG.findall(data):
                self._number(number, entry)
            data = f" {_spoken(data)} "
        if (self.terms and "dt" in tags) or (not self.terms and tags & HEADINGS):
            entry["title"] += data
        else:
            entry["text"] += data

    def _number(self, number: str, section: dict[str, str]) -> None:
        entry = self._entry(f"eq-{number.replace('.', '-')}")
        entry["title"] = f"Equation ({number})"
        entry["text"] = section["title"]

    def _entry(self, name: str) -> dict[str, str]:
        entry = {"id": name, "title": "", "text": ""}
        self.found.append(entry)
        return entry


def _spoken(tex: str) -> str:
    """The words and numbers of a formula; its commands are no words."""
    tex = TAG.sub(r" (\1) ", tex)
    return re.sub(r"\\[a-zA-Z]+|[{}\\^_&$]", " ", tex)
