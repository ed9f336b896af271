import re
from pathlib import Path

import nbformat
import pytest
from pybtex.database import parse_file, parse_string

from helpers import results
from tools import pages
from tools.markdown import plain

ROOT = Path(__file__).parent.parent
BOOK = """
@book{zed2001, author = {Zed, Ann}, title = {First}, year = {2001},
  publisher = {P}, url = {https://example.org/a_b}}
@article{abel1999, author = {Abel, Bo and van der Berg, Cy}, title = {Second},
  journal = {J}, year = {1999}, doi = {10.1/x_y}}
@article{many2000, author = {Many, A and Many, B and Many, C}, title = {Third},
  journal = {J}, year = {2000}, doi = {10.1/z}}
"""
QUESTIONS = """
course:
  title: A homework
  questions: [{key: q, question: Train it, card: solutions/course/cards/q.json}]
"""
LINE = "holds at 24 random points of lengths 1e-3 to 1e4"
ACCURACY = {
    "verb": "claim",
    "what": "accuracy",
    "words": "at least",
    "bar": "92 %",
    "measured": "92.5 %",
}


def text(source):
    return nbformat.v4.new_markdown_cell(source)


def code(source, *outputs):
    displays = [
        nbformat.v4.new_output(
            "display_data", {"text/plain": line}, metadata={"book": record}
        )
        for line, record in outputs
    ]
    return nbformat.v4.new_code_cell(source, outputs=displays)


def proof(number, grade="at random points"):
    record = {"verb": "prove", "number": number, "grade": grade}
    return code(f'prove("{number}", f)', (f"({number}) {LINE}", record))


def claim(*whats):
    outputs = [("a line", ACCURACY | {"what": what}) for what in whats]
    return code('claim("accuracy", 1)', *outputs)


def notebook(*cells):
    return nbformat.v4.new_notebook(cells=list(cells))


def test_an_equation_is_a_definition_or_proved_or_neither():
    nb = notebook(
        text("# T\n\n## One\n\n$$p := q \\tag{1.1}$$"),
        text("$$a = b \\tag{1.2}$$\n\n## Two\n\n$$\nc = d\n\\tag{1.3}\n$$"),
        proof("1.3"),
    )
    assert [(e.number, e.section) for e in pages.equations(nb)] == [
        ("1.1", "One"),
        ("1.2", "One"),
        ("1.3", "Two"),
    ]
    page = pages.ledger({"chapters/01-t.ipynb": nb})
    link = "../chapters/01-t.ipynb"
    shown = f"at random points, [proof]({link}#proof-1-3): holds"
    assert f"| [(1.1)]({link}#eq-1-1) One | $p := q$ | definition |" in page
    assert f"| [(1.2)]({link}#eq-1-2) One | $a = b$ | **not proved** |" in page
    assert f"[(1.3)]({link}#eq-1-3) Two | $c = d$ | {shown}" in page
    assert "- Equations: 3. Definitions: 1. Not proved: 1.\n- Proved: 1. " in page
    assert "\n- Claims: 0." in page


def test_a_formula_with_bars_stays_in_its_cell_of_the_ledger():
    nb = notebook(text("$$|a| := \\|b\\|\n\\tag{1.1}$$"))
    assert r"| $\|a\| := \\|b\\|$ | definition |" in pages.ledger({"a.ipynb": nb})


def test_the_grade_of_a_proof_is_the_strictest_that_it_has():
    tags = [text(f"$$a = b \\tag{{1.{i}}}$$") for i in (1, 2, 3, 4)]
    proofs = [proof("1.1"), proof("1.2", "symbolic"), proof("1.3", "symbolic")]
    page = pages.ledger({"a.ipynb": notebook(*tags, *proofs)}, {"1.3", "1.4"})
    assert "Proved: 3. Formal: 1, symbolic: 1, at random points: 1.\n" in page
    assert "| at random points, [proof](../a.ipynb#proof-1-1): holds" in page
    assert "| symbolic, [proof](../a.ipynb#proof-1-2): holds" in page
    assert "| [formal](formal.md#formal-1-3), [proof](../a.ipynb#proof-1-3): " in page
    assert "(1.4)](../a.ipynb#eq-1-4)  | $a = b$ | **not proved** |" in page


def test_a_definition_does_not_excuse_the_equation_below_it():
    nb = notebook(text("$$p := q \\tag{1.1} \\\\ a = b \\tag{1.2}$$"))
    found = [pages.is_definition(e.formula) for e in pages.equations(nb)]
    assert found == [True, False]


def test_a_proof_that_raised_proves_nothing():
    error = nbformat.v4.new_output(
        "error", ename="AssertionError", evalue="(1.1) fails"
    )
    cell = nbformat.v4.new_code_cell('prove("1.1", wrong)', outputs=[error])
    assert pages.proofs(notebook(text("$$a = b \\tag{1.1}$$"), cell)) == {}


def test_powers_of_ten_and_percentages_are_not_torn_apart():
    nb = notebook(text("# T\n\n$$a = b \\tag{1.1}$$"), proof("1.1"), claim("a"))
    page = pages.ledger({"a.ipynb": nb})
    assert "lengths $10^{-3}$ to $10^{4}$" in page
    assert plain("1e-06 of -1.8e-07") == r"$10^{-6}$ of −$1.8 \cdot 10^{-7}$"
    assert plain("x-1, 3-5, e-3, -1.5 %") == "x-1, 3-5, e-3, −1.5\N{NO-BREAK SPACE}%"
    assert "at least 92\N{NO-BREAK SPACE}%" in page


def test_claims_link_to_their_cell_counting_the_cells_that_claim():
    nb = notebook(claim("a", "b"), code("disclaim(1)"), claim(), claim("c"))
    found = [(c.record["what"], c.cell) for c in pages.claims(nb)]
    assert found == [("a", 1), ("b", 1), ("c", 3)]


def test_a_claim_from_a_cell_without_the_word_is_refused():
    with pytest.raises(ValueError, match="no literal claim"):
        pages.claims(notebook(code("hidden()", ("accuracy: …", ACCURACY))))


def test_what_a_claim_says_is_not_read_as_markup():
    page = pages.ledger({"a.ipynb": notebook(claim("size | of [x] in *W*"))})
    assert r"[size \| of \[x\] in \*W\*](../a.ipynb#claim-1)" in page


def test_rows_of_a_table_are_claims_of_their_own_and_causes_are_marked():
    cause = ACCURACY | {"what": "gap", "bar": "50 % of it goes", "control": "with x"}
    rows = [ACCURACY | {"what": what} for what in ("error: SGD", "error: Adam")]
    table = {"verb": "claim", "what": "error", "rows": rows}
    nb = notebook(
        code('claim("error", both)\nclaim("gap", e)', ("", table), ("", cause))
    )
    page = pages.ledger({"a.ipynb": nb})
    assert "Claims: 3. Of these causes: 1." in page
    assert "| [error: SGD](../a.ipynb#claim-1) | at least" in page
    assert "| **cause**: [gap](../a.ipynb#claim-1) | at least 50" in page


def test_references_are_sorted_and_are_targets_with_labels_and_links():
    page = pages.references(parse_string(BOOK, "bibtex"))
    labels = re.findall(r"\((\w+)\)=\n\*\*(.+?)\.\*\*", page)
    assert labels == [
        ("abel1999", "Abel and van der Berg 1999"),
        ("many2000", "Many et al. 2000"),
        ("zed2001", "Zed 2001"),
    ]
    assert "(https://doi.org/10.1/x_y)" in page
    assert "(https://example.org/a_b)" in page


def test_a_label_shows_letters_where_the_entry_has_latex():
    entry = r"@book{s, author={Cire{\c s}an, A}, title={T}, publisher={P}, year={2001}}"
    assert "**Cireşan 2001.**" in pages.references(parse_string(entry, "bibtex"))


def test_a_cited_key_without_an_entry_is_named_with_its_notebook():
    nb = notebook(
        text("[Z](../pages/references.md#zed2001), [N](references.md#no1900)")
    )
    missing = pages.missing_keys(
        {"chapters/01.ipynb": nb}, parse_string(BOOK, "bibtex")
    )
    assert missing == [
        "chapters/01.ipynb cites no1900, which is not in references.bib; add it there"
    ]


@pytest.fixture
def book(tmp_path):
    """A book of two chapters, the second number first, and a solution."""
    files = ["chapters/02-b", "chapters/01-a", "solutions/course/03-c"]
    others = ["pages/notation", "solutions/course/README"]
    parts = "".join(f"      - file: {file}\n" for file in [*files, *others])
    toc = f"root: intro\nparts:\n  - caption: C\n    chapters:\n{parts}"
    (tmp_path / "_toc.yml").write_text(toc)
    (tmp_path / "references.bib").write_text(BOOK)
    (tmp_path / "pages").mkdir()
    (tmp_path / "chapters").mkdir()
    (tmp_path / "solutions/course").mkdir(parents=True)
    (tmp_path / "solutions/course/README.md").touch()
    (tmp_path / "solutions/questions.yml").write_text(QUESTIONS)
    for file in files:
        nb = notebook(text(f"# Title of {file}"), claim("accuracy"))
        nbformat.write(nb, tmp_path / f"{file}.ipynb")
    return tmp_path


def test_two_runs_write_the_same_files_and_no_other(book):
    def contents():
        pages.write_pages(book)
        return {page.name: page.read_bytes() for page in (book / "pages").iterdir()}

    first = contents()
    assert set(first) == {"ledger.md", "references.md", "results.md", "theorems.txt"}
    assert contents() == first


def test_notebooks_stand_in_the_order_of_the_table_of_contents(book):
    pages.write_pages(book)
    ledger = (book / "pages/ledger.md").read_text()
    found = re.findall(r"## \[Title of (?:chapters|solutions/course)/(\d\d)", ledger)
    assert found == ["02", "01", "03"]
    assert "(../solutions/course/03-c.ipynb#claim-1)" in ledger


@pytest.mark.parametrize("path", ["chapters/01-a.ipynb", "solutions/course/03-c.ipynb"])
def test_a_missing_reference_leaves_the_pages_as_they_were(book, path):
    pages.write_pages(book)
    before = (book / "pages/ledger.md").read_text()
    nb = notebook(text("[N](../pages/references.md#no1900)"))
    nbformat.write(nb, book / path)
    with pytest.raises(ValueError, match=rf"{path} cites no1900"):
        pages.write_pages(book)
    assert (book / "pages/ledger.md").read_text() == before


def write_card(book):
    results.write(
        book / "solutions/course/cards/q.json",
        document="course",
        question="q",
        metric="accuracy",
        command="python train.py",
        parameters={},
        data={},
        seeds=[{"seed": 0, "value": 0.5, "seconds": 1.0}],
        packages=(),
    )


def test_the_results_page_has_a_card_as_soon_as_it_is_there(book):
    pages.write_pages(book)
    page = book / "pages/results.md"
    assert "Measured: 0." in page.read_text()
    write_card(book)
    pages.write_pages(book)
    assert "Measured: 1." in page.read_text()


def test_a_card_edited_by_hand_fails_the_build_and_names_its_command(book):
    write_card(book)
    card = book / "solutions/course/cards/q.json"
    card.write_text(card.read_text().replace('"mean": 0.5', '"mean": 0.9'))
    with pytest.raises(ValueError, match=r"q\.json .* run again: python train\.py"):
        pages.write_pages(book)
    assert not (book / "pages/ledger.md").exists()


def test_every_reference_of_the_book_has_a_link_and_a_lower_case_key():
    for key, entry in parse_file(ROOT / "references.bib").entries.items():
        assert {"doi", "url"} & set(entry.fields), key
        assert re.fullmatch(rf"[a-z]+{entry.fields['year']}[a-z]?", key)


def test_the_lines_quoted_in_the_introduction_are_printed_by_chapter_3():
    nb = nbformat.read(ROOT / "chapters/03-softmax-cross-entropy.ipynb", as_version=4)
    outputs = [o for c in nb.cells for o in c.get("outputs", []) if "data" in o]
    printed = {" ".join(o.data.get("text/plain", "").split()) for o in outputs}
    quotes = re.findall(r"(?:^> .*\n)+", (ROOT / "intro.md").read_text(), re.M)
    assert len(quotes) == 3
    for quote in quotes:
        assert " ".join(quote.replace("\n> ", " ")[2:].split()) in printed
