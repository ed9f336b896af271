"""The hand-in of the Fashion-MNIST homework: its rules, its weights and its cards."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from helpers import data, results, rules
from tests.test_ntu_fashion_mnist import (
    COURSE,
    HANDIN,
    NOTEBOOK,
    REAL,
    beside,
    program,
)
from tools.course import find


def test_the_rules_see_each_layer_loss_and_optimizer_of_torch():
    forbidden = find("ntu_fashion_mnist").forbidden["*.ipynb"]
    for slip in (
        "self.softmax = nn.Softmax(dim=1)",  # the slide's own
        "nn.CrossEntropyLoss()",
        "nn.Conv2d(1, 8, 3)",
        "nn.functional.relu(x)",
        "nn.init.zeros_(w)",
        "nn.Parameter(w)",
        "torch.optim.SGD(p, 0.1)",
        "torchvision.models.resnet18()",
    ):
        text = f"import torch, torchvision\nfrom torch import nn\n{slip}\n"
        assert rules.uses(text, forbidden, ("torch", "torchvision")), slip
    assert rules.uses("from torch.nn import functional as F", forbidden, ("torch",))
    right = "from torch import nn\nnn.Sequential(nn.Linear(2, 3))"
    assert not rules.uses(right, forbidden, ("torch",))


@pytest.fixture(scope="module")
def shipped():
    return torch.load(HANDIN / "submission.pt", weights_only=True)


def test_it_is_below_2_mb_by_count_and_on_disk(shipped):
    count = sum(each.numel() for each in shipped.values())
    assert {each.dtype for each in shipped.values()} == {torch.float32}
    assert 4 * count < 2e6
    assert (HANDIN / "submission.pt").stat().st_size < 2e6


def test_the_notebook_stores_weights_of_the_cpu_wherever_they_were_made(tmp_path):
    [cell] = [
        cell
        for cell in json.loads(NOTEBOOK.read_text("utf-8"))["cells"]
        if cell["id"] == "part-23"
    ]
    there = {"w": SimpleNamespace(cpu=lambda: "on the CPU")}
    stored = {}
    names = {"Path": Path, "torch": torch, "mkdtemp": lambda: tmp_path}
    names |= {"flags": SimpleNamespace(epochs=5), "test_images": None}
    names |= {"network": SimpleNamespace(state_dict=lambda: there)}
    names |= {"read_model": lambda path: path.touch(), "write_csv": lambda *_: None}
    names |= {"predict": lambda *_: torch.zeros(1)}
    exec("".join(cell["source"]), names | {"save": lambda s, path: stored.update(s)})
    assert stored == {"w": "on the CPU"}


def test_the_cards_have_the_settings_and_seeds_of_the_recipe(shipped):
    recipe = beside("recipe")
    assert {path.stem for path in COURSE.glob("cards/*.json")} == set(recipe.WANTED)
    for name, (settings, seeds) in recipe.WANTED.items():
        card = results.read(COURSE / f"cards/{name}.json")
        assert settings.items() <= card["parameters"].items()
        assert [each["seed"] for each in card["seeds"]] == list(seeds)


def test_the_headline_models_keep_to_their_sizes(shipped):
    for name, most in {"accuracy": 500_000, "raw": 6_000, "averaged": 1_000}.items():
        card = results.read(COURSE / f"cards/{name}.json")
        assert {seed["parameters"] <= most for seed in card["seeds"]} == {True}


@REAL
def test_the_shipped_weights_read_what_their_card_and_table_say(shipped):
    card = results.read(COURSE / "cards/accuracy.json")
    test = data.load("fashion_mnist").test
    images = torch.from_numpy(test.images).reshape(-1, 28, 28) / 255
    *hidden, classes = [len(each) for name, each in shipped.items() if "weight" in name]
    model = program.myMLP(784, classes, hidden, normalized=False)
    model.load_state_dict(shipped)
    guesses = program.predict(model, images)
    [value] = [
        each["value"]
        for each in card["seeds"]
        if each["seed"] == card["weights"]["seed"]
    ]
    right = (guesses.numpy() == test.labels).mean()
    assert right == pytest.approx(value, abs=3.5e-4)
    table = beside("course").labels_of(HANDIN / "submission.csv")
    assert (torch.tensor(table) != guesses).sum() <= 3
