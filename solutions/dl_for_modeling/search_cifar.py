"""Search among networks of at most 10,000 numbers (question 5): a card for each design.

    python solutions/dl_for_modeling/search_cifar.py                   everything
    python solutions/dl_for_modeling/search_cifar.py --card try-base   a design's runs

First around a network whose maps are alone, then around one whose maps are pairs: it is
the one that is handed in. Each design differs in one thing from its round's first, and
in its widths and steps so far as 10,000 numbers demand it. It is trained by the
handed-in program for 8 epochs on the training images without 5,000 that are held out;
those are scored. Then the best four get a second seed; those of which chapter 15 speaks
have three, and of upside-down the third is missing. Some are trained for 200 epochs,
too. The test images aren't read. On one core that multiplies in bfloat16, a run of 8
epochs takes two to ten minutes. It can be stopped and started at any time: what is
finished isn't made again, and a killed run goes on after its last whole epoch.

A design that has no card in cards/ hasn't been trained yet.

One design has a teacher, ../sustech_cs324/part2/cnn.pt, which was trained on 49,000 of
the training images. First it says of each of them what it sees, which takes some three
minutes.
"""

import hashlib
import os
import sys
from functools import partial, reduce
from itertools import pairwise
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

from helpers import data, results, sweep
from helpers.files import write_whole

HERE = Path(__file__).resolve().parent
PROGRAM = HERE / "cifar10Classification.py"
TEACHER = HERE.parent / "sustech_cs324" / "part2"
# The mean and the spread of the colors that it was trained with.
MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
ALONE = {
    "maps": "alone",  # or pairs, each of which is made as the other, mirrored
    "widths": [16, 32, 44],  # maps at each size, or pairs
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
PAIRS = ALONE | {"maps": "pairs", "widths": [12, 24, 33]}
OWN = {"weights": "each step its own", "steps": [4, 4, 3]}
# One thing is changed in each; widths and steps make up for what it costs or saves.
FIRST = {
    "base": {},
    "own": OWN | {"widths": [16, 24, 32]},
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
    "5x5-at-8x8": {"kernels": [3, 3, 5], "widths": [16, 32, 38]},
}
SECOND = {
    "pairs": {},
    "pairs-apart": {"mixture": "of a map and its twin apart", "widths": [16, 32, 44]},
    "upside-down": {"maps": "pairs, one of them upside down"},
    "pairs-own": OWN | {"widths": [12, 19, 23]},
    "pairs-loops": {"weights": "one set a size", "widths": [21, 34, 44]},
    "pairs-narrow": {"widths": [9, 17, 28], "steps": [6, 6, 6]},
    "pairs-wide": {"widths": [18, 33, 47], "steps": [2, 2, 2]},
    "pairs-late": {"widths": [10, 22, 35]},
    "pairs-two-sizes": {"widths": [14, 32], "steps": [6, 6], "kernels": [3, 3]},
    "pairs-four-sizes": {
        "widths": [8, 15, 22, 31],
        "steps": [4, 4, 4, 4],
        "kernels": [3, 3, 3, 3],
    },
    "pairs-5x5": {"kernels": [5, 5, 5], "widths": [12, 21, 29]},
    "pairs-two-distances": {"filters": "depthwise, near and far"},
    "pairs-product": {"filters": "depthwise, two multiplied", "widths": [11, 22, 31]},
    "pairs-low-rank": {"mixture": "by way of a third", "widths": [14, 28, 40]},
    "pairs-groups": {"mixture": "2 groups", "widths": [16, 32, 44]},
    "pairs-mixture-between": {"between": "mixture", "widths": [12, 22, 29]},
    "pairs-context": {"context": True},
    "pairs-norm-last": {"order": "filters, activation, mixture, normalization"},
    "pairs-layer-norm": {"norm": "layer"},
    "pairs-gelu": {"activation": "gelu"},
    "pairs-max-pool": {"pool": "max"},
    "pairs-two-means": {"head": "means and largest", "widths": [12, 23, 32]},
    "pairs-all-sizes": {"head": "means at all sizes", "widths": [12, 23, 33]},
    "pairs-rate-0.02": {"learning_rate": 0.02},
    "pairs-rate-0.08": {"learning_rate": 0.08},
    "pairs-as-they-are": {"plain": 8},
    "pairs-taught": {"teacher": "cnn.pt cf17167e1ca0"},  # with the start of its SHA-256
}
OF_THE_CHAPTER = [*list(FIRST)[:9], "pairs", "pairs-apart", "upside-down"]
OF_THE_CHAPTER += ["pairs-taught"]
DESIGNS = {name: ALONE | changed for name, changed in FIRST.items()}
DESIGNS |= {name: PAIRS | changed for name, changed in SECOND.items()}
WANTED = {
    f"try-{name}": (settings, range(3 if name in OF_THE_CHAPTER else 1))
    for name, settings in DESIGNS.items()
}
LONG = {"epochs": 200, "plain": 10}
WANTED |= {f"long-{name}": (DESIGNS[name] | LONG, range(1)) for name in ["own"]}
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
SETS = {"each step its own": 1, "a set for two steps": 2, "one set a size": 99}


class BatchNorm(nn.BatchNorm2d):
    """One factor and one offset for all `twins` maps that are made alike."""

    def __init__(self, width, twins):
        super().__init__(twins * width)
        self.twins = twins
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width))

    def forward(self, x):
        both = [each.repeat_interleave(self.twins) for each in (self.weight, self.bias)]
        how = self.training, self.momentum, self.eps
        return F.batch_norm(x, self.running_mean, self.running_var, *both, *how)


class LayerNorm(BatchNorm):
    """The same over the maps (dimension 1) of one pixel."""

    def forward(self, x):
        both = [each.repeat_interleave(self.twins) for each in (self.weight, self.bias)]
        x = x.permute(0, 2, 3, 1)
        return F.layer_norm(x, x.shape[3:], *both, self.eps).permute(0, 3, 1, 2)


class Design(nn.Module):
    """A stem, steps at ever smaller sizes of the maps, and a linear layer."""

    def __init__(self, settings):
        super().__init__()
        self.settings = of = settings
        self.twins = twins = 1 if of["maps"] == "alone" else 2
        widths, uses = of["widths"], SETS[of["weights"]]
        first = widths[0]
        norm = {"batch": BatchNorm, "layer": LayerNorm}[of["norm"]]
        self.folded = of["stem"] == "3x3, pixels to channels"
        narrow = first // 4 if self.folded else first
        self.stem = nn.Conv2d(3, narrow, 3, padding=1, bias=False)
        self.first = norm(first, twins)
        # Of each step the size of its maps, and the number of its set of weights.
        self.plan, sets = [], []
        sizes = zip(widths, of["steps"], of["kernels"], strict=True)
        for size, (m, steps, side) in enumerate(sizes):
            many = -(-steps // uses)
            self.plan += [(size, len(sets) + step % many) for step in range(steps)]
            sets += [(m, side)] * many
        depthwise = of["filters"] != "dense"

        def filters(m, side):
            how = {"padding": side // 2, "groups": m if depthwise else 1}
            return nn.Conv2d(m, m, side, bias=False, **how)

        self.filters = nn.ModuleList(filters(*each) for each in sets)
        multiplied = of["filters"] == "depthwise, two multiplied"
        self.factors = nn.ModuleList(filters(*each) for each in sets if multiplied)
        self.groups = 2 if of["mixture"] == "2 groups" else 1
        self.apart = of["mixture"] == "of a map and its twin apart"
        by_way = of["mixture"] == "by way of a third"
        self.mixtures = nn.ModuleList()
        for m, _ in sets if of["mixture"] != "none" else ():
            layers = [(m, m // 3), (m // 3, m)] if by_way else [(m, m)]
            seen = 1 if self.apart else twins
            self.mixtures.append(
                nn.Sequential(
                    *[
                        nn.Linear(seen * d // self.groups, out, bias=False)
                        for d, out in layers
                    ]
                )
            )
        self.wider = nn.ModuleList(
            nn.Linear(twins * d, m, bias=False)
            for d, m in pairwise(widths)
            if of["between"] == "mixture"
        )
        self.norms = nn.ModuleList(norm(widths[size], twins) for size, _ in self.plan)
        many = {"means and largest": 2 * widths[-1], "means at all sizes": sum(widths)}
        self.head = nn.Linear(many.get(of["head"], widths[-1]), 10)

    def looked(self, x, layer, distance=1):
        """The maps, filtered; a twin by the mirrored filter."""
        if self.twins == 1:
            return layer(x)
        weight = torch.stack([layer.weight, layer.weight.flip(3)], 1).flatten(0, 1)
        groups = 1 if layer.groups == 1 else x.shape[1]
        padding = distance * layer.padding[0]
        return F.conv2d(x, weight, None, 1, padding, distance, groups)

    def seen(self, x, part):
        """What a step's filters make of the maps."""
        y = self.looked(x, self.filters[part])
        if self.settings["filters"] == "depthwise, near and far":
            y = y + self.looked(x, self.filters[part], distance=2)
        return y + x.mean((2, 3), keepdim=True) if self.settings["context"] else y

    def mixed(self, x, layer):
        """The maps, mixed; what a map gives one of a pair, its twin gives the other."""
        weight = layer.weight
        if self.twins == 2:
            zero = [torch.zeros_like(weight)] * self.apart
            own, other = torch.cat([weight, *zero], 1).chunk(2, 1)
            to_both = torch.stack([own, other], 2), torch.stack([other, own], 2)
            weight = torch.stack(to_both, 1).flatten(2).flatten(0, 1)
        y = F.conv2d(x, weight[:, :, None, None], groups=self.groups)
        if self.groups > 1:  # pairs stay together
            y = y.unflatten(1, (self.groups, -1, self.twins)).transpose(1, 2)
        return y.flatten(1, -3)

    def resized(self, x, size):
        """The maps at the next size, as many as it has."""
        x, width = POOLS[self.settings["pool"]](x, 2), self.settings["widths"][size]
        if self.wider:
            return self.mixed(x, self.wider[size - 1])
        return F.pad(x, (0, 0, 0, 0, 0, self.twins * width - x.shape[1]))

    def means(self, x, pool=F.avg_pool2d):
        """Of a map and its twin together, one value each."""
        return pool(x, x.shape[2:]).flatten(1).unflatten(1, (-1, self.twins)).sum(2)

    def forward(self, x):
        """Logits (n, 10) of images (n, 3, 32, 32)."""
        activation, now = ACTIVATIONS[self.settings["activation"]], 0
        if self.settings["maps"] == "pairs, one of them upside down":
            x = x.transpose(2, 3)
        x = self.looked(x, self.stem)
        x = activation(self.first(F.pixel_unshuffle(x, 2) if self.folded else x))
        steps, ends = zip(self.plan, self.norms, strict=True), []
        for (size, part), norm in steps:
            if size > now:
                ends.append(self.means(x))
                x, now = self.resized(x, size), size
            layers = self.mixtures[part] if self.mixtures else ()
            parts = {
                "filters": partial(self.seen, part=part),
                "mixture": lambda y, layers=layers: reduce(self.mixed, layers, y),
                "normalization": norm,
                "activation": activation,
            }
            y = x
            for name in self.settings["order"].split(", "):
                y = parts[name](y)
                if name == "activation" and self.factors:
                    y = y * (1 + self.looked(x, self.factors[part]))
            x = x + y
        largest = partial(self.means, pool=F.max_pool2d)
        ends = ends if self.settings["head"] == "means at all sizes" else []
        ends += [self.means(x)]
        ends += [largest(x)] if self.settings["head"] == "means and largest" else []
        return self.head(torch.cat(ends, 1))

    def fold(self):
        """For the program: this network's numbers are only counted."""
        self.eval()


def numbers(net):
    """How many numbers the network needs in use, where nothing is trained any more.

    Batch normalization is a factor and an offset a channel. Its factors go into the
    layer before it, where no other step uses that, and where nothing stands between.
    """
    total = sum(each.numel() for each in net.parameters())
    if isinstance(net.first, LayerNorm):
        return total
    folded = len(net.first.weight) * (not net.folded)
    used = [part for _, part in net.plan]
    for (_, part), norm in zip(net.plan, net.norms, strict=True):
        folded += len(norm.weight) * (used.count(part) == 1)
    return total - folded


@torch.no_grad()
def seen(net, images):
    """A network's logits (n, 2, 10) of images uint8 (n, 32, 32, 3), and mirrored."""
    logits = torch.empty(len(images), 2, 10, dtype=torch.float16)
    for rows in torch.arange(len(images)).split(500):
        x = (images[rows] / 255 - torch.tensor(MEAN)) / torch.tensor(STD)
        for mirrored, view in enumerate((x, x.flip(2))):
            with torch.autocast("cpu", torch.bfloat16):
                logits[rows, mirrored] = net(view.permute(0, 3, 1, 2)).half()
    return logits


def lesson(teacher):
    """The file of a teacher's logits on the training images; made if need be.

    teacher: its file's name and the first digits of its SHA-256. Raises ValueError for
        a file of another content.
    """
    path = sweep.folder(HERE.name, "teacher", 0) / f"logits {teacher}"
    if not path.exists():
        name, digits = teacher.split()
        content = (TEACHER / name).read_bytes()
        if not hashlib.sha256(content).hexdigest().startswith(digits):
            problem = f"{TEACHER / name} isn't the file whose SHA-256 begins with"
            raise ValueError(f"{problem} {digits}; restore it")
        sys.path[:0] = [str(TEACHER)]
        from cnn_model import CNN

        net = CNN(3, 10)
        net.load_state_dict(torch.load(TEACHER / name, weights_only=True))
        net.to(memory_format=torch.channels_last).eval()
        logits = seen(net, torch.from_numpy(data.load("cifar10").train.images))
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, lambda file: torch.save(logits, file))
    return path


def train(settings, seed, folder):
    """A run of the handed-in program's training, of this design."""
    os.environ["DL_DATA"] = str(data.root("cifar10"))
    sys.path[:0] = [str(HERE)]
    import cifar10Classification as program

    flags = {name: settings[name] for name in OF_A_RUN}
    flags |= {"seed": seed, "out": folder / "net.pth"}
    if "teacher" in settings:
        flags["teacher"] = lesson(settings["teacher"])
    torch.manual_seed(seed)
    net = Design(settings)
    words = [str(word) for pair in flags.items() for word in (f"--{pair[0]}", pair[1])]
    epochs = program.fit(net, program.parse(words))
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
    short = [name for name in done if WANTED[name][0]["epochs"] == ALONE["epochs"]]
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
    "sources": [PROGRAM, Design, BatchNorm, LayerNorm, numbers, seen, lesson],
    "packages": PACKAGES,
}

if __name__ == "__main__":
    sweep.main(__doc__, train, WANTED, cards, sets=["cifar10"], **HOW)
