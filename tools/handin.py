"""Make the zip of one homework, exactly as its document lists it, and try it out.

The zip is unpacked into an empty folder and used there as a teacher would: from another
working directory, without this repository, without a network, without a GPU. It is put
into build/handin/ only after all of that has worked.
"""

import argparse
import hashlib
import io
import json
import os
import re
import subprocess
import sys
import tempfile
import unicodedata
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typst
from pypdf import PdfReader

from helpers import data, results
from tools.digest import ROOT

NOWHERE = "http://127.0.0.1:9"  # nobody listens on the port that discards
BAR = 0.75  # "at least 75%" of the test images, as the document of 097200 says
LIMIT = 600  # seconds for one run of a script
# Run before a script: what a teacher's machine doesn't have can't be imported.
GUARD = """
import importlib.util, json, os, pathlib, runpy, sys, time

class Elsewhere:
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] in ("helpers", "tools"):
            raise ModuleNotFoundError(f"{name} is not in the zip", name=name)

sys.meta_path.insert(0, Elsewhere)
sys.argv = sys.argv[1:]
"""
SCRIPT = "runpy.run_path(sys.argv[0], run_name='__main__')"
# An accuracy: a percentage or a share, and no part of a version, a path or a word.
NUMBER = r"\d\s*%(?!\w)|(?<![\w./-])(0?\.\d\d+|1\.0+)(?![\w/]|\.\w)"
# Both calls get the same tensors, so that an evaluation that trains changes them.
CALL_TWICE = """
result = pathlib.Path(sys.argv.pop())
spec = importlib.util.spec_from_file_location("evaluation", sys.argv[0])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
import torch

def tensors(nested):
    alone = torch.is_tensor(nested)
    return [nested] if alone else [x for each in nested for x in tensors(each)]

load = getattr(module, "load_weights", lambda path: [])
path = os.path.join(os.path.dirname(sys.argv[0]), "weights.pkl")
loaded = load(pathlib.Path(path))
module.load_weights = lambda path: loaded
start = time.perf_counter()
first = module.evaluate_hw1()
seconds = time.perf_counter() - start
second = module.evaluate_hw1()
kept = all(map(torch.equal, tensors(loaded), tensors(load(pathlib.Path(path)))))
result.write_text(json.dumps([first, second, seconds, kept], default=repr))
"""


@dataclass(frozen=True)
class Course:
    """What a homework's document asks for.

    ids: what an ID has to match; example: one that does
    files: by the name in the zip, where {id} is replaced, the source in the course's
        folder; a .typ is compiled
    pages: the most that a compiled report may have
    try_out: function of the unpacked folder and the course's cards that yields a line
        for each thing that works, and raises ValueError for the first that doesn't
    """

    ids: str
    example: str
    files: Mapping[str, str]
    pages: int
    try_out: Callable[[Path, list[dict[str, Any]]], Iterator[str]]


def run(program: str, *arguments: object, cwd: Path) -> subprocess.CompletedProcess:
    """Run Python code after GUARD, as if on a machine with the packages alone.

    arguments: a script first. Raises ValueError if it runs for more than LIMIT seconds.
    """
    env = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "DL_"))}
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        env |= {name: NOWHERE, name.upper(): NOWHERE}
    env |= {"no_proxy": "", "NO_PROXY": "", "CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, "-P", "-c", GUARD + program, *map(str, arguments)]
    try:
        return subprocess.run(
            command,
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=LIMIT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        late = f"{Path(str(arguments[0])).name} was still running after {LIMIT} s"
        raise ValueError(f"{late}; make it faster") from None


def expect(holds: bool, problem: str) -> None:
    if not holds:
        raise ValueError(problem)


def works(done: subprocess.CompletedProcess, what: str) -> None:
    """Raise ValueError, with its last words, if a run failed."""
    silent = f"return code {done.returncode}, and nothing said on stderr"
    *_, last = done.stderr.strip().splitlines() or [silent]
    expect(not done.returncode, f"{what} failed: {last}")


def refuses(script: Path, words: tuple[str, ...], cwd: Path) -> str:
    """A line on how the script ends without what it needs: advice and no number.

    words: what the advice has to contain.
    """
    done = run(SCRIPT, script, cwd=cwd)
    said, name = done.stdout + done.stderr, script.name
    expect(done.returncode != 0, f"{name} ended as if all were well: {said}")
    expect("Traceback" not in said, f"{name} ended with a traceback: {said}")
    expect(all(word in said for word in words), f"{name} doesn't say {words}: {said}")
    unplaced = said
    for place in (script.parent, cwd):  # a name of a folder may look like a number
        for path in (place.resolve(), place):
            unplaced = unplaced.replace(str(path), "")
    number = re.search(NUMBER, unplaced)
    expect(not number, f"{name} printed a number all the same: {said}")
    return f"{name} stops and says what to do"


def measured(weights: Path, cards: list[dict[str, Any]]) -> float:
    """The value on the card of these weights; ValueError if no card is about them."""
    sha256 = hashlib.sha256(weights.read_bytes()).hexdigest()
    for card in cards:
        if card["weights"] and card["weights"]["sha256"] == sha256:
            values = {seed["seed"]: seed["value"] for seed in card["seeds"]}
            return values[card["weights"]["seed"]]
    raise ValueError(f"no card is about {weights.name}; restore it, or run recipe.py")


def accuracy(
    folder: Path, cwd: Path, bar: float | None, card: float | None = None
) -> str:
    """A line on what evaluate_hw1() returns: at least bar, and what the card says."""
    weights = folder / "weights.pkl"
    before = hashlib.sha256(weights.read_bytes()).digest()
    with tempfile.TemporaryDirectory() as aside:
        result = Path(aside) / "result.json"
        works(
            run(CALL_TWICE, folder / "evaluate.py", result, cwd=cwd), "evaluate_hw1()"
        )
        ended = "evaluate_hw1() ended Python; it has to return a float, and not to exit"
        expect(result.is_file(), ended)
        first, second, seconds, kept = json.loads(result.read_text())
    right = isinstance(first, float) and 0 <= first <= 1
    expect(right, f"evaluate_hw1() returned {first}; expected a float from 0 to 1")
    expect(first == second, f"evaluate_hw1() returned {first}, then {second}")
    expect(bar is None or first >= bar, f"{first:.2%} right; the homework wants {bar}")
    # Processors round differently, which may turn three of 10,000 images.
    same = card is None or abs(first - card) < 3.5e-4
    expect(same, f"{first:.2%} right, but {card} on their card; run recipe.py")
    after = hashlib.sha256(weights.read_bytes()).digest()
    expect(before == after, "evaluate_hw1() changed weights.pkl")
    expect(kept, "evaluate_hw1() changed the weights it had loaded: it trains")
    late = "; more than 2 s is slow" if seconds > 2 else ""
    return f"evaluate_hw1() returns {first:.4f}, twice, in {seconds:.1f} s{late}"


def trains(folder: Path, cwd: Path) -> Path:
    """The weights that train.py writes after a short run."""
    weights = cwd / "x.pkl"
    short = ("--epochs", 1, "--hidden", 32, "--distort", 0, "--out", weights.name)
    works(run(SCRIPT, folder / "train.py", *short, cwd=cwd), "train.py")
    expect(weights.is_file(), "train.py wrote no file as --out names it")
    return weights


def try_technion(folder: Path, cards: list[dict[str, Any]]) -> Iterator[str]:
    """Use the hand-in of 097200 with the data beside it, then take things away."""
    mnist = data.load("mnist")
    data.write(mnist, folder / "data")
    card = measured(folder / "weights.pkl", cards)
    bar, card = (BAR, card) if mnist.source == "original" else (None, None)
    with tempfile.TemporaryDirectory() as elsewhere:
        cwd = Path(elsewhere)
        if bar is None:
            yield "MNIST is not at hand: tried on a stand-in, with no bar to meet"
        yield accuracy(folder, cwd, bar, card)
        (folder / "weights.pkl").unlink()
        yield "no weights: " + refuses(folder / "evaluate.py", ("weights.pkl",), cwd)
        trains(folder, cwd).replace(folder / "weights.pkl")
        yield "train.py writes weights; with them " + accuracy(folder, cwd, bar)
        (folder / "data").rename(cwd / "data")
        for script in ("evaluate.py", "train.py"):
            yield "no data: " + refuses(folder / script, ("MNIST", "put"), cwd)


COURSES = {
    "technion_097200": Course(
        ids=r"\d{9}_\d{9}",  # "submission must be in pairs"
        example="123456789_987654321",
        files={
            "train.py": "train.py",
            "evaluate.py": "evaluate.py",
            "weights.pkl": "weights.pkl",
            "report.pdf": "report/report.typ",
        },
        pages=2,
        try_out=try_technion,
    ),
}


def checked(name: str, id: str, names: str) -> Course:
    """The course; raises ValueError where there is none, or for a wrong ID or names."""
    expect(name in COURSES, f"no course {name!r}; COURSE takes {', '.join(COURSES)}")
    course = COURSES[name]
    fits = re.fullmatch(course.ids, id, re.ASCII)
    expect(
        fits is not None, f"got the ID {id!r}; expected one such as {course.example}"
    )
    alone = id.split("_")
    expect(len(set(alone)) == len(alone), f"got an ID twice in {id}; give each once")
    odd = sorted({letter for letter in names if not letter.isprintable()})
    expect(not odd, f"the names hold {odd}, which can't be printed; type them anew")
    given, wanted = names.count(";") + 1, len(alone)
    expect(not names or given == wanted, f"{given} names for {wanted} IDs; divide by ;")
    return course


def content(source: Path, pages: int, inputs: dict[str, str]) -> bytes:
    """A file of the zip; a report is compiled to a PDF."""
    if not source.is_file():
        raise FileNotFoundError(f"{source} is missing; restore it, or run recipe.py")
    if source.suffix != ".typ":
        return source.read_bytes()
    root = source.parents[1]
    try:
        pdf = typst.compile(
            source, root=root, ignore_system_fonts=True, sys_inputs=inputs
        )
    except typst.TypstError as error:
        raise ValueError(f"{source} can't be compiled: {error.diagnostic}") from None
    found = PdfReader(io.BytesIO(pdf)).pages
    expect(
        len(found) <= pages,
        f"{source} has {len(found)} pages; the homework allows {pages}",
    )
    names, shown = (
        set(unicodedata.normalize("NFKC", text)) - set(" ;")
        for text in (inputs["names"], "".join(page.extract_text() for page in found))
    )
    lost = "".join(sorted(names - shown))
    expect(
        not lost, f"the report's fonts can't show {lost!r}; write the names otherwise"
    )
    return pdf


def packed(files: Mapping[str, bytes]) -> bytes:
    """A zip; the same bytes from the same files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, each in files.items():  # an entry is dated 1980 if nobody says more
            archive.writestr(zipfile.ZipInfo(name), each, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def hand_in(name: str, id: str, names: str, solutions: Path, out: Path) -> Path:
    """Make the zip and try it out, with a line for each check; the path of the zip.

    Raises FileNotFoundError for a missing file, and ValueError for a course, an ID or
    names that aren't as they should be, a report that can't be compiled or is too long,
    a card whose weights are others, and the first thing that doesn't work.
    """
    course, inputs = checked(name, id, names), {"ids": id, "names": names}
    target = out / f"{id}.zip"
    target.unlink(missing_ok=True)  # an older one must not be taken for this one
    files = {
        file.format(id=id): content(solutions / name / source, course.pages, inputs)
        for file, source in course.files.items()
    }
    paths = sorted((solutions / name / "cards").glob("*.json"))
    cards = [results.read(path) for path in paths]
    archive = packed(files)
    with tempfile.TemporaryDirectory() as folder:
        zipfile.ZipFile(io.BytesIO(archive)).extractall(folder)
        for line in course.try_out(Path(folder), cards):
            print(line, flush=True)
    out.mkdir(parents=True, exist_ok=True)
    part = target.with_suffix(".part")
    try:
        part.write_bytes(archive)
        return part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("course", help=", ".join(COURSES))
    parser.add_argument("id", help="yours, as the homework wants it")
    parser.add_argument("--names", default="", help='for the report: "A B; C D"')
    given = parser.parse_args()
    out = ROOT / "build" / "handin"
    try:
        path = hand_in(given.course, given.id, given.names, ROOT / "solutions", out)
    except (OSError, ValueError) as error:
        sys.exit(f"no hand-in: {error}")
    if not given.names:
        print('the report has blank lines for names; NAMES="A B; C D" fills them in')
    with zipfile.ZipFile(path) as archive:
        print(f"{path}: {', '.join(archive.namelist())}")


if __name__ == "__main__":
    main()
