"""Each image gets its own draw, the same on every machine; nothing else changes."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from helpers import augment

N, HEIGHT, WIDTH = 64, 5, 7


@pytest.fixture
def images():
    generator = torch.Generator().manual_seed(0)
    return torch.rand(N, 3, HEIGHT, WIDTH, generator=generator) + 1  # nowhere 0


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def moved(image, down, right):
    """The image with its content moved, pixel by pixel."""
    out = torch.zeros_like(image)
    for row in range(HEIGHT):
        for column in range(WIDTH):
            if 0 <= row - down < HEIGHT and 0 <= column - right < WIDTH:
                out[:, row, column] = image[:, row - down, column - right]
    return out


def test_flip_mirrors_about_half_of_the_images_and_leaves_the_others(images, rng):
    flipped = augment.flip(images, rng)
    mirrored = (flipped == images.flip(-1)).all(dim=(1, 2, 3))
    same = (flipped == images).all(dim=(1, 2, 3))
    assert (mirrored ^ same).all()
    assert 0.3 < mirrored.float().mean() < 0.7


def test_shift_moves_every_image_by_its_own_whole_pixels(images, rng):
    seen = set()
    for image, shifted in zip(images, augment.shift(images, 2, rng), strict=True):
        ways = [(y, x) for y in range(-2, 3) for x in range(-2, 3)]
        [way] = [way for way in ways if torch.equal(shifted, moved(image, *way))]
        seen.add(way)
    assert len(seen) > 15  # of 25
    assert {y for y, _ in seen} == {x for _, x in seen} == set(range(-2, 3))


def test_warp_without_strength_changes_nothing(images, rng):
    still = augment.warp(images, rng, 0, 0, 0, 0)
    assert torch.allclose(still, images, atol=1e-5)


def drawn(*values):
    """A generator that draws these values for every image."""

    def uniform(low, high, shape):
        return np.outer(values, np.ones(shape[1]))

    return SimpleNamespace(uniform=uniform)


def test_a_quarter_turn_is_exact():
    square = torch.rand(3, 2, 6, 6)
    turned = augment.warp(square, drawn(1, 0, 0, 0, 0), degrees=90)
    assert torch.allclose(turned, square.rot90(1, (2, 3)), atol=1e-5)


def test_warp_zooms_and_stretches_about_the_center():
    half = np.log(2)
    ones = torch.ones(1, 1, 8, 8)
    smaller = augment.warp(ones, drawn(0, 1, 0, 0, 0), zoom=half)
    assert smaller[0, 0, 2:6, 2:6].min() == 1 and smaller.sum() == 16
    narrower = augment.warp(ones, drawn(0, 0, 1, 0, 0), stretch=half)
    assert narrower[0, 0, :, 2:6].min() == 1 and narrower.sum() == 32
    larger = augment.warp(smaller, drawn(0, -1, 0, 0, 0), zoom=half)
    assert larger.min() > 0.5


def test_warp_moves_by_whole_pixels_as_shift_does():
    square = torch.rand(1, 2, 6, 6)
    for right, down in [(1, 0), (0, -1), (0.5, 1)]:
        warped = augment.warp(square, drawn(0, 0, 0, right, down), pixels=2)
        places = np.array([[2 - 2 * down], [2 - 2 * right]]).astype(int)
        rng = SimpleNamespace(integers=lambda *_, places=places, **__: 4 - places)
        shifted = augment.shift(square, 2, rng)
        assert torch.allclose(warped, shifted, atol=1e-5)


def test_warp_draws_anew_for_every_image(rng):
    one = torch.rand(1, 1, 9, 9).repeat(20, 1, 1, 1)
    assert len(augment.warp(one, rng).unique(dim=0)) == 20


@pytest.mark.parametrize("size", [1, 2, 3])
def test_cutout_clears_one_square_an_image_in_all_channels(images, rng, size):
    cut = augment.cutout(images, size, rng)
    gone = cut == 0
    assert torch.equal(cut[~gone], images[~gone])
    assert (gone.all(dim=1) == gone.any(dim=1)).all()
    squares = gone[:, 0].int()
    rows, columns = squares.amax(dim=2).sum(dim=1), squares.amax(dim=1).sum(dim=1)
    assert torch.equal(rows * columns, squares.sum(dim=(1, 2)))
    assert rows.max() == columns.max() == size and rows.min() > 0
    assert len(squares.unique(dim=0)) > 10


def test_mixup_blends_images_and_targets_in_the_same_shares(images, rng):
    mixed, targets = augment.mixup(images, torch.arange(N), 1.0, rng, N)
    assert torch.allclose(targets.sum(dim=1), torch.ones(N))
    assert torch.allclose(mixed, torch.einsum("ij,jchw->ichw", targets, images))
    own = targets.diagonal()
    assert own.min() >= 0.5
    assert len(own.unique()) > N / 2


def test_the_generator_alone_decides(images):
    labels = torch.zeros(N, dtype=torch.long)

    def all_of_them(seed):
        rng = np.random.default_rng(seed)
        made = augment.cutout(augment.shift(augment.flip(images, rng), 2, rng), 3, rng)
        return augment.mixup(made, labels, 0.4, rng)[0]

    assert torch.equal(all_of_them(1), all_of_them(1))
    assert not torch.equal(all_of_them(1), all_of_them(2))


def test_the_images_given_are_left_as_they_were(images, rng):
    before = images.clone()
    augment.flip(images, rng), augment.shift(images, 1, rng)
    augment.cutout(images, 3, rng)
    assert torch.equal(images, before)


@pytest.mark.parametrize("wrong", [torch.zeros(4, 784), torch.zeros(4, 1, 9, 9).byte()])
def test_flat_and_whole_number_images_are_refused(wrong, rng):
    with pytest.raises(ValueError, match=r"tensors\.whole"):
        augment.flip(wrong, rng)
    with pytest.raises(ValueError, match=r"tensors\.whole"):
        augment.cutout(wrong, 3, rng)
