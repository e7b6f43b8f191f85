"""Where a model is trained: on the processor, or on a GPU.

On the processor nothing here changes a bit. On a GPU torch is asked for deterministic kernels and
warns of each that has none.
"""

from __future__ import annotations

import os

import torch
from torch import nn

from tilth.errors import UsageError
from tilth.training.ranks import current


def choose_device(wanted: str) -> torch.device:
    """The device of this process; of several processes on a machine each takes the next GPU.

    Args:
        wanted: auto, cpu or cuda.

    Raises:
        UsageError: A GPU is asked for, and torch has none.
    """
    available = wanted != "cpu" and torch.cuda.is_available()
    if wanted == "cuda" and not available:
        raise UsageError(
            "torch finds no GPU",
            where="loop.device",
            hint="set loop.device: auto, or install a torch that is built for the GPU's driver",
        )
    if not available:
        return torch.device("cpu")
    # Without it matrix products on a GPU are not repeatable; it counts before the first one only.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    return torch.device("cuda", current().rank % torch.cuda.device_count())


def place(model: nn.Module, device: torch.device) -> None:
    """Move a model, in place; on a GPU kernels of images take the layout that is fastest there."""
    if device.type == "cuda":
        model.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    else:
        model.to(device)


def device_of(model: nn.Module) -> torch.device:
    """Where a model's inputs must be."""
    return next(model.parameters()).device


def seed_dropout(seed: int, device: torch.device) -> None:
    """Seed the generator that the layers of a model on this device draw from."""
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        torch.cuda.manual_seed(seed)
