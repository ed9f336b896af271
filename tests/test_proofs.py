"""The theorems of proofs/ check, assume no more than they may, and fail when changed.

Without Coq and Coquelicot the tests that need them are skipped; with DL_COQ=required
they fail instead. Coq reads every theorem once, and one file again for each slip: about
a minute.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

import nbformat
import pytest

from tools import theorems
from tools.reading import equations, is_definition

ROOT = Path(__file__).parent.parent
FILES = sorted((ROOT / "proofs").glob("*.v"))
THEORIES = theorems.read_theories(ROOT / "proofs")
THEOREMS = [theorem for theory in THEORIES for theorem in theory.theorems]
MAKE = shutil.which("make")
FLAGS = ["-q", "-w", "-ambiguous-paths", "-Q", ROOT / "build/proofs", "Proved"]
# What Coq's real numbers stand on: they are compared as classical mathematics does it,
# a statement is true or false, and functions with the same values are equal.
CLASSICAL = {
    "ClassicalDedekindReals.sig_forall_dec",
    "ClassicalDedekindReals.sig_not_dec",
    "Classical_Prop.classic",
    "FunctionalExtensionality.functional_extensionality_dep",
}
HEADLINES = """1.3 1.5 1.8 2.2 2.3 2.5 2.7 2.11 2.12 2.13 2.16 2.21 3.2 3.3 3.4 3.11
    3.13 3.14 4.2 4.5 4.12 4.14 4.15 4.16 4.17 5.6 6.2 7.8 7.11 8.3 8.4 8.5 8.8 8.9
    9.2 9.4"""
SLIPS = {
    "a layer too many in the bias of all layers": (
        "what_learning_is",
        "(product d W (S l) (D - S l)) j",
        "(product d W l (D - l)) j",
    ),
    "a residual without its input": (
        "least_squares",
        "w1\n    (-2 * ∑_(s < n) x s * residual x y w0 w1 s)",
        "w1\n    (-2 * ∑_(s < n) residual x y w0 w1 s)",
    ),
    "half of the best rate": (
        "least_squares",
        "Rabs (1 - 2 / (a + b) * l i)) =",
        "Rabs (1 - 1 / (a + b) * l i)) =",
    ),
    "a sign in the Jacobian": (
        "softmax_cross_entropy",
        "(p i * ([i == j] - p j)).",
        "(p i * ([i == j] + p j)).",
    ),
    "a transpose that is missing": (
        "softmax_cross_entropy",
        "W (mul n x^T δ).",
        "W (mul n x δ).",
    ),
    "a mean that is a sum": (
        "softmax_cross_entropy",
        "z\n    (fun s j => (p s j - y s j) / INR n).",
        "z\n    (fun s j => p s j - y s j).",
    ),
    "row and column exchanged": (
        "backprop_bce",
        "δ1 : vector := fun i => W2 O i *",
        "δ1 : vector := fun i => W2 i O *",
    ),
    "a bound that is too low": (
        "backprop_bce",
        "σ z * (1 - σ z) <= 1 / 4.",
        "σ z * (1 - σ z) <= 1 / 5.",
    ),
    "adjoints against the arrows": (
        "autodiff",
        "-> adjoint j = [j == e] + ∑_(i < N) adjoint i * w i j.",
        "-> adjoint j = [j == e] + ∑_(i < N) adjoint i * w j i.",
    ),
    "one rate too few": (
        "bare_tensors",
        "= η0 * (INR N + 1) / 2.",
        "= η0 * INR N / 2.",
    ),
    "noise as if drawn with replacement": (
        "taking_steps",
        "S2 / INR n * ((INR N - INR n) / (INR N - 1)).",
        "S2 / INR n.",
    ),
    "an edge that is too low": (
        "taking_steps",
        "<-> 0 < η < 2 / λ.",
        "<-> 0 < η < 1 / λ.",
    ),
    "the variance of a mask alone": (
        "fitting_and_overfitting",
        "= θ / (1 - θ) * h i ^ 2.",
        "= θ * (1 - θ) * h i ^ 2.",
    ),
}


def coqc(*arguments):
    command = ["coqc", *FLAGS, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def said_by_make(path):
    command = [MAKE, "--no-print-directory", "-C", ROOT, "proofs"]
    env = {"PATH": path}
    return subprocess.run(command, capture_output=True, text=True, env=env)


@pytest.fixture(scope="module")
def checked():
    """All theorems, checked by `make proofs`."""
    missing = [name for name in ("make", "coqc") if not shutil.which(name)]
    if missing and os.environ.get("DL_COQ") != "required":
        pytest.skip(f"no {missing[0]} here; `make proofs` says what to install")
    done = said_by_make(os.environ["PATH"])
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_make_checks_every_file(checked):
    assert set(checked.split()) >= {file.name for file in FILES}
    assert checked.endswith("All theorems of proofs/ are proved.\n")


def test_theorems_stand_on_the_axioms_of_classical_real_numbers(checked, tmp_path):
    names = [f"{Path(t.name).stem}.{x.name}" for t in THEORIES for x in t.theorems]
    files = [f"From Proved Require {file.stem}." for file in FILES]
    pairs = f"Definition all := ({', '.join(names)})."
    file = tmp_path / "assumptions.v"
    file.write_text("\n".join([*files, pairs, "Print Assumptions all."]))
    said = coqc(file)
    assert said.returncode == 0, said.stderr
    assert set(re.findall(r"^([\w.]+)(?= |$)", said.stdout, re.M)) <= CLASSICAL
    assert "sig_forall_dec" in said.stdout


@pytest.mark.parametrize("slip", SLIPS)
def test_a_slip_fails(checked, slip, tmp_path):
    name, right, wrong = SLIPS[slip]
    text = (ROOT / f"proofs/{name}.v").read_text("utf-8")
    assert text.count(right) == 1
    file = tmp_path / f"{name}.v"
    file.write_text(text.replace(right, wrong), "utf-8")
    said = coqc(file)
    assert said.returncode == 1
    assert not re.search("[Ss]yntax error|was not found|has type", said.stderr)
    [line] = re.findall(r"line (\d+), characters", said.stderr)[-1:]
    assert int(line) > text[: text.index(right)].count("\n")


@pytest.mark.skipif(not MAKE, reason="no make here")
def test_without_coq_make_says_what_to_install(tmp_path):
    done = said_by_make(str(tmp_path))
    assert done.returncode != 0
    assert "apt-get install coq libcoq-coquelicot" in done.stdout + done.stderr


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_nothing_is_taken_on_trust(file):
    text = theorems.COMMENT.sub("", file.read_text("utf-8"))
    words = r"Admitted|admit|Abort|Axioms?|Parameters?|Conjecture|bypass_check|Unset"
    assert re.findall(rf"\b(?:{words})\b", text) == []
    outside = theorems.SECTION.sub("", text)
    assert re.findall(r"^(?:Variable|Hypothes|Context).*", outside, re.M) == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_proofs_are_short_and_lines_too(file):
    text = file.read_text("utf-8")
    proofs = re.findall(r"^Proof\..*?Qed\.$", text, re.M | re.S)
    assert max(proof.count("\n") + 1 for proof in proofs) < 40
    assert max(map(len, text.splitlines())) <= 88


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_the_list_has_every_theorem(file):
    written = re.findall(r"^Theorem (\w+)", file.read_text("utf-8"), re.M)
    [theory] = [theory for theory in THEORIES if theory.name == file.name]
    assert sorted(theorem.name for theorem in theory.theorems) == sorted(written)


@pytest.mark.parametrize("theorem", THEOREMS, ids=lambda theorem: theorem.name)
def test_a_theorem_says_what_it_means(theorem):
    assert re.search(r"\w.*[.)]$", theorem.meaning)


def test_theorems_are_named_after_claimed_equations():
    notebooks = [nbformat.read(p, 4) for p in ROOT.glob("chapters/*.ipynb")]
    claimed = {
        equation.number
        for notebook in notebooks
        for equation in equations(notebook)
        if not is_definition(equation.formula)
    }
    proved = theorems.numbers(THEORIES)
    assert proved - claimed == set()
    assert set(HEADLINES.split()) <= proved


def test_a_theorem_named_after_no_equation_is_refused(tmp_path):
    file = tmp_path / "a.v"
    file.write_text("Theorem helper n : n = n.\nProof. auto. Qed.\n")
    with pytest.raises(ValueError, match="helper is named after no equation"):
        theorems.read_theory(file)


def test_a_theorem_is_listed_with_what_its_section_supposes(tmp_path):
    file = tmp_path / "a.v"
    file.write_text(
        "(* Twice. *)\nDefinition two (n : nat) := n + n.\n\n"
        "Section A.\nVariables (n : nat) (unused : nat).\nVariable other : nat.\n"
        "Let m := two n.\nHypothesis H : n = 1.\n"
        "Section B.\nHypothesis inner : m = 3.\n"
        "Lemma l : True.\nProof. auto. Qed.\nEnd B.\n\n"
        "(* One and\n   one. *)\nTheorem eq_3_10_sum : m = 2.\nProof.\n  auto.\nQed.\n"
        "End A.\n"
    )
    theory = theorems.read_theory(file)
    assert theory.definitions == "(* Twice. *)\nDefinition two (n : nat) := n + n."
    [theorem] = theory.theorems
    assert (theorem.number, theorem.meaning) == ("3.10", "One and one.")
    assert theorem.lines == 4
    assert theorem.statement.splitlines() == [
        "Variables (n : nat) (unused : nat).",
        "Let m := two n.",
        "Hypothesis H : n = 1.",
        "",
        "Theorem eq_3_10_sum : m = 2.",
    ]
    listed = theorems.theorem_list([theory], {"3": "../chapters/03-a.ipynb"})
    assert "[(3.10)](../chapters/03-a.ipynb#eq-3-10), 4 lines: One and one." in listed
