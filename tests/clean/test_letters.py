"""The same text in ASCII's digits and signs, of the same length."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tilth.clean.letters import LATIN, MARKS, plain


@given(st.text())
def test_the_length_is_kept_and_all_digits_are_ascii(text: str) -> None:
    made = plain(text)
    assert len(made) == len(text)
    for old, new in zip(text, made, strict=True):
        if old.isdecimal() and ord(old) < 0x20000:
            assert new == str(unicodedata.decimal(old))
        elif old != new:
            # What stands for something else is what Unicode says, or a hyphen or a blank.
            assert new == unicodedata.normalize("NFKC", old) or (old, new) in {
                ("\u2010", "-"),
                ("\u2011", "-"),
                ("\u2012", "-"),
            }
    assert plain(made) == made


def test_what_ends_a_number_stays() -> None:
    assert plain("：，／１２") == "：，／12"
    text = "plain"
    assert plain(text) is text


@pytest.mark.parametrize("char", ["é", "ø", "ế", "ğ", "_", "7"])
def test_latin_letters(char: str) -> None:
    assert re.fullmatch(f"[{LATIN}]", char)


def test_marks_are_marks() -> None:
    for char in map(chr, range(0x3100)):
        if re.fullmatch(f"[{MARKS}]", char):
            assert (
                unicodedata.category(char)[0] in "MLC"
                or char in "\u200c\u200d"
                or (
                    # Whole blocks are taken: what is assigned to nothing, and digits, do no harm.
                    0x900 <= ord(char) <= 0xDFF
                )
            )
