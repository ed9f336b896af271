"""Make the results of question 5 again: its cards, and cifarNet.pth.

    python solutions/dl_for_modeling/recipe_cifar.py                 everything
    python solutions/dl_for_modeling/recipe_cifar.py --seed 1        one seed's runs

Every run is one of cifar10Classification.py, on one thread or a graphics processor,
kept in the user's cache, or where DL_RUNS says. What is finished isn't made again; a
run that was killed goes on after its last whole epoch. On one core that multiplies in
bfloat16, an epoch takes 45 seconds. It needs the real CIFAR-10.

Where ../sustech_cs324/part2/cnn.pt is, runs with a teacher are made too; once those of
100 epochs are there, their network is the one that is handed in. The teacher was
trained on 49,000 of the same training images. First it says of each image what it sees
in all its 50 views, which takes most of an hour. For comparison, there is a network
whose maps have no twins.
"""

import json
import os
import sys
from hashlib import sha256
from pathlib import Path

import torch
from filelock import FileLock

from helpers import data, results, sweep
from helpers.files import write_whole

HERE = Path(__file__).resolve().parent
PROGRAM = HERE / "cifar10Classification.py"
TEACHER = HERE.parent / "sustech_cs324" / "part2"
ALONE, PLAIN, TAUGHT, LONG = (
    "cifar-alone",
    "cifar-30",
    "cifar-30-taught",
    "cifar-taught",
)
WEIGHTS = "cifarNet.pth"
# The mean and the spread of the colors that the teacher was trained with.
MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
SHIFT = 2


def teacher():
    """The teacher by its name and its content, in a word each."""
    content = (TEACHER / "cnn.pt").read_bytes()
    return f"cnn.pt {sha256(content).hexdigest()[:12]}"


def wanted():
    """The runs: with a teacher only where there is one."""
    same = {"shift": SHIFT}
    runs = {ALONE: (same | {"twins": 1, "widths": [16, 32, 44]}, range(3))}
    runs[PLAIN] = same, range(3)
    if (TEACHER / "cnn.pt").exists():
        taught = same | {"teacher": teacher()}
        runs[TAUGHT] = taught, range(3)
        runs[LONG] = taught | {"epochs": 100, "plain": 10}, range(3)
    return runs


@torch.no_grad()
def seen(net, images):
    """A network's logits (n, 2, side, side, 10) of images uint8 (n, 32, 32, 3).

    The views are those of cifar10Classification.py: mirrored, moved down, moved right.
    """
    from cifar10Classification import views

    side = 2 * SHIFT + 1
    logits = torch.empty(len(images), 2, side, side, 10, dtype=torch.float16)
    for which in torch.cartesian_prod(*map(torch.arange, (2, side, side))):
        for rows in torch.arange(len(images)).split(500):
            part = views(images[rows], which[:, None].expand(3, len(rows)), SHIFT)
            x = (part / 255 - torch.tensor(MEAN)) / torch.tensor(STD)
            with torch.autocast("cpu", torch.bfloat16):
                found = net(x.permute(0, 3, 1, 2))
            logits[rows, *which] = found.half()
    return logits


def lesson():
    """The file of the teacher's logits on the training images; made if need be."""
    path = sweep.folder(HERE.name, "teacher", 0) / f"logits {teacher()}"
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_suffix(".lock")):
        if not path.exists():
            os.environ["DL_DATA"] = str(data.root("cifar10"))
            sys.path[:0] = map(str, (HERE, TEACHER))
            from cnn_model import CNN

            net = CNN(3, 10)
            weights = torch.load(TEACHER / "cnn.pt", weights_only=True)
            net.load_state_dict(weights)
            net.to(memory_format=torch.channels_last).eval()
            images = torch.from_numpy(data.load("cifar10").train.images)
            write_whole(path, lambda file: torch.save(seen(net, images), file))
    return path


def train(settings, seed, folder):
    """What a run of the handed-in program measured, and its flags."""
    flags = settings | {"seed": seed, "out": folder / WEIGHTS}
    if "teacher" in settings:
        flags["teacher"] = lesson()
    words = []
    for name, value in flags.items():
        words += [f"--{name}", *(value if isinstance(value, list) else [value])]
    sweep.call(PROGRAM, *words, DL_DATA=str(data.root("cifar10")))
    measured = json.loads((folder / WEIGHTS).with_suffix(".json").read_text("utf-8"))
    parameters, epochs = measured.pop("flags"), measured.pop("epochs")
    for its_own in ("seed", "out"):
        del parameters[its_own]
    parameters["teacher"] = settings.get("teacher", "")
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
    shipped = LONG if LONG in done else PLAIN
    made = sweep.folder(HERE.name, shipped, 0) / WEIGHTS
    weights = write_whole(HERE / WEIGHTS, made.read_bytes())
    for name, runs in done.items():
        parameters, *_ = [run.pop("parameters") for run in runs]
        same = {
            "document": HERE.name,
            "command": f"python solutions/{HERE.name}/{Path(__file__).name}",
            "parameters": parameters,
            "data": data.hashes("cifar10"),
            "packages": ("numpy", "torch", "torchvision"),
        }
        longer = " --epochs 100 --plain 10 --teacher logits.pt" if name == LONG else ""
        again = f"python {PROGRAM.name} --seed 0{longer}"
        card = results.write(
            HERE / f"cards/{'cifar-net' if name == shipped else name}.json",
            question="q5-accuracy",
            metric="CIFAR-10 test accuracy",
            seeds=runs,
            weights=(weights, 0, again) if name == shipped else None,
            **same,
        )
        spread = f"{card['spread']:.2%}" if len(runs) > 1 else "one seed"
        print(f"{name}: {card['mean']:.2%} ({spread})")
        if name == shipped:
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
        wanted(),
        cards,
        name=HERE.name,
        sets=["cifar10"],
        sources=[PROGRAM, seen, lesson],
        packages=("numpy", "torch", "torchvision"),
    )
