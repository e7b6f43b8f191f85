"""Where a text may be parted so that its parts in NFC are the text in NFC."""

from __future__ import annotations

import sys
import unicodedata

from hypothesis import example, given
from hypothesis import strategies as st

from tilth.kernels.composing import composes_with_what_precedes

# Of every script: letters, marks, jamo, and what has a decomposition.
_CHARS = st.characters() | st.sampled_from(
    "e\u0301가각ㄱ\u1100\u1161\u11a8\u1025\u102eか\u3099\u0344\u0f73"
)


def letters_of(text: str) -> list[str]:
    letters: list[str] = []
    for char in text:
        if letters and composes_with_what_precedes(char):
            letters[-1] += char
        else:
            letters.append(char)
    return letters


@given(st.text(_CHARS, max_size=30))
@example("\u1025\u102e")
@example("\u1100\u1161\u11a8")
def test_the_parts_in_nfc_are_the_text_in_nfc(text: str) -> None:
    nfc = [unicodedata.normalize("NFC", letter) for letter in letters_of(text)]
    assert "".join(nfc) == unicodedata.normalize("NFC", text)


def test_each_character_that_is_told_apart_by_nfd_is_one_letter() -> None:
    for point in range(sys.maxunicode + 1):
        char = chr(point)
        apart = unicodedata.normalize("NFD", char)
        if apart != char and unicodedata.normalize("NFC", char) == char:
            assert len(letters_of(apart)) == 1, hex(point)


def test_most_letters_stand_alone() -> None:
    assert not any(map(composes_with_what_precedes, "aé가が中ไ \n"))
