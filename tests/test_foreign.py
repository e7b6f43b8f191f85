"""Foreign text cannot move what stands around it, nor hide in it."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tilth.foreign import shorten, visible


@given(st.text(st.characters(categories=["Cc", "Cf", "Cs", "Cn", "Zl", "Zp", "L"])))
def test_nothing_invisible_is_left_that_reorders_or_breaks(text: str) -> None:
    for character in visible(text):
        assert unicodedata.category(character) not in ("Cs", "Zl", "Zp")
        assert unicodedata.category(character) != "Cc" or character in "\t\n"
        assert unicodedata.bidirectional(character) not in (
            "LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"
        )  # fmt: skip


@pytest.mark.parametrize(
    "text", ["plain", "tab\tnewline\n", "عربي", "中文", "नमस्ते", "👩\u200d👩\u200d👧"]
)
def test_writing_of_every_script_is_left_alone(text: str) -> None:
    assert visible(text) == text


def test_what_is_not_seen_is_written_out() -> None:
    assert visible("a\x1b[31mb\u202e") == "a[U+001B][31mb[U+202E]"
    # A tag character: a word spelt in these is read by machines and seen by nobody.
    assert visible("a\U000e0041") == "a[U+E0041]"
    assert visible("a\r\nb\rc") == "a\nb[U+000D]c"


def test_shorten_says_that_it_cut() -> None:
    assert shorten("abcdef", 6) == "abcdef"
    assert shorten("abcdef", 4) == "abc…"
