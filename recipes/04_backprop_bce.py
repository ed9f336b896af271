"""Make the result cards of chapter 4 again: how long deep stacks stay on the plateau.

    python recipes/04_backprop_bce.py             everything, about four minutes
    python recipes/04_backprop_bce.py --seed 1    that seed's runs only

It can be stopped and started at any time: what is finished isn't made again.
"""

from itertools import pairwise
from pathlib import Path

import numpy as np

from helpers import data, nn, results, sweep

CARDS = Path(__file__).resolve().parent / "cards"
# Fours and nines, as in the chapter; a run ends when it is off the plateau, but not
# before ten epochs.
BASE = {"digits": [4, 9], "hidden": 8, "width": 32, "batch": 64, "epochs": 30}
BASE |= {"activation": "sigmoid", "init": "xavier", "optimizer": "sgd", "lr": 0.1}
ARMS = {
    "relu-he": {"activation": "relu", "init": "he"},
    "relu": {"activation": "relu"},
    "tanh": {"activation": "tanh"},
    "fourfold": {"init": "fourfold"},
    "adam": {"optimizer": "adam", "lr": 1e-3},
    "signal": {"activation": "signal"},
    "gradient": {"activation": "gradient"},
    "signal-0.03": {"activation": "signal", "lr": 0.03},
    "gradient-0.03": {"activation": "gradient", "lr": 0.03},
    "signal-0.01": {"activation": "signal", "lr": 0.01},
    "gradient-0.01": {"activation": "gradient", "lr": 0.01},
    "gradient-0.001": {"activation": "gradient", "lr": 0.001},
    "gradient-0.0005": {"activation": "gradient", "lr": 0.0005},
    "rate-0.001": {"lr": 0.001},
    "rate-0.0005": {"lr": 0.0005},
    "he": {"init": "he"},
    "rate": {"lr": 1.0},
}
WANTED = {
    f"04-{hidden}-layers": (BASE | {"hidden": hidden, "epochs": 300}, range(3))
    for hidden in range(3, 9)
}
WANTED |= {f"04-{name}": (BASE | changed, range(3)) for name, changed in ARMS.items()}


def train(settings, seed, folder):
    """The epochs until three quarters of the training images are right, or all."""

    class Signal(nn.Sigmoid):
        """Pays back the quarter on the way up only."""

        def forward(self, x):
            return 4 * super().forward(x) - 1.5

    class Gradient(nn.Sigmoid):
        """Pays back the quarter on the way down only."""

        def backward(self, grad):
            return 4 * super().backward(grad)

    def fourfold(rng, fan_in, fan_out):
        return 4 * nn.xavier(rng, fan_in, fan_out)

    kinds = {"sigmoid": nn.Sigmoid, "tanh": nn.Tanh, "relu": nn.ReLU}
    kinds |= {"signal": Signal, "gradient": Gradient}
    starts = {"xavier": nn.xavier, "he": nn.he, "fourfold": fourfold}
    split, digits = data.load("mnist").train, settings["digits"]
    kept = np.isin(split.labels, digits)
    x, labels = split.inputs()[kept], (split.labels[kept] == digits[1]).astype(int)
    rng, layers = np.random.default_rng(seed), []
    sizes = 784, *[settings["width"]] * settings["hidden"], 1
    for fan_in, fan_out in pairwise(sizes):
        init, first = starts[settings["init"]], not layers
        layers.append(nn.Linear(fan_in, fan_out, rng, init, first=first))
        layers.append(kinds[settings["activation"]]())
    net, head = nn.Sequential(layers[:-1]), nn.SigmoidCrossEntropy()
    if settings["optimizer"] == "adam":
        optimizer = nn.Adam(net, settings["lr"])
    else:
        optimizer = nn.SGD(net, settings["lr"], momentum=0.9)
    batches, curve, off = -(-len(x) // settings["batch"]), [], None
    while len(curve) < settings["epochs"] and not (off and len(curve) >= 10):
        for rows in np.array_split(rng.permutation(len(x)), batches):
            head.forward(net.forward(x[rows]), labels[rows])
            net.backward(head.backward())
            optimizer.step()
        curve.append(((net.forward(x)[:, 0] > 0) == labels).mean())
        if off is None and curve[-1] > 0.75:
            off = len(curve)
    value = off or settings["epochs"]
    return {"value": value, "off": off is not None, "accuracy": np.round(curve, 4)}


def cards(done):
    for name, seeds in done.items():
        card = results.write(
            CARDS / f"{name}.json",
            document="chapters",
            question=name,
            metric="epochs until 75 % of the training images are right",
            unit="epochs",
            command=f"python recipes/{Path(__file__).name}",
            parameters=WANTED[name][0],
            data=data.hashes("mnist"),
            seeds=seeds,
            packages=("numpy",),
        )
        print(f"{name}: {card['mean']:.1f} epochs")


if __name__ == "__main__":
    sweep.main(
        __doc__,
        train,
        WANTED,
        cards,
        name="chapter-04",
        sets=["mnist"],
        sources=[data.__file__, *sorted(Path(nn.__file__).parent.glob("*.py"))],
        packages=("numpy",),
    )
