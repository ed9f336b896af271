"""Train and test the multilayer perceptron of cifar10_mlp.py (Part I, Task 3).

    python cifar10_train.py --seed 1

makes the weights that are handed in, in about half an hour on one core that multiplies
in bfloat16. Images are read from the folder that DL_DATA names, else from data/, where
torchvision puts them if it must. A run that is killed goes on after its last whole
epoch, to the same weights. What was measured lies beside them, as JSON. The test images
are read once, at the end, with the weights as they are stored, in 16 bits; with
--measure validation, for a try, not at all.
"""

import argparse
import json
import math
import os
import sys
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from cifar10_mlp import MLP
from torchvision.datasets import CIFAR10

DNN_HIDDEN_UNITS_DEFAULT = "1024,512,512"
LEARNING_RATE_DEFAULT = 1e-2
MAX_EPOCHS_DEFAULT = 300
BATCH_SIZE_DEFAULT = 512
WEIGHT_DECAY_DEFAULT = 0.05
LABEL_SMOOTHING_DEFAULT = 0.1
DISTORT_DEFAULT = 1.0
DEGREES, ZOOM, STRETCH, PIXELS = 15, 0.15, 0.1, 4  # at most, where that is 1
MIXUP_DEFAULT = 0.5
DROPOUT_DEFAULT = 0.15
VALIDATION_DEFAULT = 5000
PRECISION_DEFAULT = "bfloat16"
CHOICES = {"precision": ("bfloat16", "float32"), "measure": ("test", "validation")}

FLAGS = None


def load(data_dir, train):
    """Images (n, 3, 32, 32) and labels (n,) of the training or the test part.

    The values of each image have mean 0 and standard deviation 1, which takes its
    brightness and its contrast away.
    """
    try:
        data = CIFAR10(data_dir, train=train, download=True)
    except (OSError, RuntimeError) as error:
        problem = f"CIFAR-10 isn't in {data_dir}, nor could it be put there ({error})"
        raise SystemExit(f"{problem}; name its folder in DL_DATA") from None
    images = torch.from_numpy(data.data).permute(0, 3, 1, 2) / 255
    mean = images.mean((1, 2, 3), keepdim=True)
    std = images.std((1, 2, 3), keepdim=True).clamp(min=1e-3)  # one may be flat
    return ((images - mean) / std).contiguous(), torch.tensor(data.targets)


def augment(images, labels, rng):
    """Distorted images and their targets (n, 10); each image has draws of its own.

    Half of them are mirrored. Each is turned, zoomed, stretched and moved, and what
    comes in is 0, its mean. Then each is blended with another one of the batch, in
    shares from Beta(mixup, mixup), and the targets likewise.
    """
    n, size = len(images), list(images.shape)
    mirrored = torch.from_numpy(rng.random(n) < 0.5)[:, None, None, None]
    images = torch.where(mirrored, images.flip(-1), images)
    if FLAGS.distort:
        angle, zoom, stretch, *move = FLAGS.distort * rng.uniform(-1, 1, (5, n))
        angle, factor = np.radians(DEGREES * angle), np.exp(ZOOM * zoom)
        width = factor * np.exp(STRETCH * stretch)
        right, down = 2 * PIXELS / size[-1] * np.array(move)  # a side is 2 in the grid
        cos, sin = np.cos(angle), np.sin(angle)
        rows = [[cos * width, -sin * factor, right], [sin * width, cos * factor, down]]
        places = torch.from_numpy(np.array(rows)).permute(2, 0, 1).to(images)
        grid = F.affine_grid(places, size, align_corners=False)
        images = F.grid_sample(images, grid, align_corners=False)
    targets = F.one_hot(labels, 10).float()
    if FLAGS.mixup:
        share = rng.beta(FLAGS.mixup, FLAGS.mixup, (n, 1))
        share = torch.from_numpy(np.maximum(share, 1 - share)).float()
        other = torch.from_numpy(rng.permutation(n))
        targets = share * targets + (1 - share) * targets[other]
        share = share[:, :, None, None]
        images = share * images + (1 - share) * images[other]
    return images, targets


def train(model, optimizer, scheduler, images, labels, epoch):
    """One epoch; returns the mean loss and the accuracy on what was trained on."""
    model.train()
    rng = np.random.default_rng([FLAGS.seed, epoch])  # so that a run can go on
    torch.manual_seed(int(rng.integers(2**62)))  # dropout's
    loss_sum = right = 0
    for rows in torch.from_numpy(rng.permutation(len(labels))).split(FLAGS.batch_size):
        inputs, targets = augment(images[rows], labels[rows], rng)
        with torch.autocast("cpu", enabled=FLAGS.precision == "bfloat16"):
            logits = model(inputs)
        loss = F.cross_entropy(
            logits.float(), targets, label_smoothing=FLAGS.label_smoothing
        )
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1)
        optimizer.step()
        scheduler.step()
        loss_sum += loss.item() * len(rows)
        right += (logits.argmax(1) == targets.argmax(1)).sum().item()
    return loss_sum / len(labels), right / len(labels)


@torch.no_grad()
def predict(model, images):
    """Logits (n, 10), without dropout and with the averages of batch normalization."""
    model.eval()
    return torch.cat([model(batch) for batch in images.split(1000)])


def accuracy(logits, labels):
    """The share of images whose largest logit is that of their label."""
    return (logits.argmax(1) == labels).sum().item() / len(labels)


def evaluate(model, images, labels):
    """The mean cross-entropy and the accuracy."""
    logits = predict(model, images)
    return F.cross_entropy(logits, labels).item(), accuracy(logits, labels)


def vote(model, images, labels):
    """The accuracy if 18 views of each image add their logits up.

    The views are the image and its mirror image, moved by no or one pixel each way.
    """
    padded, logits = F.pad(images, (1,) * 4), 0
    for down, right in np.ndindex(3, 3):
        moved = padded[:, :, down : down + 32, right : right + 32]
        logits = logits + predict(model, moved) + predict(model, moved.flip(-1))
    return accuracy(logits, labels)


def save(state, path):
    """Write in one step, so that a killed run leaves a whole file."""
    part = path.with_name(f"{path.name}.part")
    try:
        torch.save(state, part)
    except RuntimeError as error:  # what torch makes of a full disk
        part.unlink(missing_ok=True)
        raise OSError(f"{path} can't be written: {error}") from None
    part.replace(path)


def resumed(path, flags):
    """What a killed run left; code in the file isn't run."""
    try:
        state = torch.load(path, weights_only=True)
        had = state["measured"]["flags"]
    except OSError:
        raise
    except Exception as error:  # torch and pickle raise many
        problem = f"{path} is damaged, or another file ({type(error).__name__})"
        raise SystemExit(f"{problem}; delete it, or set --out") from None
    if had != flags:
        raise SystemExit(f"{path} is of other flags: {had}; delete it, or set --out")
    return state


def main():
    """Train, test once, and store the weights and what was measured."""
    out, measured, state = Path(FLAGS.out), {"flags": vars(FLAGS), "epochs": []}, None
    checkpoint = out.with_suffix(".checkpoint")
    if checkpoint.exists():
        state = resumed(checkpoint, vars(FLAGS))
        measured = state["measured"]
    torch.manual_seed(FLAGS.seed)
    images, labels = load(FLAGS.data_dir, train=True)
    # Validation images come out of the training images, the same ones for every seed.
    order = torch.from_numpy(np.random.default_rng(324).permutation(len(labels)))
    kept, held_out = order[FLAGS.validation :], order[: FLAGS.validation]
    validation = images[held_out], labels[held_out]
    images, labels = images[kept], labels[kept]
    hidden = [int(units) for units in FLAGS.dnn_hidden_units.split(",")]
    model = MLP(images[0].numel(), hidden, 10, FLAGS.dropout)
    weights = [each for each in model.parameters() if each.ndim == 2]
    others = [each for each in model.parameters() if each.ndim < 2]  # don't decay
    optimizer = torch.optim.AdamW(
        [{"params": weights}, {"params": others, "weight_decay": 0}],
        FLAGS.learning_rate,
        (0.9, 0.99),
        weight_decay=FLAGS.weight_decay,
        fused=True,
    )
    scheduler = torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        FLAGS.learning_rate,
        epochs=FLAGS.max_epochs,
        steps_per_epoch=math.ceil(len(labels) / FLAGS.batch_size),
        pct_start=0.1,
        cycle_momentum=False,
    )
    parts = {"model": model, "optimizer": optimizer, "scheduler": scheduler}
    if state:
        for name, part in parts.items():
            part.load_state_dict(state[name])
    for epoch in range(len(measured["epochs"]), FLAGS.max_epochs):
        start = time.perf_counter()
        loss, accuracy = train(model, optimizer, scheduler, images, labels, epoch)
        values = {"train_loss": loss, "train_accuracy": accuracy}
        values["loss"], values["accuracy"] = evaluate(model, *validation)
        values["seconds"] = time.perf_counter() - start
        measured["epochs"].append(values)
        print(epoch + 1, *(f"{name} {value:.4f}" for name, value in values.items()))
        state = {name: part.state_dict() for name, part in parts.items()}
        save(state | {"measured": measured}, checkpoint)

    stored = model.state_dict()
    for name, each in stored.items():
        stored[name] = each.half() if each.is_floating_point() else each
    model.load_state_dict(stored)  # so that it is what is tested
    test = FLAGS.measure == "test"
    part = load(FLAGS.data_dir, train=False) if test else validation
    measured["loss"], measured["accuracy"] = evaluate(model, *part)
    measured["vote"] = vote(model, *part)
    print(f"{FLAGS.measure} accuracy {measured['accuracy']:.2%}")
    save(stored, out)
    out.with_suffix(".json").write_text(json.dumps(measured))
    checkpoint.unlink(missing_ok=True)


def parse(arguments=None):
    """The flags of the command line; what can't end well is refused before a start."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default, meaning in (
        ("dnn_hidden_units", DNN_HIDDEN_UNITS_DEFAULT, "units of each hidden layer"),
        ("learning_rate", LEARNING_RATE_DEFAULT, "the highest of the cycle"),
        ("max_epochs", MAX_EPOCHS_DEFAULT, "passes over the training images"),
        ("batch_size", BATCH_SIZE_DEFAULT, "images a step"),
        ("weight_decay", WEIGHT_DECAY_DEFAULT, "of AdamW"),
        ("label_smoothing", LABEL_SMOOTHING_DEFAULT, "share taken off the label"),
        ("distort", DISTORT_DEFAULT, "strength of the distortions; 0: mirrored only"),
        ("mixup", MIXUP_DEFAULT, "parameter of the shares; 0: images stay unblended"),
        ("dropout", DROPOUT_DEFAULT, "share of the hidden units that rest"),
        ("validation", VALIDATION_DEFAULT, "training images held out"),
        ("precision", PRECISION_DEFAULT, "bfloat16, or float32 on older processors"),
        ("measure", "test", "what is read at the end, or validation once more"),
        ("seed", 0, "of weights, order and distortions"),
        ("data_dir", os.environ.get("DL_DATA", "data"), "CIFAR-10's, or is put there"),
        ("out", "cifar10_mlp.pt", "file for the weights"),
    ):
        how = {"choices": CHOICES.get(name), "help": meaning}
        parser.add_argument(f"--{name}", type=type(default), default=default, **how)
    given = parser.parse_args(arguments)
    hidden = given.dnn_hidden_units
    if not all(each.strip().isdecimal() and int(each) for each in hidden.split(",")):
        problem = f"got {hidden!r}, expected whole numbers such as 64,32"
        parser.error(f"argument --dnn_hidden_units: {problem}")
    counts = "max_epochs", "batch_size"
    shares = "label_smoothing", "dropout"
    others = "learning_rate", "weight_decay", "distort", "mixup", "seed"
    for name in (*counts, *shares, *others):
        value, least = getattr(given, name), int(name in counts)
        if not least <= value < math.inf or (name in shares and value > 1):
            wanted = "a share, 0 to 1" if name in shares else f"{least} or more"
            parser.error(f"argument --{name}: got {value}, expected {wanted}")
    if not 0 < given.validation < 50_000:
        problem = f"got {given.validation}, expected 1 to 49,999 of the 50,000 images"
        parser.error(f"argument --validation: {problem}")
    kept, size = 50_000 - given.validation, given.batch_size
    if size == 1 or kept % size == 1:  # batch normalization takes no single image
        problem = f"got {size}, which leaves one of {kept:,} images to a batch"
        parser.error(f"argument --batch_size: {problem}; take another")
    # A tenth of the steps rises: of one step alone, PyTorch's schedule divides by 0.
    if given.max_epochs * math.ceil(kept / size) == 10:
        problem = "its rate can't rise and fall in 10 steps; take more, or smaller"
        parser.error(f"argument --max_epochs: {problem} batches")
    out = Path(given.out)
    if out.is_dir() or out.suffix.lower() in (".checkpoint", ".json"):
        problem = f"{given.out} is a folder, or what a run keeps beside the weights"
        parser.error(f"argument --out: {problem}; name a file such as mlp.pt")
    try:
        part = out.with_name(f"{out.name}.part")
        part.touch()
        part.unlink()
    except OSError as error:
        parser.error(f"argument --out: {given.out} can't be written ({error})")
    return given


if __name__ == "__main__":
    FLAGS = parse()
    try:
        main()
    except OSError as error:
        sys.exit(f"cifar10_train.py: {error}")
