"""From the bytes of a web page to its characters, in the order of the WHATWG Encoding Standard."""

from __future__ import annotations

import codecs
import re
from typing import Final

from resiliparse.parse.encoding import detect_encoding, map_encoding_to_html5

from tilth.decode.text import UndecodableError

# HTML, section 13.2.3.2: the declaration stands within the first 1024 bytes.
_PRESCAN_BYTES: Final = 1024
_META: Final = re.compile(
    rb"<meta[^>]{0,200}?charset\s{0,5}=\s{0,5}[\"']?\s{0,5}([\w:.-]{1,40})", re.I
)
_XML: Final = re.compile(rb"^\s{0,20}<\?xml[^>]{0,100}?encoding\s{0,5}=\s{0,5}[\"']([\w:.-]{1,40})")
_HEADER: Final = re.compile(r"charset\s{0,5}=\s{0,5}[\"']?([\w:.-]{1,40})", re.I)
# Code pages that the web standard leaves out and Python reads; never UTF-7 or escapes.
_LEGACY: Final = re.compile(r"(?:ibm|cp|mac|johab|iso-?8859|windows-?)[\w-]*$", re.I)
_BYTE_ORDER_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def decode_html(data: bytes, content_type: str | None, max_undecodable: float) -> str:
    """Decode a page by its byte order mark, HTTP header, meta tag, UTF-8, or statistics.

    Args:
        data: The page.
        content_type: The HTTP header's value, if it came over HTTP.
        max_undecodable: Share of characters that may be replaced by U+FFFD in a page that breaks
            its own declaration in places.

    Returns:
        The page's characters without byte order mark.

    Raises:
        UndecodableError: More than that share cannot be decoded, or the bytes are binary.
    """
    for mark, encoding in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return _replace(data[len(mark) :], encoding, max_undecodable)
    if b"\0" in data:
        raise UndecodableError("the bytes are binary, not HTML: they hold NUL")
    declared = _declared(data, content_type)
    for encoding in (*declared, "utf-8"):
        try:
            return data.decode(encoding)
        except (UnicodeDecodeError, LookupError):
            continue
    if declared:
        return _replace(data, declared[0], max_undecodable)
    # UTF-8 with a broken byte here and there beats a guess.
    text = data.decode("utf-8", "replace")
    valid = sum(char >= "\x80" and char != "\ufffd" for char in text)
    if valid > text.count("\ufffd"):
        return _replace(data, "utf-8", max_undecodable)
    return _replace(data, detect_encoding(data) or "utf-8", max_undecodable)


def _declared(data: bytes, content_type: str | None) -> list[str]:
    """Encodings that the header and the page name, the header's first."""
    labels = []
    if found := _HEADER.search(content_type or ""):
        labels.append(found.group(1))
    head = data[:_PRESCAN_BYTES]
    for pattern in (_META, _XML):
        if match := pattern.search(head):
            labels.append(match.group(1).decode("ascii", "replace"))
    mapped = [
        map_encoding_to_html5(label, fallback_utf8=False) or (_LEGACY.match(label) and label)
        for label in labels
    ]
    # An ASCII-readable declaration of UTF-16 cannot be true: the standard reads it as UTF-8.
    return ["utf-8" if name.startswith("utf-16") else name for name in mapped if name]


def _replace(data: bytes, encoding: str, max_undecodable: float) -> str:
    try:
        text = data.decode(encoding, "replace")
    except LookupError as error:
        raise UndecodableError(f"no encoding {encoding!r}") from error
    bad = text.count("\ufffd")
    if bad > max_undecodable * len(text):
        raise UndecodableError(f"{bad} of {len(text)} characters cannot be decoded as {encoding}")
    return text
