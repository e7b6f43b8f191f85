"""What is known of languages beforehand: every language that the model has, and every script."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tilth.clean import language
from tilth.clean.languages import (
    _BLOCKS,
    _PAGES,
    _WRITTEN,
    letters,
    letters_by_script,
    main_script,
    pages,
    written_in,
)

# The word with which Unicode begins the names of a script's letters.
NAMED = {
    "Latn": "LATIN", "Grek": "GREEK", "Cyrl": "CYRILLIC", "Armn": "ARMENIAN", "Hebr": "HEBREW",
    "Arab": "ARABIC", "Deva": "DEVANAGARI", "Beng": "BENGALI", "Guru": "GURMUKHI",
    "Gujr": "GUJARATI", "Orya": "ORIYA", "Taml": "TAMIL", "Telu": "TELUGU", "Knda": "KANNADA",
    "Mlym": "MALAYALAM", "Sinh": "SINHALA", "Thai": "THAI", "Laoo": "LAO", "Tibt": "TIBETAN",
    "Mymr": "MYANMAR", "Geor": "GEORGIAN", "Hang": "HANGUL", "Ethi": "ETHIOPIC", "Khmr": "KHMER",
    "Kana": "HIRAGANA KATAKANA", "Hani": "CJK",
}  # fmt: skip


def test_letters_are_of_the_script_that_unicode_says() -> None:
    letters_of: dict[str, list[str]] = {script: [] for script in NAMED}
    by_word = {word: script for script, words in NAMED.items() for word in words.split()}
    for char in map(chr, range(0x10000)):
        if unicodedata.category(char)[0] == "L":
            script = by_word.get(unicodedata.name(char, "").partition(" ")[0])
            if script:
                letters_of[script].append(char)
    for script, chars in letters_of.items():
        found = letters_by_script("".join(chars))
        # Some letters of phonetics are named after one script and stand among another's.
        assert found.get(script, 0) >= 0.96 * len(chars), script
        assert sum(found.values()) - found.get(script, 0) <= 8, script


def test_tables_speak_of_what_the_model_has() -> None:
    model = set(language._identifier().nb_classes)
    assert set(" ".join(_WRITTEN.values()).split()) <= model
    assert set(_PAGES) <= model
    assert all(written_in(code) <= set(_BLOCKS) for code in model)
    assert pages("en") > pages("de") > pages("km") > pages("yue")
    assert written_in("sr") == {"Cyrl", "Latn"}
    assert written_in("en") == {"Latn"}
    assert written_in("zh") == {"Hani"}


@settings(deadline=None, max_examples=50)
@given(st.text(max_size=20))
def test_a_text_has_at_most_as_many_letters_as_characters(text: str) -> None:
    counts = letters_by_script(text)
    assert sum(counts.values()) <= len(text)
    assert letters(counts) >= sum(counts.values())
    assert (main_script(counts) is None) == (sum(counts.values()) == 0)


@pytest.mark.parametrize(
    ("text", "script", "said"),
    [
        ("abc", "Latn", 3),
        ("\u00e9\u00df\u2019s", "Latn", 3),
        ("\u4e2d\u6587", "Hani", 6),
        ("\u6771\u4eac\u306e", "Kana", 8),
        ("\uc548\ub155", "Hang", 4),
        ("\u0e17\u0e35\u0e48", "Thai", 3),
        ("\u4e2d" * 11 + "\u306e", "Hani", 35),
        ("abcd\u0431\u0432", "Cyrl", 6),
        ("abcde\u0431\u0432", "Latn", 7),
        ("12 !", None, 0),
        ("\ud800", None, 0),
    ],
)
def test_main_script(text: str, script: str | None, said: int) -> None:
    counts = letters_by_script(text)
    assert (main_script(counts), letters(counts)) == (script, said)
