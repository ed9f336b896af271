"""Score the network of mnistNet.pth on MNIST's test images (question 4).

python accurateChecker2.py
"""

import sys
import zipfile

import torch
from pytorchMnist import NeuralNetwork, test_loader
from torch import nn

FILE = "mnistNet.pth"
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
        raise FileNotFoundError(f"no {FILE} here; run pytorchMnist.py") from None
    except Exception as error:  # torch and pickle raise many
        what = f"no whole NeuralNetwork of torch.nn's layers ({type(error).__name__})"
        raise ValueError(f"{FILE} holds {what}; run pytorchMnist.py") from None
    if not isinstance(net, nn.Module):
        raise ValueError(f"{FILE} holds a {type(net).__name__}, expected a module")
    return net.eval()


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
    """Print the number of parameters, the loss, and the accuracy in whole percent."""
    net = network()
    count = sum(each.numel() for each in net.parameters() if each.requires_grad)
    right = seen = loss = 0
    for images, labels in test_loader:
        logits = logits_of(net, images.reshape(len(images), 28 * 28))
        loss += nn.functional.cross_entropy(logits, labels, reduction="sum").item()
        right += (logits.argmax(dim=1) == labels).sum().item()
        seen += len(labels)
    print(f"parameters: {count}")
    print(f"images: {seen}, right: {right}, mean loss: {loss / seen:.4f}")
    print(f"accuracy: {100 * right / seen:.0f} %")


if __name__ == "__main__":
    try:
        main()
    except (OSError, ValueError) as error:
        sys.exit(f"accurateChecker2.py: {error}")
