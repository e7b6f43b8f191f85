"""A stream of lines that are looked at many at a time, and taken so or one by one."""

from __future__ import annotations

from typing import BinaryIO, NamedTuple

_CHUNK = 1 << 18


class Lines(NamedTuple):
    """Whole lines that lie ahead.

    Attributes:
        data: They, each with its line break.
        num_lines: How many.
        longest: Bytes of the longest, its line break among them.
    """

    data: bytes
    num_lines: int
    longest: int


class Ahead:
    """Reads a stream ahead.

    Args:
        stream: Read from where it is.
        max_bytes: That are held of it, or little more.
    """

    def __init__(self, stream: BinaryIO, max_bytes: int) -> None:
        self._stream, self._max_bytes = stream, max_bytes
        self._data = bytearray()
        self._at = 0
        self._is_over = False

    def lines(self, count: int, *, or_rest: bool = False) -> Lines | None:
        """The next so many lines; None: there are fewer, or they are too long to be held.

        Args:
            count: How many.
            or_rest: Whether all that are left will do, the last with a line break or without.
        """
        start, longest = self._at, 0
        end = start
        for number in range(count):
            after = self._data.find(b"\n", end) + 1
            while not after:
                since = len(self._data)
                if since - start > self._max_bytes:
                    return None
                if not self._read():
                    rest = bytes(self._data[self._at :])
                    is_open = bool(rest) and not rest.endswith(b"\n")
                    if not or_rest or not rest:
                        return None
                    longest = max(longest, is_open * (len(rest) - (end - start) + 1))
                    return Lines(rest + b"\n" * is_open, number + is_open, longest)
                start, end, since = 0, end - start, since - start
                after = self._data.find(b"\n", since) + 1
            longest, end = max(longest, after - end), after
        return Lines(bytes(self._data[start:end]), count, longest)

    def peek(self, num_bytes: int) -> tuple[bytes, bool]:
        """The next so many bytes, or all that are left; and whether these are all."""
        while len(self._data) - self._at < num_bytes:
            if not self._read():
                return bytes(self._data[self._at :]), True
        return bytes(self._data[self._at : self._at + num_bytes]), False

    def read(self, size: int) -> bytes:
        """As of the stream, less what was taken."""
        found = bytes(self._data[self._at : self._at + size])
        self.take(len(found))
        return found or self._stream.read(size)

    def take(self, num_bytes: int) -> None:
        """So many bytes are taken, or all that there are."""
        self._at = min(self._at + num_bytes, len(self._data))

    def readline(self, size: int) -> bytes:
        """As of the stream, less what was taken."""
        end = self._data.find(b"\n", self._at, self._at + size) + 1
        if not end and len(self._data) - self._at >= size:
            end = self._at + size
        if end:
            found = bytes(self._data[self._at : end])
            self._at = end
            return found
        found = bytes(self._data[self._at :])
        self._data, self._at = bytearray(), 0
        return found + self._stream.readline(size - len(found))

    def _read(self) -> bool:
        """Hold more of the stream, and nothing that was taken; whether there was more."""
        more = b"" if self._is_over else self._stream.read(_CHUNK)
        self._is_over = not more
        del self._data[: self._at]
        self._data += more
        self._at = 0
        return bool(more)
