"""Search among networks of at most 10,000 numbers (question 5): a card for each design.

    python solutions/dl_for_modeling/search_cifar.py                    everything
    python solutions/dl_for_modeling/search_cifar.py --card try-base    one design's run

Each design has as many channels as fit into 10,000 numbers, and 8 epochs on the
training images without 5,000 that are held out; those are scored. Then the best four
get a second seed. The test images aren't read. On one core that multiplies in bfloat16,
a run takes three minutes, three times that where maps stay large. It can be stopped and
started at any time: what is finished isn't made again, and a killed run goes on where
it was half a minute before.
"""

from functools import cache
from itertools import count
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from helpers import augment, data, precision, results, sweep, tensors, training

HERE = Path(__file__).resolve().parent
MOST = 10_000
BASE = {
    "steps": [3, 8],  # of a block, at 16x16 pixels, at 8x8, and so on
    "stem": "3x3, stride 2",
    "blocks": "one a size",
    "spatial": "depthwise",
    "filters": "one set a block",
    "kernel": 3,
    "dilations": [1],  # in turn
    "mixture": "dense",
    "turn": 0,  # channels by which each step turns its input further
    "context": False,  # whether a step sees the mean of each map, too
    "norm": "batch, each step its own",
    "before": False,  # whether normalization and activation come first in a step
    "activation": "silu",
    "pool": "avg",
    "head": "means",  # of the maps, for the linear layer
    "learning_rate": 0.02,
    "batch": 256,
    "epochs": 8,  # too few steps for an average of the weights
    "multiple": 2,  # of which the channels are
}
# One thing is changed in each, and the channels with it.
DESIGNS = {
    "base": {},
    "patches": {"stem": "2x2, stride 2"},
    "one-block": {"blocks": "one"},
    "layer-norm": {"norm": "layer, shared"},
    "folded-stem": {"stem": "3x3, pixels to channels", "multiple": 4},
    "16-steps": {"steps": [4, 12]},
    "late": {"steps": [8, 3]},
    "dilated": {"dilations": [1, 2]},
    "5x5": {"kernel": 5},
    "7x7": {"kernel": 7},
    "groups": {"mixture": "2 groups"},
    "low-rank": {"mixture": "low rank", "multiple": 4},
    "gate": {"mixture": "gate", "blocks": "one"},
    "dense": {"spatial": "dense", "mixture": "none", "blocks": "one"},
    "norm-first": {"before": True},
    "relu": {"activation": "relu"},
    "gelu": {"activation": "gelu"},
    "prelu": {"activation": "prelu"},
    "max-pool": {"pool": "max"},
    "rate-0.01": {"learning_rate": 0.01},
    "rate-0.04": {"learning_rate": 0.04},
    "batch-128": {"batch": 128},
    "large-maps": {"stem": "3x3, stride 1", "steps": [2, 3, 6], "blocks": "one"},
    "own-filters": {"filters": "each step its own"},
    "turned": {"turn": 1},
    "context": {"context": True},
    "two-means": {"head": "means and largest"},
    "three-sizes": {"steps": [3, 5, 3]},
    "three-sizes-one-block": {"steps": [3, 5, 3], "blocks": "one"},
}
WANTED = {
    f"try-{name}": (BASE | changed, range(1)) for name, changed in DESIGNS.items()
}


POOLS = {"avg": F.avg_pool2d, "max": F.max_pool2d}
HEADS = {"means": [F.avg_pool2d], "means and largest": [F.avg_pool2d, F.max_pool2d]}


class LayerNorm(nn.LayerNorm):
    """Over the channels (dimension 1)."""

    def forward(self, x):
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class LowRank(nn.Sequential):
    """A mixture of the channels through a quarter of them."""

    def __init__(self, width):
        narrow = width // 4
        super().__init__(conv(width, narrow, 1), conv(narrow, width, 1))


class Groups(nn.Module):
    """A mixture of each half of the channels, then the halves are shuffled."""

    def __init__(self, width):
        super().__init__()
        self.mixture = conv(width, width, 1, groups=2)

    def forward(self, x):
        return F.channel_shuffle(self.mixture(x), 2)


class Gate(nn.Module):
    """The product of two mixtures of the channels."""

    def __init__(self, width):
        super().__init__()
        self.mixture = conv(width, 2 * width, 1)

    def forward(self, x):
        one, other = self.mixture(x).chunk(2, dim=1)
        return one * other


def conv(fan_in, fan_out, size, **how):
    how = {"padding": how.get("dilation", 1) * (size // 2), "bias": False} | how
    return nn.Conv2d(fan_in, fan_out, size, **how)


def stem(kind, width):
    """The layers from an image to the first maps."""
    return {
        "3x3, stride 2": lambda: [conv(3, width, 3, stride=2)],
        "3x3, stride 1": lambda: [conv(3, width, 3)],
        "2x2, stride 2": lambda: [conv(3, width, 2, stride=2, padding=0)],
        "3x3, pixels to channels": lambda: [
            conv(3, width // 4, 3),
            nn.PixelUnshuffle(2),
        ],
    }[kind]()


def mixture(kind, width):
    """The layer in which the channels of a pixel meet."""
    return {
        "dense": lambda: conv(width, width, 1),
        "low rank": lambda: LowRank(width),
        "2 groups": lambda: Groups(width),
        "gate": lambda: Gate(width),
        "none": nn.Identity,
    }[kind]()


class Design(nn.Module):
    """A stem, blocks that are applied several times each, and a linear layer."""

    def __init__(self, width, settings):
        super().__init__()
        self.settings = of = settings
        blocks, steps = 1 if of["blocks"] == "one" else len(of["steps"]), of["steps"]
        # For each step the number of its filters, of its mixture, of its norm.
        blocks_of = [
            size % blocks for size, many in enumerate(steps) for _ in range(many)
        ]
        own_norm = of["norm"] == "batch, each step its own"
        own_filters = of["filters"] == "each step its own"
        every = range(sum(steps))
        self.parts = [
            every if own_filters else blocks_of,
            blocks_of,
            every if own_norm else blocks_of,
        ]
        groups = {"depthwise": width, "dense": 1}[of["spatial"]]
        norm = nn.BatchNorm2d if own_norm else LayerNorm
        self.stem = nn.Sequential(*stem(of["stem"], width), norm(width))
        makers = (
            lambda: conv(width, width, of["kernel"], groups=groups),
            lambda: mixture(of["mixture"], width),
            lambda: norm(width),
        )
        self.filters, self.mixtures, self.norms = (
            nn.ModuleList(make() for _ in set(numbers))
            for make, numbers in zip(makers, self.parts, strict=True)
        )
        activations = {"silu": nn.SiLU, "relu": nn.ReLU, "gelu": nn.GELU}
        activations["prelu"] = lambda: nn.PReLU(width)
        self.activation = activations[of["activation"]]()
        self.head = nn.Linear(width * len(HEADS[of["head"]]), 10)

    def added(self, x, step):
        """What a step adds to the maps."""
        of = self.settings
        kinds = self.filters, self.mixtures, self.norms
        filters, mix, norm = (
            kind[numbers[step]] for kind, numbers in zip(kinds, self.parts, strict=True)
        )
        if of["turn"]:
            x = x.roll(of["turn"] * step, 1)
        if of["before"]:
            x = self.activation(norm(x))
        dilation = of["dilations"][step % len(of["dilations"])]
        how = {"padding": dilation * (of["kernel"] // 2), "dilation": dilation}
        y = F.conv2d(x, filters.weight, groups=filters.groups, **how)
        if of["context"]:
            y = y + x.mean((2, 3), keepdim=True)
        return mix(y) if of["before"] else self.activation(norm(mix(y)))

    def forward(self, x):
        """Logits (n, 10) of images (n, 3, 32, 32)."""
        x, numbers = self.activation(self.stem(x)), count()
        for size, steps in enumerate(self.settings["steps"]):
            x = POOLS[self.settings["pool"]](x, 2) if size else x
            for _ in range(steps):
                x = x + self.added(x, next(numbers))
        ends = [pool(x, x.shape[2:]) for pool in HEADS[self.settings["head"]]]
        return self.head(torch.cat(ends, 1).flatten(1))


def numbers(net):
    """How many numbers the network needs in use, where nothing is trained any more.

    Batch normalization is a factor and an offset a channel. The stem's factors go into
    its filters, if it has as many filters as channels.
    """
    filters, *_, norm = net.stem
    width, total = len(norm.weight), sum(each.numel() for each in net.parameters())
    folded = isinstance(norm, nn.BatchNorm2d) and filters.out_channels == width
    return total - folded * width


def widest(settings):
    """The most channels with which a design has at most 10,000 numbers."""
    widths = range(settings["multiple"], 200, settings["multiple"])
    fits = [w for w in widths if numbers(Design(w, settings)) <= MOST]
    return max(fits)


@cache
def parts():
    """What is trained on, and what is held out."""
    whole = tensors.whole(data.load("cifar10").train)
    return tensors.split_validation(whole, 5000)


hashes = cache(data.hashes)


def augmented(images, labels, rng):
    return augment.shift(augment.flip(images, rng), 2, rng), labels


def train(settings, seed, folder):
    kept, held_out = parts()
    torch.manual_seed(seed)
    width = widest(settings)
    net = Design(width, settings)
    optimizer = torch.optim.AdamW(
        net.parameters(), settings["learning_rate"], fused=True
    )
    epochs, batch = settings["epochs"], settings["batch"]
    scheduler = torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        settings["learning_rate"],
        total_steps=epochs * -(-len(kept[1]) // batch),
        pct_start=0.1,
        cycle_momentum=False,
    )
    history = training.fit(
        net,
        optimizer,
        kept,
        held_out,
        epochs=epochs,
        batch=batch,
        scheduler=scheduler,
        augment=augmented,
        precision=("bfloat16", True),
        seed=seed,
        checkpoint=folder / "checkpoint.pt",
    )
    curves = {name: np.round(history[name], 5) for name in history if name != "seconds"}
    return {
        "value": history["accuracy"][-1],
        "seconds": round(sum(history["seconds"]), 1),
        "numbers": numbers(net),
        "width": width,
        "curves": curves,
    }


def cards(done):
    """A second seed for the best four, and a card for each design."""
    best = sorted(done, key=lambda name: done[name][0]["value"])[-4:]
    done |= sweep.run(
        train, {name: (WANTED[name][0], range(2)) for name in best}, **HOW
    )
    for name, seeds in done.items():
        card = results.write(
            HERE / f"cards/{name}.json",
            document=HERE.name,
            question="q5-accuracy",
            metric="CIFAR-10 validation accuracy, eight epochs",
            command=f"python solutions/{HERE.name}/{Path(__file__).name}",
            parameters=WANTED[name][0],
            data=hashes("cifar10"),
            seeds=seeds,
        )
        print(f"{name}: {card['mean']:.2%}, {seeds[0]['numbers']:,} numbers")


CLASSES = (Design, LayerNorm, LowRank, Groups, Gate)
FUNCTIONS = (conv, stem, mixture, numbers, widest, parts, augmented)
MODULES = (augment, data, precision, tensors, training)
HOW = {
    "name": HERE.name,
    "sources": [*CLASSES, *FUNCTIONS, *(module.__file__ for module in MODULES)],
}

if __name__ == "__main__":
    HOW["data"] = hashes("cifar10")
    sweep.main(__doc__, train, WANTED, cards, **HOW)
