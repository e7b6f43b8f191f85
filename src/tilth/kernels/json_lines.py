"""Lines of JSON that all have the same names in the same order, taken apart into columns.

Only what is plain is taken: flat objects of text, numbers, true, false and null, as RFC 8259 writes
them, each on a line of its own. At anything else, right or wrong, the kernel stops and leaves the
lines to a parser that says what it is. The plain twin is that parser, the standard library's.
"""

from __future__ import annotations

import json
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from tilth.kernels.characters import Bytes, Integers

NULL, TEXT, ESCAPED, WHOLE, FRACTION, TRUE, FALSE = range(7)
# A whole number of so many digits is one of 64 bits.
MAX_DIGITS: Final = 18

_QUOTE, _BACKSLASH, _COMMA, _COLON, _OPEN, _CLOSE = (ord(sign) for sign in '"\\,:{}')
_MINUS, _PLUS, _POINT, _ZERO, _NINE = (ord(sign) for sign in "-+.09")
_BLANKS: Final = np.array([byte in b" \t\r" for byte in range(256)], np.bool_)
_WORDS: Final = np.frombuffer(b"nulltruefalse", np.uint8)
# What stands for a sign after a backslash; 0: nothing does.
_SIGNS: Final = np.zeros(256, np.uint8)
for _sign, _meant in zip('"\\/bfnrt', '"\\/\b\f\n\r\t', strict=True):
    _SIGNS[ord(_sign)] = ord(_meant)


class Cells(NamedTuple):
    """Where the values of some lines stand.

    Attributes:
        kinds: What each is, uint8 [names, lines].
        starts, ends: Of its bytes, of text between its quotation marks, int64 [names, lines].
    """

    kinds: npt.NDArray[np.uint8]
    starts: Integers
    ends: Integers


def scan(data: bytes, names: list[bytes], num_lines: int) -> Cells | None:
    """Where the values of so many lines stand; None: one of them is not as is said above.

    Args:
        data: The lines, each with its line break.
        names: As they stand between their quotation marks.
        num_lines: How many there are.
    """
    shape = (len(names), num_lines)
    kinds, starts, ends = np.empty(shape, np.uint8), np.empty(shape, np.int64), np.empty(shape, int)
    told = np.frombuffer(b"".join(names), np.uint8)
    offsets = np.cumsum([0, *map(len, names)])
    whole = np.frombuffer(data, np.uint8)
    is_whole = _scan(whole, told, offsets, _BLANKS, _WORDS, kinds, starts, ends)
    return Cells(kinds, starts, ends) if is_whole else None


def texts(data: bytes, cells: Cells, name: int) -> tuple[Bytes, Integers] | None:
    """The bytes of the values of a name, text with what its escapes stand for; None: one is none.

    Args:
        data: The lines.
        cells: Of them.
        name: Its number.

    Returns:
        Bytes, uint8 [n], and where those of each line begin, int64 [lines + 1]; of null nothing.
    """
    kinds, starts, ends = (part[name] for part in cells)
    found = np.empty(int((ends - starts).sum()), np.uint8)
    offsets = np.zeros(len(kinds) + 1, np.int64)
    whole = np.frombuffer(data, np.uint8)
    size = _texts(whole, kinds, starts, ends, _SIGNS, found, offsets)
    return (found[:size], offsets) if size >= 0 else None


def wholes(data: bytes, cells: Cells, name: int) -> Integers:
    """The values of a name of which all are whole numbers or null, int64 [lines]; 0 for null."""
    kinds, starts, ends = (part[name] for part in cells)
    return np.asarray(_wholes(np.frombuffer(data, np.uint8), kinds, starts, ends), np.int64)


def plain_values(data: bytes) -> dict[str, list[Any]]:
    """The plain twin: values by name."""
    lines = [json.loads(line) for line in data.splitlines()]
    return {name: [line[name] for line in lines] for name in lines[0]}


@njit(cache=True, nogil=True)
def _scan(data, names, name_offsets, blanks, words, kinds, starts, ends):  # type: ignore[no-untyped-def]
    at = 0
    for row in range(kinds.shape[1]):
        at = _skip(data, at, blanks)
        if data[at] != _OPEN:
            return False
        at = _skip(data, at + 1, blanks)
        for name in range(kinds.shape[0]):
            start = name_offsets[name] - 1
            size = name_offsets[name + 1] - start
            if data[at] != _QUOTE or at + size >= data.size or data[at + size] != _QUOTE:
                return False
            for byte in range(1, size):
                if data[at + byte] != names[start + byte]:
                    return False
            at = _skip(data, at + size + 1, blanks)
            if data[at] != _COLON:
                return False
            at = _skip(data, at + 1, blanks)
            kind, start, end, at = _value(data, at, words)
            if at < 0:
                return False
            kinds[name, row], starts[name, row], ends[name, row] = kind, start, end
            at = _skip(data, at, blanks)
            if data[at] != (_COMMA if name + 1 < kinds.shape[0] else _CLOSE):
                return False
            at = _skip(data, at + 1, blanks)
        if data[at] != 10:
            return False
        at += 1
        if at == data.size:
            return row + 1 == kinds.shape[1]
    return False


@njit(cache=True, nogil=True)
def _skip(data, at, blanks):  # type: ignore[no-untyped-def]
    # A line break ends it, and the last byte is one.
    while blanks[data[at]]:
        at += 1
    return at


@njit(cache=True, nogil=True)
def _value(data, at, words):  # type: ignore[no-untyped-def]
    """Kind, start and end of the value that begins here, and what follows it; -1: none is plain."""
    first = data[at]
    if first == _QUOTE:
        kind = TEXT
        here = np.uint64(at + 1)
        one = np.uint64(1)
        while True:
            byte = data[here]
            if byte == _QUOTE:
                break
            if byte == _BACKSLASH:
                kind = ESCAPED
                here += one
                byte = data[here]
            if byte < 32:
                return NULL, 0, 0, -1
            here += one
        end = np.int64(here)
        return kind, at + 1, end, end + 1
    if first == _MINUS or _ZERO <= first <= _NINE:
        kind, end = _number(data, at)
        return kind, at, end, end
    for kind, start, size in ((NULL, 0, 4), (TRUE, 4, 4), (FALSE, 8, 5)):
        if first == words[start]:
            if at + size >= data.size:
                return NULL, 0, 0, -1
            for byte in range(size):
                if data[at + byte] != words[start + byte]:
                    return NULL, 0, 0, -1
            return kind, at, at, at + size
    return NULL, 0, 0, -1


@njit(cache=True, nogil=True)
def _number(data, at):  # type: ignore[no-untyped-def]
    """The kind of a number, and its end; -1: it is none, or longer than one of 64 bits."""
    start = at + (data[at] == _MINUS)
    end = _digits(data, start)
    if end == start or (data[start] == _ZERO and end > start + 1):
        return NULL, -1
    if data[end] != _POINT and data[end] | 32 != 101:
        return (WHOLE, end) if end - start <= MAX_DIGITS else (NULL, -1)
    if data[end] == _POINT:
        start = end + 1
        end = _digits(data, start)
        if end == start:
            return NULL, -1
    if data[end] | 32 == 101:
        start = end + 1
        start += data[start] == _MINUS or data[start] == _PLUS
        end = _digits(data, start)
        if end == start:
            return NULL, -1
    return FRACTION, end


@njit(cache=True, nogil=True)
def _digits(data, at):  # type: ignore[no-untyped-def]
    while _ZERO <= data[at] <= _NINE:
        at += 1
    return at


@njit(cache=True, nogil=True)
def _texts(data, kinds, starts, ends, signs, found, offsets):  # type: ignore[no-untyped-def]
    at = 0
    for row in range(kinds.size):
        text = data[starts[row] : ends[row]]
        room = found[at:]
        if kinds[row] == ESCAPED:
            size = _unescape(text, signs, room)
            if size < 0:
                return -1
            at += size
        else:
            for byte in range(text.size):
                room[byte] = text[byte]
            at += text.size
        offsets[row + 1] = at
    return at


@njit(cache=True, nogil=True)
def _unescape(text, signs, room):  # type: ignore[no-untyped-def]
    """The text with what its escapes stand for; its length, or -1: one stands for nothing."""
    at, here, one = np.uint64(0), np.uint64(0), np.uint64(1)
    size = np.uint64(text.size)
    while here < size:
        byte = text[here]
        here += one
        if byte == _BACKSLASH:
            byte = text[here]
            here += one
            if byte == 117:
                point, here = _point(text, here)
                if point < 0:
                    return -1
                at = _put(room, at, point)
                continue
            byte = signs[byte]
            if byte == 0:
                return -1
        room[at] = byte
        at += one
    return np.int64(at)


@njit(cache=True, nogil=True)
def _point(text, here):  # type: ignore[no-untyped-def]
    """The character of four digits of hexadecimal, or of two such halves; -1: it is none."""
    point = _hex(text, here)
    here += np.uint64(4)
    if 0xD800 <= point < 0xDC00:
        two = np.uint64(2)
        if here + two > text.size or text[here] != _BACKSLASH or text[here + np.uint64(1)] != 117:
            return -1, here
        low = _hex(text, here + two)
        if not 0xDC00 <= low < 0xE000:
            return -1, here
        return 0x10000 + ((point - 0xD800) << 10) + (low - 0xDC00), here + np.uint64(6)
    return (-1 if 0xDC00 <= point < 0xE000 else point), here


@njit(cache=True, nogil=True)
def _hex(text, here):  # type: ignore[no-untyped-def]
    if here + np.uint64(4) > text.size:
        return -1
    found = 0
    for number in range(4):
        byte = int(text[here + np.uint64(number)])
        if _ZERO <= byte <= _NINE:
            digit = byte - _ZERO
        elif 97 <= byte | 32 <= 102:
            digit = (byte | 32) - 87
        else:
            return -1
        found = found * 16 + digit
    return found


@njit(cache=True, nogil=True)
def _put(room, at, point):  # type: ignore[no-untyped-def]
    """A character in UTF-8; where it ends. It never needs more than its escape."""
    one = np.uint64(1)
    if point < 0x80:
        room[at] = point
        return at + one
    if point < 0x800:
        room[at] = 0xC0 | point >> 6
    else:
        if point < 0x10000:
            room[at] = 0xE0 | point >> 12
        else:
            room[at] = 0xF0 | point >> 18
            at += one
            room[at] = 0x80 | (point >> 12) & 0x3F
        at += one
        room[at] = 0x80 | (point >> 6) & 0x3F
    at += one
    room[at] = 0x80 | point & 0x3F
    return at + one


@njit(cache=True, nogil=True)
def _wholes(data, kinds, starts, ends):  # type: ignore[no-untyped-def]
    found = np.zeros(kinds.size, np.int64)
    for row in range(kinds.size):
        if kinds[row] == WHOLE:
            start = starts[row] + (data[starts[row]] == _MINUS)
            value = 0
            for at in range(start, ends[row]):
                value = value * 10 + (int(data[at]) - _ZERO)
            found[row] = -value if start > starts[row] else value
    return found
