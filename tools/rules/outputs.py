"""What a notebook's stored outputs have to be."""

import ast
import math
import re
from collections.abc import Iterator

from nbformat import NotebookNode

from tools.digest import parsed, sealed
from tools.reading import (
    Page,
    at_margin,
    called,
    pictures_of,
    printed,
    reached,
    records,
    settled,
    tags_of,
)

SHOWN = {"text/plain", "image/png"}  # others are widgets, scripts, or lack an alt text
MACHINE = re.compile(
    r"(?<!\w)/(?:home|root|Users|tmp|usr|work|opt|var|mnt|content)/"
    r"|site-packages|\b[A-Z]:\\\w"
)
IMITATION = re.compile(
    r"^(?:\(\d+\.\d+\) holds.*|.*; measured .*|Exercise \d+\.\d+: .*)", re.M
)
CATCHES = re.compile(r"\b(?:AssertionError|(?:Base)?Exception)\b")
UNCOMPARED, ERROR = "nbval-ignore-output", "raises-exception"


def executed_in_order(page: Page) -> Iterator[str]:
    counts = [cell.execution_count for _, cell in page.code]
    if counts != list(range(1, len(counts) + 1)):
        yield "not executed from top to bottom: 'make run'"


def as_executed(page: Page) -> Iterator[str]:
    """Edited records, exchanged pictures, a deleted output: the seal finds them all."""
    if page.notebook.metadata.get("book", {}).get("outputs") != sealed(page.notebook):
        yield "its outputs are not those of its last run: 'make run'"


def clean(page: Page) -> Iterator[str]:
    for at, cell in page.code:
        for output in cell.outputs:
            if output.get("name") == "stderr":
                yield f"cell {at}: stderr in the stored output"
            if others := set(output.get("data", {})) - SHOWN:
                yield f"cell {at}: an output not for all readers: {sorted(others)}"
        if "\r" in printed(cell):
            yield f"cell {at}: a progress bar in the stored output"
        if path := MACHINE.search(printed(cell)):
            yield f"cell {at}: the stored output names a machine's path: {path.group()}"


def complete(page: Page) -> Iterator[str]:
    """A cell that speaks has said something."""
    for at, cell in page.code:
        tree = parsed(cell.source)
        outputs = {
            "claim": len(records(cell, "claim")),
            **dict.fromkeys(("show", "plots.show"), len(pictures_of(cell))),
            "print": math.inf if printed(cell).strip() else 0,
        }
        for verb, count in outputs.items():
            if len(at_margin(tree, verb)) > count and ERROR not in tags_of(cell):
                yield f"cell {at}: calls {verb}, but its output is missing: 'make run'"


def masked_numbers_are_claimed(page: Page) -> Iterator[str]:
    """tests/sanitize.cfg masks what stands behind these when outputs are compared.

    What is handed in can't claim, so it asserts.
    """
    for at, cell in page.code:
        masked = re.search(r"\bmeasured\b|≈", printed(cell))
        verb = "asserts" if page.handed_in else "claims"
        bound = _asserts(cell) if page.handed_in else records(cell, "claim")
        if masked and not bound:
            yield f"cell {at}: prints '{masked.group()}', but {verb} nothing about it"
        if re.search(r"\d.*\bmeasured\b\W*$", printed(cell), re.M):
            yield f"cell {at}: 'measured' ends a line, so no number of it is masked"


def only_verbs_speak_as_verbs(page: Page) -> Iterator[str]:
    """A line that reads as a proof, a claim or a check comes from one."""
    for at, cell in page.code:
        for output in cell.outputs:
            text = output.get("text") or output.get("data", {}).get("text/plain", "")
            line = IMITATION.search(text)
            if line and not output.get("metadata", {}).get("book"):
                yield f"cell {at}: reads as if a verb said it: {line.group()[:60]!r}"


def few_uncompared(page: Page) -> Iterator[str]:
    ignored = [(at, cell) for at, cell in page.code if UNCOMPARED in tags_of(cell)]
    if len(ignored) > len(page.code) / 10:
        total = len(page.code)
        yield f"{len(ignored)} of {total} cells go uncompared; at most one in ten"
    for at, cell in ignored:
        tree = parsed(cell.source)
        said = records(cell, "claim") and called(tree, "claim")
        said = said or (records(cell, "prove") and called(tree, "prove"))
        if not (said or _asserts(cell)):
            yield f"cell {at}: goes uncompared and asserts nothing"


def _asserts(cell: NotebookNode) -> bool:
    """Whether it has an assertion that can fail, and fails aloud."""
    nodes = list(reached(parsed(cell.source)))
    idle = {inner for part in _idle(nodes) for inner in ast.walk(part)}
    return any(
        isinstance(node, ast.Assert) and node not in idle and not _holds(node.test)
        for node in nodes
    )


def _idle(nodes: list[ast.AST]) -> Iterator[ast.AST]:
    """What nothing here names or decorates, and lines whose failure is swallowed.

    A method runs by many names: `net(x)` calls `forward`.
    """
    named = {getattr(node, "id", getattr(node, "attr", None)) for node in nodes}
    classes = [node for node in nodes if isinstance(node, ast.ClassDef)]
    methods = {method for each in classes for method in each.body}
    for node in nodes:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                runs = node.name in named or node.decorator_list or node in methods
                if not runs:
                    yield node
            case ast.Try(body, handlers) | ast.TryStar(body, handlers):
                catching = (each for each in handlers if _catches(each))
                if (first := next(catching, None)) and not _raises(first):
                    yield from body


def _catches(handler: ast.ExceptHandler) -> bool:
    return not handler.type or bool(CATCHES.search(ast.unparse(handler.type)))


def _raises(handler: ast.ExceptHandler) -> bool:
    return any(isinstance(node, ast.Raise) for node in reached(handler))


def _holds(test: ast.expr) -> bool:
    """Whether it can't be false: `1 < 2`, `x == x`, the tuple of `assert (x, "…")`."""
    match test:
        case ast.Tuple(elts):
            return bool(elts)
        case ast.Compare(left, [ast.Eq() | ast.Is() | ast.LtE() | ast.GtE()], [right]):
            return settled(test) or ast.dump(left) == ast.dump(right)
    return settled(test)


def shown_errors(page: Page) -> Iterator[str]:
    for at, cell in page.code:
        failed = any(output.output_type == "error" for output in cell.outputs)
        if failed and ERROR not in tags_of(cell):
            yield f"cell {at}: an error in the stored output"
        if ERROR in tags_of(cell) and not failed:
            yield f"cell {at}: tagged '{ERROR}', but it raises nothing"
