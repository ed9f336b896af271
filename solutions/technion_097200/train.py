"""Train a classifier of small gray images with tensor operations alone.

    python train.py --seed 2 --out weights.pkl           the weights as handed in
    python train.py --dataset fashion_mnist --epochs 1
    python train.py --dataset some/folder                with four files as MNIST has

No autograd, nothing of torch.nn or torch.optim, no built-in activation or loss. The
data comes from the folder that DL_DATA names, else from data/ beside this file, else
from beside it: there in MNIST/raw, or directly, packed as .gz or not. Else torchvision
downloads it into data/. The weights as handed in take about three minutes, and are the
same to the last bit on one thread (OMP_NUM_THREADS=1) of the same machine.
"""

import argparse
import gzip
import io
import itertools
import json
import math
import os
import sys
import time
import zlib
from pathlib import Path

import torch
import torchvision

HERE = Path(__file__).resolve().parent
SETS = {
    "mnist": torchvision.datasets.MNIST,
    "fashion_mnist": torchvision.datasets.FashionMNIST,
    "kmnist": torchvision.datasets.KMNIST,
}


def load(dataset, part):
    """Images uint8 (n, height, width) and labels int64 (n,) of part train or t10k.

    dataset: a name of SETS, or a folder with four files named as MNIST's are.
    Raises FileNotFoundError where there are none, ValueError for what is no such file.
    """
    stem = folder(dataset) / part
    images = read(Path(f"{stem}-images-idx3-ubyte"), axes=3)
    labels = read(Path(f"{stem}-labels-idx1-ubyte"), axes=1).long()
    if not len(images) == len(labels) > 0 or min(images.shape[1:]) < 2:
        found = f"images {tuple(images.shape)}, {len(labels)} labels"
        raise ValueError(f"{stem}-…: {found}; expected as many, from 2 by 2 pixels on")
    return images, labels


def folder(dataset):
    """Where the four files of a set are; downloaded into data/ if they are nowhere."""
    if dataset not in SETS:
        if Path(dataset).is_dir():
            return Path(dataset)
        advice = f"--dataset takes {', '.join(SETS)}, or a folder of four files"
        raise FileNotFoundError(f"no folder {dataset}; {advice}")
    given, usual = os.environ.get("DL_DATA"), f"{SETS[dataset].__name__}/raw"
    roots = [Path(given).expanduser()] if given else [HERE / "data", HERE]
    places = [usual, ""] if dataset == "mnist" else [usual]  # all name files alike
    folders = [root / place for root in roots for place in places]
    for each in folders:
        if any(each.glob("*-idx?-ubyte*")):
            return each
    try:
        if given:
            raise ValueError(f"DL_DATA is {given}")
        SETS[dataset](roots[0], download=True)
    except Exception as error:
        why = " ".join(str(error).split()) or type(error).__name__
        problem = f"no {SETS[dataset].__name__} in {folders[0]}, and no download: {why}"
        raise FileNotFoundError(f"{problem}; put the four files there") from None
    return folders[0]


def read(path, axes):
    """A file of bytes as MNIST has them, packed as .gz or not: a uint8 tensor."""
    packed = path.with_name(f"{path.name}.gz")
    plain = path.exists() or not packed.exists()
    try:
        content = path.read_bytes() if plain else gzip.decompress(packed.read_bytes())
    except (EOFError, gzip.BadGzipFile, zlib.error):
        content = b""
    kind, start = bytes([0, 0, 8, axes]), 4 + 4 * axes
    shape = [int.from_bytes(content[at : at + 4], "big") for at in range(4, start, 4)]
    if content[:4] != kind or len(content) != start + math.prod(shape):
        found = f"{len(content)} bytes beginning with {content[:4].hex(' ')}"
        expected = f"{kind.hex(' ')} (unsigned bytes), {axes} sizes, and all the values"
        raise ValueError(
            f"{path if plain else packed} holds {found}; expected {expected}"
        )
    return torch.frombuffer(bytearray(content), dtype=torch.uint8)[start:].view(shape)


def start(sizes, generator):
    """Layers [(w, b), …] for rectified units: He et al. 2015, arXiv:1502.01852."""
    layers = []
    for fan_in, fan_out in itertools.pairwise(sizes):
        w = torch.randn(fan_in, fan_out, generator=generator) * (2 / fan_in) ** 0.5
        layers.append((w, torch.zeros(fan_out)))
    return layers


def forward(layers, x):
    """All outputs of x (n, d): itself, each hidden layer's, and the logits (n, k)."""
    outputs = [x]
    for w, b in layers[:-1]:
        outputs.append((outputs[-1] @ w + b).clamp(min=0))
    w, b = layers[-1]
    return [*outputs, outputs[-1] @ w + b]


def loss_and_gradients(layers, outputs, labels):
    """The mean cross-entropy at what `forward` returned; its gradients [(w, b), …]."""
    shifted = outputs[-1] - outputs[-1].amax(dim=1, keepdim=True)  # so none overflows
    powers, rows = shifted.exp(), torch.arange(len(labels))
    sums = powers.sum(dim=1, keepdim=True)
    loss = (sums.log().flatten() - shifted[rows, labels]).mean()
    delta = powers / sums
    delta[rows, labels] -= 1
    delta /= len(labels)
    grads = []
    for (w, _), x in zip(layers[::-1], outputs[-2::-1], strict=True):
        grads.append((x.T @ delta, delta.sum(dim=0)))
        if x is not outputs[0]:  # nobody needs the gradient of the pixels
            delta = (delta @ w.T) * (x > 0)
    return loss, grads[::-1]


def step(layers, velocities, grads, lr, momentum):
    """Descend with momentum, in place."""
    for params, moving, now in zip(layers, velocities, grads, strict=True):
        for param, velocity, grad in zip(params, moving, now, strict=True):
            velocity.mul_(momentum).add_(grad)
            param.sub_(lr * velocity)


def distorted(images, strength, generator):
    """Images (n, height, width), each stretched, turned, moved and bent at random.

    A pixel is fetched from a place nearby, interpolated between four. The bending is
    white noise made smooth (Simard et al. 2003); all the rest is one random matrix and
    one random shift for each image.
    """
    n, height, width = images.shape
    rows, columns = torch.arange(height) + 0.0, torch.arange(width) + 0.0
    grid = torch.stack(torch.meshgrid(rows, columns, indexing="ij"))
    noise = 2 * torch.rand(n, 2, height, width, generator=generator) - 1
    matrix = 0.1 * torch.randn(n, 2, 2, generator=generator)
    turn = 0.1 * torch.randn(n, generator=generator)
    matrix[:, 0, 1] += turn
    matrix[:, 1, 0] -= turn
    center = torch.tensor([height - 1, width - 1]).reshape(2, 1, 1) / 2
    affine = (matrix @ (grid - center).flatten(1)).unflatten(2, (height, width))
    shift = 0.5 * torch.randn(n, 2, 1, 1, generator=generator)
    places = grid + strength * (
        20 * smooth(rows) @ noise @ smooth(columns).T + affine + shift
    )
    return fetched(
        images, places[:, 0].clamp(0, height - 1), places[:, 1].clamp(0, width - 1)
    )


def smooth(places):
    """A matrix that averages neighbors with a Gaussian of 4 pixels; rows sum to 1."""
    weights = (-((places[:, None] - places) ** 2) / (2 * 4**2)).exp()
    return weights / weights.sum(dim=1, keepdim=True)


def fetched(images, rows, columns):
    """The images' values at rows and columns (n, height, width), between pixels too."""
    width = images.shape[2]
    top = rows.floor().clamp(max=images.shape[1] - 2)
    left = columns.floor().clamp(max=width - 2)
    down, right = (rows - top).flatten(1), (columns - left).flatten(1)
    corner, pixels = (top * width + left).long().flatten(1), images.flatten(1)
    upper, lower = (
        pixels.gather(1, at) * (1 - right) + pixels.gather(1, at + 1) * right
        for at in (corner, corner + width)
    )
    return (upper * (1 - down) + lower * down).view_as(images)


def accuracy(layers, x, labels):
    """The share of x (n, d) whose largest logit is the label's."""
    guesses = [forward(layers, part)[-1].argmax(dim=1) for part in x.split(10_000)]
    return (torch.cat(guesses) == labels).double().mean().item()


def train(images, labels, measure, options):
    """The layers [(w, b), …] after all epochs, and after each what `measure` returned.

    images: normalized float32 (n, height, width); measure: function of the epoch and
    the layers; options: the settings, as the command line has them.
    Raises ValueError when the weights are no numbers any more.
    """
    generator = torch.Generator().manual_seed(options["seed"])
    sizes = [images[0].numel(), *options["hidden"], int(labels.max()) + 1]
    layers, measured = start(sizes, generator), []
    velocities = [(torch.zeros_like(w), torch.zeros_like(b)) for w, b in layers]
    batches = -(-len(labels) // options["batch"])
    for epoch in range(options["epochs"]):
        order = torch.randperm(len(labels), generator=generator)
        for number, rows in enumerate(order.split(options["batch"])):
            lr = options["lr"] * (1 - (epoch + number / batches) / options["epochs"])
            seen = images[rows]
            if options["distort"]:
                seen = distorted(seen, options["distort"], generator)
            outputs = forward(layers, seen.flatten(1))
            loss, grads = loss_and_gradients(layers, outputs, labels[rows])
            step(layers, velocities, grads, lr, options["momentum"])
            if sys.stderr.isatty():  # a line that the next one covers
                now = f"epoch {epoch + 1:3} {(number + 1) / batches:5.0%}  loss"
                print(f"{now} {loss:.4f}", end="\r", file=sys.stderr, flush=True)
        if not all(param.isfinite().all() for layer in layers for param in layer):
            raise ValueError("the weights have overflowed; take a smaller --lr")
        measured.append(measure(epoch, layers))
    return layers, measured


def prepared(dataset):
    """Training and test part, (images, labels) each; their pixels' mean and std.

    The images are float32, normalized by those to train on.
    """
    (images, labels), (others, right) = load(dataset, "train"), load(dataset, "t10k")
    if others.shape[1:] != images.shape[1:] or right.max() > labels.max():
        raise ValueError("the test images have another shape, or classes of their own")
    images, others = images / 255, others / 255
    mean, std = images.mean(), images.std()
    if not std > 0:
        raise ValueError("the training images are all of one gray")
    return ((images - mean) / std, labels), ((others - mean) / std, right), mean, std


def parse(arguments):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add, count = parser.add_argument, number(int, 1, 10**6)
    add("--dataset", default="mnist", help=f"{', '.join(SETS)}, or a folder of files")
    add("--hidden", type=count, nargs="+", default=[400, 200], metavar="UNITS")
    add("--epochs", type=count, default=40)
    add("--seed", type=number(int, 0, 2**63 - 1), default=0)
    add("--lr", type=number(float, 0, 1e6), default=0.1, help="falls linearly to 0")
    add("--momentum", type=number(float, 0, 1), default=0.9)
    add("--batch", type=count, default=128)
    add("--distort", type=number(float, 0, 100), default=1.0, help="0 for none")
    add("--out", type=Path, help="the weights (DATASET-seedN.pkl)")
    return parser.parse_args(arguments)


def number(kind, low, high):
    """A type for argparse: a whole number or a float, from low to high."""

    def parsed(text):
        if low <= (value := kind(text)) <= high:
            return value
        raise argparse.ArgumentTypeError(f"{text} is not from {low} to {high}")

    return parsed


def save(content, path):
    """Write all of the file or nothing."""
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_bytes(content)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def main(arguments=None):
    """Train as the arguments say; write the weights, and beside them the history."""
    options = vars(parse(arguments))
    stem = Path(options["dataset"]).resolve().name
    out = options.pop("out") or Path(f"{stem}-seed{options['seed']}.pkl")
    history = out.with_name(f"{out.name}.json")
    if not out.parent.is_dir():
        raise FileNotFoundError(f"no folder {out.parent} for --out; make it first")
    for path in (out, history):
        if path.exists():
            problem = f"{path} is there already"
            raise FileExistsError(f"{problem}; delete it, or name another --out")
    ours, theirs, mean, std = prepared(options["dataset"])
    began = time.perf_counter()

    def measure(epoch, layers):
        shares = [accuracy(layers, x.flatten(1), y) for x, y in (ours, theirs)]
        line = "epoch {:3}  train {:.2%}  test {:.2%}"
        print(line.format(epoch + 1, *shares), flush=True)
        return shares

    layers, measured = train(*ours, measure, options)
    seconds, weights = time.perf_counter() - began, {"mean": mean, "std": std}
    for place, (w, b) in enumerate(layers, 1):
        weights |= {f"w{place}": w, f"b{place}": b}
    torch.save(weights, packed := io.BytesIO())
    found = {"measured": measured, "seconds": seconds, "options": options}
    save(packed.getvalue(), out)
    save(json.dumps(found, indent=1).encode(), history)
    print(f"{out}: test {measured[-1][1]:.2%}, {seconds:.0f} s")


if __name__ == "__main__":
    try:
        main()
    except (OSError, ValueError) as error:
        sys.exit(f"train.py: {error}")
    except (MemoryError, RuntimeError) as error:  # torch raises the latter
        if "memory" not in repr(error).lower():
            raise
        sys.exit("train.py: not enough memory; take smaller --hidden or --batch")
    except KeyboardInterrupt:
        sys.exit("train.py: stopped")
