"""Mirror images: for scenes and objects, not for digits, letters or anything with a handedness."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from pydantic import Field

from tilth.randomness import Keys, uniform
from tilth.settings import BaseSettings

Images = npt.NDArray[np.float32]


class Settings(BaseSettings):
    """Mirror images left to right, or top to bottom."""

    horizontal: float = Field(0.5, description="share mirrored left to right", ge=0, le=1)
    vertical: float = Field(0.0, description="share mirrored top to bottom", ge=0, le=1)


def transform(images: Images, keys: Keys, settings: Settings) -> Images:
    """The images, some mirrored.

    Args:
        images: float32 [n, channels, height, width].
        keys: uint64 [n].
        settings: How often.

    Returns:
        float32 [n, channels, height, width].
    """
    mirrored = (uniform(keys, "flip.x") < settings.horizontal)[:, None, None, None]
    images = np.where(mirrored, images[:, :, :, ::-1], images)
    mirrored = (uniform(keys, "flip.y") < settings.vertical)[:, None, None, None]
    return np.where(mirrored, images[:, :, ::-1], images)
