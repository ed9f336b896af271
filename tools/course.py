"""What a homework's document asks for: `solutions/<course>/course.py` says it.

That file fills in a `Course` and calls it COURSE.
"""

import ast
import importlib.util
import json
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from helpers import rules
from tools.digest import ROOT

SOLUTIONS = ROOT / "solutions"
Card = Mapping[str, Any]
Command = tuple[str, ...]


@dataclass(frozen=True)
class Course:
    """What a homework's document asks for.

    ids: what an ID has to match; several persons' are joined by _
    example: an ID that does
    files: by the name in the zip, where {id} is replaced, the source in the course's
        folder; a .typ is compiled
    try_out: function of the unpacked folder, another folder to call programs from, and
        the course's cards; yields a line for each thing that works, and raises
        ValueError for the first that doesn't. Where `reads` names gray data sets, data/
        holds them.
    zip: its name
    pages: the most that a compiled report may have; None for any number
    alone: whether each program runs by itself, from any folder; else they may import
        each other, and are called from where they lie
    forbidden: by a pattern of names in the zip, what `rules.uses` must not find there
    packages: what programs may import besides the standard library
    reads: the commands that read a data set, by its name, or a file of weights, by its
        name in the zip; each has to refuse what is missing or damaged
    """

    ids: str
    example: str
    files: Mapping[str, str]
    try_out: Callable[[Path, Path, list[Card]], Iterator[str]]
    zip: str = "{id}.zip"
    pages: int | None = None
    alone: bool = False
    forbidden: Mapping[str, Collection[str]] = field(default_factory=dict)
    packages: Collection[str] = ("numpy", "torch", "torchvision")
    reads: Mapping[str, tuple[Command, ...]] = field(default_factory=dict)

    @property
    def programs(self) -> list[str]:
        """The names in the zip of what is Python."""
        return [name for name in self.files if name.endswith((".py", ".ipynb"))]


def courses(solutions: Path = SOLUTIONS) -> list[str]:
    """The folders of the homeworks that can be handed in."""
    return sorted(path.parent.name for path in solutions.glob("*/course.py"))


def find(name: str, solutions: Path = SOLUTIONS) -> Course:
    """The course of a folder; raises ValueError where there is none."""
    if name not in (there := courses(solutions)):
        raise ValueError(f"no course {name!r}; COURSE takes {', '.join(there)}")
    path = solutions / name / "course.py"
    spec = importlib.util.spec_from_file_location(f"course_of_{name}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.COURSE


def bar(course: str, question: str) -> float:
    """The number that a question demands; ValueError where questions.yml has none."""
    homeworks = yaml.safe_load((SOLUTIONS / "questions.yml").read_text("utf-8"))
    asked = homeworks.get(course, {}).get("questions", [])
    bars = [q.get("bar") for q in asked if q["key"] == question]
    if not bars or not isinstance(bars[0], dict):
        problem = f"solutions/questions.yml has no {question!r} of {course!r}"
        raise ValueError(f"{problem} with a number as its bar; enter it")
    [number] = bars[0].values()
    return number


def breaches(course: Course, folder: Path) -> Iterator[str]:
    """A sentence for each thing that a program imports or names, and must not.

    folder: the course's.
    """
    for name in course.programs:
        text = source(folder / course.files[name])
        ours = set() if course.alone else _beside(name, course.programs)
        ours |= set(course.packages)
        for module in _imported(text):
            if module.partition(".")[0] not in ours | sys.stdlib_module_names:
                yield f"{name} imports {module}, which is not in the zip"
        for pattern, forbidden in course.forbidden.items():
            if fnmatchcase(name, pattern):
                for use in rules.uses(text, forbidden, ours):
                    yield f"{name} uses what is forbidden, {use}"


def source(path: Path) -> str:
    """The Python of a program; of a notebook, its code cells one after the other."""
    text = path.read_text("utf-8")
    if path.suffix != ".ipynb":
        return text
    cells = [cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
    return "\n\n".join("".join(cell["source"]) for cell in cells)


def _beside(program: str, programs: list[str]) -> set[str]:
    """The names of the zip that a program can import: beside it, or at the root."""
    folder = PurePosixPath(program).parent
    names = {""} if folder.name else set()  # "" stands before the dot of a relative one
    for path in map(PurePosixPath, programs):
        names.add(path.parts[0].removesuffix(".py"))
        if path.is_relative_to(folder):
            names.add(path.relative_to(folder).parts[0].removesuffix(".py"))
    return names


def _imported(text: str) -> list[str]:
    """The modules that Python source imports; a relative one begins with its dots."""
    found = []
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Import(names):
                found += [alias.name for alias in names]
            case ast.ImportFrom(module, _, level):
                found.append("." * level + (module or ""))
            case ast.Call(func, [ast.Constant(str(name)), *_]):
                if ast.unparse(func).split(".")[-1] in ("import_module", "__import__"):
                    found.append(name)
    return found
