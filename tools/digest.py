"""What a notebook's stored outputs were made from, as one number.

The digest covers the code cells (not the setup cell), the modules of `helpers` and
those beside the notebook that they import, transitively, and the files (weights, cards,
the code of other notebooks) that the cells and the modules beside them name. It is
taken from syntax trees without docstrings, so that prose and layout don't count.
"""

import ast
import hashlib
import json
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parents[1]
LIBRARY = ROOT / "src"
# The trees of other versions differ, so digests are compared on this one only.
PYTHON = (3, 11)
SETUP_TAG = "remove-cell"
TYPST_IMPORT = re.compile(r'^\s*#(?:import|include)\s+"([^"@]+\.typ)"', re.M)


def digest(notebook: NotebookNode, folder: Path, library: Path = LIBRARY) -> str:
    """The digest of a notebook that lies in `folder`, importing from `library`."""
    trees = _trees(notebook)
    folder, library = folder.resolve(), library.resolve()  # they are sorted together
    whole = hashlib.sha256()
    for tree in trees:
        whole.update(_canonical(tree.body).encode())  # a string in a cell is no prose
    for module in _modules(trees, (library, folder)):
        tree, canonical = _read(module.read_bytes())
        whole.update(canonical)
        if module.is_relative_to(folder):
            trees.append(tree)
    for file in _files(trees, folder):
        whole.update(_content(file))
    return whole.hexdigest()[:16]


def _trees(notebook: NotebookNode) -> list[ast.Module]:
    return [
        parsed(cell.source)
        for cell in notebook.cells
        if cell.cell_type == "code" and SETUP_TAG not in cell.metadata.get("tags", [])
    ]


@cache  # most modules are read by most notebooks; by content, since files change
def _read(source: bytes) -> tuple[ast.Module, bytes]:
    tree = ast.parse(source)
    return tree, _canonical(tree).encode()


def _content(file: Path) -> bytes:
    """Of a notebook its code: with outputs one that names itself would stay stale."""
    if file.suffix == ".ipynb":
        with suppress(nbformat.ValidationError, ValueError, AttributeError, TypeError):
            return _canonical(_trees(nbformat.read(file, as_version=4))).encode()
    return file.read_bytes()


def sealed(notebook: NotebookNode) -> str:
    """The digest of all that a run stored: outputs, captions, seconds, code digest."""
    run = {**notebook.metadata.get("book", {}), "outputs": ""}
    stored = [run] + [
        [cell.outputs, cell.metadata.get("mystnb")]
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]
    return hashlib.sha256(json.dumps(stored, sort_keys=True).encode()).hexdigest()[:16]


def parsed(source: str) -> ast.Module:
    """A cell's tree; what is no Python (the gate says so) counts as it is written."""
    try:
        return ast.parse(source)
    except SyntaxError:
        return ast.parse(f"not_python({source!r})")


def _canonical(node: Any) -> str:
    """A tree as text: no positions, no docstrings, no empty fields, no version."""
    if isinstance(node, list):
        return f"[{','.join(map(_canonical, node))}]"
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = dict(ast.iter_fields(node))
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
        fields["body"] = [line for line in node.body if not _is_prose(line)]
    shown = [
        f"{name}={_canonical(value)}"
        for name, value in fields.items()
        if value is not None and value != []
    ]
    return f"{type(node).__name__}({','.join(shown)})"


def _is_prose(line: ast.stmt) -> bool:
    """A docstring, or the version, which no output depends on."""
    if isinstance(line, ast.Assign):
        return ast.unparse(line.targets[0]) == "__version__"
    if not isinstance(line, ast.Expr) or not isinstance(line.value, ast.Constant):
        return False
    return isinstance(line.value.value, str)


def _modules(trees: list[ast.Module], roots: tuple[Path, ...]) -> list[Path]:
    """The files below the roots that the trees import, transitively, sorted."""
    found: set[Path] = set()
    waiting = [name for tree in trees for name in _imports(tree, ())]
    while waiting:
        name = waiting.pop()
        for root in roots:
            for file in _sources(name, root):
                if file not in found:
                    found.add(file)
                    package = file.relative_to(root).parent.parts
                    waiting += _imports(_read(file.read_bytes())[0], package)
    return sorted(found)


def _imports(tree: ast.Module, package: tuple[str, ...]) -> Iterator[str]:
    """What a module of that package imports; `check("4.2", …)` imports by number."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module, names, level):
                base = package[: len(package) + 1 - level] if level else ()
                base += (module,) if module else ()
                yield from (".".join((*base, alias.name)) for alias in names)
            case ast.Call(ast.Name("check"), [ast.Constant(str(number)), *_]):
                yield f"helpers.exercises.ch{number.partition('.')[0]:0>2}"


def _sources(name: str, root: Path) -> Iterator[Path]:
    """The files of `helpers.nn.SGD`: those of helpers and of helpers.nn."""
    parts = name.split(".")
    for end in range(1, len(parts) + 1):
        base = root.joinpath(*parts[:end])
        for file in (base.with_suffix(".py"), base / "__init__.py"):
            if file.is_file():
                yield file


def _files(trees: list[ast.Module], folder: Path) -> list[Path]:
    """The files that strings name, as seen from the notebook's folder.

    A path may be joined from strings in any way: each string that names a folder is a
    place to look in for all of them. A .typ is read with those that it imports.
    """
    names = {name for tree in trees for name in _strings(tree)}
    places = [folder]
    for place in places:  # which grows meanwhile
        for name in names:
            inside = Path(os.path.normpath(place / name))
            climbs = name.startswith("..") and place != folder
            if inside.is_dir() and inside not in places and not climbs:
                places.append(inside)
    found = {
        os.path.relpath(file, folder)
        for place in places
        for name in names
        for file in (place.glob(name) if "*" in name else [place / name])
        if file.is_file()
    }
    reports = [name for name in found if name.endswith(".typ")]
    for name in reports:  # which grows meanwhile
        for each in TYPST_IMPORT.findall((folder / name).read_text("utf-8")):
            imported = os.path.normpath(Path(name).parent / each)
            if imported not in found and (folder / imported).is_file():
                found.add(imported)
                reports.append(imported)
    return [folder / file for file in sorted(found)]


def _strings(tree: ast.Module) -> Iterator[str]:
    """A tree's strings, where each could be a path; "*" for what an f-string fills in.

    A pattern counts if it ends in a suffix: "*.json", not "*" and not "*.*".
    """
    for node in ast.walk(tree):
        match node:
            case ast.Constant(str(text)):
                pass
            case ast.JoinedStr(parts):
                text = "".join(
                    part.value if isinstance(part, ast.Constant) else "*"
                    for part in parts
                )
            case _:
                continue
        text = re.sub(r"^[*]?/+", "", re.sub(r"[*]+", "*", text))
        if len(text.encode()) < 200 and re.search(r"^[^*]*$|\.\w+$", text):
            yield text
