"""Homework 000, questions 1 to 4: the template's contract, and any checker of it.

Nothing here needs the weights that are handed in: what is scored is trained for a
moment, on a few handwritten digits.
"""

import gzip
import http.client
import importlib
import importlib.util
import inspect
import io
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from helpers import data, results, stand_ins
from tools import handin, trial

ROOT = Path(__file__).parents[1]
COURSE = ROOT / "solutions/dl_for_modeling"
PROGRAMS = ["mnistClassification", "pytorchMnist"]
PROGRAMS += ["accurateChecker1", "accurateChecker2"]
NUMPY_FILES = ("npMnistParameters.npy", "npMnistStructure.json")
SHORT = ["--hidden", "24", "--num_epoch", "4", "--batch_size", "20", "--average", "0.9"]


@pytest.fixture(scope="module")
def mnist():
    """400 and 100 handwritten digits, called MNIST."""
    parts = [
        data.Split(images[:count], labels[:count], 0.1, 0.3)
        for (images, labels), count in zip(
            stand_ins.make("mnist"), (400, 100), strict=True
        )
    ]
    return data.Dataset("mnist", *parts, tuple("0123456789"), "stand-in")


@pytest.fixture(scope="module")
def small(mnist, tmp_path_factory):
    """A folder that holds them as torchvision would."""
    return data.write(mnist, root := tmp_path_factory.mktemp("data")) or root


@pytest.fixture(scope="module")
def program(small):
    """The programs; no other test gets to see them."""
    patch = pytest.MonkeyPatch()
    patch.setenv("DL_DATA", str(small))
    patch.syspath_prepend(COURSE)
    yield SimpleNamespace(**{n: importlib.import_module(n) for n in PROGRAMS})
    patch.undo()
    for name in PROGRAMS:
        sys.modules.pop(name)


@pytest.fixture
def numpy_program(program):
    return program.mnistClassification


@pytest.fixture
def torch_program(program):
    return program.pytorchMnist


@pytest.fixture
def here(program, tmp_path, monkeypatch):
    """An empty working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def beside(name):
    """The recipe or the course, which are no part of the zip."""
    path = COURSE / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"modeling_{name}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# Questions 1 and 2: layers and descent, against torch

SHAPES = [(1, 1), (1, 7), (5, 3), (8, 10)]


def draws(*shape):
    return np.random.default_rng(shape).standard_normal(shape)


def one_hot(n, k):
    return np.eye(k)[np.arange(n) % k]


def torch_gradients(function, *arrays, delta):
    tensors = [torch.tensor(array, requires_grad=True) for array in arrays]
    out = function(*tensors)
    out.backward(torch.as_tensor(delta, dtype=out.dtype))
    return out.detach().numpy(), [tensor.grad.numpy() for tensor in tensors]


@pytest.mark.parametrize("shape", SHAPES)
def test_linear_goes_forward_and_backward_as_torch_does(numpy_program, shape):
    (n, fan_in), fan_out = shape, 4
    x, W, b = draws(n, fan_in), draws(fan_in, fan_out), draws(fan_out)
    delta = draws(n, fan_out)
    node = numpy_program.Linear(fan_in, fan_out, W, b)
    out, grads = torch_gradients(lambda x, W, b: x @ W + b, x, W, b, delta=delta)
    np.testing.assert_allclose(node.forward(x), out)
    np.testing.assert_allclose(node.backward(delta), grads[0])
    for found, wanted in zip(node.parameters_deltas, grads[1:], strict=True):
        np.testing.assert_allclose(found, wanted)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("scale", [1, 30])
@pytest.mark.parametrize(
    ("name", "witness"),
    [("Sigmoid", torch.sigmoid), ("Softmax", lambda x: torch.softmax(x, dim=1))],
)
def test_an_activation_goes_forward_and_backward_as_torch_does(
    numpy_program, name, witness, scale, shape
):
    node, x, delta = (
        getattr(numpy_program, name)(),
        scale * draws(*shape),
        draws(*shape),
    )
    out, [grad] = torch_gradients(witness, x, delta=delta)
    np.testing.assert_allclose(node.forward(x), out, atol=1e-14)
    np.testing.assert_allclose(node.backward(delta), grad, atol=1e-14)


@pytest.mark.parametrize(("n", "k"), SHAPES)
def test_cross_entropy_is_a_sum_over_classes_and_mean_is_over_rows(numpy_program, n, k):
    x, label = np.abs(draws(n, k)) + 0.1, one_hot(n, k)
    entropy, mean = numpy_program.CrossEntropy(), numpy_program.Mean()
    losses = entropy.forward(x, label)
    assert losses.shape == (n,)
    witness = lambda x: -(torch.tensor(label) * x.log()).sum(1).mean()  # noqa: E731
    out, [grad] = torch_gradients(witness, x, delta=1.0)
    np.testing.assert_allclose(mean.forward(losses), out)
    np.testing.assert_allclose(entropy.backward(mean.backward(1.0)), grad)


@pytest.mark.parametrize("shape", [(3,), (2, 5)])
def test_mean_averages_whatever_shape_it_is_given(numpy_program, shape):
    node, x = numpy_program.Mean(), draws(*shape)
    out, [grad] = torch_gradients(torch.mean, x, delta=2.0)
    np.testing.assert_allclose(node.forward(x), out)
    np.testing.assert_allclose(node.backward(2.0), grad)


def test_softmax_takes_logits_of_a_thousand(numpy_program):
    node = numpy_program.Softmax()
    found = node.forward(np.float32([[1000, 1001], [-1000, 1000]]))
    wanted = [[0.268941, 0.731059], [0, 1]]
    np.testing.assert_allclose(found, wanted, rtol=1e-5)


def test_cross_entropy_of_a_certain_mistake_is_finite_both_ways(numpy_program):
    node = numpy_program.CrossEntropy()
    losses = node.forward(np.float32([[0, 1]]), np.float32([[1, 0]]))
    assert 50 < losses[0] < 100
    assert np.isfinite(node.backward(np.float32([1]))).all()


def test_the_whole_net_sends_probabilities_minus_labels_back_to_the_logits(
    numpy_program,
):
    tail = [numpy_program.Softmax(), numpy_program.CrossEntropy(), numpy_program.Mean()]
    logits, label = draws(6, 10), one_hot(6, 10)
    probs, _ = numpy_program.net_forward(tail, logits, label)
    delta = 1.0
    for node in reversed(tail):
        delta = node.backward(delta)
    np.testing.assert_allclose(delta, (probs - label) / 6)


@pytest.mark.filterwarnings("error")
def test_raw_pixels_saturate_sigmoids_and_raise_no_warning(numpy_program):
    node = numpy_program.Sigmoid()
    np.testing.assert_array_equal(node.forward(np.float32([[-9e4, 9e4]])), [[0, 1]])
    np.testing.assert_array_equal(node.backward(np.float32([[1, 1]])), [[0, 0]])


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_descent_takes_the_steps_of_torch(numpy_program, momentum):
    net = [numpy_program.Linear(3, 2, draws(3, 2), draws(2))]
    params = numpy_program.parameters_of(net)
    twins = [torch.tensor(each, requires_grad=True) for each in params]
    optimizer = torch.optim.SGD(twins, 0.1, momentum)
    velocities = [np.zeros_like(each) for each in params]
    for step in range(4):
        net[0].parameters_deltas = [draws(step + 1, 3, 2)[-1], draws(step + 1, 2)[-1]]
        for twin, delta in zip(twins, net[0].parameters_deltas, strict=True):
            twin.grad = torch.tensor(delta)
        optimizer.step()
        numpy_program.sgd(net, velocities, 0.1, momentum)
    for param, twin in zip(params, twins, strict=True):
        np.testing.assert_allclose(param, twin.detach().numpy())


# Question 3, and the names of the template


@pytest.mark.parametrize(
    ("name", "signature"),
    [
        ("Node", "name, parameters=None"),
        ("Linear", "input_shape, output_shape, weight=None, bias=None"),
        ("Sigmoid", ""),
        ("Softmax", ""),
        ("CrossEntropy", ""),
        ("Mean", ""),
        ("load_MNIST", ""),
        ("random_draw", "data, label, batch_size"),
        ("match_ratio", "result, label"),
        ("net_forward", "net, x, label"),
        ("net_backward", "net"),
        ("Sigmoid.forward", "self, x, *args"),
        ("CrossEntropy.forward", "self, x, l"),
        ("Linear.backward", "self, delta"),
    ],
)
def test_names_and_signatures_are_those_of_the_template(numpy_program, name, signature):
    found = numpy_program
    for part in name.split("."):
        found = getattr(found, part)
    assert str(inspect.signature(found)) == f"({signature})"


def test_a_node_has_the_attributes_of_the_template(numpy_program):
    node = numpy_program.Node("one", [1, 2])
    assert (node.name, node.parameters, node.parameters_deltas) == (
        "one",
        [1, 2],
        [None] * 2,
    )
    net = numpy_program.network([784, 5, 10])
    assert [node.name for node in net] == [
        "linear", "sigmoid", "linear", "softmax", "cross_entropy", "mean",
    ]  # fmt: skip


def test_weights_start_as_xavier_says_and_biases_at_zero(numpy_program):
    np.random.seed(0)
    weight, bias = numpy_program.Linear(400, 100).parameters
    assert weight.shape == (400, 100) and not bias.any() and bias.shape == (100,)
    assert weight.std() == pytest.approx((2 / 500) ** 0.5, rel=0.02)
    assert abs(weight.mean()) < 1e-3


def test_the_network_handed_in_has_at_most_200_000_parameters(numpy_program):
    net = numpy_program.network([784, *numpy_program.parse([]).hidden, 10])
    assert sum(each.size for each in numpy_program.parameters_of(net)) <= 200_000
    layers = {"linear", "sigmoid", "softmax", "cross_entropy", "mean"}
    assert {node.name for node in net} == layers


def test_what_is_fed_to_the_cross_entropy_is_returned(numpy_program):
    net = numpy_program.network([4, 3])
    x, label = draws(2, 4), one_hot(2, 3)
    probs, loss = numpy_program.net_forward(net, x, label)
    np.testing.assert_allclose(probs.sum(axis=1), 1, rtol=1e-6)
    assert loss == pytest.approx(-np.log(probs[[0, 1], [0, 1]]).mean(), rel=1e-5)
    with pytest.raises(ValueError, match="no cross_entropy node"):
        numpy_program.net_forward(net[:-2], x, label)


def test_the_share_that_is_right_compares_the_largest(numpy_program):
    result = np.array([[0.2, 0.7, 0.1], [0.5, 0.4, 0.1], [0.3, 0.3, 0.4]])
    assert numpy_program.match_ratio(result, one_hot(3, 3)) == pytest.approx(1 / 3)


def test_a_draw_is_scaled_flat_random_and_keeps_its_labels(numpy_program):
    images = np.arange(5, dtype=np.uint8)[:, None, None] * np.ones(
        (1, 28, 28), np.uint8
    )
    x, label = numpy_program.random_draw(images, np.eye(5), 4)
    assert x.shape == (4, 784)
    np.testing.assert_allclose(255 * x[:, 0], label.argmax(axis=1), rtol=1e-6)
    assert len(set(x[:, 0])) == 4
    rows = {
        tuple(numpy_program.random_draw(images, np.eye(5), 4)[0][:, 0])
        for _ in range(9)
    }
    assert len(rows) > 1


# The data


def test_test_images_come_first_as_in_the_template(numpy_program, mnist):
    found = numpy_program.load_MNIST()
    for images, label, split in zip(
        found[::2], found[1::2], (mnist.test, mnist.train), strict=True
    ):
        np.testing.assert_array_equal(images, split.images)
        np.testing.assert_array_equal(label, np.eye(10)[split.labels])
        assert images.dtype == np.uint8 and label.dtype.kind == "f"


def test_files_in_data_raw_are_read_first_packed_or_not(
    numpy_program, mnist, small, here
):
    raw = here / "data/raw"
    raw.mkdir(parents=True)
    others = replace(mnist, test=replace(mnist.test, images=255 - mnist.test.images))
    data.write(others, here / "others")
    name = numpy_program.FILES[0]
    content = (here / "others/MNIST/raw" / name).read_bytes()
    (raw / f"{name}.gz").write_bytes(gzip.compress(content))
    np.testing.assert_array_equal(numpy_program.load_MNIST()[0], others.test.images)


@pytest.mark.parametrize("number", range(4))
@pytest.mark.parametrize(
    "damage", [lambda c: c[:-1], lambda c: c + b"0", lambda c: b""]
)
def test_a_damaged_file_is_named(
    numpy_program, mnist, here, monkeypatch, number, damage
):
    data.write(mnist, here / "data")
    monkeypatch.delenv("DL_DATA")
    path = here / "data/MNIST/raw" / numpy_program.FILES[number]
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match=f"{path.name} is damaged"):
        numpy_program.load_MNIST()


def test_images_and_labels_of_two_sets_are_refused(
    numpy_program, mnist, here, monkeypatch
):
    data.write(mnist, here / "data")
    monkeypatch.delenv("DL_DATA")
    test, train = (here / "data/MNIST/raw" / numpy_program.FILES[i] for i in (1, 3))
    test.write_bytes(train.read_bytes())
    with pytest.raises(ValueError, match=r"t10k.*100 images, 400 labels"):
        numpy_program.load_MNIST()


def test_a_download_that_fails_says_where_the_files_go(
    numpy_program, here, monkeypatch
):
    monkeypatch.delenv("DL_DATA")
    monkeypatch.setattr(numpy_program, "MIRROR", trial.NOWHERE)
    with pytest.raises(FileNotFoundError, match=r"no t10k.*data/raw.*four files"):
        numpy_program.load_MNIST()


def test_a_download_that_is_cut_says_where_the_files_go(
    numpy_program, here, monkeypatch
):
    class Cut(io.BytesIO):
        def read(self):
            raise http.client.IncompleteRead(b"half", 4)

    monkeypatch.delenv("DL_DATA")
    monkeypatch.setattr(numpy_program.urllib.request, "urlopen", lambda *_, **__: Cut())
    with pytest.raises(FileNotFoundError, match=r"no t10k.*4 more expected.*four file"):
        numpy_program.load_MNIST()
    assert not [path for path in here.rglob("*") if path.is_file()]


# Distortions


class Given:
    """In the place of a generator: numbers that are given, one call after the other."""

    def __init__(self, *arrays):
        self.arrays = list(arrays)

    def standard_normal(self, shape, dtype):
        found = np.asarray(self.arrays.pop(0), dtype)
        assert np.shape(found) == (shape if isinstance(shape, tuple) else (shape,))
        return found

    random = standard_normal


def given(n, seed=None, shift=(0, 0)):
    """Matrix, turn, shift, noise: random, or a shift alone."""
    shapes = (n, 2, 2), (n,), (n, 2, 1), (n, 2, 28, 28)
    if seed is not None:
        rng = np.random.default_rng(seed)
        return [rng.standard_normal(s) for s in shapes[:3]] + [rng.random(shapes[3])]
    none = [np.zeros(shape) for shape in shapes]
    none[2] = none[2] + np.reshape(shift, (1, 2, 1))
    none[3] += 0.5
    return none


@pytest.mark.parametrize("strength", [0.3, 1.0])
def test_both_programs_distort_alike(numpy_program, torch_program, strength):
    images = np.random.default_rng(1).random((3, 28, 28), np.float32)
    matrix, turn, shift, noise = given(3, seed=0)
    ours = numpy_program.distorted(images, Given(matrix, turn, shift, noise), strength)
    # torch calls columns first: everything the other way round.
    matrix, shift, noise = matrix[:, ::-1, ::-1], shift[:, ::-1], noise[:, ::-1]
    theirs = torch_program.distorted(
        torch.tensor(images)[:, None], Given(matrix, -turn, shift, noise), strength
    )
    np.testing.assert_allclose(ours, theirs.flatten(1).numpy(), atol=5e-3)


def test_a_shift_of_one_row_fetches_each_pixel_from_the_row_below(numpy_program):
    images = np.random.default_rng(1).random((2, 28, 28), np.float32)
    found = numpy_program.distorted(images, Given(*given(2, shift=(1, 0))), 1.0)
    np.testing.assert_allclose(
        found.reshape(2, 28, 28)[:, :26, :27], images[:, 1:27, :27], atol=1e-3
    )


@pytest.mark.parametrize("name", PROGRAMS[:2])
def test_each_image_is_distorted_in_its_own_way(program, name):
    image = np.random.default_rng(1).random((28, 28), np.float32)
    images, rng = np.stack([image, image]), np.random.default_rng(0)
    if name == "pytorchMnist":
        images = torch.tensor(images)[:, None]
    one, other = getattr(program, name).distorted(images, rng, 1.0)
    assert abs(one - other).mean() > 0.05
    assert one.min() >= 0 and one.max() <= 1


# Training in NumPy


def test_a_short_training_reads_most_test_digits_raw_ones_too(numpy_program, here):
    numpy_program.main([*SHORT, "--num_epoch", "40", "--distort", "0"])
    measured = json.loads(Path("mnist.json").read_text())
    losses = [epoch["loss"] for epoch in measured["epochs"]]
    assert losses[-1] < 0.5 * losses[0]
    assert measured["accuracy"] > 0.5 and measured["raw_test"] > 0.5
    assert measured["raw_train"] > 0.8


def trained(numpy_program, *flags):
    numpy_program.main([*SHORT, *flags])
    return [Path(name).read_bytes() for name in NUMPY_FILES]


def test_a_killed_run_goes_on_to_the_same_network(numpy_program, here, monkeypatch):
    whole = trained(numpy_program)
    epochs, train = [], numpy_program.train

    def killed(*arguments):
        epochs.append(arguments[-2])
        if len(epochs) == 4:
            raise KeyboardInterrupt
        return train(*arguments)

    monkeypatch.setattr(numpy_program, "train", killed)
    with pytest.raises(KeyboardInterrupt):
        trained(numpy_program)
    with pytest.raises(ValueError, match="other flags; delete it"):
        trained(numpy_program, "--momentum", "0.5")
    assert trained(numpy_program) == whole
    assert epochs == [0, 1, 2, 3, 3, 4, 5]
    assert not Path("mnist.checkpoint").exists()


def test_another_seed_makes_another_network(numpy_program, here):
    assert trained(numpy_program)[0] != trained(numpy_program, "--seed", "1")[0]


def test_what_is_held_out_is_not_trained_on(numpy_program, here, monkeypatch):
    held = np.random.default_rng(60_000).permutation(400)[:150]
    flags = "--validation", "150"
    before = trained(numpy_program, *flags)
    loaded = numpy_program.load_MNIST()

    def changed(rows):
        images = loaded[2].copy()
        images[rows] = 255 - images[rows]
        return lambda: [*loaded[:2], images, loaded[3]]

    monkeypatch.setattr(numpy_program, "load_MNIST", changed(held))
    assert trained(numpy_program, *flags) == before
    monkeypatch.setattr(numpy_program, "load_MNIST", changed(held[0] - 1))
    assert trained(numpy_program, *flags) != before


@pytest.mark.parametrize(("flags", "reads"), [((), 2), (("--validation", "150"), 0)])
def test_test_images_are_read_at_the_end_and_not_where_others_are_held_out(
    numpy_program, here, monkeypatch, flags, reads
):
    calls, accuracy = [], numpy_program.accuracy

    def look(net, images, *rest):
        calls.append(len(images))
        return accuracy(net, images, *rest)

    monkeypatch.setattr(numpy_program, "accuracy", look)
    trained(numpy_program, *flags)
    assert calls.count(100) == reads  # from 0 to 1, and raw
    assert calls[-3:] == [100, 100, 400] if reads else len(calls) == 13


def test_the_network_stored_is_the_average_that_follows_the_parameters(
    numpy_program, here
):
    stored = [trained(numpy_program, "--average", share)[0] for share in ("0", "0.99")]
    assert stored[0] != stored[1]
    net = numpy_program.network([784, 3, 10])
    params = numpy_program.parameters_of(net)
    flags = numpy_program.parse([*SHORT, "--average", "0"])
    average, velocities = ([np.zeros_like(p) for p in params] for _ in range(2))
    images = np.zeros((40, 28, 28), np.uint8)
    numpy_program.train(net, velocities, average, images, one_hot(40, 10), 0, flags)
    for mean, param in zip(average, params, strict=True):
        np.testing.assert_allclose(mean, param, rtol=1e-5, atol=1e-7)


def test_last_passes_have_raw_pixels_in_every_second_batch_and_a_first_layer_at_rest(
    numpy_program, here, monkeypatch
):
    largest, forward = [], numpy_program.net_forward

    def look(net, x, label):
        largest.append(float(x.max()))
        return forward(net, x, label)

    monkeypatch.setattr(numpy_program, "net_forward", look)
    images, flags = np.full((40, 28, 28), 255, np.uint8), numpy_program.parse(SHORT)
    for epoch, pixels, rests in ((3, [1, 1], False), (4, [1, 255], True)):
        net = numpy_program.network([784, 3, 10])
        params = numpy_program.parameters_of(net)
        first, second = params[0].copy(), params[2].copy()
        rest = [[np.zeros_like(p) for p in params] for _ in range(2)]
        numpy_program.train(net, *rest, images, one_hot(40, 10), epoch, flags)
        np.testing.assert_allclose(largest, pixels, rtol=1e-3)
        assert (params[0] == first).all() == rests
        assert (params[2] != second).any()
        largest.clear()


def test_the_last_passes_begin_with_the_average(numpy_program, here):
    still = trained(numpy_program, "--raw_rate", "0")
    assert still == trained(numpy_program, "--raw_epoch", "0")
    assert still != trained(numpy_program)


# The two files, and any checker of them

FOREIGN = """
import json
import numpy as np
from mnistClassification import (Linear, Sigmoid, Softmax, CrossEntropy, Mean,
                                 load_MNIST, match_ratio, net_forward)

description = json.load(open("npMnistStructure.json"))
nodes = {{"sigmoid": Sigmoid, "softmax": Softmax, "cross_entropy": CrossEntropy,
          "mean": Mean}}
graph = []
with open("npMnistParameters.npy", "rb") as f:
    for kind, size in zip(description["struct"], description["num_parametes"]):
        if kind == "linear":
            graph.append(Linear(size[0], size[1], np.load(f), np.load(f)))
        else:
            graph.append(nodes[kind]())
{unpack}
pixels = test.reshape(len(test), -1){scale}
result, loss = net_forward(graph, pixels, testlabel)
print("accuracy: %.3f" % match_ratio(result, testlabel))
"""
EDITIONS = {
    "scaled": ("test, testlabel, train, trainlabel = load_MNIST()", " / 255.0"),
    "raw": ("train, trainlabel, test, testlabel = load_MNIST()", ""),
}


@pytest.fixture(scope="module")
def handed_in(program, mnist, tmp_path_factory):
    """A folder like the unpacked zip, with networks trained for a moment."""
    folder = tmp_path_factory.mktemp("zip")
    for name in PROGRAMS:
        (folder / f"{name}.py").write_bytes((COURSE / f"{name}.py").read_bytes())
    data.write(mnist, folder / "data")
    for program, *flags in (
        ("mnistClassification.py", *SHORT, "--num_epoch", 20),
        ("pytorchMnist.py", "--epochs", 3, "--distort", 0),
    ):
        trial.works(trial.run(folder / program, *flags), program)
    return folder


@pytest.mark.parametrize("edition", EDITIONS)
def test_a_checker_that_others_wrote_says_what_ours_does(handed_in, edition):
    unpack, scale = EDITIONS[edition]
    theirs = handed_in / "theirs.py"
    theirs.write_text(FOREIGN.format(unpack=unpack, scale=scale))
    said = trial.run(theirs)
    trial.works(said, "their checker")
    ours = trial.run(handed_in / "accurateChecker1.py", "--edition", edition)
    trial.works(ours, "our checker")
    assert said.stdout == ours.stdout.splitlines(keepends=True)[-1]
    images = {"scaled": 100, "raw": 400}[edition]
    assert f"images: {images}, right: " in ours.stdout
    assert float(said.stdout.split()[-1]) > 0.3


def test_the_files_hold_what_the_template_says(handed_in):
    said = json.loads((handed_in / NUMPY_FILES[1]).read_text())
    assert said["struct"] == [
        "linear", "sigmoid", "linear", "softmax", "cross_entropy", "mean",
    ]  # fmt: skip
    assert said["num_parametes"] == [[784, 24], None, [24, 10], None, None, None]
    with (handed_in / NUMPY_FILES[0]).open("rb") as file:
        shapes = [np.load(file).shape for _ in range(4)]
        assert shapes == [(784, 24), (24,), (24, 10), (10,)] and not file.read()


@pytest.fixture
def saved(handed_in, here):
    """The two files of the network in the working folder; how to change the second."""
    for name in NUMPY_FILES:
        Path(name).write_bytes((handed_in / name).read_bytes())
    said = json.loads(Path(NUMPY_FILES[1]).read_text())
    del said["sha256"]

    def change(**changes):
        Path(NUMPY_FILES[1]).write_text(json.dumps(said | changes))

    return change


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"struct": ["linear", "relu", "linear", "softmax", "cross_entropy", "mean"]},
         "has a node 'relu'; known: linear, sigmoid"),
        ({"num_parametes": [[784, 23], None, [24, 10], None, None, None]},
         r"has \(784, 24\).*has \[784, 23\]"),
        ({"num_parametes": [[784, 24]]}, "can't be read"),
        ({"struct": ["linear"], "num_parametes": [[784, 24]]}, "more arrays than"),
        ({"struct": ["linear"] * 3, "num_parametes": [[784, 24], [24, 10], [10, 1]]},
         "can't be read"),
        ({"struct": 7}, "can't be read"),
        ({"struct": [["linear"]] * 6}, r"has a node \['linear'\]; known"),
        ({"num_parametes": [None] * 6}, r"of None, expected \[in, out\]"),
        ({"num_parametes": [[784]] * 6}, r"of \[784\], expected \[in, out\]"),
        ({"sha256": "0"}, "isn't the file that npMnistStructure.json was saved with"),
    ],
)  # fmt: skip
def test_files_that_do_not_fit_are_refused(program, saved, changes, problem):
    saved()
    assert len(program.accurateChecker1.network()) == 6
    saved(**changes)
    with pytest.raises(ValueError, match=problem):
        program.accurateChecker1.network()


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"\x93NUMPY\x01\x00\x10\x00{'descr':((((,,,\n", "can't be read"),
        (b"\x93NUMPY\x01\x00v\x00" + b"{'descr': '<f4', 'fortran_order': False, "
         b"'shape': (99999999999999, 24), }".ljust(117) + b"\n", "can't be read"),
        (None, "has numbers of <U32, expected floats"),
    ],
    ids=["header", "too large", "text"],
)  # fmt: skip
def test_arrays_that_cannot_be_are_refused(program, saved, content, problem):
    saved()
    if content is None:
        np.save(NUMPY_FILES[0], np.zeros((784, 24), np.float32).astype(str))
    else:
        Path(NUMPY_FILES[0]).write_bytes(content)
    with pytest.raises(ValueError, match=rf"npMnistParameters\.npy {problem}"):
        program.accurateChecker1.network()


def test_without_the_files_the_checker_says_what_to_run(program, here):
    with pytest.raises(FileNotFoundError, match=r"no npMnist.*run mnistClassification"):
        program.accurateChecker1.network()


# Question 4


def test_the_torch_network_is_linear_layers_within_the_limit(torch_program):
    net = torch_program.NeuralNetwork()
    leaves = [each for each in net.modules() if not list(each.children())]
    with_parameters = [each for each in leaves if list(each.parameters())]
    assert {type(each) for each in with_parameters} == {nn.Linear}
    assert sum(each.numel() for each in net.parameters()) <= 600_000
    assert not list(net.buffers())  # nothing that a count leaves out


def test_it_takes_both_shapes_and_returns_logits(torch_program):
    net = torch_program.NeuralNetwork()
    images = torch.rand(3, 1, 28, 28)
    logits = net(images)
    assert logits.shape == (3, 10)
    torch.testing.assert_close(net(images.flatten(1)), logits)
    assert logits.min() < 0  # probabilities are none


def test_loaders_are_those_of_the_template(torch_program, mnist):
    assert torch_program.batch_size == 200
    train, test = torch_program.train_loader, torch_program.test_loader
    assert train.batch_size == test.batch_size == 200
    assert isinstance(train.sampler, torch.utils.data.RandomSampler)
    assert isinstance(test.sampler, torch.utils.data.SequentialSampler)
    images, labels = next(iter(test))
    pixels = torch.tensor(mnist.test.images)[:, None] / 255
    torch.testing.assert_close(images, (pixels - 0.1307) / 0.3081)
    assert labels.tolist() == mnist.test.labels.tolist()
    torch.testing.assert_close(torch_program.tensors(test), (images, labels))


def trained_torch(torch_program, *flags):
    torch.manual_seed(0)
    net = torch_program.NeuralNetwork()
    flags = torch_program.parse(["--epochs", "4", "--average", "0.5", *flags])
    return net, torch_program.train(net, flags)


def test_training_ends_in_eval_mode_and_reads_most_digits(torch_program, here):
    net, measured = trained_torch(torch_program, "--epochs", "12", "--distort", "0.1")
    assert not net.training
    assert measured[-1]["loss"] < 0.5 * measured[0]["loss"]
    images = torch_program.tensors(torch_program.test_loader)
    assert torch_program.accuracy(net, *images) > 0.6


def test_the_torch_network_ends_as_the_average_of_its_weights(torch_program, here):
    """An average that forgets nothing stays at the weights after the first step."""
    ends = []
    for share in ("0", "1"):
        net, _ = trained_torch(torch_program, "--average", share)
        ends.append(net.layers[0].weight)
    moved = (ends[0] - ends[1]).abs().max()
    assert moved > 1e-3


def test_a_network_alone_is_trained_as_the_command_line_would(
    torch_program, here, monkeypatch
):
    parse = torch_program.parse
    monkeypatch.setattr(torch_program, "parse", lambda a: parse([*a, "--epochs", "1"]))
    assert len(torch_program.train(torch_program.NeuralNetwork())) == 1


def test_what_trained_is_not_what_a_second_training_goes_on_with(torch_program, here):
    one, other = (torch_program.NeuralNetwork() for _ in range(2))
    flags = torch_program.parse(["--epochs", "1", "--distort", "0"])
    for net in (one, other):
        assert len(torch_program.train(net, flags)) == 1
        assert not list(here.iterdir())
    assert not torch.equal(one.layers[0].weight, other.layers[0].weight)


def test_a_torch_run_that_can_not_store_its_network_keeps_what_it_learned(
    torch_program, here, monkeypatch
):
    def refused(state, path):
        if path.suffix == ".pth":
            raise OSError("no space")
        save(state, path)

    save, flags = torch_program.save, ["--epochs", "1", "--distort", "0"]
    with monkeypatch.context() as patched, pytest.raises(OSError, match="no space"):
        patched.setattr(torch_program, "save", refused)
        torch_program.main(flags)
    monkeypatch.setattr(torch_program.F, "cross_entropy", None)
    torch_program.main(flags)
    names = {path.name for path in here.iterdir()}
    assert names == {"mnistNet.pth", "mnistNet.json"}


def test_a_killed_torch_run_goes_on_to_the_same_network(
    torch_program, here, monkeypatch
):
    whole, _ = trained_torch(torch_program)
    epochs, save = [], torch_program.save

    def killed(state, path):
        epochs.append(len(state["measured"]))
        if len(epochs) == 3:
            raise KeyboardInterrupt
        save(state, path)

    monkeypatch.setattr(torch_program, "save", killed)
    with pytest.raises(KeyboardInterrupt):
        trained_torch(torch_program)
    with pytest.raises(ValueError, match="other flags; delete it"):
        trained_torch(torch_program, "--weight_decay", "0.5")
    again, measured = trained_torch(torch_program)
    assert epochs == [1, 2, 3, 3, 4] and len(measured) == 4
    for one, other in zip(whole.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, other)


def test_held_out_images_are_scored_and_the_test_images_are_not(
    torch_program, here, monkeypatch
):
    calls, accuracy = [], torch_program.accuracy

    def look(net, images, labels):
        calls.append(len(images))
        return accuracy(net, images, labels)

    monkeypatch.setattr(torch_program, "accuracy", look)
    torch_program.main(["--epochs", "2", "--validation", "150"])
    assert calls == [150, 150]
    torch_program.main(["--epochs", "2"])
    assert calls == [150, 150, 100]
    assert "accuracy" in json.loads(Path("mnistNet.json").read_text())


FOREIGN_2 = """
import torch
import torch.nn.functional as F
from pytorchMnist import NeuralNetwork, test_loader, batch_size

net = torch.load("mnistNet.pth", weights_only=False)
net = torch.load("mnistNet.pth")  # as it was written before PyTorch 2.6
print(sum(p.numel() for p in net.parameters() if p.requires_grad))
correct = total = 0
for images, labels in test_loader:
    out = net(images.view(-1, 28 * 28))
    loss = F.cross_entropy(out, labels)
    correct += (out.argmax(1) == labels).sum().item()
    total += labels.size(0)
print(total, correct)
"""


def test_a_checker_of_question_4_that_others_wrote_says_what_ours_does(handed_in):
    theirs = handed_in / "theirs_2.py"
    theirs.write_text(FOREIGN_2)
    said = trial.run(theirs)
    trial.works(said, "their checker")
    ours = trial.run(handed_in / "accurateChecker2.py")
    trial.works(ours, "our checker")
    count, total, correct = said.stdout.split()
    assert f"parameters: {count}\nimages: {total}, right: {correct}," in ours.stdout


class Spy:
    """Runs when it is unpickled."""

    def __reduce__(self):
        return Path.touch, (Path("touched"),)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"a": Spy()}, "no whole NeuralNetwork"),
        ({"a": torch.zeros(2)}, "holds a dict, expected a module"),
    ],
)
def test_a_file_that_holds_anything_else_is_refused_and_not_run(
    program, here, content, said
):
    torch.save(content, "mnistNet.pth")
    with pytest.raises(ValueError, match=said):
        program.accurateChecker2.network()
    assert not Path("touched").exists()


def test_our_checker_loads_what_others_build_of_other_layers(program, here):
    net = nn.Sequential(nn.Flatten(), nn.Linear(784, 9), nn.ReLU(), nn.Dropout())
    torch.save(net, "mnistNet.pth")
    loaded = program.accurateChecker2.network()
    assert not loaded.training
    torch.testing.assert_close(loaded[1].weight, net[1].weight)


@pytest.mark.parametrize(
    ("net", "said"),
    [
        (nn.Linear(3, 10), r"fails on images of shape \(100, 784\)"),
        (nn.Linear(784, 3), r"logits of shape \(100, 3\), expected \(100, 10\)"),
    ],
)
def test_a_network_for_something_else_is_refused(program, here, net, said):
    torch.save(net, "mnistNet.pth")
    with pytest.raises(ValueError, match=rf"mnistNet\.pth .*{said}"):
        program.accurateChecker2.main()


DAMAGES = {
    "empty": lambda content: b"",
    "cut": lambda content: content[: len(content) // 2],
    "text": lambda content: b"version https://git-lfs.github.com/spec/v1",
    "a bit flipped": lambda content: (
        content[: (at := len(content) // 2)]
        + bytes([content[at] ^ 1])
        + content[at + 1 :]
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("question", [1, 2])
def test_damaged_weights_are_refused(program, handed_in, here, question, damage):
    checker = getattr(program, f"accurateChecker{question}")
    files = NUMPY_FILES if question == 1 else ("mnistNet.pth",)
    for name in files:
        Path(name).write_bytes((handed_in / name).read_bytes())
    checker.network()
    Path(files[0]).write_bytes(DAMAGES[damage](Path(files[0]).read_bytes()))
    with pytest.raises(ValueError, match=files[0]):
        checker.network()


# The folder


def test_every_seed_of_the_card_passes_both_editions_of_the_checker():
    for run in results.read(COURSE / "cards/numpy-mnist.json")["seeds"]:
        assert min(run[of] for of in ("value", "raw_test", "raw_train")) >= 0.94


def test_importing_any_program_trains_nothing_and_leaves_nothing(small, here):
    code = f"import sys; sys.path.insert(0, {str(COURSE)!r})\n"
    code += "import mnistClassification\nassert 'torch' not in sys.modules\n"
    code += "import accurateChecker1, pytorchMnist, accurateChecker2"
    subprocess.run([sys.executable, "-B", "-c", code], check=True)
    assert not list(here.iterdir())


def test_the_recipe_ships_the_network_of_seed_0_and_says_how_it_is_made(
    tmp_path, monkeypatch
):
    recipe = beside("recipe")
    monkeypatch.setenv("DL_RUNS", str(tmp_path / "runs"))
    monkeypatch.setattr(recipe, "HERE", tmp_path / "dl_for_modeling")
    monkeypatch.setattr(recipe.data, "root", lambda name: tmp_path)
    monkeypatch.setattr(recipe.data, "hashes", lambda name: {name: "0" * 64})
    recipe.HERE.mkdir()
    called = []

    def call(program, *flags, **variables):
        called.append((program.name, flags[1], variables))
        out = Path(flags[-1])
        folder = out.parent if out.suffix else out
        for file in (*NUMPY_FILES, "mnistNet.pth"):
            (folder / file).write_text(f"seed {flags[1]}")
        said = {"flags": {"seed": flags[1], "out": str(out), "rate": 0.5}}
        said |= {"epochs": [{"loss": 0.25, "seconds": 2.0}] * 3}
        said |= {"accuracy": 0.99 + flags[1] / 1000, "raw_test": 0.97}
        for file in ("mnist.json", "mnistNet.json"):
            (folder / file).write_text(json.dumps(said))

    monkeypatch.setattr(recipe.sweep, "call", call)
    for name, question in recipe.QUESTIONS.items():
        wanted = {name: ({"card": name}, range(2))}
        done = recipe.sweep.run(recipe.train, wanted, name="dl_for_modeling", data={})
        recipe.cards(done)
        card = results.read(recipe.HERE / f"cards/{name}.json")
        assert card["question"] == question and card["parameters"] == {"rate": 0.5}
        assert results.values(card) == [0.99, 0.991]
        assert card["seeds"][0]["seconds"] == 6
        assert card["seeds"][0]["raw_test"] == 0.97
        assert card["seeds"][1]["curves"]["loss"] == [0.25] * 3
        assert card["weights"]["command"] == f"python {recipe.PROGRAMS[name]} --seed 0"
        for file in recipe.SHIPPED[name]:
            assert (recipe.HERE / file).read_text() == "seed 0"
    assert [each[:2] for each in called] == [
        (program, seed) for program in recipe.PROGRAMS.values() for seed in range(2)
    ]


@pytest.mark.parametrize("name", ["numpy-mnist", "pytorch-mnist"])
def test_the_recipe_makes_one_card_alone_where_it_is_asked_to(name, monkeypatch):
    recipe, made, written = beside("recipe"), [], []
    monkeypatch.setattr(recipe.data, "hashes", lambda name: {name: "0" * 64})
    monkeypatch.setattr(
        recipe.sweep, "run", lambda train, wanted, **how: made.append(wanted) or wanted
    )
    monkeypatch.setattr(recipe, "cards", written.extend)
    monkeypatch.setattr(sys, "argv", ["recipe.py", "--card", name])
    recipe.main()
    assert [each for each in made if each] == [{name: ({"card": name}, [*range(5)])}]
    assert written == [name]


# The trial of the zip


@pytest.fixture
def solutions(handed_in, tmp_path, monkeypatch, mnist):
    """A folder of solutions where this one has weights, and cards of them."""
    monkeypatch.setattr(data, "load", lambda name: mnist)
    folder = tmp_path / "solutions/dl_for_modeling"
    folder.mkdir(parents=True)
    for path in (*COURSE.glob("*.py"), *handed_in.iterdir()):
        if path.is_file():
            (folder / path.name).write_bytes(path.read_bytes())
    for name, file in (("a", NUMPY_FILES[0]), ("b", "mnistNet.pth")):
        results.write(
            folder / f"cards/{name}.json",
            document="dl_for_modeling",
            question="q4",
            metric="MNIST test accuracy",
            command="python recipe.py",
            parameters={},
            data={},
            seeds=[{"seed": 0, "value": 0.9, "seconds": 1.0}],
            weights=(folder / file, 0, "python x.py --seed 0"),
        )
    return folder.parent


def test_weights_that_are_missing_are_named(solutions, tmp_path):
    (solutions / "dl_for_modeling/mnistNet.pth").unlink()
    with pytest.raises(FileNotFoundError, match=r"mnistNet.pth is missing.*recipe.py"):
        handin.hand_in("dl_for_modeling", "first-last", "", tmp_path, solutions)


@pytest.mark.parametrize(
    ("stdout", "problem"),
    [
        ("accuracy: 0.99\n", "says no accuracy"),
        ("parameters: 9\nimages: 10000, right: 9800\naccuracy: 0.980\n", None),
        (
            "parameters: 200001\nimages: 9, right: 9\naccuracy: 1\n",
            "200,001 parameters",
        ),
    ],
)
def test_what_a_checker_says_is_read(monkeypatch, tmp_path, stdout, problem):
    course = beside("course")
    done = SimpleNamespace(returncode=0, stdout=stdout, stderr="")
    monkeypatch.setattr(course, "run", lambda *arguments, code: done)
    if problem is None:
        assert course.score(tmp_path, "x", most=9) == (10_000, 9_800)
        return
    with pytest.raises(ValueError, match=problem):
        course.score(tmp_path, "x", most=200_000)


# What can't be run


@pytest.mark.parametrize(
    ("name", "flags", "words"),
    [
        ("pytorchMnist", "--epochs 0", "--epochs 0: expected 1 or more"),
        ("pytorchMnist", "--validation -5", "--validation -5: expected 0 or more"),
        ("pytorchMnist", "--seed -1", "--seed -1: expected 0 or more"),
        ("pytorchMnist", "--out net.checkpoint", "expected another ending"),
        ("pytorchMnist", "--out nowhere/net.pth", "in a folder that is there"),
        ("pytorchMnist", "--label_smoothing 2", "2.0: expected 0 to 1"),
        ("mnistClassification", "--batch_size 0", "expected 1 or more"),
        ("mnistClassification", "--hidden 8 0", "--hidden 8 0: expected 1 or more"),
        ("mnistClassification", "--validation -5", "expected 0 or more"),
        ("mnistClassification", "--out nowhere", "expected a folder that is there"),
    ],
)
def test_flags_that_cannot_be_met_are_named(program, here, capsys, name, flags, words):
    with pytest.raises(SystemExit):
        getattr(program, name).main(flags.split())
    assert words in capsys.readouterr().err
    assert not list(here.iterdir())


def test_ten_steps_in_which_the_rate_cannot_rise_and_fall_are_named(
    torch_program, here
):
    flags = ["--epochs", "5", "--distort", "0"]
    with pytest.raises(ValueError, match=r"--epochs 5: the rate can't .* in 10 steps"):
        torch_program.main(flags)
    assert not list(here.iterdir())
    torch_program.main([*flags, "--validation", "250"])  # these are five


@pytest.mark.parametrize("name", PROGRAMS[:2])
def test_no_image_left_to_train_on_is_named(program, here, name):
    with pytest.raises(ValueError, match="--validation 99999 leaves no"):
        getattr(program, name).main(["--validation", "99999"])


@pytest.mark.parametrize("content", [b"", b"hello\n", b"PK\x03\x04 cut"])
@pytest.mark.parametrize(
    ("name", "checkpoint"), [*zip(PROGRAMS, ("mnist", "mnistNet"), strict=False)]
)
def test_a_damaged_checkpoint_is_named(program, here, name, checkpoint, content):
    path = Path(f"{checkpoint}.checkpoint")
    path.write_bytes(content)
    with pytest.raises(
        ValueError, match=f"{path} is damaged, or another file .*delete"
    ):
        getattr(program, name).main([])


@pytest.mark.parametrize("name", PROGRAMS[:2])
def test_a_full_disk_is_said_and_leaves_no_part(program, here, monkeypatch, name):
    def full(file, *_, **__):
        file.write(b"PK")
        raise OSError(28, "No space left on device")

    def full_in_torch(state, path):
        path.write_bytes(b"PK")
        raise RuntimeError("unexpected pos 64 vs 0")  # what torch says then

    monkeypatch.setattr(np, "savez", full)
    monkeypatch.setattr(torch, "save", full_in_torch)
    short = {"mnistClassification": SHORT, "pytorchMnist": ["--epochs", "1"]}
    with pytest.raises(OSError, match=r"\.checkpoint can't be written: .*(space|pos)"):
        getattr(program, name).main([*short[name], "--distort", "0"])
    assert not list(here.iterdir())
