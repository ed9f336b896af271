"""CS324 Part I, Task 3: the handed-in program ends as it must."""

import argparse
import hashlib
import json
import re
import subprocess
import sys
from copy import deepcopy
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch
from torch.optim.optimizer import register_optimizer_step_pre_hook

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

    program.loads, program.own_load = [], program.load
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


def test_its_defaults_are_what_the_card_was_measured_with(program, monkeypatch):
    monkeypatch.setenv("DL_DATA", "there")
    given = vars(program.parse([]))
    its_own = {"seed": 0, "data_dir": "there", "out": "cifar10_mlp.pt"}
    assert given == results.read(CARD)["parameters"] | its_own
    monkeypatch.delenv("DL_DATA")
    assert program.parse([]).data_dir == "data"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--measure Test", r"'Test' \(choose from .*validation"),
        ("--precision bf16", r"'bf16' \(choose from .*float32"),
        ("--epochs 3", "unrecognized arguments: --epochs 3"),
        ("--validation 0", "got 0, expected 1 to 49,999"),
        ("--validation 50000", "got 50000, expected 1 to 49,999"),
        ("--dnn_hidden_units 8,x", "units: got '8,x', expected whole numbers"),
        ("--dnn_hidden_units=", "units: got '', expected whole numbers"),
        ("--dnn_hidden_units 8,0", "units: got '8,0', expected whole numbers"),
        ("--max_epochs 0", "max_epochs: got 0, expected 1 or more"),
        ("--batch_size 0", "batch_size: got 0, expected 1 or more"),
        ("--batch_size 1", "got 1, which leaves one of 45,000 images to a batch"),
        ("--batch_size 44999", "leaves one of 45,000 images to a batch; take another"),
        ("--validation 49999", "leaves one of 1 images to a batch"),
        ("--seed -1", "seed: got -1, expected 0 or more"),
        ("--learning_rate -1", "learning_rate: got -1.0, expected 0 or more"),
        ("--weight_decay nan", "weight_decay: got nan, expected 0 or more"),
        ("--dropout 2", "dropout: got 2.0, expected a share, 0 to 1"),
        ("--label_smoothing -1", "smoothing: got -1.0, expected a share, 0 to 1"),
        ("--mixup -1", "mixup: got -1.0, expected 0 or more"),
        ("--max_epochs 1 --batch_size 4500", r"can't rise and fall in 10 steps"),
        ("--max_epochs 2 --batch_size 9000", r"can't rise and fall in 10 steps"),
        ("--out x.json", r"x\.json is .*name a file such as mlp\.pt"),
        ("--out x.checkpoint", r"x\.checkpoint is .*name a file"),
        ("--out .", r"\. is a folder.*name a file"),
        ("--out nowhere/x.pt", r"nowhere/x\.pt can't be written"),
    ],
)
def test_flags_that_can_not_end_well_are_refused_at_once(
    program, monkeypatch, tmp_path, capsys, words, said
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        program.parse(words.split())
    assert re.search(said, capsys.readouterr().err)
    assert not list(tmp_path.iterdir())


def test_an_older_run_of_that_name_is_left_until_the_new_one_is_whole(
    program, monkeypatch, tmp_path
):
    monkeypatch.chdir(tmp_path)
    Path("mlp.pt").write_text("older")
    assert program.parse(["--out", "mlp.pt"]).out == "mlp.pt"
    assert [each.read_text() for each in tmp_path.iterdir()] == ["older"]


def test_missing_data_is_said_in_one_line(tmp_path):
    (tmp_path / "file").write_text("in the way")
    command = [sys.executable, PROGRAMS[1], "--data_dir", str(tmp_path / "file")]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert re.fullmatch(r"CIFAR-10 isn't in .*/file.* DL_DATA\n", done.stderr)


@pytest.mark.parametrize("train", [True, False])
def test_each_image_of_either_part_has_mean_0_and_deviation_1(
    program, monkeypatch, train
):
    rng = np.random.default_rng(0)
    parts = rng.integers(0, 256, (2, 5, 32, 32, 3), dtype=np.uint8)
    parts[:, 3] = 7  # of one color

    class Few:
        def __init__(self, folder, train, download):
            assert folder == "folder" and download
            self.data = parts[int(train)]
            self.targets = [4, 1, 0, 9, int(train)]

    monkeypatch.setattr(program, "CIFAR10", Few)
    images, labels = program.own_load("folder", train)
    pixels = parts[int(train)].reshape(5, -1) / 255
    pixels -= pixels.mean(axis=1, keepdims=True)
    pixels /= np.maximum(pixels.std(axis=1, ddof=1, keepdims=True), 1e-3)
    expected = pixels.reshape(5, 32, 32, 3).transpose(0, 3, 1, 2)
    assert images.dtype == torch.float32 and labels.dtype == torch.int64
    np.testing.assert_allclose(images, expected, atol=1e-5)
    assert labels.tolist() == [4, 1, 0, 9, int(train)]


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


def watched(program, monkeypatch):
    """A run; of each step the batch, its targets, and what the optimizer got."""
    steps, batches, distort = [], [], program.augment

    def see(*arguments):
        batches.append(distort(*arguments))
        return batches[-1]

    def before(optimizer, *_):
        groups = deepcopy(optimizer.param_groups)  # without gradients
        each = [p.grad.clone() for g in optimizer.param_groups for p in g["params"]]
        steps.append((*batches[-1], groups, each))

    handle = register_optimizer_step_pre_hook(before)
    with monkeypatch.context() as patched:
        patched.setattr(program, "augment", see)
        try:
            return steps, outcome(program)[1]
        finally:
            handle.remove()


def test_every_step_descends_on_the_smoothed_blended_targets(program, monkeypatch):
    program.FLAGS.precision, program.FLAGS.dropout = "float32", 0.0
    steps, measured = watched(program, monkeypatch)
    torch.manual_seed(FLAGS["seed"])
    model = program.MLP(3072, [8, 6], 10)
    start = {p.flatten()[0].item() for p in model.parameters() if p.ndim == 2}
    assert start == {p.flatten()[0].item() for p in steps[0][2][0]["params"]}
    parameters = sorted(model.parameters(), key=lambda p: p.ndim < 2)
    sums, norms = np.zeros((FLAGS["max_epochs"], 3)), []
    for number, (images, targets, groups, gradients) in enumerate(steps):
        now = [p for group in groups for p in group["params"]]
        with torch.no_grad():
            for mine, each in zip(parameters, now, strict=True):
                mine.copy_(each)
        model.zero_grad()
        logits = model.train()(images)
        smoothed = 0.9 * targets + 0.1 / 10
        loss = -(smoothed * logits.log_softmax(1)).sum(1).mean()
        loss.backward()
        norms.append(torch.cat([p.grad.flatten() for p in parameters]).norm().item())
        for mine, each in zip(parameters, gradients, strict=True):
            expected = mine.grad / max(1, norms[-1])
            torch.testing.assert_close(each, expected, rtol=1e-3, atol=1e-5)
        right = (logits.argmax(1) == targets.argmax(1)).sum().item()
        sums[number // 3] += loss.item() * len(images), right, len(images)
    assert min(norms) < 1 < max(norms)  # both sides of the clipping were seen
    for epoch, (loss, right, n) in zip(measured["epochs"], sums, strict=True):
        assert n == 40
        assert epoch["train_loss"] == pytest.approx(loss / n, rel=1e-4)
        assert epoch["train_accuracy"] == right / n


def test_the_rate_goes_up_and_down_once_and_matrices_alone_decay(program, monkeypatch):
    program.FLAGS.max_epochs = 10
    steps, _ = watched(program, monkeypatch)
    groups = [step[2] for step in steps]
    for matrices, others in groups:
        assert {p.ndim for p in matrices["params"]} == {2}
        assert {p.ndim for p in others["params"]} == {1}
        assert (matrices["weight_decay"], others["weight_decay"]) == (0.01, 0)
        assert matrices["betas"] == others["betas"] == (0.9, 0.99)
        assert matrices["lr"] == others["lr"]
    rates = np.array([matrices["lr"] for matrices, _ in groups])
    assert len(rates) == 30 and rates.argmax() == 2 and rates[2] == pytest.approx(0.01)
    assert rates[0] == pytest.approx(0.01 / 25) and rates[-1] < 1e-6
    assert (np.diff(rates[2:]) < 0).all()


def test_every_epoch_has_an_order_distortions_and_dropout_of_its_own(
    program, monkeypatch
):
    seen, seeds, distort, sow = [], [], program.augment, torch.manual_seed

    def see(images, labels, rng):
        seen.append((tuple(images[:, 0, 0, 0].tolist()), rng.random()))
        return distort(images, labels, rng)

    monkeypatch.setattr(program, "augment", see)
    monkeypatch.setattr(torch, "manual_seed", lambda to: (seeds.append(to), sow(to)))
    program.main()
    program.FLAGS.seed = 1
    program.main()
    orders, draws = zip(*seen, strict=True)
    assert len(set(orders)) == len(set(draws)) == 2 * 3 * FLAGS["max_epochs"]
    assert len(set(seeds)) == 2 * (1 + FLAGS["max_epochs"])
    assert [seeds[0], seeds[1 + FLAGS["max_epochs"]]] == [0, 1]


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_dropout_and_short_numbers_are_for_training_alone(
    program, monkeypatch, precision
):
    seen, forward = set(), program.MLP.forward

    def see(model, images):
        [rate] = {e.p for e in model.layers if isinstance(e, torch.nn.Dropout)}
        short = torch.is_autocast_enabled("cpu")
        seen.add((torch.is_grad_enabled(), model.training, short, rate))
        return forward(model, images)

    program.FLAGS.precision = precision
    monkeypatch.setattr(program.MLP, "forward", see)
    program.main()
    training = (True, True, precision == "bfloat16", FLAGS["dropout"])
    assert seen == {training, (False, False, False, FLAGS["dropout"])}


def test_validation_images_are_the_same_for_every_seed(program, monkeypatch):
    seen, evaluated = [], program.evaluate

    def see(model, images, labels):
        seen.append(numbers(images))
        return evaluated(model, images, labels)

    monkeypatch.setattr(program, "evaluate", see)
    program.FLAGS.max_epochs = 1
    for program.FLAGS.seed in (0, 1):
        program.main()
    first, _, second, _ = seen
    assert first == second


def test_the_loss_and_the_accuracy_are_means_over_all_images(program):
    torch.manual_seed(0)
    model = program.MLP(3072, [4], 10).eval()
    images, labels = torch.randn(1003, 3, 32, 32), torch.arange(1003) % 10
    with torch.no_grad():
        log_probs = model(images).log_softmax(1)
    loss, accuracy = program.evaluate(model, images, labels)
    assert loss == pytest.approx(-log_probs[torch.arange(1003), labels].mean().item())
    right = (log_probs.argmax(1) == labels).double().mean().item()
    assert accuracy == pytest.approx(right)


def test_without_distortion_and_mixup_images_are_mirrored_alone(program):
    program.FLAGS.distort = program.FLAGS.mixup = 0
    images, labels = program.load("", True)
    made, targets = program.augment(images, labels, np.random.default_rng(0))
    same = (made == images).flatten(1).all(1)
    mirrored = (made == images.flip(3)).flatten(1).all(1)
    assert (same ^ mirrored).all() and 10 < same.sum() < 40
    assert torch.equal(targets, torch.eye(10)[labels])


@pytest.mark.parametrize("killed_after", [1, 5, 8])
def test_a_killed_run_ends_with_the_same_weights(program, monkeypatch, killed_after):
    uninterrupted, measured = outcome(program)
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


def test_a_finished_run_leaves_no_checkpoint_to_the_next_one(program):
    program.FLAGS.max_epochs = 1
    program.main()
    program.FLAGS.batch_size = 8
    program.main()
    names = {path.name for path in Path(program.FLAGS.out).parent.iterdir()}
    assert names == {"mlp.pt", "mlp.json"}


def test_a_checkpoint_of_other_flags_is_refused(program, monkeypatch):
    save = program.save

    def killed(state, path):
        save(state, path)
        raise KeyboardInterrupt

    monkeypatch.setattr(program, "save", killed)
    with pytest.raises(KeyboardInterrupt):
        program.main()
    program.loads.clear()
    program.FLAGS.batch_size = 8
    with pytest.raises(SystemExit, match=r"other flags.*'batch_size': 16"):
        program.main()
    assert not program.loads  # which takes seconds


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04 cut", "other"])
def test_a_damaged_checkpoint_is_said_and_left_where_it_is(program, content):
    checkpoint = Path(program.FLAGS.out).with_suffix(".checkpoint")
    if content == "other":
        torch.save({"weights": torch.zeros(1)}, checkpoint)
    else:
        checkpoint.write_bytes(content)
    before = checkpoint.read_bytes()
    with pytest.raises(SystemExit, match=r"mlp\.checkpoint is damaged, or .*delete it"):
        program.main()
    assert checkpoint.read_bytes() == before


def test_a_full_disk_leaves_nothing_half_written(program, monkeypatch):
    def full(state, path):
        path.write_bytes(b"PK")
        raise RuntimeError("unexpected pos 64 vs 0")  # what torch says then

    monkeypatch.setattr(program.torch, "save", full)
    with pytest.raises(OSError, match=r"mlp\.checkpoint can't be written"):
        program.main()
    assert not list(Path(program.FLAGS.out).parent.iterdir())


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


@pytest.mark.parametrize(
    ("length", "said"),
    [(1000, "the measured file"), (0, "the measured"), (-1, "there")],
)
def test_the_notebook_says_how_to_make_weights_anew_that_are_damaged_or_missing(
    notebook, length, said, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    if length >= 0:
        Path("cifar10_mlp.pt").write_bytes(WEIGHTS.read_bytes()[:length])
    [cell] = [cell for cell in notebook.cells if "sha256(" in cell.source]
    names = {"card": results.read(CARD), "hashlib": hashlib, "Path": Path}
    again = r".*python cifar10_train\.py --seed 1 makes it anew"
    with pytest.raises(ValueError, match=rf"mlp\.pt isn't {said}{again}"):
        exec(cell.source, names)


def test_the_notebook_says_that_its_card_is_missing(notebook, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    [cell] = [cell for cell in notebook.cells if "cards/" in cell.source]
    _, code = cell.source.split("from torchvision import datasets\n")
    with pytest.raises(FileNotFoundError, match=r"cifar10-mlp\.json is missing; it"):
        exec(code, {"json": json, "Path": Path})
