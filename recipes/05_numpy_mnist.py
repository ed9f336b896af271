"""Make the result cards of chapter 5 again: MNIST by stacks of one to six layers.

    python recipes/05_numpy_mnist.py             everything, about two minutes
    python recipes/05_numpy_mnist.py --seed 1    that seed's runs only

It can be stopped and started at any time: what is finished isn't made again.
"""

from itertools import pairwise
from pathlib import Path

import numpy as np

from helpers import data, nn, sweep

# Three epochs on five sixths of the training images, as in the chapter.
BASE = {"set": "mnist", "hidden": [100], "init": "xavier", "epochs": 3, "lr": 0.2}
BASE |= {"momentum": 0.9, "falling": True, "metric": "validation accuracy"}
# A public solution's settings, on all training images and pixels from 0 to 1.
PUBLIC = BASE | {"hidden": [128], "epochs": 20, "lr": 0.5, "momentum": 0.0}
PUBLIC |= {"falling": False, "metric": "test accuracy"}
DEPTHS = 1, 3, 4, 5, 6
WANTED = {f"05-{n}-hidden": (BASE | {"hidden": n * [100]}, range(3)) for n in DEPTHS}
for lr in (0.06, 0.6):  # is it the rate?
    WANTED[f"05-5-hidden-{lr}"] = (BASE | {"hidden": 5 * [100], "lr": lr}, range(3))
FOURFOLD = BASE | {"hidden": 5 * [100], "init": "fourfold"}
WANTED["05-5-fourfold"] = (FOURFOLD, range(3))
WANTED["05-public"] = (PUBLIC, range(3))


def train(settings, seed, folder):
    def fourfold(rng, fan_in, fan_out):
        return 4 * nn.xavier(rng, fan_in, fan_out)

    mnist, final = data.load("mnist"), settings["metric"] == "test accuracy"
    pixels, digits = mnist.train.inputs(normalize=not final), mnist.train.labels
    if final:
        held_out = mnist.test.inputs(normalize=False), mnist.test.labels
    else:
        shuffled = np.random.default_rng(0).permutation(len(digits))
        first, rest = np.split(shuffled, [len(digits) // 6])
        held_out = pixels[first], digits[first]
        pixels, digits = pixels[rest], digits[rest]
    rng, layers = np.random.default_rng(seed), []
    init = {"xavier": nn.xavier, "fourfold": fourfold}[settings["init"]]
    for fan_in, fan_out in pairwise([784, *settings["hidden"], 10]):
        layers.append(nn.Linear(fan_in, fan_out, rng, init, first=not layers))
        layers.append(nn.Sigmoid())
    net = nn.Sequential([*layers[:-1], nn.Softmax()])
    loss, epochs, lr = nn.CrossEntropy(), settings["epochs"], settings["lr"]
    optimizer = nn.SGD(net, lr, settings["momentum"])
    batches, curve = len(digits) // 128, []
    for epoch in range(epochs):
        order = rng.permutation(len(digits))
        for number, rows in enumerate(np.array_split(order, batches)):
            if settings["falling"]:
                optimizer.lr = lr * (1 - (epoch + number / batches) / epochs)
            loss.forward(net.forward(pixels[rows]), digits[rows])
            net.backward(loss.backward())
            optimizer.step()
        seen = net.forward(pixels[:10_000]).argmax(axis=1) == digits[:10_000]
        curve.append(seen.mean())
    right = (net.forward(held_out[0]).argmax(axis=1) == held_out[1]).mean()
    return {"value": right, "training": np.round(curve, 4)}


def cards(done):
    sweep.write_cards(__file__, WANTED, done, packages=("numpy",))


if __name__ == "__main__":
    sweep.main(
        __doc__,
        train,
        WANTED,
        cards,
        name="chapter-05",
        sets=["mnist"],
        sources=[data.__file__, *sorted(Path(nn.__file__).parent.glob("*.py"))],
        packages=("numpy",),
    )
