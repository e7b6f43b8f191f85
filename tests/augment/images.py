"""Images to transform."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tilth.randomness import keys_for

Images = npt.NDArray[np.float32]
Keys = npt.NDArray[np.uint64]


def make(num: int, channels: int = 1, height: int = 9, width: int = 7, seed: int = 0) -> Images:
    """Noise in [0, 1), float32 [num, channels, height, width]."""
    return np.random.default_rng(seed).random((num, channels, height, width), np.float32)


def keys(num: int, epoch: int = 0, seed: int = 0) -> Keys:
    """Keys of the samples 0 to num - 1, uint64 [num]."""
    return keys_for(seed, epoch, np.arange(num, dtype=np.uint64))
