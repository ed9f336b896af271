"""A claim's record, its printed line and its values say the same."""

import ast
from collections.abc import Iterator

from helpers.claims import Row, one_line, table_of
from tools.digest import parsed
from tools.reading import Page, called

FIELDS = tuple(Row.__dataclass_fields__)


def say_what_was_measured(page: Page) -> Iterator[str]:
    for at, cell in page.code:
        literals = called(parsed(cell.source), "claim")
        for output in cell.outputs:
            record = output.get("metadata", {}).get("book", {})
            if record.get("verb") != "claim":
                continue
            what = record.get("what", "")
            if not agrees(record, output.data.get("text/plain")):
                yield f"cell {at}: '{what}': line, record and values don't agree"
            if what not in literals and "?" not in literals:
                yield f"cell {at}: no claim of this cell says '{what}'"
        yield from (f"cell {at}: {slip}" for slip in _typed(parsed(cell.source)))


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


def _typed(tree: ast.Module) -> Iterator[str]:
    """Claims of numbers that nothing has measured, and bars that nothing can miss."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or ast.unparse(node.func) != "claim":
            continue
        values = node.args[1:2] + [k.value for k in node.keywords if k.arg == "values"]
        if values and not any(
            isinstance(x, ast.Name | ast.Call) for x in ast.walk(values[0])
        ):
            yield "claims a number that is typed, not measured"
        bars = {
            k.arg: k.value.value
            for k in node.keywords
            if isinstance(k.value, ast.Constant)
        }
        if bars.get("unit") == "%" and (
            bars.get("at_least") == 0 or bars.get("at_most") == 1
        ):
            yield "the bar can't be missed: a share is between 0 and 1"
