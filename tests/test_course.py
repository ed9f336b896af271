"""A homework's folder says what is handed in, and what its programs may not do."""

import json

import pytest

from tools import course
from tools.course import Course


def toy(folder, sources, **says):
    """A course of these programs, and its folder."""
    for name, source in sources.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(source)
    files = {name: name for name in sources}
    return Course(ids="x", example="x", files=files, try_out=None, **says), folder


def breaches(folder, sources, **says):
    return list(course.breaches(*toy(folder, sources, **says)))


@pytest.mark.parametrize(
    ("slip", "module"),
    [
        ("import train", "train"),
        ("from train import forward", "train"),
        ("def f():\n    import train as t", "train"),
        ("from . import train", "."),
        ("from .train import forward", ".train"),
        ("import recipes.sweep", "recipes.sweep"),
        ("from helpers import data", "helpers"),
        ("import tools.digest", "tools.digest"),
        ("import importlib\nimportlib.import_module('train')", "train"),
        ("__import__('helpers.nn')", "helpers.nn"),
        ("import pandas", "pandas"),
    ],
)
def test_a_program_that_cannot_run_alone_is_seen(tmp_path, slip, module):
    both = {"train.py": "import torch\n", "evaluate.py": f"import torch, json\n{slip}"}
    said = f"evaluate.py imports {module}, which is not in the zip"
    assert breaches(tmp_path, both, alone=True) == [said]
    assert breaches(tmp_path, both | {"evaluate.py": "import json"}, alone=True) == []


TOGETHER = {
    "Part 1/net.py": "import torch",
    "Part 1/main.py": "import net\nfrom utils.model import f",
    "utils/model.py": "from utils.data import x\nfrom .data import y\nimport data",
    "utils/data.py": "",
}


def test_programs_of_one_zip_may_import_what_lies_beside_them_or_at_its_root(tmp_path):
    assert breaches(tmp_path, TOGETHER) == []
    alone = breaches(tmp_path, TOGETHER, alone=True)
    assert [said.split(",")[0] for said in alone] == [
        "Part 1/main.py imports net",
        "Part 1/main.py imports utils.model",
        "utils/model.py imports utils.data",
        "utils/model.py imports .data",
        "utils/model.py imports data",
    ]


@pytest.mark.parametrize("slip", ["import model", "import recipe", "from . import net"])
def test_what_lies_in_another_folder_or_is_not_handed_in_is_no_neighbor(tmp_path, slip):
    (tmp_path / "recipe.py").touch()
    both = TOGETHER | {"main.py": slip}
    assert len(breaches(tmp_path, both)) == 1


def test_a_forbidden_name_is_seen_where_its_pattern_holds(tmp_path):
    both = {"a/one.py": "import torch\ntorch.nn.RNN", "two.py": "import torch.nn.RNN"}
    said = breaches(tmp_path, both, forbidden={"a/*": {"torch.nn.RNN", "RNN"}})
    assert said == ["a/one.py uses what is forbidden, line 2: torch.nn.RNN"]


def test_packages_are_those_that_the_course_allows(tmp_path):
    one = {"main.py": "import sklearn.datasets"}
    assert len(breaches(tmp_path, one)) == 1
    assert breaches(tmp_path, one, packages=("sklearn",)) == []


def test_the_code_cells_of_a_notebook_are_held_against_the_rules_too(tmp_path):
    cells = [("markdown", "import x"), ("code", "import json"), ("code", "import y")]
    cells = [{"cell_type": kind, "source": [text]} for kind, text in cells]
    one = {"hw.ipynb": json.dumps({"cells": cells})}
    assert breaches(tmp_path, one) == ["hw.ipynb imports y, which is not in the zip"]


def test_files_that_are_no_programs_are_not_read(tmp_path):
    assert breaches(tmp_path, {"a.csv": "import x", "w.pkl": "\0"}) == []


def test_a_course_is_found_by_its_folder(tmp_path):
    (tmp_path / "toy").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "toy/course.py").write_text("COURSE = 7")
    assert course.courses(tmp_path) == ["toy"]
    assert course.find("toy", tmp_path) == 7
    for name in ("other", "", "../toy"):
        with pytest.raises(ValueError, match=rf"no course '{name}'; COURSE takes toy"):
            course.find(name, tmp_path)


def test_the_bar_is_that_of_the_questions():
    assert course.bar("technion_097200", "practical") == 0.75
    assert course.bar("ntu_fashion_mnist", "size") == 2


@pytest.mark.parametrize(
    ("name", "question"),
    [("toy", "accuracy"), ("technion_097200", "other"), ("technion_097200", "theory")],
)
def test_a_bar_that_is_nowhere_is_asked_for(name, question):
    wanted = f"no '{question}' of '{name}' with a number as its bar; enter it"
    with pytest.raises(ValueError, match=wanted):
        course.bar(name, question)
