"""Train a multilayer perceptron on Fashion-MNIST, or on another set of gray images.

    python train.py

makes the weights that are handed in. nn.Linear is the only layer; the activation, the
loss, the optimizer, dropout and the distortions are tensor functions. Images are read
from the folder that DL_DATA names, else from data/, where torchvision puts them if it
must. A run that is killed goes on after its last whole epoch, to the same weights.
Beside them lie the predicted labels, as CSV, and what was measured, as JSON. The test
images are read once, at the end; with --holdout not at all.
"""

import argparse
import json
import math
import os
import time
from pathlib import Path

import torch
from torch import nn
from torch.optim import Optimizer
from torchvision import datasets

CHOICES = {
    "precision": ("bfloat16", "float32"),
    "data": ("FashionMNIST", "MNIST", "KMNIST"),
    "absolute": (0, 1),
}


class myActivation(nn.Module):
    """SiLU: x times its logistic function. Or, if absolute, two values: x and |x|."""

    def __init__(self, absolute=False):
        super().__init__()
        self.absolute = absolute

    def forward(self, x):
        if self.absolute:
            return torch.cat([x, x.abs()], 1)
        return x * torch.sigmoid(x)


class myNormalization(nn.Module):
    """Each unit's values to mean 0 and variance 1: over the batch while it trains.

    Otherwise over what the batches had on average, lately. There is nothing to learn.
    """

    def __init__(self, units):
        super().__init__()
        self.register_buffer("mean", torch.zeros(units))
        self.register_buffer("var", torch.ones(units))

    def forward(self, x):
        if not self.training or len(x) == 1:
            return (x - self.mean) / (self.var + 1e-5).sqrt()
        mean = x.mean(0)
        x = x - mean
        var = (x * x).mean(0)  # twice as fast as x.var
        self.mean.lerp_(mean.detach().float(), 0.02)
        self.var.lerp_(var.detach().float(), 0.02)
        return x / (var + 1e-5).sqrt()


class myMLP(nn.Module):
    """Linear layers with myActivation between them; logits (n, num_classes).

    hidden: units of each hidden layer; dropout: share of them that rests in training;
    normalized: whether each hidden layer's scores are, before their activation;
    absolute: whether each unit hands on two values, its score and the size of that
    """

    def __init__(
        self,
        input_dim,
        num_classes,
        hidden=(335,) * 3,
        dropout=0.0,
        normalized=False,
        absolute=False,
    ):
        super().__init__()
        layers = []
        for units in hidden:
            layers.append(nn.Linear(input_dim, units))
            if normalized:
                layers.append(myNormalization(units))
            layers.append(myActivation(absolute))
            input_dim = 2 * units if absolute else units
        self.mlp = nn.Sequential(*layers, nn.Linear(input_dim, num_classes))
        self.dropout, self.absolute = dropout, absolute

    def forward(self, x):
        x = x.flatten(1)
        for layer in self.mlp:
            x = layer(x)
            if self.training and self.dropout and isinstance(layer, myActivation):
                x = x * (torch.rand_like(x) >= self.dropout) / (1 - self.dropout)
        return x


@torch.no_grad()
def folded(model, mean, std):
    """The same network of linear layers and activations alone, for pixels from 0 to 1.

    Normalizing is linear, and the layer before it takes it over: of its own scores, and
    the first one of the pixels too, of that mean and standard deviation.
    """
    linear = [layer for layer in model.mlp if isinstance(layer, nn.Linear)]
    norms = [layer for layer in model.mlp if isinstance(layer, myNormalization)]
    sizes = [layer.out_features for layer in linear]
    shape = linear[0].in_features, sizes[-1], sizes[:-1]
    plain = myMLP(*shape, absolute=model.absolute)
    plain = plain.to(linear[0].weight.device).eval()
    targets = [layer for layer in plain.mlp if isinstance(layer, nn.Linear)]
    for target, layer in zip(targets, linear, strict=True):
        target.weight.copy_(layer.weight)
        target.bias.copy_(layer.bias)
    targets[0].weight /= std
    targets[0].bias -= mean * targets[0].weight.sum(1)
    for target, norm in zip(targets, norms, strict=False):  # the last has none
        scale = (norm.var + 1e-5).sqrt()
        target.weight /= scale[:, None]
        target.bias.sub_(norm.mean).div_(scale)
    return plain


class myLoss(nn.Module):
    """Cross-entropy of integer labels (n,), from logits (n, classes); the mean.

    smoothing: share of each target that is spread evenly over all classes
    """

    def __init__(self, smoothing=0.0):
        super().__init__()
        self.smoothing = smoothing

    def forward(self, outputs, targets):
        if targets.min() < 0 or targets.max() >= outputs.shape[1]:
            found = f"{targets.min().item()} to {targets.max().item()}"
            raise ValueError(f"labels {found} for {outputs.shape[1]} classes")
        log_probs = outputs - outputs.logsumexp(1, keepdim=True)
        right = log_probs.gather(1, targets[:, None])[:, 0]
        even = log_probs.mean(1)
        return -((1 - self.smoothing) * right + self.smoothing * even).mean()


class mySGD(Optimizer):
    """Mini-batch descent: v = momentum v - decay lr w - lr g, then w = w + v."""

    def __init__(self, params, lr, momentum=0.0, weight_decay=0.0):
        defaults = {"lr": lr, "momentum": momentum, "weight_decay": weight_decay}
        super().__init__(params, defaults)

    @torch.no_grad()
    def step(self, closure=None):
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            lr, decay = group["lr"], group["weight_decay"]
            for p in group["params"]:
                if p.grad is None:
                    continue
                state = self.state[p]
                if "velocity" not in state:  # once; anew each step it'd be plain SGD
                    state["velocity"] = torch.zeros_like(p)
                v = state["velocity"]
                v.mul_(group["momentum"]).add_(p, alpha=-decay * lr)
                v.add_(p.grad, alpha=-lr)
                p.add_(v)
        return loss


def distort(images, strength):
    """Turn, zoom, stretch and move each image (n, height, width) by draws of its own.

    Values between pixels are bilinear; what comes in from outside is 0, black.
    strength: 1 for at most 10 degrees, factors exp(0.1) and exp(0.1), and 2 pixels
    """
    (n, height, width), device = images.shape, images.device
    draws = strength * (2 * torch.rand(5, n, 1, device=device) - 1)
    angle, zoom, stretch, down, right = draws
    cos, sin = torch.cos(math.pi / 18 * angle), torch.sin(math.pi / 18 * angle)
    tall, wide = torch.exp(0.1 * (zoom - stretch)), torch.exp(0.1 * (zoom + stretch))
    y = (torch.arange(height, device=device) - (height - 1) / 2).repeat_interleave(
        width
    )
    x = (torch.arange(width, device=device) - (width - 1) / 2).repeat(height)
    # Where each pixel's value comes from, in an image with a black border.
    rows = sin * wide * x + cos * tall * y + 2 * down + (height + 1) / 2
    columns = cos * wide * x - sin * tall * y + 2 * right + (width + 1) / 2
    rows, columns = rows.clamp_(0, height + 1), columns.clamp_(0, width + 1)
    top, left = rows.floor(), columns.floor()
    rows, columns = rows - top, columns - left
    corner = (top * (width + 3) + left).long()
    padded = torch.zeros(n, height + 3, width + 3, device=device)
    padded[:, 1:-2, 1:-2] = images
    padded = padded.flatten(1)

    def between(first):  # the value of two neighbors in a row
        one = padded[:, first:].gather(1, corner)
        two = padded[:, first + 1 :].gather(1, corner)
        return one + (two - one) * columns

    upper, lower = between(0), between(width + 3)
    return (upper + (lower - upper) * rows).view(n, height, width)


def load(name, root, train):
    """Gray images (n, height, width) from 0 to 1, and their labels (n,).

    name: a class of torchvision.datasets, such as FashionMNIST, MNIST, KMNIST
    """
    try:
        part = getattr(datasets, name)(root, train=train, download=True)
    except Exception as error:  # a missing or damaged file, or no network
        problem = f"{name} in {root} can't be read ({type(error).__name__})"
        raise SystemExit(f"{problem}: put its files there, anew") from None
    if part.data.shape != (len(part.targets), 28, 28):
        problem = f"{name}'s images and labels in {root} are not of one set"
        raise SystemExit(f"{problem}: put its files there, anew")
    return part.data / 255, part.targets


def averaged(images, size, widths=()):
    """The means of blocks of size by size pixels; 1 leaves images as they are.

    widths: of the blocks from left to right, where they aren't all of that size
    """
    n, height, width = images.shape
    if widths:
        rows = images.view(n, height // size, size, width).mean(2)
        return torch.stack([part.mean(2) for part in rows.split(widths, 2)], 2)
    blocks = images.view(n, height // size, size, width // size, size)
    return blocks.mean((2, 4))


def rate(progress):
    """Share of the learning rate: up for a twentieth of the steps, then a cosine."""
    rising = progress / 0.05
    falling = (1 + math.cos(math.pi * (progress - 0.05) / 0.95)) / 2
    return min(rising, falling)


def fit(images, labels, flags, held_out=None, checkpoint=None):
    """Train from scratch on gray images (n, height, width), of any size and classes.

    Returns what train does, and takes held_out and checkpoint likewise.
    """
    torch.manual_seed(flags.seed)
    input_dim, num_classes = images[0].numel(), labels.max().item() + 1
    hidden = [int(units) for units in flags.hidden.split(",")]
    how = {"normalized": True, "absolute": bool(flags.absolute)}
    model = myMLP(input_dim, num_classes, hidden, flags.dropout, **how)
    model = model.to(images.device)
    criterion = myLoss(flags.smoothing)
    optimizer = mySGD(model.parameters(), flags.lr, flags.momentum, flags.weight_decay)
    parts = model, criterion, optimizer
    return train(*parts, images, labels, flags, held_out, checkpoint)


def train(
    model, criterion, optimizer, images, labels, flags, held_out=None, checkpoint=None
):
    """Train a network; return it folded, for pixels from 0 to 1, and the history.

    held_out: images and labels that are only looked at, after each epoch
    checkpoint: a file to go on from, and to leave
    """
    mean, std, history = images.mean(), images.std(), []
    bfloat16 = flags.precision == "bfloat16"
    if checkpoint is not None and checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        if state["flags"] != vars(flags):
            raise SystemExit(f"{checkpoint} is of other flags: {state['flags']}")
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        history = state["history"]
    for epoch in range(len(history), flags.epochs):
        start = time.perf_counter()
        torch.manual_seed(1000 * flags.seed + epoch)  # so that a run can go on
        model.train()
        total = right = 0
        for number, rows in enumerate(torch.randperm(len(labels)).split(flags.batch)):
            done = (epoch + number * flags.batch / len(labels)) / flags.epochs
            optimizer.param_groups[0]["lr"] = flags.lr * rate(done)
            batch = images[rows]
            if flags.distort:
                batch = distort(batch, flags.distort)
            with torch.autocast(images.device.type, torch.bfloat16, bfloat16):
                logits = model((batch - mean) / std).float()
            loss = criterion(logits, labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(rows)
            right += (logits.argmax(1) == labels[rows]).sum().item()
        values = {"loss": total / len(labels), "accuracy": right / len(labels)}
        if held_out is not None:
            values["held_out"] = accuracy(folded(model, mean, std), *held_out)
        values["seconds"] = time.perf_counter() - start
        print(epoch + 1, *(f"{name} {value:.4f}" for name, value in values.items()))
        history.append(values)
        if checkpoint is not None:
            state = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
            save(state | {"history": history, "flags": vars(flags)}, checkpoint)
    return folded(model, mean, std), history


@torch.no_grad()
def predict(model, images):
    """The classes (n,) of images (n, height, width): those of the largest logits."""
    model.eval()
    return torch.cat([model(batch).argmax(1) for batch in images.split(1000)])


def accuracy(model, images, labels):
    """The share of images that are read right."""
    return (predict(model, images) == labels).sum().item() / len(labels)


def save(state, path):
    """Write in one step, so that a killed run leaves a whole file."""
    part = path.with_name(f"{path.name}.part")
    torch.save(state, part)
    part.replace(path)


def refuse_damaged(checkpoint):
    """End the program where a checkpoint can't be read; code in it isn't run."""
    try:
        state = torch.load(checkpoint, weights_only=True)
        state["flags"], state["model"], state["optimizer"], state["history"]
    except FileNotFoundError:
        return
    except OSError:
        raise
    except Exception as error:  # torch and pickle raise many
        problem = f"{checkpoint} is damaged, or another file ({type(error).__name__})"
        raise SystemExit(f"{problem}; delete it, or set --out") from None


def main(flags):
    """Train, read the test images once, and store the weights and what was measured."""
    out = Path(flags.out)
    if out.is_dir() or not out.parent.is_dir():
        raise SystemExit(f"--out {out}: name a file, in a folder that is there")
    if out.suffix.lower() in (".checkpoint", ".csv", ".json"):  # written beside it
        raise SystemExit(f"--out {out}: name another ending, such as .pt")
    if not 0 < flags.lr < float("inf"):
        raise SystemExit(f"--lr {flags.lr}: expected a rate above 0")
    checkpoint = out.with_suffix(".checkpoint")
    refuse_damaged(checkpoint)
    images, labels = load(flags.data, flags.data_dir, train=True)
    blocks = flags.average, [int(width) for width in flags.widths.split(",") if width]
    images = averaged(images, *blocks)
    held_out = None
    if flags.holdout:
        order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))
        apart, kept = order[: flags.holdout], order[flags.holdout :]
        held_out = images[apart], labels[apart]
        images, labels = images[kept], labels[kept]
    model, history = fit(images, labels, flags, held_out, checkpoint)
    if held_out is None:
        images, labels = load(flags.data, flags.data_dir, train=False)
        held_out = averaged(images, *blocks), labels
    count = sum(p.numel() for p in model.parameters())
    measured = {"accuracy": accuracy(model, *held_out), "parameters": count}
    print(f"{count:,} parameters, {measured['accuracy']:.2%} right")
    save(model.state_dict(), out)
    rows = (f"{i},{guess}" for i, guess in enumerate(predict(model, held_out[0])))
    out.with_suffix(".csv").write_text("\n".join(["id,label", *rows, ""]))
    measured |= {"flags": vars(flags), "epochs": history}
    out.with_suffix(".json").write_text(json.dumps(measured))
    checkpoint.unlink(missing_ok=True)


def guarded(flags):
    """Run main; what can't be written is said in a line, and no part of it stays."""
    try:
        main(flags)
    except (OSError, RuntimeError) as error:
        # A full disk is a RuntimeError of that part of torch.
        if isinstance(error, RuntimeError) and "inline_container" not in str(error):
            raise
        for ending in (".checkpoint", Path(flags.out).suffix):
            path = Path(flags.out).with_suffix(ending)
            path.with_name(f"{path.name}.part").unlink(missing_ok=True)
        raise SystemExit(f"{flags.out} can't be written: {error}") from None


def parse(arguments=None):
    """The flags of the command line; what can't end well is refused before a start."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default, meaning in (
        ("hidden", "335,335,335", "units of each hidden layer"),
        ("absolute", 0, "1: each unit hands on its score and the absolute value of it"),
        ("average", 1, "size of the blocks of pixels that are averaged first"),
        ("widths", "", "of those blocks, from left to right; left out, all alike"),
        ("epochs", 100, "passes over the training images"),
        ("lr", 0.2, "learning rate, the highest of the schedule"),
        ("momentum", 0.9, "of mySGD"),
        ("weight_decay", 5e-4, "of mySGD"),
        ("batch", 512, "images a step"),
        ("smoothing", 0.1, "share of the target that is spread over all classes"),
        ("dropout", 0.0, "share of the hidden units that rests"),
        ("distort", 0.5, "strength of the distortions; 0: none"),
        ("precision", "bfloat16", "or float32, on processors that have no other"),
        ("holdout", 0, "training images to measure on instead of the test images"),
        ("seed", 0, "of weights, order, dropout and distortions"),
        ("data", "FashionMNIST", "or MNIST, or KMNIST"),
        ("data_dir", os.environ.get("DL_DATA", "data"), "where they lie, or are put"),
        ("out", "submission.pt", "file for the weights"),
    ):
        how = {"choices": CHOICES.get(name), "help": meaning}
        parser.add_argument(f"--{name}", type=type(default), default=default, **how)
    flags = parser.parse_args(arguments)
    units, widths = flags.hidden.split(","), flags.widths.split(",")
    for name, each in (("hidden", units), ("widths", widths if flags.widths else ())):
        if not all(part.strip().isdecimal() and int(part) for part in each):
            problem = f"--{name} {getattr(flags, name)}"
            parser.error(f"{problem}: expected whole numbers such as 8,6")
    counts = "epochs", "batch", "average"
    shares = "smoothing", "dropout", "momentum"
    for name in (*counts, *shares, "weight_decay", "distort", "seed"):
        value, least = getattr(flags, name), int(name in counts)
        if not least <= value < (1 if name in shares else math.inf):
            wanted = "a share below 1" if name in shares else f"{least} or more"
            parser.error(f"--{name} {value}: expected {wanted}")
    if not 0 <= flags.holdout < 60_000:
        problem = f"--holdout {flags.holdout}"
        parser.error(f"{problem}: expected 0 to 59,999 of the 60,000 images")
    if 28 % flags.average:
        parser.error(f"--average {flags.average}: expected a divisor of 28")
    if flags.widths and sum(map(int, widths)) != 28:
        parser.error(f"--widths {flags.widths}: expected 28 pixels in all")
    return flags


if __name__ == "__main__":
    guarded(parse())
