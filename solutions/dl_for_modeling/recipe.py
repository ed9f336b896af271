"""Make the results of this folder again: its cards, and the networks handed in.

    python solutions/dl_for_modeling/recipe.py

Every run is one of the handed-in programs, on one thread, kept in the user's cache, or
where DL_RUNS says. What is finished isn't made again; a run that was killed goes on
after its last whole epoch. First come the five runs of question 3(b) and their card,
then those of question 4. It needs the real MNIST.
"""

import json
from pathlib import Path

from helpers import data, results, sweep
from helpers.files import write_whole

HERE = Path(__file__).resolve().parent
NUMPY, TORCH = "numpy-mnist", "pytorch-mnist"
PROGRAMS = {NUMPY: "mnistClassification.py", TORCH: "pytorchMnist.py"}
QUESTIONS = {NUMPY: "q3b", TORCH: "q4"}
LIBRARIES = {NUMPY: "NumPy", TORCH: "PyTorch"}
PACKAGES = {NUMPY: ("numpy",), TORCH: ("numpy", "torch", "torchvision")}
SHIPPED = {  # first what holds the weights
    NUMPY: ("npMnistParameters.npy", "npMnistStructure.json"),
    TORCH: ("mnistNet.pth",),
}


def train(settings, seed, folder):
    """What a run of a handed-in program measured, and its flags."""
    name = settings["card"]
    out = folder if name == NUMPY else folder / "mnistNet.pth"
    flags = ("--seed", seed, "--out", out)
    sweep.call(HERE / PROGRAMS[name], *flags, DL_DATA=str(data.root("mnist")))
    made = folder / ("mnist.json" if name == NUMPY else "mnistNet.json")
    measured = json.loads(made.read_text("utf-8"))
    parameters, epochs = measured.pop("flags"), measured.pop("epochs")
    del parameters["seed"], parameters["out"]
    return {
        "value": measured.pop("accuracy"),
        "seconds": round(sum(epoch["seconds"] for epoch in epochs), 1),
        "curves": {"loss": [round(epoch["loss"], 4) for epoch in epochs]},
        "parameters": parameters,
        **measured,
    }


def cards(done):
    """Ship the network of seed 0, and write the card."""
    for name, runs in done.items():
        parameters, *_ = [run.pop("parameters") for run in runs]
        made = sweep.folder(HERE.name, name, 0)
        weights, *_ = [
            write_whole(HERE / file, (made / file).read_bytes())
            for file in SHIPPED[name]
        ]
        card = results.write(
            HERE / f"cards/{name}.json",
            document=HERE.name,
            question=QUESTIONS[name],
            metric=f"MNIST test accuracy, {LIBRARIES[name]}",
            command=f"python solutions/{HERE.name}/recipe.py",
            parameters=parameters,
            data=data.hashes("mnist"),
            seeds=runs,
            weights=(weights, 0, f"python {PROGRAMS[name]} --seed 0"),
            packages=PACKAGES[name],
        )
        print(f"{name}: {card['mean']:.2%} (standard deviation {card['spread']:.2%})")


def main():
    for name in PROGRAMS:  # one by one, so that no card waits for the other's runs
        sweep.main(
            __doc__,
            train,
            {name: ({"card": name}, range(5))},
            cards,
            names=PROGRAMS,
            name=HERE.name,
            sets=["mnist"],
            sources=[HERE / PROGRAMS[name]],
            packages=PACKAGES[name],
        )


if __name__ == "__main__":
    main()
