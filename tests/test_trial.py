"""What is handed in is used as on a teacher's machine, and each slip is noticed."""

import json
import os

import pytest

from tests import POSIX
from tools import trial
from tools.digest import ROOT

WORLD = """
import os, sys, urllib.request
for name in "helpers", "helpers.data", "tools", "neighbor":
    try:
        __import__(name)
    except ImportError as error:
        print(error)
names = "DL_DATA", "PYTHONPATH", "CUDA_VISIBLE_DEVICES"
print([os.environ.get(name) for name in names], os.getcwd(), sys.argv[1:], __name__)
print(urllib.request.getproxies(), urllib.request.proxy_bypass("pytorch.org"))
"""


@pytest.fixture
def script(tmp_path):
    """A program with a neighbor in a folder whose name holds a blank."""
    (tmp_path / "Part 1").mkdir()
    (tmp_path / "Part 1/neighbor.py").touch()
    (tmp_path / "elsewhere").mkdir()
    return tmp_path / "Part 1/main.py"


def as_notebook(source):
    cells = [
        {"cell_type": "markdown", "source": ["no Python"]},
        *({"cell_type": "code", "source": [part]} for part in source.split("\n\n")),
    ]
    return json.dumps({"cells": cells})


@pytest.mark.parametrize("suffix", [".py", ".ipynb"])
@pytest.mark.parametrize("alone", [True, False])
def test_a_program_runs_as_on_a_machine_without_this_repository(
    script, suffix, alone, monkeypatch
):
    monkeypatch.setenv("DL_DATA", "somewhere")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setenv("NO_PROXY", "*")
    script = script.with_suffix(suffix)
    script.write_text(as_notebook(WORLD) if suffix == ".ipynb" else WORLD)
    cwd = script.parents[1] / "elsewhere" if alone else None
    done = trial.run(script, "--epochs", 1, cwd=cwd)
    *lines, found = done.stdout.splitlines()
    assert lines == [
        "helpers is not in the zip",
        "helpers is not in the zip",
        "tools is not in the zip",
        *(["No module named 'neighbor'"] if alone else []),
        f"[None, None, ''] {cwd or script.parent} ['--epochs', '1'] __main__",
    ]
    for name in ("http", "https", "all"):
        assert f"'{name}': '{trial.NOWHERE}'" in found
    assert found.endswith(("False", "0"))


def test_a_program_that_never_ends_is_stopped(script, monkeypatch):
    monkeypatch.setattr(trial, "LIMIT", 0.1)
    script.write_text("while True:\n    pass")
    with pytest.raises(ValueError, match=r"main.py was still running after 0.1 s"):
        trial.run(script)


def test_a_program_gets_none_of_our_input(script):
    script.write_text("import sys; print(sys.stdin.read())")
    ours, theirs = os.pipe()
    os.write(theirs, b"typed\n")
    os.close(theirs)
    kept = os.dup(0)
    try:
        os.dup2(ours, 0)
        done = trial.run(script)
    finally:
        os.dup2(kept, 0)
        os.close(kept)
        os.close(ours)
    assert done.stdout == "\n"


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("import os; os._exit(3)", "it failed: return code 3, and nothing said"),
        pytest.param(
            "import os; os.kill(os.getpid(), 9)",
            "it failed: return code -9",
            marks=POSIX,
        ),
        ("print(1); float(input())", "it failed: EOFError"),
    ],
)
def test_a_run_that_fails_is_said_with_its_last_words(script, source, said):
    script.write_text(source)
    with pytest.raises(ValueError, match=said):
        trial.works(trial.run(script), "it")
    script.write_text("import os; os.write(2, b'\\xff')")
    trial.works(trial.run(script), "it")


@pytest.mark.parametrize(
    ("source", "said"),
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
def test_a_program_without_its_data_has_to_stop_and_say_what_to_do(
    script, source, said
):
    script.write_text(f"import sys\n{source}")
    with pytest.raises(ValueError, match=said):
        trial.refuses(script, words=("data", "put"))


@pytest.mark.parametrize("name", ["t3.11", "t 0.98 x", "98 %"])
def test_paths_and_versions_are_no_accuracies(tmp_path, name):
    folder, cwd = tmp_path / name / "zip", tmp_path / name / "elsewhere"
    folder.mkdir(parents=True)
    cwd.mkdir()
    source = """
import os, sys
versions = "torch 2.13.0, torchvision 0.28.0+cpu, lib/python3.11, /opt/0.98/lib, a%20b"
sys.exit(f"no data in {__file__} or {os.getcwd()}/x; put it there ({versions})")
"""
    (folder / "evaluate.py").write_text(source)
    said = trial.refuses(folder / "evaluate.py", cwd=cwd, words=("data", "put"))
    assert said == "evaluate.py stops and says what to do"


def test_three_images_of_10000_may_turn():
    for card in (0.9930, 0.9933, 0.9936):
        trial.agrees(0.9933, card)
    for card in (0.9929, 0.9937):
        with pytest.raises(ValueError, match=rf"99.33% right, but {card} on their"):
            trial.agrees(0.9933, card)
    trial.agrees(0.99, 0.93, count=50)


def test_the_value_of_weights_is_that_of_their_seed_on_their_card(tmp_path):
    (tmp_path / "weights.pkl").write_bytes(b"w")
    sha256 = "50e721e49c013f00c62cf59f2163542a9d8df02464efeb615d31051b0fddc326"
    seeds = [{"seed": 4, "value": 0.5}, {"seed": 7, "value": 0.6}]
    card = {"seeds": seeds, "weights": {"sha256": sha256, "seed": 7}}
    others = [{"weights": None}, {"weights": {"sha256": "", "seed": 4}}]
    assert trial.measured(tmp_path / "weights.pkl", [*others, card]) == 0.6
    with pytest.raises(ValueError, match=r"no card is about weights\.pkl"):
        trial.measured(tmp_path / "weights.pkl", others)
