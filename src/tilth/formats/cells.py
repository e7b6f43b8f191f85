"""How a table of text is written: its encoding, the ends of its lines and what parts its cells."""

from __future__ import annotations

import codecs
import io
import re
from dataclasses import dataclass, replace
from typing import BinaryIO, Final

from tilth.decode.text import decode_loosely
from tilth.decode.text import utf16_of as _utf16_of

# By Python's names.
_CODECS: Final = {"utf-16le": "utf-16-le", "utf-16be": "utf-16-be"}
# The first line by which Excel is told what parts the cells.
_TOLD: Final = re.compile(r"\ufeff?sep=([^\r\n])(\r\n|\r|\n)")
_QUOTED: Final = re.compile(r'"[^"]*"?')
# What parts cells where no comma does, as in countries that write 1,5.
_OTHERS: Final = ";\t|"
_CHUNK: Final = 1 << 16


@dataclass(frozen=True)
class Written:
    """How it is written.

    Attributes:
        encoding: UTF-16, which is not read as it stands; else empty.
        delimiter: What parts its cells.
        is_told: Whether its first line says so, and is no part of the table.
        ends_with_cr: Whether a lone carriage return ends each line, as once on the Macintosh.
    """

    encoding: str
    delimiter: str
    is_told: bool
    ends_with_cr: bool


def utf16_of(head: bytes) -> str:
    """The encoding of a text in UTF-16, by its byte order mark or its zeros; else empty."""
    return _CODECS.get(_utf16_of(head)[0], "")


def written(head: bytes, usual: str) -> Written:
    """How a table is written that begins so.

    Args:
        head: Its first bytes.
        usual: What parts its cells by its name: a comma or a tab. Where its first line has no
            comma outside of quotation marks, it is the one of ``; | tab`` that it has most of.
    """
    encoding = utf16_of(head)
    text = decode_loosely(head, encoding or "utf-8")
    ends_with_cr = "\r" in text and "\n" not in text
    if told := _TOLD.match(text):
        return Written(encoding, told[1], is_told=True, ends_with_cr=ends_with_cr)
    line = _QUOTED.sub("", re.split(r"[\r\n]", text.lstrip("\ufeff\r\n"), maxsplit=1)[0])
    delimiter = usual
    if usual == "," and "," not in line:
        most = max(_OTHERS, key=line.count)
        delimiter = most if most in line else usual
    return Written(encoding, delimiter, is_told=False, ends_with_cr=ends_with_cr)


def as_written(
    stream: io.BufferedReader, usual: str, delimiter: str | None
) -> tuple[io.BufferedReader, str]:
    """A table in UTF-8, lines ended by line feeds, and what parts its cells; as `written`.

    Args:
        stream: The table, in UTF-8 or an encoding that has ASCII.
        usual: What parts cells by its name.
        delimiter: What parts them as the recipe says, if it does; then nothing is looked at.
    """
    if delimiter:
        return stream, delimiter
    how = replace(written(stream.peek(_CHUNK)[:_CHUNK], usual), encoding="")
    return (rewritten(stream, how) if how.is_told or how.ends_with_cr else stream), how.delimiter


def rewritten(stream: BinaryIO, how: Written) -> io.BufferedReader:
    """The table in UTF-8, lines ended by line feeds, a line that only tells the delimiter blank.

    Raises:
        UnicodeDecodeError: As it is read, where bytes are no UTF-16.
    """
    return io.BufferedReader(_Rewritten(stream, how), _CHUNK)


class _Rewritten(io.RawIOBase):
    def __init__(self, stream: BinaryIO, how: Written) -> None:
        self._stream, self._how = stream, how
        decoder = codecs.getincrementaldecoder(how.encoding) if how.encoding else None
        self._decoder = decoder() if decoder else None
        self._rest, self._begins, self._is_read = b"", True, False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while not self._rest and not self._is_read:
            data = self._stream.read(_CHUNK)
            self._is_read = not data
            self._rest = self._plain(data)
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size

    def _plain(self, data: bytes) -> bytes:
        if self._decoder is not None:
            text = self._decoder.decode(data, final=not data)
            data = (text.removeprefix("\ufeff") if self._begins else text).encode()
        if self._how.ends_with_cr:
            data = data.replace(b"\r", b"\n")
        if self._begins and self._how.is_told:
            line, end, rest = data.partition(b"\n")
            data = b"\r" * line.endswith(b"\r") + end + rest
        self._begins = self._begins and not data
        return data
