"""Repeated lines, paragraphs and n-grams against the plain twin."""

from __future__ import annotations

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from tilth.kernels.plain import plain_count_repetitions
from tilth.kernels.repetition import REPETITIONS, count_repetitions
from tilth.kernels.words import split_words, text_buffers

# Words that follow each other with nothing between them, and with something.
TIGHT = st.lists(st.sampled_from(["日", "a", "b", ",", "!", " "]), max_size=60).map("".join)
ANY = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
REPEATING = st.lists(
    st.sampled_from(["a", "bb", "ccc", "é", ".", "\n", "\n\n", "  \n \n", "日", "a b a b a b"]),
    max_size=60,
).map(" ".join)


def count(texts: list[str]) -> list[dict[str, int]]:
    data, offsets = text_buffers(pa.array(texts, pa.large_string()))
    counts = count_repetitions(data, offsets, split_words(data, offsets))
    return [{name: int(counts[name][i]) for name in REPETITIONS} for i in range(len(texts))]


@given(st.lists(ANY | REPEATING | TIGHT, max_size=5))
@settings(max_examples=300, deadline=None)
def test_kernel_equals_plain_twin(texts: list[str]) -> None:
    assert count(texts) == [plain_count_repetitions(text) for text in texts]


def test_known_document() -> None:
    paragraph = "one two three four five six\nseven eight"
    (counts,) = count([f"{paragraph}\n\n{paragraph}\n\nnine"])
    assert counts["paragraphs"] == 3
    assert counts["duplicate_paragraphs"] == 1
    assert counts["duplicate_lines"] == 2
    assert counts["duplicate_line_chars"] == 27 + 11
    assert counts["top_2_gram_chars"] == 2 * len("one two")
    assert counts["duplicate_5_gram_chars"] == len("onetwothreefourfive")
    assert counts["duplicate_9_gram_chars"] == 0


def test_a_repeated_document_in_another_one_is_no_repetition() -> None:
    first, second = count(["a b c d e f", "a b c d e f"])
    assert first == second
    assert second["duplicate_lines"] == 0


def test_blanks_within_an_n_gram_count_and_their_absence_does_not() -> None:
    """The characters of the most common pair, with the blanks that stand in it."""
    tight, loose = count(["a,a,a,", "a , a , a ,"])
    assert tight["top_2_gram_chars"] == 3 * len("a,")
    assert loose["top_2_gram_chars"] == 3 * len("a ,")


def test_there_is_room_for_all_lines_of_a_long_document() -> None:
    text = "\n".join(f"line {number}" for number in range(5000))
    (counts,) = count([f"{text}\n{text}"])
    assert counts["duplicate_lines"] == 5000
