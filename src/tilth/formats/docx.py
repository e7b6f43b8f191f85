"""DOCX to text by way of HTML (mammoth): tables, lists, tracked insertions; no header, no footer.

Runs in a process of its own (`tilth.formats.apart`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from io import BytesIO
from typing import Any, Final

from tilth.errors import RecordError
from tilth.formats.markup import text_of
from tilth.formats.office_math import with_formulas
from tilth.formats.package import Package, properties_of

_NAMES: Final = {
    "title": "title",
    "creator": "author",
    "subject": "subject",
    "keywords": "keywords",
    "description": "description",
    "language": "language",
    "created": "created",
    "modified": "modified",
}


def read(data: bytes, max_bytes: int) -> Iterator[Mapping[str, Any]]:
    """The properties, and then the text under `text`.

    Args:
        data: The document.
        max_bytes: What its text may have in UTF-8.

    Raises:
        NotReadError: It is locked with a password.
        RecordError: It is damaged, a bomb, or longer.
    """
    import mammoth

    package = Package(data, lambda name: name.lower().endswith((".xml", ".rels")))
    core = "docProps/core.xml"
    yield properties_of(package.xml(core), _NAMES) if core in package.names else {}
    # A picture is no text, and would be so of four letters for three bytes.
    html = mammoth.convert_to_html(
        BytesIO(with_formulas(data, package)),
        convert_image=mammoth.images.img_element(lambda _: {}),
    ).value
    text = text_of(html)
    if len(text.encode()) > max_bytes:
        raise RecordError(f"over {max_bytes:,} bytes of text, the `max_record_bytes`")
    yield {"text": text}
