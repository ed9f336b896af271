"""The zip holds what the document lists, and each slip in a hand-in is noticed."""

import dataclasses
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from pypdf import PdfReader

from helpers import results
from helpers.data import Dataset, Split
from tools import handin
from tools.digest import ROOT

COURSE, ID = "technion_097200", "123456789_987654321"
REPORT = '#sys.inputs.ids #sys.inputs.names #json("../cards/mnist.json").id'
LISTED = ["train.py", "evaluate.py", "weights.pkl", "report.pdf"]


@pytest.fixture
def solutions(tmp_path):
    """A folder with the course's scripts, small weights, a card and a short report."""
    folder = tmp_path / "solutions" / COURSE
    (folder / "report").mkdir(parents=True)
    for name in ("train.py", "evaluate.py"):
        shutil.copy(ROOT / "solutions" / COURSE / name, folder)
    save_weights(folder / "weights.pkl")
    write_card(folder, 0.1)
    (folder / "report/report.typ").write_text(REPORT)
    return folder.parent


@pytest.fixture
def untried(monkeypatch):
    """Zips are made without being tried out."""
    course = dataclasses.replace(handin.COURSES[COURSE], try_out=lambda *_: [])
    monkeypatch.setitem(handin.COURSES, COURSE, course)


@pytest.fixture
def small_mnist(monkeypatch):
    """A stand-in of noise for MNIST."""
    set_mnist(monkeypatch, "stand-in")


def set_mnist(monkeypatch, source):
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (40, 28, 28), dtype=np.uint8)
    split = Split(pixels, np.arange(40) % 10, np.float32(0.5), np.float32(0.3))
    classes = tuple("0123456789")
    mnist = Dataset("mnist", split, split, classes, source)
    monkeypatch.setattr("helpers.data.load", {"mnist": mnist}.__getitem__)


def save_weights(path):
    w1, w2 = torch.ones(784, 5), torch.ones(5, 10)
    mean, std = torch.tensor(0.1), torch.tensor(0.3)
    biases = {"b1": torch.zeros(5), "b2": torch.zeros(10)}
    torch.save({"w1": w1, "w2": w2, "mean": mean, "std": std} | biases, path)


def write_card(folder, value):
    """A card of two seeds, the second of which made the weights."""
    results.write(
        folder / "cards/mnist.json",
        document=COURSE,
        question="practical",
        bar=None,
        metric="accuracy",
        command="python recipe.py",
        parameters={},
        seeds=[
            {"seed": seed, "value": each, "seconds": 1.0}
            for seed, each in ((4, 0.5), (7, value))
        ],
        weights=(folder / "weights.pkl", 7),
    )


def hand_in(solutions, id=ID, names="", name=COURSE):
    return handin.hand_in(name, id, names, solutions, solutions.parent / "out")


def left(solutions):
    return [path.name for path in (solutions.parent / "out").glob("*")]


def test_the_zip_holds_what_the_document_lists_and_works(
    solutions, small_mnist, capsys
):
    path = hand_in(solutions, names="Ada; Emmy")
    assert left(solutions) == [f"{ID}.zip"]
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == LISTED
        dates = {entry.date_time for entry in archive.infolist()}
        assert dates == {(1980, 1, 1, 0, 0, 0)}
        for name in LISTED[:3]:
            assert archive.read(name) == (solutions / COURSE / name).read_bytes()
        [page] = PdfReader(archive.open("report.pdf")).pages
        assert page.extract_text().split() == [ID, "Ada;", "Emmy", "mnist"]
    said = capsys.readouterr().out.splitlines()
    beginnings = (
        "MNIST is not at hand",
        "evaluate_hw1() returns 0.1000, twice",
        "no weights: evaluate.py stops",
        "train.py writes weights; with them evaluate_hw1() returns",
        "no data: evaluate.py stops",
        "no data: train.py stops",
    )
    for line, beginning in zip(said, beginnings, strict=True):
        assert line.startswith(beginning)


def test_a_hand_in_that_needs_this_repository_leaves_no_zip(solutions, small_mnist):
    (solutions.parent / "out").mkdir()
    (solutions.parent / f"out/{ID}.zip").write_text("an older one")
    script = solutions / COURSE / "evaluate.py"
    script.write_text(f"from helpers import data\n{script.read_text()}")
    with pytest.raises(ValueError, match="helpers is not in the zip"):
        hand_in(solutions)
    assert left(solutions) == []


def test_other_weights_than_those_of_the_card_are_not_packed(solutions, untried):
    torch.save({"w1": torch.ones(1)}, solutions / COURSE / "weights.pkl")
    with pytest.raises(ValueError, match=r"another SHA-256.*run again: python recipe"):
        hand_in(solutions)
    assert left(solutions) == []


def test_every_card_has_to_be_valid(solutions, untried):
    (solutions / COURSE / "cards/try-wider.json").write_text("{}")
    with pytest.raises(ValueError, match=r"try-wider.json is no valid result card"):
        hand_in(solutions)


def test_weights_that_no_card_is_about_are_not_packed(solutions, small_mnist):
    folder = solutions / COURSE
    other = (folder / "weights.pkl").rename(folder / "other.pkl")
    torch.save({"w1": torch.ones(1)}, folder / "weights.pkl")
    card = folder / "cards/mnist.json"
    card.write_text(card.read_text().replace("weights.pkl", other.name))
    with pytest.raises(ValueError, match=r"no card is about weights.pkl"):
        hand_in(solutions)


@pytest.mark.parametrize(
    ("bar", "value", "said"),
    [
        (0.75, 0.1, "10.00% right; the homework wants 0.75"),
        (0.05, 0.1004, "10.00% right, but 0.1004 on their card; run recipe.py"),
        (0.05, 0.0996, "10.00% right, but 0.0996 on their card"),
        (0.05, 0.5, "10.00% right, but 0.5 on their card"),
    ],
)
def test_on_the_original_the_bar_and_the_card_count(
    solutions, monkeypatch, bar, value, said
):
    set_mnist(monkeypatch, "original")
    monkeypatch.setattr(handin, "BAR", bar)
    write_card(solutions / COURSE, value)
    with pytest.raises(ValueError, match=said):
        hand_in(solutions)
    assert left(solutions) == []


def test_three_images_of_10000_may_turn(tmp_path):
    (tmp_path / "weights.pkl").touch()
    (tmp_path / "evaluate.py").write_text("def evaluate_hw1():\n    return 0.9933")
    for card in (0.9930, 0.9933, 0.9936):
        assert "0.9933" in handin.accuracy(tmp_path, tmp_path, 0.75, card)


def test_no_half_written_zip_is_left(solutions, untried, monkeypatch):
    write_bytes = Path.write_bytes

    def fill_the_disk(path, content):
        write_bytes(path, content[:99])
        raise OSError("no space left")

    monkeypatch.setattr(Path, "write_bytes", fill_the_disk)
    with pytest.raises(OSError, match="no space left"):
        hand_in(solutions)
    assert left(solutions) == []


def test_the_report_is_compiled_without_the_fonts_of_the_system(
    solutions, untried, monkeypatch
):
    compile, given = handin.typst.compile, {}

    def noted(*arguments, **options):
        given.update(options)
        return compile(*arguments, **options)

    monkeypatch.setattr(handin.typst, "compile", noted)
    hand_in(solutions)
    assert given["ignore_system_fonts"] is True


@pytest.mark.parametrize("names", ["José Đặng; Żak O'Brien", "אברהם כהן; Jose\u0301"])
def test_names_that_the_fonts_can_show_are_fine(solutions, untried, names):
    assert hand_in(solutions, names=names).exists()


def test_the_same_files_make_the_same_zip(solutions, untried):
    first = hand_in(solutions).read_bytes()
    for path in solutions.rglob("*.*"):
        path.touch()
    assert hand_in(solutions).read_bytes() == first
    assert hand_in(solutions, names="A; B").read_bytes() != first


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"name": "chess"}, "no course 'chess'; COURSE takes technion_097200"),
        ({"name": ""}, "no course ''"),
        ({"id": ""}, "got the ID ''; expected one such as 123456789_987654321"),
        ({"id": "123456789"}, "expected one such as"),
        ({"id": "12345678_987654321"}, "expected one such as"),
        ({"id": f"{ID}_123456789"}, "expected one such as"),
        ({"id": f"../{ID}"}, "expected one such as"),
        ({"id": f"{ID}\n"}, "expected one such as"),
        ({"id": "١٢٣٤٥٦٧٨٩_987654321"}, "expected one such as"),
        ({"names": "Ada"}, "1 names for 2 IDs; divide by ;"),
        ({"names": "A; B; C"}, "3 names for 2 IDs"),
        ({"id": "123456789_123456789"}, "got an ID twice in 1.*_1.*; give each once"),
        ({"names": "A\n; B"}, r"hold \['\\n'\], which can't be printed; type them"),
        ({"names": "A\x00; B"}, r"hold \['\\x00'\]"),
        ({"names": "A\u202e; B"}, r"hold \['\\u202e'\]"),
        ({"names": "\udc80; B"}, r"hold \['\\udc80'\]"),
        ({"names": "王; 😀B"}, "fonts can't show '王😀'; write the names otherwise"),
    ],
)
def test_a_wrong_course_or_id_is_refused(solutions, untried, wrong, said):
    with pytest.raises(ValueError, match=said):
        hand_in(solutions, **wrong)
    assert left(solutions) == []


@pytest.mark.parametrize("name", ["train.py", "weights.pkl", "report/report.typ"])
def test_a_missing_file_is_named(solutions, untried, name):
    (solutions / COURSE / name).unlink()
    with pytest.raises(FileNotFoundError, match=f"{name} is missing"):
        hand_in(solutions)


@pytest.mark.parametrize(
    ("report", "said"),
    [
        ("#pagebreak() #pagebreak()", "has 3 pages; the homework allows 2"),
        ("#nothing", "(?s)can't be compiled.*unknown variable.*report.typ:1"),
    ],
)
def test_a_report_that_is_too_long_or_broken_is_refused(
    solutions, untried, report, said
):
    (solutions / COURSE / "report/report.typ").write_text(report)
    with pytest.raises(ValueError, match=said):
        hand_in(solutions)
    assert left(solutions) == []


def test_scripts_run_as_on_a_machine_without_this_repository(tmp_path, monkeypatch):
    monkeypatch.setenv("DL_DATA", "somewhere")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setenv("NO_PROXY", "*")
    (tmp_path / "neighbor.py").touch()
    program = """
import os, urllib.request
for name in "helpers", "helpers.data", "tools", "neighbor":
    try:
        __import__(name)
    except ImportError as error:
        print(error)
names = "DL_DATA", "PYTHONPATH", "CUDA_VISIBLE_DEVICES"
print([os.environ.get(name) for name in names], os.getcwd(), sys.argv)
print(urllib.request.getproxies(), urllib.request.proxy_bypass("pytorch.org"))
"""
    done = handin.run(program, "script.py", "--epochs", 1, cwd=tmp_path)
    proxies = dict.fromkeys(("http", "https", "all"), handin.NOWHERE)
    *lines, found = done.stdout.splitlines()
    assert lines == [
        "helpers is not in the zip",
        "helpers is not in the zip",
        "tools is not in the zip",
        "No module named 'neighbor'",
        f"[None, None, ''] {tmp_path} ['script.py', '--epochs', '1']",
    ]
    for name, address in proxies.items():
        assert f"'{name}': '{address}'" in found
    assert found.endswith(("False", "0"))


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("print(0.98)", "returned None; expected a float"),
        ("return 98.1", "returned 98.1; expected a float"),
        ("return float('nan')", "returned nan; expected a float"),
        ("return 1", "returned 1; expected a float"),
        ("return [0.98]", r"returned \[0.98\]; expected a float"),
        ("import random; return random.random()", "returned 0.*, then 0"),
        ("open(f'{FOLDER}/weights.pkl', 'a').write('x'); return 0.9", "changed"),
        ("return 0.7", "70.00% right; the homework wants 0.75"),
        ("import recipe; return 0.9", "No module named 'recipe'"),
        ("import tools.digest; return 0.9", "tools is not in the zip"),
        ("import sys; sys.exit(0)", "ended Python; it has to return a float"),
        ("import os; os._exit(0)", "ended Python; it has to return a float"),
        ("import os; os._exit(3)", "failed: return code 3, and nothing said"),
        ("import os; os.kill(os.getpid(), 9)", "failed: return code -9"),
        ("return float(input())", "failed: EOFError"),
    ],
)
def test_each_slip_of_an_evaluation_is_noticed(tmp_path, script, said):
    (tmp_path / "weights.pkl").touch()
    (tmp_path / "recipe.py").touch()
    lines = ("from pathlib import Path", "FOLDER = Path(__file__).parent")
    lines += ("def evaluate_hw1():", f"    {script}")
    (tmp_path / "evaluate.py").write_text("\n".join(lines))
    with pytest.raises(ValueError, match=said):
        handin.accuracy(tmp_path, tmp_path, 0.75)


def test_an_evaluation_that_trains_what_it_has_loaded_is_noticed(tmp_path):
    (tmp_path / "weights.pkl").touch()
    script = """
import torch
def load_weights(path):
    return [(torch.zeros(2), torch.zeros(1))], torch.tensor(0.5)
def evaluate_hw1():
    layers, mean = load_weights("weights.pkl")
    STEP
    return 0.98
"""
    honest, trains = script.replace("STEP", ""), "layers[0][1].add_(1)"
    (tmp_path / "evaluate.py").write_text(honest)
    assert "returns 0.9800" in handin.accuracy(tmp_path, tmp_path, 0.75)
    (tmp_path / "evaluate.py").write_text(script.replace("STEP", trains))
    with pytest.raises(ValueError, match="it trains"):
        handin.accuracy(tmp_path, tmp_path, 0.75)


def test_an_evaluation_that_prints_as_well_as_returns_is_fine(tmp_path):
    (tmp_path / "weights.pkl").touch()
    script = """
import atexit, os
atexit.register(print, "bye")
def evaluate_hw1():
    os.write(1, b"98 % \\xff")
    os.write(2, b"\\xff")
    print("no newline", end="")
    return 0.98
"""
    (tmp_path / "evaluate.py").write_text(script)
    said = handin.accuracy(tmp_path, tmp_path, 0.75)
    assert said.startswith("evaluate_hw1() returns 0.9800, twice, in 0.0 s")


def test_a_script_that_never_ends_is_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr(handin, "LIMIT", 0.1)
    (tmp_path / "weights.pkl").touch()
    (tmp_path / "evaluate.py").write_text("while True:\n    pass")
    with pytest.raises(ValueError, match=r"evaluate.py was still running after 0.1 s"):
        handin.accuracy(tmp_path, tmp_path, 0.75)


def test_a_script_gets_none_of_our_input(tmp_path):
    ours, theirs = os.pipe()
    os.write(theirs, b"typed\n")
    os.close(theirs)
    kept = os.dup(0)
    try:
        os.dup2(ours, 0)
        done = handin.run("print(sys.stdin.read())", "script.py", cwd=tmp_path)
    finally:
        os.dup2(kept, 0)
        os.close(kept)
        os.close(ours)
    assert done.stdout == "\n"


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("import evaluate", "train.py failed.*No module named 'evaluate'"),
        ("import helpers.nn", "helpers is not in the zip"),
        ("pass", "wrote no file"),
        ("open('mnist-seed0.pkl', 'w')", "wrote no file"),
    ],
)
def test_each_slip_of_a_training_is_noticed(tmp_path, script, said):
    (tmp_path / "evaluate.py").touch()
    (tmp_path / "train.py").write_text(script)
    with pytest.raises(ValueError, match=said):
        handin.trains(tmp_path, tmp_path)


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("print('no data; put it there')", "ended as if all were well"),
        ("open('data')", "ended with a traceback"),
        ("sys.exit('no data')", "doesn't say"),
        ("print('98.2 %'); sys.exit('no data; put it there')", "printed a number"),
        ("print(0.982); sys.exit('no data; put it there')", "printed a number"),
        ("print('It is .98.'); sys.exit('no data; put it there')", "printed a number"),
        ("sys.exit('no data; put it there (1.0)')", "printed a number"),
    ],
)
def test_a_script_without_its_data_has_to_stop_and_say_what_to_do(
    tmp_path, script, said
):
    (tmp_path / "evaluate.py").write_text(f"import sys\n{script}")
    with pytest.raises(ValueError, match=said):
        handin.refuses(tmp_path / "evaluate.py", ("data", "put"), tmp_path)


@pytest.mark.parametrize("name", ["t3.11", "t 0.98 x", "98 %"])
def test_paths_and_versions_are_no_accuracies(tmp_path, name):
    folder, cwd = tmp_path / name / "zip", tmp_path / name / "elsewhere"
    folder.mkdir(parents=True)
    cwd.mkdir()
    script = """
import os, sys
versions = "torch 2.13.0, torchvision 0.28.0+cpu, lib/python3.11, /opt/0.98/lib, a%20b"
sys.exit(f"no data in {__file__} or {os.getcwd()}/x; put it there ({versions})")
"""
    (folder / "evaluate.py").write_text(script)
    said = handin.refuses(folder / "evaluate.py", ("data", "put"), cwd)
    assert said == "evaluate.py stops and says what to do"


def test_the_command_prints_what_is_in_the_zip(solutions, untried, monkeypatch, capsys):
    monkeypatch.setattr(handin, "ROOT", solutions.parent)
    monkeypatch.setattr(sys, "argv", ["handin", COURSE, ID])
    handin.main()
    blank, last = capsys.readouterr().out.splitlines()
    assert "blank lines for names" in blank
    assert last.endswith(f"{ID}.zip: train.py, evaluate.py, weights.pkl, report.pdf")


def test_the_command_fails_with_one_sentence(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["handin", COURSE, "", "--names", ""])
    with pytest.raises(SystemExit, match=r"^no hand-in: got the ID ''"):
        handin.main()


@pytest.mark.skipif(not shutil.which("make"), reason="no make here")
@pytest.mark.parametrize("by_environment", [False, True])
def test_make_handin_passes_everything_on_as_it_was_typed(tmp_path, by_environment):
    (tmp_path / "python").write_text("#!/bin/sh\nprintf '%s\\n' \"$@\"")
    (tmp_path / "python").chmod(0o700)
    course, id, names = "`id` \\", "-\"$(id)'", "$HOME; O\"Brien $(shell id) `id` #x'"
    given = {"COURSE": course, "ID": id, "NAMES": names}
    command = [
        "make",
        "-s",
        "-o",
        ".venv/.test",
        "-C",
        ROOT,
        f"BIN={tmp_path}",
        "handin",
    ]
    if not by_environment:
        command += [f"{name}={value}" for name, value in given.items()]
    done = subprocess.run(
        command,
        env={**os.environ, **given} if by_environment else None,
        capture_output=True,
        text=True,
        check=True,
    )
    said = ["-m", "tools.handin", f"--names={names}", "--", course, id]
    assert done.stdout.splitlines() == said
