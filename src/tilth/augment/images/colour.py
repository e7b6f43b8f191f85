"""Change the light of each image: brightness, contrast, saturation, and hue."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from pydantic import Field

from tilth.randomness import Floats, Keys, uniform
from tilth.settings import BaseSettings

Images = npt.NDArray[np.float32]

# Weights of red, green and blue in a grey value (ITU-R BT.601).
_GREY = np.array([0.299, 0.587, 0.114], np.float32)


class Settings(BaseSettings):
    """Change brightness, contrast, saturation and hue, as far as drawn for each image."""

    brightness: float = Field(0.2, description="factor between 1 - this and 1 + this", ge=0, le=1)
    contrast: float = Field(
        0.2, description="distance from the mean grey, by such a factor", ge=0, le=1
    )
    saturation: float = Field(
        0.2,
        description="colour pictures: distance of colours from grey, by such a factor",
        ge=0,
        le=1,
    )
    hue: float = Field(
        0.0,
        description="colour pictures: turn of the colour circle at most, 0.5 being half of it",
        ge=0,
        le=0.5,
    )


def transform(images: Images, keys: Keys, settings: Settings) -> Images:
    """The images in another light; saturation and hue leave grey images as they are.

    Hue is turned in the YIQ colour space (its I-Q plane), which keeps the grey value.

    Args:
        images: float32 [n, channels, height, width], values in [0, 1].
        keys: uint64 [n].
        settings: How far.

    Returns:
        float32 [n, channels, height, width], values in [0, 1].
    """
    images = images * _factor(keys, "colour.brightness", settings.brightness)
    # What is not asked for is left out: rounding would change a pixel's last digits.
    if settings.contrast:
        mean = _grey(images).mean(axis=(2, 3), keepdims=True)
        images = mean + (images - mean) * _factor(keys, "colour.contrast", settings.contrast)
    if images.shape[1] == 3 and settings.saturation:
        grey = _grey(images)
        images = grey + (images - grey) * _factor(keys, "colour.saturation", settings.saturation)
    if images.shape[1] == 3 and settings.hue:
        images = _turned(images, (2 * uniform(keys, "colour.hue") - 1) * settings.hue)
    clipped: Images = np.clip(images, 0, 1, dtype=np.float32)
    return clipped


def _factor(keys: Keys, purpose: str, spread: float) -> Images:
    factor: Images = (1 + (2 * uniform(keys, purpose) - 1) * spread).astype(np.float32)
    return factor[:, None, None, None]


def _grey(images: Images) -> Images:
    if images.shape[1] != 3:
        return images
    grey: Images = np.einsum("nchw,c->nhw", images, _GREY)[:, None]
    return grey


_TO_YIQ = np.array(
    [[0.299, 0.587, 0.114], [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]], np.float64
)


def _turned(images: Images, turns: Floats) -> Images:
    angle = 2 * np.pi * turns
    rotation = np.zeros((len(turns), 3, 3))
    rotation[:, 0, 0] = 1
    rotation[:, 1, 1] = rotation[:, 2, 2] = np.cos(angle)
    rotation[:, 1, 2], rotation[:, 2, 1] = -np.sin(angle), np.sin(angle)
    matrices = (np.linalg.inv(_TO_YIQ) @ rotation @ _TO_YIQ).astype(np.float32)
    turned: Images = np.einsum("nij,njhw->nihw", matrices, images)
    return turned
