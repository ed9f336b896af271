"""Weights in 16 bits come back as what the file holds, and are measured so."""

import pickle

import pytest
import torch

from helpers import weights


def net():
    torch.manual_seed(0)
    layers = torch.nn.Conv2d(3, 40, 3), torch.nn.BatchNorm2d(40), torch.nn.Linear(40, 7)
    return torch.nn.Sequential(*layers)


def test_what_is_returned_is_what_the_file_holds(tmp_path):
    state = net().state_dict()
    returned = weights.store(tmp_path / "net.pt", state)
    read = weights.load(tmp_path / "net.pt")
    assert read.keys() == returned.keys() == state.keys()
    for name, tensor in state.items():
        assert torch.equal(read[name], returned[name]), name
        assert read[name].dtype == tensor.dtype, name
        # Numbers of float16 have 11 digits: the next one is 2**-11 away.
        torch.testing.assert_close(read[name], tensor, rtol=2**-11, atol=2**-24)
        assert torch.equal(read[name], tensor) == (tensor.ndim < 2), name
    net().load_state_dict(returned)


def test_matrices_and_filters_take_two_bytes_a_number(tmp_path):
    weights.store(tmp_path / "net.pt", {"w": torch.rand(1000, 500)})
    assert 10**6 < (tmp_path / "net.pt").stat().st_size < 1.01 * 10**6


def test_a_part_of_a_large_tensor_is_stored_alone(tmp_path):
    weights.store(tmp_path / "net.pt", {"b": torch.rand(10**6)[:10]})
    assert (tmp_path / "net.pt").stat().st_size < 10**4


def test_the_same_tensors_make_the_same_file_under_any_name(tmp_path):
    files = [tmp_path / name for name in ("a.pt", "b.pkl")]
    for file in files:
        weights.store(file, net().state_dict())
    assert files[0].read_bytes() == files[1].read_bytes()


def test_what_float16_cannot_hold_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"^w reaches 70000.*; float16 ends at 65,504"):
        weights.store(tmp_path / "net.pt", {"w": torch.full((2, 2), 70_000.0)})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("shape", [(2, 2), (2,)])
@pytest.mark.parametrize("number", [float("nan"), float("-inf")])
def test_what_is_not_finite_is_refused_for_that(tmp_path, shape, number):
    with pytest.raises(ValueError, match=r"^w holds numbers that aren't finite"):
        weights.store(tmp_path / "net.pt", {"w": torch.full(shape, number)})
    assert not list(tmp_path.iterdir())


def test_gradients_are_not_stored(tmp_path):
    w = torch.rand(2, 2, requires_grad=True)
    assert not weights.store(tmp_path / "net.pt", {"w": w})["w"].requires_grad


def test_a_pickle_that_would_run_code_is_not_read(tmp_path):
    torch.save({"w": pytest.raises}, tmp_path / "net.pt")
    with pytest.raises(pickle.UnpicklingError):
        weights.load(tmp_path / "net.pt")
