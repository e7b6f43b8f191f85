"""What a code point is: nine yes-or-no properties in a two-stage table, and UTF-8 decoding.

The table is 1,114,112 code points in blocks of 256; equal blocks are stored once, so that it fits
the second-level cache (about 110 kB). It is built from the running interpreter's Unicode database,
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
ALPHA: Final = 8  # letters, and the vowels and signs that a script writes as marks of its own
DIGIT: Final = 16
UPPER: Final = 32
BULLET: Final = 64  # opens an item of a list
TERMINAL: Final = 128  # ends a sentence
UNSPACED: Final = 256  # letters and marks of scripts that put no blanks between words

BLOCK: Final = 256
NUM_CODE_POINTS: Final = 0x110000
# Above this only tags, variation selectors and private use are assigned.
_LAST_DENSE: Final = 0x40000
_SUPPLEMENT: Final = range(0xE0000, 0xE1000)
_ZERO_WIDTH_SPACE: Final = 0x200B
BULLET_MARKS: Final = frozenset("-*•‣⁃∙▪▫◦●○◆◇■□➢➤")
# The ellipsis, and Sentence_Terminal of PropList (UAX #29), but for the Burmese comma (U+104A).
TERMINAL_MARKS: Final = frozenset(
    "!.?\u0589\u061d\u061e\u061f\u06d4\u0700\u0701\u0702\u07f9\u0837\u0839\u083d\u083e\u0964"
    "\u0965\u104b\u1362\u1367\u1368\u166e\u1735\u1736\u17d4\u17d5\u1803\u1809\u1944\u1945\u1aa8"
    "\u1aa9\u1aaa\u1aab\u1b4e\u1b4f\u1b5a\u1b5b\u1b5e\u1b5f\u1b7d\u1b7e\u1b7f\u1c3b\u1c3c\u1c7e"
    "\u1c7f\u2026\u203c\u203d\u2047\u2048\u2049\u2cf9\u2cfa\u2cfb\u2e2e\u2e3c\u2e53\u2e54\u2e60"
    "\u2e61\u3002\ua4ff\ua60e\ua60f\ua6f3\ua6f7\ua876\ua877\ua8ce\ua8cf\ua92f\ua9c8\ua9c9\uaa5d"
    "\uaa5e\uaa5f\uaaf0\uaaf1\uabeb\ufe12\ufe15\ufe16\ufe52\ufe56\ufe57\uff01\uff0e\uff1f\uff61"
    "\U00010a56\U00010a57\U00010f55\U00010f56\U00010f57\U00010f58\U00010f59\U00010f86\U00010f87"
    "\U00010f88\U00010f89\U00011047\U00011048\U000110be\U000110bf\U000110c0\U000110c1\U00011141"
    "\U00011142\U00011143\U000111c5\U000111c6\U000111cd\U000111de\U000111df\U00011238\U00011239"
    "\U0001123b\U0001123c\U000112a9\U000113d4\U000113d5\U0001144b\U0001144c\U000115c2\U000115c3"
    "\U000115c9\U000115ca\U000115cb\U000115cc\U000115cd\U000115ce\U000115cf\U000115d0\U000115d1"
    "\U000115d2\U000115d3\U000115d4\U000115d5\U000115d6\U000115d7\U00011641\U00011642\U0001173c"
    "\U0001173d\U0001173e\U00011944\U00011946\U00011a42\U00011a43\U00011a9b\U00011a9c\U00011c41"
    "\U00011c42\U00011ef7\U00011ef8\U00011f43\U00011f44\U00016a6e\U00016a6f\U00016af5\U00016b37"
    "\U00016b38\U00016b44\U00016d6e\U00016d6f\U00016e98\U0001bc9f\U0001da88"
)
# Letters that UAX #29 takes for no part of an alphabet, since finding words takes a dictionary:
# Line_Break=SA (Thai, Lao, Burmese, Khmer and their kin), ideographs, and hiragana.
UNSPACED_LETTERS: Final = (
    range(0x0E00, 0x0F00),
    range(0x1000, 0x10A0),
    range(0x1780, 0x1800),
    range(0x1950, 0x19E0),
    range(0x1A20, 0x1AB0),
    range(0x3005, 0x3008),
    range(0x3021, 0x30A0),
    range(0x3400, 0xA000),
    range(0xA9E0, 0xAA00),
    range(0xAA60, 0xAAE0),
    range(0xF900, 0xFB00),
    range(0x11700, 0x11750),
    range(0x17000, 0x18D80),
    range(0x1B001, 0x1B120),
    range(0x1B132, 0x1B153),
    range(0x1B170, 0x1B300),
    range(0x20000, 0x40000),
)
# Marks that are no letters of a script but stand on letters of any: accents, variation selectors.
_GENERAL_MARKS: Final = (
    range(0x0300, 0x0370),
    range(0x0483, 0x048A),
    range(0x180B, 0x1810),
    range(0x1AB0, 0x1B00),
    range(0x1DC0, 0x1E00),
    range(0x20D0, 0x2100),
    range(0x302A, 0x3030),
    range(0x3099, 0x309B),
    range(0xFE00, 0xFE30),
    range(0x1D100, 0x1D250),
    range(0xE0100, 0xE01F0),
)

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
    if char.isalpha() or (category in ("Mn", "Mc") and not _in(_GENERAL_MARKS, char)):
        flags |= ALPHA
    if char.isdigit():
        flags |= DIGIT
    if char.isupper():
        flags |= UPPER
    if char in BULLET_MARKS:
        flags |= BULLET
    if char in TERMINAL_MARKS:
        flags |= TERMINAL
    is_letter = char.isalnum() and not char.isdigit()
    if (is_letter or category in ("Mn", "Mc")) and _in(UNSPACED_LETTERS, char):
        flags |= UNSPACED
    return flags


def _in(blocks: tuple[range, ...], char: str) -> bool:
    return any(ord(char) in block for block in blocks)


@lru_cache(maxsize=1)
def class_table() -> tuple[npt.NDArray[np.uint16], npt.NDArray[np.uint16]]:
    """The two-stage table: class of `c` is `flags[index[c >> 8] * 256 + (c & 255)]`.

    Returns:
        index: uint16 [4352], block number of every 256 code points.
        flags: uint16 [blocks * 256].
    """
    classes = np.zeros(NUM_CODE_POINTS, np.uint16)
    points = np.arange(_LAST_DENSE, dtype=np.uint32)
    points[0xD800:0xE000] = 0xFFFF
    chars = points.view("U1")
    dense = classes[:_LAST_DENSE]
    alnum = np.char.isalnum(chars)
    dense[alnum] |= WORD
    dense[np.char.isalpha(chars)] |= ALPHA
    is_digit = np.char.isdigit(chars)
    dense[is_digit] |= DIGIT
    for block in UNSPACED_LETTERS:
        places = slice(block.start, block.stop)
        dense[places][(alnum & ~is_digit)[places]] |= UNSPACED
    dense[np.char.isupper(chars)] |= UPPER
    for char in map(chr, np.flatnonzero(~alnum).tolist()):
        # Most are not assigned, and at most marks of a later Unicode.
        if unicodedata.category(char) not in ("Cn", "Co", "Cs") or char in TERMINAL_MARKS:
            dense[ord(char)] = character_class(char)
    for point in _SUPPLEMENT:
        classes[point] = character_class(chr(point))
    # `np.unique` would sort the blocks, which takes longer than all else here.
    blocks: dict[bytes, int] = {}
    index = [blocks.setdefault(one.tobytes(), len(blocks)) for one in classes.reshape(-1, BLOCK)]
    return np.array(index, np.uint16), np.frombuffer(b"".join(blocks), np.uint16).copy()


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
