"""The network of Part II: the reduced VGG of the course's slides."""

import torch
import torch.nn.functional as F
from torch import nn

# Channels of the convolutions, and where the map is made half as high and wide.
PLAN = (64, "pool", 128, "pool", 256, 256, "pool", 512, 512, "pool", 512, 512, "pool")


class Conv(nn.Conv2d):
    """A convolution of 3x3 that is faster where the map has 2x2 pixels.

    There, each pixel of the output meets 2x2 of the filter, and the rest of it meets
    padding. So four products of matrices give the same with 4/9 of the work.
    """

    def forward(self, x):
        """Maps (n, out_channels, h, w) of maps (n, in_channels, h, w)."""
        if x.shape[2:] != (2, 2):
            return super().forward(x)
        inputs = x.permute(0, 2, 3, 1).flatten(1)  # (n, 4 * in_channels)
        weight = self.weight.to(x.dtype).permute(0, 2, 3, 1)
        outputs = []
        for row, column in ((0, 0), (0, 1), (1, 0), (1, 1)):
            met = weight[:, 1 - row : 3 - row, 1 - column : 3 - column]
            outputs.append(F.linear(inputs, met.flatten(1), self.bias))
        return torch.stack(outputs, 1).unflatten(1, (2, 2)).permute(0, 3, 1, 2)


class CNN(nn.Module):
    """Eight convolutions of 3x3, each normalized, with ReLU; five poolings; one linear.

    n_channels: of an image, which is 32 pixels high and wide
    n_classes: logits of an image

    All parameters begin as PyTorch has them by default.
    """

    def __init__(self, n_channels, n_classes):
        super().__init__()
        layers = []
        for channels in PLAN:
            if channels == "pool":
                # Before the ReLU, as the ReLU of the largest value is the largest of
                # the ReLUs, with the same gradients, and there are four times fewer.
                layers.insert(-1, nn.MaxPool2d(3, stride=2, padding=1))
            else:
                conv = Conv(n_channels, channels, 3, padding=1)
                layers += [conv, nn.BatchNorm2d(channels), nn.ReLU()]
                n_channels = channels
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Linear(n_channels, n_classes)

    def forward(self, x):
        """Logits (n, n_classes) of images (n, n_channels, 32, 32)."""
        return self.classifier(self.features(x).flatten(1))
