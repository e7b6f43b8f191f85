"""EPUB to text: its pages in the order of its spine (EPUB 3.3, 5.7), the table of contents not.

Runs in a process of its own (`tilth.formats.apart`).
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import unquote

from tilth.decode.page import read_page
from tilth.decode.text import Decoded, UndecodableError
from tilth.errors import NotReadError, RecordError
from tilth.formats.markup import text_of
from tilth.formats.package import Package, properties_of

_CONTAINER: Final = "META-INF/container.xml"
_ENCRYPTION: Final = "META-INF/encryption.xml"
_PAGES: Final = ("application/xhtml+xml", "text/html", "application/x-dtbook+xml")
_NAMES: Final = {
    "title": "title",
    "creator": "author",
    "language": "language",
    "rights": "rights",
    "publisher": "publisher",
    "date": "date",
    "identifier": "identifier",
    "subject": "subject",
    "description": "description",
}


def read(data: bytes, max_bytes: int) -> Iterator[Mapping[str, Any]]:
    """The properties, with the number of pages under `chapters`; then each one's text under `text`,
    and where its encoding was guessed its name under `page` and what to tell of it under `guess`.

    Args:
        data: The book.
        max_bytes: What all its text may have in UTF-8.

    Raises:
        NotReadError: It is locked.
        RecordError: It is damaged, a bomb, or longer.
    """
    package = Package(data, lambda name: name == _CONTAINER or name.lower().endswith(".opf"))
    if _ENCRYPTION in package.names and b"xmlenc#" in package.read(_ENCRYPTION):
        raise NotReadError("a book that is locked against copying")
    root = next(
        (one for one in package.xml(_CONTAINER).iter("{*}rootfile") if one.get("full-path")), None
    )
    if root is None:
        raise RecordError("damaged: its container names no book")
    place = root.get("full-path")
    book = package.xml(place)
    items = {item.get("id"): item for item in book.iterfind("{*}manifest/{*}item")}
    spine = [items.get(one.get("idref")) for one in book.iterfind("{*}spine/{*}itemref")]
    pages = [
        posixpath.normpath(posixpath.join(posixpath.dirname(place), unquote(item.get("href"))))
        for item in spine
        if item is not None
        and item.get("href")
        and item.get("media-type") in _PAGES
        # A list of links to what is read anyway.
        and "nav" not in (item.get("properties") or "").split()
    ]
    pages = list(dict.fromkeys(pages))
    metadata = book.find("{*}metadata")
    told = properties_of(metadata.iter() if metadata is not None else (), _NAMES)
    yield {**told, "chapters": len(pages)}
    num_bytes = 0
    for page in pages:
        found = _decoded(package.read(page))
        text = text_of(found.text)
        num_bytes += len(text.encode())
        if num_bytes > max_bytes:
            raise RecordError(f"over {max_bytes:,} bytes of text, the `max_record_bytes`")
        yield {"text": text} | ({"page": page, "guess": found.note} if found.note else {})


def _decoded(page: bytes) -> Decoded:
    """XHTML is UTF-8, UTF-16, or what it says of itself (XML 1.0, 4.3.3)."""
    try:
        return read_page(page, None, max_undecodable=0)
    except UndecodableError:
        raise RecordError("a page of it is in no encoding that it names") from None
