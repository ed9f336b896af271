"""CIFAR-10 with at most 10,000 numbers (question 5).

    python cifar10Classification.py --seed 0

trains NeuralNetwork and writes cifarNet.pth, the whole module, for accurateChecker3.py.
Of a network's numbers all count here: filters, biases and normalization. A run that is
killed goes on after its last whole epoch. Importing this file trains nothing. It reads
CIFAR-10 from the folder that DL_DATA names, else from data/, into which torchvision
downloads it.

With --teacher, another network's logits are learned besides the labels: a file of a
tensor (training images, 2, 10), which holds them for each image as it is and mirrored.
"""

import argparse
import hashlib
import json
import math
import os
import sys
import time
from functools import reduce
from itertools import islice
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.datasets import CIFAR10

batch_size = 100
ROOT = Path(os.environ.get("DL_DATA", "data")).expanduser()
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def photographs(train):
    """CIFAR-10's training or test set; ends the program where it can't be read."""
    scaled = [transforms.ToTensor(), transforms.Normalize((0.5,) * 3, (0.5,) * 3)]
    try:
        return CIFAR10(ROOT, train, transforms.Compose(scaled), download=True)
    except Exception as error:  # torchvision raises many
        why = " ".join(str(error).split()) or type(error).__name__
        files = ROOT / "cifar-10-batches-py"
        sys.exit(f"{files} can't be read: {why}; put CIFAR-10's files there")


trainset, testset = photographs(train=True), photographs(train=False)
train_loader = DataLoader(trainset, batch_size, shuffle=True)
test_loader = DataLoader(testset, batch_size, shuffle=False)


class Norm(nn.BatchNorm2d):
    """Batch normalization with one factor and one offset for a map and its twin."""

    def __init__(self, width, twins):
        super().__init__(width * twins)
        self.twins = twins
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width))

    def forward(self, x):
        scale = [
            each.repeat_interleave(self.twins) for each in (self.weight, self.bias)
        ]
        means = self.running_mean, self.running_var
        return F.batch_norm(x, *means, *scale, self.training, self.momentum, self.eps)

    def joined(self):
        """The same in use, where a map and its twin have one mean and one variance."""
        self.running_mean, self.running_var = (
            each.unflatten(0, (-1, self.twins)).mean(1)
            for each in (self.running_mean, self.running_var)
        )
        return self.eval()


class NeuralNetwork(nn.Module):
    """A stem, steps at ever smaller sizes of the maps, and a linear layer.

    Maps come in pairs, and what makes the one makes the other, mirrored. So of a
    mirrored image the maps are the mirrored maps, each in its twin's place, and the
    logits are the same.

    widths: pairs at 32x32 pixels, at 16x16, and so on, none fewer than before
    steps: how often something is added to the maps at each size
    uses: how many of these steps share their weights
    kernels: side of the filters at each size, an odd number
    twins: 2; or 1 for single maps in the place of the pairs

    A step adds to the maps what it makes of them: a filter for each, a normalization
    that is this step's own, SiLU, a mixture of the maps. From size to size, 2x2 pixels
    become their mean, and maps of zeros are laid behind the others.
    """

    def __init__(
        self,
        widths=(12, 24, 33),
        steps=(4, 4, 4),
        uses=2,
        kernels=(3, 3, 3),
        twins=2,
    ):
        super().__init__()
        self.widths, self.steps = tuple(widths), tuple(steps)
        self.uses, self.twins = uses, twins
        self.stem = nn.Sequential(
            nn.Conv2d(3, widths[0], 3, padding=1, bias=False), Norm(widths[0], twins)
        )
        self.filters, self.mixtures = nn.ModuleList(), nn.ModuleList()
        self.norms = nn.ModuleList()
        for m, many, side in zip(widths, steps, kernels, strict=True):
            for _ in range(math.ceil(many / uses)):
                how = {"padding": side // 2, "groups": m, "bias": False}
                self.filters.append(nn.Conv2d(m, m, side, **how))
                self.mixtures.append(nn.Linear(twins * m, m, bias=False))
            self.norms.extend(Norm(m, twins) for _ in range(many))
        self.head = nn.Linear(widths[-1], 10)

    def through(self, x, layer):
        """The maps, filtered or normalized; the filters of the twins are mirrored."""
        if self.twins == 1 or isinstance(layer, Norm):
            return layer(x)
        weight = torch.stack([layer.weight, layer.weight.flip(3)], 1).flatten(0, 1)
        bias = None if layer.bias is None else layer.bias.repeat_interleave(2)
        each_its_own = x.shape[1] > layer.in_channels
        groups = x.shape[1] if each_its_own else 1
        return F.conv2d(x, weight, bias, padding=layer.padding, groups=groups)

    def mixed(self, x, mixture):
        """The maps mixed: what a map gives one of a pair, its twin gives the other."""
        weight = mixture.weight
        if self.twins == 2:
            own, other = weight.chunk(2, 1)
            to_both = torch.stack([own, other], 2), torch.stack([other, own], 2)
            weight = torch.stack(to_both, 1).flatten(2).flatten(0, 1)
        return F.conv2d(x, weight[:, :, None, None])

    def forward(self, x):
        """Logits (n, 10) of images (n, 3, 32, 32) with values from -1 to 1."""
        x, norms = x.contiguous(memory_format=torch.channels_last), iter(self.norms)
        x = F.silu(reduce(self.through, self.stem, x))
        parts = zip(self.filters, self.mixtures, strict=True)
        for size, (width, steps) in enumerate(
            zip(self.widths, self.steps, strict=True)
        ):
            if size:
                zeros = self.twins * width - x.shape[1]
                x = F.pad(F.avg_pool2d(x, 2), (0, 0, 0, 0, 0, zeros))
            sets = list(islice(parts, math.ceil(steps / self.uses)))
            for step in range(steps):
                filters, mixture = sets[step % len(sets)]
                y = reduce(self.through, (filters, next(norms)), x)
                x = x + self.mixed(F.silu(y), mixture)
        means = F.avg_pool2d(x, x.shape[2:]).flatten(1)
        return self.head(means.unflatten(1, (-1, self.twins)).sum(2))

    @torch.no_grad()
    def fold(self):
        """Keep of each normalization the two numbers a pair that it is in use.

        The stem's become its filters'. The others become a convolution of their own, of
        one pixel and one map: what comes before them serves other steps, too. Nothing
        is left that behaves differently in training mode.
        """
        self.eval()
        filters, norm = self.stem
        self.stem = nn.Sequential(fuse_conv_bn_eval(filters, norm.joined()))
        self.norms = nn.ModuleList(map(of_one_pixel, self.norms))
        self.requires_grad_()  # checkers count no others


def network(flags):
    """The network that the command line asks for."""
    names = "widths", "steps", "uses", "kernels", "twins"
    return NeuralNetwork(*(getattr(flags, name) for name in names))


def of_one_pixel(norm):
    """A normalization in use: a factor and an offset for each map and its twin."""
    width, weight = len(norm.weight), norm.weight
    one = nn.Conv2d(width, width, 1, groups=width, bias=False).to(weight)
    nn.init.ones_(one.weight)
    return fuse_conv_bn_eval(one.eval(), norm.joined())


# From PyTorch 2.6 on, torch.load takes only classes that were declared safe. Checkers
# import this file before they load. A program stores its own classes as __main__'s.
ours = [NeuralNetwork, (NeuralNetwork, "__main__.NeuralNetwork")]
kinds = [nn.Conv2d, nn.Linear, nn.Sequential, nn.ModuleList]
torch.serialization.add_safe_globals(ours + kinds)


def tensors(loader):
    """All images of a loader, uint8 (n, 32, 32, 3), and labels, on the device."""
    images = torch.from_numpy(loader.dataset.data)
    return images.to(DEVICE), torch.tensor(loader.dataset.targets, device=DEVICE)


def scaled(images):
    """Images uint8 (n, 32, 32, 3) as the loaders' transform has them, channels last."""
    return (images.float() / 127.5 - 1).permute(0, 3, 1, 2)  # a view: nothing moves


def views(images, which, shift):
    """Images uint8 (n, 32, 32, 3), each mirrored or not and moved; gray comes in.

    which: whole numbers (3, n): 1 if mirrored, and pixels down and right, from 0 (moved
        up or left by `shift`) to 2 * shift
    """
    mirrored, down, right = which
    images = torch.where(mirrored[:, None, None, None] > 0, images.flip(2), images)
    padded = F.pad(images, (0, 0) + (shift,) * 4, value=128)
    windows = padded.unfold(1, 32, 1).unfold(2, 32, 1)  # views, no copies
    every = torch.arange(len(images), device=images.device)
    rows, columns = 2 * shift - down, 2 * shift - right
    return windows[every, rows, columns].permute(0, 2, 3, 1).contiguous()


@torch.no_grad()
def accuracy(net, images, labels, mirrored=False):
    """The share of images uint8 (n, 32, 32, 3) whose largest logit is their label's.

    mirrored: whether each image and its mirror image add their logits up
    """
    net.eval()
    right = 0
    for part, wanted in zip(images.split(1000), labels.split(1000), strict=True):
        x = scaled(part)
        logits = net(x) + net(x.flip(3)) if mirrored else net(x)
        right += (logits.argmax(1) == wanted).sum().item()
    return right / len(labels)


def learn(net, optimizers, x, labels, flags, taught=None):
    """One step on images (n, 3, 32, 32); returns the loss before it.

    taught: a teacher's logits (n, 10). Then the loss is for the most part how far the
        network's probabilities are from the teacher's, both softened (Hinton, Vinyals
        and Dean 2015).
    """
    with torch.autocast(DEVICE, torch.bfloat16, flags.precision == "bfloat16"):
        logits = net(x).float()
    loss = F.cross_entropy(logits, labels)
    if taught is not None:
        both = [(each / flags.temperature).log_softmax(1) for each in (logits, taught)]
        far = F.kl_div(*both, reduction="batchmean", log_target=True)
        share = flags.teacher_share
        loss = (1 - share) * loss + share * flags.temperature**2 * far
    for optimizer in optimizers:
        optimizer.zero_grad()
    loss.backward()
    for optimizer in optimizers:
        optimizer.step()
    return loss.item()


def descent(net, flags):
    """The optimizers: AdamW, and for the matrices that mix channels Muon.

    Muon takes steps in which all directions of a matrix count alike (Jordan 2024).
    """
    rate, decay = flags.learning_rate, flags.weight_decay
    matrices = [] if flags.optimizer == "adamw" else [*net.mixtures.parameters()]
    ids = {id(each) for each in matrices}
    others = [each for each in net.parameters() if id(each) not in ids]
    both = [torch.optim.AdamW(others, rate, weight_decay=decay, fused=True)]
    if matrices:
        both.append(torch.optim.Muon(matrices, rate, weight_decay=0))
    return both


def averaging(most):
    """How an average follows weights: its memory grows until a step keeps `most`.

    Without that, a short run would end with much of its first weights.
    """

    def follow(means, values, count):
        kept = min(most, (1 + count.item()) / (10 + count.item()))
        get_ema_multi_avg_fn(kept)(means, values, count)

    return follow


def loaded(path, device="cpu"):
    """What a file holds; code isn't run. Raises ValueError if it can't be read."""
    with Path(path).open("rb") as file:
        try:
            return torch.load(file, device, weights_only=True)
        except Exception as error:  # torch and pickle raise many
            problem = f"{path} is damaged, or another file ({type(error).__name__})"
            raise ValueError(problem) from None


def logits_of(teacher, count):
    """A teacher's logits from its file; raises ValueError where they don't fit."""
    logits = loaded(teacher)
    shape = tuple(getattr(logits, "shape", ()))
    if shape != (wanted := (count, 2, 10)):
        raise ValueError(f"{teacher} holds logits of {shape}, expected {wanted}")
    return logits


def save(state, path):
    """Write in one step, so that a killed run leaves a whole file."""
    part = path.with_name(f"{path.name}.part")
    try:
        torch.save(state, part)
    except RuntimeError as error:  # what torch makes of a full disk
        part.unlink(missing_ok=True)
        raise OSError(f"{path} can't be written: {error}") from None
    part.replace(path)


def train(net, flags=None):
    """Train in place; the network ends as the average of its weights, folded.

    flags: the settings, as the command line has them; left out, its defaults.
    Returns what was measured, epoch by epoch. Raises FloatingPointError for a loss that
    isn't finite, ValueError for a checkpoint or a teacher's file that doesn't fit, and
    where there are no images, or ten batches in all.
    """
    flags = flags or parse([])
    measured = fit(net, flags)
    Path(flags.out).with_suffix(".checkpoint").unlink(missing_ok=True)
    return measured


def fit(net, flags):
    """What train does, but the checkpoint stays, until the network is stored."""
    images, labels = tensors(train_loader)
    if flags.validation >= len(labels):
        problem = f"--validation {flags.validation} leaves none of {len(labels)} images"
        raise ValueError(f"{problem} to train on")
    # Held out, for every try, are the same of the training images.
    order = torch.from_numpy(np.random.default_rng(50_000).permutation(len(labels)))
    kept, held = order[flags.validation :], order[: flags.validation]
    steps, shift = math.ceil(len(kept) / flags.batch), flags.shift
    # A tenth of the steps rises: of one step alone, PyTorch's schedule divides by 0.
    if flags.epochs * steps == 10:
        problem = f"--epochs {flags.epochs}: the rate can't rise and fall in 10 steps"
        raise ValueError(f"{problem}; take more")
    teacher = logits_of(flags.teacher, len(labels)) if flags.teacher else None
    net.to(DEVICE, memory_format=torch.channels_last)
    optimizers = descent(net, flags)
    schedulers = [
        torch.optim.lr_scheduler.OneCycleLR(
            optimizer,
            flags.learning_rate,
            total_steps=flags.epochs * steps,
            pct_start=0.1,
            cycle_momentum=False,
        )
        for optimizer in optimizers
    ]
    rule = averaging(flags.average)
    average = AveragedModel(net, multi_avg_fn=rule, use_buffers=True)
    parts = {"net": net, "average": average}
    for number, both in enumerate(zip(optimizers, schedulers, strict=True)):
        parts |= {f"optimizer{number}": both[0], f"scheduler{number}": both[1]}
    checkpoint, measured = Path(flags.out).with_suffix(".checkpoint"), []
    settings = vars(flags) | {"out": ""}
    if flags.teacher:  # by what it says, wherever it lies
        content = Path(flags.teacher).read_bytes()
        settings["teacher"] = hashlib.sha256(content).hexdigest()
    if checkpoint.exists():
        state = loaded(checkpoint, DEVICE)
        if not isinstance(state, dict) or state.get("flags") != settings:
            problem = f"{checkpoint} is of a run with another teacher or other flags"
            raise ValueError(f"{problem}; delete it")
        for name, part in parts.items():
            part.load_state_dict(state[name])
        measured = state["measured"]
    for epoch in range(len(measured), flags.epochs):
        since, losses = time.perf_counter(), []
        rng = np.random.default_rng([flags.seed, epoch])  # so that a run can go on
        net.train()
        for rows in kept[rng.permutation(len(kept))].split(flags.batch):
            which = rng.integers(
                0, [[2], [2 * shift + 1], [2 * shift + 1]], (3, len(rows))
            )
            if epoch >= flags.epochs - flags.plain:
                which[:] = [[0], [shift], [shift]]
            which, taught = torch.from_numpy(which), None
            if flags.teacher:
                taught = teacher[rows, which[0]].float().to(DEVICE)
            x = scaled(views(images[rows], which.to(DEVICE), shift))
            losses.append(learn(net, optimizers, x, labels[rows], flags, taught))
            for scheduler in schedulers:
                scheduler.step()
            average.update_parameters(net)
        values = {"loss": sum(losses) / len(losses)}
        if not math.isfinite(values["loss"]):
            problem = f"the loss is {values['loss']} in epoch {epoch + 1}"
            raise FloatingPointError(f"{problem}; lower --learning_rate")
        values["seconds"] = time.perf_counter() - since
        if flags.validation:
            values["accuracy"] = accuracy(average.module, images[held], labels[held])
        measured.append(values)
        line = ", ".join(f"{name} {value:.4f}" for name, value in values.items())
        print(f"epoch {epoch + 1}: {line}", flush=True)
        state = {name: part.state_dict() for name, part in parts.items()}
        save(state | {"flags": settings, "measured": measured}, checkpoint)
    net.load_state_dict(average.module.state_dict())
    net.fold()
    net.to("cpu")
    return measured


def main(arguments=None):
    """Train, store the whole module, and test once, unless images are held out."""
    flags = parse(arguments)
    torch.manual_seed(flags.seed)
    net = network(flags)
    print(net)
    measured = {"flags": vars(flags), "device": DEVICE, "epochs": fit(net, flags)}
    measured["numbers"] = sum(each.numel() for each in net.state_dict().values())
    print(f"{measured['numbers']:,} numbers")
    out = Path(flags.out)
    save(net, out)
    if not flags.validation:
        images, labels = (each.cpu() for each in tensors(test_loader))
        measured["accuracy"] = accuracy(net, images, labels)
        measured["mirrored"] = accuracy(net, images, labels, mirrored=True)
        print(
            "test accuracy {accuracy:.2%}, mirrored {mirrored:.2%}".format(**measured)
        )
    out.with_suffix(".json").write_text(json.dumps(measured), "utf-8")
    out.with_suffix(".checkpoint").unlink(missing_ok=True)


def parse(arguments=None):
    """The flags of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    for name, default, meaning in (
        ("widths", [12, 24, 33], "pairs of maps at 32x32 pixels, at 16x16, and so on"),
        ("steps", [4, 4, 4], "at each of these sizes"),
        ("kernels", [3, 3, 3], "side of the filters at each size"),
    ):
        add(f"--{name}", type=int, nargs="+", default=default, help=meaning)
    for name, default, meaning in (
        ("uses", 2, "steps that share their weights"),
        ("twins", 2, "maps that share filters; 1: the maps are no pairs"),
        ("epochs", 80, "passes over the training images"),
        ("plain", 8, "of these, the last ones without mirroring and moving"),
        ("batch", 256, "images a step"),
        ("learning_rate", 0.04, "the highest of the cycle"),
        ("weight_decay", 0.01, "of AdamW"),
        ("shift", 2, "pixels that an image moves each way, at most"),
        ("average", 0.999, "share of the averaged weights that a late step keeps"),
        ("teacher", "", "file of a teacher's logits"),
        ("teacher_share", 0.9, "of the teacher in the loss"),
        ("temperature", 2.0, "by which logits are divided beside the teacher's"),
        ("validation", 0, "training images held out; 0: the test images are read"),
        ("seed", 0, "of weights, order and views"),
        ("out", "cifarNet.pth", "file for the network"),
    ):
        add(f"--{name}", type=type(default), default=default, help=meaning)
    add("--optimizer", default="muon", choices=("muon", "adamw"), help="of mixtures")
    add("--precision", default="bfloat16", choices=("bfloat16", "float32"))
    flags = parser.parse_args(arguments)
    if flags.twins not in (1, 2):
        parser.error(f"--twins {flags.twins}: expected 1 or 2")
    for name in ("uses", "epochs", "batch", "plain", "shift", "validation", "seed"):
        value, least = getattr(flags, name), int(name in ("uses", "epochs", "batch"))
        if value < least:
            parser.error(f"--{name} {value}: expected {least} or more")
    if flags.optimizer == "muon" and not hasattr(torch.optim, "Muon"):
        problem = f"--optimizer muon: PyTorch {torch.__version__} is older than 2.9"
        parser.error(f"{problem}; take --optimizer adamw")
    if sorted(flags.widths) != flags.widths or flags.widths[0] < 1:
        problem = f"--widths {' '.join(map(str, flags.widths))}"
        parser.error(f"{problem}: expected whole numbers from 1 on, none falling")
    sizes = len(flags.widths)
    if sizes > 6:  # from 32x32 pixels to one
        parser.error(f"--widths has {sizes} numbers: expected up to 6")
    for name, kind in (("steps", "1 or more"), ("kernels", "odd")):
        values = getattr(flags, name)
        odd = kind != "odd" or all(n % 2 for n in values)
        if len(values) != sizes or min(values) < 1 or not odd:
            problem = f"--{name} {' '.join(map(str, values))} with {sizes} widths"
            parser.error(f"{problem}: expected one for each, {kind}")
    out = Path(flags.out)
    if out.is_dir() or not out.parent.is_dir():
        parser.error(f"--out {out}: expected a file's name, in a folder that is there")
    if out.suffix.lower() in (".checkpoint", ".json"):  # these are written beside it
        parser.error(f"--out {out}: expected another ending, such as .pth")
    return flags


if __name__ == "__main__":
    try:
        main()
    except (FloatingPointError, OSError, ValueError) as error:
        sys.exit(f"cifar10Classification.py: {error}")
