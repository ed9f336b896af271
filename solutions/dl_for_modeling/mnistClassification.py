"""MNIST in NumPy: layers, losses and descent, forward and backward (questions 1 to 3).

    python mnistClassification.py --seed 0

trains 784-200-150-10 with sigmoids, in the end with raw pixels too, and writes
npMnistParameters.npy and npMnistStructure.json, which accurateChecker1.py reads. It
takes ten to twenty minutes on one core; a run that is killed goes on after its last
whole epoch. Importing this file trains nothing. MNIST's four files, packed as .gz or
not, are looked for in data/raw, then in MNIST/raw below the folder that DL_DATA names,
or below data/; else they are downloaded into data/raw.
"""

import argparse
import gzip
import hashlib
import http.client
import json
import math
import os
import sys
import time
import urllib.request
import zlib
from itertools import pairwise
from pathlib import Path

import numpy as np

FILES = (  # in the template's order: first the images to test on
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
)
MIRROR = "https://ossci-datasets.s3.amazonaws.com/mnist"
RAW = Path("data/raw")
PARAMETERS, STRUCTURE = "npMnistParameters.npy", "npMnistStructure.json"
TINY = 1e-30  # what a logarithm and a quotient are kept above; float32 ends at 1e-38


class Node:
    """A step of the network: its name, its parameters, and their gradients.

    forward(x) computes; backward(delta) takes the derivative of the loss with respect
    to what forward returned, and returns that with respect to x.
    """

    def __init__(self, name, parameters=None):
        self.name = name
        self.parameters = parameters or []
        self.parameters_deltas = [None] * len(self.parameters)


class Linear(Node):
    """x W + b, from (n, input_shape) to (n, output_shape)."""

    def __init__(self, input_shape, output_shape, weight=None, bias=None):
        if weight is None:  # Xavier: Glorot and Bengio 2010
            spread = np.sqrt(2 / (input_shape + output_shape))
            weight = np.random.normal(0, spread, (input_shape, output_shape))
            weight = weight.astype(np.float32)
        if bias is None:
            bias = np.zeros(output_shape, np.float32)
        super().__init__("linear", [weight, bias])

    def forward(self, x):
        self.x = x
        weight, bias = self.parameters
        return x @ weight + bias

    def backward(self, delta):
        self.parameters_deltas = [self.x.T @ delta, delta.sum(axis=0)]
        return delta @ self.parameters[0].T


class Sigmoid(Node):
    """1 / (1 + exp(-x)), entry by entry."""

    def __init__(self):
        super().__init__("sigmoid")

    def forward(self, x, *args):
        with np.errstate(over="ignore"):  # 1 / infinity is 0, as it should be
            self.y = 1 / (1 + np.exp(-x))
        return self.y

    def backward(self, delta):
        return delta * self.y * (1 - self.y)


class Softmax(Node):
    """exp(x_i) / sum_k exp(x_k) for each row, equation (1)."""

    def __init__(self):
        super().__init__("softmax")

    def forward(self, x):
        powers = np.exp(x - x.max(axis=1, keepdims=True))  # shifted: none overflows
        self.p = powers / powers.sum(axis=1, keepdims=True)
        return self.p

    def backward(self, delta):
        # The Jacobian is diag(p) - p p^T.
        return self.p * (delta - (delta * self.p).sum(axis=1, keepdims=True))


class CrossEntropy(Node):
    """-sum_i l_i log(x_i) for each row, equation (2): from (n, k) to (n,)."""

    def __init__(self):
        super().__init__("cross_entropy")

    def forward(self, x, l):  # noqa: E741, the template's name
        self.x, self.l = np.maximum(x, TINY), l
        return -(l * np.log(self.x)).sum(axis=1)

    def backward(self, delta):
        return -self.l / self.x * delta[:, None]


class Mean(Node):
    """The mean of all entries."""

    def __init__(self):
        super().__init__("mean")

    def forward(self, x):
        self.x = x
        return x.mean()

    def backward(self, delta):
        return np.full_like(self.x, delta / self.x.size)


def load_MNIST():
    """Test images and labels, then training images and labels.

    Images are uint8 (n, 28, 28), labels one-hot float32 (n, 10). Raises
    FileNotFoundError for a missing file, ValueError for one that isn't MNIST's.
    """
    loaded = []
    for images, labels in (FILES[:2], FILES[2:]):
        pixels, digits = read(images, axes=3), read(labels, axes=1)
        if len(pixels) != len(digits) or digits.max() > 9:
            problem = f"{len(pixels)} images, {len(digits)} labels to {digits.max()}"
            raise ValueError(f"{images}: {problem}; expected as many, to 9")
        loaded += [pixels, np.eye(10, dtype=np.float32)[digits]]
    return loaded


def read(name, axes):
    """The array of bytes in one of MNIST's files."""
    folders = [RAW, Path(os.environ.get("DL_DATA", "data")).expanduser() / "MNIST/raw"]
    paths = [folder / file for folder in folders for file in (name, f"{name}.gz")]
    path = next(filter(Path.exists, paths), None) or download(name)
    content = path.read_bytes()
    try:
        content = gzip.decompress(content) if path.suffix == ".gz" else content
    except (EOFError, OSError, zlib.error):
        content = b""
    # Zeros, the type (8: unsigned byte), the number of axes, then their lengths.
    start = 4 + 4 * axes
    shape = [int.from_bytes(content[at : at + 4], "big") for at in range(4, start, 4)]
    if content[:4] != bytes([0, 0, 8, axes]) or len(content) != start + math.prod(
        shape
    ):
        raise ValueError(f"{path} is damaged, or another file; delete it")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


def download(name):
    """The path of one of MNIST's files, now in data/raw."""
    path = RAW / f"{name}.gz"
    try:
        RAW.mkdir(parents=True, exist_ok=True)
        with urllib.request.urlopen(f"{MIRROR}/{path.name}", timeout=60) as answer:
            content = answer.read()
        write(path, lambda file: file.write(content))
    except (OSError, http.client.HTTPException) as error:  # the latter: it was cut
        problem = f"no {name} in {RAW}, and no download: {error}"
        raise FileNotFoundError(f"{problem}; put MNIST's four files there") from None
    return path


def random_draw(data, label, batch_size):
    """A random batch: images (batch_size, 784) from 0 to 1, and their labels."""
    rows = np.random.permutation(len(data))[:batch_size]
    return data[rows].reshape(batch_size, -1) / np.float32(255), label[rows]


def match_ratio(result, label):
    """The share of rows that are largest at the same place."""
    return (result.argmax(axis=1) == label.argmax(axis=1)).mean()


def net_forward(net, x, label):
    """What the cross-entropy node is fed, the probabilities; and the loss."""
    probabilities = None
    for node in net:
        if node.name == "cross_entropy":
            probabilities = x
            x = node.forward(x, label)
        else:
            x = node.forward(x)
    if probabilities is None:
        raise ValueError("the network has no cross_entropy node")
    return probabilities, x


def net_backward(net):
    """Fill in parameters_deltas of every node, from the last one to the first."""
    delta = 1.0
    for node in reversed(net):
        delta = node.backward(delta)


def parameters_of(net):
    """All parameters, in order: W and b of each linear layer."""
    return [each for node in net for each in node.parameters]


def sgd(net, velocities, learning_rate, momentum):
    """Move every parameter against its gradient, in place; old gradients fade."""
    deltas = [each for node in net for each in node.parameters_deltas]
    moving = zip(parameters_of(net), velocities, deltas, strict=True)
    for parameter, velocity, delta in moving:
        velocity *= momentum
        velocity += delta
        parameter -= learning_rate * velocity


def network(sizes):
    """Linear layers with a sigmoid after each but the last, softmax, loss."""
    net = []
    for fan_in, fan_out in pairwise(sizes):
        net += [Linear(fan_in, fan_out), Sigmoid()]
    return [*net[:-1], Softmax(), CrossEntropy(), Mean()]


def smooth(size, width):
    """A matrix that averages neighbors with a Gaussian; its rows sum to 1."""
    places = np.arange(size)
    weights = np.exp(-((places[:, None] - places) ** 2) / (2 * width**2))
    return np.float32(weights / weights.sum(axis=1, keepdims=True))


def distorted(images, rng, strength):
    """Images (n, 28, 28), each stretched, turned, moved and bent at random.

    A pixel is fetched from a place nearby, between four. The bending is white noise
    made smooth (Simard, Steinkraus and Platt 2003); the rest is a matrix and a shift.
    """
    n, size = len(images), images.shape[1]
    grid = np.indices((size, size), np.float32).reshape(2, -1)  # rows, columns
    matrix = 0.1 * rng.standard_normal((n, 2, 2), np.float32)
    turn = 0.1 * rng.standard_normal(n, np.float32)
    matrix[:, 0, 1] += turn
    matrix[:, 1, 0] -= turn
    shift = rng.standard_normal((n, 2, 1), np.float32)
    noise = 2 * rng.random((n, 2, size, size), np.float32) - 1
    bend = 20 * (SMOOTH @ noise @ SMOOTH.T).reshape(n, 2, -1)
    moved = matrix @ (grid - (size - 1) / 2) + shift + bend
    places = np.clip(grid + strength * moved, 0, size - 1.001)
    top, left = places.astype(np.int32).transpose(1, 0, 2)
    down, right = (places - np.floor(places)).transpose(1, 0, 2)
    flat = images.reshape(n, -1)
    corner = top * size + left
    values = [
        np.take_along_axis(flat, corner + step, 1) for step in (0, 1, size, size + 1)
    ]
    upper = values[0] + right * (values[1] - values[0])
    lower = values[2] + right * (values[3] - values[2])
    return upper + down * (lower - upper)


SMOOTH = smooth(28, 4)


def accuracy(net, images, label, most=1.0):
    """The share that the network gets right, with pixels from 0 to most."""
    right = 0
    for rows in np.array_split(np.arange(len(images)), -(-len(images) // 5000)):
        x = images[rows].reshape(len(rows), -1) * np.float32(most / 255)
        probabilities, _ = net_forward(net, x, label[rows])
        right += match_ratio(probabilities, label[rows]) * len(rows)
    return right / len(images)


def train(net, velocities, average, images, label, epoch, flags):
    """One pass over the images, in place; average follows the parameters slowly.

    In the passes after num_epoch every second batch has pixels to 255, as one edition
    of the checker has them, and the first layer rests: the gradients of its weights
    grow with the pixels. Returns the mean loss of the batches.
    """
    raw, done, passes, rate = False, epoch, flags.num_epoch, flags.learning_rate
    if epoch >= flags.num_epoch:
        raw, done = True, epoch - flags.num_epoch
        passes, rate = flags.raw_epoch, flags.raw_rate
    moving = (net[1:], velocities[2:]) if raw else (net, velocities)
    rng = np.random.default_rng([flags.seed, epoch])  # so that a run can go on
    batches = np.array_split(
        rng.permutation(len(images)), len(images) // flags.batch_size
    )
    losses = []
    for number, rows in enumerate(batches):
        left = 1 - (done + number / len(batches)) / passes
        x = images[rows] / np.float32(255)
        if flags.distort:
            x = distorted(x, rng, flags.distort)
        if raw and number % 2:
            x *= 255
        _, loss = net_forward(net, x.reshape(len(rows), -1), label[rows])
        net_backward(net)
        sgd(*moving, rate * left, flags.momentum)
        for mean, parameter in zip(average, parameters_of(net), strict=True):
            mean += np.float32(1 - flags.average) * (parameter - mean)
        losses.append(float(loss))
    return sum(losses) / len(losses)


def save(net, folder):
    """Write the two files that accurateChecker1.py reads."""
    write(
        folder / PARAMETERS,
        lambda file: [np.save(file, each) for each in parameters_of(net)],
    )
    structure = {  # "parametes" is the template's spelling
        "struct": [node.name for node in net],
        "num_parametes": [
            node.parameters[0].shape if node.parameters else None for node in net
        ],
        "sha256": hashlib.sha256((folder / PARAMETERS).read_bytes()).hexdigest(),
    }
    write(folder / STRUCTURE, lambda file: file.write(json.dumps(structure).encode()))


def write(path, content):
    """Write in one step, so that a killed run leaves a whole file."""
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("wb") as file:
            content(file)
    except OSError as error:  # such as a full disk
        part.unlink(missing_ok=True)
        raise OSError(f"{path} can't be written: {error}") from None
    part.replace(path)


def resumed(checkpoint, state, flags):
    """What a killed run had measured; its arrays are put into state.

    Raises ValueError if it had other flags, or can't be read.
    """
    if not checkpoint.exists():
        return {"flags": flags, "epochs": []}
    with checkpoint.open("rb") as file:
        try:
            arrays = dict(np.load(file))
            measured = json.loads(str(arrays.pop("measured")))
            had = measured["flags"]
        except Exception as error:  # NumPy and zipfile raise many
            problem = f"{checkpoint} is damaged, or another file"
            why = type(error).__name__
            raise ValueError(f"{problem} ({why}); delete it") from None
    if had != flags:
        raise ValueError(f"{checkpoint} is of a run with other flags; delete it")
    for place, each in enumerate(state):
        each[...] = arrays[f"arr_{place}"]
    return measured


def main(arguments=None):
    """Train, test once, and store the network and what was measured."""
    flags = parse(arguments)
    np.random.seed(flags.seed)
    dim_img, num_digit = 28 * 28, 10
    sizes = [dim_img, *flags.hidden, num_digit]
    net, mean_net = network(sizes), network(sizes)
    print(f"{sum(each.size for each in parameters_of(net)):,} parameters")
    test, test_label, images, label = load_MNIST()
    if flags.validation > len(images) - flags.batch_size:
        problem = f"--validation {flags.validation} leaves no batch of {len(images)}"
        raise ValueError(f"{problem} images to train on")
    # Held out, for every try, are the same of the training images.
    order = np.random.default_rng(60_000).permutation(len(images))
    kept, held = order[flags.validation :], order[: flags.validation]

    velocities = [np.zeros_like(each) for each in parameters_of(net)]
    average = parameters_of(mean_net)
    for mean, parameter in zip(average, parameters_of(net), strict=True):
        mean[...] = parameter
    state = [*parameters_of(net), *velocities, *average]
    out = Path(flags.out)
    checkpoint = out / "mnist.checkpoint"
    measured = resumed(checkpoint, state, vars(flags) | {"out": ""})
    for epoch in range(len(measured["epochs"]), flags.num_epoch + flags.raw_epoch):
        if epoch == flags.num_epoch:  # from here on it learns from the average
            for parameter, mean in zip(parameters_of(net), average, strict=True):
                parameter[...] = mean
            for velocity in velocities:
                velocity[...] = 0
            measured["raw_before"] = accuracy(mean_net, images, label, 255)
        since = time.perf_counter()
        loss = train(net, velocities, average, images[kept], label[kept], epoch, flags)
        values = {"loss": loss, "seconds": time.perf_counter() - since}
        if flags.validation:
            for name, most in (("accuracy", 1), ("raw_accuracy", 255)):
                values[name] = accuracy(mean_net, images[held], label[held], most)
        measured["epochs"].append(values)
        line = ", ".join(f"{name} {value:.4f}" for name, value in values.items())
        print(f"epoch {epoch + 1}: {line}", flush=True)
        arrays = state, {"measured": json.dumps(measured)}
        write(checkpoint, lambda file, a=arrays: np.savez(file, *a[0], **a[1]))
    if not flags.validation:
        measured["accuracy"] = accuracy(mean_net, test, test_label)
        # One edition of the checker doesn't divide by 255.
        measured["raw_test"] = accuracy(mean_net, test, test_label, 255)
        measured["raw_train"] = accuracy(mean_net, images, label, 255)
        print(f"test accuracy {measured['accuracy']:.2%}")
    save(mean_net, out)
    write(out / "mnist.json", lambda file: file.write(json.dumps(measured).encode()))
    checkpoint.unlink(missing_ok=True)


def parse(arguments=None):
    """The flags of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--hidden", type=int, nargs="+", default=[200, 150], help="units of each layer")
    for name, default, meaning in (
        ("learning_rate", 0.5, "at the start; it falls to 0"),
        ("momentum", 0.9, "share of the velocity that a step keeps"),
        ("batch_size", 100, "images a step"),
        ("num_epoch", 200, "passes over the training images"),
        ("raw_epoch", 2, "passes after them, half of the batches with pixels to 255"),
        ("raw_rate", 0.1, "learning rate of these at the start; it falls to 0"),
        ("average", 0.999, "share of the averaged parameters that a step keeps"),
        ("distort", 1.0, "strength of the distortions"),
        ("validation", 0, "training images held out; 0: the test images are read"),
        ("seed", 0, "of weights, order and distortions"),
        ("out", ".", "folder for the two files"),
    ):
        add(f"--{name}", type=type(default), default=default, help=meaning)
    flags = parser.parse_args(arguments)
    for name, least in (
        ("batch_size", 1),
        *((name, 0) for name in ("num_epoch", "raw_epoch", "validation", "seed")),
    ):
        if (value := getattr(flags, name)) < least:
            parser.error(f"--{name} {value}: expected {least} or more")
    if min(flags.hidden) < 1:
        found = " ".join(map(str, flags.hidden))
        parser.error(f"--hidden {found}: expected 1 or more for each layer")
    if not Path(flags.out).is_dir():
        parser.error(f"--out {flags.out}: expected a folder that is there")
    return flags


if __name__ == "__main__":
    try:
        main()
    except (OSError, ValueError) as error:
        sys.exit(f"mnistClassification.py: {error}")
