"""The records of a JSON document (RFC 8259) that a path leads to, cut out without parsing the rest.

The document is read in pieces and never held: what is kept is one record, up to a bound, and the
brackets that are open. A path is keys and `[*]`, such as `data.train[*]`: every item of a list, or
every value of an object.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, Final

ALL: Final = "[*]"

_CHUNK = 1 << 18
_MAX_OPEN = 100_000
_MAX_KEY = 1 << 16
# Keys that a message lists.
_MAX_SEEN = 20
_STEP = re.compile(r'\.?([^.\[\]"]+)|(\[\*\])|\.?\["((?:[^"\\]|\\.)*)"\]')
_BLANK = re.compile(rb"[ \t\r\n]*")
_WORD = re.compile(rb'[^ \t\r\n,:"\[\]{}]*')
# A string is one match, closed or not, so that the search is linear in any input.
_REST = rb'[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)'
_REST_OF_STRING = re.compile(_REST, re.DOTALL)
_STRING_ONLY = re.compile(rb'"' + _REST, re.DOTALL)
# What most records are in one match: brackets in brackets, a few levels deep.
_PLAIN = rb'[^"{}\[\]]++|"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_LEVELS = 7


def _levels(levels: int) -> bytes:
    inside = _PLAIN + (b"|" + _levels(levels - 1) if levels > 1 else b"")
    return rb"(?:\{(?:" + inside + rb")*+\}|\[(?:" + inside + rb")*+\])"


@functools.cache
def _shallow() -> re.Pattern[bytes]:
    # The pattern doubles with each level: 40 ms that only who reads such documents spends.
    return re.compile(_levels(_LEVELS), re.DOTALL)


_BRACKET = re.compile(rb'"' + _REST + rb"|[\[\]{}]", re.DOTALL)


class NotJsonError(ValueError):
    """The document cannot be cut into records from here on."""


def parse_path(text: str) -> tuple[str, ...]:
    """The steps of a path: keys, and `ALL`.

    Args:
        text: As `data.train[*]`; a key with a dot or a bracket is written `["a.b"]`.

    Raises:
        ValueError: It is no path, or has no `[*]`.
    """
    steps, at = [], 0
    while at < len(text):
        match = _STEP.match(text, at)
        if match is None:
            raise ValueError(f"no path at character {at + 1}; write it as `data.train[*]`")
        key, every, quoted = match.groups()
        steps.append(ALL if every else key if key is not None else json.loads(f'"{quoted}"'))
        at = match.end()
    if ALL not in steps:
        raise ValueError("a path has a `[*]`, for what it leads to is a list: `data.train[*]`")
    return tuple(steps)


def cut_records(
    stream: BinaryIO, path: tuple[str, ...], max_bytes: int, chunk_bytes: int = _CHUNK
) -> Iterator[tuple[bytes, int]]:
    """The records of a document, in its order.

    Args:
        stream: UTF-8 bytes of one JSON document.
        path: As of `parse_path`.
        max_bytes: What is kept of a record at most.
        chunk_bytes: Bytes read at a time.

    Yields:
        The record's bytes, cut at `max_bytes`, and its full length. What stands between two commas
        of a list is a record, whether or not a parser takes it for one.

    Raises:
        NotJsonError: A bracket closes nothing or is never closed, the nesting has no end, text
            follows the document, or the path leads to nothing.
    """
    yield from _cut(_Reader(stream, max_bytes, chunk_bytes), path)


def cut_items(
    stream: BinaryIO, max_bytes: int, chunk_bytes: int = _CHUNK
) -> Iterator[tuple[bytes, int]]:
    """The items of a document that is one list; else as `cut_records`.

    Raises:
        NotJsonError: It is none; and as of `cut_records`.
    """
    reader = _Reader(stream, max_bytes, chunk_bytes)
    if reader.peek() not in (b"[", b""):
        raise NotJsonError("not a JSON array")
    yield from _cut(reader, (ALL,))


def _cut(reader: _Reader, path: tuple[str, ...]) -> Iterator[tuple[bytes, int]]:
    met = _Met(path)
    if reader.peek() == b"":
        raise NotJsonError("it is empty")
    yield from _walk(reader, path, met, 0)
    if reader.peek() != b"":
        raise NotJsonError("text after the end of the document")
    met.check()


def _walk(
    reader: _Reader, path: tuple[str, ...], met: _Met, done: int
) -> Iterator[tuple[bytes, int]]:
    """The records in the value that stands next, to which so many steps lead."""
    met.deepest = max(met.deepest, done)
    if done == len(path):
        yield reader.value(keep=True)
        return
    step, opens = path[done], reader.peek()
    if opens not in (b"{", b"["):
        reader.value(keep=False)
        return
    is_object, closes = opens == b"{", b"}" if opens == b"{" else b"]"
    reader.take(opens)
    if is_object or step == ALL:
        # An empty list is no wrong way.
        met.deepest = max(met.deepest, done + (step == ALL))
    if reader.peek() == closes:
        reader.take(closes)
        return
    is_of_records = step == ALL and not is_object and done + 1 == len(path)
    while True:
        is_way = step == ALL
        if is_object:
            key = reader.key()
            met.saw(done, key)
            reader.take(b":")
            is_way = is_way or key == step
        if is_of_records:
            met.deepest = len(path)
            yield reader.item()
        elif is_way:
            yield from _walk(reader, path, met, done + 1)
        else:
            reader.value(keep=False)
        if reader.peek() == closes:
            reader.take(closes)
            return
        reader.take(b",")


@dataclass
class _Met:
    """How far the path led, and which keys were there where it led no further."""

    path: tuple[str, ...]
    deepest: int = 0
    seen: dict[int, dict[str, None]] = field(default_factory=dict)

    def saw(self, done: int, key: str) -> None:
        """An object to which so many steps lead has a key."""
        keys = self.seen.setdefault(done, {})
        if len(keys) < _MAX_SEEN:
            keys[key] = None

    def check(self) -> None:
        """Refuse a path that led to nothing.

        Raises:
            NotJsonError: It did.
        """
        if self.deepest == len(self.path):
            return
        step, keys = self.path[self.deepest], self.seen.get(self.deepest)
        if step == ALL:
            raise NotJsonError("`[*]` is of a list or an object, and there is neither")
        there = f"there are {', '.join(keys)}" if keys else "there is no object"
        raise NotJsonError(f"no key `{step}` on the way; {there}")


class _Reader:
    """A document as a stream of values: what was read is forgotten."""

    def __init__(self, stream: BinaryIO, max_bytes: int, chunk_bytes: int) -> None:
        self._stream = stream
        self._max_bytes = max_bytes
        self._chunk_bytes = chunk_bytes
        self._buffer = stream.read(3).removeprefix(b"\xef\xbb\xbf")
        self._at = 0

    def peek(self) -> bytes:
        """The next byte that is no white space; empty: the end."""
        while True:
            match = _BLANK.match(self._buffer, self._at)
            self._at = match.end() if match else self._at
            if self._at < len(self._buffer):
                return self._buffer[self._at : self._at + 1]
            if not self._more():
                return b""

    def take(self, what: bytes) -> None:
        """Go past a byte that has to stand next.

        Raises:
            NotJsonError: Another does.
        """
        found = self.peek()
        if found != what:
            raise _unexpected(found, what.decode())
        self._at += 1

    def key(self) -> str:
        """The key that has to stand next.

        Raises:
            NotJsonError: There is none.
        """
        if (found := self.peek()) != b'"':
            raise _unexpected(found, "a key")
        data, num_bytes = self.value(keep=True, most=_MAX_KEY)
        if num_bytes > _MAX_KEY:
            raise NotJsonError(f"a key of more than {_MAX_KEY:,} bytes")
        try:
            return str(json.loads(data))
        except ValueError:
            raise NotJsonError("a key that is no text") from None

    def item(self) -> tuple[bytes, int]:
        """Go past all that stands before the next comma or the end of a list, as `value` does.

        Where a comma is missing it is several values, which no parser takes for one.

        Raises:
            NotJsonError: It has no end.
        """
        kept, num_bytes, pieces = bytearray(), 0, 0
        # What is whole where the document ends is an item yet.
        while (found := self.peek()) not in (b",", b"]") and (found or not pieces):
            if found == b":":
                part, size, self._at = found, 1, self._at + 1
            else:
                part, size = self.value(keep=True, most=max(self._max_bytes - len(kept), 0))
            if not pieces and self.peek() in (b",", b"]"):
                return part, size
            kept += b" " * bool(pieces) + part if len(kept) < self._max_bytes else b""
            num_bytes, pieces = num_bytes + bool(pieces) + size, pieces + 1
        return bytes(kept[: self._max_bytes]), num_bytes

    def value(self, *, keep: bool, most: int | None = None) -> tuple[bytes, int]:
        """Go past the value that stands next; its bytes, cut, and its full length.

        Raises:
            NotJsonError: It has no end.
        """
        first = self.peek()
        if first in (b"", b",", b":", b"]", b"}"):
            raise _unexpected(first, "a value")
        most = (self._max_bytes if most is None else most) if keep else 0
        if first in (b"{", b"["):
            match = _shallow().match(self._buffer, self._at)
            if match is not None:
                start, self._at = self._at, match.end()
                return self._buffer[start : min(self._at, start + most)], self._at - start
        kept, num_bytes, opened = bytearray(), 0, bytearray()
        in_string = is_escaped = False
        start = self._at
        while True:
            if self._at >= len(self._buffer):
                kept += self._buffer[start : start + max(most - len(kept), 0)]
                num_bytes += len(self._buffer) - start
                if not self._more():
                    # A number or a word may end with the document.
                    if opened or in_string:
                        raise NotJsonError("it is cut off: a bracket or a string is never closed")
                    return bytes(kept), num_bytes
                start = 0
            if is_escaped:
                self._at, is_escaped = self._at + 1, False
                continue
            if in_string:
                match = _REST_OF_STRING.match(self._buffer, self._at)
                in_string, is_escaped = _open_after(match, self._buffer)
            elif opened or first in (b"{", b"["):
                match = _BRACKET.search(self._buffer, self._at)
                if match is None:
                    self._at = len(self._buffer)
                    continue
                token = match.group()
                if token[:1] == b'"':
                    in_string, is_escaped = _open_after(match, self._buffer, 1)
                elif token in b"[{":
                    opened += token
                    if len(opened) > _MAX_OPEN:
                        raise NotJsonError(f"nested more than {_MAX_OPEN:,} levels deep")
                else:
                    if opened[-1:] != {b"]": b"[", b"}": b"{"}[token]:
                        raise NotJsonError(f"`{token.decode()}` closes nothing")
                    del opened[-1]
            elif first == b'"':
                match = _STRING_ONLY.match(self._buffer, self._at)
                in_string, is_escaped = _open_after(match, self._buffer, 1)
            else:
                match = _WORD.match(self._buffer, self._at)
                self._at = match.end() if match else self._at
                if self._at == len(self._buffer):
                    continue
                match = None
            self._at = match.end() if match else self._at
            if not opened and not in_string:
                break
        kept += self._buffer[start : min(self._at, start + max(most - len(kept), 0))]
        return bytes(kept), num_bytes + self._at - start

    def _more(self) -> bool:
        """Read on where all was used; whether there was more."""
        self._buffer, self._at = self._stream.read(self._chunk_bytes), 0
        return bool(self._buffer)


def _open_after(match: re.Match[bytes] | None, buffer: bytes, begins: int = 0) -> tuple[bool, bool]:
    """Whether a string goes on after what was read of it, and its next character is escaped."""
    assert match is not None
    text = match.group()[begins:]
    if match.end() < len(buffer) or text.endswith(b'"'):
        slashes = len(text) - 1 - len(text[:-1].rstrip(b"\\"))
        # At the end of the buffer a quotation mark may be an escaped one.
        return (slashes % 2 == 1, False) if match.end() == len(buffer) else (False, False)
    slashes = len(text) - len(text.rstrip(b"\\"))
    return True, slashes % 2 == 1


def _unexpected(found: bytes, wanted: str) -> NotJsonError:
    if not found:
        return NotJsonError(f"it is cut off: {wanted} is missing")
    return NotJsonError(f"`{found.decode('latin-1')}` stands where {wanted} should")
