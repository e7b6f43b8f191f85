"""Randomness by counter: a draw is a pure function of (seed, epoch, sample, purpose).

There is no generator whose state could depend on what was drawn before, so a batch may be cut,
shuffled or repeated and every image still gets its own draws.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

Keys = npt.NDArray[np.uint64]
Floats = npt.NDArray[np.float64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def splitmix64(values: Keys) -> Keys:
    """One step of SplitMix64: a bijection of 64-bit integers that looks random, uint64 [n].

    Source: Steele, Lea and Flood, "Fast splittable pseudorandom number generators" (2014), fig. 17.
    """
    mixed = values + _GOLDEN
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def ids_to_u64(ids: Sequence[str]) -> Keys:
    """The first 64 bits of sample ids (hex digests), uint64 [n]."""
    return np.array([int(name[:16], 16) for name in ids], np.uint64)


def keys_for(seed: int, epoch: int | npt.NDArray[np.int64], ids: Keys) -> Keys:
    """The key of each image's draws.

    Args:
        seed: The run's seed, any integer.
        epoch: Which time the samples are seen: one for all, or int64 [n].
        ids: uint64 [n], as from `ids_to_u64`.
    """
    start = splitmix64(np.array([seed & (2**64 - 1)], np.uint64))
    epochs = np.atleast_1d(np.asarray(epoch, np.int64)).astype(np.uint64)
    return splitmix64(splitmix64(start ^ epochs) ^ ids)


def fold(keys: Keys, number: int) -> Keys:
    """Keys for one of several purposes, such as the steps of a chain, uint64 [n]."""
    salt = splitmix64(np.array([number & (2**64 - 1)], np.uint64))
    return splitmix64(keys ^ salt)


def uniform(keys: Keys, purpose: str) -> Floats:
    """A number in [0, 1) for each key, float64 [n]; numbers of different purposes are independent.

    Args:
        keys: uint64 [n].
        purpose: What the number decides, such as ``"shift.x"``.
    """
    return _to_unit(splitmix64(keys ^ _salt(purpose)))


def uniform_block(keys: Keys, purpose: str, size: int) -> Floats:
    """`size` numbers in [0, 1) for each key, float64 [n, size]."""
    counter = splitmix64(np.arange(size, dtype=np.uint64) + _salt(purpose))
    return _to_unit(splitmix64(keys[:, None] ^ counter[None, :]))


def integers(keys: Keys, purpose: str, low: int, high: int) -> npt.NDArray[np.int64]:
    """An integer in [low, high] for each key, int64 [n]."""
    return low + np.floor(uniform(keys, purpose) * (high - low + 1)).astype(np.int64)


def _to_unit(values: Keys) -> Floats:
    numbers: Floats = (values >> np.uint64(11)).astype(np.float64)
    return numbers * 2.0**-53


@lru_cache(maxsize=256)
def _salt(purpose: str) -> np.uint64:
    digest = hashlib.blake2b(purpose.encode(), digest_size=8).digest()
    return np.uint64(int.from_bytes(digest, "little"))
