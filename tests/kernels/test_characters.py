"""What a code point is, in the table as in its definition, and how UTF-8 is read."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numba import njit

from tilth.kernels import characters as ch

CHARS = st.characters(exclude_categories=["Cs"])


@njit
def decoded(data):  # type: ignore[no-untyped-def]
    """(code points, byte lengths) of valid UTF-8, by the kernel's `decode`."""
    points, sizes, position = [0], [0], 0
    while position < data.size:
        point, size = ch.decode(data, position)
        points.append(point)
        sizes.append(size)
        position += size
    return points[1:], sizes[1:]


@given(st.text(CHARS, min_size=1, max_size=40))
@example("\x00\x7f\x80\u07ff\u0800\ud7ff\ue000\uffff\U00010000\U0010ffff")
@settings(max_examples=200, deadline=None)
def test_decoding_equals_pythons(text: str) -> None:
    points, sizes = decoded(np.frombuffer(text.encode(), np.uint8))
    assert "".join(map(chr, points)) == text
    assert sizes == [len(char.encode()) for char in text]


def test_the_table_is_its_definition_for_every_code_point() -> None:
    index, flags = ch.class_table()
    points = np.arange(ch.NUM_CODE_POINTS)
    found = flags[index[points >> 8].astype(np.int64) * ch.BLOCK + (points & 255)]
    # What is above the dense part is private use, or not assigned: it has no property.
    plain = [ch.character_class(chr(point)) for point in range(sys.maxunicode + 1)]
    assert np.flatnonzero(found != np.array(plain)).tolist() == []


def test_the_table_is_made_once_and_fits_the_cache() -> None:
    index, flags = ch.class_table()
    assert ch.class_table()[1] is flags
    assert index.shape == (ch.NUM_CODE_POINTS // ch.BLOCK,)
    assert flags.size % ch.BLOCK == 0
    assert index.max() + 1 == flags.size // ch.BLOCK
    blocks = flags.reshape(-1, ch.BLOCK)
    assert len(np.unique(blocks, axis=0)) == len(blocks)
    assert flags.nbytes + index.nbytes < 140_000


@pytest.mark.parametrize(
    ("char", "flags"),
    [
        ("a", ch.WORD | ch.ALPHA),
        ("A", ch.WORD | ch.ALPHA | ch.UPPER),
        ("7", ch.WORD | ch.DIGIT),
        ("½", ch.WORD),  # a number, and yet no digit
        ("_", ch.WORD),
        ("日", ch.WORD | ch.ALPHA | ch.UNSPACED),
        ("ひ", ch.WORD | ch.ALPHA | ch.UNSPACED),
        ("ก", ch.WORD | ch.ALPHA | ch.UNSPACED),
        ("๑", ch.WORD | ch.DIGIT),  # a Thai digit: a number is a word
        ("〇", ch.WORD | ch.UNSPACED),
        ("カ", ch.WORD | ch.ALPHA),
        ("각", ch.WORD | ch.ALPHA),
        ("\u093f", ch.JOIN | ch.ALPHA),  # a vowel of Hindi
        ("။", ch.TERMINAL),
        ("՞", 0),
        ("\u0301", ch.JOIN),
        ("\u200d", ch.JOIN | ch.SPACE),
        ("\u200b", ch.SPACE),  # it parts words
        (" ", ch.SPACE),
        ("\u00a0", ch.SPACE),
        ("\x00", ch.SPACE),
        ("-", ch.BULLET),
        ("•", ch.BULLET),
        (".", ch.TERMINAL),
        ("。", ch.TERMINAL),
        ("…", ch.TERMINAL),
        (",", 0),
        ("€", 0),
    ],
)
def test_properties(char: str, flags: int) -> None:
    assert ch.character_class(char) == flags


def test_properties_are_told_apart() -> None:
    kinds = (ch.WORD, ch.JOIN, ch.SPACE, ch.ALPHA, ch.DIGIT, ch.UPPER, ch.BULLET, ch.TERMINAL)
    assert sorted((*kinds, ch.UNSPACED)) == [1 << bit for bit in range(9)]
    for marks, flag in ((ch.BULLET_MARKS, ch.BULLET), (ch.TERMINAL_MARKS, ch.TERMINAL)):
        assert all(ch.character_class(mark) & flag for mark in marks)


@given(CHARS)
@settings(max_examples=300, deadline=None)
def test_properties_are_those_of_python(char: str) -> None:
    flags = ch.character_class(char)
    assert bool(flags & ch.WORD) == (char.isalnum() or char == "_")
    assert bool(flags & ch.ALPHA) >= char.isalpha()
    assert bool(flags & ch.UNSPACED) <= bool(flags & (ch.WORD | ch.JOIN))
    assert bool(flags & ch.DIGIT) == char.isdigit()
    assert bool(flags & ch.UPPER) == char.isupper()
    assert not (flags & ch.WORD and flags & (ch.SPACE | ch.JOIN))
    assert bool(flags & ch.SPACE) or not char.isspace()
