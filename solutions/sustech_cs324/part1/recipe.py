"""Make the result of Part I, Task 3 again: its cards, and cifar10_mlp.pt.

    python solutions/sustech_cs324/part1/recipe.py             everything
    python solutions/sustech_cs324/part1/recipe.py --seed 1    train that seed only

Every run is one of cifar10_train.py. What is finished isn't made again, and a run that
was killed goes on after its last whole epoch.
"""

import json
import shutil
from functools import partial
from itertools import chain
from pathlib import Path

from helpers import data, results, sweep
from helpers.files import write_whole

HERE = Path(__file__).resolve().parent
COURSE = HERE.parent
PROGRAM = HERE / "cifar10_train.py"
WEIGHTS = HERE / "cifar10_mlp.pt"
CARD, SEEDS = "cifar10-mlp", range(3)
# What else was tried, measured on the training images that are held out.
TRIES = {}
HOW = {
    "name": "sustech_cs324",
    "data": data.hashes("cifar10"),
    "sources": [PROGRAM, HERE / "cifar10_mlp.py"],
    "packages": ("numpy", "torch", "torchvision"),
}


def train(settings, seed, folder):
    """A run of the handed-in program, and what it measured."""
    options = settings | {"seed": seed, "data_dir": data.root("cifar10")}
    options["out"] = folder / WEIGHTS.name
    flags = chain.from_iterable((f"--{name}", given) for name, given in options.items())
    sweep.call(PROGRAM, *flags)
    measured = json.loads(options["out"].with_suffix(".json").read_text("utf-8"))
    epochs = measured["epochs"]
    curves = {name: [epoch[name] for epoch in epochs] for name in epochs[0]}
    seconds = round(sum(curves.pop("seconds")), 1)
    return {"value": measured["accuracy"], "seconds": seconds, "curves": curves}


def write_cards(done):
    """Ship the weights that validated best, and write a card for each name of done."""
    best = max(done[CARD], key=lambda run: run["curves"]["accuracy"][-1])["seed"]
    made = sweep.folder(HOW["name"], CARD, best) / WEIGHTS.name
    write_whole(WEIGHTS, partial(shutil.copyfile, made))
    for name, seeds in done.items():
        settings, _ = WANTED[name]
        part = settings.get("measure", "test")
        command = f"python {PROGRAM.name} --data_dir data --seed {best}"
        card = results.write(
            COURSE / "cards" / f"{name}.json",
            document=COURSE.name,
            question="i-3",
            metric=f"CIFAR-10 {part} accuracy",
            command=f"python solutions/{COURSE.name}/part1/recipe.py",
            parameters=settings,
            data=HOW["data"],
            seeds=seeds,
            weights=(WEIGHTS, best, command) if name == CARD else None,
            packages=HOW["packages"],
        )
        print(f"{name}: {card['mean']:.2%} (standard deviation {card['spread']:.2%})")


WANTED = {CARD: ({}, SEEDS)}
WANTED |= {f"try-{name}": (changed, SEEDS) for name, changed in TRIES.items()}

if __name__ == "__main__":
    sweep.main(__doc__, train, WANTED, write_cards, **HOW)
