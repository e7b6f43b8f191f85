"""Copies are found under any dress; shared phrases are not copies."""

from __future__ import annotations

import time

import numpy as np
import pytest

from tilth.value.leakage import row_leaks, text_leaks

WORDS = [f"word{i}" for i in range(400)]
TEST = " ".join(WORDS[:60])


@pytest.mark.parametrize(
    "copy",
    [
        TEST,
        "  " + TEST.upper().replace(" ", ",\n\t") + ".",
        "An introduction. " + TEST + " And what follows, at some length.",
        " ".join(WORDS[:45]) + " and then something else altogether",
    ],
)
def test_copies_are_found(copy: str) -> None:
    leaks = text_leaks([("t", TEST), ("u", "other words")], [("a", "clean text"), ("b", copy)])
    assert [(leak.train_id, leak.test_id) for leak in leaks] == [("b", "t")]
    assert leaks[0].share > 0.5


@pytest.mark.parametrize(
    "other",
    ["", "...", " ".join(WORDS[60:300]), " ".join(WORDS[:30]) + " end", " ".join(WORDS[5:12])],
)
def test_others_are_not(other: str) -> None:
    assert text_leaks([("t", TEST), ("e", "")], [("b", other)]) == []


def test_shared_phrases_do_not_add_up() -> None:
    """Two documents hold a third of the test document each: neither is a copy."""
    training = [("a", " ".join(WORDS[:25])), ("b", " ".join(WORDS[25:50]))]
    assert text_leaks([("t", TEST)], training) == []


def test_short_documents_are_compared_whole() -> None:
    leaks = text_leaks([("t", "Yes, of course!")], [("a", "yes of course"), ("b", "of course")])
    assert [leak.train_id for leak in leaks] == ["a"]


def test_equal_rows() -> None:
    rows = np.arange(24, dtype=np.uint8).reshape(6, 2, 2)
    ids = np.arange(6, dtype=np.uint64)
    leaks = row_leaks(rows[:2], ids[:2], rows[1:], ids[1:])
    assert [(leak.train_id[-1], leak.test_id[-1]) for leak in leaks] == [("1", "1")]


def test_many_marks_on_one_letter_take_no_time() -> None:
    start = time.process_time()
    assert text_leaks([("t", TEST)], [("b", "e" + "\u0316\u0301" * 50_000)]) == []
    assert time.process_time() - start < 2
