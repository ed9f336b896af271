"""Use what is handed in as a teacher would: without this book, a network, or a GPU."""

import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

from tools.course import Card, source

NOWHERE = "http://127.0.0.1:9"  # nobody listens on the port that discards
LIMIT = 600  # seconds for one run of a program
# Run before a program: what a teacher's machine doesn't have can't be imported.
GUARD = """
import os, pathlib, runpy, sys

class Elsewhere:
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] in ("helpers", "tools"):
            raise ModuleNotFoundError(f"{name} is not in the zip", name=name)

sys.meta_path.insert(0, Elsewhere)
sys.argv = sys.argv[1:]
"""
PROGRAM = "runpy.run_path(sys.argv[0], run_name='__main__')"
# An accuracy: a percentage or a share, and no part of a version, a path or a word.
NUMBER = r"\d\s*%(?!\w)|(?<![\w./-])(0?\.\d\d+|1\.0+)(?![\w/]|\.\w)"


def run(
    script: Path, *arguments: object, cwd: Path | None = None, code: str = PROGRAM
) -> subprocess.CompletedProcess:
    """Call a program or a notebook as on a machine with the packages alone.

    cwd: another folder to call it from, by itself; else that in which it lies, with
        what it imports from there
    code: what to do with it instead of running it, after GUARD

    Raises ValueError if it runs for more than LIMIT seconds.
    """
    env = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "DL_"))}
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        env |= {name: NOWHERE, name.upper(): NOWHERE}
    env |= {"no_proxy": "", "NO_PROXY": "", "CUDA_VISIBLE_DEVICES": ""}
    env |= {"MPLBACKEND": "Agg"}  # no window waits to be closed
    together = "" if cwd else f"sys.path.insert(0, {str(script.parent)!r})\n"
    if script.suffix == ".ipynb":
        code = f"exec({source(script)!r}, {{'__name__': '__main__'}})"
    command = [sys.executable, "-P", "-c", GUARD + together + code, script, *arguments]
    try:
        return subprocess.run(
            list(map(str, command)),
            cwd=cwd or script.parent,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=LIMIT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        late = f"{script.name} was still running after {LIMIT} s"
        raise ValueError(f"{late}; make it faster") from None


def expect(holds: bool, problem: str) -> None:
    if not holds:
        raise ValueError(problem)


def works(done: subprocess.CompletedProcess, what: str) -> None:
    """Raise ValueError, with its last words, if a run failed."""
    silent = f"return code {done.returncode}, and nothing said on stderr"
    *_, last = done.stderr.strip().splitlines() or [silent]
    expect(not done.returncode, f"{what} failed: {last}")


def refuses(
    script: Path, *arguments: object, cwd: Path | None = None, words: tuple[str, ...]
) -> str:
    """A line on how a program ends without what it needs: advice and no number.

    words: what the advice has to contain.
    """
    done = run(script, *arguments, cwd=cwd)
    said, places = done.stdout + done.stderr, (script.parent, cwd or script.parent)
    expect_refusal(script.name, done.returncode, said, words, places)
    return f"{script.name} stops and says what to do"


def expect_refusal(
    name: str, code: int, said: str, words: tuple[str, ...], places: tuple[Path, ...]
) -> None:
    """Raise ValueError unless a program has ended with advice and no number.

    places: folders whose names may look like a number.
    """
    expect(code != 0, f"{name} ended as if all were well: {said}")
    expect("Traceback" not in said, f"{name} ended with a traceback: {said}")
    expect(all(word in said for word in words), f"{name} doesn't say {words}: {said}")
    unplaced = said
    for place in places:
        for path in (place.resolve(), place):
            unplaced = unplaced.replace(str(path), "")
    number = re.search(NUMBER, unplaced)
    expect(not number, f"{name} printed a number all the same: {said}")


def measured(weights: Path, cards: list[Card]) -> float:
    """The value on the card of these weights; ValueError if no card is about them."""
    sha256 = hashlib.sha256(weights.read_bytes()).hexdigest()
    for card in cards:
        if card["weights"] and card["weights"]["sha256"] == sha256:
            values = {seed["seed"]: seed["value"] for seed in card["seeds"]}
            return values[card["weights"]["seed"]]
    raise ValueError(f"no card is about {weights.name}; restore it, or run recipe.py")


def agrees(value: float, card: float, count: int = 10_000) -> None:
    """Raise ValueError if a share of so many isn't that on the card.

    Processors round differently, which may turn three of 10,000 images.
    """
    same = abs(value - card) < 3.5 / count
    expect(same, f"{value:.2%} right, but {card} on their card; run recipe.py")
