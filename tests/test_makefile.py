"""`make help` lists what there is; a second `make test` installs nothing."""

import re
import shutil
import subprocess

import pytest

from tests import POSIX
from tools.digest import ROOT

MAKEFILE = (ROOT / "Makefile").read_text("utf-8")
TARGETS = re.search(r"^\.PHONY: (.+)", MAKEFILE, re.M)[1].split()

pytestmark = [
    POSIX,
    pytest.mark.skipif(not shutil.which("make"), reason="no make here"),
]


@pytest.fixture
def tree(tmp_path):
    """The Makefile in a folder where the environment is already made."""
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    (tmp_path / ".venv").mkdir()
    for stamp in (".book", ".test"):  # written last, so newer than the rest
        (tmp_path / ".venv" / stamp).touch()
    return tmp_path


def make(folder, *arguments):
    command = ["make", "--no-print-directory", "-C", folder, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_help_lists_every_target_with_what_it_does(tree):
    lines = [line.split(maxsplit=1) for line in make(tree, "help").splitlines()]
    assert sorted(name for name, _ in lines) == sorted(TARGETS)
    assert all(words for _, words in lines)


def test_make_without_a_target_shows_the_help(tree):
    assert make(tree) == make(tree, "help")


def test_no_line_has_two_modifiers_which_the_make_of_macos_does_not_read():
    words = r"(?:override|export|private|undefine)"
    assert not re.search(rf"\b{words} +{words}\b", MAKEFILE)


@pytest.mark.parametrize("target", ["book", "test", "run", "lab", "serve"])
def test_once_the_environment_is_made_nothing_is_installed(tree, target):
    assert "pip" not in make(tree, "-n", target)


@pytest.fixture
def commands(tree):
    """An empty folder for the environment's commands, and one to write them."""
    (tree / "bin").mkdir()

    def write(name, script):
        (tree / "bin" / name).write_text(f"#!/bin/sh\n{script}")
        (tree / "bin" / name).chmod(0o700)

    return write


BUILD = "mkdir -p _build/html && echo new > _build/html/index.html"


@pytest.mark.parametrize(
    ("pages", "book", "left"),
    [
        ("exit 0", f"{BUILD}", ["index.html"]),
        ("exit 1", f"{BUILD}", []),
        ("exit 0", "exit 1", []),
        (
            "exit 0",
            f"{BUILD}; exit 1",
            [],
        ),  # with warnings, a site is written all the same
    ],
)
def test_a_build_that_fails_leaves_no_site(tree, commands, pages, book, left):
    (tree / "_build/html").mkdir(parents=True)
    (tree / "_build/html/old.html").touch()
    commands("python", pages)
    commands("jupyter-book", book)
    command = ["make", "-C", tree, "BIN=bin", "book"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert [path.name for path in (tree / "_build/html").glob("*")] == left
    assert (done.returncode == 0) == bool(left)
    assert ("Open _build" in done.stdout) == bool(left)


@pytest.mark.parametrize("file", ["pyproject.toml", "constraints.txt"])
def test_other_requirements_are_installed_anew(tree, file):
    (tree / ".venv/.book").unlink()
    assert "pip install" in make(tree, "-n", "test")
    make(tree, "-t", "test")
    assert "pip" not in make(tree, "-n", "test")
    assert "pip install" in make(tree, "-n", "-W", file, "test")


def test_make_test_runs_style_gate_and_notebooks(tree):
    steps = make(tree, "-n", "test")
    for step in (
        "ruff check",
        "ruff format",
        "tools.notebooks check",
        "pytest --nbval",
    ):
        assert step in steps


def test_make_run_takes_one_notebook(tree):
    assert "notebooks run chapters/a.ipynb" in make(
        tree, "-n", "run", "NB=chapters/a.ipynb"
    )
