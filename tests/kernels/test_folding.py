"""One form of equal texts: every spelling of one is folded alike, and only what has to be."""

from __future__ import annotations

import unicodedata
from itertools import pairwise
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.growth.measure import least_s
from tilth.kernels import ngrams
from tilth.kernels.characters import BLOCK, WORD, character_class
from tilth.kernels.folding import (
    composed,
    fold,
    order_marks,
    without_case,
)
from tilth.kernels.ngrams import folded_words, plain_changes
from tilth.kernels.words import plain_words, text_buffers

CHARS = st.characters(exclude_categories=["Cs"])
# What is composed, has a case, is a compatibility form or is not seen, and plain letters beside it.
TRICKY = st.sampled_from(
    "aAé\u0301ÉЙйЁßẞﬁＡｶﾞ½™²…\u00a0\u00ad\u200b\u200cİıΐΰᾷΣς각\u1100\u1161া\u09c7 .,“”"
)
TEXTS = st.text(TRICKY, max_size=40) | st.text(CHARS, max_size=40)


def forms(text: str) -> list[str]:
    return [unicodedata.normalize(form, text) for form in ("NFC", "NFD")]


@given(TEXTS)
@example("ᾼ\u0342 ᾷ")
@example("\u0345\u0301")
@settings(max_examples=300, deadline=None)
def test_equal_texts_are_one(text: str) -> None:
    for function in (fold, without_case, composed):
        assert len({function(form) for form in (text, *forms(text))}) == 1
        assert function(function(text)) == function(text)
    assert composed(text) == forms(text)[0]


@given(
    st.text(st.characters(categories=["L", "Nd", "Zs", "Po"], exclude_characters="ı"), max_size=40)
)
@settings(max_examples=300, deadline=None)
def test_case_is_no_difference(text: str) -> None:
    """Turkish dotless i, whose capital is that of i, is the one letter that stays apart."""
    for function in (fold, without_case):
        assert function(text.upper()) == function(text) == function(text.lower())


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("Съешь же ещё этих мягких булок", "СЪЕШЬ ЖЕ ЕЩЁ ЭТИХ МЯГКИХ БУЛОК"),
        ("πρωΐ ΐ", "ΠΡΩΪ́ Ϊ́"),
        ("ՄԱՐԴ և", "մարդ եւ"),
        ("Straße", "STRASSE"),
        ("ნ", "Ნ"),
    ],
)
def test_capitals_of_other_scripts(text: str, other: str) -> None:
    assert fold(text) == fold(other)
    assert without_case(text) == without_case(other)


def test_what_only_fold_leaves_out() -> None:
    assert fold("ﬁle Ａ so\u00adft می\u200cخواهم") == "file a soft میخواهم"
    assert (
        without_case("ﬁle Ａ so\u00adft") == "file ａ so\u00adft"
    )  # "ﬁ" is "fi" in lower case too
    assert fold("កខ\u200bគ") == "កខ\u200bគ"


def test_the_table_is_its_definition() -> None:
    """For every code point that may have another form; of ideographs and private use, some."""
    index, changes = ngrams._changes()
    some = [*range(0x20000), *range(0x20000, 0x110000, 97), *range(0x2F800, 0x2FC00)]
    points = np.array([*some, *range(0xE0000, 0xE1000)])
    found = changes[index[points >> 8].astype(np.int64) * BLOCK + (points & 255)]
    surrogates = range(0xD800, 0xE000)
    plain = [p not in surrogates and plain_changes(chr(p)) for p in points.tolist()]
    assert points[found != np.array(plain)].tolist() == []


def words_of(text: str) -> list[str]:
    return [word for word in plain_words(text) if character_class(word[0]) & WORD]


@given(st.lists(st.none() | TEXTS, max_size=6), st.integers(0, 2))
@settings(max_examples=300, deadline=None)
def test_words_are_those_of_all_texts_folded(texts: list[str | None], skipped: int) -> None:
    data, offsets = folded_words(pa.array(texts, pa.large_string()).slice(skipped))
    raw = data.tobytes()
    found = [raw[start:stop].decode() for start, stop in pairwise(offsets.tolist())]
    plain = [words_of(fold(text or "")) for text in texts[skipped:]]
    ascii_lower = str.maketrans({chr(c): chr(c + 32) for c in range(65, 91)})
    assert [
        [word.translate(ascii_lower) for word in words] for words in map(words_of, found)
    ] == plain


def test_english_keeps_its_bytes() -> None:
    """Quotes, dashes, ellipses, accents in lower case and hard blanks change no word."""
    for more, is_kept in (("", True), (" ½", False), (" É", False)):
        column = pa.array(["“It’s” — naïve… café\u00a0No. 5 €3" + more, "THE END"])
        found, given = folded_words(column)[0], text_buffers(column)[0]
        assert (found.tobytes() == given.tobytes()) == is_kept


_MARKS = [c for c in map(chr, range(0x110000)) if unicodedata.combining(c)]


@settings(deadline=None)
@given(
    st.lists(
        st.sampled_from(_MARKS)
        | st.sampled_from("\u0316\u0301\u0327\uff9e\uff9f\u0344")
        | st.sampled_from("ae가각カｶ ế´각"),
        max_size=60,
    ).map("".join),
    st.sampled_from(["NFC", "NFKC"]),
)
def test_marks_in_order_are_the_same_text(text: str, form: Literal["NFC", "NFKC"]) -> None:
    ordered = order_marks(text, "NFKD" if form == "NFKC" else "NFD")
    given_array, ordered_array = pa.array([text]), pa.array([ordered])
    assert pc.utf8_normalize(ordered_array, form).equals(pc.utf8_normalize(given_array, form))


def test_many_marks_on_one_letter_take_no_time() -> None:
    long = "E" + "\u0316\u0301" * 50_000
    assert fold(long) == "é" + "\u0316" * 50_000 + "\u0301" * 49_999
    assert least_s(lambda: fold(long), 2) < 2
