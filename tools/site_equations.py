"""Mathematics on the site: what KaTeX sets, references that link, marks of proofs.

A text says "(4.5)". On the site that is a link which carries the equation, so that
`assets/book.js` can show it beside the text; and under an equation that is proved
stands a mark that leads to its proof and to its row of the ledger.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path

import nbformat
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging
from sphinx.writers.html5 import HTML5Translator

from tools.pages import DEFINITION, NOT_PROVED, RANDOM, proofs
from tools.reading import REFERENCE, TAG, equations, is_definition
from tools.theorems import numbers, read_theories

LEDGER = "pages/ledger"
UNTOUCHED = (nodes.literal, nodes.literal_block, nodes.reference, nodes.raw)
UNTOUCHED += (nodes.math, nodes.math_block, nodes.title, nodes.term)
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Known:
    """A numbered equation of the book: its page, its TeX, how it is shown."""

    page: str
    tex: str
    grade: str

    @property
    def proved(self) -> bool:
        return self.grade not in (DEFINITION, NOT_PROVED)


def collect(app: Sphinx, env: BuildEnvironment, _: list[str]) -> None:
    """Read the equations of all notebooks, before any page is written."""
    formal = numbers(read_theories(Path(app.srcdir) / "proofs"))
    env.book_equations = {}
    for page in sorted(env.found_docs):
        path = Path(env.doc2path(page))
        if path.suffix == ".ipynb":
            for number, known in _known(page, path, formal):
                env.book_equations[number] = known


def _known(page: str, path: Path, formal: set[str]) -> Iterator[tuple[str, Known]]:
    notebook = nbformat.read(path, as_version=4)
    made = proofs(notebook)
    for equation in equations(notebook):
        number = equation.number
        grade = DEFINITION if is_definition(equation.formula) else NOT_PROVED
        if number in made:
            grade = "formal" if number in formal else made[number].get("grade", RANDOM)
        yield number, Known(page, " ".join(equation.formula.split()), grade)


def link_references(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Make a link of each "(4.5)" in the text, and give older links their equation."""
    env = app.builder.env
    for text in list(doctree.findall(nodes.Text)):
        if REFERENCE.search(text) and not _inside(text, UNTOUCHED):
            html = linked(app, page, escape(text.astext(), quote=False))
            text.parent.replace(text, nodes.raw(html, html, format="html"))
    for link in list(doctree.findall(nodes.reference)):
        number = link.get("refuri", "").rpartition("#eq-")[2].replace("-", ".")
        if number in env.book_equations and "#eq-" in link["refuri"]:
            html = reference(app, page, number, link.astext())
            link.parent.replace(link, nodes.raw(html, html, format="html"))


def linked(app: Sphinx, page: str, html: str) -> str:
    """HTML with its references as links."""

    def link(found: re.Match) -> str:
        if found[1] in app.builder.env.book_equations:
            return reference(app, page, found[1], found[0])
        log.warning("there is no equation %s", found[0], location=page)
        return found[0]

    return REFERENCE.sub(link, html)


def reference(app: Sphinx, page: str, number: str, words: str) -> str:
    """A link to an equation that carries what its card shows."""
    known = app.builder.env.book_equations[number]
    to = _address(app, page, known.page)
    anchor = number.replace(".", "-")
    proof = f"{to}#proof-{anchor}" if known.proved else ""
    return (
        f'<a class="reference internal to-equation" href="{to}#eq-{anchor}"'
        f' data-number="{number}" data-tex="{escape(known.tex)}"'
        f' data-grade="{escape(known.grade.strip("*"))}" data-proof="{proof}"'
        f">{escape(words)}</a>"
    )


def _address(app: Sphinx, page: str, to: str) -> str:
    return "" if page == to else app.builder.get_relative_uri(page, to)


def _inside(node: nodes.Node, kinds: tuple[type, ...]) -> bool:
    while node.parent is not None:
        node = node.parent
        if isinstance(node, kinds):
            return True
    return False


def visit_math(self: HTML5Translator, node: nodes.math) -> None:
    self.body.append(f'<span class="math">{escape(node.astext())}</span>')
    raise nodes.SkipNode


def visit_displayed_math(self: HTML5Translator, node: nodes.math_block) -> None:
    tex = node.astext()
    self.body.append(self.starttag(node, "div", "", CLASS="equation"))
    self.body.append(f'<div class="math">{escape(tex)}</div>')
    for number in TAG.findall(tex):
        self.body.append(mark(self.builder.app, self.builder.current_docname, number))
    self.body.append("</div>\n")
    raise nodes.SkipNode


def mark(app: Sphinx, page: str, number: str) -> str:
    """What stands under an equation that is proved on its page; else nothing."""
    known = app.builder.env.book_equations.get(number)
    if known is None or known.page != page or not known.proved:
        return ""
    anchor = number.replace(".", "-")
    ledger = f"{_address(app, page, LEDGER)}#ledger-{anchor}"
    return (
        f'<p class="proof-mark"><a href="#proof-{anchor}">✓ proved</a>'
        f' <a href="{ledger}">{known.grade}</a></p>'
    )
