"""Make the result of Part I, Task 3 again: its cards, and cifar10_mlp.pt.

    python solutions/sustech_cs324/part1/recipe.py             everything
    python solutions/sustech_cs324/part1/recipe.py --seed 1    that seed's runs

Every run is one of cifar10_train.py, kept in the user's cache, or where DL_RUNS says.
What is finished isn't made again, and a run that was killed goes on after its last
whole epoch. It needs the real CIFAR-10.
"""

import json
from pathlib import Path

from helpers import data, results, sweep
from helpers.files import write_whole

HERE = Path(__file__).resolve().parent
COURSE = HERE.parent
PROGRAM = HERE / "cifar10_train.py"
CARD, WEIGHTS = "cifar10-mlp", "cifar10_mlp.pt"
PACKAGES = ("numpy", "torch", "torchvision")
WANTED = {CARD: ({}, range(3))}


def train(settings, seed, folder):
    """A run of the handed-in program: what it measured, and its flags."""
    flags = settings | {"seed": seed, "data_dir": data.root("cifar10")}
    flags["out"] = folder / WEIGHTS
    words = [word for name, value in flags.items() for word in (f"--{name}", value)]
    sweep.call(PROGRAM, *words)
    measured = json.loads((folder / WEIGHTS).with_suffix(".json").read_text("utf-8"))
    epochs = measured["epochs"]
    curves = {name: [epoch[name] for epoch in epochs] for name in epochs[0]}
    parameters = measured["flags"]
    for its_own in ("seed", "data_dir", "out"):
        del parameters[its_own]
    return {
        "value": measured["accuracy"],
        "vote": measured["vote"],
        "seconds": round(sum(curves.pop("seconds")), 1),
        "curves": curves,
        "parameters": parameters,
    }


def cards(done):
    """Ship the weights that validated best, and write the cards."""
    best = max(done[CARD], key=lambda run: run["curves"]["accuracy"][-1])["seed"]
    made = sweep.folder(COURSE.name, CARD, best) / WEIGHTS
    shipped = write_whole(HERE / WEIGHTS, made.read_bytes())
    again = f"python cifar10_train.py --seed {best}"
    for name, runs in done.items():
        parameters, *_ = [run.pop("parameters") for run in runs]
        card = results.write(
            COURSE / f"cards/{name}.json",
            document=COURSE.name,
            question="i-3",
            metric=f"CIFAR-10 {parameters['measure']} accuracy",
            command=f"python solutions/{COURSE.name}/part1/recipe.py",
            parameters=parameters,
            data=data.hashes("cifar10"),
            seeds=runs,
            weights=(shipped, best, again) if name == CARD else None,
            packages=PACKAGES,
        )
        print(f"{name}: {card['mean']:.2%} (standard deviation {card['spread']:.2%})")


if __name__ == "__main__":
    sweep.main(
        __doc__,
        train,
        WANTED,
        cards,
        name=COURSE.name,
        sets=["cifar10"],
        sources=[PROGRAM, HERE / "cifar10_mlp.py"],
        packages=PACKAGES,
    )
