"""What is handed in for CS324: the folders as issued, whole, tried, nothing made up."""

import json
import os
import re
import shutil

import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pytest

from helpers import data, results
from tools import course as courses
from tools.course import SOLUTIONS, find

COURSE = SOLUTIONS / "sustech_cs324"
CARDS = {path.name for path in COURSE.glob("cards/*.json")}
TEMPLATE = {
    "Part 1": ["modules", "mlp_numpy", "pytorch_mlp", "pytorch_train_mlp"],
    "Part 2": ["cnn_model", "cnn_train"],
    "Part 3": ["dataset", "vanilla_rnn", "train", "utils"],
}
PROGRAMS = [
    "Part 1/train_mlp_numpy.py",
    "Part 1/pytorch_train_mlp.py",
    "Part 1/cifar10_train.py",
    "Part 2/cnn_train.py",
    "Part 3/train.py",
    "Part 3/lengths.py",
]
NOTEBOOKS = [f"Part {k}.ipynb" for k in ("1/task2", "1/task3", "2/task2", "3/task2")]


@pytest.fixture
def handed_in():
    return find("sustech_cs324")


# The zip


def test_the_zip_has_the_folders_as_issued_with_the_templates_files(handed_in):
    assert handed_in.zip.format(id="12345678") == "12345678_assignment2.zip"
    for folder, modules in TEMPLATE.items():
        assert {f"{folder}/{name}.py" for name in modules} <= set(handed_in.files)
    folders = {name.partition("/")[0] for name in handed_in.files}
    assert folders == {*TEMPLATE, "cards", "report.pdf"}
    recipes = [name for name in handed_in.files if "recipe" in name]
    assert not recipes  # they need this book


@pytest.mark.parametrize(
    "id", ["1234567", "123456789", "12345678_12345679", "abcdefgh"]
)
def test_an_id_is_eight_digits(handed_in, id):
    assert re.fullmatch(handed_in.ids, handed_in.example)
    assert not re.fullmatch(handed_in.ids, id)


def test_all_cards_and_all_weights_of_a_card_are_in_the_zip(handed_in):
    assert {f"cards/{name}" for name in CARDS} <= set(handed_in.files)
    for name in CARDS:
        weights = results.read(COURSE / "cards" / name)["weights"]
        if weights:
            assert weights["file"].removeprefix("../") in handed_in.files.values()


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_what_a_notebook_reads_is_in_the_zip_where_it_looks(handed_in, name):
    source = courses.source(COURSE / handed_in.files[name])
    folder = name.partition("/")[0]
    for path in re.findall(r'Path\("([^"]+)"\)', source):
        assert os.path.normpath(f"{folder}/{path}") in handed_in.files, path


@pytest.mark.parametrize(
    "cell", ["nn.RNN(1, 128)", "nn.LSTM(1, 128)", "nn.GRUCell(1, 8)"]
)
def test_a_recurrent_layer_of_torchs_is_found(handed_in, tmp_path, cell):
    shutil.copytree(COURSE, tmp_path / "course")
    assert list(courses.breaches(handed_in, tmp_path / "course")) == []
    with (tmp_path / "course/part3/vanilla_rnn.py").open("a") as file:
        file.write(f"\nRNN = {cell}\n")
    [breach] = courses.breaches(handed_in, tmp_path / "course")
    assert breach.startswith("Part 3/vanilla_rnn.py uses what is forbidden")


# Trying it out, on programs that only say their last line


@pytest.fixture
def tried(handed_in, tmp_path, monkeypatch):
    """The unpacked folder with stubs, and what trying it out yields."""
    module = handed_in.try_out.__globals__
    monkeypatch.setitem(module, "FEW", "")
    folder, images = tmp_path / "zip", tmp_path / "cifar-10-batches-py"
    images.mkdir()
    monkeypatch.setattr(data, "available", lambda name: images.is_dir())
    monkeypatch.setattr(data, "root", lambda name: tmp_path)
    for part in TEMPLATE:
        (folder / part).mkdir(parents=True)
    for name, flags, word in (*module["CALLS"], *module["ON_IMAGES"]):
        source = f"import sys\nassert sys.argv[1:] == {flags.split()}\nprint({word!r})"
        (folder / name).write_text(source)
    needs = "import os, sys\nif not os.path.isdir('data/cifar-10-batches-py'):\n"
    with (folder / "Part 2/cnn_train.py").open("r+") as file:
        source = file.read().replace("assert", "assert len(sys.argv) == 1 or")
        file.seek(0)
        file.write(f"{needs}    sys.exit('no CIFAR-10')\n{source}")
    for name in NOTEBOOKS:
        cell = nbformat.v4.new_code_cell("open('ran', 'a').write('x')")
        nbformat.write(nbformat.v4.new_notebook(cells=[cell]), folder / name)
    return folder, images, lambda: list(handed_in.try_out(folder, tmp_path, []))


def test_every_program_is_called_and_every_notebook_run(tried):
    folder, _, said = tried
    told = "\n".join(said())
    for name in (*PROGRAMS, *NOTEBOOKS):
        assert name in told
    assert "cnn_train.py stops and says what to do" in told
    ran = [(folder / part / "ran").read_text() for part in TEMPLATE]
    assert ran == ["xx", "x", "x"]


def test_without_cifar_10_what_reads_it_is_said_not_to_be_tried(tried):
    _, images, said = tried
    images.rmdir()
    *others, last = said()
    assert last.startswith("CIFAR-10 is not at hand")
    assert not [line for line in others if "cifar10_train" in line or "task3" in line]


@pytest.mark.parametrize("name", [*PROGRAMS, *NOTEBOOKS])
def test_a_program_or_a_notebook_that_fails_is_no_hand_in(tried, name):
    folder, _, said = tried
    path = folder / name
    path.write_text(path.read_text().replace("print(", "1/0, print("))
    path.write_text(path.read_text().replace("open('ran'", "1/0, open('ran'"))
    with pytest.raises(ValueError, match=r"(py|ipynb) failed: ZeroDivisionError"):
        said()


def test_a_program_that_ends_with_other_words_is_no_hand_in(tried):
    folder, _, said = tried
    (folder / "Part 3/train.py").write_text("print('Done training.')\nprint('oh')")
    with pytest.raises(ValueError, match=r"train\.py ends with 'oh'"):
        said()


# The notebooks, and what isn't measured


def outputs(name):
    notebook = nbformat.read(COURSE / name, as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    every = [output for cell in cells for output in cell.outputs]
    return "".join(output.get("text", "") for output in every), every


SET_UPS = ["cnn-plain-1e-4", "cnn-plain-1e-3", "cnn-long-1e-4", "cnn-long-1e-3"]
SET_UPS += ["cnn", "cnn-averaged"]


@pytest.mark.parametrize("name", SET_UPS)
def test_a_set_up_is_missing_in_the_notebooks_just_if_it_has_no_card(name):
    there = f"{name}.json" in CARDS
    for notebook, word in (
        ("part2/task2.ipynb", f"missing, there is no ../cards/{name}.json"),
        ("solution.ipynb", f"{name}: missing, there is no card of it"),
    ):
        text, _ = outputs(notebook)
        assert (word in text) == (not there)


def test_curves_zip_and_report_have_empty_boxes_just_as_long_as_a_card_is_missing():
    text, _ = outputs("solution.ipynb")
    found = re.findall(r"^\[([ x])\] +(\d+)\.", text, re.M)
    marks = {int(number): mark for mark, number in found}
    assert sorted(marks) == list(range(1, 21))
    plain = {f"{name}.json" for name in SET_UPS[:2]}
    empty = {20} if plain <= CARDS else {10, 18, 19, 20}
    assert {number for number, mark in marks.items() if mark == " "} == empty


def test_curves_have_a_point_for_each_reading_at_its_step(monkeypatch):
    notebook = nbformat.read(COURSE / "part2/task2.ipynb", as_version=4)
    [cell] = [cell for cell in notebook.cells if "def curves(" in cell.source]
    names = {"np": np, "plt": plt}
    exec(cell.source, names)
    monkeypatch.setattr(plt, "show", lambda: None)
    curves = {
        "train_accuracy": [0.3, 0.5],
        "accuracy": [0.2, 0.4],
        "train_loss": [2.0, 1.0],
        "loss": [2.1, 1.1],
    }
    names["curves"](
        {"parameters": {"eval_freq": 500}, "seeds": [{"curves": curves}]}, "Adam"
    )
    drawn = {}
    for ax in plt.gcf().axes:
        assert ax.get_xlabel() == "step"
        for line in ax.lines:
            assert list(line.get_xdata()) == [500, 1000]
            drawn[line.get_label(), ax.get_ylabel()] = list(line.get_ydata())
    plt.close("all")
    assert drawn == {
        ("training", "accuracy"): [0.3, 0.5],
        ("held out", "accuracy"): [0.2, 0.4],
        ("training", "loss"): [2.0, 1.0],
        ("held out", "loss"): [2.1, 1.1],
    }


def test_lengths_csv_holds_what_the_cards_say():
    lines = (COURSE / "part3/lengths.csv").read_text().splitlines()
    found = {tuple(line.split(",")[:3]): line.split(",")[3] for line in lines[1:]}
    assert lines[0] == "flags,length,seed,accuracy" and len(found) == len(lines) - 1
    wanted = {}
    for path in COURSE.glob("cards/palindromes-*.json"):
        for seed in results.read(path)["seeds"]:
            for length, value in seed.get("lengths", {}).items():
                wanted[path.stem, length, str(seed["seed"])] = f"{value:.4f}"
    assert found == wanted
    for recipe in {recipe for recipe, _, _ in found}:
        lengths = {int(length) for name, length, _ in found if name == recipe}
        assert min(lengths) == 3 and max(lengths) >= 40


def test_the_card_of_length_five_has_the_files_defaults():
    card = results.read(COURSE / "cards/palindromes-five.json")
    shown = json.dumps(card["parameters"])
    assert card["parameters"]["input_length"] == 4, shown
    source = (COURSE / "part3/train.py").read_text()
    for name, value in card["parameters"].items():
        if name in ("input_length", "one_hot", "init"):
            continue
        default = re.search(rf'\("{name}", ([\d_.]+),', source)[1]
        assert float(default) == value, name
    assert card["parameters"]["one_hot"] is False
    assert card["parameters"]["init"] == "default"
