"""CS324 Part II: the network is that of the slides; the program ends as it must."""

import argparse
import json
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from helpers import augment
from tests.test_imports import imported

PART = Path(__file__).parents[1] / "solutions" / "sustech_cs324" / "part2"
PROGRAMS = [PART / "cnn_model.py", PART / "cnn_train.py"]
CONTRACT = {
    "learning_rate": 1e-4,
    "max_steps": 5000,
    "batch_size": 32,
    "eval_freq": 500,
}
FLAGS = {
    "learning_rate": 0.01,
    "max_steps": 7,
    "batch_size": 16,
    "eval_freq": 3,
    "data_dir": "nowhere",
    "optimizer": "ADAMW",
    "weight_decay": 0.01,
    "schedule": "one-cycle",
    "label_smoothing": 0.1,
    "flip": 0.5,
    "shift": 2,
    "cutout": 4,
    "precision": "float32",
    "start": "",
    "average": 0,
    "validation": 10,
    "seed": 0,
}


@pytest.fixture
def program(monkeypatch, tmp_path):
    """The program, narrow, with few images; 100 times a first pixel is a number."""
    monkeypatch.syspath_prepend(str(PART))
    for name in ("cnn_train", "cnn_model"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    import cnn_model
    import cnn_train as program

    def load(data_dir, train):
        program.loads.append(train)
        rng = np.random.default_rng(int(train))
        images = torch.from_numpy(rng.normal(size=(50, 3, 32, 32))).float()
        labels = torch.arange(50) % 10
        images += labels[:, None, None, None] / 5
        images[:, 0, 0, 0] = torch.arange(50) / 100 + train
        return images, labels

    program.loads = []
    narrow = tuple(each if each == "pool" else each // 16 for each in cnn_model.PLAN)
    monkeypatch.setattr(cnn_model, "PLAN", narrow)
    monkeypatch.setattr(program, "load", load)
    monkeypatch.setattr(program, "SAVE_EVERY", 0)
    flags = argparse.Namespace(**FLAGS, out=str(tmp_path / "cnn.pt"))
    monkeypatch.setattr(program, "FLAGS", flags)
    yield program
    sys.modules.pop("cnn_train"), sys.modules.pop("cnn_model")


@pytest.fixture
def network(monkeypatch):
    monkeypatch.syspath_prepend(str(PART))
    monkeypatch.delitem(sys.modules, "cnn_model", raising=False)
    from cnn_model import CNN

    torch.manual_seed(0)
    yield CNN(3, 10)
    sys.modules.pop("cnn_model")


def numbers(images):
    return set((100 * images[:, 0, 0, 0]).round().int().tolist())


def outcome(program):
    """What a run left: the weights, and what it measured, without the seconds."""
    program.main()
    out = Path(program.FLAGS.out)
    measured = json.loads(out.with_suffix(".json").read_text())
    for stretch in measured["curve"]:
        del stretch["seconds"]
    return torch.load(out, weights_only=True), measured


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_the_handed_in_files_need_nothing_of_the_book(path):
    assert imported(path.read_text()).isdisjoint({"helpers", "tools"})


def test_flags_and_defaults_are_the_contracts(program):
    for name, default in CONTRACT.items():
        assert getattr(program, f"{name.upper()}_DEFAULT") == default
    assert program.OPTIMIZER_DEFAULT == "ADAM"
    command = [sys.executable, PROGRAMS[1], "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    for name in [*FLAGS, "out"]:
        assert f"--{name} " in done.stdout


def test_by_default_nothing_is_added_to_the_contract(program):
    plain = {"weight_decay": 0, "schedule": "constant", "label_smoothing": 0}
    plain |= {"flip": 0, "shift": 0, "cutout": 0, "validation": 0}
    plain |= {"start": "", "average": 0, "optimizer": "ADAM"}
    assert (CONTRACT | plain).items() <= vars(program.parse([])).items()


def test_importing_needs_no_data_and_trains_nothing(tmp_path):
    code = "import cnn_train, cnn_model; print(cnn_train.FLAGS)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(PART), "DL_DATA": str(tmp_path / "nowhere")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "None\n" and not list(tmp_path.iterdir())


def test_the_network_has_the_slides_parameters_and_shapes(network):
    assert sum(each.numel() for each in network.parameters()) == 9_231_114
    shapes, images = [], torch.zeros(2, 3, 32, 32)
    for layer in network.features:
        images = layer(images)
        if isinstance(layer, nn.Conv2d | nn.MaxPool2d):
            kind = "conv" if isinstance(layer, nn.Conv2d) else "pool"
            shapes.append((kind, *images.shape[1:]))
    assert shapes == [
        ("conv", 64, 32, 32),
        ("pool", 64, 16, 16),
        ("conv", 128, 16, 16),
        ("pool", 128, 8, 8),
        ("conv", 256, 8, 8),
        ("conv", 256, 8, 8),
        ("pool", 256, 4, 4),
        ("conv", 512, 4, 4),
        ("conv", 512, 4, 4),
        ("pool", 512, 2, 2),
        ("conv", 512, 2, 2),
        ("conv", 512, 2, 2),
        ("pool", 512, 1, 1),
    ]
    assert network.classifier.weight.shape == (10, 512)
    assert network(torch.zeros(2, 3, 32, 32)).shape == (2, 10)
    assert type(network)(1, 7)(torch.zeros(2, 1, 32, 32)).shape == (2, 7)
    for layer in network.features:
        if isinstance(layer, nn.MaxPool2d):
            assert (layer.kernel_size, layer.stride, layer.padding) == (3, 2, 1)
        elif isinstance(layer, nn.Conv2d):
            assert layer.kernel_size == (3, 3) and layer.bias is not None


def test_parameters_begin_as_pytorch_has_them_by_default(network):
    torch.manual_seed(0)
    for layer in [*network.features, network.classifier]:
        if isinstance(layer, nn.Conv2d):
            fresh = nn.Conv2d(layer.in_channels, layer.out_channels, 3)
        elif isinstance(layer, nn.Linear):
            fresh = nn.Linear(layer.in_features, layer.out_features)
        elif isinstance(layer, nn.BatchNorm2d):
            fresh = nn.BatchNorm2d(layer.num_features)
        else:
            continue
        for name, value in fresh.state_dict().items():
            assert torch.equal(layer.state_dict()[name], value)


@pytest.mark.parametrize(("n", "height", "width"), [(3, 2, 2), (1, 2, 2), (2, 2, 5)])
def test_its_convolution_is_pytorchs_at_every_size(network, n, height, width):
    ours = type(network.features[0])(5, 7, 3, padding=1).double()
    theirs = nn.Conv2d(5, 7, 3, padding=1).double()
    theirs.load_state_dict(ours.state_dict())
    found = []
    for layer in (ours, theirs):
        torch.manual_seed(1)
        images = torch.randn(n, 5, height, width, dtype=float, requires_grad=True)
        maps = layer(images)
        (maps * torch.randn(maps.shape, dtype=float)).sum().backward()
        found.append([maps, images.grad, layer.weight.grad, layer.bias.grad])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other)


def test_relu_behind_the_pooling_changes_neither_logits_nor_gradients(program):
    network = program.CNN(3, 10)
    slides = nn.Sequential(*network.features)
    for i, layer in enumerate(network.features):
        if isinstance(layer, nn.MaxPool2d):
            assert isinstance(network.features[i + 1], nn.ReLU)
            slides[i], slides[i + 1] = network.features[i + 1], layer
    images, _ = program.load("", True)
    found = []
    for features in (network.features, slides):
        network.zero_grad()
        logits = network.classifier(features(images).flatten(1))
        logits.logsumexp(1).sum().backward()
        found.append([logits, *(each.grad.clone() for each in network.parameters())])
    assert all(torch.equal(*each) for each in zip(*found, strict=True))


def test_it_augments_as_the_library_does(program):
    images, _ = program.load("", True)
    rng = np.random.default_rng(3)
    expected = augment.shift(augment.flip(images, rng), FLAGS["shift"], rng)
    expected = augment.cutout(expected, FLAGS["cutout"], rng)
    assert torch.equal(program.augment(images, np.random.default_rng(3)), expected)


def test_without_augmentation_images_stay_as_they_are(program):
    images, _ = program.load("", True)
    program.FLAGS.flip = program.FLAGS.shift = program.FLAGS.cutout = 0
    assert torch.equal(program.augment(images, np.random.default_rng(0)), images)


def test_it_goes_on_from_the_weights_of_a_file(program, monkeypatch):
    weights, _ = outcome(program)
    met, learn = [], program.learn

    def see(model, *arguments):
        met.append({name: each.clone() for name, each in model.state_dict().items()})
        return learn(model, *arguments)

    monkeypatch.setattr(program, "learn", see)
    program.FLAGS.start = program.FLAGS.out
    program.FLAGS.out = str(Path(program.FLAGS.out).with_name("next.pt"))
    program.main()
    assert all(torch.equal(met[0][name], weights[name].float()) for name in weights)


def test_a_start_that_is_damaged_is_said(program, tmp_path):
    program.FLAGS.start = str(tmp_path / "start.pt")
    Path(program.FLAGS.start).write_bytes(b"half of a file")
    with pytest.raises(SystemExit, match=r"start\.pt is damaged, or another file"):
        program.main()


@pytest.mark.parametrize("kind", ["missing", "other", "wider"])
def test_a_start_that_is_not_this_networks_is_said_in_a_line_before_images_are_read(
    program, tmp_path, kind
):
    program.FLAGS.start = str(tmp_path / "start.pt")
    if kind == "other":
        torch.save({"weights": torch.zeros(1)}, program.FLAGS.start)
    elif kind == "wider":
        torch.save(program.CNN(4, 10).state_dict(), program.FLAGS.start)
    why = "can't be read: .*No such file" if kind == "missing" else "is damaged, or"
    with pytest.raises(SystemExit, match=rf"^\S*start\.pt {why}") as said:
        program.main()
    assert len(str(said.value).splitlines()) == 1 and not program.loads


@pytest.mark.parametrize("state", [{"weights": 0}, {"measured": 0}, [0]])
def test_a_checkpoint_of_something_else_is_said_and_left_where_it_is(program, state):
    checkpoint = Path(program.FLAGS.out).with_suffix(".checkpoint")
    torch.save(state, checkpoint)
    before = checkpoint.read_bytes()
    with pytest.raises(SystemExit, match=r"cnn\.checkpoint is damaged, or another"):
        program.main()
    assert checkpoint.read_bytes() == before and not program.loads


def test_the_mean_of_weights_is_stored_with_averages_of_its_own(program, monkeypatch):
    seen, learn = [], program.learn

    def see(model, *arguments):
        found = learn(model, *arguments)
        seen.append({name: each.clone() for name, each in model.state_dict().items()})
        return found

    monkeypatch.setattr(program, "learn", see)
    program.FLAGS.average = 2
    weights, measured = outcome(program)
    averaged = [seen[step] for step in (1, 3, 5)]
    for name in dict(program.CNN(3, 10).named_parameters()):
        mean = sum(each[name] for each in averaged) / 3
        torch.testing.assert_close(weights[name].float(), mean, rtol=1e-3, atol=1e-4)
    model = program.CNN(3, 10)
    model.load_state_dict(weights)
    images, labels = program.load("", True)
    kept, others = np.split(np.random.default_rng(324).permutation(50), [-10])
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.reset_running_stats()
            layer.momentum = None  # the mean over all batches
    rng, size = np.random.default_rng([FLAGS["seed"], 2]), FLAGS["batch_size"]
    with torch.no_grad():
        for rows in rng.integers(0, 40, (100, size)):
            model.train()(program.augment(images[kept][rows], rng))
    for name, each in model.named_buffers():
        if "running" in name:
            torch.testing.assert_close(weights[name], each, rtol=0.02, atol=1e-3)
    _, accuracy = program.evaluate(model, images[others], labels[others])
    assert measured["mean_accuracy"] == pytest.approx(accuracy, abs=0.11)


@pytest.mark.parametrize("schedule", ["constant", "one-cycle"])
def test_the_learning_rate_follows_the_schedule(program, monkeypatch, schedule):
    rates, learn = [], program.learn

    def see(model, optimizer, images, labels):
        rates.append([group["lr"] for group in optimizer.param_groups])
        return learn(model, optimizer, images, labels)

    program.FLAGS.schedule, program.FLAGS.max_steps = schedule, 10
    monkeypatch.setattr(program, "learn", see)
    program.main()
    assert all(one == other for one, other in rates)
    first = [one for one, _ in rates]
    if schedule == "constant":
        assert first == [0.01] * 10
    else:
        assert max(first) == pytest.approx(0.01) and first[0] < 0.001 > first[-1]


@pytest.mark.parametrize("average", [0, 2])
@pytest.mark.parametrize("killed_after", [0, 1, 4, 6])
def test_a_killed_run_ends_with_the_same_weights(
    program, monkeypatch, killed_after, average
):
    program.FLAGS.average = average
    uninterrupted, measured = outcome(program)
    learn, made = program.learn, []

    def learnt(*arguments):
        made.append(1)
        if len(made) > killed_after:
            raise KeyboardInterrupt
        return learn(*arguments)

    monkeypatch.setattr(program, "learn", learnt)
    with pytest.raises(KeyboardInterrupt):
        program.main()
    monkeypatch.setattr(program, "learn", learn)
    program.loads.clear()
    weights, again = outcome(program)
    assert again == measured
    assert all(torch.equal(weights[name], uninterrupted[name]) for name in weights)


def test_a_checkpoint_of_other_flags_is_refused(program, monkeypatch):
    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(program, "learn", killed)
        program.main()
    program.FLAGS.batch_size = 8
    with pytest.raises(SystemExit, match=r"other flags.*'batch_size': 16"):
        program.main()


def test_a_damaged_checkpoint_is_said_and_left_where_it_is(program):
    checkpoint = Path(program.FLAGS.out).with_suffix(".checkpoint")
    checkpoint.write_bytes(b"half of a file")
    with pytest.raises(SystemExit, match=r"cnn\.checkpoint is damaged.*remove it"):
        program.main()
    assert checkpoint.read_bytes() == b"half of a file"


@pytest.mark.parametrize("raises", [OSError, RuntimeError])
def test_a_full_disk_leaves_nothing_half_written(program, monkeypatch, raises):
    def full(state, file):
        file.write(b"half")
        raise raises("No space left on device")

    monkeypatch.setattr(program.torch, "save", full)
    with pytest.raises(SystemExit, match=r"can't be written.*No space left"):
        program.main()
    assert not list(Path(program.FLAGS.out).parent.iterdir())


@pytest.mark.parametrize(
    "flag",
    ["--optimizer=SGD", "--average=often", "--schedule=cosine", "--optimiser=ADAM"],
)
def test_a_word_or_flag_that_it_does_not_know_is_refused(flag, tmp_path):
    command = [sys.executable, PROGRAMS[1], flag, f"--data_dir={tmp_path}"]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 2 and flag.split("=")[0] in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--max_steps 0", "max_steps: got 0, expected 1 or more"),
        ("--batch_size 0", "batch_size: got 0, expected 1 or more"),
        ("--eval_freq 0", "eval_freq: got 0, expected 1 or more"),
        ("--learning_rate -1", "learning_rate: got -1.0, expected 0 or more"),
        ("--weight_decay nan", "weight_decay: got nan, expected 0 or more"),
        ("--shift -1", "shift: got -1, expected 0 or more"),
        ("--cutout -1", "cutout: got -1, expected 0 or more"),
        ("--seed -1", "seed: got -1, expected 0 or more"),
        ("--label_smoothing 2", "smoothing: got 2.0, expected a share, 0 to 1"),
        ("--flip -1", "flip: got -1.0, expected a share, 0 to 1"),
        ("--validation 50000", "got 50000, expected 0 to 49,999 of the 50,000"),
        ("--validation -5", "got -5, expected 0 to 49,999 of the 50,000"),
        ("--average -1", "got -1, expected 1 to --max_steps, 5000, or 0"),
        ("--max_steps 6 --average 7", "got 7, expected 1 to --max_steps, 6, or 0"),
        ("--max_steps 5 --schedule one-cycle", "can't rise and fall in 5 steps"),
        ("--out x.json", "x.json is a folder, or what a run keeps beside"),
        ("--out x.checkpoint", "x.checkpoint is a folder, or what a run keeps"),
        ("--out .", "name a file such as cnn.pt"),
    ],
)
def test_flags_that_can_not_end_well_are_refused_at_once(program, capsys, words, said):
    with pytest.raises(SystemExit):
        program.parse(words.split())
    assert said in capsys.readouterr().err


def test_flags_at_their_bounds_are_taken(program):
    words = "--max_steps 1 --batch_size 1 --average 1 --validation 49999 --flip 1"
    assert program.parse(words.split()).average == 1
    assert program.parse(["--max_steps", "5"]).schedule == "constant"


def test_a_folder_that_cannot_be_written_is_said_before_any_step(
    program, monkeypatch, tmp_path
):
    (tmp_path / "file").write_text("in the way")
    program.FLAGS.out = str(tmp_path / "file" / "cnn.pt")
    monkeypatch.setattr(program, "learn", None)
    with pytest.raises(SystemExit, match=r"cnn\.pt can't be written"):
        program.main()


def test_missing_data_is_said_in_one_line(tmp_path):
    (tmp_path / "file").write_text("in the way")
    command = [sys.executable, PROGRAMS[1], "--data_dir", str(tmp_path / "file")]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode and "CIFAR-10 isn't in" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_validation_images_are_not_trained_on_and_the_test_is_read_once(
    program, monkeypatch
):
    seen = {"train": set(), "evaluate": []}
    augmented, evaluated = program.augment, program.evaluate

    def see_training(images, *arguments):
        seen["train"] |= numbers(images)
        return augmented(images, *arguments)

    def see_evaluation(model, images, labels):
        seen["evaluate"].append(numbers(images))
        return evaluated(model, images, labels)

    monkeypatch.setattr(program, "augment", see_training)
    monkeypatch.setattr(program, "evaluate", see_evaluation)
    _, measured = outcome(program)
    *validations, test = seen["evaluate"]
    assert len(validations) == 3 and len(validations[0]) == FLAGS["validation"]
    assert seen["train"].isdisjoint(validations[0])
    assert len(seen["train"] | validations[0]) == 50
    assert max(test) < 100 <= min(seen["train"])
    assert program.loads == [True, False]
    assert [stretch["step"] for stretch in measured["curve"]] == [3, 6, 7]


def test_with_none_held_out_the_test_images_are_read_as_the_template_says(
    program, monkeypatch
):
    seen, evaluated = [], program.evaluate

    def see(model, images, labels):
        seen.append(numbers(images))
        return evaluated(model, images, labels)

    program.FLAGS.validation = 0
    monkeypatch.setattr(program, "evaluate", see)
    program.main()
    assert all(each == set(range(50)) for each in seen) and len(seen) == 4


def test_the_stored_weights_are_those_that_were_tested(program):
    weights, measured = outcome(program)
    for each in weights.values():
        assert (each.dtype == torch.float16) == (each.ndim > 1)
    model = program.CNN(3, 10)
    model.load_state_dict(weights)
    loss, accuracy = program.evaluate(model, *program.load("", False))
    assert loss == pytest.approx(measured["loss"])
    assert accuracy == measured["accuracy"]


def test_the_weights_fit_into_20_megabytes(network):
    state = network.state_dict().values()
    assert sum((2 if each.ndim > 1 else 4) * each.numel() for each in state) < 20e6


def test_the_vote_adds_the_mirror_images_logits(program):
    images, labels = program.load("", False)
    model = program.CNN(3, 10).eval()
    logits = model(images) + model(images.flip(3))
    right = (logits.argmax(1) == labels).float().mean().item()
    assert program.vote(model, images, labels) == pytest.approx(right)


def test_the_notebook_trains_a_network_where_its_images_are(program, monkeypatch):
    notebook = json.loads((PART / "task2.ipynb").read_text("utf-8"))
    [cell] = [cell for cell in notebook["cells"] if cell["id"] == "part2-08"]

    def descent(model):
        assert {each.device.type for each in model.parameters()} == {"meta"}
        return None, None

    losses = iter([*range(20, 10, -1)] * 2)
    monkeypatch.setattr(program, "DEVICE", "meta")
    monkeypatch.setattr(program, "descent", descent)
    monkeypatch.setattr(program, "learn", lambda *_: (next(losses) ** 4, 0))
    names = {"cnn_train": program, "CNN": program.CNN, "torch": torch}
    names |= {"SimpleNamespace": argparse.Namespace, "images": None, "labels": None}
    exec("".join(cell["source"]), names)


def test_accuracy_is_the_share_of_one_hot_targets_met(program):
    predictions = torch.tensor([[0.1, 3.0], [2.0, 1.0], [0.0, -1.0]])
    targets = torch.tensor([[0, 1], [0, 1], [1, 0]])
    assert program.accuracy(predictions, targets) == pytest.approx(2 / 3)


def test_it_learns(program):
    program.FLAGS.max_steps, program.FLAGS.cutout = 60, 0
    _, measured = outcome(program)
    first, last = measured["curve"][0], measured["curve"][-1]
    assert last["train_loss"] < first["train_loss"]
    assert last["train_accuracy"] > 0.3 > first["train_accuracy"]


def test_the_card_keeps_answers_and_what_moving_costs(program, monkeypatch, tmp_path):
    monkeypatch.setenv("DL_RUNS", str(tmp_path))
    monkeypatch.setattr("helpers.data.root", lambda name: tmp_path)
    recipe = runpy.run_path(str(PART / "recipe.py"))
    folder = tmp_path / "sustech_cs324" / "cnn" / "seed3"
    folder.mkdir(parents=True)
    program.FLAGS.out = str(folder / "cnn.pt")
    _, measured = outcome(program)
    found = recipe["looked_at"]("cnn", 3)
    labels = torch.arange(50) % 10
    right = [
        int(said) == label
        for said, label in zip(found["answers"], labels.tolist(), strict=True)
    ]
    assert sum(right) / 50 == pytest.approx(measured["accuracy"])
    assert found["moved"].keys() == set(range(9))
    assert found["moved"][0] == pytest.approx(measured["accuracy"])
    images, _ = program.load(tmp_path, train=False)
    moved = []
    monkeypatch.setattr(program, "evaluate", lambda _, x, __: (0, moved.append(x)))
    recipe["looked_at"]("cnn", 3)
    for pixels, each in enumerate(moved, start=1):
        torch.testing.assert_close(each[..., pixels:], images[..., :-pixels])
        assert not each[..., :pixels].any()


def test_the_recipe_goes_on_from_the_weights_that_it_names_alone():
    whole = runpy.run_path(str(PART / "recipe.py"))["whole"]
    assert whole("cnn.pt", "cf17167e1ca0") == PART / "cnn.pt"
    with pytest.raises(ValueError, match=r"cnn\.pt isn't the file .* begins with 0000"):
        whole("cnn.pt", "0000")


def test_the_readme_and_the_recipe_take_the_mean_from_the_weights_handed_in_on():
    readme = (PART.parent / "README.md").read_text("utf-8")
    assert "From the handed-in weights on,\nthe mean of 50 later weights" in readme
    recipe = runpy.run_path(str(PART / "recipe.py"))
    assert recipe["AVERAGED"]["start"].split()[0] == recipe["WEIGHTS"] == "cnn.pt"
