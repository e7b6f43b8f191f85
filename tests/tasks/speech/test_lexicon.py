"""The likeliest words, against every path there is."""

from __future__ import annotations

from itertools import groupby, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tilth.tasks.speech.lexicon import WordLexicon

SPACE = 3


def plain_best(
    logs: np.ndarray, words: list[tuple[int, ...]], space: int | None
) -> tuple[list[int], float]:
    """Look at all paths: drop repeats, then blanks, and see whether words are left."""
    best: tuple[list[int], float] = ([], -np.inf)
    for path in product(range(logs.shape[1]), repeat=len(logs)):
        symbols = [symbol for symbol, _ in groupby(path) if symbol]
        parts: list[list[int]] = [[]]
        for symbol in symbols:
            if symbol == space:
                parts.append([])
            else:
                parts[-1].append(symbol)
        if not all(tuple(part) in words for part in parts):
            continue
        score = float(sum(log[symbol] for log, symbol in zip(logs, path, strict=True)))
        if score > best[1]:
            best = ([words.index(tuple(part)) for part in parts], score)
    return best


@settings(max_examples=60, deadline=None)
@given(
    words=st.lists(
        st.lists(st.sampled_from([1, 2]), min_size=1, max_size=3).map(tuple),
        min_size=1,
        max_size=4,
        unique=True,
    ),
    steps=st.integers(0, 6),
    seed=st.integers(0, 1 << 30),
    space=st.sampled_from([SPACE, None]),
)
def test_as_by_looking_at_all_paths(
    words: list[tuple[int, ...]], steps: int, seed: int, space: int | None
) -> None:
    logits = np.random.default_rng(seed).normal(size=(steps, 4)) * 2
    logs = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    lexicon = WordLexicon([np.array(word) for word in words], space)
    found, score = lexicon.best(logs)
    expected, expected_score = plain_best(logs, words, space)
    assert score == pytest.approx(expected_score)
    assert found == expected


def test_a_misspelt_word_is_the_nearest_known_one() -> None:
    # n, and a blank where "no" has its o: "no no", not "n n".
    path = [1, 0, SPACE, SPACE, 1, 0, 0]
    logs = np.full((7, 4), np.log(0.01))
    logs[np.arange(7), path] = np.log(0.97)
    found, _ = WordLexicon([np.array([1, 2]), np.array([2, 1, 2])], SPACE).best(logs)
    assert found == [0, 0]
