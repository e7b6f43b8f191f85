"""The plain twins are what the kernels are compared with: here they are compared with plain sight.

A twin that is wrong in the way in which its kernel is wrong is seen by nothing else.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tilth.kernels import plain

TEXTS = st.text('aB7 .,\n\t-é日。!)"”\u200b', max_size=50)


@pytest.mark.parametrize(
    ("text", "stripped"),
    [
        ("", ""),
        (" \t\n\u200b\u00a0", ""),
        ("a", "a"),
        ("\u200b a b \u00a0\n", "a b"),
        ("\x00a\u00ad", "a"),
    ],
)
def test_strip(text: str, stripped: str) -> None:
    assert plain.strip(text) == stripped


@given(TEXTS)
def test_what_is_stripped_stands_in_the_text_between_what_nobody_sees(text: str) -> None:
    stripped = plain.strip(text)
    assert stripped in text
    assert not any(map(plain.is_space, stripped[:1] + stripped[-1:]))
    start = text.index(stripped)
    assert all(map(plain.is_space, text[:start] + text[start + len(stripped) :]))


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("no mark", 0),
        ("One. Two! Three?", 3),
        ("Version 1.2 is out.", 1),
        ("Wait...", 1),
        ("He said “so.” Then left.", 2),
        ("(So it is.) Yes.", 2),
        ("好。不好。", 2),  # nothing stands between
        ("a.b", 0),
        ("a.\u200bb", 1),
    ],
)
def test_sentences(text: str, count: int) -> None:
    assert plain.plain_sentences(text) == count


def test_counts_of_a_text_that_has_something_of_everything() -> None:
    text = "The Cat ate 12 #tags…\n- javascript, of {lorem ipsum}...\n\n  “Yes.”  \n" + "x" * 31
    counts = plain.plain_count_text(text)
    assert counts == {
        "chars": len(text),
        "alphas": 6 + 3 + 4 + 10 + 2 + 10 + 3 + 31,
        "digits": 2,
        "uppers": 3,
        "spaces": 4 + 4 + 4 + 4,
        "newlines": 4,
        "hashes": 1,
        "ellipses": 2,
        "curly_brackets": 2,
        "sentences": 3,
        "lorem_ipsums": 1,
        "lines": 4,
        "bullet_lines": 1,
        "ellipsis_lines": 2,
        "terminal_lines": 3,
        "short_lines": 2,
        "javascript_lines": 1,
        "tokens": 21,
        "words": 11,
        "word_chars": 6 + 3 + 2 + 4 + 10 + 2 + 10 + 3 + 31,
        "alpha_tokens": 10,
        "stop_words": 2,
        "unspaced": 0,
    }


@pytest.mark.parametrize(
    ("text", "n", "chars"),
    [
        ("a b a b", 2, 6),  # with the blanks between the words
        ("a-b a-b", 2, 4),  # without where there is none
        ("a b c", 2, 0),
        ("a a a", 2, 3),  # the second overlaps the first, and is not counted
        ("a b x a b y c d c d", 2, 6),  # the first of equals
        ("aa b c aa b c", 3, 12),
        ("", 2, 0),
    ],
)
def test_the_most_common_n_gram(text: str, n: int, chars: int) -> None:
    assert plain.plain_top_ngram_chars(text, n) == chars


@pytest.mark.parametrize(
    ("words", "n", "chars"),
    [
        (["ab", "c", "ab", "c"], 2, 3),
        (["ab", "c", "d"], 2, 0),
        (["a"] * 6, 2, 4),  # jumps over what it found
        (["a", "b", "c", "a", "b", "c", "a", "b", "c"], 3, 6),
        ([], 2, 0),
    ],
)
def test_n_grams_that_stood_before(words: list[str], n: int, chars: int) -> None:
    assert plain.plain_duplicate_ngram_chars(words, n) == chars


def test_repetitions_of_lines_and_paragraphs() -> None:
    counts = plain.plain_count_repetitions("ab\n c \n\nab\nc\n \n\nab\nd\n\nd")
    assert counts["duplicate_lines"] == 4
    assert counts["duplicate_line_chars"] == 2 + 1 + 2 + 1
    assert counts["paragraphs"] == 4
    assert counts["duplicate_paragraphs"] == 1
    assert counts["duplicate_paragraph_chars"] == 3
    assert set(plain.plain_count_repetitions("").values()) == {0}


@given(st.lists(st.sampled_from(["a", "bb", "c"]), max_size=14), st.integers(2, 4))
def test_no_n_gram_counts_more_than_there_is(words: list[str], n: int) -> None:
    most = len("".join(words))
    assert plain.plain_duplicate_ngram_chars(words, n) <= max(most - len("".join(words[:1])), 0)
    assert plain.plain_top_ngram_chars("\n".join(words), n) <= max(most + len(words) - 1, 0)
