"""Encoded images (PNG, JPEG, ...) to arrays of one shape."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image

from tilth.errors import DataError
from tilth.pictures import open_picture


class ImageDecoder:
    """Decode to uint8 [n, channels, height, width]; all images have the shape of the first.

    Args:
        size: Height and width to resize to; None: as they are.
        channels: 1 or 3; None: as the first image.
    """

    def __init__(self, size: tuple[int, int] | None, channels: int | None) -> None:
        self._size = size
        self._channels = channels
        self.shape: tuple[int, int, int] = (0, 0, 0)
        self.unreadable: list[str] = []

    def decode(
        self, images: Sequence[bytes | None], ids: Sequence[str]
    ) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.bool_]]:
        """Decode a batch.

        Returns:
            The sound images, uint8 [n, channels, height, width], and which ones they are, bool.

        Raises:
            DataError: An image has another size than the first.
        """
        arrays = []
        sound = np.zeros(len(images), bool)
        for row, (data, name) in enumerate(zip(images, ids, strict=True)):
            try:
                image = open_picture(data or b"")
                image.load()
            except (OSError, ValueError, SyntaxError):
                self.unreadable.append(name)
                continue
            if self._channels is None:
                self._channels = 1 if image.mode in ("1", "L", "I", "I;16", "F") else 3
            image = image.convert("L" if self._channels == 1 else "RGB")
            if self._size and image.size != (self._size[1], self._size[0]):
                image = image.resize((self._size[1], self._size[0]), Image.Resampling.BILINEAR)
            pixels = np.asarray(image, np.uint8)
            pixels = pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
            if self.shape == (0, 0, 0):
                self.shape = (pixels.shape[0], pixels.shape[1], pixels.shape[2])
            if pixels.shape != self.shape:
                raise DataError(
                    f"an image of {pixels.shape[1]} x {pixels.shape[2]} pixels among images of "
                    f"{self.shape[1]} x {self.shape[2]}",
                    where=f"sample {name}",
                    hint=f"set data.image_size: [{self.shape[1]}, {self.shape[2]}]",
                )
            arrays.append(pixels)
            sound[row] = True
        if not arrays:
            return np.zeros((0, *self.shape), np.uint8), sound
        return np.stack(arrays), sound
