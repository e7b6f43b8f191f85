"""Which characters a text in NFC may have made one with what stands before them (UAX #15)."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import Final

# Vowels and final consonants of conjoining Hangul.
_JAMO: Final = (range(0x1161, 0x1176), range(0x11A8, 0x11C3))


def composes_with_what_precedes(char: str) -> bool:
    """Whether NFC may change a text by what stands before the character."""
    return (
        unicodedata.combining(char) > 0
        or char in seconds()
        or any(ord(char) in jamo for jamo in _JAMO)
    )


@lru_cache(maxsize=1)
def seconds() -> frozenset[str]:
    """What stands second in a canonical decomposition; Hangul's follow from a rule."""
    parts = (unicodedata.decomposition(chr(point)).split() for point in range(0x20000))
    return frozenset(chr(int(one[1], 16)) for one in parts if len(one) == 2 and one[0][0] != "<")
