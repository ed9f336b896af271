"""The executor stores whole, repeatable outputs; `check` says every breach."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import nbformat
import pytest
from nbclient.exceptions import CellExecutionError
from nbformat import v4

import conftest
import helpers
from helpers import data
from tests import POSIX
from tools import gate, notebooks
from tools.digest import PYTHON, ROOT, sealed
from tools.reading import Page
from tools.rules import cells

STREAM = 'print("one", flush=True)\nprint("two")'
SHOW = """\
from helpers import plots
print("three")
fig, ax = plots.plt.subplots(figsize=(4.8, 1))
plots.show(fig, alt="Nothing but axes.", caption="Two *axes*.")"""
CHAPTER = ROOT / "chapters/01-a.ipynb"
ADDRESS = "https://example.org/book"
SOLUTION = ROOT / "solutions/technion_097200/solution.ipynb"
LOAD = 'from helpers import data\ntry:\n    data.load("mnist")\nfinally:\n    print(7)'


def written(path, *sources, setup=True):
    cells = [v4.new_code_cell(source) for source in sources]
    if setup:
        cells.insert(0, v4.new_code_cell("pass", metadata={"tags": ["remove-cell"]}))
    cells.insert(0, v4.new_markdown_cell("# Why?"))
    cells[-1].metadata["collapsed"] = True  # an editor's own
    nbformat.write(v4.new_notebook(cells=cells), path)
    return path


@pytest.fixture(scope="module")
def twice(tmp_path_factory):
    """A notebook after its first run, and its file after the second."""
    path = written(tmp_path_factory.mktemp("run") / "a.ipynb", STREAM, SHOW)
    path.chmod(0o640)
    notebooks.run(path)
    first = path.read_bytes()
    notebooks.run(path)
    return first, path


def read(path):
    return nbformat.read(path, as_version=4)


def test_two_runs_differ_in_nothing_but_the_record_of_the_run(twice):
    first, second = (json.loads(part) for part in (twice[0], twice[1].read_bytes()))
    for notebook in (first, second):
        assert set(notebook["metadata"]["book"].pop("versions")) == {
            *("python", "numpy", "torch")
        }
        assert set(notebook["metadata"].pop("book")) == {
            *("digest", "outputs", "date", "seconds", "pace")
        }
    assert json.dumps(first) == json.dumps(second)


@POSIX
def test_a_run_keeps_the_files_mode_and_leaves_no_other_file(twice):
    _, path = twice
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert [file.name for file in path.parent.iterdir()] == ["a.ipynb"]


def test_what_one_cell_prints_is_stored_as_one_stream(twice):
    outputs = read(twice[1]).cells[2].outputs
    assert [output.text for output in outputs] == ["one\ntwo\n"]


def test_pieces_of_a_stream_are_merged_and_other_streams_are_not():
    pieces = [("stdout", "a"), ("stdout", "b"), ("stderr", "c"), ("stdout", "d")]
    made = [v4.new_output("stream", name=name, text=text) for name, text in pieces]
    other = [v4.new_output("display_data", {"text/plain": "e"}) for _ in range(2)]
    cell = v4.new_code_cell("f()", outputs=[*made, *other])
    notebooks._normalize(cell)
    assert [out.get("text") for out in cell.outputs] == ["ab", "c", "d", None, None]


def test_alternative_text_and_caption_go_where_the_page_takes_them_from(twice):
    metadata = read(twice[1]).cells[3].metadata
    figure = {"caption": "Two *axes*."}
    assert metadata == {
        "mystnb": {"image": {"alt": "Nothing but axes."}, "figure": figure}
    }


def test_a_figure_without_a_caption_is_no_figure_with_an_empty_one():
    record = {"verb": "figure", "alt": "A line.", "caption": ""}
    output = v4.new_output("display_data", {"image/png": ""}, metadata={"book": record})
    cell = v4.new_code_cell("f()", outputs=[output])
    notebooks._normalize(cell)
    assert cell.metadata == {"mystnb": {"image": {"alt": "A line."}}}


def test_a_run_writes_the_setup_cell_and_a_digest_that_is_fresh(twice):
    notebook = read(twice[1])
    assert notebook.cells[1].source == notebooks.setup_cell(twice[1])
    assert notebook.cells[1].metadata.tags == ["remove-cell"]
    assert not notebooks.is_stale(notebook, twice[1])
    notebook.cells[2].source += "\nprint()"
    assert notebooks.is_stale(notebook, twice[1])


def test_a_run_seals_what_it_stored(twice):
    notebook = read(twice[1])
    assert notebook.metadata.book.outputs == sealed(notebook)
    notebook.cells[2].outputs[0].text += "three\n"
    assert notebook.metadata.book.outputs != sealed(notebook)


def test_a_folded_cell_is_folded_in_jupyterlab_and_in_colab_too():
    cell = v4.new_code_cell("f()", metadata={"tags": ["hide-input"]})
    notebooks._normalize(cell)
    assert cell.metadata == {
        "tags": ["hide-input"],
        "jupyter": {"source_hidden": True},
        "cellView": "form",
    }


def test_data_sets_are_loaded_before_the_cells_run_not_in_an_output(
    tmp_path, monkeypatch
):
    asked = []

    def load(name):
        asked.append(name)
        return SimpleNamespace(source="original")

    monkeypatch.setattr(notebooks.data, "load", load)
    print_offline = 'import os\nprint(os.environ["DL_OFFLINE"])'
    loads = 'def later():\n    data.load("cifar10")\n    data.load(name)'
    cells = [loads, print_offline]
    path = written(tmp_path / "a.ipynb", *cells)
    notebooks.run(path)
    assert asked == ["cifar10"]
    assert read(path).cells[3].outputs[0].text == "1\n"


def test_a_handed_in_notebook_is_told_where_torchvision_finds_its_images(
    tmp_path, monkeypatch
):
    original = SimpleNamespace(source="original")
    monkeypatch.setattr(notebooks.data, "load", lambda name: original)
    monkeypatch.setattr(notebooks.data, "root", lambda name: Path("of", name))
    path = tmp_path / "solutions" / "course" / "part" / "task.ipynb"
    path.parent.mkdir(parents=True)
    asks = "import os\ndef later():\n    datasets.CIFAR10(folder, download=True)"
    written(path, f'{asks}\nprint(os.environ["DL_DATA"])')
    notebooks.run(path)
    root = Path("of", "cifar10").absolute()  # the notebook runs in another folder
    assert read(path).cells[-1].outputs[0].text == f"{root}\n"


class IPyNbCell(SimpleNamespace):
    """What nbval collects of a notebook's cell."""


@pytest.fixture
def collected(tmp_path, monkeypatch):
    """How a notebook that asks for CIFAR-10 is tested: compared or not, or skipped.

    DL_DATA has MNIST alone, the cache CIFAR-10.
    """
    for name, place in (("mnist", "given"), ("cifar10", "cache")):
        for file in data.CHECKSUMS[name]:
            path = tmp_path / place / data.FOLDERS[name] / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    monkeypatch.setenv("DL_DATA", str(tmp_path / "given"))
    monkeypatch.setattr(data, "_cache", lambda: tmp_path / "cache")
    monkeypatch.chdir(tmp_path)

    def collect(folder, source):
        path = tmp_path / "solutions" / folder / "task.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        cell = IPyNbCell(path=written(path, source), options={}, marks=[])
        cell.add_marker = cell.marks.append
        conftest.pytest_configure(SimpleNamespace(option=SimpleNamespace()))
        conftest.pytest_collection_modifyitems([cell])
        return cell.options.get("check", True), [mark.name for mark in cell.marks]

    return collect


DOWNLOADS = "datasets.CIFAR10(folder, download=True)"


def test_a_handed_in_notebook_that_would_download_what_the_cache_has_is_skipped(
    collected, monkeypatch
):
    assert collected("course/part", DOWNLOADS) == (False, ["skip"])
    assert collected("course", 'data.load("cifar10")') == (True, [])
    monkeypatch.setenv("DL_STAND_INS", "never")
    with pytest.raises(pytest.UsageError, match=r"needs cifar10 in DL_DATA: make data"):
        collected("course/part", DOWNLOADS)


@pytest.mark.parametrize("root", ["cache", None])
def test_a_handed_in_notebook_runs_where_dl_data_or_the_cache_alone_has_its_images(
    collected, monkeypatch, tmp_path, root
):
    if root:
        monkeypatch.setenv("DL_DATA", root)
    else:
        monkeypatch.delenv("DL_DATA")
    assert collected("course/part", DOWNLOADS) == (True, [])
    assert os.environ["DL_DATA"] == str(tmp_path / "cache")  # from every folder


def test_an_authors_own_first_cell_stays_below_the_setup_cell():
    notebook = v4.new_notebook(
        cells=[v4.new_markdown_cell("# Why?"), v4.new_code_cell("import numpy")]
    )
    setup = notebooks.setup_cell(CHAPTER)
    notebooks._set_up(notebook, CHAPTER)
    assert [cell.source for cell in notebook.cells[1:]] == [setup, "import numpy"]
    notebooks._set_up(notebook, CHAPTER)
    assert len(notebook.cells) == 3
    empty = v4.new_notebook()
    notebooks._set_up(empty, CHAPTER)
    assert [cell.source for cell in empty.cells] == [setup]


def test_without_real_data_nothing_is_stored_and_the_reason_is_said(
    tmp_path, monkeypatch, capfd
):
    monkeypatch.setenv("DL_DATA", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    path = written(tmp_path / "a.ipynb", LOAD)
    before = path.read_bytes()
    monkeypatch.setattr(sys, "argv", ["notebooks", "run", str(path)])
    with pytest.raises(SystemExit, match="1 to mend"):
        notebooks.main()
    said, errors = capfd.readouterr()
    assert "a.ipynb: nothing stored\n" in said
    assert "No mnist on this machine" in said and "put the real files" in said
    assert path.read_bytes() == before
    assert "encryption" not in errors  # which the kernel would warn of


def test_a_failing_notebook_does_not_stop_the_next(tmp_path, monkeypatch, capsys):
    paths = [written(tmp_path / name, "f()") for name in ("a.ipynb", "b.ipynb")]

    def run(path):
        if path == paths[0]:
            raise CellExecutionError("f()", "NameError", "no f")
        return 1.5

    monkeypatch.setattr(notebooks, "run", run)
    assert notebooks.run_all(paths) == 1
    assert "b.ipynb: 1.5 s" in capsys.readouterr().out


def test_only_stale_notebooks_are_run_unless_named(twice, monkeypatch, capsys):
    monkeypatch.setattr(notebooks, "notebooks", lambda: [twice[1]])
    monkeypatch.setattr(notebooks, "run", lambda path: 1.5)
    notebooks.run_all([])
    assert "a.ipynb: fresh" in capsys.readouterr().out
    notebooks.run_all([twice[1]])
    assert "a.ipynb: 1.5 s" in capsys.readouterr().out


def test_a_run_that_is_killed_while_it_writes_leaves_the_notebook(
    tmp_path, monkeypatch
):
    path = written(tmp_path / "a.ipynb", "f()")
    before = path.read_bytes()

    def die(notebook, part):
        part.write_text('{"cells": [')
        raise KeyboardInterrupt

    monkeypatch.setattr(nbformat, "write", die)
    with pytest.raises(KeyboardInterrupt):
        notebooks._write(read(path), path)
    assert path.read_bytes() == before


def test_an_invalid_notebook_is_not_written(tmp_path):
    path = written(tmp_path / "a.ipynb", "f()")
    before = path.read_bytes()
    notebook = read(path)
    notebook.cells[0].metadata.tags = "no list"
    with pytest.raises(nbformat.ValidationError):
        notebooks._write(notebook, path)
    assert path.read_bytes() == before


@pytest.fixture
def with_address(monkeypatch):
    """The book as it is once its owner has given it an address."""
    monkeypatch.setattr(notebooks, "repository", lambda: ADDRESS)


@pytest.fixture
def colab(monkeypatch, with_address):
    """Make this process look like Colab; what would be run is caught."""
    monkeypatch.setitem(sys.modules, "google.colab", ModuleType("google.colab"))
    caught = []
    monkeypatch.setattr(
        "subprocess.run", lambda command, **rest: caught.append((command, rest))
    )
    return caught


def test_in_colab_the_setup_cell_installs_the_release_of_this_address(colab, capsys):
    address = f"git+{ADDRESS}@v{helpers.__version__}"
    exec(notebooks.setup_cell(CHAPTER), {})
    [(command, rest)] = colab
    assert command == [sys.executable, "-m", "pip", "install", "-q", address]
    assert rest == {"check": True}
    assert capsys.readouterr().out == ""


def test_in_colab_the_setup_cell_says_that_another_version_is_loaded(
    colab, capsys, monkeypatch
):
    source = notebooks.setup_cell(CHAPTER)
    monkeypatch.setattr(helpers, "__version__", "0.0.1")
    exec(source, {})
    assert "Another version is loaded: Runtime > Restart" in capsys.readouterr().out


@pytest.fixture
def session(monkeypatch, tmp_path, with_address):
    """A Colab session with a notebook alone; git's and pip's work is only noted."""
    monkeypatch.setitem(sys.modules, "google.colab", ModuleType("google.colab"))
    monkeypatch.chdir(tmp_path)
    caught = []

    def check_call(command):
        caught.append(command)
        if command[0] == "git":
            folder = tmp_path / command[-1] / "solutions/technion_097200"
            folder.mkdir(parents=True)
            (folder / "solution.ipynb").touch()

    monkeypatch.setattr("subprocess.check_call", check_call)
    return caught


def test_in_colab_a_solution_gets_the_files_beside_it_once(session, tmp_path, capsys):
    source = notebooks.setup_cell(SOLUTION)
    tag = f"v{helpers.__version__}"
    clone = ["git", "clone", "-q", "--depth=1", "-b", tag, ADDRESS, tag]
    install = [sys.executable, "-m", "pip", "install", "-q", f"./{tag}[handin]"]
    folder = tmp_path / tag / "solutions/technion_097200"
    exec(source, {})
    assert session == [clone, install]
    assert Path.cwd() == folder
    exec(source, {})  # the cell again
    assert session == [clone, install]
    assert Path.cwd() == folder
    os.chdir(tmp_path)  # the session restarted
    exec(source, {})
    assert session == [clone, install, install]
    assert Path.cwd() == folder
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("room", ["solutions/a", "recipes"])
def test_a_chapter_that_reads_a_card_gets_it_too(tmp_path, room, with_address):
    path = tmp_path / "chapters/08-a.ipynb"
    path.parent.mkdir()
    link, code = v4.new_markdown_cell("[a](../solutions/a.ipynb)"), "print(1)"
    nbformat.write(v4.new_notebook(cells=[link, v4.new_code_cell(code)]), path)
    assert "git" not in notebooks.setup_cell(path).split()
    assert notebooks.setup_cell(path) == notebooks.setup_cell(CHAPTER)
    code = f'open("../{room}/cards/b.json")'
    nbformat.write(v4.new_notebook(cells=[link, v4.new_code_cell(code)]), path)
    setup = notebooks.setup_cell(path)
    assert '"clone"' in setup and 'os.chdir(f"{tag}/chapters")' in setup


def test_a_chapter_of_a_book_that_lies_in_a_folder_called_solutions_is_one(
    tmp_path, with_address
):
    path = tmp_path / "solutions/chapters/01-a.ipynb"
    assert notebooks.setup_cell(path) == notebooks.setup_cell(CHAPTER)


def test_an_installation_that_failed_is_tried_again(session, monkeypatch, tmp_path):
    source = notebooks.setup_cell(SOLUTION)
    note = subprocess.check_call

    def fail(command):
        note(command)
        if "pip" in command:
            raise subprocess.CalledProcessError(1, command)

    monkeypatch.setattr("subprocess.check_call", fail)
    with pytest.raises(subprocess.CalledProcessError):
        exec(source, {})
    monkeypatch.setattr("subprocess.check_call", note)
    exec(source, {})
    assert [command[0] for command in session] == ["git", *[sys.executable] * 2]
    assert Path.cwd().name == "technion_097200"


def test_in_colab_a_solution_says_that_another_version_is_loaded(
    session, capsys, monkeypatch
):
    source = notebooks.setup_cell(SOLUTION)
    monkeypatch.setattr(helpers, "__version__", "0.0.1")
    exec(source, {})
    assert "Another version is loaded: Runtime > Restart" in capsys.readouterr().out
    monkeypatch.delitem(sys.modules, "helpers")
    exec(source, {})
    assert capsys.readouterr().out == ""


def test_a_path_from_any_folder_tells_a_solution(monkeypatch, with_address):
    source = notebooks.setup_cell(SOLUTION)
    assert source != notebooks.setup_cell(CHAPTER)
    for folder, path in (
        (ROOT, "solutions/technion_097200/solution.ipynb"),
        (ROOT / "chapters", "../solutions/technion_097200/solution.ipynb"),
    ):
        monkeypatch.chdir(folder)
        assert notebooks.setup_cell(Path(path)) == source


@pytest.mark.parametrize("path", [CHAPTER, SOLUTION])
def test_elsewhere_the_setup_cell_does_nothing(path, monkeypatch, capsys, with_address):
    monkeypatch.delitem(sys.modules, "google.colab", raising=False)
    monkeypatch.setattr("subprocess.run", None)
    monkeypatch.setattr("subprocess.check_call", None)
    names = {}
    exec(notebooks.setup_cell(path), names)
    assert set(names) == {"__builtins__", "sys"}
    assert capsys.readouterr().out == ""


def test_in_colab_a_copy_without_an_address_says_so(colab, monkeypatch, capsys):
    monkeypatch.setattr(notebooks, "repository", lambda: "https://x.org/OWNER/REPO")
    source = notebooks.setup_cell(CHAPTER)
    assert source == notebooks.setup_cell(SOLUTION)
    exec(source, {})  # the library is there
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SystemExit, match=r"no address yet .* %pip install"):
        exec(source, {})
    monkeypatch.delitem(sys.modules, "google.colab")
    exec(source, {})
    assert colab == [] and capsys.readouterr().out == ""


def test_a_fresh_notebook_gets_the_setup_cell_of_a_new_address(
    tmp_path, monkeypatch, capsys
):
    path = written(tmp_path / "a.ipynb", STREAM)
    notebooks.run(path)
    outputs = read(path).cells[2].outputs
    monkeypatch.setattr(notebooks, "notebooks", lambda: [path])
    monkeypatch.setattr(notebooks, "handed_in", list)
    monkeypatch.setattr(notebooks, "repository", lambda: ADDRESS)
    for said in ("its setup cell renewed", "fresh"):
        assert notebooks.run_all([]) == 0
        assert capsys.readouterr().out.endswith(f"a.ipynb: {said}\n")
    assert read(path).cells[1].source == notebooks.setup_cell(path)
    assert read(path).cells[2].outputs == outputs


@pytest.mark.parametrize("path", [CHAPTER, SOLUTION])
def test_the_setup_cell_keeps_the_rules_for_cells(path, with_address):
    lines = notebooks.setup_cell(path).split("\n")
    assert len(lines) <= cells.LINES and max(map(len, lines)) <= cells.COLUMNS


@pytest.mark.parametrize("path", notebooks.notebooks(), ids=lambda path: path.stem)
def test_the_stored_setup_cell_is_the_canonical_one(path):
    code = [cell for cell in read(path).cells if cell.cell_type == "code"]
    assert code[0].source == notebooks.setup_cell(path)


def checked(path, monkeypatch, capsys):
    """What `check` says of one notebook, and how it ends."""
    monkeypatch.setattr(sys, "argv", ["notebooks", "check", str(path)])
    with pytest.raises(SystemExit) as exit:
        notebooks.main()
    lines = capsys.readouterr().out.splitlines()
    name = os.path.relpath(path, ROOT)
    said = [line.partition(": ")[2] for line in lines if line.startswith(name)]
    return said, exit.value.code


def test_check_says_a_sentence_a_breach_and_fails(tmp_path, monkeypatch, capsys):
    path = written(tmp_path / "a.ipynb", "f()")
    monkeypatch.setattr(notebooks, "is_stale", lambda *_: False)
    said, code = checked(path, monkeypatch, capsys)
    page = Page(path, read(path), notebooks.setup_cell(path))
    assert said[: len(gate.problems(page))] == gate.problems(page)
    assert code == f"{len(said)} to mend"


@pytest.mark.skipif(sys.version_info[:2] != PYTHON, reason="said on one Python only")
def test_a_stale_notebook_says_that_and_nothing_else(tmp_path, monkeypatch, capsys):
    path = written(tmp_path / "a.ipynb", "f()")
    said, code = checked(path, monkeypatch, capsys)
    assert said == ["stale, made from other code: 'make run' executes it"]
    assert code == "1 to mend"


@pytest.mark.parametrize("command", ["run", "check"])
def test_files_that_are_no_notebooks_get_one_line_each(
    command, tmp_path, monkeypatch, capsys
):
    broken = [
        *("", "# Why?\n", "[]", "{}", "<<<<<<< HEAD\n{}"),
        '{"cells": 1, "nbformat": 4}',
        '{"cells": [{"cell_type": "code"}], "metadata": {}, "nbformat": 4}',
    ]
    paths = [tmp_path / f"broken{number}.ipynb" for number in range(len(broken))]
    for path, content in zip(paths, broken, strict=True):
        path.write_text(content)
    monkeypatch.setattr(sys, "argv", ["notebooks", command, *map(str, paths)])
    with pytest.raises(SystemExit, match=f"{len(broken)} to mend"):
        notebooks.main()
    said = capsys.readouterr().out
    assert said.count("not a notebook that Jupyter reads: ") == len(broken)
    for path, content in zip(paths, broken, strict=True):
        assert 1 <= sum(path.name in line for line in said.splitlines()) <= 2
        assert path.read_text() == content


def test_the_books_own_notebooks_and_pages_keep_the_rules(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["notebooks", "check"])
    try:
        notebooks.main()
    except SystemExit:
        pytest.fail(capsys.readouterr().out)


@pytest.mark.parametrize("command", ["run", "check"])
def test_a_path_that_leads_nowhere_is_said(command, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["notebooks", command, f"{tmp_path}/no.ipynb"])
    with pytest.raises(SystemExit):
        notebooks.main()
    assert "no.ipynb" in capsys.readouterr().err
