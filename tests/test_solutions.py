"""Every homework that can be handed in: by its rules, alone, and hard to break.

What all have in common is tested here, from what `course.py` says; a course's own tests
hold what is its own.
"""

import json
import os
import pickle
import shutil
import zipfile
from pathlib import Path

import pytest
import torch

from helpers import data, results, stand_ins
from tools import handin, trial
from tools.course import SOLUTIONS, breaches, courses, find

COURSES = courses()


def missing(name):
    """The files of a homework's zip that its recipe hasn't made yet."""
    sources = map((SOLUTIONS / name).joinpath, find(name).files.values())
    return [source for source in sources if not source.is_file()]


COMPLETE = [name for name in COURSES if not missing(name)]
COMMANDS = [
    (course, command)
    for course in COMPLETE
    for command in sorted({c for of in find(course).reads.values() for c in of})
]
CARDS = sorted(SOLUTIONS.glob("*/cards/*.json"))
MB = 10**6


@pytest.fixture(scope="module")
def small():
    """400 and 100 handwritten digits, as each of the gray sets."""
    parts = []
    for (images, labels), count in zip(
        stand_ins.make("mnist"), (400, 100), strict=True
    ):
        parts.append(data.Split(images[:count], labels[:count], 0.1, 0.3))
    classes = tuple("0123456789")
    return {n: data.Dataset(n, *parts, classes, "stand-in") for n in handin.GRAY}


# The rules, and the zip


@pytest.mark.parametrize("name", COURSES)
def test_its_programs_import_and_name_nothing_that_they_must_not(name):
    assert list(breaches(find(name), SOLUTIONS / name)) == []


# What has to have been tried, besides what each homework's programs refuse.
TRIED = {
    "dl_for_modeling": (
        "accurateChecker1.py says",
        "accurateChecker1.py --edition raw says",
        "accurateChecker2.py says",
        "after a short training, accurateChecker1.py",
        "after a short training, accurateChecker2.py",
        "no images: accurateChecker3.py",
    ),
}


@pytest.mark.parametrize("name", COMPLETE)
def test_its_zip_is_made_and_works_on_a_stand_in(
    name, small, tmp_path, monkeypatch, capsys
):
    """Trains for an epoch and starts Python six times, so it may take over 5 s."""
    monkeypatch.setattr(data, "load", small.__getitem__)
    course = find(name)
    path = handin.hand_in(name, course.example, "", tmp_path)
    assert path.name == course.zip.format(id=course.example)
    with zipfile.ZipFile(path) as archive:
        names = [file.format(id=course.example) for file in course.files]
        assert archive.namelist() == names
    said = capsys.readouterr().out
    for words in TRIED.get(name, ()):
        assert words in said
    for read, commands in course.reads.items():
        for script, *_ in commands:
            assert f"no {read}: {Path(script).name} stops" in said
    for read in set(course.reads) & set(course.files):
        assert f"{read} is made again by: " in said


@pytest.mark.parametrize("name", sorted(set(COURSES) - set(COMPLETE)))
def test_a_zip_that_lacks_a_file_says_which_and_is_not_made(name, tmp_path):
    assert not {".py", ".ipynb", ".typ"} & {path.suffix for path in missing(name)}
    files = "|".join(path.name for path in missing(name))
    with pytest.raises(FileNotFoundError, match=f"({files}) is missing.*recipe.py"):
        handin.hand_in(name, find(name).example, "", tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", COURSES)
def test_its_readme_says_how_to_hand_in_and_how_the_weights_are_made(name):
    readme = " ".join((SOLUTIONS / name / "README.md").read_text("utf-8").split())
    course = find(name)
    assert f"make handin COURSE={name} ID={course.example}" in readme
    assert "then write your own" in readme
    for card in map(results.read, (SOLUTIONS / name).glob("cards/*.json")):
        assert card["document"] == name
        if card["weights"]:
            assert card["weights"]["command"] in readme


@pytest.mark.parametrize("name", COURSES)
def test_each_file_of_weights_in_its_zip_has_a_card(name):
    folder = SOLUTIONS / name
    cards = map(results.read, folder.glob("cards/*.json"))
    measured = {card["weights"]["file"] for card in cards if card["weights"]}
    weights = set(find(name).reads) - set(data.FOLDERS)
    sources = {find(name).files[each] for each in weights}
    there = {f"../{source}" for source in sources if (folder / source).exists()}
    assert there <= measured


# What programs read


def damages(content):
    """Ways to damage a file, by name: functions of its path."""
    middle = len(content) // 2
    changed = {
        "empty": b"",
        "cut": content[:middle],
        "text": b"version https://git-lfs.github.com/spec/v1",
        "too long": content + b"0",
    }
    return {
        k: lambda path, new=new: path.write_bytes(new) for k, new in changed.items()
    }


class Malice:
    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return os.mkdir, (str(self.target),)


def of_weights(path, target):
    content = path.read_bytes()
    at = len(content) // 2
    flipped = content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]
    hostile = {"w1": Malice(target)}
    return {
        **{k: v for k, v in damages(content).items() if k != "too long"},
        "a bit flipped": lambda path: path.write_bytes(flipped),
        "hostile": lambda path: torch.save(hostile, path),
        "hostile pickle": lambda path: path.write_bytes(pickle.dumps(hostile)),
    }


def of_data(path):
    content = path.read_bytes()
    packed = path.with_name(f"{path.name}.gz")
    others = path.with_name(path.name.replace("t10k", "train"))
    return damages(content) | {
        "missing": lambda path: path.unlink(),
        "bad gzip": lambda path: path.rename(packed),
        "of another part": lambda path: shutil.copy(others, path),
    }


# Runs one program in each of many folders, since importing torch takes seconds.
IN_EACH = """
import contextlib, io, json, traceback
program, result, *arguments = sys.argv
said = {}
for folder in sorted(os.listdir()):
    here = os.path.abspath(folder)
    sys.argv = [os.path.join(here, program), *arguments]
    sys.path.insert(0, os.path.dirname(sys.argv[0]))
    code, text = 0, io.StringIO()
    with contextlib.redirect_stdout(text), contextlib.redirect_stderr(text):
        try:
            os.chdir(os.path.dirname(sys.argv[0]))
            runpy.run_path(sys.argv[0], run_name="__main__")
        except SystemExit as end:
            code = end.code
            print(code)
        except BaseException:
            code = 1
            traceback.print_exc()
    said[folder] = [code, text.getvalue()]
    os.chdir(os.path.dirname(here))
    sys.path.pop(0)
    for name, module in list(sys.modules.items()):  # those of this folder
        if str(getattr(module, "__file__", "")).startswith(here):
            del sys.modules[name]
pathlib.Path(result).write_text(json.dumps(said))
"""


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize(("name", "command"), COMMANDS)
def test_what_is_damaged_or_hostile_is_refused(name, command, small, tmp_path):
    course, (script, *arguments) = find(name), command
    whole, each, target = (tmp_path / n for n in ("whole", "each", "executed"))
    for file, source in course.files.items():
        if not source.endswith(".typ"):
            (whole / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(SOLUTIONS / name / source, whole / file)
    ways = {}  # by a file and a word on the damage, what does it
    reads = [read for read, commands in course.reads.items() if command in commands]
    for read in set(reads) & set(handin.GRAY):
        data.write(small[read], whole / "data")
        for kind in ("images-idx3", "labels-idx1"):
            file = Path("data", data.FOLDERS[read], f"t10k-{kind}-ubyte")
            ways |= {(file, way): do for way, do in of_data(whole / file).items()}
    for read in set(reads) & set(course.files):
        of = of_weights(whole / read, target)
        ways |= {(Path(read), way): do for way, do in of.items()}
    for number, ((file, _), damage) in enumerate(ways.items()):
        shutil.copytree(whole, each / f"{number:03}")
        damage(each / f"{number:03}" / file)
    result = tmp_path / "result.json"
    done = trial.run(Path(script), result, *arguments, cwd=each, code=IN_EACH)
    trial.works(done, "the loop")
    said = json.loads(result.read_text())
    for (file, way), (folder, end) in zip(ways, sorted(said.items()), strict=True):
        word = file.name.partition("-")[0]
        places = (each / folder, each)
        trial.expect_refusal(f"{script} with {file} {way}", *end, (word,), places)
    assert not target.exists(), "what the weights hold was executed"
    for number, (_, way) in enumerate(ways):
        if way == "hostile":
            [file] = [
                each / f"{number:03}" / read for read in reads if read in course.files
            ]
            torch.load(file, weights_only=False)
            assert target.exists(), "it was harmless, so the test showed nothing"


def test_all_weights_together_stay_under_40_megabytes():
    files = {path for card in CARDS for path in weights_of(card)}
    for name in COURSES:
        sources = map(SOLUTIONS.joinpath(name).joinpath, find(name).files.values())
        suffixes = (".pkl", ".pt", ".pth", ".npy", ".npz", ".safetensors")
        files |= {path.resolve() for path in sources if path.suffix in suffixes}
    assert files or not COURSES
    assert sum(path.stat().st_size for path in files if path.exists()) < 40 * MB


def weights_of(path):
    weights = json.loads(path.read_text("utf-8"))["weights"]
    return [(path.parent / weights["file"]).resolve()] if weights else []


# Cards


@pytest.mark.parametrize("path", CARDS, ids=lambda path: path.stem)
def test_a_card_says_on_what_data_and_device_it_was_measured(path):
    card = results.read(path)
    assert card["device"]
    for sha256 in card["data"].values():
        assert len(sha256) == 64
