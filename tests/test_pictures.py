"""A picture's bound is a setting's, where Pillow's own would have been met before it."""

from __future__ import annotations

import io
import warnings

import pytest
from PIL import Image

from tilth.pictures import MOST_PIXELS, TooManyPixelsError, open_picture


def png(width: int, height: int) -> bytes:
    file = io.BytesIO()
    Image.new("1", (width, height)).save(file, "PNG")
    return file.getvalue()


def test_what_is_allowed_is_opened_without_a_word() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert open_picture(png(10_000, 9_000), max_pixels=90_000_000).size == (10_000, 9_000)


def test_what_is_larger_is_not() -> None:
    with pytest.raises(TooManyPixelsError, match="pixels=20"):
        open_picture(png(5, 4), max_pixels=19)
    with pytest.raises(TooManyPixelsError, match=f"pixels > {MOST_PIXELS}"):
        open_picture(png(20_000, 9_000))


def test_the_most_is_what_pillow_opens() -> None:
    assert Image.MAX_IMAGE_PIXELS is not None
    assert MOST_PIXELS == 2 * Image.MAX_IMAGE_PIXELS


def test_other_formats_are_no_pictures() -> None:
    assert open_picture(png(2, 2), formats=("PNG",)).size == (2, 2)
    with pytest.raises(OSError, match="cannot identify"):
        open_picture(png(2, 2), formats=("GIF",))
