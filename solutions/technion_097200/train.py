"""Train a classifier of small gray images with tensor operations alone.

    python train.py                                      MNIST, as in the report
    python train.py --dataset fashion_mnist --epochs 1
    python train.py --dataset some/folder                with four files as MNIST has

No autograd, nothing of torch.nn or torch.optim, no built-in activation or loss. The
data comes from the folder that DL_DATA names, else from data/ or MNIST/ beside this
file, else torchvision downloads it into data/. A killed run goes on where it stopped
when the same command is given again.
"""

import argparse
import contextlib
import hashlib
import itertools
import json
import os
import sys
import time
from pathlib import Path

import torch
import torchvision
from torchvision.datasets.mnist import read_image_file, read_label_file

HERE = Path(__file__).resolve().parent
SETS = {
    "mnist": torchvision.datasets.MNIST,
    "fashion_mnist": torchvision.datasets.FashionMNIST,
    "kmnist": torchvision.datasets.KMNIST,
}
PARTS = {"train": "train", "test": "t10k"}


def load(dataset, part):
    """Images uint8 (n, height, width) and labels int64 (n,) of part train or test.

    dataset: a name of SETS, or a folder with four files named as MNIST's are.
    Raises FileNotFoundError where there are none, ValueError for what is no such file.
    """
    folder = raw_folder(dataset) if dataset in SETS else Path(dataset)
    stem = folder / PARTS[part]
    try:
        images = read_image_file(f"{stem}-images-idx3-ubyte")
        labels = read_label_file(f"{stem}-labels-idx1-ubyte")
    except FileNotFoundError as error:
        problem = f"{error.filename} is missing. --dataset takes {', '.join(SETS)}"
        raise FileNotFoundError(f"{problem}, or a folder of such files") from None
    except Exception as error:
        problem = f"{stem}-… is damaged or cut short ({type(error).__name__})"
        raise ValueError(f"{problem}; delete it and restore it") from None
    if not len(images) == len(labels) > 0:
        raise ValueError(f"{stem}-…: {len(images)} images and {len(labels)} labels")
    if min(images.shape[1:]) < 2:
        raise ValueError(f"{stem}-…: images of {tuple(images.shape[1:])} are too small")
    return images, labels


def raw_folder(name):
    """The folder with the files of a set, downloaded into data/ if there is none."""
    given = os.environ.get("DL_DATA")
    roots = [Path(given).expanduser()] if given else [HERE / "data", HERE]
    folders = [root / SETS[name].__name__ / "raw" for root in roots]
    for folder in folders:
        if (folder / "t10k-labels-idx1-ubyte").is_file():
            return folder
    if given:
        raise FileNotFoundError(
            f"DL_DATA={given} has no {folders[0]}; put the four files there, unpacked"
        )
    try:
        SETS[name](roots[0], download=True)
    except Exception as error:
        why = (str(error) or type(error).__name__).splitlines()[0]
        problem = f"no {name} in {folders[0]}, and no download ({why})"
        raise FileNotFoundError(
            f"{problem}; put the files there, or set DL_DATA"
        ) from None
    return folders[0]


def start(sizes, generator):
    """Layers [(w, b), …] for rectified units: He et al. 2015, arXiv:1502.01852."""
    return [
        (
            torch.randn(fan_in, fan_out, generator=generator) * (2 / fan_in) ** 0.5,
            torch.zeros(fan_out),
        )
        for fan_in, fan_out in itertools.pairwise(sizes)
    ]


def forward(layers, x):
    """All outputs of x (n, d): itself, each hidden layer's, and the logits (n, k)."""
    outputs = [x]
    for w, b in layers[:-1]:
        outputs.append((outputs[-1] @ w + b).clamp(min=0))
    w, b = layers[-1]
    return [*outputs, outputs[-1] @ w + b]


def loss(logits, labels):
    """The mean cross-entropy, by the logarithm of softmax that can't overflow."""
    shifted = logits - logits.amax(dim=1, keepdim=True)
    log_probs = shifted - shifted.exp().sum(dim=1, keepdim=True).log()
    return -log_probs[torch.arange(len(labels)), labels].mean()


def gradients(layers, outputs, labels):
    """The gradients [(w, b), …] of `loss` at what `forward` returned."""
    powers = (outputs[-1] - outputs[-1].amax(dim=1, keepdim=True)).exp()
    delta = powers / powers.sum(dim=1, keepdim=True)
    delta[torch.arange(len(labels)), labels] -= 1
    delta /= len(labels)
    grads = []
    for (w, _), x in zip(layers[::-1], outputs[-2::-1], strict=True):
        grads.append((x.T @ delta, delta.sum(dim=0)))
        if x is not outputs[0]:  # nobody needs the gradient of the pixels
            delta = (delta @ w.T) * (x > 0)
    return grads[::-1]


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


def train(images, labels, measure, options, state=None):
    """Yield the state after each epoch, or from `state` on: all it takes to go on.

    images: normalized float32 (n, height, width); measure: function of the layers,
    called after each epoch; options: the settings, as the command line has them.
    Raises ValueError when the weights are no numbers any more.
    """
    generator = torch.Generator().manual_seed(options["seed"])
    sizes = [images[0].numel(), *options["hidden"], int(labels.max()) + 1]
    layers = start(sizes, generator)
    velocities = [(torch.zeros_like(w), torch.zeros_like(b)) for w, b in layers]
    state = state or {"measured": [], "seconds": 0.0}
    if state["measured"]:
        layers, velocities = state["layers"], state["velocities"]
        generator.set_state(state["generator"])
    batches = -(-len(labels) // options["batch"])
    for epoch in range(len(state["measured"]), options["epochs"]):
        began = time.perf_counter()
        order = torch.randperm(len(labels), generator=generator)
        for number, rows in enumerate(order.split(options["batch"])):
            lr = options["lr"] * (1 - (epoch + number / batches) / options["epochs"])
            seen = images[rows]
            if options["distort"]:
                seen = distorted(seen, options["distort"], generator)
            outputs = forward(layers, seen.flatten(1))
            grads = gradients(layers, outputs, labels[rows])
            step(layers, velocities, grads, lr, options["momentum"])
            progress(epoch, (number + 1) / batches)
        if not all(param.isfinite().all() for layer in layers for param in layer):
            raise ValueError("the weights have overflowed; take a smaller --lr")
        state = {
            "layers": layers,
            "velocities": velocities,
            "generator": generator.get_state(),
            "measured": [*state["measured"], measure(layers)],
            "seconds": state["seconds"] + time.perf_counter() - began,
        }
        yield state


def progress(epoch, share):
    """A bar, in a terminal only."""
    if sys.stderr.isatty():
        bar = "#" * round(30 * share)
        end = "\r" if share < 1 else f"\r{'':60}\r"
        print(f"epoch {epoch + 1:3} [{bar:30}]", end=end, file=sys.stderr, flush=True)


@contextlib.contextmanager
def alone(path):
    """Keep a second run off the same files, where the system has locks for that."""
    try:
        from fcntl import LOCK_EX, LOCK_NB, flock
    except ImportError:  # Windows
        yield
        return
    lock = path.with_name(f".{path.name}.lock")
    with open(lock, "w") as file:
        try:
            flock(file, LOCK_EX | LOCK_NB)
        except OSError:
            problem = f"another run is at work on {path}"
            raise ValueError(f"{problem}; wait, or name another --out") from None
        try:
            yield
        finally:
            lock.unlink()


def save(content, path, write=torch.save):
    """Write all of the file or nothing."""
    part = path.with_name(f".{path.name}.part")
    try:
        write(content, part)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def resumed(path, options, data):
    """The state that a killed run with the same settings and data left, or None."""
    try:
        left = torch.load(path, weights_only=True)
        was, trained_on, state = left["options"], left["data"], left["state"]
    except FileNotFoundError:
        return None
    except Exception as error:
        raise ValueError(
            f"{path} is damaged ({type(error).__name__}); delete it"
        ) from None
    if was != options:
        raise ValueError(
            f"{path} was left by a run with other settings: {was}. "
            "Give those to go on with it, delete it, or name another file with --out"
        )
    if trained_on != data:
        raise ValueError(f"{path} was left by a run on other data; delete it")
    return state


def parse(arguments):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--dataset", default="mnist", help=f"{', '.join(SETS)}, or a folder of files")
    count, share = number(int, 1, 10**6), number(float, 0, 1)
    add("--hidden", type=count, nargs="+", default=[400, 200], metavar="UNITS")
    add("--epochs", type=count, default=40)
    add("--seed", type=number(int, 0, 2**63 - 1), default=0)
    rate, strength = number(float, 0, 1e6), number(float, 0, 100)
    add("--lr", type=rate, default=0.1, help="falls linearly to 0 (default 0.1)")
    add("--momentum", type=share, default=0.9)
    add("--batch", type=count, default=128)
    add("--distort", type=strength, default=1.0, help="0 for none (default 1)")
    apart = "keep N training images apart and measure on them, not on the test set"
    add("--holdout", type=number(int, 0, 2**63 - 1), default=0, metavar="N", help=apart)
    add("--out", type=Path, help="the weights (default DATASET-seedN.pkl)")
    return parser.parse_args(arguments)


def number(kind, low, high):
    """A type for argparse: a whole number or a float, from low to high."""

    def parsed(text):
        if low <= (value := kind(text)) <= high:
            return value
        raise argparse.ArgumentTypeError(f"{text} is not from {low} to {high}")

    return parsed


def main(arguments=None):
    options = vars(parse(arguments))
    out = options.pop("out")
    out = out or Path(f"{Path(options['dataset']).name}-seed{options['seed']}.pkl")
    if not out.parent.is_dir():
        raise FileNotFoundError(f"no folder {out.parent} for --out; make it first")
    if out.suffix == ".json":
        raise ValueError(f"--out {out}: beside it stands the history, as .json")
    with alone(out):
        run(options, out)


def run(options, out):
    """Train as the options say; write the weights, and beside them the history."""
    unfinished, history = (
        out.with_name(f"{out.name}.unfinished"),
        out.with_suffix(".json"),
    )
    for path in (out, history):
        if path.exists() and not unfinished.exists():
            problem = f"{path} is there already"
            raise FileExistsError(f"{problem}; delete it, or name another --out")
    images, labels = load(options["dataset"], "train")
    others, right = load(options["dataset"], "test")
    if others.shape[1:] != images.shape[1:] or right.max() > labels.max():
        raise ValueError("the test images have another shape, or classes of their own")
    data = hashlib.sha256(b"".join(t.numpy().tobytes() for t in (images, labels)))
    data = data.hexdigest()
    if apart := options["holdout"]:
        if apart >= len(labels):
            raise ValueError(f"--holdout {apart} leaves none of {len(labels)} images")
        order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))
        others, right = images[order[:apart]], labels[order[:apart]]
        images, labels = images[order[apart:]], labels[order[apart:]]
    images, others = images / 255, others / 255
    mean, std = images.mean(), images.std()
    if not std > 0:
        raise ValueError("the training images are all of one gray")
    images, others = (images - mean) / std, (others - mean) / std

    def measure(layers):
        both = (images, labels), (others, right)
        return [accuracy(layers, x.flatten(1), y) for x, y in both]

    left = state = resumed(unfinished, options, data)
    other = "held out" if options["holdout"] else "test"
    for state in train(images, labels, measure, options, left):
        save({"options": options, "data": data, "state": state}, unfinished)
        epoch, [ours, theirs] = len(state["measured"]), state["measured"][-1]
        print(f"epoch {epoch:3}  train {ours:.2%}  {other} {theirs:.2%}", flush=True)
    weights = {"mean": mean, "std": std}
    for number, (w, b) in enumerate(state["layers"], 1):
        weights |= {f"w{number}": w, f"b{number}": b}
    found = {"measured": state["measured"], "seconds": state["seconds"]}
    text = json.dumps(found | {"options": options, "data": data}, indent=1)
    save(text, history, lambda text, path: path.write_text(text))
    save(weights, out)
    unfinished.unlink()
    print(f"{out}: {state['measured'][-1][1]:.2%} {other}, {state['seconds']:.0f} s")


if __name__ == "__main__":
    try:
        main()
    except (OSError, ValueError) as error:
        sys.exit(f"train.py: {error}")
    except KeyboardInterrupt:
        sys.exit("stopped; the same command goes on after the last whole epoch")
