"""A text that is read in pieces, and says nowhere in which encoding it is."""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Callable
from contextlib import suppress
from typing import BinaryIO, Final

from tilth.decode.look import guess
from tilth.decode.marked import Pairs
from tilth.decode.text import (
    AUTO,
    LOOK_BYTES,
    UndecodableError,
    decode_text,
    guessed,
    is_rather_utf8,
    utf16_of,
    without,
)

_CHUNK: Final = 1 << 16
# Every encoding but UTF-16 says the same with other bytes than these.
_TELLS: Final = re.compile(rb"[\x80-\xff\x1b]")
# Around the first of them; before it nothing is said.
_BEFORE: Final = 1000
# What is held of one: a longer one is cut, and a character there may be lost with its record.
_MAX_LINE: Final = 64 << 20


def _nothing(_: str) -> None:
    """Nobody is told."""


class Undecided(io.BufferedReader):
    """A text in UTF-8, whatever it is in.

    The encoding is decided by its first byte beyond ASCII and what follows it, 200,000 bytes;
    what went before is the same in all of them. A byte that is none in it is given as 0xFF, which
    is none in UTF-8 either, so that its record says so.

    Args:
        stream: The text.
        encoding: As a recipe names it: a mark at the begin counts before it. `auto`: as it looks.
        told: Hears what was guessed, once it was.
        as_it_is: Whether, where it is named and is any other than UTF-8, the bytes are given as
            they are.
    """

    def __init__(
        self,
        stream: BinaryIO,
        encoding: str,
        told: Callable[[str], None] = _nothing,
        *,
        as_it_is: bool = False,
    ) -> None:
        self._inside = _Deciding(stream, encoding, told, as_it_is=as_it_is)
        super().__init__(self._inside, _CHUNK)

    @property
    def encoding(self) -> str:
        """Of the bytes that it gives."""
        # What it begins with says so.
        self.peek(1)
        return self._inside.encoding


class _Deciding(io.RawIOBase):
    def __init__(
        self, stream: BinaryIO, encoding: str, told: Callable[[str], None], *, as_it_is: bool
    ) -> None:
        self._stream, self._told = stream, told
        self.encoding = encoding if as_it_is and encoding != AUTO else "utf-8"
        self._is_decided, self._begins = encoding != AUTO, True
        # What makes UTF-8 of it, where it is none.
        self._made: Callable[[bytes], bytes] | None = None
        if encoding not in (AUTO, self.encoding):
            self._made = _made_of(encoding)
        self._held, self._rest, self._is_over = b"", b"", False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while not self._rest and not self._is_over:
            data, self._held = self._held or self._stream.read(_CHUNK), b""
            self._is_over = not data
            self._rest = self._seen(data)
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size

    def _seen(self, data: bytes) -> bytes:
        if self._begins:
            self._begins = False
            data = self._without_mark(data)
        if not self._is_decided and (told := _TELLS.search(data)) is not None:
            self._is_decided = True
            start = max(0, told.start() - _BEFORE)
            wanted = max(0, LOOK_BYTES - len(data) + start)
            self._held = self._stream.read(wanted)
            self._decide(data[start:] + self._held, is_whole=len(self._held) < wanted)
        return data if self._made is None else self._made(data)

    def _without_mark(self, data: bytes) -> bytes:
        name, mark = utf16_of(data)
        if name and (mark or not self._is_decided):
            self.encoding, self._is_decided = "utf-8", True
            self._made = Pairs(name)
            if not mark:
                self._told(guessed(name))
            return without(data, mark)
        if data.startswith(codecs.BOM_UTF8):
            self.encoding, self._is_decided, self._made = "utf-8", True, None
            return without(data, codecs.BOM_UTF8)
        return data

    def _decide(self, window: bytes, *, is_whole: bool) -> None:
        if b"\x1b" not in window:
            with suppress(UnicodeDecodeError):
                codecs.getincrementaldecoder("utf-8")().decode(window, final=is_whole)
                return
        if is_rather_utf8(window):
            return
        # Half of a character at the end is no sign.
        window = window if is_whole else window[: window.rfind(b"\n") + 1] or window
        # Where it cannot be told, each record that is no UTF-8 says so.
        with suppress(UndecodableError):
            name = guess(window)
            # By lines nothing is read that has other bytes for their ends.
            if name != "utf-8" and decode_text(b"a\n", name) == "a\n":
                self._made = _Lines(name)
                self._told(guessed(name))


def _made_of(name: str) -> Callable[[bytes], bytes]:
    """What makes UTF-8 of an encoding that is named."""
    try:
        by_lines = decode_text(b"a\n", name) == "a\n"
    except UndecodableError:
        by_lines = False
    return _Lines(name) if by_lines else Pairs(name)


class _Lines:
    """Lines in an encoding of bytes to UTF-8."""

    def __init__(self, name: str) -> None:
        self._name, self._begun = name, b""

    def __call__(self, data: bytes) -> bytes:
        whole = self._begun + data
        end = whole.rfind(b"\n") + 1 if data and len(whole) < _MAX_LINE else len(whole)
        self._begun = whole[end:]
        return b"".join(map(self._line, whole[:end].splitlines(keepends=True)))

    def _line(self, line: bytes) -> bytes:
        try:
            return decode_text(line, self._name).encode()
        except UndecodableError:
            return b"\xff" + line[len(line.rstrip(b"\r\n")) :]
