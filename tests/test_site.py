r"""Every page of the built book, looked at in Chromium: both themes, both widths.

What was built is what is looked at, so after a change `make book` comes first. Without
a built book, Playwright or Chromium the tests are skipped; with DL_SITE=required they
fail instead. DL_CHROMIUM names a browser that has another name or place.
"""

import os
import re
import shutil
from contextlib import contextmanager
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import unquote, urljoin, urlsplit

import pytest

try:
    from axe_playwright_python.sync_playwright import Axe
    from playwright.sync_api import sync_playwright
except ImportError:
    sync_playwright = None

HTML = Path(__file__).parent.parent / "_build/html"
FILES = HTML.as_uri() + "/"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = """--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-sync
    --disable-background-networking --disable-component-update --no-proxy-server"""
ONLY_HERE = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"

LOOK = r"""async () => {
    await window.MathJax?.startup?.promise;
    await document.fonts.ready;
    document.querySelectorAll("details").forEach((fold) => (fold.open = true));
    // What is unfolded fades in, and pale text has too little contrast.
    document.getAnimations().forEach((animation) => animation.cancel());

    const problems = [];
    const report = (words, elements, show) =>
        problems.push(...elements.map((element) => `${words}: ${show(element)}`));
    const all = (selector) => [...document.querySelectorAll(selector)];
    const text = (element) => element.textContent;
    const tag = (element) => element.cloneNode().outerHTML.slice(0, 160);

    report("mathematics not set", all(".math:not(:has(mjx-container))"), text);
    const prose = all("body :not(script, style, pre, pre *, code, code *, .math *)");
    const raw = (element) => [...element.childNodes].find((node) =>
        node.nodeType === Node.TEXT_NODE && /\$[^$]+\$|\\[(\[]/.test(node.data));
    report("mathematics not set", prose.map(raw).filter((node) => node), text);
    // MathJax sets a macro that it doesn't know as red text.
    const wrong = all("mjx-merror, mjx-container mtext[mathcolor=red]");
    report("mathematics wrong", wrong, text);

    const root = document.scrollingElement;
    const wide = all("html, body *").filter((element) => element === root
        || element.getBoundingClientRect().right > innerWidth + 1);
    if (root.scrollWidth > innerWidth)
        report(`${root.scrollWidth} pixels wide`, wide.slice(0, 6), tag);

    const headings = all("h1, h2, h3, h4, h5, h6").filter((h) => h.checkVisibility());
    const level = (heading) => (heading ? Number(heading.tagName[1]) : 0);
    const titles = headings.filter((heading) => level(heading) === 1).length;
    if (titles !== 1) problems.push(`${titles} visible h1`);
    const jumps = headings.filter((h, i) => level(h) > level(headings[i - 1]) + 1);
    report("skips a heading's level", jumps, text);

    const images = all("img:not([role=presentation], [role=none])");
    report("no alt", images.filter((image) => !image.alt.trim()), tag);
    return problems;
}"""


def pages_of(folder):
    """Paths of the site's pages; index.html shows nothing, it leads to the first."""
    pages = [page.relative_to(folder).as_posix() for page in folder.rglob("*.html")]
    return sorted(p for p in pages if not re.match(r"_static/|index\.html", p))


PAGES = pages_of(HTML)
CHAPTERS = [page for page in PAGES if page.startswith("chapters/")]
# Without a book one page stands in, so that there is a test to be skipped aloud.
VIEWS = [*PAGES, "search.html?q=gradient"] if PAGES else ["intro.html"]


def problems_of(page, address, home):
    events = recorded(page)
    page.goto(address)
    seen = page.evaluate(LOOK)
    loading = loading_problems(events, home)  # before axe, which makes its own requests
    return [*loading, *seen, *axe_problems(page)]


def recorded(page):
    names = ("request", "requestfailed", "response", "console", "pageerror")
    events = {name: [] for name in names}
    for name in names:
        # Playwright sets an attribute of its handlers, which a bound method lacks.
        page.on(name, partial(list.append, events[name]))
    return events


def loading_problems(events, home):
    """What a page asked for outside its home or in vain, and the errors it logged."""
    here, bad = (home, "data:", "blob:"), ("error", "warning")
    asked = [r.url for r in events["request"] if not r.url.startswith(here)]
    answered = [r for r in events["response"] if r.status >= 400]
    logged = [message for message in events["console"] if message.type in bad]
    return [
        *(f"request outside: {url}" for url in asked),
        *(f"failed: {request.url}" for request in events["requestfailed"]),
        *(f"status {response.status}: {response.url}" for response in answered),
        *(f"console {message.type}: {message.text}" for message in logged),
        *(f"page error: {error}" for error in events["pageerror"]),
    ]


def axe_problems(page):
    return [
        f"axe {violation['id']}: {node['html'][:160]}"
        for violation in Axe().run(page).response["violations"]
        if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"]
    ]


class Anchors(HTMLParser):
    """The ids of a page and where it links to."""

    def __init__(self, page):
        super().__init__()
        self.ids, self.links = [], []
        self.feed(page.read_text("utf-8"))

    def handle_starttag(self, tag, attributes):
        self.ids += [value for name, value in attributes if name == "id"]
        self.links += [value for name, value in attributes if name == "href"]


def broken_links(folder):
    top = "file:///site/"  # as if the folder lay there: a link may lead out of it
    anchors = {page: Anchors(folder / page) for page in pages_of(folder)}
    known = {top + path.relative_to(folder).as_posix() for path in folder.rglob("*.*")}
    known |= {f"{top}{page}#{name}" for page in anchors for name in anchors[page].ids}
    broken = []
    for page in anchors:
        for link in anchors[page].links:
            target = re.sub(r"\?[^#]*", "", urljoin(top + page, link))
            if target.startswith("file:") and unquote(target) not in known:
                broken.append(f"{page} links to {link}")
    return broken


def search(page, home, word):
    """Type a word into the search page; return the paths of what it finds."""
    page.goto(home + "search.html")
    page.locator(".bd-search-container input").fill(word)
    page.keyboard.press("Enter")
    page.locator(".search-summary:not(:empty)").wait_for()
    links = page.locator("#search-results a").all()
    return {urlsplit(link.get_attribute("href")).path for link in links}


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        """Say nothing: the requests are recorded in the browser."""


@contextmanager
def served(folder):
    handler = partial(QuietHandler, directory=folder)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()


def unavailable(reason):
    """Skip aloud, or fail where the site has to be looked at."""
    required = os.environ.get("DL_SITE") == "required"
    (pytest.fail if required else pytest.skip)(reason)


@pytest.fixture(scope="module")
def book():
    if not PAGES:
        unavailable("no built book: run make book")
    with served(HTML) as home:
        yield home


@pytest.fixture(scope="module")
def browser():
    if not sync_playwright:
        unavailable("no Playwright: make test installs it")
    names = [os.environ["DL_CHROMIUM"]] if "DL_CHROMIUM" in os.environ else BROWSERS
    path = next(filter(None, map(shutil.which, names)), None)
    if not path:
        unavailable("no Chromium: install it or name it with DL_CHROMIUM")
    with sync_playwright() as playwright:
        flags = [*FLAGS.split(), ONLY_HERE]
        yield playwright.chromium.launch(executable_path=path, args=flags)


@pytest.fixture
def page(browser):
    with browser.new_context() as context:
        yield context.new_page()


@pytest.fixture(
    scope="module", params=["light 1280", "light 390", "dark 1280", "dark 390"]
)
def look(request, browser):
    theme, width = request.param.split()
    size = {"width": int(width), "height": 900}
    with browser.new_context(color_scheme=theme, viewport=size) as context:
        yield context, theme, width


@pytest.mark.parametrize("view", VIEWS)
def test_a_page_is_sound(look, book, view):
    context, theme, width = look
    with context.new_page() as page:
        problems = problems_of(page, book + view, book)
        shown = page.locator("html").get_attribute("data-theme")
    assert not problems, "\n".join([f"{view}, {theme}, {width} px:", *problems])
    assert shown == theme


@pytest.mark.parametrize("view", VIEWS)
def test_a_page_loads_as_a_file_too(page, book, view):
    events = recorded(page)
    page.goto(FILES + view, wait_until="networkidle")
    problems = loading_problems(events, FILES)
    assert not problems, "\n".join([f"{view} as a file:", *problems])


def test_the_front_page_leads_to_the_introduction(page, book):
    for home in (book, FILES):
        page.goto(home + "index.html")
        page.wait_for_url(home + "intro.html")


def test_every_link_within_the_book_leads_somewhere(book):
    broken = broken_links(HTML)
    assert not broken, "\n".join(broken)


def test_search_finds_a_word_of_every_chapter(page, book):
    for chapter in CHAPTERS:
        page.goto(book + chapter)
        prose = words(page, "article p:not(:has(.math, code, a))")
        word = max(sorted(prose - words(page, "article :is(h1, h2, h3)")), key=len)
        for home in (book, FILES):
            found = search(page, home, word)
            assert chapter in found, f"{word} of {chapter} not found on {home}"
    assert search(page, book, "hippopotamus") == set()


def words(page, selector):
    texts = page.locator(selector).all_text_contents()
    return set(re.findall("[a-z]+", " ".join(texts).lower()))


SOUND = """<!DOCTYPE html><html lang="en"><head><title>Page</title>
<link rel="icon" href="data:,"></head><body><main><h1>Page</h1><h2>Part</h2>
<h1 style="display: none">For print</h1> <img src="data:," role="presentation">
<code>$PATH $HOME</code> <span class="math"><mjx-container>a</mjx-container></span>
"""
MATH = '<span class="math"><mjx-container>%s</mjx-container></span>'
FAULTS = {
    "request outside: http://example.org/": '<img src="http://example.org/" alt="a">',
    "failed: http://127.0.0.1:1/": '<img src="http://127.0.0.1:1/" alt="a">',
    "status 404": '<img src="missing.png" alt="a">',
    "console error: oops": "<script>console.error('oops')</script>",
    "console warning: hm": "<script>console.warn('hm')</script>",
    "page error: no": "<script>throw Error('no')</script>",
    "mathematics not set: a": '<span class="math">a</span>',
    "mathematics not set: costs $a$": "<p>costs $a$</p>",
    r"mathematics not set: \(a\)": r"<p>\(a\)</p>",
    "mathematics wrong: b": MATH % "<mjx-merror>b</mjx-merror>",
    r"mathematics wrong: \sofmax": MATH % r"<mtext mathcolor='red'>\sofmax</mtext>",
    "2000 pixels wide": '<p style="margin: 0 -8px; width: 2000px">wide</p>',
    "2 visible h1": "<h1>Again</h1>",
    "skips a heading's level: Deep": "<h4>Deep</h4>",
    "no alt": '<img src="data:,">',
    "axe color-contrast": '<details><p style="color: #bbb">pale</p></details>',
}


@pytest.mark.parametrize("fault", [None, *FAULTS])
def test_a_fault_is_reported_and_nothing_else_is(page, tmp_path, fault):
    (tmp_path / "page.html").write_text(SOUND + FAULTS.get(fault, ""))
    with served(tmp_path) as home:
        problems = problems_of(page, home + "page.html", home)
    if fault:
        assert any(problem.startswith(fault) for problem in problems), problems
    else:
        assert problems == []


def test_a_broken_link_is_reported(tmp_path):
    good = '<a href="b.html#there"></a> <a href="#"></a> <a href="mailto:a@b.org"></a>'
    bad = '<a href="b.html#gone"></a> <a href="c.html"></a> <a href="../b.html"></a>'
    (tmp_path / "a.html").write_text(good + bad)
    (tmp_path / "b.html").write_text('<p id="there"><a href="#nowhere"></a>')
    broken = ["a.html links to b.html#gone", "a.html links to c.html"]
    broken += ["a.html links to ../b.html", "b.html links to #nowhere"]
    assert broken_links(tmp_path) == broken


OUTCOMES = {"required": pytest.fail.Exception, "": pytest.skip.Exception}


@pytest.mark.parametrize("setting", OUTCOMES)
def test_what_is_missing_skips_or_fails(monkeypatch, setting):
    monkeypatch.setenv("DL_SITE", setting)
    with pytest.raises(tuple(OUTCOMES.values()), match="no book") as raised:
        unavailable("no book")
    assert raised.type is OUTCOMES[setting]
