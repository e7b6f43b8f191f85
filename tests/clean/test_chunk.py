"""Chunks hold all of a text, no more than they may, and end where a reader would."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from typing import Any
from unittest import mock

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.growth.measure import assert_linear
from tilth.clean.chunk import Settings, chunks_of, part
from tilth.kernels.words import plain_words
from tilth.schema import sample_id

TEXT = (
    "One two three. Four five six seven.\n\nEight nine ten eleven twelve. Thirteen “fourteen "
    "fifteen” sixteen, seventeen eighteen\nnineteen twenty"
)


@pytest.fixture(autouse=True, scope="module")
def _letters() -> Iterator[None]:
    """Each letter of a script without blanks is a word, as where no dictionaries are installed:
    by these a part of a text may have other words than the whole."""
    with mock.patch("tilth.clean.dictionary.dictionaries", return_value=""):
        yield


def _chunks(text: str, at_most: int, overlap: int = 0, unit: str = "words") -> list[str]:
    given = {"at_most": at_most, "overlap": overlap, "unit": unit}
    return chunks_of(text, Settings.model_validate(given))


def _words(text: str) -> list[str]:
    """As `word_count` counts them: by the plain twin of the splitter, and `re`."""
    return [word for word in plain_words(text) if re.match(r"\w", word)]


@pytest.mark.parametrize(
    ("given", "chunks"),
    [
        ((20,), [TEXT]),
        ((12,), [
            "One two three. Four five six seven.",
            "Eight nine ten eleven twelve. Thirteen “fourteen fifteen” sixteen, seventeen eighteen",
            "nineteen twenty",
        ]),
        ((6,), [
            "One two three. Four five six", "seven.\n\nEight nine ten eleven twelve.",
            "Thirteen “fourteen fifteen” sixteen, seventeen eighteen", "nineteen twenty",
        ]),
        ((6, 2), [
            "One two three. Four five six", "five six seven.\n\nEight nine ten",
            "nine ten eleven twelve.", "eleven twelve. Thirteen “fourteen fifteen” sixteen,",
            "fifteen” sixteen, seventeen eighteen\nnineteen twenty",
        ]),
    ],
)  # fmt: skip
def test_where_a_text_is_cut(given: Any, chunks: list[str]) -> None:
    assert _chunks(TEXT, *given) == chunks


def test_a_chunk_before_a_long_word_shares_less() -> None:
    assert _chunks("abc defghijklm nop", 10, 5, "characters") == ["abc", "defghijklm", "nop"]


def test_a_paragraph_goes_before_a_line_a_sentence_and_a_word() -> None:
    words = ["w1", "w2", "w3", "w4", "w5", "w6", "w7", "w8"]
    for gaps, first in (
        ({5: "\n\n", 6: "\n", 7: ". "}, 5), ({5: "\n", 6: ". "}, 5), ({6: ".” ", 7: ", "}, 6),
        ({6: "。"}, 6), ({6: ".", 7: "…"}, 8), ({2: "\n\n"}, 8),
    ):  # fmt: skip
        text = "".join(w + gaps.get(n, " ") for n, w in enumerate(words, 1)) + " last of all"
        assert len(_words(_chunks(text, 8)[0])) == first, gaps


_TEXTS = st.lists(
    st.one_of(
        st.sampled_from([". ", "\n", "\n\n", ".", "? ", " ", "。", "”", "“", ", ", "\r\n", "--"]),
        st.text("aé漢字กा́_", min_size=1, max_size=8),
        st.text(max_size=3),
    ),
    max_size=60,
).map("".join)


@given(_TEXTS, st.integers(1, 12), st.integers(0, 6))
def test_chunks_of_words_hold_all_and_no_more_than_they_may(
    text: str, at_most: int, overlap: int
) -> None:
    overlap = min(overlap, at_most // 2)
    found, whole = _chunks(text, at_most, overlap), _words(text)
    if len(whole) <= at_most:
        assert found == [text]
        return
    assert all(len(_words(one)) <= at_most for one in found)
    words = [_words(one) for one in found]
    joined = words[0]
    for before, one in pairwise(words):
        shared = min(overlap, len(before)) if one else 0
        assert before[len(before) - shared :] == one[:shared]
        joined = joined + one[shared:]
    assert joined == whole
    if not overlap:
        assert "".join("".join(found).split()) == "".join(text.split())


@given(_TEXTS, st.integers(1, 40), st.integers(0, 20))
def test_chunks_of_characters_hold_all_and_no_more_than_they_may(
    text: str, at_most: int, overlap: int
) -> None:
    overlap = min(overlap, at_most // 2)
    found = _chunks(text, at_most, overlap, "characters")
    if len(text) <= at_most:
        assert found == [text]
        return
    assert all(0 < len(one) <= at_most for one in found)
    if overlap:
        at = 0
        for one in found:
            at = text.index(one, at)
    else:
        assert "".join("".join(found).split()) == "".join(text.split())


def _run(rows: list[dict[str, Any]], **given: Any) -> tuple[list[Any], list[Any]]:
    kinds = {"text": pa.large_string(), "target": pa.string(), "id": pa.string()}
    batch = pa.RecordBatch.from_arrays(
        [pa.array([row.get(name) for row in rows], kind) for name, kind in kinds.items()],
        names=list(kinds),
    )
    kept, born = part(batch, Settings.model_validate(given))
    return kept.to_pylist(), born.to_pylist()


def test_short_ones_stay_and_one_with_a_target_is_set_aside() -> None:
    texts = ["a b", "a b c d", None, "a b c d", ""]
    rows = [{"id": sample_id(str(n)), "text": text} for n, text in enumerate(texts)]
    rows[3]["target"] = "x y z"
    kept, born = _run(rows, at_most=2)
    assert [(one["part.row"], one["part.name"], one["text"]) for one in born] == [
        (1, "chunk-1", "a b"), (1, "chunk-2", "c d"),
    ]  # fmt: skip
    assert [row.get("error") for row in kept] == [None, None, None, kept[3]["error"], None]
    assert "has a `target` that cannot be cut with it" in kept[3]["error"]


def test_ten_times_the_text_takes_ten_times_as_long() -> None:
    sentence = "Some words here, and more. "
    assert len(_chunks(sentence * 20_000, 100, 20)) > 20_000 / 30
    assert_linear(lambda count: partial(_chunks, sentence * count, 100, 20), 500, 8000)
