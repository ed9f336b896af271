"""What a notebook's stored outputs were made from, as one number.

The digest covers the code cells (not the setup cell), the modules of `helpers` that
they import, transitively, and the files (weights, cards) they name. It is taken from
syntax trees without docstrings, so that prose and layout don't count.
"""

import ast
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parents[1]
LIBRARY = ROOT / "src"
# The trees of other versions differ, so digests are compared on this one only.
PYTHON = (3, 11)


def digest(notebook: NotebookNode, folder: Path, library: Path = LIBRARY) -> str:
    """The digest of a notebook that lies in `folder`, importing from `library`."""
    cells = [cell.source for cell in notebook.cells if cell.cell_type == "code"][1:]
    trees = [parsed(source) for source in cells]
    whole = hashlib.sha256()
    for tree in trees:
        whole.update(_canonical(tree.body).encode())  # a string in a cell is no prose
    for module in _modules(trees, library):
        whole.update(_canonical(ast.parse(module.read_bytes())).encode())
    for file in _files(trees, folder):
        whole.update(file.read_bytes())
    return whole.hexdigest()[:16]


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


def _modules(trees: list[ast.Module], library: Path) -> list[Path]:
    """The library's files that the trees import, transitively, sorted."""
    found: set[Path] = set()
    waiting = [name for tree in trees for name in _imports(tree, ())]
    while waiting:
        for file in _sources(waiting.pop(), library):
            if file not in found:
                found.add(file)
                package = file.relative_to(library).parent.parts
                waiting += _imports(ast.parse(file.read_bytes()), package)
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


def _sources(name: str, library: Path) -> Iterator[Path]:
    """The files of `helpers.nn.SGD`: those of helpers and of helpers.nn."""
    parts = name.split(".")
    for end in range(1, len(parts) + 1):
        base = library.joinpath(*parts[:end])
        for file in (base.with_suffix(".py"), base / "__init__.py"):
            if file.is_file():
                yield file


def _files(trees: list[ast.Module], folder: Path) -> list[Path]:
    """The files that string constants name, as seen from the notebook's folder."""
    names = {
        node.value
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    short = [name for name in sorted(names) if len(name.encode()) < 200]
    return [folder / name for name in short if (folder / name).is_file()]
