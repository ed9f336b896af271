"""CS324 Part I, Tasks 1 and 2: both versions keep their contract, and are one network.

Gradients are held against differences and torch's autograd.
"""

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.special import log_softmax, softmax
from torch.nn import functional as F

from tests.test_imports import imported
from tools.course import source

PART = Path(__file__).parents[1] / "solutions" / "sustech_cs324" / "part1"
FILES = ["modules", "mlp_numpy", "train_mlp_numpy", "pytorch_mlp", "pytorch_train_mlp"]
SHAPES = [(1, 1, 1), (1, 4, 3), (3, 2, 5), (7, 5, 2)]  # samples, inputs, outputs


@pytest.fixture(scope="module", autouse=True)
def handed_in():
    """The programs, by name; forgotten afterwards."""
    sys.path.insert(0, str(PART))
    yield {name: __import__(name) for name in FILES}
    sys.path.remove(str(PART))
    for name in FILES:
        del sys.modules[name]


@pytest.fixture
def modules(handed_in):
    return handed_in["modules"]


@pytest.fixture
def numpy_version(handed_in):
    return handed_in["train_mlp_numpy"]


@pytest.fixture
def torch_version(handed_in, monkeypatch):
    monkeypatch.setattr(handed_in["pytorch_train_mlp"], "FLAGS", None)
    return handed_in["pytorch_train_mlp"]


def one_hot(n, k, rng):
    return np.eye(k)[rng.integers(k, size=n)]


def differences(f, array, eps=1e-6):
    """The slope of a number by each entry of an array, which f reads."""
    slopes = np.zeros_like(array)
    for at in np.ndindex(array.shape):
        kept = array[at]
        array[at] = kept + eps
        above = f()
        array[at] = kept - eps
        slopes[at] = (above - f()) / (2 * eps)
        array[at] = kept
    return slopes


def close(found, expected, within=1e-7):
    assert np.shape(found) == np.shape(expected)
    assert np.allclose(found, expected, rtol=0, atol=within)


@pytest.mark.parametrize("name", [*(f"{name}.py" for name in FILES), "task2.ipynb"])
def test_what_is_handed_in_needs_nothing_of_the_book(name):
    packages = {"argparse", "matplotlib", "numpy", "sklearn", "torch"}
    assert imported(source(PART / name)) <= {*FILES, *packages}


@pytest.mark.parametrize(("n", "d", "k"), SHAPES)
def test_linear_goes_back_as_differences_say(modules, n, d, k):
    rng = np.random.default_rng(n)
    layer, x, dout = modules.Linear(d, k), rng.normal(size=(n, d)), rng.normal(size=k)
    layer.params["bias"] += rng.normal(size=k)
    dout = np.tile(dout, (n, 1)) * rng.normal(size=(n, 1))
    total = lambda: (dout * layer.forward(x)).sum()  # noqa: E731
    assert layer.params.keys() == layer.grads.keys() == {"weight", "bias"}
    assert layer.params["weight"].shape == layer.grads["weight"].shape == (d, k)
    total()
    close(layer.backward(dout), differences(total, x))
    for name, param in layer.params.items():
        close(layer.grads[name], differences(total, param))
    again = {name: grad.copy() for name, grad in layer.grads.items()}
    layer.backward(dout)  # sets them, and doesn't add
    for name, grad in layer.grads.items():
        close(grad, again[name], 0)


@pytest.mark.parametrize(("n", "d", "k"), SHAPES)
def test_relu_goes_back_as_differences_say_and_spares_what_it_is_handed(
    modules, n, d, k
):
    rng = np.random.default_rng(n)
    layer, x, dout = modules.ReLU(), rng.normal(size=(n, d)), rng.normal(size=(n, d))
    kept = dout.copy()
    total = lambda: (dout * layer.forward(x)).sum()  # noqa: E731
    total()
    close(layer.backward(dout), differences(total, x))
    close(dout, kept, 0)
    layer.forward(np.zeros((n, d)))
    close(layer.backward(dout), np.zeros((n, d)), 0)


@pytest.mark.parametrize(("n", "d", "k"), SHAPES)
@pytest.mark.parametrize("size", [1, 1e3, 1e6])
def test_softmax_and_the_loss_are_scipys_and_torchs(modules, n, d, k, size):
    rng = np.random.default_rng(n)
    logits, y = size * rng.normal(size=(n, k)), one_hot(n, k, rng)
    probs = modules.SoftMax().forward(logits)
    close(probs, softmax(logits, axis=1), 1e-12)
    loss, shares = modules.CrossEntropy(), np.maximum(probs, np.finfo(float).tiny)
    if shares[y > 0].min() > 1e-300:
        expected = -(y * log_softmax(logits, axis=1)).sum() / n
        assert loss.forward(probs, y) == pytest.approx(expected, rel=1e-12)
    assert np.isfinite(loss.forward(probs, y))
    by_torch = torch.from_numpy(logits).requires_grad_()
    F.cross_entropy(by_torch, torch.from_numpy(y)).backward()
    back = modules.SoftMax().backward(loss.backward(probs, y))
    close(back, by_torch.grad.numpy(), 1e-12)


def test_the_gradient_of_one_sample_is_p_minus_y(modules):
    p, y = np.array([[0.7, 0.2, 0.1]]), np.array([[0.0, 1, 0]])
    close(modules.CrossEntropy().backward(p, y), p - y, 0)
    assert modules.CrossEntropy().forward(p, y) == pytest.approx(-np.log(0.2))


@pytest.mark.parametrize("labels", [[0, 1], [[0], [1]], [[0, 1, 0], [1, 0, 0]]])
def test_targets_that_are_not_one_hot_are_refused(modules, labels):
    for method in (modules.CrossEntropy().forward, modules.CrossEntropy().backward):
        with pytest.raises(ValueError, match=r"expected one-hot rows: np.eye"):
            method(np.full((2, 2), 0.5), np.array(labels))


@pytest.mark.parametrize("n", [1, 5])
@pytest.mark.parametrize("hidden", [[], [1], [5], [4, 3, 2]])
def test_the_numpy_network_goes_back_as_differences_say(handed_in, n, hidden):
    rng = np.random.default_rng(1)
    model = handed_in["mlp_numpy"].MLP(3, hidden, 4, 1)
    for layer in model.layers[::2]:  # no score at the kink, behind units that are off
        layer.params["bias"] += rng.normal(size=layer.params["bias"].shape)
    loss, x = handed_in["modules"].CrossEntropy(), rng.normal(size=(n, 3))
    y = one_hot(n, 4, rng)
    total = lambda: loss.forward(model.forward(x), y)  # noqa: E731
    probs = model.forward(x)
    close(probs.sum(axis=1), np.ones(n), 1e-12)
    close(model.backward(loss.backward(probs, y)), differences(total, x))
    kinds = [type(layer).__name__ for layer in model.layers]
    assert kinds == [*["Linear", "ReLU"] * len(hidden), "Linear", "SoftMax"]
    for layer in model.layers[::2]:
        for name, param in layer.params.items():
            close(layer.grads[name], differences(total, param))


def test_first_weights_are_small_random_and_as_a_seed_says(handed_in):
    layer = handed_in["modules"].Linear(300, 400)
    assert layer.params["weight"].std() == pytest.approx((1 / 900) ** 0.5, rel=0.02)
    spread = torch.nn.Linear(300, 400).weight.std().item()
    assert layer.params["weight"].std() == pytest.approx(spread, rel=0.02)
    assert not layer.params["bias"].any()
    MLP = handed_in["mlp_numpy"].MLP
    first = [MLP(2, [3], 2, seed).layers[0].params["weight"] for seed in (1, 1, 2)]
    assert (first[0] == first[1]).all()
    assert (first[0] != first[2]).all()


def copied(handed_in, hidden, seed):
    """A NumPy network and a PyTorch one in float64 with its weights."""
    ours = handed_in["mlp_numpy"].MLP(2, hidden, 3, seed)
    theirs = handed_in["pytorch_mlp"].MLP(2, hidden, 3).double()
    linear = [each for each in ours.layers if hasattr(each, "params")]
    others = [each for each in theirs.layers if hasattr(each, "weight")]
    with torch.no_grad():
        for mine, other in zip(linear, others, strict=True):
            other.weight.copy_(torch.from_numpy(mine.params["weight"].T))
            other.bias.copy_(torch.from_numpy(mine.params["bias"]))
    return ours, theirs


@pytest.mark.parametrize("size", [0, 1, 7])
@pytest.mark.parametrize("hidden", [[], [9], [5, 4]])
def test_both_versions_have_the_same_losses(
    handed_in, numpy_version, torch_version, size, hidden
):
    rng = np.random.default_rng(size)
    data = numpy_version.split(rng.normal(size=(60, 2)), rng.integers(3, size=60))
    ours, theirs = copied(handed_in, hidden, 5)
    flags = {"learning_rate": 0.1, "max_steps": 20, "batch_size": size, "eval_freq": 5}
    kept = {"data": data, "log": lambda line: None, "seed": 3}
    _, mine = numpy_version.train(model=ours, **flags, **kept)
    _, others = torch_version.train(model=theirs, **flags, **kept)
    close(mine["loss"], others["loss"], 1e-10)
    assert len(mine["loss"]) == 20
    assert mine["epoch"] == others["epoch"] == [5, 10, 15, 20]
    for part in ("train_accuracy", "test_accuracy"):  # percent, and shares
        close(np.array(mine[part]) / 100, others[part], 1e-12)


def test_accuracy_is_in_percent_in_numpy_and_a_share_in_torch(
    numpy_version, torch_version
):
    scores = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.1, 0.9]])
    y = np.eye(2)[[0, 1, 1, 1]]
    assert numpy_version.accuracy(scores, y) == 75
    found = torch_version.accuracy(torch.tensor(scores), torch.tensor(y))
    assert found == 0.75
    assert isinstance(found, float)
    assert isinstance(numpy_version.accuracy(scores, y), float)


def test_an_epoch_meets_each_sample_once_in_an_order_of_its_own(numpy_version):
    rng = np.random.default_rng(0)
    for size, count in ((0, 1), (1, 10), (4, 3), (10, 1), (99, 1)):
        first, second = (numpy_version.batches(10, size, rng) for _ in range(2))
        assert len(first) == count
        assert sorted(np.concatenate(first)) == list(range(10))
        assert (np.concatenate(first) != np.concatenate(second)).any()


def test_a_fifth_of_the_moons_is_tested_on(numpy_version):
    x, y, x_test, y_test = numpy_version.moons()
    assert x.shape == y.shape == (800, 2)
    assert x_test.shape == y_test.shape == (200, 2)
    assert np.unique(np.concatenate([x, x_test]), axis=0).shape == (1000, 2)
    close(y.sum(axis=1), np.ones(800), 0)
    assert y.sum(axis=0).min() > 350


@pytest.mark.parametrize("version", ["numpy_version", "torch_version"])
def test_training_learns_the_moons_and_says_so(request, version):
    program, lines = request.getfixturevalue(version), []
    settings = {"learning_rate": 0.1, "batch_size": 20, "max_steps": 40}
    _, history = program.train(**settings, eval_freq=15, log=lines.append)
    scale = 100 if version == "numpy_version" else 1
    assert history["test_accuracy"][-1] > 0.9 * scale
    assert history["epoch"] == [15, 30, 40]
    assert len(lines) == 3


def test_the_torch_version_takes_its_flags_from_FLAGS(torch_version, monkeypatch):
    lines = []
    names = {"dnn_hidden_units": "3,4", "learning_rate": 0.5, "max_steps": 2}
    monkeypatch.setattr(torch_version, "FLAGS", argparse.Namespace(**names))
    model, history = torch_version.train(log=lines.append)
    assert [each.out_features for each in model.layers[::2]] == [3, 4, 2]
    assert len(history["loss"]) == 2
    _, history = torch_version.train(log=lines.append, max_steps=3)
    assert len(history["loss"]) == 3


def test_flags_have_the_sheets_defaults(numpy_version):
    flags = numpy_version.parser("").parse_args([])
    assert vars(flags) == {
        "dnn_hidden_units": "20",
        "learning_rate": 1e-2,
        "max_steps": 1500,
        "eval_freq": 10,
        "batch_size": 0,
        "seed": 0,
    }


@pytest.mark.parametrize("program", ["train_mlp_numpy", "pytorch_train_mlp"])
def test_programs_run_from_a_folder_with_these_files_alone(tmp_path, program):
    """Takes seconds: each call of a program imports torch or scikit-learn."""
    for name in FILES:
        shutil.copy(PART / f"{name}.py", tmp_path)
    flags = "--max_steps 4 --eval_freq 2 --dnn_hidden_units 6,5 --batch_size 50"
    done = called(tmp_path, program, *flags.split())
    assert done.returncode == 0, done.stderr
    assert [line.split(":")[0] for line in done.stdout.splitlines()] == [
        "epoch 2",
        "epoch 4",
    ]
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (
            "--dnn_hidden_units 20,x",
            "--dnn_hidden_units: got '20,x'; expected positive",
        ),
        (
            "--dnn_hidden_units 20,0",
            "--dnn_hidden_units: got '20,0'; expected positive",
        ),
        ("--dnn_hidden_units 20,", "--dnn_hidden_units: got '20,'; expected positive"),
        ("--learning_rate fast", "--learning_rate: invalid float value: 'fast'"),
        ("--max_steps 1.5", "--max_steps: invalid number value: '1.5'"),
        ("--eval_freq 0", "--eval_freq: got 0; expected 1 or more"),
        ("--batch_size -1", "--batch_size: got -1; expected 0 or more"),
        ("--lr 1", "unrecognized arguments: --lr 1"),
    ],
)
def test_wrong_flags_get_an_error_of_argparse(
    numpy_version, monkeypatch, capsys, flags, said
):
    monkeypatch.setattr(sys, "argv", ["train_mlp_numpy.py", *flags.split()])
    with pytest.raises(SystemExit) as stopped:
        numpy_version.flags_of("")
    assert stopped.value.code == 2
    assert said in capsys.readouterr().err


def called(folder, program, *flags):
    environment = {"PATH": "", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, f"{program}.py", *flags]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, env=environment
    )
