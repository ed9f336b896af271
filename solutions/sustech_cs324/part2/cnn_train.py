r"""Train and test the convolutional network of cnn_model.py (Part II).

    python cnn_train.py

takes 5,000 steps of Adam as the course's template has them: a learning rate of 1e-4,
batches of 32, images as they are. What the template leaves open is defined here: where
the data lies (DL_DATA, else data/, where torchvision puts it if it must), and where the
weights go. Adam's own default, 1e-3, takes --learning_rate 1e-3. The weights that are
handed in come, on one core that multiplies in bfloat16 in two and a half hours, from

    python cnn_train.py --max_steps 20000 --batch_size 128 --eval_freq 250 \
        --optimizer ADAMW --learning_rate 2e-3 --weight_decay 0.2 \
        --schedule one-cycle --label_smoothing 0.1 --flip 0.5 --shift 4 \
        --cutout 16 --precision bfloat16 --validation 1000

With --start it goes on from the weights of a file. With --average it stores the mean of
the weights after every so many steps, instead of the last ones.

Every --eval_freq steps the held-out images are read: --validation of them, out of the
training images, or, with 0, the test images, as the template says. Nothing is chosen by
them. At the end the test images are read with the weights as they are stored, in 16
bits. What was measured lies beside them, as JSON. A run that is killed goes on where it
was a minute before, to the same weights.
"""

import argparse
import json
import math
import os
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from cnn_model import CNN
from torch.optim.swa_utils import AveragedModel, update_bn
from torchvision.datasets import CIFAR10

LEARNING_RATE_DEFAULT = 1e-4
BATCH_SIZE_DEFAULT = 32
MAX_STEPS_DEFAULT = 5000  # the template's name says epochs, and its help steps
EVAL_FREQ_DEFAULT = 500
OPTIMIZER_DEFAULT = "ADAM"
DATA_DIR_DEFAULT = os.environ.get("DL_DATA", "data")
OPTIMIZERS = {"ADAM": torch.optim.Adam, "ADAMW": torch.optim.AdamW}
CHOICES = {
    "optimizer": OPTIMIZERS,
    "schedule": ("constant", "one-cycle"),
    "precision": ("float32", "bfloat16"),
}
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
SAVE_EVERY = 60  # seconds, what a kill can lose

FLAGS = None


def load(data_dir, train):
    """Images (n, 3, 32, 32) and labels (n,) of the training or the test part.

    Each color has mean 0 and standard deviation 1 over all training images.
    """
    try:
        data = CIFAR10(data_dir, train=train, download=True)
    except (OSError, RuntimeError) as error:
        problem = f"CIFAR-10 isn't in {data_dir}, nor could it be put there"
        raise SystemExit(f"{problem} ({error}); name another folder") from None
    images = torch.from_numpy(data.data) / 255
    images -= torch.tensor([0.4914, 0.4822, 0.4465])
    images /= torch.tensor([0.2470, 0.2435, 0.2616])
    labels = torch.tensor(data.targets)
    return images.permute(0, 3, 1, 2).to(DEVICE), labels.to(DEVICE)


def augment(images, rng):
    """Mirrored, moved and cut images; each has draws of its own.

    What comes in, and the square that is cut out, is 0, the mean color.
    """
    n, _, *size = images.shape
    mirrored = torch.from_numpy(rng.random(n) < FLAGS.flip).to(DEVICE)
    images = torch.where(mirrored[:, None, None, None], images.flip(-1), images)
    moves = rng.integers(0, 2 * FLAGS.shift, (2, n), endpoint=True)
    down, right = torch.from_numpy(moves).to(DEVICE)
    padded = F.pad(images, (FLAGS.shift,) * 4)
    windows = padded.unfold(2, size[0], 1).unfold(3, size[1], 1)  # views, no copies
    images = windows[torch.arange(n, device=DEVICE), :, down, right]
    first = [rng.integers(0, side, (n, 1)) - FLAGS.cutout // 2 for side in size]
    places = [np.arange(side) - start for side, start in zip(size, first, strict=True)]
    rows, columns = [(each >= 0) & (each < FLAGS.cutout) for each in places]
    square = torch.from_numpy(rows[:, None, :, None] & columns[:, None, None, :])
    return images.masked_fill(square.to(DEVICE), 0)


def learn(model, optimizer, images, labels):
    """One step; returns the mean loss and the accuracy before it."""
    model.train()
    with torch.autocast(DEVICE, torch.bfloat16, FLAGS.precision == "bfloat16"):
        logits = model(images.contiguous(memory_format=torch.channels_last)).float()
    loss = F.cross_entropy(logits, labels, label_smoothing=FLAGS.label_smoothing)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item(), accuracy(logits, F.one_hot(labels, 10))


def accuracy(predictions, targets):
    """The share of predictions (n, 10) that are largest where the one-hot target is."""
    return (predictions.argmax(1) == targets.argmax(1)).float().mean().item()


@torch.no_grad()
def predict(model, images):
    """Logits (n, 10), with the averages of batch normalization."""
    model.eval()
    return torch.cat([model(batch) for batch in images.split(500)])


def evaluate(model, images, labels):
    """The mean cross-entropy and the accuracy."""
    logits = predict(model, images)
    loss = F.cross_entropy(logits, labels).item()
    return loss, accuracy(logits, F.one_hot(labels, 10))


def vote(model, images, labels):
    """The accuracy if each image and its mirror image add their logits up."""
    logits = predict(model, images) + predict(model, images.flip(-1))
    return accuracy(logits, F.one_hot(labels, 10))


def descent(model):
    """The optimizer, and the schedule of its learning rate."""
    weights = [each for each in model.parameters() if each.ndim > 1]
    others = [each for each in model.parameters() if each.ndim == 1]  # don't decay
    optimizer = OPTIMIZERS[FLAGS.optimizer](
        [{"params": weights}, {"params": others, "weight_decay": 0}],
        FLAGS.learning_rate,
        weight_decay=FLAGS.weight_decay,
        fused=True,
    )
    if FLAGS.schedule == "one-cycle":
        scheduler = torch.optim.lr_scheduler.OneCycleLR(
            optimizer,
            FLAGS.learning_rate,
            total_steps=FLAGS.max_steps,
            pct_start=0.2,
            cycle_momentum=False,
        )
    else:
        scheduler = torch.optim.lr_scheduler.ConstantLR(optimizer, factor=1)
    return optimizer, scheduler


def normalized(model, images):
    """The averages of batch normalization anew, over 100 batches of augmented images.

    Those that were there are other weights'.
    """
    rng = np.random.default_rng([FLAGS.seed, 2])
    rows = rng.integers(0, len(images), (100, FLAGS.batch_size))
    update_bn((augment(images[each], rng) for each in rows), model, DEVICE)
    return model


def save(state, path):
    """Write in one step, so that a killed run leaves a whole file."""
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("wb") as file:
            torch.save(state, file)
    except RuntimeError as error:  # what torch makes of a full disk
        part.unlink(missing_ok=True)
        raise OSError(error) from None
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    part.replace(path)


def loaded(path, take):
    """What `take` makes of what a file holds; code in the file isn't run."""
    try:
        return take(torch.load(path, DEVICE, weights_only=True))
    except OSError as error:
        raise SystemExit(f"{path} can't be read: {error}") from None
    except Exception as error:  # torch and pickle raise many, and so does `take`
        problem = f"{path} is damaged, or another file ({type(error).__name__})"
        raise SystemExit(f"{problem}; remove it, or name another") from None


def resumed(path, flags):
    """What a killed run left; ends the program unless it had these flags."""
    state, had = loaded(path, lambda state: (state, state["measured"]["flags"]))
    if had != flags:
        problem = f"{path} is of other flags: {had}"
        raise SystemExit(f"{problem}; remove it, or name another --out")
    return state


def train():
    """Train, test, and store the weights and what was measured."""
    out, saved, state = Path(FLAGS.out), -math.inf, None
    checkpoint = out.with_suffix(".checkpoint")
    if checkpoint.exists():
        state = resumed(checkpoint, vars(FLAGS))
    torch.manual_seed(FLAGS.seed)
    model = CNN(3, 10).to(DEVICE, memory_format=torch.channels_last)
    if FLAGS.start:
        loaded(Path(FLAGS.start), model.load_state_dict)
    images, labels = load(FLAGS.data_dir, train=True)
    if FLAGS.validation:  # the same images for every seed
        order = np.random.default_rng(324).permutation(len(labels))
        kept, others = np.split(order, [-FLAGS.validation])
        held_out = images[others], labels[others]
        images, labels = images[kept], labels[kept]
    else:
        held_out = load(FLAGS.data_dir, train=False)
    optimizer, scheduler = descent(model)
    parts = {"model": model, "optimizer": optimizer, "scheduler": scheduler}
    if FLAGS.average:
        parts["mean"] = AveragedModel(model)
    measured = {"flags": vars(FLAGS), "device": DEVICE, "curve": []}
    measured |= {"step": 0, "sums": [0.0] * 4}
    if state:
        measured = state["measured"]
        for name, part in parts.items():
            part.load_state_dict(state[name])
    for step in range(measured["step"], FLAGS.max_steps):
        start = time.perf_counter()
        if start - saved > SAVE_EVERY:  # before the first step: can it be written?
            state = {name: part.state_dict() for name, part in parts.items()}
            save(state | {"measured": measured | {"step": step}}, checkpoint)
            saved = start
        # What is random follows from the seed and the step, so that a run can go on.
        epoch, i = divmod(step, math.ceil(len(labels) / FLAGS.batch_size))
        order = np.random.default_rng([FLAGS.seed, epoch]).permutation(len(labels))
        rows = order[i * FLAGS.batch_size : (i + 1) * FLAGS.batch_size]
        rng = np.random.default_rng([FLAGS.seed, step, 1])
        batch = augment(images[rows], rng), labels[rows]
        loss, right = learn(model, optimizer, *batch)
        scheduler.step()
        if FLAGS.average and (step + 1) % FLAGS.average == 0:
            parts["mean"].update_parameters(model)
        n, seconds = len(rows), time.perf_counter() - start
        added = zip(measured["sums"], (n * loss, n * right, n, seconds), strict=True)
        measured["sums"] = [total + more for total, more in added]
        if (step + 1) % FLAGS.eval_freq == 0 or step + 1 == FLAGS.max_steps:
            loss_sum, right, n, seconds = measured["sums"]
            values = {"train_loss": loss_sum / n, "train_accuracy": right / n}
            values["loss"], values["accuracy"] = evaluate(model, *held_out)
            values["seconds"] = seconds
            measured["curve"].append({"step": step + 1} | values)
            measured["sums"] = [0.0] * 4
            print(step + 1, *(f"{name} {value:.4f}" for name, value in values.items()))

    if FLAGS.average:
        model = normalized(parts["mean"].module, images)
        measured["mean_loss"], measured["mean_accuracy"] = evaluate(model, *held_out)
    stored = model.state_dict()
    for name, each in stored.items():
        stored[name] = (each.half() if each.ndim > 1 else each).cpu()
    model.load_state_dict(stored)  # so that it is what is tested
    test = load(FLAGS.data_dir, train=False) if FLAGS.validation else held_out
    measured["loss"], measured["accuracy"] = evaluate(model, *test)
    measured["vote"] = vote(model, *test)
    del measured["sums"], measured["step"]
    print(f"test accuracy {measured['accuracy']:.2%}")
    save(stored, out)
    out.with_suffix(".json").write_text(json.dumps(measured))
    checkpoint.unlink(missing_ok=True)


def main():
    """Train, and say in a line what can't be written."""
    try:
        train()
    except OSError as error:
        raise SystemExit(f"{FLAGS.out} can't be written: {error}") from None


def parse(arguments=None):
    """The flags of the command line; what can't end well is refused before a start."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default, meaning in (
        (
            "learning_rate",
            LEARNING_RATE_DEFAULT,
            "of Adam; with one-cycle, the highest",
        ),
        ("max_steps", MAX_STEPS_DEFAULT, "batches to train on"),
        ("batch_size", BATCH_SIZE_DEFAULT, "images a step"),
        ("eval_freq", EVAL_FREQ_DEFAULT, "steps between readings of held-out images"),
        ("data_dir", DATA_DIR_DEFAULT, "CIFAR-10's, or is put there"),
        ("optimizer", OPTIMIZER_DEFAULT, "ADAM, or ADAMW: weights decay by themselves"),
        ("weight_decay", 0.0, "of filters and of the linear layer's weights"),
        ("schedule", "constant", "of the learning rate, or one-cycle"),
        ("label_smoothing", 0.0, "share taken off the label"),
        ("flip", 0.0, "chance that an image is mirrored"),
        ("shift", 0, "pixels that an image moves each way, at most"),
        ("cutout", 0, "side of the square that is cut out"),
        ("precision", "float32", "or bfloat16, on processors that multiply in it"),
        ("start", "", "file of weights to go on from; left out, they are drawn"),
        ("average", 0, "the mean of the weights after every so many steps is stored"),
        ("validation", 0, "training images held out; 0: the test images are read"),
        ("seed", 0, "of weights, order and augmentation"),
        ("out", "cnn.pt", "file for the weights"),
    ):
        parser.add_argument(
            f"--{name}",
            type=type(default),
            default=default,
            choices=CHOICES.get(name),
            help=meaning,
        )
    given = parser.parse_args(arguments)
    counts = "max_steps", "batch_size", "eval_freq"
    shares = "label_smoothing", "flip"
    others = "learning_rate", "weight_decay", "shift", "cutout", "seed"
    for name in (*counts, *shares, *others):
        value, least = getattr(given, name), int(name in counts)
        if not least <= value < math.inf or (name in shares and value > 1):
            wanted = "a share, 0 to 1" if name in shares else f"{least} or more"
            parser.error(f"argument --{name}: got {value}, expected {wanted}")
    if not 0 <= given.validation < 50_000:
        problem = f"got {given.validation}, expected 0 to 49,999 of the 50,000 images"
        parser.error(f"argument --validation: {problem}")
    if not 0 <= given.average <= given.max_steps:
        problem = f"got {given.average}, expected 1 to --max_steps, {given.max_steps}"
        parser.error(f"argument --average: {problem}, or 0 for the last weights")
    # A fifth of the steps rises: of one step alone, PyTorch's schedule divides by 0.
    if given.schedule == "one-cycle" and given.max_steps == 5:
        problem = "its rate can't rise and fall in 5 steps; take more --max_steps"
        parser.error(f"argument --schedule: {problem}")
    out = Path(given.out)
    if out.is_dir() or out.suffix.lower() in (".checkpoint", ".json"):
        problem = f"{given.out} is a folder, or what a run keeps beside the weights"
        parser.error(f"argument --out: {problem}; name a file such as cnn.pt")
    return given


if __name__ == "__main__":
    FLAGS = parse()
    main()
