"""What the zip of the inzva homework holds, and how it is tried out."""

import re
from collections.abc import Iterator
from pathlib import Path

from helpers import data
from tools.course import Card, Course
from tools.trial import PROGRAM, agrees, expect, measured, refuses, run, works

FOLDER = "data/cifar-10-batches-py"
WEIGHTS = "models/cifar10_model.pt"
# In CIFAR-10's place where it isn't at hand; torchvision refuses files of another MD5.
DRAWN = """
import numpy as np, torchvision
from PIL import Image

class Drawn:
    base_folder = torchvision.datasets.CIFAR10.base_folder

    def __init__(self, root, train, download, transform):
        shape = (2_000 if train else 1_000), 32, 32, 3
        self.pixels = np.random.default_rng(train).integers(0, 256, shape, np.uint8)
        self.transform = transform

    def __len__(self):
        return len(self.pixels)

    def __getitem__(self, index):
        return self.transform(Image.fromarray(self.pixels[index])), index % 10

torchvision.datasets.CIFAR10 = Drawn
"""


def accuracy(folder: Path, program: str, *arguments: str, code: str) -> float:
    """What a program says of the test images in its last line."""
    done = run(folder / program, *arguments, code=code)
    works(done, program)
    *_, last = done.stdout.splitlines() or [""]
    said = re.fullmatch(r"Accuracy of the network on the test images: (.+) %", last)
    expect(said is not None, f"{program} says no accuracy in its last line: {last!r}")
    return float(said[1]) / 100


def try_out(folder: Path, elsewhere: Path, cards: list[Card]) -> Iterator[str]:
    """Test what is shipped, then train for an epoch."""
    expected = measured(folder / WEIGHTS, cards)
    yield "no images: " + refuses(folder / "main.py", words=(FOLDER,))
    (folder / FOLDER).parent.mkdir(exist_ok=True)
    if original := data.available("cifar10"):
        images = data.root("cifar10") / Path(FOLDER).name
        (folder / FOLDER).symlink_to(images, target_is_directory=True)
    else:
        (folder / FOLDER).mkdir()
        yield "CIFAR-10 is not at hand: tried on drawn images, with no bar to meet"
    code = PROGRAM if original else DRAWN + PROGRAM
    value = accuracy(folder, "testing.py", code=code)
    if original:
        agrees(value, expected)
    yield "the open questions have no file in the zip: hand in answers of your own"
    yield f"testing.py says {value:.2%} of the network that is handed in"
    value = accuracy(folder, "main.py", "--quick", code=code)
    figures = {path.name for path in (folder / "figures").iterdir()}
    wanted = {"prediction_0.jpg", "train_val_loss.jpg"}
    expect(wanted <= figures, f"main.py drew {sorted(figures)}, expected {wanted} too")
    yield f"main.py --quick trains, draws both kinds of figures, and says {value:.2%}"


COURSE = Course(
    ids=r"[A-Za-z0-9-]+",  # the document asks for none
    example="first-last",
    files={
        "main.py": "main.py",
        "training.py": "training.py",
        "testing.py": "testing.py",
        "utils/data_utils.py": "utils/data_utils.py",
        "utils/model.py": "utils/model.py",
        "utils/viz_utils.py": "utils/viz_utils.py",
        WEIGHTS: "weights.pt",
    },
    packages=("matplotlib", "sklearn", "torch", "torchvision"),
    reads={WEIGHTS: (("testing.py",),)},
    try_out=try_out,
)
