"""Cut a part out of each image and enlarge it to the full size: scale and position vary."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from pydantic import Field

from tilth.randomness import Floats, Keys, uniform
from tilth.settings import BaseSettings

Images = npt.NDArray[np.float32]


class Settings(BaseSettings):
    """Cut a part out of each image and enlarge it to the full size."""

    min_scale: float = Field(
        0.8, description="side of the part over side of the image at least", gt=0, le=1
    )


def transform(images: Images, keys: Keys, settings: Settings) -> Images:
    """A part of each image, enlarged by linear interpolation between pixels.

    Args:
        images: float32 [n, channels, height, width].
        keys: uint64 [n].
        settings: How small a part.

    Returns:
        float32 [n, channels, height, width].
    """
    scale = settings.min_scale + uniform(keys, "crop.scale") * (1 - settings.min_scale)
    enlarged = _stretch(images, scale, uniform(keys, "crop.y"), axis=2)
    return _stretch(enlarged, scale, uniform(keys, "crop.x"), axis=3)


def _stretch(images: Images, scale: Floats, place: Floats, axis: int) -> Images:
    """Enlarge along one axis the part of relative length `scale` that starts at `place`."""
    size = images.shape[axis]
    start = place * (1 - scale) * size
    # Pixel centres lie at half integers.
    wanted = start[:, None] + (np.arange(size) + 0.5) * scale[:, None] - 0.5
    wanted = np.clip(wanted, 0, size - 1)
    low = np.floor(wanted).astype(np.int64)
    share = (wanted - low).astype(np.float32)
    shape = [len(images), 1, 1, 1]
    shape[axis] = size
    low, share = low.reshape(shape), share.reshape(shape)
    high = np.minimum(low + 1, size - 1)
    before = np.take_along_axis(images, low, axis=axis)
    after = np.take_along_axis(images, high, axis=axis)
    stretched: Images = before + (after - before) * share
    return stretched
