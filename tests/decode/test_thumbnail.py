"""Pictures made small for a page."""

from __future__ import annotations

import base64
import io

from PIL import Image

from tilth.decode.thumbnail import image_uri


def _png(size: int) -> bytes:
    out = io.BytesIO()
    Image.new("L", (size, size), 7).save(out, "PNG")
    return out.getvalue()


def test_an_image_becomes_a_small_png() -> None:
    uri = image_uri(_png(500))
    assert uri is not None
    data = base64.b64decode(uri.removeprefix("data:image/png;base64,"))
    with Image.open(io.BytesIO(data)) as image:
        assert image.size == (96, 96)
    assert image_uri(b"not an image") is None
    assert image_uri(_png(50)[:40]) is None
