"""Make the result cards of chapter 15 again: its network with one thing taken away.

    python recipes/15_ten_thousand_parameters.py             everything, about an hour
    python recipes/15_ten_thousand_parameters.py --seed 1    that seed's runs only

Each network has at most 10,000 numbers, and is trained by the program of homework 000's
question 5 for 8 epochs, on the training images without 5,000 that are held out. Those
are scored; the test images aren't read. It can be stopped and started at any time: what
is finished isn't made again, and a killed run goes on after its last whole epoch.
"""

import os
import sys
from pathlib import Path

from torch import nn
from torch.nn import functional as F

from helpers import data, results, sweep

HERE = Path(__file__).resolve().parent
CARDS = HERE / "cards"
HOMEWORK = HERE.parent / "solutions" / "dl_for_modeling"
PROGRAM = HOMEWORK / "cifar10Classification.py"
# In each the channels are as many as fit into 10,000 numbers.
BASE = {"width": 56, "steps": [3, 8], "without": "", "epochs": 8, "plain": 1}
BASE |= {"optimizer": "muon", "validation": 5000}
CHANGED = {
    "network": {},
    "every-step-its-own": {"without": "sharing", "width": 24},
    "applied-once": {"steps": [1, 1], "width": 60},
    "one-factor-a-block": {"without": "factors"},
    "strided-stem": {"without": "folding", "width": 53},
    "adamw": {"optimizer": "adamw"},
    "whole-convolutions": {"without": "splitting", "optimizer": "adamw", "width": 20},
    "images-as-they-are": {"plain": 8},
}
WANTED = {f"15-{name}": (BASE | change, range(3)) for name, change in CHANGED.items()}


def handed_in():
    """The homework's program; importing it reads the images."""
    os.environ["DL_DATA"] = str(data.root("cifar10"))
    sys.path[:0] = [str(HOMEWORK)]
    import cifar10Classification

    return cifar10Classification


def conv(fan_in, fan_out, size, **how):
    return nn.Conv2d(fan_in, fan_out, size, padding=size // 2, bias=False, **how)


def network(program, width, steps, without):
    """The program's network, or one that lacks something."""

    class Apart(program.NeuralNetwork):
        """Each step has weights of its own."""

        def __init__(self):
            super().__init__(width, steps)
            every = range(sum(steps))
            self.filters = nn.ModuleList(
                conv(width, width, 3, groups=width) for _ in every
            )
            self.mixtures = nn.ModuleList(
                nn.Linear(width, width, bias=False) for _ in every
            )

        def forward(self, x):
            x, parts = F.silu(self.stem(x)), (self.filters, self.mixtures, self.norms)
            parts = zip(*parts, strict=True)
            for size, many in enumerate(self.steps):
                x = F.avg_pool2d(x, 2) if size else x
                for _ in range(many):
                    filters, mixture, norm = next(parts)
                    y = F.conv2d(filters(x), mixture.weight[:, :, None, None])
                    x = x + F.silu(norm(y))
            return self.head(F.avg_pool2d(x, x.shape[2:]).flatten(1))

    class Whole(program.NeuralNetwork):
        """Each block is one convolution that looks around and mixes at once."""

        def __init__(self):
            super().__init__(width, steps)
            self.filters = nn.ModuleList(conv(width, width, 3) for _ in steps)
            self.mixtures = nn.ModuleList()

        def forward(self, x):
            x, norms = F.silu(self.stem(x)), iter(self.norms)
            for block, many in enumerate(self.steps):
                x = F.avg_pool2d(x, 2) if block else x
                for _ in range(many):
                    x = x + F.silu(next(norms)(self.filters[block](x)))
            return self.head(F.avg_pool2d(x, x.shape[2:]).flatten(1))

    if without in ("sharing", "splitting"):
        return {"sharing": Apart, "splitting": Whole}[without]()
    net = program.NeuralNetwork(width, steps)
    if without == "folding":
        net.stem = nn.Sequential(conv(3, width, 3, stride=2), nn.BatchNorm2d(width))
    if without == "factors":  # the means and spreads stay each step's own
        first = 0
        for many in steps:
            for norm in net.norms[first : first + many]:
                norm.weight, norm.bias = net.norms[first].weight, net.norms[first].bias
            first += many
    return net


def train(settings, seed, folder):
    import torch

    program = handed_in()
    flags = settings | {"seed": seed, "out": folder / "net.pth"}
    shape = flags.pop("width"), flags.pop("steps"), flags.pop("without")
    words = [str(word) for pair in flags.items() for word in (f"--{pair[0]}", pair[1])]
    torch.manual_seed(seed)
    net = network(program, *shape)
    epochs = program.train(net, program.parse(words))
    return {
        "value": epochs[-1]["accuracy"],
        "seconds": round(sum(epoch["seconds"] for epoch in epochs), 1),
        "numbers": sum(each.numel() for each in net.state_dict().values()),
        "curves": {
            name: [round(epoch[name], 5) for epoch in epochs]
            for name in ("loss", "accuracy")
        },
    }


def cards(done):
    for name, seeds in done.items():
        card = results.write(
            CARDS / f"{name}.json",
            document="chapters",
            question=name,
            metric="cifar10 validation accuracy on 5,000 held out",
            command=f"python recipes/{Path(__file__).name}",
            parameters=WANTED[name][0],
            data=data.hashes("cifar10"),
            seeds=seeds,
        )
        print(f"{name}: {card['mean']:.2%} (standard deviation {card['spread']:.2%})")


if __name__ == "__main__":
    sweep.main(
        __doc__,
        train,
        WANTED,
        cards,
        name="chapter-15",
        data=data.hashes("cifar10"),
        sources=[PROGRAM, conv, network],
        packages=("numpy", "torch", "torchvision"),
    )
