"""Search among networks of at most 10,000 numbers (question 5): a card for each design.

    python solutions/dl_for_modeling/search_cifar.py                   everything
    python solutions/dl_for_modeling/search_cifar.py --card try-base   a design's runs

Each design differs in one thing from the network that is handed in, and in its widths
and steps so far as 10,000 numbers demand it. It is trained by the handed-in program for
8 epochs on the training images without 5,000 that are held out; those are scored. Then
the best four get a second seed; those of which chapter 15 speaks have three. Some are
trained for 200 epochs, too. The test images aren't read. On one core that multiplies in
bfloat16, a run of 8 epochs takes two to five minutes. It can be stopped and started at
any time: what is finished isn't made again, and a killed run goes on after its last
whole epoch.
"""

import os
import sys
from functools import partial
from itertools import pairwise
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

from helpers import data, results, sweep

HERE = Path(__file__).resolve().parent
PROGRAM = HERE / "cifar10Classification.py"
BASE = {
    "widths": [16, 32, 44],  # channels at each size of the maps
    "steps": [4, 4, 4],
    "stem": "3x3",
    "weights": "a set for two steps",
    "filters": "depthwise",
    "kernels": [3, 3, 3],
    "mixture": "dense",
    "between": "zeros",  # what widens the maps from size to size
    "context": False,  # whether a step sees the mean of each map, too
    "order": "filters, normalization, activation, mixture",
    "norm": "batch",
    "activation": "silu",
    "pool": "avg",
    "head": "means",  # of the maps, for the linear layer
    "optimizer": "muon",
    "learning_rate": 0.04,
    "batch": 256,
    "epochs": 8,
    "plain": 1,
    "validation": 5000,
}
# One thing is changed in each; widths and steps make up for what it costs or saves.
DESIGNS = {
    "base": {},
    "own": {
        "weights": "each step its own",
        "widths": [16, 24, 32],
        "steps": [4, 4, 3],
    },
    "loops": {"weights": "one set a size", "widths": [32, 44, 56]},
    "small-maps": {
        "stem": "3x3, pixels to channels",
        "widths": [28, 36],
        "steps": [4, 8],
        "kernels": [3, 3],
    },
    "whole-convolutions": {
        "filters": "dense",
        "mixture": "none",
        "widths": [8, 12, 17],
        "optimizer": "adamw",
    },
    "activation-last": {"order": "filters, mixture, normalization, activation"},
    "adamw": {"optimizer": "adamw"},
    "relu": {"activation": "relu"},
    "as-they-are": {"plain": 8},
    "one-width": {"widths": [32, 32, 32]},
    "two-sizes": {"widths": [20, 40], "steps": [6, 6], "kernels": [3, 3]},
    "four-sizes": {
        "widths": [12, 20, 28, 42],
        "steps": [4, 4, 4, 4],
        "kernels": [3, 3, 3, 3],
    },
    "narrow": {"widths": [12, 24, 36], "steps": [6, 6, 6]},
    "wide": {"widths": [24, 44, 64], "steps": [2, 2, 2]},
    "early": {"steps": [8, 6, 2]},
    "late": {"steps": [2, 4, 4]},
    "5x5": {"kernels": [5, 5, 5], "widths": [16, 26, 36]},
    "5x5-at-8x8": {"kernels": [3, 3, 5], "widths": [16, 32, 38]},
    "groups": {"mixture": "2 groups", "widths": [20, 40, 60]},
    "mixture-between": {"between": "mixture", "widths": [16, 30, 38]},
    "context": {"context": True},
    "norm-last": {"order": "filters, activation, mixture, normalization"},
    "norm-first": {"order": "normalization, activation, filters, mixture"},
    "layer-norm": {"norm": "layer"},
    "gelu": {"activation": "gelu"},
    "max-pool": {"pool": "max"},
    "two-means": {"head": "means and largest", "widths": [16, 32, 42]},
    "rate-0.02": {"learning_rate": 0.02},
    "rate-0.08": {"learning_rate": 0.08},
    "batch-128": {"batch": 128},
}
OF_THE_CHAPTER = list(DESIGNS)[:9]
WANTED = {
    f"try-{name}": (BASE | changed, range(3 if name in OF_THE_CHAPTER else 1))
    for name, changed in DESIGNS.items()
}
LONG = {"epochs": 200, "plain": 10}
WANTED |= {f"long-{name}": (BASE | DESIGNS[name] | LONG, range(1)) for name in ["own"]}
OF_A_RUN = (
    "optimizer",
    "learning_rate",
    "batch",
    "epochs",
    "plain",
    "validation",
)

ACTIVATIONS = {"silu": F.silu, "relu": F.relu, "gelu": F.gelu}
POOLS = {"avg": F.avg_pool2d, "max": F.max_pool2d}
HEADS = {"means": [F.avg_pool2d], "means and largest": [F.avg_pool2d, F.max_pool2d]}
SETS = {"each step its own": 1, "a set for two steps": 2, "one set a size": 99}


class LayerNorm(nn.LayerNorm):
    """Over the channels (dimension 1)."""

    def forward(self, x):
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class Design(nn.Module):
    """A stem, steps at ever smaller sizes of the maps, and a linear layer."""

    def __init__(self, settings):
        super().__init__()
        self.settings = of = settings
        widths, uses = of["widths"], SETS[of["weights"]]
        first = widths[0]
        norm = {"batch": nn.BatchNorm2d, "layer": LayerNorm}[of["norm"]]
        folded = of["stem"] == "3x3, pixels to channels"
        self.stem = nn.Sequential(
            nn.Conv2d(3, first // 4 if folded else first, 3, padding=1, bias=False),
            *[nn.PixelUnshuffle(2)] * folded,
            norm(first),
        )
        # Of each step the size of its maps, and the number of its set of weights.
        self.plan, sets = [], []
        sizes = zip(widths, of["steps"], of["kernels"], strict=True)
        for size, (m, steps, side) in enumerate(sizes):
            many = -(-steps // uses)
            self.plan += [(size, len(sets) + step % many) for step in range(steps)]
            sets += [(m, side)] * many
        depthwise = of["filters"] == "depthwise"
        self.filters = nn.ModuleList(
            nn.Conv2d(
                m, m, side, padding=side // 2, groups=m if depthwise else 1, bias=False
            )
            for m, side in sets
        )
        self.groups = {"dense": 1, "none": 0, "2 groups": 2}[of["mixture"]]
        self.mixtures = nn.ModuleList(
            nn.Linear(m // self.groups, m, bias=False) for m, _ in sets if self.groups
        )
        pairs = pairwise(widths)
        self.wider = nn.ModuleList(
            nn.Linear(d, m, bias=False) for d, m in pairs if of["between"] == "mixture"
        )
        self.norms = nn.ModuleList(norm(widths[size]) for size, _ in self.plan)
        self.head = nn.Linear(widths[-1] * len(HEADS[of["head"]]), 10)

    def resized(self, x, size):
        """The maps at the next size, with its channels."""
        x, width = POOLS[self.settings["pool"]](x, 2), self.settings["widths"][size]
        if self.wider:
            return F.conv2d(x, self.wider[size - 1].weight[:, :, None, None])
        return F.pad(x, (0, 0, 0, 0, 0, width - x.shape[1]))

    def looked(self, x, part):
        """What a step's filters make of the maps."""
        y = self.filters[part](x)
        return y + x.mean((2, 3), keepdim=True) if self.settings["context"] else y

    def mixed(self, x, part):
        """The maps' channels, mixed."""
        if not self.groups:
            return x
        one_pixel = self.mixtures[part].weight[:, :, None, None]
        y = F.conv2d(x, one_pixel, groups=self.groups)
        return F.channel_shuffle(y, self.groups) if self.groups > 1 else y

    def forward(self, x):
        """Logits (n, 10) of images (n, 3, 32, 32)."""
        activation, now = ACTIVATIONS[self.settings["activation"]], 0
        x = activation(self.stem(x))
        steps = zip(self.plan, self.norms, strict=True)
        for (size, part), norm in steps:
            x, now = self.resized(x, size) if size > now else x, size
            parts = {
                "filters": partial(self.looked, part=part),
                "mixture": partial(self.mixed, part=part),
                "normalization": norm,
                "activation": activation,
            }
            y = x
            for name in self.settings["order"].split(", "):
                y = parts[name](y)
            x = x + y
        ends = [pool(x, x.shape[2:]) for pool in HEADS[self.settings["head"]]]
        return self.head(torch.cat(ends, 1).flatten(1))

    def fold(self):
        """For the program: this network's numbers are only counted."""
        self.eval()


def numbers(net):
    """How many numbers the network needs in use, where nothing is trained any more.

    Batch normalization is a factor and an offset a channel. Its factors go into the
    layer before it, where no other step uses that, and where nothing stands between.
    """
    total = sum(each.numel() for each in net.parameters())
    if not isinstance(net.stem[-1], nn.BatchNorm2d):
        return total
    folded = len(net.stem[-1].weight) * (len(net.stem) == 2)
    used = [part for _, part in net.plan]
    for (_, part), norm in zip(net.plan, net.norms, strict=True):
        folded += len(norm.weight) * (used.count(part) == 1)
    return total - folded


def train(settings, seed, folder):
    """A run of the handed-in program's training, of this design."""
    os.environ["DL_DATA"] = str(data.root("cifar10"))
    sys.path[:0] = [str(HERE)]
    import cifar10Classification as program

    torch.manual_seed(seed)
    net = Design(settings)
    flags = {name: settings[name] for name in OF_A_RUN}
    flags |= {"seed": seed, "out": folder / "net.pth"}
    words = [str(word) for pair in flags.items() for word in (f"--{pair[0]}", pair[1])]
    epochs = program.train(net, program.parse(words))
    return {
        "value": epochs[-1]["accuracy"],
        "seconds": round(sum(epoch["seconds"] for epoch in epochs), 1),
        "numbers": numbers(net),
        "curves": {
            name: [round(epoch[name], 5) for epoch in epochs]
            for name in ("loss", "accuracy")
        },
    }


def cards(done):
    """A second seed for the best four, and a card for each design."""
    short = [name for name in done if WANTED[name][0]["epochs"] == BASE["epochs"]]
    best = sorted(short, key=lambda name: done[name][0]["value"])[-4:]
    few = [name for name in best if len(done[name]) == 1]
    hashes = data.hashes("cifar10")
    second = {name: (WANTED[name][0], range(2)) for name in few}
    done |= sweep.run(train, second, data=hashes, **HOW)
    for name, seeds in done.items():
        card = results.write(
            HERE / f"cards/{name}.json",
            document=HERE.name,
            question="q5-accuracy",
            metric=f"CIFAR-10 validation accuracy, {WANTED[name][0]['epochs']} epochs",
            command=f"python solutions/{HERE.name}/{Path(__file__).name}",
            parameters=WANTED[name][0],
            data=hashes,
            seeds=seeds,
            packages=PACKAGES,
        )
        print(f"{name}: {card['mean']:.2%}, {seeds[0]['numbers']:,} numbers")


PACKAGES = ("numpy", "torch", "torchvision")
HOW = {
    "name": HERE.name,
    "sources": [PROGRAM, Design, LayerNorm, numbers],
    "packages": PACKAGES,
}

if __name__ == "__main__":
    sweep.main(__doc__, train, WANTED, cards, sets=["cifar10"], **HOW)
