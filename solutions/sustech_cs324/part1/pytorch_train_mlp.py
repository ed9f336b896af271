"""Train and test the PyTorch multilayer perceptron on two moons (Part I, Task 1).

    python pytorch_train_mlp.py --batch_size 10 --max_steps 100

Flags, data, batches and their order are those of train_mlp_numpy.py; the accuracy is a
share of 1 here, and in percent there.
"""

import argparse

import numpy as np
import torch
from pytorch_mlp import MLP
from torch import nn
from train_mlp_numpy import batches, flags_of, hidden_units, moons, parser

FLAGS = None


def accuracy(predictions, targets):
    """The share of rows whose largest entry stands where the target's 1 does.

    predictions: (n, k); targets: one-hot, (n, k)
    """
    return (predictions.argmax(dim=1) == targets.argmax(dim=1)).double().mean().item()


def train(data=None, model=None, log=print, **flags):
    """Train, and test on the whole test set every `eval_freq` epochs and at the end.

    data: what `split` of train_mlp_numpy returns; None for the moons
    model: what to train; None for a new MLP, with the seed for its first weights
    log: gets a line for each test
    flags: those of the command line, by name; what isn't given is as FLAGS has it, or
        else as the defaults are

    Returns the model and the history, as the NumPy version does.
    """
    given = argparse.Namespace(**(vars(FLAGS) if FLAGS else {}) | flags)
    flags = parser("").parse_args([], given)  # which fills in defaults
    arrays = moons(flags.seed) if data is None else data
    if model is None:
        torch.manual_seed(flags.seed)
        units = hidden_units(flags.dnn_hidden_units)
        model = MLP(arrays[0].shape[1], units, arrays[1].shape[1])
    dtype = next(model.parameters()).dtype
    x, y, x_test, y_test = (torch.as_tensor(each, dtype=dtype) for each in arrays)
    optimizer = torch.optim.SGD(model.parameters(), lr=flags.learning_rate)
    criterion, rng = nn.CrossEntropyLoss(), np.random.default_rng(flags.seed)
    history = {"loss": [], "epoch": [], "train_accuracy": [], "test_accuracy": []}
    for epoch in range(1, flags.max_steps + 1):
        total = 0
        for rows in batches(len(x), flags.batch_size, rng):
            loss = criterion(model(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(rows)
        history["loss"].append(total / len(x))
        if epoch % flags.eval_freq == 0 or epoch == flags.max_steps:
            with torch.no_grad():
                right = accuracy(model(x), y)
                right_test = accuracy(model(x_test), y_test)
            history["epoch"].append(epoch)
            history["train_accuracy"].append(right)
            history["test_accuracy"].append(right_test)
            log(
                f"epoch {epoch}: loss {history['loss'][-1]:.4f}, accuracy "
                f"{right:.3f} in training, {right_test:.3f} in the test"
            )
    return model, history


def main():
    """Train with the flags of the command line."""
    train()


if __name__ == "__main__":
    FLAGS = flags_of(__doc__.splitlines()[0])
    main()
