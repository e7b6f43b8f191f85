"""Pictures decoded whole before they are kept: what later steps read, they can read."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tilth.decode.picture import (
    MOST_PIXELS,
    Picture,
    PictureError,
    TooManyPixelsError,
    decode_picture,
)
from tilth.reading.records import RecordError

# Pixels that a picture may have where a source's `max_pixels` says nothing else.
MAX_PIXELS = 64_000_000
MaxPixels = Annotated[
    int,
    Field(
        description="pixels that an image may have; a larger one is quarantined",
        ge=1,
        le=MOST_PIXELS,
    ),
]


def whole_picture(data: bytes, max_pixels: int) -> Picture:
    """A picture that can be decoded to its end.

    Raises:
        RecordError: It is cut off, damaged, of unknown format, or larger than `max_pixels`.
    """
    try:
        return decode_picture(data, max_pixels=max_pixels)
    except TooManyPixelsError as error:
        raise RecordError(f"the image is above `max_pixels` of {max_pixels:,}: {error}") from None
    except PictureError as error:
        raise RecordError(f"the image cannot be decoded: {error}") from None
