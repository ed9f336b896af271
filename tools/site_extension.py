r"""The site's own Sphinx extension: link targets for plain notebooks, and the footer.

Notebooks hold plain CommonMark, which names no targets. Here

- a displayed equation with `\tag{3.3}` becomes `#eq-3-3`,
- the first cell that calls `prove("3.3"` becomes `#proof-3-3`,
- a heading "Exercise 3.2 ..." becomes `#ex-3-2`,
- the second captioned figure of chapter 3 becomes `#fig-3-2` and is numbered so,
- the cells of a page that call `claim(` become `#claim-1`, `#claim-2`, ...,
- a table row whose first cell is a key like F3 becomes `#row-f3`,
- a term of the glossary and a MyST target `(name)=` become `#name`,

and all pages may link to them as `file.ipynb#eq-3-3`.
"""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.transforms import SphinxTransform

import helpers
from tools import glossary

Target = tuple[str, str, nodes.Element]  # its id, the text of an empty link, the node


class LinkTargets(SphinxTransform):
    """Enter the targets in `document.myst_slugs`, where MyST looks links up."""

    default_priority = 800  # MyST resolves links at 879

    def apply(self) -> None:
        slugs = getattr(self.document, "myst_slugs", {})
        for found in FINDERS:
            for name, text, node in found(self.document):
                if name not in slugs:
                    node["ids"].append(name)
                    slugs[name] = (node.line, name, text)
        for name, explicit in self.document.nametypes.items():
            if explicit and self.document.nameids[name]:
                slugs.setdefault(name, (0, self.document.nameids[name], name))


def equations(document: nodes.document) -> Iterator[Target]:
    for node in document.findall(nodes.math_block):
        formula = node.astext()
        numbers = re.findall(r"\\tag\{([^}]+)\}", formula)
        if numbers and r"\\" in formula:
            # Sphinx would wrap the lines in `split`, where MathJax refuses the tag.
            node["nowrap"] = True
            node[:] = [nodes.Text(rf"\[{formula}\]")]
        yield from ((anchor("eq", number), f"({number})", node) for number in numbers)


def proofs(document: nodes.document) -> Iterator[Target]:
    for cell, source in code_cells(document):
        for number in re.findall(r'\bprove\(\s*"([^"]+)"', source):
            yield anchor("proof", number), f"proof of ({number})", cell


def exercises(document: nodes.document) -> Iterator[Target]:
    for section in document.findall(nodes.section):
        title = section[0].astext()
        if match := re.match(r"Exercise (\d+\.\d+)\b", title):
            yield anchor("ex", match[1]), title, section


def figures(document: nodes.document) -> Iterator[Target]:
    """Number the captions by chapter, which Sphinx's own `numfig` doesn't."""
    chapter = re.match(r"chapters/0*(\d+)-", document.settings.env.docname)
    count = 0
    for node in list(document.findall(nodes.figure)):
        # MyST-NB puts the caption around each output of the cell, printed ones too.
        if not any(node.findall(nodes.image)):
            node.parent.replace(node, node[0])
            continue
        count += 1
        number = f"{chapter[1]}.{count}" if chapter else str(count)
        for caption in node.findall(nodes.caption):
            name = nodes.inline("", f"Figure {number}. ", classes=["caption-number"])
            caption.insert(0, name)
        node["ids"] = []  # Sphinx's own "id3" would be the link beside the caption
        yield anchor("fig", number), f"figure {number}", node


def claims(document: nodes.document) -> Iterator[Target]:
    cells = code_cells(document)
    claiming = [cell for cell, source in cells if re.search(r"\bclaim\(", source)]
    for count, cell in enumerate(claiming, start=1):
        yield f"claim-{count}", f"claim {count}", cell


def keyed_rows(document: nodes.document) -> Iterator[Target]:
    """The findings of chapter 17: a letter for the document, and a number."""
    for row in document.findall(nodes.row):
        key = row[0].astext().strip()
        if re.fullmatch(r"[MTFSI]\d+", key):
            yield f"row-{key.lower()}", key, row


def terms(document: nodes.document) -> Iterator[Target]:
    for node in document.findall(nodes.term):
        yield nodes.make_id(node.astext()), node.astext(), node


FINDERS = (equations, proofs, exercises, figures, claims, keyed_rows, terms)


def code_cells(document: nodes.document) -> Iterator[tuple[nodes.Element, str]]:
    for part in document.findall(nodes.container):
        if part.get("nb_element") == "cell_code_source":
            yield part.parent, part.astext()


def anchor(kind: str, number: str) -> str:
    return f"{kind}-{number.replace('.', '-')}"


def name_the_edition(app: Sphinx, config: Config) -> None:
    """Put the version and the commit in the footer of every page."""
    git = ["git", "-C", str(Path(app.confdir)), "rev-parse", "--short", "HEAD"]
    try:
        answer = subprocess.run(git, capture_output=True, text=True, check=True)
        commit = answer.stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        commit = "unknown"
    footer = f"Version {helpers.__version__}, commit {commit}"
    config.html_theme_options["extra_footer"] = footer


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_transform(LinkTargets)
    app.connect("config-inited", name_the_edition)
    app.connect("source-read", glossary.complete)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
