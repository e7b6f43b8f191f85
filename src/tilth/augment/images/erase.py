"""Hide a rectangle of each image, so that no single part of it is relied on."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from tilth.randomness import Floats, Keys, uniform, uniform_block
from tilth.settings import BaseSettings

Images = npt.NDArray[np.float32]

_ROUNDING = 1e-6


class Settings(BaseSettings):
    """Hide a random rectangle of an image (Random Erasing; Zhong et al. 2020)."""

    probability: float = Field(0.5, description="share of images that get a rectangle", ge=0, le=1)
    min_area: float = Field(0.02, description="share of the image hidden at least", gt=0, le=1)
    max_area: float = Field(
        0.2,
        description="share of the image hidden at most; where no rectangle of whole pixels lies "
        "between, `min_area` decides",
        gt=0,
        le=1,
    )
    max_aspect: float = Field(
        3.0,
        description="the rectangle's longer side over its shorter one at most, if the image leaves "
        "room for it",
        ge=1,
    )
    fill: float | None = Field(
        0.0, description="value of hidden pixels; null: noise in [0, 1)", ge=0, le=1
    )

    @model_validator(mode="after")
    def _in_order(self) -> Settings:
        if self.min_area > self.max_area:
            raise ValueError("`min_area` is above `max_area`")
        return self


def transform(images: Images, keys: Keys, settings: Settings) -> Images:
    """The images, some with a rectangle hidden.

    Source: Zhong et al., "Random erasing data augmentation" (2020), algorithm 1; a rectangle that
    would be longer than the image gets another aspect instead of a new draw.

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
    tall, wide = _whole_pixels(share * height * width, aspect, height, width, settings)
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


def _whole_pixels(
    area: Floats, aspect: Floats, height: int, width: int, settings: Settings
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Sides of rectangles near these areas and aspects that keep to the settings, int64 [n] each.

    Where they cannot keep to all of them, `min_area` goes first and then `max_aspect`.
    """
    # Rounding must not lose or add a pixel where a share is a whole number of them.
    least = np.ceil(settings.min_area * height * width - _ROUNDING)
    most = np.floor(settings.max_area * height * width + _ROUNDING)
    aspect = np.clip(aspect, area / width**2, height**2 / area)
    tall = np.clip(np.rint(np.sqrt(area * aspect)), max(np.ceil(least / width), 1), height)
    limit = settings.max_aspect
    narrowest = np.clip(np.maximum(least / tall, tall / limit - _ROUNDING), 1, width)
    widest = np.clip(np.minimum(most / tall, tall * limit + _ROUNDING), 1, width)
    wide = np.clip(np.rint(area / tall), np.ceil(narrowest), np.floor(widest))
    wide = np.maximum(wide, np.ceil(narrowest))
    return tall.astype(np.int64), wide.astype(np.int64)


def _span(
    start: npt.NDArray[np.int64], length: npt.NDArray[np.int64], size: int
) -> npt.NDArray[np.bool_]:
    """Which of `size` places lie in [start, start + length), bool [n, size]."""
    place = np.arange(size)
    return (place >= start[:, None]) & (place < (start + length)[:, None])
