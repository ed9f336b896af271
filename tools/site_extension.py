r"""The site's own Sphinx extension: link targets for plain notebooks, and the footer.

Notebooks hold plain CommonMark, which names no targets. Here

- a displayed equation with `\tag{3.3}` becomes `#eq-3-3`,
- the first cell that calls `prove("3.3"` becomes `#proof-3-3`,
- a heading "Exercise 3.2 ..." becomes `#ex-3-2`,
- the second captioned figure of chapter 3 becomes `#fig-3-2` and is numbered so,
- the cells of a page that call `claim(` become `#claim-1`, `#claim-2`, ...,
- a table row whose first cell is a key like F3 becomes `#row-f3`,
- the ledger's row of equation (3.3) becomes `#ledger-3-3`,
- a term of the glossary and a MyST target `(name)=` become `#name`,

and all pages may link to them as `file.ipynb#eq-3-3`.
"""

import re
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.transforms import SphinxTransform

import helpers
from tools import glossary, site_equations, site_faces, site_landing, site_search
from tools.reading import PLACEHOLDER, REFERENCE

# Spaces at which no line may break: before %, after ≈, around the × of two numbers.
TOGETHER = re.compile(r"(?:(?<=\d)|^) (?=%)|(?<=≈) |(?<=\d) (?=× \d)|(?<=\d ×) (?=\d)")
VERBATIM = nodes.literal, nodes.literal_block, nodes.math, nodes.math_block, nodes.raw

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
        name_empty_heads(self.document)
        for name, explicit in self.document.nametypes.items():
            if explicit and self.document.nameids[name]:
                slugs.setdefault(name, (0, self.document.nameids[name], name))


def name_empty_heads(document: nodes.document) -> None:
    """A screen reader says the head of a column, also where the eye needs none."""
    for head in document.findall(nodes.thead):
        for entry in head.findall(nodes.entry):
            if not entry.astext().strip():
                unseen = nodes.inline("", "row", classes=["unseen"])
                entry.append(nodes.paragraph("", "", unseen))


def equations(document: nodes.document) -> Iterator[Target]:
    for node in document.findall(nodes.math_block):
        formula = node.astext()
        numbers = re.findall(r"\\tag\{([^}]+)\}", formula)
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


def ledger_rows(document: nodes.document) -> Iterator[Target]:
    if document.settings.env.docname == site_equations.LEDGER:
        for row in document.findall(nodes.row):
            if match := REFERENCE.match(row[0].astext().strip()):
                yield anchor("ledger", match[1]), f"ledger ({match[1]})", row


def terms(document: nodes.document) -> Iterator[Target]:
    for node in document.findall(nodes.term):
        yield nodes.make_id(node.astext()), node.astext(), node


FINDERS = (equations, proofs, exercises, figures, claims, keyed_rows, ledger_rows)
FINDERS += (terms,)


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
    terms = "Code: MIT License; text and figures: CC BY 4.0."
    footer = f"{terms} Version {helpers.__version__}, commit {commit}"
    config.html_theme_options["extra_footer"] = footer


def admit_the_placeholder(app: Sphinx, page: str, _: str, context: dict, __) -> None:
    """Without an address of the repository no button leads there; one says why."""
    buttons = context.get("header_buttons", [])
    if PLACEHOLDER not in str(buttons):
        return
    why = {"type": "link", "url": app.builder.get_relative_uri(page, "intro")}
    why |= {"text": "No address yet: how to read it", "icon": "fas fa-lightbulb"}
    why["tooltip"] = "This copy of the book has no repository online"
    for place, button in enumerate(buttons):
        if PLACEHOLDER in str(button):
            buttons[place] = {**button, "buttons": [why]}


def keep_together(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Sphinx's event `doctree-resolved`: what stays on one line.

    A number and its sign, and in code a short word, which a browser would break after
    the dashes of a flag.
    """
    for code in doctree.findall(nodes.literal):
        if len(code.astext()) <= 20 and " " not in code.astext():
            code["classes"].append("whole")
    for text in list(doctree.findall(nodes.Text)):
        joined = TOGETHER.sub("\N{NO-BREAK SPACE}", text)
        if joined != text and not isinstance(text.parent, VERBATIM):
            text.parent.replace(text, nodes.Text(joined))


def lighten(app: Sphinx, failed: Exception | None) -> None:
    """Ship of the theme's styles and files what some page or script makes use of.

    Its style sheet is that of a whole framework, with an icon font that `icons.css`
    replaces.
    """
    out = Path(app.outdir)
    if failed or not (out / "_static/styles/pydata-sphinx-theme.css").is_file():
        return
    unused = [*out.rglob("*.map"), *out.rglob("scripts/fontawesome.js*")]
    for file in [*unused, *out.rglob("vendor/fontawesome/webfonts/*")]:
        file.unlink(missing_ok=True)
    written = [*out.rglob("*.html"), *out.glob("_static/**/*.js")]
    texts = (file.read_text("utf-8") for file in written if "lib" not in file.parts)
    words = {word for text in texts for word in re.findall(r"[\w-]+", text)}
    for style in out.glob("_static/styles/*.css"):
        text = re.sub(
            r"@font-face\{[^}]*\}|/\*.*?\*/", "", style.read_text("utf-8"), flags=re.S
        )
        style.write_text(
            re.sub(r"([^{};]+)\{[^{}]*\}", partial(_kept, words), text), "utf-8"
        )


def _kept(words: set[str], rule: re.Match) -> str:
    """A rule of a style sheet, if all classes of one of its selectors are used."""
    for selector in rule[1].split(","):
        named = re.sub(r":not\([^)]*\)", "", selector)
        if "\\" in named or words.issuperset(re.findall(r"[.#]([\w-]+)", named)):
            return rule[0]
    return ""


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_transform(LinkTargets)
    app.add_transform(site_landing.PathsFirst)
    app.connect("config-inited", name_the_edition)
    app.connect("source-read", glossary.complete)
    app.connect("env-before-read-docs", site_equations.collect)
    app.connect("doctree-resolved", site_landing.give)
    app.connect("doctree-resolved", site_faces.give)
    app.connect("doctree-resolved", site_equations.link_references)
    app.connect("doctree-resolved", keep_together)
    app.connect("html-page-context", admit_the_placeholder, priority=900)
    app.add_html_math_renderer(
        "katex",
        inline_renderers=(site_equations.visit_math, None),
        block_renderers=(site_equations.visit_displayed_math, None),
    )
    app.config.html_math_renderer = "katex"
    app.add_css_file("lib/katex/katex.min.css")
    app.add_js_file("lib/katex/katex.min.js", loading_method="defer")
    app.add_js_file("book.js", loading_method="defer")
    app.connect("html-page-context", site_faces.load_figures)
    app.connect("html-page-context", site_search.collect)
    app.connect("build-finished", site_search.write)
    app.connect("build-finished", lighten)
    return {"parallel_read_safe": False, "parallel_write_safe": False}
