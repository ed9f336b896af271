"""Make the results of Part III again: their cards, and lengths.csv.

    python solutions/sustech_cs324/part3/recipe.py

Every run is one of train.py or lengths.py, kept in the user's cache, or where DL_RUNS
says. What is finished isn't made again, and a run that was killed goes on. A run of
lengths.py trains the networks of all five seeds at once.
"""

import csv
import io
import json
from pathlib import Path

from helpers import results, sweep
from helpers.files import write_whole

HERE = Path(__file__).resolve().parent
COURSE = HERE.parent
PACKAGES = ("numpy", "torch")
SEEDS = range(5)
FIVE = "palindromes-five"
LENGTHS = (3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 20, 25, 30, 40)
LONGER = (60, 80, 100, 150, 200)
DEFAULTS = {"steps": 3000}
BEST = {"steps": 3000, "one_hot": True, "init": "orthogonal", "max_norm": 1.0}
BEST |= {"curriculum": 10, "growth": 10}
# At 1e-3, the default, two of five networks fall to 20 % at T = 70 and stay there.
BEST |= {"learning_rate": 3e-4}
# The length that a card's value is of, and the flags besides it.
ARMS = {
    "palindromes-defaults": (20, DEFAULTS, LENGTHS),
    "palindromes-best": (100, BEST, LENGTHS + LONGER),
}
WANTED = {FIVE: ({"program": "train.py", "input_length": 4}, SEEDS)}
for arm, (_, flags, lengths) in ARMS.items():
    for length in lengths:
        settings = {"program": "lengths.py", "length": length} | flags
        WANTED[f"{arm}-{length}"] = (settings, [0])


def train(settings, seed, folder):
    """A run of a handed-in program: what it measured, and its flags."""
    program = HERE / settings.pop("program")
    out = folder / "rnn.pt" if program.name == "train.py" else folder / "lengths.json"
    flags = settings | {"out": out}
    flags |= {"seed": seed} if program.name == "train.py" else {}
    words = []
    for name, value in flags.items():
        words += [f"--{name}"] if value is True else [f"--{name}", value]
    sweep.call(program, *words)
    measured = json.loads(out.with_suffix(".json").read_text("utf-8"))
    parameters = measured["flags"]
    del parameters["out"]
    if program.name == "lengths.py":
        values = measured["accuracy"][str(settings["length"])]
        found = {"value": sum(values) / len(values), "values": values}
        found |= {"seconds": round(measured["seconds"], 1)}
        return found | {"curves": measured["curves"], "parameters": parameters}
    del parameters["seed"]
    epochs = measured["epochs"]
    return {
        "value": epochs[-1]["accuracy"],
        "curves": {name: [epoch[name] for epoch in epochs] for name in epochs[0]},
        "parameters": parameters,
        "device": measured["device"],
    }


def card(name, question, metric, parameters, seeds, device="cpu"):
    written = results.write(
        COURSE / f"cards/{name}.json",
        document=COURSE.name,
        question=question,
        metric=metric,
        command=f"python solutions/{COURSE.name}/part3/recipe.py",
        parameters=parameters,
        data={},
        seeds=seeds,
        packages=PACKAGES,
        device=device,
    )
    print(f"{name}: {written['mean']:.2%} (standard deviation {written['spread']:.2%})")


def cards(done):
    """Write the cards, and every accuracy as a row of lengths.csv."""
    parameters, *_ = [run.pop("parameters") for run in done[FIVE]]
    device, *_ = [run.pop("device") for run in done[FIVE]]
    for run in done[FIVE]:
        run["curves"] = {name: each[::20] for name, each in run["curves"].items()}
    metric = "palindrome accuracy at length 5, held out"
    card(FIVE, "iii-2-five", metric, parameters, done[FIVE], device)
    rows = [["flags", "length", "seed", "accuracy"]]
    for arm, (headline, flags, lengths) in ARMS.items():
        seeds = [{"seed": seed, "lengths": {}} for seed in SEEDS]
        for length in lengths:
            [run] = done[f"{arm}-{length}"]
            for each, value in zip(seeds, run["values"], strict=True):
                each["lengths"][length] = value
                rows.append([arm, length, each["seed"], f"{value:.4f}"])
                if length == headline:
                    each["value"] = value
                    each["seconds"] = round(run["seconds"] / len(seeds), 1)
                    each |= {name: run[name] for name in ("processor", "date")}
        metric = f"palindrome accuracy at length {headline}, held out"
        card(arm, "iii-2-lengths", metric, flags | {"length": headline}, seeds)
    table = io.StringIO()
    csv.writer(table, lineterminator="\n").writerows(rows)
    write_whole(HERE / "lengths.csv", table.getvalue())


if __name__ == "__main__":
    sweep.main(
        __doc__,
        train,
        WANTED,
        cards,
        name=f"{COURSE.name}-part3",
        sources=[
            HERE / name
            for name in (
                "train.py",
                "lengths.py",
                "vanilla_rnn.py",
                "dataset.py",
                "utils.py",
            )
        ],
        packages=PACKAGES,
    )
