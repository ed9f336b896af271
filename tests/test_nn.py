import inspect
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from helpers import nn
from helpers.differences import central_differences

ACTIVATIONS = {
    nn.ReLU: torch.relu,
    nn.Sigmoid: torch.sigmoid,
    nn.Tanh: torch.tanh,
    nn.Softmax: lambda z: torch.softmax(z, dim=-1),
}
LOSSES = {
    nn.CrossEntropy: lambda p, y: torch.nn.functional.nll_loss(p.log(), y),
    nn.SoftmaxCrossEntropy: torch.nn.functional.cross_entropy,
}
DTYPES = (np.float32, np.float64)
LENGTHS = (1e-3, 0.1, 1.0, 10.0, 300.0, 1e4)

each_activation = pytest.mark.parametrize("kind", ACTIVATIONS)
each_loss = pytest.mark.parametrize("kind", LOSSES)
each_dtype = pytest.mark.parametrize("dtype", DTYPES)
generated = settings(max_examples=30, deadline=None, derandomize=True)
sizes = st.integers(1, 7)
seeds = st.integers(0, 2**32 - 1)


def assert_close(got, expected, relative, rounding=0.0):
    """Equal up to a fraction of the largest entry, and to `rounding`."""
    got, expected = np.asarray(got), np.asarray(expected)
    assert got.shape == expected.shape
    atol = relative * np.abs(expected).max() + rounding
    np.testing.assert_allclose(got, expected, rtol=0, atol=atol)


def frozen(array):
    array.flags.writeable = False
    return array


def normal(seed, shape, length=1.0, dtype=float):
    """Read-only, so that a layer that writes into its arguments fails."""
    values = length * np.random.default_rng(seed).normal(size=shape)
    return frozen(values.astype(dtype))


def away_from_zero(x):
    """No entry changes its sign within a step of central_differences."""
    return frozen(x + np.copysign(0.1 * np.abs(x).max(), x))


def random_labels(seed, n, k):
    return frozen(np.random.default_rng(seed).integers(k, size=n))


def made(kind, dtype=float):
    """A layer that takes rows of 3."""
    if kind is nn.Linear:
        return nn.Linear(3, 2, np.random.default_rng(0), dtype=dtype)
    return kind()


def scores(kind, seed, shape, length=1.0, dtype=float):
    """Logits; for CrossEntropy numbers from 0 to 1, no step from the largest near 0."""
    if kind is nn.SoftmaxCrossEntropy:
        return normal(seed, shape, length, dtype)
    probs = np.random.default_rng(seed).uniform(0.1, 1, shape)
    return frozen((min(length, 1) * probs).astype(dtype))


def torch_gradients(function, *arrays):
    """The gradients of a scalar torch function by all its arguments."""
    tensors = [torch.tensor(array, requires_grad=True) for array in arrays]
    gradients = torch.autograd.grad(function(*tensors), tensors)
    return [gradient.numpy() for gradient in gradients]


# --- Gradients against two witnesses --------------------------------------------------


@each_activation
@generated
@given(n=sizes, k=sizes, length=st.sampled_from(LENGTHS), seed=seeds)
def test_gradient_of_an_activation_equals_both_witnesses(kind, n, k, length, seed):
    x, grad = normal(seed, (n, k), length), normal(seed + 1, (n, k))
    if kind is nn.ReLU:
        x = away_from_zero(x)
    layer, in_torch = kind(), ACTIVATIONS[kind]
    out = layer.forward(x)
    assert_close(out, in_torch(torch.tensor(x)), 1e-14)
    got = layer.backward(grad)
    [by_torch] = torch_gradients(lambda x: (torch.tensor(grad) * in_torch(x)).sum(), x)
    assert_close(got, by_torch, 1e-13, rounding=1e-14 * np.abs(grad).max())
    differences, _ = central_differences(lambda x: (grad * kind().forward(x)).sum(), x)
    assert_close(got, differences, 1e-6, rounding=1e-8)


@generated
@given(
    n=sizes, fans=st.tuples(sizes, sizes), length=st.sampled_from(LENGTHS), seed=seeds
)
def test_gradients_of_linear_equal_both_witnesses(n, fans, length, seed):
    x, grad = normal(seed, (n, fans[0]), length), normal(seed + 1, (n, fans[1]))
    layer = nn.Linear(*fans, np.random.default_rng(seed), dtype=np.float64)
    layer.b += normal(seed + 2, fans[1])
    W, b = layer.W.copy(), layer.b.copy()
    layer.forward(x)
    got = [layer.backward(grad), *layer.grads]
    by_torch = torch_gradients(
        lambda x, W, b: (torch.tensor(grad) * (x @ W + b)).sum(), x, W, b
    )

    def moved(name, value):
        other = nn.Linear(*fans, np.random.default_rng(0), dtype=np.float64)
        other.W, other.b = W, b
        if name != "x":
            setattr(other, name, value)
        return (grad * other.forward(value if name == "x" else x)).sum()

    for name, at, own, witness in zip("xWb", (x, W, b), got, by_torch, strict=True):
        assert_close(own, witness, 1e-12, rounding=1e-13 * np.abs(grad).max())
        differences, _ = central_differences(lambda v, name=name: moved(name, v), at)
        assert_close(own, differences, 1e-6, rounding=1e-8)


@generated
@given(n=sizes, fans=st.tuples(sizes, sizes), seed=seeds)
def test_linear_is_x_times_w_plus_b(n, fans, seed):
    x, layer = normal(seed, (n, fans[0])), nn.Linear(*fans, np.random.default_rng(seed))
    layer.W, layer.b = normal(seed + 1, fans), normal(seed + 2, fans[1])
    expected = torch.tensor(x) @ torch.tensor(layer.W) + torch.tensor(layer.b)
    assert_close(layer.forward(x), expected, 1e-13)


@each_loss
@generated
@given(n=sizes, k=sizes, length=st.sampled_from(LENGTHS), seed=seeds)
def test_a_loss_and_its_gradient_equal_both_witnesses(kind, n, k, length, seed):
    x, labels = scores(kind, seed, (n, k), length), random_labels(seed, n, k)
    loss, in_torch = kind(), LOSSES[kind]
    value = loss.forward(x, labels)
    assert type(value) is float
    y = torch.tensor(labels)
    assert_close(value, in_torch(torch.tensor(x), y), 1e-13, rounding=1e-14)
    [by_torch] = torch_gradients(lambda x: in_torch(x, y), x)
    assert_close(loss.backward(), by_torch, 1e-13, rounding=1e-15)
    differences, _ = central_differences(lambda x: kind().forward(x, labels), x)
    assert_close(loss.backward(), differences, 1e-6, rounding=1e-8)


@generated
@given(n=sizes, k=sizes, length=st.sampled_from(LENGTHS[:4]), seed=seeds)
def test_softmax_and_cross_entropy_in_two_layers_equal_the_one(n, k, length, seed):
    z, labels = normal(seed, (n, k), length), random_labels(seed, n, k)
    softmax, two, one = nn.Softmax(), nn.CrossEntropy(), nn.SoftmaxCrossEntropy()
    value = two.forward(softmax.forward(z), labels)
    assert_close(value, one.forward(z, labels), 1e-12, rounding=1e-14)
    assert_close(softmax.backward(two.backward()), one.backward(), 1e-12, 1e-15)


@each_activation
def test_activations_of_other_dimensions_work_along_the_last_axis(kind):
    x = away_from_zero(normal(0, (2, 3, 5)))
    grad = normal(1, x.shape)
    whole, row = kind(), kind()
    out, back = whole.forward(x), whole.backward(grad)
    for i in np.ndindex(2, 3):
        np.testing.assert_allclose(row.forward(x[i]), out[i], rtol=1e-14)
        np.testing.assert_allclose(row.backward(grad[i]), back[i], rtol=1e-12)


def test_relu_has_derivative_zero_at_zero():
    relu = nn.ReLU()
    assert relu.forward(np.array([0.0, -0.0, 1e-300])).tolist() == [0, 0, 1e-300]
    assert relu.backward(np.ones(3)).tolist() == [0, 0, 1]


# --- Extremes: nothing overflows, nothing is divided by zero --------------------------


@pytest.fixture
def no_trouble():
    """Overflow, division by zero and nan raise; exp(-1e4) may underflow to 0."""
    with np.errstate(all="raise", under="ignore"):
        yield


@each_dtype
@each_activation
def test_activations_are_finite_at_ten_thousand(kind, dtype, no_trouble):
    x = np.array([[1e4, -1e4, 0, 700], [-1e4] * 4, [1e4] * 4], dtype)
    layer = kind()
    out, back = layer.forward(x), layer.backward(np.ones_like(x))
    assert np.isfinite(out).all()
    assert np.isfinite(back).all()


@each_dtype
def test_sigmoid_saturates_exactly_at_ten_thousand(dtype, no_trouble):
    sigmoid = nn.Sigmoid()
    assert sigmoid.forward(np.array([-1e4, 0, 1e4], dtype)).tolist() == [0, 0.5, 1]
    assert sigmoid.backward(np.ones(3, dtype)).tolist() == [0, 0.25, 0]


def test_sigmoid_keeps_all_its_digits_far_out_on_both_sides(no_trouble):
    x = np.linspace(-700, 700, 1001)
    np.testing.assert_allclose(nn.Sigmoid().forward(x), expit(x), rtol=1e-15)


@each_dtype
def test_softmax_cross_entropy_is_exact_at_ten_thousand(dtype, no_trouble):
    logits = np.array([[1e4, -1e4, 0], [1e4, -1e4, 0]], dtype)
    loss = nn.SoftmaxCrossEntropy()
    assert loss.forward(logits, np.array([0, 0])) == 0
    assert loss.backward().tolist() == [[0, 0, 0], [0, 0, 0]]
    assert loss.forward(logits, np.array([0, 1])) == 1e4  # the mean of 0 and 2e4
    assert loss.backward().tolist() == [[0, 0, 0], [0.5, -0.5, 0]]


@each_dtype
def test_cross_entropy_is_finite_where_the_probability_is_zero(dtype, no_trouble):
    probs, loss = np.array([[0, 1], [0, 1]], dtype), nn.CrossEntropy()
    tiny = np.finfo(dtype).tiny
    assert loss.forward(probs, np.array([1, 1])) == 0
    assert loss.backward().tolist() == [[0, -0.5], [0, -0.5]]
    expected = -np.log(tiny, dtype=float) / 2
    assert loss.forward(probs, np.array([0, 1])) == pytest.approx(expected, rel=1e-6)
    assert loss.backward().tolist() == [[-1 / (2 * float(tiny)), 0], [0, -0.5]]


@each_dtype
@pytest.mark.parametrize("label", [0, 1])
def test_softmax_then_cross_entropy_is_finite_at_ten_thousand(dtype, label, no_trouble):
    softmax, loss = nn.Softmax(), nn.CrossEntropy()
    probs = softmax.forward(np.array([[1e4, -1e4]], dtype))
    assert np.isfinite(loss.forward(probs, np.array([label])))
    assert np.isfinite(softmax.backward(loss.backward())).all()


# --- The sigmoid and binary cross-entropy ---------------------------------------------

torch_binary = torch.nn.functional.binary_cross_entropy_with_logits


def random_bits(seed, n):
    return random_labels(seed, n, 2)


@generated
@given(n=sizes, length=st.sampled_from(LENGTHS), seed=seeds)
def test_sigmoid_cross_entropy_equals_both_witnesses(n, length, seed):
    z, labels = normal(seed, (n, 1), length), random_bits(seed, n)
    loss, y = nn.SigmoidCrossEntropy(), torch.tensor(labels[:, None], dtype=float)
    value = loss.forward(z, labels)
    assert type(value) is float
    assert_close(value, torch_binary(torch.tensor(z), y), 1e-13, rounding=1e-14)
    [by_torch] = torch_gradients(lambda z: torch_binary(z, y), z)
    assert_close(loss.backward(), by_torch, 1e-13, rounding=1e-15)
    away = away_from_zero(z)
    loss.forward(away, labels)
    differences, _ = central_differences(
        lambda z: nn.SigmoidCrossEntropy().forward(z, labels), away
    )
    assert_close(loss.backward(), differences, 1e-6, rounding=1e-8)


def test_sigmoid_cross_entropy_is_softmax_cross_entropy_of_two_classes():
    z, labels = normal(0, (5, 1), 10.0), random_bits(1, 5)
    one, two = nn.SigmoidCrossEntropy(), nn.SoftmaxCrossEntropy()
    value = two.forward(np.hstack([np.zeros_like(z), z]), labels)
    assert_close(one.forward(z, labels), value, 1e-13)
    assert_close(one.backward(), two.backward()[:, 1:], 1e-12)


@each_dtype
def test_sigmoid_cross_entropy_is_exact_at_ten_thousand(dtype, no_trouble):
    loss, logits = nn.SigmoidCrossEntropy(), np.array([[1e4], [-1e4]], dtype)
    assert loss.forward(logits, np.array([1, 0])) == 0
    assert loss.backward().tolist() == [[0], [0]]
    assert loss.forward(logits, np.array([0, 1])) == 1e4
    assert loss.backward().tolist() == [[0.5], [-0.5]]
    assert loss.backward().dtype == dtype


@each_dtype
def test_sigmoid_cross_entropy_keeps_its_digits_where_the_loss_is_small(dtype):
    loss = nn.SigmoidCrossEntropy()
    value = loss.forward(np.array([[20.0]], dtype), np.array([1]))
    assert value == pytest.approx(2.061153618190204e-9, rel=1e-6)
    assert loss.forward(np.array([[20.0]], dtype), np.array([0])) == pytest.approx(20)


@pytest.mark.parametrize(
    ("shape", "labels", "message"),
    [
        (
            (4,),
            np.zeros(4, int),
            r"\(4,\); expected \(n, 1\): reshape them to \(4, 1\)",
        ),
        ((4, 2), np.zeros(4, int), r"\(4, 2\); expected \(n, 1\): .*SoftmaxCrossEntr"),
        ((0, 1), np.zeros(0, int), r"\(0, 1\); .*leave empty batches out"),
        ((4, 1), np.zeros((4, 1), int), r"\(4, 1\); expected \(4,\): .*ravel\(\)"),
        ((4, 1), np.zeros(3, int), r"\(3,\) .*expected \(4,\): give one integer"),
        ((4, 1), np.zeros(4), r"are float64; .*astype\(int\)"),
        ((4, 1), np.array([-1, 1, 1, -1]), "from -1 to 1; expected 0 and 1: compare"),
        ((4, 1), np.array([4, 9, 9, 4]), "from 4 to 9; expected 0 and 1: compare"),
        ((4, 1), np.array([0, 1, 2, 1]), "from 0 to 2; expected 0 and 1: compare"),
    ],
)
def test_sigmoid_cross_entropy_refuses_other_shapes_and_labels(shape, labels, message):
    with pytest.raises(ValueError, match=message):
        nn.SigmoidCrossEntropy().forward(np.ones(shape), labels)


def test_sigmoid_cross_entropy_backward_before_forward_says_so():
    with pytest.raises(RuntimeError, match="call forward first"):
        nn.SigmoidCrossEntropy().backward()


# --- State: set, not added; nothing else touched --------------------------------------


@pytest.mark.parametrize("kind", [nn.Linear, *ACTIVATIONS])
def test_backward_twice_gives_the_same_bits(kind):
    layer, x = made(kind), normal(0, (5, 3))
    grad = normal(1, layer.forward(x).shape)
    first = [layer.backward(grad), *map(np.copy, layer.grads)]
    second = [layer.backward(grad), *layer.grads]
    for once, twice in zip(first, second, strict=True):
        assert once.tobytes() == twice.tobytes()


@each_loss
def test_backward_of_a_loss_twice_gives_the_same_bits(kind):
    loss = kind()
    loss.forward(scores(kind, 0, (5, 3)), random_labels(0, 5, 3))
    assert loss.backward().tobytes() == loss.backward().tobytes()


def test_a_first_layer_has_the_same_gradients_and_hands_none_back():
    x, grad = normal(0, (5, 3), dtype=np.float32), normal(1, (5, 2), dtype=np.float32)
    first, later = (
        nn.Linear(3, 2, np.random.default_rng(0), first=first)
        for first in (True, False)
    )
    for layer in (first, later):
        layer.forward(x)
    assert first.backward(grad) is None
    assert later.backward(grad).shape == x.shape
    for one, other in zip(first.grads, later.grads, strict=True):
        assert one.any() and (one == other).all()


def test_gradients_of_linear_are_those_of_the_last_batch_alone():
    used, fresh = made(nn.Linear), made(nn.Linear)
    used.forward(normal(0, (5, 3)))
    used.backward(normal(1, (5, 2)))
    for layer in (used, fresh):
        layer.forward(normal(2, (4, 3)))
        layer.backward(normal(3, (4, 2)))
    assert all(map(np.array_equal, used.grads, fresh.grads))


@each_dtype
@pytest.mark.parametrize("kind", [nn.Linear, *ACTIVATIONS])
def test_layers_keep_the_dtype_and_their_arguments(kind, dtype):
    layer, x = made(kind, dtype), normal(0, (5, 3), dtype=dtype)  # x is read-only
    out = layer.forward(x)
    back = layer.backward(normal(1, out.shape, dtype=dtype))
    for array in (out, back, *layer.params, *layer.grads):
        assert array.dtype == dtype


@each_dtype
@each_loss
def test_losses_keep_the_dtype_and_their_arguments(kind, dtype):
    loss, x = kind(), scores(kind, 0, (5, 3), dtype=dtype)
    loss.forward(x, random_labels(0, 5, 3))
    assert loss.backward().dtype == dtype


# --- Errors name both shapes and say what to do ---------------------------------------


@pytest.mark.parametrize(
    ("shape", "advice"),
    [
        ((128, 28, 28), r"flatten them to \(128, 784\)"),
        ((784,), r"reshape one sample to \(1, 784\)"),
        ((784, 128), "transpose"),
        ((128, 100), "rows of 784 numbers"),
        ((256, 392), "rows of 784 numbers"),
        ((), "rows of 784 numbers"),
        ((2, 3, 5), "rows of 784 numbers"),
        ((28, 28, 128), "rows of 784 numbers"),
    ],
)
def test_linear_says_how_inputs_of_a_wrong_shape_become_right(shape, advice):
    layer = nn.Linear(784, 10, np.random.default_rng(0))
    got = str(shape).replace("(", r"\(").replace(")", r"\)")
    message = rf"Linear\(784 -> 10\) got .* {got}; expected \(n, 784\): .*{advice}"
    with pytest.raises(ValueError, match=message):
        layer.forward(np.zeros(shape))


@pytest.mark.parametrize(("shape", "advice"), [((5,), r"to \(5, 1\)"), ((), "rows")])
def test_linear_of_one_input_makes_rows_of_a_list_of_numbers(shape, advice):
    with pytest.raises(ValueError, match=advice):
        nn.Linear(1, 2, np.random.default_rng(0)).forward(np.zeros(shape))


@pytest.mark.parametrize("kind", [nn.Linear, *ACTIVATIONS])
@pytest.mark.parametrize(
    "change", [lambda g: g[1:], lambda g: g[:, :1], lambda g: g[0], lambda g: g.T]
)
def test_a_gradient_of_a_wrong_shape_is_named_beside_the_right_one(kind, change):
    layer = made(kind)
    out = layer.forward(np.ones((5, 3)))
    wrong = change(np.ones(out.shape))
    with pytest.raises(ValueError) as caught:
        layer.backward(wrong)
    for words in (f"{kind.__name__}.backward", str(wrong.shape), str(out.shape)):
        assert words in str(caught.value)


@pytest.mark.parametrize("kind", [nn.Linear, *ACTIVATIONS, *LOSSES])
def test_backward_before_forward_says_so(kind):
    layer = made(kind)
    arguments = [np.ones((5, 3))][: len(inspect.signature(layer.backward).parameters)]
    message = f"{kind.__name__}.backward came before forward; call forward first"
    with pytest.raises(RuntimeError, match=message):
        layer.backward(*arguments)


@each_loss
@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.eye(3, dtype=int)[[0, 1, 2, 0]], r"\(4, 3\); .*\(4,\): .*argmax\(axis=1\)"),
        (np.zeros((4, 1), int), r"\(4, 1\) .*\(4, 3\); expected \(4,\): .*ravel\(\)"),
        (np.zeros(5, int), r"\(5,\) .*\(4, 3\); expected \(4,\): give one integer"),
        (np.zeros(4), r"are float64; expected integers: pass labels.astype\(int\)"),
        (np.zeros(4, bool), r"are bool; expected integers: pass labels.astype\(int\)"),
        (
            np.array([0, 1, 2, 3]),
            r"run from 0 to 3; expected 0 to 2 .*\(4, 3\).*from 0",
        ),
        (np.array([-1, 0, 1, 2]), r"run from -1 to 2; expected 0 to 2 .*\(4, 3\)"),
    ],
)
def test_wrong_labels_are_refused_with_advice(kind, labels, message):
    with pytest.raises(ValueError, match=message):
        kind().forward(np.full((4, 3), 1 / 3), labels)


@each_loss
@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((0, 3), r"\(0, 3\); expected \(n, k\) .*leave empty batches out"),
        ((4, 0), r"\(4, 0\); expected \(n, k\) .*at least 1"),
        ((4,), r"\(4,\); expected \(n, k\): reshape them"),
        ((4, 3, 2), r"\(4, 3, 2\); expected \(n, k\): reshape them"),
    ],
)
def test_wrong_scores_are_refused_with_advice(kind, shape, message):
    with pytest.raises(ValueError, match=message):
        kind().forward(np.ones(shape), np.zeros(shape[0], int))


# In each of these some layer or loss was silently wrong: sigmoid(1) was 0 in uint8.
NO_FLOATS = [np.uint8, np.int64, np.bool_, np.complex128, np.float16]
each_wrong_kind = pytest.mark.parametrize("wrong", NO_FLOATS)


def refused(got, wrong):
    words = f"{got} of {np.dtype(wrong)}; expected float32 or float64: .*np.float32"
    return pytest.raises(ValueError, match=words)


@each_wrong_kind
@pytest.mark.parametrize("kind", [nn.Linear, *ACTIVATIONS])
def test_layers_refuse_inputs_and_gradients_that_are_no_floats(kind, wrong):
    layer = made(kind)
    with refused(f"{kind.__name__}.* got inputs", wrong):
        layer.forward(np.ones((2, 3), wrong))
    out = layer.forward(np.ones((2, 3)))
    with refused(f"{kind.__name__}.backward got a gradient", wrong):
        layer.backward(np.ones(out.shape, wrong))


@each_wrong_kind
@pytest.mark.parametrize("kind", [*LOSSES, nn.SigmoidCrossEntropy])
def test_losses_refuse_scores_that_are_no_floats(kind, wrong):
    with refused("scores", wrong):
        kind().forward(np.ones((2, 1), wrong), np.zeros(2, int))


@each_wrong_kind
def test_linear_has_no_weights_that_are_no_floats(wrong):
    with refused(r"Linear\(3 -> 2\) got weights", wrong):
        nn.Linear(3, 2, np.random.default_rng(0), dtype=wrong)


@each_wrong_kind
@pytest.mark.parametrize("kind", [nn.SGD, nn.RMSprop, nn.Adam])
def test_optimizers_refuse_what_is_no_floats(kind, wrong):
    right = [np.ones(3)]
    for part, wrong_part in ("parameter", "params"), ("gradient", "grads"):
        net = SimpleNamespace(params=right, grads=right)
        setattr(net, wrong_part, [np.ones(3, wrong)])
        with refused(f"the optimizer got a {part}", wrong):
            kind(net, lr=0.1).step()


@pytest.mark.parametrize("kind", [nn.SGD, nn.RMSprop, nn.Adam])
def test_optimizers_refuse_a_gradient_of_another_shape(kind):
    net = SimpleNamespace(params=[np.ones((3, 2))], grads=[np.ones(2)])
    with pytest.raises(ValueError, match=r"shape \(2,\) for .* of shape \(3, 2\)"):
        kind(net, lr=0.1).step()


@pytest.mark.parametrize("kind", [nn.Linear, *ACTIVATIONS])
def test_a_list_is_told_to_become_an_array(kind):
    with pytest.raises(ValueError, match=r"inputs of list; .*np\.asarray"):
        made(kind).forward([[1.0, 2.0, 3.0]])
    with pytest.raises(ValueError, match=r"inputs of torch.float64; .*np\.asarray"):
        made(kind).forward(torch.ones(2, 3, dtype=float))


@pytest.mark.parametrize("logits", [[2.0, 0.5], [0.5, -2.0]])
def test_cross_entropy_refuses_logits(logits):
    with pytest.raises(ValueError, match=r"expected 0 to 1: .*SoftmaxCrossEntropy"):
        nn.CrossEntropy().forward(np.array([logits]), np.array([1]))


@pytest.mark.parametrize("wrap", [lambda net: net, lambda net: nn.Sequential([net])])
@pytest.mark.parametrize("kind", [nn.Linear, *ACTIVATIONS])
def test_one_layer_at_two_places_is_refused(kind, wrap):
    twice = made(kind)
    with pytest.raises(ValueError, match=f"the {kind.__name__} at place 2 comes ear"):
        nn.Sequential([twice, nn.Tanh(), wrap(twice)])


def test_a_list_of_layers_that_grows_leaves_its_network_alone():
    layers = [nn.Tanh()]
    net = nn.Sequential(layers)
    layers.append(layers[0])
    assert len(net.layers) == 1


def test_two_layers_of_a_kind_and_one_layer_in_two_networks_are_fine():
    first, second = nn.Tanh(), nn.Tanh()
    assert nn.Sequential([first, nn.Sequential([second])]).layers
    assert nn.Sequential([first]).layers


def test_a_layer_before_one_that_is_called_the_first_says_so():
    rng = np.random.default_rng(0)
    net = nn.Sequential([nn.ReLU(), nn.Linear(3, 2, rng, first=True)])
    grad = np.ones_like(net.forward(normal(0, (4, 3))))
    with pytest.raises(ValueError, match=r"ReLU.* no gradient; .* first=True"):
        net.backward(grad)


@each_loss
@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.int64, list])
def test_labels_may_be_integers_of_any_kind(kind, dtype):
    x, loss = scores(kind, 0, (3, 4)), kind()
    expected = loss.forward(x, np.array([3, 0, 2]))
    labels = [3, 0, 2] if dtype is list else np.array([3, 0, 2], dtype)
    assert loss.forward(x, labels) == expected


# --- SGD ------------------------------------------------------------------------------


def assert_steps_as_torch(kind, theirs, settings, steps, length=1.0):
    """The two optimizers stay together; halfway the learning rate drops."""
    params = [np.array(normal(i, shape)) for i, shape in enumerate([(3, 5), (5,)])]
    tensors = [torch.tensor(param, requires_grad=True) for param in params]
    net = SimpleNamespace(params=params, grads=None)
    ours, theirs = kind(net, **settings), theirs(tensors, **settings)
    assert ours.lr == theirs.param_groups[0]["lr"]
    for step in range(steps):
        if step == steps // 2:
            ours.lr = theirs.param_groups[0]["lr"] = 0.003
        net.grads = [normal([step, i], p.shape, length) for i, p in enumerate(params)]
        for tensor, grad in zip(tensors, net.grads, strict=True):
            tensor.grad = torch.tensor(grad)
        ours.step()
        theirs.step()
        for param, tensor in zip(params, tensors, strict=True):
            np.testing.assert_allclose(param, tensor.detach(), rtol=0, atol=1e-12)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
def test_sgd_equals_torch_when_the_learning_rate_drops(momentum, weight_decay):
    settings = {"lr": 0.1, "momentum": momentum, "weight_decay": weight_decay}
    assert_steps_as_torch(nn.SGD, torch.optim.SGD, settings, steps=50)


@each_dtype
@pytest.mark.parametrize("lr", [0.1, np.float64(0.1)])
def test_sgd_changes_parameters_in_place_and_keeps_their_dtype(dtype, lr):
    layer = made(nn.Linear, dtype)
    W, b, before = layer.W, layer.b, layer.W.copy()
    optimizer = nn.SGD(layer, lr, momentum=0.9, weight_decay=0.1)
    layer.grads = [np.ones_like(W), np.ones_like(b)]
    optimizer.step()
    assert layer.W is W
    assert layer.b is b
    assert (before != W).all()
    assert (b != 0).all()
    for array in (W, b, *optimizer.velocities):
        assert array.dtype == dtype


def test_sgd_without_momentum_forgets_a_gradient_that_was_infinite():
    layer = nn.Linear(2, 1, np.random.default_rng(0))
    optimizer = nn.SGD(layer, lr=0.1)
    for size in (np.inf, 1.0):
        layer.W[:], layer.b[:] = 0, 0
        layer.grads = [np.full_like(param, size) for param in layer.params]
        optimizer.step()
    assert np.allclose(layer.W, -0.1)


def test_sgd_leaves_the_gradients_as_they_are():
    layer = made(nn.Linear)
    layer.grads = [normal(0, (3, 2)), normal(1, 2)]  # read-only
    before = [grad.copy() for grad in layer.grads]
    optimizer = nn.SGD(layer, 0.1, momentum=0.9, weight_decay=0.1)
    for _ in range(2):
        optimizer.step()
    assert all(map(np.array_equal, layer.grads, before))


# --- RMSprop and Adam -----------------------------------------------------------------


ADAPTIVE = {nn.RMSprop: torch.optim.RMSprop, nn.Adam: torch.optim.Adam}
SETTINGS = [
    (nn.RMSprop, {}),
    (nn.RMSprop, {"lr": 0.1, "alpha": 0.7, "eps": 1e-3}),
    (nn.Adam, {}),
    (nn.Adam, {"lr": 0.1, "betas": (0.7, 0.8), "eps": 1e-3}),
]
each_adaptive = pytest.mark.parametrize("kind", ADAPTIVE)


@pytest.mark.parametrize(("kind", "settings"), SETTINGS)
@pytest.mark.parametrize("length", [1e-6, 1.0, 1e3])
def test_adaptive_steps_equal_torch_over_a_hundred_steps(kind, settings, length):
    assert_steps_as_torch(kind, ADAPTIVE[kind], settings, 100, length)


@each_adaptive
@each_dtype
@pytest.mark.parametrize("lr", [0.1, np.float64(0.1)])
def test_adaptive_steps_change_parameters_in_place_and_keep_their_dtype(
    kind, dtype, lr
):
    layer = made(nn.Linear, dtype)
    W, b, before = layer.W, layer.b, layer.W.copy()
    optimizer = kind(layer, lr)
    layer.grads = [normal(0, W.shape, dtype=dtype), normal(1, b.shape, dtype=dtype)]
    grads = [grad.copy() for grad in layer.grads]
    for _ in range(2):
        optimizer.step()
    assert layer.W is W
    assert layer.b is b
    assert (before != W).all()
    assert (b != 0).all()
    assert all(map(np.array_equal, layer.grads, grads))
    for array in (W, b, *optimizer.squares, *getattr(optimizer, "means", [])):
        assert array.dtype == dtype


@each_adaptive
def test_a_parameter_without_gradient_stays(kind):
    layer = made(nn.Linear)
    before = layer.W.copy()
    layer.grads = [np.zeros_like(param) for param in layer.params]
    kind(layer).step()
    assert np.array_equal(layer.W, before)


# --- A whole network ------------------------------------------------------------------


def twins():
    """The same network here and in torch, from the same weights."""
    rng = np.random.default_rng(0)
    fans = [(6, 5), (5, 7), (7, 4), (4, 3)]
    linear = [nn.Linear(*fan, rng, init=nn.he, dtype=np.float64) for fan in fans]
    kinds = [nn.Tanh(), nn.ReLU(), nn.Sigmoid()]
    ours = nn.Sequential(
        [linear[0], kinds[0], linear[1], kinds[1], linear[2], kinds[2], linear[3]]
    )
    copies = [torch.nn.Linear(*fan, dtype=torch.float64) for fan in fans]
    for copy, layer in zip(copies, linear, strict=True):
        copy.weight.data, copy.bias.data = (
            torch.tensor(layer.W.T),
            torch.tensor(layer.b),
        )
    kinds = [torch.nn.Tanh(), torch.nn.ReLU(), torch.nn.Sigmoid()]
    theirs = torch.nn.Sequential(
        copies[0], kinds[0], copies[1], kinds[1], copies[2], kinds[2], copies[3]
    )
    return ours, theirs


def test_a_network_trains_to_the_same_losses_as_in_torch():
    ours, theirs = twins()
    settings = {"lr": 0.3, "momentum": 0.9, "weight_decay": 1e-3}
    loss, own_sgd = nn.SoftmaxCrossEntropy(), nn.SGD(ours, **settings)
    torch_sgd = torch.optim.SGD(theirs.parameters(), **settings)
    for step in range(20):
        n = 1 + step % 5  # batches of one too
        x, labels = normal(step, (n, 6)), random_labels(step, n, 3)
        inputs = torch.tensor(x, requires_grad=True)
        value = loss.forward(ours.forward(x), labels)
        expected = torch.nn.functional.cross_entropy(
            theirs(inputs), torch.tensor(labels)
        )
        assert value == pytest.approx(expected.item(), rel=0, abs=1e-10)
        torch_sgd.zero_grad()
        expected.backward()
        assert_close(ours.backward(loss.backward()), inputs.grad, 1e-10)
        own_sgd.step()
        torch_sgd.step()


def test_sequential_lists_the_gradients_beside_the_parameters():
    net, theirs = twins()
    assert [p.shape for p in net.params] == [g.shape for g in net.grads]
    net.backward(np.ones_like(net.forward(normal(0, (2, 6)))))
    theirs(torch.tensor(normal(0, (2, 6)))).sum().backward()
    for own, tensor in zip(net.grads, theirs.parameters(), strict=True):
        grad = tensor.grad.numpy().T
        assert_close(own, grad, 1e-12, rounding=1e-15)


# --- Initializations ------------------------------------------------------------------


FANS = [(784, 10), (10, 784), (100, 100), (1, 5000), (5000, 1)]


@pytest.mark.parametrize("fans", FANS)
@pytest.mark.parametrize(
    ("init", "variance"),
    [
        (nn.xavier, lambda fan_in, fan_out: 2 / (fan_in + fan_out)),
        (nn.he, lambda fan_in, fan_out: 2 / fan_in),
    ],
)
def test_initial_weights_have_mean_zero_and_the_papers_variance(init, variance, fans):
    weights, expected = init(np.random.default_rng(1), *fans), variance(*fans)
    assert weights.shape == fans
    # Four standard errors of the mean and of the variance of normal numbers.
    assert abs(weights.mean()) < 4 * np.sqrt(expected / weights.size)
    assert abs(weights.var() / expected - 1) < 4 * np.sqrt(2 / weights.size)


@pytest.mark.parametrize("init", [nn.xavier, nn.he])
def test_initial_weights_come_from_the_generator_alone(init):
    rng, again = np.random.default_rng(1), np.random.default_rng(1)
    first = init(rng, 5, 3)
    assert np.array_equal(first, init(again, 5, 3))
    assert not np.array_equal(first, init(rng, 5, 3))


def test_linear_starts_with_xavier_weights_and_no_bias_in_float32():
    layer = nn.Linear(5, 3, np.random.default_rng(1))
    expected = nn.xavier(np.random.default_rng(1), 5, 3).astype(np.float32)
    assert layer.W.dtype == layer.b.dtype == np.float32
    assert np.array_equal(layer.W, expected)
    assert layer.b.tolist() == [0, 0, 0]


def test_linear_takes_another_initialization():
    layer = nn.Linear(5, 3, np.random.default_rng(1), init=nn.he, dtype=np.float64)
    assert np.array_equal(layer.W, nn.he(np.random.default_rng(1), 5, 3))
