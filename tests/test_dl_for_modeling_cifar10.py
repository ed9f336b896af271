"""Homework 000, question 5: the template's contract, any checker, and what is counted.

Nothing here needs the weights that are handed in: what is scored is trained for a
moment, on a few drawn shapes.
"""

import hashlib
import importlib
import importlib.util
import json
import subprocess
import sys
from functools import reduce
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torchvision
from torch import nn
from torch.nn import functional as F

from helpers import results, stand_ins
from tests.test_imports import imported

ROOT = Path(__file__).parents[1]
COURSE = ROOT / "solutions/dl_for_modeling"
PROGRAMS = ["cifar10Classification", "accurateChecker3"]
SMALL = ["--widths", "6", "8", "--steps", "1", "2", "--kernels", "3", "3"]
SMALL += ["--batch", "20", "--shift", "1", "--average", "0.8", "--precision", "float32"]
if not hasattr(torch.optim, "Muon"):
    SMALL += ["--optimizer", "adamw"]
# Stands for torchvision's CIFAR10, in this process and in those that are started.
DRAWN = """
import numpy, os, torchvision

class Drawn:
    def __init__(self, root, train=True, transform=None, download=False):
        with numpy.load(os.environ["DRAWN"]) as file:
            part = "train" if train else "test"
            self.data, self.targets = file[part], file[part + "_labels"].tolist()
        self.transform = transform

    def __len__(self):
        return len(self.targets)

    def __getitem__(self, i):
        return self.transform(self.data[i]), self.targets[i]

torchvision.datasets.CIFAR10 = Drawn
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """The programs, with 300 and 100 drawn shapes; no other test gets to see them."""
    file = tmp_path_factory.mktemp("drawn") / "shapes.npz"
    (x, y), (test, wanted) = stand_ins.make("cifar10")
    shapes = {"train": x[:300], "train_labels": y[:300]}
    np.savez(file, **shapes, test=test[:100], test_labels=wanted[:100])
    patch = pytest.MonkeyPatch()
    patch.setenv("DRAWN", str(file))
    patch.setattr(torchvision.datasets, "CIFAR10", torchvision.datasets.CIFAR10)
    exec(DRAWN, {})
    patch.syspath_prepend(COURSE)
    yield SimpleNamespace(**{n: importlib.import_module(n) for n in PROGRAMS})
    patch.undo()
    for name in PROGRAMS:
        sys.modules.pop(name)


@pytest.fixture
def ours(program):
    return program.cifar10Classification


@pytest.fixture
def here(program, tmp_path, monkeypatch):
    """An empty working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def network(ours, twins=2):
    """A small network, with normalizations that are used to something."""
    torch.manual_seed(0)
    net = ours.NeuralNetwork((6, 8), (2, 4), 2, (3, 5), twins)
    for norm in net.modules():
        if isinstance(norm, nn.BatchNorm2d):
            for values in (norm.weight, norm.bias, norm.running_mean, norm.running_var):
                values.data.uniform_(0.5, 2)
    return net


def trained(ours, *flags, by="train"):
    flags = ours.parse([*SMALL, "--epochs", "4", "--plain", "1", *flags])
    torch.manual_seed(0)
    net = ours.network(flags)
    return net, getattr(ours, by)(net, flags)


# The contract


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_handed_in_files_need_nothing_of_the_book(name):
    text = (COURSE / f"{name}.py").read_text()
    assert imported(text).isdisjoint({"helpers", "tools"})


def test_loaders_are_those_of_the_template(ours):
    assert ours.batch_size == 100
    assert ours.train_loader.batch_size == ours.test_loader.batch_size == 100
    assert isinstance(ours.train_loader.sampler, torch.utils.data.RandomSampler)
    assert isinstance(ours.test_loader.sampler, torch.utils.data.SequentialSampler)
    images, labels = next(iter(ours.test_loader))
    pixels = torch.from_numpy(ours.testset.data).permute(0, 3, 1, 2) / 255
    torch.testing.assert_close(images, (pixels - 0.5) / 0.5)
    assert labels.tolist() == ours.testset.targets
    stored, same = ours.tensors(ours.test_loader)
    torch.testing.assert_close(ours.scaled(stored), images)
    assert same.tolist() == labels.tolist()


@pytest.mark.parametrize("twins", [1, 2])
def test_a_network_holds_at_most_10_000_numbers_in_use(ours, twins):
    """A mixture sees what its map gets from each map and, apart, from each twin."""
    widths = (12, 24, 33) if twins == 2 else (16, 32, 44)
    assert tuple(ours.parse([]).widths) == (12, 24, 33) == ours.NeuralNetwork().widths
    net = ours.NeuralNetwork(widths, twins=twins)
    assert net(torch.zeros(2, 3, 32, 32)).shape == (2, 10)
    net.fold()
    stored = sum(each.numel() for each in net.state_dict().values())
    weights = sum(2 * (9 + twins * width) * width for width in widths)
    own = sum(4 * 2 * width for width in widths)
    head = 10 * (widths[-1] + 1)
    assert stored == 28 * widths[0] + weights + own + head == {1: 9722, 2: 9706}[twins]


# The network


def test_a_mirrored_image_gets_the_same_logits_in_use(ours):
    net, x = network(ours), torch.randn(3, 3, 32, 32)
    net.fold()
    torch.testing.assert_close(net(x.flip(3)), net(x), rtol=1e-5, atol=1e-5)
    assert not torch.allclose(net(x.flip(2)), net(x), rtol=1e-3, atol=1e-3)
    alone = network(ours, twins=1)
    alone.fold()
    assert not torch.allclose(alone(x.flip(3)), alone(x), rtol=1e-3, atol=1e-3)


def test_a_twins_maps_are_the_mirrored_maps_of_the_mirrored_image(ours):
    net, x = network(ours), torch.randn(3, 3, 32, 32)
    net.fold()
    for layers in ([*net.stem], [*net.stem, net.filters[0], net.norms[0]]):
        maps, mirrored = (reduce(net.through, layers, each) for each in (x, x.flip(3)))
        mirrored = mirrored.flip(3)
        torch.testing.assert_close(mirrored[:, ::2], maps[:, 1::2])
        torch.testing.assert_close(mirrored[:, 1::2], maps[:, ::2])
        assert not torch.allclose(maps[:, ::2], maps[:, 1::2], atol=1e-2)


def test_a_mixture_gives_a_twin_what_the_twins_gave(ours):
    """Pairs 0 and 1: what map 0 gives map 1's twin, its twin gives map 1."""
    net = ours.NeuralNetwork((2,), (1,), 1, (3,))
    mixture = nn.Linear(4, 2, bias=False)
    own, other = mixture.weight.detach().split(2, dim=1)
    x = torch.randn(1, 4, 5, 5)
    maps, twins = x[:, ::2], x[:, 1::2]
    wanted = torch.stack(
        [
            torch.einsum("ij,njhw->nihw", own, one)
            + torch.einsum("ij,njhw->nihw", other, two)
            for one, two in ((maps, twins), (twins, maps))
        ],
        dim=2,
    ).flatten(1, 2)
    torch.testing.assert_close(net.mixed(x, mixture), wanted)


@pytest.mark.parametrize("twins", [1, 2])
def test_two_steps_of_a_size_use_the_same_weights(ours, twins):
    """The loop is the network unrolled; a gradient is the sum over the copies'."""
    net, x = network(ours, twins).eval().double(), torch.randn(2, 3, 32, 32).double()
    maps, copies, norms = F.silu(reduce(net.through, net.stem, x)), [], iter(net.norms)
    for step, part in enumerate([0, 0, 1, 2, 1, 2]):
        if step == 2:
            maps = F.pad(F.avg_pool2d(maps, 2), (0, 0, 0, 0, 0, 2 * twins))
        weight = net.filters[part].weight.detach().clone().requires_grad_()
        copies.append((part, weight))
        both = torch.stack([weight, weight.flip(3)][:twins], 1).flatten(0, 1)
        y = F.conv2d(maps, both, padding=1 + (step > 1), groups=maps.shape[1])
        y = F.silu(next(norms)(y))
        maps = maps + net.mixed(y, net.mixtures[part])
    logits = net.head(maps.mean((2, 3)).unflatten(1, (-1, twins)).sum(2))
    torch.testing.assert_close(net(x), logits)
    shared = torch.autograd.grad(net(x).square().sum(), [*net.filters.parameters()])
    apart = torch.autograd.grad(logits.square().sum(), [w for _, w in copies])
    for part, grad in enumerate(shared):
        of_copies = zip(copies, apart, strict=True)
        total = sum(each for (number, _), each in of_copies if number == part)
        torch.testing.assert_close(grad, total)


def test_in_use_a_map_and_its_twin_have_the_mean_of_their_statistics(ours):
    norm = ours.Norm(2, twins=2)
    norm.running_mean = torch.tensor([1.0, 3.0, 5.0, 9.0])
    norm.running_var = torch.tensor([2.0, 4.0, 6.0, 7.0])
    norm.joined()
    assert norm.running_mean.tolist() == [2.0, 7.0]
    assert norm.running_var.tolist() == [3.0, 6.5]


@pytest.mark.parametrize("twins", [1, 2])
def test_folding_changes_no_logit_and_leaves_nothing_that_has_two_modes(ours, twins):
    net, x = network(ours, twins), torch.randn(5, 3, 32, 32)
    in_training = net.train()(x)
    for norm in net.modules():  # a map and its twin see the same, in the long run
        if isinstance(norm, nn.BatchNorm2d):
            for values in (norm.running_mean, norm.running_var):
                values[::twins] = values[twins - 1 :: twins]
    before = net.eval()(x)
    assert not torch.allclose(in_training, before, atol=1e-2)
    net.fold()
    torch.testing.assert_close(net(x), before, rtol=1e-4, atol=1e-4)
    assert torch.equal(net.train()(x), net.eval()(x))
    assert not list(net.buffers())
    assert all(each.requires_grad for each in net.parameters())


def test_a_view_is_mirrored_then_moved_down_and_right(ours):
    image = torch.full((1, 32, 32, 3), 128, dtype=torch.uint8)
    image[0, 10, 4] = 255
    for which, place in {
        (0, 2, 2): (10, 4),
        (0, 4, 2): (12, 4),
        (0, 2, 1): (10, 3),
        (1, 2, 2): (10, 27),
        (1, 0, 4): (8, 29),
    }.items():
        made = ours.views(image, torch.tensor(which)[:, None], shift=2)
        found = (made[0] == 255).all(-1).nonzero().tolist()
        assert found == [list(place)], which
        assert made.shape == image.shape and (made == 128).sum() == 3 * 1023


# Training


def test_training_ends_folded_in_eval_mode_and_reads_most_shapes(ours, here):
    net, measured = trained(ours, "--epochs", "12")
    assert not net.training and not list(net.buffers())
    assert measured[-1]["loss"] < 0.7 * measured[0]["loss"]
    assert ours.accuracy(net, *ours.tensors(ours.test_loader)) > 0.5


def test_a_network_alone_is_trained_as_the_command_line_would(ours, here, monkeypatch):
    parse = ours.parse
    monkeypatch.setattr(ours, "parse", lambda a: parse([*a, "--epochs", "1"]))
    assert len(ours.train(ours.NeuralNetwork((8,), (1,), 1, (3,)))) == 1


def test_the_last_epochs_see_the_images_as_they_are(ours, here, monkeypatch):
    seen, views = [], ours.views

    def look(images, which, shift):
        seen.append(which)
        return views(images, which, shift)

    monkeypatch.setattr(ours, "views", look)
    trained(ours)
    drawn, plain = torch.cat(seen[:-15], 1), torch.cat(seen[-15:], 1)
    assert drawn.shape[1] == 900 and plain.shape[1] == 300
    for name, values in zip(("mirrored", "down", "right"), drawn, strict=True):
        assert set(values.tolist()) == set(range(2 if name == "mirrored" else 3))
    assert (plain == torch.tensor([[0], [1], [1]])).all()


def test_a_killed_run_goes_on_to_the_same_network(ours, here, monkeypatch):
    whole, _ = trained(ours)
    epochs, save = [], ours.save

    def killed(state, path):
        epochs.append(len(state["measured"]))
        if len(epochs) == 3:
            raise KeyboardInterrupt
        save(state, path)

    monkeypatch.setattr(ours, "save", killed)
    with pytest.raises(KeyboardInterrupt):
        trained(ours)
    with pytest.raises(ValueError, match="other flags; delete it"):
        trained(ours, "--weight_decay", "0.5")
    again, measured = trained(ours)
    assert epochs == [1, 2, 3, 3, 4] and len(measured) == 4
    for one, other in zip(whole.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, other)


def test_what_trained_is_not_what_a_second_training_goes_on_with(ours, here):
    one, other = (ours.NeuralNetwork((8,), (1,), 1, (3,)) for _ in range(2))
    flags = ours.parse([*SMALL, "--epochs", "1"])
    for net in (one, other):
        assert len(ours.train(net, flags)) == 1
        assert not list(here.iterdir())
    assert not torch.equal(one.head.weight, other.head.weight)


def test_a_run_that_can_not_store_its_network_keeps_what_it_learned(
    ours, here, monkeypatch
):
    def refused(state, path):
        if path.suffix == ".pth":
            raise OSError("no space")
        save(state, path)

    save, flags = ours.save, [*SMALL, "--epochs", "1"]
    with monkeypatch.context() as patched, pytest.raises(OSError, match="no space"):
        patched.setattr(ours, "save", refused)
        ours.main(flags)
    monkeypatch.setattr(ours, "learn", None)
    ours.main(flags)
    names = {path.name for path in here.iterdir()}
    assert names == {"cifarNet.pth", "cifarNet.json"}


def test_the_network_ends_as_the_average_of_its_weights(ours, here):
    ends = []
    for share in ("0", "0.8"):
        net, _ = trained(ours, "--average", share)
        ends.append(net.head.weight)
    assert (ends[0] - ends[1]).abs().max() > 1e-3


@pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="PyTorch before 2.9")
def test_muon_steps_the_mixtures_and_adamw_all_else(ours):
    net = network(ours)
    adamw, muon = ours.descent(net, ours.parse([]))
    of_muon = {id(each) for group in muon.param_groups for each in group["params"]}
    of_adamw = {id(each) for group in adamw.param_groups for each in group["params"]}
    assert of_muon == {id(each) for each in net.mixtures.parameters()}
    assert of_muon | of_adamw == {id(each) for each in net.parameters()}
    assert not of_muon & of_adamw
    [alone] = ours.descent(net, ours.parse(["--optimizer", "adamw"]))
    assert len(alone.param_groups[0]["params"]) == len(of_muon | of_adamw)


def test_an_average_forgets_its_first_values_soon_and_then_follows_slowly(ours):
    follow, mean = ours.averaging(0.999), torch.zeros(1)
    for step in range(1, 1001):
        follow([mean], [torch.ones(1)], torch.tensor(step))
    assert mean > 0.99
    for step in range(100_000, 100_100):
        follow([mean], [torch.zeros(1)], torch.tensor(step))
    assert mean.item() == pytest.approx(0.999**100, abs=0.01)


def test_a_loss_that_is_not_finite_ends_the_run_and_stores_nothing(ours, here):
    with pytest.raises(FloatingPointError, match="loss is nan in epoch 1; lower"):
        trained(ours, "--learning_rate", "1e30")
    assert not list(here.iterdir())


def test_held_out_images_are_scored_and_the_test_images_are_not(
    ours, here, monkeypatch
):
    calls, accuracy = [], ours.accuracy

    def look(net, images, *others, **how):
        calls.append(len(images))
        return accuracy(net, images, *others, **how)

    monkeypatch.setattr(ours, "accuracy", look)
    ours.main([*SMALL, "--epochs", "2", "--validation", "150"])
    assert calls == [150, 150]
    assert not {"accuracy", "mirrored"} & set(
        json.loads(Path("cifarNet.json").read_text())
    )
    ours.main([*SMALL, "--epochs", "2"])
    assert calls == [150, 150, 100, 100]
    said = json.loads(Path("cifarNet.json").read_text())
    assert said["device"] == ours.DEVICE
    assert said["numbers"] == 628 and 0 <= said["mirrored"] <= 1
    assert not Path("cifarNet.checkpoint").exists()


def test_with_mirror_images_logits_are_added(ours):
    class Left(nn.Module):
        """Class 1 as far as the left half is bright, else class 0."""

        def forward(self, x):
            left = x[..., :16].mean((1, 2, 3))
            return torch.stack([torch.zeros_like(left), left], dim=1)

    images = torch.zeros(1, 32, 32, 3, dtype=torch.uint8)
    images[:, :, :16] = 255  # left 1, right -1: together 0
    one = torch.tensor([1])
    assert ours.accuracy(Left(), images, one) == 1
    assert ours.accuracy(Left(), images, one, mirrored=True) == 0


def test_images_of_any_layout_are_computed_with_channels_last(ours, monkeypatch):
    net, last, through = network(ours, 2), [], ours.NeuralNetwork.through

    def noted(self, x, layer):
        last.append(x.is_contiguous(memory_format=torch.channels_last))
        return through(self, x, layer)

    monkeypatch.setattr(ours.NeuralNetwork, "through", noted)
    net.eval()(torch.randn(2, 3, 32, 32))
    assert last[0]


# A teacher


def test_a_teacher_that_is_sure_of_other_labels_is_followed(ours, here):
    """One says 0 of images and 1 of mirror images, which to pairs are the same."""
    logits = torch.zeros(300, 2, 10, dtype=torch.float16)
    logits[:, 0, 0] = logits[:, 1, 1] = 9
    torch.save(logits, "logits.pt")
    flags = ["--teacher", "logits.pt", "--teacher_share", "1", "--epochs", "16"]
    net, _ = trained(ours, *flags)
    images, _ = ours.tensors(ours.train_loader)
    shares = net(ours.scaled(images)).softmax(1).mean(0)
    assert shares[:2].sum() > 0.9 and shares[:2].min() > 0.3


def test_the_loss_beside_a_teacher_is_hintons(ours):
    torch.manual_seed(0)
    flags = ours.parse(["--temperature", "3", "--teacher_share", "0.7"])
    flags.precision = "float32"
    net = nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 10))
    x, labels = torch.randn(4, 3, 32, 32), torch.tensor([3, 1, 4, 1])
    taught = torch.randn(4, 10)
    p, q = (F.softmax(each / 3, dim=1) for each in (taught, net(x)))
    far = (p * (p / q).log()).sum(1).mean()
    wanted = 0.3 * F.cross_entropy(net(x), labels) + 0.7 * 9 * far
    sgd = torch.optim.SGD(net.parameters(), 0.1)
    assert ours.learn(net, [sgd], x, labels, flags, taught) == pytest.approx(
        wanted.item()
    )


@pytest.mark.parametrize("content", [torch.zeros(300, 10), {"a": torch.zeros(1)}])
def test_logits_that_do_not_fit_are_refused(ours, here, content):
    torch.save(content, "logits.pt")
    with pytest.raises(ValueError, match=r"logits.pt holds .* expected \(300, 2, 10\)"):
        trained(ours, "--teacher", "logits.pt")


def test_a_run_does_not_go_on_with_another_teacher_but_with_the_same_elsewhere(
    ours, here, monkeypatch
):
    logits = torch.zeros(300, 2, 10)
    for name, value in (("one.pt", 0), ("same.pt", 0), ("two.pt", 1)):
        torch.save({"part": logits + value}["part"], name)
    Path("same.pt").write_bytes(Path("one.pt").read_bytes())
    trained(ours, "--teacher", "one.pt", by="fit")
    with monkeypatch.context() as patched:
        patched.setattr(ours, "learn", None)  # nothing is left to learn
        trained(ours, "--teacher", "same.pt", by="fit")
    Path("one.pt").write_bytes(Path("two.pt").read_bytes())
    with pytest.raises(ValueError, match="another teacher or other flags; delete it"):
        trained(ours, "--teacher", "one.pt")


BROKEN = {
    "text": lambda content: b"hello\n",
    "empty": lambda content: b"",
    "cut": lambda content: content[: len(content) // 2],
}


@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_checkpoint_or_teacher_is_named(ours, here, broken):
    trained(ours, "--epochs", "1", by="fit")
    torch.save(torch.zeros(300, 2, 10), "logits.pt")
    for name, flags in (
        ("cifarNet.checkpoint", ()),
        ("logits.pt", ("--teacher", "logits.pt")),
    ):
        Path(name).write_bytes(BROKEN[broken](Path(name).read_bytes()))
        with pytest.raises(ValueError, match=f"{name} is damaged, or another file"):
            trained(ours, "--epochs", "1", *flags)
        Path("cifarNet.checkpoint").unlink(missing_ok=True)


def test_a_foreign_file_in_the_checkpoints_place_is_refused(ours, here):
    torch.save({"weights": torch.zeros(1)}, "cifarNet.checkpoint")
    with pytest.raises(ValueError, match="delete it"):
        trained(ours)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--validation", "-5"), "--validation -5: expected 0 or more"),
        (("--batch", "0"), "--batch 0: expected 1 or more"),
        (("--shift", "-1"), "--shift -1: expected 0 or more"),
        (("--uses", "0"), "--uses 0: expected 1 or more"),
        (("--widths", "16", "12", "20"), "--widths 16 12 20: expected whole numbers"),
        (("--widths", "0", "12", "20"), "--widths 0 12 20: expected whole numbers"),
        (("--steps", "3", "-1", "2"), "--steps 3 -1 2 with 3 widths: expected one for"),
        (("--steps", "3"), "--steps 3 with 3 widths: expected one for each, 1 or more"),
        (("--kernels", "3", "4", "5"), "--kernels 3 4 5 with 3 widths: expected one"),
        (("--widths", *"1234567"), "--widths has 7 numbers: expected up to 6"),
        (("--out", "net.checkpoint"), "expected another ending"),
        (("--out", "net.json"), "expected another ending"),
        (("--out", "."), "expected a file's name"),
        (("--out", "nowhere/net.pth"), "in a folder that is there"),
    ],
)
def test_flags_that_cannot_be_are_refused_before_training(
    ours, here, capsys, flags, said
):
    with pytest.raises(SystemExit):
        ours.parse(flags)
    assert said in capsys.readouterr().err


def test_holding_all_images_out_is_refused(ours, here):
    with pytest.raises(ValueError, match="--validation 300 leaves none of 300 images"):
        trained(ours, "--validation", "300")


def test_ten_steps_in_which_the_rate_cannot_rise_and_fall_are_refused(ours, here):
    with pytest.raises(ValueError, match=r"--epochs 1: the rate can't .* in 10 steps"):
        trained(ours, "--epochs", "1", "--batch", "30")
    trained(ours, "--epochs", "1", "--batch", "50")


def test_a_full_disk_is_said_and_leaves_no_part(ours, here, monkeypatch):
    def full(state, path):
        path.write_bytes(b"PK")
        raise RuntimeError("unexpected pos 64 vs 0")  # what torch says then

    monkeypatch.setattr(ours.torch, "save", full)
    with pytest.raises(OSError, match=r"cifarNet\.checkpoint can't be written"):
        trained(ours)
    assert not list(here.iterdir())


# Checkers


@pytest.fixture(scope="module")
def handed_in(program, tmp_path_factory):
    """A folder with the programs, and a network that the program made by itself."""
    folder = tmp_path_factory.mktemp("handed_in")
    for name in PROGRAMS:
        (folder / f"{name}.py").write_bytes((COURSE / f"{name}.py").read_bytes())
    call(folder, "cifar10Classification", *SMALL, "--epochs", "3", "--plain", "1")
    return folder


def call(folder, name, *flags):
    """What a program prints that is called as its author would, on drawn shapes."""
    code = f"{DRAWN}\nimport runpy, sys\nsys.argv = sys.argv[1:]\n"
    code += "sys.path.insert(0, '')\nrunpy.run_path(sys.argv[0], run_name='__main__')"
    command = [sys.executable, "-c", code, f"{name}.py", *flags]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


# As public copies have it, in all editions: how they load, and whether they set a mode.
FOREIGN = """
import torch
from cifar10Classification import NeuralNetwork, test_loader, batch_size

old = {"weights_only": False}
for how in ({}, old, old | {"map_location": "cpu"}):
    for mode in ("", "eval", "train"):
        net = torch.load("cifarNet.pth", **how)
        if mode:
            getattr(net, mode)()
        n = sum(p.numel() for p in net.parameters() if p.requires_grad)
        correct = total = 0
        for images, labels in test_loader:
            out = net(images)
            correct += (out.argmax(1) == labels).sum().item()
            total += labels.size(0)
        print(total, correct, f"{100 * correct / total / max(n // 10**4, 1):.4f}")
"""


def test_every_edition_of_the_checker_says_what_ours_does(handed_in):
    """Starts Python three times, so it may take over 5 s."""
    (handed_in / "theirs.py").write_text(FOREIGN)
    first, *others = call(handed_in, "theirs").splitlines()
    assert others == [first] * 8
    total, correct, score = first.split()
    ours = call(handed_in, "accurateChecker3")
    assert f"images: {total}, right: {correct}, " in ours
    assert f"rounded down: {score}\n" in ours
    assert float(score) > 15  # it reads shapes


def test_the_checker_prints_both_counts_and_both_scores(program, here, capsys):
    torch.manual_seed(0)
    net = program.cifar10Classification.NeuralNetwork((64,), (2,), 2, (3,), twins=1)
    net.fold()
    net.filters.requires_grad_(False)
    torch.save(net, "cifarNet.pth")
    program.accurateChecker3.main()
    said = capsys.readouterr().out.splitlines()
    all_of_them = 28 * 64 + 64 * (9 + 64) + 2 * 2 * 64 + 650
    assert said[0] == f"parameters: {all_of_them - 9 * 64}"
    assert said[1].endswith(f"numbers stored: {all_of_them}")


@pytest.mark.parametrize(
    ("trained", "stored", "floored", "exact"),
    [(9_999, 10_000, 50, 50), (19_999, 20_000, 50, 25), (20_000, 25_000, 25, 20)],
)
def test_only_the_public_score_rounds_its_divisor_down(
    program, monkeypatch, capsys, trained, stored, floored, exact
):
    checker = program.accurateChecker3
    halves = [(torch.eye(2, 10), torch.tensor([0, 0]))]
    monkeypatch.setattr(checker, "network", lambda: nn.Identity())
    monkeypatch.setattr(checker, "counts", lambda net: (trained, stored))
    monkeypatch.setattr(checker, "test_loader", halves)
    checker.main()
    said = capsys.readouterr().out
    assert f"rounded down: {floored:.4f}\n" in said
    assert f"not rounded: {exact:.4f}\n" in said


def test_buffers_and_frozen_parameters_count_and_a_hidden_tensor_is_refused(program):
    net = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3))
    net[0].weight.requires_grad_(False)
    assert program.accurateChecker3.counts(net) == (9, 15 + 6 + 7)
    for hidden in (torch.ones(5), [torch.ones(5)], {"a": (0, torch.ones(5))}):
        net[1].hidden = hidden
        with pytest.raises(ValueError, match=r"isn't counted: 1\.hidden"):
            program.accurateChecker3.counts(net)


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
    torch.save(content, "cifarNet.pth")
    with pytest.raises(ValueError, match=said):
        program.accurateChecker3.network()
    assert not Path("touched").exists()


@pytest.mark.parametrize("damage", ["empty", "cut", "text", "flipped"])
def test_damaged_weights_are_refused(program, handed_in, here, damage):
    content = (handed_in / "cifarNet.pth").read_bytes()
    Path("cifarNet.pth").write_bytes(content)
    weight = program.accurateChecker3.network().head.weight.detach().numpy()
    at = content.index(weight.tobytes())
    damaged = {
        "empty": b"",
        "cut": content[:at],
        "text": b"version https://git-lfs.github.com/spec/v1",
        "flipped": content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :],
    }
    Path("cifarNet.pth").write_bytes(damaged[damage])
    with pytest.raises(ValueError, match=r"cifarNet\.pth"):
        program.accurateChecker3.network()


def test_a_network_for_something_else_is_refused(program, here):
    """Such as the one of question 4: its class has the same name."""
    net = program.cifar10Classification.NeuralNetwork((8,), (1,), 1, (3,))
    net.fold()
    del net.stem
    for given, said in (
        (net, "fails on images of shape .*no attribute 'stem'"),
        (nn.Linear(784, 10), "fails on images of shape"),
        (nn.Flatten(), r"logits of shape \(100, 3072\), expected \(100, 10\)"),
    ):
        torch.save(given, "cifarNet.pth")
        with pytest.raises(ValueError, match=rf"cifarNet\.pth .*{said}"):
            program.accurateChecker3.main()


def test_without_the_file_the_checker_says_what_to_run(program, here):
    with pytest.raises(FileNotFoundError, match=r"no cifarNet.*run cifar10Class"):
        program.accurateChecker3.network()


def test_without_photographs_the_program_says_where_they_belong(ours, monkeypatch):
    def broken(*arguments, **how):
        raise RuntimeError("no\nnetwork")

    monkeypatch.setattr(ours, "CIFAR10", broken)
    with pytest.raises(SystemExit, match="can't be read: no network; put CIFAR-10's"):
        ours.photographs(train=True)


# The recipe, and the search


def beside(name, tmp_path, monkeypatch):
    """A file that is no part of the zip, in a folder without cards and data."""
    spec = importlib.util.spec_from_file_location(f"modeling_{name}", COURSE / name)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setenv("DL_RUNS", str(tmp_path / "runs"))
    monkeypatch.setattr(module, "HERE", tmp_path / "dl_for_modeling")
    monkeypatch.setattr(module.data, "root", lambda name: tmp_path)
    monkeypatch.setattr(module.data, "hashes", lambda name: {name: "0" * 64})
    module.HERE.mkdir()
    return module


@pytest.fixture
def recipe(program, tmp_path, monkeypatch):
    return beside("recipe_cifar.py", tmp_path, monkeypatch)


@pytest.fixture
def search(tmp_path, monkeypatch):
    return beside("search_cifar.py", tmp_path, monkeypatch)


def test_a_teacher_is_asked_about_an_image_and_its_mirror_image(search, ours):
    class Means(nn.Module):
        """Ten logits that tell an image from its mirror image."""

        def forward(self, x):
            return x[:, 0, 8:18, 8:18].float().diagonal(dim1=1, dim2=2)

    images = torch.randint(0, 256, (3, 32, 32, 3), dtype=torch.uint8)
    logits = search.seen(Means(), images)
    assert logits.shape == (3, 2, 10)
    for mirrored in (0, 1):
        which = torch.tensor([mirrored, 2, 2])[:, None].expand(3, 3)
        x = ours.views(images, which, 2)[..., 0] / 255
        wanted = (x - search.MEAN[0]) / search.STD[0]
        wanted = wanted[:, 8:18, 8:18].diagonal(dim1=1, dim2=2)
        torch.testing.assert_close(
            logits[:, mirrored], wanted.half(), atol=0.01, rtol=0
        )


def test_a_teacher_of_another_content_teaches_nothing(search, tmp_path, monkeypatch):
    monkeypatch.setattr(search, "TEACHER", tmp_path)
    (tmp_path / "cnn.pt").write_bytes(b"another one")
    with pytest.raises(ValueError, match=r"cnn\.pt isn't the file .* cf17; restore it"):
        search.lesson("cnn.pt cf17")


def test_the_teacher_that_the_search_names_is_there(search):
    wanted = search.WANTED["try-pairs-taught"][0]["teacher"]
    found = ROOT / "solutions/sustech_cs324/part2" / wanted.split()[0]
    digits = hashlib.sha256(found.read_bytes()).hexdigest()
    assert digits.startswith(wanted.split()[1]) and len(wanted.split()[1]) == 12


def test_the_recipe_ships_the_network_of_seed_0_with_its_score(recipe, monkeypatch):
    called = []

    def call(program, *words, **variables):
        at = [i for i, word in enumerate(words) if str(word).startswith("--")]
        flags = {words[i]: words[i + 1] for i in at}
        assert list(words).count(32) == ("--twins" in flags)  # the middle one of widths
        called.append(flags)
        out = Path(flags["--out"])
        out.write_text(f"{flags.get('--epochs', 80)} epochs, seed {flags['--seed']}")
        said = {name.removeprefix("--"): value for name, value in flags.items()}
        said = {"flags": said | {"out": str(out)}, "numbers": 12_500}
        said |= {"device": "cuda"}
        said |= {"epochs": [{"loss": 0.25, "seconds": 2.0}] * 3}
        said |= {"accuracy": 0.8 + flags["--seed"] / 100, "mirrored": 0.9}
        out.with_suffix(".json").write_text(json.dumps(said))

    monkeypatch.setattr(recipe.sweep, "call", call)
    done = recipe.sweep.run(
        recipe.train, recipe.WANTED, name="dl_for_modeling", data={}
    )
    recipe.cards(done)
    assert len(called) == 9
    for path in recipe.HERE.glob("cards/*.json"):
        card = results.read(path)
        assert card["device"] == "cuda" and "device" not in card["seeds"][0]
    assert (recipe.HERE / "cifarNet.pth").read_text() == "80 epochs, seed 0"
    card = results.read(recipe.HERE / "cards/cifar-net.json")
    assert results.values(card) == pytest.approx([0.8, 0.81, 0.82])
    assert card["parameters"] == {}
    assert card["seeds"][0]["seconds"] == 6 and card["seeds"][0]["mirrored"] == 0.9
    assert card["weights"]["command"] == "python cifar10Classification.py --seed 0"
    points = results.values(results.read(recipe.HERE / "cards/cifar-score.json"))
    assert points == pytest.approx([64, 64.8, 65.6])
    short, alone = (
        results.read(recipe.HERE / f"cards/cifar-{name}.json")
        for name in ("30", "alone")
    )
    assert short["parameters"] == {"epochs": 30, "plain": 3}
    assert short["weights"] is None and alone["parameters"]["epochs"] == 30
    assert alone["parameters"]["twins"] == 1


def test_every_design_has_at_most_10_000_numbers_and_uses_them_all(search):
    for settings, _ in search.WANTED.values():
        torch.manual_seed(0)
        net = search.Design(settings)
        assert 8_900 < search.numbers(net) <= 10_000
        logits = net(torch.randn(2, 3, 32, 32))
        assert logits.shape == (2, 10)
        logits.square().sum().backward()
        assert all(each.grad.abs().sum() > 0 for each in net.parameters())


@pytest.mark.parametrize(("design", "twins"), [("try-base", 1), ("try-pairs", 2)])
def test_the_searchs_networks_are_those_of_the_program(search, ours, design, twins):
    settings, net = search.WANTED[design][0], network(ours, twins)
    small = {"widths": [6, 8], "steps": [2, 4], "kernels": [3, 5]}
    design = search.Design(settings | small)
    values = net.state_dict().values()
    design.load_state_dict(dict(zip(design.state_dict(), values, strict=True)))
    x = torch.randn(3, 3, 32, 32)
    torch.testing.assert_close(design.eval()(x), net.eval()(x))
    net.fold()
    stored = sum(each.numel() for each in net.state_dict().values())
    assert search.numbers(design) == stored
    if twins == 2:
        flags = ours.parse([])
        for name in ("widths", "steps", "learning_rate", "batch"):
            assert settings[name] == getattr(flags, name)


def test_the_best_four_designs_get_a_second_seed_where_they_have_one(
    search, monkeypatch
):
    made, names = (
        [],
        [
            "try-one-width",
            "try-5x5-at-8x8",
            "try-pairs-5x5",
            "try-pairs-gelu",
            "try-own",
        ],
    )
    monkeypatch.setattr(search, "WANTED", {n: search.WANTED[n] for n in names})

    def train(settings, seed, folder):
        made.append((folder.parent.name, seed))
        value = names.index(folder.parent.name) / 100 + seed / 1000
        return {"value": value, "numbers": 9, "curves": {}}

    monkeypatch.setattr(search, "train", train)
    monkeypatch.setattr(search, "HOW", {"name": "dl_for_modeling"})
    hashes = search.data.hashes("cifar10")
    done = search.sweep.run(train, search.WANTED, data=hashes, **search.HOW)
    search.cards(done)
    first, of_chapter = [(n, 0) for n in names], [("try-own", seed) for seed in (1, 2)]
    assert made == [*first, *of_chapter, *((n, 1) for n in names[1:4])]
    for name, seeds in zip(names, (1, 2, 2, 2, 3), strict=True):
        card = results.read(search.HERE / f"cards/{name}.json")
        assert len(card["seeds"]) == seeds and card["parameters"]["epochs"] == 8
