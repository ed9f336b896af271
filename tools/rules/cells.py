"""What a cell may look like, and how large a notebook may be."""

import ast
import re
from collections.abc import Iterator, Mapping
from typing import Any

import nbformat

from tools.digest import SETUP_TAG, parsed
from tools.reading import Page, at_margin, pictures_of, tags_of

LINES, COLUMNS = 15, 88
BYTES = 500_000
SECONDS = 60
# The seconds are meant for a processor on which the fixed piece of work that `make run`
# times takes so long. Where it took 0.23 s, the chapters took between 1.4 and 2.5 times
# what they had taken there, in the median 1.75 times.
PACE = 0.13
TAGS = {"hide-input", "nbval-ignore-output", "raises-exception"}
METADATA = {"book", "kernelspec", "language_info"}
INDIRECT = {"exec", "eval", "globals", "locals", "__import__", "__builtins__"}
CHANGES = {"setattr", "delattr"}
PARTS = {"__class__", "__dict__", "__globals__"}  # of anything, the library too
PARTS |= {"__setattr__", "__delattr__"}
MODULES = {"builtins", "importlib", "unittest"}
SPEAKS = {"display", "get_ipython", "IPython", "record", "say"}  # with any record
SHOWS_ITSELF = re.compile(r"\b_(?:repr|ipython)_\w+_\b")
VERBS = {"prove", "claim", "check"}
NAMED = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.ExceptHandler
NAMED |= ast.MatchAs | ast.MatchStar
GIVES = ast.Assign | ast.AnnAssign | ast.NamedExpr | ast.For | ast.comprehension


def setup_first(page: Page) -> Iterator[str]:
    first = page.code[0][1] if page.code else None
    silent = first and first.source == page.setup and not first.outputs
    if not silent or tags_of(first) != {SETUP_TAG}:
        yield "the first code cell is not the silent setup cell: 'make run'"


def short(page: Page) -> Iterator[str]:
    """Long may be the code of a figure, where it is folded, and what is handed in."""
    for at, cell in page.code:
        lines = cell.source.split("\n")
        proves = at_margin(parsed(cell.source), "prove")
        drawn = "hide-input" in tags_of(cell) and pictures_of(cell) and not proves
        if not cell.source.strip():
            yield f"cell {at}: empty"
        if len(lines) > LINES and not drawn and not page.handed_in:
            yield f"cell {at}: {len(lines)} lines; at most {LINES}"
        if max(map(len, lines)) > COLUMNS:
            yield f"cell {at}: a line of more than {COLUMNS} characters"


def plain_python(page: Page) -> Iterator[str]:
    for at, cell in page.code:
        try:
            ast.parse(cell.source)
        except SyntaxError as error:
            yield f"cell {at}: not plain Python, line {error.lineno}: {error.msg}"


def verbs_are_the_librarys(page: Page) -> Iterator[str]:
    """Nothing else is called `prove`, and nothing of the library is exchanged."""
    library = {"helpers"}
    for at, cell in page.code:
        if cell.source == page.setup:  # it looks for the library
            continue
        tree = parsed(cell.source)
        nodes = list(ast.walk(tree))
        for node in nodes:
            for module, name, alias in _imported(node):
                ours = module.split(".")[0] == "helpers"
                if alias == "*":
                    yield f"cell {at}: imports * of {module}; name what is used"
                if module == "sys" and alias != "sys":
                    said = "sys" if name == "sys" else f"sys.{name}"
                    yield f"cell {at}: {alias} is of sys; say {said}"
                if alias in VERBS and not (ours and alias == name):
                    yield f"cell {at}: {alias} is not the one of helpers"
                elif ours and name in VERBS and alias != name:
                    yield f"cell {at}: say {name}, not {alias}: so proofs are found"
                if SPEAKS & {*module.split("."), name}:
                    yield f"cell {at}: records are made by prove, claim and show only"
                if module.split(".")[0] in MODULES:
                    yield f"cell {at}: {module} can exchange the library"
            library |= _other_names(node, library)
        for line in tree.body:
            if isinstance(line, ast.Assign) and not _other_names(line, library):
                library -= _given(line)  # net = Net(): it is the library's no longer
            inside = list(ast.walk(line))
            for node in inside:
                library |= _other_names(node, library)
            for slip in _exchanged(inside, library):
                yield f"cell {at}: {slip}"
            for name in _round_about(inside, library):
                yield f"cell {at}: {name} hides what is run"
        if SHOWS_ITSELF.search(cell.source) or any(map(_speaks, nodes)):
            yield f"cell {at}: records are made by prove, claim and show only"


def _exchanged(nodes: list[ast.AST], library: set[str]) -> Iterator[str]:
    """What is done to the verbs and to the library."""
    for node in nodes:
        for name in _bound(node):
            root, _, attribute = name.partition(".")
            if name in VERBS:
                yield f"another thing is called {name} here"
            if attribute and root in library:
                yield f"changes the library: {name} = …"
        if getattr(node, "attr", None) in VERBS and _root(node) in library:
            yield f"say {node.attr}, not {ast.unparse(node)}: so proofs are found"


def _round_about(nodes: list[ast.AST], library: set[str]) -> Iterator[str]:
    """The names by which others are reached unseen; vars(flags) reads what is seen."""
    fine = set()
    for node in nodes:
        match node:
            case ast.Call(ast.Name("vars") as called, [of]):
                if _root(of) not in library:
                    fine.add(called)
            case ast.Call(ast.Name("setattr" | "delattr") as called):
                fine.add(called)
            case ast.Name("vars" | "setattr" | "delattr" as name) if node not in fine:
                yield name
            case ast.Name(name) if name in INDIRECT:
                yield name
            case ast.Attribute(attr=name) | ast.Constant(str(name)) if name in PARTS:
                yield name
            case ast.Attribute(ast.Name("sys"), "modules"):
                yield "sys.modules"


def _speaks(node: ast.AST) -> bool:
    match node:
        case ast.Name("display" | "get_ipython") | ast.Attribute(_, "say", ast.Load()):
            return True
    return False


def _imported(node: ast.AST) -> Iterator[tuple[str, str, str]]:
    """Module, name and the name it gets here, of each name that a node imports."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        for alias in node.names:
            module = getattr(node, "module", alias.name) or ""
            yield module, alias.name, alias.asname or alias.name


def _other_names(node: ast.AST, library: set[str]) -> set[str]:
    """The names that a node gives to parts of the library, as `p = proof` does."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        given = ((module.split(".")[0], alias) for module, _, alias in _imported(node))
        return {alias.split(".")[0] for root, alias in given if root == "helpers"}
    if not isinstance(node, GIVES):
        return set()
    value = node.iter if hasattr(node, "iter") else node.value
    parts = getattr(value, "elts", [value])
    return _given(node) if any(_root(part) in library for part in parts) else set()


def _given(node: GIVES) -> set[str]:
    """The names that a node gives a value."""
    targets = getattr(node, "targets", None) or [node.target]
    names = (name for target in targets for name in ast.walk(target))
    stored = (name for name in names if isinstance(getattr(name, "ctx", 0), ast.Store))
    return {name.id for name in stored if isinstance(name, ast.Name)}


def _root(value: ast.AST | None) -> str:
    """The name before the dots and indices; what a call returns is no part of it."""
    while isinstance(value, ast.Attribute | ast.Subscript):
        value = value.value
    return value.id if isinstance(value, ast.Name) else ""


def _bound(node: ast.AST) -> Iterator[str]:
    """The names that a node gives a value, and the dotted ones it changes."""
    if isinstance(node, NAMED):
        yield node.name or ""
    elif isinstance(node, ast.MatchMapping):
        yield node.rest or ""
    elif isinstance(node, ast.arg):
        yield node.arg
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        yield node.id
    elif isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load):
        yield ast.unparse(node) if _root(node) else ""
    elif isinstance(node, ast.Call) and ast.unparse(node.func) in CHANGES:
        of = node.args[0] if node.args else None
        yield f"{ast.unparse(of)}.…" if _root(of) else ""


def known_tags(page: Page) -> Iterator[str]:
    setup = 0 if page.handed_in else 1  # its tag is the executor's
    for at, cell in page.code[setup:] + page.text:
        if unknown := tags_of(cell) - (TAGS if cell.cell_type == "code" else set()):
            yield f"cell {at}: tags that are not in use here: {sorted(unknown)}"
    for at, cell in page.code:
        if re.search(r"#\s*(NBVAL|PYTEST)_", cell.source):
            yield f"cell {at}: a comment for nbval; say it with a tag"


def nothing_set_apart(page: Page) -> Iterator[str]:
    """No settings for the page that the executor doesn't write: they hide outputs."""
    if others := set(page.notebook.metadata) - METADATA:
        yield f"metadata that are not in use here: {sorted(others)}"


def folded(page: Page) -> Iterator[str]:
    """The first proof stands open; what isn't a proof or a figure does too."""
    first = True
    for at, cell in page.code:
        proves = at_margin(parsed(cell.source), "prove")
        if "hide-input" in tags_of(cell):
            if proves and first:
                yield f"cell {at}: the first proof stands open; take 'hide-input' off"
            if not proves and not pictures_of(cell):
                yield f"cell {at}: 'hide-input' is for proofs and figures only"
        first = first and not proves


def small_and_quick(page: Page) -> Iterator[str]:
    size = len(nbformat.writes(page.notebook).encode())
    if size > BYTES:
        yield f"{size:,} bytes, outputs included; at most {BYTES:,}"
    run = page.notebook.metadata.get("book", {})
    if not run.get("seconds", -1) >= 0:  # which NaN isn't either
        yield "how long it takes is not stored: 'make run'"
    elif (seconds := counted_seconds(run)) > SECONDS:
        yield f"{seconds:.1f} s to execute; at most {SECONDS}"


def counted_seconds(run: Mapping[str, Any]) -> float:
    """The seconds that a stored run would have taken at the pace of `PACE`."""
    pace = run.get("pace")
    known = isinstance(pace, int | float) and pace > 0
    return run.get("seconds", 0) / (min(pace / PACE, 4) if known else 1)
