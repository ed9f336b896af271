"""The zip holds what the document lists, has been tried out, and is whole or absent."""

import os
import shutil
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from pypdf import PdfReader

from helpers import files, results
from helpers.data import Dataset, Split
from tests import POSIX
from tools import handin
from tools.digest import ROOT

ID = "123456789_987654321"
# A homework of two programs, a table, a report and weights, two of them in a folder
# with a blank, as a document may want it.
COURSE = """
from tools.course import Course
from tools.trial import run, works

def try_out(folder, elsewhere, cards):
    done = run(folder / "Part 1/main.py", "--all")
    works(done, "main.py")
    yield f"main.py says {done.stdout.strip()}"

COURSE = Course(
    ids=r"\\d{9}(_\\d{9})?",
    example="123456789_987654321",
    zip="HW1_{id}.zip",
    files={
        "Part 1/main.py": "main.py",
        "Part 1/net.py": "net.py",
        "{id}.csv": "table.csv",
        "Part 1/w.pkl": "w.pkl",
        "report.pdf": "report/report.typ",
    },
    pages=2,
    reads={"mnist": (("Part 1/main.py", "x"),), "Part 1/w.pkl": (("Part 1/main.py",),)},
    try_out=try_out,
)
"""
MAIN = """
import os, sys
from pathlib import Path
import net
if not Path("../data/MNIST/raw").is_dir():
    sys.exit("put the data there")
if not Path("w.pkl").exists():
    sys.exit("no w.pkl")
print(net.NAME, *sys.argv[1:])
"""
REPORT = "#sys.inputs.ids #sys.inputs.names #sys.inputs.cards "
REPORT += '#json("../cards/q.json").id'


@pytest.fixture
def solutions(tmp_path):
    """A folder with one homework, its card and a short report."""
    folder = tmp_path / "solutions/toy"
    (folder / "report").mkdir(parents=True)
    (folder / "course.py").write_text(COURSE)
    (folder / "main.py").write_text(MAIN)
    (folder / "net.py").write_text("NAME = 'a net'")
    (folder / "table.csv").write_text("a,b\n")
    (folder / "w.pkl").write_bytes(b"weights")
    (folder / "report/report.typ").write_text(REPORT)
    results.write(
        folder / "cards/q.json",
        document="toy",
        question="q",
        metric="accuracy",
        command="python recipe.py",
        parameters={},
        data={},
        seeds=[{"seed": s, "value": 0.5, "seconds": 60.0 + s} for s in (4, 7)],
        weights=(folder / "w.pkl", 7, "python main.py --seed 7"),
        packages=(),
    )
    return folder.parent


@pytest.fixture(autouse=True)
def small_mnist(monkeypatch):
    """A stand-in of noise for MNIST."""
    pixels = np.random.default_rng(0).integers(0, 256, (40, 28, 28), dtype=np.uint8)
    split = Split(pixels, np.arange(40) % 10, np.float32(0.5), np.float32(0.3))
    mnist = Dataset("mnist", split, split, tuple("0123456789"), "stand-in")
    monkeypatch.setattr("helpers.data.load", {"mnist": mnist}.__getitem__)


def hand_in(solutions, id=ID, names="", name="toy"):
    return handin.hand_in(name, id, names, solutions.parent / "out", solutions)


def left(solutions):
    return [path.name for path in (solutions.parent / "out").glob("*")]


def change(solutions, name, old, new):
    path = solutions / "toy" / name
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def test_the_zip_holds_what_the_document_lists_and_works(solutions, capsys):
    path = hand_in(solutions, names="Ada; Emmy")
    assert left(solutions) == [f"HW1_{ID}.zip"]
    with zipfile.ZipFile(path) as archive:
        listed = ["Part 1/main.py", "Part 1/net.py", f"{ID}.csv", "Part 1/w.pkl"]
        assert archive.namelist() == [*listed, "report.pdf"]
        dates = {entry.date_time for entry in archive.infolist()}
        assert dates == {(1980, 1, 1, 0, 0, 0)}
        assert archive.read(f"{ID}.csv") == b"a,b\n"
        [page] = PdfReader(archive.open("report.pdf")).pages
        # Where words end, older releases of pypdf see otherwise.
        assert "".join(page.extract_text().split()) == f"{ID}Ada;Emmyqq"
    *said, last = capsys.readouterr().out.splitlines()
    assert said == [
        "main.py says a net --all",
        "no mnist: main.py stops and says what to do",
        "no Part 1/w.pkl: main.py stops and says what to do",
    ]
    assert last.startswith("Part 1/w.pkl is made again by: python main.py --seed 7 (67")


def test_a_homework_of_programs_alone_needs_no_report_data_or_card(solutions):
    shutil.rmtree(solutions / "toy/cards")
    change(solutions, "course.py", '        "report.pdf": "report/report.typ",\n', "")
    (solutions / "toy/main.py").write_text("print(1)")
    i = COURSE.index("    reads="), COURSE.index("    try_out=try")
    change(solutions, "course.py", COURSE[i[0] : i[1]], "")
    assert hand_in(solutions, id="123456789").name == "HW1_123456789.zip"


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("main.py", "import net", "import helpers", "imports helpers, which is not in"),
        ("main.py", "import net", "import course", "imports course, which is not in"),
        ("main.py", "print(", "helper(", "main.py failed: NameError"),
        ("main.py", "no w.pkl", "no weights", r"doesn't say \('w.pkl',\)"),
        ("main.py", 'sys.exit("no w.pkl")', "pass", "ended as if all were well"),
        ("main.py", 'sys.exit("put the data there")', "0/0", "ended with a traceback"),
        (
            "cards/q.json",
            '"mean": 0.5',
            '"mean": 0.6',
            "q.json is no valid result card",
        ),
        ("w.pkl", "weights", "others", "another SHA-256.*run again: python recipe"),
        (
            "report/report.typ",
            "#json",
            "#pagebreak() #pagebreak() #json",
            "has 3 pages",
        ),
        (
            "report/report.typ",
            "#json",
            "#none_of",
            "(?s)can't be compiled.*report.typ:1",
        ),
    ],
)
def test_each_slip_is_said_and_leaves_no_zip(solutions, name, old, new, said):
    (solutions.parent / "out").mkdir()
    (solutions.parent / f"out/HW1_{ID}.zip").write_text("an older one")
    change(solutions, name, old, new)
    with pytest.raises(ValueError, match=said):
        hand_in(solutions)
    assert left(solutions) == []


@pytest.mark.parametrize("name", ["main.py", "w.pkl", "report/report.typ"])
def test_a_missing_file_is_named(solutions, name):
    (solutions / "toy" / name).unlink()
    with pytest.raises(FileNotFoundError, match=f"{name} is missing"):
        hand_in(solutions)


def test_no_half_written_zip_is_left(solutions, monkeypatch):
    def fill_the_disk(path, content):
        with open(path, "wb") as file:
            file.write(content[:99])
        raise OSError("no space left")

    monkeypatch.setattr(handin.data, "write", lambda dataset, root: None)
    monkeypatch.setattr(handin, "tried", lambda *_: [])
    monkeypatch.setattr(files.Path, "write_bytes", fill_the_disk)
    with pytest.raises(OSError, match="no space left"):
        hand_in(solutions)
    assert left(solutions) == []


@pytest.fixture
def untried(monkeypatch):
    """Zips are made without being tried out."""
    monkeypatch.setattr(handin, "tried", lambda *_: [])


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


LONG = "Maria Theresia Walburga Amalia Christina Habsburg-Lothringen"


@pytest.mark.parametrize(
    "names", ["José Đặng; Żak O'Brien", "אברהם כהן; Jose\u0301", f"{LONG}; B", " A;B "]
)
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
        ({"name": "chess"}, "no course 'chess'; COURSE takes toy"),
        ({"name": ""}, "no course ''"),
        ({"id": ""}, "got the ID ''; expected one such as 123456789_987654321"),
        ({"id": "12345678_987654321"}, "expected one such as"),
        ({"id": f"{ID}_123456789"}, "expected one such as"),
        ({"id": f"../{ID}"}, "expected one such as"),
        ({"id": f"{ID}\n"}, "expected one such as"),
        ({"id": "١٢٣٤٥٦٧٨٩_987654321"}, "expected one such as"),
        ({"names": "Ada"}, "1 names for 2 IDs; divide by ;"),
        ({"names": "A; B; C"}, "3 names for 2 IDs"),
        ({"names": " ; "}, "got the names ' ; ', of which one is blank; fill it in"),
        ({"names": "Ada;"}, "one is blank"),
        ({"names": " "}, "1 names for 2 IDs"),
        ({"names": " ", "id": "123456789"}, "one is blank"),
        ({"names": f"A; {3000 * 'b'}"}, "a name of 3000 letters; at most 60 fit"),
        ({"names": f"{LONG}s; B"}, "a name of 61 letters"),
        ({"id": "123456789_123456789"}, "got an ID twice in 1.*_1.*; give each once"),
        ({"names": "A\n; B"}, r"hold \['\\n'\], which can't be printed; type them"),
        ({"names": "A\x00; B"}, r"hold \['\\x00'\]"),
        ({"names": "A\u202e; B"}, r"hold \['\\u202e'\]"),
        ({"names": "\udc80; B"}, r"hold \['\\udc80'\]"),
        ({"names": "王; 😀B"}, "fonts can't show '王😀'; write the names otherwise"),
    ],
)
def test_a_wrong_course_id_or_name_is_refused(solutions, untried, wrong, said):
    with pytest.raises(ValueError, match=said):
        hand_in(solutions, **wrong)
    assert left(solutions) == []


def test_weights_named_by_the_id_are_said_as_the_zip_names_them(
    solutions, untried, capsys
):
    change(solutions, "course.py", '"Part 1/w.pkl": "w.pkl"', '"{id}_w.pkl": "w.pkl"')
    hand_in(solutions)
    assert capsys.readouterr().out.startswith(f"{ID}_w.pkl is made again by: python")


def test_the_command_prints_what_is_in_the_zip(
    solutions, untried, monkeypatch, capsys, tmp_path
):
    monkeypatch.setattr(handin, "ROOT", tmp_path)
    made = handin.hand_in
    monkeypatch.setattr(handin, "hand_in", lambda *given: made(*given, solutions))
    monkeypatch.setattr(sys, "argv", ["handin", "toy", ID])
    handin.main()
    origin, blank, last = capsys.readouterr().out.splitlines()
    assert "made again by: python main.py --seed 7" in origin
    assert "blank lines for names" in blank
    assert last.startswith(str(tmp_path / "build/handin")) and "w.pkl, report" in last


def test_the_command_fails_with_one_sentence(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["handin", "technion_097200", "", "--names", ""])
    with pytest.raises(SystemExit, match=r"^no hand-in: got the ID ''"):
        handin.main()


@POSIX
@pytest.mark.skipif(not shutil.which("make"), reason="no make here")
@pytest.mark.parametrize("by_environment", [False, True])
def test_make_handin_passes_everything_on_as_it_was_typed(tmp_path, by_environment):
    (tmp_path / "python").write_text("#!/bin/sh\nprintf '%s\\n' \"$@\"")
    (tmp_path / "python").chmod(0o700)
    course, id, names = "`id` \\", "-\"$(id)'", "$HOME; O\"Brien $(shell id) `id` #x'"
    given = {"COURSE": course, "ID": id, "NAMES": names}
    command = ["make", "-s", "-o", ".venv/.test", "-C", ROOT]
    command += [f"BIN={tmp_path}", "handin"]
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
