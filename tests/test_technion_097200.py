"""What is homework 097200's own: its mathematics, its programs, its recipe, its trial.

What it shares with other homeworks is tested in test_solutions.py.
"""

import gzip
import importlib.util
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from helpers import data, results, stand_ins, sweep

ROOT = Path(__file__).parents[1]
COURSE = ROOT / "solutions/technion_097200"
SHORT = ["--hidden", "8", "--epochs", "3", "--batch", "50"]


def imported(path):
    """A module from its file, whatever folder it lies in."""
    spec = importlib.util.spec_from_file_location(f"handed_in_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


train = imported(COURSE / "train.py")
evaluate = imported(COURSE / "evaluate.py")
recipe = imported(COURSE / "recipe.py")
course = imported(COURSE / "course.py")


def cut(split, count):
    return replace(split, images=split.images[:count], labels=split.labels[:count])


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A folder with 400 and 100 handwritten digits as MNIST's and Fashion-MNIST's."""
    root = tmp_path_factory.mktemp("data")
    (x, y), (others, right) = stand_ins.make("mnist")
    split = data.Split(x[:400], y[:400], np.float32(0.1), np.float32(0.3))
    test = replace(split, images=others[:100], labels=right[:100])
    for name in ("mnist", "fashion_mnist"):
        data.write(
            data.Dataset(name, split, test, tuple("0123456789"), "stand-in"), root
        )
    return root


@pytest.fixture
def here(small, tmp_path, monkeypatch):
    """An empty working folder, with DL_DATA set to the small data."""
    monkeypatch.setenv("DL_DATA", str(small))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments):
    train.main([*SHORT, *arguments])


def content(path):
    return {name: t.numpy() for name, t in torch.load(path, weights_only=True).items()}


def same(one, other):
    one, other = content(one), content(other)
    return set(one) == set(other) and all(np.array_equal(one[k], other[k]) for k in one)


# The rules of the homework


@pytest.fixture
def forbidden_raises(monkeypatch):
    """Autograd off, and what the homework forbids raises when it is called."""

    def refuse(*args, **kwargs):
        raise AssertionError("forbidden by the homework")

    monkeypatch.setattr(torch.nn.Module, "__init__", refuse)
    monkeypatch.setattr(torch.optim.Optimizer, "__init__", refuse)
    monkeypatch.setattr(torch.autograd, "backward", refuse)
    monkeypatch.setattr(torch.autograd, "grad", refuse)
    for name in dir(F):
        if not name.startswith("_") and callable(getattr(F, name)):
            monkeypatch.setattr(F, name, refuse)
    for name in ("relu", "sigmoid", "tanh", "softmax", "log_softmax", "backward"):
        for place in (torch, torch.Tensor):
            if hasattr(place, name):
                monkeypatch.setattr(place, name, refuse)
    with torch.no_grad():
        yield


def test_it_trains_where_all_that_is_forbidden_raises(here, forbidden_raises):
    run("--out", "w.pkl", "--hidden", "32", "--distort", "0", "--epochs", "10")
    history = json.loads(Path("w.pkl.json").read_text())
    assert history["measured"][-1][1] > 0.5


@pytest.mark.parametrize(
    "slip",
    [
        lambda x: F.relu(x),
        lambda x: x.softmax(dim=0),
        lambda x: torch.nn.Linear(2, 2),
        lambda x: x.requires_grad_().sum().backward(),
    ],
)
def test_the_guard_stops_what_is_forbidden(forbidden_raises, slip):
    with pytest.raises(AssertionError, match="forbidden"):
        slip(torch.ones(2))


class Operations(TorchDispatchMode):
    """Notes the name of every operation that is computed."""

    def __init__(self):
        super().__init__()
        self.names = set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.names.add(func.overloadpacket.__name__)
        return func(*args, **(kwargs or {}))


def test_no_built_in_activation_or_loss_is_computed(here):
    with Operations() as computed:
        run("--out", "w.pkl")
    assert "mm" in computed.names and "clamp" in computed.names
    words = ("relu", "sigmoid", "tanh", "softmax", "loss", "backward", "linear")
    found = {name for name in computed.names for word in words if word in name}
    assert found == set()


def test_a_network_without_hidden_layer_is_refused(here, capsys):
    for arguments in (["--hidden"], ["--hidden", "0"]):
        with pytest.raises(SystemExit):
            train.main(arguments)
        assert "--hidden" in capsys.readouterr().err


# The mathematics


@pytest.mark.parametrize("hidden", [(1,), (5,), (4, 3), (7, 1, 6)])
@pytest.mark.parametrize("batch", [1, 9])
def test_the_gradients_are_those_of_autograd(hidden, batch):
    generator = torch.Generator().manual_seed(3)
    layers = [
        (w.double(), torch.randn(len(b), generator=generator, dtype=torch.float64))
        for w, b in train.start([6, *hidden, 4], generator)
    ]
    x = torch.randn(batch, 6, generator=generator, dtype=torch.float64)
    labels = torch.randint(4, (batch,), generator=generator)
    params = [param.requires_grad_() for layer in layers for param in layer]
    h = x
    for w, b in layers[:-1]:
        h = F.relu(F.linear(h, w.T, b))
    loss = F.cross_entropy(F.linear(h, layers[-1][0].T, layers[-1][1]), labels)
    expected = torch.autograd.grad(loss, params)
    with torch.no_grad():
        outputs = train.forward(layers, x)
        ours, grads = train.loss_and_gradients(layers, outputs, labels)
        assert torch.isclose(ours, loss)
    found = [grad for pair in grads for grad in pair]
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other)


def test_large_logits_neither_overflow_nor_vanish():
    logits = torch.tensor([[1000.0, 0.0], [-1000.0, 0.0]])
    labels = torch.tensor([1, 0])
    layers, x = [(torch.zeros(1, 2), torch.zeros(2))], torch.ones(2, 1)
    loss, [(_, by_bias)] = train.loss_and_gradients(layers, [x, logits], labels)
    assert loss == 1000
    assert by_bias.tolist() == [0, 0]  # 1/2 and -1/2 from each of the two samples


def test_a_step_is_that_of_torchs_sgd():
    param = torch.nn.Parameter(torch.tensor([1.0, -2.0]))
    theirs = torch.optim.SGD([param], lr=0.1, momentum=0.9)
    layers, velocities = [(torch.tensor([1.0, -2.0]),)], [(torch.zeros(2),)]
    for number in range(5):
        grad = torch.tensor([1.0, 0.5]) * (number - 2)
        param.grad = grad
        theirs.step()
        train.step(layers, velocities, [(grad,)], lr=0.1, momentum=0.9)
    torch.testing.assert_close(layers[0][0], param.data)


def test_pixels_between_pixels_are_those_of_grid_sample():
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(3, 5, 8, generator=generator)
    rows = 4 * torch.rand(3, 5, 8, generator=generator)
    columns = 7 * torch.rand(3, 5, 8, generator=generator)
    rows[0], columns[1] = 4, 7  # the last row and the last column
    grid = torch.stack([columns / 3.5 - 1, rows / 2 - 1], dim=3)
    theirs = F.grid_sample(images[:, None], grid, align_corners=True)[:, 0]
    torch.testing.assert_close(train.fetched(images, rows, columns), theirs)


def test_distortions_move_pixels_little_and_differ_by_image():
    image = torch.zeros(1, 28, 28)
    image[0, 14, 14] = 1
    bent = train.distorted(
        image.repeat(200, 1, 1), 1.0, torch.Generator().manual_seed(0)
    )
    middle = bent.sum(dim=0)
    ink = middle[9:20, 9:20].sum() / middle.sum()
    assert ink > 0.99 and len(bent.flatten(1).unique(dim=0)) > 150
    still = train.distorted(image, 0.0, torch.Generator())
    torch.testing.assert_close(still, image)


def test_images_need_not_be_square(here):
    images = torch.rand(4, 6, 9)
    assert train.distorted(images, 1.0, torch.Generator()).shape == (4, 6, 9)


# Runs


def test_a_set_of_the_same_shape_is_trained_on_by_name_or_folder(here, small):
    run("--dataset", "fashion_mnist")
    run("--dataset", str(small / "MNIST/raw"), "--out", "by-folder.pkl")
    run("--dataset", "mnist")
    assert same("by-folder.pkl", "mnist-seed0.pkl")
    assert Path("fashion_mnist-seed0.pkl").exists()


def test_the_seed_decides_everything(here):
    run("--out", "a.pkl")
    run("--out", "b.pkl")
    run("--out", "c.pkl", "--seed", "1")
    assert same("a.pkl", "b.pkl") and not same("a.pkl", "c.pkl")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--epochs", "0"],
        ["--seed", "-1"],
        ["--seed", str(2**63)],
        ["--momentum", "1.5"],
        ["--momentum", "nan"],
        ["--distort", "-1"],
        ["--lr", "much"],
        ["--batch", "0"],
    ],
)
def test_settings_out_of_range_are_refused(arguments, here, capsys):
    with pytest.raises(SystemExit):
        run(*arguments)
    assert arguments[0] in capsys.readouterr().err


def test_folders_that_are_not_there_are_said_before_training(here):
    with pytest.raises(FileNotFoundError, match="no folder nowhere"):
        run("--out", "nowhere/w.pkl")
    with pytest.raises(FileNotFoundError, match="--dataset takes mnist"):
        run("--dataset", "minst")
    assert not list(here.iterdir())


@pytest.mark.parametrize("name", ["w.pkl", "w.pkl.json"])
def test_a_finished_file_is_never_overwritten(here, name):
    Path(name).write_text("precious")
    with pytest.raises(FileExistsError, match=rf"{name} is there already"):
        run("--out", "w.pkl")
    assert [path.read_text() for path in here.iterdir()] == ["precious"]


def test_each_file_of_weights_has_a_history_of_its_own(here):
    for rate in ("0.1", "0.2"):
        run("--out", f"lr{rate}", "--lr", rate)
        history = json.loads(Path(f"lr{rate}.json").read_text())
        assert history["options"]["lr"] == float(rate)
    assert len(list(here.iterdir())) == 4


def test_weights_of_a_folder_are_named_after_it(here, small, monkeypatch):
    shutil.copytree(small / "MNIST/raw", here / "digits")
    monkeypatch.chdir(here / "digits")
    run("--dataset", ".")
    assert Path("digits-seed0.pkl").exists()


def test_progress_is_shown_in_a_terminal_only(here, capsys, monkeypatch):
    run("--out", "w.pkl")
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    run("--out", "v.pkl")
    assert "epoch   3   50%  loss " in capsys.readouterr().err


def test_the_learning_rate_falls_with_every_step(here, monkeypatch):
    rates, step = [], train.step

    def noted(layers, velocities, grads, lr, momentum):
        rates.append(lr)
        step(layers, velocities, grads, lr, momentum)

    monkeypatch.setattr(train, "step", noted)
    run("--out", "w.pkl")
    expected = 0.1 * (1 - np.arange(24) / 24)  # 3 epochs of 8 batches
    np.testing.assert_allclose(rates, expected)


def test_the_weights_start_with_the_variance_of_he():
    layers = train.start([500, 300, 10], torch.Generator().manual_seed(0))
    for w, b in layers:
        assert w.var().item() == pytest.approx(2 / len(w), rel=0.1)
        assert not b.any()


def test_test_images_are_normalized_by_the_training_images(here):
    (images, labels), (others, right) = (
        train.load("mnist", p) for p in ("train", "t10k")
    )
    (ours, y), (theirs, z), mean, std = train.prepared("mnist")
    assert torch.equal(y, labels) and torch.equal(z, right)
    assert (mean, std) == ((images / 255).mean(), (images / 255).std())
    torch.testing.assert_close(ours, (images / 255 - mean) / std)
    torch.testing.assert_close(theirs, (others / 255 - mean) / std)


def test_weights_that_overflow_are_said_and_not_saved(here):
    with pytest.raises(ValueError, match="smaller --lr"):
        run("--lr", "1e6", "--batch", "5", "--out", "w.pkl")
    assert not list(here.iterdir())


# Older PyTorch writes a file of its own when it is imported.
SMALL_DISK = "import resource, torch.distributed.nn; "
SMALL_DISK += "resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))"
SMALL_MEMORY = "import torch; torch.randn = lambda *_, **__: torch.empty(2**46)"


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is one of Linux")
@pytest.mark.parametrize(
    ("limit", "said"),
    [
        (SMALL_DISK, "train.py: [Errno 27] File too large"),
        (SMALL_MEMORY, "train.py: not enough memory; take smaller --hidden or --batch"),
    ],
)
def test_too_small_a_disk_or_memory_is_said_in_a_line(here, limit, said):
    code = f"{limit}; import runpy, sys; sys.argv = sys.argv[1:]; "
    code += "runpy.run_path(sys.argv[0], run_name='__main__')"
    command = [sys.executable, "-c", code, COURSE / "train.py", *SHORT, "--out", "w"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and done.stderr.startswith(said)
    assert len(done.stderr.splitlines()) == 1
    assert not list(here.iterdir())


# Data that isn't there, or isn't data


def read(module):
    """What a program takes for MNIST's test images and labels."""
    return train.load("mnist", "t10k") if module is train else module.load_test_images()


BOTH = pytest.mark.parametrize("module", [train, evaluate], ids=["train", "evaluate"])


@BOTH
def test_without_data_it_says_what_to_do_and_why_a_download_failed(
    module, tmp_path, monkeypatch
):
    monkeypatch.setenv("DL_DATA", str(tmp_path))
    said = rf"no MNIST in {tmp_path}/MNIST/raw.*DL_DATA is.*put the four files there"
    with pytest.raises(FileNotFoundError, match=said):
        read(module)
    monkeypatch.delenv("DL_DATA")
    monkeypatch.setattr(module, "HERE", tmp_path)

    def refused(*_, **__):
        raise RuntimeError("Error downloading x:\nTried https://a.org, got:\nrefused")

    monkeypatch.setitem(train.SETS, "mnist", type("MNIST", (), {"__new__": refused}))
    monkeypatch.setattr(evaluate, "MNIST", refused)
    with pytest.raises(
        FileNotFoundError, match=r"x: Tried https://a.org, got: refused;"
    ):
        read(module)


@BOTH
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    "place", ["data/MNIST/raw", "MNIST/raw", "data", ".", "~", "~/MNIST/raw"]
)
def test_data_is_found_in_each_place_packed_or_not(
    module, place, packed, small, tmp_path, monkeypatch
):
    home = place.startswith("~")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("DL_DATA", "~") if home else monkeypatch.delenv("DL_DATA")
    monkeypatch.setattr(module, "HERE", tmp_path / "none" if home else tmp_path)
    folder = tmp_path / place.removeprefix("~").removeprefix("/")
    folder.mkdir(parents=True, exist_ok=True)
    for path in (small / "MNIST/raw").iterdir():
        content = gzip.compress(path.read_bytes()) if packed else path.read_bytes()
        (folder / f"{path.name}{'.gz' * packed}").write_bytes(content)
    images, labels = read(module)
    assert images.shape == (100, 28, 28) and images.dtype == torch.uint8
    assert labels.shape == (100,) and labels.dtype == torch.int64


def test_files_beside_the_program_are_no_other_set_than_mnist(
    small, tmp_path, monkeypatch
):
    monkeypatch.setenv("DL_DATA", str(small / "MNIST/raw"))
    assert len(train.load("mnist", "t10k")[0]) == 100
    with pytest.raises(FileNotFoundError, match="no FashionMNIST in"):
        train.load("fashion_mnist", "t10k")


@BOTH
@pytest.mark.parametrize(
    ("file", "head", "size"),
    [
        ("labels-idx1", [0, 0, 12, 1, 0, 0, 0, 100], 400),  # int32
        ("images-idx3", [0, 0, 13, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 2], 16),  # float
        ("images-idx3", [0, 0, 8, 4, *5 * [0, 0, 0, 3]], 81),  # color
    ],
)
def test_files_of_another_kind_are_not_called_damaged(
    module, file, head, size, small, tmp_path, monkeypatch
):
    shutil.copytree(small / "MNIST", tmp_path / "MNIST")
    path = tmp_path / f"MNIST/raw/t10k-{file}-ubyte"
    path.write_bytes(bytes(head) + bytes(size))
    monkeypatch.setenv("DL_DATA", str(tmp_path))
    with pytest.raises(ValueError, match=f"{path.name} holds") as refusal:
        read(module)
    said = str(refusal.value)
    assert f"beginning with {bytes(head[:4]).hex(' ')}; expected 00 00 08" in said
    assert "damaged" not in said and "delete" not in said


def with_files(tmp_path, monkeypatch, train_part, test_part):
    """DL_DATA with these images and labels as MNIST."""
    parts = [
        data.Split(*part, np.float32(0.1), np.float32(0.3))
        for part in (train_part, test_part)
    ]
    data.write(data.Dataset("mnist", *parts, tuple("0123456789"), "stand-in"), tmp_path)
    monkeypatch.setenv("DL_DATA", str(tmp_path))
    monkeypatch.chdir(tmp_path)


def pixels(*shape):
    return np.random.default_rng(0).integers(256, size=shape, dtype=np.uint8)


@pytest.mark.parametrize(
    ("train_part", "test_part", "said"),
    [
        ((pixels(6, 4, 4), [0, 1] * 3), (pixels(2, 5, 5), [0, 1]), "another shape"),
        ((pixels(6, 4, 4), [0, 1] * 3), (pixels(2, 4, 4), [0, 2]), "classes of their"),
        ((pixels(6, 1, 9), [0, 1] * 3), (pixels(2, 1, 9), [0, 1]), "from 2 by 2"),
        ((0 * pixels(6, 4, 4), [0, 1] * 3), (pixels(2, 4, 4), [0, 1]), "one gray"),
        ((pixels(0, 4, 4), []), (pixels(2, 4, 4), [0, 1]), "0 labels"),
    ],
)
def test_sets_that_cannot_be_trained_on_are_refused_before_training(
    train_part, test_part, said, tmp_path, monkeypatch
):
    parts = [(x, np.array(y, np.int64)) for x, y in (train_part, test_part)]
    with_files(tmp_path, monkeypatch, *parts)
    with pytest.raises(ValueError, match=said):
        run("--out", "w.pkl")
    assert not list(tmp_path.glob("*w*"))


def test_a_set_of_three_classes_and_other_sizes_is_trained_on(tmp_path, monkeypatch):
    part = pixels(9, 5, 7), np.array([0, 1, 2] * 3)
    with_files(tmp_path, monkeypatch, part, part)
    run("--out", "w.pkl")
    assert content("w.pkl")["w1"].shape == (35, 8)
    assert content("w.pkl")["w2"].shape == (8, 3)


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ((pixels(3, 27, 28), [0, 1, 2]), "28 by 28"),
        ((pixels(3, 28, 28), [0, 1, 77]), "label 77; MNIST's are 0 to 9"),
        ((pixels(0, 28, 28), []), "0 labels"),
    ],
)
def test_the_evaluation_refuses_what_is_not_mnist(part, said, tmp_path, monkeypatch):
    part = part[0], np.array(part[1], np.int64)
    with_files(tmp_path, monkeypatch, part, part)
    with pytest.raises(ValueError, match=said):
        evaluate.load_test_images()


# The evaluation


@pytest.fixture
def handed_in(here):
    """evaluate.py and weights of a short run in a folder of their own."""
    folder = here / "handed in"
    folder.mkdir()
    shutil.copy(COURSE / "evaluate.py", folder)
    run("--out", str(folder / "weights.pkl"))
    return folder


def test_the_evaluation_returns_what_the_training_measured(handed_in):
    measured = json.loads((handed_in / "weights.pkl.json").read_text())["measured"]
    module = imported(handed_in / "evaluate.py")
    before = sha256((handed_in / "weights.pkl").read_bytes()).hexdigest()
    found = [module.evaluate_hw1(), module.evaluate_hw1()]
    assert found == 2 * [measured[-1][1]] and type(found[0]) is float
    assert sha256((handed_in / "weights.pkl").read_bytes()).hexdigest() == before


def test_the_evaluation_leaves_the_weights_it_loaded_alone(handed_in, monkeypatch):
    module = imported(handed_in / "evaluate.py")
    kept = module.load_weights(handed_in / "weights.pkl")
    copies = [(w.clone(), b.clone()) for w, b in kept[0]]
    monkeypatch.setattr(module, "load_weights", lambda path: kept)
    module.evaluate_hw1()
    for layer, copy in zip(kept[0], copies, strict=True):
        assert all(map(torch.equal, layer, copy))


def good():
    generator = torch.Generator().manual_seed(0)
    layers = train.start([784, 5, 10], generator)
    named = {
        f"{c}{i}": t
        for i, pair in enumerate(layers, 1)
        for c, t in zip("wb", pair, strict=True)
    }
    return {"mean": torch.tensor(0.1), "std": torch.tensor(0.3), **named}


BROKEN = {
    "an empty dict": {},
    "a list": [1, 2],
    "a missing bias": {k: v for k, v in good().items() if k != "b2"},
    "another name": good() | {"gamma": torch.ones(1)},
    "no hidden layer": {
        "mean": torch.tensor(0.0),
        "std": torch.tensor(1.0),
        "w1": torch.zeros(784, 10),
        "b1": torch.zeros(10),
    },
    "a number for a tensor": good() | {"mean": 0.1},
    "a transposed weight": good() | {"w1": torch.zeros(5, 784)},
    "another width": good() | {"w2": torch.zeros(6, 10)},
    "nine classes": good() | {"w2": torch.zeros(5, 9), "b2": torch.zeros(9)},
    "a bias of two axes": good() | {"b1": torch.zeros(1, 5)},
    "not a number": good() | {"w1": torch.full((784, 5), torch.nan)},
    "integers": good() | {"w1": torch.zeros(784, 5, dtype=torch.int64)},
    "a mean an image": good() | {"mean": torch.zeros(784)},
    "a zero deviation": good() | {"std": torch.tensor(0.0)},
    "infinite": good() | {"b1": torch.full((5,), torch.inf)},
    "float64": {name: tensor.double() for name, tensor in good().items()},
    "half precision": good() | {"w1": good()["w1"].half()},
    "a sparse tensor": good() | {"w1": good()["w1"].to_sparse()},
    "a tensor without numbers": good() | {"w1": torch.zeros(784, 5, device="meta")},
    "a huge tensor in a small file": good() | {"w1": torch.ones(1, 1).expand(784, 5)},
    "no hidden unit": good() | {"w1": torch.zeros(784, 0), "b1": torch.zeros(0)},
    "a parameter": good() | {"b2": torch.nn.Parameter(torch.zeros(10))},
}


@pytest.mark.parametrize("name", BROKEN)
def test_weights_of_another_form_are_refused(name, tmp_path):
    torch.save(BROKEN[name], tmp_path / "weights.pkl")
    with pytest.raises(ValueError, match=r"weights\.pkl"):
        evaluate.load_weights(tmp_path / "weights.pkl")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"b1": torch.zeros(6)}, r"b1 has shape \(6,\); expected \(5,\)"),
        ({"b1": torch.zeros(1, 5)}, r"b1 has shape \(1, 5\); expected \(5,\)"),
        ({"b2": torch.zeros(9)}, r"b2 has shape \(9,\); expected \(10,\)"),
        ({"w1": torch.zeros(5, 784)}, r"w1 has shape \(5, 784\); expected \(784, 784"),
        ({"w1": torch.tensor(1.0)}, r"w1 has shape \(\); expected \(784, 5\)"),
        ({"w2": torch.zeros(6, 10)}, r"w2 has shape \(6, 10\); expected \(5, 10\)"),
    ],
)
def test_of_a_wrong_shape_the_right_one_is_blamed(wrong, said, tmp_path):
    torch.save(good() | wrong, tmp_path / "weights.pkl")
    with pytest.raises(ValueError, match=said):
        evaluate.load_weights(tmp_path / "weights.pkl")


def test_good_weights_are_taken(tmp_path):
    torch.save(good(), tmp_path / "weights.pkl")
    layers, mean, std = evaluate.load_weights(tmp_path / "weights.pkl")
    assert [tuple(w.shape) for w, _ in layers] == [(784, 5), (5, 10)]
    assert (mean, std) == (good()["mean"], good()["std"])


def test_outputs_that_overflow_are_no_number(handed_in):
    module = imported(handed_in / "evaluate.py")
    weights = torch.load(handed_in / "weights.pkl", weights_only=True)
    for name in ("w1", "w2"):
        weights[name] = torch.full_like(weights[name], 3e38)
    torch.save(weights, handed_in / "weights.pkl")
    with pytest.raises(ValueError, match="overflow"):
        module.evaluate_hw1()


def test_the_evaluation_does_not_depend_on_torchs_default_dtype(handed_in):
    module = imported(handed_in / "evaluate.py")
    expected = module.evaluate_hw1()
    torch.set_default_dtype(torch.float64)
    try:
        assert module.evaluate_hw1() == expected
    finally:
        torch.set_default_dtype(torch.float32)


def test_as_a_program_it_prints_one_line(handed_in):
    command = [sys.executable, handed_in / "evaluate.py"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("MNIST test accuracy ")
    assert len(done.stdout.splitlines()) == 1


# The recipe


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """Few digits for the real MNIST, in short runs, kept in a folder of their own."""
    split, test = (
        cut(data.Split(*part, np.float32(0.1), np.float32(0.3)), count)
        for part, count in zip(stand_ins.make("mnist"), (60, 20), strict=True)
    )
    digits = data.Dataset("mnist", split, test, tuple("0123456789"), "original")
    data.write(digits, tmp_path / "digits")
    monkeypatch.setattr(data, "load", lambda name: digits)
    monkeypatch.setattr(data, "root", lambda name: tmp_path / "digits")
    monkeypatch.setenv("DL_RUNS", str(tmp_path / "runs"))
    return tmp_path / "runs"


@pytest.fixture
def in_process(monkeypatch):
    """The recipe calls the program here, and not in a Python of its own."""

    def call(program, *arguments, DL_DATA):
        monkeypatch.setenv("DL_DATA", DL_DATA)
        train.main([str(argument) for argument in arguments])

    monkeypatch.setattr(sweep, "call", call)


TINY = {"hidden": [9, 8], "epochs": 3, "lr": 0.02, "batch": 10, "distort": 0.0}


def test_a_run_of_the_recipe_is_one_of_the_program(runs, here):
    found = recipe.train(dict(TINY), 3, here)
    flags = (
        "--hidden 9 8 --epochs 3 --lr 0.02 --batch 10 --distort 0 --seed 3 --dataset"
    )
    train.main([*flags.split(), f"{runs.parent}/digits/MNIST/raw"])
    history = json.loads(Path("raw-seed3.pkl.json").read_text())
    curves = found["curves"]["train"], found["curves"]["other"]
    assert [*zip(*curves, strict=True)] == [*map(tuple, history["measured"])]
    assert found["value"] == curves[1][-1] and len({*curves[0]}) > 1
    others = {"dataset": "mnist", "momentum": 0.9, "holdout": 0}
    assert found["options"] == TINY | others
    assert same(here / "weights.pkl", "raw-seed3.pkl")


def test_held_out_images_are_of_the_training_set_and_not_trained_on(
    runs, in_process, here, monkeypatch
):
    (here / "weights.pkl").write_text("left by a run that was stopped")
    written = []
    write = data.write
    monkeypatch.setattr(data, "write", lambda d, to: (written.append(d), write(d, to)))
    for seed in (0, 1):
        found = recipe.train(TINY | {"holdout": 15}, seed, here)
        assert found["options"]["holdout"] == 15
    first, second = written
    for one, other in ((first.train, second.train), (first.test, second.test)):
        np.testing.assert_array_equal(one.images, other.images)  # for every seed
    whole = data.load("mnist").train
    parts = np.concatenate([first.train.images, first.test.images])
    assert (len(first.train), len(first.test)) == (45, 15)
    order = [
        np.flatnonzero((whole.images == image).all(axis=(1, 2)))[0] for image in parts
    ]
    assert sorted(order) == list(range(60))
    labels = np.concatenate([first.train.labels, first.test.labels])
    np.testing.assert_array_equal(labels, whole.labels[order])


def test_cards_hold_the_last_epoch_and_the_seed_that_trained_best(
    runs, in_process, tmp_path, monkeypatch
):
    course = tmp_path / "course"
    (course / "cards").mkdir(parents=True)
    monkeypatch.setattr(recipe, "HERE", course)
    wanted = {"mnist": (TINY, range(2)), "try-x": (TINY | {"holdout": 15}, range(2))}
    how = {"name": "course", "data": data.hashes("mnist"), "packages": ["torch"]}
    done = sweep.run(recipe.train, wanted, **how)
    for run, curve in zip(done["mnist"], ([0.9, 0.8], [0.95, 0.7]), strict=True):
        run["curves"]["train"], run["value"] = [0.5, curve[0]], curve[1]
    recipe.cards(done)
    card = results.read(course / "cards/mnist.json")
    assert results.values(card) == [0.8, 0.7]
    assert card["weights"]["seed"] == 1  # although it is the worse one on the test
    assert card["weights"]["command"] == "python train.py --seed 1 --out weights.pkl"
    assert same(course / "weights.pkl", runs / "course/mnist/seed1/weights.pkl")
    assert card["metric"] == "MNIST test accuracy" and card["data"] == how["data"]
    assert card["parameters"]["epochs"] == 3 and card["parameters"]["holdout"] == 0
    assert set(card["seeds"][0]) == {"seed", "value", "seconds", "curves"}
    attempt = results.read(course / "cards/try-x.json")
    assert attempt["weights"] is None and "held out" in attempt["metric"]
    assert attempt["parameters"]["holdout"] == 15


# What is shipped


@pytest.fixture(scope="module")
def card():
    return results.read(COURSE / "cards/mnist.json")


def test_each_card_changes_what_the_recipe_says(card):
    defaults = vars(train.parse([]))
    del defaults["out"], defaults["seed"]
    assert len(list(COURSE.glob("cards/*.json"))) == len(recipe.WANTED)
    for name, (changed, seeds) in recipe.WANTED.items():
        made = results.read(COURSE / f"cards/{name}.json")
        assert made["parameters"] == defaults | {"holdout": 0} | changed
        assert [run["seed"] for run in made["seeds"]] == list(seeds)
        epochs = {len(run["curves"]["other"]) for run in made["seeds"]}
        assert epochs == {made["parameters"]["epochs"]}


def test_the_command_of_the_weights_names_their_seed_everywhere(card, tmp_path):
    command = f"python train.py --seed {card['weights']['seed']} --out weights.pkl"
    assert card["weights"]["command"] == command
    assert command in train.__doc__
    with pytest.raises(FileNotFoundError, match=f"is missing; make it .*{command}"):
        evaluate.load_weights(tmp_path / "weights.pkl")
    only = vars(train.parse(command.split()[2:]))
    made = {name: only[name] for name in card["parameters"] if name != "holdout"}
    assert made | {"holdout": 0} == card["parameters"]


def test_the_shipped_weights_are_no_lucky_seed(card):
    values = dict(zip(range(5), results.values(card), strict=True))
    assert values[card["weights"]["seed"]] >= card["mean"] - card["spread"]
    learned = {run["seed"]: run["curves"]["train"][-1] for run in card["seeds"]}
    assert card["weights"]["seed"] == max(learned, key=learned.get)


@pytest.mark.skipif(not data.available("mnist"), reason="needs the real MNIST")
def test_the_shipped_weights_reach_what_the_card_says(card, tmp_path, monkeypatch):
    data.write(data.load("mnist"), tmp_path)
    monkeypatch.setenv("DL_DATA", str(tmp_path))
    [expected] = [
        run["value"] for run in card["seeds"] if run["seed"] == card["weights"]["seed"]
    ]
    assert evaluate.evaluate_hw1() == pytest.approx(expected, abs=3e-4)


def test_the_chapter_distorts_as_the_hand_in_does():
    notebook = nbformat.read(ROOT / "chapters/07-bare-tensors.ipynb", as_version=4)
    names = {"torch": torch}
    for cell in notebook.cells:
        if cell.source.startswith(("def smooth(", "def moved(", "def distorted(")):
            exec(cell.source, names)
    images = torch.rand(3, 28, 28, generator=torch.Generator().manual_seed(0))
    ours = names["distorted"](images, torch.Generator().manual_seed(1))
    theirs = train.distorted(images, 1.0, torch.Generator().manual_seed(1))
    torch.testing.assert_close(ours, theirs)


# The trial of the zip

SCRIPT = """
from pathlib import Path
FOLDER = Path(__file__).parent
def evaluate_hw1():
    {}
"""


@pytest.fixture
def tried(tmp_path):
    """Function of the body of evaluate_hw1(): a line on it, or what is wrong."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "zip").mkdir()
    for name in ("weights.pkl", "recipe.py"):
        (tmp_path / "zip" / name).touch()

    def tried(script):
        (tmp_path / "zip/evaluate.py").write_text(script)
        return course.accuracy(tmp_path / "zip", tmp_path / "elsewhere", 0.75)

    return tried


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("print(0.98)", "returned None; expected a float"),
        ("return 98.1", "returned 98.1; expected a float"),
        ("return float('nan')", "returned nan; expected a float"),
        ("return 1", "returned 1; expected a float"),
        ("return [0.98]", r"returned \[0.98\]; expected a float"),
        ("import random; return 0.8 + random.random() / 9", "returned 0.*, then 0"),
        ("open(f'{FOLDER}/weights.pkl', 'a').write('x'); return 0.9", "changed"),
        ("return 0.7", "70.00% right; the homework wants 0.75"),
        ("import recipe; return 0.9", "No module named 'recipe'"),
        ("import sys; sys.exit(0)", "ended Python; it has to return a float"),
        ("import os; os._exit(0)", "ended Python; it has to return a float"),
    ],
)
def test_each_slip_of_an_evaluation_is_noticed(tried, body, said):
    with pytest.raises(ValueError, match=said):
        tried(SCRIPT.format(body))


def test_an_evaluation_that_trains_what_it_has_loaded_is_noticed(tried):
    script = """
import torch
def load_weights(path):
    return [(torch.zeros(2), torch.zeros(1))], torch.tensor(0.5)
def evaluate_hw1():
    layers, mean = load_weights("weights.pkl")
    STEP
    return 0.98
"""
    assert tried(script.replace("STEP", "print('98 %')"))[0] == 0.98
    with pytest.raises(ValueError, match="it trains"):
        tried(script.replace("STEP", "layers[0][1].add_(1)"))


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("import evaluate", "train.py failed.*No module named 'evaluate'"),
        ("import helpers.nn", "helpers is not in the zip"),
        ("pass", "wrote no file"),
        ("open('mnist-seed0.pkl', 'w')", "wrote no file"),
    ],
)
def test_each_slip_of_a_training_is_noticed(tmp_path, script, said):
    (tmp_path / "zip").mkdir()
    (tmp_path / "zip/evaluate.py").touch()
    (tmp_path / "zip/train.py").write_text(script)
    with pytest.raises(ValueError, match=said):
        course.trains(tmp_path / "zip", tmp_path)


@pytest.mark.parametrize(
    ("returned", "card", "said"),
    [
        (0.7, 0.7, "70.00% right; the homework wants 0.75"),
        (0.8, 0.81, "80.00% right, but 0.81 on their card; run recipe.py"),
    ],
)
def test_on_the_original_the_bar_and_the_card_count(
    runs, tmp_path, monkeypatch, returned, card, said
):
    (tmp_path / "evaluate.py").write_text(SCRIPT.format(f"return {returned}"))
    (tmp_path / "weights.pkl").touch()
    monkeypatch.setattr(course, "measured", lambda weights, cards: card)
    with pytest.raises(ValueError, match=said):
        list(course.try_out(tmp_path, tmp_path, []))


def test_what_the_attempts_are_said_to_cost_is_what_the_bars_allow():
    notebook = nbformat.read(COURSE / "solution.ipynb", as_version=4)
    cells = {cell.id: cell.source for cell in notebook.cells}
    bars, cards = {}, sorted(COURSE.glob("cards/try-*.json"))
    names = {
        "np": np,
        "results": results,
        "claim": lambda _, __, **how: bars.update(how),
    }
    names["tries"] = {path.stem: results.read(path) for path in cards}
    exec(cells["cell-25"].partition("half = ")[0], names)
    assert "momentum each cost less than two tenths of a point" in cells["cell-26"]
    small = {"half-distortion", "half-as-wide", "one-hidden-layer", "no-momentum"}
    assert bars["at_most"] == dict.fromkeys(small, 0.2)
