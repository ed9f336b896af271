"""The book as one PDF: numbers, contents, bookmarks, and links that stay within it."""

import pytest

pypdf = pytest.importorskip("pypdf")
pytest.importorskip("playwright")

from tests.test_site import HTML, PAGES, unavailable  # noqa: E402
from tools import pdf  # noqa: E402

TAKEN = "intro|speed|errata"


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    if not PAGES:
        unavailable("no built book: run make book")
    out = tmp_path_factory.mktemp("pdf") / "book.pdf"
    try:
        count = pdf.write_pdf(HTML, out, TAKEN)
    except SystemExit as missing:
        unavailable(str(missing))
    reader = pypdf.PdfReader(out)
    assert len(reader.pages) == count
    return reader


def links(page):
    found = [link.get_object() for link in page.get("/Annots") or []]
    return [link for link in found if link.get("/Subtype") == "/Link"]


def test_pages_are_numbered_behind_the_contents(book):
    texts = [page.extract_text() for page in book.pages]
    assert "Contents" in texts[1] and "Deep Learning, Proved" in texts[0]
    for number, text in list(enumerate(texts, start=1))[2:]:
        assert text.rstrip().split()[-1] == str(number)


def test_the_contents_lead_to_the_pages_that_they_name(book):
    lines = [line for line in book.pages[1].extract_text().splitlines() if line.strip()]
    starts = [
        book.get_page_number(link["/Dest"][0].get_object())
        for link in links(book.pages[1])
    ]
    named = [int(line.split()[-1]) for line in lines if line.split()[-1].isdigit()]
    assert [start + 1 for start in starts] == named and len(named) == 3


def test_bookmarks_are_the_pages_and_their_sections(book):
    titles = [mark.title for mark in book.outline if not isinstance(mark, list)]
    assert len(titles) == 3 and titles[0] == "Deep Learning, Proved"
    sections = [mark.title for mark in book.outline[1]]
    assert "Three verbs" in sections


def test_links_between_pages_that_are_taken_stay_within_the_file(book):
    left, inside = [], 0
    for page in book.pages:
        for link in links(page):
            left.append(str(link.get("/A", {}).get("/URI", "")))
            inside += "/Dest" in link
    assert inside > 3
    assert not [address for address in left if address.startswith("file:")]


def test_a_page_of_the_contents_names_each_page_once():
    toc = {"root": "intro", "parts": [{"caption": "A", "chapters": [{"file": "a/b"}]}]}
    assert pdf.pages_of(toc) == [("", ["intro"]), ("A", ["a/b"])]
