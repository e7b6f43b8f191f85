"""Open a stranger's picture: Pillow's own bound, a global and a warning, made one of settings."""

from __future__ import annotations

import io
import warnings
from typing import Final

from PIL import Image

# Above twice its `MAX_IMAGE_PIXELS`, Pillow opens no picture; so this is the most that a setting
# can allow.
MOST_PIXELS: Final = 178_956_970


class TooManyPixelsError(ValueError):
    """The header announces more pixels than may be decoded."""


def open_picture(
    data: bytes, *, max_pixels: int = MOST_PIXELS, formats: tuple[str, ...] | None = None
) -> Image.Image:
    """The picture, its header read and its pixels not decoded yet.

    Args:
        data: The bytes of its file.
        max_pixels: Most that the header may announce, `MOST_PIXELS` at the largest.
        formats: Pillow's names of those that are read; None: all that it can.

    Raises:
        TooManyPixelsError: The header announces more.
        OSError, ValueError, SyntaxError: It is no picture, or of another format.
    """
    with warnings.catch_warnings():
        # Where Pillow begins to warn is no bound of ours.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        try:
            image = Image.open(io.BytesIO(data), formats=formats)
        except Image.DecompressionBombError as error:
            raise TooManyPixelsError(f"pixels > {MOST_PIXELS}") from error
    width, height = image.size
    if width * height > max_pixels:
        image.close()
        raise TooManyPixelsError(f"pixels={width * height}")
    return image
