"""A small Sphinx project is built with the extension; its links are what is tested."""

import io
import re
import shutil
import subprocess

import nbformat
import pytest
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace

import helpers
from tools import pages, site_extension
from tools.digest import ROOT
from tools.site_faces import _claimed, gauge
from tools.site_landing import chapter_map, names, standings
from tools.site_search import sections

CONF = """
extensions = ["myst_nb", "sphinx_book_theme", "tools.site_extension"]
nb_execution_mode = "off"
myst_enable_extensions = ["dollarmath", "deflist"]
myst_heading_anchors = 3
html_theme = "sphinx_book_theme"
html_static_path = ["_static"]
"""
TARGETS = ["eq-4-3", "eq-4-4", "proof-4-3", "ex-4-2", "claim-1", "claim-2"]
TARGETS += ["row-f3", "row-s12"]
FIGURES = [f"[](chapters/04-drawn.ipynb#fig-4-{count})" for count in (1, 2)]
TABLE = """
| key | says |
| --- | --- |
| F3 | a sign |
| S12 | a digit, as F4 does |
| X1 | no key |
| F4 too | no key either |
"""
PAGE = """
# Page

(bishop2006)=
A book.

logit
: A score.
"""


def record(**book):
    line = f"({book['number']}) holds" if book["verb"] == "prove" else str(book)
    data, metadata = {"text/plain": line}, {"book": book}
    return nbformat.v4.new_output("display_data", data, metadata=metadata)


CLAIM = record(
    **{"verb": "claim", "what": "this", "words": "exactly", "bar": "1"},
    **{"measured": "1", "limit": 1.0, "numbers": [1.0], "control": ""},
)
CAUSE = record(
    **{"verb": "claim", "what": "gap", "words": "at least", "limit": 0.5},
    **{"bar": "50 % of it goes with dropout", "control": "with dropout"},
    **{"numbers": [0.099] * 3, "without": [0.021] * 3},
    measured="9.9 %, with dropout 2.1 %; paired difference 7.8 % (3 seeds); 79 % goes",
)


def chapter():
    text, code = nbformat.v4.new_markdown_cell, nbformat.v4.new_code_cell
    return nbformat.v4.new_notebook(
        metadata={"language_info": {"name": "python"}},
        cells=[
            text("# Chapter\n\n$$a = b \\tag{4.3}$$"),
            code('prove("4.3", a)', outputs=[record(verb="prove", number="4.3")]),
            code('prove("4.3", wrong)  # fails, so it proves nothing'),
            text("$$\\begin{aligned} a &= b \\\\ &= c \\end{aligned} \\tag{4.4}$$"),
            code('claim("accuracy", 1)\nclaim("loss", 0)', outputs=[CLAIM, CLAIM]),
            code("disclaim(1)"),
            code('claim("parameters", 3)', outputs=[CLAIM]),
            text("## Exercise 4.2: a bug"),
            text(TABLE),
            text("[a book](page.md#bishop2006), [a term](page.md#logit), `--out`"),
            text("By (4.3), $c$ is (0.982) or (4.05) or f(2.5); `(4.3) in code`."),
        ],
    )


def printed(text):
    return nbformat.v4.new_output("stream", text=text)


ROWS = [
    {
        **{"what": f"penalty 1e-6: step {step}", "words": "exactly", "bar": "1"},
        **{"measured": "1", "limit": 1.0, "numbers": [1.0], "control": ""},
    }
    for step in (6, 7)
]
TABLE_OF_CLAIMS = record(verb="claim", what="penalty 1e-6", rows=ROWS)


def drawn():
    """A chapter with two figures; the first cell also prints a claim."""
    code, picture = nbformat.v4.new_code_cell, {"image/png": "iVBORw0KGgo="}
    figure = nbformat.v4.new_output("display_data", picture)
    about = {"book": {"verb": "figure", "alt": "Another.", "moving": "softmax"}}
    about["book"]["images"] = True
    moving = nbformat.v4.new_output("display_data", picture, metadata=about)
    stored = [
        {"mystnb": {"image": {"alt": alt}, "figure": {"caption": caption}}}
        for alt, caption in (("A line.", "It *rises*."), ("Another.", "It falls."))
    ]
    return nbformat.v4.new_notebook(
        metadata={"language_info": {"name": "python"}},
        cells=[
            nbformat.v4.new_markdown_cell("# Drawn"),
            code('claim("loss", 0)', outputs=[figure, CLAIM], metadata=stored[0]),
            code("draw()", outputs=[moving], metadata=stored[1]),
            code("print(table)", outputs=[printed("x     y\n1.0   2")]),
            code("print(words)", outputs=[printed("One line  of words.\nAnother.")]),
            code("print(code)", outputs=[printed("def f():\n    return 1")]),
            code('claim("gap", gaps, control=others)', outputs=[CAUSE]),
            code('claim("penalty 1e-6", both)', outputs=[TABLE_OF_CLAIMS]),
        ],
    )


def build(folder, links):
    """Build a project whose index has `links`; returns its pages and its warnings."""
    source = folder / "source"
    source.mkdir()
    (source / "conf.py").write_text(CONF)
    (source / "page.md").write_text(f"{PAGE}\nAs (4.3) says.")
    (source / "proofs").mkdir()
    (source / "proofs/a.v").write_text("Theorem eq_4_3 : True.\nProof. exact I. Qed.\n")
    (source / "_static/moving").mkdir(parents=True)
    (source / "_static/moving/softmax.js").write_text("")
    nbformat.write(chapter(), source / "chapter.ipynb")
    (source / "chapters").mkdir()
    nbformat.write(drawn(), source / "chapters/04-drawn.ipynb")
    (source / "pages").mkdir()
    (source / "pages/notation.md").write_text("# Notation")
    (source / "pages/formal.md").write_text("# Formal\n\n(formal-4-3)=\nA theorem.")
    ledger = pages.ledger({"chapter.ipynb": chapter()}, {"4.3"})
    (source / "pages/ledger.md").write_text(ledger)
    listed = "chapter\nchapters/04-drawn\npage\npages/notation\npages/formal\n"
    listed += "pages/ledger"
    toctree = f"```{{toctree}}\n{listed}\n```\n"
    (source / "index.md").write_text(f"# Index\n\n{toctree}\n" + "\n".join(links))
    warnings = io.StringIO()
    with docutils_namespace():
        app = Sphinx(
            *(source, source, folder / "html", folder / "trees", "html"),
            confoverrides={"nitpicky": True},
            status=None,
            warning=warnings,
        )
        app.build()
    html = {page.stem: page.read_text() for page in (folder / "html").rglob("*.html")}
    return html, warnings.getvalue(), app


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    links = [f"[{target}](chapter.ipynb#{target})" for target in TARGETS]
    return build(
        tmp_path_factory.mktemp("site"), [*links, *FIGURES, "[](chapter.ipynb#nowhere)"]
    )


def test_every_target_stands_once_in_the_page(built):
    html, _, _ = built
    for target in TARGETS:
        assert html["chapter"].count(f'id="{target}"') == 1


def test_links_to_targets_resolve_and_only_those_do(built):
    html, warnings, _ = built
    for target in TARGETS:
        assert f'href="chapter.html#{target}"' in html["index"]
    assert "nowhere" in warnings
    assert len(warnings.strip().splitlines()) == 1


def test_every_link_of_the_ledger_resolves(built):
    html, warnings, _ = built
    assert "ledger" not in warnings
    for target in ("eq-4-3", "eq-4-4", "proof-4-3", "claim-1", "claim-2"):
        assert f'href="../chapter.html#{target}"' in html["ledger"]
    assert 'href="formal.html#formal-4-3"' in html["ledger"]


def test_a_notebook_links_to_a_myst_target_and_to_a_term(built):
    html, _, _ = built
    assert 'href="page.html#bishop2006"' in html["chapter"]
    assert 'href="page.html#logit"' in html["chapter"]


def test_the_first_cell_that_proves_is_the_target(built):
    html, _, _ = built
    after = html["chapter"].partition('id="proof-4-3"')[2]
    assert after.index("prove") < after.index("wrong")


def test_claiming_cells_are_counted_by_cell_and_nothing_else_is(built):
    html, _, _ = built
    after = html["chapter"].partition('id="claim-2"')[2]
    assert "parameters" in after and "disclaim" not in after
    assert 'id="claim-3"' not in html["chapter"]


def test_a_row_is_a_target_by_its_first_cell_alone(built):
    html, _, _ = built
    after = html["chapter"].partition('id="row-f3"')[2]
    assert after.index("a sign") < after.index("a digit")
    for name in ("row-f4", "row-x1", "row-key"):
        assert name not in html["chapter"]


def test_captions_are_numbered_by_chapter_and_stand_around_pictures_only(built):
    html, _, _ = built
    page = html["04-drawn"]
    assert page.count("<figure") == page.count("<figcaption") == 2
    for count, words in enumerate(("It <em>rises</em>.", "It falls."), start=1):
        after = page.partition(f'id="fig-4-{count}"')[2]
        number = f'<span class="caption-number">Figure 4.{count}. </span>'
        assert f"{number}{words}" in after.partition("</figure>")[0]
        assert f'href="#fig-4-{count}"' in after
        assert f'href="chapters/04-drawn.html#fig-4-{count}"' in html["index"]
    claimed = page.partition("face measured")[0]
    assert claimed.count("<figure") == claimed.count("</figure>") == 1


def test_formulas_are_left_as_they_are_for_katex(built):
    html, _, _ = built
    assert r'<div class="math">\begin{aligned} a &amp;= b' in html["chapter"]
    assert '<span class="math">c</span>' in html["chapter"]


def test_a_reference_is_a_link_that_carries_its_equation(built):
    html, _, _ = built
    link = r'href="#eq-4-3" data-number="4.3" data-tex="a = b" data-grade="formal"'
    assert f'{link} data-proof="#proof-4-3">(4.3)</a>' in html["chapter"]
    assert 'href="chapter.html#eq-4-3"' in html["page"]


def test_numbers_calls_and_code_are_no_references(built):
    html, warnings, _ = built
    for said in ("(0.982)", "f(2.5)", '<span class="pre">(4.3)</span>', "(4.05)"):
        assert said in html["chapter"]
    assert "there is no equation" not in warnings


def test_a_reference_to_no_equation_is_a_warning(tmp_path):
    _, warnings, _ = build(tmp_path, ["see (4.9)"])
    assert "there is no equation (4.9)" in warnings


def test_a_proved_equation_has_a_mark_and_others_have_none(built):
    html, _, _ = built
    mark = '<p class="proof-mark"><a href="#proof-4-3">✓ proved</a>'
    ledger = '<a href="pages/ledger.html#ledger-4-3">formal</a>'
    assert html["chapter"].count("proof-mark") == 1
    assert f"{mark} {ledger}</p>" in html["chapter"]


def test_each_verb_has_its_face_and_a_cell_one_box(built):
    html, _, _ = built
    page = html["chapter"]
    assert page.count('class="faces') == 3 and page.count("face measured") == 3
    assert page.count("face proved") == 1
    assert '<b>1</b> <span class="bar">bar: exactly 1</span>' in page


def test_a_bar_is_drawn_from_zero_unless_a_number_is_far_from_its_limit():
    assert 'style="width:46.3%"' in gauge(0.5, 1.0)
    assert 'style="left:92.6%"' in gauge(0.5, 1.0)
    assert gauge(1e-9, 1.0) == gauge(-1.0, 1.0) == gauge(0.0, 0.0) == ""


def test_a_claim_of_cause_shows_both_values(built):
    html, _, _ = built
    page = html["04-drawn"]
    for said in ("<b>9.9 %</b>", "<b>2.1 %</b>", "with dropout", "79 % goes"):
        assert said in page


def test_a_row_of_a_table_of_claims_doesnt_repeat_the_tables_name(built):
    html, _, _ = built
    names = re.findall(r'<span class="name">(.*?)</span>', html["04-drawn"])
    assert names[-2:] == ["step 6", "step 7"]
    assert '<p class="what">penalty 1e\N{MINUS SIGN}6</p>' in html["04-drawn"]


@pytest.mark.parametrize(
    ("text", "joined"),
    [
        ("read 75 % of ≈ 60 000", "read 75~% of ≈~60 000"),
        (" % more", "~% more"),
        ("28 × 28 pixels", "28~×~28 pixels"),
        ("a × b, 5 percent", "a × b, 5 percent"),
    ],
)
def test_a_number_and_its_sign_stay_on_one_line(text, joined):
    words, code = nodes.paragraph("", text), nodes.literal("", "7 % 2")
    page = nodes.section("", words, code)
    site_extension.keep_together(None, page, "")
    assert words.astext() == joined.replace("~", "\N{NO-BREAK SPACE}")
    assert code.astext() == "7 % 2"


def test_two_controls_of_a_cause_are_told_apart_and_a_reversed_effect_has_no_bar():
    rows = [
        {
            "what": "gap",
            "words": "at least",
            "bar": "50 % of it goes",
            "measured": f"0.2, {control} {value}; paired difference 0.3; 60 % goes",
            "numbers": [0.2],
            "without": [value],
            "control": control,
        }
        for control, value in (("with dropout", -0.1), ("stopped early", 0.1))
    ]
    one, other = (_claimed(row, "gap", alone=False) for row in rows)
    assert '<span class="name">with dropout</span>' in one
    assert '<span class="name">stopped early</span>' in other
    assert "width:0.0%" in one and "width:50.0%" in other
    assert '<span class="name">gap</span>' in _claimed(rows[0], "gap", alone=True)


def test_a_figure_that_moves_is_named_beside_its_still_picture(built):
    html, _, _ = built
    page = html["04-drawn"]
    assert page.count('<div class="moving" data-figure="softmax" hidden></div>') == 1
    assert page.count("_static/moving/softmax.js") == 1
    assert "moving/" not in html["chapter"]


def test_a_figure_with_images_is_marked_and_no_other(built):
    html, _, _ = built
    marked = re.findall(r"<img[^>]*with-images[^>]*>", html["04-drawn"])
    assert [re.search('alt="([^"]*)"', image)[1] for image in marked] == ["Another."]


def test_what_is_printed_in_columns_and_code_are_marked_and_words_are_not(built):
    html, _, _ = built
    boxes = re.findall(r'<div class="output [^"]*stream[^"]*">', html["04-drawn"])
    assert ["aligned" in box for box in boxes] == [True, False, True]


def test_a_short_word_of_code_is_kept_whole(built):
    html, _, _ = built
    words = re.findall(r'<code class="([^"]*)">(.*?)</code>', html["chapter"])
    whole = {re.sub("<[^>]*>", "", text): "whole" in kinds for kinds, text in words}
    assert whole["--out"] and not whole["(4.3) in code"]


def test_results_whose_questions_begin_alike_are_named_apart():
    results = {
        "Q4 MNIST: at most 600,000 weights": "accuracy",
        "Q5 CIFAR-10: accuracy": "accuracy",
        "Q5 CIFAR-10: accuracy for each weight; ranked": "score",
        "Part II, task 2: on CIFAR-10": "accuracy",
        "Part II, beyond the sheet: the same": "accuracy",
        "Part III, task 1: one": "accuracy",
        "Part III, task 1: two": "accuracy",
    }
    made = [({"question": q}, {"metric": metric}) for q, metric in results.items()]
    assert list(names(made)) == [
        "Q4 MNIST",
        *("Q5 CIFAR-10: accuracy", "Q5 CIFAR-10: score"),
        *("Part II, task 2", "Part II, beyond the sheet"),
        *("Part III, task 1: one", "Part III, task 1: two"),
    ]


def test_the_landing_page_names_no_two_results_of_a_homework_alike():
    for standing in standings(ROOT):
        named = re.findall(r"(?:<br>|</span>)([^<]+): <b>", standing)
        assert named and len(named) == len(set(named))


def test_the_map_has_an_arc_for_each_chapter_that_another_needs():
    chapters = {
        "chapters/03-a": ("3. A: why?", []),
        "chapters/05-b": ("5. B <c>: why?", [3]),
        "chapters/13-d": ("13. D", [3, 5, 7]),  # chapter 7 isn't there
    }
    drawn = chapter_map(chapters, lambda page: f"{page}.html")
    # 13 needs 5, which needs 3 already.
    assert drawn.count("<path") == 2 and drawn.count("<circle") == 3
    assert "13 needs 3, 5, 7" in drawn and "3 needs none" in drawn
    assert '<a href="chapters/05-b.html">' in drawn and "5. B &lt;c&gt;<" in drawn


def test_the_index_holds_sections_equations_and_terms():
    body = """<section id="top"><h1>Top<a class="headerlink">#</a></h1><p>First
    <span class="math">a_1</span>.</p><div class="equation" id="eq-4-3">
    <div class="math">x \\tag{4.3}</div></div><section id="sub"><h2>Sub</h2><p>Second.
    </p><svg><path d="M0" /><text>7 %</text></svg><script>no</script>
    <pre>code()</pre></section></section><dl>
    <dt id="logit">logit</dt>
    <dd>A score.</dd></dl>"""
    found = {entry["url"]: entry for entry in sections(body, "a.html")}
    assert found["a.html#top"]["text"] == r"First \(a_1\). …"
    assert found["a.html#top"]["more"] == "x (4.3)"
    assert found["a.html#eq-4-3"]["title"] == "Equation (4.3)"
    assert found["a.html#eq-4-3"]["text"] == r"Top: \(x\)"
    assert found["a.html#sub"] == {
        "title": "Sub",
        "page": "Top",
        "url": "a.html#sub",
        "text": "Second.",
        "more": "code()",
    }
    assert found["a.html#logit"]["text"] == "A score."


def test_of_the_themes_styles_only_what_is_used_is_shipped(built, tmp_path):
    _, _, app = built
    styles = tmp_path / "_static/styles"
    styles.mkdir(parents=True)
    (styles / "pydata-sphinx-theme.css").write_text(
        "@font-face{font-family:Icons}.used a,.gone b{color:red}.gone:hover{top:0}"
        "@media print{p .gone{left:0}p .by-script{left:1}}p:not(.gone){right:0}"
    )
    (tmp_path / "a.html").write_text('<p class="used">')
    (tmp_path / "_static/a.js").write_text("p.classList.add('by-script')")
    (tmp_path / "_static/a.js.map").write_text("{}")
    app.outdir, outdir = tmp_path, app.outdir
    site_extension.lighten(app, None)
    app.outdir = outdir
    assert (styles / "pydata-sphinx-theme.css").read_text() == (
        ".used a,.gone b{color:red}@media print{p .by-script{left:1}}"
        "p:not(.gone){right:0}"
    )
    assert not (tmp_path / "_static/a.js.map").exists()


def test_footer_names_the_version_and_unknown_without_git(built):
    _, _, app = built
    footer = app.config.html_theme_options["extra_footer"]
    assert footer.endswith(f"CC BY 4.0. Version {helpers.__version__}, commit unknown")


@pytest.mark.skipif(shutil.which("git") is None, reason="no git on this machine")
def test_footer_names_the_commit(built, tmp_path):
    git = ["git", "-C", tmp_path, "-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "first"], check=True)
    commit = subprocess.check_output([*git, "rev-parse", "HEAD"], text=True)
    _, _, app = built
    app.confdir = tmp_path
    site_extension.name_the_edition(app, app.config)
    short = app.config.html_theme_options["extra_footer"].rpartition(" ")[2]
    assert len(short) >= 4 and commit.startswith(short)
