"""Checkpoints: one safetensors file that is either the old one or the new one, never between.

It holds the weights, the optimizer's tensors, and in its header a JSON document. No generator
state is in it because there is none: order, augmentation, dropout and learning rate are functions
of (seed, step). No pickle: a checkpoint is data, not code.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from tilth.errors import StepError
from tilth.records import Json
from tilth.store.files import atomic_file
from tilth.training.optimizer import UpdateRule


def save_checkpoint(path: Path, model: nn.Module, optimizer: UpdateRule, state: Json) -> None:
    """Write aside, sync, rename: the previous checkpoint stays until the new one is complete.

    Args:
        path: The checkpoint file.
        model: Its parameters and buffers are written as `model.<name>`.
        optimizer: Its tensors are written as `optimizer.<name>`.
        state: JSON-able; everything else.

    Raises:
        StorageError: The disk is full or the folder cannot be written.
    """
    tensors = {f"model.{name}": value for name, value in model.state_dict().items()}
    tensors |= {f"optimizer.{name}": value for name, value in optimizer.tensors().items()}
    write_tensors(path, tensors, {"state": json.dumps(state, sort_keys=True)})


def load_checkpoint(path: Path, model: nn.Module, optimizer: UpdateRule) -> Json | None:
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
            state: Json = json.loads(file.metadata()["state"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
        raise StepError(
            f"the checkpoint cannot be read: {error}", where=str(path), hint=hint
        ) from error
    kept = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
    kept |= {f"optimizer.{name}": tensor for name, tensor in optimizer.tensors().items()}
    differing = [
        f"{name} {list(tensor.shape)}"
        for name, tensor in kept.items()
        if name not in tensors or tensors[name].shape != tensor.shape
    ]
    if differing or kept.keys() != tensors.keys():
        raise StepError(
            "the checkpoint is of another model or optimizer",
            where=f"{path}: {', '.join(differing[:3]) or 'more tensors than this one'}",
            hint=hint,
            code="checkpoint-shape",
        )
    with torch.no_grad():
        for name, tensor in kept.items():
            tensor.copy_(tensors[name])
    return state


def write_tensors(path: Path, tensors: dict[str, Tensor], header: dict[str, str]) -> None:
    """A safetensors file, written aside, synced and renamed.

    Raises:
        StorageError: The disk is full or the folder cannot be written.
    """
    contiguous = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    data = save(contiguous, header)
    with atomic_file(path) as file:
        file.write(data)
