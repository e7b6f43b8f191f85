"""The first texts that a training would draw in each of several epochs, kept as rows go by.

A training sorts the copies of its samples by a hash of seed, epoch and id (`tilth.training.order`).
The copies with the smallest hashes are found in one pass and little memory, whatever order the rows
come in, and they are drawn by their weights, for that is how often a sample is copied.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tilth.randomness import Keys, combine, shares, splitmix64

Weights = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]

# Of the order that is looked at; a training of the first seed draws the same, less what it holds
# out itself.
SEED = 0
# Copies of a sample that are hashed one by one; of more, the smallest hashes are drawn.
_COPIES = 1024


class Draws:
    """The first draws of the first epochs.

    Args:
        num_epochs: How many epochs.
        num_draws: Draws to keep of each at most.
        max_chars: Characters of a text to keep.
    """

    def __init__(self, num_epochs: int, num_draws: int, max_chars: int) -> None:
        self._num_draws = num_draws
        self._max_chars = max_chars
        self._keys = [np.zeros(0, np.uint64) for _ in range(num_epochs)]
        self._ids = [np.zeros(0, np.uint64) for _ in range(num_epochs)]
        # Of an epoch that has enough, the last of its keys: only what is below is drawn before it.
        self._bounds = np.full(num_epochs, np.iinfo(np.uint64).max)
        self._texts: dict[int, str] = {}
        self._varies = False

    def add(self, ids: Keys, weights: Weights, texts: pa.Array) -> None:
        """Offer samples.

        Args:
            ids: uint64 [n].
            weights: float32 [n], as training reads them.
            texts: [n], none of them null.
        """
        if not len(ids):
            return
        whole = np.floor(weights.astype(np.float64))
        rest = weights - whole
        self._varies |= bool((rest > 0).any())
        epochs = range(len(self._keys))
        again = [shares(ids, SEED, epoch, 1) < rest for epoch in epochs]
        times = whole.astype(np.int64) + np.array(again)
        rows: list[Rows] = []
        for epoch, row, keys in _copies(ids, times, self._num_draws):
            below = keys < self._bounds[epoch]
            epoch, row, keys = epoch[below], row[below], keys[below]
            rows.append(row)
            for one in np.unique(epoch).tolist():
                self._keep(one, keys[epoch == one], ids[row[epoch == one]])
        for at in np.unique(np.concatenate(rows)).tolist() if rows else ():
            self._texts.setdefault(int(ids[at]), texts[at].as_py()[: self._max_chars])
        if len(self._texts) > 1.5 * self._num_draws * len(self._keys):
            wanted = np.unique(np.concatenate(self._ids)).tolist()
            self._texts = {one: self._texts[one] for one in wanted}

    def _keep(self, epoch: int, keys: Keys, ids: Keys) -> None:
        keys = np.concatenate([self._keys[epoch], keys])
        first = np.argsort(keys, kind="stable")[: self._num_draws]
        self._keys[epoch] = keys[first]
        self._ids[epoch] = np.concatenate([self._ids[epoch], ids])[first]
        if len(first) == self._num_draws:
            self._bounds[epoch] = self._keys[epoch][-1]

    @property
    def are_alike(self) -> bool:
        """Whether every epoch draws the same texts, in another order."""
        return not self._varies and all(len(keys) < self._num_draws for keys in self._keys)

    def epochs(self) -> list[list[str]]:
        """The texts of each epoch in the order in which they are drawn; a copy stands again."""
        return [[self._texts[one] for one in ids.tolist()] for ids in self._ids]


def _copies(ids: Keys, times: Rows, num_draws: int) -> Iterator[tuple[Rows, Rows, Keys]]:
    """Epoch, row and hash of each copy, those of rows with very many apart.

    Args:
        ids: uint64 [n].
        times: Copies of each in each epoch, int64 [epochs, n].
        num_draws: How many are drawn at most.
    """
    salts = np.array([combine(SEED, epoch) for epoch in range(len(times))], np.uint64)
    base = splitmix64(ids)
    few = np.where(times > _COPIES, 0, times)
    # A block holds at most a million copies.
    size = max(1, 1_000_000 // max(1, int(few.sum(0).max())))
    for start in range(0, len(ids), size):
        part = few[:, start : start + size].ravel()
        cell = np.repeat(np.arange(len(part)), part)
        copy = np.arange(len(cell)) - np.repeat(np.cumsum(part) - part, part)
        epoch, row = np.divmod(cell, len(part) // len(times))
        row += start
        # As `tilth.training.order` sorts the copies.
        yield epoch, row, splitmix64((base[row] ^ copy.astype(np.uint64)) ^ salts[epoch])
    for one, at in np.argwhere(times > _COPIES).tolist():
        keys = _smallest(ids[at : at + 1], int(times[one, at]), num_draws, one)
        yield np.full(len(keys), one), np.full(len(keys), at), keys


def _smallest(one: Keys, amount: int, num_draws: int, epoch: int) -> Keys:
    """The smallest of `amount` random hashes, `num_draws` at most, without drawing the others.

    The smallest of m uniform numbers is 1 - u^(1 / m); the next is that of m - 1 above it. Source:
    Devroye, "Non-uniform random variate generation" (1986), V.3.
    """
    count = min(amount, num_draws)
    drawn = shares(splitmix64(one) ^ np.arange(count, dtype=np.uint64), SEED, epoch, 2)
    left = amount - np.arange(count)
    above = np.cumsum(np.log1p(-drawn) / left)
    return np.asarray(np.minimum(-np.expm1(above), 1 - 2.0**-53) * 2.0**64, np.uint64)
