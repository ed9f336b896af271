"""What the zip of Deep Learning for Modeling holds, and how it is tried out.

The document lists no files; these are those that its checkers read, and checkers that
follow the same contract, in the place of the course's own.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from helpers import data
from tools.course import Card, Course, bar
from tools.trial import PROGRAM, agrees, expect, measured, refuses, run, works

NUMPY, TORCH, CIFAR = "npMnistParameters.npy", "mnistNet.pth", "cifarNet.pth"
# By the file of weights: the question, what scores it, and the most parameters.
QUESTIONS = {
    NUMPY: ("q3b", "accurateChecker1.py", 200_000),
    TORCH: ("q4", "accurateChecker2.py", 600_000),
}
SHORT = {  # of the programs, so that each trains for a moment
    "mnistClassification.py": ("--hidden", 16, "--num_epoch", 1, "--distort", 0),
    "pytorchMnist.py": ("--epochs", 1, "--distort", 0),
}
# For question 5: a moment's training, and 500 photographs of each part to show that a
# program runs to its end.
SHORT_CIFAR = "--widths", 6, "--steps", 1, "--kernels", 3, "--epochs", 1, "--plain", 0
FEW = """
import torchvision

class Few(torchvision.datasets.CIFAR10):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.data, self.targets = self.data[:500], self.targets[:500]

torchvision.datasets.CIFAR10 = Few
"""
SAID = r"parameters: (\d+)\nimages: (\d+), right: (\d+).*\naccuracy: .+\n(?:score.+\n)*"


def score(
    folder: Path, checker: str, *arguments: str, most: int, code: str = PROGRAM
) -> tuple[int, int]:
    """How many images a checker found and how many it says are right."""
    done = run(folder / checker, *arguments, code=code)
    works(done, checker)
    said = re.fullmatch(SAID, done.stdout)
    expect(said is not None, f"{checker} says no accuracy: {done.stdout!r}")
    count, images, right = map(int, said.groups())
    expect(count <= most, f"{count:,} parameters, expected at most {most:,}")
    return images, right


def try_out(folder: Path, elsewhere: Path, cards: list[Card]) -> Iterator[str]:
    """Score what is shipped, then what the programs make in a short training."""
    expected = {weights: measured(folder / weights, cards) for weights in QUESTIONS}
    original = data.load("mnist").source == "original"
    if not original:
        yield "MNIST is not at hand: tried on a stand-in, with no bar to meet"
    for weights, (question, checker, most) in QUESTIONS.items():
        wanted = bar("dl_for_modeling", question)
        for flags in [(), ("--edition", "raw")] if weights == NUMPY else [()]:
            images, right = score(folder, checker, *flags, most=most)
            said = f"{' '.join((checker, *flags))} says {right:,} of {images:,}"
            if original:
                expect(right / images >= wanted, f"{said}; the homework wants {wanted}")
                if not flags:
                    agrees(right / images, expected[weights], images)
            yield said
    for program, flags in SHORT.items():
        works(run(folder / program, *flags), program)
    for _, checker, most in QUESTIONS.values():
        images, right = score(folder, checker, most=most)
        yield f"after a short training, {checker} says {right:,} of {images:,}"
    yield from photographs(folder, cards)


def photographs(folder: Path, cards: list[Card]) -> Iterator[str]:
    """The same for question 5, where CIFAR-10 is at hand."""
    expected, checker = measured(folder / CIFAR, cards), "accurateChecker3.py"
    place = folder / "data/cifar-10-batches-py"
    yield "no images: " + refuses(folder / checker, words=(place.name,))
    if not data.available("cifar10"):
        yield "CIFAR-10 is not at hand: question 5 wasn't tried"
        return
    place.parent.mkdir(exist_ok=True)
    place.symlink_to(data.root("cifar10") / place.name, target_is_directory=True)
    images, right = score(folder, checker, most=10_000)
    wanted = bar("dl_for_modeling", "q5-accuracy")
    said = f"{checker} says {right:,} of {images:,}"
    expect(right / images >= wanted, f"{said}; the homework wants {wanted}")
    agrees(right / images, expected, images)
    yield said
    code = FEW + PROGRAM
    program = "cifar10Classification.py"
    works(run(folder / program, *SHORT_CIFAR, code=code), program)
    images, right = score(folder, checker, most=10_000, code=code)
    yield f"after a short training, {checker} says {right:,} of {images:,}"


COURSE = Course(
    ids=r"[A-Za-z0-9-]+",  # the document asks for none
    example="first-last",
    files={
        "mnistClassification.py": "mnistClassification.py",
        NUMPY: NUMPY,
        "npMnistStructure.json": "npMnistStructure.json",
        "accurateChecker1.py": "accurateChecker1.py",
        "pytorchMnist.py": "pytorchMnist.py",
        TORCH: TORCH,
        "accurateChecker2.py": "accurateChecker2.py",
        "cifar10Classification.py": "cifar10Classification.py",
        CIFAR: CIFAR,
        "accurateChecker3.py": "accurateChecker3.py",
    },
    reads={
        NUMPY: (("accurateChecker1.py",),),
        TORCH: (("accurateChecker2.py",),),
        "mnist": (
            ("mnistClassification.py",),
            ("accurateChecker1.py",),
            ("pytorchMnist.py",),
            ("accurateChecker2.py",),
        ),
    },
    try_out=try_out,
)
