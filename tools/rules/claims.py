"""A claim's record, its printed line and its values say the same."""

import ast
import re
from collections import Counter
from collections.abc import Iterator

from nbformat import NotebookNode

from helpers.claims import Row, one_line, table_of
from tools.digest import parsed
from tools.reading import Page, called

FIELDS = tuple(Row.__dataclass_fields__)
EFFECT = re.compile(  # what is said of an accuracy where 0 means no effect
    r"\b(?:gap|rises?|falls?|los[est]|gain(?:s|ed)?|drop|difference|minus|over|above"
    r"|below|between|more|less|ahead|behind|change)\b"
)
UNNAMED = "without it"  # what `claim` calls a control that has no name
MAKERS = {"np.array", "np.asarray", "list", "tuple", "float", "dict"}


def say_what_was_measured(page: Page) -> Iterator[str]:
    for at, cell, output, record in _made(page):
        literals = called(parsed(cell.source), "claim")
        what = record.get("what", "")
        if not agrees(record, output.data.get("text/plain")):
            yield f"cell {at}: '{what}': line, record and values don't agree"
        if what not in literals and "?" not in literals:
            yield f"cell {at}: no claim of this cell says '{what}'"


def claimed_once(page: Page) -> Iterator[str]:
    """A headline needs to know which claim bears it out."""
    seen: dict[str, int] = {}
    for at, _, _, record in _made(page):
        what = record.get("what", "")
        if what in seen:
            yield f"cell {at}: '{what}' is claimed in cell {seen[what]} already"
        seen.setdefault(what, at)


def causes(page: Page) -> Iterator[str]:
    """A claim of cause says what differs, and is about an effect."""
    for at, _, _, record in _made(page):
        what = record.get("what", "")
        controls = [row.get("control") for row in record.get("rows", [record])]
        if UNNAMED in controls:
            yield f"cell {at}: '{what}': name what differs: control={{'with …': …}}"
        if any(controls) and "accuracy" in what and not EFFECT.search(what):
            yield f"cell {at}: '{what}' is no effect; 0 has to mean none"


def _made(page: Page) -> Iterator[tuple[int, NotebookNode, NotebookNode, dict]]:
    """The claims of a notebook: cell, output and record of each."""
    for at, cell in page.code:
        for output in cell.outputs:
            record = output.get("metadata", {}).get("book", {})
            if record.get("verb") == "claim":
                yield at, cell, output, record


def agrees(record: dict, line: str) -> bool:
    """Whether line and record are what the values give, and these meet the bar."""
    stored = record.get("rows", [record])
    try:
        rows = [Row(**{name: row[name] for name in FIELDS}) for row in stored]
        said = table_of(record["what"], rows) if "rows" in record else one_line(rows[0])
        shown = all(
            row.record().items() <= old.items()
            for row, old in zip(rows, stored, strict=True)
        )
        return said == line and shown and all(row.met for row in rows)
    except (KeyError, TypeError, ValueError, AttributeError):
        return False  # a record of another form


def can_fail(page: Page) -> Iterator[str]:
    """Nothing is claimed that was typed, nor against a bar that can't be missed."""
    trees = [(at, parsed(cell.source)) for at, cell in page.code]
    typed = _typed_names([node for _, tree in trees for node in ast.walk(tree)])
    for at, tree in trees:
        nodes = list(ast.walk(tree))
        names = typed | _typed_names(nodes)  # whatever other cells call so
        for node in nodes:
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "claim":
                yield from (f"cell {at}: {slip}" for slip in _slips(node, names))


def _typed_names(nodes: list[ast.AST]) -> set[str]:
    """The names that are given literals, once, and are never changed."""
    literals = {
        node.targets[0].id
        for node in nodes
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and _typed(node.value, set())
    }
    stored = Counter(
        node.id
        for node in nodes
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    )
    changed = {  # numbers.append(…), numbers[3] = …
        node.value.id
        for node in nodes
        if isinstance(node, ast.Attribute | ast.Subscript)
        and isinstance(node.value, ast.Name)
    }
    return {name for name in literals - changed if stored[name] == 1}


def _slips(call: ast.Call, typed: set[str]) -> Iterator[str]:
    options = {keyword.arg: keyword.value for keyword in call.keywords}
    values = [*call.args[1:2], options.get("values"), options.get("control")]
    if any(value is not None and _typed(value, typed) for value in values):
        yield "claims a number that is typed, not measured"
    given = {k: v.value for k, v in options.items() if isinstance(v, ast.Constant)}
    missed = given.get("at_least") != 0 and given.get("at_most") != 1
    match given:
        case {"equals": int() | float() as middle, "within": int() | float() as within}:
            missed = within < max(middle, 1 - middle)
    if given.get("unit") == "%" and not missed:
        yield "the bar can't be missed: a share is between 0 and 1"


def _typed(value: ast.expr, typed: set[str]) -> bool:
    """Whether an expression is made of literals and of names for literals alone."""
    makers = set()
    for node in ast.walk(value):
        if isinstance(node, ast.Call):
            if ast.unparse(node.func) not in MAKERS:
                return False
            makers |= set(ast.walk(node.func))
    names = (n for n in ast.walk(value) if isinstance(n, ast.Name) and n not in makers)
    return all(name.id in typed for name in names)
