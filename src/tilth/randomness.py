"""Randomness by counter: a draw is a pure function of what it is for.

There is no generator whose state could depend on what was drawn before. A batch may be cut,
shuffled or repeated, a run may stop anywhere, and every sample still gets its own draws: keys are
made of seeds, epochs and sample ids, and a number is drawn from a key for a purpose.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

Keys = npt.NDArray[np.uint64]
Floats = npt.NDArray[np.float64]

# 2^64 over the golden ratio: multiples of it lie far from one another.
GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
# Of the seeds that a user gives, a recipe's among them.
MAX_SEED = 2**32 - 1
_MASK = (1 << 64) - 1


def finalize(values: Keys) -> Keys:
    """The finalizer of SplitMix64: a bijection that scrambles all bits but those of 0, any shape.

    Source: Steele, Lea and Flood, "Fast splittable pseudorandom number generators" (2014), fig. 17.
    """
    mixed = values ^ (values >> np.uint64(30))
    mixed *= np.uint64(_FIRST)
    mixed ^= mixed >> np.uint64(27)
    mixed *= np.uint64(_SECOND)
    mixed ^= mixed >> np.uint64(31)
    return mixed


def splitmix64(values: Keys) -> Keys:
    """One step of SplitMix64: a bijection of 64-bit integers that looks random, any shape."""
    return finalize(values + GOLDEN)


def combine(*parts: int) -> int:
    """One 64-bit number that depends on all the integers and on their order.

    Of one, it is what `splitmix64` makes of it; without numpy, for it is one number.
    """
    state = 0
    for part in parts:
        state = (state ^ part) + int(GOLDEN) & _MASK
        state = (state ^ state >> 30) * _FIRST & _MASK
        state = (state ^ state >> 27) * _SECOND & _MASK
        state ^= state >> 31
    return state


def hash_of(*parts: int | str) -> int:
    """64 bits of BLAKE2b over numbers and words: the same on every machine and version."""
    return int.from_bytes(hashlib.blake2b(repr(parts).encode(), digest_size=8).digest(), "little")


def number_of(*parts: int | str) -> float:
    """A number in [0, 1) from `hash_of`."""
    return (hash_of(*parts) >> 11) * 2.0**-53


def hashed(ids: Keys, *parts: int) -> Keys:
    """hash(parts, id) for each id, uint64 [n]."""
    return splitmix64(ids ^ np.uint64(combine(*parts)))


def shares(ids: Keys, *parts: int) -> Floats:
    """A number in [0, 1) for each id, float64 [n], from `hashed`."""
    return _to_unit(hashed(ids, *parts))


def ids_to_u64(ids: Sequence[str]) -> Keys:
    """The first 64 bits of sample ids (hex digests), uint64 [n]."""
    return np.array([int(name[:16], 16) for name in ids], np.uint64)


def keys_for(seed: int, epoch: int | npt.NDArray[np.int64], ids: Keys) -> Keys:
    """The key of each sample's draws.

    Args:
        seed: The run's seed, any integer.
        epoch: Which time the samples are seen: one for all, or int64 [n].
        ids: uint64 [n], as from `ids_to_u64`.
    """
    start = splitmix64(np.array([seed & _MASK], np.uint64))
    epochs = np.atleast_1d(np.asarray(epoch, np.int64)).astype(np.uint64)
    return splitmix64(splitmix64(start ^ epochs) ^ ids)


def fold(keys: Keys, number: int) -> Keys:
    """Keys for one of several purposes, such as the steps of a chain, uint64 [n]."""
    return splitmix64(keys ^ splitmix64(np.array([number & _MASK], np.uint64)))


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
    """The top 53 bits as numbers in [0, 1)."""
    numbers: Floats = (values >> np.uint64(11)).astype(np.float64)
    return numbers * 2.0**-53


@lru_cache(maxsize=256)
def _salt(purpose: str) -> np.uint64:
    digest = hashlib.blake2b(purpose.encode(), digest_size=8).digest()
    return np.uint64(int.from_bytes(digest, "little"))
