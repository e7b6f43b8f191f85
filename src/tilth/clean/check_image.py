"""Look at images: does the file decode, how large is it, how much is in it, is it sharp?"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import Field, field_validator

from tilth.decode.picture import (
    FORMATS,
    MOST_PIXELS,
    PictureError,
    TooManyPixelsError,
    decode_picture,
)
from tilth.figures import Definition
from tilth.hints import require_known
from tilth.schema import SIGNAL_PREFIX, Row, column, mark_dropped, mark_error, with_columns
from tilth.settings import BaseSettings

IMAGE_SIGNALS: Final = {
    "width": ("pixels", pa.int64()),
    "height": ("pixels", pa.int64()),
    "channels": ("colour channels, alpha included", pa.int64()),
    "entropy": ("bits a pixel, of the histogram of 256 grey levels (Shannon)", pa.float64()),
    "blur": (
        "variance of the Laplacian of the grey image, 0 to 255: the smaller, the more blurred "
        "(Pech-Pacheco et al. 2000)",
        pa.float64(),
    ),
}

_IMAGE = "the image of one sample as a person sees it: its first frame, upright, in sRGB, on white"
_NUMPY = "tests/clean/test_check_image.py::test_measures_are_those_of_plain_numpy"
FIGURES = (
    Definition(
        "signal.width",
        "width",
        "Columns of pixels.",
        _IMAGE,
        "pixels",
        reference="Pillow",
        test=_NUMPY,
    ),
    Definition(
        "signal.height",
        "height",
        "Rows of pixels.",
        _IMAGE,
        "pixels",
        reference="Pillow",
        test=_NUMPY,
    ),
    Definition(
        "signal.channels",
        "channels",
        "Colour channels, alpha included.",
        _IMAGE,
        reference="Pillow",
        test=_NUMPY,
    ),
    Definition(
        "signal.entropy",
        "entropy",
        "How much the grey levels say: of the histogram of 256 of them.",
        _IMAGE,
        "bits a pixel",
        source="Shannon (1948)",
        reference="Pillow's `Image.entropy`",
        test=_NUMPY,
    ),
    Definition(
        "signal.blur",
        "blur",
        "Variance of the Laplacian of the grey image: the smaller, the more blurred.",
        _IMAGE + "; none below 3 x 3 pixels",
        source="Pech-Pacheco et al. (2000), grey levels 0 to 255",
        reference="scipy.ndimage.laplace",
        test=_NUMPY,
    ),
)


class Settings(BaseSettings):
    """Decode every image and measure it; a broken file is quarantined with its cause."""

    max_pixels: int = Field(
        50_000_000,
        ge=1,
        le=MOST_PIXELS,
        description="Larger images are dropped before they are decoded (pixels)",
    )
    formats: tuple[str, ...] = Field(
        ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "PPM", "AVIF", "HEIF"),
        min_length=1,
        description="Formats that are read (Pillow's names); others are quarantined",
    )

    @field_validator("formats")
    @classmethod
    def _are_known(cls, formats: tuple[str, ...]) -> tuple[str, ...]:
        named = tuple(name.upper() for name in formats)
        require_known(named, FORMATS, "format")
        return named


def reads(_: Settings) -> tuple[str, ...]:
    """The column that it looks at."""
    return ("image",)


def fills(_: Settings) -> tuple[str, ...]:
    """The signals that it measures."""
    return tuple(SIGNAL_PREFIX + name for name in IMAGE_SIGNALS)


def apply(batch: pa.RecordBatch, settings: Settings) -> pa.RecordBatch:
    """Add `signal.width`, `height`, `channels`, `entropy`, `blur`; null without an image."""
    measured: list[Row] = [{} for _ in range(batch.num_rows)]
    errors: list[str | None] = [None] * batch.num_rows
    sizes: list[str | None] = [None] * batch.num_rows
    for row, data in enumerate(column(batch, "image").to_pylist()):
        if data is None:
            continue
        try:
            measured[row] = measure(data, settings)
        except TooManyPixelsError as error:
            sizes[row] = str(error)
        except PictureError as error:
            errors[row] = f"the image cannot be decoded: {error}"
    batch = with_columns(
        batch,
        {
            SIGNAL_PREFIX + name: pa.array([row.get(name) for row in measured], kind)
            for name, (_, kind) in IMAGE_SIGNALS.items()
        },
    )
    if any(errors):
        batch = mark_error(batch, errors)
    too_large = np.array([size is not None for size in sizes], bool)
    return mark_dropped(batch, too_large, f"pixels <= {settings.max_pixels}", sizes)


def measure(data: bytes, settings: Settings) -> Row:
    """Width, height, channels, entropy (bits) and blur of one encoded image; its first frame.

    Raises:
        TooManyPixelsError: The header announces more than `max_pixels`; nothing was decoded.
        PictureError: Not an image of the formats to read, or not a whole one.
    """
    picture = decode_picture(data, max_pixels=settings.max_pixels, formats=settings.formats)
    grey = np.asarray(picture.image.convert("L"))
    return {
        "width": picture.image.width,
        "height": picture.image.height,
        "channels": picture.bands,
        "entropy": entropy(grey),
        "blur": blur(grey),
    }


def entropy(grey: npt.NDArray[np.uint8]) -> float:
    """Shannon entropy of the histogram of grey levels, bits; uint8 [height, width]."""
    shares = np.bincount(grey.reshape(-1), minlength=256) / max(grey.size, 1)
    shares = shares[shares > 0]
    return float(abs(np.sum(shares * np.log2(shares))))


def blur(grey: npt.NDArray[np.uint8]) -> float | None:
    """Variance of the 4-neighbour Laplacian, uint8 [height, width]; None below 3 x 3 pixels."""
    if min(grey.shape) < 3:
        return None
    levels = grey.astype(np.int16)
    laplacian = (
        levels[:-2, 1:-1]
        + levels[2:, 1:-1]
        + levels[1:-1, :-2]
        + levels[1:-1, 2:]
        - 4 * levels[1:-1, 1:-1]
    )
    return float(laplacian.var(dtype=np.float64))
