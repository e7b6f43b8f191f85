"""What a code point is: eight yes-or-no properties in a two-stage table, and UTF-8 decoding.

The table is 1,114,112 code points in blocks of 256; equal blocks are stored once, so that it fits
the second-level cache (about 60 kB). It is built from the running interpreter's Unicode database,
because the plain twins ask the same database.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt
from numba import njit

WORD: Final = 1  # `\w`: letters, digits, underscore
JOIN: Final = 2  # marks and invisible format characters: they go on with the word they follow
SPACE: Final = 4  # white space, controls, and format characters outside a word
ALPHA: Final = 8
DIGIT: Final = 16
UPPER: Final = 32
BULLET: Final = 64  # opens an item of a list
TERMINAL: Final = 128  # ends a sentence

BLOCK: Final = 256
NUM_CODE_POINTS: Final = 0x110000
# Above this only tags, variation selectors and private use are assigned.
_LAST_DENSE: Final = 0x40000
_SUPPLEMENT: Final = range(0xE0000, 0xE1000)
_ZERO_WIDTH_SPACE: Final = 0x200B
BULLET_MARKS: Final = frozenset("-*•‣⁃∙▪▫◦●○◆◇■□➢➤")
TERMINAL_MARKS: Final = frozenset(".!?。！？｡…‼⁇⁈⁉؟۔।॥։។៕᙮᠃᠉𑁇𑁈")

Bytes = npt.NDArray[np.uint8]
Integers = npt.NDArray[np.int64]


def character_class(char: str) -> int:
    """The properties of one character as a sum of the flags above: the table's definition."""
    category = unicodedata.category(char)
    flags = 0
    if char.isalnum() or char == "_":
        flags |= WORD
    elif category in ("Mn", "Mc", "Me", "Cf") and ord(char) != _ZERO_WIDTH_SPACE:
        flags |= JOIN
    if char.isspace() or category in ("Cc", "Cf"):
        flags |= SPACE
    if char.isalpha():
        flags |= ALPHA
    if char.isdigit():
        flags |= DIGIT
    if char.isupper():
        flags |= UPPER
    if char in BULLET_MARKS:
        flags |= BULLET
    if char in TERMINAL_MARKS:
        flags |= TERMINAL
    return flags


@lru_cache(maxsize=1)
def class_table() -> tuple[npt.NDArray[np.uint16], Bytes]:
    """The two-stage table: class of `c` is `flags[index[c >> 8] * 256 + (c & 255)]`.

    Returns:
        index: uint16 [4352], block number of every 256 code points.
        flags: uint8 [blocks * 256].
    """
    classes = np.zeros(NUM_CODE_POINTS, np.uint8)
    points = np.arange(_LAST_DENSE, dtype=np.uint32)
    points[0xD800:0xE000] = 0xFFFF
    chars = points.view("U1")
    dense = classes[:_LAST_DENSE]
    alnum = np.char.isalnum(chars)
    dense[alnum] |= WORD
    dense[np.char.isalpha(chars)] |= ALPHA
    dense[np.char.isdigit(chars)] |= DIGIT
    dense[np.char.isupper(chars)] |= UPPER
    for point in np.flatnonzero(~alnum).tolist():
        dense[point] = character_class(chr(point))
    for point in _SUPPLEMENT:
        classes[point] = character_class(chr(point))
    blocks, index = np.unique(classes.reshape(-1, BLOCK), axis=0, return_inverse=True)
    return index.reshape(-1).astype(np.uint16), np.ascontiguousarray(blocks).reshape(-1)


@njit(cache=True, nogil=True, inline="always")
def decode(data, position):  # type: ignore[no-untyped-def]
    """Code point and byte length of the UTF-8 character at `position` (RFC 3629).

    The caller vouches for valid UTF-8, which Arrow strings are; the position must not exceed it.
    """
    first = np.int64(data[position])
    if first < 0x80:
        return first, 1
    if first < 0xE0:
        return ((first & 0x1F) << 6) | (data[position + 1] & 0x3F), 2
    if first < 0xF0:
        return (
            ((first & 0x0F) << 12)
            | (np.int64(data[position + 1] & 0x3F) << 6)
            | (data[position + 2] & 0x3F)
        ), 3
    return (
        ((first & 0x07) << 18)
        | (np.int64(data[position + 1] & 0x3F) << 12)
        | (np.int64(data[position + 2] & 0x3F) << 6)
        | (data[position + 3] & 0x3F)
    ), 4
