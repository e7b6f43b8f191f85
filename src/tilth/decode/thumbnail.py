"""A picture made small, as an address that holds it: for pages that show samples."""

from __future__ import annotations

import base64
import io

_PIXELS = 96
# A page holds many: one that does not come out below this is not shown.
_MAX_CHARS = 60_000


def image_uri(data: bytes) -> str | None:
    """A thumbnail of an encoded image as a PNG data URI; None where it cannot be made small."""
    from tilth.decode.picture import PictureError, TooManyPixelsError, decode_picture

    try:
        image = decode_picture(data).image
    except (PictureError, TooManyPixelsError):
        return None
    image.thumbnail((_PIXELS, _PIXELS))
    out = io.BytesIO()
    image.convert("RGB" if image.mode not in ("L", "1") else "L").save(out, "PNG")
    uri = "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()
    return uri if len(uri) <= _MAX_CHARS else None
