"""Make the results of this folder again: its cards, submission.pt and submission.csv.

    python solutions/ntu_fashion_mnist/recipe.py                          everything
    python solutions/ntu_fashion_mnist/recipe.py --card raw --seed 0      one run

Every run is one of train.py on one thread, kept in the user's cache, or where DL_RUNS
says. What is finished isn't made again, and a run that was killed goes on after its
last whole epoch. It needs the real Fashion-MNIST, and MNIST.
"""

import json
from pathlib import Path

from helpers import data, results, sweep
from helpers.files import write_whole

HERE = Path(__file__).resolve().parent
PROGRAM = HERE / "train.py"
PACKAGES = ("torch", "torchvision")
SETS = {"FashionMNIST": "fashion_mnist", "MNIST": "mnist"}
QUESTIONS = {"mnist": "other-data"}  # all others: accuracy
# Small networks do without what keeps large ones from learning images by heart.
SMALL = {"smoothing": 0.0, "distort": 0.0, "weight_decay": 0.0, "lr": 0.4}
SMALL |= {"precision": "float32"}
# By card the settings of train.py, besides its defaults, and the seeds.
AVERAGED = SMALL | {"average": 4, "epochs": 200, "batch": 1024, "lr": 0.8}
UNEVEN = {"hidden": "11,10", "absolute": 1, "widths": "5,4,3,4,3,4,5"}
RAW = SMALL | {"hidden": "7,24", "epochs": 50, "weight_decay": 3e-4}
WANTED = {
    "averaged": (AVERAGED | UNEVEN, range(5)),
    "averaged-silu": (AVERAGED | {"hidden": "10,23"}, range(5)),
    "raw": (RAW, range(5)),
}
WANTED |= {
    f"hidden-{units}": (SMALL | {"hidden": str(units), "epochs": 10}, range(3))
    for units in (2, 4, 8, 9, 10, 11, 12, 16, 32, 64)
}
WANTED |= {
    "accuracy": ({}, range(5)),
    "mnist": ({"data": "MNIST", "epochs": 20}, range(3)),
}


def train(settings, seed, folder):
    """A run of train.py: what it measured, and its flags."""
    root = data.root(SETS[settings.get("data", "FashionMNIST")])
    flags = settings | {"seed": seed, "data_dir": root, "out": folder / "submission.pt"}
    words = [word for name, value in flags.items() for word in (f"--{name}", value)]
    sweep.call(PROGRAM, *words)
    measured = json.loads((folder / "submission.json").read_text("utf-8"))
    epochs = measured["epochs"]
    curves = {name: [round(each[name], 4) for each in epochs] for name in epochs[0]}
    settings = measured["flags"]
    for its_own in ("seed", "data_dir", "out"):
        del settings[its_own]
    return {
        "value": measured["accuracy"],
        "parameters": measured["parameters"],
        "seconds": round(sum(curves.pop("seconds")), 1),
        "curves": curves,
        "settings": settings,
    }


def cards(done):
    """Ship the weights that fit their training images best, and write the cards."""
    best = min(done["accuracy"], key=lambda run: run["curves"]["loss"][-1])["seed"]
    made = sweep.folder(HERE.name, "accuracy", best)
    for name in ("submission.csv", "submission.pt"):
        shipped = write_whole(HERE / "handin" / name, (made / name).read_bytes())
    for name, runs in done.items():
        settings, *_ = [run.pop("settings") for run in runs]
        card = results.write(
            HERE / f"cards/{name}.json",
            document=HERE.name,
            question=QUESTIONS.get(name, "accuracy"),
            metric=f"{settings['data']} test accuracy",
            command=f"python solutions/{HERE.name}/recipe.py",
            parameters=settings,
            data=data.hashes(SETS[settings["data"]]),
            seeds=runs,
            weights=(shipped, best, f"python train.py --seed {best}")
            if name == "accuracy"
            else None,
            packages=PACKAGES,
        )
        print(f"{name}: {card['mean']:.2%} (standard deviation {card['spread']:.2%})")


if __name__ == "__main__":
    sweep.main(
        __doc__,
        train,
        WANTED,
        cards,
        name=HERE.name,
        sets=["fashion_mnist", "mnist"],
        sources=[PROGRAM],
        packages=PACKAGES,
    )
