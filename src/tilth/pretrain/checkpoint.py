"""Checkpoints: one safetensors file that is either the old one or the new one, never between.

It holds the weights, the optimizer's tensors, and in its header a JSON document. No generator
state is in it because there is none: order, augmentation, dropout and learning rate are functions
of (seed, step). No pickle: a checkpoint is data, not code.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from tilth.errors import StepError
from tilth.store.files import atomic_file


def save_checkpoint(
    path: Path, model: nn.Module, optimizer: torch.optim.Optimizer, state: dict[str, Any]
) -> None:
    """Write aside, sync, rename: the previous checkpoint stays until the new one is complete.

    Args:
        path: The checkpoint file.
        model: Its parameters and buffers are written as `model.<name>`.
        optimizer: Its tensors are written as `optimizer.<parameter number>.<name>`.
        state: JSON-able; everything else.

    Raises:
        StorageError: The disk is full or the folder cannot be written.
    """
    tensors = {f"model.{name}": value for name, value in model.state_dict().items()}
    for number, values in optimizer.state_dict()["state"].items():
        for name, value in values.items():
            if isinstance(value, Tensor):
                tensors[f"optimizer.{number}.{name}"] = value
    write_tensors(path, tensors, {"state": json.dumps(state, sort_keys=True)})


def load_checkpoint(
    path: Path, model: nn.Module, optimizer: torch.optim.Optimizer
) -> dict[str, Any] | None:
    """Restore model and optimizer in place.

    Returns:
        The state, or None if there is no checkpoint.

    Raises:
        StepError: The file is damaged, or belongs to a model of another shape.
    """
    if not path.is_file():
        return None
    hint = f"delete {path.parent} to train from the start"
    try:
        with safe_open(path, framework="pt") as file:
            state: dict[str, Any] = json.loads(file.metadata()["state"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
        raise StepError(
            f"the checkpoint cannot be read: {error}", where=str(path), hint=hint
        ) from error
    weights = {n.removeprefix("model."): t for n, t in tensors.items() if n.startswith("model.")}
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise StepError(
            "the checkpoint is of a model of another shape",
            where=f"{path}: {str(error).splitlines()[-1].strip()}",
            hint=hint,
            code="checkpoint-shape",
        ) from error
    slots: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        if name.startswith("optimizer."):
            _, number, slot = name.split(".", 2)
            slots.setdefault(int(number), {})[slot] = tensor
    optimizer.load_state_dict(
        {"state": slots, "param_groups": optimizer.state_dict()["param_groups"]}
    )
    return state


def write_tensors(path: Path, tensors: dict[str, Tensor], header: dict[str, str]) -> None:
    """A safetensors file, written aside, synced and renamed.

    Raises:
        StorageError: The disk is full or the folder cannot be written.
    """
    contiguous = {name: tensor.detach().contiguous() for name, tensor in tensors.items()}
    data = save(contiguous, header)
    with atomic_file(path) as file:
        file.write(data)
