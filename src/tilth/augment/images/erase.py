"""Hide a rectangle of each image, so that no single part of it is relied on."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from tilth.randomness import Keys, uniform, uniform_block
from tilth.settings import BaseSettings

Images = npt.NDArray[np.float32]


class Settings(BaseSettings):
    """Hide a random rectangle of an image (Random Erasing; Zhong et al. 2020)."""

    probability: float = Field(0.5, description="share of images that get a rectangle", ge=0, le=1)
    min_area: float = Field(0.02, description="share of the image hidden at least", gt=0, le=1)
    max_area: float = Field(0.2, description="share of the image hidden at most", gt=0, le=1)
    max_aspect: float = Field(
        3.0, description="the rectangle's longer side over its shorter one at most", ge=1
    )
    fill: float | None = Field(0.0, description="value of hidden pixels; null: noise in [0, 1)")

    @model_validator(mode="after")
    def _in_order(self) -> Settings:
        if self.min_area > self.max_area:
            raise ValueError("`min_area` is above `max_area`")
        return self


def transform(images: Images, keys: Keys, settings: Settings) -> Images:
    """The images, some with a rectangle hidden.

    Source: Zhong et al., "Random erasing data augmentation" (2020), algorithm 1; a rectangle that
    is longer than the image is cut to it instead of drawn anew.

    Args:
        images: float32 [n, channels, height, width].
        keys: uint64 [n].
        settings: How often and how much.

    Returns:
        float32 [n, channels, height, width].
    """
    _, channels, height, width = images.shape
    share = settings.min_area + uniform(keys, "erase.area") * (
        settings.max_area - settings.min_area
    )
    # Drawn on a log scale, so that wide and tall are equally likely.
    aspect = np.exp((2 * uniform(keys, "erase.aspect") - 1) * np.log(settings.max_aspect))
    area = share * height * width
    tall = np.clip(np.rint(np.sqrt(area * aspect)), 1, height).astype(np.int64)
    wide = np.clip(np.rint(np.sqrt(area / aspect)), 1, width).astype(np.int64)
    top = np.floor(uniform(keys, "erase.y") * (height - tall + 1)).astype(np.int64)
    left = np.floor(uniform(keys, "erase.x") * (width - wide + 1)).astype(np.int64)
    hidden = _span(top, tall, height)[:, :, None] & _span(left, wide, width)[:, None, :]
    hidden &= (uniform(keys, "erase") < settings.probability)[:, None, None]
    fill: Images | np.float32
    if settings.fill is None:
        noise = uniform_block(keys, "erase.noise", channels * height * width)
        fill = noise.reshape(images.shape).astype(np.float32)
    else:
        fill = np.float32(settings.fill)
    return np.where(hidden[:, None], fill, images)


def _span(
    start: npt.NDArray[np.int64], length: npt.NDArray[np.int64], size: int
) -> npt.NDArray[np.bool_]:
    """Which of `size` places lie in [start, start + length), bool [n, size]."""
    place = np.arange(size)
    return (place >= start[:, None]) & (place < (start + length)[:, None])
