"""What a page says of its encoding within its first 1024 bytes (HTML Standard, 13.2.3.2)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from tilth.decode.text import named

_PRESCAN_BYTES: Final = 1024
_SPACE: Final = b"\t\n\f\r "
_XML: Final = re.compile(
    rb"<\?xml[^>]*?encoding[\x00-\x20]*=[\x00-\x20]*(?:\"([^\">]*)\"|'([^'>]*)')"
)
_CHARSET: Final = re.compile(
    rb"charset[\t\n\f\r ]*=[\t\n\f\r ]*(?:\"([^\"]*)\"|'([^']*)'|([^\t\n\f\r ;\"'][^\t\n\f\r ;]*))",
    re.I,
)


def declared_in(data: bytes) -> str:
    """The encoding that a page's `meta` element names, or else its XML declaration; empty: none.

    An ASCII-readable declaration of UTF-16 cannot be true: the standard reads it as UTF-8.
    """
    head = data[:_PRESCAN_BYTES]
    found = _in_meta(head)
    if not found and (said := _XML.match(head)):
        found = named((said[1] or said[2] or b"").strip(_SPACE).decode("latin-1"), on_web=True)
    if found.startswith("utf-16"):
        return "utf-8"
    return "windows-1252" if found == "x-user-defined" else found


def _in_meta(head: bytes) -> str:
    at = 0
    while (at := head.find(b"<", at)) >= 0:
        rest = head[at : at + 9].lower()
        if rest.startswith(b"<!--"):
            end = head.find(b"-->", at + 2)
            if end < 0:
                return ""
            at = end + 3
        elif rest[:5] == b"<meta" and rest[5:6] in (b"\t", b"\n", b"\f", b"\r", b" ", b"/"):
            attributes = _Attributes(head, at + 6)
            if found := _of_meta(attributes):
                return found
            at = attributes.at
        elif re.match(rb"</?[a-z]", rest):
            at += 1
            while at < len(head) and head[at] not in b"\t\n\f\r >":
                at += 1
            attributes = _Attributes(head, at)
            for _ in attributes:
                pass
            at = attributes.at
        elif rest[:2] in (b"<!", b"</", b"<?"):
            end = head.find(b">", at)
            if end < 0:
                return ""
            at = end + 1
        else:
            at += 1
    return ""


def _of_meta(attributes: _Attributes) -> str:
    seen: set[bytes] = set()
    is_pragma, needs_pragma, charset = False, None, ""
    for name, value in attributes:
        if name in seen:
            continue
        seen.add(name)
        if name == b"http-equiv":
            is_pragma = is_pragma or value == b"content-type"
        elif name == b"content" and not charset:
            if said := _in_content(value):
                charset, needs_pragma = said, True
        elif name == b"charset":
            charset, needs_pragma = _label(value), False
    if attributes.is_cut or needs_pragma is None or (needs_pragma and not is_pragma):
        return ""
    return charset


def _in_content(value: bytes) -> str:
    """Out of what stands in a header (HTML, 2.6.4)."""
    for said in re.finditer(rb"charset", value, re.I):
        if (told := _CHARSET.match(value, said.start())) is not None:
            return _label(next(one for one in told.groups() if one is not None))
        after = value[said.end() :].lstrip(_SPACE)
        if after[:1] == b"=":
            # A quotation mark that is never closed.
            return ""
    return ""


def _label(value: bytes) -> str:
    return named(value.decode("latin-1"), on_web=True)


class _Attributes:
    """The attributes of a tag, names and values in lower case.

    Attributes:
        at: Behind the last one read.
        is_cut: Whether what is looked at ends before the tag does.
    """

    def __init__(self, head: bytes, at: int) -> None:
        self._head, self.at, self.is_cut = head, at, False

    def __iter__(self) -> Iterator[tuple[bytes, bytes]]:
        while (found := self._next()) is not None:
            yield found

    def _byte(self) -> int:
        if self.at < len(self._head):
            return self._head[self.at]
        self.is_cut = True
        return -1

    def _skip(self, among: bytes) -> int:
        while (byte := self._byte()) >= 0 and byte in among:
            self.at += 1
        return byte

    def _until(self, ends: bytes) -> bytes:
        start = self.at
        while (byte := self._byte()) >= 0 and byte not in ends:
            self.at += 1
        return self._head[start : self.at].lower()

    def _next(self) -> tuple[bytes, bytes] | None:
        if self._skip(_SPACE + b"/") in (b">"[0], -1):
            return None
        start = self.at
        # A name may begin with an equals sign.
        self.at += 1
        self._until(b"=" + _SPACE + b"/>")
        name = self._head[start : self.at].lower()
        if self._skip(_SPACE) != b"="[0]:
            return None if self.is_cut else (name, b"")
        self.at += 1
        mark = self._skip(_SPACE)
        if mark >= 0 and mark in b"\"'":
            self.at += 1
            value = self._until(bytes((mark,)))
            self.at += 1
            return None if self.is_cut else (name, value)
        if mark == b">"[0]:
            return name, b""
        value = self._until(_SPACE + b">")
        return None if self.is_cut else (name, value)
