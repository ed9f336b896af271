"""The file that a training run goes on from, if it is the same run."""

from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from helpers.files import write_whole
from helpers.tensors import Part, digest


def beginning(
    optimizer: Optimizer, scheduler: LRScheduler | None, *data: Part
) -> dict[str, Any]:
    """What two runs have to share, as it is before the first step."""
    rates = optimizer.state_dict()["param_groups"]
    plan = scheduler.state_dict() if scheduler else None
    found = {"optimizer": rates, "scheduler": plan, "data": digest(*data)}
    return deepcopy(found)  # both change while they are used


def save(path: str | Path, parts: dict[str, Any], run: dict[str, Any]) -> None:
    """Write how far a run has come, with the state of its parts."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    state = {name: each.state_dict() for name, each in parts.items()}
    write_whole(path, partial(torch.save, state | {"run": run}))


def load(
    path: str | Path, parts: dict[str, Any], settings: dict[str, Any]
) -> dict[str, Any]:
    """How far the run has come; its parts get the state that they had then.

    Raises ValueError for a file of other settings, and says which.
    """
    state = torch.load(path, map_location="cpu", weights_only=True)
    found = state["run"]["settings"]
    if other := [name for name in settings if found.get(name) != settings[name]]:
        was, now = ({name: of.get(name) for name in other} for of in (found, settings))
        raise ValueError(f"{path} has {was}, expected {now}; name another file")
    for name, each in parts.items():
        each.load_state_dict(state[name])
    return state["run"]
