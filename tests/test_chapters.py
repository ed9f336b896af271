"""Every mutant of a chapter's formulas fails a proof; each proof has its grade."""

import contextlib
import io
import re
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from types import FunctionType
from typing import Any
from unittest.mock import patch

import nbformat
import numpy as np
import pytest

from helpers import proof, prove
from helpers.points import joined, points
from tests.mutants import Cells, Mutant, Proof
from tools.notebooks import notebooks
from tools.reading import records

CHAPTERS = notebooks()
PROOF = re.compile(r'^prove\(\s*"(\d+\.\d+)"', re.M)
# Proofs that sympy doesn't show for all values, each with the reason. Their witnesses
# are independent of the formula.
AT_POINTS = {
    **dict.fromkeys(
        ["1.8", "2.16", "3.14", "4.17", "4.18", "12.4", "13.4", "16.6", "17.2"],
        "a bound, which is reached",
    ),
    **dict.fromkeys(
        ["1.9", "1.10", "6.3", "6.13"], "a count of multiplications or visits"
    ),
    **dict.fromkeys(["14.2", "14.14"], "a count of places"),
    **dict.fromkeys(
        ["7.2", "7.4", "7.5", "7.6", "7.7", "7.8", "7.11", "7.13"], "torch's tensors"
    ),
    "2.4": "NumPy's own solver",
    "2.5": "NumPy's own solver, and SciPy's regression",
    "2.12": "NumPy's own solver, and scikit-learn's",
    "2.20": "singular values, and eigenvalues",
    "2.21": "orthonormal columns by compiled code, and NumPy's own solver",
    "2.17": "SciPy's normal density",
    "8.12": "roots of quotients, which sympy can't part",
    "12.6": "likewise",
    "10.2": "exponentials in two quotients, which sympy doesn't bring together",
    "10.4": "NumPy's arctangent",
    "10.5": "NumPy's logaddexp",
    "10.10": "labels, which come of comparisons, and SciPy's log_softmax",
    "10.15": "a count of torch's parameters",
    **dict.fromkeys(["15.1", "15.4", "15.13"], "a count of torch's parameters"),
    "15.10": "windows cut out of an array",
    "15.12": "torch's tensors",
    "15.5": "torch's count of what it multiplies",
    "15.6": "a whole number of channels",
    "13.2": "SciPy's binomial distribution",
    "13.6": "torch's tensors, and rows in the order of other numbers",
    "9.4": "powers of sums, with sums in the exponents; all masks are gone through",
    "24.1": "NumPy's own solver, and SciPy's regression",
    "17.3": "logits that are far or equal, none of them a symbol",
}
# Slips that change no side's values anywhere, each with the reason; a pattern stands
# for many.
EQUIVALENT = {
    r".*→ return .*\.T": "a number, vector or symmetric matrix is its own transpose",
    r".*: (.+) \* (np\.sign\(.+\)) → \1 / \2": "a sign is 1 or -1",
    r".*: len\((.+)\) → \1\.size": "a vector has as many entries as rows",
    r".*: (.+) @ (.+) → \2 @ \1": "a product of vectors, or with a symmetric matrix",
    r".*: ([\w.]+) \*\* (.+) → abs\(\1\) \*\* \2": "a chance, or 2, isn't negative",
    r"(slope|line): y - y.mean\(\) → .*": "the deviations of x add up to zero",
    r"bce: \(.*\)\.sum\(\) → \(.*\)\.mean\(\)": "a single output",
    r"rmsprop: .*|adam: .*": "a claim holds all their steps against torch's",
    r"run_backward: .*": "counted is what it multiplies, which values don't change",
    r"mean_over_coins: (.+) \* (.+) → \1 / \2": "a coin is 1 or -1",
    r"rate_(in|out)side: 0 \* w → 0.*": "no weight is zero",
    r"both_ways: .*": "the numbers are random, and the two ways agree to 1e-10",
    r"(conv|by_weights|filter_gradient|input_gradient): 2 → 3": "filters are square",
    r"(input|pool)_gradient: 0 \* x → 0 / x": "no number is zero",
    r"pool_gradient: 1 → 2": "NumPy infers any negative size",
    r"mean_over_signs: 1 → 2": "NumPy infers any negative size",
    r"mean_over_signs: (.+) @ delta → delta @ \(\1\)": "all matrices of signs, and "
    "so all their transposes",
    r"mean_over_signs: spread \* (.+) → spread / \1": "a sign is 1 or -1",
    r"of_biased: (.+) \+ (.+) → \1 - \2": "the equation holds for every b, so for -b",
    r"mean_over_coins: .+ → .+ - np\.sqrt.+": "a coin has two sides",
    r"tried: .*(0\.0001|401)": "counts are whole, and no width is above 343",
    r"(up_to|answer): .*": "the width that a limit is made of comes out",
    **{
        re.escape(slip): reason
        for slip, reason in {
            "3.2: z + c → z - c": "the equation holds for every c, so for -c",
            "floor: np.log(np.e + z.shape[1] - 1) → "
            "np.log(np.maximum(np.e + z.shape[1] - 1, 1e-06))": "it is at least e",
            "ceiling: np.log(np.e + z.shape[1] - 1) → "
            "np.log(np.maximum(np.e + z.shape[1] - 1, 1e-06))": "likewise",
            "one_answer_for_all: np.log(np.e + len(z) - 1) → "
            "np.log(np.maximum(np.e + len(z) - 1, 1e-06))": "likewise",
            "log_softmax: np.log(np.exp(shifted).sum(axis=1, keepdims=True)) → np.log("
            "np.maximum(np.exp(shifted).sum(axis=1, keepdims=True), 1e-06))": "or 1",
            "17.3: 10000.0 → 10001.0": "as certain",
            "times: return a @ b → return -(a @ b)": "counted is what it multiplies",
            "times: return row @ matrix → return -(row @ matrix)": "likewise",
            "placed: 8 * width → width": "the places are still inside",
            "placed: 9 → 10": "a tenth place beyond the others",
            "mean_over_coins: 1 → 2": "NumPy infers any negative size",
            "over_all_scores: 1 → 2": "a score above all images has no chance",
            "mean_over_coins: spread1 * first → spread1 / first": "likewise",
            "rectified_slope: a > 0 → a >= 0": "no random point is zero",
            "elu: x < 0 → x <= 0": "at 0 both branches are 0",
            "elu: a < 0 → a <= 0": "likewise",
            "prelu: a < 0 → a <= 0": "likewise",
            "elu_slope: a < 0 → a <= 0": "no random point is zero",
            "10.14: 0.0 → 1.0": "a first step has no velocity yet",
            "loss_of: np.log(np.exp(z - most[:, None]).sum(axis=1)) → "
            "np.log(np.maximum(np.exp(z - most[:, None]).sum(axis=1), 1e-06))": "or 1",
            "elu_slope: x > 0 → x >= 0": "no random point is zero",
            "adjoints: j + 1 → j": "bar[j] is still zero",
            "adjoints: j + 1 → 1": "and so are those before",
            "rss_away: len(x) > 1 → len(x) > 1 + 0.0001": "a length is whole",
            "rss_there: len(x) > 1 → len(x) > 1 + 0.0001": "likewise",
            "rss_away: 0 * y → 0 / y": "no answer is zero",
            "rss_away: change[0] + change[1] * x + 0 * y → "
            "change[0] + change[1] * x - 0 * y": "zero has no sign",
            "last_loss: bce(sigmoid(W2 @ a1 + b2), y).sum() → "
            "bce(sigmoid(W2 @ a1 + b2), y).mean()": "a single output",
            "chain_rule: softmax_jacobian(f) @ (2 * (softmax(f) - y)) → "
            "2 * (softmax(f) - y) @ softmax_jacobian(f)": "the Jacobian is symmetric",
            "cross_entropy: np.log(softmax(np.tanh(x @ W))) → np.log(np.maximum("
            "softmax(np.tanh(x @ W)), 1e-06))": "tanh keeps it above 1e-3",
            "slope_from_wrong_means: y - y_bar → y": "deviations of x add up to zero",
            "slope_from_wrong_means: y - y_bar → y + y_bar": "likewise",
            "slope_from_wrong_means: x - x_bar → x": "likewise, if y's are taken",
            "slope_from_wrong_means: x - x_bar → x + x_bar": "likewise",
            "walked: 1 → 2": "the stride behind the last layer moves nothing",
        }.items()
    },
}
# Slips that change both sides, which agree again.
HARMLESS = {
    r"inside: .*": "the proof holds for inputs and places drawn otherwise too",
    r"of_three_sizes: .*": "widths and steps of other networks",
    r"(up_to|answer): .*": "other limits, on widths and steps of other networks",
    r"eigenvalues: .* → return -.*": "the rate of the other sign",
    r"put: return rows.* → return -rows.*": "weights and inputs both turn their sign",
    r"bce: return .* → return .*\.T": "its entries are added up",
    r"bce: np\.log\((.+)\) → np\.log\(np\.maximum\(\1, 1e-06\)\)": "in a homework "
    "whose logits stay small; chapter 4 goes to 1e-300",
    r"loss: .*\.sum\(.*\) → .*\.mean\(.*\)": "ln k more, with the same gradient",
    r"misprinted: .*\.sum\(.*\) → .*\.mean\(.*\)": "ln k less, on both sides",
}
EXCUSES = {False: EQUIVALENT, True: HARMLESS}  # by whether a side's values change


def excused(slip: str, changed: bool) -> bool:
    return any(re.fullmatch(each, slip) for each in EXCUSES[changed])


def code_cells(path: Path) -> list[nbformat.NotebookNode]:
    notebook = nbformat.read(path, as_version=4)
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def sources(path: Path) -> list[str]:
    return [cell.source for cell in code_cells(path)]


@contextlib.contextmanager
def beside(path: Path) -> Iterator[None]:
    """Execute cells as a kernel does, in the notebook's folder, and leave no trace.

    Modules beside it are forgotten: another solution has others of the same names.
    """
    folder, before = str(path.parent), set(sys.modules)
    sys.path.insert(0, folder)
    try:
        with contextlib.chdir(folder):
            yield
    finally:
        sys.path.remove(folder)
        neighbors = {file.stem for file in path.parent.iterdir()}
        for name in set(sys.modules) - before:
            if name.split(".")[0] in neighbors:
                del sys.modules[name]


def executed(path: Path) -> tuple[Cells, dict[str, Any], list[Proof]]:
    """The cells of a notebook to its last proof, what they define, and the proofs.

    A proof that the stored output records isn't run: the notebook's own test does it.
    """
    cells, names, proofs = Cells(), {}, []
    held: set[str] = set()
    code = code_cells(path)
    last = max(at for at, cell in enumerate(code) if PROOF.search(cell.source))

    def recording(number: str, formula: Callable, **rest: Any) -> None:
        if number not in held:
            prove(number, formula, **rest)  # which raises: a failure is shown
        proofs.append(Proof(number, formula, rest))

    with beside(path), quiet():
        for cell in code[: last + 1]:
            held = {record["number"] for record in records(cell, "prove")}
            cells.execute(cell.source, names)
            names["claim"] = lambda *args, **rest: None
            if names.get("prove") is prove:
                names["prove"] = recording
    return cells, names, proofs


run = cache(executed)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Nothing is printed, overflow isn't warned of, and sympy is left out."""
    with (
        contextlib.redirect_stdout(io.StringIO()),
        np.errstate(all="ignore"),
        patch.object(proof, "_shown", lambda *args: None),
    ):
        yield


def fails(proof: Proof) -> bool:
    try:
        with quiet():
            prove(proof.number, proof.formula, **proof.rest)
    except Exception:
        return True
    return False


def outcomes(proof: Proof) -> list[np.ndarray | str]:
    """The values of both sides at points of other seeds, shapes, and at ±1e4."""
    at = proof.rest["at"]
    drawn = [
        point
        for spec in ([at] if isinstance(at, dict) else at)
        for lengths in ((0.1, 10.0), (1e4, 1e4))
        for point in points(spec, seed=99, count=30, lengths=lengths)
    ]
    return [outcome(side, point) for side in proof.sides for point in drawn]


def outcome(function: Callable, point: dict[str, np.ndarray]) -> np.ndarray | str:
    try:
        with np.errstate(all="ignore"):
            value = function(*(argument.copy() for argument in point.values()))
            return np.asarray(joined(value), float)
    except Exception as error:
        return type(error).__name__


def differ(a: np.ndarray | str, b: np.ndarray | str) -> bool:
    if isinstance(a, str) or isinstance(b, str) or a.shape != b.shape:
        return not (isinstance(a, str) and isinstance(b, str))
    scale = np.abs(b).max(initial=1e-300)
    return not np.allclose(a, b, rtol=0, atol=1e-6 * scale, equal_nan=True)


def survivors(cells: Cells, proofs: list[Proof]) -> Iterator[tuple[str, bool]]:
    """The slips that no proof notices and no list excuses, and whether values change.

    A proof takes longest where it holds; on what a list excuses none is tried.
    """
    reached = [(each, set(map(id, cells.functions(*each.sides)))) for each in proofs]
    functions = cells.functions(*(side for each in proofs for side in each.sides))
    before = {id(each): outcomes(each) for each in proofs}
    for mutant in cells.mutants(functions):
        mine = {id(function) for function, _ in mutant.codes}
        concerned = [each for each, known in reached if known & mine]
        listed = {changed for changed in EXCUSES if excused(mutant.slip, changed)}
        with mutant.in_place():
            if not listed and any(map(fails, concerned)):
                continue
            changed = any(
                differ(new, old)
                for each in concerned
                for new, old in zip(outcomes(each), before[id(each)], strict=True)
            )
            if changed in listed or (listed and any(map(fails, concerned))):
                continue
        yield mutant.slip, changed


with_proofs = pytest.mark.parametrize(
    "path",
    [path for path in CHAPTERS if any(map(PROOF.search, sources(path)))],
    ids=lambda path: path.stem,
)


@pytest.mark.filterwarnings("ignore")  # mutants overflow, and transpose vectors
@with_proofs
def test_every_mutant_of_what_a_proof_runs_fails_a_proof(path: Path) -> None:
    """Takes a few seconds a notebook: hundreds of mutants, each with its proofs."""
    cells, _, proofs = run(path)
    stored = [each for cell in code_cells(path) for each in records(cell, "prove")]
    assert [each.number for each in proofs] == [each["number"] for each in stored]
    with beside(path):
        alive = list(survivors(cells, proofs))
    spared = {slip for slip, changed in alive if changed}
    equal = {slip for slip, changed in alive if not changed}
    assert not spared, "no proof notices these"
    assert not equal, "these change nothing, and no list says why"


# Wrong or careless formulas that come through weaker proofs; `right` is the book's.
SLIPS = [
    ("02", "2.16", "eigenvalues", "lambda X: 1.001 * right(X)[-1:]"),
    ("03", "3.10", "cross_entropy_backward", "lambda p, y: -y / (len(p) * p + 1e-6)"),
    ("03", "3.10", "cross_entropy_backward", "lambda p, y: right(np.fmax(p, 1e-6), y)"),
    ("03", "3.14", "floor", "lambda z, y: np.log(2.7182818 + z.shape[1] - 1) - 1"),
    ("04", "4.2", "sigmoid_slope", "lambda z: np.exp(-z) / (1 + np.exp(-z)) ** 2"),
    ("04", "4.2", "sigmoid", "lambda z: right(np.clip(z, -30, 30))"),
    ("04", "4.4", "bce_slope", "lambda p, y: right(np.clip(p, 1e-7, 1), y)"),
    ("04", "4.5", "logit_gradient", "lambda z, y: np.fmax(sigmoid(z), 1e-5) - y"),
    (
        "04",
        "4.14",
        "deltas",
        "lambda layers, outputs, y: [delta * len(W) / len(W.T) for delta, (W, _) in "
        "zip(right(layers, outputs, y), layers)]",
    ),
    ("05", "5.2", "sigmoid_slope", "lambda a: np.exp(-a) / (1 + np.exp(-a)) ** 2"),
    ("06", "6.5", "power_back", "lambda A, c, g: g * c * np.abs(A) ** (c - 1)"),
    ("06", "6.7", "unbroadcast", "lambda g, s: g.sum(axis=(0, -1)).reshape(s)"),
    ("07", "7.2", "rectified_slope", "lambda a: (a > 1e-4).double()"),
    (
        "07",
        "7.4",
        "loss_backward",
        "lambda z, labels: right(z.clamp(-9, 9), labels)",
    ),
]


@pytest.mark.filterwarnings("ignore")  # some overflow
@pytest.mark.parametrize(("chapter", "number", "name", "slip"), SLIPS)
def test_a_careless_formula_fails(chapter, number, name, slip) -> None:
    [path] = [path for path in CHAPTERS if path.name.startswith(chapter)]
    _, names, proofs = run(path)
    function = names[name]
    right = FunctionType(function.__code__, names)
    code = eval(slip, names | {"right": right}).__code__
    with patch.dict(names, right=right), Mutant(slip, [(function, code)]).in_place():
        assert any(map(fails, [each for each in proofs if each.number == number]))


def grades() -> dict[str, set[str]]:
    """What the stored notebooks record for each proof."""
    found: dict[str, set[str]] = {}
    for path in CHAPTERS:
        for cell in code_cells(path):
            for record in records(cell, "prove"):
                found.setdefault(record["number"], set()).add(record["grade"])
    return found


def test_each_proof_is_symbolic_or_a_reason_says_why_not() -> None:
    stored = grades()
    symbolic = {number for number, each in stored.items() if each == {"symbolic"}}
    assert stored.keys() - symbolic == AT_POINTS.keys() & stored.keys()
    assert len(symbolic) >= 60


chapters = pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)


@chapters
def test_no_data_is_loaded_among_the_proofs(path: Path) -> None:
    """They run fast that way; an opening, above them, may look at some."""
    cells = sources(path)
    proofs = [at for at, source in enumerate(cells) if PROOF.search(source)] or [0]
    among = cells[proofs[0] : proofs[-1] + 1]
    assert not any("data.load(" in source for source in among)


def names_before(path: Path, at: int) -> dict[str, Any]:
    names: dict[str, Any] = {}
    for source in sources(path)[:at]:
        exec(source, names)
    return names


def solution(folder: Path, rate: float) -> Path:
    """A notebook that imports the module and reads the card beside it."""
    (folder / "cards").mkdir(parents=True)
    (folder / "cards/mnist.json").write_text(str(rate))
    (folder / "train.py").write_text(f"RATE = {rate}")
    (folder / "deeper").mkdir()
    (folder / "deeper/recipe.py").touch()
    cells = [
        "import deeper.recipe, train",
        'card = float(open("cards/mnist.json").read())',
        "def later():\n    import train\n    return train.RATE",
        "assert False",
    ]
    cells = [nbformat.v4.new_code_cell(cell) for cell in cells]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / "solution.ipynb")
    return folder / "solution.ipynb"


def test_cells_of_a_solution_find_what_lies_beside_it_and_leave_no_trace(
    tmp_path: Path,
) -> None:
    before = Path.cwd(), list(sys.path), set(sys.modules)
    for rate in (0.25, 0.5):
        path = solution(tmp_path / str(rate), rate)
        with beside(path):
            names = names_before(path, 3)
            assert names["train"].RATE == names["card"] == names["later"]() == rate
        assert (Path.cwd(), list(sys.path), set(sys.modules)) == before


def test_a_cell_that_fails_leaves_no_trace_either(tmp_path: Path) -> None:
    before = Path.cwd(), list(sys.path), set(sys.modules)
    path = solution(tmp_path / "course", 0.25)
    with pytest.raises(AssertionError), beside(path):
        names_before(path, 4)
    assert (Path.cwd(), list(sys.path), set(sys.modules)) == before
