"""Time what trains here beside what others would run; write pages/speed.md.

The sides take turns, so that whatever else the machine does falls on all of them; what
counts is the median of the ratios within a turn.
"""

import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from itertools import count, pairwise
from types import ModuleType, SimpleNamespace

import numpy as np
import torch
from PIL import Image
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_info
from torch.utils.data import DataLoader
from torchvision import transforms

from helpers import augment, data, nn, recurrent, tensors, training
from helpers.results import processor
from tools.digest import ROOT

PAGE = ROOT / "pages" / "speed.md"
SIZES = (784, 200, 100, 10)
BATCH, LR, MOMENTUM = 128, 0.1, 0.9
WIDE = (3072, 800, 512, 10)  # units of a network for CIFAR-10
VGG = ROOT / "solutions" / "sustech_cs324" / "part2"
STEPS = 4  # of the network in there, in a turn
RNN = ROOT / "solutions" / "sustech_cs324" / "part3"
RECURRENT_STEPS, LENGTHS = 20, (5, 20)  # of the networks in there, in a turn; digits
MODELING = ROOT / "solutions" / "dl_for_modeling"
TINY_STEPS, TINY_BATCH = 2, 256  # of the network in there, in a turn
TURNS = 7
Array = np.ndarray
Epoch = Callable[[], None]
Accuracy = Callable[[], float]


def ours(x: Array, labels: Array) -> tuple[Epoch, Accuracy]:
    """The network in `helpers.nn`."""
    rng = np.random.default_rng(0)
    layers = []
    for fan_in, fan_out in pairwise(SIZES):
        layers += [nn.Linear(fan_in, fan_out, rng, first=not layers), nn.ReLU()]
    net, loss = nn.Sequential(layers[:-1]), nn.SoftmaxCrossEntropy()
    optimizer = nn.SGD(net, LR, MOMENTUM)

    def epoch() -> None:
        order = rng.permutation(len(x))
        for start in range(0, len(x), BATCH):
            rows = order[start : start + BATCH]
            loss.forward(net.forward(x[rows]), labels[rows])
            net.backward(loss.backward())
            optimizer.step()

    return epoch, lambda: (net.forward(x).argmax(axis=1) == labels).mean()


def pytorch(x: Array, labels: Array) -> tuple[Epoch, Accuracy]:
    """The same loop in eager PyTorch, on tensors in memory."""
    inputs, targets = torch.from_numpy(x), torch.from_numpy(labels)
    torch.manual_seed(0)
    layers: list[torch.nn.Module] = []
    for fan_in, fan_out in pairwise(SIZES):
        layers += [torch.nn.Linear(fan_in, fan_out), torch.nn.ReLU()]
    net, loss = torch.nn.Sequential(*layers[:-1]), torch.nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(net.parameters(), LR, MOMENTUM)

    def epoch() -> None:
        order = torch.randperm(len(inputs))
        for start in range(0, len(inputs), BATCH):
            rows = order[start : start + BATCH]
            optimizer.zero_grad()
            loss(net(inputs[rows]), targets[rows]).backward()
            optimizer.step()

    return epoch, lambda: (net(inputs).argmax(dim=1) == targets).float().mean().item()


def scikit_learn(x: Array, labels: Array, **options) -> tuple[Epoch, Accuracy]:
    """One `partial_fit` of `MLPClassifier`: an epoch in new order."""
    net = MLPClassifier(SIZES[1:-1], batch_size=BATCH, random_state=0, **options)
    net.partial_fit(x[:BATCH], labels[:BATCH], classes=np.arange(SIZES[-1]))
    return lambda: net.partial_fit(x, labels), lambda: net.score(x, labels)


def products(x: Array) -> Epoch:
    """The products of matrices in our epoch, and nothing else."""
    weights = [np.zeros(shape, np.float32) for shape in pairwise(SIZES)]
    batch = [np.zeros((BATCH, size), np.float32) for size in SIZES]

    def epoch() -> None:
        for _ in range(0, len(x), BATCH):
            for below, above, weight in zip(batch, batch[1:], weights, strict=False):
                below @ weight  # forward
                below.T @ above  # the gradient of the weights
                if below is not batch[0]:
                    above @ weight.T  # that of the layer's input

    return epoch


def wide(part: tensors.Part, dtype: str) -> tuple[Epoch, Accuracy]:
    """The loop in `helpers.training`, in that type."""
    torch.manual_seed(0)
    layers: list[torch.nn.Module] = [torch.nn.Flatten()]
    for fan_in, fan_out in pairwise(WIDE):
        layers += [torch.nn.Linear(fan_in, fan_out), torch.nn.ReLU()]
    net = torch.nn.Sequential(*layers[:-1])
    optimizer = torch.optim.SGD(net.parameters(), LR / 2, MOMENTUM)
    validation = tuple(each[:1] for each in part)
    how = {"epochs": 1, "batch": BATCH, "precision": (dtype, False)}

    def epoch() -> None:
        training.fit(net, optimizer, part, validation, **how)

    return epoch, lambda: training.evaluate(net, part)[1]


def handed_in() -> ModuleType:
    """The program that trains the reduced VGG, with Adam as it comes."""
    sys.path.insert(0, str(VGG))
    import cnn_train

    plain = {"learning_rate": 1e-3, "weight_decay": 0, "label_smoothing": 0}
    kinds = {"optimizer": "ADAM", "schedule": "constant", "precision": "bfloat16"}
    cnn_train.FLAGS = SimpleNamespace(**plain, **kinds)
    return cnn_train


def convolutional(part: tensors.Part, program: ModuleType) -> tuple[Epoch, Accuracy]:
    """The steps of the handed-in program."""
    torch.manual_seed(0)
    net = program.CNN(3, 10).to(memory_format=torch.channels_last)
    optimizer, _ = program.descent(net)

    def epoch() -> None:
        for images, labels in zip(*(each.split(BATCH) for each in part), strict=True):
            program.learn(net, optimizer, images, labels)

    return epoch, lambda: program.evaluate(net, *part)[1]


def plain_convolutional(part: tensors.Part) -> tuple[Epoch, Accuracy]:
    """The slides' layers in eager PyTorch, in float32 with channels first."""
    from cnn_model import PLAN

    torch.manual_seed(0)
    layers: list[torch.nn.Module] = []
    fan_in = 3
    for fan_out in PLAN:
        if fan_out == "pool":
            layers.append(torch.nn.MaxPool2d(3, stride=2, padding=1))
        else:
            conv = torch.nn.Conv2d(fan_in, fan_out, 3, padding=1)
            layers += [conv, torch.nn.BatchNorm2d(fan_out), torch.nn.ReLU()]
            fan_in = fan_out
    net = torch.nn.Sequential(*layers, torch.nn.Flatten(), torch.nn.Linear(fan_in, 10))
    loss, optimizer = torch.nn.CrossEntropyLoss(), torch.optim.Adam(net.parameters())

    def epoch() -> None:
        net.train()
        for images, labels in zip(*(each.split(BATCH) for each in part), strict=True):
            optimizer.zero_grad()
            loss(net(images), labels).backward()
            optimizer.step()

    return epoch, lambda: training.evaluate(net, part)[1]


def ten_thousand() -> ModuleType:
    """The program that trains a network of fewer than 10,000 numbers."""
    os.environ["DL_DATA"] = str(data.root("cifar10"))  # read when it is imported
    sys.path.insert(0, str(MODELING))
    import cifar10Classification

    return cifar10Classification


def tiny(part: tensors.Part, program: ModuleType) -> tuple[Epoch, Accuracy]:
    """The steps of the handed-in program, on images uint8 (n, 32, 32, 3)."""
    torch.manual_seed(0)
    (images, labels), flags = part, program.parse([])
    net = program.NeuralNetwork()
    net.to(memory_format=torch.channels_last)
    optimizer, inputs = program.descent(net, flags), program.scaled(images)

    def epoch() -> None:
        net.train()
        batches = zip(inputs.split(TINY_BATCH), labels.split(TINY_BATCH), strict=True)
        for x, y in batches:
            program.learn(net, optimizer, x, y, flags)

    return epoch, lambda: program.accuracy(net, images, labels)


def plain_tiny(part: tensors.Part, program: ModuleType) -> tuple[Epoch, Accuracy]:
    """The same network in eager PyTorch, in float32 with channels first."""
    torch.manual_seed(0)
    images, labels = part
    net, loss = program.NeuralNetwork(), torch.nn.CrossEntropyLoss()
    optimizer = torch.optim.AdamW(net.parameters(), program.parse([]).learning_rate)
    inputs = program.scaled(images).contiguous()

    def epoch() -> None:
        net.train()
        batches = zip(inputs.split(TINY_BATCH), labels.split(TINY_BATCH), strict=True)
        for x, y in batches:
            optimizer.zero_grad()
            loss(net(x), y).backward()
            optimizer.step()

    return epoch, lambda: program.accuracy(net, images, labels)


def palindromes(digits: int) -> ModuleType:
    """The program that trains five recurrent networks at once, on that length."""
    sys.path.insert(0, str(RNN))
    import lengths

    sizes = {"length": digits, "seeds": 5, "num_hidden": 128, "batch_size": BATCH}
    best = {"one_hot": True, "init": "orthogonal", "max_norm": 1.0}
    lengths.FLAGS = SimpleNamespace(**sizes, **best)
    return lengths


def at_once(program: ModuleType) -> tuple[Epoch, Accuracy]:
    """All five as one batched network, by the steps of the handed-in program."""
    model, length = program.start(), program.FLAGS.length
    optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-3)
    sets = [program.Palindromes(length, seed) for seed in range(program.FLAGS.seeds)]
    numbers = count()

    def epoch() -> None:
        for _ in range(RECURRENT_STEPS):
            program.step(model, optimizer, sets, next(numbers))

    return epoch, lambda: statistics.mean(program.evaluate(model, length))


def in_numpy(program: ModuleType, seeds: Sequence[int]) -> tuple[Epoch, Accuracy]:
    """The same steps by `helpers.recurrent`, of the networks of these seeds at once."""
    model, length = program.start(), program.FLAGS.length
    stacked = [each.detach()[list(seeds)] for each in model.parameters()]
    W_hx, b_h, W_hh, W_ph, b_o = (
        (each.mT if each.ndim == 3 else each).numpy() for each in stacked
    )
    net, loss = recurrent.Networks(W_hx, W_hh, b_h, W_ph, b_o), nn.SoftmaxCrossEntropy()
    optimizer = nn.RMSprop(net, lr=1e-3)
    sets = [program.Palindromes(length, seed) for seed in seeds]
    one_hot, numbers = np.eye(10, dtype=np.float32), count()

    def epoch() -> None:
        for _ in range(RECURRENT_STEPS):
            number = next(numbers)
            digits = np.stack([each.batch(BATCH, number) for each in sets])
            logits = net.forward(one_hot[digits[:, :, :-1]])
            loss.forward(logits.reshape(-1, 10), digits[:, :, -1].ravel())
            # Each has the gradient of its own mean, and not of the mean over all.
            net.backward(len(sets) * loss.backward().reshape(logits.shape))
            net.clip(program.FLAGS.max_norm)
            optimizer.step()

    def accuracy() -> float:
        # All states of all steps are kept: those of 1,000 palindromes are enough.
        digits = np.stack([each.test[:1000] for each in sets])
        logits = net.forward(one_hot[digits[:, :, :-1]])
        return (logits.argmax(axis=2) == digits[:, :, -1]).mean()

    return epoch, accuracy


def one_after_the_other(program: ModuleType) -> tuple[Epoch, Accuracy]:
    """The same steps of the same networks in eager PyTorch, each by itself."""
    loss, flags = torch.nn.CrossEntropyLoss(), program.FLAGS
    sets = [program.Palindromes(flags.length, seed) for seed in range(flags.seeds)]
    nets, numbers = [], [count() for _ in sets]
    for seed in range(flags.seeds):
        torch.manual_seed(seed)
        net = program.VanillaRNN(flags.length - 1, 10, flags.num_hidden, 10)
        program.initialize(net, flags.init)
        nets.append((net, torch.optim.RMSprop(net.parameters(), lr=1e-3)))

    def epoch() -> None:
        for (net, optimizer), each, number in zip(nets, sets, numbers, strict=True):
            for _ in range(RECURRENT_STEPS):
                digits = each.batch(flags.batch_size, next(number))
                inputs, labels = program.encoded(digits)
                optimizer.zero_grad()
                loss(net(inputs), labels).backward()
                torch.nn.utils.clip_grad_norm_(net.parameters(), flags.max_norm)
                optimizer.step()

    def accuracy() -> float:
        held_out = [program.encoded(each.test) for each in sets]
        with torch.no_grad():
            rights = [
                (net(inputs).argmax(1) == labels).double().mean().item()
                for (net, _), (inputs, labels) in zip(nets, held_out, strict=True)
            ]
        return statistics.mean(rights)

    return epoch, accuracy


def whole_set(part: tensors.Part) -> Epoch:
    """Batches of a set in memory, mirrored and moved at random."""
    rng = np.random.default_rng(0)

    def epoch() -> None:
        for rows in torch.from_numpy(rng.permutation(len(part[1]))).split(BATCH):
            images, _ = (each[rows] for each in part)
            augment.shift(augment.flip(images, rng), 4, rng)

    return epoch


def one_by_one(split: data.Split) -> Epoch:
    """The same batches as torchvision's CIFAR10 in a DataLoader makes them."""
    change = transforms.Compose(
        [
            transforms.RandomCrop(32, padding=4),
            transforms.RandomHorizontalFlip(),
            transforms.ToTensor(),
            transforms.Normalize(split.mean.tolist(), split.std.tolist()),
        ]
    )

    def batch(rows: list[int]) -> torch.Tensor:
        return torch.stack([change(Image.fromarray(split.images[i])) for i in rows])

    loader = DataLoader(range(len(split)), BATCH, shuffle=True, collate_fn=batch)
    return lambda: [None for _ in loader]


def seconds(epoch: Epoch) -> float:
    start = time.perf_counter()
    epoch()
    return time.perf_counter() - start


def row(name: str, one: list[float], other: list[float]) -> str:
    """A row of the table; the ratio is above 1 where ours is faster."""
    ratios = [b / a for a, b in zip(one, other, strict=True)]
    return (
        f"| {name} | {statistics.median(one):.3f} | {statistics.median(other):.3f} "
        f"| {statistics.median(ratios):.2f} | {min(ratios):.2f} to {max(ratios):.2f} |"
    )


def surroundings() -> str:
    libraries = threadpool_info()
    threads = sorted({library["num_threads"] for library in libraries})
    kernels = {
        each["architecture"]
        for each in libraries  # SciPy brings another OpenBLAS, with kernels of its own
        if each["internal_api"] == "openblas" and "numpy" in each["filepath"]
    }
    packages = ("numpy", "torch", "scikit-learn")
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    return (
        f"Processor: {processor()}. Threads: {', '.join(map(str, threads))}. "
        f"Kernels of NumPy's OpenBLAS: {', '.join(sorted(kernels)) or 'none'}. "
        f"Python {platform.python_version()}, {versions}."
    )


def measure(x: Array, labels: Array) -> list[str]:
    """The table's rows; raises RuntimeError for a side that doesn't learn."""
    same = {"solver": "sgd", "learning_rate_init": LR, "momentum": MOMENTUM}
    same |= {"nesterovs_momentum": False, "alpha": 0}
    sides = {
        "ours": ours(x, labels),
        "PyTorch, the same loop": pytorch(x, labels),
        "scikit-learn, the same descent": scikit_learn(x, labels, **same),
        "scikit-learn as it comes": scikit_learn(x.astype(np.float64), labels),
        "the products of matrices alone": (products(x), lambda: 1.0),
    }
    times = timed({name: epoch for name, (epoch, _) in sides.items()})
    must_learn(sides, 0.97)
    first, *others = times
    return [row(name, times[first], times[name]) for name in others]


def measure_photographs(split: data.Split) -> list[str]:
    """The rows of the second table; raises as `measure`."""
    part = tensors.whole(split)
    sides = {dtype: wide(part, dtype) for dtype in ("bfloat16", "float32")}
    ours, theirs = timed({name: epoch for name, (epoch, _) in sides.items()}).values()
    must_learn(sides, 0.5)
    rows = [row("training in bfloat16, and in float32", ours, theirs)]
    both = {"ours": whole_set(part), "theirs": one_by_one(split)}
    name = "augmentation of batches, and of images in a `DataLoader`"
    rows.append(row(name, *timed(both).values()))
    return [*rows, measure_convolutions(part), measure_tiny(split)]


def measure_convolutions(part: tensors.Part) -> str:
    """The third row of the second table; raises as `measure`."""
    few = tuple(each[: STEPS * BATCH] for each in part)
    sides = {"handed in": convolutional(few, handed_in())}
    sides["plain"] = plain_convolutional(few)
    times = timed({name: epoch for name, (epoch, _) in sides.items()})
    must_learn(sides, 0.2)
    name = f"{STEPS} steps of the reduced VGG, handed in and plain"
    return row(name, times["handed in"], times["plain"])


def measure_tiny(split: data.Split) -> str:
    """The last row of the second table; raises as `measure`."""
    program, few = ten_thousand(), slice(TINY_STEPS * TINY_BATCH)
    part = torch.from_numpy(split.images[few]), torch.from_numpy(split.labels[few])
    sides = {"handed in": tiny(part, program), "plain": plain_tiny(part, program)}
    times = timed({name: epoch for name, (epoch, _) in sides.items()})
    for epoch, _ in sides.values():  # so few steps teach too little to be asked
        for _ in range(TURNS):
            epoch()
    must_learn(sides, 0.2)
    name = f"{TINY_STEPS} steps of fewer than 10,000 numbers, handed in and plain"
    return row(name, times["handed in"], times["plain"])


def measure_recurrent() -> list[str]:
    """The rows of the third table; raises as `measure`."""
    rows = []
    for length in LENGTHS:
        program = palindromes(length)
        each = [in_numpy(program, [seed]) for seed in range(program.FLAGS.seeds)]
        sides = {
            "at once in NumPy": in_numpy(program, range(program.FLAGS.seeds)),
            "one after the other in NumPy": together(each),
            "at once in PyTorch": at_once(program),
            "one after the other in PyTorch": one_after_the_other(program),
        }
        times = timed({name: epoch for name, (epoch, _) in sides.items()})
        must_learn(sides, 0.5)
        *ours, last = times
        rows += [row(f"{length} digits, {n}", times[n], times[last]) for n in ours]
    return rows


def together(sides: list[tuple[Epoch, Accuracy]]) -> tuple[Epoch, Accuracy]:
    """All of them, one after the other."""

    def epoch() -> None:
        for each, _ in sides:
            each()

    return epoch, lambda: statistics.mean(accuracy() for _, accuracy in sides)


def timed(epochs: dict[str, Epoch]) -> dict[str, list[float]]:
    """The seconds of each one's epoch in each turn."""
    times: dict[str, list[float]] = {name: [] for name in epochs}
    for turn in range(TURNS + 1):
        for name, epoch in epochs.items():
            took = seconds(epoch)
            if turn:  # the first warms the caches up
                times[name].append(took)
    return times


def must_learn(sides: dict[str, tuple[Epoch, Accuracy]], bar: float) -> None:
    """Raise RuntimeError for a side of less than that accuracy."""
    for name, (_, accuracy) in sides.items():
        if accuracy() < bar:
            raise RuntimeError(f"{name}: {accuracy():.1%} right; has to be {bar:.0%}")


def main() -> None:
    mnist, cifar10 = data.load("mnist"), data.load("cifar10")
    if "stand-in" in (mnist.source, cifar10.source):
        sys.exit("The tables are made from the data itself: set DL_DATA, or be online.")
    text = TEXT.format(
        rows="\n".join(measure(mnist.train.inputs(), mnist.train.labels)),
        photographs="\n".join(measure_photographs(cifar10.train)),
        recurrent="\n".join(measure_recurrent()),
        surroundings=surroundings(),
    )
    PAGE.write_text(text)
    print(text)


TEXT = """\
# Speed, side by side

How fast is what this book builds? Below, its training loops run beside those of
PyTorch and scikit-learn, one after the other on the same thread, as `make bench`
measures them.

## NumPy on digits

One epoch of a network with {sizes} units, batches of {batch}, on MNIST's 60,000
training images in memory: forward, backward and a step of descent with momentum for
each batch.

| beside | ours, s | theirs, s | ratio | in {turns} turns |
| --- | --- | --- | --- | --- |
{{rows}}

The ratio is theirs to ours, so above 1 we are faster. The second row asks scikit-learn
for our descent in float32; the third takes `MLPClassifier` as it comes, with Adam, on
pixels in float64.

The last row is our epoch with nothing but its products of matrices, which every side
leaves to the same kind of library: what no NumPy program with these layers can get
below. The first layer is told that nobody needs the gradient of the pixels
(`first=True`), which saves a product that PyTorch doesn't compute either.

## PyTorch on photographs

One epoch on CIFAR-10's 50,000 training images, batches of {batch}: first of training
a network with {wide} units, by our loop in either type; then of nothing but augmented
batches, mirrored and moved by up to four pixels at random. Then {steps} steps of the
convolutional network of CS324 with Adam: the program that is handed in, beside the
slides' layers in eager PyTorch, in float32 with channels first. Last, {tiny_steps}
steps with batches of {tiny_batch} of the network that answers question 5 of Deep
Learning for Modeling, as its program takes them, and of the same network in eager
PyTorch.

| beside | ours, s | theirs, s | ratio | in {turns} turns |
| --- | --- | --- | --- | --- |
{{photographs}}

Ours augments whole batches of a set in memory; theirs is a `DataLoader` of this process
with torchvision's transforms. How much bfloat16 saves differs by processor, which is
why our loop can measure it first. The handed-in program also keeps channels last in
memory, rectifies behind the pooling, where there is a quarter of the values, and takes
convolutions on maps of 2 by 2 as products of matrices. The last program's are bfloat16
and channels last, and one fused update of all weights.

## PyTorch on palindromes

{recurrent_steps} steps of RMSprop for each of five recurrent networks of 128 units,
batches of {batch}, one-hot digits. Theirs is one network after the other in eager
PyTorch, a product a step. All sides draw the same palindromes and take the same steps,
up to rounding.

| ours | ours, s | theirs, s | ratio | in {turns} turns |
| --- | --- | --- | --- | --- |
{{recurrent}}

At once in PyTorch is the program that is handed in: the weights are stacked, a step of
all is one batched product (`baddbmm`), and autograd does the way back. In NumPy it is
`src/helpers/recurrent.py`, which does the way back by (16.2) and (16.3) and writes over
what it no longer needs; of its two rows one stacks the networks, one doesn't. NumPy's
products are those of OpenBLAS, which takes kernels for the processor that it finds:
they are named below.

{{surroundings}}

`make bench` measures again and writes this page.
""".format(
    sizes="-".join(map(str, SIZES)),
    wide="-".join(map(str, WIDE)),
    batch=BATCH,
    steps=STEPS,
    tiny_steps=TINY_STEPS,
    tiny_batch=TINY_BATCH,
    recurrent_steps=RECURRENT_STEPS,
    turns=TURNS,
)


if __name__ == "__main__":
    main()
