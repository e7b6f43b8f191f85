"""N-grams against their plain twin, and what two texts are said to share."""

from __future__ import annotations

from itertools import pairwise

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tilth.kernels.folding import fold
from tilth.kernels.ngrams import (
    character_ngrams,
    plain_character_ngrams,
    plain_word_ngrams,
    word_ngrams,
)
from tilth.kernels.words import plain_words

TEXTS = st.lists(
    st.none() | st.text("abZ9_ .,\n\té日ßǅＡﬁİ—\u0301", max_size=60) | st.text(max_size=40),
    max_size=6,
)


def ngrams(texts: list[str | None], width: int = 2) -> list[list[int]]:
    offsets, hashes = word_ngrams(pa.array(texts, pa.string()), width)
    return [hashes[start:stop].tolist() for start, stop in pairwise(offsets)]


@given(TEXTS, st.integers(1, 14))
@settings(max_examples=200, deadline=None)
def test_they_equal_their_plain_twin(texts: list[str | None], width: int) -> None:
    assert ngrams(texts, width) == [plain_word_ngrams(text or "", width) for text in texts]


def characters(texts: list[str | None], width: int = 2) -> list[list[int]]:
    offsets, hashes = character_ngrams(pa.array(texts, pa.string()), width)
    return [hashes[start:stop].tolist() for start, stop in pairwise(offsets)]


@given(TEXTS, st.integers(1, 14))
@settings(max_examples=200, deadline=None)
def test_those_of_characters_equal_their_plain_twin(texts: list[str | None], width: int) -> None:
    assert characters(texts, width) == [plain_character_ngrams(text or "", width) for text in texts]


def test_characters_have_their_marks_and_no_blanks() -> None:
    # Each syllable of Hindi is a letter with a vowel as a mark, or alone.
    assert [len(found) for found in characters(["कि की हि", "की", "", "a-b c"])] == [2, 1, 0, 2]
    assert characters(["One, two"]) == characters(["ＯＮＥ tWo!"]) == characters(["o n e two"])
    assert characters(["कि की"]) != characters(["की कि"])


def words_of(text: str) -> list[str]:
    return [word for word in plain_words(fold(text)) if word[0].isalnum() or word[0] == "_"]


@given(
    st.lists(
        st.lists(st.sampled_from(["a", "A", "Ä", "ä", "ß", "ss", "b"]), max_size=8), max_size=6
    )
)
@settings(max_examples=200, deadline=None)
def test_equal_hashes_are_equal_runs_of_words(lists: list[list[str]]) -> None:
    texts = [", ".join(words) for words in lists]
    found = ngrams(list(texts), 3)
    runs = []
    for words in map(words_of, texts):
        starts = range(max(1, len(words) - 2)) if words else ()
        runs.append([tuple(words[i : i + 3]) for i in starts])
    by_run: dict[tuple[str, ...], int] = {}
    for hashes, grams in zip(found, runs, strict=True):
        assert len(hashes) == len(grams)
        by_run |= dict(zip(grams, hashes, strict=True))
    assert found == [[by_run[gram] for gram in grams] for grams in runs]
    assert len(set(by_run.values())) == len(by_run)


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("Straße zum Ölberg", "STRASSE ZUM ÖLBERG"),
        ("ΟΔΥΣΣΕΥΣ ΚΑΙ", "οδυσσευς και"),
        ("ﬁle Ａ", "file a"),
        ("caf\u00e9 noir", "cafe\u0301 noir"),
        ("one, two - three!", "one two three"),
    ],
)
def test_what_is_written_in_another_way_is_shared(text: str, other: str) -> None:
    assert ngrams([text]) == ngrams([other])
    assert characters([text]) == characters([other])


def test_words_with_marks_are_whole() -> None:
    """Two words are one pair, of however many syllables they are written."""
    assert len(ngrams(["हिन्दी में"])[0]) == 1


def test_columns_of_other_types() -> None:
    expected = ngrams(["a b", None])
    for column in (
        pa.chunked_array([["a b"], pa.array([None], pa.string())]),
        pa.array(["x", "a b", None]).slice(1),
    ):
        offsets, hashes = word_ngrams(column, 2)
        assert [hashes[a:b].tolist() for a, b in pairwise(offsets)] == expected
    assert word_ngrams(pa.nulls(2), 2)[0].tolist() == [0, 0, 0]
    assert word_ngrams(pa.array([], pa.string()), 2)[0].tolist() == [0]
