"""What the zip of CS324's assignment 2 holds, and how it is tried out."""

from collections.abc import Iterator
from pathlib import Path

from helpers import data
from tools.course import Card, Course
from tools.trial import PROGRAM, expect, refuses, run, works

HERE = Path(__file__).resolve().parent
# The folders as they were issued, with their blanks.
PARTS = {
    "Part 1": "modules.py mlp_numpy.py train_mlp_numpy.py pytorch_mlp.py "
    "pytorch_train_mlp.py task2.ipynb cifar10_mlp.py cifar10_train.py cifar10_mlp.pt "
    "cifar10_tried.json task3.ipynb",
    "Part 2": "cnn_model.py cnn_train.py cnn.pt task2.ipynb",
    "Part 3": "dataset.py vanilla_rnn.py utils.py train.py lengths.py lengths.csv "
    "task2.ipynb",
}
MEASURED = {"cnn.pt", "lengths.csv"}  # what recipes make; left out while it isn't made
# A call of each program, with the template's flags, and a word of its last line.
POINTS = "--dnn_hidden_units 20,10 --learning_rate 1e-1 --max_steps 200 --eval_freq 50"
CALLS = (
    ("Part 1/train_mlp_numpy.py", POINTS, "epoch 200: loss"),
    ("Part 1/pytorch_train_mlp.py", POINTS, "epoch 200: loss"),
    (
        "Part 3/train.py",
        "--input_length 4 --input_dim 1 --num_classes 10 --num_hidden 128 --batch_size "
        "128 --learning_rate 0.001 --max_epoch 3 --max_norm 10.0 --data_size 1000000 "
        "--portion_train 0.8",
        "Done training.",
    ),
    ("Part 3/lengths.py", "--length 5 --steps 50", "T = 5:"),
)
ON_IMAGES = (
    (
        "Part 1/cifar10_train.py",
        "--max_epochs 1 --batch_size 100 --validation 100 --out tried.pt",
        "test accuracy",
    ),
    (
        "Part 2/cnn_train.py",
        "--learning_rate 1e-4 --max_steps 3 --batch_size 32 --eval_freq 2 --data_dir "
        "data --out tried.pt",
        "test accuracy",
    ),
)
# The first 500 images of each part are enough to see that a program runs to its end.
FEW = """
import torchvision

class Few(torchvision.datasets.CIFAR10):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.data, self.targets = self.data[:500], self.targets[:500]

torchvision.datasets.CIFAR10 = Few
"""


def files() -> dict[str, str]:
    """The sources in this folder, by their names in the zip."""
    found = {"report.pdf": "report/report.typ"}
    for part, names in PARTS.items():
        for name in names.split():
            source = f"{part.lower().replace(' ', '')}/{name}"
            if name not in MEASURED or (HERE / source).exists():
                found[f"{part}/{name}"] = source
    cards = sorted(path.name for path in HERE.glob("cards/*.json"))
    return found | {f"cards/{name}": f"cards/{name}" for name in cards}


def calls(folder: Path, commands: tuple, code: str = PROGRAM) -> Iterator[str]:
    """Call programs from where they lie; a line for each."""
    for name, flags, word in commands:
        done = run(folder / name, *flags.split(), code=code)
        works(done, name)
        *_, last = done.stdout.splitlines() or [""]
        expect(word in last, f"{name} ends with {last!r}; expected {word!r} there")
        yield f"{name} {flags} ends with: {last}"


def notebooks(folder: Path, *names: str) -> Iterator[str]:
    for name in names:
        works(run(folder / name), name)
        yield f"{name} runs to its end"


def try_out(folder: Path, elsewhere: Path, cards: list[Card]) -> Iterator[str]:
    """Call each program with the template's flags, and run each notebook."""
    yield from calls(folder, CALLS)
    yield from notebooks(folder, "Part 1/task2.ipynb", "Part 3/task2.ipynb")
    said = refuses(folder / "Part 2/cnn_train.py", words=("CIFAR-10",))
    yield f"no images: {said}"
    if not data.available("cifar10"):
        yield "CIFAR-10 is not at hand: what reads its images wasn't tried"
        return
    images = data.root("cifar10") / "cifar-10-batches-py"
    for part in ("Part 1", "Part 2"):
        (folder / part / "data").mkdir(exist_ok=True)
        place = folder / part / "data" / images.name
        place.symlink_to(images, target_is_directory=True)
    yield from calls(folder, ON_IMAGES, FEW + PROGRAM)
    yield from notebooks(folder, "Part 1/task3.ipynb", "Part 2/task2.ipynb")


COURSE = Course(
    ids=r"\d{8}",
    example="12345678",
    zip="{id}_assignment2.zip",
    files=files(),
    forbidden={  # "without using torch.nn.RNN and torch.nn.LSTM", nor what is like them
        "Part 3/*": [f"torch.{each}*" for each in ("RNN", "LSTM", "GRU")]
        + [f"torch.{each}*" for each in ("rnn", "lstm", "gru")],
    },
    packages=("matplotlib", "numpy", "sklearn", "torch", "torchvision"),
    try_out=try_out,
)
