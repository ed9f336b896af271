"""The loop that trains the book's PyTorch networks, on whole sets kept as tensors.

    whole = tensors.whole(data.load("cifar10").train)
    train, validation = tensors.split_validation(whole, 5000)
    optimizer = torch.optim.AdamW(model.parameters())
    history = fit(model, optimizer, train, validation, epochs=20)

Under `torchrun --standalone --nproc-per-node=2` processes share each of its batches.
"""

import math
import time
from collections.abc import Callable
from copy import deepcopy
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel
from torch.optim.lr_scheduler import LRScheduler
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm import tqdm

from helpers import checkpoints
from helpers.precision import FLOAT32, Precision, autocast, fastest, formatted
from helpers.tensors import Part

SAVE_EVERY = 30.0  # seconds, what a kill can lose
HISTORY = ("train_loss", "train_accuracy", "loss", "accuracy", "seconds")


def rank() -> int:
    """This process's number under torchrun, or 0; only number 0 should write."""
    return dist.get_rank() if dist.is_initialized() else 0


@torch.no_grad()
def evaluate(model: nn.Module, part: Part, batch: int = 1000) -> tuple[float, float]:
    """The mean cross-entropy and the accuracy, in evaluation mode (no dropout)."""
    was_training, sums = model.training, torch.zeros(2, dtype=torch.float64)
    model.eval()
    for images, labels in zip(*(each.split(batch) for each in part), strict=True):
        logits = model(images).to(images.dtype)
        loss = F.cross_entropy(logits, labels, reduction="sum")
        right = (logits.argmax(1) == labels).sum()
        sums += torch.stack([loss.double(), right.double()]).cpu()
    model.train(was_training)
    loss, accuracy = (sums / len(part[1])).tolist()
    return loss, accuracy


def fit(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    train: Part,
    validation: Part,
    *,
    epochs: int,
    batch: int = 128,
    scheduler: LRScheduler | None = None,
    augment: Callable[[Tensor, Tensor, np.random.Generator], Part] | None = None,
    label_smoothing: float = 0.0,
    clip: float | None = None,
    ema: float | None = None,
    precision: Precision | None = FLOAT32,
    seed: int = 0,
    checkpoint: str | Path | None = None,
) -> dict[str, list[float]]:
    """Train by cross-entropy; leave the weights in the model that validated best.

    The model is left in evaluation mode, in which it was validated.

    train, validation: images and int64 labels (n,), on the model's device
    scheduler: takes a step after each batch; an epoch has ceil(n / batch) of them
    augment: from images, labels and a generator to images and labels or probabilities
    clip: the largest norm that the gradient keeps
    ema: the share that an average of the weights keeps at each step; if given, that
        average is validated and left in the model. It needs some 5 / (1 - ema) steps
        to forget the first weights: with 0.999, 5,000
    precision: None measures which one is `fastest`, and says it
    checkpoint: a file to go on from and to keep. A killed run loses half a minute at
        most, or one batch, and ends as an uninterrupted one.

    Returns for each epoch "train_loss" and "train_accuracy" (of augmented images, while
    the weights changed), "loss" and "accuracy" in validation, and "seconds".
    Raises FloatingPointError at a loss that isn't finite, with the best weights so far
    in the model; ValueError for no images or another number of labels, another
    precision, a checkpoint of another model, settings or data, or one that is damaged;
    OSError for one that can't be read.
    """
    if dist.is_torchelastic_launched() and not dist.is_initialized():
        dist.init_process_group(timeout=timedelta(minutes=5))
    me, world = rank(), dist.get_world_size() if dist.is_initialized() else 1
    _refuse_unequal(train=train, validation=validation)
    n, steps = len(train[1]), math.ceil(len(train[1]) / batch)
    parts = {"model": model, "optimizer": optimizer}
    parts |= {"scheduler": scheduler} if scheduler else {}
    if ema:
        rule = get_ema_multi_avg_fn(ema)
        parts["ema"] = AveragedModel(model, multi_avg_fn=rule, use_buffers=True)
    validated = parts["ema"].module if ema else model
    settings = {"epochs": epochs, "batch": batch, "seed": seed, "clip": clip}
    settings |= {"label_smoothing": label_smoothing, "ema": ema}
    settings |= {"precision": precision}  # as given: None goes on as it was measured
    if checkpoint:
        whats = model, optimizer, scheduler, epochs * steps, augment
        settings |= checkpoints.beginning(*whats, train, validation)
    if checkpoint and Path(checkpoint).exists():
        run = checkpoints.load(checkpoint, parts, settings)
    else:
        precision = precision or fastest(model, train[0][:batch], train[1][:batch])
        run = {"settings": settings, "precision": precision, "step": 0}
        run |= {"best": deepcopy(model.state_dict()), "sums": torch.zeros(3).double()}
        run["history"] = {name: [] for name in HISTORY}
    (dtype, last), history = run["precision"], run["history"]
    formatted(model.train(), last)
    network = DistributedDataParallel(model) if world > 1 else model
    criterion = nn.CrossEntropyLoss(label_smoothing=label_smoothing, reduction="sum")
    saved = time.perf_counter()
    bar = tqdm(total=epochs * steps, initial=run["step"], disable=me > 0 or None)
    with bar, torch.random.fork_rng():
        for epoch in range(run["step"] // steps, epochs):
            # What is random follows from the seed and the step: a run can go on
            # anywhere, and each process knows the draws of the others.
            order = np.random.default_rng([seed, epoch]).permutation(n)
            for i in range(run["step"] % steps, steps):
                start = time.perf_counter()
                if checkpoint and me == 0 and start - saved > SAVE_EVERY:
                    checkpoints.save(checkpoint, parts, run)
                    saved = start
                rng = np.random.default_rng([seed, epoch, i + 1])
                torch.manual_seed(int(rng.integers(2**62)) + me)  # for dropout
                rows = torch.from_numpy(order[i * batch : (i + 1) * batch])
                images, targets = (each[rows] for each in train)
                if augment:
                    images, targets = augment(images, targets, rng)
                images, targets = images[me::world], targets[me::world]
                with autocast(images, dtype):
                    logits = network(formatted(images, last)).to(images.dtype)
                loss = criterion(logits, targets)
                labels = targets if targets.ndim == 1 else targets.argmax(1)
                sums = torch.stack([loss.detach(), (logits.argmax(1) == labels).sum()])
                if world > 1:
                    dist.all_reduce(sums)
                _finite(sums[0].item(), model, run)
                optimizer.zero_grad()
                (loss * world / len(rows)).backward()  # the processes' mean is taken
                if clip:
                    nn.utils.clip_grad_norm_(model.parameters(), clip)
                optimizer.step()
                if scheduler:
                    scheduler.step()
                if ema:
                    parts["ema"].update_parameters(model)
                run["step"] += 1
                sums = [*sums.tolist(), time.perf_counter() - start]
                run["sums"] += torch.tensor(sums, dtype=torch.float64)
                bar.update()
            start = time.perf_counter()
            if world > 1:  # batch normalization's averages are each process's own
                for buffer in validated.buffers():
                    dist.broadcast(buffer, 0)
            with autocast(train[0], dtype):
                loss, accuracy = evaluate(validated, validation)
            _finite(loss, model, run)
            if accuracy > max(history["accuracy"], default=-1):
                run["best"] = deepcopy(validated.state_dict())
            total, right, seconds = run["sums"].tolist()
            seconds += time.perf_counter() - start
            values = total / n, right / n, loss, accuracy, seconds
            for name, value in zip(HISTORY, values, strict=True):
                history[name].append(value)
            run["sums"].zero_()
            bar.set_postfix(accuracy=f"{accuracy:.2%}")
    if checkpoint and me == 0:
        checkpoints.save(checkpoint, parts, run)
    model.eval().load_state_dict(run["best"])
    return history


def _finite(loss: float, model: nn.Module, run: dict[str, Any]) -> None:
    if not math.isfinite(loss):
        model.eval().load_state_dict(run["best"])
        problem = f"the loss is {loss} after {run['step']} steps"
        cure = "lower the learning rate or clip more"
        if run["step"] == 0:  # no step has been taken that could be too long
            cure = "look for what isn't finite in the images or the weights"
        raise FloatingPointError(f"{problem}; {cure}")


def _refuse_unequal(**parts: Part) -> None:
    for name, (images, labels) in parts.items():
        if not 0 < len(images) == len(labels):
            counts = f"{len(images)} images and {len(labels)} labels"
            raise ValueError(f"{name} has {counts}; give one label an image")
