"""Look at images: does the file decode, how large is it, how much is in it, is it sharp?"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from PIL import Image, UnidentifiedImageError
from pydantic import Field, field_validator

from tilth.figures import Definition
from tilth.hints import require_known
from tilth.pictures import MOST_PIXELS, TooManyPixelsError, open_picture
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

_IMAGE = "the image of one sample, its first frame"
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
        ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "PPM"),
        min_length=1,
        description="Formats that are read (Pillow's names); others are quarantined",
    )

    @field_validator("formats")
    @classmethod
    def _are_known(cls, formats: tuple[str, ...]) -> tuple[str, ...]:
        named = tuple(name.upper() for name in formats)
        if not set(named) <= set(cls.model_fields["formats"].default):
            Image.init()  # loads all of Pillow's readers
            require_known(named, Image.OPEN, "format")
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
        except Exception as error:
            # Whatever a file does to a decoder costs that file alone.
            errors[row] = f"the image cannot be decoded: {type(error).__name__}: {error}"[:300]
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
        OSError: Not an image of the formats to read, or a truncated one.
    """
    try:
        image = open_picture(data, max_pixels=settings.max_pixels, formats=settings.formats)
    except UnidentifiedImageError as error:
        # Its message prints an object's address, which differs from run to run.
        raise OSError(f"no image in one of {', '.join(settings.formats)}") from error
    with image:
        image.load()
        grey = _grey(image)
        return {
            "width": image.width,
            "height": image.height,
            "channels": len(image.getbands()),
            "entropy": entropy(grey),
            "blur": blur(grey),
        }


def _grey(image: Image.Image) -> npt.NDArray[np.uint8]:
    if image.mode.startswith("I"):
        return (np.asarray(image).astype(np.int64).clip(0, 0xFFFF) >> 8).astype(np.uint8)
    return np.asarray(image.convert("L"))


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
