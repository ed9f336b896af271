"""The tape against torch, in float64, and against the layers of helpers.nn."""

import inspect
import subprocess
import sys
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import nn, tape
from helpers.tape import Node, cross_entropy, sigmoid

generated = settings(max_examples=60, deadline=None, derandomize=True)
seeds = st.integers(0, 2**32 - 1)
SHAPES = ((), (1,), (3,), (1, 3), (2, 1), (2, 3), (1, 1), (4, 1, 3), (4, 2, 1))


def normal(seed, shape, dtype=float):
    return np.asarray(np.random.default_rng(seed).normal(size=shape), dtype)


def positive(seed, shape):
    return np.exp(normal(seed, shape))


def assert_close(got, expected, relative=1e-12):
    got, expected = np.asarray(got), np.asarray(expected)
    assert got.shape == expected.shape
    atol = relative * max(1, np.abs(expected).max(initial=0))
    np.testing.assert_allclose(got, expected, rtol=0, atol=atol)


def assert_as_torch(ours, theirs, *arrays):
    """The two functions have the same values and gradients at `arrays`."""
    nodes = [Node(array) for array in arrays]
    tensors = [torch.tensor(array, requires_grad=True) for array in arrays]
    out, out_torch = ours(*nodes), theirs(*tensors)
    assert_close(out.data, out_torch.detach())
    grad = normal(99, out.data.shape)
    out.backward(grad)
    out_torch.backward(torch.tensor(grad))
    for node, tensor in zip(nodes, tensors, strict=True):
        assert node.grad.dtype == node.data.dtype
        assert_close(node.grad, tensor.grad)


# --- Single operations ----------------------------------------------------------------

ONE = {
    "exp": (np.exp, torch.exp),
    "log": (np.log, torch.log),
    "tanh": (np.tanh, torch.tanh),
    "sigmoid": (sigmoid, torch.sigmoid),
    "negative": (lambda x: -x, lambda x: -x),
    "square": (lambda x: x**2, lambda x: x**2),
    "third power": (lambda x: x**3.0, lambda x: x**3.0),
    "root": (lambda x: x**0.5, lambda x: x**0.5),
    "to the 0": (lambda x: x**0, lambda x: x**0),
    "to the 1": (lambda x: x**1, lambda x: x**1),
    "2 - x": (lambda x: 2 - x, lambda x: 2 - x),
    "x - 2": (lambda x: x - 2, lambda x: x - 2),
    "2 + x": (lambda x: 2 + x, lambda x: 2 + x),
    "2 x": (lambda x: 2 * x, lambda x: 2 * x),
    "2 / x": (lambda x: 2 / x, lambda x: 2 / x),
    "x / 2": (lambda x: x / 2, lambda x: x / 2),
    "sum": (lambda x: x.sum(), lambda x: x.sum()),
    "mean": (lambda x: x.mean(), lambda x: x.mean()),
    "T": (lambda x: x.T, lambda x: x.permute(tuple(range(x.ndim))[::-1])),
    "flat": (lambda x: x.reshape(-1), lambda x: x.reshape(-1)),
}
TWO = {
    "+": lambda x, y: x + y,
    "-": lambda x, y: x - y,
    "*": lambda x, y: x * y,
    "/": lambda x, y: x / y,
}
MAXIMUM = np.maximum, torch.maximum


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", ONE)
def test_a_function_of_one_array_has_torchs_gradient(name, shape):
    assert_as_torch(*ONE[name], positive(0, shape))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", ["exp", "tanh", "sigmoid", "third power", "square"])
def test_and_so_it_has_at_negative_numbers(name, shape):
    assert_as_torch(*ONE[name], normal(1, shape))


@pytest.mark.parametrize("right", SHAPES, ids=str)
@pytest.mark.parametrize("left", SHAPES, ids=str)
@pytest.mark.parametrize("name", TWO)
def test_a_function_of_two_arrays_broadcasts_and_has_torchs_gradients(
    name, left, right
):
    assert_as_torch(TWO[name], TWO[name], normal(2, left), positive(3, right))


@pytest.mark.parametrize("right", SHAPES, ids=str)
@pytest.mark.parametrize("left", SHAPES, ids=str)
def test_the_larger_of_two_has_torchs_gradients(left, right):
    assert_as_torch(*MAXIMUM, normal(4, left), normal(5, right))


def test_a_rectifier_has_slope_0_at_0_as_torchs():
    x = np.array([-1.0, 0.0, 2.0])
    assert_as_torch(lambda x: np.maximum(x, 0), torch.relu, x)


@pytest.mark.parametrize("name", TWO)
@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (2, 1)], ids=str)
def test_a_constant_may_stand_on_either_side(name, shape):
    f, other = TWO[name], positive(6, shape)
    constant = torch.tensor(other)
    x = positive(7, (2, 3))
    assert_as_torch(lambda x: f(x, other), lambda x: f(x, constant), x)
    assert_as_torch(lambda x: f(other, x), lambda x: f(constant, x), x)


@pytest.mark.parametrize("exponent", [0, 1, 2, 3, 2.0, 0.0])
def test_powers_of_zero_have_torchs_slopes(exponent):
    x = np.array([0.0, 1.0, -2.0])
    assert_as_torch(lambda x: x**exponent, lambda x: x**exponent, x)


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axis", [None, 0, 1, -1, (0, 2), (1, -1), (0, 1, 2)], ids=str)
@pytest.mark.parametrize("kind", ["sum", "mean"])
def test_sums_and_means_over_axes_have_torchs_gradients(kind, axis, keepdims):
    def ours(x):
        return getattr(x, kind)(axis, keepdims) * 2

    def theirs(x):
        dim = tuple(range(3)) if axis is None else axis
        return getattr(x, kind)(dim=dim, keepdim=keepdims) * 2

    for shape in [(2, 3, 4), (1, 3, 1), (1, 1, 1)]:
        assert_as_torch(ours, theirs, normal(8, shape))


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ((2, 3), (3, 4)),
        ((1, 3), (3, 1)),
        ((3, 1), (1, 2)),
        ((1, 1), (1, 1)),
        ((3, 3), (3, 3)),
        ((5, 2, 3), (5, 3, 4)),
        ((5, 2, 3), (3, 4)),
        ((2, 3), (5, 3, 4)),
        ((5, 1, 2, 3), (1, 6, 3, 4)),
    ],
    ids=str,
)
def test_matrix_products_have_torchs_gradients(left, right):
    a, b = normal(9, left), normal(10, right)
    assert_as_torch(lambda a, b: a @ b, lambda a, b: a @ b, a, b)
    assert_as_torch(lambda a: a @ b, lambda a: a @ torch.tensor(b), a)
    assert_as_torch(lambda b: a @ b, lambda b: torch.tensor(a) @ b, b)


@pytest.mark.parametrize(
    "index",
    [
        0,
        -1,
        slice(1, 3),
        np.array([0, 0, 2, 0]),
        (np.array([0, 1, 0]), np.array([1, 2, 1])),
        (slice(None), 2),
        (slice(None), np.array([1, 1])),
        np.array([True, False, True, True]),
        (1, 2),
        (None, slice(None, None, 2)),
        ...,
    ],
    ids=str,
)
def test_what_an_index_takes_twice_is_handed_back_twice(index):
    assert_as_torch(lambda x: x[index], lambda x: x[index], normal(11, (4, 3)))


@generated
@given(n=st.integers(1, 7), k=st.integers(1, 7), seed=seeds)
def test_cross_entropy_is_torchs(n, k, seed):
    labels = np.random.default_rng(seed).integers(k, size=n)
    in_torch = partial(torch.nn.functional.cross_entropy, target=torch.tensor(labels))
    for length in (1e-3, 1.0, 1e4):
        z = length * normal(seed, (n, k))
        assert_as_torch(lambda z: cross_entropy(z, labels), in_torch, z)


# --- Graphs ---------------------------------------------------------------------------


def random_expression(draw, leaves, numpy):
    """The same random operations on nodes and on tensors; values stay near 1."""
    lib = np if numpy else torch
    tanh, exp, log = lib.tanh, lib.exp, lib.log
    rectify = (lambda x: np.maximum(x, 0)) if numpy else torch.relu
    known = list(leaves)
    for kind, i, j, c in draw:
        a, b = known[i % len(known)], known[j % len(known)]
        if kind == "add":
            new = a + b
        elif kind == "subtract":
            new = a - b * c
        elif kind == "multiply":
            new = tanh(a) * b
        elif kind == "divide":
            new = a / (exp(tanh(b)) + 1)
        elif kind == "log":
            new = log(tanh(a) ** 2 + 1.5)
        elif kind == "sum":
            new = a.sum()
        elif kind == "mean":
            new = a.mean()
        elif kind == "rectify":
            new = rectify(a)
        elif kind == "outer":
            new = (tanh(a).reshape(-1, 1) @ tanh(b).reshape(-1, 1).T).mean()
        elif kind == "index":
            new = a.reshape(-1)[[0, -1, 0]].sum()
        else:
            new = c - tanh(a)
        known.append(tanh(new) if kind == "add" else new)
    total = known[-1].sum()
    for each in known[-4:-1]:
        total = total + tanh(each).sum()
    return total


KINDS = [
    "add",
    "subtract",
    "multiply",
    "divide",
    "log",
    "sum",
    "mean",
    "rectify",
    "outer",
    "index",
    "c",
]
kinds = st.sampled_from(KINDS)
lines = st.tuples(kinds, st.integers(0, 30), st.integers(0, 30), st.floats(-2, 2))


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    draw=st.lists(lines, min_size=1, max_size=12),
    shapes=st.lists(
        st.sampled_from([(), (1,), (3,), (2, 1), (1, 3), (2, 3)]),
        min_size=1,
        max_size=3,
    ),
    seed=seeds,
)
def test_random_expressions_have_torchs_gradients(draw, shapes, seed):
    arrays = [normal(seed + i, shape) for i, shape in enumerate(shapes)]
    nodes = [Node(array) for array in arrays]
    tensors = [torch.tensor(array, requires_grad=True) for array in arrays]
    ours = random_expression(draw, nodes, numpy=True)
    theirs = random_expression(draw, tensors, numpy=False)
    assert_close(ours.data, theirs.detach())
    ours.backward()
    theirs.backward()
    reached = {node.number for node in ours.graph()}
    for node, tensor in zip(nodes, tensors, strict=True):
        if node.number in reached:
            assert_close(node.grad, tensor.grad, 1e-10)
        else:
            assert node.grad is None and tensor.grad is None


SHARED = {
    "x * x": lambda x: x * x,
    "x + x": lambda x: x + x,
    "x @ x": lambda x: x @ x,
    "x @ x.T": lambda x: x @ x.T,
    "diamond": lambda x: (x + 1) * (x * 2),
    "inner node twice": lambda x: (x * 3) * ((x * 3) + 1),
    "long and short way": lambda x: ((x * x + 1) * x + x) * x,
}


@pytest.mark.parametrize("name", SHARED)
def test_a_node_used_twice_gets_both_parts(name):
    assert_as_torch(SHARED[name], SHARED[name], normal(12, (3, 3)))


def test_a_node_passes_on_only_when_all_that_use_it_have_reported():
    x = Node(np.array(2.0))
    early = x * 3
    late = early
    for _ in range(5):
        late = late + 1
    (early * late).backward()
    assert x.grad == 3 * (6 + 11)


def test_each_node_is_visited_once():
    node = Node(np.ones(()))
    for _ in range(50):
        node = node + node
    assert len(node.graph()) == 51
    node.backward()
    assert node.graph()[-1].grad == 2.0**50


def test_a_second_backward_gives_the_same_gradients():
    x, y = Node(normal(13, (2, 3))), Node(normal(14, (3,)))
    loss = (np.tanh(x * y) * x).sum()
    loss.backward()
    first = x.grad.copy(), y.grad.copy()
    loss.backward()
    assert np.array_equal(x.grad, first[0]) and np.array_equal(y.grad, first[1])


def test_another_loss_of_the_same_nodes_replaces_their_gradients():
    x = Node(np.array(3.0))
    (x * x).backward()
    (x * 5).backward()
    assert x.grad == 5


def test_gradients_of_different_nodes_share_no_memory():
    x, y = Node(np.ones(3)), Node(np.ones(3))
    total = x + y
    total.backward(grad=np.ones(3))
    x.grad *= 7
    assert np.array_equal(y.grad, np.ones(3)) and np.array_equal(total.grad, np.ones(3))
    total.sum().backward()
    x.grad += 1  # a view of broadcast ones would refuse


def test_the_gradient_that_backward_is_given_stays_as_it_is():
    x, grad = Node(np.ones(3, np.float32)), np.ones(3)
    out = x * 2
    out.backward(grad)
    out.grad *= 7
    assert np.array_equal(grad, np.ones(3))
    assert out.grad.dtype == np.float32


DEEP = """
import numpy as np
from helpers.tape import Node
x = Node(np.array(1.0))
y = x
for _ in range(100_000):
    y = {step}
y.backward()
assert x.grad == 1, x.grad
del y
print("done")
"""


@pytest.mark.parametrize("step", ["y + 0.0", "-(-y)", "y.reshape(1).reshape()"])
def test_a_chain_of_100_000_operations_goes_back_and_away(step):
    step = step.replace("reshape()", "reshape(())")
    code = [sys.executable, "-c", DEEP.format(step=step)]
    done = subprocess.run(code, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr[-500:]


def test_a_graph_goes_away_without_the_garbage_collector():
    code = """
import gc, weakref
import numpy as np
from helpers.tape import Node, cross_entropy
gc.disable()
W = Node(np.ones((3, 2)))
h = np.tanh(np.exp(np.ones((4, 3)) @ W * 0.1))
seen = weakref.ref(h)
loss = cross_entropy(h, np.array([0, 1, 1, 0]))
loss.backward()
del h, loss
assert seen() is None
"""
    subprocess.run([sys.executable, "-c", code], check=True)


# --- Types and errors -----------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_types_stay_as_given(dtype):
    W, b = Node(normal(15, (3, 2), dtype)), Node(normal(16, (2,), dtype))
    x = normal(17, (4, 3), dtype)
    h = sigmoid(np.maximum(x @ W + b, 0)) * 2 / 3 - np.float64(0.5) + np.sqrt(2)
    loss = cross_entropy((h**2).mean(axis=1, keepdims=True) * h, np.array([0, 1, 0, 1]))
    loss.backward()
    assert {node.data.dtype for node in loss.graph()} == {np.dtype(dtype)}
    assert {node.grad.dtype for node in loss.graph()} == {np.dtype(dtype)}


def test_whole_numbers_and_bits_are_fine_as_constants():
    x = Node(np.array([1.0, 2.0]))
    out = x - np.array([3, 4], np.uint8) + x * np.array([True, False])
    assert np.array_equal(out.data, [-1, -2])
    assert np.array_equal((np.array([3, 4], np.uint8) - x).data, [2, 2])


def test_a_gradient_takes_no_part_in_what_is_constant():
    x = Node(np.array(2.0))
    y = x * x.data
    y.backward()
    assert x.grad == 2
    assert len(y.graph()) == 2


@pytest.mark.parametrize(
    ("wrong", "error", "words"),
    [
        (lambda x: Node(np.arange(3)), TypeError, "floats"),
        (lambda x: Node([[1, 2]]), TypeError, "floats"),
        (lambda x: Node(x), TypeError, "no rule"),
        (lambda x: Node("x"), TypeError, "floats"),
        (lambda x: x**x, TypeError, r"np\.power.*np\.exp\(c \* np\.log"),
        (lambda x: 2**x, TypeError, r"np\.power"),
        (lambda x: x > 0, TypeError, r"np\.greater.*x\.data"),
        (lambda x: x == x, TypeError, r"np\.equal"),
        (lambda x: np.sin(x), TypeError, r"np\.sin"),
        (lambda x: np.add.reduce(x), TypeError, r"np\.add"),
        (lambda x: x.__iadd__(1), TypeError, r"x = x \+ y"),
        (lambda x: np.ones((2, 3)).__iadd__(x), TypeError, r"x = x \+ y"),
        (lambda x: x.__setitem__(0, 1), AttributeError, "setitem"),
        (lambda x: x + None, TypeError, "None"),
        (lambda x: x @ np.ones(3), ValueError, "vector"),
        (lambda x: np.ones(2) @ x, ValueError, "vector"),
        (lambda x: x @ x, ValueError, "match"),
        (lambda x: x + np.ones(5), ValueError, "broadcast"),
        (lambda x: x.backward(), ValueError, r"None.*\(2, 3\)"),
        (lambda x: x.backward(np.ones(3)), ValueError, r"1\. 1\. 1.*\(2, 3\)"),
        (lambda x: x.sum().backward(np.ones(1)), ValueError, r"1\..*\(\)"),
        (lambda x: np.flip(x), TypeError, r"no rule.*x\.data"),
        (lambda x: np.dot(np.ones((2, 2)), x), TypeError, "no rule"),
        (lambda x: np.where([True], x, 0), TypeError, "no rule"),
        (lambda x: np.median(x), TypeError, "no rule"),
        (lambda x: np.nan_to_num(x), TypeError, "no rule"),
        (lambda x: np.argmax(x), TypeError, "no rule"),
        (lambda x: Node(np.ones(2) * 1j), TypeError, "floats"),
        (lambda x: cross_entropy(x, np.array([0.0, 1.0])), ValueError, "integers"),
        (lambda x: cross_entropy(x, np.array([0, 3])), ValueError, "0 to 2"),
    ],
)
def test_wrong_use_is_told(wrong, error, words):
    with pytest.raises(error, match=words):
        wrong(Node(np.ones((2, 3))))


# --- The layers of chapters 3 and 5 ---------------------------------------------------


@pytest.mark.parametrize(
    ("activation", "layer"),
    [(sigmoid, nn.Sigmoid), (lambda a: np.maximum(a, 0), nn.ReLU), (np.tanh, nn.Tanh)],
)
def test_training_gives_the_losses_of_the_layers(activation, layer):
    rng = np.random.default_rng(0)
    linear = [
        nn.Linear(*size, rng, dtype=float) for size in [(20, 15), (15, 10), (10, 4)]
    ]
    net = nn.Sequential([linear[0], layer(), linear[1], layer(), linear[2]])
    params = [Node(param.copy()) for param in net.params]
    x, labels = rng.normal(size=(33, 20)), rng.integers(4, size=33)
    head, optimizer = nn.SoftmaxCrossEntropy(), nn.SGD(net, lr=0.5)
    losses = []
    for _ in range(20):
        h = x
        for W, b in zip(params[:-2:2], params[1:-2:2], strict=True):
            h = activation(h @ W + b)
        loss = cross_entropy(h @ params[-2] + params[-1], labels)
        loss.backward()
        for param in params:
            param.data = param.data - 0.5 * param.grad
        losses.append(float(loss.data))
        assert abs(losses[-1] - head.forward(net.forward(x), labels)) < 1e-10
        net.backward(head.backward())
        optimizer.step()
    assert losses[-1] < losses[0]


def test_the_tape_is_read_in_one_sitting():
    assert len(inspect.getsource(tape).splitlines()) <= 150


def test_a_walk_takes_each_node_of_diamonds_once():
    node = Node(np.array(0.1))
    for _ in range(30):  # two different operands, which share what lies behind them
        node = np.tanh((node + 1) * (node * 2))
    assert len(node.graph()) == 121
    node.backward()


@pytest.mark.parametrize(
    "rectified", [lambda x: np.maximum(x, 0), lambda x: np.maximum(0, x)]
)
def test_the_rectifier_has_slope_0_at_0_in_either_order(rectified):
    x = Node(np.array([-1.0, 0, 2]))
    rectified(x).sum().backward()
    assert x.grad.tolist() == [0, 0, 1]


def test_the_larger_of_equal_nodes_has_slopes_that_add_up_to_1():
    a, b = Node(np.array(1.0)), Node(np.array(1.0))
    np.maximum(a, b).backward()
    assert a.grad + b.grad == 1
    np.maximum(a, a).backward()
    assert a.grad == 1


def test_sigmoids_of_a_thousand_have_values_and_gradients():
    x = Node(np.array([-1000.0, 1000]))
    out = sigmoid(x)
    out.sum().backward()
    assert out.data.tolist() == [0, 1]
    assert x.grad.tolist() == [0, 0]


def test_a_number_takes_the_array_s_type_whatever_it_is():
    x = Node(np.ones(2, np.float32))
    for number in (2, 0.5, np.float64(2), np.array(0.5)):
        assert (x * number).data.dtype == np.float32


def test_one_number_in_any_shape_starts_with_1_and_a_given_gradient_is_copied():
    x = Node(np.ones((1, 1)))
    (x * 3).backward()
    assert x.grad == 3
    given, y = np.ones(2), Node(np.ones(2))
    out = y * 2
    out.backward(given)
    out.grad += 5
    assert given.tolist() == [1, 1]
