"""Make the result of this folder again: its cards, and weights.pkl.

    python solutions/technion_097200/recipe.py                       everything
    python solutions/technion_097200/recipe.py --card mnist --seed 3   one run

Every run is one of train.py on one thread, kept in the user's cache, or where DL_RUNS
says. Runs that are finished aren't repeated, so this can be stopped and started at any
time. It takes about three minutes a run, and needs the real MNIST.
"""

import json
import tempfile
from dataclasses import replace
from pathlib import Path

import torch

from helpers import data, results, sweep
from helpers.files import write_whole

HERE = Path(__file__).resolve().parent
TRAIN = HERE / "train.py"
# What is handed in, and what else was tried: on held-out images, from fewer seeds.
TRIES = {
    "as-handed-in": {},
    "no-distortion": {"distort": 0.0},
    "half-distortion": {"distort": 0.5},
    "double-distortion": {"distort": 2.0},
    "one-hidden-layer": {"hidden": [400]},
    "half-as-wide": {"hidden": [200, 100]},
    "no-momentum": {"momentum": 0.0},
    "ten-epochs": {"epochs": 10},
}
WANTED = {"mnist": ({}, range(5))} | {
    f"try-{name}": (changed | {"holdout": 10_000}, range(3))
    for name, changed in TRIES.items()
}


def train(settings, seed, folder):
    """What one run of train.py measured, and its options."""
    holdout, flags = settings.pop("holdout", 0), ["--seed", seed]
    for name, value in settings.items():
        flags += [f"--{name}", *(value if isinstance(value, list) else [value])]
    out = folder / "weights.pkl"
    for left in folder.glob("weights.pkl*"):  # by a run that was stopped
        left.unlink()
    with tempfile.TemporaryDirectory() as place:
        if holdout:  # so many training images in the place of the test images
            mnist = data.load("mnist")
            whole, generator = mnist.train, torch.Generator().manual_seed(0)
            order = torch.randperm(len(whole), generator=generator).numpy()
            apart, rest = (
                replace(whole, images=whole.images[rows], labels=whole.labels[rows])
                for rows in (order[:holdout], order[holdout:])
            )
            data.write(replace(mnist, train=rest, test=apart), place)
        root = place if holdout else str(data.root("mnist"))
        sweep.call(TRAIN, *flags, "--out", out, DL_DATA=root)
    history = json.loads(Path(f"{out}.json").read_text("utf-8"))
    train, other = zip(*history["measured"], strict=True)
    history["options"].pop("seed")
    return {
        "value": other[-1],
        "seconds": round(history["seconds"], 1),
        "curves": {"train": train, "other": other},
        "options": history["options"] | {"holdout": holdout},
    }


def cards(done):
    """Write weights.pkl and the cards."""
    # Shipped are the weights that read the most training images.
    best = max(done["mnist"], key=lambda run: run["curves"]["train"][-1])["seed"]
    weights = sweep.folder(HERE.name, "mnist", best) / "weights.pkl"
    shipped = write_whole(HERE / "weights.pkl", weights.read_bytes())
    again = f"python train.py --seed {best} --out weights.pkl"
    for name, runs in done.items():
        main, options = name == "mnist", [run.pop("options") for run in runs]
        card = results.write(
            HERE / f"cards/{name}.json",
            document=HERE.name,
            question="practical",
            metric="MNIST test accuracy" if main else "MNIST accuracy, held out",
            command=f"python solutions/{HERE.name}/recipe.py",
            parameters=options[0],
            data=data.hashes("mnist"),
            seeds=runs,
            weights=(shipped, best, again) if main else None,
            packages=("torch",),
        )
        print(f"{name}: {card['mean']:.2%} (standard deviation {card['spread']:.2%})")


if __name__ == "__main__":
    sweep.main(
        __doc__,
        train,
        WANTED,
        cards,
        name=HERE.name,
        sets=["mnist"],
        sources=[TRAIN],
        packages=["torch"],
    )
