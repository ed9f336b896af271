"""The training loop, with a validation after every epoch."""

import math
import sys

import torch
from utils.model import MODEL_PATH


def train_model(model, device, epochs, loss_fn, optimizer, train_loader, val_loader):
    """Train a network; save its weights as models/cifar10_model.pt after every epoch.

    Args:
    - model (torch.nn.Module): takes flattened images (batch, 3072), gives logits.
    - device (torch.device): where to compute.
    - epochs (int): passes over the training images.
    - loss_fn (torch.nn.Module): mean loss of a batch, such as CrossEntropyLoss.
    - optimizer (torch.optim.Optimizer): of the model's parameters.
    - train_loader, val_loader (torch.utils.data.DataLoader): images and labels.

    Returns:
    - train_losses, val_losses (lists of float): the mean loss of an image, epoch by
      epoch; a short last batch counts as what it is. The training loss is taken on the
      way, while the weights change.

    Prints the loss at every step, and the loss and accuracy of validation after every
    epoch. Raises ValueError for a loss that is no number any more.
    """
    train_losses, val_losses = [], []
    line_end = "\r" if sys.stdout.isatty() else "\n"  # a terminal keeps one line
    for epoch in range(1, epochs + 1):
        model.train()
        total = seen = 0
        for step, (images, labels) in enumerate(train_loader, 1):
            images, labels = images.flatten(1).to(device), labels.to(device)
            loss = loss_fn(model(images).float(), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total, seen = total + loss.item() * len(labels), seen + len(labels)
            where = f"Epoch [{epoch}/{epochs}], Step [{step}/{len(train_loader)}]"
            print(f"{where}, Loss: {loss.item():.4f}", end=line_end)
            refuse_overflow(loss.item(), where)
        train_losses.append(total / seen)
        val_loss, accuracy = evaluate(model, device, loss_fn, val_loader)
        val_losses.append(val_loss)
        where = f"Epoch [{epoch}/{epochs}]"
        refuse_overflow(val_loss, where)  # before it replaces weights that were right
        print(
            f"{where}, Training Loss: {train_losses[-1]:.4f}, "
            f"Validation Loss: {val_loss:.4f}, Validation Accuracy: {accuracy:.2%}",
            flush=True,
        )
        save(model)
    return train_losses, val_losses


def evaluate(model, device, loss_fn, loader):
    """The mean loss of a loader's images, and the share that is classified rightly."""
    model.eval()
    total = right = seen = 0
    with torch.no_grad():
        for images, labels in loader:
            images, labels = images.flatten(1).to(device), labels.to(device)
            logits = model(images).float()
            total += loss_fn(logits, labels).item() * len(labels)
            right += (logits.argmax(dim=1) == labels).sum().item()
            seen += len(labels)
    return total / seen, right / seen


def refuse_overflow(loss, where):
    if not math.isfinite(loss):
        raise ValueError(f"{where}: the loss is {loss}; lower the learning rate")


def save(model):
    """Write the weights, a dict of tensors in 16 bits: all of the file, or nothing."""
    MODEL_PATH.parent.mkdir(exist_ok=True)
    part = MODEL_PATH.with_suffix(".part")
    state = {name: each.half() for name, each in model.state_dict().items()}
    try:
        torch.save(state, part)
    except RuntimeError as error:  # what torch makes of a full disk
        part.unlink(missing_ok=True)
        raise OSError(f"{MODEL_PATH} can't be written: {error}") from None
    part.replace(MODEL_PATH)
