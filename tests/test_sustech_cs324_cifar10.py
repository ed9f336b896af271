"""CS324 Part I, Task 3: the handed-in program ends as it must."""

import argparse
import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch

from helpers import augment, data, results
from tests.test_imports import imported

PART = Path(__file__).parents[1] / "solutions" / "sustech_cs324" / "part1"
PROGRAMS = [PART / "cifar10_mlp.py", PART / "cifar10_train.py"]
FLAGS = {
    "dnn_hidden_units": "8,6",
    "learning_rate": 0.01,
    "max_epochs": 3,
    "batch_size": 16,
    "weight_decay": 0.01,
    "label_smoothing": 0.1,
    "distort": 0.5,
    "mixup": 0.3,
    "dropout": 0.2,
    "validation": 10,
    "precision": "bfloat16",
    "measure": "test",
    "seed": 0,
    "data_dir": "nowhere",
}


@pytest.fixture
def program(monkeypatch, tmp_path):
    """The program, with few images; a hundred times a first pixel is a number."""
    monkeypatch.syspath_prepend(str(PART))
    monkeypatch.delitem(sys.modules, "cifar10_train", raising=False)
    import cifar10_train as program

    def load(data_dir, train):
        program.loads.append(train)
        rng = np.random.default_rng(int(train))
        images = torch.from_numpy(rng.normal(size=(50, 3, 32, 32))).float()
        labels = torch.arange(50) % 10
        images += labels[:, None, None, None] / 5
        images[:, 0, 0, 0] = torch.arange(50) / 100 + train
        return images, labels

    program.loads = []
    monkeypatch.setattr(program, "load", load)
    flags = argparse.Namespace(**FLAGS, out=str(tmp_path / "mlp.pt"))
    monkeypatch.setattr(program, "FLAGS", flags)
    yield program
    sys.modules.pop("cifar10_train"), sys.modules.pop("cifar10_mlp")


def numbers(images):
    return set((100 * images[:, 0, 0, 0]).round().int().tolist())


def outcome(program):
    """What a run left: the weights, and what it measured, without the seconds."""
    program.main()
    out = Path(program.FLAGS.out)
    measured = json.loads(out.with_suffix(".json").read_text())
    for epoch in measured["epochs"]:
        del epoch["seconds"]
    return torch.load(out, weights_only=True), measured


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_the_handed_in_files_need_nothing_of_the_book(path):
    assert imported(path.read_text()).isdisjoint({"helpers", "tools"})


def test_the_program_names_its_flags_and_their_defaults():
    command = [sys.executable, PROGRAMS[1], "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    for name in [*FLAGS, "out"]:
        assert f"--{name} " in done.stdout


def test_the_network_is_a_plain_mlp_that_fits_into_8_megabytes(program):
    hidden = [int(units) for units in program.DNN_HIDDEN_UNITS_DEFAULT.split(",")]
    model = program.MLP(3072, hidden, 10)
    kinds = {type(layer).__name__ for layer in model.layers}
    assert kinds == {"Linear", "BatchNorm1d", "GELU", "Dropout"}
    state = model.state_dict().values()
    assert 2 * sum(each.numel() for each in state) < 8e6
    assert model(torch.zeros(5, 3, 32, 32)).shape == (5, 10)


def test_it_augments_as_the_library_does(program):
    images, labels = program.load("", True)
    rng = np.random.default_rng(3)
    images = augment.warp(augment.flip(images, rng), rng, 7.5, 0.075, 0.05, 2)
    expected = augment.mixup(images, labels, FLAGS["mixup"], rng)
    given = program.load("", True)
    for made, wanted in zip(
        program.augment(*given, np.random.default_rng(3)), expected, strict=True
    ):
        assert torch.allclose(made, wanted)


@pytest.mark.parametrize("killed_after", [1, 5, 8])
def test_a_killed_run_ends_with_the_same_weights(program, monkeypatch, killed_after):
    uninterrupted, measured = outcome(program)
    Path(program.FLAGS.out).with_suffix(".checkpoint").unlink()
    distort, made = program.augment, []

    def distorted(*arguments):
        made.append(1)
        if len(made) > killed_after:
            raise KeyboardInterrupt
        return distort(*arguments)

    monkeypatch.setattr(program, "augment", distorted)
    with pytest.raises(KeyboardInterrupt):
        program.main()
    monkeypatch.setattr(program, "augment", distort)
    weights, again = outcome(program)
    assert again == measured
    assert all(torch.equal(weights[name], uninterrupted[name]) for name in weights)


def test_a_checkpoint_of_other_flags_is_refused(program):
    program.main()
    program.FLAGS.batch_size = 8
    with pytest.raises(SystemExit, match=r"other flags.*'batch_size': 16"):
        program.main()


def test_validation_images_are_not_trained_on_and_the_test_is_read_once(
    program, monkeypatch
):
    seen = {"train": set(), "evaluate": []}
    augmented, evaluated = program.augment, program.evaluate

    def see_training(images, labels, rng):
        seen["train"] |= numbers(images)
        return augmented(images, labels, rng)

    def see_evaluation(model, images, labels):
        seen["evaluate"].append(numbers(images))
        return evaluated(model, images, labels)

    monkeypatch.setattr(program, "vote", lambda model, images, labels: 0.0)

    monkeypatch.setattr(program, "augment", see_training)
    monkeypatch.setattr(program, "evaluate", see_evaluation)
    _, measured = outcome(program)
    *validations, test = seen["evaluate"]
    assert len(validations) == 3 and len(validations[0]) == FLAGS["validation"]
    assert seen["train"].isdisjoint(validations[0])
    assert len(seen["train"] | validations[0]) == 50
    assert max(test) < 100 <= min(seen["train"])
    assert program.loads == [True, False]
    program.FLAGS.measure, program.loads[:] = "validation", []
    Path(program.FLAGS.out).with_suffix(".checkpoint").unlink()
    assert outcome(program)[1]["loss"] != measured["loss"]
    assert program.loads == [True]


def test_the_stored_weights_are_those_that_were_tested(program):
    weights, measured = outcome(program)
    assert {each.dtype for each in weights.values()} == {torch.float16, torch.int64}
    model = program.MLP(3072, [8, 6], 10)
    model.load_state_dict(weights)
    loss, accuracy = program.evaluate(model, *program.load("", False))
    assert (loss, accuracy) == (measured["loss"], measured["accuracy"])


def test_the_vote_is_that_of_18_views(program):
    torch.manual_seed(0)
    images, labels = program.load("", False)
    model = program.MLP(3072, [4], 10)
    expected = torch.zeros(50, 10)
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            moved = torch.zeros_like(images)
            moved[:, :, max(down, 0) : 32 + min(down, 0)] = images[
                :, :, max(-down, 0) : 32 + min(-down, 0)
            ]
            moved = moved.roll(right, 3)
            if right:
                moved[:, :, :, 0 if right == 1 else -1] = 0
            for view in (moved, moved.flip(3)):
                expected += model.eval()(view).detach()
    right = (expected.argmax(1) == labels).float().mean().item()
    assert program.vote(model, images, labels) == pytest.approx(right)


def test_it_learns(program):
    program.FLAGS.max_epochs, program.FLAGS.mixup, program.FLAGS.dropout = 20, 0, 0
    _, measured = outcome(program)
    first, last = measured["epochs"][0], measured["epochs"][-1]
    assert last["train_loss"] < first["train_loss"]
    assert last["train_accuracy"] > 0.3 > first["train_accuracy"]


# What is shipped

WEIGHTS, CARD = PART / "cifar10_mlp.pt", PART.parent / "cards" / "cifar10-mlp.json"


def images_of_the_test_set(count):
    """Pixels of mean 0 and deviation 1 in each image, made without the program."""
    if not data.available("cifar10"):
        pytest.skip("reads the real CIFAR-10")
    test = data.load("cifar10").test
    pixels = test.images[:count].transpose(0, 3, 1, 2).reshape(count, -1) / 255
    pixels -= pixels.mean(axis=1, keepdims=True)
    pixels /= pixels.std(axis=1, ddof=1, keepdims=True)
    return torch.from_numpy(pixels).float(), torch.from_numpy(test.labels[:count])


def test_the_shipped_weights_read_as_many_images_as_their_card_says(program):
    card = results.read(CARD)
    hidden = map(int, card["parameters"]["dnn_hidden_units"].split(","))
    model = program.MLP(3072, list(hidden), 10)
    model.load_state_dict(torch.load(WEIGHTS, weights_only=True))
    images, labels = images_of_the_test_set(500)
    kept = card["weights"]["seed"]
    [expected] = [run["value"] for run in card["seeds"] if run["seed"] == kept]
    right = program.accuracy(program.predict(model, images), labels)
    assert abs(right - expected) < 2 * (0.25 / 500) ** 0.5


def test_the_card_is_of_three_seeds_of_the_programs_defaults_and_of_the_best_one():
    card = results.read(CARD)
    runs = {run["seed"]: run for run in card["seeds"]}
    assert runs.keys() == {0, 1, 2} and results.values(card)
    last = {seed: run["curves"]["accuracy"][-1] for seed, run in runs.items()}
    assert card["weights"]["seed"] == max(last, key=last.get)  # chosen in validation
    assert {len(run["curves"]["loss"]) for run in runs.values()} == {300}
    command = [sys.executable, PROGRAMS[1], "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    for name in card["parameters"]:
        assert f"--{name} " in done.stdout


def test_the_first_version_differed_from_the_card_in_dropout_alone():
    card, tried = (
        results.read(CARD),
        json.loads((PART / "cifar10_tried.json").read_text()),
    )
    given = tried["flags"] | {"dropout": card["parameters"]["dropout"]}
    assert given == card["parameters"] | {"seed": 0}
    assert "dropout" not in tried["flags"]
    assert len(tried["curves"]["accuracy"]) == 300


@pytest.fixture
def notebook():
    return nbformat.read(PART / "task3.ipynb", as_version=4)


def test_the_notebook_needs_no_more_than_the_files_beside_it(notebook):
    code = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    modules = imported("\n".join(code))
    beside = {path.stem for path in PART.glob("*.py")}
    packages = {"matplotlib", "numpy", "torch", "torchvision"}
    assert modules - set(sys.stdlib_module_names) <= beside | packages
    for file in re.findall(r'Path\("([^"]+)"\)', "\n".join(code)):
        assert (PART / file).is_file()


@pytest.mark.parametrize("damage", [lambda whole: whole[:1000], lambda whole: b""])
def test_the_notebook_says_how_to_make_damaged_weights_anew(
    notebook, damage, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    Path("cifar10_mlp.pt").write_bytes(damage(WEIGHTS.read_bytes()))
    [cell] = [cell for cell in notebook.cells if "sha256(" in cell.source]
    names = {"card": results.read(CARD), "hashlib": hashlib, "Path": Path}
    with pytest.raises(ValueError, match=r"mlp\.pt isn't .*python cifar10_train\.py"):
        exec(cell.source, names)
