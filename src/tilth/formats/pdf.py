"""PDF to text by PDFium: page by page, with the properties of the document.

Runs in a process of its own (`tilth.formats.apart`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from tilth.errors import NotReadError, RecordError
from tilth.formats.reading_order import RIGHT_TO_LEFT, Placed, in_reading_order

# PDFium's mark for a hyphen at the end of a line, within a word that goes on behind it.
_HYPHEN: Final = "\x02"
# Of a date as PDF has it (ISO 32000-1, 7.9.4).
_DATE: Final = re.compile(
    r"D:(\d{4})(\d\d)?(\d\d)?(?:(\d\d)(\d\d)(\d\d)?)?([Z+-])?(\d\d)?'?(\d\d)?"
)
_NAMES: Final = {
    "Title": "title",
    "Author": "author",
    "Subject": "subject",
    "Keywords": "keywords",
    "Creator": "creator",
    "Producer": "producer",
    "CreationDate": "created",
    "ModDate": "modified",
}
_LOCKED: Final = 4  # FPDF_ERR_PASSWORD
_MAX_PAGES: Final = 100_000


def read(data: bytes, max_bytes: int) -> Iterator[Mapping[str, Any]]:
    """The properties, with the number of pages under `pages`; then each page's text under `text`.

    Args:
        data: The document.
        max_bytes: What all its text may have in UTF-8.

    Raises:
        NotReadError: It is locked with a password.
        RecordError: It is damaged, or longer.
    """
    import pypdfium2

    try:
        document = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        if getattr(error, "err_code", None) == _LOCKED:
            raise NotReadError("a PDF that is locked with a password") from None
        raise RecordError("no readable PDF: it is cut off or damaged") from None
    num_pages = len(document)
    if num_pages > _MAX_PAGES:
        raise RecordError(f"{num_pages:,} pages, above {_MAX_PAGES:,}")
    yield {**_properties(document), "pages": num_pages}
    num_bytes = 0
    for number in range(num_pages):
        try:
            text = _text_of(document, number)
        except pypdfium2.PdfiumError as error:
            yield {"error": f"damaged ({error})"}
            continue
        num_bytes += len(text.encode())
        if num_bytes > max_bytes:
            raise RecordError(f"over {max_bytes:,} bytes of text, the `max_record_bytes`")
        yield {"text": text}
    document.close()


def _text_of(document: Any, number: int) -> str:
    page = document[number]
    try:
        lines = page.get_textpage()
        try:
            found: str = lines.get_text_bounded()
            if RIGHT_TO_LEFT.search(found):
                found = in_reading_order(_placed(lines))
        finally:
            lines.close()
    finally:
        page.close()
    return plain(found)


def _placed(lines: Any) -> list[Placed]:
    """The characters of a page, each with where it begins and ends."""
    from pypdfium2 import raw

    found = []
    for place in range(lines.count_chars()):
        left, _, right, _ = lines.get_charbox(place)
        found.append((chr(raw.FPDFText_GetUnicode(lines, place)), left, right))
    return found


def plain(text: str) -> str:
    """A page's text with the words joined that a line's end had parted."""
    text = text.replace(f"{_HYPHEN}\r\n", "").replace(f"{_HYPHEN}\n", "").replace(_HYPHEN, "")
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
    # Half of a surrogate pair, as a damaged table of characters gives it.
    return text.encode("utf-8", "replace").decode() if not text.isascii() else text


def _properties(document: Any) -> dict[str, str]:
    found: dict[str, str] = document.get_metadata_dict(skip_empty=True)
    named = {_NAMES[name]: plain(value).strip() for name, value in found.items() if name in _NAMES}
    for name in ("created", "modified"):
        if name in named:
            named[name] = _as_iso(named[name])
    return {name: value[:10_000] for name, value in named.items() if value}


def _as_iso(date: str) -> str:
    """A date as ISO 8601, or as it was."""
    match = _DATE.match(date)
    if match is None:
        return date
    year, month, day, hour, minute, second, sign, hours, minutes = match.groups()
    iso = "-".join(part for part in (year, month, day) if part)
    if hour and day:
        iso += f"T{hour}:{minute}:{second or '00'}"
        iso += "Z" if sign == "Z" else f"{sign}{hours}:{minutes or '00'}" if sign and hours else ""
    return iso
