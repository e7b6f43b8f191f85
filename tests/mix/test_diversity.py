"""Diversity: cases whose answer is known."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tilth.mix import diversity

WORDS = [f"word{number}" for number in range(3000)]


def text(seed: int, num_words: int = 100) -> str:
    return " ".join(random.Random(seed).choices(WORDS, k=num_words))


@given(st.integers(1, 20), st.floats(0.1, 9))
def test_equal_groups_count_as_many_as_they_are(num: int, size: float) -> None:
    found = diversity.effective_numbers([size] * num + [0.0])
    assert found == pytest.approx({"groups": num, "entropy": num, "simpson": num})


def test_unequal_groups_count_for_less() -> None:
    found = diversity.effective_numbers([90, 5, 5])
    assert found["entropy"] == pytest.approx(0.9**-0.9 * 0.05**-0.1)
    assert found["simpson"] == pytest.approx(1 / (0.81 + 0.0025 * 2))
    assert diversity.effective_numbers([])["groups"] == 0


def test_words_by_hand() -> None:
    found = diversity.word_figures(["A b a b", "a b"], 100)
    assert found == pytest.approx(
        {
            "words": 6,
            "distinct_words": 2,
            "type_token_ratio": 1 / 3,
            "entropy_bits": 1.0,
            "distinct_1": 2 / 6,
            "distinct_2": 2 / 4,
            "distinct_3": 2 / 2,
        }
    )
    assert diversity.word_figures(["one two three four"], 3)["words"] == 3
    assert diversity.word_figures(["", "..."], 3)["words"] == 0


def test_vendi_counts_texts_that_differ() -> None:
    assert diversity.vendi_score(["same words here"] * 7) == pytest.approx(1, abs=0.001)
    apart = [f"{'abcdefgh'[i]}x {'abcdefgh'[i]}y" for i in range(8)]
    assert diversity.vendi_score(apart) == pytest.approx(8, abs=0.5)
    assert diversity.vendi_score([*apart, *apart]) == pytest.approx(
        diversity.vendi_score(apart) or 0, abs=0.001
    )
    assert diversity.vendi_score(["", "!"]) is None


def test_vendi_of_more_texts_than_dimensions() -> None:
    texts = [text(seed, 5) for seed in range(40)]
    assert diversity.vendi_score(texts * 15) == pytest.approx(
        diversity.vendi_score(texts) or 0, abs=0.01
    )


def test_near_duplicates_are_counted() -> None:
    texts = [text(seed) for seed in range(30)]
    assert diversity.near_duplicate_share(texts, 0.8) == 0
    near = texts[0].rsplit(" ", 2)[0]
    assert diversity.near_duplicate_share([*texts, near], 0.8) == pytest.approx(2 / 31)
    assert diversity.near_duplicate_share([*texts, *texts], 0.8) == 1
    assert diversity.near_duplicate_share(["", "one"], 0.8) is None
    long = [text(1, 6000), text(1, 6000) + " more", text(2, 6000)]
    assert diversity.near_duplicate_share(long, 0.8) == pytest.approx(2 / 3)


@given(st.lists(st.text("0123456789abcdef", min_size=2, max_size=2), unique=True))
def test_the_sample_is_that_of_the_smallest_ids(names: list[str]) -> None:
    sample = diversity.Sample(5, 2)
    for name in names:
        wanted = sample.wants(name)
        sample.add(name, name + "cut")
        assert (name in sample.texts()) == wanted
    assert sample.texts() == sorted(names)[:5]


def test_shares() -> None:
    assert diversity.shares_of({"a": 1.0, "b": 3.0}) == {"b": 0.75, "a": 0.25}
    assert diversity.shares_of({"a": 0.0}) == {"a": 0.0}
