"""Make the result cards of chapter 14 again: what sliding gains, and what moving does.

    python recipes/14_cifar_cnn.py             everything, about an hour on one core
    python recipes/14_cifar_cnn.py --seed 1    that seed's runs only

Networks that read 2,000 photographs take seconds each. Those that read 45,000, as they
are or moved, take some ten minutes.

It can be stopped and started at any time: what is finished isn't made again.
"""

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from helpers import augment, data, precision, sweep, tensors, training

BASE = {"set": "cifar10", "images": 2000, "epochs": 8, "batch": 100}
BASE |= {"metric": "validation accuracy on 4,000 others"}
# Hidden layers of sizes with which they learn about as many numbers as convolutions.
KINDS = {
    "convolutional": {"width": 16, "normalized": True},
    "connected-8": {"hidden": [142] * 8, "normalized": True},
    "connected-2": {"hidden": [177] * 2, "normalized": True},
}
WANTED = {
    f"14-{kind}-{lr}": (BASE | network | {"lr": lr}, range(3))
    for lr in (1e-3, 3e-4, 3e-3)
    for kind, network in KINDS.items()
}
# The best of three was the lowest.
LOWER = BASE | KINDS["connected-2"] | {"lr": 1e-4}
WANTED["14-connected-2-0.0001"] = LOWER, range(3)
# At the best rates of each, without the normalization.
for kind, lr in (("convolutional", 1e-3), ("connected-2", 3e-4)):
    network = KINDS[kind] | {"normalized": False}
    WANTED[f"14-{kind}-unnormalized"] = BASE | network | {"lr": lr}, range(3)
# One thing differs: by how many pixels, at most, a photograph is moved each way.
MANY = BASE | KINDS["convolutional"] | {"images": 45_000, "lr": 1e-3}
for name, pixels in {"as-they-are": 0, "moved": 4}.items():
    WANTED[f"14-{name}"] = MANY | {"shift": pixels}, range(3)


def parts():
    """To train on, to choose rate and epoch by, and to report."""
    whole = tensors.whole(data.load("cifar10").train)
    everything, validation = tensors.split_validation(whole, 5000)
    choosing = tuple(each[:1000] for each in validation)
    return everything, choosing, tuple(each[1000:] for each in validation)


def convolutional(width, normalized):  # the chapter's
    layers, d = [], 3
    plan = zip([1, 2, 4, 4, 8, 8, 8, 8], [1, 1, 0, 1] + [0, 1] * 2, strict=True)
    for units, pooled in plan:
        m = units * width
        norm = [nn.BatchNorm2d(m)] * normalized
        layers += [nn.Conv2d(d, m, 3, padding=1), *norm, nn.ReLU()]
        layers += [nn.MaxPool2d(3, stride=2, padding=1)] * pooled
        d = m
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(d, 10))


def connected(hidden, normalized):
    layers, d = [nn.Flatten()], 3072
    for m in hidden:
        layers += [nn.Linear(d, m), *[nn.BatchNorm1d(m)] * normalized, nn.ReLU()]
        d = m
    return nn.Sequential(*layers, nn.Linear(d, 10))


def moved_right(part, pixels):
    images, labels = part
    return F.pad(images, (pixels, 0, 0, 0))[..., : images.shape[-1]], labels


def train(settings, seed, folder):
    everything, choosing, others = parts()
    order = np.random.default_rng(seed).permutation(len(everything[1]))
    few = torch.from_numpy(order[: settings["images"]])
    torch.manual_seed(seed)
    network, pixels = dict(settings), settings.get("shift", 0)
    for of_the_training in (*BASE, "lr", "shift"):
        network.pop(of_the_training, None)

    def moved(images, labels, rng):
        return augment.shift(images, pixels, rng), labels

    model = (connected if "hidden" in network else convolutional)(**network)
    history = training.fit(
        model,
        torch.optim.Adam(model.parameters(), settings["lr"]),
        tuple(each[few] for each in everything),
        choosing,
        epochs=settings["epochs"],
        batch=settings["batch"],
        augment=moved if pixels else None,
        precision=("float32", "width" in network),  # channels last, as in the chapter
        seed=seed,
    )
    curves = {name: np.round(history[name], 4) for name in history if name != "seconds"}
    thousand = tuple(each[:1000] for each in others)
    return {
        "value": training.evaluate(model, others)[1],
        "curves": curves,
        "learned": sum(each.numel() for each in model.parameters()),
        "moved": {
            pixels: training.evaluate(model, moved_right(thousand, pixels))[1]
            for pixels in (0, 2, 4, 6, 8)
        },
    }


def cards(done):
    sweep.write_cards(__file__, WANTED, done)


if __name__ == "__main__":
    modules = augment, data, precision, tensors, training
    sweep.main(
        __doc__,
        train,
        WANTED,
        cards,
        name="chapter-14",
        sets=["cifar10"],
        sources=[parts, convolutional, connected, moved_right]
        + [module.__file__ for module in modules],
    )
