"""Make the results of this folder again: its cards, and weights.pt.

    python solutions/inzva_dlsg/recipe.py                          everything
    python solutions/inzva_dlsg/recipe.py --card coding --seed 0   one run

Every run is one of main.py on one thread, kept in the user's cache, or where DL_RUNS
says. Runs that are finished aren't repeated, so this can be stopped and started at any
time. A run takes 70 to 100 seconds of processor time (the seconds on the
cards are those of a busy machine), and needs the real CIFAR-10.
"""

import contextlib
import io
import os
import re
import sys
from pathlib import Path

import torch

from helpers import data, results, sweep
from helpers.files import write_whole

HERE = Path(__file__).resolve().parent
PLAIN = ["--plain", "--epochs=15", "--bfloat16", "--no-test"]
# What is handed in, and the example of the sheet.
WANTED = {
    "coding": ({"flags": ["--bfloat16"]}, range(3)),
    "plain": ({"flags": PLAIN}, range(3)),
}


def train(settings, seed, folder):
    """What one run of main.py measured."""
    sys.path.insert(0, str(HERE))
    from main import main
    from testing import load_model
    from utils import data_utils

    os.environ["DL_DATA"] = str(data.root("cifar10"))
    with contextlib.chdir(folder), contextlib.redirect_stdout(io.StringIO()) as said:
        found = main([*settings["flags"], f"--seed={seed}"])
        model = load_model("cpu")
        train_set, _ = data_utils.get_train_and_test_set()
    accuracies = re.findall(r"Validation Accuracy: ([\d.]+)%", said.getvalue())
    _, val_indices = data_utils.split_testset(train_set, test_size=0.1)
    held = data_utils.InMemory(torch.utils.data.Subset(train_set, val_indices))
    with torch.no_grad():
        logits = model(held.images.flatten(1))
    return {
        "value": found.get("test_accuracy", found["val_accuracy"]),
        "curves": {
            "train_losses": found["train_losses"],
            "val_losses": found["val_losses"],
            "val_accuracies": [round(float(a) / 100, 4) for a in accuracies],
        },
        "val_accuracy": found["val_accuracy"],
        "rescaled_val_loss": rescaled_loss(logits, held.labels),
        "device": found["device"],
    }


def rescaled_loss(logits, labels):
    """The loss of logits that are divided by one number, the temperature.

    That is fitted on one half of the images and measured on the other, both ways round.
    """
    halves = torch.arange(len(labels)) % 2 == 0
    total = 0.0
    for fit, measure in ((halves, ~halves), (~halves, halves)):
        by_temperature = {
            t: loss(logits[fit] / t, labels[fit]) for t in torch.logspace(-1, 1.5, 200)
        }
        temperature = min(by_temperature, key=by_temperature.get)
        part = loss(logits[measure] / temperature, labels[measure])
        total += part * measure.double().mean().item()
    return total


def loss(logits, labels):
    return torch.nn.functional.cross_entropy(logits, labels).item()


def cards(done):
    """Write weights.pt and the cards."""
    # Shipped are the weights that are right on the most validation images.
    best = max(done["coding"], key=lambda run: run["val_accuracy"])["seed"]
    weights = sweep.folder(HERE.name, "coding", best) / "models/cifar10_model.pt"
    shipped = write_whole(HERE / "weights.pt", weights.read_bytes())
    again = f"python main.py --seed {best} --bfloat16"
    for name, runs in done.items():
        main = name == "coding"
        device, *_ = [run.pop("device") for run in runs]
        card = results.write(
            HERE / f"cards/{name}.json",
            document=HERE.name,
            question="coding",
            metric="CIFAR-10 test accuracy" if main else "CIFAR-10 accuracy, held out",
            command=f"python solutions/{HERE.name}/recipe.py",
            parameters=WANTED[name][0],
            data=data.hashes("cifar10"),
            seeds=runs,
            weights=(shipped, best, again) if main else None,
            packages=("torch", "torchvision"),
            device=device,
        )
        print(f"{name}: {card['mean']:.2%} (standard deviation {card['spread']:.2%})")


if __name__ == "__main__":
    sweep.main(
        __doc__,
        train,
        WANTED,
        cards,
        name=HERE.name,
        sets=["cifar10"],
        sources=[*HERE.glob("[mt]*.py"), *HERE.glob("utils/*.py")],
        packages=["torch", "torchvision"],
    )
