"""Train and test the NumPy multilayer perceptron on two moons (Assignment 1).

    python train_mlp_numpy.py --batch_size 10 --max_steps 100

--batch_size chooses the kind of gradient descent, here and in pytorch_train_mlp.py:
0, the default, takes all training samples for each step, 1 a single one (stochastic),
and any other number a mini-batch. --max_steps counts epochs, as its help says. The
accuracy is in percent here, and in shares of 1 in the PyTorch version.
"""

import argparse

import numpy as np
from mlp_numpy import MLP
from modules import CrossEntropy
from sklearn.datasets import make_moons

DNN_HIDDEN_UNITS_DEFAULT = "20"
LEARNING_RATE_DEFAULT = 1e-2
MAX_EPOCHS_DEFAULT = 1500
EVAL_FREQ_DEFAULT = 10
BATCH_SIZE_DEFAULT = 0
SEED_DEFAULT = 0

FLAGS = None


def accuracy(predictions, targets):
    """The percentage of rows whose largest entry stands where the target's 1 does.

    predictions: (n, k); targets: one-hot, (n, k)
    """
    return 100 * float(np.mean(predictions.argmax(axis=1) == targets.argmax(axis=1)))


def split(x, labels, seed=SEED_DEFAULT):
    """Training inputs and one-hot targets, then test's: a random fifth."""
    order = np.random.default_rng(seed).permutation(len(x))
    targets, test = np.eye(labels.max() + 1)[labels], len(x) // 5
    train, test = order[test:], order[:test]
    return x[train], targets[train], x[test], targets[test]


def moons(seed=SEED_DEFAULT):
    """A thousand points on two noisy half circles, split."""
    return split(*make_moons(1000, noise=0.2, random_state=seed), seed)


def batches(n, size, rng):
    """The numbers of n samples in a new order, in batches; 0 for one batch of all."""
    order, size = rng.permutation(n), size or n
    return [order[start : start + size] for start in range(0, n, size)]


def hidden_units(text):
    """'20,10' as [20, 10]; '' as []."""
    try:
        units = [int(each) for each in text.split(",")] if text else []
    except ValueError:
        units = [0]
    if any(each < 1 for each in units):
        raise argparse.ArgumentTypeError(
            f"got {text!r}; expected positive whole numbers with commas between them, "
            "such as 20,10"
        )
    return units


def train(
    dnn_hidden_units=DNN_HIDDEN_UNITS_DEFAULT,
    learning_rate=LEARNING_RATE_DEFAULT,
    max_steps=MAX_EPOCHS_DEFAULT,
    eval_freq=EVAL_FREQ_DEFAULT,
    batch_size=BATCH_SIZE_DEFAULT,
    seed=SEED_DEFAULT,
    data=None,
    model=None,
    log=print,
):
    """Train, and test on the whole test set every `eval_freq` epochs and at the end.

    data: what `split` returns; None for the moons
    model: what to train; None for a new MLP, with `seed` for its first weights
    log: gets a line for each test

    Returns the model, and the history: lists "loss" (the mean over each epoch's
    training samples), and of the tests "epoch", "train_accuracy", "test_accuracy".
    """
    x, y, x_test, y_test = moons(seed) if data is None else data
    if model is None:
        model = MLP(x.shape[1], hidden_units(dnn_hidden_units), y.shape[1], seed)
    criterion, rng = CrossEntropy(), np.random.default_rng(seed)
    history = {"loss": [], "epoch": [], "train_accuracy": [], "test_accuracy": []}
    for epoch in range(1, max_steps + 1):
        total = 0
        for rows in batches(len(x), batch_size, rng):
            probs = model.forward(x[rows])
            total += criterion.forward(probs, y[rows]) * len(rows)
            model.backward(criterion.backward(probs, y[rows]))
            update(model, learning_rate)
        history["loss"].append(total / len(x))
        if epoch % eval_freq == 0 or epoch == max_steps:
            right = accuracy(model.forward(x), y)
            right_test = accuracy(model.forward(x_test), y_test)
            history["epoch"].append(epoch)
            history["train_accuracy"].append(right)
            history["test_accuracy"].append(right_test)
            log(
                f"epoch {epoch}: loss {history['loss'][-1]:.4f}, accuracy "
                f"{right:.1f} % in training, {right_test:.1f} % in the test"
            )
    return model, history


def update(model, learning_rate):
    """One step down the gradients of the last `backward`."""
    for layer in model.layers:
        for name, param in getattr(layer, "params", {}).items():
            param -= learning_rate * layer.grads[name]


def parser(description):
    """The command line of both versions."""

    def units(text):
        hidden_units(text)  # which may raise
        return text

    def whole(least):
        def number(text):
            if int(text) < least:
                raise argparse.ArgumentTypeError(
                    f"got {text}; expected {least} or more"
                )
            return int(text)

        return number

    flags = argparse.ArgumentParser(description=description)
    flags.add_argument(
        "--dnn_hidden_units",
        type=units,
        default=DNN_HIDDEN_UNITS_DEFAULT,
        help="comma separated list of number of units in each hidden layer",
    )
    for name, kind, default, meaning in (
        ("learning_rate", float, LEARNING_RATE_DEFAULT, "learning rate"),
        ("max_steps", whole(1), MAX_EPOCHS_DEFAULT, "number of epochs to train"),
        ("eval_freq", whole(1), EVAL_FREQ_DEFAULT, "epochs from test to test"),
        ("batch_size", whole(0), BATCH_SIZE_DEFAULT, "samples a step; 0 for all"),
        ("seed", whole(0), SEED_DEFAULT, "of data, first weights and batches"),
    ):
        flags.add_argument(f"--{name}", type=kind, default=default, help=meaning)
    return flags


def flags_of(description):
    """The flags that the program was called with; argparse's error for others."""
    known = parser(description)
    flags, unparsed = known.parse_known_args()
    if unparsed:
        known.error(f"unrecognized arguments: {' '.join(unparsed)}")
    return flags


def main():
    """Train with the flags of the command line."""
    train(**vars(FLAGS))


if __name__ == "__main__":
    FLAGS = flags_of(__doc__.splitlines()[0])
    main()
