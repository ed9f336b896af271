"""Train a fully connected network on CIFAR-10, test it, and draw what it does.

    python main.py                       as in the results
    python main.py --quick               an epoch on a tenth of the images, to try it
    python main.py --plain --epochs 15   nothing against overfitting: see it happen

Weights go to models/, pictures to figures/, the losses by epoch and the accuracies to
models/history.json. The same seed gives the same weights to the last bit on one thread
(OMP_NUM_THREADS=1) of the same machine. Images are read from the folder that DL_DATA
names, else from data/ beside this file, else from beside it; else torchvision downloads
them into data/.
"""

import argparse
import json
import sys

import torch
import torch.nn as nn
from testing import test_model
from torch.optim.lr_scheduler import OneCycleLR
from torch.utils.data import Subset
from training import evaluate, train_model
from utils.data_utils import (
    InMemory,
    get_testloader,
    get_train_and_test_set,
    get_trainloader,
    get_validationloader,
    split_testset,
)
from utils.model import MODEL_PATH, NeuralNet
from utils.viz_utils import visualize_train_val_losses


def main(arguments=None):
    """Train and test as the command line says; return what was measured.

    Steps:
    - The sizes of the input and of the output.
    - Epochs, batch size, learning rate.
    - Network, loss and optimizer.
    - Training, validation and test images. Validation is cut from the training images,
      so that the test images decide nothing: they are read once, at the end.
    - Training; a figure of both losses.
    - Test; figures of predictions, and the accuracy.
    """
    options = parse(arguments)
    torch.manual_seed(options.seed)

    input_size = 3 * 32 * 32
    num_classes = 10
    epochs = options.epochs
    batch_size = 100 if options.plain else 250
    learning_rate = 3e-4 if options.plain else 1e-3
    weight_decay = 0.0 if options.plain else 0.05
    label_smoothing = 0.0 if options.plain else 0.1
    device = options.device

    model = NeuralNet(input_size, num_classes, method="kaiming").to(device)
    if options.bfloat16:
        model.forward = torch.autocast(device.type, torch.bfloat16)(model.forward)
    criterion = nn.CrossEntropyLoss(label_smoothing=label_smoothing)
    optimizer = torch.optim.AdamW(  # without weight decay it is Adam
        model.parameters(), lr=learning_rate, weight_decay=weight_decay, fused=True
    )

    train_set, test_set = get_train_and_test_set()
    if options.quick:
        train_set = Subset(train_set, range(len(train_set) // 10))
        test_set = Subset(test_set, range(len(test_set) // 10))
    train_indices, val_indices = split_testset(train_set, test_size=0.1)
    train_images = InMemory(Subset(train_set, train_indices), augment=options.augment)
    train_loader = get_trainloader(train_images, batch_size)
    val_loader = get_validationloader(train_set, val_indices, batch_size)
    if not options.plain:  # the learning rate rises, then falls to nearly zero
        steps = epochs * len(train_loader)
        schedule = OneCycleLR(optimizer, learning_rate, total_steps=steps)
        optimizer.register_step_post_hook(lambda *_: schedule.step())

    train_losses, val_losses = train_model(
        model, device, epochs, criterion, optimizer, train_loader, val_loader
    )
    visualize_train_val_losses(train_losses, val_losses)
    _, accuracy = evaluate(model, device, criterion, val_loader)
    found = {"train_losses": train_losses, "val_losses": val_losses}
    found |= {"val_accuracy": accuracy, "device": device.type}

    if not options.no_test:
        test_loader = get_testloader(test_set, range(len(test_set)), batch_size=1_000)
        found["test_accuracy"] = test_model(device, test_loader)
    MODEL_PATH.with_name("history.json").write_text(json.dumps(found, indent=1))
    return found


def parse(arguments):
    """The options of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add, on_or_off = parser.add_argument, argparse.BooleanOptionalAction
    add("--epochs", type=positive, help="default 15, with --quick 1")
    best = "cuda" if torch.cuda.is_available() else "cpu"
    add("--device", type=usable, default=best, help=f"default {best}")
    add("--seed", type=int, default=0)
    add("--quick", action="store_true", help="a tenth of the images")
    plain = "Adam at 3e-4, batches of 100, and nothing else"
    add("--plain", action="store_true", help=plain)
    moved = "move and mirror training images at random; without --plain it is done"
    add("--augment", action=on_or_off, help=moved)
    fast = "multiply in 16 bits; faster where the processor has instructions for it"
    add("--bfloat16", action="store_true", help=fast)
    add("--no-test", action="store_true", help="leave the test images alone")
    options = parser.parse_args(arguments)
    if options.epochs is None:
        options.epochs = 1 if options.quick else 15
    if options.augment is None:
        options.augment = not options.plain
    return options


def positive(text):
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"{text} is less than 1")
    return number


def usable(name):
    """The device, after a first tensor on it."""
    try:
        return torch.zeros(1, device=name).device
    except (AssertionError, NotImplementedError, RuntimeError) as error:
        why = str(error).splitlines()[0]
        raise argparse.ArgumentTypeError(f"{name} can't be used ({why})") from None


if __name__ == "__main__":
    try:
        main()
    except (OSError, ValueError) as error:
        sys.exit(f"main.py: {error}")
    except KeyboardInterrupt:
        sys.exit("stopped")
