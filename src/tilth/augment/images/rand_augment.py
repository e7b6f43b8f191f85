"""A few operations drawn for each image from a list of fourteen, all of one strength."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageEnhance, ImageOps
from pydantic import Field

from tilth.randomness import Keys, integers, uniform
from tilth.settings import BaseSettings

Images = npt.NDArray[np.float32]
_Operation = Callable[[Image.Image, float], Image.Image]


class Settings(BaseSettings):
    """RandAugment (Cubuk et al. 2020): `operations` drawn an image, each of one `strength`."""

    operations: int = Field(2, description="operations an image, one after another", ge=1, le=8)
    strength: float = Field(
        0.3, description="of every operation, from 0 (none) to 1 (the largest)", ge=0, le=1
    )


def _affine(matrix: Callable[[float, Image.Image], tuple[float, ...]]) -> _Operation:
    def run(image: Image.Image, strength: float) -> Image.Image:
        data = matrix(strength, image)
        grey = (128,) * len(image.getbands())
        return image.transform(
            image.size,
            Image.Transform.AFFINE,
            data,
            Image.Resampling.BILINEAR,
            fillcolor=grey if len(grey) > 1 else grey[0],
        )

    return run


def _rotated(image: Image.Image, strength: float) -> Image.Image:
    grey = (128,) * len(image.getbands())
    filled = grey if len(grey) > 1 else grey[0]
    return image.rotate(30 * strength, Image.Resampling.BILINEAR, fillcolor=filled)


def _enhanced(kind: Callable[[Image.Image], ImageEnhance._Enhance]) -> _Operation:
    return lambda image, strength: kind(image).enhance(1 + 0.9 * strength)


def _towards(whole: Callable[[Image.Image], Image.Image]) -> _Operation:
    """What has no strength of its own: that share of the way from the image to the whole change."""
    return lambda image, strength: Image.blend(image, whole(image), abs(strength))


# The strength is signed for those that have a direction, and taken without its sign by the others.
# Ranges at strength 1 are those of Cubuk et al. (2019), table 6.
_OPERATIONS: Mapping[str, _Operation] = {
    "identity": lambda image, _: image,
    "autocontrast": _towards(ImageOps.autocontrast),
    "equalize": _towards(ImageOps.equalize),
    "posterize": lambda image, strength: ImageOps.posterize(image, 8 - round(4 * abs(strength))),
    "solarize": lambda image, strength: ImageOps.solarize(image, 256 - round(256 * abs(strength))),
    "rotate": _rotated,
    "colour": _enhanced(ImageEnhance.Color),
    "contrast": _enhanced(ImageEnhance.Contrast),
    "brightness": _enhanced(ImageEnhance.Brightness),
    "sharpness": _enhanced(ImageEnhance.Sharpness),
    "shear_x": _affine(lambda s, _: (1, 0.3 * s, 0, 0, 1, 0)),
    "shear_y": _affine(lambda s, _: (1, 0, 0, 0.3 * s, 1, 0)),
    "translate_x": _affine(lambda s, image: (1, 0, 0.45 * s * image.width, 0, 1, 0)),
    "translate_y": _affine(lambda s, image: (1, 0, 0, 0, 1, 0.45 * s * image.height)),
}


def transform(images: Images, keys: Keys, settings: Settings) -> Images:
    """The images after a few operations each, which are Pillow's.

    Equalizing and stretching the contrast, which Cubuk et al. do wholly or not at all, are done to
    the share `strength` too.

    Args:
        images: float32 [n, 1 or 3 channels, height, width], values in [0, 1].
        keys: uint64 [n].
        settings: How many and how strong.

    Returns:
        float32 [n, channels, height, width], in steps of 1 / 255.
    """
    if not settings.strength:  # not even rounded to whole levels
        return images
    names = list(_OPERATIONS)
    drawn = [
        (
            integers(keys, f"rand_augment.{place}", 0, len(names) - 1),
            np.where(uniform(keys, f"rand_augment.{place}.sign") < 0.5, -1.0, 1.0),
        )
        for place in range(settings.operations)
    ]
    pixels = np.rint(np.clip(images, 0, 1) * 255).astype(np.uint8).transpose(0, 2, 3, 1)
    changed = np.empty_like(images)
    for row, image in enumerate(pixels):
        picture = Image.fromarray(image[:, :, 0] if image.shape[2] == 1 else image)
        for operation, sign in drawn:
            run = _OPERATIONS[names[operation[row]]]
            picture = run(picture, float(sign[row]) * settings.strength)
        array = np.asarray(picture, np.float32) / 255
        changed[row] = array[None] if array.ndim == 2 else array.transpose(2, 0, 1)
    return changed
