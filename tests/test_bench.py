import sys
from functools import partial

import numpy as np
import pytest
import torch
import torchvision
from torch.utils.data import TensorDataset

from helpers import augment, data, stand_ins, tensors
from tools import bench


@pytest.fixture(scope="module")
def digits():
    images, labels = stand_ins.make("mnist")[0]
    return images[:2000].reshape(2000, -1) / np.float32(255), labels[:2000]


@pytest.mark.parametrize("side", [bench.ours, bench.pytorch, bench.scikit_learn])
def test_each_side_learns_in_its_epochs(side, digits):
    epoch, accuracy = side(*digits)
    before = accuracy()
    for _ in range(3):
        epoch()
    assert before < 0.4 and accuracy() > 0.7


@pytest.fixture(scope="module")
def photographs():
    images, labels = stand_ins.make("cifar10")[0]
    mean = np.full(3, 0.5, np.float32)
    return data.Split(images[:1000], labels[:1000], mean, mean)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_wide_network_learns_in_either_type(dtype, photographs):
    epoch, accuracy = bench.wide(tensors.whole(photographs), dtype)
    before = accuracy()
    for _ in range(3):
        epoch()
    assert before < 0.4 and accuracy() > 0.5


def test_the_reduced_vgg_learns_in_both_programs(photographs, monkeypatch):
    program, narrow = bench.handed_in(), (8, "pool", *(16, "pool") * 4)
    monkeypatch.setattr(sys.modules["cnn_model"], "PLAN", narrow)
    part = tuple(each[:256] for each in tensors.whole(photographs))
    for epoch, accuracy in (
        bench.convolutional(part, program),
        bench.plain_convolutional(part),
    ):
        before = accuracy()
        for _ in range(20):
            epoch()
        assert before < 0.4 < accuracy()


def test_a_network_of_few_numbers_learns_in_both_programs(monkeypatch):
    """Its program reads photographs when it is imported; here it gets drawn ones."""
    images, labels = stand_ins.make("cifar10")[0]
    drawn = TensorDataset(torch.from_numpy(images[:512]))
    drawn.data, drawn.targets = images[:512], labels[:512].tolist()
    monkeypatch.setattr(torchvision.datasets, "CIFAR10", lambda *how, **more: drawn)
    monkeypatch.setattr(data, "root", lambda name: "nowhere")
    monkeypatch.setenv("DL_DATA", "")  # set anew, and put back at the end
    monkeypatch.setattr(sys, "path", [*sys.path])
    program = bench.ten_thousand()
    monkeypatch.delitem(sys.modules, "cifar10Classification")
    monkeypatch.setattr(bench, "TINY_BATCH", 64)
    narrow = partial(program.NeuralNetwork, (8, 12), (1, 2), 1, (3, 3))
    monkeypatch.setattr(program, "NeuralNetwork", narrow)
    part = program.tensors(program.train_loader)
    for side in (bench.tiny, bench.plain_tiny):
        epoch, accuracy = side(part, program)
        before = accuracy()
        for _ in range(10):
            epoch()
        assert before < 0.3 and accuracy() > 0.4


def test_networks_trained_at_once_learn_as_those_trained_one_after_the_other():
    program, found = bench.palindromes(6), []
    program.FLAGS.num_hidden = 32
    for epoch, accuracy in (
        bench.at_once(program),
        bench.in_numpy(program, range(5)),
        bench.together([bench.in_numpy(program, [seed]) for seed in range(5)]),
        bench.one_after_the_other(program),
    ):
        before = accuracy()
        for _ in range(3):
            epoch()
        found.append(accuracy())
        assert before < 0.3 and found[-1] > 0.5
    assert found == pytest.approx(found[:1] * 4, abs=0.01)


def test_both_ways_to_augment_make_the_same_kind_of_batches(photographs, monkeypatch):
    made = {"whole": [], "one by one": []}
    shift, stack = augment.shift, torch.stack

    def shifted(*arguments):
        made["whole"].append(shift(*arguments))
        return made["whole"][-1]

    def stacked(images):
        made["one by one"].append(stack(images))
        return made["one by one"][-1]

    monkeypatch.setattr(augment, "shift", shifted)
    bench.whole_set(tensors.whole(photographs))()
    monkeypatch.setattr(torch, "stack", stacked)
    bench.one_by_one(photographs)()
    for batches in made.values():
        images = torch.cat(batches)
        assert images.shape == (1000, 3, 32, 32)
        assert images.dtype == torch.float32
    inner = [torch.cat(each)[..., 4:-4, 4:-4].mean().item() for each in made.values()]
    assert inner[0] == pytest.approx(inner[1], abs=0.02)  # what moves in differs


def test_a_side_that_does_not_learn_is_named(digits, monkeypatch):
    monkeypatch.setattr(bench, "TURNS", 1)
    idle = (lambda: None, lambda: 0.1)
    monkeypatch.setattr(bench, "pytorch", lambda x, labels: idle)
    with pytest.raises(RuntimeError, match=r"PyTorch.*10.0% right"):
        bench.measure(*(np.tile(part, (3, 1)[: part.ndim]) for part in digits))


def test_a_row_holds_medians_and_the_ratios_of_the_turns():
    row = bench.row("other", [1.0, 2.0, 4.0], [3.0, 4.0, 4.0])
    assert row == "| other | 2.000 | 4.000 | 2.00 | 1.00 to 3.00 |"


def test_the_kernels_named_are_those_of_numpy_alone(monkeypatch):
    one = {"internal_api": "openblas", "num_threads": 1}
    found = [
        one | {"filepath": "/lib/scipy.libs/libscipy_openblas.so", "architecture": "A"},
        one | {"filepath": "/lib/numpy.libs/libscipy_openblas.so", "architecture": "B"},
    ]
    monkeypatch.setattr(bench, "threadpool_info", lambda: found)
    assert "Threads: 1. Kernels of NumPy's OpenBLAS: B. " in bench.surroundings()


def test_the_table_is_not_made_from_stand_ins(monkeypatch, tmp_path):
    monkeypatch.setattr(bench, "PAGE", tmp_path / "speed.md")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("DL_DATA", raising=False)
    with pytest.raises(SystemExit, match="the data itself"):
        bench.main()
    assert not bench.PAGE.exists()
