"""Encoded images (PNG, JPEG, ...) to arrays of one shape."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress

import numpy as np
import numpy.typing as npt
from PIL import Image

from tilth.decode.picture import PictureError, TooManyPixelsError, decode_picture, is_grey
from tilth.errors import DataError


def channels_of(images: Iterable[bytes | None]) -> int:
    """1 where all images are grey, else 3: a colour that one has is lost on none.

    Only headers are read. One that is no image at all says nothing here.
    """
    for data in images:
        with suppress(PictureError, TooManyPixelsError):
            if data is not None and not is_grey(data):
                return 3
    return 1


class ImageDecoder:
    """Decode to uint8 [n, channels, height, width]; all images have the shape of the first.

    Args:
        size: Height and width to resize to; None: as they are.
        channels: 1 or 3.
    """

    def __init__(self, size: tuple[int, int] | None, channels: int) -> None:
        self._size = size
        self._channels = channels
        self.shape: tuple[int, int, int] = (0, 0, 0)

    def decode(self, images: Sequence[bytes | None], ids: Sequence[str]) -> npt.NDArray[np.uint8]:
        """Decode a batch: uint8 [n, channels, height, width].

        Raises:
            DataError: An image cannot be decoded, or has another size than the first.
        """
        arrays = [self._one(data, name) for data, name in zip(images, ids, strict=True)]
        return np.stack(arrays) if arrays else np.zeros((0, *self.shape), np.uint8)

    def _one(self, data: bytes | None, name: str) -> npt.NDArray[np.uint8]:
        pixels = pixels_of(seen(data, name), self._size, self._channels)
        if self.shape == (0, 0, 0):
            self.shape = (pixels.shape[0], pixels.shape[1], pixels.shape[2])
        if pixels.shape != self.shape:
            raise DataError(
                f"an image of {pixels.shape[1]} x {pixels.shape[2]} pixels among images of "
                f"{self.shape[1]} x {self.shape[2]}",
                where=f"sample {name}",
                hint=f"set data.image_size: [{self.shape[1]}, {self.shape[2]}]",
            )
        return pixels


def seen(data: bytes | None, name: str) -> Image.Image:
    """A sample's image as a person sees it: grey (mode L) or colour (RGB), of 8 bits.

    Raises:
        DataError: There is none, or it cannot be decoded.
    """
    if data is None:
        raise DataError(
            "an image is wanted, and there is none",
            where=f"sample {name}",
            hint="`data.sources` chooses among the sources",
            code="image-missing",
        )
    try:
        return decode_picture(data).image
    except (PictureError, TooManyPixelsError) as error:
        raise DataError(
            f"an image cannot be decoded: {error}",
            where=f"sample {name}",
            hint="look at it with `tilth trace RUN ID`; is it an image at all?",
            code="damaged-image",
        ) from None


def pixels_of(
    image: Image.Image, size: tuple[int, int] | None, channels: int
) -> npt.NDArray[np.uint8]:
    """An image's pixels, uint8 [channels, height, width].

    Args:
        image: Of mode L or RGB.
        size: Height and width to resize to (bilinear); None: as it is.
        channels: 1 or 3.
    """
    wanted = "L" if channels == 1 else "RGB"
    image = image if image.mode == wanted else image.convert(wanted)
    if size and image.size != (size[1], size[0]):
        image = image.resize((size[1], size[0]), Image.Resampling.BILINEAR)
    pixels = np.asarray(image, np.uint8)
    return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
