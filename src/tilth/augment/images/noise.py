"""Add Gaussian noise to each image."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from pydantic import Field

from tilth.randomness import Keys, uniform_block
from tilth.settings import BaseSettings

Images = npt.NDArray[np.float32]


class Settings(BaseSettings):
    """Add Gaussian noise to each image."""

    std: float = Field(
        0.05, description="standard deviation, where pixels lie between 0 and 1", ge=0
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
    # Box and Muller (1958); 1 - u lies in (0, 1], so its logarithm is finite.
    radius = np.sqrt(-2 * np.log(1 - uniform_block(keys, "noise.radius", size)))
    angle = 2 * np.pi * uniform_block(keys, "noise.angle", size)
    noise = (settings.std * radius * np.cos(angle)).astype(np.float32)
    noisy: Images = np.clip(images + noise.reshape(images.shape), 0, 1)
    return noisy
