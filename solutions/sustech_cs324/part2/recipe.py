"""Make the results of Part II again: its cards, and cnn.pt.

    python solutions/sustech_cs324/part2/recipe.py                         everything
    python solutions/sustech_cs324/part2/recipe.py --card cnn --seed 1     one run

Every run is one of cnn_train.py, kept in the user's cache, or where DL_RUNS says. What
is finished isn't made again, and a run that was killed goes on where it was a minute
before. On one core that multiplies in bfloat16, one run of the card cnn takes two
and a half hours. It needs the real CIFAR-10.
"""

import hashlib
import json
import sys
from functools import cache
from pathlib import Path

import torch
from torch.nn import functional as F

from helpers import data, results, sweep
from helpers.files import write_whole

HERE = Path(__file__).resolve().parent
COURSE = HERE.parent
PROGRAM = HERE / "cnn_train.py"
CARD, WEIGHTS = "cnn", "cnn.pt"
PACKAGES = ("numpy", "torch", "torchvision")
# The curves are those of held-out images; nothing is chosen by them.
PLAIN = {"precision": "bfloat16", "validation": 1000}
LONG = PLAIN | {"max_steps": 30_000, "eval_freq": 1000}
CYCLE = PLAIN | {"max_steps": 20_000, "batch_size": 128, "eval_freq": 250}
CYCLE |= {"optimizer": "ADAMW", "learning_rate": 2e-3, "weight_decay": 0.2}
CYCLE |= {"schedule": "one-cycle", "label_smoothing": 0.1}
AUGMENTED = CYCLE | {"flip": 0.5, "shift": 4, "cutout": 16}
# From the handed-in weights on, at a constant rate; 50 weights are averaged.
AVERAGED = AUGMENTED | {"schedule": "constant", "learning_rate": 4e-4}
AVERAGED |= {"max_steps": 2000, "average": 40}
AVERAGED |= {"start": f"{WEIGHTS} cf17167e1ca0"}  # with the start of its SHA-256
AVERAGED |= {"precision": "float32"}
WANTED = {
    "cnn-plain-1e-4": (PLAIN | {"learning_rate": 1e-4}, range(3)),
    "cnn-plain-1e-3": (PLAIN | {"learning_rate": 1e-3}, range(3)),
    CARD: (AUGMENTED, range(3)),
    "cnn-long-1e-4": (LONG | {"learning_rate": 1e-4}, range(1)),
    "cnn-long-1e-3": (LONG | {"learning_rate": 1e-3}, range(1)),
    "cnn-averaged": (AVERAGED, range(10, 11)),
}


def whole(name, digits):
    """The path of a file here. Raises ValueError unless its SHA-256 begins so."""
    if not hashlib.sha256((HERE / name).read_bytes()).hexdigest().startswith(digits):
        problem = f"{HERE / name} isn't the file whose SHA-256 begins with {digits}"
        raise ValueError(f"{problem}; restore it")
    return HERE / name


def train(settings, seed, folder):
    """A run of the handed-in program: what it measured, and its flags."""
    flags = settings | {"seed": seed, "data_dir": data.root("cifar10")}
    flags["out"] = folder / WEIGHTS
    if "start" in settings:
        flags["start"] = whole(*settings["start"].split())
    words = [word for name, value in flags.items() for word in (f"--{name}", value)]
    sweep.call(PROGRAM, *words)
    measured = json.loads((folder / WEIGHTS).with_suffix(".json").read_text("utf-8"))
    curves = {
        name: [stretch[name] for stretch in measured["curve"]]
        for name in measured["curve"][0]
    }
    parameters = measured["flags"] | {"start": settings.get("start", "")}
    for its_own in ("seed", "data_dir", "out"):
        del parameters[its_own]
    return {
        "value": measured["accuracy"],
        "vote": measured["vote"],
        **{name: measured[name] for name in measured if name.startswith("mean_")},
        "seconds": round(sum(curves.pop("seconds")), 1),
        "curves": curves,
        "parameters": parameters,
        "device": measured["device"],
    }


@cache
def test_images():
    """The program, and the test images and labels as it reads them."""
    sys.path[:0] = [str(HERE)]
    import cnn_train

    return cnn_train, *cnn_train.load(data.root("cifar10"), train=False)


def looked_at(name, seed):
    """What a run's stored network makes of the test images, and of moved ones.

    Returns the class that it answers for each image, as a word of digits, and the
    accuracy with all images moved to the right by 0 to 8 pixels; the gap is filled with
    the mean color.
    """
    program, images, labels = test_images()
    model = program.CNN(3, 10).to(program.DEVICE, memory_format=torch.channels_last)
    weights = sweep.folder(COURSE.name, name, seed) / WEIGHTS
    model.load_state_dict(torch.load(weights, weights_only=True))
    answers = program.predict(model, images).argmax(1)
    right = {0: (answers == labels).float().mean().item()}
    for pixels in range(1, 9):
        moved = F.pad(images, (pixels, 0, 0, 0))[..., : images.shape[-1]]
        right[pixels] = program.evaluate(model, moved, labels)[1]
    return {"answers": "".join(map(str, answers.tolist())), "moved": right}


def shipped():
    """Ship the weights of seed 0; what a card says of them."""
    made = sweep.folder(COURSE.name, CARD, 0) / WEIGHTS
    weights = write_whole(HERE / WEIGHTS, made.read_bytes())
    again = " ".join(f"--{name} {value}" for name, value in AUGMENTED.items())
    return weights, 0, f"python cnn_train.py {again}"


def cards(done):
    """Write the cards of what is done."""
    for name, runs in done.items():
        if name == CARD:
            runs = [run | looked_at(name, run["seed"]) for run in runs]
        parameters, *_ = [run.pop("parameters") for run in runs]
        device, *_ = [run.pop("device") for run in runs]
        card = results.write(
            COURSE / f"cards/{name}.json",
            document=COURSE.name,
            question="ii-2-more" if parameters["optimizer"] == "ADAMW" else "ii-2",
            metric="CIFAR-10 test accuracy",
            command=f"python solutions/{COURSE.name}/part2/recipe.py",
            parameters=parameters,
            data=data.hashes("cifar10"),
            seeds=runs,
            weights=shipped() if name == CARD else None,
            packages=PACKAGES,
            device=device,
        )
        spread = f"{card['spread']:.2%}" if len(runs) > 1 else "one seed"
        print(f"{name}: {card['mean']:.2%} ({spread})")


if __name__ == "__main__":
    sweep.main(
        __doc__,
        train,
        WANTED,
        cards,
        name=COURSE.name,
        sets=["cifar10"],
        sources=[PROGRAM, HERE / "cnn_model.py"],
        packages=PACKAGES,
    )
