"""Which number format trains a network fastest here; it differs by processor."""

import copy
import time
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn import functional as F

Precision = tuple[str, bool]  # the type's name, whether channels come last
NAMES = ("float32", "bfloat16")
FLOAT32 = ("float32", False)


def fastest(model: nn.Module, images: Tensor, labels: Tensor) -> Precision:
    """The quickest of float32 and bfloat16, channels last or not, for such a batch.

    Each pair trains a copy on it. Returns the type's name and whether channels come
    last: ("float32", False) unless another pair takes a tenth less time. Prints it.
    Of several processes, the first one measures and all take its choice.
    """
    together = dist.is_initialized()
    choice = [None]
    if not together or dist.get_rank() == 0:
        choice = [_measured(model, images, labels)]
    if together:
        dist.broadcast_object_list(choice)
    return choice[0]


def autocast(images: Tensor, dtype: str) -> torch.autocast:
    """The context in which a network computes in that type.

    Raises ValueError for another than float32 and bfloat16.
    """
    if dtype not in NAMES:
        raise ValueError(f"precision {dtype!r}; expected one of {', '.join(NAMES)}")
    lower = dtype == "bfloat16"
    return torch.autocast(images.device.type, torch.bfloat16, enabled=lower)


def formatted(what: Any, last: bool) -> Any:
    """A model or images, channels last where that is wanted."""
    return what.to(memory_format=torch.channels_last) if last else what


def _measured(model: nn.Module, images: Tensor, labels: Tensor) -> Precision:
    convolves = any(isinstance(layer, nn.Conv2d) for layer in model.modules())
    times = {}
    for last in (False, True) if convolves else (False,):
        for dtype in NAMES:
            trial, took = formatted(copy.deepcopy(model), last), []
            with torch.random.fork_rng():  # dropout's draws don't count
                for _ in range(3):
                    start = time.perf_counter()
                    with autocast(images, dtype):
                        logits = trial(formatted(images, last))
                    F.cross_entropy(logits.float(), labels).backward()
                    every = (each.grad for each in trial.parameters())  # or None
                    next(filter(torch.is_tensor, every)).sum().item()  # waits for it
                    took.append(time.perf_counter() - start)
            times[dtype, last] = min(took)
    best = min(times, key=times.get)
    best = best if times[best] < 0.9 * times[FLOAT32] else FLOAT32
    name = best[0] + ", channels last" * best[1]
    ratio = times[FLOAT32] / times[best]
    print(f"Training as measured fastest: {name}, {ratio:.1f} times float32's speed")
    return best
