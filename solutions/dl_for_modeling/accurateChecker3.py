"""Score the network of cifarNet.pth on CIFAR-10's test images (question 5).

python accurateChecker3.py

prints two scores. Public copies of the course's checker count the parameters that
require a gradient, and round the divisor down to a whole number: up to 19,999 of them
cost nothing. The document rounds nothing; and here every stored number counts for it,
frozen ones and buffers too.
"""

import sys
import zipfile

import torch
from cifar10Classification import NeuralNetwork, test_loader
from torch import nn

FILE = "cifarNet.pth"
LAYERS = [each for each in vars(nn).values() if isinstance(each, type)]


def network():
    """The whole module in the file; no code runs but that of layers and our class.

    Raises FileNotFoundError for a missing file, ValueError for one that can't be read.
    """
    # A module is stored with its class as it is called in the program that stored it.
    ours = [NeuralNetwork, (NeuralNetwork, "__main__.NeuralNetwork")]
    try:
        with zipfile.ZipFile(FILE) as archive:
            if bad := archive.testzip():  # torch doesn't compare the checksums
                raise zipfile.BadZipFile(bad)
        with torch.serialization.safe_globals([*ours, *LAYERS]):
            net = torch.load(FILE, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise FileNotFoundError(
            f"no {FILE} here; run cifar10Classification.py"
        ) from None
    except Exception as error:  # torch and pickle raise many
        what = f"no whole NeuralNetwork of torch.nn's layers ({type(error).__name__})"
        raise ValueError(f"{FILE} holds {what}; run cifar10Classification.py") from None
    if not isinstance(net, nn.Module):
        raise ValueError(f"{FILE} holds a {type(net).__name__}, expected a module")
    return net.eval()


def tensors_in(value):
    """The tensors that a value is, or that its lists, tuples, sets and dicts hold."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple | set | frozenset):
        return [tensor for each in value for tensor in tensors_in(each)]
    return [value] if isinstance(value, torch.Tensor) else []


def counts(net):
    """The parameters that require a gradient, and all numbers that are stored.

    Raises ValueError for a tensor that is neither a parameter nor a buffer: it would
    escape both counts.
    """
    stored = [*net.parameters(), *net.buffers()]
    known = {id(each) for each in stored}
    for name, module in net.named_modules():
        for attribute, value in vars(module).items():
            if any(id(each) not in known for each in tensors_in(value)):
                place = ".".join(filter(None, (name, attribute)))
                raise ValueError(f"{FILE} holds a tensor that isn't counted: {place}")
    trained = sum(each.numel() for each in net.parameters() if each.requires_grad)
    return trained, sum(each.numel() for each in stored)


def logits_of(net, images):
    """Logits (n, 10); raises ValueError for a network that makes no such of images."""
    try:
        logits = net(images)
    except Exception as error:  # whatever a foreign network may raise
        what = f"fails on images of shape {tuple(images.shape)}: {error!r}"
        raise ValueError(f"{FILE} holds a network that {what}") from None
    shape, wanted = tuple(getattr(logits, "shape", ())), (len(images), 10)
    if shape != wanted:
        raise ValueError(f"{FILE} gives logits of shape {shape}, expected {wanted}")
    return logits


@torch.no_grad()
def main():
    """Print the two counts, the accuracy in percent, and the two scores."""
    net = network()
    trained, stored = counts(net)
    right = seen = 0
    for images, labels in test_loader:
        right += (logits_of(net, images).argmax(dim=1) == labels).sum().item()
        seen += len(labels)
    percent = 100 * right / seen
    print(f"parameters: {trained}")
    print(f"images: {seen}, right: {right}, numbers stored: {stored}")
    print(f"accuracy: {percent:.2f} %")
    print(f"score, divisor rounded down: {percent / max(trained // 10_000, 1):.4f}")
    print(f"score, all numbers, not rounded: {percent / max(stored / 10_000, 1):.4f}")


if __name__ == "__main__":
    try:
        main()
    except (OSError, ValueError) as error:
        sys.exit(f"accurateChecker3.py: {error}")
