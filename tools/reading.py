"""What a stored notebook says: its cells, records and equations, for gate and pages."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml
from markdown_it import MarkdownIt
from nbformat import NotebookNode, v4

from tools.digest import parsed

PLACEHOLDER = "OWNER/REPO"  # of an address, until the repository has one
GENERATED = {"ledger.md", "references.md", "results.md"}  # by `make book`
TORCHVISION = {"MNIST": "mnist", "FashionMNIST": "fashion_mnist", "CIFAR10": "cifar10"}
CODE_SPAN = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", re.S)
COMMENT = re.compile(CODE_SPAN.pattern + "|<!--.*?-->", re.S)  # or code that has one
BLOCKS = MarkdownIt("commonmark").disable("inline")
TAG = re.compile(r"\\tag\s*\*?\s*\{([^}]*)\}")
DISPLAY = re.compile(r"\$\$(.+?)\$\$", re.S)
# "(4.5)" in a text; (0.982) is a number, f(2.5) a call.
REFERENCE = re.compile(r"(?<![\w)\]])\(([1-9]\d?\.[1-9]\d?)\)")
RELATION = re.compile(
    r"(?<!:)=|[<>≤≥≠≈≡∝∈∉⇒⇔→≪≫≲≳≃≅≺≻⊂⊃⊆⊇]|\\(?:n?[lg](?:e|eqq?|eqslant|t)|ll|gg|neq?"
    r"|(?:less|gtr)sim|approx|equiv|simeq|cong|doteq|asymp|propto|in|notin|iff|implies"
    r"|(?:prec|succ)(?:eq)?|su[bp]set(?:eq)?|to|(?:[lL]ong)?(?:[lL]eft)?[rR]ightarrow)\b"
)
# What changes how a name looks, or how large a bracket is.
LOOKS = re.compile(
    r"\\(?:(?:wide)?(?:hat|tilde)|bar|vec|dot|(?:over|under)line|math\w+|bm|boldsymbol"
    r"|operatorname|left|right)\b\*?"
)
NAME = r"\\?[a-zA-Z]+(?:_(?:\\[a-zA-Z]+|\w)?)?"
BOUND = (
    rf"\s*-?(?:\d*{NAME}|\d[\d.]*)(?:\s*\^\s*\w*)?"
    rf"(?:\s*[-+]\s*(?:\d*{NAME}|\d+))?\s*"
)
NO_RELATION = rf"(?!{RELATION.pattern})"
SIDE = (  # commas stand in brackets only
    rf"(?:[\[(](?:{NO_RELATION}[^\[\]():#])*[\])]|{NO_RELATION}[^,:#])*"
)
LESS = r"(?:[<>≤≥]|\\[lg](?:eq?|eqslant|t)\b)"
# i = 1, \dots, n - 1; \epsilon = 10^{-8}; i < j \le k; x, y \in S; h \to 0: what a
# definition holds for. A # stands for words.
CONDITION = re.compile(
    rf"[\s,.#]*{NAME}(?:\s*,\s*{NAME})*\s*"
    rf"(?:=(?:{BOUND}(?:,{BOUND}(?=[,.#]|$))+|\s*10\^\w*)"
    rf"|(?:{LESS}{BOUND})*(?:{LESS}|∈|→|\\(?:in|to)\b){SIDE})[\s,.#]*"
)
MAPPING = re.compile(  # f: A \to B
    rf"[\s,.#]*{NAME}\s*(?::(?!=)|\\colon\b){SIDE}(?:→|\\(?:to|rightarrow)\b){SIDE}[\s,.#]*"
)
# The arguments of what is defined: p(y \in A) := … says nothing of y.
ARGUMENTS = re.compile(r"(?<=\w)\s*\((?:[^()]|\([^()]*\))*\)(?=\s*(?:_\w*)?[\s&]*:=)")
# Parts of a line: behind a wide space, behind a comma and a narrow one, or x \in S.
APART = re.compile(rf"\\q?quad\b|,\s*(?:\\[,:; ]|(?={NAME}\s*(?:∈|\\in\b)))")
# Indices, words and sets hold conditions; in other braces stands what is stated.
BRACES = re.compile(r"([_^]|\\text\w*)?\s*\{([^{}]*)\}")
HEADING_OR_DISPLAY = re.compile(r"^ {0,3}#+ +([^\n]+)|\$\$(.+?)\$\$", re.M | re.S)


@dataclass(frozen=True, eq=False)
class Page:
    """A stored notebook, where it lies, and what its setup cell has to be."""

    path: Path
    notebook: NotebookNode
    setup: str = ""

    @property
    def chapter(self) -> int | None:
        """The chapter's number; None for a solution."""
        number = re.search(r"\bchapters/(\d+)-[^/]*$", self.path.as_posix())
        return int(number[1]) if number else None

    @property
    def handed_in(self) -> bool:
        """Whether it is a part of a hand-in, in a folder of a solution's.

        The book may lie below a folder of that name, or in one.
        """
        below = r"\bsolutions/(?!solutions/)[^/]+/[^/]+/[^/]+$"
        found = re.search(below, self.path.as_posix())
        return self.chapter is None and found is not None

    @property
    def code(self) -> list[tuple[int, NotebookNode]]:
        return code_cells(self.notebook)

    @property
    def text(self) -> list[tuple[int, NotebookNode]]:
        return with_captions(self.notebook)


@dataclass(frozen=True, eq=False)
class Book:
    """All notebooks and texts by their path from the root, and the official cards."""

    root: Path
    pages: dict[str, Page]
    texts: dict[str, str]
    cards: list[str]
    contents: list[str]


@dataclass(frozen=True)
class Equation:
    """A tagged equation: its number, what stands before the tag, its section."""

    number: str
    formula: str
    section: str


def read_book(root: Path, pages: dict[str, Page]) -> Book:
    """The book at `root`, whose notebooks are `pages`."""
    files = [root / "README.md", root / "intro.md", root / "CONTRIBUTING.md"]
    files += [*sorted(root.glob("pages/*.md")), *root.glob("solutions/*/README.md")]
    texts = {
        file.relative_to(root).as_posix(): file.read_text("utf-8")
        for file in files
        if file.name not in GENERATED
    }
    homeworks = yaml.safe_load((root / "solutions/questions.yml").read_text("utf-8"))
    questions = [q for homework in homeworks.values() for q in homework["questions"]]
    cards = [q["card"] for q in questions if "card" in q]
    cards = [card for card in cards if (root / card).is_file()]
    return Book(root, pages, texts, cards, contents(root))


def contents(root: Path) -> list[str]:
    """The files of `_toc.yml`, without endings, in its order."""
    return list(_files(yaml.safe_load((root / "_toc.yml").read_text("utf-8"))))


def _files(toc: object) -> Iterator[str]:
    if isinstance(toc, dict) and "file" in toc:
        yield toc["file"]
    if isinstance(toc, dict | list):
        for part in toc.values() if isinstance(toc, dict) else toc:
            yield from _files(part)


def code_cells(notebook: NotebookNode) -> list[tuple[int, NotebookNode]]:
    cells = enumerate(notebook.cells)
    return [(at, cell) for at, cell in cells if cell.cell_type == "code"]


def text_cells(notebook: NotebookNode) -> list[tuple[int, NotebookNode]]:
    cells = enumerate(notebook.cells)
    return [(at, cell) for at, cell in cells if cell.cell_type == "markdown"]


def with_captions(notebook: NotebookNode) -> list[tuple[int, NotebookNode]]:
    """The Markdown, captions too, each with the number of its cell."""
    found = []
    for at, cell in enumerate(notebook.cells):
        figure = cell.metadata.get("mystnb", {}).get("figure", {})
        if cell.cell_type == "markdown":
            found.append((at, cell))
        elif figure.get("caption"):
            found.append((at, v4.new_markdown_cell(figure["caption"])))
    return found


def prose(cell: NotebookNode, code: str = "") -> str:
    """A cell's Markdown without comments, and with `code` in place of each fence."""
    return _prose(cell.source, code)


@cache
def _prose(source: str, code: str) -> str:
    lines = source.split("\n")
    for block in reversed(BLOCKS.parse(source)):
        if block.type == "fence":
            lines[slice(*block.map)] = [code]
    return COMMENT.sub(lambda found: found[0] * bool(found[1]), "\n".join(lines))


def tags_of(cell: NotebookNode) -> set[str]:
    return set(cell.metadata.get("tags", []))


def plain_prose(text: str) -> str:
    """Markdown without code spans and formulas."""
    return re.sub(r"\$[^$\n]+\$", "", DISPLAY.sub("", CODE_SPAN.sub("", text)))


def settled(condition: ast.AST) -> bool:
    """Whether it asks nothing: `False`, `1 > 2` and `not []` have no name in them."""
    asks = (ast.Name, ast.Call)
    return not any(isinstance(node, asks) for node in ast.walk(condition))


def reached(node: ast.AST) -> Iterator[ast.AST]:
    """As `ast.walk`, without what stands behind a condition that is settled."""
    yield node
    parts = dict(ast.iter_fields(node))
    if {"test", "orelse"} <= parts.keys() and settled(node.test):
        plain = isinstance(node.test, ast.Constant)
        del parts["orelse" if plain and node.test.value else "body"]
    if isinstance(node, ast.BoolOp) and settled(node.values[0]):
        del parts["values"]
    for part in parts.values():
        for each in part if isinstance(part, list) else [part]:
            if isinstance(each, ast.AST):
                yield from reached(each)


def called(tree: ast.AST, verb: str) -> list[str]:
    """The first argument of each call of `verb` that can be reached, in order.

    "?" stands where it is no literal.
    """
    calls = [node for node in reached(tree) if isinstance(node, ast.Call)]
    args = [call.args[:1] for call in calls if ast.unparse(call.func) == verb]
    return [
        str(arg[0].value) if arg and isinstance(arg[0], ast.Constant) else "?"
        for arg in args
    ]


def at_margin(tree: ast.Module, verb: str) -> list[str]:
    """As `called`, of the calls that are lines of their own and always run."""
    lines = [line for line in tree.body if isinstance(line, ast.Expr)]
    return [
        name
        for line in lines
        if isinstance(line.value, ast.Call) and ast.unparse(line.value.func) == verb
        for name in called(line, verb)[:1]
    ]


def data_sets(notebook: NotebookNode) -> list[str]:
    """The image sets that a notebook loads by name, or by torchvision."""
    trees = [parsed(cell.source) for _, cell in code_cells(notebook)]
    names = {name for tree in trees for name in called(tree, "data.load")}
    for theirs, ours in TORCHVISION.items():
        if any(called(tree, f"datasets.{theirs}") for tree in trees):
            names.add(ours)
    return sorted(names - {"?"})


def pictures_of(cell: NotebookNode) -> list[NotebookNode]:
    return [output for output in cell.outputs if "image/png" in output.get("data", {})]


def printed(cell: NotebookNode) -> str:
    """What a cell shows as text, errors included; alternative texts are not shown."""
    shown = []
    for output in cell.outputs:
        data = output.get("data", {})
        shown.append(output.get("text", ""))
        shown.append("" if "image/png" in data else data.get("text/plain", ""))
        shown.extend(output.get("traceback", []))
    return "\n".join(shown)


def records(cell: NotebookNode, verb: str) -> list[dict]:
    """What `prove` or `claim` stored in a cell's outputs, each with its line.

    The rows of a table are records of their own.
    """
    stored = []
    for output in cell.outputs:
        record = output.get("metadata", {}).get("book", {})
        if record.get("verb") == verb:
            line = output.get("data", {}).get("text/plain", "")
            rows = record.get("rows", [record])
            stored += [{**row, "verb": verb, "line": line} for row in rows]
    return stored


def claims(notebook: NotebookNode) -> list[dict]:
    """The records of the notebook's claims."""
    return [made for _, cell in code_cells(notebook) for made in records(cell, "claim")]


def equations(notebook: NotebookNode) -> list[Equation]:
    """The tagged equations of a notebook, in its order."""
    found, section = [], ""
    for _, cell in with_captions(notebook):
        for heading, math in HEADING_OR_DISPLAY.findall(prose(cell)):
            section = heading or section
            parts = TAG.split(math)
            for formula, number in zip(parts[::2], parts[1::2], strict=False):
                found.append(Equation(number, formula, section))
    return found


def is_definition(formula: str) -> bool:
    """Whether it says `:=` and nothing more: `a := b = c` also claims b = c.

    Behind a space may stand another definition, or what an index runs over; not what
    is true of what was defined.
    """
    formula = re.sub(r"\\begin\{cases\}.*?\\end\{cases\}", "", formula, flags=re.S)
    formula = re.sub(r"\\(?:begin|end)\s*\{\w+\*?\}", "", formula)
    formula = formula.replace("\\{", "_{").replace("\\}", "}")
    while BRACES.search(formula):
        formula = BRACES.sub(lambda found: found[1] or f" {found[2]} ", formula)
    formula = re.sub(r"\\text\w*", "#", LOOKS.sub(" ", formula))
    first, *others = APART.split(ARGUMENTS.sub("", formula))
    lines = [line for part in (first, *others) for line in part.split("\\\\")]
    defined = {name for line in lines if ":=" in line for name in _names(line)[:1]}
    return _defines(first) and all(
        _defines(part)
        or _conditions(part, defined)
        or MAPPING.fullmatch(part)
        or not RELATION.search(part)
        for part in others
    )


def _defines(formula: str) -> bool:
    return ":=" in formula and not RELATION.search(formula)


def _conditions(part: str, defined: set[str]) -> bool:
    """Whether nothing but conditions stands there, none on what is defined."""
    while found := CONDITION.match(part):
        left = RELATION.split(found[0])[:-1]
        if defined.intersection(name for side in left for name in _names(side)):
            return False
        part = part[found.end() :]
    return not part


def _names(formula: str) -> list[str]:
    """The names in a formula, without their indices."""
    return [name.partition("_")[0] for name in re.findall(NAME, formula)]
