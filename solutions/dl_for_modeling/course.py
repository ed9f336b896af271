"""What the zip of Deep Learning for Modeling holds, and how it is tried out.

The document lists no files; these are those that its checkers read, and checkers that
follow the same contract, in the place of the course's own.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from helpers import data
from tools.course import Card, Course, bar
from tools.trial import agrees, expect, measured, run, works

NUMPY, TORCH = "npMnistParameters.npy", "mnistNet.pth"
# By the file of weights: the question, what scores it, and the most parameters.
QUESTIONS = {
    NUMPY: ("q3b", "accurateChecker1.py", 200_000),
    TORCH: ("q4", "accurateChecker2.py", 600_000),
}
SHORT = {  # of the programs, so that each trains for a moment
    "mnistClassification.py": ("--hidden", 16, "--num_epoch", 1, "--distort", 0),
    "pytorchMnist.py": ("--epochs", 1, "--distort", 0),
}
SAID = r"parameters: (\d+)\nimages: (\d+), right: (\d+).*\naccuracy: .+\n"


def score(folder: Path, checker: str, *arguments: str, most: int) -> tuple[int, int]:
    """How many images a checker found and how many it says are right."""
    done = run(folder / checker, *arguments)
    works(done, checker)
    said = re.fullmatch(SAID, done.stdout)
    expect(said is not None, f"{checker} says no accuracy: {done.stdout!r}")
    count, images, right = map(int, said.groups())
    expect(count <= most, f"{count:,} parameters; the homework allows {most:,}")
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
