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

# Combining characters, and more; `unicodedata` orders them in time quadratic in their number.
_MARKS_IN_A_ROW: Final = re.compile(r"(?:[^\w\x00-\x7f]|[\uff9e\uff9f]){16}")
# Default_Ignorable_Code_Point (DerivedCoreProperties), but for the zero width space and fillers.
INVISIBLE: Final = re.compile(
    "[\u00ad\u034f\u061c\u17b4\u17b5\u180b-\u180f\u200c-\u200f\u202a-\u202e\u2060-\u206f"
    "\ufe00-\ufe0f\ufeff\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]+"
)
# Capitals write the iota below a letter after it, so it has to stand behind all other marks first.
_IOTA_BELOW: Final = re.compile(
    "[\u0345\u1f80-\u1faf\u1fb2-\u1fb4\u1fb7\u1fbc\u1fc2-\u1fc4\u1fc7\u1fcc\u1ff2-\u1ff4\u1ff7\u1ffc]"
)


def fold(text: str) -> str:
    """The text in compatibility form, its case folded and without what is invisible.

    Linear in its length.
    """
    if text.isascii():
        return text.lower()
    text = INVISIBLE.sub("", text)
    if _MARKS_IN_A_ROW.search(text):
        text = order_marks(text, "NFKD")
    return _folded(text, "NFKC")


def _folded(text: str, form: Literal["NFC", "NFKC"]) -> str:
    folded = unicodedata.normalize(form, text).casefold()
    if "ι" in folded and _IOTA_BELOW.search(text):
        folded = unicodedata.normalize("NFD", text).casefold()
    again = unicodedata.normalize(form, folded)
    return again if again == folded else unicodedata.normalize(form, again.casefold())


def without_case(text: str) -> str:
    """The text in NFC with its case folded (Unicode 16, section 3.13, D145)."""
    return text.lower() if text.isascii() else _folded(composed(text), "NFC")


def composed(text: str) -> str:
    """The text in NFC, the form of equal texts (UAX #15), in time linear in its length."""
    if unicodedata.is_normalized("NFC", text):
        return text
    if _MARKS_IN_A_ROW.search(text):
        text = order_marks(text, "NFD")
    return unicodedata.normalize("NFC", text)


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
