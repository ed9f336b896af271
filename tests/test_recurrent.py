"""Recurrent networks in NumPy do what torch does, each as if it were alone."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from helpers import nn, recurrent

SIZES = [(1, 1, 1, 1, 1), (1, 3, 2, 1, 4), (3, 5, 4, 10, 7), (2, 1, 9, 2, 3)]


def drawn(networks, n, steps, d, m, k=5, dtype=np.float64):
    rng = np.random.default_rng(0)
    shapes = (networks, d, m), (networks, m, m), (networks, m), (networks, m, k)
    weights = [rng.normal(0, 0.5, shape) for shape in (*shapes, (networks, k))]
    x = rng.normal(size=(networks, n, steps, d))
    labels = rng.integers(k, size=(networks, n))
    return [each.astype(dtype) for each in weights], x.astype(dtype), labels


def learned(net, x, labels):
    """Logits; the gradient is that of the sum of each network's own loss."""
    logits, loss = net.forward(x), nn.SoftmaxCrossEntropy()
    loss.forward(logits.reshape(-1, logits.shape[2]), labels.ravel())
    net.backward(len(logits) * loss.backward().reshape(logits.shape))
    return logits


def in_torch(weights, x):
    """Logits of one network."""
    Wx, Wh, b, Wo, bo = weights
    h = x.new_zeros(len(x), len(b))
    for now in x.unbind(1):
        h = torch.tanh(now @ Wx + h @ Wh + b)
    return h @ Wo + bo


@pytest.mark.parametrize("sizes", SIZES)
def test_logits_and_gradients_of_each_network_are_those_of_torch(sizes):
    weights, x, labels = drawn(*sizes)
    net = recurrent.Networks(*weights)
    logits = learned(net, x, labels)
    of_read, of_Wh, of_Wo, of_bo = net.grads
    grads = of_read[:, :-1], of_Wh, of_read[:, -1], of_Wo, of_bo
    for place in range(len(x)):
        alone = [torch.tensor(each[place], requires_grad=True) for each in weights]
        expected = in_torch(alone, torch.from_numpy(x[place]))
        F.cross_entropy(expected, torch.from_numpy(labels[place])).backward()
        theirs = expected.detach().numpy()
        assert np.allclose(logits[place], theirs, rtol=0, atol=1e-12)
        for ours, each in zip(grads, alone, strict=True):
            assert np.allclose(ours[place], each.grad.numpy(), rtol=0, atol=1e-12)


def test_fifty_steps_of_all_at_once_equal_those_of_each_in_torch():
    weights, *_ = drawn(3, 1, 1, 10, 24, k=10)
    rng = np.random.default_rng(1)
    digits = rng.integers(10, size=(50, 3, 16, 6))
    x = torch.eye(10, dtype=torch.float64)[torch.from_numpy(digits)]
    net = recurrent.Networks(*weights)
    optimizer = nn.RMSprop(net, lr=1e-3)
    for step in range(50):
        learned(net, x[step].numpy(), digits[step, :, :, 0])
        net.clip(0.5)
        optimizer.step()
    read, Wh, Wo, bo = net.params
    for place in range(3):
        alone = [torch.tensor(each[place], requires_grad=True) for each in weights]
        optimizer = torch.optim.RMSprop(alone, lr=1e-3)
        for step in range(50):
            labels = torch.from_numpy(digits[step, place, :, 0])
            optimizer.zero_grad()
            F.cross_entropy(in_torch(alone, x[step, place]), labels).backward()
            torch.nn.utils.clip_grad_norm_(alone, 0.5)
            optimizer.step()
        ours = read[place, :-1], Wh[place], read[place, -1], Wo[place], bo[place]
        for one, other in zip(ours, alone, strict=True):
            assert np.allclose(one, other.detach().numpy(), rtol=0, atol=1e-5)


def test_a_gradient_is_scaled_by_its_own_norm_and_a_short_one_stays():
    weights, x, labels = drawn(2, 4, 3, 2, 5)
    net = recurrent.Networks(*weights)
    learned(net, x, labels)
    for grad in net.grads:
        grad[1] /= 1e6
    before = [grad[1].copy() for grad in net.grads]
    net.clip(0.01)
    norm = np.sqrt(sum((grad[0] ** 2).sum() for grad in net.grads))
    assert norm == pytest.approx(0.01, rel=1e-3)
    for grad, short in zip(net.grads, before, strict=True):
        assert np.array_equal(grad[1], short)


def test_the_weights_given_stay_as_they_are_and_types_are_kept():
    weights, x, labels = drawn(2, 3, 4, 2, 5, dtype=np.float32)
    copies = [each.copy() for each in weights]
    net = recurrent.Networks(*weights)
    assert learned(net, x, labels).dtype == np.float32
    assert {grad.dtype for grad in net.grads} == {np.dtype(np.float32)}
    nn.RMSprop(net, lr=0.1).step()
    for each, copy in zip(weights, copies, strict=True):
        assert np.array_equal(each, copy)


@pytest.mark.parametrize("shape", [(2, 3, 4), (1, 3, 4, 2), (2, 3, 4, 1), (2, 3, 0, 2)])
def test_inputs_of_another_shape_are_refused(shape):
    weights, *_ = drawn(2, 3, 4, 2, 5)
    with pytest.raises(ValueError, match=r"expected inputs \(2, n, T - 1, 2\)"):
        recurrent.Networks(*weights).forward(np.zeros(shape))


def test_weights_of_whole_numbers_are_refused():
    weights, *_ = drawn(2, 3, 4, 2, 5, dtype=np.int64)
    with pytest.raises(ValueError, match="got weights"):
        recurrent.Networks(*weights)
