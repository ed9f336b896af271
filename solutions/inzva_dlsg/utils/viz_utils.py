"""Pictures: predictions beside the truth, and the losses by epoch."""

from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.ticker import MaxNLocator

FIGURES = Path("figures")


def imshow(img):
    """Draw one image into the current axes, its normalization undone.

    Args:
    - img (torch.Tensor): pixels from -1 to 1, (3, 32, 32) or flattened.

    It isn't shown on the screen yet: that would end the figure at its first image.
    """
    pixels = img.cpu().reshape(3, 32, 32) / 2 + 0.5
    plt.imshow(pixels.permute(1, 2, 0).numpy())


def visualize_predictions(images, predicted, actual, idx, classes, num_images=5):
    """A row of images with what the network says, as figures/prediction_{idx}.jpg.

    Args:
    - images (torch.Tensor): a batch, (n, 3, 32, 32) or flattened.
    - predicted (torch.Tensor): labels by the network (n,).
    - actual (torch.Tensor): true labels (n,).
    - idx (int): number of the figure.
    - classes (list of str): name of each label.
    - num_images (int): at most so many; a short batch gives fewer.
    """
    count = min(num_images, len(images))
    plt.figure(figsize=(2 * num_images, 3), layout="tight")  # no title is cut off
    for index in range(count):
        plt.subplot(1, num_images, index + 1)
        imshow(images[index])
        said, true = classes[predicted[index]], classes[actual[index]]
        plt.title(f"Predicted: {said}\nActual: {true}")
        plt.axis("off")
    _finish(f"prediction_{idx}.jpg")


def visualize_train_val_losses(train_losses, val_losses):
    """Both losses against the epoch, as figures/train_val_loss.jpg.

    Args:
    - train_losses, val_losses (lists of float): one number an epoch.
    """
    plt.figure(figsize=(10, 5), layout="tight")
    epochs = range(1, len(train_losses) + 1)
    plt.plot(epochs, train_losses, "o-", label="Training")
    plt.plot(epochs, val_losses, "s--", label="Validation")
    plt.xlabel("Epochs")
    plt.ylabel("Loss")
    plt.title("Training and validation loss")
    plt.gca().xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    plt.legend()
    _finish("train_val_loss.jpg")


def _finish(name):
    """Save the current figure, show it where there is a screen, and close it."""
    FIGURES.mkdir(exist_ok=True)
    plt.savefig(FIGURES / name)
    if plt.get_backend().lower() != "agg":
        plt.show(block=False)  # a window that waits would stop the program
    plt.close()
