"""The splitter against its plain twin, and the buffers it reads."""

from __future__ import annotations

import re

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tilth.kernels.characters import NUM_CODE_POINTS, character_class, class_table
from tilth.kernels.words import (
    hash_words,
    plain_words,
    split_words,
    text_buffers,
    unspaced_runs,
)

TEXTS = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=60), max_size=6)
PROSE = st.lists(st.text("abZ9_ .,-\n\té日カーกิ๑か\u0301\u200d#", max_size=80), max_size=6)


def split(array: pa.Array) -> list[list[str]]:
    data, offsets = text_buffers(array)
    words, starts, ends = split_words(data, offsets)
    raw = data.tobytes()
    return [
        [raw[starts[w] : ends[w]].decode() for w in range(words[i], words[i + 1])]
        for i in range(len(array))
    ]


@given(TEXTS | PROSE)
@settings(max_examples=200, deadline=None)
def test_kernel_equals_plain_twin(texts: list[str]) -> None:
    assert split(pa.array(texts, pa.large_string())) == [list(plain_words(t)) for t in texts]


@given(st.text("abZ9_ .,-\n\téд#—", max_size=80))
@settings(max_examples=100, deadline=None)
def test_without_marks_it_is_the_regular_expression(text: str) -> None:
    assert list(plain_words(text)) == re.findall(r"\w+|-+|\.+|[^\w\s]", text)


def test_table_is_its_definition() -> None:
    index, flags = class_table()
    points = np.arange(NUM_CODE_POINTS)
    classes = flags[index[points >> 8].astype(np.int64) * 256 + (points & 255)]
    for point in [*range(0x3500), *range(0xE0000, 0xE0200), *range(0x10000, 0x1FFFF)]:
        assert classes[point] == character_class(chr(point)), hex(point)
    assert flags.size < 120_000


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.string_view()])
def test_buffers_of_slices_and_nulls(kind: pa.DataType) -> None:
    array = pa.array(["skip", "one two", None, "", "drei!"], pa.string()).cast(kind)
    assert split(array.slice(1)) == [["one", "two"], [], [], ["drei", "!"]]
    assert split(array.slice(2, 1)) == [[]]
    assert split(array.slice(0, 0)) == []


def test_buffers_of_other_columns() -> None:
    assert split(pa.nulls(2)) == [[], []]
    assert split(pa.array(["a b", "a b"]).dictionary_encode()) == [["a", "b"]] * 2
    assert split(pa.array([b"a b"], pa.binary())) == [["a", "b"]]
    data, offsets = text_buffers(pa.chunked_array([["a"], ["b"]]))
    assert data.tobytes() == b"ab"
    assert offsets.tolist() == [0, 1, 2]


def test_words_of_many_scripts_stay_whole() -> None:
    assert list(plain_words("don't")) == ["don", "'", "t"]
    assert list(plain_words("a---b...c -. ##")) == ["a", "---", "b", "...", "c", "-", ".", "#", "#"]
    assert list(plain_words("हिन्दी में।")) == ["हिन्दी", "में", "।"]
    assert list(plain_words("می‌خواهم")) == ["می‌خواهم"]
    assert list(plain_words("a\u200bb\u0000c")) == ["a", "b", "c"]
    assert list(plain_words("한국어 문장")) == ["한국어", "문장"]


def test_letters_of_scripts_without_blanks_are_words_by_themselves() -> None:
    """As UAX #29 has them without a dictionary; numbers and what is of other scripts are whole."""
    assert list(plain_words("使用Python3语言，２０年。")) == [
        *("使", "用", "Python3", "语", "言", "，", "２０", "年", "。")
    ]
    assert list(plain_words("カタカナとーは")) == ["カタカナ", "と", "ー", "は"]
    assert list(plain_words("ภาษาไทย ๑๒")) == ["ภ", "า", "ษ", "า", "ไ", "ท", "ย", "๑๒"]
    assert list(plain_words("ខ្ញុំ\u200bទៅ")) == ["ខ្", "ញុំ", "ទៅ"]


def test_runs_of_such_letters_end_at_marks_and_documents() -> None:
    texts = ["日本", "語", "東京タワー a木 水火、金-土", "", "カタ カナ", "は" * 3]
    data, offsets = text_buffers(pa.array(texts, pa.large_string()))
    words = split_words(data, offsets)
    raw = data.tobytes()
    runs = [
        raw[words[1][first] : words[2][stop - 1]].decode()
        for first, stop in zip(*unspaced_runs(data, words), strict=True)
    ]
    assert runs == ["日本", "東京タワー", "水火", "はは" + "は"]


def test_hashes_are_those_of_fnv_as_published() -> None:
    """Test vectors of 64-bit FNV-1a by Noll; lengths are in characters."""
    words = {"a": 0xAF63DC4C8601EC8C, "foobar": 0x85944171F73967E8, "éд": None}
    data, offsets = text_buffers(pa.array([" ".join(words)], pa.large_string()))
    _, starts, ends = split_words(data, offsets)
    hashes, lengths = hash_words(data, starts, ends)
    assert [int(h) for h in hashes[:2]] == [words["a"], words["foobar"]]
    assert lengths.tolist() == [1, 6, 2]
    assert hashes.dtype == np.uint64
    assert lengths.dtype == np.int64


@given(st.text("日本村〇のぁはกิไำทยខ្ញុំမြန်ລາວ ,。", max_size=40))
@settings(max_examples=200, deadline=None)
def test_such_letters_are_what_uax_29_has_without_a_dictionary(text: str) -> None:
    """`regex` has the default rules; blanks and marks that begin a text are no words of ours."""
    regex = pytest.importorskip("regex")
    tokens = [token for token in regex.split(r"(?V1w)\b", "一" + text) if token]
    words = [token for token in tokens if token[0].isalnum()]
    assert [word for word in plain_words("一" + text) if word[0].isalnum()] == words
