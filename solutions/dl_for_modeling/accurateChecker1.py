"""Score the network that mnistClassification.py saved (questions 1 to 3).

    python accurateChecker1.py                      test images, pixels from 0 to 1
    python accurateChecker1.py --edition raw        training images, pixels 0 to 255

Two editions of the course's checker are known, and this program scores as either does:
one takes what load_MNIST returns first for the test images, and divides by 255; the
other takes it for the training images, and doesn't.
"""

import argparse
import hashlib
import json
import sys
from pathlib import Path

import numpy as np
from mnistClassification import (
    CrossEntropy,
    Linear,
    Mean,
    Sigmoid,
    Softmax,
    load_MNIST,
    match_ratio,
    net_forward,
)

STRUCTURE, PARAMETERS = "npMnistStructure.json", "npMnistParameters.npy"
NODES = {
    "sigmoid": Sigmoid,
    "softmax": Softmax,
    "cross_entropy": CrossEntropy,
    "mean": Mean,
}


def network():
    """The network that the two files describe.

    Raises FileNotFoundError for a missing file, ValueError for one that can't be read,
    for two that don't belong together, and for a node that the template doesn't have.
    """
    for name in (STRUCTURE, PARAMETERS):
        if not Path(name).is_file():
            raise FileNotFoundError(f"no {name} here; run mnistClassification.py")
    try:
        structure = json.loads(Path(STRUCTURE).read_text("utf-8"))
        nodes = list(zip(structure["struct"], structure["num_parametes"], strict=True))
    except (KeyError, RecursionError, TypeError, ValueError) as error:
        raise ValueError(f"{STRUCTURE} can't be read: {error!r}") from None
    sha256 = hashlib.sha256(Path(PARAMETERS).read_bytes()).hexdigest()
    if structure.get("sha256", sha256) != sha256:  # the template's has none
        raise ValueError(f"{PARAMETERS} isn't the file that {STRUCTURE} was saved with")
    net = []
    with Path(PARAMETERS).open("rb") as file:
        for name, shape in nodes:
            if name == "linear":
                if not isinstance(shape, list) or len(shape) != 2:
                    problem = f"a linear layer of {shape!r}, expected [in, out]"
                    raise ValueError(f"{STRUCTURE} has {problem}")
                net.append(Linear(*shape, *(array(file, shape[i:]) for i in (0, 1))))
            elif isinstance(name, str) and name in NODES:
                net.append(NODES[name]())
            else:
                known = ", ".join(["linear", *NODES])
                raise ValueError(f"{STRUCTURE} has a node {name!r}; known: {known}")
        if file.read(1):
            raise ValueError(f"{PARAMETERS} holds more arrays than {STRUCTURE} names")
    return net


def array(file, shape):
    """The next array of a file, of that shape; code that it may hold isn't run."""
    try:
        found = np.lib.format.read_array(file, allow_pickle=False)
    except Exception as error:  # NumPy raises many
        raise ValueError(f"{PARAMETERS} can't be read: {error}") from None
    if found.dtype.kind != "f":
        raise ValueError(f"{PARAMETERS} has numbers of {found.dtype}, expected floats")
    if list(found.shape) != shape:
        raise ValueError(f"{PARAMETERS} has {found.shape}, {STRUCTURE} has {shape}")
    return found


def main(edition):
    """Print the accuracy with three decimals, as the course's checker does."""
    net, loaded = network(), load_MNIST()
    images, label = loaded[:2] if edition == "scaled" else loaded[2:]
    images = images.reshape(len(images), -1).astype(np.float32)
    if edition == "scaled":
        images /= 255
    probabilities, _ = net_forward(net, images, label)
    share = match_ratio(probabilities, label)
    count = sum(each.size for node in net for each in node.parameters)
    print(f"parameters: {count}")
    print(f"images: {len(images)}, right: {round(share * len(images))}")
    print(f"accuracy: {share:.3f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--edition", default="scaled", choices=("scaled", "raw"))
    try:
        main(parser.parse_args().edition)
    except (OSError, ValueError) as error:
        sys.exit(f"accurateChecker1.py: {error}")
