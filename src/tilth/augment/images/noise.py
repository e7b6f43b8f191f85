"""Add Gaussian noise to each image."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from pydantic import Field

from tilth.randomness import Keys, uniform_block
from tilth.settings import BaseSettings

Images = npt.NDArray[np.float32]

_AT_ONCE = 2**16


class Settings(BaseSettings):
    """Add Gaussian noise to each image."""

    std: float = Field(
        0.05, description="standard deviation, where pixels lie between 0 and 1", ge=0, le=1
    )


def transform(images: Images, keys: Keys, settings: Settings) -> Images:
    """The images with noise, cut to the range 0 to 1.

    Args:
        images: float32 [n, channels, height, width], values in [0, 1].
        keys: uint64 [n].
        settings: How much.

    Returns:
        float32 [n, channels, height, width].
    """
    size = int(np.prod(images.shape[1:]))
    noisy = np.empty_like(images)
    # In pieces whose numbers stay in the processor's cache: none depends on its neighbours.
    num = max(1, _AT_ONCE // max(1, size))
    for start in range(0, len(images), num):
        piece = slice(start, start + num)
        # Box and Muller (1958); 1 - u lies in (0, 1], so its logarithm is finite.
        radius = np.sqrt(-2 * np.log(1 - uniform_block(keys[piece], "noise.radius", size)))
        angle = 2 * np.pi * uniform_block(keys[piece], "noise.angle", size)
        noise = (settings.std * radius * np.cos(angle)).astype(np.float32)
        np.clip(images[piece] + noise.reshape(images[piece].shape), 0, 1, out=noisy[piece])
    return noisy
