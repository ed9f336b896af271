"""The rules a stored notebook has to keep; each rule is one function.

A rule takes a notebook and yields sentences, one a breach. To add a rule, write it and
name it in RULES. Cells are counted from 0, Markdown cells included.
"""

import ast
import re
from collections.abc import Iterator

import nbformat
from nbformat import NotebookNode

from tools.digest import parsed
from tools.reading import (
    DISPLAY,
    TAG,
    called,
    claims,
    code_cells,
    equations,
    is_definition,
    pictures_of,
    printed,
    prose,
    records,
    tags_of,
    text_cells,
)

LINES, COLUMNS = 15, 88
BYTES = 500_000
SECONDS = 60
SETUP_TAG = "remove-cell"
TAGS = {"hide-input", "nbval-ignore-output", "raises-exception"}
SHOWN = {"text/plain", "image/png"}  # others are widgets, scripts, or lack an alt text

EXERCISE = re.compile(r"^### Exercise (\d+\.\d+)", re.M)
EXERCISE_HEADING = re.compile(r"^ {0,3}#+ *Exercise.*", re.M)
HEADLINE = re.compile(  # also 92\,\%, **92** %, 60-second
    r"(?<![\w.,])(?!\d{4}s)(\d[\d,]*(?:\.\d+)?)(?:[\s*_`$~}-]|\\[,;: ]|\\(?=%))*"
    r"(%|percent(?:age points?)?|(?:milli)?seconds?|m?s|minutes?|min|hours?|h|days?)"
    r"(?!\w)"
)
DIRECTIVE = re.compile(r"^[ >*+\d.-]*(?::::|(?:```+|~~~+)\s*\{).*", re.M)
CODE_SPAN = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", re.S)
# With code spans shown as `…`: a role, a target, a label, a heading without #, a
# picture without an alternative text.
FOREIGN = re.compile(
    r"\{[\w:+.-]+\}`…`|^\([\w-]+\)=\s*$|\$\$ *\([\w:-]+\)"
    r"|^[^\s|>#-].*\n(?:=+|-+)[ \t]*$|<h\d"
    r'|!\[\s*\][(\[]|<img(?![^>]*\balt="[^"]+")',
    re.M,
)
MACHINE = re.compile(
    r"(?<!\w)/(?:home|root|Users|tmp|usr|work|opt|var|mnt|content)/"
    r"|site-packages|\b[A-Z]:\\\w"
)


def problems(notebook: NotebookNode, setup: str) -> list[str]:
    """Every breach in one notebook; `setup` is what its first code cell has to be."""
    found = [problem for rule in RULES for problem in rule(notebook)]
    first = next((cell for _, cell in code_cells(notebook)), None)
    silent = first and first.source == setup and not first.outputs
    if not silent or tags_of(first) != {SETUP_TAG}:
        found.append("the first code cell is not the silent setup cell: 'make run'")
    return found


def valid(notebook: NotebookNode) -> Iterator[str]:
    try:
        nbformat.validate(notebook)
    except nbformat.ValidationError as error:
        yield f"not a valid notebook: {error.message}"


def executed_in_order(notebook: NotebookNode) -> Iterator[str]:
    counts = [cell.execution_count for _, cell in code_cells(notebook)]
    if counts != list(range(1, len(counts) + 1)):
        yield "not executed from top to bottom: 'make run'"


def clean_outputs(notebook: NotebookNode) -> Iterator[str]:
    for at, cell in code_cells(notebook):
        for output in cell.outputs:
            if output.get("name") == "stderr":
                yield f"cell {at}: stderr in the stored output"
            if output.output_type == "error" and "raises-exception" not in tags_of(
                cell
            ):
                yield f"cell {at}: an error in the stored output"
            if others := set(output.get("data", {})) - SHOWN:
                yield f"cell {at}: an output not for all readers: {sorted(others)}"
        if "\r" in printed(cell):
            yield f"cell {at}: a progress bar in the stored output"
        if path := MACHINE.search(printed(cell)):
            yield f"cell {at}: the stored output names a machine's path: {path.group()}"


def masked_numbers_are_claimed(notebook: NotebookNode) -> Iterator[str]:
    """tests/sanitize.cfg masks what stands behind these when outputs are compared."""
    for at, cell in code_cells(notebook):
        masked = re.search(r"\bmeasured\b|≈", printed(cell))
        if masked and not called(parsed(cell.source), "claim"):
            yield f"cell {at}: prints '{masked.group()}', but claims nothing about it"


def figures_have_alt(notebook: NotebookNode) -> Iterator[str]:
    for at, cell in code_cells(notebook):
        pictures = pictures_of(cell)
        if len(pictures) > 1:
            yield f"cell {at}: {len(pictures)} figures; one a cell"
        if pictures and not cell.metadata.get("mystnb", {}).get("image", {}).get("alt"):
            yield f"cell {at}: a figure without alternative text: show(fig, alt=…)"


def short_cells(notebook: NotebookNode) -> Iterator[str]:
    for at, cell in code_cells(notebook):
        lines = cell.source.split("\n")
        hidden = "hide-input" in tags_of(cell) and pictures_of(cell)
        if not cell.source.strip():
            yield f"cell {at}: empty"
        if len(lines) > LINES and not hidden:
            yield f"cell {at}: {len(lines)} lines; at most {LINES}"
        if max(map(len, lines)) > COLUMNS:
            yield f"cell {at}: a line of more than {COLUMNS} characters"


def plain_python(notebook: NotebookNode) -> Iterator[str]:
    for at, cell in code_cells(notebook):
        try:
            ast.parse(cell.source)
        except SyntaxError as error:
            yield f"cell {at}: not plain Python, line {error.lineno}: {error.msg}"


def small_and_quick(notebook: NotebookNode) -> Iterator[str]:
    size = len(nbformat.writes(notebook).encode())
    if size > BYTES:
        yield f"{size:,} bytes, outputs included; at most {BYTES:,}"
    seconds = notebook.metadata.get("book", {}).get("seconds")
    if seconds is None:
        yield "how long it takes is not stored: 'make run'"
    elif seconds > SECONDS:
        yield f"{seconds} s to execute; at most {SECONDS}"


def plain_markdown(notebook: NotebookNode) -> Iterator[str]:
    for at, cell in enumerate(notebook.cells):
        if cell.cell_type == "raw":
            yield f"cell {at}: not for all readers: a raw cell"
    for at, cell in text_cells(notebook):
        masked = CODE_SPAN.sub("`…`", prose(cell))
        for foreign in DIRECTIVE.search(cell.source), FOREIGN.search(masked):
            if foreign:
                yield f"cell {at}: not for all readers: {foreign.group().strip()!r}"


def few_tags(notebook: NotebookNode) -> Iterator[str]:
    code = code_cells(notebook)
    ignored = [
        (at, cell) for at, cell in code if "nbval-ignore-output" in tags_of(cell)
    ]
    if len(ignored) > len(code) / 10:
        yield f"{len(ignored)} of {len(code)} cells go uncompared; at most one in ten"
    for at, cell in ignored:
        tree = parsed(cell.source)
        asserts = any(isinstance(node, ast.Assert) for node in ast.walk(tree))
        if not (asserts or called(tree, "claim") or called(tree, "prove")):
            yield f"cell {at}: goes uncompared and asserts nothing"
    for at, cell in code[1:] + text_cells(notebook):
        if unknown := tags_of(cell) - (TAGS if cell.cell_type == "code" else set()):
            yield f"cell {at}: tags that are not in use here: {sorted(unknown)}"
    for at, cell in code:
        if re.search(r"#\s*(NBVAL|PYTEST)_", cell.source):
            yield f"cell {at}: a comment for nbval; say it with a tag"


def equations_are_proved(notebook: NotebookNode) -> Iterator[str]:
    """Only a `prove` at the margin counts; one inside `try` shows a failure."""
    found = equations(notebook)
    tagged = [equation.number for equation in found]
    proved = set()
    for at, cell in code_cells(notebook):
        tree = parsed(cell.source)
        stored = {record["number"] for record in records(cell, "prove")}
        for line in tree.body:
            if isinstance(line, ast.Expr):
                proved |= stored.intersection(called(line, "prove"))
        for number in sorted(stored.union(called(tree, "prove")) - set(tagged)):
            yield f'cell {at}: prove("{number}", …) names no equation of this notebook'
    for number in sorted({number for number in tagged if tagged.count(number) > 1}):
        yield f"equation ({number}) is numbered twice"
    for equation in found:
        number = equation.number
        if number not in proved and not is_definition(equation.formula):
            yield f'equation ({number}) has no cell that says prove("{number}", …)'
    for at, cell in text_cells(notebook):
        for number in TAG.findall(DISPLAY.sub("", cell.source)):
            yield f"cell {at}: equation ({number}) does not stand between $$ and $$"


def exercises_are_checked(notebook: NotebookNode) -> Iterator[str]:
    waiting, seen = None, set()
    for at, cell in enumerate(notebook.cells):
        if cell.cell_type == "markdown":
            for heading in EXERCISE_HEADING.findall(prose(cell)):
                if waiting:
                    yield f"exercise {waiting} has no cell that calls check"
                numbered = EXERCISE.match(heading)
                waiting = numbered and numbered[1]
                if waiting is None:
                    yield f"cell {at}: '{heading}' is not '### Exercise 4.2'"
                elif waiting in seen:
                    yield f"exercise {waiting} is numbered twice"
                seen.add(waiting)
        elif cell.cell_type == "code":
            for number in called(parsed(cell.source), "check"):
                if number != waiting:
                    yield f"cell {at}: check stands under no exercise of that number"
                waiting = None
    if waiting:
        yield f"exercise {waiting} has no cell that calls check"


def headlines_are_claimed(notebook: NotebookNode) -> Iterator[str]:
    text = "\n\n".join(prose(cell) for _, cell in text_cells(notebook))
    headings = "\n".join(re.findall(r"^ {0,3}#+ .*", text, re.M))
    keep = re.search(r"^## What to keep\s*?$(.*?)(?=^##? |\Z)", text, re.M | re.S)
    if keep is None:
        yield "no section 'What to keep'"
    kept = keep.group(1) if keep else ""
    for number in unclaimed(headings + kept, claims(notebook)):
        yield f"no claim for the headline '{number}'"


def unclaimed(text: str, stored: list[dict]) -> Iterator[str]:
    """The percentages and times in `text` that no stored claim bears out."""
    formula = re.compile(r"\$[^$%]*[a-z][^$%]*\$")  # 2h is no two hours there
    for number, unit in HEADLINE.findall(formula.sub("", text)):
        digits = number.rstrip(",").replace(",", "")
        sign = "%" if unit.startswith("percent") else unit
        if not any(_bears_out(record, digits, sign) for record in stored):
            yield f"{number} {unit}"


def _bears_out(record: dict, digits: str, unit: str) -> bool:
    if record["unit"][:1] != unit[:1]:
        return False
    scale = 100 if unit == "%" else 1
    numbers = record["numbers"]
    mean = sum(numbers) / len(numbers) * scale
    decimals = len(digits.partition(".")[2])
    bar = record["bar"].split()[0].replace(",", "")
    return float(bar) == float(digits) or f"{mean:.{decimals}f}" == digits


def tables(text: str) -> str:
    """The table rows of a Markdown page."""
    return "\n".join(line for line in text.split("\n") if "|" in line)


def reading_time(notebook: NotebookNode) -> Iterator[str]:
    opening = notebook.cells[0].source if notebook.cells else ""
    if str(minutes(notebook)) not in re.findall(r"(\d+) minutes", opening):
        yield f"the opening has to say '{minutes(notebook)} minutes' of reading"


def minutes(notebook: NotebookNode) -> int:
    """Reading time, to five minutes: 200 words a minute, half a minute for a displayed
    equation or a cell, three minutes for an exercise."""
    text = "\n".join(prose(cell) for _, cell in text_cells(notebook))
    words = len(DISPLAY.sub("", text).split())
    halves = len(DISPLAY.findall(text)) + len(code_cells(notebook))
    total = words / 200 + halves / 2 + 3 * len(EXERCISE.findall(text))
    return 5 * max(1, round(total / 5))


RULES = (
    valid,
    executed_in_order,
    clean_outputs,
    masked_numbers_are_claimed,
    figures_have_alt,
    short_cells,
    plain_python,
    small_and_quick,
    plain_markdown,
    few_tags,
    equations_are_proved,
    exercises_are_checked,
    headlines_are_claimed,
    reading_time,
)
