"""One text in one form: composed, its case folded, what is invisible left out.

Unicode has several spellings of one text: letters with their marks composed or apart (NFC, NFD),
compatibility forms (full-width letters, half-width katakana, ligatures), capitals of every script,
and characters that nobody sees (joiners, soft hyphens, variation selectors). Two texts are compared
in their NFKC form with its case folded (Unicode 16, section 3.13, D146 and D147), so that none of
that hides a copy. The zero width space stays: it parts words, in Khmer and Burmese above all.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from itertools import groupby
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from numba import njit

from tilth.kernels.characters import (
    BLOCK,
    JOIN,
    NUM_CODE_POINTS,
    WORD,
    Bytes,
    Integers,
    character_class,
    decode,
)
from tilth.kernels.words import text_buffers

# Combining characters, and more; `unicodedata` orders them in time quadratic in their number.
_MARKS_IN_A_ROW: Final = re.compile(r"(?:[^\w\x00-\x7f]|[\uff9e\uff9f]){16}")
# Default_Ignorable_Code_Point (DerivedCoreProperties), but for the zero width space and fillers.
_INVISIBLE: Final = re.compile(
    "[\u00ad\u034f\u061c\u17b4\u17b5\u180b-\u180f\u200c-\u200f\u202a-\u202e\u2060-\u206f"
    "\ufe00-\ufe0f\ufeff\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]+"
)
# Capitals write the iota below a letter after it, so it has to stand behind all other marks first.
_IOTA_BELOW: Final = re.compile(
    "[\u0345\u1f80-\u1faf\u1fb2-\u1fb4\u1fb7\u1fbc\u1fc2-\u1fc4\u1fc7\u1fcc\u1ff2-\u1ff4\u1ff7\u1ffc]"
)
# Where characters with another form stand: ideographs, syllables and private use have none.
_WITH_FORMS: Final = (
    range(0x3400),
    range(0xA000, 0xAC00),
    range(0xF900, 0x17000),
    range(0x18D00, 0x20000),
    range(0x2F800, 0x2FB00),
    range(0xE0000, 0xE1000),
)
# Vowels and final consonants of conjoining Hangul, which compose with what stands before.
_JAMO: Final = (range(0x1161, 0x1176), range(0x11A8, 0x11C3))


def fold(text: str) -> str:
    """The text in compatibility form, its case folded and without what is invisible.

    Linear in its length.
    """
    if text.isascii():
        return text.lower()
    text = _INVISIBLE.sub("", text)
    if _MARKS_IN_A_ROW.search(text):
        text = order_marks(text, "NFKD")
    return _folded(text, "NFKC")


def _folded(text: str, form: Literal["NFC", "NFKC"]) -> str:
    if _IOTA_BELOW.search(text):
        text = unicodedata.normalize("NFD", text)
    folded = unicodedata.normalize(form, text).casefold()
    again = unicodedata.normalize(form, folded)
    return again if again == folded else unicodedata.normalize(form, again.casefold())


def without_case(text: str) -> str:
    """The text in NFC with its case folded (Unicode 16, section 3.13, D145)."""
    return text.lower() if text.isascii() else _folded(composed(text), "NFC")


def composed(text: str) -> str:
    """The text in NFC, the form of equal texts (UAX #15), in time linear in its length."""
    if _MARKS_IN_A_ROW.search(text):
        text = order_marks(text, "NFD")
    return unicodedata.normalize("NFC", text)


def folded_words(texts: pa.Array | pa.ChunkedArray) -> tuple[Bytes, Integers]:
    """The buffers of texts of which the words are those of the folded ones, but for A to Z.

    Only texts in which folding would change a word are folded: prose in English keeps its bytes,
    dashes, quotes and accents included.

    Args:
        texts: A string column [d]; a null is an empty text.

    Returns:
        data: UTF-8 bytes, uint8 [n].
        offsets: int64 [d + 1].
    """
    data, offsets = text_buffers(texts)
    rows = np.flatnonzero(_changing(data, offsets, *_changes())).tolist()
    if not rows:
        return data, offsets
    new = {row: fold(_text(data[offsets[row] : offsets[row + 1]])).encode() for row in rows}
    sizes = np.diff(offsets)
    for row, folded in new.items():
        sizes[row] = len(folded)
    pieces, place = [], 0
    for row in rows:
        pieces += [data[offsets[place] : offsets[row]], np.frombuffer(new[row], np.uint8)]
        place = row + 1
    pieces.append(data[offsets[place] : offsets[-1]])
    return np.concatenate(pieces), np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)


def _text(data: Bytes) -> str:
    return data.tobytes().decode()  # of an Arrow string: valid UTF-8


def plain_changes(char: str) -> bool:
    """Whether folding may change a word that the character stands in or beside: the definition."""
    if char.isascii():
        return False
    if unicodedata.combining(char) or _INVISIBLE.match(char) or _composes_with_what_precedes(char):
        return True
    folded = fold(char)
    return folded != char and any(character_class(one) & (WORD | JOIN) for one in char + folded)


def _composes_with_what_precedes(char: str) -> bool:
    return char in _seconds() or any(ord(char) in jamo for jamo in _JAMO)


@lru_cache(maxsize=1)
def _seconds() -> frozenset[str]:
    """What stands second in a canonical decomposition; Hangul's follow from a rule."""
    parts = (unicodedata.decomposition(chr(point)).split() for point in range(0x20000))
    return frozenset(chr(int(one[1], 16)) for one in parts if len(one) == 2 and one[0][0] != "<")


@lru_cache(maxsize=1)
def _changes() -> tuple[npt.NDArray[np.uint16], npt.NDArray[np.bool_]]:
    """`plain_changes` as a two-stage table, as `characters.class_table` is one."""
    changes = np.zeros(NUM_CODE_POINTS, np.bool_)
    for part in _WITH_FORMS:
        for start in range(part.start, part.stop, BLOCK):
            # Of most blocks nothing has another form.
            if not _has_forms(chars := list(map(chr, range(start, start + BLOCK)))):
                continue
            changes[start : start + BLOCK] = list(map(plain_changes, chars))
    blocks, index = np.unique(changes.reshape(-1, BLOCK), axis=0, return_inverse=True)
    return index.reshape(-1).astype(np.uint16), np.ascontiguousarray(blocks).reshape(-1)


def _has_forms(chars: list[str]) -> bool:
    apart = "\x00".join(chars)
    return (
        fold(apart) != apart
        or any(map(unicodedata.combining, chars))
        or not _seconds().isdisjoint(chars)
        or chars[0] == "\u1100"
    )


@njit(cache=True, nogil=True)
def _changing(data, offsets, index, changes):  # type: ignore[no-untyped-def]
    """Which texts hold a character that folding may change, bool [d]."""
    found = np.zeros(offsets.size - 1, np.bool_)
    for document in range(offsets.size - 1):
        position = offsets[document]
        stop = offsets[document + 1]
        while position < stop:
            if data[position] < 0x80:
                position += 1
                continue
            point, size = decode(data, position)
            if changes[index[point >> 8] * 256 + (point & 255)]:
                found[document] = True
                break
            position += size
    return found


def order_marks(text: str, form: Literal["NFD", "NFKD"]) -> str:
    """A text that is canonically (NFKD: compatibly) equivalent, with its combining characters
    decomposed and in canonical order, in time linear but for the sorting.
    """
    parts: list[str] = []
    for are_marks, chars in groupby(text, lambda char: _marks_of(char, form) is not None):
        if are_marks:
            marks = "".join(_marks_of(char, form) or "" for char in chars)
            parts += sorted(marks, key=unicodedata.combining)
        else:
            parts += chars
    return "".join(parts)


@lru_cache(maxsize=4096)
def _marks_of(char: str, form: Literal["NFD", "NFKD"]) -> str | None:
    """What a character is decomposed into if all of that combines with what stands before."""
    marks = unicodedata.normalize(form, char)
    return marks if all(map(unicodedata.combining, marks)) else None
