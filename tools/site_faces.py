"""What the three verbs look like on the site, exercises as cards, figures that move.

A notebook stores a line of text and, beside it, the record that `prove`, `claim` or
`check` made. Colab and GitHub show the line; here the record gives it a face. All that
one cell says without a pause goes in one box.
"""

import re
from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path
from statistics import fmean
from typing import Any

import nbformat
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging

from tools.markdown import with_minus
from tools.site_equations import linked

Record = Mapping[str, Any]
log = logging.getLogger(__name__)
# Two lines with columns, or code.
ALIGNED = re.compile(r"\S {2,}\S.*\n.*\S {2,}\S|^ {4}\S", re.MULTILINE)
NEAR = 20  # a bar is drawn up to this many times its limit


def give(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Sphinx's event `doctree-resolved`: what the verbs said gets its faces."""
    path = Path(app.env.doc2path(page))
    if path.suffix != ".ipynb":
        return
    outputs = list(_outputs(path))
    said = {line.strip(): record for line, record in outputs}
    for cell in list(doctree.findall(_is_output)):
        box = None
        for block in list(cell.children):
            record = said.get(block.astext().strip())
            if not isinstance(block, nodes.literal_block) or record is None:
                if ALIGNED.search(block.astext()):
                    block["classes"].append("aligned")
                box = None
                continue
            made = face_of(app, page, record, block.astext().strip())
            if box is None:
                box = nodes.container("", classes=["faces"])
                cell.replace(block, box)
            else:
                cell.remove(block)
            box += made
    for section in doctree.findall(nodes.section):
        if section[0].astext().startswith("Exercise "):
            section["classes"].append("exercise")
    moving = {r["alt"]: r["moving"] for _, r in outputs if r.get("moving")}
    app.env.metadata[page]["moving"] = sorted(set(moving.values()))
    for name in sorted(set(moving.values())):
        folders = [Path(app.confdir) / each for each in app.config.html_static_path]
        if not any((folder / f"moving/{name}.js").is_file() for folder in folders):
            log.warning("there is no assets/moving/%s.js", name, location=page)
    with_images = {r["alt"] for _, r in outputs if r.get("images")}
    for image in list(doctree.findall(nodes.image)):
        if image.get("alt") in with_images:
            image["classes"].append("with-images")
        if name := moving.get(image.get("alt", "")):
            place = f'<div class="moving" data-figure="{name}" hidden></div>'
            image.parent.insert(
                image.parent.index(image) + 1, nodes.raw("", place, format="html")
            )


def load_figures(app: Sphinx, page: str, *_: object) -> None:
    """Sphinx's event `html-page-context`: the scripts of the figures that move."""
    for name in app.env.metadata.get(page, {}).get("moving", []):
        app.add_js_file(f"moving/{name}.js", loading_method="defer")


def face_of(app: Sphinx, page: str, record: Record, line: str) -> nodes.container:
    """The face of one line: verb, words, and for numbers a bar."""
    known = app.env.book_equations
    verb, number = record["verb"], record.get("number", "")
    if verb == "prove":
        grade = known[number].grade if number in known else record.get("grade", "")
        words = nodes.paragraph("", with_minus(line))
        return face("proved", "✓ proved", words, grade)
    if verb == "check":
        right = f"Exercise {number}: correct" in line
        kind = ("right", "✓ correct") if right else ("yet", "not yet")
        return face(*kind, nodes.paragraph("", line))
    rows = [
        {k: with_minus(v) if isinstance(v, str) else v for k, v in row.items()}
        for row in record.get("rows", [record])
    ]
    what = with_minus(record["what"])
    table = "".join(_claimed(row, what, len(rows) == 1) for row in rows)
    head = f'<p class="what">{escape(what)}</p>' if len(rows) > 1 else ""
    html = linked(app, page, f'{head}<div class="claims">{table}</div>')
    body = nodes.raw("", html, format="html")
    cause = any(row.get("control") for row in rows)
    return face("measured", "cause" if cause else "measured", body)


def face(kind: str, verb: str, says: nodes.Node, *chips: str) -> nodes.container:
    """A box with the verb, its chips below it, and beside it what it says."""
    made = nodes.container("", classes=["face", kind])
    words = [nodes.strong("", verb), *(nodes.inline("", f" {c}") for c in chips if c)]
    made += nodes.paragraph("", "", *words, classes=["verb"])
    made += nodes.container("", says, classes=["says"])
    return made


def _claimed(row: Record, table: str, alone: bool) -> str:
    """A claim's name, its number, its bar; both effects where it is one of cause.

    table: what all rows are about, which stands above them unless the row is alone.
    """
    name = row["what"].removeprefix(table).removeprefix(": ") or table
    if row.get("control"):
        return _row(name if alone else row["control"], *_cause(row))
    number, _, spread = row["measured"].partition(" (")
    bar = f"{row['words']} {row['bar']}"
    return _row(
        name,
        f'<b>{escape(number)}</b> <span class="bar">bar: {escape(bar)}</span>'
        + (f' <span class="spread">{escape(spread.rstrip(")"))}</span>' * bool(spread)),
        gauge(fmean(row["numbers"]), row["limit"]),
    )


def _cause(row: Record) -> tuple[str, str]:
    """Two values side by side, and how much of the effect goes with its cause.

    A control's effect of the other sign has no bar.
    """
    cause, control = fmean(row["numbers"]), fmean(row["without"])
    pair, *rest = row["measured"].split("; ", 1)
    shown, _, without = pair.rpartition(f", {row['control']} ")
    most, sign = max(abs(cause), abs(control)) or 1, 1 if cause > 0 else -1
    values = "".join(
        f'<span class="side"><span class="bar">{escape(words)}</span> '
        f"<b>{escape(said)}</b>{meter(max(value * sign, 0) / most)}</span>"
        for words, said, value in (
            ("with the cause", shown, cause),
            (row["control"], without, control),
        )
    )
    bar = f"bar: {row['words']} {row['bar']}"
    more = f'<span class="spread">{escape("; ".join(rest))}. {escape(bar)}</span>'
    return f'<span class="sides">{values}</span>{more}', ""


def _row(name: str, said: str, drawn: str) -> str:
    return (
        f'<div class="claim"><span class="name">{escape(name)}</span>'
        f'<span class="said">{said}</span>{drawn}</div>'
    )


def gauge(value: float, limit: float) -> str:
    """A value drawn from zero, with a tick at its bar; nothing where one is too far."""
    if not (limit > 0 and limit / NEAR < value < limit * NEAR):
        return ""
    most = 1.08 * max(value, limit)
    return meter(value / most, limit / most)


def meter(share: float, tick: float | None = None) -> str:
    """A bar that is filled to a share of its length, with a tick at another."""
    at = "" if tick is None else f'<i style="left:{100 * tick:.1f}%"></i>'
    fill = f'<span style="width:{100 * share:.1f}%"></span>'
    return f'<span class="meter" aria-hidden="true">{fill}{at}</span>'


def _outputs(path: Path) -> Iterator[tuple[str, Record]]:
    """The lines of a notebook that have a record, in its order."""
    for cell in nbformat.read(path, as_version=4).cells:
        for output in cell.get("outputs", []):
            record = output.get("metadata", {}).get("book", {})
            if record:
                yield output.get("data", {}).get("text/plain", ""), record


def _is_output(node: nodes.Node) -> bool:
    return isinstance(node, nodes.container) and "cell_output" in node["classes"]
