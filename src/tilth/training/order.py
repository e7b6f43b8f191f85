"""Data order as a pure function of (seed, epoch, example id).

Every example gets the sort key hash(seed, epoch, id), so a position in training is an integer and
nothing else: no sampler state exists that a checkpoint could forget. Two data sets that share
examples keep those in the same relative order (common random numbers), which is what makes the
difference between two trainings quiet enough to measure.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tilth.errors import DataError
from tilth.randomness import hashed, shares, splitmix64

Ids = npt.NDArray[np.uint64]
Index = npt.NDArray[np.int64]


class Order:
    """The endless sequence of examples that a training run sees: epoch after epoch.

    Args:
        ids: uint64 [n].
        weights: float32 [n], the expected number of times that an example is seen an epoch: its
            whole part always, and once more where a hash falls below the fraction.
        seed: Orders with the same seed are paired.

    Raises:
        DataError: There is no example, or none is ever seen.
    """

    def __init__(self, ids: Ids, weights: npt.NDArray[np.float32], seed: int) -> None:
        if not float(weights.sum(dtype=np.float64)) > 0:
            raise DataError(
                "there is nothing to train on: no example is left, or all weights are 0",
                hint="`tilth show RUN STEP --dropped` says which rules took the samples",
                code="no-samples",
            )
        self._ids = ids
        self._seed = seed
        self._weights = None if bool((weights == 1).all()) else weights.astype(np.float64)
        self._cached: tuple[int, Index] = (-1, np.zeros(0, np.int64))
        self._starts = [0]

    def epoch(self, epoch: int) -> Index:
        """The examples of one epoch in order, int64 [length of the epoch]."""
        if self._cached[0] == epoch:
            return self._cached[1]
        index = np.arange(len(self._ids), dtype=np.int64)
        copy = np.zeros(len(index), np.uint64)
        if self._weights is not None:
            index = np.repeat(index, self._times(epoch))
            first = np.r_[True, index[1:] != index[:-1]] if len(index) else np.zeros(0, bool)
            run_start = np.maximum.accumulate(np.where(first, np.arange(len(index)), 0))
            copy = (np.arange(len(index)) - run_start).astype(np.uint64)
        keys = hashed(splitmix64(self._ids[index]) ^ copy, self._seed, epoch)
        index = index[np.argsort(keys, kind="stable")]
        self._cached = (epoch, index)
        return index

    def length(self, epoch: int) -> int:
        """Examples in one epoch."""
        return len(self._ids) if self._weights is None else int(self._times(epoch).sum())

    @property
    def is_weighted(self) -> bool:
        """Whether epochs differ in which examples they have."""
        return self._weights is not None

    def start(self, epoch: int) -> int:
        """Position of the first example of an epoch."""
        if self._weights is None:
            return epoch * len(self._ids)
        while len(self._starts) <= epoch:
            self._starts.append(self._starts[-1] + self.length(len(self._starts) - 1))
        return self._starts[epoch]

    def take(self, position: int, count: int) -> tuple[Index, Index]:
        """The examples at `position`, `position` + 1, ...

        Returns:
            index: int64 [count] into the examples.
            epochs: int64 [count], the epoch that each position lies in.
        """
        # Positions only grow within a run, so the search starts at the epoch that was last read.
        epoch = max(self._cached[0], 0)
        while epoch > 0 and self.start(epoch) > position:
            epoch -= 1
        parts: list[Index] = []
        epochs: list[Index] = []
        while count > 0:
            start, length = self.start(epoch), self.start(epoch + 1) - self.start(epoch)
            if position < start + length:
                chosen = self.epoch(epoch)[position - start : position - start + count]
                parts.append(chosen)
                epochs.append(np.full(len(chosen), epoch, np.int64))
                position += len(chosen)
                count -= len(chosen)
            epoch += 1
        return np.concatenate(parts), np.concatenate(epochs)

    def _times(self, epoch: int) -> Index:
        """How often each example is seen in an epoch, int64 [n]."""
        assert self._weights is not None
        return times_of(self._ids, self._weights, self._seed, epoch)


def times_of(
    ids: Ids, weights: npt.NDArray[np.float32] | npt.NDArray[np.float64], seed: int, epoch: int
) -> Index:
    """How often each example is seen in an epoch, int64 [n].

    Args:
        ids: uint64 [n].
        weights: float [n]: the whole part always, once more where a hash falls below the fraction.
        seed, epoch: Of the draw.
    """
    wide = weights.astype(np.float64)
    whole = np.floor(wide)
    again = shares(ids, seed, epoch, 1) < wide - whole
    return whole.astype(np.int64) + again
