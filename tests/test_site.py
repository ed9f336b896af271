r"""Every page of the built book, looked at in Chromium: both themes, three widths.

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

from helpers import plots

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
PATIENCE = 120_000  # milliseconds: a busy machine takes its time
ONLY_HERE = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"

LOOK = r"""async () => {
    await document.fonts.ready;
    const later = (time) => new Promise((go) => setTimeout(go, time));
    const { dataset } = document.documentElement;
    const folded = document.querySelectorAll("details:not([open])");
    const fits = folded.length && dataset.fitted; // what is unfolded to the page
    if (fits) delete dataset.fitted;
    folded.forEach((fold) => (fold.open = true));
    while (fits && !dataset.fitted) await later(20);
    // A second after it has loaded the theme has added its own stops of the tab key.
    const { loadEventEnd } = performance.getEntriesByType("navigation")[0];
    if (dataset.fitted) await later(loadEventEnd + 1000 - performance.now());
    // What is unfolded fades in, and pale text has too little contrast.
    document.getAnimations().forEach((animation) => animation.cancel());

    const problems = [];
    const report = (words, elements, show) =>
        problems.push(...elements.map((element) => `${words}: ${show(element)}`));
    const all = (selector) => [...document.querySelectorAll(selector)];
    const text = (element) => element.textContent;
    const tag = (element) => element.cloneNode().outerHTML.slice(0, 160);

    report("mathematics not set", all(".math:not(:has(.katex))"), text);
    const prose = all("body :not(script, style, pre, pre *, code, code *, .math *)");
    const raw = (element) => [...element.childNodes].find((node) =>
        node.nodeType === Node.TEXT_NODE && /\$[^$]+\$|\\[(\[]/.test(node.data));
    report("mathematics not set", prose.map(raw).filter((node) => node), text);
    report("mathematics wrong", all(".katex-error"), text);
    const cut = all("span.math:not(.wide) .katex-base").filter((base) =>
        base.getBoundingClientRect().right > innerWidth);
    report("mathematics cut", cut, text);
    const torn = all("span.math").filter((formula) =>
        /^[.,;:)]/.test(formula.nextSibling?.data ?? ""));
    report("a sign torn from its formula", torn, text);

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

    const acts = "a, button, summary, input, select";
    const stops = all("article *").filter((element) => element.tabIndex === 0
        && !element.matches(acts) && element.scrollWidth <= element.clientWidth);
    report("the tab key stops", stops, tag);
    const code = "div.cell_input pre, .highlight-python pre, .highlight-sh pre";
    const copies = all("button.copybtn").filter((button) =>
        !button.parentElement.querySelector(code));
    report("copies what isn't code", copies, tag);

    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
        const { data, parentElement } = texts.currentNode;
        const apart = "a, pre, code, script, .math, h1, h2, h3, h4, dt, .snippet";
        if (parentElement.closest(apart)) continue;
        const found = data.match(/(?<![\w)\]])\([1-9]\d?\.[1-9]\d?\)/g);
        report("a reference without a link", found ?? [], (words) => words);
    }
    return problems;
}"""

# Before axe. A formula has the color of the text around it, and all words of one kind
# in programs have one color; a look at each would take longer than all the rest. The
# longest stands for them, as axe passes over single letters. So it is with texts that
# have the same color and letters on the same ground: the longest is marked.
SIMPLER = r"""() => {
    // Colors fade from one theme to the other.
    document.getAnimations().forEach((animation) => animation.cancel());
    document.querySelectorAll(".katex").forEach((formula) => formula.replaceWith("xx"));
    const longest = (elements, kind, length) => {
        const found = new Map();
        for (const element of elements) {
            const other = found.get(kind(element));
            if (!other || length(element) > length(other))
                found.set(kind(element), element);
        }
        return new Set(found.values());
    };
    const words = document.querySelectorAll("pre span");
    const kept = longest(words, (word) => {
        const around = word.closest("pre").parentElement.parentElement;
        const kinds = [word, word.parentElement, around, around?.parentElement]
            .map((element) => `${element?.className}`);
        return [...kinds, word.style.cssText].join("|");
    }, (word) => word.textContent.length);
    for (const word of words)
        if (!kept.has(word)) word.replaceWith(...word.childNodes);
    document.body.normalize(); // axe measures each piece of a text

    const looks = new Map(); // of elements: what axe judges a contrast by
    const look = (element) => {
        if (!element) return "";
        if (!looks.has(element)) {
            const style = getComputedStyle(element);
            const own = ["color", "backgroundColor", "backgroundImage", "opacity",
                "fontSize", "fontWeight", "textShadow", "position", "filter"]
                .map((name) => style[name]);
            const kind = [element.tagName, element.className, ...own].join("|");
            looks.set(element, `${look(element.parentElement)}\n${kind}`);
        }
        return looks.get(element);
    };
    const length = (element) => [...element.childNodes]
        .filter((node) => node.nodeType === Node.TEXT_NODE)
        .map((node) => node.data.trim()).join("").length;
    const texts = [...document.querySelectorAll("body *")].filter((element) => {
        delete element.dataset.longest;
        const shown = length(element) || element.matches("input, select, textarea");
        return shown && element.checkVisibility();
    });
    longest(texts, look, length).forEach((text) => (text.dataset.longest = ""));
}"""


def pages_of(folder):
    """Paths of the site's pages; index.html shows nothing, it leads to the first."""
    pages = [page.relative_to(folder).as_posix() for page in folder.rglob("*.html")]
    return sorted(p for p in pages if not re.match(r"_static/|index\.html", p))


PAGES = pages_of(HTML)
CHAPTERS = [page for page in PAGES if page.startswith("chapters/")]
CHAPTER = "chapters/04-backprop-bce.html"  # with proofs, claims, exercises, much code
# Without a book one page stands in, so that there is a test to be skipped aloud.
VIEWS = [*PAGES, "search.html?q=gradient"] if PAGES else ["intro.html"]


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


MINOR = {"region", "empty-table-header"}  # of axe, and held nevertheless


MARKED = ";axe.configure({rules: [{id: 'color-contrast', selector: '[data-longest]'}]})"


def axe_problems(page, **options):
    page.evaluate(SIMPLER)
    axe = Axe()
    axe.axe_script += MARKED
    options |= {"resultTypes": ["violations"]}  # all else is only counted
    return [
        f"axe {violation['id']}: {node['html'][:160]}"
        for violation in axe.run(page, options=options).response["violations"]
        if violation["impact"] in ("serious", "critical") or violation["id"] in MINOR
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


def search(page, words):
    """Type words into the search page; return the addresses of what it finds."""
    page.locator(".book-search input").fill(words)
    page.keyboard.press("Enter")
    page.locator(f"html[data-searched='{words}']").wait_for()
    links = page.locator("#search-results > li > a").all()
    found = [urlsplit(link.get_attribute("href")) for link in links]
    return [f"{link.path}#{link.fragment}" for link in found]


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
        context.set_default_timeout(PATIENCE)
        yield context.new_page()


def too_heavy(loaded, home, view):
    """What a page loads: under a megabyte, pictures and mathematics apart."""
    paths = {unquote(urlsplit(url.removeprefix(home)).path) for url in loaded}
    files = {path: HTML / path for path in paths if "_images/" not in path}
    # axe asks for style sheets where they aren't.
    sizes = {
        path: file.stat().st_size for path, file in files.items() if file.is_file()
    }
    mathematics = sum(size for path, size in sizes.items() if "/katex/" in path)
    index = sizes.pop("_static/sections.js", 0)
    rest = sum(sizes.values()) - mathematics
    return [
        *([f"{rest} bytes"] if rest > 1e6 else []),
        *([f"{mathematics} bytes for mathematics"] if mathematics > 450_000 else []),
        *(["the search index"] if index and not view.startswith("search") else []),
    ]


@pytest.fixture(scope="module")
def context(browser):
    with browser.new_context() as context:
        context.set_default_timeout(PATIENCE)
        yield context


def turn(page, theme, width):
    """As if the window had another size and the system another theme."""
    page.emulate_media(color_scheme=theme)
    page.set_viewport_size({"width": width, "height": 900})


def seen(page, theme, width):
    """What LOOK finds, once the page has been fitted to this width."""
    page.locator(f"html[data-fitted='{width}'][data-theme='{theme}']").wait_for()
    return [f"{theme}, {width} px: {problem}" for problem in page.evaluate(LOOK)]


@pytest.fixture(scope="module")
def windows(context):
    """Two windows and what happens in them; new ones for each page take longer."""
    pages = context.new_page(), context.new_page()
    return [(page, recorded(page)) for page in pages]


@pytest.mark.parametrize("view", VIEWS)
def test_a_page_is_sound(windows, book, view):
    """From a server on a desk and then on a phone; from a disk on the narrowest."""
    homes = (book, 1280), (FILES, 320)
    for (page, events), (home, width) in zip(windows, homes, strict=True):
        page.goto("about:blank")
        for kind in events.values():
            kind.clear()
        turn(page, "light", width)
        page.goto(home + view)
    (page, events), (narrow, others) = windows
    problems = seen(page, "light", 1280)
    problems += seen(narrow, "light", 320) + loading_problems(others, FILES)
    turn(page, "dark", 390)
    problems += seen(page, "dark", 390)
    # Before axe, which asks for more.
    problems += loading_problems(events, book)
    problems += too_heavy([request.url for request in events["request"]], book, view)
    problems += [f"dark, 390 px: {problem}" for problem in axe_problems(page)]
    turn(page, "light", 1280)
    page.locator("html[data-fitted='1280'][data-theme='light']").wait_for()
    contrast = axe_problems(page, runOnly=["color-contrast"])  # what a theme changes
    problems += [f"light, 1280 px: {problem}" for problem in contrast]
    assert not problems, "\n".join([f"{view}:", *problems])


def test_the_front_page_leads_to_the_introduction(page, book):
    for home in (book, FILES):
        page.goto(home + "index.html")
        page.wait_for_url(home + "intro.html")


def test_every_link_within_the_book_leads_somewhere(book):
    broken = broken_links(HTML)
    assert not broken, "\n".join(broken)


FIRST = {  # what the first result has to be about
    "softmax": "chapters/03-softmax-cross-entropy.html#",
    "overfitting": "chapters/09-fitting-and-overfitting.html#",
    "dropout": "chapters/09-fitting-and-overfitting.html#does-dropout-help",
    "vanishing gradient": "pages/glossary.html#vanishing-gradient",
    "CIFAR": "chapters/13-cifar-workflow.html#",
    "Adam": "chapters/08-taking-steps.html#",
    "momentum": "#.*momentum",
    "one-hot": "pages/glossary.html#one-hot",
    "chain rule": "pages/glossary.html#chain-rule",
    "transposed": "chapters/04-backprop-bce.html#",
    "log-sum-exp": "pages/glossary.html#log-sum-exp",
    "palindrome": "chapters/16-palindrome-rnn.html#",
    "097200": "technion_097200",
    "4.3": "#eq-4-3$",
}


@pytest.fixture(scope="module")
def searches(context, book):
    """The search page from a server and from a disk, where nothing can be fetched."""
    pages = context.new_page(), context.new_page()
    for page, home in zip(pages, (book, FILES), strict=True):
        page.goto(home + "search.html")
    return pages


@pytest.mark.parametrize("words", FIRST)
def test_search_finds_the_right_section_first_on_a_server_and_on_a_disk(
    searches, words
):
    for page in searches:
        found = search(page, words)
        assert found and re.search(FIRST[words], found[0]), found[:4]


def test_search_says_when_it_finds_nothing(searches):
    assert search(searches[0], "hippopotamus") == []
    assert searches[0].locator("#search-count").inner_text() == "Nothing found"


def test_a_term_of_the_glossary_finds_its_definition_first_or_second(
    searches, page, book
):
    page.goto(book + "pages/glossary.html")
    terms = page.locator("article dt").evaluate_all(
        "terms => terms.map((term) => [term.firstChild.data, term.id])"
    )
    assert len(terms) > 100
    last = {}
    for words, name in terms[::6]:
        found = search(searches[0], words.split(", ")[0])[:2]
        if f"glossary.html#{name}" not in "".join(found):
            last[words] = found
    assert last == {}


def test_a_result_shows_prose_with_its_formulas_set(searches):
    search(searches[0], "gradient")
    shown = searches[0].locator("#search-results .snippet")
    assert shown.locator(".katex").count() > 2
    assert shown.locator(".katex-error").count() == 0
    for words in shown.locator(":scope > :not(.katex)").all_inner_texts():
        assert "\\" not in words and "_" not in words
    pages = searches[0].locator("#search-results .where").all_inner_texts()
    assert len(pages) == len(set(pages))  # a page's places stand together


def test_a_result_leads_to_the_term_in_its_section(page, book):
    page.goto(book + "search.html")
    search(page, "dropout")
    page.locator("#search-results > li > a").first.click()
    mark = page.locator("article mark").first
    mark.wait_for()
    assert mark.inner_text().lower() == "dropout"
    assert 0 < mark.bounding_box()["y"] < page.viewport_size["height"]


# --- the landing page ---------------------------------------------------------------


def test_each_homework_has_a_card_with_its_way_in_and_its_standing(page, book):
    page.goto(book + "intro.html")
    *cards, other = page.locator(".homework").all()
    assert len(cards) == 5
    for card in (*cards, other):
        assert card.locator("a[href*='chapters/']").count()
        assert re.search(
            r"\d min\)", card.inner_text().replace("\N{NO-BREAK SPACE}", " ")
        )
        assert card.locator(".standing progress").count() == (card != other)
    ways_in = other.locator("a").all()
    assert [a.get_attribute("href") for a in ways_in] == [CHAPTERS[0]]


def test_a_phone_shows_a_homework_on_its_first_screen(page, book):
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(book + "intro.html")
    first = page.locator(".homework .title").first.bounding_box()
    assert first["y"] + first["height"] < 844


def test_the_map_leads_to_every_chapter(page, book):
    page.goto(book + "intro.html")
    links = [a.get_attribute("href") for a in page.locator(".chapter-map a").all()]
    assert links == CHAPTERS


def test_verbs_look_unlike_one_another_and_unlike_print(page, book):
    page.goto(book + CHAPTER)
    faces = [".face.proved", ".face.measured", ".face.yet", ".output.stream"]
    colors = [
        page.locator(face).first.evaluate("e => getComputedStyle(e).backgroundColor")
        for face in faces
    ]
    assert len(set(colors)) == len(faces)


def test_a_choice_in_the_contents_uncovers_the_page_on_a_phone(page, book):
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(book + CHAPTER)
    page.locator(".secondary-toggle").click()
    contents = page.locator("#pst-secondary-sidebar-modal")
    entry = contents.locator("a[href^='#']:visible").nth(2)
    target = entry.get_attribute("href")
    entry.click()
    assert not contents.is_visible()
    assert page.locator(target).first.is_visible()
    assert page.evaluate("location.hash") == target


def test_the_smallest_lettering_of_figures_has_11_pixels_on_a_phone(page, book):
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(book + CHAPTER)
    figures = page.locator(".cell_output figure img:visible").all()
    pixels = min(figure.bounding_box()["width"] for figure in figures)
    assert plots.POINTS * pixels / (72 * plots.WIDTH) >= 11
    assert page.evaluate("document.documentElement.scrollWidth") == 390


@pytest.mark.parametrize("width", [390, 1280])
def test_a_letter_of_the_glossary_leads_to_its_first_term(page, book, width):
    page.set_viewport_size({"width": width, "height": 844})
    page.goto(book + "pages/glossary.html")
    letters = page.locator(".letters")
    assert letters.locator("a").all_inner_texts()[:2] == ["A", "B"]
    letters.locator("a", has_text="M").click()
    term = page.locator(f"dt{page.evaluate('location.hash')}")
    row = letters.bounding_box()  # stays, so that the next letter is one click away
    assert 0 <= row["y"] < row["y"] + row["height"] <= term.bounding_box()["y"] < 400


def test_a_link_marks_the_heading_of_its_section_and_no_more(page, book):
    color = "e => getComputedStyle(e).backgroundColor"
    for anchor in ("ex-4-3", "exercise-4-3-find-four-bugs"):
        page.goto(book + CHAPTER + "#" + anchor)
        exercise = page.locator("#exercise-4-3-find-four-bugs")
        assert exercise.evaluate(color) == "rgba(0, 0, 0, 0)"
        assert exercise.locator("> h3").evaluate(color) != "rgba(0, 0, 0, 0)"


def test_an_exercise_is_in_the_contents_and_its_head_leads_to_its_answer(page, book):
    page.set_viewport_size({"width": 1280, "height": 900})
    page.goto(book + CHAPTER)
    exercises = page.locator("section.exercise")
    entries = page.locator(".page-toc a[href^='#exercise']:visible")
    assert entries.count() == exercises.count()
    entries.nth(2).click()
    exercise = exercises.nth(2)
    answer = exercise.locator("details", has_text="Answer").last
    exercise.locator(".ways button", has_text="Answer").click()
    assert answer.get_attribute("open") is not None
    assert 0 < answer.bounding_box()["y"] < 300
    assert answer.locator("summary").evaluate("e => e === document.activeElement")


# --- references -----------------------------------------------------------------------


@pytest.mark.parametrize("by", ["mouse", "keyboard", "touch"])
def test_a_reference_shows_its_equation(browser, book, by):
    with browser.new_context(has_touch=by == "touch") as context:
        page = context.new_page()
        page.goto(book + CHAPTER)
        link = page.locator("article p a.to-equation").first
        link.scroll_into_view_if_needed()
        if by == "mouse":
            link.hover()
        elif by == "touch":
            link.tap()
        else:
            page.keyboard.press("Tab")  # so that what is focused shows it
            link.focus()
        card = page.locator("#card:not([hidden])")
        card.wait_for()
        number = link.get_attribute("data-number")
        assert card.locator(".katex-tag").inner_text() == f"({number})"
        assert card.locator(".katex-error").count() == 0
        box, seen = card.bounding_box(), page.viewport_size
        assert box["x"] >= 0 and box["x"] + box["width"] <= seen["width"]
        assert page.url == book + CHAPTER  # no finger is led away by its first touch
        page.keyboard.press("Escape")
        assert page.locator("#card:not([hidden])").count() == 0


def test_a_proved_equation_leads_to_its_proof_and_its_row_of_the_ledger(page, book):
    page.goto(book + CHAPTER)
    proof, row = page.locator(".equation .proof-mark").first.locator("a").all()
    number = re.search(r"proof-(\d+-\d+)", proof.get_attribute("href"))[1]
    page.goto(book + "chapters/" + row.get_attribute("href"))
    target = page.locator(f"#ledger-{number}")
    assert target.locator(".katex").count() and not target.locator("math:empty").count()
    shown = target.locator("td").first.evaluate("td => getComputedStyle(td).background")
    other = page.locator("td").last.evaluate("td => getComputedStyle(td).background")
    assert shown != other  # what is reached is seen


# --- keyboard, touch, print, weight ---------------------------------------------------


def test_each_button_of_the_header_shows_that_it_is_focused(page, book):
    page.goto(book + CHAPTER)
    page.keyboard.press("Tab")
    for button in page.locator(".bd-header-article button:visible").all():
        button.focus()
        outline = button.evaluate("b => getComputedStyle(b).outlineStyle")
        assert outline == "solid", button.get_attribute("class")


def test_a_finger_sees_the_copy_buttons_and_whole_links_to_the_next_page(browser, book):
    size = {"width": 390, "height": 900}
    with browser.new_context(has_touch=True, is_mobile=True, viewport=size) as context:
        page = context.new_page()
        page.goto(book + CHAPTER)
        button = page.locator("button.copybtn").first
        assert button.evaluate("b => getComputedStyle(b).opacity") == "1"
        for link in page.locator(".prev-next-title").all():
            assert link.evaluate("e => e.scrollWidth <= e.clientWidth + 1")


def test_on_paper_code_wraps_and_the_answers_stand_at_the_end(page, book):
    page.set_viewport_size({"width": 720, "height": 1000})
    page.goto(book + CHAPTER)
    folded = page.locator("section.exercise details").count()
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    wide = page.evaluate("""() => [...document.querySelectorAll("article pre")]
        .filter((pre) => pre.scrollWidth > pre.clientWidth + 1).length""")
    assert wide == 0
    exercises = page.locator("section.exercise").count()
    assert folded and page.locator("#answers > h3").count() == exercises
    assert page.locator("details:not([open])").count() == 0
    assert page.locator(".bd-sidebar-primary").is_hidden()
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("#answers").count() == 0
    assert page.locator("section.exercise details[open]").count() == 0


def test_the_contents_mark_the_section_that_is_read(page, book):
    page.goto(book + CHAPTER)
    for section in page.locator("article section > h2").all()[1:4]:
        section.evaluate("h => { h.scrollIntoView(); scrollBy(0, 200); }")
        page.wait_for_timeout(100)
        marked = page.locator(".page-toc .here").inner_text()
        assert marked in section.inner_text()


def test_without_javascript_the_header_stands_above_the_text(browser, book):
    size = {"width": 1280, "height": 900}
    with browser.new_context(java_script_enabled=False, viewport=size) as context:
        page = context.new_page()
        page.goto(book + CHAPTER)
        header = page.locator(".bd-header-article").bounding_box()
        title = page.locator("article h1").bounding_box()
        assert header["y"] + header["height"] <= title["y"] + 1
        assert (
            header["x"]
            >= page.locator("#pst-primary-sidebar").bounding_box()["width"] - 1
        )


def test_no_link_leads_to_a_repository_that_is_not_there(book):
    for view in PAGES:
        links = Anchors(HTML / view).links
        assert not [link for link in links if "OWNER/REPO" in link], view


SOUND = """<!DOCTYPE html><html lang="en"><head><title>Page</title>
<link rel="icon" href="data:,"></head><body><main><h1>Page</h1><h2>Part</h2>
<h1 style="display: none">For print</h1> <img src="data:," role="presentation">
<code>$PATH $HOME</code> <span class="math"><i class="katex">a</i></span>
"""
MATH = '<p><span class="math"><i class="katex katex-base" %s>b</i></span>%s</p>'
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
    "mathematics wrong: no": '<i class="katex-error">no</i>',
    "mathematics cut: b": '<div style="width: 9px; overflow: hidden">%s</div>'
    % (MATH % ("style='padding-left: 1300px'", "")),
    "a sign torn from its formula: b": MATH % ("", ". Then"),
    "2000 pixels wide": '<p style="margin: 0 -8px; width: 2000px">wide</p>',
    "2 visible h1": "<h1>Again</h1>",
    "skips a heading's level: Deep": "<h4>Deep</h4>",
    "no alt": '<img src="data:,">',
    "the tab key stops: <p": '<article><p tabindex="0">nothing to do</p></article>',
    "copies what isn't code": '<p><button class="copybtn">copy</button></p>',
    "a reference without a link: (4.5)": "<p>by (4.5)</p>",
    "axe color-contrast: <p": '<details><p style="color: #bbb">pale</p></details>',
    "axe color-contrast: <span": '<pre><span style="color: #bbb">pale</span>',
}


@pytest.mark.parametrize("fault", [None, *FAULTS])
def test_a_fault_is_reported_and_nothing_else_is(page, tmp_path, fault):
    (tmp_path / "page.html").write_text(SOUND + FAULTS.get(fault, ""))
    events = recorded(page)
    with served(tmp_path) as home:
        page.goto(home + "page.html")
        problems = page.evaluate(LOOK)
        problems += loading_problems(events, home)
    problems += axe_problems(page)
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
