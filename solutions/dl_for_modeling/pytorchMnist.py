"""MNIST in PyTorch with fully connected layers alone (question 4).

    python pytorchMnist.py --seed 0

trains NeuralNetwork on distorted digits and writes mnistNet.pth, the whole module, for
accurateChecker2.py. It takes a quarter of an hour on a core that multiplies in 16 bits;
a run that is killed goes on after its last whole epoch. Importing this file trains
nothing. It reads MNIST from the folder that DL_DATA names, else from data/, into which
torchvision downloads it.
"""

import argparse
import json
import math
import os
import sys
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.datasets import MNIST

batch_size = 200
MEAN, STD = 0.1307, 0.3081
ROOT = Path(os.environ.get("DL_DATA", "data")).expanduser()


def digits(train):
    """MNIST's training or test set; ends the program where it can't be read."""
    normalized = [transforms.ToTensor(), transforms.Normalize((MEAN,), (STD,))]
    try:
        found = MNIST(ROOT, train, transforms.Compose(normalized), download=True)
        if len(found.data) != len(found.targets):
            raise ValueError(f"{len(found.data)} images, {len(found.targets)} labels")
    except Exception as error:  # torchvision raises many
        raw = ROOT / "MNIST/raw"
        names = [name.removesuffix(".gz") for name, _ in MNIST.resources]
        missing = [name for name in names if not (raw / name).is_file()]
        files = ", ".join(missing) or ("train-*" if train else "t10k-*")
        why = " ".join(str(error).split()) or type(error).__name__
        sys.exit(f"{raw}/{files} can't be read: {why}; put MNIST's four files there")
    return found


train_loader = DataLoader(digits(train=True), batch_size, shuffle=True)
test_loader = DataLoader(digits(train=False), batch_size, shuffle=False)


class NeuralNetwork(nn.Module):
    """784-500-300-110-10 with GELU between the layers, 577,020 parameters."""

    def __init__(self):
        super().__init__()
        layers = []
        for fan_in, fan_out in pairwise((28 * 28, 500, 300, 110, 10)):
            layers += [nn.Linear(fan_in, fan_out), nn.GELU()]
        self.layers = nn.Sequential(*layers[:-1])

    def forward(self, x):
        """Logits (n, 10) of images (n, 1, 28, 28) or (n, 784)."""
        return self.layers(x.flatten(1))


# From PyTorch 2.6 on, torch.load takes only classes that were declared safe. Checkers
# import this file before they load. A program stores its own classes as __main__'s.
ours = [NeuralNetwork, (NeuralNetwork, "__main__.NeuralNetwork")]
torch.serialization.add_safe_globals([*ours, nn.GELU, nn.Linear, nn.Sequential])


def tensors(loader):
    """All images (n, 1, 28, 28) of a loader, as it would transform them, and labels."""
    images = (loader.dataset.data / 255 - MEAN) / STD
    return images[:, None], loader.dataset.targets


def smooth(size, width):
    """A matrix that averages neighbors with a Gaussian; its rows sum to 1."""
    places = torch.arange(size)
    weights = (-((places[:, None] - places) ** 2) / (2 * width**2)).exp()
    return weights / weights.sum(1, keepdim=True)


SMOOTH = smooth(28, 4)


def distorted(images, rng, strength):
    """Images (n, 1, 28, 28), each stretched, turned, moved and bent at random.

    The bending is white noise made smooth (Simard, Steinkraus and Platt 2003).
    """
    n, size = len(images), images.shape[-1]
    matrix = 0.1 * rng.standard_normal((n, 2, 2), np.float32)
    turn = 0.1 * rng.standard_normal(n, np.float32)
    matrix[:, 0, 1] += turn
    matrix[:, 1, 0] -= turn
    pixel = 2 / size  # a side is 2 in the grid
    moved = pixel * rng.standard_normal((n, 2, 1), np.float32)
    places = np.eye(2, 3) + strength * np.concatenate([matrix, moved], axis=2)
    places = torch.from_numpy(places).float()
    grid = F.affine_grid(places, list(images.shape), align_corners=False)
    noise = 2 * torch.from_numpy(rng.random((n, 2, size, size), np.float32)) - 1
    bend = 20 * pixel * strength * (SMOOTH @ noise @ SMOOTH.T)
    grid = grid + bend.permute(0, 2, 3, 1)
    return F.grid_sample(images, grid, padding_mode="border", align_corners=False)


@torch.no_grad()
def accuracy(net, images, labels):
    """The share of images (n, 1, 28, 28) whose largest logit is their label's."""
    net.eval()
    guesses = torch.cat([net(part).argmax(1) for part in images.split(2000)])
    return (guesses == labels).double().mean().item()


def save(state, path):
    """Write in one step, so that a killed run leaves a whole file."""
    part = path.with_name(f"{path.name}.part")
    try:
        torch.save(state, part)
    except RuntimeError as error:  # what torch makes of a full disk
        part.unlink(missing_ok=True)
        raise OSError(f"{path} can't be written: {error}") from None
    part.replace(path)


def loaded(path):
    """What a file holds; code isn't run. Raises ValueError if it can't be read."""
    with path.open("rb") as file:
        try:
            return torch.load(file, weights_only=True)
        except Exception as error:  # torch and pickle raise many
            problem = f"{path} is damaged, or another file ({type(error).__name__})"
            raise ValueError(f"{problem}; delete it") from None


def train(net, flags=None):
    """Train in place; the network ends as the average of its weights, in eval mode.

    flags: the settings, as the command line has them; left out, its defaults.
    Returns what was measured, epoch by epoch. Raises ValueError for a checkpoint that
    can't be read or is of another run, and where what is left to train on is no image,
    or ten batches in all.
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
    batches = math.ceil((len(labels) - flags.validation) / batch_size)
    # A tenth of the steps rises: of one step alone, PyTorch's schedule divides by 0.
    if flags.epochs * batches == 10:
        problem = f"--epochs {flags.epochs}: the rate can't rise and fall in 10 steps"
        raise ValueError(f"{problem}; take more")
    # Held out, for every try, are the same of the training images.
    order = torch.from_numpy(np.random.default_rng(60_000).permutation(len(labels)))
    kept, held = order[flags.validation :], order[: flags.validation]
    optimizer = torch.optim.AdamW(
        net.parameters(),
        flags.learning_rate,
        weight_decay=flags.weight_decay,
        fused=True,
    )
    scheduler = torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        flags.learning_rate,
        epochs=flags.epochs,
        steps_per_epoch=batches,
        pct_start=0.1,
        cycle_momentum=False,
    )
    average = AveragedModel(net, multi_avg_fn=get_ema_multi_avg_fn(flags.average))
    parts = {"net": net, "optimizer": optimizer, "scheduler": scheduler}
    parts["average"] = average
    checkpoint, measured = Path(flags.out).with_suffix(".checkpoint"), []
    settings = vars(flags) | {"out": ""}
    if checkpoint.exists():
        state = loaded(checkpoint)
        if not isinstance(state, dict) or state.get("flags") != settings:
            raise ValueError(f"{checkpoint} is of a run with other flags; delete it")
        for name, part in parts.items():
            part.load_state_dict(state[name])
        measured = state["measured"]
    for epoch in range(len(measured), flags.epochs):
        since, losses = time.perf_counter(), []
        rng = np.random.default_rng([flags.seed, epoch])  # so that a run can go on
        net.train()
        for rows in kept[rng.permutation(len(kept))].split(batch_size):
            x = images[rows]
            if flags.distort:
                x = distorted(x, rng, flags.distort)
            with torch.autocast("cpu", enabled=flags.precision == "bfloat16"):
                logits = net(x)
            loss = F.cross_entropy(
                logits.float(), labels[rows], label_smoothing=flags.label_smoothing
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            scheduler.step()
            average.update_parameters(net)
            losses.append(loss.item())
        values = {"loss": sum(losses) / len(losses)}
        values["seconds"] = time.perf_counter() - since
        if flags.validation:
            values["accuracy"] = accuracy(average, images[held], labels[held])
        measured.append(values)
        line = ", ".join(f"{name} {value:.4f}" for name, value in values.items())
        print(f"epoch {epoch + 1}: {line}", flush=True)
        state = {name: part.state_dict() for name, part in parts.items()}
        save(state | {"flags": settings, "measured": measured}, checkpoint)
    net.load_state_dict(average.module.state_dict())
    net.eval()  # stored with it; not every checker calls it
    return measured


def main(arguments=None):
    """Train, store the whole module, and test once, unless images are held out."""
    flags = parse(arguments)
    torch.manual_seed(flags.seed)
    net = NeuralNetwork()
    print(f"{sum(each.numel() for each in net.parameters()):,} parameters")
    measured = {"flags": vars(flags), "epochs": fit(net, flags)}
    out = Path(flags.out)
    save(net, out)
    if not flags.validation:
        measured["accuracy"] = accuracy(net, *tensors(test_loader))
        print(f"test accuracy {measured['accuracy']:.2%}")
    out.with_suffix(".json").write_text(json.dumps(measured), "utf-8")
    out.with_suffix(".checkpoint").unlink(missing_ok=True)


def parse(arguments=None):
    """The flags of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    for name, default, meaning in (
        ("epochs", 400, "passes over the training images"),
        ("learning_rate", 1e-3, "the highest of the cycle"),
        ("weight_decay", 0.01, "of AdamW"),
        ("label_smoothing", 0.0, "share taken off the label"),
        ("distort", 1.0, "strength of the distortions"),
        ("average", 0.999, "share of the averaged weights that a step keeps"),
        ("validation", 0, "training images held out; 0: the test images are read"),
        ("seed", 0, "of weights, order and distortions"),
        ("out", "mnistNet.pth", "file for the network"),
    ):
        add(f"--{name}", type=type(default), default=default, help=meaning)
    add("--precision", default="bfloat16", choices=("bfloat16", "float32"))
    flags = parser.parse_args(arguments)
    for name, least in (("epochs", 1), ("validation", 0), ("seed", 0)):
        if (value := getattr(flags, name)) < least:
            parser.error(f"--{name} {value}: expected {least} or more")
    if not 0 <= flags.label_smoothing <= 1:
        parser.error(f"--label_smoothing {flags.label_smoothing}: expected 0 to 1")
    out = Path(flags.out)
    if out.is_dir() or not out.parent.is_dir():
        parser.error(f"--out {out}: expected a file's name, in a folder that is there")
    if out.suffix.lower() in (".checkpoint", ".json"):  # these are written beside it
        parser.error(f"--out {out}: expected another ending, such as .pth")
    return flags


if __name__ == "__main__":
    try:
        main()
    except (OSError, ValueError) as error:
        sys.exit(f"pytorchMnist.py: {error}")
