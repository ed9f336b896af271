"""The rule of rooms: what is light stays light, and no reader's code needs tools."""

import ast
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from IPython.core.inputtransformer2 import TransformerManager

from tools.notebooks import notebooks

ROOT = Path(__file__).parents[1]
SOURCES = sorted(ROOT.glob("src/**/*.py"))
NOTEBOOKS = notebooks()
HEAVY = ("torch", "matplotlib", "sklearn", "scipy", "IPython", "pooch", "requests")
LIGHT = (
    "helpers",
    "helpers.nn",
    "helpers.data",
    "helpers.proof",
    "helpers.claims",
    "helpers.exercises",
    "helpers.recurrent",
    "helpers.results",
    "helpers.tape",
)


def loaded_by(module, folder):
    """The heavy packages in a fresh interpreter that has imported `module`."""
    code = f"import sys, {module}; print(*sys.modules)"
    python = [
        sys.executable,
        "-W",
        "error",
        "-W",
        "ignore::DeprecationWarning",
        "-c",
        code,
    ]
    done = subprocess.run(
        python, cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return {name for name in HEAVY if name in done.stdout.split()}


def imported(source):
    """The top-level names of the packages that Python source imports."""
    names = []
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import():
                names += [alias.name for alias in node.names]
            case ast.ImportFrom(module=str(module), level=0):
                names.append(module)
            case ast.Call(func, [ast.Constant(str(name)), *_]):
                if ast.unparse(func).split(".")[-1] in ("import_module", "__import__"):
                    names.append(name)
    return {name.split(".")[0] for name in names}


@pytest.mark.parametrize("module", LIGHT)
def test_a_numpy_module_loads_nothing_heavy(module, tmp_path):
    assert loaded_by(module, tmp_path) == set()


def test_what_is_heavy_would_be_seen(tmp_path):
    assert "matplotlib" in loaded_by("helpers.plots", tmp_path)


@pytest.mark.parametrize(
    "source",
    [
        "import tools",
        "import numpy, tools.digest as d",
        "from tools import digest",
        "from tools.digest import digest",
        "def f():\n    import tools",
        "import importlib\nimportlib.import_module('tools.digest')",
        "__import__('tools')",
    ],
)
def test_every_way_to_import_tools_would_be_seen(source):
    assert "tools" in imported(source)


def test_a_module_of_its_own_named_tools_is_no_import_of_tools():
    assert imported("from . import tools\nfrom .tools import f\ntools = 1") == set()


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_helpers_imports_nothing_from_tools_or_tests(path):
    assert imported(path.read_text("utf-8")).isdisjoint({"tools", "tests"})


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_imports_nothing_from_tools_or_tests(path):
    notebook = nbformat.read(path, as_version=4)
    to_python = TransformerManager().transform_cell  # magics too
    for cell in notebook.cells:
        if cell.cell_type == "code":
            names = imported(to_python(cell.source))
            assert names.isdisjoint({"tools", "tests"}), cell.source


def test_there_is_something_to_scan():
    assert len(SOURCES) > 10
    assert NOTEBOOKS
