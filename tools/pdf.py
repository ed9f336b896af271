"""The whole book as one PDF: cover, contents, page numbers, links, bookmarks.

Chromium prints each built page as its print style has it; pypdf joins the files, lets
links between pages lead within the one file, and lays the page numbers over them. Run
after `make book`, as `make pdf` does.
"""

import os
import re
import shutil
import sys
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from io import BytesIO
from pathlib import Path
from urllib.parse import unquote, urldefrag

import yaml
from playwright.sync_api import Browser, sync_playwright
from pypdf import PageObject, PdfReader, PdfWriter
from pypdf.generic import (
    ArrayObject,
    DictionaryObject,
    Fit,
    FloatObject,
    NameObject,
    NullObject,
)

import helpers
from helpers.files import write_whole

ROOT = Path(__file__).parent.parent
HTML = ROOT / "_build/html"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
HEIGHT = 842.0  # of a sheet of A4, in points
PAPER = {
    "format": "A4",
    "print_background": True,
    "tagged": True,
    "margin": {"top": "20mm", "bottom": "22mm", "left": "20mm", "right": "20mm"},
}
STYLE = """<!DOCTYPE html><html lang="en"><meta charset="utf-8"><style>
@font-face { font-family: Book; font-weight: 200 900;
  src: url("data:font/woff2;base64,@") }
body { margin: 0; font: 11pt/1.5 Book, serif }
h1 { font-size: 34pt } h2 { font-size: 13pt; margin: 1.5em 0 0.3em }
.cover { padding-top: 70mm; height: 150mm; break-after: page }
.cover p { max-width: 120mm }
.line { display: flex; gap: 1em } .line span:last-child { margin-left: auto }
a { color: inherit; text-decoration: none }
.sheet { height: 297mm; position: relative; break-after: page }
.sheet span { position: absolute; bottom: 11mm; width: 100%; text-align: center;
  font-size: 9.5pt } @page { size: A4; PAGE }
</style>"""
# Chromium makes a target of what is linked within a page; so each id that another page
# links to, or that is a heading's, is linked from its own.
LINK_ALL = """(names) => {
    unfoldForPrint();
    const links = document.createElement("div");
    links.style.cssText = "height: 1px; overflow: hidden; font-size: 1px; opacity: 0";
    for (const name of names) {
        if (!document.getElementById(name)) continue;
        const link = document.createElement("a");
        link.href = "#" + name;
        link.textContent = ".";
        links.append(link);
    }
    document.querySelector("article").append(links);
}"""

SECTIONS = """() => [...document.querySelectorAll("article section[id] > h2")]
    .map((h) => [h.parentElement.id, h.textContent.replace(/#$/, "").trim()])"""

Places = dict[
    str, tuple[int, float]
]  # of each id: the page, counted from 0, its height


def pages_of(toc: dict) -> list[tuple[str, list[str]]]:
    """The pages of `_toc.yml` by part, the introduction in one without a name."""
    parts = [("", [toc["root"]])]
    for part in toc["parts"]:
        parts.append((part["caption"], [entry["file"] for entry in part["chapters"]]))
    return parts


def wanted(html: Path, pages: list[str]) -> dict[str, set[str]]:
    """For each page the ids that some page links to."""
    found: dict[str, set[str]] = {page: set() for page in pages}
    for page in pages:
        text = (html / f"{page}.html").read_text("utf-8")
        for link in re.findall(r'href="([^":]*)#([^"]+)"', text):
            target = os.path.normpath(os.path.join(os.path.dirname(page), link[0]))
            target = target.removesuffix(".html") if link[0] else page
            found.get(target, set()).add(link[1])
    return found


@dataclass(frozen=True)
class Printed:
    """A page as Chromium prints it, its title, and its sections by their ids."""

    title: str
    sections: dict[str, str]
    reader: PdfReader


def printed(browser: Browser, file: Path, names: set[str]) -> Printed:
    """Print a built page, with targets for the ids of `names` and of its sections."""
    page = browser.new_page()
    page.goto(file.as_uri())
    page.evaluate("document.fonts.ready")
    sections = dict(page.evaluate(SECTIONS))
    page.evaluate(LINK_ALL, sorted(names | set(sections)))
    # What is read lazily is read now, or it would be missing on paper.
    page.evaluate("Promise.all([...document.images].map((image) => image.decode()))")
    title = page.locator("article h1").first.evaluate("h => h.firstChild.textContent")
    data = page.pdf(**PAPER)
    page.close()
    return Printed(title.strip(), sections, PdfReader(BytesIO(data)))


def drawn(browser: Browser, html: str, page_style: str = "margin: 20mm") -> PdfReader:
    page = browser.new_page()
    font = ROOT / "assets/lib/fonts/source-serif-4-latin-wght-normal.woff2"
    style = STYLE.replace('@")', f'{b64encode(font.read_bytes()).decode()}")')
    page.set_content(style.replace("PAGE", page_style) + html)
    page.evaluate("document.fonts.ready")
    data = page.pdf(prefer_css_page_size=True, print_background=True)
    page.close()
    return PdfReader(BytesIO(data))


def places(reader: PdfReader) -> Places:
    """Where the ids of a printed page stand."""
    found = {}
    for name, target in reader.named_destinations.items():
        number = reader.get_destination_page_number(target)
        if number is not None and number >= 0:
            found[unquote(name.lstrip("/"))] = number, float(target.top or HEIGHT)
    return found


def contents(parts: list[tuple[str, list[tuple[str, str, int]]]], first: int) -> str:
    """The cover and the list of contents.

    parts: each with its entries, a link, a title and a page, counted from `first`.
    """
    sentence = (ROOT / "intro.md").read_text("utf-8").split("\n\n")[1]
    lines = ""
    for part, entries in parts:
        lines += f"<h2>{escape(part)}</h2>" * bool(part)
        for link, title, at in entries:
            name = f'<a href="{link}">{escape(title)}</a>'
            lines += f'<div class="line">{name}<span>{first + at + 1}</span></div>'
    return (
        f'<div class="cover"><h1>Deep Learning, Proved</h1><p>{escape(sentence)}</p>'
        f"<p>Version {helpers.__version__}</p></div><h2>Contents</h2>{lines}"
    )


def joined(front: PdfReader, chapters: dict[str, Printed], root: str) -> PdfWriter:
    """One file, whose links between pages lead within it, with bookmarks.

    chapters: the printed pages by their paths below `root`.
    """
    writer = PdfWriter()
    writer.append(front, import_outline=False)
    starts, known = {}, {}
    for path, chapter in chapters.items():
        start = starts[path] = len(writer.pages)
        known[path] = places(chapter.reader)
        writer.append(chapter.reader, import_outline=False)
        mark = writer.add_outline_item(title=chapter.title, page_number=start)
        for name, title in chapter.sections.items():
            if name in known[path]:
                number, top = known[path][name]
                fit = Fit.xyz(top=top)
                writer.add_outline_item(
                    title=title, page_number=start + number, parent=mark, fit=fit
                )
    path = ""  # of the page that a sheet belongs to, none for the front
    for at, page in enumerate(writer.pages):
        path = next((each for each, start in starts.items() if start == at), path)
        for link in _links(page):
            to, name = _target(link, path, root)
            if to in starts:
                number, top = known[to].get(name, (0, HEIGHT))
                _lead(link, writer.pages[starts[to] + number], top)
            elif str(link.get("/A", {}).get("/URI", "")).startswith("file:"):
                link.pop("/A")  # a download, which isn't in here
    return writer


def _links(page: PageObject) -> Iterator[DictionaryObject]:
    for annotation in page.get("/Annots") or []:
        annotation = annotation.get_object()
        if annotation.get("/Subtype") == "/Link":
            yield annotation


def _target(link: DictionaryObject, path: str, root: str) -> tuple[str, str]:
    """The page and the id that a link leads to; no page where it leaves the book."""
    if "/Dest" in link:
        return path, unquote(str(link["/Dest"]).lstrip("/"))
    address, name = urldefrag(str(link.get("/A", {}).get("/URI", "")))
    if not address.startswith(root):
        return "", ""
    return unquote(address.removeprefix(root)).removesuffix(".html"), unquote(name)


def _lead(link: DictionaryObject, page: PageObject, top: float) -> None:
    link.pop("/A", None)
    place = [NullObject(), FloatObject(top), NullObject()]  # left, top, zoom
    link[NameObject("/Dest")] = ArrayObject(
        [page.indirect_reference, NameObject("/XYZ"), *place]
    )


def number_pages(writer: PdfWriter, numbers: PdfReader, first: int) -> None:
    """Lay a number over each page but the first ones."""
    for at, page in enumerate(writer.pages):
        if at >= first:
            page.merge_page(numbers.pages[at])
            page.compress_content_streams()


def write_pdf(html: Path, out: Path, only: str = "") -> int:
    """Write the book below `html` as one PDF; returns how many pages it has.

    only: a regular expression of the pages that are taken.
    """
    names = [os.environ["DL_CHROMIUM"]] if "DL_CHROMIUM" in os.environ else BROWSERS
    browser_path = next(filter(None, map(shutil.which, names)), None)
    if not browser_path:
        sys.exit("no Chromium: install it or name it with DL_CHROMIUM")
    parts = pages_of(yaml.safe_load((ROOT / "_toc.yml").read_text("utf-8")))
    kept = ((part, [p for p in pages if re.search(only, p)]) for part, pages in parts)
    parts = [(part, pages) for part, pages in kept if pages]
    targets = wanted(html, [page for _, pages in parts for page in pages])
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=browser_path, args=["--no-sandbox", "--disable-gpu"]
        )
        made = {
            path: printed(browser, html / f"{path}.html", ids)
            for path, ids in targets.items()
        }
        at, listed = 0, []
        for part, pages in parts:
            entries = []
            for path in pages:
                link = (html / f"{path}.html").as_uri()
                entries.append((link, made[path].title, at))
                at += len(made[path].reader.pages)
            listed.append((part, entries))
        front = drawn(browser, contents(listed, 0))
        front = drawn(browser, contents(listed, len(front.pages)))
        writer = joined(front, made, html.as_uri() + "/")
        count = len(writer.pages)
        sheets = "".join(
            f'<div class="sheet"><span>{number}</span></div>'
            for number in range(1, count + 1)
        )
        numbers = drawn(browser, sheets, "margin: 0")
        browser.close()
    number_pages(writer, numbers, len(front.pages))
    writer.add_metadata({"/Title": "Deep Learning, Proved"})
    writer.compress_identical_objects()
    data = BytesIO()
    writer.write(data)
    write_whole(out, data.getvalue())
    return count


def main() -> None:
    out = ROOT / "_build/deep-learning-proved.pdf"
    if not (HTML / "intro.html").is_file():
        sys.exit("no built book: run make book")
    count = write_pdf(HTML, out)
    print(f"{out.relative_to(ROOT)}: {count} pages")


if __name__ == "__main__":
    main()
