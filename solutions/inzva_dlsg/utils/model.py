"""The fully connected network, and the place of its weights."""

from pathlib import Path

import torch.nn as nn

MODEL_PATH = Path("models/cifar10_model.pt")  # training writes it, testing reads it


class NeuralNet(nn.Module):
    """Six fully connected layers, a ReLU between each two: 3,246,142 parameters."""

    def __init__(self, input_size, num_classes, method="random_normal"):
        """Make the layers and draw their weights.

        Args:
        - input_size (int): numbers in a flattened image, 3,072 for CIFAR-10.
        - num_classes (int): logits.
        - method (str): of initialize_weights: 'xavier', 'kaiming' or 'random_normal'.

        Layers:
        - fc1 to fc6, to 800, 512, 456, 256, 100 and num_classes units.
        """
        super().__init__()
        self.fc1 = nn.Linear(input_size, 800)
        self.fc2 = nn.Linear(800, 512)
        self.fc3 = nn.Linear(512, 456)
        self.fc4 = nn.Linear(456, 256)
        self.fc5 = nn.Linear(256, 100)
        self.fc6 = nn.Linear(100, num_classes)
        self.relu = nn.ReLU()
        self.initialize_weights(method)

    def initialize_weights(self, method):
        """Draw the weights of all linear layers anew; biases stay as they are.

        Args:
        - method (str):
            - 'xavier': uniform, of variance 2 / (fan_in + fan_out).
            - 'kaiming': uniform, of variance 2 / fan_in, which suits ReLU.
            - 'random_normal': of mean 0 and standard deviation 0.01. Six layers deep,
              images can hardly be told apart by such logits, and training starts late.

        Raises ValueError for any other name.
        """
        draw = {
            "xavier": nn.init.xavier_uniform_,
            "kaiming": lambda w: nn.init.kaiming_uniform_(w, nonlinearity="relu"),
            "random_normal": lambda w: nn.init.normal_(w, mean=0.0, std=0.01),
        }
        if method not in draw:
            raise ValueError(f"method is one of {', '.join(draw)}; got {method!r}")
        for layer in self.children():
            if isinstance(layer, nn.Linear):
                draw[method](layer.weight)

    def forward(self, x):
        """The logits (batch, num_classes) of flattened images x (batch, input_size).

        Layers in this order:
        - fc1 -> ReLU -> fc2 -> ReLU -> fc3 -> ReLU -> fc4 -> ReLU -> fc5 -> ReLU,
          then fc6.
        No ReLU after fc6: a logit must be free to be negative.
        """
        x = self.relu(self.fc1(x))
        x = self.relu(self.fc2(x))
        x = self.relu(self.fc3(x))
        x = self.relu(self.fc4(x))
        x = self.relu(self.fc5(x))
        return self.fc6(x)
