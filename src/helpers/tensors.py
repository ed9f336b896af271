"""Whole image sets as PyTorch tensors, on the device where they are used."""

from hashlib import sha256

import numpy as np
import torch
from torch import Tensor

from helpers import data

Part = tuple[Tensor, Tensor]  # images (n, channels, height, width), int64 labels (n,)


def whole(split: data.Split, device: torch.device | str = "cpu") -> Part:
    """The normalized images in float32, and their labels."""
    images = split.inputs().reshape(*split.images.shape[:3], -1)
    images = torch.from_numpy(images).permute(0, 3, 1, 2).to(device)
    return images.contiguous(), torch.from_numpy(split.labels).to(device)


def split_validation(part: Part, size: int, seed: int = 0) -> tuple[Part, Part]:
    """What is left to train on, and `size` images drawn for validation.

    Raises ValueError unless both have some.
    """
    images, labels = part
    if not 0 < size < len(labels):
        raise ValueError(f"got {size} of {len(labels)} images; expected some, not all")
    order = torch.from_numpy(np.random.default_rng(seed).permutation(len(labels)))
    kept, drawn = order[size:], order[:size]
    return (images[kept], labels[kept]), (images[drawn], labels[drawn])


def digest(*parts: tuple[Tensor, ...]) -> str:
    """Twelve hexadecimal digits that differ where a value of a tensor does."""
    found = sha256()
    for each in (tensor for part in parts for tensor in part):
        found.update(f"{each.dtype} {tuple(each.shape)}".encode())
        found.update(each.cpu().contiguous().flatten().view(torch.uint8).numpy())
    return found.hexdigest()[:12]
