"""Where a token of personal data begins and ends, in a text of any script.

Addresses and numbers are of Latin letters and digits. A letter of another script beside them is no
part of them: Chinese, Japanese, Thai and Khmer put no blank between words, Korean none before a
particle, and in other scripts it is lost between two cells of a page.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache
from typing import Final

# Letters with which an address or an identifier may go on: Latin ones, with their accents.
_ACCENTED: Final = r"\u00C0-\u00D6\u00D8-\u00F6\u00F8-\u024F\u1E00-\u1EFF"
LATIN: Final = rf"A-Za-z0-9_{_ACCENTED}"
# Words of running text, run together with what stands beside: two letters, small ones but for the
# first of a word.
_SMALL: Final = r"a-z\u00DF-\u00F6\u00F8-\u00FF"
AFTER_WORD: Final = rf"(?<=[{_SMALL}][{_SMALL}])"
BEFORE_WORD: Final = rf"(?=[A-Z\u00C0-\u00D6\u00D8-\u00DE{_SMALL}][{_SMALL}])"
# A character of another script: no Latin letter, no punctuation.
OTHER: Final = r"[^\x00-\u024F\u1E00-\u1EFF\u2000-\u206F]"
# Vowels and tones that are written as marks, which `\w` leaves out, and joiners.
MARKS: Final = (
    r"\u0300-\u036F\u0483-\u0487\u0591-\u05BD\u05BF\u05C1\u05C2\u0610-\u061A\u064B-\u065F\u0670"
    r"\u0900-\u0963\u0980-\u09E3\u0A00-\u0DFF\u0E31\u0E34-\u0E3A\u0E47-\u0E4E\u0EB1\u0EB4-\u0EBC"
    r"\u0EC8-\u0ECE\u102B-\u103E\u1056-\u1059\u17B4-\u17D3\u200C\u200D\u3099\u309A"
)
# Of what is said to be other than ASCII, the signs that stand for one of it: full-width forms,
# blanks and hyphens that do not break a line. Full-width colons, commas and the like end a number.
_SIGNS: Final = dict(
    zip("＠．－＋＿％（）　\u00a0\u2007\u202f\u2010\u2011\u2012", "@.-+_%()    ---", strict=True)
)


@lru_cache(maxsize=1)
def _ascii_of() -> dict[int, str]:
    """ASCII for each full-width sign and each decimal digit of any script (Unicode's Nd)."""
    table = {ord(sign): char for sign, char in _SIGNS.items()}
    for first in (*range(0xFF21, 0xFF3B), *range(0xFF41, 0xFF5B)):
        table[first] = chr(first - 0xFEE0)
    for point in range(0x80, 0x20000):
        char = chr(point)
        if char.isdecimal():
            table[point] = str(unicodedata.decimal(char))
    return table


@lru_cache(maxsize=1)
def _foreign() -> Callable[[str], object]:
    points = "".join(map(chr, sorted(_ascii_of())))
    return re.compile(f"[{points}]").search


def plain(text: str) -> str:
    """The text of the same length in which ASCII stands for full-width forms and all digits."""
    if text.isascii() or not _foreign()(text):
        return text
    return text.translate(_ascii_of())
