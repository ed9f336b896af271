"""A claim's record, its printed line and its values say the same."""

import ast
import re
from collections import Counter
from collections.abc import Iterator, Mapping

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
MAKERS = {"list", "tuple", "float", "dict", "int", "sum", "min", "max", "round", "abs"}
MAKERS |= {"sorted", "reversed", "set", "map", "range", "zip", "enumerate"}
ARRAYS = "array asarray tensor full ones repeat tile float64 stack sort round abs"
ARRAYS += " mean median sum min max"
MAKERS |= {f"{of}.{name}" for of in ("np", "torch") for name in ARRAYS.split()}
GIVES = ast.Assign | ast.AnnAssign | ast.NamedExpr  # a name its value
READS = {"mean", "sum", "min", "max", "values", "items", "tolist"}  # of a typed list


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
        calls = (node for node in nodes if isinstance(node, ast.Call))
        if any(_claims_typed(call, names) for call in calls):
            yield f"cell {at}: claims a number that is typed, not measured"
    for at, _, _, record in _made(page):
        if any(map(_always_met, record.get("rows", [record]))):
            yield f"cell {at}: the bar can't be missed: a share is between 0 and 1"


def _typed_names(nodes: list[ast.AST]) -> set[str]:
    """The names that are given typed numbers, once, and are never changed."""
    stored = Counter(
        node.id
        for node in nodes
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    )
    once = {name for name in stored if stored[name] == 1}
    changed = {name for node in nodes for name in _changed(node)}
    typed: set[str] = set()
    while new := {
        name.id
        for node in nodes
        if isinstance(node, GIVES) and node.value and _typed(node.value, typed)
        for target in getattr(node, "targets", None) or [node.target]
        for name in ast.walk(target)
        if isinstance(name, ast.Name) and name.id in once - changed - typed
    }:
        typed |= new
    return typed


def _changed(node: ast.AST) -> Iterator[str]:
    """The name whose value a node changes: numbers.append(…), runs["SGD"][3] = …"""
    reads = isinstance(node, ast.Attribute) and node.attr in READS
    if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
        return
    while isinstance(node, ast.Attribute | ast.Subscript) and not reads:
        node = node.value
        if isinstance(node, ast.Name):
            yield node.id


def _claims_typed(call: ast.Call, typed: set[str]) -> bool:
    if ast.unparse(call.func) != "claim":
        return False
    options = {keyword.arg: keyword.value for keyword in call.keywords}
    if isinstance(spread := options.get(None), ast.Dict):  # **{"values": …}
        names = (getattr(key, "value", None) for key in spread.keys)
        options |= dict(zip(names, spread.values, strict=True))
    values = [*call.args[1:2], options.get("values"), options.get("control")]
    return any(value is not None and _typed(value, typed) for value in values)


def _typed(value: ast.expr, typed: set[str]) -> bool:
    """Whether it is made of numbers, one or more, and of names for such alone."""
    makers: set[ast.AST] = set()
    spelled = False  # float("0.9")
    for node in ast.walk(value):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called in MAKERS:
                makers |= set(ast.walk(node.func))
                inside = [part for given in node.args for part in ast.walk(given)]
                makers |= {part for part in inside if getattr(part, "id", 0) in MAKERS}
                texts = (getattr(part, "value", None) for part in inside)
                spelled |= any(isinstance(text, str) for text in texts)
            elif called.rpartition(".")[2] not in READS:
                return False
    nodes = [node for node in ast.walk(value) if node not in makers]
    read = [node for node in nodes if isinstance(getattr(node, "ctx", None), ast.Load)]
    loops = [node for node in nodes if isinstance(node, ast.comprehension)]
    own = {getattr(name, "id", "") for each in loops for name in ast.walk(each.target)}
    names = {node.id for node in read if isinstance(node, ast.Name)} - own
    numbers = (isinstance(getattr(n, "value", None), int | float) for n in nodes)
    return typed.issuperset(names) and (bool(names) or spelled or any(numbers))


def _always_met(row: Mapping) -> bool:
    """Whether no share, or in points no difference of two shares, can miss the bar."""
    match row:
        case {"unit": "points", "words": "at least", "limit": limit}:
            return limit <= -100
        case {"unit": "points", "words": "at most", "limit": limit}:
            return limit >= 100
        case {"unit": "points", "words": "about", "limit": middle, "within": within}:
            return within >= 100 + abs(middle)
        case {"unit": "%", "words": "at least", "limit": 0}:
            return True
        case {"unit": "%", "words": "at most", "limit": 1}:
            return True
        case {"unit": "%", "words": "about", "limit": middle, "within": within}:
            return within >= max(middle, 1 - middle)
    return False
