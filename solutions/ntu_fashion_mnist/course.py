"""What the zip of the Fashion-MNIST homework holds, and how it is tried out."""

import csv
import math
from collections.abc import Iterator
from pathlib import Path

import torch

from helpers import data, rules
from tools.course import Card, Course, bar
from tools.trial import agrees, expect, measured, refuses, run, works

MB = 10**6
ALLOWED = {"Linear", "Module", "Sequential", "Optimizer"}  # of torch.nn, torch.optim
NAMES = {name for name in dir(torch.nn) + dir(torch.optim) if not name.startswith("__")}
FORBIDDEN = {f"torch.{name}" for name in NAMES - ALLOWED}
FORBIDDEN |= {name for name in rules.TENSORS_ONLY if name.startswith("torchvision.")}


def labels_of(path: Path) -> list[int]:
    """The labels of a submission.csv, which has one for each image, in their order."""
    with path.open(encoding="utf-8", newline="") as file:
        head, *rows = csv.reader(file)
    expect(head == ["id", "label"], f"{path.name} has the columns {head}")
    ids = [int(number) for number, _ in rows]
    expect(ids == list(range(len(rows))), f"{path.name} isn't in the images' order")
    return [int(label) for _, label in rows]


def try_out(folder: Path, elsewhere: Path, cards: list[Card]) -> Iterator[str]:
    """Run the notebook without images, then with them; test what is shipped."""
    [notebook] = folder.glob("DL_HW1_*.ipynb")
    [weights], [table] = (folder.glob(f"*_submission.{end}") for end in ("pt", "csv"))
    expected = measured(weights, cards)
    size = weights.stat().st_size
    most = bar("ntu_fashion_mnist", "size") * MB
    expect(size < most, f"{weights.name} has {size:,} bytes; {most:,.0f} are too many")
    yield f"{weights.name} has {size / MB:.2f} MB"
    yield "no images: " + refuses(notebook, words=("data", "put them anew"))
    images = data.load("fashion_mnist")
    data.write(images, folder / "data")
    done = run(notebook)
    works(done, notebook.name)
    *_, last = done.stdout.splitlines()
    expect(last == "196 pixels, 5 classes", f"{notebook.name} ends with {last!r}")
    yield f"{notebook.name} trains, exports, and trains on images of another size"
    guesses = labels_of(table)
    if images.source != "original":
        yield "Fashion-MNIST is not at hand: tried on a stand-in, with no bar to meet"
        return
    right = (torch.tensor(guesses) == torch.from_numpy(images.test.labels)).float()
    value = right.mean().item()
    agrees(value, expected)
    said = f"{weights.name}: more than {math.floor(100 * value)} %"
    expect(said in done.stdout, f"{notebook.name} doesn't say, as {table.name}, {said}")
    yield f"{table.name} has {value:.2%} right, and the weights alone read as many"


COURSE = Course(
    ids=r"[A-Za-z0-9]+",
    example="b12345678",
    files={
        "DL_HW1_{id}.ipynb": "handin/DL_HW1.ipynb",
        "{id}_submission.pt": "handin/submission.pt",
        "{id}_submission.csv": "handin/submission.csv",
    },
    zip="{id}_HW1.zip",
    alone=True,
    forbidden={"*.ipynb": FORBIDDEN},
    packages=("torch", "torchvision"),
    try_out=try_out,
)
