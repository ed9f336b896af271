"""Augmentation of whole batches of images: each image gets a draw of its own.

Images are floating point (n, channels, height, width) with 0 for the mean color, as
`tensors.whole` makes them. Draws come from NumPy, so that a graphics processor sees
the same images as a CPU.
"""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F


def flip(images: Tensor, rng: np.random.Generator) -> Tensor:
    """Mirror each image left to right, or not, with even chances."""
    mirrored = _column(rng.random(_count(images)) < 0.5, images)
    return torch.where(mirrored, images.flip(-1), images)


def shift(images: Tensor, pixels: int, rng: np.random.Generator) -> Tensor:
    """Move each image by -pixels to +pixels each way; what comes in is 0."""
    down, right = torch.from_numpy(
        rng.integers(0, 2 * pixels, (2, _count(images)), endpoint=True)
    ).to(images.device)
    height, width = images.shape[2:]
    padded = F.pad(images, (pixels,) * 4)
    windows = padded.unfold(2, height, 1).unfold(3, width, 1)  # views, no copies
    every = torch.arange(len(images), device=images.device)
    return windows[every, :, down, right]


def warp(
    images: Tensor,
    rng: np.random.Generator,
    degrees: float = 15,
    zoom: float = 0.15,
    stretch: float = 0.1,
    pixels: float = 4,
) -> Tensor:
    """Turn, zoom, stretch and move each square image; what comes in is 0.

    Each draws an angle within -degrees to +degrees, a factor within exp(-zoom) to
    exp(zoom), one more within exp(-stretch) to exp(stretch) for its width alone, and
    a move of -pixels to +pixels each way, in fractions of a pixel too.
    """
    draws = rng.uniform(-1, 1, (5, _count(images)))
    angle, factor = np.radians(degrees * draws[0]), np.exp(zoom * draws[1])
    width = factor * np.exp(stretch * draws[2])
    right, down = 2 * pixels / images.shape[-1] * draws[3:]  # a side is 2 in the grid
    cos, sin = np.cos(angle), np.sin(angle)
    rows = [[cos * width, -sin * factor, right], [sin * width, cos * factor, down]]
    places = torch.from_numpy(np.array(rows)).permute(2, 0, 1).to(images)  # (n, 2, 3)
    grid = F.affine_grid(places, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, align_corners=False)


def cutout(images: Tensor, size: int, rng: np.random.Generator) -> Tensor:
    """Set a square of size by size pixels to 0, centered anywhere in each image.

    Near an edge a part of the square lies outside. Source: DeVries and Taylor 2017,
    arXiv:1708.04552.
    """
    inside, count = [], _count(images)
    for length in images.shape[2:]:
        first = rng.integers(0, length, (count, 1)) - size // 2
        pixel = np.arange(length)
        inside.append((first <= pixel) & (pixel < first + size))  # (n, length)
    square = torch.from_numpy(inside[0][:, None, :, None] & inside[1][:, None, None, :])
    return images.masked_fill(square.to(images.device), 0)


def mixup(
    images: Tensor, labels: Tensor, alpha: float, rng: np.random.Generator, classes=10
) -> tuple[Tensor, Tensor]:
    """Blend each image, and its label, with those of another one of the batch.

    labels: int64 (n,). The shares come from Beta(alpha, alpha), one for each image, and
    the larger one is the image's own.
    Returns the images and the probabilities (n, classes) that are their targets.
    Source: Zhang et al. 2018, arXiv:1710.09412.
    """
    share = rng.beta(alpha, alpha, _count(images))
    share = _column(np.maximum(share, 1 - share), images).to(images.dtype)
    other = torch.from_numpy(rng.permutation(len(images))).to(images.device)
    targets = F.one_hot(labels, classes).to(images.dtype)
    part = share[:, :, 0, 0]
    return (
        share * images + (1 - share) * images[other],
        part * targets + (1 - part) * targets[other],
    )


def _count(images: Tensor) -> int:
    if images.ndim == 4 and images.is_floating_point():
        return len(images)
    raise ValueError(
        f"got images of shape {tuple(images.shape)} and type {images.dtype}; expected "
        "floating point (n, channels, height, width), as tensors.whole makes them"
    )


def _column(values: np.ndarray, images: Tensor) -> Tensor:
    """One value an image, in a shape that goes with the images'."""
    return torch.from_numpy(values).to(images.device)[:, None, None, None]
