"""Data parallel training: several processes, each with its part of every batch.

All processes hold the same weights and read the same data order; each computes the gradient of its
rows, and one sum over all makes it that of the whole batch. With one process this does nothing.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import distributed, nn


@dataclass(frozen=True)
class Ranks:
    """This process among the others.

    Attributes:
        rank: From 0.
        world: How many there are.
    """

    rank: int = 0
    world: int = 1

    @property
    def is_first(self) -> bool:
        """The one that writes checkpoints and speaks."""
        return self.rank == 0


def current() -> Ranks:
    """This process among those that torchrun started; alone where it did not."""
    if not distributed.is_available() or not distributed.is_initialized():
        return Ranks()
    return Ranks(distributed.get_rank(), distributed.get_world_size())


@contextlib.contextmanager
def first_before_others() -> Iterator[None]:
    """What the first process does here, and leaves on disk, the others find done."""
    ranks = current()
    if ranks.world > 1 and not ranks.is_first:
        distributed.barrier()
    yield
    if ranks.world > 1 and ranks.is_first:
        distributed.barrier()


def of_first(value: float) -> float:
    """The first process's number, in every process; alone, one's own.

    What a batch normalization averages differs between processes, and so do losses of validation:
    processes that each decided by their own when to stop would wait for each other for ever.
    """
    if current().world == 1:
        return value
    told = torch.tensor([value], dtype=torch.float64)
    distributed.broadcast(told, 0)
    return float(told)


def sum_of_all(value: float) -> float:
    """The sum of a number over all processes; alone, one's own."""
    if current().world == 1:
        return value
    told = torch.tensor([value], dtype=torch.float64)
    distributed.all_reduce(told)
    return float(told)


def sum_gradients(
    parameters: Sequence[nn.Parameter], loss: float, cpu_seconds: float
) -> tuple[float, float]:
    """Sum the gradients of all processes, in place, and two numbers of each, in one exchange.

    Args:
        parameters: Those that are trained, the same in every process.
        loss: Of this process.
        cpu_seconds: What this step took of it.

    Returns:
        The sums of the losses and of the seconds.
    """
    gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
    numbers = torch.tensor([loss, cpu_seconds])
    flat = torch.cat([*(g.reshape(-1).float().cpu() for g in gradients), numbers])
    distributed.all_reduce(flat)
    at = 0
    for parameter, gradient in zip(parameters, gradients, strict=True):
        part = flat[at : at + gradient.numel()]
        # In the memory layout of the parameter, on which the fused update rules rely unchecked.
        parameter.grad = gradient.copy_(part.view_as(gradient))
        at += gradient.numel()
    return float(flat[-2]), float(flat[-1])
