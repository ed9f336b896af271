"""The digest changes with what the outputs depend on, and with nothing else."""

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat import v4

from tools.digest import ROOT, digest

CELLS = (
    "pass  # the setup cell",
    "from helpers import check, nn",
    'weights = load("../weights/net.pt")',
    'card = read(folder / "card.json")',
    'parts = "one.txt", "two.txt", "three.txt", "four.txt", "five.txt"',
    'check("4.2", nn.scale(3))',
)
LIBRARY = {
    "__init__.py": '"""A library."""\n__version__ = "1.0"\nfrom .checks import check\n',
    "checks.py": "def check(number, answer):\n    print(number, answer)\n",
    "nn/__init__.py": "from .layers import scale\n",
    "nn/layers.py": (
        "import helpers.units as units\n\n\n"
        'def scale(x):\n    """Scale."""\n    return units.FACTOR * x\n'
    ),
    "units.py": (
        "from helpers.deep import deeper as other\n\nFACTOR = 2\n\n\n"
        'def name():\n    return "meter"\n'
    ),
    "deep/__init__.py": "",
    "deep/deeper.py": "from .. import top\nfrom . import beside\n\nN = 3\n",
    "deep/beside.py": "from ..far.away import *\n",
    "far/away.py": "K = 5\n",
    "top.py": "M = 4\n",
    "exercises/__init__.py": "",
    "exercises/ch04.py": 'HINT = "look again"\n',
    "exercises/ch05.py": 'HINT = "look again"\n',
    "unused.py": "N = 4\n",
}


@pytest.fixture
def book(tmp_path):
    """A folder with a small library, weights, a card and a place for notebooks."""
    for name, source in LIBRARY.items():
        write(tmp_path / "src/helpers" / name, source)
    write(tmp_path / "weights/net.pt", "0.5")
    write(tmp_path / "chapters/card.json", "{}")
    for name in ("one", "two", "three", "four", "five"):
        write(tmp_path / f"chapters/{name}.txt", name)
    return tmp_path


def write(path, source):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(source)


def change(path, old, new):
    source = path.read_text()
    assert source.count(old) == 1
    path.write_text(source.replace(old, new))


def coded(*sources, **more):
    """Code cells, the first of them the setup cell."""
    cells = [v4.new_code_cell(source, **more) for source in sources]
    cells[0].metadata.tags = ["remove-cell"]
    return cells


def of(book, *cells):
    notebook = v4.new_notebook(cells=coded(*cells or CELLS))
    return digest(notebook, book / "chapters", book / "src")


@pytest.mark.parametrize(
    "cells",
    [
        (*CELLS[:-1], CELLS[-1].replace("3", "4")),
        (*CELLS, "f()"),
        (*CELLS, '"a string that the cell shows"'),
        (*CELLS, "%matplotlib inline"),
        (*CELLS[:3], CELLS[4], CELLS[3], CELLS[5]),
        (*CELLS[:3], f"{CELLS[3]}\n{CELLS[4]}", CELLS[5]),
    ],
)
def test_other_code_changes_it(book, cells):
    assert of(book, *cells) != of(book)


def test_a_string_that_a_cell_shows_is_no_docstring(book):
    assert of(book, "pass", '"Half."') != of(book, "pass", '"All."')


def test_code_that_is_not_python_counts_as_it_is_written(book):
    assert of(book, "pass", "%time f()") != of(book, "pass", "%time g()")


@pytest.mark.parametrize(
    ("module", "old", "new"),
    [
        ("__init__.py", "1.0", '1.0"; DEBUG = "yes'),
        ("checks.py", "number, answer)\n", "number)\n"),
        ("nn/__init__.py", "scale", "scale as scale"),
        ("nn/layers.py", "FACTOR * x", "FACTOR + x"),
        ("units.py", "2", "3"),
        ("units.py", "2", "2.0"),
        ("units.py", "meter", "foot"),
        ("deep/deeper.py", "3", "4"),
        ("deep/__init__.py", "", "import sys"),
        ("deep/beside.py", "*", "K"),
        ("far/away.py", "5", "6"),
        ("top.py", "4", "5"),
        ("exercises/ch04.py", "look again", "count the rows"),
    ],
)
def test_a_change_in_an_imported_module_however_far_changes_it(book, module, old, new):
    before = of(book)
    change(book / "src/helpers" / module, old, new)
    assert of(book) != before


@pytest.mark.parametrize(
    "statement",
    [
        "from helpers import units",
        "from helpers.units import FACTOR",
        "from helpers.units import FACTOR as two, name",
        "from helpers.units import *",
        "import helpers.units",
        "import helpers.units as x",
        "import os, helpers.units",
        "def f():\n    from helpers import units",
        "if late:\n    import helpers.units",
    ],
)
def test_every_way_to_import_a_module_is_followed(book, statement):
    cells = ("pass", statement)
    before = of(book, *cells)
    change(book / "src/helpers/units.py", "2", "3")
    assert of(book, *cells) != before


@pytest.mark.parametrize("file", ["weights/net.pt", "chapters/card.json"])
def test_a_change_in_a_file_that_a_cell_names_changes_it(book, file):
    cells = (*CELLS[:3], 'card = read("card.json")', "x = 1")
    before = of(book, *cells)
    write(book / file, "0.25")
    changed = of(book, *cells)
    assert changed != before
    (book / file).unlink()
    assert of(book, *cells) not in (before, changed)


@pytest.mark.parametrize(
    ("module", "old", "new"),
    [
        ("__init__.py", "A library.", "The library."),
        ("__init__.py", '"1.0"', '"1.1"'),
        ("nn/layers.py", "Scale.", "Multiply by a factor."),
        ("nn/layers.py", "FACTOR * x", "FACTOR*x  # twice"),
        ("nn/layers.py", "import helpers", "# A comment.\n\nimport helpers"),
        ("units.py", '"meter"', "'meter'"),
        ("unused.py", "4", "5"),
        ("exercises/ch05.py", "look again", "count the rows"),
    ],
)
def test_prose_layout_version_and_other_modules_do_not_change_it(
    book, module, old, new
):
    before = of(book)
    change(book / "src/helpers" / module, old, new)
    assert of(book) == before


@pytest.mark.parametrize(
    "cells",
    [
        ("import sys  # another setup cell", *CELLS[1:]),
        (CELLS[0], CELLS[1] + "  # the imports", *CELLS[2:]),
        (*CELLS[:5], "check(\n    '4.2',\n    nn.scale(3),\n)"),
    ],
)
def test_the_setup_cell_comments_and_layout_do_not_change_it(book, cells):
    assert of(book, *cells) == of(book)


def test_without_a_setup_cell_the_first_cell_counts(book):
    one, other = (
        v4.new_notebook(cells=[v4.new_code_cell(source)]) for source in ("f()", "g()")
    )
    assert digest(one, book) != digest(other, book)


def test_text_outputs_and_metadata_do_not_change_it(book):
    text, output = v4.new_markdown_cell, v4.new_output("stream", text="7\n")
    cells = coded(*CELLS, outputs=[output], execution_count=7)
    cells = [text("# A title"), *cells[:3], text("See."), *cells[3:]]
    notebook = v4.new_notebook(cells=cells, metadata={"book": {"seconds": 3}})
    assert digest(notebook, book / "chapters", book / "src") == of(book)


@pytest.mark.parametrize(
    "string", ["", ".", "a\nb", "é" * 198, "\0", "/", "card.json/x"]
)
def test_a_string_that_names_no_file_does_no_harm(book, string):
    assert of(book, "pass", f"x = {string!r}") != of(book, "pass", "x = 1")


COURSE = {
    "train.py": "import deeper.recipe as r\nfrom helpers import units\n\nRATE = 0.1\n",
    "evaluate.py": (
        '"""Reads weights."""\nfrom pathlib import Path\n\n'
        'WEIGHTS = Path(__file__).with_name("weights.pkl")\n'
    ),
    "deeper/recipe.py": "import evaluate\n\nEPOCHS = 3\n",
    "deeper/unused.py": "N = 1\n",
    "weights.pkl": "0.5",
    "cards/mnist.json": "{}",
    "cards/fashion.json": "{}",
    "cards/more/far.json": "{}",
    "cards/notes.md": "A note.",
    "README.md": "Read me.",
    "solution.ipynb": "{}",
}
FOLDER = "solutions/technion_097200"


@pytest.fixture
def course(book):
    """The folder of a solution, with modules, weights and cards beside the notebook."""
    for name, content in COURSE.items():
        write(book / FOLDER / name, content)
    return book / FOLDER


def of_solution(course, *cells, folder=None):
    notebook = v4.new_notebook(cells=coded("pass", *cells))
    return digest(notebook, folder or course, course.parents[1] / "src")


def follows(course, file, *cells, folder=None):
    """Whether the digest of a notebook with these cells changes with that file."""
    path = course / file
    before = of_solution(course, *cells, folder=folder)
    source = path.read_text()
    path.write_text(source + ("\nOTHER = 1\n" if path.suffix == ".py" else "other"))
    after = of_solution(course, *cells, folder=folder)
    path.write_text(source)
    return after != before


@pytest.mark.parametrize(
    ("cell", "file"),
    [
        ("import train", "train.py"),
        ("import os, train", "train.py"),
        ("from train import RATE", "train.py"),
        ("import train", "deeper/recipe.py"),
        ("from deeper import recipe", "deeper/recipe.py"),
        ("import train", "evaluate.py"),
        ("import train", "weights.pkl"),
        ("import train", "../../src/helpers/units.py"),
        ("import train", "../../src/helpers/top.py"),
    ],
)
def test_modules_beside_the_notebook_are_followed_and_what_they_read(
    course, cell, file
):
    assert follows(course, file, cell)


@pytest.mark.parametrize(
    ("cell", "file"),
    [
        ("import evaluate", "train.py"),
        ("import train", "deeper/unused.py"),
        ("import train", "cards/mnist.json"),
        ("import train", "README.md"),
        ("import numpy", "train.py"),
    ],
)
def test_modules_and_files_that_nobody_names_are_not_followed(course, cell, file):
    assert not follows(course, file, cell)


def test_prose_in_a_module_beside_the_notebook_does_not_change_it(course):
    before = of_solution(course, "import evaluate")
    change(course / "evaluate.py", "Reads weights.", "Loads weights.")
    assert of_solution(course, "import evaluate") == before


CARD = f"{FOLDER}/cards/mnist.json"


@pytest.mark.parametrize(
    "cell",
    [
        'Path("cards/mnist.json")',
        'Path("cards") / "mnist.json"',
        'Path("cards", "mnist.json")',
        'HERE / "cards" / "mnist.json"',
        'HERE / "cards/mnist.json"',
        'HERE.joinpath("cards", "mnist.json")',
        'os.path.join("cards", "mnist.json")',
        '"cards/" + "mnist.json"',
        'f"cards/mnist.json"',
        "f\"{'cards'}/{'mnist'}.json\"",
        'f"{HERE}/cards/mnist.json"',
        'f"{HERE}/cards/{name}.json"',
        'f"cards/{kind}{name}.json"',
        'Path("cards").glob("*.json")',
        'HERE.glob("cards/*.json")',
        f'"../../{CARD}"',
        f'Path("../..") / "{CARD}"',
    ],
)
def test_a_path_that_is_joined_from_strings_names_its_file(course, cell):
    assert follows(course, "cards/mnist.json", cell)
    assert not follows(course, "cards/notes.md", cell)
    assert not follows(course, "README.md", cell)


@pytest.mark.parametrize(
    "cell",
    [
        f'"../{CARD}"',
        f'Path("../{FOLDER}/cards") / "mnist.json"',
        'Path("..") / "solutions" / "technion_097200" / "cards" / "mnist.json"',
        f'f"../{FOLDER}/cards/{{name}}.json"',
        'f"../solutions/{name}/cards/mnist.json"',
    ],
)
def test_a_chapter_may_read_a_card_of_a_solution(course, cell):
    chapters = course.parents[1] / "chapters"
    assert follows(course, "cards/mnist.json", cell, folder=chapters)
    assert not follows(course, "weights.pkl", cell, folder=chapters)


@pytest.mark.parametrize(
    "cell", ['f"{loss:.4f}"', 'f"{a}.{b}"', '"*"', '"**"', '"*.*"', 'f"{a}/{b}"']
)
def test_a_string_that_could_be_any_file_names_none(course, cell):
    assert not any(follows(course, file, cell) for file in COURSE)


def test_of_a_notebook_that_is_named_its_code_counts_and_no_output(course):
    def read(*cells):
        nbformat.write(v4.new_notebook(cells=cells), course / "solution.ipynb")
        return of_solution(course, 'read("solution.ipynb")')

    before = read(*coded("pass", "f()"))
    assert read(*coded("import sys  # another setup cell", "f()")) == before
    output = v4.new_output("stream", text="7\n")
    cells = coded("pass", "f()", outputs=[output], execution_count=7)
    assert read(v4.new_markdown_cell("# Why?"), *cells) == before
    assert read(*coded("pass", "g()")) != before
    (course / "solution.ipynb").write_text("{}")  # which is no notebook
    assert of_solution(course, 'read("solution.ipynb")') != before


def test_what_a_report_imports_counts_with_it(course):
    for name in ("report.typ", "other.typ"):
        write(course.parent / name, "#let claim(said) = said")
    write(course / "report/report.typ", '#import "../../report.typ": claim\n')
    assert follows(course, "../report.typ", '"report/report.typ"')
    assert not follows(course, "../other.typ", '"report/report.typ"')


@pytest.mark.parametrize("said", ["#import", "  #import", "#include"])
def test_what_a_reports_import_imports_counts_too_and_what_is_missing_does_not(
    course, said
):
    write(course.parent / "other.typ", f'{said} "missing.typ"\n{said} "report.typ"')
    write(course.parent / "report.typ", f'{said} "other.typ"')
    write(course / "report/report.typ", f'{said} "../../report.typ"\n')
    assert follows(course, "../other.typ", '"report/report.typ"')


def test_a_module_that_changes_within_one_process_is_read_anew(course):
    before = of_solution(course, "import train")
    change(course / "train.py", "0.1", "0.2")
    changed = of_solution(course, "import train")
    change(course / "train.py", "0.2", "0.1")
    assert of_solution(course, "import train") == before != changed


@pytest.mark.parametrize(
    "string", ["**.json", "/*.json", "\0/*.json", "[*.json", "../*.*"]
)
def test_a_strange_pattern_does_no_harm(course, string):
    assert of_solution(course, f"x = {string!r}") != of_solution(course, "x = 1")


SCRIPT = """
import sys
from pathlib import Path
from tests.test_digest import of
print(of(Path(sys.argv[1]), *sys.argv[2:]))
"""


def test_it_is_the_same_in_another_process(book):
    answer = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(book), *CELLS],
        env={**os.environ, "PYTHONHASHSEED": "7"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout.strip() == of(book)


def test_it_is_the_same_in_another_folder(book, tmp_path_factory):
    copy = tmp_path_factory.mktemp("copy") / "book"
    before = of(book)
    book.rename(copy)
    assert of(copy) == before


def test_it_is_the_same_for_a_relative_path(course, monkeypatch):
    before = of_solution(course, "import train")
    monkeypatch.chdir(course.parents[1])
    assert of_solution(course, "import train", folder=Path(FOLDER)) == before
