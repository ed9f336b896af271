"""The file that a training run goes on from, if it is the same run."""

import io
import re
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from helpers.files import write_whole
from helpers.tensors import Part, digest

RUN = ("precision", "step", "best", "sums", "history")  # besides its settings


def beginning(
    model: nn.Module,
    optimizer: Optimizer,
    scheduler: LRScheduler | None,
    steps: int,
    augment: Callable[..., Part] | None,
    *data: Part,
) -> dict[str, Any]:
    """What two runs have to share, as it is before the first step.

    steps: of the whole run, at which the functions of a `LambdaLR` are compared; of
        `augment` only the name is.
    """
    weights = model.state_dict().values()
    plan = scheduler.state_dict() if scheduler else None
    if functions := getattr(scheduler, "lr_lambdas", None):  # the state has no word of
        values = [[f(step) for step in range(1, steps + 1)] for f in functions]
        plan["lr_lambdas"] = digest((torch.tensor(values),))
    groups = optimizer.state_dict()["param_groups"]
    found = {
        "model": f"{model} {digest(tuple(weights))}",
        "optimizer": [type(optimizer).__name__, *groups],
        "scheduler": plan and {"class": type(scheduler).__name__} | plan,
        "augment": re.sub(r" at 0x\w+", "", repr(augment)),  # each process has its own
        "data": digest(*data),
    }
    return deepcopy(found)  # some of it changes while it is used


def plain(value: Any) -> Any:
    """The value with Python's numbers for NumPy's, which no checkpoint may hold."""
    match value:
        case dict():
            return {name: plain(each) for name, each in value.items()}
        case list() | tuple():
            return type(value)(plain(each) for each in value)
        case np.generic():
            return value.item()
        case _:
            return value


def save(path: str | Path, parts: dict[str, Any], run: dict[str, Any]) -> None:
    """Write how far a run has come, with the state of its parts."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    state = {name: plain(each.state_dict()) for name, each in parts.items()}
    file = io.BytesIO()  # torch doesn't say that a disk is full
    torch.save(state | {"run": plain(run)}, file)
    write_whole(path, file.getvalue())


def load(
    path: str | Path, parts: dict[str, Any], settings: dict[str, Any]
) -> dict[str, Any]:
    """How far the run has come; its parts get the state that they had then.

    Raises ValueError for a file of other settings, and says which, and for one that is
    damaged or no checkpoint; OSError for one that can't be read.
    """
    with open(path, "rb") as file:
        try:
            state = torch.load(file, map_location="cpu", weights_only=True)
            found = state["run"]["settings"]
            _ = [state["run"][name] for name in RUN]
        except Exception as error:  # what a damaged pickle raises can be anything
            raise _broken(path, error) from error
    settings = plain(settings)
    if other := [name for name in settings if found.get(name) != settings[name]]:
        was, now = ({name: of.get(name) for name in other} for of in (found, settings))
        raise ValueError(f"{path} has {was}, expected {now}; name another file")
    try:
        for name, each in parts.items():
            each.load_state_dict(state[name])
    except (KeyError, RuntimeError, ValueError) as error:
        raise _broken(path, error) from error
    return state["run"]


def _broken(path: str | Path, error: Exception) -> ValueError:
    why = str(error).splitlines() or [type(error).__name__]
    problem = f"{path} is no whole checkpoint ({why[0]})"
    return ValueError(f"{problem}; delete it, or name another file")
