"""A text that is read as UTF-8 in pieces, and may begin with a byte order mark that says UTF-16."""

from __future__ import annotations

import codecs
import io
from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO, Final, cast

from tilth.decode.text import utf16_of, without

_CHUNK: Final = 1 << 16
_MARKS: Final = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class Pairs:
    """UTF-16 to UTF-8, piece by piece; what is no UTF-16 comes as a byte that is no UTF-8.

    Args:
        name: utf-16le or utf-16be; or by Python's name another in which a line's end is not one
            byte, as UTF-32.
    """

    def __init__(self, name: str) -> None:
        codec = {"utf-16le": "utf-16-le", "utf-16be": "utf-16-be"}.get(name, name)
        self._decoder = codecs.getincrementaldecoder(codec)("surrogatepass")

    def __call__(self, data: bytes) -> bytes:
        """The next piece; an empty one ends the text."""
        try:
            text = self._decoder.decode(data, final=not data)
        except UnicodeDecodeError:
            return b"\xff"
        # Half of a pair stays one, which is none in UTF-8.
        return text.encode("utf-8", "surrogatepass")


def pieces_in_utf8(pieces: Iterable[bytes], *, unmarked: bool = False) -> Iterator[bytes]:
    """The pieces of a text as they come, without its byte order mark; of one in UTF-16, as UTF-8.

    Args:
        pieces: The first of them has its mark.
        unmarked: Take for UTF-16 also what has no mark and looks like it.
    """
    made: Callable[[bytes], bytes] | None = None
    for number, piece in enumerate(pieces):
        if number == 0:
            name, mark = utf16_of(piece)
            if mark or (name and unmarked):
                made = Pairs(name)
            piece = without(piece, mark if made else codecs.BOM_UTF8)
        yield piece if made is None else made(piece)
    if made is not None:
        yield made(b"")


def in_utf8_from(stream: BinaryIO) -> BinaryIO:
    """The same of a stream; where it has no mark, as can be seen of most, it is that itself."""
    peek = getattr(stream, "peek", None)
    head = b"" if peek is None else bytes(peek(4))
    if len(head) >= 3 and not head.startswith(_MARKS):
        return stream
    return cast(BinaryIO, io.BufferedReader(_Pieces(stream), _CHUNK))


class _Pieces(io.RawIOBase):
    def __init__(self, stream: BinaryIO) -> None:
        self._pieces = pieces_in_utf8(iter(lambda: stream.read(_CHUNK), b""))
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._rest = piece
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size
