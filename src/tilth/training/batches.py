"""The batches of a training run: a pure function of (seed, position), whatever was read before."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tilth.randomness import hashed
from tilth.training.examples import Examples
from tilth.training.memory import release_free_memory
from tilth.training.order import Index, Order
from tilth.training.settings import LoopSettings
from tilth.training.stopping import Plan
from tilth.training.task import Batch, Task

# Rows are gathered for several steps at once: one copy and one conversion instead of many small.
_GATHERED_BYTES = 2 << 20
# Ragged rows are sorted by length within so many batches: enough for little padding, few enough
# that an epoch is many such stretches.
_BUCKETED_BATCHES = 32


def batches_from(
    task: Task,
    data: Examples,
    order: Order,
    plan: Plan,
    loop: LoopSettings,
    position: int,
    seed: int,
) -> Iterator[tuple[Index, Batch]]:
    """The batches from a position in the data on, with the rows each is made of."""
    lengths = task.lengths(data)
    if lengths is not None:
        yield from _bucketed_batches(task, data, lengths, order, plan, loop, position, seed)
        return
    row_bytes = data.rows[:1].size * 8
    gathered = max(_GATHERED_BYTES // row_bytes // loop.batch_size, 1) * loop.batch_size
    end = plan.total_examples
    while end is None or position < end:
        count = gathered if end is None else min(gathered, end - position)
        rows, epochs = order.take(position, count)
        batch = task.collate(data, rows, epochs, seed)
        for number, part in enumerate(batch.split(loop.batch_size)):
            start = number * loop.batch_size
            yield rows[start : start + loop.batch_size], part
        position += count


def _bucketed_batches(
    task: Task,
    data: Examples,
    lengths: Index,
    order: Order,
    plan: Plan,
    loop: LoopSettings,
    position: int,
    seed: int,
) -> Iterator[tuple[Index, Batch]]:
    """As `batches_from`, with rows of like length in a batch, so that little of it is padding.

    A stretch of the order is sorted by length, cut, and the cuts shuffled. Stretches begin at
    fixed positions, so a batch is a function of (seed, position) here too.
    """
    stretch = _BUCKETED_BATCHES * loop.batch_size
    number, done = divmod(position, stretch)
    end = plan.total_examples
    while end is None or number * stretch < end:
        count = stretch if end is None else min(stretch, end - number * stretch)
        rows, epochs = order.take(number * stretch, count)
        by_length = np.argsort(lengths[rows], kind="stable")
        cuts = np.arange(0, count, loop.batch_size, dtype=np.uint64)
        for cut in np.argsort(hashed(cuts, seed, number, 8), kind="stable"):
            chosen = by_length[cut * loop.batch_size : (cut + 1) * loop.batch_size]
            if done <= 0:
                yield rows[chosen], task.collate(data, rows[chosen], epochs[chosen], seed)
            done -= len(chosen)
        number, done = number + 1, 0
        release_free_memory()
