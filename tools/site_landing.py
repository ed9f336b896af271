"""The landing page: a card for each homework, and the map of the chapters.

`intro.md` is plain Markdown that also reads on GitHub. Here its table of paths becomes
a card for each homework, and moves up to where a reader with a sheet in hand looks. Its
last row is for readers without one.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from html import escape
from itertools import zip_longest
from pathlib import Path

import nbformat
import yaml
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

from helpers import results
from tools.reading import text_cells
from tools.results_page import Card, Question, named, progress, show, state
from tools.site_faces import face

PAGE, PATHS = "intro", "a-path-for-each-homework"
FIGURE = """\
<figure class="landing"><div class="moving" data-figure="bowl" hidden
  aria-label="Gradient descent in a narrow bowl and in a round one"></div>
<figcaption>Move the rate past 1: the steps across the valley grow then, and soon the
loss does. Why exactly there is proved in chapter 2.</figcaption>
</figure>"""
VERBS = {"holds": ("proved", "✓ proved"), "measured": ("measured", "measured")}
VERBS |= {"not yet": ("yet", "not yet")}  # what a quoted line says, and its face
LEGEND = """\
<p class="map-legend">An arrow leads to a chapter from each that it builds on; what
those build on in turn isn’t drawn again.</p>
<svg width="0" height="0" aria-hidden="true"><marker id="to" viewBox="0 0 8 8" refX="7"
  refY="4" markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse"
  orient="auto"><polygon points="0,0 8,4 0,8"/></marker></svg>"""
ROW, LEFT, SIDE = 44, 118, 18  # of the map: a row's height, its names, an arc's depth


class PathsFirst(SphinxTransform):
    """Move the table of paths below the title and the sentence that says what it is."""

    default_priority = 850

    def apply(self) -> None:
        for paths in list(self.document.findall(nodes.section)):
            if PATHS in paths["ids"] and self.env.docname == PAGE:
                top = paths.parent
                top.remove(paths)
                top.insert(2, paths)


def give(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Sphinx's event `doctree-resolved`: the table becomes cards, a map follows."""
    found = [s for s in doctree.findall(nodes.section) if PATHS in s["ids"]]
    if page != PAGE or not found:
        return
    [paths] = found
    table = next(paths.findall(nodes.table))
    cards = nodes.container("", classes=["homeworks"])
    rows = [
        row for row in table.findall(nodes.row) if isinstance(row.parent, nodes.tbody)
    ]
    chapters = needs(app)
    titles = {_number(to): _short(title) for to, (title, _) in chapters.items()}
    for row, standing in zip_longest(rows, standings(Path(app.srcdir)), fillvalue=""):
        cards += card(row, standing, titles)
    table.parent.replace(table, cards)
    drawn = chapter_map(chapters, lambda to: app.builder.get_relative_uri(page, to))
    title = nodes.rubric("", "The chapters, and what leads to what", classes=["map"])
    paths += [title, nodes.raw("", f"{LEGEND}\n{drawn}\n{FIGURE}", format="html")]
    for quote in list(doctree.findall(nodes.block_quote)):
        for words, verb in VERBS.items():
            if words in quote.astext():
                made = nodes.container("", face(*verb, quote[0]), classes=["faces"])
                quote.parent.replace(quote, made)
                break
    app.env.metadata[page]["moving"] = ["bowl"]


def card(row: nodes.row, standing: str, titles: Mapping[int, str]) -> nodes.container:
    """A homework's card, from its row of the table; links get their chapters' names."""
    for link in row.findall(nodes.reference):
        number = link.astext()
        if number.isdigit() and int(number) in titles:
            link[:] = [nodes.Text(f"{number}.\N{NO-BREAK SPACE}{titles[int(number)]}")]
    for text in list(row.findall(nodes.Text)):
        minutes = re.sub(r"^ \((\d+)\)", " (\\1\N{NO-BREAK SPACE}min)", text)
        if minutes != text:
            text.parent.replace(text, nodes.Text(minutes))
    title, asks, read = map(_inline, row.children)
    made = nodes.container("", classes=["homework"])
    made += nodes.paragraph("", "", *title, classes=["title"])
    made += nodes.paragraph("", "", *asks, classes=["asks"])
    start = "You have this sheet? Start here:" if standing else "Start here:"
    made += nodes.paragraph("", start, classes=["start"])
    made += nodes.paragraph("", "", *read)
    if standing:
        made += nodes.raw("", f'<p class="standing">{standing}</p>', format="html")
    return made


def standings(root: Path) -> Iterator[str]:
    """For each homework how much is answered, and its numbers beside the best known."""
    file = root / "solutions/questions.yml"
    homeworks = yaml.safe_load(file.read_text("utf-8"))
    paths = filter(lambda path: (root / path).is_file(), named(homeworks, "card"))
    cards = {path: results.read(root / path) for path in paths}
    for homework in homeworks.values():
        made = [(q, cards.get(q.get("card"))) for q in homework["questions"]]
        done = sum(state(q, card) not in ("missing", "short") for q, card in made)
        measured, lines = [(q, card) for q, card in made if card], []
        for name, (question, card) in zip(names(measured), measured, strict=True):
            known = question.get("known", {}).get("value")
            best = f" (best known {show(known, card['unit'])})" if known else ""
            ours = show(card["mean"], card["unit"])
            lines.append(f"{escape(name)}: <b>{ours}</b>{best}")
        yield progress(done, len(made)) + "<br>".join(lines)


def names(measured: Sequence[tuple[Question, Card]]) -> Iterator[str]:
    """A question's first words; where another begins so, what is measured, or more."""
    forms = []
    for question, card in measured:
        start, *more = re.split(r"(?=[:,] )", question["question"])
        longer = start + "".join(more[:1])
        forms.append(
            [start, f"{start}: {card['metric']}", longer, question["question"]]
        )
    of = Counter(form for each in forms for form in set(each))
    for each in forms:
        yield next((form for form in each if of[form] == 1), each[-1])


def needs(app: Sphinx) -> dict[str, tuple[str, list[int]]]:
    """Each chapter's page with its title and the chapters that it builds on."""
    found = {}
    for page in sorted(app.env.found_docs):
        if page.startswith("chapters/"):
            notebook = nbformat.read(app.env.doc2path(page), as_version=4)
            opening = text_cells(notebook)[0][1].source
            title = re.search(r"^# (.+)", opening, re.M)[1]
            line = re.search(r"\*Before you start:?\*(.*)", opening)
            linked = re.findall(r"\((\d+)-[\w-]+\.ipynb", line[1] if line else "")
            found[page] = title, [int(number) for number in linked]
    return found


def chapter_map(
    chapters: Mapping[str, tuple[str, list[int]]], address: Callable[[str], str]
) -> str:
    """The chapters under one another, with an arc from each to those that need it.

    A chapter that another one needs anyway for what it builds on has no arc of its own.
    """
    at = {_number(page): ROW * place + ROW / 2 for place, page in enumerate(chapters)}
    drawn, said, x = "", [], LEFT - 8
    below: dict[int, set[int]] = {}  # all that a chapter builds on, at whatever remove
    for page, (title, needed) in chapters.items():
        to, origins = _number(page), set(filter(at.get, needed))
        passed = set().union(*(below.get(origin, set()) for origin in origins))
        below[to] = origins | passed
        arcs = ""
        for origin in sorted(origins - passed):
            depth = min(1.3 * SIDE * (at[to] - at[origin]) / ROW, 1.15 * LEFT)
            arcs += (
                f'<path d="M{x - 4} {at[origin]}C{x - depth:.0f} {at[origin]} '
                f'{x - depth:.0f} {at[to]} {x - 4} {at[to]}" marker-end="url(#to)"/>'
            )
        drawn += (
            f'<g>{arcs}<circle cx="{x}" cy="{at[to]}" r="4"/>'
            f'<a href="{address(page)}"><text x="{LEFT + 6}" y="{at[to] + 6}">'
            f"{to}. {escape(_short(title))}</text></a></g>"
        )
        said.append(f"{to} needs {', '.join(map(str, needed)) or 'none'}")
    height = ROW * len(chapters)
    return (
        f'<svg class="chapter-map" viewBox="0 0 460 {height}" role="group" '
        f'aria-label="Chapter {"; ".join(said)}.">{drawn}</svg>'
    )


def _number(page: str) -> int:
    return int(re.search(r"(\d+)-", page)[1])


def _short(title: str) -> str:
    """A chapter's title without its number and its question."""
    return title.split(". ", 1)[-1].split(":")[0]


def _inline(cell: nodes.entry) -> list[nodes.Node]:
    """What stands in a cell's paragraph."""
    return [node for part in cell.children for node in list(part.children)]
