"""Records of delimited text (RFC 4180) taken apart into columns, as far as they are regular.

A quoted field is quoted as a whole, a quotation mark in it is doubled, and each record has as many
fields as the header; in a field without quotation marks about it they are letters. At anything else
the kernel stops. The plain twin is the standard library's parser, in its strict way.
"""

from __future__ import annotations

import csv
import io
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from tilth.kernels.characters import Bytes, Integers

_NEWLINE: Final = 10


class Records(NamedTuple):
    """Where the fields of some records stand.

    Attributes:
        starts, ends: Of each field's bytes between its quotation marks, int64 [width, records].
        doubled: Whether a quotation mark in it is doubled, bool [width, records].
        sizes: Bytes of each record less its last line break, int64 [records].
        lines: Line breaks before each record, int64 [records].
        num_lines: Line breaks in all of them.
        end: Bytes of all of them.
    """

    starts: Integers
    ends: Integers
    doubled: npt.NDArray[np.bool_]
    sizes: Integers
    lines: Integers
    num_lines: int
    end: int


class OddError(ValueError):
    """A record is not regular."""


def scan(
    data: bytes, delimiter: str, quote: str, width: int, count: int, *, or_rest: bool = False
) -> Records | None:
    """So many records from the beginning; None: there are fewer.

    Args:
        data: Lines that each end in a newline.
        delimiter, quote: One character of ASCII each.
        width: Fields of a record.
        count: Records.
        or_rest: Whether all that are left will do, if there is one.

    Raises:
        OddError: One of them is not regular.
    """
    shape = (width, count)
    starts, ends, doubled = np.empty(shape, int), np.empty(shape, int), np.zeros(shape, np.bool_)
    sizes, lines = np.empty(count, np.int64), np.empty(count, np.int64)
    end, num_lines, num_records = _scan(
        np.frombuffer(data, np.uint8),
        ord(delimiter),
        ord(quote),
        *(starts, ends, doubled, sizes, lines),
    )
    if end == _ODD:
        raise OddError
    if end == _FEWER or (num_records < count and not (or_rest and num_records)):
        return None
    there = slice(int(num_records))
    fields = starts[:, there], ends[:, there], doubled[:, there]
    return Records(*fields, sizes[there], lines[there], int(num_lines), int(end))


def texts(data: bytes, records: Records, column: int, quote: str) -> tuple[Bytes, Integers]:
    """The bytes of a column, uint8 [n], and where those of each record begin, int64 [d + 1]."""
    starts, ends = records.starts[column], records.ends[column]
    found = np.empty(int((ends - starts).sum()), np.uint8)
    offsets = np.zeros(len(starts) + 1, np.int64)
    whole = np.frombuffer(data, np.uint8)
    size = _texts(whole, starts, ends, records.doubled[column], ord(quote), found, offsets)
    return found[:size], offsets


def plain_cells(text: str, delimiter: str, quote: str, count: int) -> list[list[str]]:
    """The plain twin: the fields of so many records."""
    reader = csv.reader(
        io.StringIO(text, newline="\n"), delimiter=delimiter, quotechar=quote, strict=True
    )
    return [values for values, _ in zip(filter(None, reader), range(count), strict=False)]


_FEWER: Final = -1
_ODD: Final = -2


@njit(cache=True, nogil=True)
def _scan(data, delimiter, quote, starts, ends, doubled, sizes, lines):  # type: ignore[no-untyped-def]
    width, count = starts.shape
    at = num_lines = 0
    for record in range(count):
        # An empty line is none.
        while width > 1 and at < data.size and data[at] == _NEWLINE:
            at, num_lines = at + 1, num_lines + 1
        if at == data.size:
            return at, num_lines, record
        first = at
        lines[record] = num_lines
        for column in range(width):
            if at >= data.size:
                return _FEWER, 0, 0
            if data[at] == quote:
                starts[column, record] = at + 1
                at, breaks, has_doubled = _quoted(data, at + 1, quote)
                if at < 0:
                    return at, 0, 0
                num_lines += breaks
                doubled[column, record] = has_doubled
                ends[column, record] = at
                at += 1
            else:
                starts[column, record] = at
                at = _plain(data, at, delimiter)
                ends[column, record] = at
            if at >= data.size:
                return _FEWER, 0, 0
            if data[at] != (delimiter if column + 1 < width else _NEWLINE):
                return _ODD, 0, 0
            at += 1
        sizes[record] = at - 1 - first
        # A record of one field that is empty is no record to others.
        if sizes[record] == 0:
            return _ODD, 0, 0
        num_lines += 1
    return at, num_lines, count


@njit(cache=True, nogil=True)
def _quoted(data, at, quote):  # type: ignore[no-untyped-def]
    """Where a quoted field ends, line breaks in it, and whether a quotation mark is doubled."""
    here, size, one = np.uint64(at), np.uint64(data.size), np.uint64(1)
    breaks, has_doubled = 0, False
    while here < size:
        byte = data[here]
        if byte == quote:
            if here + one >= size:
                break
            if data[here + one] != quote:
                return np.int64(here), breaks, has_doubled
            has_doubled = True
            here += one
        breaks += byte == _NEWLINE
        here += one
    return _FEWER, 0, False


@njit(cache=True, nogil=True)
def _plain(data, at, delimiter):  # type: ignore[no-untyped-def]
    while at < data.size and data[at] != delimiter and data[at] != _NEWLINE:
        at += 1
    return at


@njit(cache=True, nogil=True)
def _texts(data, starts, ends, doubled, quote, found, offsets):  # type: ignore[no-untyped-def]
    at = 0
    for row in range(starts.size):
        text = data[starts[row] : ends[row]]
        room = found[at:]
        if doubled[row]:
            size = 0
            was_quote = False
            for byte in range(text.size):
                is_second = was_quote and text[byte] == quote
                was_quote = text[byte] == quote and not is_second
                if not is_second:
                    room[size] = text[byte]
                    size += 1
            at += size
        else:
            for byte in range(text.size):
                room[byte] = text[byte]
            at += text.size
        offsets[row + 1] = at
    return at
