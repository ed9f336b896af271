"""Weights of a network in a file, in 16 bits where there are many."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from helpers.files import write_whole

if TYPE_CHECKING:
    from torch import Tensor


def store(path: str | Path, tensors: Mapping[str, "Tensor"]) -> dict[str, "Tensor"]:
    """Write named tensors, such as a state_dict; return what `load` reads from there.

    Matrices and filters are stored as float16, right to one part in 2,000 from 6e-5 on
    and to 3e-8 below; vectors, such as biases and the statistics of batch norm, stay as
    they are.
    So a result is measured with what this returns, not with the tensors themselves:

        net.load_state_dict(weights.store("net.pt", net.state_dict()))

    Raises ValueError if a number isn't finite, or is beyond float16, 65,504.
    """
    import torch

    stored = {}
    for name, tensor in tensors.items():
        tensor = tensor.detach().cpu()
        many = tensor.ndim > 1 and tensor.is_floating_point()
        stored[name] = (tensor.half() if many else tensor).clone()
        if not tensor.isfinite().all():
            raise ValueError(f"{name} holds numbers that aren't finite")
        if not stored[name].isfinite().all():
            most = tensor.abs().max().item()
            raise ValueError(f"{name} reaches {most}; float16 ends at 65,504")
    file = io.BytesIO()  # a file's name would become a part of its content
    torch.save(stored, file)
    return load(write_whole(path, file.getvalue()))


def load(path: str | Path) -> dict[str, "Tensor"]:
    """The named tensors of a file, those of 16 bits as float32; on the CPU.

    Code that a pickle holds isn't run. Raises what torch.load does.
    """
    import torch

    found = torch.load(path, map_location="cpu", weights_only=True)
    short = torch.float16, torch.bfloat16
    return {name: t.float() if t.dtype in short else t for name, t in found.items()}
