"""Make the results of question 5 again: its cards, and cifarNet.pth.

    python solutions/dl_for_modeling/recipe_cifar.py                 everything
    python solutions/dl_for_modeling/recipe_cifar.py --seed 1        one seed's runs

Every run is one of cifar10Classification.py, on one thread or a graphics processor,
kept in the user's cache, or where DL_RUNS says. What is finished isn't made again; a
run that was killed goes on after its last whole epoch. On one core that multiplies in
bfloat16, an epoch takes 45 seconds alone, and up to 85 beside other runs. It needs the
real CIFAR-10.

The network of 80 epochs, the program's default, is the one that is handed in. For
comparison, there are the same network after 30, and one whose maps have no twins.
"""

import json
from pathlib import Path

from helpers import data, results, sweep
from helpers.files import write_whole

HERE = Path(__file__).resolve().parent
PROGRAM = HERE / "cifar10Classification.py"
SHIPPED, WEIGHTS = "cifar-net", "cifarNet.pth"
SHORT = {"epochs": 30, "plain": 3}
WANTED = {
    SHIPPED: ({}, range(3)),
    "cifar-30": (SHORT, range(3)),
    "cifar-alone": (SHORT | {"twins": 1, "widths": [16, 32, 44]}, range(3)),
}


def train(settings, seed, folder):
    """What a run of the handed-in program measured, and its flags."""
    flags, words = settings | {"seed": seed, "out": folder / WEIGHTS}, []
    for name, value in flags.items():
        words += [f"--{name}", *(value if isinstance(value, list) else [value])]
    sweep.call(PROGRAM, *words, DL_DATA=str(data.root("cifar10")))
    measured = json.loads((folder / WEIGHTS).with_suffix(".json").read_text("utf-8"))
    parameters, epochs = measured.pop("flags"), measured.pop("epochs")
    for its_own in ("seed", "out"):
        del parameters[its_own]
    return {
        "value": measured.pop("accuracy"),
        "seconds": round(sum(epoch["seconds"] for epoch in epochs), 1),
        "curves": {"loss": [round(epoch["loss"], 4) for epoch in epochs]},
        "parameters": parameters,
        **measured,
    }


def score(run):
    """The document's: percent over numbers in units of 10,000, or over 1 for fewer."""
    return 100 * run["value"] / max(run["numbers"] / 10_000, 1)


def cards(done):
    """Ship the network of seed 0, and write the cards."""
    made = sweep.folder(HERE.name, SHIPPED, 0) / WEIGHTS
    weights = write_whole(HERE / WEIGHTS, made.read_bytes())
    for name, runs in done.items():
        parameters, *_ = [run.pop("parameters") for run in runs]
        device, *_ = [run.pop("device") for run in runs]
        same = {
            "document": HERE.name,
            "command": f"python solutions/{HERE.name}/{Path(__file__).name}",
            "parameters": parameters,
            "data": data.hashes("cifar10"),
            "packages": ("numpy", "torch", "torchvision"),
            "device": device,
        }
        again = f"python {PROGRAM.name} --seed 0"
        card = results.write(
            HERE / f"cards/{name}.json",
            question="q5-accuracy",
            metric="CIFAR-10 test accuracy",
            seeds=runs,
            weights=(weights, 0, again) if name == SHIPPED else None,
            **same,
        )
        spread = f"{card['spread']:.2%}" if len(runs) > 1 else "one seed"
        print(f"{name}: {card['mean']:.2%} ({spread})")
        if name == SHIPPED:
            points = [{"value": score(run)} for run in runs]
            results.write(
                HERE / "cards/cifar-score.json",
                question="q5-score",
                metric="CIFAR-10 score",
                unit="points",
                seeds=[run | point for run, point in zip(runs, points, strict=True)],
                **same,
            )


if __name__ == "__main__":
    sweep.main(
        __doc__,
        train,
        WANTED,
        cards,
        name=HERE.name,
        sets=["cifar10"],
        sources=[PROGRAM],
        packages=("numpy", "torch", "torchvision"),
    )
