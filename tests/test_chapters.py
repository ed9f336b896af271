"""Every proof cell kills the mutants of its formula; every folded answer is right."""

import contextlib
import io
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest

from helpers import prove
from helpers.points import points
from tests.mutants import slips as mutants
from tools.notebooks import notebooks

CHAPTERS = notebooks()
PROOF = re.compile(r'^prove\(\s*"(\d+\.\d+)"', re.M)
# Slips that change nothing, each with the reason; a pattern stands for many.
EQUIVALENT = {
    r".*→ return .*\.T": "a number, vector or symmetric matrix is its own transpose",
    r".*: (.+) \* (np\.sign\(.+\)) → \1 / \2": "a sign is 1 or -1",
    r".*: len\((\w+)\) → \1\.size": "a vector has as many entries as rows",
    r".*: (.+) @ (.+) → \2 @ \1": "a product of vectors, or with a symmetric matrix",
    **{
        re.escape(slip): reason
        for slip, reason in {
            "3.2: z + c → z - c": "the equation holds for every c, so for -c",
            "3.2: z + c → z": "and for 0",
            "mean_over_coins: spread * coins → spread / coins": "a coin is 1 or -1",
            "rectified_slope: a > 0 → a >= 0": "no random point is zero",
            "elu: x < 0 → x <= 0": "at 0 both branches are 0",
            "elu_slope: x > 0 → x >= 0": "no random point is zero",
            "gradients: delta.sum(dim=0) → delta.mean(dim=0)": "(7.7) proves biases",
            "gradients: 0 → 1": "likewise",
            "chain_rule: softmax_jacobian(f) @ (2 * (softmax(f) - y)) → "
            "2 * (softmax(f) - y) @ softmax_jacobian(f)": "the Jacobian is symmetric",
            "slope: y - y.mean() → y": "the deviations of x add up to zero",
            "slope: y - y.mean() → y + y.mean()": "likewise",
            "slope_from_wrong_means: y - y_bar → y": "likewise",
            "slope_from_wrong_means: y - y_bar → y + y_bar": "likewise",
            "slope_from_wrong_means: x - x_bar → x": "likewise, if y's are taken",
            "slope_from_wrong_means: x - x_bar → x + x_bar": "likewise",
        }.items()
    },
}


def code_cells(path: Path) -> list[str]:
    notebook = nbformat.read(path, as_version=4)
    return [cell.source for cell in notebook.cells if cell.cell_type == "code"]


def proofs() -> list[Any]:
    """(chapter, number of the cell) for every proof cell."""
    return [
        pytest.param(path, at, id=f"{number}")
        for path in CHAPTERS
        for at, source in enumerate(code_cells(path))
        for number in PROOF.findall(source)
    ]


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


def names_before(path: Path, at: int) -> dict[str, Any]:
    """What the cells above cell `at` define; what they print is not shown."""
    names: dict[str, Any] = {}
    with contextlib.redirect_stdout(io.StringIO()):
        for source in code_cells(path)[:at]:
            exec(source, names)
    return names


def sides(source: str, names: dict[str, Any]) -> tuple[list[Callable], Any]:
    """The formula of a proof cell and what it is held against, and its points."""
    caught = []

    def catch(number: str, formula: Callable, **rest: Any) -> None:
        others = ("derivative_of", "equals", "at_most")
        caught.append(([formula, *(rest[k] for k in others if k in rest)], rest["at"]))

    names = {**names, "prove": catch, "claim": lambda *args, **rest: None}
    with contextlib.redirect_stdout(io.StringIO()):
        exec(source, names)
    return caught[0]


def outcome(function: Callable, point: dict[str, np.ndarray]) -> np.ndarray | str:
    try:
        with np.errstate(all="ignore"):
            return np.asarray(function(*(arg.copy() for arg in point.values())), float)
    except Exception as error:
        return type(error).__name__


def differ(a: np.ndarray | str, b: np.ndarray | str) -> bool:
    if isinstance(a, str) or isinstance(b, str) or a.shape != b.shape:
        return not (isinstance(a, str) and isinstance(b, str))
    scale = np.abs(b).max(initial=1e-300)
    return not np.allclose(a, b, rtol=0, atol=1e-6 * scale, equal_nan=True)


def counts(source: str, mutant: str, names: dict[str, Any]) -> bool:
    """Whether a mutant differs at points of other seeds, shapes, or at ±1e4."""
    original, at = sides(source, names)
    try:
        changed, _ = sides(mutant, names)
    except Exception:
        return True
    others = [
        point
        for lengths in ((0.1, 10.0), (1e4, 1e4))
        for point in points(at, seed=99, count=30, lengths=lengths)
    ]
    return any(
        differ(outcome(new, point), outcome(old, point))
        for new, old in zip(changed, original, strict=True)
        for point in others
    )


def survives(mutant: str, names: dict[str, Any]) -> bool:
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            exec(mutant, {**names, "claim": lambda *args, **rest: None})
    except Exception:
        return False
    return True


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # mutants overflow
@pytest.mark.filterwarnings("ignore::UserWarning")  # and transpose vectors
@pytest.mark.parametrize(("path", "at"), proofs())
def test_every_mutant_of_a_formula_fails_its_proof(path: Path, at: int) -> None:
    source = code_cells(path)[at]
    made = list(mutants(source))
    with beside(path):
        with np.errstate(all="ignore"):
            names = names_before(path, at)
        equal = [not counts(source, text, names) for _, text in made]
        alive = [survives(text, names) for _, text in made]
        assert survives(source, names), "the formula itself fails"
    assert not all(equal), "the cell defines no formula"
    for (slip, _), same, survived in zip(made, equal, alive, strict=True):
        assert same or not survived, slip
        assert not same or any(re.fullmatch(each, slip) for each in EQUIVALENT), slip


def test_a_proof_at_a_special_point_lets_a_mutant_live() -> None:
    cell = """def slope(x):
    return 3 * x**2
prove("0.1", slope, derivative_of=lambda x: (x**3).sum(), at=AT)"""
    weak = cell.replace("AT", "np.array(1.0)")
    strong = cell.replace("AT", "{'x': 'n'}")
    proving = {"np": np, "prove": prove}
    slip = "slope: x ** 2 → x"
    assert survives(dict(mutants(weak))[slip], proving)
    assert not survives(dict(mutants(strong))[slip], proving)


chapters = pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)


@chapters
def test_no_training_stands_above_the_last_proof(path: Path) -> None:
    cells = code_cells(path)
    proofs = [at for at, source in enumerate(cells) if PROOF.search(source)]
    last = max(proofs, default=0)
    assert not any("data.load(" in source for source in cells[: last + 1])


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
