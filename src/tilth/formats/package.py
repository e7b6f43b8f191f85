"""Documents that are zip archives: looked at before any library sees them, and their XML parsed.

An entity of a DOCTYPE can stand for gigabytes; none of these formats needs one, so it is refused.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable
from io import BytesIO
from typing import Any, Final

from tilth.errors import NotReadError, RecordError
from tilth.formats.directory import check_directory

# Bytes that one member, and all, may unpack to.
MAX_MEMBER: Final = 1 << 27
MAX_ALL: Final = 1 << 29
_MAX_MEMBERS: Final = 100_000
_DOCTYPES: Final = tuple("<!DOCTYPE".encode(one) for one in ("ascii", "utf-16-le", "utf-16-be"))
_DAMAGED: Final = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    OSError,
    ValueError,
    NotImplementedError,
)


class Package:
    """The members of a document.

    Args:
        data: The document.
        is_plain_xml: Which members are XML that may have no DOCTYPE.

    Raises:
        NotReadError: It is locked.
        RecordError: It is damaged, a bomb, or has a DOCTYPE where none may be.
    """

    def __init__(self, data: bytes, is_plain_xml: Callable[[str], bool]) -> None:
        try:
            check_directory(BytesIO(data))
            self._zip = zipfile.ZipFile(BytesIO(data))
        except _DAMAGED as error:
            raise RecordError(f"cut off or damaged ({error})") from error
        entries = self._zip.infolist()
        if any(entry.flag_bits & 1 for entry in entries):
            raise NotReadError("a document that is locked with a password")
        if len(entries) > _MAX_MEMBERS:
            raise RecordError(f"{len(entries):,} members, above {_MAX_MEMBERS:,}")
        largest = max((entry.file_size for entry in entries), default=0)
        if largest > MAX_MEMBER or sum(entry.file_size for entry in entries) > MAX_ALL:
            raise RecordError(
                f"unpacks to more than {MAX_ALL >> 20} MB, or a member of it to more than "
                f"{MAX_MEMBER >> 20} MB: a bomb?"
            )
        self._entries = {entry.filename: entry for entry in entries}
        for name in self._entries:
            if is_plain_xml(name):
                content = self.read(name)
                if any(mark in content for mark in _DOCTYPES):
                    raise RecordError(f"`{name[:100]}` has a DOCTYPE, which is not read")

    @property
    def names(self) -> set[str]:
        """All members, by their paths."""
        return set(self._entries)

    def read(self, name: str) -> bytes:
        """A member's content, of at most as many bytes as the directory says.

        Raises:
            RecordError: There is none, or it is damaged.
        """
        try:
            return self._zip.read(self._entries[name])
        except KeyError:
            raise RecordError(f"damaged: `{name[:100]}` is not in it") from None
        except _DAMAGED as error:
            raise RecordError(f"damaged: `{name[:100]}` ({error})") from error

    def xml(self, name: str) -> Any:
        """A member's root element.

        Raises:
            RecordError: There is none, or it is no XML.
        """
        from lxml import etree

        parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
        try:
            return etree.fromstring(self.read(name), parser)
        except etree.XMLSyntaxError as error:
            raise RecordError(f"damaged: `{name[:100]}` is no XML ({error})") from None


def properties_of(elements: Any, names: dict[str, str]) -> dict[str, str]:
    """What elements such as Dublin Core's say, several of a kind joined.

    Args:
        elements: Those with the properties.
        names: Their local names, and what each is called here.
    """
    found: dict[str, list[str]] = {}
    for element in elements:
        if isinstance(element.tag, str) and (name := names.get(element.tag.rpartition("}")[2])):
            text = " ".join("".join(element.itertext()).split())
            if text:
                found.setdefault(name, []).append(text)
    return {name: "; ".join(texts)[:10_000] for name, texts in found.items()}
