"""CIFAR-10: where it lies, how it is transformed and split, and how it is read."""

import os
from pathlib import Path

import torch
from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader, Dataset, Subset
from torchvision import transforms
from torchvision.datasets import CIFAR10

HERE = Path(__file__).resolve().parents[1]  # the folder of main.py


def transform_cifar10():
    """What is done to every image: training, validation and test.

    Returns:
    - transform (torchvision.transforms.Compose): a tensor (3, 32, 32) from 0 to 1; then
      0.5 subtracted and divided by 0.5 in each color, so that it is from -1 to 1.
    """
    half = (0.5, 0.5, 0.5)
    return transforms.Compose([transforms.ToTensor(), transforms.Normalize(half, half)])


def split_testset(test_set, test_size=0.5):
    """Split the indices of a set in two, at random but always in the same way.

    Args:
    - test_set (torch.utils.data.Dataset): main.py gives the *training* set, since test
      images that choose the number of epochs, or any other setting, test no more.
    - test_size (float): share of the second part.

    Returns:
    - val_indices, test_indices (lists of int): no index is in both.
    """
    indices = list(range(len(test_set)))
    split = train_test_split(indices, test_size=test_size, random_state=42)
    val_indices, test_indices = split
    return val_indices, test_indices


def get_train_and_test_set():
    """CIFAR-10 in its two parts, transformed as transform_cifar10 says.

    Read from the folder that DL_DATA names, else from data/ or cifar-10-batches-py/
    beside main.py; where there is none, torchvision downloads it into data/.

    Returns:
    - train_set, test_set (torchvision.datasets.CIFAR10): 50,000 and 10,000 images.

    Raises FileNotFoundError where there is none, ValueError for damaged files.
    """
    given = os.environ.get("DL_DATA")
    roots = [Path(given).expanduser()] if given else [HERE / "data", HERE]
    found = [root for root in roots if (root / CIFAR10.base_folder).is_dir()]
    folder = (found or roots)[0] / CIFAR10.base_folder
    if given and not found:
        raise FileNotFoundError(f"DL_DATA={given} has no {folder}; put the files there")
    try:
        return tuple(
            CIFAR10(
                folder.parent,
                train=train,
                download=not found,
                transform=transform_cifar10(),
            )
            for train in (True, False)
        )
    except Exception as error:
        if found:
            problem = f"{folder} is damaged or not whole; delete it and restore it"
            raise ValueError(problem) from None
        why = (str(error) or type(error).__name__).splitlines()[0]
        problem = f"no CIFAR-10 in {folder}, and no download ({why})"
        raise FileNotFoundError(
            f"{problem}; put the files there, or set DL_DATA"
        ) from None


def get_trainloader(train_set, batch_size):
    """A loader of the training images, shuffled anew in each epoch.

    Args:
    - train_set (torch.utils.data.Dataset): images (3, 32, 32) with labels.
    - batch_size (int): images in a batch; the last one may be smaller.

    Returns:
    - trainloader (torch.utils.data.DataLoader).
    """
    return _loader(train_set, batch_size, shuffle=True)


def get_testloader(test_set, test_indices, batch_size):
    """A loader of some images of the test set, in their order; prints how many.

    Args:
    - test_set (torch.utils.data.Dataset): images (3, 32, 32) with labels.
    - test_indices (list of int): those to test on.
    - batch_size (int): images in a batch; the last one may be smaller.

    Returns:
    - test_loader (torch.utils.data.DataLoader).
    """
    print(f"Number of test samples: {len(test_indices)}")
    return _loader(Subset(test_set, test_indices), batch_size)


def get_validationloader(test_set, val_indices, batch_size):
    """A loader of the validation images, in their order; prints how many.

    Args:
    - test_set (torch.utils.data.Dataset): the set that they are cut from.
    - val_indices (list of int): theirs.
    - batch_size (int): images in a batch; the last one may be smaller.

    Returns:
    - val_loader (torch.utils.data.DataLoader).
    """
    print(f"Number of validation samples: {len(val_indices)}")
    return _loader(Subset(test_set, val_indices), batch_size)


class InMemory(Dataset):
    """The images of a set as one tensor: transformed once, and a batch read at once.

    augment: move and mirror them at random, anew each time that they are read.
    """

    def __init__(self, images_set, augment=False):
        pairs = (images_set[index] for index in range(len(images_set)))
        images, labels = zip(*pairs, strict=True)
        self.images = torch.stack(images)  # (n, 3, 32, 32)
        self.labels = torch.tensor(labels)  # (n,)
        self.augment = augment

    def __len__(self):
        return len(self.labels)

    def __getitems__(self, rows):
        images = self.images[rows]
        return augmented(images) if self.augment else images, self.labels[rows]


def augmented(images, furthest=2):
    """Each image mirrored or not, and moved up to `furthest` pixels both ways.

    images: (n, 3, height, width); what comes in at an edge repeats it.
    """
    n, height, width = len(images), *images.shape[2:]
    mirrored = torch.rand(n, 1, 1, 1) < 0.5
    images = torch.where(mirrored, images.flip(3), images)
    padded = torch.nn.functional.pad(images, [furthest] * 4, mode="replicate")
    windows = padded.unfold(2, height, 1).unfold(3, width, 1)
    down, right = torch.randint(2 * furthest + 1, (2, n))
    return windows[torch.arange(n), :, down, right]


def _loader(images_set, batch_size, shuffle=False):
    if not isinstance(images_set, InMemory):
        images_set = InMemory(images_set)
    # A batch comes whole from the set; there is nothing to be collated.
    return DataLoader(images_set, batch_size, shuffle=shuffle, collate_fn=tuple)
