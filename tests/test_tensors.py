import numpy as np
import pytest
import torch

from helpers import data, tensors


@pytest.mark.parametrize("shape", [(5, 4, 6), (5, 4, 6, 3)])
def test_a_set_becomes_normalized_images_with_channels_first(shape):
    images = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    mean = np.array([0.3, 0.4, 0.5], np.float32) if shape[3:] else np.float32(0.3)
    split = data.Split(images, np.arange(5), mean, mean * 2)
    made, labels = tensors.whole(split)
    grey = images.reshape(*shape[:3], -1)  # (n, height, width, channels)
    expected = (grey / 255 - mean) / (mean * 2)
    assert made.dtype == torch.float32 and made.is_contiguous()
    assert labels.tolist() == [0, 1, 2, 3, 4]
    np.testing.assert_allclose(made, expected.transpose(0, 3, 1, 2), atol=1e-6)


def test_validation_takes_its_images_away_from_training():
    part = torch.arange(20.0)[:, None, None, None], torch.arange(20)
    train, validation = tensors.split_validation(part, 6, seed=1)
    assert len(train[1]) == 14 and len(validation[1]) == 6
    assert sorted([*train[1].tolist(), *validation[1].tolist()]) == list(range(20))
    for images, labels in (train, validation):
        assert torch.equal(images.flatten(), labels.float())
    again = tensors.split_validation(part, 6, seed=1)[1][1]
    assert torch.equal(again, validation[1])
    other = tensors.split_validation(part, 6, seed=2)[1][1]
    assert not torch.equal(other, validation[1])


@pytest.mark.parametrize("size", [0, 20, 21, -1])
def test_neither_part_may_be_empty(size):
    part = torch.zeros(20, 1, 2, 2), torch.arange(20)
    with pytest.raises(ValueError, match=rf"{size} of 20 images; expected some"):
        tensors.split_validation(part, size)


def test_a_digest_differs_with_each_value_type_shape_and_place():
    images, labels = torch.zeros(4, 1, 2, 2), torch.tensor([0, 1, 0, 1])
    spot = images.clone()
    spot[3, 0, 1, 1] = 1e-30
    parts = [
        (images, labels),
        (spot, labels),
        (images, labels.flip(0)),
        (images.half(), labels),
        (images.reshape(4, 1, 4, 1), labels),
    ]
    assert len({tensors.digest(part) for part in parts}) == len(parts)
    assert tensors.digest(parts[0], parts[1]) != tensors.digest(parts[1], parts[0])
    strided = images.transpose(2, 3), labels
    assert tensors.digest(strided) == tensors.digest(parts[0])
