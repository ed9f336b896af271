"""What the zip of 097200's homework 1 holds, and how it is tried out."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

from helpers import data, rules
from tools.course import Card, Course, bar
from tools.trial import agrees, expect, measured, run, works

# Both calls get the same tensors, so that an evaluation that trains changes them.
CALL_TWICE = """
import importlib.util, json, time
result = pathlib.Path(sys.argv.pop())
spec = importlib.util.spec_from_file_location("evaluation", sys.argv[0])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
torch = sys.modules.get("torch")  # it has none if it doesn't use any

def tensors(nested):
    alone = torch.is_tensor(nested)
    return [nested] if alone else [x for each in nested for x in tensors(each)]

load = getattr(module, "load_weights", lambda path: [])
path = pathlib.Path(sys.argv[0]).with_name("weights.pkl")
loaded = load(path)
module.load_weights = lambda path: loaded
start = time.perf_counter()
first = module.evaluate_hw1()
seconds = time.perf_counter() - start
second = module.evaluate_hw1()
kept = not torch or all(map(torch.equal, tensors(loaded), tensors(load(path))))
result.write_text(json.dumps([first, second, seconds, kept], default=repr))
"""


def accuracy(folder: Path, elsewhere: Path, wanted: float) -> tuple[float, str]:
    """What evaluate_hw1() returns, at least what is wanted, and a line on it."""
    weights, result = folder / "weights.pkl", elsewhere / "result.json"
    before = hashlib.sha256(weights.read_bytes()).digest()
    result.unlink(missing_ok=True)
    done = run(folder / "evaluate.py", result, cwd=elsewhere, code=CALL_TWICE)
    works(done, "evaluate_hw1()")
    ended = "evaluate_hw1() ended Python; it has to return a float, and not to exit"
    expect(result.is_file(), ended)
    first, second, seconds, kept = json.loads(result.read_text())
    right = isinstance(first, float) and 0 <= first <= 1
    expect(right, f"evaluate_hw1() returned {first}; expected a float from 0 to 1")
    expect(first == second, f"evaluate_hw1() returned {first}, then {second}")
    expect(first >= wanted, f"{first:.2%} right; the homework wants {wanted}")
    after = hashlib.sha256(weights.read_bytes()).digest()
    expect(before == after, "evaluate_hw1() changed weights.pkl")
    expect(kept, "evaluate_hw1() changed the weights it had loaded: it trains")
    late = "; more than 2 s is slow" if seconds > 2 else ""
    line = f"evaluate_hw1() returns {first:.4f}, twice, in {seconds:.1f} s{late}"
    return first, line


def trains(folder: Path, elsewhere: Path) -> Path:
    """The weights that train.py writes after a short run."""
    weights = elsewhere / "x.pkl"
    short = ("--epochs", 1, "--hidden", 32, "--distort", 0, "--out", weights.name)
    works(run(folder / "train.py", *short, cwd=elsewhere), "train.py")
    expect(weights.is_file(), "train.py wrote no file as --out names it")
    return weights


def try_out(folder: Path, elsewhere: Path, cards: list[Card]) -> Iterator[str]:
    """Evaluate what is shipped, then what train.py makes of the data."""
    expected = measured(folder / "weights.pkl", cards)
    original = data.load("mnist").source == "original"
    wanted = bar("technion_097200", "practical") if original else 0.0
    value, line = accuracy(folder, elsewhere, wanted)
    if original:
        agrees(value, expected)
    else:
        yield "MNIST is not at hand: tried on a stand-in, with no bar to meet"
    yield line
    trains(folder, elsewhere).replace(folder / "weights.pkl")
    _, line = accuracy(folder, elsewhere, wanted)
    yield f"train.py writes weights; with them {line}"


COURSE = Course(
    ids=r"\d{9}_\d{9}",  # "submission must be in pairs"
    example="123456789_987654321",
    files={
        "train.py": "train.py",
        "evaluate.py": "evaluate.py",
        "weights.pkl": "weights.pkl",
        "report.pdf": "report/report.typ",
    },
    pages=2,
    alone=True,
    forbidden={"*.py": rules.TENSORS_ONLY},
    packages=("torch", "torchvision"),
    reads={
        "weights.pkl": (("evaluate.py",),),
        "mnist": (("evaluate.py",), ("train.py",)),
    },
    try_out=try_out,
)
