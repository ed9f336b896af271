"""The Fashion-MNIST homework: its contract, its rules, and the slips it invites."""

import ast
import importlib.util
import json
import math
import os
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from helpers import data, stand_ins
from tests.test_solutions import damages
from tools.course import source

COURSE = Path(__file__).parents[1] / "solutions/ntu_fashion_mnist"
HANDIN = COURSE / "handin"
NOTEBOOK = HANDIN / "DL_HW1.ipynb"
REAL = pytest.mark.skipif(
    not data.available("fashion_mnist"), reason="needs Fashion-MNIST"
)
FLAGS = {"hidden": "8,6", "lr": 0.1, "momentum": 0.9, "weight_decay": 1e-3}
FLAGS |= {"batch": 16, "smoothing": 0.1, "dropout": 0.2, "distort": 0.5}
FLAGS |= {"absolute": 0}
FLAGS |= {"epochs": 3, "precision": "float32", "seed": 0}


def beside(name):
    spec = importlib.util.spec_from_file_location(f"ntu_{name}", COURSE / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


program = beside("train")


def defined(text):
    """The classes and functions at the margin of Python source, without comments."""
    kinds = ast.ClassDef | ast.FunctionDef
    nodes = [node for node in ast.parse(text).body if isinstance(node, kinds)]
    return {node.name: ast.dump(node) for node in nodes}


@pytest.fixture(scope="module")
def parts():
    """What the notebook defines, none of its parts run."""
    tree = ast.parse(source(NOTEBOOK))
    kept = ast.Import | ast.ImportFrom | ast.ClassDef | ast.FunctionDef
    tree.body = [node for node in tree.body if isinstance(node, kept)]
    names = {"device": torch.device("cpu")}
    exec(compile(tree, NOTEBOOK.name, "exec"), names)
    return SimpleNamespace(**names)


@pytest.fixture
def digits():
    """300 and 100 images of digits, and their labels."""
    (images, labels), (others, theirs) = stand_ins.make("mnist")
    return [
        (
            torch.from_numpy(some[:count, :, :]).float() / 255,
            torch.from_numpy(these)[:count],
        )
        for some, these, count in ((images, labels, 300), (others, theirs, 100))
    ]


def flags(**changed):
    return SimpleNamespace(**(FLAGS | changed))


# The contract


def test_the_names_of_the_slides_are_there_and_fit_together(parts):
    assert parts.myActivation()(torch.zeros(2, 3)).shape == (2, 3)
    model, criterion = parts.myMLP(784, 10, normalized=True), parts.myLoss()
    kinds = {nn.Linear, parts.myNormalization, parts.myActivation}
    assert {type(each) for each in model.mlp} == kinds
    outputs = model(torch.rand(1, 28, 28))  # a batch of one
    assert outputs.shape == (1, 10)
    assert criterion(outputs, torch.tensor([3])).shape == ()
    optimizer = parts.mySGD(model.parameters(), lr=0.1)
    criterion(outputs, torch.tensor([3])).backward()
    before = model.mlp[0].weight.clone()
    optimizer.step()
    assert model.mlp[0].weight.isfinite().all()
    assert not torch.equal(model.mlp[0].weight, before)
    assert isinstance(optimizer, torch.optim.Optimizer)
    assert optimizer.step(lambda: torch.tensor(2.5)).item() == 2.5
    assert parts.myMLP(64, 3)(torch.rand(5, 8, 8)).shape == (5, 3)


def test_the_slides_network_takes_the_weights_that_are_handed_in(parts):
    weights = torch.load(COURSE / "handin" / "submission.pt", weights_only=True)
    model = parts.myMLP(784, 10)
    model.load_state_dict(weights)
    assert {type(each) for each in model.mlp} == {nn.Linear, parts.myActivation}


def test_the_notebook_and_the_program_have_the_same_parts():
    theirs, ours = (defined(source(path)) for path in (COURSE / "train.py", NOTEBOOK))
    both = theirs.keys() & ours.keys()
    assert {"myActivation", "myMLP", "myLoss", "mySGD", "distort", "train"} <= both
    assert both >= ours.keys() - {"load", "write_csv", "read_model"}
    for name in both - {"load"}:
        assert ours[name] == theirs[name], name


def test_sections_that_are_not_the_homework_are_marked():
    cells = json.loads(NOTEBOOK.read_text("utf-8"))["cells"]
    texts = ["".join(c["source"]) for c in cells if c["cell_type"] == "markdown"]
    headings = {text[8]: text for text in texts if text.startswith("## Part ")}
    marked = {number for number, text in headings.items() if "DO NOT MODIFY" in text}
    assert set("123456789") == headings.keys()
    assert set("456") == headings.keys() - marked - {"9"}


# The rules


def test_nothing_of_torch_nn_but_linear_runs_in_training(monkeypatch, digits):
    def refused(name):
        def stop(*args, **kwargs):
            raise AssertionError(f"torch.nn's {name} was called")

        return stop

    used = {"linear", "has_torch_function"}
    for name, function in vars(nn.functional).items():
        if callable(function) and name[0].islower() and name not in used:
            monkeypatch.setattr(nn.functional, name, refused(name))
    model, _ = program.fit(*digits[0], flags(epochs=1))
    kinds = {type(each) for each in model.modules()}
    ours = {program.myMLP, program.myActivation}
    assert kinds == ours | {nn.Sequential, nn.Linear}


# Activation, loss, optimizer


def test_the_activation_is_silu_and_so_is_its_slope(parts):
    x = torch.tensor([-1e4, -90, -1, 0, 0.5, 88, 1e4], requires_grad=True)
    [slope] = torch.autograd.grad(parts.myActivation()(x).sum(), x)
    y = x.detach().clone().requires_grad_()
    [expected] = torch.autograd.grad(nn.functional.silu(y).sum(), y)
    torch.testing.assert_close(parts.myActivation()(x), nn.functional.silu(y))
    torch.testing.assert_close(slope, expected)


def test_an_absolute_activation_hands_on_the_score_and_its_size(parts):
    x = torch.tensor([[-2.0, 3.0], [0.0, -1e4]])
    expected = torch.tensor([[-2.0, 3, 2, 3], [0, -1e4, 0, 1e4]])
    assert torch.equal(parts.myActivation(absolute=True)(x), expected)
    model = parts.myMLP(49, 10, [11, 10], absolute=True)
    assert sum(p.numel() for p in model.parameters()) == 50 * 11 + 23 * 10 + 21 * 10
    assert model(torch.rand(5, 7, 7)).shape == (5, 10)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("scale", [1.0, 1e4])
@pytest.mark.parametrize("shape", [(1, 2), (5, 10), (7, 3)])
def test_the_loss_and_its_gradient_are_those_of_torch(parts, shape, scale, smoothing):
    generator = torch.Generator().manual_seed(0)
    logits = scale * torch.randn(shape, generator=generator)
    labels = torch.randint(shape[1], shape[:1], generator=generator)
    found = []
    for loss in (
        parts.myLoss(smoothing),
        nn.CrossEntropyLoss(label_smoothing=smoothing),
    ):
        z = logits.clone().requires_grad_()
        value = loss(z, labels)
        found.append((value.detach(), *torch.autograd.grad(value, z)))
    torch.testing.assert_close(*found)


@pytest.mark.parametrize("label", [-1, 10])
def test_labels_out_of_range_are_refused(parts, label):
    with pytest.raises(ValueError, match=f"{label}.* for 10 classes"):
        parts.myLoss()(torch.zeros(2, 10), torch.tensor([4, label]))


def stepped(make, rates=(0.1,), steps=100):
    """The parameters after some steps on noise, the rate going through `rates`."""
    generator = torch.Generator().manual_seed(0)
    params = [torch.ones(3, 2), torch.full((4,), 2.0)]
    unused = torch.ones(2)
    optimizer = make([*params, unused])
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = rates[len(rates) * step // steps]
        for p in params:
            p.grad = p + torch.randn(p.shape, generator=generator)
        optimizer.step()
    assert torch.equal(unused, torch.ones(2))  # it has no gradient
    return torch.cat([p.flatten() for p in params])


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("decay", [0.0, 0.01])
def test_the_optimizer_is_torchs_for_100_steps(parts, momentum, decay):
    how = {"lr": 0.1, "momentum": momentum, "weight_decay": decay}
    ours = stepped(lambda p: parts.mySGD(p, **how))
    torch.testing.assert_close(ours, stepped(lambda p: torch.optim.SGD(p, **how)))


def test_after_a_change_of_the_rate_it_goes_on_with_the_old_velocity(parts):
    how = {"lr": 0.1, "momentum": 0.9}
    ours, theirs = (
        stepped(lambda p, make=make: make(p, **how), rates=(0.1, 0.01), steps=60)
        for make in (parts.mySGD, torch.optim.SGD)
    )
    assert not torch.allclose(ours, theirs, atol=1e-3)
    v, w = 0.0, 1.0  # the slide's formula by hand, for one weight
    p = torch.ones(1)
    optimizer = parts.mySGD([p], lr=0.1, momentum=0.9, weight_decay=0.5)
    for step in range(20):
        lr = 0.1 if step < 10 else 0.01
        g = w - 3
        v = 0.9 * v - 0.5 * lr * w - lr * g
        w = w + v
        optimizer.param_groups[0]["lr"] = lr
        p.grad = p - 3
        optimizer.step()
    assert p.item() == pytest.approx(w, rel=1e-4)


def test_the_velocity_survives_between_steps_and_in_the_state(parts):
    slow = stepped(lambda p: parts.mySGD(p, lr=0.1), steps=5)
    fast = stepped(lambda p: parts.mySGD(p, lr=0.1, momentum=0.9), steps=5)
    assert not torch.allclose(slow, fast)
    p = torch.ones(2)
    optimizer = parts.mySGD([p], lr=0.1, momentum=0.9)
    p.grad = torch.ones(2)
    optimizer.step()
    again = parts.mySGD([p], lr=0.1, momentum=0.9)
    again.load_state_dict(optimizer.state_dict())
    before = p.clone()
    again.step()
    torch.testing.assert_close(p - before, torch.full((2,), -0.19))


# Training


def test_distorting_by_nothing_changes_nothing_and_shifts_move_whole_pixels(
    monkeypatch,
):
    images = torch.rand(3, 7, 5)
    torch.testing.assert_close(program.distort(images, 0.0), images)
    draws = torch.zeros(5, 3, 1)
    draws[3], draws[4] = 0.5, -0.5  # one pixel each way
    monkeypatch.setattr(torch, "rand", lambda *shape, device: (draws + 1) / 2)
    moved = program.distort(images, 1.0)
    expected = torch.zeros(3, 7, 5)
    expected[:, :-1, 1:] = images[:, 1:, :-1]
    torch.testing.assert_close(moved, expected, atol=1e-4, rtol=0)


def test_distortions_are_those_of_grid_sample():
    torch.manual_seed(0)
    images = torch.rand(4, 6, 6)
    torch.manual_seed(1)
    found = program.distort(images, 2.0)
    torch.manual_seed(1)
    angle, zoom, stretch, down, right = 2 * (2 * torch.rand(5, 4) - 1)
    cos, sin = torch.cos(angle * torch.pi / 18), torch.sin(angle * torch.pi / 18)
    wide, tall = torch.exp(0.1 * (zoom + stretch)), torch.exp(0.1 * (zoom - stretch))
    rows = [
        torch.stack([cos * wide, -sin * tall, 2 * right / 3], 1),
        torch.stack([sin * wide, cos * tall, 2 * down / 3], 1),
    ]
    grid = nn.functional.affine_grid(
        torch.stack(rows, 1), [4, 1, 6, 6], align_corners=False
    )
    expected = nn.functional.grid_sample(images[:, None], grid, align_corners=False)
    torch.testing.assert_close(found, expected[:, 0], atol=1e-5, rtol=0)


@pytest.mark.parametrize("absolute", [False, True])
def test_folding_keeps_what_the_network_says_of_pixels(parts, absolute):
    torch.manual_seed(0)
    more = {"dropout": 0.5, "normalized": True, "absolute": absolute}
    model = parts.myMLP(20, 3, [6, 5, 4], **more)
    for _ in range(3):
        model(3 * torch.randn(50, 20) + 1)
    pixels = torch.rand(7, 4, 5)
    plain = parts.folded(model, torch.tensor(0.3), torch.tensor(0.5))
    assert {type(each) for each in plain.mlp} == {nn.Linear, parts.myActivation}
    torch.testing.assert_close(plain(pixels), model.eval()((pixels - 0.3) / 0.5))


def test_normalization_is_that_of_torch_without_its_parameters(parts):
    torch.manual_seed(0)
    ours, theirs = parts.myNormalization(4), nn.BatchNorm1d(4, affine=False)
    x = 5 * torch.randn(30, 4, requires_grad=True) - 2
    torch.testing.assert_close(ours(x), theirs(x))
    one = torch.ones(1, 4)  # has no spread: the stored one is taken, and kept
    torch.testing.assert_close(ours(one), (one - ours.mean) / ours.var.sqrt())
    assert ours.var.min() > 1
    for _ in range(1000):
        ours(x)
    ours.eval(), theirs.train()
    torch.testing.assert_close(ours(x), theirs(x), atol=1e-4, rtol=1e-4)


def test_dropout_silences_its_share_keeps_the_mean_and_rests_when_predicting(parts):
    torch.manual_seed(0)
    model = parts.myMLP(4, 1, [5000], dropout=0.2, normalized=False)
    model.mlp[-1] = nn.Identity()
    x = torch.randn(1, 4)
    dropped = model(x) == 0
    kept = model(x) / model.eval()(x)
    assert dropped.float().mean().item() == pytest.approx(0.2, abs=0.02)
    assert kept.mean().item() == pytest.approx(1, abs=0.02)
    assert torch.equal(model(x), model(x))
    twice = [parts.predict(model.train(), x[:, None]) for _ in range(2)]
    assert torch.equal(*twice)
    assert not model.training


def test_training_takes_the_steps_of_torchs_own_parts(digits, tmp_path, monkeypatch):
    images, labels = digits[0]
    monkeypatch.setattr(program, "distort", lambda batch, strength: batch * strength)
    given = flags(hidden="5", momentum=0.0, dropout=0.0, batch=70)
    program.fit(images, labels, given, checkpoint=tmp_path / "x")
    found = torch.load(tmp_path / "x", weights_only=True)["model"]
    torch.manual_seed(0)
    first, last = nn.Linear(784, 5), nn.Linear(5, 10)
    model = nn.Sequential(first, nn.BatchNorm1d(5, affine=False), nn.SiLU(), last)
    loss = nn.CrossEntropyLoss(label_smoothing=0.1)
    optimizer = torch.optim.SGD(model.parameters(), 0.1, weight_decay=1e-3)
    mean, std = images.mean(), images.std()
    for step in range(15):  # three epochs of four batches of 70 and one of 20
        epoch, number = divmod(step, 5)
        if number == 0:
            torch.manual_seed(epoch)
            order = torch.randperm(300)
        rows = order[70 * number :][:70]
        share = (300 * epoch + 70 * number) / 900
        falling = 0.5 + 0.5 * math.cos(math.pi * (share - 0.05) / 0.95)
        optimizer.param_groups[0]["lr"] = 0.1 * min(20 * share, falling)
        x = (images[rows].flatten(1) * 0.5 - mean) / std
        optimizer.zero_grad()
        loss(model(x), labels[rows]).backward()
        optimizer.step()
    for name, layer in {"mlp.0": first, "mlp.3": last}.items():
        torch.testing.assert_close(found[f"{name}.weight"], layer.weight.detach())
        torch.testing.assert_close(found[f"{name}.bias"], layer.bias.detach())


@pytest.mark.parametrize("absolute", [0, 1])
@pytest.mark.parametrize(("step", "classes"), [(1, 10), (3, 3)])
def test_one_call_trains_from_scratch_on_any_size_and_classes(
    digits, step, classes, absolute
):
    (images, labels), (others, theirs) = (
        (some[these < classes][:, ::step, ::step], these[these < classes])
        for some, these in digits
    )
    given = flags(epochs=15, distort=0, dropout=0, absolute=absolute)
    model, _ = program.fit(images, labels, given)
    assert program.accuracy(model, images, labels) > 0.8
    units = model.mlp[0].out_features
    assert model.mlp[2].in_features == units * (1 + absolute)
    assert model.mlp[0].in_features == images[0].numel()
    assert model.mlp[-1].out_features == classes
    assert program.predict(model, others).shape == theirs.shape


def test_a_killed_run_ends_with_the_same_weights(digits, tmp_path, monkeypatch):
    whole, _ = program.fit(*digits[0], flags())
    kept, real = [], program.save

    def killed(state, path):
        real(state, path)
        kept.append(path)
        if len(kept) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(program, "save", killed)
    checkpoint = tmp_path / "x.checkpoint"
    with pytest.raises(KeyboardInterrupt):
        program.fit(*digits[0], flags(), checkpoint=checkpoint)
    again, history = program.fit(*digits[0], flags(), checkpoint=checkpoint)
    assert len(history) == 3
    for a, b in zip(whole.parameters(), again.parameters(), strict=True):
        assert torch.equal(a, b)
    with pytest.raises(SystemExit, match="other flags"):
        program.fit(*digits[0], flags(lr=0.2), checkpoint=checkpoint)


def test_each_epoch_and_each_seed_has_an_order_of_its_own(digits, monkeypatch):
    orders, real = [], torch.randperm
    monkeypatch.setattr(
        torch, "randperm", lambda n: orders.append(real(n)) or orders[-1]
    )
    for seed in (0, 1):
        program.fit(*digits[0], flags(seed=seed, epochs=2))
    assert len({tuple(order.tolist()) for order in orders}) == 4


def test_held_out_images_are_not_trained_on_and_the_test_is_not_read(
    digits, tmp_path, monkeypatch
):
    asked, trained = [], []

    def load(name, root, train):
        asked.append(train)
        images, labels = digits[0]
        images = images.clone()
        images[:, 0, 0] = torch.arange(len(images)) / 1000
        return images, labels

    real = program.train

    def watched(model, criterion, optimizer, images, *more):
        trained.extend((1000 * images[:, 0, 0]).round().int().tolist())
        return real(model, criterion, optimizer, images, *more)

    monkeypatch.setattr(program, "load", load)
    monkeypatch.setattr(program, "train", watched)
    given = flags(epochs=1, average=1, holdout=50, data="MNIST", data_dir="", widths="")
    given.out = str(tmp_path / "x.pt")
    program.main(given)
    assert asked == [True]
    assert len(set(trained)) == 250
    given.holdout, given.average, given.out = 0, 2, str(tmp_path / "y.pt")
    program.main(given)
    assert asked == [True, True, False]
    head, *rows = (tmp_path / "y.csv").read_text().splitlines()
    assert head == "id,label"
    ids, guesses = zip(*(map(int, row.split(",")) for row in rows), strict=True)
    assert ids == tuple(range(300))
    measured = json.loads((tmp_path / "y.json").read_text())
    right = (torch.tensor(guesses) == digits[0][1]).float().mean().item()
    assert measured["accuracy"] == pytest.approx(right)


def test_files_that_have_the_shape_of_kmnist_are_read_and_trained_on(tmp_path):
    parts_of = [
        data.Split(images[:count], labels[:count], 0.1, 0.3)
        for (images, labels), count in zip(
            stand_ins.make("mnist"), (600, 60), strict=True
        )
    ]
    few = data.Dataset("mnist", *parts_of, tuple("0123456789"), "stand-in")
    data.write(few, tmp_path)
    (tmp_path / "MNIST").rename(tmp_path / "KMNIST")
    images, labels = program.load("KMNIST", tmp_path, train=False)
    assert images.shape == (60, 28, 28)
    assert (images.min(), images.max()) == (0, 1)
    assert labels.tolist() == few.test.labels.tolist()
    where = {"data": "KMNIST", "data_dir": str(tmp_path), "out": str(tmp_path / "x.pt")}
    where |= {"average": 1, "widths": "", "holdout": 0}
    given = flags(epochs=10, hidden="20", distort=0.0, **where)
    program.main(given)
    measured = json.loads((tmp_path / "x.json").read_text())
    assert measured["accuracy"] > 0.7
    assert measured["parameters"] == 785 * 20 + 21 * 10


def test_averages_are_means_of_blocks_without_parameters():
    images = torch.rand(3, 8, 12)
    expected = nn.functional.avg_pool2d(images[:, None], 4)[:, 0]
    torch.testing.assert_close(program.averaged(images, 4), expected)
    assert program.averaged(images, 1).equal(images)


def test_averages_of_uneven_blocks_are_means_of_their_pixels():
    images = torch.rand(3, 8, 12)
    found = program.averaged(images, 4, [5, 1, 6])
    assert found.shape == (3, 2, 3)
    for row in range(2):
        for column, (start, end) in enumerate(((0, 5), (5, 6), (6, 12))):
            mean = images[:, 4 * row : 4 * row + 4, start:end].mean((1, 2))
            torch.testing.assert_close(found[:, row, column], mean)
    assert program.averaged(images, 4, [4, 4, 4]).allclose(program.averaged(images, 4))


# Files


class Malice:
    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return os.mkdir, (str(self.target),)


def test_a_model_is_rebuilt_from_its_file_alone(parts, tmp_path):
    model = parts.myMLP(64, 3, [5, 4], normalized=False).eval()
    parts.save(model.state_dict(), tmp_path / "x.pt")
    again = parts.read_model(tmp_path / "x.pt")
    x = torch.rand(2, 8, 8)
    assert torch.equal(model(x), again(x))


def test_corrupt_and_malicious_weights_are_refused(parts, tmp_path):
    path, target = tmp_path / "x.pt", tmp_path / "executed"
    state = parts.myMLP(64, 3, [5], normalized=False).state_dict()
    torch.save(state, path)
    for damage in damages(path.read_bytes()).values():
        torch.save(state, path)
        damage(path)
        if path.read_bytes()[-1:] == b"0":
            continue  # what is appended to a zip isn't read
        with pytest.raises(SystemExit, match="put the file anew"):
            parts.read_model(path)
    for wrong in (
        {"w": Malice(target)},
        nn.Linear(2, 3),
        {"mlp.0.weight": torch.zeros(3, 4)},
        state | {"mlp.9.bias": torch.zeros(2)},
        [1, 2],
    ):
        torch.save(wrong, path)
        with pytest.raises(SystemExit, match="put the file anew"):
            parts.read_model(path)
    assert not target.exists()


def test_the_table_has_a_row_for_each_image_in_their_order(parts, tmp_path):
    parts.write_csv(tmp_path / "x.csv", torch.tensor([7, 0, 9]))
    assert (tmp_path / "x.csv").read_text() == "id,label\n0,7\n1,0\n2,9\n"


@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize("kind", ["images-idx3", "labels-idx1"])
def test_damaged_images_are_refused(parts, tmp_path, monkeypatch, train, kind):
    parts_of = [
        data.Split(images[:60], labels[:60], 0.1, 0.3)
        for images, labels in stand_ins.make("mnist")
    ]
    classes = tuple("0123456789")
    few = data.Dataset("fashion_mnist", *parts_of, classes, "stand-in")
    monkeypatch.setenv("DL_DATA", str(tmp_path))
    monkeypatch.setattr("urllib.request.urlopen", lambda *_, **__: 1 / 0)
    prefix = "train" if train else "t10k"
    data.write(few, tmp_path)
    file = tmp_path / data.FOLDERS["fashion_mnist"] / f"{prefix}-{kind}-ubyte"
    content = file.read_bytes()
    assert len(parts.load(train=train)[0]) == 60
    for damage in (*damages(content).values(), Path.unlink):
        file.write_bytes(content)
        damage(file)
        with pytest.raises(SystemExit, match="put them anew"):
            parts.load(train=train)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"out": "x.csv"}, "--out x.csv: name another ending"),
        ({"out": "nowhere/x.pt"}, "in a folder that is there"),
        ({"out": "x.pt", "lr": float("nan")}, "--lr nan: expected a rate above 0"),
    ],
)
def test_flags_that_cannot_be_met_are_named(tmp_path, monkeypatch, changed, words):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match=words):
        program.main(flags(**changed))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--precision bf16", r"'bf16' \(choose from .*float32"),
        ("--data CIFAR10", r"'CIFAR10' \(choose from .*KMNIST"),
        ("--absolute 2", r"2 \(choose from "),
        ("--epoches 3", "unrecognized arguments: --epoches 3"),
        ("--hidden 8,x", "--hidden 8,x: expected whole numbers such as 8,6"),
        ("--hidden=", "--hidden : expected whole numbers"),
        ("--hidden 8,0", "--hidden 8,0: expected whole numbers"),
        ("--widths 5,x", "--widths 5,x: expected whole numbers"),
        ("--widths 5,5", "--widths 5,5: expected 28 pixels in all"),
        ("--average 3", "--average 3: expected a divisor of 28"),
        ("--average 0", "--average 0: expected 1 or more"),
        ("--epochs 0", "--epochs 0: expected 1 or more"),
        ("--batch 0", "--batch 0: expected 1 or more"),
        ("--dropout 1", "--dropout 1.0: expected a share below 1"),
        ("--smoothing -1", "--smoothing -1.0: expected a share below 1"),
        ("--momentum nan", "--momentum nan: expected a share below 1"),
        ("--weight_decay -1", "--weight_decay -1.0: expected 0 or more"),
        ("--seed -1", "--seed -1: expected 0 or more"),
        ("--holdout -5", "--holdout -5: expected 0 to 59,999"),
        ("--holdout 60000", "--holdout 60000: expected 0 to 59,999"),
    ],
)
def test_words_and_flags_that_it_cannot_meet_are_refused_at_once(capsys, words, said):
    with pytest.raises(SystemExit):
        program.parse(words.split())
    assert re.search(said, capsys.readouterr().err)


def test_all_settings_of_the_recipe_are_taken():
    for settings, _ in beside("recipe").WANTED.values():
        words = [word for each in settings.items() for word in each]
        words[::2] = [f"--{word}" for word in words[::2]]
        given = vars(program.parse([*map(str, words)]))
        assert settings.items() <= given.items()


def test_images_that_cannot_be_read_are_said_in_a_line(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    given = program.parse(["--data_dir", str(tmp_path / "file"), "--out", "x.pt"])
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        SystemExit, match=r"^FashionMNIST in .*file can't be read"
    ) as it:
        program.guarded(given)
    assert len(str(it.value).splitlines()) == 1 and "x.pt" not in str(it.value)


def test_images_and_labels_of_two_sets_are_refused(monkeypatch):
    few = SimpleNamespace(data=torch.zeros(3, 28, 28), targets=torch.zeros(2))
    monkeypatch.setattr(program.datasets, "KMNIST", lambda *_, **__: few)
    with pytest.raises(SystemExit, match=r"^KMNIST's .* not of one set: put"):
        program.load("KMNIST", "somewhere", train=True)


@pytest.fixture
def given(digits, tmp_path, monkeypatch):
    """Flags of a whole run on few digits, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(program, "load", lambda *_, train: digits[not train])
    where = {"data": "MNIST", "data_dir": "", "out": "x.pt"}
    return flags(epochs=1, average=1, holdout=0, widths="", **where)


def test_a_finished_run_leaves_no_checkpoint_to_the_next_one(given):
    program.main(given)
    given.lr = 0.2
    program.main(given)
    assert {path.name for path in Path().iterdir()} == {"x.pt", "x.csv", "x.json"}


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04 cut", "other"])
def test_a_damaged_checkpoint_is_said_and_left_where_it_is(given, content):
    checkpoint = Path("x.checkpoint")
    if content == "other":
        torch.save({"weights": torch.zeros(1)}, checkpoint)
    else:
        checkpoint.write_bytes(content)
    before = checkpoint.read_bytes()
    with pytest.raises(SystemExit, match=r"x\.checkpoint is damaged, or .*delete it"):
        program.main(given)
    assert checkpoint.read_bytes() == before


@pytest.mark.parametrize("full", [".checkpoint", ".pt"])
def test_a_full_disk_is_said_and_leaves_no_part(given, monkeypatch, full):
    def save(state, path):
        real(state, path)
        if full in path.name:
            raise RuntimeError("[enforce fail at inline_container.cc:672]")

    real = torch.save
    monkeypatch.setattr(torch, "save", save)
    with pytest.raises(SystemExit, match=r"x\.pt can't be written"):
        program.guarded(given)
    assert not list(Path().glob("*.part"))


def test_another_fault_of_torch_is_not_called_a_full_disk(given, monkeypatch):
    def broken(_):
        raise RuntimeError("shapes")

    monkeypatch.setattr(program, "main", broken)
    with pytest.raises(RuntimeError, match="shapes"):
        program.guarded(given)
