"""Train a vanilla RNN to say the last digit of a palindrome (Part III, Task 1).

    python train.py --input_length 4

trains on palindromes of length T = 5, in half a minute. A run that is killed goes on
after its last whole epoch, to the same weights. What was measured lies beside them, as
JSON; --one_hot, --init orthogonal and --max_norm 1 remember for longer.
"""

import argparse
import json
import math
import sys
from pathlib import Path

import torch
from dataset import PalindromeDataset
from torch import nn
from torch.utils.data import DataLoader, random_split
from utils import AverageMeter, accuracy
from vanilla_rnn import VanillaRNN


def train(model, data_loader, optimizer, criterion, device, config):
    """One epoch; returns the average loss and the average accuracy."""
    losses, accuracies = AverageMeter("Loss", ":.4f"), AverageMeter("Accuracy", ":.4f")
    model.train()
    for step, (inputs, targets) in enumerate(data_loader):
        inputs, targets = inputs.to(device), targets.to(device)
        outputs = model(inputs)
        loss = criterion(outputs, targets)
        optimizer.zero_grad()
        loss.backward()
        # Before the step and after backward; anywhere else it changes nothing.
        nn.utils.clip_grad_norm_(model.parameters(), max_norm=config.max_norm)
        optimizer.step()
        losses.update(loss.item(), len(targets))
        accuracies.update(accuracy(outputs, targets), len(targets))
        if step % 10 == 0:
            print(f"[{step}/{len(data_loader)}] {losses} {accuracies}")
    return losses.avg, accuracies.avg


@torch.no_grad()
def evaluate(model, data_loader, optimizer, criterion, device, config):
    """The average loss and the average accuracy; nothing is trained."""
    losses, accuracies = AverageMeter("Loss", ":.4f"), AverageMeter("Accuracy", ":.4f")
    model.eval()
    for inputs, targets in data_loader:
        inputs, targets = inputs.to(device), targets.to(device)
        outputs = model(inputs)
        losses.update(criterion(outputs, targets).item(), len(targets))
        accuracies.update(accuracy(outputs, targets), len(targets))
    return losses.avg, accuracies.avg


def initialize(model, kind):
    """W_hh orthogonal, or the identity; "default" is what torch gave it."""
    if kind == "orthogonal":
        nn.init.orthogonal_(model.W_hh.weight)
    elif kind == "identity":
        nn.init.eye_(model.W_hh.weight)


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
        state = torch.load(path, "cpu", weights_only=True)
        had = state["measured"]["flags"]
    except OSError:
        raise
    except Exception as error:  # torch and pickle raise many
        problem = f"{path} is damaged, or another file ({type(error).__name__})"
        raise SystemExit(f"{problem}; delete it, or set --out") from None
    if had != flags:
        raise SystemExit(f"{path} is of other flags: {had}; delete it, or set --out")
    return state


def main(config):
    """Train, and store the weights and what was measured."""
    torch.manual_seed(config.seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = VanillaRNN(
        config.input_length, config.input_dim, config.num_hidden, config.num_classes
    )
    initialize(model, config.init)
    model.to(device)

    dataset = PalindromeDataset(
        config.input_length, config.data_size, config.one_hot, config.seed
    )
    shares = [config.portion_train, 1 - config.portion_train]
    train_set, val_set = random_split(dataset, shares)
    if not len(train_set) or not len(val_set):
        raise SystemExit(f"--portion_train {config.portion_train} leaves a part empty")
    order = torch.Generator()
    train_loader = DataLoader(train_set, config.batch_size, True, generator=order)
    val_loader = DataLoader(val_set, config.batch_size)

    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.RMSprop(model.parameters(), lr=config.learning_rate)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, config.max_epoch)

    parts = {"model": model, "optimizer": optimizer, "scheduler": scheduler}
    out, measured = Path(config.out), {"flags": vars(config), "epochs": []}
    measured["device"] = device.type
    checkpoint = out.with_suffix(".checkpoint")
    if checkpoint.exists():
        state = resumed(checkpoint, vars(config))
        for name, part in parts.items():
            part.load_state_dict(state[name])
        measured = state["measured"]
    for epoch in range(len(measured["epochs"]), config.max_epoch):
        order.manual_seed(1000 * config.seed + epoch)  # so that a run can go on
        now = optimizer, criterion, device, config
        loss, share = train(model, train_loader, *now)
        values = {"train_loss": loss, "train_accuracy": share}
        values["loss"], values["accuracy"] = evaluate(model, val_loader, *now)
        scheduler.step()
        measured["epochs"].append(values)
        print(epoch + 1, *(f"{name} {value:.4f}" for name, value in values.items()))
        state = {name: part.state_dict() for name, part in parts.items()}
        save(state | {"measured": measured}, checkpoint)
    save({name: each.cpu() for name, each in model.state_dict().items()}, out)
    out.with_suffix(".json").write_text(json.dumps(measured))
    checkpoint.unlink(missing_ok=True)
    print("Done training.")


def parse(arguments=None):
    """The flags of the command line; what can't end well is refused before a start."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default, meaning in (
        ("input_length", 19, "digits that are read, T - 1"),
        ("input_dim", 1, "numbers a digit is put in as; 10 with --one_hot"),
        ("num_classes", 10, "digits that there are"),
        ("num_hidden", 128, "numbers of the hidden state"),
        ("batch_size", 128, "palindromes a step"),
        ("learning_rate", 0.001, "of RMSprop, at the start"),
        ("max_epoch", 1000, "passes over the training palindromes"),
        ("max_norm", 10.0, "the largest norm that the gradient keeps"),
        ("data_size", 1_000_000, "palindromes drawn, where there are as many"),
        ("portion_train", 0.8, "share of them that is trained on"),
        ("seed", 0, "of weights, palindromes, split and order"),
        ("out", "vanilla_rnn.pt", "file for the weights"),
    ):
        parser.add_argument(
            f"--{name}", type=type(default), default=default, help=meaning
        )
    parser.add_argument("--one_hot", action="store_true", help="digits as rows of ten")
    parser.add_argument(
        "--init", default="default", choices=("default", "orthogonal", "identity")
    )
    config = parser.parse_args(arguments)
    if config.input_dim != (10 if config.one_hot else 1):
        parser.error("--input_dim is 10 with --one_hot, and 1 without")
    if config.num_classes < 10:
        parser.error(f"--num_classes {config.num_classes}: expected 10, or more")
    for name in ("num_hidden", "batch_size", "max_epoch", "seed"):
        value, least = vars(config)[name], int(name != "seed")
        if value < least:
            parser.error(f"--{name} {value}: expected {least} or more")
    for name in ("learning_rate", "max_norm"):
        value = vars(config)[name]
        if not value > 0 or (name == "learning_rate" and math.isinf(value)):
            parser.error(f"--{name} {value}: expected a number above 0")
    out = Path(config.out)
    if out.is_dir() or out.suffix.lower() in (".checkpoint", ".json"):
        problem = f"{config.out} is a folder, or what a run keeps beside the weights"
        parser.error(f"--out {problem}; name a file such as rnn.pt")
    return config


if __name__ == "__main__":
    try:
        main(parse())
    except (OSError, ValueError) as error:
        sys.exit(f"train.py: {error}")
