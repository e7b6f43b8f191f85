"""Move each image by a few whole pixels."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from tilth.randomness import Keys, integers
from tilth.settings import BaseSettings

Images = npt.NDArray[np.float32]

_FAR = 65_535  # pixels: no picture is larger


class Settings(BaseSettings):
    """Move each image by a few whole pixels, as far as drawn for it."""

    max_x: int = Field(2, description="pixels to the left or right at most", ge=0, le=_FAR)
    max_y: int = Field(2, description="pixels up or down at most", ge=0, le=_FAR)
    border: Literal["fill", "reflect"] = Field(
        "fill", description="what moves in from outside: `fill`, or the image mirrored at its edge"
    )
    fill: float = Field(
        0.0,
        description="value of pixels that move in from outside, with `border: fill`",
        ge=0,
        le=1,
    )

    @model_validator(mode="after")
    def _fills_or_reflects(self) -> Settings:
        if self.border == "reflect" and self.fill:
            raise ValueError("`fill` has no effect with `border: reflect`; give one of them")
        return self


def transform(images: Images, keys: Keys, settings: Settings) -> Images:
    """The images, each moved by its own offset.

    Args:
        images: float32 [n, channels, height, width].
        keys: uint64 [n].
        settings: How far.

    Returns:
        float32 [n, channels, height, width].
    """
    num, channels, height, width = images.shape
    right = integers(keys, "shift.x", -settings.max_x, settings.max_x)
    down = integers(keys, "shift.y", -settings.max_y, settings.max_y)
    rows = np.arange(height) - down[:, None]
    columns = np.arange(width) - right[:, None]
    if settings.border == "reflect":
        rows, columns = _reflected(rows, height), _reflected(columns, width)
    inside = _inside(rows, height)[:, :, None] & _inside(columns, width)[:, None, :]
    source = np.clip(rows, 0, height - 1)[:, :, None] * width
    source = (source + np.clip(columns, 0, width - 1)[:, None, :]).reshape(num, 1, height * width)
    flat = images.reshape(num, channels, height * width)
    moved = np.take_along_axis(flat, source, axis=2).reshape(images.shape)
    return np.where(inside[:, None], moved, np.float32(settings.fill))


def _reflected(index: npt.NDArray[np.int64], size: int) -> npt.NDArray[np.int64]:
    """Places beyond an edge mirrored at it; the pixels at the edges are not repeated."""
    period = max(2 * size - 2, 1)
    folded: npt.NDArray[np.int64] = np.abs((index + size - 1) % period - (size - 1))
    return folded


def _inside(index: npt.NDArray[np.int64], size: int) -> npt.NDArray[np.bool_]:
    return (index >= 0) & (index < size)
